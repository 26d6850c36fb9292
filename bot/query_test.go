package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

var now = time.Date(2031, 3, 4, 15, 30, 0, 0, time.UTC)

func TestActionKeepsTheQuery(t *testing.T) {
	for _, cmd := range []chat.Command{
		{Name: "latest", Text: "harbour-bridge 7"},
		{Name: "quotes", Text: "“we’ll cross” ünïcode"},
		{Name: "summary", Text: "harbour-bridge 6h"},
	} {
		q, err := parseQuery(cmd, now)
		if err != nil {
			t.Fatal(err)
		}
		q.offset = 20
		got, err := parseAction(q.action())
		if err != nil {
			t.Fatalf("%s %s: %v", cmd.Name, cmd.Text, err)
		}
		if d := cmp.Diff(q, got, cmp.AllowUnexported(query{})); d != "" {
			t.Errorf("%s %s (-asked +pressed):\n%s", cmd.Name, cmd.Text, d)
		}
	}
}

func TestActionTooLongIsNone(t *testing.T) {
	q, err := parseQuery(chat.Command{Name: "quotes", Text: strings.Repeat("ж", 80)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if a := q.action(); a != "" {
		t.Errorf("action of %d bytes", len(a))
	}
}

func TestParsePeriod(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
	}{
		{"30m", 30 * time.Minute}, {"6H", 6 * time.Hour}, {"2d", 48 * time.Hour}, {"1w", 7 * 24 * time.Hour},
		{"999d", maxPeriod}, {"today", 15*time.Hour + 30*time.Minute},
		{"", 0}, {"m", 0}, {"0h", 0}, {"-3h", 0}, {"3y", 0}, {"99999999999999999999h", 0},
	}
	for _, tt := range tests {
		got, ok := parsePeriod(tt.in, now)
		if ok != (tt.want > 0) || ok && got != tt.want {
			t.Errorf("%q: %v %v, want %v", tt.in, got, ok, tt.want)
		}
	}
}

func TestScheduleSpreadsAndKeepsTheInterval(t *testing.T) {
	slots := map[time.Duration]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		s, err := parseSchedule(news.Source{ID: news.SourceID(id), Schedule: "@every 30s"})
		if err != nil {
			t.Fatal(err)
		}
		at := s.next(now)
		if d := at.Sub(now); d < 15*time.Second || d >= 45*time.Second {
			t.Errorf("%s: first pause %v", id, d)
		}
		if d := s.next(at).Sub(at); d != 30*time.Second {
			t.Errorf("%s: then %v", id, d)
		}
		slots[at.Sub(now)] = true
	}
	if len(slots) < 6 {
		t.Errorf("eight sources share %d moments", len(slots))
	}
}

func TestCronScheduleWithZone(t *testing.T) {
	s, err := parseSchedule(news.Source{ID: "a", Schedule: "CRON_TZ=Europe/Paris 0 8 * * *"})
	if err != nil {
		t.Fatal(err)
	}
	// The clocks go forward on 30 March 2031.
	for day, hour := range map[int]int{29: 7, 30: 6} {
		from := time.Date(2031, 3, day, 0, 0, 0, 0, time.UTC)
		at := s.next(from)
		want := time.Date(2031, 3, day, hour, 0, 0, 0, time.UTC)
		if d := at.Sub(want); d < 0 || d >= maxCronSpread {
			t.Errorf("day %d: %v, want %v", day, at.UTC(), want)
		}
		if again := s.next(at); again.Sub(at) < 20*time.Hour {
			t.Errorf("day %d: due twice, at %v and %v", day, at, again)
		}
	}
	if _, err := parseSchedule(news.Source{Schedule: "every now and then"}); err == nil {
		t.Error("nonsense was accepted")
	}
}

func TestRetryDelayGrowsAndIsBounded(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 40: 5 * time.Minute} {
		if d := retryDelay(n, minRetry, maxRetryOf); d < want*3/4 || d > want*5/4 {
			t.Errorf("after %d failures: %v, want about %v", n, d, want)
		}
	}
}

func TestLead(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Short.", "Short."},
		{"One two three four. Five six seven eight nine ten.", "One two three four. …"},
		{"A paragraph of words\n\nand another one that is cut", "A paragraph of words …"},
		{"Wordswithoutanyblankbetweenthematall", "Wordswithoutanyblankbetweenth…"},
		{"one two three four five six seven eight", "one two three four five six …"},
	}
	for _, tt := range tests {
		if got := lead(tt.in, 29); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestLongerIsLonger(t *testing.T) {
	for _, d := range []time.Duration{time.Minute, defaultPeriod, 7 * 24 * time.Hour, maxPeriod - time.Hour} {
		if got, ok := parsePeriod(longer(d), now); !ok || got <= d {
			t.Errorf("%v: try %q", d, longer(d))
		}
	}
	if got := longer(maxPeriod); got != "" {
		t.Errorf("nothing is longer than %v, try %q", maxPeriod, got)
	}
}
