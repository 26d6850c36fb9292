package bot_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// A flood is many commands in ten seconds, while others ask something now and
// then and a burst of updates is delivered.
type flood struct {
	*desked
	mu       sync.Mutex
	answered map[string]int // by user
	told     map[string]int // that they ask too fast, or that many are asking
	silent   map[string]int // times that nothing was said
	slowest  time.Duration
}

func (f *flood) send(user string, kind chat.CommandKind) {
	begin := time.Now()
	cmd := chat.Command{
		Kind: kind, Adapter: "test", Tenant: "town", User: user, Name: "latest", Channel: chat.Channel{Adapter: "test", ID: "a"},
		Options: map[string]string{"source": "harbour"}, Focus: "source",
	}
	r, err := f.bot.Handle(f.t.Context(), cmd)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		f.t.Errorf("%s: %v", user, err)
	case len(r.Items) > 0 || len(r.Choices) > 0:
		f.answered[user]++
		f.slowest = max(f.slowest, time.Since(begin))
	case strings.Contains(r.Text, "Please"):
		f.told[user]++
	default:
		f.silent[user]++
	}
}

// run sends 1,000 commands, one every 10 ms, from whom who names. Ten readers
// ask once a second, and ten updates come.
func (f *flood) run(kind chat.CommandKind, who func(i int) string) {
	f.desked.run(func() {
		page := []string{"e1 First"}
		for i := range 10 {
			page = append([]string{fmt.Sprintf("e%d Update %d", i+2, i+2)}, page...)
		}
		f.web.show("harbour", page...)
		var asked sync.WaitGroup
		for i := range 1000 {
			asked.Go(func() { f.send(who(i), kind) })
			if i%100 == 0 {
				for n := range 10 {
					asked.Go(func() { f.send(fmt.Sprint("reader", n), chat.Invoke) })
				}
			}
			<-time.After(10 * time.Millisecond)
		}
		asked.Wait()
		pass(time.Minute)
		want := []string{"LIVE First"}
		for i := range 10 {
			want = append(want, fmt.Sprintf("LIVE Update %d", i+2))
		}
		f.want("a", want...)
		f.want("b", want...)
	})
	for n := range 10 {
		who := fmt.Sprint("reader", n)
		if f.answered[who] != 10 {
			f.t.Errorf("%s asked ten times and was answered %d times, told to wait %d times", who, f.answered[who], f.told[who])
		}
	}
	if f.slowest > 100*time.Millisecond {
		f.t.Errorf("an answer waited %v", f.slowest)
	}
}

func floodStory(t *testing.T, tell func(f *flood)) {
	t.Helper()
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.opts.PerMinute, d.opts.CatchUp = -1, -1
		tell(&flood{desked: d, answered: map[string]int{}, told: map[string]int{}, silent: map[string]int{}})
	})
}

// TestFloodOfOne: who asks a hundred times a second is told so once, politely,
// and answered as often as anybody may ask.
func TestFloodOfOne(t *testing.T) {
	floodStory(t, func(f *flood) {
		f.run(chat.Invoke, func(int) string { return "script" })
		const burst, more = 15, 5 // at once, and one every two seconds
		if n := f.answered["script"]; n < burst || n > burst+more {
			t.Errorf("answered %d times", n)
		}
		if n := f.told["script"]; n < 1 || n > 1+more {
			t.Errorf("told to wait %d times", n)
		}
	})
}

// TestFloodOfMany: two hundred who ask five times each are all answered.
func TestFloodOfMany(t *testing.T) {
	floodStory(t, func(f *flood) {
		f.run(chat.Invoke, func(i int) string { return fmt.Sprint("user", i%200) })
		for i := range 200 {
			if who := fmt.Sprint("user", i); f.answered[who] != 5 {
				t.Errorf("%s asked five times and was answered %d times, told to wait %d times", who, f.answered[who], f.told[who])
			}
		}
	})
}

// TestFloodOfTyping: suggestions asked for a hundred times a second leave room
// for everybody's questions.
func TestFloodOfTyping(t *testing.T) {
	floodStory(t, func(f *flood) {
		f.run(chat.Suggest, func(int) string { return "script" })
		if n := f.answered["script"]; n < 40 || n > 40+70 {
			t.Errorf("%d suggestions", n)
		}
	})
}
