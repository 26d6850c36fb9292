// Package console prints cards to a terminal and reads commands from it. It
// serves first runs, scripts and dry runs, and it is the model for a new
// adapter: everything [chat.Adapter] asks for, on the simplest of platforms.
//
// The files are those every adapter has: console.go is the adapter and its
// errors, card.go and forms.go turn a card into what the platform shows,
// text.go escapes and cuts, serve.go hears commands. A new adapter writes these
// for its platform and a test that hands it to [adaptertest.Run].
//
// A terminal cannot edit what it has printed: Edit prints the card again,
// under a line that says which card it changes, and Delete a line that says
// which card does not stand any more. It has one column and no threads: a card
// of a thread stands further to the right, under a line with the page's name.
// It cannot be read back either, so a card that was being printed when the
// program died is printed again.
//
// Everything that came from a source or a user loses its control, escape and
// bidirectional characters before it is printed.
//
// [adaptertest.Run]: https://pkg.go.dev/github.com/pullquote/pullquote/adapters/adaptertest#Run
package console

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
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
	Logger *slog.Logger   // nil discards
}

// An Adapter is one terminal. It implements [chat.Adapter].
type Adapter struct {
	opts  Options
	log   *slog.Logger
	start int64 // message ids are unique over restarts by it

	// turn holds one value while something is being printed, so that cards
	// never mix; unlike a mutex it can be waited for within a context's time.
	turn chan struct{}

	reading sync.Once   // starts the reader of In
	lines   chan string // what it reads; closed by it at the end of In

	mu      sync.Mutex // guards what follows
	sent    int
	choices []choice     // of the newest answer, chosen by their number
	under   []cardButton // of the newest cards, pressed by theirs
	numbers int          // of buttons under cards so far
}

// A cardButton stands under a card.
type cardButton struct {
	number  int
	action  string
	card    chat.MessageID
	channel chat.Channel
}

// Buttons under cards have numbers of their own, beginning with firstNumber,
// so that a card that comes in between changes no answer's; the newest
// maxButtons can be pressed.
const (
	firstNumber = 100
	maxButtons  = 200
)

var _ chat.Adapter = (*Adapter)(nil)

// New returns an adapter. It does no I/O.
func New(o Options) *Adapter {
	a := &Adapter{
		opts: o, log: o.Logger, start: time.Now().UnixNano(),
		turn: make(chan struct{}, 1), lines: make(chan string),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// Name returns the instance's name in the configuration.
func (a *Adapter) Name() string { return a.opts.Name }

// Send prints the card. Tried makes no difference: what was printed cannot be
// found again.
func (a *Adapter) Send(ctx context.Context, post chat.Post) (chat.MessageID, error) {
	id, buttons := a.newID(post.Card), a.number(len(post.Buttons))
	p := a.painter(post.Channel)
	p.where(post)
	if post.Thread == "" {
		p.card(post.Card)
	} else {
		p.WriteString(inset(a.narrow(post.Card)))
	}
	for i, b := range post.Buttons {
		p.line(dim, fmt.Sprintf("[%d] %s", buttons+i, oneLine(b.Label, maxName)))
	}
	p.blank()
	if err := a.write(ctx, p.String()); err != nil {
		return "", err
	}
	a.offer(post, id, buttons)
	return id, nil
}

// Edit prints the card again, saying which card it changes.
func (a *Adapter) Edit(ctx context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) error {
	of, ok := shownTime(id)
	if !ok {
		return failed(chat.Gone, "edit", fmt.Errorf("%q is no card of a console", oneLine(string(id), maxID)))
	}
	verb := map[chat.State]string{chat.Corrected: "corrects", chat.Withdrawn: "withdraws"}[card.State]
	if verb == "" {
		verb = "changes"
	}
	p := a.painter(ch)
	p.line(dim, "↻ "+verb+" the card of "+of.In(zone(a.opts)).Format(clock))
	p.card(card)
	p.blank()
	return a.write(ctx, p.String())
}

// Delete prints that the card does not stand any more; what was printed stays.
func (a *Adapter) Delete(ctx context.Context, ch chat.Channel, id chat.MessageID) error {
	of, ok := shownTime(id)
	if !ok {
		return nil // such a message never was
	}
	p := a.painter(ch)
	p.line(dim, "✗ deletes the card of "+of.In(zone(a.opts)).Format(clock))
	p.blank()
	return a.write(ctx, p.String())
}

// Pace returns 0: a terminal takes what it is given.
func (a *Adapter) Pace(chat.Channel) time.Duration { return 0 }

// Check reports no fault: a terminal is there or the program is not.
func (a *Adapter) Check(context.Context, chat.Channel) error { return nil }

const maxID = 60 // runes of a foreign id that an error shows

// newID returns an id that holds the time the card shows, so that an edit, in
// this run or a later one, can name the card it changes.
func (a *Adapter) newID(c chat.Card) chat.MessageID {
	shown := c.Time
	if !shows(shown) {
		shown = time.Now()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent++
	return chat.MessageID(fmt.Sprintf("%x-%d-%d", a.start, a.sent, shown.Unix()))
}

// shownTime reads the time out of an id.
func shownTime(id chat.MessageID) (time.Time, bool) {
	parts := strings.Split(string(id), "-")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	_, err := strconv.ParseUint(parts[0], 16, 64)
	if err != nil {
		return time.Time{}, false
	}
	if _, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return time.Time{}, false
	}
	sec, err := strconv.ParseUint(parts[2], 10, 62)
	return time.Unix(int64(sec), 0), err == nil
}

// painter returns one that has written which channel it is for, if that is to
// be said.
func (a *Adapter) painter(ch chat.Channel) *painter {
	p := newPainter(a.opts)
	if a.opts.Label {
		p.line(dim, "→ "+oneLine(ch.String(), maxLine))
	}
	return p
}

// narrow paints a card that is moved to the right.
func (a *Adapter) narrow(c chat.Card) string {
	p := newPainter(a.opts)
	p.width = max(p.width-len(bay), minWidth)
	p.card(c)
	return p.String()
}

// number sets n numbers of buttons aside and returns the first.
func (a *Adapter) number(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := firstNumber + a.numbers
	a.numbers += n
	return first
}

// offer lets the buttons of a printed card be pressed.
func (a *Adapter) offer(post chat.Post, id chat.MessageID, first int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, b := range post.Buttons {
		a.under = append(a.under, cardButton{first + i, b.Action, id, post.Channel})
	}
	a.under = a.under[max(len(a.under)-maxButtons, 0):]
}

// write writes s in one piece, in its turn. A terminal that takes nothing, as
// after Ctrl-S, cannot be interrupted: write returns at the end of ctx all the
// same, and leaves behind one goroutine that holds the turn until the terminal
// goes on or the program ends.
func (a *Adapter) write(ctx context.Context, s string) error {
	if err := ctx.Err(); err != nil {
		return failed(chat.Transient, "print", err)
	}
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return failed(chat.Transient, "print", ctx.Err())
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1) // takes the one result
	go func() {
		n, err := io.WriteString(a.opts.Out, s)
		<-a.turn
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && r.n == 0 {
			return failed(chat.Transient, "print", r.err)
		}
		if r.err != nil {
			return failed(chat.Unknown, "print", r.err)
		}
		return nil
	case <-ctx.Done():
		return failed(chat.Unknown, "print", ctx.Err())
	}
}

func failed(reason chat.Reason, what string, err error) *chat.SendError {
	return &chat.SendError{Reason: reason, Err: fmt.Errorf("%s card: %w", what, err)}
}
