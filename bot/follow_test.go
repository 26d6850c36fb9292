package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// numbered are lines of a page: entries from the newest down to the oldest.
func numbered(newest, oldest int) (lines []string) {
	for n := newest; n >= oldest; n-- {
		lines = append(lines, fmt.Sprintf("e%d Entry %d", n, n))
	}
	return lines
}

func (w *world) status(id news.SourceID) store.SourceStatus {
	w.t.Helper()
	list, err := w.opts.Store.Sources(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range list {
		if s.Source.ID == id {
			return s
		}
	}
	w.t.Fatalf("no source %s", id)
	return store.SourceStatus{}
}

// TestGapIsClosed holds that entries which came and went between two readings
// are found on older pages.
func TestGapIsClosed(t *testing.T) {
	story(t, func(w *world) {
		w.opts.PerMinute, w.opts.CatchUp = -1, -1
		w.web.show("harbour", numbered(5, 1)...)
		w.mustRun(func() {
			page, older := pageOf(numbered(20, 16)...), pageOf(numbered(15, 11)...)
			page.Window, page.Older = true, "https://news.example/harbour?page=2"
			older.Window, older.Older = true, "https://news.example/harbour?page=3"
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
			w.web.set(news.SourceID(page.Older), func() (news.Snapshot, error) { return older, nil })
			w.web.show(news.SourceID(older.Older), numbered(10, 4)...)
			pass(15 * time.Second)
			want := []string{"LIVE Entry 5"}
			for n := 6; n <= 20; n++ {
				want = append(want, fmt.Sprintf("LIVE Entry %d", n))
			}
			w.want("a", want...)
			if g := w.status("harbour").Gap; g != (store.Gap{}) {
				t.Errorf("gap: %+v", g)
			}
			pass(time.Minute)
			if n := w.web.count(news.SourceID(page.Older)); n != 1 {
				t.Errorf("the second page was read %d times", n)
			}
		})
	})
}

// TestGapThatStays holds that what cannot be found is said, once.
func TestGapThatStays(t *testing.T) {
	story(t, func(w *world) {
		w.opts.PerMinute, w.opts.CatchUp = -1, -1
		w.web.show("harbour", numbered(5, 1)...)
		w.mustRun(func() {
			w.web.show("harbour", numbered(20, 16)...)
			pass(15 * time.Second)
			w.want("a", "LIVE Entry 5", "LIVE Entry 16", "LIVE Entry 17", "LIVE Entry 18", "LIVE Entry 19", "LIVE Entry 20")
			g := w.status("harbour").Gap
			if g.To.Sub(g.From) != 11*time.Minute || g.Seen.IsZero() {
				t.Errorf("gap: %+v", g)
			}
			pass(time.Minute)
			if n := w.logs.count("updates may be missing"); n != 1 {
				t.Errorf("said %d times", n)
			}
		})
	})
}

// TestNoGap holds what is none: a pinned entry on top of a page that reaches
// back, the newest entry withdrawn, a page that goes round in circles.
func TestNoGap(t *testing.T) {
	for name, lines := range map[string][]string{
		"reaches back":          numbered(8, 3),
		"the newest known only": numbered(8, 5),
		"the newest withdrawn":  {"e7 Entry 7", "e6 Entry 6", "e4 Entry 4", "e3 Entry 3"},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(w *world) {
				w.web.show("harbour", numbered(5, 1)...)
				w.mustRun(func() {
					w.web.show("harbour", lines...)
					pass(time.Minute)
					if g := w.status("harbour").Gap; g != (store.Gap{}) {
						t.Errorf("gap: %+v", g)
					}
				})
			})
		})
	}
}

// TestQuietPage holds that a page on which nothing happens is read less often,
// and at full speed once something does.
func TestQuietPage(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Sources[0].Slowest = time.Minute
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			reads := func(d time.Duration) int {
				before := w.web.count("harbour")
				pass(d)
				return w.web.count("harbour") - before
			}
			if n := reads(20 * time.Minute); n < 115 || n > 121 {
				t.Errorf("%d readings in the first 20 minutes", n)
			}
			pass(7 * time.Hour)
			if n := reads(time.Hour); n < 58 || n > 62 {
				t.Errorf("%d readings in a quiet hour", n)
			}
			w.web.show("harbour", numbered(4, 1)...)
			pass(time.Minute)
			if n := reads(10 * time.Minute); n < 58 || n > 61 {
				t.Errorf("%d readings in ten minutes after an entry", n)
			}
		})
	})
}

// TestEndedPage holds that an ended page gets its closing card, is read less
// and less, and is followed again when coverage resumes.
func TestEndedPage(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Subscriptions[0].Closing = true
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			pass(time.Minute)
			last := pageOf(numbered(4, 1)...)
			last.Ended, last.Successor = true, "https://news.example/harbour-2"
			w.web.set("harbour", func() (news.Snapshot, error) { return last, nil })
			pass(time.Minute)
			if seen := w.room.sees("a"); len(seen) != 3 || !strings.Contains(seen[2], "closing") {
				t.Errorf("a shows %q", seen)
			}
			if seen := w.room.sees("b"); len(seen) != 2 {
				t.Errorf("b shows %q", seen)
			}
			if s := w.status("harbour"); !s.Ended || s.Successor != last.Successor {
				t.Errorf("status: %+v", s)
			}
			before := w.web.count("harbour")
			pass(24 * time.Hour)
			if n := w.web.count("harbour") - before; n < 24 || n > 32 {
				t.Errorf("%d readings on the day after", n)
			}
			w.web.show("harbour", numbered(5, 1)...)
			pass(2 * time.Hour)
			if s := w.status("harbour"); s.Ended {
				t.Error("coverage has not resumed")
			}
		})
	})
}

// TestSkippedHours holds that a source is not read when it asks not to be,
// unless it asks for nonsense.
func TestSkippedHours(t *testing.T) {
	for _, all := range []bool{false, true} {
		story(t, func(w *world) {
			page := pageOf(numbered(3, 1)...)
			for d := range 7 {
				for h := range 24 {
					if all || h < 6 {
						page.Skip.Set(time.Weekday(d), h)
					}
				}
			}
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
			w.mustRun(func() { // synctest begins at midnight UTC
				pass(5 * time.Hour)
				night := w.web.count("harbour")
				pass(2 * time.Hour)
				if all != (night > 1000) || w.web.count("harbour") < night+300 {
					t.Errorf("all hours %v: %d readings by five, %d by seven", all, night, w.web.count("harbour"))
				}
			})
		})
	}
}

// TestPush holds that what a hub sends is told at once, and that the page's
// own state stays as it was.
func TestPush(t *testing.T) {
	story(t, func(w *world) {
		w.web.show("harbour", numbered(3, 1)...)
		var b *bot.Bot
		w.started = func(x *bot.Bot) { b = x }
		w.mustRun(func() {
			pass(12 * time.Second)
			reads := w.web.count("harbour")
			if err := b.Push(t.Context(), "harbour", "application/atom+xml", []byte("e9 Pushed")); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			w.want("a", "LIVE Entry 3", "LIVE Pushed")
			if n := w.web.count("harbour"); n != reads {
				t.Errorf("the page was read %d times", n-reads)
			}
			pass(time.Minute) // absent from the page, which does not reach it
			w.want("a", "LIVE Entry 3", "LIVE Pushed")
			if err := b.Push(t.Context(), "nobody", "", nil); err == nil {
				t.Error("a source that is not followed was pushed")
			}
		})
	})
}
