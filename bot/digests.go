package bot

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
)

// digest lists, adds or removes a channel's digests.
func (b *Bot) digest(ctx context.Context, r request) (chat.Reply, error) {
	if r.Options == nil && r.Kind == chat.Invoke { // free words: "add daily 08:00 Europe/London source:harbour to:me"
		rest, named := cutNamed(r.Text, "do", "source", "to", "channel", "when")
		r.args = map[string]string{"do": named["do"], "source": named["source"], "to": named["to"], "channel": named["channel"]}
		if r.args["do"] == "" {
			r.args["do"], rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
		}
		r.args["when"] = strings.TrimSpace(named["when"] + " " + rest)
	}
	switch r.args["do"] {
	case "", "list":
		return b.listDigests(r), nil
	case "add":
		return b.addDigest(ctx, r)
	case "remove":
		return b.dropDigest(ctx, r)
	}
	return say("Say /digest list, add or remove."), nil
}

// digestsOf returns the digests that are posted in a channel or were asked for
// there.
func (b *Bot) digestsOf(ch chat.Channel) (list []desk.Digest) {
	for _, g := range b.desk.Digests() {
		if g.Channel == ch || g.Home == ch {
			list = append(list, g)
		}
	}
	return list
}

// digestLine tells a digest in a line.
func digestLine(g desk.Digest) string {
	line := DigestTimes(g.Spec)
	if len(g.Sources) > 0 {
		var names []string
		for _, id := range g.Sources {
			names = append(names, string(id))
		}
		line += " of " + strings.Join(names, ", ")
	}
	switch {
	case strings.HasPrefix(g.Channel.ID, "@"):
		line += ", as a direct message"
	case g.Thread:
		line += ", in the page's thread"
	case g.Channel != g.Home:
		line += ", in another channel"
	}
	return line
}

func (b *Bot) listDigests(r request) chat.Reply {
	var sb strings.Builder
	for _, g := range b.digestsOf(r.channel()) {
		id := g.ID
		if g.File {
			id = "(file)"
		}
		fmt.Fprintf(&sb, "%s  %s\n", id, digestLine(g))
	}
	if sb.Len() == 0 {
		return say("There are no digests here. For example: /digest add daily 08:00 Europe/London")
	}
	return chat.Reply{Title: "Digests of this channel", Text: strings.TrimSuffix(sb.String(), "\n"), Note: "/digest remove and an ID ends one."}
}

func (b *Bot) addDigest(ctx context.Context, r request) (chat.Reply, error) {
	spec, err := DigestSpec(b.zoned(r, r.args["when"]))
	if err != nil {
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
	}
	g := desk.Digest{Channel: r.channel(), Home: r.channel(), Spec: spec}
	var problem string
	if g.Sources, problem, err = b.chosen(ctx, r); err != nil || problem != "" {
		return say(problem), err
	}
	if len(g.Sources) == 0 && len(b.desk.Wants(g.Home)) == 0 {
		return say("Nothing is followed in that channel. Name the sources: /digest add daily 08:00 Europe/London source:harbour"), nil
	}
	if problem := place(&g, r); problem != "" {
		return say(problem), nil
	}
	g, err = b.desk.AddDigest(ctx, r.actor(), g)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	return say(fmt.Sprintf("A digest comes %s. Its ID is %s. When nothing happened, nothing is said.", digestLine(g), g.ID)), err
}

// place puts a digest where it is to be posted.
func place(g *desk.Digest, r request) (problem string) {
	switch strings.ToLower(r.args["to"]) {
	case "", "channel":
	case "me":
		if r.Private == (chat.Channel{}) {
			return "This place has no direct messages."
		}
		g.Channel = r.Private
	case "thread":
		if len(g.Sources) != 1 {
			return "A thread is that of one page: name one source, as in source:harbour."
		}
		g.Thread = true
	default:
		return "A digest goes to: channel, thread or me."
	}
	return ""
}

// maxDigestSources bounds how many sources one digest names.
const maxDigestSources = 20

// chosen reads the names of sources with commas between them.
func (b *Bot) chosen(ctx context.Context, r request) (ids []news.SourceID, problem string, err error) {
	if strings.TrimSpace(r.args["source"]) == "" {
		return nil, "", nil
	}
	statuses, err := b.visible(ctx, r.Command)
	if err != nil {
		return nil, "", err
	}
	for name := range strings.SplitSeq(r.args["source"], ",") {
		name = strings.TrimSpace(name)
		found := match(statuses, name)
		if len(found) != 1 {
			return nil, fmt.Sprintf("Which source is “%s”? There are: %s.", cut(name, maxWords), sourceNames(statuses)), nil
		}
		if ids = append(ids, found[0].Source.ID); len(ids) > maxDigestSources {
			return nil, fmt.Sprintf("A digest is of at most %d sources.", maxDigestSources), nil
		}
	}
	return ids, "", nil
}

// dropDigest ends a digest; without its ID it offers those there are.
func (b *Bot) dropDigest(ctx context.Context, r request) (chat.Reply, error) {
	if r.args["when"] == "" {
		menu := chat.Menu{Label: "Which digest?", Action: "undigest"}
		for _, g := range b.digestsOf(r.channel()) {
			if !g.File && len(menu.Choices) < maxChoices {
				menu.Choices = append(menu.Choices, chat.Choice{Label: cut(digestLine(g), 100), Value: g.ID})
			}
		}
		if len(menu.Choices) == 0 {
			return say("There are no digests here that chat can remove."), nil
		}
		return chat.Reply{Text: "Which digest is to end?", Menus: []chat.Menu{menu}}, nil
	}
	return b.endDigest(ctx, r, r.args["when"])
}

func (b *Bot) endDigest(ctx context.Context, r request, id string) (chat.Reply, error) {
	err := b.desk.DropDigest(ctx, r.actor(), r.channel(), cut(id, maxWords))
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	return say("That digest is gone."), err
}

var digestTimeForm = regexp.MustCompile(`^(?i)(daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:[-,](?:mon|tue|wed|thu|fri|sat|sun))*) +([01]?\d|2[0-3]):([0-5]\d) +(\S+)$`)

// DigestSpec reads "daily 08:00 Europe/London" or "mon-fri 17:30 Europe/London"
// as a robfig/cron expression. A digest of chosen days covers the days since the
// last. The error is for users.
func DigestSpec(when string) (spec string, err error) {
	m := digestTimeForm.FindStringSubmatch(strings.TrimSpace(when))
	if m == nil {
		return "", errors.New("say when as in daily 08:00 Europe/London, or mon-fri 17:30 Europe/London")
	}
	if err := checkZone(m[4]); err != nil {
		return "", err
	}
	days := strings.ToLower(m[1])
	if days == "daily" {
		days = "*"
	}
	spec = fmt.Sprintf("CRON_TZ=%s %s %s * * %s", m[4], m[3], m[2], days)
	return spec, CheckSchedule(spec)
}

// DigestTimes writes an expression of DigestSpec as it was said.
func DigestTimes(spec string) string {
	zone, fields, _ := strings.Cut(strings.TrimPrefix(spec, "CRON_TZ="), " ")
	f := strings.Fields(fields)
	if len(f) != 5 {
		return spec
	}
	if f[4] == "*" {
		f[4] = "daily"
	}
	return fmt.Sprintf("%s %02s:%02s %s", f[4], f[1], f[0], zone)
}
