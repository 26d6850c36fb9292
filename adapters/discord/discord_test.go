package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/bot/chat"
)

func TestSendAndEdit(t *testing.T) {
	srv, a := start(t)
	p := post("delivery1")
	p.Silent = true
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Requests()); n != 1 {
		t.Errorf("%d requests for one Send", n)
	}
	c := card("Bridge open again")
	c.State = chat.Updated
	if err := a.Edit(t.Context(), channelA, id, c); err != nil {
		t.Fatal(err)
	}
	ms := srv.Messages(channelID)
	if len(ms) != 1 {
		t.Fatalf("%d messages, want 1", len(ms))
	}
	m := ms[0]
	if idOf(m) != id || m.Nonce != "delivery1" || m.Flags != silent || !m.Edited() || m.Embeds[0].Title != "Bridge open again" {
		t.Errorf("message is %+v", m)
	}
}

func TestSendTriedYoung(t *testing.T) {
	srv, a := start(t)
	// The first attempt is accepted, and its answer lost.
	srv.Fail(discordtest.Fault{Method: "POST", Accept: true, Drop: true})
	p := post("delivery1")
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Unknown)
	p.Tried = time.Now().Add(-10 * time.Second)
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	ms := srv.Messages(channelID)
	if len(ms) != 1 || idOf(ms[0]) != id || ms[0].Repeats != 1 {
		t.Errorf("messages %+v, id %s", ms, id)
	}
}

func TestSendTriedOld(t *testing.T) {
	for _, tt := range []struct {
		name   string
		forget bool
	}{{"nonces in history", false}, {"no nonces in history", true}} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			if tt.forget {
				srv.ForgetNonces()
			}
			var want chat.MessageID
			for i := range 250 { // more than two pages of history
				id, err := a.Send(t.Context(), post(fmt.Sprintf("delivery%d", i)))
				if err != nil {
					t.Fatal(err)
				}
				if i == 222 {
					want = id
				}
			}
			p := post("delivery222")
			p.Tried = time.Now().Add(-2 * time.Minute)
			id, err := a.Send(t.Context(), p)
			if err != nil || id != want {
				t.Errorf("id %s, %v; want %s", id, err, want)
			}
			if n := len(srv.Messages(channelID)); n != 250 {
				t.Errorf("%d messages, want 250", n)
			}
			p.Key = "delivery999"
			if _, err := a.Send(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if n := len(srv.Messages(channelID)); n != 251 {
				t.Errorf("%d messages after one that was never there, want 251", n)
			}
		})
	}
}

// Another program's message that we cannot read must not hide ours.
func TestSendTriedAmongStrangers(t *testing.T) {
	srv, a := start(t)
	page := `[{"id":"1700000000000000002","author":{"id":"1"},"nonce":{"x":1},"embeds":[{"title":7}]},` +
		`{"id":"1700000000000000003","author":{"id":"1600000000000000001"},"nonce":"delivery1","embeds":null},` +
		`{"id":"1700000000000000004","author":{"id":"` + discordtest.BotID + `"},"nonce":"delivery1","embeds":[{"title":"Bridge closed"}]}]`
	srv.Fail(discordtest.Fault{Method: "GET", Status: 200, Body: page})
	srv.Fail(discordtest.Fault{Method: "PATCH", Status: 200, Body: `{}`})
	p := post("delivery1")
	p.Tried = time.Now().Add(-time.Hour)
	if id, err := a.Send(t.Context(), p); err != nil || id != "1700000000000000004~delivery1" {
		t.Errorf("id %s, %v", id, err)
	}
	if n := srv.Posts(channelID); n != 0 {
		t.Errorf("%d posts", n)
	}
}

// The entry changed between the attempt whose outcome is unknown and the next.
func TestSendTriedAndChanged(t *testing.T) {
	for _, age := range []time.Duration{time.Second, time.Hour} {
		t.Run(age.String(), func(t *testing.T) {
			srv, a := start(t)
			p := post("delivery1")
			want, err := a.Send(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			p.Card, p.Tried = card("Bridge open again"), time.Now().Add(-age)
			srv.Fail(discordtest.Fault{Method: "PATCH", Status: 503})
			_, err = a.Send(t.Context(), p)
			reason(t, err, chat.Unknown)
			for range 2 { // the second finds nothing to change
				if id, err := a.Send(t.Context(), p); err != nil || id != want {
					t.Fatalf("id %s, %v; want %s", id, err, want)
				}
			}
			ms := srv.Messages(channelID)
			if len(ms) != 1 || ms[0].Edits != 1 || ms[0].Embeds[0].Title != "Bridge open again" {
				t.Errorf("messages %+v", ms)
			}
			p.Card = card("Bridge closed again")
			for _, tt := range []struct {
				body string
				want chat.Reason
			}{
				{`{"code":10008,"message":"Unknown Message"}`, chat.Rejected},
				{`{"code":10003,"message":"Unknown Channel"}`, chat.Gone},
			} {
				srv.Fail(discordtest.Fault{Method: "PATCH", Status: 404, Body: tt.body})
				_, err = a.Send(t.Context(), p)
				reason(t, err, tt.want)
			}
			srv.Freeze(channelID)
			if id, err := a.Send(t.Context(), p); err != nil || id != want {
				t.Errorf("frozen: id %s, %v; want %s", id, err, want)
			}
		})
	}
}

// A clock that was set back makes an old attempt look like one of the future.
func TestSendTriedInTheFuture(t *testing.T) {
	srv, a := start(t)
	p := post("delivery1")
	want, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	srv.ForgetNonces()
	p.Tried = time.Now().Add(time.Hour)
	if id, err := a.Send(t.Context(), p); err != nil || id != want {
		t.Errorf("id %s, %v; want %s", id, err, want)
	}
}

func TestSendTriedFails(t *testing.T) {
	for _, tt := range []struct {
		name string
		age  time.Duration
		f    discordtest.Fault
		want chat.Reason
	}{
		{"search breaks", 2 * time.Minute, discordtest.Fault{Method: "GET", Drop: true}, chat.Unknown},
		{"search is refused by a proxy", 2 * time.Minute, discordtest.Fault{Method: "GET", Status: 407}, chat.Unknown},
		{"search is limited", 2 * time.Minute, discordtest.Fault{Method: "GET", Status: 429, Body: `{"retry_after":2}`}, chat.RateLimited},
		{"search is not JSON", 2 * time.Minute, discordtest.Fault{Method: "GET", Status: 200, Body: `[{`}, chat.Unknown},
		{"repeat is refused by a proxy", time.Second, discordtest.Fault{Method: "POST", Status: 407}, chat.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a := start(t)
			srv.Fail(tt.f)
			p := post("delivery1")
			p.Tried = time.Now().Add(-tt.age)
			_, err := a.Send(t.Context(), p)
			reason(t, err, tt.want)
			if n := srv.Posts(channelID); n != 0 {
				t.Errorf("%d posts", n)
			}
		})
	}
}

func TestSendTriedAndNoHistory(t *testing.T) {
	srv, a := start(t)
	srv.Fail(discordtest.Fault{Method: "GET", Status: 403, Body: `{"code":50013,"message":"Missing Permissions"}`})
	p := post("delivery1")
	p.Tried = time.Now().Add(-time.Hour)
	if _, err := a.Send(t.Context(), p); err != nil {
		t.Error(err)
	}
	if n := srv.Posts(channelID); n != 1 {
		t.Errorf("%d posts, want 1", n)
	}
}

func TestDeletedMeanwhile(t *testing.T) {
	srv, a := start(t)
	p := post("delivery1")
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	srv.Delete(channelID, srv.Messages(channelID)[0].ID)
	p.Tried = time.Now()
	_, err = a.Send(t.Context(), p)
	reason(t, err, chat.Rejected)
	reason(t, a.Edit(t.Context(), channelA, id, card("x")), chat.Gone)
	if n := len(srv.Messages(channelID)); n != 0 {
		t.Errorf("%d messages: what a person deleted came back", n)
	}
}

// faults are answers and what they mean to Send; edit is what they mean to
// Edit where that differs.
var faults = []struct {
	name   string
	f      discordtest.Fault
	want   chat.Reason
	edit   chat.Reason
	wait   time.Duration
	global bool
	remedy bool
}{
	{name: "429 header", f: fault429("2.5", `{}`, ""), want: chat.RateLimited, wait: 2500 * time.Millisecond},
	{name: "429 body", f: fault429("", `{"retry_after":1.5}`, ""), want: chat.RateLimited, wait: 1500 * time.Millisecond},
	{name: "429 body longer", f: fault429("1", `{"retry_after":4}`, ""), want: chat.RateLimited, wait: 4 * time.Second},
	{name: "429 header longer", f: fault429("9", `{"retry_after":4}`, ""), want: chat.RateLimited, wait: 9 * time.Second},
	{name: "429 says nothing", f: fault429("", ``, ""), want: chat.RateLimited},
	{name: "429 absurd", f: fault429("1e9", `{"retry_after":1e300}`, ""), want: chat.RateLimited},
	{name: "429 negative", f: fault429("-3", `{"retry_after":-1}`, ""), want: chat.RateLimited},
	{name: "429 NaN", f: fault429("NaN", `{"retry_after":"soon"}`, ""), want: chat.RateLimited},
	{name: "429 date", f: fault429("Sat, 14 Mar 2026 14:32:00 GMT", ``, ""), want: chat.RateLimited},
	{name: "429 absurd header, good body", f: fault429("1e9", `{"retry_after":3}`, ""), want: chat.RateLimited, wait: 3 * time.Second},
	{name: "429 zero", f: fault429("0", `{"retry_after":0}`, ""), want: chat.RateLimited, wait: 50 * time.Millisecond},
	{name: "429 half an hour", f: fault429("1800", `{}`, ""), want: chat.RateLimited, wait: 15 * time.Minute},
	{name: "429 global body", f: fault429("1", `{"retry_after":1,"global":true}`, ""), want: chat.RateLimited, wait: time.Second, global: true},
	{name: "429 global header", f: fault429("1", `{"retry_after":1}`, "global"), want: chat.RateLimited, wait: time.Second, global: true},
	{name: "429 shared", f: fault429("1", `{"retry_after":1}`, "shared"), want: chat.RateLimited, wait: time.Second},
	{name: "429 from the edge", f: fault429("", `<html>error code: 1015</html>`, ""), want: chat.RateLimited, wait: 10 * time.Minute, global: true},
	{name: "403 from the edge", f: status(403, `<!DOCTYPE html><title>Access denied</title>`), want: chat.RateLimited, wait: 10 * time.Minute, global: true, remedy: true},
	{name: "slow mode", f: status(429, `{"code":20016,"message":"Slow mode","retry_after":7}`), want: chat.RateLimited, wait: 7 * time.Second},
	{name: "401", f: status(401, `{"code":0,"message":"401: Unauthorized"}`), want: chat.Unauthorized, remedy: true},
	{name: "401 empty", f: status(401, ``), want: chat.Unauthorized, remedy: true},
	{name: "invalid token code", f: status(403, `{"code":50014,"message":"Invalid authentication token"}`), want: chat.Unauthorized, remedy: true},
	{name: "403 empty", f: status(403, ``), want: chat.Gone, remedy: true},
	{name: "missing access", f: status(403, `{"code":50001,"message":"Missing Access"}`), want: chat.Gone, remedy: true},
	{name: "missing permissions", f: status(403, `{"code":50013,"message":"Missing Permissions"}`), want: chat.Gone, remedy: true},
	{name: "unknown channel", f: status(404, `{"code":10003,"message":"Unknown Channel"}`), want: chat.Gone, remedy: true},
	{name: "not a text channel", f: status(400, `{"code":50008,"message":"Cannot send"}`), want: chat.Gone, remedy: true},
	{name: "archived thread", f: status(400, `{"code":50083,"message":"Thread is archived"}`), want: chat.Gone, edit: chat.Frozen, remedy: true},
	{name: "unknown message", f: status(404, `{"code":10008,"message":"Unknown Message"}`), want: chat.Rejected, edit: chat.Gone},
	{name: "no more edits", f: status(429, `{"code":30046,"message":"Maximum number of edits"}`), want: chat.Frozen},
	{name: "invalid form", f: status(400, `{"code":50035,"message":"Invalid Form Body"}`), want: chat.Rejected},
	{name: "400 empty", f: status(400, ``), want: chat.Rejected},
	{name: "AutoMod", f: status(400, `{"code":200000,"message":"blocked"}`), want: chat.Rejected},
	{name: "413", f: status(413, ``), want: chat.Rejected},
	{name: "500", f: status(500, `{"code":0}`), want: chat.Unknown},
	{name: "502", f: status(502, `<html>bad gateway</html>`), want: chat.Unknown},
	{name: "503", f: status(503, ``), want: chat.Unknown},
	{name: "504", f: status(504, ``), want: chat.Unknown},
	{name: "408", f: status(408, ``), want: chat.Unknown},
	{name: "proxy wants a password", f: status(407, ``), want: chat.Transient, remedy: true},
	{name: "redirect", f: discordtest.Fault{Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/"}}}, want: chat.Transient, remedy: true},
	{name: "reset before acceptance", f: discordtest.Fault{Drop: true}, want: chat.Unknown},
	{name: "reset after acceptance", f: discordtest.Fault{Accept: true, Drop: true}, want: chat.Unknown},
	{name: "half an answer", f: discordtest.Fault{Accept: true, Drop: true, Half: true}, want: chat.Unknown},
}

func fault429(header, body, scope string) discordtest.Fault {
	h := http.Header{}
	if header != "" {
		h.Set("Retry-After", header)
	}
	if scope != "" {
		h.Set("X-RateLimit-Scope", scope)
	}
	return discordtest.Fault{Status: 429, Header: h, Body: body}
}

func status(code int, body string) discordtest.Fault {
	return discordtest.Fault{Status: code, Body: body}
}

func TestFaults(t *testing.T) {
	for _, tt := range faults {
		for _, call := range []string{"send", "edit"} {
			t.Run(call+" "+tt.name, func(t *testing.T) {
				srv, a := start(t)
				id, err := a.Send(t.Context(), post("delivery0"))
				if err != nil {
					t.Fatal(err)
				}
				before := len(srv.Requests())
				srv.Fail(tt.f)
				want := tt.want
				if call == "send" {
					_, err = a.Send(t.Context(), post("delivery1"))
				} else {
					err = a.Edit(t.Context(), channelA, id, card("Bridge open"))
					want = max(want, 0)
					if tt.edit != 0 {
						want = tt.edit
					}
				}
				wanted := 1
				if call == "send" && strings.Contains(tt.f.Body, "50008") {
					wanted = 2 // it asks whether the channel is a forum
				}
				if call == "edit" && strings.Contains(tt.f.Body, "50083") {
					wanted = 2 // it tries to open the thread
				}
				if n := len(srv.Requests()) - before; n != wanted {
					t.Errorf("%d requests, want %d", n, wanted)
				}
				se := reason(t, err, want)
				if se.RetryAfter != tt.wait || se.Global != tt.global || (se.Remedy != "") != tt.remedy {
					t.Errorf("wait %v, global %v, remedy %q; want %v, %v, %v", se.RetryAfter, se.Global, se.Remedy, tt.wait, tt.global, tt.remedy)
				}
			})
		}
	}
}

// Answers that claim success and are no message leave the outcome open.
func TestFalseSuccess(t *testing.T) {
	for _, body := range []string{``, `{`, `[]`, `{}`, `{"id":7}`, `{"id":"../../x"}`, `<html>login</html>`} {
		t.Run(body, func(t *testing.T) {
			srv, a := start(t)
			srv.Fail(discordtest.Fault{Status: 200, Body: body})
			_, err := a.Send(t.Context(), post("delivery1"))
			reason(t, err, chat.Unknown)
		})
	}
}

func TestTimeoutAfterAcceptance(t *testing.T) {
	srv, a := start(t)
	hold := make(chan struct{})
	defer close(hold)
	srv.Fail(discordtest.Fault{Method: "POST", Accept: true, Hold: hold})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends when the message is there
		_ = srv.Wait(5*time.Second, func() bool { return len(srv.Messages(channelID)) == 1 })
		cancel()
	}()
	_, err := a.Send(ctx, post("delivery1"))
	reason(t, err, chat.Unknown)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v does not wrap the context's", err)
	}
}

func TestNothingWritten(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, url string
		ctx       context.Context
	}{
		{"connection refused", "http://" + addr, t.Context()},
		{"no such host", "http://discord.invalid", t.Context()},
		{"cancelled before", "http://" + addr, cancelled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := New(Options{Name: "d", Token: "t0ken.with.parts", APIURL: tt.url, HTTPClient: &http.Client{Transport: &http.Transport{}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Send(tt.ctx, post("k"))
			reason(t, err, chat.Transient)
		})
	}
	t.Run("TLS", func(t *testing.T) {
		srv := discordtest.New()
		defer srv.Close()
		a, err := New(Options{Name: "d", Token: srv.Token(), APIURL: strings.Replace(srv.URL(), "http", "https", 1), HTTPClient: &http.Client{Transport: &http.Transport{}}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Send(t.Context(), post("k"))
		reason(t, err, chat.Transient)
	})
}

func TestNoSecretInErrors(t *testing.T) {
	srv, a := start(t)
	echo, _ := json.Marshal(map[string]any{"code": 50035, "message": "bad header Bot " + srv.Token()})
	srv.Fail(status(400, string(echo)))
	_, err := a.Send(t.Context(), post("k"))
	se := reason(t, err, chat.Rejected)
	for _, text := range []string{
		err.Error(), fmt.Sprintf("%+v", *se), fmt.Sprintf("%#v", se), fmt.Sprintf("%v %+v %#v %s", a, a, a, a),
		fmt.Sprintf("%v %+v %#v", Options{Token: srv.Token()}, Options{Token: srv.Token()}, &Options{Token: srv.Token()}),
	} {
		if strings.Contains(text, srv.Token()) {
			t.Errorf("the token is in %q", text)
		}
	}
}

func TestBadTargets(t *testing.T) {
	srv, a := start(t)
	for _, id := range []string{"", "general", "0", "-5", "15/../x", "99999999999999999999999"} {
		p := post("k")
		p.Channel.ID = id
		_, err := a.Send(t.Context(), p)
		if se := reason(t, err, chat.Gone); se.Remedy == "" {
			t.Error("no remedy")
		}
	}
	p := post("no-hyphens")
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Rejected)
	reason(t, a.Edit(t.Context(), channelA, "x/y", card("")), chat.Gone)
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestHoldsBackBeforeALimit(t *testing.T) {
	srv, a := start(t)
	srv.Limit(3, time.Hour/4)
	for i := range 3 {
		if _, err := a.Send(t.Context(), post(fmt.Sprint("k", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.Send(t.Context(), post("k3"))
	se := reason(t, err, chat.RateLimited)
	if se.RetryAfter < 14*time.Minute || se.Global {
		t.Errorf("wait %v, global %v", se.RetryAfter, se.Global)
	}
	if n := len(srv.Requests()); n != 3 {
		t.Errorf("%d requests, want 3: the fourth was known to be refused", n)
	}
	if err := a.Edit(t.Context(), channelA, chat.MessageID(srv.Messages(channelID)[0].ID), card("x")); err != nil {
		t.Errorf("an edit has its own limit: %v", err)
	}
}

func TestGlobalLimitStopsAll(t *testing.T) {
	srv, a := start(t)
	const other = "1500000000000000002"
	srv.AddChannel(other)
	srv.Fail(fault429("60", `{"global":true,"retry_after":60}`, ""))
	_, err := a.Send(t.Context(), post("k"))
	reason(t, err, chat.RateLimited)
	p := post("k2")
	p.Channel.ID = other
	_, err = a.Send(t.Context(), p)
	if se := reason(t, err, chat.RateLimited); !se.Global {
		t.Error("not global")
	}
	if n := len(srv.Requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestInvalidRequestBudget(t *testing.T) {
	srv, a := start(t)
	a.limits.budget = 5
	srv.Fail(discordtest.Fault{Times: -1, Status: 403, Body: `{"code":50013,"message":"Missing Permissions"}`})
	for i := range 5 {
		_, err := a.Send(t.Context(), post(fmt.Sprint("k", i)))
		reason(t, err, chat.Gone)
	}
	_, err := a.Send(t.Context(), post("k9"))
	if se := reason(t, err, chat.RateLimited); !se.Global || se.RetryAfter < probePause-time.Second {
		t.Errorf("%+v", se)
	}
	if n := len(srv.Requests()); n != 5 {
		t.Errorf("%d requests, want 5", n)
	}
}

func TestCheck(t *testing.T) {
	const (
		group  = "1500000000000000007"
		forum  = "1500000000000000003"
		voice  = "1500000000000000004"
		absent = "1500000000000000005"
		thread = "1500000000000000006"
	)
	srv, a := start(t)
	srv.AddChannelKind(forum, 15)
	srv.AddChannelKind(group, 4)
	srv.AddChannelKind(voice, 2)
	srv.AddThread(thread, channelID)
	at := func(id string) chat.Channel { return chat.Channel{Adapter: "discord", ID: id} }
	for _, ch := range []chat.Channel{{Adapter: "discord"}, channelA, at(voice), at(thread), at(forum)} {
		if err := a.Check(t.Context(), ch); err != nil {
			t.Errorf("%s: %v", ch, err)
		}
	}
	for _, id := range []string{group, absent, "general"} {
		if se := reason(t, a.Check(t.Context(), at(id)), chat.Gone); se.Remedy == "" {
			t.Errorf("%s: no remedy", id)
		}
	}
	for bit, name := range map[int64]string{1 << 11: "Send Messages", 1 << 14: "Embed Links"} {
		srv.Deny(channelID, bit)
		if se := reason(t, a.Check(t.Context(), channelA), chat.Gone); !strings.Contains(se.Remedy, name) {
			t.Errorf("remedy %q does not name %s", se.Remedy, name)
		}
	}
	srv.Deny(channelID, 1<<38)
	reason(t, a.Check(t.Context(), at(thread)), chat.Gone)
	srv.Deny(channelID, 1<<10)
	reason(t, a.Check(t.Context(), channelA), chat.Gone)
	srv.Deny(channelID, 1<<16)
	if err := a.Check(t.Context(), channelA); err != nil {
		t.Errorf("without history: %v", err)
	}
	srv.Revoke()
	reason(t, a.Check(t.Context(), chat.Channel{}), chat.Unauthorized)
	if slices.ContainsFunc(srv.Requests(), func(r discordtest.Request) bool { return r.Method != "GET" }) {
		t.Error("Check wrote something")
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no name":          {Token: "x"},
		"no token":         {Name: "d", Token: " Bot "},
		"token of lines":   {Name: "d", Token: "a\nb"},
		"server by name":   {Name: "d", Token: "x", Guild: "my server"},
		"address by name":  {Name: "d", Token: "x", APIURL: "discord.com"},
		"address of files": {Name: "d", Token: "x", APIURL: "file:///x"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "a\nb") {
			t.Errorf("%s: the token is in the error", name)
		}
	}
}

func TestInvite(t *testing.T) {
	srv, a := start(t)
	if id := AppID("Bot " + srv.Token()); id != discordtest.BotID {
		t.Errorf("AppID = %q", id)
	}
	for _, bad := range []string{"", "x", "!!.b.c", "YWJj.b.c"} {
		if id := AppID(bad); id != "" {
			t.Errorf("AppID(%q) = %q", bad, id)
		}
	}
	if id, err := a.AppID(t.Context()); err != nil || id != discordtest.AppID {
		t.Errorf("AppID = %q, %v", id, err)
	}
	want := "https://discord.com/oauth2/authorize?client_id=1100000000000000001&permissions=309237730304&scope=bot+applications.commands"
	if got := InviteURL(discordtest.AppID); got != want {
		t.Errorf("InviteURL = %s\nwant        %s", got, want)
	}
}

// BenchmarkSend is the whole way of a card to a server on loopback.
func BenchmarkSend(b *testing.B) {
	_, a := start(b)
	n := 0
	for b.Loop() {
		n++
		if _, err := a.Send(b.Context(), post(fmt.Sprint("k", n))); err != nil {
			b.Fatal(err)
		}
	}
}
