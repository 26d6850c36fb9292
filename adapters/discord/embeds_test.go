package discord

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

func stories() map[string]chat.Card {
	at := time.Date(2026, 3, 14, 14, 32, 0, 0, time.UTC)
	fresh := card("Harbour bridge closed after the storm tide")
	fresh.Image = chat.Image{URL: "https://gazette.example/img/bridge.jpg", Alt: "Water over the carriageway", Credit: "Harbour Gazette"}
	fresh.Key = true
	edited := card("Harbour bridge closed, ferries on")
	edited.State, edited.Changed, edited.Text = chat.Updated, at.Add(8*time.Minute), "The ferry takes over from 16:00."
	corrected := card("Harbour bridge closed after the storm tide")
	corrected.State, corrected.Changed = chat.Corrected, at.Add(20*time.Minute)
	corrected.Was = []chat.Quote{{Text: "The bridge never closes.", Speaker: "Mira Kolbe"}, {Text: "Two lines\n\nof it"}}
	withdrawn := card("Harbour bridge closed after the storm tide")
	withdrawn.State, withdrawn.Changed, withdrawn.Text = chat.Withdrawn, at.Add(time.Hour), "Nothing of this stands."
	long := card(strings.Repeat("The council of the harbour town has met again ", 20))
	for range 4 {
		long.Quotes = append(long.Quotes, chat.Quote{Text: strings.Repeat("We will rebuild it, stone by stone. ", 90), Speaker: strings.Repeat("Councillor ", 40)})
	}
	long.Text = strings.Repeat("👩‍👩‍👧‍👦 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F ", 400)
	rtl := card("الجسر مغلق بعد العاصفة")
	rtl.Quotes = []chat.Quote{{Text: "سيبقى الجسر مغلقا \u202Eevil\u202C حتى ينخفض الماء (١٢ مترا).", Speaker: "ميرا كولبه"}}
	bare := chat.Card{Source: "Harbour Gazette", Text: "Water is falling.", URL: "https://gazette.example/live/storm#entry-10", Time: at}
	return map[string]chat.Card{
		"fresh": fresh, "edited": edited, "corrected": corrected, "withdrawn": withdrawn,
		"very-long": long, "right-to-left": rtl, "no-headline": bare, "hostile": hostile(),
		"empty": {}, "head": headCard(), "rollup": rollupCard(20), "rollup-long": longRollup(), "closing": closingCard(),
		"note": noteCard(), "note-withdrawn": withdrawnNote(), "notice": noticeCard(), "hostile-rollup": hostileForm(chat.RollupForm),
		"hostile-note": hostileForm(chat.NoteForm), "hostile-notice": hostileForm(chat.NoticeForm), "empty-head": {Form: chat.HeadForm},
		"empty-note": {Form: chat.NoteForm}, "empty-notice": {Form: chat.NoticeForm},
	}
}

func items(n int) []chat.Item {
	var list []chat.Item
	for i := range n {
		it := chat.Item{
			Time: time.Date(2026, 3, 14, 14, i, 0, 0, time.UTC), Headline: fmt.Sprintf("Boat %d is made fast at the inner quay", i+1),
			URL: fmt.Sprintf("https://gazette.example/live/storm#entry-%d", i+1),
		}
		switch i % 4 {
		case 1:
			it.Speaker = "Mira Kolbe"
		case 3:
			it.State = chat.State(i / 4 % 4)
		}
		list = append(list, it)
	}
	return list
}

func headCard() chat.Card {
	return chat.Card{
		Form: chat.HeadForm, Source: "Harbour Gazette", Headline: "Storm tide in the harbour: latest", URL: "https://gazette.example/live/storm",
		Count: 128, Items: items(5), Changed: time.Date(2026, 3, 14, 14, 40, 0, 0, time.UTC), Note: "Coverage has ended.",
	}
}

func rollupCard(n int) chat.Card {
	return chat.Card{Form: chat.RollupForm, Source: "Harbour Gazette", Headline: "37 earlier updates", Count: 37, Items: items(n), Note: "/latest shows them all"}
}

func longRollup() chat.Card {
	c := rollupCard(20)
	for i := range c.Items {
		c.Items[i].Headline = strings.Repeat("The council of the harbour town has met again ", 6)
		c.Items[i].URL = "https://gazette.example/live/" + strings.Repeat("storm-", 25) + fmt.Sprint(i)
		c.Items[i].Time = c.Items[i].Time.Add(time.Duration(i) * 4 * time.Hour)
	}
	return c
}

func closingCard() chat.Card {
	c := headCard()
	c.Form, c.Items = chat.ClosingForm, items(3)
	return c
}

func noteCard() chat.Card {
	return chat.Card{
		Form: chat.NoteForm, Source: "Harbour Gazette", State: chat.Corrected, Headline: "Harbour bridge closed, ferries on",
		URL: "https://gazette.example/live/storm#entry-9", Changed: time.Date(2026, 3, 14, 14, 40, 0, 0, time.UTC),
		Edits:  []chat.Edit{{What: "Headline", Old: "Harbour bridge open", New: "Harbour bridge closed, ferries on"}, {What: "Text", New: "The ferry takes over.\n\nFrom 16:00."}},
		Was:    []chat.Quote{{Text: "The bridge never closes.", Speaker: "Mira Kolbe"}},
		Quotes: []chat.Quote{{Text: "The bridge is closed.", Speaker: "Mira Kolbe", Role: "harbour master"}},
	}
}

func withdrawnNote() chat.Card {
	c := noteCard()
	c.State, c.Edits, c.Quotes = chat.Withdrawn, nil, nil
	return c
}

func noticeCard() chat.Card {
	return chat.Card{Form: chat.NoticeForm, Text: "slack:C0QUAY refuses what is posted: not_in_channel.\nInvite the bot again: /invite @pullquote"}
}

func hostileForm(f chat.Form) chat.Card {
	c := hostile()
	c.Form, c.Note, c.Count = f, c.Text, -3
	for range 30 {
		c.Items = append(c.Items, chat.Item{Headline: c.Text, Speaker: c.Text, URL: c.URL, Time: c.Time, State: chat.Withdrawn})
	}
	for range 9 {
		c.Edits = append(c.Edits, chat.Edit{What: c.Text, Old: c.Text, New: c.Text})
	}
	return c
}

// hostile puts everything that Discord could bring to life into every field.
func hostile() chat.Card {
	evil := "@everyone @here <@" + userID + "> <@&1> <#" + channelID + "> </latest:1> <:x:1> <t:0:R> " +
		"[bank](https://evil.example/) ||spoiler|| **b** __u__ ~~s~~ `c` ```\nblock\n```\n# big\n-# small\n> q\n>>> qq\n- l\n* l\n12. l\n" +
		"https://evil.example/?a_b_c=(1) \\*not\\* :smile: a\u202Eb\u2066c\x00d\x1b[31me\u200Bf\ufeff"
	return chat.Card{
		Source: evil, Headline: evil, URL: "https://gazette.example/a)b(c?q=<x>&y=[1]\\", Text: evil, Byline: evil,
		Quotes: []chat.Quote{{Text: evil, Speaker: evil, Role: evil, URL: "https://gazette.example/q?(a)*b*`c`"}, {Text: "x", URL: "javascript:alert(1)"}},
		Was:    []chat.Quote{{Text: evil, Speaker: evil, Role: evil}},
		Image:  chat.Image{URL: "https://gazette.example/i mg.png", Alt: evil, Credit: evil},
		State:  chat.Corrected, Time: time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC),
	}
}

func TestCardGoldens(t *testing.T) {
	for name, c := range stories() {
		t.Run(name, func(t *testing.T) {
			golden(t, name, compose(chat.Post{Card: c, Key: "k3jd82hf", Silent: name == "edited"}, sign{key: "k3jd82hf"}))
		})
	}
}

func TestCardsAreAccepted(t *testing.T) {
	srv, a := start(t)
	n := 0
	for name, c := range stories() {
		n++
		id, err := a.Send(t.Context(), chat.Post{Channel: channelA, Card: c, Key: fmt.Sprint("card", n)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := a.Edit(t.Context(), channelA, id, c); err != nil {
			t.Errorf("%s, edited: %v", name, err)
		}
	}
	if got := len(srv.Messages(channelID)); got != n {
		t.Errorf("%d messages, want %d", got, n)
	}
}

// shown undoes escaping as Discord's parser does, and reports the characters
// of markup that stand unescaped.
func shown(s string) (text, alive string) {
	var b, live strings.Builder
	start, digits := true, false
	var prev rune
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r == '\\' && i < len(s) {
			next, m := utf8.DecodeRuneInString(s[i:])
			if !unicode.IsLetter(next) && !unicode.IsDigit(next) && !unicode.IsSpace(next) {
				b.WriteRune(next)
				i += m
				start, digits, prev = false, false, next
				continue
			}
		}
		rest := s[i:]
		switch {
		case strings.ContainsRune("\\*_~`><|#[]()@", r),
			strings.ContainsRune("-+", r) && start,
			r == '.' && digits,
			r == ':' && strings.HasPrefix(rest, "//"),
			r == ':' && rest != "" && unicode.IsLetter([]rune(rest)[0]):
			live.WriteRune(r)
		}
		digits = r != '\n' && (start || digits) && r >= '0' && r <= '9'
		start = r == '\n' || (start && r == ' ')
		prev = r
		b.WriteRune(r)
	}
	_ = prev
	return b.String(), live.String()
}

func FuzzEscape(f *testing.F) {
	h := hostile()
	f.Add(h.Text, 4096)
	f.Add(h.Text, 40)
	f.Add("14:32 a:b 1.5 -3", 100)
	f.Add("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 12)
	f.Add("e\u0301\u0301\u0301*\u0301", 4)
	f.Add("10. \n 1. \n - x", 30)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 0), 6000)
		c := clean(s)
		if again := clean(c); again != c {
			t.Fatalf("cleaning twice differs: %q, %q", c, again)
		}
		for _, r := range c {
			if r != '\n' && unicode.Is(unicode.Cc, r) || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("%U survived cleaning", r)
			}
		}
		got := escape(c, limit)
		if size(got) > limit {
			t.Fatalf("%d units, %d allowed: %q", size(got), limit, got)
		}
		text, alive := shown(got)
		if alive != "" {
			t.Fatalf("markup %q is alive in %q", alive, got)
		}
		if text == c {
			return
		}
		body, cut := strings.CutSuffix(text, ellipsis)
		if !cut && text != "" {
			t.Fatalf("shown as %q, want %q", text, c)
		}
		if !strings.HasPrefix(c, body) {
			t.Fatalf("%q is no beginning of %q", body, c)
		}
		// What follows the cut begins a grapheme, spaces before it aside.
		rest := strings.TrimLeft(c[len(body):], " ")
		g := graphemes.FromString(c)
		for pos := 0; g.Next(); pos += len(g.Value()) {
			if pos == len(body) || pos == len(c)-len(rest) {
				return
			}
		}
		if rest != "" && text != "" {
			t.Fatalf("cut within a grapheme: %q of %q", body, c)
		}
	})
}

func FuzzCard(f *testing.F) {
	f.Add("Bridge closed", "quote\nwith lines", "Mira Kolbe", "https://gazette.example/a", 3)
	h := hostile()
	f.Add(h.Headline, h.Text, h.Byline, h.URL, 9)
	f.Fuzz(func(t *testing.T, head, text, name, link string, n int) {
		q := chat.Quote{Text: text, Speaker: name, Role: head, URL: link}
		c := chat.Card{Source: name, Headline: head, URL: link, Text: text, Byline: name, State: chat.State(uint(n) % 4),
			Image: chat.Image{URL: link, Alt: text, Credit: head}}
		c.Form, c.Note, c.Count = chat.Form(uint(n)/4%7), text, n
		for range uint(n) % 12 {
			c.Quotes, c.Was = append(c.Quotes, q), append(c.Was, q)
			c.Items = append(c.Items, chat.Item{Headline: text, Speaker: name, URL: link, State: c.State, Time: time.Unix(int64(n), 0)})
			c.Edits = append(c.Edits, chat.Edit{What: name, Old: text, New: head})
		}
		b, err := json.Marshal(compose(chat.Post{Card: c, Key: "k"}, sign{key: "k"}))
		if err != nil {
			t.Fatal(err)
		}
		if err := discordtest.CheckMessage(b); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		r := chat.Reply{Title: head, Text: text, Note: name, Items: []chat.Card{c, c, c}, Buttons: []chat.Button{{Label: name, Action: "a"}}}
		for range uint(n) % 30 {
			r.Items = append(r.Items, c)
		}
		m, err := json.Marshal(replyMessage(r))
		if err != nil {
			t.Fatal(err)
		}
		if err := discordtest.CheckMessage(m); err != nil {
			t.Fatalf("reply: %v\n%s", err, m)
		}
	})
}

func TestCutting(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"fits exactly", "12345", 5, "12345"},
		{"one too long", "123456", 5, "1234…"},
		{"at a word", "the bridge stays shut", 15, "the bridge…"},
		{"escape pair stays whole", "abc*", 4, "abc…"},
		{"emoji of many parts", "ab👩‍👩‍👧‍👦", 8, "ab…"},
		{"no room at all", "abc", 0, ""},
		{"room for the ellipsis", "abc", 1, "…"},
		{"flag counts two letters of two units", "🇩🇰🇩🇰", 5, "🇩🇰…"},
	} {
		if got := escape(tt.in, tt.limit); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestLongestPartsLoseFirst(t *testing.T) {
	c := card("Bridge closed")
	c.Quotes = append(c.Quotes, chat.Quote{Text: strings.Repeat("word ", 4000), Speaker: "Ansel Brandt"})
	c.Text = "Short and whole."
	d := embed(c).Description
	for _, want := range []string{"until the water is down.", "Short and whole.", "…\n— **Ansel Brandt**"} {
		if !strings.Contains(d, want) {
			t.Errorf("%q is not in %q", want, d)
		}
	}
	if n := size(d); n > maxDescription || n < maxDescription-100 {
		t.Errorf("%d units of %d used", n, maxDescription)
	}
}

func TestWebURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://gazette.example/a b":                       "https://gazette.example/a%20b",
		"http://127.0.0.1:8080/x":                           "http://127.0.0.1:8080/x",
		"https://[2001:db8::1]/x":                           "https://[2001:db8::1]/x",
		"https://häfen.example/ü":                           "https://xn--hfen-loa.example/%C3%BC",
		"javascript:alert(1)":                               "",
		"https://u:p@gazette.example/":                      "",
		"http://localhost/x":                                "",
		"/relative":                                         "",
		"https://" + strings.Repeat("a", 2100) + ".example": "",
		"data:image/png;base64,AAAA":                        "",
		"":                                                  "",
	} {
		if got := webURL(in); got != want {
			t.Errorf("webURL(%.60q) = %q, want %q", in, got, want)
		}
	}
}

func BenchmarkCard(b *testing.B) {
	for _, name := range []string{"fresh", "very-long"} {
		c := stories()[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(compose(chat.Post{Card: c, Key: "k"}, sign{key: "k"})); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
