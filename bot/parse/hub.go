package parse

import (
	"strconv"
	"strings"
	"time"

	ext "github.com/mmcdole/gofeed/extensions"

	"github.com/pullquote/pullquote/bot/news"
)

// What a document says of how to follow it: its hub, its other feeds, where
// its older entries are, when it does not want to be read.

// rels are the links of a document by their relation: the first of each kind.
type rels map[string]string

// followed are the relations that are looked at; RFC 5988 lets a header name
// any.
var followed = set("hub self next prev-archive successor-version")

func (r rels) add(rel, href string) {
	for name := range strings.FieldsSeq(strings.ToLower(rel)) {
		if followed[name] && r[name] == "" && len(href) <= 4096 {
			r[name] = strings.TrimSpace(href)
		}
	}
}

// headerRels reads Link headers (RFC 8288): <address>; rel="hub self" and so on.
func headerRels(headers []string) rels {
	out := make(rels)
	for _, h := range headers[:min(len(headers), 20)] {
		for range 50 {
			_, rest, ok := strings.Cut(h, "<")
			if !ok {
				break
			}
			address, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			end := nextLink(params)
			out.add(relOf(params[:end]), address)
			h = params[end:]
		}
	}
	return out
}

// nextLink returns where the parameters of a link end: at the next comma
// outside quotation marks.
func nextLink(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return len(s)
}

func relOf(params string) string {
	for p := range strings.SplitSeq(params, ";") {
		key, val, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "rel") {
			return strings.Trim(strings.TrimSpace(val), `"'`)
		}
	}
	return ""
}

// hubs fills in the hub and the topic, which may be stated in the header, in
// the feed or in the head of the page; the first that names a hub counts.
func (d *document) hubs(r *reading, header rels) {
	inside := r.rels
	if inside == nil && d.page != nil {
		inside = d.page.rels()
	}
	for _, in := range []rels{header, inside} {
		if r.Hub != "" {
			break
		}
		r.Hub = absolute(d.base, in["hub"])
	}
	if r.Hub == "" {
		r.Topic = ""
		return
	}
	for _, self := range []string{header["self"], inside["self"], d.URL} {
		if r.Topic == "" {
			r.Topic = absolute(d.base, self)
		}
	}
}

// rels returns what the head of the page links to.
func (p *page) rels() rels {
	out := make(rels)
	for i := range p.links {
		out.add(p.links[i].rel, p.links[i].href)
	}
	return out
}

// extensionRels returns the links that a feed of another kind borrows from
// Atom, as RSS does with atom10:link.
func extensionRels(exts ext.Extensions) rels {
	out := make(rels)
	for prefix, elements := range exts {
		if !strings.HasPrefix(prefix, "atom") {
			continue
		}
		for _, l := range elements["link"] {
			out.add(l.Attrs["rel"], l.Attrs["href"])
		}
	}
	return out
}

// maxWait is the longest a feed is believed to want to be left alone: what
// asks for more was set up for something other than news.
const maxWait = 24 * time.Hour

// timeToLive reads how many minutes a feed asks to be left alone.
func timeToLive(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > int(maxWait/time.Minute) {
		return 0
	}
	return time.Duration(n) * time.Minute
}

// updatePeriod reads sy:updatePeriod and sy:updateFrequency.
func updatePeriod(exts ext.Extensions) time.Duration {
	said := func(name string) string {
		if list := exts["sy"][name]; len(list) > 0 {
			return strings.ToLower(strings.TrimSpace(list[0].Value))
		}
		return ""
	}
	var period time.Duration
	switch said("updatePeriod") {
	case "hourly":
		period = time.Hour
	case "daily":
		period = 24 * time.Hour
	case "weekly":
		period = 7 * 24 * time.Hour
	case "monthly":
		period = 30 * 24 * time.Hour
	case "yearly":
		period = 365 * 24 * time.Hour
	default:
		return 0
	}
	times := 1
	if s := said("updateFrequency"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return 0
		}
		times = n
	}
	if period /= time.Duration(times); period > maxWait {
		return 0
	}
	return period
}

// skippedHours reads RSS skipHours, in GMT with both 0 and 24 for midnight,
// and skipDays. A feed that would never be read means something else by it.
func skippedHours(hours, days []string) news.Hours {
	var skip news.Hours
	for _, s := range hours[:min(len(hours), 100)] {
		if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil && n >= 0 && n <= 24 {
			for day := range 7 {
				skip.Set(time.Weekday(day), n%24)
			}
		}
	}
	for _, s := range days[:min(len(days), 100)] {
		for day := range 7 {
			if !strings.EqualFold(strings.TrimSpace(s), time.Weekday(day).String()) {
				continue
			}
			for n := range 24 {
				skip.Set(time.Weekday(day), n)
			}
		}
	}
	always := news.Hours{}
	for day := range 7 {
		for n := range 24 {
			always.Set(time.Weekday(day), n)
		}
	}
	if skip == always {
		return news.Hours{}
	}
	return skip
}
