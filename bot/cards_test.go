package bot

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

var update = flag.Bool("update", false, "rewrite the cards under testdata")

// TestCards composes the card of each entry under testdata/cards. To accept
// what it composes now: go test ./bot -run TestCards -update.
func TestCards(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "cards", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cards: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(ar.Files) == 0 || ar.Files[0].Name != "entry.json" {
				t.Fatal("the first file is not entry.json")
			}
			var e news.Entry
			d := json.NewDecoder(bytes.NewReader(ar.Files[0].Data))
			d.DisallowUnknownFields()
			if err := d.Decode(&e); err != nil {
				t.Fatal(err)
			}
			got := printCard(CardOf(news.Source{ID: "harbour", Name: "Storm at the harbour"}, e))
			if *update {
				ar.Files = append(ar.Files[:1], txtar.File{Name: "card", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(ar), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(ar.Files) != 2 {
				t.Fatal("no card to compare with; see -update")
			}
			if d := cmp.Diff(string(ar.Files[1].Data), got); d != "" {
				t.Errorf("card (-want +got):\n%s", d)
			}
		})
	}
}

// printCard prints what is on a card, a line for each part.
func printCard(c chat.Card) string {
	var sb strings.Builder
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&sb, "%s: %s\n", name, strings.ReplaceAll(text, "\n", "\n    "))
		}
	}
	line("kicker", c.Source+" · "+c.State.String())
	if c.Key {
		line("key", "yes")
	}
	line("headline", c.Headline)
	line("url", c.URL)
	for _, list := range []struct {
		name   string
		quotes []chat.Quote
	}{{"quote", c.Quotes}, {"was", c.Was}} {
		for _, q := range list.quotes {
			line(list.name, q.Text)
			line("    speaker", q.Speaker)
			line("    role", q.Role)
			line("    url", q.URL)
		}
	}
	line("text", c.Text)
	line("byline", c.Byline)
	for _, at := range []struct {
		name string
		t    time.Time
	}{{"time", c.Time}, {"changed", c.Changed}} {
		if !at.t.IsZero() {
			line(at.name, at.t.Format(time.RFC3339))
		}
	}
	line("image", c.Image.URL)
	line("    alt", c.Image.Alt)
	line("    credit", c.Image.Credit)
	return sb.String()
}

func TestCardIsNeverEmpty(t *testing.T) {
	for _, e := range []news.Entry{
		{Body: "Watch the bridge being closed:"},
		{Body: "In this order:\n\n"},
		{Body: "Ned Shaw reports:\n\nWatch:"},
	} {
		if c := CardOf(news.Source{Name: "Harbour"}, e); c.Headline == "" && len(c.Quotes) == 0 && c.Text == "" {
			t.Errorf("the card of %q says nothing", e.Body)
		}
	}
}

func TestLeadOfAnyText(t *testing.T) {
	word := strings.Repeat("x", 9) + " "
	tests := []struct {
		name, body string
		want       string // "" is: checked for its form only
	}{
		{"short", " Wind rises. ", "Wind rises."},
		{"at a paragraph", strings.Repeat("x", 200) + "\n\n" + strings.Repeat("y", 200), strings.Repeat("x", 200) + " …"},
		{"at a sentence", strings.Repeat("x", 200) + ". " + strings.Repeat("y", 200), strings.Repeat("x", 200) + ". …"},
		{"at a word", strings.Repeat(word, 40), strings.TrimSpace(strings.Repeat(word, 32)) + " …"},
		{"one word", strings.Repeat("x", 400), strings.Repeat("x", 320) + "…"},
		{"Japanese sentences", strings.Repeat("あ", 199) + "。" + strings.Repeat("い", 300), strings.Repeat("あ", 199) + "。 …"},
		{"a blank near the beginning only", "東京 " + strings.Repeat("港", 400), "東京 " + strings.Repeat("港", 317) + "…"},
		{"Urdu sentences", strings.Repeat("پل ", 80) + "بند ہے۔ " + strings.Repeat("پل ", 80), ""},
		{"a link at the cut", "See https://news.example/" + strings.Repeat("x", 400), "See …"},
		{"a flag at the cut", strings.Repeat("x", 317) + "🇮🇹🇮🇹🇮🇹", strings.Repeat("x", 317) + "🇮🇹…"},
		{"emoji that are one sign", strings.Repeat("x", 318) + "👩‍🚒👩‍🚒", strings.Repeat("x", 318) + "…"},
		{"accents that follow their letter", strings.Repeat("x", 319) + "e\u0301\u0302 and", strings.Repeat("x", 319) + "…"},
		{"bytes that are no text", strings.Repeat("\xff", 400), ""},
		{"accents without a letter", strings.Repeat("\u0301", 400), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lead(tt.body, leadRunes)
			if tt.want != "" && got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if n := utf8.RuneCountInString(got); n > leadRunes+2 || n < 1 {
				t.Errorf("%d runes", n)
			}
			if !strings.HasPrefix(strings.TrimSpace(tt.body), strings.TrimRight(got, " …")) {
				t.Errorf("not the beginning: %q", got)
			}
		})
	}
}
