package parse

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
)

// filler is invented news, cut to length.
const filler = `The harbour master at Eastquay said the storm barrier would stay closed until the evening tide had turned. ` +
	`&quot;We have moved every boat that could be moved,&quot; Ines Marlow told reporters on the quay. ` +
	`Buses between the islands run every hour, and the council asks people to keep away from the sea wall while crews repair it. ` +
	`The cup final, planned for Saturday, is to be played a week later at the same ground. `

// bigLiveBlog builds a page of the size of a whole day's live blog: n entries,
// about 2 KB each, all in one script.
func bigLiveBlog(n int) []byte {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Storm LIVE</title>` +
		`<link rel="canonical" href="https://news.example/storm-live"></head><body><h1>Storm LIVE</h1><script type="application/ld+json">` +
		`{"@context":"http://schema.org","@type":"LiveBlogPosting","headline":"Storm LIVE","url":"https://news.example/storm-live","liveBlogUpdate":[`)
	start := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	people := `[{"@type":"Person","name":"Ada Quill","sameAs":"https://news.example/authors/ada-quill/"},{"@type":"Person","name":"Tom Reed","sameAs":"https://news.example/authors/tom-reed/"}]`
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		at := start.Add(-time.Duration(i) * 5 * time.Minute).Format(time.RFC3339)
		fmt.Fprintf(&b, `{"@type":"BlogPosting","headline":"Update number %d from the harbour","url":"https://news.example/storm-live#%d",`+
			`"datePublished":"%s","dateModified":"%s","articleBody":%q,"author":%s,"publisher":{"@type":"Organization","name":"Example News",`+
			`"url":"https://news.example/","logo":{"@type":"ImageObject","url":"https://news.example/logo.png","width":219,"height":60}},`+
			`"image":{"@type":"ImageObject","url":"https://news.example/%d.jpg","width":615,"height":409},"mainEntityOfPage":"https://news.example/storm-live"}`,
			i, 751105-i, at, at, strings.Repeat(filler, 3)[:1230], people, i)
	}
	b.WriteString(`]}</script></body></html>`)
	return []byte(b.String())
}

// bigPage builds a page of n entries in markup no profile knows, among the
// furniture that pages carry.
func bigPage(n int) []byte {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html><head><meta charset="utf-8"><title>Storm live updates</title><style>` + strings.Repeat(`.a{color:#123456;margin:0 auto}`, 800) +
		`</style></head><body><nav>` + strings.Repeat(`<a href="/x" class="nav__link">Section</a>`, 200) + `</nav><main><h1>Storm live updates</h1><div class="stream">`)
	start := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, `<article class="update" id="update-%x"><header class="update__header"><time datetime="%s">%d minutes ago</time><h2 class="update__title">Update number %d from the harbour</h2></header>`+
			`<div class="update__body"><p>%s</p><p><a href="https://news.example/%d" class="link" data-track="inline">%s</a></p><figure class="image"><img src="/img/%d.jpg" alt="The quay" width="600" height="400"><figcaption class="caption">The quay. Photo: Ada Quill</figcaption></figure></div>`+
			`<div class="share"><a href="#" class="share__link">Share</a><a href="#" class="share__link">Copy link</a></div></article>`,
			7000-i, start.Add(-time.Duration(i)*5*time.Minute).Format(time.RFC3339), i*5, i, filler, i, filler[:120], i)
	}
	b.WriteString(`</div></main><footer>` + strings.Repeat(`<p><a href="/y">About</a></p>`, 100) + `</footer></body></html>`)
	return []byte(b.String())
}

// bigFeed builds an RSS feed of n items of about 2 KB.
func bigFeed(n int) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Storm</title><link>https://news.example/</link>`)
	start := time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, `<item><title>Update number %d from the harbour</title><link>https://news.example/%d</link><guid isPermaLink="false">storm-%d</guid><pubDate>%s</pubDate>`+
			`<description>%s</description><content:encoded><![CDATA[<p>%s</p><p>%s</p>]]></content:encoded></item>`,
			i, i, i, start.Add(-time.Duration(i)*5*time.Minute).Format(time.RFC1123Z), filler[:300], filler, strings.Repeat(filler, 3)[:900])
	}
	b.WriteString(`</channel></rss>`)
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct {
		name    string
		body    []byte
		format  string
		entries int
	}{
		{"jsonld 428 entries", bigLiveBlog(428), "jsonld", 428},
		{"html 400 entries", bigPage(400), "blocks", 400},
		{"rss 428 items", bigFeed(428), "rss", 428},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.body)))
			b.ReportAllocs()
			for b.Loop() {
				snap, err := Parse(Document{Body: bench.body, URL: "https://news.example/storm-live"})
				if err != nil || snap.Format != bench.format || len(snap.Entries) != bench.entries {
					b.Fatalf("%s, %d entries, %v", snap.Format, len(snap.Entries), err)
				}
			}
		})
	}
}

// BenchmarkFeedRatio reads the same feed with Parse and with gofeed alone, in
// turns, and reports how much longer Parse takes.
func BenchmarkFeedRatio(b *testing.B) {
	body := bigFeed(428)
	var ours, theirs time.Duration
	for b.Loop() {
		t0 := time.Now()
		if _, err := Parse(Document{Body: body}); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		if _, err := gofeed.NewParser().Parse(strings.NewReader(string(body))); err != nil {
			b.Fatal(err)
		}
		ours += t1.Sub(t0)
		theirs += time.Since(t1)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-gofeed")
}
