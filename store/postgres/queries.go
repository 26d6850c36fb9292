package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// resolve returns the keys of an entry that may be named by an alias.
func (t *txn) resolve(ref news.Ref) (source, id string, err error) {
	source = name(ref.Source)
	err = t.QueryRow(t.ctx, `
		SELECT id FROM (
			SELECT id, 0 AS o FROM entry WHERE source = $1 AND id = $2
			UNION ALL SELECT entry, 1 FROM alias WHERE source = $1 AND id = $2
		) AS n ORDER BY o LIMIT 1`, source, name(ref.Entry)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrNotFound
	}
	return source, id, err
}

// Entry implements [store.Queries].
func (s *Store) Entry(ctx context.Context, ref news.Ref) (e news.Entry, err error) {
	err = s.view(ctx, func(t *txn) error {
		source, id, err := t.resolve(ref)
		if err != nil {
			return err
		}
		list, err := t.entries(`SELECT rec FROM entry WHERE source = $1 AND id = $2`, source, id)
		if err == nil && len(list) == 0 {
			err = store.ErrNotFound
		}
		if err == nil {
			e = list[0]
		}
		return err
	})
	return e, err
}

// A page says which part of a query's rows is asked for.
type page struct {
	since, asOf   *time.Time
	sources       []string // nil = all
	offset, limit int
}

func newPage(q store.Query) page {
	p := page{since: null(after(q.Since)), asOf: null(q.AsOf), offset: max(q.Offset, 0), limit: q.Limit}
	if p.limit <= 0 {
		p.limit = ledger.DefaultLimit
	}
	for _, id := range q.Sources {
		p.sources = append(p.sources, name(id))
	}
	return p
}

// after returns the first microsecond that is not before t: columns hold no
// part of one.
func after(t time.Time) time.Time {
	if u := t.Truncate(time.Microsecond); !u.Equal(t) {
		return u.Add(time.Microsecond)
	}
	return t
}

// cut drops the row that says that there are more.
func cut[T any](p page, list []T) ([]T, bool) {
	if len(list) > p.limit {
		return list[:p.limit], true
	}
	return list, false
}

// Latest implements [store.Queries].
func (s *Store) Latest(ctx context.Context, q store.Query) (entries []news.Entry, more bool, err error) {
	p := newPage(q)
	err = s.view(ctx, func(t *txn) error {
		list, err := t.entries(`
			SELECT rec FROM entry WHERE ($1::text[] IS NULL OR source = ANY($1)) AND ($2::timestamptz IS NULL OR at >= $2)
				AND ($3::timestamptz IS NULL OR seen <= $3)
			ORDER BY at DESC, source, id OFFSET $4 LIMIT $5`, p.sources, p.since, p.asOf, p.offset, p.limit+1)
		entries, more = cut(p, list)
		return err
	})
	return entries, more, err
}

// Quotes implements [store.Queries]. The words are looked for in indexes of
// the words of quotes and of speakers.
func (s *Store) Quotes(ctx context.Context, q store.Query) (quotes []store.QuoteHit, more bool, err error) {
	p := newPage(q)
	err = s.view(ctx, func(t *txn) error {
		words, who := prefixes(q.Words), prefixes(q.Speaker)
		if err := t.planSearch(words, who); err != nil {
			return err
		}
		rows, err := t.Query(t.ctx, selectQuotes, p.sources, p.since, p.asOf, p.offset, p.limit+1, words, who)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h store.QuoteHit, err error) {
			var n int
			var rec []byte
			if err := row.Scan(&n, &rec); err != nil {
				return h, err
			}
			e, err := decode[news.Entry]("entry", rec)
			if err != nil {
				return h, err
			}
			if n >= len(e.Quotes) {
				return h, ledger.Damaged("an index names quote %d of %s", n, e.Ref)
			}
			return store.QuoteHit{Entry: *e, Quote: e.Quotes[n]}, nil
		})
		quotes, more = cut(p, list)
		return err
	})
	return quotes, more, err
}

// frequent is how many quotes make it better to go through all from the newest
// on than to sort those that fit.
const frequent = 2000

// planSearch has the database look words up in their index if few quotes hold
// them. Left to itself it goes through all quotes: it takes words that may go on
// for more frequent than they are (PostgreSQL's DEFAULT_TS_MATCH_SEL).
func (t *txn) planSearch(words, who *string) error {
	if words == nil && who == nil {
		return nil
	}
	if _, err := t.Exec(t.ctx, `
		SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off`); err != nil {
		return err
	}
	var n int
	err := t.QueryRow(t.ctx, `SELECT count(*) FROM (SELECT 1 FROM quote
		WHERE ($1::tsquery IS NULL OR words @@ $1) AND ($2::tsquery IS NULL OR who @@ $2) LIMIT $3) AS n`, words, who, frequent).Scan(&n)
	if err == nil && n >= frequent {
		_, err = t.Exec(t.ctx, `SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = off`)
	}
	return err
}

const selectQuotes = `
	SELECT q.number, e.rec FROM (
		SELECT source, entry, number, at FROM quote
		WHERE ($1::text[] IS NULL OR source = ANY($1)) AND ($2::timestamptz IS NULL OR at >= $2)
			AND ($3::timestamptz IS NULL OR seen <= $3)
			AND ($6::tsquery IS NULL OR words @@ $6) AND ($7::tsquery IS NULL OR who @@ $7)
		ORDER BY at DESC, source, entry, number OFFSET $4 LIMIT $5
	) AS q JOIN entry e ON e.source = q.source AND e.id = q.entry
	ORDER BY q.at DESC, q.source, q.entry, q.number`

// prefixes returns a query for all words of a text, each of which may go on;
// nil for a text without any. Words hold letters, digits and marks only.
func prefixes(s string) *string {
	words := ledger.Words(s)
	if len(words) == 0 {
		return nil
	}
	for i, w := range words {
		words[i] = "'" + w + "':*"
	}
	return new(strings.Join(words, " & "))
}

// Speakers implements [store.Queries].
func (s *Store) Speakers(ctx context.Context, prefix string, limit int) (names []string, err error) {
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	err = s.view(ctx, func(t *txn) error {
		names = nil
		rows, err := t.Query(t.ctx, `
			SELECT name FROM speaker s, LATERAL (SELECT at FROM quote q WHERE q.speaker = s.id ORDER BY at DESC LIMIT 1) AS n
			WHERE $1 = '' OR strpos(lower, $1) > 0 ORDER BY n.at DESC, id`, text(prefix))
		if err != nil {
			return err
		}
		defer rows.Close()
		for len(names) < limit && rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				return err
			}
			if ledger.Holds(n, prefix) {
				names = append(names, n)
			}
		}
		rows.Close()
		return rows.Err()
	})
	return names, err
}

// Sources implements [store.Queries].
func (s *Store) Sources(ctx context.Context) (list []store.SourceStatus, err error) {
	err = s.view(ctx, func(t *txn) error {
		rows, err := t.Query(t.ctx, `SELECT `+statusColumns+` FROM source WHERE followed`)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, t.stand)
		list = make([]store.SourceStatus, len(found))
		for i := range found {
			list[i] = found[i].status
		}
		return err
	})
	slices.SortFunc(list, func(a, b store.SourceStatus) int { return cmp.Compare(a.Source.ID, b.Source.ID) })
	return list, err
}

// A stand is the status of a source and how many of its entries stand.
type stand struct {
	status   store.SourceStatus
	standing int
}

const statusColumns = `rec, cursor, failures, problem, due`

// stand reads a stand.
func (t *txn) stand(row pgx.CollectableRow) (st stand, err error) {
	var rec, cursor []byte
	var failures int
	var problem string
	var due time.Time
	if err := row.Scan(&rec, &cursor, &failures, &problem, &due); err != nil {
		return st, err
	}
	src, err := decode[ledger.Source]("source", rec)
	if err != nil {
		return st, err
	}
	cur, err := decode[news.Cursor]("cursor", cursor)
	if err != nil {
		return st, err
	}
	src.Cursor = *cur
	st.status, st.standing = src.Status(), src.Entries-src.Withdrawn
	st.status.Failures, st.status.Problem, st.status.Next = failures, problem, t.s.local(&due)
	return st, nil
}

// Receipt implements [store.Queries].
func (s *Store) Receipt(ctx context.Context, ch chat.Channel, ref news.Ref) (r store.Receipt, err error) {
	n := lane(ch)
	err = s.view(ctx, func(t *txn) error {
		source, id, err := t.resolve(ref)
		if err != nil {
			return err
		}
		list, err := fetch[store.Receipt](t, "receipt", `SELECT rec FROM receipt
			WHERE source = $1 AND slot = 'card:' || $2 AND adapter = $3 AND channel = $4 AND message IS NOT NULL`, source, id, n.adapter, n.channel)
		if err == nil && len(list) == 0 {
			err = store.ErrNotFound
		}
		if err == nil {
			r = *list[0]
		}
		return err
	})
	return r, err
}

// History implements [store.Queries].
func (s *Store) History(ctx context.Context, ref news.Ref) (list []news.Entry, err error) {
	err = s.view(ctx, func(t *txn) error {
		source, id, err := t.resolve(ref)
		if err != nil {
			return err
		}
		list, err = t.entries(`SELECT rec FROM (
				SELECT number, rec FROM revision WHERE source = $1 AND entry = $2
				UNION ALL SELECT 9223372036854775807, rec FROM entry WHERE source = $1 AND id = $2
			) AS n ORDER BY number`, source, id)
		return err
	})
	return list, err
}

// Find implements [store.Queries].
func (s *Store) Find(ctx context.Context, url string, ch chat.Channel, m chat.MessageID) (refs []news.Ref, err error) {
	err = s.view(ctx, func(t *txn) error {
		refs = nil
		add := func(more []news.Entry) {
			for i := range more {
				if !slices.Contains(refs, more[i].Ref) {
					refs = append(refs, more[i].Ref)
				}
			}
		}
		if url != "" {
			list, err := t.entries(`SELECT rec FROM entry WHERE url = $1 ORDER BY source, id LIMIT $2`, urlHash(url), ledger.MaxFound)
			if err != nil {
				return err
			}
			add(slices.DeleteFunc(list, func(e news.Entry) bool { return e.URL != url }))
		}
		if m == "" {
			return nil
		}
		list, err := t.byMessage(ch, m)
		add(list)
		return err
	})
	return refs[:min(len(refs), ledger.MaxFound)], err
}

// byMessage returns the entries that a message shows.
func (t *txn) byMessage(ch chat.Channel, m chat.MessageID) (list []news.Entry, err error) {
	n := lane(ch)
	receipts, err := fetch[store.Receipt](t, "receipt", `SELECT rec FROM receipt WHERE adapter = $1 AND channel = $2 AND message = $3`,
		n.adapter, n.channel, name(m))
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		var more []news.Entry
		switch r.Kind {
		case store.Card, store.Note:
			more, err = t.entries(`SELECT rec FROM entry WHERE source = $1 AND id = $2`, name(r.Entry.Source), name(r.Entry.Entry))
		case store.Rollup:
			more, err = t.inRollup(ch, r.Number, ledger.MaxFolded)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// Receipts implements [store.Queries].
func (s *Store) Receipts(ctx context.Context, ref news.Ref) (list []store.Receipt, err error) {
	err = s.view(ctx, func(t *txn) error {
		list = nil
		source, id, err := t.resolve(ref)
		if err != nil {
			return err
		}
		found, err := fetch[store.Receipt](t, "receipt", `SELECT rec FROM receipt WHERE source = $1 AND slot = 'card:' || $2`, source, id)
		for _, r := range found {
			list = append(list, *r)
		}
		return err
	})
	slices.SortFunc(list, func(a, b store.Receipt) int { return cmp.Compare(a.Channel.String(), b.Channel.String()) })
	return list, err
}

// Promised implements [store.Queries].
func (s *Store) Promised(ctx context.Context, ref news.Ref) (pending, abandoned []store.Delivery, err error) {
	err = s.view(ctx, func(t *txn) error {
		source, id, err := t.resolve(ref)
		if err != nil {
			return err
		}
		if pending, err = t.plain(`SELECT `+pendingColumns+` FROM delivery WHERE source = $1 AND slot = 'card:' || $2 ORDER BY id`, source, id); err != nil {
			return err
		}
		abandoned, err = t.plain(`SELECT `+goneColumns+` FROM abandoned WHERE source = $1 AND slot = 'card:' || $2 ORDER BY number`, source, id)
		return err
	})
	byChannel := func(a, b store.Delivery) int { return cmp.Compare(a.Channel.String(), b.Channel.String()) }
	slices.SortStableFunc(pending, byChannel)
	slices.SortStableFunc(abandoned, byChannel)
	return pending, abandoned, err
}

// plain reads deliveries without what only the engine needs.
func (t *txn) plain(query string, args ...any) (list []store.Delivery, err error) {
	found, err := deliveries(t, query, args...)
	for _, d := range found {
		list = append(list, d.Delivery)
	}
	return list, err
}

// Held implements [store.Queries].
func (s *Store) Held(ctx context.Context, limit int) (list []store.Delivery, err error) {
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	err = s.view(ctx, func(t *txn) error {
		list, err = t.plain(`
			SELECT d.id, d.rec, d.attempts, d.tried FROM lane l JOIN delivery d ON d.id = l.blocker AND d.adapter = l.adapter AND d.channel = l.channel
			WHERE l.until > clock_timestamp() ORDER BY d.enqueued, d.id LIMIT $1`, limit)
		return err
	})
	return list, err
}

// Abandoned implements [store.Queries].
func (s *Store) Abandoned(ctx context.Context, limit int) (list []store.Delivery, err error) {
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	err = s.view(ctx, func(t *txn) error {
		list, err = t.plain(`SELECT `+goneColumns+` FROM abandoned ORDER BY number DESC LIMIT $1`, limit)
		return err
	})
	return list, err
}

// Keep implements [store.Store].
func (s *Store) Keep(ctx context.Context, key string, value []byte) error {
	return s.KeepAll(ctx, map[string][]byte{key: value})
}

// KeepAll implements [store.Store].
func (s *Store) KeepAll(ctx context.Context, values map[string][]byte) error {
	return s.keep(ctx, values, func(*txn) error { return nil })
}

// KeepIf implements [store.Store]. Whoever keeps a value under the key waits for
// whoever else does.
func (s *Store) KeepIf(ctx context.Context, key string, was []byte, values map[string][]byte) error {
	return s.keep(ctx, values, func(t *txn) error {
		if _, err := t.Exec(t.ctx, `SELECT pg_advisory_xact_lock(hashtext('pullquote kept'), hashtext($1))`, key); err != nil {
			return err
		}
		var now []byte
		err := t.QueryRow(t.ctx, `SELECT value FROM kept WHERE key = $1`, []byte(key)).Scan(&now)
		found := err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		if err == nil && (found != (was != nil) || !bytes.Equal(now, was)) {
			err = fmt.Errorf("kept value %.40q: %w", key, store.ErrChanged)
		}
		return err
	})
}

// keep keeps values in one transaction, unless the check refuses.
func (s *Store) keep(ctx context.Context, values map[string][]byte, check func(*txn) error) error {
	keys := make([]string, 0, len(values))
	for key, v := range values {
		if err := ledger.CheckKept(key, v); err != nil {
			return err
		}
		keys = append(keys, key)
	}
	slices.Sort(keys) // always in the same order: nobody waits for one who waits for him
	return s.write(ctx, func(t *txn) error {
		if err := check(t); err != nil {
			return err
		}
		t.wake = len(keys) > 0
		batch := &pgx.Batch{}
		for _, key := range keys {
			if v := values[key]; v == nil {
				batch.Queue(`DELETE FROM kept WHERE key = $1`, []byte(key))
			} else {
				batch.Queue(`INSERT INTO kept (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, []byte(key), v)
			}
		}
		return t.SendBatch(t.ctx, batch).Close()
	})
}

// Kept implements [store.Store].
func (s *Store) Kept(ctx context.Context, key string) (value []byte, err error) {
	err = s.view(ctx, func(t *txn) error {
		err := t.QueryRow(t.ctx, `SELECT value FROM kept WHERE key = $1`, []byte(key)).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			err = fmt.Errorf("kept value %.40q: %w", key, store.ErrNotFound)
		}
		return err
	})
	return value, err
}

// KeptAll implements [store.Store].
func (s *Store) KeptAll(ctx context.Context, prefix string) (values map[string][]byte, err error) {
	err = s.view(ctx, func(t *txn) error {
		values = make(map[string][]byte)
		rows, err := t.Query(t.ctx, `SELECT key, value FROM kept WHERE key >= $1 AND substring(key FOR $2) = $1`, []byte(prefix), len(prefix))
		if err != nil {
			return err
		}
		var key, value []byte
		_, err = pgx.ForEachRow(rows, []any{&key, &value}, func() error {
			values[string(key)] = slices.Clone(value)
			return nil
		})
		return err
	})
	return values, err
}
