package parse

import (
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// Answers that are a list of flat objects differ in nothing but names. Each of
// these formats is a row of names.

// A vendor says what its interface calls the parts of an entry. Where several
// keys are named the first with something in it counts; "a.b" is a path.
type vendor struct {
	name    string
	lists   []string // where the entries are; "" is the document itself
	proof   []string // an entry has one of these keys that others have not
	id      []string
	title   []string
	body    []string // HTML
	author  []string
	created []string
	updated []string
	url     []string
	image   []string
	deleted []string
	key     []string
	gone    string // path of a list of deleted ids
	heading []string
	closed  string // path of what says that coverage has ended
	ended   string // its value then; "" means true
	more    string // path of what says that there is more; a number over 1, or true
}

var vendors = []vendor{
	{
		name: "24liveblog", lists: []string{"data.news", "news"}, proof: []string{"nid"},
		id: []string{"nid"}, title: []string{"newstitle"}, body: []string{"contents"}, author: []string{"nickname", "author.name", "author"},
		created: []string{"created"}, updated: []string{"last_update", "updated"}, image: []string{"image"},
		deleted: []string{"deleted"}, key: []string{"pinned"}, heading: []string{"data.event.title"}, closed: "data.event.closed",
	},
	{
		name: "easy-liveblogs", lists: []string{"updates"}, proof: []string{"datetime", "html"},
		id: []string{"id"}, title: []string{"title"}, body: []string{"content", "html"}, author: []string{"author", "author.name"},
		created: []string{"datetime"}, updated: []string{"modified"}, url: []string{"permalink", "url"},
		closed: "status", ended: "closed",
	},
	{
		name:  "norkon",
		lists: []string{"result.addedOrChanged", "addedOrChanged", "added", "result.added", "result"}, proof: []string{"html", "bulletinId", "channelId", "articleBody"},
		id: []string{"id", "bulletinId", "identifier", "@id", "url"}, title: []string{"title", "headline"}, body: []string{"html", "content.html", "articleBody", "text"},
		author: []string{"overrideAuthor", "author.name", "author"}, created: []string{"created", "createdUtc", "datePublished", "ts"}, updated: []string{"changed", "modified", "dateModified"},
		url: []string{"url"}, image: []string{"image.url", "image"}, deleted: []string{"deleted", "removed"}, key: []string{"important", "highlighted"}, gone: "result.removed", more: "result.hasMore",
	},
	{
		name: "wp-posts", lists: []string{""}, proof: []string{"date_gmt"},
		id: []string{"id"}, title: []string{"title.rendered"}, body: []string{"content.rendered", "excerpt.rendered"},
		created: []string{"date_gmt"}, updated: []string{"modified_gmt"}, url: []string{"link"}, image: []string{"jetpack_featured_media_url"},
	},
}

// rows makes the vendors rows of the ladder.
func rows(list []vendor) []format {
	out := make([]format, len(list))
	for i := range list {
		v := &list[i]
		out[i] = format{
			name: v.name,
			sniff: func(d *document) bool {
				doc, ok := d.json()
				return ok && (len(v.entries(doc)) > 0 || v.closed != "" && strings.Contains(v.closed, ".") && !at(doc, v.closed).empty())
			},
			parse: func(d *document) (reading, error) { return d.readVendor(v) },
		}
	}
	return out
}

// at follows a path such as "data.event.closed".
func at(v value, path string) value {
	if path == "" {
		return v
	}
	for key := range strings.SplitSeq(path, ".") {
		v = v.member(key)
	}
	return v
}

// one returns the first of paths with something in it.
func one(v value, paths []string) value {
	for _, p := range paths {
		if m := at(v, p); !m.empty() {
			return m
		}
	}
	return value{}
}

func (v *vendor) entries(doc value) []value {
	for _, path := range v.lists {
		list := at(doc, path)
		if list.kind != 'a' || len(list.kids.list) == 0 {
			continue
		}
		for _, key := range v.proof {
			first := list.kids.list[0]
			if first.has(key) && one(first, v.id).kind != 0 && (one(first, v.title).kind != 0 || one(first, v.body).kind != 0) {
				return list.kids.list
			}
		}
	}
	return nil
}

func (d *document) readVendor(v *vendor) (reading, error) {
	doc, ok := d.json()
	if !ok {
		return reading{}, refusal("is not JSON")
	}
	r := reading{understood: true}
	r.Title = one(doc, v.heading).str()
	if closed := at(doc, v.closed); v.closed != "" {
		r.Ended = v.ended == "" && closed.truth() || v.ended != "" && closed.str() == v.ended
	}
	if v.more != "" {
		r.Window = at(doc, v.more).truth()
	}
	for _, o := range newest(d, v.entries(doc), func(o value) time.Time { return d.vendorTime(one(o, v.created), v) }) {
		id := one(o, v.id).str()
		if id == "" {
			continue
		}
		if one(o, v.deleted).truth() {
			r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
			continue
		}
		r.Entries = append(r.Entries, d.vendorEntry(v, o, id))
	}
	if v.gone != "" {
		for _, g := range at(doc, v.gone).list() {
			if g.kind == 'o' {
				g = one(g, v.id)
			}
			r.Withdrawn = append(r.Withdrawn, news.EntryID(g.str()))
		}
	}
	return r, nil
}

func (d *document) vendorEntry(v *vendor, o value, id string) news.Entry {
	e := news.Entry{
		Headline:  oneLine(one(o, v.title).str()),
		Published: d.vendorTime(one(o, v.created), v),
		Updated:   d.vendorTime(one(o, v.updated), v),
		URL:       one(o, v.url).str(),
		Author:    names(one(o, v.author).str()),
		Key:       one(o, v.key).truth(),
	}
	e.Entry = news.EntryID(id)
	if !e.Updated.After(e.Published) {
		e.Updated = time.Time{}
	}
	html := one(o, v.body).str()
	if e.Headline == "" {
		e.Headline, html = cutHeading(html)
	}
	e.Body, e.Media = d.body(html)
	if img := absolute(d.base, one(o, v.image).str()); img != "" && len(e.Media) == 0 {
		e.Media = []news.Media{{URL: img, Kind: news.Image}}
	}
	return e
}

// vendorTime reads a time; fields called gmt are UTC and do not say so.
func (d *document) vendorTime(t value, v *vendor) time.Time {
	if t.kind == 's' && strings.HasSuffix(v.created[0], "_gmt") {
		st, ok := parseTime(t.text, time.UTC)
		if !ok {
			return time.Time{}
		}
		return d.possible(st.t)
	}
	return d.whenValue(t)
}
