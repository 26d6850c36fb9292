package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var (
	noon  = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	quay  = news.Ref{Source: "quay", Entry: "q1"}
	slack = chat.Channel{Adapter: "slack", ID: "C0QUAY"}
)

// A ledger says what it is told to, and fails if it is told that.
type ledger struct {
	store.Store
	err     error
	sources []store.SourceStatus
	backlog store.Backlog
	held    []store.Delivery
	given   []store.Delivery
	copied  string // what Backup writes
	cut     error  // what Backup ends with

	mu   sync.Mutex
	kept int
	ids  []store.DeliveryID
}

func (l *ledger) Sources(context.Context) ([]store.SourceStatus, error) { return l.sources, l.err }
func (l *ledger) Backlog(context.Context) (store.Backlog, error)        { return l.backlog, l.err }

func (l *ledger) Held(_ context.Context, limit int) ([]store.Delivery, error) {
	return l.held[:min(limit, len(l.held))], l.err
}

func (l *ledger) Abandoned(_ context.Context, limit int) ([]store.Delivery, error) {
	return l.given[:min(limit, len(l.given))], l.err
}

func (l *ledger) Entry(_ context.Context, ref news.Ref) (news.Entry, error) {
	if ref != quay {
		return news.Entry{}, store.ErrNotFound
	}
	return news.Entry{Ref: ref, Headline: "<b>Lorries</b>\nwait\x1b[31m"}, nil
}

func (l *ledger) History(_ context.Context, ref news.Ref) ([]news.Entry, error) {
	e, err := l.Entry(context.Background(), ref)
	if err != nil {
		return nil, err
	}
	was := e
	was.Revision, was.Headline, was.Quotes = 1, "Forty lorries wait", []news.Quote{{Text: "Forty <i>lorries</i>", Speaker: "Una Marsh", Role: "harbour master"}}
	e.Revision, e.Class, e.Changed = 2, news.Correction, noon
	return []news.Entry{was, e}, nil
}

func (l *ledger) Latest(_ context.Context, q store.Query) ([]news.Entry, bool, error) {
	if len(q.Sources) != 1 || q.Sources[0] != quay.Source {
		return nil, false, l.err
	}
	return []news.Entry{
		{Ref: quay, Headline: "<b>Lorries</b> wait", Revision: 3, Published: noon, Status: news.Corrected},
		{Ref: news.Ref{Source: "quay", Entry: `a&entry=b"c`}, Body: "No headline", Withdrawn: true},
	}, false, l.err
}

func (l *ledger) Receipts(context.Context, news.Ref) ([]store.Receipt, error) {
	ch := func(id string) chat.Channel { return chat.Channel{Adapter: "slack", ID: id} }
	return []store.Receipt{
		{Channel: ch("C1"), Message: "1", Sent: noon}, {Channel: ch("C2"), Message: "2", Sent: noon, Edited: noon.Add(time.Hour)},
		{Channel: ch("C3"), Gone: true}, {Channel: ch("C4"), Folded: 2}, {Channel: ch("C5"), Why: "ferry -sponsored"},
		{Channel: ch("C6"), Message: "6", Frozen: true}, {Channel: ch("C7")},
	}, l.err
}

func (l *ledger) Promised(context.Context, news.Ref) (pending, abandoned []store.Delivery, err error) {
	return []store.Delivery{{Channel: slack, LastError: "gone: <u>"}}, []store.Delivery{{Channel: slack, LastError: "rejected"}}, l.err
}

func (l *ledger) Retry(_ context.Context, ids ...store.DeliveryID) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, ids...)
	return len(ids), l.err
}

func (l *ledger) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	_, err := l.Retry(ctx, ids...)
	return len(ids) - 1, err
}

func (l *ledger) Keep(context.Context, string, []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept++
	return l.err
}

func (l *ledger) Backup(_ context.Context, w io.Writer) (int64, error) {
	n, err := io.WriteString(w, l.copied)
	if err == nil {
		err = l.cut
	}
	return int64(n), err
}

// An adapter can or cannot authenticate.
type adapter struct {
	chat.Adapter
	err error

	mu     sync.Mutex
	checks int
}

func (*adapter) Name() string { return "slack" }

func (a *adapter) Check(context.Context, chat.Channel) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checks++
	return a.err
}

func (a *adapter) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checks
}

func server(l *ledger, change ...func(*Options)) *Server {
	o := Options{Local: Local{Store: l, Metrics: NewMetrics("1.2"), Version: "1.2", Started: noon}}
	o.Metrics = o.Local.Metrics
	for _, c := range change {
		c(&o)
	}
	return NewServer(o)
}

func get(s *Server, path, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.Host = host
	w := httptest.NewRecorder()
	s.pages.ServeHTTP(w, r)
	return w
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, a := &ledger{}, &adapter{}
		s := server(l, func(o *Options) { o.Adapters = []chat.Adapter{a} })
		want := func(status int, text string) {
			t.Helper()
			if w := get(s, "/readyz", "127.0.0.1:8071"); w.Code != status || !strings.Contains(w.Body.String(), text) {
				t.Errorf("readyz: %d %q, want %d %q", w.Code, w.Body, status, text)
			}
		}
		want(200, "ready")
		want(200, "ready")
		if a.count() != 1 || l.kept != 1 {
			t.Errorf("looked %d and %d times for two questions", a.count(), l.kept)
		}
		a.err = &chat.SendError{Reason: chat.Unauthorized, Err: errors.New("token_revoked")}
		time.Sleep(readyFor)
		want(503, "adapter slack: unauthorized: token_revoked")
		l.err = errors.New("no space left on device")
		time.Sleep(readyFor)
		want(503, "the ledger cannot be written: no space left on device\nadapter slack")
		a.err, l.err = nil, nil
		time.Sleep(readyFor)
		want(200, "ready")
		s.Drain()
		want(503, "stopping")
		if w := get(s, "/healthz", "127.0.0.1:8071"); w.Code != 200 {
			t.Errorf("healthz while stopping: %d", w.Code)
		}
	})
}

// TestHosts asks for pages under names that lead here and should not.
func TestHosts(t *testing.T) {
	s := server(&ledger{}, func(o *Options) { o.Host = "ops.news.example" })
	for host, want := range map[string]int{
		"127.0.0.1:8071": 200, "[::1]:8071": 200, "[::1]": 200, "10.1.2.3": 200, "localhost": 200, "LOCALHOST:8071": 200, "localhost.": 200,
		"bot:8071": 200, "bot.internal": 200, "ops.news.example:8071": 200,
		"evil.example": 421, "evil.example:8071": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "": 421, "127.1.evil": 421,
	} {
		for _, path := range []string{"/", "/healthz", "/readyz", "/metrics"} {
			w := get(s, path, host)
			if path == "/metrics" && w.Code == http.StatusNotImplemented {
				w.Code = 200 // built without
			}
			if w.Code != want {
				t.Errorf("%q%s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

func TestPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that now stands still
		now := time.Now()
		l := &ledger{
			sources: []store.SourceStatus{
				{Source: news.Source{ID: "quay", Name: "<script>alert(1)</script>", URL: "https://user:secret@news.example/?key=secret"}, Entries: 12,
					LastRead: now.Add(-20 * time.Second), Next: now.Add(-90 * time.Second), Problem: `read "news.example": 503`, Failures: 3,
					Gap: store.Gap{From: now.Add(-time.Hour), To: now.Add(-time.Minute)}},
				{Source: news.Source{ID: "pier", Name: "The pier"}, Ended: true},
			},
			backlog: store.Backlog{Due: 1, Waiting: 2, Abandoned: 3, Oldest: now.Add(-time.Minute)},
			held:    []store.Delivery{{ID: 5, Channel: slack, Entry: quay, LastError: "gone: channel_not_found", Enqueued: now.Add(-time.Hour), NextAttempt: now.Add(time.Minute)}},
			given:   []store.Delivery{{ID: 7, Channel: slack, Entry: quay, LastError: "rejected: <i>", Enqueued: now.Add(-72 * time.Hour)}},
		}
		s := server(l, func(o *Options) {
			o.Local.Hubs = func() []Hub {
				return []Hub{{Source: "quay", Hub: "hub.example", State: "denied", Problem: "<u>no</u>"}}
			}
		})
		s.o.Metrics.Delivered("quay", slack, now.Add(-12*time.Second), now.Add(-80*time.Millisecond), now, false)
		w := get(s, "/", "127.0.0.1:8071")
		page := w.Body.String()
		for _, want := range []string{
			"&lt;script&gt;alert(1)", "20 s ago", "90 s", "read &#34;news.example&#34;: 503 (3 times in a row)", "may be missing",
			"12 s / 12 s / 12 s", "80 ms / 80 ms / 80 ms", "gone: channel_not_found", "in 60 s", "rejected: &lt;i&gt;", "3 days ago",
			"&lt;b&gt;Lorries&lt;/b&gt; wait", "hub.example", "&lt;u&gt;no&lt;/u&gt;", "Ended.", "Version 1.2",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		for _, never := range []string{"<script", "secret", "<b>", "<i>", "<u>", "\x1b", "<form", "http://", "https://"} {
			if strings.Contains(page, never) {
				t.Errorf("the page holds %q", never)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'") {
			t.Errorf("policy %q", csp)
		}
		if t.Failed() {
			t.Log(page)
		}
	})
}

// TestTrace follows the links from a source to an entry and its history.
func TestTrace(t *testing.T) {
	s := server(&ledger{})
	w := get(s, "/source?id=quay", "localhost")
	for _, want := range []string{
		`<a href="/entry?source=quay&amp;entry=q1">&lt;b&gt;Lorries&lt;/b&gt; wait</a>`, "corrected", "withdrawn", "14 Mar 12:00:00",
		`<a href="/entry?source=quay&amp;entry=a%26entry%3db%22c">No headline</a>`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the source's page does not say %q:\n%s", want, w.Body)
		}
	}
	w = get(s, "/entry?source=quay&entry=q1", "localhost")
	page := w.Body.String()
	for _, want := range []string{
		"Revision 2, correction, seen 14 Mar 12:00:00", "Revision 1, seen", "Forty &lt;i&gt;lorries&lt;/i&gt;<footer>Una Marsh, harbour master",
		"stands, edited</td><td>14 Mar 13:00:00", "deleted by a person", "told in a roll-up", "not wanted: ferry -sponsored",
		"can be edited no more", "nothing stands", "promised: gone: &lt;u&gt;", "given up: rejected",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the entry's page does not say %q", want)
		}
	}
	if strings.Index(page, "Revision 2") > strings.Index(page, "Revision 1") || strings.Contains(page, "\x1b") {
		t.Errorf("the entry's page:\n%s", page)
	}
	for path, want := range map[string]int{
		"/entry?source=quay&entry=q9": 404, "/entry": 404, "/source": 404, "/source?id=moon": 200,
	} {
		if w := get(s, path, "localhost"); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	s = server(&ledger{err: errors.New("closed")})
	for _, path := range []string{"/source?id=quay", "/entry?source=quay&entry=q1"} {
		if w := get(s, path, "localhost"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s of a closed ledger: %d", path, w.Code)
		}
	}
}

// TestPageWithoutLedger holds that the page says what it could not ask.
func TestPageWithoutLedger(t *testing.T) {
	s := server(&ledger{err: errors.New("ledger <is> closed")})
	w := get(s, "/", "localhost")
	if w.Code != 200 || strings.Count(w.Body.String(), "Not known: ledger &lt;is&gt; closed") != 2 {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}

func TestPageOfManySources(t *testing.T) {
	l := &ledger{}
	for range pageRows + 3 {
		l.sources = append(l.sources, store.SourceStatus{Source: news.Source{ID: "s", Name: "S"}})
	}
	w := get(server(l), "/", "localhost")
	if n := strings.Count(w.Body.String(), "<th scope=\"row\">"); n != pageRows || !strings.Contains(w.Body.String(), "And 3 more") {
		t.Errorf("%d rows", n)
	}
}

func TestPagesChangeNothing(t *testing.T) {
	s := server(&ledger{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"/", "/healthz", callRetry, callBackup} {
			r := httptest.NewRequest(method, path, http.NoBody)
			r.Host = "localhost"
			w := httptest.NewRecorder()
			if s.pages.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	if w := get(s, callBackup, "localhost"); w.Code != http.StatusNotFound {
		t.Errorf("the pages hand out the ledger: %d", w.Code)
	}
	if w := get(s, "/style.css", "localhost"); w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("style: %d", w.Code)
	}
}

func TestLatency(t *testing.T) {
	m := NewMetrics("")
	if a, b, n := m.Latency("quay"); n != 0 || a != b {
		t.Errorf("before any card: %v %v %d", a, b, n)
	}
	for i := 1; i <= 200; i++ {
		seen := noon.Add(-time.Duration(i) * time.Millisecond)
		m.Delivered("quay", slack, noon.Add(-time.Duration(i)*time.Second), seen, noon, false)
		m.Delivered("quay", slack, noon.Add(-time.Hour), noon.Add(-time.Hour), noon, true) // an edit
	}
	m.Delivered("pier", slack, time.Time{}, noon.Add(time.Minute), noon, false) // no time, and a clock that is ahead
	published, seen, n := m.Latency("quay")
	if want := [3]time.Duration{100 * time.Second, 190 * time.Second, 198 * time.Second}; published != want || n != 200 {
		t.Errorf("from publication: %v of %d, want %v", published, n, want)
	}
	if want := [3]time.Duration{100 * time.Millisecond, 190 * time.Millisecond, 198 * time.Millisecond}; seen != want {
		t.Errorf("from sight: %v, want %v", seen, want)
	}
	if a, b, n := m.Latency("pier"); n != 1 || a != [3]time.Duration{} || b != a {
		t.Errorf("no time: %v %v %d", a, b, n)
	}
	if _, _, n := m.Latency(""); n != 201 {
		t.Errorf("%d cards of all", n)
	}
	for range 2 * sourceSamples {
		m.Delivered("quay", slack, noon, noon, noon, false)
	}
	if a, _, n := m.Latency("quay"); n != sourceSamples || a != [3]time.Duration{} {
		t.Errorf("the newest %d: %v", n, a)
	}
}

func TestQuantiles(t *testing.T) {
	for _, tc := range []struct{ values, want []time.Duration }{
		{nil, []time.Duration{0, 0, 0}},
		{[]time.Duration{7}, []time.Duration{7, 7, 7}},
		{[]time.Duration{2, 1}, []time.Duration{1, 2, 2}},
		{[]time.Duration{3, 1, 2}, []time.Duration{2, 3, 3}},
	} {
		if got := quantiles(slices.Clone(tc.values)); !slices.Equal(got[:], tc.want) {
			t.Errorf("of %v: %v, want %v", tc.values, got, tc.want)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	l := make(labels)
	for i := range 3 * maxLabels {
		l.of(time.Duration(i).String())
	}
	if len(l) != maxLabels || l.of("new") != other || l.of("0s") != "0s" {
		t.Errorf("%d labels", len(l))
	}
}

// dial serves an office on a socket and returns a client of it.
func dial(t *testing.T, l *ledger) (c *Client, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pq") // t.TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "s.sock")
	ln, err := ListenSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := server(l)
	go func() { done <- s.Socket(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("socket: %v", err)
		}
	})
	if c, err = Dial(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, path
}

// TestSocket holds that a client gets what the office itself would say.
func TestSocket(t *testing.T) {
	l := &ledger{
		sources: []store.SourceStatus{{Source: news.Source{ID: "quay", Name: "The quay"}, Entries: 3, Next: noon, Problem: "503"}},
		backlog: store.Backlog{Abandoned: 1, Oldest: noon},
		held:    []store.Delivery{{ID: 5, Channel: slack, Kind: store.Notice, Text: "Adapter is paused.", LastError: "unknown: timeout"}},
		given:   []store.Delivery{{ID: 7, Channel: slack, Entry: quay, LastError: "rejected"}, {ID: 8, Channel: slack}},
		copied:  strings.Repeat("ledger", 100_000),
	}
	c, path := dial(t, l)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	local := Local{Store: l, Version: "1.2", Started: noon, Metrics: NewMetrics("")}
	want, err := local.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got.Now, got.Sources[0].Lag, want.Sources[0].Lag = want.Now, 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	wantBox := Outbox{
		Held:      []Delivery{{ID: 5, Channel: "slack:C0QUAY", Kind: store.Notice, Headline: "Adapter is paused.", Reason: "unknown: timeout"}},
		Abandoned: []Delivery{{ID: 7, Channel: "slack:C0QUAY", Source: "quay", Entry: "q1", Headline: "<b>Lorries</b> wait[31m", Reason: "rejected"}},
	}
	box, err := c.Outbox(t.Context(), 1)
	if diff := cmp.Diff(wantBox, box); diff != "" || err != nil {
		t.Errorf("outbox: %v (-want +got):\n%s", err, diff)
	}
	if n, err := c.Retry(t.Context(), 7, 8); n != 2 || err != nil {
		t.Errorf("retry: %d, %v", n, err)
	}
	if n, err := c.Drop(t.Context(), 9); n != 0 || err != nil {
		t.Errorf("drop: %d, %v", n, err)
	}
	if diff := cmp.Diff([]store.DeliveryID{7, 8, 9}, l.ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if list, err := c.History(t.Context(), quay); len(list) != 2 || err != nil {
		t.Errorf("history: %v, %v", list, err)
	}
	if _, err := c.History(t.Context(), news.Ref{Source: "quay", Entry: "?&="}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("history of nothing: %v", err)
	}
	var buf bytes.Buffer
	if n, err := c.Backup(t.Context(), &buf); n != int64(len(l.copied)) || buf.String() != l.copied || err != nil {
		t.Errorf("backup: %d of %d bytes, %v", n, len(l.copied), err)
	}
	if _, err := c.Outbox(t.Context(), 0); err == nil {
		t.Error("a limit of 0 is taken")
	}
}

// TestBackupBreaksOff holds that half a copy is never taken for a whole one.
func TestBackupBreaksOff(t *testing.T) {
	for name, l := range map[string]*ledger{
		"at once":      {cut: errors.New("disk is full")},
		"half-way":     {copied: strings.Repeat("ledger", 100_000), cut: errors.New("disk is full")},
		"within chunk": {copied: "led", cut: errors.New("disk is full")},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := dial(t, l)
			if _, err := c.Backup(t.Context(), io.Discard); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestListenSocket holds what is done about what lies at the path already.
func TestListenSocket(t *testing.T) {
	_, path := dial(t, &ledger{})
	again, err := ListenSocket(t.Context(), path) // as after a crash: the ledger's lock says that nobody else runs
	if err != nil {
		t.Fatalf("over the socket of an earlier run: %v", err)
	}
	again.Close()
	file := filepath.Join(filepath.Dir(path), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket(t.Context(), file); err == nil {
		t.Error("a file is replaced by a socket")
	}
	if data, err := os.ReadFile(file); string(data) != "precious" || err != nil {
		t.Errorf("the file: %q, %v", data, err)
	}
	if _, err := Dial(t.Context(), filepath.Join(filepath.Dir(path), "none")); err == nil {
		t.Error("nobody listens, and somebody answers")
	}
}

// TestOtherVersion holds what a client says to a program that knows other calls.
func TestOtherVersion(t *testing.T) {
	dir, err := os.MkdirTemp("", "pq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	t.Cleanup(func() { srv.Close() })
	go srv.Serve(ln)
	c, err := Dial(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("error: %v", err)
	}
}
