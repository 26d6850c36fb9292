package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

var (
	noon  = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	items = []chat.Item{
		{Time: noon, Headline: "Bridge closed as the tide tops the quay", Speaker: "Una Marsh", URL: "https://news.example/live/harbour#e7"},
		{Time: noon.Add(5 * time.Minute), Headline: "Forty lorries wait on Customs Quay", State: chat.Corrected},
		{Headline: "Ferries stay in port"},
	}
)

// forms returns an ordinary card of every form but [chat.EntryForm], with
// everything that the form shows.
func forms() map[chat.Form]chat.Card {
	const page = "https://news.example/live/harbour"
	return map[chat.Form]chat.Card{
		chat.HeadForm: {
			Form: chat.HeadForm, Source: "Harbour live", Headline: "Storm closes the harbour bridge", URL: page,
			Count: 417, Items: items, Changed: noon.Add(time.Hour),
		},
		chat.RollupForm: {
			Form: chat.RollupForm, Source: "Harbour live", Headline: "12 more updates", Count: 12, Items: items, Note: "/latest shows them all",
		},
		chat.ClosingForm: {
			Form: chat.ClosingForm, Source: "Harbour live", Headline: "Storm closes the harbour bridge", URL: page,
			Count: 417, Items: items, Note: "Coverage has ended.", Changed: noon.Add(9 * time.Hour),
		},
		chat.NoteForm: {
			Form: chat.NoteForm, Source: "Harbour live", State: chat.Corrected, Headline: "Bridge closed as the tide tops the quay",
			URL: page + "#e7", Changed: noon.Add(time.Hour / 2),
			Edits:  []chat.Edit{{What: "Headline", Old: "Bridge open as usual", New: "Bridge closed as the tide tops the quay"}, {What: "Text", New: "Nobody is hurt."}},
			Was:    []chat.Quote{{Text: "We closed it at ten", Speaker: "Una Marsh"}},
			Quotes: []chat.Quote{{Text: "We closed it at noon", Speaker: "Una Marsh", Role: "harbour master"}},
		},
		chat.NoticeForm: {Form: chat.NoticeForm, Text: "The channel refuses cards: the bot is not in it any more."},
	}
}

// saidBy returns what a reader of a card of that form must see.
func saidBy(c chat.Card) []string {
	want := []string{c.Source, c.Headline, c.Text, c.Note}
	switch c.Form {
	case chat.HeadForm, chat.ClosingForm:
		want = append(want, fmt.Sprint(c.Count))
	case chat.NoteForm:
		want = append(want, c.State.String())
	}
	for _, i := range c.Items {
		want = append(want, i.Headline, i.Speaker)
	}
	for _, e := range c.Edits {
		want = append(want, e.What, e.Old, e.New)
	}
	for _, q := range slices.Concat(c.Was, c.Quotes) {
		want = append(want, q.Text, q.Speaker, q.Role)
	}
	return want
}

// formsAreShown posts a card of every form and edits it.
func formsAreShown(t *testing.T, p *Platform) {
	for f, c := range forms() {
		id, m := p.send(t, fmt.Sprint("delivery", int(f)), c)
		check := func(m Message) {
			t.Helper()
			for _, want := range saidBy(c) {
				shows(t, m.Text, want)
			}
			inert(t, m.Text, m.Mentions, m.Links)
			leads := slices.ContainsFunc(m.Links, func(l Link) bool { return l.URL == c.URL })
			if c.URL != "" && !leads {
				t.Errorf("form %d: no link leads to %s: %v", f, c.URL, m.Links)
			}
		}
		check(m)
		if f == chat.NoticeForm {
			c.Text = "The channel takes cards again."
		} else {
			c.Headline += " and the road"
		}
		if err := p.Adapter.Edit(t.Context(), p.Channel, id, c); err != nil {
			t.Errorf("form %d: edit: %v", f, err)
			continue
		}
		check(p.newest(t))
	}
}

// formsAcceptAnything posts cards of every form that say too much, nothing, or
// what tries to come alive.
func formsAcceptAnything(t *testing.T, p *Platform) {
	n := 0
	post := func(name string, c chat.Card) Message {
		t.Helper()
		n++
		if _, err := p.Adapter.Send(t.Context(), p.post(fmt.Sprint("delivery", n), c)); err != nil {
			t.Errorf("form %d, %s: %v", c.Form, name, err)
			return Message{}
		}
		m := p.newest(t)
		inert(t, m.Text, m.Mentions, m.Links)
		return m
	}
	for f := range forms() {
		post("empty", chat.Card{Form: f})
		for _, h := range hostile {
			m := post(h.name, hostileForm(f, h.text))
			if h.seen {
				shows(t, m.Text, h.text)
			}
		}
		words := strings.TrimSpace(strings.Repeat("water over the quay ", 400))
		c := hostileForm(f, words)
		for range 500 {
			c.Items, c.Edits = append(c.Items, c.Items[0]), append(c.Edits, c.Edits[0])
			c.Quotes, c.Was = append(c.Quotes, c.Quotes[0]), append(c.Was, c.Was[0])
		}
		if m := post("long", c); !strings.Contains(m.Text, "…") {
			t.Errorf("form %d: cut without an ellipsis", f)
		}
	}
	post("a form that is none", chat.Card{Form: 99, Headline: "Bridge closed"})
}

// hostileForm returns a card of a form that says text everywhere.
func hostileForm(f chat.Form, text string) chat.Card {
	c := hostileCard(text)
	c.Form, c.Count, c.Note = f, 3, text
	c.Items = []chat.Item{{Time: noon, Headline: text, Speaker: text, URL: "https://news.example/live/harbour#e7", State: chat.Withdrawn}}
	c.Edits = []chat.Edit{{What: text, Old: text, New: text}}
	return c
}
