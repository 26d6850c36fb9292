package summary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/news"
)

func story(lines ...string) []news.Entry {
	var list []news.Entry
	for i, l := range lines {
		headline, body, _ := strings.Cut(l, " | ")
		e := news.Entry{Ref: news.Ref{Entry: news.EntryID(fmt.Sprint(i))}, Body: body,
			Published: time.Date(2031, 3, 4, 12, -i, 0, 0, time.UTC)}
		if e.Key = strings.HasPrefix(headline, "!"); e.Key {
			headline = headline[1:]
		}
		if e.Withdrawn = strings.HasPrefix(headline, "-"); e.Withdrawn {
			headline = headline[1:]
		}
		if rest, ok := strings.CutPrefix(headline, "“"); ok {
			headline = rest
			e.Quotes = []news.Quote{{Text: "We will reopen it", Speaker: "Una Marsh", Confidence: news.High}}
		}
		e.Headline = headline
		list = append(list, e)
	}
	return list
}

func chosen(list []news.Entry) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Headline)
	}
	return out
}

func TestOf(t *testing.T) {
	storm := []string{
		"Ferries stay in port | The ferries stay in port until the wind drops.",
		"Ferries still in port | The ferries stay in port until the wind drops, as before.",
		"“Harbour master speaks | The bridge will reopen when the wind drops, the harbour master says.",
		"!Bridge closed to all traffic | The harbour bridge is closed in both directions after a gust.",
		"Market moved indoors | The Saturday market moves to the hall.",
		"-Roof reported torn off | The roof of the hall is reported torn off.",
		"Schools stay open | All schools stay open, the council says.",
	}
	tests := []struct {
		name string
		in   []string
		max  int
		want []string
	}{
		{"nothing", nil, 3, nil},
		{"none wanted", storm, 0, nil},
		{"the key event first", storm, 1, []string{"Bridge closed to all traffic"}},
		{"a quote beside it, and no repeat", storm, 3, []string{"Ferries stay in port", "Harbour master speaks", "Bridge closed to all traffic"}},
		{"fewer than asked for, none withdrawn", storm[3:6], 9, []string{"Bridge closed to all traffic", "Market moved indoors"}},
		{"the same entry twice", []string{storm[0], storm[0], storm[6]}, 2, []string{"Ferries stay in port", "Schools stay open"}},
		{"repeats do not fill up", []string{storm[0], storm[1], storm[0], storm[6]}, 4, []string{"Ferries stay in port", "Schools stay open"}},
		{"part of a longer one", []string{"Bridge closed to lorries | The bridge is closed to lorries from noon.", "Bridge closed"}, 2, []string{"Bridge closed to lorries"}},
		{"no words at all", []string{"! | ", " | ?", "Ferries stay in port"}, 3, []string{"", "Ferries stay in port"}},
		{"only withdrawn ones", []string{storm[5], storm[5]}, 3, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, chosen(Of(story(tt.in...), tt.max))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestOfSpreads holds that of entries about as good, one from each part of the
// period is chosen and not a run of neighbours.
func TestOfSpreads(t *testing.T) {
	places := []string{"quay", "market", "lighthouse", "station", "school", "theatre", "library", "castle", "garden", "tunnel", "airport", "stadium"}
	var lines []string
	for i := range 120 {
		lines = append(lines, fmt.Sprintf("Flood warning near the %s number%d | Flood warning raised at the %s by reporter%d.", places[i%12], i, places[i%12], i))
	}
	entries := story(lines...)
	got := Of(entries, 4)
	if len(got) != 4 {
		t.Fatalf("%d chosen", len(got))
	}
	for i := 1; i < len(got); i++ {
		if d := got[i-1].When().Sub(got[i].When()); d < 15*time.Minute {
			t.Errorf("%q and %q are %v apart in two hours", got[i-1].Headline, got[i].Headline, d)
		}
	}
}

// TestOfKeepsEntries holds that what is chosen is as it came.
func TestOfKeepsEntries(t *testing.T) {
	in := story("!Bridge closed | It is closed.", "“Harbour master speaks | It will reopen.")
	if d := cmp.Diff(in, Of(in, 9)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("One | Two\n!Three | Four\n-Five | Six", 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		entries := story(strings.Split(text, "\n")...)
		got := Of(entries, n)
		if len(got) > max(n, 0) {
			t.Fatalf("%d chosen, %d wanted", len(got), n)
		}
		at := -1
		for _, e := range got {
			i := slices.IndexFunc(entries, func(o news.Entry) bool { return o.Ref == e.Ref })
			if i <= at || e.Withdrawn {
				t.Fatalf("entry %s out of order or withdrawn", e.Ref)
			}
			at = i
		}
		if d := cmp.Diff(chosen(got), chosen(Of(entries, n))); d != "" {
			t.Fatalf("not deterministic: %s", d)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	var lines []string
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("Tide reading number %d | %s", i, strings.Repeat(fmt.Sprintf("Words of part%d stand here. ", i%37), 20)))
	}
	entries := story(lines...)
	b.ReportAllocs()
	for b.Loop() {
		Of(entries, 6)
	}
}
