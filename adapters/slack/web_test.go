package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store/bolt"
)

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"

// A door is where an adapter takes commands over HTTP, and where the answers go.
type door struct {
	*testing.T
	srv     *slacktest.Server
	a       *Adapter
	answers *slacktest.Exchange
	back    string // the response_url
}

// openDoor serves an adapter whose commands come over HTTP.
func openDoor(t *testing.T, p chat.Peers, h chat.Handler) *door {
	t.Helper()
	srv, a, logged := start(t, func(o *Options) { o.SigningSecret, o.AppToken, o.Peers = signingSecret, "", p })
	d := &door{T: t, srv: srv, a: a}
	d.answers, d.back = srv.Exchange(channelID)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, specs, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(logged.String(), signingSecret) {
			t.Error("the secret is in the log")
		}
	})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for d.post(url.Values{}, time.Now(), nil).Code == http.StatusServiceUnavailable {
		<-tick.C
	}
	return d
}

// post posts a form as signed at a time and returns the response.
func (d *door) post(form url.Values, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
	d.Helper()
	body, stamp := form.Encode(), strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(signingSecret))
	fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r := httptest.NewRequestWithContext(d.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	if change != nil {
		change(r)
	}
	out := httptest.NewRecorder()
	d.a.Handler().ServeHTTP(out, r)
	return out
}

func (d *door) command(text string) url.Values {
	return url.Values{"command": {"/latest"}, "text": {text}, "user_id": {"U1"}, "channel_id": {channelID}, "team_id": {"T1"}, "response_url": {d.back}}
}

// answer waits for the n-th answer and returns it.
func (d *door) answer(n int) slacktest.Reply {
	d.Helper()
	if err := d.srv.Wait(10*time.Second, func() bool { return len(d.answers.Replies()) >= n }); err != nil {
		d.Fatal(err)
	}
	return d.answers.Replies()[n-1]
}

// TestDoor answers commands and buttons that Slack posts.
func TestDoor(t *testing.T) {
	got := make(chan chat.Command, 9)
	d := openDoor(t, nil, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		got <- c
		return chat.Reply{Text: "The bridge is open"}, nil
	})
	if out := d.post(d.command("harbour &amp; quay"), time.Now(), nil); out.Code != 200 || out.Body.Len() > 0 {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	if a := d.answer(1); a.Type != "ephemeral" || !strings.Contains(slacktest.Words(a.Blocks), "The bridge is open") {
		t.Errorf("answer %+v", a)
	}
	if c := <-got; c.Name != "latest" || c.Text != "harbour & quay" || c.User != "U1" || c.Tenant != "T1" || c.Channel != channelA {
		t.Errorf("command %+v", c)
	}
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "user": map[string]string{"id": "U1"}, "channel": map[string]string{"id": channelID}, "response_url": d.back,
		"team": map[string]string{"id": "T1"}, "actions": []map[string]string{{"action_id": actionID + "0", "value": "page:2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := d.post(url.Values{"payload": {string(payload)}}, time.Now(), nil); out.Code != 200 {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	d.answer(2)
	if c := <-got; c.Kind != chat.Press || c.Action != "page:2" {
		t.Errorf("press %+v", c)
	}
	if out := d.post(url.Values{"ssl_check": {"1"}}, time.Now(), nil); out.Code != 200 {
		t.Errorf("certificate: %d", out.Code)
	}
}

// TestDoorRefuses is posted what Slack did not post, or not now, or has posted
// already.
func TestDoorRefuses(t *testing.T) {
	for _, shared := range []bool{false, true} {
		var p chat.Peers
		if shared {
			s, err := bolt.Open(filepath.Join(t.TempDir(), "peers.db"), bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			p = s
		}
		d := openDoor(t, p, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
		header := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		now, other := time.Now(), "v0="+strings.Repeat("0", 64)
		for _, tt := range []struct {
			name   string
			form   url.Values
			at     time.Time
			change func(*http.Request)
			code   int
		}{
			{"good", d.command("1"), now, nil, 200},
			{"again", d.command("1"), now, nil, 409},
			{"again, spelt in capitals", d.command("1"), now, func(r *http.Request) {
				sig := r.Header.Get("X-Slack-Signature")
				r.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(sig[len("v0="):]))
			}, 409},
			{"none of ours", url.Values{"command": {"/weather"}}, now, nil, 200},
			{"a get", d.command("2"), now, func(r *http.Request) { r.Method = http.MethodGet }, 405},
			{"no signature", d.command("2"), now, header("X-Slack-Signature", ""), 401},
			{"another signature", d.command("2"), now, header("X-Slack-Signature", other), 401},
			{"an unknown version", d.command("2"), now, header("X-Slack-Signature", "v1="+strings.Repeat("0", 64)), 401},
			{"no time", d.command("2"), now, header("X-Slack-Request-Timestamp", ""), 401},
			{"another time", d.command("2"), now, header("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix()+1, 10)), 401},
			{"another body", d.command("2"), now, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("command=%2Flatest")) }, 401},
			{"old", d.command("2"), now.Add(-6 * time.Minute), nil, 401},
			{"of the future", d.command("2"), now.Add(6 * time.Minute), nil, 401},
			{"too long", d.command(strings.Repeat("x", maxRequest)), now, nil, 413},
		} {
			if out := d.post(tt.form, tt.at, tt.change); out.Code != tt.code {
				t.Errorf("%s, shared %v: %d %s, want %d", tt.name, shared, out.Code, out.Body, tt.code)
			}
		}
		d.answer(1)
		if n := len(d.answers.Replies()); n > 1 {
			t.Errorf("answered %d times", n)
		}
	}
}

// down are peers that cannot agree on anything.
type down struct{ chat.Peers }

func (down) Once(context.Context, string, time.Duration) (bool, error) {
	return false, errors.New("the database is away")
}

// TestDoorPeersDown refuses a command that another replica may have carried
// out, without saying that it was seen.
func TestDoorPeersDown(t *testing.T) {
	d := openDoor(t, down{}, func(context.Context, chat.Command) (chat.Reply, error) {
		t.Error("carried out")
		return chat.Reply{}, nil
	})
	if out := d.post(d.command("1"), time.Now(), nil); out.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

func TestDoorIsShut(t *testing.T) {
	_, a, _ := start(t)
	if a.Handler() != nil {
		t.Error("there is a handler without a secret")
	}
	if s := fmt.Sprintf("%v %+v %#v", a, a, a); strings.Contains(s, signingSecret) {
		t.Error("the secret is printed")
	}
}

// TestManifestOfRequests has commands come over HTTP, and nothing over Socket
// Mode.
func TestManifestOfRequests(t *testing.T) {
	b, err := Manifest("Pullquote", specs, "https://bot.news.example/slack/slack")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m.Settings.SocketMode || m.Settings.Interactivity.URL != "https://bot.news.example/slack/slack" {
		t.Errorf("settings %+v", m.Settings)
	}
	for _, c := range m.Features.Commands {
		if c.URL != m.Settings.Interactivity.URL {
			t.Errorf("command %+v", c)
		}
	}
	for _, bad := range []string{"http://bot.news.example/slack", "bot.news.example", "https://"} {
		if _, err := Manifest("Pullquote", specs, bad); err == nil {
			t.Errorf("%s is an address", bad)
		}
	}
}
