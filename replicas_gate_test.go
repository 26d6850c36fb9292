//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A gate stands between each replica and the platforms: it sees which replica
// writes what into which channel and when, and can strike while it does.
type gate struct {
	platforms [2]http.Handler // Slack, Discord

	mu       sync.Mutex
	snare    *snare
	flying   map[string]int // by channel: the replica, plus one, whose write is under way
	overlaps []string       // writes that began while another into their channel was under way
	told     map[string]time.Time
	lookUps  int                 // requests for a channel's history
	writes   map[string][]string // by channel: what was written
}

func newGate(slack, discord string) (*gate, error) {
	g := &gate{flying: map[string]int{}, told: map[string]time.Time{}, writes: map[string][]string{}}
	for i, at := range []string{slack, discord} {
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
		p.ErrorLog = log.New(io.Discard, "", 0) // who asked is dead
		g.platforms[i] = p
	}
	return g, nil
}

// A moment is a place in the life of a write at which a snare strikes.
type moment string

// The moments.
const (
	unsent   moment = "before the platform had it"
	unheard  moment = "after the platform took it, before the replica heard"
	answered moment = "a little after the replica heard"
)

// moments is every moment.
var moments = []moment{unsent, unheard, answered}

// A snare strikes at a write.
type snare struct {
	writes int // how many come before it
	at     moment
	delay  time.Duration     // answered only: how much after
	strike func(replica int) // it may take its time; the write waits
	drop   bool              // the replica does not hear what became of the write
	caught chan strike       // buffered; gets what was struck
}

// A strike says what a snare caught.
type strike struct {
	replica int
	channel string
}

// lay lays a snare. The write that it catches is one after the next so many.
func (g *gate) lay(s snare) <-chan strike {
	s.caught = make(chan strike, 1)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snare = &s
	return s.caught
}

// replica returns the address of a platform for a replica.
func (g *gate) replica(t *testing.T, i, platform int) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.pass(w, r, i, platform) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

var discordMessages = regexp.MustCompile(`/channels/(\d+)/messages(/\d+)?$`)

// writeOf returns the channel that a request writes into; "" if it does not.
func writeOf(r *http.Request, body []byte, platform int) string {
	if platform == 1 {
		m := discordMessages.FindStringSubmatch(r.URL.Path)
		if m == nil || r.Method != http.MethodPost && r.Method != http.MethodPatch {
			return ""
		}
		return m[1]
	}
	if !strings.HasSuffix(r.URL.Path, "/chat.postMessage") && !strings.HasSuffix(r.URL.Path, "/chat.update") {
		return ""
	}
	var in struct{ Channel string }
	if json.Unmarshal(body, &in) == nil {
		return in.Channel
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("channel")
}

func (g *gate) pass(w http.ResponseWriter, r *http.Request, replica, platform int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	channel := writeOf(r, body, platform)
	if channel == "" {
		if strings.HasSuffix(r.URL.Path, "/conversations.history") || r.Method == http.MethodGet && discordMessages.MatchString(r.URL.Path) {
			g.mu.Lock()
			g.lookUps++
			g.mu.Unlock()
		}
		g.platforms[platform].ServeHTTP(w, r)
		return
	}
	s := g.begin(replica, channel)
	if s != nil && s.at == unsent {
		g.end(channel)
		s.spring(replica, channel)
		panic(http.ErrAbortHandler)
	}
	began := time.Now()
	answer := httptest.NewRecorder()
	g.platforms[platform].ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context()))) // it arrives, whoever dies
	done := answer.Code == http.StatusOK && (platform == 1 || bytes.Contains(answer.Body.Bytes(), []byte(`"ok":true`)))
	g.tell(platform, body, done, fmt.Sprintf("%s replica %d: %s %s", began.UTC().Format("15:04:05.000000"), replica, r.Method, r.URL.Path), channel)
	if s != nil && s.at == unheard {
		s.spring(replica, channel)
	}
	g.end(channel)
	if s != nil && s.drop && s.at == unheard {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // who asked is gone
	if s != nil && s.at == answered {
		time.AfterFunc(s.delay, func() { s.spring(replica, channel) })
	}
}

// spring strikes, and says so.
func (s *snare) spring(replica int, channel string) {
	s.strike(replica)
	s.caught <- strike{replica, channel}
}

// begin notes that a write is under way, and returns the snare that it is
// caught in.
func (g *gate) begin(replica int, channel string) *snare {
	g.mu.Lock()
	defer g.mu.Unlock()
	if other := g.flying[channel]; other != 0 {
		g.overlaps = append(g.overlaps, fmt.Sprintf("replica %d writes into %s while replica %d does", replica, channel, other-1))
	}
	g.flying[channel] = replica + 1
	s := g.snare
	if s == nil {
		return nil
	}
	if s.writes--; s.writes > 0 {
		return nil
	}
	g.snare = nil
	return s
}

func (g *gate) end(channel string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.flying, channel)
}

// tell notes what was written, and when a platform first showed a headline.
func (g *gate) tell(platform int, body []byte, done bool, how, channel string) {
	text := string(body)
	if form, err := url.QueryUnescape(text); err == nil && !json.Valid(body) {
		text = form
	}
	headline := pier.FindString(text)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes[channel] = append(g.writes[channel], fmt.Sprintf("%s %q done=%v", how, headline, done))
	shown := fmt.Sprint(platform, " ", headline)
	if done && g.told[shown].IsZero() {
		g.told[shown] = time.Now()
	}
}

// written returns what was written into a channel.
func (g *gate) written(channel string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.writes[channel], "\n")
}

func (g *gate) asked() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lookUps
}

// overlapped returns the writes that met another in their channel.
func (g *gate) overlapped() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.overlaps)
}

// waits returns how long it took from each version of a headline that appeared
// on its page since the given time, until a platform showed it or a later one.
func (g *gate) waits(s *fleetSite, since time.Time) (list []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	for platform := range g.platforms {
		for _, p := range s.pages {
			for _, last := range p {
				name, edits, _ := strings.Cut(last, ", amended")
				var shown time.Time
				for n := len(edits); n >= 0; n-- {
					headline := amended(name, n)
					if at := g.told[fmt.Sprint(platform, " ", headline)]; !at.IsZero() && (shown.IsZero() || at.Before(shown)) {
						shown = at
					}
					if at := s.appeared[headline]; at.After(since) && !shown.IsZero() {
						list = append(list, shown.Sub(at))
					}
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// amended returns a headline after so many edits.
func amended(name string, edits int) string {
	if edits == 0 {
		return name
	}
	return name + ", amended" + strings.Repeat("!", edits)
}

// A coroner watches what replicas that were killed hold on to.
type coroner struct {
	conn *pgx.Conn
	stop chan struct{} // closed to end the watch
	done chan struct{} // closed when it has ended

	mu      sync.Mutex
	died    map[string]time.Time // by the owner of claims
	longest time.Duration        // for which something stayed claimed by the dead
	err     error
}

func newCoroner(ctx context.Context, dsn string) (*coroner, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	c := &coroner{conn: conn, stop: make(chan struct{}), done: make(chan struct{}), died: map[string]time.Time{}}
	go c.watch(ctx) // ends with end
	return c, nil
}

// note says that a replica of that name is dead.
func (c *coroner) note(ctx context.Context, replica string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var owner string
	err := c.conn.QueryRow(ctx, `SELECT owner FROM replica WHERE name = $1`, replica).Scan(&owner)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // one that had not joined yet has claimed nothing
		c.err = err
	}
	c.died[owner] = time.Now()
}

func (c *coroner) watch(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.look(ctx)
		}
	}
}

func (c *coroner) look(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows, err := c.conn.Query(ctx, `
		SELECT owner FROM lane WHERE expires > clock_timestamp() UNION SELECT owner FROM source WHERE expires > clock_timestamp()
		UNION SELECT owner FROM hold WHERE expires > clock_timestamp()`)
	if err != nil {
		c.err = err
		return
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	if err != nil {
		c.err = err
	}
	for _, o := range owners {
		if o == nil {
			continue
		}
		if died, ok := c.died[*o]; ok {
			c.longest = max(c.longest, time.Since(died))
		}
	}
}

// end ends the watch, and returns how long the dead held on to something.
func (c *coroner) end(ctx context.Context) (time.Duration, error) {
	close(c.stop)
	<-c.done
	return c.longest, errors.Join(c.err, c.conn.Close(ctx))
}
