package parse

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	"github.com/mmcdole/gofeed/rss"

	"github.com/pullquote/pullquote/bot/news"
)

// RSS 0.9x, 1.0 and 2.0 and Atom 0.3 and 1.0, read by gofeed; RFC 6721
// tombstones. A feed is always a window: what falls off its end is not gone.

func sniffRSS(d *document) bool {
	root := d.root()
	return root == "rss" || root == "rdf" || strings.HasSuffix(root, ":rdf")
}

func sniffAtom(d *document) bool {
	root := d.root()
	return root == "feed" || strings.HasSuffix(root, ":feed")
}

func parseFeed(d *document) (reading, error) {
	r := reading{understood: true, feed: true}
	text, err := d.fewerItems(withoutDeclaration(d.head))
	if err != nil {
		return r, err
	}
	parser, extra := feedParser()
	feed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		// A bare "<" is the commonest flaw, and costs nothing but itself.
		if fixed := bareLess.ReplaceAllString(text, "&lt;$1"); fixed != text {
			if whole, again := parser.Parse(strings.NewReader(fixed)); again == nil {
				feed, err = whole, nil
			}
			text = fixed
		}
	}
	if err != nil {
		if feed = d.salvage(text); feed == nil {
			return r, refusal("is broken: " + fold(err.Error()))
		}
		r.partial = true
	}
	r.Title, r.Window = feed.Title, true
	r.Wait, r.Skip, r.rels = extra.wait, extra.skip, extra.rels
	r.URL = feed.Link
	if d.base == nil {
		d.base = parseBase(feed.Link)
	}
	var dead map[string]time.Time
	if strings.Contains(text, "deleted-entry") {
		dead = tombstones(feed.Extensions)
	}
	r.Entries = make([]news.Entry, 0, len(feed.Items))
	for _, item := range feed.Items {
		e := d.feedEntry(item)
		when, gone := dead[strings.TrimSpace(item.GUID)]
		if gone && !laterThan(&e, when) {
			continue
		}
		delete(dead, strings.TrimSpace(item.GUID))
		r.Entries = append(r.Entries, e)
	}
	for id := range dead {
		r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
	}
	slices.Sort(r.Withdrawn)
	r.Entries = distinct(r.Entries, feed.FeedType == "atom")
	r.Older = d.wordPressPage(feed.Generator, len(feed.Items))
	return r, nil
}

// feedParser returns gofeed's parser without its search for a picture in the
// HTML of every item, which reading the text does anyway, and a note of what
// its translation leaves out.
func feedParser() (*gofeed.Parser, *noted) {
	p, n := gofeed.NewParser(), &noted{}
	n.rss.DisableContentImageScan = true
	p.RSSTranslator, p.AtomTranslator = n, n
	return p, n
}

// A noted is gofeed's translator that keeps what a feed says of itself and
// that the common form has no place for.
type noted struct {
	rss  gofeed.DefaultRSSTranslator
	atom gofeed.DefaultAtomTranslator
	wait time.Duration
	skip news.Hours
	rels rels
}

// Translate implements gofeed.Translator.
func (n *noted) Translate(feed any) (*gofeed.Feed, error) {
	switch f := feed.(type) {
	case *rss.Feed:
		n.wait = max(timeToLive(f.TTL), updatePeriod(f.Extensions))
		n.skip = skippedHours(f.SkipHours, f.SkipDays)
		n.rels = extensionRels(f.Extensions)
		return n.rss.Translate(feed)
	case *atom.Feed:
		n.wait = updatePeriod(f.Extensions)
		n.rels = make(rels)
		for _, l := range f.Links {
			n.rels.add(l.Rel, l.Href)
		}
		return n.atom.Translate(feed)
	}
	return nil, errNoEntries // unreachable: gofeed asks for one of the two
}

// laterThan reports whether e was published or changed after its tombstone:
// it was put back.
func laterThan(e *news.Entry, when time.Time) bool {
	return e.Updated.After(when) || e.Published.After(when)
}

// withoutDeclaration drops the XML declaration: the text is UTF-8 by now,
// whatever it says.
func withoutDeclaration(s string) string {
	if strings.HasPrefix(s, "<?xml") {
		if _, rest, ok := strings.Cut(s, "?>"); ok {
			return strings.TrimLeft(rest, " \t\r\n")
		}
	}
	return s
}

func (d *document) feedEntry(item *gofeed.Item) news.Entry {
	e := news.Entry{
		Headline:  oneLine(item.Title),
		Author:    feedAuthors(item),
		Published: d.feedTime(item.PublishedParsed, item.Published),
		Updated:   d.feedTime(item.UpdatedParsed, item.Updated),
	}
	content := item.Content
	if strings.TrimSpace(content) == "" {
		content = item.Description
	}
	e.Body, e.Media = d.body(content)
	d.feedMedia(&e, item)
	e.URL = absolute(d.base, item.Link)
	for _, c := range item.Categories {
		if c = oneLine(c); c != "" && len(e.Tags) < 20 && !slices.Contains(e.Tags, c) {
			e.Tags = append(e.Tags, c)
		}
	}
	if e.Published.IsZero() {
		e.Published = e.Updated // Atom's published is optional
	}
	if e.Updated.Equal(e.Published) {
		e.Updated = time.Time{}
	}
	e.Entry = news.EntryID(strings.TrimSpace(item.GUID))
	if e.Entry == "" {
		e.Entry = news.EntryID(strings.TrimSpace(item.Link))
	}
	return e
}

// feedTime takes the time that gofeed read, which knows more layouts than we
// do, but reads those without a zone, or with one it does not know, as UTC.
func (d *document) feedTime(parsed *time.Time, text string) time.Time {
	if text == "" && parsed == nil {
		return time.Time{}
	}
	if st, ok := parseTime(text, d.zone()); ok && (st.zoned || d.Zone != nil) {
		return d.possible(st.t)
	}
	if parsed != nil {
		return d.possible(*parsed)
	}
	return d.when(text)
}

func feedAuthors(item *gofeed.Item) string {
	var list []string
	for _, a := range item.Authors {
		if a != nil {
			list = append(list, a.Name)
		}
	}
	return names(list...)
}

func (d *document) feedMedia(e *news.Entry, item *gofeed.Item) {
	add := func(m news.Media) {
		m.URL = absolute(d.base, m.URL)
		if m.URL == "" || slices.ContainsFunc(e.Media, func(o news.Media) bool { return o.URL == m.URL }) {
			return
		}
		e.Media = append(e.Media, m)
	}
	for _, enc := range item.Enclosures {
		switch kind, _, _ := strings.Cut(enc.Type, "/"); kind {
		case "image", "video", "audio":
			add(news.Media{URL: enc.URL, Kind: news.MediaKind(kind)})
		}
	}
	for _, name := range []string{"content", "thumbnail"} {
		for _, m := range item.Extensions["media"][name] {
			if len(e.Media) == 0 || name == "content" {
				add(mediaRSS(m))
			}
		}
	}
	if item.Image != nil && len(e.Media) == 0 {
		add(news.Media{URL: item.Image.URL, Kind: news.Image, Alt: oneLine(item.Image.Title)})
	}
}

func mediaRSS(m ext.Extension) news.Media {
	out := news.Media{URL: m.Attrs["url"], Kind: news.Image}
	switch {
	case m.Attrs["medium"] == "video" || strings.HasPrefix(m.Attrs["type"], "video/"):
		out.Kind = news.Video
	case m.Attrs["medium"] == "audio" || strings.HasPrefix(m.Attrs["type"], "audio/"):
		out.Kind = news.Audio
	}
	if c := m.Children["credit"]; len(c) > 0 {
		out.Credit = oneLine(c[0].Value)
	}
	for _, name := range []string{"description", "text", "title"} {
		if c := m.Children[name]; len(c) > 0 && out.Alt == "" {
			out.Alt = oneLine(c[0].Value)
		}
	}
	return out
}

// tombstones returns the ids that a feed says are deleted, and when.
func tombstones(exts ext.Extensions) map[string]time.Time {
	dead := make(map[string]time.Time)
	for _, elements := range exts {
		for _, t := range elements["deleted-entry"] {
			st, _ := parseTime(t.Attrs["when"], time.UTC)
			if ref := strings.TrimSpace(t.Attrs["ref"]); ref != "" {
				dead[ref] = st.t
			}
		}
	}
	return dead
}

// distinct makes ids name one entry each. An id that comes with several
// addresses names none of the entries, and the address is added to all of
// them, so that their order does not matter. At one address it is one entry in
// several versions, of which the latest is kept, if versions says that the
// format has such; in RSS, where a link may stand for a missing guid, other
// headlines are other entries.
func distinct(entries []news.Entry, versions bool) []news.Entry {
	addresses, headlines := disagreement(entries, func(e *news.Entry) string { return e.URL }), map[news.EntryID]bool(nil)
	if !versions {
		headlines = disagreement(entries, func(e *news.Entry) string { return e.Headline })
	}
	at := make(map[news.EntryID]int, len(entries))
	out := entries[:0]
	for _, e := range entries {
		id := e.Entry
		switch {
		case id == "":
			out = append(out, e)
			continue
		case addresses[id] && e.URL != "":
			e.Entry += " " + news.EntryID(e.URL)
		case headlines[id]:
			hash, _ := hashID(&e)
			e.Entry += " " + hash
		}
		if i, taken := at[e.Entry]; taken {
			if latest(&e).After(latest(&out[i])) {
				out[i] = e
			}
			continue
		}
		at[e.Entry] = len(out)
		out = append(out, e)
	}
	return out
}

// disagreement returns the ids whose entries differ in what of returns.
func disagreement(entries []news.Entry, of func(*news.Entry) string) map[news.EntryID]bool {
	first := make(map[news.EntryID]string, len(entries))
	differ := make(map[news.EntryID]bool)
	for i := range entries {
		e := &entries[i]
		was, seen := first[e.Entry]
		if !seen {
			first[e.Entry] = of(e)
		} else if was != of(e) {
			differ[e.Entry] = true
		}
	}
	return differ
}

func latest(e *news.Entry) time.Time {
	if e.Updated.After(e.Published) {
		return e.Updated
	}
	return e.Published
}

var (
	bareLess  = regexp.MustCompile(`<([\s\d=<])`)
	itemBlock = regexp.MustCompile(`(?is)<(item|entry)[\s>].*?</(item|entry)\s*>`)
	rootTag   = regexp.MustCompile(`(?is)<([a-z]+:)?(rss|rdf|feed)\b[^>]*>`)
)

// salvage reads the whole entries of a feed that is broken somewhere: cut off,
// or with one entry that is no XML. nil if there are none.
func (d *document) salvage(text string) *gofeed.Feed {
	root := rootTag.FindString(text)
	if root == "" || strings.HasSuffix(root, "/>") {
		return nil
	}
	blocks := itemBlock.FindAllString(text, d.most())
	if len(blocks) == 0 {
		return nil
	}
	head, _, _ := strings.Cut(text, blocks[0])
	whole := closed(root, head, "")
	if whole == nil {
		whole = &gofeed.Feed{}
	}
	tries := maxTries
	whole.Items = wholeItems(root, blocks, &tries)
	if len(whole.Items) == 0 {
		return nil
	}
	return whole
}

// maxTries is how often parts of a broken feed are parsed in search of what is
// whole.
const maxTries = 200

// wholeItems returns the items of those blocks that are XML: all at once if
// they are, else of each half.
func wholeItems(root string, blocks []string, tries *int) []*gofeed.Item {
	if *tries == 0 {
		return nil
	}
	*tries--
	if feed := closed(root, root, strings.Join(blocks, "")); feed != nil && len(feed.Items) == len(blocks) {
		return feed.Items
	}
	if len(blocks) == 1 {
		return nil
	}
	half := len(blocks) / 2
	return append(wholeItems(root, blocks[:half], tries), wholeItems(root, blocks[half:], tries)...)
}

// closed parses head and block with the elements closed that a feed opens.
func closed(root, head, block string) *gofeed.Feed {
	m := rootTag.FindStringSubmatch(root)
	open, end := "", "</"+m[1]+m[2]+">"
	if strings.EqualFold(m[2], "rss") {
		if !strings.Contains(head, "<channel") {
			open = "<channel>"
		}
		end = "</channel>" + end
	} else if strings.EqualFold(m[2], "rdf") && strings.Contains(head, "<channel") && !strings.Contains(head, "</channel") {
		end = "</channel>" + end
	}
	parser, _ := feedParser()
	feed, err := parser.Parse(strings.NewReader(head + open + block + end))
	if err != nil {
		return nil
	}
	return feed
}
