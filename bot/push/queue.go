package push

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot/news"
)

// A queue holds a source's contents until they are delivered, one at a time.
type queue struct {
	source  news.SourceID
	limit   *rate.Limiter
	hurries *rate.Limiter
	// The server's mu guards what follows.
	items   []item
	urgent  bool   // the source is to be read
	busy    bool   // somebody works on it
	problem string // of the last delivery
}

type item struct {
	contentType string
	body        []byte
}

const (
	maxItems  = 16       // contents waiting per source
	maxQueued = 32 << 20 // bytes waiting in all
	// A busy live page changes every few seconds; a hub sends each once.
	postsPerMinute = 60
	postBurst      = 30
	// hurryEvery is how often content that was not taken makes a source be
	// read.
	hurryEvery = 10 * time.Second
	// deliveryTime is more than reading and recording a document takes.
	deliveryTime = time.Minute
)

// queue returns the source's. The server's mu is held.
func (s *Server) queue(id news.SourceID) *queue {
	q := s.queues[id]
	if q == nil {
		q = &queue{
			source: id, limit: rate.NewLimiter(rate.Limit(postsPerMinute)/60, postBurst),
			hurries: rate.NewLimiter(rate.Every(hurryEvery), 1),
		}
		s.queues[id] = q
	}
	return q
}

// enqueue has the item delivered, or the source read if there is no room.
func (s *Server) enqueue(q *queue, it item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(q.items) >= maxItems || s.queued+int64(len(it.body)) > maxQueued {
		s.counts.overflow.Add(1)
		s.hurry(q)
		return
	}
	q.items = append(q.items, it)
	s.queued += int64(len(it.body))
	s.kick()
}

// hurry has the source read soon, but not at each call. The server's mu is
// held.
func (s *Server) hurry(q *queue) {
	if q.hurries.Allow() {
		q.urgent = true
		s.kick()
	}
}

// deliverAll starts work on every queue that has some.
func (s *Server) deliverAll(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		if q.busy || len(q.items) == 0 && !q.urgent {
			continue
		}
		q.busy = true
		s.running.Go(func() { s.work(ctx, q) })
	}
}

// work delivers until the queue is empty, then has the source read if that is
// wanted.
func (s *Server) work(ctx context.Context, q *queue) {
	for {
		it, urgent, ok := s.next(ctx, q)
		switch {
		case !ok:
			return
		case urgent:
			if err := s.o.Hurry(ctx, q.source); err != nil {
				s.log.Warn("source not hurried", "source", q.source, "error", err)
			}
		default:
			s.delivered(ctx, q, s.deliver(ctx, q.source, it))
		}
	}
}

// next takes what is to be done; ok is false when that is nothing.
func (s *Server) next(ctx context.Context, q *queue) (it item, urgent, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil || len(q.items) == 0 && !q.urgent:
		q.busy = false
		return item{}, false, false
	case len(q.items) == 0:
		q.urgent = false
		return item{}, true, true
	}
	it = q.items[0]
	q.items[0] = item{} // the body is not held on to
	q.items = q.items[1:]
	s.queued -= int64(len(it.body))
	return it, false, true
}

// delivered notes how a delivery went. What was not taken is read instead.
func (s *Server) delivered(ctx context.Context, q *queue, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || ctx.Err() != nil {
		q.problem = ""
		return
	}
	s.hurry(q)
	if text := err.Error(); text != q.problem {
		q.problem = text
		s.log.Warn("pushed content not taken", "source", q.source, "error", text)
	}
}

var errPanic = errors.New("panic while delivering")

// deliver delivers it; a panic over what a hub sent stops nothing else.
func (s *Server) deliver(ctx context.Context, id news.SourceID, it item) (err error) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTime)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("push panicked", "source", id, "panic", p, "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return s.o.Deliver(ctx, id, it.contentType, it.body)
}
