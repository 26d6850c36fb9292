package console

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/pullquote/pullquote/adapters/adaptertest"
	"github.com/pullquote/pullquote/bot/chat"
)

// A screen is what has been printed, in pieces: the console prints each card
// and each answer with one write.
type screen struct {
	mu     sync.Mutex
	pieces []string
	answer chan string // gets the pieces that are answers; nil until somebody asks
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer != nil {
		s.answer <- string(b)
		return len(b), nil
	}
	s.pieces = append(s.pieces, string(b))
	return len(b), nil
}

func (s *screen) messages() []adaptertest.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []adaptertest.Message
	for _, p := range s.pieces {
		out = append(out, adaptertest.Message{Text: unbarred(p), Links: links(p)})
	}
	return out
}

// unbarred takes away the marks at the beginning of lines.
func unbarred(s string) string {
	var b strings.Builder
	for l := range strings.Lines(s) {
		for _, prefix := range []string{bar, gap, strings.TrimRight(bar, " "), strings.TrimRight(gap, " "), indent} {
			l = strings.TrimPrefix(l, prefix)
		}
		b.WriteString(l)
	}
	return b.String()
}

var address = regexp.MustCompile(`\b[a-z]+://[^\s|]+`)

// links are the addresses that terminals make links of.
func links(s string) (out []adaptertest.Link) {
	for _, u := range address.FindAllString(s, -1) {
		out = append(out, adaptertest.Link{Label: u, URL: u})
	}
	return out
}

func TestContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Platform {
		out := new(screen)
		in, keyboard := io.Pipe()
		t.Cleanup(func() { keyboard.Close() }) // ends the reader
		a := New(Options{Name: "console", Out: out, In: in, Width: 1_000_000})
		u := &typist{screen: out, keyboard: keyboard}
		return &adaptertest.Platform{
			Adapter: a, Channel: chat.Channel{Adapter: "console", ID: terminal},
			Messages: out.messages, Missing: "18f-0-x", Reprints: true, Alone: true,
			Invoke: func(ctx context.Context, name, text string) (adaptertest.Answer, error) {
				return u.ask(ctx, strings.TrimSpace("/"+name+" "+text))
			},
			Press:      u.press,
			PressUnder: u.pressUnder,
		}
	})
}

// A typist types at the keyboard and reads the screen.
type typist struct {
	screen   *screen
	keyboard *io.PipeWriter
	last     adaptertest.Answer
}

var offered = regexp.MustCompile(`^\[\d\] (.*)\n`)

func (u *typist) ask(ctx context.Context, line string) (adaptertest.Answer, error) {
	answer := make(chan string, 1)
	u.screen.mu.Lock()
	u.screen.answer = answer
	u.screen.mu.Unlock()
	defer func() {
		u.screen.mu.Lock()
		u.screen.answer = nil
		u.screen.mu.Unlock()
	}()
	if _, err := io.WriteString(u.keyboard, line+"\n"); err != nil {
		return adaptertest.Answer{}, err
	}
	select {
	case s := <-answer:
		u.last = adaptertest.Answer{Text: unbarred(s), Links: links(s), Private: true}
		for l := range strings.Lines(s) {
			if m := offered.FindStringSubmatch(l); m != nil {
				u.last.Buttons = append(u.last.Buttons, m[1])
			}
		}
		return u.last, nil
	case <-ctx.Done():
		return adaptertest.Answer{}, ctx.Err()
	}
}

var numbered = regexp.MustCompile(`(?m)^\[(\d{3,})\] (.*)$`)

// pressUnder types the number that stands under the newest card with that
// label.
func (u *typist) pressUnder(ctx context.Context, _ chat.MessageID, label string) error {
	ms := u.screen.messages()
	for _, m := range numbered.FindAllStringSubmatch(ms[len(ms)-1].Text, -1) {
		if m[2] == label {
			_, err := u.ask(ctx, m[1])
			return err
		}
	}
	return errors.New("no such button")
}

func (u *typist) press(ctx context.Context, label string) (adaptertest.Answer, error) {
	for i, b := range u.last.Buttons {
		if b == label {
			return u.ask(ctx, string(rune('1'+i)))
		}
	}
	return adaptertest.Answer{}, errors.New("no such button")
}
