package bot

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A porter works off one claimed lane.
type porter struct {
	*dispatcher
	lane    store.Lane
	adapter chat.Adapter
	sending context.Context // ends what is under way when the grace is over
	until   time.Time       // when the lane is due again; zero = as its deliveries say
	result  laneResult
}

// giveUp is for how long a lane is left that could not be worked on.
const giveUp = time.Second

func (d *dispatcher) porter(sending context.Context, l store.Lane) *porter {
	return &porter{
		dispatcher: d, lane: l, adapter: d.adapters[l.Channel.Adapter], sending: sending,
		result: laneResult{adapter: l.Channel.Adapter},
	}
}

// serve works off the lane until as many deliveries are done as it held, or
// nothing more is due, or it is put off, or ctx is done.
func (p *porter) serve(ctx context.Context) laneResult {
	save := context.WithoutCancel(ctx) // what happened must be saved whoever stops
	err := p.work(ctx, save)
	p.result.err = p.ledgerError(err)
	if err != nil && !errors.Is(err, store.ErrLeaseLost) {
		p.until = time.Now().Add(giveUp) // whatever it is, trying at once is of no use
	}
	if err := p.store.Release(save, p.lane, p.until); p.result.err == nil && fatal(err) {
		p.result.err = fmt.Errorf("release %s: %w", p.lane.Channel, err)
	}
	return p.result
}

func (p *porter) work(ctx, save context.Context) error {
	for n := 0; n < p.lane.Pending && ctx.Err() == nil && time.Until(p.lane.Expires) > 2*sendTime; n++ {
		if err := p.relieve(save, p.lane.Pending-n); err != nil {
			return err
		}
		if !p.paced(ctx, n > 0) {
			return nil
		}
		w, ok, err := p.store.Begin(save, p.lane)
		if err != nil || !ok {
			return err
		}
		again, err := p.deliver(save, w)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

// ledgerError passes on what must stop the bot, and logs the rest: a lane lost
// to another porter is that porter's affair now.
func (p *porter) ledgerError(err error) error {
	if fatal(err) {
		return fmt.Errorf("deliver to %s: %w", p.lane.Channel, err)
	}
	if err != nil {
		p.log.Warn("lane given up", "channel", p.lane.Channel.String(), "error", err)
	}
	return nil
}

// relieve folds what is too much for the channel into a roll-up.
func (p *porter) relieve(ctx context.Context, pending int) error {
	now := time.Now()
	if err := p.hush(ctx, now); err != nil {
		return err
	}
	load := p.posted.load(p.lane.Channel, now)
	if pending <= p.pressure.room(load) {
		return nil
	}
	waiting, err := p.store.Waiting(ctx, p.lane, maxWaiting)
	if err != nil {
		return err
	}
	load.now, load.threaded = now, p.threaded
	waiting, err = p.wantedOf(ctx, waiting)
	if err != nil {
		return err
	}
	for _, g := range p.pressure.fold(load, waiting) {
		p.log.Info("updates folded", "channel", p.lane.Channel.String(), "entries", len(g.ids), "earlier", g.fold.Earlier)
		if err := p.store.Fold(ctx, p.lane, g.ids, g.fold); err != nil {
			return err
		}
	}
	return nil
}

// threaded reports whether the entries of a source stand in a thread of the
// channel.
func (p *porter) threaded(source news.SourceID) bool {
	styles := *p.styles.Load()
	style, ok := styles[subscribed{p.lane.Channel, source}]
	if !ok {
		style = styles[subscribed{p.lane.Channel, ""}] // every source
	}
	return style != store.Cards
}

// deliver makes one message stand in the channel and files the receipt. again
// reports whether the lane can go on at once.
func (p *porter) deliver(ctx context.Context, w store.Work) (again bool, err error) {
	if w, err = p.asPromised(ctx, w); err != nil {
		return false, err
	}
	w = p.withoutPulled(w)
	post, sum, err := p.compose(w)
	if err != nil {
		return true, p.abandon(ctx, w, err)
	}
	rec := receiptOf(w, sum)
	if w.Receipt == nil {
		rec.Why = p.unwanted(w)
	}
	switch p.step(w, sum) {
	case toRest:
		return true, p.settle(ctx, w, rec)
	case toHush:
		return true, p.store.Postpone(ctx, p.lane, w.Delivery.ID, store.Postponement{Until: time.Now(), Free: true})
	case toForget:
		rec.Gone = true
		return true, p.settle(ctx, w, rec)
	case toWait:
		return true, p.store.Postpone(ctx, p.lane, w.Delivery.ID, store.Postponement{
			Until: w.Receipt.Edited.Add(p.window), Alone: true, Free: true, Unknown: !w.Delivery.Tried.IsZero()})
	case toSend:
		rec.Message, err = p.send(post)
		rec.Sent = time.Now().UTC()
		if err == nil {
			rec = asFound(w, rec)
		}
	case toEdit:
		err = p.edit(rec.Message, post.Card)
		rec.Edited = time.Now().UTC()
	case toRemove:
		rec.Message, err = p.remove(rec.Message, post.Card)
		rec.Edited = time.Now().UTC()
	}
	if err != nil {
		return p.trouble(ctx, w, rec, err)
	}
	return true, p.stands(ctx, w, rec)
}

// asPromised gives a note the revision it is about, should the entry have
// changed again since.
func (p *porter) asPromised(ctx context.Context, w store.Work) (store.Work, error) {
	if w.Delivery.Kind == store.Digest {
		return p.fillDigest(ctx, w)
	}
	if w.Delivery.Kind != store.Note || uint64(w.Entry.Revision) == w.Delivery.Number {
		return w, nil
	}
	kept, err := p.history(ctx, w.Delivery.Entry)
	for _, e := range kept {
		if uint64(e.Revision) == w.Delivery.Number {
			w.Entry = e
		}
	}
	return w, err
}

// withoutPulled leaves out of a delivery what the channel's own server has
// withdrawn.
func (p *porter) withoutPulled(w store.Work) store.Work {
	w.Entry = masked(p.desk, p.lane.Channel, w.Entry)
	for i := range w.Entries {
		w.Entries[i] = masked(p.desk, p.lane.Channel, w.Entries[i])
	}
	return w
}

// history returns the revisions of an entry that are kept; none of an entry
// that is not.
func (p *porter) history(ctx context.Context, ref news.Ref) ([]news.Entry, error) {
	kept, err := p.store.History(ctx, ref)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return kept, err
}

// compose returns the post and the digest of its card. An entry of a kind that
// nobody thought of stops neither its channel nor the bot.
func (p *porter) compose(w store.Work) (post chat.Post, sum [32]byte, err error) {
	defer func() {
		if e := recover(); e != nil {
			p.log.Error("card not composed", "entry", w.Delivery.Entry.String(), "panic", e, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic while composing the card: %v", e)
		}
	}()
	post = p.addressed(w, postOf(w))
	return post, digest(post.Card), nil
}

// claimMargin is how long before its claim runs out a porter stops to send:
// whoever takes the lane over then must not meet a request still under way.
const claimMargin = 2 * time.Second

// claimed returns the context of one request to the platform. It ends before
// the claim of the lane does, at once if this process was held up for so long.
func (p *porter) claimed() (context.Context, context.CancelFunc) {
	end := time.Now().Add(sendTime)
	for _, sure := range []time.Time{p.lane.Expires, p.claims()} {
		if last := sure.Add(-claimMargin); !sure.IsZero() && last.Before(end) {
			end = last
		}
	}
	return context.WithDeadline(p.sending, end)
}

func (p *porter) send(post chat.Post) (id chat.MessageID, err error) {
	ctx, cancel := p.claimed()
	defer cancel()
	defer recovered(p.log, post.Channel, &err)
	return p.adapter.Send(ctx, post)
}

func (p *porter) edit(id chat.MessageID, card chat.Card) (err error) {
	ctx, cancel := p.claimed()
	defer cancel()
	defer recovered(p.log, p.lane.Channel, &err)
	return p.adapter.Edit(ctx, p.lane.Channel, id, card)
}

// remove deletes the message and returns what stands: nothing, or, where the
// platform does not delete, the message, whose card says that it is withdrawn.
func (p *porter) remove(id chat.MessageID, card chat.Card) (chat.MessageID, error) {
	err := p.deleteMessage(id)
	if r := chat.ReasonOf(err); r != chat.Rejected && r != chat.Frozen {
		return "", err
	}
	return id, p.edit(id, card)
}

func (p *porter) deleteMessage(id chat.MessageID) (err error) {
	ctx, cancel := p.claimed()
	defer cancel()
	defer recovered(p.log, p.lane.Channel, &err)
	return p.adapter.Delete(ctx, p.lane.Channel, id)
}

// stands files the receipt of a message that was accepted just now.
func (p *porter) stands(ctx context.Context, w store.Work, rec store.Receipt) error {
	now := time.Now()
	if w.Receipt == nil {
		p.posted.add(p.lane.Channel, now, w)
		if err := p.notices.takes(ctx, w); err != nil {
			return err
		}
	}
	p.log.Debug("card stands", "channel", p.lane.Channel.String(), "kind", string(w.Delivery.Kind),
		"entry", rec.Entry.String(), "revision", rec.Revision)
	if err := p.settle(ctx, w, rec); err != nil {
		return err
	}
	if w.Delivery.Kind == store.Card {
		p.observer.Delivered(rec.Entry.Source, p.lane.Channel, w.Entry.Published, firstShown(w), now, w.Receipt != nil)
	}
	return nil
}

// settle files the receipt, and promises the note that the change asks for.
func (p *porter) settle(ctx context.Context, w store.Work, rec store.Receipt) error {
	also, err := p.noteFor(ctx, w, rec)
	if err != nil {
		return err
	}
	return p.store.Settle(ctx, p.lane, w.Delivery.ID, rec, also...)
}
