package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// traces returns the rows of the table that say what became of something.
func traces() []decision {
	link := chat.OptionSpec{Name: "link", Summary: "The address of an update, or of a message of this bot"}
	return []decision{
		{chat.CommandSpec{Name: "sources", Summary: "What is followed here, and how it is doing"}, "/sources", (*Bot).listSources},
		{chat.CommandSpec{Name: "why", Summary: "Why an update was posted here, or was not", Options: []chat.OptionSpec{link},
			Message: true, Label: "Why this card?"}, "/why https://news.example/live#e17", (*Bot).why},
		{chat.CommandSpec{Name: "pull", Summary: "Withdraw an update from every channel at once", Admin: true, Options: []chat.OptionSpec{link},
			Message: true, Label: "Pull from all channels"}, "/pull https://news.example/live#e17", (*Bot).pull},
		{chat.CommandSpec{Name: "limits", Summary: "How much of this bot's limits is used here"}, "/limits", (*Bot).limits},
		{chat.CommandSpec{Name: "audit", Summary: "Who changed what lately", Admin: true}, "/audit", (*Bot).audit},
	}
}

// listSources lists what the channel follows.
func (b *Bot) listSources(ctx context.Context, r request) (chat.Reply, error) {
	statuses, err := b.visible(ctx, r.Command)
	if err != nil {
		return chat.Reply{}, err
	}
	here := make(map[news.SourceID]string)
	for _, w := range b.desk.Wants(r.Channel) {
		note := ""
		if w.Filter != "" {
			note = " – only " + w.Filter
		}
		if w.Paused {
			note = " – paused"
		}
		here[w.Source] = note
	}
	var mine, others []string
	for _, s := range statuses {
		line := s.Source.Name + " (" + string(s.Source.ID) + ") – " + health(s, time.Now())
		if note, ok := here[s.Source.ID]; ok {
			mine = append(mine, "• "+line+note)
		} else {
			others = append(others, s.Source.Name)
		}
	}
	if len(mine) == 0 {
		reply := say("Nothing is followed in this channel.")
		if len(others) > 0 {
			reply.Text += " Elsewhere: " + someOf(others) + "; /latest answers from all of them."
		}
		return reply, nil
	}
	reply := chat.Reply{Title: "Followed in this channel", Text: strings.Join(mine, "\n")}
	if len(others) > 0 {
		reply.Note = "Elsewhere: " + someOf(others)
	}
	return reply, nil
}

func someOf(names []string) string {
	const most = 12
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}

// health says how a source is doing, in a few words.
func health(s store.SourceStatus, now time.Time) string {
	switch {
	case s.LastRead.IsZero() && s.Problem == "":
		return "not read yet"
	case s.Problem != "":
		return "cannot be read now"
	case s.Ended:
		return "ended"
	case s.Newest.IsZero():
		return "no updates yet"
	}
	return "newest " + ago(now.Sub(s.Newest))
}

// subject finds the entry that a request is about.
func (b *Bot) subject(ctx context.Context, r request) (e news.Entry, reply chat.Reply, ok bool, err error) {
	link := strings.Trim(r.args["link"], "<>")
	link, _, _ = strings.Cut(link, "|")
	if link == "" && r.Target == "" {
		return e, say("Which update? Give its link, or use the menu of the message."), false, nil
	}
	refs, err := b.store.Find(ctx, link, r.Channel, r.Target)
	if err != nil {
		return e, reply, false, err
	}
	if b.hides(r.Command) {
		refs = slices.DeleteFunc(refs, func(ref news.Ref) bool { return !b.desk.Visible(r.actor(), ref.Source) })
	}
	switch len(refs) {
	case 0:
		return e, say("Nothing that this bot has seen has that link. It may be on a page that is not followed, or newer than the last reading; /sources says when that was."), false, nil
	case 1:
	default:
		return e, say(fmt.Sprintf("That stands for %s. Give the link of one of them.", plural(len(refs), "update", false))), false, nil
	}
	e, err = b.store.Entry(ctx, refs[0])
	e = masked(b.desk, r.Channel, e)
	if errors.Is(err, store.ErrNotFound) {
		return e, say("That update is no longer kept."), false, nil
	}
	return e, reply, err == nil, err
}

// why tells the story of an entry, as far as it concerns the channel.
func (b *Bot) why(ctx context.Context, r request) (chat.Reply, error) {
	e, reply, ok, err := b.subject(ctx, r)
	if err != nil || !ok {
		return reply, err
	}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	story, err := b.story(ctx, &e, r.Channel, b.athome(r.Command))
	if err != nil {
		return chat.Reply{}, err
	}
	return chat.Reply{
		Title: titleOf(&e),
		Text:  strings.Join(append([]string{"From " + names.source(e.Source).Name + " (" + string(e.Source) + ")"}, story...), "\n"),
	}, nil
}

// clock is how the story tells a time.
const clock = "2006-01-02 15:04:05 UTC"

// story tells what was seen, decided and sent of an entry, a line each.
func (b *Bot) story(ctx context.Context, e *news.Entry, ch chat.Channel, all bool) ([]string, error) {
	lines := Story(e)
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	v := b.desk.Judge(ch, e)
	switch {
	case !v.Wanted:
		add("Filter of this channel: not wanted, because it %s", v.Why)
	case v.Why != "":
		add("Filter of this channel: wanted, because it %s", v.Why)
	default:
		add("Filter of this channel: none")
	}
	if b.desk.Recalled(ch, e.Ref) {
		add("Pulled from the channels of this server")
	}
	sent, err := b.sent(ctx, e, ch, all)
	return append(lines, sent...), err
}

// Story tells when an entry was published and seen, how it was recognised and
// what changed last, a line each.
func Story(e *news.Entry) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if e.Published.IsZero() {
		add("Published: the source states no time")
	} else {
		add("Published: %s", e.Published.Format(clock))
	}
	first := "First seen: " + e.FirstSeen.UTC().Format(clock)
	if !e.Published.IsZero() {
		first += fmt.Sprintf(", %s after", span(e.FirstSeen.Sub(e.Published)))
	}
	add("%s", first)
	add("Recognised by: %s (%s)", identity(e.IDKind), cut(string(e.Entry), 60))
	if e.Revision > 1 {
		add("Revision %d, seen %s: %s", e.Revision, e.Changed.UTC().Format(clock), wordOf(e.Class))
	}
	return lines
}

func identity(k news.IDKind) string {
	switch k {
	case news.IDTime:
		return "its time and headline"
	case news.IDText:
		return "its words"
	}
	return "the source's own id"
}

func wordOf(c news.Class) string {
	switch c {
	case news.Cosmetic:
		return "nothing a reader would call a change"
	case news.Correction:
		return "a correction"
	case news.Withdrawal:
		return "withdrawn"
	case news.Reinstatement:
		return "standing again"
	}
	return "changed by its source"
}

// sent tells what became of an entry in a channel, and with all counts the
// others.
func (b *Bot) sent(ctx context.Context, e *news.Entry, ch chat.Channel, all bool) ([]string, error) {
	receipts, err := b.store.Receipts(ctx, e.Ref)
	if err != nil {
		return nil, err
	}
	pending, abandoned, err := b.store.Promised(ctx, e.Ref)
	if err != nil {
		return nil, err
	}
	var lines []string
	elsewhere := 0
	for _, rec := range receipts {
		if rec.Channel != ch {
			if rec.Message != "" {
				elsewhere++
			}
			continue
		}
		lines = append(lines, "Here: "+Fate(e, rec))
	}
	for _, d := range pending {
		if d.Channel == ch {
			lines = append(lines, "Here: waiting to be sent"+reasonOf(d))
		}
	}
	for _, d := range abandoned {
		if d.Channel == ch {
			lines = append(lines, "Here: given up"+reasonOf(d))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "Here: never promised. It was there before this channel followed the source, or came too late to be news")
	}
	if elsewhere > 0 && all {
		lines = append(lines, "Elsewhere: stands in "+plural(elsewhere, "other channel", false))
	}
	return lines, nil
}

func reasonOf(d store.Delivery) string {
	if d.LastError == "" {
		return ""
	}
	return fmt.Sprintf(" after %s: %s", plural(d.Attempts, "attempt", false), cut(d.LastError, 200))
}

// Fate says what a receipt says of an entry's card: "posted …", "not posted,
// because …".
func Fate(e *news.Entry, rec store.Receipt) string {
	switch {
	case rec.Folded > 0:
		return "told in a roll-up, because many came at once"
	case rec.Message == "" && rec.Why != "":
		return "not posted, because it " + rec.Why
	case rec.Message == "":
		return "not posted; it was withdrawn before anybody could see it"
	}
	line := fmt.Sprintf("posted %s, %s after it was first seen", rec.Sent.UTC().Format(clock), span(rec.Sent.Sub(e.FirstSeen)))
	if !rec.Edited.IsZero() {
		line += "; changed " + rec.Edited.UTC().Format(clock)
	}
	switch {
	case rec.Gone:
		line += "; a person deleted it"
	case rec.Frozen:
		line += "; the platform lets it be changed no more"
	case rec.Revision < e.Revision:
		line += "; a newer revision is on its way"
	}
	return line
}

// span says a time to the second, or finer below ten.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// audit lists who changed what.
func (b *Bot) audit(ctx context.Context, r request) (chat.Reply, error) {
	acts, err := b.desk.Audit(ctx, r.Adapter, r.Tenant, 20)
	if err != nil {
		return chat.Reply{}, err
	}
	if len(acts) == 0 {
		return say("Nobody has changed anything here yet."), nil
	}
	var sb strings.Builder
	for _, a := range acts {
		fmt.Fprintf(&sb, "%s  %s  %s  %s\n", a.At.Format(clock), a.User, a.What, cut(a.Detail, 120))
	}
	return chat.Reply{Title: "Who changed what", Text: strings.TrimSuffix(sb.String(), "\n"), Note: "Users are shown by the platform's IDs."}, nil
}
