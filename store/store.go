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
// Most deliveries show an entry. Others show a page, a group of entries, or a
// line of the bot's own: see [Kind].
//
// Times come from the engine's own clock and are UTC.
package store

import (
	"context"
	"errors"
	"io"
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
	// ErrBusy: somebody else works on it.
	ErrBusy = errors.New("claimed by another worker")
	// ErrLocked: another process has the ledger open.
	ErrLocked = errors.New("ledger is in use by another process")
	// ErrSchema: the ledger was written by a newer version.
	ErrSchema = errors.New("ledger was written by a newer version")
	// ErrChanged: it is not any more as it was when it was read.
	ErrChanged = errors.New("changed meanwhile")
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
	Replicas

	// Sync makes the followed sources and subscriptions what the arguments
	// say. A source that is no longer followed is polled no more; its entries
	// and receipts stay. A subscription that is new to a known source starts
	// now: nothing older is sent. Deliveries of a removed subscription that
	// were never tried are dropped; those for messages that stand are kept,
	// so that corrections still arrive. New sources are due at once.
	Sync(ctx context.Context, sources []news.Source, subs []Subscription) error
	// Keep saves a small value for another room: at most 64 KiB under a key of
	// at most 256 bytes. A nil value removes the key.
	Keep(ctx context.Context, key string, value []byte) error
	// Kept returns what Keep saved, or ErrNotFound.
	Kept(ctx context.Context, key string) ([]byte, error)
	// KeepAll keeps several values, or none of them if it fails; a nil value
	// removes its key.
	KeepAll(ctx context.Context, values map[string][]byte) error
	// KeepIf is KeepAll if the value kept under key is was, nil for none; else
	// nothing is kept and the error is ErrChanged.
	KeepIf(ctx context.Context, key string, was []byte, values map[string][]byte) error
	// KeptAll returns the kept values whose keys begin with prefix.
	KeptAll(ctx context.Context, prefix string) (map[string][]byte, error)
	// Backup writes a consistent copy of the ledger to w while everything goes
	// on, and returns its size. A ledger opened from the copy knows that it is
	// one: an entry that may have been posted after the copy was made is looked
	// for before it is sent (Delivery.Tried is set when its delivery is made).
	Backup(ctx context.Context, w io.Writer) (int64, error)
	// Close releases the ledger. Calls under way finish first; later ones
	// fail. A second Close does nothing.
	Close() error
}

// A Subscription promises a channel the entries of a source.
type Subscription struct {
	Source  news.SourceID // "" = every source that is followed, now and later
	Channel chat.Channel
	Silent  bool     // post without a notification
	Style   Style    // how entries are arranged in the channel
	Publish bool     // publish to the channels that follow this one, where the platform can
	Closing bool     // post a summary when the source's coverage ends
	Delete  bool     // delete the card of a withdrawn entry instead of striking it through
	Tags    []string // forum posts only: the platform's names or ids of tags
}

// A Style is how a subscription's entries are arranged in a channel.
type Style string

// The styles.
const (
	Cards  Style = ""       // one message per entry, in the channel
	Thread Style = "thread" // one message per source, entries in a thread under it
	Forum  Style = "forum"  // one forum post per source, entries in it
)

// Replicas is the part of the ledger by which several replicas of the bot that
// share it agree. On an engine of one process they are its only one.
type Replicas interface {
	chat.Peers
	// Beat says that the replica lives, and for how long that may be believed,
	// and returns its place among those that do. The replica's name is unlike any
	// other's. A ttl of 0 says that it ends.
	Beat(ctx context.Context, replica string, ttl time.Duration) (chat.Share, error)
	// Woken receives when another replica may have made something due, or kept a
	// value. It may receive too often and, while the engine cannot be reached,
	// too seldom; nil on an engine of one process.
	Woken() <-chan struct{}
}

// Polls is the part of the ledger that the poller uses.
type Polls interface {
	// ClaimDue claims up to n sources whose time has come, the longest due
	// first, for ttl. A claimed source is given to nobody else until it is
	// released by Record or Rest or the ttl has passed.
	ClaimDue(ctx context.Context, n int, ttl time.Duration) ([]Lease, error)
	// Claim claims one followed source whether it is due or not. It returns
	// ErrBusy while somebody else has it, ErrNotFound if it is not followed.
	Claim(ctx context.Context, source news.SourceID, ttl time.Duration) (Lease, error)
	// Hurry makes the named sources, or without names every followed one, due
	// now. Names that are not followed are passed over; a named one that is being
	// read is due again as soon as that reading ends.
	Hurry(ctx context.Context, sources ...news.SourceID) error
	// Known returns what is remembered of the source's entries that have one
	// of the ids (as id or alias), and of all its entries whose When lies in
	// [from, to], in no order, each once. A zero from and to asks for the ids
	// only.
	Known(ctx context.Context, source news.SourceID, ids []news.EntryID, from, to time.Time) ([]news.Known, error)
	// Record saves what a reading changed, together with the promise to tell
	// each channel, and releases the lease. An added entry is promised to
	// every subscriber unless its change is Quiet; an edit, withdrawal or
	// reinstatement to the channels where the entry stands or is pending; where
	// it is folded into a roll-up, that roll-up is promised anew. The revision
	// before the new one is kept (see History). In channels of style Thread or
	// Forum the source's Head is promised too, before its first entry, and anew
	// whenever something changed that its card shows. When Poll.Ended begins to
	// hold, subscribers with Closing are promised the Closing card; when it ends
	// again later, that card is promised anew. Recording the same again changes
	// nothing.
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
	Title      string    // the page's own title, as of the last reading
	Ended      bool      // the coverage had ended at the last reading
	Active     time.Time // when an entry was last added or changed; FirstSeen if never since
	Newest     time.Time // When of the newest entry; zero if there is none
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
	// Gap is a stretch of time whose entries may have come and gone unread;
	// zero for none. The newest of a source is kept.
	Gap Gap
	// Successor is the address of the page where the coverage goes on; "" if
	// none is known. An empty one does not erase what was known.
	Successor string
}

// A Gap is a stretch of time of which a source's entries may be missing.
type Gap struct {
	From, To time.Time // When of the newest entry known before it and of the oldest after it
	Seen     time.Time `json:",omitzero"` // when it was noticed
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
	// Busy returns which of the adapters have an unclaimed lane that is due, in no
	// order, and when the first lane of any of the others becomes due; zero if
	// none will by itself.
	Busy(ctx context.Context, adapters []string) (busy []string, next time.Time, err error)
	// Begin takes the first due delivery of the lane, saves that an attempt
	// begins, and returns it with all that is needed to compose and place the
	// card. ok is false when nothing is due in the lane. First come deliveries
	// that have no message yet, those of breaking sources before others, each
	// in the order they were promised; then those whose message is to be edited.
	// A Head comes before the entries of its source.
	Begin(ctx context.Context, l Lane) (w Work, ok bool, err error)
	// Settle ends the delivery: r stands in the channel. An r without a
	// Message says that nothing needs to stand there; should the entry be
	// reinstated, a channel that subscribes is promised it again. If the
	// entry has a newer revision by now, the delivery stays, due at once. In
	// the same transaction the channel is promised what else is asked for.
	Settle(ctx context.Context, l Lane, d DeliveryID, r Receipt, also ...Promise) error
	// Postpone puts the delivery off, and with it its lane unless the
	// postponement is Alone.
	Postpone(ctx context.Context, l Lane, d DeliveryID, p Postponement) error
	// Abandon gives the delivery up and keeps it, with the reason, among the
	// abandoned.
	Abandon(ctx context.Context, l Lane, d DeliveryID, reason string) error
	// Waiting returns the first limit of the lane's deliveries of entries that
	// have no message and were never tried, in the order Begin takes them.
	Waiting(ctx context.Context, l Lane, limit int) ([]Waiting, error)
	// Fold ends deliveries that Waiting returned: their entries are told
	// together in a roll-up, which is promised (anew) to the channel. Those that
	// were begun or ended meanwhile are passed over.
	Fold(ctx context.Context, l Lane, ids []DeliveryID, f Fold) error
	// Release gives the lane back, due again at until, or as its deliveries say
	// if until is zero. It does not write to disk.
	Release(ctx context.Context, l Lane, until time.Time) error
	// Promise promises a channel a message of the bot's own. One that is
	// pending or stands under the same kind, entry and number is promised anew.
	Promise(ctx context.Context, ch chat.Channel, p Promise) error
	// Retry gives abandoned deliveries back to their lanes, due at once, and
	// Drop forgets them. Both return how many of the ids there were. A delivery
	// that was promised or has come to stand again meanwhile is only forgotten.
	Retry(ctx context.Context, ids ...DeliveryID) (int, error)
	Drop(ctx context.Context, ids ...DeliveryID) (int, error)
	// Resume makes the lanes of an adapter that were put off due now, for an
	// adapter that works again.
	Resume(ctx context.Context, adapter string) error
	// Backlog counts what is waiting.
	Backlog(ctx context.Context) (Backlog, error)
}

// A Lane is a claimed channel.
type Lane struct {
	Channel chat.Channel
	Pending int // deliveries in it when it was claimed
	Token   uint64
	Expires time.Time
}

// A DeliveryID identifies a delivery within its channel; ids grow.
type DeliveryID uint64

// A Kind says what the message of a delivery shows.
type Kind string

// The kinds. Entry and Number say which of a kind it is: there is one delivery
// and one receipt per channel, kind, entry and number.
const (
	Card    Kind = ""        // the entry; Number 0
	Head    Kind = "head"    // the source's page, over its thread; Entry.Entry "", Number 0
	Rollup  Kind = "rollup"  // entries folded together; Number counts the channel's roll-ups; Entry as in Fold
	Closing Kind = "closing" // the summary at the end of coverage; Entry.Entry "", Number 0
	Note    Kind = "note"    // a reply to the entry's card: what changed in it; Number is the revision
	Notice  Kind = "notice"  // a line to the operators; Entry zero, Number chosen by the caller
	Digest  Kind = "digest"  // a summary at a fixed time; Entry zero, Number and Text chosen by the caller
)

// A Promise asks for a delivery of a kind other than Head and Rollup. That of a
// Card asks for another look at one that stands, and for nothing where none does.
type Promise struct {
	Kind   Kind
	Entry  news.Ref
	Number uint64
	Since  int    // Note only: the revision that the card showed before
	Text   string // Notice, Digest: the line, at most 1,000 bytes
}

// A Delivery is the promise that a channel shows an entry (or what else its
// Kind says) at its newest revision.
type Delivery struct {
	ID       DeliveryID
	Channel  chat.Channel
	Kind     Kind `json:",omitempty"`
	Entry    news.Ref
	Number   uint64 `json:",omitempty"`
	Since    int    `json:",omitempty"` // as promised
	Text     string `json:",omitempty"` // as promised
	Revision int    // the newest the channel was promised; grows by at least one each time
	// Key is 25 letters and digits. It follows from the ledger, the channel,
	// the kind, entry and number, and how often the message was asked for anew
	// after a person had deleted it, so that a ledger restored from a copy finds
	// the same key again.
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
	Source   news.Source // zero for a Notice and a Rollup of no one source
	Receipt  *Receipt    // the message that stands; nil if there is none
	// Subscription is the channel's to the source; zero but for Source and
	// Channel if it has none any more.
	Subscription Subscription
	Head         *Receipt // the message of the source's page in this channel; nil if there is none

	Entry  news.Entry    // Card, Note: as last recorded
	Before *news.Entry   // Note: the revision Delivery.Since; nil if it is no longer kept
	Card   *Receipt      // Note: the entry's own message; nil if there is none
	Page   *SourceStatus // Head, Closing
	// Entries are the newest of the page (Head: 3, Closing: all since the
	// source was first seen, at most 500), or those folded (Rollup: the newest
	// 20), newest first, withdrawn ones left out of Head and Closing.
	Entries []news.Entry
	Count   int // Head, Closing: entries not withdrawn; Rollup: entries folded
	// Earlier: Rollup only, as in Fold.
	Earlier bool
}

// A Waiting is a delivery of an entry that was never tried, with what decides
// whether it keeps a card of its own under pressure.
type Waiting struct {
	ID       DeliveryID
	Entry    news.Ref
	When     time.Time // of the entry
	Enqueued time.Time
	Key      bool // a key event
	Quoted   bool // it holds a direct quote
	Breaking bool // its source is breaking
}

// A Fold says which roll-up deliveries are folded into: the channel's newest
// with the same Source and Earlier, if it was begun less than Within ago and
// holds fewer than 200 entries, else a new one.
type Fold struct {
	Source  news.SourceID // "" for one of all sources
	Earlier bool          // updates from before, told late, rather than a burst
	Within  time.Duration
	// Until holds the roll-up back until then, if it has no message yet; zero
	// does not. Entries folded meanwhile into the same roll-up do not send it
	// earlier.
	Until time.Time
}

// A Receipt is the message by which a channel shows an entry, or what else its
// Kind says.
type Receipt struct {
	Channel  chat.Channel
	Kind     Kind `json:",omitempty"`
	Entry    news.Ref
	Number   uint64 `json:",omitempty"`
	Message  chat.MessageID
	Revision int
	Why      string    `json:",omitempty"` // what decided that nothing stands: the words of a filter
	Digest   [32]byte  // of the card that stands
	Sent     time.Time // when the message was first posted
	Edited   time.Time `json:",omitzero"`
	// Gone reports that a person deleted the message; it is not posted again.
	Gone bool `json:",omitempty"`
	// Frozen reports that the platform edits the message no more.
	Frozen bool `json:",omitempty"`
	// ThreadGone is for Settle only: the thread that the message was to stand in
	// is gone, and with it the message of the source's page. Its receipt, of kind
	// Head, becomes Gone in the same transaction.
	ThreadGone bool `json:"-"`
	// Folded is the number of the roll-up that tells the entry; 0 = none.
	// Message is empty then.
	Folded uint64 `json:",omitempty"`
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
	// Alone puts off this delivery only; the rest of the lane goes on. It holds
	// for deliveries whose message is to be edited.
	Alone bool
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
	// History returns the revisions of an entry that are kept, oldest first,
	// the newest last: at least the last 20. ErrNotFound as Entry.
	History(ctx context.Context, ref news.Ref) ([]news.Entry, error)
	// Find returns the entries that have the address (its fragment counts), or
	// whose card, note or roll-up is the message in the channel; at most 200. A
	// zero argument is not looked for.
	Find(ctx context.Context, url string, ch chat.Channel, m chat.MessageID) ([]news.Ref, error)
	// Receipts returns the receipts of an entry's cards in every channel, by
	// channel, those without a message among them.
	Receipts(ctx context.Context, ref news.Ref) ([]Receipt, error)
	// Promised returns the deliveries of an entry's cards that are pending or
	// abandoned, by channel.
	Promised(ctx context.Context, ref news.Ref) (pending, abandoned []Delivery, err error)
	// Held returns the deliveries that hold up their lane: the first of each
	// lane that is put off, LastError saying why, the longest waiting first.
	Held(ctx context.Context, limit int) ([]Delivery, error)
	// Abandoned returns the deliveries given up, newest first, LastError
	// being the reason.
	Abandoned(ctx context.Context, limit int) ([]Delivery, error)
}

// A Query selects entries or quotes. The zero Query selects all.
type Query struct {
	Sources []news.SourceID // empty = all
	Words   string          // Quotes only: every word must occur (prefix match, any case)
	Speaker string          // Quotes only: every word must occur in the speaker's name or role (prefix match, any case)
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
	Active    time.Time // when an entry was last added or changed; FirstSeen if never since
	Gap       Gap       // the newest; zero for none
	Successor string    // where the coverage goes on; "" if not known
}
