package ledger

import (
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A Courier makes and renews deliveries within a transaction.
type Courier struct {
	Books  Books
	Ledger string  // its id, for the keys
	Copy   Copy    // of the ledger
	Source *Source // nil for what is of no source
	Subs   map[chat.Channel]Subscription
	Now    time.Time
	Made   int // deliveries made or renewed so far
}

// Announce promises a new entry to every subscriber.
func (c *Courier) Announce(e *news.Entry) error {
	for ch := range c.Subs {
		if err := c.show(ch, e); err != nil {
			return err
		}
	}
	return nil
}

// Amend promises a changed entry to the channels where it stands or is
// pending, and to subscribers that were spared it; where it was folded, the
// roll-up that tells it.
func (c *Courier) Amend(e *news.Entry) error {
	receipts, pending, err := c.Books.Around(e.Ref)
	if err != nil {
		return err
	}
	channels := make(map[chat.Channel]uint64) // with the roll-up, 0 for a card
	for _, ch := range pending {
		channels[ch] = 0
	}
	for i := range receipts {
		r := &receipts[i]
		_, subscribed := c.Subs[r.Channel]
		if r.Folded > 0 || r.Message != "" || subscribed && !e.Withdrawn {
			channels[r.Channel] = r.Folded
		}
	}
	for ch, rollup := range channels {
		if err := c.amendIn(ch, e, rollup); err != nil {
			return err
		}
	}
	return nil
}

func (c *Courier) amendIn(ch chat.Channel, e *news.Entry, rollup uint64) error {
	if rollup == 0 {
		return c.show(ch, e)
	}
	r, err := c.Books.Rollup(ch, rollup)
	if err != nil {
		return err
	}
	entry := news.Ref{Source: r.Source}
	if _, subscribed := c.Subs[ch]; !subscribed {
		if shown, err := c.shown(ch, Slot(store.Rollup, entry, rollup)); !shown {
			return err // it was dropped with the subscription
		}
	}
	return c.promise(ch, subject{kind: store.Rollup, entry: entry, number: rollup})
}

// shown reports whether a slot has a message or a pending delivery.
func (c *Courier) shown(ch chat.Channel, slot news.Ref) (bool, error) {
	d, err := c.Books.Pending(ch, slot)
	if d != nil || err != nil {
		return d != nil, err
	}
	r, err := c.Books.Receipt(ch, slot)
	return r != nil && r.Message != "", err
}

// show promises a channel an entry's card, and before it the head of its
// thread. A thread that was deleted gets nothing more.
func (c *Courier) show(ch chat.Channel, e *news.Entry) error {
	if sub := c.Subs[ch]; sub.Style != store.Cards {
		head, err := c.Books.Receipt(ch, HeadSlot(e.Source))
		if err != nil {
			return err
		}
		if head != nil && head.Gone {
			if stands, err := c.stands(ch, e.Ref); !stands {
				return err
			}
		}
		if head == nil {
			if err := c.head(ch, false); err != nil {
				return err
			}
		}
	}
	return c.promise(ch, subject{kind: store.Card, entry: e.Ref, revision: e.Revision, when: e.When(), dated: !e.Published.IsZero()})
}

// stands reports whether an entry has a message in the channel. In a thread
// that is gone it may have one that stands outside, from before there was a
// thread.
func (c *Courier) stands(ch chat.Channel, ref news.Ref) (bool, error) {
	r, err := c.Books.Receipt(ch, ref)
	return r != nil && r.Message != "" && !r.Gone, err
}

// head promises the head of the source's thread in a channel: anew, or, unless
// renew, only if there is none.
func (c *Courier) head(ch chat.Channel, renew bool) error {
	source := c.Source.Source.ID
	if !renew {
		if d, err := c.Books.Pending(ch, HeadSlot(source)); d != nil || err != nil {
			return err
		}
	}
	return c.promise(ch, subject{kind: store.Head, entry: news.Ref{Source: source}})
}

// Heads promises anew the heads that stand or are promised.
func (c *Courier) Heads() error {
	slot := HeadSlot(c.Source.Source.ID)
	for ch, sub := range c.Subs {
		if sub.Style == store.Cards {
			continue
		}
		d, err := c.Books.Pending(ch, slot)
		if err != nil {
			return err
		}
		r, err := c.Books.Receipt(ch, slot)
		if err != nil {
			return err
		}
		if d == nil && r == nil {
			continue
		}
		if err := c.head(ch, true); err != nil {
			return err
		}
	}
	return nil
}

// Closings promises the closing card to those who want it.
func (c *Courier) Closings() error {
	for ch, sub := range c.Subs {
		if !sub.Closing {
			continue
		}
		if err := c.promise(ch, subject{kind: store.Closing, entry: news.Ref{Source: c.Source.Source.ID}}); err != nil {
			return err
		}
	}
	return nil
}

// Asked promises what a caller asks for by itself. A card is looked at again
// where one stands or is promised; it is promised nowhere else.
func (c *Courier) Asked(ch chat.Channel, p store.Promise, silent, breaking bool) error {
	if p.Kind == store.Head || p.Kind == store.Rollup {
		return fmt.Errorf("a promise of kind %q is not made by itself", p.Kind)
	}
	if p.Kind == store.Card {
		stands, err := c.Books.Receipt(ch, Slot(p.Kind, p.Entry, 0))
		if err != nil || stands == nil {
			return err
		}
	}
	return c.promise(ch, subject{
		kind: p.Kind, entry: p.Entry, number: p.Number, since: p.Since, text: p.Text, silent: silent, breaking: breaking,
	})
}

// A subject is what is promised.
type subject struct {
	kind     store.Kind
	entry    news.Ref
	number   uint64
	revision int // of an entry; 0 = one more than before
	since    int
	text     string
	silent   bool
	breaking bool
	hold     time.Time // not before, if it has no message yet
	when     time.Time // of an entry
	dated    bool      // its source states the time
}

// promise makes the channel's delivery of the subject, or renews the one that
// is pending.
func (c *Courier) promise(ch chat.Channel, sub subject) error {
	slot := Slot(sub.kind, sub.entry, sub.number)
	pending, err := c.Books.Pending(ch, slot)
	if err != nil {
		return err
	}
	if pending != nil {
		return c.renew(pending, sub)
	}
	stands, err := c.Books.Receipt(ch, slot)
	if err != nil || stands != nil && stands.Gone {
		return err
	}
	d := Delivery{Renewed: c.Now, Delivery: store.Delivery{
		Channel: ch, Kind: sub.kind, Entry: sub.entry, Number: sub.number, Since: sub.since, Text: sub.text,
		Revision: sub.revision, Silent: sub.silent || c.Subs[ch].Silent, Breaking: sub.breaking || c.breaking(), Enqueued: c.Now,
	}}
	if stands != nil {
		d.Edit = stands.Message != ""
		d.Revision = max(d.Revision, stands.Revision+1)
		if sub.revision > 0 {
			d.Revision = sub.revision
		}
	}
	d.Revision = max(d.Revision, 1)
	if !d.Edit {
		d.Hold = sub.hold
		d.Tried = c.Copy.suspect(sub, c.Now)
	}
	d.Key = Key(c.Ledger, ch, slot)
	c.Made++
	return c.Books.Add(&d)
}

// breaking reports whether what is promised is of a breaking source.
func (c *Courier) breaking() bool { return c.Source != nil && c.Source.Source.Breaking }

func (c *Courier) renew(d *Delivery, sub subject) error {
	if sub.revision > 0 && d.Revision >= sub.revision {
		return nil
	}
	d.Revision, d.Renewed = max(d.Revision+1, sub.revision), c.Now
	d.Breaking = d.Breaking || sub.breaking || c.breaking()
	if sub.revision > 0 {
		d.Revision = sub.revision
	}
	if sub.text != "" {
		d.Text = sub.text
	}
	c.Made++
	return c.Books.Renew(d)
}

// Settle files the receipt of a delivery, which becomes what r says, and
// promises what else is asked for. It reports whether the delivery has ended;
// else it has become one that is due at once and is to be saved.
func (c *Courier) Settle(d *Delivery, r store.Receipt, also []store.Promise) (ended bool, err error) {
	r.Channel, r.Kind, r.Entry, r.Number = d.Channel, d.Kind, d.Entry, d.Number
	if err := c.Books.PutReceipt(&r); err != nil {
		return false, err
	}
	if r.ThreadGone {
		head, err := c.Books.Receipt(d.Channel, HeadSlot(d.Entry.Source))
		if err == nil && head != nil {
			head.Gone = true
			err = c.Books.PutReceipt(head)
		}
		if err != nil {
			return false, err
		}
	}
	for _, p := range also {
		if err := c.Asked(d.Channel, p, d.Silent, d.Breaking); err != nil {
			return false, err
		}
	}
	if d.Revision <= r.Revision || r.Gone {
		return true, c.Books.Remove(d)
	}
	d.Stand(&r)
	return false, nil
}
