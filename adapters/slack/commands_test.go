package slack

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
)

var specs = []chat.CommandSpec{{Name: "latest", Summary: "The newest updates"}, {Name: "help", Summary: "What you can ask"}}

// serve runs Serve until the test ends and waits until it is connected. The
// returned function ends it and returns its error.
func serve(t *testing.T, srv *slacktest.Server, a *Adapter, h chat.Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, specs, h) }()
	stop = sync.OnceValue(func() error {
		cancel()
		start := time.Now()
		err := <-done
		if d := time.Since(start); d > time.Second {
			t.Errorf("Serve ended %v after it was asked to", d)
		}
		return err
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	connected(t, srv, 1)
	return stop
}

func connected(t *testing.T, srv *slacktest.Server, n int) {
	t.Helper()
	if err := srv.Wait(10*time.Second, func() bool { return srv.Connections() == n }); err != nil {
		t.Fatalf("%d connections: %v", srv.Connections(), err)
	}
}

// ask sends a command and returns the one answer.
func ask(t *testing.T, srv *slacktest.Server, name, text string) slacktest.Reply {
	t.Helper()
	replies, err := srv.SlashCommand(name, text, userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	return replies[0]
}

func TestSlashCommand(t *testing.T) {
	srv, a, _ := start(t)
	heard := make(chan chat.Command, 1)
	serve(t, srv, a, func(ctx context.Context, cmd chat.Command) (chat.Reply, error) {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > chat.AnswerTime {
			t.Errorf("the handler has until %v", d)
		}
		heard <- cmd
		return reply(), nil
	})
	e, err := srv.StartCommand("/latest", "harbour & <sea> 3", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := e.Wait(1)
	if err != nil {
		t.Fatal(err)
	}
	want := chat.Command{
		Adapter: "slack", Channel: channelA, User: userID, Name: "latest", Text: "harbour & <sea> 3",
		Tenant: slacktest.TeamID, Private: chat.Channel{Adapter: "slack", ID: "@" + userID},
	}
	if d := cmp.Diff(want, <-heard); d != "" {
		t.Errorf("command (-want +got):\n%s", d)
	}
	if acked, _ := e.Acked(); acked > time.Second {
		t.Errorf("acknowledged after %v", acked)
	}
	r := replies[0]
	if r.Type != "ephemeral" || r.Replace || !strings.Contains(slacktest.Words(r.Blocks), "Two of <many>") {
		t.Errorf("answered %+v", r)
	}
	if live := slacktest.Alive(r.Text, r.Blocks); len(live) > 0 {
		t.Errorf("%q came alive", live)
	}
	if refused := e.Refused(); refused != nil {
		t.Errorf("refused: %s", refused)
	}
	if n := len(srv.Messages(channelID)); n != 0 {
		t.Errorf("%d messages in the channel", n)
	}
}

func TestCommandNames(t *testing.T) {
	s := &service{names: []string{"latest", "help", "who-said"}}
	for in, want := range map[string]string{
		"/latest": "latest", "/Latest": "latest", "/desk-latest": "latest", "/desk_help": "help",
		"/who-said": "who-said", "/desk-who-said": "", "/latestx": "", "/": "", "": "", "/weather": "", "/-": "",
	} {
		if got := s.name(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestUnknownCommandIsIgnored(t *testing.T) {
	srv, a, _ := start(t)
	serve(t, srv, a, func(_ context.Context, cmd chat.Command) (chat.Reply, error) {
		if cmd.Name != "help" {
			t.Errorf("heard %+v", cmd)
		}
		return chat.Reply{Text: "help"}, nil
	})
	e, err := srv.StartCommand("weather", "", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range []map[string]any{
		{"type": "view_submission"},
		{"type": "block_actions", "actions": []any{}},
		{"type": "block_actions", "actions": []any{map[string]any{"type": "button", "action_id": "theirs", "value": "x"}}},
	} {
		if _, err := srv.Interact(payload, channelID); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, srv, "help", "")
	if _, ok := e.Acked(); !ok {
		t.Error("not acknowledged")
	}
	if len(e.Replies()) != 0 {
		t.Errorf("answered: %v", e.Replies())
	}
}

func TestButtons(t *testing.T) {
	srv, a, _ := start(t)
	serve(t, srv, a, func(_ context.Context, cmd chat.Command) (chat.Reply, error) {
		switch {
		case cmd.Kind != chat.Press:
			return reply(), nil
		case cmd.User != userID || cmd.Channel != channelA:
			t.Errorf("heard %+v", cmd)
		}
		r := reply()
		if cmd.Action == "latest?s=1" {
			r.Public, r.Buttons = true, nil
		} else {
			r.Replace, r.Title = true, "Older updates"
		}
		return r, nil
	})
	first := ask(t, srv, "latest", "")
	older, err := srv.Press(first, "latest?o=5", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	if !older[0].Replace || !strings.Contains(slacktest.Words(older[0].Blocks), "Older updates") {
		t.Errorf("paging answered %+v", older[0])
	}
	shared, err := srv.Press(older[0], "latest?s=1", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	if shared[0].Type != "in_channel" || shared[0].Replace {
		t.Errorf("sharing answered %+v", shared[0])
	}
	if n := len(srv.Messages(channelID)); n != 1 {
		t.Errorf("%d messages in the channel, want the shared one", n)
	}
}

func TestHandlerTrouble(t *testing.T) {
	for name, h := range map[string]chat.Handler{
		"error": func(context.Context, chat.Command) (chat.Reply, error) {
			return chat.Reply{}, errors.New("database gone")
		},
		"panic":           func(context.Context, chat.Command) (chat.Reply, error) { panic("at the disco") },
		"nil dereference": func(context.Context, chat.Command) (chat.Reply, error) { var r *chat.Reply; return *r, nil },
	} {
		t.Run(name, func(t *testing.T) {
			srv, a, logged := start(t)
			serve(t, srv, a, h)
			r := ask(t, srv, "latest", "")
			words := slacktest.Words(r.Blocks)
			if r.Type != "ephemeral" || !strings.Contains(words, "Something went wrong") || strings.Contains(words, "database") {
				t.Errorf("answered %+v", r)
			}
			if !strings.Contains(logged.String(), "level=ERROR") {
				t.Errorf("log: %s", logged)
			}
			ask(t, srv, "latest", "") // still there
		})
	}
}

func TestHandlerOverstays(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t)
	serve(t, srv, a, func(ctx context.Context, _ chat.Command) (chat.Reply, error) {
		<-ctx.Done()
		return chat.Reply{Text: "too late"}, nil
	})
	if r := ask(t, srv, "latest", ""); !strings.Contains(slacktest.Words(r.Blocks), "went wrong") {
		t.Errorf("answered %+v", r)
	}
}

func TestZeroReplyShowsNothing(t *testing.T) {
	srv, a, _ := start(t)
	called := make(chan struct{}, 1)
	serve(t, srv, a, func(_ context.Context, cmd chat.Command) (chat.Reply, error) {
		if cmd.Name == "help" {
			return chat.Reply{Text: "second"}, nil
		}
		called <- struct{}{}
		return chat.Reply{}, nil
	})
	e, err := srv.StartCommand("latest", "", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Wait(5*time.Second, func() bool { _, ok := e.Acked(); return ok }); err != nil {
		t.Fatal(err)
	}
	<-called
	ask(t, srv, "help", "")
	if n := len(e.Replies()); n != 0 {
		t.Errorf("%d replies", n)
	}
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*slacktest.Server){
		"warning":           func(s *slacktest.Server) { s.Disconnect("warning") },
		"refresh requested": func(s *slacktest.Server) { s.Disconnect("refresh_requested") },
		"broken":            (*slacktest.Server).DropConnections,
		"garbage first": func(s *slacktest.Server) {
			s.Garbage("{]")
			s.Garbage(`{"type":5}`)
			s.Garbage(`[]`)
			s.DropConnections()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, a, _ := start(t)
			serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
			cut(srv)
			if err := srv.Wait(10*time.Second, func() bool { return srv.Opens() == 2 && srv.Connections() == 1 }); err != nil {
				t.Fatal(err)
			}
			ask(t, srv, "latest", "")
		})
	}
}

func TestGarbageIsNoReasonToGo(t *testing.T) {
	srv, a, _ := start(t)
	serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
	for _, text := range []string{"{]", `{"type":5}`, `{"type":"new_kind","envelope_id":"x"}`, `{"type":"slash_commands","envelope_id":"y","payload":[1]}`} {
		srv.Garbage(text)
	}
	ask(t, srv, "latest", "")
	if n := srv.Opens(); n != 1 {
		t.Errorf("%d connections were asked for", n)
	}
}

func TestAppTokenRefused(t *testing.T) {
	srv, a, _ := start(t)
	srv.RevokeApp()
	se := reason(t, a.Serve(t.Context(), specs, nil), chat.Unauthorized)
	if se.Remedy == "" {
		t.Error("no remedy")
	}
	if n := srv.Opens(); n != 0 {
		t.Errorf("%d connections were handed out", n)
	}
	for name, f := range map[string]slacktest.Fault{
		"not the app's token": {Body: `{"ok":false,"error":"not_allowed_token_type"}`},
		"expired":             {Body: `{"ok":false,"error":"token_expired"}`},
		"no scope":            {Body: `{"ok":false,"error":"missing_scope"}`},
		"401":                 {Status: 401, Body: "{}"},
	} {
		srv.Fail(f)
		err := a.Serve(t.Context(), specs, nil)
		if chat.ReasonOf(err) != chat.Unauthorized {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevokedWhileServing(t *testing.T) {
	srv, a, _ := start(t)
	done := make(chan error, 1)
	go func() { done <- a.Serve(t.Context(), specs, nil) }()
	connected(t, srv, 1)
	srv.RevokeApp()
	srv.Disconnect("link_disabled")
	reason(t, <-done, chat.Unauthorized)
}

func TestNoAppToken(t *testing.T) {
	_, a, _ := start(t, func(o *Options) { o.AppToken = "" })
	reason(t, a.Serve(t.Context(), specs, nil), chat.Unauthorized)
	reason(t, a.CheckApp(t.Context()), chat.Unauthorized)
	if _, err := a.Send(t.Context(), newPost("k1")); err != nil {
		t.Errorf("sending needs no app token: %v", err)
	}
}

// TestBacksOff lets ten other connections be there, so that Slack turns the
// eleventh away at once, every time.
func TestBacksOff(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { _ = a.Serve(ctx, specs, nil) }) // ends with ctx
	}
	connected(t, srv, 10)
	before, began := srv.Opens(), time.Now()
	all.Go(func() { _ = a.Serve(ctx, specs, nil) })
	if err := srv.Wait(10*time.Second, func() bool { return srv.Opens() >= before+3 }); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	cancel()
	all.Wait()
	if least := minRetry/2 + minRetry; took < least {
		t.Errorf("three connections were asked for in %v, less than %v", took, least)
	}
}

func TestServeSurvivesOutage(t *testing.T) {
	t.Parallel()
	srv, a, logged := start(t)
	srv.Fail(slacktest.Fault{Method: "apps.connections.open", Status: 503, Times: 1})
	srv.Fail(slacktest.Fault{Method: "apps.connections.open", Status: 429, Body: `{"ok":false,"error":"ratelimited"}`, Times: 1})
	serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
	ask(t, srv, "latest", "")
	if n := strings.Count(logged.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, logged)
	}
}

func TestStopWhileHandlerRuns(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t)
	entered, release := make(chan struct{}), make(chan struct{})
	stop := serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) {
		close(entered)
		<-release // a handler that does not look at its context
		return chat.Reply{Text: "late"}, nil
	})
	if _, err := srv.StartCommand("latest", "", userID, channelID); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := stop(); err != nil {
		t.Error(err)
	}
	close(release)
}

func TestAnswersGoToSlackOnly(t *testing.T) {
	_, a, _ := start(t)
	for to, want := range map[string]bool{
		a.base.Scheme + "://" + a.base.Host + "/response/1": true,
		"https://hooks.slack.com/commands/T1/2/3":           true,
		"https://hooks.slack-gov.com/commands/T1/2/3":       true,
		"http://hooks.slack.com/commands/T1/2/3":            false,
		"https://hooks.slack.com.evil.example/":             false,
		"https://evilslack.com/":                            false,
		"https://files.slack.com/x":                         false,
		"https://hooks.slack.com:8443/commands/T1/2/3":      false,
		"https://hooks.slack.com@evil.example/":             false,
		"http://127.0.0.1:1/":                               false,
		"":                                                  false,
	} {
		if got := a.ours(to); got != want {
			t.Errorf("%q: %v, want %v", to, got, want)
		}
	}
}

func TestAnswerLost(t *testing.T) {
	for name, f := range map[string]slacktest.Fault{
		"expired":  {Method: "response", Status: 404, Body: `{"ok":false,"error":"expired_url"}`},
		"refused":  {Method: "response", Status: 200, Body: `{"ok":false,"error":"invalid_blocks"}`},
		"dropped":  {Method: "response", Drop: true},
		"redirect": {Method: "response", Status: 302},
	} {
		t.Run(name, func(t *testing.T) {
			srv, a, logged := start(t)
			stop := serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
			srv.Fail(f)
			if _, err := srv.StartCommand("latest", "", userID, channelID); err != nil {
				t.Fatal(err)
			}
			if err := srv.Wait(5*time.Second, func() bool { return count(srv, "response") == 1 }); err != nil {
				t.Fatal(err)
			}
			ask(t, srv, "latest", "")
			if err := stop(); err != nil { // the log is complete
				t.Error(err)
			}
			if !strings.Contains(logged.String(), "answer lost") {
				t.Errorf("log: %s", logged)
			}
		})
	}
}

func TestStopWhileSlackHangs(t *testing.T) {
	never := make(chan struct{})
	t.Run("opening", func(t *testing.T) {
		srv, a, _ := start(t)
		begun := make(chan struct{})
		srv.Fail(slacktest.Fault{Method: "apps.connections.open", Hold: never, Begun: begun})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Serve(ctx, specs, nil) }()
		<-begun
		cancel()
		stopped := time.Now()
		if err := <-done; err != nil || time.Since(stopped) > time.Second {
			t.Errorf("Serve returned %v after %v", err, time.Since(stopped))
		}
	})
	t.Run("answering", func(t *testing.T) {
		srv, a, _ := start(t)
		stop := serve(t, srv, a, func(context.Context, chat.Command) (chat.Reply, error) { return chat.Reply{Text: "here"}, nil })
		begun := make(chan struct{})
		srv.Fail(slacktest.Fault{Method: "response", Hold: never, Begun: begun})
		if _, err := srv.StartCommand("latest", "", userID, channelID); err != nil {
			t.Fatal(err)
		}
		<-begun
		if err := stop(); err != nil { // it checks the time
			t.Error(err)
		}
	})
}

// TestTooManyCommands asks for one more than are answered at once: Slack must
// hear that nobody takes it.
func TestTooManyCommands(t *testing.T) {
	srv, a, logged := start(t)
	release := make(chan struct{})
	serve(t, srv, a, func(ctx context.Context, _ chat.Command) (chat.Reply, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return chat.Reply{Text: "here"}, nil
	})
	var asked []*slacktest.Exchange
	for range maxAnswers + 1 {
		e, err := srv.StartCommand("latest", "", userID, channelID)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, e)
	}
	acked := func() (n int) {
		for _, e := range asked {
			if _, ok := e.Acked(); ok {
				n++
			}
		}
		return n
	}
	if err := srv.Wait(5*time.Second, func() bool { return acked() == maxAnswers }); err != nil {
		t.Fatal(err)
	}
	close(release)
	for _, e := range asked[:maxAnswers] {
		if _, err := e.Wait(1); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, srv, "latest", "")
	if n := acked(); n != maxAnswers || !strings.Contains(logged.String(), "too many commands") {
		t.Errorf("%d acknowledged, log: %s", n, logged)
	}
}
