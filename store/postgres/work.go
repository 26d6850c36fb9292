package postgres

import (
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// work reads what is needed to compose and place the card of a begun delivery.
func (t *txn) work(w *store.Work) error {
	if err := t.surroundings(w); err != nil {
		return err
	}
	d := &w.Delivery
	var err error
	switch d.Kind {
	case store.Card:
		w.Entry, err = t.must(d.Entry)
	case store.Note:
		err = t.noted(w)
	case store.Head:
		w.Entries, err = t.newest(d.Entry.Source, ledger.HeadEntries)
	case store.Closing:
		w.Entries, err = t.newest(d.Entry.Source, ledger.ClosingEntries)
	case store.Rollup:
		err = t.folded(w)
	}
	return err
}

// surroundings reads the source, the subscription and the receipts that bear on
// a delivery of any kind.
func (t *txn) surroundings(w *store.Work) error {
	d := &w.Delivery
	r, err := t.receipt(d.Channel, ledger.Slot(d.Kind, d.Entry, d.Number))
	if err != nil {
		return err
	}
	if r != nil && r.Message != "" {
		w.Receipt = r
	}
	w.Subscription = store.Subscription{Source: d.Entry.Source, Channel: d.Channel}
	if d.Entry.Source == "" {
		return nil
	}
	if err := t.sourceOf(w); err != nil {
		return err
	}
	n := lane(d.Channel)
	subs, err := fetch[ledger.Subscription](t, "subscription",
		`SELECT rec FROM subscription WHERE source IN ($1, '') AND adapter = $2 AND channel = $3 ORDER BY source DESC LIMIT 1`,
		name(d.Entry.Source), n.adapter, n.channel)
	if err != nil || len(subs) == 0 {
		return err
	}
	w.Subscription = store.Subscription(*subs[0])
	w.Subscription.Source = d.Entry.Source
	if subs[0].Style != store.Cards {
		w.Head, err = t.receipt(d.Channel, ledger.HeadSlot(d.Entry.Source))
	}
	return err
}

func (t *txn) sourceOf(w *store.Work) error {
	d := &w.Delivery
	if d.Kind == store.Head || d.Kind == store.Closing {
		list, err := t.statuses(`id = $1`, name(d.Entry.Source))
		if err != nil || len(list) == 0 {
			return orMissing(err, "source %s is told of and not there", d.Entry.Source)
		}
		w.Page, w.Source, w.Count = &list[0].status, list[0].status.Source, list[0].standing
		return nil
	}
	list, err := fetch[ledger.Source](t, "source", `SELECT rec FROM source WHERE id = $1`, name(d.Entry.Source))
	if err != nil || len(list) == 0 {
		return orMissing(err, "source %s is told of and not there", d.Entry.Source)
	}
	w.Source = list[0].Source
	return nil
}

func orMissing(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return ledger.Damaged(format, args...)
}

// receipt returns the receipt of a slot in a channel, nil if there is none.
func (t *txn) receipt(ch chat.Channel, slot news.Ref) (*store.Receipt, error) {
	n := lane(ch)
	list, err := fetch[store.Receipt](t, "receipt", `SELECT rec FROM receipt WHERE source = $1 AND slot = $2 AND adapter = $3 AND channel = $4`,
		name(slot.Source), slotName(slot), n.adapter, n.channel)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// must returns an entry that is there.
func (t *txn) must(ref news.Ref) (news.Entry, error) {
	list, err := fetch[news.Entry](t, "entry", `SELECT rec FROM entry WHERE source = $1 AND id = $2`, name(ref.Source), name(ref.Entry))
	if err != nil || len(list) == 0 {
		return news.Entry{}, orMissing(err, "entry %s is promised and not there", ref)
	}
	return *list[0], nil
}

// noted reads what a note is about.
func (t *txn) noted(w *store.Work) (err error) {
	d := &w.Delivery
	if w.Entry, err = t.must(d.Entry); err != nil {
		return err
	}
	if w.Card, err = t.receipt(d.Channel, d.Entry); err != nil {
		return err
	}
	list, err := fetch[news.Entry](t, "revision", `SELECT rec FROM revision WHERE source = $1 AND entry = $2 AND number = $3`,
		name(d.Entry.Source), name(d.Entry.Entry), int64(d.Since))
	if len(list) > 0 {
		w.Before = list[0]
	}
	return err
}

// newest returns the newest entries of a source that stand.
func (t *txn) newest(source news.SourceID, limit int) ([]news.Entry, error) {
	return t.entries(`SELECT rec FROM entry WHERE source = $1 AND NOT withdrawn ORDER BY at DESC, id LIMIT $2`, name(source), limit)
}

// entries reads the entries that a query returns.
func (t *txn) entries(query string, args ...any) ([]news.Entry, error) {
	list, err := fetch[news.Entry](t, "entry", query, args...)
	entries := make([]news.Entry, len(list))
	for i, e := range list {
		entries[i] = *e
	}
	return entries, err
}

// folded reads the newest entries of a roll-up.
func (t *txn) folded(w *store.Work) error {
	d := &w.Delivery
	r, err := t.books().Rollup(d.Channel, d.Number)
	if err != nil {
		return err
	}
	w.Count, w.Earlier = r.Count, r.Earlier
	n := lane(d.Channel)
	w.Entries, err = t.entries(`
		SELECT e.rec FROM folded f JOIN entry e ON e.source = f.source AND e.id = f.entry
		WHERE f.adapter = $1 AND f.channel = $2 AND f.number = $3 ORDER BY f.at DESC, f.source, f.entry LIMIT $4`,
		n.adapter, n.channel, int64(d.Number), ledger.FoldedEntries)
	return err
}
