package push

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/news"
)

const (
	hubURL   = "https://hub.example/"
	feedURL  = "https://news.example/feed.xml"
	base     = "https://bot.example/push"
	harbour  = news.SourceID("harbour")
	someFeed = `<feed xmlns="http://www.w3.org/2005/Atom"><title>Harbour</title></feed>`
)

// A keeper keeps values in memory.
type keeper struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (k *keeper) Keep(_ context.Context, key string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = make(map[string][]byte)
	}
	if value == nil {
		delete(k.values, key)
		return nil
	}
	k.values[key] = value
	return nil
}

func (k *keeper) KeptAll(_ context.Context, prefix string) (map[string][]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := maps.Clone(k.values)
	maps.DeleteFunc(out, func(key string, _ []byte) bool { return !strings.HasPrefix(key, prefix) })
	return out, nil
}

func (k *keeper) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.values)
}

// A hub is asked through RoundTrip and asks back through the server's handler.
type hub struct {
	t      *testing.T
	server *Server
	status int                   // of answers; 0 means 202
	lease  string                // granted; "" leaves it out
	answer func(form url.Values) // instead of asking back; nil asks back

	mu   sync.Mutex
	got  []asking
	back []int // statuses of the answers when it asked back
}

type asking struct {
	host string
	form url.Values
	at   time.Time
}

func (h *hub) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.got = append(h.got, asking{req.URL.Host, form, time.Now()})
	status, answer := h.status, h.answer
	h.mu.Unlock()
	if status == 0 {
		status = http.StatusAccepted
		if answer == nil {
			answer = h.askBack
		}
		answer(form)
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: req}, nil
}

func (h *hub) askBack(form url.Values) {
	q := url.Values{"hub.mode": {form.Get("hub.mode")}, "hub.topic": {form.Get("hub.topic")}, "hub.challenge": {"a <b>challenge</b>"}}
	if h.lease != "" {
		q.Set("hub.lease_seconds", h.lease)
	}
	w := ask(h.server, form.Get("hub.callback"), q)
	if w.Code == http.StatusOK && w.Body.String() != q.Get("hub.challenge") {
		h.t.Errorf("challenge came back as %q", w.Body)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.back = append(h.back, w.Code)
}

func (h *hub) say(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hub) asked() []asking {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]asking(nil), h.got...)
}

// last returns what the hub was asked last.
func (h *hub) last() url.Values {
	h.t.Helper()
	got := h.asked()
	if len(got) == 0 {
		h.t.Fatal("the hub was not asked")
	}
	return got[len(got)-1].form
}

func ask(s *Server, callback string, q url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, callback+"?"+q.Encode(), http.NoBody))
	return w
}

func post(s *Server, callback, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, callback, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func sign(name string, h func() hash.Hash, secret, body string) string {
	mac := hmac.New(h, []byte(secret))
	io.WriteString(mac, body)
	return name + "=" + hex.EncodeToString(mac.Sum(nil))
}

// A desk is where a server's deliveries go.
type desk struct {
	mu        sync.Mutex
	delivered []string
	hurried   int
	fail      func() error
	followed  []news.Source
	log       bytes.Buffer
}

func (d *desk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(p)
}

func (d *desk) counts() (delivered, hurried int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.delivered), d.hurried
}

func (d *desk) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.String()
}

func (d *desk) options(k *keeper, h http.RoundTripper) Options {
	return Options{
		Callback: base, Keeper: k, MaxBody: 1 << 10,
		Client: func(bool) *http.Client { return &http.Client{Transport: h} },
		Deliver: func(_ context.Context, id news.SourceID, contentType string, body []byte) error {
			d.mu.Lock()
			fail := d.fail
			d.delivered = append(d.delivered, fmt.Sprintf("%s %s %s", id, contentType, body))
			d.mu.Unlock()
			if fail != nil {
				return fail()
			}
			return nil
		},
		Hurry: func(context.Context, news.SourceID) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.hurried++
			return nil
		},
		Followed: func(context.Context) ([]news.Source, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.followed, nil
		},
		Logger: slog.New(slog.NewTextHandler(d, nil)),
	}
}

// start runs a server in a bubble until the test ends or stop is called.
func start(t *testing.T, d *desk, k *keeper, h *hub, change ...func(*Options)) (s *Server, stop func()) {
	t.Helper()
	o := d.options(k, h)
	for _, c := range change {
		c(&o)
	}
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return s, stop
}

func newDesk() *desk { return &desk{followed: []news.Source{source}} }

var source = news.Source{ID: harbour, URL: feedURL}

// following runs a server whose subscription the hub has confirmed.
func following(t *testing.T) (s *Server, d *desk, h *hub, stop func()) {
	t.Helper()
	d, h = newDesk(), &hub{t: t, lease: "864000"}
	s, stop = start(t, d, new(keeper), h)
	s.Follow(source, hubURL, feedURL)
	synctest.Wait()
	if got := s.Statuses(); len(got) != 1 || got[0].State != "active" {
		t.Fatalf("statuses: %+v", got)
	}
	return s, d, h, stop
}

func TestSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		form := h.last()
		token := strings.TrimPrefix(form.Get("hub.callback"), base+"/")
		if len(token) < 26 || strings.Contains(token, "/") {
			t.Errorf("token of %d characters", len(token))
		}
		if len(form.Get("hub.secret")) != 64 {
			t.Errorf("secret of %d characters", len(form.Get("hub.secret")))
		}
		want := []Status{{Source: harbour, Hub: "hub.example", State: "active", Expires: time.Now().Add(10 * 24 * time.Hour)}}
		if diff := cmp.Diff(want, s.Statuses()); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		s.Follow(source, hubURL, feedURL)
		synctest.Wait()
		if n := len(h.asked()); n != 1 {
			t.Errorf("asked %d times for the same", n)
		}
		if said := d.said(); strings.Contains(said, token) || strings.Contains(said, form.Get("hub.secret")) {
			t.Errorf("a secret is in the log:\n%s", said)
		}
	})
}

// TestVerification asks as a hub would not, or not now.
func TestVerification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDesk(), &hub{t: t, answer: func(url.Values) {}}
		s, _ := start(t, d, new(keeper), h)
		s.Follow(source, hubURL, feedURL)
		synctest.Wait()
		callback := h.last().Get("hub.callback")
		right := url.Values{"hub.mode": {"subscribe"}, "hub.topic": {feedURL}, "hub.challenge": {"c"}, "hub.lease_seconds": {"600"}}
		for name, tc := range map[string]struct {
			callback string
			change   url.Values
		}{
			"another topic":         {callback, url.Values{"hub.topic": {feedURL + "?x"}}},
			"no topic":              {callback, url.Values{"hub.topic": {""}}},
			"unsubscribe unasked":   {callback, url.Values{"hub.mode": {"unsubscribe"}}},
			"no mode":               {callback, url.Values{"hub.mode": {""}}},
			"unknown mode":          {callback, url.Values{"hub.mode": {"publish"}}},
			"denial of other topic": {callback, url.Values{"hub.mode": {"denied"}, "hub.topic": {"https://news.example/"}}},
			"unknown token":         {base + "/ABCDEFGHIJKLMNOPQRSTUVWXYZ", nil},
			"no token":              {base + "/", nil},
			"deeper path":           {callback + "/x", nil},
			"other folder":          {strings.Replace(callback, "/push/", "/pull/", 1), nil},
		} {
			q := maps.Clone(right)
			maps.Copy(q, tc.change)
			if w := ask(s, tc.callback, q); w.Code != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", name, w.Code)
			}
		}
		if got := s.Statuses()[0].State; got != "asked" {
			t.Errorf("state %s before the right question", got)
		}
		w := ask(s, callback, right)
		if w.Code != http.StatusOK || w.Body.String() != "c" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("the right question: %d %q %v", w.Code, w.Body, w.Header())
		}
		stripped := strings.Replace(callback, "/push/", "/", 1)
		if w := ask(s, stripped, right); w.Code != http.StatusOK {
			t.Errorf("through a proxy that takes the path off: %d", w.Code)
		}
		time.Sleep(askedFor)
	})
}

// TestRenewal holds when leases of all lengths are renewed.
func TestRenewal(t *testing.T) {
	for lease, want := range map[string]time.Duration{
		"864000":   10 * 24 * time.Hour,
		"3600":     time.Hour,
		"10":       minLease,
		"":         lessLease,
		"-5":       lessLease,
		"soon":     lessLease,
		"99999999": maxLease,
	} {
		t.Run("lease "+lease, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, h := newDesk(), &hub{t: t, lease: lease}
				s, _ := start(t, d, new(keeper), h)
				begin := time.Now()
				s.Follow(source, hubURL, feedURL)
				time.Sleep(want * 74 / 100)
				synctest.Wait()
				if n := len(h.asked()); n != 1 {
					t.Fatalf("asked %d times early", n)
				}
				time.Sleep(want * 7 / 100)
				synctest.Wait()
				got := h.asked()
				if len(got) != 2 {
					t.Fatalf("asked %d times by 81 %% of the lease", len(got))
				}
				if at := got[1].at.Sub(begin); at < want*3/4 || at > want*4/5 {
					t.Errorf("renewed after %v of %v", at, want)
				}
				if a, b := got[0].form.Get("hub.callback"), got[1].form.Get("hub.callback"); a != b {
					t.Error("renewed under another callback")
				}
				if exp := s.Statuses()[0].Expires; exp.Sub(got[1].at) != want {
					t.Errorf("lease until %v after renewal, want %v", exp.Sub(got[1].at), want)
				}
			})
		})
	}
}

// TestHubDown holds that a hub that fails is asked again, ever less often,
// said once, and that a lease that lapses meanwhile is said to have.
func TestHubDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		h.say(http.StatusBadGateway)
		time.Sleep(11 * 24 * time.Hour)
		synctest.Wait()
		if got := s.Statuses()[0]; got.State != "lapsed" || !strings.Contains(got.Problem, "502") {
			t.Errorf("status while the hub is down: %+v", got)
		}
		got := h.asked()
		if n := len(got); n < 8 || n > 40 {
			t.Errorf("asked %d times", n)
		}
		if gap := got[len(got)-1].at.Sub(got[len(got)-2].at); gap < maxBackOff/2 || gap > maxBackOff {
			t.Errorf("last pause %v", gap)
		}
		if n := strings.Count(d.said(), "hub not asked"); n != 1 {
			t.Errorf("said %d times", n)
		}
		h.say(0)
		time.Sleep(maxBackOff)
		synctest.Wait()
		if got := s.Statuses()[0]; got.State != "active" || got.Problem != "" {
			t.Errorf("status once the hub is back: %+v", got)
		}
	})
}

// TestSilentHub holds that a hub that accepts and never asks back is asked
// again later.
func TestSilentHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDesk(), &hub{t: t, answer: func(url.Values) {}}
		s, _ := start(t, d, new(keeper), h)
		s.Follow(source, hubURL, feedURL)
		time.Sleep(verifyWait + verifyWait/5)
		synctest.Wait()
		if n := len(h.asked()); n != 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(h.asked()); n > 40 {
			t.Errorf("asked %d times in a day", n)
		}
	})
}

func TestDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		callback := h.last().Get("hub.callback")
		w := ask(s, callback, url.Values{"hub.mode": {"denied"}, "hub.topic": {feedURL}, "hub.reason": {"no\nfeed"}})
		if w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
		time.Sleep(deniedWait - time.Hour)
		synctest.Wait()
		if n := len(h.asked()); n != 1 {
			t.Errorf("asked %d times within a day", n)
		}
		if got := s.Statuses()[0]; got.State != "denied" || got.Problem != "the hub denied it: no feed" {
			t.Errorf("status: %+v", got)
		}
		if !strings.Contains(d.said(), "hub denied") {
			t.Errorf("log: %s", d.said())
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if got := s.Statuses()[0]; got.State != "active" {
			t.Errorf("a day later: %+v", got)
		}
		if c := s.Counts(); c.Denied != 1 || c.Verified != 2 {
			t.Errorf("counts: %+v", c)
		}
	})
}

// TestUnfollowed ends the subscription of a source that is followed no more.
func TestUnfollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, h := new(keeper), newDesk(), &hub{t: t, lease: "864000"}
		s, _ := start(t, d, k, h)
		s.Follow(source, hubURL, feedURL)
		synctest.Wait()
		d.mu.Lock()
		d.followed = nil
		d.mu.Unlock()
		h.mu.Lock()
		h.answer = func(url.Values) {} // it asks back later
		h.mu.Unlock()
		time.Sleep(followedEvery)
		synctest.Wait()
		form := h.last()
		if form.Get("hub.mode") != "unsubscribe" || form.Has("hub.secret") {
			t.Fatalf("asked for %v", form)
		}
		if w := post(s, form.Get("hub.callback"), someFeed); w.Code != http.StatusGone {
			t.Errorf("content after the end: %d", w.Code)
		}
		h.askBack(form)
		if h.back[len(h.back)-1] != http.StatusOK {
			t.Error("the end was not confirmed")
		}
		synctest.Wait()
		if len(s.Statuses()) != 0 || k.len() != 0 {
			t.Errorf("%d statuses, %d kept", len(s.Statuses()), k.len())
		}
	})
}

// TestUnfollowedHubGone holds that a hub that never confirms an end is not
// asked for ever.
func TestUnfollowedHubGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, h := new(keeper), newDesk(), &hub{t: t, lease: "864000"}
		s, _ := start(t, d, k, h)
		s.Follow(source, hubURL, feedURL)
		synctest.Wait()
		h.say(http.StatusServiceUnavailable)
		d.mu.Lock()
		d.followed = nil
		d.mu.Unlock()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(h.asked()); n != 1+maxLeaves || k.len() != 0 {
			t.Errorf("asked %d times, %d kept", n, k.len())
		}
	})
}

func TestHubMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, h, _ := following(t)
		first := h.last()
		s.Follow(source, "https://newhub.example/", feedURL)
		synctest.Wait()
		if n := len(h.asked()); n != 1 {
			t.Fatalf("a hub that was just asked is left at once: %d requests", n)
		}
		time.Sleep(minStay)
		s.Follow(source, "https://newhub.example/", feedURL)
		synctest.Wait()
		modes := map[string]string{}
		for _, a := range h.asked()[1:] {
			modes[a.host] = a.form.Get("hub.mode")
			if a.host == "newhub.example" && (a.form.Get("hub.secret") == first.Get("hub.secret") || a.form.Get("hub.callback") == first.Get("hub.callback")) {
				t.Error("the new hub is told the old hub's secret or callback")
			}
		}
		if diff := cmp.Diff(map[string]string{"hub.example": "unsubscribe", "newhub.example": "subscribe"}, modes); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		if got := s.Statuses(); len(got) != 1 || got[0].Hub != "newhub.example" {
			t.Errorf("statuses: %+v", got)
		}
	})
}

// TestHubNamedNoMore holds that a hub is left when the feed stops naming one,
// but not for a single reading.
func TestHubNamedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, h, _ := following(t)
		s.Follow(source, "", "")
		s.Follow(source, "", "")
		s.Follow(source, hubURL, feedURL)
		s.Follow(source, "", "")
		s.Follow(source, "", "")
		synctest.Wait()
		if len(s.Statuses()) != 1 {
			t.Fatal("left too early")
		}
		s.Follow(source, "", "")
		synctest.Wait()
		if len(s.Statuses()) != 0 || h.last().Get("hub.mode") != "unsubscribe" {
			t.Errorf("still subscribed; last request %v", h.last())
		}
	})
}

// TestSourceMoves holds that what a hub says of a page is not told as news of
// another that took its place.
func TestSourceMoves(t *testing.T) {
	for name, move := range map[string]func(*Server, *desk){
		"seen by a reading": func(s *Server, _ *desk) { s.Follow(news.Source{ID: harbour, URL: "https://news.example/2"}, "", "") },
		"seen in the configuration": func(_ *Server, d *desk) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.followed = []news.Source{{ID: harbour, URL: "https://news.example/2"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, h, _ := following(t)
				form := h.last()
				move(s, d)
				time.Sleep(followedEvery)
				synctest.Wait()
				w := post(s, form.Get("hub.callback"), someFeed, "X-Hub-Signature", sign("sha256", sha256.New, form.Get("hub.secret"), someFeed))
				if w.Code == http.StatusAccepted || h.last().Get("hub.mode") != "unsubscribe" {
					t.Errorf("status %d; the hub was last asked to %s", w.Code, h.last().Get("hub.mode"))
				}
			})
		})
	}
}

func TestBadAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hub{t: t}
		s, _ := start(t, newDesk(), new(keeper), h)
		for _, address := range []string{
			"ftp://hub.example/", "/hub", "https://user:pass@hub.example/", "https://", "javascript:alert(1)", "https://hub.example/" + strings.Repeat("x", maxURL),
		} {
			s.Follow(source, address, feedURL)
			s.Follow(source, hubURL, address)
		}
		synctest.Wait()
		if n := len(h.asked()); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestRestart holds that subscriptions outlive the program.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, h := new(keeper), newDesk(), &hub{t: t, lease: "864000"}
		s, stop := start(t, d, k, h)
		s.Follow(source, hubURL, feedURL)
		synctest.Wait()
		form := h.last()
		stop()

		s, stop = start(t, d, k, h)
		s.Follow(source, hubURL, feedURL)
		w := post(s, form.Get("hub.callback"), someFeed, "X-Hub-Signature", sign("sha256", sha256.New, form.Get("hub.secret"), someFeed))
		synctest.Wait()
		if n, _ := d.counts(); n != 1 || w.Code != http.StatusAccepted || len(h.asked()) != 1 {
			t.Errorf("status %d, %d delivered, hub asked %d times", w.Code, n, len(h.asked()))
		}
		stop()

		s, _ = start(t, d, k, h, func(o *Options) { o.Callback = "https://moved.example" })
		synctest.Wait()
		if got := h.last(); got.Get("hub.callback") != strings.Replace(form.Get("hub.callback"), base, "https://moved.example", 1) {
			t.Errorf("after the callback moved the hub is told %s", got.Get("hub.callback"))
		}
		if len(s.Statuses()) != 1 {
			t.Errorf("statuses: %+v", s.Statuses())
		}
	})
}

// TestKeptByOthers holds that what cannot be read is left alone.
func TestKeptByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{values: map[string][]byte{"push/A": []byte("{"), "push/B": []byte(`{"Token":"C","Secret":"QQ=="}`), "push/D": []byte(`{"Token":"D"}`)}}
		s, _ := start(t, newDesk(), k, &hub{t: t})
		if n := len(s.Statuses()); n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

func TestSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		callback, secret := h.last().Get("hub.callback"), h.last().Get("hub.secret")
		good := sign("sha256", sha256.New, secret, someFeed)
		want := 0
		for _, tc := range []struct {
			name    string
			headers []string
			good    bool
		}{
			{"sha1", []string{sign("sha1", sha1.New, secret, someFeed)}, true},
			{"sha256", []string{good}, true},
			{"sha384", []string{sign("sha384", sha512.New384, secret, someFeed)}, true},
			{"sha512", []string{sign("sha512", sha512.New, secret, someFeed)}, true},
			{"upper case", []string{strings.ToUpper(good)}, true},
			{"one of two", []string{"sha1=00", good}, true},
			{"none", nil, false},
			{"empty", []string{""}, false},
			{"no method", []string{strings.TrimPrefix(good, "sha256=")}, false},
			{"unknown method", []string{sign("md5", sha256.New, secret, someFeed)}, false},
			{"method of another length", []string{"sha1" + strings.TrimPrefix(good, "sha256")}, false},
			{"another body", []string{sign("sha256", sha256.New, secret, someFeed+" ")}, false},
			{"another secret", []string{sign("sha256", sha256.New, "x"+secret, someFeed)}, false},
			{"empty secret", []string{sign("sha256", sha256.New, "", someFeed)}, false},
			{"cut off", []string{good[:len(good)-2]}, false},
			{"longer", []string{good + "00"}, false},
			{"odd", []string{good[:len(good)-1]}, false},
			{"no hex", []string{"sha256=" + strings.Repeat("zz", 32)}, false},
			{"good one too late", []string{"a=", "b=", "c=", "d=", good}, false},
		} {
			var header []string
			for _, v := range tc.headers {
				header = append(header, "X-Hub-Signature", v)
			}
			if w := post(s, callback, someFeed, header...); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
				t.Errorf("%s: %d %q", tc.name, w.Code, w.Body)
			}
			synctest.Wait()
			if tc.good {
				want++
			}
			if n, _ := d.counts(); n != want {
				t.Errorf("%s: %d delivered, want %d", tc.name, n, want)
				want = n
			}
			time.Sleep(time.Second)
		}
		if c := s.Counts(); c.Accepted != 6 || c.Forged != 13 {
			t.Errorf("counts: %+v", c)
		}
		if _, hurried := d.counts(); hurried != 0 {
			t.Error("a forged content has a source read")
		}
	})
}

// TestContent posts what is no content at all, or too much of it.
func TestContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		callback, secret := h.last().Get("hub.callback"), h.last().Get("hub.secret")
		good := func(body string) []string {
			return []string{"X-Hub-Signature", sign("sha256", sha256.New, secret, body), "Content-Type", "application/atom+xml"}
		}
		huge := strings.Repeat("x", 1<<10+1)
		if w := post(s, callback, huge, good(huge)...); w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("huge: %d", w.Code)
		}
		synctest.Wait()
		if n, hurried := d.counts(); n != 0 || hurried != 1 {
			t.Errorf("huge: %d delivered, %d hurried", n, hurried)
		}
		if w := post(s, callback, someFeed, append(good(someFeed), "Content-Encoding", "gzip")...); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("packed: %d", w.Code)
		}
		r := httptest.NewRequest(http.MethodPut, callback, strings.NewReader(someFeed))
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
			t.Errorf("PUT: %d", w.Code)
		}
		r = httptest.NewRequest(http.MethodPost, callback, io.MultiReader(strings.NewReader("half"), brokenReader{}))
		w = httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
			t.Errorf("broken off: %d", w.Code)
		}
		for host, want := range map[string]int{
			"bot.example": 202, "BOT.example:443": 202, "127.0.0.1:8070": 202, "[::1]:8070": 202, "localhost:8070": 202, "evil.example": 421, "": 421,
		} {
			r := httptest.NewRequest(http.MethodPost, callback, strings.NewReader(someFeed))
			r.Host = host
			w := httptest.NewRecorder()
			if s.ServeHTTP(w, r); w.Code != want {
				t.Errorf("host %q: %d, want %d", host, w.Code, want)
			}
		}
		// A replay brings nothing new, and the ledger knows that; it is taken twice.
		for range 2 {
			if w := post(s, callback, someFeed, good(someFeed)...); w.Code != http.StatusAccepted {
				t.Errorf("replay: %d", w.Code)
			}
		}
		synctest.Wait()
		want := []string{"harbour application/atom+xml " + someFeed, "harbour application/atom+xml " + someFeed}
		if diff := cmp.Diff(want, d.delivered); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestFlood holds that a hub that sends too much is slowed down, and its source
// read instead.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		callback := h.last().Get("hub.callback")
		statuses := map[int]int{}
		for range 100 {
			w := post(s, callback, someFeed)
			statuses[w.Code]++
			if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
		synctest.Wait()
		if diff := cmp.Diff(map[int]int{202: postBurst, 429: 100 - postBurst}, statuses); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		if _, hurried := d.counts(); hurried != 1 {
			t.Errorf("%d hurried", hurried)
		}
		time.Sleep(time.Minute)
		if w := post(s, callback, someFeed); w.Code != http.StatusAccepted {
			t.Errorf("a minute later: %d", w.Code)
		}
	})
}

// TestOverflow holds that content for which there is no room has the source
// read, and that the hub is not kept waiting.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, h, _ := following(t)
		callback, secret := h.last().Get("hub.callback"), h.last().Get("hub.secret")
		gate := make(chan struct{})
		d.fail = func() error { <-gate; return nil }
		for range maxItems + 3 {
			if w := post(s, callback, someFeed, "X-Hub-Signature", sign("sha1", sha1.New, secret, someFeed)); w.Code != http.StatusAccepted {
				t.Fatalf("status %d", w.Code)
			}
			synctest.Wait()
		}
		if c := s.Counts(); c.Overflow != 2 {
			t.Errorf("%d overflowed, want 2", c.Overflow)
		}
		close(gate)
		synctest.Wait()
		if n, hurried := d.counts(); n != maxItems+1 || hurried != 1 {
			t.Errorf("%d delivered, %d hurried", n, hurried)
		}
		if s.queued != 0 {
			t.Errorf("%d bytes are counted as waiting", s.queued)
		}
	})
}

// TestDeliveryFails holds that the source is read when its content is not
// taken.
func TestDeliveryFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("not a feed") },
		"panic": func() error { panic("not a feed") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, d, h, _ := following(t)
				d.fail = fail
				sig := sign("sha256", sha256.New, h.last().Get("hub.secret"), someFeed)
				for range 3 {
					post(s, h.last().Get("hub.callback"), someFeed, "X-Hub-Signature", sig)
					time.Sleep(time.Minute)
				}
				if n, hurried := d.counts(); n != 3 || hurried != 3 {
					t.Errorf("%d delivered, %d hurried", n, hurried)
				}
				if n := strings.Count(d.said(), "pushed content not taken"); n != 1 {
					t.Errorf("said %d times", n)
				}
			})
		})
	}
}

// TestServe brings content over a real connection, and stops.
func TestServe(t *testing.T) {
	d, k := newDesk(), new(keeper)
	h := &hub{t: t, lease: "864000"}
	taken := make(chan struct{})
	o := d.options(k, h)
	o.Deliver = func(context.Context, news.SourceID, string, []byte) error { close(taken); return nil }
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.server = s
	confirmed := make(chan struct{})
	h.answer = func(form url.Values) { h.askBack(form); close(confirmed) }
	ctx, cancel := context.WithCancel(t.Context())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	running.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	s.Follow(source, hubURL, feedURL)
	<-confirmed
	form := h.last()
	address := "http://" + l.Addr().String() + strings.TrimPrefix(form.Get("hub.callback"), "https://bot.example")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(someFeed))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature", sign("sha256", sha256.New, form.Get("hub.secret"), someFeed))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("status %d", resp.StatusCode)
	}
	<-taken
	http.DefaultClient.CloseIdleConnections()
	cancel()
	running.Wait()
}

func TestNewRefuses(t *testing.T) {
	for _, callback := range []string{"", "bot.example", "ftp://bot.example", "https://"} {
		if _, err := New(t.Context(), Options{Callback: callback, Keeper: new(keeper)}); err == nil {
			t.Errorf("callback %q is accepted", callback)
		}
	}
}
