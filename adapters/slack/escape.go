package slack

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"github.com/clipperhouse/uax29/v2/graphemes"

	"github.com/pullquote/pullquote/bot/chat"
)

// ellipsis marks every cut, so that nobody takes a part for the whole.
const ellipsis = "…"

// maxURL is Slack's limit on the addresses of links and pictures.
const maxURL = 3000

// clean returns s without what could disturb its surroundings unseen, nor white
// space around it.
func clean(s string) string { return strings.TrimSpace(chat.Clean(s)) }

// inline returns s cleaned and on one line.
func inline(s string) string {
	return strings.Join(strings.Fields(clean(s)), " ")
}

// size returns the length of s in UTF-16 code units. Slack does not say
// whether it counts these or characters; these are never fewer.
func size(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// literal returns s for the places where Slack reads no markup: rich text and
// plain_text objects. What would be a mention in mrkdwn is broken with a word
// joiner all the same, in case another program reads the text as mrkdwn.
func literal(s string) string { return breaker.Replace(s) }

var breaker = strings.NewReplacer("<!", "<\u2060!", "<@", "<\u2060@", "<#", "<\u2060#")

// mrkdwn returns s for the places where Slack reads mrkdwn
// (https://docs.slack.dev/messaging/formatting-message-text#escaping).
func mrkdwn(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// clip returns s as literal has it, cut to at most limit units.
func clip(s string, limit int) string { return cut(s, limit, literal, literalGrowth) }

// escape returns s as mrkdwn has it, cut to at most limit units.
func escape(s string, limit int) string { return cut(s, limit, mrkdwn, mrkdwnGrowth) }

// literalGrowth returns by how much literal lengthens a grapheme before rest.
func literalGrowth(grapheme, rest string) int {
	if strings.HasSuffix(grapheme, "<") && rest != "" && strings.IndexByte("!@#", rest[0]) >= 0 {
		return 1
	}
	return 0
}

// mrkdwnGrowth returns by how much mrkdwn lengthens a grapheme.
func mrkdwnGrowth(grapheme, _ string) int {
	n := 0
	for i := range len(grapheme) {
		switch grapheme[i] {
		case '&':
			n += len("&amp;") - 1
		case '<', '>':
			n += len("&lt;") - 1
		}
	}
	return n
}

// cut renders s and cuts it to at most limit units, with an ellipsis at the
// end of what is left. It never cuts within a grapheme or an entity, and at a
// space where one is near. Where not even the ellipsis fits it returns "".
func cut(s string, limit int, render func(string) string, growth func(grapheme, rest string) int) string {
	used, end, pos := 0, 0, 0  // end: of what fits with the ellipsis
	wordUsed, wordEnd := 0, -1 // up to the last space
	g := graphemes.FromString(s)
	for used <= limit && g.Next() {
		v := g.Value()
		if used <= limit-1 {
			end = pos
			if v == " " || v == "\n" {
				wordUsed, wordEnd = used, pos
			}
		}
		pos += len(v)
		used += size(v) + growth(v, s[pos:])
	}
	switch {
	case used <= limit:
		return render(s)
	case limit < 1:
		return ""
	case wordEnd > 0 && limit-wordUsed < 24: // a word is not worth more
		end = wordEnd
	}
	return render(strings.TrimRightFunc(s[:end], unicode.IsSpace)) + ellipsis
}

// webURL returns raw as Slack accepts it, "" if it is not an http or https
// address, is too long, or carries a name or password.
func webURL(raw string) string {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.User != nil || u.Opaque != "" || (u.Scheme != "http" && u.Scheme != "https") || !hostSafe(u.Host) {
		return ""
	}
	rest := u.EscapedPath()
	if u.RawQuery != "" {
		rest += "?" + u.RawQuery
	}
	if f := u.EscapedFragment(); f != "" {
		rest += "#" + f
	}
	var b strings.Builder
	b.WriteString(u.Scheme + "://" + u.Host)
	for _, c := range []byte(rest) {
		if c <= ' ' || c >= 0x7F || strings.IndexByte("<>\"\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	if size(b.String()) > maxURL {
		return ""
	}
	return b.String()
}

// hostSafe reports whether host holds nothing that could end a link early.
func hostSafe(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsFunc(host, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_:[]", r)
	})
}

// imageURL is webURL for pictures, which Slack itself fetches: what it cannot
// reach it refuses, and the whole card with it.
func imageURL(raw string) string {
	s := webURL(raw)
	u, err := url.Parse(s)
	if err != nil || s == "" {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() {
			return ""
		}
		return s
	}
	if !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return ""
	}
	return s
}
