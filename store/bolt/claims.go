package bolt

import (
	"container/heap"
	"context"
	"fmt"
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
// makes nothing due early or late. Time.UTC takes that away, so it is for what
// is saved or handed out only.
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

	holds map[string]hold
	asked map[string]time.Time // of Once: until when it is remembered
}

// A source is a followed source. Cursor, failures and problem are as of its
// last reading, which need not be on disk.
type source struct {
	rec      sourceRecord // as on disk, but for Cursor
	due      time.Time
	failures int
	problem  string
	hurried  bool // asked for while it was claimed: due again once that ends
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

// A lane is a channel that has deliveries or is claimed. What has no message
// yet stands in line: the first holds up the rest. What is only to be edited,
// or is held back for a time of its own, is loose: each is due by itself, after
// the line.
type lane struct {
	channel  chat.Channel
	line     []promise // breaking ones first, then by id
	loose    []promise // by when they are due, then by id
	held     map[store.DeliveryID]promise
	breaking int              // how many of them are
	until    time.Time        // the lane is put off until then; zero = it is not
	blocker  store.DeliveryID // the delivery it was put off for; 0 = none
	wake     time.Time        // when it becomes due; zero = it is. Kept by putLane
	claim
	place
}

// A promise is what memory holds of a delivery.
type promise struct {
	id       store.DeliveryID
	enqueued time.Time
	until    time.Time // loose ones: when it is due; zero = it is
	breaking bool
	loose    bool
}

// before is the order of the line and of what is loose.
func (p promise) before(q promise) bool {
	switch {
	case p.loose && !p.until.Equal(q.until):
		return p.until.Before(q.until)
	case !p.loose && p.breaking != q.breaking:
		return p.breaking
	}
	return p.id < q.id
}

// queue returns the line or what is loose.
func (l *lane) queue(p promise) *[]promise {
	if p.loose {
		return &l.loose
	}
	return &l.line
}

func search(q []promise, p promise) (int, bool) {
	return slices.BinarySearchFunc(q, p, func(x, p promise) int {
		switch {
		case x.id == p.id:
			return 0
		case x.before(p):
			return -1
		}
		return 1
	})
}

func (l *lane) insert(p promise) {
	q := l.queue(p)
	i, _ := search(*q, p)
	*q = slices.Insert(*q, i, p)
	l.held[p.id] = p
	if p.breaking {
		l.breaking++
	}
}

func (l *lane) remove(id store.DeliveryID) bool {
	p, ok := l.held[id]
	if !ok {
		return false
	}
	delete(l.held, id)
	q := l.queue(p)
	if i, found := search(*q, p); found {
		if i == 0 {
			*q = (*q)[1:]
		} else {
			*q = slices.Delete(*q, i, i+1)
		}
	}
	if p.breaking {
		l.breaking--
	}
	return true
}

// due returns when the lane becomes due; zero = it is.
func (l *lane) due() time.Time {
	if !l.until.IsZero() || len(l.line) > 0 || len(l.loose) == 0 {
		return l.until
	}
	return l.loose[0].until
}

// since is when the lane became due, or will.
func (l *lane) since() time.Time {
	switch {
	case !l.wake.IsZero():
		return l.wake
	case len(l.line) > 0:
		return l.line[0].enqueued
	case len(l.loose) > 0:
		return l.loose[0].enqueued
	}
	return time.Time{}
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
		holds:    make(map[string]hold),
		asked:    make(map[string]time.Time),
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
		waiting: index[*lane]{less: func(a, b *lane) bool { return a.wake.Before(b.wake) }},
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
	now := time.Now()
	for src := c.read.top(); src != nil && !src.expires.After(now); src = c.read.top() {
		if src.secure(now) {
			c.read.fix(src)
			continue
		}
		c.putSource(src, src.due)
	}
	var leases []store.Lease
	for src := c.due.top(); src != nil && !src.due.After(now) && len(leases) < n; src = c.due.top() {
		leases = append(leases, c.lease(src, now, ttl))
	}
	return leases, nil
}

// lease claims a source.
func (c *claims) lease(src *source, now time.Time, ttl time.Duration) store.Lease {
	c.token++
	src.token, src.expires, src.hurried = c.token, now.Add(ttl), false
	c.due.remove(src)
	c.read.remove(src)
	c.read.add(src)
	rec := &src.rec
	return store.Lease{
		Source: rec.Source, Cursor: rec.Cursor, FirstSight: rec.FirstSeen.IsZero(),
		Failures: src.failures, Problem: src.problem, Title: rec.Title, Ended: rec.Ended, Active: rec.Touched(), Newest: rec.Newest,
		Due: src.due.UTC(), Token: src.token, Expires: src.expires.UTC(),
	}
}

// Claim implements [store.Polls].
func (s *Store) Claim(ctx context.Context, id news.SourceID, ttl time.Duration) (store.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return store.Lease{}, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	src := c.sources[id]
	switch {
	case src == nil:
		return store.Lease{}, fmt.Errorf("source %s: %w", id, store.ErrNotFound)
	case src.token != 0 && (src.expires.After(now) || src.secure(now)):
		return store.Lease{}, fmt.Errorf("source %s: %w", id, store.ErrBusy)
	}
	return c.lease(src, now, ttl), nil
}

// Hurry implements [store.Polls].
func (s *Store) Hurry(ctx context.Context, ids ...news.SourceID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	hurry := func(src *source) {
		if src != nil && src.token == 0 && src.due.After(now) {
			c.putSource(src, now)
		}
	}
	for _, id := range ids {
		src := c.sources[id]
		if src != nil && src.token != 0 {
			src.hurried = true // the reading under way may be too early
		}
		hurry(src)
	}
	if len(ids) == 0 {
		for _, src := range c.sources {
			hurry(src)
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
	c.release(src, r.Next)
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

// release places a source whose reading has ended: due at next, or now if it
// was asked for meanwhile.
func (c *claims) release(src *source, next time.Time) {
	now := time.Now()
	due := from(now, next)
	if src.hurried && due.After(now) {
		due = now
	}
	src.hurried = false
	c.putSource(src, due)
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
	now := time.Now()
	c.reclaim(now)
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
		lanes = append(lanes, store.Lane{Channel: l.channel, Pending: len(l.held), Token: l.token, Expires: l.expires.UTC()})
	}
	return lanes, c.nextDue(adapters, now).UTC(), nil
}

// Busy implements [store.Outbox].
func (s *Store) Busy(ctx context.Context, adapters []string) (busy []string, next time.Time, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, time.Time{}, err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.reclaim(now)
	for _, name := range adapters {
		one := []string{name}
		c.ripen(c.adapters[name], now)
		if c.first(one) != nil {
			busy = append(busy, name)
		} else {
			next = earliest(next, c.nextDue(one, now))
		}
	}
	return busy, next.UTC(), nil
}

// reclaim takes back the lanes whose claims have run out.
func (c *claims) reclaim(now time.Time) {
	for l := c.sent.top(); l != nil && !l.expires.After(now); l = c.sent.top() {
		if !l.secure(now) {
			l.token = 0
		}
		c.putLane(l)
	}
}

// ripen moves the lanes that have waited long enough to the ready ones.
func (c *claims) ripen(a *adapter, now time.Time) {
	if a == nil {
		return
	}
	for l := a.waiting.top(); l != nil && !l.wake.After(now); l = a.waiting.top() {
		a.waiting.remove(l)
		if !l.until.After(now) {
			l.until, l.blocker = time.Time{}, 0
		}
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
func (c *claims) nextDue(adapters []string, now time.Time) (next time.Time) {
	for _, name := range adapters {
		a := c.adapters[name]
		if a == nil {
			continue
		}
		if l := a.ready.top(); l != nil {
			next = earliest(next, earliest(now, l.since())) // the clock may have been set back since
		}
		if l := a.waiting.top(); l != nil {
			next = earliest(next, l.wake)
		}
	}
	return next
}

// earliest returns the earlier time; zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
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
		for _, p := range l.held {
			if l.until.After(now) || p.until.After(now) {
				b.Waiting++
			} else {
				b.Due++
			}
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

// lane returns the channel's lane, a new one if it has none.
func (c *claims) lane(ch chat.Channel) *lane {
	l := c.lanes[ch]
	if l == nil {
		l = &lane{channel: ch, held: make(map[store.DeliveryID]promise)}
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
	case len(l.held) == 0 && !l.until.After(time.Now()):
		delete(c.lanes, l.channel)
	case len(l.held) == 0: // it is held off although it has nothing: remembered until it has
	default:
		if l.wake = l.due(); l.wake.IsZero() {
			a.ready.add(l)
		} else {
			a.waiting.add(l)
		}
	}
}

// push adds a promise to its lane, or replaces the one with its id.
func (c *claims) push(ch chat.Channel, p promise) {
	l := c.lane(ch)
	l.remove(p.id)
	l.insert(p)
	c.putLane(l)
}

// renew is push for a promise that says nothing new of when it is due: one that
// is there stays due when it was.
func (c *claims) renew(ch chat.Channel, p promise) {
	if old, ok := c.lane(ch).held[p.id]; ok && old.loose && p.loose {
		p.until = old.until
	}
	c.push(ch, p)
}

// drop takes a promise out of its lane. If the lane was put off for it, the
// next one is due.
func (c *claims) drop(ch chat.Channel, id store.DeliveryID) {
	l := c.lanes[ch]
	if l == nil || !l.remove(id) {
		return
	}
	if l.blocker == id {
		l.until, l.blocker = time.Time{}, 0
	}
	c.putLane(l)
}

// putOffFor puts a lane off for one of its deliveries; the zero time ends that.
func (c *claims) putOffFor(ch chat.Channel, id store.DeliveryID, until time.Time) {
	l := c.lane(ch)
	l.until, l.blocker = until, id
	if until.IsZero() {
		l.blocker = 0
	}
	c.putLane(l)
}

// candidates returns the deliveries that may be begun now, the next first: some
// of them may be gone in a commit that is under way.
func (c *claims) candidates(ch chat.Channel, now time.Time) (ids []store.DeliveryID) {
	const most = 8
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[ch]
	if l == nil || l.until.After(now) {
		return nil
	}
	for _, p := range l.line[:min(len(l.line), most)] {
		ids = append(ids, p.id)
	}
	for _, p := range l.loose[:min(len(l.loose), most)] {
		if p.until.After(now) {
			break
		}
		ids = append(ids, p.id)
	}
	return ids
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
