package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/discord"
	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// An outcome is what a fault may leave behind.
type outcome int

const (
	right     outcome = iota // everything stands as it should
	abandoned                // the entry whose card was refused is kept among the abandoned
	stale                    // the card that was to be edited is left as it was: it is gone, as far as anybody knows
	noted                    // so is this one, and a note below says what changed
)

// A faultCase is a misbehaviour of a platform and what follows from it.
type faultCase struct {
	name  string
	cause func(*faultWorld)
	after func(*faultWorld) // some while later; nil for nothing
	want  outcome
	long  bool // it takes more than 20 minutes to get over it
	// but says what happened to cards, by their place from 0: "deleted".
	but map[int]string
}

// TestFaults sends six cards to two channels of each platform, then edits two
// of them and takes one back, through the real adapters to platforms that
// misbehave. Whatever they do, nothing is lost, nothing stands twice, the cards
// of a channel come in order, and in the end they say what they should.
//
// The bot's clock is not the world's: hours pass in no time.
func TestFaults(t *testing.T) {
	for _, p := range faultPlatforms {
		for _, step := range []string{"send", "edit"} {
			for _, c := range p.cases(step) {
				t.Run(p.name+" "+step+" "+c.name, func(t *testing.T) {
					t.Parallel()
					w := p.open(t) // its goroutines live outside the bubble
					w.step = step
					synctest.Test(t, func(t *testing.T) { w.run(t, c) })
				})
			}
		}
	}
}

// A faultPlatform is a platform with its misbehaviours.
type faultPlatform struct {
	name  string
	cases func(step string) []faultCase
	open  func(*testing.T) *faultWorld
}

var faultPlatforms = []faultPlatform{
	{"slack", slackCases, openSlack},
	{"discord", discordCases, openDiscord},
}

// A faultWorld is a bot with a page and a platform.
type faultWorld struct {
	step    string
	every   string            // how often the page is read; "" for rarely
	slack   *slacktest.Server // nil on Discord
	discord *discordtest.Server
	rooms   []string // the ids of its channels
	adapter func(*http.Client) (chat.Adapter, error)
	sees    func(room string) []string // the texts of the messages that stand
	double  func() []string            // deliveries that stand twice

	wire   *wire
	page   *quayPage
	ledger store.Store
}

const boatsFirst, boatsAll = 3, 6

func (w *faultWorld) run(t *testing.T, c faultCase) {
	w.wire = &wire{base: &http.Transport{DisableKeepAlives: true}} // an idle connection would hold up the clock
	w.page = &quayPage{}
	a, err := w.adapter(&http.Client{Transport: w.wire})
	if err != nil {
		t.Fatal(err)
	}
	stop := w.start(t, deaf{a})
	defer stop()

	w.page.change(func(p *quayPage) { p.grow(boatsFirst) })
	pass(time.Minute)
	w.check(t, "before", w.page.headlines(), nil)

	if w.step == "send" {
		c.cause(w)
		w.page.change(func(p *quayPage) { p.grow(boatsAll) })
		w.settle(c)
		w.verify(t, c)
		w.page.change((*quayPage).edit)
		pass(10 * time.Minute)
		w.verify(t, c)
		return
	}
	w.page.change(func(p *quayPage) { p.grow(boatsAll) })
	pass(10 * time.Minute)
	c.cause(w)
	w.page.change((*quayPage).edit)
	w.settle(c)
	w.verify(t, c)
}

// settle lets things run their course: the longest pause that a platform is
// granted is 15 minutes, and a channel that refuses is asked every 30.
func (w *faultWorld) settle(c faultCase) {
	if c.after != nil {
		pass(10 * time.Minute)
		c.after(w)
	}
	if c.after != nil || c.long {
		pass(time.Hour)
	}
	pass(20 * time.Minute)
}

// verify compares the channels with what a case leaves behind. Faults of one
// request meet the first new card of the first room, or the first edit there,
// which takes the first card back.
func (w *faultWorld) verify(t *testing.T, c faultCase) {
	t.Helper()
	want := w.page.headlines()
	first := slices.Clone(want)
	switch c.want {
	case abandoned:
		if w.step == "send" {
			first = slices.Delete(first, boatsFirst, boatsFirst+1)
		} else {
			first[0] = boatName(0, false, false)
		}
	case stale, noted:
		if w.step == "edit" {
			first[0] = boatName(0, false, false)
		}
		if c.want == noted {
			first = append(first, want[0])
		}
	}
	for place, what := range c.but {
		first[place] = what
	}
	first = slices.DeleteFunc(first, func(s string) bool { return s == "deleted" })
	w.check(t, "after", want, first)
	w.kept(t, c)
}

// kept checks what is among the abandoned: nothing that was not refused.
func (w *faultWorld) kept(t *testing.T, c faultCase) {
	t.Helper()
	list, err := w.ledger.Abandoned(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if c.want != abandoned && len(list) > 0 || c.want == abandoned && (len(list) != 1 || list[0].LastError == "") {
		t.Errorf("abandoned: %+v", list)
	}
}

// check compares what stands in the rooms. first is what stands in the first
// one, nil for the same.
func (w *faultWorld) check(t *testing.T, when string, want, first []string) {
	t.Helper()
	if first == nil {
		first = want
	}
	for i, room := range w.rooms {
		expect := want
		if i == 0 {
			expect = first
		}
		var got []string
		for _, text := range w.sees(room) {
			got = append(got, boatIn(text))
		}
		if d := gocmp.Diff(expect, got); d != "" {
			t.Errorf("%s, channel %d of %d (-want +got):\n%s", when, i+1, len(w.rooms), d)
		}
	}
	if twice := w.double(); len(twice) > 0 {
		t.Errorf("%s: these stand twice: %q", when, twice)
	}
}

// start runs the bot and returns what stops it.
func (w *faultWorld) start(t *testing.T, a chat.Adapter) (stop func()) {
	st, err := bolt.Open(filepath.Join(t.TempDir(), "faults.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = st
	var subs []store.Subscription
	for _, room := range w.rooms {
		subs = append(subs, store.Subscription{Source: "quay", Channel: chat.Channel{Adapter: a.Name(), ID: room}})
	}
	b, err := bot.New(bot.Options{
		Store: st, Fetcher: w.page, Adapters: []chat.Adapter{a}, PerMinute: -1, CatchUp: -1,
		Sources:       []news.Source{{ID: "quay", Name: "The quay", URL: "https://news.example/quay", Schedule: cmp.Or(w.every, "@every 5m"), Newest: 50}},
		Subscriptions: subs, Logger: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1) // takes the one result
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-done, st.Close()); err != nil {
			t.Error(err)
		}
	}
}

// pass lets time pass in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// deaf is an adapter that hears no commands: the connection for them would hold
// up the clock.
type deaf struct{ chat.Adapter }

func (deaf) Serve(ctx context.Context, _ []chat.CommandSpec, _ chat.Handler) error {
	<-ctx.Done()
	return nil
}

// A quayPage is a page of boats that come in, as a Fetcher.
type quayPage struct {
	mu      sync.Mutex // guards what follows
	entries []news.Entry
}

func (p *quayPage) change(f func(*quayPage)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = slices.Clone(p.entries)
	f(p)
}

// grow adds entries until there are n.
func (p *quayPage) grow(n int) {
	for i := len(p.entries); i < n; i++ {
		p.entries = append(p.entries, news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprint("boat-", i))}, IDKind: news.IDExplicit, Headline: boatName(i, false, false),
			Body: "The harbour office says that more will follow.", Published: time.Now().Add(time.Duration(i) * time.Millisecond).UTC(),
		})
	}
}

// edit changes the second and the last but one entry, and takes the first back.
func (p *quayPage) edit() {
	p.entries[1].Headline, p.entries[boatsAll-2].Headline = boatName(1, true, false), boatName(boatsAll-2, true, false)
	p.entries[0].Withdrawn = true
}

func (p *quayPage) headlines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for i, e := range p.entries {
		list = append(list, boatName(i, strings.HasSuffix(e.Headline, "late"), e.Withdrawn))
	}
	return list
}

// Fetch returns the page, newest entry first.
func (p *quayPage) Fetch(context.Context, news.Source, news.Cursor) (news.Snapshot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	snap := news.Snapshot{Title: "The quay", Format: "test", Entries: slices.Clone(p.entries)}
	slices.Reverse(snap.Entries)
	snap.Cursor.Read, snap.Cursor.Format = time.Now(), "test"
	return snap, nil
}

// More has nothing to add: the page is whole.
func (p *quayPage) More(context.Context, news.Source, string) (news.Snapshot, error) {
	return news.Snapshot{}, &news.ReadError{Err: errors.New("there are no older entries")}
}

// Read is not called: nothing is pushed.
func (p *quayPage) Read(context.Context, news.Source, string, []byte) (news.Snapshot, error) {
	return news.Snapshot{}, &news.ReadError{Err: errors.New("nothing is pushed")}
}

func boatName(n int, late, withdrawn bool) string {
	s := fmt.Sprintf("Boat number %d comes in", n)
	if late {
		s += " late"
	}
	if withdrawn {
		s = "WITHDRAWN " + s
	}
	return s
}

var boatPattern = regexp.MustCompile(`Boat number \d+ comes in( late)?`)

// boatIn returns what a card says, as boatName writes it.
func boatIn(text string) string {
	s := boatPattern.FindString(text)
	if strings.Contains(text, chat.Withdrawn.String()) {
		s = "WITHDRAWN " + s
	}
	return s
}

// A wire is the way to a platform, with the faults of time: what takes long
// must take it on the bot's clock.
type wire struct {
	base http.RoundTripper

	mu    sync.Mutex // guards what follows
	fault string     // of the next request that the aim fits; "" for none
	aim   func(*http.Request) bool
}

// fail makes the next request that aim fits misbehave:
//
//	stall, stall-after  no answer until the client gives up
//	drip-after          a byte of the answer every 200 ms
//	crawl-after         a byte every 20 s
func (w *wire) fail(fault string, aim func(*http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault, w.aim = fault, aim
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	fault := w.meets(r)
	if fault == "stall" {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	resp, err := w.base.RoundTrip(r)
	if err != nil || fault == "" {
		return resp, err
	}
	switch fault {
	case "stall-after":
		_ = resp.Body.Close() // nobody reads it
		<-r.Context().Done()
		return nil, r.Context().Err()
	case "drip-after", "crawl-after":
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close() // it was read
		pause := 200 * time.Millisecond
		if fault == "crawl-after" {
			pause = 20 * time.Second
		}
		resp.Body = &drip{ctx: r.Context(), rest: body, pause: pause}
	}
	return resp, nil
}

func (w *wire) meets(r *http.Request) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == "" || !w.aim(r) {
		return ""
	}
	fault := w.fault
	w.fault = ""
	return fault
}

// A drip is a body that comes byte by byte.
type drip struct {
	ctx   context.Context //nolint:containedctx // it ends the reading of a body, which takes none
	rest  []byte
	pause time.Duration
}

func (d *drip) Read(b []byte) (int, error) {
	if len(d.rest) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(d.pause):
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	}
	b[0], d.rest = d.rest[0], d.rest[1:]
	return 1, nil
}

func (d *drip) Close() error { return nil }

func long(c faultCase) faultCase {
	c.long = true
	return c
}

// timeFaults are those of the wire, for requests that aim fits.
func timeFaults(aim func(*http.Request) bool) (list []faultCase) {
	for _, name := range []string{"stall", "stall-after", "drip-after", "crawl-after"} {
		list = append(list, faultCase{name: name, cause: func(w *faultWorld) { w.wire.fail(name, aim) }})
	}
	return list
}

// Discord.

const discordRoom, discordOther = "1300000000000000001", "1300000000000000002"

func openDiscord(t *testing.T) *faultWorld {
	s := discordtest.New()
	t.Cleanup(s.Close)
	rooms := []string{discordRoom, discordOther}
	for _, id := range rooms {
		s.AddChannel(id)
	}
	return &faultWorld{
		discord: s, rooms: rooms, double: s.Doubles,
		adapter: func(c *http.Client) (chat.Adapter, error) {
			return discord.New(discord.Options{Name: "discord", Token: s.Token(), APIURL: s.URL(), HTTPClient: c})
		},
		sees: func(room string) (list []string) {
			for _, m := range s.Messages(room) {
				list = append(list, m.Embeds[0].Author.Name+"\n"+m.Embeds[0].Title+"\n"+m.Embeds[0].Description)
			}
			return list
		},
	}
}

func discordCases(step string) []faultCase {
	method := map[string]string{"send": http.MethodPost, "edit": http.MethodPatch}[step]
	var list []faultCase
	faults := discordtest.Faults()
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		c := faultCase{name: name, want: discordOutcome(name, step)}
		if strings.HasPrefix(name, "stall") || strings.HasPrefix(name, "drip") {
			continue // these take time: the wire has them
		}
		if name == "archived" || name == "locked" {
			continue // of threads
		}
		c.cause = func(w *faultWorld) {
			f := faults[name]
			f.Method, f.Channel = method, discordRoom
			w.discord.Fail(f)
		}
		list = append(list, c)
	}
	aimed := func(r *http.Request) bool { return r.Method == method && strings.Contains(r.URL.Path, discordRoom) }
	list = append(list, timeFaults(aimed)...)
	several := func(name string, fs ...discordtest.Fault) faultCase {
		return faultCase{name: name, cause: func(w *faultWorld) {
			for _, f := range fs {
				f.Channel = discordRoom
				w.discord.Fail(f)
			}
		}}
	}
	reset, lost, down := faults["reset"], faults["reset-after"], faults["503"]
	reset.Times, lost.Times, down.Times = 3, 2, 12
	list = append(list,
		several("reset three times", reset), several("reset-after twice", lost), long(several("503 twelve times", down)),
		several("every fault in turn", faults["503"], faults["reset"], faults["429-both"], faults["reset-after"], faults["500-after"], faults["html-after"], faults["429-global"]),
	)
	return append(list, discordLife(faults, step)...)
}

// discordOutcome says what the faults leave behind that are an answer and no
// accident.
func discordOutcome(name, step string) outcome {
	switch name {
	case "invalid-form", "automod":
		return abandoned
	case "message-gone":
		if step == "send" { // a nonce whose message a person deleted since: it is not shown again
			return abandoned
		}
		return stale
	case "edit-refused":
		if step == "edit" {
			return noted
		}
	}
	return right
}

// discordLife are faults of which life is full.
func discordLife(faults map[string]discordtest.Fault, step string) []faultCase {
	const view, post = 1 << 10, 1 << 11
	list := []faultCase{
		{
			name:  "nobody may post for ten minutes",
			cause: func(w *faultWorld) { w.discord.Deny(discordRoom, post) },
			after: func(w *faultWorld) { w.discord.Deny(discordRoom, 0) },
		},
		{
			name:  "the channel is hidden for ten minutes",
			cause: func(w *faultWorld) { w.discord.Deny(discordRoom, view) },
			after: func(w *faultWorld) { w.discord.Deny(discordRoom, 0) },
		},
		{
			name: "an answer is lost, then ten minutes down, nonces forgotten",
			cause: func(w *faultWorld) {
				lost, down := faults["reset-after"], faults["503"]
				lost.Channel, down.Channel, down.Times = discordRoom, discordRoom, -1
				w.discord.Fail(lost)
				w.discord.Fail(down)
			},
			after: func(w *faultWorld) {
				w.discord.ForgetNonces()
				w.discord.Heal()
			},
		},
	}
	if step == "edit" {
		list = append(list, faultCase{
			name:  "a person deletes the message",
			cause: func(w *faultWorld) { w.discord.Delete(discordRoom, w.discord.Messages(discordRoom)[1].ID) },
			but:   map[int]string{1: "deleted"},
		})
	}
	return list
}

// Slack.

const slackRoom, slackOther = "C0QUAY", "C0PIER"

func openSlack(t *testing.T) *faultWorld {
	s := slacktest.New()
	t.Cleanup(s.Close)
	rooms := []string{slackRoom, slackOther}
	for _, id := range rooms {
		s.AddChannel(id)
	}
	return &faultWorld{
		slack: s, rooms: rooms,
		adapter: func(c *http.Client) (chat.Adapter, error) {
			return slack.New(slack.Options{Name: "slack", BotToken: s.BotToken(), AppToken: s.AppToken(), APIURL: s.URL(), HTTPClient: c})
		},
		sees: func(room string) (list []string) {
			for _, m := range s.Messages(room) {
				list = append(list, slacktest.Words(m.Blocks))
			}
			return list
		},
		double: func() (twice []string) {
			seen := map[string]bool{}
			for _, room := range rooms {
				for _, m := range s.Messages(room) {
					key := fmt.Sprint(room, " ", m.Metadata.Payload)
					if seen[key] {
						twice = append(twice, key)
					}
					seen[key] = true
				}
			}
			return twice
		},
	}
}

// slackFaults are misbehaviours of one request.
func slackFaults() map[string]slacktest.Fault {
	limited := func(header, body string) slacktest.Fault {
		f := slacktest.Fault{Status: 429, Header: http.Header{}, Body: body}
		if header != "" {
			f.Header.Set("Retry-After", header)
		}
		return f
	}
	says := func(code string) slacktest.Fault {
		return slacktest.Fault{Body: fmt.Sprintf(`{"ok":false,"error":%q}`, code)}
	}
	const ratelimited = `{"ok":false,"error":"ratelimited"}`
	return map[string]slacktest.Fault{
		"429-header":          limited("2", ""),
		"429-body":            limited("", ratelimited),
		"429-both":            limited("2", ratelimited),
		"429-absurd":          limited("99999999999", ratelimited),
		"429-nonsense":        limited("soon", ratelimited),
		"429-date":            limited("Sun, 06 Nov 1994 08:49:37 GMT", ratelimited),
		"ratelimited-as-200":  {Body: ratelimited},
		"500":                 {Status: 500, Body: "oh no"},
		"502":                 {Status: 502, Body: "<html>bad gateway</html>"},
		"503":                 {Status: 503},
		"500-after":           {Accept: true, Status: 500},
		"502-after":           {Accept: true, Status: 502, Body: "<html></html>"},
		"reset":               {Drop: true},
		"reset-after":         {Accept: true, Drop: true},
		"half-answer-after":   {Accept: true, Drop: true, Half: true},
		"not-json-after":      {Accept: true, Status: 200, Body: `{"ok":true,"ts":"17`},
		"html-after":          {Accept: true, Status: 200, Body: `<html>Sign in to our network</html>`},
		"no-ts-after":         {Accept: true, Status: 200, Body: `{"ok":true}`},
		"internal-error":      says("internal_error"),
		"fatal-error-after":   {Accept: true, Status: 200, Body: `{"ok":false,"error":"fatal_error"}`},
		"service-unavailable": says("service_unavailable"),
		"request-timeout":     says("request_timeout"),
		"team-added-to-org":   says("team_added_to_org"),
		"invalid-auth":        says("invalid_auth"),
		"token-revoked":       says("token_revoked"),
		"missing-scope":       says("missing_scope"),
		"not-in-channel":      says("not_in_channel"),
		"channel-not-found":   says("channel_not_found"),
		"is-archived":         says("is_archived"),
		"message-not-found":   says("message_not_found"),
		"edit-window-closed":  says("edit_window_closed"),
		"cant-update-message": says("cant_update_message"),
		"invalid-blocks":      says("invalid_blocks"),
		"msg-too-long":        says("msg_too_long"),
	}
}

func slackCases(step string) []faultCase {
	method := map[string]string{"send": "chat.postMessage", "edit": "chat.update"}[step]
	var list []faultCase
	faults := slackFaults()
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		c := faultCase{name: name, cause: func(w *faultWorld) {
			f := faults[name]
			f.Method, f.Channel = method, slackRoom
			w.slack.Fail(f)
		}}
		switch name {
		case "invalid-blocks", "msg-too-long":
			c.want = abandoned
		case "edit-window-closed", "cant-update-message", "message-not-found":
			if step == "send" {
				continue // no answer to that
			}
			if c.want = noted; name == "message-not-found" {
				c.want = stale
			}
		}
		list = append(list, c)
	}
	aimed := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, method) }
	list = append(list, timeFaults(aimed)...)
	several := func(name string, fs ...slacktest.Fault) faultCase {
		return faultCase{name: name, cause: func(w *faultWorld) {
			for _, f := range fs {
				f.Channel = slackRoom
				w.slack.Fail(f)
			}
		}}
	}
	reset, lost, down := faults["reset"], faults["reset-after"], faults["503"]
	reset.Times, lost.Times, down.Times = 3, 2, 12
	list = append(list,
		several("reset three times", reset), several("reset-after twice", lost), long(several("503 twelve times", down)),
		several("every fault in turn", faults["503"], faults["reset"], faults["429-both"], faults["reset-after"], faults["500-after"], faults["html-after"], faults["internal-error"]),
		faultCase{
			name:  "the bot is put out of the channel for ten minutes",
			cause: func(w *faultWorld) { w.slack.Kick(slackRoom) }, after: func(w *faultWorld) { w.slack.Invite(slackRoom) },
		},
		faultCase{
			name:  "the channel is archived for ten minutes",
			cause: func(w *faultWorld) { w.slack.Archive(slackRoom, true) }, after: func(w *faultWorld) { w.slack.Archive(slackRoom, false) },
		},
		faultCase{
			name:  "the limit of a second is kept",
			cause: func(w *faultWorld) { w.slack.Limit(1, 200*time.Millisecond) }, after: func(w *faultWorld) { w.slack.Limit(0, 0) },
		},
	)
	if step == "edit" {
		list = append(list, faultCase{
			name:  "a person deletes the message",
			cause: func(w *faultWorld) { w.slack.Delete(slackRoom, w.slack.Messages(slackRoom)[1].TS) },
			but:   map[int]string{1: "deleted"},
		})
	}
	return list
}

// TestConnectionFaults breaks the connection over which commands come while
// cards go out and are edited. Both go on: no card is lost or doubled, and a
// command is answered afterwards. Here the bot's clock is the world's, so all
// cases go their way at once.
func TestConnectionFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for connections; run without -short")
	}
	cases := []struct {
		name  string
		open  func(*testing.T) *faultWorld
		cause func(*faultWorld)
		world *faultWorld
	}{
		{name: "slack drops the connection", open: openSlack, cause: func(w *faultWorld) { w.slack.DropConnections() }},
		{name: "slack refreshes the connection", open: openSlack, cause: func(w *faultWorld) { w.slack.Disconnect("refresh_requested") }},
		{name: "slack warns of a disconnect", open: openSlack, cause: func(w *faultWorld) { w.slack.Disconnect("warning") }},
		{name: "slack sends garbage", open: openSlack, cause: func(w *faultWorld) { w.slack.Garbage("{") }},
		{name: "discord drops the gateway", open: openDiscord, cause: func(w *faultWorld) { w.discord.DropGateway() }},
		{name: "discord asks to reconnect", open: openDiscord, cause: func(w *faultWorld) { w.discord.AskReconnect() }},
		{name: "discord invalidates the session, resumable", open: openDiscord, cause: func(w *faultWorld) { w.discord.InvalidateSession(true) }},
		{name: "discord invalidates the session", open: openDiscord, cause: func(w *faultWorld) { w.discord.InvalidateSession(false) }},
		{name: "discord forgets sessions and drops the gateway", open: openDiscord, cause: func(w *faultWorld) {
			w.discord.ForgetSessions()
			w.discord.DropGateway()
		}},
		{name: "discord closes with 4000", open: openDiscord, cause: func(w *faultWorld) { w.discord.CloseGateway(4000) }},
		{name: "discord closes with 4009", open: openDiscord, cause: func(w *faultWorld) { w.discord.CloseGateway(4009) }},
	}
	each := func(f func(name string, w *faultWorld, cause func(*faultWorld))) {
		for i := range cases {
			f(cases[i].name, cases[i].world, cases[i].cause)
		}
	}
	for i := range cases {
		cases[i].world = cases[i].open(t)
		defer cases[i].world.live(t)()
	}
	each(func(name string, w *faultWorld, _ func(*faultWorld)) { await(t, name, w.connected) })
	for _, change := range []func(*quayPage){
		func(p *quayPage) { p.grow(boatsFirst) },
		func(p *quayPage) { p.grow(boatsAll) },
		(*quayPage).edit,
	} {
		each(func(_ string, w *faultWorld, cause func(*faultWorld)) {
			w.page.change(change)
			cause(w)
		})
		each(func(name string, w *faultWorld, _ func(*faultWorld)) { await(t, name, w.right) })
	}
	each(func(name string, w *faultWorld, _ func(*faultWorld)) {
		await(t, name, w.asks)
		w.check(t, name, w.page.headlines(), nil)
	})
}

// live runs the bot with its real connections and returns what stops it.
func (w *faultWorld) live(t *testing.T) (stop func()) {
	w.page, w.every = &quayPage{}, "@every 1s"
	a, err := w.adapter(&http.Client{})
	if err != nil {
		t.Fatal(err)
	}
	return w.start(t, a)
}

func await(t *testing.T, name string, want func() error) {
	t.Helper()
	if err := eventually(want); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func (w *faultWorld) connected() error {
	up := w.discord != nil && w.discord.Connected() || w.slack != nil && w.slack.Connections() > 0
	if !up {
		return errors.New("nobody listens for commands")
	}
	return nil
}

// right reports how the rooms differ from the page.
func (w *faultWorld) right() error {
	want := w.page.headlines()
	for _, room := range w.rooms {
		var got []string
		for _, text := range w.sees(room) {
			got = append(got, boatIn(text))
		}
		if d := gocmp.Diff(want, got); d != "" {
			return fmt.Errorf("(-want +got):\n%s", d)
		}
	}
	return nil
}

// asks sends a command. One that comes while nobody is connected is lost, as
// on the real platforms; the user asks again.
func (w *faultWorld) asks() error {
	if err := w.connected(); err != nil {
		return err
	}
	answer := ""
	if w.discord != nil {
		r, err := w.discord.Command("latest", nil, "1400000000000000001", discordRoom)
		if err != nil {
			return err
		}
		for _, e := range r.Embeds {
			answer += e.Title + e.Description
		}
	} else {
		replies, err := w.slack.SlashCommand("/latest", "", "U0READER", slackRoom)
		if err != nil || len(replies) == 0 {
			return fmt.Errorf("no answer: %w", err)
		}
		answer = slacktest.Words(replies[0].Blocks)
	}
	if !boatPattern.MatchString(answer) {
		return fmt.Errorf("the answer is %q", answer)
	}
	return nil
}
