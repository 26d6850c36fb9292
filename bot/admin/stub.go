//go:build !prometheus

package admin

import (
	"net/http"
	"time"
)

// meters of a build without Prometheus count nothing.
type meters struct{}

func newMeters(string) *meters { return &meters{} }

func (*meters) polled(string, time.Duration) {}

func (*meters) delivered(delivered) {}

func (*meters) refused(string, string) {}

func (*meters) handler(gauges) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this build has no metrics", http.StatusNotImplemented)
	})
}
