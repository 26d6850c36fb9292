package bolt

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// books are a transaction as the rules see it. What they change of what is due
// is done in memory after the commit; see then.
type books struct {
	*txn
	s       *Store
	changes []func() // to be called under the lock of the claims
}

var _ ledger.Books = (*books)(nil)

// courier returns one that writes into a transaction.
func (s *Store) courier(t *txn) (*ledger.Courier, *books) {
	b := &books{txn: t, s: s}
	return &ledger.Courier{Books: b, Ledger: s.ledger, Copy: s.copied, Now: time.Now().UTC().Round(0)}, b
}

// then returns a function that does, under the lock, what the books have left
// to do and f.
func (b *books) then(f func()) func() {
	return b.s.locked(func() {
		for _, change := range b.changes {
			change()
		}
		f()
	})
}

// Receipt implements [ledger.Books].
func (b *books) Receipt(ch chat.Channel, slot news.Ref) (*store.Receipt, error) {
	return b.receipt(ch, slot)
}

// PutReceipt implements [ledger.Books]. The message leads to its receipt.
func (b *books) PutReceipt(r *store.Receipt) error {
	slot := refKey(ledger.Slot(r.Kind, r.Entry, r.Number))
	if r.Message != "" {
		at := messageKey(r.Channel, r.Message)
		if !bytes.Equal(b.raw(messageBucket, at), slot) {
			if err := b.putRaw(messageBucket, at, slot); err != nil {
				return err
			}
		}
	}
	return b.put(receiptBucket, appendLane(slot, r.Channel), &receiptRecord{Receipt: *r, Digest: r.Digest[:]})
}

// Pending implements [ledger.Books].
func (b *books) Pending(ch chat.Channel, slot news.Ref) (*deliveryRecord, error) {
	v := b.raw(pendingBucket, appendLane(refKey(slot), ch))
	if v == nil {
		return nil, nil
	}
	return b.pending(ch, slot, v)
}

// pending returns the delivery that a value in pending names.
func (t *txn) pending(ch chat.Channel, slot news.Ref, v []byte) (*deliveryRecord, error) {
	if len(v) != 8 {
		return nil, damaged("pending delivery of %s to %s", slot, ch)
	}
	d := new(deliveryRecord)
	return d, t.must(outBucket, outKey(ch, store.DeliveryID(binary.BigEndian.Uint64(v))), d)
}

// Around implements [ledger.Books].
func (b *books) Around(slot news.Ref) (receipts []store.Receipt, pending []chat.Channel, err error) {
	key := refKey(slot)
	err = b.each(pendingBucket, key, func(k, v []byte) error {
		ch, err := keyLane(pendingBucket, k[len(key):])
		pending = append(pending, ch)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	err = b.each(receiptBucket, key, func(k, v []byte) error {
		r, err := openReceipt(k, v)
		receipts = append(receipts, r)
		return err
	})
	return receipts, pending, err
}

// Add implements [ledger.Books].
func (b *books) Add(d *deliveryRecord) error {
	n, err := b.next(outBucket)
	if err != nil {
		return err
	}
	d.ID = store.DeliveryID(n)
	return b.enlist(d)
}

// enlist saves a delivery that is not pending yet.
func (b *books) enlist(d *deliveryRecord) error {
	if err := b.putRaw(pendingBucket, appendLane(refKey(d.Slot()), d.Channel), idBytes(d.ID)); err != nil {
		return err
	}
	return b.Renew(d)
}

// Renew implements [ledger.Books].
func (b *books) Renew(d *deliveryRecord) error {
	if err := b.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return err
	}
	ch, p := d.Channel, promiseOf(d)
	if !p.until.IsZero() {
		p.until = from(time.Now(), p.until)
	}
	b.changes = append(b.changes, func() { b.s.claims.renew(ch, p) })
	return nil
}

// Remove implements [ledger.Books].
func (b *books) Remove(d *deliveryRecord) error {
	if err := b.delete(outBucket, outKey(d.Channel, d.ID)); err != nil {
		return err
	}
	if err := b.delete(pendingBucket, appendLane(refKey(d.Slot()), d.Channel)); err != nil {
		return err
	}
	ch, id := d.Channel, d.ID
	b.changes = append(b.changes, func() { b.s.claims.drop(ch, id) })
	return nil
}

// keep saves a delivery that goes on, put off until a time: by itself if it is
// Alone, else with its lane.
func (b *books) keep(d *deliveryRecord, until time.Time) error {
	if err := b.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return err
	}
	ch, p, alone := d.Channel, promiseOf(d), d.Alone
	if alone {
		p.until = until
	}
	b.changes = append(b.changes, func() {
		b.s.claims.push(ch, p)
		switch {
		case !alone:
			b.s.claims.putOffFor(ch, p.id, until)
		case b.s.claims.lane(ch).blocker == p.id:
			b.s.claims.putOffFor(ch, 0, time.Time{})
		}
	})
	return nil
}

// Rollup implements [ledger.Books].
func (b *books) Rollup(ch chat.Channel, number uint64) (rollupRecord, error) {
	r, _, err := b.rollup(ch, number)
	return r, err
}

// PutRollup implements [ledger.Books].
func (b *books) PutRollup(ch chat.Channel, number uint64, r *rollupRecord) error {
	return b.put(rollupBucket, rollupKey(ch, number), r)
}

// Rollups implements [ledger.Books].
func (b *books) Rollups(ch chat.Channel, f func(uint64, *rollupRecord) (bool, error)) error {
	prefix := appendLane(nil, ch)
	c := b.tx.Bucket([]byte(rollupBucket)).Cursor()
	k, v := c.Seek(rollupKey(ch, ^uint64(0)))
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
		if enough, err := f(binary.BigEndian.Uint64(k[len(prefix):]), &r); enough || err != nil {
			return err
		}
	}
	return nil
}

// PutFolded implements [ledger.Books].
func (b *books) PutFolded(ch chat.Channel, number uint64, e *news.Entry) error {
	return b.putRaw(foldedBucket, append(appendTime(rollupKey(ch, number), e.When()), refKey(e.Ref)...), []byte{})
}

// Entry implements [ledger.Books].
func (b *books) Entry(ref news.Ref) (*news.Entry, error) {
	e := new(news.Entry)
	found, err := b.get(entryBucket, refKey(ref), e)
	if !found {
		return nil, err
	}
	return e, err
}

// PutEntry implements [ledger.Books].
func (b *books) PutEntry(prev, e *news.Entry) error { return b.putEntry(prev, e) }

// PutRevision implements [ledger.Books].
func (b *books) PutRevision(e *news.Entry) error { return b.keepRevision(e) }

// Missed implements [ledger.Books].
func (b *books) Missed(ref news.Ref, n int) error {
	var k knownRecord
	found, err := b.get(knownBucket, refKey(ref), &k)
	if err != nil || !found || k.Missed == n {
		return err
	}
	k.Missed = n
	return b.put(knownBucket, refKey(ref), &k)
}
