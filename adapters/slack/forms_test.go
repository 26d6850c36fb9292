package slack

import (
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// forms are cards of every form but an entry's own.
func forms() map[string]chat.Card {
	at := time.Date(2026, 3, 14, 14, 52, 0, 0, time.UTC)
	items := []chat.Item{
		{Time: at.Add(-9 * time.Minute), Headline: "Ferries stay in port", URL: "https://gazette.example/live/storm#e7"},
		{Time: at.Add(-5 * time.Minute), Headline: "Mayor: stay at home", URL: "https://gazette.example/live/storm#e8", Speaker: "Tom Ferris", State: chat.Corrected},
		{Headline: "Roof of the ice rink damaged", State: chat.Withdrawn},
	}
	page := chat.Card{Source: "Harbour Gazette", Headline: "Storm closes the harbour bridge", URL: "https://gazette.example/live/storm", Changed: at, Items: items}
	head, closing, roll := page, page, page
	head.Form, head.Count = chat.HeadForm, 37
	closing.Form, closing.Count, closing.Note = chat.ClosingForm, 41, "Coverage has ended here and goes on at https://gazette.example/live/day-2"
	roll.Form, roll.Headline, roll.URL, roll.Count, roll.Note, roll.Changed = chat.RollupForm, "12 more updates", "", 12, "/latest shows them all", time.Time{}
	note := chat.Card{
		Form: chat.NoteForm, Source: "Harbour Gazette", State: chat.Corrected, Headline: "Fourteen lorries wait", URL: "https://gazette.example/live/storm#e5", Changed: at,
		Edits:  []chat.Edit{{What: "Headline", Old: "Forty lorries wait", New: "Fourteen lorries wait"}},
		Was:    []chat.Quote{{Text: "Forty lorries are waiting", Speaker: "Una Marsh"}},
		Quotes: []chat.Quote{{Text: "Fourteen lorries are waiting", Speaker: "Una Marsh", Role: "harbour master"}},
	}
	hostile := head
	hostile.Headline, hostile.Note = "<!channel> *b* <https://evil.example|bank>", "<!here> _x_"
	hostile.Items = []chat.Item{{Headline: strings.Repeat("<@U1> `x` ", 100), Speaker: "<!subteam^S1>", URL: "javascript:alert(1)"}}
	for range 60 {
		hostile.Items = append(hostile.Items, items[0])
	}
	return map[string]chat.Card{
		"form-head": head, "form-closing": closing, "form-rollup": roll, "form-note": note,
		"form-notice":  {Form: chat.NoticeForm, Text: "slack:C0HARBOUR refuses messages: is_archived. Nothing is lost."},
		"form-hostile": hostile,
	}
}

func TestFormGoldens(t *testing.T) {
	for name, c := range forms() {
		t.Run(name, func(t *testing.T) {
			golden(t, name, compose(chat.Post{Channel: channelA, Card: c, Key: "k3jd82hf",
				Mentions: []chat.Mention{{Role: true, ID: "S0DESK1"}, {ID: "everyone"}}}, place{channelID, "1773499920.000100"}, true))
		})
	}
}

// TestFormsAreAccepted posts every form to the loopback Slack, which checks
// blocks and limits and knows what comes alive.
func TestFormsAreAccepted(t *testing.T) {
	srv, a, _ := start(t)
	for name, c := range forms() {
		p := newPost(strings.ReplaceAll(name, "-", ""))
		p.Card = c
		send(t, a, p)
		m := srv.Messages(channelID)
		for _, alive := range seen(srv)[len(m)-1].Mentions {
			t.Errorf("%s tells %s", name, alive)
		}
	}
}
