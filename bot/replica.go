package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// A replica tells the others that share its ledger that it lives, hears from
// them that there is work, and keeps its adapters to their share of the
// platforms' limits.
//
// The shares add up to the whole: every replica that lives counts every other.
// One that joins is counted by all within a beat, and sends nothing until two
// have passed; one that ends is not counted any more once it says so, or once
// it has not been heard of for as long as it said it would live.
type replica struct {
	name     string
	store    store.Store
	adapters []chat.Adapter
	log      *slog.Logger
	observer Observer
	heard    func(context.Context) // another replica did something
	share    atomic.Pointer[chat.Share]
	alive    atomic.Pointer[time.Time] // until then the others believe that it lives; nil: there are none
}

const (
	beatEvery = 2 * time.Second
	// beatLife is how long a replica counts that is not heard of. Then the others
	// take over what it had claimed.
	beatLife = 10 * time.Second
	// joining is how long a replica that joins others sends nothing.
	joining = 2 * beatEvery
)

func newReplica(o Options, log *slog.Logger, observer Observer, heard func(context.Context)) *replica {
	r := &replica{name: o.Replica, store: o.Store, adapters: o.Adapters, log: log, observer: observer, heard: heard}
	if r.name == "" {
		r.name = rand.Text()
	}
	r.share.Store(&chat.Share{})
	return r
}

// join makes the replica one of those that live, and waits until the others
// know. It returns early if ctx is done.
func (r *replica) join(ctx context.Context) error {
	if r.store.Woken() == nil {
		return nil // an engine of one process
	}
	if err := r.beat(ctx); err != nil {
		return err
	}
	if r.alone() {
		return nil
	}
	r.log.Info("joining other replicas", "replica", r.name, "replicas", r.share.Load().Of, "wait", joining)
	t := time.NewTimer(joining)
	defer t.Stop()
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if r.alive.Load() != nil {
				return nil
			}
			t.Reset(joining) // nobody can know yet
		case <-beats.C:
			if err := r.beat(ctx); err != nil {
				return err
			}
		}
	}
}

// alone reports whether the replica has joined and there are no others.
func (r *replica) alone() bool { return r.alive.Load() != nil && r.share.Load().Of <= 1 }

// run keeps the replica alive until ctx is done. The error is the ledger's.
func (r *replica) run(ctx context.Context) (err error) {
	if r.store.Woken() == nil {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var beats sync.WaitGroup
	beats.Go(func() { // whatever takes its time to be done, the others hear that it lives
		defer stop()
		err = r.beats(ctx)
	})
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.store.Woken():
			r.heard(ctx)
		}
	}
	beats.Wait()
	return err
}

func (r *replica) beats(ctx context.Context) error {
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beats.C:
			if err := r.beat(ctx); err != nil {
				return err
			}
		}
	}
}

// beat tells the others that the replica lives. One that cannot be told in time
// is no error: the next may be, and what the others then take over this replica
// does not touch any more.
func (r *replica) beat(ctx context.Context) error {
	until := time.Now().Add(beatLife)
	ctx, cancel := context.WithTimeout(ctx, beatLife/2)
	defer cancel()
	share, err := r.store.Beat(ctx, r.name, beatLife)
	if err == nil {
		r.alive.Store(&until)
		r.take(share)
		return nil
	}
	if fatal(err) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		r.log.Warn("the ledger does not answer; other replicas may take over", "replica", r.name)
	}
	return nil
}

// take keeps the adapters to a share.
func (r *replica) take(share chat.Share) {
	if before := r.share.Swap(&share); *before == share {
		return
	}
	r.observer.Shared(r.name, share)
	if share.Of > 1 {
		r.log.Info("share of the platforms' limits", "replica", r.name, "rank", share.Rank, "replicas", share.Of)
	}
	for _, a := range r.adapters {
		if s, ok := a.(chat.Sharer); ok {
			s.Share(share)
		}
	}
}

// claims returns until when what this replica has claimed is its own for
// certain; zero if nobody could take it.
func (r *replica) claims() time.Time {
	if t := r.alive.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// leave says that the replica ends. What it had to say last it has said.
func (r *replica) leave(ctx context.Context) {
	if r.store.Woken() == nil {
		return
	}
	if _, err := r.store.Beat(ctx, r.name, 0); err != nil {
		r.log.Debug("the others will notice by themselves that this replica has ended", "error", err)
	}
}

// Replica returns this replica's name and its place among those that live.
func (b *Bot) Replica() (name string, share chat.Share) {
	return b.replica.name, *b.replica.share.Load()
}
