// Package news holds what is reported: sources, the entries of their pages,
// the quotes in an entry, and the changes between two readings.
//
// A reader turns a document into a [Snapshot]. [Diff] compares a snapshot with
// what is [Known] and says what changed. Everything here is plain values: no
// I/O, no clock, nothing but the standard library, safe for concurrent use as
// long as nobody writes to a shared value.
//
// Stored structs (Entry, Quote, Media, Cursor) may gain fields; a field is
// never renamed, reused or given another meaning.
package news

import (
	"time"
)

// A SourceID is the name a source has in the configuration, such as
// "harbour-bridge". It never changes while the source is followed.
type SourceID string

// An EntryID identifies an entry within its source: the source's own stable
// id, or a hash chosen by the parser. It is never a position on the page.
type EntryID string

// A Source is a page or feed that is followed.
type Source struct {
	ID       SourceID
	Name     string        // what readers see; never empty once configured
	URL      string        // absolute, http or https
	Format   string        // a format name of bot/parse; "" means detect
	Schedule string        // a robfig/cron spec: "@every 30s", "CRON_TZ=Europe/Paris */5 * * * *"
	Private  bool          // loopback and private addresses may be read
	Newest   int           // entries to show at first sight; 0 means none
	MaxAge   time.Duration // entries that turn up older than this are recorded quietly; 0 means 24 h
	Breaking bool          // its deliveries go before those of other sources
}

// A Ref names one entry of one source.
type Ref struct {
	Source SourceID
	Entry  EntryID
}

// String returns "source/entry", for logs.
func (r Ref) String() string { return string(r.Source) + "/" + string(r.Entry) }

// An IDKind says how far an entry's identity can be trusted.
type IDKind string

// The kinds of identity, best first.
const (
	IDExplicit IDKind = "explicit" // the source's own id: a guid, a block id, a fragment
	IDTime     IDKind = "time"     // hash of publication time and headline
	IDText     IDKind = "text"     // hash of the words
)

// A Status says what became of an entry since it was first seen.
type Status string

// The statuses of an entry. The zero value is fresh.
const (
	Fresh     Status = ""          // as first seen
	Updated   Status = "updated"   // changed by its source
	Corrected Status = "corrected" // a quote's words or speaker changed, or the source says it corrects
	Withdrawn Status = "withdrawn" // taken back by its source
)

// An Entry is one short dated piece of a live page or feed.
//
// Times are UTC, zero where the source states none. Headline and Body are
// plain text: entities decoded, markup gone, paragraphs of Body separated by
// a blank line.
type Entry struct {
	Ref
	IDKind    IDKind    `json:",omitempty"`
	Aliases   []EntryID `json:",omitempty"` // other ids the same entry was or may be seen under
	Headline  string    `json:",omitempty"` // "" where the source gives none
	Body      string    `json:",omitempty"`
	Author    string    `json:",omitempty"` // the byline, names separated by ", "
	URL       string    `json:",omitempty"` // absolute; the entry itself where it has an address of its own
	Published time.Time `json:",omitzero"`
	Updated   time.Time `json:",omitzero"`
	Quotes    []Quote   `json:",omitempty"`
	Media     []Media   `json:",omitempty"`
	Tags      []string  `json:",omitempty"`
	Key       bool      `json:",omitempty"` // the source marks it as a key event
	Withdrawn bool      `json:",omitempty"`

	// Set when the entry is recorded.
	FirstSeen time.Time `json:",omitzero"`
	Changed   time.Time `json:",omitzero"`  // when the newest revision was seen
	Revision  int       `json:",omitempty"` // 1 at first sight
	Status    Status    `json:",omitempty"`
	Was       []Quote   `json:",omitempty"` // quotes of the revision before that no longer stand
}

// When returns the entry's publication time, or when it was first seen if its
// source states none. It is the time entries are ordered by.
func (e *Entry) When() time.Time {
	if e.Published.IsZero() {
		return e.FirstSeen
	}
	return e.Published
}

// A QuoteKind tells a whole quotation from words quoted inside a sentence.
type QuoteKind string

// The kinds of quote.
const (
	Direct QuoteKind = "direct" // a clause or more in the speaker's words
	Mixed  QuoteKind = "mixed"  // a phrase woven into the reporter's sentence
)

// A Confidence says how sure the attribution of a quote is.
type Confidence string

// The confidences, best first. A card names no speaker on a low one.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// A Quote is what somebody said, word for word.
type Quote struct {
	Text       string     // verbatim as in the entry, without its outer marks
	Speaker    string     `json:",omitempty"` // full name where known, else as the text names them; "" = not stated
	Role       string     `json:",omitempty"` // the description the text gives: "harbour master"
	Kind       QuoteKind  `json:",omitempty"`
	InHeadline bool       `json:",omitempty"`
	Confidence Confidence `json:",omitempty"`
}

// A MediaKind is the kind of a medium.
type MediaKind string

// The kinds of media.
const (
	Image MediaKind = "image"
	Video MediaKind = "video"
	Audio MediaKind = "audio"
	Embed MediaKind = "embed" // a post on another platform
)

// A Media is a picture, recording or embedded post of an entry.
type Media struct {
	URL    string    // absolute
	Kind   MediaKind `json:",omitempty"`
	Alt    string    `json:",omitempty"` // description for those who do not see it
	Credit string    `json:",omitempty"` // whose work it is
}

// A Cursor is what the next reading of a source needs from the last one. The
// zero Cursor means "never read".
type Cursor struct {
	ETag         string    `json:",omitempty"` // verbatim, W/ and quotes included
	LastModified string    `json:",omitempty"` // verbatim
	Body         string    `json:",omitempty"` // hex SHA-256 of the decoded body
	Format       string    `json:",omitempty"` // the format that read it last
	Read         time.Time `json:",omitzero"`  // when it was last read successfully
	// Begun is when the source was last read at an earlier address or as
	// another format: what was published before may never have stood on this
	// page. Zero if it was always read so.
	Begun time.Time `json:",omitzero"`
}

// A Snapshot is one reading of a source.
type Snapshot struct {
	Title     string
	URL       string // the page's own address where it states one
	Format    string // the format's name in bot/parse
	Entries   []Entry
	Withdrawn []EntryID // explicit tombstones for entries that Entries no longer holds
	Window    bool      // only part of the page: absence means nothing at its edges
	Ended     bool      // the source says that its coverage has ended
	// Since is the oldest time the snapshot covers without gaps; zero means that
	// of its oldest entry. Older entries may be in it all the same, pinned on
	// top or published again: absence before Since means nothing.
	Since time.Time
	// Discovery reports that Entries are addresses of pages that may be worth
	// following, as in a news sitemap, and are not to be told as entries.
	Discovery bool
	// Separate reports that the entries are pieces of their own, as in most
	// feeds, and not parts of one story: what one says of "the minister" tells
	// nothing about another.
	Separate bool
	Cursor   Cursor
	// Unchanged reports that the source is as it was at the cursor it was
	// read with; only Cursor and Wait are meaningful then.
	Unchanged bool
	// Wait is how long the source asks not to be read again
	// (Cache-Control, ttl); 0 means it does not say.
	Wait time.Duration
}

// A ReadError is a reading that failed. The source's entries stay known.
type ReadError struct {
	// RetryAfter is how long the source asked to be left alone; 0 means it did
	// not say.
	RetryAfter time.Duration
	// Gone reports that the source says it will not come back (HTTP 410).
	Gone bool
	Err  error
}

// Error returns the text of the error it wraps.
func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *ReadError) Unwrap() error { return e.Err }
