// Package desk keeps what people decide in chat: which sources a channel
// follows, what it wants of them, when it wants to be left alone, who is
// alerted of what, and who decided it.
//
// What the configuration file says stands beside it under one rule: the file
// wins for every key it sets; chat may set what the file leaves out, and may
// always pause and resume. A source or subscription that chat made is chat's.
//
// A [Desk] answers from memory, without locks, so that it may be asked about
// every card. A change is saved through the [Keeper] before it holds. Where
// several replicas share what is kept, one of them changes it at a time, on top
// of the newest, and the others take it in with [Desk.Reload].
package desk

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
	"github.com/pullquote/pullquote/store"
)

// A Keeper saves small values across restarts; the ledger is one.
type Keeper interface {
	// KeptAll returns the values whose keys begin with prefix.
	KeptAll(ctx context.Context, prefix string) (map[string][]byte, error)
	// KeepAll saves all values, or none of them; a nil value removes its key.
	KeepAll(ctx context.Context, values map[string][]byte) error
}

// Errors that a user can do something about; their texts are for users.
var (
	ErrFile   = errors.New("that is set in the configuration file; an operator changes it there")
	ErrNone   = errors.New("there is no such thing here")
	ErrTaken  = errors.New("it is followed here already")
	ErrLimit  = errors.New("that is more than this bot keeps for one server or person")
	ErrFilter = errors.New("the filter cannot be used")
)

// Limits of what is kept for one server or workspace, and for one person.
const (
	MaxSources = 100 // followed from the chat of one tenant
	MaxAlerts  = 25  // of one person
	MaxDigests = 20  // of one channel
)

// An Actor is who decides, and where.
type Actor struct {
	Adapter string
	Tenant  string // the server or workspace
	User    string // the platform's id
	Channel chat.Channel
}

// A Followed is a source that is followed from chat.
type Followed struct {
	news.Source
	Tenant string // "adapter:tenant" of who follows it
	By     string
	At     time.Time
}

// A Want is what a channel wants of a source.
type Want struct {
	store.Subscription
	Filter   string         `json:",omitempty"` // rules.Filter; "" = everything
	Mentions []chat.Mention `json:",omitempty"` // told aloud of what Loud wants
	Loud     string         `json:",omitempty"` // rules.Filter; "" = key events
	Paused   bool           `json:",omitempty"`
	Made     bool           `json:",omitempty"` // by chat; else it adds to a subscription of the file
	By       string         `json:",omitempty"`
	At       time.Time      `json:",omitzero"`
}

// A Room is what a channel wants of everything it is told.
type Room struct {
	Channel chat.Channel
	Quiet   string    `json:",omitempty"` // rules.Hours in which delivery is held
	Pass    string    `json:",omitempty"` // rules.Filter of what passes all the same; "" = breaking sources only
	By      string    `json:",omitempty"`
	At      time.Time `json:",omitzero"`
}

// An Alert tells one person of what they asked for.
type Alert struct {
	ID     string
	User   chat.Channel  // their direct messages: "discord:@80351110224678912"
	Source news.SourceID `json:",omitempty"` // "" = every source
	Filter string        `json:",omitempty"`
	At     time.Time
}

// A Digest is a summary at fixed times.
type Digest struct {
	ID      string
	Channel chat.Channel
	Spec    string // robfig/cron, with CRON_TZ
	Sources []news.SourceID
	Period  time.Duration
	By      string
	At      time.Time
}

// File is what the configuration file says.
type File struct {
	Sources []news.Source
	Wants   []Want
	Rooms   []Room
}

// A Desk keeps what is decided. Use New.
type Desk struct {
	keeper Keeper
	file   File
	now    func() time.Time

	mu      sync.Mutex // held while a change is saved or read
	state   atomic.Pointer[state]
	version string // of what state was read from; guarded by mu
}

// New returns the desk with what the file says and what was kept. Kept values
// that cannot be read any more are an error: nothing is forgotten silently.
func New(ctx context.Context, k Keeper, file File) (*Desk, error) {
	d := &Desk{keeper: k, file: file, now: time.Now}
	if err := d.read(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Effective returns what is followed and who is told of it: the file's and
// chat's together, without what is paused.
func (d *Desk) Effective() (sources []news.Source, subs []store.Subscription) {
	s := d.state.Load()
	return slices.Clone(s.sources), slices.Clone(s.subs)
}

// Wants returns what a channel wants, by source.
func (d *Desk) Wants(ch chat.Channel) []Want {
	var list []Want
	for _, w := range d.state.Load().wants {
		if w.Channel == ch {
			list = append(list, w.Want)
		}
	}
	slices.SortFunc(list, func(a, b Want) int { return strings.Compare(string(a.Source), string(b.Source)) })
	return list
}

// Want returns what a channel wants of a source, or ErrNone.
func (d *Desk) Want(source news.SourceID, ch chat.Channel) (Want, error) {
	if w, ok := d.state.Load().wants[wantKey{source, ch}]; ok {
		return w.Want, nil
	}
	return Want{}, ErrNone
}

// Room returns what a channel wants of everything; zero but for Channel if it
// has said nothing.
func (d *Desk) Room(ch chat.Channel) Room {
	if r, ok := d.state.Load().rooms[ch]; ok {
		return r.Room
	}
	return Room{Channel: ch}
}

// Judge says whether an entry is wanted in a channel, and why.
func (d *Desk) Judge(ch chat.Channel, e *news.Entry) rules.Verdict {
	s := d.state.Load()
	if strings.HasPrefix(ch.ID, "@") {
		return s.judgeAlerts(ch, e)
	}
	w, ok := s.wants[wantKey{e.Source, ch}]
	if !ok {
		return rules.Verdict{Wanted: true}
	}
	return w.filter.Match(e)
}

// Mentions returns who is told aloud of an entry in a channel.
func (d *Desk) Mentions(ch chat.Channel, e *news.Entry) []chat.Mention {
	w, ok := d.state.Load().wants[wantKey{e.Source, ch}]
	if !ok || len(w.Mentions) == 0 {
		return nil
	}
	if w.loud.IsZero() && !e.Key || !w.loud.Match(e).Wanted {
		return nil
	}
	return w.Mentions
}

// Held reports until when an entry is held back because its channel wants to
// be left alone; ok is false when it may be told now.
func (d *Desk) Held(ch chat.Channel, e *news.Entry, breaking bool, now time.Time) (until time.Time, ok bool) {
	r, found := d.state.Load().rooms[ch]
	if !found {
		return time.Time{}, false
	}
	until, in := r.quiet.Until(now)
	if !in || breaking || !r.pass.IsZero() && r.pass.Match(e).Wanted {
		return time.Time{}, false
	}
	return until, true
}

// Alerts returns a person's alerts, oldest first.
func (d *Desk) Alerts(user chat.Channel) []Alert {
	var list []Alert
	for _, a := range d.state.Load().alerts[user] {
		list = append(list, a.Alert)
	}
	return list
}

// Changed returns a channel that is closed at the next change.
func (d *Desk) Changed() <-chan struct{} { return d.state.Load().superseded }

// Digest returns a digest by its ID, or ErrNone.
func (d *Desk) Digest(id string) (Digest, error) {
	if g, ok := d.state.Load().digests[id]; ok {
		return g, nil
	}
	return Digest{}, ErrNone
}

// Filtered reports whether anything keeps entries from a channel: a filter,
// an alert's wishes, or quiet hours.
func (d *Desk) Filtered(ch chat.Channel) bool {
	s := d.state.Load()
	if strings.HasPrefix(ch.ID, "@") {
		return true
	}
	if r, ok := s.rooms[ch]; ok && !r.quiet.IsZero() {
		return true
	}
	return s.filtered[ch]
}

// AlertFor returns which of a person's alerts wants an entry, "" for none.
func (d *Desk) AlertFor(user chat.Channel, e *news.Entry) string {
	for _, a := range d.state.Load().alerts[user] {
		if (a.Source == "" || a.Source == e.Source) && a.filter.Match(e).Wanted {
			return a.ID
		}
	}
	return ""
}

// Made is what chat decided and the file does not say.
type Made struct {
	Followed []Followed // by ID
	Wants    []Want     // those of followed sources and of the file's, by source and channel
	Rooms    []Room
	Digests  []Digest
	Alerts   int // how many there are; they are people's own
}

// Made returns what chat decided. Of subscriptions that the file has it returns
// those to which chat added something.
func (d *Desk) Made() Made {
	s := d.state.Load()
	m := Made{Digests: d.Digests()}
	for _, id := range slices.Sorted(maps.Keys(s.followed)) {
		m.Followed = append(m.Followed, s.followed[id])
	}
	for k, w := range s.made {
		if now, ok := s.wants[k]; ok && (w.Made || now.Filter != "" || len(now.Mentions) > 0) {
			m.Wants = append(m.Wants, now.Want)
		}
	}
	slices.SortFunc(m.Wants, func(a, b Want) int {
		return strings.Compare(string(a.Source)+" "+a.Channel.String(), string(b.Source)+" "+b.Channel.String())
	})
	for _, r := range s.roomsIn {
		m.Rooms = append(m.Rooms, r)
	}
	slices.SortFunc(m.Rooms, func(a, b Room) int { return strings.Compare(a.Channel.String(), b.Channel.String()) })
	for _, list := range s.alerts {
		m.Alerts += len(list)
	}
	return m
}

// Digests returns every digest, by ID.
func (d *Desk) Digests() []Digest {
	digests := d.state.Load().digests
	var list []Digest
	for _, id := range slices.Sorted(maps.Keys(digests)) {
		list = append(list, digests[id])
	}
	return list
}
