package bolt

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// shift moves all times of a closed ledger's promises and sources by d, as if
// the clock had been set by -d since.
func shift(t *testing.T, path string, d time.Duration) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	check(t, err)
	later := func(times ...*time.Time) {
		for _, at := range times {
			if !at.IsZero() {
				*at = at.Add(d)
			}
		}
	}
	check(t, db.Update(func(tx *bbolt.Tx) error {
		tn := &txn{tx: tx}
		puts := map[string]func() error{}
		err := tn.each(outBucket, nil, func(k, v []byte) error {
			var rec deliveryRecord
			if err := unseal(outBucket, k, v, &rec); err != nil {
				return err
			}
			later(&rec.Enqueued, &rec.Renewed, &rec.NextAttempt, &rec.Planned, &rec.Hold, &rec.Tried)
			key := string(k)
			puts["out"+key] = func() error { return tn.put(outBucket, []byte(key), &rec) }
			return nil
		})
		check(t, err)
		err = tn.each(sourceBucket, nil, func(k, v []byte) error {
			var rec sourceRecord
			if err := unseal(sourceBucket, k, v, &rec); err != nil {
				return err
			}
			later(&rec.Next, &rec.Planned)
			key := string(k)
			puts["source"+key] = func() error { return tn.put(sourceBucket, []byte(key), &rec) }
			return nil
		})
		check(t, err)
		for _, put := range puts {
			check(t, put())
		}
		return nil
	}))
	check(t, db.Close())
}

// waits makes a ledger in which things wait for a minute, each in its way: the
// source, a lane for a send, one for an edit alone, one for a roll-up that is
// held back. One more lane is due.
func waits(t *testing.T, path string) *Store {
	t.Helper()
	s := mustOpen(t, path)
	ctx := t.Context()
	var subs []store.Subscription
	for _, id := range []string{"send", "edit", "held", "due"} {
		subs = append(subs, store.Subscription{Source: harbour.ID, Channel: chat.Channel{Adapter: "test", ID: id}})
	}
	check(t, s.Sync(ctx, []news.Source{harbour}, subs))
	minute := time.Now().Add(time.Minute)
	record := func(c news.Change) {
		check(t, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1, time.Hour)
		check(t, err)
		_, err = s.Record(ctx, leases[0], store.Poll{Next: minute, Changes: []news.Change{c}})
		check(t, err)
	}
	claim := func() map[string]store.Lane {
		lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, 9, time.Hour)
		check(t, err)
		byID := make(map[string]store.Lane)
		for _, l := range lanes {
			byID[l.Channel.ID] = l
		}
		return byID
	}
	begin := func(l store.Lane) store.DeliveryID {
		w, _, err := s.Begin(ctx, l)
		check(t, err)
		return w.Delivery.ID
	}
	e := news.Entry{Ref: news.Ref{Source: harbour.ID, Entry: "e1"}, Body: "One", Revision: 1}
	record(news.Change{Kind: news.Added, Entry: e})
	lanes := claim()
	check(t, s.Postpone(ctx, lanes["send"], begin(lanes["send"]), store.Postponement{Until: minute}))
	check(t, s.Settle(ctx, lanes["edit"], begin(lanes["edit"]), store.Receipt{Message: "m1", Revision: 1}))
	list, err := s.Waiting(ctx, lanes["held"], 1)
	check(t, err)
	check(t, s.Fold(ctx, lanes["held"], []store.DeliveryID{list[0].ID}, store.Fold{Within: time.Hour, Until: minute}))
	e.Body, e.Revision = "Two", 2
	record(news.Change{Kind: news.Edited, Entry: e})
	check(t, s.Postpone(ctx, lanes["edit"], begin(lanes["edit"]), store.Postponement{Until: minute, Alone: true}))
	e.Body, e.Revision = "Three", 3
	record(news.Change{Kind: news.Edited, Entry: e}) // renews what waits
	for _, l := range lanes {
		check(t, s.Release(ctx, l, time.Time{}))
	}
	return s
}

// TestClockSetBack closes a ledger, sets the clock back, and opens it: what
// waited a minute still waits a minute, and no longer.
func TestClockSetBack(t *testing.T) {
	for _, back := range []time.Duration{0, time.Hour, 365 * 24 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := t.TempDir() + "/test.db"
				check(t, waits(t, path).Close())
				shift(t, path, back)
				s := mustOpen(t, path)
				defer s.Close()
				wantDue(t, s, 0, "due")
				time.Sleep(time.Minute - time.Second) // fake
				wantDue(t, s, 0, "due")
				time.Sleep(2 * time.Second) // fake
				wantDue(t, s, 1, "due edit held send")
			})
		})
	}
}

// TestClockSetForward opens a ledger a day later by the clock: all is due, none
// is lost.
func TestClockSetForward(t *testing.T) {
	path := t.TempDir() + "/test.db"
	check(t, waits(t, path).Close())
	shift(t, path, -24*time.Hour)
	s := mustOpen(t, path)
	wantDue(t, s, 1, "due edit held send")
}

// wantDue claims what is due and gives it back.
func wantDue(t *testing.T, s *Store, sources int, channels string) {
	t.Helper()
	leases, err := s.ClaimDue(t.Context(), 9, time.Hour)
	check(t, err)
	if len(leases) != sources {
		t.Errorf("%d sources are due, want %d", len(leases), sources)
	}
	due := map[string]bool{}
	for range 4 { // one after the other: none may be hidden behind another
		lanes, next, err := s.ClaimLanes(t.Context(), []string{"test"}, 1, time.Hour)
		check(t, err)
		if len(lanes) == 0 {
			break
		}
		due[lanes[0].Channel.ID] = true
		if left := len(strings.Fields(channels)) - len(due); (left > 0) != (!next.IsZero() && !next.After(time.Now())) {
			t.Errorf("%d lanes are due, and the next at %v", left, next)
		}
		defer func() { check(t, s.Release(t.Context(), lanes[0], time.Time{})) }()
	}
	for id := range strings.FieldsSeq(channels) {
		if !due[id] {
			t.Errorf("%s is not due", id)
		}
		delete(due, id)
	}
	if len(due) > 0 {
		t.Errorf("due too early: %v", due)
	}
}

// TestClockWhileRunning: what memory holds of when something is due carries the
// monotonic clock, which nobody can set.
func TestClockWhileRunning(t *testing.T) {
	path := t.TempDir() + "/test.db"
	s := waits(t, path)
	monotonic := func(when string) {
		t.Helper()
		n := 0
		hold := func(what string, at time.Time) {
			if at.IsZero() {
				return
			}
			n++
			if !strings.Contains(at.String(), " m=") {
				t.Errorf("%s, %s: %v follows the clock on the wall", when, what, at)
			}
		}
		s.claims.mu.Lock()
		defer s.claims.mu.Unlock()
		for id, src := range s.claims.sources {
			hold(string(id), src.due)
			hold(string(id), src.expires)
		}
		for ch, l := range s.claims.lanes {
			hold(ch.ID, l.until)
			hold(ch.ID, l.wake)
			hold(ch.ID, l.expires)
			for _, p := range l.loose {
				hold(ch.ID, p.until)
			}
		}
		if n < 6 {
			t.Errorf("%s: only %d times", when, n)
		}
	}
	monotonic("running")
	check(t, s.Close())
	s = mustOpen(t, path)
	monotonic("after a restart")
}
