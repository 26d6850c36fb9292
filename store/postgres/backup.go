package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// Backup implements [store.Store]. The copy is text, an item a line, and is
// what Import takes. A copy that the database's own tools make is opened as if
// it were the ledger itself: see docs/operations.md.
func (s *Store) Backup(ctx context.Context, w io.Writer) (int64, error) {
	put, end := ledger.Write(w)
	if err := s.export(ctx, s.now().Truncate(time.Second), put); err != nil {
		return 0, fmt.Errorf("copy the ledger: %w", err)
	}
	return end()
}

// Export calls f with everything the ledger holds, as of one moment, for a
// ledger that moves.
func (s *Store) Export(ctx context.Context, f func(*ledger.Item) error) error {
	return s.export(ctx, time.Time{}, f)
}

// export does not try again: f has had some of the items.
func (s *Store) export(ctx context.Context, copied time.Time, f func(*ledger.Item) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, opts, func(tx pgx.Tx) error {
		t := &txn{queryer: tx, s: s, ctx: ctx}
		if err := f(ledger.NewHead(s.ledger, s.copied, copied)); err != nil {
			return err
		}
		for _, part := range []func(*txn, func(*ledger.Item) error) error{
			exportSources, exportEntries, exportReceipts, exportDeliveries, exportKept,
		} {
			if err := part(t, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// every calls f with each row of a query, without holding them all.
func every(t *txn, query string, f func(pgx.Rows) error) error {
	const step = 500
	if _, err := t.Exec(t.ctx, `DECLARE every NO SCROLL CURSOR FOR `+query); err != nil {
		return err
	}
	for {
		rows, err := t.Query(t.ctx, fmt.Sprintf(`FETCH %d FROM every`, step), pgx.QueryExecModeExec) // each cursor has other columns
		if err != nil {
			return err
		}
		n := 0
		for rows.Next() {
			n++
			if err := f(rows); err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		if n < step {
			_, err := t.Exec(t.ctx, `CLOSE every`)
			return err
		}
	}
}

// everyRecord calls f with the record in each row of a query.
func everyRecord[T any](t *txn, query string, f func(*T) error) error {
	return every(t, query, func(rows pgx.Rows) error {
		var rec []byte
		if err := rows.Scan(&rec); err != nil {
			return err
		}
		v, err := decode[T]("record", rec)
		if err != nil {
			return err
		}
		return f(v)
	})
}

func exportSources(t *txn, f func(*ledger.Item) error) error {
	err := every(t, `SELECT rec, cursor, due FROM source ORDER BY id`, func(rows pgx.Rows) error {
		var rec, cursor []byte
		var due time.Time
		if err := rows.Scan(&rec, &cursor, &due); err != nil {
			return err
		}
		src, err := decode[ledger.Source]("source", rec)
		if err != nil {
			return err
		}
		cur, err := decode[news.Cursor]("cursor", cursor)
		if err != nil {
			return err
		}
		src.Cursor, src.Next = *cur, due.UTC()
		return f(&ledger.Item{Source: src})
	})
	if err != nil {
		return err
	}
	return everyRecord(t, `SELECT rec FROM subscription ORDER BY source, adapter, channel`, func(sub *ledger.Subscription) error {
		return f(&ledger.Item{Subscription: sub})
	})
}

func exportEntries(t *txn, f func(*ledger.Item) error) error {
	err := every(t, `SELECT rec, missed FROM entry ORDER BY source, id`, func(rows pgx.Rows) error {
		var rec []byte
		it := &ledger.EntryItem{}
		if err := rows.Scan(&rec, &it.Missed); err != nil {
			return err
		}
		e, err := decode[news.Entry]("entry", rec)
		if err != nil {
			return err
		}
		it.Entry = *e
		return f(&ledger.Item{Entry: it})
	})
	if err != nil {
		return err
	}
	err = everyRecord(t, `SELECT e.rec FROM entry e WHERE EXISTS (SELECT 1 FROM alias a WHERE a.source = e.source AND a.entry = e.id)
		ORDER BY source, id`, func(e *news.Entry) error {
		for _, a := range e.Aliases {
			if err := f(&ledger.Item{Alias: &ledger.AliasItem{Source: e.Source, Alias: a, Entry: e.Entry}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return everyRecord(t, `SELECT rec FROM revision ORDER BY source, entry, number`, func(e *news.Entry) error {
		return f(&ledger.Item{Revision: e})
	})
}

func exportReceipts(t *txn, f func(*ledger.Item) error) error {
	err := everyRecord(t, `SELECT rec FROM receipt ORDER BY source, slot, adapter, channel`, func(r *store.Receipt) error {
		return f(&ledger.Item{Receipt: r})
	})
	if err != nil {
		return err
	}
	err = every(t, `SELECT l.rec, r.number, r.rec FROM rollup r JOIN lane l USING (adapter, channel) ORDER BY adapter, channel, number`,
		func(rows pgx.Rows) error {
			it := &ledger.RollupItem{}
			ch, rec, err := numbered(rows, &it.Number)
			if err != nil {
				return err
			}
			r, err := decode[ledger.Rollup]("roll-up", rec)
			if err != nil {
				return err
			}
			it.Channel, it.Rollup = ch, *r
			return f(&ledger.Item{Rollup: it})
		})
	if err != nil {
		return err
	}
	return every(t, `SELECT l.rec, f.number, e.rec FROM folded f JOIN lane l USING (adapter, channel)
		JOIN entry e ON e.source = f.source AND e.id = f.entry ORDER BY adapter, channel, number, f.source, f.entry`,
		func(rows pgx.Rows) error {
			it := &ledger.FoldedItem{}
			ch, rec, err := numbered(rows, &it.Number)
			if err != nil {
				return err
			}
			e, err := decode[news.Entry]("entry", rec)
			if err != nil {
				return err
			}
			it.Channel, it.Entry = ch, e.Ref
			return f(&ledger.Item{Folded: it})
		})
}

// numbered reads a channel, a number and a record.
func numbered(rows pgx.Rows, number *uint64) (ch chat.Channel, rec []byte, err error) {
	var own []byte
	var n int64
	if err := rows.Scan(&own, &n, &rec); err != nil {
		return ch, nil, err
	}
	c, err := decode[chat.Channel]("lane", own)
	if err != nil {
		return ch, nil, err
	}
	*number = uint64(n)
	return *c, rec, nil
}

func exportDeliveries(t *txn, f func(*ledger.Item) error) error {
	item := func(set func(*ledger.Item, *ledger.Delivery)) func(pgx.Rows) error {
		return func(rows pgx.Rows) error {
			d, err := delivery(rows)
			if err != nil {
				return err
			}
			it := &ledger.Item{}
			set(it, d)
			return f(it)
		}
	}
	err := every(t, `SELECT `+pendingColumns+` FROM delivery ORDER BY id`, item(func(it *ledger.Item, d *ledger.Delivery) { it.Delivery = d }))
	if err != nil {
		return err
	}
	return every(t, `SELECT `+goneColumns+` FROM abandoned ORDER BY number`, item(func(it *ledger.Item, d *ledger.Delivery) { it.Abandoned = d }))
}

func exportKept(t *txn, f func(*ledger.Item) error) error {
	return every(t, `SELECT key, value FROM kept ORDER BY key`, func(rows pgx.Rows) error {
		it := &ledger.KeptItem{}
		if err := rows.Scan(&it.Key, &it.Value); err != nil {
			return err
		}
		return f(&ledger.Item{Kept: it})
	})
}

// errNotEmpty: there is a ledger already.
var errNotEmpty = errors.New("the database holds a ledger already; give an empty one")

// Import makes the empty database at dsn the ledger that the items are of, in
// one transaction, and returns how many items there were.
func Import(ctx context.Context, dsn string, opts Options, items iter.Seq2[*ledger.Item, error]) (n int, err error) {
	head, rest, stop, err := ledger.Begin(items)
	if err != nil {
		return 0, err
	}
	defer stop()
	s, err := Open(ctx, dsn, opts)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		n = 1
		im := importer{t: &txn{queryer: tx, s: s, ctx: ctx}}
		if err := im.begin(head); err != nil {
			return err
		}
		for it, err := range rest {
			if err != nil {
				return err
			}
			if err := im.item(it); err != nil {
				return err
			}
			n++
		}
		return im.end()
	})
	return n, err
}

// An importer writes items, some at a time.
type importer struct {
	t     *txn
	b     *books
	batch *pgx.Batch
	n     int
	copy  ledger.Copy
	doubt bool
}

func (im *importer) begin(h *ledger.Head) error {
	t := im.t
	var taken bool
	if err := t.QueryRow(t.ctx, `SELECT EXISTS (SELECT 1 FROM source) OR EXISTS (SELECT 1 FROM entry) OR EXISTS (SELECT 1 FROM delivery)
		OR EXISTS (SELECT 1 FROM receipt) OR EXISTS (SELECT 1 FROM kept)`).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return errNotEmpty
	}
	im.copy, im.doubt = h.Opened(t.s.now())
	im.b, im.batch = t.books(), &pgx.Batch{}
	_, err := t.Exec(t.ctx, `UPDATE ledger SET id = $1, copied = $2, opened = $3`, h.Ledger, null(im.copy.Copied), null(im.copy.Opened))
	return err
}

func (im *importer) item(it *ledger.Item) error {
	b, q := im.b, im.batch
	switch {
	case it.Source != nil:
		src := it.Source
		q.Queue(`INSERT INTO source (id, rec, followed, cursor, due) VALUES ($1, $2, $3, $4, $5)`,
			name(src.Source.ID), encode(src), src.Followed, encode(src.Cursor), at(src.Next))
	case it.Subscription != nil:
		n := lane(it.Subscription.Channel)
		q.Queue(`INSERT INTO subscription (source, adapter, channel, rec) VALUES ($1, $2, $3, $4)`,
			name(it.Subscription.Source), n.adapter, n.channel, encode(it.Subscription))
	case it.Entry != nil:
		e := it.Entry.Entry
		if it.Entry.Missed > 0 {
			_ = b.Missed(e.Ref, it.Entry.Missed) // never fails
		}
		bare := e
		bare.Aliases = nil // they come by themselves
		_ = b.PutEntry(nil, &bare)
		q.Queue(`UPDATE entry SET rec = $3, known = $4 WHERE source = $1 AND id = $2`,
			name(e.Source), name(e.Entry), encode(&e), encode(ledger.Remember(&e)))
	case it.Alias != nil:
		q.Queue(`INSERT INTO alias (source, id, entry) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			name(it.Alias.Source), name(it.Alias.Alias), name(it.Alias.Entry))
	case it.Revision != nil:
		_ = b.PutRevision(it.Revision)
	case it.Receipt != nil:
		_ = b.PutReceipt(it.Receipt)
	case it.Kept != nil:
		q.Queue(`INSERT INTO kept (key, value) VALUES ($1, $2)`, it.Kept.Key, it.Kept.Value)
	default:
		return im.mail(it)
	}
	return im.step()
}

// mail writes items that are of a channel.
func (im *importer) mail(it *ledger.Item) error {
	q := im.batch
	switch {
	case it.Rollup != nil:
		r := it.Rollup
		if err := im.b.lock(r.Channel); err != nil {
			return err
		}
		if err := im.b.PutRollup(r.Channel, r.Number, &r.Rollup); err != nil {
			return err
		}
	case it.Folded != nil:
		f := it.Folded
		n := lane(f.Channel)
		q.Queue(`INSERT INTO folded (adapter, channel, number, source, entry, at)
			SELECT $1, $2, $3, source, id, at FROM entry WHERE source = $4 AND id = $5`,
			n.adapter, n.channel, int64(f.Number), name(f.Entry.Source), name(f.Entry.Entry))
	case it.Delivery != nil:
		if err := im.deliver(it.Delivery); err != nil {
			return err
		}
	case it.Abandoned != nil:
		d := it.Abandoned
		slot := d.Slot()
		q.Queue(`INSERT INTO abandoned (id, source, slot, rec) VALUES ($1, $2, $3, $4)`, int64(d.ID), name(slot.Source), slotName(slot), encode(d))
	}
	return im.step()
}

// deliver saves a delivery that is pending, put off as it was.
func (im *importer) deliver(d *ledger.Delivery) error {
	if im.doubt {
		d.Doubt(im.copy.Copied)
	}
	if err := im.b.lock(d.Channel); err != nil {
		return err
	}
	if err := im.b.Add(d); err != nil || d.NextAttempt.IsZero() {
		return err
	}
	n := lane(d.Channel)
	if d.Alone {
		im.batch.Queue(`UPDATE delivery SET due = $2 WHERE id = $1`, int64(d.ID), null(d.NextAttempt))
	} else {
		im.batch.Queue(`UPDATE lane SET until = $3, blocker = $4 WHERE adapter = $1 AND channel = $2 AND (until IS NULL OR until < $3)`,
			n.adapter, n.channel, null(d.NextAttempt), int64(d.ID))
	}
	im.batch.Queue(settleLane, n.adapter, n.channel, []int64{})
	return nil
}

// step writes what has gathered, if it is enough.
func (im *importer) step() error {
	const most = 500
	if im.n++; im.n < most {
		return nil
	}
	return im.flush()
}

func (im *importer) flush() error {
	if _, err := im.b.flush(); err != nil {
		return err
	}
	if err := im.t.SendBatch(im.t.ctx, im.batch).Close(); err != nil {
		return err
	}
	im.n, im.b, im.batch = 0, im.t.books(), &pgx.Batch{}
	return nil
}

func (im *importer) end() error {
	if err := im.flush(); err != nil {
		return err
	}
	t := im.t
	_, err := t.Exec(t.ctx, `SELECT setval('delivery_id_seq', greatest((SELECT max(id) FROM delivery), (SELECT max(id) FROM abandoned), 1))`)
	return err
}
