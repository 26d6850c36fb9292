package slack

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
)

func send(t *testing.T, a *Adapter, p chat.Post) chat.MessageID {
	t.Helper()
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func head(key string) chat.Post {
	p := newPost(key)
	p.Card = chat.Card{
		Form: chat.HeadForm, Source: "Harbour Gazette", Headline: "Storm closes the bridge", URL: "https://gazette.example/live/storm", Count: 12,
		Changed: time.Date(2026, 3, 14, 14, 52, 0, 0, time.UTC),
		Items:   []chat.Item{{Time: time.Date(2026, 3, 14, 14, 50, 0, 0, time.UTC), Headline: "Ferries stay in port", URL: "https://gazette.example/live/storm#e12"}},
	}
	return p
}

// TestThread holds the life of a page with its entries in a thread: broadcast,
// edited, recognised after an attempt of unknown outcome, deleted.
func TestThread(t *testing.T) {
	srv, a, _ := start(t)
	page := send(t, a, head("page"))
	p := newPost("entry")
	p.Thread = page
	first := send(t, a, p)
	p.Key, p.Broadcast = "key", true
	send(t, a, p)
	if got := len(srv.Replies(channelID, string(page))); got != 2 {
		t.Errorf("%d replies", got)
	}
	if got := len(srv.Visible(channelID)); got != 2 {
		t.Errorf("the channel shows %d messages, want the page and the key event", got)
	}
	if err := a.Edit(t.Context(), channelA, first, card("Bridge open")); err != nil {
		t.Fatal(err)
	}
	if m := srv.Replies(channelID, string(page))[0]; !strings.Contains(slacktest.Words(m.Blocks), "Bridge open") {
		t.Errorf("the reply shows %s", slacktest.Words(m.Blocks))
	}
	p = newPost("lost")
	p.Thread = page
	srv.Fail(slacktest.Fault{Method: "chat.postMessage", Drop: true, Accept: true})
	tried := time.Now()
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Unknown)
	p.Tried = tried
	again := send(t, a, p)
	if got := srv.Replies(channelID, string(page)); len(got) != 3 || string(again) != got[2].Thread+"/"+got[2].TS {
		t.Errorf("found %s among %d replies", again, len(got))
	}
	for range 2 { // what is not there any more is no error
		if err := a.Delete(t.Context(), channelA, first); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(srv.Replies(channelID, string(page))); got != 2 {
		t.Errorf("%d replies after a deletion", got)
	}
	srv.RemoveThread(channelID, string(page))
	p = newPost("late")
	p.Thread = page
	_, err = a.Send(t.Context(), p)
	if se := reason(t, err, chat.Gone); !se.Thread || se.Channel {
		t.Errorf("%+v is about the thread, not the channel", se)
	}
}

// TestReply holds that an answer to a card stands under it and in the channel,
// and by itself when the card is gone.
func TestReply(t *testing.T) {
	srv, a, _ := start(t)
	c := send(t, a, newPost("card"))
	p := newPost("note")
	p.Reply = c
	p.Card = chat.Card{Form: chat.NoteForm, Source: "Harbour Gazette", State: chat.Corrected, Headline: "Bridge closed",
		Edits: []chat.Edit{{What: "Headline", Old: "Bridge shut for ever", New: "Bridge closed"}}}
	send(t, a, p)
	under := srv.Replies(channelID, string(c))
	if len(under) != 1 || !under[0].Broadcast || !strings.Contains(slacktest.Words(under[0].Blocks), "Bridge shut for ever") {
		t.Errorf("under the card: %+v", under)
	}
	srv.RemoveThread(channelID, string(c))
	p.Key = "note2"
	send(t, a, p)
	if got := srv.Visible(channelID); len(got) != 1 || got[0].Thread != "" {
		t.Errorf("the channel shows %+v", got)
	}
}

// TestDirect holds that an alert reaches a person, and that the channel is
// opened once.
func TestDirect(t *testing.T) {
	srv, a, _ := start(t)
	p := newPost("alert")
	p.Channel.ID = "@" + userID
	p.Buttons = []chat.Button{{Label: "Stop this alert", Action: "alert.1"}}
	id := send(t, a, p)
	if err := a.Edit(t.Context(), p.Channel, id, card("Bridge open")); err != nil {
		t.Fatal(err)
	}
	if got := srv.Messages(srv.Direct(userID)); len(got) != 1 || !got[0].Edited() {
		t.Errorf("direct messages: %+v", got)
	}
	if n := count(srv, "conversations.open"); n != 1 {
		t.Errorf("opened %d times", n)
	}
}

// TestWhoAdministers holds whom Slack's answers make an admin, and that it is
// asked once a minute at most and not for commands that are for everybody.
func TestWhoAdministers(t *testing.T) {
	srv, a, _ := start(t, func(o *Options) { o.Admins = "S0DESK" })
	srv.Appoint("U0OWNER")
	srv.Group("S0DESK", "U0EDITOR")
	for user, want := range map[string]bool{"U0OWNER": true, "U0EDITOR": true, "U0READER": false} {
		for range 3 {
			if got := a.mayAdminister(t.Context(), user); got != want {
				t.Errorf("%s: %v", user, got)
			}
		}
	}
	if n := count(srv, "users.info"); n != 3 {
		t.Errorf("asked %d times", n)
	}
	srv.SetScopes("chat:write")
	if a.mayAdminister(t.Context(), "U0OTHER") {
		t.Error("who cannot be looked up administers")
	}
	s := &service{a: a, specs: map[string]chat.CommandSpec{"follow": {Name: "follow", Admin: true}, "latest": {Name: "latest"}}}
	if s.asksAdmin(chat.Command{Name: "latest"}) || !s.asksAdmin(chat.Command{Name: "follow"}) || !s.asksAdmin(chat.Command{Kind: chat.Press}) {
		t.Error("asked for the wrong commands")
	}
}

// TestMenusAndShortcuts holds what arrives when a user picks a choice, presses
// a button under a card, or points at a message.
func TestMenusAndShortcuts(t *testing.T) {
	srv, a, _ := start(t)
	heard := make(chan chat.Command, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	specs := []chat.CommandSpec{{Name: "unfollow", Summary: "Stop", Admin: true}, {Name: "why", Summary: "Why", Message: true, Label: "Why this card?"}}
	go func() {
		done <- a.Serve(ctx, specs, func(_ context.Context, cmd chat.Command) (chat.Reply, error) {
			heard <- cmd
			if cmd.Name == "unfollow" {
				return chat.Reply{Text: "Which?", Menus: []chat.Menu{{Label: "Which source?", Action: "pick.unfollow.",
					Choices: []chat.Choice{{Label: "Harbour", Value: "harbour"}, {Label: "Council", Value: "council"}}}}}, nil
			}
			return chat.Reply{Text: "yes"}, nil
		})
	}()
	defer func() {
		cancel()
		<-done
	}()
	if err := srv.Wait(5*time.Second, func() bool { return srv.Connections() > 0 }); err != nil {
		t.Fatal(err)
	}
	srv.Appoint(userID)
	e, err := srv.StartCommand("/unfollow", "", userID, channelID)
	if err != nil {
		t.Fatal(err)
	}
	if cmd := <-heard; !cmd.Admin {
		t.Errorf("an admin asked: %+v", cmd)
	}
	replies, err := e.Wait(1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := srv.StartPick(replies[0], "Council", userID, channelID); err != nil {
		t.Fatal(err)
	}
	if cmd := <-heard; cmd.Kind != chat.Press || cmd.Action != "pick.unfollow." || cmd.Picked != "council" || cmd.Target != "" || !cmd.Admin {
		t.Errorf("picked: %+v", cmd)
	}
	p := newPost("card")
	p.Buttons = []chat.Button{{Label: "Stop this alert", Action: "alert.7", Danger: true, Confirm: "Really?"}}
	id := send(t, a, p)
	m := srv.Messages(channelID)[0]
	if _, err := srv.StartPressUnder(m, "Stop this alert", userID); err != nil {
		t.Fatal(err)
	}
	if cmd := <-heard; cmd.Action != "alert.7" || cmd.Target != id {
		t.Errorf("pressed under a card: %+v", cmd)
	}
	if _, err := srv.StartShortcut(m, actionID+"why", userID); err != nil {
		t.Fatal(err)
	}
	if cmd := <-heard; cmd.Kind != chat.Invoke || cmd.Name != "why" || cmd.Target != id || cmd.Channel != channelA {
		t.Errorf("pointed at: %+v", cmd)
	}
}

// TestPace holds Slack's documented pace, that it is not waited out here, and
// that what Slack says goes before it.
func TestPace(t *testing.T) {
	p := newPacer(1)
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	sent := 0
	for i := range 600 { // a minute in steps of 100 ms
		if p.take("C1", now.Add(time.Duration(i)*100*time.Millisecond)) == 0 {
			sent++
		}
	}
	if sent < 58 || sent > 60+channelBurst {
		t.Errorf("%d messages in one channel in a minute", sent)
	}
	p = newPacer(1)
	sent = 0
	for i := range 600 {
		for _, ch := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"} {
			if p.take(ch, now.Add(time.Duration(i)*100*time.Millisecond)) == 0 {
				sent++
			}
		}
	}
	if sent < 295 || sent > 300+teamBurst {
		t.Errorf("%d messages in a workspace in a minute", sent)
	}
	srv, a, _ := start(t)
	srv.Fail(slacktest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"30"}}, Body: `{"ok":false,"error":"ratelimited"}`})
	if _, err := a.Send(t.Context(), newPost("x")); err == nil {
		t.Fatal("sent")
	}
	if d := a.Pace(channelA); d < 29*time.Second || d > 30*time.Second {
		t.Errorf("pace after a limit: %v", d)
	}
	if d := a.Pace(chat.Channel{Adapter: "slack", ID: "C0OTHER"}); d != 0 {
		t.Errorf("another channel waits %v", d)
	}
}
