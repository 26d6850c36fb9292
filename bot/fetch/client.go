package fetch

import (
	"errors"
	"fmt"
	"net/http"
)

// HTTPClient returns a client for requests that are no readings, such as those
// to a hub. It keeps Fetch's rules about addresses, also at redirects, its time
// and its User-Agent, and sends no cookies. private allows loopback and private
// addresses. How much of an answer is read is the caller's to bound.
func (c *Client) HTTPClient(private bool) *http.Client {
	t := guarded{client: c, private: private, transport: c.public}
	if private {
		t.transport = c.private
	}
	return &http.Client{Transport: t, Timeout: c.timeout, CheckRedirect: sameMethod}
}

// sameMethod follows redirects that ask for the same request elsewhere; those
// that would make a GET of a POST end it.
func sameMethod(req *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	switch {
	case req.Method != last.Method:
		return http.ErrUseLastResponse
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects", maxRedirects)
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("redirected from https to something not encrypted")
	}
	req.Header.Del("Referer")
	return nil
}

// guarded checks the address of each request, those of redirects among them.
type guarded struct {
	client    *Client
	private   bool
	transport *http.Transport
}

// RoundTrip sends the request if its address may be asked.
func (g guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if err := checkURL(req.URL, g.private); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as RoundTrip promises
		}
		return nil, err
	}
	req.Header["User-Agent"] = g.client.userAgent
	return g.transport.RoundTrip(req)
}
