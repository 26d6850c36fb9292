package bot_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// siteVariable makes the test binary serve the benchmark's site instead of
// running tests, so that its work is not counted as ours.
const siteVariable = "PULLQUOTE_BENCH_SITE"

func TestMain(m *testing.M) {
	if os.Getenv(siteVariable) != "" {
		serveSite()
		return
	}
	os.Exit(m.Run())
}

const (
	feedCount   = 1000
	feedEntries = 50
	roomCount   = 50 // channels the feeds are spread over
)

// A feedSite serves feeds and takes cards, in a process of its own: /feed/N
// with an ETag, POST /card/N, and /next, which adds one entry to every feed
// and answers with the times from a feed's answer to its card, in ms. /reads is
// how many feeds were read.
type feedSite struct {
	mu     sync.Mutex
	extra  int
	reads  int
	served map[string]time.Time
	took   []float64
}

func serveSite() {
	s := &feedSite{served: map[string]time.Time{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() { // the parent's end is ours
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	panic(http.Serve(l, s))
}

func (s *feedSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, n, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch kind {
	case "feed":
		s.reads++
		tag := fmt.Sprintf(`"%d"`, s.extra)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		s.served[n] = time.Now()
		io.WriteString(w, feedXML(n, feedEntries+s.extra))
	case "card":
		if at, ok := s.served[n]; ok {
			s.took = append(s.took, float64(time.Since(at))/1e6)
		}
	case "reads":
		json.NewEncoder(w).Encode(s.reads)
	case "next":
		json.NewEncoder(w).Encode(s.took)
		s.took = nil
		s.extra++
	}
}

// feedXML is an RSS feed of its newest 50 entries: 17 KB if they are short, 23
// KB if they hold quotes.
func feedXML(name string, entries int) string {
	text := "Tide reading %d at the old pier; the next reading is due in an hour."
	if os.Getenv(siteVariable) == "quotes" {
		text = "&lt;p&gt;“We measured a tide of %d centimetres at the old pier this morning,” said Una Marsh, the harbour master. " +
			"The next reading is due in an hour.&lt;/p&gt;"
	}
	var sb strings.Builder
	fmt.Fprintf(&sb, `<?xml version="1.0"?><rss version="2.0"><channel><title>Feed %s</title><link>https://news.example/%s</link><description>d</description>`, name, name)
	for i := entries; i > entries-feedEntries; i-- {
		fmt.Fprintf(&sb, `<item><guid isPermaLink="false">%s-%d</guid><title>Tide reading %d at pier %s</title><link>https://news.example/%s/%d</link><pubDate>%s</pubDate><description>`,
			name, i, i, name, name, i, time.Unix(1700000000+int64(i)*60, 0).UTC().Format(time.RFC1123Z))
		fmt.Fprintf(&sb, text, i)
		sb.WriteString("</description></item>")
	}
	sb.WriteString("</channel></rss>")
	return sb.String()
}

func startSite(tb testing.TB, kind string) string {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), siteVariable+"="+kind)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return "http://" + strings.TrimSpace(line)
}

// poster is an adapter that posts each card to the site.
type poster struct {
	platform
	site   string
	client *http.Client
	sent   atomic.Int64
}

func (p *poster) Send(ctx context.Context, post chat.Post) (chat.MessageID, error) {
	body, err := json.Marshal(post.Card)
	if err != nil {
		return "", err
	}
	feed := strings.Fields(post.Card.Source)[1]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.site+"/card/"+feed, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := p.client.Do(req)
	if err != nil {
		return "", &chat.SendError{Reason: chat.Unknown, Err: err}
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return chat.MessageID(fmt.Sprint(p.sent.Add(1))), nil
}

func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkThousandFeeds is the workload that docs/performance.md compares
// with others: a thousand feeds of fifty entries, read at once, with nothing
// new and with one new entry in each.
//
// The feeds come in two kinds: "short" has a sentence of plain text in each
// entry, "quotes" has HTML with a quotation.
func BenchmarkThousandFeeds(b *testing.B) {
	for _, kind := range []string{"short", "quotes"} {
		b.Run(kind, func(b *testing.B) { benchmarkFeeds(b, kind) })
	}
}

func benchmarkFeeds(b *testing.B, kind string) {
	site := startSite(b, kind)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	p := &poster{platform: platform{name: "sink"}, site: site, client: client}
	o := bot.Options{Adapters: []chat.Adapter{p}, Lanes: roomCount}
	for i := range feedCount {
		id := news.SourceID(fmt.Sprintf("f%d", i))
		o.Sources = append(o.Sources, news.Source{ID: id, Name: fmt.Sprintf("Feed %d", i),
			URL: fmt.Sprintf("%s/feed/%d", site, i), Schedule: "@every 1h", Private: true, MaxAge: 100 * 365 * 24 * time.Hour})
		o.Subscriptions = append(o.Subscriptions, store.Subscription{Source: id, Channel: chat.Channel{Adapter: "sink", ID: fmt.Sprintf("c%d", i%roomCount)}})
	}
	st, err := bolt.Open(b.TempDir()+"/bench.db", bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	f := fetch.New(fetch.Options{UserAgent: "bench", PerHost: 16})
	defer f.Close()
	o.Store, o.Fetcher = st, f
	bt, err := bot.New(o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := bt.Once(b.Context(), 0); err != nil { // first sight: nothing is posted
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- bt.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	ask := func(path string, v any) {
		b.Helper()
		res, err := client.Get(site + path)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(v); err != nil {
			b.Fatal(err)
		}
	}
	// round makes every feed due and returns the CPU time it took until all
	// were read and as many cards as wanted had arrived.
	round := func(want int64) time.Duration {
		b.Helper()
		var reads, got int
		ask("/reads", &reads)
		start, began, before := cpu(b), time.Now(), p.sent.Load()
		if err := st.Hurry(ctx); err != nil {
			b.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for got < reads+feedCount || p.sent.Load()-before < want || !allRead(b, st, began) {
			select {
			case <-tick.C:
				ask("/reads", &got)
			case err := <-ended:
				b.Fatal(err)
			}
		}
		return cpu(b) - start
	}
	next := func() (took []float64) {
		b.Helper()
		ask("/next", &took)
		return took
	}
	round(0)
	first := rss(b, "VmHWM")
	var idle, changed time.Duration
	for b.Loop() {
		idle += round(0)
		next()
		changed += round(feedCount)
	}
	took := next()
	slices.Sort(took)
	if len(took) == 0 {
		b.Fatal("no card arrived")
	}
	b.ReportMetric(idle.Seconds()/float64(b.N), "idle-cpu-s")
	b.ReportMetric(changed.Seconds()/float64(b.N), "changed-cpu-s")
	b.ReportMetric(took[len(took)/2], "p50-ms")
	b.ReportMetric(took[len(took)*95/100], "p95-ms")
	b.ReportMetric(first, "first-sight-MB")
	b.ReportMetric(rss(b, "RssAnon"), "anon-MB")
	b.ReportMetric(rss(b, "RssFile"), "file-MB")
	b.ReportMetric(0, "ns/op")
}

// allRead reports whether every source was read after t.
func allRead(tb testing.TB, st store.Store, t time.Time) bool {
	tb.Helper()
	list, err := st.Sources(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return !slices.ContainsFunc(list, func(s store.SourceStatus) bool { return s.LastRead.Before(t) })
}

// rss returns a line of the process's memory accounts in MB; 0 where there are
// none. RssFile is the ledger's pages, which the system takes back at need.
func rss(tb testing.TB, name string) float64 {
	tb.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // not Linux
	}
	for line := range strings.Lines(string(status)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, name+": %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

// livePage is a page of n entries, about 850 KB for 428, the newest last in
// the argument's place.
func livePage(n int) []byte {
	var updates []map[string]any
	for i := n; i > 0; i-- {
		updates = append(updates, map[string]any{
			"@type": "BlogPosting", "@id": fmt.Sprintf("#%d", 751000+i*7), "headline": fmt.Sprintf("Tide reading number %d", i),
			"articleBody": fmt.Sprintf("“We measured a tide of %d centimetres this morning,” said Una Marsh, the harbour master. %s", i,
				strings.Repeat("The harbour office will publish the next reading in an hour. ", 27)),
			"datePublished": time.Now().Add(time.Duration(i-n-1) * time.Minute).Truncate(time.Minute).Format(time.RFC3339),
			"author":        map[string]string{"@type": "Person", "name": "Ada Finch"},
		})
	}
	page, err := json.Marshal(map[string]any{"@type": "LiveBlogPosting", "headline": "Tides, live", "liveBlogUpdate": updates})
	if err != nil {
		panic(err)
	}
	return []byte(`<html><head><title>Tides, live</title><script type="application/ld+json">` + string(page) + `</script></head><body></body></html>`)
}

// BenchmarkPage reads, compares and records a page of 428 entries from a
// loopback server: all new, one new, nothing new in other bytes, and a 304
// beside a bare net/http round trip.
func BenchmarkPage(b *testing.B) {
	const entries = 428
	var body atomic.Pointer[[]byte]
	var tag atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		etag := fmt.Sprintf(`"%d"`, tag.Load())
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(*body.Load())
	}))
	defer srv.Close()
	show := func(page []byte) {
		body.Store(&page)
		tag.Add(1)
	}
	made := func(b *testing.B) (*bot.Bot, func()) {
		st, err := bolt.Open(b.TempDir()+"/bench.db", bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		f := fetch.New(fetch.Options{UserAgent: "bench"})
		bt, err := bot.New(bot.Options{Store: st, Fetcher: f, Adapters: []chat.Adapter{&platform{name: "sink"}},
			Sources: []news.Source{{ID: "tides", Name: "Tides", URL: srv.URL, Schedule: "@every 1h", Private: true}}})
		if err != nil {
			b.Fatal(err)
		}
		return bt, func() { f.Close(); st.Close() }
	}
	poll := func(b *testing.B, bt *bot.Bot) {
		if sum, err := bt.Once(b.Context(), 0); err != nil || sum.Failed > 0 {
			b.Fatal(sum, err)
		}
	}
	b.Run("first sight", func(b *testing.B) {
		show(livePage(entries))
		b.SetBytes(int64(len(*body.Load())))
		for b.Loop() {
			b.StopTimer()
			bt, done := made(b)
			b.StartTimer()
			poll(b, bt)
			b.StopTimer()
			done()
			b.StartTimer()
		}
	})
	b.Run("one new", func(b *testing.B) {
		show(livePage(entries))
		bt, done := made(b)
		defer done()
		poll(b, bt)
		n := entries
		for b.Loop() {
			b.StopTimer()
			n++
			show(livePage(n))
			b.StartTimer()
			poll(b, bt)
		}
	})
	b.Run("other bytes", func(b *testing.B) {
		page := livePage(entries)
		show(page)
		bt, done := made(b)
		defer done()
		poll(b, bt)
		for n := 0; b.Loop(); n++ {
			show(fmt.Appendf(slices.Clip(page), "<!-- %d -->", n))
			poll(b, bt)
		}
	})
	b.Run("unchanged", func(b *testing.B) {
		show(livePage(entries))
		bt, done := made(b)
		defer done()
		poll(b, bt)
		b.ReportAllocs()
		for b.Loop() {
			poll(b, bt)
		}
	})
	b.Run("bare round trip", func(b *testing.B) {
		client := srv.Client()
		b.ReportAllocs()
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, srv.URL, nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Header.Set("If-None-Match", fmt.Sprintf(`"%d"`, tag.Load()))
			res, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusNotModified {
				b.Fatal(res.Status)
			}
		}
	})
}

// BenchmarkStart opens a ledger of 10,000 entries and makes a bot of it.
func BenchmarkStart(b *testing.B) {
	const entries = 10_000
	path := b.TempDir() + "/bench.db"
	fill := newWeb()
	var snap news.Snapshot
	for i := range entries {
		snap.Entries = append(snap.Entries, news.Entry{Ref: news.Ref{Entry: news.EntryID(fmt.Sprint(i))}, IDKind: news.IDExplicit,
			Headline: "Tide reading", Body: "“We measured a tide,” said Una Marsh.", Published: time.Now().Add(-time.Duration(i) * time.Minute)})
	}
	fill.set("tides", func() (news.Snapshot, error) { return snap, nil })
	opts := bot.Options{Fetcher: fill, Adapters: []chat.Adapter{&platform{name: "sink"}},
		Sources: []news.Source{{ID: "tides", Name: "Tides", URL: "https://news.example/", Schedule: "@every 1h"}}}
	start := func() (*bolt.Store, *bot.Bot) {
		st, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		opts.Store = st
		bt, err := bot.New(opts)
		if err != nil {
			b.Fatal(err)
		}
		if err := st.Sync(b.Context(), opts.Sources, nil); err != nil {
			b.Fatal(err)
		}
		return st, bt
	}
	st, bt := start()
	if _, err := bt.Once(b.Context(), 0); err != nil {
		b.Fatal(err)
	}
	st.Close()
	for b.Loop() {
		st, _ := start()
		b.StopTimer()
		st.Close()
		b.StartTimer()
	}
}

// BenchmarkCard composes the card of an entry with three quotes.
func BenchmarkCard(b *testing.B) {
	e := news.Entry{Headline: "Harbour bridge closed to all traffic", Body: strings.Repeat("The bridge is closed. ", 30), URL: "https://news.example/live#a"}
	for _, who := range []string{"Una Marsh", "Ned Shaw", "Rosa Quill"} {
		e.Quotes = append(e.Quotes, news.Quote{Text: "I have never seen the bridge move like that in thirty years", Speaker: who, Kind: news.Direct, Confidence: news.High})
	}
	b.ReportAllocs()
	for b.Loop() {
		bot.CardOf(news.Source{Name: "Harbour"}, e)
	}
}

// Delete implements [chat.Adapter].
func (p *poster) Delete(context.Context, chat.Channel, chat.MessageID) error { return nil }

// Pace implements [chat.Adapter].
func (p *poster) Pace(chat.Channel) time.Duration { return 0 }
