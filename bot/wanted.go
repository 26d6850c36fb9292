package bot

import (
	"context"
	"errors"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// unwanted returns why a channel does not want an entry that has no message in
// it, "" if it does. What may stand there after all is looked for first.
func (p *porter) unwanted(w store.Work) string {
	if p.desk == nil || w.Delivery.Kind != store.Card || !w.Delivery.Tried.IsZero() {
		return ""
	}
	if v := p.desk.Judge(p.lane.Channel, &w.Entry); !v.Wanted {
		return v.Why
	}
	return ""
}

// quietNow reports whether an entry that was begun must wait all the same: its
// channel's quiet hours have begun, or it came while others were folded.
func (p *porter) quietNow(w store.Work) bool {
	if p.desk == nil || w.Delivery.Kind != store.Card || w.Receipt != nil || !w.Delivery.Tried.IsZero() ||
		w.Entry.Withdrawn || p.unwanted(w) != "" {
		return false
	}
	_, held := p.desk.Held(p.lane.Channel, &w.Entry, w.Delivery.Breaking, time.Now())
	return held
}

// hush folds what waits in a channel that wants to be left alone into the one
// roll-up that comes when its quiet hours are over.
func (p *porter) hush(ctx context.Context, now time.Time) error {
	if p.desk == nil || !p.desk.Filtered(p.lane.Channel) || p.desk.Room(p.lane.Channel).Quiet == "" {
		return nil
	}
	waiting, err := p.store.Waiting(ctx, p.lane, maxWaiting)
	if err != nil {
		return err
	}
	held := make(map[news.SourceID][]store.DeliveryID) // by thread; "" for the channel
	var until time.Time
	for _, w := range waiting {
		e, err := p.store.Entry(ctx, w.Entry)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		end, ok := p.desk.Held(p.lane.Channel, &e, w.Breaking, now)
		if !ok || !p.desk.Judge(p.lane.Channel, &e).Wanted {
			continue
		}
		until = end
		var source news.SourceID
		if p.threaded(w.Entry.Source) {
			source = w.Entry.Source
		}
		held[source] = append(held[source], w.ID)
	}
	for source, ids := range held {
		err := p.store.Fold(ctx, p.lane, ids, store.Fold{
			Source: source, Earlier: true, Within: until.Sub(now) + 24*time.Hour, Until: until,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wantedOf leaves out what its channel does not want: that needs no room.
func (p *porter) wantedOf(ctx context.Context, waiting []store.Waiting) ([]store.Waiting, error) {
	if p.desk == nil || !p.desk.Filtered(p.lane.Channel) {
		return waiting, nil
	}
	var kept []store.Waiting
	for _, w := range waiting {
		e, err := p.store.Entry(ctx, w.Entry)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.desk.Judge(p.lane.Channel, &e).Wanted {
			kept = append(kept, w)
		}
	}
	return kept, nil
}

// addressed adds to the post of an entry who is told aloud of it, and for an
// alert the button that ends it.
func (p *porter) addressed(w store.Work, post chat.Post) chat.Post {
	if p.desk == nil || w.Delivery.Kind != store.Card || w.Receipt != nil {
		return post
	}
	post.Mentions = p.desk.Mentions(p.lane.Channel, &w.Entry)
	if id := p.desk.AlertFor(p.lane.Channel, &w.Entry); id != "" {
		post.Buttons = []chat.Button{{Label: "Stop this alert", Action: "alert." + id}}
	}
	return post
}
