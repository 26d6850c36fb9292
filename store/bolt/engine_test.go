package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLocked(t *testing.T) {
	path, _ := fill(t, 1)
	mustOpen(t, path)
	began := time.Now()
	_, err := Open(path, Options{LockTimeout: 10 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestFileMode(t *testing.T) {
	path, _ := fill(t, 1)
	for _, p := range []string{path, path + ".id"} {
		info, err := os.Stat(p)
		check(t, err)
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %v", p, mode)
		}
	}
}

// TestClaimsRunOut checks the times of claims to the instant, on fake time.
func TestClaimsRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := fill(t, 4)
		s := mustOpen(t, path)
		defer s.Close()
		ctx := t.Context()
		check(t, s.Hurry(ctx))
		claims := func() (sources, lanes int) {
			a, err := s.ClaimDue(ctx, 9, time.Minute)
			check(t, err)
			b, _, err := s.ClaimLanes(ctx, []string{"test"}, 9, time.Minute)
			check(t, err)
			return len(a), len(b)
		}
		for _, tt := range []struct {
			pass time.Duration
			want int
		}{{0, 1}, {0, 0}, {time.Minute - 1, 0}, {1, 1}, {time.Minute, 1}} {
			time.Sleep(tt.pass) // fake
			if a, b := claims(); a != tt.want || b != tt.want {
				t.Errorf("after %v: %d sources and %d lanes, want %d", tt.pass, a, b, tt.want)
			}
		}
	})
}

func TestClaimsOfBeforeARestart(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	check(t, s.Hurry(t.Context()))
	leases, err := s.ClaimDue(t.Context(), 1, time.Hour)
	check(t, err)
	lanes, _, err := s.ClaimLanes(t.Context(), []string{"test"}, 1, time.Hour)
	check(t, err)
	check(t, s.Close())
	s = mustOpen(t, path)
	check(t, s.Hurry(t.Context()))
	if again, err := s.ClaimDue(t.Context(), 1, time.Hour); err != nil || len(again) != 1 || again[0].Token <= leases[0].Token {
		t.Errorf("claimed %v, %v", again, err)
	}
	if err := s.Rest(t.Context(), leases[0], store.Rest{}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("old lease: %v", err)
	}
	if again, _, err := s.ClaimLanes(t.Context(), []string{"test"}, 1, time.Hour); err != nil || len(again) != 1 {
		t.Errorf("claimed %v, %v", again, err)
	}
	if _, _, err := s.Begin(t.Context(), lanes[0]); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("old lane: %v", err)
	}
}

// TestRestWritesNothing compares the file before and after polls that find
// nothing.
func TestRestWritesNothing(t *testing.T) {
	path, _ := fill(t, 4)
	s := mustOpen(t, path)
	before, err := os.ReadFile(path)
	check(t, err)
	for range 100 {
		check(t, s.Hurry(t.Context()))
		leases, err := s.ClaimDue(t.Context(), 1, time.Hour)
		check(t, err)
		_, err = s.Known(t.Context(), harbour.ID, []news.EntryID{"entry-000"}, time.Time{}, time.Time{})
		check(t, err)
		check(t, s.Rest(t.Context(), leases[0], store.Rest{Cursor: news.Cursor{ETag: "new"}, Next: time.Now()}))
	}
	after, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
}

// TestOneCommitForMany holds the writer until many writes wait, one of which
// fails half-way and one of which nobody waits for any more.
func TestOneCommitForMany(t *testing.T) {
	path, _ := fill(t, 1)
	s := mustOpen(t, path)
	bad := errors.New("bad")
	entered, gate := make(chan struct{}), make(chan struct{})
	results := make(chan error, 100)
	put := func(ctx context.Context, name string, err error) {
		results <- s.write(ctx, func(t *txn) (func(), error) {
			if perr := t.put(metaBucket, []byte(name), name); perr != nil {
				return nil, perr
			}
			return nil, err
		})
	}
	go func() {
		results <- s.write(t.Context(), func(*txn) (func(), error) { close(entered); <-gate; return nil, nil })
	}()
	<-entered
	before := s.commits()
	for i := range 20 {
		go put(t.Context(), fmt.Sprintf("good-%d", i), nil)
	}
	go put(t.Context(), "bad", bad)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		gone <- s.write(ctx, func(t *txn) (func(), error) { return nil, t.put(metaBucket, []byte("gone"), "gone") })
	}()
	for len(s.writes) < 22 { // they queue without the writer's help
		runtime.Gosched()
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it waited: %v", err)
	}
	close(gate)
	failed := 0
	for range 22 {
		if err := <-results; err != nil {
			failed++
			if !errors.Is(err, bad) {
				t.Error(err)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d writes failed, want 1", failed)
	}
	if n := s.commits() - before; n != 1 {
		t.Errorf("%d commits for 20 writes", n)
	}
	check(t, s.view(t.Context(), func(tx *txn) error {
		for name, want := range map[string]bool{"good-0": true, "good-19": true, "bad": false, "gone": false} {
			if got := tx.raw(metaBucket, []byte(name)) != nil; got != want {
				t.Errorf("%s saved: %v", name, got)
			}
		}
		return nil
	}))
}

// TestClaimHoldsWhileItsWriteIsUnderWay lets claims run out between the check
// of their token and the commit: nobody else gets them until that is decided.
func TestClaimHoldsWhileItsWriteIsUnderWay(t *testing.T) {
	path, _ := fill(t, 2)
	s := mustOpen(t, path)
	ctx := t.Context()
	check(t, s.Hurry(ctx))
	claimed := func() int {
		leases, err := s.ClaimDue(ctx, 9, time.Microsecond)
		check(t, err)
		lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, 9, time.Microsecond)
		check(t, err)
		return len(leases) + len(lanes)
	}
	if n := claimed(); n != 2 {
		t.Fatalf("%d claims", n)
	}
	src, ln := s.claims.sources[harbour.ID], s.claims.lanes[quay]
	find := func() *claim { ln.writing++; return &src.claim } // a writer in each
	entered, gate, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	go func() {
		done <- s.writeAs(ctx, find, func(*txn) (func(), error) { close(entered); <-gate; return nil, nil })
	}()
	<-entered
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 30 { // longer than a claim is prolonged at a time
		<-tick.C
		if n := claimed(); n != 0 {
			t.Fatalf("%d claims were given away", n)
		}
	}
	open()
	check(t, <-done)
	s.claims.mu.Lock()
	ln.writing--
	s.claims.mu.Unlock()
	for n := 0; n < 2; n += claimed() {
		<-tick.C
	}
}

// commits returns the number of the last commit.
func (s *Store) commits() (n int) {
	_ = s.db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil })
	return n
}

// TestFull lets the file grow no more: writes fail and save nothing, reads go
// on, and so do writes once there is room.
func TestFull(t *testing.T) {
	path, _ := fill(t, 20)
	s := mustOpen(t, path)
	info, err := os.Stat(path)
	check(t, err)
	s.db.MaxSize = int(info.Size())
	big := news.Entry{Ref: news.Ref{Entry: "big"}, Body: strings.Repeat("water ", 1<<20)}
	record := func() error {
		check(t, s.Hurry(t.Context()))
		leases, err := s.ClaimDue(t.Context(), 1, time.Hour)
		check(t, err)
		_, err = s.Record(t.Context(), leases[0], store.Poll{Changes: []news.Change{{Kind: news.Added, Entry: big}}})
		if err != nil {
			check(t, s.Rest(t.Context(), leases[0], store.Rest{Next: time.Now()}))
		}
		return err
	}
	for range 3 {
		if err := record(); err == nil || errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrLeaseLost) {
			t.Fatalf("recorded in a full file: %v", err)
		}
		if _, err := s.Entry(t.Context(), news.Ref{Source: harbour.ID, Entry: "big"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("entry: %v", err)
		}
		if list, _, err := s.Latest(t.Context(), store.Query{Limit: 100}); err != nil || len(list) != 20 {
			t.Errorf("latest: %d entries, %v", len(list), err)
		}
		if b, err := s.Backlog(t.Context()); err != nil || b.Due != 10 {
			t.Errorf("backlog: %+v, %v", b, err)
		}
	}
	s.db.MaxSize = 0
	check(t, record())
	check(t, readAll(t.Context(), s))
	check(t, s.Close())
	consistent(t, path)
}

// consistent checks what bbolt itself can check of a closed ledger.
func consistent(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	check(t, err)
	defer db.Close()
	check(t, db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		return nil
	}))
}

func TestWait(t *testing.T) {
	now := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name          string
		next, planned time.Duration // from now
		want          time.Duration
	}{
		{"on time", 20 * time.Second, -10 * time.Second, 20 * time.Second},
		{"late", -time.Hour, -2 * time.Hour, -time.Hour},
		{"clock set back an hour", time.Hour + 20*time.Second, time.Hour - 10*time.Second, 30 * time.Second},
		{"clock set forward a day", -24 * time.Hour, -24*time.Hour - time.Minute, -24 * time.Hour},
		{"planned into the past", -time.Minute, -time.Second, -time.Minute},
	} {
		if got := wait(now, now.Add(tt.next), now.Add(tt.planned)); got != tt.want {
			t.Errorf("%s: wait %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestKeysSortAsTimesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := func(name string) time.Time {
			return time.Unix(rapid.Int64Range(-1<<38, 1<<38).Draw(t, name), rapid.Int64Range(0, 1e9-1).Draw(t, name+" ns")).UTC()
		}
		a, b := instant("a"), instant("b")
		if got, want := bytes.Compare(appendTime(nil, a), appendTime(nil, b)), b.Compare(a); got != want {
			t.Errorf("%v, %v: keys compare as %d, want %d", a, b, got, want)
		}
		if back := keyTime(appendTime(nil, a)); !back.Equal(a) {
			t.Errorf("%v came back as %v", a, back)
		}
	})
	if !keyTime(appendTime(nil, time.Time{})).IsZero() {
		t.Error("the zero time does not come back")
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"“Don’t go,” she said":        {"don", "t", "go", "she", "said"},
		"ÜBERALL 42 Straßen":          {"überall", "42", "straßen"},
		"":                            nil,
		"— … !":                       nil,
		strings.Repeat("ü", 40):       {strings.Repeat("ü", 32)},
		"a" + strings.Repeat("ü", 40): {"a" + strings.Repeat("ü", 31)},
	} {
		if got := ledger.Words(text); !slices.Equal(got, want) {
			t.Errorf("words(%q) = %q, want %q", text, got, want)
		}
	}
}
