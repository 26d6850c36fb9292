package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// withOffice opens the ledger of the configuration, or, if a running program
// has it open, asks that program through its socket, and runs f.
func (e *env) withOffice(ctx context.Context, path string, f func(ctx context.Context, c *config.Config, o admin.Office, running bool) error) error {
	c, err := e.load(path)
	if err != nil {
		return err
	}
	if !c.Database.IsZero() {
		return e.withDatabase(ctx, c, f)
	}
	if _, err := os.Stat(c.Store); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no ledger at %s yet; “pullquote run” makes it", c.Store)
	}
	st, err := bolt.Open(c.Store, bolt.Options{})
	if errors.Is(err, store.ErrLocked) {
		return e.withSocket(ctx, c, err, f)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, c, admin.Local{Store: st, Version: version()}, false), st.Close())
}

// withDatabase opens the ledger beside the replicas that run, if any do: the
// database takes more than one. What only a running program knows, such as its
// latencies, is asked of the one on this host, if there is one.
func (e *env) withDatabase(ctx context.Context, c *config.Config, f func(context.Context, *config.Config, admin.Office, bool) error) error {
	if c.Admin.Socket != "" {
		if client, err := admin.Dial(ctx, c.Admin.Socket); err == nil {
			defer client.Close()
			return f(ctx, c, client, true)
		}
	}
	st, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, c, admin.Local{Store: st, Version: version()}, false), st.Close())
}

// withSocket runs f with the program that holds the ledger. locked says that
// one does.
func (e *env) withSocket(ctx context.Context, c *config.Config, locked error, f func(context.Context, *config.Config, admin.Office, bool) error) error {
	if c.Admin.Socket == "" {
		return fmt.Errorf("%w; it is asked through its socket, but admin.socket is none: stop it first, or set admin.socket", locked)
	}
	client, err := admin.Dial(ctx, c.Admin.Socket)
	if err != nil {
		return fmt.Errorf("%w, and cannot be asked through its socket either: %w; is it run by another user, or with another admin.socket?", locked, err)
	}
	defer client.Close()
	return f(ctx, c, client, true)
}
