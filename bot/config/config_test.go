package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

var update = flag.Bool("update", false, "rewrite the expected messages in testdata/bad")

const example = "../../config.example.yaml"

var sameSecret = cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() })

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// fiveFields stands in for the cron parser, which lives in another room.
func fiveFields(spec string) error {
	if n := len(strings.Fields(spec)); n != 5 {
		return fmt.Errorf("%d fields", n)
	}
	return nil
}

// checkProfile stands in for bot/parse: it knows a few keys, and that a bracket
// is closed.
func checkProfile(data []byte) error {
	var p struct{ Name, Mark, Entry, ID, Time, Zone, Headline string }
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return err
	}
	if p.Entry == "" {
		return fmt.Errorf("profile %q selects no entries", p.Name)
	}
	var errs []error
	for _, css := range []string{p.Entry, p.Headline} {
		if strings.Count(css, "[") != strings.Count(css, "]") {
			errs = append(errs, fmt.Errorf("profile %q: selector %q is not closed", p.Name, css))
		}
	}
	return errors.Join(errs...)
}

var options = Options{
	CheckCron: fiveFields, Formats: []string{"rss", "atom", "json-ld"}, Demos: []string{"harbour-bridge"}, CheckProfile: checkProfile,
	Commands: []string{"latest", "quotes", "summary", "help"},
}

func parse(t testing.TB, text string, o Options) (*Config, error) {
	t.Helper()
	return Parse("test.yaml", []byte(text), o)
}

func exampleConfig() *Config {
	return &Config{
		Store:    filepath.FromSlash("../../pullquote.db"),
		Log:      Log{Level: slog.LevelInfo, Format: "text"},
		Limits:   Limits{Body: 15 << 20, Timeout: 30 * time.Second, PerHost: 4},
		Delivery: Delivery{EditWindow: 30 * time.Second, PerMinute: 10, CatchUp: 10},
		Admin:    Admin{Socket: filepath.FromSlash("../../pullquote.db.sock")},
		Push:     Push{Listen: "127.0.0.1:8070"},
		Requests: Requests{Listen: "127.0.0.1:8072"},
		Adapters: []Adapter{
			{Name: "console", Platform: Console},
			{Name: "slack", Platform: Slack, Rate: 1, Inactive: "SLACK_BOT_TOKEN is not set, SLACK_APP_TOKEN is not set"},
			{Name: "discord", Platform: Discord, Rate: 1, Inactive: "DISCORD_BOT_TOKEN is not set"},
		},
		Sources: []Source{{
			Source: news.Source{
				ID: "harbour-bridge", Name: "Storm closes the harbour bridge", URL: "demo:harbour-bridge",
				Schedule: "@every 2s", Newest: 3, MaxAge: 24 * time.Hour,
			},
			Subscriptions: []Subscription{{Channel: chat.Channel{Adapter: "console", ID: "terminal"}}},
		}},
	}
}

func TestExample(t *testing.T) {
	got, err := Load(example, options)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleConfig(), got, sameSecret); diff != "" {
		t.Errorf("config.example.yaml (-want +got):\n%s", diff)
	}
}

func TestExampleWithTokens(t *testing.T) {
	o := options
	o.Getenv = env("SLACK_BOT_TOKEN", "xoxb-1", "SLACK_APP_TOKEN", " xapp-2\n", "DISCORD_BOT_TOKEN", "three")
	got, err := Load(example, o)
	if err != nil {
		t.Fatal(err)
	}
	want := exampleConfig()
	want.Adapters[1].BotToken, want.Adapters[1].AppToken, want.Adapters[1].Inactive = NewSecret("xoxb-1"), NewSecret("xapp-2"), ""
	want.Adapters[2].Token, want.Adapters[2].Inactive = NewSecret("three"), ""
	if diff := cmp.Diff(want, got, sameSecret); diff != "" {
		t.Errorf("config.example.yaml (-want +got):\n%s", diff)
	}
}

// TestExampleShowsDefaults holds what the example says: a key that is left out
// has the value shown.
func TestExampleShowsDefaults(t *testing.T) {
	got, err := Parse(example, []byte(`
adapters:
  - {name: console, platform: console}
  - {name: slack, platform: slack}
  - {name: discord, platform: discord}
sources:
  - name: harbour-bridge
    title: Storm closes the harbour bridge
    url: demo:harbour-bridge
    every: 2s
    first_sight: 3
    to: [console:terminal]
`), options)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleConfig(), got, sameSecret); diff != "" {
		t.Errorf("defaults (-example +without):\n%s", diff)
	}
}

// TestExampleWithCommentsOn reads the lines that the example shows commented
// out, where a person would take the sign away.
func TestExampleWithCommentsOn(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"operators: []             # - ", "operators:\n  - ",
		"profiles: []", "profiles:", "commands: {}", "commands:", "channels: []", "channels:",
		"  # - channel", "  - channel", "  # latest", "  latest",
		"      # - ", "      - ", "      #   ", "        ",
		"  #   ", "    ", "  # - name", "  - name",
	).Replace(string(data))
	o := options
	o.Getenv = env("SLACK_BOT_TOKEN", "xoxb-1", "SLACK_APP_TOKEN", "xapp-2")
	got, err := Parse(example, []byte(text), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sources) != 3 || len(got.Sources[0].Subscriptions) != 5 || got.Sources[1].Schedule != "CRON_TZ=Europe/London */5 8-18 * * mon-fri" ||
		got.Sources[2].Slowest != 5*time.Minute {
		t.Errorf("sources: %+v", got.Sources)
	}
	if subs := got.Sources[0].Subscriptions; !reflect.DeepEqual(subs[4], Subscription{Channel: chat.Channel{Adapter: "discord", ID: "80351110224678913"}}) {
		t.Errorf("a subscription whose keys have the values shown: %+v", subs[4])
	}
	if len(got.Notices) != 2 || !strings.Contains(got.Notices[0], "discord:80351110224678912") {
		t.Errorf("notices: %q", got.Notices)
	}
	if ch := got.Sources[0].Channels(); !got.Active(ch[0]) || !got.Active(ch[1]) || got.Active(ch[2]) || !got.Active(ch[3]) {
		t.Errorf("active channels: %v", ch)
	}
	if got.Commands["latest"] != "news-latest" || len(got.Rooms) != 1 || got.Rooms[0].Quiet != "mon-fri 22:00-07:00 Europe/London" || got.Rooms[0].Pass != "is:key" {
		t.Errorf("commands %v, channels %+v", got.Commands, got.Rooms)
	}
	if len(got.Operators) != 1 || len(got.Profiles) != 1 || got.Profiles[0].Name != "harbour-gazette" ||
		!strings.Contains(string(got.Profiles[0].JSON), `"entry":"article.gazette-live-post"`) {
		t.Errorf("operators %v, profiles %+v", got.Operators, got.Profiles)
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	keys := slices.Concat(topKeys, logKeys, limitKeys, deliveryKeys, adminKeys, pushKeys, sourceKeys, subscriptionKeys, channelKeys)
	for _, p := range platforms {
		keys = append(keys, adapterKeys[Platform(p)]...)
	}
	for _, key := range keys {
		if !regexp.MustCompile(`(?m)^[ #-]*` + key + `:( |$)`).Match(data) {
			t.Errorf("config.example.yaml does not show %s", key)
		}
	}
}

// TestBad reads every file of testdata/bad. Its first lines are comments with
// the problems it holds, each as line:column: message.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	o := options
	o.Getenv = env("SWAPPED_BOT", "xapp-s3cret", "SWAPPED_APP", "xoxb-s3cret", "BROKEN", "s3cret s3cret", "TOWN", "s3cret")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, body := splitWant(string(data))
			_, err = Parse("bad.yaml", []byte(body), o)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v; want an *Error", err)
			}
			var got []string
			for _, p := range e.Problems {
				got = append(got, fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message))
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a secret is shown:\n%v", err)
			}
			if *update {
				rewrite(t, file, got, body)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("problems (-want +got); rewrite with go test ./bot/config -update:\n%s", diff)
			}
		})
	}
}

const wantMark = "# want "

func splitWant(text string) (want []string, body string) {
	for {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok || !strings.HasPrefix(line, wantMark) {
			return want, text
		}
		want, text = append(want, strings.TrimPrefix(line, wantMark)), rest
	}
}

func rewrite(t *testing.T, file string, want []string, body string) {
	t.Helper()
	var b strings.Builder
	for _, w := range want {
		b.WriteString(wantMark + w + "\n")
	}
	if err := os.WriteFile(file, []byte(b.String()+body), 0o644); err != nil {
		t.Fatal(err)
	}
}

const someAdapters = `
adapters:
  - {name: console, platform: console}
  - {name: slack, platform: slack}
  - {name: discord, platform: discord}
`

// TestSubscriptions reads every way a channel is told.
func TestSubscriptions(t *testing.T) {
	c, err := parse(t, someAdapters+`
sources:
  - name: council
    url: https://news.example/
    silent: true
    closing: true
    to:
      - console:terminal
      - {channel: "slack:C024BE91L", style: thread, silent: false, delete_withdrawn: true}
      - channel: discord:80351110224678912
        style: forum
        closing: false
        tags: [Council, "1234"]
      - channel: discord:@80351110224678913
        publish: true
        style: cards
      - channel: slack:@U024BE7LH
`, options)
	if err != nil {
		t.Fatal(err)
	}
	channel := func(s string) chat.Channel {
		ch, err := chat.ParseChannel(s)
		if err != nil {
			t.Fatal(err)
		}
		return ch
	}
	want := []Subscription{
		{Channel: channel("console:terminal"), Silent: true, Closing: true},
		{Channel: channel("slack:C024BE91L"), Style: "thread", Closing: true, Delete: true},
		{Channel: channel("discord:80351110224678912"), Silent: true, Style: "forum", Tags: []string{"Council", "1234"}},
		{Channel: channel("discord:@80351110224678913"), Silent: true, Closing: true, Publish: true},
		{Channel: channel("slack:@U024BE7LH"), Silent: true, Closing: true},
	}
	if diff := cmp.Diff(want, c.Sources[0].Subscriptions); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
}

// TestSlowest holds how long a quiet page is left alone, for what the file says
// of it.
func TestSlowest(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"every: 30s":                  2 * time.Minute,
		"every: 30s, slowest: 10m":    10 * time.Minute,
		"every: 30s, slowest: 30s":    30 * time.Second,
		"every: 2m":                   0,
		"every: 1h":                   0,
		"breaking: true":              0,
		"breaking: true, slowest: 1m": time.Minute,
		`cron: "*/5 * * * *"`:         0,
	} {
		c, err := parse(t, someAdapters+"sources: [{name: a, url: \"https://news.example/\", to: [console:t], "+text+"}]", options)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := c.Sources[0].Slowest; got != want {
			t.Errorf("%s: slowest %v; want %v", text, got, want)
		}
	}
}

// TestSections reads what the whole program is told besides its sources.
func TestSections(t *testing.T) {
	parsed := func(text string) *Config {
		t.Helper()
		c, err := parse(t, someAdapters+text+"\nsources: [{name: a, url: \"https://news.example/\", fragments: noise, to: [console:t]}]", options)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := parsed(`
delivery: {edit_window: 0s, per_minute: 0, catch_up: 0}
admin: {listen: ":8071", socket: none}
push: {url: "https://bot.news.example/push/", listen: "[::1]:8070"}
operators: [console:t, slack:C024BE91L]
profiles:
  - name: gazette
    entry: ".live > article"
    time: time
`)
	got := Config{Delivery: c.Delivery, Admin: c.Admin, Push: c.Push, Operators: c.Operators, Profiles: c.Profiles}
	want := Config{
		Delivery:  Delivery{EditWindow: -1, PerMinute: -1, CatchUp: -1},
		Admin:     Admin{Listen: "127.0.0.1:8071"},
		Push:      Push{URL: "https://bot.news.example/push", Listen: "[::1]:8070"},
		Operators: []chat.Channel{{Adapter: "console", ID: "t"}, {Adapter: "slack", ID: "C024BE91L"}},
		Profiles:  []Profile{{Name: "gazette", JSON: []byte(`{"entry":".live > article","name":"gazette","time":"time"}`)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	if c.Sources[0].Fragments != news.FragmentNoise {
		t.Errorf("fragments %q", c.Sources[0].Fragments)
	}

	c = parsed(`admin: {listen: "0.0.0.0:8071", socket: run/admin.sock}`)
	if c.Admin.Socket != filepath.FromSlash("run/admin.sock") || len(c.Notices) != 1 || !strings.Contains(c.Notices[0], "no password") {
		t.Errorf("socket %q, notices %q", c.Admin.Socket, c.Notices)
	}
}

func TestErrorText(t *testing.T) {
	_, err := parse(t, "store: a.db\nsources:\n  - name: a\n    url: https://news.example/\n    évry: 30s\n\n    to: [console:t]\n", options)
	want := `test.yaml:5:5: a source has no key "évry"; did you mean "every"?
    5 |     évry: 30s
      |     ^
test.yaml:7:10: there is no adapter named "console"
    7 |     to: [console:t]
      |          ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestErrorTextKeepsTabsAndWindowsLines(t *testing.T) {
	_, err := parse(t, "\ufeffstore: a.db\r\nlog: {\tlevel: info}\r\nsources: []\r\n", options)
	if err == nil {
		t.Fatal("no error")
	}
	_, got, _ := strings.Cut(err.Error(), "\n")
	want := "    2 | log: {\tlevel: info}\n      |       \t    ^"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestLimits(t *testing.T) {
	for name, text := range map[string]string{
		"too large":       "# " + strings.Repeat("x", maxFile),
		"deep brackets":   strings.Repeat("[", 50_000),
		"deep braces":     strings.Repeat("{a: ", 50_000),
		"deep dashes":     strings.Repeat("- ", 50_000),
		"not text":        "store: \x00",
		"many mistakes":   "sources:\n" + strings.Repeat("  - {}\n", 2_000),
		"many anchors":    strings.Repeat("&a ", 30_000),
		"an enormous key": strings.Repeat("k", 50_000) + ": x",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := parse(t, text, options)
			var e *Error
			if !errors.As(err, &e) || len(e.Problems) > maxProblems || len(err.Error()) > 64<<10 {
				t.Errorf("got %.200v", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), options); err == nil || !strings.Contains(err.Error(), "config.example.yaml") {
		t.Errorf("no file: %v", err)
	}
}

func TestManySources(t *testing.T) {
	var b strings.Builder
	b.WriteString("adapters: [{name: console, platform: console}]\nsources:\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "  - {name: s%d, url: \"https://news%d.example/live\", to: [console:t]}\n", i, i)
	}
	c, err := parse(t, b.String(), options)
	if err != nil || len(c.Sources) != 5000 {
		t.Fatalf("%v", err)
	}
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bot", "xoxb-1\n")
	write("app", "xapp-2\r\n")
	write("empty", "\n")
	write("two", "one\ntwo\n")
	write("large", strings.Repeat("x", maxToken+1))
	config := func(bot string) string {
		return "adapters: [{name: slack, platform: slack, bot_token_file: " + bot + ", app_token_file: app}]\n" +
			"sources: [{name: a, url: \"https://news.example/\", to: [slack:C024BE91L]}]\n"
	}
	path := filepath.Join(dir, "config.yaml")
	c, err := Parse(path, []byte(config("bot")), options)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Adapters[0]; a.BotToken.Reveal() != "xoxb-1" || a.AppToken.Reveal() != "xapp-2" || a.Inactive != "" {
		t.Errorf("got %+v", a)
	}
	if c.Store != filepath.Join(dir, "pullquote.db") {
		t.Errorf("store at %s", c.Store)
	}
	for bot, want := range map[string]string{
		"none": "no such file", "empty": "holds no token", "two": "line breaks", "large": "holds no token", "app": "the app-level token",
	} {
		_, err := Parse(path, []byte(config(bot)), options)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", bot, err, want)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	const canary = "s3cret-canary"
	s := NewSecret(canary)
	type holder struct {
		Open   Secret
		closed Secret
		ptr    *Secret
	}
	c := &Config{Adapters: []Adapter{{Name: "a", BotToken: s, AppToken: s, Token: s}}}
	h := holder{s, s, &s}
	var out strings.Builder
	for _, v := range []any{s, &s, h, &h, []Secret{s}, map[string]Secret{"k": s}, c, *c, fmt.Errorf("x: %v", s)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if data, err := json.Marshal(v); err == nil {
			out.Write(data)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "s", s, "ptr", &s, "holder", h, "config", c)
	}
	hexed := fmt.Sprintf("%x", canary)
	if got := out.String(); strings.Contains(got, canary) || strings.Contains(strings.ToLower(got), hexed) || !strings.Contains(got, redacted) {
		t.Errorf("the secret is shown, or nothing is:\n%s", got)
	}
	if fmt.Sprintf("%#v", s) != redacted || s.LogValue().String() != redacted {
		t.Errorf("%#v, %v; want %s", s, s.LogValue(), redacted)
	}
	if s.Reveal() != canary || s.IsZero() || !NewSecret("").IsZero() || NewSecret("").String() != "" {
		t.Error("Reveal or IsZero is wrong")
	}
}

func TestSuggest(t *testing.T) {
	keys := []string{"every", "cron", "first_sight", "to"}
	for word, want := range map[string]string{
		"evry": "every", "eveyr": "every", "Every": "every", "first-sight": "first_sight", "firstsight": "first_sight", "corn": "cron",
		"too": "to", "colour": "", "": "", strings.Repeat("x", 1000): "",
	} {
		got := suggest(word, keys)
		if want != "" {
			want = fmt.Sprintf("; did you mean %q?", want)
		}
		if got != want {
			t.Errorf("%.20q: %q; want %q", word, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, example) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	o := options
	o.Getenv = func(string) (string, bool) { return "xoxb-CANARY", true }
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "_file") {
			t.Skip("would open files")
		}
		c, err := Parse("fuzz.yaml", data, o)
		if err == nil {
			for _, s := range c.Sources {
				if s.ID == "" || s.URL == "" || s.Schedule == "" || len(s.Subscriptions) == 0 {
					t.Errorf("half a source: %+v", s)
				}
			}
			if strings.Contains(fmt.Sprintf("%+v", c), "CANARY") {
				t.Error("a token is shown")
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || len(e.Problems) == 0 {
			t.Fatalf("got %T %v", err, err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, p := range e.Problems {
			if p.Line < 0 || p.Line > lines || p.Message == "" || strings.Contains(p.Message, "CANARY") {
				t.Errorf("%d lines, problem %+v", lines, p)
			}
		}
	})
}
