package parse

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// h-feed and hAtom. Themes put "hentry" on any article, so that it takes two
// siblings with different times to make a feed, unless an h-feed says it is
// one.

func sniffHFeed(d *document) bool {
	return d.onPage(func(p *page) bool { return len(p.hentry) > 0 })
}

func parseHFeed(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	byParent := make(map[*html.Node][]*html.Node)
	var order []*html.Node
	for _, n := range p.hentry {
		if n.Parent == nil || within(n, "h-entry", "hentry") != nil {
			continue
		}
		if byParent[n.Parent] == nil {
			order = append(order, n.Parent)
		}
		byParent[n.Parent] = append(byParent[n.Parent], n)
	}
	for _, parent := range order {
		entries := d.hEntries(byParent[parent])
		feed := within(byParent[parent][0], "h-feed")
		if len(entries) > len(r.Entries) && (feed != nil || twoTimes(entries)) {
			r.Entries = entries
		}
	}
	if len(r.Entries) == 0 {
		return r, refusal("has no two sibling entries with different times")
	}
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// within returns the nearest ancestor of n with one of the classes.
func within(n *html.Node, classes ...string) *html.Node {
	for a := n.Parent; a != nil; a = a.Parent {
		class := attr(a.Attr, "class")
		for _, c := range classes {
			if hasClass(class, c) {
				return a
			}
		}
	}
	return nil
}

func twoTimes(entries []news.Entry) bool {
	for i := range entries {
		if !entries[i].Published.IsZero() && !entries[i].Published.Equal(entries[0].Published) {
			return true
		}
	}
	return false
}

func (d *document) hEntries(nodes []*html.Node) []news.Entry {
	var list []news.Entry
	for _, n := range newest(d, nodes, d.nodeTime) {
		list = append(list, d.hEntry(n))
	}
	return list
}

// hEntry reads the properties by class name, of microformats 2 and hAtom.
func (d *document) hEntry(n *html.Node) news.Entry {
	e, _ := d.blockEntry(n)
	e.Entry = news.EntryID(blockID(n))
	uid, summary := "", ""
	each(n, func(m *html.Node) bool {
		class := attr(m.Attr, "class")
		is := func(names ...string) bool {
			for _, name := range names {
				if hasClass(class, name) {
					return true
				}
			}
			return false
		}
		if is("h-entry", "hentry") { // a comment or a quoted post
			return false
		}
		switch {
		case is("p-name", "entry-title"):
			e.Headline = oneLine(hValue(m))
		case is("e-content", "entry-content"):
			pr := newProse(d.base)
			for c := m.FirstChild; c != nil; c = c.NextSibling {
				pr.node(c)
			}
			if s := pr.text(); s != "" {
				e.Body, e.Media = s, pr.media
			}
		case is("p-summary", "entry-summary"):
			summary = oneLine(hValue(m))
		case is("dt-published", "published"):
			if t := d.when(hValue(m)); !t.IsZero() {
				e.Published = t
			}
		case is("dt-updated", "updated"):
			if t := d.when(hValue(m)); !t.IsZero() {
				e.Updated = t
			}
		case is("p-author", "author"):
			e.Author = names(hValue(m))
		}
		if is("u-uid") {
			uid = hLink(m)
		}
		if is("u-url") || hasClass(attr(m.Attr, "rel"), "bookmark") {
			e.URL = hLink(m)
		}
		return true
	})
	if e.Published.IsZero() || e.Published.Equal(e.Updated) {
		if e.Published.IsZero() {
			e.Published = e.Updated
		}
	}
	if e.Body == "" {
		e.Body = summary
	}
	for _, id := range []string{uid, absolute(d.base, e.URL)} {
		if e.Entry == "" {
			e.Entry = news.EntryID(id)
		}
	}
	return e
}

func hValue(n *html.Node) string {
	for _, key := range []string{"datetime", "title"} {
		if s := attr(n.Attr, key); s != "" && (n.Data == "time" || n.Data == "abbr") {
			return s
		}
	}
	if n.Data == "data" {
		return attr(n.Attr, "value")
	}
	return textOf(n)
}

func hLink(n *html.Node) string {
	if s := attr(n.Attr, "href"); s != "" {
		return s
	}
	return strings.TrimSpace(textOf(n))
}
