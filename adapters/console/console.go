// Package console prints cards to a terminal and reads commands from it. It
// serves first runs, scripts and dry runs, and it is the model for a new
// adapter: everything [chat.Adapter] asks for, on the simplest of platforms.
//
// A terminal cannot edit what it has printed: Edit prints the card again,
// under a line that says which card it changes. It cannot be read back either,
// so a card that was being printed when the program died is printed again.
//
// Everything that came from a source or a user loses its control, escape and
// bidirectional characters before it is printed.
package console

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Options is how a console looks. Out is required.
type Options struct {
	Name   string         // the instance's name in the configuration
	Out    io.Writer      // where cards and answers go
	In     io.Reader      // where commands come from; nil for none
	Colour bool           // use ANSI colours and styles
	Width  int            // cells a line; 0 means 80
	Zone   *time.Location // of the times shown; nil means UTC
	Label  bool           // say above each card which channel it is for
}

// An Adapter is one terminal. It implements [chat.Adapter].
type Adapter struct {
	opts  Options
	start int64 // message ids are unique over restarts by it

	mu   sync.Mutex // guards Out and what follows
	sent int
	// buttons are those of the last reply, pressed by their number.
	buttons []chat.Button
}

// New returns an adapter. It does no I/O.
func New(o Options) *Adapter { return &Adapter{opts: o, start: time.Now().UnixNano()} }

// Name returns the instance's name in the configuration.
func (a *Adapter) Name() string { return a.opts.Name }

// Send prints the card. The id holds the time the card shows, so that an edit
// can name the card it changes.
func (a *Adapter) Send(ctx context.Context, p chat.Post) (chat.MessageID, error) {
	if err := a.print(ctx, p.Channel, "", p.Card); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent++
	return chat.MessageID(fmt.Sprintf("%x-%d-%d", a.start, a.sent, p.Card.Time.Unix())), nil
}

// Edit prints the card again, saying which card it changes.
func (a *Adapter) Edit(ctx context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) error {
	at, ok := shownTime(id)
	if !ok {
		return &chat.SendError{Reason: chat.Gone, Err: fmt.Errorf("no card %q was printed", clean(string(id)))}
	}
	note := "changes the card of " + at.In(zone(a.opts)).Format("15:04:05")
	return a.print(ctx, ch, note, card)
}

// shownTime reads the time of the card out of its id.
func shownTime(id chat.MessageID) (time.Time, bool) {
	var start, n, sec int64
	if _, err := fmt.Sscanf(string(id), "%x-%d-%d", &start, &n, &sec); err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, 0), true
}

// Check reports no fault: a terminal is there or the program is not.
func (a *Adapter) Check(context.Context, chat.Channel) error { return nil }

// print writes one card in one piece, so that cards never mix.
func (a *Adapter) print(ctx context.Context, ch chat.Channel, note string, card chat.Card) error {
	if err := ctx.Err(); err != nil {
		return &chat.SendError{Reason: chat.Transient, Err: fmt.Errorf("print card: %w", err)}
	}
	p := newPainter(a.opts)
	if a.opts.Label {
		p.line(dim, "→ "+clean(ch.String()))
	}
	if note != "" {
		p.line(dim, "↻ "+note)
	}
	p.card(card)
	p.blank()
	if err := a.write(p.String()); err != nil {
		return &chat.SendError{Reason: chat.Transient, Err: fmt.Errorf("print card: %w", err)}
	}
	return nil
}

func (a *Adapter) write(s string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := io.WriteString(a.opts.Out, s)
	return err
}

// reply prints an answer and remembers its buttons.
func (a *Adapter) reply(r chat.Reply) error {
	p := newPainter(a.opts)
	p.reply(r)
	a.mu.Lock()
	a.buttons = r.Buttons
	a.mu.Unlock()
	return a.write(p.String())
}

// button returns the button that was offered under the number in s.
func (a *Adapter) button(s string) (chat.Button, bool) {
	n, err := strconv.Atoi(s)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || n < 1 || n > len(a.buttons) {
		return chat.Button{}, false
	}
	return a.buttons[n-1], true
}
