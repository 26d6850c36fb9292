// Package cli is the terminal's side of Pullquote: one file a command, and the
// wiring of the bot. It is the only room that knows every other.
//
// The rules of its output: results go to Out, everything else to Err; an error
// is one line that says what to do; exit status 0 means that all went well, 1
// that something did not, 2 that the command line itself is wrong.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones of schedules where the system has none: Windows, small images

	"github.com/spf13/cobra"
)

// Streams are where a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// An env holds what a command takes from its surroundings.
type env struct {
	Streams
	lookup func(string) (string, bool)
}

// errReported ends a command whose errors have been printed already.
var errReported = errors.New("errors were reported")

// usageError is a mistake in the command line itself.
type usageError struct{ error }

// Main runs the command that args name and returns the exit status. lookup
// reads the environment. The first interrupt or SIGTERM asks the command to
// stop; the second ends the program at once.
func Main(args []string, s Streams, lookup func(string) (string, bool)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from then on a signal has its ordinary effect

	root := newRoot(&env{Streams: s, lookup: lookup})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintf(s.Err, "pullquote: %v\n", err)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "pullquote",
		Short: "Brings live updates, as quote-and-headline cards, to Slack, Discord and terminals",
		Long: `Pullquote watches live pages and feeds. Every new entry becomes a card with its
headline and its quotes in the channels that follow it; when the entry changes
or is withdrawn, so does the card.

See it work, with no account and no token:

    pullquote run --config config.example.yaml`,
		SilenceErrors: true,
		// Swapped letters are two edits.
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args:                       noArgs,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see “%s --help”", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newRun(e), newRead(e), newQuotes(e), newPreview(e), newCheck(e), newStatus(e), newOutbox(e), newBackup(e), newMigrate(e),
		newWhy(e), newConfig(e), newManifest(e), newInvite(e), newVersion(e),
	)
	strictly(root)
	return root
}

// strictly makes cobra's own commands refuse what they do not know, which they
// would answer with their help and status 0.
func strictly(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = aCommand
		case "completion":
			c.Args = noArgs
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// aCommand allows the name of a command only.
func aCommand(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) == 0 {
		return err
	}
	return noArgs(found, rest)
}

// noArgs refuses arguments as a usage error; for the root they are a command
// that does not exist.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		err := fmt.Errorf("there is no command %q", args[0])
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			err = fmt.Errorf("%w; did you mean %q?", err, like[0])
		}
		return usageError{err}
	}
	return usageError{fmt.Errorf("%s takes no arguments, got %q", cmd.Name(), args[0])}
}

// upToOne allows one argument at most.
func upToOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("%s takes one argument at most, got %d", cmd.Name(), len(args))}
	}
	return nil
}
