package bolt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// TestDiskFull fills a real, small file system until nothing can be saved,
// makes room, and goes on.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a file system to fill cannot be mounted here (it takes root): %v", err)
	}
	defer func() { check(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }()
	ballast := filepath.Join(dir, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 2<<20), 0o600))
	path := filepath.Join(dir, "test.db")
	s := mustOpen(t, path)
	ctx := t.Context()
	check(t, s.Sync(ctx, []news.Source{harbour}, []store.Subscription{{Source: harbour.ID, Channel: quay}}))

	saved := 0
	add := func() error {
		check(t, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1, time.Hour)
		check(t, err)
		_, err = s.Record(ctx, leases[0], store.Poll{Changes: []news.Change{{Kind: news.Added, Entry: news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("e%04d", saved))}, Body: strings.Repeat("It rains. ", 2000)}}}})
		if err != nil {
			check(t, s.Rest(ctx, leases[0], store.Rest{Next: time.Now()}))
			return err
		}
		saved++
		return nil
	}
	var err error
	for err == nil && saved < 1000 {
		err = add()
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d entries: %v, want no space left", saved, err)
	}
	for range 5 {
		if add() == nil {
			break // a smaller change may still fit
		}
	}
	if list, _, err := s.Latest(ctx, store.Query{Limit: 2000}); err != nil || len(list) != saved {
		t.Errorf("%d entries can be read, want %d: %v", len(list), saved, err)
	}
	check(t, os.Remove(ballast))
	check(t, add())
	check(t, s.Close())
	consistent(t, path)
	s = mustOpen(t, path)
	if b, err := s.Backlog(ctx); err != nil || b.Due != saved {
		t.Errorf("backlog %+v, want %d due: %v", b, saved, err)
	}
	check(t, s.Close())
}
