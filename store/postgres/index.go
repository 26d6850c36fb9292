package postgres

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store/ledger"
)

// An indexer saves entries together with all by which they are found.
type indexer struct {
	entries   []*news.Entry
	before    map[news.Ref]*news.Entry // as they were; nil for a new one
	revisions []*news.Entry
	missed    map[news.Ref]int
	speakers  map[string]string // names by key whose quotes change
}

// Entry implements [ledger.Books].
func (b *books) Entry(ref news.Ref) (*news.Entry, error) {
	if e, ok := b.entries[ref]; ok {
		return e, nil
	}
	err := b.loadEntries(ref.Source, []news.EntryID{ref.Entry})
	return b.entries[ref], err
}

// loadEntries reads entries of a source by their own ids.
func (b *books) loadEntries(source news.SourceID, ids []news.EntryID) error {
	var names []string
	for _, id := range ids {
		b.entries[news.Ref{Source: source, Entry: id}] = nil
		names = append(names, name(id))
	}
	list, err := fetch[news.Entry](b.txn, "entry", `SELECT rec FROM entry WHERE source = $1 AND id = ANY($2)`, name(source), names)
	for _, e := range list {
		b.entries[e.Ref] = e
	}
	return err
}

// PutEntry implements [ledger.Books].
func (b *books) PutEntry(prev, e *news.Entry) error {
	x := &b.indexed
	if x.before == nil {
		x.before, x.speakers = map[news.Ref]*news.Entry{}, map[string]string{}
	}
	if _, again := x.before[e.Ref]; !again {
		x.before[e.Ref] = prev
	}
	x.entries = slices.DeleteFunc(x.entries, func(o *news.Entry) bool { return o.Ref == e.Ref })
	c := *e
	x.entries = append(x.entries, &c)
	b.entries[e.Ref] = &c
	for _, state := range []*news.Entry{prev, e} {
		if state == nil {
			continue
		}
		for i := range state.Quotes {
			if s := state.Quotes[i].Speaker; s != "" {
				x.speakers[name(s)] = s
			}
		}
	}
	return nil
}

// PutRevision implements [ledger.Books].
func (b *books) PutRevision(e *news.Entry) error {
	b.indexed.revisions = append(b.indexed.revisions, e)
	return nil
}

// Missed implements [ledger.Books].
func (b *books) Missed(ref news.Ref, n int) error {
	if b.indexed.missed == nil {
		b.indexed.missed = map[news.Ref]int{}
	}
	b.indexed.missed[ref] = n
	return nil
}

func (x *indexer) flush(t *txn) error {
	batch := &pgx.Batch{}
	x.queueEntries(batch)
	x.queueAliases(batch)
	x.queueQuotes(batch)
	x.queueRevisions(batch)
	x.queueMissed(batch)
	if batch.Len() == 0 {
		return nil
	}
	return t.SendBatch(t.ctx, batch).Close()
}

func (x *indexer) queueEntries(batch *pgx.Batch) {
	var sources, ids, recs, known []string
	var ats, seen []time.Time
	var withdrawn []bool
	var urls [][]byte
	for _, e := range x.entries {
		sources, ids = append(sources, name(e.Source)), append(ids, name(e.Entry))
		ats, seen = append(ats, at(e.When())), append(seen, at(e.FirstSeen))
		withdrawn, urls = append(withdrawn, e.Withdrawn), append(urls, urlHash(e.URL))
		recs, known = append(recs, encode(e)), append(known, encode(ledger.Remember(e)))
	}
	if len(ids) > 0 {
		batch.Queue(`INSERT INTO entry (source, id, at, seen, withdrawn, url, rec, known)
			SELECT s, i, a, f, w, u, r::json, k::json
			FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bool[], $6::bytea[], $7::text[], $8::text[]) AS n (s, i, a, f, w, u, r, k)
			ON CONFLICT (source, id) DO UPDATE SET at = excluded.at, seen = excluded.seen, withdrawn = excluded.withdrawn,
				missed = 0, url = excluded.url, rec = excluded.rec, known = excluded.known`,
			sources, ids, ats, seen, withdrawn, urls, recs, known)
	}
}

// queueAliases makes the entries' aliases lead to them, but for those that lead
// to another entry already.
func (x *indexer) queueAliases(batch *pgx.Batch) {
	for _, e := range x.entries {
		prev := x.before[e.Ref]
		if prev != nil {
			var gone []string
			for _, a := range prev.Aliases {
				if !slices.Contains(e.Aliases, a) {
					gone = append(gone, name(a))
				}
			}
			if len(gone) > 0 {
				batch.Queue(`DELETE FROM alias WHERE source = $1 AND entry = $2 AND id = ANY($3)`, name(e.Source), name(e.Entry), gone)
			}
		}
		var names []string
		for _, a := range e.Aliases {
			if a != e.Entry {
				names = append(names, name(a))
			}
		}
		if len(names) > 0 {
			batch.Queue(`INSERT INTO alias (source, id, entry) SELECT $1, unnest($3::text[]), $2 ON CONFLICT DO NOTHING`,
				name(e.Source), name(e.Entry), names)
		}
	}
}

// queueQuotes replaces the quotes of the entries. Those of a withdrawn one are
// not found.
func (x *indexer) queueQuotes(batch *pgx.Batch) {
	var changed, of []string // entries that were there before
	var q quoteRows
	for _, e := range x.entries {
		if x.before[e.Ref] != nil {
			changed, of = append(changed, name(e.Entry)), append(of, name(e.Source))
		}
		q.add(e)
	}
	if len(changed) > 0 {
		batch.Queue(`DELETE FROM quote WHERE (source, entry) IN (SELECT s, e FROM unnest($1::text[], $2::text[]) AS n (s, e))`, of, changed)
	}
	q.queue(batch)
	if len(x.speakers) > 0 {
		keys := slices.Sorted(maps.Keys(x.speakers))
		var names, lower []string
		for _, k := range keys {
			names = append(names, text(x.speakers[k]))
			lower = append(lower, strings.ToLower(text(x.speakers[k])))
		}
		batch.Queue(`INSERT INTO speaker (id, name, lower) SELECT i, n, l FROM unnest($1::text[], $2::text[], $3::text[]) AS u (i, n, l)
			ORDER BY i COLLATE "C" ON CONFLICT DO NOTHING`, keys, names, lower)
	}
}

// quoteRows are rows of quotes, by column.
type quoteRows struct {
	sources, entries, words, who []string
	numbers                      []int32
	ats, seen                    []time.Time
	speakers                     []*string
}

func (q *quoteRows) add(e *news.Entry) {
	if e.Withdrawn {
		return
	}
	for i := range e.Quotes {
		quote := &e.Quotes[i]
		q.sources, q.entries = append(q.sources, name(e.Source)), append(q.entries, name(e.Entry))
		q.numbers, q.ats, q.seen = append(q.numbers, int32(i)), append(q.ats, at(e.When())), append(q.seen, at(e.FirstSeen))
		q.words = append(q.words, strings.Join(ledger.QuoteWords(quote), " "))
		q.who = append(q.who, strings.Join(ledger.SpeakerWords(quote), " "))
		var speaker *string
		if quote.Speaker != "" {
			id := name(quote.Speaker)
			speaker = &id
		}
		q.speakers = append(q.speakers, speaker)
	}
}

func (q *quoteRows) queue(batch *pgx.Batch) {
	if len(q.numbers) > 0 {
		batch.Queue(`INSERT INTO quote (source, entry, number, at, seen, speaker, words, who)
			SELECT s, e, n, a, f, p, array_to_tsvector(string_to_array(w, ' ')), array_to_tsvector(string_to_array(h, ' '))
			FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::text[])
			AS u (s, e, n, a, f, p, w, h)`, q.sources, q.entries, q.numbers, q.ats, q.seen, q.speakers, q.words, q.who)
	}
}

// queueRevisions keeps entries as they were, and of too many revisions forgets
// the oldest but the first.
func (x *indexer) queueRevisions(batch *pgx.Batch) {
	var sources, entries, recs []string
	var revisions []int64
	for _, e := range x.revisions {
		sources, entries = append(sources, name(e.Source)), append(entries, name(e.Entry))
		revisions, recs = append(revisions, int64(e.Revision)), append(recs, encode(e))
	}
	if len(recs) == 0 {
		return
	}
	batch.Queue(`INSERT INTO revision (source, entry, number, rec)
		SELECT s, e, n, r::json FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS u (s, e, n, r)
		ON CONFLICT (source, entry, number) DO UPDATE SET rec = excluded.rec`, sources, entries, revisions, recs)
	batch.Queue(`DELETE FROM revision r USING (
			SELECT source, entry, number, row_number() OVER (PARTITION BY source, entry ORDER BY number) AS first,
				row_number() OVER (PARTITION BY source, entry ORDER BY number DESC) AS last
			FROM revision WHERE (source, entry) IN (SELECT s, e FROM unnest($1::text[], $2::text[]) AS u (s, e))
		) AS n WHERE r.source = n.source AND r.entry = n.entry AND r.number = n.number AND first > 1 AND last > $3`,
		sources, entries, ledger.MaxRevisions)
}

func (x *indexer) queueMissed(batch *pgx.Batch) {
	var sources, ids []string
	var counts []int32
	for ref, n := range x.missed {
		sources, ids, counts = append(sources, name(ref.Source)), append(ids, name(ref.Entry)), append(counts, int32(n))
	}
	if len(ids) > 0 {
		batch.Queue(`UPDATE entry SET missed = m FROM unnest($1::text[], $2::text[], $3::int[]) AS u (s, i, m)
			WHERE entry.source = s AND entry.id = i AND missed <> m`, sources, ids, counts)
	}
}
