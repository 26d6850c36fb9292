package adaptertest

import (
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// card returns an ordinary card that has everything.
func card() chat.Card {
	return chat.Card{
		Source:   "Harbour live",
		State:    chat.Live,
		Headline: "Bridge closed as the tide tops the quay",
		URL:      "https://news.example/live/harbour#e7",
		Quotes: []chat.Quote{
			{Text: "We closed it at noon, and it stays closed until the wind drops below 20 m/s.", Speaker: "Una Marsh", Role: "harbour master",
				URL: "https://news.example/live/harbour#e7:~:text=We%20closed%20it"},
			{Text: "Nobody told us until the lights went red", Speaker: "Ned Shaw"},
			{Text: "I have never seen the water this high"},
		},
		Byline: "Ada Finch",
		Time:   time.Date(2026, 3, 14, 14, 2, 0, 0, time.UTC),
	}
}

// plain returns a card that has a headline and nothing else.
func plain(headline string) chat.Card {
	return chat.Card{Source: "Harbour live", Headline: headline, Time: time.Date(2026, 3, 14, 14, 2, 0, 0, time.UTC)}
}

const hostileHost = "evil.example"

// hostile are texts that try to come alive on some platform or terminal.
var hostile = []struct {
	name string
	text string
	seen bool // a reader sees it as it is
}{
	{"everyone", "@everyone and @here, come quick", true},
	{"channel", "<!channel> <!here> <!everyone> look", true},
	{"group", "<!subteam^S0123456789> and <#C0123456789> look", true},
	{"Slack user", "<@U0123456789> look", true},
	{"Discord user", "<@1600000000000000001> and <@!1600000000000000001> look", true},
	{"Discord role", "<@&1200000000000000002> <#1500000000000000001> look", true},
	{"masked link", "[a safe site](http://evil.example/x) to read", true},
	{"Slack link", "<http://evil.example/x|a safe site> to read", true},
	{"markup", "*bold* _low_ ~gone~ `code` **b** ~~s~~ ||spoiler|| &amp; &lt; 5 > 3", true},
	{"quote mark", "> not a quote\n>>> nor this\n# no heading\n- no list", false},
	{"code fence", "```\nnot code\n```", false},
	{"emoji and time", ":smile: <:x:123456789012345678> <t:1700000000:R> <!date^1392734382^{date}|x>", true},
	{"bidi", "price \u202E001\u202C pounds \u2066isolate\u2069", false},
	{"controls", "bell\a back\b esc\x1b[31mred\x1b[0m del\x7f c1\u009b31m nul\x00 title\x1b]0;owned\x07", false},
	{"lines", "one\rtwo\u2028three\u2029four\vfive\u0085six", false},
	{"bad UTF-8", "caf\xe9 \xff\xfe end", false},
}

// hostileCard returns a card that says text everywhere.
func hostileCard(text string) chat.Card {
	return chat.Card{
		Source: text, State: chat.Corrected, Headline: text, URL: "https://news.example/live/harbour#e7",
		Quotes:  []chat.Quote{{Text: text, Speaker: text, Role: text, URL: "https://news.example/live/harbour#e7"}, {Text: text}},
		Was:     []chat.Quote{{Text: text, Speaker: text, Role: text}},
		Text:    text,
		Byline:  text,
		Time:    time.Date(2026, 3, 14, 14, 2, 0, 0, time.UTC),
		Changed: time.Date(2026, 3, 14, 14, 32, 0, 0, time.UTC),
		Image:   chat.Image{URL: "https://news.example/i/7.png", Alt: text, Credit: text},
	}
}

// family is one grapheme of seven code points.
const family = "\U0001F469\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466"

// long returns cards that no platform shows whole.
func long() map[string]chat.Card {
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("water over the quay ", n/20+1)) }
	return map[string]chat.Card{
		"headline":       plain(words(10_000)),
		"one long word":  plain(strings.Repeat("w", 10_000)),
		"graphemes":      plain(strings.Repeat(family, 2_000)),
		"escapes":        plain(strings.Repeat("<&>*_", 2_000)),
		"source":         with(func(c *chat.Card) { c.Source = words(5_000) }),
		"byline":         with(func(c *chat.Card) { c.Byline = words(5_000) }),
		"text":           with(func(c *chat.Card) { c.Quotes, c.Text = nil, words(40_000) }),
		"text, escapes":  with(func(c *chat.Card) { c.Quotes, c.Text = nil, strings.Repeat("&<>* ", 8_000) }),
		"quote":          with(func(c *chat.Card) { c.Quotes[0].Text = words(40_000) }),
		"quote of emoji": with(func(c *chat.Card) { c.Quotes[0].Text = strings.Repeat(family, 3_000) }),
		"speaker":        with(func(c *chat.Card) { c.Quotes[0].Speaker, c.Quotes[0].Role = words(5_000), words(5_000) }),
		"picture": with(func(c *chat.Card) {
			c.Image = chat.Image{URL: "https://news.example/7.png", Alt: words(9_000), Credit: words(9_000)}
		}),
		"address": with(func(c *chat.Card) { c.URL = "https://news.example/" + strings.Repeat("x", 9_000) }),
		"picture's address": with(func(c *chat.Card) {
			c.Image.URL = "https://news.example/" + strings.Repeat("x", 9_000) + ".png"
		}),
		"many quotes": with(func(c *chat.Card) {
			for range 200 {
				c.Quotes = append(c.Quotes, c.Quotes[0])
				c.Was = append(c.Was, c.Quotes[0])
			}
		}),
		"everything": {
			Source: words(3_000), State: chat.Withdrawn, Headline: words(3_000), URL: "https://news.example/" + strings.Repeat("y", 3_000),
			Quotes: []chat.Quote{{Text: words(9_000), Speaker: words(900), Role: words(900)}, {Text: words(9_000)}, {Text: words(9_000)}},
			Was:    []chat.Quote{{Text: words(9_000)}, {Text: words(9_000)}},
			Text:   words(9_000), Byline: words(3_000), Image: chat.Image{URL: "https://news.example/7.png", Alt: words(9_000)},
			Time: time.Date(2026, 3, 14, 14, 2, 0, 0, time.UTC), Changed: time.Date(2026, 3, 14, 15, 2, 0, 0, time.UTC), Key: true,
		},
	}
}

// odd returns cards that lack what cards have, or have what none should.
func odd() map[string]chat.Card {
	return map[string]chat.Card{
		"empty":                {},
		"headline only":        {Headline: "Bridge closed"},
		"text only":            {Text: "The bridge is closed."},
		"quote only":           {Quotes: []chat.Quote{{Text: "It is closed"}}},
		"picture only":         {Image: chat.Image{URL: "https://news.example/7.png"}},
		"white space":          {Source: " \n", Headline: " \t\n ", Text: "\u00a0", Quotes: []chat.Quote{{Text: "  "}}, Byline: " "},
		"nothing visible":      {Headline: "\u200b\u2060", Text: "\u202e\u202c", Quotes: []chat.Quote{{Text: "\x00\x01"}}},
		"relative address":     with(func(c *chat.Card) { c.URL = "/live/harbour#e7" }),
		"address of a script":  with(func(c *chat.Card) { c.URL = "javascript:alert(1)" }),
		"address with a space": with(func(c *chat.Card) { c.URL = "https://news.example/a b|c>d)e" }),
		"picture of a file":    with(func(c *chat.Card) { c.Image.URL = "file:///etc/passwd" }),
		"year one":             with(func(c *chat.Card) { c.Time = time.Date(1, 2, 3, 4, 5, 6, 0, time.UTC) }),
		"year 20000":           with(func(c *chat.Card) { c.Time = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"unknown state":        with(func(c *chat.Card) { c.State = 99 }),
		"right to left":        plain("הגשר נסגר بسبب العاصفة"),
	}
}

func with(change func(*chat.Card)) chat.Card {
	c := card()
	change(&c)
	return c
}
