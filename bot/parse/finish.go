package parse

import (
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// finish brings what a format read into the shape that Parse promises.
func (d *document) finish(r *reading) {
	r.Title = oneLine(r.Title)
	r.URL = absolute(d.base, r.URL)
	r.Separate = r.feed
	r.Entries = slices.DeleteFunc(r.Entries, func(e news.Entry) bool {
		if r.feed && (e.Entry != "" || e.URL != "" || !e.Published.IsZero()) {
			return false // an item that only points somewhere is still an item
		}
		return e.Headline == "" && e.Body == "" && len(e.Media) == 0
	})
	r.Entries = newest(d, r.Entries, func(e news.Entry) time.Time { return e.Published })
	r.Window = r.Window || d.cut
	for i := range r.Entries {
		d.tidy(&r.Entries[i])
	}
	if r.Since.IsZero() {
		r.Since = covered(r.Entries)
	}
	newestFirst(r.Entries)
	if r.partial && len(r.Entries) > 0 {
		r.Since = r.Entries[0].Published
	}
	d.fragments(r)
	r.Entries = identify(r.Entries)
	if !r.feed || d.Fragments == news.FragmentIdentity { // in feeds fragments are often the name of a campaign
		alias(r.Entries)
	}
	r.Withdrawn = gone(r.Withdrawn, r.Entries)
	d.signs(r)
}

func (d *document) tidy(e *news.Entry) {
	e.Headline = clip(e.Headline, 1000)
	if first, rest, more := strings.Cut(e.Body, "\n\n"); more && first == e.Headline {
		e.Body = rest
	}
	e.Body = withoutTail(e.Body)
	if len(e.Body) > maxText {
		e.Body = strings.ToValidUTF8(e.Body[:maxText], "") + " …"
	}
	e.URL = absolute(d.base, e.URL)
	e.Author = clip(e.Author, 300)
	e.Published, e.Updated = d.possible(e.Published), d.possible(e.Updated)
	if !e.Updated.After(e.Published) {
		e.Updated = time.Time{} // the Guardian stamps some a second early
	}
	media := e.Media[:0]
	for _, m := range e.Media {
		if name := credit(m.Credit); name != "" {
			m.Credit = name // "Photograph: Tom Reed"
		}
		if m.URL = absolute(d.base, m.URL); m.URL != "" && len(media) < maxMedia {
			media = append(media, m)
		}
	}
	e.Media = media
	if len(e.Media) == 0 {
		e.Media = nil
	}
}

// covered returns the time down to which entries, in document order, leave
// nothing out: that of the entry at the old end of the document. Zero if that
// is the oldest anyway, or if nothing is out of order.
func covered(entries []news.Entry) time.Time {
	first, last, oldest := time.Time{}, time.Time{}, time.Time{}
	for i := range entries {
		t := entries[i].Published
		if t.IsZero() {
			continue
		}
		if first.IsZero() {
			first = t
		}
		if oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
		last = t
	}
	edge := last
	if upwards(entries) {
		edge = first
	}
	if !edge.After(oldest) {
		return time.Time{}
	}
	return edge
}

// upwards reports whether the entries tell the story from the beginning.
func upwards(entries []news.Entry) bool {
	up, down := 0, 0
	last := time.Time{}
	for i := range entries {
		t := entries[i].Published
		if t.IsZero() {
			continue
		}
		if !last.IsZero() && t.After(last) {
			up++
		}
		if !last.IsZero() && t.Before(last) {
			down++
		}
		last = t
	}
	return up > down
}

// newestFirst sorts by publication time. An entry without one stays with the
// neighbour it has in the document. Documents that tell the story from the
// beginning are turned round first.
func newestFirst(entries []news.Entry) {
	if !slices.ContainsFunc(entries, func(e news.Entry) bool { return !e.Published.IsZero() }) {
		return
	}
	if upwards(entries) {
		slices.Reverse(entries)
	}
	type dated struct {
		when  time.Time
		entry news.Entry
	}
	list := make([]dated, len(entries))
	var above time.Time
	for i := range entries {
		if !entries[i].Published.IsZero() {
			above = entries[i].Published
		}
		list[i] = dated{above, entries[i]}
	}
	for i := len(list) - 1; i >= 0; i-- { // those above the first dated one
		if list[i].when.IsZero() {
			list[i].when = above
		} else {
			above = list[i].when
		}
	}
	slices.SortStableFunc(list, func(a, b dated) int { return b.when.Compare(a.when) })
	for i := range list {
		entries[i] = list[i].entry
	}
}

// identify gives every entry an id of its own, and drops copies: the same
// entry pinned on top, the same script twice.
func identify(entries []news.Entry) []news.Entry {
	for i := range entries {
		e := &entries[i]
		if len(e.Entry) > maxID {
			e.Entry = digestID("id-", string(e.Entry))
		}
		if e.Entry == "" {
			e.Entry, e.IDKind = hashID(e)
		}
		if e.IDKind == "" {
			e.IDKind = news.IDExplicit
		}
	}
	shareless(entries)
	// Tickers do print "Goal!" twice a minute. Then the words join the hash of
	// all of them, so that the next one does not rename the last.
	twice := disagreement(entries, func(e *news.Entry) string {
		if e.IDKind == news.IDExplicit {
			return ""
		}
		return e.Body
	})
	at := make(map[news.EntryID]int, len(entries))
	out := entries[:0]
	for _, e := range entries {
		if twice[e.Entry] && e.IDKind != news.IDExplicit {
			e.Entry = digestID("text-", string(e.Entry)+" "+e.Body)
		}
		if i, taken := at[e.Entry]; taken {
			if e.Updated.After(out[i].Updated) {
				out[i] = e
			}
			continue
		}
		at[e.Entry] = len(out)
		out = append(out, e)
	}
	return out
}

// alias adds the other names of explicit ids, unless several entries would
// have the same.
func alias(entries []news.Entry) {
	count := make(map[news.EntryID]int, 2*len(entries))
	others := make([][]news.EntryID, len(entries))
	for i := range entries {
		e := &entries[i]
		count[e.Entry]++
		if e.IDKind == news.IDExplicit {
			others[i] = aliases(string(e.Entry))
		}
		for _, a := range others[i] {
			count[a]++
		}
	}
	for i := range entries {
		for _, a := range others[i] {
			if count[a] == 1 && !slices.Contains(entries[i].Aliases, a) {
				entries[i].Aliases = append(entries[i].Aliases, a)
			}
		}
	}
}

// gone returns the ids of withdrawn once each, without those that stand.
func gone(withdrawn []news.EntryID, entries []news.Entry) []news.EntryID {
	if len(withdrawn) == 0 {
		return nil
	}
	seen := make(map[news.EntryID]bool, len(entries))
	for i := range entries {
		seen[entries[i].Entry] = true
	}
	var out []news.EntryID
	for _, id := range withdrawn {
		if id == "" || len(id) > maxID || seen[id] || len(out) == maxEntries {
			continue
		}
		seen[id] = true
		out = append(out, id)
	}
	return out
}

// shareless takes an explicit id away from entries if three or more with
// different words carry it: it names something else, such as their author. Two
// may be an entry and its pinned or edited copy.
func shareless(entries []news.Entry) {
	words := make(map[news.EntryID]map[string]bool)
	for i := range entries {
		e := &entries[i]
		if e.IDKind != news.IDExplicit {
			continue
		}
		if words[e.Entry] == nil {
			words[e.Entry] = make(map[string]bool, 1)
		}
		if len(words[e.Entry]) < 3 {
			words[e.Entry][e.Headline+"\x00"+clip(e.Body, 200)] = true
		}
	}
	for i := range entries {
		if e := &entries[i]; len(words[e.Entry]) >= 3 {
			e.Entry, e.IDKind = hashID(e)
		}
	}
}
