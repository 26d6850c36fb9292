// Package ledger holds the rules that every engine of the store follows: what
// a change of an entry promises to whom, when a promise is renewed and when it
// is spared, how entries are folded into roll-ups, and by which words a quote
// is found.
//
// The rules know no engine. They read and write through [Books], which an
// engine implements over one of its transactions; whatever they return as an
// error, the engine lets the transaction fail with. Nothing here is safe for
// concurrent use, as a transaction is not.
package ledger

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// Bounds that both engines keep.
const (
	MaxFolded      = 200      // entries of one roll-up
	MaxRevisions   = 20       // revisions kept of an entry, beside the first and the newest
	MaxFound       = 200      // entries that Find returns
	DefaultLimit   = 10       // what a query gives that does not say
	MaxKept        = 64 << 10 // bytes of a kept value
	MaxKeptKey     = 256      // bytes of its key
	MaxHoldKey     = 200      // bytes of the key of a hold
	HeadEntries    = 3        // entries a page's card is made of
	ClosingEntries = 500      // entries a closing card is made of
	FoldedEntries  = 20       // entries a roll-up's card is made of
)

// Books is a transaction as the rules see it. A slot is what [Slot] returns.
type Books interface {
	// Receipt returns the receipt of a slot in a channel, nil if there is none.
	Receipt(ch chat.Channel, slot news.Ref) (*store.Receipt, error)
	// PutReceipt saves a receipt in place of the one before.
	PutReceipt(r *store.Receipt) error
	// Pending returns the delivery of a slot that is to be made in a channel,
	// nil if there is none.
	Pending(ch chat.Channel, slot news.Ref) (*Delivery, error)
	// Around returns a slot's receipts in every channel, and the channels in
	// which a delivery of it is pending.
	Around(slot news.Ref) (receipts []store.Receipt, pending []chat.Channel, err error)
	// Add saves a new delivery, which has no ID yet, as the last of its channel.
	Add(d *Delivery) error
	// Renew saves a pending delivery whose promise has changed; when it is due
	// has not.
	Renew(d *Delivery) error
	// Remove ends a pending delivery.
	Remove(d *Delivery) error
	// Rollup returns a roll-up, which is there.
	Rollup(ch chat.Channel, number uint64) (Rollup, error)
	// PutRollup saves a roll-up.
	PutRollup(ch chat.Channel, number uint64, r *Rollup) error
	// Rollups calls f with the channel's roll-ups, the greatest number first,
	// until it says that it has seen enough.
	Rollups(ch chat.Channel, f func(number uint64, r *Rollup) (enough bool, err error)) error
	// PutFolded notes that a roll-up tells an entry.
	PutFolded(ch chat.Channel, number uint64, e *news.Entry) error
	// Entry returns an entry by its own id, nil if there is none.
	Entry(ref news.Ref) (*news.Entry, error)
	// PutEntry saves an entry, which was prev before (nil = it is new), and all
	// by which it is found.
	PutEntry(prev, e *news.Entry) error
	// PutRevision keeps an entry as it was, and of too many revisions forgets
	// the oldest but the first.
	PutRevision(e *news.Entry) error
	// Missed saves how often an entry was absent. One that is not there is none.
	Missed(ref news.Ref, n int) error
}

// A Source is what is known of a source that is or was followed.
type Source struct {
	Source    news.Source
	Followed  bool        `json:",omitempty"`
	Title     string      `json:",omitempty"`
	Format    string      `json:",omitempty"`
	Ended     bool        `json:",omitempty"`
	FirstSeen time.Time   `json:",omitzero"`
	Entries   int         `json:",omitempty"`
	Withdrawn int         `json:",omitempty"` // of the entries
	Active    time.Time   `json:",omitzero"`  // when an entry was last added or changed; see Touched
	Gap       store.Gap   `json:",omitzero"`
	Successor string      `json:",omitempty"`
	Newest    time.Time   `json:",omitzero"`
	Cursor    news.Cursor `json:",omitzero"`
	Next      time.Time   `json:",omitzero"` // due again, as planned
	Planned   time.Time   `json:",omitzero"` // when Next was set; tells a wait from a clock that jumped
}

// Touched returns when an entry was last added or changed: FirstSeen if never
// since.
func (s *Source) Touched() time.Time {
	if s.Active.IsZero() {
		return s.FirstSeen
	}
	return s.Active
}

// Status returns what is known of the source but for how its readings went.
func (s *Source) Status() store.SourceStatus {
	return store.SourceStatus{
		Source: s.Source, Title: s.Title, Format: s.Format, Ended: s.Ended, Entries: s.Entries, Newest: s.Newest,
		FirstSeen: s.FirstSeen, LastRead: s.Cursor.Read, Active: s.Touched(), Gap: s.Gap, Successor: s.Successor,
	}
}

// A Subscription is a store.Subscription; its key says whose and to what.
type Subscription struct {
	Source  news.SourceID
	Channel chat.Channel
	Silent  bool        `json:",omitempty"`
	Style   store.Style `json:",omitempty"`
	Publish bool        `json:",omitempty"`
	Closing bool        `json:",omitempty"`
	Delete  bool        `json:",omitempty"`
	Tags    []string    `json:",omitempty"`
}

// Equal reports whether two subscriptions ask for the same.
func (s Subscription) Equal(o Subscription) bool {
	same := slices.Equal(s.Tags, o.Tags)
	s.Tags, o.Tags = nil, nil
	return same && reflect.DeepEqual(s, o)
}

// A Rollup is a roll-up of entries in a channel.
type Rollup struct {
	Source  news.SourceID `json:",omitempty"`
	Earlier bool          `json:",omitempty"`
	Begun   time.Time
	Until   time.Time `json:",omitzero"` // not sent before
	Count   int
}

// A Delivery is a store.Delivery with what only an engine needs of it.
type Delivery struct {
	store.Delivery
	Renewed time.Time `json:",omitzero"`  // when Revision was promised
	Planned time.Time `json:",omitzero"`  // when NextAttempt was set
	Edit    bool      `json:",omitempty"` // its message stands and is to be edited
	Alone   bool      `json:",omitempty"` // NextAttempt puts off this delivery only
	Hold    time.Time `json:",omitzero"`  // not before, and the lane goes on
}

// Slot returns the slot in which the delivery stands.
func (d *Delivery) Slot() news.Ref { return Slot(d.Kind, d.Entry, d.Number) }

// Loose reports whether the delivery does not stand in line: its message
// stands already, or it is held back for a time of its own.
func (d *Delivery) Loose() bool { return d.Edit || !d.Hold.IsZero() }

// Foldable reports whether a delivery may be told in a roll-up: nothing of it
// can stand anywhere.
func (d *Delivery) Foldable() bool { return d.Kind == store.Card && !d.Edit && d.Tried.IsZero() }

// Dispensable reports whether nobody misses the delivery where the source is no
// longer subscribed to: it was never tried, and corrects nothing that stands.
func (d *Delivery) Dispensable() bool {
	return d.Attempts == 0 && d.Tried.IsZero() && !d.Edit && d.Kind != store.Note && d.Entry.Source != ""
}

// Overtaken reports whether r, which may be nil, is what became of a delivery
// that was asked for again after it had been given up.
func (d *Delivery) Overtaken(r *store.Receipt) bool {
	if r == nil {
		return false
	}
	return r.Gone || r.Folded > 0 || r.Message != "" && (!d.Edit || r.Revision >= d.Revision)
}

// Begin notes that an attempt begins and returns the delivery as it was before,
// but for the count of attempts.
func (d *Delivery) Begin(now time.Time) store.Delivery {
	d.Attempts++
	before := d.Delivery
	if d.Tried.IsZero() {
		d.Tried = UTC(now)
	}
	return before
}

// Stand makes a delivery whose message r stands, but not at its newest
// revision, one that is due at once.
func (d *Delivery) Stand(r *store.Receipt) {
	d.Enqueued, d.Edit, d.Hold = d.Renewed, r.Message != "", time.Time{}
	d.Attempts, d.Tried, d.NextAttempt, d.LastError, d.Alone = 0, time.Time{}, time.Time{}, "", false
}

// Postpone puts the delivery off. It is put off alone only if Alone is set then.
func (d *Delivery) Postpone(p store.Postponement, now time.Time) {
	d.NextAttempt, d.Planned, d.LastError = UTC(p.Until), UTC(now), p.Error
	d.Alone = p.Alone && d.Edit
	if p.Free && d.Attempts > 0 {
		d.Attempts--
	}
	if !p.Unknown {
		d.Tried = time.Time{}
	}
}

// Again makes an abandoned delivery one that was just promised. If the ledger
// was opened from a copy, it may have been sent since the copy was made.
func (d *Delivery) Again(c Copy, now time.Time) {
	if !d.Edit && d.Tried.IsZero() && d.Enqueued.Before(c.Opened) {
		d.Tried = c.Copied
	}
	d.Attempts, d.NextAttempt, d.Planned, d.LastError, d.Alone = 0, time.Time{}, time.Time{}, "", false
	d.Enqueued = now
}

// Waiting returns what decides whether the delivery of an entry keeps a card of
// its own.
func (d *Delivery) Waiting(e *news.Entry) store.Waiting {
	w := store.Waiting{ID: d.ID, Entry: d.Entry, When: e.When(), Enqueued: d.Enqueued, Key: e.Key, Breaking: d.Breaking}
	for i := range e.Quotes {
		w.Quoted = w.Quoted || e.Quotes[i].Kind != news.Mixed
	}
	return w
}

// Slot returns the ref under which a delivery or receipt is kept: the entry's
// own for a card, else one that begins with NUL, which no entry's does.
func Slot(kind store.Kind, entry news.Ref, number uint64) news.Ref {
	if kind == store.Card {
		return entry
	}
	id := "\x00" + string(kind) + "\x00" + strconv.FormatUint(number, 10) + "\x00" + string(entry.Entry)
	return news.Ref{Source: entry.Source, Entry: news.EntryID(id)}
}

// HeadSlot returns the slot of a source's page.
func HeadSlot(source news.SourceID) news.Ref {
	return Slot(store.Head, news.Ref{Source: source}, 0)
}

// Reserved reports whether an id is the ledger's own.
func Reserved(id news.EntryID) bool { return strings.HasPrefix(string(id), "\x00") }

// Key is a delivery's name outside: the same whenever it is made from the same
// ledger or a copy of it, and nothing of it can be guessed or read back.
func Key(id string, ch chat.Channel, slot news.Ref) string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode([]string{ // a hash takes everything
		id, ch.Adapter, ch.ID, string(slot.Source), string(slot.Entry),
	})
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)))[:25]
}

// A Copy says that a ledger was opened from a copy. What was sent after the
// copy was made is not in it: until what the pages show now has been told once,
// a delivery may repeat one of those, and its message is looked for. The zero
// Copy is that of a ledger that never was one.
type Copy struct {
	Copied time.Time
	Opened time.Time // of the copy, for the first time
}

// undatedDoubt is how long after a copy was opened an entry without a time of
// its own may be one that was sent before.
const undatedDoubt = time.Hour

// suspect returns since when a message of the subject may stand that this
// ledger knows nothing of; zero if none can.
func (c Copy) suspect(sub subject, now time.Time) time.Time {
	switch {
	case c.Copied.IsZero() || sub.kind == store.Notice || sub.kind == store.Rollup:
	case sub.kind == store.Card && sub.dated && sub.when.Before(c.Opened),
		(sub.kind != store.Card || !sub.dated) && now.Sub(c.Opened) < undatedDoubt:
		return c.Copied
	}
	return time.Time{}
}

// UTC drops what a stored time does not keep.
func UTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0)
}

// Damaged returns a store.ErrDamaged that says what is wrong.
func Damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{store.ErrDamaged}, args...)...)
}

// CheckKept returns an error unless a value may be kept under the key.
func CheckKept(key string, value []byte) error {
	if key == "" || len(key) > MaxKeptKey || len(value) > MaxKept {
		return fmt.Errorf("keep %.40q, %d bytes: a kept value has a key of 1 to %d bytes and at most %d KiB",
			key, len(value), MaxKeptKey, MaxKept>>10)
	}
	return nil
}

// CheckHold returns an error unless the key may be held with the value.
func CheckHold(key string, value []byte) error {
	if key == "" || len(key) > MaxHoldKey || len(value) > MaxKept {
		return fmt.Errorf("hold %.40q, %d bytes: what is held has a key of 1 to %d bytes and a value of at most %d KiB",
			key, len(value), MaxHoldKey, MaxKept>>10)
	}
	return nil
}
