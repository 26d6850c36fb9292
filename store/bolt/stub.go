package bolt

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

var errSoon = errors.New("not there yet")

func (s *Store) Keep(ctx context.Context, key string, value []byte) error { return errSoon }
func (s *Store) Kept(ctx context.Context, key string) ([]byte, error)     { return nil, errSoon }
func (s *Store) Backup(ctx context.Context, w io.Writer) (int64, error)   { return 0, errSoon }
func (s *Store) Claim(ctx context.Context, id news.SourceID, ttl time.Duration) (store.Lease, error) {
	return store.Lease{}, errSoon
}
func (s *Store) Waiting(ctx context.Context, l store.Lane, limit int) ([]store.Waiting, error) {
	return nil, errSoon
}
func (s *Store) Fold(ctx context.Context, l store.Lane, ids []store.DeliveryID, f store.Fold) error {
	return errSoon
}
func (s *Store) Promise(ctx context.Context, ch chat.Channel, p store.Promise) error { return errSoon }
func (s *Store) Retry(ctx context.Context, ids ...store.DeliveryID) (int, error)     { return 0, errSoon }
func (s *Store) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error)      { return 0, errSoon }
func (s *Store) History(ctx context.Context, ref news.Ref) ([]news.Entry, error)     { return nil, errSoon }
func (s *Store) Held(ctx context.Context, limit int) ([]store.Delivery, error)       { return nil, errSoon }

func (s *Store) KeepAll(ctx context.Context, values map[string][]byte) error { return errSoon }
func (s *Store) KeptAll(ctx context.Context, prefix string) (map[string][]byte, error) {
	return nil, errSoon
}
func (s *Store) Find(ctx context.Context, url string, ch chat.Channel, m chat.MessageID) ([]news.Ref, error) {
	return nil, errSoon
}
func (s *Store) Receipts(ctx context.Context, ref news.Ref) ([]store.Receipt, error) {
	return nil, errSoon
}
func (s *Store) Promised(ctx context.Context, ref news.Ref) (pending, abandoned []store.Delivery, err error) {
	return nil, nil, errSoon
}
