package discord

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// nonceTime is how long a repeated nonce is trusted to be recognised. Discord
// says "the past few minutes".
const nonceTime = time.Minute

// Send posts a card, with one request if p.Tried is zero and p asks for
// nothing but a message. See [chat.Adapter].
//
// If p.Tried is set and the earlier attempt's message shows another card than
// p's, Send edits it. If p.Tried is set and this attempt surely failed, the
// earlier one may still have succeeded: the reason is then Unknown and never
// Transient. So it is when the message was accepted and what belongs to it was
// not, its thread or its copy. A caller keeps Tried until Send succeeds.
func (a *Adapter) Send(ctx context.Context, p chat.Post) (chat.MessageID, error) {
	r, err := a.send(ctx, p)
	if err != nil {
		return "", err
	}
	r.key = p.Key
	return r.message(), nil
}

func (a *Adapter) send(ctx context.Context, p chat.Post) (ref, error) {
	what := "send to " + p.Channel.ID
	if p.Key != "" && !isKey(p.Key) {
		return ref{}, fail(chat.Rejected, what, errors.New("key is not at most 25 letters and digits"))
	}
	channel, err := a.target(ctx, what, p.Channel)
	if err != nil {
		return ref{}, err
	}
	d := &dispatch{a: a, p: p, channel: channel}
	if p.Thread != "" {
		head, ok := parseRef(p.Thread)
		if !ok {
			e := fail(chat.Gone, what, errors.New("the thread's id is not one of this adapter's"))
			e.Thread = true
			return ref{}, e
		}
		if head.opened() != "" {
			return d.thread(ctx, head.opened())
		}
		p.Broadcast = false // flat: it stands in the channel as it is
	}
	if p.Forum {
		return d.forum(ctx)
	}
	return d.plain(ctx)
}

// A dispatch is one Send.
type dispatch struct {
	a       *Adapter
	p       chat.Post
	channel string
}

// plain posts in the channel itself, and opens a thread under a head.
func (d *dispatch) plain(ctx context.Context) (ref, error) {
	m := compose(d.p, sign{key: d.p.Key})
	m.answers(d.reply(""))
	got, err := d.ensure(ctx, d.channel, m)
	if codeOf(err) == 50008 { // a forum takes no message outside a post
		if place, e := d.a.place(ctx, "send to "+d.channel, d.channel); e == nil && place.kind() == forumChannel {
			return d.forum(ctx)
		}
	}
	if err != nil {
		return ref{}, err
	}
	r := ref{id: got.ID}
	if d.p.Card.Form == chat.HeadForm {
		if r.flat, err = d.open(ctx, got.ID); err != nil {
			return ref{}, d.halfway(err)
		}
	}
	d.a.publish(ctx, d.p, d.channel, got)
	return r, nil
}

// reply returns the id of the message to answer where it stands in a thread
// ("" = the channel), "" for none.
func (d *dispatch) reply(thread string) string {
	r, ok := parseRef(d.p.Reply)
	if !ok {
		return ""
	}
	return r.in(thread)
}

// thread posts in a thread and, for a broadcast, in the channel too. Who is
// mentioned is mentioned where more people see it.
func (d *dispatch) thread(ctx context.Context, thread string) (ref, error) {
	d.a.limits.enter(d.channel, thread)
	m := compose(d.p, sign{key: d.p.Key, home: d.channel})
	if d.p.Broadcast {
		m.Content, m.AllowedMentions = "", nobody()
	}
	m.answers(d.reply(thread))
	var got posted
	err := d.a.reopening(ctx, d.channel, thread, func() (err error) {
		got, err = d.ensure(ctx, thread, m)
		return err
	})
	if err != nil {
		return ref{}, inThread(err)
	}
	r := ref{thread: thread, id: got.ID}
	if !d.p.Broadcast {
		return r, nil
	}
	return d.broadcast(ctx, r)
}

// broadcast posts in the channel what stands in a thread. That the channel
// will not have it is logged and no error: the card stands.
func (d *dispatch) broadcast(ctx context.Context, r ref) (ref, error) {
	m := compose(d.p, sign{key: d.p.Key, thread: r.thread, id: r.id})
	m.answers(d.reply(""))
	m.Nonce = twin(d.p.Key)
	got, err := d.ensure(ctx, d.channel, m)
	switch chat.ReasonOf(err) {
	case 0:
	case chat.Rejected, chat.Gone:
		se := sendError(err)
		d.a.log.Warn("card of a thread not shown in the channel", "channel", d.p.Channel.String(), "error", err, "remedy", se.Remedy)
		return r, nil
	default:
		return ref{}, d.halfway(err)
	}
	r.copy = got.ID
	d.a.twins.put(r.id, r.copy)
	d.a.publish(ctx, d.p, d.channel, got)
	return r, nil
}

// halfway classes an error after a message of the post was accepted: whatever
// it is, the outcome is open, so that the next attempt looks for the message.
// Once Tried is set it stays so, and the reason can tell what is wrong.
func (d *dispatch) halfway(err error) error {
	se := sendError(err)
	if d.p.Tried.IsZero() || se.Reason == chat.Transient {
		se.Reason, se.Global = chat.Unknown, false
	}
	return &se
}

// ensure posts m in a channel or thread, unless an earlier attempt has done
// so; then it brings that message up to date.
func (d *dispatch) ensure(ctx context.Context, where string, m message) (posted, error) {
	what := "send to " + where
	tried := d.p.Tried
	if age := time.Since(tried); !tried.IsZero() && (age >= nonceTime || age < 0) {
		got, err := d.a.find(ctx, where, d.p.Key, tried)
		if err != nil {
			return posted{}, unsettled(err)
		}
		if got.ID != "" {
			return got, d.freshen(ctx, where, got, m.Embeds[0])
		}
	}
	var got posted
	err := d.a.call(ctx, request{
		what: what, method: "POST", path: "/channels/" + where + "/messages", lane: d.channel,
		route: route{postRoute, where}, in: m, out: &got,
	})
	if err == nil && !isSnowflake(got.ID) {
		err = errNoID(what)
	}
	if tried.IsZero() {
		return got, err
	}
	if err != nil {
		return posted{}, unsettled(err)
	}
	return got, d.freshen(ctx, where, got, m.Embeds[0])
}

// freshen edits a message that d has if it shows an earlier state of the card:
// the entry may have changed since the attempt that made it.
func (d *dispatch) freshen(ctx context.Context, where string, m posted, e *discordgo.MessageEmbed) error {
	if es := m.embeds(); len(es) == 1 && look(es[0]) == look(e) {
		return nil
	}
	err := d.a.call(ctx, editing(where, d.channel, m.ID, e))
	switch chat.ReasonOf(err) {
	case 0, chat.Frozen: // it stands, and no attempt will change it
		return nil
	case chat.Gone:
		se := sendError(err)
		if codeOf(err) == 10008 { // deleted just now, and it shall not come back
			se.Reason = chat.Rejected
		}
		return &se
	}
	return unsettled(err)
}

// unsettled turns Transient into Unknown: this attempt failed surely, but not
// the one before it.
func unsettled(err error) error {
	if chat.ReasonOf(err) != chat.Transient {
		return err
	}
	se := sendError(err)
	se.Reason = chat.Unknown
	return &se
}

// publish sends a message on to the channels that follow this one, if p asks
// for it and the channel is one of announcements. That it cannot is logged, at
// most once an hour for a channel.
func (a *Adapter) publish(ctx context.Context, p chat.Post, channel string, m posted) {
	if !p.Publish || m.Flags&published != 0 {
		return
	}
	what := "publish in " + channel
	place, err := a.place(ctx, what, channel)
	if err == nil && place.Type != announcements {
		return
	}
	if err == nil && !a.limits.mayPublish(channel, time.Now()) {
		err = errors.New("ten messages an hour can be published")
	} else if err == nil {
		err = a.call(ctx, request{
			what: what, method: "POST", path: "/channels/" + channel + "/messages/" + m.ID + "/crosspost",
			route: route{"POST /channels/messages/crosspost", channel},
		})
	}
	if err == nil || codeOf(err) == 40033 { // published already
		a.unpublished.drop(channel)
		return
	}
	if _, said := a.unpublished.get(channel); !said {
		a.unpublished.put(channel, "")
		a.log.Warn("message not published", "channel", p.Channel.String(), "error", err)
	}
}

// Bounds of the search for an earlier attempt's message.
const (
	findMargin = 5 * time.Second // our clock and Discord's may differ
	findPages  = 10              // of 100 messages
)

// since returns the least id of a message that an attempt begun then can have
// made.
func since(tried time.Time) string {
	from := tried.Add(-findMargin)
	if now := time.Now(); tried.After(now) { // the clock was set back
		from = now.Add(-time.Hour)
	}
	return strconv.FormatUint(snowflake(from), 10)
}

// find looks in a channel or thread for the message of an earlier attempt: by
// the bot itself, with the delivery's nonce or mark. It returns one without an
// id if there is none, or if the bot may not read the history, so that there
// is nothing left but to post.
func (a *Adapter) find(ctx context.Context, where, key string, tried time.Time) (posted, error) {
	self, err := a.whoami(ctx)
	if err != nil {
		return posted{}, err
	}
	after := since(tried)
	for range findPages {
		var page []posted
		err := a.call(ctx, request{
			what: "look for an earlier message in " + where, method: "GET",
			path:  "/channels/" + where + "/messages?limit=100&after=" + after,
			route: route{"GET /channels/messages", where}, out: &page,
		})
		if chat.ReasonOf(err) == chat.Gone {
			a.log.Warn("history unreadable, an earlier card may be repeated", "channel", where, "error", err)
			return posted{}, nil
		}
		if err != nil {
			return posted{}, err
		}
		for _, m := range page {
			if ours(m, self, key) {
				return m, nil
			}
		}
		if len(page) < 100 {
			return posted{}, nil
		}
		newest := slices.MaxFunc(page, func(x, y posted) int { return compareIDs(x.ID, y.ID) }).ID
		if compareIDs(newest, after) <= 0 {
			return posted{}, nil // no progress: the answer is not what was asked for
		}
		after = newest
	}
	a.log.Warn("earlier message not found among so many, it may be repeated", "channel", where, "messages", findPages*100)
	return posted{}, nil
}

// compareIDs orders ids by age.
func compareIDs(x, y string) int {
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

// whoami returns the bot user's id, from the token or else from Discord.
func (a *Adapter) whoami(ctx context.Context) (string, error) {
	a.mu.Lock()
	self := a.self
	a.mu.Unlock()
	if self != "" {
		return self, nil
	}
	var me posted
	err := a.call(ctx, request{
		what: "ask who the bot is", method: "GET", path: "/users/@me",
		route: route{name: "GET /users/@me"}, out: &me,
	})
	if err != nil {
		return "", err
	}
	if !isSnowflake(me.ID) {
		return "", errNoID("ask who the bot is")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.self = me.ID
	return me.ID, nil
}

func errNoID(what string) error {
	return fail(chat.Unknown, what, errors.New("the answer holds no id"))
}

// Pace returns how long Discord's limits ask to wait before the next Send,
// Edit or Delete in the channel. See [chat.Adapter].
func (a *Adapter) Pace(ch chat.Channel) time.Duration {
	return a.limits.pace(a.lane(ch), time.Now())
}
