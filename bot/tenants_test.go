package bot_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// A street is a platform whose channels belong to different servers: "b" to
// "port", the others to "town".
type street struct{ *platform }

func (street) TenantOf(_ context.Context, ch chat.Channel) (string, error) {
	if ch.ID == "b" || ch.ID == "port" {
		return "port", nil
	}
	return "town", nil
}

// apart makes the bot one in two servers that are not its operator's.
func (d *desked) apart() {
	d.opts.Adapters = []chat.Adapter{street{d.room}}
	d.opts.Home = func(string, string) bool { return false }
}

// fromPort sends a command as an admin of the other server.
func (d *desked) fromPort(line string) chat.Reply {
	d.t.Helper()
	return d.as(chat.Command{Admin: true, User: "u9", Tenant: "port", Channel: chat.Channel{Adapter: "test", ID: "port"}}, line)
}

// TestServersApart checks that one server does not see what another follows from
// chat, and can name none of its channels.
func TestServersApart(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.web.everywhere(func() (news.Snapshot, error) {
			s := pageOf("c1 First cup")
			s.Title, s.Entries[0].URL = "Cup final", "https://news.example/cup#c1"
			return s, nil
		})
		d.apart()
		d.run(func() {
			d.holds(d.press(d.say("/follow https://news.example/cup"), "Follow"), "is followed here now")
			pass(time.Minute)
			d.holds(d.say("/sources"), "Cup final")
			hidden := func(what string, r chat.Reply) {
				t.Helper()
				text := r.Title + r.Text + r.Note
				for _, it := range r.Items {
					text += it.Headline + it.Source
				}
				for _, c := range r.Choices {
					text += c.Label
				}
				if strings.Contains(strings.ToLower(text), "cup") {
					t.Errorf("%s shows what another server follows: %q", what, text)
				}
			}
			for _, line := range []string{
				"/sources", "/status", "/latest", "/latest nothing-called-so", "/summary", "/quotes", "/why https://news.example/c#c1", "/audit", "/limits",
			} {
				hidden(line, d.fromPort(line))
			}
			for _, command := range []string{"latest", "pause"} {
				hidden("suggestions for /"+command, d.ask(chat.Command{
					Kind: chat.Suggest, Name: command, Focus: "source", Options: map[string]string{"source": ""}, User: "u9", Tenant: "port",
					Channel: chat.Channel{Adapter: "test", ID: "port"},
				}))
			}
			d.holds(d.fromPort("/latest harbour"), "Latest updates")
			for _, line := range []string{"/pause cup channel:a", "/test channel:a", "/preview cup channel:a", "/test channel:@u1"} {
				d.holds(d.fromPort(line), "no channel of this server")
			}
		})
	})
}

// TestPullHere checks that who manages one of several servers withdraws an
// update from that one only, for good.
func TestPullHere(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e2 Second", "e1 First")
		d.apart()
		d.run(func() {
			pass(time.Minute)
			r := d.say("/pull https://news.example/harbour#e2")
			d.holds(r, "from the channels of this server?", "1 channel here")
			d.holds(d.press(r, "Pull it"), "from the channels of this server")
			pass(time.Minute)
			d.want("a", "WITHDRAWN ")
			d.want("b", "LIVE Second")
			d.web.show("harbour", "e3 Third", "e2 Second again", "e1 First")
			pass(10 * time.Minute)
			d.want("a", "WITHDRAWN ", "LIVE Third")
			d.want("b", "UPDATED Second again", "LIVE Third")
			for _, it := range d.say("/latest").Items {
				if strings.Contains(it.Headline+it.Text, "Second") {
					t.Errorf("/latest shows what was pulled: %+v", it)
				}
			}
			d.holds(d.say("/audit"), "pull here", "harbour/e2")
			d.holds(d.say("/why https://news.example/harbour#e2"), "Pulled from the channels of this server")
		})
	})
}

// TestOperatorPulls checks that the operator's own servers decide for all.
func TestOperatorPulls(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.apart()
		d.opts.Home = func(_, tenant string) bool { return tenant == "town" }
		d.run(func() {
			pass(time.Minute)
			d.holds(d.press(d.say("/pull https://news.example/harbour#e1"), "Pull it"), "from every channel")
			pass(time.Minute)
			d.want("a", "WITHDRAWN ")
			d.want("b", "WITHDRAWN ")
		})
	})
}

// TestChosenDigests checks digests of chosen sources, to a person and into a
// page's thread.
func TestChosenDigests(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.web.everywhere(func() (news.Snapshot, error) { return pageOf("c1 First cup"), nil })
		d.run(func() {
			d.holds(d.press(d.say("/follow https://news.example/cup"), "Follow"), "is followed here now")
			pass(time.Minute)
			d.holds(d.say("/zone Europe/Nowhere"), "is no time zone")
			d.holds(d.say("/zone Asia/Kolkata"), "Times without a zone are in Asia/Kolkata")
			d.holds(d.say("/digest add daily 08:00 source:nothing"), "Which source is “nothing”?")
			d.holds(d.say("/digest add daily 08:00 source:harbour-live to:me"), "daily 08:00 Asia/Kolkata of harbour-live, as a direct message")
			d.holds(d.say("/digest add daily 08:00 UTC to:thread"), "name one source")
			d.holds(d.say("/set harbour-live style thread"), "style is thread")
			d.holds(d.say("/digest add daily 02:00 UTC source:harbour-live to:thread"), "daily 02:00 UTC of harbour-live, in the page's thread")
			d.holds(d.say("/digest list"), "of harbour-live")
			pass(time.Minute)
			d.web.show("harbour", "e2 Second", "e1 First")
			d.web.everywhere(func() (news.Snapshot, error) { return pageOf("c2 Second cup", "c1 First cup"), nil })
			pass(3 * time.Hour) // 08:00 in Kolkata is 02:30 UTC
			d.want("@u1", "closing Digest of the last 2 hours (1)")

			if seen := d.room.sees("a"); !slices.Contains(seen, "> closing Digest of the last 119 minutes (1)") {
				t.Errorf("a shows %q", seen)
			}

			menu := d.say("/digest remove")
			if len(menu.Menus) != 1 || len(menu.Menus[0].Choices) != 2 {
				t.Fatalf("menu: %+v", menu)
			}
			gone := d.ask(chat.Command{Kind: chat.Press, Action: menu.Menus[0].Action, Picked: menu.Menus[0].Choices[0].Value, Admin: true, User: "u1"})
			d.holds(gone, "That digest is gone")
			d.holds(d.say("/digest remove "+menu.Menus[0].Choices[1].Value), "That digest is gone")
			d.holds(d.say("/digest remove"), "no digests here that chat can remove")
		})
	})
}

// TestSetByMenu checks that what /set leaves out is offered to choose.
func TestSetByMenu(t *testing.T) {
	deskStory(t, func(d *desked) {
		d.web.show("harbour", "e1 First")
		d.web.everywhere(func() (news.Snapshot, error) { return pageOf("c1 First cup"), nil })
		pick := func(r chat.Reply, value string) chat.Reply {
			t.Helper()
			if len(r.Menus) != 1 {
				t.Fatalf("no menu: %+v", r)
			}
			return d.ask(chat.Command{Kind: chat.Press, Action: r.Menus[0].Action, Picked: value, Admin: true, User: "u1"})
		}
		d.run(func() {
			d.holds(d.press(d.say("/follow https://news.example/cup"), "Follow"), "is followed here now")
			r := pick(d.say("/set harbour-live"), "style")
			d.holds(pick(r, "thread"), "style is thread from now on")
			d.holds(d.say("/set harbour-live mention <@&town1234>"), "Say whom to mention")
			d.holds(d.ask(chat.Command{
				Name: "set", Options: map[string]string{"source": "harbour-live", "option": "mention", "value": "<@&80351110224678912>"},
				Tenant: "80351110224678912", Admin: true, User: "u1",
			}), "Everybody is not told aloud")
			long := strings.Repeat("bridge ", 200)
			d.holds(d.say("/filter set harbour-live "+long), "longer than 1000")
		})
	})
}
