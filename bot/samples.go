package bot

import (
	"fmt"
	"slices"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A Sample is a card with what it shows, for people to look at.
type Sample struct {
	Caption string
	Card    chat.Card
}

// Samples composes cards of every form that a story gives: then and now are
// readings of its page, newest first, with their quotes. They are what the bot
// would post; nothing is posted. Without then there are only cards of now.
func Samples(src news.Source, then, now []news.Entry, at time.Time) []Sample {
	var list []Sample
	known := make(map[news.EntryID]news.Entry)
	for _, e := range then {
		known[e.Entry] = e
	}
	entries := slices.Clone(now)
	for i := range entries {
		e := &entries[i]
		e.Revision, e.FirstSeen = 1, e.Published
		caption := "A new entry"
		if e.Key {
			caption = "A key event"
		}
		if before, ok := known[e.Entry]; ok && before.Digest() != e.Digest() {
			*e = news.Revise(before, *e, at)
			caption = "The same card after the source changed the entry"
			list = append(list, Sample{"What changed, as a reply in a thread", noteForm(src, &before, *e)})
		}
		delete(known, e.Entry)
		list = append(list, Sample{caption, CardOf(src, *e)})
	}
	for _, e := range then {
		if _, gone := known[e.Entry]; gone && stillShown(now, e) {
			list = append(list, Sample{"The card of an entry that its source withdrew", CardOf(src, news.Retract(e, at))})
		}
	}
	slices.Reverse(list)
	return append(list, groupSamples(src, entries, at)...)
}

// stillShown reports whether a page that shows entries, newest first, would
// show e too if it stood: pages leave out what is old.
func stillShown(entries []news.Entry, e news.Entry) bool {
	return len(entries) > 0 && e.Published.After(entries[len(entries)-1].Published)
}

// groupSamples composes the cards that stand for several entries.
func groupSamples(src news.Source, entries []news.Entry, at time.Time) []Sample {
	if len(entries) < 2 {
		return nil
	}
	page := &store.SourceStatus{Source: src, Title: src.Name, Active: at, Ended: true}
	live := *page
	live.Ended = false
	return []Sample{
		{"A page over its thread", headForm(src, &live, entries[:min(3, len(entries))], len(entries))},
		{fmt.Sprintf("%d updates told together", len(entries)), rollupForm(src, entries, len(entries), false)},
		{"The end of coverage", closingForm(src, page, entries, len(entries))},
	}
}
