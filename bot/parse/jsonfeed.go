package parse

import (
	"slices"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// JSON Feed 1.0 and 1.1. Read from the document's JSON tree rather than by
// gofeed, which refuses the whole feed for a number where the specification
// wants a string, and drops "expired".

func sniffJSONFeed(d *document) bool {
	v, ok := d.json()
	if !ok {
		return false
	}
	return strings.Contains(v.get("version").str(), "jsonfeed.org") ||
		v.get("items").kind == 'a' && (v.has("home_page_url") || v.has("feed_url") || jsonFeedItem(v.get("items")))
}

// jsonFeedItem reports whether the first of a list could be a feed's.
func jsonFeedItem(list value) bool {
	for _, item := range list.list()[:min(1, len(list.list()))] {
		return item.has("content_html") || item.has("content_text") || item.has("id") && item.has("date_published")
	}
	return false
}

func parseJSONFeed(d *document) (reading, error) {
	v, _ := d.json()
	r := reading{understood: true, feed: true}
	r.Title = v.get("title").str()
	r.URL = v.first("home_page_url", "feed_url").str()
	r.Window = true
	r.Ended = v.get("expired").truth()
	if d.base == nil {
		d.base = parseBase(r.URL)
	}
	r.rels = make(rels)
	for _, h := range v.get("hubs").list() {
		if strings.EqualFold(h.get("type").str(), "WebSub") {
			r.rels.add("hub", h.get("url").str())
		}
	}
	r.rels.add("self", v.get("feed_url").str())
	r.rels.add("next", v.get("next_url").str())
	if v.get("items").kind != 'a' {
		return r, refusal("has no items")
	}
	for _, item := range newest(d, v.get("items").list(), d.firstOf("date_published", "date_modified")) {
		if item.kind == 'o' {
			r.Entries = append(r.Entries, d.jsonFeedEntry(item))
		}
	}
	r.Entries = distinct(r.Entries, true)
	return r, nil
}

func (d *document) jsonFeedEntry(item value) news.Entry {
	e := news.Entry{
		Headline:  oneLine(item.get("title").str()),
		Published: d.whenValue(item.get("date_published")),
		Updated:   d.whenValue(item.get("date_modified")),
		URL:       absolute(d.base, item.first("url", "external_url").str()),
	}
	if html := item.get("content_html").str(); html != "" {
		e.Body, e.Media = d.body(html)
	} else {
		e.Body = paragraphs(item.first("content_text", "summary").str())
	}
	var authors []string
	for _, a := range append(slices.Clone(item.get("authors").list()), item.get("author")) {
		authors = append(authors, a.get("name").str())
	}
	e.Author = names(authors...)
	for _, t := range item.get("tags").list() {
		if s := oneLine(t.str()); s != "" && len(e.Tags) < 20 {
			e.Tags = append(e.Tags, s)
		}
	}
	if img := absolute(d.base, item.first("image", "banner_image").str()); img != "" {
		if !slices.ContainsFunc(e.Media, func(m news.Media) bool { return m.URL == img }) {
			e.Media = append([]news.Media{{URL: img, Kind: news.Image}}, e.Media...)
		}
	}
	for _, a := range item.get("attachments").list() {
		switch kind, _, _ := strings.Cut(a.get("mime_type").str(), "/"); kind {
		case "image", "video", "audio":
			e.Media = append(e.Media, news.Media{URL: absolute(d.base, a.get("url").str()), Kind: news.MediaKind(kind), Alt: oneLine(a.get("title").str())})
		}
	}
	if e.Published.IsZero() {
		e.Published = e.Updated
	}
	e.Entry = news.EntryID(strings.TrimSpace(item.get("id").str()))
	if e.Entry == "" {
		e.Entry = news.EntryID(strings.TrimSpace(item.get("url").str()))
	}
	return e
}
