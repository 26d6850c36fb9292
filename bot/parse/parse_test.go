package parse

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnknown(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"empty":              {"", "no entries found: the document is empty"},
		"blank":              {" \n\t", "no entries found: the document is empty"},
		"broken JSON":        {`{"a":`, "no entries found: the document is broken JSON: JSON breaks off"},
		"other JSON":         {`{"a":1}`, "no entries found: the document is JSON of no known shape"},
		"binary":             {"\x89PNG\r\n\x1a\n\x00\x00", "no entries found; tried text: has no lines that head at least two entries"},
		"an article":         {"<html><p>Text.</p></html>", "no entries found; tried profile: no site profile fits; blocks: has no blocks that repeat with times and text; heading-time-prefix: fewer than two headings begin with different times; headed: has fewer than two headings of one level"},
		"a page with a feed": {`<html><head><link rel="alternate" type="application/rss+xml" href="https://news.example/feed"></head><p>Text.</p></html>`, "no entries found; tried profile: no site profile fits; blocks: has no blocks that repeat with times and text; heading-time-prefix: fewer than two headings begin with different times; headed: has fewer than two headings of one level; the page points to https://news.example/feed"},
		"a broken feed":      {"<rss><channel><item>", "no entries found; tried rss: is broken: XML syntax error on line 1: unexpected EOF"},
		"prose only text":    {"One paragraph. Two sentences.", "no entries found; tried text: has no lines that head at least two entries"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(Document{Body: []byte(c.body)})
			if _, ok := errors.AsType[*UnknownError](err); !ok {
				t.Fatalf("%v is no *UnknownError", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestForcedFormat(t *testing.T) {
	body := []byte("<h1>The cup final</h1><h2>First half</h2><p>Slow.</p><h2>Second half</h2><p>Fast.</p>")
	snap, err := Parse(Document{Body: body, Format: "headed"})
	if err != nil || len(snap.Entries) != 2 {
		t.Errorf("forced: %d entries, %v", len(snap.Entries), err)
	}
	if _, err := Parse(Document{Body: body, Format: "rss"}); err == nil {
		t.Error("read as rss")
	}
	for _, name := range Formats() {
		if snap, err := Parse(Document{Body: []byte("Nothing of this kind. Nothing at all."), Format: name}); err == nil {
			t.Errorf("read as %s: %+v", name, snap)
		}
	}
	bare := []byte(`{"@type":"LiveBlogPosting","liveBlogUpdate":{"headline":"Barrier holds"}}`)
	if snap, err := Parse(Document{Body: bare, Format: "jsonld"}); err != nil || len(snap.Entries) != 1 {
		t.Errorf("bare JSON-LD: %d entries, %v", len(snap.Entries), err)
	}
	if _, err := Parse(Document{Body: body, Format: "telex"}); err == nil || !strings.Contains(err.Error(), "there is no such format") {
		t.Errorf("unknown format: %v", err)
	}
}

func TestFormats(t *testing.T) {
	names := Formats()
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(names) || len(names) < 20 {
		t.Errorf("formats %q", names)
	}
}

func TestShippedProfiles(t *testing.T) {
	for _, c := range shipped() {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
		if c.Mark == "" {
			t.Errorf("profile %q has no mark, and would be tried on every page", c.Name)
		}
	}
}

func TestUserProfile(t *testing.T) {
	p := Profile{Name: "quay", Entry: "li.note", ID: "data-n", Time: "span.at", ClockOnly: true, Headline: "b", Byline: "i", Zone: "Europe/Paris"}
	body := `<html><title>Notes</title><ul><li class="note" data-n="n7"><span class="at">12:30</span><b>Barrier holds</b><i>Ada Quill</i><p>It holds.</p></li>` +
		`<li class="note" data-n="n6"><span class="at">11:00</span><b>Barrier shut</b><p>Shut.</p></li></ul></html>`
	doc := Document{Body: []byte(body), Profiles: []Profile{p}, Now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)}
	snap, err := Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	e := snap.Entries[0]
	if e.Entry != "n7" || e.Headline != "Barrier holds" || e.Author != "Ada Quill" || e.Body != "It holds." || !e.Published.Equal(time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)) {
		t.Errorf("entry %+v", e)
	}
	for _, bad := range []Profile{{Name: "x"}, {Name: "x", Entry: "li["}, {Name: "x", Entry: "li", Zone: "Mars/Olympus"}} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	doc.Profiles = []Profile{{Name: "x", Entry: "li["}}
	if _, err := Parse(doc); err == nil {
		t.Error("a broken profile read the page")
	}
}

func TestAlternates(t *testing.T) {
	page := `<html><head><link rel="alternate" type="application/rss+xml" href="/feed"><link rel="alternate" type="application/rss+xml" title="Comments Feed" href="/comments/feed">` +
		`<link rel="alternate" type="application/atom+xml; charset=utf-8" href="https://news.example/atom"><link rel="alternate" hreflang="de" href="/de"><link rel="amphtml" href="/amp/storm"><link rel="alternate" type="application/rss+xml" href="/feed">` +
		`<script>var liveblog_settings = {"endpoint_url":"https:\/\/news.example\/wp-json\/liveblog\/v1\/12\/","latest_entry_id":"9","latest_entry_timestamp":"1772366400","state":"enable"};</script>` +
		`<script>window.LB = {"api_host":"https://lb.example/","blog":{"_id":"56fceedda505e600f71959c8"}};</script></head><body><div class="elb-liveblog" data-endpoint="https://news.example/wp-json/easy-liveblogs/v1/liveblog/7"></div></body></html>`
	got := Alternates(Document{URL: "https://news.example/storm", Body: []byte(page)})
	want := []string{
		"https://news.example/wp-json/liveblog/v1/12/get-entries/1/9-1772366400",
		"https://lb.example/api/client_blogs/56fceedda505e600f71959c8/posts?max_results=20&page=1",
		"https://news.example/wp-json/easy-liveblogs/v1/liveblog/7",
		"https://news.example/feed",
		"https://news.example/atom",
		"https://news.example/amp/storm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sitemap := `<urlset><url><loc>https://news.example/storm-live</loc></url><url><loc>https://news.example/council</loc></url><url><loc>https://news.example/storm-live</loc></url></urlset>`
	if diff := cmp.Diff([]string{"https://news.example/storm-live"}, Alternates(Document{Body: []byte(sitemap)})); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{"", "text", "{}", "<rss></rss>", "<html></html>"} {
		if got := Alternates(Document{Body: []byte(body)}); got != nil {
			t.Errorf("%q: %q", body, got)
		}
	}
}

func TestNext(t *testing.T) {
	for body, want := range map[string]string{
		`<html><link rel="next" href="/live/page/2"></html>`:                                       "https://news.example/live/page/2",
		`<html><a href="?page=2">Load more updates</a></html>`:                                     "https://news.example/live?page=2",
		`<html><a href="#">Load more</a></html>`:                                                   "",
		`<html><a href="/live">Older posts</a></html>`:                                             "",
		`{"version":"https://jsonfeed.org/version/1","items":[],"next_url":"https://n.example/2"}`: "https://n.example/2",
		`{"pagination":{"older":"?page=with:block-60"}}`:                                           "https://news.example/live?page=with:block-60",
		`{}`: "",
		``:   "",
	} {
		if got := Next(Document{URL: "https://news.example/live", Body: []byte(body)}); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestWait(t *testing.T) {
	for ttl, want := range map[string]time.Duration{"5": 5 * time.Minute, "": 0, "x": 0, "-1": 0, "100000": 0} {
		snap, err := Parse(Document{Body: []byte("<rss><channel><title>a</title><ttl>" + ttl + "</ttl></channel></rss>")})
		if err != nil || snap.Wait != want {
			t.Errorf("ttl %q: %v, %v", ttl, snap.Wait, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"2026-03-01T12:00:00Z":                     "2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00+0100":                 "2026-03-01T11:00:00Z",
		"2026-03-01T12:00:00+01":                   "2026-03-01T11:00:00Z",
		"2026-03-01T12:00:00.921+01:00":            "2026-03-01T11:00:00.921Z",
		"2026-03-01 12:00":                         "2026-03-01T11:00:00Z", // no zone: Rome
		"2026-03-01T12:00Z":                        "2026-03-01T12:00:00Z",
		"2026-03-01":                               "2026-02-28T23:00:00Z",
		"2026-03-01T12:00:00+01:00[Europe/London]": "2026-03-01T11:00:00Z",
		"2016-09-08T23:04:28.24337":                "2016-09-08T21:04:28.24337Z",
		"1772366400":                               "2026-03-01T12:00:00Z",
		"1772366400921":                            "2026-03-01T12:00:00.921Z",
		"7/16/13 12:50 PM":                         "2013-07-16T10:50:00Z",
		"Sun, 01 Mar 2026 12:00:00 +0000":          "2026-03-01T12:00:00Z",
		"dim., 01 mars 2026 12:00:00 +0100":        "2026-03-01T11:00:00Z",
		"So, 01 Mär 2026 12:00:00 +0100":           "2026-03-01T11:00:00Z",
		"dom, 01 mar 2026 12:00:00 GMT":            "2026-03-01T12:00:00Z",
		"1 de marzo de 2026, 12h30":                "2026-03-01T11:30:00Z",
		"niedz., 01 mar 2026 12:00:00 CET":         "2026-03-01T11:00:00Z",
		"Вс, 01 мар 2026 12:00:00 +0300":           "2026-03-01T09:00:00Z",
		"1 марта 2026 г. 12:00":                    "2026-03-01T11:00:00Z",
		"الأحد، ١ مارس ٢٠٢٦ ١٢:٠٠:٠٠ +0300":        "2026-03-01T09:00:00Z",
		"2026年3月1日 12時05分":                         "2026-03-01T11:05:00Z",
		"2026년 3월 1일 12:05":                        "2026-03-01T11:05:00Z",
		"1 मार्च 2026 12:00":                       "2026-03-01T11:00:00Z",
		"Sunday, March 1, 2026 at 1:05 pm":         "2026-03-01T12:05:00Z",
		"1. března 2026 12.00":                     "2026-03-01T11:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 MEZ":            "2026-03-01T11:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 AEDT":           "2026-03-01T01:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 IST":            "2026-03-01T11:00:00Z", // it may be three: Rome
		"Sun, 01 Mar 2026 12:00:00 EST":            "2026-03-01T17:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 GMT":            "2026-03-01T12:00:00Z",
		"Sun, 01 Mar 2026 12:00:00 GMT+1":          "2026-03-01T11:00:00Z",
		"20260301T120000Z":                         "2026-03-01T12:00:00Z",
		"2026/03/01 12:00":                         "2026-03-01T11:00:00Z",
		"3 hours ago":                              "",
		"31 February 2026":                         "",
		"12:00 on 1 March":                         "",
		"1 March 2026 25:00":                       "",
		"1":                                        "",
		"12345678":                                 "",
		"2026-02-30T12:00:00Z":                     "",
		"2026-13-01T12:00:00Z":                     "",
		"yesterday":                                "",
		"2026-03-01T12:00:00+99:00":                "",
	} {
		st, ok := parseTime(s, rome)
		got := ""
		if ok {
			got = stamp3339(st.t.UTC())
		}
		if got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

func TestReadClock(t *testing.T) {
	for s, want := range map[string]struct {
		h, m int
		rest string
	}{
		"12.31 Uhr: Text":    {12, 31, "Text"},
		"15:05":              {15, 5, ""},
		"9:05 am – Text":     {9, 5, "Text"},
		"12.10am Text":       {0, 10, "Text"},
		"7.45 p.m. Text":     {19, 45, "Text"},
		"[14:20] Text":       {14, 20, "Text"},
		"17h45 Texte":        {17, 45, "Texte"},
		"19:02(IST) Text":    {19, 2, "Text"},
		"10:15 BST Text":     {10, 15, "Text"},
		"08:00:30 Text":      {8, 0, "Text"},
		"12.5 million boats": {-1, 0, ""},
		"12.31 boats":        {-1, 0, ""},
		"25:00 Text":         {-1, 0, ""},
		"12:75 Text":         {-1, 0, ""},
		"Text 12:30":         {-1, 0, ""},
		"3-1 win":            {-1, 0, ""},
		"2:1":                {-1, 0, ""},
		"":                   {-1, 0, ""},
	} {
		c, ok := readClock(s)
		if !ok {
			c.h = -1
		}
		if c.h != want.h || ok && (c.m != want.m || s[c.len:] != want.rest) {
			t.Errorf("%q: %d:%d %q, want %+v", s, c.h, c.m, s[c.len:], want)
		}
	}
}

func TestReadDay(t *testing.T) {
	about := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"Dienstag, 27. August 2024": "2024-08-27",
		"27 August 2024":            "2024-08-27",
		"August 27, 2024":           "2024-08-27",
		"27.08.2024":                "2024-08-27",
		"2024-08-27":                "2024-08-27",
		"Sunday 28 December":        "2025-12-28", // nearest to January
		"martedì 6 gennaio":         "2026-01-06",
		"1er mars 2026":             "2026-03-01",
		"5 de marzo de 2026":        "2026-03-05",
		"28 декабря":                "2025-12-28",
		"1 marca 2026":              "2026-03-01",
		"3月1日":                      "2026-03-01",
		"۵ مارس":                    "2026-03-05",
		"28 दिसंबर":                 "2025-12-28",
		"5 hours ago":               "",
		"Marca 2":                   "",
		"Set 3":                     "",
		"27/08/2024":                "", // nobody knows which is the month
		"31 February 2026":          "",
		"May":                       "",
		"The 5 boats of March we watched all night long": "",
	} {
		day, ok := readDay(s, about)
		got := ""
		if ok {
			got = day.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

func TestPositional(t *testing.T) {
	for _, c := range []struct {
		ids  string
		want bool
	}{
		{"post1 post2 post3", true},
		{"1 2 3", true},
		{"0 1", true},
		{"post1", true},
		{"80 79 78", false},
		{"3 2 1", false},
		{"751105 751101", false},
		{"live-77-qq0im live-77-8eoz5", false},
		{"post21 post22", false},
		{"1 3 4", false},
	} {
		if got := positional(strings.Fields(c.ids)); got != c.want {
			t.Errorf("%s: %v", c.ids, got)
		}
	}
}

func TestAbsolute(t *testing.T) {
	base := parseBase("https://news.example/live/storm?page=2")
	for in, want := range map[string]string{
		"https://a.example/b?c=d&e#f":          "https://a.example/b?c=d&e#f",
		"https://a.example/x y":                "https://a.example/x%20y",
		"//a.example/b":                        "https://a.example/b",
		"/b":                                   "https://news.example/b",
		"#b":                                   "https://news.example/live/storm?page=2#b",
		"?page=3":                              "https://news.example/live/storm?page=3",
		" b ":                                  "https://news.example/live/b",
		"https://a.example:bad/":               "",
		"https://":                             "",
		"https://?":                            "",
		"javascript:alert(1)":                  "",
		"mailto:a@b.example":                   "",
		"data:image/png;base64,AAAA":           "",
		"":                                     "",
		"https://" + strings.Repeat("a", 5000): "",
	} {
		if got := absolute(base, in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := absolute(nil, "/b"); got != "" {
		t.Errorf("without a base: %q", got)
	}
}

// plainAddress must not let through what resolving would change or refuse.
func FuzzAbsolute(f *testing.F) {
	f.Add("https://a.example/b?c=d#e")
	f.Add("http://a/#")
	f.Fuzz(func(t *testing.T, s string) {
		if !plainAddress(s) {
			return
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.String() != s {
			t.Errorf("%q is let through: %v", s, err)
		}
	})
}

func TestConcurrent(t *testing.T) {
	body := bigLiveBlog(20)
	results := make(chan int)
	for range 8 {
		go func() {
			snap, err := Parse(Document{Body: body})
			if err != nil {
				results <- -1
				return
			}
			results <- len(snap.Entries)
		}()
	}
	for range 8 {
		if n := <-results; n != 20 {
			t.Errorf("%d entries", n)
		}
	}
}

func TestSaysLive(t *testing.T) {
	for _, s := range []string{
		"Storm LIVE: bridge closed", "Live: bridge closed", "Storm live", "Live updates", "Storm – live", "Sturm im Liveticker", "Nahost-Ticker", "Tempesta in diretta",
		"Tempête en direct", "https://news.example/live/storm", "https://news.example/news/storm-live", "https://news.example/storm-live-updates-1", "https://news.example/live-storm", "Storm at Eastquay – as it happened",
	} {
		if !saysLive(s) {
			t.Errorf("%q does not say live", s)
		}
	}
	for _, s := range []string{"", "How to live by the sea", "https://news.example/how-to-live-by-the-sea", "Olive oil", "Delivery delayed", "The council updates its plan"} {
		if saysLive(s) {
			t.Errorf("%q says live", s)
		}
	}
}
