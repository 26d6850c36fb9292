package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"github.com/pullquote/pullquote/bot/chat"
)

// The gateway is spoken here and not through discordgo: its session cannot be
// handed one to resume, so that every start would cost one of the day's
// identifies, and it can be neither stopped nor made to give up while it
// connects. What goes over the wire is small
// (https://discord.com/developers/docs/events/gateway).

// fatal are the close codes after which reconnecting is of no use
// (https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway).
var fatal = map[int]struct {
	reason chat.Reason
	remedy string
}{
	4004: {chat.Unauthorized, remedyToken},
	4010: {chat.Rejected, remedyOurs},
	4012: {chat.Rejected, "Discord has retired this version of its gateway: update Pullquote."},
	4013: {chat.Rejected, remedyOurs},
	4014: {chat.Rejected, remedyOurs},
}

const remedyOurs = "This is a mistake of Pullquote's own: please report it. Cards go on without commands."

// Opcodes of the gateway.
const (
	opDispatch       = 0
	opHeartbeat      = 1
	opIdentify       = 2
	opResume         = 6
	opReconnect      = 7
	opInvalidSession = 9
	opHello          = 10
	opAck            = 11
)

const (
	identifyGap = 5250 * time.Millisecond // between identifies of a bucket: Discord allows one in 5 s, and the way there varies
	maxFrame    = 4 << 20                 // bytes; an interaction with its messages stays far below
	saveTime    = 2 * time.Second         // for saving the session at the end
	staleAfter  = 3 * time.Second         // Discord drops an interaction unanswered for so long
	// resumable closes a connection so that the session may be resumed; 1000 and
	// 1001 would end it.
	resumable = 4000
)

// A session is what the gateway needs to go on where it was. It is kept as
// JSON: fields may be added and not changed.
type session struct {
	ID  string `json:"id,omitempty"` // "" = there is none
	Seq int64  `json:"seq,omitempty"`
	URL string `json:"url,omitempty"` // where to resume; "" = the usual address
}

// A gateway keeps connections for one Serve. Only the goroutine that reads
// changes the session; the one that sends heartbeats reads seq and acked.
type gateway struct {
	a       *Adapter
	shard   shard
	starts  *starts
	held    *held // nil if the bot runs alone
	take    func(*discordgo.Interaction)
	session session
	saved   session
	waits   bool // it was said that the day's identifies are used up

	seq   atomic.Int64
	acked atomic.Bool
}

// errDown is the end of a connection that a new one is to follow.
var errDown = errors.New("connection lost")

// listen keeps a gateway connection and hands interactions to take. It returns
// nil when ctx is done, and otherwise what makes going on useless.
func (g *gateway) listen(ctx context.Context) error {
	a := g.a
	g.recall(ctx)
	defer func() {
		save, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
		defer cancel()
		g.save(save)
	}()
	retry, failed := a.retry, 0
	for {
		begun := time.Now()
		up, err := g.connect(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // being stopped is no error
		}
		if e := g.hopeless(err); e != nil {
			return e
		}
		switch {
		case up && time.Since(begun) > steady:
			retry, failed = a.retry, 0
		case up:
			failed = 0
		default:
			if failed++; failed == 1 {
				a.log.Warn("gateway not reached", "error", a.redact(gatewayError(err)))
			}
			g.session.URL = "" // perhaps the address is what is wrong
		}
		a.log.Debug("gateway connection lost", "error", a.redact(gatewayError(err)))
		g.save(ctx)
		if !sleep(ctx, retry/2+rand.N(retry/2)) {
			return nil
		}
		retry = min(2*retry, maxRetry)
	}
}

// hopeless returns the error that ends Serve, nil if a new connection may help.
func (g *gateway) hopeless(err error) error {
	if more := (*reshard)(nil); errors.As(err, &more) {
		return more
	}
	if chat.ReasonOf(err) == chat.Unauthorized {
		return err
	}
	ce := (*websocket.CloseError)(nil)
	if !errors.As(err, &ce) {
		return nil
	}
	switch ce.Code {
	case 4011:
		g.session = session{}
		return &reshard{g.shard.of + 1}
	case 4003, 4007, 4009: // not authenticated, invalid sequence, session timed out
		g.session = session{}
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

// gatewayError returns the text of an error without the address it may hold.
func gatewayError(err error) string {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	if err == nil {
		return ""
	}
	return clip(inline(err.Error()), 300)
}

// address returns where to connect. A new session costs one of the day's
// identifies, of which some are left for a human in need.
func (g *gateway) address(ctx context.Context) (string, error) {
	if g.session.ID != "" && g.session.URL != "" {
		return g.session.URL, nil
	}
	info, err := g.a.advice(ctx)
	if err != nil {
		return "", err
	}
	g.starts.allow(info.Limit.Concurrency)
	if g.a.shards == 0 && info.Shards > g.shard.of {
		return "", &reshard{info.Shards}
	}
	if l := info.Limit; g.session.ID == "" && l.Total > 0 && l.Remaining <= l.Total/20 {
		return "", g.exhausted(ctx, l.Remaining, time.Duration(l.Reset)*time.Millisecond)
	}
	return info.URL, nil
}

// An advice is what Discord says of how to connect
// (https://discord.com/developers/docs/events/gateway#get-gateway-bot).
type advice struct {
	URL    string `json:"url"`
	Shards int    `json:"shards"`
	Limit  struct {
		Total       int   `json:"total"`
		Remaining   int   `json:"remaining"`
		Reset       int64 `json:"reset_after"` // milliseconds
		Concurrency int   `json:"max_concurrency"`
	} `json:"session_start_limit"`
}

func (a *Adapter) advice(ctx context.Context) (info advice, err error) {
	err = a.call(ctx, request{what: "ask for the gateway", method: "GET", path: "/gateway/bot", route: route{name: "GET /gateway/bot"}, out: &info})
	if err == nil && !a.gatewayURL(info.URL) {
		err = fail(chat.Transient, "ask for the gateway", errors.New("the answer holds no websocket address"))
	}
	return info, err
}

// exhausted waits until there are identifies again, an hour at most: then it
// is worth asking anew.
func (g *gateway) exhausted(ctx context.Context, remaining int, reset time.Duration) error {
	reset = min(max(reset, g.a.retry), time.Hour)
	if !g.waits {
		g.waits = true
		g.a.log.Error("commands wait: Discord allows few more new sessions today", "remaining", remaining, "wait", reset,
			"remedy", "look why the program starts so often; cards are not affected")
	}
	sleep(ctx, reset)
	return errDown
}

// gatewayURL reports whether s is an address to connect to: encrypted, unless
// the API itself is not.
func (a *Adapter) gatewayURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "wss" || u.Scheme == "ws" && strings.HasPrefix(a.base, "http:")
}

// connect opens a connection and runs it to its end. up reports whether a
// session stood.
func (g *gateway) connect(ctx context.Context) (up bool, err error) {
	open, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	address, err := g.address(ctx)
	if err != nil {
		return false, err
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: openTime}
	header := http.Header{"User-Agent": {g.a.agent}}
	ws, resp, err := dialer.DialContext(open, strings.TrimSuffix(address, "/")+"/?v=10&encoding=json", header)
	if resp != nil {
		_ = resp.Body.Close() // gorilla has read what there is
	}
	if err != nil {
		return false, err
	}
	c := &connection{ws: ws}
	defer c.end(resumable)
	defer context.AfterFunc(ctx, func() { c.end(g.farewell()) })()
	return g.run(ctx, c)
}

// farewell is the code to close with when the program ends: without a place
// to keep the session nobody will resume it.
func (g *gateway) farewell() int {
	if g.a.keep == nil && g.held == nil {
		return websocket.CloseNormalClosure
	}
	return resumable
}

// A connection is one websocket.
type connection struct {
	ws *websocket.Conn
	mu sync.Mutex // guards writing
}

func (c *connection) send(op int, data any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.ws.SetWriteDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	return c.ws.WriteJSON(map[string]any{"op": op, "d": data})
}

// end says good-bye and closes. What is said last may be lost.
func (c *connection) end(code int) {
	_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(drainTime/4))
	_ = c.ws.Close()
}

// A frame is what comes over the gateway.
type frame struct {
	Op   int             `json:"op"`
	Seq  int64           `json:"s"`
	Type string          `json:"t"`
	Data json.RawMessage `json:"d"`
}

// run speaks the protocol until the connection ends. The heartbeats end with
// it.
func (g *gateway) run(ctx context.Context, c *connection) (up bool, err error) {
	c.ws.SetReadLimit(maxFrame)
	_ = c.ws.SetReadDeadline(time.Now().Add(openTime)) // a dead connection shows when it is read
	interval, err := hello(c)
	if err != nil {
		return false, err
	}
	replay := g.session.ID != ""
	if err := g.introduce(ctx, c); err != nil {
		return false, err
	}
	var beats sync.WaitGroup
	beating, stop := context.WithCancel(ctx)
	defer beats.Wait()
	defer stop()
	g.acked.Store(true)
	beats.Go(func() { g.beat(beating, c, interval) })
	for {
		var f frame
		_ = c.ws.SetReadDeadline(time.Now().Add(2*interval + openTime))
		if err := c.ws.ReadJSON(&f); err != nil {
			return up, err
		}
		if f.Seq > 0 {
			g.session.Seq = f.Seq
			g.seq.Store(f.Seq)
		}
		switch f.Op {
		case opDispatch:
			if f.Type == "READY" || f.Type == "RESUMED" {
				up, replay = true, false
				g.begun(ctx, f)
			}
			g.dispatch(f, replay)
		case opHeartbeat:
			if err := c.send(opHeartbeat, g.seqOrNil()); err != nil {
				return up, err
			}
		case opAck:
			g.acked.Store(true)
		case opReconnect:
			return up, errDown
		case opInvalidSession:
			g.invalid(ctx, f.Data)
			return up, errDown
		}
	}
}

// hello reads the first frame, which says how often to send heartbeats.
func hello(c *connection) (time.Duration, error) {
	var f frame
	if err := c.ws.ReadJSON(&f); err != nil {
		return 0, err
	}
	var h struct {
		Interval int64 `json:"heartbeat_interval"` // milliseconds
	}
	if err := json.Unmarshal(f.Data, &h); err != nil || f.Op != opHello || h.Interval <= 0 {
		return 0, errors.New("the gateway does not say hello")
	}
	return min(max(time.Duration(h.Interval)*time.Millisecond, 10*time.Millisecond), 10*time.Minute), nil
}

// introduce resumes the session there is, or asks for a new one.
func (g *gateway) introduce(ctx context.Context, c *connection) error {
	token := g.a.secret()
	if g.session.ID != "" {
		g.seq.Store(g.session.Seq)
		return c.send(opResume, map[string]any{"token": token, "session_id": g.session.ID, "seq": g.session.Seq})
	}
	if err := g.starts.turn(ctx, g.shard.k); err != nil {
		return err
	}
	g.seq.Store(0)
	who := map[string]any{
		"token": token, "intents": 0, // interactions come without
		"properties": map[string]string{"os": "linux", "browser": "pullquote", "device": "pullquote"},
	}
	if g.shard.of > 1 {
		who["shard"] = [2]int{g.shard.k, g.shard.of}
	}
	return c.send(opIdentify, who)
}

// begun takes in that a session stands.
func (g *gateway) begun(ctx context.Context, f frame) {
	g.waits = false
	if f.Type == "READY" {
		var r struct {
			Session string `json:"session_id"`
			URL     string `json:"resume_gateway_url"`
		}
		_ = json.Unmarshal(f.Data, &r) // without a session the next connection asks for one
		g.session.ID, g.session.URL = r.Session, ""
		if g.a.gatewayURL(r.URL) {
			g.session.URL = r.URL
		}
	}
	g.a.log.Debug("gateway connected", "resumed", f.Type == "RESUMED", "shard", g.shard.String())
	g.save(ctx)
}

// invalid takes in that the session cannot go on, or not yet, and waits as
// Discord asks: for one to five seconds.
func (g *gateway) invalid(ctx context.Context, data json.RawMessage) {
	again := false
	_ = json.Unmarshal(data, &again) // false if it says nothing
	if !again {
		g.session = session{}
	}
	sleep(ctx, g.a.retry+rand.N(4*g.a.retry))
}

// dispatch hands an interaction on. One that is repeated on resume and too old
// to be answered is not carried out: its user has been told that it failed.
func (g *gateway) dispatch(f frame, replay bool) {
	if f.Type != "INTERACTION_CREATE" {
		return
	}
	i := new(discordgo.Interaction)
	if err := json.Unmarshal(f.Data, i); err != nil {
		g.a.log.Warn("an interaction cannot be read", "error", clip(inline(err.Error()), 200))
		return
	}
	if replay && isSnowflake(i.ID) && snowflakeTime(i.ID).Add(staleAfter).Before(time.Now()) {
		g.a.log.Info("a command from before the connection was lost is too old to answer")
		return
	}
	g.take(i)
}

// beat sends heartbeats until ctx is done. One that is not answered before the
// next means that nobody is there any more.
func (g *gateway) beat(ctx context.Context, c *connection, interval time.Duration) {
	wait := rand.N(interval) // so that not all bots beat at once after a fall
	for sleep(ctx, wait) {
		wait = interval
		if !g.acked.Swap(false) {
			g.a.log.Debug("gateway does not answer heartbeats")
			c.end(resumable)
			return
		}
		if c.send(opHeartbeat, g.seqOrNil()) != nil {
			return // reading shows it too
		}
	}
}

func (g *gateway) seqOrNil() any {
	if n := g.seq.Load(); n > 0 {
		return n
	}
	return nil
}

// A Keeper keeps small values beyond the program's end.
type Keeper interface {
	Keep(ctx context.Context, key string, value []byte) error
	// Kept returns what Keep saved, or an error if there is nothing.
	Kept(ctx context.Context, key string) ([]byte, error)
}

func (g *gateway) key() string {
	if g.shard.of > 1 {
		return "discord/" + g.a.name + "/session/" + g.shard.String()
	}
	return "discord/" + g.a.name + "/session"
}

// recall takes up the session of the program's last run, or of the replica that
// had the shard before.
func (g *gateway) recall(ctx context.Context) {
	var b []byte
	switch {
	case g.held != nil:
		b = g.held.value()
	case g.a.keep != nil:
		b, _ = g.a.keep.Kept(ctx, g.key()) // nothing at the first run, most likely; it costs a new session
	}
	var s session
	if json.Unmarshal(b, &s) != nil || s.ID == "" {
		return
	}
	if !g.a.gatewayURL(s.URL) {
		s.URL = ""
	}
	g.session, g.saved = s, s
}

// save keeps the session, unless it is kept already.
func (g *gateway) save(ctx context.Context) {
	if g.a.keep == nil && g.held == nil || g.session == g.saved {
		return
	}
	b, err := json.Marshal(g.session)
	switch {
	case err != nil:
	case g.held != nil:
		g.held.leave(b)
	default:
		err = g.a.keep.Keep(ctx, g.key(), b)
	}
	if err != nil {
		g.a.log.Warn("gateway session not kept: the next start costs a new one", "error", err)
		return
	}
	g.saved = g.session
}

// sleep waits for d, not at all if it is negative, and reports whether ctx is
// still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
