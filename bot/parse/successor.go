package parse

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// The page where coverage goes on: "follow our new live blog", with a link.
// A live page links to many live pages, so that only words that say so count,
// and only within the publisher's own site.

// successor returns the address where the coverage goes on; "" if the document
// names none.
func (d *document) successor(r *reading, header rels) string {
	refs := []string{r.Successor, header["successor-version"]}
	if v, ok := d.json(); ok {
		refs = append(refs, v.first("successor", "successorUrl", "successor_url", "continuedIn", "continued_in").str())
	}
	if d.page != nil {
		refs = append(refs, d.page.rels()["successor-version"])
	}
	refs = append(refs, d.goesOn)
	if d.page != nil {
		refs = append(refs, d.page.goesOn)
	}
	for _, ref := range refs {
		if next := absolute(d.base, ref); next != "" && d.isElsewhere(next, r) {
			return next
		}
	}
	return ""
}

// isElsewhere reports whether address is another page of the same site.
func (d *document) isElsewhere(address string, r *reading) bool {
	next := parseBase(address)
	if next == nil {
		return false
	}
	for _, own := range []string{d.URL, r.URL} {
		u := parseBase(own)
		if u == nil {
			continue
		}
		if !sameSite(u, next) || strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(next.Path, "/") {
			return false
		}
	}
	return true
}

// sameSite reports whether two addresses are of one publisher: one's host is
// the other's or lies below it.
func sameSite(a, b *url.URL) bool {
	x, y := strings.TrimPrefix(a.Hostname(), "www."), strings.TrimPrefix(b.Hostname(), "www.")
	return strings.EqualFold(x, y) || strings.HasSuffix(x, "."+y) || strings.HasSuffix(y, "."+x)
}

// maxSentence is how much text around a link is looked at.
const maxSentence = 400

// continues reports whether the link leads to where coverage goes on. The
// words may be the link's own or stand around it: "Follow it <a>here</a>".
func continues(a *html.Node) bool {
	href := strings.TrimSpace(attr(a.Attr, "href"))
	if href == "" || href[0] == '#' {
		return false
	}
	text := textUpTo(a, 200)
	if saysContinued(text) {
		return true
	}
	// Menus and teasers are links and nothing else; a sentence has other words.
	if a.Parent == nil || !inProse[a.Parent.Data] {
		return false
	}
	around := textUpTo(a.Parent, maxSentence)
	return len(around) < maxSentence && len(around) > len(text)+8 && (len(text) < 25 || strings.Contains(strings.ToLower(text), "live")) && saysContinued(around)
}

var inProse = set("p em i b strong span li div h2 h3 blockquote")

// textUpTo returns the text of n, but not much more than limit bytes of it.
func textUpTo(n *html.Node, limit int) string {
	var b strings.Builder
	left := 64 // nodes: an element may hold thousands of empty ones
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		for c := n.FirstChild; c != nil && b.Len() < limit && left > 0; c = c.NextSibling {
			left--
			switch {
			case c.Type == html.TextNode:
				b.WriteString(c.Data)
			case c.Type == html.ElementNode && !ignoredTags[c.Data]:
				walk(c)
			}
		}
	}
	walk(n)
	return b.String()
}

func saysContinued(text string) bool {
	if len(text) < 8 || len(text) > 2*maxSentence {
		return false
	}
	s := strings.ReplaceAll(strings.ToLower(fold(text)), "’", "'")
	return containsAny(s, continuedStems) && containsAny(s, continued)
}

// continuedStems are parts of words of which each of continued has one. Every
// link of a page is asked.
var continuedStems = []string{
	"live", "blog", "coverage", "moved to", "move to", "moving to", "ticker", "geht", "direct", "suite", "directo", "en vivo", "minuto", "cobertura", "continú", "diretta",
	"direto", "acompanhar", "relacj", "онлайн", "трансляц", "canlı", "online", "تغطية", "直播", "ライブ", "direkt",
}

// continued are the words in which pages say that they go on elsewhere.
var continued = []string{
	"new live blog", "new liveblog", "new live page", "new live coverage", "new live feed", "fresh live blog", "latest live blog", "today's live blog",
	"today's live coverage", "live coverage continues", "live coverage has moved", "live coverage is continuing", "coverage continues here", "coverage continues on",
	"continue our live coverage", "continuing our live coverage", "continue to follow our live", "follow our latest live", "follow our live coverage here",
	"live blog continues", "live blog has moved", "blog has moved", "moved to a new", "move to a new live", "moving to a new", "over to a new live",
	"neuer liveblog", "neuen liveblog", "neues liveblog", "neuem liveblog", "neuer ticker", "neuen ticker", "neuer liveticker", "neuen liveticker", "neuen newsblog", "neuer newsblog",
	"liveblog geht hier weiter", "hier geht es weiter", "hier geht's weiter", "geht es hier weiter", "aktuellen liveblog", "aktuellen ticker", "aktuellen liveticker",
	"nouveau direct", "nouveau live", "direct continue", "direct se poursuit", "live se poursuit", "suivez la suite", "la suite de ce direct", "la suite du direct",
	"nuevo directo", "nuevo en vivo", "nuevo minuto a minuto", "nueva cobertura en", "cobertura continúa", "continúa en este", "sigue en este directo", "sigue la cobertura",
	"nuova diretta", "diretta continua", "diretta prosegue", "diretta di oggi", "segui qui la diretta",
	"novo direto", "nova cobertura", "cobertura continua", "novo minuto a minuto", "continue a acompanhar",
	"nieuwe liveblog", "nieuw liveblog", "liveblog gaat verder", "liveblog gaat hier verder", "verder in dit liveblog",
	"nya liverapport", "ny liverapport", "nya direktrapport", "ny liveblogg", "nya livebloggen", "ny direkterapport", "nyt liveblog", "ny liveblog",
	"nowa relacja", "nowej relacji", "новый онлайн", "новом онлайне", "онлайн продолжается", "новая трансляция", "yeni canlı", "nový online", "novém online",
	"تغطية مباشرة جديدة", "التغطية مستمرة", "新直播", "新しいライブ",
}
