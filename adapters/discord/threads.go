package discord

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

const (
	maxThreadName = 100 // Discord's limit
	maxTags       = 5   // Discord's limit, of a forum post
	// archiveAfter is how many minutes without a message hide a thread; the next
	// message shows it again. Three days: longer than a live page rests, shorter
	// than people want it in their list.
	archiveAfter = 4320
)

// A newThread is the body of a request that opens a thread or forum post.
type newThread struct {
	Name    string   `json:"name"`
	Archive int      `json:"auto_archive_duration"`
	Tags    []string `json:"applied_tags,omitempty"`
	Message *message `json:"message,omitempty"` // of a forum post
}

// threadName returns what a thread under a card is called.
func threadName(c chat.Card) string {
	for _, s := range []string{c.Headline, c.Source, c.Text} {
		if name := clip(inline(s), maxThreadName); name != "" {
			return name
		}
	}
	return "Updates"
}

// open starts the thread of a head. It may be there already: then an earlier
// attempt got as far. flat reports that the channel can have no threads.
func (d *dispatch) open(ctx context.Context, id string) (flat bool, err error) {
	err = d.a.call(ctx, request{
		what: "open a thread in " + d.channel, method: "POST", path: "/channels/" + d.channel + "/messages/" + id + "/threads",
		route: route{"POST /channels/messages/threads", d.channel}, edit: true,
		in: newThread{Name: threadName(d.p.Card), Archive: archiveAfter},
	})
	switch codeOf(err) {
	case 160004: // a thread has already been created for this message
		return false, nil
	case 50024, 50068: // not in this type of channel; invalid message type
		return true, nil
	case 50013, 50001:
		se := sendError(err)
		se.Remedy = remedyThreads
		return false, &se
	}
	return false, err
}

// forum opens a forum post. Discord takes no nonce there: an attempt whose
// outcome is not known is always looked for.
func (d *dispatch) forum(ctx context.Context) (ref, error) {
	what := "post in forum " + d.channel
	place, err := d.a.place(ctx, what, d.channel)
	if err != nil {
		return ref{}, d.before(err)
	}
	if place.kind() != forumChannel {
		return d.plain(ctx)
	}
	m := compose(d.p, sign{key: d.p.Key, home: d.channel})
	m.Nonce, m.EnforceNonce = "", false
	if !d.p.Tried.IsZero() {
		got, err := d.a.findPost(ctx, place, d.p.Key, d.p.Tried)
		if err != nil {
			return ref{}, unsettled(err)
		}
		if got.ID != "" {
			return ref{thread: got.ID, id: got.ID}, d.freshen(ctx, got.ID, got, m.Embeds[0])
		}
	}
	var made posted
	err = d.a.call(ctx, request{
		what: what, method: "POST", path: "/channels/" + d.channel + "/threads", lane: d.channel,
		route: route{"POST /channels/threads", d.channel}, out: &made,
		in: newThread{Name: threadName(d.p.Card), Archive: archiveAfter, Tags: place.tags(d.p.Tags), Message: &m},
	})
	switch {
	case codeOf(err) == 10087 || codeOf(err) == 40067:
		d.a.places.drop(d.channel) // its tags have changed
	case err == nil && !isSnowflake(made.ID):
		err = errNoID(what)
	}
	if err != nil {
		return ref{}, d.before(err)
	}
	return ref{thread: made.ID, id: made.ID}, nil
}

// before classes an error of an attempt that made nothing.
func (d *dispatch) before(err error) error {
	if d.p.Tried.IsZero() {
		return err
	}
	return unsettled(err)
}

// tags returns the ids of the tags that a forum has by these names or ids.
// Those that only moderators may set are left out, as are unknown ones.
func (p place) tags(want []string) []string {
	var ids []string
	for _, w := range want {
		for _, t := range p.Tags {
			named := w == t.ID || strings.EqualFold(strings.TrimSpace(w), strings.TrimSpace(t.Name))
			if named && !t.Moderated && isSnowflake(t.ID) && !slices.Contains(ids, t.ID) && len(ids) < maxTags {
				ids = append(ids, t.ID)
			}
		}
	}
	return ids
}

// A threadList is a page of threads.
type threadList struct {
	Threads []struct {
		ID     string `json:"id"`
		Parent string `json:"parent_id"`
		Owner  string `json:"owner_id"`
	} `json:"threads"`
}

// maxLooks is how many forum posts are looked into for an earlier attempt's.
const maxLooks = 50

// findPost looks for the forum post of an earlier attempt: among the open ones
// of the server, then among those that have been archived since. The first
// message of a post has the post's id.
func (a *Adapter) findPost(ctx context.Context, forum place, key string, tried time.Time) (posted, error) {
	self, err := a.whoami(ctx)
	if err != nil {
		return posted{}, err
	}
	looks := maxLooks
	for _, list := range []request{
		{path: "/guilds/" + forum.Guild + "/threads/active", route: route{"GET /guilds/threads/active", forum.Guild}},
		{path: "/channels/" + forum.ID + "/threads/archived/public?limit=100", route: route{"GET /channels/threads/archived", forum.ID}},
	} {
		var page threadList
		list.what, list.method, list.out = "look for an earlier post in forum "+forum.ID, "GET", &page
		err := a.call(ctx, list)
		if chat.ReasonOf(err) == chat.Gone {
			a.log.Warn("forum unreadable, an earlier post may be repeated", "channel", forum.ID, "error", err)
			continue
		}
		if err != nil {
			return posted{}, err
		}
		m, err := a.among(ctx, page, forum.ID, self, key, since(tried), &looks)
		if err != nil || m.ID != "" {
			return m, err
		}
	}
	return posted{}, nil
}

// among looks into the bot's own posts in a list, the oldest first.
func (a *Adapter) among(ctx context.Context, list threadList, forum, self, key, after string, looks *int) (posted, error) {
	var ids []string
	for _, t := range list.Threads {
		if t.Parent == forum && t.Owner == self && isSnowflake(t.ID) && compareIDs(t.ID, after) > 0 {
			ids = append(ids, t.ID)
		}
	}
	slices.SortFunc(ids, compareIDs)
	for _, id := range ids {
		if *looks--; *looks < 0 {
			a.log.Warn("earlier post not found among so many, it may be repeated", "channel", forum)
			return posted{}, nil
		}
		var m posted
		err := a.call(ctx, request{
			what: "look into post " + id, method: "GET", path: "/channels/" + id + "/messages/" + id,
			route: route{"GET /channels/messages/message", id}, out: &m,
		})
		if chat.ReasonOf(err) == chat.Gone || codeOf(err) == 10008 {
			continue // its first message was deleted
		}
		if err != nil {
			return posted{}, err
		}
		if ours(m, self, key) {
			return m, nil
		}
	}
	return posted{}, nil
}

// reopening does something in a thread, once more if it was archived: then it
// opens the thread first. A thread that was locked too stays closed.
func (a *Adapter) reopening(ctx context.Context, lane, thread string, do func() error) error {
	err := do()
	if codeOf(err) != 50083 {
		return err
	}
	e := a.call(ctx, request{
		what: "open thread " + thread + " again", method: "PATCH", path: "/channels/" + thread, lane: lane,
		route: route{"PATCH /channels", thread}, in: struct {
			Archived bool `json:"archived"`
		}{false},
	})
	switch chat.ReasonOf(e) {
	case 0:
		return do()
	case chat.Gone, chat.Rejected:
		return err
	}
	return e
}

// inThread marks an error that says that a thread is no more, or closed for
// good, which is not the channel's fault.
func inThread(err error) error {
	switch codeOf(err) {
	case 10003, 50083, 160005:
		se := sendError(err)
		se.Reason, se.Thread, se.Channel = chat.Gone, true, false
		return &se
	case 50013:
		se := sendError(err)
		se.Remedy = remedyThreads
		return &se
	}
	return err
}
