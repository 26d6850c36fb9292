package discordtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// A newThread is the body that opens a thread or forum post. Unknown keys are
// refused, as in messages.
type newThread struct {
	Name    string          `json:"name"`
	Archive int             `json:"auto_archive_duration"`
	Tags    []string        `json:"applied_tags"`
	Message json.RawMessage `json:"message"`
}

func readThread(raw []byte) (t newThread, bad *refusal) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, &refusal{400, 50109, "The request body contains invalid JSON: " + err.Error()}
	}
	if n := length(t.Name); n < 1 || n > 100 || strings.TrimSpace(t.Name) == "" {
		return t, invalid("name: %d characters", n)
	}
	if !slices.Contains([]int{60, 1440, 4320, 10080}, t.Archive) {
		return t, invalid("auto_archive_duration: %d", t.Archive)
	}
	return t, nil
}

// open begins a thread with a message.
func (s *Server) open(c *channel, i int, raw []byte) answer {
	t, bad := readThread(raw)
	switch {
	case c.kind != 0 && c.kind != 5:
		return refuse(wrongKind)
	case i < 0:
		return refuse(unknownMessage)
	case c.deny&(1<<35) != 0:
		return refuse(missingRight)
	case bad != nil:
		return refuse(bad)
	case t.Message != nil || t.Tags != nil:
		return refuse(invalid("message, applied_tags: in forums only"))
	case s.channels[c.messages[i].ID] != nil:
		return refuse(threadExists)
	}
	kind := 11
	if c.kind == 5 {
		kind = 10
	}
	n := newChannel(c.messages[i].ID, kind, c.id)
	n.name = t.Name
	s.channels[n.id] = n
	s.notify()
	return ok(n.describe())
}

// threads opens a forum post or lists archived ones.
func (s *Server) threads(c *channel, rest []string, req Request) answer {
	if len(rest) == 2 && rest[0] == "archived" && rest[1] == "public" && req.Method == "GET" {
		return s.list(func(t *channel) bool { return t.parent == c.id && t.archived })
	}
	if len(rest) != 0 || req.Method != "POST" {
		return refuse(notFound)
	}
	t, bad := readThread(req.Body)
	switch {
	case bad != nil:
		return refuse(bad)
	case c.kind != 15 && c.kind != 16:
		return refuse(wrongKind)
	case c.deny&(1<<11) != 0:
		return refuse(missingRight)
	case len(t.Tags) > 5:
		return refuse(invalid("applied_tags: more than 5"))
	case c.wantsTag && len(t.Tags) == 0:
		return refuse(tagWanted)
	}
	for _, id := range t.Tags {
		i := slices.IndexFunc(c.available, func(a Tag) bool { return a.ID == id })
		if i < 0 {
			return refuse(unknownTag)
		}
		if c.available[i].Moderated {
			return refuse(missingRight)
		}
	}
	b, bad := read(t.Message)
	if bad != nil {
		return refuse(bad)
	}
	if b.Nonce != "" || b.EnforceNonce || b.Reference != nil {
		return refuse(invalid("message: nonce and message_reference are not for forum posts"))
	}
	n := newChannel(s.newID(), 11, c.id)
	n.name, n.tags = t.Name, t.Tags
	s.channels[n.id] = n
	m := s.put(n, n.id, b)
	v := n.describe()
	v["message"] = s.render(m)
	return ok(v)
}

// list answers with threads, the newest first.
func (s *Server) list(which func(*channel) bool) answer {
	list := []map[string]any{}
	for _, c := range s.channels {
		if which(c) {
			list = append(list, c.describe())
		}
	}
	slices.SortFunc(list, func(a, b map[string]any) int { return strings.Compare(b["id"].(string), a["id"].(string)) })
	return ok(map[string]any{"threads": list, "members": []any{}, "has_more": false})
}

// reopen opens an archived thread.
func (s *Server) reopen(c *channel, raw []byte) answer {
	var b struct {
		Archived *bool `json:"archived"`
	}
	if json.Unmarshal(raw, &b) != nil || b.Archived == nil || c.parent == "" {
		return refuse(invalid("archived"))
	}
	if c.locked {
		return refuse(missingRight)
	}
	c.archived = *b.Archived
	return ok(c.describe())
}

// crosspost sends a message on to the channels that follow.
func (s *Server) crosspost(c *channel, i int) answer {
	switch {
	case c.kind != 5:
		return refuse(wrongKind)
	case i < 0:
		return refuse(unknownMessage)
	case c.messages[i].Published > 0:
		return refuse(wasPublished)
	case s.scale > 0 && !c.crossed.take(10, s.scaled(time.Hour), time.Now()):
		return s.tooMany(time.Until(c.crossed.reset), "user", false)
	}
	c.messages[i].Published++
	s.notify()
	return ok(s.render(c.messages[i]))
}

// direct returns the channel of direct messages with a user.
func (s *Server) direct(raw []byte) answer {
	var b struct {
		Recipient string `json:"recipient_id"`
	}
	if json.Unmarshal(raw, &b) != nil || !isSnowflake(b.Recipient) {
		return refuse(invalid("recipient_id"))
	}
	id, found := s.directs[b.Recipient]
	if !found {
		c := newChannel(s.newID(), 1, "")
		c.user = b.Recipient
		id = c.id
		s.directs[b.Recipient], s.channels[id] = id, c
	}
	return ok(s.channels[id].describe())
}
