package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxRetryAfter = time.Hour // longer is a mistake, or gone
	maxFreshness  = 24 * time.Hour
	maxValidator  = 1 << 10 // bytes of an ETag or Last-Modified
)

// validator returns the header for the next request, verbatim, or "" if it
// could not be sent back.
func validator(h http.Header, key string) string {
	v := h.Get(key)
	if len(v) > maxValidator {
		return ""
	}
	for i := range len(v) {
		if v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f {
			return ""
		}
	}
	return v
}

// retryAfter returns how long the answer asks to wait, at most an hour; 0 if
// it does not say or says it badly.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if isDigits(v) {
		return seconds(v, maxRetryAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	// The date is by the server's clock, which may not be ours.
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// freshness returns for how long the answer says it will not change.
func freshness(h http.Header) time.Duration {
	wait := min(retryAfter(h, time.Now()), maxRetryAfter)
	control := strings.Join(h["Cache-Control"], ",")
	if control == "" {
		return wait
	}
	var age time.Duration
	for directive := range strings.SplitSeq(control, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "no-cache", "no-store":
			return wait
		case "max-age":
			age = seconds(strings.Trim(strings.TrimSpace(value), `"`), maxFreshness)
		}
	}
	age -= seconds(strings.TrimSpace(h.Get("Age")), maxFreshness)
	return max(wait, age, 0)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// seconds reads a whole number of seconds, at most limit; 0 if it is none.
func seconds(s string, limit time.Duration) time.Duration {
	if !isDigits(s) {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(limit/time.Second) {
		return limit // more digits than fit are a large number
	}
	return time.Duration(n) * time.Second
}
