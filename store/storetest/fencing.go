package storetest

import (
	"time"

	"github.com/pullquote/pullquote/store"
)

// fencingCases are every write that shows a claim, with every kind of claim
// that does not count. Nothing may be written.
var fencingCases = append(sourceFences(), laneFences()...)

// A forgery makes a claim that does not count out of one that does.
type forgery[T any] struct {
	name string
	make func(p *probe, valid T) T
}

func sourceFences() (cases []testCase) {
	forgeries := []forgery[store.Lease]{
		{"taken over", func(p *probe, l store.Lease) store.Lease {
			p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now()}))
			old := p.leaseFor("harbour", brief)
			p.reclaim()
			return old
		}},
		{"released", func(p *probe, l store.Lease) store.Lease {
			p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now().Add(long)}))
			return l
		}},
		{"made up", func(_ *probe, l store.Lease) store.Lease { l.Token += 1000; return l }},
		{"zero", func(_ *probe, l store.Lease) store.Lease { l.Token = 0; return l }},
		{"of another source", func(_ *probe, l store.Lease) store.Lease { l.Source.ID = "council"; return l }},
		{"of no source", func(_ *probe, l store.Lease) store.Lease { l.Source.ID = "nowhere"; return l }},
	}
	writes := []struct {
		name string
		do   func(p *probe, l store.Lease) error
	}{
		{"Record", func(p *probe, l store.Lease) error {
			_, err := p.s.Record(p.ctx, l, poll(added(entry("e1", 1, "The bridge is shut"))))
			return err
		}},
		{"Rest", func(p *probe, l store.Lease) error {
			return p.s.Rest(p.ctx, l, store.Rest{Next: time.Now(), Problem: "should not be seen"})
		}},
	}
	for _, write := range writes {
		for _, f := range forgeries {
			cases = append(cases, testCase{write.name + " with a claim " + f.name, func(p *probe) {
				p.follow("harbour", "a")
				p.wantErr(write.do(p, f.make(p, p.lease("harbour"))), store.ErrLeaseLost)
				if s := p.status("harbour"); s.Entries != 0 || s.Problem != "" || !s.FirstSeen.IsZero() {
					p.Errorf("something was written: %+v", s)
				}
				p.same("backlog", p.backlog(), store.Backlog{})
			}})
		}
	}
	return cases
}

func laneFences() (cases []testCase) {
	forgeries := []forgery[store.Lane]{
		{"taken over", func(p *probe, l store.Lane) store.Lane {
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
			old := p.laneFor("a", brief)
			p.eventually("the claim runs out", func() bool {
				lanes, _ := p.claimLanes(1, long)
				return len(lanes) == 1
			})
			return old
		}},
		{"released", func(p *probe, l store.Lane) store.Lane { p.ok(p.s.Release(p.ctx, l, time.Time{})); return l }},
		{"made up", func(_ *probe, l store.Lane) store.Lane { l.Token += 1000; return l }},
		{"zero", func(_ *probe, l store.Lane) store.Lane { l.Token = 0; return l }},
		{"of another lane", func(_ *probe, l store.Lane) store.Lane { l.Channel.ID = "b"; return l }},
		{"of no lane", func(_ *probe, l store.Lane) store.Lane { l.Channel.ID = "nowhere"; return l }},
	}
	writes := []struct {
		name string
		do   func(p *probe, l store.Lane, w store.Work) error
	}{
		{"Begin", func(p *probe, l store.Lane, _ store.Work) error {
			_, ok, err := p.s.Begin(p.ctx, l)
			if ok {
				p.Error("it began something")
			}
			return err
		}},
		{"Settle", func(p *probe, l store.Lane, w store.Work) error {
			return p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w))
		}},
		{"Postpone", func(p *probe, l store.Lane, w store.Work) error {
			return p.s.Postpone(p.ctx, l, w.Delivery.ID, store.Postponement{Until: time.Now().Add(long), Error: "should not be seen"})
		}},
		{"Abandon", func(p *probe, l store.Lane, w store.Work) error {
			return p.s.Abandon(p.ctx, l, w.Delivery.ID, "should not be seen")
		}},
		{"Release", func(p *probe, l store.Lane, _ store.Work) error { return p.s.Release(p.ctx, l, time.Time{}) }},
	}
	for _, write := range writes {
		for _, f := range forgeries {
			cases = append(cases, testCase{write.name + " with a claim " + f.name, func(p *probe) {
				p.follow("harbour", "a", "b")
				p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
				l := p.lane("a")
				w := p.begin(l)
				p.wantErr(write.do(p, f.make(p, l), w), store.ErrLeaseLost)
				p.unharmed(w)
			}})
		}
	}
	return cases
}

// unharmed checks that the begun delivery is as it was.
func (p *probe) unharmed(w store.Work) {
	p.Helper()
	p.same("backlog", p.backlog(), store.Backlog{Due: 2})
	_, err := p.s.Receipt(p.ctx, w.Delivery.Channel, w.Delivery.Entry)
	p.wantErr(err, store.ErrNotFound)
	given, err := p.s.Abandoned(p.ctx, 10)
	p.ok(err)
	if len(given) > 0 {
		p.Errorf("abandoned: %+v", given)
	}
}
