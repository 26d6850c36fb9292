package discordtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"
)

// A session outlives its connections: what was sent meanwhile is repeated on
// resume.
type session struct {
	id     string
	events [][]byte    // by sequence number − 1
	shard  [2]int      // which of how many
	conn   *connection // nil while there is none
}

// A connection is one websocket.
type connection struct {
	ws      *websocket.Conn
	mu      sync.Mutex // guards writing
	session *session
}

func (c *connection) write(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if b, ok := v.([]byte); ok {
		return c.ws.WriteMessage(websocket.TextMessage, b)
	}
	return c.ws.WriteJSON(v)
}

func (c *connection) close(code int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
	c.ws.Close()
}

// A frame is what goes over the gateway.
type frame struct {
	Op   int             `json:"op"`
	Data json.RawMessage `json:"d"`
}

// upgrade runs a gateway connection until it ends.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("encoding") != "json" || r.URL.Query().Get("v") == "" {
		http.Error(w, "v and encoding", http.StatusBadRequest)
		return
	}
	var up websocket.Upgrader
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &connection{ws: ws}
	s.mu.Lock()
	select {
	case <-s.stopped:
		s.mu.Unlock()
		ws.Close()
		return
	default:
	}
	s.conns[c] = struct{}{}
	interval := s.interval
	s.work.Add(1)
	s.mu.Unlock()
	defer func() {
		ws.Close()
		s.mu.Lock()
		delete(s.conns, c)
		if s.current == c {
			s.current = nil
		}
		if c.session != nil && c.session.conn == c {
			c.session.conn = nil
		}
		s.notify()
		s.mu.Unlock()
		s.work.Done()
	}()
	if c.write(map[string]any{"op": 10, "d": map[string]any{"heartbeat_interval": interval.Milliseconds()}}) != nil {
		return
	}
	for {
		_ = ws.SetReadDeadline(time.Now().Add(3 * interval))
		var f frame
		if err := ws.ReadJSON(&f); err != nil {
			return
		}
		if !s.receive(c, f) {
			return
		}
	}
}

// receive handles one frame and reports whether the connection goes on.
func (s *Server) receive(c *connection, f frame) bool {
	switch f.Op {
	case 1:
		s.mu.Lock()
		mute := s.mute
		s.mu.Unlock()
		return mute || c.write(map[string]any{"op": 11}) == nil
	case 2:
		return s.identify(c, f.Data)
	case 6:
		return s.resume(c, f.Data)
	}
	c.close(4001, "Unknown opcode.")
	return false
}

func (s *Server) identify(c *connection, d json.RawMessage) bool {
	var v struct {
		Token      string         `json:"token"`
		Intents    *int           `json:"intents"`
		Properties map[string]any `json:"properties"`
		Shard      *[2]int        `json:"shard"`
	}
	err := json.Unmarshal(d, &v)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idents++
	s.notify()
	switch {
	case err != nil || v.Intents == nil || v.Properties == nil:
		c.close(4002, "Decode error.")
		return false
	case s.revoked || v.Token != "Bot "+s.token && v.Token != s.token:
		c.close(4004, "Authentication failed.")
		return false
	case s.refuse != 0:
		c.close(s.refuse, "")
		s.refuse = 0
		return false
	case s.starts.remaining <= 0:
		s.revoked = true
		c.close(4004, "Authentication failed.")
		return false
	case v.Shard != nil && (v.Shard[0] < 0 || v.Shard[0] >= v.Shard[1]):
		c.close(4010, "Invalid shard.")
		return false
	case s.shards > 1 && (v.Shard == nil || v.Shard[1] < s.shards):
		c.close(4011, "Sharding required.")
		return false
	}
	shard := [2]int{0, 1}
	if v.Shard != nil {
		shard = *v.Shard
	}
	bucket := shard[0] % max(s.concurrency, 1)
	if s.scale > 0 && time.Since(s.started[bucket]) < s.scaled(5*time.Second) {
		return c.write(map[string]any{"op": 9, "d": false}) == nil
	}
	s.starts.remaining--
	s.started[bucket] = time.Now()
	c.session = &session{id: "session" + s.newID(), shard: shard, conn: c}
	s.sessions[c.session.id] = c.session
	s.current = c
	return s.dispatch(c.session, "READY", map[string]any{
		"v": 9, "session_id": c.session.id, "resume_gateway_url": s.gatewayURL(),
		"user": map[string]any{"id": BotID, "bot": true}, "application": map[string]any{"id": AppID, "flags": 0},
		"guilds": []map[string]any{{"id": GuildID, "unavailable": true}},
	}) == nil
}

func (s *Server) resume(c *connection, d json.RawMessage) bool {
	var v struct {
		Token   string `json:"token"`
		Session string `json:"session_id"`
		Seq     int    `json:"seq"`
	}
	err := json.Unmarshal(d, &v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revoked {
		c.close(4004, "Authentication failed.")
		return false
	}
	ss := s.sessions[v.Session]
	if err != nil || ss == nil || v.Seq > len(ss.events) {
		return c.write(map[string]any{"op": 9, "d": false}) == nil
	}
	s.resumes++
	c.session, s.current, ss.conn = ss, c, c
	for _, e := range ss.events[v.Seq:] {
		if c.write(e) != nil {
			return false
		}
	}
	return s.dispatch(ss, "RESUMED", map[string]any{}) == nil
}

// dispatch sends an event to a session, or keeps it for its resume. The caller
// holds mu.
func (s *Server) dispatch(ss *session, name string, data any) error {
	b, err := json.Marshal(map[string]any{"op": 0, "t": name, "s": len(ss.events) + 1, "d": data})
	if err != nil {
		return err
	}
	ss.events = append(ss.events, b)
	s.notify()
	if ss.conn == nil {
		return nil
	}
	return ss.conn.write(b)
}

// Connected reports whether a session is up.
func (s *Server) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil
}

// Shards makes the server ask for so many shards, of which so many may identify
// at the same time.
func (s *Server) Shards(n, concurrency int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards, s.concurrency = n, concurrency
}

// Up returns the shards that are connected.
func (s *Server) Up() (shards [][2]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.session != nil && c.session.conn == c {
			shards = append(shards, c.session.shard)
		}
	}
	slices.SortFunc(shards, func(a, b [2]int) int { return cmp.Or(a[1]-b[1], a[0]-b[0]) })
	return shards
}

// home returns the session that is told of the server GuildID: by the rule of
// https://discord.com/developers/docs/events/gateway#sharding. The caller holds
// mu.
func (s *Server) home() *session {
	if s.shards <= 1 {
		if s.current == nil {
			return nil
		}
		return s.current.session
	}
	guild, _ := strconv.ParseUint(GuildID, 10, 64) // it is a number
	for c := range s.conns {
		if ss := c.session; ss != nil && ss.conn == c && ss.shard == [2]int{int(guild >> 22 % uint64(s.shards)), s.shards} {
			return ss
		}
	}
	return nil
}

// Sessions returns how often a program identified and resumed.
func (s *Server) Sessions() (identified, resumed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idents, s.resumes
}

// Connections returns how many gateway connections are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// DropGateway breaks all gateway connections without a word. Sessions can be
// resumed.
func (s *Server) DropGateway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.ws.Close()
	}
	for _, ss := range s.sessions {
		ss.conn = nil
	}
	s.current = nil
}

// CloseGateway closes all gateway connections with a close code.
func (s *Server) CloseGateway(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.close(code, "")
	}
	for _, ss := range s.sessions {
		ss.conn = nil
	}
	s.current = nil
}

// RefuseIdentify answers the next identify with a close code.
func (s *Server) RefuseIdentify(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// AskReconnect asks the program to reconnect (op 7).
func (s *Server) AskReconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		_ = s.current.write(map[string]any{"op": 7})
	}
}

// ForgetSessions makes every resume answer invalid session (op 9).
func (s *Server) ForgetSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// InvalidateSession says that the session is invalid (op 9); the program may
// resume it all the same if resumable is set, and otherwise it is forgotten.
func (s *Server) InvalidateSession(resumable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return
	}
	if !resumable {
		delete(s.sessions, s.current.session.id)
	}
	_ = s.current.write(map[string]any{"op": 9, "d": resumable})
}

// Heartbeats sets the interval that later connections are told, and whether
// heartbeats are acknowledged.
func (s *Server) Heartbeats(interval time.Duration, acknowledge bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interval, s.mute = interval, !acknowledge
}

// A Reply is the answer to a command as the user sees it. After a first
// response of type 6, which shows nothing, it may be empty still: ask
// [Server.Answer] for what came later.
type Reply struct {
	Interaction string // its id
	Type        int    // of the first response: 4 message, 5 deferred, 6 deferred edit, 7 edit, 8 choices
	Ephemeral   bool   // only the user sees it
	Deleted     bool   // nothing is left of it
	Message     string
	Embeds      []*discordgo.MessageEmbed
	Components  []Component
	Choices     []Choice
	Took        time.Duration // until the first response
}

// A Choice is a suggested value.
type Choice struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// An exchange is one interaction and its answers.
type exchange struct {
	id, channel string
	message     *Message // the one whose button was pressed
	start       time.Time
	first       int // type of the first response; 0 before
	flags       int
	reply       Reply
	complete    bool
}

// ackTime is Discord's: an interaction is dropped unless it is acknowledged.
const ackTime = 3 * time.Second

// Command sends what a user in a channel typed and returns the answer. Options
// are strings or whole numbers. Not to be acknowledged within 3 s is an error.
func (s *Server) Command(name string, options map[string]any, user, channel string) (Reply, error) {
	return s.interact(2, channel, user, nil, map[string]any{"id": "1400000000000000001", "name": name, "type": 1, "options": optionList(options, "")})
}

// Suggest sends that a user is typing the option focus and returns the
// suggestions.
func (s *Server) Suggest(name, focus string, options map[string]any, user, channel string) ([]Choice, error) {
	r, err := s.interact(4, channel, user, nil, map[string]any{"id": "1400000000000000001", "name": name, "type": 1, "options": optionList(options, focus)})
	return r.Choices, err
}

// Press sends that a user pressed the button with action of a message and
// returns the answer. The message may be one that an answer made.
func (s *Server) Press(message, action, user, channel string) (Reply, error) {
	return s.interact(3, channel, user, s.find(channel, message), map[string]any{"custom_id": action, "component_type": 2})
}

// Pick sends that a user picked a value in the menu with action of a message
// and returns the answer.
func (s *Server) Pick(message, action, value, user, channel string) (Reply, error) {
	return s.interact(3, channel, user, s.find(channel, message),
		map[string]any{"custom_id": action, "component_type": 3, "values": []string{value}})
}

// Menu sends that a user chose a command from the menu of a message and returns
// the answer.
func (s *Server) Menu(label, message, user, channel string) (Reply, error) {
	m := s.find(channel, message)
	s.mu.Lock()
	rendered := s.render(m)
	s.mu.Unlock()
	return s.interact(2, channel, user, nil, map[string]any{"id": "1400000000000000002", "name": label, "type": 3, "target_id": message,
		"resolved": map[string]any{"messages": map[string]any{message: rendered}}})
}

// find returns a message of a channel, or one that stands nowhere, as the
// answers do that one person sees.
func (s *Server) find(channel, message string) *Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		for _, m := range c.messages {
			if m.ID == message {
				return m
			}
		}
	}
	return &Message{ID: message, Channel: channel, Author: BotID}
}

func optionList(options map[string]any, focus string) []map[string]any {
	out := []map[string]any{}
	for k, v := range options {
		kind := 3
		if _, ok := v.(int); ok {
			kind = 4
		}
		o := map[string]any{"name": k, "type": kind, "value": v}
		if k == focus {
			o["focused"] = true
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b map[string]any) int {
		if a["name"].(string) < b["name"].(string) {
			return -1
		}
		return 1
	})
	return out
}

func (s *Server) interact(kind int, channel, user string, m *Message, data map[string]any) (Reply, error) {
	s.mu.Lock()
	home := s.home()
	if home == nil {
		s.mu.Unlock()
		return Reply{}, errors.New("discordtest: no gateway session")
	}
	x := &exchange{id: s.newID(), channel: channel, message: m, start: time.Now()}
	x.reply.Interaction = x.id
	token := "aW50ZXJhY3Rpb24" + x.id
	s.pending[token] = x
	event := map[string]any{
		"id": x.id, "application_id": AppID, "type": kind, "token": token, "version": 1, "data": data,
		"channel_id": channel, "locale": "en-GB", "app_permissions": strconv.FormatInt(s.role, 10),
	}
	person, may := map[string]any{"id": user, "username": "reader"}, "1024"
	if s.admins[user] {
		may = "1056" // with Manage Server
	}
	if c := s.channels[channel]; c != nil && c.user != "" {
		event["user"], event["context"] = person, 1
	} else {
		event["guild_id"], event["member"] = GuildID, map[string]any{"user": person, "roles": []string{}, "permissions": may}
	}
	if m != nil {
		event["message"] = s.render(m)
	}
	err := s.dispatch(home, "INTERACTION_CREATE", event)
	s.mu.Unlock()
	if err != nil {
		return Reply{}, err
	}
	if err := s.Wait(ackTime, func() bool { return s.state(x).first != 0 }); err != nil {
		return Reply{}, fmt.Errorf("not acknowledged in %v", ackTime)
	}
	done := func() bool { st := s.state(x); return st.complete || st.first == 6 }
	if err := s.Wait(10*time.Second, done); err != nil {
		return s.state(x).reply, errors.New("deferred and never answered")
	}
	return s.state(x).reply, nil
}

// Answer returns the answer to an earlier interaction as it is now.
func (s *Server) Answer(interaction string) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.pending {
		if x.id == interaction {
			return x.reply
		}
	}
	return Reply{}
}

func (s *Server) state(x *exchange) exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *x
}

// callback takes the first response to an interaction.
func (s *Server) callback(id, token string, raw []byte) answer {
	x := s.pending[token]
	if x == nil || x.id != id || time.Since(x.start) > ackTime && x.first == 0 {
		return refuse(unknownInter)
	}
	if x.first != 0 {
		return refuse(acknowledged)
	}
	var v struct {
		Type int             `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return refuse(invalid("%v", err))
	}
	if a := s.first(x, v.Type, v.Data); a.status != 0 {
		return a
	}
	x.first, x.reply.Type, x.reply.Took = v.Type, v.Type, time.Since(x.start)
	return answer{status: 204}
}

// first carries out the first response: status 0 is success.
func (s *Server) first(x *exchange, kind int, data json.RawMessage) answer {
	switch kind {
	case 5:
		var f struct {
			Flags int `json:"flags"`
		}
		if len(data) > 0 && json.Unmarshal(data, &f) != nil {
			return refuse(invalid("data"))
		}
		x.flags, x.reply.Ephemeral = f.Flags, f.Flags&64 != 0
		return answer{}
	case 6:
		if x.message == nil {
			return refuse(invalid("type 6 without a message"))
		}
		return answer{}
	case 8:
		var c struct {
			Choices []Choice `json:"choices"`
		}
		if json.Unmarshal(data, &c) != nil || c.Choices == nil || len(c.Choices) > 25 {
			return refuse(invalid("choices"))
		}
		for _, ch := range c.Choices {
			if v, isText := ch.Value.(string); ch.Name == "" || length(ch.Name) > 100 || !isText || v == "" || length(v) > 100 {
				return refuse(invalid("choices: %v", ch))
			}
		}
		x.reply.Choices, x.complete = c.Choices, true
		return answer{}
	case 4, 7:
		b, bad := read(data)
		if bad != nil {
			return refuse(bad)
		}
		if kind == 7 && x.message == nil {
			return refuse(invalid("type 7 without a message"))
		}
		s.show(x, b, kind == 7)
		return answer{}
	}
	return refuse(invalid("type: %d", kind))
}

// show makes b visible: in place of the pressed message, or as a new one.
func (s *Server) show(x *exchange, b *body, replace bool) {
	x.complete = true
	x.reply.Embeds, x.reply.Deleted = b.Embeds, false
	x.reply.Components = nil
	if b.Components != nil {
		x.reply.Components = *b.Components
	}
	if replace {
		x.reply.Message = x.message.ID
		x.message.Embeds, x.message.Components = x.reply.Embeds, x.reply.Components
		x.message.Edits++
		return
	}
	x.reply.Ephemeral = b.Flags&64 != 0
	x.reply.Message = s.newID()
	if c := s.channels[x.channel]; c != nil && !x.reply.Ephemeral {
		c.messages = append(c.messages, &Message{ID: x.reply.Message, Channel: c.id, Flags: b.Flags, Embeds: b.Embeds,
			Components: x.reply.Components, Author: BotID, Sent: time.Now(), Webhook: true})
	}
}

// webhook takes what follows the first response.
func (s *Server) webhook(app, token string, rest []string, req Request) answer {
	x := s.pending[token]
	if x == nil || app != AppID {
		return refuse(unknownHook)
	}
	if x.first == 0 {
		return refuse(unknownHook)
	}
	original := len(rest) == 2 && rest[0] == "messages" && rest[1] == "@original"
	if original && req.Method == "DELETE" {
		x.reply.Deleted, x.complete = true, true
		return answer{status: 204}
	}
	b, bad := read(req.Body)
	if bad != nil {
		return refuse(bad)
	}
	switch {
	case original && req.Method == "PATCH" && x.first == 5:
		ephemeral := x.reply.Ephemeral
		b.Flags = x.flags
		s.show(x, b, false)
		x.reply.Ephemeral = ephemeral
	case original && req.Method == "PATCH":
		if x.message == nil {
			return refuse(unknownMessage)
		}
		s.show(x, b, true)
	case len(rest) == 0 && req.Method == "POST":
		s.show(x, b, false)
	default:
		return refuse(notFound)
	}
	return ok(map[string]any{"id": x.reply.Message})
}

// Missed adds an event to every session, to be told on resume.
func (s *Server) Missed(name string, data json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ss := range s.sessions {
		_ = s.dispatch(ss, name, data)
	}
}

// Dispatch sends any event to the program, for instance a crooked one.
func (s *Server) Dispatch(name string, data json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		_ = s.dispatch(s.current.session, name, data)
	}
}
