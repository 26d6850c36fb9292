package postgres

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// impatient makes the system give up a connection whose bytes nobody takes: its
// own patience is about 15 min (tcp(7), TCP_USER_TIMEOUT).
func impatient(_, _ string, conn syscall.RawConn) error {
	// One that cannot be told is as good as any other.
	return conn.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lost.Milliseconds()))
	})
}
