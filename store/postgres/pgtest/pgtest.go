// Package pgtest starts a real PostgreSQL for tests, from the programs that are
// installed on the machine, and stops it when they end.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// DSNVariable names the variable of the environment with the address of a
// server to use instead of one of our own. The tests make and drop databases
// there; those that stop the server are skipped.
const DSNVariable = "STORE_TEST_DSN"

// A Server is a running PostgreSQL. Its methods are safe for concurrent use,
// but for Stop, Start and Restart.
type Server struct {
	dsn     string // without a database
	bin     string // where the programs are; "" for one that is not ours
	dir     string
	port    int
	conf    []string
	process *process

	mu        sync.Mutex
	templates map[string]string // databases that were filled, by name
}

var (
	shared     *Server
	sharedErr  error
	sharedOnce sync.Once
)

// Start returns the server of this test binary, which it starts if it is the
// first call. Where none can be had, the test is skipped, or fails if CI is
// set. Main stops the server.
func Start(tb testing.TB) *Server {
	tb.Helper()
	sharedOnce.Do(func() {
		if dsn := os.Getenv(DSNVariable); dsn != "" {
			shared = &Server{dsn: dsn, templates: map[string]string{}}
			return
		}
		shared, sharedErr = launch("fsync=off", "full_page_writes=off", "synchronous_commit=off")
	})
	absent(tb, sharedErr)
	return shared
}

// New starts a server for one test, which keeps its promises as in earnest, and
// stops it when the test ends. Where none can be had it does as Start.
func New(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := launch(settings...)
	absent(tb, err)
	tb.Cleanup(s.close)
	return s
}

// errAbsent: there is nothing to start.
var errAbsent = errors.New("no PostgreSQL")

func absent(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errAbsent) && os.Getenv("CI") == "":
		tb.Skipf("%v: install it (Debian: apt-get install postgresql) or set %s to the address of a server", err, DSNVariable)
	default:
		tb.Fatal(err)
	}
}

// Main runs the tests of a package and stops the server that they started. It
// is for TestMain, and returns what it should exit with.
func Main(m *testing.M) int {
	code := m.Run()
	if shared != nil && shared.bin != "" {
		shared.close()
	}
	return code
}

// programs returns the folder of the newest installed PostgreSQL.
func programs() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is a good one
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	for _, pattern := range []string{"/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		more, _ := filepath.Glob(pattern)
		dirs = append(dirs, more...)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: initdb is neither on PATH nor where it usually is", errAbsent)
}

func version(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // 0 for what is none
	return n
}

func launch(settings ...string) (s *Server, err error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	sweep()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	s = &Server{bin: bin, dir: dir, conf: settings, templates: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := own(dir); err != nil {
		return nil, err
	}
	out, err := s.command("initdb", "-D", s.data(), "-U", "pullquote", "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	s.dsn = fmt.Sprintf("host=127.0.0.1 port=%d user=pullquote", s.port)
	return s, s.start()
}

// prefix begins the names of the servers' folders.
const prefix = "pullquote-postgres-"

// sweep removes the folders of servers whose tests were killed. The servers
// ended with them.
func sweep() {
	const old = time.Hour                                             // a younger one may be about to start
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is a good one
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > old && !serves(dir) {
			_ = os.RemoveAll(dir) // another user's stays
		}
	}
}

// serves reports whether the server of a folder runs.
func serves(dir string) bool {
	file, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	line, _, _ := strings.Cut(string(file), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return true
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }()
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// freePort returns a port that nobody listens on at the moment.
func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	addr, _ := l.Addr().(*net.TCPAddr)
	return addr.Port, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command returns a program of PostgreSQL's as an ordinary user, which it
// insists on.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...) // it is stopped, not cut off
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	ordinary(cmd)
	return cmd
}

// patience is how long a server may take to start or stop.
const patience = 30 * time.Second

func (s *Server) start() error {
	args := []string{"-D", s.data(), "-k", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)}
	for _, c := range append([]string{"max_connections=200", "shared_buffers=64MB", "logging_collector=off"}, s.conf...) {
		args = append(args, "-c", c)
	}
	cmd := s.command("postgres", args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	p, err := begin(cmd)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.process = p
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ask(ctx, "postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("PostgreSQL ended at once: %w\n%s", p.err, log.String())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// A process is a server that runs.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error
}

func (s *Server) ask(ctx context.Context, database, query string) error {
	conn, err := pgx.Connect(ctx, s.dsn+" dbname="+database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, query)
	return err
}

// Database makes an empty database, which is dropped when the test ends, and
// returns its address.
func (s *Server) Database(tb testing.TB) string { return s.Filled(tb, "", nil) }

// Filled makes a database as fill made the first one of that name, and returns
// its address.
func (s *Server) Filled(tb testing.TB, name string, fill func(dsn string) error) string {
	tb.Helper()
	s.mu.Lock()
	template := s.templates[name]
	if fill != nil && template == "" {
		template = "template_" + strings.ToLower(rand.Text())
		s.must(tb, "CREATE DATABASE "+template)
		if err := fill(s.address(template)); err != nil {
			s.mu.Unlock()
			tb.Fatal(err)
		}
		s.templates[name] = template
	}
	s.mu.Unlock()
	db := "test_" + strings.ToLower(rand.Text())
	if template == "" {
		s.must(tb, "CREATE DATABASE "+db)
	} else {
		s.must(tb, "CREATE DATABASE "+db+" TEMPLATE "+template)
	}
	tb.Cleanup(func() {
		_ = s.ask(context.Background(), "postgres", "DROP DATABASE IF EXISTS "+db+" WITH (FORCE)") // the server may be gone
	})
	return s.address(db)
}

// DatabaseIn makes an empty database whose files lie in an empty folder, and
// returns its address.
func (s *Server) DatabaseIn(tb testing.TB, dir string) string {
	tb.Helper()
	if s.bin == "" {
		tb.Skip("the server is not ours: its files cannot be put where we want")
	}
	if err := own(dir); err != nil {
		tb.Fatal(err)
	}
	db := "test_" + strings.ToLower(rand.Text())
	s.must(tb, "CREATE TABLESPACE "+db+" LOCATION '"+strings.ReplaceAll(dir, "'", "''")+"'")
	s.must(tb, "CREATE DATABASE "+db+" TABLESPACE "+db)
	tb.Cleanup(func() {
		ctx := context.Background()
		_ = s.ask(ctx, "postgres", "DROP DATABASE IF EXISTS "+db+" WITH (FORCE)") // the server may be gone
		_ = s.ask(ctx, "postgres", "DROP TABLESPACE IF EXISTS "+db)
	})
	return s.address(db)
}

func (s *Server) address(database string) string { return s.dsn + " dbname=" + database }

func (s *Server) must(tb testing.TB, query string) {
	tb.Helper()
	if err := s.ask(tb.Context(), "postgres", query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// Exec runs a statement in the database at an address that this package gave.
func (s *Server) Exec(tb testing.TB, dsn, query string) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(tb.Context())) }()
	if _, err := conn.Exec(tb.Context(), query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// Terminate ends every connection to every database but its own.
func (s *Server) Terminate(tb testing.TB) {
	tb.Helper()
	s.must(tb, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
}

// A Mode is a way to stop.
type Mode string

// The modes of pg_ctl.
const (
	Fast      Mode = "fast"      // ends connections
	Immediate Mode = "immediate" // as if the power had failed
)

// Data returns the folder of the server's data; "" of a server that is not ours.
func (s *Server) Data() string {
	if s.bin == "" {
		return ""
	}
	return s.data()
}

// Stop stops the server; a test for which it is not ours is skipped.
func (s *Server) Stop(tb testing.TB, how Mode) {
	tb.Helper()
	if s.bin == "" {
		tb.Skip("the server is not ours to stop")
	}
	out, err := s.command("pg_ctl", "-D", s.data(), "-m", string(how), "-w", "stop").CombinedOutput()
	if err != nil {
		tb.Fatalf("stop PostgreSQL: %v\n%s", err, out)
	}
	<-s.process.done
}

// Restart starts the server again after Stop, at the same address.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	if err := s.start(); err != nil {
		tb.Fatal(err)
	}
}

// close stops the server for good.
func (s *Server) close() {
	_ = s.command("pg_ctl", "-D", s.data(), "-m", string(Immediate), "-w", "stop").Run() // it may be stopped already
	<-s.process.done
	_ = os.RemoveAll(s.dir)
}
