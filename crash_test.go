package main

import (
	"context"
	"encoding/json"
	"flag"
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

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
)

// crashPoints is how often TestCrash kills the program. The long run is
//
//	go test -run 'TestCrash$' -crash.points=500 -timeout 60m .
var crashPoints = flag.Int("crash.points", 50, "how often TestCrash kills the program")

// What there is by the end: entries, and channels on each platform.
const (
	crashEntries  = 200
	crashChannels = 10
)

// crashPage is a live page that grows, is edited and loses entries while the
// program dies.
type crashPage struct {
	mu      sync.Mutex
	start   time.Time
	entries []crashEntry // oldest first
}

type crashEntry struct {
	headline string
	gone     bool // taken off the page
}

func (p *crashPage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var updates []map[string]string
	for i, e := range slices.Backward(p.entries) {
		if e.gone {
			continue
		}
		updates = append(updates, map[string]string{
			"@type": "BlogPosting", "@id": fmt.Sprintf("#quay-%d-%x", i, i*7919+4093), "headline": e.headline,
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

// grow adds entries until there are n, edits an earlier one, and now and then
// takes one off that stands between others.
func (p *crashPage) grow(n int, r *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.entries) < n {
		p.entries = append(p.entries, crashEntry{headline: fmt.Sprintf("Boat number %d comes in", len(p.entries))})
	}
	if e := &p.entries[r.IntN(len(p.entries))]; !e.gone && strings.Count(e.headline, "!") < 5 {
		name, edits, _ := strings.Cut(e.headline, ", amended")
		e.headline = name + ", amended" + edits + "!"
	}
	if i := 1 + r.IntN(len(p.entries)-2); r.IntN(4) == 0 {
		p.entries[i].gone = true
	}
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
	r.discord.Enforce(100) // Discord says its limits, and they are learnt
	for i := range crashChannels {
		r.slackIDs = append(r.slackIDs, fmt.Sprintf("C0QUAY%d", i))
		r.discIDs = append(r.discIDs, fmt.Sprintf("13000000000000000%02d", i))
		r.slack.AddChannel(r.slackIDs[i])
		r.discord.AddChannel(r.discIDs[i])
	}
	return r
}

// accepted returns how many posts took effect.
func (r *crashRooms) accepted() (n int) {
	for i := range crashChannels {
		n += r.slack.Posts(r.slackIDs[i]) + r.discord.Posts(r.discIDs[i])
	}
	return n
}

var boat = regexp.MustCompile(`Boat number (\d+) comes in(?:, amended!+)?`)

// A crashCard is what a card says.
type crashCard struct {
	number    string
	headline  string
	withdrawn bool
}

func readCard(text string) crashCard {
	c := crashCard{withdrawn: strings.Contains(text, "WITHDRAWN")}
	if m := boat.FindStringSubmatch(text); m != nil {
		c.headline, c.number = m[0], m[1]
	}
	return c
}

// sees returns the cards that stand in each channel, oldest first.
func (r *crashRooms) sees() map[string][]crashCard {
	seen := map[string][]crashCard{}
	for _, id := range r.slackIDs {
		for _, m := range r.slack.Messages(id) {
			seen[id] = append(seen[id], readCard(slacktest.Words(m.Blocks)))
		}
	}
	for _, id := range r.discIDs {
		for _, m := range r.discord.Messages(id) {
			seen[id] = append(seen[id], readCard(m.Embeds[0].Author.Name+"\n"+m.Embeds[0].Title))
		}
	}
	return seen
}

// differs reports how a channel differs from the page: an entry stands once, in
// its place, as it is now; one that was taken off says so, or never was shown.
func (p *crashPage) differs(cards []crashCard) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, e := range p.entries {
		stands := len(cards) > 0 && cards[0].number == fmt.Sprint(i)
		switch {
		case e.gone && !stands:
			continue
		case !stands:
			return fmt.Errorf("%q is missing or out of its place; there is %+v", e.headline, cards[:min(len(cards), 1)])
		case e.gone != cards[0].withdrawn || !e.gone && cards[0].headline != e.headline:
			return fmt.Errorf("%+v on the page is %+v in the channel", e, cards[0])
		}
		cards = cards[1:]
	}
	if len(cards) > 0 {
		return fmt.Errorf("%d cards too many: %+v", len(cards), cards[0])
	}
	return nil
}

// wrong reports how the channels differ from the page.
func (r *crashRooms) wrong(page *crashPage) error {
	for id, cards := range r.sees() {
		if err := page.differs(cards); err != nil {
			return fmt.Errorf("channel %s: %w", id, err)
		}
	}
	return nil
}

// TestCrash kills the program with SIGKILL at random moments of a delivery run
// to twenty channels on both platforms, while entries arrive, change and are
// taken back, and starts it again. Then every channel shows every entry once,
// in order, as it now is.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills and starts the program many times; run without -short")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	page := &crashPage{start: time.Now().Add(-time.Hour).UTC()}
	page.grow(10, random)
	site := httptest.NewServer(page)
	t.Cleanup(site.Close)
	rooms := newCrashRooms(t)
	run := crashProgram(t, rooms, site.URL)

	// What is posted between two crashes, so that they are spread over all.
	share := 2 * crashEntries * crashChannels / *crashPoints
	for i := range *crashPoints {
		p := run()
		waitAccepted(t, p, rooms, rooms.accepted()+1+random.IntN(2*share), time.Duration(100+random.IntN(900))*time.Millisecond)
		p.cmd.Process.Kill()
		<-p.ended
		page.grow(min(crashEntries, 10 + (crashEntries-10)*(i+1)*5 / *crashPoints / 4), random)
	}
	before := rooms.accepted()
	p := run()
	if err := eventually(func() error { return rooms.wrong(page) }); err != nil {
		out, _ := p.output()
		t.Errorf("%v\n%s", err, out)
	}
	if twice := rooms.discord.Doubles(); len(twice) > 0 {
		t.Errorf("these stand twice on Discord: %q", twice)
	}
	t.Logf("%d points, %d posts in %d channels of each platform, %d of them before the last crash",
		*crashPoints, rooms.accepted(), crashChannels, before)
	p.cmd.Process.Kill()
	<-p.ended
}

// waitAccepted waits until the platforms have taken so much, or for the time
// given: there may be nothing to post, but edits under way.
func waitAccepted(t *testing.T, p *program, rooms *crashRooms, target int, patience time.Duration) {
	t.Helper()
	enough, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for rooms.accepted() < target {
		select {
		case <-tick.C:
		case <-enough.Done():
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
delivery: {edit_window: 0s, per_minute: 0, catch_up: 0}
admin: {socket: none}
adapters:
  - {name: slack, platform: slack, rate: 1000, api_url: %q}
  - {name: discord, platform: discord, rate: 1000, api_url: %q}
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
