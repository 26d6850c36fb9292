package bolt

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// chorus fills a ledger with n entries in each of two sources, each with a quote
// of somebody. Every hundredth quotes Odile Fenn of a lighthouse, ten in all.
func chorus(t *testing.T, n int) *Store {
	t.Helper()
	s := mustOpen(t, filepath.Join(t.TempDir(), "chorus.db"))
	ctx := t.Context()
	check(t, s.Sync(ctx, []news.Source{harbour, {ID: "council", Name: "Council", URL: "https://news.example/council", Schedule: "@every 1h"}}, nil))
	leases, err := s.ClaimDue(ctx, 2, time.Hour)
	check(t, err)
	for _, l := range leases {
		var p store.Poll
		for i := range n {
			e := news.Entry{
				Ref: news.Ref{Entry: news.EntryID(fmt.Sprint("e", i))}, Published: time.Date(2024, 3, 1, 0, i, 0, 0, time.UTC), FirstSeen: time.Now(),
				Quotes: []news.Quote{{Text: fmt.Sprintf("The water rose %d inches at the bridge", i), Speaker: fmt.Sprintf("Speaker%d Marsh", i%40), Role: "clerk"}},
			}
			if l.Source.ID == harbour.ID && i%(n/10) == 0 {
				e.Quotes = []news.Quote{{Text: fmt.Sprintf("The lighthouse is lit for the %d time", i), Speaker: "Odile Fenn", Role: "keeper"}}
			}
			p.Changes = append(p.Changes, news.Change{Kind: news.Added, Entry: e})
		}
		_, err = s.Record(ctx, l, p)
		check(t, err)
	}
	return s
}

// TestQuotesByIndex checks that a search for quotes looks at about as much in a
// ledger ten times as large: at what fits, not at what is there.
func TestQuotesByIndex(t *testing.T) {
	small, large := chorus(t, 300), chorus(t, 3000)
	for _, tt := range []struct {
		name string
		q    store.Query
		want int
	}{
		{"speaker", store.Query{Speaker: "odile fenn"}, 10},
		{"half a speaker", store.Query{Speaker: "odi"}, 10},
		{"words", store.Query{Words: "lighthouse"}, 10},
		{"words that are everywhere and one that is not", store.Query{Words: "the lighthouse"}, 10},
		{"words and speaker", store.Query{Words: "lighthouse", Speaker: "fenn"}, 10},
		{"in a source", store.Query{Words: "lighthouse", Sources: []news.SourceID{"harbour"}}, 10},
		{"in the other source", store.Query{Words: "lighthouse", Sources: []news.SourceID{"council"}}, 0},
		{"nobody", store.Query{Speaker: "nobody"}, 0},
		{"words that are everywhere", store.Query{Words: "bridge", Limit: 10}, 10},
		{"the newest", store.Query{Limit: 10}, 10},
	} {
		tt.q.AsOf = time.Now().Add(time.Hour)
		if tt.q.Limit == 0 {
			tt.q.Limit = 20
		}
		few, n := visits(t, small, tt.q)
		many, m := visits(t, large, tt.q)
		if n != tt.want || m != tt.want {
			t.Errorf("%s: %d and %d quotes, want %d", tt.name, n, m, tt.want)
		}
		if many > few+few/4+5 || many > 120 {
			t.Errorf("%s: %d looks among 600 entries, %d among 6,000", tt.name, few, many)
		}
	}
}

// visits returns how much a search looks at, and what it finds.
func visits(t *testing.T, s *Store, q store.Query) (visited, found int) {
	t.Helper()
	f := finder{page: newPage(q), sources: map[string]bool{}}
	for _, id := range q.Sources {
		f.sources[string(sourceKey(id))] = true
	}
	check(t, s.view(t.Context(), func(x *txn) error {
		err := f.find(t.Context(), x, q.Words, q.Speaker)
		visited = x.visited
		return err
	}))
	return visited, len(f.hits)
}
