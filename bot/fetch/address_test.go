package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pullquote/pullquote/bot/news"
)

// special are the networks that are not the public internet: what the IANA
// registers for IPv4 and IPv6 say, and what clouds use for themselves.
var special = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
	"168.63.129.16/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",
	"::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
	"2001::/23", "2001::/32", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
}

func last(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

func middle(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	if p.Bits() < len(raw)*8 {
		raw[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

func isSpecial(a netip.Addr) bool {
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return true
	}
	return slices.ContainsFunc(special, func(s string) bool { return netip.MustParsePrefix(s).Contains(a) })
}

func TestPublicAddresses(t *testing.T) {
	for _, s := range special {
		p := netip.MustParsePrefix(s)
		for _, a := range []netip.Addr{p.Addr(), middle(p), last(p)} {
			if err := checkPublic(a, 80); !errors.Is(err, errAddress) {
				t.Errorf("%v of %v: %v; want refusal", a, p, err)
			}
		}
		for _, a := range []netip.Addr{p.Addr().Prev(), last(p).Next()} {
			if !a.IsValid() || isSpecial(a) {
				continue
			}
			if err := checkPublic(a, 443); err != nil {
				t.Errorf("%v beside %v: %v; want none", a, p, err)
			}
		}
	}
	for _, s := range []string{"1.1.1.1", "93.184.216.34", "168.63.129.15", "2606:4700::1111", "2a00:1450:4001::1"} {
		if err := checkPublic(netip.MustParseAddr(s), 443); err != nil {
			t.Errorf("%s: %v; want none", s, err)
		}
		if err := checkPublic(netip.MustParseAddr(s), 8080); !errors.Is(err, errPort) {
			t.Errorf("%s, port 8080: %v; want refusal", s, err)
		}
	}
}

// TestAddressesInAddresses wraps addresses that must not be dialled into every
// form of IPv6 that some gateway unwraps.
func TestAddressesInAddresses(t *testing.T) {
	inner := []string{
		"127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
		"192.0.0.192", "168.63.129.16", "198.18.0.1", "224.0.0.1", "255.255.255.255",
	}
	forms := map[string]func(a [4]byte) [16]byte{
		"mapped":     func(a [4]byte) [16]byte { return [16]byte{10: 0xff, 11: 0xff, 12: a[0], a[1], a[2], a[3]} },
		"compatible": func(a [4]byte) [16]byte { return [16]byte{12: a[0], a[1], a[2], a[3]} },
		"translated": func(a [4]byte) [16]byte { return [16]byte{8: 0xff, 9: 0xff, 12: a[0], a[1], a[2], a[3]} },
		"6to4":       func(a [4]byte) [16]byte { return [16]byte{0x20, 0x02, a[0], a[1], a[2], a[3], 15: 1} },
		"NAT64":      func(a [4]byte) [16]byte { return [16]byte{0, 0x64, 0xff, 0x9b, 12: a[0], a[1], a[2], a[3]} },
		"NAT64, local": func(a [4]byte) [16]byte {
			return [16]byte{0, 0x64, 0xff, 0x9b, 0, 1, a[0], a[1], 0, a[2], a[3]}
		},
		"Teredo": func(a [4]byte) [16]byte {
			return [16]byte{0x20, 0x01, 0, 0, 12: ^a[0], ^a[1], ^a[2], ^a[3]}
		},
		"ISATAP": func(a [4]byte) [16]byte { return [16]byte{0xfe, 0x80, 10: 0x5e, 11: 0xfe, 12: a[0], a[1], a[2], a[3]} },
	}
	for name, wrap := range forms {
		for _, s := range inner {
			a := netip.AddrFrom16(wrap(netip.MustParseAddr(s).As4()))
			if err := checkPublic(a, 80); !errors.Is(err, errAddress) {
				t.Errorf("%s of %s, %v: %v; want refusal", name, s, a, err)
			}
		}
	}
}

func TestPrivateAddresses(t *testing.T) {
	for _, s := range []string{
		"127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.10", "100.64.0.1",
		"::1", "fd12:3456::1", "::ffff:127.0.0.1", "1.1.1.1", "2606:4700::1111",
	} {
		if err := checkPrivate(netip.MustParseAddr(s), 8080); err != nil {
			t.Errorf("%s: %v; want none", s, err)
		}
	}
	for _, s := range []string{
		"169.254.169.254", "::ffff:169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16",
		"fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::1%eth0", "fec0::1", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255",
		"ff02::1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::169.254.169.254", "203.0.113.1",
	} {
		if err := checkPrivate(netip.MustParseAddr(s), 80); !errors.Is(err, errForeign) {
			t.Errorf("%s: %v; want refusal", s, err)
		}
	}
}

func TestURLs(t *testing.T) {
	for _, good := range []string{
		"http://news.example", "https://news.example/live?id=1", "HTTPS://News.Example:443/", "http://news.example:80/a%20b",
		"https://1.1.1.1/", "https://[2606:4700::1111]/", "https://bücher.example/", "https://news.example./", "http://4chan.example/", "http://news.a1/",
	} {
		if _, err := parseURL(good, false); err != nil {
			t.Errorf("%s: %v; want none", good, err)
		}
	}
	for _, bad := range []string{
		"", "news.example/live", "//news.example/", "ftp://news.example/", "file:///etc/passwd", "gopher://news.example/",
		"javascript:alert(1)", "data:text/html,x", "http:news.example", "http:/news.example", "http:///news.example", "https://",
		"http://?x", "http://#x", "http://:80/", "http://user@news.example/", "http://user:pw@news.example/", "http://@news.example/",
		"http://news.example@10.0.0.1/", "http://news.example:0/", "http://news.example:65536/", "http://news.example:99999/",
		"http://news.example:-1/", "http://news.example:8080/", "http://news.example:22/", "http://news.example:/", "http://news.example:80a/",
		"http://127.1/", "http://0/", "http://0177.0.0.1/", "http://0x7f.1/", "http://0x7f000001/", "http://2130706433/",
		"http://017700000001/", "http://127.0.0.1./", "http://127.0.0.0x1/", "http://1.1.1.1.1/", "http://127.0.0.1/", "http://[::1]/",
		"http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[fe80::1%25eth0]/", "http://[::1", "http://::1/", "http://[]/",
		"http://169.254.169.254/latest/meta-data/", "http://0.0.0.0/", "http://255.255.255.255/", "http://10.0.0.1\\@news.example/",
		"http://news.example\\.evil.example/", "http://news .example/", "http://news\t.example/", "http://news.example\n/",
		"http://news.example%00/", "http://%31%32%37.0.0.1/", "http://news\x00.example/", " http://news.example/",
		"http://" + strings.Repeat("a", maxURL) + ".example/",
	} {
		if u, err := parseURL(bad, false); err == nil {
			t.Errorf("%q was taken as %q", bad, u)
		}
	}
	if _, err := parseURL("http://127.0.0.1:8080/", true); err != nil {
		t.Errorf("a private source: %v", err)
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"https://news.example/live", "http://user@h/", "http://[::1]:80/", "http://0x7f.1/", "http:///x"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, private bool) {
		u, err := parseURL(s, private)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("%q: error %q is not one line", s, err)
			}
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Hostname() == "" || u.Fragment != "" {
			t.Errorf("%q was taken as %#v", s, u)
		}
		if p := u.Port(); !private && p != "" && p != "80" && p != "443" {
			t.Errorf("%q: port %s of a public source", s, p)
		}
		if _, err := parseURL(u.String(), private); err != nil {
			t.Errorf("%q was taken, its own spelling %q was not: %v", s, u, err)
		}
	})
}

func TestRedirects(t *testing.T) {
	site := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/end" {
			io.WriteString(w, feed)
			return
		}
		if hops := r.URL.Query().Get("hops"); hops != "" {
			to := "/end"
			if hops != "1" {
				to = "/hop?hops=" + string(hops[0]-1)
			}
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
			return
		}
		if to := r.URL.Query().Get("to"); to != "" {
			w.Header().Set("Location", to)
		}
		var code int
		fmt.Sscan(r.URL.Query().Get("code"), &code)
		w.WriteHeader(code)
	})
	c := newClient(t, Options{})
	host := strings.TrimPrefix(site.URL, "http://")
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"/end", "end", "//" + host + "/end", site.URL + "/end#entry"} {
			got, err := c.Get(t.Context(), fmt.Sprintf("%s/?code=%d&to=%s", site.URL, code, url.QueryEscape(to)), true)
			if err != nil || got.URL != site.URL+"/end" {
				t.Errorf("%d to %s: %s, %v", code, to, got.URL, err)
			}
		}
		for to, want := range map[string]string{
			"":                       "without a Location",
			"file:///etc/passwd":     "only http and https",
			"gopher://news.example/": "only http and https",
			"http://a:b@" + host:     "user name or password",
			"http://169.254.169.254/latest/meta-data/": "metadata service",
			"http://[fe80::1]/":                        "metadata service",
			"http://news.example:0/":                   "port",
			"http://0x7f.1/":                           "oddly written",
			"http://[::1":                              "no URL",
			"/" + strings.Repeat("x", maxURL):          "longer than",
		} {
			_, err := c.Get(t.Context(), fmt.Sprintf("%s/?code=%d&to=%s", site.URL, code, url.QueryEscape(to)), true)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d to %.60s: %v; want %q", code, to, err, want)
			}
		}
	}
	if _, err := c.Get(t.Context(), site.URL+"/?hops=5", true); err != nil {
		t.Errorf("5 redirects: %v", err)
	}
	if _, err := c.Get(t.Context(), site.URL+"/?hops=6", true); err == nil || !strings.Contains(err.Error(), "more than 5 redirects") {
		t.Errorf("6 redirects: %v", err)
	}
	if _, err := c.Get(t.Context(), site.URL+"/?code=302&to="+url.QueryEscape("?code=300"), true); err == nil || !strings.Contains(err.Error(), "300 Multiple Choices") {
		t.Errorf("300 is no redirect: %v", err)
	}
}

// publicSite is a client for which news.example is the test's own server,
// while every other address is dialled as usual.
func publicSite(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	site := newSite(t, h)
	c := newClient(t, Options{})
	guarded := c.public.DialContext
	c.public.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "news.example:80" {
			return new(net.Dialer).DialContext(ctx, network, site.Listener.Addr().String())
		}
		return guarded(ctx, network, addr)
	}
	return c
}

func TestPublicSourceRedirectedToPrivate(t *testing.T) {
	hit := newSite(t, func(http.ResponseWriter, *http.Request) { t.Error("the private server was asked") })
	_, port, err := net.SplitHostPort(hit.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var to string
	c := publicSite(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	for _, to = range []string{
		"http://127.0.0.1/", "http://127.0.0.1:" + port, "http://localhost/", "http://localhost:" + port, "http://[::1]/",
		"http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
	} {
		_, err := c.Fetch(t.Context(), news.Source{URL: "http://news.example/"}, news.Cursor{})
		if !errors.Is(err, errAddress) && (err == nil || !strings.Contains(err.Error(), "ports 80 and 443")) {
			t.Errorf("to %s: %v; want refusal", to, err)
		}
	}
}

func TestNoDowngrade(t *testing.T) {
	plain := newSite(t, func(http.ResponseWriter, *http.Request) { t.Error("asked without encryption") })
	site := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusMovedPermanently))
	t.Cleanup(site.Close)
	c := newClient(t, Options{})
	c.private.TLSClientConfig = site.Client().Transport.(*http.Transport).TLSClientConfig
	_, err := c.Fetch(t.Context(), sourceAt(site.URL), news.Cursor{})
	if err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("got %v; want refusal", err)
	}
}

// TestNoProxy looks at the field: net/http reads the environment once in the
// life of a process, so that setting it here would prove nothing.
func TestNoProxy(t *testing.T) {
	c := newClient(t, Options{})
	if c.public.Proxy != nil || c.private.Proxy != nil {
		t.Error("a proxy of the environment would dial past the check of addresses")
	}
}

// TestNamesThatLeadInside answers DNS queries with addresses that must not be
// dialled, alone, mixed with public ones, and only at the second query.
func TestNamesThatLeadInside(t *testing.T) {
	const public4, public6 = "93.184.216.34", "2606:4700::1111"
	for _, tc := range []struct {
		name    string
		answers [][]string // of the first look-up, the second, …; the last one stays
	}{
		{"loopback", [][]string{{"127.0.0.1"}}},
		{"loopback, IPv6", [][]string{{"::1"}}},
		{"metadata", [][]string{{"169.254.169.254"}}},
		{"mapped", [][]string{{"::ffff:10.0.0.1"}}},
		{"mixed", [][]string{{public4, "127.0.0.1", public6, "::1"}}},
		{"rebound", [][]string{{public4}, {"127.0.0.1"}, {"169.254.169.254"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stop := errors.New("not dialled in a test")
			var mu sync.Mutex // guards allowed
			var allowed []netip.Addr
			check := addressCheck(func(a netip.Addr, port uint16) error {
				if err := checkPublic(a, port); err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				allowed = append(allowed, a)
				return stop
			})
			d := newDialer(check)
			d.Resolver = fakeResolver(tc.answers)
			c := newClient(t, Options{})
			c.public = newTransport(d, 4, defaultTimeout)
			for range 3 {
				_, err := c.Fetch(t.Context(), news.Source{URL: "http://news.example/"}, news.Cursor{})
				if !errors.Is(err, errAddress) && !errors.Is(err, stop) {
					t.Errorf("got %v; want refusal", err)
				}
			}
			for _, a := range allowed {
				if s := a.String(); s != public4 && s != public6 {
					t.Errorf("%s would have been dialled", s)
				}
			}
		})
	}
}

// fakeResolver answers from memory. It counts a look-up by its query for A.
func fakeResolver(answers [][]string) *net.Resolver {
	var mu sync.Mutex // guards lookups
	lookups := 0
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { // ends when the resolver closes its side
			defer theirs.Close()
			for {
				query, err := readDNS(theirs)
				if err != nil {
					return
				}
				mu.Lock()
				list := answers[min(lookups, len(answers)-1)]
				if query.Questions[0].Type == dnsmessage.TypeAAAA {
					lookups++
				}
				mu.Unlock()
				if writeDNS(theirs, query, list) != nil {
					return
				}
			}
		}()
		return ours, nil
	}}
}

func readDNS(r io.Reader) (q dnsmessage.Message, err error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return q, err
	}
	raw := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(r, raw); err != nil {
		return q, err
	}
	return q, q.Unpack(raw)
}

func writeDNS(w io.Writer, q dnsmessage.Message, list []string) error {
	question := q.Questions[0]
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true, RecursionDesired: true},
		Questions: q.Questions,
	}
	for _, s := range list {
		a := netip.MustParseAddr(s)
		head := dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: dnsmessage.ClassINET}
		switch {
		case a.Is4() && question.Type == dnsmessage.TypeA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && question.Type == dnsmessage.TypeAAAA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	raw, err := answer.Pack()
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
	return err
}
