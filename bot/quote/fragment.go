package quote

import (
	"strings"
	"unicode/utf8"
)

// Fragments: whole up to this many words, beyond it by their first and last
// few. A short directive survives a page that breaks the quote with a link or
// a soft hyphen; an exact one finds nothing then.
const (
	wholeFragment = 8
	edgeFragment  = 4
)

// Fragment returns the text directive that makes a browser scroll to text in
// the page that holds it, to be appended to the page's address after removing
// its own fragment: "#:~:text=…" (https://wicg.github.io/scroll-to-text-fragment/).
// Long texts become a range of their first and last words. The result is ""
// for a text without words; it holds only characters that a URL may.
func Fragment(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("#:~:text=")
	if len(words) <= wholeFragment {
		escapeTo(&b, strings.Join(words, " "))
		return b.String()
	}
	escapeTo(&b, strings.Join(words[:edgeFragment], " "))
	b.WriteByte(',')
	escapeTo(&b, strings.Join(words[len(words)-edgeFragment:], " "))
	return b.String()
}

const hexDigits = "0123456789ABCDEF"

// escapeTo percent-encodes s. Besides what a URL fragment cannot hold, the
// grammar of text directives reserves "-", "," and "&".
func escapeTo(b *strings.Builder, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '~' || c == '!' || c == '*' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
}
