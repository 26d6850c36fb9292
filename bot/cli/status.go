package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/config"
)

func newStatus(e *env) *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how sources and deliveries are doing",
		Long: `Shows for each source when it was last read, when it is read next, by how much
that is late, how long its cards took (half, 95 and 99 in 100 of the newest took
no longer), and its last error. Delays are known while Pullquote runs only.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.withOffice(cmd.Context(), path, func(ctx context.Context, _ *config.Config, o admin.Office, running bool) error {
				st, err := o.Status(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(e.Out, st)
				}
				return e.printStatus(st, running)
			})
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (e *env) printStatus(st admin.Status, running bool) error {
	state := "not running"
	if running {
		state = "running for " + age(st.Now, st.Started)
	}
	fmt.Fprintf(e.Out, "Pullquote %s, %s\n", st.Version, state)
	fmt.Fprintf(e.Out, "Deliveries: %d due, %d waiting, %d given up", st.Backlog.Due, st.Backlog.Waiting, st.Backlog.Abandoned)
	if !st.Backlog.Oldest.IsZero() {
		fmt.Fprintf(e.Out, ", the oldest promised %s ago", age(st.Now, st.Backlog.Oldest))
	}
	fmt.Fprint(e.Out, "\n\n")
	w := tabwriter.NewWriter(e.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tLAST SUCCESS\tNEXT POLL\tLAG\tPUBLISHED TO CARD\tSEEN TO CARD\tLAST ERROR")
	for _, s := range st.Sources {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, since(st.Now, s.LastRead), nextPoll(s, st.Now, running), lag(s),
			threeDelays(s.Latency.FromPublished), threeDelays(s.Latency.FromSeen), notesOn(s))
	}
	for _, h := range st.Hubs {
		if h.State != "active" {
			fmt.Fprintf(w, "%s\t\t\t\t\t\thub %s: %s %s\n", h.Source, h.Hub, h.State, h.Problem)
		}
	}
	return w.Flush()
}

func since(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return age(now, t) + " ago"
}

func nextPoll(s admin.Source, now time.Time, running bool) string {
	switch {
	case !running || s.Next.IsZero():
		return "–"
	case !s.Next.After(now):
		return "now"
	}
	return "in " + age(s.Next, now)
}

func lag(s admin.Source) string {
	if s.Lag < 1 {
		return "–"
	}
	return time.Duration(s.Lag * float64(time.Second)).Round(time.Second).String()
}

// threeDelays prints p50/p95/p99.
func threeDelays(p admin.Percentiles) string {
	if p == (admin.Percentiles{}) {
		return "–"
	}
	one := func(s float64) string {
		d := time.Duration(s * float64(time.Second))
		if d < 10*time.Second {
			return d.Round(time.Millisecond).String()
		}
		return d.Round(time.Second).String()
	}
	return one(p.P50) + "/" + one(p.P95) + "/" + one(p.P99)
}

// notesOn says what is wrong with a source, or that it has ended.
func notesOn(s admin.Source) string {
	var list []string
	if s.Problem != "" {
		list = append(list, s.Problem)
	}
	if !s.GapTo.IsZero() {
		list = append(list, fmt.Sprintf("entries from %s to %s may be missing", s.GapFrom.UTC().Format("2 Jan 15:04"), s.GapTo.UTC().Format("2 Jan 15:04")))
	}
	if s.Ended {
		list = append(list, "ended")
	}
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, "; ")
}
