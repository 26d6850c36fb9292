package desk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A table is a Keeper that several desks share.
type table struct {
	mu     sync.Mutex
	kept   map[string][]byte
	held   string
	tokens uint64
	reads  int // of everything
}

func (t *table) KeptAll(_ context.Context, prefix string) (map[string][]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if prefix != versionKey {
		t.reads++
	}
	found := map[string][]byte{}
	for k, v := range t.kept {
		if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
			found[k] = v
		}
	}
	return found, nil
}

func (t *table) KeepIf(_ context.Context, key string, was []byte, values map[string][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now, ok := t.kept[key]; ok != (was != nil) || string(now) != string(was) {
		return store.ErrChanged
	}
	for k, v := range values {
		t.kept[k] = v
		if v == nil {
			delete(t.kept, k)
		}
	}
	return nil
}

func (t *table) Hold(_ context.Context, key string, _ time.Duration) (chat.Hold, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != "" {
		return chat.Hold{}, fmt.Errorf("%s: %w", key, chat.ErrHeld)
	}
	t.held = key
	t.tokens++
	return chat.Hold{Key: key, Token: t.tokens}, nil
}

func (t *table) Renew(_ context.Context, h chat.Hold, _ time.Duration) (chat.Hold, error) {
	return h, nil
}

func (t *table) Free(context.Context, chat.Hold) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = ""
	return nil
}

func (t *table) Once(context.Context, string, time.Duration) (bool, error) { return true, nil }

func (t *table) Woken() <-chan struct{} { return make(chan struct{}) }

// TestTwoDesks lets two replicas decide at the same time: nothing is lost, and
// each knows in the end what the other was told.
func TestTwoDesks(t *testing.T) {
	ctx := t.Context()
	shared := &table{kept: map[string][]byte{}}
	var desks [2]*Desk
	for i := range desks {
		d, err := New(ctx, shared, File{})
		if err != nil {
			t.Fatal(err)
		}
		desks[i] = d
	}
	const each = 20
	var all sync.WaitGroup
	for i, d := range desks {
		all.Go(func() {
			for n := range each {
				src := news.Source{ID: "pier", Name: "Pier", URL: fmt.Sprintf("https://news.example/%d/%d", i, n)}
				_, err := d.Follow(ctx, Actor{Adapter: "slack", Tenant: "T1", User: "U1"}, src,
					Want{Subscription: store.Subscription{Channel: chat.Channel{Adapter: "slack", ID: "C1"}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i, d := range desks {
		if _, err := d.Reload(ctx); err != nil {
			t.Fatal(err)
		}
		sources, subs := d.Effective()
		if len(sources) != 2*each || len(subs) != 2*each {
			t.Errorf("desk %d knows %d sources and %d subscriptions, want %d", i, len(sources), len(subs), 2*each)
		}
		reads := shared.reads
		if changed, err := d.Reload(ctx); changed || err != nil || shared.reads != reads {
			t.Errorf("desk %d: nothing is new, and yet: %v, %v, %d readings", i, changed, err, shared.reads-reads)
		}
	}
	// One that is told something else tells who waits.
	waits := desks[0].Changed()
	if err := desks[1].Pause(ctx, Actor{Adapter: "slack", Tenant: "T1", User: "U1"}, "pier", chat.Channel{Adapter: "slack", ID: "C1"}, true); err != nil {
		t.Fatal(err)
	}
	if changed, err := desks[0].Reload(ctx); !changed || err != nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	select {
	case <-waits:
	default:
		t.Error("who waits for a change is not told")
	}
}

// TestDeskBusy asks for a change while another replica makes one and does not
// end.
func TestDeskBusy(t *testing.T) {
	shared := &table{kept: map[string][]byte{}, held: "desk"}
	d, err := New(t.Context(), shared, File{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.Note(ctx, Actor{}, "test", ""); err == nil {
		t.Error("it was changed by two at once")
	}
}

// TestHeldUp checks that a replica which is held up between reading and writing
// changes nothing once another has.
func TestHeldUp(t *testing.T) {
	ctx := t.Context()
	kept := &table{kept: map[string][]byte{}}
	slow, err := New(ctx, kept, File{})
	if err != nil {
		t.Fatal(err)
	}
	swift, err := New(ctx, kept, File{})
	if err != nil {
		t.Fatal(err)
	}
	a := Actor{Adapter: "slack", Tenant: "T1", User: "U1"}
	err = slow.change(ctx, a, "zone", "", func(dr *draft) error {
		kept.held = "" // its time is over
		if err := swift.SetZone(ctx, a, "Europe/Oslo"); err != nil {
			return err
		}
		dr.tenants[a.tenant()] = Tenant{Name: a.tenant(), Zone: "Europe/Rome"}
		return dr.put(tenantKind+"x", dr.tenants[a.tenant()])
	})
	if !errors.Is(err, ErrBusy) {
		t.Errorf("the slow one: %v", err)
	}
	if zone := slow.Zone(a); zone != "Europe/Oslo" {
		t.Errorf("zone %q", zone)
	}
}
