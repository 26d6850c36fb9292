package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
	"github.com/pullquote/pullquote/store"
)

// apply makes what the desk says hold: for the ledger, the poller and so the
// dispatcher. It goes on until nothing was decided meanwhile, here or at another
// replica: whoever comes last has the newest.
func (b *Bot) apply(ctx context.Context) error {
	b.applying.Lock()
	defer b.applying.Unlock()
	for {
		changed := b.desk.Changed()
		sources, subs := b.desk.Effective()
		if err := b.store.Sync(ctx, sources, subs); err != nil {
			return fmt.Errorf("sync sources: %w", err)
		}
		b.arrange(sources, subs)
		if _, err := b.desk.Reload(ctx); err != nil {
			return err
		}
		select {
		case <-changed:
		default:
			return nil
		}
	}
}

// arrange makes it hold for the poller and the dispatcher.
func (b *Bot) arrange(sources []news.Source, subs []store.Subscription) {
	if err := b.poller.follow(sources); err != nil {
		b.log.Error("schedule not understood", "error", err) // unreachable: they were checked
	}
	b.dispatcher.arrange(subs)
	b.dispatcher.wake()
}

// partsOf returns a snapshot's entries as the finder of quotes takes them.
func partsOf(snap news.Snapshot) []quote.Part {
	parts := make([]quote.Part, len(snap.Entries))
	for i := range snap.Entries {
		parts[i] = quote.Part{Headline: snap.Entries[i].Headline, Body: snap.Entries[i].Body}
	}
	return parts
}

// deskCommands is everything that needs a desk.
func deskCommands() []decision {
	var all []decision
	for _, rows := range [][]decision{decisions(), wishes(), alertCommands(), traces()} {
		all = append(all, rows...)
	}
	return all
}

// decide answers a command of the desk, or a button or menu under one of its
// answers. ok is false when cmd is none.
func (b *Bot) decide(ctx context.Context, cmd chat.Command) (reply chat.Reply, ok bool, err error) {
	if b.desk == nil {
		return reply, false, nil
	}
	if cmd.Kind == chat.Press {
		return b.pressed(ctx, cmd)
	}
	for _, d := range deskCommands() {
		if d.Name != strings.ToLower(cmd.Name) {
			continue
		}
		if d.Admin && !cmd.Admin {
			return notAllowed, true, nil
		}
		r := requestOf(d.CommandSpec, cmd)
		if !b.mayName(ctx, r) {
			return say("That is no channel of this server, or I cannot see it."), true, nil
		}
		reply, err := d.answer(b, ctx, r)
		return reply, true, err
	}
	return reply, false, nil
}

var notAllowed = chat.Reply{Text: "Only people who may manage this server or workspace can do that."}

// pressed answers a button or a menu. Who may is asked again: a button may be
// older than a permission.
func (b *Bot) pressed(ctx context.Context, cmd chat.Command) (reply chat.Reply, ok bool, err error) {
	verb, rest, _ := strings.Cut(cmd.Action, ".")
	r := request{Command: cmd, args: make(map[string]string)}
	admin := func(f func(*Bot, context.Context, request, string) (chat.Reply, error)) (chat.Reply, bool, error) {
		if !cmd.Admin {
			return notAllowed, true, nil
		}
		reply, err := f(b, ctx, r, rest)
		return reply, true, err
	}
	switch verb {
	case "follow":
		return admin((*Bot).confirmFollow)
	case "pull":
		return admin((*Bot).confirmPull)
	case "undigest":
		rest = cmd.Picked
		return admin((*Bot).endDigest)
	case "value":
		return admin((*Bot).pickedValue)
	case "pick":
		return admin((*Bot).picked)
	case "alert":
		if rest == "" {
			rest = cmd.Picked
		}
		reply, err := b.stopAlert(ctx, r, rest)
		return reply, true, err
	case "cancel":
		return chat.Reply{Text: "Nothing was changed.", Replace: true}, true, nil
	}
	return reply, false, nil
}

// picked goes on with a command for which a source was chosen.
func (b *Bot) picked(ctx context.Context, r request, rest string) (chat.Reply, error) {
	name, channel, _ := strings.Cut(rest, ".")
	for _, d := range deskCommands() {
		if d.Name == name {
			r.args["source"], r.args["channel"] = r.Picked, channel
			return d.answer(b, ctx, r)
		}
	}
	return say(errButton.Error()), nil
}
