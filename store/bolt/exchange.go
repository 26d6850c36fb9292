package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store/ledger"
)

// Export calls f with everything the ledger holds, as of one moment, for a
// ledger that moves to another engine.
func (s *Store) Export(ctx context.Context, f func(*ledger.Item) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.view(ctx, func(t *txn) error {
		if err := f(ledger.NewHead(s.ledger, s.copied, ledger.Head{}.Copied)); err != nil {
			return err
		}
		for _, p := range t.parts() {
			err := t.each(p.bucket, nil, func(k, v []byte) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				it, err := p.item(k, v)
				if err != nil || it == nil {
					return err
				}
				return f(it)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// A part is a bucket whose rows become items; nil is none.
type part struct {
	bucket string
	item   func(k, v []byte) (*ledger.Item, error)
}

// parts are in the order of ledger.Item's fields.
func (t *txn) parts() []part {
	return []part{
		{sourceBucket, func(k, v []byte) (*ledger.Item, error) {
			src := new(sourceRecord)
			return &ledger.Item{Source: src}, unseal(sourceBucket, k, v, src)
		}},
		{subBucket, func(k, v []byte) (*ledger.Item, error) {
			sub := new(subRecord)
			return &ledger.Item{Subscription: sub}, unseal(subBucket, k, v, sub)
		}},
		{entryBucket, t.entryItem},
		{aliasBucket, t.aliasItem},
		{revisionBucket, func(k, v []byte) (*ledger.Item, error) {
			e := new(news.Entry)
			return &ledger.Item{Revision: e}, unseal(revisionBucket, k, v, e)
		}},
		{receiptBucket, func(k, v []byte) (*ledger.Item, error) {
			r, err := openReceipt(k, v)
			return &ledger.Item{Receipt: &r}, err
		}},
		{rollupBucket, func(k, v []byte) (*ledger.Item, error) {
			ch, number, err := numbered(rollupBucket, k)
			it := &ledger.RollupItem{Channel: ch, Number: number}
			if err != nil {
				return nil, err
			}
			return &ledger.Item{Rollup: it}, unseal(rollupBucket, k, v, &it.Rollup)
		}},
		{foldedBucket, t.foldedItem},
		{outBucket, func(k, v []byte) (*ledger.Item, error) {
			d := new(deliveryRecord)
			return &ledger.Item{Delivery: d}, unseal(outBucket, k, v, d)
		}},
		{abandonedBucket, func(k, v []byte) (*ledger.Item, error) {
			d := new(deliveryRecord)
			return &ledger.Item{Abandoned: d}, unseal(abandonedBucket, k, v, d)
		}},
		{keptBucket, func(k, v []byte) (*ledger.Item, error) {
			it := &ledger.KeptItem{Key: bytes.Clone(k)}
			return &ledger.Item{Kept: it}, unseal(keptBucket, k, v, &it.Value)
		}},
	}
}

func (t *txn) entryItem(k, v []byte) (*ledger.Item, error) {
	it := &ledger.EntryItem{}
	if err := unseal(entryBucket, k, v, &it.Entry); err != nil {
		return nil, err
	}
	var known knownRecord
	_, err := t.get(knownBucket, k, &known)
	it.Missed = known.Missed
	return &ledger.Item{Entry: it}, err
}

// aliasItem finds the alias in the entry it leads to: the key may hold only its
// hash.
func (t *txn) aliasItem(k, v []byte) (*ledger.Item, error) {
	var own news.EntryID
	if err := unseal(aliasBucket, k, v, &own); err != nil {
		return nil, err
	}
	n := cutName(k)
	if n < 0 {
		return nil, damaged("a key of %s makes no sense", aliasBucket)
	}
	var e news.Entry
	found, err := t.get(entryBucket, append(bytes.Clone(k[:n]), appendName(nil, own)...), &e)
	if err != nil || !found {
		return nil, err
	}
	for _, a := range e.Aliases {
		if bytes.Equal(appendName(nil, a), k[n:]) {
			return &ledger.Item{Alias: &ledger.AliasItem{Source: e.Source, Alias: a, Entry: own}}, nil
		}
	}
	return nil, nil
}

func (t *txn) foldedItem(k, _ []byte) (*ledger.Item, error) {
	end := 0
	for range 2 {
		n := cutName(k[end:])
		if n < 0 {
			return nil, damaged("a key of %s makes no sense", foldedBucket)
		}
		end += n
	}
	if len(k) < end+8+timeLen {
		return nil, damaged("a key of %s makes no sense", foldedBucket)
	}
	ch, number, err := numbered(foldedBucket, k[:end+8])
	if err != nil {
		return nil, err
	}
	e, err := t.indexed(bytes.Clone(k[end+8+timeLen:]))
	return &ledger.Item{Folded: &ledger.FoldedItem{Channel: ch, Number: number, Entry: e.Ref}}, err
}

// numbered reads a key that is a lane and a number.
func numbered(bucket string, k []byte) (ch chat.Channel, number uint64, err error) {
	if len(k) < 8 {
		return ch, 0, damaged("a key of %s makes no sense", bucket)
	}
	ch, err = keyLane(bucket, k[:len(k)-8])
	return ch, binary.BigEndian.Uint64(k[len(k)-8:]), err
}

// errExists: there is a file already.
var errExists = errors.New("there is a file already; give a new name")

// Import makes a new ledger file at path of items, and returns how many items
// there were. What was begun is removed if it fails.
func Import(ctx context.Context, path string, items iter.Seq2[*ledger.Item, error]) (n int, err error) {
	for _, p := range []string{path, markPath(path)} {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("%s: %w", p, errExists)
		}
	}
	head, rest, stop, err := ledger.Begin(items)
	if err != nil {
		return 0, err
	}
	defer stop()
	s, err := Open(path, Options{})
	if err != nil {
		return 0, err
	}
	n, err = s.fill(ctx, head, rest)
	if err = errors.Join(err, s.Close()); err != nil {
		return n, errors.Join(err, os.Remove(path), os.Remove(markPath(path)))
	}
	writeMark(path, mark{ledger: head.Ledger})
	return n, nil
}

// fill saves the items, some in each commit.
func (s *Store) fill(ctx context.Context, head *ledger.Head, items iter.Seq2[*ledger.Item, error]) (n int, err error) {
	const most = 1000
	next, stop := iter.Pull2(items)
	defer stop()
	im := importer{s: s}
	im.copy, im.doubt = head.Opened(im.now())
	err = s.write(ctx, func(t *txn) (func(), error) {
		if im.copy != (copyRecord{}) {
			if err := t.put(metaBucket, []byte("copied"), im.copy); err != nil {
				return nil, err
			}
		}
		return nil, t.put(metaBucket, []byte("ledger"), head.Ledger)
	})
	n = 1
	for more := true; more && err == nil; {
		var batch []*ledger.Item
		for more && len(batch) < most && err == nil {
			var it *ledger.Item
			if it, err, more = next(); more && err == nil {
				batch = append(batch, it)
			}
		}
		if err != nil {
			return n, err
		}
		n += len(batch)
		err = s.write(ctx, func(t *txn) (func(), error) {
			for _, it := range batch {
				if err := im.put(t, it); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
	}
	return n, err
}

// An importer saves items as they come. What is due is read when the file is
// opened the next time.
type importer struct {
	s     *Store
	copy  copyRecord
	doubt bool
	gone  uint64 // deliveries that were given up, so far
}

func (*importer) now() time.Time { return time.Now().UTC().Round(0) }

func (im *importer) put(t *txn, it *ledger.Item) error {
	b := &books{txn: t, s: im.s}
	switch {
	case it.Source != nil:
		return t.put(sourceBucket, sourceKey(it.Source.Source.ID), it.Source)
	case it.Subscription != nil:
		return t.put(subBucket, appendLane(sourceKey(it.Subscription.Source), it.Subscription.Channel), it.Subscription)
	case it.Entry != nil:
		return im.entry(b, it.Entry)
	case it.Alias != nil:
		return t.put(aliasBucket, refKey(news.Ref{Source: it.Alias.Source, Entry: it.Alias.Alias}), it.Alias.Entry)
	case it.Revision != nil:
		return t.put(revisionBucket, revisionKey(it.Revision.Ref, it.Revision.Revision), it.Revision)
	case it.Receipt != nil:
		return b.PutReceipt(it.Receipt)
	case it.Rollup != nil:
		return b.PutRollup(it.Rollup.Channel, it.Rollup.Number, &it.Rollup.Rollup)
	case it.Folded != nil:
		e, err := t.entry(it.Folded.Entry)
		if err != nil {
			return err
		}
		return b.PutFolded(it.Folded.Channel, it.Folded.Number, &e)
	case it.Delivery != nil:
		return im.deliver(b, it.Delivery)
	case it.Abandoned != nil:
		im.gone++
		if err := t.reach(outBucket, uint64(it.Abandoned.ID)); err != nil {
			return err
		}
		if err := t.reach(abandonedBucket, im.gone); err != nil {
			return err
		}
		return t.put(abandonedBucket, binary.BigEndian.AppendUint64(nil, im.gone), it.Abandoned)
	case it.Kept != nil:
		return t.put(keptBucket, it.Kept.Key, it.Kept.Value)
	}
	return nil
}

// entry saves an entry but for its aliases, which come by themselves.
func (im *importer) entry(b *books, it *ledger.EntryItem) error {
	bare := it.Entry
	bare.Aliases = nil
	if err := b.putEntry(nil, &bare); err != nil {
		return err
	}
	known := ledger.Remember(&it.Entry)
	known.Missed = it.Missed
	if err := b.put(knownBucket, refKey(it.Entry.Ref), known); err != nil {
		return err
	}
	return b.put(entryBucket, refKey(it.Entry.Ref), &it.Entry)
}

// deliver saves a delivery under the number it had.
func (im *importer) deliver(b *books, d *deliveryRecord) error {
	if im.doubt {
		d.Doubt(im.copy.Copied)
	}
	if err := b.reach(outBucket, uint64(d.ID)); err != nil {
		return err
	}
	return b.enlist(d)
}

// reach makes the bucket's next number larger than n.
func (t *txn) reach(bucket string, n uint64) error {
	b := t.tx.Bucket([]byte(bucket))
	if b.Sequence() >= n {
		return nil
	}
	t.dirty = true
	return b.SetSequence(n)
}
