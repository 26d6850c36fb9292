package bolt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// Entry implements [store.Queries].
func (s *Store) Entry(ctx context.Context, ref news.Ref) (e news.Entry, err error) {
	if err := s.enter(ctx); err != nil {
		return e, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		ref, err := t.resolve(ref)
		if err != nil {
			return err
		}
		e, err = t.entry(ref)
		return err
	})
	return e, err
}

// entry returns an entry by its own id, the zero Entry if there is none.
func (t *txn) entry(ref news.Ref) (e news.Entry, err error) {
	_, err = t.get(entryBucket, refKey(ref), &e)
	return e, err
}

// resolve returns the ref of an entry that may be named by an alias.
func (t *txn) resolve(ref news.Ref) (news.Ref, error) {
	if t.raw(entryBucket, refKey(ref)) != nil {
		return ref, nil
	}
	own, ok, err := t.alias(ref.Source, ref.Entry)
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	return news.Ref{Source: ref.Source, Entry: own}, err
}

// indexed returns the entry that an index names.
func (t *txn) indexed(ref []byte) (e news.Entry, err error) {
	t.visited++
	found, err := t.get(entryBucket, ref, &e)
	if err == nil && !found {
		err = damaged("an index names %q, which is not there", ref)
	}
	return e, err
}

// A page says which of the rows that a query meets are its answer.
type page struct {
	since  []byte // as in a key; nil = no bound
	asOf   time.Time
	offset int
	limit  int
	more   bool // there was one that did not fit
}

func newPage(q store.Query) *page {
	p := &page{asOf: q.AsOf, offset: max(q.Offset, 0), limit: q.Limit}
	if p.limit <= 0 {
		p.limit = ledger.DefaultLimit
	}
	if !q.Since.IsZero() {
		p.since = appendTime(nil, q.Since)
	}
	return p
}

// within reports whether a row at a time of a key can be part of the answer.
func (p *page) within(rest []byte) bool {
	return len(rest) >= timeLen && (p.since == nil || bytes.Compare(rest[:timeLen], p.since) <= 0)
}

// visible reports whether what was first seen then is part of the answer.
func (p *page) visible(firstSeen []byte) bool {
	return p.asOf.IsZero() || !keyTime(firstSeen).After(p.asOf)
}

// take reports whether a row of the answer is on the page. done is true when
// the page is full.
func (p *page) take() (ok, done bool) {
	switch {
	case p.offset > 0:
		p.offset--
		return false, false
	case p.limit == 0:
		p.more = true
		return false, true
	}
	p.limit--
	return true, false
}

// Latest implements [store.Queries].
func (s *Store) Latest(ctx context.Context, q store.Query) (entries []news.Entry, more bool, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, false, err
	}
	defer s.leave()
	p := newPage(q)
	err = s.view(ctx, func(t *txn) error {
		m := t.newest(q.Sources)
		for r := m.head(); r != nil && p.within(r.rest); r = m.head() {
			if p.visible(r.value) {
				ok, done := p.take()
				if done {
					return nil
				}
				if ok {
					e, err := t.indexed(append(bytes.Clone(r.prefix), r.rest[timeLen:]...))
					if err != nil {
						return err
					}
					entries = append(entries, e)
				}
			}
			m.next()
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return entries, p.more, nil
}

// newest goes through the entries of the sources, newest first.
func (t *txn) newest(sources []news.SourceID) *merge {
	if len(sources) == 0 {
		return newMerge(t.run(allBucket, nil))
	}
	ids := slices.Clone(sources)
	slices.Sort(ids)
	var runs []*run
	for _, id := range slices.Compact(ids) {
		runs = append(runs, t.run(timeBucket, sourceKey(id)))
	}
	return newMerge(runs...)
}

// Quotes implements [store.Queries].
func (s *Store) Quotes(ctx context.Context, q store.Query) (quotes []store.QuoteHit, more bool, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, false, err
	}
	defer s.leave()
	f := finder{page: newPage(q), sources: make(map[string]bool, len(q.Sources))}
	for _, id := range q.Sources {
		f.sources[string(sourceKey(id))] = true
	}
	if err := s.view(ctx, func(t *txn) error { return f.find(ctx, t, q.Words, q.Speaker) }); err != nil {
		return nil, false, err
	}
	return f.hits, f.page.more, nil
}

// A finder collects the quotes of a query.
type finder struct {
	*page
	sources  map[string]bool // by key; empty = all
	speaker  []string        // words of the speaker's name or role
	frequent []string        // words that are looked for in the quotes themselves
	entry    news.Entry      // the last one read
	ref      []byte          // its key
	hits     []store.QuoteHit
}

func (f *finder) find(ctx context.Context, t *txn, text, speaker string) error {
	var all []*merge
	f.speaker = ledger.Words(speaker)
	for _, w := range append(ledger.Words(text), f.speaker...) {
		if m := t.having(w); m != nil {
			all = append(all, m)
		} else {
			f.frequent = append(f.frequent, w)
		}
	}
	if len(all) == 0 {
		all = append(all, t.quoted())
	}
	for {
		r, err := join(ctx, all)
		if r == nil || err != nil || !f.within(r.rest) {
			return err
		}
		at := bytes.Clone(r.rest)
		done, err := f.consider(t, at, r.value)
		if err != nil || done {
			return err
		}
		for m := all[0]; m.head() != nil && bytes.Equal(m.head().rest, at); { // two words of a quote may begin alike
			m.next()
		}
	}
}

// consider adds the quote at a place if it belongs to the answer.
func (f *finder) consider(t *txn, at, firstSeen []byte) (done bool, err error) {
	end := len(at) - 2
	if end < timeLen {
		return false, damaged("an index of quotes holds %q", at)
	}
	ref := at[timeLen:end]
	n := cutName(ref)
	if len(f.sources) > 0 && (n < 0 || !f.sources[string(ref[:n])]) || !f.visible(firstSeen) {
		return false, nil
	}
	if len(f.frequent)+len(f.speaker) > 0 {
		q, err := f.quote(t, ref, at[end:])
		if err != nil {
			return false, err
		}
		for _, w := range f.frequent {
			if !ledger.HasWord(ledger.QuoteWords(&q), w) {
				return false, nil
			}
		}
		for _, w := range f.speaker {
			if !ledger.HasWord(ledger.SpeakerWords(&q), w) {
				return false, nil
			}
		}
	}
	ok, done := f.take()
	if !ok {
		return done, nil
	}
	q, err := f.quote(t, ref, at[end:])
	if err != nil {
		return false, err
	}
	f.hits = append(f.hits, store.QuoteHit{Entry: f.entry, Quote: q})
	return false, nil
}

// quote returns the quote of an entry, which is kept for the next one.
func (f *finder) quote(t *txn, ref, number []byte) (news.Quote, error) {
	if !bytes.Equal(f.ref, ref) {
		e, err := t.indexed(ref)
		if err != nil {
			return news.Quote{}, err
		}
		f.entry, f.ref = e, bytes.Clone(ref)
	}
	i := int(binary.BigEndian.Uint16(number))
	if i >= len(f.entry.Quotes) {
		return news.Quote{}, damaged("an index names quote %d of %s", i, f.entry.Ref)
	}
	return f.entry.Quotes[i], nil
}

// Speakers implements [store.Queries].
func (s *Store) Speakers(ctx context.Context, prefix string, limit int) (names []string, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	err = s.view(ctx, func(t *txn) error {
		c := t.tx.Bucket([]byte(speakerBucket)).Cursor()
		for k, v := c.First(); k != nil && len(names) < limit; k, v = c.Next() {
			var name string
			if err := unseal(speakerBucket, k, v, &name); err != nil {
				return err
			}
			if ledger.Holds(name, prefix) {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

// Sources implements [store.Queries].
func (s *Store) Sources(ctx context.Context) ([]store.SourceStatus, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]store.SourceStatus, 0, len(c.sources))
	for _, src := range c.sources {
		st := src.rec.Status()
		st.Failures, st.Problem, st.Next = src.failures, src.problem, src.due.UTC()
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b store.SourceStatus) int { return cmp.Compare(a.Source.ID, b.Source.ID) })
	return list, nil
}

// live adds to a status what only memory holds.
func (s *Store) live(st *store.SourceStatus) {
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	if src := c.sources[st.Source.ID]; src != nil {
		st.LastRead = src.rec.Cursor.Read
		st.Failures, st.Problem, st.Next = src.failures, src.problem, src.due.UTC()
	}
}

// Receipt implements [store.Queries].
func (s *Store) Receipt(ctx context.Context, ch chat.Channel, ref news.Ref) (r store.Receipt, err error) {
	if err := s.enter(ctx); err != nil {
		return r, err
	}
	defer s.leave()
	err = s.view(ctx, func(t *txn) error {
		ref, err := t.resolve(ref)
		if err != nil {
			return err
		}
		key := appendLane(refKey(ref), ch)
		rec := t.raw(receiptBucket, key)
		if rec == nil {
			return store.ErrNotFound
		}
		r, err = openReceipt(key, rec)
		if err == nil && r.Message == "" {
			err = store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return store.Receipt{}, err
	}
	return r, nil
}

// Abandoned implements [store.Queries].
func (s *Store) Abandoned(ctx context.Context, limit int) (list []store.Delivery, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if limit <= 0 {
		limit = ledger.DefaultLimit
	}
	err = s.view(ctx, func(t *txn) error {
		c := t.tx.Bucket([]byte(abandonedBucket)).Cursor()
		for k, v := c.Last(); k != nil && len(list) < limit; k, v = c.Prev() {
			var d deliveryRecord
			if err := unseal(abandonedBucket, k, v, &d); err != nil {
				return err
			}
			list = append(list, d.Delivery)
		}
		return nil
	})
	return list, err
}
