package bot

import (
	"slices"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A pressure says what a channel can bear. What is more is not dropped but
// told together, in a roll-up that grows:
//
//   - a burst: above perMinute cards in a minute, key events and entries with
//     quotes keep a card of their own, as do the first of the others while there
//     is room; the rest is folded;
//   - late updates, after a pause of ours or a feed's: the newest catchUp keep a
//     card, whatever they hold; the rest is folded as "earlier";
//   - a breaking source's entries are folded only above maxBreaking a minute.
//
// What was tried before is never folded. It is pure but for what it is given.
type pressure struct {
	perMinute int // no limit if negative
	catchUp   int // no limit if negative
}

const (
	defaultPerMinute = 10
	defaultCatchUp   = 10
	maxBreaking      = 30 // cards a minute of breaking sources
	// lateAfter is how old an update is that is told late: older than any
	// interval at which a live page is read, with room for a retry.
	lateAfter = 10 * time.Minute
	// foldWithin is how long a roll-up grows before the next one is begun.
	foldWithin = 10 * time.Minute
	// maxWaiting bounds what is looked at in one lane, maxPostings what is
	// remembered of one.
	maxWaiting  = 5000
	maxPostings = 200
)

func newPressure(perMinute, catchUp int) pressure {
	p := pressure{perMinute: perMinute, catchUp: catchUp}
	if p.perMinute == 0 {
		p.perMinute = defaultPerMinute
	}
	if p.catchUp == 0 {
		p.catchUp = defaultCatchUp
	}
	return p
}

// A load is what a channel has borne of late.
type load struct {
	now      time.Time
	posted   int // cards in the last minute
	breaking int // of them of breaking sources
	late     int // late updates in the last lateAfter
	threaded func(news.SourceID) bool
}

// A group is folded into one roll-up.
type group struct {
	fold store.Fold
	ids  []store.DeliveryID
}

const unlimited = 1 << 30

func left(most, used int) int {
	if most < 0 {
		return unlimited
	}
	return max(0, most-used)
}

// room returns how many deliveries may wait without anything being folded.
func (p pressure) room(l load) int {
	return min(left(p.perMinute, l.posted), left(p.catchUp, l.late))
}

// fold returns what is folded of what waits. waiting comes in the order it
// would be sent.
func (p pressure) fold(l load, waiting []store.Waiting) []group {
	breaking, rest := p.keepBreaking(l, waiting)
	var late, fresh []store.Waiting
	for _, w := range rest {
		if isLate(l.now, w.When, w.Enqueued) {
			late = append(late, w)
		} else {
			fresh = append(fresh, w)
		}
	}
	keep := left(p.catchUp, l.late)
	if len(waiting) == maxWaiting {
		keep = 0 // there are newer ones behind these
	}
	earlier := beyondNewest(late, keep)
	room := left(p.perMinute, l.posted+breaking+len(late)-len(earlier))
	return append(groups(l, earlier, true), groups(l, p.burst(fresh, room), false)...)
}

// keepBreaking returns how many entries of breaking sources keep their cards
// for that alone, and the others.
func (p pressure) keepBreaking(l load, waiting []store.Waiting) (kept int, rest []store.Waiting) {
	for _, w := range waiting {
		if w.Breaking && l.breaking+kept < maxBreaking {
			kept++
			continue
		}
		rest = append(rest, w)
	}
	return kept, rest
}

// isLate reports whether an update is told late at now.
func isLate(now, when, enqueued time.Time) bool {
	return now.Sub(when) > lateAfter || now.Sub(enqueued) > lateAfter
}

// beyondNewest returns all but the newest n, in their order.
func beyondNewest(list []store.Waiting, n int) []store.Waiting {
	if len(list) <= n {
		return nil
	}
	byAge := slices.Clone(list)
	slices.SortStableFunc(byAge, func(a, b store.Waiting) int { return b.When.Compare(a.When) })
	kept := make(map[store.DeliveryID]bool, n)
	for _, w := range byAge[:n] {
		kept[w.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(w store.Waiting) bool { return kept[w.ID] })
}

// burst returns what has no room: of what is neither a key event nor holds a
// quote, all but the first.
func (p pressure) burst(fresh []store.Waiting, room int) (over []store.Waiting) {
	for _, w := range fresh {
		if w.Key || w.Quoted {
			room--
		}
	}
	for _, w := range fresh {
		if w.Key || w.Quoted {
			continue
		}
		if room--; room < 0 {
			over = append(over, w)
		}
	}
	return over
}

// groups arranges entries by the roll-up they go into: one for the channel,
// and one for each source that has a thread there.
func groups(l load, list []store.Waiting, earlier bool) (all []group) {
	at := make(map[news.SourceID]int)
	for _, w := range list {
		var source news.SourceID
		if l.threaded != nil && l.threaded(w.Entry.Source) {
			source = w.Entry.Source
		}
		i, ok := at[source]
		if !ok {
			i = len(all)
			at[source] = i
			all = append(all, group{fold: store.Fold{Source: source, Earlier: earlier, Within: foldWithin}})
		}
		all[i].ids = append(all[i].ids, w.ID)
	}
	return all
}

// A tally counts what was posted of late, in memory: after a restart a channel
// has had its rest.
type tally struct {
	mu       sync.Mutex // guards everything below
	channels map[chat.Channel][]posting
	sweep    int // when so many channels are held, those at rest are forgotten
}

// A posting is one message that was posted.
type posting struct {
	at             time.Time
	breaking, late bool
}

func newTally() *tally {
	return &tally{channels: make(map[chat.Channel][]posting), sweep: 1000}
}

// add counts the card of an entry. Other messages are few, and a thread's head
// that counted would fold an entry that had room a moment ago.
func (t *tally) add(ch chat.Channel, now time.Time, w store.Work) {
	d := w.Delivery
	if d.Kind != store.Card {
		return
	}
	p := posting{at: now, breaking: d.Breaking, late: isLate(now, w.Entry.When(), d.Enqueued)}
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(recent(t.channels[ch], now), p)
	t.channels[ch] = list[max(0, len(list)-maxPostings):]
	if len(t.channels) < t.sweep {
		return
	}
	for ch, list := range t.channels {
		if list = recent(list, now); len(list) == 0 {
			delete(t.channels, ch)
		}
	}
	t.sweep = max(1000, 2*len(t.channels))
}

// recent returns the postings that still count.
func recent(list []posting, now time.Time) []posting {
	i := 0
	for i < len(list) && now.Sub(list[i].at) >= lateAfter {
		i++
	}
	return list[i:]
}

// load returns what the channel has borne.
func (t *tally) load(ch chat.Channel, now time.Time) (l load) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range recent(t.channels[ch], now) {
		if p.late {
			l.late++
		}
		if now.Sub(p.at) >= time.Minute {
			continue
		}
		l.posted++
		if p.breaking {
			l.breaking++
		}
	}
	return l
}
