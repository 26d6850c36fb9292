package parse

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// Plain text, as copied from a live page: paragraphs between blank lines, a
// bare line without a full stop is a headline, what follows until the next one
// is its entry. There are no ids and mostly no times.

func sniffText(d *document) bool {
	return d.head != "" && d.head[0] != '{' && d.head[0] != '[' && !d.isMarkup() && d.root() == ""
}

func parseText(d *document) (reading, error) {
	var r reading
	entries, title := d.textEntries(blocksOfText(d.head))
	if len(entries) < 2 {
		return r, refusal("has no lines that head at least two entries")
	}
	r.Entries, r.Title = entries, title
	r.URL = d.URL
	return r, nil
}

// blocksOfText splits text at blank lines; lines within a block are joined,
// hard-wrapped text is common in mail and terminals. A short line that ends
// like a headline above a sentence stays apart.
func blocksOfText(s string) []string {
	var blocks []string
	var b textBlock
	for l := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(s)) {
		if l = fold(l); l != "" {
			b.add(l)
			continue
		}
		blocks = b.flush(blocks)
	}
	return b.flush(blocks)
}

// A textBlock is a run of lines without a blank one.
type textBlock struct {
	first, second string
	rest          strings.Builder // all but the first, joined
	n             int
}

func (b *textBlock) add(l string) {
	switch b.n {
	case 0:
		b.first = l
	case 1:
		b.second = l
	default:
		b.rest.WriteByte(' ')
	}
	if b.n > 0 {
		b.rest.WriteString(l)
	}
	b.n++
}

// flush appends what the lines make, and begins the next block.
func (b *textBlock) flush(blocks []string) []string {
	switch {
	case b.n == 0:
	case b.n == 1:
		blocks = append(blocks, b.first)
	case b.headed():
		blocks = append(blocks, b.first, b.rest.String())
	default:
		blocks = append(blocks, b.first+" "+b.rest.String())
	}
	*b = textBlock{}
	return blocks
}

// headed reports whether the first line of a block without blank lines is a
// headline over text, not the first line of wrapped text.
func (b *textBlock) headed() bool {
	if _, ok := readClock(b.first); ok || strings.HasPrefix(b.first, "#") {
		return true
	}
	next, _ := utf8.DecodeRuneInString(b.second)
	return looksLikeHeadline(b.first) && len(b.first) < 60 && len(b.second) > len(b.first)+15 && !unicode.IsLower(next) && endsSentence(b.rest.String())
}

// maxHeadline is the length in runes from which a line is text.
const maxHeadline = 120

// looksLikeHeadline reports whether a paragraph is a headline: one short line
// that no full stop ends.
func looksLikeHeadline(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > maxHeadline || strings.ContainsRune(s, '\n') || isCaption(s) {
		return false
	}
	first, _ := utf8.DecodeRuneInString(s)
	if first == '•' || first == '–' || first == '—' {
		return false
	}
	return !endsSentence(s) && !strings.HasSuffix(s, ",") && !strings.HasSuffix(s, ";")
}

// endsSentence reports whether s ends as a sentence does, quotation marks
// aside. A question mark or an ellipsis may end a headline.
func endsSentence(s string) bool {
	t := strings.TrimRight(s, "\"'”’»“)] ")
	if t == "" {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(t)
	switch last {
	case '.', ':', '!', '。', '…', '؟', '।':
		return true
	case '?':
		return len(t) != len(s) // “… sure?” she asked is text; a bare question may be a headline
	}
	// "…find out what action was being taken," she said. handled above; a comma
	// before the closing mark is the middle of one.
	return strings.HasSuffix(t, ",")
}

var captionCredit = regexp.MustCompile(`\b(?:Credit|Photo|Photograph|Image|Picture|Foto|Bild): ?\S`)

// isCaption reports whether a paragraph is the caption of a picture.
func isCaption(s string) bool { return len(s) < 400 && captionCredit.MatchString(s) }

// reports matches "ITV News Producer Jo Bloggs reports from Leeds:", which
// stood above a video. It is kept, and names the author.
var reports = regexp.MustCompile(`^(.{3,100}?) (?:reports|berichtet|writes|has the story|has more)\b[^:.!?]{0,60}:$`)

// A textReader groups paragraphs under their headlines.
type textReader struct {
	entries []news.Entry
	clocks  []clock
	day     dayState
	pars    []string // the text of the last entry
	size    int      // of pars, in bytes
}

// textEntries reads paragraphs as entries. Headlines above the first that has
// text of its own name the page.
func (d *document) textEntries(blocks []string) (entries []news.Entry, title string) {
	var t textReader
	for i, b := range blocks {
		if loadsMore(b) && len(t.entries) > 0 || len(t.entries) == d.most() {
			break
		}
		b = strings.TrimSpace(strings.TrimLeft(b, "#"))
		if t.day.heading(b, d) {
			continue
		}
		c, timed := readClock(b)
		headline := looksLikeHeadline(b)
		switch {
		case timed:
			t.timed(b[c.len:], c)
		case headline && t.lacksHeadline():
			t.entries[len(t.entries)-1].Headline = b
		case headline && i+1 < len(blocks) && !looksLikeHeadline(blocks[i+1]) && !loadsMore(blocks[i+1]):
			t.begin(news.Entry{Headline: b}, clock{})
		case len(t.entries) == 0:
			if title == "" && headline {
				title = b
			}
		case isCaption(b):
		default:
			t.paragraph(b)
		}
	}
	t.end()
	t.day.date(d, t.entries, t.clocks)
	return t.entries, title
}

// timed begins an entry with the words that follow a time of day.
func (t *textReader) timed(rest string, c clock) {
	if looksLikeHeadline(rest) {
		t.begin(news.Entry{Headline: rest}, c)
		return
	}
	t.begin(news.Entry{}, c)
	if rest != "" {
		t.pars, t.size = append(t.pars, rest), len(rest)
	}
}

func (t *textReader) begin(e news.Entry, c clock) {
	t.end()
	t.entries, t.clocks = append(t.entries, e), append(t.clocks, c)
	t.day.mark(len(t.entries) - 1)
}

// end gives the last entry its text.
func (t *textReader) end() {
	if n := len(t.entries); n > 0 {
		t.entries[n-1].Body = strings.Join(t.pars, "\n\n")
	}
	t.pars, t.size = t.pars[:0], 0
}

// lacksHeadline reports whether the last entry is a bare time so far.
func (t *textReader) lacksHeadline() bool {
	n := len(t.entries)
	return n > 0 && t.entries[n-1].Headline == "" && len(t.pars) == 0
}

func (t *textReader) paragraph(s string) {
	e := &t.entries[len(t.entries)-1]
	if m := reports.FindStringSubmatch(s); m != nil && e.Author == "" {
		e.Author = m[1]
	}
	if t.size <= maxText { // what is longer is clipped
		t.pars, t.size = append(t.pars, s), t.size+len(s)
	}
}
