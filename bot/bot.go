// Package bot is the engine: it polls sources, keeps the promises in the
// outbox, and answers commands.
//
// A [Bot] is made with [New] and lives as long as [Bot.Run]. Everything it
// touches comes in through [Options]: the ledger, the reader of sources and
// the chat adapters. Three parts share the ledger and nothing else: the poller
// (due source → reading → diff → record), the dispatcher (due delivery → send
// or edit → receipt) and the commands (one table → ledger queries → reply).
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A Fetcher reads a source. cur is what the last reading returned, or zero.
// Its errors should be *[news.ReadError] where the source has something to say
// about when to come back. It is called concurrently, but never twice at once
// for one source.
type Fetcher interface {
	Fetch(ctx context.Context, src news.Source, cur news.Cursor) (news.Snapshot, error)
	// More reads a page of older entries that a snapshot named (Older).
	More(ctx context.Context, src news.Source, address string) (news.Snapshot, error)
	// Read parses a document of the source that was pushed.
	Read(ctx context.Context, src news.Source, contentType string, body []byte) (news.Snapshot, error)
}

// Options is what a Bot works with. Store and Fetcher are required.
type Options struct {
	Store         store.Store
	Fetcher       Fetcher
	Adapters      []chat.Adapter
	Sources       []news.Source
	Subscriptions []store.Subscription
	Logger        *slog.Logger // nil discards
	Polls         int          // readings at the same time; 0 means 16
	Lanes         int          // channels served at the same time, an equal share per adapter; 0 means 256
	Observer      Observer     // nil observes nothing
	Push          Pusher       // nil: hubs are not asked to tell what is new
	// Desk keeps what is decided in chat; Sources and Subscriptions are not
	// looked at then, but its. Nil leaves everything to the file.
	Desk *desk.Desk
	// Names gives commands other names than their own; see [Commands].
	Names map[string]string

	EditWindow time.Duration  // a card is edited at most once in it; 0 means 30 s, negative no window
	PerMinute  int            // cards a channel takes in a minute before plain updates are folded; 0 means 10, negative no limit
	CatchUp    int            // late updates that get a card of their own after a pause; 0 means 10, negative no limit
	Operators  []chat.Channel // where the bot says what is wrong with it; nil = in the log only
	// Replica names the bot among those that share its ledger; no two may have
	// one name. "" is a name made up.
	Replica string
	// Home reports whether a server or workspace is the operator's own: who
	// manages it sees every source and decides for every channel. Nil: all are.
	Home func(adapter, tenant string) bool
}

// A Bot polls, dispatches and answers. Use New.
type Bot struct {
	store      store.Store
	log        *slog.Logger
	adapters   []chat.Adapter
	sources    []news.Source
	subs       []store.Subscription
	observer   Observer
	desk       *desk.Desk
	applying   sync.Mutex                        // held while what the desk says is made to hold
	home       func(adapter, tenant string) bool // nil: every one
	renamed    renames
	turnstile  *turnstile
	poller     *poller
	dispatcher *dispatcher
	replica    *replica
}

// grace is how long sends under way may take after a stop: they end by
// themselves in that time or are cut off, which costs them no attempt. It
// leaves room to stop the whole program within two seconds.
const grace = 1500 * time.Millisecond

// New returns a Bot, or an error that names every source whose schedule is no
// valid one.
func New(o Options) (*Bot, error) {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Bot{turnstile: newTurnstile(), store: o.Store, log: log, adapters: o.Adapters, sources: o.Sources, subs: o.Subscriptions}
	b.desk, b.renamed, b.home = o.Desk, o.Names, o.Home
	if b.desk != nil {
		o.Sources, o.Subscriptions = b.desk.Effective()
		b.sources, b.subs = o.Sources, o.Subscriptions
	}
	if b.observer = o.Observer; b.observer == nil {
		b.observer = unobserved{}
	}
	b.dispatcher = newDispatcher(o, log, b.observer)
	b.poller = newPoller(o, log, b.observer)
	b.poller.wake, b.poller.tell = b.dispatcher.wake, b.dispatcher.tell
	b.replica = newReplica(o, log, b.observer, b.heard)
	b.dispatcher.claims = b.replica.claims
	return b, b.poller.follow(o.Sources)
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}

// Run follows the sources and serves the adapters until ctx is done, then
// stops in order: polling, sending, adapters. It returns nil after ctx is
// done, or why it could not go on: the ledger cannot be written any more.
// An adapter that cannot serve commands is logged and goes on sending.
func (b *Bot) Run(ctx context.Context) error {
	if err := b.store.Sync(ctx, b.sources, b.subs); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // being stopped is no error
		}
		return fmt.Errorf("sync sources: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	// Adapters outlive the dispatcher, which outlives the poller.
	base := context.WithoutCancel(ctx)
	adapterCtx, stopAdapters := context.WithCancel(base)
	defer stopAdapters()
	served := b.serve(adapterCtx)

	if err := b.replica.join(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("join the replicas: %w", err)
	}
	defer b.replica.leave(base)
	g, gctx := errgroup.WithContext(ctx)
	polled := make(chan struct{}) // closed when the poller has stopped
	g.Go(func() error { return b.replica.run(gctx) })
	g.Go(func() error {
		defer close(polled)
		return b.poller.run(gctx)
	})
	g.Go(func() error { return b.dispatcher.run(gctx, polled) })
	if b.desk != nil {
		d := &digester{desk: b.desk, store: b.store, log: b.log, wake: b.dispatcher.wake}
		g.Go(func() error { return d.run(gctx) })
	}
	err := g.Wait()
	stopAdapters()
	served()
	return err
}

// serve starts every adapter's Serve and returns a function that waits for
// them to end, at most for the grace.
func (b *Bot) serve(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	var g errgroup.Group
	for _, a := range b.adapters {
		g.Go(func() error {
			if err := a.Serve(ctx, Commands(b.renamed), b.Handle); err != nil {
				b.log.Error("commands stopped", "adapter", a.Name(), "error", err)
			}
			return nil
		})
	}
	go func() { // ends with the adapters, or with the process if one hangs
		defer close(done)
		_ = g.Wait() // the functions above return nil
	}()
	return func() {
		select {
		case <-done:
		case <-time.After(grace):
			b.log.Warn("adapters did not stop in time", "grace", grace)
		}
	}
}

// heard looks for what another replica has done.
func (b *Bot) heard(ctx context.Context) {
	b.dispatcher.wake()
	if b.desk == nil {
		return
	}
	changed, err := b.desk.Reload(ctx)
	if err != nil && ctx.Err() == nil {
		b.log.Error("what another replica was told in chat cannot be taken in", "error", err)
	}
	if changed && err == nil {
		b.arrange(b.desk.Effective())
	}
}

// A Summary counts what Once did.
type Summary struct {
	Sources int // polled
	Failed  int // of them could not be read
	Left    store.Backlog
}

// Once polls every source once, delivers what is due, waiting for rate limits
// and retries that pass within patience, and returns. Commands are not served.
func (b *Bot) Once(ctx context.Context, patience time.Duration) (Summary, error) {
	var sum Summary
	if err := b.store.Sync(ctx, b.sources, b.subs); err != nil {
		return sum, fmt.Errorf("sync sources: %w", err)
	}
	if err := b.store.Hurry(ctx); err != nil {
		return sum, fmt.Errorf("hurry sources: %w", err)
	}
	err := b.poller.pollAll(ctx)
	if err == nil {
		err = b.dispatcher.drain(ctx, patience)
	}
	if err != nil {
		return sum, err
	}
	statuses, err := b.store.Sources(ctx)
	if err != nil {
		return sum, fmt.Errorf("list sources: %w", err)
	}
	for _, s := range statuses {
		sum.Sources++
		if s.Problem != "" {
			sum.Failed++
		}
	}
	sum.Left, err = b.store.Backlog(ctx)
	return sum, err
}

// fatal reports whether err means that the ledger can save nothing more.
func fatal(err error) bool {
	return err != nil && !errors.Is(err, store.ErrLeaseLost) && !errors.Is(err, store.ErrNotFound) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}
