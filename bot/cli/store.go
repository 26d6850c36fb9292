package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pullquote/pullquote/bot/config"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
	"github.com/pullquote/pullquote/store/postgres"
)

// openStore opens the ledger of the configuration.
func openStore(ctx context.Context, c *config.Config) (store.Store, error) {
	if c.Database.IsZero() {
		return openFile(c.Store)
	}
	return postgres.Open(ctx, c.Database.Reveal(), postgres.Options{Replica: replicaName(c)})
}

func openFile(path string) (store.Store, error) {
	st, err := bolt.Open(path, bolt.Options{})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("%w; is Pullquote running already? Stop it, or give this one another “store”", err)
	}
	if err != nil {
		return nil, err
	}
	return st, nil
}

// replicaName returns what this process is called. Two on one host differ by
// when they began.
func replicaName(c *config.Config) string {
	if c.Replica != "" {
		return c.Replica
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "replica"
	}
	return fmt.Sprintf("%.40s-%d-%d", host, os.Getpid(), started.Unix())
}

// started is when the program was.
var started = time.Now()
