package bolt

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// work reads what is needed to compose and place the card of a begun delivery.
func (s *Store) work(ctx context.Context, d store.Delivery) (w store.Work, err error) {
	w.Delivery = d
	ctx = context.WithoutCancel(ctx) // it is begun
	err = s.view(ctx, func(t *txn) error {
		if err := t.surroundings(&w); err != nil {
			return err
		}
		switch d.Kind {
		case store.Card:
			return t.must(entryBucket, refKey(d.Entry), &w.Entry)
		case store.Note:
			return t.noted(&w)
		case store.Head:
			return t.paged(&w, ledger.HeadEntries)
		case store.Closing:
			return t.paged(&w, ledger.ClosingEntries)
		case store.Rollup:
			return t.folded(&w)
		}
		return nil
	})
	if w.Page != nil {
		s.live(w.Page)
	}
	return w, err
}

// must decodes a record that is there.
func (t *txn) must(bucket string, key []byte, v any) error {
	found, err := t.get(bucket, key, v)
	if err == nil && !found {
		err = damaged("record %s %q is promised and not there", bucket, key)
	}
	return err
}

// surroundings reads the source, the subscription and the receipts that bear on
// a delivery of any kind.
func (t *txn) surroundings(w *store.Work) error {
	d := &w.Delivery
	r, err := t.receipt(d.Channel, ledger.Slot(d.Kind, d.Entry, d.Number))
	if err != nil {
		return err
	}
	if r != nil && r.Message != "" {
		w.Receipt = r
	}
	w.Subscription = store.Subscription{Source: d.Entry.Source, Channel: d.Channel}
	if d.Entry.Source == "" {
		return nil
	}
	var src sourceRecord
	if err := t.must(sourceBucket, sourceKey(d.Entry.Source), &src); err != nil {
		return err
	}
	w.Source = src.Source
	if d.Kind == store.Head || d.Kind == store.Closing {
		st := src.Status()
		w.Page, w.Count = &st, src.Entries-src.Withdrawn
	}
	sub, ok, err := t.subscription(d.Entry.Source, d.Channel)
	if err != nil || !ok {
		return err
	}
	w.Subscription = store.Subscription(sub)
	w.Subscription.Source = d.Entry.Source
	if sub.Style != store.Cards {
		w.Head, err = t.receipt(d.Channel, ledger.HeadSlot(d.Entry.Source))
	}
	return err
}

// noted reads what a note is about.
func (t *txn) noted(w *store.Work) error {
	d := &w.Delivery
	if err := t.must(entryBucket, refKey(d.Entry), &w.Entry); err != nil {
		return err
	}
	var err error
	if w.Card, err = t.receipt(d.Channel, d.Entry); err != nil {
		return err
	}
	var before news.Entry
	found, err := t.get(revisionBucket, revisionKey(d.Entry, d.Since), &before)
	if found {
		w.Before = &before
	}
	return err
}

// paged reads the newest n entries of a source that stand.
func (t *txn) paged(w *store.Work, n int) error {
	m := t.newest([]news.SourceID{w.Delivery.Entry.Source})
	for r := m.head(); r != nil && len(w.Entries) < n; r = m.head() {
		e, err := t.indexed(append(bytes.Clone(r.prefix), r.rest[timeLen:]...))
		if err != nil {
			return err
		}
		if !e.Withdrawn {
			w.Entries = append(w.Entries, e)
		}
		m.next()
	}
	return nil
}

// folded reads the newest entries of a roll-up.
func (t *txn) folded(w *store.Work) error {
	d := &w.Delivery
	r, key, err := t.rollup(d.Channel, d.Number)
	if err != nil {
		return err
	}
	w.Count, w.Earlier = r.Count, r.Earlier
	c := t.tx.Bucket([]byte(foldedBucket)).Cursor()
	for k, _ := c.Seek(key); k != nil && bytes.HasPrefix(k, key) && len(w.Entries) < ledger.FoldedEntries; k, _ = c.Next() {
		e, err := t.indexed(bytes.Clone(k[len(key)+timeLen:]))
		if err != nil {
			return err
		}
		w.Entries = append(w.Entries, e)
	}
	return nil
}

func rollupKey(ch chat.Channel, number uint64) []byte {
	return binary.BigEndian.AppendUint64(appendLane(nil, ch), number)
}

// rollup returns a roll-up and its key.
func (t *txn) rollup(ch chat.Channel, number uint64) (r rollupRecord, key []byte, err error) {
	key = rollupKey(ch, number)
	return r, key, t.must(rollupBucket, key, &r)
}
