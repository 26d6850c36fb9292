package console

import (
	"strings"
	"unicode"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/text/width"

	"github.com/pullquote/pullquote/bot/chat"
)

// clean drops what a terminal would act on instead of showing it, and bytes that
// are no text.
func clean(s string) string { return strings.ReplaceAll(chat.Clean(s), "\uFFFD", "") }

// oneLine cleans s, folds its white space and cuts it.
func oneLine(s string, limit int) string {
	return cut(strings.Join(strings.Fields(clean(s)), " "), limit)
}

// paragraphs cleans and cuts a text whose lines count. No more than one line
// in a row stays empty, and none at either end.
func paragraphs(s string, limit int) string {
	var b strings.Builder
	empty := true
	for l := range strings.SplitSeq(clean(s), "\n") {
		l = strings.TrimRightFunc(l, unicode.IsSpace)
		if l == "" && empty {
			continue
		}
		empty = l == ""
		b.WriteString(l + "\n")
	}
	return cut(strings.TrimRight(b.String(), "\n"), limit)
}

// cut shortens s to at most limit graphemes, the last of them "…".
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	g := graphemes.FromString(s)
	end := 0
	for n := 1; g.Next(); n++ {
		if n == limit {
			end = g.Start()
		}
		if n > limit {
			return strings.TrimRightFunc(s[:end], unicode.IsSpace) + "…"
		}
	}
	return s
}

// wrap breaks a text into lines of at most n cells, between words where it
// can, between graphemes where it must. An address stays whole, for terminals
// that make links. A line's indentation is kept, and empty lines are.
func wrap(text string, n int) []string {
	var lines []string
	for par := range strings.SplitSeq(text, "\n") {
		in := par[:len(par)-len(strings.TrimLeft(par, " "))]
		if len(in) > n/2 {
			in = ""
		}
		w := wrapper{width: n, indent: in}
		for word := range strings.FieldsSeq(par) {
			w.add(word)
		}
		lines = append(lines, w.end()...)
	}
	return lines
}

// A wrapper breaks one paragraph.
type wrapper struct {
	width  int
	indent string
	lines  []string
	line   strings.Builder
	used   int // cells of line; 0 before its first word
}

func (w *wrapper) add(word string) {
	c := cells(word)
	if w.used > 0 && w.used+1+c > w.width {
		w.flush()
	}
	if w.used > 0 {
		w.put(" ", 1)
	}
	address := strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
	for !address && w.start()+c > w.width {
		head, rest := split(word, w.width-w.start())
		if rest == "" {
			break // one grapheme that is wider than the line
		}
		w.put(head, cells(head))
		w.flush()
		word, c = rest, cells(rest)
	}
	w.put(word, c)
}

// start is where the next word begins.
func (w *wrapper) start() int {
	if w.used == 0 {
		return len(w.indent)
	}
	return w.used
}

func (w *wrapper) put(s string, c int) {
	if w.used == 0 {
		w.line.WriteString(w.indent)
		w.used = len(w.indent)
	}
	w.line.WriteString(s)
	w.used += c
}

func (w *wrapper) flush() {
	w.lines = append(w.lines, w.line.String())
	w.line.Reset()
	w.used = 0
}

// end returns the lines, at least one.
func (w *wrapper) end() []string {
	if w.used > 0 || len(w.lines) == 0 {
		w.flush()
	}
	return w.lines
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
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

// cells returns how many columns of a terminal a clean text takes.
func cells(s string) (n int) {
	if isASCII(s) {
		return len(s)
	}
	g := graphemes.FromString(s)
	for g.Next() {
		n += graphemeCells(g.Value())
	}
	return n
}

// graphemeCells is 2 for East Asian wide characters and emoji (Unicode UAX 11;
// flags and emoji presentation by UTS 51), else 1.
func graphemeCells(g string) int {
	if len(g) == 1 {
		return 1
	}
	for _, r := range g {
		if r == 0xFE0F || r >= 0x1F1E6 && r <= 0x1F1FF {
			return 2
		}
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			return 2
		}
	}
	return 1
}
