package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/width"

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
	maxText      = 8000 // graphemes of one text; what is longer is cut with "…"
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

// wrapped writes a text with a prefix before every line.
func (p *painter) wrapped(prefix, style, text string) {
	for _, l := range wrap(clean(cut(text)), p.width-cells(prefix)) {
		p.WriteString(p.styled(dim, prefix))
		p.line(style, l)
	}
}

func (p *painter) card(c chat.Card) {
	p.kicker(c)
	headline := bold
	if c.State == chat.Withdrawn {
		headline = struck
	}
	if c.Headline != "" {
		p.wrapped("  ", headline, c.Headline)
	}
	for _, q := range c.Quotes {
		p.quote(q, plain)
	}
	if len(c.Was) > 0 {
		p.wrapped("  ", dim, "An earlier version of this card quoted:")
		for _, q := range c.Was {
			p.quote(q, struck)
		}
	}
	if c.Text != "" {
		p.wrapped("  ", plain, c.Text)
	}
	if c.Image.URL != "" {
		p.wrapped("  ", dim, imageLine(c.Image))
	}
	p.footer(c)
}

// kicker writes "LIVE · Storm at the harbour · key event".
func (p *painter) kicker(c chat.Card) {
	style := map[chat.State]string{
		chat.Live: green, chat.Updated: yellow, chat.Corrected: yellow, chat.Withdrawn: red,
	}[c.State]
	s := p.styled(style, c.State.String()) + p.styled(dim, " · "+oneLine(c.Source))
	if c.Key {
		s += p.styled(dim, " · ") + p.styled(bold, "key event")
	}
	if !c.Changed.IsZero() {
		s += p.styled(dim, " · "+c.Changed.In(zone(p.opts)).Format("15:04:05"))
	}
	p.WriteString(s)
	p.blank()
}

func (p *painter) quote(q chat.Quote, style string) {
	mark := "“" + q.Text + "”"
	p.wrapped("  │ ", style, mark)
	who := q.Speaker
	if who == "" {
		who = "speaker not stated"
	}
	if q.Role != "" {
		who += ", " + q.Role
	}
	p.wrapped("  │ ", italic, "— "+who)
}

func imageLine(i chat.Image) string {
	s := "[image"
	if i.Alt != "" {
		s += ": " + i.Alt
	}
	if i.Credit != "" {
		s += " (" + i.Credit + ")"
	}
	return s + "]"
}

// footer writes byline, time and address.
func (p *painter) footer(c chat.Card) {
	var parts []string
	if c.Byline != "" {
		parts = append(parts, oneLine(c.Byline))
	}
	if !c.Time.IsZero() {
		parts = append(parts, c.Time.In(zone(p.opts)).Format("15:04:05, 2 Jan 2006"))
	}
	if len(parts) > 0 {
		p.wrapped("  ", dim, strings.Join(parts, " · "))
	}
	if c.URL != "" {
		p.line(dim, "  "+oneLine(c.URL))
	}
}

func (p *painter) reply(r chat.Reply) {
	if r.Title != "" {
		p.line(bold, oneLine(r.Title))
	}
	for l := range strings.Lines(r.Text) {
		p.wrapped("", plain, strings.TrimRight(l, "\n"))
	}
	for _, c := range r.Items {
		p.card(c)
	}
	if r.Note != "" {
		p.wrapped("", dim, r.Note)
	}
	for i, b := range r.Buttons {
		p.line(dim, fmt.Sprintf("[%s] %s", strconv.Itoa(i+1), oneLine(b.Label)))
	}
	p.blank()
}

// clean drops what a terminal would act on instead of showing it: controls,
// escapes, and the characters that change direction or hide (Unicode Bidi_Control
// and zero-width ones, but for the joiners that some scripts need). New lines stay.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\u200c', r == '\u200d':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u200b', r == '\ufeff', r == unicode.ReplacementChar,
			r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// oneLine cleans s and folds its white space.
func oneLine(s string) string { return strings.Join(strings.Fields(clean(cut(s))), " ") }

// cut shortens a text that is longer than anything worth printing.
func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	g := graphemes.FromString(s)
	for n := 0; g.Next(); n++ {
		if n == maxText {
			return s[:g.Start()] + "…"
		}
	}
	return s
}

// wrap breaks a text into lines of at most n cells, between words where it
// can, between graphemes where it must. Empty lines of the text are kept.
func wrap(text string, n int) []string {
	var lines []string
	for par := range strings.SplitSeq(text, "\n") {
		line, used := "", 0
		indent := par[:len(par)-len(strings.TrimLeft(par, " "))]
		for i, word := range strings.Fields(par) {
			if i == 0 {
				word = indent + word
			}
			w := cells(word)
			if used > 0 && used+1+w > n {
				lines = append(lines, line)
				line, used = "", 0
			}
			if used > 0 {
				line, used = line+" ", used+1
			}
			for used+w > n {
				head, rest := split(word, n-used)
				lines = append(lines, line+head)
				line, used, word, w = "", 0, rest, cells(rest)
			}
			line, used = line+word, used+w
		}
		lines = append(lines, line)
	}
	return lines
}

// split cuts a word after at most n cells, but at least one grapheme.
func split(word string, n int) (head, rest string) {
	g := graphemes.FromString(word)
	used := 0
	for g.Next() {
		w := graphemeCells(g.Value())
		if used+w > n && g.Start() > 0 {
			return word[:g.Start()], word[g.Start():]
		}
		used += w
	}
	return word, ""
}

// cells returns how many columns of a terminal a text takes.
func cells(s string) (n int) {
	g := graphemes.FromString(s)
	for g.Next() {
		n += graphemeCells(g.Value())
	}
	return n
}

// graphemeCells is 2 for East Asian wide characters and emoji (Unicode UAX 11),
// else 1.
func graphemeCells(g string) int {
	for _, r := range g {
		if r == '\ufe0f' {
			return 2 // emoji presentation
		}
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			return 2
		}
	}
	return 1
}
