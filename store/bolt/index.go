package bolt

import (
	"bytes"
	"container/heap"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store/ledger"
)

// A row is a key of an index with its value.
type row struct {
	bucket string
	key    string
	value  []byte
}

// rows returns the rows under which an entry is found. The words and speakers
// of a withdrawn one are not.
func rows(e *news.Entry) []row {
	ref := refKey(e.Ref)
	when := appendTime(nil, e.When())
	seen := appendTime(nil, e.FirstSeen)
	place := string(when) + string(ref)
	out := []row{
		{timeBucket, string(sourceKey(e.Source)) + string(when) + string(appendName(nil, e.Entry)), seen},
		{allBucket, place, seen},
	}
	if e.URL != "" {
		out = append(out, row{urlBucket, string(urlKey(e.URL)) + string(ref), []byte{}})
	}
	if e.Withdrawn {
		return out
	}
	for i := range e.Quotes {
		q := &e.Quotes[i]
		at := "\x00" + place + string(binary.BigEndian.AppendUint16(nil, uint16(i)))
		out = append(out, row{wordBucket, at, seen})
		for _, w := range ledger.QuoteWords(q) {
			out = append(out, row{wordBucket, w + at, seen})
		}
		if q.Speaker != "" {
			out = append(out, row{spokenBucket, string(appendName(nil, q.Speaker)) + place, []byte{}})
		}
	}
	return out
}

// putEntry saves an entry, which was prev before (nil = it is new), and brings
// everything by which it is found up to it.
func (t *txn) putEntry(prev, e *news.Entry) error {
	key := refKey(e.Ref)
	if err := t.put(entryBucket, key, e); err != nil {
		return err
	}
	if err := t.put(knownBucket, key, ledger.Remember(e)); err != nil {
		return err
	}
	if err := t.putAliases(prev, e); err != nil {
		return err
	}
	return t.putRows(prev, e)
}

// putAliases makes the entry's aliases lead to it, but for those that lead to
// another entry already.
func (t *txn) putAliases(prev, e *news.Entry) error {
	for _, a := range e.Aliases {
		if _, taken, err := t.alias(e.Source, a); err != nil || taken || a == e.Entry {
			if err != nil {
				return err
			}
			continue
		}
		if err := t.put(aliasBucket, refKey(news.Ref{Source: e.Source, Entry: a}), e.Entry); err != nil {
			return err
		}
	}
	if prev == nil {
		return nil
	}
	for _, a := range prev.Aliases {
		if slices.Contains(e.Aliases, a) {
			continue
		}
		if own, _, err := t.alias(e.Source, a); err != nil || own != e.Entry {
			if err != nil {
				return err
			}
			continue
		}
		if err := t.delete(aliasBucket, refKey(news.Ref{Source: e.Source, Entry: a})); err != nil {
			return err
		}
	}
	return nil
}

// putRows writes the rows that are new and deletes those that no longer hold.
func (t *txn) putRows(prev, e *news.Entry) error {
	speakers := map[string]time.Time{} // the newest entry that quoted them so far
	for _, e := range []*news.Entry{prev, e} {
		if e == nil {
			continue
		}
		for _, q := range e.Quotes {
			if q.Speaker != "" {
				speakers[q.Speaker] = t.lastSpoken(q.Speaker)
			}
		}
	}
	old := map[string]row{}
	if prev != nil {
		for _, r := range rows(prev) {
			old[r.bucket+r.key] = r
		}
	}
	for _, r := range rows(e) {
		if _, stands := old[r.bucket+r.key]; stands {
			delete(old, r.bucket+r.key)
			continue
		}
		if err := t.putRaw(r.bucket, []byte(r.key), r.value); err != nil {
			return err
		}
	}
	for _, r := range old {
		if err := t.delete(r.bucket, []byte(r.key)); err != nil {
			return err
		}
	}
	for name, before := range speakers {
		if err := t.putSpeaker(name, before); err != nil {
			return err
		}
	}
	return nil
}

// lastSpoken returns the time of the newest entry that quotes the speaker; zero
// if there is none.
func (t *txn) lastSpoken(name string) time.Time {
	prefix := appendName(nil, name)
	k, _ := t.first(spokenBucket, prefix)
	if k == nil {
		return time.Time{}
	}
	return keyTime(k[len(prefix):])
}

// putSpeaker moves a speaker to its place among the speakers.
func (t *txn) putSpeaker(name string, before time.Time) error {
	after := t.lastSpoken(name)
	if after.Equal(before) {
		return nil
	}
	if !before.IsZero() {
		if err := t.delete(speakerBucket, appendName(appendTime(nil, before), name)); err != nil {
			return err
		}
	}
	if after.IsZero() {
		return nil
	}
	return t.put(speakerBucket, appendName(appendTime(nil, after), name), name)
}

// A run is a stretch of an index: the keys with one prefix, in order.
type run struct {
	t      *txn
	c      *bbolt.Cursor
	prefix []byte
	rest   []byte // of the current key, after the prefix; nil at the end
	value  []byte
}

func (t *txn) run(bucket string, prefix []byte) *run {
	r := &run{t: t, c: t.tx.Bucket([]byte(bucket)).Cursor(), prefix: prefix}
	r.set(r.c.Seek(prefix))
	return r
}

func (r *run) set(k, v []byte) {
	r.t.visited++
	r.rest, r.value = nil, nil
	if k != nil && bytes.HasPrefix(k, r.prefix) {
		r.rest, r.value = k[len(r.prefix):], v
	}
}

// A merge goes through several runs as if they were one.
type merge []*run

func newMerge(runs ...*run) *merge {
	m := merge(slices.DeleteFunc(runs, func(r *run) bool { return r.rest == nil }))
	heap.Init(&m)
	return &m
}

// head returns the run whose key comes first, nil at the end.
func (m *merge) head() *run {
	if len(*m) == 0 {
		return nil
	}
	return (*m)[0]
}

// next goes to the next key.
func (m *merge) next() {
	r := m.head()
	r.set(r.c.Next())
	m.fix()
}

// seek goes to the first key that is not before rest.
func (m *merge) seek(rest []byte) {
	for r := m.head(); r != nil && bytes.Compare(r.rest, rest) < 0; r = m.head() {
		r.set(r.c.Seek(append(bytes.Clone(r.prefix), rest...)))
		m.fix()
	}
}

// fix restores the order after the head has moved.
func (m *merge) fix() {
	if (*m)[0].rest == nil {
		heap.Pop(m)
		return
	}
	heap.Fix(m, 0)
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (m *merge) Len() int { return len(*m) }

// Less orders by what follows the prefix.
func (m *merge) Less(i, j int) bool { return bytes.Compare((*m)[i].rest, (*m)[j].rest) < 0 }

// Swap exchanges two runs.
func (m *merge) Swap(i, j int) { (*m)[i], (*m)[j] = (*m)[j], (*m)[i] }

// Push appends a run.
func (m *merge) Push(v any) { *m = append(*m, v.(*run)) }

// Pop takes the last run.
func (m *merge) Pop() any {
	last := len(*m) - 1
	r := (*m)[last]
	*m = (*m)[:last]
	return r
}

// maxWords bounds how many words of the index one word of a query stands for.
// A beginning that more words share is looked for in the quotes themselves:
// most of them will have it.
const maxWords = 256

// having goes through the quotes that have a word beginning with prefix,
// newest first; nil if too many words do.
func (t *txn) having(prefix string) *merge {
	c := t.tx.Bucket([]byte(wordBucket)).Cursor()
	var runs []*run
	k, _ := c.Seek([]byte(prefix))
	for k != nil && bytes.HasPrefix(k, []byte(prefix)) {
		end := bytes.IndexByte(k, 0)
		if end < 0 || len(runs) == maxWords {
			return nil
		}
		word := bytes.Clone(k[:end+1])
		runs = append(runs, t.run(wordBucket, word))
		k, _ = c.Seek(append(word[:end:end], 1))
	}
	return newMerge(runs...)
}

// quoted goes through all quotes, newest first.
func (t *txn) quoted() *merge { return newMerge(t.run(wordBucket, []byte{0})) }

// join goes to the first key that all merges hold, at or after where they
// stand, and returns it; nil if there is none.
func join(ctx context.Context, all []*merge) (*run, error) {
	for ctx.Err() == nil {
		var last []byte
		for _, m := range all {
			h := m.head()
			if h == nil {
				return nil, nil
			}
			if bytes.Compare(h.rest, last) > 0 {
				last = h.rest
			}
		}
		same := true
		for _, m := range all {
			if !bytes.Equal(m.head().rest, last) {
				same = false
				m.seek(last)
			}
		}
		if same {
			return all[0].head(), nil
		}
	}
	return nil, ctx.Err()
}
