// Package slacktest is a Slack for tests: the Web API and Socket Mode on
// loopback, speaking the real wire protocol and keeping its rules.
//
// [New] starts a [Server]; a program under test, in this process or another,
// reaches it at [Server.URL] with [Server.BotToken] and [Server.AppToken].
// Channels must be made with [Server.AddChannel] before anything is posted
// there. The server keeps what really happened: [Server.Messages] is what
// people in the channel see, whatever the program was told. [Server.Fail]
// makes it misbehave, and [Server.SlashCommand] and [Server.Press] act for a
// chat user.
package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// The ids of the workspace and of the bot's user.
const (
	TeamID = "T0TEST"
	UserID = "U0BOT"
	BotID  = "B0BOT"
)

// Scopes are what the bot token may do, unless [Server.SetScopes] is called.
var scopes = []string{
	"channels:history", "channels:read", "chat:write", "commands", "groups:history", "groups:read",
	"im:history", "im:write", "usergroups:read", "users:read",
}

// A Message is a message in a channel, as it stands.
type Message struct {
	TS       string
	Channel  string
	Text     string
	Blocks   json.RawMessage // null if there are none
	Metadata Metadata        // zero if there is none
	Thread   string          // ts of the message over its thread; "" if it is in none
	// Broadcast reports that a reply of a thread is shown in the channel too.
	Broadcast bool
	Edits     int // how often it was edited
	Sent      time.Time
	Response  bool // an answer to a command, not a post
}

// Edited reports whether the message was ever edited.
func (m Message) Edited() bool { return m.Edits > 0 }

// Metadata is what a program attached to a message.
type Metadata struct {
	EventType string         `json:"event_type"`
	Payload   map[string]any `json:"event_payload"`
}

// A Request is one that the program made.
type Request struct {
	Method string // of the Web API, or "response" for an answer to a command
	Body   []byte // as it was sent
	Auth   string // the Authorization header
	Status int    // answered; 0 if the connection was dropped
}

// A Fault is a misbehaviour of the server.
type Fault struct {
	Method  string // of the Web API, or "response"; "" is any
	Channel string // only requests about this channel; "" is any
	Times   int    // how many requests; 0 is one, -1 all
	// Accept lets the request take effect before the fault.
	Accept bool
	// Begun is closed when the fault first applies; nil for nobody to tell.
	Begun chan<- struct{}
	// Hold delays the answer until it is closed or the client gives up.
	Hold <-chan struct{}
	// Drop breaks the connection instead of answering; with Half set, in the
	// middle of the answer.
	Drop, Half bool
	Status     int // the answer's; 0 is 200 if there is a Body, or else the true answer
	Header     http.Header
	Body       string
}

// A Server is a Slack on loopback. Its methods are safe for concurrent use.
type Server struct {
	http *httptest.Server

	mu         sync.Mutex
	last       int64 // microseconds of the newest ts
	channels   map[string]*channel
	requests   []Request
	faults     []*Fault
	scopes     []string
	revoked    bool // the bot token
	appRevoked bool
	each       rate          // posts to one channel
	all        rate          // posts to all channels together
	spent      pace          // of all
	lag        time.Duration // of the history
	skew       time.Duration // of the server's clock
	tickets    map[string]bool
	conns      map[*connection]struct{}
	opens      int
	serial     int
	exchanges  map[string]*Exchange // by the id in their response_url
	envelopes  map[string]*Exchange // by envelope id
	badImages  map[string]bool
	adminUsers map[string]bool
	groups     map[string][]string
	changed    chan struct{} // closed and renewed whenever something happened
	stopped    chan struct{} // closed by Close
	work       sync.WaitGroup
}

type channel struct {
	id       string
	private  bool
	direct   bool // the messages with one user
	absent   bool // the bot is not in it
	archived bool
	closed   bool // messages cannot be edited any more
	messages []*Message
	posts    int
	spent    pace // of the rate limit
}

// A rate is n posts in a period; 0 is unlimited.
type rate struct {
	n      int
	period time.Duration
}

// A pace is how much of a rate is used up.
type pace struct {
	used  int
	reset time.Time
}

// take uses up a post and returns how long it must wait, 0 if it need not.
func (p *pace) take(r rate, now time.Time) time.Duration {
	if r.n == 0 {
		return 0
	}
	if now.After(p.reset) {
		p.used, p.reset = 0, now.Add(r.period)
	}
	if p.used >= r.n {
		return p.reset.Sub(now)
	}
	p.used++
	return 0
}

// New starts a server on a free loopback port. The caller closes it.
func New() *Server {
	s := &Server{
		channels:  map[string]*channel{},
		scopes:    scopes,
		tickets:   map[string]bool{},
		conns:     map[*connection]struct{}{},
		exchanges: map[string]*Exchange{},
		envelopes: map[string]*Exchange{},
		badImages: map[string]bool{}, adminUsers: map[string]bool{}, groups: map[string][]string{},
		changed: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// URL is the address of the Web API, for the adapter's APIURL. It ends in "/".
func (s *Server) URL() string { return s.http.URL + "/api/" }

// BotToken is the only bot token that the server accepts.
func (s *Server) BotToken() string { return "xoxb-loopback-only-not-a-real-token" }

// AppToken is the only app token that the server accepts.
func (s *Server) AppToken() string { return "xapp-loopback-only-not-a-real-token" }

// Close ends all connections and waits for what the server runs.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.stopped:
		s.mu.Unlock()
		return
	default:
	}
	close(s.stopped)
	for c := range s.conns {
		_ = c.ws.Close() // it may be closed
	}
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
	s.work.Wait()
}

// AddChannel makes a public channel that the bot is a member of.
func (s *Server) AddChannel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id] = &channel{id: id}
}

// AddPrivateChannel makes a private channel that the bot is a member of.
func (s *Server) AddPrivateChannel(id string) {
	s.AddChannel(id)
	s.change(id, func(c *channel) { c.private = true })
}

// RemoveChannel deletes a channel with all that is in it.
func (s *Server) RemoveChannel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, id)
}

func (s *Server) change(id string, f func(*channel)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[id]; c != nil {
		f(c)
	}
}

// Archive archives a channel, or brings it back.
func (s *Server) Archive(id string, archived bool) {
	s.change(id, func(c *channel) { c.archived = archived })
}

// Kick takes the bot out of a channel; Invite lets it in again.
func (s *Server) Kick(id string) { s.change(id, func(c *channel) { c.absent = true }) }

// Invite makes the bot a member of a channel.
func (s *Server) Invite(id string) { s.change(id, func(c *channel) { c.absent = false }) }

// CloseEdits makes the channel's messages refuse edits, as a workspace's
// settings do after some time.
func (s *Server) CloseEdits(id string) { s.change(id, func(c *channel) { c.closed = true }) }

// Delete deletes a message, as a person would.
func (s *Server) Delete(id, ts string) {
	s.change(id, func(c *channel) {
		c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	})
}

// Revoke makes the server refuse the bot token from now on.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = true
}

// RevokeApp makes the server refuse the app token from now on.
func (s *Server) RevokeApp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appRevoked = true
}

// SetScopes sets what the bot token may do.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = slices.Clone(scopes)
}

// Limit allows n posts per channel in a period; 0 lifts the limit. Retry-After
// is in whole seconds, as Slack's is, except for periods below a second, which
// are for scaled time.
func (s *Server) Limit(n int, period time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each = rate{n, period}
}

// LimitAll allows n posts to all channels together in a period, in the manner
// of Limit.
func (s *Server) LimitAll(n int, period time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = rate{n, period}
}

// Lag hides messages from the history until they are as old as d.
func (s *Server) Lag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = d
}

// Skew sets the server's clock off by d from then on.
func (s *Server) Skew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// BreakImage makes the server unable to fetch a picture, so that it refuses
// messages with it.
func (s *Server) BreakImage(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.badImages[url] = true
}

// Fail adds a fault. Faults are tried in the order they were added.
func (s *Server) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Messages returns what stands in a channel, oldest first.
func (s *Server) Messages(id string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if c := s.channels[id]; c != nil {
		for _, m := range c.messages {
			out = append(out, *m)
		}
	}
	return out
}

// Posts returns how many posts to the channel took effect, those deleted
// since included.
func (s *Server) Posts(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[id]; c != nil {
		return c.posts
	}
	return 0
}

// Requests returns the HTTP requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Opens returns how often a Socket Mode connection was asked for.
func (s *Server) Opens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens
}

// Connections returns how many Socket Mode connections stand.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Wait waits until cond, which is called without locks held, reports true. It
// returns an error after the time limit.
func (s *Server) Wait(limit time.Duration, cond func() bool) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-t.C:
			return fmt.Errorf("slacktest: nothing of the kind within %v", limit)
		case <-s.stopped:
			return errors.New("slacktest: closed")
		}
	}
}

// touch wakes those who wait. The caller holds mu.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// now is the server's clock. The caller holds mu.
func (s *Server) now() time.Time { return time.Now().Add(s.skew) }

// ts returns a new id for a message. The caller holds mu.
func (s *Server) ts() string {
	s.last = max(s.last+1, s.now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
}
