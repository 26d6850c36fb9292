package console

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pullquote/pullquote/bot/chat"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// story returns posts of every form, as a page in a thread brings them.
func story() []chat.Post {
	at := func(clock string) time.Time {
		t, err := time.Parse(time.TimeOnly, clock)
		if err != nil {
			panic(err)
		}
		return t.AddDate(2026, 2, 13)
	}
	const page = "https://news.example/live/harbour"
	items := []chat.Item{
		{Time: at("14:02:11"), Headline: "Fourteen lorries wait on Customs Quay while the tide rises", Speaker: "Ned Shaw", State: chat.Corrected},
		{Time: at("14:20:00"), Headline: "The swing bridge closes", State: chat.Withdrawn},
		{Headline: "Ferries stay in port"},
		{Time: at("15:00:00")},
	}
	head := chat.Card{
		Form: chat.HeadForm, Source: "Harbour live", Headline: "Storm closes the harbour bridge", URL: page,
		Count: 17, Items: items[:2], Changed: at("14:21:00"),
	}
	closing := head
	closing.Form, closing.Note, closing.Items, closing.Changed = chat.ClosingForm, "Coverage has ended.", items[2:], at("22:00:00")
	note := chat.Card{
		Form: chat.NoteForm, Source: "Harbour live", State: chat.Corrected, Headline: items[0].Headline, URL: page + "#lorries",
		Changed: at("14:31:00"),
		Edits:   []chat.Edit{{What: "Headline", Old: "Forty lorries wait", New: "Fourteen lorries wait"}, {What: "Text", New: "Nobody is hurt.\n\nThe café hands out soup."}},
		Was:     []chat.Quote{{Text: "We have forty lorries here", Speaker: "Ned Shaw"}},
		Quotes:  []chat.Quote{{Text: "We have fourteen lorries here", Speaker: "Ned Shaw", Role: "a driver"}},
	}
	gone := chat.Card{Form: chat.NoteForm, Source: "Harbour live", State: chat.Withdrawn, Headline: "The swing bridge closes", Changed: at("14:40:00")}
	const thread = "18f-1-1773496931"
	return []chat.Post{
		{Channel: here, Card: head, Forum: true, Tags: []string{"harbour", "storm"}},
		{Channel: here, Card: bridge(), Thread: thread, Broadcast: true, Publish: true,
			Mentions: []chat.Mention{{ID: "ada"}, {ID: "desk", Role: true}},
			Buttons:  []chat.Button{{Label: "Stop this alert", Action: "a"}, {Label: "Pull it", Action: "b"}}},
		{Channel: here, Card: note, Thread: thread, Reply: thread},
		{Channel: here, Card: gone, Reply: thread},
		{Channel: here, Card: chat.Card{Form: chat.RollupForm, Source: "Harbour live", Headline: "12 more updates", Count: 12, Items: items, Note: "/latest shows them all"}},
		{Channel: here, Card: chat.Card{Form: chat.ClosingForm, Headline: "Digest of the last day", Count: 1}},
		{Channel: here, Card: closing, Thread: thread},
		{Channel: here, Card: chat.Card{Form: chat.NoticeForm, Text: "slack:C024BE91L refuses cards: the bot is not in the channel any more. /invite it."}, Thread: thread},
	}
}

// TestStory compares what a story looks like with testdata/story.txt.
func TestStory(t *testing.T) {
	const file = "testdata/story.txt"
	var out bytes.Buffer
	a := New(Options{Name: "console", Out: &out, Width: 66})
	for _, post := range story() {
		if _, err := a.Send(t.Context(), post); err != nil {
			t.Fatal(err)
		}
	}
	head := story()[0].Card
	head.Headline = "Storm over, bridge open"
	if err := a.Edit(t.Context(), here, "18f-1-1773496931", head); err != nil {
		t.Fatal(err)
	}
	if err := a.Delete(t.Context(), here, "18f-1-1773496931"); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("(-want +got); rewrite with go test ./adapters/console -update:\n%s", d)
	}
}

// TestFormsRenderAnything is TestRenderAnything for the other forms.
func TestFormsRenderAnything(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("ab  \n\x1b[0m\u202e橋é\u0301\U0001F469\u200d\U0001F467🇵🇹"))))
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.Item {
			return chat.Item{Headline: text.Draw(t, "headline"), Speaker: text.Draw(t, "speaker"), State: chat.State(rapid.IntRange(0, 3).Draw(t, "state"))}
		}), 0, 3)
		edits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.Edit {
			return chat.Edit{What: text.Draw(t, "what"), Old: text.Draw(t, "old"), New: text.Draw(t, "new")}
		}), 0, 3)
		c := chat.Card{
			Form: chat.Form(rapid.IntRange(1, 5).Draw(t, "form")), Headline: text.Draw(t, "headline"), Text: text.Draw(t, "text"),
			Note: text.Draw(t, "note"), Count: rapid.IntRange(0, 3).Draw(t, "count"), Items: items.Draw(t, "items"), Edits: edits.Draw(t, "edits"),
		}
		width := rapid.IntRange(minWidth, 120).Draw(t, "width")
		got := Render(c, Options{Width: width})
		for i, l := range strings.Split(got, "\n") {
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
				t.Fatalf("line %q disturbs the terminal", l)
			}
			if n := cells(l); i > 0 && n > width && !strings.Contains(l, "http") {
				t.Fatalf("line %q takes %d cells of %d", l, n, width)
			}
		}
	})
}

// TestNumbersOfCards holds that a card that comes between an answer and what is
// typed changes no number.
func TestNumbersOfCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pressed []chat.Command
		in, keyboard := io.Pipe()
		a := New(Options{Name: "console", Out: io.Discard, In: in})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1) // takes the one result
		go func() {
			done <- a.Serve(ctx, []chat.CommandSpec{{Name: "pull"}}, func(_ context.Context, c chat.Command) (chat.Reply, error) {
				if c.Kind == chat.Press {
					pressed = append(pressed, c)
					return chat.Reply{}, nil
				}
				return chat.Reply{Text: "Which?", Menus: []chat.Menu{{Label: "Entry", Action: "pick", Choices: []chat.Choice{{Label: "One", Value: "1"}, {Label: "Two", Value: "2"}}}}}, nil
			})
		}()
		say := func(line string) {
			if _, err := io.WriteString(keyboard, line+"\n"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		say("/pull")
		id, err := a.Send(t.Context(), story()[1])
		if err != nil {
			t.Fatal(err)
		}
		say("2")
		say("/pull")
		say("101")
		keyboard.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(pressed) != 2 || pressed[0].Picked != "2" || pressed[0].Action != "pick" || pressed[0].Target != "" ||
			pressed[1].Action != "b" || pressed[1].Target != id || !pressed[1].Admin {
			t.Errorf("pressed %+v", pressed)
		}
	})
}
