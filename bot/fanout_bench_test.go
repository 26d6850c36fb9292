package bot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// A crowd is a platform in this process. It keeps nothing of a message but
// that it came, and refuses what is above its limits.
type crowd struct {
	global  *rate.Limiter // nil = no limit
	channel rate.Limit

	mu       sync.Mutex
	channels map[chat.Channel]*rate.Limiter
	granted  map[chat.Channel]int // requests that Pace allowed and that have not come

	sent    atomic.Int64
	refused atomic.Int64
	arrived func(chat.Post)
}

func (c *crowd) Name() string { return "crowd" }

func (c *crowd) Pace(ch chat.Channel) time.Duration {
	if c.global == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.channels[ch]
	if l == nil {
		l = rate.NewLimiter(c.channel, 1)
		c.channels[ch] = l
	}
	now := time.Now()
	own := l.ReserveN(now, 1)
	if d := own.DelayFrom(now); d > 0 {
		own.CancelAt(now)
		return d
	}
	all := c.global.ReserveN(now, 1)
	if d := all.DelayFrom(now); d > 0 {
		all.CancelAt(now)
		own.CancelAt(now)
		return d
	}
	c.granted[ch]++
	return 0
}

func (c *crowd) Send(_ context.Context, p chat.Post) (chat.MessageID, error) {
	if c.global != nil {
		c.mu.Lock()
		c.granted[p.Channel]--
		over := c.granted[p.Channel] < 0
		c.mu.Unlock()
		if over {
			c.refused.Add(1)
			return "", &chat.SendError{Reason: chat.RateLimited, RetryAfter: time.Second, Err: errors.New("429")}
		}
	}
	n := c.sent.Add(1)
	c.arrived(p)
	return chat.MessageID(fmt.Sprint(n)), nil
}

func (c *crowd) Edit(context.Context, chat.Channel, chat.MessageID, chat.Card) error { return nil }
func (c *crowd) Delete(context.Context, chat.Channel, chat.MessageID) error          { return nil }
func (c *crowd) Check(context.Context, chat.Channel) error                           { return nil }

func (c *crowd) Serve(ctx context.Context, _ []chat.CommandSpec, _ chat.Handler) error {
	<-ctx.Done()
	return nil
}

const crowdChannels = 10000

// BenchmarkFanOut takes one entry of a breaking source to 10,000 channels.
// Time counts from the page's answer to the last message: comparison, record,
// the saved attempt of each delivery and its receipt included.
//
//	free     no limits: deliveries a second
//	limited  50 requests a second in bursts of 50 and one a second and channel,
//	         the limits' time running 20 and 100 times as fast: time to the last
//	         message as a share of what the limits allow. Of that, the way to the
//	         first message (ms-first: 10,000 promises are recorded) does not run
//	         any faster, and weighs the more the faster the rest runs.
func BenchmarkFanOut(b *testing.B) {
	b.Run("free", func(b *testing.B) {
		took := fanOut(b, &crowd{})
		b.ReportMetric(crowdChannels/took.Seconds(), "deliveries/s")
	})
	for _, scale := range []int{20, 100} {
		b.Run(fmt.Sprintf("limited/%dx", scale), func(b *testing.B) {
			const burst = 50
			perSecond := 50 * scale
			took := fanOut(b, &crowd{
				global: rate.NewLimiter(rate.Limit(perSecond), burst), channel: rate.Limit(scale),
				channels: make(map[chat.Channel]*rate.Limiter), granted: make(map[chat.Channel]int),
			})
			floor := time.Duration(crowdChannels-burst) * time.Second / time.Duration(perSecond)
			b.ReportMetric(float64(took)/float64(floor), "of-floor")
		})
	}
}

// fanOut returns the mean time of b.N entries.
func fanOut(b *testing.B, c *crowd) (mean time.Duration) {
	var total time.Duration
	for b.Loop() {
		b.StopTimer()
		total += fanOutOnce(b, c)
		b.StartTimer()
	}
	b.ReportMetric(peakMB(b), "MB-peak")
	if n := c.refused.Load(); n > 0 {
		b.Errorf("%d requests above the limits", n)
	}
	return total / time.Duration(b.N)
}

func fanOutOnce(b *testing.B, c *crowd) time.Duration {
	st, err := bolt.Open(filepath.Join(b.TempDir(), "fanout.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	const id news.SourceID = "harbour"
	o := bot.Options{
		Store: st, Adapters: []chat.Adapter{c},
		Sources: []news.Source{{ID: id, Name: "Harbour", URL: "https://news.example/harbour", Schedule: "@every 1s", Breaking: true}},
	}
	for i := range crowdChannels {
		o.Subscriptions = append(o.Subscriptions, store.Subscription{Source: id, Channel: chat.Channel{Adapter: c.Name(), ID: fmt.Sprint("c", i)}})
	}
	page := &changingPage{}
	o.Fetcher = page
	var arrived atomic.Int64
	var first atomic.Value
	last := make(chan time.Time, 1)
	c.arrived = func(chat.Post) {
		n := arrived.Add(1)
		if n == 1 {
			first.Store(time.Now())
		}
		if n == crowdChannels {
			last <- time.Now()
		}
	}
	bt, err := bot.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- bt.Run(ctx) }()
	<-page.afterReads(2) // followed, and quiet since
	page.publish()
	end := <-last
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(first.Load().(time.Time).Sub(page.seen()))/1e6, "ms-first")
	return end.Sub(page.seen())
}

// A changingPage is a page with one entry more when it is told to publish.
type changingPage struct {
	mu      sync.Mutex
	count   int
	reads   int
	told    bool
	at      time.Time // when the newest entry was first read
	waiting map[int]chan struct{}
}

func (p *changingPage) Fetch(context.Context, news.Source, news.Cursor) (news.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	if ch := p.waiting[p.reads]; ch != nil {
		close(ch)
	}
	if p.told && p.at.IsZero() {
		p.count, p.at = p.count+1, time.Now()
	}
	snap := news.Snapshot{Title: "Harbour", Format: "test", Cursor: news.Cursor{Format: "test", Read: time.Now()}}
	for i := p.count; i >= 0; i-- {
		snap.Entries = append(snap.Entries, tide(i, time.Now().Add(time.Duration(i-p.count)*time.Minute)))
	}
	return snap, nil
}

func tide(i int, at time.Time) news.Entry {
	return news.Entry{
		Ref: news.Ref{Entry: news.EntryID(fmt.Sprint("e", i))}, IDKind: news.IDExplicit, Headline: fmt.Sprintf("Tide reading %d", i),
		Body:      fmt.Sprintf("“We measured a tide of %d centimetres this morning,” said Una Marsh, the harbour master.", i),
		Published: at.UTC(),
	}
}

func (p *changingPage) afterReads(n int) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch := make(chan struct{})
	if p.reads >= n {
		close(ch)
		return ch
	}
	p.waiting = map[int]chan struct{}{n: ch}
	return ch
}

func (p *changingPage) publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = true
}

func (p *changingPage) seen() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

// peakMB is the most memory this process has had resident.
func peakMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("no peak of memory: %v", err)
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kb float64
			fmt.Sscan(rest, &kb)
			return kb / 1024
		}
	}
	return 0
}

// publishers are 1,000 pages, each with one entry more at every reading.
type publishers struct {
	mu   sync.Mutex
	next map[news.SourceID]int
	read map[string]time.Time // by headline, when the reading was over
	took []time.Duration
}

func (p *publishers) Fetch(_ context.Context, src news.Source, _ news.Cursor) (news.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.next[src.ID]
	p.next[src.ID] = n + 1
	snap := news.Snapshot{Title: src.Name, Format: "test", Cursor: news.Cursor{Format: "test", Read: time.Now()}}
	now := time.Now()
	for i := n; i >= max(0, n-9); i-- {
		e := tide(i, now.Add(time.Duration(i-n)*10*time.Second).Truncate(time.Millisecond))
		e.Headline += " of " + src.Name
		snap.Entries = append(snap.Entries, e)
	}
	p.read[snap.Entries[0].Headline] = time.Now()
	return snap, nil
}

func (p *publishers) arrived(post chat.Post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.read[post.Card.Headline]; ok {
		p.took = append(p.took, time.Since(at))
	}
}

// BenchmarkPublishToCard measures the time from the end of a reading that
// brought an entry to the request that posts it: 1,000 sources, 100 of them
// with news every second, each in a channel of its own.
func BenchmarkPublishToCard(b *testing.B) {
	st, err := bolt.Open(filepath.Join(b.TempDir(), "publish.db"), bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	pages := &publishers{next: make(map[news.SourceID]int), read: make(map[string]time.Time)}
	c := &crowd{arrived: pages.arrived}
	o := bot.Options{Store: st, Fetcher: pages, Adapters: []chat.Adapter{c}}
	for i := range 1000 {
		id := news.SourceID(fmt.Sprint("s", i))
		o.Sources = append(o.Sources, news.Source{ID: id, Name: "Pier " + string(id), URL: "https://news.example/" + string(id), Schedule: "@every 10s"})
		o.Subscriptions = append(o.Subscriptions, store.Subscription{Source: id, Channel: chat.Channel{Adapter: c.Name(), ID: string(id)}})
	}
	bt, err := bot.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- bt.Run(ctx) }()
	for b.Loop() {
		select {
		case <-time.After(30 * time.Second):
		case err := <-done:
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	pages.mu.Lock()
	defer pages.mu.Unlock()
	slices.Sort(pages.took)
	if len(pages.took) < 100 {
		b.Fatalf("%d cards", len(pages.took))
	}
	for _, pc := range []int{50, 99} {
		b.ReportMetric(float64(pages.took[len(pages.took)*pc/100])/1e6, fmt.Sprintf("ms-p%d", pc))
	}
	b.ReportMetric(float64(len(pages.took)), "cards")
}

// More implements [bot.Fetcher].
func (p *changingPage) More(context.Context, news.Source, string) (news.Snapshot, error) {
	return news.Snapshot{}, errors.New("there is no older page")
}

// Read implements [bot.Fetcher].
func (p *changingPage) Read(context.Context, news.Source, string, []byte) (news.Snapshot, error) {
	return news.Snapshot{}, errors.New("nothing is pushed")
}

// More implements [bot.Fetcher].
func (p *publishers) More(context.Context, news.Source, string) (news.Snapshot, error) {
	return news.Snapshot{}, errors.New("there is no older page")
}

// Read implements [bot.Fetcher].
func (p *publishers) Read(context.Context, news.Source, string, []byte) (news.Snapshot, error) {
	return news.Snapshot{}, errors.New("nothing is pushed")
}
