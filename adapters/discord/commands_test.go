package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

var specs = []chat.CommandSpec{
	{Name: "latest", Summary: "The latest entries", Options: []chat.OptionSpec{
		{Name: "source", Summary: "Which page", Suggest: true},
		{Name: "count", Summary: "How many", Kind: chat.NumberOption, Min: 1, Max: 20},
	}},
	{Name: "help", Summary: "What I can do"},
}

const patience = 15 * time.Second

// serve runs Serve until the returned function is called, which returns what
// Serve returned; the test ends with it in any case.
func serve(t *testing.T, srv *discordtest.Server, a *Adapter, h chat.Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, specs, h) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("Serve does not end")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	wait(t, srv, srv.Connected)
	return stop
}

func wait(t *testing.T, srv *discordtest.Server, cond func() bool) {
	t.Helper()
	if err := srv.Wait(patience, cond); err != nil {
		t.Fatal(err)
	}
}

func says(text string) chat.Handler {
	return func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: text}, nil }
}

func TestCommandReachesHandler(t *testing.T) {
	srv, a := start(t)
	got := make(chan chat.Command, 1)
	serve(t, srv, a, func(ctx context.Context, c chat.Command) (chat.Reply, error) {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > chat.AnswerTime {
			t.Errorf("deadline %v, %v", d, ok)
		}
		got <- c
		return chat.Reply{Title: "Latest *news*", Text: "One @everyone", Note: "Page 1 of 3", Items: []chat.Card{card("Bridge [closed]")},
			Buttons: []chat.Button{{Label: "Next", Action: "page:2"}, {Label: "Twice", Action: "page:2"}, {Label: "", Action: "x"}}}, nil
	})
	r, err := srv.Command("latest", map[string]any{"source": "storm", "count": 5}, userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	want := chat.Command{Kind: chat.Invoke, Adapter: "discord", Channel: channelA, User: userID, Locale: "en-GB", Name: "latest",
		Options: map[string]string{"source": "storm", "count": "5"}, Tenant: discordtest.GuildID,
		Private: chat.Channel{Adapter: "discord", ID: "@" + userID}}
	if d := cmp.Diff(want, <-got); d != "" {
		t.Errorf("command (-want +got):\n%s", d)
	}
	if r.Type != respondMessage || !r.Ephemeral {
		t.Errorf("type %d, ephemeral %v", r.Type, r.Ephemeral)
	}
	golden(t, "reply", map[string]any{"embeds": r.Embeds, "components": r.Components})
	if n := len(srv.Messages(channelID)); n != 0 {
		t.Errorf("%d messages that everybody sees", n)
	}
}

func TestSuggest(t *testing.T) {
	srv, a := start(t)
	serve(t, srv, a, func(_ context.Context, c chat.Command) (chat.Reply, error) {
		if c.Kind != chat.Suggest || c.Focus != "source" || c.Options["source"] != "sto" {
			t.Errorf("command %+v", c)
		}
		var cs []chat.Choice
		for i := range 40 {
			cs = append(cs, chat.Choice{Label: fmt.Sprint("Storm ", i, strings.Repeat("é", 120)), Value: fmt.Sprint(i)})
		}
		cs[3].Value = strings.Repeat("x", 101)
		return chat.Reply{Choices: cs}, nil
	})
	got, err := srv.Suggest("latest", "source", map[string]any{"source": "sto"}, userID, channelID)
	if err != nil || len(got) != 25 {
		t.Errorf("%d choices, %v", len(got), err)
	}
}

func TestPress(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply chat.Reply
		check func(*testing.T, discordtest.Reply, []discordtest.Message)
	}{
		{"replaces", chat.Reply{Text: "Page 2", Replace: true}, func(t *testing.T, r discordtest.Reply, ms []discordtest.Message) {
			if r.Type != respondEdit || len(ms) != 1 || ms[0].Embeds[0].Description != "Page 2" {
				t.Errorf("%+v, %+v", r, ms)
			}
		}},
		{"stands beside", chat.Reply{Text: "Only you"}, func(t *testing.T, r discordtest.Reply, ms []discordtest.Message) {
			if r.Type != respondMessage || !r.Ephemeral || len(ms) != 1 || ms[0].Embeds[0].Description != "Page 1" {
				t.Errorf("%+v, %+v", r, ms)
			}
		}},
		{"shares", chat.Reply{Text: "All of you", Public: true}, func(t *testing.T, r discordtest.Reply, ms []discordtest.Message) {
			if r.Ephemeral || len(ms) != 2 || ms[1].Embeds[0].Description != "All of you" {
				t.Errorf("%+v, %+v", r, ms)
			}
		}},
		{"shows nothing", chat.Reply{}, func(t *testing.T, r discordtest.Reply, ms []discordtest.Message) {
			if r.Type != respondDeferredEdit || len(r.Embeds) != 0 || len(ms) != 1 {
				t.Errorf("%+v, %+v", r, ms)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			serve(t, srv, a, func(_ context.Context, c chat.Command) (chat.Reply, error) {
				if c.Kind == chat.Press {
					if c.Action != "page:2" {
						t.Errorf("action %q", c.Action)
					}
					return tt.reply, nil
				}
				return chat.Reply{Text: "Page 1", Public: true, Buttons: []chat.Button{{Label: "Next", Action: "page:2"}}}, nil
			})
			r, err := srv.Command("latest", nil, userID, channelID)
			if err != nil {
				t.Fatal(err)
			}
			r, err = srv.Press(r.Message, "page:2", userID, channelID)
			if err != nil {
				t.Fatal(err)
			}
			tt.check(t, r, srv.Messages(channelID))
		})
	}
}

// A handler that takes its time is announced, and its answer finds its place.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	const slowness, notice = 300 * time.Millisecond, 100 * time.Millisecond
	slow := func(r chat.Reply) chat.Handler {
		return func(ctx context.Context, c chat.Command) (chat.Reply, error) {
			if c.Name == "help" {
				return chat.Reply{Text: "Page 1", Public: true}, nil
			}
			timer := time.NewTimer(slowness)
			defer timer.Stop()
			select {
			case <-timer.C:
				return r, nil
			case <-ctx.Done():
				return chat.Reply{}, ctx.Err()
			}
		}
	}
	t.Run("private", func(t *testing.T) {
		t.Parallel()
		srv, a := start(t)
		a.deferAfter = notice
		serve(t, srv, a, slow(chat.Reply{Text: "At last"}))
		r, err := srv.Command("latest", nil, userID, channelID)
		if err != nil || r.Type != respondDeferred || !r.Ephemeral || r.Embeds[0].Description != "At last" || r.Took > time.Second {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("public", func(t *testing.T) {
		t.Parallel()
		srv, a := start(t)
		a.deferAfter = notice
		serve(t, srv, a, slow(chat.Reply{Text: "For all", Public: true}))
		if _, err := srv.Command("latest", nil, userID, channelID); err != nil {
			t.Fatal(err)
		}
		wait(t, srv, func() bool { return len(srv.Messages(channelID)) == 1 })
		if got := srv.Messages(channelID)[0].Embeds[0].Description; got != "For all" {
			t.Errorf("shown: %q", got)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		srv, a := start(t)
		a.deferAfter = notice
		serve(t, srv, a, slow(chat.Reply{}))
		r, err := srv.Command("latest", nil, userID, channelID)
		if err != nil || !r.Deleted {
			t.Errorf("%+v, %v", r, err)
		}
	})
	for _, replace := range []bool{true, false} {
		t.Run(fmt.Sprint("press, replace ", replace), func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			a.deferAfter = notice
			serve(t, srv, a, slow(chat.Reply{Text: "Page 2", Replace: replace}))
			first, err := srv.Command("help", nil, userID, channelID)
			if err != nil {
				t.Fatal(err)
			}
			r, err := srv.Press(first.Message, "page:2", userID, channelID)
			if err != nil || r.Type != respondDeferredEdit {
				t.Fatalf("%+v, %v", r, err)
			}
			wait(t, srv, func() bool { return srv.Answer(r.Interaction).Message != "" })
			got := srv.Answer(r.Interaction)
			if (got.Message == first.Message) != replace || got.Ephemeral == replace || got.Embeds[0].Description != "Page 2" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestHandlerInTrouble(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	for name, h := range map[string]chat.Handler{
		"error": func(context.Context, chat.Command) (chat.Reply, error) {
			return chat.Reply{Text: "secret"}, errors.New("secret: the store is gone")
		},
		"panic": func(context.Context, chat.Command) (chat.Reply, error) { panic("secret") },
		"overstays": func(context.Context, chat.Command) (chat.Reply, error) {
			<-release
			return chat.Reply{Text: "secret"}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			stop := serve(t, srv, a, h)
			r, err := srv.Command("latest", nil, userID, channelID)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Ephemeral || len(r.Embeds) != 1 || !strings.Contains(r.Embeds[0].Description, "try again") {
				t.Errorf("%+v", r)
			}
			for _, q := range srv.Requests() {
				if strings.Contains(string(q.Body), "secret") {
					t.Errorf("a detail got out: %s", q.Body)
				}
			}
			if name == "overstays" {
				begun := time.Now()
				if err := stop(); err != nil {
					t.Error(err)
				}
				if d := time.Since(begun); d > time.Second {
					t.Errorf("Serve took %v to end", d)
				}
				close(release)
			}
		})
	}
}

func TestZeroReplyShowsNothing(t *testing.T) {
	srv, a := start(t)
	serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{}, nil })
	r, err := srv.Command("latest", nil, userID, channelID)
	if err != nil || !r.Deleted || !r.Ephemeral {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRegistersOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	registered := func(n int) func() bool {
		return func() bool { got, _ := srv.Registrations(); return got == n }
	}
	stop := serve(t, srv, a, says("x"))
	wait(t, srv, registered(1))
	_, raw := srv.Registrations()
	var list []struct{ Name string }
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 2 || list[0].Name != "latest" {
		t.Errorf("registered %s, %v", raw, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	lists := func() (n int) {
		for _, r := range srv.Requests() {
			if r.Method == "GET" && strings.HasSuffix(r.Path, "/commands") {
				n++
			}
		}
		return n
	}
	stop = serve(t, srv, a, says("x"))
	wait(t, srv, func() bool { return lists() == 2 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if !registered(1)() {
		t.Error("the same commands were registered again")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, specs[:1], says("x")) }()
	wait(t, srv, registered(2))
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRegistersInOneGuild(t *testing.T) {
	srv, a := start(t)
	a.guild = discordtest.GuildID
	serve(t, srv, a, says("x"))
	wait(t, srv, func() bool {
		return slices.ContainsFunc(srv.Requests(), func(r discordtest.Request) bool {
			return r.Method == "PUT" && r.Path == "/applications/"+discordtest.AppID+"/guilds/"+discordtest.GuildID+"/commands"
		})
	})
}

func TestRegistrationComesBack(t *testing.T) {
	srv, a := start(t)
	srv.Fail(discordtest.Fault{Method: "PUT", Status: 503, Times: 1})
	serve(t, srv, a, says("x"))
	wait(t, srv, func() bool { n, _ := srv.Registrations(); return n == 1 })
}

// answers asserts that commands come through.
func answers(t *testing.T, srv *discordtest.Server) {
	t.Helper()
	if r, err := srv.Command("latest", nil, userID, channelID); err != nil || len(r.Embeds) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestGatewayComesBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		disturb          func(*discordtest.Server)
		identify, resume int // in all
	}{
		{"dropped", (*discordtest.Server).DropGateway, 1, 1},
		{"asked to reconnect", (*discordtest.Server).AskReconnect, 1, 1},
		{"closed with 4000", func(s *discordtest.Server) { s.CloseGateway(4000) }, 1, 1},
		{"session forgotten", func(s *discordtest.Server) { s.ForgetSessions(); s.DropGateway() }, 2, 0},
		{"refused once on the way", func(s *discordtest.Server) { s.RefuseIdentify(4008); s.ForgetSessions(); s.DropGateway() }, 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			serve(t, srv, a, says("here"))
			answers(t, srv)
			tt.disturb(srv)
			wait(t, srv, func() bool {
				i, r := srv.Sessions()
				return srv.Connected() && i >= tt.identify && r >= tt.resume
			})
			answers(t, srv)
			if i, r := srv.Sessions(); i != tt.identify || r != tt.resume {
				t.Errorf("identified %d times, resumed %d; want %d, %d", i, r, tt.identify, tt.resume)
			}
		})
	}
}

// The gateway's address is not to be had at first.
func TestGatewayNotThere(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]discordtest.Fault{
		"500":          {Path: "/gateway/bot", Status: 500},
		"reset":        {Path: "/gateway/bot", Drop: true},
		"429":          {Path: "/gateway/bot", Status: 429, Body: `{"retry_after":1}`},
		"not JSON":     {Path: "/gateway/bot", Status: 200, Body: `<html>`},
		"no websocket": {Path: "/gateway/bot", Status: 200, Body: `{"url":"https://127.0.0.1:1"}`},
		"bad headers":  {Path: "/gateway/bot", Status: 200, Header: map[string][]string{"X-Ratelimit-Reset-After": {"x"}}, Body: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			srv.Fail(f)
			serve(t, srv, a, says("here"))
			answers(t, srv)
		})
	}
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	srv, a := start(t)
	srv.Heartbeats(100*time.Millisecond, false)
	serve(t, srv, a, says("here"))
	// Unacknowledged heartbeats mean a dead connection.
	wait(t, srv, func() bool { _, r := srv.Sessions(); return r >= 1 })
}

func TestServeEndsWhenRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(*discordtest.Server)
		disturb func(*discordtest.Server)
		want    chat.Reason
	}{
		{"token refused at once", (*discordtest.Server).Revoke, nil, chat.Unauthorized},
		{"gateway refuses the token", func(s *discordtest.Server) { s.RefuseIdentify(4004) }, nil, chat.Unauthorized},
		{"token revoked later", nil, func(s *discordtest.Server) { s.Revoke(); s.CloseGateway(4004) }, chat.Unauthorized},
		{"invalid shard", func(s *discordtest.Server) { s.RefuseIdentify(4010) }, nil, chat.Rejected},
		{"old version", func(s *discordtest.Server) { s.RefuseIdentify(4012) }, nil, chat.Rejected},
		{"invalid intents", func(s *discordtest.Server) { s.RefuseIdentify(4013) }, nil, chat.Rejected},
		{"intents not granted", nil, func(s *discordtest.Server) { s.CloseGateway(4014) }, chat.Rejected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, a := start(t)
			if tt.prepare != nil {
				tt.prepare(srv)
			}
			done := make(chan error, 1)
			go func() { done <- a.Serve(t.Context(), specs, says("x")) }()
			if tt.disturb != nil {
				wait(t, srv, srv.Connected)
				tt.disturb(srv)
			}
			select {
			case err := <-done:
				se := reason(t, err, tt.want)
				if se.Remedy == "" || strings.Contains(err.Error(), srv.Token()) {
					t.Errorf("%v, remedy %q", err, se.Remedy)
				}
			case <-time.After(patience):
				t.Fatal("Serve goes on")
			}
		})
	}
}

func TestServeEndsInTime(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, tt := range []struct {
		name    string
		prepare func(*testing.T, *discordtest.Server)
	}{
		{"connecting", func(t *testing.T, s *discordtest.Server) { wait(t, s, s.Connected) }},
		{"connected", func(t *testing.T, s *discordtest.Server) { wait(t, s, s.Connected); answers(t, s) }},
		{"waiting for the gateway's address", func(t *testing.T, s *discordtest.Server) {
			wait(t, s, func() bool { return len(s.Requests()) > 0 })
		}},
		{"waiting to reconnect", func(t *testing.T, s *discordtest.Server) { wait(t, s, s.Connected); s.DropGateway() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			if strings.Contains(tt.name, "address") {
				hold := make(chan struct{})
				t.Cleanup(func() { close(hold) })
				srv.Fail(discordtest.Fault{Path: "/gateway/bot", Hold: hold, Times: -1})
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- a.Serve(ctx, specs, says("x")) }()
			tt.prepare(t, srv)
			begun := time.Now()
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("Serve: %v", err)
				}
			case <-time.After(patience):
				t.Fatal("Serve goes on")
			}
			if d := time.Since(begun); d > time.Second {
				t.Errorf("Serve took %v to end", d)
			}
		})
	}
}

// Interactions that make no sense must do no harm.
func TestCrookedInteractions(t *testing.T) {
	srv, a := start(t)
	var calls atomic.Int32
	serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) {
		calls.Add(1)
		return chat.Reply{Text: "here"}, nil
	})
	for _, raw := range []string{
		`null`, `{}`, `{"type":2}`, `{"type":99,"id":"1400000000000000009","token":"t"}`,
		`{"type":2,"id":"1400000000000000009","token":"../../users","data":{"name":"latest"}}`,
		`{"type":2,"id":"x/y","token":"t","data":{"name":"latest"}}`,
		`{"type":2,"id":"1400000000000000009","token":"t","data":"text"}`,
		`{"type":"two"}`, `[]`,
		`{"type":3,"id":"1400000000000000009","token":"t","data":null}`,
	} {
		srv.Dispatch("INTERACTION_CREATE", json.RawMessage(raw))
	}
	srv.Dispatch("UNHEARD_OF", json.RawMessage(`{"x":[1,2,3]}`))
	answers(t, srv)
	// The press without data and the answered command are commands; nothing
	// else is. Events are handled in order, answers are not.
	wait(t, srv, func() bool { return calls.Load() >= 1 })
	if n := calls.Load(); n > 2 {
		t.Errorf("%d commands, want at most 2", n)
	}
	for _, r := range srv.Requests() {
		if strings.Contains(r.Path, "users") {
			t.Errorf("a token led to %s", r.Path)
		}
	}
}
