package bot_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pullquote/pullquote/"

// doors says which rooms of ours a room may enter. A test file may enter more:
// only what is built into the program is held to the plan.
var doors = map[string][]string{
	"":                             {"bot/cli"},
	"bot":                          {"bot/news", "bot/chat", "bot/quote", "bot/summary", "bot/rules", "bot/desk", "store"},
	"bot/news":                     {},
	"bot/chat":                     {},
	"bot/demo":                     {},
	"bot/fetch":                    {"bot/news", "bot/parse"},
	"bot/parse":                    {"bot/news"},
	"bot/quote":                    {"bot/news"},
	"bot/summary":                  {"bot/news"},
	"bot/rules":                    {"bot/news"},
	"bot/preview":                  {},
	"bot/desk":                     {"bot/news", "bot/chat", "bot/rules", "store"},
	"bot/config":                   {"bot/news", "bot/chat", "bot/rules"},
	"bot/admin":                    {"bot/news", "bot/chat", "store"},
	"bot/push":                     {"bot/news"},
	"store":                        {"bot/news", "bot/chat"},
	"store/ledger":                 {"store", "bot/news", "bot/chat"},
	"store/bolt":                   {"store", "store/ledger", "bot/news", "bot/chat"},
	"store/postgres":               {"store", "store/ledger", "bot/news", "bot/chat"},
	"store/postgres/pgtest":        {},
	"store/storetest":              {"store", "bot/news", "bot/chat"},
	"adapters/slack":               {"bot/chat"},
	"adapters/discord":             {"bot/chat"},
	"adapters/console":             {"bot/chat"},
	"adapters/adaptertest":         {"bot/chat"},
	"adapters/slack/slacktest":     {},
	"adapters/discord/discordtest": {},
}

// rooms says where a third-party module may be used.
var rooms = map[string][]string{
	"github.com/slack-go/slack":        {"adapters/slack"},
	"github.com/bwmarrin/discordgo":    {"adapters/discord", "adapters/discord/discordtest"},
	"github.com/gorilla/websocket":     {"adapters/slack", "adapters/discord", "adapters/slack/slacktest", "adapters/discord/discordtest"},
	"go.etcd.io/bbolt":                 {"store/bolt"},
	"github.com/jackc/pgx/v5":          {"store/postgres", "store/postgres/pgtest"},
	"github.com/pressly/goose/v3":      {"store/postgres"},
	"github.com/robfig/cron/v3":        {"bot"},
	"github.com/cenkalti/backoff/v5":   {"bot", "adapters/slack", "adapters/discord", "store/postgres"},
	"github.com/mmcdole/gofeed":        {"bot/parse"},
	"github.com/PuerkitoBio/goquery":   {"bot/parse"},
	"github.com/andybalholm/cascadia":  {"bot/parse"},
	"golang.org/x/net/html":            {"bot/parse"},
	"github.com/andybalholm/brotli":    {"bot/fetch"},
	"code.dny.dev/ssrf":                {"bot/fetch"},
	"github.com/goccy/go-yaml":         {"bot/config"},
	"github.com/spf13/cobra":           {"bot/cli"},
	"github.com/prometheus":            {"bot/admin"},
	"github.com/clipperhouse/uax29/v2": {"adapters/slack", "adapters/discord", "adapters/console"},
	"golang.org/x/time/rate":           {"bot", "bot/push", "adapters/slack", "adapters/discord"},
	"golang.org/x/sync":                {"bot", "bot/fetch", "bot/cli"},
	"golang.org/x/net/idna":            {"adapters/discord", "bot/fetch"},
	"golang.org/x/sys/unix":            {"store/postgres"},
	"golang.org/x/text":                {"bot/parse", "adapters/console"},
}

// everywhere are the rooms that may enter every other.
var everywhere = map[string]bool{"bot/cli": true}

// TestDoors reads the imports as text, not through the go command, so that
// test caching notices a bad import in another package.
func TestDoors(t *testing.T) {
	files := 0
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		checkFile(t, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files seen: the test looks in the wrong place", files)
	}
}

func checkFile(t *testing.T, name string) {
	t.Helper()
	room := strings.TrimPrefix(path.Dir(name), ".")
	src, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	allowed, planned := doors[room]
	if !planned && !everywhere[room] {
		t.Errorf("%s: room %q is not in the plan (docs/design.md): add it there and here, or move the file", name, room)
		return
	}
	for _, imp := range f.Imports {
		to, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ours, ok := strings.CutPrefix(to, module); ok {
			if !everywhere[room] && !slices.Contains(allowed, ours) {
				t.Errorf("%s: %q may not import %q", name, room, ours)
			}
			continue
		}
		checkThirdParty(t, name, room, to)
	}
}

func checkThirdParty(t *testing.T, name, room, to string) {
	t.Helper()
	first, _, _ := strings.Cut(to, "/")
	if !strings.Contains(first, ".") {
		return // the standard library
	}
	for mod, in := range rooms {
		if to == mod || strings.HasPrefix(to, mod+"/") {
			if !slices.Contains(in, room) {
				t.Errorf("%s: %s lives in %v, not in %q", name, to, in, room)
			}
			return
		}
	}
	if strings.HasSuffix(room, "test") {
		return // packages for tests use test libraries
	}
	t.Errorf("%s: %s has no room: name one in bot/imports_test.go", name, to)
}
