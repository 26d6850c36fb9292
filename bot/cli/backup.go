package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/config"
)

func newBackup(e *env) *cobra.Command {
	var path string
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger to a file, while Pullquote runs or not",
		Long: `Writes a consistent copy of the ledger. FILE appears whole or not at all.

To restore it: stop Pullquote, copy FILE over the “store” file, start Pullquote.
What was posted before the copy was made is not posted again; what was posted
after it is looked for in the channels first, as far as the platforms let a bot
look.`,
		Example: `  pullquote backup /var/backups/pullquote.db
  pullquote backup --force /var/backups/pullquote.db`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error { return e.backup(cmd.Context(), path, args[0], force) },
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it is there")
	return cmd
}

// oneArg demands a file.
func oneArg(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one FILE, got %d", cmd.Name(), len(args))}
	}
	return nil
}

func (e *env) backup(ctx context.Context, path, file string, force bool) error {
	return e.withOffice(ctx, path, func(ctx context.Context, c *config.Config, o admin.Office, _ bool) error {
		if err := mayWrite(file, c.Store, force); err != nil {
			return err
		}
		n, err := writeWhole(file, func(f *os.File) (int64, error) { return o.Backup(ctx, f) })
		if err != nil {
			return fmt.Errorf("back up to %s: %w", file, err)
		}
		restore := fmt.Sprintf("stop Pullquote, copy it over %s, start Pullquote", c.Store)
		if !c.Database.IsZero() {
			restore = fmt.Sprintf("stop every replica, empty the database, and run “pullquote migrate --from %s --to store”", file)
		}
		_, err = fmt.Fprintf(e.Out, "%s: %d bytes\nTo restore it: %s.\n", file, n, restore)
		return err
	})
}

// mayWrite reports why file is not written over.
func mayWrite(file, ledger string, force bool) error {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if own, err := os.Stat(ledger); err == nil && os.SameFile(own, info) {
		return fmt.Errorf("%s is the ledger itself; name another file", file)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is there already and is no file", file)
	}
	if !force {
		return fmt.Errorf("%s is there already; --force replaces it", file)
	}
	return nil
}

// writeWhole writes a file beside the named one and renames it when it is
// whole and on disk. Only its owner can read it.
func writeWhole(name string, write func(*os.File) (int64, error)) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the error at hand matters more
			_ = os.Remove(f.Name())
		}
	}()
	if n, err = write(f); err != nil {
		return n, err
	}
	if err = f.Sync(); err != nil {
		return n, err
	}
	if err = f.Close(); err != nil {
		return n, err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return n, err
	}
	return n, syncDir(filepath.Dir(name))
}

// syncDir has the new name reach the disk. Windows does so by itself and does
// not let a program ask for it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
