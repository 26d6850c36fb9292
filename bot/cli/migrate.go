package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
	"github.com/pullquote/pullquote/store/ledger"
	"github.com/pullquote/pullquote/store/postgres"
)

func newMigrate(e *env) *cobra.Command {
	var path, from, to string
	cmd := &cobra.Command{
		Use:   "migrate --from LEDGER --to LEDGER",
		Short: "Move the ledger between a file and PostgreSQL",
		Long: `Moves everything a ledger holds into an empty one: sources, entries and their
revisions, what was promised, and which message shows what, so that nothing is
posted again. LEDGER is

  store        the one of the configuration
  a path       a file of the embedded engine, or (--from) a backup of a database
  env:NAME     a database, whose address the variable NAME holds
  postgres://… a database; other users of this machine may see the address

Stop Pullquote first. What is moved stays as it was; do not run on it any more,
or the same would be told twice. The new ledger is whole or is not there.`,
		Example: `  pullquote migrate --from pullquote.db --to env:PULLQUOTE_STORE
  pullquote migrate --from store --to pullquote.db`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.migrate(cmd.Context(), path, from, to) },
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&from, "from", "", "the `ledger` to move")
	cmd.Flags().StringVar(&to, "to", "", "the new `ledger`")
	return cmd
}

func (e *env) migrate(ctx context.Context, path, from, to string) error {
	if from == "" || to == "" {
		return usageError{errors.New("migrate needs --from and --to")}
	}
	source, err := e.place(path, from)
	if err != nil {
		return err
	}
	target, err := e.place(path, to)
	if err != nil {
		return err
	}
	if source == target {
		return usageError{fmt.Errorf("--from and --to are both %s", source.Store)}
	}
	items, done, err := leaving(ctx, source)
	if err != nil {
		return fmt.Errorf("%s: %w", source.Store, err)
	}
	var n int
	if target.Database.IsZero() {
		n, err = bolt.Import(ctx, target.Store, items)
	} else {
		n, err = postgres.Import(ctx, target.Database.Reveal(), postgres.Options{}, items)
	}
	if err = errors.Join(err, done()); err != nil {
		return fmt.Errorf("move %s to %s: %w", source.Store, target.Store, err)
	}
	_, err = fmt.Fprintf(e.Out, "%d records moved from %s to %s.\nSet “store” to the new one before you start Pullquote.\n", n, source.Store, target.Store)
	return err
}

// place reads which ledger a flag means.
func (e *env) place(path, flag string) (*config.Config, error) {
	if flag == "store" {
		return e.load(path)
	}
	if name, ok := strings.CutPrefix(flag, "env:"); ok {
		text, _ := e.lookup(name)
		if text == "" {
			return nil, fmt.Errorf("%s is not set; it should hold the address of a database", name)
		}
		flag = text
	}
	return config.LedgerAt(flag)
}

// errOccupied: replicas run on the database.
var errOccupied = errors.New("it is in use")

// leaving returns everything a ledger holds, which nobody may use, and a
// function that closes it.
func leaving(ctx context.Context, c *config.Config) (items iter.Seq2[*ledger.Item, error], done func() error, err error) {
	if c.Database.IsZero() {
		return leavingFile(ctx, c.Store)
	}
	st, err := postgres.Open(ctx, c.Database.Reveal(), postgres.Options{})
	if err != nil {
		return nil, nil, err
	}
	share, err := st.Beat(ctx, "migrate", time.Minute)
	if err == nil {
		_, err = st.Beat(ctx, "migrate", 0)
	}
	if err == nil && share.Of > 1 {
		err = fmt.Errorf("%w: %d replicas run on it, or did some seconds ago; stop them first", errOccupied, share.Of-1)
	}
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return exported(ctx, st), st.Close, nil
}

func leavingFile(ctx context.Context, path string) (items iter.Seq2[*ledger.Item, error], done func() error, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errors.New("there is no such ledger")
	}
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(f)
	if first, err := in.Peek(1); err == nil && first[0] == '{' {
		return ledger.Read(in), f.Close, nil
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	st, err := openFile(path)
	if err != nil {
		return nil, nil, err
	}
	x, ok := st.(exporter)
	if !ok {
		return nil, nil, errors.Join(errors.ErrUnsupported, st.Close()) // unreachable: the engine of files can
	}
	return exported(ctx, x), st.Close, nil
}

// An exporter is an engine whose ledgers can move.
type exporter interface {
	store.Store
	Export(ctx context.Context, f func(*ledger.Item) error) error
}

// exported returns what a ledger exports.
func exported(ctx context.Context, x exporter) iter.Seq2[*ledger.Item, error] {
	return func(yield func(*ledger.Item, error) bool) {
		enough := errors.New("enough")
		err := x.Export(ctx, func(it *ledger.Item) error {
			if !yield(it, nil) {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			yield(nil, err)
		}
	}
}
