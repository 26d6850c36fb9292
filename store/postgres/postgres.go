// Package postgres keeps the ledger in a PostgreSQL database (14 or later). It
// is the engine for a bot that runs as several replicas: they share the
// database and know of one another through it only.
//
// Every method is one transaction. What is claimed, due and put off is decided
// in the database and by its clock, so that replicas need not agree on the
// time: a source or a channel's lane is claimed by locking its row with SKIP
// LOCKED, and every write of a worker checks its claim's token in the same
// transaction. A lane, not a delivery, is what is claimed, so that one replica
// at a time sends to a channel, in order.
//
// A lost connection, a restart of the server, a deadlock or a full disk is not
// the caller's affair: the transaction is tried again until Options.Patience
// has passed. One whose commit went through although its answer was lost is
// then found done: the caller is told store.ErrLeaseLost or
// store.ErrNotFound, as if another had done it, which is safe.
//
// Replicas wake one another by NOTIFY. As notices are lost with a connection,
// Woken receives every few seconds as well.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/ledger"
)

// Options are the choices of Open. The zero Options is right for a bot.
type Options struct {
	// Patience is how long a call waits for a database that cannot be reached or
	// cannot save; 0 means 1 min. After that it fails, and the caller stops.
	Patience time.Duration
	// Replica names this opening where the database's operators look; "" is a
	// name made up.
	Replica string
	// Conns is how many connections are opened at most, unless the address says
	// (pool_max_conns); 0 means 16. One more listens.
	Conns int
}

// A Store is an open ledger. It implements [store.Store].
type Store struct {
	pool     *pgxpool.Pool
	ledger   string // its id, for ever
	copied   ledger.Copy
	self     string // this opening's name in notices
	patience time.Duration
	skew     atomic.Int64 // nanoseconds by which the database's clock is ahead

	life   sync.RWMutex // held for reading by every call, for writing by Close
	closed bool         // guarded by life

	woken chan struct{}
	stop  context.CancelFunc // ends the listener
	bell  sync.WaitGroup
}

var _ store.Store = (*Store)(nil)

// errClosed is what calls get after Close.
var errClosed = fmt.Errorf("ledger: %w", os.ErrClosed)

const (
	defaultPatience = time.Minute
	defaultConns    = 16
	versionTable    = "schema_version"
)

// settings are made for every connection, unless the address makes them, where
// the server knows them. A replica that is held up, or cut off, must not hold up
// the others: the server ends what it has begun.
var settings = map[string]string{
	"idle_in_transaction_session_timeout": "5s",
	"lock_timeout":                        "10s", // then the call is made again
	"client_connection_check_interval":    "2s",  // is anybody there, while a statement runs or waits
	"tcp_user_timeout":                    "10s",
}

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the ledger in the database at dsn, a URL or a list of settings as
// libpq takes it, and makes one in a database that holds none. Its schema is
// brought up to this version under a lock; the error wraps store.ErrSchema if a
// newer version did that already, unless it only added to the schema. No error holds the password.
func Open(ctx context.Context, dsn string, opts Options) (*Store, error) {
	conf, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: the address of the database makes no sense: %w", safe(err))
	}
	if opts.Conns <= 0 {
		opts.Conns = defaultConns
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		conf.MaxConns = int32(min(opts.Conns, 1<<10))
	}
	s := &Store{self: cmp.Or(opts.Replica, "replica") + "-" + rand.Text()[:ownLen], patience: opts.Patience, woken: make(chan struct{}, 1)}
	s.dress(conf)
	if s.pool, err = pgxpool.NewWithConfig(ctx, conf); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", safe(err))
	}
	if s.patience <= 0 {
		s.patience = defaultPatience
	}
	if err := s.open(ctx); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("open the ledger in database %q at %s: %w", conf.ConnConfig.Database, conf.ConnConfig.Host, safe(err))
	}
	lctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.bell.Go(func() { s.listen(lctx, conf.ConnConfig) })
	return s, nil
}

// ownLen is the length of the end of an opening's name that is its own.
const ownLen = 8

// dress prepares the connections of an opening. Each names its replica, so that
// the database's operators know it and that the others can end it
// ([endSessions]).
func (s *Store) dress(conf *pgxpool.Config) {
	given := conf.ConnConfig.RuntimeParams
	made := maps.Clone(settings)
	for name := range given {
		delete(made, name)
	}
	given["application_name"] = "pullquote " + s.self[len(s.self)-ownLen:] + " " + s.self[:len(s.self)-ownLen-1]
	conf.ConnConfig.DialFunc = dialer().DialContext
	conf.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		for _, name := range slices.Sorted(maps.Keys(made)) {
			_, err := conn.Exec(ctx, `SELECT set_config($1, $2, false)`, name, made[name])
			if _, refused := errors.AsType[*pgconn.PgError](err); err != nil && !refused {
				return err
			}
		}
		return nil
	}
}

// lost is after how long a connection is given up over which nothing comes.
const lost = 10 * time.Second

// dialer makes connections that notice when the way to the server is lost.
func dialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         lost,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: lost / 2, Interval: lost / 5, Count: 3},
		Control:         impatient,
	}
}

// safe takes the address out of an error of reading one: it may hold a
// password where none was expected.
func safe(err error) error {
	if pe, ok := errors.AsType[*pgconn.ParseConfigError](err); ok && pe != nil {
		if inner := errors.Unwrap(pe); inner != nil {
			return inner
		}
		return errors.New("it cannot be read")
	}
	return err
}

func (s *Store) open(ctx context.Context) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	err = s.again(ctx, func() error { return s.migrate(ctx, steps) })
	if err != nil {
		return err
	}
	if err := s.measure(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(t *txn) error {
		_, err := t.Exec(t.ctx, `INSERT INTO ledger (id) VALUES ($1) ON CONFLICT DO NOTHING`, rand.Text())
		if err != nil {
			return err
		}
		var copied, opened *time.Time
		if err := t.QueryRow(t.ctx, `SELECT id, copied, opened FROM ledger`).Scan(&s.ledger, &copied, &opened); err != nil {
			return err
		}
		s.copied = ledger.Copy{Copied: fromNull(copied), Opened: fromNull(opened)}
		return nil
	})
}

// migrate brings the schema up to this version, once at a time.
func (s *Store) migrate(ctx context.Context, steps fs.FS) error {
	var encoding string
	if err := s.pool.QueryRow(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return backoff.Permanent(fmt.Errorf("the database is encoded in %s; make one in UTF8", encoding))
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { _ = db.Close() }() // the pool stays
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	table, err := database.NewStore(goose.DialectPostgres, versionTable)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider("", db, steps, goose.WithStore(table), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring up the schema: %w", err)
	}
	is, knows, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if is > knows && !s.beside(ctx, knows) {
		return backoff.Permanent(fmt.Errorf("%w: its schema is %d, this version knows %d", store.ErrSchema, is, knows))
	}
	return nil
}

// beside reports whether a schema that is newer than the given one says that
// programs which know only that may use it.
func (s *Store) beside(ctx context.Context, knows int64) bool {
	var oldest int64
	err := s.pool.QueryRow(ctx, `SELECT beside FROM ledger`).Scan(&oldest)
	return err == nil && oldest <= knows
}

// measure learns how far the database's clock is from ours. A difference that
// comes from the way to the database is none.
func (s *Store) measure(ctx context.Context) error {
	const noise = 250 * time.Millisecond
	return s.again(ctx, func() error {
		before := time.Now()
		var there time.Time
		if err := s.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
			return err
		}
		skew := there.Sub(before.Add(time.Since(before) / 2))
		if skew.Abs() < noise {
			skew = 0
		}
		s.skew.Store(int64(skew))
		return nil
	})
}

// now returns the time by the database's clock.
func (s *Store) now() time.Time {
	return time.Now().Add(time.Duration(s.skew.Load())).UTC().Round(0)
}

// local returns the local time of a time by the database's clock; zero of none.
func (s *Store) local(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Add(-time.Duration(s.skew.Load())).UTC()
}

// there returns the database's time of a local one, nil for none.
func (s *Store) there(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return null(t.Add(time.Duration(s.skew.Load())))
}

// Times of the years that PostgreSQL and Go both know.
var (
	firstTime = time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(200000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// null returns a time for a column: nil for none.
func null(t time.Time) *time.Time {
	switch {
	case t.IsZero():
		return nil
	case t.Before(firstTime):
		t = firstTime
	case t.After(lastTime):
		t = lastTime
	}
	t = t.UTC().Round(0)
	return &t
}

// at returns a time for a column by which rows are sorted: a time always.
func at(t time.Time) time.Time {
	if p := null(t); p != nil {
		return *p
	}
	return time.Time{}
}

func fromNull(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// enter begins a call; every call that entered leaves.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return errClosed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Close implements [store.Store].
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.stop()
	s.bell.Wait()
	err := s.letGo()
	s.pool.Close()
	if err != nil {
		return fmt.Errorf("close the ledger: give up what was claimed (others have it when the claims run out): %w", err)
	}
	return nil
}

// parting is how long Close tries to give up what this opening has claimed.
const parting = 2 * time.Second

// letGo gives up every claim, so that others need not wait for it to run out.
func (s *Store) letGo() error {
	ctx, cancel := context.WithTimeout(context.Background(), parting)
	defer cancel()
	for _, table := range []string{"lane", "source", "hold"} {
		if _, err := s.pool.Exec(ctx, `UPDATE `+table+` SET expires = NULL WHERE owner = $1 AND expires IS NOT NULL`, s.self); err != nil {
			return err
		}
	}
	return nil
}

// A queryer is a transaction, a connection or the pool.
type queryer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// A txn is a transaction, or what goes to the database at once and is one by
// itself.
type txn struct {
	queryer
	s    *Store
	ctx  context.Context //nolint:containedctx // a transaction lives as long as one call
	wake bool            // tell the other replicas
}

// write runs f in a transaction, again if it could not be saved.
func (s *Store) write(ctx context.Context, f func(*txn) error) error {
	return s.run(ctx, pgx.TxOptions{}, f)
}

// view runs f on one consistent state of the ledger.
func (s *Store) view(ctx context.Context, f func(*txn) error) error {
	return s.run(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
}

func (s *Store) run(ctx context.Context, opts pgx.TxOptions, f func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.again(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, opts, func(tx pgx.Tx) error {
			t := &txn{queryer: tx, s: s, ctx: ctx}
			if err := f(t); err != nil {
				return err
			}
			if t.wake {
				_, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, s.bellName(), s.self)
				return err
			}
			return nil
		})
	})
}

// direct runs f, which sends one statement or one batch: that is a transaction by
// itself and takes one way there and back.
func (s *Store) direct(ctx context.Context, f func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.again(ctx, func() error { return f(&txn{queryer: s.pool, s: s, ctx: ctx}) })
}

// piped runs f in a transaction that takes two ways there and back: f's first
// batch begins it and its last commits it.
func (s *Store) piped(ctx context.Context, f func(*txn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.again(ctx, func() error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		err = f(&txn{queryer: conn, s: s, ctx: ctx})
		if err != nil && !conn.Conn().IsClosed() {
			if _, rerr := conn.Exec(context.WithoutCancel(ctx), "rollback"); rerr != nil {
				_ = conn.Conn().Close(context.WithoutCancel(ctx)) // it is of no use any more
			}
		}
		return err
	})
}

// again tries until it works, fails for good or the patience is at its end.
func (s *Store) again(ctx context.Context, try func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 5*time.Millisecond, 2*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := try()
		if err != nil && !passing(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(s.patience), backoff.WithMaxTries(0))
	if perm, ok := errors.AsType[*backoff.PermanentError](err); ok {
		err = perm.Err
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// passing reports whether the same may work a little later.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		return passingCode(pe.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	var ne net.Error
	return errors.As(err, &ne) || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed")
}

// passingCode reports whether an error code is of a state of the server that
// passes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func passingCode(code string) bool {
	switch code {
	case "40001", "40P01", // serialisation failure, deadlock
		"57P01", "57P02", "57P03", // it shuts down, was shut down by a crash, starts up
		"25P03", // we were held up for too long
		"25006", // it is a standby, for now
		"57014", // a statement took longer than the server's operators allow; nobody else cancels any
		"55P03": // a lock was not to be had
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "58") // connection, resources, system
}
