package slack

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/adaptertest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
)

func TestContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Platform {
		srv, a, _ := start(t)
		u := &user{srv: srv}
		return &adaptertest.Platform{
			Adapter:    a,
			Channel:    channelA,
			Messages:   func() []adaptertest.Message { return seen(srv) },
			Requests:   func() int { return len(srv.Requests()) },
			Fail:       func(f adaptertest.Fault) <-chan struct{} { return misbehave(srv, f) },
			Secrets:    []string{srv.BotToken(), srv.AppToken()},
			Missing:    "1700000000.000100",
			Recognises: true,
			Invoke:     u.invoke,
			Press:      u.press,
			Member:     chat.Mention{ID: "U0DESK1"},
			Thread: func(page chat.MessageID) []adaptertest.Message {
				return shown(srv.Replies(channelID, string(page)))
			},
			RemoveThread: func(page chat.MessageID) { srv.RemoveThread(channelID, string(page)) },
			PressUnder: func(ctx context.Context, card chat.MessageID, label string) error {
				for _, m := range srv.Messages(channelID) {
					if i, _ := parseID(card); m.TS == i.ts {
						return u.pressUnder(ctx, m, label)
					}
				}
				return errors.New("there is no such card")
			},
		}
	})
}

func seen(srv *slacktest.Server) []adaptertest.Message { return shown(srv.Visible(channelID)) }

// shown returns messages as people see them. Who is told aloud by us counts as
// a mention of his ID.
func shown(list []slacktest.Message) []adaptertest.Message {
	var out []adaptertest.Message
	for _, m := range list {
		if m.Response {
			continue
		}
		i := id{m.Thread, m.TS}
		var told []string
		for _, alive := range slacktest.Alive("", m.Blocks) {
			told = append(told, strings.Trim(alive, "<@!>"))
		}
		out = append(out, adaptertest.Message{ID: i.message(), Text: slacktest.Words(m.Blocks), Mentions: told, Links: links(m.Blocks)})
	}
	return out
}

func links(blocks []byte) (out []adaptertest.Link) {
	for _, l := range slacktest.Links(blocks) {
		out = append(out, adaptertest.Link(l))
	}
	return out
}

// misbehave makes the next request fail as f says.
func misbehave(srv *slacktest.Server, f adaptertest.Fault) <-chan struct{} {
	no := func(code string) slacktest.Fault { return slacktest.Fault{Body: `{"ok":false,"error":"` + code + `"}`} }
	fault, ok := map[adaptertest.Fault]slacktest.Fault{
		adaptertest.Unauthorized: no("invalid_auth"),
		adaptertest.Forbidden:    no("not_in_channel"),
		adaptertest.NotFound:     no("channel_not_found"),
		adaptertest.TooMany: {Status: http.StatusTooManyRequests, Body: `{"ok":false,"error":"ratelimited"}`,
			Header: http.Header{"Retry-After": {strconv.Itoa(int(adaptertest.RetryAfter / time.Second))}}},
		adaptertest.Refused:     no("invalid_blocks"),
		adaptertest.ServerError: {Status: http.StatusServiceUnavailable},
		adaptertest.Reset:       {Drop: true},
		adaptertest.LostAnswer:  {Drop: true, Accept: true},
		adaptertest.Hang:        {Hold: make(chan struct{})},
	}[f]
	if !ok {
		return nil
	}
	begun := make(chan struct{})
	fault.Begun = begun
	srv.Fail(fault)
	return begun
}

// A user asks and presses, and keeps the last answer.
type user struct {
	srv  *slacktest.Server
	last slacktest.Reply
}

func (u *user) invoke(ctx context.Context, name, text string) (adaptertest.Answer, error) {
	for u.srv.Connections() == 0 {
		if ctx.Err() != nil {
			return adaptertest.Answer{}, ctx.Err()
		}
		_ = u.srv.Wait(time.Second, func() bool { return u.srv.Connections() > 0 }) // the loop looks again
	}
	e, err := u.srv.StartCommand(name, text, userID, channelID)
	return u.answer(ctx, e, err)
}

func (u *user) pressUnder(ctx context.Context, m slacktest.Message, label string) error {
	for u.srv.Connections() == 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_ = u.srv.Wait(time.Second, func() bool { return u.srv.Connections() > 0 }) // the loop looks again
	}
	_, err := u.srv.StartPressUnder(m, label, userID)
	return err
}

func (u *user) press(ctx context.Context, label string) (adaptertest.Answer, error) {
	for _, b := range slacktest.Buttons(u.last.Blocks) {
		if b.Label == label {
			e, err := u.srv.StartPress(u.last, b.Value, userID, channelID)
			return u.answer(ctx, e, err)
		}
	}
	return adaptertest.Answer{}, errors.New("there is no such button")
}

// answer waits for the one answer that every command gets.
func (u *user) answer(ctx context.Context, e *slacktest.Exchange, err error) (adaptertest.Answer, error) {
	if err != nil {
		return adaptertest.Answer{}, err
	}
	for len(e.Replies()) == 0 {
		if ctx.Err() != nil {
			return adaptertest.Answer{}, ctx.Err()
		}
		_ = u.srv.Wait(100*time.Millisecond, func() bool { return len(e.Replies()) > 0 || ctx.Err() != nil }) // the loop looks again
	}
	u.last = e.Replies()[0]
	a := adaptertest.Answer{
		Text:     slacktest.Words(u.last.Blocks),
		Mentions: slacktest.Alive(u.last.Text, u.last.Blocks),
		Links:    links(u.last.Blocks),
		Private:  u.last.Type == "ephemeral",
	}
	for _, b := range slacktest.Buttons(u.last.Blocks) {
		a.Buttons = append(a.Buttons, b.Label)
	}
	return a, nil
}
