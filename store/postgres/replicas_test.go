package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

// replicas opens a ledger as several replicas do.
func replicas(t *testing.T, n int) []*Store {
	t.Helper()
	dsn := freshLedger(t)
	var list []*Store
	for range n {
		s, err := Open(t.Context(), dsn, Options{Conns: 4})
		check(t, err)
		t.Cleanup(func() { _ = s.Close() })
		list = append(list, s)
	}
	return list
}

// TestBeat checks that the shares of the replicas that live add up to the whole
// at every moment.
func TestBeat(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 3)
	names := []string{"quay", "mole", "pier"}
	ranks := map[int]bool{}
	for i, s := range list {
		share, err := s.Beat(ctx, names[i], time.Hour)
		check(t, err)
		if share.Of != i+1 {
			t.Errorf("%s counts %d replicas, want %d", names[i], share.Of, i+1)
		}
	}
	for i, s := range list {
		share, err := s.Beat(ctx, names[i], time.Hour)
		check(t, err)
		if share.Of != 3 || ranks[share.Rank] {
			t.Errorf("%s has %+v beside %v", names[i], share, ranks)
		}
		ranks[share.Rank] = true
	}
	_, err := list[0].Beat(ctx, names[0], 0)
	check(t, err)
	_, err = list[1].Beat(ctx, names[1], time.Microsecond)
	check(t, err)
	if share, err := list[2].Beat(ctx, names[2], time.Hour); err != nil || share != (chat.Share{Of: 1}) {
		t.Errorf("the last has %+v, %v", share, err)
	}
}

// TestDeadReplica checks that what a replica had claimed that is not heard of
// any more goes to another at once, and that it cannot settle it any more.
func TestDeadReplica(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 2)
	dead, heir := list[0], list[1]
	_, err := dead.Beat(ctx, "dead", time.Microsecond)
	check(t, err)
	tell(t, dead)
	check(t, dead.Hurry(ctx))
	leases, err := dead.ClaimDue(ctx, 1, time.Hour)
	check(t, err)
	lanes := claim(t, dead)
	hall := lanes[chat.Channel{Adapter: "test", ID: "hall"}]
	w, ok, err := dead.Begin(ctx, hall)
	check(t, err)
	if !ok {
		t.Fatal("nothing is due")
	}
	hold, err := dead.Hold(ctx, "shard/0", time.Hour)
	check(t, err)
	if taken := claim(t, heir); len(taken) > 0 {
		t.Fatalf("claimed already: %v", taken)
	}
	if _, err := heir.Hold(ctx, "shard/0", time.Hour); !errors.Is(err, chat.ErrHeld) {
		t.Fatalf("held already: %v", err)
	}
	_, err = heir.Beat(ctx, "heir", time.Hour)
	check(t, err)
	select {
	case <-heir.Woken():
	case <-time.After(10 * time.Second):
		t.Error("nobody is woken")
	}
	taken := claim(t, heir)
	again, ok, err := heir.Begin(ctx, taken[hall.Channel])
	check(t, err)
	if !ok || again.Delivery.ID != w.Delivery.ID || again.Delivery.Tried.IsZero() {
		t.Errorf("the heir begins %+v, %v", again.Delivery, ok)
	}
	if err := dead.Settle(ctx, hall, w.Delivery.ID, store.Receipt{Message: "m", Revision: 1}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the dead settles: %v", err)
	}
	if _, err := dead.Record(ctx, leases[0], store.Poll{Next: time.Now()}); !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("the dead records: %v", err)
	}
	if _, err := heir.Claim(ctx, "harbour", time.Hour); err != nil {
		t.Errorf("the source: %v", err)
	}
	h, err := heir.Hold(ctx, "shard/0", time.Hour)
	if err != nil || h.Token <= hold.Token {
		t.Errorf("hold %+v after %+v: %v", h, hold, err)
	}
	if _, err := dead.Renew(ctx, hold, time.Hour); !errors.Is(err, chat.ErrHeld) {
		t.Errorf("the dead renews: %v", err)
	}
}

// TestLateClaim checks that the dead keep nothing that they are granted after
// they were found dead, neither one that is not heard of nor one whose name
// another has taken.
func TestLateClaim(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 3)
	slow, gone, heir := list[0], list[1], list[2]
	_, err := slow.Beat(ctx, "slow", time.Microsecond)
	check(t, err)
	_, err = gone.Beat(ctx, "pier", time.Hour)
	check(t, err)
	_, err = heir.Beat(ctx, "pier", time.Hour) // it was started again
	check(t, err)
	for key, dead := range map[string]*Store{"shard/0": slow, "shard/1": gone} {
		_, err := dead.Hold(ctx, key, time.Hour)
		check(t, err)
	}
	share, err := heir.Beat(ctx, "pier", time.Hour)
	if err != nil || share != (chat.Share{Of: 1}) {
		t.Errorf("share %+v, %v", share, err)
	}
	for _, key := range []string{"shard/0", "shard/1"} {
		if _, err := heir.Hold(ctx, key, time.Hour); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestStoppedSession checks that what a replica has locked in the middle of a
// transaction is free once it is not heard of, and that it goes on with another
// connection when it is back.
func TestStoppedSession(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 2)
	stopped, heir := list[0], list[1]
	_, err := stopped.Beat(ctx, "stopped", time.Microsecond)
	check(t, err)
	tell(t, stopped)
	conn, err := stopped.pool.Acquire(ctx)
	check(t, err)
	defer conn.Release()
	_, err = conn.Exec(ctx, `SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT 1 FROM lane FOR UPDATE`)
	check(t, err)
	if lanes := claim(t, heir); len(lanes) > 0 {
		t.Fatalf("claimed %v although they are locked", lanes)
	}
	_, err = heir.Beat(ctx, "heir", time.Hour)
	check(t, err)
	check(t, heir.Promise(ctx, chat.Channel{Adapter: "test", ID: "hall"}, store.Promise{Kind: store.Notice, Number: 1, Text: "All is well"}))
	if lanes := claim(t, heir); len(lanes) == 0 {
		t.Error("the lanes are still locked")
	}
	if _, err := stopped.Beat(ctx, "stopped", time.Hour); err != nil {
		t.Errorf("it cannot go on: %v", err)
	}
}

// TestWoken checks that a replica hears of what another makes due, and not of
// what it does itself.
func TestWoken(t *testing.T) {
	ctx := t.Context()
	list := replicas(t, 2)
	for _, s := range list { // the first sound is that they listen
		select {
		case <-s.Woken():
		case <-time.After(10 * time.Second):
			t.Fatal("it does not listen")
		}
	}
	check(t, list[0].Sync(ctx, []news.Source{{ID: "harbour", Name: "Harbour", URL: "https://news.example/", Schedule: "@every 1m"}}, nil))
	began := time.Now()
	select {
	case <-list[1].Woken():
		if d := time.Since(began); d > anyway/2 {
			t.Errorf("heard after %v", d)
		}
	case <-time.After(10 * time.Second):
		t.Error("the other hears nothing")
	}
	select {
	case <-list[0].Woken():
		if time.Since(began) < anyway/2 {
			t.Error("it hears itself")
		}
	default:
	}
}

// TestOutage stops the server under the ledger: calls wait for it and go on,
// and give up once it is away for longer than their patience.
func TestOutage(t *testing.T) {
	ctx := t.Context()
	server := pgtest.New(t)
	dsn := server.Database(t)
	s, err := Open(ctx, dsn, Options{})
	check(t, err)
	defer s.Close()
	hasty, err := Open(ctx, dsn, Options{Patience: 100 * time.Millisecond})
	check(t, err)
	defer hasty.Close()
	tell(t, s)
	for _, how := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		server.Stop(t, how)
		if err := hasty.Keep(ctx, "tide", []byte("in")); err == nil {
			t.Error("something was kept by nobody")
		}
		done := make(chan error, 1)
		go func() { done <- s.Keep(ctx, "tide", []byte(how)) }()
		server.Restart(t)
		check(t, <-done)
		if v, err := s.Kept(ctx, "tide"); err != nil || string(v) != string(how) {
			t.Errorf("kept %q, %v", v, err)
		}
	}
	server.Terminate(t)
	check(t, s.Keep(ctx, "tide", []byte("out")))
	if b, err := s.Backlog(ctx); err != nil || b.Due+b.Waiting == 0 {
		t.Errorf("backlog %+v, %v", b, err)
	}
}

// TestNewerSchema opens a database that a newer version has brought up.
func TestNewerSchema(t *testing.T) {
	s := replicas(t, 1)[0]
	_, err := s.pool.Exec(t.Context(), `UPDATE ledger SET beside = 998`)
	check(t, err)
	_, err = s.pool.Exec(t.Context(), `INSERT INTO `+versionTable+` (version_id, is_applied) VALUES (999, true)`)
	check(t, err)
	if s, err := Open(t.Context(), s.pool.Config().ConnString(), Options{}); !errors.Is(err, store.ErrSchema) {
		t.Errorf("opened %v: %v", s, err)
	}
}

// TestPassword checks that no error of opening shows it.
func TestPassword(t *testing.T) {
	for _, dsn := range []string{
		"postgres://bot:tidewater@127.0.0.1:1/x?connect_timeout=1", "postgres://bot:tidewater@127.0.0.1:port/x", "postgres://bot:tide%zzwater@h/x",
		"host=127.0.0.1 port=x password=tidewater", "postgres://bot:tidewater@127.0.0.1:1/x?sslmode=tidewater",
	} {
		_, err := Open(t.Context(), dsn, Options{Patience: time.Millisecond})
		if err == nil {
			t.Fatalf("%s was opened", dsn)
		}
		if msg := err.Error(); strings.Contains(msg, "tidewater") || strings.Contains(msg, "tide%zz") {
			t.Errorf("%s: %s", dsn, msg)
		}
	}
}
