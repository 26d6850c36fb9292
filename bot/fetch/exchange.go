package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	dialTimeout    = 5 * time.Second
	headerTimeout  = 10 * time.Second
	// maxIdle bounds the connections kept open for the next poll. One with TLS
	// holds some 40 KB: 256 of them are 10 MB, however many sources there are.
	maxIdle     = 256
	idleTimeout = 90 * time.Second
)

// newDialer returns a dialler that connects only where check allows. The check
// sees the address that is dialled, after the name was looked up: there is no
// second look-up that could give another answer.
func newDialer(check addressCheck) *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, ControlContext: check.control}
}

func newTransport(d *net.Dialer, perHost int, timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy of the environment would dial past the check
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // unpacked here, under limits
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    perHost,
		IdleConnTimeout:        idleTimeout,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  min(headerTimeout, timeout),
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// An exchange is a request that was answered. It must be closed.
type exchange struct {
	origin *url.URL // as asked for
	url    *url.URL // as answered
	resp   *http.Response
	ended  func() error            // what ended the exchange's context; nil while it goes on
	cancel context.CancelCauseFunc // ends it
	timer  *time.Timer             // ends it with a timeoutError
	hosts  *hosts
	host   *host // whose slot is held; nil if none
}

var (
	headerAccept = []string{"text/html, application/xhtml+xml, application/atom+xml, application/rss+xml, " +
		"application/feed+json, application/json;q=0.9, */*;q=0.5"}
	headerEncoding = []string{"gzip, br, deflate"}
)

// open asks for the address and follows redirects. The answer it returns is a
// document (200, 203) or "not modified" (304); all others are errors.
func (c *Client) open(ctx context.Context, address string, private bool, cur news.Cursor) (*exchange, error) {
	u, err := parseURL(address, private)
	if err != nil {
		return nil, &news.ReadError{Err: err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	x := &exchange{origin: u, url: u, hosts: &c.hosts, cancel: cancel}
	x.ended = func() error { return context.Cause(ctx) }
	x.timer = time.AfterFunc(c.timeout, func() { x.cancel(timeoutError(c.timeout)) })
	transport := c.public
	if private {
		transport = c.private
	}
	header := c.header(cur)
	for range maxRedirects + 1 {
		if err := x.ask(ctx, transport, header); err != nil {
			return nil, x.abort(err)
		}
		next, err := x.redirect(private)
		if err != nil {
			return nil, x.abort(err)
		}
		if next == nil {
			return x.judge(cur)
		}
		x.drain()
		x.url = next
	}
	return nil, x.abort(fmt.Errorf("more than %d redirects", maxRedirects))
}

func (c *Client) header(cur news.Cursor) http.Header {
	h := make(http.Header, 5)
	h["User-Agent"] = c.userAgent
	h["Accept"] = headerAccept
	h["Accept-Encoding"] = headerEncoding
	if cur.ETag != "" {
		h["If-None-Match"] = []string{cur.ETag}
	}
	if cur.LastModified != "" {
		h["If-Modified-Since"] = []string{cur.LastModified}
	}
	return h
}

// ask sends one request to x.url, when its host has a slot free.
func (x *exchange) ask(ctx context.Context, transport *http.Transport, header http.Header) error {
	h, err := x.hosts.acquire(ctx, x.url.Host)
	if err != nil {
		return err
	}
	x.host = h
	req := (&http.Request{Method: http.MethodGet, URL: x.url, Host: x.url.Host, Header: header}).WithContext(ctx)
	x.resp, err = transport.RoundTrip(req) //nolint:bodyclose // closed by the exchange's end
	return err
}

// redirect returns where the answer sends us, nil if nowhere.
func (x *exchange) redirect(private bool) (*url.URL, error) {
	switch x.resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := x.resp.Header.Get("Location")
	if location == "" {
		return nil, fmt.Errorf("%s without a Location", statusText(x.resp.StatusCode))
	}
	if len(location) > maxURL {
		return nil, fmt.Errorf("redirected to a URL longer than %d characters", maxURL)
	}
	to, err := x.url.Parse(location)
	if err != nil {
		return nil, errors.New("redirected to something that is no URL")
	}
	if err := checkURL(to, private); err != nil {
		return nil, fmt.Errorf("redirected to a bad address: %w", err)
	}
	if x.url.Scheme == "https" && to.Scheme != "https" {
		return nil, fmt.Errorf("redirected from https to %s://%s, which is not encrypted", to.Scheme, to.Host)
	}
	return to, nil
}

// judge returns x if the answer is one to read, else an error.
func (x *exchange) judge(cur news.Cursor) (*exchange, error) {
	switch x.resp.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		return x, nil
	case http.StatusNotModified:
		if cur.ETag != "" || cur.LastModified != "" {
			return x, nil
		}
		return nil, x.abort(errors.New("304 Not Modified, although nothing was known"))
	}
	err := &news.ReadError{
		RetryAfter: retryAfter(x.resp.Header, time.Now()),
		Gone:       x.resp.StatusCode == http.StatusGone,
		Err:        x.describe(&statusError{x.resp.StatusCode}),
	}
	x.timer.Reset(drainTime) // the page that goes with it is not worth the wait
	x.close()
	return nil, err
}

// A statusError is an answer that is no document.
type statusError struct{ code int }

// Error names the status.
func (e *statusError) Error() string { return statusText(e.code) }

// statusText names a status in our words, not in the server's.
func statusText(code int) string {
	text := http.StatusText(code)
	if text == "" {
		return fmt.Sprintf("status %d", code)
	}
	return fmt.Sprintf("%d %s", code, text)
}

// Of a body that nobody wants this much is read, to keep its connection.
const (
	drainLimit = 64 << 10
	drainTime  = time.Second
)

// drain ends the answer at hand and gives the host's slot back.
func (x *exchange) drain() {
	if x.resp != nil {
		_, _ = io.CopyN(io.Discard, x.resp.Body, drainLimit) // only to keep the connection
		_ = x.resp.Body.Close()
		x.resp = nil
	}
	x.hosts.release(x.host)
	x.host = nil
}

// close ends the exchange. Calling it again does nothing.
func (x *exchange) close() {
	x.drain()
	x.timer.Stop()
	x.cancel(nil)
}

// abort closes x and returns why, as an error of Fetch.
func (x *exchange) abort(err error) error {
	failed := x.fail(err)
	x.close()
	return failed
}

// fail returns err as an error of Fetch and gives the connection up: the rest
// of a body that failed may never come.
func (x *exchange) fail(err error) error {
	// What ended the context says more than how the transport noticed.
	if ended := x.ended(); ended != nil {
		err = ended
	}
	x.cancel(err)
	return &news.ReadError{Err: x.describe(err)}
}

// hosts counts the requests under way per host.
type hosts struct {
	limit int
	mu    sync.Mutex // guards busy and every host's users
	busy  map[string]*host
}

// A host has requests under way or waiting.
type host struct {
	name  string
	users int
	slots chan struct{} // one token per request under way
}

// acquire takes a slot of the named host, waiting until ctx is done.
func (hs *hosts) acquire(ctx context.Context, name string) (*host, error) {
	hs.mu.Lock()
	h := hs.busy[name]
	if h == nil {
		if hs.busy == nil {
			hs.busy = make(map[string]*host)
		}
		h = &host{name: name, slots: make(chan struct{}, hs.limit)}
		hs.busy[name] = h
	}
	h.users++
	hs.mu.Unlock()
	select {
	case h.slots <- struct{}{}:
		return h, nil
	default:
	}
	select {
	case h.slots <- struct{}{}:
		return h, nil
	case <-ctx.Done():
		hs.leave(h)
		return nil, context.Cause(ctx)
	}
}

// release gives a slot back; nil has none.
func (hs *hosts) release(h *host) {
	if h == nil {
		return
	}
	<-h.slots
	hs.leave(h)
}

func (hs *hosts) leave(h *host) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(hs.busy, h.name)
	}
}
