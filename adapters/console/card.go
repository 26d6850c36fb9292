package console

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// ANSI styles (ECMA-48 "Select graphic rendition").
const (
	plain  = ""
	bold   = "1"
	dim    = "2"
	italic = "3"
	struck = "9"
	red    = "1;31"
	green  = "1;32"
	yellow = "1;33"
)

const (
	defaultWidth = 80
	minWidth     = 20

	indent = "  "
	bar    = "  │ " // of words that stand
	gap    = "  ┊ " // of words that no longer do
	bay    = "    " // before all lines of a card in a thread

	clock = "15:04:05"
)

// What one card shows at most, so that no source can fill a terminal.
const (
	maxText   = 4000 // graphemes of a text or quote
	maxLine   = 600  // of a headline or another single line
	maxName   = 160  // of a source, speaker or role
	maxQuotes = 10   // that stand, and as many that do not
	maxItem   = 240  // of a text in an answer's list
)

// Render returns a card as the console prints it, with a new line at its end.
func Render(card chat.Card, o Options) string {
	p := newPainter(o)
	p.card(card)
	return p.String()
}

// A painter collects lines.
type painter struct {
	strings.Builder
	opts  Options
	width int
}

func newPainter(o Options) *painter {
	w := o.Width
	if w == 0 {
		w = defaultWidth
	}
	return &painter{opts: o, width: max(w, minWidth)}
}

func zone(o Options) *time.Location {
	if o.Zone == nil {
		return time.UTC
	}
	return o.Zone
}

// shows reports whether a time is one that a reader can make sense of.
func shows(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9999 }

func (p *painter) styled(style, s string) string {
	if !p.opts.Colour || style == plain || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p *painter) blank() { p.WriteByte('\n') }

func (p *painter) line(style, s string) {
	p.WriteString(p.styled(style, s))
	p.blank()
}

// wrapped writes a clean text with a prefix before every line.
func (p *painter) wrapped(prefix, style, text string) {
	p.hanging(prefix, prefix, style, text)
}

// hanging is wrapped with another prefix before the first line.
func (p *painter) hanging(first, prefix, style, text string) {
	if text == "" {
		return
	}
	for i, l := range wrap(text, p.width-cells(prefix)) {
		before := prefix
		if i == 0 {
			before = first
		}
		if l == "" {
			p.line(dim, strings.TrimRight(before, " "))
			continue
		}
		if strings.TrimSpace(before) != "" {
			before = p.styled(dim, before)
		}
		p.WriteString(before)
		p.line(style, l)
	}
}

func (p *painter) card(c chat.Card) {
	switch c.Form {
	case chat.HeadForm, chat.RollupForm, chat.ClosingForm, chat.NoteForm, chat.NoticeForm:
		p.form(c)
		return
	}
	p.kick(c.State.String(), stateStyles[c.State], c)
	p.wrapped(indent, headStyle(c), oneLine(c.Headline, maxLine))
	quotes, text := bar, indent
	if c.State == chat.Withdrawn {
		p.wrapped(indent, dim, "The source has taken this back.")
		quotes, text = gap, gap
	}
	p.quotes(quotes, c.Quotes)
	if len(c.Was) > 0 {
		p.wrapped(indent, dim, "Said before, and no longer stands:")
		p.quotes(gap, c.Was)
	}
	p.wrapped(text, textStyle(c), paragraphs(c.Text, maxText))
	p.wrapped(indent, dim, imageLine(c.Image))
	p.footer(c)
}

func headStyle(c chat.Card) string {
	if c.State == chat.Withdrawn {
		return struck
	}
	return bold
}

func textStyle(c chat.Card) string {
	if c.State == chat.Withdrawn {
		return struck
	}
	return plain
}

// stateStyles are the colours of the states.
var stateStyles = map[chat.State]string{
	chat.Live: green, chat.Updated: yellow, chat.Corrected: yellow, chat.Withdrawn: red,
}

// kick writes "LIVE · Storm at the harbour · key event · 14:02:42".
func (p *painter) kick(word, style string, c chat.Card) {
	s := p.styled(style, word)
	if src := oneLine(c.Source, maxName); src != "" {
		s += p.styled(dim, " · "+src)
	}
	if c.Key {
		s += p.styled(dim, " · ") + p.styled(bold, "key event")
	}
	if shows(c.Changed) {
		s += p.styled(dim, " · "+c.Changed.In(zone(p.opts)).Format(clock))
	}
	p.line(plain, s)
}

func (p *painter) quotes(prefix string, qs []chat.Quote) {
	for i, q := range qs {
		if i == maxQuotes {
			p.line(dim, fmt.Sprintf("%s… and %d more", indent, len(qs)-i))
			return
		}
		p.quote(prefix, q)
	}
}

func (p *painter) quote(prefix string, q chat.Quote) {
	text := paragraphs(q.Text, maxText)
	if text == "" {
		return
	}
	style := plain
	if prefix == gap {
		style = struck
	}
	p.wrapped(prefix, style, "“"+text+"”")
	who := oneLine(q.Speaker, maxName)
	if who == "" {
		who = "speaker not stated"
	}
	if role := oneLine(q.Role, maxName); role != "" {
		who += ", " + role
	}
	p.wrapped(prefix, italic, "— "+who)
}

func imageLine(i chat.Image) string {
	if i.URL == "" {
		return ""
	}
	s := "[image"
	if alt := oneLine(i.Alt, maxLine); alt != "" {
		s += ": " + alt
	}
	if credit := oneLine(i.Credit, maxName); credit != "" {
		s += " (" + credit + ")"
	}
	return s + "]"
}

// footer writes byline, time and address.
func (p *painter) footer(c chat.Card) {
	var parts []string
	if by := oneLine(c.Byline, maxLine); by != "" {
		parts = append(parts, by)
	}
	if shows(c.Time) {
		parts = append(parts, c.Time.In(zone(p.opts)).Format(clock+", 2 Jan 2006"))
	}
	p.wrapped(indent, dim, strings.Join(parts, " · "))
	if u := webURL(c.URL); u != "" {
		p.line(dim, indent+u)
	}
}

// webURL returns an address that a terminal may make a link of, "" for any
// other.
func webURL(raw string) string {
	const maxURL = 4096
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || oneLine(raw, maxURL) != raw {
		return ""
	}
	return raw
}

func (p *painter) reply(r chat.Reply) {
	p.wrapped("", bold, oneLine(r.Title, maxLine))
	p.wrapped("", plain, paragraphs(r.Text, maxText))
	for _, c := range r.Items {
		p.item(c)
	}
	p.wrapped("", dim, oneLine(r.Note, maxLine))
	for i, c := range choices(r) {
		if c.under != "" {
			p.line(dim, oneLine(c.under, maxName))
		}
		p.line(dim, fmt.Sprintf("[%d] %s", i+1, oneLine(c.label, maxName)))
	}
	p.blank()
}

// item writes a card in a few lines: headline, the best quote or a little
// text, and where it comes from.
func (p *painter) item(c chat.Card) {
	p.hanging("· ", indent, headStyle(c), oneLine(c.Headline, maxLine))
	switch {
	case len(c.Quotes) > 0 && c.State == chat.Withdrawn:
		p.quote(gap, c.Quotes[0])
	case len(c.Quotes) > 0:
		p.quote(bar, c.Quotes[0])
	default:
		p.wrapped(indent, textStyle(c), oneLine(c.Text, maxItem))
	}
	var parts []string
	if c.State != chat.Live {
		parts = append(parts, c.State.String())
	}
	if src := oneLine(c.Source, maxName); src != "" {
		parts = append(parts, src)
	}
	if shows(c.Time) {
		parts = append(parts, c.Time.In(zone(p.opts)).Format(clock+", 2 Jan 2006"))
	}
	p.wrapped(indent, dim, strings.Join(parts, " · "))
	if u := webURL(c.URL); u != "" {
		p.line(dim, indent+u)
	}
}
