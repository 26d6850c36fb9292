// Package push is a WebSub subscriber: where a feed announces a hub, the hub
// is asked to tell at once what is new there (https://www.w3.org/TR/websub/).
//
// A [Server] hears of hubs through [Server.Follow], asks them in [Server.Run],
// and answers them as an [http.Handler], which [Server.Serve] offers on a
// listener. What hubs send goes to Options.Deliver. Polling goes on all the
// same: a push is a hurry, never the only way.
//
// Nothing that comes in is believed by itself. A callback's path holds 128
// random bits or more, a subscription is confirmed only if it was asked for,
// and content counts only with a signature made with the secret of its
// subscription. Neither path nor secret appears in a log or an error.
package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// A Keeper saves small values; the ledger is one.
type Keeper interface {
	Keep(ctx context.Context, key string, value []byte) error
	KeptAll(ctx context.Context, prefix string) (map[string][]byte, error)
}

// Options is what a Server works with. Callback, Keeper, Client, Deliver and
// Hurry are required.
type Options struct {
	// Callback is the public base address under which hubs reach the server,
	// without a slash at its end.
	Callback string
	Keeper   Keeper
	// Client returns what hubs are asked with; private allows hubs at loopback
	// and private addresses, for sources that are private themselves.
	Client func(private bool) *http.Client
	// Deliver takes what a hub sent for a source: its feed, or a part of it. It
	// is called once at a time for a source. After an error the source is read.
	Deliver func(ctx context.Context, source news.SourceID, contentType string, body []byte) error
	// Hurry has the source read soon, where its content was not taken.
	Hurry func(ctx context.Context, source news.SourceID) error
	// Followed returns the sources that are followed. Subscriptions of others,
	// and of those with another address by now, are ended. Nil ends none.
	Followed func(ctx context.Context) ([]news.Source, error)
	MaxBody  int64        // largest content taken; 0 means 15 MiB
	Logger   *slog.Logger // nil discards
}

// A Server keeps subscriptions with hubs. Use New. It is safe for concurrent
// use.
type Server struct {
	o    Options
	base *url.URL
	log  *slog.Logger
	wake chan struct{} // buffered: something is to be looked at

	mu     sync.Mutex               // guards what follows
	subs   map[string]*subscription // by token
	absent map[news.SourceID]int    // readings in a row that named no hub
	queues map[news.SourceID]*queue
	queued int64 // bytes in all queues

	asking  chan struct{} // a token per request to a hub under way
	taking  chan struct{} // a token per body that is being read
	running sync.WaitGroup
	counts  counts
}

const (
	defaultMaxBody = 15 << 20
	maxAsking      = 4 // requests to hubs at the same time
	maxTaking      = 8 // bodies read at the same time
	// followedEvery is how often it is looked for sources that are followed no
	// more.
	followedEvery = 15 * time.Minute
	// firstLook is when it is first looked, for when the program starts the ledger still
	// has what was followed before.
	firstLook = time.Minute
	// saving bounds the last save after a stop.
	saving = time.Second
)

// New returns a Server with the subscriptions that were kept. It asks no hub
// before Run.
func New(ctx context.Context, o Options) (*Server, error) {
	base, err := url.Parse(o.Callback)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("the callback is no web address")
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	s := &Server{
		o: o, base: base, log: o.Logger, wake: make(chan struct{}, 1),
		subs: make(map[string]*subscription), absent: make(map[news.SourceID]int), queues: make(map[news.SourceID]*queue),
		asking: make(chan struct{}, maxAsking), taking: make(chan struct{}, maxTaking),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("load subscriptions: %w", err)
	}
	return s, nil
}

// Run asks hubs for what Follow heard of, renews what they granted and ends
// what is followed no more, until ctx is done. Subscriptions stay then, for the
// next run. It returns after the last delivery has ended.
func (s *Server) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	looked := time.Now().Add(firstLook - followedEvery) // when Followed was asked last
	for {
		select {
		case <-ctx.Done():
			s.running.Wait()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saving)
			defer cancel()
			s.save(last)
			return
		case <-s.wake:
		case <-timer.C:
		}
		if now := time.Now(); now.Sub(looked) >= followedEvery {
			looked = now
			s.endUnfollowed(ctx)
		}
		next := s.step(ctx)
		s.deliverAll(ctx)
		if look := looked.Add(followedEvery); next.IsZero() || look.Before(next) {
			next = look
		}
		timer.Reset(max(time.Until(next), 0))
	}
}

// kick has Run look again. It does not block.
func (s *Server) kick() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// step saves what changed, asks the hubs that are due, and returns when the
// next of the others is.
func (s *Server) step(ctx context.Context) (next time.Time) {
	due, next := s.due(time.Now())
	s.save(ctx) // the secret is kept before a hub is told it
	for _, sub := range due {
		select {
		case s.asking <- struct{}{}:
		default:
			s.postpone(sub) // the end of a request under way looks again
			continue
		}
		s.running.Go(func() {
			defer func() {
				<-s.asking
				s.kick()
			}()
			s.ask(ctx, sub)
		})
	}
	return next
}

// Follow hears that the source names a hub, and the topic that is its address
// there; hub "" says that it names none. It does not block.
func (s *Server) Follow(src news.Source, hub, topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cur := s.current(src.ID)
	if cur != nil && cur.URL != src.URL {
		cur.leave(time.Now()) // another page by now; what its hub says is not this source's
		cur = nil
		s.kick()
	}
	if hub == "" || topic == "" {
		s.missHub(src.ID, cur)
		return
	}
	delete(s.absent, src.ID)
	now := time.Now()
	switch {
	case !sane(hub) || !sane(topic) || len(s.subs) >= maxSources:
		return
	case cur == nil:
	case cur.Hub == hub && cur.Topic == topic && cur.Private == src.Private:
		return
	case now.Sub(cur.Since) < minStay:
		return // a feed that names another hub at each reading is not run after
	default:
		cur.leave(now)
	}
	sub := s.newSubscription(src, hub, topic, now)
	s.subs[sub.Token] = sub
	s.kick()
}

const (
	// minStay is how long a hub is kept before another of the same source is
	// asked.
	minStay = 10 * time.Minute
	// maxAbsent is how many readings in a row must name no hub until the
	// subscription is ended: some servers of a site lag behind the others.
	maxAbsent = 3
	maxURL    = 2048
	// maxSources bounds the subscriptions: the ledger keeps each.
	maxSources = 10_000
)

func (s *Server) missHub(id news.SourceID, cur *subscription) {
	if cur == nil {
		return
	}
	if s.absent[id]++; s.absent[id] < maxAbsent {
		return
	}
	delete(s.absent, id)
	s.log.Info("source names no hub any more", "source", id)
	cur.leave(time.Now())
	s.kick()
}

// sane reports whether a hub or topic can be asked for.
func sane(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= maxURL && u.Host != "" && u.User == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// endUnfollowed ends the subscriptions of sources that are followed no more.
func (s *Server) endUnfollowed(ctx context.Context) {
	if s.o.Followed == nil {
		return
	}
	list, err := s.o.Followed(ctx)
	if err != nil {
		return // the next look may tell
	}
	followed := make(map[news.SourceID]string, len(list))
	for i := range list {
		followed[list[i].ID] = list[i].URL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if followed[sub.Source] != sub.URL && sub.State != leaving {
			sub.leave(time.Now())
		}
	}
}

// Counts is what a Server has done since it was made.
type Counts struct {
	Accepted int64 // contents with a good signature
	Forged   int64 // contents without one, which were acknowledged and dropped
	Large    int64 // contents over the limit
	Limited  int64 // requests refused because there were too many
	Overflow int64 // contents that found their queue full
	Verified int64 // subscriptions and renewals confirmed
	Denied   int64 // subscriptions that a hub refused
}

type counts struct {
	accepted, forged, large, limited, overflow, verified, denied atomic.Int64
}

// Counts returns what was done so far.
func (s *Server) Counts() Counts {
	c := &s.counts
	return Counts{
		Accepted: c.accepted.Load(), Forged: c.forged.Load(), Large: c.large.Load(), Limited: c.limited.Load(),
		Overflow: c.overflow.Load(), Verified: c.verified.Load(), Denied: c.denied.Load(),
	}
}

// A Status is how a source's subscription stands.
type Status struct {
	Source  news.SourceID
	Hub     string // its host only
	State   string // "asked", "active", "lapsed", "denied"
	Expires time.Time
	Problem string // "" if none
}

// Statuses returns how each source's subscription stands, in no order.
func (s *Server) Statuses() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Status
	for _, sub := range s.subs {
		if sub.State != leaving {
			state := string(sub.State)
			if sub.State == active && !time.Now().Before(sub.Expires) {
				state = "lapsed"
			}
			list = append(list, Status{Source: sub.Source, Hub: hostOf(sub.Hub), State: state, Expires: sub.Expires, Problem: sub.Problem})
		}
	}
	return list
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // unreachable: sane has read it
	}
	return u.Host
}

func (s *Server) callback(token string) string {
	return strings.TrimRight(s.o.Callback, "/") + "/" + token
}
