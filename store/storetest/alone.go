package storetest

import (
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var aloneCases = []testCase{
	{"an edit that waits alone lets the lane go on", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		p.drain("a")
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"), p.edited(ref("harbour", "e2"), "Two, edited"))
		l := p.lane("a")
		p.alone(l, "e1", time.Now().Add(long))
		p.same("next", p.send(l).Delivery.Entry.Entry, news.EntryID("e2"))
		p.nothing(l)
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 1})
		p.record("harbour", added(entry("e3", 3, "Three")))
		p.same("what came after", p.send(l).Delivery.Entry.Entry, news.EntryID("e3"))
		p.nothing(l)
	}},
	{"a lane is due when the first of what waits alone is", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		p.drain("a")
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"), p.edited(ref("harbour", "e2"), "Two, edited"))
		l := p.lane("a")
		early := time.Now().Add(long)
		p.alone(l, "e1", early.Add(long))
		p.alone(l, "e2", early)
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		lanes, next := p.claimLanes(10, long)
		if d := next.Sub(early); len(lanes) != 0 || d < -time.Second || d > time.Second {
			p.Errorf("lanes %v, next %v, want %v", lanes, next, early)
		}
		p.reopen()
		lanes, next = p.claimLanes(10, long)
		if d := next.Sub(early); len(lanes) != 0 || d < -patience || d > patience {
			p.Errorf("after a restart: lanes %v, next %v, want %v", lanes, next, early)
		}
		p.record("harbour", added(entry("e3", 3, "Three")))
		p.same("what came after", p.drain("a"), []news.EntryID{"e3"})
	}},
	{"an edit that waited alone long enough", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.drain("a")
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		l := p.lane("a")
		p.alone(l, "e1", time.Now().Add(20*time.Millisecond))
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
		p.eventually("it is due", func() bool { return len(p.due()) == 1 })
		p.same("sent", p.drain("a"), []news.EntryID{"e1"})
	}},
	{"a newer revision of what waits alone does not wake it", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		p.drain("a")
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited"))
		l := p.lane("a")
		p.alone(l, "e1", time.Now().Add(long))
		p.record("harbour", p.edited(ref("harbour", "e1"), "One, edited twice"))
		p.nothing(l)
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 1})
	}},
	{"a send never waits alone", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		l := p.lane("a")
		p.alone(l, "e1", time.Now().Add(long))
		p.nothing(l)
		p.same("backlog", p.backlog(), store.Backlog{Waiting: 2})
	}},
	{"breaking ones before others, each in order, and both before edits", func(p *probe) {
		hot := source("quay")
		hot.Breaking = true
		p.sync([]news.Source{source("harbour"), hot}, append(subscribe("harbour", "a"), subscribe("quay", "a")...)...)
		p.record("harbour", added(entry("h0", 0, "Nought")))
		p.record("quay", added(entry("q0", 0, "Nought")))
		p.drain("a")
		p.record("quay", p.edited(ref("quay", "q0"), "Nought, edited"))
		p.record("harbour", added(entry("h1", 1, "One")), added(entry("h2", 2, "Two")), p.edited(ref("harbour", "h0"), "Nought, edited"))
		p.record("quay", added(entry("q1", 3, "One")), added(entry("q2", 4, "Two")))
		p.reopen()
		p.same("sent", p.drain("a"), []news.EntryID{"q1", "q2", "h1", "h2", "q0", "h0"})
	}},
	{"a lane that is given back until later", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")))
		until := time.Now().Add(long)
		p.ok(p.s.Release(p.ctx, p.lane("a"), until))
		p.same("due", p.due(), []string{"b"})
		p.drain("b")
		p.record("harbour", added(entry("e2", 2, "Two")))
		p.same("due with more in it", p.due(), []string{"b"})
		p.drain("b")
		if _, next := p.claimLanes(10, long); next.Sub(until).Abs() > time.Second {
			p.Errorf("next %v, want %v", next, until)
		}
	}},
	{"a lane that is given back empty until later", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		p.send(l)
		p.ok(p.s.Release(p.ctx, l, time.Now().Add(long)))
		p.record("harbour", added(entry("e2", 2, "Two")))
		p.same("due", p.due(), nil)
	}},
	{"how much a lane holds", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")), added(entry("e3", 3, "Three")))
		p.same("pending", p.lane("a").Pending, 3)
	}},
	{"what a subscription asks for comes with the work", func(p *probe) {
		sub := store.Subscription{
			Source: "harbour", Channel: channel("a"), Silent: true, Style: store.Cards, Publish: true, Closing: true, Delete: true, Tags: []string{"live", "7"},
		}
		p.sync([]news.Source{source("harbour")}, sub)
		p.record("harbour", added(entry("e1", 1, "One")))
		p.reopen()
		l := p.lane("a")
		w := p.begin(l)
		p.same("subscription", w.Subscription, sub)
		p.ok(p.s.Postpone(p.ctx, l, w.Delivery.ID, store.Postponement{Until: time.Now(), Unknown: true}))
		p.sync([]news.Source{source("harbour")})
		p.same("without one", p.begin(l).Subscription, store.Subscription{Source: "harbour", Channel: channel("a")})
	}},
	{"a subscription to every source", func(p *probe) {
		p.sync([]news.Source{source("harbour")}, store.Subscription{Channel: channel("a"), Publish: true})
		p.record("harbour", added(entry("e1", 1, "One")))
		p.same("subscription", p.sendTo("a").Subscription, store.Subscription{Source: "harbour", Channel: channel("a"), Publish: true})
	}},
	{"a source is hurried by its name", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")})
		p.record("harbour")
		p.record("council")
		p.noneDue()
		p.ok(p.s.Hurry(p.ctx, "council", "nowhere"))
		leases, err := p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		p.same("due", sourcesOf(leases), []news.SourceID{"council"})
		p.ok(p.s.Hurry(p.ctx, "council"))
		_, err = p.s.Record(p.ctx, leases[0], poll())
		p.ok(err)
		leases, err = p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		p.same("asked for while it was read", sourcesOf(leases), []news.SourceID{"council"})
		p.ok(p.s.Rest(p.ctx, leases[0], store.Rest{Next: time.Now().Add(long)}))
		p.noneDue()
	}},
	{"one source is claimed, due or not", func(p *probe) {
		p.sync([]news.Source{source("harbour")})
		p.record("harbour", added(entry("e1", 1, "One")))
		p.noneDue()
		l, err := p.s.Claim(p.ctx, "harbour", long)
		p.ok(err)
		_, err = p.s.Claim(p.ctx, "harbour", long)
		p.wantErr(err, store.ErrBusy)
		_, err = p.s.Claim(p.ctx, "nowhere", long)
		p.wantErr(err, store.ErrNotFound)
		if l.FirstSight || l.Title != "Harbour live" || !l.Newest.Equal(noon.Add(time.Minute)) || time.Since(l.Active) > patience || l.Ended {
			p.Errorf("lease: %+v", l)
		}
		_, err = p.s.Record(p.ctx, l, poll())
		p.ok(err)
		l, err = p.s.Claim(p.ctx, "harbour", brief)
		p.ok(err)
		p.eventually("the claim runs out", func() bool { _, err := p.s.Claim(p.ctx, "harbour", long); return err == nil })
		p.wantErr(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now()}), store.ErrLeaseLost)
	}},
	{"gap and successor", func(p *probe) {
		p.sync([]news.Source{source("harbour")})
		first := poll()
		first.Gap, first.Successor = store.Gap{From: noon, To: noon.Add(time.Hour)}, "https://news.example/two"
		_, err := p.s.Record(p.ctx, p.lease("harbour"), first)
		p.ok(err)
		p.record("harbour")
		p.reopen()
		st := p.status("harbour")
		if !st.Gap.From.Equal(noon) || !st.Gap.To.Equal(noon.Add(time.Hour)) || time.Since(st.Gap.Seen) > patience || st.Successor != first.Successor {
			p.Errorf("status: %+v", st)
		}
		p.same("active", st.Active, st.FirstSeen)
		next := poll()
		next.Gap = store.Gap{From: noon.Add(2 * time.Hour), To: noon.Add(3 * time.Hour)}
		_, err = p.s.Record(p.ctx, p.lease("harbour"), next)
		p.ok(err)
		p.same("the newest gap", p.status("harbour").Gap.From, next.Gap.From)
	}},
	{"a new address or format forgets the cursor, not the reading", func(p *probe) {
		for _, change := range []func(*news.Source){
			func(s *news.Source) { s.URL += "/two" },
			func(s *news.Source) { s.Format = "rss" },
		} {
			src := source("harbour")
			p.sync([]news.Source{src})
			p.record("harbour", added(entry("e1", 1, "One")))
			change(&src)
			p.sync([]news.Source{src})
			p.same("cursor", p.lease("harbour").Cursor, news.Cursor{Read: noon})
			p.sync(nil)
		}
	}},
}

// alone begins the delivery of an entry and puts it off alone.
func (p *probe) alone(l store.Lane, id news.EntryID, until time.Time) {
	p.Helper()
	w := p.begin(l)
	p.same("begun", w.Delivery.Entry.Entry, id)
	p.ok(p.s.Postpone(p.ctx, l, w.Delivery.ID, store.Postponement{Until: until, Alone: true, Error: "edited a moment ago"}))
}
