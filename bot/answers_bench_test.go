package bot_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// What BenchmarkAnswers asks among.
const (
	answerSources  = 40
	answerEntries  = 100_000
	answerChannels = 25 // of each source: 1,000 subscriptions
)

// archive is a ledger of a year of news, made once in a run.
type archive struct {
	once sync.Once
	path string
	err  error
}

var answers archive

// fill makes the ledger: most entries quote one of a few hundred people, in
// words that few, some or most of them share.
func (a *archive) fill(b *testing.B) string {
	b.Helper()
	a.once.Do(func() {
		a.path = filepath.Join(b.TempDir(), "archive.db")
		var st *bolt.Store
		if st, a.err = bolt.Open(a.path, bolt.Options{}); a.err != nil {
			return
		}
		defer st.Close()
		sources, subs := answerFollows()
		if a.err = st.Sync(b.Context(), sources, subs); a.err != nil {
			return
		}
		const batch = 500
		for n := 0; n < answerEntries && a.err == nil; n += batch {
			var l store.Lease
			if l, a.err = st.Claim(b.Context(), sources[n/batch%answerSources].ID, time.Minute); a.err != nil {
				return
			}
			p := store.Poll{Title: "Harbour", Next: time.Now().Add(time.Hour)}
			for i := range batch {
				p.Changes = append(p.Changes, news.Change{Kind: news.Added, Quiet: true, Entry: answerEntry(n + i)})
			}
			_, a.err = st.Record(b.Context(), l, p)
		}
	})
	if a.err != nil {
		b.Fatal(a.err)
	}
	return a.path
}

func answerFollows() (sources []news.Source, subs []store.Subscription) {
	for i := range answerSources {
		id := news.SourceID(fmt.Sprintf("pier-%02d", i))
		sources = append(sources, news.Source{ID: id, Name: fmt.Sprintf("Pier %d live", i), URL: fmt.Sprintf("https://news.example/pier/%d", i), Schedule: "@every 1h"})
		for j := range answerChannels {
			subs = append(subs, store.Subscription{Source: id, Channel: chat.Channel{Adapter: "crowd", ID: fmt.Sprintf("c%d", j)}})
		}
	}
	return sources, subs
}

var (
	answerFirst = strings.Fields("Una Ned Ada Tom Jonah Mira Piet Olu Rosa Ines Karl Bea Juno Otto Vera Hugo")
	answerLast  = strings.Fields("Marsh Shaw Finch Ferris Pike Quay Holm Reed Stone Birch Vale Ford Lake Thorn Wren Moss Dale Fenn Hart Penn")
	answerWords = strings.Fields("tide gate quay storm lorry ferry crane pilot mast rope buoy lamp fog dock chart sail wharf anchor signal engine")
)

func answerEntry(n int) news.Entry {
	at := time.Now().Add(-time.Duration(answerEntries-n) * 5 * time.Minute).UTC().Truncate(time.Second)
	e := news.Entry{
		Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("e%06d", n))}, IDKind: news.IDExplicit, Revision: 1, Published: at, FirstSeen: at,
		Headline: fmt.Sprintf("The %s at pier %d, part %d", answerWords[n%len(answerWords)], n%answerSources, n),
		Body:     "The harbour office says that more will follow before the evening tide.", URL: fmt.Sprintf("https://news.example/e/%d", n),
	}
	if n%5 != 3 {
		e.Quotes = []news.Quote{{
			Text:    fmt.Sprintf("The %s and the %s were checked, says note %d", answerWords[n*7%len(answerWords)], answerWords[n*13%len(answerWords)], n),
			Speaker: answerFirst[n*11%len(answerFirst)] + " " + answerLast[n*17%len(answerLast)], Role: "harbour master", Kind: news.Direct, Confidence: news.High,
		}}
	}
	return e
}

// BenchmarkAnswers asks a bot with 100,000 entries and 1,000 subscriptions
// while it delivers a burst: how long our part of an answer takes. The platform
// gives us 3 s.
func BenchmarkAnswers(b *testing.B) {
	st, err := bolt.Open(answers.fill(b), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	sources, subs := answerFollows()
	var wants []desk.Want
	for _, s := range subs {
		wants = append(wants, desk.Want{Subscription: s})
	}
	d, err := desk.New(b.Context(), st, desk.File{Sources: sources, Wants: wants})
	if err != nil {
		b.Fatal(err)
	}
	bt, err := bot.New(bot.Options{
		Store: st, Fetcher: &changingPage{}, Adapters: []chat.Adapter{&crowd{arrived: func(chat.Post) {}}}, Desk: d, PerMinute: -1, CatchUp: -1,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = bt.Run(ctx) })
	defer running.Wait()
	defer stop()
	running.Go(func() { pour(ctx, b, st, sources) })

	user := 0
	for _, q := range []struct {
		name  string
		items int // of the answer, at least; −1 = choices
		cmd   chat.Command
	}{
		{"latest", 1, chat.Command{Name: "latest"}},
		{"latest-source", 10, chat.Command{Name: "latest", Options: map[string]string{"source": "pier-07", "count": "10"}}},
		{"quotes-speaker", 1, chat.Command{Name: "quotes", Options: map[string]string{"speaker": "una marsh"}}},
		{"quotes-words-rare", 1, chat.Command{Name: "quotes", Options: map[string]string{"words": "note 77777"}}},
		{"quotes-words-common", 1, chat.Command{Name: "quotes", Options: map[string]string{"words": "checked note"}}},
		{"quotes-since", 1, chat.Command{Name: "quotes", Options: map[string]string{"speaker": "una", "since": "30d"}}},
		{"quotes-none", 0, chat.Command{Name: "quotes", Options: map[string]string{"words": "submarine"}}},
		{"summary", 1, chat.Command{Name: "summary"}},
		{"summary-source", 1, chat.Command{Name: "summary", Options: map[string]string{"source": "pier-07", "since": "7d"}}},
		{"sources", 0, chat.Command{Name: "sources"}},
		{"status", 0, chat.Command{Name: "status"}},
		{"why", 0, chat.Command{Name: "why", Options: map[string]string{"link": "https://news.example/e/99990"}}},
		{"alerts", 0, chat.Command{Name: "alerts"}},
		{"help", 0, chat.Command{Name: "help"}},
		{"filter-test", 0, chat.Command{Name: "filter", Admin: true, Options: map[string]string{"source": "pier-07", "test": "has:quote -fog"}}},
		{"suggest-speaker", -1, chat.Command{Kind: chat.Suggest, Name: "quotes", Focus: "speaker", Options: map[string]string{"speaker": "mar"}}},
		{"suggest-source", -1, chat.Command{Kind: chat.Suggest, Name: "latest", Focus: "source", Options: map[string]string{"source": "pier-1"}}},
	} {
		b.Run(q.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				user++
				cmd := q.cmd
				cmd.Adapter, cmd.Channel, cmd.User = "crowd", chat.Channel{Adapter: "crowd", ID: "c3"}, fmt.Sprint("u", user)
				cmd.Tenant = fmt.Sprint("t", user%100)
				cmd.Private = chat.Channel{Adapter: "crowd", ID: "@" + cmd.User}
				began := time.Now()
				r, err := bt.Handle(b.Context(), cmd)
				took = append(took, time.Since(began))
				if err != nil || len(r.Items) < q.items || q.items < 0 && len(r.Choices) == 0 || q.items == 0 && r.Title+r.Text+r.Note == "" {
					b.Fatalf("%+v, %v", r, err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "ms-p50")
			b.ReportMetric(float64(took[len(took)*99/100])/1e6, "ms-p99")
		})
	}
}

// pour records new entries, each for 25 channels, as fast as they are recorded.
func pour(ctx context.Context, b *testing.B, st store.Store, sources []news.Source) {
	for n := answerEntries; ctx.Err() == nil; n++ {
		l, err := st.Claim(ctx, sources[n%len(sources)].ID, time.Minute)
		if err != nil {
			continue // the bot reads it
		}
		e := answerEntry(n)
		e.Published, e.FirstSeen = time.Now().UTC(), time.Time{}
		_, err = st.Record(ctx, l, store.Poll{Title: "Harbour", Next: time.Now().Add(time.Hour), Changes: []news.Change{{Kind: news.Added, Entry: e}}})
		if err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
	}
}
