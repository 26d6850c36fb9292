package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/config"
)

func newWhy(e *env) *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why ADDRESS",
		Short: "Tell why an update was posted, or was not",
		Long: `Tells what became of the update at an address: when it was published and first
seen, how it was recognised, its revisions, and for each channel whether it
stands there, waits, was filtered out or given up, and why. It asks the running
program, or reads the ledger if none runs.`,
		Example: "  pullquote why https://news.example/live/storm#e17",
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.withOffice(cmd.Context(), path, func(ctx context.Context, _ *config.Config, o admin.Office, _ bool) error {
				list, err := o.Trace(ctx, args[0])
				switch {
				case err != nil:
					return err
				case asJSON:
					return printJSON(e.Out, list)
				case len(list) == 0:
					return fmt.Errorf("nothing that was seen has the address %s; “pullquote status” says when its source was read last", args[0])
				}
				for i := range list {
					printTrace(e.Out, &list[i])
				}
				return nil
			})
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printTrace tells an entry's story, a line each.
func printTrace(w io.Writer, t *admin.Trace) {
	now := t.Revisions[len(t.Revisions)-1]
	fmt.Fprintf(w, "%s\n  from %s (%s)\n", orElse(now.Headline, firstWords(now.Body)), orElse(t.Source, "a source no longer followed"), now.Source)
	for _, line := range bot.Story(&now) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	for _, rev := range t.Revisions[:len(t.Revisions)-1] {
		fmt.Fprintf(w, "  revision %d, seen %s: %s\n", rev.Revision, rev.Changed.UTC().Format(time.DateTime), orElse(rev.Headline, firstWords(rev.Body)))
	}
	for _, c := range t.Cards {
		fmt.Fprintf(w, "  %s: %s\n", c.Channel, bot.Fate(&now, c))
	}
	for _, d := range t.Pending {
		fmt.Fprintf(w, "  %s: waiting to be sent, %d attempts%s\n", d.Channel, d.Attempts, after(d.LastError))
	}
	for _, d := range t.Abandoned {
		fmt.Fprintf(w, "  %s: given up%s\n", d.Channel, after(d.LastError))
	}
	if len(t.Cards)+len(t.Pending)+len(t.Abandoned) == 0 {
		fmt.Fprintln(w, "  never promised to a channel: it was there at first sight, or came too late to be news")
	}
}

func after(err string) string {
	if err == "" {
		return ""
	}
	return ": " + err
}

// firstWords are the beginning of a text.
func firstWords(text string) string {
	const most = 12
	words := strings.Fields(text)
	if len(words) > most {
		return strings.Join(words[:most], " ") + " …"
	}
	return strings.Join(words, " ")
}
