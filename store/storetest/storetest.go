// Package storetest says what every engine of the ledger must do. An engine is
// right when Run passes on it.
//
// The tests know nothing of an engine but store.Store and how to open one.
// They run on the engine's real clock and never wait for a fixed time: what
// must pass is made to have passed (a claim of a microsecond, a due time in
// the past), and what an engine may take a moment for is asked for until it is
// there. Groups of cases run in parallel, each on a ledger of its own.
package storetest

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// An Engine opens ledgers to test.
type Engine struct {
	// Open returns a new, empty ledger and closes it when the test ends.
	Open func(t *testing.T) store.Store
	// Reopen lets go of a ledger, as a process that ends does, and returns
	// the same one opened again, to be closed when the test ends. The ledger
	// may be closed already.
	Reopen func(t *testing.T, s store.Store) store.Store
	// Restore opens a new ledger from what Backup wrote, as an operator does
	// who lost the other one, to be closed when the test ends.
	Restore func(t *testing.T, copied []byte) store.Store
}

// Run tests an engine.
func Run(t *testing.T, e Engine) {
	for _, g := range []struct {
		name  string
		cases []testCase
	}{
		{"sources", sourceCases},
		{"record", recordCases},
		{"fencing", fencingCases},
		{"order", orderCases},
		{"delivery", deliveryCases},
		{"alone", aloneCases},
		{"heads", headCases},
		{"closings", closingCases},
		{"notes", noteCases},
		{"roll-ups", rollupCases},
		{"abandoned", abandonedCases},
		{"kept", keptCases},
		{"holds", holdCases},
		{"history", historyCases},
		{"copies", copyCases},
		{"queries", queryCases},
		{"faults", faultCases},
		{"workers", workerCases},
		{"model", modelCases},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(newProbe(t, e)) })
			}
		})
	}
}

type testCase struct {
	name string
	run  func(p *probe)
}

const (
	// long is a claim that does not end during a test.
	long = time.Hour
	// brief is a claim that is over at once.
	brief = time.Microsecond
	// patience bounds what an engine may take a moment for.
	patience = 10 * time.Second
)

// noon is when the stories of the tests happen: long ago, so that nothing in
// them depends on today.
var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// A probe is a ledger under test with short ways to use it. Its methods end
// the test when something fails that should not.
type probe struct {
	*testing.T
	engine Engine
	s      store.Store
	ctx    context.Context
}

func newProbe(t *testing.T, e Engine) *probe {
	return &probe{T: t, engine: e, s: e.Open(t), ctx: t.Context()}
}

func (p *probe) reopen() {
	p.Helper()
	p.s = p.engine.Reopen(p.T, p.s)
}

func (p *probe) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *probe) wantErr(err, want error) {
	p.Helper()
	if !errors.Is(err, want) {
		p.Errorf("got error %v, want %v", err, want)
	}
}

// same compares two values, times to the microsecond, which every engine
// keeps. A nil want is the zero value.
func (p *probe) same(what string, got, want any) {
	p.Helper()
	if want == nil {
		want = reflect.Zero(reflect.TypeOf(got)).Interface()
	}
	if d := cmp.Diff(want, got, closeTimes, cmpopts.EquateEmpty()); d != "" {
		p.Errorf("%s (-want +got):\n%s", what, d)
	}
}

var closeTimes = cmpopts.EquateApproxTime(time.Microsecond)

// eventually asks until the answer is yes.
func (p *probe) eventually(what string, yes func() bool) {
	p.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	give := time.After(patience)
	for !yes() {
		select {
		case <-tick.C:
		case <-give:
			p.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func source(id news.SourceID) news.Source {
	return news.Source{ID: id, Name: "The " + string(id), URL: "https://news.example/" + string(id), Schedule: "@every 1h"}
}

func channel(id string) chat.Channel { return chat.Channel{Adapter: "test", ID: id} }

// follow makes the ledger follow one source for the channels.
func (p *probe) follow(id news.SourceID, channels ...string) {
	p.Helper()
	p.sync([]news.Source{source(id)}, subscribe(id, channels...)...)
}

func subscribe(id news.SourceID, channels ...string) (subs []store.Subscription) {
	for _, ch := range channels {
		subs = append(subs, store.Subscription{Source: id, Channel: channel(ch)})
	}
	return subs
}

func (p *probe) sync(sources []news.Source, subs ...store.Subscription) {
	p.Helper()
	p.ok(p.s.Sync(p.ctx, sources, subs))
}

// lease claims the source, which nobody holds, whenever it is due.
func (p *probe) lease(id news.SourceID) store.Lease {
	p.Helper()
	return p.leaseFor(id, long)
}

func (p *probe) leaseFor(id news.SourceID, ttl time.Duration) store.Lease {
	p.Helper()
	p.ok(p.s.Hurry(p.ctx))
	leases, err := p.s.ClaimDue(p.ctx, 1000, ttl)
	p.ok(err)
	var mine store.Lease
	for _, l := range leases {
		if l.Source.ID == id {
			mine = l
			continue
		}
		p.ok(p.s.Rest(p.ctx, l, store.Rest{Cursor: l.Cursor, Next: time.Now().Add(long)}))
	}
	if mine.Token == 0 {
		p.Fatalf("source %s cannot be claimed: got %v", id, leases)
	}
	return mine
}

// record saves changes of a source.
func (p *probe) record(id news.SourceID, changes ...news.Change) store.Recorded {
	p.Helper()
	done, err := p.s.Record(p.ctx, p.lease(id), poll(changes...))
	p.ok(err)
	return done
}

func poll(changes ...news.Change) store.Poll {
	return store.Poll{
		Title: "Harbour live", Format: "rss", Next: time.Now().Add(long), Changes: changes,
		Cursor: news.Cursor{ETag: `W/"1"`, Read: noon},
	}
}

// entry returns an entry of some words, published minutes after noon, that
// says what the speaker of the words is reported to have said.
func entry(id news.EntryID, minute int, words string) news.Entry {
	return news.Entry{
		Ref: news.Ref{Entry: id}, IDKind: news.IDExplicit, Headline: "Headline " + string(id), Body: words,
		Published: noon.Add(time.Duration(minute) * time.Minute), URL: "https://news.example/#" + string(id),
		FirstSeen: noon.Add(time.Duration(minute)*time.Minute + time.Second),
		Changed:   noon.Add(time.Duration(minute)*time.Minute + time.Second), Revision: 1,
		Quotes: []news.Quote{{Text: words, Speaker: "Una Marsh", Role: "harbour master", Kind: news.Direct, Confidence: news.High}},
	}
}

func added(e news.Entry) news.Change { return news.Change{Kind: news.Added, Entry: e} }

func quiet(c news.Change) news.Change { c.Quiet = true; return c }

// edited returns the change to an entry that now says something else.
func (p *probe) edited(ref news.Ref, words string) news.Change {
	p.Helper()
	prev := p.entry(ref)
	next := prev
	next.Body = words
	next.Quotes = []news.Quote{{Text: words, Speaker: "Ned Shaw", Kind: news.Direct}}
	return news.Change{Kind: news.Edited, Entry: news.Revise(prev, next, time.Now().UTC())}
}

func (p *probe) retracted(ref news.Ref) news.Change {
	p.Helper()
	return news.Change{Kind: news.Retracted, Entry: news.Retract(p.entry(ref), time.Now().UTC())}
}

func (p *probe) reinstated(ref news.Ref) news.Change {
	p.Helper()
	prev := p.entry(ref)
	next := prev
	next.Withdrawn = false
	return news.Change{Kind: news.Reinstated, Entry: news.Revise(prev, next, time.Now().UTC())}
}

func (p *probe) entry(ref news.Ref) news.Entry {
	p.Helper()
	e, err := p.s.Entry(p.ctx, ref)
	p.ok(err)
	return e
}

// lane claims a channel that is due.
func (p *probe) lane(ch string) store.Lane {
	p.Helper()
	return p.laneFor(ch, long)
}

func (p *probe) laneFor(ch string, ttl time.Duration) store.Lane {
	p.Helper()
	lanes, _ := p.claimLanes(1000, ttl)
	var mine store.Lane
	for _, l := range lanes {
		if l.Channel == channel(ch) {
			mine = l
			continue
		}
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
	}
	if mine.Token == 0 {
		p.Fatalf("lane %s cannot be claimed: got %v", ch, lanes)
	}
	return mine
}

func (p *probe) claimLanes(n int, ttl time.Duration) ([]store.Lane, time.Time) {
	p.Helper()
	lanes, next, err := p.s.ClaimLanes(p.ctx, []string{"test"}, n, ttl)
	p.ok(err)
	return lanes, next
}

// due returns the channels that can be claimed, and lets them go again.
func (p *probe) due() (channels []string) {
	p.Helper()
	lanes, _ := p.claimLanes(1000, long)
	for _, l := range lanes {
		channels = append(channels, l.Channel.ID)
		p.ok(p.s.Release(p.ctx, l, time.Time{}))
	}
	return channels
}

// begin begins the first delivery of the lane.
func (p *probe) begin(l store.Lane) store.Work {
	p.Helper()
	w, ok, err := p.s.Begin(p.ctx, l)
	p.ok(err)
	if !ok {
		p.Fatalf("nothing is due in %s", l.Channel)
	}
	return w
}

func (p *probe) nothing(l store.Lane) {
	p.Helper()
	w, ok, err := p.s.Begin(p.ctx, l)
	p.ok(err)
	if ok {
		p.Fatalf("%s has %+v", l.Channel, w.Delivery)
	}
}

// receipt is what a platform's answer to the work is filed as.
func receipt(w store.Work) store.Receipt {
	d := w.Delivery
	r := store.Receipt{
		Channel: d.Channel, Kind: d.Kind, Entry: d.Entry, Number: d.Number, Revision: w.Entry.Revision,
		Message: chat.MessageID(fmt.Sprintf("m-%s-%s", d.Channel.ID, d.Entry.Entry)), Sent: noon.Add(long),
	}
	if d.Kind != store.Card {
		r.Revision = d.Revision
		r.Message = chat.MessageID(fmt.Sprintf("m-%s-%s-%s-%d-%s", d.Channel.ID, d.Kind, d.Entry.Source, d.Number, d.Entry.Entry))
	}
	r.Digest[0] = byte(r.Revision)
	if w.Receipt != nil {
		r.Message, r.Sent, r.Edited = w.Receipt.Message, w.Receipt.Sent, noon.Add(2*long)
	}
	return r
}

// send begins and settles the first delivery of the lane.
func (p *probe) send(l store.Lane) store.Work {
	p.Helper()
	w := p.begin(l)
	p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
	return w
}

// sendTo claims the channel, sends the first delivery and lets go again.
func (p *probe) sendTo(ch string) store.Work {
	p.Helper()
	l := p.lane(ch)
	w := p.send(l)
	p.ok(p.s.Release(p.ctx, l, time.Time{}))
	return w
}

// drain sends all there is in the channel and returns the entries' ids.
func (p *probe) drain(ch string) (ids []news.EntryID) {
	p.Helper()
	l := p.lane(ch)
	for {
		w, ok, err := p.s.Begin(p.ctx, l)
		p.ok(err)
		if !ok {
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
			return ids
		}
		ids = append(ids, w.Delivery.Entry.Entry)
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
	}
}

// told sends all there is in the channel and returns what was shown: the
// entries' ids, or the kinds.
func (p *probe) told(ch string) (shown []string) {
	p.Helper()
	l := p.lane(ch)
	for {
		w, ok, err := p.s.Begin(p.ctx, l)
		p.ok(err)
		if !ok {
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
			return shown
		}
		shown = append(shown, stdcmp.Or(string(w.Delivery.Kind), string(w.Delivery.Entry.Entry)))
		p.ok(p.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
	}
}

func (p *probe) backlog() store.Backlog {
	p.Helper()
	b, err := p.s.Backlog(p.ctx)
	p.ok(err)
	b.Oldest = time.Time{}
	return b
}

func (p *probe) status(id news.SourceID) store.SourceStatus {
	p.Helper()
	list, err := p.s.Sources(p.ctx)
	p.ok(err)
	for _, s := range list {
		if s.Source.ID == id {
			return s
		}
	}
	p.Fatalf("source %s is not followed", id)
	return store.SourceStatus{}
}

func (p *probe) receiptOf(ch string, ref news.Ref) store.Receipt {
	p.Helper()
	r, err := p.s.Receipt(p.ctx, channel(ch), ref)
	p.ok(err)
	return r
}

func ref(source news.SourceID, id news.EntryID) news.Ref { return news.Ref{Source: source, Entry: id} }

// latest returns the ids of what a query finds.
func (p *probe) latest(q store.Query) (ids []news.EntryID, more bool) {
	p.Helper()
	entries, more, err := p.s.Latest(p.ctx, q)
	p.ok(err)
	for _, e := range entries {
		ids = append(ids, e.Entry)
	}
	return ids, more
}

// quotes returns "entry: text" of what a query finds.
func (p *probe) quotes(q store.Query) (found []string, more bool) {
	p.Helper()
	hits, more, err := p.s.Quotes(p.ctx, q)
	p.ok(err)
	for _, h := range hits {
		found = append(found, string(h.Entry.Entry)+": "+h.Quote.Text)
	}
	return found, more
}

func (p *probe) wantQuotes(words string, want ...string) {
	p.Helper()
	got, _ := p.quotes(store.Query{Words: words, Limit: 100})
	p.same(fmt.Sprintf("quotes for %q", words), got, want)
}

func (p *probe) speakers(prefix string) []string {
	p.Helper()
	names, err := p.s.Speakers(p.ctx, prefix, 100)
	p.ok(err)
	return names
}
