package discord

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// A bot in very many servers has several gateway connections, its shards. A
// server's events come over one of them
// (https://discord.com/developers/docs/events/gateway#sharding). Replicas of the
// bot divide them: each shard is a hold that one replica has, and whose value is
// the session, so that who takes a shard over resumes it and misses nothing.

const (
	// shardLease is how long a shard stays with a replica that is not heard of.
	shardLease = 30 * time.Second
	// maxShards bounds what is believed of an advice.
	maxShards = 1 << 14
)

// A shard is the k-th, from 0, of some.
type shard struct{ k, of int }

// String returns "k/n".
func (s shard) String() string { return fmt.Sprintf("%d/%d", s.k, s.of) }

// A reshard says that the bot needs at least so many shards.
type reshard struct{ of int }

// Error says so.
func (r *reshard) Error() string { return fmt.Sprintf("the bot needs %d gateway connections", r.of) }

// listen keeps this replica's gateway connections until ctx is done, and
// otherwise returns what makes going on useless. When Discord asks for more of
// them it begins anew.
func (a *Adapter) listen(ctx context.Context, take func(*discordgo.Interaction)) error {
	n := a.shards
	for {
		var err error
		if a.peers == nil {
			err = a.listenAlone(ctx, max(n, 1), take)
		} else {
			err = a.listenTogether(ctx, n, a.untaken(ctx, take))
		}
		more := (*reshard)(nil)
		if !errors.As(err, &more) || ctx.Err() != nil {
			return err
		}
		if n = more.of; n > maxShards {
			return fail(chat.Rejected, "open the gateway", fmt.Errorf("%d connections are asked for", n))
		}
		a.log.Info("Discord asks for more gateway connections", "connections", n)
		if !sleep(ctx, a.retry) {
			return nil
		}
	}
}

// untaken passes on each interaction that no other replica has. While shards
// change hands, or their number changes, two connections may bring one.
func (a *Adapter) untaken(ctx context.Context, take func(*discordgo.Interaction)) func(*discordgo.Interaction) {
	return func(i *discordgo.Interaction) {
		if !isSnowflake(i.ID) {
			return
		}
		first, err := a.peers.Once(ctx, "discord/interaction/"+i.ID, 15*time.Minute)
		if err != nil {
			a.log.Warn("a command is not carried out: another replica may have done it", "error", err)
		}
		if first && err == nil {
			take(i)
		}
	}
}

// listenAlone keeps all shards.
func (a *Adapter) listenAlone(ctx context.Context, n int, take func(*discordgo.Interaction)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	starts := &starts{a: a, concurrency: 1}
	var all sync.WaitGroup
	for k := range n {
		g := &gateway{a: a, shard: shard{k, n}, starts: starts, take: take}
		all.Go(func() {
			if err := g.listen(ctx); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// listenTogether keeps this replica's part of the shards: those it can hold, up
// to its share of them. n is how many there are in all, 0 if Discord is to say.
func (a *Adapter) listenTogether(ctx context.Context, n int, take func(*discordgo.Interaction)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &crew{a: a, starts: &starts{a: a, concurrency: 1}, take: take, stop: stop, held: map[int]context.CancelFunc{}}
	defer c.all.Wait()
	defer stop(nil)
	if err := c.count(ctx, n); err != nil {
		return err
	}
	tick := time.NewTicker(a.lease / 3)
	defer tick.Stop()
	for {
		c.claim(ctx)
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return cause
			}
			return nil
		case <-tick.C:
		case <-a.shared:
		case <-c.freed():
		}
	}
}

// A crew is the shards of a replica.
type crew struct {
	a      *Adapter
	starts *starts
	take   func(*discordgo.Interaction)
	stop   context.CancelCauseFunc
	of     int // shards in all
	all    sync.WaitGroup

	mu   sync.Mutex
	held map[int]context.CancelFunc // by shard; called to give it up
	gone chan struct{}              // receives when one ended
}

// count learns how many shards there are, however long that takes.
func (c *crew) count(ctx context.Context, n int) error {
	c.gone = make(chan struct{}, 1)
	c.of = n
	for retry := c.a.retry; c.of == 0; retry = min(2*retry, maxRetry) {
		info, err := c.a.advice(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // being stopped is no error
		case chat.ReasonOf(err) == chat.Unauthorized:
			return err
		case err != nil:
			c.a.log.Warn("gateway not reached", "error", c.a.redact(gatewayError(err)))
			sleep(ctx, retry)
			continue
		}
		c.starts.allow(info.Limit.Concurrency)
		c.of = min(max(info.Shards, 1), maxShards)
	}
	return nil
}

func (c *crew) freed() <-chan struct{} { return c.gone }

// claim gives up shards beyond this replica's part, or takes what is free up to
// it, beginning with those that are its own if all divide them alike.
func (c *crew) claim(ctx context.Context) {
	part := *c.a.part.Load()
	want := (c.of + max(part.Of, 1) - 1) / max(part.Of, 1)
	c.mu.Lock()
	have := len(c.held)
	for k, giveUp := range c.held {
		if have <= want {
			break
		}
		giveUp()
		delete(c.held, k)
		have--
	}
	c.mu.Unlock()
	for i := range c.of {
		k := (part.Rank*want + i) % c.of
		if have >= want || ctx.Err() != nil {
			return
		}
		if c.hold(ctx, k) {
			have++
		}
	}
}

// hold takes a shard, if nobody has it, and runs it until it is given up or
// lost.
func (c *crew) hold(ctx context.Context, k int) bool {
	c.mu.Lock()
	_, mine := c.held[k]
	c.mu.Unlock()
	if mine {
		return false
	}
	sh := shard{k, c.of}
	h, err := c.a.peers.Hold(ctx, c.a.shardKey("shard/"+sh.String()), c.a.lease)
	if err != nil {
		if !errors.Is(err, chat.ErrHeld) && ctx.Err() == nil {
			c.a.log.Warn("no shard can be claimed", "error", err)
		}
		return false
	}
	ctx, giveUp := context.WithCancel(ctx)
	c.mu.Lock()
	c.held[k] = giveUp
	c.mu.Unlock()
	c.all.Go(func() {
		defer giveUp()
		c.run(ctx, giveUp, sh, &held{peers: c.a.peers, hold: h})
		select {
		case c.gone <- struct{}{}:
		default:
		}
	})
	return true
}

// Connections returns which of the bot's gateway connections this replica
// keeps, each as "k/n", of those that are divided between replicas.
func (a *Adapter) Connections() (list []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.keeps))
}

// keeping notes that a shard is kept, or is no more.
func (a *Adapter) keeping(sh shard, yes bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.keeps == nil {
		a.keeps = map[string]bool{}
	}
	a.keeps[sh.String()] = true
	if !yes {
		delete(a.keeps, sh.String())
	}
}

// run keeps a shard's connection for as long as it is held.
func (c *crew) run(ctx context.Context, giveUp context.CancelFunc, sh shard, h *held) {
	log := c.a.log.With("shard", sh.String())
	log.Info("gateway connection taken")
	c.a.keeping(sh, true)
	defer c.a.keeping(sh, false)
	var renewals sync.WaitGroup
	renewals.Go(func() {
		if err := h.keep(ctx, c.a.lease); err != nil {
			log.Warn("gateway connection lost to another replica", "error", err)
		}
		giveUp()
	})
	g := &gateway{a: c.a, shard: sh, starts: c.starts, held: h, take: c.take}
	if err := g.listen(ctx); err != nil {
		c.stop(err)
	}
	giveUp()
	renewals.Wait()
	c.mu.Lock()
	delete(c.held, sh.k) // before it is free: then it may be held again
	c.mu.Unlock()
	h.free(ctx)
}

// shardKey names something of the bot's that its replicas share.
func (a *Adapter) shardKey(what string) string {
	app := AppID(a.secret())
	if app == "" {
		app = a.name
	}
	return "discord/" + app + "/" + what
}

// held is a shard that this replica holds, with the session to leave.
type held struct {
	peers chat.Peers

	mu   sync.Mutex
	hold chat.Hold
	left []byte // the newest session
}

func (h *held) value() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hold.Value
}

// leave notes the session that the next holder is given.
func (h *held) leave(session []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = session
}

// now returns the hold with the newest session.
func (h *held) now() chat.Hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left != nil {
		h.hold.Value = h.left
	}
	return h.hold
}

// keep renews the hold until ctx is done (nil), or it is lost, or nobody can
// say that it is not.
func (h *held) keep(ctx context.Context, lease time.Duration) error {
	pause := lease / 3
	for sleep(ctx, pause) {
		pause = lease / 3
		mine := h.now()
		renew, cancel := context.WithDeadline(ctx, mine.Expires.Add(-lease/6))
		next, err := h.peers.Renew(renew, mine, lease)
		cancel()
		switch {
		case err == nil:
			h.mu.Lock()
			h.hold = next
			h.mu.Unlock()
		case ctx.Err() != nil:
			return nil //nolint:nilerr // being stopped is no error
		case errors.Is(err, chat.ErrHeld) || time.Until(mine.Expires) < lease/6:
			return err
		default:
			pause = lease / 30
		}
	}
	return nil
}

// free gives the shard back, with its session.
func (h *held) free(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	_ = h.peers.Free(ctx, h.now()) // else it runs out
}

// starts spaces identifies: one at a time in each of the buckets that Discord
// allows, at this replica and all others
// (https://discord.com/developers/docs/events/gateway#rate-limiting-identifies).
type starts struct {
	a *Adapter

	mu          sync.Mutex
	concurrency int
	buckets     map[int]*bucketTurn
}

// A bucketTurn is whose turn it is in a bucket.
type bucketTurn struct {
	mu   sync.Mutex // held while a shard waits for its turn
	last time.Time
}

// allow sets how many buckets there are.
func (s *starts) allow(concurrency int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.concurrency = max(concurrency, 1)
}

// turn waits until shard k may identify.
func (s *starts) turn(ctx context.Context, k int) error {
	s.mu.Lock()
	n := k % s.concurrency
	if s.buckets == nil {
		s.buckets = map[int]*bucketTurn{}
	}
	b := s.buckets[n]
	if b == nil {
		b = new(bucketTurn)
		s.buckets[n] = b
	}
	s.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !sleep(ctx, s.a.gap-time.Since(b.last)) {
		return ctx.Err()
	}
	if err := s.amongPeers(ctx, n); err != nil {
		return err
	}
	b.last = time.Now()
	return nil
}

// amongPeers waits until no other replica has identified in the bucket within
// the gap. The hold is not given back: it runs out when the gap is over.
func (s *starts) amongPeers(ctx context.Context, bucket int) error {
	if s.a.peers == nil {
		return nil
	}
	for {
		_, err := s.a.peers.Hold(ctx, s.a.shardKey(fmt.Sprintf("identify/%d", bucket)), s.a.gap)
		if err == nil || !errors.Is(err, chat.ErrHeld) {
			return err
		}
		if !sleep(ctx, s.a.gap/10) {
			return ctx.Err()
		}
	}
}
