package adaptertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/chat"
)

func sendShowsTheCard(t *testing.T, p *Platform) {
	c := card()
	_, m := p.send(t, "delivery1", c)
	shows(t, m.Text, c.Source)
	shows(t, m.Text, c.Headline)
	shows(t, m.Text, c.Byline)
	for _, q := range c.Quotes {
		shows(t, m.Text, q.Text)
		shows(t, m.Text, q.Speaker)
		shows(t, m.Text, q.Role)
	}
	inert(t, m.Text, m.Mentions, m.Links)
	linked := false
	for _, l := range m.Links {
		linked = linked || l.URL == c.URL
	}
	if !linked {
		t.Errorf("no link leads to %s: %v", c.URL, m.Links)
	}
	_, m = p.send(t, "delivery2", chat.Card{Source: c.Source, Headline: c.Headline, Text: "Forty lorries wait on the quay."})
	shows(t, m.Text, "Forty lorries wait on the quay.")
	p.count(t, 2)
}

func sendShowsEveryState(t *testing.T, p *Platform) {
	for i, s := range []chat.State{chat.Live, chat.Updated, chat.Corrected, chat.Withdrawn} {
		c := card()
		c.State = s
		if s != chat.Live {
			c.Changed = c.Time.Add(time.Hour / 2)
		}
		if s == chat.Corrected {
			c.Was = []chat.Quote{{Text: "We closed it at ten", Speaker: "Una Marsh"}}
		}
		_, m := p.send(t, fmt.Sprint("delivery", i), c)
		shows(t, m.Text, s.String())
		shows(t, m.Text, c.Headline)
		for _, q := range append(c.Was, c.Quotes...) {
			shows(t, m.Text, q.Text)
		}
	}
}

func sendIsOneRequest(t *testing.T, p *Platform) {
	if p.Requests == nil {
		t.Skip("this adapter makes no requests")
	}
	before := p.requests()
	p.send(t, "delivery1", card())
	if n := p.requests() - before; n != 1 {
		t.Errorf("%d requests for one Send", n)
	}
}

func sendSilent(t *testing.T, p *Platform) {
	post := p.post("delivery1", card())
	post.Silent = true
	if _, err := p.Adapter.Send(t.Context(), post); err != nil {
		t.Fatal(err)
	}
	shows(t, p.newest(t).Text, post.Card.Headline)
}

func sendAcceptsAnyCard(t *testing.T, p *Platform) {
	n := 0
	for name, c := range odd() {
		n++
		if _, err := p.Adapter.Send(t.Context(), p.post(fmt.Sprint("delivery", n), c)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := p.newest(t)
		inert(t, m.Text, m.Mentions, m.Links)
	}
}

// sendClipsVisibly checks that every text is there whole, or that its loss is
// visible.
func sendClipsVisibly(t *testing.T, p *Platform) {
	n := 0
	for name, c := range long() {
		n++
		if _, err := p.Adapter.Send(t.Context(), p.post(fmt.Sprint("delivery", n), c)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := p.newest(t)
		if !whole(m.Text, c) && !strings.Contains(m.Text, "…") {
			t.Errorf("%s: cut without an ellipsis (%d characters shown)", name, utf8.RuneCountInString(m.Text))
		}
		if rest := strings.ReplaceAll(readable(m.Text), family, ""); strings.ContainsAny(rest, "\u200d"+family) {
			t.Errorf("%s: cut within a grapheme: %q", name, rest)
		}
		inert(t, m.Text, m.Mentions, m.Links)
	}
}

// whole reports whether text shows all that c says.
func whole(text string, c chat.Card) bool {
	text = readable(text)
	parts := []string{c.Source, c.Headline, c.Text, c.Byline, c.Image.Alt, c.Image.Credit}
	quotes := 0
	for _, q := range append(slices.Clip(c.Was), c.Quotes...) {
		parts = append(parts, q.Text, q.Speaker, q.Role)
		quotes++
	}
	for _, s := range parts {
		if !strings.Contains(text, readable(s)) {
			return false
		}
	}
	return quotes < 10 || strings.Count(text, readable(c.Quotes[0].Text)) >= quotes-3
}

func sendIsInert(t *testing.T, p *Platform) {
	for i, h := range hostile {
		_, m := p.send(t, fmt.Sprint("delivery", i), hostileCard(h.text))
		t.Run(h.name, func(t *testing.T) {
			inert(t, m.Text, m.Mentions, m.Links)
			if h.seen {
				shows(t, m.Text, h.text)
			}
		})
	}
	p.count(t, len(hostile))
}

func sendConcurrently(t *testing.T, p *Platform) {
	const n = 16
	ids := make([]chat.MessageID, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			c := plain(fmt.Sprintf("Entry <%d> of the day", i))
			if ids[i], errs[i] = p.Adapter.Send(t.Context(), p.post(fmt.Sprint("delivery", i), c)); errs[i] == nil {
				c.State = chat.Updated
				errs[i] = p.Adapter.Edit(t.Context(), p.Channel, ids[i], c)
			}
		})
	}
	wg.Wait()
	seen := map[chat.MessageID]bool{}
	var all strings.Builder
	for _, m := range p.Messages() {
		all.WriteString(m.Text + "\n")
	}
	for i := range n {
		if errs[i] != nil {
			t.Errorf("send and edit %d: %v", i, errs[i])
		}
		if seen[ids[i]] {
			t.Errorf("id %q twice", ids[i])
		}
		seen[ids[i]] = true
		shows(t, all.String(), fmt.Sprintf("Entry <%d> of the day", i))
	}
	want := n
	if p.Reprints {
		want = 2 * n
	}
	p.count(t, want)
}

func sendAgainAfterALostAnswer(t *testing.T, p *Platform) {
	p.fail(t, LostAnswer)
	post := p.post("delivery1", card())
	tried := time.Now()
	_, err := p.Adapter.Send(t.Context(), post)
	p.failed(t, err, chat.Unknown)
	p.count(t, 1)
	if !p.Recognises {
		t.Skip("this platform cannot find the message of an earlier attempt")
	}
	post.Tried = tried
	id, err := p.Adapter.Send(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	p.count(t, 1)
	c := plain("Bridge open again")
	if err := p.Adapter.Edit(t.Context(), p.Channel, id, c); err != nil {
		t.Fatalf("the id of the message that was found does not serve: %v", err)
	}
	shows(t, p.newest(t).Text, c.Headline)
}

func sendAgainAfterAReset(t *testing.T, p *Platform) {
	p.fail(t, Reset)
	post := p.post("delivery1", card())
	tried := time.Now()
	_, err := p.Adapter.Send(t.Context(), post)
	p.failed(t, err, chat.Unknown)
	p.count(t, 0)
	post.Tried = tried
	if _, err := p.Adapter.Send(t.Context(), post); err != nil {
		t.Fatal(err)
	}
	p.count(t, 1)
}

// sendDifferentKeys posts one card as two deliveries: the second is no
// repetition, even if an earlier attempt of its own is in doubt.
func sendDifferentKeys(t *testing.T, p *Platform) {
	first, _ := p.send(t, "delivery1", card())
	post := p.post("delivery2", card())
	post.Tried = time.Now().Add(-time.Second)
	second, err := p.Adapter.Send(t.Context(), post)
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Errorf("both have the id %q", first)
	}
	p.count(t, 2)
}

func sendCancelledBefore(t *testing.T, p *Platform) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Adapter.Send(ctx, p.post("delivery1", card()))
	p.failed(t, err, chat.Transient)
	p.count(t, 0)
}

func sendCancelledDuring(t *testing.T, p *Platform) {
	begun := p.fail(t, Hang)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1) // takes the one result
	go func() {
		_, err := p.Adapter.Send(ctx, p.post("delivery1", card()))
		done <- err
	}()
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("the request never came")
	}
	cancel()
	select {
	case err := <-done:
		p.failed(t, err, chat.Unknown)
	case <-time.After(time.Second):
		t.Fatal("Send goes on 1 s after its context ended")
	}
}

func editShowsTheNewState(t *testing.T, p *Platform) {
	c := card()
	id, before := p.send(t, "delivery1", c)
	was := c.Quotes[0]
	c.State, c.Changed = chat.Corrected, c.Time.Add(time.Hour/2)
	c.Headline = "Bridge closed an hour before the tide"
	c.Quotes = append([]chat.Quote{{Text: "We closed it at eleven", Speaker: "Una Marsh"}}, c.Quotes[1:]...)
	c.Was = []chat.Quote{was}
	for range 2 { // an edit may be repeated
		if err := p.Adapter.Edit(t.Context(), p.Channel, id, c); err != nil {
			t.Fatal(err)
		}
	}
	m := p.newest(t)
	for _, s := range []string{chat.Corrected.String(), c.Headline, "We closed it at eleven", was.Text} {
		shows(t, m.Text, s)
	}
	hides(t, m.Text, "Bridge closed as the tide tops the quay")
	want := 1
	if p.Reprints {
		want = 3
	}
	p.count(t, want)
	if !p.Reprints && m.ID != before.ID {
		t.Errorf("the message had the id %q, now %q", before.ID, m.ID)
	}
	for name, l := range long() {
		if err := p.Adapter.Edit(t.Context(), p.Channel, id, l); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, h := range hostile {
		if err := p.Adapter.Edit(t.Context(), p.Channel, id, hostileCard(h.text)); err != nil {
			t.Errorf("%s: %v", h.name, err)
		}
		m := p.newest(t)
		inert(t, m.Text, m.Mentions, m.Links)
	}
}

func editOfAMissingMessage(t *testing.T, p *Platform) {
	if se := p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, p.Missing, card()), chat.Gone); se.Channel {
		t.Error("the channel is said to refuse; it is the message that is gone")
	}
	p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, "no such\nid", card()), chat.Gone)
	p.failed(t, p.Adapter.Edit(t.Context(), p.Channel, "", card()), chat.Gone)
	p.count(t, 0)
}

// reasons says what each fault means to an attempt.
var reasons = map[Fault]chat.Reason{
	Unauthorized: chat.Unauthorized,
	Forbidden:    chat.Gone,
	NotFound:     chat.Gone,
	TooMany:      chat.RateLimited,
	Refused:      chat.Rejected,
	ServerError:  chat.Unknown,
	Reset:        chat.Unknown,
	LostAnswer:   chat.Unknown,
}

func faults(t *testing.T, p *Platform) {
	id, _ := p.send(t, "delivery1", card())
	calls := []struct {
		name string
		call func(n int) error
	}{
		{"send", func(n int) error {
			_, err := p.Adapter.Send(t.Context(), p.post(fmt.Sprint("fault", n), card()))
			return err
		}},
		{"edit", func(n int) error {
			return p.Adapter.Edit(t.Context(), p.Channel, id, plain(fmt.Sprint("Bridge open, take ", n)))
		}},
	}
	n := 0
	for f := Unauthorized; f <= LostAnswer; f++ {
		for _, c := range calls {
			if f == TooMany {
				continue // an adapter may hold the next call back: see below
			}
			n++
			t.Run(c.name+" "+f.String(), func(t *testing.T) {
				p.fail(t, f)
				before, shown := p.requests(), len(p.Messages())
				se := p.failed(t, c.call(n), reasons[f])
				if se.Reason == chat.Gone && c.name == "edit" && !se.Channel {
					t.Error("the message is said to be gone; it is the channel that refuses")
				}
				if got := p.requests() - before; p.Requests != nil && got != 1 {
					t.Errorf("%d requests, want 1: retries are the engine's", got)
				}
				if f == Unauthorized && se.Remedy == "" {
					t.Error("no remedy")
				}
				if f == LostAnswer && c.name == "send" {
					shown++
				}
				p.count(t, shown)
			})
		}
	}
	t.Run("send too many", func(t *testing.T) {
		p.fail(t, TooMany)
		before := p.requests()
		se := p.failed(t, calls[0].call(n+1), chat.RateLimited)
		if se.RetryAfter < RetryAfter || se.RetryAfter > RetryAfter+time.Second {
			t.Errorf("RetryAfter %v, want %v", se.RetryAfter, RetryAfter)
		}
		if se.Global {
			t.Error("the limit of one channel is said to hold for all")
		}
		if got := p.requests() - before; p.Requests != nil && got != 1 {
			t.Errorf("%d requests, want 1", got)
		}
	})
}

func checkPostsNothing(t *testing.T, p *Platform) {
	for _, ch := range []chat.Channel{{Adapter: p.Channel.Adapter}, p.Channel} {
		if err := p.Adapter.Check(t.Context(), ch); err != nil {
			t.Errorf("Check(%v): %v", ch, err)
		}
	}
	p.count(t, 0)
	p.fail(t, Unauthorized)
	se := p.failed(t, p.Adapter.Check(t.Context(), chat.Channel{Adapter: p.Channel.Adapter}), chat.Unauthorized)
	if se.Remedy == "" {
		t.Error("no remedy")
	}
	p.count(t, 0)
}
