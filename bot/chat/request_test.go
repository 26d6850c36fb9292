package chat_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// TestNewRequest holds a request up where it is about to be written.
func TestNewRequest(t *testing.T) {
	got := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil { // what breaks off is no request
			got <- string(body)
		}
	}))
	defer srv.Close()

	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Minute))
	defer cancel()
	r, err := chat.NewRequest(ctx, http.MethodPost, srv.URL, []byte("a card"))
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength != 6 {
		t.Errorf("length %d", r.ContentLength)
	}
	answer, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if body := <-got; body != "a card" {
		t.Errorf("sent %q", body)
	}

	// The time is over while the connection is made, and no timer tells.
	ctx = late{t.Context(), time.Now().Add(50 * time.Millisecond)}
	if r, err = chat.NewRequest(ctx, http.MethodPost, srv.URL, []byte("a late card")); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
		<-time.After(time.Until(ctx.(late).end))
		return new(net.Dialer).DialContext(t.Context(), network, address)
	}}}
	answer, err = client.Do(r)
	if err == nil {
		answer.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	client.CloseIdleConnections()
	srv.Close() // waits for requests
	select {
	case body := <-got:
		t.Errorf("sent %q late", body)
	default:
	}
}

// A late has a deadline of which no timer tells.
type late struct {
	context.Context
	end time.Time
}

func (l late) Deadline() (time.Time, bool) { return l.end, true }
