package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pullquote/pullquote/bot/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pullquote": func() { main() }})
}

// TestScript runs the stories in testdata/script against the built program.
// Besides testscript's own commands they have:
//
//	site FILE...             serve the folder $WORK/site on loopback, as $SITE,
//	                         and put its address for SITE in the files
//	start NAME CMD ARG...    start a program; it reads from start's NAME.in
//	await NAME TEXT          wait until its output (both streams) holds TEXT
//	type NAME TEXT           type a line into it
//	stop NAME                interrupt it, wait for its end, check it was quick
//	output NAME FILE         write its output so far to a file
//	slack, discord           start a platform on loopback (see platforms_test.go)
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"site": cmdSite, "start": cmdStart, "await": cmdAwait, "type": cmdType, "stop": cmdStop, "output": cmdOutput,
			"slack": cmdSlack, "discord": cmdDiscord,
		},
	})
}

func setUp(env *testscript.Env) error {
	example, err := os.ReadFile("config.example.yaml")
	if err != nil {
		return err
	}
	env.Values[programsKey{}] = map[string]*program{}
	env.Values[statesKey{}] = map[any]any{}
	return os.WriteFile(filepath.Join(env.WorkDir, "config.example.yaml"), example, 0o644)
}

// patience bounds every wait: it is only reached when something is broken.
const patience = 60 * time.Second

type programsKey struct{}

// program is a started process whose output can be waited for.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser

	mu      sync.Mutex
	out     bytes.Buffer
	changed chan struct{} // closed and replaced at each write
	ended   chan struct{} // closed when the process has ended
	err     error
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.changed)
	p.changed = make(chan struct{})
	return p.out.Write(b)
}

func (p *program) output() (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.changed
}

// await blocks until the output matches.
func (p *program) await(ctx context.Context, pattern *regexp.Regexp) error {
	for {
		out, changed := p.output()
		if pattern.MatchString(out) {
			return nil
		}
		select {
		case <-changed:
		case <-p.ended:
			if out, _ := p.output(); !pattern.MatchString(out) {
				return fmt.Errorf("ended without %q:\n%s", pattern, out)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("no %q in:\n%s", pattern, out)
		}
	}
}

func launch(dir string, env []string, path string, args ...string) (*program, error) {
	p := &program{cmd: exec.Command(path, args...), changed: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, env
	p.cmd.Stdout, p.cmd.Stderr = p, p
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

func programs(ts *testscript.TestScript) map[string]*program {
	return ts.Value(programsKey{}).(map[string]*program)
}

func theProgram(ts *testscript.TestScript, args []string, n int) *program {
	if len(args) < n {
		ts.Fatalf("too few arguments: %q", args)
	}
	p := programs(ts)[args[0]]
	if p == nil {
		ts.Fatalf("no program %q was started", args[0])
	}
	return p
}

func cmdStart(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: start NAME CMD ARG...")
	}
	path, err := exec.LookPath(args[1])
	if dir := ts.Getenv("PATH"); err != nil {
		path = filepath.Join(strings.Split(dir, string(os.PathListSeparator))[0], args[1])
	}
	p, err := launch(ts.MkAbs("."), environ(ts), path, args[2:]...)
	ts.Check(err)
	programs(ts)[args[0]] = p
	ts.Defer(func() {
		p.cmd.Process.Kill()
		<-p.ended
	})
}

// environ returns the script's environment for a process.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, k := range []string{"PATH", "HOME", "TMPDIR", "SITE", "SLACK_URL", "DISCORD_URL",
		"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "DISCORD_BOT_TOKEN"} {
		if v := ts.Getenv(k); v != "" {
			env = append(env, k+"="+v)
		}
	}
	return env
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	p := theProgram(ts, args, 2)
	if neg {
		ts.Fatalf("await waits for something to happen: use output and ! grep")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(p.await(ctx, regexp.MustCompile(strings.Join(args[1:], " "))))
}

func cmdType(ts *testscript.TestScript, _ bool, args []string) {
	p := theProgram(ts, args, 2)
	_, err := io.WriteString(p.in, strings.Join(args[1:], " ")+"\n")
	ts.Check(err)
}

// maxStop is what the README promises of Ctrl-C, with room for a loaded
// machine under the race detector.
const maxStop = 2 * time.Second

func cmdStop(ts *testscript.TestScript, _ bool, args []string) {
	p := theProgram(ts, args, 1)
	start := time.Now()
	ts.Check(p.cmd.Process.Signal(os.Interrupt))
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s did not stop", args[0])
	}
	if d := time.Since(start); d > maxStop {
		ts.Fatalf("%s took %v to stop", args[0], d)
	}
	if p.err != nil {
		out, _ := p.output()
		ts.Fatalf("%s: %v\n%s", args[0], p.err, out)
	}
}

func cmdOutput(ts *testscript.TestScript, _ bool, args []string) {
	p := theProgram(ts, args, 2)
	out, _ := p.output()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out), 0o644))
}

// minute stands in a page of a script for a time: {7} is seven minutes after
// the hour before the site began.
var minute = regexp.MustCompile(`\{\d+\}`)

// cmdSite serves $WORK/site: a file is a page, and a file NAME.status beside
// it answers with that status instead. Pages have ETags, so an unchanged one
// is answered with 304.
func cmdSite(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs("site")
	start := time.Now().UTC().Add(-time.Hour).Truncate(time.Minute)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file := filepath.Join(dir, filepath.Base(r.URL.Path))
		if status, err := os.ReadFile(file + ".status"); err == nil {
			var code int
			fmt.Sscan(string(status), &code)
			http.Error(w, "out of order", code)
			return
		}
		body, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			http.NotFound(w, r)
			return
		}
		body = minute.ReplaceAllFunc(body, func(m []byte) []byte {
			n, _ := time.ParseDuration(string(m[1:len(m)-1]) + "m") // the pattern holds digits only
			return []byte(start.Add(n).Format(time.RFC3339))
		})
		w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(body))))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}))
	ts.Defer(srv.Close)
	ts.Setenv("SITE", srv.URL)
	fill(ts, "SITE", srv.URL, args)
}

// fill puts an address in place of a word in files of the script.
func fill(ts *testscript.TestScript, word, address string, files []string) {
	for _, name := range files {
		text, err := os.ReadFile(ts.MkAbs(name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), bytes.ReplaceAll(text, []byte(word), []byte(address)), 0o644))
	}
}

// TestVersionRuns holds the wiring of main without a process.
func TestVersionRuns(t *testing.T) {
	var out bytes.Buffer
	if code := cli.Main([]string{"version"}, cli.Streams{Out: &out, Err: io.Discard}, os.LookupEnv); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if !strings.HasPrefix(out.String(), "pullquote ") {
		t.Errorf("version: %q", out.String())
	}
}
