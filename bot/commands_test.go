package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// asked returns a bot that knows two sources: twelve entries of the harbour
// and one of the council.
func asked(t *testing.T) *bot.Bot {
	t.Helper()
	pages := newWeb()
	now := time.Now()
	harbour := news.Snapshot{Title: "Harbour live", Format: "test"}
	for i := 12; i > 0; i-- {
		harbour.Entries = append(harbour.Entries, news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("h%d", i))}, IDKind: news.IDExplicit,
			Headline:  fmt.Sprintf("Tide reading %d", i),
			Body:      fmt.Sprintf("“We measured a tide of %d metres at the old pier this morning,” said Una Marsh, the harbour master.", i),
			Published: now.Add(time.Duration(i-20) * time.Minute),
		})
	}
	pages.set("harbour", func() (news.Snapshot, error) { return harbour, nil })
	pages.set("council", func() (news.Snapshot, error) {
		return news.Snapshot{Title: "Council", Format: "test", Entries: []news.Entry{{
			Ref: news.Ref{Entry: "c1"}, IDKind: news.IDExplicit, Headline: "Council votes on the market hall",
			Body: "“I will not sell the market hall to anybody,” said Councillor Ned Shaw.", Published: now.Add(-2 * time.Minute),
		}}}, nil
	})
	st, err := bolt.Open(t.TempDir()+"/test.db", bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	b, err := bot.New(bot.Options{
		Store: st, Fetcher: pages, Adapters: []chat.Adapter{&platform{name: "test"}},
		Sources: []news.Source{
			{ID: "harbour", Name: "Storm at the harbour", URL: "https://news.example/h", Schedule: "@every 10s"},
			{ID: "council", Name: "Town council", URL: "https://news.example/c", Schedule: "@every 10s"},
		},
		Subscriptions: []store.Subscription{{Source: "harbour", Channel: chat.Channel{Adapter: "test", ID: "a"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Once(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func ask(t *testing.T, b *bot.Bot, cmd chat.Command) chat.Reply {
	t.Helper()
	r, err := b.Handle(t.Context(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, b *bot.Bot, line string) chat.Reply {
	t.Helper()
	name, words, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	return ask(t, b, chat.Command{Name: name, Text: words})
}

func headlines(r chat.Reply) string {
	var list []string
	for _, c := range r.Items {
		list = append(list, c.Headline)
	}
	return strings.Join(list, "; ")
}

func press(t *testing.T, b *bot.Bot, r chat.Reply, label string) chat.Reply {
	t.Helper()
	for _, btn := range r.Buttons {
		if strings.Contains(btn.Label, label) {
			return ask(t, b, chat.Command{Kind: chat.Press, Action: btn.Action})
		}
	}
	t.Fatalf("no button %q among %v", label, r.Buttons)
	return chat.Reply{}
}

func TestLatest(t *testing.T) {
	b := asked(t)
	tests := []struct{ line, want string }{
		{"/latest 2", "Council votes on the market hall; Tide reading 12"},
		{"/latest harbour 2", "Tide reading 12; Tide reading 11"},
		{"/latest STORM at the harbour 1", "Tide reading 12"},
		{"/latest council", "Council votes on the market hall"},
	}
	for _, tt := range tests {
		if got := headlines(text(t, b, tt.line)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
		}
	}
	named := ask(t, b, chat.Command{Name: "latest", Options: map[string]string{"source": "harbour", "count": "1"}})
	if got := headlines(named); got != "Tide reading 12" {
		t.Errorf("named options: %s", got)
	}
}

func TestPaging(t *testing.T) {
	b := asked(t)
	first := text(t, b, "/latest harbour 5")
	second := press(t, b, first, "Older")
	if got := headlines(second); got != "Tide reading 7; Tide reading 6; Tide reading 5; Tide reading 4; Tide reading 3" || !second.Replace {
		t.Errorf("second page: %s, replace %v", got, second.Replace)
	}
	third := press(t, b, second, "Older")
	if got := headlines(third); got != "Tide reading 2; Tide reading 1" {
		t.Errorf("third page: %s", got)
	}
	if got := headlines(press(t, b, third, "Newer")); got != headlines(second) {
		t.Errorf("back: %s", got)
	}
	shared := press(t, b, second, "Share")
	if !shared.Public || shared.Replace || headlines(shared) != headlines(second) || len(shared.Buttons) > 0 {
		t.Errorf("shared: %+v", shared)
	}
}

func TestQuotes(t *testing.T) {
	b := asked(t)
	r := text(t, b, "/quotes market hall")
	if len(r.Items) != 1 || len(r.Items[0].Quotes) != 1 || r.Items[0].Quotes[0].Text != "I will not sell the market hall to anybody," &&
		r.Items[0].Quotes[0].Text != "I will not sell the market hall to anybody" {
		t.Fatalf("by words: %+v", r.Items)
	}
	if got := r.Items[0].Quotes[0].Speaker; got != "Ned Shaw" {
		t.Errorf("speaker %q", got)
	}
	if r := text(t, b, "/quotes una marsh 3"); len(r.Items) != 3 {
		t.Errorf("by speaker: %d items", len(r.Items))
	}
	none := text(t, b, "/quotes zeppelin")
	if len(none.Items) != 0 || !strings.Contains(none.Text, "zeppelin") || !strings.Contains(none.Text, "Una Marsh") {
		t.Errorf("nothing found: %q", none.Text)
	}
}

func TestSummary(t *testing.T) {
	b := asked(t)
	r := text(t, b, "/summary harbour 15m")
	if len(r.Items) == 0 || !strings.Contains(r.Title, "15 minutes") || !strings.Contains(r.Note, "of 7 updates") {
		t.Errorf("summary: %q %q, %d items", r.Title, r.Note, len(r.Items))
	}
	if r := text(t, b, "/summary harbour 1m"); !strings.Contains(r.Text, "Nothing was published") {
		t.Errorf("empty period: %+v", r)
	}
	if r := ask(t, b, chat.Command{Name: "summary", Options: map[string]string{"since": "soon"}}); !strings.Contains(r.Text, "30m, 6h, 2d") {
		t.Errorf("bad period: %+v", r)
	}
}

func TestHelpfulAnswers(t *testing.T) {
	b := asked(t)
	tests := []struct{ line, want string }{
		{"/latest moon", "No source is called “moon”. Followed: Town council (council), Storm at the harbour (harbour)."},
		{"/nonsense", "There is no /nonsense here. Try /help."},
	}
	for _, tt := range tests {
		if got := text(t, b, tt.line).Text; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
	help := text(t, b, "/help").Text
	for _, spec := range bot.Commands(nil)[:4] { // the rest needs a desk
		if !strings.Contains(help, "/"+spec.Name) {
			t.Errorf("/help does not mention /%s", spec.Name)
		}
	}
}

func TestSuggest(t *testing.T) {
	b := asked(t)
	tests := []struct {
		name, focus, typed string
		want               []string
	}{
		{"latest", "source", "stor", []string{"harbour"}},
		{"latest", "source", "", []string{"council", "harbour"}},
		{"quotes", "words", "mar", []string{"Una Marsh"}},
	}
	for _, tt := range tests {
		r := ask(t, b, chat.Command{Kind: chat.Suggest, Name: tt.name, Focus: tt.focus, Options: map[string]string{tt.focus: tt.typed}})
		var got []string
		for _, c := range r.Choices {
			got = append(got, c.Value)
		}
		if strings.Join(got, ",") != strings.Join(tt.want, ",") {
			t.Errorf("%s %q: %v, want %v", tt.focus, tt.typed, got, tt.want)
		}
	}
}

// FuzzHandle sends hostile commands: whatever they hold, the answer is a
// reply that keeps the limits of chat.Reply.
func FuzzHandle(f *testing.F) {
	f.Add("latest", "harbour 5", "")
	f.Add("quotes", "\u202e@everyone 9999999999999", "")
	f.Add("summary", "0d", "1.latest.0.5.0.zzzzzz.1.aGFyYm91cg")
	f.Fuzz(func(t *testing.T, name, words, action string) {
		st, err := bolt.Open(t.TempDir()+"/test.db", bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		b, err := bot.New(bot.Options{Store: st, Fetcher: newWeb()})
		if err != nil {
			t.Fatal(err)
		}
		for _, cmd := range []chat.Command{
			{Name: name, Text: words}, {Kind: chat.Press, Action: action},
			{Kind: chat.Suggest, Name: name, Focus: "source", Options: map[string]string{"source": words}},
		} {
			r := ask(t, b, cmd)
			for _, btn := range r.Buttons {
				if len(btn.Action) > 95 || btn.Action == "" {
					t.Errorf("button %q: action of %d bytes", btn.Label, len(btn.Action))
				}
			}
		}
	})
}

// A question whose words do not fit into a button says how to see the rest.
func TestPagesOfALongQuestion(t *testing.T) {
	b := asked(t)
	r := text(t, b, "/quotes we measured a tide of metres at the old pier this morning")
	if len(r.Items) != 5 {
		t.Fatalf("%d items: %s", len(r.Items), r.Text)
	}
	for _, btn := range r.Buttons {
		if strings.HasPrefix(btn.Label, "Older") {
			return // it fits after all
		}
	}
	if !strings.Contains(r.Note, "fewer words") {
		t.Errorf("there is more, and neither a button nor a word about it: %q, %v", r.Note, r.Buttons)
	}
}

func TestHostileButtons(t *testing.T) {
	b := asked(t)
	for _, action := range []string{
		"1.latest.0.5.0.1y2p0ij32e8e7.1.",               // as of the end of time
		"1.latest.0.5.0.-1y2p0ij32e8e8.-1y2p0ij32e8e8.", // and of its beginning
		"1.summary.0.5.0.1y2p0ij32e8e7.1y2p0ij32e8e7.",
		"1.quotes.1.-5.-9223372036854775808.0.0.",
		"1.quotes.0.99999999999999999999.0.0.0.",
		"1.latest.0.5.9223372036854775807.zzzzzz.1.aGFyYm91cg",
		"1.@everyone <!channel>.0.5.0.zzzzzz.1.",
		"1.latest.0.5.0.zzzzzz.1.4oCu4oCu4oCuPCFjaGFubmVsPg", // bidi and a mention
		strings.Repeat(".", 7), "", "1", strings.Repeat("1.", 4000),
	} {
		r := ask(t, b, chat.Command{Kind: chat.Press, Action: action})
		if r.Text == "" && len(r.Items) == 0 {
			t.Errorf("%q: no answer", action)
		}
		if len(r.Items) > 10 || len(r.Buttons) > 5 || len(r.Text) > 2000 {
			t.Errorf("%q: %d items, %d buttons, %d bytes", action, len(r.Items), len(r.Buttons), len(r.Text))
		}
	}
}
