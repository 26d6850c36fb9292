package discord

import (
	"context"
	"errors"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// editing is the request that replaces a message's embed. Nothing else of the
// message changes: who was mentioned above it, and its buttons, stay.
func editing(where, lane, id string, e *discordgo.MessageEmbed) request {
	return request{
		what: "edit in " + where, method: "PATCH", path: "/channels/" + where + "/messages/" + id, edit: true, lane: lane,
		route: route{patchRoute, where},
		in:    message{Embeds: []*discordgo.MessageEmbed{e}, AllowedMentions: nobody()},
	}
}

// Edit replaces the card of a message, and of its copy in the channel if it is
// a broadcast one. See [chat.Adapter].
func (a *Adapter) Edit(ctx context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) error {
	what := "edit in " + ch.ID
	channel, err := a.target(ctx, what, ch)
	if err != nil {
		return err
	}
	r, ok := parseRef(id)
	if !ok {
		return fail(chat.Gone, what, errors.New("the message's id is not one of this adapter's"))
	}
	if r.thread == "" {
		return a.rewrite(ctx, channel, channel, r.id, marked(card, sign{key: r.key}))
	}
	err = a.rewrite(ctx, r.thread, channel, r.id, marked(card, sign{key: r.key, home: channel}))
	if codeOf(err) == 10003 {
		err = inThread(err)
	}
	if r.copy == "" {
		return err
	}
	return both(err, a.rewrite(ctx, channel, channel, r.copy, marked(card, sign{key: r.key, thread: r.thread, id: r.id})))
}

// rewrite edits a message where it stands. In a thread that is closed for good
// it stays as it is.
func (a *Adapter) rewrite(ctx context.Context, where, lane, id string, e *discordgo.MessageEmbed) error {
	err := a.reopening(ctx, lane, where, func() error { return a.call(ctx, editing(where, lane, id, e)) })
	if code := codeOf(err); code == 50083 || code == 160005 {
		se := sendError(err)
		se.Reason = chat.Frozen
		return &se
	}
	return err
}

// both returns the error of an edit of a message in two places. What can be
// tried again is; then it is as well as it can be where one of them stands.
func both(one, two error) error {
	x, y := chat.ReasonOf(one), chat.ReasonOf(two)
	switch {
	case !final(x) && x != 0:
		return one
	case !final(y) && y != 0:
		return two
	case x == chat.Gone && y == chat.Gone:
		return two // of the channel's message: a thread that is gone is not all
	case x == chat.Gone:
		return two
	case y == chat.Gone:
		return one
	case x != 0:
		return one
	}
	return two
}

// final reports whether nothing will change about a failed edit.
func final(r chat.Reason) bool { return r == chat.Gone || r == chat.Frozen || r == chat.Rejected }

// Delete removes a message, and its copy in the channel if it is a broadcast
// one. A thread or forum post that it opened stays, with what others wrote. See
// [chat.Adapter].
func (a *Adapter) Delete(ctx context.Context, ch chat.Channel, id chat.MessageID) error {
	what := "delete in " + ch.ID
	channel, err := a.target(ctx, what, ch)
	if err != nil {
		return err
	}
	r, ok := parseRef(id)
	if !ok {
		return nil // no message has such an id
	}
	if r.copy != "" {
		if err := a.remove(ctx, channel, channel, r.copy); err != nil {
			return err
		}
	}
	where := channel
	if r.thread != "" {
		where = r.thread
	}
	return a.reopening(ctx, channel, where, func() error { return a.remove(ctx, where, channel, r.id) })
}

// remove deletes a message where it stands. That it is not there is no error.
func (a *Adapter) remove(ctx context.Context, where, lane, id string) error {
	err := a.call(ctx, request{
		what: "delete in " + where, method: "DELETE", path: "/channels/" + where + "/messages/" + id, edit: true, lane: lane,
		route: route{"DELETE /channels/messages", where},
	})
	if code := codeOf(err); code == 10008 || code == 10003 {
		return nil
	}
	return err
}
