package parse

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// oneLine returns s as a headline, name or other single line: markup gone,
// entities decoded as often as they were encoded, white space folded.
func oneLine(s string) string {
	if strings.IndexByte(s, '<') >= 0 && hasTag(s) {
		p := newProse(nil)
		p.flat = true
		p.markup(s)
		s = string(p.b)
	}
	s = dropMacros(unescape(s))
	if strings.IndexByte(s, '<') >= 0 && hasTag(s) { // the markup itself was escaped
		p := newProse(nil)
		p.flat = true
		p.markup(s)
		s = string(p.b)
	}
	return fold(s)
}

// fold joins the words of s with single blanks and drops what has no width.
func fold(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			gap = b.Len() > 0
			continue
		case invisible(r):
			continue
		case gap:
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// clean reports whether fold would return s as it is; ASCII only, the common
// case.
func clean(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c >= 0x7F || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return !space || s == ""
}

// invisible reports whether r is a control character or one that only hints
// at line breaks. Joiners stay: Persian and emoji need them.
func invisible(r rune) bool {
	switch r {
	case '\u00AD', '\u200B', '\u2060', '\uFEFF',
		'\u202A', '\u202B', '\u202C', '\u202D', '\u202E', '\u2066', '\u2067', '\u2068', '\u2069': // would turn round what stands beside the text
		return true
	}
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7F && r < 0xA0
}

// unescape decodes entities, twice where they were encoded twice.
func unescape(s string) string {
	if strings.IndexByte(s, '&') < 0 {
		return s
	}
	s = html.UnescapeString(s)
	if strings.IndexByte(s, '&') >= 0 && entity.MatchString(s) {
		s = html.UnescapeString(s)
	}
	return s
}

// entity matches what no text says but a text that was encoded twice.
var entity = regexp.MustCompile(`&(?:#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|quot|amp|apos|lt|gt|nbsp|[lr][ds]quo|hellip|[nm]dash|[aeiouAEIOU](?:acute|grave|uml|circ)|ccedil|ntilde|szlig|euro|pound);`)

// macro matches what a content system should have replaced, such as
// Repubblica's [[ge:rep-locali:video:1234]].
// WordPress's shortcodes and the marks of other systems go the same way.
var macro = regexp.MustCompile(`\[\[[a-zA-Z][\w-]*:[^\[\]]*\]\]|\{\{[a-zA-Z][\w:. /-]{0,60}\}\}|%%[a-zA-Z][\w:-]{0,60}%%|` +
	`\[/?(?:caption|embed|gallery|video|audio|playlist|ad|ads|widget|newsletter|shortcode|contact-form-7|liveblog_key_events)(?: +[\w-]+=[^\[\]]{0,300})?\]|\[embedded content\]`)

func dropMacros(s string) string {
	if !strings.Contains(s, "[") && !strings.Contains(s, "{{") && !strings.Contains(s, "%%") {
		return s
	}
	if out := macro.ReplaceAllString(s, ""); out != s {
		return strings.ReplaceAll(strings.ReplaceAll(out, "  ", " "), " \n", "\n")
	}
	return s
}

// hasTag reports whether s holds an HTML tag by name. "Foo <foo>" does not.
func hasTag(s string) bool {
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i+1 >= len(s) {
			return false
		}
		s = s[i+1:]
		name := strings.TrimPrefix(s, "/")
		n := 0
		for n < len(name) && n < 11 && (name[n]|0x20 >= 'a' && name[n]|0x20 <= 'z' || n > 0 && name[n] >= '0' && name[n] <= '9') {
			n++
		}
		if n == 0 || n < len(name) && strings.IndexByte(" \t\r\n/>", name[n]) < 0 {
			continue
		}
		if knownTags[strings.ToLower(name[:n])] {
			return true
		}
	}
}

var knownTags = set(`a abbr acronym address article aside audio b big blockquote body br button caption center cite
	code dd del details div dl dt em embed figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i
	iframe img ins kbd label li link main mark meta nav noscript object ol p param picture pre q s samp script section
	small source span strike strong style sub sup svg table tbody td tfoot th thead time title tr tt u ul var video wbr`)

// set makes a set of the words of s.
func set(s string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// paragraphs cleans plain text: each line that is not empty is a paragraph.
// Content systems strip tags and leave one line feed where a paragraph ended.
func paragraphs(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for line := range strings.FieldsFuncSeq(s, lineBreak) {
		line = fold(line)
		if line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(line)
	}
	return b.String()
}

// unwrapped cleans plain text that may be wrapped: empty lines part
// paragraphs.
func unwrapped(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	apart := false
	for l := range strings.Lines(s) {
		if l = fold(l); l == "" {
			apart = b.Len() > 0
			continue
		}
		switch {
		case apart:
			b.WriteString("\n\n")
		case b.Len() > 0:
			b.WriteByte(' ')
		}
		apart = false
		b.WriteString(l)
	}
	return b.String()
}

func lineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085'
}

// squeeze returns the letters and digits of s in lower case: for asking
// whether two texts say the same whatever happened to their blanks and marks.
func squeeze(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// clip returns the first n runes of s.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return s[:i]
}

// classWords splits class names into lower-case words, at hyphens,
// underscores and humps: "live-events__entryHead" is live, events, entry, head.
func classWords(class string, yield func(string) bool) {
	start := 0
	for i := 0; i <= len(class); i++ {
		if i < len(class) && isWordByte(class[i]) && (i == start || !isUpper(class[i]) || isUpper(class[i-1])) {
			continue
		}
		if i > start && !yield(strings.ToLower(class[start:i])) {
			return
		}
		start = i
		if i < len(class) && !isWordByte(class[i]) {
			start = i + 1
		}
	}
}

func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// hasClass reports whether class holds name as one of its names.
func hasClass(class, name string) bool {
	for {
		i := strings.Index(class, name)
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || class[i-1] <= ' ') && (end == len(class) || class[end] <= ' ') {
			return true
		}
		class = class[end:]
	}
}

// maxNames bounds who may have written one entry.
const maxNames = 50

// names joins bylines, without "By" and without saying anybody twice.
func names(list ...string) string {
	var out []string
	for _, s := range list[:min(len(list), maxNames)] {
		s = strings.Trim(oneLine(s), " ,;|·•")
		for _, by := range []string{"Posted by ", "Written by ", "By ", "by ", "BY ", "Por ", "Par "} {
			s = strings.TrimPrefix(s, by)
		}
		if s != "" && len(s) <= 200 && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}
