package bot

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

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
				{Name: "when", Summary: "For add: daily 08:00 Europe/London, or mon-fri 17:30 Europe/London; for remove: its ID", Suggest: true},
				{Name: "source", Summary: "Of which sources, commas between them; what the channel follows if left out", Suggest: true},
				{Name: "to", Summary: "Where it is posted: the channel, the thread of its one source, or a message to you", Kind: chat.ChoiceOption,
					Choices: choices("channel", "thread", "me")},
				channelOption,
			}}, "/digest add daily 08:00 Europe/London", (*Bot).digest},
		{chat.CommandSpec{Name: "zone", Summary: "The time zone of this server or workspace, for /quiet, /digest and today", Admin: true,
			Options: []chat.OptionSpec{
				{Name: "zone", Summary: "For example: Europe/London, or off; shows it if left out"},
			}}, "/zone Europe/London", (*Bot).zoneOf},
		{chat.CommandSpec{Name: "set", Summary: "How a source is posted here: style, silent, mention and more", Admin: true,
			Options: []chat.OptionSpec{
				source,
				{Name: "option", Summary: "Which setting", Kind: chat.ChoiceOption, Choices: choices(settingNames()...)},
				{Name: "value", Summary: "Its value: on or off; for style cards, thread or forum; for mention a role, then a filter", Suggest: true},
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
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
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
	if hours != "" {
		hours = b.zoned(r, hours)
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

// set changes how a source is posted. What is left out is offered to choose.
func (b *Bot) set(ctx context.Context, r request) (chat.Reply, error) {
	i := slices.IndexFunc(settings(), func(s setting) bool { return s.name == strings.ToLower(r.args["option"]) })
	if i < 0 {
		return b.offerSettings(r), nil
	}
	s, value := settings()[i], r.args["value"]
	if value == "" && len(valueChoices(s.name)) > 0 && r.args["source"] != "" {
		return b.offerValues(r, s.name), nil
	}
	if err := s.set(new(desk.Want), value); err != nil {
		return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
	}
	if s.name == "mention" && everybody(r, value) {
		return say("Everybody is not told aloud from chat. An operator may write it into the configuration file."), nil
	}
	return b.onSource(ctx, r, "set", func(id news.SourceID, name string) (string, error) {
		err := b.desk.Set(ctx, r.actor(), id, r.channel(), s.name+" "+value, func(w *desk.Want) {
			_ = s.set(w, value) // it is a value of this setting, as was just seen
		})
		return fmt.Sprintf("%s: %s is %s from now on.", name, s.name, value), err
	})
}

// everybody reports whether a mention means everybody: on Discord the role whose
// ID is the server's own is @everyone (docs.discord.com, "Role Object").
func everybody(r request, value string) bool {
	who, _, _ := strings.Cut(value, " ")
	m := mentionForm.FindStringSubmatch(who)
	return m != nil && r.Tenant != "" && m[2] == r.Tenant
}

// valueChoices are the values of a setting that has few; "mention" has many.
func valueChoices(option string) []chat.Choice {
	switch strings.ToLower(option) {
	case "style":
		return choices("cards", "thread", "forum")
	case "mention", "":
		return choices("off")
	}
	return choices("on", "off")
}

// offerSettings offers the settings of a source.
func (b *Bot) offerSettings(r request) chat.Reply {
	reply := say("There are the settings " + strings.Join(settingNames(), ", ") + ". For example: /set harbour style thread")
	if r.args["source"] == "" || r.args["option"] != "" {
		return reply
	}
	action := valueAction(r, "")
	if action == "" {
		return reply
	}
	menu := chat.Menu{Label: "Which setting?", Action: action}
	for _, name := range settingNames() {
		if name != "mention" { // who is not among the choices
			menu.Choices = append(menu.Choices, chat.Choice{Label: name, Value: name})
		}
	}
	return chat.Reply{Text: "Which setting of " + cut(r.args["source"], maxWords) + "?", Menus: []chat.Menu{menu}}
}

func (b *Bot) offerValues(r request, option string) chat.Reply {
	action := valueAction(r, option)
	if action == "" || option == "mention" {
		return say("To what? For example: /set " + cut(r.args["source"], maxWords) + " " + option + " " + valueChoices(option)[0].Value)
	}
	return chat.Reply{Text: "What is " + option + " to be?", Menus: []chat.Menu{{Label: "Which value?", Action: action, Choices: valueChoices(option)}}}
}

// valueAction carries /set over the choice of a setting or of its value. It is
// "" if that is too long.
func valueAction(r request, option string) string {
	a := "value." + option + "." + r.args["channel"] + "." + base64.RawURLEncoding.EncodeToString([]byte(r.args["source"]))
	if len(a) > maxAction {
		return ""
	}
	return a
}

// pickedValue goes on with a /set for which something was chosen.
func (b *Bot) pickedValue(ctx context.Context, r request, rest string) (chat.Reply, error) {
	f := strings.Split(rest, ".")
	if len(f) != 3 {
		return say(errButton.Error()), nil
	}
	source, err := base64.RawURLEncoding.DecodeString(f[2])
	if err != nil {
		return say(errButton.Error()), nil //nolint:nilerr // the answer says so
	}
	r.args["source"], r.args["channel"] = string(source), f[1]
	if r.args["option"] = f[0]; f[0] == "" {
		r.args["option"] = r.Picked
	} else {
		r.args["value"] = r.Picked
	}
	return b.set(ctx, r)
}
