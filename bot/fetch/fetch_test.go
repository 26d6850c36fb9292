package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pullquote/pullquote/bot/news"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feed is a document that bot/parse reads.
const feed = `<?xml version="1.0"?><rss version="2.0"><channel><title>Harbour news</title>
<item><guid>h-2</guid><title>Ferries stop</title><pubDate>Mon, 05 Jan 2026 10:05:00 GMT</pubDate>
<description>No ferry leaves before noon.</description></item>
<item><guid>h-1</guid><title>Bridge closed</title><pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>
<description>The bridge is closed in both directions.</description></item>
</channel></rss>`

func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func newSite(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func sourceAt(address string) news.Source {
	return news.Source{ID: "harbour", Name: "Harbour", URL: address, Private: true}
}

// readError returns err as what Fetch promises it to be.
func readError(t *testing.T, err error) *news.ReadError {
	t.Helper()
	var re *news.ReadError
	if !errors.As(err, &re) {
		t.Fatalf("error is %T %v, not a *news.ReadError", err, err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error is not one line: %q", err)
	}
	return re
}

func TestFetchSendsValidatorsBackVerbatim(t *testing.T) {
	const etag, modified = `W/"a, b\"c"`, "Monday, 05-Jan-26 10:05:00 GMT"
	var asked []http.Header
	site := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Clone())
		if r.Header.Get("If-None-Match") == etag && r.Header.Get("If-Modified-Since") == modified {
			w.Header().Set("Etag", `"another"`)
			w.Header().Set("Cache-Control", "public, max-age=40")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Etag", etag)
		w.Header().Set("Last-Modified", modified)
		w.Header().Set("Set-Cookie", "reader=1")
		io.WriteString(w, feed)
	})
	c := newClient(t, Options{UserAgent: "Test/1 (+https://news.example/bot)"})
	snap, err := c.Fetch(t.Context(), sourceAt(site.URL), news.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Entries) != 2 || snap.Unchanged || snap.Format == "" || snap.Title != "Harbour news" {
		t.Fatalf("first reading: %+v", snap)
	}
	cur := snap.Cursor
	if cur.ETag != etag || cur.LastModified != modified || cur.Format != snap.Format || len(cur.Body) != 64 || cur.Read.IsZero() {
		t.Fatalf("first cursor: %+v", cur)
	}
	again, err := c.Fetch(t.Context(), sourceAt(site.URL), cur)
	if err != nil {
		t.Fatal(err)
	}
	if again.Cursor.Read.Before(cur.Read) {
		t.Errorf("read at %v, before %v", again.Cursor.Read, cur.Read)
	}
	again.Cursor.Read = cur.Read
	if diff := cmp.Diff(news.Snapshot{Unchanged: true, Cursor: cur, Wait: 40 * time.Second}, again); diff != "" {
		t.Errorf("second reading (-want +got):\n%s", diff)
	}
	if asked[0].Get("If-None-Match") != "" || asked[0].Get("If-Modified-Since") != "" {
		t.Errorf("the first request was conditional: %v", asked[0])
	}
	for i, h := range asked {
		if h.Get("User-Agent") != "Test/1 (+https://news.example/bot)" || h.Get("Cookie") != "" || h.Get("Authorization") != "" {
			t.Errorf("request %d: %v", i, h)
		}
	}
}

func TestFetchSameBodyIsUnchanged(t *testing.T) {
	n := 0
	site := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("Cache-Control", "max-age=60")
		if n < 4 { // the fourth answer has no validator any more
			w.Header().Set("Etag", fmt.Sprintf(`"%d"`, n))
		}
		body := feed
		if n == 3 {
			body = strings.Replace(feed, "noon", "two", 1)
		}
		io.WriteString(w, body)
	})
	c := newClient(t, Options{})
	var cur news.Cursor
	for i, want := range []struct {
		unchanged bool
		etag      string
	}{{false, `"1"`}, {true, `"2"`}, {false, `"3"`}, {false, ""}, {true, ""}} {
		snap, err := c.Fetch(t.Context(), sourceAt(site.URL), cur)
		if err != nil {
			t.Fatal(err)
		}
		if snap.Cursor.Format != "rss" {
			t.Errorf("reading %d: the cursor's format is %q", i+1, snap.Cursor.Format)
		}
		if snap.Wait != time.Minute {
			t.Errorf("reading %d: wait is %v", i+1, snap.Wait)
		}
		if snap.Unchanged != want.unchanged || snap.Cursor.ETag != want.etag {
			t.Errorf("reading %d: unchanged %v, etag %q; want %v, %q", i+1, snap.Unchanged, snap.Cursor.ETag, want.unchanged, want.etag)
		}
		cur = snap.Cursor
	}
}

func TestFetchStatus(t *testing.T) {
	date := time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC)
	later := date.Add(90 * time.Second).Format(http.TimeFormat)
	for _, tc := range []struct {
		name   string
		status int
		header map[string]string
		want   string
		gone   bool
		wait   time.Duration
	}{
		{name: "not found", status: 404, want: "404 Not Found"},
		{name: "gone", status: 410, want: "410 Gone", gone: true},
		{name: "too many, in seconds", status: 429, header: map[string]string{"Retry-After": "120"}, want: "429 Too Many Requests", wait: 2 * time.Minute},
		{name: "unavailable, until a date", status: 503, header: map[string]string{"Retry-After": later}, want: "503 Service Unavailable", wait: 90 * time.Second},
		{name: "a day is too long", status: 429, header: map[string]string{"Retry-After": "86400"}, want: "429", wait: time.Hour},
		{name: "more digits than fit", status: 429, header: map[string]string{"Retry-After": "99999999999999999999"}, want: "429", wait: time.Hour},
		{name: "a date that has passed", status: 429, header: map[string]string{"Retry-After": "Mon, 05 Jan 2026 09:00:00 GMT"}, want: "429"},
		{name: "negative", status: 429, header: map[string]string{"Retry-After": "-5"}, want: "429"},
		{name: "words", status: 503, header: map[string]string{"Retry-After": "soon"}, want: "503"},
		{name: "no content", status: 204, want: "204 No Content"},
		{name: "partial", status: 206, want: "206 Partial Content"},
		{name: "unknown status", status: 599, want: "status 599"},
		{name: "not modified, of nothing", status: 304, want: "although nothing was known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			site := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", date.Format(http.TimeFormat))
				for k, v := range tc.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
			})
			_, err := newClient(t, Options{}).Fetch(t.Context(), sourceAt(site.URL), news.Cursor{})
			re := readError(t, err)
			if !strings.Contains(err.Error(), tc.want) || re.Gone != tc.gone || re.RetryAfter != tc.wait {
				t.Errorf("got %q, gone %v, retry after %v; want %q, %v, %v", err, re.Gone, re.RetryAfter, tc.want, tc.gone, tc.wait)
			}
		})
	}
}

func TestFetchUnknownDocument(t *testing.T) {
	site := newSite(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<p>Nothing to see here.</p>") })
	_, err := newClient(t, Options{}).Fetch(t.Context(), sourceAt(site.URL+"/live?key=s3cret"), news.Cursor{})
	readError(t, err)
	host := strings.TrimPrefix(site.URL, "http://")
	if !strings.HasPrefix(err.Error(), "read "+host+": no entries found") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %q", err)
	}
}

func TestGet(t *testing.T) {
	site := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new#entry", http.StatusMovedPermanently)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<p>page</p>")
	})
	c := newClient(t, Options{})
	got, err := c.Get(t.Context(), site.URL+"/old", true)
	if err != nil {
		t.Fatal(err)
	}
	want := Document{URL: site.URL + "/new", ContentType: "text/html; charset=utf-8", Status: 200, Body: []byte("<p>page</p>")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if _, err := c.Get(t.Context(), site.URL, false); err == nil {
		t.Error("a loopback address was read without private")
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var conns atomic.Int32
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.Error(w, strings.Repeat("missing ", 1000), http.StatusNotFound)
		case "/moved":
			w.Header().Set("Location", "/")
			w.WriteHeader(http.StatusFound)
			io.WriteString(w, strings.Repeat("moved ", 1000))
		case "/same":
			w.WriteHeader(http.StatusNotModified)
		default:
			io.WriteString(w, feed)
		}
	}))
	site.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	site.Start()
	t.Cleanup(site.Close)
	c := newClient(t, Options{})
	for range 5 {
		for _, path := range []string{"/", "/missing", "/moved", "/same"} {
			_, _ = c.Fetch(t.Context(), sourceAt(site.URL+path), news.Cursor{ETag: `"x"`}) // how it ends is tested elsewhere
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("20 readings, one after the other, took %d connections; want 1", n)
	}
}

func TestHTTP2(t *testing.T) {
	var conns atomic.Int32
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("asked over %s", r.Proto)
		}
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Etag", `"a"`)
		io.WriteString(w, feed)
		if r.URL.Path == "/endless" {
			for r.Context().Err() == nil {
				io.WriteString(w, feed)
			}
		}
	}))
	site.EnableHTTP2 = true
	site.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	site.StartTLS()
	t.Cleanup(site.Close)
	c := newClient(t, Options{MaxBody: 1 << 20})
	c.private.TLSClientConfig = site.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	c.private.TLSClientConfig.NextProtos = nil
	snap, err := c.Fetch(t.Context(), sourceAt(site.URL), news.Cursor{})
	if err != nil || len(snap.Entries) != 2 {
		t.Fatalf("%+v, %v", snap, err)
	}
	for range 20 {
		if snap, err = c.Fetch(t.Context(), sourceAt(site.URL), snap.Cursor); err != nil || !snap.Unchanged {
			t.Fatalf("%+v, %v", snap, err)
		}
		if _, err := c.Fetch(t.Context(), sourceAt(site.URL+"/endless"), news.Cursor{}); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
			t.Fatalf("a body without end: %v", err)
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections; want 1", n)
	}
}

func TestPerHostLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, readings = 3, 12
		var now atomic.Int32
		leave := make(chan struct{})
		l := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			now.Add(1)
			<-leave
			now.Add(-1)
			io.WriteString(w, feed)
		})
		c := New(Options{PerHost: limit})
		c.private.DialContext = l.dial
		var wg sync.WaitGroup
		for range readings {
			wg.Go(func() {
				if _, err := c.Fetch(t.Context(), sourceAt("http://busy.example/"), news.Cursor{}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		// One more gives up with its context and leaves nothing behind.
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			if _, err := c.Fetch(ctx, sourceAt("http://busy.example/"), news.Cursor{}); !errors.Is(err, context.Canceled) {
				t.Errorf("a reading without a slot: %v; want cancellation", err)
			}
		})
		synctest.Wait()
		cancel()
		for range readings / limit {
			synctest.Wait()
			if n := now.Load(); n > limit {
				t.Errorf("%d requests at the same time; the limit is %d", n, limit)
			}
			for range limit {
				leave <- struct{}{}
			}
		}
		wg.Wait()
		if len(c.hosts.busy) != 0 {
			t.Errorf("hosts still counted: %v", c.hosts.busy)
		}
		c.Close()
	})
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	var open atomic.Int32
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, feed) }))
	closed := make(chan struct{}, 1000)
	site.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			closed <- struct{}{}
		}
	}
	site.Start()
	t.Cleanup(site.Close)
	c := newClient(t, Options{})
	d := newDialer(checkPrivate)
	c.private.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, site.Listener.Addr().String())
	}
	const hosts = maxIdle + 40
	for i := range hosts {
		if _, err := c.Fetch(t.Context(), sourceAt(fmt.Sprintf("http://host%d.example/", i)), news.Cursor{}); err != nil {
			t.Fatal(err)
		}
	}
	for range hosts - maxIdle {
		<-closed
	}
	if n := open.Load(); n > maxIdle {
		t.Errorf("%d connections open after %d hosts; want at most %d", n, hosts, maxIdle)
	}
}

// A pipeListener accepts connections made in memory, which take no real time:
// tests with it run in a synctest bubble.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{} // closed by Close
	once  sync.Once
}

func newPipe() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// serve answers in memory until the test ends.
func serve(t *testing.T, h http.HandlerFunc) *pipeListener {
	l := newPipe()
	server := &http.Server{Handler: h}
	served := make(chan struct{})
	go func() { // ends with server.Close
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return l
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (*pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestSlowSources(t *testing.T) {
	wait := func(r *http.Request, d time.Duration) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}
	trickle := func(w http.ResponseWriter, r *http.Request, text string, every time.Duration) {
		for i := range len(text) {
			if r.Context().Err() != nil {
				return
			}
			io.WriteString(w, text[i:i+1])
			w.(http.Flusher).Flush()
			wait(r, every)
		}
	}
	page := strings.Replace(feed, "noon", strings.Repeat("noon ", 10_000), 1)
	for _, tc := range []struct {
		name   string
		handle http.HandlerFunc
		want   string        // of the error; "" for none
		after  time.Duration // at most
	}{
		{"no headers", func(_ http.ResponseWriter, r *http.Request) { wait(r, time.Hour) }, "timeout awaiting response headers", headerTimeout},
		{"headers in the last second", func(w http.ResponseWriter, r *http.Request) {
			wait(r, 9*time.Second)
			io.WriteString(w, feed)
		}, "", headerTimeout},
		{"a byte a second", func(w http.ResponseWriter, r *http.Request) { trickle(w, r, feed, time.Second) }, "slower than", slowWindow + time.Second},
		{"stops before the end", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, feed[:len(feed)-40])
			w.(http.Flusher).Flush()
			wait(r, time.Hour)
		}, "no complete answer within 30s", defaultTimeout},
		{"slow but steady", func(w http.ResponseWriter, r *http.Request) {
			for part := range strings.SplitSeq(page, "noon ") { // some 25 KB in 10 s
				io.WriteString(w, part+"noon ")
				w.(http.Flusher).Flush()
				wait(r, 2*time.Millisecond)
			}
		}, "", defaultTimeout},
		{"an error page that never ends", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			trickle(w, r, page, time.Second)
		}, "404 Not Found", drainTime},
		{"each redirect takes its time", func(w http.ResponseWriter, r *http.Request) {
			wait(r, 9*time.Second)
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, "no complete answer within 30s", defaultTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := serve(t, tc.handle)
				c := New(Options{})
				c.private.DialContext = l.dial
				start := time.Now()
				_, err := c.Fetch(t.Context(), sourceAt("http://slow.example/"), news.Cursor{})
				took := time.Since(start)
				c.Close()
				if took > tc.after {
					t.Errorf("took %v; want at most %v", took, tc.after)
				}
				if tc.want == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v; want %q", err, tc.want)
				}
			})
		})
	}
}

func TestCancelledReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	site := newSite(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := newClient(t, Options{}).Fetch(ctx, sourceAt(site.URL), news.Cursor{})
	readError(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want cancellation", err)
	}
}

// TestErrorsAreStable holds that a failure reads the same each time, so that a
// log line can be left out when nothing changed, and that nothing of an
// address but its host is in it.
func TestErrorsAreStable(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	hangUp := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	half := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "half")
	})
	noHTTP := newRaw(t, "SSH-2.0-OpenSSH\r\n\r\n")
	bigHeader := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", maxHeaderBytes+4096))
	})
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains about us
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	for _, tc := range []struct{ name, address, want string }{
		{"nobody listens", closed.URL, "connection refused"},
		{"hangs up", hangUp.URL, "the connection closed before the answer was complete"},
		{"half a body", half.URL, "the connection closed before the answer was complete"},
		{"not HTTP", noHTTP, "malformed HTTP"},
		{"headers too large", bigHeader.URL, "headers exceeded"},
		{"unknown authority", untrusted.URL, "certificate"},
		{"a user name", "http://ann:s3cret@127.0.0.1/", "user name or password"},
		{"no URL", "http://[s3cret", "cannot be read"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newClient(t, Options{})
			address := tc.address
			if !strings.Contains(address, "s3cret") {
				address += "/s3cret?token=s3cret"
			}
			_, first := c.Fetch(t.Context(), sourceAt(address), news.Cursor{})
			_, second := c.Fetch(t.Context(), sourceAt(address), news.Cursor{})
			readError(t, first)
			if first.Error() != second.Error() {
				t.Errorf("two texts for one failure:\n%s\n%s", first, second)
			}
			if !strings.Contains(first.Error(), tc.want) || strings.Contains(first.Error(), "s3cret") {
				t.Errorf("got %q; want %q and no secret", first, tc.want)
			}
		})
	}
}

func TestCauses(t *testing.T) {
	expired := x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time 2026-01-05T10:05:00Z is after …", Cert: &x509.Certificate{
		NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC),
	}}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	slow := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: 80}, Err: os.ErrDeadlineExceeded}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&tls.CertificateVerificationError{Err: expired}, "its certificate is valid from 2025-01-01 to 2025-12-31 only: it has expired, or this machine's clock is wrong"},
		{refused, "dial: " + refused.Err.Error()},
		{slow, "dial: timed out"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "news.example", Server: "192.0.2.53:53", IsNotFound: true}}, "no such host"},
		{&net.DNSError{Server: "192.0.2.53:53", IsTimeout: true}, "the name server did not answer in time"},
		{&net.DNSError{Server: "192.0.2.53:53", Err: "server misbehaving"}, "the name server could not be asked"},
		{&net.OpError{Op: "dial", Err: errAddress}, errAddress.Error()},
		{context.Canceled, "interrupted"},
		{errors.New("something else"), "something else"},
	} {
		if got := cause(tc.err); got != tc.want {
			t.Errorf("%v: %q; want %q", tc.err, got, tc.want)
		}
	}
}

// newRaw serves one text, whatever is asked.
func newRaw(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends when the listener closes
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}

// TestUnchangedAllocations holds an unchanged poll near the bare round trip;
// the time is in BenchmarkUnchanged.
func TestUnchangedAllocations(t *testing.T) {
	site := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	c := newClient(t, Options{})
	bare := testing.AllocsPerRun(200, func() { roundTrip(t, c.private, site.URL) })
	src, cur := sourceAt(site.URL), news.Cursor{ETag: `"a"`, LastModified: "Mon, 05 Jan 2026 10:05:00 GMT"}
	ours := testing.AllocsPerRun(200, func() {
		if snap, err := c.Fetch(t.Context(), src, cur); err != nil || !snap.Unchanged {
			t.Fatal(snap, err)
		}
	})
	t.Logf("allocations, client and server: bare %.0f, ours %.0f", bare, ours)
	if ours > 2*bare {
		t.Errorf("an unchanged poll makes %.0f allocations; the bare round trip %.0f", ours, bare)
	}
}

func roundTrip(t testing.TB, rt http.RoundTripper, address string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", `"a"`)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// BenchmarkUnchanged compares an unchanged poll with the bare net/http round
// trip, client and server together.
func BenchmarkUnchanged(b *testing.B) {
	site := newSite(b, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	c := newClient(b, Options{})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			roundTrip(b, c.private, site.URL)
		}
	})
	b.Run("fetch", func(b *testing.B) {
		src, cur := sourceAt(site.URL), news.Cursor{ETag: `"a"`, LastModified: "Mon, 05 Jan 2026 10:05:00 GMT"}
		b.ReportAllocs()
		for b.Loop() {
			if snap, err := c.Fetch(b.Context(), src, cur); err != nil || !snap.Unchanged {
				b.Fatal(snap, err)
			}
		}
	})
}
