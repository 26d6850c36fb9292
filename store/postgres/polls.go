package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// configLock is held, shared, by what tells subscribers, and alone by Sync, so
// that nobody is told what he has just left.
const (
	takeConfig  = `SELECT pg_advisory_xact_lock_shared(hashtext('pullquote config'), hashtext(current_schema()))`
	alterConfig = `SELECT pg_advisory_xact_lock(hashtext('pullquote config'), hashtext(current_schema()))`
)

// leaseColumns are what lease reads.
const leaseColumns = `rec, cursor, failures, problem, due, token`

func (s *Store) lease(row pgx.Row, ttl time.Duration, began time.Time) (store.Lease, error) {
	var rec, cursor []byte
	var due time.Time
	l := store.Lease{Expires: began.Add(ttl).UTC()}
	if err := row.Scan(&rec, &cursor, &l.Failures, &l.Problem, &due, &l.Token); err != nil {
		return l, err
	}
	src, err := decode[ledger.Source]("source", rec)
	if err != nil {
		return l, err
	}
	cur, err := decode[news.Cursor]("cursor", cursor)
	if err != nil {
		return l, err
	}
	l.Source, l.Cursor, l.FirstSight = src.Source, *cur, src.FirstSeen.IsZero()
	l.Title, l.Ended, l.Active, l.Newest, l.Due = src.Title, src.Ended, src.Touched(), src.Newest, s.local(&due)
	return l, nil
}

// ClaimDue implements [store.Polls].
func (s *Store) ClaimDue(ctx context.Context, n int, ttl time.Duration) (leases []store.Lease, err error) {
	if n <= 0 {
		return nil, ctx.Err()
	}
	call := rand.Text()
	err = s.direct(ctx, func(t *txn) error {
		leases = nil
		began := time.Now()
		batch := &pgx.Batch{}
		batch.Queue(uncallSources, s.self, call)
		batch.Queue(claimSources, n, ttl, s.self, call).Query(func(rows pgx.Rows) error {
			var err error
			leases, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Lease, error) { return s.lease(row, ttl, began) })
			return err
		})
		return t.SendBatch(t.ctx, batch).Close()
	})
	return leases, err
}

// A call that is made again because its answer was lost gives up what it may
// have claimed the first time.
const uncallSources = `UPDATE source SET expires = NULL WHERE owner = $1 AND call = $2 AND expires IS NOT NULL`

const claimSources = `
	WITH free AS MATERIALIZED (
		SELECT id FROM source WHERE followed AND due <= clock_timestamp() AND (expires IS NULL OR expires <= clock_timestamp())
		ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED
	), claimed AS (
		UPDATE source SET token = ` + nextToken + `, expires = clock_timestamp() + $2, owner = $3, call = $4, hurried = false
		FROM free WHERE source.id = free.id RETURNING source.*
	) SELECT ` + leaseColumns + ` FROM claimed ORDER BY due`

// Claim implements [store.Polls].
func (s *Store) Claim(ctx context.Context, id news.SourceID, ttl time.Duration) (l store.Lease, err error) {
	call := rand.Text()
	err = s.write(ctx, func(t *txn) error {
		l, err = s.lease(t.QueryRow(t.ctx, `
			UPDATE source SET token = `+nextToken+`, expires = clock_timestamp() + $2, owner = $3, call = $4, hurried = false
			WHERE id = $1 AND followed AND (expires IS NULL OR expires <= clock_timestamp() OR call = $4)
			RETURNING `+leaseColumns, name(id), ttl, s.self, call), ttl, time.Now())
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var followed bool
		err := t.QueryRow(t.ctx, `SELECT EXISTS (SELECT 1 FROM source WHERE id = $1 AND followed)`, name(id)).Scan(&followed)
		switch {
		case err != nil:
			return err
		case followed:
			return fmt.Errorf("source %s: %w", id, store.ErrBusy)
		}
		return fmt.Errorf("source %s: %w", id, store.ErrNotFound)
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Hurry implements [store.Polls].
func (s *Store) Hurry(ctx context.Context, ids ...news.SourceID) error {
	var names []string // nil = every one
	for _, id := range ids {
		names = append(names, name(id))
	}
	return s.write(ctx, func(t *txn) error {
		t.wake = true
		_, err := t.Exec(t.ctx, `
			UPDATE source SET due = CASE WHEN expires IS NULL THEN least(due, clock_timestamp()) ELSE due END,
				hurried = expires IS NOT NULL AND $1::text[] IS NOT NULL OR hurried
			WHERE id IN (SELECT id FROM source WHERE followed AND ($1::text[] IS NULL OR id = ANY($1)) ORDER BY id FOR UPDATE)`, names)
		return err
	})
}

// Known implements [store.Polls].
func (s *Store) Known(ctx context.Context, id news.SourceID, ids []news.EntryID, from, to time.Time) (known []news.Known, err error) {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, name(id))
	}
	err = s.direct(ctx, func(t *txn) error {
		known = make([]news.Known, 0, len(ids))
		rows, err := t.Query(t.ctx, `
			SELECT known, missed FROM entry WHERE source = $1 AND (id = ANY($2)
				OR id IN (SELECT entry FROM alias a WHERE a.source = $1 AND a.id = ANY($2)
					AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.source = $1 AND e.id = a.id))
				OR $3 AND at >= $4 AND ($5::timestamptz IS NULL OR at <= $5))`,
			name(id), names, !from.IsZero() || !to.IsZero(), at(from), null(to))
		if err != nil {
			return err
		}
		known, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (news.Known, error) {
			var rec []byte
			var missed int
			if err := row.Scan(&rec, &missed); err != nil {
				return news.Known{}, err
			}
			k, err := decode[ledger.Known]("entry", rec)
			if err != nil {
				return news.Known{}, err
			}
			k.Missed = missed
			return k.News(), nil
		})
		return err
	})
	return known, err
}

// Rest implements [store.Polls].
func (s *Store) Rest(ctx context.Context, l store.Lease, r store.Rest) error {
	return s.direct(ctx, func(t *txn) error {
		tag, err := t.Exec(t.ctx, `
			UPDATE source SET cursor = $3, problem = $4, failures = CASE WHEN $4 = '' THEN 0 ELSE failures + 1 END, `+endClaim+`
			WHERE id = $1 AND token = $2 AND expires IS NOT NULL AND followed`,
			name(l.Source.ID), int64(l.Token), encode(r.Cursor), text(r.Problem), s.due(r.Next))
		if err == nil && tag.RowsAffected() == 0 {
			err = store.ErrLeaseLost
		}
		return err
	})
}

// endClaim makes a source due at $5, or now if it was asked for meanwhile.
const endClaim = `expires = NULL, hurried = false, due = CASE WHEN hurried THEN least($5, clock_timestamp()) ELSE $5 END`

// due returns the database's time of when a source is due.
func (s *Store) due(t time.Time) time.Time {
	if p := s.there(t); p != nil {
		return *p
	}
	return time.Time{}
}

// Record implements [store.Polls].
func (s *Store) Record(ctx context.Context, l store.Lease, p store.Poll) (done store.Recorded, err error) {
	err = s.write(ctx, func(t *txn) error {
		done, err = t.record(l, p)
		return err
	})
	if err != nil {
		return store.Recorded{}, err
	}
	return done, nil
}

func (t *txn) record(l store.Lease, p store.Poll) (done store.Recorded, err error) {
	id := l.Source.ID
	if _, err := t.Exec(t.ctx, takeConfig); err != nil {
		return done, err
	}
	list, err := fetch[ledger.Source](t, "source",
		`SELECT rec FROM source WHERE id = $1 AND token = $2 AND expires IS NOT NULL AND followed FOR UPDATE`, name(id), int64(l.Token))
	if err != nil {
		return done, err
	}
	if len(list) == 0 {
		return done, store.ErrLeaseLost
	}
	b := t.books()
	r := ledger.Recorder{Books: b, Source: list[0], Now: t.s.now()}
	if err := t.changes(&r, p); err != nil {
		return done, err
	}
	mail := b.courier()
	if r.Changed(p) {
		mail.Source, mail.Now = r.Source, r.Now
		if mail.Subs, err = t.subscriptions(id); err != nil {
			return done, err
		}
		if err := b.prepare(&r, mail); err != nil {
			return done, err
		}
		if err := r.Tell(mail, p); err != nil {
			return done, err
		}
	}
	if t.wake, err = b.flush(); err != nil {
		return done, err
	}
	return r.Done, t.finish(&r, p)
}

// changes saves the changes of a reading.
func (t *txn) changes(r *ledger.Recorder, p store.Poll) error {
	b, _ := r.Books.(*books)
	ids := make([]news.EntryID, len(p.Changes))
	for i := range p.Changes {
		ids[i] = p.Changes[i].Entry.Entry
	}
	if len(ids) > 0 {
		if err := b.loadEntries(r.Source.Source.ID, ids); err != nil {
			return err
		}
	}
	for i := range p.Changes {
		if err := r.Change(p.Changes[i]); err != nil {
			return err
		}
	}
	return nil
}

// prepare locks the channels that may be told and reads what they have.
func (b *books) prepare(r *ledger.Recorder, mail *ledger.Courier) error {
	told, added := r.Told()
	id := r.Source.Source.ID
	channels, err := b.standing(told)
	if err != nil {
		return err
	}
	for ch, sub := range mail.Subs {
		if added || sub.Style != store.Cards || sub.Closing {
			channels = append(channels, ch)
		}
	}
	if err := b.lock(channels...); err != nil {
		return err
	}
	return b.load(append(told, ledger.HeadSlot(id), ledger.Slot(store.Closing, news.Ref{Source: id}, 0))...)
}

// standing returns the channels that have or are promised something of slots.
func (b *books) standing(slots []news.Ref) (channels []chat.Channel, err error) {
	if len(slots) == 0 {
		return nil, nil
	}
	var sources, names []string
	for _, slot := range slots {
		sources, names = append(sources, name(slot.Source)), append(names, slotName(slot))
	}
	list, err := fetch[chat.Channel](b.txn, "lane", `
		SELECT l.rec FROM lane l JOIN (
			SELECT adapter, channel FROM receipt WHERE (source, slot) IN (SELECT s, t FROM unnest($1::text[], $2::text[]) AS u (s, t))
			UNION SELECT adapter, channel FROM delivery WHERE (source, slot) IN (SELECT s, t FROM unnest($1::text[], $2::text[]) AS u (s, t))
		) AS n USING (adapter, channel)`, sources, names)
	for _, ch := range list {
		channels = append(channels, *ch)
	}
	return channels, err
}

// subscriptions returns those of a source and those to every source.
func (t *txn) subscriptions(id news.SourceID) (map[chat.Channel]ledger.Subscription, error) {
	list, err := fetch[ledger.Subscription](t, "subscription", `SELECT rec FROM subscription WHERE source = $1 OR source = ''`, name(id))
	subs := make(map[chat.Channel]ledger.Subscription, len(list))
	for _, sub := range list {
		if _, own := subs[sub.Channel]; !own || sub.Source != "" { // the source's own go before
			subs[sub.Channel] = *sub
		}
	}
	return subs, err
}

// finish saves the source as it is after a reading and ends the claim.
func (t *txn) finish(r *ledger.Recorder, p store.Poll) error {
	id := name(r.Source.Source.ID)
	var newest *news.Entry
	list, err := fetch[news.Entry](t, "entry", `SELECT rec FROM entry WHERE source = $1 ORDER BY at DESC, id LIMIT 1`, id)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		newest = list[0]
	}
	var when time.Time
	if newest != nil {
		when = ledger.UTC(newest.When())
	}
	r.Finish(p, when)
	_, err = t.Exec(t.ctx, `UPDATE source SET rec = $2, cursor = $3, failures = 0, problem = $4, `+endClaim+` WHERE id = $1`,
		id, encode(r.Source), encode(p.Cursor), "", t.s.due(p.Next))
	return err
}

// Sync implements [store.Store].
func (s *Store) Sync(ctx context.Context, sources []news.Source, subs []store.Subscription) error {
	return s.write(ctx, func(t *txn) error {
		t.wake = false
		if _, err := t.Exec(t.ctx, alterConfig); err != nil {
			return err
		}
		if err := t.follow(sources); err != nil {
			return err
		}
		return t.subscribe(subs)
	})
}

// follow makes the followed sources what is wanted.
func (t *txn) follow(want []news.Source) error {
	list, err := fetch[ledger.Source](t, "source", `SELECT rec FROM source ORDER BY id FOR UPDATE`)
	if err != nil {
		return err
	}
	known := make(map[news.SourceID]*ledger.Source, len(list))
	for _, src := range list {
		known[src.Source.ID] = src
	}
	batch := &pgx.Batch{}
	followed := make(map[news.SourceID]bool, len(want))
	for _, src := range want {
		followed[src.ID] = true
		rec := known[src.ID]
		if rec == nil {
			rec = &ledger.Source{}
		}
		same, fresh, reset := rec.Follow(src)
		if same {
			continue
		}
		t.wake = true
		batch.Queue(`
			INSERT INTO source AS s (id, rec, followed, cursor, due) VALUES ($1, $2, true, $3, clock_timestamp())
			ON CONFLICT (id) DO UPDATE SET rec = excluded.rec, followed = true,
				cursor = CASE WHEN $5 THEN excluded.cursor ELSE s.cursor END,
				due = CASE WHEN $4 THEN excluded.due ELSE s.due END,
				expires = CASE WHEN $4 THEN NULL ELSE s.expires END`, name(src.ID), encode(rec), encode(rec.Cursor), fresh, reset)
	}
	for id, rec := range known {
		if rec.Followed && !followed[id] {
			rec.Followed = false
			batch.Queue(`UPDATE source SET rec = $2, followed = false, expires = NULL WHERE id = $1`, name(id), encode(rec))
		}
	}
	return t.SendBatch(t.ctx, batch).Close()
}

// subscribe makes the subscriptions what is wanted.
func (t *txn) subscribe(want []store.Subscription) error {
	list, err := fetch[ledger.Subscription](t, "subscription", `SELECT rec FROM subscription`)
	if err != nil {
		return err
	}
	type key struct {
		source news.SourceID
		ch     chat.Channel
	}
	known := make(map[key]*ledger.Subscription, len(list))
	for _, sub := range list {
		known[key{sub.Source, sub.Channel}] = sub
	}
	batch := &pgx.Batch{}
	for _, sub := range want {
		k, rec := key{sub.Source, sub.Channel}, ledger.Subscription(sub)
		old := known[k]
		delete(known, k)
		if old != nil && old.Equal(rec) {
			continue
		}
		n := lane(sub.Channel)
		batch.Queue(`INSERT INTO subscription (source, adapter, channel, rec) VALUES ($1, $2, $3, $4)
			ON CONFLICT (source, adapter, channel) DO UPDATE SET rec = excluded.rec`, name(sub.Source), n.adapter, n.channel, encode(rec))
	}
	gone := make(map[chat.Channel]map[news.SourceID]bool)
	for k := range known {
		if gone[k.ch] == nil {
			gone[k.ch] = make(map[news.SourceID]bool)
		}
		gone[k.ch][k.source] = true
		n := lane(k.ch)
		batch.Queue(`DELETE FROM subscription WHERE source = $1 AND adapter = $2 AND channel = $3`, name(k.source), n.adapter, n.channel)
	}
	if err := t.SendBatch(t.ctx, batch).Close(); err != nil {
		return err
	}
	return t.unsubscribe(gone)
}

// unsubscribe drops the channels' deliveries from sources that were never
// tried.
func (t *txn) unsubscribe(gone map[chat.Channel]map[news.SourceID]bool) error {
	b := t.books()
	channels := make([]chat.Channel, 0, len(gone))
	for ch := range gone {
		channels = append(channels, ch)
	}
	if err := b.lock(channels...); err != nil {
		return err
	}
	for ch, sources := range gone {
		n := lane(ch)
		list, err := deliveries(t, `
			SELECT `+pendingColumns+` FROM delivery d WHERE adapter = $1 AND channel = $2 AND NOT EXISTS (
				SELECT 1 FROM subscription s WHERE s.adapter = $1 AND s.channel = $2 AND s.source IN ('', d.source))`, n.adapter, n.channel)
		if err != nil {
			return err
		}
		for _, d := range list {
			if (sources[d.Entry.Source] || sources[""]) && d.Dispensable() {
				if err := b.Remove(d); err != nil {
					return err
				}
			}
		}
	}
	_, err := b.flush()
	return err
}
