package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

// Bounds of the requests by which commands come. Slack's own window for
// replayed requests is five minutes
// (https://docs.slack.dev/authentication/verifying-requests-from-slack).
const (
	maxRequest = 1 << 20 // bytes
	webMemory  = 2 * 5 * time.Minute
	webPeers   = 2 * time.Second // for what must be agreed upon: Slack waits for 3 s
	maxSeen    = 1 << 16         // requests that are remembered by an app that runs alone
)

// A web takes commands as requests of Slack's.
type web struct {
	a      *Adapter
	secret func() string // a function, so that no %+v prints it

	mu   sync.Mutex
	run  func(question) bool // nil while Serve does not run
	read *service
	seen map[string]time.Time // requests, until when they are remembered
}

// newWeb returns nil for no secret.
func newWeb(secret string) *web {
	if secret == "" {
		return nil
	}
	return &web{secret: func() string { return secret }, seen: map[string]time.Time{}}
}

// Handler takes Slack's requests for slash commands and interactivity, nil
// without Options.SigningSecret. Each is checked against the app's signing
// secret, must be new, is acknowledged at once and answered by Serve.
func (a *Adapter) Handler() http.Handler {
	if a.web == nil {
		return nil
	}
	return a.web
}

// serve has commands taken until ctx is done.
func (w *web) serve(ctx context.Context, s *service) {
	run := func(q question) bool {
		if !s.reserve() {
			return false
		}
		s.answer(ctx, q)
		return true
	}
	w.mu.Lock()
	w.run, w.read = run, s
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.run, w.read = nil, nil
	w.mu.Unlock()
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		out.Header().Set("Allow", http.MethodPost)
		http.Error(out, "commands are posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxRequest))
	if err != nil {
		http.Error(out, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	if !w.signed(r.Header, body) {
		http.Error(out, "invalid signature", http.StatusUnauthorized)
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(out, "this is no command", http.StatusBadRequest)
		return
	}
	if form.Has("ssl_check") { // Slack sees whether our certificate is good
		return
	}
	w.take(out, r, form)
}

// signed reports whether the app's secret has signed a request in the last
// minutes.
func (w *web) signed(h http.Header, body []byte) bool {
	v, err := slack.NewSecretsVerifier(h, w.secret())
	if err != nil {
		return false
	}
	if _, err := v.Write(body); err != nil {
		return false
	}
	return v.Ensure() == nil
}

// take has a command that was not seen before answered. What is none of ours is
// acknowledged too.
func (w *web) take(out http.ResponseWriter, r *http.Request, form url.Values) {
	w.mu.Lock()
	run, s := w.run, w.read
	w.mu.Unlock()
	if run == nil {
		http.Error(out, "not now", http.StatusServiceUnavailable)
		return
	}
	q, ok := s.posted(form)
	if !ok {
		return
	}
	first, err := w.first(r.Context(), r.Header.Get("X-Slack-Signature"))
	if err != nil {
		w.a.log.Warn("a command is not carried out: another replica may have done it", "error", err)
	}
	switch {
	case err != nil, first && !run(q):
		http.Error(out, "not now", http.StatusServiceUnavailable)
	case !first:
		http.Error(out, "seen before", http.StatusConflict)
	}
}

// posted reads what was posted; false for what is none of ours.
func (s *service) posted(form url.Values) (question, bool) {
	if payload := form.Get("payload"); payload != "" {
		return s.press([]byte(payload))
	}
	b, err := json.Marshal(slash{
		Command: form.Get("command"), Text: form.Get("text"), UserID: form.Get("user_id"), ChannelID: form.Get("channel_id"),
		TeamID: form.Get("team_id"), ResponseURL: form.Get("response_url"),
	})
	if err != nil {
		return question{}, false // unreachable: they are texts
	}
	return s.slashCommand(b)
}

// first reports whether neither this nor another replica has seen a request.
func (w *web) first(ctx context.Context, signature string) (bool, error) {
	signature = strings.ToLower(signature) // it is good in capitals too, and the same
	if w.a.peers != nil {
		timed, done := context.WithTimeout(ctx, webPeers)
		defer done()
		return w.a.once(timed, signature)
	}
	key := hash(signature)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.seen[key].After(now) {
		return false, nil
	}
	if len(w.seen) >= maxSeen {
		maps.DeleteFunc(w.seen, func(_ string, until time.Time) bool { return !until.After(now) })
	}
	if len(w.seen) >= maxSeen {
		return false, errors.New("too many requests")
	}
	w.seen[key] = now.Add(webMemory)
	return true, nil
}
