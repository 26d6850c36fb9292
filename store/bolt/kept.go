package bolt

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// Keep implements [store.Store].
func (s *Store) Keep(ctx context.Context, key string, value []byte) error {
	return s.KeepAll(ctx, map[string][]byte{key: value})
}

// KeepAll implements [store.Store].
func (s *Store) KeepAll(ctx context.Context, values map[string][]byte) error {
	return s.keep(ctx, values, func(*txn) error { return nil })
}

// KeepIf implements [store.Store].
func (s *Store) KeepIf(ctx context.Context, key string, was []byte, values map[string][]byte) error {
	return s.keep(ctx, values, func(t *txn) error {
		var now []byte
		found, err := t.get(keptBucket, []byte(key), &now)
		if err == nil && (found != (was != nil) || !bytes.Equal(now, was)) {
			err = fmt.Errorf("kept value %.40q: %w", key, store.ErrChanged)
		}
		return err
	})
}

// keep keeps values in one transaction, unless the check refuses.
func (s *Store) keep(ctx context.Context, values map[string][]byte, check func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	for key, v := range values {
		if err := ledger.CheckKept(key, v); err != nil {
			return err
		}
	}
	return s.write(ctx, func(t *txn) (func(), error) {
		if err := check(t); err != nil {
			return nil, err
		}
		for key, v := range values {
			var err error
			if v == nil {
				err = t.delete(keptBucket, []byte(key))
			} else {
				err = t.put(keptBucket, []byte(key), v)
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

// Kept implements [store.Store].
func (s *Store) Kept(ctx context.Context, key string) (value []byte, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		found, err := t.get(keptBucket, []byte(key), &value)
		if err == nil && !found {
			err = fmt.Errorf("kept value %.40q: %w", key, store.ErrNotFound)
		}
		return err
	})
	return value, err
}

// KeptAll implements [store.Store].
func (s *Store) KeptAll(ctx context.Context, prefix string) (map[string][]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	values := make(map[string][]byte)
	err := s.view(ctx, func(t *txn) error {
		return t.each(keptBucket, []byte(prefix), func(k, v []byte) error {
			var value []byte
			err := unseal(keptBucket, k, v, &value)
			values[string(k)] = value
			return err
		})
	})
	return values, err
}

// Promise implements [store.Outbox].
func (s *Store) Promise(ctx context.Context, ch chat.Channel, p store.Promise) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, func(t *txn) (func(), error) {
		c, b := s.courier(t)
		return b.then(func() {}), c.Asked(ch, p, false, false)
	})
}

// Retry implements [store.Outbox].
func (s *Store) Retry(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	return s.reconsider(ctx, ids, func(b *books, d *deliveryRecord) error {
		if b.raw(pendingBucket, appendLane(refKey(d.Slot()), d.Channel)) != nil {
			return nil
		}
		if r, err := b.receipt(d.Channel, d.Slot()); err != nil || d.Overtaken(r) {
			return err
		}
		d.Again(s.copied, time.Now().UTC().Round(0))
		return b.enlist(d)
	})
}

// Drop implements [store.Outbox].
func (s *Store) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	return s.reconsider(ctx, ids, func(*books, *deliveryRecord) error { return nil })
}

// reconsider takes deliveries out of the abandoned and does f to each.
func (s *Store) reconsider(ctx context.Context, ids []store.DeliveryID, f func(*books, *deliveryRecord) error) (n int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	wanted := make(map[store.DeliveryID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	err = s.write(ctx, func(t *txn) (func(), error) {
		n = 0
		found := make(map[string]deliveryRecord)
		err := t.each(abandonedBucket, nil, func(k, v []byte) error {
			var d deliveryRecord
			if err := unseal(abandonedBucket, k, v, &d); err != nil {
				return err
			}
			if wanted[d.ID] {
				found[string(k)] = d
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		b := &books{txn: t, s: s}
		for k, d := range found {
			if err := t.delete(abandonedBucket, []byte(k)); err != nil {
				return nil, err
			}
			if err := f(b, &d); err != nil {
				return nil, err
			}
			n++
		}
		gone := n
		return b.then(func() { s.claims.abandoned -= gone }), nil
	})
	return n, err
}

// Held implements [store.Queries].
func (s *Store) Held(ctx context.Context, limit int) (list []store.Delivery, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		for ch, id := range s.blockers() {
			var d deliveryRecord
			found, err := t.get(outBucket, outKey(ch, id), &d)
			if err != nil {
				return err
			}
			if found {
				list = append(list, d.Delivery)
			}
		}
		return nil
	})
	return oldestFirst(list, limit), err
}

// blockers returns the deliveries for which lanes are put off now.
func (s *Store) blockers() map[chat.Channel]store.DeliveryID {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	now := time.Now()
	found := make(map[chat.Channel]store.DeliveryID)
	for ch, l := range s.claims.lanes {
		if l.blocker != 0 && l.until.After(now) {
			found[ch] = l.blocker
		}
	}
	return found
}

// hasPrefix reports whether a key begins with prefix, nil being none.
func hasPrefix(k, prefix []byte) bool { return k != nil && bytes.HasPrefix(k, prefix) }
