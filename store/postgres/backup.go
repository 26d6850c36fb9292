package postgres

import (
	"context"
	"errors"
	"io"
)

// Backup implements [store.Store].
func (s *Store) Backup(ctx context.Context, w io.Writer) (int64, error) {
	return 0, errors.ErrUnsupported
}
