package parse

import (
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// amp-live-list: items with an id and data-sort-time, changed ones with
// data-update-time, deleted ones with data-tombstone.

func sniffAMP(d *document) bool { return d.onPage(func(p *page) bool { return len(p.amp) > 0 }) }

func parseAMP(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	for _, list := range p.amp {
		for _, items := range children(list, "items") {
			d.ampItems(&r, items)
		}
		for _, a := range list.Attr {
			r.Ended = r.Ended || a.Key == "disabled"
		}
		r.Window = r.Window || len(children(list, "pagination")) > 0
	}
	if len(r.Entries) == 0 && len(r.Withdrawn) == 0 {
		return r, refusal("its amp-live-list holds no item with a time and text")
	}
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// children returns the child elements of n that have the attribute.
func children(n *html.Node, key string) []*html.Node {
	var list []*html.Node
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		for _, a := range c.Attr {
			if a.Key == key {
				list = append(list, c)
				break
			}
		}
	}
	return list
}

func (d *document) ampItems(r *reading, items *html.Node) {
	for _, n := range newest(d, children(items, "data-sort-time"), func(n *html.Node) time.Time { return d.when(attr(n.Attr, "data-sort-time")) }) {
		id := attr(n.Attr, "id")
		sort, update := attr(n.Attr, "data-sort-time"), attr(n.Attr, "data-update-time")
		at := d.when(sort)
		if id == "" || at.IsZero() || len(sort) < 10 { // galleries count with it: 1, 2, 3
			continue
		}
		if update != "" && strings.TrimLeft(id, "post-_") == update {
			id = "sort-" + sort // Automattic's id is the time of the last edit
		}
		if hasAttr(n, "data-tombstone") {
			r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
			continue
		}
		e, _ := d.blockEntry(n)
		if e.Headline == "" && e.Body == "" && len(e.Media) == 0 {
			continue
		}
		e.Entry, e.Published = news.EntryID(id), at
		if e.URL == "" {
			e.URL = "#" + id
		}
		r.Entries = append(r.Entries, e)
	}
}

func hasAttr(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}
