package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Discord's channel types that matter
// (https://discord.com/developers/docs/resources/channel#channel-object-channel-types).
const announcements = 5

// A place is a channel as Discord describes it.
type place struct {
	ID     string `json:"id"`
	Type   int    `json:"type"`
	Guild  string `json:"guild_id"`
	Parent string `json:"parent_id"`
	Rules  []struct {
		ID    string `json:"id"`
		Type  int    `json:"type"` // 0 role, 1 member
		Allow int64  `json:"allow,string"`
		Deny  int64  `json:"deny,string"`
	} `json:"permission_overwrites"`
	Tags []struct { // of a forum
		ID        string `json:"id"`
		Name      string `json:"name"`
		Moderated bool   `json:"moderated"` // only moderators may set it
	} `json:"available_tags"`
}

type placeKind int

const (
	otherChannel placeKind = iota
	messageChannel
	threadChannel
	forumChannel
)

// TenantOf returns the server of a channel, "" of direct messages. It asks
// Discord if that is not known of late.
func (a *Adapter) TenantOf(ctx context.Context, ch chat.Channel) (string, error) {
	if !isSnowflake(ch.ID) {
		return "", fmt.Errorf("channel %.30q is no channel of a server", ch.ID)
	}
	p, err := a.place(ctx, "learn whose channel it is", ch.ID)
	return p.Guild, err
}

// kind sorts the channel types.
func (p place) kind() placeKind {
	switch p.Type {
	case 0, 1, 2, 3, announcements, 13: // text, direct, voice, group, stage
		return messageChannel
	case 10, 11, 12:
		return threadChannel
	case 15, 16: // forum, media
		return forumChannel
	}
	return otherChannel
}

// channel asks Discord about a channel.
func (a *Adapter) channel(ctx context.Context, what, id string) (place, error) {
	var p place
	err := a.call(ctx, request{
		what: what, method: "GET", path: "/channels/" + id, route: route{"GET /channels", id}, out: &p,
	})
	return p, err
}

// placeTime is how long what a channel is, and its tags, is believed.
const placeTime = 10 * time.Minute

// place returns what is known of a channel, and asks if that is old.
func (a *Adapter) place(ctx context.Context, what, id string) (place, error) {
	if p, ok := a.places.get(id); ok {
		return p, nil
	}
	p, err := a.channel(ctx, what, id)
	if err == nil && p.ID != id {
		err = errNoID(what)
	}
	if err == nil {
		a.places.put(id, p)
	}
	return p, err
}

// target returns the id of the channel that ch means. "@" and a user's id is
// the channel of direct messages with that person, which Discord names.
func (a *Adapter) target(ctx context.Context, what string, ch chat.Channel) (string, error) {
	user, direct := strings.CutPrefix(ch.ID, "@")
	if !isSnowflake(user) {
		e := fail(chat.Gone, what, errors.New("the channel's id is not a number"))
		e.Remedy = "Write the channel's id: switch on Developer Mode in Discord, then right-click the channel, Copy Channel ID."
		return "", e
	}
	if !direct {
		return ch.ID, nil
	}
	if id, ok := a.directs.get(user); ok {
		return id, nil
	}
	var made place
	err := a.call(ctx, request{
		what: "open direct messages", method: "POST", path: "/users/@me/channels", route: route{name: "POST /users/@me/channels"},
		in: struct {
			Recipient string `json:"recipient_id"`
		}{user}, out: &made,
	})
	if err == nil && !isSnowflake(made.ID) {
		err = errNoID("open direct messages")
	}
	if err != nil {
		se := sendError(err)
		if se.Reason == chat.Unknown || se.Reason == chat.Rejected {
			// Nothing was sent yet, and asking again is harmless. Discord refuses a
			// person that it does not know as an invalid form.
			se.Reason = map[chat.Reason]chat.Reason{chat.Unknown: chat.Transient, chat.Rejected: chat.Gone}[se.Reason]
		}
		return "", &se
	}
	a.directs.put(user, made.ID)
	return made.ID, nil
}

// lane returns under what id a channel's limits are kept.
func (a *Adapter) lane(ch chat.Channel) string {
	if user, direct := strings.CutPrefix(ch.ID, "@"); direct {
		if id, ok := a.directs.get(user); ok {
			return id
		}
	}
	return ch.ID
}

// A memory keeps up to maxKept values of what was learned, for a while. It is
// safe for concurrent use.
type memory[V any] struct {
	time time.Duration // how long; 0 = as long as there is room

	mu   sync.Mutex
	kept map[string]kept[V]
}

type kept[V any] struct {
	value V
	until time.Time
}

func newMemory[V any](d time.Duration) *memory[V] {
	return &memory[V]{time: d, kept: map[string]kept[V]{}}
}

func (m *memory[V]) get(k string) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.kept[k]
	if ok && m.time > 0 && !time.Now().Before(x.until) {
		delete(m.kept, k)
		return v, false
	}
	return x.value, ok
}

func (m *memory[V]) put(k string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.kept[k]; !ok {
		makeRoom(m.kept)
	}
	m.kept[k] = kept[V]{v, time.Now().Add(m.time)}
}

func (m *memory[V]) drop(k string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, k)
}
