package parse

import (
	"slices"
	"strings"
)

// Alternates returns addresses where the entries of the page may be had in a
// better form, best first and without duplicates: the interface of a live-blog
// platform that the page names, then the feeds it links to. Comment feeds are
// left out. For a news sitemap it returns the addresses in it that look live.
// nil if there is none or the document is no page.
func Alternates(doc Document) []string {
	d := newDocument(doc)
	if d.head == "" || len(doc.Body) > maxBody {
		return nil
	}
	if sniffSitemap(d) {
		return d.livePages()
	}
	if !d.isMarkup() {
		return nil
	}
	p, err := d.html()
	if err != nil {
		return nil
	}
	return d.alternates(p)
}

func (d *document) alternates(p *page) []string {
	var list []string
	add := func(ref string) {
		if abs := absolute(d.base, ref); abs != "" && !slices.Contains(list, abs) && len(list) < 50 {
			list = append(list, abs)
		}
	}
	for _, ref := range d.platformAPIs(p) {
		add(ref)
	}
	for _, l := range p.links {
		if l.isFeed() {
			add(l.href)
		}
	}
	for _, l := range p.links {
		if hasClass(l.rel, "amphtml") {
			add(l.href)
		}
	}
	return list
}

// Next returns the address where the entries before those of doc are to be
// had: the next page of an interface that names it, the target of rel=next or
// of a "load more" link. "" if the document names none; a link back to the
// document itself is none. It is [news.Snapshot.Older] for documents that may
// hold no entries.
func Next(doc Document) string {
	d := newDocument(doc)
	if d.head == "" || len(doc.Body) > maxBody {
		return ""
	}
	if snap, _, err := Explain(doc); err == nil {
		return snap.Older
	}
	if d.isMarkup() {
		_, _ = d.html() // what cannot be parsed names no page
	}
	return d.older(&reading{}, headerRels(doc.Links))
}

func isFeedType(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	switch strings.TrimSpace(kind) {
	case "application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "application/xml", "text/xml", "application/json":
		return true
	}
	return false
}

// livePages returns the addresses of a sitemap whose path or title says live.
func (d *document) livePages() []string {
	urls, err := d.sitemap()
	if err != nil {
		return nil
	}
	seen := make(map[string]bool)
	var list []string
	for _, u := range urls {
		loc := absolute(d.base, u.Loc)
		if loc == "" || seen[loc] || !saysLive(loc) && !saysLive(u.News.Title) {
			continue
		}
		seen[loc] = true
		list = append(list, loc)
	}
	return list
}

// platformAPIs finds the interfaces of live-blog platforms that the page's own
// scripts read.
func (d *document) platformAPIs(p *page) []string {
	var list []string
	for _, s := range p.scripts {
		if v, ok := assigned(s.text, "liveblog_settings", "endpoint_url"); ok {
			if end := v.get("endpoint_url").str(); end != "" {
				list = append(list, strings.TrimSuffix(end, "/")+"/get-entries/1/"+v.get("latest_entry_id").str()+"-"+v.get("latest_entry_timestamp").str())
			}
		}
		if v, ok := assigned(s.text, "LB", "api_host"); ok {
			host, id := v.get("api_host").str(), v.get("blog", "_id").str()
			if host != "" && id != "" {
				if strings.HasPrefix(host, "//") {
					host = "https:" + host
				}
				list = append(list, strings.TrimSuffix(strings.TrimSuffix(host, "/"), "/api")+"/api/client_blogs/"+id+"/posts?max_results=20&page=1")
			}
		}
	}
	if strings.Contains(d.text, "elb-liveblog") {
		if n := find(p.root, hasEndpoint); n != nil {
			list = append(list, attr(n.Attr, "data-endpoint"))
		}
	}
	return list
}
