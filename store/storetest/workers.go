package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var workerCases = []testCase{
	{"several workers, claims that last", func(p *probe) { workTogether(p, func(*rand.Rand) time.Duration { return long }) }},
	{"several workers, claims that run out under them", func(p *probe) {
		workTogether(p, func(r *rand.Rand) time.Duration { return time.Duration(r.IntN(30)) * time.Millisecond })
	}},
}

const (
	crewSources  = 12
	crewChannels = 6
	crewRounds   = 4

	crewPatience = time.Minute // machines that run tests are busy
)

// workTogether lets four pollers and four dispatchers work on one ledger until
// all is told. Every channel must show every entry once, each source's in
// order, at its newest revision.
func workTogether(p *probe, ttl func(*rand.Rand) time.Duration) {
	c := &crew{probe: p, ttl: ttl, rounds: make(map[news.SourceID]int), room: make(map[chat.Channel]*wall), key: make(map[string]chat.MessageID)}
	var sources []news.Source
	var subs []store.Subscription
	for i := range crewSources {
		id := news.SourceID(fmt.Sprintf("s%02d", i))
		sources = append(sources, source(id))
		for j := range crewChannels {
			subs = append(subs, subscribe(id, fmt.Sprintf("c%d", j))...)
		}
	}
	p.sync(sources, subs...)
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() { c.poll(rand.New(rand.NewPCG(1, uint64(i)))) })
		workers.Go(func() { c.dispatch(rand.New(rand.NewPCG(2, uint64(i)))) })
	}
	workers.Wait()
	c.check()
}

// A crew is the workers and the platform they post to.
type crew struct {
	*probe
	ttl func(*rand.Rand) time.Duration

	mu     sync.Mutex
	rounds map[news.SourceID]int // rounds recorded, by source
	room   map[chat.Channel]*wall
	key    map[string]chat.MessageID // the platform's answers, by delivery
}

// A wall is what stands in a channel.
type wall struct {
	order []news.Ref
	shown map[news.Ref]int // revision
}

func (c *crew) finished() bool { return c.recorded() >= crewSources*crewRounds }

// recorded returns how many rounds were recorded.
func (c *crew) recorded() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.rounds {
		n += r
	}
	return n
}

// poll records rounds: each adds an entry and edits the one before.
func (c *crew) poll(r *rand.Rand) {
	idle := time.NewTicker(time.Millisecond)
	defer idle.Stop()
	for give := time.Now().Add(crewPatience); !c.finished() && time.Now().Before(give); {
		leases, err := c.s.ClaimDue(c.ctx, 1+r.IntN(3), c.ttl(r))
		if err != nil {
			c.Error(err)
			return
		}
		if len(leases) == 0 {
			<-idle.C
		}
		for _, l := range leases {
			if err := c.round(l); err != nil && !errors.Is(err, store.ErrLeaseLost) {
				c.Error(err)
				return
			}
		}
	}
}

func (c *crew) round(l store.Lease) error {
	known, err := c.s.Known(c.ctx, l.Source.ID, nil, noon, time.Time{})
	if err != nil {
		return err
	}
	n := len(known)
	if n >= crewRounds {
		return c.s.Rest(c.ctx, l, store.Rest{Next: time.Now().Add(long)})
	}
	changes := []news.Change{added(entry(news.EntryID(fmt.Sprintf("e%d", n)), n, "State one"))}
	if n > 0 {
		prev, err := c.s.Entry(c.ctx, ref(l.Source.ID, news.EntryID(fmt.Sprintf("e%d", n-1))))
		if err != nil {
			return err
		}
		next := prev
		next.Body = "State two"
		changes = append(changes, news.Change{Kind: news.Edited, Entry: news.Revise(prev, next, noon.Add(long))})
	}
	rec := poll(changes...)
	rec.Next = noon
	if _, err := c.s.Record(c.ctx, l, rec); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds[l.Source.ID]++
	return nil
}

func (c *crew) dispatch(r *rand.Rand) {
	idle := time.NewTicker(time.Millisecond)
	defer idle.Stop()
	for give := time.Now().Add(crewPatience); time.Now().Before(give); {
		done := c.finished()
		lanes, _, err := c.s.ClaimLanes(c.ctx, []string{"test"}, 1+r.IntN(3), c.ttl(r))
		if err != nil {
			c.Error(err)
			return
		}
		if len(lanes) == 0 {
			<-idle.C
		}
		for _, l := range lanes {
			if err := c.serve(r, l); err != nil && !errors.Is(err, store.ErrLeaseLost) {
				c.Error(err)
				return
			}
		}
		if b, err := c.s.Backlog(c.ctx); err != nil || done && b.Due+b.Waiting == 0 {
			return
		}
	}
	c.Error("the workers did not come to an end")
}

// serve works like the dispatcher; now and then it gives up in the middle, as
// one that is killed does.
func (c *crew) serve(r *rand.Rand, l store.Lane) error {
	for {
		w, ok, err := c.s.Begin(c.ctx, l)
		if err != nil {
			return err
		}
		if !ok {
			return c.s.Release(c.ctx, l, time.Time{})
		}
		rec := receipt(w)
		rec.Message = c.show(w)
		if r.IntN(20) == 0 {
			return c.s.Release(c.ctx, l, time.Time{})
		}
		if err := c.s.Settle(c.ctx, l, w.Delivery.ID, rec); err != nil {
			return err
		}
	}
}

// show is the platform: it knows a delivery by its key.
func (c *crew) show(w store.Work) chat.MessageID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := w.Delivery.Channel
	on := c.room[ch]
	if on == nil {
		on = &wall{shown: make(map[news.Ref]int)}
		c.room[ch] = on
	}
	on.shown[w.Entry.Ref] = max(on.shown[w.Entry.Ref], w.Entry.Revision)
	if w.Receipt != nil {
		return w.Receipt.Message
	}
	if id, again := c.key[w.Delivery.Key]; again {
		return id
	}
	id := chat.MessageID(fmt.Sprintf("m%d", len(c.key)))
	c.key[w.Delivery.Key] = id
	on.order = append(on.order, w.Entry.Ref)
	return id
}

func (c *crew) check() {
	if n := c.recorded(); n != crewSources*crewRounds {
		c.Errorf("%d rounds were recorded, want %d: two workers recorded the same one", n, crewSources*crewRounds)
	}
	if len(c.room) != crewChannels {
		c.Errorf("%d channels were served", len(c.room))
	}
	for ch, on := range c.room {
		if len(on.order) != crewSources*crewRounds {
			c.Errorf("%s: %d messages, want %d", ch, len(on.order), crewSources*crewRounds)
		}
		for i := range crewSources {
			id := news.SourceID(fmt.Sprintf("s%02d", i))
			of := slices.DeleteFunc(slices.Clone(on.order), func(r news.Ref) bool { return r.Source != id })
			if !slices.IsSortedFunc(of, func(a, b news.Ref) int { return int(a.Entry[1]) - int(b.Entry[1]) }) || len(of) != crewRounds {
				c.Errorf("%s: %s stands as %v", ch, id, of)
			}
			for n := range crewRounds {
				want := 2
				if n == crewRounds-1 {
					want = 1
				}
				r := ref(id, news.EntryID(fmt.Sprintf("e%d", n)))
				if on.shown[r] != want {
					c.Errorf("%s: %s stands at revision %d, want %d", ch, r, on.shown[r], want)
				}
			}
		}
	}
}
