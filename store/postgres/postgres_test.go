package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
	"github.com/pullquote/pullquote/store/storetest"
)

func freshDatabase(t *testing.T) string {
	conn, err := pgx.Connect(t.Context(), os.Getenv("STORE_TEST_DSN"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name := "t" + rand.Text()
	if _, err := conn.Exec(t.Context(), `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	return os.Getenv("STORE_TEST_DSN") + " dbname='" + name + "'"
}

func TestStore(t *testing.T) {
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
		Open: func(t *testing.T) store.Store { return open(t, freshDatabase(t)) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			_ = s.Close()
			return open(t, dsns[s])
		},
		Restore: func(t *testing.T, copied []byte) store.Store {
			dsn := freshDatabase(t)
			if _, err := Import(t.Context(), dsn, Options{}, ledger.Read(bytes.NewReader(copied))); err != nil {
				t.Fatal(err)
			}
			return open(t, dsn)
		},
	})
}
