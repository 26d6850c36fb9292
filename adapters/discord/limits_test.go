package discord

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 14, 14, 0, 0, 0, time.UTC)

func headers(remaining, after, bucket string) http.Header {
	h := http.Header{}
	for k, v := range map[string]string{"X-RateLimit-Remaining": remaining, "X-RateLimit-Reset-After": after, "X-RateLimit-Bucket": bucket} {
		if v != "" {
			h.Set(k, v)
		}
	}
	return h
}

func TestLimitsLearn(t *testing.T) {
	r, other := route{"POST /channels/messages", "1"}, route{"POST /channels/messages", "2"}
	for _, tt := range []struct {
		name string
		h    http.Header
		want time.Duration // of a request right after
	}{
		{"one left", headers("1", "5", ""), 0},
		{"none left", headers("0", "5.25", "abc"), 5250*time.Millisecond + rounding},
		{"none left, at once full again", headers("0", "0", ""), 0},
		{"no headers", http.Header{}, 0},
		{"absurd", headers("0", "1e9", ""), 0},
		{"NaN", headers("0", "NaN", ""), 0},
		{"negative", headers("0", "-1", ""), 0},
		{"words", headers("none", "soon", ""), 0},
	} {
		l := newLimits(0, 0)
		l.learn(r, tt.h, epoch)
		if got, global := l.take(r, "", epoch); got != tt.want || global {
			t.Errorf("%s: wait %v, global %v; want %v", tt.name, got, global, tt.want)
		}
		if got, _ := l.take(other, "", epoch); got != 0 {
			t.Errorf("%s: another channel waits %v", tt.name, got)
		}
		if got, _ := l.take(r, "", epoch.Add(6*time.Second)); got != 0 {
			t.Errorf("%s: still %v after the reset", tt.name, got)
		}
	}
}

func TestLimitsCountDown(t *testing.T) {
	l, r := newLimits(0, 0), route{"POST", "1"}
	l.learn(r, headers("2", "5", ""), epoch)
	for i, want := range []time.Duration{0, 0, 5*time.Second + rounding} {
		if got, _ := l.take(r, "", epoch); got != want {
			t.Errorf("request %d waits %v, want %v", i, got, want)
		}
	}
	l.learn(r, headers("3", "5", ""), epoch) // an answer that was overtaken
	if got, _ := l.take(r, "", epoch); got == 0 {
		t.Error("an old answer gave requests back")
	}
}

func TestInvalidBudgetSlides(t *testing.T) {
	l, r := newLimits(100, 0), route{"POST", "1"}
	for i := range 100 {
		if got, _ := l.take(r, "", epoch); got != 0 {
			t.Fatalf("refused after %d", i)
		}
		l.count(epoch.Add(time.Duration(i) * time.Second))
	}
	now := epoch.Add(100 * time.Second)
	got, global := l.take(r, "", now)
	if !global || got != probePause {
		t.Errorf("wait %v, global %v", got, global)
	}
	for now = now.Add(got); now.Before(epoch.Add(10 * time.Minute)); now = now.Add(probePause) {
		if got, _ := l.take(r, "", now); got != 0 {
			t.Errorf("no probe at %v: %v", now.Sub(epoch), got)
		}
		if got, _ := l.take(r, "", now.Add(time.Second)); got <= 0 || got > probePause {
			t.Errorf("two probes in a minute: %v", got)
		}
	}
	for i := range 100 {
		if got, _ := l.take(r, "", epoch.Add(20*time.Minute)); got != 0 {
			t.Fatalf("request %d after the window waits %v", i, got)
		}
	}
}

func TestLimitsForget(t *testing.T) {
	l := newLimits(0, 0)
	for i := range 3 * maxKept {
		l.learn(route{"POST", fmt.Sprint(i)}, headers("1", "1", ""), epoch.Add(time.Duration(i)*time.Second))
	}
	if n := len(l.buckets); n > maxKept {
		t.Errorf("%d buckets kept", n)
	}
}
