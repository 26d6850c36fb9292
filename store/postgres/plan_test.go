package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// TestQuotesByIndex checks that the database finds quotes by its indexes.
func TestQuotesByIndex(t *testing.T) {
	ctx := t.Context()
	s := replicas(t, 1)[0]
	check(t, s.Sync(ctx, []news.Source{{ID: "harbour", URL: "https://news.example/harbour", Schedule: "@every 1m"}}, nil))
	leases, err := s.ClaimDue(ctx, 1, time.Hour)
	check(t, err)
	const many = 12000
	var p store.Poll
	for i := range many {
		e := news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprint("e", i))}, Published: time.Date(2024, 3, 1, 0, i, 0, 0, time.UTC), FirstSeen: time.Now(), Revision: 1,
			Quotes: []news.Quote{{Text: fmt.Sprintf("The water rose %d inches at the bridge", i), Speaker: fmt.Sprintf("Speaker%d Marsh", i%40), Role: "clerk"}},
		}
		if i%(many/10) == 0 {
			e.Quotes = []news.Quote{{Text: fmt.Sprintf("The lighthouse is lit for the %d time", i), Speaker: "Odile Fenn", Role: "keeper"}}
		}
		p.Changes = append(p.Changes, news.Change{Kind: news.Added, Entry: e})
	}
	_, err = s.Record(ctx, leases[0], p)
	check(t, err)
	_, err = s.pool.Exec(ctx, "ANALYZE")
	check(t, err)
	for _, tt := range []struct {
		name, index string
		q           store.Query
	}{
		{"speaker", "quote_who", store.Query{Speaker: "odile fenn"}},
		{"words", "quote_words", store.Query{Words: "lighthouse"}},
		{"words and speaker", "quote_w", store.Query{Words: "lighthouse", Speaker: "fenn"}},
		{"words that are everywhere and one that is not", "quote_words", store.Query{Words: "bridge water odile"}},
		{"words that are everywhere", "quote_at", store.Query{Words: "bridge"}},
		{"the newest", "quote_at", store.Query{}},
	} {
		pg := newPage(tt.q)
		var lines []string
		check(t, s.view(ctx, func(x *txn) error {
			words, who := prefixes(tt.q.Words), prefixes(tt.q.Speaker)
			check(t, x.planSearch(words, who))
			rows, err := x.Query(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+selectQuotes,
				pg.sources, pg.since, pg.asOf, pg.offset, pg.limit+1, words, who)
			check(t, err)
			lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		}))
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, tt.index) || strings.Contains(plan, "Seq Scan on quote") || strings.Contains(plan, "Seq Scan on entry") {
			t.Errorf("%s:\n%s", tt.name, plan)
		}
	}
}
