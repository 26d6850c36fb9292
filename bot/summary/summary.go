// Package summary chooses the few entries that stand for many.
//
// It is extractive: it chooses and never writes. [Of] is pure and
// deterministic, and safe for concurrent use; its cost grows with the number of
// entries times the number chosen.
package summary

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// The points by which entries are compared. What an entry says weighs up to
// topicPoints: a key event or a quote tips the balance between entries that
// say about as much.
const (
	topicPoints    = 10.0 // how much of the period's vocabulary the entry shares, 0 to 1
	keyPoints      = 8.0  // the source marks it as a key event
	quotePoints    = 3.0  // somebody is quoted by name
	headlinePoints = 2.0  // it can be told in a line
	// repeatPoints are lost for saying what a chosen entry says, 0 to 1.
	repeatPoints = 14.0
	// crowdPoints are lost for standing next to a chosen entry in time, so
	// that the choice spreads over the period.
	crowdPoints = 3.0
)

// sameAgain is the share of an entry's words in one chosen entry from which on
// it only says the same again: it is never chosen then. By weight, the two rare
// words of a reworded repeat would count for more than all the others.
const sameAgain = 0.7

// Of returns at most max entries that best stand for all of them: key events,
// distinct content, quotes with a named speaker, spread over the period.
// entries come newest first and so does the choice. Withdrawn entries are
// never chosen, nor are entries that only repeat a chosen one: there may be
// fewer than max though there are more entries.
func Of(entries []news.Entry, max int) []news.Entry {
	if max <= 0 {
		return nil
	}
	c := newChooser(entries)
	c.reach = c.span() / time.Duration(max+1)
	for range min(max, len(c.items)) {
		if !c.take() {
			break
		}
	}
	var chosen []news.Entry
	for _, it := range c.items {
		if it.taken {
			chosen = append(chosen, entries[it.index])
		}
	}
	return chosen
}

// An item is an entry that may be chosen.
type item struct {
	index  int
	when   time.Time
	words  []int // distinct, ascending
	weight float64
	points float64 // without regard to what was chosen
	repeat float64 // most of its weight that one chosen entry shares, 0 to 1
	same   float64 // most of its words that one chosen entry shares, 0 to 1
	crowd  float64 // how close in time a chosen entry stands, 0 to 1
	taken  bool
}

type chooser struct {
	items  []item
	weight []float64     // by word: rare words tell entries apart
	reach  time.Duration // how far a chosen entry crowds others
}

// span returns the time from the first entry to the last.
func (c *chooser) span() time.Duration {
	if len(c.items) == 0 {
		return 0
	}
	first, last := c.items[0].when, c.items[0].when
	for _, it := range c.items {
		if it.when.Before(first) {
			first = it.when
		}
		if it.when.After(last) {
			last = it.when
		}
	}
	return last.Sub(first)
}

func newChooser(entries []news.Entry) *chooser {
	c := &chooser{}
	ids := map[string]int{}
	var count []int
	for i := range entries {
		if entries[i].Withdrawn {
			continue
		}
		it := item{index: i, when: entries[i].When(), words: wordIDs(&entries[i], ids)}
		for _, w := range it.words {
			for len(count) <= w {
				count = append(count, 0)
			}
			count[w]++
		}
		c.items = append(c.items, it)
	}
	c.weight = make([]float64, len(count))
	for w, n := range count {
		c.weight[w] = math.Log(1 + float64(len(c.items))/float64(n))
	}
	c.score(entries, count)
	return c
}

// score gives each item its points. A word that several entries use is what
// the period is about; one that a single entry uses is a detail.
func (c *chooser) score(entries []news.Entry, count []int) {
	most := 0.0
	topics := make([]float64, len(c.items))
	for i := range c.items {
		it := &c.items[i]
		for _, w := range it.words {
			it.weight += c.weight[w]
			if count[w] > 1 {
				topics[i] += c.weight[w]
			}
		}
		most = max(most, topics[i])
	}
	for i := range c.items {
		it, e := &c.items[i], &entries[c.items[i].index]
		if most > 0 {
			it.points = topicPoints * topics[i] / most
		}
		if e.Key {
			it.points += keyPoints
		}
		if e.Headline != "" {
			it.points += headlinePoints
		}
		if slices.ContainsFunc(e.Quotes, func(q news.Quote) bool { return q.Speaker != "" && q.Confidence != news.Low }) {
			it.points += quotePoints
		}
	}
}

// take chooses the best item that is left; of equals the newest. It reports
// whether there was one that says something new.
func (c *chooser) take() bool {
	best, bestPoints := -1, math.Inf(-1)
	for i := range c.items {
		it := &c.items[i]
		if it.taken || it.same >= sameAgain {
			continue
		}
		p := it.points - repeatPoints*it.repeat - crowdPoints*it.crowd
		if p > bestPoints {
			best, bestPoints = i, p
		}
	}
	if best < 0 {
		return false
	}
	chosen := &c.items[best]
	chosen.taken = true
	for i := range c.items {
		it := &c.items[i]
		weight, words := c.shared(it, chosen)
		it.repeat, it.same = max(it.repeat, weight), max(it.same, words)
		it.crowd = max(it.crowd, c.crowds(it.when, chosen.when))
	}
	return true
}

// crowds is 1 at the time of a chosen entry and falls to 0 within the reach.
func (c *chooser) crowds(t, chosen time.Time) float64 {
	d := t.Sub(chosen).Abs()
	if d >= c.reach {
		return 0
	}
	return 1 - float64(d)/float64(c.reach)
}

// shared returns how much of it a chosen item has said, 0 to 1, by weight and
// by number of words. One without words repeats any other such.
func (c *chooser) shared(it, chosen *item) (weight, words float64) {
	if len(it.words) == 0 {
		if len(chosen.words) == 0 {
			return 1, 1
		}
		return 0, 0
	}
	a, b := it.words, chosen.words
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			weight += c.weight[a[i]]
			words++
			i, j = i+1, j+1
		}
	}
	return weight / it.weight, words / float64(len(a))
}

const (
	minWord  = 4    // runes; shorter words say little
	maxWords = 2000 // of an entry that are looked at
)

// wordIDs returns the distinct words of an entry as numbers, ascending. ids
// grows by the words it has not seen.
func wordIDs(e *news.Entry, ids map[string]int) []int {
	var words []int
	for _, text := range []string{e.Headline, e.Body} {
		for w := range strings.FieldsFuncSeq(text, notWord) {
			if len(words) == maxWords {
				break
			}
			if utf8.RuneCountInString(w) < minWord {
				continue
			}
			w = strings.ToLower(w)
			id, ok := ids[w]
			if !ok {
				id = len(ids)
				ids[w] = id
			}
			words = append(words, id)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func notWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’'
}
