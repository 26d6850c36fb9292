package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// modelCases do random things to a ledger and to a model of it that is plain
// maps and slices, and compare what they say. STORETEST_SEED repeats a seed
// that failed.
var modelCases = []testCase{
	{"random stories", func(p *probe) {
		if text := os.Getenv("STORETEST_SEED"); text != "" {
			seed, err := strconv.ParseUint(text, 10, 64)
			p.ok(err)
			tellRandom(p, seed)
			return
		}
		tellRandom(p, rand.Uint64())
		stories := 2
		if testing.Short() {
			stories = 1
		}
		for range stories {
			tellRandom(newProbe(p.T, p.engine), rand.Uint64())
		}
	}},
}

var (
	modelSources  = []news.SourceID{"a", "ab", "b"}
	modelChannels = []string{"x", "xy", "z"}
	modelWords    = []string{"water", "waters", "quay", "boat", "boats", "boatman", "rain", "mayor", "night"}
	modelPeople   = []string{"", "Una Marsh", "Ned Shaw", "Zoë Quay"}
)

// A model is what a ledger should hold.
type model struct {
	*probe
	seed      uint64
	rng       *rand.Rand
	serial    int
	entries   map[news.Ref]news.Entry
	subs      map[news.SourceID]map[string]bool
	lanes     map[string][]*modelDelivery
	receipts  map[string]store.Receipt // by channel and ref; without Message = nothing stands
	rollups   map[string][]*modelRollup
	folded    map[string]*modelRollup // by channel and ref
	abandoned int
}

// A modelRollup is a roll-up of a channel.
type modelRollup struct {
	source  news.SourceID
	earlier bool
	refs    []news.Ref
	number  uint64        // 0 = not seen yet
	receipt store.Receipt // without Message = none stands
}

type modelDelivery struct {
	ref      news.Ref
	revision int
	attempts int
	tried    bool
	edit     bool // its message stands
	waits    bool // and its lane with it
	alone    bool // it waits by itself
	breaking bool
	rollup   *modelRollup // nil for a card
	key      string
}

// breaking is the source that is.
const breaking news.SourceID = "ab"

// next returns the delivery that Begin should take of a lane, nil if none is
// due: what has no message goes before what is to be edited.
func next(lane []*modelDelivery) *modelDelivery {
	if slices.ContainsFunc(lane, func(d *modelDelivery) bool { return d.waits }) {
		return nil
	}
	for _, fits := range []func(*modelDelivery) bool{
		func(d *modelDelivery) bool { return !d.edit && d.breaking },
		func(d *modelDelivery) bool { return !d.edit },
		func(d *modelDelivery) bool { return !d.alone },
	} {
		if i := slices.IndexFunc(lane, fits); i >= 0 {
			return lane[i]
		}
	}
	return nil
}

// drop takes a delivery out of its lane.
func (m *model) drop(ch string, d *modelDelivery) {
	m.lanes[ch] = slices.DeleteFunc(m.lanes[ch], func(x *modelDelivery) bool { return x == d })
}

// tellRandom tells a random story of 150 steps.
func tellRandom(p *probe, seed uint64) {
	m := &model{
		probe: p, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)),
		entries: make(map[news.Ref]news.Entry), subs: make(map[news.SourceID]map[string]bool),
		lanes: make(map[string][]*modelDelivery), receipts: make(map[string]store.Receipt),
		rollups: make(map[string][]*modelRollup), folded: make(map[string]*modelRollup),
	}
	m.resubscribe()
	for step := 0; step < 150 && !p.Failed(); step++ {
		m.step()
		m.compare(m.rng.IntN(4))
	}
	for part := range 4 {
		m.compare(part)
	}
	if p.Failed() {
		p.Fatalf("repeat with STORETEST_SEED=%d", seed)
	}
}

func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 45:
		m.tell()
	case n < 85:
		m.work()
	case n < 90:
		m.resume()
	case n < 96:
		m.resubscribe()
	default:
		m.reopen()
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// resubscribe follows all sources with other subscriptions.
func (m *model) resubscribe() {
	m.Helper()
	var sources []news.Source
	var subs []store.Subscription
	for _, id := range modelSources {
		src := source(id)
		src.Breaking = id == breaking
		sources = append(sources, src)
		now := make(map[string]bool)
		for _, ch := range modelChannels {
			if m.rng.IntN(3) > 0 {
				now[ch] = true
				subs = append(subs, subscribe(id, ch)...)
			}
		}
		for ch := range m.subs[id] {
			if now[ch] {
				continue
			}
			m.lanes[ch] = slices.DeleteFunc(m.lanes[ch], func(d *modelDelivery) bool {
				return d.ref.Source == id && d.attempts == 0 && !d.tried && !d.edit
			})
		}
		m.subs[id] = now
	}
	m.sync(sources, subs...)
}

// tell records some changes of one source.
func (m *model) tell() {
	m.Helper()
	id := pick(m.rng, modelSources)
	var changes []news.Change
	touched := make(map[news.Ref]bool)
	for range 1 + m.rng.IntN(4) {
		c := m.change(id)
		if !touched[c.Entry.Ref] {
			touched[c.Entry.Ref] = true
			changes = append(changes, c)
		}
	}
	want := m.apply(changes)
	m.same("recorded", m.record(id, changes...), want)
}

func (m *model) change(id news.SourceID) news.Change {
	var refs []news.Ref
	for r := range m.entries {
		if r.Source == id {
			refs = append(refs, r)
		}
	}
	quiet := m.rng.IntN(6) == 0
	if len(refs) == 0 || m.rng.IntN(2) == 0 {
		m.serial++
		e := entry(news.EntryID(fmt.Sprintf("e%d", m.serial)), 0, "State one")
		e.Source = id
		e.Published = noon.Add(time.Duration(m.rng.Int64N(1e12)) * time.Microsecond)
		e.FirstSeen = noon.Add(time.Duration(m.serial) * time.Second)
		e.Quotes = m.quotes()
		return news.Change{Kind: news.Added, Entry: e, Quiet: quiet}
	}
	slices.SortFunc(refs, func(a, b news.Ref) int { return cmp.Compare(a.Entry, b.Entry) })
	prev := m.entries[pick(m.rng, refs)]
	now := noon.Add(long)
	switch {
	case prev.Withdrawn:
		next := prev
		next.Withdrawn = false
		return news.Change{Kind: news.Reinstated, Entry: news.Revise(prev, next, now), Quiet: quiet}
	case m.rng.IntN(4) == 0:
		return news.Change{Kind: news.Retracted, Entry: news.Retract(prev, now), Quiet: quiet}
	}
	next := prev
	next.Body = fmt.Sprintf("State %d", m.rng.IntN(1e9))
	next.Quotes = m.quotes()
	return news.Change{Kind: news.Edited, Entry: news.Revise(prev, next, now), Quiet: quiet}
}

func (m *model) quotes() (list []news.Quote) {
	for range m.rng.IntN(4) {
		list = append(list, quote(pick(m.rng, modelWords)+" and "+pick(m.rng, modelWords), pick(m.rng, modelPeople), ""))
	}
	return list
}

// apply changes the model as Record should change the ledger.
func (m *model) apply(changes []news.Change) (done store.Recorded) {
	for _, first := range []bool{true, false} {
		for _, c := range changes {
			if (c.Kind == news.Added) != first {
				continue
			}
			m.entries[c.Entry.Ref] = c.Entry
			switch c.Kind {
			case news.Added:
				done.Added++
			case news.Retracted:
				done.Withdrawn++
			default:
				done.Edited++
			}
			if !c.Quiet {
				done.Enqueued += m.promise(c.Entry, first)
			}
		}
	}
	return done
}

func (m *model) promise(e news.Entry, added bool) (made int) {
	for _, ch := range modelChannels {
		r, filed := m.receipts[ch+" "+e.Ref.String()]
		subscribed := m.subs[e.Source][ch]
		if roll := m.folded[ch+" "+e.Ref.String()]; roll != nil {
			if subscribed || roll.receipt.Message != "" || m.pending(ch, roll) != nil {
				made += m.promiseRollup(ch, roll, e.Source == breaking)
			}
			continue
		}
		i := slices.IndexFunc(m.lanes[ch], func(d *modelDelivery) bool { return d.rollup == nil && d.ref == e.Ref })
		switch {
		case i >= 0:
			m.lanes[ch][i].revision = e.Revision
		case r.Gone:
			continue
		case added && subscribed, r.Message != "", filed && subscribed && !e.Withdrawn:
			m.lanes[ch] = append(m.lanes[ch], &modelDelivery{ref: e.Ref, revision: e.Revision, edit: r.Message != "", breaking: e.Source == breaking})
		default:
			continue
		}
		made++
	}
	return made
}

// pending returns the delivery of a roll-up, nil if there is none.
func (m *model) pending(ch string, roll *modelRollup) *modelDelivery {
	i := slices.IndexFunc(m.lanes[ch], func(d *modelDelivery) bool { return d.rollup == roll })
	if i < 0 {
		return nil
	}
	return m.lanes[ch][i]
}

// promiseRollup promises a roll-up, or promises it anew.
func (m *model) promiseRollup(ch string, roll *modelRollup, breaking bool) (made int) {
	if d := m.pending(ch, roll); d != nil {
		d.revision++
		d.breaking = d.breaking || breaking
		return 1
	}
	if roll.receipt.Gone {
		return 0
	}
	m.lanes[ch] = append(m.lanes[ch], &modelDelivery{
		ref: news.Ref{Source: roll.source}, rollup: roll, revision: roll.receipt.Revision + 1, edit: roll.receipt.Message != "", breaking: breaking,
	})
	return 1
}

// fold folds some of what waits in a lane.
func (m *model) fold(l store.Lane) {
	m.Helper()
	ch := l.Channel.ID
	var want []*modelDelivery
	for _, hot := range []bool{true, false} {
		for _, d := range m.lanes[ch] {
			if d.rollup == nil && d.breaking == hot && !d.edit && !d.tried && !m.entries[d.ref].Withdrawn {
				want = append(want, d)
			}
		}
	}
	got, err := m.s.Waiting(m.ctx, l, 100)
	m.ok(err)
	if len(got) != len(want) {
		m.Errorf("waiting in %s: %+v, want %d", ch, got, len(want))
		return
	}
	f := store.Fold{Source: pick(m.rng, []news.SourceID{"", "a"}), Earlier: m.rng.IntN(2) == 0, Within: pick(m.rng, []time.Duration{1, long})}
	var ids []store.DeliveryID
	var chosen []*modelDelivery
	for i, d := range want {
		if got[i].Entry != d.ref || got[i].Breaking != d.breaking {
			m.Errorf("waiting in %s: %+v, want %+v", ch, got[i], d)
		}
		if m.rng.IntN(2) == 0 {
			ids, chosen = append(ids, got[i].ID), append(chosen, d)
		}
	}
	m.ok(m.s.Fold(m.ctx, l, ids, f))
	if len(chosen) > 0 {
		m.foldInto(ch, m.open(ch, f), chosen)
	}
}

// open returns the roll-up that a fold fills.
func (m *model) open(ch string, f store.Fold) *modelRollup {
	for _, roll := range slices.Backward(m.rollups[ch]) {
		if roll.source == f.Source && roll.earlier == f.Earlier {
			if f.Within < long || roll.receipt.Gone {
				break
			}
			return roll
		}
	}
	roll := &modelRollup{source: f.Source, earlier: f.Earlier}
	m.rollups[ch] = append(m.rollups[ch], roll)
	return roll
}

func (m *model) foldInto(ch string, roll *modelRollup, chosen []*modelDelivery) {
	hot := false
	for _, d := range chosen {
		m.drop(ch, d)
		m.folded[ch+" "+d.ref.String()] = roll
		roll.refs = append(roll.refs, d.ref)
		hot = hot || d.breaking
	}
	m.promiseRollup(ch, roll, hot)
}

// work claims what is due and does something with it.
func (m *model) work() {
	m.Helper()
	lanes, _ := m.claimLanes(100, long)
	var got, want []string
	for _, l := range lanes {
		got = append(got, l.Channel.ID)
	}
	for ch, queue := range m.lanes {
		if next(queue) != nil {
			want = append(want, ch)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	m.same("due", got, want)
	for _, l := range lanes {
		if m.rng.IntN(6) == 0 {
			m.fold(l)
		}
		for range m.rng.IntN(4) {
			if !m.Failed() && !m.deliver(l) {
				break
			}
		}
		m.ok(m.s.Release(m.ctx, l, time.Time{}))
	}
}

// deliver begins the first delivery of a lane and gives it a random end.
// again reports whether the lane can go on.
func (m *model) deliver(l store.Lane) (again bool) {
	m.Helper()
	ch := l.Channel.ID
	d := next(m.lanes[ch])
	if d == nil {
		m.nothing(l)
		return false
	}
	w := m.begin(l)
	m.checkWork(ch, d, w)
	if m.Failed() {
		return false
	}
	d.attempts++
	triedBefore := d.tried
	d.tried = true
	put := store.Postponement{Until: time.Now(), Error: "later"}
	id := w.Delivery.ID
	switch m.rng.IntN(10) {
	case 0: // the worker dies here
		return false
	case 1:
		d.tried = false
		put.Free, d.attempts = true, d.attempts-1
		m.ok(m.s.Postpone(m.ctx, l, id, put))
	case 2:
		put.Unknown = true
		m.ok(m.s.Postpone(m.ctx, l, id, put))
	case 3:
		put.Alone = d.edit && m.rng.IntN(2) == 0
		d.tried, d.waits, d.alone = false, !put.Alone, put.Alone
		put.Until = time.Now().Add(long)
		m.ok(m.s.Postpone(m.ctx, l, id, put))
		return put.Alone
	case 4:
		m.ok(m.s.Abandon(m.ctx, l, id, "refused"))
		m.abandoned++
		m.drop(ch, d)
	default:
		m.settle(l, d, w, triedBefore)
	}
	return true
}

func (m *model) checkWork(ch string, d *modelDelivery, w store.Work) {
	m.Helper()
	got := modelDelivery{ref: w.Delivery.Entry, revision: w.Delivery.Revision, attempts: w.Delivery.Attempts - 1, tried: !w.Delivery.Tried.IsZero()}
	if want := (modelDelivery{ref: d.ref, revision: d.revision, attempts: d.attempts, tried: d.tried}); got != want {
		m.Errorf("first in %s: got %+v, want %+v", ch, got, want)
	}
	if d.key != "" && d.key != w.Delivery.Key {
		m.Errorf("key of %v changed from %s to %s", d.ref, d.key, w.Delivery.Key)
	}
	d.key = w.Delivery.Key
	r := m.receipts[ch+" "+d.ref.String()]
	if d.rollup != nil {
		r = d.rollup.receipt
		m.checkRollup(d.rollup, w)
	} else {
		m.same("entry of the work", w.Entry, m.entries[d.ref])
	}
	if (w.Receipt != nil) != (r.Message != "") {
		m.Errorf("receipt of the work: %+v, want %+v", w.Receipt, r)
	} else if w.Receipt != nil {
		m.same("receipt of the work", *w.Receipt, r)
	}
}

func (m *model) checkRollup(roll *modelRollup, w store.Work) {
	m.Helper()
	if w.Delivery.Kind != store.Rollup || roll.number != 0 && w.Delivery.Number != roll.number || w.Earlier != roll.earlier {
		m.Errorf("roll-up of the work: %+v, want %+v", w.Delivery, roll)
	}
	roll.number = w.Delivery.Number
	var want []news.Entry
	for _, ref := range roll.refs {
		want = append(want, m.entries[ref])
	}
	slices.SortFunc(want, func(a, b news.Entry) int { return b.Published.Compare(a.Published) })
	m.same("entries folded", w.Count, len(want))
	m.same("entries of the roll-up", w.Entries, want[:min(len(want), 20)])
}

func (m *model) settle(l store.Lane, d *modelDelivery, w store.Work, tried bool) {
	m.Helper()
	ch := l.Channel.ID
	r := receipt(w)
	switch {
	case d.rollup == nil && w.Receipt == nil && w.Entry.Withdrawn && !tried:
		r.Message = ""
	case w.Receipt != nil && m.rng.IntN(8) == 0:
		r.Gone = true
	}
	if m.rng.IntN(5) == 0 { // something changes while the card is under way
		ref := d.ref
		if d.rollup != nil {
			ref = pick(m.rng, d.rollup.refs)
		}
		prev := m.entries[ref]
		next := prev
		next.Body = fmt.Sprintf("State %d", m.rng.IntN(1e9))
		c := news.Change{Kind: news.Edited, Entry: news.Revise(prev, next, noon.Add(long))}
		want := m.apply([]news.Change{c})
		m.same("recorded under way", m.record(ref.Source, c), want)
	}
	m.ok(m.s.Settle(m.ctx, l, w.Delivery.ID, r))
	if d.rollup != nil {
		d.rollup.receipt = r
	} else {
		m.receipts[ch+" "+d.ref.String()] = r
	}
	if d.revision > r.Revision && !r.Gone {
		d.attempts, d.tried, d.edit = 0, false, r.Message != ""
		return
	}
	m.drop(ch, d)
}

func (m *model) resume() {
	m.Helper()
	m.ok(m.s.Resume(m.ctx, "test"))
	for _, queue := range m.lanes {
		for _, d := range queue {
			d.waits = false
		}
	}
}

// compare asks the ledger one part of what the model can answer, and for the
// backlog.
func (m *model) compare(part int) {
	m.Helper()
	all := make([]news.Entry, 0, len(m.entries))
	for _, e := range m.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b news.Entry) int { return b.Published.Compare(a.Published) })
	switch part {
	case 0:
		m.compareLatest(all)
	case 1:
		m.compareQuotes(all)
	case 2:
		m.compareKnown(all)
	case 3:
		m.compareReceipts()
	}
	want := store.Backlog{Abandoned: m.abandoned}
	for _, queue := range m.lanes {
		blocked := slices.ContainsFunc(queue, func(d *modelDelivery) bool { return d.waits })
		for _, d := range queue {
			if blocked || d.alone {
				want.Waiting++
			} else {
				want.Due++
			}
		}
	}
	m.same("backlog", m.backlog(), want)
}

func (m *model) compareLatest(all []news.Entry) {
	m.Helper()
	q := store.Query{Offset: m.rng.IntN(4), Limit: 1 + m.rng.IntN(8), AsOf: noon.Add(time.Duration(m.rng.IntN(m.serial+2)) * time.Second)}
	if m.rng.IntN(2) == 0 {
		q.Sources = []news.SourceID{pick(m.rng, modelSources), pick(m.rng, modelSources)}
	}
	if m.rng.IntN(3) == 0 {
		q.Since = noon.Add(time.Duration(m.rng.Int64N(1e12)) * time.Microsecond)
	}
	var want []news.Entry
	for _, e := range all {
		if selected(q, e) {
			want = append(want, e)
		}
	}
	more := len(want) > q.Offset+q.Limit
	want = want[min(q.Offset, len(want)):min(q.Offset+q.Limit, len(want))]
	got, gotMore, err := m.s.Latest(m.ctx, q)
	m.ok(err)
	m.same(fmt.Sprintf("latest %+v", q), got, want)
	m.same("more", gotMore, more)
}

func selected(q store.Query, e news.Entry) bool {
	return (len(q.Sources) == 0 || slices.Contains(q.Sources, e.Source)) &&
		!e.FirstSeen.After(q.AsOf) && !e.Published.Before(q.Since)
}

func (m *model) compareQuotes(all []news.Entry) {
	m.Helper()
	var words []string
	for range m.rng.IntN(3) {
		w := pick(m.rng, append(modelWords, "una", "quay"))
		words = append(words, w[:1+m.rng.IntN(len(w))])
	}
	q := store.Query{Words: strings.Join(words, " "), Offset: m.rng.IntN(3), Limit: 1 + m.rng.IntN(10), AsOf: noon.Add(long)}
	if m.rng.IntN(3) == 0 {
		q.Sources = []news.SourceID{pick(m.rng, modelSources)}
	}
	var want []string
	for _, e := range all {
		for _, quote := range e.Quotes {
			if !e.Withdrawn && selected(q, e) && speaks(quote, words) {
				want = append(want, string(e.Entry)+": "+quote.Text)
			}
		}
	}
	more := len(want) > q.Offset+q.Limit
	want = want[min(q.Offset, len(want)):min(q.Offset+q.Limit, len(want))]
	got, gotMore := m.probe.quotes(q)
	m.same(fmt.Sprintf("quotes %+v", q), got, want)
	m.same("more quotes", gotMore, more)
}

// speaks reports whether each word begins one of the quote's.
func speaks(q news.Quote, words []string) bool {
	all := strings.Fields(strings.ToLower(q.Text + " " + q.Speaker))
	for _, w := range words {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, w) }) {
			return false
		}
	}
	return true
}

func (m *model) compareKnown(all []news.Entry) {
	m.Helper()
	id := pick(m.rng, modelSources)
	from := noon.Add(time.Duration(m.rng.Int64N(1e12)) * time.Microsecond)
	to := from.Add(time.Duration(m.rng.Int64N(1e12)) * time.Microsecond)
	ids := []news.EntryID{"e1", "e2", "e3"}
	var want []news.Known
	speakers := map[string]bool{}
	for _, e := range all {
		if e.Source == id && (slices.Contains(ids, e.Entry) || !e.Published.Before(from) && !e.Published.After(to)) {
			want = append(want, news.Remember(&e))
		}
		for _, q := range e.Quotes {
			if !e.Withdrawn && q.Speaker != "" {
				speakers[q.Speaker] = true
			}
		}
	}
	got, err := m.s.Known(m.ctx, id, ids, from, to)
	m.ok(err)
	byID := func(a, b news.Known) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(got, byID)
	slices.SortFunc(want, byID)
	m.same("known", got, want)
	names := m.speakers("")
	if len(names) != len(speakers) {
		m.Errorf("speakers %q, want %v", names, speakers)
	}
}

func (m *model) compareReceipts() {
	m.Helper()
	for r := range m.entries {
		ch := pick(m.rng, modelChannels)
		want := m.receipts[ch+" "+r.String()]
		got, err := m.s.Receipt(m.ctx, channel(ch), r)
		if want.Message == "" {
			m.wantErr(err, store.ErrNotFound)
			continue
		}
		m.ok(err)
		m.same("receipt", got, want)
	}
}
