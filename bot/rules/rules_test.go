package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
)

func entry() *news.Entry {
	seen := time.Date(2026, 3, 2, 14, 0, 0, 0, time.UTC)
	return &news.Entry{
		Ref:      news.Ref{Source: "harbour-bridge", Entry: "1"},
		Headline: "Harbour bridge is closed", Author: "Ines Calloway",
		Body: "The storm’s floods reached the quay.\n\nFerries still run, says the harbour master.",
		Quotes: []news.Quote{
			{Text: "Nobody crosses tonight", Speaker: "Mara Lindqvist", Role: "harbour master", Confidence: news.High},
			{Text: "We wait", Speaker: "Tom Ashby", Confidence: news.Low},
		},
		Media: []news.Media{{URL: "https://news.example/quay.jpg", Kind: news.Image}},
		Tags:  []string{"Weather", "Transport"}, Key: true,
		Published: seen.Add(-time.Hour), FirstSeen: seen,
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		filter string
		want   bool
		why    string // a part of it
	}{
		{"", true, ""},
		{"bridge", true, "has “bridge”"},
		{"BRIDGE closed", true, ""},
		{"bridg", false, "has no “bridg”"},
		{"bridg*", true, ""},
		{"tunnel", false, "has no “tunnel”"},
		{"tunnel OR bridge", true, "has “bridge”"},
		{"tunnel OR airport", false, "“tunnel”, has no “airport”"},
		{"bridge -ferries", false, "has “ferries”, which the filter leaves out"},
		{"bridge NOT ferries", false, ""},
		{"bridge -tunnel", true, ""},
		{"bridge AND quay", true, ""},
		{`"bridge is closed"`, true, ""},
		{`"closed the"`, false, ""}, // not across headline and body
		{"“reached the quay”", true, ""},
		{"storm's", true, ""},
		{"storm’s", true, ""},
		{"(tunnel OR bridge) (quay OR pier)", true, ""},
		{"-(tunnel OR bridge)", false, ""},
		{"headline:bridge", true, "in the headline"},
		{"headline:quay", false, ""},
		{`headline:"bridge is"`, true, ""},
		{"speaker:lindqvist", true, "speaker"},
		{`speaker:"harbour master"`, true, ""},
		{"speaker:ashby", false, ""}, // not sure enough who said it
		{"author:calloway", true, ""},
		{"tag:weather", true, ""},
		{"tag:sport", false, ""},
		{"source:harbour-bridge", true, ""},
		{"source:council", false, ""},
		{"is:key has:quote has:image has:headline", true, ""},
		{"is:correction", false, ""},
		{"newer:2h", true, ""},
		{"newer:30m", false, "older than 30m"},
		{`re:/flood(s|ed)/`, true, ""},
		{`re:/^harbour/ -re:/a\/b/`, true, ""},
		{`re:/(a|aa)+$/`, false, ""},
		{"tunnel OR bridge quay OR pier", true, ""}, // "and" binds closer
	} {
		f, err := rules.Parse(tt.filter)
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		v := f.Match(entry())
		if v.Wanted != tt.want || !strings.Contains(v.Why, tt.why) {
			t.Errorf("%s: %v because it %q; want %v with %q", tt.filter, v.Wanted, v.Why, tt.want, tt.why)
		}
	}
}

func TestMistakes(t *testing.T) {
	for filter, want := range map[string]string{
		"(bridge":     "character 1 of the filter: there is no ) for this (",
		"bridge)":     "there is no ( for this )",
		`"bridge`:     "this quotation mark is not closed",
		"bridge OR":   "something to look for is missing",
		"OR bridge":   "something to look for is missing",
		"- bridge":    "right after the minus sign",
		"collour:red": "character 1 of the filter: there is no field “collour”",
		"speaker:":    "speaker: has nothing after it",
		"is:big":      "there is no is:big",
		"newer:soon":  "newer: takes an age",
		"re:flood":    "written re:/…/",
		"re:/flood":   "not closed with /",
		"re:/(/":      "cannot be used: missing closing )",
		"re:/" + strings.Repeat("x{1000}", 20) + "/": "repeats too much",
		"re:/a{1000}{1000}/":                         "cannot be used",
		"!!!":                                        "no word in",
		strings.Repeat("(", 20):                      "more than 10 parentheses",
		strings.Repeat("a ", 60):                     "more than 50 terms",
		strings.Repeat("bridge", 200):                "longer than 1000 bytes",
		"re:/" + strings.Repeat("a", 201) + "/":      "longer than 200 bytes",
	} {
		if _, err := rules.Parse(filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want %q", filter, err, want)
		}
	}
}

// TestWrittenAgain holds that a filter means the same when it is read from
// what it prints.
func TestWrittenAgain(t *testing.T) {
	const text = `(bridge OR "open letter") -speaker:ashby re:/fl.od/`
	f, err := rules.Parse("  " + text + " ")
	if err != nil || f.String() != text || f.IsZero() {
		t.Fatalf("%q, %v", f.String(), err)
	}
	var none rules.Filter
	if !none.IsZero() || !none.Match(entry()).Wanted || none.String() != "" {
		t.Error("the zero filter wants everything")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "a OR b", "(a -b) c", `x:"y z"`, "re:/a|b/", "-(a", "“a”", "newer:2h is:key"} {
		f.Add(s)
	}
	e := entry()
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := rules.Parse(s)
		if err != nil {
			return
		}
		want := filter.Match(e)
		again, err := rules.Parse(filter.String())
		if err != nil || again.Match(e) != want {
			t.Errorf("%q read again: %v", s, err)
		}
	})
}

func at(t *testing.T, s, zone string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHours(t *testing.T) {
	const london = "Europe/London"
	for _, tt := range []struct{ hours, now, end string }{
		{"22:00-07:00 Europe/London", "2026-03-02 21:59", ""},
		{"22:00-07:00 Europe/London", "2026-03-02 22:00", "2026-03-03 07:00"},
		{"22:00-07:00 Europe/London", "2026-03-02 06:59", "2026-03-02 07:00"},
		{"22:00-07:00 Europe/London", "2026-03-02 07:00", ""},
		{"mon-fri 22:00-07:00 Europe/London", "2026-03-07 23:00", ""},                 // Saturday
		{"mon-fri 22:00-07:00 Europe/London", "2026-03-07 06:00", "2026-03-07 07:00"}, // began on Friday
		{"mon-fri 22:00-07:00, sat,sun 20:00-09:00 Europe/London", "2026-03-07 21:00", "2026-03-08 09:00"},
		{"mon-fri 22:00-07:00, sat,sun 20:00-09:00 Europe/London", "2026-03-07 06:00", "2026-03-07 07:00"},
		{"00:00-12:00, 12:00-18:00 Europe/London", "2026-03-02 03:00", "2026-03-02 18:00"}, // no break between
		{"fri-mon 10:00-11:00 Europe/London", "2026-03-01 10:30", "2026-03-01 11:00"},      // Sunday
		{"sat 00:00-24:00 Europe/London", "2026-03-07 12:00", "2026-03-08 00:00"},
		{"22:00-07:00 Europe/London", "2026-03-28 23:30", "2026-03-29 07:00"}, // clocks go forward
		{"22:00-07:00 Europe/London", "2026-10-24 23:30", "2026-10-25 07:00"}, // and back
	} {
		h, err := rules.ParseHours(tt.hours)
		if err != nil {
			t.Errorf("%s: %v", tt.hours, err)
			continue
		}
		end, in := h.Until(at(t, tt.now, london))
		if in != (tt.end != "") || in && !end.Equal(at(t, tt.end, london)) {
			t.Errorf("%s at %s: %v until %v; want %q", tt.hours, tt.now, in, end, tt.end)
		}
	}
}

// TestNight holds how long a night is when the clocks change.
func TestNight(t *testing.T) {
	h, err := rules.ParseHours("22:00-07:00 Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]time.Duration{
		"2026-03-02 22:00": 9 * time.Hour, "2026-03-28 22:00": 8 * time.Hour, "2026-10-24 22:00": 10 * time.Hour,
	} {
		begin := at(t, day, "Europe/London")
		if end, _ := h.Until(begin); end.Sub(begin) != want {
			t.Errorf("%s: the night is %v long; want %v", day, end.Sub(begin), want)
		}
	}
}

func TestHoursWithoutEnd(t *testing.T) {
	h, err := rules.ParseHours("00:00-24:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	now := at(t, "2026-03-02 12:00", "UTC")
	if end, in := h.Until(now); !in || end.Sub(now) != 7*24*time.Hour {
		t.Errorf("%v, %v", end.Sub(now), in)
	}
	var none rules.Hours
	if _, in := none.Until(now); in || !none.IsZero() {
		t.Error("the zero hours hold nothing")
	}
}

func TestHoursMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"22:00-07:00":              "the time zone is missing",
		"22:00-07:00 Local":        "no time zone",
		"22:00-07:00 Europe/Londn": "no time zone",
		"22-07 UTC":                "no times after it",
		"22:00 UTC":                "no stretch of time",
		"25:00-07:00 UTC":          "no time of day",
		"22:0-07:00 UTC":           "no time of day",
		"someday 22:00-07:00 UTC":  "no day",
		"mon tue 22:00-07:00 UTC":  "written as days and times",
		"mon-fri UTC":              "no times after it",
	} {
		if _, err := rules.ParseHours(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := rules.Parse(`(bridge OR tunnel) -speaker:ashby has:quote newer:2h re:/flood(s|ed)/`)
	if err != nil {
		b.Fatal(err)
	}
	e := entry()
	for b.Loop() {
		if !f.Match(e).Wanted {
			b.Fatal("not wanted")
		}
	}
}
