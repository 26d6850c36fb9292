package discord

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"golang.org/x/net/idna"

	"github.com/pullquote/pullquote/bot/chat"
)

// ellipsis marks every cut, so that nobody takes a part for the whole.
const ellipsis = "…"

// maxURL is Discord's limit on the URLs of an embed (the published schema).
const maxURL = 2048

// clean returns s without what could disturb its surroundings unseen, nor white
// space around it, and "" for a text in which nothing is to be seen: Discord
// refuses what only looks empty.
func clean(s string) string {
	s = strings.TrimSpace(chat.Clean(s))
	if !strings.ContainsFunc(s, visible) {
		return ""
	}
	return s
}

func visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// inline returns s cleaned and on one line.
func inline(s string) string {
	return strings.Join(strings.Fields(clean(s)), " ")
}

// size returns the length of s in UTF-16 code units. Discord counts code
// points (https://github.com/discord/discord-api-docs/issues/1315), its
// clients do not all; the units are never fewer.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += units(r)
	}
	return n
}

// units returns the number of UTF-16 code units of r.
func units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// clip returns s, cut to at most limit units with an ellipsis at the end of
// what is left. It never cuts within a grapheme. It escapes nothing: it is for
// the parts of an embed in which Discord reads no markup.
func clip(s string, limit int) string {
	return write(s, limit, "", "", false)
}

// escape returns s so that Discord shows it as it is, cut to at most limit
// units. It never cuts within a grapheme or an escape sequence.
func escape(s string, limit int) string {
	return write(s, limit, "", "", true)
}

// write returns s with every line between prefix and suffix, escaped if
// markup is set, and cut to at most limit units, prefixes and suffixes
// included. Where not even the ellipsis fits it returns "".
func write(s string, limit int, prefix, suffix string, markup bool) string {
	if s == "" {
		return ""
	}
	w := writer{rest: s, markup: markup, start: true}
	frame := size(prefix) + size(suffix)
	if frame+1 > limit {
		return ""
	}
	w.raw(prefix)
	cut, word := w.b.Len(), w.b.Len() // where to cut: any grapheme, or the last space
	wordAt := w.units
	g := graphemes.FromString(s)
	for g.Next() {
		if w.units+size(suffix)+1 <= limit {
			cut = w.b.Len()
			if g.Value() == " " {
				word, wordAt = cut, w.units
			}
		}
		if g.Value() == "\n" {
			w.raw(suffix + "\n" + prefix)
			w.start, w.digits = true, false
			w.rest = w.rest[1:]
		} else {
			w.grapheme(g.Value())
		}
		if w.units+size(suffix) > limit {
			if limit-wordAt < 24 && word > len(prefix) { // a word is not worth more
				cut = word
			}
			return strings.TrimRight(w.b.String()[:cut], " ") + ellipsis + suffix
		}
	}
	w.raw(suffix)
	return w.b.String()
}

// A writer escapes text grapheme by grapheme.
type writer struct {
	b      strings.Builder
	units  int    // written so far
	rest   string // not yet written
	markup bool   // escape
	start  bool   // nothing but spaces on this line so far
	digits bool   // nothing but digits on this line so far
	prev   rune
}

func (w *writer) raw(s string) {
	w.b.WriteString(s)
	w.units += size(s)
}

func (w *writer) grapheme(s string) {
	for _, r := range s {
		w.rest = w.rest[utf8.RuneLen(r):]
		if w.markup && w.special(r) {
			w.b.WriteByte('\\')
			w.units++
		}
		w.b.WriteRune(r)
		w.units += units(r)
		w.digits = (w.start || w.digits) && r >= '0' && r <= '9'
		w.start = w.start && r == ' '
		w.prev = r
	}
}

// special reports whether r could begin markup where it stands. Lists are
// made by a hyphen or a number with a full stop at the beginning of a line;
// ":" makes links out of addresses and emoji out of words.
func (w *writer) special(r rune) bool {
	switch r {
	case '\\', '*', '_', '~', '`', '>', '<', '|', '#', '[', ']', '(', ')', '@':
		return true
	case '-', '+':
		return w.start
	case '.':
		return w.digits
	case ':':
		next, n := utf8.DecodeRuneInString(w.rest)
		if n == 0 || unicode.IsSpace(next) {
			return false
		}
		return !unicode.IsDigit(w.prev) || !unicode.IsDigit(next)
	}
	return false
}

// webURL returns raw as Discord accepts it, "" if it is not an http or https
// address, is too long, carries a password, or leads to a bare host name:
// one bad address would have the whole card refused.
func webURL(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	host := u.Hostname()
	if !strings.ContainsAny(host, ".:") {
		return ""
	}
	if !strings.Contains(host, ":") { // not an IPv6 address
		if host, err = idna.Lookup.ToASCII(host); err != nil {
			return ""
		}
		if p := u.Port(); p != "" {
			host += ":" + p
		}
		u.Host = host
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		// url.URL keeps a query as it was written.
		if c <= ' ' || c >= 0x7F || strings.IndexByte("<>\"\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() > maxURL {
		return ""
	}
	return b.String()
}

// masked returns a link whose label is ours; "" if there is no good address
// or it is longer than limit.
func masked(label, raw string, limit int) string {
	u := webURL(raw)
	if u == "" || len(u) > limit {
		return ""
	}
	return "[" + label + "](" + linkEscaper.Replace(u) + ")"
}

// linkEscaper keeps an address from ending its own link early.
var linkEscaper = strings.NewReplacer(
	"(", "%28", ")", "%29", "'", "%27", "*", "%2A", "[", "%5B", "]", "%5D",
)
