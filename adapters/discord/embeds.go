package discord

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// Discord's limits on an embed (the published schema; 6000 for all texts of a
// message together is in the documentation only). A kicker and a footer of
// ours are shorter than allowed, so that the sum stays below 6000.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxKicker      = 256
	maxFooter      = 256
)

// What one card shows at most. All quotes with the longest names still leave
// each some lines of text.
const (
	maxQuotes  = 4 // that stand, and as many that do not
	maxSpeaker = 120
	maxRole    = 160
	maxPicture = 400 // alternative text and credit
	maxLink    = 200 // address in running text
	maxItem    = 240 // text of an item in a reply
)

// colours by state, as Discord takes them: 0xRRGGBB.
var colours = map[chat.State]int{
	chat.Live:      0x2B6CB0,
	chat.Updated:   0xB7791F,
	chat.Corrected: 0xC53030,
	chat.Withdrawn: 0x718096,
}

// entryEmbed shows an entry.
func entryEmbed(c chat.Card) *discordgo.MessageEmbed {
	e := &discordgo.MessageEmbed{
		Title:       title(c),
		URL:         webURL(c.URL),
		Description: description(c),
		Color:       colours[c.State],
		Timestamp:   timestamp(c.Time),
		Author:      &discordgo.MessageEmbedAuthor{Name: kicker(c)},
	}
	if e.Title == "" {
		e.URL = "" // there is nothing to click
	}
	if by := clip(inline(c.Byline), maxFooter); by != "" {
		e.Footer = &discordgo.MessageEmbedFooter{Text: by}
	}
	if u := webURL(c.Image.URL); u != "" {
		e.Image = &discordgo.MessageEmbedImage{URL: u}
	}
	return e
}

func kicker(c chat.Card) string {
	tail := c.State.String()
	if c.Key {
		tail += " · KEY EVENT"
	}
	return kick(c.Source, tail)
}

func title(c chat.Card) string {
	head := inline(c.Headline)
	if c.State == chat.Withdrawn {
		return write(head, maxTitle, "~~", "~~", true)
	}
	return escape(head, maxTitle)
}

func timestamp(t time.Time) string {
	if t.IsZero() || t.Year() < 1970 || t.Year() > 9999 {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func description(c chat.Card) string {
	struck := c.State == chat.Withdrawn
	var p page
	p.line(notice(c))
	p.quotes(c.Quotes, struck)
	if len(c.Was) > 0 {
		p.line("**The earlier version said:**")
		p.quotes(c.Was, true)
	}
	p.text(c.Text, struck)
	p.line(picture(c.Image))
	if inline(c.Headline) == "" {
		p.line(masked("Read the entry", c.URL, 1024))
	}
	if p.empty() {
		p.line("-# No text")
	}
	return p.String()
}

// notice says when the card became what it is, in the reader's own time.
func notice(c chat.Card) string {
	words := map[chat.State]string{
		chat.Updated:   "Updated",
		chat.Corrected: "Corrected",
		chat.Withdrawn: "Withdrawn by the source",
	}[c.State]
	when := moment(c.Changed, "f")
	if words == "" || (when == "" && c.State != chat.Withdrawn) {
		return ""
	}
	return strings.TrimSpace("-# " + words + " " + when)
}

// moment returns Discord's mark-up for an instant, "" for the zero time.
func moment(t time.Time, style string) string {
	if timestamp(t) == "" {
		return ""
	}
	return fmt.Sprintf("<t:%d:%s>", t.Unix(), style)
}

// picture returns the picture's alternative text and credit: an embed has no
// place of its own for them.
func picture(i chat.Image) string {
	if webURL(i.URL) == "" {
		return ""
	}
	var parts []string
	if alt := escape(inline(i.Alt), maxPicture); alt != "" {
		parts = append(parts, "Picture: "+alt)
	}
	if credit := escape(inline(i.Credit), maxSpeaker); credit != "" {
		parts = append(parts, "Credit: "+credit)
	}
	if len(parts) == 0 {
		return ""
	}
	return "-# " + strings.Join(parts, " · ")
}

func attribution(q chat.Quote, struck bool) string {
	who := "*speaker not stated*"
	if name := escape(inline(q.Speaker), maxSpeaker); name != "" {
		who = "**" + name + "**"
	}
	if role := escape(inline(q.Role), maxRole); role != "" {
		who += ", " + role
	}
	if struck {
		return "— ~~" + who + "~~"
	}
	if link := masked("in full", q.URL, maxLink); link != "" {
		who += " · " + link
	}
	return "— " + who
}

// A page is a description in the making: parts that must stand whole and
// parts that may be cut. When it is too long, the longest parts lose first.
type page struct {
	parts []part
}

type part struct {
	text           string // clean; "" if tail is all there is
	prefix, suffix string // around each line of text
	tail           string // rendered, never cut
}

func (p *page) empty() bool { return len(p.parts) == 0 }

func (p *page) line(s string) {
	if s != "" {
		p.parts = append(p.parts, part{tail: s})
	}
}

func (p *page) text(s string, struck bool) {
	pt := part{text: clean(s)}
	if pt.text == "" {
		return
	}
	if struck {
		pt = pt.strike()
	}
	p.parts = append(p.parts, pt)
}

func (p *page) quotes(qs []chat.Quote, struck bool) {
	for i, q := range qs {
		if i == maxQuotes {
			p.line(fmt.Sprintf("-# "+ellipsis+" and %d more", len(qs)-i))
			return
		}
		pt := part{text: clean(q.Text), prefix: "> ", tail: attribution(q, struck)}
		if pt.text == "" {
			continue
		}
		if struck {
			pt = pt.strike()
		}
		p.parts = append(p.parts, pt)
	}
}

// strike strikes each line through. Empty lines go: "~~~~" would show.
func (pt part) strike() part {
	pt.text = strings.ReplaceAll(pt.text, "\n\n", "\n")
	pt.prefix, pt.suffix = pt.prefix+"~~", "~~"
	return pt
}

// String returns the page, at most maxDescription units long.
func (p *page) String() string {
	parts, dropped := p.fit()
	full := make([]string, len(parts))
	needs := make([]int, len(parts))
	room := maxDescription - size(dropped) - 1
	for i, pt := range parts {
		full[i] = write(pt.text, maxDescription, pt.prefix, pt.suffix, true)
		needs[i] = size(full[i])
		room -= size(pt.tail) + 2 // a line break after text and after tail
	}
	var lines []string
	for i, give := range share(needs, room) {
		pt, text := parts[i], full[i]
		if give < needs[i] {
			text = write(pt.text, give, pt.prefix, pt.suffix, true)
		}
		lines = append(lines, text, pt.tail)
	}
	lines = append(lines, dropped)
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	return strings.Join(lines, "\n")
}

// fit returns the parts that have room for their tails and a line of text, and
// a line that says so if there are others.
func (p *page) fit() ([]part, string) {
	const more, line = "-# " + ellipsis, 80
	room := maxDescription - size(more) - 1
	for i, pt := range p.parts {
		room -= size(pt.tail) + 2
		if pt.text != "" {
			room -= line
		}
		if room < 0 {
			return p.parts[:i], more
		}
	}
	return p.parts, ""
}

// share divides room among needs: who needs no more than an equal part gets
// all of it, and what that leaves is divided among the others.
func share(needs []int, room int) []int {
	order := make([]int, len(needs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return needs[a] - needs[b] })
	give := make([]int, len(needs))
	for k, i := range order {
		give[i] = min(needs[i], max(room, 0)/(len(order)-k))
		room -= give[i]
	}
	return give
}

// replyEmbed returns a reply as one embed.
func replyEmbed(r chat.Reply) *discordgo.MessageEmbed {
	e := &discordgo.MessageEmbed{
		Title: escape(inline(r.Title), maxTitle),
		Color: colours[chat.Live],
	}
	var p page
	p.text(r.Text, false)
	for _, c := range r.Items {
		p.item(c)
	}
	e.Description = p.String()
	if note := clip(inline(r.Note), maxFooter); note != "" {
		e.Footer = &discordgo.MessageEmbedFooter{Text: note}
	}
	if e.Title == "" && e.Description == "" {
		e.Description = "-# No text"
	}
	return e
}

// item adds a card in a few lines: headline, source, the best quote or a
// little text.
func (p *page) item(c chat.Card) {
	head := escape(inline(c.Headline), maxTitle)
	struck := c.State == chat.Withdrawn
	switch {
	case head != "" && struck:
		p.line("~~" + head + "~~")
	case head != "":
		p.line("**" + head + "**")
	}
	if len(c.Quotes) > 0 {
		p.quotes(c.Quotes[:1], struck)
	} else {
		p.text(clip(inline(c.Text), maxItem), struck)
	}
	parts := []string{escape(inline(c.Source), 100), moment(c.Time, "f")}
	if c.State != chat.Live {
		parts = append(parts, c.State.String())
	}
	parts = append(parts, masked("open", c.URL, maxLink))
	parts = strings.FieldsFunc(strings.Join(parts, "\x00"), func(r rune) bool { return r == 0 })
	if len(parts) > 0 {
		p.line("-# " + strings.Join(parts, " · "))
	}
}

const (
	maxRow  = 5 // buttons in a row
	maxRows = 5 // of a message
)

// controls returns buttons and menus as components, an empty list for none.
// Discord refuses a message with an empty label or one id twice. It cannot ask
// whether a button was meant.
func controls(bs []chat.Button, ms []chat.Menu) []discordgo.MessageComponent {
	rows := []discordgo.MessageComponent{}
	var row discordgo.ActionsRow
	seen := map[string]bool{}
	for _, b := range bs {
		label := clip(inline(b.Label), 75)
		if label == "" || b.Action == "" || len(b.Action) > 100 || seen[b.Action] || len(rows) == maxRows {
			continue
		}
		seen[b.Action] = true
		style := discordgo.SecondaryButton
		if b.Danger {
			style = discordgo.DangerButton
		}
		row.Components = append(row.Components, discordgo.Button{Label: label, Style: style, CustomID: b.Action})
		if len(row.Components) == maxRow {
			rows, row = append(rows, row), discordgo.ActionsRow{}
		}
	}
	if len(row.Components) > 0 {
		rows = append(rows, row)
	}
	for _, m := range ms {
		options := options(m.Choices)
		if len(options) == 0 || m.Action == "" || len(m.Action) > 100 || seen[m.Action] || len(rows) == maxRows {
			continue
		}
		seen[m.Action] = true
		rows = append(rows, discordgo.ActionsRow{Components: []discordgo.MessageComponent{discordgo.SelectMenu{
			MenuType: discordgo.StringSelectMenu, CustomID: m.Action, Placeholder: clip(inline(m.Label), 150), Options: options,
		}}})
	}
	return rows
}

// options returns the choices of a menu as Discord takes them: at most 25,
// none empty, no value twice.
func options(cs []chat.Choice) []discordgo.SelectMenuOption {
	var out []discordgo.SelectMenuOption
	seen := map[string]bool{}
	for _, c := range choices(cs) {
		value := c.Value.(string)
		if !seen[value] {
			seen[value] = true
			out = append(out, discordgo.SelectMenuOption{Label: c.Name, Value: value})
		}
	}
	return out
}

// choices returns suggestions as Discord takes them: at most 25, none empty.
func choices(cs []chat.Choice) []*discordgo.ApplicationCommandOptionChoice {
	out := []*discordgo.ApplicationCommandOptionChoice{}
	for _, c := range cs {
		label := clip(inline(c.Label), 100)
		// A value is handed back as it is; one that does not fit is of no use.
		if label == "" || c.Value == "" || size(c.Value) > 100 || len(out) == 25 {
			continue
		}
		out = append(out, &discordgo.ApplicationCommandOptionChoice{Name: label, Value: c.Value})
	}
	return out
}
