//go:build unix

package admin

import (
	"context"
	"net"
	"syscall"
)

// listenPrivately makes the socket so that nobody else can open it even for the
// moment before its mode is set. The mask holds for the whole process: what else
// is made at the same time is private too, which does no harm.
func listenPrivately(ctx context.Context, path string) (net.Listener, error) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	var lc net.ListenConfig
	return lc.Listen(ctx, "unix", path)
}
