package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
)

// The channels that scripts post to.
const (
	slackChannel   = "C0QUAY"
	discordChannel = "1300000000000000001"
)

// eventually asks until want is satisfied, bounded by patience. The platforms
// of the tests do not tell when something arrives, as the real ones do not.
func eventually(want func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := want()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

type slackKey struct{}

// cmdSlack is "slack start FILE...", "await PATTERN", "posts N", "limit N
// PERIOD", "refuse METHOD ERROR" (once), "kick", "invite", "ask FILE COMMAND
// [TEXT]".
func cmdSlack(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("slack what?")
	}
	if args[0] == "start" {
		s := slacktest.New()
		s.AddChannel(slackChannel)
		ts.Defer(s.Close)
		states(ts)[slackKey{}] = s
		ts.Setenv("SLACK_BOT_TOKEN", s.BotToken())
		ts.Setenv("SLACK_APP_TOKEN", s.AppToken())
		fill(ts, "SLACK_URL", s.URL(), args[1:])
		return
	}
	s := states(ts)[slackKey{}].(*slacktest.Server)
	switch args[0] {
	case "await":
		ts.Check(eventually(func() error { return match(slackSees(s, slackChannel), args[1]) }))
	case "posts":
		ts.Check(samePosts(s.Posts(slackChannel), args[1]))
	case "limit":
		period, err := time.ParseDuration(args[2])
		ts.Check(err)
		var n int
		fmt.Sscan(args[1], &n)
		s.Limit(n, period)
	case "refuse":
		s.Fail(slacktest.Fault{Method: args[1], Body: fmt.Sprintf(`{"ok":false,"error":%q}`, args[2])})
	case "kick":
		s.Kick(slackChannel)
	case "invite":
		s.Invite(slackChannel)
	case "ask":
		ts.Check(eventually(func() error {
			if s.Connections() == 0 {
				return errors.New("Slack: nobody listens")
			}
			return nil
		}))
		replies, err := s.SlashCommand("/"+args[2], strings.Join(args[3:], " "), "U0READER", slackChannel)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(replies[0].Type+"\n"+slacktest.Words(replies[0].Blocks)), 0o644))
	default:
		ts.Fatalf("slack %s?", args[0])
	}
}

// slackSees returns what a reader of a channel sees.
func slackSees(s *slacktest.Server, channel string) string {
	var sb strings.Builder
	for _, m := range s.Messages(channel) {
		sb.WriteString(slacktest.Words(m.Blocks) + "\n---\n")
	}
	return sb.String()
}

type discordKey struct{}

// cmdDiscord is "discord start FILE...", "await PATTERN", "posts N", "ask FILE
// COMMAND [OPTION=VALUE...]".
func cmdDiscord(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("discord what?")
	}
	if args[0] == "start" {
		s := discordtest.New()
		s.AddChannel(discordChannel)
		ts.Defer(s.Close)
		states(ts)[discordKey{}] = s
		ts.Setenv("DISCORD_BOT_TOKEN", s.Token())
		fill(ts, "DISCORD_URL", s.URL(), args[1:])
		return
	}
	s := states(ts)[discordKey{}].(*discordtest.Server)
	switch args[0] {
	case "await":
		ts.Check(eventually(func() error { return match(discordSees(s, discordChannel), args[1]) }))
	case "posts":
		ts.Check(samePosts(s.Posts(discordChannel), args[1]))
	case "ask":
		ts.Check(eventually(func() error {
			if n, _ := s.Registrations(); n == 0 || !s.Connected() {
				return errors.New("Discord: no commands are registered")
			}
			return nil
		}))
		options := map[string]any{}
		for _, a := range args[3:] {
			k, v, _ := strings.Cut(a, "=")
			options[k] = v
		}
		r, err := s.Command(args[2], options, "1400000000000000001", discordChannel)
		ts.Check(err)
		out := fmt.Sprintf("ephemeral=%v\n", r.Ephemeral)
		for _, e := range r.Embeds {
			out += e.Title + "\n" + e.Description + "\n"
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out), 0o644))
	default:
		ts.Fatalf("discord %s?", args[0])
	}
}

// discordSees returns what a reader of a channel sees.
func discordSees(s *discordtest.Server, channel string) string {
	var sb strings.Builder
	for _, m := range s.Messages(channel) {
		for _, e := range m.Embeds {
			if e.Author != nil {
				sb.WriteString(e.Author.Name + "\n")
			}
			sb.WriteString(e.Title + "\n" + e.Description + "\n")
		}
		sb.WriteString("---\n")
	}
	return sb.String()
}

type statesKey struct{}

// states holds the platforms of a script.
func states(ts *testscript.TestScript) map[any]any { return ts.Value(statesKey{}).(map[any]any) }

func match(text, pattern string) error {
	if !regexp.MustCompile(pattern).MatchString(text) {
		return fmt.Errorf("no %q in:\n%s", pattern, text)
	}
	return nil
}

func samePosts(got int, want string) error {
	if fmt.Sprint(got) != want {
		return fmt.Errorf("%d posts, want %s", got, want)
	}
	return nil
}
