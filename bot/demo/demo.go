// Package demo holds live pages of our own, for first runs and tests over real
// HTTP.
//
// A [Site] tells a fictional story: a storm closes a harbour bridge, in about a
// minute, with a correction and a withdrawn entry. It is an
// [net/http.Handler]; [Listen] serves one on loopback. What the page shows
// depends on the time since its start and on nothing else, so that a second
// reader, or a second run with the same start, sees the same story.
//
// [NewScripted] serves files that a test rewrites between polls.
package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Paths of the site.
const (
	Page  = "/harbour-bridge"
	photo = "/bridge.png"
)

// Names returns the demo pages that a configuration may name after "demo:".
func Names() []string { return []string{"harbour-bridge"} }

// Options says when and how fast the story goes.
type Options struct {
	Started time.Time        // when it began; zero means now
	Pace    float64          // 2 tells it twice as fast; 0 means 1
	Now     func() time.Time // the clock; nil means time.Now
}

// A Site is the demo's web site. It is safe for concurrent use.
type Site struct {
	started atomic.Int64 // unix seconds
	pace    float64
	now     func() time.Time
	photo   func() []byte // drawn when first asked for
}

// New returns a Site with its story.
func New(o Options) *Site {
	s := &Site{pace: o.Pace, now: o.Now, photo: sync.OnceValue(drawBridge)}
	if s.pace <= 0 {
		s.pace = 1
	}
	if s.now == nil {
		s.now = time.Now
	}
	if o.Started.IsZero() {
		o.Started = s.now()
	}
	s.Start(o.Started)
	return s
}

// Start sets when the story began, in whole seconds.
func (s *Site) Start(started time.Time) { s.started.Store(started.Unix()) }

// Done reports whether the whole story is told at now.
func (s *Site) Done(now time.Time) bool { return s.age(now) >= Length }

func (s *Site) start() time.Time { return time.Unix(s.started.Load(), 0).UTC() }

// age returns how far the story has come at now.
func (s *Site) age(now time.Time) time.Duration {
	return time.Duration(float64(now.Sub(s.start())) * s.pace)
}

// ServeHTTP answers GET and HEAD for the page and its picture, with
// validators, so that an unchanged page is answered with 304.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page can only be read", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/", Page:
		s.servePage(w, r)
	case photo:
		w.Header().Set("Content-Type", "image/png")
		http.ServeContent(w, r, "", s.start(), bytes.NewReader(s.photo()))
	default:
		http.NotFound(w, r)
	}
}

func (s *Site) servePage(w http.ResponseWriter, r *http.Request) {
	var buf bytes.Buffer
	t := teller{start: s.start(), pace: s.pace, base: "http://" + host(r)}
	view := t.view(s.age(s.now()), r.URL.Query().Has("older"))
	if err := pageTemplate.Execute(&buf, view); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError) // unreachable: the template is constant
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'")
	w.Header().Set("ETag", etag(buf.Bytes()))
	http.ServeContent(w, r, "", view.Modified, bytes.NewReader(buf.Bytes()))
}

func etag(body []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(body)) }

// host returns the host that was asked for, as the page's addresses begin with
// it.
func host(r *http.Request) string {
	odd := func(c rune) bool {
		return !strings.ContainsRune(".-:[]", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}
	if r.Host == "" || len(r.Host) > 255 || strings.ContainsFunc(r.Host, odd) {
		return "localhost"
	}
	return r.Host
}

// A Server is a Site on a loopback address.
type Server struct {
	*Site
	url  string
	http *http.Server
	done chan struct{} // closed when serving has ended
}

// Listen serves a Site that begins at started on a free port of 127.0.0.1
// until Close.
func Listen(ctx context.Context, started time.Time) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve demo page: %w", err)
	}
	s := &Server{Site: New(Options{Started: started}), url: "http://" + l.Addr().String() + Page, done: make(chan struct{})}
	s.http = &http.Server{
		Handler: s.Site, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // a reader that hangs up is no news
	}
	go func() { // ended by Close
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic("demo: " + err.Error()) // unreachable: only Close ends a loopback listener
		}
	}()
	return s, nil
}

// URL returns the page's address.
func (s *Server) URL() string { return s.url }

// Close ends the server, requests under way included.
func (s *Server) Close() {
	_ = s.http.Close() // the listener is ours alone
	<-s.done
}
