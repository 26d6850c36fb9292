package bolt

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// Known implements [store.Polls].
func (s *Store) Known(ctx context.Context, id news.SourceID, ids []news.EntryID, from, to time.Time) ([]news.Known, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	k := knower{source: id, seen: make(map[string]bool, len(ids)), out: make([]news.Known, 0, len(ids))}
	err := s.view(ctx, func(t *txn) error {
		for _, id := range ids {
			if err := k.byID(t, id); err != nil {
				return err
			}
		}
		if from.IsZero() && to.IsZero() {
			return nil
		}
		return k.byTime(t, from, to)
	})
	if err != nil {
		return nil, err
	}
	return k.out, nil
}

// A knower collects what is known of entries, each once.
type knower struct {
	source news.SourceID
	seen   map[string]bool // by key
	out    []news.Known
}

func (k *knower) byID(t *txn, id news.EntryID) error {
	key := refKey(news.Ref{Source: k.source, Entry: id})
	if rec := t.raw(knownBucket, key); rec != nil {
		return k.add(key, rec)
	}
	own, ok, err := t.alias(k.source, id)
	if err != nil || !ok {
		return err
	}
	key = refKey(news.Ref{Source: k.source, Entry: own})
	if rec := t.raw(knownBucket, key); rec != nil {
		return k.add(key, rec)
	}
	return nil
}

func (k *knower) byTime(t *txn, from, to time.Time) error {
	source := sourceKey(k.source)
	start := source
	if !to.IsZero() {
		start = appendTime(bytes.Clone(source), to)
	}
	end := appendTime(nil, from)
	c := t.tx.Bucket([]byte(timeBucket)).Cursor()
	for key, _ := c.Seek(start); key != nil && bytes.HasPrefix(key, source); key, _ = c.Next() {
		rest := key[len(source):]
		if len(rest) < timeLen || bytes.Compare(rest[:timeLen], end) > 0 {
			return nil
		}
		key = append(bytes.Clone(source), rest[timeLen:]...)
		rec := t.raw(knownBucket, key)
		if rec == nil {
			return damaged("%s has a time and no entry", key)
		}
		if err := k.add(key, rec); err != nil {
			return err
		}
	}
	return nil
}

func (k *knower) add(key, rec []byte) error {
	if k.seen[string(key)] {
		return nil
	}
	k.seen[string(key)] = true
	var kr knownRecord
	if err := unseal(knownBucket, key, rec, &kr); err != nil {
		return err
	}
	k.out = append(k.out, kr.known())
	return nil
}

// alias returns the id of the entry that has the alias.
func (t *txn) alias(source news.SourceID, id news.EntryID) (own news.EntryID, ok bool, err error) {
	ok, err = t.get(aliasBucket, refKey(news.Ref{Source: source, Entry: id}), &own)
	return own, ok, err
}

// Record implements [store.Polls].
func (s *Store) Record(ctx context.Context, l store.Lease, p store.Poll) (store.Recorded, error) {
	if err := s.enter(ctx); err != nil {
		return store.Recorded{}, err
	}
	defer s.leave()
	var done store.Recorded
	find := func() *claim {
		if src := s.claims.leased(l); src != nil {
			return &src.claim
		}
		return nil
	}
	err := s.writeAs(ctx, find, func(t *txn) (func(), error) {
		r := recorder{now: time.Now().UTC(), t: t}
		if err := r.record(s, l.Source.ID, p); err != nil {
			return nil, err
		}
		done = r.done
		return s.locked(func() { s.recorded(l, &r) }), nil
	})
	if err != nil {
		return store.Recorded{}, err
	}
	return done, nil
}

// recorded brings the claims up to what was saved.
func (s *Store) recorded(l store.Lease, r *recorder) {
	for _, change := range r.mail.changes {
		change()
	}
	src := s.claims.leased(l)
	if src == nil {
		return // unreachable unless Sync took the source in the same commit
	}
	src.rec = r.source
	src.failures, src.problem = 0, ""
	s.claims.release(src, r.source.Next)
}

// A recorder saves the changes of one poll.
type recorder struct {
	t      *txn
	now    time.Time
	source sourceRecord
	mail   courier
	done   store.Recorded
	loud   []loud
}

// A loud change is one that channels are told.
type loud struct {
	entry news.Entry
	added bool
}

func (r *recorder) record(s *Store, id news.SourceID, p store.Poll) error {
	found, err := r.t.get(sourceBucket, sourceKey(id), &r.source)
	if err != nil {
		return err
	}
	if !found {
		return damaged("source %s is followed and not recorded", id)
	}
	for i := range p.Changes {
		if err := r.change(id, p.Changes[i]); err != nil {
			return err
		}
	}
	if err := r.tell(s, id, p); err != nil {
		return err
	}
	return r.saveSource(p)
}

func (r *recorder) saveSource(p store.Poll) error {
	src := &r.source
	if p.Gap != (store.Gap{}) {
		src.Gap = store.Gap{From: utc(p.Gap.From), To: utc(p.Gap.To), Seen: r.now.Round(0)}
	}
	if p.Successor != "" {
		src.Successor = p.Successor
	}
	if r.done.Added+r.done.Edited+r.done.Withdrawn > 0 {
		src.Active = r.now.Round(0)
	}
	src.Title, src.Format, src.Ended, src.Cursor = p.Title, p.Format, p.Ended, p.Cursor
	src.Next, src.Planned = p.Next.UTC().Round(0), r.now.Round(0)
	if src.FirstSeen.IsZero() {
		src.FirstSeen = r.now.Round(0)
	}
	key := sourceKey(src.Source.ID)
	src.Newest = time.Time{}
	if k, _ := r.t.first(timeBucket, key); k != nil {
		src.Newest = keyTime(k[len(key):])
	}
	return r.t.put(sourceBucket, key, src)
}

// tell promises the loud changes, new entries before edits, so that what is
// not yet known does not wait for a correction of what is; then what is told
// of the page itself.
func (r *recorder) tell(s *Store, id news.SourceID, p store.Poll) error {
	ended, first := p.Ended && !r.source.Ended, r.source.FirstSeen.IsZero()
	changed := len(r.loud) > 0 || r.done.Added+r.done.Edited+r.done.Withdrawn > 0 || r.pageChanged(p)
	if !changed {
		return nil
	}
	subs, err := r.t.subscriptions(id)
	if err != nil {
		return err
	}
	r.mail = courier{s: s, t: r.t, source: &r.source, subs: subs, now: r.now.Round(0)}
	for _, added := range []bool{true, false} {
		for i := range r.loud {
			l := &r.loud[i]
			if l.added != added {
				continue
			}
			tell := r.mail.amend
			if added {
				tell = r.mail.announce
			}
			if err := tell(&l.entry); err != nil {
				return err
			}
		}
	}
	if err := r.mail.heads(); err != nil {
		return err
	}
	if ended && !first {
		if err := r.mail.closings(); err != nil {
			return err
		}
	}
	r.done.Enqueued = r.mail.made
	return nil
}

// pageChanged reports whether the page itself shows something else.
func (r *recorder) pageChanged(p store.Poll) bool {
	src := &r.source
	return p.Title != src.Title || p.Ended != src.Ended || p.Successor != "" && p.Successor != src.Successor
}

// change saves one change. One that is saved already changes nothing.
func (r *recorder) change(id news.SourceID, c news.Change) error {
	c.Entry.Source = id
	if reserved(c.Entry.Entry) {
		return nil
	}
	if c.Kind == news.Missed {
		return r.missed(c)
	}
	var prev *news.Entry
	stored, err := r.t.entry(c.Entry.Ref)
	if err != nil {
		return err
	}
	if stored.Entry != "" {
		prev = &stored
	}
	if (c.Kind == news.Added) != (prev == nil) {
		return nil // known already, or gone meanwhile
	}
	e, same, err := r.settle(c.Kind, prev, c.Entry)
	if err != nil {
		return err
	}
	if same {
		return nil
	}
	if err := r.t.putEntry(prev, &e); err != nil {
		return err
	}
	if prev != nil && e.Revision > prev.Revision {
		if err := r.t.keepRevision(prev); err != nil {
			return err
		}
	}
	r.count(c.Kind, prev != nil && prev.Withdrawn, e.Withdrawn)
	if !c.Quiet && c.Kind != news.Aliased {
		r.loud = append(r.loud, loud{entry: e, added: c.Kind == news.Added})
	}
	return nil
}

func (r *recorder) count(kind news.ChangeKind, was, is bool) {
	switch {
	case is && !was:
		r.source.Withdrawn++
	case was && !is:
		r.source.Withdrawn--
	}
	switch kind {
	case news.Added:
		r.done.Added++
		r.source.Entries++
	case news.Edited, news.Reinstated:
		r.done.Edited++
	case news.Retracted:
		r.done.Withdrawn++
	}
}

// settle fills in what an entry must have to be saved. same reports that it is
// saved already, or that something newer is.
func (r *recorder) settle(kind news.ChangeKind, prev *news.Entry, e news.Entry) (_ news.Entry, same bool, err error) {
	now := r.now.Round(0)
	e.FirstSeen, e.Changed = utc(e.FirstSeen), utc(e.Changed)
	e.Published, e.Updated = utc(e.Published), utc(e.Updated)
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

// utc drops what a stored time does not keep.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// missed saves how often an entry was absent.
func (r *recorder) missed(c news.Change) error {
	key := refKey(c.Entry.Ref)
	var k knownRecord
	found, err := r.t.get(knownBucket, key, &k)
	if err != nil || !found || k.Missed == c.Missed {
		return err
	}
	k.Missed = c.Missed
	return r.t.put(knownBucket, key, &k)
}

// Sync implements [store.Store].
func (s *Store) Sync(ctx context.Context, sources []news.Source, subs []store.Subscription) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.write(ctx, func(t *txn) (func(), error) {
		y := syncer{s: s, t: t, followed: make(map[news.SourceID]bool, len(sources))}
		if err := y.sources(sources); err != nil {
			return nil, err
		}
		if err := y.subscriptions(subs); err != nil {
			return nil, err
		}
		return s.locked(func() {
			for _, change := range y.changes {
				change()
			}
		}), nil
	})
}

// A syncer makes the ledger follow what the configuration says.
type syncer struct {
	s        *Store
	t        *txn
	followed map[news.SourceID]bool
	changes  []func() // to be called under the lock after the commit
}

func (y *syncer) sources(want []news.Source) error {
	for _, src := range want {
		y.followed[src.ID] = true
		if err := y.follow(src); err != nil {
			return err
		}
	}
	var gone []sourceRecord
	err := y.t.each(sourceBucket, nil, func(k, v []byte) error {
		var rec sourceRecord
		if err := unseal(sourceBucket, k, v, &rec); err != nil {
			return err
		}
		if rec.Followed && !y.followed[rec.Source.ID] {
			gone = append(gone, rec)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, rec := range gone {
		if err := y.leave(rec); err != nil {
			return err
		}
	}
	return nil
}

// follow saves a source whose configuration is not as saved. A new address
// makes what was known of the old one's state worthless.
func (y *syncer) follow(src news.Source) error {
	var rec sourceRecord
	if _, err := y.t.get(sourceBucket, sourceKey(src.ID), &rec); err != nil {
		return err
	}
	if rec.Followed && rec.Source == src {
		return nil
	}
	moved := rec.Source.URL != src.URL
	reset := moved || rec.Source.Format != src.Format
	if reset {
		rec.Cursor = news.Cursor{Read: rec.Cursor.Read}
	}
	fresh := moved || !rec.Followed
	rec.Source, rec.Followed = src, true
	y.changes = append(y.changes, func() { y.s.claims.follow(rec, fresh, reset) })
	return y.t.put(sourceBucket, sourceKey(src.ID), &rec)
}

// follow puts a source into the order of things. A fresh one is due at once,
// whoever is reading it under its old address.
func (c *claims) follow(rec sourceRecord, fresh, reset bool) {
	src := c.sources[rec.Source.ID]
	if src == nil {
		src = &source{rec: rec}
		c.sources[rec.Source.ID] = src
	}
	if !reset {
		rec.Cursor = src.rec.Cursor // newer than the file's
	}
	src.rec = rec
	if fresh {
		c.putSource(src, time.Now())
	}
}

func (y *syncer) leave(rec sourceRecord) error {
	rec.Followed = false
	id := rec.Source.ID
	y.changes = append(y.changes, func() {
		if src := y.s.claims.sources[id]; src != nil {
			y.s.claims.dropSource(src)
			delete(y.s.claims.sources, id)
		}
	})
	return y.t.put(sourceBucket, sourceKey(id), &rec)
}

func (y *syncer) subscriptions(want []store.Subscription) error {
	wanted := make(map[string]bool, len(want))
	for _, sub := range want {
		key := appendLane(sourceKey(sub.Source), sub.Channel)
		wanted[string(key)] = true
		rec := subRecord(sub)
		var old subRecord
		if _, err := y.t.get(subBucket, key, &old); err != nil {
			return err
		}
		if old.equal(rec) {
			continue
		}
		if err := y.t.put(subBucket, key, &rec); err != nil {
			return err
		}
	}
	gone := make(map[chat.Channel]map[news.SourceID]bool)
	var keys [][]byte
	err := y.t.each(subBucket, nil, func(k, v []byte) error {
		if wanted[string(k)] {
			return nil
		}
		var rec subRecord
		if err := unseal(subBucket, k, v, &rec); err != nil {
			return err
		}
		if gone[rec.Channel] == nil {
			gone[rec.Channel] = make(map[news.SourceID]bool)
		}
		gone[rec.Channel][rec.Source] = true
		keys = append(keys, bytes.Clone(k))
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := y.t.delete(subBucket, k); err != nil {
			return err
		}
	}
	for ch, sources := range gone {
		if err := y.unsubscribe(ch, sources); err != nil {
			return err
		}
	}
	return nil
}

// subscribed reports whether the channel is told the source.
func (t *txn) subscribed(source news.SourceID, ch chat.Channel) (bool, error) {
	_, ok, err := t.subscription(source, ch)
	return ok, err
}

// subscription returns the channel's subscription to the source, or to every
// source.
func (t *txn) subscription(source news.SourceID, ch chat.Channel) (sub subRecord, ok bool, err error) {
	ok, err = t.get(subBucket, appendLane(sourceKey(source), ch), &sub)
	if ok || err != nil {
		return sub, ok, err
	}
	ok, err = t.get(subBucket, appendLane(sourceKey(""), ch), &sub)
	return sub, ok, err
}

// dispensable reports whether nobody misses the delivery where the source is no
// longer subscribed to: it was never tried, and corrects nothing that stands.
func (d *deliveryRecord) dispensable() bool {
	return d.Attempts == 0 && d.Tried.IsZero() && !d.Edit && d.Kind != store.Note && d.Entry.Source != ""
}

// unsubscribe drops the channel's deliveries from sources that were never
// tried.
func (y *syncer) unsubscribe(ch chat.Channel, sources map[news.SourceID]bool) error {
	var drop []deliveryRecord
	err := y.t.each(outBucket, appendLane(nil, ch), func(k, v []byte) error {
		var d deliveryRecord
		if err := unseal(outBucket, k, v, &d); err != nil {
			return err
		}
		if !sources[d.Entry.Source] && !sources[""] || !d.dispensable() {
			return nil
		}
		if wanted, err := y.t.subscribed(d.Entry.Source, ch); wanted || err != nil {
			return err
		}
		drop = append(drop, d)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range drop {
		dropped, err := y.s.remove(y.t, &drop[i])
		if err != nil {
			return err
		}
		y.changes = append(y.changes, dropped)
	}
	return nil
}
