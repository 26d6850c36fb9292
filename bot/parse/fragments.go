package parse

import (
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// What the "#…" of an address is worth. On a live page it is the name of an
// entry; behind the links of a feed it is mostly the name of a campaign, and
// may be another one tomorrow.

// fragments drops fragments from the addresses and ids of entries where they
// are noise. A name that was dropped by our own judgement stays an alias: the
// next document may show that it was one.
func (d *document) fragments(r *reading) {
	auto := d.Fragments != news.FragmentNoise
	if d.Fragments == news.FragmentIdentity || auto && (!r.feed || !noisy(r.Entries)) {
		return
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		id, link := string(e.Entry), e.URL
		e.URL = withoutFragment(link)
		if !strings.Contains(id, "#") || auto && absolute(d.base, id) != link || !auto && absolute(d.base, id) == "" {
			continue // a guid is the publisher's own name for it
		}
		e.Entry = news.EntryID(withoutFragment(id))
		if auto {
			e.Aliases = append(e.Aliases, news.EntryID(id))
		}
	}
	r.disown(withoutFragment(r.URL))
}

// disown takes ids away that name the page, or entries of different words.
func (r *reading) disown(page string) {
	differ := disagreement(r.Entries, func(e *news.Entry) string { return e.Headline + "\x00" + e.Body })
	for i := range r.Entries {
		if e := &r.Entries[i]; differ[e.Entry] || string(e.Entry) == page {
			e.Entry, e.IDKind = "", ""
		}
	}
}

// noisy reports whether the fragments in a feed do not tell entries of one
// page apart. A single one tells nothing, unless it looks like what it is.
func noisy(entries []news.Entry) bool {
	pages := make(map[string]string, len(entries))
	n, last := 0, ""
	for i := range entries {
		page, frag, has := strings.Cut(entries[i].URL, "#")
		if page == "" {
			continue
		}
		if was, taken := pages[page]; taken && was != frag {
			return false
		}
		pages[page] = frag
		if has {
			n++
			last = frag
		}
	}
	return n > 1 || n == 1 && campaign(last)
}

// campaign reports whether a fragment looks like one that counts visitors, or
// leads to a place every page has.
func campaign(fragment string) bool {
	f := strings.ToLower(fragment)
	if strings.ContainsAny(f, "=:") {
		return true
	}
	for _, mark := range []string{"rss", "feed", "comments", "respond", "utm", "xtor", "ref", "more-", "disqus"} {
		if strings.HasPrefix(f, mark) {
			return true
		}
	}
	return false
}
