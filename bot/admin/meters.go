package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meters are the series of one bot, in a registry of their own.
type meters struct {
	registry   *prometheus.Registry
	polls      *prometheus.CounterVec
	pollTime   *prometheus.HistogramVec
	deliveries *prometheus.CounterVec
	refusals   *prometheus.CounterVec
	bySource   *prometheus.HistogramVec
	byChannel  *prometheus.HistogramVec
	claims     *prometheus.HistogramVec
	replica    *prometheus.GaugeVec
	replicas   prometheus.Gauge
}

// Bounds of the histograms, in seconds. A card is late after minutes; a reading
// ends within one.
var (
	cardBuckets = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600}
	pollBuckets = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
)

func newMeters(version string) *meters {
	m := &meters{
		registry: prometheus.NewRegistry(),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullquote_polls_total", Help: "Readings of sources, by outcome: changed, unchanged, failed, pushed."}, []string{"outcome"}),
		pollTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pullquote_poll_seconds", Help: "How long readings took.", Buckets: pollBuckets}, []string{"outcome"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullquote_deliveries_total", Help: "Cards that stand, by adapter and kind: sent or edited."}, []string{"adapter", "kind"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pullquote_refused_total", Help: "Requests that a platform did not accept, by adapter and reason."}, []string{"adapter", "reason"}),
		bySource: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pullquote_source_card_seconds", Help: "Time to a new card, since its entry was published or seen, by source.", Buckets: cardBuckets},
			[]string{"source", "since"}),
		byChannel: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pullquote_channel_card_seconds", Help: "Time to a new card, since its entry was published or seen, by channel.", Buckets: cardBuckets},
			[]string{"channel", "since"}),
	}
	m.claims = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "pullquote_claim_seconds", Help: "How long it took to claim sources or lanes in the ledger.",
		Buckets: []float64{0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5}}, []string{"what"})
	m.replica = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pullquote_replica_rank", Help: "Place of this replica, from 0, among those that share the ledger."}, []string{"replica"})
	m.replicas = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pullquote_replicas", Help: "Replicas that share the ledger and live."})
	m.replicas.Set(1)
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "pullquote_build_info", Help: "1, labelled with the version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.polls, m.pollTime, m.deliveries, m.refusals, m.bySource, m.byChannel, m.claims, m.replica, m.replicas, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meters) polled(outcome string, took time.Duration) {
	m.polls.WithLabelValues(outcome).Inc()
	m.pollTime.WithLabelValues(outcome).Observe(took.Seconds())
}

func (m *meters) delivered(d delivered) {
	kind := "sent"
	if d.edit {
		kind = "edited"
	}
	m.deliveries.WithLabelValues(d.adapter, kind).Inc()
	if d.published {
		m.bySource.WithLabelValues(d.source, "published").Observe(d.fromPublished.Seconds())
		m.byChannel.WithLabelValues(d.channel, "published").Observe(d.fromPublished.Seconds())
	}
	if d.seen {
		m.bySource.WithLabelValues(d.source, "seen").Observe(d.fromSeen.Seconds())
		m.byChannel.WithLabelValues(d.channel, "seen").Observe(d.fromSeen.Seconds())
	}
}

func (m *meters) refused(adapter, reason string) {
	m.refusals.WithLabelValues(adapter, reason).Inc()
}

// handler serves the series, and with them what the ledger says at that time.
func (m *meters) handler(g gauges) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), gaugeTime)
		defer cancel()
		now := prometheus.NewRegistry()
		st, err := g.status(ctx)
		now.MustRegister(shardCollector(g.shards()), ledgerCollector{status: st, known: err == nil, pushes: g.pushes()})
		promhttp.HandlerFor(prometheus.Gatherers{m.registry, now}, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// A shardCollector is the gateway connections that adapters keep, by adapter.
type shardCollector map[string][]string

var shardDesc = prometheus.NewDesc("pullquote_gateway_shard", "1 for each gateway connection that this replica keeps, of those that replicas divide.",
	[]string{"adapter", "shard"}, nil)

// Describe names the series.
func (c shardCollector) Describe(ch chan<- *prometheus.Desc) { ch <- shardDesc }

// Collect gives the figures.
func (c shardCollector) Collect(ch chan<- prometheus.Metric) {
	for adapter, list := range c {
		for _, s := range list[:min(len(list), maxLabels)] {
			ch <- prometheus.MustNewConstMetric(shardDesc, prometheus.GaugeValue, 1, adapter, s)
		}
	}
}

// A ledgerCollector is what the ledger said for one scrape.
type ledgerCollector struct {
	status Status
	known  bool
	pushes map[string]int64
}

var (
	backlogDesc = prometheus.NewDesc("pullquote_backlog", "Deliveries that are not done, by state: due, waiting, abandoned.", []string{"state"}, nil)
	oldestDesc  = prometheus.NewDesc("pullquote_backlog_oldest_seconds", "Age of the oldest delivery that is not abandoned; 0 if there is none.", nil, nil)
	entriesDesc = prometheus.NewDesc("pullquote_source_entries", "Entries known of a source.", []string{"source"}, nil)
	readDesc    = prometheus.NewDesc("pullquote_source_last_success_timestamp_seconds", "When a source was last read; 0 = never.", []string{"source"}, nil)
	lagDesc     = prometheus.NewDesc("pullquote_source_lag_seconds", "How long the next reading is overdue.", []string{"source"}, nil)
	failsDesc   = prometheus.NewDesc("pullquote_source_failures", "Readings of a source that failed in a row.", []string{"source"}, nil)
	hubsDesc    = prometheus.NewDesc("pullquote_hub_subscriptions", "Subscriptions with WebSub hubs, by state.", []string{"state"}, nil)
	pushesDesc  = prometheus.NewDesc("pullquote_pushes_total", "What hubs sent, by what became of it.", []string{"outcome"}, nil)
	upDesc      = prometheus.NewDesc("pullquote_ledger_readable", "Whether the ledger could be asked for the figures above.", nil, nil)
)

// Describe names the series.
func (c ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backlogDesc, oldestDesc, entriesDesc, readDesc, lagDesc, failsDesc, hubsDesc, pushesDesc, upDesc} {
		ch <- d
	}
}

// Collect gives the figures.
func (c ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for outcome, n := range c.pushes {
		ch <- prometheus.MustNewConstMetric(pushesDesc, prometheus.CounterValue, float64(n), outcome)
	}
	if !c.known {
		gauge(upDesc, 0)
		return
	}
	st := c.status
	gauge(upDesc, 1)
	gauge(backlogDesc, float64(st.Backlog.Due), "due")
	gauge(backlogDesc, float64(st.Backlog.Waiting), "waiting")
	gauge(backlogDesc, float64(st.Backlog.Abandoned), "abandoned")
	gauge(oldestDesc, ageOf(st.Backlog.Oldest, st.Now).Seconds())
	for _, s := range st.Sources[:min(len(st.Sources), maxLabels)] {
		id := string(s.ID)
		gauge(entriesDesc, float64(s.Entries), id)
		gauge(readDesc, unixOf(s.LastRead), id)
		gauge(lagDesc, s.Lag, id)
		gauge(failsDesc, float64(s.Failures), id)
	}
	hubs := make(map[string]int)
	for _, h := range st.Hubs {
		hubs[h.State]++
	}
	for state, n := range hubs {
		gauge(hubsDesc, float64(n), state)
	}
}

func unixOf(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
