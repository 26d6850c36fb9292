package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// maxFolded bounds the entries of one roll-up.
const maxFolded = 200

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
	if err != nil || !found || !foldable(&d) {
		return w, false, err
	}
	var e news.Entry
	if err := t.must(entryBucket, refKey(d.Entry), &e); err != nil {
		return w, false, err
	}
	w = store.Waiting{ID: id, Entry: d.Entry, When: e.When(), Enqueued: d.Enqueued, Key: e.Key, Breaking: d.Breaking}
	for i := range e.Quotes {
		w.Quoted = w.Quoted || e.Quotes[i].Kind != news.Mixed
	}
	return w, !e.Withdrawn, nil
}

// foldable reports whether a delivery may be told in a roll-up: nothing of it
// can stand anywhere.
func foldable(d *deliveryRecord) bool {
	return d.Kind == store.Card && !d.Edit && d.Tried.IsZero()
}

// Fold implements [store.Outbox].
func (s *Store) Fold(ctx context.Context, l store.Lane, ids []store.DeliveryID, f store.Fold) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.writeLane(ctx, l, func(t *txn) (func(), error) {
		fo := folder{courier: courier{s: s, t: t, now: time.Now().UTC().Round(0)}, ch: l.Channel, f: f}
		for _, id := range ids {
			if err := fo.fold(id); err != nil {
				return nil, err
			}
		}
		if err := fo.finish(); err != nil {
			return nil, err
		}
		return s.locked(fo.then(func() {})), nil
	})
}

// A folder folds deliveries of a channel into its roll-ups.
type folder struct {
	courier
	ch     chat.Channel
	f      store.Fold
	rollup *rollupRecord // the one that is being filled
	number uint64

	loud, breaking bool // one of those folded into it is not silent, is breaking
}

func (fo *folder) fold(id store.DeliveryID) error {
	var d deliveryRecord
	found, err := fo.t.get(outBucket, outKey(fo.ch, id), &d)
	if err != nil || !found || !foldable(&d) {
		return err
	}
	var e news.Entry
	if err := fo.t.must(entryBucket, refKey(d.Entry), &e); err != nil {
		return err
	}
	if err := fo.open(); err != nil {
		return err
	}
	removed, err := fo.s.remove(fo.t, &d)
	if err != nil {
		return err
	}
	fo.changes = append(fo.changes, removed)
	key := append(appendTime(rollupKey(fo.ch, fo.number), e.When()), refKey(e.Ref)...)
	if err := fo.t.putRaw(foldedBucket, key, []byte{}); err != nil {
		return err
	}
	fo.rollup.Count++
	fo.loud, fo.breaking = fo.loud || !d.Silent, fo.breaking || d.Breaking
	return fo.t.putReceipt(&store.Receipt{Channel: fo.ch, Entry: d.Entry, Revision: e.Revision, Folded: fo.number})
}

// open finds the roll-up to fill: the one being filled while it has room, else
// the channel's newest that fits, else a new one.
func (fo *folder) open() error {
	if fo.rollup != nil && fo.rollup.Count < maxFolded {
		return nil
	}
	if fo.rollup != nil {
		if err := fo.finish(); err != nil {
			return err
		}
	} else if err := fo.newest(); err != nil || fo.rollup != nil {
		return err
	}
	// A number is never used again, even if the ledger is restored from a copy,
	// and the next is greater, even if the clock was set back.
	fo.number = max(uint64(fo.now.UnixNano()), fo.number+1)
	fo.loud, fo.breaking = false, false
	fo.rollup = &rollupRecord{Source: fo.f.Source, Earlier: fo.f.Earlier, Begun: fo.now, Until: utc(fo.f.Until)}
	return nil
}

// newest looks for a roll-up of the channel that goes on.
func (fo *folder) newest() error {
	prefix := appendLane(nil, fo.ch)
	c := fo.t.tx.Bucket([]byte(rollupBucket)).Cursor()
	k, v := c.Seek(append(bytes.Clone(prefix), 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF))
	if k == nil {
		k, v = c.Last()
	} else if !bytes.HasPrefix(k, prefix) {
		k, v = c.Prev()
	}
	for ; k != nil && bytes.HasPrefix(k, prefix); k, v = c.Prev() {
		var r rollupRecord
		if err := unseal(rollupBucket, k, v, &r); err != nil {
			return err
		}
		number := binary.BigEndian.Uint64(k[len(prefix):])
		fo.number = max(fo.number, number)
		age := fo.now.Sub(r.Begun)
		if age >= max(fo.f.Within, time.Minute) && age > 24*time.Hour {
			return nil // they come oldest last: the rest is older
		}
		if r.Source != fo.f.Source || r.Earlier != fo.f.Earlier || r.Until.IsZero() != fo.f.Until.IsZero() {
			continue
		}
		if age >= fo.f.Within || r.Count >= maxFolded {
			return nil
		}
		stands, err := fo.t.receipt(fo.ch, slot(store.Rollup, news.Ref{Source: r.Source}, number))
		if err == nil && (stands == nil || !stands.Gone) { // one that a person deleted tells nothing more
			fo.rollup, fo.number = &r, number
		}
		return err
	}
	return nil
}

// finish saves the roll-up and promises it.
func (fo *folder) finish() error {
	if fo.rollup == nil {
		return nil
	}
	if err := fo.t.put(rollupBucket, rollupKey(fo.ch, fo.number), fo.rollup); err != nil {
		return err
	}
	return fo.promise(fo.ch, subject{
		kind: store.Rollup, entry: news.Ref{Source: fo.f.Source}, number: fo.number, hold: fo.rollup.Until,
		silent: !fo.loud, breaking: fo.breaking,
	})
}
