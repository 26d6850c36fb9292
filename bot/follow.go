package bot

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

const (
	// A page whose coverage is over is read every endedFast for an hour after
	// its last entry, then every endedSlow for two days, then daily: coverage
	// resumes, and a closed page is cheap to ask for.
	endedFast = 15 * time.Minute
	endedSlow = time.Hour
	endedIdle = 24 * time.Hour

	// resumes is how long a page that calls itself over is read as any other
	// after it has brought another entry.
	resumes = 30 * time.Minute

	// someSilence of a live page confirms a strong hint that it is over.
	someSilence = 2 * time.Hour

	// maxSkip is how many skipped hours at most put a reading off.
	maxSkip = 12
	// absurdSkip is how many hours of the week are too many to be meant.
	absurdSkip = 160
)

// A rhythm is what decides when a source is read next.
type rhythm struct {
	now    time.Time
	active time.Time // when an entry was last added or changed
	ended  bool
	newly  bool          // it was not at the last reading
	wait   time.Duration // what the source asks
	skip   news.Hours
}

// after returns when a source is read next. A quiet page is read less often:
// every interval for half an hour after its last entry, then every second,
// fourth and tenth, but never more than Source.Slowest apart. A page that has
// just ended is read once more soon, then as endedPause says. A cron expression
// is followed as it is written, with pauses only when the coverage has ended.
func (s schedule) after(src news.Source, r rhythm) time.Time {
	at, every, quiet := s.next(r.now), s.interval(r.now), r.now.Sub(r.active)
	switch {
	case r.ended && !r.newly:
		at = s.notBefore(at, r.now.Add(endedPause(quiet)))
	case s.steady() && src.Slowest > every:
		if slow := min(every*time.Duration(quietFactor(quiet)), src.Slowest); slow > every {
			at = latest(at, r.now.Add(slow))
		}
	}
	at = latest(at, r.now.Add(min(r.wait, maxWait)))
	if !s.steady() {
		return at
	}
	return s.skipped(at, r.skip)
}

// notBefore puts a reading off; by a cron expression, to its next time.
func (s schedule) notBefore(at, earliest time.Time) time.Time {
	if !at.Before(earliest) {
		return at
	}
	if s.steady() {
		return earliest
	}
	return s.next(earliest)
}

func endedPause(quiet time.Duration) time.Duration {
	switch {
	case quiet < time.Hour:
		return endedFast
	case quiet < 48*time.Hour:
		return endedSlow
	}
	return endedIdle
}

func quietFactor(quiet time.Duration) int {
	switch {
	case quiet < 30*time.Minute:
		return 1
	case quiet < 2*time.Hour:
		return 2
	case quiet < 6*time.Hour:
		return 4
	}
	return 10
}

// skipped moves at to the end of the hours that a source asks not to be read
// in, and to the source's own place in the minute after them. Hours that leave
// next to nothing are not believed.
func (s schedule) skipped(at time.Time, skip news.Hours) time.Time {
	if !skip.Has(at) || bits.OnesCount64(skip[0])+bits.OnesCount64(skip[1])+bits.OnesCount64(skip[2]) > absurdSkip {
		return at
	}
	for hours := 0; hours < maxSkip && skip.Has(at); hours++ {
		at = at.UTC().Truncate(time.Hour).Add(time.Hour)
	}
	return at.Add(time.Duration(s.spread) % time.Minute)
}

// over reports whether a reading says that the coverage has ended: the source
// says so in data, or a strong hint is borne out by another one or by silence.
// Hints say nothing of a list of separate pieces, which goes on.
func over(asked wish, silence time.Duration) bool {
	if asked.ended || asked.separate {
		return asked.ended
	}
	medium := 0
	for _, s := range asked.signs {
		if s.Medium {
			medium++
		}
	}
	return medium > 0 && (len(asked.signs) > 1 || silence > someSilence)
}

// why says, for the log, what over goes by.
func (w wish) why() string {
	if w.ended {
		return "the source says so"
	}
	var said []string
	for _, s := range w.signs {
		said = append(said, s.What)
	}
	return strings.Join(said, "; ")
}

// gone reports whether a source has said twice that it will not come back.
func gone(l store.Lease, err error) bool {
	re, ok := errors.AsType[*news.ReadError](err)
	return ok && re.Gone && l.Problem == err.Error()
}

// closes reports whether a reading without a document ends the coverage.
func (p *poller) closes(l store.Lease, err error, now time.Time) bool {
	if l.Ended || l.FirstSight || moved(l) {
		return false
	}
	if err != nil {
		return gone(l, err)
	}
	return over(p.asks.get(l.Source.ID), now.Sub(activeOf(l, now)))
}

// close records that the coverage has ended, of which a reading brought no
// document.
func (p *poller) close(ctx context.Context, l store.Lease, snap news.Snapshot, err error) error {
	now := time.Now()
	cur, why := snap.Cursor, p.asks.get(l.Source.ID).why()
	if err != nil {
		cur, why = l.Cursor, err.Error()
	}
	done, err := p.store.Record(context.WithoutCancel(ctx), l, store.Poll{
		Title: l.Title, Format: l.Cursor.Format, Ended: true, Cursor: cur, Next: p.next(l, snap.Wait, l.Active, true, now),
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", l.Source.ID, err)
	}
	p.log.Info("coverage has ended", "source", l.Source.ID, "because", why)
	p.sayChanged(l, done)
	return nil
}

// maxWalk bounds how many older pages are read to close one gap.
const maxWalk = 5

// gapEntries is how many new entries make it likely that others came and went.
const gapEntries = 3

// walkTime bounds how long that may take, so that the claim outlasts it.
const walkTime = 45 * time.Second

// closeGap reads older pages until what is known is met again, if a page no
// longer reaches back to it, and returns the snapshot with their entries. If it
// cannot be met, the gap says what may be missing.
func (p *poller) closeGap(ctx context.Context, l store.Lease, snap news.Snapshot) (news.Snapshot, store.Gap) {
	if l.FirstSight || moved(l) || l.Newest.IsZero() || snap.Unchanged || snap.Discovery || reaches(&snap, l.Newest) || p.met(ctx, l, &snap) {
		return snap, store.Gap{}
	}
	if p.walk(ctx, l, &snap) {
		return snap, store.Gap{}
	}
	oldest, n := oldestAfter(&snap, l.Newest)
	if n < gapEntries {
		return snap, store.Gap{}
	}
	return snap, store.Gap{From: l.Newest, To: oldest}
}

// walk adds the entries of older pages to the snapshot and reports whether what
// is known was met. What was read before a page fails is kept.
func (p *poller) walk(ctx context.Context, l store.Lease, snap *news.Snapshot) bool {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	next, read := snap.Older, map[string]bool{l.Source.URL: true, l.Cursor.Via: true}
	for pages := 1; pages <= maxWalk && next != "" && !read[next]; pages++ {
		read[next] = true
		more, err := p.fetcher.More(ctx, l.Source, next)
		if err != nil {
			if re, ok := errors.AsType[*news.ReadError](err); ok {
				snap.Wait = max(snap.Wait, re.RetryAfter)
			}
			p.log.Warn("older entries not read", "source", l.Source.ID, "error", err)
			return false
		}
		if !addOlder(snap, &more) {
			return false // nothing older on it: it goes round in circles, or elsewhere
		}
		if reaches(&more, l.Newest) || p.met(ctx, l, &more) {
			p.log.Info("gap closed", "source", l.Source.ID, "pages", pages)
			return true
		}
		next = more.Older
	}
	return false
}

// edge returns the oldest time that a page covers without gaps; zero if its
// entries state none.
func edge(snap *news.Snapshot) time.Time {
	if !snap.Since.IsZero() {
		return snap.Since
	}
	oldest, _ := oldestAfter(snap, time.Time{})
	return oldest
}

// reaches reports whether a page goes back to a time, whatever older entries
// are pinned on top of it. One that holds only what has changed (Since is the
// time of its newest) says nothing of what it lacks, and lacks nothing.
func reaches(snap *news.Snapshot, known time.Time) bool {
	if len(snap.Entries) > 1 && !snap.Since.IsZero() && snap.Since.Equal(newestOf(snap)) {
		return true
	}
	from := edge(snap)
	return !from.IsZero() && !from.After(known)
}

// met reports whether a page holds the newest entry that is known, or, where
// its entries have no times, any. What cannot be looked up is not missed.
func (p *poller) met(ctx context.Context, l store.Lease, snap *news.Snapshot) bool {
	ids, _, _ := extent(*snap)
	if len(ids) == 0 {
		return true
	}
	known, err := p.store.Known(ctx, l.Source.ID, ids, time.Time{}, time.Time{})
	if err != nil {
		return true
	}
	return slices.ContainsFunc(known, func(k news.Known) bool { return !k.Dated || !k.When.Before(l.Newest) })
}

// addOlder adds the entries of an older page, each once, and reports whether it
// is one: it has others, and none newer than the page before has. A link to
// "next" may lead to another story.
func addOlder(snap, more *news.Snapshot) bool {
	if newestOf(more).After(newestOf(snap)) {
		return false
	}
	have := make(map[news.EntryID]bool, len(snap.Entries))
	for i := range snap.Entries {
		have[snap.Entries[i].Entry] = true
	}
	before := len(snap.Entries)
	from := edge(snap)
	for _, e := range more.Entries {
		if !have[e.Entry] {
			have[e.Entry] = true
			snap.Entries = append(snap.Entries, e)
		}
	}
	if len(snap.Entries) == before {
		return false
	}
	snap.Withdrawn = append(snap.Withdrawn, more.Withdrawn...)
	if to := edge(more); !to.IsZero() && (from.IsZero() || to.Before(from)) {
		from = to
	}
	snap.Since = from
	return true
}

func newestOf(snap *news.Snapshot) (at time.Time) {
	for i := range snap.Entries {
		at = latest(at, snap.Entries[i].Published)
	}
	return at
}

// oldestAfter returns the oldest time on a page after a time, and how many
// entries are.
func oldestAfter(snap *news.Snapshot, known time.Time) (oldest time.Time, n int) {
	for i := range snap.Entries {
		at := snap.Entries[i].Published
		if at.IsZero() || !at.After(known) {
			continue
		}
		n++
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest, n
}

// sayGap tells operators of entries that may be missing.
func (p *poller) sayGap(ctx context.Context, l store.Lease, g store.Gap) error {
	if g == (store.Gap{}) {
		return nil
	}
	const clock = "2 Jan 15:04 UTC"
	text := fmt.Sprintf("%s: more was published than its page still shows. Updates between %s and %s may be missing; read it more often (every:).",
		l.Source.Name, g.From.UTC().Format(clock), g.To.UTC().Format(clock))
	p.log.Warn("updates may be missing", "source", l.Source.ID, "from", g.From, "to", g.To)
	return p.tell(ctx, "gap "+string(l.Source.ID)+" "+g.From.String(), text)
}

// saySuccessor tells operators where coverage goes on.
func (p *poller) saySuccessor(ctx context.Context, l store.Lease, address string) error {
	p.log.Info("coverage goes on elsewhere", "source", l.Source.ID, "at", address)
	return p.tell(ctx, "successor "+string(l.Source.ID)+" "+address,
		fmt.Sprintf("%s: coverage goes on at %s. To follow it, add it under sources, or write /follow and the address in the channel.", l.Source.Name, address))
}

// Push takes what a hub sent for a source: its feed, or a part of it. What is
// new or changed in it is told at once; what is absent means nothing, and the
// source is polled as before. It waits while the source is being read, until
// ctx is done. After an error the document is lost.
func (b *Bot) Push(ctx context.Context, source news.SourceID, contentType string, body []byte) error {
	l, err := b.claim(ctx, source)
	if err != nil {
		return fmt.Errorf("claim %s: %w", source, err)
	}
	return b.poller.push(ctx, l, contentType, body)
}

// push records what a pushed document says of a claimed source.
func (p *poller) push(ctx context.Context, l store.Lease, contentType string, body []byte) (err error) {
	begin := time.Now()
	back := store.Rest{Cursor: l.Cursor, Next: l.Due, Problem: l.Problem}
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("push panicked", "source", l.Source.ID, "panic", r, "stack", string(debug.Stack()))
			p.release(ctx, l, back)
			err = fmt.Errorf("panic while reading: %v", r)
		}
	}()
	snap, err := p.fetcher.Read(ctx, l.Source, contentType, body)
	if err != nil || l.FirstSight || moved(l) || snap.Discovery {
		back.Next = begin // the source itself says more
		p.release(ctx, l, back)
		return err
	}
	snap.Window, snap.Ended = true, false
	snap.Since = begin.AddDate(100, 0, 0) // nothing is missed because of it
	save := context.WithoutCancel(ctx)
	changes, err := p.changes(save, l, snap)
	if err != nil || len(changes) == 0 {
		p.observer.Polled(l.Source.ID, "pushed", time.Since(begin))
		p.release(ctx, l, back)
		return err
	}
	done, err := p.store.Record(save, l, store.Poll{
		Title: l.Title, Format: l.Cursor.Format, Ended: l.Ended, Cursor: l.Cursor, Next: l.Due, Changes: changes,
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", l.Source.ID, err)
	}
	p.observer.Polled(l.Source.ID, "pushed", time.Since(begin))
	p.sayChanged(l, done)
	return nil
}
