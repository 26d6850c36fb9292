package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A bot in several servers keeps them apart: what one follows from chat the
// others do not see, and who manages one decides for its own channels. What the
// configuration file follows everybody may see. The servers of the operator
// ([Options.Home]) see and decide for all.

// actorOf returns who asks.
func actorOf(cmd chat.Command) desk.Actor {
	return desk.Actor{Adapter: cmd.Adapter, Tenant: cmd.Tenant, User: cmd.User, Channel: cmd.Channel}
}

// athome reports whether a command comes from one of the operator's own.
func (b *Bot) athome(cmd chat.Command) bool {
	return b.home == nil || b.home(cmd.Adapter, cmd.Tenant)
}

// hides reports whether there are sources that a command's asker may not see.
func (b *Bot) hides(cmd chat.Command) bool {
	return b.desk != nil && !b.athome(cmd) && b.desk.Hidden(actorOf(cmd))
}

// visible returns the followed sources that the asker may see.
func (b *Bot) visible(ctx context.Context, cmd chat.Command) ([]store.SourceStatus, error) {
	all, err := b.store.Sources(ctx)
	if err != nil || !b.hides(cmd) {
		return all, err
	}
	var list []store.SourceStatus
	for _, s := range all {
		if b.desk.Visible(actorOf(cmd), s.Source.ID) {
			list = append(list, s)
		}
	}
	return list, nil
}

// scope limits a query that names no source to what the asker may see. ok is
// false if that is nothing.
func (b *Bot) scope(ctx context.Context, cmd chat.Command, src *store.SourceStatus) (sources []news.SourceID, ok bool, err error) {
	if src != nil {
		return []news.SourceID{src.Source.ID}, true, nil
	}
	if !b.hides(cmd) {
		return nil, true, nil
	}
	list, err := b.visible(ctx, cmd)
	for _, s := range list {
		sources = append(sources, s.Source.ID)
	}
	return sources, len(sources) > 0, err
}

// speakers returns whom the sources that the asker may see quoted lately, whose
// names hold what was typed.
func (b *Bot) speakers(ctx context.Context, cmd chat.Command, typed string, limit int) ([]string, error) {
	if !b.hides(cmd) {
		return b.store.Speakers(ctx, typed, limit)
	}
	const last = 100
	sources, ok, err := b.scope(ctx, cmd, nil)
	if err != nil || !ok {
		return nil, err
	}
	hits, _, err := b.store.Quotes(ctx, store.Query{Sources: sources, AsOf: time.Now().Add(time.Minute), Limit: last})
	var names []string
	seen := map[string]bool{"": true}
	for _, h := range hits {
		name := h.Quote.Speaker
		if !seen[name] && holdsAll(strings.ToLower(name), strings.ToLower(typed)) && len(names) < limit {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names, err
}

// A landlord is an adapter that knows whose channels are whose. The channels of
// one that does not are all of the same tenant.
type landlord interface {
	TenantOf(ctx context.Context, ch chat.Channel) (string, error)
}

// owns reports whether a channel belongs to the server or workspace that a
// command comes from. What cannot be found out does not.
func (b *Bot) owns(ctx context.Context, cmd chat.Command, ch chat.Channel) bool {
	if ch == cmd.Channel || ch == cmd.Private {
		return true
	}
	if ch.Adapter != cmd.Adapter {
		return false
	}
	if tenant, ok := b.desk.TenantOf(ch); ok {
		return tenant == cmd.Tenant
	}
	for _, a := range b.adapters {
		if a.Name() != ch.Adapter {
			continue
		}
		l, ok := a.(landlord)
		if !ok {
			return true
		}
		tenant, err := l.TenantOf(ctx, ch)
		return err == nil && tenant == cmd.Tenant
	}
	return false
}

// mayName reports whether a request is about a channel of its own server or
// workspace.
func (b *Bot) mayName(ctx context.Context, r request) bool {
	if r.args["channel"] == "" {
		return true
	}
	ch := r.channel()
	return ch == r.Channel || !strings.HasPrefix(ch.ID, "@") && b.owns(ctx, r.Command, ch)
}

// maxAsked bounds how many channels are looked up to learn whose they are.
const maxAsked = 200

// told returns the channels in which an entry stands or may come to stand: those
// of the asker's own server or workspace, and whether there are others.
func (b *Bot) told(ctx context.Context, cmd chat.Command, e news.Ref) (own []chat.Channel, others bool, err error) {
	all, err := b.toldAnywhere(ctx, e)
	if err != nil {
		return nil, false, err
	}
	for i, ch := range all {
		if i < maxAsked && b.owns(ctx, cmd, ch) {
			own = append(own, ch)
		} else {
			others = true
		}
	}
	return own, others, nil
}

func (b *Bot) toldAnywhere(ctx context.Context, e news.Ref) (list []chat.Channel, err error) {
	seen := make(map[chat.Channel]bool)
	add := func(ch chat.Channel) {
		if !seen[ch] {
			seen[ch] = true
			list = append(list, ch)
		}
	}
	receipts, err := b.store.Receipts(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		add(r.Channel)
	}
	pending, _, err := b.store.Promised(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, d := range pending {
		add(d.Channel)
	}
	_, subs := b.desk.Effective()
	for _, s := range subs {
		if s.Source == e.Source || s.Source == "" {
			add(s.Channel)
		}
	}
	return list, nil
}

// limits shows how much of its limits a server or workspace uses.
func (b *Bot) limits(_ context.Context, r request) (chat.Reply, error) {
	u := b.desk.Usage(r.actor(), r.Private)
	return chat.Reply{Title: "Limits", Text: fmt.Sprintf(
		"Sources followed from chat: %d of %d\nDigests: %d of %d\nYour alerts: %d of %d\nQuestions to me: %d at once, then one every %s",
		u.Sources, desk.MaxSources, u.Digests, desk.MaxDigests, u.Alerts, desk.MaxAlerts, askBurst, spokenSeconds(askEvery))}, nil
}

func spokenSeconds(d time.Duration) string {
	return plural(int(d/time.Second), "second", false)
}

// masked returns an entry as a channel shows it whose server or workspace has
// withdrawn it for itself.
func masked(d *desk.Desk, ch chat.Channel, e news.Entry) news.Entry {
	if d != nil && d.Recalled(ch, e.Ref) {
		e.Withdrawn, e.Pulled = true, true
	}
	return e
}
