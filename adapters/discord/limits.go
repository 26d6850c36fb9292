package discord

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Discord shuts an address out for a while after 10,000 requests in 10
// minutes that were answered 401, 403 or 429
// (https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
const (
	budgetWindow  = 10 * time.Minute
	defaultBudget = 5000 // half: other programs may share the address
	budgetStep    = 10 * time.Second
	probePause    = time.Minute // between requests that are let through when the budget is used up
)

// Waits that Discord asks for are kept within these bounds; one above absurd
// is taken for a mistake and not believed at all.
const (
	rounding = time.Millisecond // what headers of three decimals may lack
	minWait  = 50 * time.Millisecond
	maxWait  = 15 * time.Minute
	absurd   = 24 * time.Hour
	edgeWait = 10 * time.Minute // after a refusal by Cloudflare, which says nothing
)

// DefaultRate is how many requests a second a bot may make, answers to
// interactions not counted
// (https://discord.com/developers/docs/topics/rate-limits#global-rate-limit).
const DefaultRate = 50

// Discord counts in seconds whose beginning it does not tell, so that no second
// may hold more than the rate. The margin is for requests that arrive closer to
// one another than they were made.
const (
	botWindow = time.Second + 10*time.Millisecond
)

// What is assumed of a channel's messages until an answer says how it is: the
// limit that Discord has had for years.
const (
	defaultPosts  = 5
	defaultWindow = 5 * time.Second
)

// Names of the routes that Pace is about.
const (
	postRoute  = "POST /channels/messages"
	patchRoute = "PATCH /channels/messages"
)

// maxKept bounds each of the maps below.
const maxKept = 4096

// limits is what the adapter knows of Discord's rate limits. It never waits;
// it says how long a caller would have to.
type limits struct {
	wholeBudget, wholeRate int // of all replicas together

	mu      sync.Mutex
	budget  int                      // invalid requests allowed in budgetWindow
	global  time.Time                // no request before
	recent  []time.Time              // the last requests but answers to interactions, as many as one second may hold
	oldest  int                      // where recent is overwritten next
	routes  map[string]string        // route → bucket, once Discord named it
	sizes   map[string]int           // route → requests in a window, once Discord said so
	periods map[string]time.Duration // route → how long a window is, likewise
	buckets map[string]*bucket       // by bucket and channel
	paid    map[string]int           // requests that Pace counted and that are not made yet, by lane
	threads map[string]string        // the thread of a lane that was posted to last
	invalid []tally                  // oldest first
	probe   time.Time                // when a request was last let through in spite of the budget
	warned  time.Time                // when the budget was last warned about
	publish map[string][]time.Time   // crossposts within publishWindow, by channel, oldest first
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

func newLimits(budget, perSecond int) *limits {
	if budget <= 0 {
		budget = defaultBudget
	}
	if perSecond <= 0 {
		perSecond = DefaultRate
	}
	return &limits{
		wholeBudget: budget, wholeRate: perSecond, budget: budget, recent: make([]time.Time, perSecond),
		routes: map[string]string{}, sizes: map[string]int{}, periods: map[string]time.Duration{}, buckets: map[string]*bucket{},
		paid: map[string]int{}, threads: map[string]string{}, publish: map[string][]time.Time{},
	}
}

// share keeps to a part of what the bot may do. The newest requests still
// count. A replica for which no request a second is left makes none by Pace.
func (l *limits) share(s chat.Share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.budget = max(s.Cut(l.wholeBudget), 1)
	recent := append(slices.Clone(l.recent[l.oldest:]), l.recent[:l.oldest]...) // oldest first
	n := s.Cut(l.wholeRate)
	if more := n - len(recent); more > 0 {
		recent = append(make([]time.Time, more), recent...)
	}
	l.recent, l.oldest = recent[len(recent)-n:], 0
}

// crowded returns how long the bot's limit asks to wait.
func (l *limits) crowded(now time.Time) time.Duration {
	if len(l.recent) == 0 {
		return botWindow
	}
	return l.recent[l.oldest].Add(botWindow).Sub(now)
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

// pace returns how long the limits ask to wait before the next message, edit
// or deletion in a lane. 0 counts as that request, which take then does not
// count again.
func (l *limits) pace(lane string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait, _ := l.barred(now); wait > 0 {
		return wait
	}
	wait := max(l.full(route{postRoute, lane}, now), l.full(route{patchRoute, lane}, now))
	if t, ok := l.threads[lane]; ok {
		wait = max(wait, l.full(route{postRoute, t}, now), l.full(route{patchRoute, t}, now))
	}
	if wait > 0 {
		return wait
	}
	if d := l.crowded(now); d > 0 {
		return d
	}
	l.note(now)
	if b := l.buckets[l.key(route{postRoute, lane})]; b == nil || !b.reset.After(now) {
		delete(l.paid, lane) // counted in a window that is over, for a request that was never made
	}
	b := l.window(route{postRoute, lane}, now)
	b.remaining--
	if l.paid[lane] == 0 {
		makeRoom(l.paid)
	}
	l.paid[lane]++
	return 0
}

// note counts a request against the bot's limit.
func (l *limits) note(now time.Time) {
	if len(l.recent) == 0 {
		return
	}
	l.recent[l.oldest] = now
	l.oldest = (l.oldest + 1) % len(l.recent)
}

// full returns how long a route is used up. What is used up for longer than a
// window is one kind of request, not the lane: that one is refused when it is
// made, and the others go on.
func (l *limits) full(r route, now time.Time) time.Duration {
	b := l.buckets[l.key(r)]
	if b == nil || b.remaining > 0 {
		return 0
	}
	d := b.reset.Sub(now)
	if d <= 0 || d > 2*defaultWindow && r.name != postRoute {
		return 0
	}
	return min(max(d, minWait), maxWait)
}

// window returns the bucket of a route, a new one if the last is over.
func (l *limits) window(r route, now time.Time) *bucket {
	key := l.key(r)
	b := l.buckets[key]
	if b != nil && b.reset.After(now) {
		return b
	}
	l.forget(now)
	size, period := defaultPosts, defaultWindow
	if n, ok := l.sizes[r.name]; ok {
		size = n
	}
	if d, ok := l.periods[r.name]; ok {
		period = d
	}
	b = &bucket{remaining: size, reset: now.Add(period)}
	l.buckets[key] = b
	return b
}

// take reserves a request on r, in a lane if it is a message's ("" = none). If
// there is none to be had now it returns how long to wait, and whether that
// holds for every route.
func (l *limits) take(r route, lane string, now time.Time) (wait time.Duration, global bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d, probe := l.barred(now); d > 0 {
		l.refund(lane)
		return d, true
	} else if probe {
		l.probe = now
	}
	if l.settle(r, lane, now) {
		return 0, false
	}
	l.note(now) // what comes without Pace is not held back, but makes others wait
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

// settle uses what Pace counted in a lane, and reports whether r is thereby
// paid for. Only a message in the lane's own channel is wholly: others have a
// bucket of their own.
func (l *limits) settle(r route, lane string, now time.Time) bool {
	if lane == "" || l.paid[lane] == 0 {
		return false
	}
	if r == (route{postRoute, lane}) {
		l.refund(lane)
		return true
	}
	if b := l.buckets[l.key(r)]; b != nil && b.reset.After(now) && b.remaining <= 0 {
		return false // it will be refused, and what was paid stays for the next
	}
	l.refund(lane)
	if b := l.buckets[l.key(route{postRoute, lane})]; b != nil && r.major == lane {
		b.remaining++
	}
	if b := l.buckets[l.key(r)]; b != nil && b.reset.After(now) {
		b.remaining--
	}
	return true
}

// refund forgets a request that Pace counted.
func (l *limits) refund(lane string) {
	if l.paid[lane]--; l.paid[lane] <= 0 {
		delete(l.paid, lane)
	}
}

// enter notes that a lane posts to a thread now.
func (l *limits) enter(lane, thread string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.threads[lane]; !ok {
		makeRoom(l.threads)
	}
	l.threads[lane] = thread
}

// makeRoom keeps a map from growing beyond maxKept: something goes, whatever
// comes first.
func makeRoom[V any](m map[string]V) {
	if len(m) < maxKept {
		return
	}
	for k := range m {
		delete(m, k)
		return
	}
}

// barred returns how long no request at all may be made. probe reports that
// one may in spite of the budget, to see how things are.
func (l *limits) barred(now time.Time) (wait time.Duration, probe bool) {
	if d := l.global.Sub(now); d > 0 {
		return max(d, minWait), false
	}
	d := l.exhausted(now)
	if d <= 0 {
		return 0, false
	}
	if next := l.probe.Add(probePause).Sub(now); next > 0 || l.probe.IsZero() {
		if l.probe.IsZero() {
			l.probe, next = now, probePause
		}
		return min(max(min(d, next), minWait), maxWait), false
	}
	return 0, true
}

// exhausted returns how long the budget of invalid requests is used up, 0 if
// it is not.
func (l *limits) exhausted(now time.Time) time.Duration {
	sum := l.spent(now)
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

// spent returns how many invalid requests there were in the window.
func (l *limits) spent(now time.Time) (sum int) {
	for len(l.invalid) > 0 && now.Sub(l.invalid[0].start) >= budgetWindow+budgetStep {
		l.invalid = l.invalid[1:]
	}
	for _, t := range l.invalid {
		sum += t.n
	}
	return sum
}

// count adds an invalid request. It reports how many there are in the window
// when that is worth a warning: a fifth of the budget, once a window.
func (l *limits) count(now time.Time) (alarming int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.invalid); n > 0 && now.Sub(l.invalid[n-1].start) < budgetStep {
		l.invalid[n-1].n++
	} else {
		l.invalid = append(l.invalid, tally{now, 1})
	}
	n := l.spent(now)
	if n < max(l.budget/5, 1) || now.Sub(l.warned) < budgetWindow {
		return 0
	}
	l.warned = now
	return n
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
	l.forget(now)
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
		l.rename(r.name, name)
	}
	if size, err := strconv.Atoi(h.Get("X-RateLimit-Limit")); err == nil && size > 0 {
		l.sizes[r.name] = size
		if remaining == size-1 && after > 0 { // a window that has just begun
			l.periods[r.name] = after
		}
	}
	key := l.key(r)
	if b := l.buckets[key]; b != nil && b.reset.After(now) {
		// Answers may arrive out of order: within a window the count only falls.
		remaining = min(remaining, b.remaining)
	}
	if after > 0 {
		after += rounding
	}
	l.buckets[key] = &bucket{remaining: remaining, reset: now.Add(after)}
}

// rename gives the buckets of a route the name that Discord has for it.
func (l *limits) rename(routeName, name string) {
	old, known := l.routes[routeName]
	if old == name {
		return
	}
	l.routes[routeName] = name
	if known { // Discord changed its mind: what was known is of no use
		return
	}
	for k, b := range l.buckets {
		if major, ok := strings.CutPrefix(k, routeName+" "); ok {
			delete(l.buckets, k)
			l.buckets[name+" "+major] = b
		}
	}
}

// forget drops buckets that are full again, once there are many, and any if
// that does not help.
func (l *limits) forget(now time.Time) {
	if len(l.buckets) < maxKept {
		return
	}
	for k, b := range l.buckets {
		if !b.reset.After(now) {
			delete(l.buckets, k)
		}
	}
	makeRoom(l.buckets)
}

// A channel's messages can be published ten times an hour (as observed;
// Discord documents that there is a limit, not which).
const (
	publishes     = 10
	publishWindow = time.Hour
)

// mayPublish counts a crosspost in a channel, or reports false if that would
// be one too many.
func (l *limits) mayPublish(channel string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.publish[channel]
	for len(recent) > 0 && now.Sub(recent[0]) >= publishWindow {
		recent = recent[1:]
	}
	if len(recent) >= publishes {
		l.publish[channel] = recent
		return false
	}
	if recent == nil {
		makeRoom(l.publish)
	}
	l.publish[channel] = append(recent, now)
	return true
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
