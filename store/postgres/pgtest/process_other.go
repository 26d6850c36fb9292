//go:build !linux

package pgtest

import "os/exec"

// own has nothing to do: the server runs as we do.
func own(string) error { return nil }

// ordinary has nothing to do: who is root gets the server's own error.
func ordinary(*exec.Cmd) {}

// begin starts a program.
func begin(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the program
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}
