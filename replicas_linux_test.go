package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

// TestReplicasFull fills the disk under the database of three replicas: nothing
// is sent that could not be recorded, and once there is room every channel
// comes right.
func TestReplicasFull(t *testing.T) {
	disk, err := os.MkdirTemp("", "pullquote-disk-") // where the server's user can look
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(disk) })
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("a file system to fill cannot be mounted here (it takes root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	f := newFleet(t, func(s *pgtest.Server) string { return s.DatabaseIn(t, disk) })
	f.site.change(f.random, fleetSources)
	f.right("at first")

	ballast := filepath.Join(disk, "ballast")
	fill, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; { // to the last byte
		if _, err := fill.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := fill.Close(); err != nil {
		t.Fatal(err)
	}
	before := f.posts()
	for range 3 {
		f.site.change(f.random, 2*fleetSources)
	}
	f.settle(1<<20, 8*time.Second)
	if f.wrong() == nil {
		t.Fatal("the disk was not full")
	}
	t.Logf("%d posts on a full disk", f.posts()-before)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	f.began = time.Now() // what waited for room does not count
	f.site.change(f.random, 20)
	f.right("there is room again")
	f.site.change(f.random, fleetSources)
	f.right("at last")
	f.end()
}
