package bot_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/postgres"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

// The plan of docs/scale.md.
const (
	scaleSources    = 100_000
	scaleServers    = 50_000 // on Discord, a channel each
	scaleWorkspaces = 5_000  // on Slack, an adapter and a channel each
	scaleTime       = 4      // times as fast as the platforms' limits run
	scaleReplicas   = 2
	scaleEvery      = 10 * time.Minute // mean time between two readings of a quiet source
)

// BenchmarkScale takes one breaking entry to 50,000 Discord channels and 5,000
// Slack workspaces, by two replicas that follow 100,000 sources on one
// PostgreSQL. Discord's limit of 50 requests a second for a bot is kept over
// both replicas, and its time runs four times as fast. One run takes some five
// minutes and is measured once:
//
//	go test -run xxx -bench Scale -benchtime 1x -timeout 30m ./bot
//
//	of-floor     time to the last message, as a share of what the limits allow
//	busiest-second  requests in the busiest of Discord's seconds, a quarter of ours
//	slack-s      until the last workspace had it
//	polls/s      readings of the other sources meanwhile, all replicas together
//	rows-s       to make the ledger of 100,000 sources
func BenchmarkScale(b *testing.B) {
	server := pgtest.New(b, "shared_buffers=512MB")
	for b.Loop() {
		scaleOnce(b, server)
	}
}

// A guild is the Discord bot of one replica. It keeps to its share of the bot's
// limit, which the platform checks.
type guild struct {
	platform *scalePlatform
	mu       sync.Mutex
	limit    *rate.Limiter
}

func (g *guild) Name() string { return "discord" }

func (g *guild) Share(s chat.Share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = rate.NewLimiter(rate.Limit(s.Cut(50)*scaleTime), 2)
}

func (g *guild) Pace(chat.Channel) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	r := g.limit.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

func (g *guild) Send(_ context.Context, p chat.Post) (chat.MessageID, error) {
	return g.platform.took(p, true), nil
}

func (g *guild) Edit(context.Context, chat.Channel, chat.MessageID, chat.Card) error { return nil }
func (g *guild) Delete(context.Context, chat.Channel, chat.MessageID) error          { return nil }
func (g *guild) Check(context.Context, chat.Channel) error                           { return nil }

func (g *guild) Serve(ctx context.Context, _ []chat.CommandSpec, _ chat.Handler) error {
	<-ctx.Done()
	return nil
}

// A workspace is a Slack app in one workspace: one message is within every limit.
type workspace struct {
	guild
	name string
}

func (w *workspace) Name() string                    { return w.name }
func (w *workspace) Share(chat.Share)                {}
func (w *workspace) Pace(chat.Channel) time.Duration { return 0 }
func (w *workspace) Send(_ context.Context, p chat.Post) (chat.MessageID, error) {
	return w.platform.took(p, false), nil
}

// A scalePlatform counts what arrives.
type scalePlatform struct {
	mu      sync.Mutex
	seen    map[chat.Channel]int
	discord []time.Time
	slack   []time.Time
	all     chan struct{} // closed with the last
}

func (p *scalePlatform) took(post chat.Post, discord bool) chat.MessageID {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[post.Channel]++
	if discord {
		p.discord = append(p.discord, time.Now())
	} else {
		p.slack = append(p.slack, time.Now())
	}
	if len(p.seen) == scaleServers+scaleWorkspaces && p.seen[post.Channel] == 1 {
		close(p.all)
	}
	return chat.MessageID(fmt.Sprint(len(p.discord) + len(p.slack)))
}

// A scaleSite has nothing new but on one page, when it is told to publish.
type scaleSite struct {
	published atomic.Bool
	seen      atomic.Int64 // when the entry was first read
	polls     atomic.Int64
}

func (s *scaleSite) Fetch(_ context.Context, src news.Source, _ news.Cursor) (news.Snapshot, error) {
	s.polls.Add(1)
	snap := news.Snapshot{Title: src.Name, Cursor: news.Cursor{ETag: "1", Read: time.Now()}}
	if src.ID != "breaking" {
		snap.Unchanged = true
		return snap, nil
	}
	entries := 1
	if s.published.Load() {
		s.seen.CompareAndSwap(0, time.Now().UnixNano())
		entries = 2
	}
	for i := range entries {
		snap.Entries = append(snap.Entries, news.Entry{
			Ref: news.Ref{Source: src.ID, Entry: news.EntryID(fmt.Sprint("e", i))}, IDKind: news.IDExplicit,
			Headline: fmt.Sprintf("The harbour is shut, part %d", i), Published: time.Now(),
		})
	}
	return snap, nil
}

func (s *scaleSite) More(context.Context, news.Source, string) (news.Snapshot, error) {
	return news.Snapshot{}, nil
}

func (s *scaleSite) Read(context.Context, news.Source, string, []byte) (news.Snapshot, error) {
	return news.Snapshot{}, nil
}

func scaleOnce(b *testing.B, server *pgtest.Server) {
	dsn := server.Database(b)
	site := &scaleSite{}
	platform := &scalePlatform{seen: make(map[chat.Channel]int), all: make(chan struct{})}
	sources := []news.Source{{ID: "breaking", Name: "Harbour", URL: "https://news.example/harbour", Schedule: "@every 1s", Breaking: true}}
	for i := range scaleSources - 1 {
		sources = append(sources, news.Source{
			ID: news.SourceID(fmt.Sprintf("s%06d", i)), Name: "Pier", URL: fmt.Sprint("https://news.example/", i), Schedule: "@every 10m", Slowest: time.Hour,
		})
	}
	var subs []store.Subscription
	for i := range scaleServers {
		subs = append(subs, store.Subscription{Source: "breaking", Channel: chat.Channel{Adapter: "discord", ID: fmt.Sprint("c", i)}})
	}
	for i := range scaleWorkspaces {
		subs = append(subs, store.Subscription{Source: "breaking", Channel: chat.Channel{Adapter: fmt.Sprintf("w%04d", i), ID: "C1"}})
	}
	began := time.Now()
	first := openShared(b, dsn)
	if err := first.Sync(b.Context(), sources, subs); err != nil {
		b.Fatal(err)
	}
	// Each source but one is due at some moment of the next minutes, as in a bot
	// that runs for long.
	server.Exec(b, dsn, fmt.Sprintf(`UPDATE source SET due = clock_timestamp() + random() * interval '%d seconds' WHERE id <> 'breaking'`,
		int(scaleEvery.Seconds())))
	server.Exec(b, dsn, `VACUUM ANALYZE`)
	b.ReportMetric(time.Since(began).Seconds(), "rows-s")

	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for i := range scaleReplicas {
		st := first
		if i > 0 {
			st = openShared(b, dsn)
		}
		g := &guild{platform: platform}
		g.Share(chat.Share{Of: scaleReplicas})
		adapters := []chat.Adapter{g}
		for n := range scaleWorkspaces {
			adapters = append(adapters, &workspace{name: fmt.Sprintf("w%04d", n), guild: guild{platform: platform}})
		}
		bt, err := bot.New(bot.Options{
			Store: st, Fetcher: site, Adapters: adapters, Sources: sources, Subscriptions: subs, Replica: fmt.Sprint("replica-", i),
			Lanes: 64 * len(adapters), Polls: 16,
		})
		if err != nil {
			b.Fatal(err)
		}
		running.Go(func() {
			if err := bt.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for site.polls.Load() < 2000 { // they are under way
		<-tick.C
	}
	before := site.polls.Load()
	site.published.Store(true)
	published := time.Now()
	select {
	case <-platform.all:
	case <-time.After(20 * time.Minute):
		b.Errorf("%d of %d after 20 minutes", len(platform.seen), scaleServers+scaleWorkspaces)
	}
	took := time.Since(published)
	polls := site.polls.Load() - before
	cancel()
	running.Wait()

	platform.mu.Lock()
	defer platform.mu.Unlock()
	for ch, n := range platform.seen {
		if n > 1 {
			b.Errorf("%s has it %d times", ch, n)
		}
	}
	// A request comes some milliseconds after it was allowed, which in scaled time
	// is much: the limit is held over ten of the platform's seconds.
	if n := busiest(platform.discord, 10*time.Second/scaleTime); n > 10*50*21/20 {
		b.Errorf("%d requests to Discord within ten of its seconds", n)
	}
	b.ReportMetric(float64(busiest(platform.discord, time.Second/scaleTime)), "busiest-second")
	seen := time.Unix(0, site.seen.Load())
	floor := time.Duration(scaleServers-50) * time.Second / (50 * scaleTime)
	last := func(times []time.Time) time.Duration { return slices.MaxFunc(times, time.Time.Compare).Sub(seen) }
	b.ReportMetric(float64(last(platform.discord))/float64(floor), "of-floor")
	b.ReportMetric(last(platform.slack).Seconds(), "slack-s")
	b.ReportMetric(slices.MinFunc(platform.discord, time.Time.Compare).Sub(seen).Seconds(), "first-s")
	b.ReportMetric(float64(polls)/took.Seconds(), "polls/s")
}

// busiest returns how many requests came within the busiest stretch of time.
func busiest(times []time.Time, stretch time.Duration) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	from := 0
	for i, t := range times {
		for t.Sub(times[from]) >= stretch {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func openShared(b *testing.B, dsn string) *postgres.Store {
	st, err := postgres.Open(b.Context(), dsn, postgres.Options{Conns: 32})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return st
}
