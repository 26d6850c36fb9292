package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/chat"
)

func TestRequest(t *testing.T) {
	spec := func(name string) chat.CommandSpec {
		for _, d := range deskCommands() {
			if d.Name == name {
				return d.CommandSpec
			}
		}
		t.Fatalf("no command %s", name)
		return chat.CommandSpec{}
	}
	for _, tt := range []struct {
		command, text string
		want          map[string]string
	}{
		{"follow", "https://news.example/live", map[string]string{"url": "https://news.example/live"}},
		{"follow", "https://news.example/live  C024BE91L", map[string]string{"url": "https://news.example/live", "channel": "C024BE91L"}},
		{"follow", "channel:C024BE91L https://news.example/live", map[string]string{"url": "https://news.example/live", "channel": "C024BE91L"}},
		{"filter", `set "town council" (bridge OR ferry) -"open letter"`,
			map[string]string{"do": "set", "source": "town council", "filter": `(bridge OR ferry) -"open letter"`}},
		{"filter", "test source:council", map[string]string{"do": "test", "source": "council"}},
		{"quiet", "mon-fri 22:00-07:00 Europe/London", map[string]string{"hours": "mon-fri 22:00-07:00 Europe/London"}},
		{"set", "harbour mention <@&80351110224678912> is:key", map[string]string{"source": "harbour", "option": "mention", "value": "<@&80351110224678912> is:key"}},
		{"unfollow", "", map[string]string{}},
	} {
		got := requestOf(spec(tt.command), chat.Command{Name: tt.command, Text: tt.text}).args
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("/%s %s (-want +got):\n%s", tt.command, tt.text, diff)
		}
	}
}

func TestFollowAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://news.example/live#e1":             "https://news.example/live",
		"<https://news.example/live|news.example>": "https://news.example/live",
		"news.example/live":                        "https://news.example/live",
		"ftp://news.example/":                      "",
		"https://reader:secret@news.example/":      "",
		"https://news.example:8443/":               "",
		"localhost/metrics":                        "",
		"":                                         "",
		"https://":                                 "",
	} {
		got, problem := followAddress(text)
		if got != want || (problem == "") != (want != "") {
			t.Errorf("%q: %q, %q; want %q", text, got, problem, want)
		}
	}
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"Storm closes the harbour bridge": "storm-closes-the-harbour-bridge",
		"Überschwemmung am Hafen":         "berschwemmung-am-hafen",
		"嵐":                               "page", "--": "page",
		"A very long name of a page that goes on and on": "a-very-long-name-of-a-page-that-goes-on",
	} {
		if got := string(slug(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDigestTimes(t *testing.T) {
	for text, want := range map[string]string{
		"daily 08:00 Europe/London":      "CRON_TZ=Europe/London 00 08 * * *",
		"mon-fri 17:30 Europe/London":    "CRON_TZ=Europe/London 30 17 * * mon-fri",
		"Sat,Sun 9:05 America/Sao_Paulo": "CRON_TZ=America/Sao_Paulo 05 9 * * sat,sun",
		"daily 25:00 Europe/London":      "", "daily 08:00": "", "daily 08:00 Local": "", "never": "",
	} {
		got, err := DigestSpec(text)
		if err == nil != (want != "") || err == nil && got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
		if err == nil {
			if again, err := DigestSpec(DigestTimes(got)); err != nil || again != strings.Replace(got, " 9 ", " 09 ", 1) {
				t.Errorf("%s is told as %q: %q, %v", got, DigestTimes(got), again, err)
			}
		}
	}
}

// TestSlots holds when digests come as clocks change.
func TestSlots(t *testing.T) {
	const form = "2006-01-02 15:04 -0700"
	for _, tt := range []struct {
		name, spec, after string
		want              []string
	}{
		{"every day at the same time on the wall", "CRON_TZ=Europe/London 0 8 * * *", "2026-03-27 08:00 +0000",
			[]string{"2026-03-28 08:00 +0000", "2026-03-29 08:00 +0100", "2026-03-30 08:00 +0100"}},
		{"a time that does not exist comes when the clock has gone forward", "CRON_TZ=Europe/London 30 1 * * *", "2026-03-28 01:30 +0000",
			[]string{"2026-03-29 02:00 +0100", "2026-03-30 01:30 +0100"}},
		{"a time that comes twice counts once, the second time", "CRON_TZ=Europe/London 30 1 * * *", "2026-10-24 01:30 +0100",
			[]string{"2026-10-25 01:30 +0000", "2026-10-26 01:30 +0000"}},
		{"half an hour, in Lord Howe", "CRON_TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03 02:15 +1030",
			[]string{"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"}},
		{"back by half an hour", "CRON_TZ=Australia/Lord_Howe 45 1 * * *", "2026-04-04 01:45 +1100",
			[]string{"2026-04-05 01:45 +1030", "2026-04-06 01:45 +1030"}},
		{"some days only", "CRON_TZ=Europe/London 0 17 * * mon-fri", "2026-03-06 17:00 +0000",
			[]string{"2026-03-09 17:00 +0000"}},
		{"midnight that does not exist", "CRON_TZ=America/Santiago 0 0 * * *", "2026-09-05 00:00 -0400",
			[]string{"2026-09-06 01:00 -0300", "2026-09-07 00:00 -0300"}},
	} {
		s, err := parseSlots(tt.spec)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(form, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			at = s.after(at)
			if got := at.In(s.zone).Format(form); got != want {
				t.Errorf("%s: %s, want %s", tt.name, got, want)
			}
		}
	}
}

func TestRenames(t *testing.T) {
	n := renames{"latest": "news-latest", "help": "news-help"}
	if got := n.text("Try /help, or /latest harbour; https://news.example/latest is no command, nor is /latestx."); got !=
		"Try /news-help, or /news-latest harbour; https://news.example/latest is no command, nor is /latestx." {
		t.Error(got)
	}
	if n.own("news-latest") != "latest" || n.own("summary") != "summary" {
		t.Error("names are not turned back")
	}
}
