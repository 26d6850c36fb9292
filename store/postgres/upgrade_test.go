package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// nextSteps are this version's steps and one more, as the next version has them.
func nextSteps(t *testing.T, step string) fs.FS {
	t.Helper()
	steps := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	check(t, err)
	for _, name := range names {
		data, err := migrations.ReadFile(name)
		check(t, err)
		steps[name[len("migrations/"):]] = &fstest.MapFile{Data: data}
	}
	steps[fmt.Sprintf("%05d_next.sql", len(names)+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + step)}
	return steps
}

// TestRollingUpgrade checks that this version goes on, and may be started again,
// beside the next one after that has added to the schema, that both claim and
// settle what the other promised, and that it is refused once the next one
// changed what it relies on.
func TestRollingUpgrade(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 2)
	old, next := list[0], list[1]
	tell(t, old)
	check(t, next.migrate(ctx, nextSteps(t, `
		ALTER TABLE delivery ADD COLUMN mood text NOT NULL DEFAULT 'calm';
		ALTER TABLE entry ADD COLUMN mood text;
		CREATE TABLE mood (name text PRIMARY KEY);
		UPDATE ledger SET beside = 2;`)))
	dsn := old.pool.Config().ConnString()
	again, err := Open(ctx, dsn, Options{Conns: 4})
	if err != nil {
		t.Fatalf("started again beside the next version: %v", err)
	}
	defer func() { _ = again.Close() }()

	at := time.Date(2024, 3, 1, 13, 0, 0, 0, time.UTC)
	hall := chat.Channel{Adapter: "test", ID: "hall"}
	for i, pair := range [][2]*Store{{old, next}, {next, again}, {again, old}} {
		teller, poster := pair[0], pair[1]
		check(t, teller.Promise(ctx, hall, store.Promise{Kind: store.Notice, Number: uint64(i + 1), Text: "All is well"}))
		settled := 0
		for _, l := range claim(t, poster) {
			for {
				w, ok, err := poster.Begin(ctx, l)
				check(t, err)
				if !ok {
					break
				}
				check(t, poster.Settle(ctx, l, w.Delivery.ID, store.Receipt{
					Message: chat.MessageID(fmt.Sprintf("m%d-%d", i, w.Delivery.ID)), Revision: w.Delivery.Revision, Sent: at,
				}))
				settled++
			}
			check(t, poster.Release(ctx, l, time.Time{}))
		}
		if settled == 0 {
			t.Errorf("pair %d settles nothing", i)
		}
	}

	_, err = old.pool.Exec(ctx, `UPDATE ledger SET beside = 3`)
	check(t, err)
	if s, err := Open(ctx, dsn, Options{Patience: time.Millisecond}); !errors.Is(err, store.ErrSchema) {
		t.Errorf("opened %v: %v", s, err)
	}
}
