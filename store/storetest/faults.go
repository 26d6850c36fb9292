package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A call is a method of the ledger with arguments that would succeed.
type call struct {
	name string
	do   func(ctx context.Context, s store.Store, l store.Lease, ln store.Lane, id store.DeliveryID) error
}

var calls = []call{
	{"Sync", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Sync(ctx, nil, nil)
	}},
	{"ClaimDue", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.ClaimDue(ctx, 1, long)
		return err
	}},
	{"Hurry", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Hurry(ctx)
	}},
	{"Known", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Known(ctx, "harbour", []news.EntryID{"e1"}, noon, noon)
		return err
	}},
	{"Record", func(ctx context.Context, s store.Store, l store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Record(ctx, l, poll(added(entry("e2", 2, "Two"))))
		return err
	}},
	{"Rest", func(ctx context.Context, s store.Store, l store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Rest(ctx, l, store.Rest{Next: time.Now(), Problem: "should not be seen"})
	}},
	{"ClaimLanes", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, _, err := s.ClaimLanes(ctx, []string{"test"}, 1, long)
		return err
	}},
	{"Begin", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, _ store.DeliveryID) error {
		_, _, err := s.Begin(ctx, ln)
		return err
	}},
	{"Settle", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, id store.DeliveryID) error {
		return s.Settle(ctx, ln, id, store.Receipt{Message: "m1", Revision: 1})
	}},
	{"Postpone", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, id store.DeliveryID) error {
		return s.Postpone(ctx, ln, id, store.Postponement{Until: time.Now().Add(long)})
	}},
	{"Abandon", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, id store.DeliveryID) error {
		return s.Abandon(ctx, ln, id, "should not be seen")
	}},
	{"Release", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, _ store.DeliveryID) error {
		return s.Release(ctx, ln, time.Time{})
	}},
	{"Resume", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Resume(ctx, "test")
	}},
	{"Backlog", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Backlog(ctx)
		return err
	}},
	{"Entry", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Entry(ctx, ref("harbour", "e1"))
		return err
	}},
	{"Latest", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, _, err := s.Latest(ctx, store.Query{})
		return err
	}},
	{"Quotes", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, _, err := s.Quotes(ctx, store.Query{Words: "one"})
		return err
	}},
	{"Speakers", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Speakers(ctx, "", 1)
		return err
	}},
	{"Sources", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Sources(ctx)
		return err
	}},
	{"Receipt", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Receipt(ctx, channel("b"), ref("harbour", "e1"))
		return err
	}},
	{"Claim", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Claim(ctx, "council", long)
		return err
	}},
	{"Waiting", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, _ store.DeliveryID) error {
		_, err := s.Waiting(ctx, ln, 1)
		return err
	}},
	{"Fold", func(ctx context.Context, s store.Store, _ store.Lease, ln store.Lane, id store.DeliveryID) error {
		return s.Fold(ctx, ln, []store.DeliveryID{id + 1}, store.Fold{Source: "harbour"})
	}},
	{"Promise", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Promise(ctx, channel("b"), store.Promise{Kind: store.Notice, Text: "should not be seen"})
	}},
	{"Retry", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Retry(ctx, 1)
		return err
	}},
	{"Drop", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Drop(ctx, 1)
		return err
	}},
	{"Keep", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.Keep(ctx, "key", []byte("should not be seen"))
	}},
	{"KeepAll", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.KeepAll(ctx, map[string][]byte{"key": []byte("should not be seen")})
	}},
	{"KeepIf", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		return s.KeepIf(ctx, "absent", nil, map[string][]byte{"key": []byte("should not be seen")})
	}},
	{"Kept", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Kept(ctx, "kept")
		return err
	}},
	{"KeptAll", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.KeptAll(ctx, "")
		return err
	}},
	{"Backup", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Backup(ctx, io.Discard)
		return err
	}},
	{"History", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.History(ctx, ref("harbour", "e1"))
		return err
	}},
	{"Find", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Find(ctx, "https://news.example/#e1", channel("b"), "m-b-e1")
		return err
	}},
	{"Receipts", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Receipts(ctx, ref("harbour", "e1"))
		return err
	}},
	{"Promised", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, _, err := s.Promised(ctx, ref("harbour", "e1"))
		return err
	}},
	{"Held", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Held(ctx, 1)
		return err
	}},
	{"Abandoned", func(ctx context.Context, s store.Store, _ store.Lease, _ store.Lane, _ store.DeliveryID) error {
		_, err := s.Abandoned(ctx, 1)
		return err
	}},
}

var faultCases = append(cancelCases(),
	testCase{"every call after Close fails", func(p *probe) {
		l, ln, id := p.busy()
		p.ok(p.s.Close())
		p.ok(p.s.Close())
		for _, c := range calls {
			err := c.do(p.ctx, p.s, l, ln, id)
			if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, context.Canceled) {
				p.Errorf("%s: %v", c.name, err)
			}
		}
	}},
	testCase{"calls under way finish before Close", closeMidCall},
	testCase{"a restart forgets nothing", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		p.send(p.laneFor("a", brief))
		status, backlog := p.status("harbour"), p.backlog()
		p.reopen()
		p.same("backlog", p.backlog(), backlog)
		after := p.status("harbour")
		after.Next = status.Next
		p.same("status", after, status)
		ids, _ := p.latest(store.Query{})
		p.same("latest", ids, []news.EntryID{"e2", "e1"})
		p.wantQuotes("one", "e1: One")
		p.wantKnown("known", []news.EntryID{"e1"}, time.Time{}, time.Time{}, "e1")
		p.same("speakers", p.speakers(""), []string{"Una Marsh"})
		p.retakeAndRelease("a")
		p.same("sent", p.drain("a"), []news.EntryID{"e2"})
	}},
)

// busy returns a claimed source, a claimed lane and a begun delivery in it.
func (p *probe) busy() (store.Lease, store.Lane, store.DeliveryID) {
	p.Helper()
	p.follow("harbour", "a", "b")
	p.record("harbour", added(entry("e1", 1, "One")))
	p.drain("b")
	ln := p.lane("a")
	return p.lease("harbour"), ln, p.begin(ln).Delivery.ID
}

// cancelCases call every method with a context that has ended: its error
// comes back and nothing is written.
func cancelCases() (cases []testCase) {
	for _, c := range calls {
		cases = append(cases, testCase{"cancelled " + c.name, func(p *probe) {
			l, ln, id := p.busy()
			ctx, cancel := context.WithCancel(p.ctx)
			cancel()
			p.wantErr(c.do(ctx, p.s, l, ln, id), context.Canceled)
			if s := p.status("harbour"); s.Entries != 1 || s.Problem != "" {
				p.Errorf("something was written: %+v", s)
			}
			p.same("backlog", p.backlog(), store.Backlog{Due: 1})
			_, err := p.s.Kept(p.ctx, "key")
			p.wantErr(err, store.ErrNotFound)
			p.ok(p.s.Settle(p.ctx, ln, id, store.Receipt{Message: "m1", Revision: 1}))
			_, err = p.s.Record(p.ctx, l, poll())
			p.ok(err)
		}})
	}
	return cases
}

// closeMidCall closes the ledger while others write: what was answered with
// success is there afterwards.
func closeMidCall(p *probe) {
	var sources []news.Source
	for i := range 8 {
		sources = append(sources, source(news.SourceID(fmt.Sprintf("s%d", i))))
	}
	p.sync(sources)
	leases, err := p.s.ClaimDue(p.ctx, 8, long)
	p.ok(err)
	var total atomic.Int64
	started := make(chan struct{})
	var once sync.Once
	var writers sync.WaitGroup
	for i, l := range leases {
		writers.Go(func() {
			for n := 0; ; n++ {
				id := news.EntryID(fmt.Sprintf("%d-%d", i, n))
				rec := poll(added(entry(id, n, "State")))
				rec.Next = noon
				if _, err := p.s.Record(p.ctx, l, rec); err != nil {
					return
				}
				if total.Add(1) > 20 {
					once.Do(func() { close(started) })
				}
				again, err := p.s.ClaimDue(p.ctx, 1, long)
				if err != nil || len(again) == 0 {
					return
				}
				l = again[0]
			}
		})
	}
	<-started
	p.ok(p.s.Close())
	writers.Wait()
	p.reopen()
	entries := 0
	list, err := p.s.Sources(p.ctx)
	p.ok(err)
	for _, s := range list {
		entries += s.Entries
	}
	p.same("entries", entries, int(total.Load()))
}
