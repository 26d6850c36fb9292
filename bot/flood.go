package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot/chat"
)

// A turnstile lets chat users ask at a pace that leaves room for everybody:
// each has some questions at once and more as time passes, and no more are
// answered at the same time than the ledger answers well. Who asks faster is
// told so once and then not answered until there is room.
type turnstile struct {
	slots chan struct{} // a token per answer under way
	slow  chan struct{} // the same for commands that read a page first

	mu    sync.Mutex // guards users
	users map[asker]*allowance
}

type asker struct{ adapter, user string }

// An allowance is what a user may still ask.
type allowance struct {
	commands, typing *rate.Limiter
	told             bool // that they ask too fast, since they were last answered
	seen             time.Time
}

const (
	// A person who reads the answers does not notice these; a script does.
	askBurst     = 15
	askEvery     = 2 * time.Second
	typeBurst    = 40 // suggestions come with every letter
	typeEvery    = 150 * time.Millisecond
	maxSlow      = 4
	maxAnswers   = 32
	maxAskers    = 10_000          // remembered
	askerMemory  = 2 * time.Minute // by then every allowance is whole again
	slotPatience = time.Second     // answers are due within 2.5 s
)

func newTurnstile() *turnstile {
	return &turnstile{slots: make(chan struct{}, maxAnswers), slow: make(chan struct{}, maxSlow), users: make(map[asker]*allowance)}
}

// tooFast is said once to who asks too fast.
var tooFast = chat.Reply{Text: "You are asking faster than I answer. Please wait a few seconds."}

// busy is said when everybody asks at once.
var busy = chat.Reply{Text: "Many are asking at the moment. Please try again in a few seconds."}

// admit reports whether a command may be answered; leave must be called then.
// Otherwise reply is the answer, which may be none.
func (t *turnstile) admit(ctx context.Context, cmd chat.Command, now time.Time) (leave func(), reply chat.Reply, ok bool) {
	if reply, ok := t.allow(cmd, now); !ok {
		return nil, reply, false
	}
	slots := t.slots
	if cmd.Kind == chat.Invoke && isSlow(cmd.Name) {
		slots = t.slow
	}
	timer := time.NewTimer(slotPatience)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, reply, true
	case <-timer.C:
	case <-ctx.Done():
	}
	if cmd.Kind == chat.Suggest {
		return nil, chat.Reply{}, false
	}
	return nil, busy, false
}

func isSlow(command string) bool {
	return slices.ContainsFunc(deskCommands(), func(d decision) bool { return d.Slow && d.Name == command })
}

// allow takes one question out of a user's allowance.
func (t *turnstile) allow(cmd chat.Command, now time.Time) (reply chat.Reply, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.of(asker{cmd.Adapter, cmd.User}, now)
	if cmd.Kind == chat.Suggest {
		return chat.Reply{}, a.typing.AllowN(now, 1)
	}
	if a.commands.AllowN(now, 1) {
		a.told = false
		return chat.Reply{}, true
	}
	if a.told {
		return chat.Reply{}, false
	}
	a.told = true
	return tooFast, false
}

// of returns a user's allowance, forgetting those who have not asked for a
// while when there are many.
func (t *turnstile) of(who asker, now time.Time) *allowance {
	a := t.users[who]
	if a == nil {
		if len(t.users) >= maxAskers {
			t.forget(now)
		}
		a = &allowance{
			commands: rate.NewLimiter(rate.Every(askEvery), askBurst),
			typing:   rate.NewLimiter(rate.Every(typeEvery), typeBurst),
		}
		t.users[who] = a
	}
	a.seen = now
	return a
}

// forget drops the users whose allowance is whole again; if that are none, all
// of them: a flood of so many names is one of names that were made up.
func (t *turnstile) forget(now time.Time) {
	for who, a := range t.users {
		if now.Sub(a.seen) > askerMemory {
			delete(t.users, who)
		}
	}
	if len(t.users) >= maxAskers {
		clear(t.users)
	}
}
