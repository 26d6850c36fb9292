package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot/chat"
)

func TestSendAndEdit(t *testing.T) {
	srv, a, _ := start(t)
	id, err := a.Send(t.Context(), newPost("k3jd82hf"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Requests()); n != 1 {
		t.Errorf("%d requests for one send", n)
	}
	m := srv.Messages(channelID)[0]
	if m.TS != string(id) || m.Metadata.EventType != "pullquote_card" || m.Metadata.Payload["key"] != "k3jd82hf" {
		t.Errorf("posted %+v, returned %q", m, id)
	}
	var sent map[string]any
	if err := json.Unmarshal(srv.Requests()[0].Body, &sent); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"unfurl_links": false, "unfurl_media": false, "parse": "none", "link_names": false, "mrkdwn": false} {
		if sent[key] != want {
			t.Errorf("%s is %v, want %v", key, sent[key], want)
		}
	}
	if strings.Contains(string(srv.Requests()[0].Body), srv.BotToken()) {
		t.Error("the token is in the body")
	}
	if err := a.Edit(t.Context(), channelA, id, card("Bridge open")); err != nil {
		t.Fatal(err)
	}
	m = srv.Messages(channelID)[0]
	if words := slacktest.Words(m.Blocks); !m.Edited() || !strings.Contains(words, "Bridge open") || !strings.Contains(m.Text, "Bridge open") {
		t.Errorf("after the edit: %+v", m)
	}
	if m.Metadata.Payload["key"] != "k3jd82hf" {
		t.Error("the edit lost the metadata")
	}
	if n := srv.Posts(channelID); n != 1 {
		t.Errorf("%d posts", n)
	}
}

func TestNewRefusesOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no name":                 {BotToken: "xoxb-1"},
		"no token":                {Name: "slack"},
		"line break in a token":   {Name: "slack", BotToken: "xoxb-1\nx"},
		"tokens swapped":          {Name: "slack", BotToken: "xapp-1", AppToken: "xoxb-1"},
		"bot token as app token":  {Name: "slack", BotToken: "xoxb-1", AppToken: "xoxb-1"},
		"address without a slash": {Name: "slack", BotToken: "xoxb-1", APIURL: "https://slack.com/api"},
		"address with a password": {Name: "slack", BotToken: "xoxb-1", APIURL: "https://u:p@slack.com/api/"},
		"address of another kind": {Name: "slack", BotToken: "xoxb-1", APIURL: "ftp://slack.com/api/"},
		"address that is none":    {Name: "slack", BotToken: "xoxb-1", APIURL: "::/"},
	} {
		_, err := New(o)
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "xoxb-1") || strings.Contains(err.Error(), "xapp-1") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: a secret is in %q", name, err)
		}
	}
	a, err := New(Options{Name: "slack", BotToken: " xoxb-secret\n", AppToken: "xapp-secret"})
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", a, a, a, a); strings.Contains(s, "xoxb-secret") || strings.Contains(s, "xapp-secret") {
		t.Errorf("printed: %s", s)
	}
}

// TestPlatformCodes sends every code that is classed through the real client.
func TestPlatformCodes(t *testing.T) {
	srv, a, _ := start(t)
	for code, v := range verdicts {
		srv.Fail(slacktest.Fault{Body: fmt.Sprintf(`{"ok":false,"error":%q}`, code)})
		_, err := a.Send(t.Context(), newPost("k1"))
		se := reason(t, err, v.reason)
		if se.Remedy != v.remedy || !strings.Contains(se.Error(), code) {
			t.Errorf("%s: remedy %q, error %v", code, se.Remedy, err)
		}
		if (v.reason == chat.Gone || v.reason == chat.Unauthorized) && v.remedy == "" && code != "message_not_found" {
			t.Errorf("%s: no remedy", code)
		}
	}
	if n := srv.Posts(channelID); n != 0 {
		t.Errorf("%d posts", n)
	}
}

func TestErrorClasses(t *testing.T) {
	retry := http.Header{"Retry-After": {"7"}}
	for _, tt := range []struct {
		name  string
		fault slacktest.Fault
		want  chat.Reason
		after time.Duration
	}{
		{"rate limited by header", slacktest.Fault{Status: 429, Header: retry, Body: `{"ok":false,"error":"ratelimited"}`}, chat.RateLimited, 7 * time.Second},
		{"rate limited without body", slacktest.Fault{Status: 429, Header: retry}, chat.RateLimited, 7 * time.Second},
		{"rate limited with a fraction", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"0.5"}}}, chat.RateLimited, time.Second / 2},
		{"rate limited without header", slacktest.Fault{Status: 429, Body: `{"ok":false,"error":"ratelimited"}`}, chat.RateLimited, 0},
		{"rate limited, absurd", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"999999999"}}}, chat.RateLimited, 0},
		{"rate limited, negative", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"-1"}}}, chat.RateLimited, 0},
		{"rate limited, a long time", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"36000"}}}, chat.RateLimited, maxWait},
		{"rate limited, not a number", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"NaN"}}}, chat.RateLimited, 0},
		{"rate limited with 200", slacktest.Fault{Header: retry, Body: `{"ok":false,"error":"rate_limited"}`}, chat.RateLimited, 7 * time.Second},
		{"500", slacktest.Fault{Status: 500, Body: "<html>"}, chat.Unknown, 0},
		{"502", slacktest.Fault{Status: 502}, chat.Unknown, 0},
		{"503 asks to wait", slacktest.Fault{Status: 503, Header: retry}, chat.Unknown, 7 * time.Second},
		{"500 after acceptance", slacktest.Fault{Status: 500, Accept: true}, chat.Unknown, 0},
		{"no JSON", slacktest.Fault{Body: "<html>"}, chat.Unknown, 0},
		{"cut JSON", slacktest.Fault{Body: `{"ok":tr`}, chat.Unknown, 0},
		{"empty object", slacktest.Fault{Body: `{}`}, chat.Unknown, 0},
		{"no ts", slacktest.Fault{Body: `{"ok":true}`}, chat.Unknown, 0},
		{"ts is no ts", slacktest.Fault{Body: `{"ok":true,"ts":"abc"}`}, chat.Unknown, 0},
		{"ts is a number", slacktest.Fault{Body: `{"ok":true,"ts":12}`}, chat.Unknown, 0},
		{"dropped before acceptance", slacktest.Fault{Drop: true}, chat.Unknown, 0},
		{"dropped after acceptance", slacktest.Fault{Drop: true, Accept: true}, chat.Unknown, 0},
		{"dropped in the answer", slacktest.Fault{Drop: true, Accept: true, Half: true}, chat.Unknown, 0},
		{"401 without a body", slacktest.Fault{Status: 401}, chat.Unauthorized, 0},
		{"404 of something else", slacktest.Fault{Status: 404, Body: "not here"}, chat.Transient, 0},
		{"redirect", slacktest.Fault{Status: 307, Header: http.Header{"Location": {"/api/chat.postMessage"}}}, chat.Transient, 0},
		{"too large", slacktest.Fault{Status: 413}, chat.Rejected, 0},
		{"a code that nobody knows", slacktest.Fault{Body: `{"ok":false,"error":"brand_new"}`}, chat.Transient, 0},
		{"a token in the error", slacktest.Fault{Body: `{"ok":false,"error":"xoxb-loopback-only-not-a-real-token"}`}, chat.Transient, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a, _ := start(t)
			srv.Fail(tt.fault)
			_, err := a.Send(t.Context(), newPost("k1"))
			se := reason(t, err, tt.want)
			if se.RetryAfter != tt.after {
				t.Errorf("retry after %v, want %v", se.RetryAfter, tt.after)
			}
			if n := len(srv.Requests()); n != 1 {
				t.Errorf("%d requests for one send", n)
			}
			want := 0
			if tt.fault.Accept {
				want = 1
			}
			if n := srv.Posts(channelID); n != want {
				t.Errorf("%d posts, want %d", n, want)
			}
		})
	}
}

func TestRetryAfterAsDate(t *testing.T) {
	now := time.Date(2026, 3, 14, 14, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"Sat, 14 Mar 2026 14:00:30 GMT": 30 * time.Second,
		"Sat, 14 Mar 2026 13:00:00 GMT": 0,
		"Sat, 14 Mar 2099 13:00:00 GMT": 0,
		" 3 ":                           3 * time.Second,
		"":                              0,
	} {
		if got := retryAfter(in, now); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestTimeOuts(t *testing.T) {
	srv, a, _ := start(t)
	never := make(chan struct{})
	for _, accept := range []bool{false, true} {
		srv.Fail(slacktest.Fault{Hold: never, Accept: accept})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := a.Send(ctx, newPost("k1"))
		cancel()
		reason(t, err, chat.Unknown)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Send(done, newPost("k1"))
	reason(t, err, chat.Transient) // nothing was written
}

func TestNothingWritten(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	plainServer := slacktest.New()
	defer plainServer.Close()
	for name, api := range map[string]string{
		"connection refused": "http://" + ln.Addr().String() + "/api/",
		"no such host":       "http://no-such-host.invalid/api/",
		"no TLS":             strings.Replace(plainServer.URL(), "http:", "https:", 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, a, _ := start(t, func(o *Options) { o.APIURL = api })
			_, err := a.Send(t.Context(), newPost("k1"))
			reason(t, err, chat.Transient)
			p := newPost("k1")
			p.Tried = time.Now().Add(-time.Minute)
			_, err = a.Send(t.Context(), p)
			reason(t, err, chat.Unknown) // the earlier attempt is still open
		})
	}
}

func TestOwnClientConnects(t *testing.T) {
	srv, a, _ := start(t, func(o *Options) { o.HTTPClient = nil })
	if _, err := a.Send(t.Context(), newPost("k1")); err != nil {
		t.Fatal(err)
	}
	a.client.CloseIdleConnections()
	if n := srv.Posts(channelID); n != 1 {
		t.Errorf("%d posts", n)
	}
}

func TestRealRules(t *testing.T) {
	srv, a, _ := start(t)
	id, err := a.Send(t.Context(), newPost("k1"))
	if err != nil {
		t.Fatal(err)
	}
	try := func() error { _, err := a.Send(t.Context(), newPost("k2")); return err }
	fix := func() error { return a.Edit(t.Context(), channelA, id, card("Bridge open")) }

	srv.Archive(channelID, true)
	if se := reason(t, try(), chat.Gone); !strings.Contains(se.Remedy, "archived") {
		t.Error(se.Remedy)
	}
	if se := reason(t, fix(), chat.Transient); se.Remedy == "" {
		t.Error("an edit in an archived channel has no remedy")
	}
	srv.Archive(channelID, false)
	srv.Kick(channelID)
	if se := reason(t, try(), chat.Gone); !strings.Contains(se.Remedy, "/invite") {
		t.Error(se.Remedy)
	}
	srv.Invite(channelID)
	srv.Fail(slacktest.Fault{Body: `{"ok":false,"error":"restricted_action"}`})
	reason(t, fix(), chat.Transient)
	srv.Limit(1, time.Hour)
	if err := try(); err != nil {
		t.Fatal(err)
	}
	if se := reason(t, try(), chat.RateLimited); se.RetryAfter <= 0 || se.Global {
		t.Errorf("%+v", se)
	}
	srv.Limit(0, 0)
	srv.LimitAll(1, 500*time.Millisecond)
	if err := try(); err != nil {
		t.Fatal(err)
	}
	if se := reason(t, try(), chat.RateLimited); se.RetryAfter <= 0 || se.RetryAfter > time.Second/2 {
		t.Errorf("%+v", se)
	}
	srv.LimitAll(0, 0)
	srv.CloseEdits(channelID)
	reason(t, fix(), chat.Frozen)
	srv.Delete(channelID, string(id))
	reason(t, fix(), chat.Gone)
	srv.RemoveChannel(channelID)
	reason(t, fix(), chat.Gone)
	if se := reason(t, try(), chat.Gone); se.Remedy == "" {
		t.Error("no remedy for a channel that is not there")
	}
	srv.AddChannel(channelID)
	srv.SetScopes("commands")
	if se := reason(t, try(), chat.Unauthorized); !strings.Contains(se.Remedy, "manifest") {
		t.Error(se.Remedy)
	}
	srv.Revoke()
	if se := reason(t, try(), chat.Unauthorized); !strings.Contains(se.Remedy, "token") {
		t.Error(se.Remedy)
	}
	reason(t, fix(), chat.Unauthorized)
}

func TestRefusedWithoutARequest(t *testing.T) {
	srv, a, _ := start(t)
	p := newPost("not a key!")
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Rejected)
	p = newPost("k1")
	p.Channel.ID = "#general"
	_, err = a.Send(t.Context(), p)
	reason(t, err, chat.Gone)
	reason(t, a.Edit(t.Context(), p.Channel, "1.2", card("x")), chat.Gone)
	reason(t, a.Edit(t.Context(), channelA, "nonsense", card("x")), chat.Gone)
	reason(t, a.Check(t.Context(), p.Channel), chat.Gone)
	if n := count(srv, "chat.postMessage") + count(srv, "chat.update"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// again repeats a send whose first attempt's outcome is not known.
func again(t *testing.T, a *Adapter, tried time.Time) (chat.MessageID, error) {
	t.Helper()
	p := newPost("k1")
	p.Tried = tried
	return a.Send(t.Context(), p)
}

func TestRepeatFindsTheMessage(t *testing.T) {
	for name, f := range map[string]slacktest.Fault{
		"dropped":            {Drop: true, Accept: true},
		"dropped in between": {Drop: true, Accept: true, Half: true},
		"500":                {Status: 500, Accept: true},
		"no JSON":            {Body: "<html>", Accept: true},
		"fatal_error":        {Body: `{"ok":false,"error":"fatal_error"}`, Accept: true},
		"wrong id":           {Body: `{"ok":true,"ts":"wrong"}`, Accept: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv, a, _ := start(t)
			f.Method = "chat.postMessage"
			srv.Fail(f)
			tried := time.Now()
			_, err := a.Send(t.Context(), newPost("k1"))
			reason(t, err, chat.Unknown)
			id, err := again(t, a, tried)
			if err != nil {
				t.Fatal(err)
			}
			if all := srv.Messages(channelID); len(all) != 1 || all[0].TS != string(id) {
				t.Errorf("%v stands, returned %q", all, id)
			}
			if n := count(srv, "conversations.history"); n != 1 {
				t.Errorf("%d looks, want 1", n)
			}
		})
	}
}

func TestRepeatPostsWhatIsNotThere(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t, func(o *Options) { o.ReadLag = time.Second })
	tried := time.Now()
	srv.Fail(slacktest.Fault{Drop: true})
	_, err := a.Send(t.Context(), newPost("k1"))
	reason(t, err, chat.Unknown)
	if _, err := a.Send(t.Context(), newPost("other")); err != nil {
		t.Fatal(err)
	}
	if _, err := again(t, a, tried); err != nil {
		t.Fatal(err)
	}
	if n := srv.Posts(channelID); n != 2 {
		t.Errorf("%d posts, want 2", n)
	}
	if n := count(srv, "conversations.history"); n != 2 {
		t.Errorf("%d looks, want 2: at once and after the lag", n)
	}
	if _, err := again(t, a, tried.Add(-2*time.Second)); err != nil {
		t.Fatal(err)
	}
	if n := srv.Posts(channelID); n != 2 {
		t.Errorf("%d posts after a third attempt, want 2", n)
	}
}

func TestRepeatWaitsOutTheLag(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t, func(o *Options) { o.ReadLag = 400 * time.Millisecond })
	srv.Lag(200 * time.Millisecond)
	srv.Fail(slacktest.Fault{Drop: true, Accept: true})
	tried := time.Now()
	_, err := a.Send(t.Context(), newPost("k1"))
	reason(t, err, chat.Unknown)
	if _, err := again(t, a, tried); err != nil {
		t.Fatal(err)
	}
	if n := srv.Posts(channelID); n != 1 {
		t.Errorf("%d posts, want 1", n)
	}
}

func TestRepeatWaitIsBounded(t *testing.T) {
	srv, a, _ := start(t, func(o *Options) { o.ReadLag = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p := newPost("k1")
	p.Tried = time.Now()
	_, err := a.Send(ctx, p)
	reason(t, err, chat.Unknown)
	if n := srv.Posts(channelID); n != 0 {
		t.Errorf("%d posts", n)
	}
}

func TestRepeatOverManyPages(t *testing.T) {
	t.Parallel()
	srv, a, _ := start(t)
	srv.Fail(slacktest.Fault{Drop: true, Accept: true})
	tried := time.Now()
	_, err := a.Send(t.Context(), newPost("k1"))
	reason(t, err, chat.Unknown)
	for i := range 450 {
		p := newPost(fmt.Sprintf("other%d", i))
		p.Card = chat.Card{}
		if _, err := a.Send(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := again(t, a, tried); err != nil {
		t.Fatal(err)
	}
	if n := srv.Posts(channelID); n != 451 {
		t.Errorf("%d posts, want 451", n)
	}
	if n := count(srv, "conversations.history"); n != 3 {
		t.Errorf("%d pages, want 3", n)
	}
}

func TestRepeatWithWrongClocks(t *testing.T) {
	for name, tt := range map[string]struct{ skew, moved time.Duration }{
		"our clock is ahead":             {skew: -3 * time.Minute},
		"our clock is behind":            {skew: 3 * time.Minute},
		"our clock was set back an hour": {moved: 59 * time.Minute},
		"our clock was set forward":      {moved: -24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			srv, a, _ := start(t)
			srv.Skew(tt.skew)
			srv.Fail(slacktest.Fault{Drop: true, Accept: true})
			tried := time.Now().Add(tt.moved)
			_, err := a.Send(t.Context(), newPost("k1"))
			reason(t, err, chat.Unknown)
			if _, err := again(t, a, tried); err != nil {
				t.Fatal(err)
			}
			if n := srv.Posts(channelID); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

func TestRepeatWithoutHistory(t *testing.T) {
	srv, a, logged := start(t)
	srv.SetScopes("chat:write")
	if _, err := again(t, a, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n := srv.Posts(channelID); n != 1 {
		t.Errorf("%d posts", n)
	}
	if !strings.Contains(logged.String(), "may be repeated") {
		t.Errorf("the log does not say so: %s", logged)
	}
}

func TestRepeatWhenHistoryFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault slacktest.Fault
		want  chat.Reason
	}{
		{"5xx", slacktest.Fault{Status: 502}, chat.Unknown},
		{"a code that nobody knows", slacktest.Fault{Body: `{"ok":false,"error":"brand_new"}`}, chat.Unknown},
		{"rate limited", slacktest.Fault{Status: 429, Header: http.Header{"Retry-After": {"60"}}}, chat.RateLimited},
		{"token refused", slacktest.Fault{Body: `{"ok":false,"error":"token_revoked"}`}, chat.Unauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, a, _ := start(t)
			tt.fault.Method = "conversations.history"
			srv.Fail(tt.fault)
			_, err := again(t, a, time.Now().Add(-time.Minute))
			reason(t, err, tt.want)
			if n := srv.Posts(channelID); n != 0 {
				t.Errorf("%d posts: sent without knowing", n)
			}
		})
	}
}

func TestBrokenPicture(t *testing.T) {
	srv, a, _ := start(t)
	p := newPost("k1")
	p.Card.Image = chat.Image{URL: "https://gazette.example/gone.jpg", Alt: "a bridge", Credit: "Harbour Gazette"}
	srv.BreakImage(p.Card.Image.URL)
	_, err := a.Send(t.Context(), p)
	reason(t, err, chat.Transient)
	id, err := a.Send(t.Context(), p)
	if err != nil {
		t.Fatalf("the second attempt, without the picture: %v", err)
	}
	m := srv.Messages(channelID)[0]
	if len(slacktest.Images(m.Blocks)) != 0 || strings.Contains(slacktest.Words(m.Blocks), "Picture") {
		t.Errorf("the picture is still there: %s", m.Blocks)
	}
	if err := a.Edit(t.Context(), channelA, id, p.Card); err != nil {
		t.Error(err)
	}
	p.Card.Image.URL = "https://gazette.example/other.jpg"
	srv.BreakImage(p.Card.Image.URL)
	reason(t, a.Edit(t.Context(), channelA, id, p.Card), chat.Transient)
	if err := a.Edit(t.Context(), channelA, id, p.Card); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	srv, a, logged := start(t)
	srv.AddPrivateChannel("G0PRIVATE")
	private := chat.Channel{Adapter: "slack", ID: "G0PRIVATE"}
	for _, ch := range []chat.Channel{{Adapter: "slack"}, channelA, private} {
		if err := a.Check(t.Context(), ch); err != nil {
			t.Errorf("%v: %v", ch, err)
		}
	}
	if n := srv.Posts(channelID) + srv.Posts("G0PRIVATE"); n != 0 {
		t.Errorf("Check posted %d messages", n)
	}
	if err := a.CheckApp(t.Context()); err != nil {
		t.Error(err)
	}
	reason(t, a.Check(t.Context(), chat.Channel{ID: "C0NOWHERE"}), chat.Gone)
	srv.Kick("G0PRIVATE")
	reason(t, a.Check(t.Context(), private), chat.Gone)
	srv.Kick(channelID)
	if se := reason(t, a.Check(t.Context(), channelA), chat.Gone); !strings.Contains(se.Remedy, "/invite") {
		t.Error(se.Remedy)
	}
	srv.SetScopes("chat:write", "chat:write.public", "channels:read")
	if err := a.Check(t.Context(), channelA); err != nil {
		t.Errorf("with chat:write.public: %v", err)
	}
	srv.Invite(channelID)
	srv.Archive(channelID, true)
	reason(t, a.Check(t.Context(), channelA), chat.Gone)
	srv.Archive(channelID, false)
	srv.SetScopes("chat:write", "channels:history")
	if err := a.Check(t.Context(), channelA); err != nil {
		t.Errorf("with history only: %v", err)
	}
	srv.SetScopes("chat:write")
	if err := a.Check(t.Context(), channelA); err != nil || !strings.Contains(logged.String(), "look at the channel") {
		t.Errorf("without reading scopes: %v\n%s", err, logged)
	}
	srv.SetScopes("commands")
	if se := reason(t, a.Check(t.Context(), chat.Channel{}), chat.Unauthorized); se.Remedy == "" {
		t.Error("no remedy for a missing scope")
	}
	srv.Revoke()
	reason(t, a.Check(t.Context(), chat.Channel{}), chat.Unauthorized)
	srv.RevokeApp()
	reason(t, a.CheckApp(t.Context()), chat.Unauthorized)
}

func TestManifest(t *testing.T) {
	specs := []chat.CommandSpec{
		{Name: "latest", Summary: "The newest updates", Options: []chat.OptionSpec{
			{Name: "source", Summary: "Which source"}, {Name: "count", Summary: "How many", Kind: chat.NumberOption, Min: 1, Max: 10}}},
		{Name: "help", Summary: "What you can ask"},
		{Name: "status", Summary: "How it goes"},
	}
	b, err := Manifest("Pullquote", specs, "")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	golden(t, "manifest", got)
	granted := slices.Clone(scopes)
	srv, a, _ := start(t)
	srv.SetScopes(granted...)
	if err := a.Check(t.Context(), channelA); err != nil {
		t.Errorf("the manifest's scopes do not do: %v", err)
	}
	for name, spec := range map[string]chat.CommandSpec{
		"capital":    {Name: "Latest", Summary: "x"},
		"space":      {Name: "la test", Summary: "x"},
		"too long":   {Name: strings.Repeat("a", 32), Summary: "x"},
		"no name":    {Summary: "x"},
		"no summary": {Name: "latest"},
	} {
		if _, err := Manifest("Pullquote", []chat.CommandSpec{spec}, ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 36)} {
		if _, err := Manifest(name, specs, ""); err == nil {
			t.Errorf("name %q: no error", name)
		}
	}
}

// BenchmarkSend posts over loopback, as many lanes at once as there are
// processors; the loopback Slack's own work is in the figure.
func BenchmarkSend(b *testing.B) {
	srv := slacktest.New()
	defer srv.Close()
	srv.AddChannel(channelID)
	a, err := New(Options{Name: "slack", BotToken: srv.BotToken(), APIURL: srv.URL()})
	if err != nil {
		b.Fatal(err)
	}
	defer a.client.CloseIdleConnections()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Send(b.Context(), newPost("k1")); err != nil {
				b.Error(err)
			}
		}
	})
}
