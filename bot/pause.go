package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// A pause keeps an adapter's lanes unclaimed until a time, and, if its token
// was refused, until a probe has passed.
type pause struct {
	until   time.Time
	refused int  // refusals in a row; 0 for a rate limit of the whole adapter
	probing bool // a probe is under way
}

const (
	minReprobe = time.Minute // of a channel or token that is refused
	maxReprobe = 30 * time.Minute
)

// active returns the adapters that may be served, and when the first paused
// one may be looked at again. It starts the probes that are due.
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
func (d *dispatcher) refuse(ctx context.Context, r laneResult) (err error) {
	p := d.pauses[r.adapter]
	if p == nil || p.refused == 0 {
		p = &pause{}
		d.pauses[r.adapter] = p
		d.log.Error("adapter is paused", "adapter", r.adapter, "error", r.refused.Error(), "remedy", r.refused.Remedy)
		err = d.notices.paused(ctx, r.adapter, r.refused)
	} else if !r.probe {
		return nil // another lane that was under way when the first was refused
	}
	p.refused++
	p.probing = false
	p.until = time.Now().Add(retryDelay(p.refused, minReprobe, maxReprobe))
	return err
}

// accept ends the pause of an adapter whose probe has passed.
func (d *dispatcher) accept(ctx context.Context, adapter string) error {
	delete(d.pauses, adapter)
	d.log.Info("adapter works again", "adapter", adapter)
	return d.notices.resumed(ctx, adapter)
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
