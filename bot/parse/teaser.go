package parse

import (
	"regexp"
	"strings"
)

// dropTeaser takes back a paragraph that only invites to another story: words
// such as "Read more:" and a link to its end.
func (p *prose) dropTeaser() {
	if p.ended != len(p.b) || p.par >= len(p.b) || len(p.b)-p.par > 300 {
		return
	}
	if !invites(string(p.b[p.par:])) {
		return
	}
	p.b = []byte(strings.TrimRight(string(p.b[:p.par]), "\n"))
	p.par, p.ended = len(p.b), 0
}

// invites reports whether a paragraph begins as invitations do: the words, and
// then a sign that parts them from what they lead to.
func invites(s string) bool {
	s = strings.TrimLeft(strings.ToLower(s), "•▶►→>»*–- \u00a0")
	for _, words := range teasers {
		rest, ok := strings.CutPrefix(s, words)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], ":|-") || strings.HasPrefix(strings.TrimLeft(rest, " "), "–") || strings.HasPrefix(strings.TrimLeft(rest, " "), ":") || strings.HasPrefix(rest, "：")) {
			return true
		}
	}
	return false
}

// teasers open a paragraph that leads away.
var teasers = []string{
	"read more", "read also", "also read", "read next", "see also", "more on this", "more on this story", "related", "related story", "related stories", "in pictures", "explainer", "watch", "go deeper",
	"lesen sie auch", "lies auch", "mehr zum thema", "mehr dazu", "lesen sie hier", "auch interessant",
	"à lire aussi", "lire aussi", "a lire aussi", "à lire", "lire", "sur le même sujet", "leggi anche", "per approfondire", "leer también", "lea también", "lee también", "le puede interesar", "te puede interesar",
	"leia também", "leia mais", "veja também", "lees ook", "läs också", "läs mer", "les også", "læs også", "czytaj też", "czytaj także", "čtěte také", "читайте также", "читать далее", "ayrıca okuyun",
	"اقرأ أيضا", "اقرأ أيضاً", "यह भी पढ़ें", "相关阅读", "関連記事",
}

// maxTail is how far from the end of a text an invitation may begin.
const maxTail = 260

// tail matches an invitation to another story that was glued to the last
// sentence when its markup was stripped, as in Reach's data: `… he said. Read
// more here Headline of the other story`.
var tail = regexp.MustCompile(`[.!?…”"’'»)]\s+(?:(?:READ MORE|Read more|Read More|READ NEXT|Read next)(?: here)?:?|(?:Also read|Read also|Lesen Sie auch|Mehr dazu|Leggi anche|Lire aussi ?|À lire aussi ?|Lea también|Leer también|Leia também|Leia mais|Lees ook|Läs också) ?:) [^.!?\n]{8,200}$`)

// tailWords are words of which tail needs one.
var tailWords = []string{"ead more", "EAD MORE", "ead More", "EAD NEXT", "ead next", "lso read", "ead also", "Lesen Sie auch", "Mehr dazu", "Leggi anche", "ire aussi", "Lea también", "Leer también", "Leia ", "Lees ook", "Läs också"}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// withoutTail drops such an invitation.
func withoutTail(s string) string {
	from := max(0, len(s)-maxTail)
	if !containsAny(s[from:], tailWords) { // the expression is dear, and every entry comes by
		return s
	}
	m := tail.FindStringIndex(s[from:])
	if m == nil {
		return s
	}
	end := from + m[0]
	for end < len(s) && s[end] != ' ' && s[end] != '\n' { // the sign that ends the sentence stays
		end++
	}
	return strings.TrimSpace(s[:end])
}
