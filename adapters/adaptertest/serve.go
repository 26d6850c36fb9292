package adaptertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// specs are the commands that the checks register.
var specs = []chat.CommandSpec{
	{Name: "quotes", Summary: "Who said what", Options: []chat.OptionSpec{{Name: "words", Summary: "Words to look for", Suggest: true}}},
	{Name: "help", Summary: "What you can ask"},
}

// serve runs Serve until the test ends or stop is called, which returns how
// long Serve took to end and what it returned.
func (p *Platform) serve(t *testing.T, h chat.Handler) (stop func() (time.Duration, error)) {
	t.Helper()
	if p.Invoke == nil {
		t.Skip("this platform has no commands")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1) // takes the one result
	go func() { done <- p.Adapter.Serve(ctx, specs, h) }()
	stopped := false
	stop = func() (time.Duration, error) {
		stopped = true
		start := time.Now()
		cancel()
		select {
		case err := <-done:
			return time.Since(start), err
		case <-time.After(patience):
			return time.Since(start), errors.New("Serve does not end")
		}
	}
	t.Cleanup(func() {
		if stopped {
			return
		}
		if _, err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return stop
}

// invoke sends a command and returns the answer.
func (p *Platform) invoke(t *testing.T, name, text string) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := p.Invoke(ctx, name, text)
	if err != nil {
		t.Fatalf("/%s %s: %v", name, text, err)
	}
	return a
}

// said returns the free words of a command, wherever the platform puts them.
func said(c chat.Command) string {
	if c.Options != nil {
		return c.Options["words"]
	}
	return c.Text
}

func serveAnswers(t *testing.T, p *Platform) {
	heard := make(chan chat.Command, 1)
	p.serve(t, func(ctx context.Context, c chat.Command) (chat.Reply, error) {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > chat.AnswerTime {
			t.Errorf("the handler's context has the deadline %v, %v", d, ok)
		}
		heard <- c
		return chat.Reply{
			Title: "Latest quotes", Text: "Two were found.", Note: "1 to 2",
			Items:   []chat.Card{card(), plain("Ferries stay in port")},
			Buttons: []chat.Button{{Label: "Older", Action: "older.2"}, {Label: "Share", Action: "share.2"}},
		}, nil
	})
	a := p.invoke(t, "quotes", "una marsh")
	c := <-heard
	if c.Kind != chat.Invoke || c.Name != "quotes" || said(c) != "una marsh" || c.Channel != p.Channel || c.Adapter != p.Adapter.Name() || c.User == "" {
		t.Errorf("the handler heard %+v", c)
	}
	for _, want := range []string{"Latest quotes", "Two were found.", "1 to 2", card().Headline, card().Quotes[0].Text, "Una Marsh", "Ferries stay in port"} {
		shows(t, a.Text, want)
	}
	if !slices.Equal(a.Buttons, []string{"Older", "Share"}) {
		t.Errorf("buttons %q", a.Buttons)
	}
	if !a.Private {
		t.Error("everybody sees the answer")
	}
	inert(t, a.Text, a.Mentions, a.Links)
	p.count(t, 0)
	if p.invoke(t, "help", ""); said(<-heard) != "" {
		t.Error("a command without words has words")
	}
}

func servePresses(t *testing.T, p *Platform) {
	heard := make(chan chat.Command, 2)
	p.serve(t, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		heard <- c
		if c.Kind == chat.Press {
			return chat.Reply{Text: "The second page", Replace: true}, nil
		}
		return chat.Reply{Text: "The first page", Buttons: []chat.Button{{Label: "Older", Action: "1.quotes.0.5.5.abc-_.x"}}}, nil
	})
	p.invoke(t, "quotes", "")
	<-heard
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := p.Press(ctx, "Older")
	if err != nil {
		t.Fatal(err)
	}
	c := <-heard
	if c.Kind != chat.Press || c.Action != "1.quotes.0.5.5.abc-_.x" || c.Channel != p.Channel || c.User == "" {
		t.Errorf("the handler heard %+v", c)
	}
	shows(t, a.Text, "The second page")
	hides(t, a.Text, "The first page")
	if len(a.Buttons) > 0 {
		t.Errorf("buttons %q remain", a.Buttons)
	}
}

// serveShares presses a button whose answer is for everybody.
func serveShares(t *testing.T, p *Platform) {
	p.serve(t, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		return chat.Reply{Text: "Ferries stay in port", Public: c.Kind == chat.Press, Buttons: []chat.Button{{Label: "Share", Action: "share"}}}, nil
	})
	if a := p.invoke(t, "quotes", ""); !a.Private {
		t.Error("everybody sees the answer before it is shared")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := p.Press(ctx, "Share")
	if err != nil {
		t.Fatal(err)
	}
	shows(t, a.Text, "Ferries stay in port")
	if a.Private && !p.Alone {
		t.Error("nobody else sees the answer that was shared")
	}
}

func serveIsInert(t *testing.T, p *Platform) {
	var text atomic.Value // string: what the handler says
	p.serve(t, func(context.Context, chat.Command) (chat.Reply, error) {
		next, _ := text.Load().(string)
		c := hostileCard(next)
		return chat.Reply{Title: next, Text: next, Items: []chat.Card{c, c}, Note: next, Buttons: []chat.Button{{Label: next, Action: "a"}}}, nil
	})
	for _, h := range hostile {
		text.Store(h.text)
		a := p.invoke(t, "quotes", "")
		t.Run(h.name, func(t *testing.T) {
			inert(t, a.Text, a.Mentions, a.Links)
			inert(t, strings.Join(a.Buttons, " "), nil, nil)
		})
	}
	for name, c := range long() {
		text.Store(c.Headline)
		if a := p.invoke(t, "quotes", ""); readable(a.Text) == "" {
			t.Errorf("%s: no answer", name)
		}
	}
}

func serveHidesErrors(t *testing.T, p *Platform) {
	p.serve(t, func(context.Context, chat.Command) (chat.Reply, error) {
		return chat.Reply{}, errors.New("open /var/lib/ledger: disk on fire")
	})
	a := p.invoke(t, "quotes", "")
	if readable(a.Text) == "" {
		t.Error("the user hears nothing")
	}
	hides(t, a.Text, "ledger")
	hides(t, a.Text, "disk on fire")
}

func serveSurvivesAPanic(t *testing.T, p *Platform) {
	p.serve(t, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		if said(c) == "trouble" {
			panic("the handler broke at secret place")
		}
		return chat.Reply{Text: "All is well"}, nil
	})
	a := p.invoke(t, "quotes", "trouble")
	if readable(a.Text) == "" {
		t.Error("the user hears nothing")
	}
	hides(t, a.Text, "secret place")
	shows(t, p.invoke(t, "quotes", "peace").Text, "All is well")
}

// serveEnds cancels Serve while a handler is at work.
func serveEnds(t *testing.T, p *Platform) {
	busy := make(chan struct{})
	stop := p.serve(t, func(ctx context.Context, c chat.Command) (chat.Reply, error) {
		if said(c) != "wait" {
			return chat.Reply{Text: "All is well"}, nil
		}
		close(busy)
		<-ctx.Done()
		return chat.Reply{}, ctx.Err()
	})
	p.invoke(t, "quotes", "") // Serve is connected
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}) // closed when the user has given up
	go func() {
		defer close(asked)
		_, _ = p.Invoke(ctx, "quotes", "wait") // no answer is due when the bot stops
	}()
	select {
	case <-busy:
	case <-time.After(patience):
		t.Fatal("the command never came")
	}
	took, err := stop()
	cancel()
	if err != nil {
		t.Errorf("Serve returned %v after its context ended, want nil", err)
	}
	if took > time.Second {
		t.Errorf("Serve took %v to end", took)
	}
	<-asked
}
