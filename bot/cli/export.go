package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
)

func newConfig(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "What the configuration file and chat decided",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newExport(e))
	return cmd
}

func newExport(e *env) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what chat decided as configuration",
		Long: `Writes the sources, channels and wishes that were decided in chat as YAML, to be
put into the configuration file. What the file says already is left out. Once
it is in the file, the file wins.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withOffice(cmd.Context(), path, func(ctx context.Context, c *config.Config, o admin.Office, _ bool) error {
				d, err := desk.New(ctx, reader{o}, deskFile(c, c.Active))
				if err != nil {
					return err
				}
				text, err := config.Export(madeOf(d.Made()))
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(e.Out, text)
				return err
			})
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// madeOf returns what chat decided as the configuration writes it.
func madeOf(m desk.Made) (out config.Made) {
	at := make(map[news.SourceID]int)
	for _, f := range m.Followed {
		at[f.ID] = len(out.Sources)
		every, err := time.ParseDuration(strings.TrimPrefix(f.Schedule, "@every "))
		if err != nil {
			every = time.Minute // unreachable: chat sets intervals only
		}
		out.Sources = append(out.Sources, config.MadeSource{ID: f.ID, Name: f.Name, URL: f.URL, Every: every})
	}
	for _, w := range m.Wants {
		i, ok := at[w.Source]
		if !ok {
			i = len(out.Sources)
			at[w.Source] = i
			out.Sources = append(out.Sources, config.MadeSource{ID: w.Source})
		}
		out.Sources[i].Subscriptions = append(out.Sources[i].Subscriptions, config.Subscription{
			Channel: w.Channel, Silent: w.Silent, Style: string(w.Style), Publish: w.Publish, Closing: w.Closing,
			Delete: w.Delete, Tags: w.Tags, Filter: w.Filter, Mentions: w.Mentions, MentionWhen: w.Loud,
		})
		if w.Paused {
			out.Notes = append(out.Notes, fmt.Sprintf("%s is paused in %s; that stays chat's.", w.Source, w.Channel))
		}
	}
	for _, r := range m.Rooms {
		out.Rooms = append(out.Rooms, config.Room{Channel: r.Channel, Quiet: r.Quiet, Pass: r.Pass})
	}
	for _, g := range m.Digests {
		if g.Channel != g.Home {
			out.Notes = append(out.Notes, fmt.Sprintf("Digest %s, asked for in %s and posted in %s, stays chat's.", g.ID, g.Home, g.Channel))
			continue
		}
		i := slices.IndexFunc(out.Rooms, func(r config.Room) bool { return r.Channel == g.Channel })
		if i < 0 {
			i = len(out.Rooms)
			out.Rooms = append(out.Rooms, config.Room{Channel: g.Channel})
		}
		out.Rooms[i].Digests = append(out.Rooms[i].Digests, config.Digest{When: bot.DigestTimes(g.Spec), Sources: g.Sources, Thread: g.Thread})
	}
	if m.Alerts > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d alerts of single people stay theirs.", m.Alerts))
	}
	return out
}

// A reader reads what the desk kept and keeps nothing.
type reader struct{ office admin.Office }

// KeptAll returns what was kept.
func (r reader) KeptAll(ctx context.Context, prefix string) (map[string][]byte, error) {
	return r.office.Kept(ctx, prefix)
}

// KeepIf refuses: an export changes nothing.
func (reader) KeepIf(context.Context, string, []byte, map[string][]byte) error {
	return errors.New("an export changes nothing") // unreachable
}
