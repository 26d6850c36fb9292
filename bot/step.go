package bot

import (
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// defaultEditWindow lets a desk that tidies up a new entry do so in one edit.
const defaultEditWindow = 30 * time.Second

// A step is what is to be done about a delivery.
type step int

const (
	toRest   step = iota // nothing: it stands, or nothing needs to
	toForget             // nothing, ever: the place where it was to stand is gone
	toWait               // nothing yet: it was edited just now
	toHush               // nothing yet: it waits for the roll-up after quiet hours
	toSend
	toEdit
	toRemove
)

func (p *porter) step(w store.Work, sum [32]byte) step {
	if p.quietNow(w) {
		return toHush
	}
	switch r := w.Receipt; {
	case r == nil && p.unwanted(w) != "":
		return toRest
	case r == nil && nothingToShow(w):
		return toRest
	case r == nil && homeless(w):
		return toForget
	case r == nil:
		return toSend
	case r.Gone:
		return toRest
	case w.Delivery.Kind == store.Card && w.Entry.Withdrawn && w.Subscription.Delete:
		return toRemove
	case r.Digest == sum, r.Frozen:
		return toRest
	case time.Since(r.Edited) < p.window:
		return toWait
	}
	return toEdit
}

// receiptOf returns the receipt to file when all goes well.
func receiptOf(w store.Work, sum [32]byte) store.Receipt {
	d := w.Delivery
	rec := store.Receipt{
		Channel: d.Channel, Kind: d.Kind, Entry: d.Entry, Number: d.Number, Revision: d.Revision, Digest: sum,
	}
	if d.Kind == store.Card {
		rec.Revision = max(d.Revision, w.Entry.Revision)
	}
	if r := w.Receipt; r != nil {
		rec.Message, rec.Sent, rec.Edited, rec.Gone, rec.Frozen = r.Message, r.Sent, r.Edited, r.Gone, r.Frozen
		if r.Frozen {
			rec.Digest = r.Digest // it shows what it showed
		}
	}
	return rec
}

// asFound returns the receipt of a message that may have been posted by an
// earlier attempt, whose outcome was not known. It may then show an earlier
// revision: the receipt says so, and the message is edited next.
func asFound(w store.Work, rec store.Receipt) store.Receipt {
	if !w.Delivery.Tried.IsZero() && rec.Revision > 1 {
		rec.Revision--
		rec.Digest = [32]byte{}
	}
	return rec
}

// firstShown returns when the revision that is shown was first seen.
func firstShown(w store.Work) time.Time {
	switch {
	case w.Entry.Revision <= 1:
		return w.Entry.FirstSeen
	case w.Entry.Class == news.Cosmetic:
		return w.Delivery.Enqueued
	}
	return w.Entry.Changed
}
