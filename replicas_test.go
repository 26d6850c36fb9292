//go:build unix

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

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

// replicaPoints is how often TestReplicas kills a replica. The long run is
//
//	go test -run 'TestReplicas$' -replicas.points=50 -replicas.stops=5 -timeout 30m .
var (
	replicaPoints = flag.Int("replicas.points", 4, "how often TestReplicas kills a replica")
	replicaStops  = flag.Int("replicas.stops", 1, "how often TestReplicas stops a replica and lets it go on")
)

// What three replicas work on.
const (
	fleetReplicas = 3
	fleetSources  = 200
	fleetChannels = 50 // on each of two platforms; a source has one of each
	fleetEntries  = 12 // of each source, at most
	fleetEdits    = 9  // of an entry, at most
)

// A fleetSite serves the live pages of all sources.
type fleetSite struct {
	mu       sync.Mutex
	start    time.Time
	pages    [fleetSources][]string // headlines, oldest first
	appeared map[string]time.Time   // when each headline did
}

func (s *fleetSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || n < 0 || n >= fleetSources {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
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

// change adds entries to some pages and edits others.
func (s *fleetSite) change(r *rand.Rand, pages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range pages {
		s.changePage(r, r.IntN(fleetSources))
	}
}

// changeChannel changes every page that a channel shows.
func (s *fleetSite) changeChannel(r *rand.Rand, channel int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := channel; n < fleetSources; n += fleetChannels {
		s.changePage(r, n)
	}
}

func (s *fleetSite) changePage(r *rand.Rand, n int) {
	p := s.pages[n]
	if len(p) == 0 || len(p) < fleetEntries && r.IntN(2) == 0 {
		s.add(n)
		return
	}
	i := r.IntN(len(p))
	if name, edits, _ := strings.Cut(p[i], ", amended"); len(edits) < fleetEdits {
		p[i] = amended(name, len(edits)+1)
		s.appeared[p[i]] = time.Now()
	}
}

func (s *fleetSite) add(n int) {
	headline := fmt.Sprintf("Pier %d sees boat %d", n, len(s.pages[n]))
	s.pages[n] = append(s.pages[n], headline)
	s.appeared[headline] = time.Now()
}

var pier = regexp.MustCompile(`Pier (\d+) sees boat (\d+)(?:, amended!+)?`)

// A fleet is several replicas, what they share, and where they post.
type fleet struct {
	*testing.T
	site     *fleetSite
	slack    *slacktest.Server
	discord  *discordtest.Server
	server   *pgtest.Server
	random   *rand.Rand
	gate     *gate
	database string
	run      func(i int) *program
	crew     [fleetReplicas]*program
	ended    *program  // one of them, that was asked to end
	began    time.Time // of what happens to them at the moment
}

// newFleet starts the replicas on a database that the given function makes.
func newFleet(t *testing.T, database func(*pgtest.Server) string) *fleet {
	if testing.Short() {
		t.Skip("runs three programs and a database; run without -short")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := &fleet{
		T: t, site: &fleetSite{start: time.Now().Add(-time.Hour).UTC(), appeared: map[string]time.Time{}}, slack: slacktest.New(), discord: discordtest.New(),
		server: pgtest.New(t), random: rand.New(rand.NewPCG(seed, 1)),
		began: time.Now(),
	}
	t.Cleanup(f.slack.Close)
	t.Cleanup(f.discord.Close)
	f.discord.Enforce(100)
	for i := range fleetChannels {
		f.slack.AddChannel(slackPier(i))
		f.discord.AddChannel(discordPier(i))
	}
	gate, err := newGate(f.slack.URL(), f.discord.URL())
	if err != nil {
		t.Fatal(err)
	}
	f.gate = gate
	web := httptest.NewServer(f.site)
	t.Cleanup(web.Close)
	f.database = database(f.server)
	f.run = f.program(web.URL, f.database)
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
		name := fmt.Sprintf("replica: replica-%d", i)
		if i == 0 {
			name = "" // each time another
		}
		config := fmt.Sprintf(`store_env: LEDGER
%s
delivery: {edit_window: 0s, per_minute: 0, catch_up: 0}
admin: {socket: none, listen: "127.0.0.1:0"}
limits: {per_host: 64}
adapters:
  - {name: slack, platform: slack, rate: 1000, api_url: %q}
  - {name: discord, platform: discord, rate: 1000, api_url: %q}
sources:
%s`, name, f.gate.replica(f.T, i, 0)+"/api/", f.gate.replica(f.T, i, 1), sources.String())
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
	for s := range strings.FieldsSeq(dsn) {
		k, v, _ := strings.Cut(s, "=")
		set[k] = v
	}
	return fmt.Sprintf("postgres://%s@%s:%s/%s", set["user"], set["host"], set["port"], set["dbname"])
}

// kill ends a replica as a power failure does. It may be called while the test
// waits for it in another goroutine.
func (f *fleet) kill(i int) {
	_ = f.crew[i].cmd.Process.Kill()
	<-f.crew[i].ended
}

// strike changes pages until the snare has caught a write, and returns what.
func (f *fleet) strike(s snare) strike {
	f.Helper()
	caught := f.gate.lay(s)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range 200 { // 100 s
		f.site.change(f.random, 6)
		select {
		case c := <-caught:
			return c
		case <-tick.C:
		}
	}
	f.Fatal("nobody writes any more")
	return strike{}
}

// alive fails the test if a replica has ended by itself.
func (f *fleet) alive() {
	f.Helper()
	for i, p := range f.crew {
		if p == f.ended {
			continue
		}
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
			return fmt.Errorf("slack:%s: %w; written there:\n%s", slackPier(i), err, f.gate.written(slackPier(i)))
		}
		cards = nil
		for _, m := range f.discord.Messages(discordPier(i)) {
			cards = append(cards, pier.FindString(m.Embeds[0].Title))
		}
		if err := f.differs(i, cards); err != nil {
			return fmt.Errorf("discord:%s: %w; written there:\n%s", discordPier(i), err, f.gate.written(discordPier(i)))
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

// right waits until every channel shows what it should, and checks that nothing
// waited for longer than it takes the others to notice that one is lost.
func (f *fleet) right(what string) {
	f.Helper()
	if longest := f.comeRight(what); longest > fleetStall {
		f.Errorf("%s: a change waited %v", what, longest)
	}
}

// comeRight waits until every channel shows what it should, and returns how long
// the change waited that waited longest.
func (f *fleet) comeRight(what string) time.Duration {
	f.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for err := f.wrong(); err != nil; err = f.wrong() {
		f.alive()
		if time.Since(began) > fleetPatience {
			for i, p := range f.crew {
				out, _ := p.output()
				f.Logf("replica %d:\n%s", i, loud(out))
			}
			f.Logf("the database:\n%s", f.asked())
			f.Fatalf("%s: not within %v: %v", what, fleetPatience, err)
		}
		<-tick.C
	}
	took := time.Since(began)
	if twice := f.discord.Doubles(); len(twice) > 0 {
		f.Errorf("%s: these stand twice on Discord: %q", what, twice)
	}
	if met := f.gate.overlapped(); len(met) > 0 {
		f.Errorf("%s: %d writes met another in their channel: %q", what, len(met), met[:min(len(met), 3)])
	}
	const short = 10 * time.Millisecond
	waits := f.gate.waits(f.site, f.began)
	if len(waits) == 0 {
		f.Fatalf("%s: nothing happened", what)
	}
	longest := waits[len(waits)-1]
	f.Logf("%s: all channels right %v after the last change, %d posts in all; %d changes shown after %v (median), %v (longest)",
		what, took.Round(short), f.posts(), len(waits), waits[len(waits)/2].Round(short), longest.Round(short))
	f.began = time.Now()
	return longest
}

// asked returns what the database says of itself.
func (f *fleet) asked() string {
	conn, err := pgx.Connect(f.Context(), f.database)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close(f.Context()) }()
	var sb strings.Builder
	for _, query := range []string{
		`SELECT row_to_json(r)::text FROM replica r`,
		`SELECT json_build_array(adapter, channel, wake, until, expires, owner)::text FROM lane WHERE wake IS NOT NULL OR expires IS NOT NULL LIMIT 20`,
		`SELECT json_build_array(id, due, expires, owner)::text FROM source WHERE expires IS NOT NULL LIMIT 20`,
		`SELECT json_build_array(pid, pg_blocking_pids(pid), state, wait_event_type, wait_event, xact_start, state_change, left(query, 120))::text
			FROM pg_stat_activity WHERE datname = current_database() AND (state <> 'idle' OR xact_start IS NOT NULL)`,
		`SELECT 'connections: ' || count(*) || ' at ' || clock_timestamp() FROM pg_stat_activity`,
	} {
		rows, err := conn.Query(f.Context(), query)
		if err == nil {
			var lines []string
			lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
			sb.WriteString(strings.Join(lines, "\n") + "\n")
		}
		if err != nil {
			sb.WriteString(err.Error() + "\n")
		}
	}
	return sb.String()
}

// fleetStall is longer than the others believe in a replica that is not heard
// of (10 s), with what it takes them to notice (a beat, and a look at what is
// due), and far shorter than its claims would last (90 s).
const fleetStall = 30 * time.Second

// fleetPatience is far longer than fleetStall.
const fleetPatience = 40 * time.Second

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
// what happens: a replica is killed while it writes into a channel, one is
// stopped for longer than the others believe in it and goes on, the server is
// restarted in earnest and as if the power had failed, its connections are cut,
// a replica is asked to end. After each every channel shows every entry once,
// in order, as it now is, and nothing waited for longer than it takes the
// others to notice.
func TestReplicas(t *testing.T) {
	f := newFleet(t, func(s *pgtest.Server) string { return s.Database(t) })
	f.site.change(f.random, fleetSources)
	f.right("at first")
	f.killed(*replicaPoints)
	for range *replicaStops {
		f.stopped()
	}
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
	f.drained()

	f.site.change(f.random, fleetSources)
	f.right("at last")
	f.end()
}

// killed kills whichever replica writes at a random moment, and starts it again:
// at once, or after the next one has been killed.
func (f *fleet) killed(points int) {
	f.Helper()
	if points == 0 {
		return
	}
	dead, err := newCoroner(f.Context(), f.database)
	if err != nil {
		f.Fatal(err)
	}
	late := -1 // a replica that is still to be started
	count := map[moment]int{}
	for i := range points {
		at := moments[i%len(moments)]
		c := f.strike(snare{
			writes: 1 + f.random.IntN(40), at: at, delay: time.Duration(f.random.IntN(5000)) * time.Microsecond,
			strike: func(i int) {
				f.kill(i)
				dead.note(f.Context(), f.nameOf(i))
			},
			drop: true,
		})
		count[at]++
		if late >= 0 {
			f.crew[late], late = f.run(late), -1
		}
		if f.random.IntN(2) == 0 {
			late = c.replica
			continue
		}
		f.crew[c.replica] = f.run(c.replica)
	}
	if late >= 0 {
		f.crew[late] = f.run(late)
	}
	f.comeRight(fmt.Sprintf("killed %v", count)) // who waits may be struck again and again
	longest, err := dead.end(f.Context())
	if err != nil {
		f.Error(err)
	}
	f.Logf("what the dead had claimed was free after %v at most", longest.Round(10*time.Millisecond))
	if longest > fleetStall {
		f.Errorf("a claim of a dead replica was not free after %v", longest)
	}
}

var joined = regexp.MustCompile(`share of the platforms' limits" replica=(\S+)`)

// nameOf returns what a replica calls itself; "" if it has not joined the others.
func (f *fleet) nameOf(i int) string {
	out, _ := f.crew[i].output()
	if m := joined.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	return ""
}

// stopped stops a replica when the platform has taken a card of which it has not
// heard yet, for so long that another takes the channel over, and lets it go
// on: what it has to say then is refused.
func (f *fleet) stopped() {
	f.Helper()
	f.site.change(f.random, 30)
	began := time.Now()
	c := f.strike(snare{writes: 1 + f.random.IntN(10), at: unheard, strike: f.stop})
	f.Logf("replica %d is stopped while it writes into %s", c.replica, c.channel)
	f.site.changeChannel(f.random, f.numberOf(c.channel))
	f.right("one is stopped")
	held := time.Since(began)
	f.site.change(f.random, 30)
	if err := f.crew[c.replica].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		f.Fatal(err)
	}
	f.right(fmt.Sprintf("it goes on after %v", held.Round(time.Second)))
	given := func() error {
		if out, _ := f.crew[c.replica].output(); !strings.Contains(out, "lane given up") || !strings.Contains(out, c.channel) {
			return fmt.Errorf("replica %d was not refused what it had to say of %s:\n%s", c.replica, c.channel, loud(out))
		}
		return nil
	}
	if err := eventually(given); err != nil {
		f.Error(err)
	}
}

// stop stops a replica, all of it: a thread that runs on another processor may
// go on for a while after the signal.
func (f *fleet) stop(i int) {
	p := f.crew[i].cmd.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		f.Error(err)
	}
	still := func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
		if err != nil {
			return err
		}
		for _, name := range threads { // none where there is no /proc
			stat, err := os.ReadFile(name)
			if err == nil && !strings.Contains(string(stat), ") T ") {
				return fmt.Errorf("runs on: %s", stat)
			}
		}
		return nil
	}
	if err := eventually(still); err != nil {
		f.Error(err)
	}
}

// numberOf returns which of its platform's a channel is.
func (f *fleet) numberOf(channel string) int {
	f.Helper()
	for i := range fleetChannels {
		if channel == slackPier(i) || channel == discordPier(i) {
			return i
		}
	}
	f.Fatalf("a write into %q", channel)
	return 0
}

var page = regexp.MustCompile(`address=(http://\S+/)`)

// drained asks a replica to end while it writes. It says at once that it is not
// ready, hears what became of the write, and leaves nothing in doubt: nobody
// has to look for a card or to wait for a claim.
func (f *fleet) drained() {
	f.Helper()
	f.site.change(f.random, 60)
	before := f.gate.asked()
	var readyErr error
	c := f.strike(snare{writes: 10, at: unheard, strike: func(i int) { readyErr = f.notReady(f.crew[i]) }})
	if readyErr != nil {
		f.Error(readyErr)
	}
	f.ends(c.replica)
	f.ended = f.crew[c.replica]
	f.right("one was asked to end")
	if n := f.gate.asked() - before; n > 0 {
		f.Errorf("the others looked %d times for cards of a replica that ended in order", n)
	}
	f.crew[c.replica] = f.run(c.replica)
}

// notReady asks a replica to end and waits until it says that it is not ready.
func (f *fleet) notReady(p *program) error {
	out, _ := p.output()
	m := page.FindStringSubmatch(out)
	if m == nil {
		return fmt.Errorf("no page of its own in:\n%.3000s", out)
	}
	look := func() error {
		answer, err := http.Get(m[1] + "readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("readyz: %s", answer.Status)
		}
		return nil
	}
	if err := look(); err == nil {
		return errors.New("it was not ready before it was asked to end")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return eventually(look)
}

// ends waits for a replica that was asked to end.
func (f *fleet) ends(i int) {
	f.Helper()
	p := f.crew[i]
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

// loud returns the lines of a log that are no daily business.
func loud(out string) string {
	lines := slices.DeleteFunc(strings.Split(out, "\n"), func(l string) bool { return strings.Contains(l, "source changed") })
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// end asks every replica to stop, which they do in time and without an error.
func (f *fleet) end() {
	f.Helper()
	for i, p := range f.crew {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			f.Error(err)
		}
		f.ends(i)
	}
}
