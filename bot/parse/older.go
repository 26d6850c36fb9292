package parse

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// Where the entries before the oldest of a document are to be had. An
// interface's own cursor comes first, what its page links to after it.

// older returns the address of the page before this one; "" if none is known.
func (d *document) older(r *reading, header rels) string {
	for _, ref := range []string{r.Older, r.rels["next"], r.rels["prev-archive"], d.profileNext, header["next"], d.pageOlder(r)} {
		next := withoutFragment(absolute(d.base, ref))
		if next != "" && next != withoutFragment(d.URL) {
			return next
		}
	}
	return ""
}

func withoutFragment(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return s
}

// pageOlder is the link to older entries in the page or in its data.
func (d *document) pageOlder(r *reading) string {
	if v, ok := d.json(); ok {
		return d.jsonOlder(v, r)
	}
	if d.page == nil {
		return ""
	}
	return d.page.older
}

// jsonOlder reads what interfaces say of their next page. Those that number
// their pages are asked for the next number at the same address.
func (d *document) jsonOlder(v value, r *reading) string {
	if ref := v.first("next_url").str(); ref != "" {
		return ref
	}
	if ref := v.get("pagination", "older").str(); ref != "" { // the Guardian's
		if page := parseBase(v.first("canonicalUrl", "webURL").str()); page != nil && d.base == nil {
			d.base = page
		}
		return ref
	}
	if meta := v.get("_meta"); meta.kind == 'o' { // Live Blog 3
		size := meta.first("max_results", "limit").int()
		if page := meta.get("page").int(); page > 0 && size > 0 && size <= meta.get("total").int()/page && page*size < meta.get("total").int() {
			return d.withQuery("page", strconv.FormatInt(page+1, 10))
		}
		return v.get("_links", "next", "href").str()
	}
	if page := d.entriesPage(v); page != "" {
		return page
	}
	if len(r.Entries) == 0 {
		return ""
	}
	oldest := string(r.Entries[len(r.Entries)-1].Entry)
	switch r.Format {
	case "24liveblog":
		if limit := d.queryInt("limit"); limit > 0 && int64(len(r.Entries)) >= limit {
			return d.withQuery("last_nid", oldest)
		}
	case "tickaroo":
		if r.Window && d.queryInt("refresh") == 0 { // what changed is no page of a list
			return d.withQuery("continue_event_id", oldest)
		}
	case "bbc-stream":
		page := pageOf(v)
		if n := page.get("index").int(); n > 0 && n < page.get("total").int() {
			return d.withQuery("page", strconv.FormatInt(n+1, 10))
		}
	}
	return v.get("_links", "next", "href").str()
}

// pageOf finds the count of pages in a BBC stream.
func pageOf(v value) value {
	var found value
	v.walk(func(o value) bool {
		if o.kind == 'o' && o.get("results").kind == 'a' && o.get("page").has("total") {
			found = o.get("page")
		}
		return found.kind == 0
	})
	return found
}

var entriesPath = regexp.MustCompile(`^(.*/get-entries/)(\d{1,6})(/[^/]*)$`)

// entriesPage is the next page of a WordPress live blog, whose pages are
// counted in the path: …/get-entries/2/1234-1772366400.
func (d *document) entriesPage(v value) string {
	page, pages := v.get("page").int(), v.get("pages").int()
	if page < 1 || page >= pages || v.get("entries").kind != 'a' {
		return ""
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		return ""
	}
	m := entriesPath.FindStringSubmatch(u.Path)
	if m == nil {
		return ""
	}
	u.Path, u.RawPath = m[1]+strconv.FormatInt(page+1, 10)+m[3], ""
	return u.String()
}

// withQuery returns the document's own address with a parameter set; "" if it
// has none.
func (d *document) withQuery(key, val string) string {
	u := parseBase(d.URL)
	if u == nil || val == "" || len(val) > maxID {
		return ""
	}
	q := u.Query()
	q.Set(key, val)
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// queryInt returns a number out of the document's own address; 0 if there is
// none.
func (d *document) queryInt(key string) int64 {
	u := parseBase(d.URL)
	if u == nil {
		return 0
	}
	return value{kind: 's', text: u.Query().Get(key)}.int()
}

// wordPressPage is the next page of a WordPress feed, which all of them serve
// and none of them names.
func (d *document) wordPressPage(generator string, items int) string {
	if !strings.Contains(generator, "wordpress.org") || items < 5 {
		return ""
	}
	page := max(1, d.queryInt("paged"))
	if page >= 1000 {
		return ""
	}
	return d.withQuery("paged", strconv.FormatInt(page+1, 10))
}

// loadAttrs hold, on a "load more" button, the address it loads.
var loadAttrs = []string{"data-next", "data-next-url", "data-next-page", "data-url", "data-href", "data-load-more-url", "data-endpoint", "data-src", "formaction"}

// loads returns the address that a link or button loads older entries from.
func loads(n *html.Node) string {
	if href := strings.TrimSpace(attr(n.Attr, "href")); href != "" && !strings.HasPrefix(href, "#") && !strings.HasPrefix(href, "javascript:") {
		return href
	}
	for _, key := range loadAttrs {
		// A number, a selector or a token is no address.
		if v := strings.TrimSpace(attr(n.Attr, key)); strings.HasPrefix(v, "/") || strings.HasPrefix(v, "?") || parseBase(v) != nil {
			return v
		}
	}
	return ""
}

// surroundings fills in what the document says besides its entries.
func (d *document) surroundings(r *reading) {
	header := headerRels(d.Links)
	d.hubs(r, header)
	r.Older = d.older(r, header)
	r.Successor = d.successor(r, header)
	if d.page != nil {
		r.Feeds = d.page.feeds(d)
	}
}

// feeds returns the feeds that the page links to, those of comments left out.
func (p *page) feeds(d *document) []news.Feed {
	var list []news.Feed
	seen := make(map[string]bool)
	for _, l := range p.links {
		if !l.isFeed() {
			continue
		}
		abs := absolute(d.base, l.href)
		if abs == "" || seen[abs] || len(list) == maxFeeds {
			continue
		}
		seen[abs] = true
		list = append(list, news.Feed{URL: abs, Title: clip(oneLine(l.title), 200), Type: l.kind})
	}
	return list
}

// maxFeeds bounds the feeds that a page may offer.
const maxFeeds = 50

func (l *link) isFeed() bool {
	return hasClass(l.rel, "alternate") && isFeedType(l.kind) &&
		!strings.Contains(l.href, "comments") && !strings.Contains(strings.ToLower(l.title), "comments feed")
}
