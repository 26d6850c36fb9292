package discord

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

// An endpoint is the interactions endpoint of an adapter, and who may post there.
type endpoint struct {
	*testing.T
	handler http.Handler
	key     ed25519.PrivateKey
}

// open serves an adapter whose commands come over HTTP.
func open(t *testing.T, p chat.Peers, h chat.Handler) (*discordtest.Server, *endpoint) {
	t.Helper()
	srv, a := start(t)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Options{Name: "discord", Token: a.secret(), APIURL: a.base, PublicKey: hex.EncodeToString(public), Peers: p})
	if err != nil {
		t.Fatal(err)
	}
	b.retry, b.deferAfter = a.retry, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, specs, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	e := &endpoint{T: t, handler: b.Handler(), key: private}
	eventually(t, func() bool {
		b.web.mu.Lock()
		defer b.web.mu.Unlock()
		return b.web.take != nil
	})
	return srv, e
}

// post posts a body as signed at a time and returns the answer.
func (e *endpoint) post(body string, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
	e.Helper()
	stamp := strconv.FormatInt(at.Unix(), 10)
	r := httptest.NewRequestWithContext(e.Context(), http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("X-Signature-Timestamp", stamp)
	r.Header.Set("X-Signature-Ed25519", hex.EncodeToString(ed25519.Sign(e.key, []byte(stamp+body))))
	if change != nil {
		change(r)
	}
	out := httptest.NewRecorder()
	e.handler.ServeHTTP(out, r)
	return out
}

func interactionBody(name string) string {
	return fmt.Sprintf(`{"id":%q,"application_id":%q,"type":2,"token":"dG9rZW4","channel_id":%q,"guild_id":%q,
		"member":{"user":{"id":%q},"permissions":"1024"},"data":{"name":%q,"type":1,"id":"1"}}`,
		snowflakeOf(time.Now()), discordtest.AppID, channelID, discordtest.GuildID, userID, name)
}

// TestEndpoint answers commands that Discord posts, in the response.
func TestEndpoint(t *testing.T) {
	t.Parallel()
	got := make(chan chat.Command, 9)
	srv, e := open(t, nil, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		got <- c
		return chat.Reply{Text: "The bridge is open"}, nil
	})
	out := e.post(interactionBody("latest"), time.Now(), nil)
	var answer struct {
		Type int
		Data struct {
			Flags  int
			Embeds []struct{ Description string }
		}
	}
	if err := json.Unmarshal(out.Body.Bytes(), &answer); err != nil || out.Code != 200 || answer.Type != respondMessage ||
		answer.Data.Flags != ephemeral || len(answer.Data.Embeds) != 1 || answer.Data.Embeds[0].Description != "The bridge is open" {
		t.Errorf("%d %s, %v", out.Code, out.Body, err)
	}
	if c := <-got; c.Name != "latest" || c.User != userID || c.Tenant != discordtest.GuildID || c.Channel != channelA {
		t.Errorf("command %+v", c)
	}
	if n, _ := srv.Sessions(); n != 0 || srv.Connections() != 0 {
		t.Errorf("%d gateway sessions", n)
	}
	if out := e.post(`{"type":1,"id":"1","application_id":"2"}`, time.Now(), nil); out.Code != 200 || strings.TrimSpace(out.Body.String()) != `{"type":1}` {
		t.Errorf("ping: %d %s", out.Code, out.Body)
	}
}

// TestEndpointRefuses is asked what Discord did not ask, or not now, or has asked
// already.
func TestEndpointRefuses(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		var p chat.Peers
		if shared {
			p = peers(t)
		}
		_, e := open(t, p, says("here"))
		body := interactionBody("latest")
		header := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		now := time.Now()
		other := hex.EncodeToString(make([]byte, ed25519.SignatureSize))
		for _, tt := range []struct {
			name   string
			body   string
			at     time.Time
			change func(*http.Request)
			code   int
		}{
			{"good", body, now, nil, 200},
			{"again", body, now, nil, 409},
			{"again in capitals", body, now, func(r *http.Request) {
				r.Header.Set("X-Signature-Ed25519", strings.ToUpper(r.Header.Get("X-Signature-Ed25519")))
			}, 409},
			{"a get", body, now, func(r *http.Request) { r.Method = http.MethodGet }, 405},
			{"no signature", body, now, header("X-Signature-Ed25519", ""), 401},
			{"another signature", body, now, header("X-Signature-Ed25519", other), 401},
			{"half a signature", body, now, header("X-Signature-Ed25519", other[:64]), 401},
			{"no hexadecimal", body, now, header("X-Signature-Ed25519", "zz"), 401},
			{"no time", body, now, header("X-Signature-Timestamp", ""), 401},
			{"another time", body, now, header("X-Signature-Timestamp", strconv.FormatInt(now.Unix()+1, 10)), 401},
			{"another body", body, now, func(r *http.Request) { r.Body = http.NoBody }, 401},
			{"old", interactionBody("latest"), now.Add(-6 * time.Minute), nil, 401},
			{"of the future", interactionBody("latest"), now.Add(6 * time.Minute), nil, 401},
			{"too long", strings.Repeat(" ", maxInteraction) + body, now, nil, 413},
			{"no JSON", "latest", now, nil, 400},
		} {
			if out := e.post(tt.body, tt.at, tt.change); out.Code != tt.code {
				t.Errorf("%s, shared %v: %d %s, want %d", tt.name, shared, out.Code, out.Body, tt.code)
			}
		}
	}
}

// TestEndpointSlowly holds an answer that takes longer, and completes it.
func TestEndpointSlowly(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv, e := open(t, nil, func(context.Context, chat.Command) (chat.Reply, error) {
		<-release
		return chat.Reply{Text: "late"}, nil
	})
	out := e.post(interactionBody("latest"), time.Now(), nil)
	if !bytes.Contains(out.Body.Bytes(), []byte(`"type":5`)) {
		t.Errorf("%d %s", out.Code, out.Body)
	}
	close(release)
	eventually(t, func() bool {
		for _, r := range srv.Requests() {
			if strings.HasSuffix(r.Path, "/webhooks/"+discordtest.AppID+"/dG9rZW4/messages/@original") {
				return true
			}
		}
		return false
	})
}

func TestPublicKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"x", "00", strings.Repeat("z", 64), strings.Repeat("0", 66)} {
		if a, err := New(Options{Name: "discord", Token: "t", PublicKey: key}); err == nil {
			t.Errorf("%q made %v", key, a.name)
		}
	}
	if a, err := New(Options{Name: "discord", Token: "t"}); err != nil || a.Handler() != nil {
		t.Errorf("without a key: %v", err)
	}
}
