package parse

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// schema.org LiveBlogPosting: in script elements of a page, or as a document
// of its own. It is what most publishers have, and seldom right in every
// field; merge.go puts it beside what the page shows.

// liveBlogMarks are the words without which a script holds no live blog.
var liveBlogMarks = []string{"LiveBlogPosting", "liveBlogUpdate", "blogPosts"}

func mentionsLiveBlog(s string) bool {
	return slices.ContainsFunc(liveBlogMarks, func(m string) bool { return strings.Contains(s, m) })
}

func sniffJSONLD(d *document) bool {
	if !d.isMarkup() {
		return false
	}
	scripts, err := d.scripts()
	return err == nil && slices.ContainsFunc(scripts, func(s script) bool { return mentionsLiveBlog(s.text) })
}

// sniffBareJSONLD recognises JSON-LD that is the document itself.
func sniffBareJSONLD(d *document) bool {
	_, ok := d.json()
	return ok && mentionsLiveBlog(d.text)
}

func parseBareJSONLD(d *document) (reading, error) {
	if _, ok := d.json(); !ok {
		return reading{}, refusal("is not JSON")
	}
	blog, ok := liveBlog(d.values)
	if schema := d.values[0].get("schema").str(); !ok && schema != "" { // Tickaroo's prefetch: markup beside JSON-LD as a string
		list, _ := recoverJSON(schema)
		blog, ok = liveBlog(list)
	}
	if !ok {
		return reading{}, refusal("holds no LiveBlogPosting")
	}
	r, _ := d.readLiveBlog(blog)
	return r, nil
}

func parseJSONLD(d *document) (reading, error) {
	if _, ok := d.json(); ok {
		return parseBareJSONLD(d)
	}
	scripts, err := d.scripts()
	if err != nil {
		return reading{}, err
	}
	var values []value
	broken := 0
	for _, s := range scripts {
		if !strings.Contains(s.kind, "json") || !mentionsLiveBlog(s.text) {
			continue
		}
		list, ok := recoverJSON(s.text)
		if !ok {
			broken++
		}
		values = append(values, list...)
	}
	blog, ok := liveBlog(values)
	if !ok && broken > 0 {
		return reading{}, refusal("its script is beyond repair")
	}
	if !ok {
		return reading{}, refusal("holds no LiveBlogPosting")
	}
	r, posts := d.readLiveBlog(blog)
	if p, err := d.html(); err == nil {
		d.merge(p, &r, posts)
		p.describe(d, &r)
	}
	namedByFragment(&r)
	return r, nil
}

// scripts returns the page's scripts. Where the page cannot be parsed because
// it nests too deep, its tokens still can.
func (d *document) scripts() ([]script, error) {
	p, err := d.html()
	if err == nil {
		return p.scripts, nil
	}
	if d.tokens == nil {
		d.tokens = scriptTokens(d.text)
	}
	if len(d.tokens) == 0 {
		return nil, err
	}
	return d.tokens, nil
}

// scriptTokens finds the scripts that have a type in the tokens of a page; it
// never returns nil.
func scriptTokens(s string) []script {
	list := []script{}
	z := html.NewTokenizer(strings.NewReader(s))
	kind := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return list
		case html.StartTagToken:
			kind = ""
			name, more := z.TagName()
			if string(name) != "script" {
				continue
			}
			for n := 0; more && n < 20; n++ {
				var key, val []byte
				if key, val, more = z.TagAttr(); string(key) == "type" {
					kind = strings.ToLower(string(val))
				}
			}
		case html.TextToken:
			if kind != "" && len(list) < minEntries {
				list = append(list, script{kind: kind, text: string(z.Text())})
			}
			kind = ""
		}
	}
}

// recoverJSON reads a script, repairing what can be repaired. The last resort
// is the object around the words that brought us here.
func recoverJSON(s string) ([]value, bool) {
	values, _, err := parseJSON(s)
	if err == nil {
		return values, true
	}
	if b, found := liveBlog(values); found && len(b.updates) > 0 {
		return values, true
	}
	if strings.Contains(s, "&quot;") {
		if decoded, _, err := parseJSON(html.UnescapeString(s)); err == nil {
			return decoded, true
		}
	}
	for _, mark := range []string{`"LiveBlogPosting"`, `"liveBlogUpdate"`} {
		end := strings.Index(s, mark)
		for range 5 { // objects outwards
			if end = strings.LastIndexByte(s[:max(end, 0)], '{'); end < 0 {
				break
			}
			list, _, _ := parseJSON(s[end:])
			if b, found := liveBlog(list[:min(1, len(list))]); found && len(b.updates) > 0 {
				return list[:1], true
			}
		}
	}
	return nil, false
}

// A blog is a LiveBlogPosting with what was found of it in several places.
type blog struct {
	root    value
	updates []value
	byID    map[string]value // objects that others refer to by @id
}

// liveBlog finds the live blog in values. Several objects that describe the
// same one are joined; of several blogs the one with most updates is taken.
func liveBlog(values []value) (blog, bool) {
	var found []value
	byID := make(map[string]value)
	for _, v := range values {
		v.walk(func(o value) bool {
			if o.kind != 'o' {
				return true
			}
			if id := o.get("@id").str(); id != "" && len(o.kids.list) > 1 {
				byID[id] = o
			}
			if isA(o, "LiveBlogPosting") || o.has("liveBlogUpdate") {
				found = append(found, o)
			}
			return true
		})
	}
	if len(found) == 0 {
		return blog{}, false
	}
	best := found[0]
	for _, o := range found[1:] {
		if len(updatesOf(o)) > len(updatesOf(best)) {
			best = o
		}
	}
	b := blog{root: best, updates: updatesOf(best), byID: byID}
	for _, o := range found {
		if name(o) == name(best) {
			b.updates = joined(b.updates, updatesOf(o))
		}
	}
	return b, true
}

// updatesOf returns a blog's updates; AP's are in blogPosts, or in both.
func updatesOf(o value) []value {
	return joined(o.get("liveBlogUpdate").list(), o.get("blogPosts").list())
}

// joined returns a with those of b that it does not hold.
func joined(a, b []value) []value {
	if len(b) == 0 || len(a) > 0 && &a[0] == &b[0] {
		return a
	}
	if len(a) == 0 {
		return b
	}
	have := make(map[string]bool, len(a))
	for _, v := range a {
		have[key(v)] = true
	}
	out := slices.Clip(a)
	for _, v := range b {
		if !have[key(v)] {
			have[key(v)] = true
			out = append(out, v)
		}
	}
	return out
}

// name is what a LiveBlogPosting is called, for asking whether two are one.
func name(o value) string {
	return o.first("@id", "url", "headline", "name").str()
}

// key is what tells updates apart.
func key(v value) string {
	if id := v.first("@id", "url").str(); id != "" && strings.ContainsAny(id, "#?") {
		return id
	}
	return v.get("datePublished").str() + "\x00" + v.first("headline", "articleBody", "@id", "url").str()
}

func isA(o value, kind string) bool {
	for _, t := range o.get("@type").list() {
		if s := t.str(); s == kind || strings.HasSuffix(s, "/"+kind) {
			return true
		}
	}
	return false
}

// A post is an update with what decides whether its fields can be believed.
type post struct {
	fragment string // what names it in the page; "" if nothing does
	headline bool   // the headline is its own, not the page's
}

// readLiveBlog reads the updates, without believing them yet.
func (d *document) readLiveBlog(b blog) (reading, []post) {
	r := reading{understood: true}
	r.Title = oneLine(b.root.first("headline", "name").str())
	r.URL = b.root.first("url", "@id").str()
	if r.URL == "" || parseBase(r.URL) == nil {
		r.URL = mainEntity(b.root)
	}
	if d.base == nil {
		d.base = parseBase(r.URL)
	}
	r.end = d.whenValue(b.root.get("coverageEndTime"))
	if start := d.whenValue(b.root.get("coverageStartTime")); r.end.Equal(start) {
		r.end = time.Time{} // BBC 2020: both midnight, while live
	}
	var posts []post
	for _, u := range newest(d, b.updates, d.firstOf("datePublished", "dateCreated", "uploadDate")) {
		if u.kind != 'o' {
			continue
		}
		if len(u.kids.list) == 1 && b.byID[u.get("@id").str()].kind == 'o' {
			u = b.byID[u.get("@id").str()]
		}
		e, p := d.update(b, u, r.URL)
		r.Entries, posts = append(r.Entries, e), append(posts, p)
	}
	d.distrust(b, &r, posts)
	return r, posts
}

func mainEntity(o value) string {
	m := o.get("mainEntityOfPage")
	if m.kind == 'o' {
		return m.first("@id", "url").str()
	}
	return m.str()
}

func (d *document) update(b blog, u value, page string) (news.Entry, post) {
	e := news.Entry{
		Headline:  oneLine(u.first("headline", "name").str()),
		Published: d.whenValue(u.first("datePublished", "dateCreated", "uploadDate")),
		Updated:   d.whenValue(u.get("dateModified")),
		Author:    b.people(u.get("author")),
	}
	text := u.first("articleBody", "text", "description")
	if text.kind == 'o' { // old Automattic: {"@type": "Text", …}
		text = text.first("@value", "text", "articleBody", "name")
	}
	e.Body, e.Media = d.lines(text.str())
	if e.Updated.Equal(e.Published) {
		e.Updated = time.Time{}
	}
	for _, name := range []string{"image", "video", "audio", "associatedMedia"} {
		b.pictures(d, &e, u.get(name), name, 0)
	}
	p := post{headline: e.Headline != ""}
	d.nameUpdate(&e, &p, u, page)
	return e, p
}

// nameUpdate finds the update's id: the first of its addresses that is not the
// page's own.
func (d *document) nameUpdate(e *news.Entry, p *post, u value, page string) {
	home, _, _ := strings.Cut(page, "#")
	for _, ref := range []string{u.get("url").str(), u.get("@id").str(), mainEntity(u)} {
		ref = strings.TrimSpace(ref)
		if ref == "" || ref == page || ref == home || strings.TrimSuffix(ref, "/") == strings.TrimSuffix(home, "/") {
			continue
		}
		if !strings.ContainsAny(ref, ":/#?") { // a bare block id, as the Guardian's
			p.fragment, e.Entry = ref, news.EntryID(ref)
			return
		}
		if strings.HasPrefix(ref, "_:") {
			continue // a blank node is numbered anew in every document
		}
		if strings.HasPrefix(ref, "#") && parseBase(home) != nil {
			ref = home + ref // not the address it was fetched from, which may carry anything
		}
		if abs := absolute(d.base, ref); abs != "" {
			e.URL = abs
		}
		e.Entry = news.EntryID(ref)
		p.fragment = fragmentID(ref, page)
		return
	}
}

// people returns the names of an author: string, object, list, or a reference
// to an object elsewhere.
func (b blog) people(v value) string {
	var list []string
	for _, a := range v.list() {
		if a.kind == 's' {
			if !strings.HasPrefix(a.text, "http") {
				list = append(list, a.text)
			}
			continue
		}
		if n := a.get("name"); n.empty() {
			a = b.byID[a.get("@id").str()]
		}
		for _, n := range a.get("name").list() {
			list = append(list, n.str())
		}
	}
	return names(list...)
}

func (b blog) pictures(d *document, e *news.Entry, v value, name string, depth int) {
	for _, m := range v.list() {
		if depth > 3 || len(e.Media) >= maxMedia {
			return
		}
		if m.kind == 's' {
			e.Media = appendMedia(e.Media, news.Media{URL: absolute(d.base, m.text), Kind: mediaKind(name, "")})
			continue
		}
		if u := m.first("contentUrl", "url", "embedUrl", "thumbnailUrl", "thumbnail"); u.empty() {
			ref := m.get("@id").str()
			if o := b.byID[ref]; o.kind == 'o' && o.first("contentUrl", "url").kind != 0 {
				m = o
			} else if parseBase(ref) != nil && !strings.Contains(ref, "#") {
				e.Media = appendMedia(e.Media, news.Media{URL: ref, Kind: mediaKind(name, "")})
				continue
			}
		}
		u := m.first("contentUrl", "url", "embedUrl", "thumbnailUrl", "thumbnail")
		for _, one := range u.list()[:min(1, len(u.list()))] {
			if one.kind == 'o' {
				one = one.first("contentUrl", "url", "@id")
			}
			e.Media = appendMedia(e.Media, news.Media{
				URL:    absolute(d.base, one.str()),
				Kind:   mediaKind(name, m.get("@type").str()),
				Alt:    oneLine(m.first("caption", "description", "name", "headline").str()),
				Credit: names(m.first("creditText", "copyrightNotice").str()),
			})
		}
	}
}

func mediaKind(name, kind string) news.MediaKind {
	switch {
	case name == "video" || kind == "VideoObject":
		return news.Video
	case name == "audio" || kind == "AudioObject":
		return news.Audio
	}
	return news.Image
}

func appendMedia(list []news.Media, m news.Media) []news.Media {
	if m.URL == "" || slices.ContainsFunc(list, func(o news.Media) bool { return o.URL == m.URL }) {
		return list
	}
	return append(list, m)
}

// distrust takes back what only repeats the page: its headline, time, authors
// and picture stamped on every update. The Guardian does it with headline and
// time, Reach with authors and picture.
func (d *document) distrust(b blog, r *reading, posts []post) {
	n := len(r.Entries)
	if n < 2 {
		return
	}
	sharedAddress(r, posts)
	page := oneLine(b.root.first("headline", "name").str())
	stamps := d.pageTimes(b.root)
	authors := b.people(b.root.get("author"))
	var headlines, times int
	same := true
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Headline == page && page != "" {
			headlines++
		}
		if e.Published.Equal(r.Entries[0].Published) && slices.ContainsFunc(stamps, e.Published.Equal) {
			times++
		}
		same = same && e.Author == authors
	}
	lost := func(name, reason string, count int) {
		if count > 0 {
			r.fields = append(r.fields, Field{Name: name, Winner: "none", Loser: "jsonld", Reason: reason, Entries: count})
		}
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Headline == page && headlines > 1 {
			e.Headline, posts[i].headline = "", false
		}
		if times == n {
			e.Published = time.Time{}
		}
		if same && strings.Contains(authors, ", ") {
			e.Author = ""
		}
	}
	if headlines > 1 {
		lost("headline", "it is the page's on several entries", headlines)
	}
	if times == n {
		lost("published", "it is the page's on every entry", times)
	}
	if same && strings.Contains(authors, ", ") {
		lost("author", "all authors of the page on every entry", n)
	}
	d.distrustPicture(b, r)
}

// pageTimes returns the times that the page states for itself.
func (d *document) pageTimes(root value) []time.Time {
	var list []time.Time
	for _, key := range []string{"datePublished", "dateModified", "dateCreated", "coverageStartTime"} {
		if t := d.whenValue(root.get(key)); !t.IsZero() {
			list = append(list, t)
		}
	}
	return list
}

// sharedAddress takes back an address that several updates give as theirs: the
// page under another of its names.
func sharedAddress(r *reading, posts []post) {
	differ := disagreement(r.Entries, func(e *news.Entry) string { return e.Headline + "\x00" + e.Body })
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Entry != "" && differ[e.Entry] {
			e.Entry, posts[i].fragment = "", ""
		}
	}
}

// distrustPicture drops a picture that every entry shares with the page.
func (d *document) distrustPicture(b blog, r *reading) {
	var probe news.Entry
	b.pictures(d, &probe, b.root.get("image"), "image", 0)
	own := make(map[string]int)
	for i := range r.Entries {
		for _, m := range r.Entries[i].Media {
			own[m.URL]++
		}
	}
	for _, m := range probe.Media {
		if own[m.URL] < max(2, len(r.Entries)*9/10) {
			continue
		}
		for i := range r.Entries {
			e := &r.Entries[i]
			e.Media = slices.DeleteFunc(e.Media, func(o news.Media) bool { return o.URL == m.URL })
		}
	}
}
