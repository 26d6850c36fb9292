package parse

import (
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// Headed text: entries that are nothing but a heading with text below it, in
// an article that the publisher's system knows no entries of. BR24 writes
// "12.31 Uhr: …" into the headings; others say only in the title that the page
// is live.

func sniffHTML(d *document) bool { return d.isMarkup() }

// A section is a heading with the nodes that belong to it.
type section struct {
	heading *html.Node
	start   *html.Node // the first node after the heading, or after what wraps it
	level   byte
	id      string // of the heading or what holds only it; "" if there is none
	text    string
	clock   clock
}

// sections returns the headings of the page outside its furniture.
func (d *document) sections(p *page) []section {
	var list []section
	each(p.body, func(n *html.Node) bool {
		if ignoredTags[n.Data] || isFurniture(n) || len(list) >= d.most() {
			return false
		}
		if !isHeading(n) {
			return true
		}
		s := section{heading: n, level: n.Data[1], text: oneLine(textOf(n))}
		s.clock, _ = readClock(s.text)
		s.start = follow(n)
		if s.text != "" {
			list = append(list, s)
		}
		return false
	})
	claimIDs(list)
	return list
}

// isFurniture reports whether n is a part of the page that holds no entries.
func isFurniture(n *html.Node) bool {
	switch n.Data {
	case "nav", "footer":
		return n.Parent == nil || n.Parent.Data != "article"
	case "aside":
		return true
	}
	found := false
	for _, key := range [...]string{"class", "id"} {
		classWords(attr(n.Attr, key), func(w string) bool {
			switch w {
			case "related", "recommended", "recirculation", "sidebar", "newsletter", "outbrain", "taboola", "comments", "breadcrumb", "breadcrumbs", "teaserlist":
				found = true
			}
			return !found
		})
	}
	return found
}

// follow returns what stands after a heading. A wrapper that holds nothing
// else, such as <header> or <a>, is climbed out of.
func follow(n *html.Node) *html.Node {
	for range 3 {
		for s := n.NextSibling; s != nil; s = s.NextSibling {
			if s.Type == html.ElementNode || s.Type == html.TextNode && strings.TrimSpace(s.Data) != "" {
				return s
			}
		}
		if n.Parent == nil || n.Parent.Data == "body" {
			return nil
		}
		n = n.Parent
	}
	return nil
}

// isMenu reports whether what stands below a heading is links and hardly
// anything else: "Follow us", "More stories".
func (s *section) isMenu() bool {
	text, link := 0, 0
	for n := s.start; n != nil && !holdsHeading(n, s.level); n = n.NextSibling {
		t, l := linkShare(n, false)
		text, link = text+t, link+l
	}
	return text > 0 && link*10 > text*7
}

// linkShare returns how much text n holds, and how much of it in links.
func linkShare(n *html.Node, linked bool) (text, link int) {
	if n.Type == html.TextNode {
		text = len(strings.TrimSpace(n.Data))
		if linked {
			link = text
		}
		return text, link
	}
	if n.Type != html.ElementNode || ignoredTags[n.Data] {
		return 0, 0
	}
	linked = linked || n.Data == "a"
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		t, l := linkShare(c, linked)
		text, link = text+t, link+l
	}
	return text, link
}

// sectionEntry reads the nodes from s.start up to the next heading.
func (d *document) sectionEntry(s *section) news.Entry {
	e := news.Entry{Headline: s.text}
	pr := newProse(d.base)
	pr.entry = true
	for n := s.start; n != nil && !holdsHeading(n, s.level); n = n.NextSibling {
		if n.Type == html.ElementNode && isFurniture(n) {
			continue
		}
		if e.Published.IsZero() && n.Type == html.ElementNode {
			d.sectionTime(&e, n)
		}
		pr.node(n)
	}
	e.Body, e.Media, e.Author = pr.text(), pr.media, pr.author
	d.printedTime(&e, &s.clock, pr.stamp)
	if s.id != "" {
		e.Entry = news.EntryID(s.id)
		e.URL = "#" + s.id
	}
	if a := find(s.heading, func(n *html.Node) bool { return n.Data == "a" && attr(n.Attr, "href") != "" }); a != nil && e.URL == "" {
		e.URL = attr(a.Attr, "href")
	}
	return e
}

// claimIDs finds what names each section: the id of the heading, or of an
// element around it that heads no other section of the level.
func claimIDs(list []section) {
	const climb = 3
	type holder struct {
		n     *html.Node
		level byte
	}
	held := make(map[holder]int)
	around := func(s *section, visit func(*html.Node) bool) {
		a := s.heading.Parent
		for range climb {
			if a == nil || a.Data == "body" || a.Data == "main" || !visit(a) {
				return
			}
			a = a.Parent
		}
	}
	for i := range list {
		around(&list[i], func(a *html.Node) bool {
			held[holder{a, list[i].level}]++
			return true
		})
	}
	for i := range list {
		s := &list[i]
		if s.id = attr(s.heading.Attr, "id"); s.id != "" {
			continue
		}
		around(s, func(a *html.Node) bool {
			if held[holder{a, s.level}] > 1 {
				return false
			}
			s.id = blockID(a)
			return s.id == ""
		})
	}
}

func (d *document) sectionTime(e *news.Entry, n *html.Node) {
	isTime := func(c *html.Node) bool { return c.Data == "time" }
	t := n
	if !isTime(n) {
		t = find(n, isTime)
	}
	if t != nil {
		var c clock
		d.takeTime(e, &c, t)
	}
}

// holdsHeading reports whether n is or holds a heading of the level or above.
func holdsHeading(n *html.Node, level byte) bool {
	if n.Type != html.ElementNode {
		return false
	}
	match := func(c *html.Node) bool { return isHeading(c) && c.Data[1] <= level }
	return match(n) || find(n, match) != nil
}

// parseHeadingTime reads headings that begin with a time of day.
func parseHeadingTime(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	list := d.sections(p)
	timed, distinct := 0, map[clock]bool{}
	for _, s := range list {
		if s.clock.len > 0 && s.clock.len < len(s.text) {
			timed++
			distinct[clock{h: s.clock.h, m: s.clock.m}] = true
		}
	}
	if timed < 2 || len(distinct) < 2 {
		return r, refusal("fewer than two headings begin with different times")
	}
	day := dayState{}
	var clocks []clock
	for i := range list {
		s := &list[i]
		switch {
		case s.clock.len > 0 && s.clock.len < len(s.text):
			r.Entries, clocks = append(r.Entries, d.sectionEntry(s)), append(clocks, s.clock)
			day.mark(len(r.Entries) - 1)
		case s.clock.len == 0:
			day.heading(s.text, d)
		}
	}
	day.date(d, r.Entries, clocks)
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// parseHeaded reads headings of one level with text below each, where the page
// shows that they are updates: by its own words, or by times.
func parseHeaded(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	list := d.sections(p)
	level := busiest(list)
	if level == 0 {
		return r, refusal("has fewer than two headings of one level")
	}
	day := dayState{}
	var clocks []clock
	times, linked := map[int64]bool{}, 0
	for i := range list {
		s := &list[i]
		if day.heading(s.text, d) || s.level != level {
			continue
		}
		if s.isMenu() {
			continue
		}
		e := d.sectionEntry(s)
		if e.Body == "" && len(e.Media) == 0 {
			continue
		}
		if isLinked(s.heading) {
			linked++
		}
		c := s.clock
		if !e.Published.IsZero() {
			times[e.Published.Unix()] = true
		} else if c.len > 0 {
			times[int64(c.h*60+c.m)] = true
		}
		r.Entries, clocks = append(r.Entries, e), append(clocks, c)
		day.mark(len(r.Entries) - 1)
	}
	if len(r.Entries) < 2 {
		return r, refusal("fewer than two headings have text below them")
	}
	if d.Format == "" && !p.live(d) && linked*2 > len(r.Entries) {
		return r, refusal("its headings lead to pages of their own, and nothing says that it is live")
	}
	if d.Format == "" && !p.live(d) && (len(times) < 2 || len(times)*2 < len(r.Entries)) && !separate(list, level, len(r.Entries)) {
		return r, refusal("its headings have no times, and nothing says that it is live")
	}
	day.date(d, r.Entries, clocks)
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// separate reports whether the n headings of the level that have text head an
// <article> each, side by side: the page says that they stand by themselves.
// Headings that are links head teasers.
func separate(list []section, level byte, n int) bool {
	var parent *html.Node
	seen := make(map[*html.Node]bool)
	for _, s := range list {
		if s.level != level {
			continue
		}
		a := s.heading.Parent
		for a != nil && a.Data != "article" {
			a = a.Parent
		}
		if a == nil || seen[a] || parent != nil && a.Parent != parent || isLinked(s.heading) {
			return false
		}
		parent = a.Parent
		seen[a] = true
	}
	return len(seen) >= n
}

func isLinked(heading *html.Node) bool {
	leads := func(n *html.Node) bool {
		return n.Data == "a" && attr(n.Attr, "href") != "" && !strings.HasPrefix(attr(n.Attr, "href"), "#")
	}
	return find(heading, leads) != nil || heading.Parent != nil && leads(heading.Parent)
}

// busiest returns the heading level, h2 to h6, that heads most text; 0 if none
// heads two.
func busiest(list []section) byte {
	var count [10]int
	for _, s := range list {
		if s.level > '1' && s.start != nil {
			count[s.level-'0']++
		}
	}
	best := 0
	for l, n := range count {
		if n >= 2 && n > count[best] {
			best = l
		}
	}
	if best == 0 {
		return 0
	}
	return byte('0' + best)
}

// describe fills in what a page says about itself.
func (p *page) describe(d *document, r *reading) {
	if r.Title == "" {
		r.Title = p.name()
	}
	if r.URL == "" {
		r.URL = p.address
	}
	if r.URL == "" {
		r.URL = d.URL
	}
	r.Window = r.Window || p.next
	r.Ended = r.Ended || p.archived()
}

// live reports whether the page calls itself live.
func (p *page) live(d *document) bool {
	if slices.ContainsFunc([]string{p.title, p.heading, p.ogTitle, d.URL, p.address}, saysLive) {
		return true
	}
	if p.ogType == "liveblog" {
		return true
	}
	n := p.body
	for _, key := range []string{"class", "id"} {
		if strings.Contains(strings.ToLower(attr(n.Attr, key)), "liveblog") {
			return true
		}
	}
	return false
}

// livePhrases say that something is followed as it happens, in titles and,
// with hyphens for blanks, in addresses. "live" by itself does not: people
// live in houses.
var livePhrases = []string{
	"live updates", "live update", "live blog", "liveblog", "live ticker", "liveticker", "live news", "live coverage", "live feed",
	"latest updates", "newsblog", "newsticker", "news ticker", "minute by minute", "as it happened", "as it happens",
	"in diretta", "la diretta", "minuto per minuto", "minuto a minuto", "en direct", "minute par minute", "en vivo", "ao vivo", "ao minuto",
	"im ticker", "live im", "liveverslag", "na żywo", "minuta po minucie", "canlı", "прямой эфир", "онлайн", "živě", "élőben", "direkte", "مباشر", "लाइव",
	"直播", "实时更新", "ライブ", "速報", "실시간", "זמן אמת", "ζωντανά", "tiempo real", "tempo real", "temps réel", "na zywo",
}

// saysLive reports whether a title or an address says that a page is live.
func saysLive(s string) bool {
	if s == "" {
		return false
	}
	if strings.Contains(s, "LIVE") {
		return true
	}
	lower := strings.ToLower(s)
	spaced := strings.NewReplacer("-", " ", "_", " ", "/", " / ").Replace(lower)
	for _, phrase := range livePhrases {
		if strings.Contains(spaced, phrase) {
			return true
		}
	}
	trimmed := strings.Trim(lower, " .!")
	for _, edge := range []string{"live: ", "live – ", "live - ", "live | "} {
		if strings.HasPrefix(trimmed, edge) {
			return true
		}
	}
	for _, edge := range []string{" live", "-live", "–live", "ticker", "-diretta", "/live"} {
		if strings.HasSuffix(trimmed, edge) {
			return true
		}
	}
	return strings.Contains(lower, "/live/") || strings.Contains(lower, "/live-") || strings.Contains(lower, " live: ") || strings.Contains(lower, " – live") || strings.Contains(lower, "-ticker")
}

// liveClass reports whether class names around blocks call them a stream of
// updates.
func liveClass(class string) bool {
	found := false
	classWords(class, func(w string) bool {
		found = liveClasses[w]
		return !found
	})
	return found
}

var liveClasses = set("live liveblog liveticker ticker newsticker stream livestream update updates timeline coverage")
