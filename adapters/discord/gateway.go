package discord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"github.com/pullquote/pullquote/bot/chat"
)

// fatal are the close codes after which reconnecting is of no use
// (https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway).
var fatal = map[int]struct {
	reason chat.Reason
	remedy string
}{
	4004: {chat.Unauthorized, remedyToken},
	4010: {chat.Rejected, ""},
	4011: {chat.Rejected, "The bot is in too many servers for one connection: use a second bot."},
	4012: {chat.Rejected, "Discord has retired this version of its gateway: update Pullquote."},
	4013: {chat.Rejected, ""},
	4014: {chat.Rejected, ""},
}

// listen keeps a gateway connection and hands interactions to take. It returns
// nil when ctx is done, and otherwise what makes going on useless.
//
// discordgo's own reconnecting can be neither stopped nor made to give up, so
// it is switched off and the loop is here. Its session remembers where it was
// and resumes.
func (a *Adapter) listen(ctx context.Context, take func(*discordgo.Interaction)) error {
	down := make(chan struct{}, 1)
	wire := &wire{}
	s := a.session(ctx, wire, down, take)
	retry, failed := a.retry, 0
	for {
		opened := time.Now()
		err := open(ctx, s, wire)
		if ctx.Err() != nil {
			a.close(s)
			return nil //nolint:nilerr // being stopped is no error
		}
		if err == nil {
			failed = 0
			a.log.Debug("gateway connected")
			select {
			case <-ctx.Done():
				a.close(s)
				return nil
			case <-down:
			}
			if time.Since(opened) > steady {
				retry = a.retry
			}
			a.log.Debug("gateway connection lost")
		} else {
			if e := final(err); e != nil {
				return e
			}
			if failed++; failed == 1 {
				a.log.Warn("gateway not reached", "error", a.redact(gatewayError(err)))
			}
			if failed%2 == 0 { // perhaps the session to resume is what is wrong
				s = a.session(ctx, wire, down, take)
			}
		}
		if !sleep(ctx, retry/2+rand.N(retry/2)) {
			return nil
		}
		retry = min(2*retry, maxRetry)
	}
}

// final returns the error that ends Serve, nil if a new connection may help.
func final(err error) error {
	ce := (*websocket.CloseError)(nil)
	if !errors.As(err, &ce) {
		return nil
	}
	f, ok := fatal[ce.Code]
	if !ok {
		return nil
	}
	e := fail(f.reason, "open the gateway", fmt.Errorf("closed with %d %s", ce.Code, clip(inline(ce.Text), 100)))
	e.Remedy = f.remedy
	return e
}

// gatewayError returns the text of an error of discordgo's without the
// request it may hold.
func gatewayError(err error) string {
	if re := (*discordgo.RESTError)(nil); errors.As(err, &re) {
		return re.Response.Status
	}
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	return clip(inline(err.Error()), 300)
}

// session makes a discordgo session that does no more than we need.
func (a *Adapter) session(ctx context.Context, w *wire, down chan<- struct{}, take func(*discordgo.Interaction)) *discordgo.Session {
	s, _ := discordgo.New("Bot " + a.secret()) // never fails
	s.LogLevel = -1                            // it prints to standard error, bodies included
	s.SyncEvents = true                        // our handlers return at once
	s.StateEnabled = false
	s.Compress = false
	s.ShouldReconnectOnError = false
	s.ShouldRetryOnRateLimit = false
	s.MaxRestRetries = 0
	s.UserAgent = a.agent
	s.Identify.Intents = discordgo.IntentsNone // interactions come without
	s.Client = &http.Client{Transport: a.redirect(ctx), Timeout: callTimeout, CheckRedirect: a.client.CheckRedirect}
	s.Dialer = &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: openTime,
		NetDialContext: func(dial context.Context, network, addr string) (net.Conn, error) {
			// dial has the handshake's deadline, ctx our end.
			dial, cancel := context.WithCancel(dial)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			return w.dial(dial, network, addr)
		},
	}
	s.AddHandler(func(_ *discordgo.Session, i *discordgo.InteractionCreate) {
		if i.Interaction != nil {
			take(i.Interaction)
		}
	})
	s.AddHandler(func(*discordgo.Session, *discordgo.Disconnect) {
		select {
		case down <- struct{}{}:
		default:
		}
	})
	return s
}

// redirect sends discordgo's requests where the adapter's go. Of its requests
// there is one, for the gateway's address.
func (a *Adapter) redirect(ctx context.Context) http.RoundTripper {
	next := a.client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		u, err := url.Parse(a.base + req.URL.Path)
		if err != nil {
			return nil, err
		}
		req = req.Clone(ctx)
		req.URL, req.Host = u, ""
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		// discordgo would sleep for a rate limit, deaf to ctx.
		for k := range resp.Header {
			if strings.HasPrefix(k, "X-Ratelimit-") {
				resp.Header.Del(k)
			}
		}
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, 1<<16), resp.Body}
		return resp, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A wire is the connection below a gateway session. discordgo opens sessions
// without a context or a deadline; cutting the wire ends that.
type wire struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *wire) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return conn, nil
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close() // the connection is being given up
	}
}

// open connects s, within openTime or until ctx is done.
func open(ctx context.Context, s *discordgo.Session, w *wire) error {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	stop := context.AfterFunc(ctx, w.cut)
	err := s.Open()
	if !stop() && err == nil {
		err = ctx.Err() // cut in the moment it stood: discordgo will notice
	}
	if errors.Is(err, discordgo.ErrWSAlreadyOpen) {
		return nil
	}
	return err
}

// close says good-bye to Discord. discordgo waits for one second in it, which
// Serve does not.
func (a *Adapter) close(s *discordgo.Session) {
	a.closing.Go(func() { _ = s.Close() })
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
