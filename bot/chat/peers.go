package chat

import (
	"context"
	"errors"
	"time"
)

// ErrHeld says that another replica has it, or has taken it over.
var ErrHeld = errors.New("held by another replica")

// Peers is how the replicas of a bot that serve the same accounts agree who
// does what only one of them may do. Its methods are safe for concurrent use;
// an error other than ErrHeld means that nobody can agree on anything at the
// moment, and what is not held for certain is not to be done.
type Peers interface {
	// Hold takes what the key (1 to 200 bytes) names, for ttl. It returns
	// ErrHeld while another replica, or another caller of this one, has it. The
	// Value is what the last holder left.
	Hold(ctx context.Context, key string, ttl time.Duration) (Hold, error)
	// Renew extends a hold by ttl from now and saves its Value. ErrHeld says
	// that it ran out and was taken by another; it is lost then.
	Renew(ctx context.Context, h Hold, ttl time.Duration) (Hold, error)
	// Free gives a hold back and saves its Value for whoever holds it next. One
	// that is lost already is no error.
	Free(ctx context.Context, h Hold) error
	// Once reports whether no replica has asked this of the key (1 to 200 bytes)
	// within ttl.
	Once(ctx context.Context, key string, ttl time.Duration) (first bool, err error)
}

// A Hold is something that one replica has for a while.
type Hold struct {
	Key     string
	Value   []byte    // at most 64 KiB
	Token   uint64    // larger than any earlier holder's of the key
	Expires time.Time // by the local clock, never later than the others believe
}

// A Share is the part of a platform's limits that falls to this replica: it is
// the Rank-th, from 0, of Of that serve the same accounts. The zero Share is
// that of a bot that runs alone.
type Share struct{ Rank, Of int }

// Cut returns how many of n indivisible things fall to this replica. The
// parts of all replicas add up to n.
func (s Share) Cut(n int) int {
	if s.Of <= 1 {
		return n
	}
	part := n / s.Of
	if s.Rank < n%s.Of {
		part++
	}
	return part
}

// Part returns this replica's part of a quantity that can be divided.
func (s Share) Part(n float64) float64 { return n / float64(max(s.Of, 1)) }

// A Sharer is an adapter that keeps to a part of its platform's limits. Share
// may be called at any time, also while messages are sent; an adapter that was
// never told has the zero Share.
type Sharer interface{ Share(s Share) }
