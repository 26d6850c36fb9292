package bot

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
	"github.com/pullquote/pullquote/store"
)

// wishes returns the rows of the table that say what a channel wants of what
// it follows.
func wishes() []decision {
	source := sourceOption
	return []decision{
		{chat.CommandSpec{Name: "filter", Summary: "What of a source is posted here: show, set, clear or test a filter", Admin: true,
			Options: []chat.OptionSpec{
				{Name: "do", Summary: "What to do", Kind: chat.ChoiceOption, Choices: choices("show", "set", "clear", "test")},
				source,
				{Name: "filter", Summary: `For example: (bridge OR ferry) -sponsored speaker:"Mara Lindqvist" is:key has:quote`},
			}}, "/filter set harbour bridge -sponsored", (*Bot).filter},
		{chat.CommandSpec{Name: "quiet", Summary: "Hours in which nothing is posted here; afterwards comes one digest", Admin: true,
			Options: []chat.OptionSpec{
				{Name: "hours", Summary: "For example: 22:00-07:00 Europe/London, or off; shows them if left out"},
			}}, "/quiet mon-fri 22:00-07:00 Europe/London", (*Bot).quiet},
		{chat.CommandSpec{Name: "digest", Summary: "A summary at fixed times: list, add or remove one", Admin: true,
			Options: []chat.OptionSpec{
				{Name: "do", Summary: "What to do", Kind: chat.ChoiceOption, Choices: choices("list", "add", "remove")},
				{Name: "when", Summary: "For add: daily 08:00 Europe/London, or mon-fri 17:30 Europe/London; for remove: its ID"},
			}}, "/digest add daily 08:00 Europe/London", (*Bot).digest},
		{chat.CommandSpec{Name: "set", Summary: "How a source is posted here: style, silent, mention and more", Admin: true,
			Options: []chat.OptionSpec{
				source,
				{Name: "option", Summary: "Which setting", Kind: chat.ChoiceOption, Choices: choices(settingNames()...)},
				{Name: "value", Summary: "Its value: on or off; for style cards, thread or forum; for mention a role, then a filter"},
			}}, "/set harbour style thread", (*Bot).set},
	}
}

func choices(values ...string) []chat.Choice {
	var list []chat.Choice
	for _, v := range values {
		list = append(list, chat.Choice{Label: v, Value: v})
	}
	return list
}

// filter shows, sets, clears or tests what of a source a channel wants.
func (b *Bot) filter(ctx context.Context, r request) (chat.Reply, error) {
	do := r.args["do"]
	if !slices.Contains([]string{"", "show", "set", "clear", "test"}, do) {
		return say("Say /filter show, set, clear or test, then the source."), nil
	}
	w, reply, ok, err := b.wanted(ctx, r, "filter")
	if err != nil || !ok {
		return reply, err
	}
	text := r.args["filter"]
	switch do {
	case "set":
		if text == "" {
			return say("What is wanted? For example: /filter set " + string(w.Source) + " bridge -sponsored"), nil
		}
		return b.setFilter(ctx, r, w, text)
	case "clear":
		return b.setFilter(ctx, r, w, "")
	case "test":
		if text == "" {
			text = w.Filter
		}
		return b.testFilter(ctx, w, text)
	}
	if w.Filter == "" {
		return say("Everything of it is posted here. /filter set changes that."), nil
	}
	return say("Of it is posted here what fits: " + w.Filter), nil
}

func (b *Bot) setFilter(ctx context.Context, r request, w desk.Want, text string) (chat.Reply, error) {
	if _, err := rules.Parse(text); err != nil {
		return say(upper(sentence(err.Error()))), nil
	}
	err := b.desk.Set(ctx, r.actor(), w.Source, w.Channel, "filter "+text, func(w *desk.Want) { w.Filter = text })
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	if text == "" {
		return say("Everything of it is posted here from now on."), nil
	}
	w.Filter = text
	return b.testFilter(ctx, w, text)
}

// testFilter shows which of the last entries a filter wants.
func (b *Bot) testFilter(ctx context.Context, w desk.Want, text string) (chat.Reply, error) {
	const last, shown = 50, 15
	f, err := rules.Parse(text)
	if err != nil {
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
	}
	entries, _, err := b.store.Latest(ctx, store.Query{Sources: []news.SourceID{w.Source}, Limit: last})
	if err != nil {
		return chat.Reply{}, err
	}
	if len(entries) == 0 {
		return say("The filter can be read. It has no updates yet to try it on."), nil
	}
	var sb strings.Builder
	wanted := 0
	for i := range entries {
		e := &entries[i]
		v := f.Match(e)
		mark := "✗"
		if v.Wanted {
			mark = "✓"
			wanted++
		}
		if i < shown {
			fmt.Fprintf(&sb, "%s %s", mark, cut(titleOf(e), 70))
			if v.Why != "" {
				fmt.Fprintf(&sb, " (%s)", cut(v.Why, 120))
			}
			sb.WriteByte('\n')
		}
	}
	reply := chat.Reply{Title: fmt.Sprintf("%d of the last %s would be posted", wanted, plural(len(entries), "update", false)),
		Text: strings.TrimSuffix(sb.String(), "\n")}
	if len(entries) > shown {
		reply.Note = fmt.Sprintf("The newest %d are shown.", shown)
	}
	return reply, nil
}

// titleOf is an entry in a line.
func titleOf(e *news.Entry) string {
	if e.Headline != "" {
		return e.Headline
	}
	return strings.Join(strings.Fields(lead(e.Body, 100)), " ")
}

// quiet shows or sets the hours in which a channel is left alone.
func (b *Bot) quiet(ctx context.Context, r request) (chat.Reply, error) {
	hours := r.args["hours"]
	if hours == "" {
		room := b.desk.Room(r.Channel)
		if room.Quiet == "" {
			return say("This channel has no quiet hours. For example: /quiet 22:00-07:00 Europe/London"), nil
		}
		return say("Nothing is posted here at " + room.Quiet + ", breaking sources aside. /quiet off ends that."), nil
	}
	if strings.EqualFold(hours, "off") {
		hours = ""
	}
	err := b.desk.SetQuiet(ctx, r.actor(), r.Channel, hours, "")
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	if hours == "" {
		return say("This channel has no quiet hours any more."), nil
	}
	return say("Quiet here at " + hours + ". What comes then is kept and told in one digest afterwards; breaking sources still come through."), nil
}

// digest lists, adds or removes a channel's digests.
func (b *Bot) digest(ctx context.Context, r request) (chat.Reply, error) {
	switch r.args["do"] {
	case "", "list":
		return b.listDigests(r), nil
	case "add":
		return b.addDigest(ctx, r)
	case "remove":
		err := b.desk.DropDigest(ctx, r.actor(), r.Channel, r.args["when"])
		if reply, ok := refusal(err); ok {
			return reply, nil
		}
		return say("That digest is gone."), err
	}
	return say("Say /digest list, add or remove."), nil
}

func (b *Bot) listDigests(r request) chat.Reply {
	var sb strings.Builder
	for _, g := range b.desk.Digests() {
		if g.Channel == r.Channel {
			fmt.Fprintf(&sb, "%s  %s\n", g.ID, strings.TrimPrefix(g.Spec, "CRON_TZ="))
		}
	}
	if sb.Len() == 0 {
		return say("There are no digests here. For example: /digest add daily 08:00 Europe/London")
	}
	return chat.Reply{Title: "Digests of this channel", Text: strings.TrimSuffix(sb.String(), "\n"), Note: "/digest remove and an ID ends one."}
}

func (b *Bot) addDigest(ctx context.Context, r request) (chat.Reply, error) {
	spec, period, err := digestTimes(r.args["when"])
	if err != nil {
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
	}
	var sources []news.SourceID
	for _, w := range b.desk.Wants(r.Channel) {
		sources = append(sources, w.Source)
	}
	if len(sources) == 0 {
		return say("Nothing is followed in this channel, so there is nothing to sum up. /follow begins."), nil
	}
	g, err := b.desk.AddDigest(ctx, r.actor(), desk.Digest{Channel: r.Channel, Spec: spec, Period: period})
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	return say(fmt.Sprintf("A digest of what this channel follows comes %s. Its ID is %s. When nothing happened, nothing is said.", r.args["when"], g.ID)), err
}

var digestTimeForm = regexp.MustCompile(`^(?i)(daily|(?:mon|tue|wed|thu|fri|sat|sun)(?:[-,](?:mon|tue|wed|thu|fri|sat|sun))*) +([01]?\d|2[0-3]):([0-5]\d) +(\S+)$`)

// digestTimes reads "daily 08:00 Europe/London" as a cron spec and the period
// between two digests. A digest of chosen days covers the days since the last.
func digestTimes(text string) (spec string, period time.Duration, err error) {
	m := digestTimeForm.FindStringSubmatch(text)
	if m == nil {
		return "", 0, fmt.Errorf("say when as in daily 08:00 Europe/London, or mon-fri 17:30 Europe/London")
	}
	if _, err := time.LoadLocation(m[4]); err != nil || m[4] == "Local" {
		return "", 0, fmt.Errorf("%.60q is no time zone; write a name such as Europe/London", m[4])
	}
	days := strings.ToLower(m[1])
	if days == "daily" {
		days = "*"
	}
	spec = fmt.Sprintf("CRON_TZ=%s %s %s * * %s", m[4], m[3], m[2], days)
	return spec, 0, CheckSchedule(spec)
}

// A setting is a row of /set.
type setting struct {
	name string
	set  func(w *desk.Want, value string) error
}

func settings() []setting {
	flag := func(name string, of func(w *desk.Want) *bool) setting {
		return setting{name, func(w *desk.Want, value string) error {
			switch strings.ToLower(value) {
			case "on", "yes", "true":
				*of(w) = true
			case "off", "no", "false":
				*of(w) = false
			default:
				return fmt.Errorf("say %s on or off", name)
			}
			return nil
		}}
	}
	return []setting{
		{"style", func(w *desk.Want, value string) error {
			styles := map[string]store.Style{"cards": store.Cards, "thread": store.Thread, "forum": store.Forum}
			style, ok := styles[strings.ToLower(value)]
			if !ok {
				return fmt.Errorf("a style is cards, thread or forum")
			}
			w.Style = style
			return nil
		}},
		flag("silent", func(w *desk.Want) *bool { return &w.Silent }),
		flag("publish", func(w *desk.Want) *bool { return &w.Publish }),
		flag("closing", func(w *desk.Want) *bool { return &w.Closing }),
		flag("delete-withdrawn", func(w *desk.Want) *bool { return &w.Delete }),
		{"mention", setMention},
	}
}

func settingNames() (names []string) {
	for _, s := range settings() {
		names = append(names, s.name)
	}
	return names
}

// mentionForm is how platforms write who was picked: <@&ID> a role, <@ID> a
// person, <!subteam^ID|name> a user group; or the bare ID.
var mentionForm = regexp.MustCompile(`^<?(@&|@!?|!subteam\^)?([A-Z0-9]{6,24})(?:\|[^>]*)?>?$`)

// setMention reads who is told aloud, and of what: "@role is:key". "off" ends
// it.
func setMention(w *desk.Want, value string) error {
	if strings.EqualFold(value, "off") {
		w.Mentions, w.Loud = nil, ""
		return nil
	}
	who, loud, _ := strings.Cut(value, " ")
	m := mentionForm.FindStringSubmatch(who)
	if m == nil {
		return fmt.Errorf("say whom to mention: a role or group, then a filter if it is not key events: /set harbour mention @desk flood")
	}
	role := m[1] == "@&" || strings.HasPrefix(m[1], "!subteam") || m[1] == "" && strings.HasPrefix(m[2], "S")
	w.Mentions, w.Loud = []chat.Mention{{Role: role, ID: m[2]}}, strings.TrimSpace(loud)
	return nil
}

// set changes how a source is posted.
func (b *Bot) set(ctx context.Context, r request) (chat.Reply, error) {
	i := slices.IndexFunc(settings(), func(s setting) bool { return s.name == strings.ToLower(r.args["option"]) })
	if i < 0 {
		return say("There are the settings " + strings.Join(settingNames(), ", ") + ". For example: /set harbour style thread"), nil
	}
	s, value := settings()[i], r.args["value"]
	if err := s.set(new(desk.Want), value); err != nil {
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
	}
	return b.onSource(ctx, r, "set", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Set(ctx, r.actor(), id, r.channel(), s.name+" "+value, func(w *desk.Want) {
			_ = s.set(w, value) // it is a value of this setting, as was just seen
		})
		return fmt.Sprintf("%s: %s is %s from now on.", name, s.name, value), err
	})
}
