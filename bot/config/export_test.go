package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
)

// TestExport holds that what is written is read again as it was.
func TestExport(t *testing.T) {
	sub := Subscription{
		Channel: chat.Channel{Adapter: "discord", ID: "80351110224678912"}, Style: "thread", Closing: true,
		Filter: `(bridge OR ferry) -"open letter" re:/a: b/`, Mentions: []chat.Mention{{Role: true, ID: "80351110224678913"}, {ID: "80351110224678914"}},
		MentionWhen: "is:key",
	}
	room := Room{Channel: sub.Channel, Quiet: "mon-fri 22:00-07:00 Europe/London", Pass: "is:key"}
	text, err := Export(Made{
		Sources: []MadeSource{
			{ID: "cup", Name: `The cup: "final" #1`, URL: "https://news.example/cup?a=1&b=2", Every: 30 * time.Second, Subscriptions: []Subscription{sub}},
			{ID: "council", Subscriptions: []Subscription{sub}},
		},
		Rooms: []Room{room}, Notes: []string{"Digest x stays chat's."},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := parse(t, "adapters:\n  - {name: discord, platform: discord}\n"+text, options)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(c.Sources) != 1 || c.Sources[0].Name != `The cup: "final" #1` || c.Sources[0].Schedule != "@every 30s" {
		t.Errorf("sources: %+v", c.Sources)
	}
	if diff := cmp.Diff([]Subscription{sub}, c.Sources[0].Subscriptions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Room{room}, c.Rooms); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"# Digest x stays chat's.", "# under to: of the source council:", "# - channel: discord:80351110224678912"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text, err := Export(Made{}); err != nil || strings.Contains(text, "sources") {
		t.Errorf("nothing: %q, %v", text, err)
	}
}
