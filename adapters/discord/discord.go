// Package discord brings cards and commands to Discord: cards as embeds over
// HTTP, commands as application commands over the gateway.
//
// [New] makes an adapter for one bot. Its Send posts a card with a nonce that
// Discord enforces, so that a repeated attempt returns the first one's message;
// when the attempt is older than Discord remembers nonces, Send looks for the
// message in the channel's history. Everything that a source or a user wrote
// is escaped and cut to Discord's limits here, and no mention is ever allowed.
//
// The adapter makes one request per call and never waits for a rate limit: it
// refuses locally what Discord would refuse, and says when to come back.
package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

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
	Version       string // of the program, for the User-Agent
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

	retry      time.Duration // first pause of what is tried again; shorter in tests
	deferAfter time.Duration // a slow handler is announced after this; shorter in tests

	mu   sync.Mutex
	self string // the bot user's id; "" until known

	closing sync.WaitGroup // gateway sessions that are closing; see listen
}

var _ chat.Adapter = (*Adapter)(nil)

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
		limits: newLimits(o.InvalidBudget),
		secret: func() string { return token },
		self:   AppID(token),

		retry:      minRetry,
		deferAfter: deferAfter,
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.log = a.log.With("adapter", o.Name)
	return a, nil
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

// Name returns the instance's name in the configuration.
func (a *Adapter) Name() string { return a.name }

// String returns the adapter's name, so that printing an adapter prints
// nothing else.
func (a *Adapter) String() string { return "discord adapter " + a.name }

// silent is the message flag SUPPRESS_NOTIFICATIONS.
const silent = 1 << 12

// A message is the body of a request that writes a message.
type message struct {
	Embeds          []*discordgo.MessageEmbed     `json:"embeds,omitempty"`
	Components      *[]discordgo.MessageComponent `json:"components,omitempty"`
	AllowedMentions mentions                      `json:"allowed_mentions"`
	Flags           int                           `json:"flags,omitempty"`
	Nonce           string                        `json:"nonce,omitempty"`
	EnforceNonce    bool                          `json:"enforce_nonce,omitempty"`
}

// nobody allows no mention. The list must be there and empty: without it
// Discord makes every mention in the text count.
func nobody() mentions { return mentions{Parse: []string{}} }

type mentions struct {
	Parse []string `json:"parse"`
}

// A posted is what Discord tells of a message.
type posted struct {
	ID     string `json:"id"`
	Nonce  any    `json:"nonce"` // a string, or a number from other programs
	Author struct {
		ID string `json:"id"`
	} `json:"author"`
	// Embeds is read only where it matters: an embed that we cannot read must
	// not make a message disappear.
	Embeds json.RawMessage `json:"embeds"`
}

// embeds returns what can be read of the message's embeds.
func (m posted) embeds() []*discordgo.MessageEmbed {
	var es []*discordgo.MessageEmbed
	_ = json.Unmarshal(m.Embeds, &es)
	return slices.DeleteFunc(es, func(e *discordgo.MessageEmbed) bool { return e == nil })
}

// compose returns the body that posts p.
func compose(p chat.Post) message {
	e := embed(p.Card)
	e.Author.URL = mark(p.Card.URL, p.Key)
	m := message{Embeds: []*discordgo.MessageEmbed{e}, AllowedMentions: nobody(), Nonce: p.Key, EnforceNonce: p.Key != ""}
	if p.Silent {
		m.Flags = silent
	}
	return m
}

// mark returns the entry's address with the delivery's key where browsers do
// not look: behind the fragment directive's delimiter, which they strip. The
// card's kicker carries it, so that Send recognises the message in the
// channel's history even if Discord keeps no nonces there.
func mark(entry, key string) string {
	u := webURL(entry)
	if u == "" || key == "" {
		return ""
	}
	if !strings.Contains(u, "#") {
		u += "#"
	}
	if u += markDelimiter + key; len(u) > maxURL {
		return ""
	}
	return u
}

const markDelimiter = ":~:card="

// nonceTime is how long a repeated nonce is trusted to be recognised. Discord
// says "the past few minutes".
const nonceTime = time.Minute

// Send posts a card, with one request if p.Tried is zero. See [chat.Adapter].
//
// If p.Tried is set and the earlier attempt's message shows another card than
// p's, Send edits it. If p.Tried is set and this attempt surely failed, the
// earlier one may still have succeeded: the reason is then Unknown and never
// Transient. A caller keeps Tried until Send succeeds.
func (a *Adapter) Send(ctx context.Context, p chat.Post) (chat.MessageID, error) {
	what := "send to " + p.Channel.ID
	if err := checkChannel(what, p.Channel); err != nil {
		return "", err
	}
	if len(p.Key) > 25 || strings.ContainsFunc(p.Key, notAlphanumeric) {
		return "", fail(chat.Rejected, what, errors.New("key is not at most 25 letters and digits"))
	}
	if age := time.Since(p.Tried); !p.Tried.IsZero() && (age >= nonceTime || age < 0) {
		m, err := a.find(ctx, p)
		if err != nil {
			return "", unsettled(err)
		}
		if m.ID != "" {
			return a.freshen(ctx, p, m)
		}
	}
	var m posted
	err := a.call(ctx, request{
		what: what, method: "POST", path: "/channels/" + p.Channel.ID + "/messages",
		route: route{"POST /channels/messages", p.Channel.ID}, in: compose(p), out: &m,
	})
	if err == nil && !isSnowflake(m.ID) {
		err = errNoID(what)
	}
	if !p.Tried.IsZero() {
		if err != nil {
			return "", unsettled(err)
		}
		return a.freshen(ctx, p, m)
	}
	if err != nil {
		return "", err
	}
	return chat.MessageID(m.ID), nil
}

// freshen returns the id of a message that p has, and edits the message first
// if it shows an earlier state of the card: the entry may have changed since
// the attempt that made it.
func (a *Adapter) freshen(ctx context.Context, p chat.Post, m posted) (chat.MessageID, error) {
	e := compose(p).Embeds[0]
	if es := m.embeds(); len(es) == 1 && look(es[0]) == look(e) {
		return chat.MessageID(m.ID), nil
	}
	err := a.call(ctx, editing(p.Channel, m.ID, e))
	switch chat.ReasonOf(err) {
	case 0, chat.Frozen: // it stands, and no attempt will change it
		return chat.MessageID(m.ID), nil
	case chat.Gone:
		se := *func() *chat.SendError {
			target := &chat.SendError{}
			_ = errors.As(err, &target)
			return target
		}()
		if se.Remedy == "" { // not the channel: the message, deleted just now, and it shall not come back
			se.Reason = chat.Rejected
		}
		return "", &se
	}
	return "", unsettled(err)
}

// look returns what people see of an embed, to compare it with another's:
// Discord adds fields of its own to what it was sent.
func look(e *discordgo.MessageEmbed) string {
	parts := []string{e.Title, e.URL, e.Description}
	if e.Author != nil {
		parts = append(parts, e.Author.Name)
	}
	if e.Footer != nil {
		parts = append(parts, e.Footer.Text)
	}
	if e.Image != nil {
		parts = append(parts, e.Image.URL)
	}
	return strings.Join(parts, "\x00")
}

// editing is the request that replaces a message's embed.
func editing(ch chat.Channel, id string, e *discordgo.MessageEmbed) request {
	return request{
		what: "edit in " + ch.ID, method: "PATCH", path: "/channels/" + ch.ID + "/messages/" + id, edit: true,
		route: route{"PATCH /channels/messages", ch.ID},
		in:    message{Embeds: []*discordgo.MessageEmbed{e}, AllowedMentions: nobody()},
	}
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// unsettled turns Transient into Unknown: this attempt failed surely, but not
// the one before it.
func unsettled(err error) error {
	se := (*chat.SendError)(nil)
	if errors.As(err, &se) && se.Reason == chat.Transient {
		u := *se
		u.Reason = chat.Unknown
		return &u
	}
	return err
}

func errNoID(what string) error {
	return fail(chat.Unknown, what, errors.New("the answer holds no id"))
}

func checkChannel(what string, ch chat.Channel) error {
	if isSnowflake(ch.ID) {
		return nil
	}
	e := fail(chat.Gone, what, errors.New("the channel's id is not a number"))
	e.Remedy = "Write the channel's id: switch on Developer Mode in Discord, then right-click the channel, Copy Channel ID."
	return e
}

// Bounds of the search for an earlier attempt's message.
const (
	findMargin = 5 * time.Second // our clock and Discord's may differ
	findPages  = 10              // of 100 messages
)

// find looks for the message of an earlier attempt at p: by the bot itself,
// with p's nonce or mark. It returns one without an id if there is none, or if the bot may
// not read the history, so that there is nothing left but to post.
func (a *Adapter) find(ctx context.Context, p chat.Post) (posted, error) {
	from := p.Tried.Add(-findMargin)
	if now := time.Now(); p.Tried.After(now) { // the clock was set back
		from = now.Add(-time.Hour)
	}
	after := strconv.FormatUint(snowflake(from), 10)
	self, err := a.whoami(ctx)
	if err != nil {
		return posted{}, err
	}
	for range findPages {
		var page []posted
		err := a.call(ctx, request{
			what: "look for an earlier message in " + p.Channel.ID, method: "GET",
			path:  "/channels/" + p.Channel.ID + "/messages?limit=100&after=" + after,
			route: route{"GET /channels/messages", p.Channel.ID}, out: &page,
		})
		if chat.ReasonOf(err) == chat.Gone {
			a.log.Warn("history unreadable, an earlier card may be repeated", "channel", p.Channel, "error", err)
			return posted{}, nil
		}
		if err != nil {
			return posted{}, err
		}
		for _, m := range page {
			if ours(m, self, p.Key) {
				return m, nil
			}
		}
		if len(page) < 100 {
			return posted{}, nil
		}
		newest := slices.MaxFunc(page, func(x, y posted) int { return compareIDs(x.ID, y.ID) }).ID
		if compareIDs(newest, after) <= 0 {
			return posted{}, nil // no progress: the answer is not what was asked for
		}
		after = newest
	}
	return posted{}, nil
}

// whoami returns the bot user's id, from the token or else from Discord.
func (a *Adapter) whoami(ctx context.Context) (string, error) {
	a.mu.Lock()
	self := a.self
	a.mu.Unlock()
	if self != "" {
		return self, nil
	}
	var me posted
	err := a.call(ctx, request{
		what: "ask who the bot is", method: "GET", path: "/users/@me",
		route: route{name: "GET /users/@me"}, out: &me,
	})
	if err != nil {
		return "", err
	}
	if !isSnowflake(me.ID) {
		return "", errNoID("ask who the bot is")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.self = me.ID
	return me.ID, nil
}

// compareIDs orders ids by age.
func compareIDs(x, y string) int {
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

// ours reports whether m is the bot's message of the delivery named key.
func ours(m posted, self, key string) bool {
	if key == "" || !isSnowflake(m.ID) || m.Author.ID != self {
		return false
	}
	if m.Nonce == key {
		return true
	}
	for _, e := range m.embeds() {
		if e.Author != nil && strings.HasSuffix(e.Author.URL, markDelimiter+key) {
			return true
		}
	}
	return false
}

// Edit replaces the card of a message. See [chat.Adapter].
func (a *Adapter) Edit(ctx context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) error {
	what := "edit in " + ch.ID
	if err := checkChannel(what, ch); err != nil {
		return err
	}
	if !isSnowflake(string(id)) {
		return fail(chat.Gone, what, errors.New("the message's id is not a number"))
	}
	return a.call(ctx, editing(ch, string(id), embed(card)))
}
