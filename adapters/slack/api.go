package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

const (
	callTimeout = 15 * time.Second // for one request; a caller's deadline may be nearer
	maxAnswer   = 16 << 20         // bytes of an answer; a page of 200 long messages stays below
)

// A request is one call of Slack's Web API.
type request struct {
	what   string // for error texts: "send to C024BE91L"
	method string // of the Web API: "chat.postMessage"
	in     any    // JSON body; nil for a form
	form   url.Values
	out    any          // filled from the answer; nil to ignore it
	header *http.Header // set to the answer's; nil to ignore it
	edit   bool         // the request changes a message
	asApp  bool         // with the app token
}

// call makes exactly one request. Its errors are *chat.SendError.
//
// It is plain net/http on purpose: slack-go reads answers of any length, gives
// up on a 429 whose Retry-After is not a whole number, and sends the token as
// a form field beside the message.
func (a *Adapter) call(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }}
	req, err := a.newRequest(httptrace.WithClientTrace(ctx, trace), r)
	if err != nil {
		return fail(chat.Rejected, r.what, err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return a.broken(r.what, err, wrote.Load())
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or is of no use
	a.noteClock(resp.Header)
	if resp.StatusCode >= 500 { // whatever the body says, the outcome is open
		e := fail(chat.Unknown, r.what, errors.New(resp.Status))
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return e
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return a.broken(r.what, err, true)
	}
	if r.header != nil {
		*r.header = resp.Header
	}
	return a.understand(r, resp, answer)
}

func (a *Adapter) newRequest(ctx context.Context, r request) (*http.Request, error) {
	body, kind := []byte(r.form.Encode()), "application/x-www-form-urlencoded"
	if r.in != nil {
		b, err := json.Marshal(r.in)
		if err != nil {
			return nil, err
		}
		body, kind = b, "application/json; charset=utf-8"
	}
	req, err := chat.NewRequest(ctx, http.MethodPost, a.base.String()+r.method, body)
	if err != nil {
		return nil, errors.New("the address cannot be written as a URL")
	}
	token, app := a.secret()
	if r.asApp {
		token = app
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", a.agent)
	return req, nil
}

// noteClock remembers how far our clock is ahead of Slack's.
func (a *Adapter) noteClock(h http.Header) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		a.ahead.Store(int64(time.Since(date)))
	}
}

// An answer is what every answer of the Web API begins with.
type answer struct {
	OK     *bool  `json:"ok"`
	Error  string `json:"error"`
	Needed string `json:"needed"` // the scope that is missing
	Meta   struct {
		Messages []string `json:"messages"`
	} `json:"response_metadata"`
}

// understand returns nil for an answer that says yes, and fills r.out.
func (a *Adapter) understand(r request, resp *http.Response, body []byte) error {
	var ans answer
	err := json.Unmarshal(body, &ans)
	refused := err == nil && ans.OK != nil && !*ans.OK && ans.Error != ""
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, refused && rateLimited(ans.Error):
		return a.tooMany(r, resp.Header, ans.Error)
	case refused:
		return refuse(r.what, &apiError{code: a.tame(ans.Error), needed: a.tame(ans.Needed), detail: a.tame(strings.Join(ans.Meta.Messages, "; "))}, r.edit)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return byStatus(r.what, resp)
	case err != nil:
		return fail(chat.Unknown, r.what, errors.New("the answer is not what it should be: no JSON"))
	case ans.OK == nil || !*ans.OK:
		return fail(chat.Unknown, r.what, errors.New(`the answer is not what it should be: neither "ok" nor an error`))
	case r.out == nil:
		return nil
	}
	if err := json.Unmarshal(body, r.out); err != nil {
		return fail(chat.Unknown, r.what, fmt.Errorf("the answer is not what it should be: %w", err))
	}
	return nil
}

// tame returns words of an answer as they can stand in an error.
func (a *Adapter) tame(s string) string { return clip(inline(a.redact(s)), 200) }

// redact removes the tokens from what came from outside.
func (a *Adapter) redact(s string) string {
	bot, app := a.secret()
	s = strings.ReplaceAll(s, bot, "[token]")
	if app != "" {
		s = strings.ReplaceAll(s, app, "[token]")
	}
	return s
}

// fail returns a SendError about what.
func fail(reason chat.Reason, what string, err error) *chat.SendError {
	return &chat.SendError{Reason: reason, Err: fmt.Errorf("%s: %w", what, err)}
}

// broken classes a request that got no whole answer. If nothing was written,
// Slack cannot have accepted it.
func (a *Adapter) broken(what string, err error, wrote bool) error {
	// The outer error prints the URL, which is a secret when it is one to
	// answer at.
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if text := err.Error(); a.redact(text) != text {
		err = errors.New(a.redact(text))
	}
	if wrote {
		return fail(chat.Unknown, what, err)
	}
	return fail(chat.Transient, what, err)
}

// Waits that Slack asks for are kept within these bounds; one above absurd is
// taken for a mistake and not believed at all.
const (
	maxWait = 15 * time.Minute
	absurd  = 24 * time.Hour
)

func rateLimited(code string) bool {
	return code == "ratelimited" || code == "rate_limited" || code == "message_limit_exceeded"
}

// tooMany returns the error for a rate limit. Slack counts posts by channel,
// other calls by method; only the limits on a workspace's messages hold for
// all channels.
func (a *Adapter) tooMany(r request, h http.Header, code string) error {
	e := fail(chat.RateLimited, r.what, errors.New(cmp.Or(a.tame(code), "429 Too Many Requests")))
	e.RetryAfter = retryAfter(h.Get("Retry-After"), time.Now())
	e.Global = code == "message_limit_exceeded"
	return e
}

// retryAfter reads both forms of the header; 0 for what is not credible.
func retryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
		if math.IsNaN(f) || f < 0 || f > absurd.Seconds() {
			return 0
		}
		d = time.Duration(f * float64(time.Second))
	} else if t, err := http.ParseTime(s); err == nil {
		d = t.Sub(now)
	}
	if d < 0 || d > absurd {
		return 0
	}
	return min(d, maxWait)
}

// byStatus classes an answer that is not the Web API's own.
func byStatus(what string, resp *http.Response) error {
	e := fail(chat.Transient, what, errors.New(resp.Status))
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		e.Reason, e.Remedy = chat.Unauthorized, remedyToken
	case http.StatusRequestTimeout:
		e.Reason = chat.Unknown
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		e.Reason = chat.Rejected
	default:
		e.Remedy = remedyAddress
	}
	return e
}

// An apiError is what Slack said.
type apiError struct {
	code   string // one of Slack's error codes
	needed string // the scope that is missing
	detail string // what is wrong with the blocks
}

func (e *apiError) Error() string {
	s := e.code
	if e.needed != "" {
		s += " (needed: " + e.needed + ")"
	}
	if e.detail != "" {
		s += ": " + e.detail
	}
	return s
}

const (
	remedyToken   = "Slack does not accept the bot token: install the app again (OAuth & Permissions, Reinstall to Workspace) and set the new token."
	remedyApp     = "Make an app-level token with the scope connections:write (Basic Information, App-Level Tokens) and set it."
	remedyScope   = "Paste the manifest of `pullquote manifest slack` into the app's page and install the app again: a scope is missing."
	remedyChannel = "Write the channel's id (channel name, About, Channel ID), and invite the bot to the channel with /invite."
	remedyInvite  = "Invite the bot to the channel with /invite."
	remedyArchive = "The channel is archived: restore it, or use another one."
	remedyPolicy  = "The workspace's settings do not let the bot post in this channel: ask an administrator, or use another channel."
	remedyThread  = "The page's thread was deleted: nothing more of it is posted in this channel until the source is followed anew."
	remedyAddress = "The answer is not Slack's: check the API address and any proxy."
)

// A verdict is what an error code means.
type verdict struct {
	reason chat.Reason
	remedy string
}

// verdicts maps Slack's error codes to reasons. See the errors of
// https://docs.slack.dev/reference/methods/chat.postMessage and chat.update.
var verdicts = map[string]verdict{
	"access_denied":             {chat.Unauthorized, remedyToken},
	"account_inactive":          {chat.Unauthorized, remedyToken},
	"accesslimited":             {chat.Unauthorized, remedyToken},
	"enterprise_is_restricted":  {chat.Unauthorized, remedyToken},
	"invalid_auth":              {chat.Unauthorized, remedyToken},
	"no_permission":             {chat.Unauthorized, remedyScope},
	"missing_scope":             {chat.Unauthorized, remedyScope},
	"not_allowed_token_type":    {chat.Unauthorized, remedyToken},
	"not_authed":                {chat.Unauthorized, remedyToken},
	"org_login_required":        {chat.Unauthorized, remedyToken},
	"ekm_access_denied":         {chat.Unauthorized, remedyToken},
	"team_access_not_granted":   {chat.Unauthorized, remedyToken},
	"token_expired":             {chat.Unauthorized, remedyToken},
	"token_revoked":             {chat.Unauthorized, remedyToken},
	"two_factor_setup_required": {chat.Unauthorized, remedyToken},

	"channel_not_found":                        {chat.Gone, remedyChannel},
	"not_in_channel":                           {chat.Gone, remedyInvite},
	"is_archived":                              {chat.Gone, remedyArchive},
	"is_inactive":                              {chat.Gone, remedyArchive},
	"restricted_action":                        {chat.Gone, remedyPolicy},
	"restricted_action_read_only_channel":      {chat.Gone, remedyPolicy},
	"restricted_action_thread_only_channel":    {chat.Gone, remedyPolicy},
	"restricted_action_non_threadable_channel": {chat.Gone, remedyPolicy},
	"restricted_action_thread_locked":          {chat.Gone, remedyPolicy},
	"messages_tab_disabled":                    {chat.Gone, remedyPolicy},
	"channel_type_not_supported":               {chat.Gone, remedyChannel},
	"method_not_supported_for_channel_type":    {chat.Gone, remedyChannel},
	"cannot_dm_bot":                            {chat.Gone, remedyChannel},
	"user_not_found":                           {chat.Gone, remedyChannel},
	"user_disabled":                            {chat.Gone, remedyChannel},
	"team_not_found":                           {chat.Gone, remedyChannel},

	"message_not_found":                   {chat.Gone, ""},
	"thread_not_found":                    {chat.Gone, remedyThread},
	"cannot_reply_to_message":             {chat.Gone, remedyThread},
	"cant_delete_message":                 {chat.Rejected, ""},
	"compliance_exports_prevent_deletion": {chat.Rejected, ""},
	"cant_update_message":                 {chat.Frozen, ""},
	"edit_window_closed":                  {chat.Frozen, ""},

	"attachment_payload_limit_exceeded": {chat.Rejected, ""},
	"block_mismatch":                    {chat.Rejected, ""},
	"blocked_file_type":                 {chat.Rejected, ""},
	"invalid_arg_name":                  {chat.Rejected, ""},
	"invalid_arguments":                 {chat.Rejected, ""},
	"invalid_array_arg":                 {chat.Rejected, ""},
	"invalid_attachments":               {chat.Rejected, ""},
	"invalid_blocks":                    {chat.Rejected, ""},
	"invalid_blocks_format":             {chat.Rejected, ""},
	"invalid_charset":                   {chat.Rejected, ""},
	"invalid_form_data":                 {chat.Rejected, ""},
	"invalid_json":                      {chat.Rejected, ""},
	"invalid_metadata_format":           {chat.Rejected, ""},
	"invalid_metadata_schema":           {chat.Rejected, ""},
	"invalid_post_type":                 {chat.Rejected, ""},
	"json_not_object":                   {chat.Rejected, ""},
	"metadata_too_large":                {chat.Rejected, ""},
	"msg_blocks_too_long":               {chat.Rejected, ""},
	"msg_too_long":                      {chat.Rejected, ""},
	"no_text":                           {chat.Rejected, ""},
	"too_many_attachments":              {chat.Rejected, ""},
	"too_many_blocks":                   {chat.Rejected, ""},

	// Slack says of fatal_error that some of it may have succeeded.
	"fatal_error":         {chat.Unknown, ""},
	"internal_error":      {chat.Unknown, ""},
	"request_timeout":     {chat.Unknown, ""},
	"service_unavailable": {chat.Unknown, ""},

	"method_deprecated":   {chat.Rejected, ""},
	"deprecated_endpoint": {chat.Rejected, ""},
	"unknown_method":      {chat.Transient, remedyAddress},
}

// refuse returns the error for an answer that says no. A code that nobody
// knows is Transient: Slack did not accept the message, and a card too many
// tried is better than one lost.
func refuse(what string, err *apiError, edit bool) *chat.SendError {
	v, ok := verdicts[err.code]
	if !ok {
		v.reason = chat.Transient
	}
	if edit && (v.remedy == remedyArchive || v.remedy == remedyPolicy) {
		v.reason = chat.Transient // the channel's state, not the message's; see Edit
	}
	e := fail(v.reason, what, err)
	e.Remedy = v.remedy
	e.Channel = v.reason == chat.Gone && err.code != "message_not_found"
	return e
}
