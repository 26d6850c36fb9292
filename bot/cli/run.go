package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/console"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/bot/demo"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

type runFlags struct {
	config string
	once   bool
	dryRun bool
}

func newRun(e *env) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Follow the sources and post their cards",
		Long: `Follows the sources of the configuration until it is interrupted: polls them,
posts a card for each new entry, edits the cards of entries that change, and
answers commands. Cards of the console adapter go to standard output, the log to
standard error.

What was there when a source is first seen is not news: only its newest entries
are posted, as many as first_sight says. A later run posts nothing twice.`,
		Example: `  pullquote run --config config.example.yaml
  pullquote run --once        poll every source once, deliver, and end
  pullquote run --dry-run     print the cards here instead of posting them`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.run(cmd.Context(), f) },
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.once, "once", false, "poll every source once, deliver what is due, and end")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false,
		"print cards here instead of posting them and save nothing; shows at least the three newest entries of each source")
	return cmd
}

func (e *env) run(ctx context.Context, f runFlags) error {
	c, err := e.load(f.config)
	if err != nil {
		return err
	}
	log := e.logger(c.Log)
	for _, n := range c.Notices {
		log.Info("configuration", "notice", n)
	}
	if f.dryRun {
		dir, err := os.MkdirTemp("", "pullquote-dry-run-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // the system cleans what is left
		c.Store, c.Database = filepath.Join(dir, "pullquote.db"), config.Secret{}
	}
	st, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	err = e.follow(ctx, c, st, log, f)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
		if f.once {
			err = errInterrupted
		}
	}
	return errors.Join(err, st.Close())
}

// errInterrupted says that --once did not do all it was asked.
var errInterrupted = errors.New("interrupted: the next run reads and delivers what is left")

// follow runs the bot over an open ledger.
func (e *env) follow(ctx context.Context, c *config.Config, st store.Store, log *slog.Logger, f runFlags) error {
	adapters, err := e.adapters(c, st, log)
	if err != nil {
		return err
	}
	told := c.Active
	if f.dryRun {
		adapters, told = e.dryRun(c), func(chat.Channel) bool { return true }
	}
	file := deskFile(c, told)
	site, err := demoFor(ctx, file.Sources)
	if err != nil {
		return err
	}
	if site != nil {
		defer site.Close()
	}
	d, err := desk.New(ctx, st, file)
	if err != nil {
		return err
	}
	if err := e.resume(ctx, c, site, d, st, f); err != nil {
		return err
	}
	return e.serve(ctx, c, st, d, adapters, log, f)
}

// resume lets the demo go on where it was, and says if it has ended.
func (e *env) resume(ctx context.Context, c *config.Config, site *demo.Server, d *desk.Desk, st store.Store, f runFlags) error {
	if site == nil {
		return nil
	}
	list, subs := d.Effective()
	known, err := resumeDemo(ctx, site, list, subs, st)
	if err != nil {
		return err
	}
	if known && !f.dryRun {
		fmt.Fprintf(e.Err, "The demo's story has been told before, and nothing is posted twice. "+
			"To see it again: pullquote run --dry-run --config %s, or delete %s first.\n", f.config, c.Store)
	}
	return nil
}

// serve runs the bot with what stands beside it.
func (e *env) serve(ctx context.Context, c *config.Config, st store.Store, d *desk.Desk, adapters []chat.Adapter, log *slog.Logger, f runFlags) error {
	client := newFetcher(c)
	defer client.Close()
	metrics := admin.NewMetrics(version())
	o := bot.Options{
		Store: st, Fetcher: client, Adapters: adapters, Desk: d, Names: c.Commands, Logger: log, Observer: metrics,
		EditWindow: c.Delivery.EditWindow, PerMinute: c.Delivery.PerMinute, CatchUp: c.Delivery.CatchUp, Operators: operators(c),
		Replica: replicaName(c), Home: home(c),
	}
	if f.once || f.dryRun {
		b, err := bot.New(o)
		if err != nil {
			return err
		}
		if f.once {
			return e.once(ctx, b)
		}
		return b.Run(ctx)
	}
	var b *bot.Bot
	hubs, err := newPush(ctx, c, st, client, func(ctx context.Context, id news.SourceID, contentType string, body []byte) error {
		return b.Push(ctx, id, contentType, body) // nothing comes before start
	}, log)
	if err != nil {
		return err
	}
	if hubs != nil {
		o.Push = hubs
	}
	if b, err = bot.New(o); err != nil {
		return err
	}
	s := newServices(st, metrics, hubs, b, adapters, c, log)
	if err := s.start(ctx, c); err != nil {
		return err
	}
	defer s.end()
	return b.Run(ctx)
}

// operators returns the operators' channels whose adapters are active.
func operators(c *config.Config) (list []chat.Channel) {
	for _, ch := range c.Operators {
		if c.Active(ch) {
			list = append(list, ch)
		}
	}
	return list
}

// oncePatience is how long --once waits for rate limits and retries.
const oncePatience = time.Minute

func (e *env) once(ctx context.Context, b *bot.Bot) error {
	sum, err := b.Once(ctx, oncePatience)
	if err != nil {
		return err
	}
	if sum.Failed > 0 || sum.Left.Due+sum.Left.Waiting > 0 {
		return fmt.Errorf("%d of %d sources could not be read, %d cards are still to be delivered; the log says why",
			sum.Failed, sum.Sources, sum.Left.Due+sum.Left.Waiting)
	}
	return nil
}

// dryRun returns consoles in place of every adapter that channels name, and
// makes sure that each source has something to show.
func (e *env) dryRun(c *config.Config) []chat.Adapter {
	const shown = 3
	for i := range c.Sources {
		c.Sources[i].Newest = max(c.Sources[i].Newest, shown)
	}
	var list []chat.Adapter
	for _, a := range c.Adapters {
		o := e.consoleOptions()
		o.Name, o.Label = a.Name, true
		list = append(list, console.New(o))
	}
	return list
}

// demoScheme marks a source that is a page of our own.
const demoScheme = "demo:"

// demoFor serves the demo page, beginning now, if a source names it, and
// points those sources at it. It returns nil if none does; the caller closes
// what it returns.
func demoFor(ctx context.Context, list []news.Source) (*demo.Server, error) {
	var site *demo.Server
	for i := range list {
		if !strings.HasPrefix(list[i].URL, demoScheme) {
			continue
		}
		if site == nil {
			var err error
			if site, err = demo.Listen(ctx, time.Now()); err != nil {
				return nil, err
			}
		}
		list[i].URL, list[i].Private = site.URL(), true
	}
	return site, nil
}

// resumeDemo lets the demo's story go on where the ledger saw it first, so that
// a second run is no second story. It reports whether it has been told whole.
func resumeDemo(ctx context.Context, site *demo.Server, list []news.Source, subs []store.Subscription, st store.Store) (told bool, err error) {
	if err := st.Sync(ctx, list, subs); err != nil {
		return false, fmt.Errorf("sync sources: %w", err)
	}
	statuses, err := st.Sources(ctx)
	if err != nil {
		return false, fmt.Errorf("list sources: %w", err)
	}
	for _, s := range statuses {
		if s.Source.URL == site.URL() && !s.FirstSeen.IsZero() {
			site.Start(s.FirstSeen)
			return site.Done(time.Now()), nil
		}
	}
	return false, nil
}
