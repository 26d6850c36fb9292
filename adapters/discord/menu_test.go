package discord

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

// wide are commands that use all that a command can have.
var wide = []chat.CommandSpec{
	{Name: "why", Summary: "Why this is here", Message: true, Label: "Why is this here?", Options: []chat.OptionSpec{{Name: "link", Summary: "Its address"}},
		Locales: map[string]chat.Localised{
			"de": {Name: "Warum", Summary: "Warum das hier steht"}, "es": {Name: "por qué", Summary: "Por qué está aquí"},
			"pt-PT": {Name: "porquê"}, "pt-BR": {Name: "porque"}, "tlh": {Name: "qatlh"}, "en-GB": {Summary: "Why on earth"},
		}},
	{Name: "follow", Summary: "Follow a source here", Admin: true, Slow: true, Options: []chat.OptionSpec{
		{Name: "source", Summary: "Which", Suggest: true, Locales: map[string]chat.Localised{"de": {Name: "quelle", Summary: "Welche"}}},
		{Name: "style", Summary: "How", Kind: chat.ChoiceOption, Choices: []chat.Choice{{Label: "Cards", Value: "cards"}, {Label: "A thread", Value: "thread"}}},
		{Name: "channel", Summary: "Where", Kind: chat.ChannelOption},
		{Name: "count", Summary: "How many", Kind: chat.NumberOption, Min: 1, Max: 9},
	}},
	{Name: "pull", Summary: "Take it back", Admin: true, Message: true},
}

func TestWideCommandsGolden(t *testing.T) {
	golden(t, "commands", registrations(applicationCommands(wide)))
}

// hears runs Serve with commands and returns what the handler hears.
func hears(t *testing.T, srv *discordtest.Server, a *Adapter, cmds []chat.CommandSpec, reply func(chat.Command) chat.Reply) <-chan chat.Command {
	t.Helper()
	heard := make(chan chat.Command, 9)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- a.Serve(ctx, cmds, func(_ context.Context, c chat.Command) (chat.Reply, error) {
			heard <- c
			return reply(c), nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	wait(t, srv, func() bool { n, _ := srv.Registrations(); return srv.Connected() && n > 0 })
	return heard
}

func fine(chat.Command) chat.Reply { return chat.Reply{Text: "Fine."} }

func TestWideCommandsAreRegisteredOnce(t *testing.T) {
	srv, a := start(t)
	hears(t, srv, a, wide, fine)
	b := again(t, a, nil)
	if err := b.overwrite(t.Context(), wide); err != nil {
		t.Fatal(err)
	}
	if n, _ := srv.Registrations(); n != 1 {
		t.Errorf("registered %d times", n)
	}
	for name, change := range map[string]func(*chat.CommandSpec){
		"admin":   func(c *chat.CommandSpec) { c.Admin = false },
		"label":   func(c *chat.CommandSpec) { c.Message, c.Label = true, "Follow it" },
		"locale":  func(c *chat.CommandSpec) { c.Locales = map[string]chat.Localised{"fr": {Name: "suivre"}} },
		"choices": func(c *chat.CommandSpec) { c.Options[1].Choices = c.Options[1].Choices[:1] },
	} {
		changed := append([]chat.CommandSpec(nil), wide...)
		changed[1].Options = append([]chat.OptionSpec(nil), wide[1].Options...)
		change(&changed[1])
		if sameCommands(applicationCommands(wide), applicationCommands(changed)) {
			t.Errorf("%s: no change seen", name)
		}
	}
}

func TestWhoAsks(t *testing.T) {
	srv, a := start(t)
	heard := hears(t, srv, a, wide, fine)
	ask := func(channel string) chat.Command {
		t.Helper()
		if _, err := srv.Command("follow", map[string]any{"style": "thread", "channel": channelID}, userID, channel); err != nil {
			t.Fatal(err)
		}
		return <-heard
	}
	private := chat.Channel{Adapter: "discord", ID: "@" + userID}
	if c := ask(channelID); c.Admin || c.Tenant != discordtest.GuildID || c.Private != private || c.Channel != channelA ||
		c.Options["style"] != "thread" || c.Options["channel"] != channelID {
		t.Errorf("heard %+v", c)
	}
	srv.Appoint(userID)
	if c := ask(channelID); !c.Admin {
		t.Error("who may manage the server is no administrator")
	}
	p := post("hello")
	p.Channel = private
	mustSend(t, a, p)
	if c := ask(srv.Direct(userID)); c.Admin || c.Tenant != "" || c.Channel != private {
		t.Errorf("in direct messages: %+v", c)
	}
}

// Whatever message a user points at, Target and Channel are what Send was
// given and returned.
func TestTargets(t *testing.T) {
	srv, a := start(t)
	srv.AddForum(forumID, false)
	heard := hears(t, srv, a, wide, fine)
	top := mustSend(t, a, head("head"))
	p := post("plain")
	p.Buttons = []chat.Button{{Label: "Why?", Action: "why"}, {Label: "Pull", Action: "pull", Danger: true}}
	plain := mustSend(t, a, p)
	threaded := mustSend(t, a, in(post("threaded"), top))
	shown := mustSend(t, a, broadcast(top))
	f := head("forum")
	f.Channel.ID, f.Forum = forumID, true
	forum := mustSend(t, a, f)
	th := onlyThread(t, srv, channelID).ID
	fo := onlyThread(t, srv, forumID).ID
	d := post("direct")
	d.Channel.ID = "@" + userID
	direct := mustSend(t, a, d)
	for _, tt := range []struct {
		name    string
		where   string
		n       int
		channel chat.Channel
		want    chat.MessageID
	}{
		{"head", channelID, 0, channelA, top},
		{"plain", channelID, 1, channelA, plain},
		{"in a thread", th, 0, channelA, threaded},
		{"broadcast, in the thread", th, 1, channelA, shown},
		{"broadcast, in the channel", channelID, 2, channelA, shown},
		{"forum post", fo, 0, f.Channel, forum},
		{"direct message", srv.Direct(userID), 0, d.Channel, direct},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := srv.Messages(tt.where)[tt.n]
			if _, err := srv.Menu("Why is this here?", m.ID, userID, tt.where); err != nil {
				t.Fatal(err)
			}
			if c := <-heard; c.Name != "why" || c.Target != tt.want || c.Channel != tt.channel {
				t.Errorf("%s in %v, want %s in %v", c.Target, c.Channel, tt.want, tt.channel)
			}
			if err := a.Edit(t.Context(), tt.channel, tt.want, card("Edited")); err != nil {
				t.Fatal(err)
			}
			if _, err := srv.Menu("pull", m.ID, userID, tt.where); err != nil {
				t.Fatal(err)
			}
			if c := <-heard; c.Target != tt.want || c.Channel != tt.channel {
				t.Errorf("after an edit: %s in %v", c.Target, c.Channel)
			}
		})
	}
	m := srv.Messages(channelID)[1]
	if len(m.Components) != 1 || m.Components[0].Components[1].Style != 4 {
		t.Errorf("buttons after an edit: %+v", m.Components)
	}
	if _, err := srv.Press(m.ID, "why", userID, channelID); err != nil {
		t.Fatal(err)
	}
	if c := <-heard; c.Kind != chat.Press || c.Action != "why" || c.Target != plain {
		t.Errorf("pressed: %+v", c)
	}
}

// The mark of somebody else's message says nothing.
func TestTargetOfAStranger(t *testing.T) {
	srv, a := start(t)
	heard := hears(t, srv, a, wide, fine)
	mustSend(t, a, post("plain"))
	m := srv.Messages(channelID)[0]
	srv.Dispatch("INTERACTION_CREATE", json.RawMessage(strings.NewReplacer("ID", snowflakeOf(time.Now()), "MSG", m.ID).Replace(
		`{"id":"ID","application_id":"`+discordtest.AppID+`","type":2,"token":"dG9rZW4","channel_id":"`+channelID+`","guild_id":"`+discordtest.GuildID+`",
		"member":{"user":{"id":"`+userID+`"},"permissions":"1024"},"data":{"type":3,"name":"Why is this here?","target_id":"MSG",
		"resolved":{"messages":{"MSG":{"id":"MSG","author":{"id":"`+userID+`"},"embeds":[{"author":{"url":"https://x.example/#:~:card=plain/1500000000000000009"}}]}}}}}`)))
	if c := <-heard; c.Target != chat.MessageID(m.ID) || c.Channel != channelA {
		t.Errorf("%s in %v", c.Target, c.Channel)
	}
}

func TestMenusOfReplies(t *testing.T) {
	srv, a := start(t)
	heard := hears(t, srv, a, wide, func(c chat.Command) chat.Reply {
		if c.Kind == chat.Press {
			return chat.Reply{Text: "Picked " + c.Picked, Replace: true}
		}
		return chat.Reply{Text: "Which?", Menus: []chat.Menu{
			{Label: "Which source?", Action: "pick", Choices: []chat.Choice{{Label: "Storm", Value: "storm"}, {Label: "Sport", Value: "sport"}, {Label: "Storm again", Value: "storm"}}},
			{Label: "None", Action: "none"},
		}, Buttons: []chat.Button{{Label: "Go", Action: "go"}, {Label: "Drop", Action: "drop", Danger: true}}}
	})
	r, err := srv.Command("why", nil, userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	<-heard
	if len(r.Components) != 2 || r.Components[1].Components[0].Placeholder != "Which source?" || len(r.Components[1].Components[0].Options) != 2 {
		t.Errorf("components %+v", r.Components)
	}
	got, err := srv.Pick(r.Message, "pick", "sport", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	c := <-heard
	if d := cmp.Diff([]string{"pick", "sport", ""}, []string{c.Action, c.Picked, string(c.Target)}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got.Embeds[0].Description != "Picked sport" {
		t.Errorf("shown: %q", got.Embeds[0].Description)
	}
}

// A slow command is acknowledged at once and has more time.
func TestSlowCommand(t *testing.T) {
	srv, a := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- a.Serve(ctx, wide, func(ctx context.Context, c chat.Command) (chat.Reply, error) {
			d, _ := ctx.Deadline()
			if left := time.Until(d); left < chat.SlowTime-time.Second || left > chat.SlowTime {
				t.Errorf("%v left", left)
			}
			return chat.Reply{Text: "Followed."}, nil
		})
	}()
	wait(t, srv, srv.Connected)
	r, err := srv.Command("follow", nil, userID, channelID)
	if err != nil || r.Type != respondDeferred || len(r.Embeds) != 1 || r.Embeds[0].Description != "Followed." {
		t.Errorf("%+v, %v", r, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
