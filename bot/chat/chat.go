// Package chat holds how news is told: channels, cards, the commands of chat
// users, and the contract every adapter keeps.
//
// The engine composes a [Card] from an entry and hands it, in a [Post], to the
// [Adapter] that the [Channel] names. Cards and replies are plain text: an
// adapter escapes everything for its platform, so that no mention, link or
// markup of a source comes alive. Nothing here does I/O.
package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Channel is a place on a platform where cards appear, written
// "adapter:id": "slack:C024BE91L", "discord:80351110224678912". An ID that
// begins with "@" is the direct messages with a user: "slack:@U024BE7LH".
type Channel struct {
	Adapter string // the adapter instance's name in the configuration
	ID      string // the platform's own id
}

// String returns the channel as it is written in the configuration.
func (c Channel) String() string { return c.Adapter + ":" + c.ID }

// ParseChannel reads "adapter:id". Both parts must be there.
func ParseChannel(s string) (Channel, error) {
	name, id, ok := strings.Cut(s, ":")
	if !ok || name == "" || id == "" {
		return Channel{}, fmt.Errorf("channel %q: write it as adapter:id, for example slack:C024BE91L", s)
	}
	return Channel{Adapter: name, ID: id}, nil
}

// A MessageID is the platform's own id of a message in a channel. It is opaque
// outside its adapter.
type MessageID string

// A State is the word in a card's kicker.
type State int

// The states of a card.
const (
	Live State = iota
	Updated
	Corrected
	Withdrawn
)

// String returns the kicker's word: "LIVE", "UPDATED", "CORRECTED" or
// "WITHDRAWN".
func (s State) String() string {
	switch s {
	case Updated:
		return "UPDATED"
	case Corrected:
		return "CORRECTED"
	case Withdrawn:
		return "WITHDRAWN"
	}
	return "LIVE"
}

// A Form is the kind of a card.
type Form int

// The forms of a card, with the fields each shows.
const (
	EntryForm   Form = iota // an entry
	HeadForm                // a page over its thread: Headline, URL, Count, Items (the latest), Changed (last update)
	RollupForm              // entries told together: Headline ("12 more updates"), Count, Items, Note
	ClosingForm             // the end of a page's coverage: Headline, URL, Count, Items (what mattered), Note
	NoteForm                // what changed in an entry: State, Headline, URL (of the entry), Edits, Was, Quotes
	NoticeForm              // a line to the operators: Text
)

// A Card is one entry as it is shown, or what else its Form says. All strings
// are plain text of any length; the adapter escapes them and keeps the
// platform's limits.
type Card struct {
	Form     Form
	Source   string    // the source's name, for the kicker
	State    State     //
	Headline string    // "" where the entry has none
	URL      string    // the entry itself, absolute http(s); "" if unknown
	Quotes   []Quote   // the best first; each is shown as a block quote
	Was      []Quote   // what an earlier state of this card said and no longer stands; shown struck through
	Text     string    // shown when there is no quote, or beside it when short
	Byline   string    // the author, as printed
	Time     time.Time // when the entry was published; zero if unknown
	Changed  time.Time // when State became what it is; zero while it is Live
	Image    Image     // zero for none
	Key      bool      // a key event of its source
	Items    []Item    // entries in a line each, in the order they are shown
	Count    int       // how many entries there are in all; Items may be fewer
	Edits    []Edit    // what changed, part by part
	Note     string    // small print: "/latest shows them all"
}

// An Item is an entry in a line.
type Item struct {
	Time     time.Time // zero if unknown
	Headline string    // or the beginning of its text
	Speaker  string    // of its best quote; "" for none
	URL      string    // "" if unknown
	State    State
}

// An Edit is a part of an entry before and after a change. Old or New may be
// empty.
type Edit struct {
	What     string // "Headline", "Text"
	Old, New string
}

// A Quote is a quotation on a card.
type Quote struct {
	Text    string // verbatim, without outer marks
	Speaker string // "" = "speaker not stated"
	Role    string // "" if none
	URL     string // link to the words themselves; "" for none
}

// An Image is a picture on a card. The zero Image is no picture.
type Image struct {
	URL    string // absolute http(s)
	Alt    string
	Credit string
}

// A Post is a card on its way to a channel.
type Post struct {
	Channel Channel
	Card    Card
	Silent  bool // without a notification where the platform can
	// Thread is the message of the page under which the card is posted; "" =
	// in the channel itself.
	Thread MessageID
	// Broadcast shows a card of a thread in the channel too.
	Broadcast bool
	// Reply is the message in the same channel, or the same Thread, that the
	// card answers; "" = none. A reply whose message is gone is posted all the
	// same.
	Reply MessageID
	// Forum opens a forum post titled with the card's Headline. The MessageID
	// returned serves as Thread for what goes into it, as that of a HeadForm
	// card does.
	Forum bool
	Tags  []string // of a forum post: names or ids of tags; unknown ones are left out
	// Publish sends the message on to the channels that follow this one, where
	// the platform can and its limits allow. That it could not be published is
	// no error.
	Publish bool
	// Mentions are told aloud, in words outside the card. Nothing else of a post
	// ever mentions anybody.
	Mentions []Mention
	// Buttons stand under the card; a press comes back with Target set.
	Buttons []Button
	// Key identifies the delivery: at most 25 ASCII letters and digits, the
	// same for every attempt, different for every other delivery.
	Key string
	// Tried is when an earlier attempt whose outcome is not known began; zero
	// if there was none. When it is set, Send first finds out whether that
	// attempt's message exists and returns it instead of posting again, as
	// far as the platform allows.
	Tried time.Time
}

// A Mention is somebody who is told aloud.
type Mention struct {
	Role bool   // a role or user group rather than one person
	ID   string // the platform's id
}

// An Adapter brings cards and commands to one workspace or bot of a platform.
// Its methods may be called concurrently. Errors of Send, Edit and Check are
// of type *[SendError], hold no secret, and come within the context's time.
type Adapter interface {
	// Name returns the instance's name in the configuration.
	Name() string
	// Send posts a card, once, without retries of its own.
	Send(ctx context.Context, p Post) (MessageID, error)
	// Edit replaces the card of a message. A message that is not there any
	// more is reason Gone.
	Edit(ctx context.Context, ch Channel, id MessageID, card Card) error
	// Delete removes a message. One that is not there any more is no error.
	Delete(ctx context.Context, ch Channel, id MessageID) error
	// Pace returns how long the platform's limits ask to wait before the next
	// Send, Edit or Delete in the channel: 0 means go on, and counts as that
	// request; otherwise nothing is counted. It does not block.
	Pace(ch Channel) time.Duration
	// Check reports whether the adapter can authenticate and, for a channel
	// with an ID, whether it may post there, without posting anything.
	Check(ctx context.Context, ch Channel) error
	// Serve registers the commands, passes what users send to h, and returns
	// after ctx is done (nil) or when it cannot go on (the reason).
	Serve(ctx context.Context, cmds []CommandSpec, h Handler) error
}

// A Reason classes a failed Send, Edit or Check.
type Reason int

// The reasons. What the engine does about each is in design.md, "Flow".
const (
	// Transient: try again later; the message was surely not accepted.
	Transient Reason = iota + 1
	// Unknown: the platform may have accepted the message (a time-out or a
	// broken connection after the request was written, a 5xx).
	Unknown
	// RateLimited: try again after RetryAfter; it costs no attempt.
	RateLimited
	// Rejected: the platform will never accept this card.
	Rejected
	// Gone: the channel (Send, Check) or the message (Edit) is not there, or
	// the bot may not post there.
	Gone
	// Unauthorized: the token is not accepted; nothing of this adapter works.
	Unauthorized
	// Frozen: the message stands but can be edited no more.
	Frozen
)

// String returns the reason in snake_case, as logs and metrics print it.
func (r Reason) String() string {
	switch r {
	case Transient:
		return "transient"
	case Unknown:
		return "unknown"
	case RateLimited:
		return "rate_limited"
	case Rejected:
		return "rejected"
	case Gone:
		return "gone"
	case Unauthorized:
		return "unauthorized"
	case Frozen:
		return "frozen"
	}
	return "none"
}

// A SendError says why a card was not sent or edited.
type SendError struct {
	Reason Reason
	// RetryAfter is how long the platform asked to wait; 0 = it did not say.
	RetryAfter time.Duration
	// Global reports that a rate limit holds for the whole adapter, not only
	// for this channel.
	Global bool
	// Thread reports with reason Gone that the Thread of the post is not there
	// any more, while the channel may be.
	Thread bool
	// Channel reports with reason Gone of an Edit or Delete that it is the channel
	// that is not there or lets nobody in, while the message may stand: what was
	// to be changed is changed when the channel opens again.
	Channel bool
	// Remedy tells the operator what to do, in a sentence; "" if there is
	// nothing to do but wait.
	Remedy string
	Err    error // never nil, holds no secret
}

// Error returns the reason's name and the wrapped error's text.
func (e *SendError) Error() string { return e.Reason.String() + ": " + e.Err.Error() }

// Unwrap returns the wrapped error.
func (e *SendError) Unwrap() error { return e.Err }

// ReasonOf returns the reason in err, Transient for an error that is no
// SendError, and 0 for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return 0
	}
	if se, ok := errors.AsType[*SendError](err); ok {
		return se.Reason
	}
	return Transient
}
