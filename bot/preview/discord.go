package preview

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A discordMessage is the part of a create-message body that is seen.
type discordMessage struct {
	Content    string         `json:"content"`
	Embeds     []discordEmbed `json:"embeds"`
	Components []discordRow   `json:"components"`
}

type discordRow struct {
	Components []struct {
		Label       string `json:"label"`
		Placeholder string `json:"placeholder"`
	} `json:"components"`
}

type discordEmbed struct {
	URL         string    `json:"url"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Timestamp   time.Time `json:"timestamp"`
	Colour      int       `json:"color"`
	Footer      struct {
		Text string `json:"text"`
	} `json:"footer"`
	Author struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	} `json:"author"`
	Image struct {
		URL string `json:"url"`
	} `json:"image"`
	Thumbnail struct {
		URL string `json:"url"`
	} `json:"thumbnail"`
	Fields []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"fields"`
}

func (m discordMessage) draw(zone *time.Location) template.HTML {
	d := discordDrawing{zone: zone}
	if m.Content != "" {
		d.markdown(m.Content)
	}
	for _, e := range m.Embeds {
		d.embed(e)
	}
	for _, row := range m.Components {
		d.in("div", "buttons", func() {
			for _, c := range row.Components {
				d.in("span", "", func() { d.text(c.Label + c.Placeholder) })
			}
		})
	}
	return d.html()
}

type discordDrawing struct {
	markup
	zone *time.Location
}

func (d *discordDrawing) embed(e discordEmbed) {
	d.sb.WriteString(`<div class="embed" style="border-color:#` + hex(e.Colour) + `">`)
	if e.Author.Name != "" {
		d.in("div", "author", func() { d.link(e.Author.URL, func() { d.text(e.Author.Name) }) })
	}
	if e.Title != "" {
		d.in("div", "title", func() { d.link(e.URL, func() { d.inline(e.Title) }) })
	}
	d.markdown(e.Description)
	for _, f := range e.Fields {
		d.in("p", "name", func() { d.inline(f.Name) })
		d.markdown(f.Value)
	}
	d.image(e.Image.URL, "")
	d.image(e.Thumbnail.URL, "")
	d.footer(e)
	d.close("div")
}

func (d *discordDrawing) footer(e discordEmbed) {
	var parts []string
	if e.Footer.Text != "" {
		parts = append(parts, e.Footer.Text)
	}
	if !e.Timestamp.IsZero() {
		parts = append(parts, e.Timestamp.In(d.zone).Format("02/01/2006 15:04"))
	}
	if len(parts) > 0 {
		d.in("div", "footer", func() { d.text(strings.Join(parts, " • ")) })
	}
}

// hex writes a colour as CSS does.
func hex(colour int) string {
	s := strconv.FormatInt(int64(colour&0xFFFFFF), 16)
	return strings.Repeat("0", 6-len(s)) + s
}

// markdown draws Discord's markup line by line: quotations, small print,
// headings and lists, and what stands inside a line.
func (d *discordDrawing) markdown(s string) {
	if s == "" {
		return
	}
	var quoted []string
	flush := func() {
		if len(quoted) == 0 {
			return
		}
		lines := quoted
		quoted = nil
		d.in("blockquote", "", func() { d.lines(lines) })
	}
	for line := range strings.SplitSeq(s, "\n") {
		if rest, ok := strings.CutPrefix(line, "> "); ok {
			quoted = append(quoted, rest)
			continue
		}
		flush()
		switch {
		case strings.HasPrefix(line, "-# "):
			d.in("p", "", func() { d.in("small", "", func() { d.inline(line[3:]) }) })
		case strings.HasPrefix(line, "### "):
			d.in("p", "name", func() { d.inline(line[4:]) })
		default:
			d.in("p", "", func() { d.inline(line) })
		}
	}
	flush()
}

func (d *discordDrawing) lines(lines []string) {
	for i, l := range lines {
		if i > 0 {
			d.sb.WriteString("<br>")
		}
		d.inline(l)
	}
}

// discordMark is what stands inside a line: an escaped sign, a time, a
// mention, a link, and words in bold, struck through or in italics.
var discordMark = regexp.MustCompile(`\\([^\sA-Za-z0-9])|<t:(-?\d+)(?::([a-zA-Z]))?>|<(@[&!]?|#)(\d+)>|\[((?:[^\]\\]|\\.)+)\]\((<?https?://[^\s)>]+>?)\)|\*\*((?:[^*\\]|\\.)+)\*\*|~~((?:\\.|[^~])+)~~|\*((?:[^*\\]|\\.)+)\*`)

// discordTimes are Discord's styles of times ("Timestamp Styles") in English.
// How long ago something was is not for a picture.
var discordTimes = map[string]string{
	"": "2 January 2006 15:04", "f": "2 January 2006 15:04", "F": "Monday 2 January 2006 15:04", "R": "2 January 2006 15:04",
	"t": "15:04", "T": "15:04:05", "d": "02/01/2006", "D": "2 January 2006",
}

func (d *discordDrawing) inline(s string) {
	for s != "" {
		m := discordMark.FindStringSubmatchIndex(s)
		if m == nil {
			d.text(s)
			return
		}
		d.text(s[:m[0]])
		group := func(i int) (string, bool) {
			if m[2*i] < 0 {
				return "", false
			}
			return s[m[2*i]:m[2*i+1]], true
		}
		d.mark(group)
		s = s[m[1]:]
	}
}

func (d *discordDrawing) mark(group func(int) (string, bool)) {
	if sign, ok := group(1); ok {
		d.text(sign)
	}
	if sec, ok := group(2); ok {
		n, _ := strconv.ParseInt(sec, 10, 64) // digits only
		style, _ := group(3)
		d.text(time.Unix(n, 0).In(d.zone).Format(discordTimes[style]))
	}
	if id, ok := group(5); ok {
		kind, _ := group(4)
		d.in("span", "mention", func() { d.text(strings.TrimRight(kind, "&!") + id) })
	}
	if label, ok := group(6); ok {
		address, _ := group(7)
		d.link(strings.Trim(address, "<>"), func() { d.inline(label) })
	}
	for i, tag := range map[int]string{8: "b", 9: "s", 10: "i"} {
		if inner, ok := group(i); ok {
			d.in(tag, "", func() { d.inline(inner) })
		}
	}
}
