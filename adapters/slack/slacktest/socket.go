package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Rules of Socket Mode and of answers to commands.
const (
	maxConnections = 10
	ackTime        = 3 * time.Second
	maxResponses   = 5
	pingEvery      = 5 * time.Second
)

// A connection is one of Socket Mode.
type connection struct {
	ws *websocket.Conn
	mu sync.Mutex // guards writes
}

func (c *connection) write(v any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second)) // an error shows at the write
	return c.ws.WriteJSON(v)
}

// open hands out the address of a connection. The caller holds mu.
func (s *Server) open() object {
	s.opens++
	s.serial++
	ticket := fmt.Sprintf("ticket-%d", s.serial)
	s.tickets[ticket] = true
	return object{"ok": true, "url": "ws" + strings.TrimPrefix(s.http.URL, "http") + "/link/?ticket=" + ticket}
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

// socket serves one Socket Mode connection.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	ok := s.tickets[ticket]
	delete(s.tickets, ticket) // an address works once
	s.mu.Unlock()
	if !ok {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = ws.Close() }() // it may be closed
	c := &connection{ws: ws}
	if !s.admit(c) {
		_ = c.write(object{"type": "disconnect", "reason": "too_many_websockets"}) // then it is closed
		return
	}
	defer s.dismiss(c)
	_ = c.write(object{"type": "hello", "num_connections": 1, "connection_info": object{"app_id": "A0TEST"}}) // an error shows at the read
	gone := make(chan struct{})
	defer close(gone)
	s.work.Go(func() { c.ping(gone) })
	for {
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if err := ws.ReadJSON(&ack); err != nil {
			return
		}
		s.acked(ack.EnvelopeID)
	}
}

// admit counts a connection; false if there are too many.
func (s *Server) admit(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
		return false
	default:
	}
	if len(s.conns) >= maxConnections {
		return false
	}
	s.conns[c] = struct{}{}
	s.touch()
	return true
}

func (s *Server) dismiss(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.touch()
}

// ping keeps a connection alive until it is gone.
func (c *connection) ping(gone <-chan struct{}) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	for {
		_ = c.ws.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(time.Second)) // an error shows at the read
		select {
		case <-t.C:
		case <-gone:
			return
		}
	}
}

// Disconnect asks every connection to go, as Slack does when it renews them
// ("refresh_requested", "warning") or switches Socket Mode off
// ("link_disabled"), and closes it.
func (s *Server) Disconnect(reason string) {
	for _, c := range s.current() {
		_ = c.write(object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "loopback"}}) // it is closed anyway
		_ = c.ws.Close()                                                                                      // it may be closed
	}
}

// DropConnections breaks every connection without a word.
func (s *Server) DropConnections() {
	for _, c := range s.current() {
		_ = c.ws.Close() // it may be closed
	}
}

// Garbage sends bytes on every connection that are no envelope.
func (s *Server) Garbage(text string) {
	for _, c := range s.current() {
		c.mu.Lock()
		_ = c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second)) // an error shows at the write
		_ = c.ws.WriteMessage(websocket.TextMessage, []byte(text)) // an error shows at the read
		c.mu.Unlock()
	}
}

func (s *Server) current() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*connection
	for c := range s.conns {
		out = append(out, c)
	}
	return out
}

// A Reply is what a user sees as an answer to a command.
type Reply struct {
	Type    string // "ephemeral" or "in_channel"
	Replace bool   // it took the place of the message with the button
	Text    string
	Blocks  json.RawMessage
}

// An Exchange is one command or press, and what came of it.
type Exchange struct {
	s       *Server
	channel string
	sent    time.Time
	acked   time.Time // guarded by s.mu, as all below
	replies []Reply
	refused []string // why responses were not taken
}

// Acked returns how long the acknowledgement took; false if there is none yet.
func (e *Exchange) Acked() (time.Duration, bool) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	return e.acked.Sub(e.sent), !e.acked.IsZero()
}

// Replies returns the answers so far.
func (e *Exchange) Replies() []Reply {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	return slices.Clone(e.replies)
}

// Refused returns why answers were not taken.
func (e *Exchange) Refused() []string {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	return slices.Clone(e.refused)
}

// acked notes the acknowledgement of an envelope.
func (s *Server) acked(envelope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.envelopes[envelope]; e != nil && e.acked.IsZero() {
		e.acked = time.Now()
	}
	s.touch()
}

// exchange makes a new one and its response_url.
func (s *Server) exchange(channel string) (e *Exchange, envelope, responseURL string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	id := fmt.Sprintf("R%d", s.serial)
	envelope = fmt.Sprintf("envelope-%d", s.serial)
	e = &Exchange{s: s, channel: channel, sent: time.Now()}
	s.exchanges[id], s.envelopes[envelope] = e, e
	return e, envelope, s.http.URL + "/response/" + id
}

// Exchange returns where a command is answered that is sent in another way than
// over a connection, and the answers.
func (s *Server) Exchange(channel string) (e *Exchange, responseURL string) {
	e, _, responseURL = s.exchange(channel)
	return e, responseURL
}

// send sends an envelope to one of the connections, as Slack does.
func (s *Server) send(envelope, kind string, payload any) error {
	for _, c := range s.current() {
		err := c.write(object{"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": true})
		if err == nil {
			return nil
		}
	}
	return errors.New("slacktest: dispatch_failed: there is no connection")
}

// StartCommand sends a slash command, "/latest", to the program, and does not
// wait.
func (s *Server) StartCommand(name, text, user, channel string) (*Exchange, error) {
	e, envelope, to := s.exchange(channel)
	return e, s.send(envelope, "slash_commands", object{
		"command": "/" + strings.TrimPrefix(name, "/"), "text": escaper.Replace(text),
		"user_id": user, "channel_id": channel, "team_id": TeamID, "response_url": to,
		"trigger_id": "1.2.3", "api_app_id": "A0TEST", "is_enterprise_install": "false",
	})
}

// escaper does to a user's text what Slack does.
var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// SlashCommand sends a slash command and returns the answers: as soon as there
// is one, or an error when there is no acknowledgement within Slack's 3 s or no
// answer in as much time again.
func (s *Server) SlashCommand(name, text, user, channel string) ([]Reply, error) {
	e, err := s.StartCommand(name, text, user, channel)
	if err != nil {
		return nil, err
	}
	return e.Wait(1)
}

// Wait waits for the acknowledgement and n answers.
func (e *Exchange) Wait(n int) ([]Reply, error) {
	if e.s.Wait(ackTime, func() bool { _, ok := e.Acked(); return ok }) != nil {
		return nil, errors.New("slacktest: operation_timeout: not acknowledged within 3 s")
	}
	err := e.s.Wait(2*ackTime, func() bool { return len(e.Replies()) >= n })
	return e.Replies(), err
}

// StartPress presses the button of an earlier answer that carries action, and
// does not wait.
func (s *Server) StartPress(r Reply, action, user, channel string) (*Exchange, error) {
	all := Buttons(r.Blocks)
	i := slices.IndexFunc(all, func(b Button) bool { return b.Value == action })
	if i < 0 {
		return nil, fmt.Errorf("slacktest: there is no button %q", action)
	}
	e, envelope, to := s.exchange(channel)
	return e, s.send(envelope, "interactive", object{
		"type": "block_actions", "user": object{"id": user}, "channel": object{"id": channel},
		"container":    object{"type": "message", "channel_id": channel, "is_ephemeral": r.Type == "ephemeral"},
		"response_url": to, "trigger_id": "1.2.3", "api_app_id": "A0TEST", "team": object{"id": TeamID},
		"actions": []object{{"type": "button", "action_id": all[i].ActionID, "block_id": "b", "value": action,
			"text": object{"type": "plain_text", "text": "x"}, "action_ts": "1.2"}},
	})
}

// Press presses a button and returns the answers, as SlashCommand does.
func (s *Server) Press(r Reply, action, user, channel string) ([]Reply, error) {
	e, err := s.StartPress(r, action, user, channel)
	if err != nil {
		return nil, err
	}
	return e.Wait(1)
}

// Interact sends any interaction payload to the program, with a response_url
// put in, and does not wait.
func (s *Server) Interact(payload map[string]any, channel string) (*Exchange, error) {
	e, envelope, to := s.exchange(channel)
	payload["response_url"] = to
	return e, s.send(envelope, "interactive", payload)
}

// respond takes an answer at a response_url. The caller holds mu.
func (s *Server) respond(id string, in args) object {
	e := s.exchanges[id]
	if e == nil {
		return no("expired_url")
	}
	if len(e.replies) >= maxResponses {
		e.refused = append(e.refused, "used_url")
		return no("used_url")
	}
	text, blocks, bad := s.content(in)
	if bad != nil {
		b, _ := json.Marshal(bad)
		e.refused = append(e.refused, string(b))
		return bad
	}
	r := Reply{Type: in.str("response_type"), Replace: in.yes("replace_original"), Text: text, Blocks: blocks}
	if r.Type == "" {
		r.Type = "ephemeral"
	}
	e.replies = append(e.replies, r)
	if c := s.channels[e.channel]; c != nil && r.Type == "in_channel" && !r.Replace {
		s.put(c, &Message{Channel: c.id, Text: text, Blocks: blocks, Response: true})
	}
	return nil
}
