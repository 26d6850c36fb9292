package admin

import (
	"slices"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// Metrics watches a bot: it is its Observer. Use NewMetrics. It is safe for
// concurrent use.
type Metrics struct {
	meters *meters

	mu       sync.Mutex // guards what follows
	all      samples
	bySource map[news.SourceID]*samples
	sources  labels
	channels labels
}

const (
	// maxLabels is how many sources and channels have series of their own; the
	// rest share one named other. Each costs some thirty series.
	maxLabels = 200
	other     = "other"
	// Percentiles rest on the newest cards: so many of all, and of a source.
	allSamples    = 4096
	sourceSamples = 256
	maxSources    = 4096
)

// NewMetrics returns Metrics that have seen nothing.
func NewMetrics(version string) *Metrics {
	return &Metrics{
		meters: newMeters(version), all: samples{size: allSamples}, bySource: make(map[news.SourceID]*samples),
		sources: make(labels), channels: make(labels),
	}
}

// Polled counts a reading.
func (m *Metrics) Polled(_ news.SourceID, outcome string, took time.Duration) {
	m.meters.polled(outcome, took)
}

// Delivered counts a card that now stands, and measures how long a new one
// took.
func (m *Metrics) Delivered(source news.SourceID, ch chat.Channel, published, seen, sent time.Time, edit bool) {
	d := delivered{adapter: ch.Adapter, edit: edit}
	if !edit {
		d.fromSeen, d.seen = max(sent.Sub(seen), 0), !seen.IsZero()
		// A publisher's clock may be ahead.
		d.fromPublished, d.published = max(sent.Sub(published), 0), !published.IsZero()
	}
	m.mu.Lock()
	d.source, d.channel = m.sources.of(string(source)), m.channels.of(ch.String())
	if !edit {
		m.all.add(d)
		m.samples(source).add(d)
	}
	m.mu.Unlock()
	m.meters.delivered(d)
}

// samples returns those of the source, or a place for nobody's if there are too
// many sources. The mutex is held.
func (m *Metrics) samples(id news.SourceID) *samples {
	s := m.bySource[id]
	if s == nil {
		s = &samples{size: sourceSamples}
		if len(m.bySource) < maxSources {
			m.bySource[id] = s
		}
	}
	return s
}

// Refused counts a request that a platform did not accept.
func (m *Metrics) Refused(ch chat.Channel, reason chat.Reason) {
	m.meters.refused(ch.Adapter, reason.String())
}

// Claimed measures how long a claim in the ledger took.
func (m *Metrics) Claimed(what string, _ int, took time.Duration) {
	m.meters.claims.WithLabelValues(what).Observe(took.Seconds())
}

// Shared notes the replica's place among those that live.
func (m *Metrics) Shared(replica string, s chat.Share) {
	m.meters.replica.Reset()
	m.meters.replica.WithLabelValues(replica).Set(float64(s.Rank))
	m.meters.replicas.Set(float64(max(s.Of, 1)))
}

// Latency returns percentiles of the time from publication and from first
// sight to the card over the newest cards of a source ("" = of all), and how
// many cards they rest on.
func (m *Metrics) Latency(id news.SourceID) (fromPublished, fromSeen [3]time.Duration, n int) {
	m.mu.Lock()
	s := &m.all
	if id != "" {
		s = m.bySource[id]
	}
	if s == nil {
		m.mu.Unlock()
		return fromPublished, fromSeen, 0
	}
	published, seen := slices.Clone(s.published.values), slices.Clone(s.seen.values)
	m.mu.Unlock()
	return quantiles(published), quantiles(seen), len(seen)
}

// quantiles returns the 50th, 95th and 99th percentile by the nearest rank;
// it sorts values.
func quantiles(values []time.Duration) (q [3]time.Duration) {
	if len(values) == 0 {
		return q
	}
	slices.Sort(values)
	for i, percent := range []int{50, 95, 99} {
		rank := (len(values)*percent + 99) / 100
		q[i] = values[rank-1]
	}
	return q
}

// delivered is one card for the meters, its labels bounded.
type delivered struct {
	adapter, source, channel string
	edit                     bool
	published, seen          bool // whether the times are known
	fromPublished, fromSeen  time.Duration
}

// samples are the newest times of both sorts.
type samples struct {
	size            int
	published, seen ring
}

func (s *samples) add(d delivered) {
	if d.published {
		s.published.add(d.fromPublished, s.size)
	}
	if d.seen {
		s.seen.add(d.fromSeen, s.size)
	}
}

// A ring keeps the newest values.
type ring struct {
	values []time.Duration
	next   int // the oldest, once the ring is full
}

func (r *ring) add(d time.Duration, size int) {
	if len(r.values) < size {
		r.values = append(r.values, d)
		return
	}
	r.values[r.next] = d
	r.next = (r.next + 1) % size
}

// labels are the values that have series of their own.
type labels map[string]bool

func (l labels) of(value string) string {
	if l[value] {
		return value
	}
	if len(l) >= maxLabels {
		return other
	}
	l[value] = true
	return value
}
