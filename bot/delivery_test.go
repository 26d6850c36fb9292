package bot_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A newsroom writes a page, entry by entry.
type newsroom struct {
	w       *world
	id      news.SourceID
	entries []news.Entry // newest first
	ended   bool
}

func (w *world) newsroom(id news.SourceID) *newsroom { return &newsroom{w: w, id: id} }

// write adds an entry, published now, and shows the page.
func (n *newsroom) write(id, headline, body string) {
	n.add(id, headline, body)
	n.show()
}

func (n *newsroom) add(id, headline, body string) {
	n.entries = slices.Insert(n.entries, 0, news.Entry{
		Ref: news.Ref{Entry: news.EntryID(id)}, IDKind: news.IDExplicit, Headline: headline, Body: body,
		// Two of one moment would have no order.
		Published: time.Now().Add(time.Duration(len(n.entries)) * time.Millisecond).UTC(),
	})
}

// change edits an entry, nil takes it off the page, and shows the page.
func (n *newsroom) change(id string, f func(*news.Entry)) {
	i := slices.IndexFunc(n.entries, func(e news.Entry) bool { return e.Entry == news.EntryID(id) })
	n.entries = slices.Clone(n.entries)
	if f == nil {
		n.entries[i].Withdrawn = true
	} else {
		f(&n.entries[i])
	}
	n.show()
}

func (n *newsroom) show() {
	snap := news.Snapshot{Title: "Harbour live", Format: "test", Entries: slices.Clone(n.entries), Ended: n.ended}
	n.w.web.set(n.id, func() (news.Snapshot, error) { return snap, nil })
}

func said(words string) string {
	return "“" + words + ",” said Una Marsh, the harbour master."
}

// only keeps one subscription of the harbour, in channel a.
func (w *world) only(sub store.Subscription) {
	sub.Source, sub.Channel = "harbour", chat.Channel{Adapter: "test", ID: "a"}
	w.opts.Subscriptions = []store.Subscription{sub}
	w.opts.Sources[0].Newest = 50
	w.opts.Sources[0].Schedule = "@every 1s"
}

func (w *world) card(channel string, i int) chat.Card {
	w.t.Helper()
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	for _, m := range w.room.messages {
		if m.channel.ID == channel && !m.deleted {
			if i == 0 {
				return m.card
			}
			i--
		}
	}
	w.t.Fatalf("channel %s has no such message", channel)
	return chat.Card{}
}

func TestEditsOfACardAreCoalesced(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() {
			headline := func(h string) func(*news.Entry) { return func(e *news.Entry) { e.Headline = h } }
			n.change("e1", headline("Bridge shut until noon"))
			pass(3 * time.Second)
			w.want("a", "UPDATED Bridge shut until noon") // the first edit at once
			n.change("e1", headline("Bridge shut until one"))
			pass(10 * time.Second)
			n.change("e1", headline("Bridge shut until two"))
			n.write("e2", "Ferry waits", "At the quay.")
			pass(5 * time.Second)
			w.want("a", "UPDATED Bridge shut until noon", "LIVE Ferry waits") // the lane goes on
			pass(20 * time.Second)
			w.want("a", "UPDATED Bridge shut until two", "LIVE Ferry waits")
			if n := w.room.messages[0].edits; n != 2 {
				w.t.Errorf("%d edits; three changes within a window are two", n)
			}
		})
	})
}

func TestCosmeticEditIsSilent(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "They recieve help.")
		w.mustRun(func() {
			n.change("e1", func(e *news.Entry) { e.Body = "They receive help." })
			pass(12 * time.Second)
			w.want("a", "LIVE Bridge shut")
			if c := w.card("a", 0); c.Text != "They receive help." || !c.Changed.IsZero() {
				w.t.Errorf("card: %+v", c)
			}
		})
	})
}

func TestThread(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Style: store.Thread})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() {
			pass(time.Second)
			n.add("e2", "Ferry waits", said("Forty lorries are waiting"))
			n.entries[0].Key = true
			n.show()
			pass(time.Minute)
			w.want("a", "head Harbour live (2)", "> LIVE Bridge shut", "> !LIVE Ferry waits")

			n.change("e1", func(e *news.Entry) { e.Body = "Nobody crosses!" })
			pass(time.Minute)
			w.want("a", "head Harbour live (2)", "> LIVE Bridge shut", "> !LIVE Ferry waits")

			n.change("e1", func(e *news.Entry) { e.Headline = "Bridge shut until noon" })
			pass(time.Minute)
			n.change("e2", func(e *news.Entry) { e.Body = said("Fourteen lorries are waiting") })
			pass(time.Minute)
			w.want("a", "head Harbour live (2)", "> UPDATED Bridge shut until noon", "> !CORRECTED Ferry waits",
				"> note UPDATED Bridge shut until noon", "> !note CORRECTED Ferry waits")
			note := w.card("a", 4)
			if len(note.Was) != 1 || len(note.Quotes) != 1 || !strings.HasPrefix(note.Was[0].Text, "Forty") || !strings.HasPrefix(note.Quotes[0].Text, "Fourteen") {
				w.t.Errorf("the note does not say what was corrected: %+v", note)
			}

			n.change("e1", nil)
			pass(time.Minute)
			w.want("a", "head Harbour live (1)", "> WITHDRAWN Bridge shut until noon", "> !CORRECTED Ferry waits",
				"> note UPDATED Bridge shut until noon", "> !note CORRECTED Ferry waits", "> note WITHDRAWN Bridge shut until noon")
			if r := w.room.messages[5].post.Reply; r != "1" {
				w.t.Errorf("the note answers message %q", r)
			}
		})
	})
}

func TestThreadThatIsGone(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Style: store.Thread})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() {
			w.room.mu.Lock()
			w.room.messages[0].deleted = true
			w.room.mu.Unlock()
			n.write("e2", "Ferry waits", "At the quay.")
			pass(time.Minute)
			before := len(w.room.calls())
			n.write("e3", "Quay shut", "By noon.")
			n.change("e2", func(e *news.Entry) { e.Headline = "Ferry sails" })
			pass(time.Minute)
			w.want("a", "> LIVE Bridge shut")
			if calls := w.room.calls()[before:]; len(calls) > 0 {
				w.t.Errorf("asked of a thread that is known to be gone: %v", calls)
			}
			if left, err := w.opts.Store.Backlog(w.t.Context()); err != nil || left.Due+left.Waiting > 0 {
				w.t.Errorf("backlog %+v, %v", left, err)
			}
		})
	})
}

func TestForum(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Style: store.Forum, Tags: []string{"harbour"}})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() {
			pass(time.Second)
			w.want("a", "head Harbour live (1)", "> LIVE Bridge shut")
			if p := w.room.messages[0].post; !p.Forum || !slices.Equal(p.Tags, []string{"harbour"}) {
				w.t.Errorf("post: %+v", p)
			}
		})
	})
}

func TestFrozenCardIsAnswered(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.room.failWith(func(op string, _ chat.Channel) error {
			if op == "edit" {
				return &chat.SendError{Reason: chat.Frozen, Err: errors.New("edit window is over")}
			}
			return nil
		})
		w.mustRun(func() {
			for _, h := range []string{"Bridge shut!", "Bridge shut until noon", "Bridge shut until noon.", "Bridge shut until one"} {
				n.change("e1", func(e *news.Entry) { e.Headline = h })
				pass(time.Minute)
			}
			w.want("a", "LIVE Bridge shut", "note UPDATED Bridge shut until noon", "note UPDATED Bridge shut until one")
			if p := w.room.messages[2].post; p.Reply != "0" {
				w.t.Errorf("the note answers %q", p.Reply)
			}
			if e := w.card("a", 2).Edits; len(e) != 1 || e[0].Old != "Bridge shut until noon." || e[0].New != "Bridge shut until one" {
				w.t.Errorf("edits: %+v", e)
			}
			edits := 0
			for _, c := range w.room.calls() {
				if strings.HasPrefix(c, "edit") {
					edits++
				}
			}
			if edits != 1 {
				w.t.Errorf("%d edits of a card that is known to be frozen", edits)
			}
		})
	})
}

func TestWithdrawnCardIsDeleted(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Delete: true})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() {
			n.change("e1", nil)
			pass(time.Minute)
			w.want("a")
			n.change("e1", func(e *news.Entry) { e.Withdrawn = false })
			pass(time.Minute)
			w.want("a", "UPDATED Bridge shut") // it is shown again where it is not to be seen
		})
	})
}

func TestWithdrawnCardThatCannotBeDeleted(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Delete: true})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.room.failWith(func(op string, _ chat.Channel) error {
			if op == "delete" {
				return &chat.SendError{Reason: chat.Rejected, Err: errors.New("cant_delete_message")}
			}
			return nil
		})
		w.mustRun(func() {
			n.change("e1", nil)
			pass(time.Minute)
			w.want("a", "WITHDRAWN Bridge shut")
		})
	})
}

// burst shows n plain entries, and a last one with a quote.
func (n *newsroom) burst(from, count int) {
	for i := range count {
		n.add(fmt.Sprintf("e%d", from+i), fmt.Sprintf("Update %d", from+i), fmt.Sprintf("The tide stands at %d.", from+i))
	}
	n.show()
}

func TestBurstIsFolded(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.burst(1, 30)
		n.add("q", "Master speaks", said("We wait for the wind to drop"))
		n.show()
		w.mustRun(func() {
			pass(time.Second)
			var want []string
			for i := range 9 {
				want = append(want, fmt.Sprintf("LIVE Update %d", i+1))
			}
			want = append(want, "LIVE Master speaks", "rollup 21 more updates")
			w.want("a", want...)
			n.burst(40, 5)
			pass(time.Minute) // the next reading comes while there is no room, the edit at once
			want[10] = "rollup 26 more updates"
			w.want("a", want...)
			n.burst(50, 2) // a minute later there is room again
			pass(time.Minute)
			w.want("a", append(want, "LIVE Update 50", "LIVE Update 51")...)
		})
	})
}

func TestBurstInAThread(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{Style: store.Thread})
		n := w.newsroom("harbour")
		n.burst(1, 14)
		w.mustRun(func() {
			pass(time.Minute)
			seen := w.room.sees("a")
			if len(seen) != 12 || seen[11] != "> rollup 4 more updates" {
				w.t.Errorf("%d messages: %q", len(seen), seen)
			}
		})
	})
}

func TestCatchUpAfterAPause(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.write("e0", "Bridge shut", "Nobody crosses.")
		w.mustRun(func() { pass(time.Minute) })
		for i := range 47 {
			n.add(fmt.Sprintf("late%d", i), fmt.Sprintf("Update %d", i), said(fmt.Sprintf("The tide stands at %d centimetres", i)))
			time.Sleep(time.Minute) // fake
		}
		time.Sleep(15 * time.Minute)
		n.show()
		w.mustRun(func() {
			pass(time.Minute)
			want := []string{"LIVE Bridge shut"}
			for i := range 10 {
				want = append(want, fmt.Sprintf("LIVE Update %d", 37+i))
			}
			w.want("a", append(want, "rollup 37 earlier updates")...)
			if c := w.card("a", 11); c.Note != "/latest shows them all" {
				w.t.Errorf("note %q", c.Note)
			}
		})
	})
}

func TestBreakingSourceIsNotFolded(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		w.opts.Sources[0].Breaking = true
		n := w.newsroom("harbour")
		n.burst(1, 25)
		w.mustRun(func() {
			pass(time.Minute)
			if seen := w.room.sees("a"); len(seen) != 25 || strings.HasPrefix(seen[24], "rollup") {
				w.t.Errorf("%d messages: %q", len(seen), seen)
			}
		})
	})
}

// withOperators names a channel for notices on the test adapter, and one on
// another.
func (w *world) withOperators() *platform {
	ops := &platform{name: "ops"}
	w.opts.Adapters = append(w.opts.Adapters, ops)
	w.opts.Operators = []chat.Channel{{Adapter: "test", ID: "desk"}, {Adapter: "ops", ID: "desk"}}
	return ops
}

func TestOperatorsHearOfAChannelThatRefuses(t *testing.T) {
	story(t, func(w *world) {
		ops := w.withOperators()
		w.web.show("harbour", "e1 First")
		refused := &chat.SendError{Reason: chat.Gone, Err: errors.New("not_in_channel"), Remedy: "Invite the bot."}
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if ch.ID == "a" {
				return refused
			}
			return nil
		})
		w.mustRun(func() { pass(10 * time.Minute) })
		want := []string{"notice test:a refuses messages: not_in_channel. Invite the bot. Nothing is lost; what waits is sent when the channel takes it."}
		w.want("desk", want...)
		w.mustRun(func() { // a restart says nothing new
			pass(10 * time.Minute)
			w.want("desk", want...)
			w.room.failWith(nil)
			pass(time.Hour)
			want = append(want, "notice test:a takes messages again.")
			w.want("desk", want...)
			w.want("a", "LIVE First")
		})
		if d := cmp.Diff(want, ops.sees("desk")); d != "" {
			w.t.Errorf("the other operators (-want +got):\n%s", d)
		}
	})
}

func TestOperatorsHearOfARefusedToken(t *testing.T) {
	story(t, func(w *world) {
		ops := w.withOperators()
		w.web.show("harbour", "e1 First")
		refused := &chat.SendError{Reason: chat.Unauthorized, Err: errors.New("invalid_auth"), Remedy: "Renew the token."}
		w.room.checkErr = refused
		w.room.failWith(func(string, chat.Channel) error { return refused })
		w.mustRun(func() {
			pass(30 * time.Minute)
			want := []string{"notice test is paused, its token is not accepted: invalid_auth. Renew the token. Nothing is lost; it resumes by itself."}
			if d := cmp.Diff(want, ops.sees("desk")); d != "" {
				w.t.Errorf("operators (-want +got):\n%s", d)
			}
			w.room.failWith(nil)
			w.room.mu.Lock()
			w.room.checkErr = nil
			w.room.mu.Unlock()
			pass(time.Hour)
			if d := cmp.Diff(append(want, "notice test works again."), ops.sees("desk")); d != "" {
				w.t.Errorf("operators (-want +got):\n%s", d)
			}
			w.want("desk", "notice test works again.")
			w.want("a", "LIVE First")
		})
	})
}

func TestOperatorsHearOfWhatIsGivenUp(t *testing.T) {
	story(t, func(w *world) {
		ops := w.withOperators()
		w.only(store.Subscription{})
		w.opts.PerMinute = -1
		n := w.newsroom("harbour")
		n.burst(1, 13)
		w.room.failWith(func(op string, ch chat.Channel) error {
			if ch.ID == "a" {
				return &chat.SendError{Reason: chat.Rejected, Err: errors.New("invalid_blocks")}
			}
			return nil
		})
		w.mustRun(func() {
			pass(2 * time.Minute)
			seen := ops.sees("desk")
			if len(seen) != 11 || seen[10] != "notice And 3 more of the kind; the log has them all." {
				w.t.Errorf("%d notices: %q", len(seen), seen)
			}
			if want := "notice A message for test:a was given up (harbour/e1): rejected: invalid_blocks. “pullquote outbox” lists it."; seen[0] != want {
				w.t.Errorf("the first is %q, want %q", seen[0], want)
			}
		})
	})
}

// paceOf is a platform's own limit: one request in so long for each channel.
func paceOf(every time.Duration) func(chat.Channel) time.Duration {
	next := make(map[chat.Channel]time.Time)
	return func(ch chat.Channel) time.Duration {
		now := time.Now()
		if wait := next[ch].Sub(now); wait > 0 {
			return wait
		}
		next[ch] = now.Add(every)
		return 0
	}
}

func TestPaceIsKept(t *testing.T) {
	for _, every := range []time.Duration{10 * time.Millisecond, time.Second, 20 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			story(t, func(w *world) {
				w.room.pace = paceOf(every)
				w.opts.Sources[0].Newest = 6
				w.web.show("harbour", "e6 F", "e5 E", "e4 D", "e3 C", "e2 B", "e1 A")
				w.mustRun(func() {
					pass(5*every + time.Second)
					w.want("a", "LIVE A", "LIVE B", "LIVE C", "LIVE D", "LIVE E", "LIVE F")
					w.want("b", "LIVE A", "LIVE B", "LIVE C", "LIVE D", "LIVE E", "LIVE F")
				})
				last := make(map[chat.Channel]time.Time)
				for _, m := range w.room.messages {
					if d := m.at.Sub(last[m.channel]); d < every {
						t.Errorf("%s had two messages within %v", m.channel, d)
					}
					last[m.channel] = m.at
				}
			})
		})
	}
}

// watcher keeps what an Observer is told of delivery.
type watcher struct {
	mu    sync.Mutex
	lines []string
}

func (o *watcher) Polled(news.SourceID, string, time.Duration) {}

func (o *watcher) Delivered(src news.SourceID, ch chat.Channel, _, seen, sent time.Time, edit bool) {
	o.say(fmt.Sprintf("%s %s after %v edit=%v", src, ch, sent.Sub(seen), edit))
}

func (o *watcher) Claimed(string, int, time.Duration) {}
func (o *watcher) Shared(string, chat.Share)          {}

func (o *watcher) Refused(ch chat.Channel, r chat.Reason) { o.say(fmt.Sprintf("%s %s", ch, r)) }

func (o *watcher) Latency(news.SourceID) (a, b [3]time.Duration, n int) { return a, b, 0 }

func (o *watcher) say(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

func TestObserverIsTold(t *testing.T) {
	story(t, func(w *world) {
		w.only(store.Subscription{})
		o := &watcher{}
		w.opts.Observer = o
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		limited := true
		w.room.failWith(func(string, chat.Channel) error {
			if limited {
				limited = false
				return &chat.SendError{Reason: chat.RateLimited, RetryAfter: 3 * time.Second, Err: errors.New("429")}
			}
			return nil
		})
		w.mustRun(func() {
			pass(5 * time.Second)
			n.change("e1", func(e *news.Entry) { e.Headline = "Bridge open" })
			pass(time.Minute)
		})
		want := []string{"test:a rate_limited", "harbour test:a after 3s edit=false", "harbour test:a after 0s edit=true"}
		if d := cmp.Diff(want, o.lines); d != "" {
			t.Errorf("told (-want +got):\n%s", d)
		}
	})
}

// crashes runs a story whose ledger fails at the k-th write, for every k, then
// lets the last scene play again on a sound one, and checks what stands.
func crashes(t *testing.T, steps int, prepare, scene, check func(w *world, n *newsroom)) {
	for _, after := range []bool{false, true} {
		for k := range steps {
			t.Run(fmt.Sprintf("after=%v/k=%d", after, k), func(t *testing.T) {
				t.Parallel()
				story(t, func(w *world) {
					n := w.newsroom("harbour")
					prepare(w, n)
					w.wrap = func(s store.Store) store.Store { return &faulty{Store: s, n: k, after: after} }
					err := w.run(func() {
						pass(time.Minute)
						scene(w, n)
						pass(time.Minute)
					})
					if err != nil && !errors.Is(err, errDisk) {
						t.Fatal(err)
					}
					w.wrap = nil
					w.mustRun(func() { pass(5 * time.Minute) })
					check(w, n)
				})
			})
		}
	}
}

func TestCrashWhileFolding(t *testing.T) {
	crashes(t, 24,
		func(w *world, n *newsroom) {
			w.only(store.Subscription{})
			w.opts.PerMinute = 2
			n.burst(1, 5)
		},
		func(w *world, n *newsroom) { n.burst(6, 1) },
		func(w *world, n *newsroom) {
			// What was not told in cards is told in roll-ups: how many are which
			// depends on when it crashed.
			seen := w.room.sees("a")
			told, cards := 0, make(map[string]bool)
			for i, line := range seen {
				var n int
				if _, err := fmt.Sscanf(line, "rollup %d ", &n); err == nil {
					told += n
					continue
				}
				if cards[line] {
					w.t.Errorf("message %d repeats %q", i, line)
				}
				cards[line] = true
				told++
			}
			if want := len(n.entries); told != want {
				w.t.Errorf("%d of %d entries told: %q", told, want, seen)
			}
		})
}

func TestCrashInAThread(t *testing.T) {
	crashes(t, 30,
		func(w *world, n *newsroom) {
			w.only(store.Subscription{Style: store.Thread})
			w.opts.EditWindow = -1
			n.add("e1", "Bridge shut", "Nobody crosses.")
			n.add("e2", "Ferry waits", "At the quay.")
			n.show()
		},
		func(w *world, n *newsroom) {
			n.change("e1", func(e *news.Entry) { e.Headline = "Bridge shut until noon" })
			pass(time.Minute)
			n.change("e2", nil)
		},
		func(w *world, n *newsroom) {
			seen := w.room.sees("a")
			// An edit that was never seen as one leaves no note.
			notes := slices.DeleteFunc(slices.Clone(seen), func(l string) bool { return !strings.Contains(l, "note ") })
			rest := slices.DeleteFunc(slices.Clone(seen), func(l string) bool { return strings.Contains(l, "note ") })
			standing := slices.DeleteFunc(slices.Clone(n.entries), func(e news.Entry) bool { return e.Withdrawn })
			want := []string{fmt.Sprintf("head Harbour live (%d)", len(standing))}
			if d := cmp.Diff(want, rest[:min(1, len(rest))]); d != "" {
				w.t.Errorf("head (-want +got):\n%s\n%q", d, seen)
			}
			for _, e := range n.entries {
				count := 0
				for _, l := range rest {
					if strings.HasSuffix(l, " "+e.Headline) {
						count++
					}
				}
				if count != 1 && !(e.Withdrawn && count == 0) {
					w.t.Errorf("%q stands %d times: %q", e.Headline, count, seen)
				}
			}
			slices.Sort(notes)
			if len(slices.Compact(slices.Clone(notes))) != len(notes) {
				w.t.Errorf("a note is repeated: %q", notes)
			}
		})
}

func TestCrashWhileTellingTheOperators(t *testing.T) {
	crashes(t, 20,
		func(w *world, n *newsroom) {
			w.withOperators()
			w.only(store.Subscription{})
			n.write("e1", "Bridge shut", "Nobody crosses.")
			w.room.failWith(func(_ string, ch chat.Channel) error {
				if ch.ID == "a" {
					return &chat.SendError{Reason: chat.Gone, Err: errors.New("not_in_channel")}
				}
				return nil
			})
		},
		func(w *world, n *newsroom) { w.room.failWith(nil) },
		func(w *world, n *newsroom) {
			w.want("a", "LIVE Bridge shut")
			// Which are said depends on when it crashed; none is said twice.
			seen := w.room.sees("desk")
			slices.Sort(seen)
			if len(slices.Compact(slices.Clone(seen))) != len(seen) {
				w.t.Errorf("a notice is repeated: %q", seen)
			}
		})
}

// What is wrong with an operators' channel is said in the others.
func TestOperatorsChannelThatRefuses(t *testing.T) {
	story(t, func(w *world) {
		ops := w.withOperators()
		w.only(store.Subscription{})
		n := w.newsroom("harbour")
		n.write("e1", "Bridge shut", "Nobody crosses.")
		w.room.failWith(func(_ string, ch chat.Channel) error {
			if ch.ID == "a" {
				return &chat.SendError{Reason: chat.Rejected, Err: errors.New("invalid_blocks")}
			}
			return &chat.SendError{Reason: chat.Gone, Err: errors.New("is_archived")}
		})
		w.mustRun(func() {
			pass(time.Hour)
			w.want("desk")
			want := []string{
				"notice A message for test:a was given up (harbour/e1): rejected: invalid_blocks. “pullquote outbox” lists it.",
				"notice test:desk refuses messages: is_archived. Nothing is lost; what waits is sent when the channel takes it.",
			}
			if d := cmp.Diff(want, ops.sees("desk")); d != "" {
				w.t.Errorf("the other operators (-want +got):\n%s", d)
			}
		})
	})
}

// paceOfAll is a limit on all requests of a platform.
func paceOfAll(perSecond float64, burst int) func(chat.Channel) time.Duration {
	l := rate.NewLimiter(rate.Limit(perSecond), burst)
	return func(chat.Channel) time.Duration {
		now := time.Now()
		r := l.ReserveN(now, 1)
		wait := r.DelayFrom(now)
		if wait > 0 {
			r.CancelAt(now)
		}
		return wait
	}
}

func TestBreakingSourceOvertakesABacklog(t *testing.T) {
	story(t, func(w *world) {
		const quiet = 250
		w.opts.Sources, w.opts.Subscriptions = nil, nil
		var channels []string
		for i := range quiet {
			channels = append(channels, fmt.Sprint("q", i))
		}
		w.follow("quiet", 1, channels...)
		w.follow("breaking", 0, "b")
		w.opts.Sources[1].Breaking = true
		w.opts.Sources[1].Schedule = "@every 1s"
		w.room.pace = paceOfAll(10, 5)
		w.web.show("quiet", "e1 Quiet")
		w.web.show("breaking", "e1 Before")
		w.mustRun(func() {
			pass(10 * time.Second)
			w.web.show("breaking", "e2 Breaking", "e1 Before")
			pass(6 * time.Second)
			w.want("b", "LIVE Breaking")
			pass(24 * time.Second)
			if n := len(w.room.calls()); n != quiet+1 {
				w.t.Errorf("%d messages in 40 s; the limit allows all %d", n, quiet+1)
			}
			if first, last := w.room.messages[0].at, w.room.messages[quiet].at; last.Sub(first) > 26*time.Second {
				w.t.Errorf("the last came %v after the first; the limit allows 25 s", last.Sub(first))
			}
		})
	})
}
