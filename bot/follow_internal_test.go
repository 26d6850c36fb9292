package bot

import (
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// TestAfter holds when a source is read next, to within half an interval: the
// grid of the schedule is not of interest here.
func TestAfter(t *testing.T) {
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC) // a Monday
	hours := func(d time.Weekday, list ...int) (s news.Hours) {
		for _, h := range list {
			s.Set(d, h)
		}
		return s
	}
	var always news.Hours
	for d := range 7 {
		for h := range 24 {
			always.Set(time.Weekday(d), h)
		}
	}
	night := hours(time.Monday, 13, 14)
	tests := []struct {
		name     string
		schedule string
		slowest  time.Duration
		quiet    time.Duration
		rhythm   rhythm
		at       time.Time // of now; zero means noon
		want     time.Duration
	}{
		{name: "while entries come", schedule: "@every 30s", slowest: 2 * time.Minute, quiet: 29 * time.Minute, want: 30 * time.Second},
		{name: "quiet", schedule: "@every 30s", slowest: 10 * time.Minute, quiet: 31 * time.Minute, want: time.Minute},
		{name: "quieter", schedule: "@every 30s", slowest: 10 * time.Minute, quiet: 3 * time.Hour, want: 2 * time.Minute},
		{name: "silent", schedule: "@every 30s", slowest: 10 * time.Minute, quiet: 7 * time.Hour, want: 5 * time.Minute},
		{name: "silent, bounded", schedule: "@every 30s", slowest: 2 * time.Minute, quiet: 7 * time.Hour, want: 2 * time.Minute},
		{name: "never slower", schedule: "@every 30s", quiet: 7 * time.Hour, want: 30 * time.Second},
		{name: "slower by its schedule", schedule: "@every 5m", slowest: 2 * time.Minute, quiet: 7 * time.Hour, want: 5 * time.Minute},
		{name: "the clock went back", schedule: "@every 30s", slowest: 2 * time.Minute, quiet: -24 * time.Hour, want: 30 * time.Second},
		{name: "just ended, the last look", schedule: "@every 30s", rhythm: rhythm{ended: true, newly: true}, want: 30 * time.Second},
		{name: "ended", schedule: "@every 30s", quiet: 10 * time.Minute, rhythm: rhythm{ended: true}, want: 15 * time.Minute},
		{name: "ended today", schedule: "@every 30s", quiet: 5 * time.Hour, rhythm: rhythm{ended: true}, want: time.Hour},
		{name: "ended long ago", schedule: "@every 30s", quiet: 72 * time.Hour, rhythm: rhythm{ended: true}, want: 24 * time.Hour},
		{name: "ended, slow by its schedule", schedule: "@every 2h", quiet: 10 * time.Minute, rhythm: rhythm{ended: true}, want: 2 * time.Hour},
		{name: "max-age", schedule: "@every 30s", rhythm: rhythm{wait: time.Minute}, want: time.Minute},
		{name: "max-age of a day", schedule: "@every 30s", rhythm: rhythm{wait: 24 * time.Hour}, want: 5 * time.Minute},
		{name: "max-age of a quiet page", schedule: "@every 30s", slowest: 2 * time.Minute, quiet: 7 * time.Hour, rhythm: rhythm{wait: time.Minute}, want: 2 * time.Minute},
		{name: "hours to skip", schedule: "@every 30s", rhythm: rhythm{skip: night}, at: noon.Add(time.Hour), want: 2 * time.Hour},
		{name: "hours to skip are over", schedule: "@every 30s", rhythm: rhythm{skip: night}, at: noon.Add(3 * time.Hour), want: 30 * time.Second},
		{name: "half a week to skip", schedule: "@every 30s", rhythm: rhythm{skip: news.Hours{1<<64 - 1, 0xffff, 0}}, want: 12 * time.Hour},
		{name: "every hour to skip", schedule: "@every 30s", rhythm: rhythm{skip: always}, want: 30 * time.Second},
		{name: "an expression, quiet", schedule: "*/10 * * * *", slowest: time.Hour, quiet: 7 * time.Hour, at: noon.Add(time.Minute), want: 9 * time.Minute},
		{name: "an expression, hours to skip", schedule: "0 14 * * *", rhythm: rhythm{skip: night}, want: 2 * time.Hour},
		{name: "an expression, ended", schedule: "*/10 * * * *", quiet: 10 * time.Minute, rhythm: rhythm{ended: true}, want: 20 * time.Minute},
		{name: "an expression, ended, at its time", schedule: "0 8 * * *", quiet: 72 * time.Hour, rhythm: rhythm{ended: true}, want: 44 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := news.Source{ID: "harbour", Schedule: tt.schedule, Slowest: tt.slowest}
			s, err := parseSchedule(src)
			if err != nil {
				t.Fatal(err)
			}
			r := tt.rhythm
			if r.now = noon; !tt.at.IsZero() {
				r.now = tt.at
			}
			r.active = r.now.Add(-tt.quiet)
			got := s.after(src, r).Sub(r.now)
			slack := time.Minute
			if s.steady() {
				slack = s.interval(r.now) / 2
			}
			if got < tt.want-slack || got > tt.want+slack {
				t.Errorf("in %v, want %v ± %v", got, tt.want, slack)
			}
		})
	}
}

// TestOver holds by what signs coverage counts as over.
func TestOver(t *testing.T) {
	headline, badge, farewell := news.Sign{Medium: true}, news.Sign{Medium: true}, news.Sign{}
	tests := []struct {
		name    string
		asked   wish
		silence time.Duration
		want    bool
	}{
		{"nothing", wish{}, 0, false},
		{"silence alone", wish{}, 48 * time.Hour, false},
		{"the source says so", wish{ended: true}, 0, true},
		{"a farewell alone", wish{signs: []news.Sign{farewell}}, 12 * time.Hour, false},
		{"two farewells", wish{signs: []news.Sign{farewell, farewell}}, 12 * time.Hour, false},
		{"a headline alone", wish{signs: []news.Sign{headline}}, time.Hour, false},
		{"a headline and a farewell", wish{signs: []news.Sign{headline, farewell}}, 0, true},
		{"a headline and no badge", wish{signs: []news.Sign{headline, badge}}, 0, true},
		{"a headline and silence", wish{signs: []news.Sign{headline}}, 3 * time.Hour, true},
		{"a feed with a headline", wish{separate: true, signs: []news.Sign{headline, farewell}}, 3 * time.Hour, false},
		{"a feed that says so", wish{separate: true, ended: true}, 0, true},
	}
	for _, tt := range tests {
		if got := over(tt.asked, tt.silence); got != tt.want {
			t.Errorf("%s: over is %v", tt.name, got)
		}
	}
}

// TestReaches holds what a page must hold to go back to a time.
func TestReaches(t *testing.T) {
	known := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	page := func(since int, minutes ...int) *news.Snapshot {
		s := new(news.Snapshot)
		if since != 0 {
			s.Since = known.Add(time.Duration(since) * time.Minute)
		}
		for _, m := range minutes {
			s.Entries = append(s.Entries, news.Entry{Published: known.Add(time.Duration(m) * time.Minute)})
		}
		return s
	}
	tests := []struct {
		name string
		page *news.Snapshot
		want bool
	}{
		{"all newer", page(0, 9, 8, 7), false},
		{"one just then", page(0, 9, 8, 0), true},
		{"one older", page(0, 9, 8, -1), true},
		{"one pinned", page(7, -60, 9, 8, 7), false},
		{"two pinned", page(7, -60, -90, 9, 8, 7), false},
		{"pinned, and one older", page(-1, -60, 9, -1), true},
		{"what has changed only", page(9, 9, 3, -60), true},
		{"no times", &news.Snapshot{Entries: make([]news.Entry, 3)}, false},
		{"no entries", page(0), false},
	}
	for _, tt := range tests {
		if got := reaches(tt.page, known); got != tt.want {
			t.Errorf("%s: reaches is %v", tt.name, got)
		}
	}
}

// TestAddOlder holds what is taken for the page before another.
func TestAddOlder(t *testing.T) {
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	page := func(minutes ...int) news.Snapshot {
		var s news.Snapshot
		for _, m := range minutes {
			s.Entries = append(s.Entries, news.Entry{
				Ref: news.Ref{Entry: news.EntryID(noon.Add(time.Duration(m) * time.Minute).String())}, Published: noon.Add(time.Duration(m) * time.Minute),
			})
		}
		return s
	}
	first, second, pinned := page(9, 8, 7), page(7, 6, 5), page(-60, 4, 3)
	pinned.Since = noon.Add(3 * time.Minute)
	if !addOlder(&first, &second) || len(first.Entries) != 5 || !edge(&first).Equal(noon.Add(5*time.Minute)) {
		t.Errorf("after the second page: %d entries down to %v", len(first.Entries), edge(&first))
	}
	if !addOlder(&first, &pinned) || len(first.Entries) != 8 || !edge(&first).Equal(noon.Add(3*time.Minute)) {
		t.Errorf("after a page with a pinned entry: %d entries down to %v", len(first.Entries), edge(&first))
	}
	for name, p := range map[string]news.Snapshot{"the same again": page(6, 5), "another story": page(60, 2), "nothing": page()} {
		if addOlder(&first, &p) || len(first.Entries) != 8 {
			t.Errorf("%s was added", name)
		}
	}
}
