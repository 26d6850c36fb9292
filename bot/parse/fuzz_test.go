package parse

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// FuzzParse reads arbitrary documents by the whole ladder, and by one format
// as a user may force it.
func FuzzParse(f *testing.F) {
	seedGolden(f, func(doc Document) { f.Add(doc.Body, doc.Format, doc.URL, doc.ContentType) })
	f.Fuzz(func(t *testing.T, body []byte, format, url, contentType string) {
		doc := Document{Body: body, Format: format, URL: url, ContentType: contentType, Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
		checkParse(t, doc)
		doc.Format = ""
		checkParse(t, doc)
		Alternates(doc)
	})
}

// Each format is fuzzed by itself too, so that its time is not spent on being
// recognised.
func FuzzFeed(f *testing.F)   { fuzzFormats(f, "rss", "atom", "jsonfeed") }
func FuzzJSONLD(f *testing.F) { fuzzFormats(f, "jsonld", "jsonld-bare") }
func FuzzMarkup(f *testing.F) {
	fuzzFormats(f, "amp-live-list", "microdata", "h-feed", "profile", "page-state")
}
func FuzzBlocks(f *testing.F)     { fuzzFormats(f, "blocks") }
func FuzzHeaded(f *testing.F)     { fuzzFormats(f, "heading-time-prefix", "headed") }
func FuzzText(f *testing.F)       { fuzzFormats(f, "text") }
func FuzzPlatforms(f *testing.F)  { fuzzFormats(f, Formats()[5:16]...) }
func FuzzXMLFormats(f *testing.F) { fuzzFormats(f, "news-sitemap", "superdesk-v1") }

func fuzzFormats(f *testing.F, formats ...string) {
	seedGolden(f, func(doc Document) { f.Add(doc.Body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range formats {
			checkParse(t, Document{Body: body, Format: name, URL: "https://news.example/live", Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)})
		}
	})
}

func seedGolden(f *testing.F, add func(Document)) {
	f.Helper()
	files, _ := filepath.Glob("testdata/*/*.txtar")
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		add(splitGolden(f, string(raw)).document(f))
	}
}

// checkParse holds what Parse promises for any document.
func checkParse(t *testing.T, doc Document) {
	t.Helper()
	snap, err := Parse(doc)
	if err != nil {
		if _, ok := errors.AsType[*UnknownError](err); !ok || strings.ContainsRune(err.Error(), '\n') {
			t.Errorf("error is no *UnknownError of one line: %q", err)
		}
		return
	}
	if snap.Format == "" {
		t.Error("no format")
	}
	seen := make(map[news.EntryID]bool)
	for _, e := range snap.Entries {
		if e.Entry == "" || seen[e.Entry] {
			t.Errorf("id %q is empty or not unique", e.Entry)
		}
		seen[e.Entry] = true
		if e.Source != "" || e.Quotes != nil {
			t.Error("a parser filled what is not its own")
		}
		for _, s := range []string{e.Headline, e.Body, e.Author, e.URL, string(e.Entry)} {
			if !utf8.ValidString(s) {
				t.Errorf("invalid UTF-8: %q", s)
			}
		}
		if strings.ContainsAny(e.Headline, "\n\r\x00") || strings.Contains(e.Body, "\n\n\n") {
			t.Errorf("headline %q, body %q", e.Headline, e.Body)
		}
		if e.Published.After(doc.Now.Add(tomorrow)) && !doc.Now.IsZero() {
			t.Errorf("published in the future: %v", e.Published)
		}
	}
	for _, id := range snap.Withdrawn {
		if seen[id] {
			t.Errorf("%q stands and is withdrawn", id)
		}
	}
}

// FuzzJSON holds that the lenient reader agrees with encoding/json on all that
// encoding/json reads.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,true,null,"\u00e9\ud83d\ude00"]}`, `[]`, `{"a":1,"a":2}`, `"x"`, `[1,]`, `{"a" "b"}`, "{\"a\":\"\n\"}", `{"a":"say "x" now"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, repaired, err := parseJSON(s)
		dec := json.NewDecoder(strings.NewReader(s))
		dec.UseNumber()
		var want any
		if !utf8.ValidString(s) || dec.Decode(&want) != nil || dec.More() || !json.Valid([]byte(s)) {
			return
		}
		if err != nil && (errors.Is(err, errJSONDepth) || errors.Is(err, errJSONSize)) {
			return
		}
		if err != nil || len(values) != 1 {
			t.Fatalf("%d values, %v, want one", len(values), err)
		}
		if repaired {
			t.Error("repaired what was whole")
		}
		if got := values[0].plain(); !reflect.DeepEqual(got, want) {
			t.Errorf("read %#v, want %#v", got, want)
		}
	})
}

func (v value) plain() any {
	switch v.kind {
	case 's':
		return v.text
	case '0':
		return json.Number(v.text)
	case 't', 'f':
		return v.kind == 't'
	case 'a':
		list := make([]any, 0, len(v.kids.list))
		for _, m := range v.kids.list {
			list = append(list, m.plain())
		}
		return list
	case 'o':
		m := make(map[string]any)
		for i, k := range v.kids.keys {
			m[k] = v.kids.list[i].plain()
		}
		return m
	}
	return nil
}

var hostile = flag.Int("hostile", 1<<17, "bytes of each hostile document")

// TestHostile reads much of each thing that makes parsers hang or swell. The
// limit is for machines under load and the race detector: a megabyte of the
// worst takes 0.3 s on one idle core (-hostile 1048576 -v shows it).
func TestHostile(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, *hostile/len(unit)) }
	for name, doc := range map[string]string{
		"open divs":           fill("<div>"),
		"open formatting":     fill("<b><p>"),
		"distinct formatting": formattingBomb(*hostile),
		"tables":              fill("<table><tr><td>"),
		"one paragraph each":  "<html>" + fill("<p>"),
		"headings":            "<html><title>live</title>" + fill("<h2>a</h2><p>b"),
		"timed headings":      "<html>" + fill("<h2>10:00 a</h2>b<h2>11:00 c</h2>"),
		"deep headings":       "<html><title>live</title>" + strings.Repeat("<div>", 400) + fill("<h2>a</h2>b"),
		"blocks":              "<html><title>live</title>" + fill("<div class=x><time datetime=2026-03-01T10:00Z>x</time>text text text text text</div>"),
		"classes":             "<html>" + fill(`<i class="a-b-c-d-e-f-g">x</i>`),
		"brackets":            fill("["),
		"braces":              fill(`{"a":`),
		"quotation marks":     fill(`"`),
		"string never closed": `{"liveBlogUpdate":"` + fill(`" "`),
		"blanks in a string":  `{"a":"` + fill(`"  x`),
		"numbers":             "[" + fill("0,"),
		"objects":             `{"items":[` + fill(`{"id":1},`),
		"marks in a script":   `<html><script type="application/ld+json">` + fill(`{"LiveBlogPosting"`),
		"many scripts":        "<html>" + fill(`<script type="application/ld+json">{"@type":"LiveBlogPosting","liveBlogUpdate":[{"headline":"a"}]}</script>`),
		"same headline":       `<html><script type="application/ld+json">{"@type":"LiveBlogPosting","liveBlogUpdate":[` + fill(`{"headline":"a","articleBody":"b"},`) + `]}</script>`,
		"rss items":           "<rss><channel>" + fill("<item><guid>a</guid></item>"),
		"rss never closed":    "<rss><channel>" + fill("<item><title>"),
		"atom dead":           `<feed xmlns:at="http://purl.org/atompub/tombstones/1.0">` + fill(`<at:deleted-entry ref="a"/>`) + "</feed>",
		"xml comments":        fill("<!-- x -->"),
		"doctypes":            fill("<!DOCTYPE a [ ]>"),
		"entities":            "<rss><channel><item><title>" + fill("&amp;amp;"),
		"quotes in quotes":    "<rss><channel><item><guid>a</guid><description><![CDATA[" + fill("<blockquote>") + "]]></description></item></channel></rss>",
		"captions":            "<rss><channel><item><guid>a</guid><description><![CDATA[" + fill("<p class=caption>x") + "]]></description></item></channel></rss>",
		"headlines":           fill("Headline\n\nText.\n\n"),
		"clocks":              fill("10:00 a\n\n"),
		"days":                fill("1 March\n\n"),
		"one line":            fill("a"),
		"lines":               fill("a\n"),
		"sitemap":             "<urlset>" + fill("<url><loc>https://a.example/</loc></url>"),
		"posts":               "<PostList>" + fill("<Post><Id>1</Id>"),
		"h-entries":           "<html>" + fill(`<p class=h-entry>x</p>`),
		"nested h-entries":    "<html>" + strings.Repeat("<div class=h-entry>", 500) + fill("x "),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := Parse(Document{Body: []byte(doc), URL: "https://news.example/", Now: start})
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			factor := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(doc))
			t.Logf("%v, allocated %.0f × the document, %v", took.Round(time.Millisecond), factor, clip(errText(err), 80))
			if took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
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
