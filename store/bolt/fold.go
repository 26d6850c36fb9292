package bolt

import (
	"context"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// Waiting implements [store.Outbox].
func (s *Store) Waiting(ctx context.Context, l store.Lane, limit int) (list []store.Waiting, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	ids, err := s.inLine(l)
	if err != nil {
		return nil, err
	}
	err = s.view(ctx, func(t *txn) error {
		sources := make(map[news.SourceID]bool) // that are breaking
		for _, id := range ids {
			if len(list) == limit {
				return nil
			}
			w, ok, err := t.waiting(l.Channel, id, sources)
			if err != nil {
				return err
			}
			if ok {
				list = append(list, w)
			}
		}
		return nil
	})
	return list, err
}

// inLine returns the deliveries that stand in line in a claimed lane.
func (s *Store) inLine(l store.Lane) (ids []store.DeliveryID, err error) {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	ln := s.claims.claimed(l)
	if ln == nil {
		return nil, store.ErrLeaseLost
	}
	for _, p := range ln.line {
		ids = append(ids, p.id)
	}
	return ids, nil
}

func (t *txn) waiting(ch chat.Channel, id store.DeliveryID, breaking map[news.SourceID]bool) (w store.Waiting, ok bool, err error) {
	var d deliveryRecord
	found, err := t.get(outBucket, outKey(ch, id), &d)
	if err != nil || !found || !d.Foldable() {
		return w, false, err
	}
	var e news.Entry
	if err := t.must(entryBucket, refKey(d.Entry), &e); err != nil {
		return w, false, err
	}
	return d.Waiting(&e), !e.Withdrawn, nil
}

// Fold implements [store.Outbox].
func (s *Store) Fold(ctx context.Context, l store.Lane, ids []store.DeliveryID, f store.Fold) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.writeLane(ctx, l, func(t *txn) (func(), error) {
		c, b := s.courier(t)
		fo := ledger.Folder{Courier: *c, Channel: l.Channel, Fold: f}
		for _, id := range ids {
			if err := t.fold(&fo, id); err != nil {
				return nil, err
			}
		}
		return b.then(func() {}), fo.Finish()
	})
}

// fold folds a delivery, if it is still there to be folded.
func (t *txn) fold(fo *ledger.Folder, id store.DeliveryID) error {
	var d deliveryRecord
	found, err := t.get(outBucket, outKey(fo.Channel, id), &d)
	if err != nil || !found || !d.Foldable() {
		return err
	}
	var e news.Entry
	if err := t.must(entryBucket, refKey(d.Entry), &e); err != nil {
		return err
	}
	return fo.Put(&d, &e)
}
