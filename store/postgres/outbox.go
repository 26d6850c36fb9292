package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// ClaimLanes implements [store.Outbox].
func (s *Store) ClaimLanes(ctx context.Context, adapters []string, n int, ttl time.Duration) (lanes []store.Lane, next time.Time, err error) {
	names := make([]string, len(adapters))
	for i, a := range adapters {
		names[i] = name(a)
	}
	call := rand.Text()
	err = s.direct(ctx, func(t *txn) error {
		lanes = nil
		batch := &pgx.Batch{}
		began := time.Now()
		if n > 0 {
			batch.Queue(`UPDATE lane SET expires = NULL WHERE owner = $1 AND call = $2 AND expires IS NOT NULL`, s.self, call) // see uncallSources
			batch.Queue(claimLanes, names, n, ttl, s.self, call).Query(func(rows pgx.Rows) error {
				var err error
				lanes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Lane, error) {
					var rec []byte
					l := store.Lane{Expires: began.Add(ttl).UTC()}
					if err := row.Scan(&rec, &l.Token, &l.Pending); err != nil {
						return l, err
					}
					ch, err := decode[chat.Channel]("lane", rec)
					if err == nil {
						l.Channel = *ch
					}
					return l, err
				})
				return err
			})
		}
		var due *time.Time
		batch.Queue(`SELECT min(wake) FROM lane WHERE adapter = ANY($1) AND wake IS NOT NULL AND (expires IS NULL OR expires <= clock_timestamp())`,
			names).QueryRow(func(row pgx.Row) error { return row.Scan(&due) })
		err := t.SendBatch(t.ctx, batch).Close()
		next = s.local(due)
		return err
	})
	return lanes, next, err
}

// Busy implements [store.Outbox].
func (s *Store) Busy(ctx context.Context, adapters []string) (busy []string, next time.Time, err error) {
	names := make([]string, len(adapters))
	own := make(map[string]string, len(adapters))
	for i, a := range adapters {
		names[i] = name(a)
		own[names[i]] = a
	}
	err = s.direct(ctx, func(t *txn) error {
		busy, next = nil, time.Time{}
		rows, err := t.Query(t.ctx, `
			SELECT adapter, min(wake), min(wake) <= clock_timestamp() FROM lane
			WHERE adapter = ANY($1) AND wake IS NOT NULL AND (expires IS NULL OR expires <= clock_timestamp()) GROUP BY adapter`, names)
		if err != nil {
			return err
		}
		var adapter string
		var wake *time.Time
		var due bool
		_, err = pgx.ForEachRow(rows, []any{&adapter, &wake, &due}, func() error {
			if due {
				busy = append(busy, own[adapter])
			} else if at := s.local(wake); next.IsZero() || at.Before(next) {
				next = at
			}
			return nil
		})
		return err
	})
	return busy, next, err
}

const claimLanes = `
	WITH free AS MATERIALIZED (
		SELECT adapter, channel FROM lane
		WHERE wake IS NOT NULL AND wake <= clock_timestamp() AND adapter = ANY($1) AND (expires IS NULL OR expires <= clock_timestamp())
		ORDER BY breaking DESC, wake LIMIT $2 FOR UPDATE SKIP LOCKED
	), claimed AS (
		UPDATE lane SET token = ` + nextToken + `, expires = clock_timestamp() + $3, owner = $4, call = $5,
			until = CASE WHEN until <= clock_timestamp() THEN NULL ELSE until END,
			blocker = CASE WHEN until <= clock_timestamp() THEN 0 ELSE blocker END
		FROM free WHERE lane.adapter = free.adapter AND lane.channel = free.channel RETURNING lane.*
	) SELECT rec, token, (SELECT count(*) FROM delivery d WHERE d.adapter = c.adapter AND d.channel = c.channel)
	FROM claimed c ORDER BY breaking DESC, wake`

// holdLane locks a claimed lane.
const holdLane = `SELECT 1 FROM lane WHERE adapter = $1 AND channel = $2 AND token = $3 AND expires IS NOT NULL FOR UPDATE`

// hold locks a claimed lane.
func (t *txn) hold(l store.Lane) error {
	n := lane(l.Channel)
	tag, err := t.Exec(t.ctx, holdLane, n.adapter, n.channel, int64(l.Token))
	if err == nil && tag.RowsAffected() == 0 {
		err = store.ErrLeaseLost
	}
	return err
}

// Begin implements [store.Outbox].
func (s *Store) Begin(ctx context.Context, l store.Lane) (w store.Work, ok bool, err error) {
	n := lane(l.Channel)
	var d *ledger.Delivery
	err = s.direct(ctx, func(t *txn) error {
		var mine bool
		var r deliveryRow
		var id *int64
		err := t.QueryRow(t.ctx, beginDelivery, n.adapter, n.channel, int64(l.Token)).Scan(&mine, &id, &r.rec, &r.attempts, &r.tried)
		switch {
		case err != nil:
			return err
		case !mine:
			return store.ErrLeaseLost
		case id == nil:
			d = nil
			return nil
		}
		r.id = *id
		d, err = r.delivery()
		return err
	})
	if err != nil || d == nil {
		return store.Work{}, false, err
	}
	ctx = context.WithoutCancel(ctx) // it is begun
	err = s.direct(ctx, func(t *txn) error {
		w = store.Work{Delivery: d.Delivery}
		return t.work(&w)
	})
	return w, err == nil, err
}

// beginDelivery notes that an attempt of a claimed lane's first due delivery
// begins, and returns it as it was before, but for the count of attempts.
const beginDelivery = `
	WITH mine AS MATERIALIZED (
		SELECT until FROM lane WHERE adapter = $1 AND channel = $2 AND token = $3 AND expires IS NOT NULL FOR UPDATE
	), due AS MATERIALIZED (
		SELECT id, tried FROM delivery
		WHERE adapter = $1 AND channel = $2 AND (NOT loose OR due IS NULL OR due <= clock_timestamp())
			AND EXISTS (SELECT 1 FROM mine WHERE until IS NULL OR until <= clock_timestamp())
		ORDER BY loose, NOT loose AND NOT breaking, CASE WHEN loose THEN due END NULLS FIRST, id LIMIT 1
	), begun AS (
		UPDATE delivery d SET attempts = attempts + 1, tried = coalesce(d.tried, clock_timestamp()), foldable = false
		FROM due WHERE d.id = due.id RETURNING d.id, d.rec, d.attempts, due.tried
	) SELECT EXISTS (SELECT 1 FROM mine), id, rec, attempts, tried FROM (SELECT 1) AS one LEFT JOIN begun ON true`

// Settle implements [store.Outbox].
func (s *Store) Settle(ctx context.Context, l store.Lane, id store.DeliveryID, r store.Receipt, also ...store.Promise) error {
	return s.end(ctx, l, id, func(b *books, d *ledger.Delivery) error {
		ended, err := b.courier().Settle(d, r, also)
		if ended || err != nil {
			return err
		}
		return b.keep(d, time.Time{})
	})
}

// Postpone implements [store.Outbox].
func (s *Store) Postpone(ctx context.Context, l store.Lane, id store.DeliveryID, p store.Postponement) error {
	return s.end(ctx, l, id, func(b *books, d *ledger.Delivery) error {
		d.Postpone(p, s.now())
		return b.keep(d, p.Until)
	})
}

// Abandon implements [store.Outbox].
func (s *Store) Abandon(ctx context.Context, l store.Lane, id store.DeliveryID, reason string) error {
	return s.end(ctx, l, id, func(b *books, d *ledger.Delivery) error {
		d.LastError = reason
		slot := d.Slot()
		_, err := b.Exec(b.ctx, `INSERT INTO abandoned (id, source, slot, rec) VALUES ($1, $2, $3, $4)`,
			int64(d.ID), name(slot.Source), slotName(slot), encode(d))
		if err != nil {
			return err
		}
		return b.Remove(d)
	})
}

// end writes the outcome of a begun delivery under the lane's claim.
func (s *Store) end(ctx context.Context, l store.Lane, id store.DeliveryID, f func(*books, *ledger.Delivery) error) error {
	n := lane(l.Channel)
	return s.piped(ctx, func(t *txn) error {
		var mine int64
		var d *ledger.Delivery
		first := &pgx.Batch{}
		first.Queue("begin")
		first.Queue(holdLane, n.adapter, n.channel, int64(l.Token)).Exec(func(tag pgconn.CommandTag) error {
			mine = tag.RowsAffected()
			return nil
		})
		first.Queue(`SELECT `+pendingColumns+` FROM delivery WHERE id = $1 AND adapter = $2 AND channel = $3`, int64(id), n.adapter, n.channel).
			Query(func(rows pgx.Rows) error {
				list, err := pgx.CollectRows(rows, delivery)
				if len(list) > 0 {
					d = list[0]
				}
				return err
			})
		if err := t.SendBatch(t.ctx, first).Close(); err != nil {
			return err
		}
		if mine == 0 {
			return store.ErrLeaseLost
		}
		if d == nil {
			return fmt.Errorf("delivery %d in %s: %w", id, l.Channel, store.ErrNotFound)
		}
		b := t.books()
		b.deliveries[place{d.Channel, d.Slot()}] = d
		if err := f(b, d); err != nil {
			return err
		}
		last := &pgx.Batch{}
		b.queue(last)
		last.Queue("commit")
		return t.SendBatch(t.ctx, last).Close()
	})
}

// Waiting implements [store.Outbox].
func (s *Store) Waiting(ctx context.Context, l store.Lane, limit int) (list []store.Waiting, err error) {
	err = s.view(ctx, func(t *txn) error {
		list = nil
		n := lane(l.Channel)
		var mine bool
		err := t.QueryRow(t.ctx, `SELECT EXISTS (SELECT 1 FROM lane WHERE adapter = $1 AND channel = $2 AND token = $3 AND expires IS NOT NULL)`,
			n.adapter, n.channel, int64(l.Token)).Scan(&mine)
		if err != nil {
			return err
		}
		if !mine {
			return store.ErrLeaseLost
		}
		rows, err := t.Query(t.ctx, `
			SELECT d.id, d.rec, d.attempts, d.tried, e.rec FROM delivery d JOIN entry e ON e.source = d.source AND d.slot = 'card:' || e.id
			WHERE d.adapter = $1 AND d.channel = $2 AND NOT d.loose AND d.foldable AND NOT e.withdrawn
			ORDER BY NOT d.breaking, d.id LIMIT $3`, n.adapter, n.channel, max(limit, 0))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (w store.Waiting, err error) {
			d, e, err := pair(row)
			if err == nil {
				w = d.Waiting(e)
			}
			return w, err
		})
		return err
	})
	return list, err
}

// pair reads a delivery and its entry.
func pair(row pgx.CollectableRow) (*ledger.Delivery, *news.Entry, error) {
	var r deliveryRow
	var entry []byte
	if err := row.Scan(&r.id, &r.rec, &r.attempts, &r.tried, &entry); err != nil {
		return nil, nil, err
	}
	d, err := r.delivery()
	if err != nil {
		return nil, nil, err
	}
	e, err := decode[news.Entry]("entry", entry)
	return d, e, err
}

// Fold implements [store.Outbox].
func (s *Store) Fold(ctx context.Context, l store.Lane, ids []store.DeliveryID, f store.Fold) error {
	return s.write(ctx, func(t *txn) error {
		if err := t.hold(l); err != nil {
			return err
		}
		n := lane(l.Channel)
		list, err := deliveries(t, `SELECT `+pendingColumns+` FROM delivery WHERE id = ANY($1) AND adapter = $2 AND channel = $3`,
			numbers(ids), n.adapter, n.channel)
		if err != nil {
			return err
		}
		b := t.books()
		for _, d := range list {
			if err := b.loadEntries(d.Entry.Source, []news.EntryID{d.Entry.Entry}); err != nil {
				return err
			}
		}
		slices.SortFunc(list, func(x, y *ledger.Delivery) int { return slices.Index(ids, x.ID) - slices.Index(ids, y.ID) })
		fo := ledger.Folder{Courier: *b.courier(), Channel: l.Channel, Fold: f}
		for _, d := range list {
			e := b.entries[d.Entry]
			switch {
			case !d.Foldable():
				continue
			case e == nil:
				return ledger.Damaged("entry %s is promised and not there", d.Entry)
			}
			if err := fo.Put(d, e); err != nil {
				return err
			}
		}
		if err := fo.Finish(); err != nil {
			return err
		}
		_, err = b.flush()
		return err
	})
}

// Release implements [store.Outbox].
func (s *Store) Release(ctx context.Context, l store.Lane, until time.Time) error {
	n := lane(l.Channel)
	return s.direct(ctx, func(t *txn) error {
		tag, err := t.Exec(t.ctx, `
			UPDATE lane SET expires = NULL, until = CASE WHEN $4 > clock_timestamp() THEN greatest(until, $4) ELSE until END,
				wake = CASE WHEN wake IS NOT NULL AND $4 > clock_timestamp() THEN greatest(until, $4) ELSE wake END
			WHERE adapter = $1 AND channel = $2 AND token = $3 AND expires IS NOT NULL`, n.adapter, n.channel, int64(l.Token), s.there(until))
		if err == nil && tag.RowsAffected() == 0 {
			err = store.ErrLeaseLost
		}
		return err
	})
}

// Promise implements [store.Outbox].
func (s *Store) Promise(ctx context.Context, ch chat.Channel, p store.Promise) error {
	return s.write(ctx, func(t *txn) error {
		b := t.books()
		if err := b.lock(ch); err != nil {
			return err
		}
		if err := b.courier().Asked(ch, p, false, false); err != nil {
			return err
		}
		var err error
		t.wake, err = b.flush()
		return err
	})
}

// Retry implements [store.Outbox].
func (s *Store) Retry(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	return s.reconsider(ctx, ids, func(b *books, d *ledger.Delivery) error {
		pending, err := b.Pending(d.Channel, d.Slot())
		if pending != nil || err != nil {
			return err
		}
		if r, err := b.Receipt(d.Channel, d.Slot()); err != nil || d.Overtaken(r) {
			return err
		}
		d.Again(s.copied, s.now())
		return b.Add(d)
	})
}

// Drop implements [store.Outbox].
func (s *Store) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	return s.reconsider(ctx, ids, func(*books, *ledger.Delivery) error { return nil })
}

// reconsider takes deliveries out of the abandoned and does f to each.
func (s *Store) reconsider(ctx context.Context, ids []store.DeliveryID, f func(*books, *ledger.Delivery) error) (n int, err error) {
	err = s.write(ctx, func(t *txn) error {
		list, err := deliveries(t, `DELETE FROM abandoned WHERE id = ANY($1) RETURNING `+goneColumns, numbers(ids))
		if err != nil {
			return err
		}
		n = len(list)
		b := t.books()
		var channels []chat.Channel
		for _, d := range list {
			channels = append(channels, d.Channel)
		}
		if err := b.lock(channels...); err != nil {
			return err
		}
		for _, d := range list {
			if err := f(b, d); err != nil {
				return err
			}
		}
		t.wake, err = b.flush()
		return err
	})
	return n, err
}

// Resume implements [store.Outbox].
func (s *Store) Resume(ctx context.Context, adapter string) error {
	return s.write(ctx, func(t *txn) error {
		t.wake = true
		list, err := fetch[chat.Channel](t, "lane",
			`SELECT rec FROM lane WHERE adapter = $1 AND until IS NOT NULL ORDER BY adapter, channel FOR UPDATE`, name(adapter))
		if err != nil || len(list) == 0 {
			return err
		}
		b := t.books()
		for _, ch := range list {
			b.lanes[*ch] = true
			b.putOff[*ch] = putOff{}
		}
		waiting, err := deliveries(t, `SELECT d.id, d.rec, d.attempts, d.tried FROM delivery d JOIN lane l ON l.blocker = d.id AND l.adapter = d.adapter AND l.channel = d.channel
			WHERE l.adapter = $1 AND l.until IS NOT NULL`, name(adapter))
		if err != nil {
			return err
		}
		for _, d := range waiting {
			d.NextAttempt, d.Planned = time.Time{}, time.Time{}
			if err := b.keep(d, time.Time{}); err != nil {
				return err
			}
		}
		_, err = b.flush()
		return err
	})
}

// Backlog implements [store.Outbox].
func (s *Store) Backlog(ctx context.Context) (b store.Backlog, err error) {
	err = s.view(ctx, func(t *txn) error {
		var oldest *time.Time
		err := t.QueryRow(t.ctx, `
			SELECT count(*) FILTER (WHERE NOT coalesce(l.until > now(), false) AND NOT coalesce(d.due > now(), false)),
				count(*) FILTER (WHERE coalesce(l.until > now(), false) OR coalesce(d.due > now(), false)),
				(SELECT count(*) FROM abandoned), min(d.enqueued)
			FROM delivery d JOIN lane l USING (adapter, channel)`).Scan(&b.Due, &b.Waiting, &b.Abandoned, &oldest)
		b.Oldest = fromNull(oldest)
		return err
	})
	return b, err
}
