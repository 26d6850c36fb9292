package bolt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store/ledger"
)

// A hold is what one caller has for a while, or has left. It lives in memory:
// whoever had it ended with the process. What it left is kept.
type hold struct {
	token   uint64
	expires time.Time // zero = nobody has it
}

const (
	holdPrefix = "hold/" // where the values of holds are kept, among what other rooms keep
	maxHoldKey = 200     // bytes
	maxOnce    = 1 << 16 // keys that Once remembers
)

func heldKey(key string) []byte { return []byte(holdPrefix + key) }

// Hold implements [chat.Peers].
func (s *Store) Hold(ctx context.Context, key string, ttl time.Duration) (chat.Hold, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Hold{}, err
	}
	defer s.leave()
	if err := ledger.CheckHold(key, nil); err != nil {
		return chat.Hold{}, err
	}
	now := time.Now()
	c := s.claims
	c.mu.Lock()
	if h, ok := c.holds[key]; ok && h.expires.After(now) {
		c.mu.Unlock()
		return chat.Hold{}, fmt.Errorf("%.40q: %w", key, chat.ErrHeld)
	}
	c.token++
	h := chat.Hold{Key: key, Token: c.token, Expires: now.Add(ttl)}
	c.holds[key] = hold{token: h.Token, expires: h.Expires}
	c.mu.Unlock()
	err := s.view(ctx, func(t *txn) error {
		_, err := t.get(keptBucket, heldKey(key), &h.Value)
		return err
	})
	return h, err
}

// Renew implements [chat.Peers].
func (s *Store) Renew(ctx context.Context, h chat.Hold, ttl time.Duration) (chat.Hold, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Hold{}, err
	}
	defer s.leave()
	expires := time.Now().Add(ttl)
	if !s.extend(h, expires) {
		return chat.Hold{}, fmt.Errorf("%.40q: %w", h.Key, chat.ErrHeld)
	}
	h.Expires = expires
	return h, s.leaveValue(ctx, h)
}

// extend makes a hold run out at another time, zero for now, if it is current.
func (s *Store) extend(h chat.Hold, expires time.Time) bool {
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	if cur := c.holds[h.Key]; cur.token != h.Token || cur.expires.IsZero() {
		return false
	}
	c.holds[h.Key] = hold{token: h.Token, expires: expires}
	return true
}

// leaveValue saves the value of a hold if it is another than before.
func (s *Store) leaveValue(ctx context.Context, h chat.Hold) error {
	if err := ledger.CheckHold(h.Key, h.Value); err != nil {
		return err
	}
	return s.write(ctx, func(t *txn) (func(), error) {
		var before []byte
		found, err := t.get(keptBucket, heldKey(h.Key), &before)
		if err != nil || slices.Equal(before, h.Value) && (found || h.Value == nil) {
			return nil, err
		}
		return nil, t.put(keptBucket, heldKey(h.Key), h.Value)
	})
}

// Free implements [chat.Peers].
func (s *Store) Free(ctx context.Context, h chat.Hold) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c := s.claims
	c.mu.Lock()
	cur := c.holds[h.Key]
	current := cur.token == h.Token && !cur.expires.IsZero()
	c.mu.Unlock()
	if !current {
		return nil
	}
	if err := s.leaveValue(ctx, h); err != nil {
		return err
	}
	s.extend(h, time.Time{})
	return nil
}

// Once implements [chat.Peers]. What was asked before a restart is forgotten:
// nobody else can have asked.
func (s *Store) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	if err := ledger.CheckHold(key, nil); err != nil {
		return false, err
	}
	now := time.Now()
	c := s.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked[key].After(now) {
		return false, nil
	}
	if len(c.asked) >= maxOnce {
		maps.DeleteFunc(c.asked, func(_ string, until time.Time) bool { return !until.After(now) })
	}
	if len(c.asked) >= maxOnce {
		return false, errors.New("too many keys are remembered at once")
	}
	c.asked[key] = now.Add(ttl)
	return true, nil
}

// Beat implements [store.Replicas]: a file has one process.
func (s *Store) Beat(ctx context.Context, _ string, ttl time.Duration) (chat.Share, error) {
	if err := s.enter(ctx); err != nil {
		return chat.Share{}, err
	}
	defer s.leave()
	if ttl <= 0 {
		return chat.Share{}, nil
	}
	return chat.Share{Of: 1}, nil
}

// Woken implements [store.Replicas]: there are no others.
func (s *Store) Woken() <-chan struct{} { return nil }
