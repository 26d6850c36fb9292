package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
)

// wishes reads what of a source a channel wants, and who is told aloud.
func (b *builder) wishes(s map[string]value, sub *Subscription) {
	sub.Filter = b.filter(s["filter"])
	sub.MentionWhen = b.filter(s["mention_when"])
	for _, item := range b.list(s["mention"], "mention", `mention: ["role:80351110224678912"]`) {
		if m, ok := b.mention(item); ok {
			sub.Mentions = append(sub.Mentions, m)
		}
	}
	if s["mention"].absent() && sub.MentionWhen != "" {
		b.problem(s["mention_when"], `mention_when says of what; write mention: ["role:80351110224678912"] for whom`)
	}
}

func (b *builder) filter(v value) string {
	text := b.textOf(v, "")
	if _, err := rules.Parse(text); err != nil {
		b.problem(v, "%v", err)
		return ""
	}
	return text
}

var mentionPattern = regexp.MustCompile(`^(role|group|user):([A-Z0-9]{5,24})$`)

// mention reads "role:ID", "group:ID" or "user:ID". Everybody is nobody's role:
// neither platform's @everyone or @here has an ID of this form.
func (b *builder) mention(v value) (m chat.Mention, ok bool) {
	text, ok := b.text(v)
	if !ok {
		return m, false
	}
	parts := mentionPattern.FindStringSubmatch(text)
	if parts == nil {
		b.problem(v, "%.40q is nobody to mention; write role: and a Discord role's ID, group: and a Slack user group's, or user: and a user's", text)
		return m, false
	}
	return chat.Mention{Role: parts[1] != "user", ID: parts[2]}, true
}

// rooms reads what channels want of everything they are told.
func (b *builder) rooms(v value, adapters map[string]int) {
	for _, item := range b.list(v, "channels", "each begins with - channel:") {
		s := b.section(item, "a channel", channelKeys)
		if len(s) == 0 {
			continue // noted already
		}
		if s["channel"].absent() {
			b.problem(item, "this has no channel; write channel: and the adapter's name, a colon and the channel's ID: channel: console:terminal")
			continue
		}
		ch, ok := b.place(s["channel"], "channels", adapters)
		switch {
		case !ok:
			continue
		case slices.ContainsFunc(b.config.Rooms, func(r Room) bool { return r.Channel == ch }):
			b.problem(s["channel"], "%s is in this list twice", ch)
			continue
		}
		r := Room{Channel: ch, Quiet: b.textOf(s["quiet"], ""), Pass: b.filter(s["quiet_pass"])}
		if _, err := rules.ParseHours(r.Quiet); err != nil {
			b.problem(s["quiet"], "%v", err)
		}
		if r.Quiet == "" && r.Pass != "" {
			b.problem(s["quiet_pass"], "quiet_pass goes with quiet: there are no quiet hours here")
		}
		r.Digests = b.digests(s["digests"])
		b.config.Rooms = append(b.config.Rooms, r)
	}
}

// digests reads what a channel gets at fixed times.
func (b *builder) digests(v value) (list []Digest) {
	for _, item := range b.list(v, "digests", "each begins with - when:") {
		s := b.section(item, "a digest", digestKeys)
		if len(s) == 0 {
			continue // noted already
		}
		g := Digest{When: b.textOf(s["when"], ""), Thread: b.boolean(s["thread"])}
		for _, name := range b.list(s["sources"], "sources", "sources: [harbour]") {
			if text, ok := b.text(name); ok {
				g.Sources = append(g.Sources, news.SourceID(text))
				b.named = append(b.named, namedSource{name, news.SourceID(text)})
			}
		}
		if g.Spec = g.When; b.DigestSpec != nil {
			var err error
			if g.Spec, err = b.DigestSpec(g.When); err != nil {
				at := s["when"]
				if at.absent() {
					at = item
				}
				b.problem(at, "%v", err)
			}
		}
		if g.Thread && len(g.Sources) != 1 {
			b.problem(s["thread"], "a thread is that of one page: name one source, as in sources: [harbour]")
		}
		list = append(list, g)
	}
	return list
}

// lookUp reports the sources that digests name and that are not there.
func (b *builder) lookUp() {
	for _, n := range b.named {
		if !slices.ContainsFunc(b.config.Sources, func(s Source) bool { return s.ID == n.id }) {
			b.problem(n.at, "there is no source with the name %.40q; a digest names sources as their name: has it", n.id)
		}
	}
}

// commandName is what both platforms take: Discord's rule, in Latin letters.
var commandName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,30}$`)

// commands reads other names for commands.
func (b *builder) commands(v value) {
	if v.absent() || len(b.Commands) == 0 {
		return
	}
	fields := b.section(v, "commands", b.Commands)
	taken := make(map[string]bool)
	for _, name := range b.Commands {
		if _, renamed := fields[name]; !renamed {
			taken[name] = true
		}
	}
	for _, own := range slices.Sorted(maps.Keys(fields)) {
		at := fields[own]
		other := strings.TrimPrefix(b.textOf(at, ""), "/")
		switch {
		case other == "":
		case !commandName.MatchString(other):
			b.problem(at, "a command's name is 1 to 31 lower-case letters, digits, hyphens and underscores")
		case taken[other]:
			b.problem(at, "there is a command /%s already; choose another name", other)
		default:
			taken[other] = true
			if b.config.Commands == nil {
				b.config.Commands = make(map[string]string)
			}
			b.config.Commands[own] = other
		}
	}
}
