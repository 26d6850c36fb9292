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
	Slowest  time.Duration // longest pause between readings of a quiet page; 0 means never slower than Schedule
	// Fragments says what the "#…" of an entry's address is: Identity on live
	// pages, where each entry has its own; Noise on feeds that append tracking.
	Fragments Fragments
}

// A Fragments says what the fragment of an entry's address is worth.
type Fragments string

// What a fragment is worth. The zero value lets bot/parse decide.
const (
	FragmentAuto     Fragments = ""
	FragmentIdentity Fragments = "identity" // it tells entries of one page apart
	FragmentNoise    Fragments = "noise"    // it is dropped from ids and addresses
)

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
	Class     Class     `json:",omitempty"` // of the newest revision
	// Pulled reports that it was withdrawn by the desk, not by its source: it
	// stays so whatever the source does.
	Pulled bool `json:",omitempty"`
}

// A Class says how much the newest revision of an entry changed. What each
// means is decided in [Revise] and [Retract].
type Class string

// The classes. The zero value is the first revision.
const (
	Cosmetic      Class = "cosmetic"      // nothing a reader would call a change: the card is edited silently
	Material      Class = "material"      // the story moved on
	Correction    Class = "correction"    // a quote's words or speaker changed, or the source says it corrects
	Withdrawal    Class = "withdrawal"    // taken back
	Reinstatement Class = "reinstatement" // standing again
)

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
	// Via is the address of the feed that is read in place of a page that holds
	// no entries itself; "" where the source's own address is read.
	Via string `json:",omitempty"`
	// Begun is when the source was last read at an earlier address or as
	// another format: what was published before may never have stood on this
	// page. Zero if it was always read so.
	Begun time.Time `json:",omitzero"`
	// Live is the last snapshot's: what the page said of being live so far.
	Live string `json:",omitempty"`
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
	// Older is the absolute address of the page with the entries before the
	// oldest of these; "" if there is none or none is known.
	Older string
	// Successor is the absolute address of the page where the coverage goes
	// on; "" if the page names none.
	Successor string
	// Signs are what hints that the coverage is over without saying so in data:
	// a headline "as it happened", a farewell in the newest entry. Ended is
	// true only where the source states it.
	Signs []Sign
	// Live names by what the page has called itself live, now or at an earlier
	// reading: "badge headline type", or some of them. It is kept in the cursor
	// and handed back to bot/parse, which says in Signs what is gone.
	Live string
	// Feeds are the feeds the page offers.
	Feeds []Feed
	// Hub and Topic are the WebSub hub a feed announces and its own address
	// there (W3C WebSub); "" if it announces none.
	Hub, Topic string
	// Skip are the hours at which the source asks not to be read (RSS
	// skipHours, skipDays); zero for none.
	Skip Hours
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

// A Sign hints that a page's coverage is over.
type Sign struct {
	Medium bool   // stronger than a mere hint: a changed headline, a missing LIVE badge
	What   string // in a few words, for people: `the headline says "as it happened"`
}

// A Feed is a feed that a page offers.
type Feed struct {
	URL   string // absolute
	Title string
	Type  string // media type as stated
}

// Hours are hours of the week in UTC, a bit each: bit 24*d+h is hour h of
// weekday d, Sunday being 0. The zero Hours is none.
type Hours [3]uint64

// Set adds hour h of weekday d; others than 0–23 and 0–6 are passed over.
func (s *Hours) Set(d time.Weekday, h int) {
	if d < 0 || d > 6 || h < 0 || h > 23 {
		return
	}
	n := 24*int(d) + h
	s[n/64] |= 1 << (n % 64)
}

// Has reports whether t lies in one of the hours.
func (s Hours) Has(t time.Time) bool {
	t = t.UTC()
	n := 24*int(t.Weekday()) + t.Hour()
	return s[n/64]&(1<<(n%64)) != 0
}
