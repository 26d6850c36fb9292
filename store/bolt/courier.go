package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// slot returns the ref under which a delivery or receipt is kept: the entry's
// own for a card, else one that begins with NUL, which no entry's does.
func slot(kind store.Kind, entry news.Ref, number uint64) news.Ref {
	if kind == store.Card {
		return entry
	}
	id := "\x00" + string(kind) + "\x00" + strconv.FormatUint(number, 10) + "\x00" + string(entry.Entry)
	return news.Ref{Source: entry.Source, Entry: news.EntryID(id)}
}

// reserved reports whether an id is the ledger's own.
func reserved(id news.EntryID) bool { return strings.HasPrefix(string(id), "\x00") }

// slot returns the key of what the delivery shows.
func (d *deliveryRecord) slot() []byte { return refKey(slot(d.Kind, d.Entry, d.Number)) }

// A courier makes and renews deliveries within a transaction.
type courier struct {
	s       *Store
	t       *txn
	source  *sourceRecord // nil for what is of no source
	subs    map[chat.Channel]subRecord
	now     time.Time
	made    int
	changes []func() // to be called under the lock after the commit
}

// then returns a function that does what the courier has left to do and f.
func (c *courier) then(f func()) func() {
	return func() {
		for _, change := range c.changes {
			change()
		}
		f()
	}
}

// subscriptions returns those of a source, as saved, and those to every source.
func (t *txn) subscriptions(id news.SourceID) (map[chat.Channel]subRecord, error) {
	subs := make(map[chat.Channel]subRecord)
	for _, id := range []news.SourceID{"", id} { // the source's own go before
		err := t.each(subBucket, sourceKey(id), func(k, v []byte) error {
			var sub subRecord
			if err := unseal(subBucket, k, v, &sub); err != nil {
				return err
			}
			subs[sub.Channel] = sub
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return subs, nil
}

// announce promises a new entry to every subscriber.
func (c *courier) announce(e *news.Entry) error {
	for ch := range c.subs {
		if err := c.show(ch, e); err != nil {
			return err
		}
	}
	return nil
}

// amend promises a changed entry to the channels where it stands or is
// pending, and to subscribers that were spared it; where it was folded, the
// roll-up that tells it.
func (c *courier) amend(e *news.Entry) error {
	channels := make(map[chat.Channel]uint64) // with the roll-up, 0 for a card
	ref := refKey(e.Ref)
	err := c.t.each(pendingBucket, ref, func(k, v []byte) error {
		ch, err := keyLane(pendingBucket, k[len(ref):])
		channels[ch] = 0
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
		_, subscribed := c.subs[r.Channel]
		if r.Folded > 0 || r.Message != "" || subscribed && !e.Withdrawn {
			channels[r.Channel] = r.Folded
		}
		return nil
	})
	if err != nil {
		return err
	}
	for ch, rollup := range channels {
		if err := c.amendIn(ch, e, rollup); err != nil {
			return err
		}
	}
	return nil
}

func (c *courier) amendIn(ch chat.Channel, e *news.Entry, rollup uint64) error {
	if rollup == 0 {
		return c.show(ch, e)
	}
	r, _, err := c.t.rollup(ch, rollup)
	if err != nil {
		return err
	}
	entry := news.Ref{Source: r.Source}
	if _, subscribed := c.subs[ch]; !subscribed {
		if shown, err := c.shown(ch, slot(store.Rollup, entry, rollup)); !shown {
			return err // it was dropped with the subscription
		}
	}
	return c.promise(ch, subject{kind: store.Rollup, entry: entry, number: rollup})
}

// shown reports whether a slot has a message or a pending delivery.
func (c *courier) shown(ch chat.Channel, ref news.Ref) (bool, error) {
	if c.t.raw(pendingBucket, appendLane(refKey(ref), ch)) != nil {
		return true, nil
	}
	r, err := c.t.receipt(ch, ref)
	return r != nil && r.Message != "", err
}

// show promises a channel an entry's card, and before it the head of its
// thread. A thread that was deleted gets nothing more.
func (c *courier) show(ch chat.Channel, e *news.Entry) error {
	if sub := c.subs[ch]; sub.Style != store.Cards {
		head, err := c.t.receipt(ch, slot(store.Head, news.Ref{Source: e.Source}, 0))
		if err != nil {
			return err
		}
		if head != nil && head.Gone {
			if stands, err := c.stands(ch, e.Ref); !stands {
				return err
			}
		}
		if head == nil {
			if err := c.head(ch, false); err != nil {
				return err
			}
		}
	}
	return c.promise(ch, subject{kind: store.Card, entry: e.Ref, revision: e.Revision, when: e.When(), dated: !e.Published.IsZero()})
}

// stands reports whether an entry has a message in the channel. In a thread
// that is gone it may have one that stands outside, from before there was a
// thread.
func (c *courier) stands(ch chat.Channel, ref news.Ref) (bool, error) {
	r, err := c.t.receipt(ch, ref)
	return r != nil && r.Message != "" && !r.Gone, err
}

// head promises the head of the source's thread in a channel: anew, or, unless
// renew, only if there is none.
func (c *courier) head(ch chat.Channel, renew bool) error {
	sub := subject{kind: store.Head, entry: news.Ref{Source: c.source.Source.ID}}
	if !renew && c.t.raw(pendingBucket, appendLane(refKey(slot(sub.kind, sub.entry, 0)), ch)) != nil {
		return nil
	}
	return c.promise(ch, sub)
}

// heads promises anew the heads that stand or are promised.
func (c *courier) heads() error {
	at := refKey(slot(store.Head, news.Ref{Source: c.source.Source.ID}, 0))
	for ch, sub := range c.subs {
		if sub.Style == store.Cards {
			continue
		}
		key := appendLane(at, ch)
		if c.t.raw(pendingBucket, key) == nil && c.t.raw(receiptBucket, key) == nil {
			continue
		}
		if err := c.head(ch, true); err != nil {
			return err
		}
	}
	return nil
}

// closings promises the closing card to those who want it.
func (c *courier) closings() error {
	for ch, sub := range c.subs {
		if !sub.Closing {
			continue
		}
		if err := c.promise(ch, subject{kind: store.Closing, entry: news.Ref{Source: c.source.Source.ID}}); err != nil {
			return err
		}
	}
	return nil
}

// asked promises what a caller asks for by itself.
func (c *courier) asked(ch chat.Channel, p store.Promise, silent, breaking bool) error {
	if p.Kind == store.Card || p.Kind == store.Head || p.Kind == store.Rollup {
		return fmt.Errorf("a promise of kind %q is not made by itself", p.Kind)
	}
	return c.promise(ch, subject{
		kind: p.Kind, entry: p.Entry, number: p.Number, since: p.Since, text: p.Text, silent: silent, breaking: breaking,
	})
}

// A subject is what is promised.
type subject struct {
	kind     store.Kind
	entry    news.Ref
	number   uint64
	revision int // of an entry; 0 = one more than before
	since    int
	text     string
	silent   bool
	breaking bool
	hold     time.Time // not before, if it has no message yet
	when     time.Time // of an entry
	dated    bool      // its source states the time
}

// promise makes the channel's delivery of the subject, or renews the one that
// is pending.
func (c *courier) promise(ch chat.Channel, sub subject) error {
	ref := slot(sub.kind, sub.entry, sub.number)
	key := appendLane(refKey(ref), ch)
	if v := c.t.raw(pendingBucket, key); v != nil {
		return c.renew(ch, v, sub)
	}
	stands, err := c.t.receipt(ch, ref)
	if err != nil || stands != nil && stands.Gone {
		return err
	}
	n, err := c.t.next(outBucket)
	if err != nil {
		return err
	}
	d := deliveryRecord{Renewed: c.now, Delivery: store.Delivery{
		ID: store.DeliveryID(n), Channel: ch, Kind: sub.kind, Entry: sub.entry, Number: sub.number, Since: sub.since, Text: sub.text,
		Revision: sub.revision, Silent: sub.silent || c.subs[ch].Silent, Breaking: sub.breaking || c.breaking(), Enqueued: c.now,
	}}
	if stands != nil {
		d.Edit = stands.Message != ""
		d.Revision = max(d.Revision, stands.Revision+1)
		if sub.revision > 0 {
			d.Revision = sub.revision
		}
	}
	d.Revision = max(d.Revision, 1)
	if !d.Edit {
		d.Hold = sub.hold
		d.Tried = c.s.copied.suspect(sub, c.now)
	}
	d.Key = deliveryKey(c.s.ledger, ch, ref)
	if err := c.t.putRaw(pendingBucket, key, binary.BigEndian.AppendUint64(nil, n)); err != nil {
		return err
	}
	return c.save(&d)
}

// breaking reports whether what is promised is of a breaking source.
func (c *courier) breaking() bool { return c.source != nil && c.source.Source.Breaking }

func (c *courier) renew(ch chat.Channel, pending []byte, sub subject) error {
	if len(pending) != 8 {
		return damaged("pending delivery of %s to %s", sub.entry, ch)
	}
	var d deliveryRecord
	id := store.DeliveryID(binary.BigEndian.Uint64(pending))
	found, err := c.t.get(outBucket, outKey(ch, id), &d)
	if err != nil {
		return err
	}
	switch {
	case !found:
		return damaged("delivery %d of %s to %s is gone", id, sub.entry, ch)
	case sub.revision > 0 && d.Revision >= sub.revision:
		return nil
	}
	d.Revision, d.Renewed = max(d.Revision+1, sub.revision), c.now
	d.Breaking = d.Breaking || sub.breaking || c.breaking()
	if sub.revision > 0 {
		d.Revision = sub.revision
	}
	if sub.text != "" {
		d.Text = sub.text
	}
	return c.save(&d)
}

func (c *courier) save(d *deliveryRecord) error {
	if err := c.t.put(outBucket, outKey(d.Channel, d.ID), d); err != nil {
		return err
	}
	c.made++
	ch, p := d.Channel, promiseOf(d)
	if !p.until.IsZero() {
		p.until = from(time.Now(), p.until)
	}
	c.changes = append(c.changes, func() { c.s.claims.renew(ch, p) })
	return nil
}

// keyLane reads the lane at the end of a key.
func keyLane(bucket string, b []byte) (chat.Channel, error) {
	n := cutName(b)
	if n < 0 || cutName(b[n:]) != len(b)-n {
		return chat.Channel{}, damaged("a key of %s makes no sense", bucket)
	}
	return chat.Channel{Adapter: string(b[2:n]), ID: string(b[n+2:])}, nil
}

// deliveryKey is a delivery's name outside: the same whenever it is made from
// the same ledger or a copy of it, and nothing of it can be guessed or read
// back.
func deliveryKey(ledger string, ch chat.Channel, ref news.Ref) string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode([]string{ // a hash takes everything
		ledger, ch.Adapter, ch.ID, string(ref.Source), string(ref.Entry),
	})
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)))[:25]
}

// A receiptRecord is a receipt whose digest is short in JSON.
type receiptRecord struct {
	store.Receipt
	Digest []byte `json:",omitempty"`
}

func openReceipt(key, rec []byte) (store.Receipt, error) {
	var r receiptRecord
	if err := unseal(receiptBucket, key, rec, &r); err != nil {
		return store.Receipt{}, err
	}
	copy(r.Receipt.Digest[:], r.Digest)
	return r.Receipt, nil
}

// receipt returns the receipt of a slot in a channel, nil if there is none.
func (t *txn) receipt(ch chat.Channel, ref news.Ref) (*store.Receipt, error) {
	key := appendLane(refKey(ref), ch)
	rec := t.raw(receiptBucket, key)
	if rec == nil {
		return nil, nil
	}
	r, err := openReceipt(key, rec)
	return &r, err
}

// putReceipt saves a receipt and makes its message lead to it.
func (t *txn) putReceipt(r *store.Receipt) error {
	ref := refKey(slot(r.Kind, r.Entry, r.Number))
	key := appendLane(ref, r.Channel)
	if r.Message != "" {
		at := messageKey(r.Channel, r.Message)
		if !bytes.Equal(t.raw(messageBucket, at), ref) {
			if err := t.putRaw(messageBucket, at, ref); err != nil {
				return err
			}
		}
	}
	return t.put(receiptBucket, key, &receiptRecord{Receipt: *r, Digest: r.Digest[:]})
}

func messageKey(ch chat.Channel, m chat.MessageID) []byte { return appendName(appendLane(nil, ch), m) }

// endThread notes that the thread of a source in a channel is gone.
func (t *txn) endThread(ch chat.Channel, source news.SourceID) error {
	entry := news.Ref{Source: source}
	head, err := t.receipt(ch, slot(store.Head, entry, 0))
	if err != nil || head == nil {
		return err
	}
	head.Gone = true
	return t.putReceipt(head)
}
