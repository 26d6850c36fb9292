package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/console"
	"github.com/pullquote/pullquote/adapters/discord"
	"github.com/pullquote/pullquote/adapters/slack"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/bot/demo"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
	"github.com/pullquote/pullquote/store"
)

// defaultConfig is where commands look for the configuration.
const defaultConfig = "config.yaml"

// configFlag adds --config to a command.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", defaultConfig, "the configuration `file`")
}

func (e *env) load(path string) (*config.Config, error) {
	return config.Load(path, config.Options{
		Getenv: e.lookup, CheckCron: bot.CheckSchedule, DigestSpec: bot.DigestSpec, Formats: parse.Formats(), Demos: demo.Names(), Commands: commandNames(),
		CheckProfile: func(profile []byte) error { _, err := parse.ReadProfiles(profile); return err },
	})
}

// commandNames returns the own names of the commands in chat.
func commandNames() (names []string) {
	for _, c := range bot.Commands(nil) {
		names = append(names, c.Name)
	}
	return names
}

// logger writes to Err as the configuration says.
func (e *env) logger(c config.Log) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(e.Err, opts))
	}
	return slog.New(slog.NewTextHandler(e.Err, opts))
}

// userAgent names the program and where its owner can be reached.
func userAgent(contact string) string {
	if contact == "" {
		contact = "https://github.com/pullquote/pullquote"
	}
	return fmt.Sprintf("Pullquote/%s (+%s)", version(), contact)
}

func newFetcher(c *config.Config) *fetch.Client {
	return fetch.New(fetch.Options{
		UserAgent: userAgent(c.Contact), MaxBody: c.Limits.Body, Timeout: c.Limits.Timeout, PerHost: c.Limits.PerHost,
		Profiles: profiles(c),
	})
}

// profiles returns the site profiles of the configuration.
func profiles(c *config.Config) (list []parse.Profile) {
	for _, p := range c.Profiles {
		if read, err := parse.ReadProfiles(p.JSON); err == nil { // or load would have refused it
			list = append(list, read...)
		}
	}
	return list
}

// adapters makes the active adapters of the configuration. What they keep over
// a restart, and agree with other replicas, goes through st; nil keeps nothing.
func (e *env) adapters(c *config.Config, st store.Store, log *slog.Logger) ([]chat.Adapter, error) {
	var list []chat.Adapter
	for _, a := range c.Adapters {
		if a.Inactive != "" {
			continue
		}
		made, err := e.adapter(a, st, log)
		if err != nil {
			return nil, fmt.Errorf("adapter %s: %w", a.Name, err)
		}
		list = append(list, made)
	}
	return list, nil
}

func (e *env) adapter(a config.Adapter, st store.Store, log *slog.Logger) (chat.Adapter, error) {
	log = log.With("adapter", a.Name)
	var peers chat.Peers // nil: this process is alone
	if st != nil && st.Woken() != nil {
		peers = st
	}
	switch a.Platform {
	case config.Slack:
		return slack.New(slack.Options{
			Name: a.Name, BotToken: a.BotToken.Reveal(), AppToken: a.AppToken.Reveal(), APIURL: a.APIURL, Logger: log, Version: version(),
			Admins: a.Admins, Scale: float64(a.Rate), Peers: peers, SigningSecret: a.SigningSecret.Reveal(),
		})
	case config.Discord:
		return discord.New(discord.Options{
			Name: a.Name, Token: a.Token.Reveal(), Guild: a.Guild, APIURL: a.APIURL, Logger: log, Version: version(), Keep: st,
			Rate: discord.DefaultRate * a.Rate, Peers: peers, Shards: a.Shards, PublicKey: a.PublicKey,
		})
	default:
		o := e.consoleOptions()
		o.Name, o.In, o.Logger = a.Name, e.In, log
		return console.New(o), nil
	}
}

// sources returns what a configuration follows and who is told: the channels
// for which told reports true. A channel of an adapter without a token is left
// out, so that it begins with what is new then, not with a backlog.
func sources(c *config.Config, told func(chat.Channel) bool) (list []news.Source, subs []store.Subscription) {
	for _, s := range c.Sources {
		list = append(list, s.Source)
		for _, sub := range s.Subscriptions {
			if told(sub.Channel) {
				subs = append(subs, store.Subscription{
					Source: s.ID, Channel: sub.Channel, Silent: sub.Silent, Style: store.Style(sub.Style),
					Publish: sub.Publish, Closing: sub.Closing, Delete: sub.Delete, Tags: sub.Tags,
				})
			}
		}
	}
	return list, subs
}

// deskFile returns what the configuration says of what chat may say too: the
// channels for which told reports true.
func deskFile(c *config.Config, told func(chat.Channel) bool) desk.File {
	var f desk.File
	sources, subs := sources(c, told)
	f.Sources = sources
	wishes := make(map[news.SourceID]map[chat.Channel]config.Subscription)
	for _, s := range c.Sources {
		wishes[s.ID] = make(map[chat.Channel]config.Subscription)
		for _, sub := range s.Subscriptions {
			wishes[s.ID][sub.Channel] = sub
		}
	}
	for _, sub := range subs {
		w := wishes[sub.Source][sub.Channel]
		f.Wants = append(f.Wants, desk.Want{Subscription: sub, Filter: w.Filter, Mentions: w.Mentions, Loud: w.MentionWhen})
	}
	for _, r := range c.Rooms {
		if !told(r.Channel) {
			continue
		}
		if r.Quiet != "" {
			f.Rooms = append(f.Rooms, desk.Room{Channel: r.Channel, Quiet: r.Quiet, Pass: r.Pass})
		}
		for _, g := range r.Digests {
			f.Digests = append(f.Digests, desk.Digest{
				ID: fileDigest(r.Channel, g), Channel: r.Channel, Home: r.Channel, Spec: g.Spec, Sources: g.Sources, Thread: g.Thread, File: true,
			})
		}
	}
	return f
}

// fileDigest names a digest of the file for as long as it stays as it is.
func fileDigest(ch chat.Channel, g config.Digest) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %q %t", ch, g.Spec, g.Sources, g.Thread))
	return "file-" + hex.EncodeToString(sum[:8])
}

// home reports whether a server or workspace is the operator's own: every
// workspace and terminal, and the Discord servers that the file names.
func home(c *config.Config) func(adapter, tenant string) bool {
	own := make(map[string]map[string]bool) // of Discord adapters
	for _, a := range c.Adapters {
		ids := a.Home
		if a.Guild != "" {
			ids = append(slices.Clone(ids), a.Guild)
		}
		if a.Platform != config.Discord {
			continue
		}
		own[a.Name] = make(map[string]bool)
		for _, id := range ids {
			own[a.Name][id] = true
		}
	}
	return func(adapter, tenant string) bool {
		servers, discord := own[adapter]
		return !discord || servers[tenant]
	}
}
