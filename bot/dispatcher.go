package bot

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A dispatcher keeps the promises in the outbox. One goroutine owns its state:
// it claims lanes, starts a [porter] for each, and waits for a kick, a finished
// porter or the next due time; it never polls on a tick. One porter serves one
// channel at a time, so that a channel stays in order.
//
// A delivery goes through these states:
//
//	pending → begun (saved) ─┬→ settled: the card stands, the receipt is saved
//	   ↑                     ├→ abandoned: the platform will never take it
//	   └──── postponed ──────┘  later: a limit, a fault, a channel that refuses
//
// Under pressure some that are pending are folded into a roll-up instead: see
// [pressure].
type dispatcher struct {
	store    store.Store
	adapters map[string]chat.Adapter
	share    int // channels of one adapter served at the same time
	log      *slog.Logger
	observer Observer
	desk     *desk.Desk    // nil: everything is wanted, always
	window   time.Duration // a card is edited at most once in it
	pressure pressure
	styles   atomic.Pointer[map[subscribed]store.Style]
	posted   *tally
	notices  *notices
	lines    map[string]*line // by adapter
	claims   func() time.Time // until when what was claimed is ours for certain; zero: always

	kick chan struct{}   // buffered: a kick that nobody waits for is remembered
	done chan laneResult // one from every porter and probe

	// Owned by the goroutine in run.
	busy   int            // porters and probes
	serves map[string]int // porters, by adapter
	pauses map[string]*pause
}

// A subscribed names a subscription.
type subscribed struct {
	channel chat.Channel
	source  news.SourceID
}

// A laneResult is what a porter, or a probe, tells the dispatcher at its end.
type laneResult struct {
	adapter string
	err     error           // fatal: the ledger cannot be written
	global  time.Duration   // the whole adapter is to wait this long
	refused *chat.SendError // the adapter's token was refused
	probe   bool            // it was a probe
}

const (
	// laneLease must be longer than a send and its receipt can take.
	laneLease = 90 * time.Second
	// sendTime bounds one request to a platform, the look for an earlier
	// message included.
	sendTime = 30 * time.Second
	// maxQueue is how many porters wait for the pace of an adapter. More would
	// not be served sooner, and what is urgent would stand in line behind them.
	maxQueue = 32
	// fewAdapters are asked for lanes one by one; of more it is asked first which
	// have any.
	fewAdapters = 4
	// defaultLanes lets commits of the ledger, which take milliseconds, serve
	// many deliveries each.
	defaultLanes = 256
)

func newDispatcher(o Options, log *slog.Logger, observer Observer) *dispatcher {
	d := &dispatcher{
		store: o.Store, adapters: make(map[string]chat.Adapter, len(o.Adapters)), log: log, observer: observer, desk: o.Desk,
		share:    max(1, orDefault(o.Lanes, defaultLanes)/max(1, len(o.Adapters))),
		window:   o.EditWindow,
		pressure: newPressure(o.PerMinute, o.CatchUp),
		posted:   newTally(),
		lines:    make(map[string]*line),
		claims:   func() time.Time { return time.Time{} },
		kick:     make(chan struct{}, 1), done: make(chan laneResult, defaultLanes),
		serves: make(map[string]int), pauses: make(map[string]*pause),
	}
	if d.window == 0 {
		d.window = defaultEditWindow
	}
	d.notices = newNotices(o.Store, o.Operators, d.wake)
	for _, a := range o.Adapters {
		d.adapters[a.Name()], d.lines[a.Name()] = a, new(line)
	}
	d.arrange(o.Subscriptions)
	return d
}

// arrange tells the dispatcher how entries are arranged in the channels. It is
// called again when subscriptions change.
func (d *dispatcher) arrange(subs []store.Subscription) {
	styles := make(map[subscribed]store.Style, len(subs))
	for _, s := range subs {
		styles[subscribed{s.Channel, s.Source}] = s.Style
	}
	d.styles.Store(&styles)
}

// wake makes the dispatcher look at the outbox. It never blocks.
func (d *dispatcher) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

// run delivers until ctx is done and polled is closed, and returns nil, or the
// error for which the ledger cannot be written.
func (d *dispatcher) run(ctx context.Context, polled <-chan struct{}) error {
	err := d.work(ctx, func(time.Time) bool { return false })
	if err == nil {
		<-polled
	}
	return err
}

// drain delivers what is due, and what becomes due within patience of now,
// and returns; with ctx's error if that came first.
func (d *dispatcher) drain(ctx context.Context, patience time.Duration) error {
	end, done := time.Now().Add(patience), false
	err := d.work(ctx, func(next time.Time) bool {
		done = next.IsZero() || next.After(end)
		return done
	})
	if err == nil && !done {
		err = ctx.Err()
	}
	return err
}

// work delivers until ctx is done, or the ledger cannot be written (the error),
// or nothing is under way and enough, given when the next delivery is due,
// reports true. Then no delivery is begun, and what is under way ends within
// the grace or is cut off.
func (d *dispatcher) work(ctx context.Context, enough func(next time.Time) bool) (failed error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	sendCtx, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	for failed == nil && ctx.Err() == nil {
		next, err := d.claim(ctx, sendCtx)
		if err != nil {
			failed = err
			break
		}
		if d.busy == 0 && enough(next) {
			return nil
		}
		failed = d.await(ctx, next)
	}
	stop() // the porters too begin nothing that may not be recorded
	timer := time.AfterFunc(grace, cut)
	defer timer.Stop()
	for d.busy > 0 {
		r := <-d.done
		d.busy--
		failed = firstError(failed, r.err)
	}
	return failed
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// await blocks until there is a reason to look at the outbox again.
func (d *dispatcher) await(ctx context.Context, next time.Time) error {
	var due <-chan time.Time
	if !next.IsZero() {
		t := time.NewTimer(max(0, time.Until(next)))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-d.kick:
	case <-due:
	case r := <-d.done:
		return d.finishedAll(ctx, r)
	}
	return nil
}

// finishedAll takes in r and whatever else has finished by now: lanes are
// claimed for all of them at once.
func (d *dispatcher) finishedAll(ctx context.Context, r laneResult) error {
	for {
		if err := d.finished(ctx, r); err != nil {
			return err
		}
		select {
		case r = <-d.done:
		default:
			return nil
		}
	}
}

// finished notes what a porter or probe learnt about its adapter.
func (d *dispatcher) finished(ctx context.Context, r laneResult) error {
	d.busy--
	if !r.probe {
		d.serves[r.adapter]--
	}
	switch {
	case r.err != nil:
		return r.err
	case r.refused != nil:
		return d.refuse(ctx, r)
	case r.global > 0:
		d.limit(r)
	case r.probe:
		return d.accept(ctx, r.adapter)
	}
	return nil
}

// claim starts a porter for every lane that is due, as many as the adapter may
// have, and a probe for every refused adapter whose pause is over. It returns
// when to look again; zero if nothing will become due by itself.
func (d *dispatcher) claim(ctx, sendCtx context.Context) (next time.Time, err error) {
	active, next := d.active(sendCtx)
	if len(active) > fewAdapters {
		busy, due, err := d.store.Busy(ctx, active)
		if fatal(err) {
			return next, fmt.Errorf("look for lanes that are due: %w", err)
		}
		if err != nil {
			return next, nil //nolint:nilerr // being stopped is no error
		}
		active, next = busy, earliest(next, due)
	}
	for _, name := range active {
		free := d.free(name)
		if free <= 0 {
			continue // somebody of this adapter finishes first
		}
		began := time.Now()
		lanes, due, err := d.store.ClaimLanes(ctx, []string{name}, free, laneLease)
		if len(lanes) > 0 {
			d.observer.Claimed("lane", len(lanes), time.Since(began))
		}
		if fatal(err) {
			return next, fmt.Errorf("claim lanes: %w", err)
		}
		if err != nil {
			return next, nil //nolint:nilerr // being stopped is no error
		}
		for _, l := range lanes {
			d.busy++
			d.serves[name]++
			p := d.porter(sendCtx, l)
			go func() { d.done <- p.serve(ctx) }() // received by run, which waits for all
		}
		if len(lanes) < free { // else lanes that are due are left
			next = earliest(next, due)
		}
	}
	return next, nil
}

// free returns how many more porters an adapter may have. While some wait for
// its pace there are no more than can stand in line: the others would only come
// back, and what is urgent could not get past them.
func (d *dispatcher) free(adapter string) int {
	free := d.share - d.serves[adapter]
	if n := d.lines[adapter].waiting(); n > 0 {
		free = min(free, maxQueue-n)
	}
	return free
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
