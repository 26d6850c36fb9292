package bot

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// TestFlood holds that a thousand commands in ten seconds are answered as far
// as is fair, whoever sends them, and nobody else waits.
func TestFlood(t *testing.T) {
	for _, users := range []int{1, 200} {
		t.Run(fmt.Sprint(users), func(t *testing.T) {
			ts := newTurnstile()
			begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			answered, told := 0, 0
			for i := range 1000 {
				now := begin.Add(time.Duration(i) * 10 * time.Millisecond)
				leave, reply, ok := ts.admit(t.Context(), chat.Command{User: fmt.Sprint("u", i%users)}, now)
				switch {
				case ok:
					answered++
					leave()
				case reply.Text != "":
					told++
				}
				if i%100 == 99 {
					leave, _, ok := ts.admit(t.Context(), chat.Command{User: "reader"}, now)
					if !ok {
						t.Errorf("at %d somebody else was not answered", i)
						continue
					}
					leave()
				}
			}
			want := min(1000, users*(askBurst+int(10*time.Second/askEvery)))
			if answered < min(1000, users*askBurst) || answered > want {
				t.Errorf("%d answered, want about %d", answered, want)
			}
			if told > 1000-answered || users == 1 && (told == 0 || told > 7) {
				t.Errorf("%d told", told)
			}
		})
	}
}

func TestSuggestionsAreCheap(t *testing.T) {
	ts := newTurnstile()
	now := time.Now()
	for range typeBurst {
		leave, _, ok := ts.admit(t.Context(), chat.Command{Kind: chat.Suggest, User: "u"}, now)
		if !ok {
			t.Fatal("typing is not answered")
		}
		leave()
	}
	if _, reply, ok := ts.admit(t.Context(), chat.Command{Kind: chat.Suggest, User: "u"}, now); ok || reply.Text != "" {
		t.Errorf("a flood of suggestions: %v %q", ok, reply.Text)
	}
	if leave, _, ok := ts.admit(t.Context(), chat.Command{User: "u"}, now); !ok {
		t.Error("typing used the allowance of commands")
	} else {
		leave()
	}
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := newTurnstile()
		for i := range maxAnswers {
			if _, _, ok := ts.admit(t.Context(), chat.Command{User: fmt.Sprint(i)}, time.Now()); !ok {
				t.Fatal("not admitted")
			}
		}
		begin := time.Now()
		_, reply, ok := ts.admit(t.Context(), chat.Command{User: "late"}, begin)
		if ok || reply.Text != busy.Text || time.Since(begin) != slotPatience {
			t.Errorf("%v %q after %v", ok, reply.Text, time.Since(begin))
		}
	})
}

func TestManyNames(t *testing.T) {
	ts := newTurnstile()
	now := time.Now()
	for i := range 3 * maxAskers {
		ts.allow(chat.Command{User: fmt.Sprint(i)}, now)
	}
	if len(ts.users) > maxAskers {
		t.Errorf("%d users are remembered", len(ts.users))
	}
}
