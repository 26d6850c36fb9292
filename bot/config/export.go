package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// Made is what was decided in chat, to be written as configuration.
type Made struct {
	Sources []MadeSource
	Rooms   []Room
	// Notes are things that the file has no place for: a line each.
	Notes []string
}

// A MadeSource is a source with the channels that chat made for it. URL is ""
// for a source that the file has: only its channels are new.
type MadeSource struct {
	ID            news.SourceID
	Name, URL     string
	Every         time.Duration
	Subscriptions []Subscription
}

// Export writes what was decided in chat as YAML that [Load] reads when it is
// put into a file: under sources: and channels:. What belongs to a source that
// the file has stands in comments beside its name.
func Export(m Made) (string, error) {
	var sb strings.Builder
	sb.WriteString("# Decided in chat. Put it into the configuration file, under the keys of the same name.\n")
	for _, n := range m.Notes {
		sb.WriteString("# " + strings.ReplaceAll(n, "\n", " ") + "\n")
	}
	out := yaml.MapSlice{}
	if rooms := exportRooms(m.Rooms); len(rooms) > 0 {
		out = append(out, yaml.MapItem{Key: "channels", Value: rooms})
	}
	var sources []yaml.MapSlice
	for _, s := range m.Sources {
		if s.URL == "" {
			b, err := yaml.Marshal(exportSubscriptions(s.Subscriptions))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&sb, "#\n# under to: of the source %s:\n", s.ID)
			for line := range strings.Lines(string(b)) {
				sb.WriteString("# " + line)
			}
			continue
		}
		sources = append(sources, exportSource(s))
	}
	if len(sources) > 0 {
		out = append(out, yaml.MapItem{Key: "sources", Value: sources})
	}
	if len(out) == 0 {
		return sb.String(), nil
	}
	b, err := yaml.MarshalWithOptions(out, yaml.IndentSequence(true))
	return sb.String() + string(b), err
}

func exportRooms(list []Room) (rooms []yaml.MapSlice) {
	for _, r := range list {
		m := yaml.MapSlice{{Key: "channel", Value: r.Channel.String()}, {Key: "quiet", Value: r.Quiet}}
		if r.Quiet == "" {
			m = m[:1]
		}
		if r.Pass != "" {
			m = append(m, yaml.MapItem{Key: "quiet_pass", Value: r.Pass})
		}
		if len(r.Digests) > 0 {
			m = append(m, yaml.MapItem{Key: "digests", Value: exportDigests(r.Digests)})
		}
		rooms = append(rooms, m)
	}
	return rooms
}

func exportDigests(list []Digest) (out []yaml.MapSlice) {
	for _, g := range list {
		m := yaml.MapSlice{{Key: "when", Value: g.When}}
		if len(g.Sources) > 0 {
			m = append(m, yaml.MapItem{Key: "sources", Value: g.Sources})
		}
		if g.Thread {
			m = append(m, yaml.MapItem{Key: "thread", Value: true})
		}
		out = append(out, m)
	}
	return out
}

func exportSource(s MadeSource) yaml.MapSlice {
	return yaml.MapSlice{
		{Key: "name", Value: string(s.ID)}, {Key: "title", Value: s.Name}, {Key: "url", Value: s.URL},
		{Key: "every", Value: short(s.Every)}, {Key: "to", Value: exportSubscriptions(s.Subscriptions)},
	}
}

func exportSubscriptions(list []Subscription) (out []yaml.MapSlice) {
	for _, s := range list {
		m := yaml.MapSlice{{Key: "channel", Value: s.Channel.String()}}
		add := func(key string, v any, on bool) {
			if on {
				m = append(m, yaml.MapItem{Key: key, Value: v})
			}
		}
		add("style", s.Style, s.Style != "")
		add("silent", true, s.Silent)
		add("publish", true, s.Publish)
		add("closing", true, s.Closing)
		add("delete_withdrawn", true, s.Delete)
		add("tags", s.Tags, len(s.Tags) > 0)
		add("filter", s.Filter, s.Filter != "")
		add("mention", exportMentions(s.Mentions), len(s.Mentions) > 0)
		add("mention_when", s.MentionWhen, s.MentionWhen != "")
		out = append(out, m)
	}
	return out
}

func exportMentions(list []chat.Mention) (out []string) {
	for _, m := range list {
		kind := "user:"
		if m.Role {
			kind = "role:"
			if _, err := strconv.ParseUint(m.ID, 10, 64); err != nil {
				kind = "group:"
			}
		}
		out = append(out, kind+m.ID)
	}
	return out
}
