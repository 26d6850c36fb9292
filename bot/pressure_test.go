package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var noon = time.Date(2031, 3, 4, 12, 0, 0, 0, time.UTC)

// waiting reads "k q b -15 harbour": a key event, with a quote, of a breaking
// source, published 15 minutes before noon, of that source.
func waiting(lines ...string) []store.Waiting {
	var list []store.Waiting
	for i, line := range lines {
		w := store.Waiting{ID: store.DeliveryID(i + 1), When: noon, Enqueued: noon}
		for f := range strings.FieldsSeq(line) {
			switch {
			case f == "k":
				w.Key = true
			case f == "q":
				w.Quoted = true
			case f == "b":
				w.Breaking = true
			case f[0] == '-':
				var m int
				fmt.Sscan(f, &m)
				w.When = noon.Add(time.Duration(m) * time.Minute)
			case f[0] == '@':
				var m int
				fmt.Sscan(f[1:], &m)
				w.Enqueued = noon.Add(time.Duration(m) * time.Minute)
			default:
				w.Entry = news.Ref{Source: news.SourceID(f), Entry: "e"}
			}
		}
		list = append(list, w)
	}
	return list
}

func times(n int, line string) []string {
	var lines []string
	for range n {
		lines = append(lines, line)
	}
	return lines
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func TestPressure(t *testing.T) {
	tests := []struct {
		name    string
		load    load
		waiting []string
		want    []string // "source earlier ids"
	}{
		{"room for all", load{}, times(10, "a"), nil},
		{"the first keep their cards", load{}, times(12, "a"), []string{" false [11 12]"}},
		{"key events and quotes keep theirs", load{}, join(times(8, "a"), []string{"k a", "q a"}, times(3, "a")), []string{" false [11 12 13]"}},
		{"nothing but quotes", load{}, times(30, "q a"), nil},
		{"posted a moment ago", load{posted: 9}, times(3, "a"), []string{" false [2 3]"}},
		{"no room at all", load{posted: 40}, []string{"a"}, []string{" false [1]"}},
		{"breaking ones keep theirs", load{posted: 10}, join(times(20, "b a"), []string{"a"}), []string{" false [21]"}},
		{"too many breaking ones", load{posted: 25, breaking: 25}, times(7, "b a"), []string{" false [6 7]"}},
		{"late ones", load{}, join([]string{"-50 a", "-40 a", "q -30 a", "k -20 a"}, times(9, "-11 a")), []string{" true [1 2 3]"}},
		{"promised long ago", load{}, times(12, "@-60 a"), []string{" true [11 12]"}},
		{"late ones of a moment ago", load{late: 9}, times(3, "-30 a"), []string{" true [2 3]"}},
		{"late and fresh", load{}, join(times(11, "-30 a"), times(2, "a")), []string{" true [11]", " false [12 13]"}},
		{"a thread of its own", load{posted: 10}, []string{"a", "threaded", "a", "threaded"}, []string{" false [1 3]", "threaded false [2 4]"}},
		{"more than is looked at", load{}, times(maxWaiting, "-30 a"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.load.now = noon
			tt.load.threaded = func(id news.SourceID) bool { return id == "threaded" }
			groups := newPressure(0, 0).fold(tt.load, waiting(tt.waiting...))
			if len(tt.waiting) == maxWaiting {
				if len(groups) != 1 || len(groups[0].ids) != maxWaiting {
					t.Fatalf("%d groups; all should be folded while there are newer ones behind them", len(groups))
				}
				return
			}
			var got []string
			for _, g := range groups {
				got = append(got, fmt.Sprintf("%s %v %v", g.fold.Source, g.fold.Earlier, g.ids))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("folded (-want +got):\n%s", d)
			}
		})
	}
}

func TestPressureWithoutLimits(t *testing.T) {
	p := newPressure(-1, -1)
	if g := p.fold(load{now: noon, posted: 500, late: 500}, waiting(join(times(100, "a"), times(100, "-60 a"))...)); g != nil {
		t.Errorf("%d groups folded without a limit", len(g))
	}
	if n := p.room(load{posted: 500}); n < 1<<20 {
		t.Errorf("room for %d", n)
	}
}

func TestTally(t *testing.T) {
	a := chat.Channel{Adapter: "test", ID: "a"}
	tl := newTally()
	post := func(after time.Duration, breaking bool, age time.Duration) {
		at := noon.Add(after)
		tl.add(a, at, store.Work{
			Delivery: store.Delivery{Breaking: breaking, Enqueued: at},
			Entry:    news.Entry{Published: at.Add(-age)},
		})
	}
	post(0, true, time.Hour)
	post(30*time.Second, false, 0)
	post(80*time.Second, true, 0)
	tests := []struct {
		after time.Duration
		want  load
	}{
		{80 * time.Second, load{posted: 2, breaking: 1, late: 1}},
		{100 * time.Second, load{posted: 1, breaking: 1, late: 1}},
		{11 * time.Minute, load{}},
	}
	for _, tt := range tests {
		got := tl.load(a, noon.Add(tt.after))
		if got.posted != tt.want.posted || got.breaking != tt.want.breaking || got.late != tt.want.late {
			t.Errorf("after %v: %+v, want %+v", tt.after, got, tt.want)
		}
	}
	for i := range 5000 {
		tl.add(chat.Channel{Adapter: "test", ID: fmt.Sprint(i)}, noon.Add(time.Duration(i)*time.Second), store.Work{})
	}
	if n := len(tl.channels); n > 3000 {
		t.Errorf("%d channels are remembered; most have been at rest for long", n)
	}
	for range 3 * maxPostings {
		post(0, false, 0)
	}
	if n := len(tl.channels[a]); n > maxPostings {
		t.Errorf("%d postings of one channel are remembered", n)
	}
}
