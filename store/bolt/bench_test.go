package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

var start = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// sentence returns n words of a vocabulary as skewed as that of news: a few are
// everywhere.
func sentence(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		x := r.Float64()
		fmt.Fprintf(&b, "w%c%d ", 'a'+rune(r.IntN(26)), int(x*x*x*800))
	}
	return strings.TrimSpace(b.String())
}

func liveEntry(r *rand.Rand, source news.SourceID, i int) news.Entry {
	e := news.Entry{
		Ref: news.Ref{Source: source, Entry: news.EntryID(fmt.Sprintf("block-%08x", i))}, IDKind: news.IDExplicit,
		Headline: sentence(r, 8), Body: sentence(r, 120), URL: fmt.Sprintf("https://news.example/live#block-%08x", i),
		Published: start.Add(time.Duration(i) * time.Minute), FirstSeen: start.Add(time.Duration(i) * time.Minute),
		Changed: start, Revision: 1,
	}
	for range r.IntN(4) {
		e.Quotes = append(e.Quotes, news.Quote{
			Text: sentence(r, 18), Speaker: fmt.Sprintf("Person%d Name%d", r.IntN(50), r.IntN(60)), Role: "mayor", Kind: news.Direct, Confidence: news.High,
		})
	}
	return e
}

// benchLedger returns a ledger with entries of the sources in it, none of them
// promised to anybody.
func benchLedger(b *testing.B, path string, sources, entries int) *bolt.Store {
	b.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	ctx := b.Context()
	must(b, s.Sync(ctx, benchSources(sources), nil))
	r := rand.New(rand.NewPCG(1, 2))
	for done := 0; done < entries; {
		must(b, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, sources, time.Hour)
		must(b, err)
		for _, l := range leases {
			p := store.Poll{Title: "Live", Next: start.Add(time.Hour), Cursor: news.Cursor{ETag: `"1"`, Read: start}}
			for range min(500, max(entries/sources, 1), entries-done) {
				p.Changes = append(p.Changes, news.Change{Kind: news.Added, Entry: liveEntry(r, l.Source.ID, done), Quiet: true})
				done++
			}
			_, err := s.Record(ctx, l, p)
			must(b, err)
		}
	}
	return s
}

func benchSources(n int) (list []news.Source) {
	for i := range n {
		list = append(list, news.Source{ID: news.SourceID(fmt.Sprintf("source-%04d", i)), Name: "A source", URL: "https://news.example/live", Schedule: "@every 30s"})
	}
	return list
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecordUnchanged is the ledger's part of a poll that answers 304.
func BenchmarkRecordUnchanged(b *testing.B) {
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 1000, 1000)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		must(b, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1000, time.Hour)
		must(b, err)
		for _, l := range leases {
			must(b, s.Rest(ctx, l, store.Rest{Cursor: l.Cursor, Next: time.Now().Add(time.Hour)}))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/poll")
}

// BenchmarkKnown428 looks up the 428 entries of a long live page.
func BenchmarkKnown428(b *testing.B) {
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 1, 10_000)
	var ids []news.EntryID
	for i := range 428 {
		ids = append(ids, news.EntryID(fmt.Sprintf("block-%08x", 9000+i)))
	}
	from, to := start.Add(9000*time.Minute), start.Add(9427*time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		known, err := s.Known(b.Context(), "source-0000", ids, from, to)
		must(b, err)
		if len(known) != 428 {
			b.Fatal(len(known))
		}
	}
}

// BenchmarkOneNewOf428 is the ledger's part of a poll that finds one entry more
// on a page of 428: look up, and record for one channel.
func BenchmarkOneNewOf428(b *testing.B) {
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 1, 10_000)
	ctx := b.Context()
	must(b, s.Sync(ctx, benchSources(1), []store.Subscription{{Source: "source-0000", Channel: chat.Channel{Adapter: "x", ID: "c"}}}))
	r := rand.New(rand.NewPCG(3, 4))
	var ids []news.EntryID
	for i := range 428 {
		ids = append(ids, news.EntryID(fmt.Sprintf("block-%08x", 9000+i)))
	}
	n := 10_000
	b.ReportAllocs()
	for b.Loop() {
		must(b, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1, time.Hour)
		must(b, err)
		_, err = s.Known(ctx, "source-0000", ids, time.Time{}, time.Time{})
		must(b, err)
		n++
		_, err = s.Record(ctx, leases[0], store.Poll{Next: time.Now().Add(time.Hour), Changes: []news.Change{{Kind: news.Added, Entry: liveEntry(r, "source-0000", n)}}})
		must(b, err)
	}
}

// BenchmarkBeginSettle delivers 5,000 cards to 1,000 channels at a time, both
// commits of a delivery included.
func BenchmarkBeginSettle(b *testing.B) {
	for _, workers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchDeliver(b, workers) })
	}
}

func benchDeliver(b *testing.B, workers int) {
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 1, 1000)
	ctx := b.Context()
	const channels = 1000
	var subs []store.Subscription
	for i := range channels {
		subs = append(subs, store.Subscription{Source: "source-0000", Channel: chat.Channel{Adapter: "x", ID: fmt.Sprintf("C%08d", i)}})
	}
	must(b, s.Sync(ctx, benchSources(1), subs))
	r := rand.New(rand.NewPCG(5, 6))
	n, left := 1000, 0
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		if left == 0 {
			b.StopTimer()
			must(b, s.Hurry(ctx))
			leases, err := s.ClaimDue(ctx, 1, time.Hour)
			must(b, err)
			p := store.Poll{Next: time.Now().Add(time.Hour)}
			for range 5 {
				n++
				p.Changes = append(p.Changes, news.Change{Kind: news.Added, Entry: liveEntry(r, "source-0000", n)})
			}
			_, err = s.Record(ctx, leases[0], p)
			must(b, err)
			left = 5 * channels
			b.StartTimer()
		}
		deliverAll(ctx, b, s, workers)
		done, left = done+left, 0
		if done >= b.N {
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/delivery")
		}
	}
}

func deliverAll(ctx context.Context, b *testing.B, s store.Store, workers int) {
	var crew sync.WaitGroup
	for range workers {
		crew.Go(func() {
			for {
				lanes, _, err := s.ClaimLanes(ctx, []string{"x"}, 1, time.Hour)
				if err != nil || len(lanes) == 0 {
					return
				}
				for {
					w, ok, err := s.Begin(ctx, lanes[0])
					if err != nil {
						b.Error(err)
					}
					if !ok {
						break
					}
					if err := s.Settle(ctx, lanes[0], w.Delivery.ID, store.Receipt{Message: "1709294400.000100", Revision: 1, Sent: start}); err != nil {
						b.Error(err)
					}
				}
				if err := s.Release(ctx, lanes[0], time.Time{}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	crew.Wait()
}

func BenchmarkOpen10000(b *testing.B) {
	path := filepath.Join(b.TempDir(), "b.db")
	must(b, benchLedger(b, path, 100, 10_000).Close())
	for b.Loop() {
		s, err := bolt.Open(path, bolt.Options{})
		must(b, err)
		must(b, s.Close())
	}
}

// BenchmarkQueries asks a ledger of 100,000 entries and about 150,000 quotes.
func BenchmarkQueries(b *testing.B) {
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 20, 100_000)
	ctx := b.Context()
	for _, q := range []struct {
		name  string
		query store.Query
	}{
		{"newest", store.Query{}},
		{"offset=1000", store.Query{Offset: 1000}},
		{"source", store.Query{Sources: []news.SourceID{"source-0003"}}},
	} {
		b.Run("Latest/"+q.name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := s.Latest(ctx, q.query)
				must(b, err)
			}
		})
	}
	for _, q := range []struct{ name, words string }{
		{"all", ""}, {"frequent", "wa0"}, {"rare", "wq799"}, {"two", "wa0 wb1"}, {"two-rare", "wq799 wb650"},
		{"speaker", "person7 name8"}, {"letter", "w"}, {"letter-and-rare", "w wq799"}, {"none", "wa0 wa0x"},
	} {
		b.Run("Quotes/"+q.name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := s.Quotes(ctx, store.Query{Words: q.words})
				must(b, err)
			}
		})
	}
	b.Run("Speakers/prefix", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Speakers(ctx, "name59", 25)
			must(b, err)
		}
	})
	b.Run("Entry", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Entry(ctx, news.Ref{Source: "source-0003", Entry: "block-00000600"})
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFanOut takes one entry to 10,000 channels: the saved attempt and the
// receipt of each, in as many commits as the workers' number asks for.
func BenchmarkFanOut(b *testing.B) {
	for _, workers := range []int{64, 256} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchFanOut(b, workers) })
	}
}

func benchFanOut(b *testing.B, workers int) {
	const channels = 10_000
	s := benchLedger(b, filepath.Join(b.TempDir(), "b.db"), 1, 1000)
	ctx := b.Context()
	var subs []store.Subscription
	for i := range channels {
		subs = append(subs, store.Subscription{Source: "source-0000", Channel: chat.Channel{Adapter: "x", ID: fmt.Sprintf("C%08d", i)}})
	}
	must(b, s.Sync(ctx, benchSources(1), subs))
	r := rand.New(rand.NewPCG(7, 8))
	n := 1000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		must(b, s.Hurry(ctx))
		leases, err := s.ClaimDue(ctx, 1, time.Hour)
		must(b, err)
		n++
		_, err = s.Record(ctx, leases[0], store.Poll{
			Next: time.Now().Add(time.Hour), Changes: []news.Change{{Kind: news.Added, Entry: liveEntry(r, "source-0000", n)}},
		})
		must(b, err)
		b.StartTimer()
		deliverAll(ctx, b, s, workers)
	}
	left, err := s.Backlog(ctx)
	must(b, err)
	if left.Due+left.Waiting > 0 {
		b.Errorf("%d deliveries are left", left.Due+left.Waiting)
	}
	b.ReportMetric(float64(channels*b.N)/b.Elapsed().Seconds(), "deliveries/s")
}
