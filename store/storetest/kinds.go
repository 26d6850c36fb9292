package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// thread makes the ledger follow a source whose entries stand in threads.
func (p *probe) thread(style store.Style, channels ...string) {
	p.Helper()
	var subs []store.Subscription
	for _, ch := range channels {
		subs = append(subs, store.Subscription{Source: "harbour", Channel: channel(ch), Style: style})
	}
	p.sync([]news.Source{source("harbour")}, subs...)
}

var headCases = []testCase{
	{"the page comes before its first entry", func(p *probe) {
		for _, style := range []store.Style{store.Thread, store.Forum} {
			p := newProbe(p.T, p.engine)
			p.thread(style, "a")
			p.same("recorded", p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two"))).Added, 2)
			l := p.lane("a")
			w := p.begin(l)
			if w.Delivery.Kind != store.Head || w.Delivery.Entry != (news.Ref{Source: "harbour"}) || w.Page == nil || w.Count != 2 || len(w.Entries) != 2 || w.Head != nil {
				p.Errorf("first: %+v", w)
			}
			p.same("newest first", w.Entries[0].Entry, news.EntryID("e2"))
			head := receipt(w)
			p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, head))
			w = p.begin(l)
			p.same("then", w.Delivery.Entry.Entry, news.EntryID("e1"))
			p.same("the thread", w.Head, &head)
			p.same("subscription", w.Subscription.Style, style)
		}
	}},
	{"a page without entries is told to nobody", func(p *probe) {
		p.thread(store.Thread, "a")
		p.same("recorded", p.record("harbour", quiet(added(entry("e1", 1, "One")))), store.Recorded{Added: 1})
		p.same("due", p.due(), nil)
	}},
	{"a page that stands is told anew when it changed", func(p *probe) {
		p.thread(store.Thread, "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.same("first", p.told("a"), []string{"head", "e1"})
		for _, tt := range []struct {
			what string
			poll store.Poll
			want []string
		}{
			{"a new entry", poll(added(entry("e2", 2, "Two"))), []string{"e2", "head"}},
			{"an edit", poll(p.edited(ref("harbour", "e1"), "One, edited")), []string{"e1", "head"}},
			{"a quiet one", poll(quiet(added(entry("e3", 3, "Three")))), []string{"head"}},
			{"another title", func() store.Poll { q := poll(); q.Title = "Harbour, day two"; return q }(), []string{"head"}},
			{"its end", func() store.Poll { q := poll(); q.Title, q.Ended = "Harbour, day two", true; return q }(), []string{"head"}},
		} {
			_, err := p.s.Record(p.ctx, p.lease("harbour"), tt.poll)
			p.ok(err)
			p.same(tt.what, p.told("a"), tt.want)
			_, err = p.s.Record(p.ctx, p.lease("harbour"), tt.poll)
			p.ok(err)
			p.same(tt.what+" again", p.due(), nil)
		}
	}},
	{"the page counts what is not withdrawn", func(p *probe) {
		p.thread(store.Thread, "a")
		for i := range 5 {
			p.record("harbour", added(entry(news.EntryID(fmt.Sprintf("e%d", i)), i, "Words")))
		}
		p.record("harbour", p.retracted(ref("harbour", "e4")))
		w := p.begin(p.lane("a"))
		var ids []news.EntryID
		for _, e := range w.Entries {
			ids = append(ids, e.Entry)
		}
		p.same("count", w.Count, 4)
		p.same("entries", ids, []news.EntryID{"e3", "e2", "e1"})
		p.same("page", w.Page.Entries, 5)
	}},
	{"a thread that a person deleted gets nothing more", func(p *probe) {
		p.thread(store.Forum, "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.told("a")
		p.told("b")
		p.record("harbour", added(entry("e2", 2, "Two")))
		l := p.lane("a")
		w := p.begin(l)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, store.Receipt{Revision: w.Delivery.Revision, Gone: true, ThreadGone: true}))
		w = p.begin(l)
		if w.Delivery.Kind != store.Head || w.Receipt == nil || !w.Receipt.Gone {
			p.Errorf("the page after its thread was deleted: %+v", w)
		}
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, *w.Receipt))
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.told("b")
		p.record("harbour", added(entry("e3", 3, "Three")))
		p.same("due", p.due(), []string{"b"})
	}},
	{"a card from before there was a thread is corrected all the same", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.told("a")
		p.thread(store.Thread, "a")
		p.record("harbour", added(entry("e2", 2, "Two")))
		l := p.lane("a")
		w := p.begin(l)
		head := receipt(w)
		head.Gone = true
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, head))
		p.send(l)
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"), added(entry("e3", 3, "Three")))
		p.same("told", p.told("a"), []string{"e1"})
	}},
	{"an entry whose id is the ledger's own is not saved", func(p *probe) {
		p.follow("harbour", "a")
		got := p.record("harbour", added(entry("\x00head\x000\x00", 1, "One")), added(entry("e1", 2, "Two")))
		p.same("recorded", got, store.Recorded{Added: 1, Enqueued: 1})
		p.same("told", p.told("a"), []string{"e1"})
	}},
}

// end records that the coverage ended, or goes on.
func (p *probe) end(ended bool, changes ...news.Change) {
	p.Helper()
	q := poll(changes...)
	q.Ended = ended
	_, err := p.s.Record(p.ctx, p.lease("harbour"), q)
	p.ok(err)
}

var closingCases = []testCase{
	{"coverage that ends, goes on and ends again", func(p *probe) {
		subs := subscribe("harbour", "a", "b")
		subs[0].Closing = true
		p.sync([]news.Source{source("harbour")}, subs...)
		p.end(false, added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		p.told("a")
		p.told("b")
		p.end(true, added(entry("e3", 3, "Three")), p.retracted(ref("harbour", "e1")))
		p.same("b", p.told("b"), []string{"e3", "e1"})
		l := p.lane("a")
		p.same("first", p.send(l).Delivery.Entry.Entry, news.EntryID("e3"))
		w := p.send(l)
		if w.Delivery.Kind != store.Closing || w.Page == nil || !w.Page.Ended || w.Count != 2 || len(w.Entries) != 2 || w.Entries[0].Entry != "e3" || w.Receipt != nil {
			p.Errorf("closing: %+v", w)
		}
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.told("a")
		p.end(true)
		p.same("it has ended all the while", p.due(), nil)
		p.end(false)
		p.same("it goes on", p.due(), nil)
		p.reopen()
		p.end(true)
		w = p.sendTo("a")
		if w.Delivery.Kind != store.Closing || w.Receipt == nil {
			p.Errorf("closing again: %+v", w)
		}
	}},
	{"coverage that had ended at first sight", func(p *probe) {
		subs := subscribe("harbour", "a")
		subs[0].Closing = true
		p.sync([]news.Source{source("harbour")}, subs...)
		p.end(true, quiet(added(entry("e1", 1, "One"))))
		p.same("due", p.due(), nil)
		l, err := p.s.Claim(p.ctx, "harbour", long)
		p.ok(err)
		p.same("ended", l.Ended, true)
	}},
}

var noteCases = []testCase{
	{"a note is promised with the receipt it follows", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.drain("a")
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		l := p.lane("a")
		w := p.begin(l)
		card := receipt(w)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, card, store.Promise{Kind: store.Note, Entry: w.Delivery.Entry, Number: 2, Since: 1}))
		note := p.begin(l)
		d := note.Delivery
		if d.Kind != store.Note || d.Entry != ref("harbour", "e1") || d.Number != 2 || d.Since != 1 || d.Key == w.Delivery.Key || note.Receipt != nil {
			p.Errorf("note: %+v", d)
		}
		if note.Before == nil || note.Before.Body != "One" || note.Entry.Body != "One, edited" {
			p.Errorf("before %+v, now %+v", note.Before, note.Entry)
		}
		p.same("card", note.Card, &card)
		p.ok(p.s.Settle(p.ctx, l, d.ID, receipt(note)))
		p.same("the card's receipt", p.receiptOf("a", ref("harbour", "e1")), card)
		found, err := p.s.Find(p.ctx, "", channel("a"), receipt(note).Message)
		p.ok(err)
		p.same("found by the note", found, []news.Ref{ref("harbour", "e1")})
		p.nothing(l)
	}},
	{"a note about a revision that is not kept", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.begin(l)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w), store.Promise{Kind: store.Note, Entry: w.Delivery.Entry, Number: 1, Since: 99}))
		p.same("before", p.begin(l).Before, nil)
	}},
	{"a note is no card: a refused one is not told anew", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.begin(l)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w), store.Promise{Kind: store.Note, Entry: w.Delivery.Entry, Number: 1, Since: 1}))
		p.ok(p.s.Abandon(p.ctx, l, p.begin(l).Delivery.ID, "refused"))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		p.same("told", p.send(l).Delivery.Kind, store.Card)
		p.nothing(l)
	}},
	{"a note outlives the subscription, as its card does", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		l := p.lane("a")
		w := p.begin(l)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w), store.Promise{Kind: store.Note, Entry: w.Delivery.Entry, Number: 1, Since: 1}))
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.follow("harbour", "b")
		p.same("told", p.told("a"), []string{"note"})
	}},
	{"a notice to the operators", func(p *probe) {
		line := strings.Repeat("x", 1000)
		p.ok(p.s.Promise(p.ctx, channel("ops"), store.Promise{Kind: store.Notice, Number: 7, Text: "first"}))
		p.ok(p.s.Promise(p.ctx, channel("ops"), store.Promise{Kind: store.Notice, Number: 7, Text: line}))
		p.ok(p.s.Promise(p.ctx, channel("ops"), store.Promise{Kind: store.Notice, Number: 8, Text: "other"}))
		p.reopen()
		p.same("backlog", p.backlog(), store.Backlog{Due: 2})
		l := p.lane("ops")
		w := p.send(l)
		if w.Delivery.Kind != store.Notice || w.Delivery.Number != 7 || w.Delivery.Text != line || w.Source.ID != "" {
			p.Errorf("notice: %+v", w)
		}
		p.same("the other", p.send(l).Delivery.Text, "other")
		p.ok(p.s.Promise(p.ctx, channel("ops"), store.Promise{Kind: store.Notice, Number: 7, Text: "anew"}))
		w = p.begin(l)
		if w.Delivery.Text != "anew" || w.Receipt == nil || w.Delivery.Revision < 2 {
			p.Errorf("the notice anew: %+v", w)
		}
		p.sync(nil)
		p.same("kept when nothing is followed", p.backlog(), store.Backlog{Due: 1})
	}},
	{"a card is promised by itself only where one stands", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")))
		w := p.sendTo("a")
		card := store.Promise{Kind: store.Card, Entry: ref("harbour", "e1")}
		for _, ch := range []string{"a", "b", "elsewhere"} {
			p.ok(p.s.Promise(p.ctx, channel(ch), card))
		}
		due := p.due()
		slices.Sort(due)
		p.same("due", due, []string{"a", "b"})
		again := p.begin(p.lane("a"))
		if again.Receipt == nil || again.Delivery.Key != w.Delivery.Key || again.Delivery.Revision <= w.Delivery.Revision {
			p.Errorf("the card again: %+v after %+v", again.Delivery, w.Delivery)
		}
		if first := p.begin(p.lane("b")); first.Receipt != nil || first.Delivery.Revision != 1 {
			p.Errorf("the card that was to come: %+v", first.Delivery)
		}
	}},
	{"pages and roll-ups are not promised by themselves", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", quiet(added(entry("e1", 1, "One"))))
		for _, kind := range []store.Kind{store.Head, store.Rollup} {
			if err := p.s.Promise(p.ctx, channel("a"), store.Promise{Kind: kind, Entry: ref("harbour", "e1")}); err == nil {
				p.Errorf("kind %q was promised", kind)
			}
		}
		p.same("due", p.due(), nil)
	}},
}
