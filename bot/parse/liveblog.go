package parse

import (
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// Sourcefabric's Live Blog 3 (Superdesk, liveblog.pro, dpa-live): lists of
// posts, each made of items. Deleted and unpublished posts stay in the lists.

func sniffLiveBlog(d *document) bool {
	_, ok := d.json()
	return ok && (strings.Contains(d.text, `"post_status"`) || strings.Contains(d.text, `"blog_status"`) || strings.Contains(d.text, `"last_updated_post"`))
}

func parseLiveBlog(d *document) (reading, error) {
	v, _ := d.json()
	return d.liveBlogPosts(v)
}

func (d *document) liveBlogPosts(v value) (reading, error) {
	var r reading
	if status := v.get("blog_status").str(); status != "" {
		r.Title, r.Ended, r.understood = v.get("title").str(), status == "closed", true
		r.URL = v.get("public_url").str()
		return r, nil
	}
	posts, known := value{}, false
	for _, key := range []string{"_items", "items"} {
		if list := v.get(key); list.kind == 'a' && v.has("_meta") {
			posts, known = list, true
		}
	}
	if v.has("groups") && v.has("post_status") {
		posts, known = v, true
	}
	if !known {
		return r, refusal("holds no posts")
	}
	r.understood = true
	for _, p := range newest(d, posts.list(), d.firstOf("published_date", "firstcreated", "_created")) {
		id := p.first("_id", "guid").str()
		if id == "" {
			continue
		}
		if !liveBlogVisible(p) {
			r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
			continue
		}
		r.Entries = append(r.Entries, d.liveBlogPost(p, id))
	}
	meta := v.get("_meta")
	r.Window = meta.get("total").int() > int64(len(posts.list())) || meta.get("page").int() > 1
	return r, nil
}

// liveBlogVisible reports whether readers see a post. Submitted ones wait for
// an editor, drafts for their author; a comment is a reader's.
func liveBlogVisible(p value) bool {
	status := p.get("post_status").str()
	return !p.get("deleted").truth() && (status == "" || status == "open") && p.get("unpublished_date").empty()
}

func (d *document) liveBlogPost(p value, id string) news.Entry {
	e := news.Entry{
		Published: d.whenValue(p.first("published_date", "firstcreated", "_created")),
		Updated:   d.whenValue(p.first("content_updated_date", "_updated")),
		Key:       p.get("lb_highlight").truth() || p.get("highlight").truth(),
	}
	e.Entry = news.EntryID(id)
	if e.Updated.Sub(e.Published) < time.Second {
		e.Updated = time.Time{}
	}
	for _, who := range []value{p.get("publisher"), p.get("original_creator"), p.get("creator")} {
		if e.Author == "" {
			e.Author = names(who.first("display_name", "byline").str())
		}
	}
	pr := d.newProse()
	for _, item := range liveBlogItems(p) {
		d.liveBlogItem(&e, pr, item)
	}
	e.Body, e.Media = pr.text(), pr.media
	return e
}

// liveBlogItems returns what a post is made of: refs of its main group, or in
// version 2 of the interface a flat list.
func liveBlogItems(p value) []value {
	var items []value
	for _, g := range p.get("groups").list() {
		if g.get("id").str() != "main" {
			continue
		}
		for _, ref := range g.get("refs").list() {
			items = append(items, ref.get("item"))
		}
	}
	if len(items) > 0 {
		return items
	}
	for _, i := range append(p.get("items").list(), p.get("mainItem").list()...) {
		if inner := i.get("item"); inner.kind == 'o' {
			i = inner
		}
		items = append(items, i)
	}
	return items
}

func (d *document) liveBlogItem(e *news.Entry, p *prose, item value) {
	meta := item.get("meta")
	switch item.get("item_type").str() {
	case "image":
		d.liveBlogImage(p, item, meta)
	case "quote":
		text := meta.get("quote").str()
		if text == "" {
			p.markup(item.get("text").str())
			return
		}
		quoted, _ := d.body(text)
		if who := oneLine(meta.get("credit").str()); who != "" {
			quoted += "\n– " + strings.TrimLeft(who, "–—- ")
		}
		p.blockQuote(quoted)
	case "embed":
		m := news.Media{URL: meta.get("original_url").str(), Kind: news.Embed, Alt: oneLine(meta.first("title", "description").str())}
		if m.URL == "" {
			p.markup(meta.get("html").str())
			return
		}
		p.embed(m.URL, m.Alt)
	case "comment":
	default:
		text := item.get("text").str()
		if e.Headline == "" && len(p.b) == 0 {
			e.Headline, text = cutHeading(text)
		}
		if e.Headline == "" {
			e.Headline = oneLine(item.get("headline").str())
		}
		p.widen(paragraph)
		if hasTag(text) {
			p.markup(text)
		} else {
			p.add(paragraphs(unescape(text)))
		}
		p.widen(paragraph)
	}
}

func (d *document) liveBlogImage(p *prose, item, meta value) {
	m := news.Media{Kind: news.Image, Alt: oneLine(meta.get("caption").str()), Credit: oneLine(meta.get("credit").str())}
	rend := meta.get("media", "renditions")
	m.URL = rend.first("baseImage", "viewImage", "original", "thumbnail").get("href").str()
	if m.URL == "" {
		inner := d.newProse()
		inner.markup(item.get("text").str())
		inner.text()
		if len(inner.media) > 0 {
			m.URL = inner.media[0].URL
		}
	}
	p.setAside(m)
}

// cutHeading takes the heading that a fragment begins with off it.
func cutHeading(s string) (heading, rest string) {
	t := strings.TrimLeft(s, " \t\r\n")
	if len(t) < 9 || t[0] != '<' || t[1]|0x20 != 'h' || t[2] < '1' || t[2] > '6' {
		return "", s
	}
	end := strings.Index(strings.ToLower(t), "</h"+t[2:3])
	if end < 0 {
		return "", s
	}
	heading = oneLine(t[:end])
	if _, rest, _ = strings.Cut(t[end:], ">"); heading == "" {
		return "", s
	}
	return heading, rest
}
