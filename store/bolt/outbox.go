package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
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
	var b begun
	err := s.writeLane(ctx, l, func(t *txn) (func(), error) {
		b = begun{}
		now := time.Now().UTC()
		if s.claims.putOff(l.Channel, now) {
			return nil, nil
		}
		return nil, b.begin(t, l.Channel, now)
	})
	if err != nil || !b.ok {
		return store.Work{}, false, err
	}
	w, err := b.work()
	return w, err == nil, err
}

// A begun delivery, with records that are decoded outside the transaction.
type begun struct {
	ok       bool
	delivery store.Delivery // as Begin returns it
	source   []byte
	entry    []byte
	receipt  []byte // nil if there is none
}

func (b *begun) begin(t *txn, ch chat.Channel, now time.Time) error {
	prefix := appendLane(nil, ch)
	key, rec := t.first(outBucket, prefix)
	if key == nil {
		return nil
	}
	var d deliveryRecord
	if err := unseal(outBucket, key, rec, &d); err != nil {
		return err
	}
	ref := refKey(d.Entry)
	b.entry = clone(t.raw(entryBucket, ref))
	b.source = clone(t.raw(sourceBucket, sourceKey(d.Entry.Source)))
	b.receipt = clone(t.raw(receiptBucket, appendLane(ref, ch)))
	d.Attempts++
	b.delivery, b.ok = d.Delivery, true
	if d.Tried.IsZero() {
		d.Tried = now
	}
	return t.put(outBucket, clone(key), &d)
}

// work decodes what Begin took from the ledger.
func (b *begun) work() (w store.Work, err error) {
	w.Delivery = b.delivery
	ref := refKey(w.Delivery.Entry)
	if err := unseal(entryBucket, ref, b.entry, &w.Entry); err != nil {
		return w, err
	}
	var src sourceRecord
	if err := unseal(sourceBucket, sourceKey(w.Delivery.Entry.Source), b.source, &src); err != nil {
		return w, err
	}
	w.Source = src.Source
	if b.receipt == nil {
		return w, nil
	}
	r, err := openReceipt(appendLane(ref, w.Delivery.Channel), b.receipt)
	if err == nil && r.Message != "" {
		w.Receipt = &r
	}
	return w, err
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
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
func (s *Store) Settle(ctx context.Context, l store.Lane, id store.DeliveryID, r store.Receipt, _ ...store.Promise) error {
	return s.end(ctx, l, id, func(t *txn, d *deliveryRecord) (func(), error) {
		r.Channel, r.Entry = l.Channel, d.Entry
		if err := t.put(receiptBucket, appendLane(refKey(d.Entry), l.Channel), newReceiptRecord(&r)); err != nil {
			return nil, err
		}
		if d.Revision <= r.Revision || r.Gone {
			return s.remove(t, d)
		}
		d.Enqueued = d.Renewed
		d.Attempts, d.Tried, d.NextAttempt, d.LastError = 0, time.Time{}, time.Time{}, ""
		return s.keep(t, d, time.Time{})
	})
}

// Postpone implements [store.Outbox].
func (s *Store) Postpone(ctx context.Context, l store.Lane, id store.DeliveryID, p store.Postponement) error {
	return s.end(ctx, l, id, func(t *txn, d *deliveryRecord) (func(), error) {
		now := time.Now().UTC()
		d.NextAttempt, d.Planned, d.LastError = p.Until.UTC().Round(0), now.Round(0), p.Error
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
		for _, ch := range s.waiting(adapter) {
			key, rec := t.first(outBucket, appendLane(nil, ch))
			if key == nil {
				continue // dropped in the same commit
			}
			var d deliveryRecord
			if err := unseal(outBucket, key, rec, &d); err != nil {
				return nil, err
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

// waiting returns the channels of an adapter that are put off.
func (s *Store) waiting(adapter string) (channels []chat.Channel) {
	s.claims.mu.Lock()
	defer s.claims.mu.Unlock()
	for ch, l := range s.claims.lanes {
		if ch.Adapter == adapter && !l.until.IsZero() {
			channels = append(channels, ch)
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
	if err := t.delete(pendingBucket, appendLane(refKey(d.Entry), d.Channel)); err != nil {
		return nil, err
	}
	ch, id := d.Channel, d.ID
	return func() { s.claims.drop(ch, id) }, nil
}

// keep saves a delivery that stays first in its lane, put off until a time.
func (s *Store) keep(t *txn, d *deliveryRecord, until time.Time) (func(), error) {
	if err := t.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return nil, err
	}
	ch, p := d.Channel, promiseOf(d)
	return func() {
		s.claims.push(ch, p)
		l := s.claims.lane(ch)
		if l.queue[0].id == p.id {
			l.until = until
			s.claims.putLane(l)
		}
	}, nil
}

func promiseOf(d *deliveryRecord) promise {
	return promise{id: d.ID, enqueued: d.Enqueued, breaking: d.Breaking}
}

// A courier makes and renews deliveries within a transaction.
type courier struct {
	s       *Store
	t       *txn
	source  *sourceRecord
	subs    map[chat.Channel]subRecord
	now     time.Time
	made    int
	changes []func() // to be called under the lock after the commit
}

// subscriptions returns those of a source, as saved.
func (t *txn) subscriptions(id news.SourceID) (map[chat.Channel]subRecord, error) {
	subs := make(map[chat.Channel]subRecord)
	err := t.each(subBucket, sourceKey(id), func(k, v []byte) error {
		var sub subRecord
		if err := unseal(subBucket, k, v, &sub); err != nil {
			return err
		}
		subs[sub.Channel] = sub
		return nil
	})
	return subs, err
}

// announce promises a new entry to every subscriber.
func (c *courier) announce(e *news.Entry) error {
	for ch := range c.subs {
		if err := c.promise(ch, e); err != nil {
			return err
		}
	}
	return nil
}

// amend promises a changed entry to the channels where it stands or is
// pending, and to subscribers that were spared it while it was withdrawn.
func (c *courier) amend(e *news.Entry) error {
	var channels []chat.Channel
	ref := refKey(e.Ref)
	err := c.t.each(pendingBucket, ref, func(k, v []byte) error {
		ch, err := keyLane(pendingBucket, k[len(ref):])
		channels = append(channels, ch)
		return err
	})
	if err != nil {
		return err
	}
	err = c.t.each(receiptBucket, ref, func(k, v []byte) error {
		r, err := openReceipt(k, v)
		if err != nil {
			return err
		}
		if _, subscribed := c.subs[r.Channel]; r.Message != "" || subscribed && !e.Withdrawn {
			channels = append(channels, r.Channel)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, ch := range channels {
		if err := c.promise(ch, e); err != nil {
			return err
		}
	}
	return nil
}

// keyLane reads the lane at the end of a key.
func keyLane(bucket string, b []byte) (chat.Channel, error) {
	n := cutName(b)
	if n < 0 || cutName(b[n:]) != len(b)-n {
		return chat.Channel{}, fmt.Errorf("%w: a key of %s makes no sense", store.ErrDamaged, bucket)
	}
	return chat.Channel{Adapter: string(b[2:n]), ID: string(b[n+2:])}, nil
}

// promise makes the channel's delivery of the entry, or renews the one that is
// pending.
func (c *courier) promise(ch chat.Channel, e *news.Entry) error {
	key := appendLane(refKey(e.Ref), ch)
	if v := c.t.raw(pendingBucket, key); v != nil {
		return c.renew(ch, v, e)
	}
	if v := c.t.raw(receiptBucket, key); v != nil {
		if r, err := openReceipt(key, v); err != nil || r.Gone {
			return err
		}
	}
	n, err := c.t.next(outBucket)
	if err != nil {
		return err
	}
	d := deliveryRecord{Renewed: c.now, Delivery: store.Delivery{
		ID: store.DeliveryID(n), Channel: ch, Entry: e.Ref, Revision: e.Revision,
		Silent: c.subs[ch].Silent, Breaking: c.source.Source.Breaking, Enqueued: c.now,
	}}
	d.Key = deliveryKey(c.s.ledger, &d.Delivery)
	if err := c.t.putRaw(pendingBucket, key, binary.BigEndian.AppendUint64(nil, n)); err != nil {
		return err
	}
	return c.save(&d)
}

func (c *courier) renew(ch chat.Channel, pending []byte, e *news.Entry) error {
	if len(pending) != 8 {
		return fmt.Errorf("%w: pending delivery of %s to %s", store.ErrDamaged, e.Ref, ch)
	}
	var d deliveryRecord
	id := store.DeliveryID(binary.BigEndian.Uint64(pending))
	found, err := c.t.get(outBucket, outKey(ch, id), &d)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: delivery %d of %s to %s is gone", store.ErrDamaged, id, e.Ref, ch)
	}
	if d.Revision >= e.Revision {
		return nil
	}
	d.Revision, d.Renewed = e.Revision, c.now
	return c.save(&d)
}

func (c *courier) save(d *deliveryRecord) error {
	if err := c.t.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return err
	}
	c.made++
	ch, p := d.Channel, promiseOf(d)
	c.changes = append(c.changes, func() { c.s.claims.push(ch, p) })
	return nil
}

// deliveryKey is a delivery's name outside: the same whenever it is made from
// the same ledger, and nothing of it can be guessed or read back.
func deliveryKey(ledger string, d *store.Delivery) string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode([]string{ // a hash takes everything
		ledger, d.Channel.Adapter, d.Channel.ID, string(d.Entry.Source), string(d.Entry.Entry), fmt.Sprint(uint64(d.ID)),
	})
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)))[:25]
}

// A receiptRecord is a receipt whose digest is short in JSON.
type receiptRecord struct {
	store.Receipt
	Digest []byte `json:",omitempty"`
}

func newReceiptRecord(r *store.Receipt) *receiptRecord {
	return &receiptRecord{Receipt: *r, Digest: r.Digest[:]}
}

func openReceipt(key, rec []byte) (store.Receipt, error) {
	var r receiptRecord
	if err := unseal(receiptBucket, key, rec, &r); err != nil {
		return store.Receipt{}, err
	}
	copy(r.Receipt.Digest[:], r.Digest)
	return r.Receipt, nil
}
