package parse

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// merge fills what JSON-LD lacks or gets wrong from the markup of the same
// entry. They are matched by id, where the page has the id that the update
// names; else by headline. JSON-LD wins where both have a field: its times in
// particular, Repubblica's markup has local time labelled Z.
func (d *document) merge(p *page, r *reading, posts []post) {
	if len(r.Entries) == 0 {
		return
	}
	m := merger{d: d, r: r, count: map[string]int{}}
	blocks, name := d.profileEntries()
	byID := make(map[string]*news.Entry, len(blocks))
	for i := range blocks {
		byID[string(blocks[i].Entry)] = &blocks[i]
		for _, a := range aliases(string(blocks[i].Entry)) {
			byID[string(a)] = &blocks[i]
		}
	}
	unnamed := 0
	for i := range r.Entries {
		if posts[i].fragment == "" {
			unnamed++
			continue
		}
		if b := byID[posts[i].fragment]; b != nil {
			m.fill(&r.Entries[i], b, name)
			if r.Entries[i].URL == "" {
				r.Entries[i].URL = b.URL
			}
			m.matched++
		} else if n := p.block(posts[i].fragment); n != nil {
			e, _ := d.blockEntry(n)
			m.fill(&r.Entries[i], &e, "markup")
			if id := attr(n.Attr, "id"); r.Entries[i].URL == "" && id != "" {
				r.Entries[i].URL = "#" + id // a bare block id names no address
			}
			m.matched++
		}
	}
	if unnamed > 0 || m.matched == 0 {
		if len(blocks) == 0 {
			blocks, name = d.repeatedBlocks()
		}
		m.byHeadline(blocks, name)
	}
	for _, f := range []string{"id", "headline", "published", "author", "body", "media"} {
		if n := m.count[f]; n > 0 {
			r.fields = append(r.fields, Field{Name: f, Winner: m.source, Loser: "jsonld", Reason: "missing or worse there", Entries: n})
		}
	}
}

// block returns the element of the entry that a fragment names, nil if the
// page has none that could be one.
func (p *page) block(fragment string) *html.Node {
	for _, id := range [...]string{fragment, "block-" + fragment, "post-" + fragment, "post_" + fragment, "entry-" + fragment, fragment + "_parent"} {
		n := p.ids[id]
		if n == nil {
			continue
		}
		if n.FirstChild == nil || n.Data == "a" || isHeading(n) { // an anchor in front of or in the entry
			n = n.Parent
		}
		if n != nil && n.Data != "body" && n.Data != "html" && blockTags[n.Data] || n != nil && n.Data == "li" {
			return n
		}
	}
	return nil
}

type merger struct {
	d       *document
	r       *reading
	count   map[string]int
	source  string
	matched int
}

// fill takes from the markup what e lacks.
func (m *merger) fill(e, block *news.Entry, source string) {
	m.source = source
	took := func(field string, ok bool) {
		if ok {
			m.count[field]++
		}
	}
	if e.Headline == "" && block.Headline != "" {
		e.Headline = block.Headline
		took("headline", true)
	}
	if e.Published.IsZero() && !block.Published.IsZero() {
		e.Published = block.Published
		took("published", true)
	}
	if e.Updated.IsZero() {
		e.Updated = block.Updated
	}
	if block.Author != "" && (e.Author == "" || strings.Contains(e.Author, ", ") && strings.Contains(e.Author, block.Author)) && e.Author != block.Author {
		e.Author = block.Author
		took("author", true)
	}
	if better(e.Body, block.Body) || e.Body == "" && e.Headline == "" && block.Body != "" {
		e.Body = block.Body
		took("body", true)
	}
	if len(e.Media) == 0 && len(block.Media) > 0 {
		e.Media = block.Media
		took("media", true)
	}
	for i := range e.Media {
		for _, b := range block.Media {
			if b.URL == e.Media[i].URL && e.Media[i].Alt == "" {
				e.Media[i].Alt, e.Media[i].Credit = b.Alt, b.Credit
			}
		}
	}
	e.Key = e.Key || block.Key
}

// better reports whether the markup's text says the same with its paragraphs
// still there, or all of what the data cut off.
func better(data, markup string) bool {
	if data == "" {
		return withoutPosts(markup) != "" // a headline says more than that there is a post
	}
	if markup == "" || data == markup {
		return false
	}
	a, b := squeeze(withoutPosts(data)), squeeze(withoutPosts(markup))
	return a == b || len(a) > 40 && strings.HasPrefix(b, a) && len(b) < 4*len(a)
}

// byHeadline pairs entries and blocks that have the same headline; entries
// without one by the beginning of their text. Where several blocks have it,
// they are taken in order.
func (m *merger) byHeadline(blocks []news.Entry, source string) {
	if len(blocks) == 0 {
		return
	}
	at := make(map[string][]int, len(blocks))
	for i := range blocks {
		k := matchKey(&blocks[i])
		at[k] = append(at[k], i)
	}
	ids := make([]string, 0, len(blocks))
	for i := range blocks {
		ids = append(ids, string(blocks[i].Entry))
	}
	named := !positional(ids)
	pair := make([]int, len(m.r.Entries)) // index of the block, or -1
	taken := make([]bool, len(blocks))
	for i := range m.r.Entries {
		pair[i] = -1
		k := matchKey(&m.r.Entries[i])
		if list := at[k]; k != "" && len(list) > 0 {
			pair[i], taken[list[0]] = list[0], true
			at[k] = list[1:]
		}
	}
	if len(blocks) == len(pair) {
		betweenNeighbours(pair, taken)
	}
	for i, j := range pair {
		if j >= 0 {
			m.take(&m.r.Entries[i], &blocks[j], source, named)
		}
	}
}

// betweenNeighbours pairs what no headline paired, where both lists are of one
// length and a neighbour stands at the same place in both: a headline was
// edited in one of them.
func betweenNeighbours(pair []int, taken []bool) {
	for i := range pair {
		if pair[i] >= 0 || taken[i] {
			continue
		}
		if i > 0 && pair[i-1] == i-1 || i+1 < len(pair) && pair[i+1] == i+1 {
			pair[i], taken[i] = i, true
		}
	}
}

func (m *merger) take(e, b *news.Entry, source string, named bool) {
	m.fill(e, b, source)
	if e.Entry != "" || b.Entry == "" || !named {
		return
	}
	e.Entry = b.Entry
	m.count["id"]++
	if e.URL == "" {
		e.URL = "#" + string(b.Entry)
	}
}

func matchKey(e *news.Entry) string {
	if e.Headline != "" {
		return squeeze(e.Headline)
	}
	if e.Body == "" {
		return ""
	}
	return "0" + clip(squeeze(e.Body), 60)
}
