package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// writeLane saves a change by the holder of a lane.
func (s *Store) writeLane(ctx context.Context, l store.Lane, run func(*txn) (func(), error)) error {
	return s.writeAs(ctx, func() *claim {
		if ln := s.claims.claimed(l); ln != nil {
			return &ln.claim
		}
		return nil
	}, run)
}

// Begin implements [store.Outbox].
func (s *Store) Begin(ctx context.Context, l store.Lane) (store.Work, bool, error) {
	if err := s.enter(ctx); err != nil {
		return store.Work{}, false, err
	}
	defer s.leave()
	var d store.Delivery
	ok := false
	err := s.writeLane(ctx, l, func(t *txn) (func(), error) {
		var err error
		d, ok, err = s.begin(t, l.Channel)
		return nil, err
	})
	if err != nil || !ok {
		return store.Work{}, false, err
	}
	w, err := s.work(ctx, d)
	return w, err == nil, err
}

// begin saves that an attempt of the lane's first due delivery begins, and
// returns the delivery as it was before, but for the attempt.
func (s *Store) begin(t *txn, ch chat.Channel) (d store.Delivery, ok bool, err error) {
	now := time.Now()
	for _, id := range s.claims.candidates(ch, now) {
		var rec deliveryRecord
		found, err := t.get(outBucket, outKey(ch, id), &rec)
		if err != nil {
			return d, false, err
		}
		if !found {
			continue // it ends in this very commit
		}
		rec.Attempts++
		d = rec.Delivery
		if rec.Tried.IsZero() {
			rec.Tried = now.UTC().Round(0)
		}
		return d, true, t.put(outBucket, outKey(ch, id), &rec)
	}
	return d, false, nil
}

// first returns the first key with the prefix, nil if there is none.
func (t *txn) first(bucket string, prefix []byte) (key, value []byte) {
	k, v := t.tx.Bucket([]byte(bucket)).Cursor().Seek(prefix)
	if k == nil || !strings.HasPrefix(string(k), string(prefix)) {
		return nil, nil
	}
	return k, v
}

// Settle implements [store.Outbox].
func (s *Store) Settle(ctx context.Context, l store.Lane, id store.DeliveryID, r store.Receipt, also ...store.Promise) error {
	return s.end(ctx, l, id, func(t *txn, d *deliveryRecord) (func(), error) {
		r.Channel, r.Kind, r.Entry, r.Number = l.Channel, d.Kind, d.Entry, d.Number
		if err := t.putReceipt(&r); err != nil {
			return nil, err
		}
		c := courier{s: s, t: t, now: time.Now().UTC().Round(0)}
		if r.ThreadGone {
			if err := t.endThread(l.Channel, d.Entry.Source); err != nil {
				return nil, err
			}
		}
		for _, p := range also {
			if err := c.asked(l.Channel, p, d.Silent, d.Breaking); err != nil {
				return nil, err
			}
		}
		if d.Revision <= r.Revision || r.Gone {
			removed, err := s.remove(t, d)
			return c.then(removed), err
		}
		d.Enqueued, d.Edit, d.Hold = d.Renewed, r.Message != "", time.Time{}
		d.Attempts, d.Tried, d.NextAttempt, d.LastError, d.Alone = 0, time.Time{}, time.Time{}, "", false
		kept, err := s.keep(t, d, time.Time{})
		return c.then(kept), err
	})
}

// Postpone implements [store.Outbox].
func (s *Store) Postpone(ctx context.Context, l store.Lane, id store.DeliveryID, p store.Postponement) error {
	return s.end(ctx, l, id, func(t *txn, d *deliveryRecord) (func(), error) {
		now := time.Now()
		d.NextAttempt, d.Planned, d.LastError = p.Until.UTC().Round(0), now.UTC().Round(0), p.Error
		d.Alone = p.Alone && d.Edit
		if p.Free && d.Attempts > 0 {
			d.Attempts--
		}
		if !p.Unknown {
			d.Tried = time.Time{}
		}
		return s.keep(t, d, from(now, p.Until))
	})
}

// Abandon implements [store.Outbox].
func (s *Store) Abandon(ctx context.Context, l store.Lane, id store.DeliveryID, reason string) error {
	return s.end(ctx, l, id, func(t *txn, d *deliveryRecord) (func(), error) {
		d.LastError = reason
		n, err := t.next(abandonedBucket)
		if err != nil {
			return nil, err
		}
		if err := t.put(abandonedBucket, binary.BigEndian.AppendUint64(nil, n), d); err != nil {
			return nil, err
		}
		removed, err := s.remove(t, d)
		return func() {
			s.claims.abandoned++
			removed()
		}, err
	})
}

// Resume implements [store.Outbox].
func (s *Store) Resume(ctx context.Context, adapter string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, func(t *txn) (func(), error) {
		var kept []func()
		for ch, blocker := range s.waiting(adapter) {
			kept = append(kept, func() { s.claims.putOffFor(ch, 0, time.Time{}) })
			var d deliveryRecord
			found, err := t.get(outBucket, outKey(ch, blocker), &d)
			if err != nil {
				return nil, err
			}
			if !found {
				continue // it was put off for none, or one that ends in the same commit
			}
			d.NextAttempt, d.Planned = time.Time{}, time.Time{}
			keep, err := s.keep(t, &d, time.Time{})
			if err != nil {
				return nil, err
			}
			kept = append(kept, keep)
		}
		return s.locked(func() {
			for _, keep := range kept {
				keep()
			}
		}), nil
	})
}

// waiting returns the channels of an adapter that are put off, each with the
// delivery it is put off for.
func (s *Store) waiting(adapter string) map[chat.Channel]store.DeliveryID {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	channels := make(map[chat.Channel]store.DeliveryID)
	for ch, l := range s.claims.lanes {
		if ch.Adapter == adapter && !l.until.IsZero() {
			channels[ch] = l.blocker
		}
	}
	return channels
}

// end writes the outcome of a begun delivery under the lane's claim. What f
// returns is called under the lock.
func (s *Store) end(ctx context.Context, l store.Lane, id store.DeliveryID, f func(*txn, *deliveryRecord) (func(), error)) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.writeLane(ctx, l, func(t *txn) (func(), error) {
		var d deliveryRecord
		found, err := t.get(outBucket, outKey(l.Channel, id), &d)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, fmt.Errorf("delivery %d in %s: %w", id, l.Channel, store.ErrNotFound)
		}
		applied, err := f(t, &d)
		if err != nil {
			return nil, err
		}
		return s.locked(applied), nil
	})
}

// locked returns f as a function that takes the lock of the claims.
func (s *Store) locked(f func()) func() {
	return func() {
		s.claims.mu.Lock()
		defer s.claims.mu.Unlock()
		f()
	}
}

// remove deletes a delivery. What it returns is called under the lock.
func (s *Store) remove(t *txn, d *deliveryRecord) (func(), error) {
	if err := t.delete(outBucket, outKey(d.Channel, d.ID)); err != nil {
		return nil, err
	}
	if err := t.delete(pendingBucket, appendLane(d.slot(), d.Channel)); err != nil {
		return nil, err
	}
	ch, id := d.Channel, d.ID
	return func() { s.claims.drop(ch, id) }, nil
}

// keep saves a delivery that goes on, put off until a time: by itself if it is
// Alone, else with its lane. What it returns is called under the lock.
func (s *Store) keep(t *txn, d *deliveryRecord, until time.Time) (func(), error) {
	if err := t.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return nil, err
	}
	ch, p, alone := d.Channel, promiseOf(d), d.Alone
	if alone {
		p.until = until
	}
	return func() {
		s.claims.push(ch, p)
		switch {
		case !alone:
			s.claims.putOffFor(ch, p.id, until)
		case s.claims.lane(ch).blocker == p.id:
			s.claims.putOffFor(ch, 0, time.Time{})
		}
	}, nil
}

func promiseOf(d *deliveryRecord) promise {
	return promise{id: d.ID, enqueued: d.Enqueued, breaking: d.Breaking, loose: d.Edit || !d.Hold.IsZero(), until: d.Hold}
}
