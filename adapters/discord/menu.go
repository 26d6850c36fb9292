package discord

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// manageServer is the permission that a chat administrator has on Discord.
const manageServer = 1 << 5

// A menu is the commands there are: by name, and by the label under which the
// menu of a message has them.
type menu struct {
	byName, byLabel map[string]chat.CommandSpec
}

func menuOf(cmds []chat.CommandSpec) menu {
	m := menu{map[string]chat.CommandSpec{}, map[string]chat.CommandSpec{}}
	for _, c := range cmds {
		m.byName[c.Name] = c
		if c.Message {
			m.byLabel[menuLabel(c)] = c
		}
	}
	return m
}

// slow reports whether the command's handler takes its time.
func (m menu) slow(c chat.Command) bool { return c.Kind == chat.Invoke && m.byName[c.Name].Slow }

// menuLabel is what the menu of a message calls a command.
func menuLabel(c chat.CommandSpec) string {
	if l := clip(inline(c.Label), 32); l != "" {
		return l
	}
	return c.Name
}

// applicationCommands returns the commands as Discord registers them.
func applicationCommands(cmds []chat.CommandSpec) []*discordgo.ApplicationCommand {
	list := []*discordgo.ApplicationCommand{}
	for _, c := range cmds {
		list = append(list, applicationCommand(c))
	}
	for _, c := range cmds {
		if c.Message {
			list = append(list, &discordgo.ApplicationCommand{
				Type: discordgo.MessageApplicationCommand, Name: menuLabel(c), DefaultMemberPermissions: admins(c),
			})
		}
	}
	return list
}

// admins hides an administrators' command from other members, nil for none.
// Servers can change who sees it.
func admins(c chat.CommandSpec) *int64 {
	if !c.Admin {
		return nil
	}
	bits := int64(manageServer)
	return &bits
}

func applicationCommand(c chat.CommandSpec) *discordgo.ApplicationCommand {
	cmd := &discordgo.ApplicationCommand{
		Type:                     discordgo.ChatApplicationCommand,
		Name:                     c.Name,
		Description:              describe(c.Summary, c.Name),
		DefaultMemberPermissions: admins(c),
	}
	if names, texts := localised(c.Locales); len(names)+len(texts) > 0 {
		cmd.NameLocalizations, cmd.DescriptionLocalizations = &names, &texts
	}
	for _, o := range c.Options {
		cmd.Options = append(cmd.Options, commandOption(o))
	}
	return cmd
}

func commandOption(o chat.OptionSpec) *discordgo.ApplicationCommandOption {
	opt := &discordgo.ApplicationCommandOption{
		Type:         discordgo.ApplicationCommandOptionString,
		Name:         o.Name,
		Description:  describe(o.Summary, o.Name),
		Autocomplete: o.Suggest,
	}
	if names, texts := localised(o.Locales); len(names)+len(texts) > 0 {
		opt.NameLocalizations, opt.DescriptionLocalizations = names, texts
	}
	switch o.Kind {
	case chat.NumberOption:
		low := float64(o.Min)
		opt.Type, opt.MinValue, opt.MaxValue = discordgo.ApplicationCommandOptionInteger, &low, float64(o.Max)
	case chat.ChoiceOption:
		opt.Choices, opt.Autocomplete = choices(o.Choices), false
	case chat.ChannelOption:
		opt.Type, opt.Autocomplete = discordgo.ApplicationCommandOptionChannel, false
	}
	return opt
}

// describe returns the text beside a command: Discord wants 1 to 100 characters.
func describe(summary, name string) string {
	if s := clip(inline(summary), 100); s != "" {
		return s
	}
	return name
}

// regions are the languages that Discord knows only with a region.
var regions = map[string]discordgo.Locale{
	"es": discordgo.SpanishES, "pt": discordgo.PortugueseBR, "sv": discordgo.Swedish, "zh": discordgo.ChineseCN, "nb": discordgo.Norwegian,
	"nn": discordgo.Norwegian,
}

// locale returns Discord's name of a language, false if it has none.
func locale(tag string) (discordgo.Locale, bool) {
	l := discordgo.Locale(tag)
	if _, ok := discordgo.Locales[l]; ok && l != discordgo.Unknown {
		return l, true
	}
	base, _, _ := strings.Cut(tag, "-")
	if _, ok := discordgo.Locales[discordgo.Locale(base)]; ok && base != "" {
		return discordgo.Locale(base), true
	}
	l, ok := regions[base]
	return l, ok
}

// A command's name is of letters, digits, "-" and "_", in lower case where the
// script has one (https://discord.com/developers/docs/interactions/application-commands#application-command-object-application-command-naming).
var commandName = regexp.MustCompile(`^[-_'\p{L}\p{N}\p{Devanagari}\p{Thai}]{1,32}$`)

// exactLast puts the tags that are Discord's own behind the others, so that
// they have the last word.
func exactLast(tags []string) []string {
	exact := func(tag string) int {
		if l, ok := locale(tag); ok && string(l) == tag {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(tags, func(a, b string) int { return exact(a) - exact(b) })
	return tags
}

// A registration is a command as it is written. Discord's schema wants the
// permissions as a number, where discordgo writes a string.
type registration struct {
	*discordgo.ApplicationCommand
	DefaultMemberPermissions *int64 `json:"default_member_permissions,omitempty"`
}

func registrations(cmds []*discordgo.ApplicationCommand) []registration {
	list := []registration{}
	for _, c := range cmds {
		list = append(list, registration{c, c.DefaultMemberPermissions})
	}
	return list
}

// localised returns names and descriptions by Discord's languages.
func localised(in map[string]chat.Localised) (names, texts map[discordgo.Locale]string) {
	names, texts = map[discordgo.Locale]string{}, map[discordgo.Locale]string{}
	for _, tag := range exactLast(slices.Sorted(maps.Keys(in))) {
		l, ok := locale(tag)
		if !ok {
			continue
		}
		if n := strings.ToLower(in[tag].Name); commandName.MatchString(n) {
			names[l] = n
		}
		if s := clip(inline(in[tag].Summary), 100); s != "" {
			texts[l] = s
		}
	}
	return names, texts
}

// sameCommands compares what we register and ignores what Discord adds.
func sameCommands(have, want []*discordgo.ApplicationCommand) bool {
	lines := func(cmds []*discordgo.ApplicationCommand) []string {
		var out []string
		for _, c := range cmds {
			if c != nil {
				out = append(out, line(c))
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(lines(have), lines(want))
}

// line writes out what we register of a command.
func line(c *discordgo.ApplicationCommand) string {
	may := int64(0)
	if c.DefaultMemberPermissions != nil {
		may = *c.DefaultMemberPermissions
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%d %q %q %d", c.Type, c.Name, c.Description, may)
	for _, m := range []*map[discordgo.Locale]string{c.NameLocalizations, c.DescriptionLocalizations} {
		if m != nil && len(*m) > 0 {
			fmt.Fprintf(&s, " %q", *m) // fmt sorts maps
		}
	}
	for _, o := range c.Options {
		low := math.Inf(-1)
		if o.MinValue != nil {
			low = *o.MinValue
		}
		fmt.Fprintf(&s, " [%d %q %q %v %v %v %v", o.Type, o.Name, o.Description, o.Required, o.Autocomplete, low, o.MaxValue)
		for _, m := range []map[discordgo.Locale]string{o.NameLocalizations, o.DescriptionLocalizations} {
			if len(m) > 0 {
				fmt.Fprintf(&s, " %q", m)
			}
		}
		for _, ch := range o.Choices {
			fmt.Fprintf(&s, " %q=%q", ch.Name, fmt.Sprint(ch.Value))
		}
		s.WriteString("]")
	}
	return s.String()
}
