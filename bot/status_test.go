package bot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A standing ledger says how sources stand, and nothing else.
type standing struct {
	store.Store
	sources []store.SourceStatus
	backlog store.Backlog
	err     error
}

func (s standing) Sources(context.Context) ([]store.SourceStatus, error) { return s.sources, s.err }
func (s standing) Backlog(context.Context) (store.Backlog, error)        { return s.backlog, s.err }

// measured is an Observer that knows the harbour's cards only.
type measured struct{ watcher }

func (*measured) Latency(id news.SourceID) (a, b bot.Percentiles, n int) {
	if id != "harbour" {
		return a, b, 0
	}
	return bot.Percentiles{12 * time.Second, 40 * time.Second, 3 * time.Minute}, bot.Percentiles{80 * time.Millisecond, time.Second, 2 * time.Second}, 9
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that now stands still
		now := time.Now()
		st := standing{
			sources: []store.SourceStatus{
				{Source: news.Source{ID: "harbour", Name: "Storm at the harbour"}, LastRead: now.Add(-20 * time.Second), Next: now.Add(10 * time.Second)},
				{Source: news.Source{ID: "new", Name: "New page"}},
				{Source: news.Source{ID: "gap", Name: "Market day"}, LastRead: now.Add(-3 * time.Minute), Next: now.Add(time.Minute), Ended: true,
					Gap: store.Gap{From: now.Add(-90 * time.Minute), To: now.Add(-30 * time.Minute)}},
				{Source: news.Source{ID: "slow", Name: "Town council"}, LastRead: now.Add(-3 * time.Hour), Next: now.Add(-150 * time.Minute)},
				{Source: news.Source{ID: "down", Name: "Cup final"}, LastRead: now.Add(-time.Hour), Next: now.Add(30 * time.Minute),
					Problem: "read cup.example:\n503\x1b[31m Service Unavailable"},
			},
			backlog: store.Backlog{Due: 2, Waiting: 1, Abandoned: 3, Oldest: now.Add(-4 * time.Minute)},
		}
		b, err := bot.New(bot.Options{Store: st, Fetcher: newWeb(), Observer: &measured{}})
		if err != nil {
			t.Fatal(err)
		}
		got := text(t, b, "/status")
		want := strings.Join([]string{
			"• Cup final – read 60 minutes ago; next in 30 min; last error: read cup.example: 503[31m Service Unavailable",
			"• Town council – read 3 hours ago; next reading overdue by 2 h",
			"• Market day – read 3 minutes ago; next in 60 s; ended; updates from 31 Dec 22:30 to 31 Dec 23:30 UTC may be missing",
			"• Storm at the harbour – read just now; next in 10 s; published to card 12 s / 40 s / 3 min (p50/p95/p99); seen to card 80 ms / 1 s / 2 s (p50/p95/p99)",
			"• New page – not read yet",
		}, "\n")
		if diff := cmp.Diff(want, got.Text); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		if want := "Deliveries: 2 due, 1 waiting, 3 abandoned. The oldest was promised 4 minutes ago."; got.Note != want {
			t.Errorf("note: %q", got.Note)
		}
		if got := text(t, b, "/status council"); !strings.HasPrefix(got.Text, "• Town council") || strings.Contains(got.Text, "\n") {
			t.Errorf("one source: %q", got.Text)
		}
		if got := text(t, b, "/status moon"); !strings.Contains(got.Text, "No source is called “moon”") {
			t.Errorf("no such source: %q", got.Text)
		}
	})
}

func TestStatusOfManyAndNone(t *testing.T) {
	st := standing{}
	for i := range 40 {
		st.sources = append(st.sources, store.SourceStatus{Source: news.Source{ID: news.SourceID(fmt.Sprint("s", i)), Name: fmt.Sprint("Source ", i)}})
	}
	st.sources[39].Problem = "no such host"
	for name, tc := range map[string]struct {
		st   standing
		want string
		note string
	}{
		"many": {st, "And 28 sources more, in less trouble.", "Everything is delivered."},
		"bad":  {st, "• Source 39 – not read yet; last error: no such host\n", "Everything is delivered."},
		"none": {standing{}, "No source is followed yet.", "Everything is delivered."},
	} {
		b, err := bot.New(bot.Options{Store: tc.st, Fetcher: newWeb()})
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, b, "/status"); !strings.Contains(got.Text, tc.want) || got.Note != tc.note {
			t.Errorf("%s: %q, %q", name, got.Text, got.Note)
		}
	}
	b, err := bot.New(bot.Options{Store: standing{err: errors.New("ledger is closed")}, Fetcher: newWeb()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Handle(t.Context(), chat.Command{Name: "status"}); err == nil {
		t.Error("a ledger that fails is no error")
	}
}
