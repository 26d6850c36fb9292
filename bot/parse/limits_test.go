package parse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Of more entries than are read the newest are, whichever way they stand.
func TestNewestAreKept(t *testing.T) {
	const n = 3 * minEntries
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	entries := map[string]func(i int) string{
		"rss": func(i int) string {
			return fmt.Sprintf("<item><guid>e%d</guid><pubDate>%s</pubDate></item>", i, start.Add(time.Duration(i)*time.Minute).Format(time.RFC1123Z))
		},
		"jsonld": func(i int) string {
			return fmt.Sprintf(`{"@id":"#e%d","headline":"E","datePublished":"%s"},`, i, start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339))
		},
		"profile": func(i int) string {
			return fmt.Sprintf(`<div class=block id=block-e%d><time datetime=%s></time>Text.</div>`, i, start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339))
		},
	}
	around := map[string][2]string{
		"rss":     {"<rss><channel><title>a</title>", "</channel></rss>"},
		"jsonld":  {`<html><script type="application/ld+json">{"@type":"LiveBlogPosting","liveBlogUpdate":[`, `]}</script></html>`},
		"profile": {"<html><title>Storm live</title>", "</html>"},
	}
	for format, entry := range entries {
		for _, upwards := range []bool{false, true} {
			t.Run(fmt.Sprint(format, " upwards ", upwards), func(t *testing.T) {
				list := []string{}
				for i := range n {
					list = append(list, entry(i))
				}
				if !upwards {
					slices.Reverse(list)
				}
				body := around[format][0] + strings.Join(list, "") + around[format][1]
				snap, err := Parse(Document{Body: []byte(body), URL: "https://news.example/storm", Format: format})
				if err != nil {
					t.Fatal(err)
				}
				if len(snap.Entries) >= n || len(snap.Entries) < minEntries || !snap.Window {
					t.Errorf("%d entries, window %v", len(snap.Entries), snap.Window)
				}
				if got := string(snap.Entries[0].Entry); !strings.Contains(got, fmt.Sprintf("e%d", n-1)) {
					t.Errorf("the newest is %s", got)
				}
			})
		}
	}
}

// One broken item costs itself, however many stand around it.
func TestSalvageKeepsWhatIsWhole(t *testing.T) {
	var b strings.Builder
	b.WriteString("<rss><channel><title>a</title>")
	for i := range 500 {
		if i == 77 || i == 311 {
			b.WriteString("<item><guid>broken</guid><title>a <b</title></item>")
		}
		fmt.Fprintf(&b, "<item><guid>e%d</guid><title>Item %d</title></item>", i, i)
	}
	snap, err := Parse(Document{Body: []byte(b.String() + "<item><guid>cut")})
	if err != nil || len(snap.Entries) != 500 {
		t.Errorf("%d entries, %v", len(snap.Entries), err)
	}
}

// What pages have is never refused.
func TestSprawls(t *testing.T) {
	for name, s := range map[string]string{
		"a page":                string(bigPage(400)),
		"a script with markup":  "<html><script>" + strings.Repeat("x='<div>';", 100_000) + "</script>",
		"one link never closed": `<html><a href="/a" class="b">` + strings.Repeat("<p>A paragraph of some length, as they are in articles.</p>", 20_000),
		"a large table":         "<html><table>" + strings.Repeat(`<tr><td class="a">Eastquay Town</td><td>12</td><td>3–1</td></tr>`, 20_000),
		"inline drawings":       "<html>" + strings.Repeat(`<svg viewBox="0 0 9 9"><path d="M0 0h24v24H0zm12 2"/><path d="M1 1h22"/></svg>`, 20_000),
	} {
		if why := sprawls(s); why != "" {
			t.Errorf("%s %s", name, why)
		}
	}
	for name, s := range map[string]string{
		"letters":    strings.Repeat("<p>a", 1<<20),
		"attributes": "<p" + strings.Repeat(" a", 1<<20) + ">",
		"open bold":  strings.Repeat("<b><p>", 1<<18),
		"deep":       strings.Repeat("<div>", 500) + strings.Repeat("<i>a</i>", 1<<18),
	} {
		if sprawls(s) == "" {
			t.Errorf("%s pass for a page", name)
		}
	}
}
