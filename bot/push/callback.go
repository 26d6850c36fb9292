package push

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// Serve answers hubs on l until ctx is done, then lets requests under way end
// within a second. It closes l, and returns nil after ctx is done.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      35 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{}) // closed when the shutdown has ended
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saving)
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

// ServeHTTP answers a hub: a GET asks whether a subscription was meant, a POST
// brings content.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	token, ok := s.token(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if !s.ours(r.Host) {
		http.Error(w, "this is another host", http.StatusMisdirectedRequest)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.verify(w, r, token)
	case http.MethodPost:
		s.content(w, r, token)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
	}
}

// token returns the token in the path. A proxy in front may have taken the
// callback's own path off.
func (s *Server) token(r *http.Request) (token string, ok bool) {
	dir, token := path.Split(r.URL.Path)
	if token == "" || dir != "/" && dir != strings.TrimRight(s.base.Path, "/")+"/" {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return token, s.subs[token] != nil
}

// ours reports whether a request is meant for us: for the callback's host, or
// for an address, as a proxy in front may put it.
func (s *Server) ours(host string) bool {
	if strings.EqualFold(host, s.base.Host) {
		return true
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if strings.EqualFold(name, s.base.Hostname()) || strings.EqualFold(name, "localhost") {
		return true
	}
	_, err = netip.ParseAddr(name)
	return err == nil
}

// maxChallenge bounds what is said back to a hub.
const maxChallenge = 1 << 10

// verify confirms what was asked for, and nothing else.
func (s *Server) verify(w http.ResponseWriter, r *http.Request, token string) {
	q := r.URL.Query()
	mode, topic, challenge := q.Get("hub.mode"), q.Get("hub.topic"), q.Get("hub.challenge")
	if !s.confirm(token, mode, topic, q.Get("hub.reason"), leaseOf(q.Get("hub.lease_seconds"))) || len(challenge) > maxChallenge {
		http.NotFound(w, r)
		return
	}
	s.kick()
	// Never a page: a challenge is whatever somebody sends.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if mode != "denied" {
		_, _ = io.WriteString(w, challenge) // a hub that is gone asks again
	}
}

// leaseOf reads lease_seconds.
func leaseOf(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= 0:
		return lessLease
	case n > int64(maxLease/time.Second):
		return maxLease
	}
	return time.Duration(n) * time.Second
}

// confirm decides what a hub's question means and reports whether the answer
// is yes.
func (s *Server) confirm(token, mode, topic, reason string, granted time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, now := s.subs[token], time.Now()
	if sub == nil || sub.ended || topic != sub.Topic || sub.Asked.IsZero() {
		return false
	}
	recent := now.Sub(sub.Asked) < askedFor
	switch {
	case mode == "subscribe" && recent && sub.State != leaving:
		first := sub.State != active
		sub.grant(granted, now)
		s.counts.verified.Add(1)
		if first {
			s.log.Info("hub tells what is new", "source", sub.Source, "hub", hostOf(sub.Hub), "until", sub.Expires.Round(time.Second))
		}
		return true
	case mode == "unsubscribe" && recent && sub.State == leaving:
		sub.ended, sub.changed = true, true
		return true
	case mode == "denied" && sub.State != leaving:
		sub.deny("the hub denied it: "+short(reason), now)
		s.counts.denied.Add(1)
		s.log.Warn("hub denied the subscription", "source", sub.Source, "hub", hostOf(sub.Hub), "reason", short(reason), "next", sub.Next.Round(time.Second))
		return true
	}
	return false
}

// short makes what a hub says fit for a log.
func short(reason string) string {
	const most = 200
	if len(reason) > most {
		reason = reason[:most]
	}
	reason = strings.Join(strings.Fields(strings.ToValidUTF8(reason, "")), " ")
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// content takes what a hub sends. Whatever is wrong with its signature, it is
// acknowledged: who forges learns nothing, and a hub does not try again.
func (s *Server) content(w http.ResponseWriter, r *http.Request, token string) {
	sub, q, ok := s.receiver(token)
	if !ok {
		http.Error(w, "the subscription has ended", http.StatusGone)
		return
	}
	if !q.limit.Allow() {
		s.counts.limited.Add(1)
		s.later(w, http.StatusTooManyRequests)
		s.hurryNow(q)
		return
	}
	select {
	case s.taking <- struct{}{}:
		defer func() { <-s.taking }()
	default:
		s.counts.limited.Add(1)
		s.later(w, http.StatusServiceUnavailable)
		return
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		http.Error(w, "send it unpacked", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		s.counts.large.Add(1)
		http.Error(w, "too large; the feed will be read", http.StatusRequestEntityTooLarge)
		s.hurryNow(q)
		return
	}
	if err != nil {
		http.Error(w, "the content broke off", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if !signed(r.Header["X-Hub-Signature"], []byte(secretOf(sub.Secret)), body) {
		s.counts.forged.Add(1)
		s.log.Debug("content without a good signature", "source", sub.Source)
		return
	}
	s.counts.accepted.Add(1)
	s.enqueue(q, item{contentType: r.Header.Get("Content-Type"), body: body})
}

func (s *Server) hurryNow(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurry(q)
}

// later asks a hub to come again.
func (s *Server) later(w http.ResponseWriter, status int) {
	w.Header().Set("Retry-After", "60")
	http.Error(w, "too many requests", status)
}

// receiver returns the subscription whose content is taken, and its queue.
func (s *Server) receiver(token string) (subscription, *queue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[token]
	if sub == nil || sub.State == leaving || sub.ended {
		return subscription{}, nil, false
	}
	return *sub, s.queue(sub.Source), true
}
