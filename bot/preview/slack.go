package preview

import (
	"encoding/json"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A slackMessage is the part of a chat.postMessage body that is seen.
type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

// A slackBlock is a block or an element of one (Block Kit reference).
type slackBlock struct {
	Type     string          `json:"type"`
	Text     json.RawMessage `json:"text"` // an object in blocks, a string in rich text
	Elements []slackBlock    `json:"elements"`
	Fields   []slackBlock    `json:"fields"`
	Style    json.RawMessage `json:"style"` // an object in rich text, a string elsewhere
	URL      string          `json:"url"`
	Image    string          `json:"image_url"`
	Alt      string          `json:"alt_text"`
	Time     int64           `json:"timestamp"`
	Format   string          `json:"format"`
	Group    string          `json:"usergroup_id"`
	User     string          `json:"user_id"`
}

func (s slackMessage) draw(zone *time.Location) template.HTML {
	d := slackDrawing{zone: zone}
	if len(s.Blocks) == 0 {
		d.in("p", "", func() { d.mrkdwn(s.Text) })
	}
	for _, b := range s.Blocks {
		d.block(b)
	}
	return d.html()
}

type slackDrawing struct {
	markup
	zone *time.Location
}

func (d *slackDrawing) block(b slackBlock) {
	switch b.Type {
	case "header":
		d.in("p", "name", func() { d.object(b.Text) })
	case "section":
		d.in("p", "", func() { d.object(b.Text) })
		for _, f := range b.Fields {
			d.in("p", "", func() { d.words(f) })
		}
	case "context":
		d.in("div", "context", func() {
			for _, e := range b.Elements {
				d.in("span", "", func() { d.words(e) })
			}
		})
	case "rich_text":
		for _, e := range b.Elements {
			d.rich(e)
		}
	case "image":
		d.image(b.Image, b.Alt)
	case "divider":
		d.sb.WriteString("<hr>")
	case "actions":
		d.in("div", "buttons", func() {
			for _, e := range b.Elements {
				d.in("span", "", func() { d.object(e.Text) })
			}
		})
	}
}

// object draws a text object.
func (d *slackDrawing) object(raw json.RawMessage) {
	var o struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &o) != nil {
		return
	}
	if o.Type == "mrkdwn" {
		d.mrkdwn(o.Text)
		return
	}
	d.text(o.Text)
}

// words draws an element whose text is its own.
func (d *slackDrawing) words(b slackBlock) {
	if b.Type == "image" {
		d.image(b.Image, b.Alt)
		return
	}
	s := stringOf(b.Text)
	if b.Type == "mrkdwn" {
		d.mrkdwn(s)
		return
	}
	d.text(s)
}

func stringOf(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s) // another form has no words here
	return s
}

func (d *slackDrawing) rich(b slackBlock) {
	inner := func() {
		for _, e := range b.Elements {
			d.run(e)
		}
	}
	switch b.Type {
	case "rich_text_quote":
		d.in("blockquote", "", inner)
	case "rich_text_list":
		d.in("ul", "", func() {
			for _, item := range b.Elements {
				d.in("li", "", func() {
					for _, e := range item.Elements {
						d.run(e)
					}
				})
			}
		})
	default:
		d.in("p", "", inner)
	}
}

// run draws a stretch of rich text.
func (d *slackDrawing) run(b slackBlock) {
	style := struct{ Bold, Italic, Strike, Code bool }{}
	_ = json.Unmarshal(b.Style, &style) // no style is none
	var tags []string
	for _, t := range []struct {
		tag string
		on  bool
	}{{"b", style.Bold}, {"i", style.Italic}, {"s", style.Strike}, {"code", style.Code}} {
		if t.on {
			tags = append(tags, t.tag)
		}
	}
	for _, t := range tags {
		d.open(t, "")
	}
	text := stringOf(b.Text)
	switch b.Type {
	case "link":
		if text == "" {
			text = b.URL
		}
		d.link(b.URL, func() { d.text(text) })
	case "date":
		if b.Format == "{time}" {
			d.text(time.Unix(b.Time, 0).In(d.zone).Format("15:04"))
			break
		}
		d.text(d.clock(b.Time))
	case "usergroup", "user":
		d.in("span", "mention", func() { d.text("@" + b.Group + b.User) })
	default:
		d.text(text)
	}
	for _, t := range slices.Backward(tags) {
		d.close(t)
	}
}

// slackToken is what stands between angle brackets in mrkdwn.
var slackToken = regexp.MustCompile(`<([^<>]*)>`)

// mrkdwn draws Slack's markup as far as our adapter writes it: dates, links,
// mentions, and words in bold, italics or struck through.
func (d *slackDrawing) mrkdwn(s string) {
	at := 0
	for _, m := range slackToken.FindAllStringSubmatchIndex(s, -1) {
		d.styled(s[at:m[0]])
		d.token(s[m[2]:m[3]])
		at = m[1]
	}
	d.styled(s[at:])
}

func (d *slackDrawing) token(t string) {
	target, label, _ := strings.Cut(t, "|")
	switch {
	case strings.HasPrefix(target, "!date^"):
		sec, err := strconv.ParseInt(strings.SplitN(target, "^", 3)[1], 10, 64)
		if err != nil {
			d.styled(label)
			return
		}
		d.text(d.clock(sec))
	case strings.HasPrefix(target, "!"), strings.HasPrefix(target, "@"):
		if label == "" {
			label = strings.TrimLeft(target, "!@")
		}
		d.in("span", "mention", func() { d.styled("@" + strings.TrimPrefix(label, "@")) })
	default:
		if label == "" {
			label = target
		}
		d.link(unescapeSlack(target), func() { d.styled(label) })
	}
}

func (d *slackDrawing) clock(sec int64) string {
	return time.Unix(sec, 0).In(d.zone).Format("2 Jan 2006 15:04")
}

// slackStyle is a word or more between two marks.
var slackStyle = regexp.MustCompile("\\*([^*\n]+)\\*|~([^~\n]+)~|\\b_([^_\n]+)_\\b")

func (d *slackDrawing) styled(s string) {
	at := 0
	for _, m := range slackStyle.FindAllStringSubmatchIndex(s, -1) {
		d.text(unescapeSlack(s[at:m[0]]))
		for i, tag := range []string{"b", "s", "i"} {
			if from := m[2*i+2]; from >= 0 {
				d.in(tag, "", func() { d.text(unescapeSlack(s[from:m[2*i+3]])) })
			}
		}
		at = m[1]
	}
	d.text(unescapeSlack(s[at:]))
}

// unescapeSlack undoes the three escapes Slack has.
func unescapeSlack(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
