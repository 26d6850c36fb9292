package bot

import (
	"context"
	"slices"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
	"github.com/pullquote/pullquote/store"
)

// noteFor returns the promise of a note that says what changed in a card, or
// none. Readers of a thread see what is new at its end, not what was edited
// above; and a card that the platform edits no more can be corrected only by an
// answer. What is cosmetic is never noted.
func (p *porter) noteFor(ctx context.Context, w store.Work, rec store.Receipt) ([]store.Promise, error) {
	if w.Delivery.Kind != store.Card || w.Receipt == nil || rec.Gone || rec.Message == "" {
		return nil, nil
	}
	if !rec.Frozen && threadOf(w) == "" || rec.Revision == w.Receipt.Revision {
		return nil, nil
	}
	if w.Receipt.Digest == ([32]byte{}) && !rec.Frozen {
		return nil, nil // what the card showed is not known: it may well have been this
	}
	class, err := p.loudest(ctx, w)
	if err != nil || !class.Louder(news.Cosmetic) {
		return nil, err
	}
	return []store.Promise{{
		Kind: store.Note, Entry: w.Delivery.Entry, Number: uint64(w.Entry.Revision), Since: w.Receipt.Revision,
	}}, nil
}

// loudest returns the loudest class of the revisions since the one that the
// card showed.
func (p *porter) loudest(ctx context.Context, w store.Work) (news.Class, error) {
	class := w.Entry.Class
	if w.Entry.Revision <= w.Receipt.Revision+1 {
		return class, nil
	}
	kept, err := p.history(ctx, w.Delivery.Entry)
	for _, e := range kept {
		if e.Revision > w.Receipt.Revision && e.Class.Louder(class) {
			class = e.Class
		}
	}
	return class, err
}

// noteRunes of an old and a new text are shown in a note.
const noteRunes = 600

// noteForm composes what changed from one revision of an entry to another.
// Without before it says only that something did.
func noteForm(src news.Source, before *news.Entry, e news.Entry) chat.Card {
	c := chat.Card{
		Form: chat.NoteForm, Source: src.Name, State: chat.Updated,
		Headline: e.Headline, URL: e.URL, Time: e.When(), Changed: e.Changed,
	}
	if c.Headline == "" {
		c.Headline = lead(e.Body, itemRunes)
	}
	if e.Withdrawn {
		c.State = chat.Withdrawn
		if e.Pulled {
			c.Headline, c.URL = "", ""
			c.Text = pulledText
		}
		return c
	}
	now := e.Quotes
	was := e.Was
	if before != nil {
		was = news.Replaced(before.Quotes, e.Quotes)
		now = unsaid(e.Quotes, before.Quotes)
		c.Edits = edits(before, &e)
	}
	if len(was) > 0 || e.Class == news.Correction {
		c.State = chat.Corrected
		for _, q := range was {
			q := cardQuote(&e, q)
			q.URL = "" // the words are no longer on the page
			c.Was = append(c.Was, q)
		}
		for _, q := range quote.Best("", now, maxQuotes) {
			c.Quotes = append(c.Quotes, cardQuote(&e, q))
		}
	}
	return c
}

// saysNothing reports whether a note has nothing to tell: what changed has
// changed back.
func saysNothing(w store.Work) bool {
	if w.Before == nil || w.Before.Withdrawn != w.Entry.Withdrawn {
		return false
	}
	return w.Entry.Withdrawn || len(edits(w.Before, &w.Entry)) == 0 && len(news.Replaced(w.Before.Quotes, w.Entry.Quotes)) == 0
}

// unsaid returns the quotes of list that do not stand in other.
func unsaid(list, other []news.Quote) []news.Quote {
	return slices.DeleteFunc(slices.Clone(list), func(q news.Quote) bool {
		return slices.ContainsFunc(other, func(o news.Quote) bool { return o.Text == q.Text && o.Speaker == q.Speaker })
	})
}

// edits returns what differs between two revisions, part by part.
func edits(before, e *news.Entry) (list []chat.Edit) {
	if before.Withdrawn && !e.Withdrawn {
		list = append(list, chat.Edit{What: "Status", Old: "withdrawn", New: "standing again"})
	}
	if !slices.Equal(strings.Fields(before.Headline), strings.Fields(e.Headline)) {
		list = append(list, chat.Edit{What: "Headline", Old: before.Headline, New: e.Headline})
	}
	gone, come := missingFrom(before.Body, e.Body), missingFrom(e.Body, before.Body)
	if gone != "" || come != "" {
		list = append(list, chat.Edit{What: "Text", Old: lead(gone, noteRunes), New: lead(come, noteRunes)})
	}
	if picture(before) != picture(e) {
		list = append(list, chat.Edit{What: "Picture", Old: imageOf(before).Alt, New: imageOf(e).Alt})
	}
	return list
}

func picture(e *news.Entry) string { return imageOf(e).URL }

// missingFrom returns the sentences of a that b does not hold, in order.
func missingFrom(a, b string) string {
	held := make(map[string]int)
	for _, s := range sentencesOf(b) {
		held[s]++
	}
	var out []string
	for _, s := range sentencesOf(a) {
		if held[s] > 0 {
			held[s]--
			continue
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// sentencesOf splits a text at the ends of sentences and paragraphs, white
// space folded.
func sentencesOf(text string) (out []string) {
	for par := range strings.SplitSeq(text, "\n") {
		par = strings.Join(strings.Fields(par), " ")
		for par != "" {
			end := firstSentence(par)
			out = append(out, strings.TrimSpace(par[:end]))
			par = strings.TrimSpace(par[end:])
		}
	}
	return out
}

// firstSentence returns the end of the first sentence in s.
func firstSentence(s string) int {
	for i, r := range s {
		switch r {
		case '。', '！', '？':
			return i + len(string(r))
		case '.', '!', '?', '۔', '؟', '।':
			end := i + len(string(r))
			for _, mark := range []string{"”", "’", "\"", "»", ")"} {
				if strings.HasPrefix(s[end:], mark) {
					end += len(mark)
				}
			}
			if strings.HasPrefix(s[end:], " ") {
				return end
			}
		}
	}
	return len(s)
}
