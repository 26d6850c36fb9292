package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
)

// front is a page that holds no entries and offers feeds.
func front(feeds ...string) string {
	var b strings.Builder
	b.WriteString("<!doctype html><title>Harbour</title>")
	for _, f := range feeds {
		fmt.Fprintf(&b, `<link rel="alternate" type="application/rss+xml" href="%s">`, f)
	}
	return b.String() + "<h1>Harbour</h1><p>Choose a section.</p>"
}

// rss is a feed with the home it names and an entry for each link.
func rss(home string, links ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><rss version="2.0"><channel><title>Feed</title><link>%s</link>`, home)
	for i, l := range links {
		fmt.Fprintf(&b, `<item><guid isPermaLink="false">n%d</guid><title>Piece %d</title><link>%s</link><pubDate>Mon, 05 Jan 2026 10:0%d:00 GMT</pubDate></item>`, i, i, l, i)
	}
	return b.String() + "</channel></rss>"
}

// site serves documents by path; each answer names its path as its ETag.
type site struct {
	*httptest.Server
	docs atomic.Pointer[map[string]string]
	hits map[string]*atomic.Int32
}

func newDocs(t *testing.T, docs func(base string) map[string]string) *site {
	t.Helper()
	s := &site{hits: map[string]*atomic.Int32{}}
	s.Server = newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if n := s.hits[r.URL.Path]; n != nil {
			n.Add(1)
		}
		doc, ok := (*s.docs.Load())[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		tag := fmt.Sprintf("%q", r.URL.Path)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		_, _ = w.Write([]byte(doc))
	})
	all := docs(s.URL)
	for path := range all {
		s.hits[path] = new(atomic.Int32)
	}
	s.docs.Store(&all)
	return s
}

func TestFeedInsteadOfPage(t *testing.T) {
	tests := []struct {
		name string
		page string // path of the page
		docs func(base string) map[string]string
		via  string // path of the feed that is read; "" if none belongs
		want string // in the error
	}{
		{"a section and its feed", "/sport", func(base string) map[string]string {
			return map[string]string{"/sport": front("/sport.xml"), "/sport.xml": rss(base, base+"/sport/1", base+"/sport/2")}
		}, "/sport.xml", ""},
		{"the second feed belongs", "/sport", func(base string) map[string]string {
			return map[string]string{"/sport": front("/all.xml", "/sport.xml"), "/all.xml": rss(base, base+"/town/1"), "/sport.xml": rss(base, base+"/sport/1")}
		}, "/sport.xml", ""},
		{"the feed names the page", "/sport", func(base string) map[string]string {
			return map[string]string{"/sport": front("/x.xml"), "/x.xml": rss(base+"/sport/", base+"/2026/1", base+"/2026/2")}
		}, "/x.xml", ""},
		{"a front page", "/", func(base string) map[string]string {
			return map[string]string{"/": front("/x.xml"), "/x.xml": rss("https://news.example/", base+"/2026/1", "https://news.example/1")}
		}, "/x.xml", ""},
		{"the whole site's feed is none of a live page", "/live/storm", func(base string) map[string]string {
			return map[string]string{"/live/storm": front("/x.xml?key=k1"), "/x.xml": rss(base, base+"/2026/1", base+"/2026/2")}
		}, "", "feeds of other pieces, to be followed as sources of their own: http"},
		{"what readers write", "/live/storm", func(base string) map[string]string {
			return map[string]string{"/live/storm": front("/live/storm/feed"), "/live/storm/feed": rss(base+"/live/storm", base+"/live/storm#comment-1", base+"/live/storm#comment-2")}
		}, "", "of other pieces"},
		{"a feed that is broken", "/sport", func(string) map[string]string {
			return map[string]string{"/sport": front("/x.xml"), "/x.xml": "<rss"}
		}, "", "no entries found"},
		{"the fourth feed is not tried", "/sport", func(base string) map[string]string {
			return map[string]string{"/sport": front("/a.xml", "/b.xml", "/c.xml", "/d.xml"), "/d.xml": rss(base, base+"/sport/1")}
		}, "", "no entries found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newDocs(t, tt.docs)
			c := newClient(t, Options{})
			snap, err := c.Fetch(t.Context(), sourceAt(s.URL+tt.page), news.Cursor{})
			if tt.via == "" {
				if re := readError(t, err); !strings.Contains(re.Error(), tt.want) || strings.HasSuffix(re.Error(), "k1") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if snap.Cursor.Via != s.URL+tt.via || len(snap.Entries) == 0 {
				t.Errorf("read via %q, %d entries", snap.Cursor.Via, len(snap.Entries))
			}
		})
	}
}

// TestFeedInsteadOfPageLater holds that later readings ask for the feed alone,
// only for what is newer, and for the page again when the feed is gone.
func TestFeedInsteadOfPageLater(t *testing.T) {
	s := newDocs(t, func(base string) map[string]string {
		return map[string]string{"/sport": front("/a.xml", "/b.xml"), "/a.xml": rss(base, base+"/sport/1"), "/b.xml": rss(base, base+"/sport/1")}
	})
	c, src := newClient(t, Options{}), sourceAt(s.URL+"/sport")
	first, err := c.Fetch(t.Context(), src, news.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Fetch(t.Context(), src, first.Cursor)
	if err != nil || !again.Unchanged || again.Cursor.Via != s.URL+"/a.xml" {
		t.Errorf("again: %+v, %v", again, err)
	}
	if n := s.hits["/sport"].Load(); n != 1 {
		t.Errorf("the page was read %d times", n)
	}
	docs := *s.docs.Load()
	less := map[string]string{"/sport": docs["/sport"], "/b.xml": docs["/b.xml"]}
	s.docs.Store(&less)
	gone, err := c.Fetch(t.Context(), src, again.Cursor)
	if err != nil || gone.Cursor.Via != s.URL+"/b.xml" {
		t.Errorf("after the feed was gone: via %q, %v", gone.Cursor.Via, err)
	}
}

// TestPrivateFollows holds that a document of a private source leads to no
// other private address.
func TestPrivateFollows(t *testing.T) {
	inside := newDocs(t, func(base string) map[string]string {
		return map[string]string{"/x.xml": rss(base, base+"/1"), "/page/2": feed}
	})
	s := newDocs(t, func(string) map[string]string {
		return map[string]string{"/": front(inside.URL + "/x.xml"), "/page/2": feed}
	})
	c, src := newClient(t, Options{}), sourceAt(s.URL+"/")
	if _, err := c.Fetch(t.Context(), src, news.Cursor{}); err == nil {
		t.Error("a feed at another private address was read")
	}
	if _, err := c.More(t.Context(), src, inside.URL+"/page/2"); err == nil {
		t.Error("a page at another private address was read")
	}
	if n := inside.hits["/x.xml"].Load() + inside.hits["/page/2"].Load(); n != 0 {
		t.Errorf("%d requests reached it", n)
	}
	src.URL = strings.Replace(src.URL, "http:", "https:", 1)
	if _, err := c.More(t.Context(), src, s.URL+"/page/2"); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("from https to http: %v", err)
	}
}

func TestMore(t *testing.T) {
	s := newDocs(t, func(string) map[string]string { return map[string]string{"/page/2": feed} })
	c, src := newClient(t, Options{}), sourceAt(s.URL+"/")
	snap, err := c.More(t.Context(), src, s.URL+"/page/2")
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Entries) != 2 || !snap.Window || snap.Cursor != (news.Cursor{}) {
		t.Errorf("got %+v", snap)
	}
	_, err = c.More(t.Context(), src, s.URL+"/page/3")
	readError(t, err)
}

func TestRead(t *testing.T) {
	c := newClient(t, Options{MaxBody: 4 << 10})
	src := sourceAt("https://news.example/harbour.xml")
	snap, err := c.Read(t.Context(), src, "application/rss+xml", []byte(feed))
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Entries) != 2 || !snap.Window || snap.Cursor != (news.Cursor{}) {
		t.Errorf("got %+v", snap)
	}
	_, err = c.Read(t.Context(), src, "application/rss+xml", make([]byte, 4<<10+1))
	if re := readError(t, err); !strings.Contains(re.Error(), "larger than") {
		t.Errorf("too large: %v", err)
	}
	_, err = c.Read(t.Context(), src, "text/html", []byte("<p>Nothing here."))
	readError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(c.parsing) {
		c.parsing <- struct{}{} // nobody else's turn ends
	}
	if _, err := c.Read(ctx, src, "", []byte(feed)); err == nil {
		t.Error("a reading that was stopped went on")
	}
}

// TestProfileAndFragments holds that the user's profiles and the source's rule
// for fragments reach the reader.
func TestProfileAndFragments(t *testing.T) {
	const page = `<!doctype html><title>Harbour live</title><main>
<ol><li class="zq" id="u2"><b>Ferries stop</b><i data-at="1767607500"></i><p>No ferry leaves the harbour before noon, the port says in a statement.</p></li>
<li class="zq" id="u1"><b>Bridge closed</b><i data-at="1767607200"></i><p>The bridge is closed in both directions until further notice.</p></li></ol></main>`
	s := newDocs(t, func(base string) map[string]string {
		return map[string]string{"/live": page, "/x.xml": rss(base, base+"/a#one", base+"/a#two")}
	})
	c := newClient(t, Options{Profiles: []parse.Profile{{
		Name: "harbour", Entry: "li.zq", Headline: "b", Time: "i", TimeAttr: "data-at",
	}}})
	snap, err := c.Fetch(t.Context(), sourceAt(s.URL+"/live"), news.Cursor{})
	if err != nil || len(snap.Entries) != 2 || snap.Entries[0].Headline != "Ferries stop" || snap.Entries[0].Entry != "u2" {
		t.Errorf("read as %q: %+v, %v", snap.Format, snap.Entries, err)
	}
	src := sourceAt(s.URL + "/x.xml")
	src.Fragments = news.FragmentNoise
	snap, err = c.Fetch(t.Context(), src, news.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range snap.Entries {
		if strings.Contains(e.URL, "#") {
			t.Errorf("the fragment of %s was kept", e.URL)
		}
	}
}
