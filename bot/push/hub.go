package push

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// hubTime is how long a hub may take to answer, and hubBody how much of what it
// says is read, to keep the connection.
const (
	hubTime = 30 * time.Second
	hubBody = 4 << 10
)

// ask asks the hub to begin, renew or end the subscription, and notes how that
// went. The hub asks back by itself, perhaps before it answers.
func (s *Server) ask(ctx context.Context, sub subscription) {
	mode := "subscribe"
	if sub.State == leaving {
		mode = "unsubscribe"
	}
	err := s.post(ctx, sub, mode)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.subs[sub.Token]
	if now == nil {
		return // unreachable: what is busy is not forgotten
	}
	now.busy = false
	switch {
	case ctx.Err() != nil: // a stop; asked again at the next start
		now.Next, now.changed = sub.Next, true
	case now.State != sub.State || now.Expires != sub.Expires: // the hub has asked back meanwhile, or it is left
	case err != nil:
		if now.fail(err.Error(), time.Now()) {
			s.log.Warn("hub not asked", "source", now.Source, "hub", hostOf(now.Hub), "mode", mode, "error", now.Problem, "next", now.Next.Round(time.Second))
		}
	default:
		now.await(time.Now())
	}
}

// await gives an accepted request time to be verified. Later ones wait longer.
func (sub *subscription) await(now time.Time) {
	sub.Failures++
	sub.changed = true
	if sub.State == denied {
		sub.State = asked
	}
	if sub.State == leaving && sub.Failures >= maxLeaves {
		sub.ended = true
	}
	sub.Next = now.Add(max(verifyWait+rand1(verifyWait/10), backOff(sub.Failures)))
}

// post sends the request. Its errors hold neither the callback nor a path.
func (s *Server) post(ctx context.Context, sub subscription, mode string) error {
	ctx, cancel := context.WithTimeout(ctx, hubTime)
	defer cancel()
	form := url.Values{
		"hub.mode": {mode}, "hub.topic": {sub.Topic}, "hub.callback": {sub.Callback},
	}
	if mode == "subscribe" {
		form.Set("hub.lease_seconds", strconv.Itoa(int(lease/time.Second)))
		form.Set("hub.secret", secretOf(sub.Secret))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Hub, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("the hub's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.o.Client(sub.Private).Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the address
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()        // read or not, it is of no use
	_, _ = io.CopyN(io.Discard, resp.Body, hubBody) // only to keep the connection
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("the hub answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// secretOf returns the secret as hubs take it: text under 200 bytes.
func secretOf(secret []byte) string { return hex.EncodeToString(secret) }
