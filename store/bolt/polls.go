package bolt

import (
	"bytes"
	"context"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
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
	k.out = append(k.out, kr.News())
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
		mail, b := s.courier(t)
		src, err := t.record(l.Source.ID, mail, p, &done)
		return b.then(func() { s.recorded(l, src) }), err
	})
	if err != nil {
		return store.Recorded{}, err
	}
	return done, nil
}

// recorded brings the claims up to what was saved.
func (s *Store) recorded(l store.Lease, rec sourceRecord) {
	src := s.claims.leased(l)
	if src == nil {
		return // unreachable unless Sync took the source in the same commit
	}
	src.rec = rec
	src.failures, src.problem = 0, ""
	s.claims.release(src, rec.Next)
}

// record saves the changes of one poll and returns the source as it is then.
func (t *txn) record(id news.SourceID, mail *ledger.Courier, p store.Poll, done *store.Recorded) (src sourceRecord, err error) {
	found, err := t.get(sourceBucket, sourceKey(id), &src)
	if err != nil || !found {
		return src, cmpError(err, damaged("source %s is followed and not recorded", id))
	}
	r := ledger.Recorder{Books: mail.Books, Source: &src, Now: time.Now().UTC()}
	for i := range p.Changes {
		if err := r.Change(p.Changes[i]); err != nil {
			return src, err
		}
	}
	if r.Changed(p) {
		if mail.Subs, err = t.subscriptions(id); err != nil {
			return src, err
		}
		mail.Source, mail.Now = &src, r.Now.Round(0)
		if err := r.Tell(mail, p); err != nil {
			return src, err
		}
	}
	var newest time.Time
	key := sourceKey(id)
	if k, _ := t.first(timeBucket, key); k != nil {
		newest = keyTime(k[len(key):])
	}
	r.Finish(p, newest)
	*done = r.Done
	return src, t.put(sourceBucket, key, &src)
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
	same, fresh, reset := rec.Follow(src)
	if same {
		return nil
	}
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
		if old.Equal(rec) {
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

// unsubscribe drops the channel's deliveries from sources that were never
// tried.
func (y *syncer) unsubscribe(ch chat.Channel, sources map[news.SourceID]bool) error {
	var drop []deliveryRecord
	err := y.t.each(outBucket, appendLane(nil, ch), func(k, v []byte) error {
		var d deliveryRecord
		if err := unseal(outBucket, k, v, &d); err != nil {
			return err
		}
		if !sources[d.Entry.Source] && !sources[""] || !d.Dispensable() {
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
	b := &books{txn: y.t, s: y.s}
	for i := range drop {
		if err := b.Remove(&drop[i]); err != nil {
			return err
		}
	}
	y.changes = append(y.changes, b.changes...)
	return nil
}
