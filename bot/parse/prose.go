package parse

import (
	"bytes"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// A prose turns markup into plain text with paragraphs, and sets aside what
// is not text: pictures, embedded posts, bylines. It is fed events, so that
// the same rules serve a parsed page ([prose.node]) and a fragment out of a
// feed or an API ([prose.markup]), which never becomes a tree.
type prose struct {
	base  *url.URL
	flat  bool                // a single line: no paragraphs, nothing set aside
	entry bool                // an entry's own markup: bylines and times are not its text
	omit  map[*html.Node]bool // parts of the page that are known to be something else
	roles map[*html.Node]role // parts of the page whose meaning is known

	b      []byte
	gap    int
	tree   bool // events are balanced, as those of a parsed page
	bullet int  // 1 + the gap before a list item that has no word yet
	lists  int  // open lists
	items  int  // list items since the outermost opened
	open   []special
	author string
	stamp  string // the first time of an entry that is no <time> element, as printed
	media  []news.Media
	figure int // media before the last figure that opened
	shown  int // 1 + length of b where it opened; 0 none
	quoted int // length of b after the last block quote; 0 none

	goesOn  *string // takes the first link that says that coverage goes on there; nil on pages, which look themselves
	href    string  // of the link that is open
	linked  int     // length of b where it opened
	ended   int     // length of b where the last link closed
	par     int     // length of b where the paragraph began
	source  string  // the first picture of several that a <picture> offers
	offered int     // media when a <source> was last set aside
}

// What separates the next word from the last.
const (
	noGap = iota
	blank
	line
	paragraph
)

// A special is an open element that changes what its content means.
type special struct {
	tag   string
	nest  int // elements of the same name open inside
	role  role
	outer []byte // what was written before it
	gap   int
	link  string // the last link inside
}

type role int

const (
	skipped  role = iota + 1
	quote         // a block quote
	embedded      // a post on another platform
	caption
	cited // the source of a block quote
	byline
	stamp    // the time of an entry
	credited // whose work the pictures before it are
	phrase   // words quoted inside a sentence: <q>
	raised   // <sup>
)

func newProse(base *url.URL) *prose { return &prose{base: base} }

// text returns what was read, and everything that is left open closed.
func (p *prose) text() string {
	for len(p.open) > 0 {
		p.pop()
	}
	p.dropTeaser()
	s := string(p.b)
	if strings.IndexByte(s, '&') >= 0 && entity.MatchString(s) {
		s = html.UnescapeString(s)
	}
	s = strings.TrimSpace(dropMacros(s))
	if p.entry {
		s = withoutInvitations(s)
	}
	return s
}

// withoutInvitations drops the paragraphs at the end of an entry that only
// ask to do something with it.
func withoutInvitations(s string) string {
	for {
		i := strings.LastIndexByte(s, '\n')
		if !invitations[strings.ToLower(strings.Trim(s[i+1:], " •.…›»>"))] {
			return s
		}
		s = strings.TrimSpace(s[:max(i, 0)])
		if s == "" {
			return s
		}
	}
}

var invitations = map[string]bool{
	"share": true, "share this": true, "share this post": true, "share post": true, "tweet": true, "copy link": true, "link copied": true,
	"read more": true, "permalink": true, "facebook": true, "twitter": true, "whatsapp": true, "email": true, "teilen": true,
	"mehr lesen": true, "condividi": true, "partager": true, "compartir": true, "compartilhar": true, "back to top": true, "comments": true,
}

// node reads an element of a page and everything below it.
func (p *prose) node(n *html.Node) {
	p.tree = true
	switch n.Type {
	case html.TextNode:
		p.words(n.Data)
		return
	case html.ElementNode:
		if p.omit[n] {
			p.widen(paragraph)
			return
		}
		if r := p.roles[n]; r != 0 {
			p.startAs(n, r)
			break
		}
		p.start(n.Data, n.Attr)
	case html.CommentNode, html.DoctypeNode:
		return
	}
	if !ignoredTags[n.Data] {
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			p.node(c)
		}
	}
	if n.Type == html.ElementNode {
		p.end(n.Data)
	}
}

// markup reads a fragment of HTML.
func (p *prose) markup(s string) {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '&') < 0 {
		p.words(s) // no tokenizer with its buffer for a word
		return
	}
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(1 << 20)
	var attrs []html.Attribute
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			p.words(string(z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := tagName(name)
			attrs = attrs[:0]
			for more {
				var key, val []byte
				key, val, more = z.TagAttr()
				if k := attrName(key); k != "" {
					attrs = append(attrs, html.Attribute{Key: k, Val: string(val)})
				}
			}
			p.start(tag, attrs)
			if voidTags[tag] {
				p.end(tag)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			p.end(tagName(name))
		}
	}
}

// tagName returns a string for name, without allocating for the usual ones.
func tagName(name []byte) string {
	switch string(name) {
	case "p":
		return "p"
	case "a":
		return "a"
	case "br":
		return "br"
	case "b":
		return "b"
	case "em":
		return "em"
	case "strong":
		return "strong"
	case "div":
		return "div"
	case "span":
		return "span"
	case "li":
		return "li"
	case "img":
		return "img"
	}
	return string(name)
}

// attrName returns name if a prose looks at it.
func attrName(name []byte) string {
	for _, k := range [...]string{"class", "href", "src", "alt", "rel", "itemprop", "srcset", "data-src", "data-original",
		"width", "height", "cite", "data-tweetid", "data-videoid", "poster", "data-href", "data-instgrm-permalink", "data-url", "data-srcset", "data-lazy-src", "type"} {
		if string(name) == k {
			return k
		}
	}
	return ""
}

var (
	ignoredTags = set("script style template noscript head svg math object select textarea button form input nav canvas map dialog amp-social-share amp-ad amp-analytics amp-pixel")
	unseenTags  = set("script style template noscript head") // may stand inside a word
	voidTags    = set("area base br col embed hr img input link meta param source track wbr amp-img amp-pixel")
	blockTags   = set("address article aside center dd details div dl dt fieldset figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr main ol p pre section summary table tbody tfoot thead ul video audio amp-img amp-video")
)

// widen makes the next word stand at least gap away from the last.
func (p *prose) widen(gap int) {
	if p.flat && gap > blank {
		gap = blank
	}
	p.gap = max(p.gap, gap)
}

// words adds running text.
func (p *prose) words(s string) {
	if p.role() == skipped {
		return
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			p.gap = max(p.gap, blank)
			i++
			continue
		case c < ' ' || c == 0x7F:
			i++
			continue
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			if unicode.IsSpace(r) {
				p.gap = max(p.gap, blank)
				i += size
				continue
			}
			if invisible(r) {
				i += size
				continue
			}
		}
		n := wordLen(s[i:])
		p.word(s[i : i+n])
		i += n
	}
}

// wordLen returns the length of the word s begins with; at least 1.
func wordLen(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c <= ' ' || c == 0x7F {
			return max(i, 1)
		}
		if c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) || invisible(r) {
			return max(i, 1)
		}
		i += size
	}
	return len(s)
}

func (p *prose) word(w string) {
	bullet := p.bullet > 0
	if bullet { // blocks inside the item do not separate it from its bullet
		p.gap, p.bullet = p.bullet-1, 0
	}
	if len(p.b) > 0 {
		switch p.gap {
		case blank:
			p.b = append(p.b, ' ')
		case line:
			p.dropTeaser()
			if len(p.b) > 0 {
				p.b = append(p.b, '\n')
			}
			p.par = len(p.b)
		case paragraph:
			if p.dropTeaser(); len(p.b) == 0 {
				break
			}
			if p.quoted == len(p.b) && dashed(w) { // "– Name, role" under a block quote
				p.b = append(p.b, '\n')
			} else {
				p.b = append(p.b, "\n\n"...)
			}
			p.par = len(p.b)
		}
	}
	p.gap = noGap
	if bullet {
		p.b = append(p.b, "• "...)
	}
	p.b = append(p.b, w...)
}

func dashed(w string) bool {
	return strings.HasPrefix(w, "–") || strings.HasPrefix(w, "—") || strings.HasPrefix(w, "―")
}

func (p *prose) role() role {
	if len(p.open) == 0 {
		return 0
	}
	return p.open[len(p.open)-1].role
}

func (p *prose) start(tag string, attrs []html.Attribute) {
	if p.nested(tag) && p.role() == skipped {
		return
	}
	if r := p.special(tag, attrs); r != 0 {
		p.unnest(tag)
		p.push(tag, r)
		if r == embedded {
			p.open[len(p.open)-1].link = embedLink(attrs)
		}
		return
	}
	switch {
	case tag == "br":
		if p.gap == line {
			p.widen(paragraph)
		}
		p.widen(line)
	case tag == "ul" || tag == "ol":
		p.openList()
	case tag == "li":
		p.widen(line)
		if p.items > 0 && p.lists > 0 && p.gap > line {
			p.gap = line // paragraphs inside the last item do not part them
		}
		p.items++
		if !p.flat {
			p.bullet = 1 + p.gap
		}
	case tag == "tr":
		p.widen(line)
	case tag == "td" || tag == "th":
		p.widen(blank)
	case blockTags[tag]:
		p.widen(paragraph)
	}
	if p.flat {
		return
	}
	switch tag {
	case "figure":
		p.figure, p.shown = len(p.media), 1+len(p.b)
	case "a":
		if href := attr(attrs, "href"); href != "" {
			p.href, p.linked = href, len(p.b)
			for i := range p.open {
				p.open[i].link = href
			}
		}
	case "img", "amp-img":
		p.image(attrs)
	case "picture":
		p.source = ""
	case "source":
		p.offer(attrs)
	case "video", "audio", "amp-video", "iframe", "amp-iframe", "amp-twitter", "amp-youtube":
		p.player(tag, attrs)
	}
}

// startAs opens an element whose meaning is known. An embedded post may name
// its address itself.
func (p *prose) startAs(n *html.Node, r role) {
	if p.nested(n.Data) && p.role() == skipped {
		return
	}
	p.unnest(n.Data)
	p.push(n.Data, r)
	if r != embedded {
		return
	}
	p.open[len(p.open)-1].link = embedLink(n.Attr)
}

// embedLink returns the address that the element of an embedded post names;
// links inside may still name a better one.
func embedLink(attrs []html.Attribute) string {
	for _, key := range []string{"href", "src", "data-src", "data-url", "data-href", "data-instgrm-permalink", "cite"} {
		if v := attr(attrs, key); v != "" {
			return v
		}
	}
	return ""
}

// more writes text that goes on in the line.
func (p *prose) more(text string) {
	if text != "" {
		p.word(text)
	}
}

// superscript keeps "10³" from becoming 103.
func superscript(s string) string {
	const plain, raised = "0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
	out := []rune(s)
	for i, r := range out {
		k := strings.IndexRune(plain, r)
		if k < 0 {
			return s
		}
		out[i] = []rune(raised)[k]
	}
	return string(out)
}

// openList starts a list. One inside an item goes on with its lines.
func (p *prose) openList() {
	if p.lists == 0 {
		p.items = 0
		p.widen(paragraph)
	} else {
		p.widen(line)
	}
	p.lists++
}

// nested keeps count of elements with the name of the innermost special one,
// and reports whether tag is inside it. A paragraph or list item that opens
// again has ended before: their end tags may be left out.
func (p *prose) nested(tag string) bool {
	if len(p.open) == 0 {
		return false
	}
	top := &p.open[len(p.open)-1]
	if tag != top.tag || voidTags[tag] {
		return true
	}
	if !p.tree && (tag == "p" || tag == "li") {
		p.pop()
		return p.nested(tag)
	}
	top.nest++
	return true
}

// unnest takes back what nested counted: the element becomes the innermost
// special one itself, and its end will be its own.
func (p *prose) unnest(tag string) {
	if n := len(p.open); n > 0 && p.open[n-1].tag == tag && !voidTags[tag] {
		p.open[n-1].nest--
	}
}

func (p *prose) end(tag string) {
	if n := len(p.open); n > 0 && p.open[n-1].tag == tag {
		if p.open[n-1].nest == 0 {
			p.pop()
			return
		}
		p.open[n-1].nest--
	}
	if p.role() == skipped {
		return
	}
	switch {
	case tag == "a":
		p.noteLink()
		p.ended = len(p.b)
	case tag == "ul" || tag == "ol":
		p.lists = max(p.lists-1, 0)
		p.widen(paragraph)
	case tag == "li" || tag == "tr":
		p.widen(line)
		p.bullet = 0
	case tag == "td" || tag == "th":
		p.widen(blank)
	case blockTags[tag]:
		p.widen(paragraph)
	}
}

// special says what an element means if it is not plain text.
func (p *prose) special(tag string, attrs []html.Attribute) role {
	if ignoredTags[tag] {
		return skipped
	}
	if p.flat || voidTags[tag] {
		return 0
	}
	class := attr(attrs, "class")
	switch tag {
	case "blockquote":
		for _, name := range embedClasses {
			if hasClass(class, name) {
				return embedded
			}
		}
		return quote
	case "figcaption":
		return caption
	case "q":
		return phrase
	case "sup":
		return raised
	case "cite", "footer":
		for i := range p.open {
			if p.open[i].role == quote {
				return cited
			}
		}
	case "iframe":
		return 0
	case "time":
		if p.entry {
			return stamp
		}
	}
	if p.entry && (attr(attrs, "rel") == "author" || attr(attrs, "itemprop") == "author") {
		return byline
	}
	if class == "" {
		return 0
	}
	if tag == "div" && strings.Contains(class, "fb-") && (hasClass(class, "fb-post") || hasClass(class, "fb-video")) {
		return embedded
	}
	return p.classRole(class)
}

var embedClasses = []string{"twitter-tweet", "twitter-video", "instagram-media", "tiktok-embed", "bluesky-embed", "mastodon-embed", "fb-post", "text-post-media"}

var (
	furniture = set(`share sharing sharer shares sharebar social advert adverts advertisement advertising ad ads adslot mpu
		promo promotion newsletter signup subscribe related recommended recirculation outbrain taboola breadcrumb breadcrumbs
		comments commenting toolbar reactions skip tombstone cookie paywall readmore`)
	captions = set(`caption captions newscaption figcaption`)
	credits  = set(`credit credits copyright photographer`)
	stamps   = set(`time timestamp datetime pubdate published updated timeago permalink`)
	hiding   = map[string]string{"hidden": "visually", "only": "sr", "text": "reader", "reader": "screen"} // after what word
	excused  = set(`has with no is not without can embed embedded`)
)

// classRole judges an element by the words of its class names.
func (p *prose) classRole(class string) role {
	before, found := "", role(0)
	classWords(class, func(w string) bool {
		switch {
		case excused[w] && (w == "embed" || w == "embedded"):
			found = 0
			return false
		case excused[before]:
		case furniture[w]:
			found = skipped
		case hiding[w] == before && before != "":
			found = skipped // said to screen readers only: "Skip past newsletter"
		case captions[w] && found == 0:
			found = caption
		case credits[w] && (found == 0 || found == caption):
			found = credited
		case p.entry && (w == "byline" || w == "author" || w == "authors") && found == 0:
			found = byline
		case p.entry && stamps[w] && found == 0:
			found = stamp
		}
		before = w
		return true
	})
	return found
}

func (p *prose) push(tag string, r role) {
	if r == skipped || len(p.open) < 64 {
		p.open = append(p.open, special{tag: tag, role: r, gap: p.gap})
	} else {
		p.open = append(p.open, special{tag: tag, role: skipped, gap: p.gap})
	}
	top := &p.open[len(p.open)-1]
	top.outer, p.b = p.b, nil
	p.gap = noGap
}

// pop closes the innermost special element and says what became of its text.
func (p *prose) pop() {
	top := &p.open[len(p.open)-1]
	inner, r, gap, link, inline := string(p.b), top.role, top.gap, top.link, inlineTags[top.tag]
	p.b = top.outer
	p.open = p.open[:len(p.open)-1]
	after := paragraph
	if inline {
		after = blank
	} else if unseenTags[top.tag] {
		after = noGap
	}
	p.gap = gap
	if r == phrase || r == raised {
		after = noGap
	}
	switch r {
	case quote:
		p.blockQuote(inner)
	case cited:
		p.attribution(inner)
	case embedded:
		p.embed(link, fold(inner))
	case caption:
		p.caption(inner)
	case credited:
		p.credit(inner)
	case phrase:
		if inner = strings.TrimSpace(inner); inner != "" && !marked(inner) {
			inner = "“" + inner + "”"
		}
		p.more(inner)
	case raised:
		p.more(superscript(inner))
	case byline, stamp:
		if utf8.RuneCountInString(inner) > 120 { // a whole entry in an element called "author-content"
			p.add(inner)
			break
		}
		if r == byline && p.author == "" {
			p.author = names(inner)
		}
		if r == stamp && p.stamp == "" {
			p.stamp = fold(inner)
		}
	}
	p.widen(after)
}

var inlineTags = set("a abbr b cite em i mark q small span strong time u")

// add writes text that is already laid out as a paragraph of its own.
func (p *prose) add(text string) {
	if text == "" {
		return
	}
	p.widen(paragraph)
	p.word(text)
	p.widen(paragraph)
}

// blockQuote writes a quotation as paragraphs of its own. Marks are added
// where the page shows by layout that the words are quoted: plain text has no
// layout. The words stay as they are.
func (p *prose) blockQuote(s string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return
	}
	text, source := splitAttribution(s)
	if text != "" && !marked(text) {
		text = quoted(text)
	}
	if source != "" {
		if !dashed(source) {
			source = "– " + source
		}
		text += "\n" + source
	}
	p.add(text)
	p.quoted = len(p.b)
}

// marked reports whether s begins with a quotation mark.
func marked(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune("\"“”„«»‘’'‹›「『", first)
}

// quoted puts marks around the paragraphs of s, but for those that have them:
// what is quoted inside.
func quoted(s string) string {
	pars := strings.Split(s, "\n\n")
	for i, par := range pars {
		if !marked(par) {
			pars[i] = "“" + par
		}
	}
	out := strings.Join(pars, "\n\n")
	if last := pars[len(pars)-1]; strings.HasSuffix(last, "”") && strings.Count(last, "“") == strings.Count(last, "”") {
		return out
	}
	return out + "”"
}

// splitAttribution separates the last line of a block quote if it names whose
// words they are.
func splitAttribution(s string) (text, source string) {
	i := strings.LastIndexByte(s, '\n')
	if i < 0 || !dashed(s[i+1:]) && !strings.HasPrefix(s[i+1:], "- ") || len(s)-i > 200 {
		return s, ""
	}
	return strings.TrimSpace(s[:i]), strings.TrimPrefix(s[i+1:], "- ")
}

// attribution writes the source of the quotation before it as its own line.
func (p *prose) attribution(s string) {
	s = fold(s)
	if s == "" {
		return
	}
	if !dashed(s) {
		s = "– " + strings.TrimPrefix(s, "- ")
	}
	p.widen(line)
	if p.gap > line {
		p.gap = line
	}
	p.word(s)
}

// body turns HTML, escaped or not, into text and media. Where it holds no tag
// a line feed is a blank, as in HTML, and an empty line parts paragraphs.
func (d *document) body(s string) (string, []news.Media) {
	p := d.prose(s)
	if p == nil {
		return unwrapped(dropMacros(unescape(s))), nil
	}
	return p.text(), p.media
}

// lines is body for fields that ought to be plain text: where they hold no
// tag, each line is a paragraph.
func (d *document) lines(s string) (string, []news.Media) {
	p := d.prose(s)
	if p == nil {
		return paragraphs(dropMacros(unescape(s))), nil
	}
	return p.text(), p.media
}

// prose reads a fragment as markup; nil if it holds none.
func (d *document) prose(s string) *prose {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '&') < 0 {
		return nil
	}
	if !hasTag(s) {
		if s = unescape(s); !hasTag(s) {
			return nil
		}
	}
	p := d.newProse()
	p.markup(s)
	return p
}

// newProse returns a prose for a fragment out of the document's data.
func (d *document) newProse() *prose {
	p := newProse(d.base)
	p.goesOn = &d.goesOn
	return p
}

// noteLink looks at the link that closes: whether it leads to where the
// coverage goes on, by its own words or by those of its paragraph so far.
func (p *prose) noteLink() {
	if p.goesOn == nil || *p.goesOn != "" || p.href == "" || p.linked > len(p.b) {
		return
	}
	text := string(p.b[p.linked:])
	start := max(bytes.LastIndex(p.b, []byte("\n\n")), len(p.b)-maxSentence, 0)
	if saysContinued(text) || len(text) < 25 && saysContinued(string(p.b[start:])) {
		*p.goesOn = p.href
	}
	p.href = ""
}
