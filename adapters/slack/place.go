package slack

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pullquote/pullquote/bot/chat"
)

// A place is where a message stands: in a channel or in a thread of it.
type place struct {
	channel string // Slack's id
	thread  string // ts of the message over the thread; "" for none
}

// An id names a message: its ts, and that of the message over its thread as
// "thread/ts".
type id struct{ thread, ts string }

func parseID(m chat.MessageID) (id, bool) {
	thread, ts, ok := strings.Cut(string(m), "/")
	if !ok {
		thread, ts = "", thread
	}
	return id{thread, ts}, isTS(ts) && (!ok || isTS(thread))
}

// message returns the id as the engine keeps it.
func (i id) message() chat.MessageID {
	if i.thread == "" {
		return chat.MessageID(i.ts)
	}
	return chat.MessageID(i.thread + "/" + i.ts)
}

// root returns the message over the thread that the message is in, or would
// open.
func (i id) root() string {
	if i.thread != "" {
		return i.thread
	}
	return i.ts
}

// threadOf returns the thread that a post belongs into: that of its page, or
// the one under the message it answers. A forum is a thread here: Slack has
// none.
func threadOf(p chat.Post) string {
	for _, m := range []chat.MessageID{p.Thread, p.Reply} {
		if i, ok := parseID(m); ok && m != "" {
			return i.root()
		}
	}
	return ""
}

// direct is what begins the ID of a channel that is the messages with a user.
const direct = "@"

// where finds out Slack's id of a channel. Direct messages are opened first.
func (a *Adapter) where(ctx context.Context, what string, ch chat.Channel) (string, error) {
	user, ok := strings.CutPrefix(ch.ID, direct)
	if !ok {
		return ch.ID, nil
	}
	if c, ok := a.directs.get(user); ok {
		return c, nil
	}
	var out struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	err := a.call(ctx, request{what: what, method: "conversations.open", form: url.Values{"users": {user}}, out: &out})
	if err != nil {
		return "", err
	}
	if !alphanumeric(out.Channel.ID) || out.Channel.ID == "" {
		return "", fail(chat.Transient, what, errors.New("the answer holds no channel"))
	}
	a.directs.put(user, out.Channel.ID)
	return out.Channel.ID, nil
}

// A memo remembers some texts by others.
type memo struct {
	mu sync.Mutex // guards of
	of map[string]string
}

const maxMemo = 10_000

func (m *memo) get(key string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.of[key]
	return v, ok
}

func (m *memo) put(key, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil || len(m.of) >= maxMemo {
		m.of = make(map[string]string)
	}
	m.of[key] = value
}

// Slack's limits (https://docs.slack.dev/apis/web-api/rate-limits): about one
// message a second in a channel, short bursts allowed; "several hundred" a
// minute in a workspace; chat.update is tier 3, 50 a minute and more. What is
// meant is not told apart before a request, so the pace is that of messages;
// an edit that is too much is put off by the answer.
const (
	channelRate  = rate.Limit(1)
	channelBurst = 3
	teamRate     = rate.Limit(5) // 300 a minute
	teamBurst    = 20
)

// A pacer keeps the limits before Slack has to.
type pacer struct {
	scale float64 // of time; 1 but in tests

	mu       sync.Mutex // guards everything below
	team     *rate.Limiter
	channels map[string]*lane
}

// A lane is the pace of a channel.
type lane struct {
	limit *rate.Limiter
	until time.Time // Slack asked to wait until then
	used  time.Time
}

// maxLanes bounds the channels that are remembered; those at rest are
// forgotten first.
const maxLanes = 10_000

func newPacer(scale float64) *pacer {
	if scale <= 0 {
		scale = 1
	}
	return &pacer{
		scale: scale, channels: make(map[string]*lane),
		team: rate.NewLimiter(teamRate*rate.Limit(scale), teamBurst),
	}
}

// share keeps to a part of what the workspace's app may do. The burst is a part
// too, so that replicas that begin together do not make one together.
func (p *pacer) share(s chat.Share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.team.SetLimitAt(now, rate.Limit(s.Part(float64(teamRate)*p.scale)))
	p.team.SetBurstAt(now, max(s.Cut(teamBurst), 1))
}

// Share keeps the adapter to its part of the workspace's limit. See
// [chat.Sharer].
func (a *Adapter) Share(s chat.Share) { a.pacer.share(s) }

func (p *pacer) lane(channel string, now time.Time) *lane {
	l := p.channels[channel]
	if l == nil {
		if len(p.channels) >= maxLanes {
			for ch, l := range p.channels {
				if now.Sub(l.used) > time.Minute && now.After(l.until) {
					delete(p.channels, ch)
				}
			}
		}
		l = &lane{limit: rate.NewLimiter(channelRate*rate.Limit(p.scale), channelBurst)}
		p.channels[channel] = l
	}
	l.used = now
	return l
}

// take returns 0 and counts a request, or how long to wait before one.
func (p *pacer) take(channel string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lane(channel, now)
	if wait := l.until.Sub(now); wait > 0 {
		return wait
	}
	mine := l.limit.ReserveN(now, 1)
	if wait := mine.DelayFrom(now); wait > 0 {
		mine.CancelAt(now)
		return wait
	}
	all := p.team.ReserveN(now, 1)
	if wait := all.DelayFrom(now); wait > 0 {
		all.CancelAt(now)
		mine.CancelAt(now)
		return wait
	}
	return 0
}

// told notes that Slack asked to wait.
func (p *pacer) told(channel string, wait time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lane(channel, now).until = now.Add(wait)
}

// Pace returns how long Slack's limits ask to wait in a channel. See
// [chat.Adapter].
func (a *Adapter) Pace(ch chat.Channel) time.Duration { return a.pacer.take(ch.ID, time.Now()) }

// slowed remembers the wait of a rate limit for the channel it holds for.
func (a *Adapter) slowed(ch chat.Channel, err error) error {
	var se *chat.SendError
	if errors.As(err, &se) && se.Reason == chat.RateLimited && !se.Global && se.RetryAfter > 0 {
		a.pacer.told(ch.ID, se.RetryAfter, time.Now())
	}
	return err
}
