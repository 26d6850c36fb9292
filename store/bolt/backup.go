package bolt

import (
	"context"
	"fmt"
	"io"
	"time"

	"go.etcd.io/bbolt"
)

// Backup implements [store.Store]. The mark that tells a copy from its ledger
// is in both for a moment: a ledger that is killed then looks for a few
// messages more than it need.
func (s *Store) Backup(ctx context.Context, w io.Writer) (n int64, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	s.copying.Lock()
	defer s.copying.Unlock()
	mark := func(v any) error {
		return s.write(ctx, func(t *txn) (func(), error) {
			if v == nil {
				return nil, t.delete(metaBucket, []byte("copying"))
			}
			return nil, t.put(metaBucket, []byte("copying"), v)
		})
	}
	if err := mark(time.Now().UTC().Round(0)); err != nil {
		return 0, fmt.Errorf("copy the ledger: %w", err)
	}
	out := &outlet{w: w}
	err = guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			n, err = tx.WriteTo(out)
			return cmpError(out.err, err)
		})
	})
	ctx = context.WithoutCancel(ctx)
	if err := cmpError(err, mark(nil)); err != nil {
		return n, fmt.Errorf("copy the ledger: %w", err)
	}
	return n, nil
}

// An outlet keeps the error of its writer, of which bbolt keeps the text only.
type outlet struct {
	w   io.Writer
	err error
}

// Write implements [io.Writer].
func (o *outlet) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	o.err = cmpError(o.err, err)
	return n, err
}

// recognise notes that the file is a copy, if it is, and returns what is known
// of that. Whatever the copy was about to send may have been sent since.
func (t *txn) recognise(now time.Time) (c copyRecord, err error) {
	if _, err := t.get(metaBucket, []byte("copied"), &c); err != nil {
		return c, err
	}
	var copied time.Time
	found, err := t.get(metaBucket, []byte("copying"), &copied)
	if err != nil || !found {
		return c, err
	}
	c = copyRecord{Copied: copied, Opened: now.Round(0)}
	if err := t.delete(metaBucket, []byte("copying")); err != nil {
		return c, err
	}
	if err := t.put(metaBucket, []byte("copied"), c); err != nil {
		return c, err
	}
	return c, t.doubt(copied)
}

// doubt makes every delivery without a message one that may have been sent.
func (t *txn) doubt(since time.Time) error {
	changed := make(map[string]deliveryRecord)
	err := t.each(outBucket, nil, func(k, v []byte) error {
		var d deliveryRecord
		if err := unseal(outBucket, k, v, &d); err != nil {
			return err
		}
		if d.Doubt(since) {
			changed[string(k)] = d
		}
		return nil
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

// migrate brings a ledger of an earlier schema up to this one.
func (t *txn) migrate(version int) error {
	if version == schema {
		return nil
	}
	for _, name := range buckets {
		if _, err := t.tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	for _, step := range []func() error{t.indexURLs, t.indexMessages, t.markEdits, t.countWithdrawn} {
		if err := step(); err != nil {
			return err
		}
	}
	return t.put(metaBucket, []byte("schema"), schema)
}
