package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Options is what a Server shows. Local and Metrics are required.
type Options struct {
	Local    Local
	Metrics  *Metrics
	Adapters []chat.Adapter          // whose tokens make the program ready
	Pushes   func() map[string]int64 // what hubs sent, by what became of it; nil: nothing
	Host     string                  // by which the pages may be asked for besides addresses and local names; "" = none
	Logger   *slog.Logger            // nil discards
}

// A Server offers the pages and the socket. Use NewServer.
type Server struct {
	o        Options
	log      *slog.Logger
	draining atomic.Bool
	ready    readiness
	pages    http.Handler
	calls    http.Handler
}

// gauges is what the metrics ask of the server at a scrape.
type gauges struct {
	status func(context.Context) (Status, error)
	pushes func() map[string]int64
	shards func() map[string][]string
}

const (
	// gaugeTime bounds what the ledger is asked for one page.
	gaugeTime = 3 * time.Second
	// stopTime is how long requests under way may take after a stop.
	stopTime = 500 * time.Millisecond
)

// NewServer returns a Server that serves nothing yet.
func NewServer(o Options) *Server {
	s := &Server{o: o, log: o.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if o.Pushes == nil {
		s.o.Pushes = func() map[string]int64 { return nil }
	}
	s.ready = readiness{ledger: o.Local.Store, adapters: o.Adapters}
	s.pages = s.newPages()
	s.calls = newCalls(o.Local)
	return s
}

// Drain makes the server say that it is not ready any more.
func (s *Server) Drain() { s.draining.Store(true) }

// Pages serves health, metrics and the operators' page on l until ctx is done.
// It closes l, and returns nil after ctx is done.
func (s *Server) Pages(ctx context.Context, l net.Listener) error {
	return s.serve(ctx, l, &http.Server{Handler: s.pages, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second})
}

// Socket serves a Client on l until ctx is done. Whoever can open l may do
// everything that an Office can: see ListenSocket.
func (s *Server) Socket(ctx context.Context, l net.Listener) error {
	// A backup takes as long as it takes, so there is no time limit on answers.
	return s.serve(ctx, l, &http.Server{Handler: s.calls})
}

func (s *Server) serve(ctx context.Context, l net.Listener, srv *http.Server) error {
	srv.ReadHeaderTimeout, srv.IdleTimeout, srv.MaxHeaderBytes = 5*time.Second, time.Minute, 16<<10
	srv.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	stopped := make(chan struct{}) // closed when the shutdown has ended
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if srv.Shutdown(last) != nil {
			_ = srv.Close() // who is slow is cut off
		}
	})
	err := srv.Serve(l)
	if stop() {
		return err // it ended by itself
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (s *Server) newPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { sayText(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.o.Metrics.meters.handler(gauges{s.o.Local.Status, s.o.Pushes, s.shards}))
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /source", s.source)
	mux.HandleFunc("GET /entry", s.entry)
	mux.HandleFunc("GET /style.css", style)
	return s.guard(mux)
}

// guard refuses requests that were meant for another host: a page in an
// operator's browser whose name was made to lead here.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !local(r.Host, s.o.Host) {
			sayText(w, http.StatusMisdirectedRequest, "open this page by its address, or by the name that admin.listen has")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether nobody outside can have made the host's name lead
// here: it is an address, the name we listen on, or one that public name
// servers do not answer for.
func local(host, ours string) bool {
	name := strings.ToLower(host)
	if n, _, err := net.SplitHostPort(name); err == nil {
		name = n
	}
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	if name == "" {
		return false
	}
	for _, zone := range []string{".localhost", ".local", ".internal"} {
		if strings.HasSuffix(name, zone) {
			return true
		}
	}
	return name == strings.ToLower(ours) || !strings.Contains(name, ".")
}

func sayText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who asked is gone
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		sayText(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	if problem := s.ready.look(r.Context()); problem != "" {
		sayText(w, http.StatusServiceUnavailable, problem)
		return
	}
	sayText(w, http.StatusOK, "ready")
}

// A readiness knows whether the ledger can be written and the adapters' tokens
// are accepted. It looks now and then, however often it is asked.
type readiness struct {
	ledger interface {
		Keep(ctx context.Context, key string, value []byte) error
	}
	adapters []chat.Adapter

	mu      sync.Mutex // guards what follows; held while it looks
	looked  time.Time
	problem string
}

const (
	readyFor  = 15 * time.Second // how long an answer holds
	readyTime = 5 * time.Second  // for one look
	readyKey  = "admin/ready"
)

// look returns what is wrong; "" for nothing.
func (r *readiness) look(ctx context.Context) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.looked.IsZero() && time.Since(r.looked) < readyFor {
		return r.problem
	}
	// Who asked may be gone before the answer is there, and the next one wants it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTime)
	defer cancel()
	var problems []string
	if err := r.ledger.Keep(ctx, readyKey, []byte(time.Now().UTC().Format(time.RFC3339))); err != nil {
		problems = append(problems, "the ledger cannot be written: "+clip(err.Error(), 300))
	}
	problems = append(problems, r.checkAdapters(ctx)...)
	r.looked, r.problem = time.Now(), strings.Join(problems, "\n")
	return r.problem
}

// checkAdapters asks every adapter whether it can authenticate.
func (r *readiness) checkAdapters(ctx context.Context) (problems []string) {
	found := make([]string, len(r.adapters))
	var asking sync.WaitGroup
	for i, a := range r.adapters {
		asking.Go(func() {
			if err := a.Check(ctx, chat.Channel{Adapter: a.Name()}); err != nil {
				found[i] = "adapter " + a.Name() + ": " + clip(err.Error(), 300)
			}
		})
	}
	asking.Wait()
	for _, f := range found {
		if f != "" {
			problems = append(problems, f)
		}
	}
	return problems
}

func sayJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked is gone
}

// shards returns the gateway connections that adapters keep, by adapter.
func (s *Server) shards() map[string][]string {
	kept := make(map[string][]string)
	for _, a := range s.o.Adapters {
		if c, ok := a.(interface{ Connections() []string }); ok {
			kept[a.Name()] = c.Connections()
		}
	}
	return kept
}
