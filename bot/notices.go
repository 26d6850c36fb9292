package bot

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// notices tells the operators, in the channels they named, what stands in the
// way of delivery: once when it begins and once when it is over. The number of
// a notice follows from what it is about, so that one that is promised again
// after a crash is the same message. Nothing is said about a channel in itself,
// nor into an adapter whose token is refused.
type notices struct {
	store    store.Store
	channels []chat.Channel
	wake     func()

	mu      sync.Mutex            // guards everything below
	refused map[chat.Channel]bool // channels that refuse
	mute    map[string]string     // adapters whose token is refused, and since when
	said    []time.Time           // in the last minute
	more    int                   // that were not said since
	moreKey string
}

const (
	maxNotices    = 10   // a minute
	maxNoticeText = 1000 // bytes, what the ledger takes
)

func newNotices(s store.Store, channels []chat.Channel, wake func()) *notices {
	return &notices{
		store: s, channels: channels, wake: wake,
		refused: make(map[chat.Channel]bool), mute: make(map[string]string),
	}
}

// refuses tells that a channel takes no messages, unless that is known. It is
// known after a restart too: the delivery says how its last attempt ended.
func (n *notices) refuses(ctx context.Context, w store.Work, se *chat.SendError) error {
	ch := w.Delivery.Channel
	n.mu.Lock()
	known := n.refused[ch] || wasRefused(w)
	n.refused[ch] = true
	n.mu.Unlock()
	if known {
		return nil
	}
	return n.say(ctx, ch, fmt.Sprintf("refuses %s %d", ch, w.Delivery.ID),
		sentences(fmt.Sprintf("%s refuses messages: %v", ch, se.Err), se.Remedy, "Nothing is lost; what waits is sent when the channel takes it."))
}

// takes tells that a channel that refused has taken a message.
func (n *notices) takes(ctx context.Context, w store.Work) error {
	ch := w.Delivery.Channel
	n.mu.Lock()
	known := n.refused[ch] || wasRefused(w)
	delete(n.refused, ch)
	n.mu.Unlock()
	if !known {
		return nil
	}
	return n.say(ctx, ch, fmt.Sprintf("takes %s %d", ch, w.Delivery.ID), fmt.Sprintf("%s takes messages again.", ch))
}

func wasRefused(w store.Work) bool {
	return strings.HasPrefix(w.Delivery.LastError, chat.Gone.String()+":")
}

// abandoned tells that a delivery was given up.
func (n *notices) abandoned(ctx context.Context, w store.Work, reason error) error {
	d := w.Delivery
	if d.Kind == store.Notice {
		return nil
	}
	text, remedy := reason.Error(), ""
	if se, ok := errors.AsType[*chat.SendError](reason); ok {
		remedy = se.Remedy
	}
	return n.say(ctx, d.Channel, fmt.Sprintf("abandoned %s %d", d.Channel, d.ID),
		sentences(fmt.Sprintf("A message for %s was given up (%s): %s", d.Channel, d.Entry, text), remedy, "“pullquote outbox” lists it."))
}

// paused tells that the token of an adapter is refused.
func (n *notices) paused(ctx context.Context, adapter string, se *chat.SendError) error {
	since := time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339) // a bot that is started again and again says it once
	n.mu.Lock()
	n.mute[adapter] = since
	n.mu.Unlock()
	return n.say(ctx, chat.Channel{Adapter: adapter}, fmt.Sprintf("paused %s %s", adapter, since),
		sentences(fmt.Sprintf("%s is paused, its token is not accepted: %v", adapter, se.Err), se.Remedy, "Nothing is lost; it resumes by itself."))
}

// resumed tells that an adapter works again.
func (n *notices) resumed(ctx context.Context, adapter string) error {
	n.mu.Lock()
	since := n.mute[adapter]
	delete(n.mute, adapter)
	n.mu.Unlock()
	return n.say(ctx, chat.Channel{Adapter: adapter}, fmt.Sprintf("resumed %s %s", adapter, since), adapter+" works again.")
}

// sentences joins texts, each ending as a sentence does.
func sentences(texts ...string) string {
	var sb strings.Builder
	for _, t := range texts {
		if t == "" {
			continue
		}
		if sb.Len() > 0 {
			sb.WriteByte(' ')
		}
		sb.WriteString(t)
		if !strings.HasSuffix(t, ".") {
			sb.WriteByte('.')
		}
	}
	return sb.String()
}

// say promises a line to every operators' channel but the one it is about. The
// error, if any, is the ledger's.
func (n *notices) say(ctx context.Context, about chat.Channel, key, text string) error {
	if len(n.channels) == 0 {
		return nil
	}
	key, text = n.limited(key, text, time.Now())
	p := store.Promise{Kind: store.Notice, Number: number(key), Text: cutBytes(chat.Clean(text), maxNoticeText)}
	for _, ch := range n.channels {
		if ch == about || n.muted(ch.Adapter) {
			continue
		}
		if err := n.store.Promise(ctx, ch, p); fatal(err) {
			return fmt.Errorf("promise notice to %s: %w", ch, err)
		}
	}
	n.wake()
	return nil
}

// tell says something that is about no channel.
func (d *dispatcher) tell(ctx context.Context, key, text string) error {
	return d.notices.say(ctx, chat.Channel{}, key, text)
}

func (n *notices) muted(adapter string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, muted := n.mute[adapter]
	return muted
}

// limited counts what is said: above maxNotices a minute it becomes one line
// that says how many more there are.
func (n *notices) limited(key, text string, now time.Time) (string, string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.said) > 0 && now.Sub(n.said[0]) >= time.Minute {
		n.said = n.said[1:]
	}
	if len(n.said) < maxNotices {
		n.said = append(n.said, now)
		n.more = 0
		return key, text
	}
	if n.more == 0 {
		n.moreKey = "more " + now.UTC().Format(time.RFC3339Nano)
	}
	n.more++
	return n.moreKey, fmt.Sprintf("And %d more of the kind; the log has them all.", n.more)
}

// number makes a number of what a notice is about.
func number(key string) uint64 {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:])
}

// cutBytes cuts a text to at most so many bytes, between signs.
func cutBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const dots = "…"
	return s[:wholeSigns(s, lastRune(s, most-len(dots)))] + dots
}

// lastRune returns the last place at or before at where a rune begins.
func lastRune(s string, at int) int {
	for at > 0 && s[at]&0xC0 == 0x80 {
		at--
	}
	return at
}
