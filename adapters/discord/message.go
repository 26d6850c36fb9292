package discord

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// Message flags.
const (
	published = 1 << 0  // CROSSPOSTED
	silent    = 1 << 12 // SUPPRESS_NOTIFICATIONS
)

// A message is the body of a request that writes a message.
type message struct {
	Content         string                        `json:"content,omitempty"`
	Embeds          []*discordgo.MessageEmbed     `json:"embeds,omitempty"`
	Components      *[]discordgo.MessageComponent `json:"components,omitempty"`
	AllowedMentions mentions                      `json:"allowed_mentions"`
	Flags           int                           `json:"flags,omitempty"`
	Reference       *reference                    `json:"message_reference,omitempty"`
	Nonce           string                        `json:"nonce,omitempty"`
	EnforceNonce    bool                          `json:"enforce_nonce,omitempty"`
}

// A reference makes a message a reply. Where the other message is gone, it is
// an ordinary one.
type reference struct {
	Message      string `json:"message_id"`
	FailIfAbsent bool   `json:"fail_if_not_exists"`
}

// mentions says who may be told aloud. Parse must be there and empty: without
// it Discord makes every mention in the text count.
type mentions struct {
	Parse   []string `json:"parse"`
	Users   []string `json:"users,omitempty"`
	Roles   []string `json:"roles,omitempty"`
	Replied *bool    `json:"replied_user,omitempty"`
}

// nobody allows no mention.
func nobody() mentions { return mentions{Parse: []string{}} }

// A posted is what Discord tells of a message.
type posted struct {
	ID     string `json:"id"`
	Nonce  any    `json:"nonce"` // a string, or a number from other programs
	Flags  int    `json:"flags"`
	Author struct {
		ID string `json:"id"`
	} `json:"author"`
	// Embeds is read only where it matters: an embed that we cannot read must
	// not make a message disappear.
	Embeds json.RawMessage `json:"embeds"`
}

// embeds returns what can be read of the message's embeds.
func (m posted) embeds() []*discordgo.MessageEmbed {
	var es []*discordgo.MessageEmbed
	_ = json.Unmarshal(m.Embeds, &es)
	return slices.DeleteFunc(es, func(e *discordgo.MessageEmbed) bool { return e == nil })
}

// ours reports whether m is the bot's message of the delivery named key.
func ours(m posted, self, key string) bool {
	if key == "" || !isSnowflake(m.ID) || m.Author.ID != self {
		return false
	}
	if m.Nonce == key {
		return true
	}
	s, ok := signOf(m.embeds())
	return ok && s.key == key
}

// signOf returns the mark of a card of ours.
func signOf(es []*discordgo.MessageEmbed) (sign, bool) {
	for _, e := range es {
		if e != nil && e.Author != nil {
			if s, ok := readMark(e.Author.URL); ok {
				return s, true
			}
		}
	}
	return sign{}, false
}

// marked returns the card as an embed with its mark.
func marked(c chat.Card, s sign) *discordgo.MessageEmbed {
	e := embed(c)
	addresses := []string{c.URL}
	for _, it := range c.Items {
		addresses = append(addresses, it.URL)
	}
	e.Author.URL = mark(s, addresses...)
	return e
}

// compose returns the body that posts p with a mark.
func compose(p chat.Post, s sign) message {
	m := message{
		Embeds: []*discordgo.MessageEmbed{marked(p.Card, s)}, AllowedMentions: nobody(),
		Nonce: p.Key, EnforceNonce: p.Key != "",
	}
	if p.Silent {
		m.Flags = silent
	}
	if bs := controls(p.Buttons, nil); len(bs) > 0 {
		m.Components = &bs
	}
	m.mention(p.Mentions)
	return m
}

// maxMentions is how many one message tells aloud; Discord allows 100 of each
// kind.
const maxMentions = 50

// mention tells some people and roles aloud, in the text above the card.
func (m *message) mention(list []chat.Mention) {
	var words []string
	for _, x := range list {
		if !isSnowflake(x.ID) || len(words) == maxMentions {
			continue
		}
		word, to := "<@"+x.ID+">", &m.AllowedMentions.Users
		if x.Role {
			word, to = "<@&"+x.ID+">", &m.AllowedMentions.Roles
		}
		if !slices.Contains(*to, x.ID) {
			*to = append(*to, x.ID)
			words = append(words, word)
		}
	}
	m.Content = strings.Join(words, " ")
}

// answers makes m a reply to another message, unless id is "".
func (m *message) answers(id string) {
	if id != "" {
		m.Reference, m.AllowedMentions.Replied = &reference{Message: id}, new(bool)
	}
}

// twin returns the nonce of a broadcast message's copy.
func twin(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("copy of " + key))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])[:25]
}

// look returns what people see of an embed, to compare it with another's:
// Discord adds fields of its own to what it was sent.
func look(e *discordgo.MessageEmbed) string {
	parts := []string{e.Title, e.URL, e.Description}
	if e.Author != nil {
		parts = append(parts, e.Author.Name)
	}
	if e.Footer != nil {
		parts = append(parts, e.Footer.Text)
	}
	if e.Image != nil {
		parts = append(parts, e.Image.URL)
	}
	return strings.Join(parts, "\x00")
}
