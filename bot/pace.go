package bot

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// A porter waits for a platform's pace as long as shortWait, and looks again
	// no sooner than shortLook. For longer it gives the lane back.
	shortWait = 250 * time.Millisecond
	shortLook = time.Millisecond
	maxWaited = 10 * time.Second // in all, for one delivery
)

// paced waits until the platform's limits allow a request, and reports whether
// they do. If they do not for long, or if so many wait already that waiting in
// line is no use, the lane is put off. sent says that something was sent in
// this lane just now: then it is the channel that must wait, and the porter has
// better things to do.
func (p *porter) paced(ctx context.Context, sent bool) bool {
	queue := p.queues[p.result.adapter]
	queued := false
	defer func() {
		if queued && queue.Add(-1) == maxQueue/2 {
			p.wake() // there is room in the queue again
		}
	}()
	for waited := time.Duration(0); waited < maxWaited; {
		wait := p.pace()
		if wait <= 0 {
			return true
		}
		if !queued {
			queued = true
			if queue.Add(1) > maxQueue || sent {
				wait = max(wait, shortLook)
				p.until = time.Now().Add(min(wait, maxPause))
				return false
			}
		}
		if wait > shortWait {
			p.until = time.Now().Add(min(wait, maxPause))
			return false
		}
		wait = max(wait, shortLook)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
		waited += wait
	}
	return false
}

func (p *porter) pace() (wait time.Duration) {
	defer func() {
		if e := recover(); e != nil {
			p.log.Error("adapter panicked", "channel", p.lane.Channel.String(), "panic", e, "stack", string(debug.Stack()))
			wait = maxPause
		}
	}()
	return p.adapter.Pace(p.lane.Channel)
}
