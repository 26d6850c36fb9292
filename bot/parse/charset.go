package parse

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// decode returns body as valid UTF-8 without a byte order mark. The encoding
// is, first that says anything: byte order mark, the charset parameter of the
// HTTP Content-Type, the XML declaration or HTML meta element, UTF-8 if the
// bytes are valid in it, windows-1252.
func decode(body []byte, contentType string) string {
	if enc, mark := byteOrderMark(body); enc != nil || mark > 0 {
		return toUTF8(body[mark:], enc)
	}
	if enc := zeroPattern(body); enc != nil {
		return toUTF8(body, enc)
	}
	for _, label := range []string{httpCharset(contentType), declaredCharset(body)} {
		if label == "" {
			continue
		}
		enc, name := charset.Lookup(label)
		if enc == nil {
			continue // a name nobody knows says nothing
		}
		if name == "utf-8" || strings.HasPrefix(name, "utf-16") {
			// The declaration could be read as ASCII, so it is not UTF-16.
			return toUTF8(body, nil)
		}
		return toUTF8(body, enc)
	}
	if utf8.Valid(body) {
		return string(body)
	}
	return toUTF8(body, charmap.Windows1252)
}

// byteOrderMark returns the encoding that body's mark names (nil for UTF-8)
// and the mark's length. UTF-32 comes first: its little-endian mark begins
// with that of UTF-16.
func byteOrderMark(body []byte) (encoding.Encoding, int) {
	switch {
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE, 0, 0}):
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), 4
	case bytes.HasPrefix(body, []byte{0, 0, 0xFE, 0xFF}):
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), 4
	case bytes.HasPrefix(body, []byte{0xFF, 0xFE}):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(body, []byte{0xFE, 0xFF}):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(body, []byte{0xEF, 0xBB, 0xBF}):
		return nil, 3
	}
	return nil, 0
}

// zeroPattern recognises UTF-16 and UTF-32 without a mark by the zero bytes
// around the first character, which is "<", "{" or "[" in every format but
// plain text.
func zeroPattern(body []byte) encoding.Encoding {
	if len(body) < 4 {
		return nil
	}
	opens := func(c byte) bool { return c == '<' || c == '{' || c == '[' }
	a, b, c, d := body[0], body[1], body[2], body[3]
	switch {
	case opens(a) && b == 0 && c == 0 && d == 0:
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case a == 0 && b == 0 && c == 0 && opens(d):
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case opens(a) && b == 0 && c != 0 && d == 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case a == 0 && opens(b) && c == 0 && d != 0:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	}
	return nil
}

// toUTF8 decodes body; nil means that it is UTF-8 already, give or take a
// broken byte.
func toUTF8(body []byte, enc encoding.Encoding) string {
	if enc == nil {
		if utf8.Valid(body) {
			return string(body)
		}
		return strings.ToValidUTF8(string(body), "\uFFFD")
	}
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil {
		return strings.ToValidUTF8(string(body), "\uFFFD")
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func httpCharset(contentType string) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return params["charset"]
}

// sniffWindow is how far into a document its declaration and format are looked
// for. Browsers look 1,024 bytes far; feeds with a licence comment in front
// need more.
const sniffWindow = 4096

var (
	xmlDeclaration = regexp.MustCompile(`^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']`)
	metaCharset    = regexp.MustCompile(`(?i)<meta\s[^>]*?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]+)`)
)

func declaredCharset(body []byte) string {
	head := body[:min(len(body), sniffWindow)]
	if m := xmlDeclaration.FindSubmatch(head); m != nil {
		return string(m[1])
	}
	if m := metaCharset.FindSubmatch(head); m != nil {
		return string(m[1])
	}
	return ""
}
