package fetch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHTTPClient posts as to a hub, where it may and where it may not.
func TestHTTPClient(t *testing.T) {
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("/hub", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, r.Method+" "+string(body)+" "+r.UserAgent()+" "+r.Header.Get("Cookie"))
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, "/hub", http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/seen", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/hub", http.StatusSeeOther) })
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/round", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/meta", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusTemporaryRedirect)
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c := New(Options{UserAgent: "Test/1"})
	defer c.Close()

	post := func(private bool, address string) (int, error) {
		resp, err := c.HTTPClient(private).Post(address, "text/plain", strings.NewReader("x=1"))
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		return resp.StatusCode, nil
	}
	for path, want := range map[string]int{"/hub": 202, "/moved": 202, "/seen": 303} {
		if status, err := post(true, srv.URL+path); status != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", path, status, err, want)
		}
	}
	for _, line := range got {
		if line != "POST x=1 Test/1 " {
			t.Errorf("the hub got %q", line)
		}
	}
	if len(got) != 2 {
		t.Errorf("the hub got %d requests", len(got))
	}
	for name, tc := range map[string]struct {
		private bool
		address string
		want    string
	}{
		"public client, loopback": {false, srv.URL + "/hub", "ports 80 and 443"},
		"public client, port 80":  {false, "http://127.0.0.1/hub", errAddress.Error()},
		"redirect to metadata":    {true, srv.URL + "/meta", errForeign.Error()},
		"redirect in a circle":    {true, srv.URL + "/round", "redirects"},
		"another scheme":          {true, "ftp://127.0.0.1/", "only http and https"},
	} {
		_, err := post(tc.private, tc.address)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	if _, err := post(true, srv.URL+"/meta"); !errors.Is(err, errForeign) {
		t.Errorf("the reason is lost in %v", err)
	}
}
