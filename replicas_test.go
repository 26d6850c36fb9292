package main

import (
	"encoding/json"
	"errors"
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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

// replicaPoints is how often TestReplicas kills a replica. The long run is
//
//	go test -run 'TestReplicas$' -replicas.points=50 -timeout 30m .
var replicaPoints = flag.Int("replicas.points", 4, "how often TestReplicas kills a replica")

// What three replicas work on.
const (
	fleetReplicas = 3
	fleetSources  = 200
	fleetChannels = 50 // on each of two platforms; a source has one of each
	fleetEntries  = 6  // of each source by the end
)

// A fleetSite serves the live pages of all sources.
type fleetSite struct {
	mu     sync.Mutex
	start  time.Time
	pages  [fleetSources][]string // headlines, oldest first
	served [fleetSources]int
}

func (s *fleetSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n < 0 || n >= fleetSources {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served[n]++
	var updates []map[string]string
	for i, headline := range slices.Backward(s.pages[n]) {
		updates = append(updates, map[string]string{
			"@type": "BlogPosting", "@id": fmt.Sprintf("#pier-%d-%x", i, i*7919+4093), "headline": headline,
			"articleBody":   "The harbour office says more will follow.",
			"datePublished": s.start.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
		})
	}
	page, err := json.Marshal(map[string]any{"@type": "LiveBlogPosting", "headline": fmt.Sprintf("Pier %d, live", n), "liveBlogUpdate": updates})
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(w, `<html><head><script type="application/ld+json">%s</script></head></html>`, page)
}

// change adds entries to some pages and edits others, until each has as many as
// there are to be.
func (s *fleetSite) change(r *rand.Rand, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range pages {
		n := r.IntN(fleetSources)
		p := s.pages[n]
		if len(p) < fleetEntries {
			s.pages[n] = append(p, fmt.Sprintf("Pier %d sees boat %d", n, len(p)))
		} else if i := r.IntN(len(p)); strings.Count(p[i], "!") < 3 {
			name, edits, _ := strings.Cut(p[i], ", amended")
			p[i] = name + ", amended" + edits + "!"
		}
	}
}

// fill adds what is missing to every page.
func (s *fleetSite) fill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.pages {
		for len(s.pages[n]) < fleetEntries {
			s.pages[n] = append(s.pages[n], fmt.Sprintf("Pier %d sees boat %d", n, len(s.pages[n])))
		}
	}
}

var pier = regexp.MustCompile(`Pier (\d+) sees boat (\d+)(?:, amended!+)?`)

// A fleet is several replicas, what they share, and where they post.
type fleet struct {
	*testing.T
	site    *fleetSite
	slack   *slacktest.Server
	discord *discordtest.Server
	server  *pgtest.Server
	random  *rand.Rand
	run     func(i int) *program
	crew    [fleetReplicas]*program
}

// newFleet starts the replicas on a database that the given function makes.
func newFleet(t *testing.T, database func(*pgtest.Server) string) *fleet {
	if testing.Short() {
		t.Skip("runs three programs and a database; run without -short")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := &fleet{
		T: t, site: &fleetSite{start: time.Now().Add(-time.Hour).UTC()}, slack: slacktest.New(), discord: discordtest.New(),
		server: pgtest.New(t), random: rand.New(rand.NewPCG(seed, 1)),
	}
	t.Cleanup(f.slack.Close)
	t.Cleanup(f.discord.Close)
	f.discord.Enforce(100)
	for i := range fleetChannels {
		f.slack.AddChannel(slackPier(i))
		f.discord.AddChannel(discordPier(i))
	}
	web := httptest.NewServer(f.site)
	t.Cleanup(web.Close)
	f.run = f.program(web.URL, database(f.server))
	for i := range f.crew {
		f.crew[i] = f.run(i)
	}
	t.Cleanup(func() {
		for _, p := range f.crew {
			_ = p.cmd.Process.Kill()
			<-p.ended
		}
	})
	return f
}

func slackPier(i int) string   { return fmt.Sprintf("C0PIER%03d", i) }
func discordPier(i int) string { return fmt.Sprintf("14000000000000%04d", i) }

// program returns a function that starts a replica.
func (f *fleet) program(site, dsn string) func(i int) *program {
	f.Helper()
	path, err := exec.LookPath("pullquote")
	if err != nil {
		f.Fatal(err)
	}
	var sources strings.Builder
	for n := range fleetSources {
		fmt.Fprintf(&sources, "  - {name: pier-%d, url: %q, private: true, every: 1s, first_sight: 25, to: [\"slack:%s\", \"discord:%s\"]}\n",
			n, fmt.Sprintf("%s/%d", site, n), slackPier(n%fleetChannels), discordPier(n%fleetChannels))
	}
	env := append(os.Environ(), "SLACK_BOT_TOKEN="+f.slack.BotToken(), "SLACK_APP_TOKEN="+f.slack.AppToken(),
		"DISCORD_BOT_TOKEN="+f.discord.Token(), "LEDGER="+databaseURL(dsn))
	dirs := [fleetReplicas]string{}
	for i := range dirs {
		dirs[i] = f.TempDir()
		config := fmt.Sprintf(`store_env: LEDGER
replica: replica-%d
delivery: {edit_window: 0s, per_minute: 0, catch_up: 0}
admin: {socket: none}
limits: {per_host: 64}
adapters:
  - {name: slack, platform: slack, rate: 1000, api_url: %q}
  - {name: discord, platform: discord, rate: 1000, api_url: %q}
sources:
%s`, i, f.slack.URL(), f.discord.URL(), sources.String())
		if err := os.WriteFile(filepath.Join(dirs[i], "config.yaml"), []byte(config), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	return func(i int) *program {
		p, err := launch(dirs[i], env, path, "run", "--config", "config.yaml")
		if err != nil {
			f.Fatal(err)
		}
		return p
	}
}

// databaseURL makes a URL of settings as "host=h port=p user=u dbname=d".
func databaseURL(dsn string) string {
	set := map[string]string{}
	for _, s := range strings.Fields(dsn) {
		k, v, _ := strings.Cut(s, "=")
		set[k] = v
	}
	return fmt.Sprintf("postgres://%s@%s:%s/%s", set["user"], set["host"], set["port"], set["dbname"])
}

// kill ends a replica as a power failure does and starts it again.
func (f *fleet) kill(i int) {
	f.alive()
	_ = f.crew[i].cmd.Process.Kill()
	<-f.crew[i].ended
	f.crew[i] = f.run(i)
}

// alive fails the test if a replica has ended by itself.
func (f *fleet) alive() {
	f.Helper()
	for i, p := range f.crew {
		select {
		case <-p.ended:
			out, _ := p.output()
			f.Fatalf("replica %d ended by itself:\n%s", i, out)
		default:
		}
	}
}

// posts returns how many posts took effect.
func (f *fleet) posts() (n int) {
	for i := range fleetChannels {
		n += f.slack.Posts(slackPier(i)) + f.discord.Posts(discordPier(i))
	}
	return n
}

// wrong reports how the channels differ from the pages: each entry stands once,
// each page's in order, as it is now.
func (f *fleet) wrong() error {
	for i := range fleetChannels {
		var cards []string
		for _, m := range f.slack.Messages(slackPier(i)) {
			cards = append(cards, pier.FindString(slacktest.Words(m.Blocks)))
		}
		if err := f.differs(i, cards); err != nil {
			return fmt.Errorf("slack:%s: %w", slackPier(i), err)
		}
		cards = nil
		for _, m := range f.discord.Messages(discordPier(i)) {
			cards = append(cards, pier.FindString(m.Embeds[0].Title))
		}
		if err := f.differs(i, cards); err != nil {
			return fmt.Errorf("discord:%s: %w", discordPier(i), err)
		}
	}
	return nil
}

func (f *fleet) differs(channel int, cards []string) error {
	byPage := map[string][]string{}
	for _, c := range cards {
		if m := pier.FindStringSubmatch(c); m != nil {
			byPage[m[1]] = append(byPage[m[1]], c)
		}
	}
	f.site.mu.Lock()
	defer f.site.mu.Unlock()
	for n := channel; n < fleetSources; n += fleetChannels {
		if got := byPage[strconv.Itoa(n)]; !slices.Equal(got, f.site.pages[n]) {
			return fmt.Errorf("page %d shows %q, is %q", n, got, f.site.pages[n])
		}
	}
	return nil
}

// right waits until every channel shows what it should, and says how long that
// took.
func (f *fleet) right(what string) {
	f.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f.wrong()
		if err == nil {
			f.Logf("%s: all channels right after %v, %d posts", what, time.Since(began).Round(10*time.Millisecond), f.posts())
			break
		}
		f.alive()
		if time.Since(began) > fleetPatience {
			for i, p := range f.crew {
				out, _ := p.output()
				f.Logf("replica %d:\n%.3000s", i, out)
			}
			f.Fatalf("%s: not within %v: %v", what, fleetPatience, err)
		}
		<-tick.C
	}
	if twice := f.discord.Doubles(); len(twice) > 0 {
		f.Errorf("%s: these stand twice on Discord: %q", what, twice)
	}
	if want := 2 * fleetSources; f.posts() < want {
		f.Errorf("%s: %d posts for %d entries and channels", what, f.posts(), want)
	}
}

// fleetPatience is longer than any claim lasts that its holder does not renew.
const fleetPatience = 100 * time.Second

// settle lets the replicas work for a while, until so many posts more took
// effect or the time is over.
func (f *fleet) settle(more int, most time.Duration) {
	target, end := f.posts()+more, time.Now().Add(most)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for f.posts() < target && time.Now().Before(end) {
		<-tick.C
	}
}

// TestReplicas runs three replicas on one PostgreSQL, over 200 live pages that
// grow and change and 100 channels of two platforms, and lets happen to them
// what happens: a replica is killed at random moments and started again, one is
// stopped for longer than the others believe in it and goes on, the server is
// restarted in earnest and as if the power had failed, its connections are cut.
// After each every channel shows every entry once, in order, as it now is.
func TestReplicas(t *testing.T) {
	f := newFleet(t, func(s *pgtest.Server) string { return s.Database(t) })
	f.site.change(f.random, fleetSources)
	f.right("at first")

	for range *replicaPoints {
		f.site.change(f.random, 30)
		f.settle(1+f.random.IntN(40), time.Duration(50+f.random.IntN(1200))*time.Millisecond)
		f.kill(f.random.IntN(fleetReplicas))
	}
	f.right(fmt.Sprintf("killed %d times", *replicaPoints))

	f.site.change(f.random, 60)
	f.settle(10, time.Second)
	stopped := f.crew[0].cmd.Process
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	f.site.change(f.random, 60)
	f.right("one is stopped")
	f.site.change(f.random, 30)
	if err := stopped.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	f.right("it goes on")

	for _, how := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		f.site.change(f.random, 60)
		f.settle(10, time.Second)
		f.server.Stop(t, how)
		f.site.change(f.random, 30)
		f.server.Restart(t)
		f.right("the server was stopped: " + string(how))
	}

	for range 3 {
		f.site.change(f.random, 40)
		f.settle(10, time.Second)
		f.server.Terminate(t)
	}
	f.right("connections were cut")

	f.site.fill()
	f.right("at last")
	f.end()
}

// end asks every replica to stop, which they do in time and without an error.
func (f *fleet) end() {
	f.Helper()
	for i, p := range f.crew {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			f.Error(err)
		}
		select {
		case <-p.ended:
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				out, _ := p.output()
				f.Errorf("replica %d ended with %d:\n%s", i, code, out)
			}
		case <-time.After(15 * time.Second):
			f.Errorf("replica %d does not end", i)
		}
	}
}
