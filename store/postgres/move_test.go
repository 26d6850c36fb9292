package postgres

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
	"github.com/pullquote/pullquote/store/ledger"
)

type exporter interface {
	Export(ctx context.Context, f func(*ledger.Item) error) error
}

// items returns everything a ledger holds, as lines.
func items(t *testing.T, s exporter) []string {
	t.Helper()
	var b bytes.Buffer
	put, end := ledger.Write(&b)
	check(t, s.Export(t.Context(), put))
	_, err := end()
	check(t, err)
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}

func stream(lines []string) iter.Seq2[*ledger.Item, error] {
	return ledger.Read(strings.NewReader(strings.Join(lines, "\n") + "\n"))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMove moves a ledger that has some of everything from a file into a
// database and back: nothing of it changes, but for how soon its sources are
// due.
func TestMove(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	file, err := bolt.Open(filepath.Join(dir, "a.db"), bolt.Options{})
	check(t, err)
	tell(t, file)
	was := items(t, file)
	check(t, file.Close())
	for _, kind := range []string{"Source", "Subscription", "Entry", "Alias", "Revision", "Receipt", "Rollup", "Folded", "Delivery", "Abandoned", "Kept"} {
		if !strings.Contains(strings.Join(was, "\n"), `{"`+kind+`":`) {
			t.Errorf("the ledger that is moved has no %s", kind)
		}
	}

	dsn := freshDatabase(t)
	n, err := Import(ctx, dsn, Options{}, stream(was))
	check(t, err)
	if n != len(was)-1 {
		t.Errorf("%d items of %d went in", n, len(was)-1)
	}
	if _, err := Import(ctx, dsn, Options{}, stream(was)); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("a second time: %v", err)
	}
	db, err := Open(ctx, dsn, Options{})
	check(t, err)
	defer db.Close()
	is := items(t, db)
	if d := cmp.Diff(planless(was), planless(is)); d != "" {
		t.Errorf("in the database (-file +database):\n%s", d)
	}
	same(t, db, file.Path())

	back := filepath.Join(dir, "b.db")
	_, err = bolt.Import(ctx, back, stream(is))
	check(t, err)
	if _, err := bolt.Import(ctx, back, stream(is)); err == nil || !strings.Contains(err.Error(), back) {
		t.Errorf("a second time: %v", err)
	}
	again, err := bolt.Open(back, bolt.Options{})
	check(t, err)
	defer again.Close()
	if d := cmp.Diff(planless(was), planless(items(t, again))); d != "" {
		t.Errorf("back in a file (-file +file):\n%s", d)
	}
}

// planless drops when sources were planned to be due, which moves with time, and
// the order of items, which is the engine's.
func planless(lines []string) (out []string) {
	for _, l := range lines {
		if i := strings.Index(l, `,"Next":`); strings.HasPrefix(l, `{"Source"`) && i > 0 {
			l = l[:i]
		}
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// same checks that what is found in two ledgers is the same.
func same(t *testing.T, s store.Store, path string) {
	t.Helper()
	ctx := t.Context()
	o, err := bolt.Open(path, bolt.Options{})
	check(t, err)
	defer o.Close()
	for _, q := range []store.Query{{}, {Words: "tide"}, {Speaker: "marsh"}} {
		a, _, err := s.Quotes(ctx, q)
		check(t, err)
		b, _, err := o.Quotes(ctx, q)
		check(t, err)
		if d := cmp.Diff(b, a); d != "" || len(a) == 0 && q.Words == "" {
			t.Errorf("quotes of %+v: %s", q, d)
		}
	}
	a, err := s.Backlog(ctx)
	check(t, err)
	b, err := o.Backlog(ctx)
	check(t, err)
	if a.Due != b.Due || a.Waiting != b.Waiting || a.Abandoned != b.Abandoned {
		t.Errorf("backlog %+v, was %+v", a, b)
	}
}

// tell fills a ledger with some of everything.
func tell(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	harbour := news.Source{ID: "harbour", Name: "Harbour", URL: "https://news.example/harbour", Schedule: "@every 1m"}
	room, hall := chat.Channel{Adapter: "test", ID: "room"}, chat.Channel{Adapter: "test", ID: "hall"}
	subs := []store.Subscription{{Source: "harbour", Channel: room}, {Source: "harbour", Channel: hall, Style: store.Thread, Tags: []string{"sea"}}}
	check(t, s.Sync(ctx, []news.Source{harbour}, subs))
	check(t, s.KeepAll(ctx, map[string][]byte{"desk/a": {0, 1, 255}, "desk/b": []byte("b")}))
	at := time.Date(2024, 3, 1, 12, 0, 0, 123456789, time.UTC)
	var changes []news.Change
	for i := range 8 {
		changes = append(changes, news.Change{Kind: news.Added, Entry: news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("e%d", i))}, Aliases: []news.EntryID{news.EntryID(fmt.Sprintf("old\x00%d", i))},
			Headline: "The tide rises", Body: "It rose.", URL: "https://news.example/harbour#e" + fmt.Sprint(i),
			Published: at.Add(time.Duration(i) * time.Minute), FirstSeen: at, Revision: 1,
			Quotes: []news.Quote{{Text: "The tide is in", Speaker: "Una Marsh", Role: "harbour master", Kind: news.Direct}},
		}})
	}
	record := func(c ...news.Change) {
		check(t, s.Hurry(ctx))
		l, err := s.ClaimDue(ctx, 1, time.Minute)
		check(t, err)
		_, err = s.Record(ctx, l[0], store.Poll{Title: "Harbour", Cursor: news.Cursor{ETag: `"1"`}, Next: time.Now().Add(time.Hour), Changes: c})
		check(t, err)
	}
	record(changes...)
	lanes := claim(t, s)
	l := lanes[room]
	for i := range 3 {
		w, ok, err := s.Begin(ctx, l)
		check(t, err)
		if !ok {
			t.Fatal("nothing is due")
		}
		check(t, s.Settle(ctx, l, w.Delivery.ID, store.Receipt{Message: chat.MessageID(fmt.Sprint("m", i)), Revision: w.Entry.Revision, Sent: at}))
	}
	w, _, err := s.Begin(ctx, l)
	check(t, err)
	check(t, s.Abandon(ctx, l, w.Delivery.ID, "refused"))
	waiting, err := s.Waiting(ctx, l, 2)
	check(t, err)
	check(t, s.Fold(ctx, l, []store.DeliveryID{waiting[0].ID, waiting[1].ID}, store.Fold{Source: "harbour", Within: time.Minute}))
	w, _, err = s.Begin(ctx, l)
	check(t, err)
	check(t, s.Postpone(ctx, l, w.Delivery.ID, store.Postponement{Until: time.Now().Add(time.Hour), Error: "later", Unknown: true}))
	check(t, s.Promise(ctx, hall, store.Promise{Kind: store.Notice, Number: 1 << 63, Text: "All is well"}))
	prev, err := s.Entry(ctx, news.Ref{Source: "harbour", Entry: "e0"})
	check(t, err)
	next := prev
	next.Body = "It fell."
	record(news.Change{Kind: news.Edited, Entry: news.Revise(prev, next, at)}, news.Change{Kind: news.Missed, Missed: 2, Entry: news.Entry{Ref: news.Ref{Source: "harbour", Entry: "e1"}}})
	for _, l := range lanes {
		check(t, s.Release(ctx, l, time.Time{}))
	}
}

func claim(t *testing.T, s store.Store) map[chat.Channel]store.Lane {
	t.Helper()
	list, _, err := s.ClaimLanes(t.Context(), []string{"test"}, 9, time.Minute)
	check(t, err)
	lanes := map[chat.Channel]store.Lane{}
	for _, l := range list {
		lanes[l.Channel] = l
	}
	return lanes
}

// TestCutCopy gives a copy that is not whole, is of another program, or of a
// newer version: nothing of it stays.
func TestCutCopy(t *testing.T) {
	ctx := t.Context()
	file, err := bolt.Open(filepath.Join(t.TempDir(), "a.db"), bolt.Options{})
	check(t, err)
	tell(t, file)
	was := items(t, file)
	check(t, file.Close())
	dsn := freshDatabase(t)
	for name, lines := range map[string][]string{
		"cut": was[:len(was)-2], "end is missing": was[:len(was)-1], "a line is missing": append(append([]string{}, was[:3]...), was[4:]...),
		"nothing": {""}, "no ledger": {"hello"}, "no head": was[1:], "newer": append([]string{`{"Head":{"Format":99,"Ledger":"x"}}`}, was[1:]...),
	} {
		if n, err := Import(ctx, dsn, Options{}, stream(lines)); err == nil {
			t.Errorf("%s: %d items went into the database", name, n)
		}
		path := filepath.Join(t.TempDir(), "b.db")
		if n, err := bolt.Import(ctx, path, stream(lines)); err == nil {
			t.Errorf("%s: %d items went into a file", name, n)
		}
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	if _, err := Import(ctx, dsn, Options{}, stream(was)); err != nil {
		t.Errorf("after all that: %v", err)
	}
}
