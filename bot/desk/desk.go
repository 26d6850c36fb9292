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
	// KeepIf saves all values, a nil value removing its key, if the value kept
	// under key is was, nil for none; else none, and the error is
	// [store.ErrChanged].
	KeepIf(ctx context.Context, key string, was []byte, values map[string][]byte) error
}

// Errors that a user can do something about; their texts are for users.
var (
	ErrFile   = errors.New("that is set in the configuration file; an operator changes it there")
	ErrNone   = errors.New("there is no such thing here")
	ErrTaken  = errors.New("it is followed here already")
	ErrLimit  = errors.New("that is more than this bot keeps for one server or person")
	ErrFilter = errors.New("the filter cannot be used")
	ErrBusy   = errors.New("somebody else is changing something at the moment; try again")
)

// Limits of what is kept for one tenant (a server or workspace) and for one
// person.
const (
	MaxSources = 100  // that channels of one tenant follow from chat
	MaxAlerts  = 25   // of one person
	MaxDigests = 40   // of one tenant
	MaxRecalls = 1000 // of one tenant; beyond that the oldest are forgotten
	MaxFilter  = 1000 // bytes of a filter
	maxActs    = 500  // of one tenant's audit trail; beyond that the oldest are forgotten
)

// An Actor is who decides, and where.
type Actor struct {
	Adapter string
	Tenant  string // the server or workspace
	User    string // the platform's id
	Channel chat.Channel
}

// tenant names the server or workspace of an actor among those of all adapters.
func (a Actor) tenant() string { return a.Adapter + ":" + a.Tenant }

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
	Tenant   string         `json:",omitempty"` // "adapter:tenant" of who said so last
	By       string         `json:",omitempty"`
	At       time.Time      `json:",omitzero"`
}

// A Room is what a channel wants of everything it is told.
type Room struct {
	Channel chat.Channel
	Quiet   string    `json:",omitempty"` // rules.Hours in which delivery is held
	Pass    string    `json:",omitempty"` // rules.Filter of what passes all the same; "" = breaking sources only
	Tenant  string    `json:",omitempty"` // as of a Want
	By      string    `json:",omitempty"`
	At      time.Time `json:",omitzero"`
}

// An Alert tells one person of what they asked for.
type Alert struct {
	ID     string
	User   chat.Channel  // their direct messages: "discord:@80351110224678912"
	Source news.SourceID `json:",omitempty"` // "" = every source
	Filter string        `json:",omitempty"`
	Tenant string        `json:",omitempty"` // where they asked: they are told what is seen there
	At     time.Time
}

// A Digest is a summary at fixed times.
type Digest struct {
	ID      string
	Channel chat.Channel    // where it is posted: a channel, a thread's, or one person's direct messages
	Thread  bool            `json:",omitempty"` // in the thread of the one source's page, where there is one
	Home    chat.Channel    // where it was asked for, and whose filters hold
	Tenant  string          `json:",omitempty"`
	Spec    string          // robfig/cron, with CRON_TZ
	Sources []news.SourceID // none = what Home follows
	File    bool            `json:"-"` // the configuration file says so
	By      string
	At      time.Time
}

// A Tenant is what a server or workspace wants of the whole bot.
type Tenant struct {
	Name string // "adapter:tenant"
	Zone string `json:",omitempty"` // IANA time zone; "" = UTC
	By   string
	At   time.Time
}

// A Recall is an entry that a tenant has withdrawn from its own channels.
type Recall struct {
	ID       string
	Entry    news.Ref
	Channels []chat.Channel
	Tenant   string
	By       string
	At       time.Time
}

// File is what the configuration file says.
type File struct {
	Sources []news.Source
	Wants   []Want
	Rooms   []Room
	Digests []Digest
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
	if g, ok := d.state.Load().allDigests[id]; ok {
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
	s := d.state.Load()
	for _, a := range s.alerts[user] {
		if s.alerted(&a, e.Source) && a.filter.Match(e).Wanted {
			return a.ID
		}
	}
	return ""
}

// Visible reports whether an actor's server or workspace may know of a source:
// the file has it, or a channel of theirs follows it.
func (d *Desk) Visible(a Actor, source news.SourceID) bool {
	return d.state.Load().visible(a.tenant(), source)
}

// Hidden reports whether there is any source that an actor's server or
// workspace may not know of.
func (d *Desk) Hidden(a Actor) bool {
	s := d.state.Load()
	for id := range s.followed {
		if !s.visible(a.tenant(), id) {
			return true
		}
	}
	return false
}

// TenantOf returns the server or workspace of a channel about which chat has
// decided something; ok is false of others.
func (d *Desk) TenantOf(ch chat.Channel) (tenant string, ok bool) {
	full, ok := d.state.Load().places[ch]
	return strings.TrimPrefix(full, ch.Adapter+":"), ok
}

// Zone returns the time zone of an actor's server or workspace, "" if it has
// chosen none.
func (d *Desk) Zone(a Actor) string { return d.state.Load().tenants[a.tenant()].Zone }

// Recalled reports whether an entry was withdrawn from a channel by its own
// server or workspace.
func (d *Desk) Recalled(ch chat.Channel, e news.Ref) bool {
	return d.state.Load().recalled[recallKey{e, ch}]
}

// Usage is how much of its limits an actor's server or workspace uses, and how
// many alerts a person has.
type Usage struct{ Sources, Digests, Alerts int }

// Usage returns what is used.
func (d *Desk) Usage(a Actor, user chat.Channel) Usage {
	s := d.state.Load()
	return Usage{Sources: s.countOf(a.tenant()), Digests: s.digestsOf(a.tenant()), Alerts: len(s.alerts[user])}
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
	m := Made{Digests: slices.DeleteFunc(d.Digests(), func(g Digest) bool { return g.File })}
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
	digests := d.state.Load().allDigests
	var list []Digest
	for _, id := range slices.Sorted(maps.Keys(digests)) {
		list = append(list, digests[id])
	}
	return list
}
