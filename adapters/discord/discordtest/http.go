package discordtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An answer is what the server says to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a *answer) set(k, v string) {
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set(k, v)
}

func ok(v any) answer {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // unreachable: all we send is plain data
	}
	return answer{status: 200, body: string(b)}
}

func refuse(r *refusal) answer { return answer{status: r.status, body: r.body()} }

// serve answers the gateway's upgrade and the HTTP interface.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		s.upgrade(w, r)
		return
	}
	path, found := apiPath(r.URL.Path)
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	req := Request{Method: r.Method, Path: path, Query: r.URL.RawQuery, Body: b}
	f := s.fault(req)
	var a answer
	switch {
	case !found:
		a = refuse(notFound)
	case f == nil || f.Accept || f.Status == 0 && !f.Drop:
		a = s.act(r, req)
	}
	if f != nil && f.Stall {
		select {
		case <-r.Context().Done():
		case <-s.stopped:
		}
	}
	if f != nil && f.Hold != nil {
		select {
		case <-f.Hold:
		case <-r.Context().Done():
		case <-s.stopped:
		}
	}
	if f != nil && f.Status != 0 {
		a = answer{f.Status, f.Header, f.Body}
	}
	drop := f != nil && f.Drop
	req.Status = a.status
	if drop {
		req.Status = 0
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.notify()
	s.mu.Unlock()
	if drop && !f.Half {
		panic(http.ErrAbortHandler)
	}
	if f != nil && f.Drip > 0 {
		s.drip(w, r, a, f.Drip)
		return
	}
	reply(w, a, drop)
}

// drip answers byte by byte, until the client gives up.
func (s *Server) drip(w http.ResponseWriter, r *http.Request, a answer, pause time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for i := range len(a.body) {
		_, _ = io.WriteString(w, a.body[i:i+1])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.stopped:
			return
		}
	}
}

func reply(w http.ResponseWriter, a answer, half bool) {
	maps.Copy(w.Header(), a.header)
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if half {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func apiPath(p string) (string, bool) {
	for _, v := range []string{"/api/v9", "/api/v10"} {
		if rest, ok := strings.CutPrefix(p, v); ok {
			return rest, true
		}
	}
	return p, false
}

// fault returns the fault that meets a request, if there is one.
func (s *Server) fault(r Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if (f.Method != "" && f.Method != r.Method) || (f.Path != "" && f.Path != r.Path) || !strings.HasSuffix(r.Path, f.Tail) ||
			(f.Channel != "" && !strings.HasPrefix(r.Path+"/", "/channels/"+f.Channel+"/")) {
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

// act carries a request out.
func (s *Server) act(r *http.Request, req Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg := strings.Split(strings.Trim(req.Path, "/"), "/")
	switch {
	case seg[0] == "interactions" && len(seg) == 4 && seg[3] == "callback" && req.Method == "POST":
		return s.callback(seg[1], seg[2], req.Body)
	case seg[0] == "webhooks" && len(seg) >= 3:
		return s.webhook(seg[1], seg[2], seg[3:], req)
	case seg[0] == "gateway" && len(seg) == 1:
		return ok(map[string]any{"url": s.gatewayURL()})
	}
	if s.revoked || r.Header.Get("Authorization") != "Bot "+s.token {
		return refuse(unauthorised)
	}
	if !strings.HasPrefix(r.Header.Get("User-Agent"), "DiscordBot (") {
		return answer{status: 403, body: "<html>error code: 1010</html>"}
	}
	if len(req.Body) > 0 && r.Header.Get("Content-Type") != "application/json" {
		return refuse(invalid("Content-Type"))
	}
	if s.scale > 0 && !s.global.take(int(50*s.scale), time.Second, time.Now()) {
		return s.tooMany(time.Until(s.global.reset), "global", true)
	}
	switch seg[0] {
	case "gateway":
		return ok(map[string]any{"url": s.gatewayURL(), "shards": max(s.shards, 1), "session_start_limit": map[string]any{
			"total": s.starts.total, "remaining": max(s.starts.remaining, 0), "reset_after": s.starts.reset.Milliseconds(), "max_concurrency": max(s.concurrency, 1)}})
	case "users":
		if len(seg) == 3 && seg[2] == "channels" && req.Method == "POST" {
			return s.direct(req.Body)
		}
		return ok(map[string]any{"id": BotID, "username": "pullquote", "bot": true})
	case "applications":
		return s.applications(seg, req)
	case "guilds":
		return s.guild(seg)
	case "channels":
		return s.channel(seg, req, r)
	}
	return refuse(notFound)
}

func (s *Server) applications(seg []string, req Request) answer {
	if len(seg) == 2 && seg[1] == "@me" {
		return ok(map[string]any{"id": AppID, "name": "pullquote"})
	}
	if seg[1] != AppID || seg[len(seg)-1] != "commands" {
		return refuse(missingAccess)
	}
	switch req.Method {
	case "GET":
		if b := s.commands[req.Path]; b != nil {
			return answer{status: 200, body: string(b)}
		}
		return answer{status: 200, body: "[]"}
	case "PUT":
		var list []map[string]any
		if err := json.Unmarshal(req.Body, &list); err != nil {
			return refuse(invalid("%v", err))
		}
		for _, c := range list { // Discord gives every command an id and its own fields
			c["id"], c["application_id"], c["version"] = s.newID(), AppID, s.newID()
			if n, ok := c["default_member_permissions"].(float64); ok {
				c["default_member_permissions"] = strconv.FormatInt(int64(n), 10) // told as text
			} else {
				c["default_member_permissions"] = nil
			}
			c["nsfw"] = false
		}
		b, _ := json.Marshal(list)
		s.commands[req.Path] = b
		s.puts++
		return answer{status: 200, body: string(b)}
	}
	return refuse(notFound)
}

func (s *Server) guild(seg []string) answer {
	if len(seg) < 2 || seg[1] != GuildID {
		return refuse(&refusal{404, 10004, "Unknown Guild"})
	}
	if len(seg) == 4 && seg[2] == "threads" && seg[3] == "active" {
		return s.list(func(c *channel) bool { return c.parent != "" && !c.archived })
	}
	if len(seg) == 4 && seg[2] == "members" && seg[3] == BotID {
		return ok(map[string]any{"user": map[string]any{"id": BotID}, "roles": []string{roleID}})
	}
	return ok(map[string]any{
		"id": GuildID, "owner_id": "1300000000000000001",
		"roles": []map[string]any{
			{"id": GuildID, "permissions": "1024"},
			{"id": roleID, "permissions": strconv.FormatInt(s.role, 10)},
		},
	})
}

func (s *Server) channel(seg []string, req Request, r *http.Request) answer {
	if len(seg) < 2 || !isSnowflake(seg[1]) {
		return refuse(invalid("channel_id: not a snowflake"))
	}
	c := s.channels[seg[1]]
	switch {
	case c == nil:
		return refuse(unknownChannel)
	case c.deny&(1<<10) != 0, s.parentDenies(c, 1<<10):
		return refuse(missingAccess)
	case len(seg) == 2 && req.Method == "PATCH":
		return s.reopen(c, req.Body)
	case len(seg) == 2:
		return ok(c.describe())
	case seg[2] == "threads":
		return s.threads(c, seg[3:], req)
	case seg[2] == "messages" && len(seg) >= 4:
		return s.message(c, seg[3], seg[4:], req)
	case seg[2] != "messages":
		return refuse(notFound)
	case req.Method == "POST":
		a := s.throttle(c, "POST")
		if a.status == 0 {
			h := a.header
			a = s.create(c, req.Body)
			a.header = h
		}
		return a
	case req.Method == "GET":
		return s.history(c, r)
	}
	return refuse(notFound)
}

// message is what is done with one message.
func (s *Server) message(c *channel, id string, rest []string, req Request) answer {
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.ID == id })
	switch {
	case len(rest) == 1 && rest[0] == "crosspost" && req.Method == "POST":
		return s.crosspost(c, i)
	case len(rest) == 1 && rest[0] == "threads" && req.Method == "POST":
		return s.open(c, i, req.Body)
	case len(rest) != 0:
		return refuse(notFound)
	case req.Method == "PATCH":
		a := s.throttle(c, "PATCH")
		if a.status == 0 {
			h := a.header
			a = s.edit(c, i, req.Body)
			maps.Copy(h, a.header)
			a.header = h
		}
		return a
	case i < 0:
		return refuse(unknownMessage)
	case req.Method == "GET":
		return ok(s.render(c.messages[i]))
	case req.Method == "DELETE":
		if c.archived {
			return refuse(archivedThread)
		}
		if c.messages[i].Author != BotID {
			return refuse(missingRight)
		}
		c.messages = slices.Delete(c.messages, i, i+1)
		s.notify()
		return answer{status: 204}
	}
	return refuse(notFound)
}

func (s *Server) parentDenies(c *channel, bits int64) bool {
	p := s.channels[c.parent]
	return p != nil && p.deny&bits != 0
}

func (c *channel) describe() map[string]any {
	if c.user != "" {
		return map[string]any{"id": c.id, "type": 1, "recipients": []any{map[string]any{"id": c.user}}}
	}
	d := map[string]any{"id": c.id, "type": c.kind, "guild_id": GuildID, "permission_overwrites": []any{}}
	if c.parent != "" {
		d["parent_id"], d["owner_id"], d["name"], d["applied_tags"] = c.parent, c.owner, c.name, c.tags
		d["thread_metadata"] = map[string]any{"archived": c.archived, "locked": c.locked}
		delete(d, "permission_overwrites")
		return d
	}
	if c.available != nil {
		tags := []map[string]any{}
		for _, t := range c.available {
			tags = append(tags, map[string]any{"id": t.ID, "name": t.Name, "moderated": t.Moderated, "emoji_id": nil, "emoji_name": nil})
		}
		d["available_tags"] = tags
	}
	if c.deny != 0 {
		d["permission_overwrites"] = []map[string]any{{"id": BotID, "type": 1, "allow": "0", "deny": strconv.FormatInt(c.deny, 10)}}
	}
	return d
}

// throttle counts a request against the channel's limit: status 0 lets it
// pass.
func (s *Server) throttle(c *channel, method string) answer {
	limit, period := s.limit, s.period
	if limit == 0 && s.scale > 0 {
		limit, period = 5, s.scaled(5*time.Second)
	}
	a := answer{header: http.Header{}}
	if limit == 0 || s.scale == 0 && method != "POST" {
		return a
	}
	now := time.Now()
	w := c.windows[method]
	if w == nil {
		w = new(window)
		c.windows[method] = w
	}
	if !w.take(limit, period, now) {
		a = s.tooMany(w.reset.Sub(now), "user", false)
	}
	a.set("X-RateLimit-Limit", strconv.Itoa(limit))
	a.set("X-RateLimit-Remaining", strconv.Itoa(limit-w.used))
	a.set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", w.reset.Sub(now).Seconds()))
	a.set("X-RateLimit-Bucket", "80c17d2f203122d936070c88c8d10f33"+method)
	return a
}

func (s *Server) scaled(d time.Duration) time.Duration { return time.Duration(float64(d) / s.scale) }

// tooMany refuses a request for a limit.
func (s *Server) tooMany(after time.Duration, scope string, global bool) answer {
	s.limited++
	a := answer{status: 429, body: fmt.Sprintf(`{"message":"You are being rate limited.","retry_after":%.3f,"global":%v}`, after.Seconds(), global)}
	a.set("Retry-After", strconv.Itoa(int(after.Seconds())+1))
	a.set("X-RateLimit-Scope", scope)
	if s.scale > 1 { // a whole second is long in scaled time
		a.header.Del("Retry-After")
	}
	return a
}

// read decodes a message body strictly.
func read(raw []byte) (*body, *refusal) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	b := new(body)
	if err := d.Decode(b); err != nil {
		return nil, &refusal{400, 50109, "The request body contains invalid JSON: " + err.Error()}
	}
	return b, b.check()
}

func (s *Server) create(c *channel, raw []byte) answer {
	deny, send := c.deny, int64(1<<11)
	if p := s.channels[c.parent]; p != nil {
		deny, send = p.deny, 1<<38
	}
	switch {
	case deny&send != 0 || deny&(1<<14) != 0:
		return refuse(missingRight)
	case c.kind == 4 || c.kind == 15 || c.kind == 16:
		return refuse(&refusal{400, 50008, "Cannot send messages in a non-text channel"})
	case c.locked:
		return refuse(lockedThread)
	}
	b, bad := read(raw)
	if bad != nil {
		return refuse(bad)
	}
	if m := s.nonces[b.Nonce]; m != nil && b.EnforceNonce && !s.noNonces && time.Since(m.Sent) < NonceTime {
		if c := s.channels[m.Channel]; c == nil || !slices.Contains(c.messages, m) {
			return refuse(unknownMessage)
		}
		m.Repeats++
		return ok(s.render(m))
	}
	m := s.put(c, s.newID(), b)
	if b.Reference != nil && slices.ContainsFunc(c.messages, func(x *Message) bool { return x.ID == b.Reference.Message }) {
		m.Reply = b.Reference.Message
	} else if b.Reference != nil && (b.Reference.FailIfAbsent == nil || *b.Reference.FailIfAbsent) {
		c.messages = c.messages[:len(c.messages)-1]
		c.posts--
		return refuse(invalid("message_reference: unknown message"))
	}
	if b.Nonce != "" {
		m.Nonce = b.Nonce
		s.nonces[m.Nonce] = m
	}
	v := s.render(m)
	if m.Nonce != "" {
		v["nonce"] = m.Nonce // told once; it is not in the history
	}
	return ok(v)
}

// put makes a message stand. A post shows an archived thread again.
func (s *Server) put(c *channel, id string, b *body) *Message {
	m := &Message{ID: id, Channel: c.id, Flags: b.Flags, Embeds: b.Embeds, Author: BotID, Sent: time.Now(), Told: b.told()}
	if b.Content != nil {
		m.Content = *b.Content
	}
	if b.Components != nil {
		m.Components = *b.Components
	}
	c.archived = false
	c.messages = append(c.messages, m)
	c.posts++
	s.notify()
	return m
}

// render returns a message as Discord describes it.
func (s *Server) render(m *Message) map[string]any {
	flags := m.Flags
	if m.Published > 0 {
		flags |= 1
	}
	return map[string]any{
		"id": m.ID, "channel_id": m.Channel, "type": 0, "content": m.Content, "flags": flags,
		"author": map[string]any{"id": m.Author, "bot": true}, "embeds": m.Embeds, "components": m.Components,
		"timestamp": m.Sent.UTC().Format(time.RFC3339Nano),
	}
}

func (s *Server) edit(c *channel, i int, raw []byte) answer {
	switch {
	case i < 0:
		return refuse(unknownMessage)
	case c.archived:
		return refuse(archivedThread)
	case c.frozen:
		return refuse(frozenMessage)
	}
	b, bad := read(raw)
	if bad != nil {
		return refuse(bad)
	}
	if b.Nonce != "" || b.EnforceNonce || b.Reference != nil {
		return refuse(invalid("nonce, message_reference: not on edits"))
	}
	m := c.messages[i]
	if m.Published > 0 && s.scale > 0 && !m.rewrites.take(3, s.scaled(time.Hour), time.Now()) {
		// The header is wrong and the body right, as on Discord.
		a := s.tooMany(time.Until(m.rewrites.reset), "shared", false)
		a.body = strings.Replace(a.body, `{`, `{"code":20028,`, 1)
		a.set("Retry-After", "1")
		return a
	}
	m.Embeds = b.Embeds
	m.Edits++
	s.notify()
	return ok(s.render(m))
}

func (s *Server) history(c *channel, r *http.Request) answer {
	if c.deny&(1<<16) != 0 {
		return answer{status: 200, body: "[]"} // Discord shows nothing rather than refuse
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > 100 {
		return refuse(invalid("limit: 1 to 100"))
	}
	after, _ := strconv.ParseUint(q.Get("after"), 10, 64)
	page := []map[string]any{}
	for _, m := range c.messages {
		id, _ := strconv.ParseUint(m.ID, 10, 64)
		if id > after && len(page) < limit {
			page = append(page, s.render(m))
		}
	}
	slices.Reverse(page) // the newest first
	return ok(page)
}
