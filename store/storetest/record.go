package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var recordCases = []testCase{
	{"a new entry is promised to every subscriber", func(p *probe) {
		p.follow("harbour", "a", "b")
		e := entry("e1", 1, "The bridge is shut")
		p.same("recorded", p.record("harbour", added(e)), store.Recorded{Added: 1, Enqueued: 2})
		e.Source = "harbour"
		p.same("entry", p.entry(ref("harbour", "e1")), e)
		p.same("backlog", p.backlog(), store.Backlog{Due: 2})
		for _, ch := range []string{"a", "b"} {
			w := p.begin(p.lane(ch))
			p.same("entry of the work", w.Entry, e)
			p.same("source of the work", w.Source, source("harbour"))
			if w.Receipt != nil || w.Delivery.Revision != 1 || w.Delivery.Attempts != 1 || !w.Delivery.Tried.IsZero() {
				p.Errorf("work: %+v", w)
			}
		}
	}},
	{"a whole entry comes back as it was", func(p *probe) {
		p.follow("harbour")
		e := wholeEntry()
		p.record("harbour", added(e))
		e.Source = "harbour"
		p.same("entry", p.entry(ref("harbour", "whole")), e)
		p.reopen()
		p.same("entry after a restart", p.entry(ref("harbour", "whole")), e)
	}},
	{"what is not set is set when it is recorded", func(p *probe) {
		p.follow("harbour")
		e := news.Entry{Ref: news.Ref{Entry: "e1"}, Headline: "Bridge shut"}
		p.record("harbour", added(e))
		got := p.entry(ref("harbour", "e1"))
		if got.Revision != 1 || time.Since(got.FirstSeen) > patience || got.Changed.IsZero() || !got.When().Equal(got.FirstSeen) {
			p.Errorf("entry: %+v", got)
		}
	}},
	{"quiet entries are recorded and told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.same("recorded", p.record("harbour", quiet(added(entry("e1", 1, "Old news"))), added(entry("e2", 2, "News"))),
			store.Recorded{Added: 2, Enqueued: 1})
		p.entry(ref("harbour", "e1"))
		p.same("sent", p.drain("a"), []news.EntryID{"e2"})
	}},
	{"recording the same again changes nothing", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")), added(entry("e3", 3, "It rains")))
		changes := []news.Change{
			added(entry("e1", 1, "The bridge is shut")), added(entry("e2", 2, "The bridge is open")),
			p.edited(ref("harbour", "e1"), "The bridge was shut"), p.retracted(ref("harbour", "e3")),
		}
		p.same("recorded", p.record("harbour", changes...), store.Recorded{Added: 1, Edited: 1, Withdrawn: 1, Enqueued: 6})
		e1, e3, backlog, status := p.entry(ref("harbour", "e1")), p.entry(ref("harbour", "e3")), p.backlog(), p.status("harbour")
		p.same("recorded again", p.record("harbour", changes...), store.Recorded{})
		p.same("e1", p.entry(ref("harbour", "e1")), e1)
		p.same("e3", p.entry(ref("harbour", "e3")), e3)
		p.same("backlog", p.backlog(), backlog)
		p.same("entries", p.status("harbour").Entries, status.Entries)
	}},
	{"an edit goes where the entry stands or is pending", func(p *probe) {
		p.follow("harbour", "stands", "pending")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.drain("stands")
		p.follow("harbour", "stands", "pending", "late")
		p.same("recorded", p.record("harbour", p.edited(ref("harbour", "e1"), "The bridge was shut")),
			store.Recorded{Edited: 1, Enqueued: 2})
		w := p.sendTo("stands")
		if w.Receipt == nil || w.Receipt.Message != "m-stands-e1" || w.Entry.Revision != 2 {
			p.Errorf("work where it stands: %+v", w)
		}
		if w := p.sendTo("pending"); w.Receipt != nil || w.Entry.Revision != 2 || w.Delivery.Revision != 2 {
			p.Errorf("work where it was pending: %+v", w)
		}
		p.same("due", p.due(), nil)
	}},
	{"a quiet edit is told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.drain("a")
		p.same("recorded", p.record("harbour", quiet(p.edited(ref("harbour", "e1"), "The bridge was shut"))), store.Recorded{Edited: 1})
		p.same("due", p.due(), nil)
		if e := p.entry(ref("harbour", "e1")); e.Body != "The bridge was shut" {
			p.Errorf("entry: %+v", e)
		}
	}},
	{"an edit of what was quiet is told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", quiet(added(entry("e1", 1, "Old news"))))
		p.same("recorded", p.record("harbour", p.edited(ref("harbour", "e1"), "Old news, changed")), store.Recorded{Edited: 1})
	}},
	{"a withdrawal, and its end", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.drain("a")
		p.same("recorded", p.record("harbour", p.retracted(ref("harbour", "e1"))), store.Recorded{Withdrawn: 1, Enqueued: 1})
		if w := p.sendTo("a"); !w.Entry.Withdrawn || w.Receipt == nil {
			p.Errorf("work: %+v", w)
		}
		p.same("recorded", p.record("harbour", p.reinstated(ref("harbour", "e1"))), store.Recorded{Edited: 1, Enqueued: 1})
		if w := p.sendTo("a"); w.Entry.Withdrawn || w.Entry.Revision != 3 {
			p.Errorf("work: %+v", w)
		}
	}},
	{"changes of entries that are not there are passed over", func(p *probe) {
		p.follow("harbour", "a")
		e := entry("e1", 1, "Never seen")
		e.Revision = 2
		p.same("recorded", p.record("harbour", news.Change{Kind: news.Edited, Entry: e}, news.Change{Kind: news.Retracted, Entry: e},
			news.Change{Kind: news.Missed, Entry: e, Missed: 1}), store.Recorded{})
	}},
	{"an absence is counted and told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.drain("a")
		bare := news.Entry{Ref: news.Ref{Entry: "e1"}, Withdrawn: true}
		p.same("recorded", p.record("harbour", news.Change{Kind: news.Missed, Entry: bare, Missed: 1}), store.Recorded{})
		if k := p.known("harbour", "e1"); len(k) != 1 || k[0].Missed != 1 || k[0].Withdrawn {
			p.Errorf("known: %+v", k)
		}
		if e := p.entry(ref("harbour", "e1")); e.Withdrawn || e.Body == "" {
			p.Errorf("entry: %+v", e)
		}
		p.record("harbour", news.Change{Kind: news.Missed, Entry: bare, Missed: 0})
		if k := p.known("harbour", "e1"); len(k) != 1 || k[0].Missed != 0 {
			p.Errorf("known after its return: %+v", k)
		}
		p.same("due", p.due(), nil)
	}},
	{"an alias leads to its entry and is told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.drain("a")
		e := p.entry(ref("harbour", "e1"))
		e.Aliases = []news.EntryID{"guid:1", "e1-old"}
		p.same("recorded", p.record("harbour", news.Change{Kind: news.Aliased, Entry: e}), store.Recorded{})
		for _, id := range []news.EntryID{"e1", "guid:1", "e1-old"} {
			if got := p.entry(ref("harbour", id)); got.Entry != "e1" || got.Revision != 1 {
				p.Errorf("%s leads to %+v", id, got)
			}
		}
		p.same("receipt by alias", p.receiptOf("a", ref("harbour", "guid:1")).Message, p.receiptOf("a", ref("harbour", "e1")).Message)
		if k := p.known("harbour", "guid:1", "e1", "e1-old"); len(k) != 1 || !slices.Equal(k[0].Aliases, e.Aliases) {
			p.Errorf("known: %+v", k)
		}
		p.same("due", p.due(), nil)
	}},
	{"an id goes before another entry's alias", func(p *probe) {
		p.follow("harbour")
		e2 := entry("e2", 2, "The bridge is open")
		e2.Aliases = []news.EntryID{"e1"}
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")), added(e2))
		if e := p.entry(ref("harbour", "e1")); e.Entry != "e1" {
			p.Errorf("e1 leads to %s", e.Entry)
		}
	}},
	{"known: ids and times", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")})
		var changes []news.Change
		for i := range 10 {
			changes = append(changes, added(entry(news.EntryID(fmt.Sprintf("e%d", i)), i, fmt.Sprintf("State %d", i))))
		}
		p.record("harbour", changes...)
		p.record("council", changes...)
		at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		p.wantKnown("ids", []news.EntryID{"e3", "e7", "none", "e3"}, time.Time{}, time.Time{}, "e3", "e7")
		p.wantKnown("times", nil, at(2), at(4), "e2", "e3", "e4")
		p.wantKnown("one instant", nil, at(2), at(2), "e2")
		p.wantKnown("between entries", nil, at(2).Add(time.Second), at(3).Add(-time.Second))
		p.wantKnown("both, each once", []news.EntryID{"e3", "e9"}, at(2), at(4), "e2", "e3", "e4", "e9")
		p.wantKnown("from the beginning", nil, time.Time{}, at(1), "e0", "e1")
		p.wantKnown("to the end", nil, at(8), time.Time{}, "e8", "e9")
		p.wantKnown("nothing", nil, time.Time{}, time.Time{})
	}},
	{"known is what Remember says", func(p *probe) {
		p.follow("harbour")
		e := wholeEntry()
		p.record("harbour", added(e), added(news.Entry{Ref: news.Ref{Entry: "bare"}, FirstSeen: noon}))
		e.Source = "harbour"
		p.same("known", p.known("harbour", "whole"), []news.Known{news.Remember(&e)})
		if k := p.known("harbour", "bare"); len(k) != 1 || k[0].Dated || !k[0].When.Equal(noon) {
			p.Errorf("undated: %+v", k)
		}
		p.record("harbour", p.retracted(ref("harbour", "whole")))
		if k := p.known("harbour", "whole"); len(k) != 1 || !k[0].Withdrawn || k[0].Revision != e.Revision+1 {
			p.Errorf("withdrawn: %+v", k)
		}
	}},
	{"an edit that moves the entry in time", func(p *probe) {
		p.follow("harbour")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		c := p.edited(ref("harbour", "e1"), "The bridge is shut")
		c.Entry.Published = noon.Add(long)
		p.record("harbour", c)
		p.wantKnown("at its old time", nil, noon, noon.Add(2*time.Minute))
		p.wantKnown("at its new time", nil, noon.Add(long), noon.Add(long), "e1")
		ids, _ := p.latest(store.Query{})
		p.same("latest", ids, []news.EntryID{"e1"})
		p.same("newest", p.status("harbour").Newest, noon.Add(long))
	}},
	{"a subscriber who came while the page was read is told", func(p *probe) {
		p.follow("harbour", "a")
		l := p.lease("harbour")
		p.follow("harbour", "a", "b")
		done, err := p.s.Record(p.ctx, l, poll(added(entry("e1", 1, "The bridge is shut"))))
		p.ok(err)
		p.same("recorded", done, store.Recorded{Added: 1, Enqueued: 2})
	}},
	{"a new subscription starts now", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.follow("harbour", "a", "b")
		p.same("due", p.due(), []string{"a"})
		p.record("harbour", added(entry("e2", 2, "The bridge is open")))
		p.same("sent to b", p.drain("b"), []news.EntryID{"e2"})
		p.same("sent to a", p.drain("a"), []news.EntryID{"e1", "e2"})
	}},
	{"silent and breaking are fixed when the promise is made", func(p *probe) {
		src := source("harbour")
		src.Breaking = true
		p.sync([]news.Source{src}, store.Subscription{Source: "harbour", Channel: channel("a"), Silent: true},
			store.Subscription{Source: "harbour", Channel: channel("b")})
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		if d := p.begin(p.lane("a")).Delivery; !d.Silent || !d.Breaking {
			p.Errorf("delivery to a: %+v", d)
		}
		if d := p.begin(p.lane("b")).Delivery; d.Silent || !d.Breaking {
			p.Errorf("delivery to b: %+v", d)
		}
	}},
	{"30 entries for 8 channels at once", func(p *probe) { fanOut(p, 30, 8) }},
	{"100 entries for 40 channels at once", func(p *probe) { fanOut(p, 100, 40) }},
	{"names of every kind", func(p *probe) {
		ids := []news.EntryID{"a", "ab", "a\x00b", "a/b", "ü", "日本", " ", news.EntryID(strings.Repeat("long", 2000)),
			news.EntryID(strings.Repeat("long", 2000) + "er"), "https://news.example/live?page=1#block-64f"}
		p.follow("harbour", "a")
		for i, id := range ids {
			p.record("harbour", added(entry(id, i, "State "+fmt.Sprint(i))))
		}
		for i, id := range ids {
			if e := p.entry(ref("harbour", id)); e.Entry != id || e.Body != "State "+fmt.Sprint(i) {
				p.Errorf("entry %.20q holds %.20q", id, e.Body)
			}
			if k := p.known("harbour", id); len(k) != 1 || k[0].ID != id {
				p.Errorf("known %.20q: %v", id, k)
			}
		}
		p.same("sent", p.drain("a"), ids)
	}},
}

// wholeEntry has a value in every field, awkward ones among them.
func wholeEntry() news.Entry {
	e := entry("whole", 7, "“Water, everywhere”\n\nsaid “Una”.")
	e.Aliases = []news.EntryID{"w1", "w2"}
	e.Author = "Ada Finch, Ned Shaw"
	e.Updated = noon.Add(time.Hour).Add(123456 * time.Microsecond)
	e.Media = []news.Media{{URL: "https://img.example/1.jpg", Kind: news.Image, Alt: "A \"bridge\" & <water>", Credit: "Ada Finch"}}
	e.Tags = []string{"storm", "harbour"}
	e.Key = true
	e.Revision, e.Status = 3, news.Corrected
	e.Was = []news.Quote{{Text: "Water, nowhere", InHeadline: true, Kind: news.Mixed, Confidence: news.Low}}
	return e
}

func (p *probe) known(id news.SourceID, ids ...news.EntryID) []news.Known {
	p.Helper()
	known, err := p.s.Known(p.ctx, id, ids, time.Time{}, time.Time{})
	p.ok(err)
	return known
}

func (p *probe) wantKnown(what string, ids []news.EntryID, from, to time.Time, want ...news.EntryID) {
	p.Helper()
	known, err := p.s.Known(p.ctx, "harbour", ids, from, to)
	p.ok(err)
	var got []news.EntryID
	for _, k := range known {
		got = append(got, k.ID)
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		p.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func fanOut(p *probe, entries, channels int) {
	var names []string
	for i := range channels {
		names = append(names, fmt.Sprintf("c%03d", i))
	}
	p.follow("harbour", names...)
	var changes []news.Change
	var want []news.EntryID
	for i := range entries {
		e := entry(news.EntryID(fmt.Sprintf("e%03d", i)), i, fmt.Sprintf("State %d", i))
		changes, want = append(changes, added(e)), append(want, e.Entry)
	}
	p.same("recorded", p.record("harbour", changes...), store.Recorded{Added: entries, Enqueued: entries * channels})
	p.same("backlog", p.backlog(), store.Backlog{Due: entries * channels})
	for _, name := range []string{names[0], names[channels-1]} {
		p.same("sent to "+name, p.drain(name), want)
	}
}
