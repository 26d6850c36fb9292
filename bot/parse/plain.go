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
	var cur []string
	flush := func() {
		if len(cur) == 0 {
			return
		}
		if len(cur) > 1 && headsBlock(cur) {
			blocks = append(blocks, cur[0])
			cur = cur[1:]
		}
		blocks = append(blocks, strings.Join(cur, " "))
		cur = nil
	}
	for l := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(s)) {
		l = fold(l)
		if l == "" {
			flush()
			continue
		}
		cur = append(cur, l)
	}
	flush()
	return blocks
}

// headsBlock reports whether the first line of a block without blank lines is
// a headline over text, not the first line of wrapped text.
func headsBlock(lines []string) bool {
	if _, ok := readClock(lines[0]); ok {
		return true
	}
	if strings.HasPrefix(lines[0], "#") {
		return true
	}
	next, _ := utf8.DecodeRuneInString(lines[1])
	return looksLikeHeadline(lines[0]) && len(lines[0]) < 60 && len(lines[1]) > len(lines[0])+15 && !unicode.IsLower(next) && endsSentence(strings.Join(lines, " "))
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

// textEntries groups paragraphs under their headlines. Headlines above the
// first that has text of its own name the page.
func (d *document) textEntries(blocks []string) (entries []news.Entry, title string) {
	var clocks []clock
	day := dayState{}
	for i, b := range blocks {
		if loadsMore(b) && len(entries) > 0 || len(entries) == maxEntries {
			break
		}
		b = strings.TrimSpace(strings.TrimLeft(b, "#"))
		if day.heading(b, d) {
			continue
		}
		c, timed := readClock(b)
		headline := looksLikeHeadline(b)
		switch {
		case timed:
			e := news.Entry{}
			if rest := b[c.len:]; looksLikeHeadline(rest) {
				e.Headline = rest
			} else {
				e.Body = rest
			}
			entries, clocks = append(entries, e), append(clocks, c)
			day.mark(len(entries) - 1)
		case headline && fillsHeadline(entries):
			entries[len(entries)-1].Headline = b
		case headline && i+1 < len(blocks) && !looksLikeHeadline(blocks[i+1]) && !loadsMore(blocks[i+1]):
			entries, clocks = append(entries, news.Entry{Headline: b}), append(clocks, clock{})
			day.mark(len(entries) - 1)
		case len(entries) == 0:
			if title == "" && headline {
				title = b
			}
		case isCaption(b):
		default:
			addParagraph(&entries[len(entries)-1], b)
		}
	}
	day.date(d, entries, clocks)
	return entries, title
}

// fillsHeadline reports whether the last entry is a bare time so far.
func fillsHeadline(entries []news.Entry) bool {
	n := len(entries)
	return n > 0 && entries[n-1].Headline == "" && entries[n-1].Body == ""
}

func addParagraph(e *news.Entry, s string) {
	if m := reports.FindStringSubmatch(s); m != nil && e.Author == "" {
		e.Author = m[1]
	}
	if e.Body != "" {
		e.Body += "\n\n"
	}
	e.Body += s
}
