package fetch

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFreshness(t *testing.T) {
	for _, tc := range []struct {
		name   string
		header http.Header
		want   time.Duration
	}{
		{"nothing", http.Header{}, 0},
		{"max-age", http.Header{"Cache-Control": {"public, max-age=60"}}, time.Minute},
		{"less its age", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"25"}}, 35 * time.Second},
		{"older than that", http.Header{"Cache-Control": {"max-age=60"}, "Age": {"90"}}, 0},
		{"quoted, in capitals, in two headers", http.Header{"Cache-Control": {"Private", `Max-Age="30"`}}, 30 * time.Second},
		{"no-cache beside it", http.Header{"Cache-Control": {"max-age=60, no-cache"}}, 0},
		{"no-store before it", http.Header{"Cache-Control": {"no-store, max-age=60"}}, 0},
		{"for shared caches only", http.Header{"Cache-Control": {"s-maxage=600"}}, 0},
		{"a year", http.Header{"Cache-Control": {"max-age=31536000"}}, maxFreshness},
		{"nonsense", http.Header{"Cache-Control": {"max-age=-1, max-age=x, ,=,;"}}, 0},
		{"Retry-After on a good answer", http.Header{"Retry-After": {"90"}, "Cache-Control": {"max-age=60"}}, 90 * time.Second},
	} {
		if got := freshness(tc.header); got != tc.want {
			t.Errorf("%s: %v; want %v", tc.name, got, tc.want)
		}
	}
}

func TestValidator(t *testing.T) {
	for v, want := range map[string]string{
		`W/"x"`:                             `W/"x"`,
		"unquoted":                          "unquoted",
		"\"\xe9\"":                          "\"\xe9\"",
		"\"a\x01\"":                         "",
		"\"a\r\nX\"":                        "",
		strings.Repeat("x", maxValidator+1): "",
	} {
		if got := validator(http.Header{"Etag": {v}}, "Etag"); got != want {
			t.Errorf("%.40q: %.40q; want %.40q", v, got, want)
		}
	}
}
