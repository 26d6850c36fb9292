package bolt

import (
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

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

// keyLane reads the lane at the end of a key.
func keyLane(bucket string, b []byte) (chat.Channel, error) {
	n := cutName(b)
	if n < 0 || cutName(b[n:]) != len(b)-n {
		return chat.Channel{}, damaged("a key of %s makes no sense", bucket)
	}
	return chat.Channel{Adapter: string(b[2:n]), ID: string(b[n+2:])}, nil
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

func messageKey(ch chat.Channel, m chat.MessageID) []byte { return appendName(appendLane(nil, ch), m) }
