package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	channelID = "C0HARBOUR"
	userID    = "U0READER"
)

var channelA = chat.Channel{Adapter: "slack", ID: channelID}

// A logBuffer collects a log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start returns a loopback Slack with one channel and an adapter for it. When
// the test ends, no token may be in the log.
func start(t *testing.T, set ...func(*Options)) (*slacktest.Server, *Adapter, *logBuffer) {
	t.Helper()
	srv := slacktest.New()
	srv.AddChannel(channelID)
	logged := &logBuffer{}
	transport := &http.Transport{}
	o := Options{
		Name: "slack", BotToken: srv.BotToken(), AppToken: srv.AppToken(), APIURL: srv.URL(), Version: "1",
		HTTPClient: &http.Client{Transport: transport}, ReadLag: 50 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range set {
		f(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		noSecret(t, srv, logged.String())
	})
	return srv, a, logged
}

func noSecret(t *testing.T, srv *slacktest.Server, text string) {
	t.Helper()
	for _, secret := range []string{srv.BotToken(), srv.AppToken(), "/response/", "ticket"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// golden compares got, as JSON, with a file.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	// slack-go's own marshalling escapes for HTML; the bytes mean the same.
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(b.String())
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, []byte(plain), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), plain); d != "" {
		t.Errorf("%s (-want +got):\n%s\nrewrite with: go test ./adapters/slack -run %s -update", file, d, t.Name())
	}
}

func card(headline string) chat.Card {
	return chat.Card{
		Source: "Harbour Gazette", Headline: headline, URL: "https://gazette.example/live/storm#entry-9",
		Quotes: []chat.Quote{{Text: "The bridge stays shut until the water is down.", Speaker: "Mira Kolbe", Role: "harbour master"}},
		Byline: "Ansel Brandt", Time: time.Date(2026, 3, 14, 14, 32, 0, 0, time.UTC),
	}
}

func newPost(key string) chat.Post {
	return chat.Post{Channel: channelA, Card: card("Bridge closed"), Key: key}
}

// reason asserts the class of an error and returns it.
func reason(t *testing.T, err error, want chat.Reason) *chat.SendError {
	t.Helper()
	var se *chat.SendError
	if !errors.As(err, &se) {
		t.Fatalf("error is a %T (%v), want a *chat.SendError", err, err)
	}
	if se.Reason != want {
		t.Fatalf("reason %v, want %v: %v", se.Reason, want, err)
	}
	if se.Err == nil {
		t.Fatal("no wrapped error")
	}
	for _, secret := range []string{"xoxb-", "xapp-"} {
		if s := fmt.Sprintf("%v %+v %s", err, *se, se.Remedy); strings.Contains(s, secret) {
			t.Fatalf("a token is in %s", s)
		}
	}
	return se
}

// count returns how many requests used a method.
func count(srv *slacktest.Server, method string) int {
	n := 0
	for _, r := range srv.Requests() {
		if r.Method == method {
			n++
		}
	}
	return n
}
