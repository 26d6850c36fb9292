package bot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
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

// TestGapThatIsHalfClosed holds that what was read of older pages is told when
// the next of them fails, that operators hear of the rest, and that a link to
// another story is not followed into it.
func TestGapThatIsHalfClosed(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		story(t, func(w *world) {
			w.opts.PerMinute, w.opts.CatchUp = -1, -1
			ops := w.withOperators()
			w.web.show("harbour", numbered(5, 1)...)
			w.mustRun(func() {
				page, older := pageOf(numbered(20, 18)...), pageOf(numbered(17, 16)...)
				page.Older, older.Older = "https://news.example/harbour?page=2", "https://news.example/harbour?page=3"
				w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
				w.web.set(news.SourceID(page.Older), func() (news.Snapshot, error) { return older, nil })
				if elsewhere {
					w.web.show(news.SourceID(older.Older), "x50 Another story", "x49 From elsewhere")
				}
				pass(15 * time.Second)
				w.want("a", "LIVE Entry 5", "LIVE Entry 16", "LIVE Entry 17", "LIVE Entry 18", "LIVE Entry 19", "LIVE Entry 20")
				if g := w.status("harbour").Gap; g.To.Sub(g.From) != 11*time.Minute {
					t.Errorf("gap: %+v", g)
				}
				pass(5 * time.Minute)
				if seen := ops.sees("desk"); len(seen) != 1 || !strings.Contains(seen[0], "may be missing") {
					t.Errorf("the operators see %q", seen)
				}
			})
		})
	}
}

// TestGapBehindAPinnedEntry holds that an entry pinned on top does not hide
// that a page no longer reaches back.
func TestGapBehindAPinnedEntry(t *testing.T) {
	story(t, func(w *world) {
		w.opts.PerMinute, w.opts.CatchUp = -1, -1
		w.web.show("harbour", numbered(5, 1)...)
		w.mustRun(func() {
			page := pageOf(append([]string{"e2 Entry 2"}, numbered(20, 16)...)...)
			page.Since, page.Older = page.Entries[5].Published, "https://news.example/harbour?page=2"
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
			w.web.show(news.SourceID(page.Older), numbered(15, 5)...)
			pass(2 * time.Minute)
			if n := len(w.room.sees("a")); n != 16 {
				t.Errorf("a sees %d cards", n)
			}
			for _, line := range w.room.sees("a") {
				if strings.HasPrefix(line, "WITHDRAWN") {
					t.Errorf("withdrawn: %s", line)
				}
			}
		})
	})
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

// TestEndedPageThatGoesOn holds that a page that still says it has ended is
// read at full speed for a while when it brings another entry all the same.
func TestEndedPageThatGoesOn(t *testing.T) {
	story(t, func(w *world) {
		ended := func(newest int) {
			page := pageOf(numbered(newest, 1)...)
			page.Ended = true
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
		}
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			ended(4)
			pass(time.Minute)
			if n := w.web.count("harbour"); n > 5 {
				t.Errorf("%d readings of an ended page in a minute", n)
			}
			ended(5)
			pass(20 * time.Minute)
			before := w.web.count("harbour")
			ended(6)
			pass(5 * time.Minute)
			if n := w.web.count("harbour") - before; n < 28 {
				t.Errorf("%d readings in five minutes after it went on", n)
			}
			pass(time.Hour)
			before = w.web.count("harbour")
			pass(time.Hour)
			if n := w.web.count("harbour") - before; n > 5 {
				t.Errorf("%d readings an hour later", n)
			}
			if n := w.logs.count("coverage has ended"); n != 1 {
				t.Errorf("its end was said %d times", n)
			}
		})
	})
}

// TestEndedBySilence holds that a headline that says so and two hours of
// silence end the coverage, though the page answers "not modified" all along.
func TestEndedBySilence(t *testing.T) {
	story(t, func(w *world) {
		w.opts.Subscriptions[0].Closing = true
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			page := pageOf(numbered(4, 1)...)
			page.Signs = []news.Sign{{Medium: true, What: `the headline says "as it happened"`}}
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
			pass(time.Minute)
			w.web.set("harbour", func() (news.Snapshot, error) { return news.Snapshot{Unchanged: true, Format: "test"}, nil })
			pass(time.Hour)
			if w.status("harbour").Ended {
				t.Error("ended within the hour")
			}
			pass(90 * time.Minute)
			if seen := w.room.sees("a"); !w.status("harbour").Ended || len(seen) != 3 || !strings.Contains(seen[2], "closing") {
				t.Errorf("a sees %q", seen)
			}
			if s := w.status("harbour"); s.Title != "Harbour live" || s.Format != "test" {
				t.Errorf("status: %+v", s)
			}
			pass(time.Hour)
			if n := w.logs.count("as it happened"); n != 1 {
				t.Errorf("the reason was said %d times", n)
			}
		})
	})
}

// TestGonePage holds that coverage is over when a source says twice that it is
// gone, not once, and that it is asked now and then all the same.
func TestGonePage(t *testing.T) {
	story(t, func(w *world) {
		gone := func() (news.Snapshot, error) {
			return news.Snapshot{}, &news.ReadError{Gone: true, Err: errors.New("read news.example: 410 Gone")}
		}
		w.opts.Subscriptions[0].Closing = true
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			n := 0
			w.web.set("harbour", func() (news.Snapshot, error) {
				if n++; n == 1 {
					return gone()
				}
				return pageOf(numbered(3, 1)...), nil
			})
			pass(time.Minute)
			if w.status("harbour").Ended {
				t.Error("ended by one answer")
			}
			w.web.set("harbour", gone)
			pass(time.Minute)
			if seen := w.room.sees("a"); !w.status("harbour").Ended || len(seen) != 2 || !strings.Contains(seen[1], "closing") {
				t.Errorf("a sees %q", seen)
			}
			before := w.web.count("harbour")
			pass(24 * time.Hour)
			if n := w.web.count("harbour") - before; n < 20 || n > 32 {
				t.Errorf("%d readings on the day after", n)
			}
			w.web.show("harbour", numbered(4, 1)...)
			pass(2 * time.Hour)
			if s := w.status("harbour"); s.Ended || s.Problem != "" {
				t.Errorf("coverage has not resumed: %+v", s)
			}
		})
	})
}

// TestSuccessor holds that operators hear once where coverage goes on.
func TestSuccessor(t *testing.T) {
	story(t, func(w *world) {
		ops := w.withOperators()
		page := pageOf(numbered(3, 1)...)
		page.Successor = "https://news.example/harbour-2"
		w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
		for run := range 2 {
			w.mustRun(func() { pass(time.Minute) })
			if n := w.logs.count("coverage goes on"); n != run+1 {
				t.Errorf("said %d times in %d runs", n, run+1)
			}
			if seen := ops.sees("desk"); len(seen) != 1 || !strings.Contains(seen[0], page.Successor) {
				t.Errorf("the operators see %q", seen)
			}
		}
	})
}

// TestUndatedHeadlineEdited holds that an entry whose id is a hash and whose
// source states no time is not posted again when its headline is edited.
func TestUndatedHeadlineEdited(t *testing.T) {
	story(t, func(w *world) {
		show := func(lines ...string) {
			page := pageOf(lines...)
			for i := range page.Entries {
				e := &page.Entries[i]
				e.Published, e.IDKind, e.URL = time.Time{}, news.IDText, ""
				e.Body = strings.Fields(e.Headline)[0] + " is what this one is about, and " + e.Body
			}
			w.web.set("harbour", func() (news.Snapshot, error) { return page, nil })
		}
		show("h1 Ferry waits")
		w.mustRun(func() {
			show("h2 Bridge shut", "h1 Ferry waits")
			pass(time.Minute)
			w.want("a", "LIVE Ferry waits", "LIVE Bridge shut")
			show("h3 Bridge reopens to lorries", "h1 Ferry waits")
			pass(time.Minute)
			w.want("a", "LIVE Ferry waits", "UPDATED Bridge reopens to lorries")
		})
	})
}

// steered is a web that keeps the cursors it was read with.
type steered struct {
	*web
	fail    bool
	cursors []news.Cursor
}

func (s *steered) Fetch(ctx context.Context, src news.Source, cur news.Cursor) (news.Snapshot, error) {
	s.mu.Lock()
	s.cursors = append(s.cursors, cur)
	fail := s.fail
	s.mu.Unlock()
	if fail {
		return news.Snapshot{}, &news.ReadError{Err: errors.New("read news.example: 500")}
	}
	snap, err := s.web.Fetch(ctx, src, cur)
	snap.Cursor.Via = "https://news.example/harbour.xml"
	return snap, err
}

// TestFeedThatFails holds that a feed read in place of its page is given up for
// the page after three failures.
func TestFeedThatFails(t *testing.T) {
	story(t, func(w *world) {
		site := &steered{web: w.web}
		w.opts.Fetcher = site
		w.web.show("harbour", numbered(3, 1)...)
		w.mustRun(func() {
			pass(time.Minute)
			site.mu.Lock()
			site.fail, site.cursors = true, nil
			site.mu.Unlock()
			pass(10 * time.Minute)
			for i, cur := range site.cursors {
				if (cur.Via == "") != (i >= 3) {
					t.Errorf("reading %d was via %q", i+1, cur.Via)
				}
			}
			if len(site.cursors) < 4 {
				t.Errorf("%d readings", len(site.cursors))
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
		meter := &counter{outcomes: map[string]int{}}
		w.opts.Observer = meter
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
			for range 3 { // two entries between these are absent
				if err := b.Push(t.Context(), "harbour", "", []byte("e9 Pushed\ne1 Entry 1")); err != nil {
					t.Error(err)
				}
			}
			pass(time.Second)
			w.want("a", "LIVE Entry 3", "LIVE Pushed")
			if n := meter.outcomes["pushed"]; n != 4 {
				t.Errorf("%d pushes were observed: %v", n, meter.outcomes)
			}
			if err := b.Push(t.Context(), "harbour", "panic", nil); err == nil {
				t.Error("a panic was taken for news")
			}
			if err := b.Push(t.Context(), "nobody", "", nil); err == nil {
				t.Error("a source that is not followed was pushed")
			}
		})
	})
}

// counter is an Observer that counts the outcomes of readings.
type counter struct {
	bot.Observer
	mu       sync.Mutex
	outcomes map[string]int
}

func (c *counter) Claimed(string, int, time.Duration) {}
func (c *counter) Shared(string, chat.Share)          {}

func (c *counter) Polled(_ news.SourceID, outcome string, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes[outcome]++
}

func (c *counter) Delivered(news.SourceID, chat.Channel, time.Time, time.Time, time.Time, bool) {}

func (c *counter) Refused(chat.Channel, chat.Reason) {}

// TestPushAtFirstSight holds that what is pushed before the source was ever
// read makes it be read, and nothing else.
func TestPushAtFirstSight(t *testing.T) {
	story(t, func(w *world) {
		var b *bot.Bot
		w.started = func(x *bot.Bot) { b = x }
		w.mustRun(func() { // the page fails
			pass(20 * time.Minute)
			before := w.web.count("harbour")
			if err := b.Push(t.Context(), "harbour", "", []byte("e9 Pushed")); err != nil {
				t.Error(err)
			}
			pass(2 * time.Second)
			if n := w.web.count("harbour") - before; n != 1 {
				t.Errorf("the page was read %d times", n)
			}
			w.want("a")
		})
	})
}
