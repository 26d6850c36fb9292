// Package slack brings cards and commands to Slack: cards as Block Kit
// messages over the Web API, commands over Socket Mode.
//
// [New] makes an adapter for one workspace. Its Send posts a card with message
// metadata that names the delivery, so that a repeated attempt can look in the
// channel's history whether the first one arrived: Slack has no key against
// posting twice. Everything that a source or a user wrote is shown as plain or
// rich text, in which Slack reads no markup, and cut to Slack's limits here.
// Nothing unfurls and nobody is ever mentioned.
//
// Slack takes its list of commands from the app's configuration, not from a
// running program: [Manifest] writes what to paste there. Slack asks for no
// suggestions while a slash command is typed, so chat.Suggest never comes from
// here, and it knows no silent posts, so chat.Post.Silent has no effect.
package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Options says which workspace an adapter serves and how it reaches Slack.
type Options struct {
	Name     string // the instance's name in the configuration
	BotToken string // "xoxb-…": posts, edits, checks; never printed
	AppToken string // "xapp-…": needed by Serve only; never printed
	// APIURL is the address of the Web API and ends with "/"; "" is Slack's
	// own. Socket Mode's address comes from there.
	APIURL string
	// HTTPClient makes the requests; nil is one with time limits. Redirects
	// are not followed.
	HTTPClient *http.Client
	Logger     *slog.Logger // nil discards
	// ReadLag is how long a channel's history may take to show a message;
	// 0 is 3 s.
	ReadLag time.Duration
	Version string // of the program, for the User-Agent
	// Admins is the id of a user group whose members administer, beside the
	// workspace's admins and owners; "" is none.
	Admins string
	// SigningSecret is the app's. With it commands come as requests to Handler,
	// and no connection is kept for them; never printed.
	SigningSecret string
	// Peers has one of several replicas carry out what Slack tells more than one
	// of them, as it does with an envelope that it takes for lost; nil is an app
	// that runs alone.
	Peers chat.Peers
	// Scale makes Slack's limits so many times wider, for tests in scaled time;
	// 0 is 1.
	Scale float64
}

// DefaultAPIURL is where Slack's Web API is.
const DefaultAPIURL = "https://slack.com/api/"

const defaultReadLag = 3 * time.Second

// An Adapter is one app in one Slack workspace. It implements [chat.Adapter].
type Adapter struct {
	name   string
	base   *url.URL
	agent  string
	client *http.Client
	log    *slog.Logger
	lag    time.Duration
	secret func() (bot, app string) // a function, so that no %+v prints them

	web     *web // nil: commands come over Socket Mode
	peers   chat.Peers
	pacer   *pacer
	directs memo // channels of direct messages, by user
	admins  *admins

	ahead atomic.Int64 // nanoseconds by which our clock was ahead of Slack's at the last answer

	mu      sync.Mutex
	refused map[string]struct{} // addresses of pictures that Slack could not fetch
}

var (
	_ chat.Adapter = (*Adapter)(nil)
	_ chat.Sharer  = (*Adapter)(nil)
)

// New returns an adapter. It does no I/O; the error says what is wrong with
// the options.
func New(o Options) (*Adapter, error) {
	bot, app := strings.TrimSpace(o.BotToken), strings.TrimSpace(o.AppToken)
	switch {
	case o.Name == "":
		return nil, errors.New("slack: no name")
	case bot == "":
		return nil, errors.New("slack: no bot token")
	case strings.ContainsFunc(bot+app, func(r rune) bool { return r <= ' ' || r >= 0x7F }):
		return nil, errors.New("slack: a token holds a character that no token has")
	case strings.HasPrefix(bot, "xapp-"):
		return nil, errors.New("slack: the bot token is an app token (xapp-); the bot token begins with xoxb-")
	case strings.HasPrefix(app, "xox"):
		return nil, errors.New("slack: the app token is a bot token (xox…); the app token begins with xapp-")
	}
	base, err := baseURL(o.APIURL)
	if err != nil {
		return nil, err
	}
	a := &Adapter{
		name:    o.Name,
		base:    base,
		agent:   "Pullquote/" + cmp.Or(o.Version, "0") + " (https://github.com/pullquote/pullquote)",
		client:  httpClient(o.HTTPClient),
		log:     o.Logger,
		lag:     o.ReadLag,
		secret:  func() (string, string) { return bot, app },
		refused: map[string]struct{}{},
		web:     newWeb(strings.TrimSpace(o.SigningSecret)),
		peers:   o.Peers,
		pacer:   newPacer(o.Scale),
		admins:  newAdmins(strings.TrimSpace(o.Admins)),
	}
	if a.lag <= 0 {
		a.lag = defaultReadLag
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.log = a.log.With("adapter", o.Name)
	if a.web != nil {
		a.web.a = a
	}
	return a, nil
}

func baseURL(raw string) (*url.URL, error) {
	if raw == "" {
		raw = DefaultAPIURL
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, errors.New("slack: the API address is no http(s) URL")
	}
	if !strings.HasSuffix(u.Path, "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("slack: the API address must end with /")
	}
	return u, nil
}

// httpClient returns a copy of c that follows no redirect: one would repeat
// the post.
func httpClient(c *http.Client) *http.Client {
	var own http.Client
	if c != nil {
		own = *c
	} else {
		own.Transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   32, // a breaking entry goes to many channels at once
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: callTimeout,
		}
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Name returns the instance's name in the configuration.
func (a *Adapter) Name() string { return a.name }

// String returns the adapter's name, so that printing an adapter prints
// nothing else.
func (a *Adapter) String() string { return "slack adapter " + a.name }

// eventType is the type of the metadata on our cards. It must not change: it
// is how cards of earlier versions are found again.
const eventType = "pullquote_card"

// A post is the body of chat.postMessage.
type post struct {
	Channel   string `json:"channel"`
	Thread    string `json:"thread_ts,omitempty"`
	Broadcast bool   `json:"reply_broadcast,omitempty"`
	message
	UnfurlLinks bool     `json:"unfurl_links"`
	UnfurlMedia bool     `json:"unfurl_media"`
	Parse       string   `json:"parse"` // "none": no bare address, no @name comes alive
	LinkNames   bool     `json:"link_names"`
	Mrkdwn      bool     `json:"mrkdwn"` // false: no formatting in the fallback text
	Metadata    metadata `json:"metadata"`
}

// An edit is the body of chat.update. Left out, the metadata stays.
type edit struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	message
	Parse     string `json:"parse"`
	LinkNames bool   `json:"link_names"`
}

type metadata struct {
	EventType string  `json:"event_type"`
	Payload   payload `json:"event_payload"`
}

type payload struct {
	Key string `json:"key"`
}

func compose(p chat.Post, at place, withImage bool) post {
	m := render(p.Card, withImage)
	m.aloud(p.Mentions)
	if bs := buttons(p.Buttons); bs != nil {
		m.Blocks = append(m.Blocks, bs)
	}
	return post{
		Channel:   at.channel,
		Thread:    at.thread,
		Broadcast: at.thread != "" && (p.Broadcast || p.Thread == ""), // an answer to a card is for the channel's readers
		message:   m,
		Parse:     "none",
		Metadata:  metadata{eventType, payload{p.Key}},
	}
}

// Send posts a card, with one request if p.Tried is zero. See [chat.Adapter].
//
// If p.Tried is set and p is refused for a time-out or the like, the earlier
// attempt may still have succeeded: the reason is then Unknown and never
// Transient, and a caller should keep Tried. Where the bot may not read the
// channel's history, Send posts without looking: that one card may repeat.
func (a *Adapter) Send(ctx context.Context, p chat.Post) (chat.MessageID, error) {
	what := "send to " + p.Channel.ID
	if err := checkChannel(what, p.Channel); err != nil {
		return "", err
	}
	if p.Key == "" || len(p.Key) > 25 || !alphanumeric(p.Key) {
		return "", fail(chat.Rejected, what, errors.New("key is not 1 to 25 letters and digits"))
	}
	channel, err := a.where(ctx, what, p.Channel)
	if err != nil {
		return "", a.slowed(p.Channel, err)
	}
	at := place{channel: channel, thread: threadOf(p)}
	if !p.Tried.IsZero() {
		ts, err := a.find(ctx, p, at)
		if ts != "" || err != nil {
			return id{at.thread, ts}.message(), unsettled(threadless(err, at))
		}
	}
	withImage := a.showable(p.Card.Image)
	var out struct {
		TS string `json:"ts"`
	}
	err = a.call(ctx, request{what: what, method: "chat.postMessage", in: compose(p, at, withImage), out: &out})
	if err == nil && !isTS(out.TS) {
		err = fail(chat.Unknown, what, errors.New("the answer holds no ts"))
	}
	if err = a.withoutPicture(err, p.Card, withImage); err == nil {
		return id{at.thread, out.TS}.message(), nil
	}
	err = threadless(a.slowed(p.Channel, err), at)
	if p.Reply != "" && p.Thread == "" && isThreadGone(err) {
		p.Reply = "" // what it answers is gone: it stands by itself
		return a.Send(ctx, p)
	}
	if !p.Tried.IsZero() {
		err = unsettled(err)
	}
	return "", err
}

// threadless marks a refusal that is about the thread, not the channel.
func threadless(err error, at place) error {
	var se *chat.SendError
	var refusal *apiError
	if at.thread == "" || !errors.As(err, &se) || !errors.As(err, &refusal) {
		return err
	}
	switch refusal.code {
	case "thread_not_found", "message_not_found", "cannot_reply_to_message", "restricted_action_thread_locked":
		e := *se
		e.Reason, e.Thread, e.Channel, e.Remedy = chat.Gone, true, false, ""
		return &e
	}
	return err
}

func isThreadGone(err error) bool {
	var se *chat.SendError
	return errors.As(err, &se) && se.Thread
}

// Edit replaces the card of a message. See [chat.Adapter].
//
// While a channel lets nobody write because it is archived or restricted, the
// reason is Transient with a remedy and not Gone: the message is still there,
// and its correction must not be lost.
func (a *Adapter) Edit(ctx context.Context, ch chat.Channel, m chat.MessageID, card chat.Card) error {
	what := "edit in " + ch.ID
	channel, ts, err := a.standing(ctx, what, ch, m)
	if err != nil {
		return err
	}
	withImage := a.showable(card.Image)
	err = a.call(ctx, request{what: what, method: "chat.update", edit: true,
		in: edit{Channel: channel, TS: ts, message: render(card, withImage), Parse: "none"}})
	return a.slowed(ch, a.withoutPicture(err, card, withImage))
}

// standing returns where a message stands.
func (a *Adapter) standing(ctx context.Context, what string, ch chat.Channel, m chat.MessageID) (channel, ts string, err error) {
	if err := checkChannel(what, ch); err != nil {
		return "", "", err
	}
	i, ok := parseID(m)
	if !ok {
		return "", "", fail(chat.Gone, what, errors.New("the message's id is no Slack ts"))
	}
	channel, err = a.where(ctx, what, ch)
	return channel, i.ts, err
}

// Delete removes a message. See [chat.Adapter].
func (a *Adapter) Delete(ctx context.Context, ch chat.Channel, m chat.MessageID) error {
	what := "delete in " + ch.ID
	channel, ts, err := a.standing(ctx, what, ch, m)
	if chat.ReasonOf(err) == chat.Gone && checkChannel(what, ch) == nil {
		return nil // no message has such an id
	}
	if err != nil {
		return err
	}
	err = a.call(ctx, request{what: what, method: "chat.delete", edit: true, form: url.Values{"channel": {channel}, "ts": {ts}}})
	var refusal *apiError
	if errors.As(err, &refusal) && refusal.code == "message_not_found" {
		return nil
	}
	return a.slowed(ch, err)
}

// maxRefused bounds the memory of pictures that Slack could not fetch.
const maxRefused = 1000

// showable reports whether Slack has not refused the picture before.
func (a *Adapter) showable(i chat.Image) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, no := a.refused[i.URL]
	return !no
}

// withoutPicture handles a card that Slack refused because of its picture,
// which Slack fetches when the card is posted: the card is worth another
// attempt, without it. Any other error is returned as it is.
func (a *Adapter) withoutPicture(err error, card chat.Card, withImage bool) error {
	var se *chat.SendError
	var refusal *apiError
	if !withImage || imageURL(card.Image.URL) == "" || !errors.As(err, &se) || !errors.As(err, &refusal) ||
		se.Reason != chat.Rejected || !strings.Contains(refusal.detail, "image") {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.refused) >= maxRefused {
		clear(a.refused)
	}
	a.refused[card.Image.URL] = struct{}{}
	e := *se
	e.Reason = chat.Transient
	return &e
}

// unsettled turns Transient into Unknown: this attempt failed surely, but not
// the one before it.
func unsettled(err error) error {
	var se *chat.SendError
	if errors.As(err, &se) && se.Reason == chat.Transient {
		u := *se
		u.Reason = chat.Unknown
		return &u
	}
	return err
}

func checkChannel(what string, ch chat.Channel) error {
	if name := strings.TrimPrefix(ch.ID, direct); len(name) >= 2 && len(name) <= 64 && alphanumeric(name) {
		return nil
	}
	e := fail(chat.Gone, what, errors.New("this is no channel id"))
	e.Remedy = remedyChannel
	return e
}

func alphanumeric(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// isTS reports whether s is an id of a message: seconds, a full stop, and a
// number that makes it unique in its channel.
func isTS(s string) bool {
	sec, frac, ok := strings.Cut(s, ".")
	_, err1 := strconv.ParseUint(sec, 10, 63)
	_, err2 := strconv.ParseUint(frac, 10, 63)
	return ok && err1 == nil && err2 == nil && len(s) <= 30
}

// Bounds of the search for an earlier attempt's message.
const (
	findMargin = 5 * time.Second // the request's way, and clocks that differ a little
	findPages  = 20
	pageSize   = 200
	skewNoise  = 2 * time.Second // the Date header has whole seconds
)

// find looks for the message of an earlier attempt at p, at once and, if the
// history may lag behind, again when ReadLag is over. It returns "" if there
// is none, or if the bot may not read the history, so that there is nothing
// left but to post.
func (a *Adapter) find(ctx context.Context, p chat.Post, at place) (string, error) {
	what := "look for an earlier message in " + p.Channel.ID
	rest := min(a.lag-time.Since(p.Tried), a.lag) // Tried may lie ahead if the clock was set back
	for {
		ts, readable, err := a.look(ctx, what, p, at)
		if ts != "" || err != nil || !readable || rest <= 0 {
			return ts, err
		}
		if !sleep(ctx, rest) {
			return "", fail(chat.Unknown, what, ctx.Err())
		}
		rest = 0
	}
}

// look searches the history once, or twice if the first answer shows that our
// clock is ahead of Slack's.
func (a *Adapter) look(ctx context.Context, what string, p chat.Post, at place) (ts string, readable bool, err error) {
	from := a.oldest(p.Tried)
	for range 2 {
		ts, readable, err = a.scan(ctx, what, p, at, from)
		earlier := a.oldest(p.Tried)
		if ts != "" || err != nil || !readable || from.Sub(earlier) < skewNoise {
			break
		}
		from = earlier
	}
	return ts, readable, err
}

// oldest returns since when an attempt's message can be in the history, on
// Slack's clock.
func (a *Adapter) oldest(tried time.Time) time.Time {
	if now := time.Now(); tried.After(now) { // the clock was set back
		tried = now.Add(-time.Hour)
	}
	from := tried.Add(-findMargin)
	if ahead := time.Duration(a.ahead.Load()); ahead > skewNoise {
		from = from.Add(-ahead)
	}
	return from
}

// A page is an answer of conversations.history.
type page struct {
	Messages []struct {
		TS       string `json:"ts"`
		Metadata struct {
			EventType string         `json:"event_type"`
			Payload   map[string]any `json:"event_payload"`
		} `json:"metadata"`
	} `json:"messages"`
	HasMore bool `json:"has_more"`
	Meta    struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// scan reads the channel or the thread from a time on. A page is an answer of
// conversations.replies too.
func (a *Adapter) scan(ctx context.Context, what string, p chat.Post, at place, from time.Time) (ts string, readable bool, err error) {
	method := "conversations.history"
	form := url.Values{
		"channel":              {at.channel},
		"oldest":               {fmt.Sprintf("%d.%06d", from.Unix(), from.Nanosecond()/1000)},
		"inclusive":            {"true"},
		"include_all_metadata": {"true"},
		"limit":                {strconv.Itoa(pageSize)},
	}
	if at.thread != "" {
		method = "conversations.replies"
		form.Set("ts", at.thread)
	}
	for range findPages {
		var pg page
		err := a.call(ctx, request{what: what, method: method, form: form, out: &pg})
		if unreadable(err) {
			a.log.Warn("history unreadable, an earlier card may be repeated", "channel", p.Channel.String(), "error", err)
			return "", false, nil
		}
		if err != nil {
			return "", false, err
		}
		for _, m := range pg.Messages {
			if m.Metadata.EventType == eventType && m.Metadata.Payload["key"] == p.Key && isTS(m.TS) {
				return m.TS, true, nil
			}
		}
		if !pg.HasMore || pg.Meta.Cursor == "" {
			return "", true, nil
		}
		form.Set("cursor", pg.Meta.Cursor)
	}
	a.log.Warn("history too long to search, an earlier card may be repeated", "channel", p.Channel.String())
	return "", true, nil
}

// unreadable reports whether err means that the history can never be read
// with this token, whatever posting would say.
func unreadable(err error) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return false
	}
	switch e.code {
	case "missing_scope", "no_permission", "access_denied", "not_allowed_token_type", "method_not_supported_for_channel_type",
		"channel_not_found", "not_in_channel", "restricted_action", "unknown_method":
		return true
	}
	return false
}

// sleep waits for d and reports whether it got so far before ctx was done.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Check reports whether the token works and, for a channel with an ID,
// whether the bot may post there. See [chat.Adapter].
//
// What the token's scopes do not let the bot see, Check takes for allowed.
func (a *Adapter) Check(ctx context.Context, ch chat.Channel) error {
	var h http.Header
	if err := a.call(ctx, request{what: "authenticate", method: "auth.test", header: &h}); err != nil {
		return err
	}
	scopes := h.Get("X-OAuth-Scopes")
	if scopes != "" && !hasScope(scopes, "chat:write") {
		e := fail(chat.Unauthorized, "authenticate", errors.New("the token has no scope chat:write"))
		e.Remedy = remedyScope
		return e
	}
	if ch.ID == "" {
		return nil
	}
	what := "check " + ch.ID
	if err := checkChannel(what, ch); err != nil {
		return err
	}
	err := a.checkMember(ctx, what, ch, hasScope(scopes, "chat:write.public"))
	var refusal *apiError
	if !errors.As(err, &refusal) || refusal.code != "missing_scope" {
		return err
	}
	err = a.call(ctx, request{what: what, method: "conversations.history", form: url.Values{"channel": {ch.ID}, "limit": {"1"}}})
	if errors.As(err, &refusal) && refusal.code == "missing_scope" {
		a.log.Warn("the token's scopes do not let the bot look at the channel", "channel", ch.String(), "remedy", remedyScope)
		return nil
	}
	return err
}

func hasScope(scopes, want string) bool {
	for s := range strings.SplitSeq(scopes, ",") {
		if strings.TrimSpace(s) == want {
			return true
		}
	}
	return false
}

func (a *Adapter) checkMember(ctx context.Context, what string, ch chat.Channel, public bool) error {
	var out struct {
		Channel struct {
			IsMember   bool `json:"is_member"`
			IsArchived bool `json:"is_archived"`
			IsIM       bool `json:"is_im"`
			IsMPIM     bool `json:"is_mpim"`
			IsPrivate  bool `json:"is_private"`
		} `json:"channel"`
	}
	err := a.call(ctx, request{what: what, method: "conversations.info", form: url.Values{"channel": {ch.ID}}, out: &out})
	if err != nil {
		return err
	}
	c := out.Channel
	switch {
	case c.IsArchived:
		return refuse(what, &apiError{code: "is_archived"}, false)
	case !c.IsMember && !c.IsIM && !c.IsMPIM && (c.IsPrivate || !public):
		return refuse(what, &apiError{code: "not_in_channel"}, false)
	}
	return nil
}

// CheckApp reports whether Slack accepts the app token, which only Serve
// needs. Its errors are those of Check.
func (a *Adapter) CheckApp(ctx context.Context) error {
	if _, app := a.secret(); app == "" {
		return errNoAppToken()
	}
	return a.call(ctx, request{what: "authenticate the app", method: "apps.connections.open", asApp: true})
}

func errNoAppToken() error {
	e := fail(chat.Unauthorized, "serve commands", errors.New("no app token"))
	e.Remedy = remedyApp
	return e
}
