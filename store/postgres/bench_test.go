package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
	"github.com/pullquote/pullquote/store/postgres/pgtest"
)

const (
	benchSources = 40
	benchLanes   = 160 // four sources each
	benchPorters = 32  // of a replica
)

// BenchmarkDeliver records entries of 40 sources and delivers them to 160
// channels, as the bot does, by one replica and by several on one database with
// fsync on, and, as the peer, in a file of the embedded engine. One operation
// is one delivery: a begin and a settle, each in a transaction, and its share
// of the claims and records.
func BenchmarkDeliver(b *testing.B) {
	b.Run("file", func(b *testing.B) {
		s, err := bolt.Open(filepath.Join(b.TempDir(), "bench.db"), bolt.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		deliver(b, s)
	})
	server := pgtest.New(b)
	for _, replicas := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("replicas=%d", replicas), func(b *testing.B) {
			dsn := server.Database(b)
			var list []store.Store
			for range replicas {
				s, err := Open(b.Context(), dsn, Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				list = append(list, s)
			}
			deliver(b, list...)
		})
	}
}

// deliver makes b.N deliveries and reports how long they took.
func deliver(b *testing.B, replicas ...store.Store) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var sources []news.Source
	var subs []store.Subscription
	for i := range benchSources {
		id := news.SourceID(fmt.Sprintf("source-%02d", i))
		sources = append(sources, news.Source{ID: id, Name: "Harbour", URL: "https://news.example/" + string(id), Schedule: "@every 1s"})
		for j := range benchLanes / benchSources {
			subs = append(subs, store.Subscription{Source: id, Channel: chat.Channel{Adapter: "test", ID: fmt.Sprintf("c%03d", i*benchLanes/benchSources+j)}})
		}
	}
	if err := replicas[0].Sync(ctx, sources, subs); err != nil {
		b.Fatal(err)
	}
	rounds := (b.N + benchLanes - 1) / benchLanes
	want := int64(rounds) * benchLanes
	var sent, claims atomic.Int64
	var claimed atomic.Int64 // nanoseconds
	var running sync.WaitGroup
	b.ResetTimer()
	for _, s := range replicas {
		for range 8 / len(replicas) {
			running.Go(func() { benchPoll(ctx, b, s, rounds) })
		}
		running.Go(func() {
			benchDispatch(ctx, b, s, func(took time.Duration) {
				claims.Add(1)
				claimed.Add(int64(took))
			}, func() {
				if sent.Add(1) == want {
					cancel()
				}
			})
		})
	}
	running.Wait()
	b.StopTimer()
	b.ReportMetric(float64(sent.Load())/b.Elapsed().Seconds(), "deliveries/s")
	if n := claims.Load(); n > 0 {
		b.ReportMetric(float64(claimed.Load())/float64(n)/1e6, "ms/claim")
	}
}

// benchDispatch claims lanes for as many porters as are free, until ctx is done.
func benchDispatch(ctx context.Context, b *testing.B, s store.Store, claimed func(time.Duration), sent func()) {
	var porters sync.WaitGroup
	defer porters.Wait()
	free := make(chan struct{}, benchPorters)
	for ctx.Err() == nil {
		began := time.Now()
		lanes, _, err := s.ClaimLanes(ctx, []string{"test"}, benchPorters-len(free), time.Minute)
		if err != nil {
			if ctx.Err() == nil {
				b.Error(err)
			}
			return
		}
		if len(lanes) > 0 {
			claimed(time.Since(began))
		}
		for _, l := range lanes {
			free <- struct{}{}
			porters.Go(func() {
				benchSend(ctx, b, s, l, sent)
				<-free
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// benchPoll records one new entry of each source in every round.
func benchPoll(ctx context.Context, b *testing.B, s store.Store, rounds int) {
	for ctx.Err() == nil {
		leases, err := s.ClaimDue(ctx, 4, time.Minute)
		if err != nil {
			return
		}
		if len(leases) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
			continue
		}
		for _, l := range leases {
			known, err := s.Known(ctx, l.Source.ID, nil, time.Unix(0, 0), time.Time{})
			if err != nil || len(known) >= rounds {
				_ = s.Rest(ctx, l, store.Rest{Next: time.Now().Add(time.Hour)})
				continue
			}
			n := len(known)
			_, err = s.Record(ctx, l, store.Poll{Next: time.Now(), Changes: []news.Change{{Kind: news.Added, Entry: news.Entry{
				Ref: news.Ref{Entry: news.EntryID(fmt.Sprintf("e%06d", n))}, Headline: "The tide rises again", Body: "It rose by a foot in an hour.",
				Published: time.Unix(int64(n+1), 0), Revision: 1,
				Quotes: []news.Quote{{Text: "The tide is in and the gates are shut", Speaker: "Una Marsh", Role: "harbour master", Kind: news.Direct}},
			}}}})
			if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrLeaseLost) {
				b.Error(err)
				return
			}
		}
	}
}

func benchSend(ctx context.Context, b *testing.B, s store.Store, l store.Lane, sent func()) {
	for {
		w, ok, err := s.Begin(ctx, l)
		if ctx.Err() != nil || !ok {
			break
		}
		if err == nil {
			err = s.Settle(ctx, l, w.Delivery.ID, store.Receipt{Message: chat.MessageID(fmt.Sprint(w.Delivery.ID)), Revision: w.Entry.Revision, Sent: time.Now()})
		}
		if err != nil && ctx.Err() == nil {
			b.Error(err)
			break
		}
		sent()
	}
	_ = s.Release(context.WithoutCancel(ctx), l, time.Time{})
}
