package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// pull asks whether an update is to be withdrawn everywhere, or, where it stands
// in channels of others too, in those of the asker's own server.
func (b *Bot) pull(ctx context.Context, r request) (chat.Reply, error) {
	e, reply, ok, err := b.subject(ctx, r)
	if err != nil || !ok {
		return reply, err
	}
	if e.Pulled {
		return say("It was pulled already."), nil
	}
	own, others, err := b.reach(ctx, r.Command, e.Ref)
	if err != nil {
		return chat.Reply{}, err
	}
	if others && len(own) == 0 {
		return say("That update stands in no channel of this server."), nil
	}
	id, err := b.ask(ctx, question{Entry: e.Ref, User: r.User})
	if err != nil {
		return chat.Reply{}, err
	}
	reply = chat.Reply{
		Title:   "Pull this update from every channel?",
		Text:    titleOf(&e),
		Note:    "Its cards everywhere will say that it was pulled, without its words. It does not come back when the source changes it.",
		Buttons: []chat.Button{{Label: "Pull it", Action: "pull." + id, Danger: true}, {Label: "Cancel", Action: "cancel"}},
	}
	if others {
		reply.Title = "Pull this update from the channels of this server?"
		reply.Note = fmt.Sprintf("Its cards in %s here will say that it was pulled, without its words. Others that show it are not the business of this server.",
			plural(len(own), "channel", false))
	}
	return reply, nil
}

// reach returns the channels for which a command's asker may withdraw an entry,
// and whether there are others for which not.
func (b *Bot) reach(ctx context.Context, cmd chat.Command, e news.Ref) (own []chat.Channel, others bool, err error) {
	if b.athome(cmd) {
		return nil, false, nil
	}
	return b.told(ctx, cmd, e)
}

// confirmPull withdraws an entry by the desk's own decision.
func (b *Bot) confirmPull(ctx context.Context, r request, id string) (chat.Reply, error) {
	f, ok, err := b.confirmed(ctx, id, r.User)
	if err != nil {
		return chat.Reply{}, err
	}
	if !ok || f.Entry == (news.Ref{}) {
		return say("That was a while ago: please ask again."), nil
	}
	own, others, err := b.reach(ctx, r.Command, f.Entry)
	if err != nil {
		return chat.Reply{}, err
	}
	if others {
		return b.recall(ctx, r, f.Entry, own)
	}
	if err := b.pullEntry(ctx, f.Entry); err != nil {
		return chat.Reply{}, err
	}
	if err := b.desk.Note(ctx, r.actor(), "pull", f.Entry.String()); err != nil {
		return chat.Reply{}, err
	}
	return chat.Reply{Text: "It is being pulled from every channel. /audit says who did it.", Replace: true}, nil
}

// recall withdraws an entry from some channels only.
func (b *Bot) recall(ctx context.Context, r request, e news.Ref, channels []chat.Channel) (chat.Reply, error) {
	if len(channels) == 0 {
		return say("That update stands in no channel of this server."), nil
	}
	err := b.desk.Recall(ctx, r.actor(), e, channels)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	for _, ch := range channels {
		if err := b.store.Promise(ctx, ch, store.Promise{Kind: store.Card, Entry: e}); err != nil {
			return chat.Reply{}, err
		}
	}
	b.dispatcher.wake()
	return chat.Reply{Text: "It is being pulled from the channels of this server. /audit says who did it.", Replace: true}, nil
}

// pullEntry records that an entry is withdrawn by the desk. It waits for a
// reading of its source that is under way.
func (b *Bot) pullEntry(ctx context.Context, ref news.Ref) error {
	l, err := b.claim(ctx, ref.Source)
	if err != nil {
		return fmt.Errorf("claim %s: %w", ref.Source, err)
	}
	rest := store.Rest{Cursor: l.Cursor, Next: l.Due, Problem: l.Problem}
	e, err := b.store.Entry(ctx, ref)
	if err != nil || e.Pulled {
		return errors.Join(err, b.store.Rest(ctx, l, rest))
	}
	e = news.Retract(e, time.Now().UTC())
	e.Pulled = true
	_, err = b.store.Record(ctx, l, store.Poll{
		Title: l.Title, Format: l.Cursor.Format, Ended: l.Ended, Cursor: l.Cursor, Next: l.Due,
		Changes: []news.Change{{Kind: news.Retracted, Entry: e}},
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", ref, err)
	}
	b.dispatcher.wake()
	return nil
}

// claim claims a source, waiting for whoever has it.
func (b *Bot) claim(ctx context.Context, id news.SourceID) (store.Lease, error) {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		l, err := b.store.Claim(ctx, id, pollLease)
		if !errors.Is(err, store.ErrBusy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return store.Lease{}, ctx.Err()
		case <-t.C:
		}
	}
}
