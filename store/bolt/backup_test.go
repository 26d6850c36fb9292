package bolt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullquote/pullquote/store"
)

// copyOf returns a copy of an open ledger.
func copyOf(t *testing.T, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := s.Backup(t.Context(), &b)
	check(t, err)
	return b.Bytes()
}

// tried returns what the first delivery of the quay says of earlier attempts.
func tried(t *testing.T, s *Store) time.Time {
	t.Helper()
	lanes, _, err := s.ClaimLanes(t.Context(), []string{"test"}, 1, time.Hour)
	check(t, err)
	w, ok, err := s.Begin(t.Context(), lanes[0])
	check(t, err)
	if !ok {
		t.Fatal("nothing is due")
	}
	return w.Delivery.Tried
}

// TestRestore puts a copy where an operator may: over the ledger it was made
// of, over one that is empty or another's, and where there was none.
func TestRestore(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	data, id := copyOf(t, s), s.ledger
	check(t, s.Close())
	other, _ := fill(t, 1)
	for name, to := range map[string]string{"same": path, "other ledger": other, "new": filepath.Join(t.TempDir(), "new.db")} {
		t.Run(name, func(t *testing.T) {
			check(t, os.WriteFile(to, data, 0o600))
			s := mustOpen(t, to)
			if s.ledger != id || tried(t, s).IsZero() {
				t.Errorf("ledger %s, want %s; tried %v", s.ledger, id, tried(t, s))
			}
			check(t, s.Close())
			consistent(t, to)
			if m := readMark(to); m.ledger != id {
				t.Errorf("the file beside it says %+v", m)
			}
			check(t, os.WriteFile(to, nil, 0o600))
			if _, err := Open(to, Options{}); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("emptied after it was restored: %v", err)
			}
			check(t, os.WriteFile(to, data, 0o600))
			check(t, mustOpen(t, to).Close())
		})
	}
}

// TestKilledWhileCopying leaves the mark of a copy in the ledger itself: it
// looks for what it was about to send, once.
func TestKilledWhileCopying(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	check(t, s.write(t.Context(), func(tx *txn) (func(), error) { return nil, tx.put(metaBucket, []byte("copying"), time.Now().UTC()) }))
	check(t, s.Close())
	s = mustOpen(t, path)
	if tried(t, s).IsZero() {
		t.Error("nothing is looked for")
	}
	check(t, s.view(t.Context(), func(tx *txn) error {
		if tx.raw(metaBucket, []byte("copying")) != nil {
			t.Error("the mark stays")
		}
		return nil
	}))
	check(t, readAll(t.Context(), s))
}

// A gate is a writer that stops once until it is let through.
type gate struct {
	reached, open chan struct{}
	stopped       bool
}

func (g *gate) Write(b []byte) (int, error) {
	if !g.stopped {
		g.stopped = true
		close(g.reached)
		<-g.open
	}
	return len(b), nil
}

// TestCopyStopsNobody writes and reads while a copy waits for its reader, and
// has a second copy wait for the first.
func TestCopyStopsNobody(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	done := make(chan error, 1)
	go func() {
		_, err := s.Backup(t.Context(), g)
		done <- err
	}()
	<-g.reached
	check(t, readAll(t.Context(), s))
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := s.Backup(ctx, io.Discard)
		second <- err
	}()
	cancel()
	close(g.open)
	check(t, <-done)
	if err := <-second; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	check(t, s.Verify(t.Context()))
}

// TestCopyOfAFullLedger fails to copy a ledger that takes no more, and goes on.
func TestCopyOfAFullLedger(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	broken := errors.New("no space left on device")
	for _, w := range []io.Writer{failing{broken}, &gate{stopped: true}} {
		_, err := s.Backup(t.Context(), w)
		if _, bad := w.(failing); bad != errors.Is(err, broken) {
			t.Errorf("copied with %v", err)
		}
	}
	check(t, readAll(t.Context(), s))
	check(t, s.Close())
	consistent(t, path)
	s = mustOpen(t, path)
	if s.copied != (copyRecord{}) {
		t.Errorf("it takes itself for a copy: %+v", s.copied)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
