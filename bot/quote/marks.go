package quote

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A region is a stretch of one paragraph between quotation marks.
type region struct {
	open, end   int32 // from the opening mark to after the closing one
	start, stop int32 // inside the marks, blanks trimmed
	par         int32
	tok         int32 // its token
	single      bool  // marked by single quotes
	openEnded   bool  // no closing mark before the paragraph ends
	block       bool  // a whole paragraph without marks, above an attribution line
}

// maxSingle is how far a single-quoted stretch may reach, in bytes. Longer
// ones are apostrophes that happened to look like marks.
const maxSingle = 1200

// A markKind is what a quotation mark does where it stands.
type markKind uint8

const (
	noMark      markKind = iota
	straight             // " or '' or ``, opening or closing by its neighbours
	curlyOpen            // “
	curlyClose           // ”
	low                  // „ opens; closed by “ or ”
	guilOpen             // «
	guilClose            // »
	apostrophe           // '
	singleOpen           // ‘ or ‚
	singleClose          // ’
)

// markAt returns the mark that starts at text[i] and its length in bytes.
func markAt(text string, i int) (markKind, int) {
	switch text[i] {
	case '"':
		return straight, 1
	case '\'':
		if i+1 < len(text) && text[i+1] == '\'' {
			return straight, 2
		}
		return apostrophe, 1
	case '`':
		if i+1 < len(text) && text[i+1] == '`' {
			return straight, 2
		}
		return noMark, 1
	case 0xC2:
		if i+1 < len(text) {
			switch text[i+1] {
			case 0xAB:
				return guilOpen, 2
			case 0xBB:
				return guilClose, 2
			}
		}
	case 0xE2:
		if i+2 < len(text) && text[i+1] == 0x80 {
			return generalMark(text[i+2])
		}
	}
	return noMark, 1
}

// generalMark reads the last byte of a mark in the block General Punctuation.
func generalMark(b byte) (markKind, int) {
	switch b {
	case 0x9C, 0x9F: // “ ‟
		return curlyOpen, 3
	case 0x9D:
		return curlyClose, 3
	case 0x9E:
		return low, 3
	case 0x98, 0x9A, 0x9B: // ‘ ‚ ‛
		return singleOpen, 3
	case 0x99:
		return singleClose, 3
	case 0xB9: // ‹
		return singleOpen, 3
	case 0xBA: // ›
		return singleClose, 3
	}
	return noMark, 1
}

// A pairer finds the regions of one paragraph. Its work is linear: it never
// goes back behind a mark it has passed, but for single quotes, whose reach is
// bounded.
type pairer struct {
	text    string
	par     int32
	regs    []region
	openers int // “ still ahead in the paragraph
	closers int // ” still ahead
}

// pair appends the regions of text[from:to] to regs.
func pair(text string, from, to int, par int32, regs []region) []region {
	p := pairer{text: text[:to], par: par, regs: regs}
	body := text[from:to]
	p.openers = strings.Count(body, "“")
	p.closers = strings.Count(body, "”")
	for i := from; i < to; {
		c := text[i]
		if c != '"' && c != '\'' && c != '`' && c != 0xC2 && c != 0xE2 {
			i++
			continue
		}
		kind, n := markAt(p.text, i)
		if kind == noMark {
			i += n
			continue
		}
		i = p.mark(kind, i, n, from)
	}
	return p.regs
}

// mark handles the mark at i and returns where to go on.
func (p *pairer) mark(kind markKind, i, n, from int) int {
	switch kind {
	case straight:
		if !p.opens(i, n, from) {
			return i + n
		}
		return p.double(kind, i, n)
	case curlyOpen:
		p.openers--
		return p.double(kind, i, n)
	case low, guilOpen:
		return p.double(kind, i, n)
	case curlyClose:
		p.closers--
		return i + n
	case guilClose: // »so in Germany«
		if p.opens(i, n, from) {
			return p.double(kind, i, n)
		}
	case apostrophe, singleOpen:
		return p.single(kind, i, n, from)
	}
	return i + n
}

// opens reports whether the mark at i stands where only an opening one can.
func (p *pairer) opens(i, n, from int) bool {
	next, _ := utf8.DecodeRuneInString(p.text[i+n:])
	if i+n >= len(p.text) || unicode.IsSpace(next) {
		return false
	}
	if i == from {
		return true
	}
	prev, _ := utf8.DecodeLastRuneInString(p.text[:i])
	return unicode.IsSpace(prev) || strings.ContainsRune("([{-–—:;,/'‘“>|*…", prev)
}

// double finds the end of the region that the double mark at i opens.
func (p *pairer) double(kind markKind, i, n int) int {
	depth := 0
	for j := i + n; j < len(p.text); {
		c := p.text[j]
		if c != '"' && c != '\'' && c != '`' && c != 0xC2 && c != 0xE2 {
			j++
			continue
		}
		k, m := markAt(p.text, j)
		switch k {
		case curlyOpen:
			p.openers--
		case curlyClose:
			p.closers--
		}
		act := action(kind, k)
		if k == curlyOpen && act != closes && p.closesByPlace(j, m) {
			act = closes
		}
		switch act {
		case closes:
			if depth == 0 {
				p.add(i, n, j, j+m, false, false)
				return j + m
			}
			depth--
		case nests:
			if kind == curlyOpen && p.closers <= p.openers+1 {
				// The first mark was never closed: end it here.
				p.openers++
				p.add(i, n, j, j, false, true)
				return j
			}
			depth++
		case either:
			// A straight mark that looks like an opening one ends what is
			// open; whether it opens something itself is seen next.
			if p.opens(j, m, i) && p.spaceBefore(j) {
				p.add(i, n, j, j, false, true)
				return j
			}
			p.add(i, n, j, j+m, false, false)
			return j + m
		}
		j += m
	}
	p.add(i, n, len(p.text), len(p.text), false, true)
	return len(p.text)
}

// closesByPlace reports whether an opening mark at j stands where only a
// closing one can: some newsrooms close with “ too.
func (p *pairer) closesByPlace(j, m int) bool {
	return !p.spaceBefore(j) && (j+m >= len(p.text) || p.spaceAfter(j+m) || strings.IndexByte(",.;:", p.text[j+m]) >= 0)
}

func (p *pairer) spaceBefore(i int) bool {
	prev, _ := utf8.DecodeLastRuneInString(p.text[:i])
	return unicode.IsSpace(prev)
}

// An effect is what a mark does to an open region.
type effect uint8

const (
	nothing effect = iota
	closes
	nests
	either // straight marks close, or open where they look like it
)

// action returns what the mark inner does inside a region opened by outer.
func action(outer, inner markKind) effect {
	switch outer {
	case straight:
		switch inner {
		case straight:
			return either
		case curlyClose:
			return closes
		}
	case curlyOpen:
		switch inner {
		case curlyClose:
			return closes
		case curlyOpen:
			return nests // unless it stands where only a closing mark can
		case straight:
			return either
		}
	case low:
		switch inner {
		case curlyOpen, curlyClose, straight:
			return closes
		case low:
			return nests
		}
	case guilOpen:
		switch inner {
		case guilClose:
			return closes
		case guilOpen:
			return nests
		}
	case guilClose:
		if inner == guilOpen {
			return closes
		}
	}
	return nothing
}

// notOpened are words that begin with an apostrophe.
var notOpened = []string{"90s", "80s", "70s", "60s", "50s", "40s", "30s", "20s", "tis", "twas", "til", "till", "em", "n", "cause", "bout", "round", "cos"}

// single finds the region that the single mark at i opens, if it opens one.
func (p *pairer) single(kind markKind, i, n, from int) int {
	if kind == apostrophe && (!p.opensSingle(i, n, from) || p.year(i+n)) || i+n >= len(p.text) {
		return i + n
	}
	if kind == singleOpen && (p.spaceAfter(i+n) || p.year(i+n)) {
		return i + n
	}
	limit := min(len(p.text), i+maxSingle)
	plural := -1
	for j := i + n; j < limit; {
		c := p.text[j]
		if c != '"' && c != '\'' && c != '`' && c != 0xC2 && c != 0xE2 {
			j++
			continue
		}
		k, m := markAt(p.text, j)
		switch k {
		case straight, curlyOpen, low, guilOpen:
			if plural >= 0 {
				break
			}
			return i + n
		case apostrophe, singleClose:
			if !p.closesSingle(j, m) {
				if k == apostrophe && p.spaceBefore(j) && p.opensSingle(j, m, from) {
					return i + n // another one opens: this was an apostrophe
				}
				break
			}
			if c := p.text[j-1]; c == 's' && p.text[j+m:] != "" && p.text[j+m] == ' ' && p.closerAhead(j+m, limit) {
				// "the drivers' lot" inside single marks.
				if plural < 0 {
					plural = j
				}
				break
			}
			p.add(i, n, j, j+m, true, false)
			return j + m
		}
		j += m
	}
	return i + n
}

// year reports whether two digits and no more stand at i: ’08.
func (p *pairer) year(i int) bool {
	digit := func(k int) bool { return k < len(p.text) && '0' <= p.text[k] && p.text[k] <= '9' }
	return digit(i) && digit(i+1) && !digit(i+2)
}

func (p *pairer) spaceAfter(i int) bool {
	next, _ := utf8.DecodeRuneInString(p.text[i:])
	return unicode.IsSpace(next)
}

func (p *pairer) opensSingle(i, n, from int) bool {
	rest := p.text[i+n:]
	next, _ := utf8.DecodeRuneInString(rest)
	if !unicode.IsLetter(next) && !unicode.IsDigit(next) && !strings.ContainsRune("£$€[\"“…", next) {
		return false
	}
	if i > from {
		prev, _ := utf8.DecodeLastRuneInString(p.text[:i])
		if !unicode.IsSpace(prev) && !strings.ContainsRune("([:;,-–—/", prev) {
			return false
		}
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		return false
	}
	for _, w := range notOpened {
		if strings.EqualFold(rest[:end], w) && (w == "n" || rest[end] != '\'' && rest[end] != 0xE2) {
			return false
		}
	}
	return true
}

func (p *pairer) closesSingle(j, m int) bool {
	prev, _ := utf8.DecodeLastRuneInString(p.text[:j])
	if unicode.IsSpace(prev) {
		return false
	}
	next, size := utf8.DecodeRuneInString(p.text[j+m:])
	return size == 0 || !unicode.IsLetter(next) && !unicode.IsDigit(next)
}

// closerAhead reports whether a closing single mark follows before any other
// opening one.
func (p *pairer) closerAhead(from, limit int) bool {
	for j := from; j < limit; {
		c := p.text[j]
		if c != '"' && c != '\'' && c != 0xC2 && c != 0xE2 {
			j++
			continue
		}
		k, m := markAt(p.text, j)
		switch k {
		case singleOpen, straight, curlyOpen:
			return false
		case apostrophe, singleClose:
			if k == apostrophe && p.opensSingle(j, m, 0) {
				return false
			}
			if p.closesSingle(j, m) {
				return true
			}
		}
		j += m
	}
	return false
}

// add appends the region opened by the n bytes at i; its inside ends at stop
// and the whole at end. A region without a letter or digit is none.
func (p *pairer) add(i, n, stop, end int, single, openEnded bool) {
	start := i + n
	for start < stop && isBlank(p.text[start]) {
		start++
	}
	for stop > start && isBlank(p.text[stop-1]) {
		stop--
	}
	// French marks keep a no-break space inside.
	inside := strings.TrimFunc(p.text[start:stop], unicode.IsSpace)
	if inside == "" {
		return
	}
	start += strings.Index(p.text[start:stop], inside)
	stop = start + len(inside)
	if strings.IndexFunc(inside, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
		return
	}
	p.regs = append(p.regs, region{
		open: int32(i), end: int32(end), start: int32(start), stop: int32(stop),
		par: p.par, single: single, openEnded: openEnded,
	})
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// attributionLine reports whether line is a dash, a name of two words or more
// and what the person is: – Ada Bell, harbour master.
func attributionLine(line string) bool {
	rest := line
	for _, dash := range []string{"—", "–", "―", "--", "-"} {
		if rest = strings.TrimPrefix(line, dash); len(rest) < len(line) {
			break
		}
	}
	if len(rest) == len(line) || len(rest) > 140 {
		return false
	}
	name, role, ok := strings.Cut(strings.TrimSpace(rest), ",")
	if !ok || strings.TrimSpace(role) == "" || strings.IndexFunc(role, unicode.IsDigit) >= 0 {
		return false
	}
	words := 0
	for w := range strings.FieldsSeq(name) {
		if r, _ := utf8.DecodeRuneInString(w); !unicode.IsUpper(r) {
			return false
		}
		words++
	}
	return words >= 2 && words <= 5
}
