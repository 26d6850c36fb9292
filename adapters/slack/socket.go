package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/pullquote/pullquote/bot/chat"
)

// Times between connections. Slack closes each after some hours, and allows
// ten at a time: who comes back at once when there are too many only makes it
// worse.
const (
	steady      = time.Minute // a connection that lasted this long was a good one
	minRetry    = 500 * time.Millisecond
	maxRetry    = time.Minute
	dialTimeout = 10 * time.Second
	maxEnvelope = 1 << 20 // bytes
)

// listen keeps a Socket Mode connection and hands what comes to s. It returns
// nil when ctx is done, and otherwise what makes going on useless.
//
// slack-go's client reconnects by itself, but without a pause after a
// connection that Slack closed, so each client here gets one connection and
// the loop is ours.
func (a *Adapter) listen(ctx context.Context, s *service) error {
	retry, failed := minRetry, 0
	for {
		opened := time.Now()
		connected, err := a.connect(ctx, s)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // err is what ctx made of the connection
		}
		if e := a.final(err); e != nil {
			return e
		}
		if connected {
			failed = 0
		} else if failed++; failed == 1 {
			a.log.Warn("commands not reachable, trying again", "error", a.socketError(err))
		}
		pause := retry/2 + rand.N(retry/2)
		var rl *slack.RateLimitedError
		switch {
		case connected && time.Since(opened) > steady:
			retry, pause = minRetry, 0 // Slack renews its connections
		case errors.As(err, &rl):
			pause = max(pause, min(rl.RetryAfter, maxWait))
			fallthrough
		default:
			retry = min(2*retry, maxRetry)
		}
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

// final returns the error that ends Serve, nil if a new connection may help.
func (a *Adapter) final(err error) error {
	if said, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		e := refuse("open a connection for commands", &apiError{code: a.tame(said.Err)}, false)
		if e.Reason == chat.Unauthorized {
			e.Remedy = remedyApp
			return e
		}
	}
	if code, ok := errors.AsType[slack.StatusCodeError](err); ok && code.Code == http.StatusUnauthorized {
		e := fail(chat.Unauthorized, "open a connection for commands", errors.New(code.Status))
		e.Remedy = remedyApp
		return e
	}
	return nil
}

func (a *Adapter) socketError(err error) string {
	if err == nil {
		return "closed"
	}
	return a.tame(err.Error())
}

// errSpent ends a slack-go client that wants a second connection.
var errSpent = errors.New("connection closed")

// A single lets slack-go ask for one connection only.
type single struct {
	client *http.Client
	spent  atomic.Bool
}

func (s *single) Do(req *http.Request) (*http.Response, error) {
	if s.spent.Swap(true) {
		return nil, errSpent
	}
	resp, err := s.client.Do(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, 64<<10), resp.Body}
	}
	return resp, err
}

// A silent logger keeps slack-go from the standard error output.
type silent struct{}

func (silent) Output(int, string) error { return nil }

// connect opens one connection and serves it until it closes. It reports
// whether there was one, and what went wrong.
func (a *Adapter) connect(ctx context.Context, s *service) (connected bool, err error) {
	run, stop := context.WithCancel(ctx)
	defer stop()
	client := *a.client
	client.Timeout = callTimeout
	_, app := a.secret()
	api := slack.New("", slack.OptionAppLevelToken(app), slack.OptionAPIURL(a.base.String()), slack.OptionHTTPClient(&single{client: &client}))
	c := socketmode.New(api,
		socketmode.OptionDialer(a.dialer()),
		socketmode.OptionReadLimit(maxEnvelope),
		socketmode.OptionLog(silent{}))
	done := make(chan error, 1)
	go func() { done <- c.RunContext(run) }()
	for {
		select {
		case e := <-done:
			if err == nil {
				err = e
			}
			return connected, err
		case ev := <-c.Events:
			switch ev.Type {
			case socketmode.EventTypeConnected:
				connected = true
				a.log.Debug("commands connected")
			case socketmode.EventTypeConnectionError:
				if f, ok := ev.Data.(*slack.ConnectionErrorEvent); ok && err == nil {
					err = f.ErrorObj
				}
				stop()
			case socketmode.EventTypeErrorBadMessage:
				a.log.Debug("unreadable message from Slack ignored")
			default:
				s.take(ctx, run, c, ev)
			}
		}
	}
}

// take acknowledges an envelope and has it answered. Envelopes that are none
// of ours are acknowledged too: Slack would send some of them again.
func (s *service) take(ctx, run context.Context, c *socketmode.Client, ev socketmode.Event) {
	if ev.Request == nil || ev.Request.EnvelopeID == "" {
		return
	}
	var q question
	var ok bool
	switch ev.Type {
	case socketmode.EventTypeSlashCommand:
		q, ok = s.slashCommand(ev.Request.Payload)
	case socketmode.EventTypeInteractive:
		q, ok = s.press(ev.Request.Payload)
	}
	if ok && !s.reserve() {
		return
	}
	if err := c.AckCtx(run, ev.Request.EnvelopeID, nil); err != nil && run.Err() == nil {
		s.a.log.Warn("command not acknowledged", "error", err)
	}
	switch {
	case !ok:
	case s.a.first(ctx, ev.Request.EnvelopeID):
		s.answer(ctx, q)
	default:
		<-s.slots
	}
}

// first reports whether no replica was told of an envelope before.
func (a *Adapter) first(ctx context.Context, envelope string) bool {
	if a.peers == nil {
		return true
	}
	first, err := a.once(ctx, envelope)
	if err != nil {
		a.log.Warn("a command is not carried out: another replica may have done it", "error", err)
	}
	return first && err == nil
}

// once asks the peers whether they have seen what id names, an envelope or a
// request.
func (a *Adapter) once(ctx context.Context, id string) (bool, error) {
	return a.peers.Once(ctx, "slack/"+a.name+"/"+hash(id), 15*time.Minute)
}

// hash makes a key of something of any length.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// dialer reaches the websocket the way that requests reach the Web API.
func (a *Adapter) dialer() *websocket.Dialer {
	d := &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: dialTimeout,
		WriteBufferSize:  32 << 10, // Slack does not put fragments together
	}
	if t, ok := a.client.Transport.(*http.Transport); ok && t != nil {
		t = t.Clone() // others may be using it, and it writes to its own TLS configuration
		d.Proxy, d.NetDialContext, d.TLSClientConfig = t.Proxy, t.DialContext, t.TLSClientConfig
		if d.TLSClientConfig != nil {
			d.TLSClientConfig.NextProtos = nil // no HTTP/2
		}
	}
	return d
}
