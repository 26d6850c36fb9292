package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait: it is only reached when something is broken.
const patience = 30 * time.Second

// A transcript is what a program prints, and can be waited for.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced at each write
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until what was printed matches and returns the first group.
func (l *transcript) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	timeout := time.After(patience)
	for {
		l.mu.Lock()
		m, changed := re.FindStringSubmatch(l.text.String()), l.changed
		l.mu.Unlock()
		if m != nil {
			return m[len(m)-1]
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("no %q in:\n%s", pattern, l)
		}
	}
}

// begin runs the program in this process until stop is called.
func begin(t *testing.T, config string) (out *transcript, stop func()) {
	t.Helper()
	out = newTranscript()
	e := &env{Streams: Streams{In: strings.NewReader(""), Out: out, Err: out}, lookup: func(string) (string, bool) { return "", false }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.run(ctx, runFlags{config: config}) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("run: %v", err)
				}
			case <-time.After(patience):
				t.Errorf("it does not stop:\n%s", out)
			}
		})
	}
	t.Cleanup(stop)
	return out, stop
}

func page(t *testing.T, address string) (int, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const atom = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>The quay</title><id>tag:quay</id><updated>%[1]s</updated>
%[2]s<entry><id>tag:quay,%[3]s</id><title>%[3]s</title><updated>%[1]s</updated><published>%[1]s</published><content>Says the harbour office.</content></entry></feed>`

// A loopbackHub announces a feed and takes subscriptions to it.
type loopbackHub struct {
	*httptest.Server
	t        *testing.T
	mu       sync.Mutex
	asked    []url.Values
	asking   sync.WaitGroup
	verified chan url.Values // what was confirmed
}

func newLoopbackHub(t *testing.T) *loopbackHub {
	h := &loopbackHub{t: t, verified: make(chan url.Values, 10)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /feed", func(w http.ResponseWriter, _ *http.Request) {
		links := fmt.Sprintf(`<link rel="hub" href="%[1]s/hub"/><link rel="self" href="%[1]s/feed"/>`, h.URL)
		fmt.Fprintf(w, atom, time.Now().UTC().Add(-time.Minute).Format(time.RFC3339), links, "Tide turns")
	})
	mux.HandleFunc("POST /hub", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		h.asked = append(h.asked, r.PostForm)
		h.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		h.asking.Go(func() { h.verify(r.PostForm) })
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		h.asking.Wait()
		h.Close()
	})
	return h
}

func (h *loopbackHub) verify(form url.Values) {
	q := url.Values{"hub.mode": {form.Get("hub.mode")}, "hub.topic": {form.Get("hub.topic")}, "hub.challenge": {"say-this"}, "hub.lease_seconds": {"86400"}}
	resp, err := http.Get(form.Get("hub.callback") + "?" + q.Encode())
	if err != nil {
		h.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "say-this" {
		h.t.Errorf("asked back, the answer is %s %q, %v", resp.Status, body, err)
		return
	}
	h.verified <- form
}

func (h *loopbackHub) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.asked)
}

// publish posts an entry to a subscriber, signed with secret.
func (h *loopbackHub) publish(form url.Values, secret, headline string) {
	h.t.Helper()
	body := fmt.Sprintf(atom, time.Now().UTC().Format(time.RFC3339), "", headline)
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, body)
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, form.Get("hub.callback"), strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/atom+xml")
	req.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		h.t.Errorf("published: %s", resp.Status)
	}
}

// A frontDoor is the web server that hubs reach; it passes them on.
type frontDoor struct {
	*httptest.Server
	mu sync.Mutex
	to string
}

func newFrontDoor(t *testing.T) *frontDoor {
	f := &frontDoor{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		f.mu.Lock()
		defer f.mu.Unlock()
		r.SetURL(&url.URL{Scheme: "http", Host: f.to})
	}}
	f.Server = httptest.NewServer(proxy)
	t.Cleanup(f.Close)
	return f
}

func (f *frontDoor) lead(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

// TestPush follows a feed that is read once an hour and whose hub tells at
// once what is new, through a web server in front; over a restart; and looks at
// the operators' pages meanwhile.
func TestPush(t *testing.T) {
	hub, door := newLoopbackHub(t), newFrontDoor(t)
	config := write(t, "config.yaml", fmt.Sprintf(`
store: %s
admin: {listen: "127.0.0.1:0", socket: none}
push: {url: "%s/push", listen: "127.0.0.1:0"}
adapters: [{name: console, platform: console}]
sources:
  - {name: quay, title: The quay, url: "%s/feed", private: true, every: 1h, to: ["console:terminal"]}
`, filepath.Join(t.TempDir(), "test.db"), door.URL, hub.URL))

	out, stop := begin(t, config)
	door.lead(out.await(t, `hubs are answered.* address=(\S+)`))
	form := <-hub.verified
	if form.Get("hub.topic") != hub.URL+"/feed" || !strings.HasPrefix(form.Get("hub.callback"), door.URL+"/push/") {
		t.Errorf("asked for %v", form)
	}
	hub.publish(form, form.Get("hub.secret"), "Ferry in")
	out.await(t, "Ferry in")
	hub.publish(form, "guessed", "Quay is sold")
	hub.publish(form, form.Get("hub.secret"), "Ferry in") // again
	hub.publish(form, form.Get("hub.secret"), "Pilot on board")
	out.await(t, "Pilot on board")

	site := out.await(t, `operators' page.* address=(\S+)`)
	if status, text := page(t, site+"readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, text)
	}
	if status, text := page(t, site); status != http.StatusOK || !strings.Contains(text, "<td>active</td>") || !strings.Contains(text, "The quay") {
		t.Errorf("page: %d\n%s", status, text)
	}
	stop()
	if strings.Contains(out.String(), form.Get("hub.secret")) || strings.Contains(out.String(), filepath.Base(form.Get("hub.callback"))) {
		t.Error("a secret was printed")
	}
	if n := strings.Count(out.String(), "Ferry in"); strings.Contains(out.String(), "Quay is sold") || n != 1 {
		t.Errorf("told wrongly (%d times):\n%s", n, out)
	}

	out, stop = begin(t, config)
	door.lead(out.await(t, `hubs are answered.* address=(\S+)`))
	hub.publish(form, form.Get("hub.secret"), "Crane moves")
	out.await(t, "Crane moves")
	stop()
	if n := hub.requests(); n != 1 {
		t.Errorf("the hub was asked %d times", n)
	}
}

// TestServicesCannotStart holds that an address that cannot be listened on is
// an error and leaves nothing running.
func TestServicesCannotStart(t *testing.T) {
	busy := httptest.NewServer(http.NotFoundHandler())
	defer busy.Close()
	address := strings.TrimPrefix(busy.URL, "http://")
	for name, lines := range map[string]string{
		"admin.listen": fmt.Sprintf("admin: {listen: %q}", address),
		"push.listen":  fmt.Sprintf("push: {url: \"https://bot.example\", listen: %q}", address),
	} {
		config := write(t, "config.yaml", lines+`
store: test.db
adapters: [{name: console, platform: console}]
sources:
  - {name: quay, url: "https://news.example/live", to: ["console:terminal"]}
`)
		status, _, errs := run(t, nil, strings.NewReader(""), "run", "--config", config)
		if status != 1 || !strings.Contains(errs, name) {
			t.Errorf("%s: status %d\n%s", name, status, errs)
		}
	}
}
