package storetest

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var orderCases = []testCase{
	{"oldest promise first", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e2", 2, "Two")), added(entry("e1", 1, "One")))
		p.record("harbour", added(entry("e0", 0, "Nought")))
		p.same("sent", p.drain("a"), []news.EntryID{"e2", "e1", "e0"})
	}},
	{"ids grow", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		l := p.lane("a")
		first, second := p.send(l), p.send(l)
		if first.Delivery.ID >= second.Delivery.ID {
			p.Errorf("ids %d, %d", first.Delivery.ID, second.Delivery.ID)
		}
	}},
	{"edits go behind sends", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.drain("a")
		p.record("harbour", added(entry("e2", 2, "Two")))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"), added(entry("e3", 3, "Three")))
		p.same("sent", p.drain("a"), []news.EntryID{"e2", "e3", "e1"})
	}},
	{"a newer revision keeps the place and the key", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		l := p.lane("a")
		before := p.begin(l).Delivery
		p.ok(p.s.Postpone(p.ctx, l, before.ID, store.Postponement{Until: time.Now(), Error: "busy", Free: true}))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		p.same("backlog", p.backlog(), store.Backlog{Due: 2})
		after := p.begin(l).Delivery
		if after.ID != before.ID || after.Key != before.Key || after.Revision != 2 || after.Entry != before.Entry {
			p.Errorf("before %+v\nafter %+v", before, after)
		}
	}},
	{"a lane that waits blocks nobody else", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		a := p.lane("a")
		w := p.begin(a)
		p.ok(p.s.Postpone(p.ctx, a, w.Delivery.ID, store.Postponement{Until: time.Now().Add(long), Error: "slow down"}))
		p.nothing(a)
		p.ok(p.s.Release(p.ctx, a, time.Time{}))
		p.same("due", p.due(), []string{"b"})
		p.same("backlog", p.backlog(), store.Backlog{Due: 2, Waiting: 2})
		p.same("sent to b", p.drain("b"), []news.EntryID{"e1", "e2"})
	}},
	{"what arrives in a lane that waits does not wake it", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		a := p.lane("a")
		p.ok(p.s.Postpone(p.ctx, a, p.begin(a).Delivery.ID, store.Postponement{Until: time.Now().Add(long)}))
		p.ok(p.s.Release(p.ctx, a, time.Time{}))
		p.record("harbour", added(entry("e2", 2, "Two")), p.edited(ref("harbour", "e1"), "One, edited"))
		p.same("due", p.due(), nil)
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 2})
	}},
	{"a lane that waited long enough is due, in order", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		a := p.lane("a")
		p.ok(p.s.Postpone(p.ctx, a, p.begin(a).Delivery.ID, store.Postponement{Until: time.Now().Add(20 * time.Millisecond)}))
		p.ok(p.s.Release(p.ctx, a, time.Time{}))
		var lanes []store.Lane
		p.eventually("the lane is due", func() bool {
			lanes, _ = p.claimLanes(1, long)
			return len(lanes) == 1
		})
		p.same("first", p.send(lanes[0]).Delivery.Entry.Entry, news.EntryID("e1"))
		p.same("second", p.send(lanes[0]).Delivery.Entry.Entry, news.EntryID("e2"))
	}},
	{"abandoning the first lets the next go", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		a := p.lane("a")
		p.ok(p.s.Postpone(p.ctx, a, p.begin(a).Delivery.ID, store.Postponement{Until: time.Now()}))
		p.ok(p.s.Abandon(p.ctx, a, p.begin(a).Delivery.ID, "refused"))
		p.same("next", p.send(a).Delivery.Entry.Entry, news.EntryID("e2"))
	}},
	{"16 sources write to one channel", func(p *probe) {
		var sources []news.Source
		var subs []store.Subscription
		for i := range 16 {
			id := news.SourceID(fmt.Sprintf("s%02d", i))
			sources = append(sources, source(id))
			subs = append(subs, subscribe(id, "a")...)
		}
		p.sync(sources, subs...)
		leases, err := p.s.ClaimDue(p.ctx, 16, long)
		p.ok(err)
		var writers sync.WaitGroup
		for _, l := range leases {
			writers.Go(func() {
				var changes []news.Change
				for i := range 5 {
					changes = append(changes, added(entry(news.EntryID(fmt.Sprintf("e%d", i)), i, "State")))
				}
				if _, err := p.s.Record(p.ctx, l, poll(changes...)); err != nil {
					p.Error(err)
				}
			})
		}
		writers.Wait()
		seen := map[news.SourceID][]news.EntryID{}
		var last store.DeliveryID
		a := p.lane("a")
		for range 80 {
			d := p.send(a).Delivery
			if d.ID <= last {
				p.Errorf("id %d after %d", d.ID, last)
			}
			last = d.ID
			seen[d.Entry.Source] = append(seen[d.Entry.Source], d.Entry.Entry)
		}
		p.nothing(a)
		for id, got := range seen {
			p.same(string(id), got, []news.EntryID{"e0", "e1", "e2", "e3", "e4"})
		}
	}},
	{"breaking sources go first, then the longest due", func(p *probe) {
		hot := source("hot")
		hot.Breaking = true
		p.sync([]news.Source{source("calm"), hot}, append(subscribe("calm", "a", "b"), subscribe("hot", "c")...)...)
		p.record("calm", added(entry("e1", 1, "One")))
		p.record("hot", added(entry("e2", 2, "Two")))
		b := p.lane("b")
		p.ok(p.s.Postpone(p.ctx, b, p.begin(b).Delivery.ID, store.Postponement{Until: noon}))
		p.ok(p.s.Release(p.ctx, b, time.Time{}))
		p.same("due", p.due(), []string{"c", "b", "a"})
	}},
	{"which adapters are busy", func(p *probe) {
		other := func(id string) chat.Channel { return chat.Channel{Adapter: "other", ID: id} }
		busy := func(want ...string) (next time.Time) {
			p.Helper()
			got, next, err := p.s.Busy(p.ctx, []string{"test", "other", "none"})
			p.ok(err)
			slices.Sort(got)
			p.same("busy", got, want)
			return next
		}
		if next := busy(); !next.IsZero() {
			p.Errorf("empty ledger: next %v", next)
		}
		p.sync([]news.Source{source("harbour")}, append(subscribe("harbour", "a"), store.Subscription{Source: "harbour", Channel: other("b")})...)
		p.record("harbour", added(entry("e1", 1, "One")))
		busy("other", "test")
		a := p.lane("a")
		busy("other")
		later := time.Now().Add(long)
		p.ok(p.s.Postpone(p.ctx, a, p.begin(a).Delivery.ID, store.Postponement{Until: later}))
		p.ok(p.s.Release(p.ctx, a, time.Time{}))
		busy("other")
		lanes, _, err := p.s.ClaimLanes(p.ctx, []string{"other"}, 9, long)
		p.ok(err)
		p.same("lanes", len(lanes), 1)
		p.same("next", busy(), later.UTC())
	}},
	{"at most n lanes, and when the next is due", func(p *probe) {
		p.follow("harbour", "a", "b", "c")
		if _, next := p.claimLanes(0, long); !next.IsZero() {
			p.Errorf("empty ledger: next %v", next)
		}
		p.record("harbour", added(entry("e1", 1, "One")))
		c := p.lane("c")
		until := time.Now().Add(long)
		p.ok(p.s.Postpone(p.ctx, c, p.begin(c).Delivery.ID, store.Postponement{Until: until}))
		p.ok(p.s.Release(p.ctx, c, time.Time{}))
		first, next := p.claimLanes(1, long)
		if len(first) != 1 || next.IsZero() || next.After(time.Now()) {
			p.Errorf("with one lane left due: %v, next %v", first, next)
		}
		second, next := p.claimLanes(5, long)
		if len(second) != 1 || second[0].Channel == first[0].Channel {
			p.Errorf("second claim: %v", second)
		}
		if d := next.Sub(until); d < -time.Second || d > time.Second {
			p.Errorf("next %v, want %v", next, until)
		}
	}},
	{"only the named adapters", func(p *probe) {
		other := chat.Channel{Adapter: "other", ID: "a"}
		p.sync([]news.Source{source("harbour")}, store.Subscription{Source: "harbour", Channel: other}, subscribe("harbour", "a")[0])
		p.record("harbour", added(entry("e1", 1, "One")))
		for _, tt := range []struct {
			adapters []string
			want     int
		}{{nil, 0}, {[]string{"none"}, 0}, {[]string{"other"}, 1}, {[]string{"none", "test", "other"}, 1}} {
			lanes, _, err := p.s.ClaimLanes(p.ctx, tt.adapters, 10, long)
			p.ok(err)
			if len(lanes) != tt.want {
				p.Errorf("adapters %q: %v", tt.adapters, lanes)
			}
		}
	}},
	{"one lane has one worker", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		var mu sync.Mutex
		got := 0
		var workers sync.WaitGroup
		for range 8 {
			workers.Go(func() {
				lanes, _, err := p.s.ClaimLanes(p.ctx, []string{"test"}, 1, long)
				if err != nil {
					p.Error(err)
				}
				mu.Lock()
				got += len(lanes)
				mu.Unlock()
			})
		}
		workers.Wait()
		p.same("claims", got, 1)
	}},
	{"a claimed lane is served while more arrives", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		a := p.lane("a")
		p.send(a)
		p.nothing(a)
		p.record("harbour", added(entry("e2", 2, "Two")))
		p.same("due", p.due(), nil)
		p.send(a)
		p.record("harbour", added(entry("e3", 3, "Three")))
		p.ok(p.s.Release(p.ctx, a, time.Time{}))
		p.same("due", p.due(), []string{"a"})
	}},
	{"an adapter that works again", func(p *probe) {
		other := chat.Channel{Adapter: "other", ID: "a"}
		p.sync([]news.Source{source("harbour")}, append(subscribe("harbour", "a", "b"), store.Subscription{Source: "harbour", Channel: other})...)
		p.record("harbour", added(entry("e1", 1, "One")))
		lanes, _, err := p.s.ClaimLanes(p.ctx, []string{"test", "other"}, 10, long)
		p.ok(err)
		for _, l := range lanes {
			w := p.begin(l)
			p.ok(p.s.Postpone(p.ctx, l, w.Delivery.ID, store.Postponement{Until: time.Now().Add(long), Error: "token refused", Free: true}))
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
		}
		p.ok(p.s.Resume(p.ctx, "test"))
		due := p.due()
		slices.Sort(due)
		p.same("due", due, []string{"a", "b"})
		p.same("backlog", p.backlog(), store.Backlog{Due: 2, Waiting: 1})
		p.begin(p.lane("a"))
	}},
}

var keyForm = regexp.MustCompile(`^[0-9A-Za-z]{25}$`)

var deliveryCases = []testCase{
	{"keys", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")}, append(subscribe("harbour", "a", "b"), subscribe("council", "a")...)...)
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		p.record("council", added(entry("e1", 1, "One")))
		seen := map[string]store.Delivery{}
		note := func(d store.Delivery) {
			if old, twice := seen[d.Key]; twice && (old.Entry != d.Entry || old.Channel != d.Channel) {
				p.Errorf("%+v has the key of %+v", d, old)
			}
			seen[d.Key] = d
			if !keyForm.MatchString(d.Key) {
				p.Errorf("key %q", d.Key)
			}
		}
		a, b := p.lane("a"), p.lane("b")
		for range 3 {
			note(p.send(a).Delivery)
		}
		for range 2 {
			note(p.send(b).Delivery)
		}
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		note(p.send(a).Delivery)
	}},
	{"the attempt is saved before Begin returns", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.laneFor("a", brief)
		first := p.begin(l).Delivery
		if first.Attempts != 1 || !first.Tried.IsZero() {
			p.Errorf("first attempt: %+v", first)
		}
		p.reopen()
		l = p.retake("a")
		second := p.begin(l).Delivery
		if second.Attempts != 2 || time.Since(second.Tried) > patience || second.Key != first.Key || second.ID != first.ID {
			p.Errorf("after a crash: %+v", second)
		}
		third := p.begin(l).Delivery
		if third.Attempts != 3 || !third.Tried.Equal(second.Tried) {
			p.Errorf("begun again: %+v, was %+v", third, second)
		}
	}},
	{"a postponement says what became of the attempt", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		began := p.begin(l).Delivery
		for _, tt := range []struct {
			name     string
			put      store.Postponement
			attempts int  // of the next Begin
			tried    bool // of the next Begin
		}{
			{"surely nothing posted", store.Postponement{Error: "refused connection"}, 2, false},
			{"a rate limit costs nothing", store.Postponement{Error: "rate_limited", Free: true}, 2, false},
			{"outcome open", store.Postponement{Error: "time-out", Unknown: true}, 3, true},
			{"stopped, outcome still open", store.Postponement{Error: "stopped", Free: true, Unknown: true}, 3, true},
			{"looked, nothing there", store.Postponement{Error: "HTTP 503"}, 4, false},
		} {
			tt.put.Until = time.Now()
			p.ok(p.s.Postpone(p.ctx, l, began.ID, tt.put))
			d := p.begin(l).Delivery
			if d.Attempts != tt.attempts || !d.Tried.IsZero() != tt.tried || d.LastError != tt.put.Error || d.Key != began.Key {
				p.Errorf("%s: %+v", tt.name, d)
			}
		}
	}},
	{"the first open attempt is the one that counts", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		open := store.Postponement{Until: time.Now(), Unknown: true}
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, open))
		second := p.begin(l).Delivery
		p.ok(p.s.Postpone(p.ctx, l, second.ID, open))
		p.same("tried", p.begin(l).Delivery.Tried, second.Tried)
	}},
	{"a wait outlives a restart", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.laneFor("a", brief)
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now().Add(long), Unknown: true}))
		p.reopen()
		lanes, next := p.claimLanes(10, long)
		if len(lanes) != 0 || time.Until(next) < long/2 {
			p.Errorf("lanes %v, next %v", lanes, next)
		}
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 1})
	}},
	{"a settled delivery has a receipt", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		w := p.sendTo("a")
		p.same("receipt", p.receiptOf("a", ref("harbour", "e1")), receipt(w))
		p.same("backlog", p.backlog(), store.Backlog{})
		p.reopen()
		p.same("receipt after a restart", p.receiptOf("a", ref("harbour", "e1")), receipt(w))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		edit := p.begin(p.lane("a"))
		want := receipt(w)
		p.same("receipt of the work", edit.Receipt, &want)
	}},
	{"a revision that came while the card was sent", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.begin(l)
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
		p.same("backlog", p.backlog(), store.Backlog{Due: 1})
		edit := p.begin(l)
		if edit.Receipt == nil || edit.Receipt.Revision != 1 || edit.Entry.Revision != 2 || edit.Delivery.Attempts != 1 || !edit.Delivery.Tried.IsZero() {
			p.Errorf("work: %+v", edit)
		}
		p.ok(p.s.Settle(p.ctx, l, edit.Delivery.ID, receipt(edit)))
		p.nothing(l)
	}},
	{"a quiet revision asks for nothing", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.begin(l)
		p.record("harbour", quiet(p.edited(ref("harbour", "e1"), "One, edited")))
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
		p.nothing(l)
	}},
	{"a delivery settles once", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.send(l)
		p.wantErr(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)), store.ErrNotFound)
		p.wantErr(p.s.Postpone(p.ctx, l, w.Delivery.ID, store.Postponement{Until: time.Now()}), store.ErrNotFound)
		p.wantErr(p.s.Abandon(p.ctx, l, w.Delivery.ID, "late"), store.ErrNotFound)
		p.same("backlog", p.backlog(), store.Backlog{})
	}},
	{"a message that a person deleted is left alone", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		p.send(l)
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		w := p.begin(l)
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited twice"))
		r := receipt(w)
		r.Gone = true
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, r))
		p.nothing(l)
		p.same("recorded", p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited thrice")), store.Recorded{Edited: 1})
		p.same("gone", p.receiptOf("a", ref("harbour", "e1")).Gone, true)
	}},
	{"a frozen message keeps its receipt", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		w := p.begin(l)
		r := receipt(w)
		r.Frozen = true
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, r))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		if w := p.begin(l); w.Receipt == nil || !w.Receipt.Frozen {
			p.Errorf("work: %+v", w)
		}
	}},
	{"withdrawn before it was sent", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.record("harbour", p.retracted(ref("harbour", "e1")))
		for _, ch := range []string{"a", "b"} {
			l := p.lane(ch)
			w := p.begin(l)
			p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, store.Receipt{Revision: w.Entry.Revision}))
			p.nothing(l)
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
		}
		_, err := p.s.Receipt(p.ctx, channel("a"), ref("harbour", "e1"))
		p.wantErr(err, store.ErrNotFound)
		p.follow("harbour", "a")
		p.same("reinstated", p.record("harbour", p.reinstated(ref("harbour", "e1"))), store.Recorded{Edited: 1, Enqueued: 1})
		if w := p.sendTo("a"); w.Receipt != nil || w.Entry.Withdrawn {
			p.Errorf("work after the reinstatement: %+v", w)
		}
	}},
	{"abandoned deliveries are kept with their reason", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		l := p.lane("a")
		for _, reason := range []string{"too long", "no such field"} {
			p.ok(p.s.Abandon(p.ctx, l, p.begin(l).Delivery.ID, reason))
		}
		p.nothing(l)
		check := func(when string) {
			p.same("backlog "+when, p.backlog(), store.Backlog{Abandoned: 2})
			list, err := p.s.Abandoned(p.ctx, 10)
			p.ok(err)
			if len(list) != 2 || list[0].LastError != "no such field" || list[1].Entry != ref("harbour", "e1") || list[1].Attempts != 1 {
				p.Errorf("abandoned %s: %+v", when, list)
			}
		}
		check("now")
		p.reopen()
		check("after a restart")
		list, err := p.s.Abandoned(p.ctx, 1)
		p.ok(err)
		if len(list) != 1 || list[0].LastError != "no such field" {
			p.Errorf("the newest: %+v", list)
		}
	}},
	{"an edit of what was abandoned is told to nobody", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		p.ok(p.s.Abandon(p.ctx, l, p.begin(l).Delivery.ID, "refused"))
		p.same("recorded", p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited")), store.Recorded{Edited: 1})
	}},
	{"an edit that was abandoned leaves the message", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		p.send(l)
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		p.ok(p.s.Abandon(p.ctx, l, p.begin(l).Delivery.ID, "refused"))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited again"))
		if w := p.begin(l); w.Receipt == nil || w.Receipt.Revision != 1 || w.Entry.Revision != 3 {
			p.Errorf("work: %+v", w)
		}
	}},
	{"a removed subscription", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("stands", 1, "One")))
		p.drain("a")
		p.record("harbour", added(entry("tried", 2, "Two")), added(entry("untried", 3, "Three")))
		l := p.laneFor("a", brief)
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now(), Unknown: true}))
		p.record("harbour", p.edited(ref("harbour", "stands"), "One, edited"))
		p.follow("harbour", "b")
		p.same("backlog", p.backlog(), store.Backlog{Due: 5})
		p.retakeAndRelease("a")
		p.same("sent to a", p.drain("a"), []news.EntryID{"tried", "stands"})
		p.same("sent to b", p.drain("b"), []news.EntryID{"stands", "tried", "untried"})
		p.same("recorded", p.record("harbour", p.edited(ref("harbour", "stands"), "One, edited twice"),
			p.edited(ref("harbour", "untried"), "Three, edited"), added(entry("new", 4, "Four"))), store.Recorded{Edited: 2, Added: 1, Enqueued: 4})
		p.same("sent to a", p.drain("a"), []news.EntryID{"stands"})
	}},
	{"a removed subscription leaves other sources' deliveries", func(p *probe) {
		both := []news.Source{source("harbour"), source("council")}
		p.sync(both, append(subscribe("harbour", "a"), subscribe("council", "a")...)...)
		p.record("harbour", added(entry("h1", 1, "One")))
		p.record("council", added(entry("c1", 1, "One")))
		p.sync(both, subscribe("council", "a")...)
		p.same("sent", p.drain("a"), []news.EntryID{"c1"})
	}},
	{"dropping the delivery a lane waits for frees the lane", func(p *probe) {
		both := []news.Source{source("harbour"), source("council")}
		p.sync(both, append(subscribe("harbour", "a"), subscribe("council", "a")...)...)
		p.record("harbour", added(entry("h1", 1, "One")))
		p.record("council", added(entry("c1", 1, "One")))
		l := p.lane("a")
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now().Add(long), Free: true}))
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.same("due", p.due(), nil)
		p.sync(both, subscribe("council", "a")...)
		p.same("sent", p.drain("a"), []news.EntryID{"c1"})
	}},
	{"the backlog's oldest", func(p *probe) {
		p.follow("harbour", "a")
		b, err := p.s.Backlog(p.ctx)
		p.ok(err)
		if !b.Oldest.IsZero() {
			p.Errorf("empty: %+v", b)
		}
		p.record("harbour", added(entry("e1", 1, "One")))
		b, err = p.s.Backlog(p.ctx)
		p.ok(err)
		if b.Oldest.IsZero() || time.Since(b.Oldest) > patience {
			p.Errorf("oldest: %+v", b)
		}
	}},
}

// retake claims a lane whose claim has run out.
func (p *probe) retake(ch string) (l store.Lane) {
	p.Helper()
	p.eventually("the claim of "+ch+" runs out", func() bool {
		lanes, _ := p.claimLanes(1000, long)
		for _, got := range lanes {
			if got.Channel == channel(ch) {
				l = got
				continue
			}
			p.ok(p.s.Release(p.ctx, got, time.Time{}))
		}
		return l.Token != 0
	})
	return l
}

func (p *probe) retakeAndRelease(ch string) {
	p.Helper()
	p.ok(p.s.Release(p.ctx, p.retake(ch), time.Time{}))
}
