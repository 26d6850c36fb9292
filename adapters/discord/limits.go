package discord

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Discord shuts an address out for a while after 10,000 requests in 10
// minutes that were answered 401, 403 or 429
// (https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
const (
	budgetWindow  = 10 * time.Minute
	defaultBudget = 5000 // half: other programs may share the address
	budgetStep    = 10 * time.Second
)

// Waits that Discord asks for are kept within these bounds; one above absurd
// is taken for a mistake and not believed at all.
const (
	minWait  = 50 * time.Millisecond
	maxWait  = 15 * time.Minute
	absurd   = 24 * time.Hour
	edgeWait = 10 * time.Minute // after a refusal by Cloudflare, which says nothing
)

// limits is what the adapter knows of Discord's rate limits. It never waits;
// it says how long a caller would have to.
type limits struct {
	budget int // invalid requests allowed in budgetWindow

	mu      sync.Mutex
	global  time.Time          // no request before
	routes  map[string]string  // route → bucket, once Discord named it
	buckets map[string]*bucket // by bucket and channel
	invalid []tally            // oldest first
}

// A bucket is one of Discord's rate limits, as its last answer described it.
type bucket struct {
	remaining int
	reset     time.Time
}

// A tally counts the invalid requests of one budgetStep.
type tally struct {
	start time.Time
	n     int
}

func newLimits(budget int) *limits {
	if budget <= 0 {
		budget = defaultBudget
	}
	return &limits{budget: budget, routes: map[string]string{}, buckets: map[string]*bucket{}}
}

// A route names what Discord limits together: a method and path, and within
// it a channel or guild.
type route struct{ name, major string }

func (l *limits) key(r route) string {
	name := r.name
	if b, ok := l.routes[r.name]; ok {
		name = b
	}
	return name + " " + r.major
}

// take reserves a request on r. If there is none to be had now it returns how
// long to wait, and whether that holds for every route.
func (l *limits) take(r route, now time.Time) (wait time.Duration, global bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.global.Sub(now); d > 0 {
		return max(d, minWait), true
	}
	if d := l.exhausted(now); d > 0 {
		return min(max(d, minWait), maxWait), true
	}
	b := l.buckets[l.key(r)]
	if b == nil {
		return 0, false
	}
	d := b.reset.Sub(now)
	if d <= 0 {
		return 0, false
	}
	if b.remaining <= 0 {
		return min(max(d, minWait), maxWait), false
	}
	b.remaining--
	return 0, false
}

// exhausted returns how long the budget of invalid requests is used up, 0 if
// it is not.
func (l *limits) exhausted(now time.Time) time.Duration {
	sum := 0
	for len(l.invalid) > 0 && now.Sub(l.invalid[0].start) >= budgetWindow+budgetStep {
		l.invalid = l.invalid[1:]
	}
	for _, t := range l.invalid {
		sum += t.n
	}
	for _, t := range l.invalid {
		if sum < l.budget {
			return 0
		}
		if sum -= t.n; sum < l.budget {
			return t.start.Add(budgetWindow + budgetStep).Sub(now)
		}
	}
	return 0
}

// count adds an invalid request.
func (l *limits) count(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.invalid); n > 0 && now.Sub(l.invalid[n-1].start) < budgetStep {
		l.invalid[n-1].n++
		return
	}
	l.invalid = append(l.invalid, tally{now, 1})
}

// stop holds back every request for d, only those on r unless global is set.
func (l *limits) stop(r route, d time.Duration, global bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := now.Add(d)
	if global {
		if until.After(l.global) {
			l.global = until
		}
		return
	}
	l.buckets[l.key(r)] = &bucket{reset: until}
}

// learn takes in the headers of an answer.
func (l *limits) learn(r route, h http.Header, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	remaining, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, ok := seconds(h.Get("X-RateLimit-Reset-After"))
	if err != nil || !ok || after > maxWait {
		return
	}
	l.forget(now)
	if name := h.Get("X-RateLimit-Bucket"); name != "" && len(name) <= 100 {
		l.routes[r.name] = name
	}
	key := l.key(r)
	if b := l.buckets[key]; b != nil && b.reset.After(now) {
		// Answers may arrive out of order: within a window the count only falls.
		remaining = min(remaining, b.remaining)
	}
	l.buckets[key] = &bucket{remaining: remaining, reset: now.Add(after)}
}

// forget drops buckets that are full again, once there are many.
func (l *limits) forget(now time.Time) {
	if len(l.buckets) < 1024 {
		return
	}
	for k, b := range l.buckets {
		if !b.reset.After(now) {
			delete(l.buckets, k)
		}
	}
}

// seconds reads a number of seconds; false for what is none, is negative or
// absurd.
func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	return duration(f)
}

func duration(f float64) (time.Duration, bool) {
	if !(f >= 0 && f <= absurd.Seconds()) { // NaN is neither
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}
