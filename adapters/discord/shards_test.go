package discord

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store/bolt"
)

// peers is what replicas in one process agree by.
func peers(t *testing.T) chat.Peers {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "peers.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// replica returns an adapter that shares the bot with others.
func replica(t *testing.T, a *Adapter, p chat.Peers) *Adapter {
	t.Helper()
	b, err := New(Options{Name: "discord", Token: a.secret(), APIURL: a.base, Peers: p})
	if err != nil {
		t.Fatal(err)
	}
	b.retry, b.gap, b.lease = a.retry, a.gap, 300*time.Millisecond
	return b
}

func up(srv *discordtest.Server, want ...[2]int) func() bool {
	return func() bool { return slices.Equal(srv.Up(), want) }
}

// TestShards keeps as many connections as Discord advises, and has commands
// come over the one of their server.
func TestShards(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	srv.Shards(3, 2)
	serve(t, srv, a, says("here"))
	wait(t, srv, up(srv, [2]int{0, 3}, [2]int{1, 3}, [2]int{2, 3}))
	answers(t, srv)
}

// TestReshard goes on with more connections when Discord insists on them.
func TestReshard(t *testing.T) {
	t.Parallel()
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("together=%v", together), func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			if together {
				a = replica(t, a, peers(t))
			}
			serve(t, srv, a, says("here"))
			wait(t, srv, up(srv, [2]int{0, 1}))
			srv.Shards(2, 1)
			srv.ForgetSessions()
			srv.CloseGateway(4011)
			wait(t, srv, up(srv, [2]int{0, 2}, [2]int{1, 2}))
			answers(t, srv)
		})
	}
}

// counting is a log that counts the connections that stand.
type counting struct{ n *atomic.Int32 }

func (c counting) Enabled(context.Context, slog.Level) bool { return true }

func (c counting) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "gateway connected" {
		c.n.Add(1)
	}
	return nil
}

func (c counting) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c counting) WithGroup(string) slog.Handler { return c }

func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !yes(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("not in time")
		}
	}
}

// TestShardsTogether divides four shards between replicas, as they come and go:
// each is held by one, and its session is resumed by the next.
func TestShardsTogether(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	srv.Shards(4, 1)
	p := peers(t)
	all := func() bool {
		return slices.Equal(srv.Up(), [][2]int{{0, 4}, {1, 4}, {2, 4}, {3, 4}})
	}
	first, second := replica(t, a, p), replica(t, a, p)
	first.Share(chat.Share{Rank: 0, Of: 1})
	var connected atomic.Int32 // as the adapters know
	first.log, second.log = slog.New(counting{&connected}), slog.New(counting{&connected})
	stopFirst := serve(t, srv, first, says("here"))
	wait(t, srv, all)
	eventually(t, func() bool { return connected.Load() == 4 })

	first.Share(chat.Share{Rank: 0, Of: 2})
	second.Share(chat.Share{Rank: 1, Of: 2})
	stopSecond := serve(t, srv, second, says("here"))
	wait(t, srv, func() bool { _, resumed := srv.Sessions(); return resumed >= 2 && all() })
	if identified, _ := srv.Sessions(); identified != 4 {
		t.Errorf("%d new sessions; want 4", identified)
	}
	answers(t, srv)

	eventually(t, func() bool { return connected.Load() == 6 })
	if err := stopSecond(); err != nil {
		t.Error(err)
	}
	first.Share(chat.Share{Rank: 0, Of: 1})
	wait(t, srv, func() bool { _, resumed := srv.Sessions(); return resumed >= 4 && all() })
	if identified, resumed := srv.Sessions(); identified != 4 || resumed != 4 {
		t.Errorf("%d new sessions, %d resumed; want 4, 4", identified, resumed)
	}
	answers(t, srv)
	if err := stopFirst(); err != nil {
		t.Error(err)
	}
}

// forgetful peers lose what they hold, as to a replica that took it over.
type forgetful struct {
	chat.Peers
	lost atomic.Bool
}

func (f *forgetful) Renew(ctx context.Context, h chat.Hold, ttl time.Duration) (chat.Hold, error) {
	if f.lost.Load() {
		return chat.Hold{}, chat.ErrHeld
	}
	return f.Peers.Renew(ctx, h, ttl)
}

// TestShardLost closes the connection of a shard that another has taken over.
func TestShardLost(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	p := &forgetful{Peers: peers(t)}
	serve(t, srv, replica(t, a, p), says("here"))
	wait(t, srv, up(srv, [2]int{0, 1}))
	p.lost.Store(true)
	wait(t, srv, func() bool { return len(srv.Up()) == 0 })
	p.lost.Store(false)
	wait(t, srv, up(srv, [2]int{0, 1}))
	answers(t, srv)
}

// TestInteractionOnce has one of several carry out what more than one is told.
func TestInteractionOnce(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	p := peers(t)
	var carried atomic.Int32
	h := func(context.Context, chat.Command) (chat.Reply, error) {
		carried.Add(1)
		return chat.Reply{Text: "here"}, nil
	}
	first, second := replica(t, a, p), replica(t, a, p)
	second.shards = 2 // it was told of more shards before the other was
	serve(t, srv, first, h)
	wait(t, srv, up(srv, [2]int{0, 1}))
	second.Share(chat.Share{})
	serve(t, srv, second, h)
	wait(t, srv, func() bool { return len(srv.Up()) == 3 })
	id := snowflakeOf(time.Now())
	srv.Missed("INTERACTION_CREATE", []byte(`{"id":"`+id+`","application_id":"`+discordtest.AppID+
		`","type":2,"token":"dG9rZW4","channel_id":"`+channelID+`","data":{"name":"latest","type":1,"id":"1"}}`))
	wait(t, srv, func() bool { return carried.Load() > 0 })
	answers(t, srv)
	if n := carried.Load(); n != 2 {
		t.Errorf("two commands were carried out %d times", n)
	}
}

// TestIdentifiesTogether spaces the identifies of two replicas.
func TestIdentifiesTogether(t *testing.T) {
	t.Parallel()
	_, a := start(t)
	p := peers(t)
	var mu sync.Mutex
	var times []time.Time
	var all sync.WaitGroup
	for range 2 {
		s := &starts{a: replica(t, a, p), concurrency: 1}
		s.a.gap = 50 * time.Millisecond
		for k := range 3 {
			all.Go(func() {
				if err := s.turn(t.Context(), k); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
			})
		}
	}
	all.Wait()
	slices.SortFunc(times, time.Time.Compare)
	if d := times[5].Sub(times[0]); d < 5*45*time.Millisecond {
		t.Errorf("six within %v", d)
	}
}

// TestShare checks that what replicas send together stays under the bot's
// limit, whatever their parts were before.
func TestShare(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	const rate = 50
	sent := func(of int) (n int) {
		for rank := range of {
			l := newLimits(0, rate)
			l.share(chat.Share{Rank: 0, Of: 1})
			l.share(chat.Share{Rank: rank, Of: of})
			for ch := 0; l.pace(fmt.Sprint(ch), now) == 0; ch++ {
				n++
			}
		}
		return n
	}
	for of := 1; of < 60; of++ {
		if n := sent(of); n != rate {
			t.Errorf("%d replicas send %d in a second", of, n)
		}
	}
	// What was sent under the larger part counts under the smaller.
	l := newLimits(0, rate)
	for ch := range rate {
		l.pace(fmt.Sprint("a", ch), now)
	}
	l.share(chat.Share{Rank: 0, Of: 2})
	if l.pace("b", now.Add(time.Millisecond)) == 0 {
		t.Error("a request more than the limit")
	}
	l.share(chat.Share{})
	if n := l.budget; n != defaultBudget {
		t.Errorf("budget %d", n)
	}
}
