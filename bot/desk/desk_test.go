package desk_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A drawer keeps values in memory.
type drawer struct {
	values map[string][]byte
	fail   error
}

func (d *drawer) KeptAll(_ context.Context, prefix string) (map[string][]byte, error) {
	found := make(map[string][]byte)
	for k, v := range d.values {
		if strings.HasPrefix(k, prefix) {
			found[k] = v
		}
	}
	return found, nil
}

func (d *drawer) KeepIf(_ context.Context, key string, was []byte, values map[string][]byte) error {
	if d.fail != nil {
		return d.fail
	}
	if now, ok := d.values[key]; ok != (was != nil) || string(now) != string(was) {
		return store.ErrChanged
	}
	for k, v := range values {
		if v == nil {
			delete(d.values, k)
			continue
		}
		d.values[k] = v
	}
	return nil
}

var (
	newsroom = chat.Channel{Adapter: "slack", ID: "C1"}
	sport    = chat.Channel{Adapter: "slack", ID: "C2"}
	reader   = chat.Channel{Adapter: "slack", ID: "@U7"}
	editor   = desk.Actor{Adapter: "slack", Tenant: "T1", User: "U1", Channel: newsroom}
)

func file() desk.File {
	return desk.File{
		Sources: []news.Source{{ID: "council", Name: "Town council", URL: "https://news.example/council"}},
		Wants: []desk.Want{{
			Subscription: store.Subscription{Source: "council", Channel: newsroom}, Filter: "budget",
		}},
	}
}

// A probe is a desk under test with its drawer.
type probe struct {
	*testing.T
	*desk.Desk
	drawer *drawer
}

func open(t *testing.T, d *drawer) probe {
	t.Helper()
	k, err := desk.New(t.Context(), d, file())
	if err != nil {
		t.Fatal(err)
	}
	return probe{T: t, Desk: k, drawer: d}
}

func begin(t *testing.T) probe {
	t.Helper()
	return open(t, &drawer{values: make(map[string][]byte)})
}

// again opens the desk as after a restart.
func (p probe) again() probe { p.Helper(); return open(p.T, p.drawer) }

func (p probe) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p probe) want(subs ...string) {
	p.Helper()
	var got []string
	_, all := p.Effective()
	for _, s := range all {
		got = append(got, string(s.Source)+" "+s.Channel.String())
	}
	if diff := cmp.Diff(subs, got); diff != "" {
		p.Errorf("subscriptions (-want +got):\n%s", diff)
	}
}

func (p probe) follow(id, url string, ch chat.Channel) news.SourceID {
	p.Helper()
	got, err := p.Follow(p.Context(), editor, news.Source{ID: news.SourceID(id), Name: id, URL: url},
		desk.Want{Subscription: store.Subscription{Channel: ch}})
	p.ok(err)
	return got
}

func TestFollow(t *testing.T) {
	p := begin(t)
	p.want("council slack:C1")
	if id := p.follow("cup", "https://news.example/cup", sport); id != "cup" {
		t.Errorf("the source is called %s", id)
	}
	p.follow("final", "https://news.example/cup", newsroom) // the same address: the same source
	if id := p.follow("cup", "https://other.example/cup", newsroom); id != "cup-2" {
		t.Errorf("the second cup is called %s", id)
	}
	want := []string{"council slack:C1", "cup slack:C1", "cup slack:C2", "cup-2 slack:C1"}
	p.want(want...)
	p = p.again()
	p.want(want...)
	_, err := p.Follow(t.Context(), editor, news.Source{ID: "x", URL: "https://news.example/cup"},
		desk.Want{Subscription: store.Subscription{Channel: sport}})
	if !errors.Is(err, desk.ErrTaken) {
		t.Errorf("followed twice: %v", err)
	}
	p.ok(p.Unfollow(t.Context(), editor, "cup", sport))
	p.ok(p.Unfollow(t.Context(), editor, "cup", newsroom))
	p.want("council slack:C1", "cup-2 slack:C1")
	if sources, _ := p.again().Effective(); len(sources) != 2 {
		t.Errorf("a source that nobody follows is still there: %v", sources)
	}
	for source, want := range map[news.SourceID]error{"council": desk.ErrFile, "cup": desk.ErrNone} {
		if err := p.Unfollow(t.Context(), editor, source, newsroom); !errors.Is(err, want) {
			t.Errorf("unfollow %s: %v", source, err)
		}
	}
}

func TestPause(t *testing.T) {
	p := begin(t)
	p.ok(p.Pause(t.Context(), editor, "council", newsroom, false))
	p.want()
	p = p.again()
	p.want()
	p.ok(p.Pause(t.Context(), editor, "council", newsroom, true))
	p.want("council slack:C1")
	if err := p.Pause(t.Context(), editor, "council", sport, false); !errors.Is(err, desk.ErrNone) {
		t.Errorf("pause of what is not followed: %v", err)
	}
}

func TestMove(t *testing.T) {
	p := begin(t)
	p.follow("cup", "https://news.example/cup", newsroom)
	p.ok(p.Set(t.Context(), editor, "cup", newsroom, "filter", func(w *desk.Want) { w.Filter = "goal" }))
	p.ok(p.Move(t.Context(), editor, "cup", newsroom, sport))
	p = p.again()
	p.want("council slack:C1", "cup slack:C2")
	if w, err := p.Want("cup", sport); err != nil || w.Filter != "goal" {
		t.Errorf("moved: %+v, %v", w, err)
	}
	if err := p.Move(t.Context(), editor, "council", newsroom, sport); !errors.Is(err, desk.ErrFile) {
		t.Errorf("moved what the file says: %v", err)
	}
}

// TestWhoWins holds the rule between file and chat, key by key.
func TestWhoWins(t *testing.T) {
	p := begin(t)
	set := func(f func(w *desk.Want)) error {
		return p.Set(t.Context(), editor, "council", newsroom, "", f)
	}
	if err := set(func(w *desk.Want) { w.Filter = "roads" }); !errors.Is(err, desk.ErrFile) {
		t.Errorf("the file's filter was changed: %v", err)
	}
	if err := set(func(w *desk.Want) { w.Style = store.Thread }); !errors.Is(err, desk.ErrFile) {
		t.Errorf("the file's style was changed: %v", err)
	}
	p.ok(set(func(w *desk.Want) { w.Mentions = []chat.Mention{{Role: true, ID: "S1"}} }))
	p = p.again()
	e := &news.Entry{Ref: news.Ref{Source: "council"}, Headline: "Budget passed", Key: true}
	if got := p.Mentions(newsroom, e); len(got) != 1 {
		t.Errorf("mentions: %v", got)
	}
	e.Key = false
	if got := p.Mentions(newsroom, e); got != nil {
		t.Errorf("mentions of what is no key event: %v", got)
	}
	if !p.Judge(newsroom, e).Wanted {
		t.Error("the filter of the file does not want the budget")
	}
	e.Headline = "Roads"
	if v := p.Judge(newsroom, e); v.Wanted || !strings.Contains(v.Why, "budget") {
		t.Errorf("roads: %+v", v)
	}
	if err := set(func(w *desk.Want) { w.Loud = "(" }); !errors.Is(err, desk.ErrFilter) {
		t.Errorf("bad filter: %v", err)
	}
}

func TestQuiet(t *testing.T) {
	p := begin(t)
	p.ok(p.SetQuiet(t.Context(), editor, newsroom, "22:00-07:00 Europe/London", "is:key"))
	p = p.again()
	night := time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	e := &news.Entry{Ref: news.Ref{Source: "council"}}
	if until, held := p.Held(newsroom, e, false, night); !held || !until.Equal(night.Add(8*time.Hour)) {
		t.Errorf("held until %v, %v", until, held)
	}
	if _, held := p.Held(newsroom, e, true, night); held {
		t.Error("a breaking source is held")
	}
	if _, held := p.Held(newsroom, &news.Entry{Key: true}, false, night); held {
		t.Error("what passes is held")
	}
	if _, held := p.Held(sport, e, false, night); held {
		t.Error("another channel is held")
	}
	p.ok(p.SetQuiet(t.Context(), editor, newsroom, "", ""))
	if _, held := p.Held(newsroom, e, false, night); held {
		t.Error("held without hours")
	}
	if err := p.SetQuiet(t.Context(), editor, newsroom, "at night", ""); !errors.Is(err, desk.ErrFilter) {
		t.Errorf("bad hours: %v", err)
	}
}

func TestAlerts(t *testing.T) {
	p := begin(t)
	ctx := t.Context()
	a, err := p.AddAlert(ctx, editor, reader, "council", "speaker:lindqvist")
	p.ok(err)
	_, err = p.AddAlert(ctx, editor, reader, "", "flood")
	p.ok(err)
	p = p.again()
	p.want(" slack:@U7", "council slack:@U7", "council slack:C1")
	e := &news.Entry{Ref: news.Ref{Source: "cup"}, Headline: "Flood stops play"}
	if !p.Judge(reader, e).Wanted {
		t.Error("an alert of every source is silent")
	}
	e.Headline = "Kick-off"
	if p.Judge(reader, e).Wanted {
		t.Error("alerted of what nobody asked for")
	}
	if _, err := p.AddAlert(ctx, editor, reader, "", "flood"); !errors.Is(err, desk.ErrTaken) {
		t.Errorf("the same alert twice: %v", err)
	}
	if got := p.Alerts(reader); len(got) != 2 || got[0].ID != a.ID {
		t.Errorf("alerts: %+v", got)
	}
	p.ok(p.DropAlert(ctx, editor, reader, a.ID))
	p.want(" slack:@U7", "council slack:C1")
	p.ok(p.DropAlert(ctx, editor, reader, ""))
	p.again().want("council slack:C1")
	if err := p.DropAlert(ctx, editor, reader, ""); !errors.Is(err, desk.ErrNone) {
		t.Errorf("nothing to drop: %v", err)
	}
	for i := range desk.MaxAlerts {
		_, err := p.AddAlert(ctx, editor, reader, "", "word"+string(rune('a'+i)))
		p.ok(err)
	}
	if _, err := p.AddAlert(ctx, editor, reader, "", "more"); !errors.Is(err, desk.ErrLimit) {
		t.Errorf("too many: %v", err)
	}
}

func TestDigests(t *testing.T) {
	p := begin(t)
	g, err := p.AddDigest(t.Context(), editor, desk.Digest{Channel: newsroom, Spec: "CRON_TZ=UTC 0 8 * * *"})
	p.ok(err)
	p = p.again()
	if got := p.Digests(); len(got) != 1 || got[0].ID != g.ID {
		t.Errorf("digests: %+v", got)
	}
	if err := p.DropDigest(t.Context(), editor, sport, g.ID); !errors.Is(err, desk.ErrNone) {
		t.Errorf("another channel's digest: %v", err)
	}
	p.ok(p.DropDigest(t.Context(), editor, newsroom, g.ID))
	if got := p.again().Digests(); got != nil {
		t.Errorf("digests: %+v", got)
	}
}

// TestTenants keeps apart what two servers follow, and lets neither decide for
// the other.
func TestTenants(t *testing.T) {
	ctx := t.Context()
	p := begin(t)
	other := desk.Actor{Adapter: "slack", Tenant: "T2", User: "U9", Channel: sport}
	id, err := p.Follow(ctx, editor, news.Source{ID: "cup", Name: "Cup", URL: "https://news.example/cup"},
		desk.Want{Subscription: store.Subscription{Channel: newsroom}})
	p.ok(err)
	p = p.again()
	if !p.Visible(editor, id) || p.Visible(other, id) || !p.Visible(other, "council") || p.Hidden(editor) || !p.Hidden(other) {
		t.Error("a source of one server is seen by another, or hidden from its own")
	}
	for what, err := range map[string]error{
		"pause":    p.Pause(ctx, other, id, newsroom, false),
		"unfollow": p.Unfollow(ctx, other, id, newsroom),
		"move":     p.Move(ctx, other, id, newsroom, sport),
		"set":      p.Set(ctx, other, id, newsroom, "", func(w *desk.Want) { w.Silent = true }),
	} {
		if !errors.Is(err, desk.ErrNone) {
			t.Errorf("%s by another server: %v", what, err)
		}
	}
	_, err = p.AddAlert(ctx, other, reader, "", "goal")
	p.ok(err)
	e := &news.Entry{Ref: news.Ref{Source: id, Entry: "e1"}, Headline: "A goal"}
	if p.Judge(reader, e).Wanted || p.AlertFor(reader, e) != "" {
		t.Error("an alert tells of a source that its server does not follow")
	}
	if _, err := p.Follow(ctx, other, news.Source{ID: "cup", Name: "Cup", URL: "https://news.example/cup"},
		desk.Want{Subscription: store.Subscription{Channel: sport}}); err != nil {
		t.Errorf("follow what another follows: %v", err)
	}
	if !p.again().Visible(other, id) || !p.Judge(reader, e).Wanted {
		t.Error("what a server follows too is hidden from it")
	}
	if tenant, ok := p.TenantOf(sport); !ok || tenant != "T2" {
		t.Errorf("the other's channel is of %q", tenant)
	}
	if got, want := p.Usage(other, reader), (desk.Usage{Sources: 1, Alerts: 1}); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
}

// TestSourceLimit counts what a server follows, whoever else follows it.
func TestSourceLimit(t *testing.T) {
	ctx := t.Context()
	p := begin(t)
	follow := func(a desk.Actor, n int) error {
		id := news.SourceID(fmt.Sprintf("pier-%d", n))
		_, err := p.Follow(ctx, a, news.Source{ID: id, URL: "https://news.example/" + string(id)},
			desk.Want{Subscription: store.Subscription{Channel: a.Channel}})
		return err
	}
	other := desk.Actor{Adapter: "slack", Tenant: "T2", User: "U9", Channel: sport}
	for n := range desk.MaxSources {
		p.ok(follow(editor, n))
		p.ok(follow(other, n))
	}
	p.ok(follow(desk.Actor{Adapter: "slack", Tenant: "T3", User: "U8", Channel: chat.Channel{Adapter: "slack", ID: "C3"}}, desk.MaxSources))
	if err := follow(other, desk.MaxSources); !errors.Is(err, desk.ErrLimit) {
		t.Errorf("one more: %v", err)
	}
}

func TestRecall(t *testing.T) {
	ctx := t.Context()
	p := begin(t)
	ref := news.Ref{Source: "council", Entry: "e1"}
	p.ok(p.Recall(ctx, editor, ref, []chat.Channel{newsroom}))
	p = p.again()
	if !p.Recalled(newsroom, ref) || p.Recalled(sport, ref) || p.Recalled(newsroom, news.Ref{Source: "council", Entry: "e2"}) {
		t.Error("recalled elsewhere, or not where it was to be")
	}
}

func TestZone(t *testing.T) {
	p := begin(t)
	p.ok(p.SetZone(t.Context(), editor, "Europe/London"))
	p = p.again()
	other := editor
	other.Tenant = "T2"
	if here, there := p.Zone(editor), p.Zone(other); here != "Europe/London" || there != "" {
		t.Errorf("zones %q, %q", here, there)
	}
	p.ok(p.SetZone(t.Context(), editor, ""))
	if zone := p.again().Zone(editor); zone != "" {
		t.Errorf("zone %q", zone)
	}
}

// TestLongFilter refuses a filter rather than cut it.
func TestLongFilter(t *testing.T) {
	p := begin(t)
	long := strings.Repeat("harbour ", desk.MaxFilter/8+1)
	_, err := p.AddAlert(t.Context(), editor, reader, "", long)
	if !errors.Is(err, desk.ErrFilter) {
		t.Errorf("alert: %v", err)
	}
	p.follow("cup", "https://news.example/cup", sport)
	if err := p.Set(t.Context(), editor, "cup", sport, "", func(w *desk.Want) { w.Filter = long }); !errors.Is(err, desk.ErrFilter) {
		t.Errorf("filter: %v", err)
	}
}

// TestAuditLength keeps the newest lines, and nobody's alerts.
func TestAuditLength(t *testing.T) {
	const most = 500
	ctx := t.Context()
	p := begin(t)
	for n := range most + 20 {
		p.ok(p.Note(ctx, editor, "pull", strconv.Itoa(n)))
	}
	_, err := p.AddAlert(ctx, editor, reader, "", "goal")
	p.ok(err)
	acts, err := p.Audit(ctx, "slack", "T1", 10_000)
	p.ok(err)
	if len(acts) != most || acts[0].Detail != strconv.Itoa(most+19) || acts[most-1].Detail != "20" {
		t.Errorf("%d lines, the newest of %q", len(acts), acts[0].Detail)
	}
}

func TestAudit(t *testing.T) {
	p := begin(t)
	p.follow("cup", "https://news.example/cup", sport)
	p.ok(p.Note(t.Context(), editor, "pull", "cup/17"))
	other := editor
	other.Tenant = "T2"
	p.ok(p.Note(t.Context(), other, "pull", "elsewhere"))
	acts, err := p.again().Audit(t.Context(), "slack", "T1", 10)
	p.ok(err)
	var got []string
	for _, a := range acts {
		got = append(got, a.User+" "+a.What+" "+a.Detail)
	}
	want := []string{"U1 pull cup/17", "U1 follow https://news.example/cup in slack:C2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNotSaved holds that what could not be saved does not hold.
func TestNotSaved(t *testing.T) {
	p := begin(t)
	p.drawer.fail = errors.New("no space left on device")
	before := maps.Clone(p.drawer.values)
	if err := p.Pause(t.Context(), editor, "council", newsroom, false); !errors.Is(err, p.drawer.fail) {
		t.Errorf("pause: %v", err)
	}
	p.want("council slack:C1")
	if diff := cmp.Diff(before, p.drawer.values); diff != "" {
		t.Error(diff)
	}
}

func TestDamaged(t *testing.T) {
	d := &drawer{values: map[string][]byte{"desk/want/slack:C1/council": []byte("{")}}
	if _, err := desk.New(t.Context(), d, file()); err == nil || !strings.Contains(err.Error(), "desk/want/slack:C1/council") {
		t.Errorf("a damaged value: %v", err)
	}
}
