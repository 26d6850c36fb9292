package bot

import (
	"context"
	"crypto/rand"
	"log/slog"
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
	heard    func(context.Context) // another replica did something
	share    atomic.Pointer[chat.Share]
}

const (
	beatEvery = 2 * time.Second
	// beatLife is how long a replica counts that is not heard of. It is shorter
	// than the claim of a lane, so that who takes a lane over counts right.
	beatLife = 10 * time.Second
	// joining is how long a replica that joins others sends nothing.
	joining = 2 * beatEvery
)

func newReplica(o Options, log *slog.Logger, heard func(context.Context)) *replica {
	r := &replica{name: o.Replica, store: o.Store, adapters: o.Adapters, log: log, heard: heard}
	if r.name == "" {
		r.name = rand.Text()
	}
	r.share.Store(&chat.Share{})
	return r
}

// join makes the replica one of those that live, and waits until the others
// know. It returns early if ctx is done.
func (r *replica) join(ctx context.Context) error {
	share, err := r.store.Beat(ctx, r.name, beatLife)
	if err != nil {
		return err
	}
	r.take(share)
	if share.Of <= 1 {
		return nil
	}
	r.log.Info("joining other replicas", "replica", r.name, "replicas", share.Of, "wait", joining)
	t := time.NewTimer(joining)
	defer t.Stop()
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			return nil
		case <-beats.C:
			if err := r.beat(ctx); err != nil {
				return err
			}
		}
	}
}

// run keeps the replica alive until ctx is done. The error is the ledger's.
func (r *replica) run(ctx context.Context) error {
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.store.Woken():
			r.heard(ctx)
		case <-beats.C:
			if err := r.beat(ctx); err != nil {
				return err
			}
		}
	}
}

func (r *replica) beat(ctx context.Context) error {
	share, err := r.store.Beat(ctx, r.name, beatLife)
	if err == nil {
		r.take(share)
	}
	if fatal(err) {
		return err
	}
	return nil
}

// take keeps the adapters to a share.
func (r *replica) take(share chat.Share) {
	if before := r.share.Swap(&share); *before == share {
		return
	}
	if share.Of > 1 {
		r.log.Info("share of the platforms' limits", "replica", r.name, "rank", share.Rank, "replicas", share.Of)
	}
	for _, a := range r.adapters {
		if s, ok := a.(chat.Sharer); ok {
			s.Share(share)
		}
	}
}

// leave says that the replica ends. What it had to say last it has said.
func (r *replica) leave(ctx context.Context) {
	if _, err := r.store.Beat(ctx, r.name, 0); err != nil {
		r.log.Debug("the others will notice by themselves that this replica has ended", "error", err)
	}
}

// Replica returns this replica's name and its place among those that live.
func (b *Bot) Replica() (name string, share chat.Share) {
	return b.replica.name, *b.replica.share.Load()
}
