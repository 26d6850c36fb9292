package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
	"github.com/pullquote/pullquote/store/storetest"
)

func TestLedger(t *testing.T) {
	paths := map[store.Store]string{}
	_ = paths
	storetest.Run(t, storetest.Engine{Open: func(t *testing.T) store.Store {
		return open(t, filepath.Join(t.TempDir(), "test.db"))
	}, Reopen: func(t *testing.T, s store.Store) store.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, s.(*bolt.Store).Path())
	}})
}

func open(t *testing.T, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
