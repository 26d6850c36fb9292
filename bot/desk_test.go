package bot_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A desked is a bot whose channels decide for themselves.
type desked struct {
	*world
	bot  *bot.Bot
	desk *desk.Desk
}

// deskStory tells a story at a bot whose desk keeps in the bot's own ledger.
func deskStory(t *testing.T, tell func(d *desked)) {
	t.Helper()
	story(t, func(w *world) { tell(&desked{world: w}) })
}

// run opens the ledger, makes the desk over it, and runs the bot while tell
// goes on.
func (d *desked) run(tell func()) {
	d.t.Helper()
	file := desk.File{Sources: d.opts.Sources}
	for _, sub := range d.opts.Subscriptions {
		file.Wants = append(file.Wants, desk.Want{Subscription: sub})
	}
	d.wrap = func(st store.Store) store.Store {
		k, err := desk.New(d.t.Context(), st, file)
		if err != nil {
			d.t.Fatal(err)
		}
		d.desk, d.opts.Desk = k, k
		return st
	}
	d.started = func(b *bot.Bot) { d.bot = b }
	d.mustRun(tell)
}

// say sends a command as an admin in channel a and returns the answer.
func (d *desked) say(line string) chat.Reply {
	d.t.Helper()
	return d.as(chat.Command{Admin: true, User: "u1"}, line)
}

func (d *desked) as(who chat.Command, line string) chat.Reply {
	d.t.Helper()
	name, words, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	who.Name, who.Text = name, words
	return d.ask(who)
}

func (d *desked) ask(cmd chat.Command) chat.Reply {
	d.t.Helper()
	cmd.Adapter = "test"
	if cmd.Tenant == "" {
		cmd.Tenant = "town"
	}
	if cmd.Channel.ID == "" {
		cmd.Channel = chat.Channel{Adapter: "test", ID: "a"}
	}
	cmd.Private = chat.Channel{Adapter: "test", ID: "@" + cmd.User}
	r, err := d.bot.Handle(d.t.Context(), cmd)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// press presses a button of an answer.
func (d *desked) press(r chat.Reply, label string) chat.Reply {
	d.t.Helper()
	for _, b := range r.Buttons {
		if b.Label == label {
			return d.ask(chat.Command{Kind: chat.Press, Action: b.Action, Admin: true, User: "u1"})
		}
	}
	d.t.Fatalf("no button %q under %+v", label, r)
	return chat.Reply{}
}

// holds checks that an answer says something.
func (d *desked) holds(r chat.Reply, parts ...string) {
	d.t.Helper()
	text := r.Title + "\n" + r.Text + "\n" + r.Note
	for _, p := range parts {
		if !strings.Contains(text, p) {
			d.t.Errorf("answer %q does not hold %q", text, p)
		}
	}
}

func TestFollowFromChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.web.everywhere(func() (news.Snapshot, error) { return pageOf("c2 Second cup", "c1 First cup"), nil })
		d.run(func() {
			if r := d.as(chat.Command{User: "u2"}, "/follow https://news.example/cup"); !strings.Contains(r.Text, "Only people who may manage") {
				t.Errorf("a member may follow: %+v", r)
			}
			r := d.say("/follow https://news.example/cup")
			d.holds(r, "Found 2 updates", "Only what comes from now on")
			if len(r.Items) != 1 || r.Items[0].Headline != "Second cup" {
				t.Errorf("sample: %+v", r.Items)
			}
			if other := d.ask(chat.Command{Kind: chat.Press, Action: r.Buttons[0].Action, User: "u3", Admin: true}); !strings.Contains(other.Text, "ask again") {
				t.Errorf("somebody else's button: %+v", other)
			}
			d.holds(d.press(r, "Follow"), "is followed here now")
			pass(time.Minute)
			d.want("a", "LIVE First")
			d.web.everywhere(func() (news.Snapshot, error) { return pageOf("c3 Third cup", "c2 Second cup", "c1 First cup"), nil })
			pass(3 * time.Minute)
			d.want("a", "LIVE First", "LIVE Third cup")
			d.holds(d.say("/sources"), "Harbour live (harbour-live)", "Source harbour (harbour)")
			d.holds(d.say("/pause harbour-live"), "is paused here")
			d.web.everywhere(func() (news.Snapshot, error) {
				return pageOf("c4 Fourth cup", "c3 Third cup", "c2 Second cup", "c1 First cup"), nil
			})
			pass(10 * time.Minute)
			d.want("a", "LIVE First", "LIVE Third cup")
			d.holds(d.say("/resume harbour-live"), "posted here again")
			d.holds(d.say("/unfollow harbour-live"), "not followed here any more")
			d.holds(d.say("/unfollow harbour"), "set in the configuration file")
			d.holds(d.say("/audit"), "follow", "pause", "unfollow", "u1")
		})
	})
}

func TestFilterInChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e2 Ferry late", "e1 Bridge shut")
		d.run(func() {
			d.holds(d.say("/filter test harbour headline:bridge"), "1 of the last 2 updates", "✓ Bridge shut", "✗ Ferry late")
			d.holds(d.say("/filter set harbour (bridge"), "there is no ) for this (")
			d.holds(d.say("/filter set harbour headline:bridge -rehearsal"), "would be posted")
			d.web.show("harbour", "e5 Bridge rehearsal", "e4 Bridge open", "e3 Ferry back", "e2 Ferry late", "e1 Bridge shut")
			pass(time.Minute)
			d.want("a", "LIVE Ferry late", "LIVE Bridge open")
			d.want("b", "LIVE Ferry late", "LIVE Ferry back", "LIVE Bridge open", "LIVE Bridge rehearsal")
			r := d.say("/why https://news.example/harbour#e5")
			d.holds(r, "Filter of this channel: not wanted", "not posted, because it has “rehearsal”", "stands in 1 other channel")
			d.holds(d.say("/why https://news.example/harbour#e4"), "Here: posted", "Recognised by: the source's own id")
			d.holds(d.say("/why https://news.example/nothing"), "Nothing that this bot has seen has that link")
			d.holds(d.say("/filter clear harbour"), "Everything of it is posted")
		})
	})
}

func TestQuietHoursInChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.run(func() { // synctest begins at midnight UTC
			d.holds(d.say("/quiet 00:00-07:00 UTC"), "Quiet here at")
			d.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
			pass(time.Hour)
			d.want("a", "LIVE First")
			d.want("b", "LIVE First", "LIVE Second", "LIVE Third")
			d.web.show("harbour", "e4 Fourth", "e3 Third", "e2 Second", "e1 First")
			pass(5 * time.Hour)
			d.want("a", "LIVE First")
			pass(2 * time.Hour)
			d.want("a", "LIVE First", "rollup 3 earlier updates")
			d.holds(d.say("/quiet off"), "no quiet hours any more")
		})
	})
}

func TestPullInChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e2 Second", "e1 First")
		d.run(func() {
			pass(time.Minute)
			r := d.say("/pull https://news.example/harbour#e2")
			d.holds(r, "Pull this update from every channel?", "Second")
			d.holds(d.press(r, "Pull it"), "being pulled")
			pass(time.Minute)
			d.want("a", "WITHDRAWN ")
			d.want("b", "WITHDRAWN ")
			d.web.show("harbour", "e2 Second again", "e1 First") // its source does what it wants
			pass(10 * time.Minute)
			d.want("a", "WITHDRAWN ")
			d.holds(d.say("/pull https://news.example/harbour#e2"), "pulled already")
			d.holds(d.say("/audit"), "pull", "harbour/e2")
		})
	})
}

func TestAlertsInChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.run(func() {
			reader := chat.Command{User: "r7"}
			d.holds(d.as(reader, "/alert flood"), "You will get a direct message")
			d.holds(d.as(reader, "/alert flood"), "followed here already")
			d.web.show("harbour", "e3 Flood warning", "e2 Second", "e1 First")
			pass(time.Minute)
			d.want("@r7", "LIVE Flood warning")
			r := d.as(reader, "/alerts")
			d.holds(r, "1 alert", "flood")
			if got := d.ask(chat.Command{Kind: chat.Press, Action: r.Menus[0].Action, Picked: r.Menus[0].Choices[0].Value, User: "r7"}); !strings.Contains(got.Text, "not be alerted") {
				t.Errorf("stop: %+v", got)
			}
			d.web.show("harbour", "e4 Flood over", "e3 Flood warning", "e2 Second", "e1 First")
			pass(time.Minute)
			d.want("@r7", "LIVE Flood warning")
			d.holds(d.as(reader, "/alerts"), "You have no alerts")
		})
	})
}

func TestDigestInChat(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.run(func() {
			d.holds(d.say("/digest add daily 08:00 UTC"), "comes daily 08:00 UTC")
			d.holds(d.say("/digest list"), "daily 08:00 UTC")
			d.web.show("harbour", "e3 Third", "e2 Second", "e1 First")
			pass(9 * time.Hour)
			d.want("a", "LIVE First", "LIVE Second", "LIVE Third", "closing Digest of the last 8 hours (2)")
			pass(24 * time.Hour) // nothing happened: nothing is said
			d.want("a", "LIVE First", "LIVE Second", "LIVE Third", "closing Digest of the last 8 hours (2)")
		})
	})
}

func TestWhichSource(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.run(func() {
			r := d.say("/pause nothing")
			if len(r.Menus) != 1 || len(r.Menus[0].Choices) != 1 {
				t.Fatalf("menu: %+v", r)
			}
			got := d.ask(chat.Command{Kind: chat.Press, Action: r.Menus[0].Action, Picked: "harbour", Admin: true, User: "u1"})
			d.holds(got, "is paused here")
			if got := d.ask(chat.Command{Kind: chat.Press, Action: r.Menus[0].Action, Picked: "harbour", User: "u2"}); !strings.Contains(got.Text, "Only people who may manage") {
				t.Errorf("a member pressed an admin's menu: %+v", got)
			}
			d.holds(d.say("/test"), "on its way")
			pass(time.Second)
			if seen := d.room.sees("a"); len(seen) != 2 || !strings.Contains(seen[1], "This is a test") {
				t.Errorf("a shows %q", seen)
			}
			d.holds(d.say("/preview"), "would be posted here")
			d.holds(d.say("/set harbour style thread"), "set in the configuration file")
			d.holds(d.say("/set harbour mention S0DESK1 flood"), "mention is S0DESK1 flood")
			d.holds(d.say("/help"), "/follow", "/alert")
			if strings.Contains(d.as(chat.Command{User: "u2"}, "/help").Text, "/follow") {
				t.Error("a member is offered what admins do")
			}
		})
	})
}
