// Package demo is a live page of our own: a fictional storm that closes a
// harbour bridge, told in about a minute, with a correction and a withdrawn
// entry. First runs and script tests read it over real HTTP.
//
// A [Site] is an [net/http.Handler]; [Listen] serves one on loopback. What the
// page shows depends on the time since its start and on nothing else, so that
// a second reader, or a second run with the same start, sees the same story.
package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/http"
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

// A Site is the demo's web site. It is safe for concurrent use.
type Site struct {
	started atomic.Int64 // unix seconds
	photo   []byte
}

// New returns a Site whose story began at started.
func New(started time.Time) *Site {
	s := &Site{photo: drawBridge()}
	s.Start(started)
	return s
}

// Start sets when the story began.
func (s *Site) Start(started time.Time) { s.started.Store(started.Unix()) }

// Done reports whether the whole story is told at now.
func (s *Site) Done(now time.Time) bool { return now.Sub(s.start()) >= Length }

func (s *Site) start() time.Time { return time.Unix(s.started.Load(), 0).UTC() }

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
		http.ServeContent(w, r, "", s.start(), bytes.NewReader(s.photo))
	default:
		http.NotFound(w, r)
	}
}

func (s *Site) servePage(w http.ResponseWriter, r *http.Request) {
	var buf bytes.Buffer
	view := viewAt(s.start(), time.Since(s.start()), "http://"+r.Host)
	if err := pageTemplate.Execute(&buf, view); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError) // unreachable: the template is constant
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(buf.Bytes())))
	http.ServeContent(w, r, "", view.Modified, bytes.NewReader(buf.Bytes()))
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
	s := &Server{Site: New(started), url: "http://" + l.Addr().String() + Page, done: make(chan struct{})}
	s.http = &http.Server{Handler: s.Site, ReadHeaderTimeout: 5 * time.Second}
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

// drawBridge draws the demo's picture: a bridge under a dark sky.
func drawBridge() []byte {
	const w, h, deck = 480, 240, 150
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	steel, sky, sea := color.RGBA{200, 60, 50, 255}, color.RGBA{60, 70, 90, 255}, color.RGBA{30, 50, 80, 255}
	for y := range h {
		for x := range w {
			c := sky
			if y > deck+30 {
				c = sea
			}
			img.Set(x, y, c)
		}
	}
	for x := range w {
		// The cable hangs between two towers at a quarter and three quarters.
		d := (x%(w/2) - w/4) * (x%(w/2) - w/4) / 160
		cable := min(40+d, deck)
		if x >= w/4 && x < 3*w/4 {
			m := x - w/2
			cable = deck - 10 - (w/4*w/4-(w/4*w/4-m*m))*100/(w/4*w/4)
		}
		for y := range 4 {
			img.Set(x, deck+y, steel)
			img.Set(x, cable+y/2, steel)
		}
		if x%16 == 0 {
			for y := cable; y < deck; y++ {
				img.Set(x, y, steel)
			}
		}
	}
	for _, tower := range []int{w / 4, 3 * w / 4} {
		for x := tower - 4; x < tower+4; x++ {
			for y := 36; y < deck+40; y++ {
				img.Set(x, y, steel)
			}
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		panic("demo: " + err.Error()) // unreachable: a buffer takes everything
	}
	return buf.Bytes()
}
