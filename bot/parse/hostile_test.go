package parse

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

var hostile = flag.Int("hostile", 1<<17, "bytes of each hostile document")

// parseMeasured is Parse, and returns what it allocates, garbage included, as a
// multiple of the document, and whether that is more than it may: 50 times the
// document, or a floor for small ones. The race detector makes it meaningless.
func parseMeasured(doc Document) (snap news.Snapshot, factor float64, tooMuch bool, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	snap, err = Parse(doc)
	runtime.ReadMemStats(&after)
	n := after.TotalAlloc - before.TotalAlloc
	return snap, float64(n) / float64(len(doc.Body)), n > uint64(max(50*len(doc.Body), floorMemory)) && !raced, err
}

// TestHostile reads much of each thing that makes parsers swell or hang, for
// every format, and holds the bound on memory. That none of it hangs shows in
// the log: a megabyte of the worst takes less than a second on one idle core
// (-hostile 1048576 -v).
func TestHostile(t *testing.T) {
	size := *hostile
	if raced {
		size >>= 3
	}
	docs := hostileDocuments(size)
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		t.Run(name, func(t *testing.T) {
			doc := Document{Body: []byte(docs[name]), URL: "https://news.example/live/storm", Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Live: "badge type"}
			doc.Format, _, _ = strings.Cut(name, ": ")
			if doc.Format == "any" {
				doc.Format = ""
			}
			start := time.Now()
			_, factor, tooMuch, err := parseMeasured(doc)
			t.Logf("%v, allocated %.0f × the document, %v", time.Since(start).Round(time.Millisecond), factor, clip(errText(err), 80))
			if tooMuch {
				t.Errorf("allocated %.0f × the document", factor)
			}
		})
	}
}

// hostileDocuments makes documents of about n bytes. What stands before the
// colon is the format they are read as.
func hostileDocuments(n int) map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, n/len(unit)) }
	each := func(unit string) string { // unit prints a number
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, unit, i)
		}
		return b.String()
	}
	list := func(before, unit, after string) string {
		return before + strings.TrimSuffix(each(unit), ",") + after
	}
	const live = "<html><title>live</title>"
	const ld = `<html><script type="application/ld+json">{"@type":"LiveBlogPosting","headline":"a","liveBlogUpdate":[`
	item := func(inner string) string {
		return "<rss><channel><item><guid>a</guid>" + inner + "</item></channel></rss>"
	}
	described := func(inner string) string { return item("<description><![CDATA[" + inner + "]]></description>") }
	docs := map[string]string{
		"any: open divs":                fill("<div>"),
		"any: open formatting":          fill("<b><p>"),
		"any: open attributes":          "<b" + strings.Repeat(" a=b", 1000) + ">" + fill("<p>a"),
		"any: distinct formatting":      formattingBomb(n),
		"any: tables":                   fill("<table><tr><td>"),
		"any: cells":                    "<table>" + fill("<td>a"),
		"any: many tables":              fill("<table><td>a</table>"),
		"any: paragraphs":               "<html>" + fill("<p>"),
		"any: letters":                  "<html>" + fill("<p>a"),
		"any: ends":                     "<html>" + fill("</p>"),
		"any: breaks":                   "<html>" + fill("<br>a"),
		"any: attributes":               "<html><div" + each(" a%d") + ">",
		"any: one attribute":            `<html><div class="` + fill("live-badge ") + `">`,
		"any: attributes each":          "<html>" + fill("<p a b c d e f g h>"),
		"any: classes":                  "<html>" + fill(`<i class="a-b-c-d-e-f-g">x</i>`),
		"any: badges":                   live + fill(`<span class="live-badge">x</span>`),
		"any: siblings":                 live + fill("<div class=a>b</div>"),
		"any: ids":                      live + each("<p id=a%d>"),
		"any: links":                    live + fill(`<link rel=alternate type=application/rss+xml href=/a>`),
		"any: goes on":                  live + fill(`<a href=/b>new live</a> `),
		"any: goes on in one":           live + "<p>" + fill(`x <a href=/b>here</a> `),
		"any: load more":                live + fill(`<button>load more</button>`),
		"any: times":                    live + fill(`<time datetime=2026-03-01T10:00+01:00>`),
		"any: entities":                 "<html><p>" + fill("&amp;amp;"),
		"any: comments":                 fill("<!---->"),
		"any: doctypes":                 fill("<!DOCTYPE a [ ]>"),
		"any: options":                  "<html><select>" + fill("<option>a"),
		"any: scripts":                  "<html>" + fill("<script>a</script>"),
		"any: latin1":                   fill("\xe9 "),
		"any: brackets":                 fill("["),
		"any: empty lists":              "[" + fill("[],"),
		"any: empty objects":            "[" + fill("{},"),
		"any: braces":                   fill(`{"a":`),
		"any: quotation marks":          fill(`"`),
		"any: keys":                     "{" + each(`"a%d":1,`),
		"any: numbers":                  "[" + fill("0,"),
		"any: strings":                  "[" + fill(`"",`),
		"any: escapes":                  `["` + fill(`\n`),
		"any: string never closed":      `{"liveBlogUpdate":"` + fill(`" "`),
		"any: blanks in a string":       `{"a":"` + fill(`"  x`),
		"rss: items":                    "<rss><channel>" + fill("<item><guid>a</guid></item>") + "</channel></rss>",
		"rss: empty items":              "<rss><channel>" + fill("<item/>") + "</channel></rss>",
		"rss: distinct items":           "<rss><channel>" + each("<item><guid>%d</guid></item>") + "</channel></rss>",
		"rss: cut off":                  "<rss><channel>" + each("<item><guid>%d</guid></item>"),
		"rss: all broken":               "<rss><channel>" + fill("<item><a></item>"),
		"rss: every second broken":      "<rss><channel>" + fill("<item><a></item><item><guid>a</guid></item>"),
		"rss: never closed":             "<rss><channel>" + fill("<item><title>"),
		"rss: bare less":                "<rss><channel>" + fill("<item><title>a < b</title></item>"),
		"rss: extensions":               "<rss><channel>" + fill("<a:b/>") + "</channel></rss>",
		"rss: extensions in an item":    item(fill("<a:b/>")),
		"rss: extensions in items":      "<rss><channel>" + fill("<item><guid>a</guid><a:b/><a:c/></item>") + "</channel></rss>",
		"rss: deep extensions":          item(strings.Repeat("<a:b>", min(n/20, 2000)) + fill("<a:b/>")),
		"rss: categories":               item(fill("<category>a</category>")),
		"rss: media":                    item(fill(`<media:content url="https://a.example/b"/>`)),
		"rss: hours":                    "<rss><channel><skipHours>" + fill("<hour>1</hour>") + "</skipHours></channel></rss>",
		"rss: namespaces":               "<rss" + each(` xmlns:a%d="b"`) + "><channel></channel></rss>",
		"rss: entities":                 item("<title>" + fill("&amp;amp;") + "</title>"),
		"rss: quotes in quotes":         described(fill("<blockquote>")),
		"rss: captions":                 described(fill("<p class=caption>x")),
		"rss: lists":                    described(fill("<ul><li>a")),
		"rss: links":                    described(fill("<a href=/b>new live blog</a>")),
		"rss: pictures":                 described(each("<img src=/%d>")),
		"atom: entries":                 `<feed xmlns="http://www.w3.org/2005/Atom">` + each("<entry><id>%d</id></entry>") + "</feed>",
		"atom: links":                   `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id>` + fill(`<link href="b"/>`) + "</entry></feed>",
		"atom: links of the feed":       `<feed xmlns="http://www.w3.org/2005/Atom">` + fill(`<link rel="next" href="b"/>`) + "</feed>",
		"atom: authors":                 `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id>` + fill(`<author><name>b</name></author>`) + "</entry></feed>",
		"atom: dead":                    `<feed xmlns:at="http://purl.org/atompub/tombstones/1.0">` + each(`<at:deleted-entry ref="%d"/>`) + "</feed>",
		"atom: xml comments":            "<feed>" + fill("<!-- x -->") + "</feed>",
		"jsonfeed: items":               list(`{"version":"https://jsonfeed.org/version/1","items":[`, `{"id":%d},`, `]}`),
		"jsonfeed: authors":             list(`{"version":"https://jsonfeed.org/version/1","items":[{"id":1,"authors":[`, `{"name":"a%d"},`, `]}]}`),
		"jsonfeed: hubs":                list(`{"version":"https://jsonfeed.org/version/1","items":[],"hubs":[`, `{"type":"WebSub","url":"%d"},`, `]}`),
		"news-sitemap: addresses":       "<urlset>" + fill("<url><loc>https://a.example/</loc></url>"),
		"news-sitemap: titled":          "<urlset>" + each("<url><loc>https://a.example/%d</loc><news><title>a</title></news></url>"),
		"superdesk-v1: posts":           "<PostList>" + each("<Post><Id>%d</Id><Content>a</Content></Post>") + "</PostList>",
		"superdesk-v1: not closed":      "<PostList>" + fill("<Post><Id>1</Id>"),
		"superdesk-v1: long text":       "<PostList><Post><Id>1</Id><Content>" + fill("a<![CDATA[b]]>") + "</Content></Post></PostList>",
		"guardian-dcr-blocks: blocks":   list(`{"blocks":[`, `{"id":"%d","blockFirstPublished":1},`, `]}`),
		"guardian-dcr-blocks: elements": `{"blocks":[{"id":"1","blockFirstPublished":1772366400000,"elements":[` + strings.TrimSuffix(fill(`{"_type":"TextBlockElement","html":"a"},`), ",") + `]}]}`,
		"capi-blocks: blocks":           list(`{"blocks":{"body":[`, `{"id":"%d"},`, `]}}`),
		"bbc-stream: posts":             list(`{"liveTextStream":1,"results":[`, `{"urn":"%d","header":1},`, `]}`),
		"bbc-live-page: posts":          list(`{"liveTextStream":1,"title":"a","results":[`, `{"urn":"%d","header":1},`, `]}`),
		"liveblog3-posts: posts":        list(`{"post_status":1,"_meta":{},"_items":[`, `{"_id":"%d","groups":[{"id":"main","refs":[{"item":{"text":"a"}}]}]},`, `]}`),
		"wp-liveblog-rest: entries":     list(`{"entries":[`, `{"id":%d,"type":"new","render":"a"},`, `]}`),
		"wp-liveblog-rest: deleted":     list(`{"entries":[`, `{"id":%d,"type":"delete","render":""},`, `]}`),
		"24liveblog: news":              list(`{"data":{"news":[`, `{"nid":%d,"newstitle":"a"},`, `]}}`),
		"easy-liveblogs: updates":       list(`{"updates":[`, `{"id":%d,"datetime":1,"title":"a"},`, `]}`),
		"norkon: posts":                 list(`{"result":{"addedOrChanged":[`, `{"id":%d,"html":"a"},`, `]}}`),
		"tickaroo: events":              list(`{"events":[`, `{"_type":"Tik::e","_id":%d,"text":"a"},`, `]}`),
		"wp-posts: posts":               list(`[`, `{"id":%d,"date_gmt":"2026-03-01T12:00:00","title":{"rendered":"a"}},`, `]`),
		"jsonld-bare: updates":          list(`{"@type":"LiveBlogPosting","liveBlogUpdate":[`, `{"headline":"%d"},`, `]}`),
		"page-state: blocks":            list(`<html><script>x={"blocks":[`, `{"id":"%d","elements":[],"blockFirstPublished":1},`, `]}</script>`),
		"jsonld: same headline":         list(ld, `{"headline":"a","articleBody":"b%d"},`, `]}</script>`),
		"jsonld: updates":               list(ld, `{"headline":"%d"},`, `]}</script>`),
		"jsonld: numbers":               list(ld, `%d,`, `]}</script>`),
		"jsonld: authors":               list(ld+`{"headline":"a","author":[`, `{"name":"a%d"},`, `]}]}</script>`),
		"jsonld: pictures":              list(ld+`{"headline":"a","image":[`, `"https://a.example/%d",`, `]}]}</script>`),
		"jsonld: references":            list(ld, `{"@id":"%d"},`, `]}</script>`),
		"jsonld: blogs":                 "<html>" + fill(`<script type="application/ld+json">{"@type":"LiveBlogPosting","liveBlogUpdate":[{"headline":"a"}]}</script>`),
		"jsonld: marks":                 `<html><script type="application/ld+json">` + fill(`{"LiveBlogPosting"`),
		"jsonld: blogs in one":          `<html><script type="application/ld+json">[` + fill(`{"@type":"LiveBlogPosting","liveBlogUpdate":[]},`) + `]</script>`,
		"jsonld: broken blogs":          `<html><script type="application/ld+json">` + fill(`{"@type":"LiveBlogPosting","liveBlogUpdate":[{]`),
		"amp-live-list: items":          "<html><amp-live-list><div items>" + each(`<p id=a%d data-sort-time=1772366400>b</p>`),
		"microdata: updates":            "<html>" + fill(`<p itemprop=liveBlogUpdate>x`),
		"microdata: properties":         "<html><div itemprop=liveBlogUpdate>" + fill(`<p itemprop=headline>x`),
		"h-feed: entries":               "<html><div class=h-feed>" + fill(`<p class=h-entry>x</p>`),
		"h-feed: nested":                "<html>" + strings.Repeat("<div class=h-entry>", 500) + fill("x "),
		"profile: entries":              live + each(`<div class=block id=block-%d>x</div>`),
		"profile: nested entries":       live + strings.Repeat(`<div class=block id=block-1>`, 400) + fill("x "),
		"blocks: blocks":                live + fill("<div class=x><time datetime=2026-03-01T10:00Z>x</time>text text text text text</div>"),
		"blocks: short blocks":          live + each("<p class=x>10:%d a"),
		"headed: headings":              live + fill("<h2>a</h2><p>b"),
		"headed: deep headings":         live + strings.Repeat("<div>", 400) + fill("<h2>a</h2>b"),
		"headed: linked headings":       live + fill("<article><h2><a href=/a>a</a></h2>b</article>"),
		"heading-time-prefix: times":    "<html>" + fill("<h2>10:00 a</h2>b<h2>11:00 c</h2>"),
		"text: headlines":               fill("Headline\n\nText.\n\n"),
		"text: clocks":                  fill("10:00 a\n\n"),
		"text: days":                    fill("1 March\n\n"),
		"text: one line":                fill("a"),
		"text: lines":                   fill("a\n"),
		"text: blank lines":             fill("a\n\n"),
		"text: one entry":               "Headline\n\nOne.\n\nHeadline\n\n" + fill("Text.\n\n"),
	}
	docs["rss: rdf items"] = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel></channel>` + each(`<item rdf:about="%d"><title>a</title></item>`) + "</rdf:RDF>"
	return docs
}

// Every format has a hostile document of its own.
func TestHostileCoversTheLadder(t *testing.T) {
	covered := make(map[string]bool)
	for name := range hostileDocuments(1000) {
		format, _, _ := strings.Cut(name, ": ")
		covered[format] = true
	}
	for _, f := range Formats() {
		if !covered[f] {
			t.Errorf("no hostile document for %s", f)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return "read"
	}
	return err.Error()
}

// formattingBomb opens elements that each new paragraph opens again.
func formattingBomb(n int) string {
	var b strings.Builder
	for i := range 500 {
		b.WriteString("<b c=" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ">")
	}
	for b.Len() < n {
		b.WriteString("<p>")
	}
	return b.String()
}
