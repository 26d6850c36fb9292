package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/pullquote/pullquote/bot/chat"
)

var here = chat.Channel{Adapter: "console", ID: terminal}

func bridge() chat.Card {
	at := time.Date(2026, 3, 14, 14, 2, 11, 0, time.UTC)
	return chat.Card{
		Source: "Harbour live", State: chat.Corrected, Key: true,
		Headline: "Fourteen lorries wait on Customs Quay while the tide rises",
		URL:      "https://news.example/live/harbour#lorries",
		Quotes: []chat.Quote{
			{Text: "We have fourteen lorries here and not one of us knows where to turn", Speaker: "Ned Shaw", Role: "a driver from Low Barton"},
			{Text: "Nobody told us"},
		},
		Was:    []chat.Quote{{Text: "We have forty lorries here", Speaker: "Ned Shaw"}},
		Text:   "Lorries are parked nose to tail.\n\nThe café hands out soup.",
		Byline: "Ada Finch", Time: at, Changed: at.Add(31 * time.Second),
		Image: chat.Image{URL: "https://news.example/7.png", Alt: "Lorries on a quay", Credit: "Wren Tolley"},
	}
}

func TestRender(t *testing.T) {
	lisbon := time.FixedZone("WEST", 3600)
	withdrawn := bridge()
	withdrawn.State, withdrawn.Was = chat.Withdrawn, nil
	tests := []struct {
		name string
		card chat.Card
		o    Options
		want string
	}{
		{"corrected", bridge(), Options{Width: 50}, `CORRECTED · Harbour live · key event · 14:02:42
  Fourteen lorries wait on Customs Quay while the
  tide rises
  │ “We have fourteen lorries here and not one of
  │ us knows where to turn”
  │ — Ned Shaw, a driver from Low Barton
  │ “Nobody told us”
  │ — speaker not stated
  Said before, and no longer stands:
  ┊ “We have forty lorries here”
  ┊ — Ned Shaw
  Lorries are parked nose to tail.

  The café hands out soup.
  [image: Lorries on a quay (Wren Tolley)]
  Ada Finch · 14:02:11, 14 Mar 2026
  https://news.example/live/harbour#lorries
`},
		{"withdrawn, another zone", withdrawn, Options{Zone: lisbon}, `WITHDRAWN · Harbour live · key event · 15:02:42
  Fourteen lorries wait on Customs Quay while the tide rises
  The source has taken this back.
  ┊ “We have fourteen lorries here and not one of us knows where to turn”
  ┊ — Ned Shaw, a driver from Low Barton
  ┊ “Nobody told us”
  ┊ — speaker not stated
  ┊ Lorries are parked nose to tail.
  ┊
  ┊ The café hands out soup.
  [image: Lorries on a quay (Wren Tolley)]
  Ada Finch · 15:02:11, 14 Mar 2026
  https://news.example/live/harbour#lorries
`},
		{"next to nothing", chat.Card{Text: "The bridge is closed."}, Options{}, "LIVE\n  The bridge is closed.\n"},
		{"an address that is no page", chat.Card{Headline: "Look", URL: "javascript:alert(1)"}, Options{}, "LIVE\n  Look\n"},
		{"in colour", chat.Card{Source: "Harbour live", Headline: "Look", State: chat.Withdrawn, Text: "Gone"}, Options{Colour: true},
			"\x1b[1;31mWITHDRAWN\x1b[0m\x1b[2m · Harbour live\x1b[0m\n  \x1b[9mLook\x1b[0m\n  \x1b[2mThe source has taken this back.\x1b[0m\n\x1b[2m  ┊ \x1b[0m\x1b[9mGone\x1b[0m\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Render(tt.card, tt.o)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

var ours = regexp.MustCompile(`\x1b\[(?:\d;)?\d{1,2}m`)

// TestRenderAnything holds for any card that nothing but our own escapes
// reaches the terminal, and that no line but an address is wider than asked.
func TestRenderAnything(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("ab  \n\x1b[0m\u202e橋é\u0301\U0001F469\u200d\U0001F467🇵🇹"))))
	rapid.Check(t, func(t *rapid.T) {
		quotes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.Quote {
			return chat.Quote{Text: text.Draw(t, "text"), Speaker: text.Draw(t, "speaker"), Role: text.Draw(t, "role")}
		}), 0, 3)
		c := chat.Card{
			State: chat.State(rapid.IntRange(0, 3).Draw(t, "state")), Headline: text.Draw(t, "headline"), Text: text.Draw(t, "text"),
			Quotes: quotes.Draw(t, "quotes"), Was: quotes.Draw(t, "was"), Byline: text.Draw(t, "byline"),
			Image: chat.Image{URL: "x", Alt: text.Draw(t, "alt"), Credit: text.Draw(t, "credit")},
		}
		o := Options{Width: rapid.IntRange(minWidth, 120).Draw(t, "width"), Colour: rapid.Bool().Draw(t, "colour")}
		got := ours.ReplaceAllString(Render(c, o), "")
		for i, l := range strings.Split(got, "\n") {
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }) {
				t.Fatalf("line %q disturbs the terminal", l)
			}
			if n := cells(l); i > 0 && n > o.Width && !strings.Contains(l, "http") {
				t.Fatalf("line %q takes %d cells of %d", l, n, o.Width)
			}
		}
	})
}

func TestWrap(t *testing.T) {
	tests := []struct {
		name, text string
		width      int
		want       []string
	}{
		{"nothing", "", 10, []string{""}},
		{"between words", "the tide is rising", 8, []string{"the tide", "is", "rising"}},
		{"long word", "harbourmaster's", 6, []string{"harbou", "rmaste", "r's"}},
		{"wide characters", "橋は閉鎖", 5, []string{"橋は", "閉鎖"}},
		{"graphemes whole", "👩‍👧👩‍👧👩‍👧", 5, []string{"👩‍👧👩‍👧", "👩‍👧"}},
		{"addresses whole", "see https://news.example/live now", 10, []string{"see", "https://news.example/live", "now"}},
		{"lines kept", "one\n\n  two words here", 8, []string{"one", "", "  two", "  words", "  here"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, wrap(tt.text, tt.width)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestCells(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "橋": 2, "ｱ": 1, "Ａ": 2, "👩‍👧": 2, "🇵🇹": 2, "❤️": 2, "—": 1} {
		if got := cells(s); got != want {
			t.Errorf("cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestEditNamesTheCard(t *testing.T) {
	var out bytes.Buffer
	id, err := New(Options{Name: "console", Out: &out}).Send(t.Context(), chat.Post{Channel: here, Card: bridge()})
	if err != nil {
		t.Fatal(err)
	}
	for state, want := range map[chat.State]string{
		chat.Updated: "changes", chat.Corrected: "corrects", chat.Withdrawn: "withdraws",
	} {
		out.Reset()
		c := bridge()
		c.State = state
		later := New(Options{Name: "console", Out: &out, Label: true}) // after a restart
		if err := later.Edit(t.Context(), here, id, c); err != nil {
			t.Fatal(err)
		}
		want = "→ console:terminal\n↻ " + want + " the card of 14:02:11\n" + state.String() + " · "
		if !strings.HasPrefix(out.String(), want) {
			t.Errorf("printed %q, want %q first", out.String(), want)
		}
	}
}

func TestIDs(t *testing.T) {
	a := New(Options{Name: "console", Out: io.Discard})
	seen := map[chat.MessageID]bool{}
	for range 1000 {
		id, err := a.Send(t.Context(), chat.Post{Channel: here})
		if err != nil || seen[id] {
			t.Fatalf("id %q, %v", id, err)
		}
		seen[id] = true
		if _, ok := shownTime(id); !ok {
			t.Fatalf("id %q is not understood", id)
		}
	}
	for _, id := range []chat.MessageID{"", "x", "1-2", "1-2-3-4", "1-2-x", "g-1-1", "1--1", "1-1-99999999999999999999", "\x1b[2J"} {
		if _, ok := shownTime(id); ok {
			t.Errorf("%q is taken for an id", id)
		}
	}
}

type brokenWriter struct{ n int }

func (w brokenWriter) Write([]byte) (int, error) { return w.n, errors.New("no terminal") }

func TestBrokenTerminal(t *testing.T) {
	for n, want := range map[int]chat.Reason{0: chat.Transient, 5: chat.Unknown} {
		a := New(Options{Name: "console", Out: brokenWriter{n}})
		_, err := a.Send(t.Context(), chat.Post{Channel: here, Card: bridge()})
		var se *chat.SendError
		if !errors.As(err, &se) || se.Reason != want {
			t.Errorf("after %d bytes: %v, want %v", n, err, want)
		}
	}
}

// stuckWriter takes nothing until it is let go.
type stuckWriter struct{ goOn chan struct{} }

func (w stuckWriter) Write(b []byte) (int, error) { <-w.goOn; return len(b), nil }

func TestStuckTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stuckWriter{make(chan struct{})}
		a := New(Options{Name: "console", Out: w})
		for _, want := range []chat.Reason{chat.Unknown, chat.Transient} { // printing, waiting for its turn
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			start := time.Now()
			_, err := a.Send(ctx, chat.Post{Channel: here, Card: bridge()})
			cancel()
			if chat.ReasonOf(err) != want || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("%v after %v, want %v", err, time.Since(start), want)
			}
		}
		close(w.goOn)
		if _, err := a.Send(t.Context(), chat.Post{Channel: here, Card: bridge()}); err != nil {
			t.Errorf("after it went on: %v", err)
		}
	})
}

// typed runs Serve over a whole input and returns what was printed. That no
// goroutine is left behind is synctest's to hold.
func typed(t *testing.T, input string, h chat.Handler) (printed string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		in, keyboard := io.Pipe()
		a := New(Options{Name: "console", Out: &out, In: in})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1) // takes the one result
		go func() { done <- a.Serve(ctx, []chat.CommandSpec{{Name: "latest"}, {Name: "help"}}, h) }()
		if _, err := io.WriteString(keyboard, input); err != nil {
			t.Fatal(err)
		}
		keyboard.Close()
		synctest.Wait() // everything is answered
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		printed = out.String()
	})
	return printed
}

func TestLines(t *testing.T) {
	echo := func(_ context.Context, c chat.Command) (chat.Reply, error) {
		if c.Kind == chat.Press {
			return chat.Reply{Text: "pressed " + c.Action}, nil
		}
		return chat.Reply{Text: "heard " + c.Name + "|" + c.Text + "|", Buttons: []chat.Button{{Label: "Older ▶", Action: "older"}, {Label: "Share", Action: "share"}}}, nil
	}
	const hint = "Type /latest, /help. Ctrl-C ends the program.\n\n"
	const buttons = "[1] Older ▶\n[2] Share\n\n"
	tests := []struct{ name, input, want string }{
		{"command", "/latest harbour 3\n", "heard latest|harbour 3|\n" + buttons},
		{"any case and space", "  /LATEST   x  \n", "heard latest|x|\n" + buttons},
		{"Windows line", "/help\r\n", "heard help||\n" + buttons},
		{"no command", "hello\n", hint},
		{"unknown command", "/dance\n", hint},
		{"empty lines", "\n   \n\t\n", ""},
		{"button", "/help\n2\n", "heard help||\n" + buttons + "pressed share\n\n"},
		{"button of an older answer", "/help\n2\n1\n", "heard help||\n" + buttons + "pressed share\n\n" + hint},
		{"no such button", "/help\n3\n", "heard help||\n" + buttons + strings.Replace(hint, ". C", " or a number in brackets. C", 1)},
		{"last line without end", "/help", "heard help||\n" + buttons},
		{"line too long", strings.Repeat("/latest ", 2000) + "\n/help\n", hint + "heard help||\n" + buttons},
		{"hostile words", "/latest \x1b[2J\u202e@x\n", "heard latest|[2J@x|\n" + buttons},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, typed(t, tt.input, echo)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestZeroReplyShowsNothing(t *testing.T) {
	got := typed(t, "/help\n", func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{}, nil })
	if got != "" {
		t.Errorf("printed %q", got)
	}
}

// TestServeAgain holds that what was typed between two runs of Serve is not
// lost, and that the end of the input ends nothing.
func TestServeAgain(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	in, keyboard := io.Pipe()
	heard := make(chan string, 1)
	a := New(Options{Name: "console", Out: io.Discard, In: in})
	h := func(_ context.Context, c chat.Command) (chat.Reply, error) {
		heard <- c.Text
		return chat.Reply{}, nil
	}
	for _, words := range []string{"first", "second"} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Serve(ctx, []chat.CommandSpec{{Name: "latest"}}, h) }()
		if _, err := io.WriteString(keyboard, "/latest "+words+"\n"); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != words {
			t.Errorf("heard %q, want %q", got, words)
		}
		if words == "second" {
			keyboard.Close()
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestServeWithoutInput(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(Options{Name: "console", Out: io.Discard}).Serve(ctx, nil, nil); err != nil {
		t.Error(err)
	}
}

func BenchmarkRender(b *testing.B) {
	c := bridge()
	b.ReportAllocs()
	for b.Loop() {
		Render(c, Options{Colour: true})
	}
}
