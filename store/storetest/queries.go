package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// said returns an entry in which the speakers say the words.
func said(id news.EntryID, minute int, quotes ...news.Quote) news.Entry {
	e := entry(id, minute, "State "+string(id))
	e.Quotes = quotes
	return e
}

func quote(text, speaker, role string) news.Quote {
	return news.Quote{Text: text, Speaker: speaker, Role: role, Kind: news.Direct}
}

var queryCases = []testCase{
	{"an empty ledger", func(p *probe) {
		_, err := p.s.Entry(p.ctx, ref("harbour", "e1"))
		p.wantErr(err, store.ErrNotFound)
		_, err = p.s.Receipt(p.ctx, channel("a"), ref("harbour", "e1"))
		p.wantErr(err, store.ErrNotFound)
		ids, more := p.latest(store.Query{})
		p.same("latest", ids, nil)
		p.same("more", more, false)
		p.wantQuotes("")
		p.wantQuotes("water")
		p.same("speakers", p.speakers(""), nil)
		p.same("backlog", p.backlog(), store.Backlog{})
		list, err := p.s.Sources(p.ctx)
		p.ok(err)
		p.same("sources", len(list), 0)
	}},
	{"newest first, page by page", func(p *probe) {
		p.follow("harbour")
		var changes []news.Change
		for i := range 25 {
			changes = append(changes, added(entry(news.EntryID(fmt.Sprintf("e%02d", i)), i, "State")))
		}
		p.record("harbour", changes...)
		ids, more := p.latest(store.Query{})
		p.same("the default page", ids, []news.EntryID{"e24", "e23", "e22", "e21", "e20", "e19", "e18", "e17", "e16", "e15"})
		p.same("more", more, true)
		ids, more = p.latest(store.Query{Offset: 20, Limit: 5})
		p.same("the last page", ids, []news.EntryID{"e04", "e03", "e02", "e01", "e00"})
		p.same("more", more, false)
		ids, more = p.latest(store.Query{Offset: 19, Limit: 5})
		p.same("the page before", ids, []news.EntryID{"e05", "e04", "e03", "e02", "e01"})
		p.same("more", more, true)
		ids, _ = p.latest(store.Query{Offset: 25})
		p.same("past the end", ids, nil)
		ids, _ = p.latest(store.Query{Since: noon.Add(23 * time.Minute)})
		p.same("since", ids, []news.EntryID{"e24", "e23"})
		ids, _ = p.latest(store.Query{Since: noon.Add(24*time.Minute + 1)})
		p.same("since after all", ids, nil)
	}},
	{"pages stay put while entries arrive", func(p *probe) {
		p.follow("harbour")
		var changes []news.Change
		for i := range 6 {
			changes = append(changes, added(entry(news.EntryID(fmt.Sprintf("e%d", i)), i, "State one")))
		}
		p.record("harbour", changes...)
		q := store.Query{AsOf: noon.Add(10 * time.Minute), Limit: 3}
		words := q
		words.Words = "state"
		first, _ := p.latest(q)
		firstQuotes, _ := p.quotes(words)
		late := entry("late", 4, "State two")
		late.FirstSeen = noon.Add(20 * time.Minute) // published in between, seen later
		p.record("harbour", added(late), added(entry("e9", 20, "State three")))
		again, _ := p.latest(q)
		p.same("first page", again, first)
		againQuotes, _ := p.quotes(words)
		p.same("first page of quotes", againQuotes, firstQuotes)
		q.Offset, words.Offset = 3, 3
		ids, more := p.latest(q)
		p.same("second page", ids, []news.EntryID{"e2", "e1", "e0"})
		p.same("more", more, false)
		quotes, more := p.quotes(words)
		p.same("second page of quotes", quotes, []string{"e2: State one", "e1: State one", "e0: State one"})
		p.same("more quotes", more, false)
		q.AsOf, q.Offset = noon.Add(20*time.Minute), 0
		ids, _ = p.latest(q)
		slices.Sort(ids) // e4 and late are of the same minute
		p.same("as of the instant it was seen", ids, []news.EntryID{"e4", "e5", "late"})
	}},
	{"of some sources", func(p *probe) {
		p.sync([]news.Source{source("a"), source("ab"), source("b"), source("c")})
		for i, id := range []news.SourceID{"a", "ab", "b", "c"} {
			p.record(id, added(entry("first", i, "Of "+string(id))), added(entry(news.EntryID("second-"+id), 10-i, "Of "+string(id))))
		}
		ids, _ := p.latest(store.Query{Sources: []news.SourceID{"a"}})
		p.same("a", ids, []news.EntryID{"second-a", "first"})
		ids, more := p.latest(store.Query{Sources: []news.SourceID{"b", "a", "b"}, Limit: 3})
		p.same("a and b", ids, []news.EntryID{"second-a", "second-b", "first"})
		p.same("more", more, true)
		ids, _ = p.latest(store.Query{Sources: []news.SourceID{"none"}})
		p.same("an unknown one", ids, nil)
		quotes, _ := p.quotes(store.Query{Sources: []news.SourceID{"ab", "c"}, Words: "of"})
		p.same("quotes", quotes, []string{"second-ab: Of ab", "second-c: Of c", "first: Of c", "first: Of ab"})
	}},
	{"withdrawn entries are among the latest", func(p *probe) {
		p.follow("harbour")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.record("harbour", p.retracted(ref("harbour", "e1")))
		ids, _ := p.latest(store.Query{})
		p.same("latest", ids, []news.EntryID{"e1"})
	}},
	{"quotes by words", func(p *probe) {
		p.follow("harbour")
		p.record("harbour",
			added(said("e1", 1, quote("The water came over the quay", "Una Marsh", "harbour master"), quote("We left at once", "Ned Shaw", ""))),
			added(said("e2", 2, quote("No water, no power", "", ""))),
			added(said("e3", 3, quote("Élan vital: Überall 42 Straßen", "Zoë O’Neill", "Stadträtin"))),
			added(said("e4", 4)))
		p.wantQuotes("", "e3: Élan vital: Überall 42 Straßen", "e2: No water, no power", "e1: The water came over the quay", "e1: We left at once")
		p.wantQuotes("water", "e2: No water, no power", "e1: The water came over the quay")
		p.wantQuotes("WATER quay", "e1: The water came over the quay")
		p.wantQuotes("wat", "e2: No water, no power", "e1: The water came over the quay")
		p.wantQuotes("ater")
		p.wantQuotes("marsh", "e1: The water came over the quay")
		p.wantQuotes("harb mast una wat", "e1: The water came over the quay")
		p.wantQuotes("water ned")
		p.wantQuotes("water water", "e2: No water, no power", "e1: The water came over the quay")
		p.wantQuotes("überall", "e3: Élan vital: Überall 42 Straßen")
		p.wantQuotes("42 élan", "e3: Élan vital: Überall 42 Straßen")
		p.wantQuotes("o’neill stadt", "e3: Élan vital: Überall 42 Straßen")
		p.wantQuotes("no-power!", "e2: No water, no power")
		p.wantQuotes("n", "e3: Élan vital: Überall 42 Straßen", "e2: No water, no power", "e1: We left at once")
		p.wantQuotes("zanzibar")
		p.wantQuotes("water zanzibar")
	}},
	{"quotes come with their entry, in its order", func(p *probe) {
		p.follow("harbour")
		e := said("e1", 1, quote("We saw it come", "Una Marsh", ""), quote("We ran", "Ned Shaw", ""), quote("We swam", "", ""))
		p.record("harbour", added(e), added(said("e2", 2, quote("We waited", "", ""))))
		hits, more, err := p.s.Quotes(p.ctx, store.Query{Words: "we", Offset: 1, Limit: 2})
		p.ok(err)
		e.Source = "harbour"
		p.same("hits", hits, []store.QuoteHit{{Entry: e, Quote: e.Quotes[0]}, {Entry: e, Quote: e.Quotes[1]}})
		p.same("more", more, true)
		_, more, err = p.s.Quotes(p.ctx, store.Query{Words: "we", Limit: 4})
		p.ok(err)
		p.same("more after all", more, false)
		found, _ := p.quotes(store.Query{Words: "we", Since: noon.Add(2 * time.Minute)})
		p.same("since", found, []string{"e2: We waited"})
	}},
	{"quotes follow their entry", func(p *probe) {
		p.follow("harbour")
		p.record("harbour", added(said("e1", 1, quote("Fourteen boats", "Una Marsh", ""), quote("It rains", "Ned Shaw", ""))))
		c := p.edited(ref("harbour", "e1"), "x")
		c.Entry.Quotes = []news.Quote{quote("Forty boats", "Una Marsh", "")}
		p.record("harbour", c)
		p.wantQuotes("fourteen")
		p.wantQuotes("rains")
		p.wantQuotes("boats", "e1: Forty boats")
		p.same("speakers", p.speakers(""), []string{"Una Marsh"})
		p.record("harbour", p.retracted(ref("harbour", "e1")))
		p.wantQuotes("boats")
		p.wantQuotes("")
		p.same("speakers of a withdrawn entry", p.speakers(""), nil)
		p.record("harbour", p.reinstated(ref("harbour", "e1")))
		p.wantQuotes("boats", "e1: Forty boats")
		p.same("speakers of a reinstated entry", p.speakers(""), []string{"Una Marsh"})
	}},
	{"more quotes than any page", func(p *probe) {
		p.follow("harbour")
		var changes []news.Change
		for i := range 300 {
			changes = append(changes, added(said(news.EntryID(fmt.Sprintf("e%03d", i)), i,
				quote(fmt.Sprintf("Boat b%03d is in", i), fmt.Sprintf("Skipper %d", i%7), ""), quote("All well", "", ""))))
		}
		p.record("harbour", changes...)
		found, more := p.quotes(store.Query{Words: "b i", Limit: 2}) // b begins 301 words
		p.same("many words", found, []string{"e299: Boat b299 is in", "e298: Boat b298 is in"})
		p.same("more", more, true)
		p.wantQuotes("b17 boat skipper", "e179: Boat b179 is in", "e178: Boat b178 is in", "e177: Boat b177 is in",
			"e176: Boat b176 is in", "e175: Boat b175 is in", "e174: Boat b174 is in", "e173: Boat b173 is in",
			"e172: Boat b172 is in", "e171: Boat b171 is in", "e170: Boat b170 is in")
		p.wantQuotes("all b")
		p.wantQuotes("b000", "e000: Boat b000 is in")
	}},
	{"speakers, the most recently quoted first", func(p *probe) {
		p.follow("harbour")
		p.record("harbour",
			added(said("e1", 1, quote("One", "Una Marsh", ""), quote("Two", "Ned Shaw", ""))),
			added(said("e2", 2, quote("Three", "Zoë van der Marsh", ""))),
			added(said("e3", 3, quote("Four", "Ned Shaw", ""), quote("Five", "", ""))))
		p.same("all", p.speakers(""), []string{"Ned Shaw", "Zoë van der Marsh", "Una Marsh"})
		p.same("marsh", p.speakers("mar"), []string{"Zoë van der Marsh", "Una Marsh"})
		p.same("any case", p.speakers("ZOË"), []string{"Zoë van der Marsh"})
		p.same("over words", p.speakers("una m"), []string{"Una Marsh"})
		p.same("inside a word", p.speakers("arsh"), nil)
		first, err := p.s.Speakers(p.ctx, "", 1)
		p.ok(err)
		p.same("limit", first, []string{"Ned Shaw"})
		p.record("harbour", p.retracted(ref("harbour", "e3")))
		all := p.speakers("")
		p.same("the newest is withdrawn", all[:1], []string{"Zoë van der Marsh"})
		slices.Sort(all)
		p.same("nobody is lost", all, []string{"Ned Shaw", "Una Marsh", "Zoë van der Marsh"})
	}},
	{"entries of the same id in two sources", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")}, append(subscribe("harbour", "a"), subscribe("council", "b")...)...)
		p.record("harbour", added(entry("e1", 1, "Of the harbour")))
		p.record("council", added(entry("e1", 1, "Of the council")))
		p.same("harbour", p.entry(ref("harbour", "e1")).Body, "Of the harbour")
		p.same("council", p.entry(ref("council", "e1")).Body, "Of the council")
		p.drain("a")
		_, err := p.s.Receipt(p.ctx, channel("a"), ref("council", "e1"))
		p.wantErr(err, store.ErrNotFound)
		p.record("harbour", p.retracted(ref("harbour", "e1")))
		p.wantQuotes("of", "e1: Of the council")
	}},
	{"channels of the same id on two adapters", func(p *probe) {
		other := chat.Channel{Adapter: "other", ID: "a"}
		p.sync([]news.Source{source("harbour")}, append(subscribe("harbour", "a"), store.Subscription{Source: "harbour", Channel: other})...)
		p.record("harbour", added(entry("e1", 1, "One")))
		p.drain("a")
		_, err := p.s.Receipt(p.ctx, other, ref("harbour", "e1"))
		p.wantErr(err, store.ErrNotFound)
		p.same("backlog", p.backlog(), store.Backlog{Due: 1})
	}},
	{"what is returned is the caller's", func(p *probe) {
		p.follow("harbour")
		p.record("harbour", added(wholeEntry()))
		e := p.entry(ref("harbour", "whole"))
		e.Quotes[0].Text, e.Tags[0], e.Aliases[0] = "changed", "changed", "changed"
		k := p.known("harbour", "whole")
		k[0].Aliases[0] = "changed"
		if e := p.entry(ref("harbour", "whole")); e.Quotes[0].Text == "changed" || e.Tags[0] == "changed" || e.Aliases[0] == "changed" {
			p.Errorf("entry: %+v", e)
		}
		if k := p.known("harbour", "whole"); k[0].Aliases[0] == "changed" {
			p.Errorf("known: %+v", k)
		}
	}},
}
