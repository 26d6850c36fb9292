package bot

import (
	"fmt"
	"slices"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
	"github.com/pullquote/pullquote/bot/summary"
	"github.com/pullquote/pullquote/store"
)

const (
	itemRunes   = 120 // of a text that stands for a headline in a line
	maxRolled   = 20  // entries named in a roll-up
	maxMattered = 7   // entries in a closing card
)

// headForm composes the card of a page over its thread. entries come newest
// first.
func headForm(src news.Source, page *store.SourceStatus, entries []news.Entry, count int) chat.Card {
	c := chat.Card{Form: chat.HeadForm, Source: src.Name, Headline: src.Name, URL: src.URL, Count: count, Items: items(entries)}
	if page == nil {
		return c
	}
	if page.Title != "" {
		c.Headline = page.Title
	}
	c.Changed = page.Active
	if page.Ended {
		c.Note = ended(page)
	}
	return c
}

// ended says in small print that the coverage is over, and where it goes on.
func ended(page *store.SourceStatus) string {
	if page.Successor != "" {
		return "Coverage has ended here and goes on at " + page.Successor
	}
	return "Coverage has ended."
}

// closingForm composes the card at the end of a page's coverage: what
// mattered, in the order it happened. entries come newest first.
func closingForm(src news.Source, page *store.SourceStatus, entries []news.Entry, count int) chat.Card {
	c := headForm(src, page, nil, count)
	c.Form = chat.ClosingForm
	mattered := summary.Of(entries, maxMattered)
	slices.Reverse(mattered)
	c.Items = items(mattered)
	if page != nil && !page.Ended {
		c.Note = "Coverage has resumed."
	}
	return c
}

// rollupForm composes the card of entries told together, in the order they
// were published. entries come newest first.
func rollupForm(src news.Source, entries []news.Entry, count int, earlier bool) chat.Card {
	c := chat.Card{Form: chat.RollupForm, Source: src.Name, Count: count}
	kind := "more"
	if earlier {
		kind = "earlier"
	}
	c.Headline = fmt.Sprintf("%d %s updates", count, kind)
	if count == 1 {
		c.Headline = fmt.Sprintf("1 %s update", kind)
	}
	shown := slices.Clone(entries[:min(len(entries), maxRolled)])
	slices.Reverse(shown)
	c.Items = items(shown)
	if earlier || count > len(shown) {
		c.Note = "/latest shows them all"
	}
	return c
}

// items tells entries in a line each, in the order given.
func items(entries []news.Entry) []chat.Item {
	var list []chat.Item
	for i := range entries {
		list = append(list, itemOf(&entries[i]))
	}
	return list
}

func itemOf(e *news.Entry) chat.Item {
	it := chat.Item{Time: e.When(), Headline: e.Headline, URL: e.URL, State: stateOf(e)}
	if e.Pulled {
		it.Headline, it.URL = pulledText, ""
		return it
	}
	if it.Headline == "" {
		it.Headline = lead(e.Body, itemRunes)
	}
	if best := quote.Best(e.Headline, e.Quotes, 1); len(best) > 0 {
		it.Speaker = cardQuote(e, best[0]).Speaker
	}
	return it
}
