package bolt

import (
	"bytes"

	"github.com/pullquote/pullquote/bot/news"
)

// indexURLs makes the addresses of all entries lead to them.
func (t *txn) indexURLs() error {
	return t.each(entryBucket, nil, func(k, v []byte) error {
		var e news.Entry
		if err := unseal(entryBucket, k, v, &e); err != nil || e.URL == "" {
			return err
		}
		return t.putRaw(urlBucket, append(urlKey(e.URL), refKey(e.Ref)...), []byte{})
	})
}

// indexMessages makes the messages of all receipts lead to them.
func (t *txn) indexMessages() error {
	return t.each(receiptBucket, nil, func(k, v []byte) error {
		r, err := openReceipt(k, v)
		if err != nil || r.Message == "" {
			return err
		}
		return t.putRaw(messageBucket, messageKey(r.Channel, r.Message), refKey(r.Entry))
	})
}

// markEdits tells deliveries whose message stands from the others.
func (t *txn) markEdits() error {
	changed := make(map[string]deliveryRecord)
	err := t.each(outBucket, nil, func(k, v []byte) error {
		var d deliveryRecord
		if err := unseal(outBucket, k, v, &d); err != nil {
			return err
		}
		r, err := t.receipt(d.Channel, d.Entry)
		if err == nil && r != nil && r.Message != "" {
			d.Edit = true
			changed[string(bytes.Clone(k))] = d
		}
		return err
	})
	if err != nil {
		return err
	}
	for k, d := range changed {
		if err := t.put(outBucket, []byte(k), &d); err != nil {
			return err
		}
	}
	return nil
}

// countWithdrawn counts the withdrawn entries of each source.
func (t *txn) countWithdrawn() error {
	counts := make(map[news.SourceID]int)
	err := t.each(entryBucket, nil, func(k, v []byte) error {
		var e news.Entry
		if err := unseal(entryBucket, k, v, &e); err != nil {
			return err
		}
		if e.Withdrawn {
			counts[e.Source]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, n := range counts {
		var rec sourceRecord
		if err := t.must(sourceBucket, sourceKey(id), &rec); err != nil {
			return err
		}
		rec.Withdrawn = n
		if err := t.put(sourceBucket, sourceKey(id), &rec); err != nil {
			return err
		}
	}
	return nil
}
