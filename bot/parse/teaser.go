package parse

import "strings"

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
