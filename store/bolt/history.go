package bolt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

func revisionKey(ref news.Ref, revision int) []byte {
	return binary.BigEndian.AppendUint64(refKey(ref), uint64(revision))
}

func idBytes(id store.DeliveryID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// keepRevision keeps an entry as it was. Of too many revisions the oldest but
// the first are forgotten.
func (t *txn) keepRevision(e *news.Entry) error {
	if err := t.put(revisionBucket, revisionKey(e.Ref, e.Revision), e); err != nil {
		return err
	}
	var keys [][]byte
	prefix := refKey(e.Ref)
	c := t.tx.Bucket([]byte(revisionBucket)).Cursor()
	for k, _ := c.Seek(prefix); hasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, slices.Clone(k))
	}
	for len(keys) > ledger.MaxRevisions+1 {
		if err := t.delete(revisionBucket, keys[1]); err != nil {
			return err
		}
		keys = slices.Delete(keys, 1, 2)
	}
	return nil
}

// History implements [store.Queries].
func (s *Store) History(ctx context.Context, ref news.Ref) (list []news.Entry, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		ref, err := t.resolve(ref)
		if err != nil {
			return err
		}
		err = t.each(revisionBucket, refKey(ref), func(k, v []byte) error {
			var e news.Entry
			err := unseal(revisionBucket, k, v, &e)
			list = append(list, e)
			return err
		})
		if err != nil {
			return err
		}
		now, err := t.entry(ref)
		list = append(list, now)
		return err
	})
	return list, err
}

// urlKey is where the entries of an address are found.
func urlKey(url string) []byte {
	sum := sha256.Sum256([]byte(url))
	return sum[:16]
}

// Find implements [store.Queries].
func (s *Store) Find(ctx context.Context, url string, ch chat.Channel, m chat.MessageID) (refs []news.Ref, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		if url != "" {
			if refs, err = t.byURL(url); err != nil {
				return err
			}
		}
		if m == "" {
			return nil
		}
		more, err := t.byMessage(ch, m)
		for _, ref := range more {
			if !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
		return err
	})
	return refs[:min(len(refs), ledger.MaxFound)], err
}

func (t *txn) byURL(url string) (refs []news.Ref, err error) {
	prefix := urlKey(url)
	err = t.each(urlBucket, prefix, func(k, _ []byte) error {
		e, err := t.indexed(slices.Clone(k[len(prefix):]))
		if err == nil && e.URL == url {
			refs = append(refs, e.Ref)
		}
		return err
	})
	return refs, err
}

func (t *txn) byMessage(ch chat.Channel, m chat.MessageID) ([]news.Ref, error) {
	ref := t.raw(messageBucket, messageKey(ch, m))
	if ref == nil {
		return nil, nil
	}
	key := appendLane(slices.Clone(ref), ch)
	r, err := openReceipt(key, t.raw(receiptBucket, key))
	if err != nil || r.Message != m {
		return nil, err // another message has taken its place
	}
	switch r.Kind {
	case store.Card, store.Note:
		return []news.Ref{r.Entry}, nil
	case store.Rollup:
		return t.inRollup(ch, r.Number)
	}
	return nil, nil
}

func (t *txn) inRollup(ch chat.Channel, number uint64) (refs []news.Ref, err error) {
	prefix := rollupKey(ch, number)
	err = t.each(foldedBucket, prefix, func(k, _ []byte) error {
		e, err := t.indexed(slices.Clone(k[len(prefix)+timeLen:]))
		refs = append(refs, e.Ref)
		return err
	})
	return refs, err
}

// Receipts implements [store.Queries].
func (s *Store) Receipts(ctx context.Context, ref news.Ref) (list []store.Receipt, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		ref, err := t.resolve(ref)
		if err != nil {
			return err
		}
		return t.each(receiptBucket, refKey(ref), func(k, v []byte) error {
			r, err := openReceipt(k, v)
			list = append(list, r)
			return err
		})
	})
	slices.SortFunc(list, func(a, b store.Receipt) int { return cmp.Compare(a.Channel.String(), b.Channel.String()) })
	return list, err
}

// Promised implements [store.Queries].
func (s *Store) Promised(ctx context.Context, ref news.Ref) (pending, abandoned []store.Delivery, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		ref, err := t.resolve(ref)
		if err != nil {
			return err
		}
		if pending, err = t.pendingOf(ref); err != nil {
			return err
		}
		return t.each(abandonedBucket, nil, func(k, v []byte) error {
			var d deliveryRecord
			err := unseal(abandonedBucket, k, v, &d)
			if err == nil && d.Kind == store.Card && d.Entry == ref {
				abandoned = append(abandoned, d.Delivery)
			}
			return err
		})
	})
	byChannel(pending)
	byChannel(abandoned)
	return pending, abandoned, err
}

func (t *txn) pendingOf(ref news.Ref) (list []store.Delivery, err error) {
	prefix := refKey(ref)
	err = t.each(pendingBucket, prefix, func(k, v []byte) error {
		ch, err := keyLane(pendingBucket, k[len(prefix):])
		if err != nil {
			return err
		}
		d, err := t.pending(ch, ref, v)
		if err == nil {
			list = append(list, d.Delivery)
		}
		return err
	})
	return list, err
}

func byChannel(list []store.Delivery) {
	slices.SortStableFunc(list, func(a, b store.Delivery) int { return cmp.Compare(a.Channel.String(), b.Channel.String()) })
}

// oldestFirst sorts deliveries by when they were promised and cuts the list.
func oldestFirst(list []store.Delivery, limit int) []store.Delivery {
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	slices.SortFunc(list, func(a, b store.Delivery) int { return a.Enqueued.Compare(b.Enqueued) })
	return list[:min(len(list), limit)]
}
