package discordtest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/bwmarrin/discordgo"
)

// A body is what a request that writes a message may hold. Unknown keys are
// refused, which Discord does not do: they would be mistakes of ours.
type body struct {
	Content         *string                   `json:"content"`
	Embeds          []*discordgo.MessageEmbed `json:"embeds"`
	Components      *[]Component              `json:"components"`
	AllowedMentions *struct {
		Parse   []string `json:"parse"`
		Users   []string `json:"users"`
		Roles   []string `json:"roles"`
		Replied bool     `json:"replied_user"`
	} `json:"allowed_mentions"`
	Flags        int    `json:"flags"`
	Nonce        string `json:"nonce"`
	EnforceNonce bool   `json:"enforce_nonce"`
	Reference    *struct {
		Message      string `json:"message_id"`
		FailIfAbsent *bool  `json:"fail_if_not_exists"`
	} `json:"message_reference"`
}

// told returns whom the message tells aloud.
func (b *body) told() []string {
	if b.AllowedMentions == nil {
		return nil
	}
	return append(append([]string(nil), b.AllowedMentions.Users...), b.AllowedMentions.Roles...)
}

// refusal is an error that Discord answers with.
type refusal struct {
	status, code int
	text         string
}

func (r *refusal) body() string {
	b, _ := json.Marshal(map[string]any{"code": r.code, "message": r.text})
	return string(b)
}

var (
	unknownChannel = &refusal{404, 10003, "Unknown Channel"}
	unknownMessage = &refusal{404, 10008, "Unknown Message"}
	unknownHook    = &refusal{404, 10015, "Unknown Webhook"}
	unknownInter   = &refusal{404, 10062, "Unknown interaction"}
	acknowledged   = &refusal{400, 40060, "Interaction has already been acknowledged."}
	missingAccess  = &refusal{403, 50001, "Missing Access"}
	missingRight   = &refusal{403, 50013, "Missing Permissions"}
	emptyMessage   = &refusal{400, 50006, "Cannot send an empty message"}
	archivedThread = &refusal{400, 50083, "Thread is archived"}
	lockedThread   = &refusal{403, 160005, "Thread is locked"}
	threadExists   = &refusal{400, 160004, "A thread has already been created for this message"}
	wrongKind      = &refusal{400, 50024, "Cannot execute action on this channel type"}
	unknownTag     = &refusal{404, 10087, "Unknown tag"}
	tagWanted      = &refusal{400, 40067, "A tag is required to create a forum post in this channel"}
	wasPublished   = &refusal{400, 40033, "This message has already been crossposted"}
	frozenMessage  = &refusal{429, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later"}
	notFound       = &refusal{404, 0, "404: Not Found"}
	unauthorised   = &refusal{401, 0, "401: Unauthorized"}
)

func invalid(format string, args ...any) *refusal {
	return &refusal{400, 50035, "Invalid Form Body: " + fmt.Sprintf(format, args...)}
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

// check applies Discord's rules to a message, those included that its
// published schema leaves out.
func (b *body) check() *refusal {
	if b.AllowedMentions == nil || b.AllowedMentions.Parse == nil || len(b.AllowedMentions.Parse) > 0 {
		// Discord would let the mentions through; a test must not.
		return invalid("allowed_mentions: parse is not an empty list")
	}
	if b.AllowedMentions.Replied {
		return invalid("allowed_mentions: the author of the other message would be told")
	}
	for _, id := range b.told() {
		if b.Content == nil || !strings.Contains(*b.Content, "<@"+id+">") && !strings.Contains(*b.Content, "<@&"+id+">") {
			return invalid("allowed_mentions: %s is not in the text", id)
		}
	}
	if len(b.Nonce) > 25 {
		return invalid("nonce: longer than 25")
	}
	if len(b.Embeds) > 10 {
		return invalid("embeds: more than 10")
	}
	if b.Content != nil && length(*b.Content) > 2000 {
		return invalid("content: longer than 2000")
	}
	if len(b.Embeds) == 0 && (b.Content == nil || *b.Content == "") {
		return emptyMessage
	}
	sum := 0
	for i, e := range b.Embeds {
		n, r := checkEmbed(e)
		if r != nil {
			return invalid("embeds[%d].%s", i, r.text)
		}
		sum += n
	}
	if sum > 6000 {
		return invalid("embeds: %d characters together", sum)
	}
	if b.Components != nil {
		return checkComponents(*b.Components)
	}
	return nil
}

// checkEmbed returns the number of characters in an embed.
func checkEmbed(e *discordgo.MessageEmbed) (int, *refusal) {
	if e == nil {
		return 0, &refusal{text: "null"}
	}
	if e.Title == "" && e.Description == "" && len(e.Fields) == 0 && e.Image == nil {
		return 0, &refusal{text: "empty"}
	}
	type text struct {
		name, s string
		limit   int
	}
	type link struct{ name, s string }
	texts := []text{{"title", e.Title, 256}, {"description", e.Description, 4096}}
	links := []link{{"url", e.URL}}
	if e.Author != nil {
		if e.Author.Name == "" {
			return 0, &refusal{text: "author.name: required"}
		}
		texts = append(texts, text{"author.name", e.Author.Name, 256})
		links = append(links, link{"author.url", e.Author.URL})
	}
	if e.Footer != nil {
		if e.Footer.Text == "" {
			return 0, &refusal{text: "footer.text: required"}
		}
		texts = append(texts, text{"footer.text", e.Footer.Text, 2048})
	}
	if e.Image != nil {
		if e.Image.URL == "" {
			return 0, &refusal{text: "image.url: required"}
		}
		links = append(links, link{"image.url", e.Image.URL})
	}
	if len(e.Fields) > 25 {
		return 0, &refusal{text: "fields: more than 25"}
	}
	for _, f := range e.Fields {
		if f == nil || f.Name == "" || f.Value == "" {
			return 0, &refusal{text: "fields: empty"}
		}
		texts = append(texts, text{"field.name", f.Name, 256}, text{"field.value", f.Value, 1024})
	}
	sum := 0
	for _, t := range texts {
		n := length(t.s)
		if n > t.limit {
			return 0, &refusal{text: fmt.Sprintf("%s: %d characters, %d allowed", t.name, n, t.limit)}
		}
		if t.s != "" && strings.TrimSpace(t.s) == "" {
			return 0, &refusal{text: t.name + ": blank"}
		}
		sum += n
	}
	for _, l := range links {
		if l.s == "" {
			continue
		}
		u, err := url.Parse(l.s)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || len(l.s) > 2048 {
			return 0, &refusal{text: l.name + ": not a well formed URL"}
		}
	}
	if e.Timestamp != "" {
		if _, err := time.Parse(time.RFC3339, e.Timestamp); err != nil {
			return 0, &refusal{text: "timestamp: not ISO 8601"}
		}
	}
	return sum, nil
}

func checkComponents(rows []Component) *refusal {
	seen := map[string]bool{}
	if len(rows) > 5 {
		return invalid("components: more than 5 rows")
	}
	for _, row := range rows {
		if row.Type != 1 || len(row.Components) == 0 || len(row.Components) > 5 {
			return invalid("components: a row holds 1 to 5 buttons")
		}
		for _, c := range row.Components {
			if r := checkControl(c, len(row.Components)); r != nil {
				return r
			}
			if c.CustomID == "" || length(c.CustomID) > 100 || seen[c.CustomID] {
				return invalid("components: custom_id %q", c.CustomID)
			}
			seen[c.CustomID] = true
		}
	}
	return nil
}

// checkControl checks a button or a menu, which has a row for itself.
func checkControl(c Component, inRow int) *refusal {
	if c.Type == 3 {
		values := map[string]bool{}
		for _, o := range c.Options {
			if o.Label == "" || length(o.Label) > 100 || o.Value == "" || length(o.Value) > 100 || values[o.Value] {
				return invalid("components: option %v", o)
			}
			values[o.Value] = true
		}
		if inRow > 1 || len(c.Options) == 0 || len(c.Options) > 25 || length(c.Placeholder) > 150 {
			return invalid("components: menu")
		}
		return nil
	}
	if c.Type != 2 || c.Style < 1 || c.Style > 4 {
		return invalid("components: not a button")
	}
	if c.Label == "" || length(c.Label) > 80 {
		return invalid("components: label")
	}
	return nil
}

// CheckMessage applies the rules for posting a message to a body, the
// published schema's and those it leaves out.
func CheckMessage(raw []byte) error {
	if _, bad := read(raw); bad != nil {
		return fmt.Errorf("%d: %s", bad.code, bad.text)
	}
	return nil
}
