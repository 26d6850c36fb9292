package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
	"github.com/pullquote/pullquote/store"
)

// A poller reads what is due. One cron entry ticks every second whatever the
// number of sources: which of them are due is an index in the ledger. A slow
// reading holds its claim, so it is skipped and never stacked.
type poller struct {
	store     store.Store
	fetcher   Fetcher
	schedules atomic.Pointer[map[news.SourceID]schedule]
	observer  Observer
	pusher    Pusher // nil if there is none
	// tell says something to the operators, once for each key. The error is the
	// ledger's.
	tell func(ctx context.Context, key, text string) error
	asks asks
	halt context.CancelFunc // ends the readings; set by run and pollAll
	wake func()             // tells the dispatcher that something was enqueued
	log  *slog.Logger

	slots chan struct{} // one token per reading under way
	// comparing holds a token per snapshot that is being compared and searched
	// for quotes, one a processor, so that a thousand pages that change at once
	// do not hold up the cards of the first.
	comparing chan struct{}
	running   sync.WaitGroup
	failed    chan error // the first error that stops everything; buffered
}

const (
	// pollLease is longer than any reading takes: fetch gives up long before.
	pollLease = 2 * time.Minute
	// maxWait bounds how long a source's own "not before" is believed. Pages
	// that are served with a day's max-age are live all the same.
	maxWait = 5 * time.Minute
	// maxRetry bounds the pause between readings of a source that fails.
	maxRetry = 30 * time.Minute
	// defaultPolls is how many sources are read at the same time.
	defaultPolls = 16
	// defaultMaxAge is how old an entry may be, at the last reading, to be
	// news when it turns up late.
	defaultMaxAge = 24 * time.Hour
)

func newPoller(o Options, log *slog.Logger, observer Observer) *poller {
	return &poller{
		store: o.Store, fetcher: o.Fetcher, log: log, observer: observer, pusher: o.Push,
		wake: func() {}, tell: func(context.Context, string, string) error { return nil },
		slots:     make(chan struct{}, orDefault(o.Polls, defaultPolls)),
		comparing: make(chan struct{}, runtime.GOMAXPROCS(0)), failed: make(chan error, 1),
	}
}

// follow makes the poller know when sources are read. It may be called again
// at any time. Sources whose schedule is no valid one are named in the error.
func (p *poller) follow(sources []news.Source) error {
	schedules := make(map[news.SourceID]schedule, len(sources))
	var errs []error
	for _, src := range sources {
		s, err := parseSchedule(src)
		if err != nil {
			errs = append(errs, fmt.Errorf("source %s: %w", src.ID, err))
			continue
		}
		schedules[src.ID] = s
	}
	p.schedules.Store(&schedules)
	p.asks.keep(schedules)
	return errors.Join(errs...)
}

// schedule returns a source's schedule; that of the source itself where the
// poller has not been told of it yet.
func (p *poller) schedule(src news.Source) schedule {
	if s, ok := (*p.schedules.Load())[src.ID]; ok {
		return s
	}
	if s, err := parseSchedule(src); err == nil {
		return s
	}
	s, _ := parseSchedule(news.Source{ID: src.ID, Schedule: "@every 5m"}) // a valid one
	return s
}

// asks are what sources ask and say in their documents about when to be read:
// an answer "not modified" does not repeat them.
type asks struct {
	mu sync.Mutex // guards of
	of map[news.SourceID]wish
}

type wish struct {
	wait      time.Duration
	skip      news.Hours
	ended     bool // the source says so in data
	signs     []news.Sign
	separate  bool
	successor string    // as recorded
	resumed   time.Time // when it last brought an entry after its end
}

func (w *asks) put(id news.SourceID, asked wish) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = make(map[news.SourceID]wish)
	}
	w.of[id] = asked
}

func (w *asks) get(id news.SourceID) wish {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[id]
}

// keep forgets all sources but those.
func (w *asks) keep(followed map[news.SourceID]schedule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.of, func(id news.SourceID, _ wish) bool {
		_, ok := followed[id]
		return !ok
	})
}

// run polls until ctx is done (nil) or the ledger fails, and returns after the
// last reading has ended.
func (p *poller) run(ctx context.Context) error {
	ctx, p.halt = context.WithCancel(ctx)
	defer p.halt()
	tick := func() {
		if err := p.pollDue(ctx); err != nil {
			p.fail(err)
		}
	}
	logger := cronLogger{p.log}
	c := cron.New(cron.WithLogger(logger), cron.WithLocation(time.UTC),
		cron.WithChain(cron.Recover(logger), cron.SkipIfStillRunning(cron.DiscardLogger)))
	if _, err := c.AddFunc("@every 1s", tick); err != nil {
		return fmt.Errorf("schedule polling: %w", err) // unreachable: the spec is constant
	}
	p.running.Go(tick) // what is due at the start does not wait for the first second
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	p.running.Wait()
	return p.failure()
}

// cronLogger passes cron's errors on; what it says of its ticks is noise.
type cronLogger struct{ log *slog.Logger }

// Info drops the message.
func (cronLogger) Info(string, ...any) {}

// Error logs the error, a recovered panic among them.
func (l cronLogger) Error(err error, msg string, kv ...any) {
	l.log.Error("schedule", append([]any{"error", err, "detail", msg}, kv...)...)
}

// fail keeps the first error and ends the readings under way: what they bring
// could not be saved.
func (p *poller) fail(err error) {
	select {
	case p.failed <- err:
	default: // the first error is enough
	}
	p.halt()
}

// failure returns what stopped the readings, if they did not just end.
func (p *poller) failure() error {
	select {
	case err := <-p.failed:
		return err
	default:
		return nil
	}
}

// pollDue starts a reading for every source that is due, waiting for free
// slots, and returns without waiting for the readings.
func (p *poller) pollDue(ctx context.Context) error {
	for {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		free := 1 + p.takeFree()
		began := time.Now()
		leases, err := p.store.ClaimDue(ctx, free, pollLease)
		if len(leases) > 0 {
			p.observer.Claimed("source", len(leases), time.Since(began))
		}
		for range free - len(leases) {
			<-p.slots
		}
		if err != nil {
			if !fatal(err) {
				return nil
			}
			return fmt.Errorf("claim due sources: %w", err)
		}
		for _, l := range leases {
			p.running.Go(func() {
				defer func() { <-p.slots }()
				p.poll(ctx, l)
			})
		}
		if len(leases) < free {
			return nil
		}
	}
}

func (p *poller) takeFree() (n int) {
	for {
		select {
		case p.slots <- struct{}{}:
			n++
		default:
			return n
		}
	}
}

// pollAll reads every source that is due and waits for the end.
func (p *poller) pollAll(ctx context.Context) error {
	ctx, p.halt = context.WithCancel(ctx)
	defer p.halt()
	err := p.pollDue(ctx)
	p.running.Wait()
	if err != nil {
		return err
	}
	return p.failure()
}

// poll reads one source and saves what changed. Whatever happens in it stops
// nothing else, unless the ledger can save nothing more.
func (p *poller) poll(ctx context.Context, l store.Lease) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("poll panicked", "source", l.Source.ID, "panic", r, "stack", string(debug.Stack()))
			p.rest(ctx, l, news.Snapshot{Cursor: l.Cursor}, fmt.Errorf("panic while reading: %v", r))
		}
	}()
	begin, cur := time.Now(), l.Cursor
	if cur.Via != "" && l.Failures >= viaFailures {
		cur = news.Cursor{Read: cur.Read, Begun: cur.Begun, Live: cur.Live} // the page may have another feed by now
	}
	snap, err := p.fetcher.Fetch(ctx, l.Source, cur)
	gap := store.Gap{}
	if err == nil {
		snap, gap = p.closeGap(ctx, l, snap)
	}
	if ctx.Err() != nil {
		p.release(ctx, l, store.Rest{Cursor: l.Cursor, Next: time.Now(), Problem: l.Problem})
		return
	}
	snap.Cursor.Begun = l.Cursor.Begun
	if moved(l) {
		snap.Cursor.Begun = l.Cursor.Read
	}
	if err == nil && snap.Discovery {
		err = errDiscovery
	}
	if err != nil || snap.Unchanged {
		p.observer.Polled(l.Source.ID, outcomeOf(err, false), time.Since(begin))
		p.unchanged(ctx, l, snap, err)
		return
	}
	if p.pusher != nil {
		p.pusher.Follow(l.Source, snap.Hub, snap.Topic)
	}
	changed, err := p.record(ctx, l, snap, gap)
	p.observer.Polled(l.Source.ID, outcomeOf(err, changed), time.Since(begin))
	p.unrecorded(l, err)
}

// unchanged ends a poll that brought no document: the source is as it was, or
// could not be read.
func (p *poller) unchanged(ctx context.Context, l store.Lease, snap news.Snapshot, err error) {
	if p.closes(l, err, time.Now()) {
		p.unrecorded(l, p.close(ctx, l, snap, err))
		return
	}
	p.rest(ctx, l, snap, err)
}

// unrecorded deals with a ledger that took nothing; a nil err is none.
func (p *poller) unrecorded(l store.Lease, err error) {
	switch {
	case err == nil:
	case fatal(err):
		p.fail(err)
	default:
		p.log.Warn("reading not recorded", "source", l.Source.ID, "error", err)
	}
}

// viaFailures is how often a feed that is read in place of its page may fail
// before the page is asked again.
const viaFailures = 3

// outcomeOf names a reading's outcome for the observer.
func outcomeOf(err error, changed bool) string {
	switch {
	case err != nil:
		return "failed"
	case changed:
		return "changed"
	}
	return "unchanged"
}

// moved reports whether the source is read for the first time at its present
// address or as its present format: the ledger then keeps of its cursor when it
// was read and not how.
func moved(l store.Lease) bool {
	return !l.FirstSight && l.Cursor.Format == "" && !l.Cursor.Read.IsZero()
}

// errDiscovery refuses a list of addresses as a source of news.
var errDiscovery = errors.New("this is a sitemap: a list of pages, not of news; follow one of its pages instead")

// rest ends a poll that changed nothing, or failed.
func (p *poller) rest(ctx context.Context, l store.Lease, snap news.Snapshot, err error) {
	now := time.Now()
	r := store.Rest{Cursor: snap.Cursor, Next: p.next(l, snap.Wait, l.Active, l.Ended, now)}
	if err != nil {
		r.Cursor, r.Problem = l.Cursor, err.Error()
		interval := p.schedule(l.Source).interval(now)
		wait := retryDelay(l.Failures+1, min(interval, maxRetry), maxRetry)
		if re, ok := errors.AsType[*news.ReadError](err); ok {
			wait = max(wait, re.RetryAfter)
			switch {
			case re.Gone && l.FirstSight:
				wait = max(wait, maxRetry)
			case re.Gone && l.Ended:
				wait = max(wait, endedPause(now.Sub(activeOf(l, now))))
			}
		}
		r.Next = now.Add(wait)
	}
	p.sayProblem(l, r.Problem, r.Next)
	p.release(ctx, l, r)
}

// sayProblem logs what went wrong when it differs from last time.
func (p *poller) sayProblem(l store.Lease, problem string, next time.Time) {
	switch {
	case problem == l.Problem:
	case problem == "":
		p.log.Info("source is back", "source", l.Source.ID)
	default:
		p.log.Warn("source not read", "source", l.Source.ID, "error", problem, "next", next.Round(time.Second))
	}
}

func (p *poller) release(ctx context.Context, l store.Lease, r store.Rest) {
	err := p.store.Rest(context.WithoutCancel(ctx), l, r)
	if fatal(err) {
		p.fail(fmt.Errorf("release %s: %w", l.Source.ID, err))
	}
}

// next returns when the source is due again after a good reading.
func (p *poller) next(l store.Lease, wait time.Duration, active time.Time, ended bool, now time.Time) time.Time {
	asked := p.asks.get(l.Source.ID)
	if active.IsZero() {
		active = now
	}
	return p.schedule(l.Source).after(l.Source, rhythm{
		now: now, active: active, ended: ended && now.Sub(asked.resumed) >= resumes, newly: ended && !l.Ended,
		wait: max(wait, asked.wait), skip: asked.skip,
	})
}

// activeOf returns when an entry of the source was last added or changed.
func activeOf(l store.Lease, now time.Time) time.Time {
	if l.Active.IsZero() {
		return now
	}
	return l.Active
}

// record compares the snapshot with what is known and saves the difference
// together with the promises to tell it. The claim makes sure that nobody
// records the same source between the look and the save. changed reports
// whether something was saved.
func (p *poller) record(ctx context.Context, l store.Lease, snap news.Snapshot, gap store.Gap) (changed bool, err error) {
	ctx = context.WithoutCancel(ctx) // what was read is worth the few milliseconds
	changes, err := p.changes(ctx, l, snap)
	if err != nil {
		return false, fmt.Errorf("compare %s: %w", l.Source.ID, err)
	}
	now := time.Now()
	active := activeOf(l, now)
	if l.FirstSight || slices.ContainsFunc(changes, isNews) {
		active = now
	}
	asked := p.hear(l, &snap, changes, now)
	ended := over(asked, now.Sub(active))
	moves := snap.Successor != "" && snap.Successor != asked.successor
	if len(changes) == 0 && !l.FirstSight && ended == l.Ended && gap == (store.Gap{}) && !moves {
		p.rest(ctx, l, snap, nil)
		return false, nil
	}
	done, err := p.store.Record(ctx, l, store.Poll{
		Title: snap.Title, Format: snap.Format, Ended: ended, Gap: gap, Successor: snap.Successor,
		Cursor: nextCursor(snap.Cursor, changes), Next: p.next(l, snap.Wait, active, ended, now), Changes: changes,
	})
	if err != nil {
		return false, fmt.Errorf("record %s: %w", l.Source.ID, err)
	}
	p.sayProblem(l, "", now)
	if ended && !l.Ended {
		p.log.Info("coverage has ended", "source", l.Source.ID, "because", asked.why())
	}
	if l.FirstSight {
		p.log.Info("source is followed", "source", l.Source.ID, "format", snap.Format,
			"entries", done.Added, "shown", done.Enqueued)
	}
	p.sayChanged(l, done)
	if moves {
		asked.successor = snap.Successor
		p.asks.put(l.Source.ID, asked)
		err = p.saySuccessor(ctx, l, snap.Successor)
	}
	return true, errors.Join(err, p.sayGap(ctx, l, gap))
}

// hear remembers what a document asks and says, until the next.
func (p *poller) hear(l store.Lease, snap *news.Snapshot, changes []news.Change, now time.Time) wish {
	before := p.asks.get(l.Source.ID)
	asked := wish{
		wait: snap.Wait, skip: snap.Skip, ended: snap.Ended, signs: snap.Signs, separate: snap.Separate,
		successor: before.successor, resumed: before.resumed,
	}
	if l.Ended && slices.ContainsFunc(changes, func(c news.Change) bool { return c.Kind == news.Added && !c.Quiet }) {
		asked.resumed = now
	}
	p.asks.put(l.Source.ID, asked)
	return asked
}

// isNews reports whether a change is one of an entry's words.
func isNews(c news.Change) bool {
	return c.Kind != news.Missed && c.Kind != news.Aliased
}

// sayChanged logs what a reading changed, and wakes the dispatcher to tell it.
func (p *poller) sayChanged(l store.Lease, done store.Recorded) {
	if !l.FirstSight && done.Added+done.Edited+done.Withdrawn > 0 {
		p.log.Info("source changed", "source", l.Source.ID, "added", done.Added,
			"edited", done.Edited, "withdrawn", done.Withdrawn, "deliveries", done.Enqueued)
	}
	if done.Enqueued > 0 {
		p.wake()
	}
}

// nextCursor returns the cursor to save. While an entry is missed its page must
// be read whole again, even if it has not changed: a second reading decides.
func nextCursor(c news.Cursor, changes []news.Change) news.Cursor {
	if slices.ContainsFunc(changes, func(c news.Change) bool { return c.Kind == news.Missed && c.Missed > 0 }) {
		c.ETag, c.LastModified, c.Body = "", "", ""
	}
	return c
}

// changes returns what the ledger should save of the snapshot.
func (p *poller) changes(ctx context.Context, l store.Lease, snap news.Snapshot) ([]news.Change, error) {
	p.comparing <- struct{}{}
	defer func() { <-p.comparing }()
	var known []news.Known
	if !l.FirstSight {
		ids, from, to := extent(snap)
		if len(ids) == 0 {
			return nil, nil
		}
		var err error
		if known, err = p.store.Known(ctx, l.Source.ID, ids, from, to); err != nil {
			return nil, err
		}
		if known, err = p.withUndated(ctx, l, &snap, known); err != nil {
			return nil, err
		}
	}
	snap.Since = latest(snap.Since, snap.Cursor.Begun)
	diff := news.Diff(known, snap)
	fillQuotes(diff, snap)
	changes := diff[:0]
	for _, c := range diff {
		c, ok, err := p.settleChange(ctx, l, c)
		if err != nil {
			return nil, err
		}
		if ok {
			changes = append(changes, c)
		}
	}
	quieten(changes, l)
	return changes, nil
}

// undatedFor is how far back an entry without a time, whose id is a hash of its
// words, is looked for under other words: it may have been edited.
const undatedFor = 3 * 24 * time.Hour

// withUndated adds to known what an unknown entry without a time may have been.
func (p *poller) withUndated(ctx context.Context, l store.Lease, snap *news.Snapshot, known []news.Known) ([]news.Known, error) {
	// Another extractor may find times where there were none, or none where
	// there were: then any entry may be one of those.
	other := l.Cursor.Format != "" && l.Cursor.Format != snap.Format
	vague := func(e news.Entry) bool { return other || e.Published.IsZero() && e.IDKind != news.IDExplicit }
	if !slices.ContainsFunc(snap.Entries, vague) {
		return known, nil
	}
	have := make(map[news.EntryID]bool, len(known))
	for i := range known {
		have[known[i].ID] = true
		for _, a := range known[i].Aliases {
			have[a] = true
		}
	}
	if !slices.ContainsFunc(snap.Entries, func(e news.Entry) bool { return vague(e) && !have[e.Entry] }) {
		return known, nil
	}
	now := time.Now()
	more, err := p.store.Known(ctx, l.Source.ID, nil, now.Add(-undatedFor), now)
	if err != nil {
		return nil, err
	}
	for _, k := range more {
		if !have[k.ID] && (other || !k.Dated) {
			known = append(known, k)
		}
	}
	return known, nil
}

// extent returns the ids a snapshot names and the time it spans.
func extent(snap news.Snapshot) (ids []news.EntryID, from, to time.Time) {
	ids = make([]news.EntryID, 0, len(snap.Entries)+len(snap.Withdrawn))
	for i := range snap.Entries {
		e := &snap.Entries[i]
		ids = append(append(ids, e.Entry), e.Aliases...)
		t := e.Published
		if t.IsZero() {
			continue
		}
		if from.IsZero() || t.Before(from) {
			from = t
		}
		if t.After(to) {
			to = t
		}
	}
	return append(ids, snap.Withdrawn...), from, to
}

// fillQuotes finds the quotes of added and edited entries. On a live page the
// rest of the page is context: it tells who "the mayor" is.
func fillQuotes(changes []news.Change, snap news.Snapshot) {
	at := make(map[news.EntryID]int, len(snap.Entries))
	parts := make([]quote.Part, len(snap.Entries))
	for i := range snap.Entries {
		e := &snap.Entries[i]
		parts[i] = quote.Part{Headline: e.Headline, Body: e.Body}
		at[e.Entry] = i
	}
	var want, of []int
	for i := range changes {
		c := &changes[i]
		if c.Kind != news.Added && c.Kind != news.Edited && c.Kind != news.Reinstated {
			continue
		}
		if j, ok := position(at, &c.Entry); ok {
			want, of = append(want, j), append(of, i)
		}
	}
	if len(want) == 0 {
		return
	}
	for i, quotes := range quotesOf(snap, parts, want) {
		changes[of[i]].Entry.Quotes = withoutEchoes(quotes)
	}
}

// quotesOf finds the quotes of the wanted parts, each by itself where the
// snapshot's entries have nothing to do with one another.
func quotesOf(snap news.Snapshot, parts []quote.Part, want []int) [][]news.Quote {
	if !snap.Separate {
		return quote.PageOf(snap.Title, parts, want)
	}
	found := make([][]news.Quote, len(want))
	for i, j := range want {
		found[i] = quote.Page("", parts[j:j+1])[0]
	}
	return found
}

// withoutEchoes drops the quotes of a headline that the text gives in full.
func withoutEchoes(quotes []news.Quote) []news.Quote {
	return slices.DeleteFunc(quotes, func(q news.Quote) bool {
		return q.InHeadline && slices.ContainsFunc(quotes, func(o news.Quote) bool {
			return !o.InHeadline && strings.Contains(strings.ToLower(o.Text), strings.ToLower(q.Text))
		})
	})
}

// position finds an entry of a change in the snapshot, where it may stand
// under one of its aliases.
func position(at map[news.EntryID]int, e *news.Entry) (int, bool) {
	if j, ok := at[e.Entry]; ok {
		return j, true
	}
	for _, a := range e.Aliases {
		if j, ok := at[a]; ok {
			return j, true
		}
	}
	return 0, false
}

// settleChange turns a difference into what is to be recorded: the whole entry
// with its history. ok is false when there is nothing to record.
func (p *poller) settleChange(ctx context.Context, l store.Lease, c news.Change) (news.Change, bool, error) {
	now := time.Now().UTC()
	c.Entry.Source = l.Source.ID
	if c.Kind == news.Added {
		c.Entry.FirstSeen, c.Entry.Changed, c.Entry.Revision = now, now, 1
		return c, true, nil
	}
	if c.Kind == news.Missed {
		return c, true, nil
	}
	prev, err := p.store.Entry(ctx, c.Entry.Ref)
	if errors.Is(err, store.ErrNotFound) {
		return c, false, nil // unreachable unless a retention run took it just now
	}
	if err != nil {
		return c, false, err
	}
	if prev.Pulled && c.Kind != news.Aliased {
		return c, false, nil // it stays withdrawn, whatever its source does
	}
	switch c.Kind {
	case news.Retracted:
		c.Entry = news.Retract(prev, now)
	case news.Aliased:
		c.Entry = news.Alias(prev, c.Entry.Aliases)
	default: // Edited, Reinstated
		c.Entry = news.Revise(prev, c.Entry, now)
	}
	return c, true, nil
}

// quieten marks what is not news: at first sight all but the newest few; later
// what turns up long after its time; on another page than before what stood
// there while the earlier one was read.
func quieten(changes []news.Change, l store.Lease) {
	loud := l.Source.Newest
	maxAge := l.Source.MaxAge
	if maxAge <= 0 {
		maxAge = defaultMaxAge
	}
	for i := len(changes) - 1; i >= 0; i-- {
		c := &changes[i]
		if c.Kind != news.Added {
			continue
		}
		if l.FirstSight {
			c.Quiet = loud <= 0
			loud--
			continue
		}
		if moved(l) {
			c.Quiet = c.Entry.Published.Before(l.Cursor.Read)
			continue
		}
		c.Quiet = !c.Entry.Published.IsZero() && !l.Cursor.Read.IsZero() &&
			c.Entry.Published.Before(l.Cursor.Read.Add(-maxAge))
	}
}
