package bot

import (
	"regexp"

	"github.com/pullquote/pullquote/bot/chat"
)

// renames maps commands' own names to those they go by. Nil renames nothing.
type renames map[string]string

// own returns the own name of a command that goes by name.
func (n renames) own(name string) string {
	for own, other := range n {
		if other == name {
			return own
		}
	}
	return name
}

// slash is how a command stands in our own words.
var slash = regexp.MustCompile(`(^|[\s(“])/([a-z]+)\b`)

// text writes the names that commands go by into words of our own.
func (n renames) text(s string) string {
	if len(n) == 0 {
		return s
	}
	return slash.ReplaceAllStringFunc(s, func(m string) string {
		parts := slash.FindStringSubmatch(m)
		if other := n[parts[2]]; other != "" {
			return parts[1] + "/" + other
		}
		return m
	})
}

func (n renames) reply(r chat.Reply) chat.Reply {
	if len(n) == 0 {
		return r
	}
	r.Title, r.Text, r.Note = n.text(r.Title), n.text(r.Text), n.text(r.Note)
	return r
}
