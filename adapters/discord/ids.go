package discord

import (
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
)

// A ref is what a chat.MessageID of this adapter says. It is written
//
//	[thread "/"] id ["+" copy] ["!"] ["~" key]
//
// so that a message in a channel that has no key is just its id.
type ref struct {
	thread string // the thread or forum post that holds the message; "" = the channel
	id     string
	copy   string // of a broadcast message: the one in the channel; "" = none
	flat   bool   // a head whose channel can have no threads: what belongs under it stands beside it
	key    string // the delivery's, so that an edit can leave the mark; "" if unknown
}

func (r ref) String() string {
	var b strings.Builder
	if r.thread != "" {
		b.WriteString(r.thread + "/")
	}
	b.WriteString(r.id)
	if r.copy != "" {
		b.WriteString("+" + r.copy)
	}
	if r.flat {
		b.WriteString("!")
	}
	if r.key != "" {
		b.WriteString("~" + r.key)
	}
	return b.String()
}

func (r ref) message() chat.MessageID { return chat.MessageID(r.String()) }

// parseRef reads what String wrote; false for anything else.
func parseRef(m chat.MessageID) (r ref, ok bool) {
	s, key, keyed := strings.Cut(string(m), "~")
	if keyed && !isKey(key) {
		return ref{}, false
	}
	r.key = key
	s, r.flat = strings.CutSuffix(s, "!")
	if thread, rest, found := strings.Cut(s, "/"); found {
		if !isSnowflake(thread) {
			return ref{}, false
		}
		r.thread, s = thread, rest
	}
	id, twin, copied := strings.Cut(s, "+")
	if !isSnowflake(id) || copied && !isSnowflake(twin) {
		return ref{}, false
	}
	r.id, r.copy = id, twin
	return r, true
}

// opened returns the thread that a head or forum post opened: one that began
// with a message has the message's id. It is "" for a flat head.
func (r ref) opened() string {
	switch {
	case r.flat:
		return ""
	case r.thread != "":
		return r.thread
	}
	return r.id
}

// in returns the id of the message as it stands in a thread, or in the channel
// if thread is "": where a reply can refer to it. It is "" if it is not there.
func (r ref) in(thread string) string {
	switch {
	case r.thread == thread:
		return r.id
	case thread == "":
		return r.copy
	}
	return ""
}

// isKey reports whether s is a delivery's key.
func isKey(s string) bool {
	return s != "" && len(s) <= 25 && !strings.ContainsFunc(s, notAlphanumeric)
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// A sign is what the mark of a message says: whose delivery it is and where
// its MessageID has its other parts. It is written
//
//	key               a message in the channel
//	key/home          a message in a thread of the channel home
//	key/thread/id     the copy of a broadcast message, which is id in thread
type sign struct{ key, home, thread, id string }

func (s sign) String() string {
	switch {
	case s.thread != "":
		return s.key + "/" + s.thread + "/" + s.id
	case s.home != "":
		return s.key + "/" + s.home
	}
	return s.key
}

const (
	markDelimiter = ":~:card="
	// nowhere is where the kicker of a card without an address leads, because a
	// mark must stand in some address.
	nowhere = "https://discord.com/"
)

// mark returns an address that carries a sign where browsers do not look:
// behind the fragment directive's delimiter, which they strip. The card's
// kicker leads there, so that the message can be recognised in the channel's
// history, where Discord keeps no nonces, and in what users press. addresses
// are tried in order; without any that serves it is Discord's own.
func mark(s sign, addresses ...string) string {
	if s.key == "" {
		return ""
	}
	for _, a := range append(addresses, nowhere) {
		u := webURL(a)
		if u == "" {
			continue
		}
		if !strings.Contains(u, "#") {
			u += "#"
		}
		if u += markDelimiter + s.String(); len(u) <= maxURL {
			return u
		}
	}
	return "" // unreachable: nowhere is short
}

// readMark returns what an address carries, false for one without a mark.
func readMark(address string) (s sign, ok bool) {
	i := strings.LastIndex(address, markDelimiter)
	if i < 0 {
		return sign{}, false
	}
	parts := strings.Split(address[i+len(markDelimiter):], "/")
	if len(parts) > 3 || !isKey(parts[0]) {
		return sign{}, false
	}
	for _, p := range parts[1:] {
		if !isSnowflake(p) {
			return sign{}, false
		}
	}
	s.key = parts[0]
	switch len(parts) {
	case 2:
		s.home = parts[1]
	case 3:
		s.thread, s.id = parts[1], parts[2]
	}
	return s, true
}
