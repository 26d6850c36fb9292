// Package discord brings cards and commands to Discord: cards as embeds over
// HTTP, commands as application commands over the gateway.
//
// [New] makes an adapter for one bot. Its Send posts a card with a nonce that
// Discord enforces, so that a repeated attempt returns the first one's message.
// Discord remembers nonces for some minutes and keeps none in its history, so
// every card also carries a mark: the delivery's key, in the fragment of the
// address to which the line above the card leads (see mark). Edits leave it
// there. An attempt of long ago is looked for by it, through up to a thousand
// messages or fifty forum posts, and so is what a user points at.
//
// A page's message opens a thread, whose id is the message's; in a forum the
// page is a post. What was posted in more than one place, or in one that can
// be archived, has its parts in the MessageID (see ref). When one part was
// accepted and the next was not, the outcome is reported as unknown, and the
// next attempt finds what stands.
//
// Everything that a source or a user wrote is escaped and cut to Discord's
// limits here, and nobody is mentioned but whom the post names. The adapter
// never waits for a rate limit: Pace says when to go on, Send refuses locally
// what Discord would refuse, and says when to come back.
package discord

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Options says which bot an adapter is and how it reaches Discord.
type Options struct {
	Name  string // the instance's name in the configuration
	Token string `json:"-"` // the bot token, with or without "Bot "; never printed
	// APIURL is the address of Discord's HTTP interface without the path,
	// "http://127.0.0.1:1234"; "" is Discord's own. The gateway's address
	// comes from there.
	APIURL string
	// HTTPClient makes the requests; nil is a plain client. Redirects are not
	// followed.
	HTTPClient *http.Client
	Logger     *slog.Logger // nil discards
	// Guild is the id of a server in which commands are registered, for
	// immediate effect; "" registers them everywhere the bot is.
	Guild string
	// InvalidBudget is how many refused requests in 10 minutes the adapter
	// allows itself; 0 is 5,000. Discord shuts an address out at 10,000, so
	// several bots on one address should share that.
	InvalidBudget int
	// Rate is how many requests a second the bot may make; 0 is Discord's 50.
	// Discord grants more to bots that are in very many servers.
	Rate    int
	Version string // of the program, for the User-Agent
	// Keep is where the gateway's session outlives the program, so that a
	// restart resumes it and misses no command; nil keeps nothing. Discord
	// allows 1,000 new sessions a day and resets the token of a bot that takes
	// more.
	Keep Keeper
	// Peers is how several replicas of the bot share its gateway connections; nil
	// is a bot that runs alone. Keep is not used with it.
	Peers chat.Peers
	// Shards is how many gateway connections the bot has in all; 0 is what
	// Discord advises.
	Shards int
	// PublicKey is the application's, 64 hexadecimal digits. With it commands come
	// as requests to Handler, and no gateway connection is kept.
	PublicKey string
}

// String returns the options' name and nothing else.
func (o Options) String() string { return "discord options of " + o.Name }

// GoString is String: not even %#v prints the token.
func (o Options) GoString() string { return o.String() }

// An Adapter is one Discord bot. It implements [chat.Adapter].
type Adapter struct {
	name   string
	guild  string
	base   string
	agent  string
	client *http.Client
	log    *slog.Logger
	limits *limits
	secret func() string // the token; a function, so that no %+v prints it

	web        *web // nil: commands come over the gateway
	keep       Keeper
	peers      chat.Peers
	shards     int // 0 = as advised
	part       atomic.Pointer[chat.Share]
	shared     chan struct{} // receives when part has changed
	lease      time.Duration // of a shard; shorter in tests
	gap        time.Duration // between identifies; shorter in tests
	retry      time.Duration // first pause of what is tried again; shorter in tests
	deferAfter time.Duration // a slow handler is announced after this; shorter in tests

	mu    sync.Mutex
	self  string          // the bot user's id; "" until known
	keeps map[string]bool // shards that this replica keeps

	places      *memory[place]  // by channel
	directs     *memory[string] // channels of direct messages, by user
	twins       *memory[string] // copies of broadcast messages, by the message in the thread
	unpublished *memory[string] // channels of which it was said that nothing can be published
}

var (
	_ chat.Adapter = (*Adapter)(nil)
	_ chat.Sharer  = (*Adapter)(nil)
)

// New returns an adapter. It does no I/O; the error says what is wrong with
// the options.
func New(o Options) (*Adapter, error) {
	token := bare(o.Token)
	switch {
	case o.Name == "":
		return nil, errors.New("discord: no name")
	case token == "":
		return nil, errors.New("discord: no bot token")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7F }):
		return nil, errors.New("discord: the bot token holds a character that no token has")
	case o.Guild != "" && !isSnowflake(o.Guild):
		return nil, fmt.Errorf("discord: server id %q is not a number", o.Guild)
	}
	base, err := baseURL(o.APIURL)
	if err != nil {
		return nil, err
	}
	web, err := newWeb(o.PublicKey)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: transport()}
	if o.HTTPClient != nil {
		client = *o.HTTPClient
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if o.Version == "" {
		o.Version = "0"
	}
	a := &Adapter{
		name:   o.Name,
		guild:  o.Guild,
		base:   base,
		agent:  "DiscordBot (https://github.com/pullquote/pullquote, " + o.Version + ")",
		client: &client,
		log:    o.Logger,
		limits: newLimits(o.InvalidBudget, o.Rate),
		secret: func() string { return token },
		self:   AppID(token),

		places:      newMemory[place](placeTime),
		directs:     newMemory[string](0),
		twins:       newMemory[string](0),
		unpublished: newMemory[string](time.Hour),

		web:        web,
		keep:       o.Keep,
		peers:      o.Peers,
		shards:     o.Shards,
		shared:     make(chan struct{}, 1),
		lease:      shardLease,
		gap:        identifyGap,
		retry:      minRetry,
		deferAfter: deferAfter,
	}
	a.part.Store(&chat.Share{})
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.log = a.log.With("adapter", o.Name)
	if web != nil {
		web.a = a
	}
	return a, nil
}

// Share keeps the adapter to its part of the bot's limits and, with
// Options.Peers, of its gateway connections. See [chat.Sharer].
func (a *Adapter) Share(s chat.Share) {
	a.limits.share(s)
	a.part.Store(&s)
	select {
	case a.shared <- struct{}{}:
	default:
	}
}

// transport is net/http's with more idle connections: bursts go to one host.
func transport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}

// bare returns a token without white space and "Bot ".
func bare(token string) string {
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(token)+" ", "Bot "))
}

func baseURL(raw string) (string, error) {
	if raw == "" {
		return "https://discord.com", nil
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("discord: the API address is no http(s) URL")
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

// isSnowflake reports whether s is an id of Discord's: a 64-bit number.
func isSnowflake(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n > 0 && s[0] != '0' && len(s) >= 2
}

// snowflake returns the least id of a message sent at t
// (https://discord.com/developers/docs/reference#snowflakes).
func snowflake(t time.Time) uint64 {
	const epoch = 1420070400000 // the first millisecond of 2015
	return uint64(max(t.UnixMilli()-epoch, 0)) << 22
}

// snowflakeTime returns when an id was made.
func snowflakeTime(id string) time.Time {
	n, _ := strconv.ParseUint(id, 10, 64) // 0 for what is none
	return time.UnixMilli(int64(n>>22) + 1420070400000)
}

// Name returns the instance's name in the configuration.
func (a *Adapter) Name() string { return a.name }

// String returns the adapter's name, so that printing an adapter prints
// nothing else.
func (a *Adapter) String() string { return "discord adapter " + a.name }
