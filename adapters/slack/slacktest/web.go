package slacktest

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An args is what a request asks for, from JSON or from a form.
type args map[string]json.RawMessage

// str returns a text, or a number as text.
func (a args) str(key string) string {
	var s string
	if json.Unmarshal(a[key], &s) == nil {
		return s
	}
	return strings.TrimSpace(string(a[key]))
}

// object returns structured data, which a form carries as JSON in a text.
func (a args) object(key string) json.RawMessage {
	var s string
	if json.Unmarshal(a[key], &s) == nil {
		return json.RawMessage(s)
	}
	return a[key]
}

func (a args) has(key string) bool {
	s := strings.TrimSpace(string(a.object(key)))
	return s != "" && s != "null"
}

func (a args) yes(key string) bool { return a.str(key) == "true" || a.str(key) == "1" }

// An object is an answer.
type object map[string]any

func no(code string) object { return object{"ok": false, "error": code} }

// serve answers every request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/link") {
		s.socket(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	id, isResponse := strings.CutPrefix(r.URL.Path, "/response/")
	if isResponse {
		method = "response"
	}
	in, auth := parse(r, body)

	s.mu.Lock()
	s.requests = append(s.requests, Request{Method: method, Body: body, Auth: r.Header.Get("Authorization")})
	n := len(s.requests) - 1
	f := s.fault(method, in.str("channel"))
	var ans object
	h := http.Header{"Date": {s.now().UTC().Format(http.TimeFormat)}}
	if f == nil || f.Accept {
		if isResponse {
			ans = s.respond(id, in)
		} else {
			ans = s.method(method, auth, in, h)
		}
	}
	s.touch()
	s.mu.Unlock()

	status := s.answer(w, r, f, ans, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[n].Status = status
	s.touch()
}

// parse reads the arguments and the token of a request.
func parse(r *http.Request, body []byte) (args, string) {
	in := args{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		_ = json.Unmarshal(body, &in) // what is no object has no arguments
	} else {
		form, _ := url.ParseQuery(string(body))
		maps.Copy(form, r.URL.Query())
		for k, v := range form {
			in[k], _ = json.Marshal(v[0])
		}
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = in.str("token")
	}
	return in, token
}

// fault returns the fault that applies. The caller holds mu.
func (s *Server) fault(method, channel string) *Fault {
	for i, f := range s.faults {
		if (f.Method != "" && f.Method != method) || (f.Channel != "" && f.Channel != channel) {
			continue
		}
		if f.Begun != nil {
			close(f.Begun)
			f.Begun = nil
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// answer writes the answer, or what a fault makes of it, and returns the
// status, 0 if there was none.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, f *Fault, ans object, h http.Header) int {
	status := http.StatusOK
	if ans["error"] == "ratelimited" {
		status = http.StatusTooManyRequests
	}
	body, _ := json.Marshal(ans)
	if ans == nil {
		body = []byte("ok")
	}
	if f != nil {
		if f.Hold != nil {
			select {
			case <-f.Hold:
			case <-r.Context().Done():
			case <-s.stopped:
			}
		}
		if f.Drop {
			drop(w, body, f.Half)
			return 0
		}
		if f.Status != 0 || f.Body != "" {
			status, body = max(f.Status, http.StatusOK), []byte(f.Body)
		}
		maps.Copy(h, f.Header)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	maps.Copy(w.Header(), h)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
	return status
}

// drop breaks the connection, before or in the middle of an answer.
func drop(w http.ResponseWriter, body []byte, half bool) {
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }() // that is the fault
	if half {
		_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)+100) + "\r\n\r\n" + string(body[:len(body)/2]))
		_ = buf.Flush()
	}
}

// method runs one method of the Web API. The caller holds mu.
func (s *Server) method(method, token string, in args, h http.Header) object {
	if code := s.allowed(method, token); code != "" {
		return no(code)
	}
	if method != "apps.connections.open" {
		h.Set("X-OAuth-Scopes", strings.Join(s.scopes, ","))
	}
	switch method {
	case "auth.test":
		return object{"ok": true, "team_id": TeamID, "user_id": UserID, "bot_id": BotID}
	case "apps.connections.open":
		return s.open()
	case "chat.postMessage":
		return s.postMessage(in, h)
	case "chat.update":
		return s.update(in)
	case "conversations.history":
		return s.history(in)
	case "chat.delete":
		return s.remove(in)
	case "conversations.replies":
		return s.replies(in)
	case "conversations.open":
		return s.openDirect(in)
	case "users.info":
		return s.userInfo(in)
	case "usergroups.users.list":
		return s.groupUsers(in)
	case "conversations.info":
		return s.info(in)
	}
	return no("unknown_method")
}

// allowed returns why a token may not call a method, "" if it may. The caller
// holds mu.
func (s *Server) allowed(method, token string) string {
	app := method == "apps.connections.open"
	switch {
	case token == "":
		return "not_authed"
	case token == s.BotToken() && app, token == s.AppToken() && !app:
		return "not_allowed_token_type"
	case token != s.BotToken() && token != s.AppToken():
		return "invalid_auth"
	case app && s.appRevoked, !app && s.revoked:
		return "token_revoked"
	}
	if need := map[string]string{"chat.postMessage": "chat:write", "chat.update": "chat:write", "chat.delete": "chat:write"}[method]; need != "" && !slices.Contains(s.scopes, need) {
		return "missing_scope"
	}
	return ""
}

// may reports whether the token has the scope for reading c. The caller holds
// mu.
func (s *Server) may(c *channel, what string) bool {
	kind := "channels:"
	if c.direct {
		kind = "im:"
	} else if c.private {
		kind = "groups:"
	}
	return slices.Contains(s.scopes, kind+what)
}

// find returns the channel of a request, or why it cannot be written to. The
// caller holds mu.
func (s *Server) find(in args) (*channel, string) {
	c := s.channels[in.str("channel")]
	switch {
	case c == nil, c.private && c.absent:
		return nil, "channel_not_found"
	case c.archived:
		return c, "is_archived"
	case c.absent:
		return c, "not_in_channel"
	}
	return c, ""
}

// content reads the text and blocks of a message. The caller holds mu.
func (s *Server) content(in args) (string, json.RawMessage, object) {
	text := in.str("text")
	if !in.has("text") {
		text = ""
	}
	if !in.has("blocks") {
		if text == "" {
			return "", nil, no("no_text")
		}
		return cutText(text), nil, nil
	}
	blocks := in.object("blocks")
	if err := CheckBlocks(blocks); err != nil {
		code := "invalid_blocks"
		if errors.Is(err, errTooLong) {
			code = "msg_blocks_too_long"
		}
		return "", nil, object{"ok": false, "error": code, "response_metadata": object{"messages": []string{"[ERROR] " + err.Error()}}}
	}
	for _, u := range Images(blocks) {
		if s.badImages[u] {
			return "", nil, object{"ok": false, "error": "invalid_blocks", "response_metadata": object{
				"messages": []string{"[ERROR] downloading image failed [json-pointer:/blocks/0/image_url]"}}}
		}
	}
	return cutText(text), slices.Clone(blocks), nil
}

// cutText cuts a text as Slack does, without a word about it.
func cutText(s string) string {
	if r := []rune(s); len(r) > 40000 {
		return string(r[:40000])
	}
	return s
}

func (s *Server) postMessage(in args, h http.Header) object {
	c, code := s.find(in)
	if code == "not_in_channel" && slices.Contains(s.scopes, "chat:write.public") {
		code = ""
	}
	if code != "" {
		return no(code)
	}
	if code := threadProblem(c, in.str("thread_ts")); code != "" && in.has("thread_ts") {
		return no(code)
	}
	if wait := s.pace(c); wait != "" {
		h.Set("Retry-After", wait)
		return no("ratelimited")
	}
	text, blocks, bad := s.content(in)
	if bad != nil {
		return bad
	}
	m := &Message{Channel: c.id, Text: text, Blocks: blocks}
	if in.has("thread_ts") {
		m.Thread, m.Broadcast = in.str("thread_ts"), in.yes("reply_broadcast")
	}
	if in.has("metadata") {
		if json.Unmarshal(in.object("metadata"), &m.Metadata) != nil || m.Metadata.EventType == "" || m.Metadata.Payload == nil {
			return no("invalid_metadata_format")
		}
	}
	s.put(c, m)
	c.posts++
	return object{"ok": true, "channel": c.id, "ts": m.TS, "message": s.show(m, true)}
}

// put adds a message to a channel. The caller holds mu.
func (s *Server) put(c *channel, m *Message) {
	m.TS, m.Sent = s.ts(), time.Now()
	c.messages = append(c.messages, m)
}

// pace returns the Retry-After of a post that comes too early, "" if it does
// not. The caller holds mu.
func (s *Server) pace(c *channel) string {
	now := time.Now()
	for _, l := range []struct {
		spent *pace
		rate  rate
	}{{&c.spent, s.each}, {&s.spent, s.all}} {
		wait := l.spent.take(l.rate, now)
		switch {
		case wait <= 0:
		case l.rate.period < time.Second:
			return strconv.FormatFloat(wait.Seconds(), 'f', 3, 64)
		default:
			return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
		}
	}
	return ""
}

func (s *Server) update(in args) object {
	c := s.channels[in.str("channel")]
	if c == nil || c.private && c.absent {
		return no("channel_not_found")
	}
	if c.archived {
		return no("is_inactive")
	}
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.TS == in.str("ts") })
	switch {
	case i < 0:
		return no("message_not_found")
	case c.messages[i].Response:
		return no("cant_update_message")
	case c.closed:
		return no("edit_window_closed")
	}
	text, blocks, bad := s.content(in)
	if bad != nil {
		return bad
	}
	m := c.messages[i]
	m.Text, m.Blocks = text, blocks // text without blocks removes the blocks
	m.Edits++
	if in.has("metadata") {
		m.Metadata = Metadata{}
		_ = json.Unmarshal(in.object("metadata"), &m.Metadata) // {} removes it
	}
	return object{"ok": true, "channel": c.id, "ts": m.TS, "text": m.Text}
}

// show returns a message as the Web API shows it.
func (s *Server) show(m *Message, payload bool) object {
	o := object{"type": "message", "ts": m.TS, "text": m.Text, "user": UserID, "bot_id": BotID}
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	if m.Edits > 0 {
		o["edited"] = object{"user": UserID, "ts": m.TS}
	}
	if m.Metadata.EventType != "" {
		md := object{"event_type": m.Metadata.EventType}
		if payload {
			md["event_payload"] = m.Metadata.Payload
		}
		o["metadata"] = md
	}
	return o
}

// history pages from the newest message back.
func (s *Server) history(in args) object {
	c := s.channels[in.str("channel")]
	switch {
	case c == nil || c.private && c.absent:
		return no("channel_not_found")
	case !s.may(c, "history"):
		return object{"ok": false, "error": "missing_scope", "needed": "channels:history"}
	case c.absent:
		return no("not_in_channel")
	}
	limit, err := strconv.Atoi(in.str("limit"))
	if err != nil || limit < 1 {
		limit = 100
	}
	limit = min(limit, 999)
	var found []*Message
	for _, m := range slices.Backward(c.messages) {
		if m.Thread != "" && !m.Broadcast {
			continue
		}
		inclusive := in.yes("inclusive")
		if in.has("oldest") && !after(m.TS, in.str("oldest"), inclusive) ||
			in.has("latest") && !after(in.str("latest"), m.TS, inclusive) ||
			in.has("cursor") && !after(in.str("cursor"), m.TS, false) || time.Since(m.Sent) < s.lag {
			continue
		}
		found = append(found, m)
	}
	ans := object{"ok": true, "has_more": len(found) > limit}
	if len(found) > limit {
		found = found[:limit]
		ans["response_metadata"] = object{"next_cursor": found[limit-1].TS}
	}
	list := []object{}
	for _, m := range found {
		list = append(list, s.show(m, in.yes("include_all_metadata")))
	}
	ans["messages"] = list
	return ans
}

// after reports whether the ts a is later than b, or the same and that counts.
func after(a, b string, inclusive bool) bool {
	x, y := micros(a), micros(b)
	return x > y || inclusive && x == y
}

func micros(ts string) int64 {
	sec, frac, _ := strings.Cut(ts, ".")
	n, _ := strconv.ParseInt(sec, 10, 64)
	f, _ := strconv.ParseInt((frac + "000000")[:6], 10, 64)
	return n*1e6 + f
}

func (s *Server) info(in args) object {
	c := s.channels[in.str("channel")]
	switch {
	case c == nil || c.private && c.absent:
		return no("channel_not_found")
	case !s.may(c, "read"):
		return object{"ok": false, "error": "missing_scope", "needed": "channels:read"}
	}
	return object{"ok": true, "channel": object{
		"id": c.id, "is_member": !c.absent, "is_archived": c.archived, "is_private": c.private,
	}}
}
