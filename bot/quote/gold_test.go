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
	for _, set := range []struct {
		name string
		want floor
	}{
		{"gold_tune.jsonl", floor{0.98, 0.96, 0.94}},
		{"gold_measure.jsonl", floor{0.98, 0.94, 0.94}},
	} {
		t.Run(set.name, func(t *testing.T) {
			scorePages(t, filepath.Join("testdata", set.name)).check(t, set.want)
		})
	}
}

// TestGoldSound holds the annotations to their own rules: at least 250 quotes
// on at least 20 pages of 6 to 15 entries, every span where it says it is and
// from mark to mark.
func TestGoldSound(t *testing.T) {
	pages, quotes := 0, 0
	for _, name := range []string{"gold_tune.jsonl", "gold_measure.jsonl"} {
		for _, p := range readPages(t, filepath.Join("testdata", name)) {
			pages++
			if n := len(p.entries); n < 6 || n > 15 {
				t.Errorf("%s has %d entries", p.id, n)
			}
			for _, e := range p.entries {
				quotes += len(e.Quotes)
				soundEntry(t, &e)
			}
		}
	}
	if pages < 20 || quotes < 250 {
		t.Errorf("%d pages with %d quotes, want 20 with 250", pages, quotes)
	}
}

func soundEntry(t *testing.T, e *goldDoc) {
	t.Helper()
	text := []rune(e.Text)
	for _, q := range e.Quotes {
		if q.Start < 0 || q.End > len(text) || string(text[q.Start:q.End]) != q.Text {
			t.Errorf("%s: %q does not stand at %d", e.ID, q.Text, q.Start)
			continue
		}
		if !bounded(text, q.Start-1) || !bounded(text, q.End) {
			t.Errorf("%s: %q is not all that stands between its marks", e.ID, q.Text)
		}
		if q.SpeakerStart != nil && string(text[*q.SpeakerStart:*q.SpeakerEnd]) != str(q.Mention) {
			t.Errorf("%s: mention %q does not stand at %d", e.ID, str(q.Mention), *q.SpeakerStart)
		}
	}
}

// bounded reports whether a quotation mark or the edge of a paragraph stands
// at i: a block quote may lack marks, and all but the last paragraph of a long
// quotation lack the closing one.
func bounded(text []rune, i int) bool {
	return i < 0 || i == len(text) || strings.ContainsRune("\"'“”‘’\n", text[i])
}
