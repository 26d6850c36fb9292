package news

import (
	"crypto/sha256"
	"hash/fnv"
	"slices"
	"strings"
	"time"
	"unicode"
)

// MissesToWithdraw is how many successive readings must hold both a newer and
// an older entry, but not this one, before its absence counts as withdrawal.
// One is not enough: pages are served from caches that disagree for a while.
const MissesToWithdraw = 2

// A Digest is a hash of what a reader sees of an entry.
type Digest [32]byte

// Known is what is remembered of an entry between two readings: enough to tell
// whether it changed, without reading it whole.
type Known struct {
	ID        EntryID
	Aliases   []EntryID
	Digest    Digest
	When      time.Time // Entry.When
	Dated     bool      // the source stated the time
	Headline  string
	Opening   uint64 // hash of how its text begins; 0 for a text too short to tell it by
	Missed    int    // successive readings that should have held it and did not
	Withdrawn bool
	Revision  int
}

// Remember returns what Diff needs to know of e at the next reading.
func Remember(e *Entry) Known {
	return Known{
		ID: e.Entry, Aliases: e.Aliases, Digest: e.Digest(),
		When: e.When(), Dated: !e.Published.IsZero(), Headline: e.Headline, Opening: opening(e.Body),
		Withdrawn: e.Withdrawn, Revision: e.Revision,
	}
}

// Of a text this much says whose it is, in bytes without extra blanks: two
// entries rarely begin alike for as long, unless one is the other, edited.
const (
	openingLength = 120
	shortOpening  = 60
)

// opening returns a hash of how a text begins, 0 if it is too short.
func opening(body string) uint64 {
	buf := make([]byte, 0, openingLength+64)
	for w := range strings.FieldsSeq(body) {
		if buf = append(append(buf, w...), ' '); len(buf) >= openingLength {
			break
		}
	}
	if buf = buf[:min(len(buf), openingLength)]; len(buf) < shortOpening {
		return 0
	}
	h := fnv.New64a()
	h.Write(buf)
	return h.Sum64()
}

// Digest returns a hash of the entry's words and media, white space folded.
// What sources change without telling anybody anything is left out: bylines
// (some stamp the whole page's authors on every entry), times, ids, addresses.
// So are quotes: they follow from the words; and of a medium's address all but
// the path: hosts, sizes and signatures change from reading to reading.
func (e *Entry) Digest() Digest {
	buf := make([]byte, 0, len(e.Headline)+len(e.Body)+64)
	buf = appendFolded(buf, e.Headline)
	buf = appendFolded(buf, e.Body)
	for _, m := range e.Media {
		buf = appendFolded(buf, mediaPath(m.URL))
		buf = appendFolded(buf, m.Alt)
	}
	return sha256.Sum256(buf)
}

// mediaPath cuts scheme, host, query and fragment off an absolute URL.
func mediaPath(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, url, _ = strings.Cut(rest, "/")
	}
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	return url
}

// appendFolded appends the words of s, one blank between them, and a NUL.
func appendFolded(buf []byte, s string) []byte {
	first := true
	for w := range strings.FieldsSeq(s) {
		if !first {
			buf = append(buf, ' ')
		}
		first = false
		buf = append(buf, w...)
	}
	return append(buf, 0)
}

// A ChangeKind says what happened to an entry between two readings.
type ChangeKind int

// The kinds of change.
const (
	Added      ChangeKind = iota + 1 // not seen before
	Edited                           // its words or media differ
	Missed                           // absent where it should stand; Change.Missed counts, 0 = it is back
	Retracted                        // withdrawn by its source
	Reinstated                       // withdrawn before, standing again
	Aliased                          // the same entry under another id
)

// String returns the kind in lower case.
func (k ChangeKind) String() string {
	switch k {
	case Added:
		return "added"
	case Edited:
		return "edited"
	case Missed:
		return "missed"
	case Retracted:
		return "withdrawn"
	case Reinstated:
		return "reinstated"
	case Aliased:
		return "aliased"
	}
	return "none"
}

// A Change is one difference between what is known and what was read. Entry
// is as read; for Missed and Retracted without a reading it holds only the
// Ref. Its Entry id is the one it is known by.
type Change struct {
	Kind   ChangeKind
	Entry  Entry
	Missed int  // Missed only
	Quiet  bool // record it, tell nobody
}

// Diff says how snap differs from what is known, oldest entry first, so that
// acting in order tells the story in order. known must hold what is remembered
// of every entry in snap and of those between its oldest and newest (Known of
// the store gives that). A snapshot without entries says nothing about any.
//
// Absence is a withdrawal only inside the range that snap covers, only after
// MissesToWithdraw readings in a row, and never for most of that range at once:
// that is a broken page.
func Diff(known []Known, snap Snapshot) []Change {
	d := differ{known: known, before: len(known), byID: make(map[EntryID]int, len(known)), seen: make([]bool, len(known))}
	for i, k := range known {
		d.byID[k.ID] = i
		for _, a := range k.Aliases {
			if _, taken := d.byID[a]; !taken {
				d.byID[a] = i
			}
		}
	}
	d.match(snap.Entries)
	d.absent(snap)
	slices.SortStableFunc(d.changes, func(a, b Change) int {
		return a.Entry.Published.Compare(b.Entry.Published)
	})
	return d.changes
}

type differ struct {
	known   []Known
	before  int // how many of known were known before this snapshot
	byID    map[EntryID]int
	seen    []bool // by index of known
	changes []Change
	oldest  time.Time // of what the snapshot holds
	newest  time.Time
}

// match pairs the snapshot's entries with what is known. Entries come newest
// first; changes are appended oldest first, for sources without dates.
func (d *differ) match(entries []Entry) {
	index := d.pair(entries)
	taken := make(map[int]bool, len(entries)) // a pinned copy says nothing new
	for i, e := range slices.Backward(entries) {
		at, alias := index[i], false
		if at < 0 {
			at = d.copied(&e)
		}
		if at < 0 {
			if at = d.relink(&e); at >= 0 {
				d.seen[at], alias = true, true
			}
		}
		if at < 0 {
			if !e.Withdrawn {
				d.changes = append(d.changes, Change{Kind: Added, Entry: e})
				at = d.remember(&e)
				d.byID[e.Entry], taken[at] = at, true
			}
			d.cover(e.Published)
			continue
		}
		if taken[at] {
			continue
		}
		taken[at] = true
		k := d.known[at]
		if k.Dated {
			d.cover(k.When)
		}
		if e.Entry != k.ID {
			alias = alias || !slices.Contains(k.Aliases, e.Entry)
			e.Aliases = append(slices.Clone(e.Aliases), e.Entry)
			e.Entry = k.ID
		}
		d.compare(k, e, alias)
	}
}

// pair finds the known entries that entries name, by index; -1 for none. What
// stands under its own name is not taken for another that has the name as an
// alias, unless that is a copy. Entries that were renamed and nothing else come
// last, but before those that changed: of two alike each keeps its own.
func (d *differ) pair(entries []Entry) []int {
	index := make([]int, len(entries))
	own := make(map[int]*Entry)
	for i := range entries {
		e := &entries[i]
		index[i] = d.find(e)
		if k := index[i]; k >= 0 {
			d.seen[k] = true
			if d.known[k].ID == e.Entry {
				own[k] = e
			}
		}
	}
	for i := range entries {
		e := &entries[i]
		k := index[i]
		if k >= 0 && own[k] != nil && d.known[k].ID != e.Entry && own[k].Digest() != e.Digest() {
			index[i] = -1
		}
	}
	for i := range entries {
		if index[i] >= 0 {
			continue
		}
		if k := d.twin(&entries[i]); k >= 0 {
			index[i], d.seen[k] = k, true
		}
	}
	return index
}

// twin finds a known entry that the snapshot lacks and that says the same at
// the same time as e. Where one of the two has no time, because another
// extractor read it, the words alone decide if they are the only such; what was
// published after it was first seen is another entry that says the same.
func (d *differ) twin(e *Entry) int {
	digest, dated := e.Digest(), !e.Published.IsZero()
	redated, n := -1, 0
	for i, k := range d.known {
		switch {
		case d.seen[i] || k.Digest != digest:
		case k.Dated == dated:
			if !dated || sameTime(k.When, e.Published) {
				return i
			}
		case !dated || !e.Published.After(k.When):
			redated = i
			n++
		}
	}
	if n != 1 || e.Headline == "" && opening(e.Body) == 0 {
		return -1
	}
	return redated
}

// remember adds e to what is known, so that a page that holds it twice adds it
// once.
func (d *differ) remember(e *Entry) int {
	d.known = append(d.known, Remember(e))
	d.seen = append(d.seen, true)
	return len(d.known) - 1
}

func (d *differ) compare(k Known, e Entry, alias bool) {
	switch {
	case e.Withdrawn && k.Withdrawn:
		return
	case e.Withdrawn:
		d.changes = append(d.changes, Change{Kind: Retracted, Entry: e})
	case k.Withdrawn:
		d.changes = append(d.changes, Change{Kind: Reinstated, Entry: e})
	case e.Digest() != k.Digest:
		d.changes = append(d.changes, Change{Kind: Edited, Entry: e})
	case alias:
		d.changes = append(d.changes, Change{Kind: Aliased, Entry: e})
	case k.Missed > 0:
		d.changes = append(d.changes, Change{Kind: Missed, Entry: e})
	}
}

// copied finds the entry further down, added just now, that e is a copy of; -1
// for none.
func (d *differ) copied(e *Entry) int {
	i := d.find(e)
	if i < d.before || d.known[i].ID != e.Entry && d.known[i].Digest != e.Digest() {
		return -1
	}
	return i
}

func (d *differ) find(e *Entry) int {
	if i, ok := d.byID[e.Entry]; ok {
		return i
	}
	for _, a := range e.Aliases {
		if i, ok := d.byID[a]; ok {
			return i
		}
	}
	return -1
}

// relink finds a known entry that the snapshot lacks and that e is another
// state of: same time and same headline under another id (the publisher
// renumbered, or another extractor read the page), or, where ids are hashes of
// the words, same time and nearly the same headline or the same beginning of
// the text (it was edited). Where no time is stated, the text must begin alike:
// tickers repeat their headlines.
func (d *differ) relink(e *Entry) int {
	dated, begins := !e.Published.IsZero(), opening(e.Body)
	best, bestLike := -1, 0.8
	for i, k := range d.known {
		if d.seen[i] || k.Dated != dated || dated && !sameTime(k.When, e.Published) {
			continue
		}
		like := similarity(k.Headline, e.Headline)
		exact := like == 1 && (dated && e.Headline != "" || k.Digest == e.Digest())
		alike := begins != 0 && begins == k.Opening
		if !exact && (e.IDKind == IDExplicit || !dated && !alike) {
			continue
		}
		if alike {
			like++
		}
		if like >= bestLike && (like > bestLike || best < 0) && (exact || alike || e.Headline != "") {
			best, bestLike = i, like
		}
	}
	return best
}

// sameTime compares to the second: extractors differ in the fraction.
func sameTime(a, b time.Time) bool { return a.Unix() == b.Unix() }

func (d *differ) cover(t time.Time) {
	if t.IsZero() {
		return
	}
	if d.oldest.IsZero() || t.Before(d.oldest) {
		d.oldest = t
	}
	if t.After(d.newest) {
		d.newest = t
	}
}

// absent reports explicit tombstones, and known entries that should stand
// between the snapshot's oldest and newest and do not.
func (d *differ) absent(snap Snapshot) {
	for _, id := range snap.Withdrawn {
		i, ok := d.byID[id]
		if !ok || d.seen[i] || d.known[i].Withdrawn {
			continue
		}
		d.seen[i] = true
		d.changes = append(d.changes, retracted(d.known[i]))
	}
	missing, present := d.inRange(snap.Since)
	if len(missing) > 2 && len(missing) > present {
		return // a broken page or a renumbered one, not a purge
	}
	for _, k := range missing {
		if k.Missed+1 >= MissesToWithdraw {
			d.changes = append(d.changes, retracted(k))
			continue
		}
		d.changes = append(d.changes, Change{Kind: Missed, Missed: k.Missed + 1, Entry: bare(k)})
	}
}

// inRange returns the known entries that should stand strictly between the
// snapshot's oldest and newest and do not, and how many do stand there. Before
// since the snapshot may have gaps: a pinned entry of last week says nothing of
// what came after it.
func (d *differ) inRange(since time.Time) (missing []Known, present int) {
	for i, k := range d.known {
		if k.Withdrawn || !k.Dated || k.When.Before(since) || !k.When.After(d.oldest) || !k.When.Before(d.newest) {
			continue
		}
		if d.seen[i] {
			present++
			continue
		}
		missing = append(missing, k)
	}
	return missing, present
}

func retracted(k Known) Change { return Change{Kind: Retracted, Entry: bare(k)} }

func bare(k Known) Entry {
	return Entry{Ref: Ref{Entry: k.ID}, Published: k.When, Withdrawn: true}
}

// similarity is the Dice coefficient of the words of a and b, any case: 1 for
// the same words, 0 for none in common. Two empty strings are alike.
func similarity(a, b string) float64 {
	if a == b {
		return 1
	}
	wa, wb := words(a), words(b)
	if len(wa)+len(wb) == 0 {
		return 1
	}
	count := make(map[string]int, len(wa))
	for _, w := range wa {
		count[w]++
	}
	common := 0
	for _, w := range wb {
		if count[w] > 0 {
			count[w]--
			common++
		}
	}
	return 2 * float64(common) / float64(len(wa)+len(wb))
}

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}
