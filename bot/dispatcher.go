package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// A dispatcher keeps the promises in the outbox. One goroutine owns its state:
// it claims lanes, starts a worker for each, and waits for a kick, a finished
// worker or the next due time; it never polls on a tick. One worker serves one
// channel at a time, so that a channel stays in order.
//
// A delivery goes through these states:
//
//	pending → begun (saved) ─┬→ settled: the card stands, the receipt is saved
//	   ↑                     ├→ abandoned: the platform will never take it
//	   └──── postponed ──────┘  later: a limit, a fault, a channel that refuses
type dispatcher struct {
	store    store.Store
	adapters map[string]chat.Adapter
	lanes    int
	log      *slog.Logger

	kick chan struct{}   // buffered: a kick that nobody waits for is remembered
	done chan laneResult // one from every worker

	// Owned by the goroutine in run.
	busy   int
	pauses map[string]*pause // adapters that are not served now
}

// A pause keeps an adapter's lanes unclaimed until a time, and, if its token
// was refused, until a probe has passed.
type pause struct {
	until   time.Time
	refused int  // refusals in a row; 0 for a rate limit of the whole adapter
	probing bool // a probe is under way
}

// A laneResult is what a worker, or a probe, tells the dispatcher at its end.
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

	minRetry   = 2 * time.Second
	maxRetryOf = 5 * time.Minute // of a send that failed: the news should not wait longer once the fault is over
	minReprobe = time.Minute     // of a channel or token that is refused
	maxReprobe = 30 * time.Minute
)

func newDispatcher(s store.Store, adapters []chat.Adapter, lanes int, log *slog.Logger) *dispatcher {
	d := &dispatcher{
		store: s, adapters: make(map[string]chat.Adapter, len(adapters)), lanes: lanes, log: log,
		kick: make(chan struct{}, 1), done: make(chan laneResult), pauses: make(map[string]*pause),
	}
	for _, a := range adapters {
		d.adapters[a.Name()] = a
	}
	return d
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
	stop() // the workers too begin nothing that may not be recorded
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
		return d.finished(r)
	}
	return nil
}

// finished notes what a worker or probe learnt about its adapter.
func (d *dispatcher) finished(r laneResult) error {
	d.busy--
	switch {
	case r.err != nil:
		return r.err
	case r.refused != nil:
		d.refuse(r)
	case r.global > 0:
		d.limit(r)
	case r.probe:
		delete(d.pauses, r.adapter)
		d.log.Info("adapter works again", "adapter", r.adapter)
	}
	return nil
}

// limit pauses an adapter that sends too much. Of several limits the longest
// holds, and a refused token stays refused.
func (d *dispatcher) limit(r laneResult) {
	p := d.pauses[r.adapter]
	if p == nil {
		p = &pause{}
		d.pauses[r.adapter] = p
		d.log.Warn("adapter is rate limited", "adapter", r.adapter, "wait", r.global)
	}
	p.until = latest(p.until, time.Now().Add(r.global))
}

// refuse pauses an adapter whose token is not accepted: every further request
// would be refused too and counts against the bot.
func (d *dispatcher) refuse(r laneResult) {
	p := d.pauses[r.adapter]
	if p == nil || p.refused == 0 {
		p = &pause{}
		d.pauses[r.adapter] = p
		d.log.Error("adapter is paused", "adapter", r.adapter, "error", r.refused.Error(), "remedy", r.refused.Remedy)
	} else if !r.probe {
		return // another lane that was under way when the first was refused
	}
	p.refused++
	p.probing = false
	p.until = time.Now().Add(retryDelay(p.refused, minReprobe, maxReprobe))
}

// claim starts a worker for every lane that is due, and a probe for every
// refused adapter whose pause is over. It returns when to look again; zero if
// nothing will become due by itself.
func (d *dispatcher) claim(ctx, sendCtx context.Context) (next time.Time, err error) {
	active, next := d.active(sendCtx)
	if len(active) == 0 || d.busy >= d.lanes {
		return next, nil
	}
	lanes, due, err := d.store.ClaimLanes(ctx, active, d.lanes-d.busy, laneLease)
	if err != nil {
		if fatal(err) {
			return next, fmt.Errorf("claim lanes: %w", err)
		}
		return next, nil
	}
	for _, l := range lanes {
		d.busy++
		go func() { d.done <- d.serve(ctx, sendCtx, l) }() // received by run, which waits for all
	}
	return earliest(next, due), nil
}

// active returns the adapters that may be served, and when the first paused
// one may be looked at again.
func (d *dispatcher) active(ctx context.Context) (names []string, next time.Time) {
	now := time.Now()
	for name, a := range d.adapters {
		p := d.pauses[name]
		switch {
		case p == nil:
			names = append(names, name)
		case p.probing:
		case now.Before(p.until):
			next = earliest(next, p.until)
		case p.refused == 0:
			delete(d.pauses, name)
			names = append(names, name)
		default:
			p.probing = true
			d.busy++
			go func() { d.done <- d.probe(ctx, a) }() // received by run
		}
	}
	return names, next
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// probe asks whether the adapter's token is accepted again.
func (d *dispatcher) probe(ctx context.Context, a chat.Adapter) laneResult {
	r := laneResult{adapter: a.Name(), probe: true}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	err := d.check(ctx, a)
	if err == nil {
		if err := d.store.Resume(ctx, a.Name()); fatal(err) {
			r.err = fmt.Errorf("resume %s: %w", a.Name(), err)
		}
		return r
	}
	var se *chat.SendError
	if !errors.As(err, &se) {
		se = &chat.SendError{Reason: chat.Transient, Err: err}
	}
	r.refused = se
	return r
}

func (d *dispatcher) check(ctx context.Context, a chat.Adapter) (err error) {
	ch := chat.Channel{Adapter: a.Name()}
	defer recovered(d.log, ch, &err)
	return a.Check(ctx, ch)
}

// serve works off one lane until nothing in it is due, it is put off, or ctx
// is done.
func (d *dispatcher) serve(ctx, sendCtx context.Context, l store.Lane) (r laneResult) {
	r.adapter = l.Channel.Adapter
	saveCtx := context.WithoutCancel(ctx) // what happened must be saved whoever stops
	defer func() {
		if err := d.store.Release(saveCtx, l, time.Time{}); r.err == nil && fatal(err) {
			r.err = fmt.Errorf("release %s: %w", l.Channel, err)
		}
	}()
	for ctx.Err() == nil && time.Until(l.Expires) > 2*sendTime {
		w, ok, err := d.store.Begin(saveCtx, l)
		if err != nil || !ok {
			r.err = d.ledgerError(l, "begin delivery to", err)
			return r
		}
		again, err := d.deliver(sendCtx, saveCtx, l, w, &r)
		if err != nil {
			r.err = d.ledgerError(l, "save delivery to", err)
			return r
		}
		if !again {
			return r
		}
	}
	return r
}

// ledgerError passes on what must stop the bot, and logs the rest: a lane lost
// to another worker is that worker's affair now.
func (d *dispatcher) ledgerError(l store.Lane, doing string, err error) error {
	if fatal(err) {
		return fmt.Errorf("%s %s: %w", doing, l.Channel, err)
	}
	if err != nil {
		d.log.Warn("lane given up", "channel", l.Channel.String(), "error", err)
	}
	return nil
}

// deliver makes one card stand in its channel and files the receipt. again
// reports whether the lane can go on at once.
func (d *dispatcher) deliver(sendCtx, saveCtx context.Context, l store.Lane, w store.Work, r *laneResult) (again bool, err error) {
	card, sum, err := d.compose(w)
	if err != nil {
		return true, d.store.Abandon(saveCtx, l, w.Delivery.ID, err.Error())
	}
	rec := store.Receipt{
		Channel: l.Channel, Entry: w.Delivery.Entry, Revision: w.Entry.Revision, Digest: sum,
	}
	if w.Receipt != nil {
		rec.Message, rec.Sent, rec.Edited = w.Receipt.Message, w.Receipt.Sent, w.Receipt.Edited
		rec.Gone, rec.Frozen = w.Receipt.Gone, w.Receipt.Frozen
	}
	switch {
	case nothingToShow(w):
		return true, d.store.Settle(saveCtx, l, w.Delivery.ID, rec)
	case w.Receipt == nil:
		rec.Message, err = d.send(sendCtx, w, card)
		rec.Sent = time.Now().UTC()
	case rec.Gone, rec.Frozen, w.Receipt.Digest == rec.Digest:
		if rec.Frozen {
			rec.Digest = w.Receipt.Digest
		}
		return true, d.store.Settle(saveCtx, l, w.Delivery.ID, rec)
	default:
		err = d.edit(sendCtx, l.Channel, rec.Message, card)
		rec.Edited = time.Now().UTC()
	}
	if err == nil {
		d.log.Debug("card stands", "channel", l.Channel.String(), "entry", rec.Entry.String(), "revision", rec.Revision)
		return true, d.store.Settle(saveCtx, l, w.Delivery.ID, rec)
	}
	return d.trouble(sendCtx, saveCtx, l, w, rec, err, r)
}

// compose returns the entry's card and its digest. An entry of a kind that
// nobody thought of stops neither its channel nor the bot.
func (d *dispatcher) compose(w store.Work) (card chat.Card, sum [32]byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("card not composed", "entry", w.Entry.String(), "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic while composing the card: %v", p)
		}
	}()
	card = CardOf(w.Source, w.Entry)
	return card, digest(card), nil
}

// nothingToShow reports whether the entry was withdrawn before anybody in the
// channel can have seen it.
func nothingToShow(w store.Work) bool {
	return w.Receipt == nil && w.Entry.Withdrawn && w.Delivery.Tried.IsZero()
}

func (d *dispatcher) send(ctx context.Context, w store.Work, card chat.Card) (id chat.MessageID, err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	defer recovered(d.log, w.Delivery.Channel, &err)
	return d.adapters[w.Delivery.Channel.Adapter].Send(ctx, chat.Post{
		Channel: w.Delivery.Channel, Card: card, Silent: w.Delivery.Silent,
		Key: w.Delivery.Key, Tried: w.Delivery.Tried,
	})
}

func (d *dispatcher) edit(ctx context.Context, ch chat.Channel, id chat.MessageID, card chat.Card) (err error) {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	defer recovered(d.log, ch, &err)
	return d.adapters[ch.Adapter].Edit(ctx, ch, id, card)
}

// recovered turns a panic in an adapter into an error whose outcome is not
// known.
func recovered(log *slog.Logger, ch chat.Channel, err *error) {
	if p := recover(); p != nil {
		log.Error("adapter panicked", "channel", ch.String(), "panic", p, "stack", string(debug.Stack()))
		*err = &chat.SendError{Reason: chat.Unknown, Err: fmt.Errorf("panic in adapter: %v", p)}
	}
}

// trouble decides what follows from a failed send or edit. The rules:
//
//	rate limited   wait as told; it costs no attempt
//	transient      back off from 2 s to 5 min, for ever: news is not dropped
//	unknown        the same, but look for the message before sending again
//	gone           a message: do not post it again; a channel: its lane waits
//	               and is tried again after 1 min, later every 30 min
//	frozen         keep the receipt, edit no more
//	unauthorized   pause the whole adapter until a probe passes
//	rejected       abandon, with the reason
func (d *dispatcher) trouble(sendCtx, saveCtx context.Context, l store.Lane, w store.Work, rec store.Receipt, err error, r *laneResult) (again bool, _ error) {
	id, editing := w.Delivery.ID, w.Receipt != nil
	if sendCtx.Err() != nil {
		return false, d.store.Postpone(saveCtx, l, id, store.Postponement{
			Until: time.Now(), Error: "stopped while sending", Free: true, Unknown: true})
	}
	var se *chat.SendError
	if !errors.As(err, &se) {
		se = &chat.SendError{Reason: chat.Unknown, Err: err}
	}
	d.sayTrouble(l, w, se)
	put := store.Postponement{
		Error:   se.Error(),
		Until:   time.Now().Add(retryDelay(w.Delivery.Attempts, minRetry, maxRetryOf)),
		Unknown: !w.Delivery.Tried.IsZero(), // a look that failed has settled nothing
	}
	put.Until = latest(put.Until, time.Now().Add(se.RetryAfter))
	switch se.Reason {
	case chat.RateLimited:
		wait := max(se.RetryAfter, 50*time.Millisecond) // less would spin
		if se.RetryAfter <= 0 {
			wait = minRetry // it did not say, and attempts do not count
		}
		put.Free, put.Until = true, time.Now().Add(wait)
		if se.Global {
			r.global = wait
		}
	case chat.Unknown:
		put.Unknown = true
	case chat.Gone, chat.Frozen:
		if editing {
			rec.Gone, rec.Frozen = se.Reason == chat.Gone, se.Reason == chat.Frozen
			rec.Digest, rec.Edited = w.Receipt.Digest, w.Receipt.Edited
			return true, d.store.Settle(saveCtx, l, id, rec)
		}
		put.Until = time.Now().Add(retryDelay(w.Delivery.Attempts, minReprobe, maxReprobe))
	case chat.Unauthorized:
		put.Free, r.refused = true, se
	case chat.Rejected:
		return true, d.store.Abandon(saveCtx, l, id, se.Error())
	}
	return false, d.store.Postpone(saveCtx, l, id, put)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sayTrouble logs a failed delivery when its error differs from last time.
// Rate limits are the platform's ordinary pace.
func (d *dispatcher) sayTrouble(l store.Lane, w store.Work, se *chat.SendError) {
	if se.Error() == w.Delivery.LastError || se.Reason == chat.Unauthorized {
		return
	}
	level := slog.LevelWarn
	if se.Reason == chat.RateLimited {
		level = slog.LevelDebug
	}
	d.log.Log(context.Background(), level, "card not delivered", "channel", l.Channel.String(), "entry", w.Delivery.Entry.String(),
		"reason", se.Reason.String(), "error", se.Err.Error(), "attempt", w.Delivery.Attempts, "remedy", se.Remedy)
}
