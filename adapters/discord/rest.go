package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

const (
	callTimeout = 15 * time.Second // for one request; a caller's deadline may be nearer
	maxAnswer   = 8 << 20          // bytes of an answer; a page of 100 messages stays below
)

// A request is one call of Discord's HTTP interface.
type request struct {
	what   string // for error texts: "send to 123"
	method string
	path   string // below /api/v10
	route  route  // zero for calls outside the rate limits (answers to interactions)
	lane   string // the channel whose Pace has counted this request; "" = none
	in     any    // JSON body; nil for none
	out    any    // filled from the answer; nil to ignore it
	edit   bool   // the path names a message that we want to change
}

// call makes exactly one request, or none if a rate limit known from earlier
// answers forbids it. Its errors are *chat.SendError.
//
// It is plain net/http on purpose. discordgo's own requests wait for rate
// limits asleep under a lock that knows no context, give up an accepted
// message over a header they cannot read, hide the headers of a 429, and read
// answers of any length.
func (a *Adapter) call(ctx context.Context, r request) error {
	if err := a.reserve(r); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var wrote atomic.Bool
	req, err := a.build(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	}), r)
	if err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return a.broken(r, err, wrote.Load())
	}
	defer func() { _ = resp.Body.Close() }() // what matters has been read
	if resp.StatusCode >= 500 {              // whatever the body says, the outcome is open
		return fail(chat.Unknown, r.what, errors.New(resp.Status))
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a.broken(r, err, true)
	}
	if r.route != (route{}) {
		a.limits.learn(r.route, resp.Header, time.Now())
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return a.refusal(r, resp, answer)
	}
	if r.out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, r.out); err != nil {
		return fail(chat.Unknown, r.what, fmt.Errorf("answer %d is not what it should be: %w", resp.StatusCode, err))
	}
	return nil
}

// reserve asks the rate limits for a request.
func (a *Adapter) reserve(r request) error {
	if r.route == (route{}) {
		return nil
	}
	wait, global := a.limits.take(r.route, r.lane, time.Now())
	if wait == 0 {
		return nil
	}
	return &chat.SendError{
		Reason: chat.RateLimited, RetryAfter: wait, Global: global,
		Err: fmt.Errorf("%s: held back: no request left for %v", r.what, wait.Round(time.Millisecond)),
	}
}

// build makes the HTTP request, with the headers that all have.
func (a *Adapter) build(ctx context.Context, r request) (*http.Request, error) {
	var body []byte
	if r.in != nil {
		b, err := json.Marshal(r.in)
		if err != nil {
			return nil, fail(chat.Rejected, r.what, err)
		}
		body = b
	}
	req, err := chat.NewRequest(ctx, r.method, a.base+"/api/v10"+r.path, body)
	if err != nil {
		return nil, fail(chat.Rejected, r.what, errors.New("the address cannot be written as a URL"))
	}
	req.Header.Set("Authorization", "Bot "+a.secret())
	req.Header.Set("User-Agent", a.agent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// fail returns a SendError about what.
func fail(reason chat.Reason, what string, err error) *chat.SendError {
	return &chat.SendError{Reason: reason, Err: fmt.Errorf("%s: %w", what, err)}
}

// broken classes a request that got no whole answer. If nothing was written,
// Discord cannot have accepted it.
func (a *Adapter) broken(r request, err error, wrote bool) error {
	// The outer error prints the URL, which may hold an interaction's token.
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if text := err.Error(); a.redact(text) != text {
		err = errors.New(a.redact(text))
	}
	if wrote {
		return fail(chat.Unknown, r.what, err)
	}
	return fail(chat.Transient, r.what, err)
}

// A fault is the body of an answer that refuses.
type fault struct {
	Code       int     `json:"code"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retry_after"`
	Global     bool    `json:"global"`
}

// refusal classes an answer that is no 2xx and no 5xx.
func (a *Adapter) refusal(r request, resp *http.Response, answer []byte) error {
	var f fault
	// A body that is no JSON tells nothing. In HTML it is Cloudflare's, which
	// stands before Discord and refuses an address, not a request.
	_ = json.Unmarshal(answer, &f)
	edge := bytes.HasPrefix(bytes.TrimSpace(answer), []byte("<"))
	status := resp.StatusCode
	shared := resp.Header.Get("X-RateLimit-Scope") == "shared"
	if status == 401 || status == 403 || (status == 429 && !shared) {
		a.countInvalid()
	}
	text := resp.Status
	if msg := clip(inline(a.redact(f.Message)), 200); msg != "" {
		text = fmt.Sprintf("%d %s (%d)", status, msg, f.Code)
	}
	e := fail(0, r.what, &refused{f.Code, text})
	e.Reason, e.Remedy = classify(status, f.Code, r.edit)
	if edge && status == 403 {
		e.Reason, e.RetryAfter, e.Global, e.Remedy = chat.RateLimited, edgeWait, true, remedyEdge
	}
	if e.Reason == chat.RateLimited && e.RetryAfter == 0 {
		e.RetryAfter, e.Global = retryAfter(resp.Header, f, edge)
	}
	e.Channel = e.Reason == chat.Gone && ofChannel(status, f.Code)
	if e.Reason == chat.Frozen {
		e.RetryAfter, _ = retryAfter(nil, f, false)
	}
	if e.Reason == chat.RateLimited && e.RetryAfter > 0 && r.route != (route{}) && !ofOne(r, f.Code) {
		a.limits.stop(r.route, e.RetryAfter, e.Global, time.Now())
	}
	return e
}

// ofChannel reports whether what is gone is the channel, or the bot's right to
// be there, and not the message.
func ofChannel(status, code int) bool {
	switch code {
	case 10008, 50005, 50021: // unknown message; another author's; the system's
		return false
	case 0:
		return status == 403 || status == 404
	}
	return true
}

// ofOne reports whether a limit holds for the message that was edited and not
// for its channel: a published one takes some three edits an hour, and Discord
// says so with the codes of the channel's limits
// (https://github.com/discord/discord-api-docs/issues/6109).
func ofOne(r request, code int) bool {
	return r.edit && (code == 20022 || code == 20028)
}

// countInvalid counts a request against the budget of invalid ones.
func (a *Adapter) countInvalid() {
	if n := a.limits.count(time.Now()); n > 0 {
		a.log.Warn("Discord refuses many requests; at 10,000 in 10 minutes it shuts the address out",
			"refused", n, "stop_at", a.limits.budget)
	}
}

// A refused is an answer of Discord's that refuses, with its error code.
type refused struct {
	code int // 0 if there was none
	text string
}

func (r *refused) Error() string { return r.text }

// codeOf returns Discord's error code in err, 0 if there is none.
func codeOf(err error) int {
	if r := (*refused)(nil); errors.As(err, &r) {
		return r.code
	}
	return 0
}

// sendError returns the SendError in err. Every error of call's is one.
func sendError(err error) chat.SendError {
	if se := (*chat.SendError)(nil); errors.As(err, &se) {
		return *se
	}
	return chat.SendError{Reason: chat.Unknown, Err: err} // unreachable
}

// retryAfter returns how long a 429 asks to wait, 0 if it says nothing credible, and
// whether it means the whole adapter. The longer of header and body counts:
// either has been seen too short.
func retryAfter(h http.Header, f fault, edge bool) (time.Duration, bool) {
	global := f.Global || h.Get("X-RateLimit-Global") == "true" || h.Get("X-RateLimit-Scope") == "global"
	var longest time.Duration
	known := false
	for _, s := range []string{h.Get("Retry-After"), h.Get("X-RateLimit-Reset-After")} {
		if d, ok := seconds(s); ok {
			longest, known = max(longest, d), true
		}
	}
	if d, ok := duration(f.RetryAfter); ok && f.RetryAfter != 0 {
		longest, known = max(longest, d), true
	}
	if edge {
		return min(max(longest, edgeWait), maxWait), true
	}
	if !known {
		return 0, global
	}
	return min(max(longest, minWait), maxWait), global
}

const (
	remedyToken   = "Discord does not accept the bot's token: make a new one in the Developer Portal (Bot, Reset Token) and set it."
	remedyMissing = "The channel does not exist, or the bot is not in its server: check the id (Developer Mode, Copy Channel ID) and invite the bot."
	remedyView    = "Give the bot's role the permission View Channel in this channel."
	remedySend    = "Give the bot's role the permissions Send Messages and Embed Links in this channel."
	remedyKind    = "Cards cannot be posted in this kind of channel: use a text, announcement, voice or forum channel, or a thread."
	remedyThread  = "The thread is archived or locked: open it again, or use another channel."
	remedyThreads = "Give the bot's role the permissions Create Public Threads and Send Messages in Threads in this channel."
	remedyFull    = "The channel or server has as many open threads as Discord allows: close some."
	remedyTag     = "This forum wants a tag on every post: name one of its tags for the subscription, or make tags optional."
	remedyEdge    = "Discord's edge refuses this machine's address: wait, and look for another program on it that sends too much."
	remedyAddress = "The answer is not Discord's: check the API address and any proxy."
)

// codes maps Discord's error codes to reasons; the rest goes by status. See
// https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
var codes = map[int]struct {
	reason chat.Reason
	remedy string
}{
	10003:  {chat.Gone, remedyMissing}, // unknown channel
	10004:  {chat.Gone, remedyMissing}, // unknown guild
	10008:  {chat.Gone, ""},            // unknown message
	10087:  {chat.Transient, ""},       // unknown tag: those we know are old
	20009:  {chat.Rejected, ""},        // explicit content
	20016:  {chat.RateLimited, ""},     // slow mode
	20022:  {chat.RateLimited, ""},     // edits of an announcement
	20028:  {chat.RateLimited, ""},     // writes in this channel
	20029:  {chat.RateLimited, ""},     // writes in this server
	30046:  {chat.Frozen, ""},          // edits of a message older than an hour
	40001:  {chat.Unauthorized, remedyToken},
	40004:  {chat.Transient, ""},    // sending is disabled for everybody
	40062:  {chat.RateLimited, ""},  // a service behind Discord
	40067:  {chat.Gone, remedyTag},  // a forum post without a tag
	50001:  {chat.Gone, remedyView}, // missing access
	50005:  {chat.Gone, ""},         // another author's message
	50007:  {chat.Gone, "This person does not accept messages from the bot."},
	50008:  {chat.Gone, remedyKind},
	50013:  {chat.Gone, remedySend}, // missing permissions
	50014:  {chat.Unauthorized, remedyToken},
	50021:  {chat.Gone, ""}, // system message
	50024:  {chat.Gone, remedyKind},
	50035:  {chat.Rejected, ""}, // invalid form body
	50083:  {chat.Gone, remedyThread},
	160005: {chat.Gone, remedyThread},
	160006: {chat.Gone, remedyFull},
	160007: {chat.Gone, remedyFull}, // of announcements
	200000: {chat.Rejected, ""},     // AutoMod
	200001: {chat.Rejected, ""},     // AutoMod, title
	240000: {chat.Rejected, ""},     // harmful link
}

// classify returns the reason for a status below 500 and a code of Discord's,
// 0 if there was none, with the remedy.
func classify(status, code int, edit bool) (chat.Reason, string) {
	if c, ok := codes[code]; ok {
		if code == 10008 && !edit {
			// A repeated nonce whose message somebody has deleted since: it
			// was shown once and shall not come back.
			return chat.Rejected, ""
		}
		return c.reason, c.remedy
	}
	switch {
	case status == 401:
		return chat.Unauthorized, remedyToken
	case status == 403:
		return chat.Gone, remedySend
	case status == 404:
		return chat.Gone, remedyMissing
	case status == 408:
		return chat.Unknown, ""
	case status == 429:
		return chat.RateLimited, ""
	case status < 400, status == 407:
		return chat.Transient, remedyAddress
	}
	return chat.Rejected, ""
}

// redact removes the token from what came from outside.
func (a *Adapter) redact(s string) string { return strings.ReplaceAll(s, a.secret(), "[token]") }
