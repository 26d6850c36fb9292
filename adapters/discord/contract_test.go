package discord

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/adapters/adaptertest"
	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

func TestContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Platform {
		srv, a := start(t)
		srv.AddForum(forumID, false, discordtest.Tag{ID: "1700000000000000001", Name: "Storms"})
		u := &user{srv: srv}
		seenAgain := memo()
		return &adaptertest.Platform{
			Adapter: a, Channel: channelA,
			Messages:   func() []adaptertest.Message { return seenAgain(srv.Messages(channelID)) },
			Requests:   func() int { return len(srv.Requests()) },
			Fail:       func(f adaptertest.Fault) <-chan struct{} { return misbehave(srv, f) },
			Secrets:    []string{srv.Token()},
			Missing:    "1999999999999999999",
			Recognises: true,
			Thread: func(page chat.MessageID) []adaptertest.Message {
				id := opened(page)
				ms := srv.Messages(id)
				if len(ms) > 0 && ms[0].ID == id { // a forum post's own
					ms = ms[1:]
				}
				return seen(ms, id)
			},
			RemoveThread: func(page chat.MessageID) { srv.RemoveChannel(opened(page)) },
			Forum:        chat.Channel{Adapter: "discord", ID: forumID},
			ForumPosts: func() (out []adaptertest.Message) {
				for _, post := range srv.Threads(forumID) {
					m := seen(srv.Messages(post.ID)[:1], post.ID)[0]
					m.Text = post.Name + "\n" + m.Text
					out = append(out, m)
				}
				return out
			},
			Member: chat.Mention{ID: userID},
			PressUnder: func(ctx context.Context, card chat.MessageID, label string) error {
				if err := srv.Wait(patience, func() bool { return srv.Connected() || ctx.Err() != nil }); err != nil {
					return err
				}
				r, _ := parseRef(card)
				for _, m := range srv.Messages(channelID) {
					if m.ID == r.id {
						_, err := srv.Press(m.ID, action(m.Components, label), userID, channelID)
						return err
					}
				}
				return errors.New("no such message")
			},
			Invoke: u.invoke,
			Press:  u.press,
		}
	})
}

// opened returns the thread of a page.
func opened(page chat.MessageID) string {
	r, _ := parseRef(page)
	return r.opened()
}

// seen returns what people see of messages in a thread, "" for the channel,
// with the ids that Send returned.
func seen(ms []discordtest.Message, thread string) []adaptertest.Message {
	var out []adaptertest.Message
	for _, m := range ms {
		if m.Webhook {
			continue
		}
		s, _ := signOf(m.Embeds)
		id := ref{id: m.ID, thread: thread, key: s.key}.message()
		if s.thread != "" {
			id = ref{id: s.id, thread: s.thread, copy: m.ID, key: s.key}.message()
		}
		p := read(m.Embeds)
		out = append(out, adaptertest.Message{ID: id, Text: m.Content + "\n" + p.text.String(), Mentions: append(p.mentions, m.Told...), Links: p.links})
	}
	return out
}

// memo returns what seen does for a channel, and reads no state of a message
// twice: the contract looks often.
func memo() func([]discordtest.Message) []adaptertest.Message {
	type state struct {
		id    string
		edits int
	}
	var mu sync.Mutex
	known := map[state][]adaptertest.Message{}
	return func(ms []discordtest.Message) []adaptertest.Message {
		mu.Lock()
		defer mu.Unlock()
		var out []adaptertest.Message
		for _, m := range ms {
			k := state{m.ID, m.Edits}
			if _, ok := known[k]; !ok {
				known[k] = seen([]discordtest.Message{m}, "")
			}
			out = append(out, known[k]...)
		}
		return out
	}
}

// action returns what the button with a label hands back.
func action(rows []discordtest.Component, label string) string {
	for _, row := range rows {
		for _, b := range row.Components {
			if b.Label == label {
				return b.CustomID
			}
		}
	}
	return ""
}

// misbehave makes the next request meet a fault of the contract.
func misbehave(srv *discordtest.Server, f adaptertest.Fault) <-chan struct{} {
	var d discordtest.Fault
	switch f {
	case adaptertest.Unauthorized:
		d = status(401, `{"code":0,"message":"401: Unauthorized"}`)
	case adaptertest.Forbidden:
		d = status(403, `{"code":50013,"message":"Missing Permissions"}`)
	case adaptertest.NotFound:
		d = status(404, `{"code":10003,"message":"Unknown Channel"}`)
	case adaptertest.TooMany:
		s := strconv.Itoa(int(adaptertest.RetryAfter.Seconds()))
		d = discordtest.Fault{Status: 429, Header: http.Header{"Retry-After": {s}}, Body: `{"retry_after":` + s + `,"global":false}`}
	case adaptertest.Refused:
		d = status(400, `{"code":50035,"message":"Invalid Form Body"}`)
	case adaptertest.ServerError:
		d = status(503, ``)
	case adaptertest.Reset:
		d = discordtest.Fault{Drop: true}
	case adaptertest.LostAnswer:
		d = discordtest.Fault{Accept: true, Drop: true}
	case adaptertest.Hang:
		d = discordtest.Fault{Hold: make(chan struct{}), Drop: true}
	default:
		return nil
	}
	begun := make(chan struct{})
	d.Begun = begun
	srv.Fail(d)
	return begun
}

// A user types commands and presses buttons.
type user struct {
	srv  *discordtest.Server
	last discordtest.Reply
}

func (u *user) invoke(ctx context.Context, name, text string) (adaptertest.Answer, error) {
	if err := u.srv.Wait(patience, func() bool { return u.srv.Connected() || ctx.Err() != nil }); err != nil {
		return adaptertest.Answer{}, err
	}
	var options map[string]any
	if text != "" {
		options = map[string]any{"words": text}
	}
	r, err := u.srv.Command(name, options, userID, channelID)
	u.last = r
	return answerOf(r), err
}

func (u *user) press(_ context.Context, label string) (adaptertest.Answer, error) {
	r, err := u.srv.Press(u.last.Message, action(u.last.Components, label), userID, channelID)
	u.last = r
	return answerOf(r), err
}

func answerOf(r discordtest.Reply) adaptertest.Answer {
	p := read(r.Embeds)
	a := adaptertest.Answer{Text: p.text.String(), Mentions: p.mentions, Links: p.links, Private: r.Ephemeral || r.Type == respondEdit}
	for _, row := range r.Components {
		for _, b := range row.Components {
			a.Buttons = append(a.Buttons, b.Label)
		}
	}
	return a
}

// A reader reads embeds as Discord shows them: it takes every mark-up that is
// not escaped for what it is.
type reader struct {
	text     strings.Builder
	mentions []string
	links    []adaptertest.Link
}

func read(es []*discordgo.MessageEmbed) *reader {
	r := new(reader)
	for _, e := range es {
		if e.Author != nil {
			r.plain(e.Author.Name, e.Author.URL)
		}
		from := r.text.Len()
		r.markdown(e.Title)
		if e.URL != "" {
			r.links = append(r.links, adaptertest.Link{Label: strings.TrimSpace(r.text.String()[from:]), URL: e.URL})
		}
		r.markdown(e.Description)
		if e.Image != nil {
			r.links = append(r.links, adaptertest.Link{URL: e.Image.URL})
		}
		if e.Footer != nil {
			r.plain(e.Footer.Text, "")
		}
	}
	return r
}

// plain is for the parts in which Discord reads no mark-up.
func (r *reader) plain(s, link string) {
	r.text.WriteString(s + "\n")
	if link != "" {
		r.links = append(r.links, adaptertest.Link{Label: s, URL: link})
	}
}

var (
	lineMark   = regexp.MustCompile(`^(>>> |> |-# |#{1,3} |[*-] |\d+\. )`)
	mention    = regexp.MustCompile(`^(@everyone|@here|<@[!&]?\d+>|<#\d+>|</[^>]+:\d+>|<id:\w+>)`)
	inlineMark = regexp.MustCompile(`^(\*\*|__|~~|\|\||\*|_|` + "`+" + `|<t:-?\d+(:\w)?>|<a?:\w+:\d+>)`)
	maskedLink = regexp.MustCompile(`^\[([^\]]*)\]\(([^)\s]+)\)`)
	bareLink   = regexp.MustCompile(`^<?(https?://[^\s<>]+)>?`)
)

// markdown reads one text. Most characters begin no mark-up; asking the
// expressions about each would take most of the test's time.
func (r *reader) markdown(s string) {
	start := true
	for s != "" {
		if start {
			if m := lineMark.FindString(s); m != "" {
				s = s[len(m):]
				continue
			}
		}
		start = false
		if next, n := utf8.DecodeRuneInString(strings.TrimPrefix(s, `\`)); s[0] == '\\' && n > 0 &&
			!unicode.IsLetter(next) && !unicode.IsDigit(next) && !unicode.IsSpace(next) {
			r.text.WriteRune(next)
			s = s[1+n:]
			continue
		}
		switch {
		case !strings.ContainsRune("@<*_~|`[h", rune(s[0])): // nothing begins here
			c, n := utf8.DecodeRuneInString(s)
			r.text.WriteRune(c)
			start = c == '\n'
			s = s[n:]
		case mention.MatchString(s):
			m := mention.FindString(s)
			r.mentions = append(r.mentions, m)
			s = s[len(m):]
		case inlineMark.MatchString(s):
			s = s[len(inlineMark.FindString(s)):]
		case maskedLink.MatchString(s):
			m := maskedLink.FindStringSubmatch(s)
			r.text.WriteString(m[1])
			r.links = append(r.links, adaptertest.Link{Label: m[1], URL: m[2]})
			s = s[len(m[0]):]
		case bareLink.MatchString(s):
			m := bareLink.FindStringSubmatch(s)
			r.text.WriteString(m[1])
			r.links = append(r.links, adaptertest.Link{Label: m[1], URL: m[1]})
			s = s[len(m[0]):]
		default:
			c, n := utf8.DecodeRuneInString(s)
			r.text.WriteRune(c)
			start = c == '\n'
			s = s[n:]
		}
	}
	r.text.WriteByte('\n')
}
