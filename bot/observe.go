package bot

import (
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// An Observer is told what the bot does, for metrics. Its methods are called
// concurrently and must not block.
type Observer interface {
	// Polled tells of a reading that took so long. outcome is "changed",
	// "unchanged", "failed" or "pushed".
	Polled(source news.SourceID, outcome string, took time.Duration)
	// Delivered tells of an entry's card that now stands. published is zero if
	// the source states no time; seen is when the revision shown was first seen;
	// edit tells a changed card from a new one.
	Delivered(source news.SourceID, ch chat.Channel, published, seen, sent time.Time, edit bool)
	// Refused tells of a request that a platform did not accept.
	Refused(ch chat.Channel, reason chat.Reason)
	// Claimed tells of n sources ("source") or channels ("lane") that were claimed
	// in the ledger in so long.
	Claimed(what string, n int, took time.Duration)
	// Shared tells the replica's name and its place among those that live, when
	// that has changed.
	Shared(replica string, s chat.Share)
	// Latency returns percentiles of the time from publication and from first
	// sight to the card, for one source ("" = all), and how many cards they rest
	// on; 0 of those means that the rest is zero too.
	Latency(source news.SourceID) (fromPublished, fromSeen Percentiles, n int)
}

// Percentiles are three points of a distribution.
type Percentiles = [3]time.Duration // 50, 95, 99 %

// unobserved is the Observer of a bot that has none.
type unobserved struct{}

func (unobserved) Claimed(string, int, time.Duration) {}

func (unobserved) Shared(string, chat.Share) {}

func (unobserved) Polled(news.SourceID, string, time.Duration) {}

func (unobserved) Delivered(news.SourceID, chat.Channel, time.Time, time.Time, time.Time, bool) {}

func (unobserved) Refused(chat.Channel, chat.Reason) {}

func (unobserved) Latency(news.SourceID) (a, b Percentiles, n int) { return a, b, 0 }

// A Pusher is told which hub announces what is new at a source (W3C WebSub),
// so that it can ask to be told. Its methods are called concurrently and must
// not block.
type Pusher interface {
	// Follow tells that a good reading of the source named the hub, and the
	// topic, which is the source's own address there; both are "" if it named
	// none. It is called after every reading that had a document; saying the
	// same again changes nothing.
	Follow(src news.Source, hub, topic string)
}
