package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/store"
)

// maxOutbox is more abandoned deliveries than anybody lets pile up.
const maxOutbox = 100_000

// shownOutbox is how many rows of each sort a list shows unless told otherwise.
const shownOutbox = 100

type outboxFlags struct {
	config  string
	asJSON  bool
	limit   int
	all     bool
	channel string
	yes     bool
}

func newOutbox(e *env) *cobra.Command {
	var f outboxFlags
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Show cards that do not arrive; retry or drop those that were given up",
		Long: `Lists the channels on hold, with the reason and when each is tried again, and
the deliveries that were given up because the platform will never take them as
they were. A channel on hold goes on by itself once its reason is gone; what was
given up waits for “outbox retry” or “outbox drop”.

Works while Pullquote runs, through its socket, and while it does not.`,
		Example: `  pullquote outbox
  pullquote outbox retry 17 18 --yes
  pullquote outbox drop --channel slack:C024BE91L --yes`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.outboxList(cmd.Context(), f) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List channels on hold and deliveries given up", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.outboxList(cmd.Context(), f) },
	}
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
		c.Flags().IntVar(&f.limit, "limit", shownOutbox, "rows of each sort")
		configFlag(c, &f.config)
	}
	cmd.AddCommand(list,
		newOutboxChange(e, "retry", "Try deliveries again that were given up", admin.Office.Retry),
		newOutboxChange(e, "drop", "Forget deliveries that were given up", admin.Office.Drop))
	return cmd
}

// outboxChange is Retry or Drop.
type outboxChange func(o admin.Office, ctx context.Context, ids ...store.DeliveryID) (int, error)

func newOutboxChange(e *env, name, short string, change outboxChange) *cobra.Command {
	var f outboxFlags
	cmd := &cobra.Command{
		Use:   name + " [ID...]",
		Short: short,
		Long:  short + ": those with the IDs, of one channel, or all.\nWithout --yes it prints what it would do and changes nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			pick, named, err := selectionOf(args, f)
			if err != nil {
				return usageError{err}
			}
			return e.outboxChange(cmd.Context(), name, pick, named, f, change)
		},
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.all, "all", false, "all that were given up")
	cmd.Flags().StringVar(&f.channel, "channel", "", "those of one `channel`, such as slack:C024BE91L")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do it")
	return cmd
}

// selectionOf returns a function that picks deliveries as the command line
// says, and how many it names.
func selectionOf(args []string, f outboxFlags) (pick func(admin.Delivery) bool, named int, err error) {
	given := 0
	for _, is := range []bool{len(args) > 0, f.all, f.channel != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, 0, errors.New("say which: IDs from “pullquote outbox”, or --channel, or --all")
	}
	if f.channel != "" {
		ch, err := chat.ParseChannel(f.channel)
		return func(d admin.Delivery) bool { return d.Channel == ch.String() }, 0, err
	}
	var ids []store.DeliveryID
	for _, a := range args {
		n, err := strconv.ParseUint(a, 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("%q is no ID; “pullquote outbox” lists them", a)
		}
		if !slices.Contains(ids, store.DeliveryID(n)) {
			ids = append(ids, store.DeliveryID(n))
		}
	}
	return func(d admin.Delivery) bool { return f.all || slices.Contains(ids, d.ID) }, len(ids), nil
}

func (e *env) outboxList(ctx context.Context, f outboxFlags) error {
	if f.limit < 1 {
		return usageError{errors.New("--limit is a number above 0")}
	}
	return e.withOffice(ctx, f.config, func(ctx context.Context, _ *config.Config, o admin.Office, _ bool) error {
		box, err := o.Outbox(ctx, f.limit)
		if err != nil {
			return err
		}
		if f.asJSON {
			return printJSON(e.Out, box)
		}
		return e.printOutbox(box, time.Now())
	})
}

func (e *env) printOutbox(box admin.Outbox, now time.Time) error {
	if len(box.Held)+len(box.Abandoned) == 0 {
		_, err := fmt.Fprintln(e.Out, "Nothing is on hold, and nothing was given up.")
		return err
	}
	if len(box.Held) > 0 {
		fmt.Fprintln(e.Out, "Channels on hold; they go on by themselves:")
		w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  CHANNEL\tSINCE\tNEXT TRY\tTRIES\tFIRST CARD\tREASON")
		for _, d := range box.Held {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%d\t%s\t%s\n", d.Channel, age(now, d.Promised), age(d.Next, now), d.Attempts, cardOf(d), d.Reason)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(box.Abandoned) == 0 {
		return nil
	}
	fmt.Fprintln(e.Out, "Given up; “pullquote outbox retry” or “drop” ends that:")
	return printAbandoned(e.Out, box.Abandoned, now)
}

func printAbandoned(out io.Writer, list []admin.Delivery, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  ID\tCHANNEL\tSOURCE\tAGE\tCARD\tREASON")
	for _, d := range list {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Channel, d.Source, age(now, d.Promised), cardOf(d), d.Reason)
	}
	return w.Flush()
}

// cardOf says what a delivery would have shown.
func cardOf(d admin.Delivery) string {
	text := d.Headline
	if r := []rune(text); len(r) > 60 {
		text = string(r[:59]) + "…"
	}
	switch {
	case text == "" && d.Kind != store.Card:
		return string(d.Kind)
	case text == "":
		return "–"
	case d.Kind != store.Card:
		return string(d.Kind) + ": " + text
	}
	return text
}

// age says how much later a is than b.
func age(a, b time.Time) string {
	if a.IsZero() || b.IsZero() {
		return "–"
	}
	d := max(a.Sub(b), 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// outboxChange retries or drops what pick picks, which must be as many as were
// named.
func (e *env) outboxChange(ctx context.Context, name string, pick func(admin.Delivery) bool, named int, f outboxFlags, change outboxChange) error {
	return e.withOffice(ctx, f.config, func(ctx context.Context, _ *config.Config, o admin.Office, _ bool) error {
		box, err := o.Outbox(ctx, maxOutbox)
		if err != nil {
			return err
		}
		var ids []store.DeliveryID
		chosen := slices.DeleteFunc(box.Abandoned, func(d admin.Delivery) bool { return !pick(d) })
		for _, d := range chosen {
			ids = append(ids, d.ID)
		}
		if len(ids) < named {
			return fmt.Errorf("of these %d IDs %d were given up; “pullquote outbox” lists them; nothing was changed", named, len(ids))
		}
		if len(ids) == 0 {
			_, err := fmt.Fprintf(e.Out, "Nothing to %s: nothing of that was given up.\n", name)
			return err
		}
		if !f.yes {
			fmt.Fprintf(e.Out, "Would %s:\n", name)
			if err := printAbandoned(e.Out, chosen, time.Now()); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Out, "Nothing was changed; add --yes to do it.")
			return err
		}
		n, err := change(o, ctx, ids...)
		if err != nil {
			return err
		}
		done := map[string]string{"retry": "will be tried again", "drop": "dropped"}[name]
		_, err = fmt.Fprintf(e.Out, "%d of %d %s.\n", n, len(ids), done)
		return err
	})
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
