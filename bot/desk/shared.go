package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// versionKey is kept anew with every change, so that the others need not read
// everything to learn that nothing is new.
const versionKey = "desk-version"

// A sharer is a Keeper that several replicas may share.
type sharer interface {
	chat.Peers
	Woken() <-chan struct{} // nil: there is one process only
}

// shared returns the keeper if others share it, else nil.
func (d *Desk) shared() sharer {
	if s, ok := d.keeper.(sharer); ok && s.Woken() != nil {
		return s
	}
	return nil
}

// How long one replica may take for a change, how long another waits for it,
// and how often it asks.
const (
	changeTime = 10 * time.Second
	changeWait = 2 * time.Second
	changeAsk  = 20 * time.Millisecond
)

// alone waits until no other replica changes anything, and reads what they
// changed before. done lets the others go on. The mutex is held.
func (d *Desk) alone(ctx context.Context) (done func(), err error) {
	s := d.shared()
	if s == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	tick := time.NewTicker(changeAsk)
	defer tick.Stop()
	for {
		h, err := s.Hold(ctx, "desk", changeTime)
		if err == nil {
			done = func() { _ = s.Free(context.WithoutCancel(ctx), h) } // it runs out by itself
			if _, err := d.reload(ctx); err != nil {
				done()
				return nil, err
			}
			return done, nil
		}
		if !errors.Is(err, chat.ErrHeld) {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ErrBusy
		}
	}
}

// Reload takes in what other replicas have decided, and reports whether that is
// anything new. What was kept and cannot be read is an error; what held before
// holds on then.
func (d *Desk) Reload(ctx context.Context) (changed bool, err error) {
	if d.shared() == nil {
		return false, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reload(ctx)
}

func (d *Desk) reload(ctx context.Context) (changed bool, err error) {
	kept, err := d.keeper.KeptAll(ctx, versionKey)
	if err != nil {
		return false, fmt.Errorf("read what was decided in chat: %w", err)
	}
	if string(kept[versionKey]) == d.version {
		return false, nil
	}
	return true, d.read(ctx)
}

// read makes hold what is kept. The version is read first: what changes
// meanwhile is read again.
func (d *Desk) read(ctx context.Context) error {
	kept, err := d.keeper.KeptAll(ctx, versionKey)
	if err != nil {
		return fmt.Errorf("read what was decided in chat: %w", err)
	}
	version := string(kept[versionKey])
	if kept, err = d.keeper.KeptAll(ctx, prefix); err != nil {
		return fmt.Errorf("read what was decided in chat: %w", err)
	}
	s := newState()
	for key, value := range kept {
		if err := s.read(key, value); err != nil {
			return fmt.Errorf("read what was decided in chat: %s: %w", key, err)
		}
	}
	if err := s.settle(d.file); err != nil {
		return err
	}
	d.hold(s, version)
	return nil
}

// hold makes a state hold, and tells who waits for a change.
func (d *Desk) hold(s *state, version string) {
	d.version = version
	if old := d.state.Swap(s); old != nil {
		close(old.superseded)
	}
}
