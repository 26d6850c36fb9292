package parse

import (
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// Repeated blocks: the children of one element that look alike, carry times
// and hold text, whoever made the page.

// minBlockText is the least text, in bytes and on average, that tells an entry
// from a line in a list.
const minBlockText = 80

func parseBlocks(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	entries, name := d.repeatedBlocks()
	if len(entries) == 0 {
		return r, refusal("has no blocks that repeat with times and text")
	}
	if d.Format == "" && p.blog == nil && !p.live(d) && !liveClass(name) && !d.unmistakable(entries) {
		return r, refusal("has blocks that repeat, but nothing says that they are live")
	}
	r.Entries = entries
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// unmistakable reports whether blocks can only be entries though nothing says
// so: many, named, with headlines, at different times. Comments have no
// headlines.
func (d *document) unmistakable(entries []news.Entry) bool {
	named, times := 0, map[int64]bool{}
	for i := range entries {
		e := &entries[i]
		if e.Entry != "" {
			named++
		}
		if !e.Published.IsZero() {
			times[e.Published.Unix()] = true
		}
	}
	n := len(entries)
	return n >= 5 && len(times) >= 3 && named*10 >= n*7 && d.headings*10 >= n*7
}

// repeatedBlocks finds the group of alike siblings with most text and reads
// it; name is made of the classes around it.
func (d *document) repeatedBlocks() ([]news.Entry, string) {
	p, err := d.html()
	if err != nil {
		return nil, ""
	}
	f := finder{d: d}
	f.measure(p.body)
	// A container that says what it is needs no times.
	if f.best == nil && p.blog != nil && p.blog != p.body && p.blog.Data != "html" {
		f.inside = true
		f.measure(p.blog)
	}
	if f.best == nil {
		return nil, ""
	}
	var entries []news.Entry
	var clocks []clock
	times := map[int64]bool{}
	day := dayState{}
	for c := f.first(); c != nil && len(entries) < d.most(); c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		if signature(c) != f.best.sig {
			if s := textOf(c); len(s) < 100 {
				day.heading(oneLine(s), d)
			}
			continue
		}
		e, ck := d.blockEntry(c)
		if h := find(c, isHeading); h != nil && !isLinked(h) { // linked ones head teasers
			d.headings++
		}
		e.Entry = news.EntryID(blockID(c))
		if e.Entry != "" && e.URL == "" && attr(c.Attr, "id") != "" {
			e.URL = "#" + attr(c.Attr, "id")
		}
		if !e.Published.IsZero() {
			times[e.Published.Unix()] = true
		} else if ck.len > 0 {
			times[int64(ck.h*60+ck.m)] = true
		}
		entries, clocks = append(entries, e), append(clocks, ck)
		day.mark(len(entries) - 1)
	}
	if len(entries) < 3 || len(times) < 2 && !f.inside {
		return nil, ""
	}
	d.recurringBylines(entries)
	day.date(d, entries, clocks)
	return entries, f.best.name()
}

// first returns the node from which on the group is read: its first, unless it
// has more than are read and tells the story from the beginning.
func (f *finder) first() *html.Node {
	if f.best.n <= f.d.most() {
		return f.best.parent.FirstChild
	}
	var alike []*html.Node
	for c := f.best.parent.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == html.ElementNode && signature(c) == f.best.sig {
			alike = append(alike, c)
		}
	}
	return newest(f.d, alike, f.d.nodeTime)[0]
}

// blockID returns the id an element states for itself.
func blockID(n *html.Node) string {
	if id := attr(n.Attr, "id"); id != "" {
		return id
	}
	for _, key := range []string{"data-id", "data-post-id", "data-entry-id", "data-event-id", "data-block-id", "data-item-id", "data-update-id", "data-key"} {
		if id := attr(n.Attr, key); id != "" {
			return id
		}
	}
	return ""
}

// signature is the tag and first class name of an element: modifiers such as
// "is-key-event" come later.
func signature(n *html.Node) string {
	class := strings.TrimLeft(attr(n.Attr, "class"), " \t\n")
	if i := strings.IndexAny(class, " \t\n"); i >= 0 {
		class = class[:i]
	}
	return n.Data + "." + class
}

// A group is a set of siblings that look alike.
type group struct {
	parent *html.Node
	sig    string
	n      int
	timed  int
	named  int // those with an id
	linked int // those that are nothing but a link: teasers
	text   int
}

func (g *group) name() string {
	var b strings.Builder
	b.WriteString(g.sig)
	for n, i := g.parent, 0; n != nil && n.Data != "body" && i < 4; n, i = n.Parent, i+1 {
		b.WriteString(" " + attr(n.Attr, "class") + " " + attr(n.Attr, "id"))
	}
	return b.String()
}

type finder struct {
	d    *document
	best *group
	// inside reports that what is measured is known to be a live blog.
	inside bool
}

// A size is what an element holds.
type size struct {
	text, link int
	timed      bool
}

// measure walks the page once, children before parents.
func (f *finder) measure(n *html.Node) size {
	var s size
	var groups map[string]*group
	started := false
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case html.TextNode:
			t := strings.TrimSpace(c.Data)
			s.text += len(t)
			if t != "" && !started {
				started = true
				if startsWithDigit(t) {
					_, ok := readClock(t)
					s.timed = s.timed || ok
				}
			}
			continue
		case html.ElementNode:
		default:
			continue
		}
		if ignoredTags[c.Data] || isFurniture(c) {
			continue
		}
		inner := f.measure(c)
		timed := inner.timed || c.Data == "time" || hasTime(c)
		if !blockTags[n.Data] && !isHeading(n) || !started {
			s.timed = s.timed || inner.timed && (inlineTags[c.Data] || !started)
		}
		s.timed = s.timed || c.Data == "time" || inner.timed && len(strings.TrimSpace(attr(c.Attr, "class"))) > 0
		started = started || inner.text > 0
		s.text += inner.text
		s.link += inner.link
		if c.Data == "a" {
			s.link += inner.text
		}
		if blockTags[c.Data] || c.Data == "li" || strings.Contains(c.Data, "-") {
			if groups == nil {
				groups = make(map[string]*group)
			}
			sig := signature(c)
			g := groups[sig]
			if g == nil {
				g = &group{parent: n, sig: sig}
				groups[sig] = g
			}
			g.add(inner, timed)
			if blockID(c) != "" {
				g.named++
			}
		}
	}
	for _, g := range groups {
		f.consider(g)
	}
	return s
}

func hasTime(n *html.Node) bool {
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "data-") && len(a.Val) >= 10 && len(a.Val) <= 32 && startsWithDigit(a.Val) {
			if _, ok := parseTime(a.Val, time.UTC); ok {
				return true
			}
		}
	}
	return false
}

func (g *group) add(s size, timed bool) {
	g.n++
	if timed {
		g.timed++
	}
	if s.text > 0 && s.link*10 > s.text*7 {
		g.linked++
	}
	g.text += s.text
}

// consider keeps g if it is a better list of entries than the best so far. A
// tie goes to the signature that sorts first: map order must not decide.
func (f *finder) consider(g *group) {
	least := minBlockText
	if f.inside {
		least /= 4
	}
	if g.n < 3 || g.timed*10 < g.n*7 && !(f.inside && g.named*10 >= g.n*7) || g.text < g.n*least || g.linked*2 > g.n {
		return
	}
	if f.best == nil || g.text > f.best.text || g.text == f.best.text && g.sig < f.best.sig {
		f.best = g
	}
}
