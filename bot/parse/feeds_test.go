package parse

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A wantFeed is what gofeed's own expectations say of a sample: the names of
// its universal feed, and those of its RSS, Atom and JSON feeds.
type wantFeed struct {
	Items   []wantItem
	Entries []wantItem
}

type wantItem struct {
	Title, Link, GUID, ID         any
	Published, Updated            string
	PubDate, Description, Summary string
	PublishedParsed               *time.Time
	UpdatedParsed                 *time.Time
	PubDateParsed                 *time.Time
	JSONPublished                 string `json:"date_published"`
	JSONModified                  string `json:"date_modified"`
	ContentText                   string `json:"content_text"`
	URL                           string
	Links                         []any
	Content, Image                any
	Enclosure, Enclosures         any
	Extensions, Custom            any
}

// nothingToTell reports whether an item holds neither words nor pictures nor
// an address, id or date: only an author, rights or a category. gofeed keeps
// such an item; there is nothing in it that a card could show.
func (w wantItem) nothingToTell() bool {
	return text(w.Title) == "" && text(w.Link) == "" && w.URL == "" && len(w.Links) == 0 && text(w.GUID) == "" && text(w.ID) == "" &&
		w.Published+w.Updated+w.JSONPublished+w.JSONModified+w.PubDate+w.Description+w.Summary+w.ContentText == "" && text(w.Content) == "" &&
		w.Image == nil && w.Enclosures == nil && w.Enclosure == nil
}

func TestFeedSamples(t *testing.T) {
	dir := sharedData(t, "feeds/gofeed")
	n := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		ext := filepath.Ext(path)
		if err != nil || ext != ".xml" && ext != ".json" || strings.HasSuffix(path, "_expected.json") {
			return err
		}
		base := strings.TrimSuffix(path, ext)
		want := base + ".json"
		if ext == ".json" {
			want = base + "_expected.json"
		}
		if _, missing := os.Stat(want); missing != nil { // path is an expectation, or a sample without one
			return nil //nolint:nilerr // that is what the error says
		}
		raw, err := os.ReadFile(want)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		n++
		t.Run(name, func(t *testing.T) { checkFeed(t, path, raw) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Errorf("only %d samples", n)
	}
}

func checkFeed(t *testing.T, path string, raw []byte) {
	var want wantFeed
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Skipf("the expectation is of another shape: %v", err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := Parse(Document{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	items := append(want.Items, want.Entries...)
	items = slices.DeleteFunc(items, wantItem.nothingToTell)
	if len(items) != len(snap.Entries) {
		t.Fatalf("%d entries, want %d", len(snap.Entries), len(items))
	}
	for i, e := range snap.Entries {
		w := items[i]
		if title := oneLine(text(w.Title)); title != e.Headline {
			t.Errorf("headline %q, want %q", e.Headline, title)
		}
		if id := first(text(w.GUID), text(w.ID)); id != "" && id != string(e.Entry) {
			t.Errorf("id %q, want %q", e.Entry, id)
		}
		if link := first(text(w.Link), w.URL); link != "" && strings.HasPrefix(link, "http") && link != e.URL {
			t.Errorf("address %q, want %q", e.URL, link)
		}
		pub := w.PublishedParsed
		if pub == nil {
			pub = w.PubDateParsed
		}
		if pub != nil && !pub.Equal(e.Published) {
			t.Errorf("published %v, want %v", e.Published, pub)
		}
		if st, ok := parseTime(first(w.JSONPublished), time.UTC); ok && !st.t.Equal(e.Published) {
			t.Errorf("published %v, want %v", e.Published, st.t)
		}
		if up := w.UpdatedParsed; up != nil && !up.Equal(latest(&e)) {
			t.Errorf("updated %v, want %v", latest(&e), up)
		}
	}
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// text reads a field that is a string, or an object around one.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		s, _ := v["value"].(string)
		return s
	}
	return ""
}
