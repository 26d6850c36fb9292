package parse

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// sharedData returns a folder of real pages beside the repository. Whoever has
// only the repository skips these tests; the project's own machines must not.
func sharedData(t *testing.T, path string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", path)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing", dir)
		}
		t.Skipf("%s is not here: real pages cannot be published with the code", dir)
	}
	return dir
}

// An expectation is what EXPECTED.json says of one file.
type expectation struct {
	Format  string
	Entries *int
	Visible *int `json:"visible_items"`
	News    *int
	First   *sample
	Last    *sample
	Deleted json.RawMessage
	IsLive  *bool
	Without *int `json:"entries_without_body"`
	Titled  *int `json:"entries_with_title"`
	DOM     *struct {
		FirstID string `json:"first_id"`
		LastID  string `json:"last_id"`
	}
}

type sample struct {
	Headline  *string
	Published any
	ID        *string
	Status    string
	KeyEvent  *bool `json:"key_event"`
}

func TestExpected(t *testing.T) {
	dir := sharedData(t, "live")
	raw, err := os.ReadFile(filepath.Join(dir, "EXPECTED.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expectation
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		t.Fatal("EXPECTED.json names no file")
	}
	for path, exp := range want {
		t.Run(path, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			snap, report, err := Explain(Document{Body: body, Now: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)})
			if exp.Format == "none" {
				if err == nil {
					t.Errorf("read as %s with %d entries, want none", snap.Format, len(snap.Entries))
				}
				return
			}
			if err != nil {
				t.Fatalf("%v\nreport %+v", err, report)
			}
			exp.check(t, snap)
		})
	}
}

func (x expectation) check(t *testing.T, snap news.Snapshot) {
	t.Helper()
	t.Logf("%s: %d entries, %d withdrawn, window %v, ended %v", snap.Format, len(snap.Entries), len(snap.Withdrawn), snap.Window, snap.Ended)
	for _, n := range []*int{x.Entries, x.Visible, x.News} {
		if n != nil && len(snap.Entries) != *n {
			t.Errorf("%d entries, want %d", len(snap.Entries), *n)
		}
	}
	for _, s := range []*sample{x.First, x.Last} {
		if s != nil && s.Status != "submitted" && !slices.ContainsFunc(snap.Entries, s.matches) {
			raw, _ := json.Marshal(s)
			t.Errorf("no entry matches %s; newest: %+v", raw, snap.Entries[:min(2, len(snap.Entries))])
		}
	}
	var deleted []news.EntryID
	if json.Unmarshal(x.Deleted, &deleted) == nil && !slices.Equal(deleted, snap.Withdrawn) {
		t.Errorf("withdrawn %q, want %q", snap.Withdrawn, deleted)
	}
	if x.IsLive != nil && snap.Ended == *x.IsLive {
		t.Errorf("ended %v, want %v", snap.Ended, !*x.IsLive)
	}
	count := func(n *int, what string, has func(news.Entry) bool) {
		if n == nil {
			return
		}
		got := 0
		for _, e := range snap.Entries {
			if has(e) {
				got++
			}
		}
		if got != *n {
			t.Errorf("%d entries %s, want %d", got, what, *n)
		}
	}
	count(x.Without, "without body", func(e news.Entry) bool { return e.Body == "" })
	count(x.Titled, "with title", func(e news.Entry) bool { return e.Headline != "" })
	if x.DOM != nil && x.First.ID == nil {
		if got := string(snap.Entries[0].Entry); got != x.DOM.FirstID {
			t.Errorf("newest id %q, want %q", got, x.DOM.FirstID)
		}
		if got := string(snap.Entries[len(snap.Entries)-1].Entry); got != x.DOM.LastID {
			t.Errorf("oldest id %q, want %q", got, x.DOM.LastID)
		}
	}
}

func (s *sample) matches(e news.Entry) bool {
	if s.Headline != nil && *s.Headline != e.Headline || s.ID != nil && *s.ID != string(e.Entry) || s.KeyEvent != nil && *s.KeyEvent != e.Key {
		return false
	}
	switch p := s.Published.(type) {
	case string:
		zone := time.UTC
		if text, name, ok := strings.Cut(p, " Europe/"); ok {
			p = text
			zone, _ = time.LoadLocation("Europe/" + name)
		}
		st, ok := parseTime(p, zone)
		return ok && st.t.Truncate(time.Second).Equal(e.Published.Truncate(time.Second))
	case float64:
		return int64(p) == e.Published.Unix()
	}
	return true
}

func TestSeed(t *testing.T) {
	dir := sharedData(t, "seed")
	body, err := os.ReadFile(filepath.Join(dir, "live-updates.txt"))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := Parse(Document{Body: body})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range snap.Entries {
		got = append(got, e.Headline)
	}
	// The headlines are not ours to print; this is their SHA-256, one a line.
	const want = "d53715e9e0acfd9a4021146cc3efbd633c96047a8566c92b011727da9aee1e0c"
	if sum := sha256.Sum256([]byte(strings.Join(got, "\n"))); len(got) != 9 || hex.EncodeToString(sum[:]) != want {
		t.Errorf("%d headlines, of other words than expected:\n%s", len(got), strings.Join(got, "\n"))
	}
	if snap.Title != "Live updates" {
		t.Errorf("title %q", snap.Title)
	}
}
