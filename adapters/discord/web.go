package discord

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
)

// Bounds of the requests by which interactions come.
const (
	maxInteraction = 1 << 20         // bytes
	webAge         = 5 * time.Minute // an older one, or one from the future, is none
	webAsk         = 2 * time.Second // for learning whether another replica has seen it
	webAnswer      = 2900 * time.Millisecond
	maxSeen        = 1 << 16 // that are remembered by a bot that runs alone
)

// A web takes interactions as requests of Discord's
// (https://discord.com/developers/docs/interactions/overview#configuring-an-interactions-endpoint-url).
type web struct {
	a   *Adapter
	key ed25519.PublicKey

	mu   sync.Mutex
	take func(*discordgo.Interaction, firstAnswer) bool // nil while Serve does not run
	seen map[string]time.Time                           // requests, until when they are remembered
}

// newWeb returns nil for no key.
func newWeb(key string) (*web, error) {
	if key == "" {
		return nil, nil
	}
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, errors.New("discord: the application's public key is 64 hexadecimal digits")
	}
	return &web{key: b, seen: map[string]time.Time{}}, nil
}

// Handler takes Discord's requests to the interactions endpoint, nil without
// Options.PublicKey. Each is checked against the application's key, must be new,
// and is answered by Serve.
func (a *Adapter) Handler() http.Handler {
	if a.web == nil {
		return nil
	}
	return a.web
}

// serve has interactions taken until ctx is done.
func (w *web) serve(ctx context.Context, take func(*discordgo.Interaction, firstAnswer) bool) {
	w.mu.Lock()
	w.take = take
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.take = nil
	w.mu.Unlock()
}

// ServeHTTP implements [http.Handler].
func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		out.Header().Set("Allow", http.MethodPost)
		http.Error(out, "interactions are posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxInteraction))
	if err != nil {
		http.Error(out, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	stamp, signature := r.Header.Get("X-Signature-Timestamp"), r.Header.Get("X-Signature-Ed25519")
	if !w.signed(stamp, signature, body) || !fresh(stamp, time.Now()) {
		http.Error(out, "invalid request signature", http.StatusUnauthorized) // Discord tries now and then whether we look
		return
	}
	i := new(discordgo.Interaction)
	if err := json.Unmarshal(body, i); err != nil {
		http.Error(out, "this is no interaction", http.StatusBadRequest)
		return
	}
	if i.Type == discordgo.InteractionPing {
		reply(out, response{Type: int(discordgo.InteractionResponsePong)})
		return
	}
	w.answer(out, r, i, stamp+strings.ToLower(signature))
}

// signed reports whether the application's key has signed a request.
func (w *web) signed(stamp, signature string, body []byte) bool {
	sig, err := hex.DecodeString(signature)
	return err == nil && len(sig) == ed25519.SignatureSize && len(stamp) <= 20 &&
		ed25519.Verify(w.key, append([]byte(stamp), body...), sig)
}

// fresh reports whether a stamp, in seconds since 1970, is of these minutes.
func fresh(stamp string, now time.Time) bool {
	n, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && now.Sub(time.Unix(n, 0)).Abs() <= webAge
}

// answer has an interaction that was not seen before answered, and brings the
// first answer as the response.
func (w *web) answer(out http.ResponseWriter, r *http.Request, i *discordgo.Interaction, request string) {
	ask, cancel := context.WithTimeout(r.Context(), webAsk)
	first, err := w.first(ask, request)
	cancel()
	if err != nil {
		w.a.log.Warn("a command is not carried out: another replica may have done it", "error", err)
		http.Error(out, "not now", http.StatusServiceUnavailable)
		return
	}
	if !first {
		http.Error(out, "seen before", http.StatusConflict)
		return
	}
	w.mu.Lock()
	take := w.take
	w.mu.Unlock()
	answers := make(chan response) // received as long as the response can be written
	done := make(chan struct{})
	defer close(done)
	bring := func(a response) bool {
		select {
		case answers <- a:
			return true
		case <-done:
			return false
		}
	}
	if take == nil || !take(i, bring) {
		http.Error(out, "not now", http.StatusServiceUnavailable)
		return
	}
	t := time.NewTimer(webAnswer)
	defer t.Stop()
	select {
	case a := <-answers:
		reply(out, a)
	case <-t.C:
		http.Error(out, "no answer in time", http.StatusGatewayTimeout)
	case <-r.Context().Done():
	}
}

func reply(out http.ResponseWriter, a response) {
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(a) // Discord has gone if it cannot be written
}

// first reports whether neither this nor another replica has seen a request.
func (w *web) first(ctx context.Context, request string) (bool, error) {
	sum := sha256.Sum256([]byte(request))
	key := hex.EncodeToString(sum[:16])
	if w.a.peers != nil {
		return w.a.peers.Once(ctx, "discord/web/"+key, 2*webAge)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.seen[key].After(now) {
		return false, nil
	}
	if len(w.seen) >= maxSeen {
		for k, until := range w.seen {
			if !until.After(now) {
				delete(w.seen, k)
			}
		}
	}
	if len(w.seen) >= maxSeen {
		return false, errors.New("too many requests")
	}
	w.seen[key] = now.Add(2 * webAge)
	return true, nil
}
