// Package admin is how operators look into the running program and act on it.
//
// [Metrics] watches the bot. [Office] is what can be asked and done: by
// [Local] over an open ledger, by [Client] through the socket of the program
// that has the ledger open. [Server] offers an Office to both: its pages
// (health, metrics, a page for people) on a TCP listener, everything else on a
// unix socket that only the owner of the program can open.
//
// The pages ask for no password and change nothing. They show no token and no
// address of a source, and what sources say as text.
package admin

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// An Office is what operators can ask for and do.
type Office interface {
	// Status says how everything stands.
	Status(ctx context.Context) (Status, error)
	// Outbox returns deliveries that do not get on, at most limit of each sort.
	Outbox(ctx context.Context, limit int) (Outbox, error)
	// Retry and Drop are those of the ledger.
	Retry(ctx context.Context, ids ...store.DeliveryID) (int, error)
	Drop(ctx context.Context, ids ...store.DeliveryID) (int, error)
	// Backup writes a consistent copy of the ledger and returns its size.
	Backup(ctx context.Context, w io.Writer) (int64, error)
	// History returns the kept revisions of an entry, oldest first.
	History(ctx context.Context, ref news.Ref) ([]news.Entry, error)
	// Trace tells what became of the entries at an address.
	Trace(ctx context.Context, address string) ([]Trace, error)
	// Kept returns what other rooms keep in the ledger under a prefix.
	Kept(ctx context.Context, prefix string) (map[string][]byte, error)
}

// A Status is how everything stands. Times are zero where nothing happened.
type Status struct {
	Version string    `json:"version,omitempty"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started,omitzero"` // of the program; zero if it is not running
	Backlog Backlog   `json:"backlog"`
	Sources []Source  `json:"sources"`
	Hubs    []Hub     `json:"hubs,omitempty"`
	All     Latency   `json:"latency"`
}

// A Backlog counts deliveries.
type Backlog struct {
	Due       int       `json:"due"`
	Waiting   int       `json:"waiting"`
	Abandoned int       `json:"abandoned"`
	Oldest    time.Time `json:"oldest,omitzero"` // promised then and still not delivered
}

// A Source is how a source is doing.
type Source struct {
	ID       news.SourceID `json:"id"`
	Name     string        `json:"name"`
	Format   string        `json:"format,omitempty"`
	Entries  int           `json:"entries"`
	Ended    bool          `json:"ended,omitempty"`
	LastRead time.Time     `json:"last_success,omitzero"`
	Next     time.Time     `json:"next_poll,omitzero"`
	Newest   time.Time     `json:"newest_entry,omitzero"`
	Lag      float64       `json:"lag_seconds"` // how long the next reading is overdue
	Failures int           `json:"failures,omitempty"`
	Problem  string        `json:"last_error,omitempty"`
	GapFrom  time.Time     `json:"gap_from,omitzero"` // entries from then to GapTo may be missing
	GapTo    time.Time     `json:"gap_to,omitzero"`
	Latency  Latency       `json:"latency"`
}

// A Latency is how long the newest cards took, in seconds.
type Latency struct {
	Cards         int         `json:"cards"` // that the figures rest on
	FromPublished Percentiles `json:"from_published"`
	FromSeen      Percentiles `json:"from_seen"`
}

// Percentiles are points of a distribution, in seconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// A Hub is how a subscription with a WebSub hub stands.
type Hub struct {
	Source  news.SourceID `json:"source"`
	Hub     string        `json:"hub"` // its host
	State   string        `json:"state"`
	Expires time.Time     `json:"expires,omitzero"`
	Problem string        `json:"problem,omitempty"`
}

// An Outbox is what does not get on.
type Outbox struct {
	Held      []Delivery `json:"held"`      // first of its channel, put off; goes on by itself
	Abandoned []Delivery `json:"abandoned"` // given up, newest first
}

// A Delivery is a promise that is not kept yet.
type Delivery struct {
	ID       store.DeliveryID `json:"id"`
	Channel  string           `json:"channel"`
	Kind     store.Kind       `json:"kind,omitempty"`
	Source   news.SourceID    `json:"source,omitempty"`
	Entry    news.EntryID     `json:"entry,omitempty"`
	Headline string           `json:"headline,omitempty"`
	Reason   string           `json:"reason"`
	Attempts int              `json:"attempts"`
	Promised time.Time        `json:"promised"`
	Next     time.Time        `json:"next,omitzero"` // when it is tried again
}

// Local is the Office of a process that has the ledger open.
type Local struct {
	Store   store.Store
	Metrics *Metrics     // nil: nothing is known of latency
	Hubs    func() []Hub // nil: none
	Wake    func()       // called when deliveries are due again; nil does nothing
	Version string
	Started time.Time
}

var _ Office = Local{}

// Status says how everything stands.
func (l Local) Status(ctx context.Context) (Status, error) {
	now := time.Now().UTC()
	st := Status{Version: l.Version, Started: l.Started, Now: now, All: l.latency("")}
	b, err := l.Store.Backlog(ctx)
	if err != nil {
		return st, err
	}
	st.Backlog = Backlog(b)
	sources, err := l.Store.Sources(ctx)
	if err != nil {
		return st, err
	}
	for _, s := range sources {
		st.Sources = append(st.Sources, l.source(s, now))
	}
	if l.Hubs != nil {
		st.Hubs = l.Hubs()
	}
	return st, nil
}

func (l Local) source(s store.SourceStatus, now time.Time) Source {
	out := Source{
		ID: s.Source.ID, Name: s.Source.Name, Format: s.Format, Entries: s.Entries, Ended: s.Ended,
		LastRead: s.LastRead, Next: s.Next, Newest: s.Newest, Failures: s.Failures, Problem: clip(s.Problem, 300),
		GapFrom: s.Gap.From, GapTo: s.Gap.To, Latency: l.latency(s.Source.ID),
	}
	if !s.Next.IsZero() && !l.Started.IsZero() {
		out.Lag = max(now.Sub(s.Next), 0).Seconds()
	}
	return out
}

func (l Local) latency(id news.SourceID) Latency {
	if l.Metrics == nil {
		return Latency{}
	}
	published, seen, n := l.Metrics.Latency(id)
	return Latency{Cards: n, FromPublished: percentiles(published), FromSeen: percentiles(seen)}
}

func percentiles(p [3]time.Duration) Percentiles {
	return Percentiles{P50: p[0].Seconds(), P95: p[1].Seconds(), P99: p[2].Seconds()}
}

// Outbox returns deliveries that do not get on.
func (l Local) Outbox(ctx context.Context, limit int) (Outbox, error) {
	held, err := l.Store.Held(ctx, limit)
	if err != nil {
		return Outbox{}, err
	}
	abandoned, err := l.Store.Abandoned(ctx, limit)
	if err != nil {
		return Outbox{}, err
	}
	return Outbox{Held: l.deliveries(ctx, held), Abandoned: l.deliveries(ctx, abandoned)}, nil
}

func (l Local) deliveries(ctx context.Context, list []store.Delivery) []Delivery {
	out := make([]Delivery, len(list))
	for i, d := range list {
		out[i] = Delivery{
			ID: d.ID, Channel: d.Channel.String(), Kind: d.Kind, Source: d.Entry.Source, Entry: d.Entry.Entry,
			Headline: l.headline(ctx, d), Reason: clip(d.LastError, 300), Attempts: d.Attempts, Promised: d.Enqueued, Next: d.NextAttempt,
		}
	}
	return out
}

// headline says in a line what a delivery would have shown.
func (l Local) headline(ctx context.Context, d store.Delivery) string {
	const most = 120
	if d.Entry.Entry == "" {
		return clip(d.Text, most)
	}
	e, err := l.Store.Entry(ctx, d.Entry)
	switch {
	case err != nil:
		return "" // no longer kept
	case e.Headline != "":
		return clip(e.Headline, most)
	}
	return clip(e.Body, most)
}

// clip returns text on one line, without what a terminal would act on, cut to
// so many runes.
func clip(text string, most int) string {
	text = strings.Join(strings.Fields(chat.Clean(text)), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// Retry gives abandoned deliveries back to their channels.
func (l Local) Retry(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	n, err := l.Store.Retry(ctx, ids...)
	if n > 0 && l.Wake != nil {
		l.Wake()
	}
	return n, err
}

// Drop forgets abandoned deliveries.
func (l Local) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	return l.Store.Drop(ctx, ids...)
}

// Backup writes a consistent copy of the ledger.
func (l Local) Backup(ctx context.Context, w io.Writer) (int64, error) {
	return l.Store.Backup(ctx, w)
}

// History returns the kept revisions of an entry.
func (l Local) History(ctx context.Context, ref news.Ref) ([]news.Entry, error) {
	return l.Store.History(ctx, ref)
}
