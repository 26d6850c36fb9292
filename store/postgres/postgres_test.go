package postgres

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
	"github.com/pullquote/pullquote/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// freshDatabase returns the address of a database that holds nothing.
func freshDatabase(t *testing.T) string {
	t.Helper()
	return pgtest.Start(t).Database(t)
}

// freshLedger returns the address of a database with a ledger that holds
// nothing, quickly.
func freshLedger(t *testing.T) string {
	t.Helper()
	dsn := pgtest.Start(t).Filled(t, "ledger", func(dsn string) error {
		s, err := Open(t.Context(), dsn, Options{})
		if err != nil {
			return err
		}
		_, err = s.pool.Exec(t.Context(), "DELETE FROM ledger")
		return errors.Join(err, s.Close())
	})
	return dsn
}

func TestStore(t *testing.T) {
	pgtest.Start(t)
	var mu sync.Mutex
	dsns := map[store.Store]string{}
	open := func(t *testing.T, dsn string) store.Store {
		s, err := Open(t.Context(), dsn, Options{Conns: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		mu.Lock()
		defer mu.Unlock()
		dsns[s] = dsn
		return s
	}
	storetest.Run(t, storetest.Engine{
		Open: func(t *testing.T) store.Store { return open(t, freshLedger(t)) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			_ = s.Close()
			return open(t, dsns[s])
		},
		Restore: func(t *testing.T, copied []byte) store.Store {
			dsn := freshLedger(t)
			if _, err := Import(t.Context(), dsn, Options{}, ledger.Read(bytes.NewReader(copied))); err != nil {
				t.Fatal(err)
			}
			return open(t, dsn)
		},
	})
}
