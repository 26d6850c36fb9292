package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A decision is a command that changes what is followed, or shows it.
type decision struct {
	chat.CommandSpec
	example string
	answer  func(b *Bot, ctx context.Context, r request) (chat.Reply, error)
}

var (
	sourceOption  = chat.OptionSpec{Name: "source", Summary: "Which source, by name or part of it", Suggest: true}
	channelOption = chat.OptionSpec{Name: "channel", Summary: "Which channel; this one if left out", Kind: chat.ChannelOption}
)

// decisions returns the table of what admins, and for alerts everybody, decide
// in chat.
func decisions() []decision {
	onOff := func(name, summary, example string, f func(*Bot, context.Context, request) (chat.Reply, error)) decision {
		return decision{chat.CommandSpec{Name: name, Summary: summary, Admin: true,
			Options: []chat.OptionSpec{sourceOption, channelOption}}, example, f}
	}
	return []decision{
		{chat.CommandSpec{Name: "follow", Summary: "Follow a live page or feed: shows what is found before it starts", Admin: true, Slow: true,
			Options: []chat.OptionSpec{
				{Name: "url", Summary: "The address of the page or feed"}, channelOption,
			}}, "/follow https://news.example/live", (*Bot).follow},
		onOff("unfollow", "Stop following a source", "/unfollow harbour", (*Bot).unfollow),
		onOff("pause", "Stop posting a source until /resume; nothing is forgotten", "/pause harbour", (*Bot).pause),
		onOff("resume", "Post a paused source again, from now on", "/resume harbour", (*Bot).resume),
		{chat.CommandSpec{Name: "move", Summary: "Post a source in another channel from now on", Admin: true,
			Options: []chat.OptionSpec{sourceOption, {Name: "channel", Summary: "The new channel", Kind: chat.ChannelOption}}},
			"/move harbour #town", (*Bot).move},
		onOff("test", "Post a test message, to see that it arrives", "/test", (*Bot).test),
		onOff("preview", "Show yourself how a source's newest card looks", "/preview harbour", (*Bot).preview),
	}
}

// defaultFollow is how a source is read that chat adds.
const (
	followEvery   = "@every 30s"
	followSlowest = 2 * time.Minute
)

// follow reads the address and shows what is there, with a button to confirm.
func (b *Bot) follow(ctx context.Context, r request) (chat.Reply, error) {
	address, problem := followAddress(r.args["url"])
	if problem != "" {
		return say(problem), nil
	}
	ch := r.channel()
	src := news.Source{URL: address, Schedule: followEvery, Slowest: followSlowest}
	src.Name = hostOf(address)
	snap, err := b.poller.fetcher.Fetch(ctx, src, news.Cursor{})
	if err == nil && snap.Discovery {
		err = errDiscovery
	}
	if err != nil {
		return say("That page cannot be followed: " + sentence(err.Error())), nil
	}
	if snap.Title != "" {
		src.Name = cut(strings.Join(strings.Fields(snap.Title), " "), 80)
	}
	src.ID = slug(src.Name)
	id, err := b.ask(ctx, question{Source: src, Channel: ch, User: r.User})
	if err != nil {
		return chat.Reply{}, err
	}
	reply := chat.Reply{
		Title: "Follow " + src.Name + "?",
		Text:  found(snap, time.Now()),
		Buttons: []chat.Button{
			{Label: "Follow", Action: "follow." + id},
			{Label: "Cancel", Action: "cancel"},
		},
	}
	if len(snap.Entries) > 0 {
		e := newest(snap)
		e.Quotes = quotesOf(snap, partsOf(snap), []int{indexOf(snap, e.Entry)})[0]
		reply.Items = []chat.Card{CardOf(src, e)}
		reply.Note = "This is how its newest update looks. Only what comes from now on will be posted."
	}
	return reply, nil
}

// confirmFollow starts what follow showed.
func (b *Bot) confirmFollow(ctx context.Context, r request, id string) (chat.Reply, error) {
	f, ok, err := b.confirmed(ctx, id, r.User)
	if err != nil {
		return chat.Reply{}, err
	}
	if !ok || f.Source.URL == "" {
		return say("That was a while ago: please ask again with /follow."), nil
	}
	got, err := b.desk.Follow(ctx, r.actor(), f.Source, desk.Want{Subscription: store.Subscription{Channel: f.Channel}})
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	if err := b.apply(ctx); err != nil {
		return chat.Reply{}, err
	}
	return chat.Reply{Text: fmt.Sprintf("%s is followed here now, as “%s”. /filter and /quiet say what of it and when; /unfollow ends it.", f.Source.Name, got), Replace: true}, nil
}

// found says what a reading brought.
func found(snap news.Snapshot, now time.Time) string {
	if len(snap.Entries) == 0 {
		return "There are no updates yet. They will be posted as they come."
	}
	text := fmt.Sprintf("Found %s", plural(len(snap.Entries), "update", false))
	if e := newest(snap); !e.Published.IsZero() {
		text += ", the newest " + ago(now.Sub(e.Published))
	}
	text += ", read as " + snap.Format + "."
	if snap.Ended {
		text += " The page says that its coverage has ended."
	}
	if snap.Successor != "" {
		text += " It names a page where it goes on: " + snap.Successor
	}
	return text
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return spoken(d) + " ago"
}

func newest(snap news.Snapshot) news.Entry {
	best := 0
	for i := range snap.Entries {
		if snap.Entries[i].Published.After(snap.Entries[best].Published) {
			best = i
		}
	}
	return snap.Entries[best]
}

func indexOf(snap news.Snapshot, id news.EntryID) int {
	for i := range snap.Entries {
		if snap.Entries[i].Entry == id {
			return i
		}
	}
	return 0
}

// followAddress checks an address that a chat user gave. What it leads to is
// checked when it is dialled.
func followAddress(text string) (address, problem string) {
	text = strings.Trim(text, "<>")
	text, _, _ = strings.Cut(text, "|") // Slack's <https://…|label>
	if text == "" {
		return "", "Which page? Write /follow and its address."
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "", "That is no address. Copy it from your browser."
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "Only http and https addresses can be followed."
	case u.User != nil:
		return "", "An address with a user name or password in it is not followed: it would be seen by everybody."
	case u.Port() != "" && u.Port() != "80" && u.Port() != "443":
		return "", "Only pages on the usual ports can be followed from chat."
	case !strings.Contains(u.Hostname(), "."):
		return "", "That is no public address."
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), ""
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.TrimPrefix(u.Hostname(), "www.")
}

// slug makes a source's ID of its name: at most 40 lower-case letters, digits
// and hyphens.
func slug(name string) news.SourceID {
	var sb strings.Builder
	for _, r := range strings.ToLower(name) {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			sb.WriteRune(r)
		} else if sb.Len() > 0 && !strings.HasSuffix(sb.String(), "-") {
			sb.WriteByte('-')
		}
		if sb.Len() == 40 {
			break
		}
	}
	if s := strings.Trim(sb.String(), "-"); s != "" {
		return news.SourceID(s)
	}
	return "page"
}

// unfollow ends the following of a source.
func (b *Bot) unfollow(ctx context.Context, r request) (chat.Reply, error) {
	return b.onSource(ctx, r, "unfollow", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Unfollow(ctx, r.actor(), id, r.channel())
		return name + " is not followed here any more. What was posted stays.", err
	})
}

func (b *Bot) pause(ctx context.Context, r request) (chat.Reply, error) {
	return b.onSource(ctx, r, "pause", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Pause(ctx, r.actor(), id, r.channel(), false)
		return name + " is paused here. /resume posts it again, from then on; corrections of what stands still arrive.", err
	})
}

func (b *Bot) resume(ctx context.Context, r request) (chat.Reply, error) {
	return b.onSource(ctx, r, "resume", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Pause(ctx, r.actor(), id, r.channel(), true)
		return name + " is posted here again.", err
	})
}

func (b *Bot) move(ctx context.Context, r request) (chat.Reply, error) {
	if r.channel() == r.Channel {
		return say("Where to? Name the new channel."), nil
	}
	to := r.channel()
	delete(r.args, "channel") // the source is looked for here
	return b.onSource(ctx, r, "move", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Move(ctx, r.actor(), id, r.Channel, to)
		return name + " is posted in the other channel from now on. What was posted here stays, and is kept right.", err
	})
}

// onSource finds the source a request names among those its channel follows,
// does f to it, and makes it hold. Where none is named it offers them.
func (b *Bot) onSource(ctx context.Context, r request, command string, f func(id news.SourceID, name string) (string, error)) (chat.Reply, error) {
	w, reply, ok, err := b.wanted(ctx, r, command)
	if err != nil || !ok {
		return reply, err
	}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	text, err := f(w.Source, names.source(w.Source).Name)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	return say(text), b.apply(ctx)
}

// wanted returns what the request's channel wants of the source it names.
func (b *Bot) wanted(ctx context.Context, r request, command string) (w desk.Want, reply chat.Reply, ok bool, err error) {
	wants := b.desk.Wants(r.channel())
	if len(wants) == 0 {
		return w, say("Nothing is followed in this channel. /follow begins."), false, nil
	}
	names, err := b.names(ctx)
	if err != nil {
		return w, reply, false, err
	}
	var found []desk.Want
	words := strings.ToLower(r.args["source"])
	for _, w := range wants {
		id, name := strings.ToLower(string(w.Source)), strings.ToLower(names.source(w.Source).Name)
		if words != "" && (words == id || words == name) {
			return w, reply, true, nil
		}
		if holdsAll(id+" "+name, words) {
			found = append(found, w)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], reply, true, nil
	case len(found) == 0:
		found = wants
		reply.Text = fmt.Sprintf("No source called “%s” is followed here.", cut(r.args["source"], maxWords))
	}
	menu := chat.Menu{Label: "Which source?", Action: pickAction(command, r)}
	for _, w := range found[:min(len(found), maxChoices)] {
		menu.Choices = append(menu.Choices, chat.Choice{Label: cut(names.source(w.Source).Name, 100), Value: string(w.Source)})
	}
	if menu.Action != "" {
		reply.Menus = []chat.Menu{menu}
	}
	if reply.Text == "" {
		reply.Text = "Which one?"
	}
	return w, reply, false, nil
}

// pickAction carries a command over the choice of a source. It is "" where a
// choice cannot: the rest of the command would be lost.
func pickAction(command string, r request) string {
	for name, v := range r.args {
		if v != "" && name != "source" && name != "channel" {
			return ""
		}
	}
	a := "pick." + command + "." + r.args["channel"]
	if len(a) > maxAction {
		return ""
	}
	return a
}

// test posts a line through the ledger and the adapter, as a card would go.
func (b *Bot) test(ctx context.Context, r request) (chat.Reply, error) {
	ch := r.channel()
	err := b.store.Promise(ctx, ch, store.Promise{
		Kind: store.Notice, Number: uint64(time.Now().UnixNano()),
		Text: "This is a test: Pullquote can post here.",
	})
	if err != nil {
		return chat.Reply{}, err
	}
	b.dispatcher.wake()
	return say("A test message is on its way. If it does not come, /status says why."), b.desk.Note(ctx, r.actor(), "test", ch.String())
}

// preview shows the newest card of a source to the one who asks.
func (b *Bot) preview(ctx context.Context, r request) (chat.Reply, error) {
	w, reply, ok, err := b.wanted(ctx, r, "preview")
	if err != nil || !ok {
		return reply, err
	}
	entries, _, err := b.store.Latest(ctx, store.Query{Sources: []news.SourceID{w.Source}, Limit: 1})
	if err != nil {
		return chat.Reply{}, err
	}
	if len(entries) == 0 {
		return say("It has no updates yet."), nil
	}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	v := b.desk.Judge(r.channel(), &entries[0])
	note := "It would be posted here."
	if !v.Wanted {
		note = "It would not be posted here: " + v.Why + "."
	}
	return chat.Reply{Items: []chat.Card{CardOf(names.source(w.Source), entries[0])}, Note: note}, nil
}

// say is a reply of a line.
func say(text string) chat.Reply { return chat.Reply{Text: text} }

// sentence makes an error's text end as a sentence does.
func sentence(s string) string { return strings.TrimRight(s, ".") + "." }

// refusal turns what a user can do something about into a reply.
func refusal(err error) (chat.Reply, bool) {
	for _, known := range []error{desk.ErrFile, desk.ErrNone, desk.ErrTaken, desk.ErrLimit, desk.ErrFilter, desk.ErrBusy} {
		if errors.Is(err, known) {
			return say(upper(sentence(err.Error()))), true
		}
	}
	return chat.Reply{}, false
}

// upper begins a sentence.
func upper(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}
