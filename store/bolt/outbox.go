package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
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
		return rec.Begin(now), true, t.put(outBucket, outKey(ch, id), &rec)
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
	return s.end(ctx, l, id, func(c *ledger.Courier, b *books, d *deliveryRecord) error {
		ended, err := c.Settle(d, r, also)
		if ended || err != nil {
			return err
		}
		return b.keep(d, time.Time{})
	})
}

// Postpone implements [store.Outbox].
func (s *Store) Postpone(ctx context.Context, l store.Lane, id store.DeliveryID, p store.Postponement) error {
	return s.end(ctx, l, id, func(_ *ledger.Courier, b *books, d *deliveryRecord) error {
		now := time.Now()
		d.Postpone(p, now)
		return b.keep(d, from(now, p.Until))
	})
}

// Abandon implements [store.Outbox].
func (s *Store) Abandon(ctx context.Context, l store.Lane, id store.DeliveryID, reason string) error {
	return s.end(ctx, l, id, func(_ *ledger.Courier, b *books, d *deliveryRecord) error {
		d.LastError = reason
		n, err := b.next(abandonedBucket)
		if err != nil {
			return err
		}
		if err := b.put(abandonedBucket, binary.BigEndian.AppendUint64(nil, n), d); err != nil {
			return err
		}
		b.changes = append(b.changes, func() { s.claims.abandoned++ })
		return b.Remove(d)
	})
}

// Resume implements [store.Outbox].
func (s *Store) Resume(ctx context.Context, adapter string) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, func(t *txn) (func(), error) {
		b := &books{txn: t, s: s}
		for ch, blocker := range s.waiting(adapter) {
			b.changes = append(b.changes, func() { s.claims.putOffFor(ch, 0, time.Time{}) })
			var d deliveryRecord
			found, err := t.get(outBucket, outKey(ch, blocker), &d)
			if err != nil {
				return nil, err
			}
			if !found {
				continue // it was put off for none, or one that ends in the same commit
			}
			d.NextAttempt, d.Planned = time.Time{}, time.Time{}
			if err := b.keep(&d, time.Time{}); err != nil {
				return nil, err
			}
		}
		return b.then(func() {}), nil
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

// end writes the outcome of a begun delivery under the lane's claim.
func (s *Store) end(
	ctx context.Context, l store.Lane, id store.DeliveryID, f func(*ledger.Courier, *books, *deliveryRecord) error,
) error {
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
		c, b := s.courier(t)
		return b.then(func() {}), f(c, b, &d)
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

func promiseOf(d *deliveryRecord) promise {
	return promise{id: d.ID, enqueued: d.Enqueued, breaking: d.Breaking, loose: d.Loose(), until: d.Hold}
}
