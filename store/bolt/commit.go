package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/pullquote/pullquote/store"
)

// A txn is a transaction as this package uses it: records in named buckets.
type txn struct {
	tx    *bbolt.Tx
	dirty bool // something was written

	visited int // keys of indexes that were looked at, and entries read through them
}

// get decodes the record of key into v and reports whether there is one.
func (t *txn) get(bucket string, key []byte, v any) (bool, error) {
	rec := t.raw(bucket, key)
	if rec == nil {
		return false, nil
	}
	return true, unseal(bucket, key, rec, v)
}

// raw returns the stored bytes, which live as long as the transaction.
func (t *txn) raw(bucket string, key []byte) []byte {
	return t.tx.Bucket([]byte(bucket)).Get(key)
}

// put saves v as the record of key.
func (t *txn) put(bucket string, key []byte, v any) error {
	rec, err := seal(key, v)
	if err != nil {
		return err
	}
	return t.putRaw(bucket, key, rec)
}

func (t *txn) putRaw(bucket string, key, value []byte) error {
	t.dirty = true
	return t.tx.Bucket([]byte(bucket)).Put(key, value)
}

func (t *txn) delete(bucket string, key []byte) error {
	t.dirty = true
	return t.tx.Bucket([]byte(bucket)).Delete(key)
}

// next returns the bucket's next number; numbers only grow.
func (t *txn) next(bucket string) (uint64, error) {
	t.dirty = true
	return t.tx.Bucket([]byte(bucket)).NextSequence()
}

// each calls f with every key that begins with prefix, in order, until f
// returns an error. f must not write to the bucket.
func (t *txn) each(bucket string, prefix []byte, f func(key, value []byte) error) error {
	c := t.tx.Bucket([]byte(bucket)).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

// A write is a change that waits for its commit. run looks and writes; it may
// run more than once, so it changes nothing but the transaction. The function
// it returns is called once the commit is on disk.
type write struct {
	run   func(*txn) (applied func(), err error)
	state atomic.Int32
	done  chan struct{} // closed when err is final
	err   error

	applied func() // of the last run
}

// The states of a write.
const (
	queued int32 = iota
	running
	dropped // its caller's context ended first
)

// maxBatch bounds the writes of one commit: a caller should not wait for
// thousands of others.
const maxBatch = 512

// write saves a change together with whatever else is waiting to be saved.
func (s *Store) write(ctx context.Context, run func(*txn) (func(), error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{run: run, done: make(chan struct{})}
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(queued, dropped) {
			return ctx.Err()
		}
		<-w.done
	}
	return w.err
}

// commitLoop commits until the channel of writes is closed. While one commit
// waits for the disk, the writes for the next gather; nothing waits otherwise.
func (s *Store) commitLoop() {
	debug.SetPanicOnFault(true) // a cut file must not take the process down
	batch := make([]*write, 0, maxBatch)
	for w := range s.writes {
		batch = append(batch[:0], w)
		for more := true; more && len(batch) < maxBatch; {
			select {
			case w, ok := <-s.writes:
				if more = ok; ok {
					batch = append(batch, w)
				}
			default:
				more = false
			}
		}
		s.commit(batch)
	}
}

// commit runs the writes in one transaction. A write that fails after it has
// written something is taken out and the rest is run again.
func (s *Store) commit(batch []*write) {
	live := batch[:0]
	for _, w := range batch {
		if w.state.CompareAndSwap(queued, running) {
			live = append(live, w)
		}
	}
	for len(live) > 0 {
		bad, err := s.try(live)
		if bad >= 0 {
			live[bad].finish(err)
			live = append(live[:bad], live[bad+1:]...)
			continue
		}
		for _, w := range live {
			if err == nil && w.err == nil && w.applied != nil {
				w.applied()
			}
			w.finish(err)
		}
		return
	}
}

// finish hands the write back to its caller.
func (w *write) finish(err error) {
	if err != nil {
		w.err = err
	}
	close(w.done)
}

// try runs and commits the writes. If one of them must be taken out, it
// returns which; then and on any other error nothing is saved.
func (s *Store) try(batch []*write) (bad int, err error) {
	if s.broken != nil {
		return -1, s.broken
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return -1, fmt.Errorf("begin a change of the ledger: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			s.broken = fmt.Errorf("%w: %v", store.ErrDamaged, p)
			bad, err = -1, s.broken
		}
		if rerr := s.rollback(tx); rerr != nil && s.broken == nil {
			s.broken = rerr
		}
	}()
	t := &txn{tx: tx}
	changed := false
	for i, w := range batch {
		t.dirty = false
		w.applied, w.err = w.run(t)
		if w.err != nil && t.dirty {
			return i, w.err
		}
		changed = changed || t.dirty
	}
	if !changed {
		return -1, nil
	}
	if mapAhead {
		s.db.AllocSize = allocSize(tx.Size())
	}
	if err := tx.Commit(); err != nil {
		return -1, fmt.Errorf("save the ledger: %w", err)
	}
	return -1, nil
}

// rollback ends a transaction that was not committed. bbolt panics in it if
// the file is damaged; its locks stay held then.
func (s *Store) rollback(tx *bbolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.stuck = true
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	if err := tx.Rollback(); err != nil && !errors.Is(err, berrors.ErrTxClosed) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// view runs f on one consistent state of the ledger.
func (s *Store) view(ctx context.Context, f func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return f(&txn{tx: tx}) })
	})
}

// Verify reads every record and returns store.ErrDamaged, naming the first
// that fails its check; nil if all are whole. It takes time in proportion to
// the file.
func (s *Store) Verify(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.view(ctx, func(t *txn) error {
		for _, name := range recordBuckets {
			err := t.each(name, nil, func(k, v []byte) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return verify(name, k, v)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// guard runs f and turns a panic, which is how bbolt reports pages that make
// no sense, and a fault in mapped memory into ErrDamaged.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	return f()
}
