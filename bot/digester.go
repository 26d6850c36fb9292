package bot

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/summary"
	"github.com/pullquote/pullquote/store"
)

// A digester promises each digest at its time. What was promised last is kept,
// so that a digest missed while the bot was down comes late once, or not at
// all where it would be stale, and none comes twice.
type digester struct {
	desk  *desk.Desk
	store store.Store
	log   *slog.Logger
	wake  func()
}

const (
	// staleDigest is how late a digest may be.
	staleDigest = 2 * time.Hour
	// maxNap bounds how long a clock that jumps is not noticed.
	maxNap = time.Minute
	// digestWindow bounds how many entries a digest sums up.
	digestWindow = 500
)

// run promises digests until ctx is done (nil) or the ledger fails.
func (g *digester) run(ctx context.Context) error {
	for ctx.Err() == nil {
		changed := g.desk.Changed()
		next, err := g.promiseDue(ctx, time.Now())
		if fatal(err) {
			return err
		}
		t := time.NewTimer(min(max(0, time.Until(next)), maxNap))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// promiseDue promises the digests whose time has come and returns when the
// next is due.
func (g *digester) promiseDue(ctx context.Context, now time.Time) (next time.Time, err error) {
	next = now.Add(maxNap)
	for _, d := range g.desk.Digests() {
		at, err := g.promise(ctx, d, now)
		if fatal(err) {
			return next, err
		}
		if err != nil {
			g.log.Error("digest not promised", "digest", d.ID, "channel", d.Channel.String(), "error", err)
			continue
		}
		if at.Before(next) {
			next = at
		}
	}
	return next, nil
}

// promise promises a digest if its time has come, and returns when the next
// one is due.
func (g *digester) promise(ctx context.Context, d desk.Digest, now time.Time) (next time.Time, err error) {
	slots, err := parseSlots(d.Spec)
	if err != nil {
		return now, err
	}
	last, err := g.last(ctx, d)
	if err != nil {
		return now, err
	}
	slot := last
	for next = slots.after(slot); !next.IsZero() && !next.After(now); next = slots.after(slot) {
		slot = next
	}
	if slot.Equal(last) {
		return next, nil
	}
	if now.Sub(slot) <= staleDigest {
		p := store.Promise{Kind: store.Digest, Number: digestNumber(d.ID, slot), Text: digestText(d.ID, last, slot)}
		if d.Thread && len(d.Sources) == 1 {
			p.Entry.Source = d.Sources[0] // it stands where that source's updates do
		}
		err = g.store.Promise(ctx, d.Channel, p)
		if err != nil {
			return now, fmt.Errorf("promise digest %s: %w", d.ID, err)
		}
		g.wake()
	}
	return next, g.store.Keep(ctx, digestKey(d.ID), []byte(slot.UTC().Format(time.RFC3339)))
}

// last returns the slot that was promised last; of a new digest, when it was
// made.
func (g *digester) last(ctx context.Context, d desk.Digest) (time.Time, error) {
	b, err := g.store.Kept(ctx, digestKey(d.ID))
	if errors.Is(err, store.ErrNotFound) && d.File {
		now := time.Now().UTC().Truncate(time.Second) // it is not known since when the file says so
		return now, g.store.Keep(ctx, digestKey(d.ID), []byte(now.Format(time.RFC3339)))
	}
	if errors.Is(err, store.ErrNotFound) {
		return d.At, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, string(b))
}

func digestKey(id string) string { return "digest/" + id }

// digestNumber tells the digests of a channel apart.
func digestNumber(id string, slot time.Time) uint64 {
	return uint64(slot.Unix())<<16 | uint64(crc32.ChecksumIEEE([]byte(id))&0xFFFF)
}

// digestText is what a promised digest is about: its ID and its period.
func digestText(id string, from, to time.Time) string {
	return fmt.Sprintf("%s %d %d", id, from.Unix(), to.Unix())
}

func parseDigestText(s string) (id string, from, to time.Time, ok bool) {
	f := strings.Fields(s)
	if len(f) != 3 {
		return "", from, to, false
	}
	a, err1 := strconv.ParseInt(f[1], 10, 64)
	b, err2 := strconv.ParseInt(f[2], 10, 64)
	return f[0], time.Unix(a, 0).UTC(), time.Unix(b, 0).UTC(), err1 == nil && err2 == nil
}

// slots are the times of a cron expression as the clock on the wall shows
// them. When clocks go forward a time that does not exist comes at the next
// that does; when they go back a time that comes twice counts once. (cron by
// itself leaves out the first and repeats the second.)
type slots struct {
	civil cron.Schedule // in UTC
	zone  *time.Location
}

func parseSlots(spec string) (slots, error) {
	zone := time.UTC
	if rest, ok := strings.CutPrefix(spec, "CRON_TZ="); ok {
		name, fields, _ := strings.Cut(rest, " ")
		loc, err := time.LoadLocation(name)
		if err != nil {
			return slots{}, err
		}
		zone, spec = loc, fields
	}
	s, err := parseSpec("CRON_TZ=UTC " + spec)
	return slots{civil: s, zone: zone}, err
}

// after returns the first slot after t.
func (s slots) after(t time.Time) time.Time {
	const most = 8 // slots that fall into the same gap of the clock
	civil := wall(t.In(s.zone))
	for range most {
		civil = s.civil.Next(civil)
		if civil.IsZero() {
			return civil
		}
		at := time.Date(civil.Year(), civil.Month(), civil.Day(), civil.Hour(), civil.Minute(), civil.Second(), 0, s.zone)
		if !wall(at).Equal(civil) { // there is no such time: the first after the gap
			at = afterGap(at, civil, s.zone)
		}
		if at.After(t) {
			return at
		}
	}
	return t.Add(time.Hour) // unreachable: no gap holds so many
}

// wall returns the clock's time as if it were UTC.
func wall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// afterGap returns the first moment near at whose wall time is past civil.
func afterGap(at, civil time.Time, zone *time.Location) time.Time {
	begin := at.Add(-3 * time.Hour).Truncate(time.Minute)
	for m := range 6 * 60 {
		t := begin.Add(time.Duration(m) * time.Minute).In(zone)
		if wall(t).After(civil) {
			return t
		}
	}
	return at // unreachable: no clock goes forward by more
}

// fillDigest reads the entries that a digest sums up. A digest that was removed
// meanwhile has none.
func (p *porter) fillDigest(ctx context.Context, w store.Work) (store.Work, error) {
	id, from, to, ok := parseDigestText(w.Delivery.Text)
	if !ok || p.desk == nil {
		return w, nil
	}
	d, err := p.desk.Digest(id)
	if err != nil {
		return w, nil //nolint:nilerr // removed
	}
	sources := d.Sources
	if len(sources) == 0 {
		for _, want := range p.desk.Wants(d.Home) {
			sources = append(sources, want.Source)
		}
	}
	if len(sources) == 0 {
		return w, nil
	}
	// What was seen in the period counts, even if it was published before.
	entries, _, err := p.store.Latest(ctx, store.Query{Sources: sources, Since: from.Add(-defaultMaxAge), AsOf: to, Limit: digestWindow})
	for i := range entries {
		e := &entries[i]
		if !e.Withdrawn && e.FirstSeen.After(from) && p.desk.Judge(d.Home, e).Wanted {
			w.Entries = append(w.Entries, *e)
		}
	}
	w.Count = len(w.Entries)
	return w, err
}

// digestForm composes the card of a digest: what mattered, in the order it
// happened. entries come newest first.
func digestForm(d store.Delivery, entries []news.Entry) chat.Card {
	_, from, to, _ := parseDigestText(d.Text)
	mattered := summary.Of(entries, maxMattered)
	c := chat.Card{
		Form: chat.ClosingForm, Headline: "Digest of the last " + spoken(to.Sub(from)), Count: len(entries), Changed: to,
	}
	for i := len(mattered) - 1; i >= 0; i-- {
		c.Items = append(c.Items, itemOf(&mattered[i]))
	}
	if len(entries) > len(mattered) {
		c.Note = "/latest shows them all"
	}
	return c
}
