package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

const (
	minRetry   = 2 * time.Second
	maxRetryOf = 5 * time.Minute // of a send that failed: the news should not wait longer once the fault is over

	// What a platform asks to wait is believed within these bounds. Less would
	// spin, and more than the longest documented limits is a fault of theirs.
	minPause = 50 * time.Millisecond
	maxPause = 15 * time.Minute
	// alonePause is from when on an edit that must wait does so alone: limits of
	// that length hold for the message, not for the channel.
	alonePause = 5 * time.Second
)

// recovered turns a panic in an adapter into an error whose outcome is not
// known.
func recovered(log *slog.Logger, ch chat.Channel, err *error) {
	if p := recover(); p != nil {
		log.Error("adapter panicked", "channel", ch.String(), "panic", p, "stack", string(debug.Stack()))
		*err = &chat.SendError{Reason: chat.Unknown, Err: fmt.Errorf("panic in adapter: %v", p)}
	}
}

// trouble decides what follows from a failed send, edit or deletion. The rules:
//
//	rate limited   wait as told; it costs no attempt
//	transient      back off from 2 s to 5 min, for ever: news is not dropped
//	unknown        the same, but look for the message before sending again
//	gone           a message: do not post it again; a thread: nor anything that
//	               belongs into it; a channel: its lane waits and is tried again
//	               after 1 min, later every 30 min, and the operators are told
//	frozen         keep the receipt, edit no more; what is to be said is noted
//	unauthorized   pause the whole adapter until a probe passes
//	rejected       abandon, with the reason, and tell the operators
func (p *porter) trouble(ctx context.Context, w store.Work, rec store.Receipt, err error) (again bool, _ error) {
	id, standing := w.Delivery.ID, w.Receipt != nil
	if p.sending.Err() != nil {
		return false, p.store.Postpone(ctx, p.lane, id, store.Postponement{
			Until: time.Now(), Error: "stopped while sending", Free: true, Unknown: true})
	}
	var se *chat.SendError
	if !errors.As(err, &se) {
		se = &chat.SendError{Reason: chat.Unknown, Err: err}
	}
	p.observer.Refused(p.lane.Channel, se.Reason)
	p.sayTrouble(w, se)
	switch se.Reason {
	case chat.Rejected:
		return true, p.abandon(ctx, w, se)
	case chat.Gone, chat.Frozen:
		if standing && !se.Channel {
			return true, p.settle(ctx, w, leftAlone(w, rec, se.Reason))
		}
		if se.Thread && !standing {
			rec.Message, rec.Sent, rec.Gone, rec.ThreadGone = "", time.Time{}, true, true
			return true, p.settle(ctx, w, rec)
		}
		if err := p.notices.refuses(ctx, w, se); err != nil {
			return false, err
		}
	case chat.Unauthorized:
		p.result.refused = se
	case chat.RateLimited:
		if se.Global {
			p.result.global = pauseFor(se)
		}
	}
	put := putOff(w, se, time.Now())
	return put.Alone, p.store.Postpone(ctx, p.lane, id, put)
}

// leftAlone returns the receipt of a message that is not there any more or can
// be edited no more.
func leftAlone(w store.Work, rec store.Receipt, r chat.Reason) store.Receipt {
	rec.Gone, rec.Frozen = r == chat.Gone, r == chat.Frozen
	rec.Message, rec.Digest, rec.Edited = w.Receipt.Message, w.Receipt.Digest, w.Receipt.Edited
	return rec
}

// putOff says until when a failed delivery waits.
func putOff(w store.Work, se *chat.SendError, now time.Time) store.Postponement {
	put := store.Postponement{
		Error:   se.Error(),
		Until:   now.Add(retryDelay(w.Delivery.Attempts, minRetry, maxRetryOf)),
		Unknown: !w.Delivery.Tried.IsZero(), // a look that failed has settled nothing
	}
	switch se.Reason {
	case chat.RateLimited:
		pause := pauseFor(se)
		put.Free, put.Until = true, now.Add(pause)
		put.Alone = w.Receipt != nil && !se.Global && pause >= alonePause
		return put
	case chat.Unknown:
		put.Unknown = true
	case chat.Gone, chat.Frozen:
		put.Until = now.Add(retryDelay(w.Delivery.Attempts, minReprobe, maxReprobe))
	case chat.Unauthorized:
		put.Free = true
	}
	if se.RetryAfter > 0 {
		put.Until = latest(put.Until, now.Add(pauseFor(se)))
	}
	return put
}

// pauseFor returns how long to wait after a rate limit.
func pauseFor(se *chat.SendError) time.Duration {
	if se.RetryAfter <= 0 {
		return minRetry // it did not say, and attempts do not count
	}
	return min(max(se.RetryAfter, minPause), maxPause)
}

// abandon gives a delivery up. The operators are told first: a notice that is
// promised twice is one notice.
func (p *porter) abandon(ctx context.Context, w store.Work, reason error) error {
	if err := p.notices.abandoned(ctx, w, reason); err != nil {
		return err
	}
	return p.store.Abandon(ctx, p.lane, w.Delivery.ID, reason.Error())
}

// sayTrouble logs a failed delivery when its error differs from last time.
// Rate limits are the platform's ordinary pace.
func (p *porter) sayTrouble(w store.Work, se *chat.SendError) {
	if se.Error() == w.Delivery.LastError || se.Reason == chat.Unauthorized {
		return
	}
	level := slog.LevelWarn
	if se.Reason == chat.RateLimited {
		level = slog.LevelDebug
	}
	p.log.Log(context.Background(), level, "card not delivered", "channel", p.lane.Channel.String(), "kind", string(w.Delivery.Kind),
		"entry", w.Delivery.Entry.String(), "reason", se.Reason.String(), "error", se.Err.Error(),
		"attempt", w.Delivery.Attempts, "remedy", se.Remedy)
}
