package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
)

// crashKills is how often TestCrash kills the program, and crashEntries how
// many entries there are by then.
const (
	crashKills   = 50
	crashEntries = 40
)

// crashPage is a live page that grows and is edited while the program dies.
type crashPage struct {
	mu      sync.Mutex
	start   time.Time
	entries []string // headlines, oldest first
}

func (p *crashPage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var updates []map[string]string
	for i, headline := range slices.Backward(p.entries) {
		updates = append(updates, map[string]string{
			"@type": "BlogPosting", "@id": fmt.Sprintf("#quay-%d-%x", i, i*7919+4093), "headline": headline,
			"articleBody":   "The harbour office says more will follow.",
			"datePublished": p.start.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
		})
	}
	page, err := json.Marshal(map[string]any{"@type": "LiveBlogPosting", "headline": "The quay, live", "liveBlogUpdate": updates})
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `<html><head><script type="application/ld+json">%s</script></head></html>`, page)
}

// grow adds an entry while there is room, and edits an earlier one.
func (p *crashPage) grow(r *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.entries); n < crashEntries {
		p.entries = append(p.entries, fmt.Sprintf("Boat number %d comes in", n))
	}
	i := r.IntN(len(p.entries))
	name, edits, _ := strings.Cut(p.entries[i], ", amended")
	p.entries[i] = name + ", amended" + edits + "!"
}

func (p *crashPage) headlines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.entries...)
}

// crashRooms are the channels on both platforms.
type crashRooms struct {
	slack    *slacktest.Server
	discord  *discordtest.Server
	slackIDs []string
	discIDs  []string
}

func newCrashRooms(t *testing.T) *crashRooms {
	r := &crashRooms{slack: slacktest.New(), discord: discordtest.New()}
	t.Cleanup(r.slack.Close)
	t.Cleanup(r.discord.Close)
	for i := range 3 {
		r.slackIDs = append(r.slackIDs, fmt.Sprintf("C0QUAY%d", i))
		r.discIDs = append(r.discIDs, fmt.Sprintf("130000000000000000%d", i))
		r.slack.AddChannel(r.slackIDs[i])
		r.discord.AddChannel(r.discIDs[i])
	}
	return r
}

// accepted returns how many posts and edits took effect.
func (r *crashRooms) accepted() (n int) {
	for _, id := range r.slackIDs {
		n += r.slack.Posts(id)
		for _, m := range r.slack.Messages(id) {
			n += m.Edits
		}
	}
	for _, id := range r.discIDs {
		n += r.discord.Posts(id)
		for _, m := range r.discord.Messages(id) {
			n += m.Edits
		}
	}
	return n
}

var boat = regexp.MustCompile(`Boat number \d+ comes in(?:, amended!+)?`)

// boats returns the headlines in a text, each message's first only.
func boats(messages []string) []string {
	var list []string
	for _, m := range messages {
		list = append(list, boat.FindString(m))
	}
	return list
}

// sees returns the headlines that stand in each channel, oldest first.
func (r *crashRooms) sees() map[string][]string {
	seen := map[string][]string{}
	for _, id := range r.slackIDs {
		var texts []string
		for _, m := range r.slack.Messages(id) {
			texts = append(texts, slacktest.Words(m.Blocks))
		}
		seen[id] = boats(texts)
	}
	for _, id := range r.discIDs {
		var texts []string
		for _, m := range r.discord.Messages(id) {
			texts = append(texts, m.Embeds[0].Title)
		}
		seen[id] = boats(texts)
	}
	return seen
}

// TestCrash kills the program with SIGKILL at random moments of a delivery run
// on both platforms, while entries arrive and change, and starts it again.
// Then every channel shows every entry once, in order, as it now is.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills and starts the program many times; run without -short")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	page := &crashPage{start: time.Now().Add(-time.Hour).UTC()}
	for range 10 {
		page.entries = append(page.entries, fmt.Sprintf("Boat number %d comes in", len(page.entries)))
	}
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)
	rooms := newCrashRooms(t)
	run := crashProgram(t, rooms, site.URL)

	for range crashKills {
		p := run()
		target := rooms.accepted() + 1 + random.IntN(8)
		waitAccepted(t, p, rooms, target)
		p.cmd.Process.Kill()
		<-p.ended
		page.grow(random)
	}
	p := run()
	want := page.headlines()
	err := eventually(func() error {
		for id, got := range rooms.sees() {
			if d := cmp.Diff(want, got); d != "" {
				return fmt.Errorf("channel %s (-want +got):\n%s", id, d)
			}
		}
		return nil
	})
	if err != nil {
		out, _ := p.output()
		t.Errorf("%v\n%s", err, out)
	}
	p.cmd.Process.Kill()
	<-p.ended
}

// waitAccepted waits until the platforms have taken so much, or until there is
// nothing to take: the program has been idle since its last poll.
func waitAccepted(t *testing.T, p *program, rooms *crashRooms, target int) {
	t.Helper()
	idle, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for rooms.accepted() < target {
		select {
		case <-tick.C:
		case <-idle.Done():
			return
		case <-p.ended:
			out, _ := p.output()
			t.Fatalf("the program ended by itself:\n%s", out)
		}
	}
}

// crashProgram returns a function that starts the program.
func crashProgram(t *testing.T, rooms *crashRooms, site string) func() *program {
	t.Helper()
	path, err := exec.LookPath("pullquote")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var to []string
	for i := range rooms.slackIDs {
		to = append(to, fmt.Sprintf(`"slack:%s", "discord:%s"`, rooms.slackIDs[i], rooms.discIDs[i]))
	}
	config := fmt.Sprintf(`store: crash.db
adapters:
  - {name: slack, platform: slack, api_url: %q}
  - {name: discord, platform: discord, api_url: %q}
sources:
  - {name: quay, url: %q, private: true, every: 1s, first_sight: 25, to: [%s]}
`, rooms.slack.URL(), rooms.discord.URL(), site, strings.Join(to, ", "))
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "SLACK_BOT_TOKEN="+rooms.slack.BotToken(), "SLACK_APP_TOKEN="+rooms.slack.AppToken(),
		"DISCORD_BOT_TOKEN="+rooms.discord.Token())
	return func() *program {
		p, err := launch(dir, env, path, "run", "--config", "config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}
