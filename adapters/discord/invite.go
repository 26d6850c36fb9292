package discord

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
)

// Permissions of a role, as bits
// (https://discord.com/developers/docs/topics/permissions).
const (
	permAdministrator  = 1 << 3
	permViewChannel    = 1 << 10
	permSendMessages   = 1 << 11
	permEmbedLinks     = 1 << 14
	permReadHistory    = 1 << 16
	permOpenThreads    = 1 << 35
	permSendInThreads  = 1 << 38
	invitedPermissions = permViewChannel | permSendMessages | permEmbedLinks | permReadHistory | permOpenThreads | permSendInThreads
)

// InviteURL returns the address at which the owner of a server lets the bot
// in, with the least permissions: View Channel, Send Messages, Embed Links,
// Read Message History (to find a message again after a crash and to reply),
// Create Public Threads and Send Messages in Threads, and the scope for slash
// commands. To publish its own announcements the bot needs no more; to mention
// a role that nobody may mention it needs Mention All Roles, which is left to
// the owner. See [AppID] for the id.
func InviteURL(appID string) string {
	q := url.Values{
		"client_id":   {appID},
		"permissions": {strconv.Itoa(invitedPermissions)},
		"scope":       {"bot applications.commands"},
	}
	return "https://discord.com/oauth2/authorize?" + q.Encode()
}

// AppID returns the id that a bot token carries in its first part, "" if the
// token is none. It is the bot user's id, which is the application's too
// unless the application is from before 2017; [Adapter.AppID] asks Discord.
func AppID(token string) string {
	first, _, ok := strings.Cut(bare(token), ".")
	if !ok {
		return ""
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(first, "="))
	if err != nil || !isSnowflake(string(b)) {
		return ""
	}
	return string(b)
}

// AppID asks Discord for the id of the bot's application. Errors are
// *chat.SendError.
func (a *Adapter) AppID(ctx context.Context) (string, error) {
	var app struct {
		ID string `json:"id"`
	}
	err := a.call(ctx, request{
		what: "ask for the application", method: "GET", path: "/applications/@me",
		route: route{name: "GET /applications/@me"}, out: &app,
	})
	if err != nil {
		return "", err
	}
	if !isSnowflake(app.ID) {
		return "", errNoID("ask for the application")
	}
	return app.ID, nil
}

// Check reports whether Discord accepts the token and, for a channel with an
// id, whether the bot may post cards there. It posts nothing; a bot that may
// not read the history is let pass with a warning in the log, because only
// the search after a crash needs it.
func (a *Adapter) Check(ctx context.Context, ch chat.Channel) error {
	var me struct {
		ID string `json:"id"`
	}
	err := a.call(ctx, request{
		what: "check the token", method: "GET", path: "/users/@me",
		route: route{name: "GET /users/@me"}, out: &me,
	})
	if err != nil || ch.ID == "" {
		return err
	}
	what := "check " + ch.ID
	id, err := a.target(ctx, what, ch)
	if err != nil {
		return err
	}
	place, err := a.channel(ctx, what, id)
	if err != nil {
		return err
	}
	if place.ID == id {
		a.places.put(id, place)
	}
	if place.kind() == otherChannel {
		e := fail(chat.Gone, what, fmt.Errorf("channel type %d takes no messages", place.Type))
		e.Remedy = remedyKind
		return e
	}
	if place.Guild == "" { // a direct message has no permissions
		return nil
	}
	may, err := a.permissions(ctx, what, me.ID, place)
	if err != nil {
		return err
	}
	return a.judge(what, may, place)
}

// judge says which permission is missing.
func (a *Adapter) judge(what string, may int64, place place) error {
	need := []struct {
		bit  int64
		name string
	}{{permViewChannel, "View Channel"}, {permSendMessages, "Send Messages"}, {permEmbedLinks, "Embed Links"}}
	switch place.kind() {
	case threadChannel:
		need[1].bit, need[1].name = permSendInThreads, "Send Messages in Threads"
	case forumChannel: // whoever may send may open a post
		need = append(need, need[1])
		need[3].bit, need[3].name = permSendInThreads, "Send Messages in Threads"
	}
	var missing []string
	for _, n := range need {
		if may&n.bit == 0 {
			missing = append(missing, n.name)
		}
	}
	if len(missing) > 0 {
		list := strings.Join(missing, ", ")
		e := fail(chat.Gone, what, errors.New("missing permission: "+list))
		e.Remedy = "In the channel's settings, Permissions, give the bot's role: " + list + "."
		return e
	}
	if may&permOpenThreads == 0 && (place.Type == 0 || place.Type == announcements) {
		a.log.Info("the bot may not open threads in the channel; only the style thread needs that", "channel", place.ID)
	}
	if may&permReadHistory == 0 {
		a.log.Warn("the bot may not read the channel's history: after a crash a card may appear twice", "channel", place.ID)
	}
	return nil
}

// permissions computes what the bot may do in a channel of a server
// (https://discord.com/developers/docs/topics/permissions#permission-overwrites).
// A thread has its parent's.
func (a *Adapter) permissions(ctx context.Context, what, self string, p place) (int64, error) {
	if p.kind() == threadChannel && isSnowflake(p.Parent) {
		parent, err := a.channel(ctx, what, p.Parent)
		if err != nil {
			return 0, err
		}
		p.Rules = parent.Rules
	}
	if !isSnowflake(p.Guild) || !isSnowflake(self) {
		return 0, errNoID(what)
	}
	var guild struct {
		Owner string `json:"owner_id"`
		Roles []struct {
			ID  string `json:"id"`
			May int64  `json:"permissions,string"`
		} `json:"roles"`
	}
	var member struct {
		Roles []string `json:"roles"`
	}
	err := a.call(ctx, request{what: what, method: "GET", path: "/guilds/" + p.Guild, route: route{"GET /guilds", p.Guild}, out: &guild})
	if err != nil {
		return 0, err
	}
	err = a.call(ctx, request{what: what, method: "GET", path: "/guilds/" + p.Guild + "/members/" + self,
		route: route{"GET /guilds/members", p.Guild}, out: &member})
	if err != nil {
		return 0, err
	}
	var may int64
	for _, r := range guild.Roles {
		if r.ID == p.Guild || slices.Contains(member.Roles, r.ID) { // @everyone has the server's id
			may |= r.May
		}
	}
	if may&permAdministrator != 0 || guild.Owner == self {
		return -1, nil
	}
	return p.overwrite(may, self, member.Roles), nil
}

// overwrite applies a channel's exceptions: for everybody, then for the roles
// together, then for the member.
func (p place) overwrite(may int64, self string, roles []string) int64 {
	var allow, deny int64
	for _, r := range p.Rules {
		if r.ID == p.Guild {
			may = may&^r.Deny | r.Allow
		}
		if r.Type == 0 && r.ID != p.Guild && slices.Contains(roles, r.ID) {
			allow, deny = allow|r.Allow, deny|r.Deny
		}
	}
	may = may&^deny | allow
	for _, r := range p.Rules {
		if r.Type == 1 && r.ID == self {
			may = may&^r.Deny | r.Allow
		}
	}
	return may
}
