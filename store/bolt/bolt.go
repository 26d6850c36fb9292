// Package bolt keeps the ledger in one bbolt file. It is the engine for a bot
// that runs in one process.
//
// Open takes the file for itself, reads what is due into memory, and returns
// once something could be written. From then on what is claimed and when it is
// due is decided in memory; every write checks its claim, and is grouped with
// the others that wait at that moment into one commit, so that many channels
// share the price of reaching the disk. Reads never wait for writes.
//
// Every record carries a checksum over its key and itself. A file that was cut
// or damaged gives store.ErrDamaged when the damage is met, at Open where that
// is possible, and never a panic. The layout stands in schema.go.
package bolt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/pullquote/pullquote/store"
)

// Options are the choices of Open. The zero Options is right for a bot.
type Options struct {
	// LockTimeout is how long Open waits for another process to let go of the
	// file; 0 means 1 s.
	LockTimeout time.Duration
}

// A Store is an open ledger file. It implements [store.Store].
type Store struct {
	path   string
	ledger string // its id, for ever
	db     *bbolt.DB
	file   *os.File // the one db uses
	claims *claims
	copied copyRecord // zero if the file was never a copy; not changed after Open

	copying sync.Mutex // held by a Backup

	life   sync.RWMutex // held for reading by every call, for writing by Close
	closed bool         // guarded by life

	writes chan *write // closed by Close
	loop   sync.WaitGroup

	// Owned by commitLoop while it runs, by Close after it.
	broken error // the file is damaged: nothing is saved any more
	stuck  bool  // bbolt's locks cannot be had any more
}

var _ store.Store = (*Store)(nil)

// errClosed is what calls get after Close.
var errClosed = fmt.Errorf("ledger: %w", os.ErrClosed)

// Open opens the ledger at path, which is created, readable by its owner only,
// if there is none. The error wraps store.ErrLocked if another process has it
// open, store.ErrSchema if a newer version wrote it, and store.ErrDamaged if
// it cannot be trusted. Beside the file stands another, path.id, which names
// the ledger and the process that has it open.
func Open(path string, opts Options) (*Store, error) {
	s := &Store{path: path, writes: make(chan *write, maxBatch)}
	if err := s.open(opts); err != nil {
		return nil, fmt.Errorf("open ledger %s: %w", path, err)
	}
	s.loop.Go(s.commitLoop)
	return s, nil
}

func (s *Store) open(opts Options) error {
	m := readMark(s.path)
	info, err := os.Stat(s.path)
	if err == nil && info.Size() == 0 && m.ledger != "" {
		return damaged("the file is empty, but was not: restore a backup, or remove it and %s to begin anew", markPath(s.path))
	}
	if err == nil && !info.Mode().IsRegular() {
		return errors.New("this is not a file")
	}
	if err := s.openFile(opts, m); err != nil {
		return err
	}
	if err := guard(s.load); err != nil {
		_ = s.closeFile() // the error at hand matters more
		return err
	}
	writeMark(s.path, mark{ledger: s.ledger, pid: os.Getpid()})
	return nil
}

// openFile checks and opens the bbolt file.
func (s *Store) openFile(opts Options, m mark) error {
	bopts := *bbolt.DefaultOptions
	bopts.Timeout = opts.LockTimeout
	if bopts.Timeout <= 0 {
		bopts.Timeout = time.Second
	}
	bopts.FreelistType = bbolt.FreelistMapType
	bopts.NoStatistics = true
	bopts.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		s.file, err = os.OpenFile(name, flag, mode)
		return s.file, err
	}
	size := int64(0)
	if info, err := os.Stat(s.path); err == nil && info.Size() > 0 {
		size = info.Size()
		ro := bopts
		ro.ReadOnly = true
		if err := s.openBolt(&ro, m); err != nil {
			return err
		}
		err := inspect(s.file, info.Size())
		if cerr := s.db.Close(); err != nil || cerr != nil {
			return cmpError(err, cerr)
		}
	}
	if mapAhead {
		bopts.InitialMmapSize = int(max(mapped, 2*size))
	}
	err := s.openBolt(&bopts, m)
	if errors.Is(err, syscall.ENOMEM) { // a process of little address space
		bopts.InitialMmapSize = 0
		err = s.openBolt(&bopts, m)
	}
	if err == nil && bopts.InitialMmapSize > 0 {
		s.db.AllocSize = allocSize(size)
	}
	return err
}

// To map more of the file bbolt waits for all readers, and everybody else waits
// for it: a copy that is made slowly would stop the bot. So more is mapped than
// there is, where that costs nothing but addresses.
const (
	mapped   = 1 << 30
	mapAhead = strconv.IntSize == 64 && runtime.GOOS != "windows" // there the file would become as large
)

// allocSize is by how much a file of a size grows at a time.
func allocSize(size int64) int { return int(min(max(size/8, 64<<10), 16<<20)) }

// openBolt opens the file for bbolt. bbolt panics on some damaged files and
// keeps its lock then; the lock goes with the file.
func (s *Store) openBolt(opts *bbolt.Options, m mark) error {
	err := guard(func() (err error) {
		s.db, err = bbolt.Open(s.path, 0o600, opts)
		return err
	})
	var pathErr *fs.PathError
	var sysErr *os.SyscallError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrTimeout) && m.pid != 0:
		return fmt.Errorf("%w (process %d)", store.ErrLocked, m.pid)
	case errors.Is(err, berrors.ErrTimeout):
		return store.ErrLocked
	case errors.Is(err, store.ErrDamaged):
		_ = s.file.Close() // the error at hand matters more
		return err
	case errors.As(err, &pathErr), errors.As(err, &sysErr):
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrDamaged, err)
}

// load checks what kind of file it is, marks this opening in it, and reads
// what is due.
func (s *Store) load() error {
	var epoch uint64
	err := s.db.Update(func(tx *bbolt.Tx) error {
		t := &txn{tx: tx}
		err := s.identify(t)
		if err != nil {
			return err
		}
		if s.copied, err = t.recognise(time.Now().UTC()); err != nil {
			return err
		}
		if _, err := t.get(metaBucket, []byte("epoch"), &epoch); err != nil {
			return err
		}
		epoch++
		return t.put(metaBucket, []byte("epoch"), epoch)
	})
	if err != nil {
		return err
	}
	s.claims = newClaims(epoch << 32)
	return s.db.View(func(tx *bbolt.Tx) error { return s.claims.load(&txn{tx: tx}, time.Now()) })
}

// identify reads the ledger's id and version, and makes a new file a ledger.
func (s *Store) identify(t *txn) error {
	if t.tx.Bucket([]byte(metaBucket)) == nil {
		if k, _ := t.tx.Cursor().First(); k != nil {
			return errors.New("this is a bbolt file of another program")
		}
		return s.initialise(t)
	}
	var version int
	if ok, err := t.get(metaBucket, []byte("schema"), &version); err != nil || !ok {
		return cmpError(err, damaged("it has no schema version"))
	}
	if version > schema {
		return fmt.Errorf("%w: its schema is %d, this version knows %d", store.ErrSchema, version, schema)
	}
	if ok, err := t.get(metaBucket, []byte("ledger"), &s.ledger); err != nil || !ok {
		return cmpError(err, damaged("it has no id"))
	}
	if err := t.migrate(version); err != nil {
		return fmt.Errorf("bring it up from schema %d: %w", version, err)
	}
	for _, name := range buckets {
		if t.tx.Bucket([]byte(name)) == nil {
			return damaged("its part %s is not there", name)
		}
	}
	return nil
}

// cmpError returns the first error that is one.
func cmpError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s *Store) initialise(t *txn) error {
	for _, name := range buckets {
		if _, err := t.tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	s.ledger = rand.Text()
	if err := t.put(metaBucket, []byte("ledger"), s.ledger); err != nil {
		return err
	}
	return t.put(metaBucket, []byte("schema"), schema)
}

// load reads what is due. A wait is never longer than it was meant to be, even
// if the clock was set back since.
func (c *claims) load(t *txn, now time.Time) error {
	err := t.each(sourceBucket, nil, func(k, v []byte) error {
		src := &source{}
		if err := unseal(sourceBucket, k, v, &src.rec); err != nil {
			return err
		}
		if src.rec.Followed {
			c.sources[src.rec.Source.ID] = src
			c.putSource(src, now.Add(wait(now, src.rec.Next, src.rec.Planned)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = t.each(outBucket, nil, func(k, v []byte) error {
		var d deliveryRecord
		if err := unseal(outBucket, k, v, &d); err != nil {
			return err
		}
		p, next := promiseOf(&d), now.Add(wait(now, d.NextAttempt, d.Planned))
		if !d.Hold.IsZero() {
			p.until = now.Add(wait(now, d.Hold, d.Enqueued))
		}
		if d.Alone && !d.NextAttempt.IsZero() {
			p.until = next
		}
		c.push(d.Channel, p)
		if l := c.lane(d.Channel); !d.Alone && !d.NextAttempt.IsZero() && next.After(l.until) {
			c.putOffFor(d.Channel, d.ID, next)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.each(abandonedBucket, nil, func(k, v []byte) error {
		c.abandoned++
		return nil
	})
}

// wait returns how long to wait until next, which was set at the time planned.
func wait(now, next, planned time.Time) time.Duration {
	return min(next.Sub(now), max(next.Sub(planned), 0))
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
	close(s.writes)
	s.loop.Wait()
	if err := s.closeFile(); err != nil {
		return fmt.Errorf("close ledger %s: %w", s.path, err)
	}
	return nil
}

// closeFile lets go of the file, even if bbolt cannot.
func (s *Store) closeFile() error {
	if s.stuck {
		return s.file.Close()
	}
	err := guard(s.db.Close)
	if errors.Is(err, store.ErrDamaged) {
		_ = s.file.Close()
	}
	return err
}

// A mark is what the file beside a ledger says: which ledger it is, and which
// process opened it last. It tells a file that lost everything from one that
// never held anything.
type mark struct {
	ledger string
	pid    int
}

func markPath(path string) string { return path + ".id" }

// readMark returns the zero mark if there is none to read.
func readMark(path string) (m mark) {
	text, err := os.ReadFile(markPath(path))
	if err != nil {
		return m
	}
	for line := range strings.Lines(string(text)) {
		if id, ok := strings.CutPrefix(line, "ledger "); ok {
			m.ledger = strings.TrimSpace(id)
		}
		_, _ = fmt.Sscanf(line, "process %d", &m.pid) // other lines do not match
	}
	return m
}

// writeMark is not essential: a ledger in a directory that takes no new file
// is guarded a little less.
func writeMark(path string, m mark) {
	text := fmt.Sprintf("ledger %s\nprocess %d\n", m.ledger, m.pid)
	_ = os.WriteFile(markPath(path), []byte(text), 0o600)
}

// Path returns the path the ledger was opened by.
func (s *Store) Path() string { return s.path }
