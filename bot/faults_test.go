package bot_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// TestFaultsLeaveNoTrace lets one request in a story fail, in every way and at
// several places, and some fail three times: afterwards the channel shows what it
// would have shown, once and in order.
func TestFaultsLeaveNoTrace(t *testing.T) {
	fail := func(r chat.Reason, wait time.Duration) func() error {
		return func() error { return &chat.SendError{Reason: r, RetryAfter: wait, Err: errors.New("a fault")} }
	}
	faults := []struct {
		name  string
		times int
		fail  func() error
	}{
		{"transient", 1, fail(chat.Transient, 0)},
		{"transient three times", 3, fail(chat.Transient, 0)},
		{"transient, told when", 1, fail(chat.Transient, 40*time.Second)},
		{"unknown, not accepted", 1, fail(chat.Unknown, 0)},
		{"unknown, accepted", 1, func() error { return accepted{fail(chat.Unknown, 0)()} }},
		{"unknown, accepted, then unknown twice", 3, func() error { return accepted{fail(chat.Unknown, 0)()} }},
		{"limited", 1, fail(chat.RateLimited, 3*time.Second)},
		{"limited, no time", 2, fail(chat.RateLimited, 0)},
		{"limited, absurd time", 1, fail(chat.RateLimited, 1<<62)},
		{"limited, negative time", 1, fail(chat.RateLimited, -time.Hour)},
		{"all limited", 1, func() error {
			return &chat.SendError{Reason: chat.RateLimited, RetryAfter: 5 * time.Second, Global: true, Err: errors.New("429")}
		}},
		{"token refused", 1, fail(chat.Unauthorized, 0)},
		{"no error of ours", 1, func() error { return errors.New("odd") }},
		{"panic", 1, func() error { panic("an odd answer") }},
	}
	for _, f := range faults {
		for _, at := range []int{0, 1, 3, 5} {
			t.Run(fmt.Sprintf("%s/%d", f.name, at), func(t *testing.T) {
				t.Parallel()
				story(t, func(w *world) {
					calls := 0
					w.room.failWith(func(string, chat.Channel) error {
						calls++
						if calls > at && calls <= at+f.times {
							return f.fail()
						}
						return nil
					})
					eventful(w, at > 2)
				})
			})
		}
	}
}

// eventful tells a story of six requests or more and checks how it ends. sent
// says that its first three entries are sent before anything fails: one that is
// withdrawn before that is never shown.
func eventful(w *world, sent bool) {
	w.only(store.Subscription{})
	w.opts.Sources[0].Schedule = "@every 5s"
	n := w.newsroom("harbour")
	n.add("e1", "Bridge shut", "Nobody crosses.")
	n.add("e2", "Ferry waits", said("Forty lorries are waiting"))
	n.add("e3", "Quay shut", "By noon.")
	n.show()
	w.mustRun(func() {
		pass(10 * time.Second)
		n.change("e2", func(e *news.Entry) { e.Body = said("Fourteen lorries are waiting") })
		pass(10 * time.Second)
		n.change("e3", nil)
		pass(10 * time.Second)
		n.write("e4", "Storm over", "The sea is calm.")
		pass(20 * time.Minute)
		want := []string{"LIVE Bridge shut", "CORRECTED Ferry waits", "WITHDRAWN Quay shut", "LIVE Storm over"}
		if !sent && len(w.room.sees("a")) == 3 {
			want = slices.Delete(want, 2, 3)
		}
		w.want("a", want...)
		if left, err := w.opts.Store.Backlog(w.t.Context()); err != nil || left != (store.Backlog{}) {
			w.t.Errorf("backlog %+v, %v", left, err)
		}
	})
}
