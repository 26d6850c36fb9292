package parse

import (
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// The Guardian: the page JSON of its web front end (".json?dcr") and the
// blocks of its Content API.

func sniffGuardian(d *document) bool {
	_, ok := d.json()
	return ok && (strings.Contains(d.text, `"blockFirstPublished"`) || strings.Contains(d.text, `"blockCreatedOn"`))
}

func parseGuardian(d *document) (reading, error) {
	v, _ := d.json()
	return d.guardianPage(v)
}

func (d *document) guardianPage(v value) (reading, error) {
	var r reading
	r.Title = v.first("headline", "webTitle").str()
	r.URL = v.first("canonicalUrl", "webURL").str()
	if d.base == nil {
		d.base = parseBase(r.URL)
	}
	blocks := v.get("blocks").list()
	if len(blocks) == 0 {
		v.walk(func(o value) bool {
			if o.kind == 'o' && o.has("elements") && (o.has("blockFirstPublished") || o.has("blockCreatedOn")) {
				blocks = append(blocks, o)
			}
			return len(blocks) < d.most()
		})
	}
	for _, b := range newest(d, blocks, d.firstOf("blockFirstPublished", "blockCreatedOn")) {
		if e, ok := d.guardianBlock(b, r.URL); ok {
			r.Entries = append(r.Entries, e)
		}
	}
	d.guardianPinned(&r, v.get("pinnedPost"))
	if len(r.Entries) == 0 {
		return r, refusal("holds no blocks")
	}
	r.Ended = v.get("config", "isLive").falsity()
	pages := v.get("pagination")
	r.Window = pages.get("totalPages").int() > 1 || pages.has("older") || pages.has("newer")
	return r, nil
}

// guardianPinned reads the post that is pinned on top. It is older than the
// blocks of its page, mostly, and may have changed since: what lies between it
// and them is not on the page.
func (d *document) guardianPinned(r *reading, pinned value) {
	e, ok := d.guardianBlock(pinned, r.URL)
	if !ok || len(r.Entries) == 0 || slices.ContainsFunc(r.Entries, func(o news.Entry) bool { return o.Entry == e.Entry }) {
		return
	}
	for i := range r.Entries {
		if t := r.Entries[i].Published; r.Since.IsZero() || !t.IsZero() && t.Before(r.Since) {
			r.Since = t
		}
	}
	r.Entries = append(r.Entries, e)
}

// maxElements bounds the elements of one block. A summary seen had 60.
const maxElements = 500

// editNoise is how long after publication a change is part of publishing.
const editNoise = time.Minute

func (d *document) guardianBlock(b value, page string) (news.Entry, bool) {
	id := b.get("id").str()
	if id == "" || b.kind != 'o' {
		return news.Entry{}, false
	}
	e := news.Entry{
		Headline:  oneLine(b.get("title").str()),
		Published: d.whenValue(b.first("blockFirstPublished", "blockCreatedOn", "firstPublished")),
		Updated:   d.whenValue(b.first("blockLastUpdated", "lastUpdated")),
		Key:       b.get("attributes", "keyEvent").truth() || b.get("attributes", "summary").truth(),
	}
	e.Entry = news.EntryID(id)
	if e.Updated.Sub(e.Published) < editNoise {
		e.Updated = time.Time{}
	}
	if page != "" {
		e.URL = page + "#block-" + id
	}
	var who []string
	for _, c := range b.get("contributors").list() {
		who = append(who, c.get("name").str())
	}
	e.Author = names(who...)
	p := d.newProse()
	elements := b.get("elements").list()
	for _, el := range elements[:min(len(elements), maxElements)] {
		d.guardianElement(p, el)
	}
	e.Body, e.Media = p.text(), p.media
	return e, true
}

func (d *document) guardianElement(p *prose, el value) {
	kind := el.get("_type").str()
	kind = kind[strings.LastIndexByte(kind, '.')+1:]
	switch kind {
	case "ImageBlockElement":
		img := news.Media{Kind: news.Image, Alt: oneLine(el.get("data", "alt").str()), Credit: oneLine(el.get("data", "credit").str())}
		for _, i := range el.get("media", "allImages").list() {
			img.URL = i.get("url").str() // from the smallest to the master
			if i.get("fields", "width").int() >= 1000 {
				break
			}
		}
		p.setAside(img)
	case "YoutubeBlockElement":
		p.setAside(news.Media{URL: "https://www.youtube.com/watch?v=" + el.get("assetId").str(), Kind: news.Video, Alt: oneLine(el.get("mediaTitle").str())})
	case "RichLinkBlockElement", "DisclaimerBlockElement", "CalloutBlockElement", "CalloutBlockElementV2", "AdPlaceholderBlockElement", "NewsletterSignupBlockElement":
	case "TextBlockElement", "BlockquoteBlockElement", "SubheadingBlockElement", "PullquoteBlockElement", "ListBlockElement":
		p.widen(paragraph)
		p.markup(el.get("html").str())
		p.widen(paragraph)
		if who := oneLine(el.get("attribution").str()); who != "" {
			p.attribution(who)
		}
	default:
		url := el.first("url", "originalUrl", "embedUrl", "source").str()
		alt := oneLine(el.first("alt", "title").str())
		if alt == "" && el.has("html") {
			inner := newProse(nil)
			inner.flat = true
			inner.markup(el.get("html").str())
			alt = clip(fold(string(inner.b)), 500)
		}
		p.embed(url, alt)
	}
}

func sniffCAPI(d *document) bool {
	v, ok := d.json()
	return ok && capiContent(v).kind == 'o'
}

// capiContent finds the content with blocks, alone or in an answer.
func capiContent(v value) value {
	for _, c := range append([]value{v, v.get("content"), v.get("response", "content")}, v.get("response", "results").list()...) {
		if c.get("blocks", "body").kind == 'a' || c.get("blocks", "requestedBodyBlocks").kind == 'o' {
			return c
		}
	}
	return value{}
}

func parseCAPI(d *document) (reading, error) {
	v, _ := d.json()
	c := capiContent(v)
	r := reading{understood: true}
	r.Title = c.get("webTitle").str()
	r.URL = c.get("webUrl").str()
	if d.base == nil {
		d.base = parseBase(r.URL)
	}
	blocks := c.get("blocks", "body").list()
	for _, some := range c.get("blocks", "requestedBodyBlocks").members() {
		blocks = append(slices.Clip(blocks), some.list()...)
		r.Window = true
	}
	for _, b := range newest(d, blocks, d.firstOf("firstPublishedDate", "publishedDate")) {
		e, ok := d.capiBlock(b, r.URL)
		if ok && b.get("published").falsity() {
			r.Withdrawn = append(r.Withdrawn, e.Entry)
		} else if ok {
			r.Entries = append(r.Entries, e)
		}
	}
	r.Ended = c.get("fields", "liveBloggingNow").falsity()
	return r, nil
}

func (d *document) capiBlock(b value, page string) (news.Entry, bool) {
	id := b.get("id").str()
	if id == "" {
		return news.Entry{}, false
	}
	when := func(keys ...string) time.Time {
		t := b.first(keys...)
		if t.kind == 'o' {
			t = t.first("iso8601", "dateTime")
		}
		return d.whenValue(t)
	}
	attrs := b.get("attributes")
	e := news.Entry{
		Headline:  oneLine(b.first("title").str()),
		Published: when("firstPublishedDate", "publishedDate", "createdDate"),
		Updated:   when("lastModifiedDate"),
		Key:       attrs.get("keyEvent").truth() || attrs.get("summary").truth(),
	}
	if e.Headline == "" {
		e.Headline = oneLine(attrs.get("title").str())
	}
	e.Entry = news.EntryID(id)
	if e.Updated.Sub(e.Published) < editNoise {
		e.Updated = time.Time{}
	}
	if page != "" {
		e.URL = page + "#block-" + id
	}
	e.Body, e.Media = d.body(b.get("bodyHtml").str())
	if e.Body == "" {
		e.Body = paragraphs(b.get("bodyTextSummary").str())
	}
	return e, true
}
