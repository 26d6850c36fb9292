package parse

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// Microdata: elements with itemprop=liveBlogUpdate and properties inside.

func sniffMicrodata(d *document) bool {
	return d.onPage(func(p *page) bool { return len(p.micro) > 0 })
}

func parseMicrodata(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	var clocks []clock
	for _, n := range newest(d, p.micro, d.nodeTime) {
		e, c := d.microEntry(n)
		r.Entries, clocks = append(r.Entries, e), append(clocks, c)
	}
	if len(r.Entries) == 0 {
		return r, refusal("has no element with itemprop liveBlogUpdate")
	}
	(&dayState{}).date(d, r.Entries, clocks)
	each(p.root, func(n *html.Node) bool {
		if r.end.IsZero() && attr(n.Attr, "itemprop") == "coverageEndTime" {
			r.end = d.when(propValue(n))
		}
		return true
	})
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

func (d *document) microEntry(n *html.Node) (news.Entry, clock) {
	e, c := d.blockEntry(n)
	e.Entry = news.EntryID(blockID(n))
	own := false
	each(n, func(m *html.Node) bool {
		if attr(m.Attr, "itemprop") == "liveBlogUpdate" {
			return false
		}
		for prop := range strings.FieldsSeq(attr(m.Attr, "itemprop")) {
			d.microProp(&e, prop, m, &own)
		}
		return !hasAttr(m, "itemscope")
	})
	if e.Entry == "" {
		if f := fragmentID(e.URL, ""); f != "" {
			e.Entry = news.EntryID(f)
		}
	}
	return e, c
}

func (d *document) microProp(e *news.Entry, prop string, m *html.Node, own *bool) {
	switch prop {
	case "headline", "name":
		if h := oneLine(propValue(m)); h != "" && (prop == "headline" || e.Headline == "") {
			e.Headline = h
		}
	case "articleBody", "text", "description":
		if *own && prop != "articleBody" {
			return
		}
		*own = true
		if s := attr(m.Attr, "content"); s != "" {
			e.Body, _ = d.body(s)
			return
		}
		pr := newProse(d.base)
		for c := m.FirstChild; c != nil; c = c.NextSibling {
			pr.node(c)
		}
		if s := pr.text(); s != "" {
			e.Body = s
		}
	case "datePublished", "dateCreated":
		if t := d.when(propValue(m)); !t.IsZero() && (prop == "datePublished" || e.Published.IsZero()) {
			e.Published = t
		}
	case "dateModified":
		if t := d.when(propValue(m)); !t.IsZero() {
			e.Updated = t
		}
	case "url", "mainEntityOfPage":
		if e.URL == "" || strings.Contains(propValue(m), "#") {
			e.URL = propValue(m)
		}
	case "author":
		if e.Author == "" {
			e.Author = names(microName(m))
		}
	}
}

// microName returns the name of a person, written as text or as properties.
func microName(n *html.Node) string {
	inner := find(n, func(m *html.Node) bool { return hasClass(attr(m.Attr, "itemprop"), "name") })
	if inner != nil {
		return propValue(inner)
	}
	return propValue(n)
}

// propValue returns a property's value by the rules of microdata.
func propValue(n *html.Node) string {
	if s := attr(n.Attr, "content"); s != "" {
		return s
	}
	switch n.Data {
	case "time":
		if s := attr(n.Attr, "datetime"); s != "" {
			return s
		}
	case "a", "link", "area":
		if s := attr(n.Attr, "href"); s != "" {
			return s
		}
	case "img", "video", "audio", "source", "iframe":
		return attr(n.Attr, "src")
	}
	return strings.TrimSpace(textOf(n))
}
