package admin

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

func TestMetrics(t *testing.T) {
	now := time.Now()
	l := &ledger{
		sources: []store.SourceStatus{{Source: news.Source{ID: "quay"}, Entries: 12, LastRead: time.Unix(1000, 0), Failures: 2}},
		backlog: store.Backlog{Due: 4, Waiting: 5, Abandoned: 6, Oldest: now.Add(-time.Minute)},
	}
	s := server(l, func(o *Options) {
		o.Pushes = func() map[string]int64 { return map[string]int64{"forged": 3} }
		o.Local.Hubs = func() []Hub { return []Hub{{State: "active"}, {State: "active"}} }
	})
	m := s.o.Metrics
	m.Polled("quay", "changed", 30*time.Millisecond)
	m.Polled("quay", "failed", 2*time.Minute)
	m.Refused(slack, chat.RateLimited)
	m.Delivered("quay", slack, now.Add(-7*time.Second), now.Add(-200*time.Millisecond), now, false)
	m.Delivered("quay", slack, now.Add(-time.Hour), now.Add(-time.Second), now, true)
	for i := range 2 * maxLabels {
		m.Delivered(news.SourceID(fmt.Sprint("s", i)), chat.Channel{Adapter: "discord", ID: fmt.Sprint(i)}, time.Time{}, now, now, false)
	}
	w := get(s, "/metrics", "localhost")
	page := w.Body.String()
	for _, want := range []string{
		`pullquote_polls_total{outcome="changed"} 1`,
		`pullquote_poll_seconds_bucket{outcome="failed",le="60"} 0`,
		`pullquote_refused_total{adapter="slack",reason="rate_limited"} 1`,
		`pullquote_deliveries_total{adapter="slack",kind="sent"} 1`,
		`pullquote_deliveries_total{adapter="slack",kind="edited"} 1`,
		`pullquote_source_card_seconds_bucket{since="published",source="quay",le="5"} 0`,
		`pullquote_source_card_seconds_bucket{since="published",source="quay",le="10"} 1`,
		`pullquote_channel_card_seconds_bucket{channel="slack:C0QUAY",since="seen",le="0.25"} 1`,
		`pullquote_channel_card_seconds_count{channel="slack:C0QUAY",since="seen"} 1`,
		fmt.Sprintf(`pullquote_source_card_seconds_count{since="seen",source="other"} %d`, maxLabels+1),
		`pullquote_backlog{state="due"} 4`, `pullquote_backlog{state="waiting"} 5`, `pullquote_backlog{state="abandoned"} 6`,
		`pullquote_source_entries{source="quay"} 12`, `pullquote_source_failures{source="quay"} 2`,
		`pullquote_source_last_success_timestamp_seconds{source="quay"} 1000`,
		`pullquote_hub_subscriptions{state="active"} 2`, `pullquote_pushes_total{outcome="forged"} 3`,
		`pullquote_ledger_readable 1`, `pullquote_build_info{version="1.2"} 1`, "go_goroutines ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(page, "pullquote_source_card_seconds_count"); n > 2*maxLabels {
		t.Errorf("%d series by source", n)
	}
	l.err = errors.New("closed")
	if page := get(s, "/metrics", "localhost").Body.String(); !strings.Contains(page, "pullquote_ledger_readable 0") || strings.Contains(page, "pullquote_backlog{") {
		t.Error("figures of a ledger that cannot be asked")
	}
}
