package quote

import (
	"path/filepath"
	"strings"
	"testing"
)

// A goldPage is a live page of our own: its title and its entries, newest
// first.
type goldPage struct {
	id      string
	title   string
	entries []goldDoc
}

// readPages reads the pages of a gold file. A line whose id ends in /title
// opens a page; its entries follow.
func readPages(t testing.TB, path string) []goldPage {
	t.Helper()
	var pages []goldPage
	for _, d := range readGold(t, path) {
		page, _, _ := strings.Cut(d.ID, "/")
		if strings.HasSuffix(d.ID, "/title") {
			pages = append(pages, goldPage{id: page, title: d.Text})
			continue
		}
		if len(pages) == 0 {
			t.Fatalf("%s: entry %s before any title", path, d.ID)
		}
		p := &pages[len(pages)-1]
		p.entries = append(p.entries, d)
	}
	return pages
}

// parts returns the entries as PageOf wants them.
func (p *goldPage) parts() []Part {
	var parts []Part
	for _, e := range p.entries {
		body := strings.TrimPrefix(e.Text, e.Headline)
		parts = append(parts, Part{Headline: e.Headline, Body: strings.TrimPrefix(body, "\n\n")})
	}
	return parts
}

// scorePages extracts every page as a page and scores all entries.
func scorePages(t *testing.T, path string) figures {
	t.Helper()
	var docs []goldDoc
	pred := map[string][]goldQuote{}
	for _, p := range readPages(t, path) {
		want := make([]int, len(p.entries))
		for i := range want {
			want[i] = i
		}
		for i, quotes := range readPage(p.title, p.parts(), want) {
			e := p.entries[i]
			pred[e.ID] = asGold(e.Text, quotes)
			docs = append(docs, e)
		}
	}
	writePredictions(t, filepath.Base(path), docs, pred)
	return scoreSet(docs, pred, 0, reporter(t))
}

func TestScoreOwn(t *testing.T) {
	for _, name := range []string{"gold_tune.jsonl", "gold_measure.jsonl"} {
		t.Run(name, func(t *testing.T) {
			f := scorePages(t, filepath.Join("testdata", name))
			t.Logf("\n%s", f)
		})
	}
}
