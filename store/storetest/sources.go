package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var sourceCases = []testCase{
	{"a new source is due at once", func(p *probe) {
		p.follow("harbour")
		leases, err := p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		if len(leases) != 1 {
			p.Fatalf("claimed %d sources, want 1", len(leases))
		}
		l := leases[0]
		p.same("source", l.Source, source("harbour"))
		if !l.FirstSight || l.Failures != 0 || l.Problem != "" || l.Token == 0 || l.Cursor != (news.Cursor{}) {
			p.Errorf("lease of a new source: %+v", l)
		}
		if time.Until(l.Expires) < long/2 || l.Due.After(time.Now()) {
			p.Errorf("due %v, expires %v", l.Due, l.Expires)
		}
	}},
	{"each source has one claimer/1", func(p *probe) { claimers(p, 1) }},
	{"each source has one claimer/2", func(p *probe) { claimers(p, 2) }},
	{"each source has one claimer/8", func(p *probe) { claimers(p, 8) }},
	{"each source has one claimer/64", func(p *probe) { claimers(p, 64) }},
	{"the longest due come first", func(p *probe) {
		p.sync([]news.Source{source("a"), source("b"), source("c")})
		now := time.Now()
		ages := map[news.SourceID]time.Duration{"a": 2 * time.Minute, "b": 3 * time.Minute, "c": time.Minute}
		leases, err := p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		for _, l := range leases {
			p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: now.Add(-ages[l.Source.ID])}))
		}
		leases, err = p.s.ClaimDue(p.ctx, 2, long)
		p.ok(err)
		p.same("first two", sourcesOf(leases), []news.SourceID{"b", "a"})
		leases, err = p.s.ClaimDue(p.ctx, 2, long)
		p.ok(err)
		p.same("the rest", sourcesOf(leases), []news.SourceID{"c"})
	}},
	{"not before its time, unless hurried", func(p *probe) {
		p.follow("harbour")
		p.ok(p.s.Rest(p.ctx, p.lease("harbour"), store.Rest{Next: time.Now().Add(long)}))
		p.noneDue()
		p.ok(p.s.Hurry(p.ctx))
		p.lease("harbour")
		p.noneDue()
	}},
	{"due when its time comes", func(p *probe) {
		p.follow("harbour")
		p.ok(p.s.Rest(p.ctx, p.lease("harbour"), store.Rest{Next: time.Now().Add(20 * time.Millisecond)}))
		p.eventually("the source is due", func() bool {
			leases, err := p.s.ClaimDue(p.ctx, 1, long)
			p.ok(err)
			return len(leases) == 1
		})
	}},
	{"a claim that ran out goes to another", func(p *probe) {
		p.follow("harbour")
		old := p.leaseFor("harbour", brief)
		l := p.reclaim()
		if l.Token == old.Token {
			p.Error("both claims have the same token")
		}
		p.wantErr(p.s.Rest(p.ctx, old, store.Rest{Next: time.Now()}), store.ErrLeaseLost)
		p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now()}))
	}},
	{"a claim that ran out and nobody took still counts", func(p *probe) {
		p.follow("harbour")
		l := p.leaseFor("harbour", brief)
		_, err := p.s.Record(p.ctx, l, poll(added(entry("e1", 1, "The bridge is shut"))))
		p.ok(err)
	}},
	{"failures are counted until one succeeds", func(p *probe) {
		p.follow("harbour")
		for i, problem := range []string{"time-out", "time-out", "HTTP 500"} {
			l := p.lease("harbour")
			if l.Failures != i {
				p.Errorf("after %d failures the lease says %d", i, l.Failures)
			}
			p.ok(p.s.Rest(p.ctx, l, store.Rest{Cursor: l.Cursor, Next: time.Now().Add(long), Problem: problem}))
		}
		if s := p.status("harbour"); s.Failures != 3 || s.Problem != "HTTP 500" {
			p.Errorf("status: %+v", s)
		}
		l := p.lease("harbour")
		if l.Problem != "HTTP 500" {
			p.Errorf("problem %q", l.Problem)
		}
		p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now().Add(long)}))
		if s := p.status("harbour"); s.Failures != 0 || s.Problem != "" {
			p.Errorf("status after a good reading: %+v", s)
		}
	}},
	{"a recorded reading ends the failures", func(p *probe) {
		p.follow("harbour")
		p.ok(p.s.Rest(p.ctx, p.lease("harbour"), store.Rest{Next: time.Now(), Problem: "time-out"}))
		p.record("harbour")
		if l := p.lease("harbour"); l.Failures != 0 || l.Problem != "" {
			p.Errorf("lease: %+v", l)
		}
	}},
	{"the cursor comes back", func(p *probe) {
		p.follow("harbour")
		want := news.Cursor{ETag: `W/"a\"b"`, LastModified: "Fri, 01 Mar 2024 12:00:00 GMT", Body: "00ff", Format: "rss", Read: noon}
		p.ok(p.s.Rest(p.ctx, p.lease("harbour"), store.Rest{Cursor: want, Next: time.Now()}))
		l := p.lease("harbour")
		p.same("cursor after Rest", l.Cursor, want)
		if !l.FirstSight {
			p.Error("a Rest is no first sight")
		}
		want.ETag = `"2"`
		done := poll()
		done.Cursor = want
		_, err := p.s.Record(p.ctx, l, done)
		p.ok(err)
		l = p.lease("harbour")
		p.same("cursor after Record", l.Cursor, want)
		if l.FirstSight {
			p.Error("still at first sight after a Record")
		}
		p.ok(p.s.Rest(p.ctx, l, store.Rest{Cursor: want, Next: time.Now().Add(long)}))
		p.reopen()
		p.same("cursor after a restart", p.lease("harbour").Cursor, want)
	}},
	{"a source that is followed no more", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")})
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		l := p.lease("harbour")
		p.sync([]news.Source{source("council")})
		_, err := p.s.Record(p.ctx, l, poll(added(entry("e2", 2, "The bridge is open"))))
		p.wantErr(err, store.ErrLeaseLost)
		p.ok(p.s.Hurry(p.ctx))
		leases, err := p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		p.same("claimed", sourcesOf(leases), []news.SourceID{"council"})
		p.entry(ref("harbour", "e1"))
		if _, err := p.s.Entry(p.ctx, ref("harbour", "e2")); err == nil {
			p.Error("a lost claim wrote")
		}
		list, err := p.s.Sources(p.ctx)
		p.ok(err)
		if len(list) != 1 {
			p.Errorf("%d sources are followed", len(list))
		}
	}},
	{"a source that is followed again is known", func(p *probe) {
		p.follow("harbour")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		p.sync(nil)
		p.follow("harbour")
		leases, err := p.s.ClaimDue(p.ctx, 10, long)
		p.ok(err)
		if len(leases) != 1 || leases[0].FirstSight {
			p.Errorf("leases: %+v", leases)
		}
	}},
	{"the same configuration again changes nothing", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "The bridge is shut")))
		l := p.lease("harbour")
		p.follow("harbour", "a")
		p.ok(p.s.Rest(p.ctx, l, store.Rest{Next: time.Now().Add(long)}))
		p.follow("harbour", "a")
		p.noneDue()
		p.same("due", p.due(), []string{"a"})
	}},
	{"new settings reach the next reading", func(p *probe) {
		p.follow("harbour")
		p.record("harbour")
		src := source("harbour")
		src.Name, src.MaxAge, src.Breaking = "Harbour bridge, live", time.Minute, true
		p.sync([]news.Source{src})
		l := p.lease("harbour")
		p.same("source", l.Source, src)
		p.same("cursor", l.Cursor, poll().Cursor)
	}},
	{"another address begins with an empty cursor", func(p *probe) {
		p.follow("harbour")
		p.record("harbour")
		src := source("harbour")
		src.URL = "https://other.example/live"
		p.sync([]news.Source{src})
		leases, err := p.s.ClaimDue(p.ctx, 1, long)
		p.ok(err)
		if len(leases) != 1 || leases[0].Cursor.ETag != "" {
			p.Errorf("leases: %+v", leases)
		}
	}},
	{"status", func(p *probe) {
		p.sync([]news.Source{source("harbour"), source("council")})
		next := time.Now().Add(long)
		rec := poll(added(entry("e1", 1, "The bridge is shut")), added(entry("e2", 2, "The bridge is open")))
		rec.Ended, rec.Next = true, next
		_, err := p.s.Record(p.ctx, p.lease("harbour"), rec)
		p.ok(err)
		list, err := p.s.Sources(p.ctx)
		p.ok(err)
		if len(list) != 2 || list[0].Source.ID != "council" {
			p.Fatalf("sources: %+v", list)
		}
		got := list[1]
		if got.FirstSeen.IsZero() || time.Since(got.FirstSeen) > patience {
			p.Errorf("first seen %v", got.FirstSeen)
		}
		if d := got.Next.Sub(next); d < -time.Second || d > time.Second {
			p.Errorf("next %v, want %v", got.Next, next)
		}
		if !got.Active.Equal(got.FirstSeen) {
			p.Errorf("active %v, first seen %v", got.Active, got.FirstSeen)
		}
		got.FirstSeen, got.Next, got.Active = time.Time{}, time.Time{}, time.Time{}
		p.same("status", got, store.SourceStatus{
			Source: source("harbour"), Title: "Harbour live", Format: "rss", Ended: true,
			Entries: 2, Newest: noon.Add(2 * time.Minute), LastRead: noon,
		})
		if !list[0].FirstSeen.IsZero() {
			p.Errorf("a source that was never recorded was first seen %v", list[0].FirstSeen)
		}
		p.ok(p.s.Rest(p.ctx, p.lease("harbour"), store.Rest{Cursor: news.Cursor{Read: noon.Add(long)}, Next: next}))
		if s := p.status("harbour"); !s.LastRead.Equal(noon.Add(long)) {
			p.Errorf("last read %v after an unchanged reading", s.LastRead)
		}
	}},
}

// claimers lets n workers claim 40 sources at once.
func claimers(p *probe, n int) {
	var sources []news.Source
	for i := range 40 {
		sources = append(sources, source(news.SourceID(fmt.Sprintf("s%02d", i))))
	}
	p.sync(sources)
	var mu sync.Mutex
	held := map[news.SourceID]int{}
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for {
				leases, err := p.s.ClaimDue(p.ctx, 3, long)
				if err != nil {
					p.Error(err)
				}
				if len(leases) == 0 {
					return
				}
				mu.Lock()
				for _, l := range leases {
					held[l.Source.ID]++
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	for _, s := range sources {
		if held[s.ID] != 1 {
			p.Errorf("%s was claimed %d times", s.ID, held[s.ID])
		}
	}
}

func sourcesOf(leases []store.Lease) (ids []news.SourceID) {
	for _, l := range leases {
		ids = append(ids, l.Source.ID)
	}
	return ids
}

func (p *probe) noneDue() {
	p.Helper()
	leases, err := p.s.ClaimDue(p.ctx, 10, long)
	p.ok(err)
	if len(leases) > 0 {
		p.Fatalf("claimed %v", sourcesOf(leases))
	}
}

// reclaim claims the one source whose claim has run out.
func (p *probe) reclaim() (l store.Lease) {
	p.Helper()
	p.eventually("the claim runs out", func() bool {
		leases, err := p.s.ClaimDue(p.ctx, 1, long)
		p.ok(err)
		if len(leases) == 1 {
			l = leases[0]
		}
		return len(leases) == 1
	})
	return l
}
