package bot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// web is a Fetcher whose pages a test sets.
type web struct {
	mu    sync.Mutex
	pages map[news.SourceID]func() (news.Snapshot, error)
	reads map[news.SourceID]int
	any   func() (news.Snapshot, error) // the page of every other source; nil = there is none
}

func newWeb() *web {
	return &web{pages: map[news.SourceID]func() (news.Snapshot, error){}, reads: map[news.SourceID]int{}}
}

func (w *web) Fetch(_ context.Context, src news.Source, cur news.Cursor) (news.Snapshot, error) {
	w.mu.Lock()
	w.reads[src.ID]++
	page := w.pages[src.ID]
	if page == nil {
		page = w.any
	}
	w.mu.Unlock()
	if page == nil {
		return news.Snapshot{}, &news.ReadError{Err: errors.New("no such page")}
	}
	snap, err := page()
	snap.Cursor.Read, snap.Cursor.Format = time.Now(), snap.Format
	return snap, err
}

// More returns the page that was set for the address.
func (w *web) More(_ context.Context, src news.Source, address string) (news.Snapshot, error) {
	snap, err := w.Fetch(context.Background(), news.Source{ID: news.SourceID(address)}, news.Cursor{})
	snap.Cursor = news.Cursor{}
	return snap, err
}

// Read takes a pushed body for lines of a page, as show has them.
func (w *web) Read(_ context.Context, _ news.Source, contentType string, body []byte) (news.Snapshot, error) {
	if contentType == "panic" {
		panic("a bad document")
	}
	return pageOf(strings.Split(string(body), "\n")...), nil
}

func (w *web) count(id news.SourceID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads[id]
}

func (w *web) set(id news.SourceID, page func() (news.Snapshot, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[id] = page
}

// everywhere sets the page of every source that has none of its own.
func (w *web) everywhere(page func() (news.Snapshot, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.any = page
}

// show makes a page of entries, newest first, each "id headline".
func (w *web) show(id news.SourceID, lines ...string) {
	snap := pageOf(lines...)
	w.set(id, func() (news.Snapshot, error) { return snap, nil })
}

func pageOf(lines ...string) news.Snapshot {
	now := time.Now().Add(-time.Hour)
	snap := news.Snapshot{Title: "Harbour live", Format: "test"}
	for i, line := range lines {
		eid, headline, _ := strings.Cut(line, " ")
		n := len(lines) - i
		if num := strings.TrimLeft(eid, "abcdefghijklmnopqrstuvwxyz"); num != "" {
			fmt.Sscan(num, &n)
		}
		snap.Entries = append(snap.Entries, news.Entry{
			Ref: news.Ref{Entry: news.EntryID(eid)}, IDKind: news.IDExplicit, Headline: headline,
			URL:       "https://news.example/harbour#" + eid,
			Body:      "“We will reopen the bridge when the wind has dropped,” said Una Marsh, the harbour master.",
			Published: now.Truncate(time.Hour).Add(time.Duration(n) * time.Minute),
		})
	}
	return snap
}

// platform is an Adapter that keeps what a reader of its channels sees. It
// recognises an earlier attempt by its key, as good platforms do.
type platform struct {
	name string

	mu       sync.Mutex
	messages []*message
	log      []string
	fail     func(op string, ch chat.Channel) error // after acceptance if it says so
	checkErr error
	sending  chan struct{} // if set, Send waits for it or for its context
	pace     func(ch chat.Channel) time.Duration
}

type message struct {
	channel chat.Channel
	key     string
	card    chat.Card
	post    chat.Post
	at      time.Time
	edits   int
	deleted bool
}

func (p *platform) Name() string { return p.name }

// accepted is a failure after the platform took the message.
type accepted struct{ error }

func (p *platform) Send(ctx context.Context, post chat.Post) (chat.MessageID, error) {
	p.mu.Lock()
	wait := p.sending
	p.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return "", &chat.SendError{Reason: chat.Unknown, Err: ctx.Err()}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf("send %s %s", post.Channel.ID, post.Card.Headline))
	if !post.Tried.IsZero() {
		for i, m := range p.messages {
			if m.key == post.Key && !m.deleted {
				return chat.MessageID(fmt.Sprint(i)), nil
			}
		}
	}
	if post.Thread != "" && p.message(post.Thread) == nil {
		return "", &chat.SendError{Reason: chat.Gone, Thread: true, Err: errors.New("unknown thread")}
	}
	if err := p.failure("send", post.Channel); err != nil {
		var a accepted
		if !errors.As(err, &a) {
			return "", err
		}
		p.post(post)
		return "", a.error
	}
	return p.post(post), nil
}

func (p *platform) post(post chat.Post) chat.MessageID {
	p.messages = append(p.messages, &message{channel: post.Channel, key: post.Key, card: post.Card, post: post, at: time.Now()})
	return chat.MessageID(fmt.Sprint(len(p.messages) - 1))
}

// message returns the message that stands under the id, nil if there is none.
func (p *platform) message(id chat.MessageID) *message {
	var n int
	if _, err := fmt.Sscan(string(id), &n); err != nil || n >= len(p.messages) || p.messages[n].deleted {
		return nil
	}
	return p.messages[n]
}

func (p *platform) failure(op string, ch chat.Channel) error {
	if p.fail == nil {
		return nil
	}
	return p.fail(op, ch)
}

func (p *platform) Edit(_ context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf("edit %s %s", ch.ID, card.Headline))
	if err := p.failure("edit", ch); err != nil {
		return err
	}
	m := p.message(id)
	if m == nil {
		return &chat.SendError{Reason: chat.Gone, Err: errors.New("unknown message")}
	}
	m.card = card
	m.edits++
	return nil
}

func (p *platform) Delete(_ context.Context, ch chat.Channel, id chat.MessageID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, "delete "+ch.ID)
	if err := p.failure("delete", ch); err != nil {
		return err
	}
	if m := p.message(id); m != nil {
		m.deleted = true
	}
	return nil
}

func (p *platform) Pace(ch chat.Channel) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pace == nil {
		return 0
	}
	return p.pace(ch)
}

func (p *platform) Check(context.Context, chat.Channel) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkErr
}

func (p *platform) Serve(ctx context.Context, _ []chat.CommandSpec, _ chat.Handler) error {
	<-ctx.Done()
	return nil
}

func (p *platform) failWith(f func(op string, ch chat.Channel) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = f
}

// sees returns what stands in a channel, oldest first: "STATE headline".
func (p *platform) sees(channel string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, m := range p.messages {
		if m.channel.ID == channel && !m.deleted {
			lines = append(lines, describe(m))
		}
	}
	return lines
}

// describe tells a message in a line: "STATE headline" for an entry's card, the
// form before that for others, "> " before what stands in a thread, "!" before
// what is shown in the channel too.
func describe(m *message) string {
	c := m.card
	line := c.State.String() + " " + c.Headline
	switch c.Form {
	case chat.HeadForm:
		line = fmt.Sprintf("head %s (%d)", c.Headline, c.Count)
	case chat.RollupForm:
		line = "rollup " + c.Headline
	case chat.ClosingForm:
		line = fmt.Sprintf("closing %s (%d)", c.Headline, c.Count)
	case chat.NoteForm:
		line = "note " + line
	case chat.NoticeForm:
		line = "notice " + c.Text
	}
	if m.post.Broadcast {
		line = "!" + line
	}
	if m.post.Thread != "" {
		line = "> " + line
	}
	return line
}

func (p *platform) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// world is a bot with everything around it, on fake time.
type world struct {
	started func(*bot.Bot) // called with each bot that runs
	t       *testing.T
	path    string
	web     *web
	room    *platform
	logs    *logBuffer
	opts    bot.Options
	wrap    func(store.Store) store.Store
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "test.db"), web: newWeb(), room: &platform{name: "test"}, logs: &logBuffer{}}
	w.opts = bot.Options{
		Fetcher: w.web, Adapters: []chat.Adapter{w.room},
		Logger: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.follow("harbour", 1, "a", "b")
	return w
}

// follow adds a source, read every 10 s, to channels.
func (w *world) follow(id news.SourceID, newest int, channels ...string) {
	w.opts.Sources = append(w.opts.Sources, news.Source{
		ID: id, Name: "Source " + string(id), URL: "https://news.example/" + string(id), Schedule: "@every 10s", Newest: newest,
	})
	for _, ch := range channels {
		w.opts.Subscriptions = append(w.opts.Subscriptions, store.Subscription{
			Source: id, Channel: chat.Channel{Adapter: "test", ID: ch}})
	}
}

// open returns a bot over the ledger, which the test closes at its end.
func (w *world) open() (*bot.Bot, store.Store) {
	w.t.Helper()
	st, err := bolt.Open(w.path, bolt.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { st.Close() })
	w.opts.Store = st
	if w.wrap != nil {
		w.opts.Store = w.wrap(st)
	}
	b, err := bot.New(w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	return b, st
}

// run runs the bot while story is told, then stops it and returns Run's error.
func (w *world) run(story func()) error {
	w.t.Helper()
	b, st := w.open()
	defer st.Close()
	if w.started != nil {
		w.started(b)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	synctest.Wait()
	story()
	cancel()
	return <-done
}

// pass lets fake time pass.
func pass(d time.Duration) {
	time.Sleep(d) // inside a synctest bubble: no real time
	synctest.Wait()
}

func (w *world) want(channel string, lines ...string) {
	w.t.Helper()
	if d := cmp.Diff(lines, w.room.sees(channel)); d != "" {
		w.t.Errorf("channel %s (-want +got):\n%s", channel, d)
	}
}

func (w *world) mustRun(story func()) {
	w.t.Helper()
	if err := w.run(story); err != nil {
		w.t.Errorf("run: %v", err)
	}
}

func story(t *testing.T, tell func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { tell(newWorld(t)) })
}

func TestFirstSightShowsTheNewestOnly(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
		w.mustRun(func() {
			w.want("a", "LIVE Third")
			w.want("b", "LIVE Third")
		})
	})
}

func TestLifeOfAnEntry(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.mustRun(func() {
			w.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
			pass(21 * time.Second)
			w.want("a", "LIVE First", "LIVE Second", "LIVE Third")

			w.web.show("harbour", "e3 Third", "e2 Second, amended", "e1 First")
			pass(21 * time.Second)
			w.want("a", "LIVE First", "UPDATED Second, amended", "LIVE Third")

			w.web.show("harbour", "e3 Third", "e1 First")
			pass(21 * time.Second)
			pass(21 * time.Second)
			w.want("a", "LIVE First", "WITHDRAWN Second, amended", "LIVE Third")
			w.want("b", "LIVE First", "WITHDRAWN Second, amended", "LIVE Third")
		})
		before := len(w.room.calls())
		w.mustRun(func() { pass(time.Minute) })
		if n := len(w.room.calls()); n != before {
			w.t.Errorf("the second run made %d calls: %v", n-before, w.room.calls()[before:])
		}
	})
}

func TestSourceDownAndBack(t *testing.T) {
	story(t, func(w *world) {
		w.follow("other", 1, "o")
		w.web.show("harbour", "e1 First")
		w.web.show("other", "e1 Elsewhere")
		w.mustRun(func() {
			w.web.set("harbour", func() (news.Snapshot, error) {
				return news.Snapshot{}, &news.ReadError{Err: errors.New("get news.example: 503"), RetryAfter: 40 * time.Second}
			})
			w.web.show("other", "e2 Elsewhere again", "e1 Elsewhere")
			pass(90 * time.Second)
			if n := w.logs.count("source not read"); n != 1 {
				w.t.Errorf("%d log lines for one lasting fault", n)
			}
			w.want("o", "LIVE Elsewhere", "LIVE Elsewhere again")
			w.web.show("harbour", "e2 Second", "e1 First")
			pass(5 * time.Minute)
			w.want("a", "LIVE First", "LIVE Second")
			if n := w.logs.count("source is back"); n != 1 {
				w.t.Errorf("%d log lines for coming back", n)
			}
		})
	})
}

func TestPanicInOneSourceStopsNothing(t *testing.T) {
	story(t, func(w *world) {
		w.follow("other", 1, "o")
		w.web.set("harbour", func() (news.Snapshot, error) { panic("a bad page") })
		w.web.show("other", "e1 Elsewhere")
		w.mustRun(func() {
			w.web.show("other", "e2 Elsewhere again", "e1 Elsewhere")
			pass(time.Minute)
			w.want("o", "LIVE Elsewhere", "LIVE Elsewhere again")
			if n := w.web.count("harbour"); n < 2 {
				w.t.Errorf("the panicking source was read %d times: it should be tried again", n)
			}
		})
	})
}

func TestSlowReadingIsNotStacked(t *testing.T) {
	story(t, func(w *world) {
		release := make(chan struct{})
		w.web.set("harbour", func() (news.Snapshot, error) {
			<-release
			return news.Snapshot{}, errors.New("slow")
		})
		w.mustRun(func() {
			pass(time.Minute)
			if n := w.web.count("harbour"); n != 1 {
				w.t.Errorf("%d readings at once", n)
			}
			close(release)
		})
	})
}

func TestEditOvertakesSend(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.room.failWith(func(string, chat.Channel) error {
			return &chat.SendError{Reason: chat.Transient, Err: errors.New("503")}
		})
		w.mustRun(func() {
			w.web.show("harbour", "e1 First, amended")
			pass(21 * time.Second)
			w.room.failWith(nil)
			pass(time.Minute)
			w.want("a", "UPDATED First, amended")
		})
	})
}

func TestRateLimitWaitsAsTold(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		refused := 0
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if ch.ID != "a" || refused == 3 {
				return nil
			}
			refused++
			return &chat.SendError{Reason: chat.RateLimited, RetryAfter: 7 * time.Second, Err: errors.New("429")}
		})
		w.mustRun(func() {
			w.want("b", "LIVE First") // another channel is not held up
			pass(20 * time.Second)
			w.want("a")
			pass(2 * time.Second)
			w.want("a", "LIVE First")
		})
	})
}

func TestUnknownOutcomeIsNotSentTwice(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		n := 0
		w.room.failWith(func(string, chat.Channel) error {
			if n++; n <= 2 {
				return accepted{&chat.SendError{Reason: chat.Unknown, Err: errors.New("timeout after acceptance")}}
			}
			return nil
		})
		w.mustRun(func() {
			pass(time.Minute)
			w.want("a", "LIVE First")
			w.want("b", "LIVE First")
		})
	})
}

func TestGoneChannelWaitsAndResumes(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		gone := true
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if gone && ch.ID == "a" {
				return &chat.SendError{Reason: chat.Gone, Err: errors.New("not_in_channel"), Remedy: "Invite the bot."}
			}
			return nil
		})
		w.mustRun(func() {
			w.web.show("harbour", "e2 Second", "e1 First")
			pass(10 * time.Minute)
			w.want("a")
			w.want("b", "LIVE First", "LIVE Second")
			if n := w.logs.count("card not delivered"); n != 1 {
				w.t.Errorf("%d log lines for one refusing channel", n)
			}
			w.room.mu.Lock()
			gone = false
			w.room.mu.Unlock()
			pass(time.Hour)
			w.want("a", "LIVE First", "LIVE Second")
		})
	})
}

func TestRefusedTokenPausesTheAdapter(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		refused := &chat.SendError{Reason: chat.Unauthorized, Err: errors.New("invalid_auth"), Remedy: "Renew the token."}
		w.room.failWith(func(string, chat.Channel) error { return refused })
		w.room.checkErr = refused
		w.mustRun(func() {
			pass(30 * time.Minute)
			if n := len(w.room.calls()); n > 2 {
				w.t.Errorf("%d requests with a refused token", n)
			}
			if n := w.logs.count("adapter is paused"); n != 1 {
				w.t.Errorf("%d log lines for one refused token", n)
			}
			w.room.failWith(nil)
			w.room.mu.Lock()
			w.room.checkErr = nil
			w.room.mu.Unlock()
			pass(45 * time.Minute)
			w.want("a", "LIVE First")
			w.want("b", "LIVE First")
		})
	})
}

func TestRejectedCardIsKeptAndTheNextGoesOn(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		n := 0
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if n++; ch.ID == "a" && n <= 2 {
				return &chat.SendError{Reason: chat.Rejected, Err: errors.New("invalid_blocks")}
			}
			return nil
		})
		w.mustRun(func() {
			w.web.show("harbour", "e2 Second", "e1 First")
			pass(time.Minute)
			w.want("a", "LIVE Second")
			kept, err := w.opts.Store.Abandoned(w.t.Context(), 10)
			if err != nil || len(kept) != 1 || !strings.Contains(kept[0].LastError, "invalid_blocks") {
				w.t.Errorf("abandoned: %+v, %v", kept, err)
			}
		})
	})
}

func TestDeletedMessageIsNotPostedAgain(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.mustRun(func() {
			w.room.mu.Lock()
			w.room.messages[0].deleted = true
			channel := w.room.messages[0].channel.ID
			w.room.mu.Unlock()
			w.web.show("harbour", "e1 First, amended")
			pass(21 * time.Second)
			w.web.show("harbour", "e1 First, amended twice")
			pass(21 * time.Second)
			w.want(channel)
		})
	})
}

func TestWithdrawnBeforeItWasSent(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e3 Third", "e1 First")
		w.opts.Sources[0].Newest = 0
		w.room.failWith(func(string, chat.Channel) error {
			return &chat.SendError{Reason: chat.RateLimited, RetryAfter: time.Minute, Err: errors.New("429")}
		})
		w.mustRun(func() {
			w.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
			pass(11 * time.Second)
			w.web.show("harbour", "e3 Third", "e1 First")
			pass(25 * time.Second)
			w.room.failWith(nil)
			pass(5 * time.Minute)
			w.want("a")
		})
	})
}

// A send under way at a stop ends by itself or is cut off; either way the next
// run sends it once.
func TestStopWhileSending(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.room.sending = make(chan struct{})
		start := time.Now()
		w.mustRun(func() { start = time.Now() })
		if d := time.Since(start); d > 2*time.Second {
			w.t.Errorf("stopping took %v", d)
		}
		w.want("a")
		w.room.mu.Lock()
		w.room.sending = nil
		w.room.mu.Unlock()
		w.mustRun(func() { pass(time.Minute) })
		w.want("a", "LIVE First")
		w.want("b", "LIVE First")
	})
}

// faulty is a ledger whose n-th write, and every one after it, fails: what a
// full disk or a killed process looks like from inside.
type faulty struct {
	store.Store
	mu sync.Mutex
	n  int
	// after makes the write happen before the failure is returned: the
	// process died when the commit was on disk.
	after bool
}

var errDisk = errors.New("no space left on device")

func (f *faulty) broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n--
	return f.n < 0
}

func (f *faulty) Record(ctx context.Context, l store.Lease, p store.Poll) (store.Recorded, error) {
	if f.broken() {
		if f.after {
			f.Store.Record(ctx, l, p)
		}
		return store.Recorded{}, errDisk
	}
	return f.Store.Record(ctx, l, p)
}

func (f *faulty) Begin(ctx context.Context, l store.Lane) (store.Work, bool, error) {
	if f.broken() {
		if f.after {
			f.Store.Begin(ctx, l)
		}
		return store.Work{}, false, errDisk
	}
	return f.Store.Begin(ctx, l)
}

func (f *faulty) Settle(ctx context.Context, l store.Lane, d store.DeliveryID, r store.Receipt, also ...store.Promise) error {
	if f.broken() {
		if f.after {
			f.Store.Settle(ctx, l, d, r, also...)
		}
		return errDisk
	}
	return f.Store.Settle(ctx, l, d, r, also...)
}

func (f *faulty) Postpone(ctx context.Context, l store.Lane, d store.DeliveryID, p store.Postponement) error {
	if f.broken() {
		if f.after {
			f.Store.Postpone(ctx, l, d, p)
		}
		return errDisk
	}
	return f.Store.Postpone(ctx, l, d, p)
}

func (f *faulty) Fold(ctx context.Context, l store.Lane, ids []store.DeliveryID, fold store.Fold) error {
	if f.broken() {
		if f.after {
			f.Store.Fold(ctx, l, ids, fold)
		}
		return errDisk
	}
	return f.Store.Fold(ctx, l, ids, fold)
}

func (f *faulty) Promise(ctx context.Context, ch chat.Channel, p store.Promise) error {
	if f.broken() {
		if f.after {
			f.Store.Promise(ctx, ch, p)
		}
		return errDisk
	}
	return f.Store.Promise(ctx, ch, p)
}

// TestCrashAtEveryStep stops the ledger at its k-th write, for every k, and
// lets a second run finish: every card stands once.
func TestCrashAtEveryStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for k := range 16 {
			t.Run(fmt.Sprintf("after=%v/k=%d", after, k), func(t *testing.T) {
				story(t, func(w *world) {
					w.opts.Sources[0].Newest = 3
					w.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
					w.wrap = func(s store.Store) store.Store { return &faulty{Store: s, n: k, after: after} }
					err := w.run(func() { pass(time.Minute) })
					if err != nil && !errors.Is(err, errDisk) {
						t.Fatal(err)
					}
					w.wrap = nil
					w.mustRun(func() { pass(5 * time.Minute) })
					w.want("a", "LIVE First", "LIVE Second", "LIVE Third")
					w.want("b", "LIVE First", "LIVE Second", "LIVE Third")
				})
			})
		}
	}
}

func TestNothingIsSentThatCannotBeRecorded(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.wrap = func(s store.Store) store.Store { return &faulty{Store: s, n: 1} } // Record passes, Begin does not
		err := w.run(func() { pass(time.Minute) })
		if !errors.Is(err, errDisk) {
			t.Errorf("run: %v, want the disk's error", err)
		}
		if calls := w.room.calls(); len(calls) > 0 {
			t.Errorf("sent without a record: %v", calls)
		}
	})
}

func TestOnce(t *testing.T) {
	story(t, func(w *world) {
		t := w.t
		w.web.show("harbour", "e1 First")
		st, err := bolt.Open(w.path, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		w.opts.Store = st
		b, err := bot.New(w.opts)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			sum, err := b.Once(t.Context(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if sum.Sources != 1 || sum.Failed != 0 || sum.Left.Due != 0 {
				t.Errorf("summary: %+v", sum)
			}
			w.want("a", "LIVE First")
		}
		if n := w.web.count("harbour"); n != 2 {
			t.Errorf("read %d times in two runs", n)
		}
	})
}

// hanging is a Fetcher that never reads one source to its end.
type hanging struct {
	*web
	id news.SourceID
}

func (h hanging) Fetch(ctx context.Context, src news.Source, cur news.Cursor) (news.Snapshot, error) {
	if src.ID == h.id {
		<-ctx.Done()
		return news.Snapshot{}, ctx.Err()
	}
	return h.web.Fetch(ctx, src, cur)
}

// runAlone runs the bot, which nobody stops, for a while and returns Run's
// error.
func (w *world) runAlone(most time.Duration) error {
	w.t.Helper()
	b, _ := w.open()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	select {
	case err := <-done:
		cancel()
		return err
	case <-time.After(most):
		w.t.Errorf("still running after %v", most)
	}
	cancel()
	return <-done
}

func TestDiskFullWhileAnotherSourceIsSlow(t *testing.T) {
	story(t, func(w *world) {
		w.follow("slow", 1, "a")
		w.opts.Fetcher = hanging{w.web, "slow"}
		w.web.show("harbour", "e1 First")
		w.wrap = func(s store.Store) store.Store { return &faulty{Store: s} }
		if err := w.runAlone(10 * time.Second); !errors.Is(err, errDisk) {
			w.t.Errorf("run: %v, want the disk's error", err)
		}
	})
}

// channelFault is a ledger that cannot settle what is sent to one channel.
type channelFault struct {
	store.Store
	channel string
}

func (f channelFault) Settle(ctx context.Context, l store.Lane, d store.DeliveryID, r store.Receipt, also ...store.Promise) error {
	if l.Channel.ID == f.channel {
		return errDisk
	}
	return f.Store.Settle(ctx, l, d, r, also...)
}

// leisurely is a platform that takes a second for every card to a channel.
type leisurely struct {
	*platform
	channel string
}

func (p leisurely) Send(ctx context.Context, post chat.Post) (chat.MessageID, error) {
	if post.Channel.ID == p.channel {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return "", &chat.SendError{Reason: chat.Unknown, Err: ctx.Err()}
		}
	}
	return p.platform.Send(ctx, post)
}

func TestDiskFullInOneChannelStopsTheOthers(t *testing.T) {
	for name, run := range map[string]func(w *world) error{
		"run": func(w *world) error { return w.runAlone(time.Minute) },
		"once": func(w *world) error {
			b, _ := w.open()
			_, err := b.Once(w.t.Context(), time.Minute)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				w.opts.Adapters = []chat.Adapter{leisurely{w.room, "b"}}
				w.opts.Sources[0].Newest = 9
				w.web.show("harbour", "e4 Fourth", "e3 Third", "e2 Second", "e1 First")
				w.wrap = func(s store.Store) store.Store { return channelFault{s, "a"} }
				if err := run(w); !errors.Is(err, errDisk) {
					w.t.Errorf("%v, want the disk's error", err)
				}
				w.want("b", "LIVE First") // was under way
			})
		})
	}
}

// lateFault is a ledger whose record fails a second after the gate opens.
type lateFault struct {
	store.Store
	gate chan struct{}
}

func (f lateFault) Record(context.Context, store.Lease, store.Poll) (store.Recorded, error) {
	<-f.gate
	return store.Recorded{}, errDisk
}

func TestDiskFullWhileStopping(t *testing.T) {
	story(t, func(w *world) {
		gate := make(chan struct{})
		w.web.show("harbour", "e1 First")
		w.wrap = func(s store.Store) store.Store { return lateFault{s, gate} }
		err := w.run(func() {
			pass(time.Second)
			time.AfterFunc(100*time.Millisecond, func() { close(gate) })
		})
		if !errors.Is(err, errDisk) {
			w.t.Errorf("run: %v, want the disk's error", err)
		}
	})
}

func TestStoppedBeforeItBegins(t *testing.T) {
	story(t, func(w *world) {
		b, _ := w.open()
		ctx, cancel := context.WithCancel(w.t.Context())
		cancel()
		if err := b.Run(ctx); err != nil {
			w.t.Errorf("run: %v; being stopped is no error", err)
		}
	})
}

// What is under way when --once is interrupted ends by itself, as it does in a
// long run: a platform that cannot find a message again would post it twice.
func TestOnceInterrupted(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Adapters = []chat.Adapter{leisurely{w.room, "a"}}
		w.web.show("harbour", "e1 First")
		b, st := w.open()
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		if _, err := b.Once(ctx, time.Minute); !errors.Is(err, context.Canceled) {
			w.t.Errorf("once: %v", err)
		}
		left, err := st.Backlog(w.t.Context())
		if err != nil || left.Due+left.Waiting > 0 {
			w.t.Errorf("backlog %+v, %v; the card stands and has no receipt", left, err)
		}
	})
}

func TestRefusedTokenOutlastsARateLimit(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Adapters = []chat.Adapter{leisurely{w.room, "b"}}
		w.web.show("harbour", "e1 First")
		refused := &chat.SendError{Reason: chat.Unauthorized, Err: errors.New("invalid_auth")}
		w.room.checkErr = refused
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if ch.ID == "b" { // was under way when the other was refused
				return &chat.SendError{Reason: chat.RateLimited, Global: true, RetryAfter: time.Second, Err: errors.New("429")}
			}
			return refused
		})
		w.mustRun(func() {
			pass(30 * time.Second)
			if calls := w.room.calls(); len(calls) > 2 {
				w.t.Errorf("%d requests with a refused token: %v", len(calls), calls)
			}
		})
	})
}

func TestRateLimitOfNoStatedLength(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.opts.Subscriptions = w.opts.Subscriptions[:1]
		w.room.failWith(func(string, chat.Channel) error {
			return &chat.SendError{Reason: chat.RateLimited, Err: errors.New("429")}
		})
		w.mustRun(func() {
			pass(10 * time.Second)
			if n := len(w.room.calls()); n < 2 || n > 11 {
				w.t.Errorf("%d requests in 10 s to a platform that says there are too many", n)
			}
		})
	})
}

func TestRareSourceIsTriedAgainSoon(t *testing.T) {
	for _, spec := range []string{"@every 168h", "0 8 * * 1"} {
		t.Run(spec, func(t *testing.T) {
			story(t, func(w *world) {
				w.opts.Sources[0].Schedule = spec
				w.mustRun(func() { // the page is not there
					pass(3 * time.Hour)
					if n := w.web.count("harbour"); n < 4 {
						w.t.Errorf("read %d times in 3 h; a fault should not last as long as the interval", n)
					}
				})
			})
		})
	}
}

func TestScheduleThatNeverComes(t *testing.T) {
	if err := bot.CheckSchedule("0 0 30 2 *"); err == nil {
		t.Error("30 February is no day")
	}
	if err := bot.CheckSchedule("0 0 29 2 *"); err != nil {
		t.Errorf("29 February: %v", err)
	}
}

// A page that names its entries anew at every reading is read for days: what
// is kept of it does not grow with them.
func TestIdsThatChangeAtEveryReading(t *testing.T) {
	story(t, func(w *world) {
		n := 0
		published := time.Now().Add(-time.Hour)
		w.web.set("harbour", func() (news.Snapshot, error) {
			n++
			id := news.EntryID(fmt.Sprintf("session-%d", n))
			return news.Snapshot{Title: "Harbour", Format: "test", Entries: []news.Entry{{
				Ref: news.Ref{Entry: id}, IDKind: news.IDExplicit, Headline: "Bridge shut", Body: "Nobody crosses.", Published: published,
			}}}, nil
		})
		w.mustRun(func() {
			pass(20 * time.Minute)
			w.want("a", "LIVE Bridge shut")
			e, err := w.opts.Store.Entry(w.t.Context(), news.Ref{Source: "harbour", Entry: news.EntryID(fmt.Sprintf("session-%d", n))})
			if err != nil || len(e.Aliases) > 40 {
				w.t.Errorf("after %d readings %d aliases, %v", n, len(e.Aliases), err)
			}
		})
	})
}

// A source that is read at another address, as a live page of the next day, is
// no reason to post all of it; what is new since the last reading is.
func TestAnotherAddress(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", "e1 First")
		w.mustRun(func() { w.want("a", "LIVE First") })
		w.opts.Sources[0].URL = "https://news.example/tuesday"
		pass(time.Hour)
		now := time.Now()
		w.web.set("harbour", func() (news.Snapshot, error) {
			snap := news.Snapshot{Title: "Tuesday", Format: "test"}
			for i, age := range []time.Duration{10 * time.Minute, 2 * time.Hour, 3 * time.Hour} {
				snap.Entries = append(snap.Entries, news.Entry{
					Ref: news.Ref{Entry: news.EntryID(fmt.Sprint("t", i))}, IDKind: news.IDExplicit,
					Headline: fmt.Sprint("Tuesday ", age), Published: now.Add(-age),
				})
			}
			return snap, nil
		})
		w.mustRun(func() {
			pass(time.Minute)
			w.want("a", "LIVE First", "LIVE Tuesday 10m0s")
		})
	})
}

func TestPanicInAProbe(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Adapters = []chat.Adapter{brittle{w.room}}
		w.web.show("harbour", "e1 First")
		w.room.failWith(func(string, chat.Channel) error {
			return &chat.SendError{Reason: chat.Unauthorized, Err: errors.New("invalid_auth")}
		})
		w.mustRun(func() { pass(time.Hour) })
	})
}

// brittle is a platform whose check panics.
type brittle struct{ *platform }

func (brittle) Check(context.Context, chat.Channel) error { panic("an odd answer") }

// oddly is a ledger that holds an entry no card can be made of.
type oddly struct{ store.Store }

func (o oddly) Begin(ctx context.Context, l store.Lane) (store.Work, bool, error) {
	w, ok, err := o.Store.Begin(ctx, l)
	if w.Entry.Headline == "Odd" {
		w.Entry.Published = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON knows no such year
	}
	return w, ok, err
}

func TestEntryThatMakesNoCard(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Sources[0].Newest = 3
		w.web.show("harbour", "e3 Third", "e2 Odd", "e1 First")
		w.wrap = func(s store.Store) store.Store { return oddly{s} }
		w.mustRun(func() {
			pass(time.Minute)
			w.want("a", "LIVE First", "LIVE Third")
			kept, err := w.opts.Store.Abandoned(w.t.Context(), 10)
			if err != nil || len(kept) != 2 || kept[0].LastError == "" {
				w.t.Errorf("abandoned: %+v, %v", kept, err)
			}
		})
	})
}
