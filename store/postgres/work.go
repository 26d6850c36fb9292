package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// work reads what is needed to compose and place the card of a begun delivery:
// for most kinds in one batch.
func (t *txn) work(w *store.Work) error {
	d := &w.Delivery
	n, source, entry := lane(d.Channel), name(d.Entry.Source), name(d.Entry.Entry)
	w.Subscription = store.Subscription{Source: d.Entry.Source, Channel: d.Channel}
	batch := &pgx.Batch{}
	var receipt, head, card *store.Receipt
	var sub *ledger.Subscription
	var now, before *news.Entry
	var page *stand
	receiptOf := func(slot news.Ref, to **store.Receipt) {
		one(batch, to, "receipt", `SELECT rec FROM receipt WHERE source = $1 AND slot = $2 AND adapter = $3 AND channel = $4`,
			name(slot.Source), slotName(slot), n.adapter, n.channel)
	}
	receiptOf(ledger.Slot(d.Kind, d.Entry, d.Number), &receipt)
	if d.Entry.Source != "" {
		batch.Queue(`SELECT `+statusColumns+` FROM source WHERE id = $1`, source).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, t.stand)
			if len(list) > 0 {
				page = &list[0]
			}
			return err
		})
		one(batch, &sub, "subscription",
			`SELECT rec FROM subscription WHERE source IN ($1, '') AND adapter = $2 AND channel = $3 ORDER BY source DESC LIMIT 1`,
			source, n.adapter, n.channel)
		receiptOf(ledger.HeadSlot(d.Entry.Source), &head)
	}
	if d.Kind == store.Card || d.Kind == store.Note {
		one(batch, &now, "entry", `SELECT rec FROM entry WHERE source = $1 AND id = $2`, source, entry)
	}
	if d.Kind == store.Note {
		receiptOf(d.Entry, &card)
		one(batch, &before, "revision", `SELECT rec FROM revision WHERE source = $1 AND entry = $2 AND number = $3`, source, entry, int64(d.Since))
	}
	if err := t.SendBatch(t.ctx, batch).Close(); err != nil {
		return err
	}
	if receipt != nil && receipt.Message != "" {
		w.Receipt = receipt
	}
	if d.Entry.Source != "" {
		if page == nil {
			return ledger.Damaged("source %s is told of and not there", d.Entry.Source)
		}
		w.Source = page.status.Source
	}
	if sub != nil {
		w.Subscription = store.Subscription(*sub)
		w.Subscription.Source = d.Entry.Source
		if sub.Style != store.Cards {
			w.Head = head
		}
	}
	w.Card, w.Before = card, before
	switch d.Kind {
	case store.Card, store.Note:
		if now == nil {
			return ledger.Damaged("entry %s is promised and not there", d.Entry)
		}
		w.Entry = *now
	case store.Head:
		return t.paged(w, page, ledger.HeadEntries)
	case store.Closing:
		return t.paged(w, page, ledger.ClosingEntries)
	case store.Rollup:
		return t.folded(w)
	}
	return nil
}

// one queues a query of one record at most.
func one[T any](batch *pgx.Batch, to **T, what, query string, args ...any) {
	batch.Queue(query, args...).Query(func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*T, error) {
			var rec []byte
			if err := row.Scan(&rec); err != nil {
				return nil, err
			}
			return decode[T](what, rec)
		})
		if len(list) > 0 {
			*to = list[0]
		}
		return err
	})
}

// paged reads the newest entries of a source that stand.
func (t *txn) paged(w *store.Work, page *stand, limit int) (err error) {
	if page == nil {
		return nil
	}
	w.Page, w.Count = &page.status, page.standing
	w.Entries, err = t.entries(`SELECT rec FROM entry WHERE source = $1 AND NOT withdrawn ORDER BY at DESC, id LIMIT $2`,
		name(page.status.Source.ID), limit)
	return err
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
	w.Entries, err = t.inRollup(d.Channel, d.Number, ledger.FoldedEntries)
	return err
}

// inRollup reads the newest entries that a roll-up tells.
func (t *txn) inRollup(ch chat.Channel, number uint64, limit int) ([]news.Entry, error) {
	n := lane(ch)
	return t.entries(`
		SELECT e.rec FROM folded f JOIN entry e ON e.source = f.source AND e.id = f.entry
		WHERE f.adapter = $1 AND f.channel = $2 AND f.number = $3 ORDER BY f.at DESC, f.source, f.entry LIMIT $4`,
		n.adapter, n.channel, int64(number), limit)
}
