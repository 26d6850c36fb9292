package discord

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// passes asks n times and returns how often the answer was to go on.
func passes(l *limits, lane string, n int, now time.Time) (passed int, wait time.Duration) {
	for range n {
		if wait = l.pace(lane, now); wait > 0 {
			return passed, wait
		}
		passed++
	}
	return passed, 0
}

func TestPaceOfAChannel(t *testing.T) {
	l := newLimits(0, 0)
	if n, wait := passes(l, "1", 20, epoch); n != defaultPosts || wait != defaultWindow {
		t.Errorf("%d at once, then %v; want %d, %v", n, wait, defaultPosts, defaultWindow)
	}
	if n, _ := passes(l, "2", 20, epoch); n != defaultPosts {
		t.Errorf("%d at once in another channel", n)
	}
	// Asking counts nothing when the answer is to wait.
	for range 100 {
		l.pace("1", epoch)
	}
	if n, _ := passes(l, "1", 20, epoch.Add(defaultWindow)); n != defaultPosts {
		t.Errorf("%d in the next window", n)
	}
}

// What Pace counted, the request that follows does not count again.
func TestPaceThenTake(t *testing.T) {
	for _, name := range []string{postRoute, patchRoute} {
		l := newLimits(0, 0)
		r := route{name, "1"}
		l.learn(r, headers("5", "5", ""), epoch)
		for i := range 5 {
			if wait := l.pace("1", epoch); wait > 0 {
				t.Fatalf("%s: pace %d: %v", name, i, wait)
			}
			if wait, _ := l.take(r, "1", epoch); wait > 0 {
				t.Fatalf("%s: take %d: %v", name, i, wait)
			}
		}
		if wait := l.pace("1", epoch); wait != 5*time.Second+rounding {
			t.Errorf("%s: the sixth waits %v", name, wait)
		}
		if len(l.paid) != 0 {
			t.Errorf("%s: still paid: %v", name, l.paid)
		}
	}
}

// A request that was asked for and never made is forgotten with its window.
func TestPaceForNothing(t *testing.T) {
	l, now := newLimits(0, 0), epoch
	for range 50 {
		l.pace("1", now)
		now = now.Add(defaultWindow)
	}
	if n := l.paid["1"]; n != 1 {
		t.Errorf("%d requests still counted", n)
	}
}

func TestPaceLearns(t *testing.T) {
	l := newLimits(0, 0)
	h := headers("1", "2", "abc")
	h.Set("X-RateLimit-Limit", "2")
	l.learn(route{postRoute, "1"}, h, epoch)
	if n, wait := passes(l, "1", 9, epoch); n != 1 || wait != 2*time.Second+rounding {
		t.Errorf("%d, then %v", n, wait)
	}
	// Another channel's limit is taken to be like this one's.
	if n, wait := passes(l, "2", 9, epoch); n != 2 || wait != 2*time.Second {
		t.Errorf("another channel: %d, then %v", n, wait)
	}
}

func TestPaceOfTheBot(t *testing.T) {
	for _, perSecond := range []int{0, 500} {
		l := newLimits(0, perSecond)
		want := max(perSecond, DefaultRate)
		var made []time.Time
		now := epoch
		for lane := 0; len(made) < 3*want; lane++ {
			wait := l.pace(fmt.Sprint(lane), now)
			if wait > 0 {
				now = now.Add(wait)
				lane--
				continue
			}
			made = append(made, now)
		}
		for i := want; i < len(made); i++ {
			if d := made[i].Sub(made[i-want]); d <= time.Second {
				t.Fatalf("%d requests in %v", want+1, d)
			}
		}
		if d := made[len(made)-1].Sub(epoch); d > 2*time.Second*105/100 {
			t.Errorf("%d requests took %v", len(made), d)
		}
	}
}

func TestPaceStops(t *testing.T) {
	l := newLimits(0, 0)
	l.stop(route{patchRoute, "1"}, 10*time.Minute, false, epoch)
	if wait := l.pace("1", epoch); wait != 0 {
		t.Errorf("an edit that must wait for long holds up the channel for %v", wait)
	}
	l.stop(route{postRoute, "1"}, 10*time.Minute, false, epoch)
	if wait := l.pace("1", epoch); wait != 10*time.Minute {
		t.Errorf("slow mode: %v", wait)
	}
	l.enter("2", "9")
	l.stop(route{postRoute, "9"}, time.Minute, false, epoch)
	if wait := l.pace("2", epoch); wait != time.Minute {
		t.Errorf("the thread's limit: %v", wait)
	}
	l.stop(route{}, 30*time.Second, true, epoch)
	if wait := l.pace("3", epoch); wait != 30*time.Second {
		t.Errorf("global: %v", wait)
	}
}

func TestPaceIsBounded(t *testing.T) {
	l := newLimits(0, 1<<20)
	for i := range maxKept + 500 {
		lane := fmt.Sprint(i)
		l.pace(lane, epoch)
		l.enter(lane, "9")
		l.mayPublish(lane, epoch)
	}
	for name, n := range map[string]int{"paid": len(l.paid), "threads": len(l.threads), "publish": len(l.publish), "buckets": len(l.buckets)} {
		if n > maxKept {
			t.Errorf("%s: %d kept", name, n)
		}
	}
	m := newMemory[int](0)
	for i := range 3 * maxKept {
		m.put(fmt.Sprint(i), i)
	}
	if len(m.kept) > maxKept {
		t.Errorf("memory: %d kept", len(m.kept))
	}
}

func TestMemoryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory[string](time.Minute)
		m.put("a", "x")
		if _, ok := m.get("a"); !ok {
			t.Error("forgotten at once")
		}
		<-time.After(time.Minute) // of the bubble's time
		if _, ok := m.get("a"); ok {
			t.Error("still there after a minute")
		}
	})
}

func TestBudgetWarnsOnce(t *testing.T) {
	l := newLimits(100, 0)
	warnings := 0
	for i := range 60 {
		if l.count(epoch.Add(time.Duration(i)*time.Second)) > 0 {
			warnings++
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings in a window", warnings)
	}
	if newLimits(100, 0).count(epoch) != 0 {
		t.Error("a warning for one")
	}
}

// The lane of a real burst, at the documented limits in scaled time: everything
// gets through, and Discord never has to refuse.
func TestPaceKeepsTheLimits(t *testing.T) {
	srv, a := start(t)
	const scale = 20
	srv.Enforce(scale)
	a.limits = newLimits(0, 50*scale)
	h := headers("4", "0.25", "")
	h.Set("X-RateLimit-Limit", "5")
	a.limits.learn(route{postRoute, "0"}, h, time.Now()) // a channel told how it is
	const channels, posts = 8, 12
	done := make(chan error, channels)
	for c := range channels {
		ch := chat.Channel{Adapter: "discord", ID: fmt.Sprint(1510000000000000000 + c)}
		srv.AddChannel(ch.ID)
		go func() { // ends when its posts are there
			for i := range posts {
				for wait := a.Pace(ch); wait > 0; wait = a.Pace(ch) {
					<-time.After(wait)
				}
				p := post(fmt.Sprintf("c%dp%d", c, i))
				p.Channel = ch
				if _, err := a.Send(t.Context(), p); err != nil {
					done <- fmt.Errorf("%s: %w", ch, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range channels {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := srv.Limited(); n > 0 {
		t.Errorf("Discord refused %d requests", n)
	}
}
