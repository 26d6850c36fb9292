package discord

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

// A keeper keeps values in memory.
type keeper struct {
	mu   sync.Mutex
	kept map[string][]byte
	fail bool
}

func (k *keeper) Keep(_ context.Context, key string, v []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail {
		return errors.New("disk full")
	}
	if k.kept == nil {
		k.kept = map[string][]byte{}
	}
	k.kept[key] = append([]byte(nil), v...)
	return nil
}

func (k *keeper) Kept(_ context.Context, key string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.kept[key]; ok {
		return v, nil
	}
	return nil, errors.New("not found")
}

// again returns a second adapter for the server, as after a restart.
func again(t *testing.T, a *Adapter, k Keeper) *Adapter {
	t.Helper()
	b, err := New(Options{Name: "discord", Token: a.secret(), APIURL: a.base, Keep: k})
	if err != nil {
		t.Fatal(err)
	}
	b.retry, b.gap = a.retry, a.gap
	return b
}

// once runs Serve until it answers, and stops it.
func once(t *testing.T, srv *discordtest.Server, a *Adapter) {
	t.Helper()
	stop := serve(t, srv, a, says("x"))
	answers(t, srv)
	if err := stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	wait(t, srv, func() bool { return srv.Connections() == 0 })
}

// A crash loop costs one identify, not one for each start.
func TestRestartResumes(t *testing.T) {
	srv, a := start(t)
	k := new(keeper)
	for range 10 {
		once(t, srv, again(t, a, k))
	}
	if i, r := srv.Sessions(); i != 1 || r != 9 {
		t.Errorf("%d identified, %d resumed; want 1, 9", i, r)
	}
	for key, v := range k.kept {
		if strings.Contains(string(v), srv.Token()) {
			t.Errorf("the token is kept in %s", key)
		}
	}
}

func TestRestartWithoutAPlaceToKeep(t *testing.T) {
	for name, k := range map[string]Keeper{"none": nil, "full": &keeper{fail: true},
		"crooked": &keeper{kept: map[string][]byte{"discord/discord/session": []byte(`{"id":7}`)}},
		"elsewhere": &keeper{fail: true, kept: map[string][]byte{
			"discord/discord/session": []byte(`{"id":"old","seq":12,"url":"ws://evil.example:1/@"}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			srv, a := start(t)
			once(t, srv, again(t, a, k))
			wait(t, srv, func() bool { i, _ := srv.Sessions(); return i >= 1 })
		})
	}
}

// What users sent while the program was down is not carried out when it is too
// late to answer them.
func TestReplayedCommandsAreNotCarriedOut(t *testing.T) {
	srv, a := start(t)
	k := new(keeper)
	once(t, srv, again(t, a, k))
	old := snowflakeOf(time.Now().Add(-time.Minute))
	srv.Missed("INTERACTION_CREATE", []byte(`{"id":"`+old+`","application_id":"`+discordtest.AppID+`","type":2,"token":"dG9rZW4","data":{"name":"latest"}}`))
	carried := make(chan string, 9)
	b := again(t, a, k)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- b.Serve(ctx, nil, func(_ context.Context, c chat.Command) (chat.Reply, error) {
			carried <- c.Name
			return chat.Reply{Text: "x"}, nil
		})
	}()
	wait(t, srv, func() bool { _, r := srv.Sessions(); return r == 1 && srv.Connected() })
	if _, err := srv.Command("help", nil, userID, channelID); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	if got := <-carried; got != "help" {
		t.Errorf("carried out: %s", got)
	}
	if _, r := srv.Sessions(); r != 1 {
		t.Errorf("%d resumed", r)
	}
}

// Some identifies of the day are left alone.
func TestIdentifiesAreSpared(t *testing.T) {
	srv, a := start(t)
	srv.Starts(1000, 50, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, nil, says("x")) }()
	wait(t, srv, func() bool {
		for _, r := range srv.Requests() {
			if r.Path == "/gateway/bot" {
				return true
			}
		}
		return false
	})
	if i, _ := srv.Sessions(); i != 0 {
		t.Errorf("%d identified", i)
	}
	mustSend(t, a, post("one")) // cards go on
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestIdentifiesComeBack(t *testing.T) {
	srv, a := start(t)
	srv.Starts(1000, 3, time.Millisecond)
	lifted := make(chan error, 1)
	go func() { // ends when the program has asked in vain
		err := srv.Wait(patience, func() bool { return len(srv.Requests()) > 5 })
		srv.Starts(1000, 900, time.Hour)
		lifted <- err
	}()
	stop := serve(t, srv, a, says("x"))
	if err := <-lifted; err != nil {
		t.Error(err)
	}
	answers(t, srv)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A server that allows one identify in 5 s is asked no sooner.
func TestIdentifiesAreFarApart(t *testing.T) {
	srv, a := start(t)
	srv.Enforce(10) // 5 s are 500 ms
	a.gap = identifyGap / 10
	stop := serve(t, srv, a, says("x"))
	for range 3 {
		wait(t, srv, srv.Connected)
		srv.ForgetSessions()
		srv.DropGateway()
	}
	wait(t, srv, srv.Connected)
	answers(t, srv)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if i, _ := srv.Sessions(); i > 4 {
		t.Errorf("%d identified for 4 sessions: some were refused", i)
	}
}

// What the gateway does, and how many sessions that costs.
func TestGatewayFaults(t *testing.T) {
	for _, tt := range []struct {
		name       string
		do         func(*discordtest.Server)
		identified int
		resumed    int
	}{
		{"drop", func(s *discordtest.Server) { s.DropGateway() }, 1, 1},
		{"drop twice", func(s *discordtest.Server) {
			s.DropGateway()
			_ = s.Wait(patience, s.Connected)
			s.DropGateway()
		}, 1, 2},
		{"asked to reconnect", func(s *discordtest.Server) { s.AskReconnect() }, 1, 1},
		{"invalid, resumable", func(s *discordtest.Server) { s.InvalidateSession(true) }, 1, 1},
		{"invalid", func(s *discordtest.Server) { s.InvalidateSession(false) }, 2, 0},
		{"forgotten while away", func(s *discordtest.Server) { s.ForgetSessions(); s.DropGateway() }, 2, 0},
		{"closed 4000", func(s *discordtest.Server) { s.CloseGateway(4000) }, 1, 1},
		{"closed 4001", func(s *discordtest.Server) { s.CloseGateway(4001) }, 1, 1},
		{"closed 4002", func(s *discordtest.Server) { s.CloseGateway(4002) }, 1, 1},
		{"closed 4003", func(s *discordtest.Server) { s.CloseGateway(4003) }, 2, 0},
		{"closed 4005", func(s *discordtest.Server) { s.CloseGateway(4005) }, 1, 1},
		{"closed 4007", func(s *discordtest.Server) { s.CloseGateway(4007) }, 2, 0},
		{"closed 4008", func(s *discordtest.Server) { s.CloseGateway(4008) }, 1, 1},
		{"closed 4009", func(s *discordtest.Server) { s.CloseGateway(4009) }, 2, 0},
		{"closed 1000", func(s *discordtest.Server) { s.CloseGateway(1000) }, 1, 1},
		{"closed 1001", func(s *discordtest.Server) { s.CloseGateway(1001) }, 1, 1},
		{"closed 1011", func(s *discordtest.Server) { s.CloseGateway(1011) }, 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			stop := serve(t, srv, a, says("x"))
			wait(t, srv, srv.Connected)
			tt.do(srv)
			wait(t, srv, func() bool {
				i, r := srv.Sessions()
				return srv.Connected() && i >= tt.identified && r >= tt.resumed
			})
			answers(t, srv)
			if err := stop(); err != nil {
				t.Error(err)
			}
			if i, r := srv.Sessions(); i != tt.identified || r != tt.resumed {
				t.Errorf("%d identified, %d resumed; want %d, %d", i, r, tt.identified, tt.resumed)
			}
		})
	}
}

// Commands do not wait for the limit of cards, nor for a stop of everything.
func TestAnswersAreExempt(t *testing.T) {
	srv, a := start(t)
	stop := serve(t, srv, a, says("x"))
	wait(t, srv, srv.Connected)
	a.limits.stop(route{}, time.Hour, true, time.Now())
	if wait := a.Pace(channelA); wait < 59*time.Minute {
		t.Errorf("cards wait %v", wait)
	}
	answers(t, srv)
	if err := stop(); err != nil {
		t.Error(err)
	}
}
