package parse

import (
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// Tickaroo: a game, as they call a live blog, with its events, each a list of
// content blocks. Asked for what changed, the interface also sends what was
// deleted or unpublished.
// https://www.tickaroo.com/customer-docs/api/v4/games/events.html

// The documented values of local_status that take an event back.
const (
	tickarooUnpublished = "60"
	tickarooDeleted     = "100"
)

// tickarooFlat reads the parts of an event that are no content blocks.
var tickarooFlat = vendor{
	name:  "tickaroo",
	lists: []string{"events", "game.events", "ticker.events", "items"}, proof: []string{"local_id", "_type", "event_type"},
	id: []string{"local_id", "_id", "id"}, title: []string{"headline", "title"}, body: []string{"text", "content", "body", "html", "event_info.text", "event_info.comment"},
	author: []string{"editor.name", "author.name", "user.name", "author_name"}, created: []string{"created_at", "date", "timestamp"}, updated: []string{"updated_at"},
	url: []string{"share_url", "url"}, image: []string{"image.url", "media.url"}, deleted: []string{"deleted", "unpublished", "is_deleted"},
}

func sniffTickaroo(d *document) bool {
	doc, ok := d.json()
	if !ok {
		return false
	}
	for _, path := range tickarooFlat.lists {
		for _, e := range at(doc, path).list()[:min(1, len(at(doc, path).list()))] {
			if strings.HasPrefix(e.get("_type").str(), "Tik::") || e.has("event_type") && e.has("local_id") {
				return true
			}
		}
	}
	return strings.HasPrefix(doc.get("_type").str(), "Tik::")
}

func parseTickaroo(d *document) (reading, error) {
	doc, _ := d.json()
	r := reading{understood: true}
	r.Title = one(doc, []string{"game.meta_info.title", "meta_info.title", "title", "ticker.title"}).str()
	r.Ended = doc.get("status").str() == "finished"
	n, seen := 0, make(map[string]bool)
	for _, path := range tickarooFlat.lists {
		list := at(doc, path).list()
		n = max(n, len(list))
		for _, e := range newest(d, list, d.firstOf("created_at")) {
			d.tickarooEvent(&r, e, seen)
		}
	}
	for _, g := range doc.get("deleted_event_ids").list() {
		r.Withdrawn = append(r.Withdrawn, news.EntryID(g.str()))
	}
	limit := d.queryInt("limit")
	if limit < 1 {
		limit = 20 // the documented default
	}
	r.Window = int64(n) >= limit || d.queryInt("refresh") > 0 || strings.Contains(d.URL, "continue_event_id=")
	return r, nil
}

// tickarooEvent reads one event. The game holds abbreviated ones that only
// give the order and what was taken back.
func (d *document) tickarooEvent(r *reading, v value, seen map[string]bool) {
	id := one(v, tickarooFlat.id).str()
	if id == "" || seen[id] {
		return
	}
	status := v.get("local_status").str()
	if status == tickarooUnpublished || status == tickarooDeleted || one(v, tickarooFlat.deleted).truth() {
		seen[id] = true
		r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
		return
	}
	e := d.vendorEntry(&tickarooFlat, v, id)
	highlight := v.get("highlight").str()
	e.Key = highlight != "" && highlight != "stickyNoHighlight" && highlight != "false" || v.get("highlight").truth() || v.get("is_highlight").truth()
	if blocks := v.get("contents").list(); len(blocks) > 0 {
		d.tickarooBlocks(&e, blocks[:min(len(blocks), maxElements)])
	}
	if e.Headline != "" || e.Body != "" || len(e.Media) > 0 {
		seen[id] = true
		r.Entries = append(r.Entries, e)
	}
}

func (d *document) tickarooBlocks(e *news.Entry, blocks []value) {
	p := d.newProse()
	for _, b := range blocks {
		kind := b.get("_type").str()
		switch kind[strings.LastIndexByte(kind, ':')+1:] {
		case "MultiMediaContentBlock":
			for _, m := range b.get("items").list() {
				p.setAside(tickarooMedia(m))
			}
		case "WebEmbedContentBlock":
			d.tickarooEmbed(p, b.get("url").str())
		case "QuoteContentBlock":
			text := paragraphs(b.get("text").str())
			if who := oneLine(b.get("author").str()); who != "" {
				text += "\n– " + strings.TrimLeft(who, "–—- ")
			}
			p.blockQuote(text)
		default: // rich text, and what begins with an emoji
			text := b.first("text", "title").str()
			if e.Headline == "" && len(p.b) == 0 {
				e.Headline, text = cutHeading(text)
			}
			p.widen(paragraph)
			p.markup(text)
			p.widen(paragraph)
		}
	}
	if body := p.text(); body != "" {
		e.Body = body
	}
	if len(p.media) > 0 {
		e.Media = p.media
	}
}

// tickarooEmbed sets aside what a block embeds: an address, or the code that a
// platform gives out.
func (d *document) tickarooEmbed(p *prose, s string) {
	if !hasTag(s) {
		p.embed(s, "")
		return
	}
	p.markup(s)
}

func tickarooMedia(v value) news.Media {
	m := news.Media{Kind: news.Image, Alt: oneLine(v.first("title", "caption", "description").str()), Credit: oneLine(v.first("credit", "copyright", "author").str())}
	if strings.Contains(strings.ToLower(v.get("_type").str()), "video") {
		m.Kind = news.Video
	}
	for _, path := range []string{"url", "image_url", "image", "src", "original_url", "media.url", "image.url"} {
		if s := at(v, path).str(); m.URL == "" && strings.HasPrefix(s, "http") {
			m.URL = s
		}
	}
	return m
}
