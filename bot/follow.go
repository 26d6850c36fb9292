package bot

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
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

	// Silence of a live page that hints that it is over, and that confirms a
	// stronger sign.
	longSilence = 6 * time.Hour
	someSilence = 2 * time.Hour

	// maxSkip bounds how long a source's own skipped hours put a reading off.
	maxSkip = 12 * time.Hour
	// absurdSkip is how many hours of the week are too many to be meant.
	absurdSkip = 160
)

// A rhythm is what decides when a source is read next.
type rhythm struct {
	now      time.Time
	active   time.Time // when an entry was last added or changed
	ended    bool
	newly    bool          // it was not at the last reading
	separate bool          // a feed of pieces of their own: quiet is its nature
	wait     time.Duration // what the source asks
	skip     news.Hours
}

// after returns when a source is read next. A quiet page is read less often:
// every interval for half an hour after its last entry, then every second,
// fourth and tenth, but never more than Source.Slowest apart. A cron expression
// is followed as it is written while the coverage goes on.
func (s schedule) after(src news.Source, p rhythm) time.Time {
	at := s.next(p.now)
	every := s.interval(p.now)
	quiet := p.now.Sub(p.active)
	switch {
	case p.ended && !p.newly:
		at = latest(at, p.now.Add(max(every, endedPause(quiet))))
	case s.steady() && src.Slowest > every:
		if slow := min(every*time.Duration(quietFactor(quiet)), src.Slowest); slow > every {
			at = latest(at, p.now.Add(slow))
		}
	}
	at = latest(at, p.now.Add(min(p.wait, maxWait)))
	return skipped(at, p.skip)
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
// in. Hours that leave next to nothing are not believed.
func skipped(at time.Time, skip news.Hours) time.Time {
	if bits.OnesCount64(skip[0])+bits.OnesCount64(skip[1])+bits.OnesCount64(skip[2]) > absurdSkip {
		return at
	}
	end := at.Add(maxSkip)
	for skip.Has(at) && at.Before(end) {
		at = at.UTC().Truncate(time.Hour).Add(time.Hour)
	}
	return at
}

// over reports whether a reading says that the coverage has ended: the source
// says so in data, or a strong hint is borne out by a weaker one or by silence.
func over(snap *news.Snapshot, active, now time.Time) bool {
	if snap.Ended {
		return true
	}
	if snap.Separate {
		return false
	}
	medium, weak := 0, 0
	for _, s := range snap.Signs {
		if s.Medium {
			medium++
		} else {
			weak++
		}
	}
	silence := now.Sub(active)
	if silence > longSilence {
		weak++
	}
	return medium > 0 && (medium+weak > 1 || silence > someSilence)
}

// maxWalk bounds how many older pages are read to close one gap.
const maxWalk = 5

// gapEntries is how many new entries make it likely that others came and went.
const gapEntries = 3

// closeGap reads older pages until what is known is met again, if a page no
// longer reaches back to it, and returns the snapshot with their entries. If it
// cannot be met, the gap says what may be missing.
func (p *poller) closeGap(ctx context.Context, l store.Lease, snap news.Snapshot) (news.Snapshot, store.Gap) {
	if l.FirstSight || moved(l) || l.Newest.IsZero() || snap.Unchanged || snap.Discovery || reaches(&snap, l.Newest) || p.met(ctx, l, &snap) {
		return snap, store.Gap{}
	}
	next, read := snap.Older, map[string]bool{l.Source.URL: true}
	for range maxWalk {
		if next == "" || read[next] {
			break
		}
		read[next] = true
		more, err := p.fetcher.More(ctx, l.Source, next)
		if err != nil {
			p.log.Warn("older entries not read", "source", l.Source.ID, "error", err)
			break
		}
		if !addOlder(&snap, more) {
			break // nothing new on it: it goes round in circles
		}
		if reaches(&snap, l.Newest) || p.met(ctx, l, &more) {
			p.log.Info("gap closed", "source", l.Source.ID, "pages", len(read)-1)
			return snap, store.Gap{}
		}
		next = more.Older
	}
	oldest, n := oldestAfter(&snap, l.Newest)
	if n < gapEntries {
		return snap, store.Gap{}
	}
	return snap, store.Gap{From: l.Newest, To: oldest}
}

// reaches reports whether a page goes back to a time: it holds an entry of just
// then, or more than one from before (one alone may be pinned).
func reaches(snap *news.Snapshot, known time.Time) bool {
	before := 0
	for i := range snap.Entries {
		at := snap.Entries[i].Published
		switch {
		case at.IsZero():
		case at.Equal(known):
			return true
		case at.Before(known):
			before++
		}
	}
	return before > 1
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

// addOlder adds the entries of an older page, each once, and reports whether there
// were any.
func addOlder(snap *news.Snapshot, more news.Snapshot) bool {
	have := make(map[news.EntryID]bool, len(snap.Entries))
	for i := range snap.Entries {
		have[snap.Entries[i].Entry] = true
	}
	before := len(snap.Entries)
	for _, e := range more.Entries {
		if !have[e.Entry] {
			have[e.Entry] = true
			snap.Entries = append(snap.Entries, e)
		}
	}
	snap.Withdrawn = append(snap.Withdrawn, more.Withdrawn...)
	if !more.Since.IsZero() && more.Since.Before(snap.Since) {
		snap.Since = more.Since
	}
	return len(snap.Entries) > before
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

// saySuccessor tells operators, once, where coverage goes on.
func (p *poller) saySuccessor(ctx context.Context, l store.Lease, address string) error {
	if address == "" || !p.said.first(string(l.Source.ID)+" "+address) {
		return nil
	}
	p.log.Info("coverage goes on elsewhere", "source", l.Source.ID, "at", address)
	return p.tell(ctx, "successor "+string(l.Source.ID)+" "+address,
		fmt.Sprintf("%s: coverage goes on at %s. To follow it, add it under sources, or write /follow and the address in the channel.", l.Source.Name, address))
}

// errBusyPush says that a pushed document could not be taken now.
var errBusyPush = errors.New("the source is being read")

// Push takes what a hub sent for a source: its feed, or a part of it. What is
// new or changed in it is told at once; what is absent means nothing, and the
// source is polled as before. After an error the document is lost and the
// source is due at once.
func (b *Bot) Push(ctx context.Context, source news.SourceID, contentType string, body []byte) error {
	return b.poller.push(ctx, source, contentType, body, b.claim)
}

func (p *poller) push(ctx context.Context, id news.SourceID, contentType string, body []byte,
	claim func(context.Context, news.SourceID) (store.Lease, error),
) error {
	begin := time.Now()
	l, err := claim(ctx, id)
	if err != nil {
		return fmt.Errorf("%w: %w", errBusyPush, err)
	}
	back := store.Rest{Cursor: l.Cursor, Next: l.Due, Problem: l.Problem}
	snap, err := p.fetcher.Read(ctx, l.Source, contentType, body)
	if err != nil || l.FirstSight {
		back.Next = time.Now()
		p.release(ctx, l, back)
		return err
	}
	snap.Window, snap.Ended = true, false
	snap.Since = begin.AddDate(100, 0, 0) // nothing is missed because of it
	save := context.WithoutCancel(ctx)
	changes, err := p.changes(save, l, snap)
	if err != nil || len(changes) == 0 {
		p.release(ctx, l, back)
		return err
	}
	done, err := p.store.Record(save, l, store.Poll{
		Title: l.Title, Format: l.Cursor.Format, Ended: l.Ended, Cursor: l.Cursor, Next: l.Due, Changes: changes,
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", id, err)
	}
	p.observer.Polled(id, "pushed", time.Since(begin))
	p.sayChanged(l, done)
	return nil
}
