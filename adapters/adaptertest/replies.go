package adaptertest

import (
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Replies returns an answer of every shape that the bot's commands have, by
// name, and some that go beyond every limit.
func Replies() map[string]chat.Reply {
	card := func(n int) chat.Card {
		return chat.Card{
			Source: "Harbour live", Headline: fmt.Sprintf("Lorry %d crosses Customs Quay", n), URL: fmt.Sprintf("https://news.example/live/harbour#e%d", n),
			Time: noon.Add(time.Duration(n) * time.Minute), Text: "It is the first since the tide topped the quay.",
			Quotes: []chat.Quote{{Text: "We will reopen the bridge when the wind has dropped", Speaker: "Una Marsh", Role: "harbour master"}},
		}
	}
	paged := chat.Reply{Title: "Latest updates · Harbour live", Note: "11 to 20", Buttons: []chat.Button{
		{Label: "◀ Newer", Action: "2.latest.0.10.0.a.0.aGFyYm91cg"}, {Label: "Older ▶", Action: "2.latest.0.10.20.a.0.aGFyYm91cg"},
		{Label: "Share with the channel", Action: "2.latest.1.10.10.a.0.aGFyYm91cg"},
	}}
	for n := range 10 {
		paged.Items = append(paged.Items, card(n))
	}
	shared := paged
	shared.Buttons, shared.Public = nil, true
	quotes := chat.Reply{Title: "Quotes of “marsh” of the last 6 hours", Items: []chat.Card{card(1)}}
	quotes.Items[0].Text = ""
	sources := []chat.Choice{{Label: "Harbour live", Value: "harbour"}, {Label: "Town council", Value: "council"}}
	return map[string]chat.Reply{
		"line":   {Text: "The harbour is posted here again."},
		"pages":  paged,
		"shared": shared,
		"quotes": quotes,
		"summary": {Title: "Summary · Harbour live, last 24 hours", Items: []chat.Card{card(1), card(2)},
			Note: "2 of 31 updates, chosen for key events, distinct content and quotes; every word is the source's."},
		"list": {Title: "Followed in this channel", Text: "• Harbour live (harbour) – newest just now\n• Town council (council) – newest 3 hours ago – paused",
			Note: "Elsewhere: Cup final"},
		"sample": {Title: "Follow Harbour live?", Text: "Found 37 updates, the newest 2 minutes ago, read as json-ld.", Items: []chat.Card{card(3)},
			Note:    "This is how its newest update looks. Only what comes from now on will be posted.",
			Buttons: []chat.Button{{Label: "Follow", Action: "follow.QUAY"}, {Label: "Cancel", Action: "cancel"}}},
		"warning": {Title: "Pull this update from every channel?", Text: "Bridge closed as the tide tops the quay",
			Buttons: []chat.Button{{Label: "Pull it", Action: "pull.QUAY", Danger: true, Confirm: "Pull it from every channel?"}, {Label: "Cancel", Action: "cancel"}}},
		"choice": {Text: "Which one?", Menus: []chat.Menu{{Label: "Which source?", Action: "pick.pause.", Choices: sources}}},
		"alerts": {Title: "2 alerts", Text: "flood -rehearsal\nspeaker:\"Una Marsh\" of harbour",
			Menus:   []chat.Menu{{Label: "Stop one", Action: "alert.", Choices: []chat.Choice{{Label: "flood -rehearsal", Value: "a1b2c3d4"}}}},
			Buttons: []chat.Button{{Label: "Stop all", Action: "alert.all", Danger: true, Confirm: "Stop all your alerts?"}}},
		"replaced": {Text: "Nothing was changed.", Replace: true},
		"hostile":  hostileReply(),
		"huge":     hugeReply(),
	}
}

// hostileReply has everywhere what a platform could bring to life.
func hostileReply() chat.Reply {
	const evil = "@everyone @here <!channel> <!subteam^S1> <@U024BE7LH> <@&80351110224678912> <#C024BE91L> [bank](https://evil.example) " +
		"<https://evil.example|bank> **b** *i* ||s|| `c` ``` > q\n# h \u202Eabc\u2066\x00\x1b[31m\u200B\xff"
	return chat.Reply{
		Title: evil, Text: evil, Note: evil,
		Items:   []chat.Card{{Source: evil, Headline: evil, Text: evil, Byline: evil, URL: "javascript:alert(1)", Quotes: []chat.Quote{{Text: evil, Speaker: evil, Role: evil}}}},
		Buttons: []chat.Button{{Label: evil, Action: "cancel", Confirm: evil}},
		Menus:   []chat.Menu{{Label: evil, Action: "pick.pause.", Choices: []chat.Choice{{Label: evil, Value: "harbour"}}}},
	}
}

// hugeReply is beyond every limit.
func hugeReply() chat.Reply {
	long := strings.Repeat("A long winter on the quay. ", 400)
	r := chat.Reply{Title: long, Text: long, Note: long}
	for n := range 30 {
		r.Items = append(r.Items, chat.Card{Source: long, Headline: long, Text: long, URL: "https://news.example/" + strings.Repeat("q", 2000),
			Time: noon, Quotes: []chat.Quote{{Text: long, Speaker: long, Role: long}}})
		r.Buttons = append(r.Buttons, chat.Button{Label: long, Action: fmt.Sprint("page.", n)})
	}
	for n := range 4 {
		m := chat.Menu{Label: long, Action: fmt.Sprint("pick.", n)}
		for i := range 40 {
			m.Choices = append(m.Choices, chat.Choice{Label: long, Value: fmt.Sprint(i)})
		}
		r.Menus = append(r.Menus, m)
	}
	return r
}
