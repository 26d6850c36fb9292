package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

func newCheck(e *env) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration, the tokens, the channels and the sources",
		Long: `Validates the configuration, opens the ledger, authenticates to each platform,
sees that each channel can be posted to, and reads each source once. Nothing is
posted. Every problem comes with its remedy; the exit status is 1 if there is
one.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.check(cmd.Context(), path) },
	}
	configFlag(cmd, &path)
	return cmd
}

// A finding is one row of the table.
type finding struct {
	what   string
	state  string // "ok", "off" or "PROBLEM"
	detail string
	remedy string
}

const (
	stateOK      = "ok"
	stateOff     = "off"
	stateProblem = "PROBLEM"

	checkTime    = 45 * time.Second // for one platform, channel or source
	checkWorkers = 8
)

func (e *env) check(ctx context.Context, path string) error {
	c, err := e.load(path)
	if err != nil {
		return err
	}
	found := []finding{{what: "configuration", state: stateOK,
		detail: fmt.Sprintf("%d adapters, %d sources", len(c.Adapters), len(c.Sources))}}
	found = append(found, checkStore(ctx, c))
	channels, err := e.checkAdapters(ctx, c)
	if err != nil {
		return err
	}
	found = append(found, channels...)
	pages, err := e.checkSources(ctx, c)
	if err != nil {
		return err
	}
	found = append(found, pages...)
	if err := e.printFindings(found); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f finding) bool { return f.state == stateProblem }) {
		return errReported
	}
	return nil
}

func (e *env) printFindings(found []finding) error {
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHAT\tSTATE\tDETAIL")
	for _, f := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.what, f.state, f.detail)
		if f.remedy != "" {
			fmt.Fprintf(w, "\t\t→ %s\n", f.remedy)
		}
	}
	return w.Flush()
}

func checkStore(ctx context.Context, c *config.Config) finding {
	f := finding{what: "ledger " + c.Store}
	st, err := openStore(ctx, c)
	if err == nil {
		err = st.Close()
	}
	if err == nil {
		f.state, f.detail = stateOK, "opens and can be written"
		return f
	}
	f.state, f.detail = stateProblem, err.Error()
	switch {
	case errors.Is(err, store.ErrLocked):
		f.remedy = "stop the other Pullquote while you check, or leave it: it is then at work"
	case errors.Is(err, store.ErrSchema):
		f.remedy = "run the newer version that wrote it"
	case errors.Is(err, store.ErrDamaged):
		f.remedy = "restore a copy, or move the file away: what stands on the pages now will then count as known"
	default:
		f.remedy = "make the folder writable, or set another “store”"
		if !c.Database.IsZero() {
			f.remedy = "see that the server runs and lets this user in, and that the database is there and the user's own"
		}
	}
	return f
}

// checkAdapters asks each active adapter for itself and for its channels.
func (e *env) checkAdapters(ctx context.Context, c *config.Config) ([]finding, error) {
	adapters, err := e.adapters(c, nil, e.logger(c.Log))
	if err != nil {
		return nil, err
	}
	byName := map[string]chat.Adapter{}
	for _, a := range adapters {
		byName[a.Name()] = a
	}
	var targets []chat.Channel // an empty ID is the adapter itself
	for _, a := range c.Adapters {
		targets = append(targets, chat.Channel{Adapter: a.Name})
		targets = append(targets, channelsOf(c, a.Name)...)
	}
	inactive := map[string]string{}
	for _, a := range c.Adapters {
		inactive[a.Name] = a.Inactive
	}
	found := make([]finding, len(targets))
	var g errgroup.Group
	g.SetLimit(checkWorkers)
	for i, ch := range targets {
		g.Go(func() error {
			if why := inactive[ch.Adapter]; why != "" {
				found[i] = finding{what: describe(ch), state: stateOff, detail: why}
				return nil
			}
			found[i] = checkChannel(ctx, byName[ch.Adapter], ch)
			return nil
		})
	}
	return found, g.Wait()
}

func describe(ch chat.Channel) string {
	if ch.ID == "" {
		return "adapter " + ch.Adapter
	}
	return "channel " + ch.String()
}

// channelsOf returns the channels of an adapter, each once, in file order.
func channelsOf(c *config.Config, adapter string) []chat.Channel {
	var list []chat.Channel
	for _, s := range c.Sources {
		for _, ch := range s.Channels() {
			if ch.Adapter == adapter && !slices.Contains(list, ch) {
				list = append(list, ch)
			}
		}
	}
	return list
}

// An appChecker has a second token, for commands.
type appChecker interface {
	CheckApp(ctx context.Context) error
}

func checkChannel(ctx context.Context, a chat.Adapter, ch chat.Channel) finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	f := finding{what: describe(ch), state: stateOK, detail: "authenticated"}
	if ch.ID != "" {
		f.detail = "can be posted to"
	}
	err := a.Check(ctx, ch)
	if app, ok := a.(appChecker); ok && err == nil && ch.ID == "" {
		err = app.CheckApp(ctx)
	}
	if err == nil {
		return f
	}
	f.state, f.detail, f.remedy = stateProblem, err.Error(), "try again; if it stays, see docs/operations.md"
	var se *chat.SendError
	if errors.As(err, &se) && se.Remedy != "" {
		f.remedy = se.Remedy
	}
	return f
}

// checkSources reads every source once.
func (e *env) checkSources(ctx context.Context, c *config.Config) ([]finding, error) {
	list, _ := sources(c, c.Active)
	site, err := demoFor(ctx, list)
	if err != nil {
		return nil, err
	}
	if site != nil {
		defer site.Close()
	}
	client := newFetcher(c)
	defer client.Close()
	found := make([]finding, len(list))
	var g errgroup.Group
	g.SetLimit(checkWorkers)
	for i, src := range list {
		g.Go(func() error {
			found[i] = checkSource(ctx, client, src)
			return nil
		})
	}
	return found, g.Wait()
}

func checkSource(ctx context.Context, client *fetch.Client, src news.Source) finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	f := finding{what: "source " + string(src.ID), state: stateOK}
	snap, err := client.Fetch(ctx, src, news.Cursor{})
	if err != nil {
		f.state, f.detail, f.remedy = stateProblem, err.Error(), sourceRemedy(src, err)
		return f
	}
	f.detail = fmt.Sprintf("read as %s, %d entries", snap.Format, len(snap.Entries))
	if len(snap.Entries) > 0 && !snap.Entries[0].Published.IsZero() {
		f.detail += ", newest " + snap.Entries[0].Published.Local().Format("2 Jan 15:04")
	}
	if snap.Ended {
		f.detail += ", coverage has ended"
	}
	return f
}

func sourceRemedy(src news.Source, err error) string {
	var re *news.ReadError
	switch {
	case errors.As(err, &re) && re.Gone:
		return "the page is gone for good: remove the source"
	case errors.As(err, &re) && re.RetryAfter > 0:
		return "the source asks to be left alone for " + re.RetryAfter.String()
	case strings.Contains(src.URL, "localhost"):
		return "for a source on your own machine or network set private: true"
	default:
		return "open the address in a browser; “pullquote read --explain URL” says what was tried"
	}
}
