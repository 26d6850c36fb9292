package bot

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	// A porter waits for a platform's pace as long as shortWait, and looks again
	// no sooner than shortLook. For longer it gives the lane back.
	shortWait = 250 * time.Millisecond
	shortLook = time.Millisecond
	maxWaited = 10 * time.Second // in all, for one delivery
)

// A line is where the porters of an adapter wait for its pace, the longest
// waiting first. They wake one after another: he who came first asks first, but
// does not hold up those behind him when it is only his channel that must wait.
type line struct {
	mu      sync.Mutex // guards everything below
	tickets []uint64   // ascending
	last    uint64
}

// enter returns a ticket, or 0 if the line is full.
func (l *line) enter() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tickets) >= maxQueue {
		return 0
	}
	l.last++
	l.tickets = append(l.tickets, l.last)
	return l.last
}

// leave gives a ticket back and returns how many still wait.
func (l *line) leave(ticket uint64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := slices.BinarySearch(l.tickets, ticket); ok {
		l.tickets = slices.Delete(l.tickets, i, i+1)
	}
	return len(l.tickets)
}

func (l *line) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.tickets)
}

// turn returns when to ask again, with a wait that the platform told.
func (l *line) turn(ticket uint64, wait time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, _ := slices.BinarySearch(l.tickets, ticket)
	return max(wait, shortLook) + time.Duration(before)*min(wait/8, shortLook)
}

// paced waits until the platform's limits allow a request, and reports whether
// they do. If they do not for long, or if so many wait already that waiting in
// line is no use, the lane is put off. sent says that something was sent in
// this lane just now: then it is the channel that must wait, and the porter has
// better things to do.
func (p *porter) paced(ctx context.Context, sent bool) bool {
	wait := p.pace()
	if wait <= 0 {
		return true
	}
	l := p.lines[p.result.adapter]
	var ticket uint64
	if !sent && wait <= shortWait {
		ticket = l.enter()
	}
	if ticket == 0 {
		p.comeBack(wait)
		return false
	}
	defer func() {
		if l.leave(ticket) == maxQueue/2 {
			p.wake() // there is room in the line again
		}
	}()
	return p.paceInLine(ctx, l, ticket, wait)
}

func (p *porter) paceInLine(ctx context.Context, l *line, ticket uint64, wait time.Duration) bool {
	for waited := time.Duration(0); waited < maxWaited; {
		if wait > shortWait {
			p.comeBack(wait)
			return false
		}
		wait = l.turn(ticket, wait)
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
		waited += wait
		if wait = p.pace(); wait <= 0 {
			return true
		}
	}
	return false
}

// comeBack makes the lane due again when the platform may take more.
func (p *porter) comeBack(wait time.Duration) {
	p.until = time.Now().Add(min(max(wait, shortLook), maxPause))
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
