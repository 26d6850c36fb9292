// Package store is the ledger: what is known of every entry, which channel was
// promised what, and which message shows it.
//
// [Store] is an interface because it has more than one engine; each method is
// one transaction, and none waits for a network. An engine is right when it
// passes store/storetest.
//
// Two kinds of work are claimed before they are done, so that several workers
// (and, on a shared engine, several replicas) never do the same work twice: a
// source that is due ([Lease]) and a channel that has deliveries ([Lane]).
// Every write of a worker shows its claim's token and is refused with
// [ErrLeaseLost] once somebody else has taken over; nothing is written then.
//
// A [Delivery] is desired state, not an event: "this channel shows this entry
// at its newest revision". There is one per channel and entry, replaced by
// newer revisions, and composed into a card only when it is sent. Its attempt
// is saved before the network ([Outbox.Begin]) and its [Receipt] after it
// ([Outbox.Settle]).
//
// Times come from the engine's own clock and are UTC.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// Errors an engine returns, wrapped or bare.
var (
	// ErrLeaseLost: the claim is no longer current; nothing was written.
	ErrLeaseLost = errors.New("claim lost to another worker")
	// ErrNotFound: there is no such thing.
	ErrNotFound = errors.New("not found")
	// ErrLocked: another process has the ledger open.
	ErrLocked = errors.New("ledger is in use by another process")
	// ErrSchema: the ledger was written by a newer version.
	ErrSchema = errors.New("ledger was written by a newer version")
	// ErrDamaged: the ledger cannot be read, or a record in it fails its check.
	ErrDamaged = errors.New("ledger is damaged")
)

// Store is the ledger. All methods are safe for concurrent use. An error that
// is none of the above and not the context's means that the engine can save
// nothing more: the caller stops before it sends what could not be recorded.
type Store interface {
	Polls
	Outbox
	Queries

	// Sync makes the followed sources and subscriptions what the arguments
	// say. A source that is no longer followed is polled no more; its entries
	// and receipts stay. A subscription that is new to a known source starts
	// now: nothing older is sent. Deliveries of a removed subscription that
	// were never tried are dropped; those for messages that stand are kept,
	// so that corrections still arrive. New sources are due at once.
	Sync(ctx context.Context, sources []news.Source, subs []Subscription) error
	// Close releases the ledger. Calls under way finish first; later ones
	// fail. A second Close does nothing.
	Close() error
}

// A Subscription promises a channel the entries of a source.
type Subscription struct {
	Source  news.SourceID
	Channel chat.Channel
	Silent  bool // post without a notification
}

// Polls is the part of the ledger that the poller uses.
type Polls interface {
	// ClaimDue claims up to n sources whose time has come, the longest due
	// first, for ttl. A claimed source is given to nobody else until it is
	// released by Record or Rest or the ttl has passed.
	ClaimDue(ctx context.Context, n int, ttl time.Duration) ([]Lease, error)
	// Hurry makes every followed source due now.
	Hurry(ctx context.Context) error
	// Known returns what is remembered of the source's entries that have one
	// of the ids (as id or alias), and of all its entries whose When lies in
	// [from, to], in no order, each once. A zero from and to asks for the ids
	// only.
	Known(ctx context.Context, source news.SourceID, ids []news.EntryID, from, to time.Time) ([]news.Known, error)
	// Record saves what a reading changed, together with the promise to tell
	// each channel, and releases the lease. An added entry is promised to
	// every subscriber unless its change is Quiet; an edit, withdrawal or
	// reinstatement to the channels where the entry stands or is pending.
	// Recording the same again changes nothing.
	Record(ctx context.Context, l Lease, p Poll) (Recorded, error)
	// Rest releases the lease when there is nothing to record: the source is
	// unchanged (Problem "") or could not be read. It does not write to disk;
	// after a restart the cursor may be an older one.
	Rest(ctx context.Context, l Lease, r Rest) error
}

// A Lease is a claimed source.
type Lease struct {
	Source     news.Source
	Cursor     news.Cursor
	FirstSight bool      // nothing was ever recorded of this source
	Failures   int       // readings failed in a row
	Problem    string    // what went wrong last time; "" if nothing
	Due        time.Time // when the source became due
	Token      uint64
	Expires    time.Time
}

// A Poll is the result of a reading that changed something, or of a first one.
type Poll struct {
	Title   string // the page's own title
	Format  string
	Ended   bool
	Cursor  news.Cursor
	Next    time.Time // when the source is due again
	Changes []news.Change
}

// Recorded counts what a Record did.
type Recorded struct {
	Added, Edited, Withdrawn int
	Enqueued                 int // deliveries promised or renewed
}

// A Rest is the result of a reading that changed nothing.
type Rest struct {
	Cursor  news.Cursor
	Next    time.Time
	Problem string // why the source could not be read; "" = it is unchanged
}

// Outbox is the part of the ledger that the dispatcher uses.
type Outbox interface {
	// ClaimLanes claims up to n channels of the named adapters whose first
	// delivery is due, for ttl, those of breaking sources first, then the
	// longest due. next is when the earliest of the other, unclaimed lanes of
	// these adapters becomes due; zero if none will by itself.
	ClaimLanes(ctx context.Context, adapters []string, n int, ttl time.Duration) (lanes []Lane, next time.Time, err error)
	// Begin takes the first due delivery of the lane, saves that an attempt
	// begins, and returns it with all that is needed to compose and place the
	// card. ok is false when nothing is due in the lane.
	Begin(ctx context.Context, l Lane) (w Work, ok bool, err error)
	// Settle ends the delivery: r stands in the channel. An r without a
	// Message says that nothing needs to stand there; should the entry be
	// reinstated, a channel that subscribes is promised it again. If the
	// entry has a newer revision by now, the delivery stays, due at once.
	Settle(ctx context.Context, l Lane, d DeliveryID, r Receipt) error
	// Postpone puts the delivery, and so its lane, off.
	Postpone(ctx context.Context, l Lane, d DeliveryID, p Postponement) error
	// Abandon gives the delivery up and keeps it, with the reason, among the
	// abandoned.
	Abandon(ctx context.Context, l Lane, d DeliveryID, reason string) error
	// Release gives the lane back. It does not write to disk.
	Release(ctx context.Context, l Lane) error
	// Resume makes the lanes of an adapter that were put off due now, for an
	// adapter that works again.
	Resume(ctx context.Context, adapter string) error
	// Backlog counts what is waiting.
	Backlog(ctx context.Context) (Backlog, error)
}

// A Lane is a claimed channel.
type Lane struct {
	Channel chat.Channel
	Token   uint64
	Expires time.Time
}

// A DeliveryID identifies a delivery within its channel; ids grow.
type DeliveryID uint64

// A Delivery is the promise that a channel shows an entry at its newest
// revision.
type Delivery struct {
	ID       DeliveryID
	Channel  chat.Channel
	Entry    news.Ref
	Revision int // the newest the channel was promised
	// Key is 25 letters and digits, fixed when the delivery is made.
	Key         string
	Silent      bool      `json:",omitempty"`
	Breaking    bool      `json:",omitempty"`
	Enqueued    time.Time // when the promise was made
	Attempts    int       `json:",omitempty"`
	Tried       time.Time `json:",omitzero"` // begin of the first attempt whose outcome is not known
	NextAttempt time.Time `json:",omitzero"`
	LastError   string    `json:",omitempty"`
}

// Work is a begun delivery. Delivery.Tried is as it was before this attempt:
// when it is set, an earlier attempt may have been accepted. Attempts counts
// this one.
type Work struct {
	Delivery Delivery
	Source   news.Source
	Entry    news.Entry
	Receipt  *Receipt // the message that stands; nil if there is none
}

// A Receipt is the message by which a channel shows an entry.
type Receipt struct {
	Channel  chat.Channel
	Entry    news.Ref
	Message  chat.MessageID
	Revision int
	Digest   [32]byte  // of the card that stands
	Sent     time.Time // when the message was first posted
	Edited   time.Time `json:",omitzero"`
	// Gone reports that a person deleted the message; it is not posted again.
	Gone bool `json:",omitempty"`
	// Frozen reports that the platform edits the message no more.
	Frozen bool `json:",omitempty"`
}

// A Postponement says until when and why a delivery is put off.
type Postponement struct {
	Until time.Time
	Error string
	// Free gives the attempt back: it does not count (a rate limit, a
	// shutdown).
	Free bool
	// Unknown keeps the attempt's outcome open, so that the next one first
	// looks for its message. Otherwise the attempt surely posted nothing.
	Unknown bool
}

// Backlog counts deliveries.
type Backlog struct {
	Due       int       // could be sent now
	Waiting   int       // put off
	Abandoned int       // given up and kept
	Oldest    time.Time // enqueue time of the oldest not abandoned; zero if none
}

// Queries is the part of the ledger that commands read.
type Queries interface {
	// Entry returns one entry as last recorded, or ErrNotFound. The ref may
	// name it by an alias.
	Entry(ctx context.Context, ref news.Ref) (news.Entry, error)
	// Latest returns entries, newest first, and whether there are more.
	// Withdrawn entries are among them.
	Latest(ctx context.Context, q Query) (entries []news.Entry, more bool, err error)
	// Quotes returns quotes of entries that are not withdrawn, newest entry
	// first, in the entry's order, and whether there are more. It finds words
	// through an index, in the quote, its speaker and role.
	Quotes(ctx context.Context, q Query) (quotes []QuoteHit, more bool, err error)
	// Speakers returns names of quoted speakers that hold a word beginning
	// with prefix (any case, "" = all), the most recently quoted first.
	Speakers(ctx context.Context, prefix string, limit int) ([]string, error)
	// Sources returns what is known of every followed source, by ID.
	Sources(ctx context.Context) ([]SourceStatus, error)
	// Receipt returns the receipt of an entry in a channel, or ErrNotFound.
	Receipt(ctx context.Context, ch chat.Channel, ref news.Ref) (Receipt, error)
	// Abandoned returns the deliveries given up, newest first, LastError
	// being the reason.
	Abandoned(ctx context.Context, limit int) ([]Delivery, error)
}

// A Query selects entries or quotes. The zero Query selects all.
type Query struct {
	Sources []news.SourceID // empty = all
	Words   string          // Quotes only: every word must occur (prefix match, any case)
	Since   time.Time       // When at or after; zero = no bound
	AsOf    time.Time       // first seen at or before, so that pages stay put; zero = no bound
	Offset  int
	Limit   int // 0 = 10
}

// A QuoteHit is a found quote with the entry it stands in.
type QuoteHit struct {
	Entry news.Entry
	Quote news.Quote
}

// A SourceStatus is what is known of a followed source.
type SourceStatus struct {
	Source    news.Source
	Title     string
	Format    string
	Ended     bool
	Entries   int
	Newest    time.Time // When of the newest entry
	FirstSeen time.Time // when the source was first recorded; zero = never
	LastRead  time.Time // last successful reading, unchanged ones included
	Failures  int
	Problem   string
	Next      time.Time // when it is due again
}
