// Package discordtest is a Discord for tests: an HTTP interface and a gateway
// on loopback that speak the real wire protocol and keep its rules.
//
// [New] starts a [Server]; a program under test, in this process or another,
// reaches it at [Server.URL] with [Server.Token]. Channels must be made with
// [Server.AddChannel] before anything is posted there. The server keeps what
// really happened: [Server.Messages] is what people in the channel would see,
// whatever the program was told, [Server.Threads] what was opened there, and
// [Server.Doubles] which deliveries stand more than once anywhere.
//
// [Server.Fail] makes it misbehave: [Faults] holds the faults that a program
// must survive, by name, for scripts. [Server.Enforce] makes it keep Discord's
// documented limits, in real or scaled time. [Server.DropGateway],
// [Server.CloseGateway], [Server.InvalidateSession], [Server.AskReconnect],
// [Server.Heartbeats], [Server.RefuseIdentify] and [Server.Starts] are the
// gateway's faults. [Server.Command], [Server.Suggest], [Server.Press],
// [Server.Pick] and [Server.Menu] act for a chat user.
package discordtest

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
)

// The ids of the bot, its only server and the role @everyone, which has the
// server's id.
const (
	BotID   = "1100000000000000001"
	AppID   = BotID
	GuildID = "1200000000000000001"
	roleID  = "1200000000000000002" // the bot's own
)

// NonceTime is how long the server recognises a nonce.
const NonceTime = 3 * time.Minute

// A Message is a message in a channel, as it stands.
type Message struct {
	ID         string
	Channel    string
	Nonce      string // as posted
	Flags      int
	Embeds     []*discordgo.MessageEmbed
	Components []Component
	Content    string
	Sent       time.Time
	Edits      int  // how often it was edited
	Repeats    int  // how often it was posted again with the same nonce
	Webhook    bool // an answer to a command, not a post
	Author     string
	Reply      string   // the id of the message it answers; "" for none
	Told       []string // ids of users and roles that it told aloud
	Published  int      // how often it was sent on to the channels that follow

	rewrites window // edits since it was published
}

// Key returns the delivery's key in the message's mark, "" if it has none.
func (m Message) Key() string { return keyOf(m.Embeds) }

// A Thread is a thread or forum post.
type Thread struct {
	ID, Name, Parent string
	Tags             []string // ids, of a forum post
	Archived, Locked bool
}

// A Tag is one that the posts of a forum may have.
type Tag struct {
	ID, Name  string
	Moderated bool // only moderators may set it
}

// Edited reports whether the message was ever edited.
func (m Message) Edited() bool { return m.Edits > 0 }

// A Component is a row of buttons, a button, or a menu.
type Component struct {
	Type       int         `json:"type"`
	Label      string      `json:"label,omitempty"`
	CustomID   string      `json:"custom_id,omitempty"`
	Style      int         `json:"style,omitempty"`
	Disabled   bool        `json:"disabled,omitempty"`
	Components []Component `json:"components,omitempty"`
	// Of a menu:
	Placeholder string   `json:"placeholder,omitempty"`
	Options     []Option `json:"options,omitempty"`
}

// An Option is a line of a menu.
type Option struct {
	Label       string `json:"label"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Default     bool   `json:"default,omitempty"`
}

// A Request is one that the program made.
type Request struct {
	Method string
	Path   string // without /api/vN
	Query  string
	Body   []byte
	Status int // answered; 0 if the connection was dropped
}

// A Fault is a misbehaviour of the server.
type Fault struct {
	Method  string // "" is any
	Channel string // only requests about this channel; "" is any
	Path    string // only this path, without /api/vN; "" is any
	Tail    string // only paths that end so; "" is any
	Times   int    // how many requests; 0 is one, -1 all
	// Accept lets the request take effect before the fault.
	Accept bool
	// Begun, if not nil, is closed when the first request meets the fault.
	Begun chan<- struct{}
	// Hold delays the answer until it is closed or the client gives up.
	Hold <-chan struct{}
	// Stall gives no answer until the client gives up.
	Stall bool
	// Drip is the time between two bytes of the answer's body.
	Drip time.Duration
	// Drop breaks the connection instead of answering; with Half set, in the
	// middle of the answer.
	Drop, Half bool
	Status     int // the answer, unless Drop is set; 0 is the true answer
	Header     http.Header
	Body       string
}

// A Server is a Discord on loopback. Its methods are safe for concurrent use.
type Server struct {
	http  *httptest.Server
	token string

	mu       sync.Mutex
	next     uint64
	channels map[string]*channel
	nonces   map[string]*Message // the newest of each; they hold for the author, in whatever channel
	requests []Request
	faults   []*Fault
	revoked  bool
	noNonces bool
	limit    int // posts per channel in period; 0 is unlimited
	period   time.Duration
	scale    float64 // how fast the documented limits' time goes; 0 = not enforced
	global   window  // requests of the bot
	limited  int     // 429s for a limit
	starts   struct {
		total, remaining int
		reset            time.Duration
	}
	started     map[int]time.Time // the last identify, by bucket of shards
	shards      int               // how many are asked for; 0 = one
	concurrency int               // buckets of shards; 0 = one
	admins      map[string]bool   // users who may manage the server
	directs     map[string]string // channels of direct messages, by user
	commands    map[string][]byte // by path: what is registered, as JSON
	puts        int               // registrations
	sessions    map[string]*session
	current     *connection // the newest identified or resumed one
	conns       map[*connection]struct{}
	changed     chan struct{}        // closed and renewed whenever something happened
	pending     map[string]*exchange // by interaction token
	idents      int
	resumes     int
	interval    time.Duration
	mute        bool          // leave heartbeats unanswered
	refuse      int           // close code for the next identify; 0 accepts
	role        int64         // permissions of the bot's role
	stopped     chan struct{} // closed by Close
	work        sync.WaitGroup
}

type channel struct {
	id       string
	kind     int
	parent   string // of a thread
	deny     int64  // overwrite for the bot
	messages []*Message
	frozen   bool
	posts    int
	windows  map[string]*window // of the rate limits, by method
	crossed  window             // crossposts
	// Of a thread or forum post:
	name             string
	owner            string
	tags             []string
	archived, locked bool
	// Of a forum:
	available []Tag
	wantsTag  bool
	// Of direct messages:
	user string
}

// A window counts requests for a while.
type window struct {
	used  int
	reset time.Time
}

// take counts a request; false if there were limit already.
func (w *window) take(limit int, period time.Duration, now time.Time) bool {
	if !now.Before(w.reset) {
		w.used, w.reset = 0, now.Add(period)
	}
	if w.used >= limit {
		return false
	}
	w.used++
	return true
}

// New starts a server on a free loopback port. The caller closes it.
func New() *Server {
	s := &Server{
		token:    base64.RawStdEncoding.EncodeToString([]byte(BotID)) + ".Gtest0.loopback-only-not-a-real-token",
		channels: map[string]*channel{},
		nonces:   map[string]*Message{},
		commands: map[string][]byte{},
		sessions: map[string]*session{}, started: map[int]time.Time{},
		conns:    map[*connection]struct{}{},
		pending:  map[string]*exchange{},
		changed:  make(chan struct{}),
		stopped:  make(chan struct{}),
		interval: 41250 * time.Millisecond,
		role:     1<<10 | 1<<11 | 1<<14 | 1<<16 | 1<<35 | 1<<38,
		admins:   map[string]bool{},
		directs:  map[string]string{},
	}
	s.starts.total, s.starts.remaining, s.starts.reset = 1000, 1000, 24*time.Hour
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// URL is the server's address, for the adapter's APIURL.
func (s *Server) URL() string { return s.http.URL }

// Token is the only bot token that the server accepts.
func (s *Server) Token() string { return s.token }

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
		c.ws.Close()
	}
	s.mu.Unlock()
	s.http.CloseClientConnections()
	s.http.Close()
	s.work.Wait()
}

// AddChannel makes the text channel id in the server's only guild.
func (s *Server) AddChannel(id string) { s.addChannel(id, 0, "") }

// AddChannelKind makes a channel of one of Discord's channel types.
func (s *Server) AddChannelKind(id string, kind int) { s.addChannel(id, kind, "") }

// AddThread makes a public thread in a channel, whose permissions it has.
func (s *Server) AddThread(id, parent string) { s.addChannel(id, 11, parent) }

func (s *Server) addChannel(id string, kind int, parent string) {
	if !isSnowflake(id) {
		panic("discordtest: channel id " + id + " is no snowflake")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id] = newChannel(id, kind, parent)
}

func newChannel(id string, kind int, parent string) *channel {
	c := &channel{id: id, kind: kind, parent: parent, windows: map[string]*window{}}
	if parent != "" {
		c.owner = BotID
	}
	return c
}

// AddForum makes a forum. If wantsTag is set it takes no post without a tag.
func (s *Server) AddForum(id string, wantsTag bool, tags ...Tag) {
	s.addChannel(id, 15, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id].available, s.channels[id].wantsTag = tags, wantsTag
}

// Threads returns the threads of a channel or the posts of a forum, oldest
// first. What is in them is in [Server.Messages].
func (s *Server) Threads(channel string) []Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Thread
	for _, c := range s.channels {
		if c.parent == channel && channel != "" {
			out = append(out, Thread{ID: c.id, Name: c.name, Parent: c.parent, Tags: c.tags, Archived: c.archived, Locked: c.locked})
		}
	}
	slices.SortFunc(out, func(a, b Thread) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Archive puts a thread away, as Discord does after some time without a
// message. A locked one is opened again by moderators only.
func (s *Server) Archive(thread string, locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[thread]; c != nil {
		c.archived, c.locked = true, locked
	}
}

// Direct returns the channel of the bot's direct messages with a user, "" if
// there is none yet.
func (s *Server) Direct(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.directs[user]
}

// Appoint lets a user manage the server.
func (s *Server) Appoint(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admins[user] = true
}

// Doubles returns the keys of deliveries that stand more than once in one
// channel or thread, with where: "key in 1500000000000000001".
func (s *Server) Doubles() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, c := range s.channels {
		n := map[string]int{}
		for _, m := range c.messages {
			if k := m.Key(); k != "" {
				if n[k]++; n[k] == 2 {
					out = append(out, k+" in "+c.id)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Enforce makes the server keep Discord's documented limits, with time going
// scale times as fast: 50 requests a second for the bot (a second of real
// time, and 50 × scale), in each channel 5 posts and 5 edits in 5 s, 10
// messages published and 3 edits of a published one an hour, one identify in 5
// s. 0 lifts the limits.
func (s *Server) Enforce(scale float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scale = scale
}

// Limited returns how many requests were refused for a limit.
func (s *Server) Limited() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limited
}

// Starts sets how many sessions may be begun. Beyond that Discord resets the
// bot's token, and so does the server.
func (s *Server) Starts(total, remaining int, reset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starts.total, s.starts.remaining, s.starts.reset = total, remaining, reset
}

// keyOf returns the key in the mark of a card: what follows ":~:card=" in the
// address of the line above it.
func keyOf(es []*discordgo.MessageEmbed) string {
	for _, e := range es {
		if e == nil || e.Author == nil {
			continue
		}
		if i := strings.LastIndex(e.Author.URL, ":~:card="); i >= 0 {
			key, _, _ := strings.Cut(e.Author.URL[i+len(":~:card="):], "/")
			return key
		}
	}
	return ""
}

// RemoveChannel deletes a channel with all that is in it.
func (s *Server) RemoveChannel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, id)
}

// Deny takes permissions (bits as Discord numbers them) from the bot in a
// channel; 0 gives all back.
func (s *Server) Deny(channel string, bits int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		c.deny = bits
	}
}

// Freeze makes the channel's messages refuse edits, as messages older than an
// hour do after too many.
func (s *Server) Freeze(channel string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		c.frozen = true
	}
}

// Delete deletes a message, as a moderator would. Its nonce stays known.
func (s *Server) Delete(channel, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	if c == nil {
		return
	}
	for i, m := range c.messages {
		if m.ID == id {
			c.messages = append(c.messages[:i], c.messages[i+1:]...)
			return
		}
	}
}

// Revoke makes the server refuse the token from now on.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = true
}

// Restore makes the server accept the token again.
func (s *Server) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = false
}

// ForgetNonces makes nonces older than the server remembers: they are not
// enforced any more.
func (s *Server) ForgetNonces() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noNonces = true
}

// Limit allows n posts per channel in a period; 0 lifts the limit.
func (s *Server) Limit(n int, period time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.period = n, period
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
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if c := s.channels[channel]; c != nil {
		for _, m := range c.messages {
			out = append(out, *m)
		}
	}
	return out
}

// Posts returns how many posts to the channel took effect, repeated ones
// counted once each.
func (s *Server) Posts(channel string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		return c.posts
	}
	return 0
}

// Requests returns the HTTP requests so far, those for the gateway's address
// included.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Registrations returns how often commands were written, and the last list as
// JSON.
func (s *Server) Registrations() (int, []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.commands {
		return s.puts, b
	}
	return s.puts, nil
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
			return fmt.Errorf("discordtest: nothing of what was waited for in %v", limit)
		}
	}
}

// notify wakes those who wait. The caller holds mu.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// newID returns a snowflake of now, above all before. The caller holds mu.
func (s *Server) newID() string {
	id := uint64(time.Now().UnixMilli()-1420070400000) << 22
	s.next = max(s.next+1, id)
	return strconv.FormatUint(s.next, 10)
}

func isSnowflake(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n > 1<<22 && s[0] != '0'
}

// gatewayURL is the gateway's address.
func (s *Server) gatewayURL() string {
	return "ws://" + s.http.Listener.Addr().(*net.TCPAddr).String()
}
