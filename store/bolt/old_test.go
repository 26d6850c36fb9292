package bolt

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var update = flag.Bool("update", false, "write the ledger file of the present schema to testdata")

const oldLedger = "testdata/v1.db.gz"

// TestOldLedger opens a ledger that an earlier version left behind in the
// middle of its work: one card stands, one attempt is open, one delivery was
// given up, one waits.
func TestOldLedger(t *testing.T) {
	if *update {
		writeOldLedger(t)
	}
	packed, err := os.ReadFile(oldLedger)
	check(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	check(t, err)
	data, err := io.ReadAll(r)
	check(t, err)
	path := filepath.Join(t.TempDir(), "old.db")
	check(t, os.WriteFile(path, data, 0o600))
	s := mustOpen(t, path)
	ctx := t.Context()

	if list, _, err := s.Latest(ctx, store.Query{}); err != nil || len(list) != 4 || list[0].Entry != "e4" || !list[3].Withdrawn {
		t.Errorf("latest: %+v, %v", list, err)
	}
	if hits, _, err := s.Quotes(ctx, store.Query{Words: "marsh inches 3"}); err != nil || len(hits) != 1 || hits[0].Entry.Entry != "e3" {
		t.Errorf("quotes: %+v, %v", hits, err)
	}
	if rec, err := s.Receipt(ctx, quay, news.Ref{Source: harbour.ID, Entry: "guid:1"}); err != nil || rec.Message != "m1" {
		t.Errorf("receipt: %+v, %v", rec, err)
	}
	if b, err := s.Backlog(ctx); err != nil || b.Due != 2 || b.Abandoned != 1 {
		t.Errorf("backlog: %+v, %v", b, err)
	}
	lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, 1, time.Hour)
	check(t, err)
	w, _, err := s.Begin(ctx, lanes[0])
	check(t, err)
	if w.Delivery.Entry.Entry != "e3" || w.Delivery.Attempts != 2 || w.Delivery.Tried.IsZero() || len(w.Delivery.Key) != 25 {
		t.Errorf("work: %+v", w)
	}
	leases, err := s.ClaimDue(ctx, 1, time.Hour)
	check(t, err)
	if len(leases) != 1 || leases[0].FirstSight || leases[0].Cursor.ETag != `"1"` {
		t.Errorf("leases: %+v", leases)
	}
}

func writeOldLedger(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new.db")
	s := mustOpen(t, path)
	ctx := t.Context()
	check(t, s.Sync(ctx, []news.Source{harbour}, []store.Subscription{{Source: harbour.ID, Channel: quay}}))
	at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	record := func(changes ...news.Change) {
		check(t, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1, time.Hour)
		check(t, err)
		_, err = s.Record(ctx, leases[0], store.Poll{Cursor: news.Cursor{ETag: `"1"`, Read: at}, Next: at, Changes: changes})
		check(t, err)
	}
	var changes []news.Change
	for i, id := range []news.EntryID{"e1", "e2", "e3", "e4"} {
		changes = append(changes, news.Change{Kind: news.Added, Entry: news.Entry{
			Ref: news.Ref{Source: harbour.ID, Entry: id}, Headline: "State " + string(id), Published: at.Add(time.Duration(i) * time.Minute), FirstSeen: at,
			Quotes: []news.Quote{{Text: "It rose inches: " + string('0'+rune(i+1)), Speaker: "Una Marsh"}}, Revision: 1,
		}})
	}
	changes[0].Entry.Aliases = []news.EntryID{"guid:1"}
	record(changes...)
	lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, 1, time.Hour)
	check(t, err)
	w, _, err := s.Begin(ctx, lanes[0])
	check(t, err)
	check(t, s.Settle(ctx, lanes[0], w.Delivery.ID, store.Receipt{Message: "m1", Revision: 1}))
	w, _, err = s.Begin(ctx, lanes[0])
	check(t, err)
	check(t, s.Abandon(ctx, lanes[0], w.Delivery.ID, "refused"))
	_, _, err = s.Begin(ctx, lanes[0])
	check(t, err)
	prev, err := s.Entry(ctx, changes[0].Entry.Ref)
	check(t, err)
	record(news.Change{Kind: news.Retracted, Entry: news.Retract(prev, at), Quiet: true})
	check(t, s.Close())
	data, err := os.ReadFile(path)
	check(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(data)
	check(t, err)
	check(t, z.Close())
	check(t, os.MkdirAll(filepath.Dir(oldLedger), 0o755))
	check(t, os.WriteFile(oldLedger, packed.Bytes(), 0o644))
}
