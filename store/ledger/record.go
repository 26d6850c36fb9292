package ledger

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A Recorder saves what one reading of a source changed.
type Recorder struct {
	Books  Books
	Source *Source // as saved; Record changes it
	Now    time.Time
	Done   store.Recorded
	loud   []loud
}

// A loud change is one that channels are told.
type loud struct {
	entry news.Entry
	added bool
}

// Change saves one change. One that is saved already changes nothing.
func (r *Recorder) Change(c news.Change) error {
	c.Entry.Source = r.Source.Source.ID
	if Reserved(c.Entry.Entry) {
		return nil
	}
	if c.Kind == news.Missed {
		return r.Books.Missed(c.Entry.Ref, c.Missed)
	}
	prev, err := r.Books.Entry(c.Entry.Ref)
	if err != nil || (c.Kind == news.Added) != (prev == nil) {
		return err // known already, or gone meanwhile
	}
	e, same, err := r.settle(c.Kind, prev, c.Entry)
	if err != nil || same {
		return err
	}
	if err := r.Books.PutEntry(prev, &e); err != nil {
		return err
	}
	if prev != nil && e.Revision > prev.Revision {
		if err := r.Books.PutRevision(prev); err != nil {
			return err
		}
	}
	r.count(c.Kind, prev != nil && prev.Withdrawn, e.Withdrawn)
	if !c.Quiet && c.Kind != news.Aliased {
		r.loud = append(r.loud, loud{entry: e, added: c.Kind == news.Added})
	}
	return nil
}

func (r *Recorder) count(kind news.ChangeKind, was, is bool) {
	switch {
	case is && !was:
		r.Source.Withdrawn++
	case was && !is:
		r.Source.Withdrawn--
	}
	switch kind {
	case news.Added:
		r.Done.Added++
		r.Source.Entries++
	case news.Edited, news.Reinstated:
		r.Done.Edited++
	case news.Retracted:
		r.Done.Withdrawn++
	}
}

// settle fills in what an entry must have to be saved. same reports that it is
// saved already, or that something newer is.
func (r *Recorder) settle(kind news.ChangeKind, prev *news.Entry, e news.Entry) (_ news.Entry, same bool, err error) {
	now := r.Now.Round(0)
	e.FirstSeen, e.Changed = UTC(e.FirstSeen), UTC(e.Changed)
	e.Published, e.Updated = UTC(e.Published), UTC(e.Updated)
	if e.Changed.IsZero() {
		e.Changed = now
	}
	if prev == nil {
		if e.FirstSeen.IsZero() {
			e.FirstSeen = now
		}
		e.Revision = max(e.Revision, 1)
		return e, false, nil
	}
	e.FirstSeen = prev.FirstSeen
	if e.Revision != 0 && e.Revision < prev.Revision {
		return e, true, nil
	}
	if kind == news.Aliased {
		e.Revision = prev.Revision
	} else if e.Revision <= prev.Revision {
		e.Revision = prev.Revision + 1
	}
	same, err = sameContent(*prev, e)
	return e, same, err
}

// sameContent compares two states of an entry but for when and as which
// revision they were recorded.
func sameContent(a, b news.Entry) (bool, error) {
	a.Changed, a.Revision = b.Changed, b.Revision
	x, err := json.Marshal(a)
	if err != nil {
		return false, err // unreachable: an entry is plain values
	}
	y, err := json.Marshal(b)
	return bytes.Equal(x, y), err
}

// Told returns the entries whose changes channels are told, and whether any of
// them is new.
func (r *Recorder) Told() (refs []news.Ref, added bool) {
	for i := range r.loud {
		refs = append(refs, r.loud[i].entry.Ref)
		added = added || r.loud[i].added
	}
	return refs, added
}

// Changed reports whether the reading changed anything that a channel may
// show: Tell has something to do.
func (r *Recorder) Changed(p store.Poll) bool {
	src := r.Source
	return len(r.loud) > 0 || r.Done.Added+r.Done.Edited+r.Done.Withdrawn > 0 ||
		p.Title != src.Title || p.Ended != src.Ended || p.Successor != "" && p.Successor != src.Successor
}

// Tell promises the loud changes, new entries before edits, so that what is
// not yet known does not wait for a correction of what is; then what is told
// of the page itself. It comes after all changes and before Finish.
func (r *Recorder) Tell(c *Courier, p store.Poll) error {
	ended, first := p.Ended && !r.Source.Ended, r.Source.FirstSeen.IsZero()
	for _, added := range []bool{true, false} {
		for i := range r.loud {
			l := &r.loud[i]
			if l.added != added {
				continue
			}
			tell := c.Amend
			if added {
				tell = c.Announce
			}
			if err := tell(&l.entry); err != nil {
				return err
			}
		}
	}
	if err := c.Heads(); err != nil {
		return err
	}
	if ended && !first {
		if err := c.Closings(); err != nil {
			return err
		}
	}
	r.Done.Enqueued = c.Made
	return nil
}

// Finish brings the source up to the reading. newest is When of its newest
// entry.
func (r *Recorder) Finish(p store.Poll, newest time.Time) {
	src, now := r.Source, r.Now.Round(0)
	if p.Gap != (store.Gap{}) {
		src.Gap = store.Gap{From: UTC(p.Gap.From), To: UTC(p.Gap.To), Seen: now}
	}
	if p.Successor != "" {
		src.Successor = p.Successor
	}
	if r.Done.Added+r.Done.Edited+r.Done.Withdrawn > 0 {
		src.Active = now
	}
	src.Title, src.Format, src.Ended, src.Cursor = p.Title, p.Format, p.Ended, p.Cursor
	src.Next, src.Planned = p.Next.UTC().Round(0), now
	if src.FirstSeen.IsZero() {
		src.FirstSeen = now
	}
	src.Newest = newest
}

// Follow makes the source what the configuration says. A new address makes what
// was known of the old one's state worthless: reset. A fresh source is due at
// once, whoever is reading it under its old address.
func (s *Source) Follow(src news.Source) (same, fresh, reset bool) {
	if s.Followed && s.Source == src {
		return true, false, false
	}
	moved := s.Source.URL != src.URL
	reset = moved || s.Source.Format != src.Format
	if reset {
		s.Cursor = news.Cursor{Read: s.Cursor.Read}
	}
	fresh = moved || !s.Followed
	s.Source, s.Followed = src, true
	return false, fresh, reset
}

// A Folder folds deliveries of a channel into its roll-ups.
type Folder struct {
	Courier
	Channel chat.Channel
	Fold    store.Fold

	rollup *Rollup // the one that is being filled
	number uint64

	loud, breaking bool // one of those folded into it is not silent, is breaking
}

// Put folds a delivery of the entry.
func (fo *Folder) Put(d *Delivery, e *news.Entry) error {
	if err := fo.open(); err != nil {
		return err
	}
	if err := fo.Books.Remove(d); err != nil {
		return err
	}
	if err := fo.Books.PutFolded(fo.Channel, fo.number, e); err != nil {
		return err
	}
	fo.rollup.Count++
	fo.loud, fo.breaking = fo.loud || !d.Silent, fo.breaking || d.Breaking
	return fo.Books.PutReceipt(&store.Receipt{Channel: fo.Channel, Entry: d.Entry, Revision: e.Revision, Folded: fo.number})
}

// open finds the roll-up to fill: the one being filled while it has room, else
// the channel's newest that fits, else a new one.
func (fo *Folder) open() error {
	if fo.rollup != nil && fo.rollup.Count < MaxFolded {
		return nil
	}
	if fo.rollup != nil {
		if err := fo.Finish(); err != nil {
			return err
		}
	} else if err := fo.newest(); err != nil || fo.rollup != nil {
		return err
	}
	// A number is never used again, even if the ledger is restored from a copy,
	// and the next is greater, even if the clock was set back.
	fo.number = max(uint64(fo.Now.UnixNano()), fo.number+1)
	fo.loud, fo.breaking = false, false
	fo.rollup = &Rollup{Source: fo.Fold.Source, Earlier: fo.Fold.Earlier, Begun: fo.Now, Until: UTC(fo.Fold.Until)}
	return nil
}

// newest looks for a roll-up of the channel that goes on.
func (fo *Folder) newest() error {
	return fo.Books.Rollups(fo.Channel, func(number uint64, r *Rollup) (enough bool, err error) {
		fo.number = max(fo.number, number)
		age := fo.Now.Sub(r.Begun)
		if age >= max(fo.Fold.Within, time.Minute) && age > 24*time.Hour {
			return true, nil // they come oldest last: the rest is older
		}
		if r.Source != fo.Fold.Source || r.Earlier != fo.Fold.Earlier || r.Until.IsZero() != fo.Fold.Until.IsZero() {
			return false, nil
		}
		if age >= fo.Fold.Within || r.Count >= MaxFolded {
			return true, nil
		}
		stands, err := fo.Books.Receipt(fo.Channel, Slot(store.Rollup, news.Ref{Source: r.Source}, number))
		if err == nil && (stands == nil || !stands.Gone) { // one that a person deleted tells nothing more
			fo.rollup, fo.number = r, number
		}
		return true, err
	})
}

// Finish saves the roll-up and promises it, if anything was folded.
func (fo *Folder) Finish() error {
	if fo.rollup == nil {
		return nil
	}
	if err := fo.Books.PutRollup(fo.Channel, fo.number, fo.rollup); err != nil {
		return err
	}
	return fo.promise(fo.Channel, subject{
		kind: store.Rollup, entry: news.Ref{Source: fo.Fold.Source}, number: fo.number, hold: fo.rollup.Until,
		silent: !fo.loud, breaking: fo.breaking,
	})
}
