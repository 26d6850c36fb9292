package slacktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Visible returns what people see in a channel without opening a thread,
// oldest first.
func (s *Server) Visible(id string) []Message {
	return slices.DeleteFunc(s.Messages(id), func(m Message) bool { return m.Thread != "" && !m.Broadcast })
}

// Replies returns what people see in the thread under a message, oldest first,
// without the message itself.
func (s *Server) Replies(id, ts string) []Message {
	return slices.DeleteFunc(s.Messages(id), func(m Message) bool { return m.Thread != ts })
}

// RemoveThread deletes a message with all that stands under it.
func (s *Server) RemoveThread(id, ts string) {
	s.change(id, func(c *channel) {
		c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.TS == ts || m.Thread == ts })
	})
}

// Appoint makes a user an admin of the workspace.
func (s *Server) Appoint(user string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adminUsers[user] = true
}

// Group makes a user group with these members.
func (s *Server) Group(id string, users ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[id] = users
}

// Direct returns the channel of the bot's direct messages with a user, "" if
// they were never opened.
func (s *Server) Direct(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := directID(user); s.channels[id] != nil {
		return id
	}
	return ""
}

func directID(user string) string { return "D" + user }

// openDirect answers conversations.open. The caller holds mu.
func (s *Server) openDirect(in args) object {
	if !slices.Contains(s.scopes, "im:write") {
		return object{"ok": false, "error": "missing_scope", "needed": "im:write"}
	}
	user := in.str("users")
	if user == "" || user[0] != 'U' {
		return no("user_not_found")
	}
	id := directID(user)
	if s.channels[id] == nil {
		s.channels[id] = &channel{id: id, direct: true}
	}
	return object{"ok": true, "channel": object{"id": id}}
}

// userInfo answers users.info. The caller holds mu.
func (s *Server) userInfo(in args) object {
	if !slices.Contains(s.scopes, "users:read") {
		return object{"ok": false, "error": "missing_scope", "needed": "users:read"}
	}
	user := in.str("user")
	return object{"ok": true, "user": object{"id": user, "is_admin": s.adminUsers[user], "is_owner": false}}
}

// groupUsers answers usergroups.users.list. The caller holds mu.
func (s *Server) groupUsers(in args) object {
	users, ok := s.groups[in.str("usergroup")]
	switch {
	case !slices.Contains(s.scopes, "usergroups:read"):
		return object{"ok": false, "error": "missing_scope", "needed": "usergroups:read"}
	case !ok:
		return no("no_such_subteam")
	}
	return object{"ok": true, "users": users}
}

// remove answers chat.delete. The caller holds mu.
func (s *Server) remove(in args) object {
	c, code := s.find(in)
	if code != "" {
		return no(code)
	}
	ts := in.str("ts")
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	switch {
	case i < 0:
		return no("message_not_found")
	case c.messages[i].Response:
		return no("cant_delete_message")
	}
	c.messages = slices.Delete(c.messages, i, i+1)
	return object{"ok": true, "channel": c.id, "ts": ts}
}

// threadProblem returns why a message cannot stand in a thread, "" if it can.
func threadProblem(c *channel, ts string) string {
	if ts == "" {
		return ""
	}
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.TS == ts })
	switch {
	case i < 0:
		return "thread_not_found"
	case c.messages[i].Thread != "":
		return "cannot_reply_to_message"
	}
	return ""
}

// replies answers conversations.replies: the thread from its beginning, the
// message over it first. The caller holds mu.
func (s *Server) replies(in args) object {
	c := s.channels[in.str("channel")]
	ts := in.str("ts")
	switch {
	case c == nil || c.private && c.absent:
		return no("channel_not_found")
	case !s.may(c, "history"):
		return object{"ok": false, "error": "missing_scope", "needed": "channels:history"}
	case !slices.ContainsFunc(c.messages, func(m *Message) bool { return m.TS == ts }):
		return no("thread_not_found")
	}
	limit, err := strconv.Atoi(in.str("limit"))
	if err != nil || limit < 1 {
		limit = 100
	}
	var found []*Message
	for _, m := range c.messages {
		if m.TS != ts && m.Thread != ts || time.Since(m.Sent) < s.lag ||
			m.TS != ts && in.has("oldest") && !after(m.TS, in.str("oldest"), in.yes("inclusive")) ||
			in.has("cursor") && !after(m.TS, in.str("cursor"), false) {
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

// An Option is a choice of a menu.
type Option struct {
	Label    string
	ActionID string // of its menu
	Value    string
}

// Options returns the choices of the menus in blocks, in order.
func Options(blocks json.RawMessage) (out []Option) {
	walk(decoded(blocks), func(b block) {
		if b["type"] != "static_select" {
			return
		}
		action, _ := b["action_id"].(string)
		list, _ := b["options"].([]any)
		for _, v := range list {
			o, _ := v.(block)
			text, _ := o["text"].(block)
			label, _ := text["text"].(string)
			value, _ := o["value"].(string)
			out = append(out, Option{label, action, value})
		}
	})
	return out
}

// menu checks a static_select (Block Kit reference, "Select menu element").
func menu(e block) error {
	return first(only(e, "placeholder", "action_id", "options", "initial_option", "confirm"),
		object1(e, "placeholder", func(o block) error { return textObject(o, 150, "plain_text") }),
		text(e, "action_id", 1, 255),
		each(e, "options", 1, 100, func(o block) error {
			return first(only(o, "text", "value"), object1(o, "text", func(t block) error { return textObject(t, 75, "plain_text") }),
				text(o, "value", 1, 150))
		}))
}

// StartPick chooses from a menu of an earlier answer by the choice's label, and
// does not wait.
func (s *Server) StartPick(r Reply, label, user, channel string) (*Exchange, error) {
	all := Options(r.Blocks)
	i := slices.IndexFunc(all, func(o Option) bool { return o.Label == label })
	if i < 0 {
		return nil, fmt.Errorf("slacktest: there is no choice %q", label)
	}
	return s.Interact(map[string]any{
		"type": "block_actions", "user": object{"id": user}, "channel": object{"id": channel}, "team": object{"id": TeamID},
		"container": object{"type": "message", "channel_id": channel, "is_ephemeral": r.Type == "ephemeral"},
		"actions": []object{{"type": "static_select", "action_id": all[i].ActionID, "block_id": "b",
			"selected_option": object{"value": all[i].Value}, "action_ts": "1.2"}},
	}, channel)
}

// StartPressUnder presses a button under a message of the bot by its label, and
// does not wait.
func (s *Server) StartPressUnder(m Message, label, user string) (*Exchange, error) {
	all := Buttons(m.Blocks)
	i := slices.IndexFunc(all, func(b Button) bool { return b.Label == label })
	if i < 0 {
		return nil, fmt.Errorf("slacktest: there is no button %q", label)
	}
	return s.Interact(map[string]any{
		"type": "block_actions", "user": object{"id": user}, "channel": object{"id": m.Channel}, "team": object{"id": TeamID},
		"container": object{"type": "message", "channel_id": m.Channel, "message_ts": m.TS},
		"message":   object{"ts": m.TS, "thread_ts": m.Thread, "bot_id": BotID},
		"actions":   []object{{"type": "button", "action_id": all[i].ActionID, "block_id": "b", "value": all[i].Value, "action_ts": "1.2"}},
	}, m.Channel)
}

// StartShortcut chooses an entry in the menu of a message, and does not wait.
func (s *Server) StartShortcut(m Message, callback, user string) (*Exchange, error) {
	return s.Interact(map[string]any{
		"type": "message_action", "callback_id": callback, "user": object{"id": user}, "team": object{"id": TeamID},
		"channel": object{"id": m.Channel}, "message": object{"ts": m.TS, "thread_ts": m.Thread, "bot_id": BotID},
	}, m.Channel)
}
