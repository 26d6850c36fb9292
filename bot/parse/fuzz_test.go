package parse

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// readAt is when the documents of the fuzz targets are read.
var readAt = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// FuzzParse reads arbitrary documents by the whole ladder, and by one format
// as a user may force it.
func FuzzParse(f *testing.F) {
	seedGolden(f, nil, func(doc Document) {
		f.Add(doc.Body, doc.Format, doc.URL, doc.ContentType, strings.Join(doc.Links, "\n"), doc.Live)
	})
	f.Fuzz(func(t *testing.T, body []byte, format, url, contentType, link, live string) {
		doc := Document{Body: body, Format: format, URL: url, ContentType: contentType, Links: []string{link}, Live: live, Now: readAt}
		checkParse(t, doc)
		doc.Format, doc.Fragments = "", news.FragmentNoise
		checkParse(t, doc)
		Alternates(doc)
		Next(doc)
	})
}

// Each parser is fuzzed by itself too, so that its time is not spent on being
// recognised.

func FuzzFeed(f *testing.F)      { fuzzFormats(f, "rss", "atom") }
func FuzzJSONFeed(f *testing.F)  { fuzzFormats(f, "jsonfeed") }
func FuzzSitemap(f *testing.F)   { fuzzFormats(f, "news-sitemap") }
func FuzzSuperdesk(f *testing.F) { fuzzFormats(f, "superdesk-v1") }
func FuzzGuardian(f *testing.F)  { fuzzFormats(f, "guardian-dcr-blocks", "capi-blocks") }
func FuzzBBC(f *testing.F)       { fuzzFormats(f, "bbc-stream", "bbc-live-page") }
func FuzzLiveBlog(f *testing.F)  { fuzzFormats(f, "liveblog3-posts") }
func FuzzWordPress(f *testing.F) { fuzzFormats(f, "wp-liveblog-rest", "wp-posts") }
func FuzzVendors(f *testing.F) {
	fuzzFormats(f, "24liveblog", "easy-liveblogs", "norkon", "tickaroo")
}
func FuzzJSONLD(f *testing.F)    { fuzzFormats(f, "jsonld", "jsonld-bare") }
func FuzzState(f *testing.F)     { fuzzFormats(f, "page-state") }
func FuzzAMP(f *testing.F)       { fuzzFormats(f, "amp-live-list") }
func FuzzMicrodata(f *testing.F) { fuzzFormats(f, "microdata") }
func FuzzHFeed(f *testing.F)     { fuzzFormats(f, "h-feed") }
func FuzzBlocks(f *testing.F)    { fuzzFormats(f, "blocks") }
func FuzzHeaded(f *testing.F)    { fuzzFormats(f, "heading-time-prefix", "headed") }
func FuzzText(f *testing.F)      { fuzzFormats(f, "text") }

// FuzzProfile reads arbitrary pages by arbitrary profiles.
func FuzzProfile(f *testing.F) {
	seedGolden(f, []string{"profile"}, func(doc Document) { f.Add(doc.Body, "{}") })
	f.Add([]byte(quayPage), ProfileExample)
	f.Fuzz(func(t *testing.T, body []byte, profiles string) {
		list, err := ReadProfiles([]byte(profiles))
		if err != nil || len(list) > 3 {
			list = nil
		}
		checkParse(t, Document{Body: body, Format: "profile", URL: "https://news.example/live", Profiles: list, Now: readAt})
	})
}

// FuzzDates holds that what is read as a date is one.
func FuzzDates(f *testing.F) {
	for _, s := range []string{"dim., 01 mars 2026 12:00:00 +0100", "2026年3月1日 12時05分", "١ مارس ٢٠٢٦ ١٢:٠٠", "1 de março de 2026, 12h30", "٩:٣٠ نص"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if st, ok := parseTime(s, time.UTC); ok && !plausible(st.t) {
			t.Errorf("%q is read as %v", s, st.t)
		}
		if c, ok := readClock(s); ok && (c.len <= 0 || c.len > len(s) || c.h > 23 || c.m > 59 || utf8.ValidString(s) && !utf8.ValidString(s[c.len:])) {
			t.Errorf("%q: %+v", s, c)
		}
		readDay(s, readAt)
		d := newDocument(Document{Now: readAt})
		d.moment(s)
	})
}

// FuzzLinks reads arbitrary Link headers.
func FuzzLinks(f *testing.F) {
	f.Add(`<https://hub.example/a,b>; rel="hub"; title="a, \"b\"", <self>; rel=self`)
	f.Fuzz(func(t *testing.T, s string) {
		for rel := range headerRels([]string{s}) {
			if !followed[rel] {
				t.Errorf("%q: %q", s, rel)
			}
		}
	})
}

func fuzzFormats(f *testing.F, formats ...string) {
	seedGolden(f, formats, func(doc Document) { f.Add(doc.Body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range formats {
			checkParse(t, Document{Body: body, Format: name, URL: "https://news.example/live?page=1", Now: readAt})
		}
	})
}

// TestFuzzedFormats holds that every format has a target of its own.
func TestFuzzedFormats(t *testing.T) {
	src, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Formats() {
		if !strings.Contains(string(src), strconv.Quote(name)) {
			t.Errorf("no fuzz target for %s", name)
		}
	}
}

// seedGolden adds the documents of testdata, those of the formats if some are
// named.
func seedGolden(f *testing.F, formats []string, add func(Document)) {
	f.Helper()
	files, _ := filepath.Glob("testdata/*/*.txtar")
	for _, path := range files {
		if formats != nil && !slices.Contains(formats, filepath.Base(filepath.Dir(path))) {
			continue
		}
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
	snap, factor, tooMuch, err := parseMeasured(doc)
	if tooMuch {
		t.Errorf("allocated %.0f × the document of %d bytes", factor, len(doc.Body))
	}
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
	for name, address := range map[string]string{"older": snap.Older, "successor": snap.Successor, "hub": snap.Hub, "topic": snap.Topic} {
		if address != "" && parseBase(address) == nil {
			t.Errorf("%s is no address: %q", name, address)
		}
	}
	if snap.Wait < 0 || snap.Wait > maxWait || len(snap.Feeds) > maxFeeds {
		t.Errorf("wait %v, %d feeds", snap.Wait, len(snap.Feeds))
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
