package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var harbour = news.Source{ID: "harbour", Name: "Harbour", URL: "https://news.example/live", Schedule: "@every 30s"}

var quay = chat.Channel{Adapter: "test", ID: "quay"}

// fill makes a ledger of n entries, half of them delivered, and returns its
// path and bytes.
func fill(t *testing.T, n int) (path string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "test.db")
	s := mustOpen(t, path)
	ctx := t.Context()
	check(t, s.Sync(ctx, []news.Source{harbour}, []store.Subscription{{Source: harbour.ID, Channel: quay}}))
	leases, err := s.ClaimDue(ctx, 1, time.Hour)
	check(t, err)
	var p store.Poll
	for i := range n {
		p.Changes = append(p.Changes, news.Change{Kind: news.Added, Entry: news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("entry-%03d", i))}, Headline: "The bridge is shut", Body: strings.Repeat("It rains. ", 20),
			Quotes: []news.Quote{{Text: fmt.Sprintf("The water rose %d inches", i), Speaker: "Una Marsh"}},
		}})
	}
	_, err = s.Record(ctx, leases[0], p)
	check(t, err)
	lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, 1, time.Hour)
	check(t, err)
	for range n / 2 {
		w, _, err := s.Begin(ctx, lanes[0])
		check(t, err)
		check(t, s.Settle(ctx, lanes[0], w.Delivery.ID, store.Receipt{Message: "m1", Revision: 1}))
	}
	check(t, s.Close())
	data, err = os.ReadFile(path)
	check(t, err)
	return path, data
}

func mustOpen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// readAll reads and writes what a bot would.
func readAll(ctx context.Context, s *Store) error {
	_, _, err1 := s.Latest(ctx, store.Query{Limit: 1000})
	_, _, err2 := s.Quotes(ctx, store.Query{Limit: 1000, Words: "water"})
	_, err3 := s.Known(ctx, harbour.ID, nil, time.Time{}, time.Now().Add(time.Hour))
	_, err4 := s.Speakers(ctx, "", 100)
	err := errors.Join(err1, err2, err3, err4, s.Hurry(ctx))
	leases, _ := s.ClaimDue(ctx, 1, time.Hour)
	for _, l := range leases {
		_, werr := s.Record(ctx, l, store.Poll{Changes: []news.Change{{Kind: news.Added, Entry: news.Entry{Ref: news.Ref{Entry: "new"}}}}})
		err = errors.Join(err, werr)
	}
	lanes, _, _ := s.ClaimLanes(ctx, []string{"test"}, 1, time.Hour)
	for _, l := range lanes {
		w, ok, werr := s.Begin(ctx, l)
		err = errors.Join(err, werr)
		if ok {
			err = errors.Join(err, s.Settle(ctx, l, w.Delivery.ID, store.Receipt{Message: "m2", Revision: 1}))
		}
	}
	return err
}

func TestTruncatedFile(t *testing.T) {
	path, good := fill(t, 60)
	for _, n := range []int{1, 64, 4095, 4096, 8191, 8192, 12288, 16384, len(good) / 4, len(good) / 2, len(good) * 3 / 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			check(t, os.WriteFile(path, good[:n], 0o600))
			s, err := Open(path, Options{})
			if err == nil { // only free pages at the end are gone
				err = readAll(t.Context(), s)
				_ = s.Close()
				if err != nil {
					t.Errorf("opened, then %v", err)
				}
				return
			}
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
		})
	}
	check(t, os.WriteFile(path, good, 0o600))
	s := mustOpen(t, path)
	check(t, readAll(t.Context(), s))
	check(t, s.Verify(t.Context()))
}

func TestEmptyFile(t *testing.T) {
	path, _ := fill(t, 3)
	check(t, os.WriteFile(path, nil, 0o600))
	_, err := Open(path, Options{})
	if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path+".id") {
		t.Errorf("a ledger that lost everything: %v", err)
	}
	check(t, os.Remove(path+".id"))
	check(t, readAll(t.Context(), mustOpen(t, path)))
}

// TestFlippedRecord flips a byte inside each kind of record: it is found when
// the record is read, and the error names it.
func TestFlippedRecord(t *testing.T) {
	path, good := fill(t, 20)
	for _, text := range []string{`"Headline":"The bridge is shut","Body"`, `"Message":"m1"`, `"Digest":"`, `"Enqueued":"`, `"Schedule":"@every 30s"`} {
		t.Run(text, func(t *testing.T) {
			bad := slices.Clone(good)
			n := 0
			for at := 0; ; n++ {
				i := bytes.Index(bad[at:], []byte(text))
				if i < 0 {
					break
				}
				at += i + len(text)
				bad[at-3] ^= 1
			}
			if n == 0 {
				t.Skip("the file holds no such record")
			}
			check(t, os.WriteFile(path, bad, 0o600))
			s, err := Open(path, Options{})
			if err == nil {
				err = s.Verify(t.Context())
				_ = s.Close()
			}
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFlippedBytes flips bytes anywhere. Nothing may panic or hang; what is
// refused is refused as damage.
func TestFlippedBytes(t *testing.T) {
	path, good := fill(t, 60)
	flips := 100
	if testing.Short() {
		flips = 20
	}
	seed := rand.Uint64()
	for i := range flips {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		bad := slices.Clone(good)
		for range 1 + r.IntN(4) {
			bad[r.IntN(len(bad))] ^= byte(1 + r.IntN(255))
		}
		check(t, os.WriteFile(path, bad, 0o600))
		s, err := Open(path, Options{})
		if err == nil {
			err = readAll(t.Context(), s)
			err = errors.Join(err, s.Close())
		}
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Errorf("seed %d, flip %d: %v", seed, i, err)
		}
	}
}

// TestFlippedHeads flips bytes in the heads of pages, which bbolt trusts.
func TestFlippedHeads(t *testing.T) {
	path, good := fill(t, 60)
	page := os.Getpagesize()
	refused := 0
	for at := 2 * page; at+page <= len(good); at += page {
		bad := slices.Clone(good)
		bad[at+8] ^= 0x13 // the kind
		bad[at+10] ^= 0x7 // the count
		check(t, os.WriteFile(path, bad, 0o600))
		s, err := Open(path, Options{})
		if err == nil {
			err = errors.Join(readAll(t.Context(), s), s.Close())
			if err != nil {
				t.Errorf("page %d: opened, then %v", at/page, err)
			}
			continue
		}
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("page %d: %v", at/page, err)
		}
		refused++
	}
	if refused < len(buckets) {
		t.Errorf("only %d pages were refused", refused)
	}
}

// TestPageUsedTwice makes two buckets share a page, which bbolt would free
// twice.
func TestPageUsedTwice(t *testing.T) {
	path, good := fill(t, 60)
	in := inspector{file: bytes.NewReader(good), size: int64(len(good))}
	check(t, in.metas())
	root, err := in.read(0, in.root, 1)
	check(t, err)
	var roots []element
	for i := range count(root) {
		e, err := leafElement(in.root, root, i, count(root))
		check(t, err)
		if order.Uint64(e.value) != 0 {
			roots = append(roots, e)
		}
	}
	bad := slices.Clone(good)
	at := int(in.root*in.pageSize) + bytes.Index(root, slices.Concat(roots[1].key, roots[1].value))
	copy(bad[at+len(roots[1].key):], roots[0].value[:8])
	check(t, os.WriteFile(path, bad, 0o600))
	if _, err := Open(path, Options{}); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "used twice") {
		t.Errorf("got %v", err)
	}
}

func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := bbolt.Open(path, 0o600, nil)
	check(t, err)
	check(t, db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("recipes")); return err }))
	check(t, db.Close())
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a bbolt file of another program: %v", err)
	}
	check(t, os.WriteFile(path, bytes.Repeat([]byte("This is a letter. "), 2000), 0o600))
	if _, err := Open(path, Options{}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a text: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil || errors.Is(err, store.ErrDamaged) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none", "test.db"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
}

func TestNewerSchema(t *testing.T) {
	path, _ := fill(t, 1)
	db, err := bbolt.Open(path, 0o600, nil)
	check(t, err)
	check(t, db.Update(func(tx *bbolt.Tx) error { return (&txn{tx: tx}).put(metaBucket, []byte("schema"), schema+1) }))
	check(t, db.Close())
	_, err = Open(path, Options{})
	if !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
