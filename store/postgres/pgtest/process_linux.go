package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"syscall"
)

// servant returns the ordinary user as whom root starts the server; nil if we
// are no root.
func servant() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

// own gives a folder to whom the server runs as.
func own(dir string) error {
	if c := servant(); c != nil {
		return os.Chown(dir, int(c.Uid), int(c.Gid))
	}
	return nil
}

// ordinary makes a program run as an ordinary user.
func ordinary(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Credential: servant()} }

// begin starts a program that ends when this one does, however that may be. The
// signal follows the end of the thread that started it, so one is kept for it.
func begin(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // an immediate shutdown
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() { // ends with the program
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}
