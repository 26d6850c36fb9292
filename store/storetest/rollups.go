package storetest

import (
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// waiting returns what Waiting says of a lane, as ids of deliveries and of
// entries.
func (p *probe) waiting(l store.Lane, limit int) (ids []store.DeliveryID, entries []news.EntryID) {
	p.Helper()
	list, err := p.s.Waiting(p.ctx, l, limit)
	p.ok(err)
	for _, w := range list {
		ids = append(ids, w.ID)
		entries = append(entries, w.Entry.Entry)
	}
	return ids, entries
}

// fold folds all but the first skip of what waits.
func (p *probe) fold(l store.Lane, skip int, f store.Fold) {
	p.Helper()
	ids, _ := p.waiting(l, 1000)
	p.ok(p.s.Fold(p.ctx, l, ids[skip:], f))
}

// flood records n entries of the harbour from first on, a minute apart.
func (p *probe) flood(first, n int) {
	p.Helper()
	var changes []news.Change
	for i := first; i < first+n; i++ {
		changes = append(changes, added(entry(news.EntryID(fmt.Sprintf("e%03d", i)), i, fmt.Sprintf("Words %d", i))))
	}
	p.record("harbour", changes...)
}

// burst is the fold of a flood of one source.
var burst = store.Fold{Source: "harbour", Within: long}

var rollupCases = []testCase{
	{"what waits, in the order it would be sent", func(p *probe) {
		hot := source("quay")
		hot.Breaking = true
		p.sync([]news.Source{source("harbour"), hot}, append(subscribe("harbour", "a"), subscribe("quay", "a")...)...)
		key := entry("key", 2, "Two")
		key.Key, key.Quotes = true, nil
		p.record("harbour", added(entry("stands", 0, "Nought")), added(entry("tried", 1, "One")), added(key), added(entry("gone", 3, "Three")))
		l := p.lane("a")
		p.send(l)
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now(), Unknown: true}))
		p.record("harbour", p.edited(ref("harbour", "stands"), "Nought, edited"), p.retracted(ref("harbour", "gone")))
		p.record("quay", added(entry("hot", 4, "Four")))
		p.ok(p.s.Promise(p.ctx, channel("a"), store.Promise{Kind: store.Notice, Number: 1, Text: "a line"}))
		list, err := p.s.Waiting(p.ctx, l, 10)
		p.ok(err)
		want := []store.Waiting{
			{Entry: ref("quay", "hot"), When: noon.Add(4 * time.Minute), Quoted: true, Breaking: true},
			{Entry: ref("harbour", "key"), When: noon.Add(2 * time.Minute), Key: true},
		}
		for i := range list {
			if list[i].ID == 0 || time.Since(list[i].Enqueued) > patience {
				p.Errorf("waiting: %+v", list[i])
			}
			list[i].ID, list[i].Enqueued = 0, time.Time{}
		}
		p.same("waiting", list, want)
		_, one := p.waiting(l, 1)
		p.same("the first", one, []news.EntryID{"hot"})
	}},
	{"entries folded are told together", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 25)
		l := p.lane("a")
		p.fold(l, 1, burst)
		p.same("backlog", p.backlog(), store.Backlog{Due: 2})
		p.same("the card", p.send(l).Delivery.Entry.Entry, news.EntryID("e000"))
		w := p.send(l)
		if w.Delivery.Kind != store.Rollup || w.Delivery.Entry != (news.Ref{Source: "harbour"}) || w.Source.ID != "harbour" || w.Count != 24 || len(w.Entries) != 20 || w.Entries[0].Entry != "e024" || w.Earlier {
			p.Errorf("roll-up: %+v, %d entries", w.Delivery, len(w.Entries))
		}
		p.nothing(l)
		p.reopen()
		p.same("a folded entry has no card", func() error { _, err := p.s.Receipt(p.ctx, channel("a"), ref("harbour", "e007")); return err }() != nil, true)
		found, err := p.s.Find(p.ctx, "", channel("a"), receipt(w).Message)
		p.ok(err)
		p.same("found by the roll-up", len(found), 24)
		list, err := p.s.Receipts(p.ctx, ref("harbour", "e007"))
		p.ok(err)
		if len(list) != 1 || list[0].Folded != w.Delivery.Number || list[0].Message != "" {
			p.Errorf("receipts of a folded entry: %+v", list)
		}
	}},
	{"a roll-up grows while it is young", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		l := p.lane("a")
		p.fold(l, 0, burst)
		first := p.send(l)
		p.flood(3, 2)
		p.fold(l, 0, burst)
		w := p.send(l)
		if w.Delivery.Number != first.Delivery.Number || w.Count != 5 || w.Receipt == nil || w.Receipt.Message != receipt(first).Message {
			p.Errorf("grown: %+v, count %d", w.Delivery, w.Count)
		}
		p.flood(5, 1)
		old := burst
		old.Within = time.Nanosecond
		p.fold(l, 0, old)
		if w := p.send(l); w.Delivery.Number == first.Delivery.Number || w.Count != 1 || w.Receipt != nil || w.Delivery.Key == first.Delivery.Key {
			p.Errorf("a new one: %+v, count %d", w.Delivery, w.Count)
		}
	}},
	{"roll-ups of different kinds are kept apart", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")}, append(subscribe("harbour", "a"), subscribe("council", "a")...)...)
		p.flood(0, 4)
		l := p.lane("a")
		ids, _ := p.waiting(l, 10)
		p.ok(p.s.Fold(p.ctx, l, ids[:1], burst))
		p.ok(p.s.Fold(p.ctx, l, ids[1:2], store.Fold{Source: "harbour", Earlier: true, Within: long}))
		p.ok(p.s.Fold(p.ctx, l, ids[2:3], store.Fold{Within: long}))
		p.ok(p.s.Fold(p.ctx, l, ids[3:], burst))
		counts := map[string]int{}
		for range 3 {
			w := p.send(l)
			counts[fmt.Sprintf("%s %v %v", w.Delivery.Entry.Source, w.Earlier, w.Source.ID)] = w.Count
		}
		p.same("counts", counts, map[string]int{"harbour false harbour": 2, "harbour true harbour": 1, " false ": 1})
		p.nothing(l)
	}},
	{"a roll-up that is full is followed by another", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 203)
		l := p.lane("a")
		p.fold(l, 0, burst)
		first, second := p.send(l), p.send(l)
		if first.Count != 200 || second.Count != 3 || first.Delivery.Number == second.Delivery.Number {
			p.Errorf("%d and %d entries", first.Count, second.Count)
		}
		p.nothing(l)
	}},
	{"only what was never tried is folded", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 4)
		l := p.lane("a")
		ids, _ := p.waiting(l, 10)
		p.send(l)
		p.begin(l)
		p.ok(p.s.Fold(p.ctx, l, append(ids, 1<<40), burst))
		w := p.begin(l)
		p.same("still tried", w.Delivery.Entry.Entry, news.EntryID("e001"))
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
		p.same("folded", p.send(l).Count, 2)
	}},
	{"a correction of a folded entry corrects the roll-up", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		l := p.lane("a")
		p.fold(l, 0, burst)
		p.send(l)
		got := p.record("harbour", p.edited(ref("harbour", "e001"), "Other words"))
		p.same("recorded", got, store.Recorded{Edited: 1, Enqueued: 1})
		w := p.send(l)
		if w.Delivery.Kind != store.Rollup || w.Receipt == nil || w.Count != 3 || w.Entries[1].Body != "Other words" {
			p.Errorf("roll-up: %+v", w)
		}
		p.record("harbour", p.retracted(ref("harbour", "e001")))
		if w := p.send(l); w.Delivery.Kind != store.Rollup || !w.Entries[1].Withdrawn {
			p.Errorf("roll-up: %+v", w)
		}
		p.record("harbour", p.reinstated(ref("harbour", "e001")))
		p.same("it stays folded", p.send(l).Delivery.Kind, store.Rollup)
		p.nothing(l)
	}},
	{"a roll-up is held back", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		l := p.lane("a")
		night := burst
		night.Until = time.Now().Add(long)
		p.fold(l, 0, night)
		p.nothing(l)
		p.flood(2, 1)
		p.fold(l, 0, night)
		p.nothing(l)
		p.record("harbour", p.edited(ref("harbour", "e001"), "Other words"))
		p.nothing(l)
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 1})
		p.ok(p.s.Promise(p.ctx, channel("a"), store.Promise{Kind: store.Notice, Number: 1, Text: "a line"}))
		p.same("others pass", p.send(l).Delivery.Kind, store.Notice)
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		if lanes, next := p.claimLanes(1, long); len(lanes) != 0 || next.Sub(night.Until).Abs() > time.Second {
			p.Errorf("lanes %v, next %v, want %v", lanes, next, night.Until)
		}
		p.reopen()
		p.same("due after a restart", p.due(), nil)
	}},
	{"a roll-up that was held back long enough", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		l := p.lane("a")
		soon := burst
		soon.Until = time.Now().Add(20 * time.Millisecond)
		p.fold(l, 0, soon)
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.eventually("it is due", func() bool { return len(p.due()) == 1 })
		p.same("told", p.told("a"), []string{"rollup"})
		p.record("harbour", p.edited(ref("harbour", "e001"), "Other words"))
		p.same("corrected", p.told("a"), []string{"rollup"})
	}},
	{"a roll-up is as silent and as urgent as what it tells", func(p *probe) {
		hot := source("harbour")
		hot.Breaking = true
		subs := subscribe("harbour", "a", "b")
		subs[0].Silent = true
		p.sync([]news.Source{hot}, subs...)
		p.flood(0, 2)
		for _, tt := range []struct {
			channel string
			silent  bool
		}{{"a", true}, {"b", false}} {
			l := p.lane(tt.channel)
			p.fold(l, 0, burst)
			if d := p.begin(l).Delivery; d.Silent != tt.silent || !d.Breaking {
				p.Errorf("%s: %+v", tt.channel, d)
			}
		}
	}},
	{"a roll-up that a person deleted tells nothing more", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		l := p.lane("a")
		p.fold(l, 0, burst)
		w := p.begin(l)
		gone := receipt(w)
		gone.Gone = true
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, gone))
		p.record("harbour", p.edited(ref("harbour", "e000"), "Other words"))
		p.nothing(l)
		p.flood(2, 2)
		p.fold(l, 0, burst)
		if again := p.send(l); again.Delivery.Number == w.Delivery.Number || again.Count != 2 {
			p.Errorf("what came after: %+v, %d entries", again.Delivery, again.Count)
		}
	}},
	{"folding takes the lane", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		l := p.laneFor("a", brief)
		ids, _ := p.waiting(l, 10)
		p.retakeAndRelease("a")
		p.wantErr(p.s.Fold(p.ctx, l, ids, burst), store.ErrLeaseLost)
		_, err := p.s.Waiting(p.ctx, l, 10)
		p.wantErr(err, store.ErrLeaseLost)
		p.same("backlog", p.backlog(), store.Backlog{Due: 2})
	}},
}
