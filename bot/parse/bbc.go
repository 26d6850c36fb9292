package parse

import (
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// The BBC's World Service pages (Simorgh): the page with its isLive flag, and
// the stream of posts, each a tree of blocks.

func sniffBBC(d *document) bool {
	_, ok := d.json()
	return ok && (strings.Contains(d.text, `"liveTextStream"`) || strings.Contains(d.text, `"firstPublished"`) && strings.Contains(d.text, `"urn"`))
}

func parseBBCStream(d *document) (reading, error) {
	v, _ := d.json()
	r, found := d.bbcPosts(v)
	if !found {
		return r, refusal("holds no stream of posts")
	}
	return r, nil
}

// parseBBCPage reads a page that only names its stream.
func parseBBCPage(d *document) (reading, error) {
	v, _ := d.json()
	r, _ := d.bbcPosts(v)
	if r.Title == "" {
		return r, refusal("holds no live page")
	}
	r.understood = true
	return r, nil
}

func (d *document) bbcPosts(v value) (reading, bool) {
	var r reading
	found := false
	v.walk(func(o value) bool {
		if o.kind != 'o' {
			return true
		}
		if o.has("liveTextStream") {
			r.Title = o.get("title").str()
			if live := o.get("isLive"); !live.empty() { // authoritative: true was seen long after endDateTime
				r.Ended = live.falsity()
			}
		}
		results := o.get("results")
		if results.kind != 'a' {
			return true
		}
		for _, post := range newest(d, results.list(), func(v value) time.Time { return d.whenValue(v.get("dates", "firstPublished")) }) {
			if post.has("urn") && (post.has("header") || post.has("content")) && len(r.Entries) < d.most() {
				r.Entries = append(r.Entries, d.bbcPost(post))
				found = true
			}
		}
		if total := o.get("page", "total").int(); total > 1 {
			r.Window = true
		}
		return true
	})
	return r, found
}

func (d *document) bbcPost(post value) news.Entry {
	var e news.Entry
	e.Entry = news.EntryID(post.get("urn").str())
	e.Published = d.whenValue(post.get("dates").first("firstPublished", "curated", "time"))
	e.Updated = d.whenValue(post.get("dates", "lastPublished"))
	if e.Updated.Equal(e.Published) {
		e.Updated = time.Time{}
	}
	e.Key = post.get("options", "isBreakingNews").truth()
	e.URL = "#post-" + post.get("urn").str()
	if d.base == nil {
		e.URL = ""
	}
	p := d.newProse()
	for _, b := range post.get("header", "model", "blocks").list() {
		text := bbcText(b)
		switch b.get("type").str() {
		case "headline":
			e.Headline = oneLine(text)
		case "subheadline":
			p.add(oneLine(text))
		case "contributor", "byline":
			e.Author = names(text)
		}
	}
	for _, b := range post.get("content", "model", "blocks").list() {
		d.bbcBlock(p, b, 0)
	}
	e.Body, e.Media = p.text(), p.media
	for _, img := range post.get("images").list() {
		e.Media = appendMedia(e.Media, news.Media{
			URL: absolute(d.base, img.get("url").str()), Kind: news.Image,
			Alt: oneLine(img.get("altText").str()), Credit: oneLine(img.get("copyright").str()),
		})
	}
	return e
}

// bbcText joins the text of a block's paragraphs.
func bbcText(b value) string {
	var parts []string
	b.walk(func(o value) bool {
		if o.kind == 'o' && o.get("type").str() == "paragraph" {
			parts = append(parts, o.get("model", "text").str())
		}
		return len(parts) < 100
	})
	return strings.Join(parts, " ")
}

func (d *document) bbcBlock(p *prose, b value, depth int) {
	if depth > 20 {
		return
	}
	model := b.get("model")
	switch b.get("type").str() {
	case "paragraph":
		p.add(oneLine(model.get("text").str()))
	case "listItem":
		if s := oneLine(bbcText(b)); s != "" {
			p.start("li", nil)
			p.words(s)
			p.end("li")
		}
	case "image":
		d.bbcImage(p, b)
	case "caption", "altText", "rawImage":
	case "social", "embed", "include", "oEmbed":
		p.embed(model.first("source", "href", "url").str(), "")
	case "video", "audio", "clip":
		p.setAside(news.Media{URL: model.first("source", "url").str(), Kind: news.Video, Alt: oneLine(bbcText(b))})
	case "quote", "blockquote", "pullQuote":
		p.blockQuote(oneLine(bbcText(b)))
	default:
		for _, c := range model.get("blocks").list() {
			d.bbcBlock(p, c, depth+1)
		}
	}
}

func (d *document) bbcImage(p *prose, b value) {
	m := news.Media{Kind: news.Image}
	for _, c := range b.get("model", "blocks").list() {
		switch c.get("type").str() {
		case "rawImage":
			m.Credit = oneLine(c.get("model", "copyrightHolder").str())
			m.URL = c.get("model", "locator").str()
			if parseBase(m.URL) == nil && m.URL != "" {
				m.URL = "https://ichef.bbci.co.uk/news/976/cpsprodpb/" + strings.TrimPrefix(m.URL, "/")
			}
		case "altText":
			m.Alt = oneLine(bbcText(c))
		}
	}
	p.setAside(m)
}
