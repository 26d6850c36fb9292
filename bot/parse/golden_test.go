package parse

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html/charset"

	"github.com/pullquote/pullquote/bot/news"
)

var update = flag.Bool("update", false, "rewrite the wanted snapshots in testdata")

// TestGolden reads testdata/<format>/<quirk>.txtar: a document, after the
// settings in the comment, and the snapshot it makes.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(path), "testdata/"), ".txtar")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ar := splitGolden(t, string(raw))
			doc := ar.document(t)
			snap, report, err := Explain(doc)
			got := show(snap, report, err)
			if *update {
				text := ar.comment + documentMark + ar.doc + wantMark + got
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(ar.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\nto accept: go test ./bot/parse -run TestGolden -update", diff)
			}
		})
	}
}

// A golden is a txtar archive of two files.
type golden struct{ comment, doc, want string }

const documentMark, wantMark = "-- document --\n", "-- want --\n"

func splitGolden(t testing.TB, s string) golden {
	t.Helper()
	var g golden
	var ok bool
	if g.comment, s, ok = strings.Cut(s, documentMark); !ok {
		t.Fatal("there is no document")
	}
	if g.doc, g.want, ok = strings.Cut(s, wantMark); !ok && !*update {
		t.Fatal("want is missing: run with -update and read what it wrote")
	}
	return g
}

// document reads the settings: "url: …", "zone: …" and so on, one a line;
// other lines are remarks.
func (g golden) document(t testing.TB) Document {
	t.Helper()
	doc := Document{Now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Body: []byte(g.doc)}
	for l := range strings.Lines(g.comment) {
		key, val, _ := strings.Cut(strings.TrimSpace(l), ": ")
		var err error
		switch key {
		case "url":
			doc.URL = val
		case "content-type":
			doc.ContentType = val
		case "format":
			doc.Format = val
		case "zone":
			doc.Zone, err = time.LoadLocation(val)
		case "now":
			doc.Now, err = time.Parse(time.RFC3339, val)
		case "link":
			doc.Links = append(doc.Links, val)
		case "fragments":
			doc.Fragments = news.Fragments(val)
		case "live":
			doc.Live = val
		case "encode":
			enc, _ := charset.Lookup(val)
			doc.Body, err = enc.NewEncoder().Bytes(doc.Body)
		case "cut": // the document breaks off at this mark
			doc.Body, _, _ = bytes.Cut(doc.Body, []byte(val))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return doc
}

// show writes a snapshot as lines, empty fields left out.
func show(snap news.Snapshot, report Report, err error) string {
	var b strings.Builder
	line := func(key string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "false" && s != "[]" && s != "<nil>" {
			fmt.Fprintf(&b, "%s: %s\n", key, s)
		}
	}
	line("error", err)
	line("format", snap.Format)
	line("confidence", report.Confidence)
	line("title", snap.Title)
	line("url", snap.URL)
	line("window", snap.Window)
	line("ended", snap.Ended)
	line("discovery", snap.Discovery)
	line("since", stamp3339(snap.Since))
	line("wait", waiting(snap.Wait))
	if snap.Skip != (news.Hours{}) {
		line("skip", skipped24(snap.Skip))
	}
	line("older", snap.Older)
	line("successor", snap.Successor)
	line("hub", snap.Hub)
	line("topic", snap.Topic)
	for _, f := range snap.Feeds {
		fmt.Fprintf(&b, "feed: %s %q %s\n", f.URL, f.Title, f.Type)
	}
	line("live", snap.Live)
	for _, s := range snap.Signs {
		fmt.Fprintf(&b, "sign: %s (medium %v)\n", s.What, s.Medium)
	}
	line("withdrawn", snap.Withdrawn)
	for _, f := range report.Fields {
		fmt.Fprintf(&b, "field %s: %s over %s in %d, %s\n", f.Name, f.Winner, f.Loser, f.Entries, f.Reason)
	}
	for _, e := range snap.Entries {
		fmt.Fprintf(&b, "\nentry %s (%s)\n", e.Entry, e.IDKind)
		line("  aliases", e.Aliases)
		line("  headline", e.Headline)
		line("  author", e.Author)
		line("  url", e.URL)
		line("  published", stamp3339(e.Published))
		line("  updated", stamp3339(e.Updated))
		line("  key", e.Key)
		line("  tags", e.Tags)
		for _, m := range e.Media {
			fmt.Fprintf(&b, "  %s: %s %q by %q\n", m.Kind, m.URL, m.Alt, m.Credit)
		}
		if e.Body != "" {
			for l := range strings.SplitSeq(e.Body, "\n") {
				b.WriteString(strings.TrimRight("  | "+l, " ") + "\n")
			}
		}
	}
	return b.String()
}

// skipped24 lists the hours of each day that are skipped: "Sun 0-23 Mon 3".
func skipped24(h news.Hours) string {
	var days []string
	for d := range 7 {
		var hours []string
		for n := range 24 {
			if h.Has(time.Date(2026, 3, 1+d, n, 30, 0, 0, time.UTC)) { // a Sunday
				hours = append(hours, strconv.Itoa(n))
			}
		}
		if len(hours) > 0 {
			days = append(days, time.Weekday(d).String()[:3]+" "+strings.Join(hours, ","))
		}
	}
	return strings.Join(days, "; ")
}

func waiting(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func stamp3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
