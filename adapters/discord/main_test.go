package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMain lets more tests run at once than there are processors: those of the
// gateway spend their time waiting, for a second at a time in discordgo.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

const (
	channelID = "1500000000000000001"
	userID    = "1600000000000000001"
)

var channelA = chat.Channel{Adapter: "discord", ID: channelID}

// A syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start returns a server with one channel and an adapter for it. At the end of
// the test every body that went out must have kept to Discord's schema, and no
// log line may hold the token.
func start(t testing.TB) (*discordtest.Server, *Adapter) {
	t.Helper()
	srv := discordtest.New()
	srv.AddChannel(channelID)
	logged := new(syncBuffer)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	a, err := New(Options{
		Name: "discord", Token: srv.Token(), APIURL: srv.URL(), Version: "1",
		HTTPClient: &http.Client{Transport: transport},
		Logger:     slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.retry, a.gap = 10*time.Millisecond, 0
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		if strings.Contains(logged.String(), srv.Token()) {
			t.Error("the token is in the log")
		}
		validate(t, srv.Requests())
	})
	return srv, a
}

const schemaFile = "../../../shared/data/platforms/discord-openapi-v10.json"

// schemas compiles the schemas of the bodies that we send, by pattern of the
// request; nil where the file is not there.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	f, err := os.Open(filepath.FromSlash(schemaFile))
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("discord.json", doc); err != nil {
		return nil, err
	}
	out := map[string]*jsonschema.Schema{}
	for kind, path := range map[string]string{
		"POST thread":     "/components/schemas/CreateTextThreadWithMessageRequest",
		"POST post":       "/components/schemas/CreateForumThreadRequest",
		"PATCH channel":   "/components/schemas/UpdateThreadRequestPartial",
		"POST direct":     "/components/schemas/CreatePrivateChannelRequest",
		"POST messages":   "/components/schemas/MessageCreateRequest",
		"PATCH messages":  "/components/schemas/MessageEditRequestPartial",
		"PUT commands":    "/paths/~1applications~1%7Bapplication_id%7D~1commands/put/requestBody/content/application~1json/schema",
		"POST callback":   "/paths/~1interactions~1%7Binteraction_id%7D~1%7Binteraction_token%7D~1callback/post/requestBody/content/application~1json/schema",
		"PATCH @original": "/components/schemas/IncomingWebhookUpdateRequestPartial",
		"POST webhook":    "/paths/~1webhooks~1%7Bwebhook_id%7D~1%7Bwebhook_token%7D/post/requestBody/content/application~1json/schema",
	} {
		if out[kind], err = c.Compile("discord.json#" + path); err != nil {
			return nil, err
		}
	}
	return out, nil
})

func kindOf(r discordtest.Request) string {
	seg := strings.Split(strings.Trim(r.Path, "/"), "/")
	switch {
	case seg[0] == "channels" && len(seg) == 2:
		return r.Method + " channel"
	case seg[0] == "channels" && len(seg) == 3 && seg[2] == "threads":
		return r.Method + " post"
	case seg[0] == "channels" && len(seg) == 5 && seg[4] == "threads":
		return r.Method + " thread"
	case seg[0] == "users":
		return r.Method + " direct"
	case seg[0] == "channels" && len(seg) == 4:
		return r.Method + " messages"
	case seg[0] == "webhooks" && len(seg) == 3:
		return r.Method + " webhook"
	}
	return r.Method + " " + seg[len(seg)-1]
}

func validate(t testing.TB, requests []discordtest.Request) {
	t.Helper()
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if all == nil {
		if os.Getenv("CI") != "" {
			t.Errorf("%s is not there", schemaFile)
		}
		return
	}
	for _, r := range requests {
		if len(r.Body) == 0 {
			continue
		}
		s := all[kindOf(r)]
		if s == nil {
			t.Errorf("%s %s: no schema for this body", r.Method, r.Path)
			continue
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Body))
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Path, err)
			continue
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s %s: %v\n%s", r.Method, r.Path, err, r.Body)
		}
		if strings.Contains(string(r.Body), "embeds") && !strings.Contains(string(r.Body), `"allowed_mentions":{"parse":[]`) {
			t.Errorf("%s %s: mentions are not switched off", r.Method, r.Path)
		}
	}
}

func TestSchemaIsThere(t *testing.T) {
	all, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if all == nil {
		if os.Getenv("CI") != "" {
			t.Fatal(schemaFile + " is not there")
		}
		t.Skip(schemaFile + " is not there: bodies are not validated against Discord's own schema")
	}
	bad := strings.NewReader(`{"embeds":[{"title":"` + strings.Repeat("x", 257) + `"}]}`)
	v, _ := jsonschema.UnmarshalJSON(bad)
	if all["POST messages"].Validate(v) == nil {
		t.Error("a title of 257 passes: the schema checks nothing")
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
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s\nrewrite with: go test ./adapters/discord -run %s -update", file, d, t.Name())
	}
}

func card(headline string) chat.Card {
	return chat.Card{
		Source: "Harbour Gazette", Headline: headline, URL: "https://gazette.example/live/storm#entry-9",
		Quotes: []chat.Quote{{Text: "The bridge stays shut until the water is down.", Speaker: "Mira Kolbe", Role: "harbour master"}},
		Byline: "Ansel Brandt", Time: time.Date(2026, 3, 14, 14, 32, 0, 0, time.UTC),
	}
}

func post(key string) chat.Post {
	return chat.Post{Channel: channelA, Card: card("Bridge closed"), Key: key}
}

// reason asserts the class of an error and returns it.
func reason(t *testing.T, err error, want chat.Reason) *chat.SendError {
	t.Helper()
	se := &chat.SendError{}
	ok := errors.As(err, &se)
	if !ok {
		t.Fatalf("error is a %T (%v), want a *chat.SendError", err, err)
	}
	if se.Reason != want {
		t.Fatalf("reason %v, want %v: %v", se.Reason, want, err)
	}
	if se.Err == nil {
		t.Fatal("no wrapped error")
	}
	return se
}

// idOf returns the id under which Send returned a message of the channel, by
// its mark.
func idOf(m discordtest.Message) chat.MessageID {
	s, _ := signOf(m.Embeds)
	return ref{id: m.ID, key: s.key}.message()
}

// snowflakeOf returns an id of that time.
func snowflakeOf(at time.Time) string { return strconv.FormatUint(snowflake(at), 10) }
