package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
	"github.com/pullquote/pullquote/bot/quote"
)

var began = time.Date(2026, 3, 14, 14, 0, 0, 0, time.UTC)

// siteAt returns the story as it stands at an age.
func siteAt(age time.Duration, pace float64) *Site {
	return New(Options{Started: began, Pace: pace, Now: func() time.Time { return began.Add(age) }})
}

func get(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8099"+target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// read returns the page at an age as the bot reads it.
func read(t *testing.T, age time.Duration) news.Snapshot {
	t.Helper()
	w := get(siteAt(age, 1), Page)
	snap, err := parse.Parse(parse.Document{URL: "http://127.0.0.1:8099" + Page, Body: w.Body.Bytes(), Now: began.Add(age)})
	if err != nil {
		t.Fatalf("at %v: %v", age, err)
	}
	return snap
}

func ids(snap news.Snapshot) (list []string) {
	for _, e := range snap.Entries {
		list = append(list, string(e.Entry))
	}
	return list
}

func TestBeginning(t *testing.T) {
	snap := read(t, 0)
	if n := len(snap.Entries); n < 3 || n > 4 {
		t.Errorf("%d entries at the start, want 3 or 4", n)
	}
	if snap.Ended {
		t.Error("it has ended")
	}
}

// TestStory reads the page every second, as a bot would, and holds what it
// must show: the brief of the whole story.
func TestStory(t *testing.T) {
	added, withdrawn, edited := map[string]time.Duration{}, []string(nil), map[string]time.Duration{}
	var known []news.Known
	last := time.Duration(0)
	for age := time.Duration(0); age <= Length+2*time.Second; age += time.Second {
		snap := read(t, age)
		for _, c := range news.Diff(known, snap) {
			id := string(c.Entry.Entry)
			switch c.Kind {
			case news.Added:
				if age > 0 && age-last > 8*time.Second {
					t.Errorf("nothing new for %v before %s", age-last, id)
				}
				added[id], last = age, age
				known = append(known, news.Remember(&c.Entry))
			case news.Edited:
				edited[id] = age
				i := slices.IndexFunc(known, func(k news.Known) bool { return k.ID == c.Entry.Entry })
				known[i] = news.Remember(&c.Entry)
			case news.Retracted, news.Missed:
				i := slices.IndexFunc(known, func(k news.Known) bool { return k.ID == c.Entry.Entry })
				known[i].Missed = c.Missed
				if c.Kind == news.Retracted {
					known[i].Withdrawn = true
					withdrawn = append(withdrawn, id)
				}
			default:
				t.Errorf("at %v: %v of %s", age, c.Kind, id)
			}
		}
	}
	if len(added) != len(story) || len(added) < 12 {
		t.Errorf("%d entries, %d scenes", len(added), len(story))
	}
	if len(withdrawn) != 1 || len(edited) != 1 {
		t.Errorf("withdrawn %v, edited %v; want one each", withdrawn, edited)
	}
}

func TestEntries(t *testing.T) {
	snap := read(t, Length)
	medium := slices.ContainsFunc(snap.Signs, func(s news.Sign) bool { return s.Medium })
	if !medium || len(snap.Signs) < 2 || !strings.Contains(snap.Title, "as it happened") {
		t.Errorf("signs of the end %v, title %q", snap.Signs, snap.Title)
	}
	if len(snap.Entries) != perPage {
		t.Errorf("%d entries, want %d", len(snap.Entries), perPage)
	}
	var keys, pictures, quotes, corrections int
	parts := make([]quote.Part, len(snap.Entries))
	for i, e := range snap.Entries {
		parts[i] = quote.Part{Headline: e.Headline, Body: e.Body}
	}
	for i, qs := range quote.Page(snap.Title, parts) {
		e := snap.Entries[i]
		if e.IDKind != news.IDExplicit || e.Headline == "" || e.Body == "" || e.Author == "" || strings.Contains(e.Body, e.Author) || e.Published.IsZero() || e.Published.After(began.Add(Length)) {
			t.Errorf("entry %+v", e)
		}
		if !strings.HasSuffix(e.URL, Page+"#"+story[index(e)].id) {
			t.Errorf("%s has the address %q", e.Entry, e.URL)
		}
		if e.Key {
			keys++
		}
		for _, m := range e.Media {
			pictures++
			if m.Alt == "" || m.Credit == "" {
				t.Errorf("picture %+v", m)
			}
		}
		for _, q := range qs {
			if q.Speaker != "" {
				quotes++
			}
		}
		if strings.Contains(e.Body, "\n\nCorrection: ") {
			corrections++
		}
	}
	if keys == 0 || pictures != 1 || quotes < 6 || corrections != 1 {
		t.Errorf("%d key events, %d pictures, %d quotes with speakers, %d corrections", keys, pictures, quotes, corrections)
	}
}

// index returns the scene that e came from.
func index(e news.Entry) int {
	return slices.IndexFunc(story, func(u update) bool {
		return u.headline == e.Headline || u.correctHeadline == e.Headline && e.Headline != ""
	})
}

// TestCorrection holds that the correction is one for the engine: a quote's
// words changed, and the entry says so.
func TestCorrection(t *testing.T) {
	entry := func(age time.Duration) news.Entry {
		snap := read(t, age)
		for _, e := range snap.Entries {
			if u := story[index(e)]; u.correct == nil {
				continue
			}
			e.Quotes = quote.Page(snap.Title, []quote.Part{{Headline: e.Headline, Body: e.Body}})[0]
			return e
		}
		t.Fatal("no such entry")
		return news.Entry{}
	}
	prev, next := entry(correctedAt-time.Second), entry(correctedAt)
	got := news.Revise(prev, next, began)
	if got.Status != news.Corrected || len(got.Was) != 1 || got.Headline == prev.Headline {
		t.Errorf("%q with %+v", got.Status, got.Was)
	}
	if next.Updated.IsZero() || next.Entry != prev.Entry {
		t.Errorf("updated %v, id %s, before %s", next.Updated, next.Entry, prev.Entry)
	}
}

// TestSameIdentity holds that another port is no other story.
func TestSameIdentity(t *testing.T) {
	var lists [2][]string
	for i, host := range []string{"127.0.0.1:1", "127.0.0.1:2"} {
		r := httptest.NewRequest(http.MethodGet, "http://"+host+Page, nil)
		w := httptest.NewRecorder()
		siteAt(Length, 1).ServeHTTP(w, r)
		snap, err := parse.Parse(parse.Document{URL: "http://" + host + Page, Body: w.Body.Bytes()})
		if err != nil {
			t.Fatal(err)
		}
		lists[i] = ids(snap)
	}
	if d := cmp.Diff(lists[0], lists[1]); d != "" {
		t.Error(d)
	}
}

func TestDeterministic(t *testing.T) {
	for age := time.Duration(0); age <= Length; age += 500 * time.Millisecond {
		if !bytes.Equal(get(siteAt(age, 1), Page).Body.Bytes(), get(siteAt(age, 1), "/").Body.Bytes()) {
			t.Fatalf("two pages at %v", age)
		}
	}
}

func TestPace(t *testing.T) {
	fast := siteAt(Length/10, 10)
	if !fast.Done(began.Add(Length/10)) || fast.Done(began.Add(Length/11)) {
		t.Error("ten times as fast is not told in a tenth of the time")
	}
	if !strings.Contains(get(fast, Page).Body.String(), "as it happened") {
		t.Error("the page has not ended")
	}
	s := siteAt(0, 1)
	s.Start(began.Add(-Length))
	if !s.Done(began) {
		t.Error("started earlier and not done")
	}
}

func TestConditional(t *testing.T) {
	first := get(siteAt(5*time.Second, 1), Page)
	tag, modified := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if tag == "" || modified == "" || first.Code != http.StatusOK {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	for name, h := range map[string][]string{
		"tag": {"If-None-Match", tag}, "time": {"If-Modified-Since", modified},
		"both": {"If-None-Match", tag, "If-Modified-Since", modified},
	} {
		if w := get(siteAt(6*time.Second, 1), Page, h...); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
			t.Errorf("%s: %d with %d bytes for an unchanged page", name, w.Code, w.Body.Len())
		}
		if w := get(siteAt(10*time.Second, 1), Page, h...); w.Code != http.StatusOK {
			t.Errorf("%s: %d for a changed page", name, w.Code)
		}
	}
}

// TestEveryChangeIsDated holds that a reader with If-Modified-Since only
// misses nothing.
func TestEveryChangeIsDated(t *testing.T) {
	last, stamp := "", ""
	for age := time.Duration(0); age <= Length; age += time.Second {
		w := get(siteAt(age, 1), Page)
		tag, modified := w.Header().Get("ETag"), w.Header().Get("Last-Modified")
		if (tag == last) != (modified == stamp) {
			t.Errorf("at %v: tag %s after %s, time %s after %s", age, tag, last, modified, stamp)
		}
		last, stamp = tag, modified
	}
}

func TestOlderUpdates(t *testing.T) {
	main, older := get(siteAt(Length, 1), Page).Body.String(), get(siteAt(Length, 1), Page+"?older").Body.String()
	if !strings.Contains(main, ">Load more updates</a>") || strings.Contains(older, ">Load more updates</a>") {
		t.Error("the link to older updates is wrong")
	}
	first := story[0].headline
	if strings.Contains(main, first) || !strings.Contains(older, first) {
		t.Errorf("%q is on the wrong page", first)
	}
	if strings.Contains(get(siteAt(0, 1), Page).Body.String(), ">Load more updates</a>") {
		t.Error("more updates before there are any")
	}
}

func TestLinkedDataIsJSON(t *testing.T) {
	script := regexp.MustCompile(`(?s)<script type="application/ld\+json">(.*?)</script>`)
	for _, age := range []time.Duration{0, correctedAt, Length} {
		m := script.FindStringSubmatch(get(siteAt(age, 1), Page).Body.String())
		if m == nil {
			t.Fatal("no linked data")
		}
		var v struct {
			Type    string `json:"@type"`
			Updates []any  `json:"liveBlogUpdate"`
		}
		if err := json.Unmarshal([]byte(m[1]), &v); err != nil || v.Type != "LiveBlogPosting" || len(v.Updates) == 0 {
			t.Errorf("%v %+v", err, v)
		}
	}
}

func TestRequests(t *testing.T) {
	s := siteAt(Length, 1)
	if w := get(s, photo); w.Code != http.StatusOK {
		t.Errorf("picture: %d", w.Code)
	} else if img, err := png.Decode(w.Body); err != nil || img.Bounds().Dx() < 200 {
		t.Errorf("picture: %v", err)
	}
	if w := get(s, "/elsewhere"); w.Code != http.StatusNotFound {
		t.Errorf("elsewhere: %d", w.Code)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, Page, strings.NewReader("x")))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	r := httptest.NewRequest(http.MethodGet, Page, nil)
	r.Host = `x"></script><script>alert(1)`
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if strings.Contains(w.Body.String(), "alert(1)") {
		t.Error("the host is in the page")
	}
}

func TestNames(t *testing.T) {
	for _, n := range Names() {
		if w := get(siteAt(0, 1), "/"+n); w.Code != http.StatusOK {
			t.Errorf("%s: %d", n, w.Code)
		}
	}
}

func TestListen(t *testing.T) {
	defer goleak.VerifyNone(t)
	srv, err := Listen(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"url": "`+srv.URL()+`"`)) {
		t.Errorf("%d %v", res.StatusCode, err)
	}
	srv.Close()
	if res, err := client.Get(srv.URL()); err == nil {
		res.Body.Close()
		t.Error("it answers after Close")
	}
}

func TestScripted(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := NewScripted(dir)
	if w := get(h, "/"); w.Code != http.StatusNotFound {
		t.Errorf("before there is a page: %d", w.Code)
	}
	write("page.html", "<p>one")
	write("feed.xml", "<rss/>")
	first := get(h, "/")
	if first.Code != http.StatusOK || first.Body.String() != "<p>one" || !strings.HasPrefix(first.Header().Get("Content-Type"), "text/html") {
		t.Errorf("%d %q %v", first.Code, first.Body, first.Header())
	}
	if w := get(h, "/feed.xml"); w.Body.String() != "<rss/>" {
		t.Errorf("feed: %d %q", w.Code, w.Body)
	}
	tag := first.Header().Get("ETag")
	if w := get(h, "/page.html", "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Errorf("unchanged: %d", w.Code)
	}
	write("page.html", "<p>two")
	if w := get(h, "/", "If-None-Match", tag); w.Code != http.StatusOK || w.Body.String() != "<p>two" {
		t.Errorf("changed: %d %q", w.Code, w.Body)
	}
	for _, target := range []string{"/../demo.go", "/%2e%2e/secret", "/a/../../b", "//etc/passwd"} {
		if w := get(h, target); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestScriptedFailures(t *testing.T) {
	tests := []struct {
		status string
		code   int
		header string // of the answer, "Name: value"
	}{
		{"503", 503, ""},
		{"503 Retry-After: 2\n", 503, "Retry-After: 2"},
		{"429\nRetry-After: 7\nX-Odd: yes\n", 429, "X-Odd: yes"},
		{"302 Location: http://127.0.0.1:1/", 302, "Location: http://127.0.0.1:1/"},
		{"304", 304, ""},
		{"soon", 500, ""},
		{"9", 500, ""},
	}
	for _, tt := range tests {
		for _, file := range []string{"status", "page.html.status"} {
			t.Run(fmt.Sprintf("%s %q", file, tt.status), func(t *testing.T) {
				dir := t.TempDir()
				for name, text := range map[string]string{"page.html": "<p>one", "feed.xml": "<rss/>", file: tt.status} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				w := get(NewScripted(dir), "/")
				k, v, _ := strings.Cut(tt.header, ": ")
				if w.Code != tt.code || k != "" && w.Header().Get(k) != v {
					t.Errorf("%d %v", w.Code, w.Header())
				}
				if w := get(NewScripted(dir), "/feed.xml"); (w.Code == http.StatusOK) != (file != "status") {
					t.Errorf("another page: %d", w.Code)
				}
			})
		}
	}
}
