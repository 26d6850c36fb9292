package bolt

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// claims holds what is due and who works on it. It lives in memory only: one
// process owns the file, and Open rebuilds it from what the file holds. It is
// changed by a write only after its commit.
//
// Times in it carry the monotonic clock: a clock that is set back or forward
// makes nothing due early or late.
type claims struct {
	mu    sync.Mutex // guards everything below
	token uint64     // of the last claim; larger than any of an earlier opening

	sources map[news.SourceID]*source
	due     index[*source] // unclaimed, by due
	read    index[*source] // claimed, by expiry

	lanes     map[chat.Channel]*lane
	adapters  map[string]*adapter
	sent      index[*lane] // claimed, by expiry
	abandoned int
}

// A source is a followed source. Cursor, failures and problem are as of its
// last reading, which need not be on disk.
type source struct {
	rec      sourceRecord // as on disk, but for Cursor
	due      time.Time
	failures int
	problem  string
	claim
	place
}

// A claim says who works on something.
type claim struct {
	token   uint64 // 0 = nobody
	expires time.Time
	writing int // writes that have shown the token and are not on disk yet
}

// secure keeps a claim that has run out while its holder is writing, for as
// long as that may take, and reports whether it did.
func (c *claim) secure(now time.Time) bool {
	if c.writing == 0 {
		return false
	}
	c.expires = now.Add(10 * time.Millisecond)
	return true
}

// A lane is a channel that has deliveries or is claimed.
type lane struct {
	channel  chat.Channel
	queue    []promise // by id
	breaking int       // how many of them are
	until    time.Time // the first is put off until then; zero = it is not
	claim
	place
}

// A promise is what memory holds of a delivery.
type promise struct {
	id       store.DeliveryID
	enqueued time.Time
	breaking bool
}

// since is when the lane became due, or will.
func (l *lane) since() time.Time {
	if l.until.IsZero() {
		return l.queue[0].enqueued
	}
	return l.until
}

// An adapter holds the unclaimed lanes of an adapter.
type adapter struct {
	ready   index[*lane] // due; breaking ones first, then the longest due
	waiting index[*lane] // put off
}

func newClaims(token uint64) *claims {
	return &claims{
		token:    token,
		sources:  make(map[news.SourceID]*source),
		due:      index[*source]{less: func(a, b *source) bool { return a.due.Before(b.due) }},
		read:     index[*source]{less: func(a, b *source) bool { return a.expires.Before(b.expires) }},
		lanes:    make(map[chat.Channel]*lane),
		adapters: make(map[string]*adapter),
		sent:     index[*lane]{less: func(a, b *lane) bool { return a.expires.Before(b.expires) }},
	}
}

func newAdapter() *adapter {
	return &adapter{
		ready: index[*lane]{less: func(a, b *lane) bool {
			if (a.breaking > 0) != (b.breaking > 0) {
				return a.breaking > 0
			}
			return a.since().Before(b.since())
		}},
		waiting: index[*lane]{less: func(a, b *lane) bool { return a.until.Before(b.until) }},
	}
}

// from returns now plus the way from now to t, on the monotonic clock.
func from(now, t time.Time) time.Time { return now.Add(t.Sub(now)) }

// writeAs saves a change by the holder of a claim, which find returns while it
// is current. Nobody takes the claim over between the check and the commit.
func (s *Store) writeAs(ctx context.Context, find func() *claim, run func(*txn) (func(), error)) error {
	var mine *claim
	err := s.write(ctx, func(t *txn) (func(), error) {
		s.claims.mu.Lock()
		c := find()
		if c != nil && mine == nil {
			mine = c
			mine.writing++
		}
		s.claims.mu.Unlock()
		if c == nil {
			return nil, store.ErrLeaseLost
		}
		return run(t)
	})
	if mine != nil {
		s.claims.mu.Lock()
		mine.writing--
		s.claims.mu.Unlock()
	}
	return err
}

// ClaimDue implements [store.Polls].
func (s *Store) ClaimDue(ctx context.Context, n int, ttl time.Duration) ([]store.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC()
	for src := c.read.top(); src != nil && !src.expires.After(now); src = c.read.top() {
		if src.secure(now) {
			c.read.fix(src)
			continue
		}
		c.putSource(src, src.due)
	}
	var leases []store.Lease
	for src := c.due.top(); src != nil && !src.due.After(now) && len(leases) < n; src = c.due.top() {
		c.token++
		src.token, src.expires = c.token, now.Add(ttl)
		c.due.remove(src)
		c.read.add(src)
		leases = append(leases, store.Lease{
			Source: src.rec.Source, Cursor: src.rec.Cursor, FirstSight: src.rec.FirstSeen.IsZero(),
			Failures: src.failures, Problem: src.problem, Due: src.due, Token: src.token, Expires: src.expires,
		})
	}
	return leases, nil
}

// Hurry implements [store.Polls].
func (s *Store) Hurry(ctx context.Context, _ ...news.SourceID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC()
	for _, src := range c.sources {
		if src.token == 0 && src.due.After(now) {
			c.putSource(src, now)
		}
	}
	return nil
}

// Rest implements [store.Polls].
func (s *Store) Rest(ctx context.Context, l store.Lease, r store.Rest) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	src := c.leased(l)
	if src == nil {
		return store.ErrLeaseLost
	}
	src.rec.Cursor = r.Cursor
	src.problem = r.Problem
	src.failures++
	if r.Problem == "" {
		src.failures = 0
	}
	c.putSource(src, from(time.Now().UTC(), r.Next))
	return nil
}

// leased returns the source if l is its claim, else nil.
func (c *claims) leased(l store.Lease) *source {
	src := c.sources[l.Source.ID]
	if src == nil || src.token == 0 || src.token != l.Token {
		return nil
	}
	return src
}

// putSource places a source that nobody holds.
func (c *claims) putSource(src *source, due time.Time) {
	c.dropSource(src)
	src.token, src.due = 0, due
	c.due.add(src)
}

// dropSource takes the source out of the order of things; its claim is over.
func (c *claims) dropSource(src *source) {
	c.due.remove(src)
	c.read.remove(src)
	src.token = 0
}

// ClaimLanes implements [store.Outbox].
func (s *Store) ClaimLanes(ctx context.Context, adapters []string, n int, ttl time.Duration) (lanes []store.Lane, next time.Time, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().UTC()
	for l := c.sent.top(); l != nil && !l.expires.After(now); l = c.sent.top() {
		if !l.secure(now) {
			l.token = 0
		}
		c.putLane(l)
	}
	for _, name := range adapters {
		c.ripen(c.adapters[name], now)
	}
	for len(lanes) < n {
		l := c.first(adapters)
		if l == nil {
			break
		}
		c.token++
		l.token, l.expires = c.token, now.Add(ttl)
		c.putLane(l)
		lanes = append(lanes, store.Lane{Channel: l.channel, Pending: len(l.queue), Token: l.token, Expires: l.expires})
	}
	return lanes, c.nextDue(adapters), nil
}

// ripen moves the lanes that have waited long enough to the ready ones.
func (c *claims) ripen(a *adapter, now time.Time) {
	if a == nil {
		return
	}
	for l := a.waiting.top(); l != nil && !l.until.After(now); l = a.waiting.top() {
		a.waiting.remove(l)
		a.ready.add(l)
	}
}

// first returns the ready lane of the adapters that is to be served first.
func (c *claims) first(adapters []string) (best *lane) {
	for _, name := range adapters {
		a := c.adapters[name]
		if a == nil || a.ready.top() == nil {
			continue
		}
		if l := a.ready.top(); best == nil || a.ready.less(l, best) {
			best = l
		}
	}
	return best
}

// nextDue returns when the first unclaimed lane of the adapters is due.
func (c *claims) nextDue(adapters []string) (next time.Time) {
	for _, name := range adapters {
		a := c.adapters[name]
		if a == nil {
			continue
		}
		for _, l := range []*lane{a.ready.top(), a.waiting.top()} {
			if l != nil && (next.IsZero() || l.since().Before(next)) {
				next = l.since()
			}
		}
	}
	return next
}

// Release implements [store.Outbox].
func (s *Store) Release(ctx context.Context, l store.Lane, until time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	ln := c.claimed(l)
	if ln == nil {
		return store.ErrLeaseLost
	}
	ln.token = 0
	if now := time.Now(); until.After(now) && ln.until.Before(until) {
		ln.until = from(now, until)
	}
	c.putLane(ln)
	return nil
}

// Backlog implements [store.Outbox].
func (s *Store) Backlog(ctx context.Context) (store.Backlog, error) {
	if err := s.enter(ctx); err != nil {
		return store.Backlog{}, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	b := store.Backlog{Abandoned: c.abandoned}
	for _, l := range c.lanes {
		if l.until.After(now) {
			b.Waiting += len(l.queue)
		} else {
			b.Due += len(l.queue)
		}
		for _, p := range l.queue {
			if b.Oldest.IsZero() || p.enqueued.Before(b.Oldest) {
				b.Oldest = p.enqueued
			}
		}
	}
	return b, nil
}

// claimed returns the lane if l is its claim, else nil.
func (c *claims) claimed(l store.Lane) *lane {
	ln := c.lanes[l.Channel]
	if ln == nil || ln.token == 0 || ln.token != l.Token {
		return nil
	}
	return ln
}

// putOff reports whether the channel's first delivery is not due yet.
func (c *claims) putOff(ch chat.Channel, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[ch]
	return l != nil && l.until.After(now)
}

// lane returns the channel's lane, a new one if it has none.
func (c *claims) lane(ch chat.Channel) *lane {
	l := c.lanes[ch]
	if l == nil {
		l = &lane{channel: ch}
		c.lanes[ch] = l
	}
	return l
}

// putLane puts the lane where it belongs after a change of any kind.
func (c *claims) putLane(l *lane) {
	a := c.adapters[l.channel.Adapter]
	if a == nil {
		a = newAdapter()
		c.adapters[l.channel.Adapter] = a
	}
	a.ready.remove(l)
	a.waiting.remove(l)
	c.sent.remove(l)
	switch {
	case l.token != 0:
		c.sent.add(l)
	case len(l.queue) == 0:
		delete(c.lanes, l.channel)
	case l.until.IsZero():
		a.ready.add(l)
	default:
		a.waiting.add(l)
	}
}

// push adds a promise to its lane, or replaces the one with its id.
func (c *claims) push(ch chat.Channel, p promise) {
	l := c.lane(ch)
	i, found := l.find(p.id)
	if found {
		l.queue[i] = p
	} else {
		l.queue = slices.Insert(l.queue, i, p)
		if p.breaking {
			l.breaking++
		}
	}
	c.putLane(l)
}

// drop takes a promise out of its lane. If it was the first, the next one is
// due.
func (c *claims) drop(ch chat.Channel, id store.DeliveryID) {
	l := c.lanes[ch]
	if l == nil {
		return
	}
	i, found := l.find(id)
	if !found {
		return
	}
	if l.queue[i].breaking {
		l.breaking--
	}
	if i == 0 {
		l.until = time.Time{}
		l.queue = l.queue[1:]
	} else {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
	c.putLane(l)
}

func (l *lane) find(id store.DeliveryID) (int, bool) {
	return slices.BinarySearchFunc(l.queue, id, func(p promise, id store.DeliveryID) int {
		switch {
		case p.id < id:
			return -1
		case p.id > id:
			return 1
		}
		return 0
	})
}

// An index keeps its members in the order of less and finds the first at once;
// adding and removing cost O(log n). A member is in few indexes at a time and
// knows its place in each.
type index[T placed] struct {
	items []T
	less  func(a, b T) bool
}

// A place is where a member stands in the one index it is in.
type place struct {
	in any // the index, nil for none
	at int
}

func (p *place) here() *place { return p }

type placed interface {
	comparable
	here() *place
}

func (x *index[T]) top() (t T) {
	if len(x.items) > 0 {
		t = x.items[0]
	}
	return t
}

func (x *index[T]) add(t T) { heap.Push(x, t) }

// remove takes t out if it is in this index.
func (x *index[T]) remove(t T) {
	if p := t.here(); p.in == x {
		heap.Remove(x, p.at)
	}
}

// fix puts t, whose order has changed, in its place.
func (x *index[T]) fix(t T) { heap.Fix(x, t.here().at) }

// Len, Less, Swap, Push and Pop are for container/heap.
func (x *index[T]) Len() int { return len(x.items) }

// Less orders by less.
func (x *index[T]) Less(i, j int) bool { return x.less(x.items[i], x.items[j]) }

// Swap exchanges two members.
func (x *index[T]) Swap(i, j int) {
	x.items[i], x.items[j] = x.items[j], x.items[i]
	x.items[i].here().at, x.items[j].here().at = i, j
}

// Push appends a member.
func (x *index[T]) Push(v any) {
	t := v.(T)
	*t.here() = place{in: x, at: len(x.items)}
	x.items = append(x.items, t)
}

// Pop takes the last member.
func (x *index[T]) Pop() any {
	var none T
	last := len(x.items) - 1
	t := x.items[last]
	x.items[last] = none
	x.items = x.items[:last]
	*t.here() = place{}
	return t
}
