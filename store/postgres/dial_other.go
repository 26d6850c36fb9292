//go:build !linux

package postgres

import "syscall"

// impatient leaves the connection to the system's own patience.
func impatient(_, _ string, _ syscall.RawConn) error { return nil }
