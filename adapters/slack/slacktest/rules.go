package slacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// errTooLong is a message whose blocks are each legal, but too long together.
// Slack does not document the limit.
var errTooLong = errors.New("the blocks together are too long")

const maxTogether = 13200

// A block is a block or an element in one, as JSON.
type block = map[string]any

// CheckBlocks reports what Slack would refuse in a list of blocks
// (https://docs.slack.dev/reference/block-kit/blocks). It knows the blocks
// that messages commonly use, and refuses all others.
func CheckBlocks(raw json.RawMessage) error {
	var list []any
	if err := json.Unmarshal(raw, &list); err != nil {
		return errors.New("blocks are no list")
	}
	if len(list) > 50 {
		return fmt.Errorf("%d blocks, 50 allowed", len(list))
	}
	together := 0
	for i, v := range list {
		b, ok := v.(block)
		if !ok {
			return fmt.Errorf("/blocks/%d is no object", i)
		}
		if err := checkBlock(b); err != nil {
			return fmt.Errorf("/blocks/%d (%v): %w", i, b["type"], err)
		}
		together += count(b)
	}
	if together > maxTogether {
		return errTooLong
	}
	return nil
}

// count returns the length of all texts and addresses in v.
func count(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += count(e)
		}
	case block:
		for k, e := range v {
			if s, ok := e.(string); !ok {
				n += count(e)
			} else if k == "text" || k == "url" || k == "image_url" || k == "alt_text" {
				n += length(s)
			}
		}
	}
	return n
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

func checkBlock(b block) error {
	if err := text(b, "block_id", 0, 255); err != nil {
		return err
	}
	switch b["type"] {
	case "divider":
		return only(b)
	case "header":
		return first(only(b, "text"), object1(b, "text", func(o block) error { return textObject(o, 150, "plain_text") }))
	case "section":
		return checkSection(b)
	case "context":
		return first(only(b, "elements"), each(b, "elements", 1, 10, contextElement))
	case "image":
		return first(only(b, "image_url", "alt_text", "title"), checkImage(b))
	case "actions":
		return first(only(b, "elements"), each(b, "elements", 1, 25, button), uniqueIDs(b))
	case "rich_text":
		return first(only(b, "elements"), each(b, "elements", 1, 1000, richElement))
	}
	return errors.New("unknown type")
}

func checkSection(b block) error {
	if b["text"] == nil && b["fields"] == nil {
		return errors.New("neither text nor fields")
	}
	err := only(b, "text", "fields", "accessory", "expand")
	if b["text"] != nil {
		err = first(err, object1(b, "text", func(o block) error { return textObject(o, 3000) }))
	}
	if b["fields"] != nil {
		err = first(err, each(b, "fields", 1, 10, func(o block) error { return textObject(o, 2000) }))
	}
	return err
}

func contextElement(e block) error {
	if e["type"] == "image" {
		return first(only(e, "image_url", "alt_text"), checkImage(e))
	}
	return textObject(e, 3000)
}

func checkImage(b block) error {
	if err := address(b, "image_url"); err != nil {
		return err
	}
	return text(b, "alt_text", 1, 2000)
}

func textObject(o block, limit int, kinds ...string) error {
	kind, _ := o["type"].(string)
	if kind != "plain_text" && (kind != "mrkdwn" || len(kinds) > 0) {
		return fmt.Errorf("a text of type %q", kind)
	}
	if _, ok := o["emoji"]; ok && kind != "plain_text" {
		return errors.New("emoji is for plain_text only")
	}
	return first(only(o, "text", "emoji", "verbatim"), text(o, "text", 1, limit))
}

func button(e block) error {
	if e["type"] == "static_select" {
		return menu(e)
	}
	if e["type"] != "button" {
		return fmt.Errorf("an element of type %v", e["type"])
	}
	err := first(only(e, "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"),
		object1(e, "text", func(o block) error { return textObject(o, 75, "plain_text") }),
		text(e, "action_id", 1, 255), text(e, "value", 0, 2000))
	if e["url"] != nil {
		err = first(err, address(e, "url"))
	}
	return err
}

func uniqueIDs(b block) error {
	seen := map[any]bool{}
	list, _ := b["elements"].([]any)
	for _, v := range list {
		e, _ := v.(block)
		if seen[e["action_id"]] {
			return fmt.Errorf("action_id %v twice", e["action_id"])
		}
		seen[e["action_id"]] = true
	}
	return nil
}

func richElement(e block) error {
	switch e["type"] {
	case "rich_text_section":
		return first(only(e, "elements"), each(e, "elements", 1, 1000, richInline))
	case "rich_text_quote", "rich_text_preformatted":
		return first(only(e, "elements", "border"), each(e, "elements", 1, 1000, richInline))
	case "rich_text_list":
		return first(only(e, "elements", "style", "indent", "offset", "border"), each(e, "elements", 1, 1000, richElement))
	}
	return fmt.Errorf("an element of type %v", e["type"])
}

func richInline(e block) error {
	if s, ok := e["style"].(block); ok {
		for k, v := range s {
			if _, isBool := v.(bool); !isBool || !strings.Contains(" bold italic strike code underline ", " "+k+" ") {
				return fmt.Errorf("style %q", k)
			}
		}
	}
	switch e["type"] {
	case "text":
		return first(only(e, "text", "style"), text(e, "text", 1, 12000))
	case "link":
		return first(only(e, "url", "text", "unsafe", "style"), address(e, "url"), text(e, "text", 0, 3000))
	case "user":
		return text(e, "user_id", 1, 255)
	case "usergroup":
		return text(e, "usergroup_id", 1, 255)
	case "channel":
		return text(e, "channel_id", 1, 255)
	case "broadcast":
		return text(e, "range", 1, 20)
	case "emoji":
		return text(e, "name", 1, 255)
	case "date":
		return text(e, "format", 1, 1000)
	}
	return fmt.Errorf("an element of type %v", e["type"])
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// only reports keys that Slack does not know.
func only(b block, keys ...string) error {
	for k := range b {
		if k != "type" && k != "block_id" && !strings.Contains(" "+strings.Join(keys, " ")+" ", " "+k+" ") {
			return fmt.Errorf("unknown key %q", k)
		}
	}
	return nil
}

// text checks that b[key] is a text of so many characters; a missing one has
// none.
func text(b block, key string, low, high int) error {
	v, there := b[key]
	s, ok := v.(string)
	if there && !ok {
		return fmt.Errorf("%s is no text", key)
	}
	if n := length(s); n < low || n > high {
		return fmt.Errorf("%s has %d characters, %d to %d allowed", key, n, low, high)
	}
	return nil
}

func address(b block, key string) error {
	s, _ := b[key].(string)
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") || strings.ContainsAny(s, " \n<>") {
		return fmt.Errorf("%s is no address", key)
	}
	return text(b, key, 1, 3000)
}

func object1(b block, key string, check func(block) error) error {
	o, ok := b[key].(block)
	if !ok {
		return fmt.Errorf("%s is no object", key)
	}
	return check(o)
}

func each(b block, key string, low, high int, check func(block) error) error {
	list, ok := b[key].([]any)
	if !ok || len(list) < low || len(list) > high {
		return fmt.Errorf("%d %s, %d to %d allowed", len(list), key, low, high)
	}
	for i, v := range list {
		o, ok := v.(block)
		if !ok {
			return fmt.Errorf("%s/%d is no object", key, i)
		}
		if err := check(o); err != nil {
			return fmt.Errorf("%s/%d: %w", key, i, err)
		}
	}
	return nil
}

// walk calls f for every object in blocks, from the outside in.
func walk(v any, f func(block)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, f)
		}
	case block:
		f(v)
		for _, e := range v {
			walk(e, f)
		}
	}
}

func decoded(raw json.RawMessage) any {
	var v any
	_ = json.Unmarshal(raw, &v) // nothing is in what is no JSON
	return v
}

// Images returns the addresses of the pictures in blocks.
func Images(blocks json.RawMessage) []string {
	var out []string
	walk(decoded(blocks), func(b block) {
		if u, ok := b["image_url"].(string); ok {
			out = append(out, u)
		}
	})
	return out
}

// A Button is one under a message.
type Button struct {
	Label    string
	ActionID string
	Value    string
}

// Buttons returns the buttons in blocks, in order.
func Buttons(blocks json.RawMessage) []Button {
	var list []struct {
		Elements []struct {
			Type     string `json:"type"`
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
			// In other blocks an element's text is a string.
			Text json.RawMessage `json:"text"`
		} `json:"elements"`
	}
	_ = json.Unmarshal(blocks, &list) // nothing is in what is no list
	var out []Button
	for _, b := range list {
		for _, e := range b.Elements {
			if e.Type != "button" {
				continue
			}
			var label struct {
				Text string `json:"text"`
			}
			_ = json.Unmarshal(e.Text, &label) // checked when it was posted
			out = append(out, Button{label.Text, e.ActionID, e.Value})
		}
	}
	return out
}

// alive is what Slack brings to life in mrkdwn: mentions and links, but not
// dates.
var alive = regexp.MustCompile(`<([@#!]|[a-zA-Z][a-zA-Z0-9+.-]*:)[^<>]*>`)

// Alive returns what comes alive in a message that its author may not have
// meant: mentions of people, groups and channels in rich text, and mentions and
// links in mrkdwn.
func Alive(text string, blocks json.RawMessage) []string {
	out := aliveIn(text)
	walk(decoded(blocks), func(b block) {
		switch b["type"] {
		case "mrkdwn":
			s, _ := b["text"].(string)
			out = append(out, aliveIn(s)...)
		case "user", "usergroup", "broadcast", "channel", "emoji":
			out = append(out, fmt.Sprint(b["type"]))
		}
	})
	return out
}

func aliveIn(mrkdwn string) []string {
	var out []string
	for _, s := range alive.FindAllString(mrkdwn, -1) {
		if !strings.HasPrefix(s, "<!date^") {
			out = append(out, s)
		}
	}
	return out
}

// A Link is a live link.
type Link struct {
	Label string // what the reader sees
	URL   string
}

// Links returns the live links in blocks' rich text.
func Links(blocks json.RawMessage) []Link {
	var out []Link
	walk(decoded(blocks), func(b block) {
		if u, ok := b["url"].(string); ok && b["type"] == "link" {
			label, _ := b["text"].(string)
			if label == "" {
				label = u
			}
			out = append(out, Link{label, u})
		}
	})
	return out
}

// Words returns all that a reader sees of blocks, top to bottom, with a line
// for each text: escapes resolved, dates as their fallback, the descriptions of
// pictures included.
func Words(blocks json.RawMessage) string {
	var b strings.Builder
	words(decoded(blocks), &b)
	return b.String()
}

func words(v any, b *strings.Builder) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			words(e, b)
		}
	case block:
		if s, ok := v["text"].(string); ok {
			if v["type"] == "mrkdwn" {
				s = read(s)
			}
			b.WriteString(s)
			if v["type"] != "text" && v["type"] != "link" {
				b.WriteByte('\n')
			}
		}
		if s, ok := v["alt_text"].(string); ok {
			b.WriteString(s + "\n")
		}
		for _, key := range []string{"text", "fields", "elements"} {
			if _, isText := v[key].(string); !isText {
				words(v[key], b)
			}
		}
		if kind, _ := v["type"].(string); strings.HasPrefix(kind, "rich_text_") {
			b.WriteByte('\n')
		}
	}
}

var date = regexp.MustCompile(`<!date\^[^<>|]*\|([^<>]*)>`)

// read returns what a reader sees of mrkdwn.
func read(s string) string {
	return unescaper.Replace(date.ReplaceAllString(s, "$1"))
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
