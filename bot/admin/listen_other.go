//go:build !unix

package admin

import (
	"context"
	"net"
)

// listenPrivately makes the socket. Who may open it is what its folder says.
func listenPrivately(ctx context.Context, path string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "unix", path)
}
