package parse

import (
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// A page is a parsed HTML document with what several formats ask of it,
// gathered in one walk.
type page struct {
	root    *html.Node
	body    *html.Node
	ids     map[string]*html.Node
	classes map[string]bool // class attributes as written
	scripts []script
	links   []link
	title   string
	heading string // the text of the first h1
	ogTitle string
	ogType  string
	address string // canonical or og:url
	stated  time.Time
	next    bool   // the page has more entries behind a link or button
	goesOn  string // the address where the coverage goes on, as the page says
	badge   bool   // an element shows LIVE
	older   string // the address of that link, if it is one
	amp     []*html.Node
	micro   []*html.Node // itemprop=liveBlogUpdate
	blog    *html.Node   // itemtype=LiveBlogPosting
	hentry  []*html.Node
	zones   map[int]int // offsets that times on the page name, with their count
}

type script struct {
	kind string // the type attribute, lower case
	id   string
	text string
}

type link struct{ rel, kind, href, title string }

const errDeep = refusal("nests deeper than 512 elements")

// html parses the document as HTML, once.
func (d *document) html() (*page, error) {
	if d.page == nil && d.pageErr == nil {
		d.page, d.pageErr = d.parsePage()
	}
	return d.page, d.pageErr
}

func (d *document) parsePage() (*page, error) {
	if why := sprawls(d.text); why != "" {
		return nil, refusal(why)
	}
	root, err := html.Parse(strings.NewReader(d.text))
	if err != nil {
		return nil, errDeep
	}
	p := &page{root: root, ids: make(map[string]*html.Node), classes: make(map[string]bool), zones: make(map[int]int)}
	g := gatherer{d: d, p: p}
	g.walk(root)
	if p.body == nil {
		p.body = root
	}
	if p.address != "" && d.base == nil {
		d.base = parseBase(p.address)
	}
	if base := g.base; base != "" {
		if abs := absolute(d.base, base); abs != "" {
			d.base = parseBase(abs)
		}
	}
	d.local = p.zone()
	return p, nil
}

// marked reports whether a class or id on the page contains s.
func (p *page) marked(s string) bool {
	for c := range p.classes {
		if strings.Contains(c, s) {
			return true
		}
	}
	for id := range p.ids {
		if strings.Contains(id, s) {
			return true
		}
	}
	return false
}

// scripted reports whether a script on the page contains one of marks.
func (p *page) scripted(marks ...string) bool {
	for i := range p.scripts {
		for _, m := range marks {
			if strings.Contains(p.scripts[i].text, m) {
				return true
			}
		}
	}
	return false
}

// onPage reports whether the document is a page of which has is true.
func (d *document) onPage(has func(*page) bool) bool {
	if !d.isMarkup() {
		return false
	}
	p, err := d.html()
	return err == nil && has(p)
}

type gatherer struct {
	d    *document
	p    *page
	base string

	buttons int // that load more
}

// maxButtons bounds the buttons that are asked where they lead.
const maxButtons = 100

func (g *gatherer) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		g.element(n)
		if n.Data == "script" || n.Data == "style" || n.Data == "svg" {
			return
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		g.walk(c)
	}
}

func (g *gatherer) element(n *html.Node) {
	p := g.p
	switch n.Data {
	case "body":
		p.body = n
	case "title":
		if p.title == "" {
			p.title = oneLine(textOf(n))
		}
	case "h1":
		if p.heading == "" {
			p.heading = oneLine(textOf(n))
		}
	case "base":
		if g.base == "" {
			g.base = attr(n.Attr, "href")
		}
	case "meta":
		g.meta(n)
	case "link":
		g.link(n)
	case "script":
		if n.FirstChild != nil {
			p.scripts = append(p.scripts, script{strings.ToLower(attr(n.Attr, "type")), attr(n.Attr, "id"), n.FirstChild.Data})
		}
	case "amp-live-list":
		p.amp = append(p.amp, n)
	case "time":
		g.offset(attr(n.Attr, "datetime"))
	case "a", "button":
		if g.buttons < maxButtons && p.older == "" && leadsOn(n) {
			g.buttons++
			p.next = true
			p.older = loads(n)
		}
		if p.goesOn == "" && n.Data == "a" && continues(n) {
			p.goesOn = attr(n.Attr, "href")
		}
	}
	for i := range n.Attr {
		g.attribute(n, &n.Attr[i])
	}
}

func (g *gatherer) attribute(n *html.Node, a *html.Attribute) {
	switch a.Key {
	case "id":
		if _, taken := g.p.ids[a.Val]; !taken {
			g.p.ids[a.Val] = n
		}
	case "itemtype":
		if g.p.blog == nil && strings.HasSuffix(strings.TrimSpace(a.Val), "/LiveBlogPosting") {
			g.p.blog = n
		}
	case "itemprop":
		if hasClass(a.Val, "liveBlogUpdate") {
			g.p.micro = append(g.p.micro, n)
		}
	case "class":
		g.p.classes[a.Val] = true
		if !g.p.badge && (strings.Contains(a.Val, "live") || strings.Contains(a.Val, "Live") || strings.Contains(a.Val, "LIVE")) {
			g.p.badge = isBadge(n, a.Val)
		}
		if strings.Contains(a.Val, "entry") && (hasClass(a.Val, "h-entry") || hasClass(a.Val, "hentry")) {
			g.p.hentry = append(g.p.hentry, n)
		}
	}
}

func (g *gatherer) meta(n *html.Node) {
	p, content := g.p, attr(n.Attr, "content")
	name := attr(n.Attr, "property")
	if name == "" {
		name = attr(n.Attr, "name")
	}
	if name == "" {
		name = attr(n.Attr, "itemprop")
	}
	switch strings.ToLower(name) {
	case "og:title":
		p.ogTitle = oneLine(content)
	case "og:type":
		p.ogType = content
	case "og:url":
		if p.address == "" {
			p.address = absolute(g.d.base, content)
		}
	case "article:modified_time", "datemodified", "article:published_time", "datepublished", "date", "last-modified":
		g.offset(content)
		if t := g.d.when(content); t.After(p.stated) {
			p.stated = t
		}
	}
}

func (g *gatherer) link(n *html.Node) {
	l := link{strings.ToLower(attr(n.Attr, "rel")), strings.ToLower(attr(n.Attr, "type")), attr(n.Attr, "href"), attr(n.Attr, "title")}
	switch {
	case hasClass(l.rel, "canonical"):
		if abs := absolute(g.d.base, l.href); abs != "" {
			g.p.address = abs
		}
	case hasClass(l.rel, "next"):
		g.p.next, g.p.older = true, l.href
	}
	if len(g.p.links) < 1000 {
		g.p.links = append(g.p.links, l)
	}
}

// offset notes the zone a time on the page names.
func (g *gatherer) offset(s string) {
	st, ok := parseTime(s, time.UTC)
	if !ok || !st.zoned || !st.timed {
		return
	}
	if _, off := st.t.Zone(); off != 0 {
		g.p.zones[off]++
	}
}

// zone returns the offset that the page's own times agree on, nil if they name
// none but UTC: servers write UTC wherever they stand.
func (p *page) zone() *time.Location {
	if len(p.zones) != 1 {
		return nil
	}
	for off := range p.zones {
		return time.FixedZone("", off)
	}
	return nil
}

// leadsOn reports whether a link or button loads older entries.
func leadsOn(n *html.Node) bool {
	if n.Data == "a" && hasClass(attr(n.Attr, "rel"), "next") {
		return true
	}
	if n.FirstChild == nil || n.FirstChild.NextSibling != nil && n.FirstChild.NextSibling.NextSibling != nil && n.FirstChild.NextSibling.NextSibling.NextSibling != nil {
		return false
	}
	s := textOf(n)
	return len(s) < 200 && (loadsMore(fold(s)) || n.Data == "a" && strings.Contains(attr(n.Attr, "href"), "page") && olderWords[strings.ToLower(strings.Trim(fold(s), " ‹›<>«»←→"))])
}

// olderWords are what links between pages say that lead back.
var olderWords = set("older ältere anteriores anterior précédents precedenti ouder starsze предыдущие")

func loadsMore(s string) bool {
	if len(s) > 60 {
		return false
	}
	s = strings.ToLower(s)
	for _, prefix := range []string{"load more", "show more updates", "more updates", "older posts", "older updates", "view more updates", "mehr laden", "weitere beiträge", "ältere beiträge", "carica altr", "charger plus", "cargar más", "ver más actualizaciones"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// textOf returns the text of n as it stands, scripts left out.
func textOf(n *html.Node) string {
	if c := n.FirstChild; c != nil && c.Type == html.TextNode && c.NextSibling == nil {
		return c.Data
	}
	var b strings.Builder
	appendText(&b, n)
	return b.String()
}

func appendText(b *strings.Builder, n *html.Node) {
	if n.Type == html.TextNode {
		b.WriteString(n.Data)
		return
	}
	if n.Type == html.ElementNode && ignoredTags[n.Data] {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		appendText(b, c)
		if c.Type == html.ElementNode && !inlineTags[c.Data] {
			b.WriteByte(' ')
		}
	}
}

// name returns what the page calls itself.
func (p *page) name() string {
	for _, s := range []string{p.heading, p.ogTitle, p.title} {
		if s != "" {
			return s
		}
	}
	return ""
}

// each calls visit for the elements below n, parents first; visit reports
// whether to go into the element.
func each(n *html.Node, visit func(*html.Node) bool) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && visit(c) {
			each(c, visit)
		}
	}
}

// find returns the first element below n that match accepts; nil if none.
func find(n *html.Node, match func(*html.Node) bool) *html.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		if match(c) {
			return c
		}
		if m := find(c, match); m != nil {
			return m
		}
	}
	return nil
}

func isHeading(n *html.Node) bool {
	return len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6'
}

// A parts is what was found in the markup of one entry.
type parts struct {
	heading   *html.Node
	times     []*html.Node
	permalink string
	key       bool
}

// take finds the parts of an entry in one walk.
func take(n *html.Node) parts {
	var p parts
	depth := 0
	each(n, func(c *html.Node) bool {
		if ignoredTags[c.Data] {
			return false
		}
		depth++
		class := attr(c.Attr, "class")
		switch {
		case isHeading(c) && p.heading == nil && fold(textOf(c)) != "":
			p.heading = c
		case c.Data == "time":
			p.times = append(p.times, c)
		case attr(c.Attr, "data-timestamp") != "" || attr(c.Attr, "data-time") != "" || attr(c.Attr, "data-datetime") != "":
			p.times = append(p.times, c)
		}
		if c.Data == "a" && p.permalink == "" {
			href := attr(c.Attr, "href")
			if strings.Contains(class, "permalink") || hasClass(attr(c.Attr, "rel"), "bookmark") || strings.HasPrefix(href, "#") && len(href) > 1 {
				p.permalink = href
			}
		}
		return true
	})
	class := attr(n.Attr, "class")
	p.key = strings.Contains(class, "is-key-event") || strings.Contains(class, "key-event") ||
		attr(n.Attr, "data-type") == "key-event" || strings.Contains(class, "--breaking")
	return p
}

// Attributes of an entry's element that hold its times.
var (
	publishedAttrs = []string{"data-sort-time", "data-post-time", "data-published", "data-publish-time", "data-timestamp", "data-time", "data-date", "data-datetime", "data-created"}
	updatedAttrs   = []string{"data-update-time", "data-last-modified-time", "data-updated", "data-last-updated", "data-modified"}
)

func (d *document) attrTime(n *html.Node, keys []string) time.Time {
	for _, k := range keys {
		if v := attr(n.Attr, k); v != "" {
			if t := d.when(v); !t.IsZero() {
				return t
			}
		}
	}
	return time.Time{}
}

// blockEntry reads the markup of one entry without knowing its publisher. A
// time of day without a date is left to the caller.
func (d *document) blockEntry(n *html.Node) (e news.Entry, c clock) {
	p := take(n)
	e.Key = p.key
	e.Published = d.attrTime(n, publishedAttrs)
	e.Updated = d.attrTime(n, updatedAttrs)
	for _, t := range p.times {
		d.takeTime(&e, &c, t)
	}
	pr := newProse(d.base)
	pr.entry = true
	pr.omit = make(map[*html.Node]bool)
	if p.heading != nil {
		e.Headline = oneLine(textOf(p.heading))
		pr.omit[p.heading] = true
	}
	for ch := n.FirstChild; ch != nil; ch = ch.NextSibling {
		pr.node(ch)
	}
	e.Body, e.Media, e.Author = pr.text(), pr.media, pr.author
	if e.Headline == "" {
		e.Headline, e.Body = leadLine(n, e.Body)
	}
	d.printedTime(&e, &c, pr.stamp)
	d.dropLead(&e)
	e.URL = p.permalink
	return e, c
}

// takeTime reads one time element into e. The first is the publication unless
// its class says otherwise.
func (d *document) takeTime(e *news.Entry, c *clock, n *html.Node) {
	s := attr(n.Attr, "datetime")
	for _, k := range []string{"data-timestamp", "data-time", "data-datetime", "content"} {
		if s == "" {
			s = attr(n.Attr, k)
		}
	}
	class := attr(n.Attr, "class")
	if n.Parent != nil {
		class += " " + attr(n.Parent.Attr, "class")
	}
	t := d.when(s)
	switch {
	case t.IsZero():
		if got, ok := readClock(textOf(n)); ok && c.len == 0 {
			*c = got
		} else if got, ok := readClock(s); ok && c.len == 0 {
			*c = got
		}
	case strings.Contains(class, "updated") || strings.Contains(class, "modified"):
		if e.Updated.IsZero() {
			e.Updated = t
		}
	case e.Published.IsZero():
		e.Published = t
	}
}

// printedTime looks for a time as readers see it, where no element or attribute
// had one: in an element whose class says that it is a time, else at the
// beginning of the text.
func (d *document) printedTime(e *news.Entry, c *clock, stamp string) {
	if c.len > 0 || !e.Published.IsZero() {
		return
	}
	if e.Published = d.moment(stamp); !e.Published.IsZero() {
		return
	}
	if got, ok := readClock(stamp); ok {
		*c = got
		return
	}
	if d.leadingMoment(e) {
		return
	}
	*c = leadingClock(e)
}

// leadingMoment reads the date and time that are the first paragraph of an
// entry, and takes them off.
func (d *document) leadingMoment(e *news.Entry) bool {
	first, rest, more := strings.Cut(e.Body, "\n\n")
	if !more || len(first) > 60 || !startsWithDigit(first) && e.Headline == "" {
		return false
	}
	t := d.moment(first)
	if t.IsZero() {
		return false
	}
	e.Published, e.Body = t, rest
	takeHeadline(e)
	return true
}

// takeHeadline makes a first line that looks like one the headline of an entry
// without.
func takeHeadline(e *news.Entry) {
	if e.Headline != "" {
		return
	}
	if head, rest, ok := strings.Cut(e.Body, "\n\n"); ok && looksLikeHeadline(head) {
		e.Headline, e.Body = head, rest
	}
}

// moment reads a date and a time of day as printed: "1 March 2026, 14:05",
// "14.05 Uhr, 01.03.2026". Zero if one of them is missing.
func (d *document) moment(s string) time.Time {
	if len(s) < 8 || len(s) > 80 {
		return time.Time{}
	}
	if t := d.when(s); !t.IsZero() {
		return t
	}
	if c, ok := readClock(s); ok { // the time first
		if day, ok := readDay(strings.TrimLeft(s[c.len:], " ,|–-"), d.today()); ok {
			return d.possible(c.at(day, d.zone()))
		}
		return time.Time{}
	}
	for i := len(s) - 4; i > 0; i-- { // the date first
		if s[i-1] != ' ' {
			continue
		}
		c, ok := readClock(s[i:])
		if !ok {
			continue
		}
		head := strings.TrimRight(s[:i], " ,|–-")
		for _, word := range []string{" at", " um", " alle", " à", " a las", " às", " om"} {
			head = strings.TrimSuffix(head, word)
		}
		if day, ok := readDay(strings.TrimRight(head, " ,|–-"), d.today()); ok {
			return d.possible(c.at(day, d.zone()))
		}
	}
	return time.Time{}
}

// leadLine takes a bold first line for the headline, where an entry has no
// heading.
func leadLine(n *html.Node, body string) (headline, rest string) {
	if line := boldChild(n); line != "" {
		if rest, ok := strings.CutPrefix(body, line+"\n\n"); ok {
			return line, rest
		}
	}
	first := find(n, func(c *html.Node) bool { return c.Data == "p" && fold(textOf(c)) != "" })
	if first == nil {
		return "", body
	}
	var bold *html.Node
	for c := first.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == html.TextNode && strings.TrimSpace(c.Data) == "":
		case c.Type == html.ElementNode && (c.Data == "strong" || c.Data == "b") && bold == nil:
			bold = c
		default:
			return "", body
		}
	}
	if bold == nil {
		return "", body
	}
	line := oneLine(textOf(bold))
	rest, ok := strings.CutPrefix(body, line)
	if line == "" || len(line) > 200 || !ok {
		return "", body
	}
	return line, strings.TrimSpace(rest)
}

// boldChild returns the line that an element begins with, after its time, if
// it is all bold.
func boldChild(n *html.Node) string {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == html.TextNode && strings.TrimSpace(c.Data) == "", c.Type == html.CommentNode, c.Data == "time" && c.Type == html.ElementNode:
		case c.Type == html.ElementNode && (c.Data == "strong" || c.Data == "b"):
			line := oneLine(textOf(c))
			if _, timed := readClock(line); timed || len(line) > 200 {
				return ""
			}
			return line
		default:
			return ""
		}
	}
	return ""
}

// leadingClock reads the time of day that the headline or the text begins
// with. It is taken off the text; a headline stays as printed.
func leadingClock(e *news.Entry) clock {
	if c, ok := readClock(e.Headline); ok {
		return c
	}
	c, ok := readClock(e.Body)
	if !ok {
		return clock{}
	}
	e.Body = strings.TrimSpace(e.Body[c.len:])
	takeHeadline(e)
	return c
}
