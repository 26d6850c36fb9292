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
	reply(w, a, drop)
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
		if (f.Method != "" && f.Method != r.Method) || (f.Path != "" && f.Path != r.Path) ||
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
	case seg[0] == "gateway":
		return ok(map[string]any{"url": s.gatewayURL(), "shards": 1})
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
	switch seg[0] {
	case "users":
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
			c["default_member_permissions"], c["nsfw"] = nil, false
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
	case c.deny&(1<<10) != 0:
		return refuse(missingAccess)
	case len(seg) == 2:
		return ok(c.describe())
	case seg[2] != "messages":
		return refuse(notFound)
	case len(seg) == 3 && req.Method == "POST":
		a := s.throttle(c)
		if a.status == 0 {
			h := a.header
			a = s.create(c, req.Body)
			a.header = h
		}
		return a
	case len(seg) == 3 && req.Method == "GET":
		return s.history(c, r)
	case len(seg) == 4 && req.Method == "PATCH":
		return s.edit(c, seg[3], req.Body)
	}
	return refuse(notFound)
}

func (c *channel) describe() map[string]any {
	d := map[string]any{"id": c.id, "type": c.kind, "guild_id": GuildID, "permission_overwrites": []any{}}
	if c.parent != "" {
		d["parent_id"] = c.parent
		delete(d, "permission_overwrites")
		return d
	}
	if c.deny != 0 {
		d["permission_overwrites"] = []map[string]any{{"id": BotID, "type": 1, "allow": "0", "deny": strconv.FormatInt(c.deny, 10)}}
	}
	return d
}

// throttle counts a post against the channel's limit: status 0 lets it pass.
func (s *Server) throttle(c *channel) answer {
	if s.limit == 0 {
		return answer{}
	}
	now := time.Now()
	if !now.Before(c.reset) {
		c.used, c.reset = 0, now.Add(s.period)
	}
	var a answer
	after := c.reset.Sub(now).Seconds()
	if c.used >= s.limit {
		a = answer{status: 429, body: fmt.Sprintf(`{"message":"You are being rate limited.","retry_after":%.3f,"global":false}`, after)}
		a.set("Retry-After", strconv.Itoa(int(after)+1))
		a.set("X-RateLimit-Scope", "user")
	} else {
		c.used++
	}
	a.set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	a.set("X-RateLimit-Remaining", strconv.Itoa(s.limit-c.used))
	a.set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", after))
	a.set("X-RateLimit-Bucket", "80c17d2f203122d936070c88c8d10f33")
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
	if c.deny&(1<<11) != 0 || c.deny&(1<<14) != 0 {
		return refuse(missingRight)
	}
	if c.kind == 4 || c.kind == 15 {
		return refuse(&refusal{400, 50008, "Cannot send messages in a non-text channel"})
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
	m := &Message{ID: s.newID(), Channel: c.id, Nonce: b.Nonce, Flags: b.Flags, Embeds: b.Embeds, Author: BotID, Sent: time.Now()}
	if b.Components != nil {
		m.Components = *b.Components
	}
	c.messages = append(c.messages, m)
	c.posts++
	if m.Nonce != "" {
		s.nonces[m.Nonce] = m
	}
	s.notify()
	return ok(s.render(m))
}

// render returns a message as Discord describes it.
func (s *Server) render(m *Message) map[string]any {
	v := map[string]any{
		"id": m.ID, "channel_id": m.Channel, "type": 0, "content": m.Content, "flags": m.Flags,
		"author": map[string]any{"id": m.Author, "bot": true}, "embeds": m.Embeds, "components": m.Components,
		"timestamp": m.Sent.UTC().Format(time.RFC3339Nano),
	}
	if m.Nonce != "" && !s.noNonces {
		v["nonce"] = m.Nonce
	}
	return v
}

func (s *Server) edit(c *channel, id string, raw []byte) answer {
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.ID == id })
	if i < 0 {
		return refuse(unknownMessage)
	}
	if c.frozen {
		return refuse(frozenMessage)
	}
	b, bad := read(raw)
	if bad != nil {
		return refuse(bad)
	}
	if b.Nonce != "" || b.EnforceNonce {
		return refuse(invalid("nonce: not on edits"))
	}
	m := c.messages[i]
	m.Embeds = b.Embeds
	m.Edits++
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
