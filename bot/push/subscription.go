package push

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"math"
	mrand "math/rand/v2"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// A state is how a subscription stands:
//
//	asked ──verified──▶ active ──80 % of the lease──▶ asked again, still served
//	  │                   └──────denied──────▶ denied ──a day──▶ asked
//	any ──not followed, hub moved──▶ leaving ──verified, expired, or thrice in vain──▶ forgotten
type state string

const (
	asked   state = "asked"
	active  state = "active"
	denied  state = "denied"
	leaving state = "leaving"
)

// A subscription is what is kept of a source's hub, as JSON under keyPrefix
// and its token. Fields may be added and not changed.
type subscription struct {
	Source   news.SourceID
	URL      string // the source's
	Hub      string
	Topic    string
	Private  bool `json:",omitempty"`
	Token    string
	Secret   []byte
	Callback string // as the hub was told it; "" before that
	State    state
	Since    time.Time // when it was made
	Asked    time.Time `json:",omitzero"` // when the hub was asked last
	Expires  time.Time `json:",omitzero"` // end of the lease; zero if there is none
	Next     time.Time // when there is something to do
	Failures int       `json:",omitempty"` // in a row
	Problem  string    `json:",omitempty"`

	busy    bool // the hub is being asked
	changed bool // not saved yet
	ended   bool // to be forgotten
}

const (
	keyPrefix = "push/"
	// lease is what hubs are asked for; they decide themselves.
	lease    = 10 * 24 * time.Hour
	minLease = 5 * time.Minute // a hub that grants less is not asked more often
	maxLease = 30 * 24 * time.Hour
	// lessLease is taken where a hub says nothing of a lease, as it should.
	lessLease = 24 * time.Hour
	// askedFor is how long after it was asked a hub may ask back. Some check
	// the feed first, at their leisure.
	askedFor = 24 * time.Hour
	// verifyWait is how long a hub that accepted is waited for until it is
	// asked again.
	verifyWait = 30 * time.Minute

	minBackOff = time.Minute
	maxBackOff = 6 * time.Hour
	deniedWait = 24 * time.Hour
	// maxLeaves is how often a hub is asked to end a subscription; it lapses
	// with its lease anyway, and its callback is gone.
	maxLeaves = 3
)

func (s *Server) newSubscription(src news.Source, hub, topic string, now time.Time) *subscription {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return &subscription{
		Source: src.ID, URL: src.URL, Hub: hub, Topic: topic, Private: src.Private, Token: rand.Text(), Secret: secret,
		State: asked, Since: now, Next: now, changed: true,
	}
}

// current returns the source's subscription that is not being left; nil if it
// has none. Every method with a subscription is called with the server's mu
// held.
func (s *Server) current(id news.SourceID) *subscription {
	for _, sub := range s.subs {
		if sub.Source == id && sub.State != leaving {
			return sub
		}
	}
	return nil
}

// leave ends the subscription: with its hub if that ever confirmed it.
func (sub *subscription) leave(now time.Time) {
	granted := now.Before(sub.Expires)
	sub.State, sub.Next, sub.Failures, sub.Problem, sub.changed = leaving, now, 0, "", true
	sub.ended = !granted
}

// grant notes that the hub confirmed the subscription for so long.
func (sub *subscription) grant(d time.Duration, now time.Time) {
	d = min(max(d, minLease), maxLease)
	sub.State, sub.Expires, sub.Failures, sub.Problem, sub.changed = active, now.Add(d), 0, "", true
	sub.Next = now.Add(d*4/5 - rand1(d/20)) // renewals of many spread by themselves
}

// deny notes that the hub refused it.
func (sub *subscription) deny(reason string, now time.Time) {
	sub.State, sub.Expires, sub.Problem, sub.changed = denied, time.Time{}, reason, true
	sub.Next = now.Add(deniedWait + rand1(deniedWait/20))
}

// fail notes that the hub could not be asked. It reports whether that is news.
func (sub *subscription) fail(problem string, now time.Time) (changed bool) {
	changed = problem != sub.Problem
	sub.Problem, sub.changed = problem, true
	if sub.State == denied {
		sub.State = asked
	}
	sub.Failures++
	if sub.State == leaving && sub.Failures >= maxLeaves {
		sub.ended = true
	}
	sub.Next = now.Add(backOff(sub.Failures))
	return changed
}

func backOff(failures int) time.Duration {
	d := time.Duration(float64(minBackOff) * math.Pow(2, float64(min(failures-1, 20))))
	d = min(d, maxBackOff)
	return d/2 + rand1(d/2)
}

// rand1 returns a random duration below d, and 0 for none.
func rand1(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return mrand.N(d)
}

// due returns copies of the subscriptions that have something to do, marked as
// busy, and when the next of the others has.
func (s *Server) due(now time.Time) (list []subscription, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		switch {
		case sub.busy || sub.ended:
		case now.Before(sub.Next):
			if next.IsZero() || sub.Next.Before(next) {
				next = sub.Next
			}
		default:
			if sub.State == leaving && !now.Before(sub.Expires) {
				sub.ended = true
				continue
			}
			sub.busy, sub.changed = true, true
			sub.Asked, sub.Callback = now, s.callback(sub.Token)
			list = append(list, *sub)
		}
	}
	return list, next
}

// postpone gives a subscription back for which there is no room now.
func (s *Server) postpone(sub subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.subs[sub.Token]; now != nil {
		now.busy = false
	}
}

// load reads the subscriptions that were kept. A callback that has moved since
// is told to its hub at once.
func (s *Server) load(ctx context.Context) error {
	kept, err := s.o.Keeper.KeptAll(ctx, keyPrefix)
	if err != nil {
		return err
	}
	for key, value := range kept {
		sub := new(subscription)
		if err := json.Unmarshal(value, sub); err != nil || keyPrefix+sub.Token != key || len(sub.Secret) == 0 {
			s.log.Warn("subscription is not readable", "bytes", len(value)) // a later version's; the source names its hub again
			continue
		}
		if sub.Callback != s.callback(sub.Token) && sub.State != leaving {
			sub.State, sub.Expires, sub.Next = asked, time.Time{}, time.Now()
		}
		s.subs[sub.Token] = sub
	}
	return nil
}

// save keeps what has changed and forgets what has ended.
func (s *Server) save(ctx context.Context) {
	for token, value := range s.unsaved() {
		if err := s.o.Keeper.Keep(ctx, keyPrefix+token, value); err != nil {
			s.log.Warn("subscription not kept", "error", err) // it is asked for anew after a restart
		}
	}
}

// unsaved returns what is to be kept under each token; nil for nothing.
func (s *Server) unsaved() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := make(map[string][]byte)
	for token, sub := range s.subs {
		if sub.ended && !sub.busy {
			values[token] = nil
			delete(s.subs, token)
			continue
		}
		if !sub.changed {
			continue
		}
		value, err := json.Marshal(sub)
		if err != nil {
			continue // unreachable: a struct of strings and times
		}
		sub.changed = false
		values[token] = value
	}
	return values
}
