package parse

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
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
func FuzzPlatforms(f *testing.F)  { fuzzFormats(f, Formats()[5:17]...) }
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
