package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"
)

// maxURL is longer than any address of a page that is meant to be read.
const maxURL = 4096

// parseURL reads the address of a source and refuses what is no plain web
// address. Its errors repeat nothing that may be secret.
func parseURL(address string, private bool) (*url.URL, error) {
	if len(address) > maxURL {
		return nil, fmt.Errorf("the URL is longer than %d characters", maxURL)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	if err := checkURL(u, private); err != nil {
		return nil, &failure{text: fmt.Sprintf("read %.80s: %v", u.Host, err), err: err}
	}
	return u, nil
}

// checkURL refuses URLs that are not http or https, carry a password, or spell
// their host or port in a way that two readers could understand differently.
// Where the host leads is decided when it is dialled, not here.
func checkURL(u *url.URL, private bool) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("only http and https are read, not %.20q", u.Scheme)
	case u.User != nil:
		return errors.New("a URL with a user name or password is not read")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("the URL has no host")
	}
	u.Fragment, u.RawFragment = "", ""
	if err := checkPort(u, private); err != nil {
		return err
	}
	return checkHost(u.Hostname(), private)
}

func checkPort(u *url.URL, private bool) error {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return errors.New("the URL has a colon but no port")
		}
		return nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return errors.New("the port is not between 1 and 65535")
	}
	if !private && port != 80 && port != 443 {
		return fmt.Errorf("port %d: a public source is read on ports 80 and 443 only", port)
	}
	return nil
}

func checkHost(name string, private bool) error {
	if strings.ContainsAny(name, "%\\ ") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("the host has characters that no host name has")
	}
	addr, err := netip.ParseAddr(name)
	if err == nil {
		check := addressCheck(checkPublic)
		if private {
			check = checkPrivate
		}
		return check(addr, 0)
	}
	// Some resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as 127.0.0.1.
	last := name[strings.LastIndexByte(strings.TrimSuffix(name, "."), '.')+1:]
	if last != "" && last[0] >= '0' && last[0] <= '9' {
		return errors.New("the host is an oddly written IP address")
	}
	return nil
}

// An addressCheck reports why an address may not be dialled, nil if it may.
// Port 0 leaves the port out of it.
type addressCheck func(addr netip.Addr, port uint16) error

// control is a [net.Dialer.ControlContext]: it sees each address just before
// the socket is connected.
func (check addressCheck) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("network %s is not used", network) // unreachable: HTTP dials tcp
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errAddress // unreachable: the dialler passes literal addresses
	}
	return check(ap.Addr(), ap.Port())
}

var (
	errAddress = errors.New("its address is not a public one; mark the source private: true if that is meant")
	errForeign = errors.New("its address is neither public nor private: link-local, reserved, or a cloud's metadata service")
	errPort    = errors.New("a public source is read on ports 80 and 443 only")
)

// Guards on what IANA has registered as special, completed with the one
// address in public space that is a cloud's own: Azure's wire server.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var (
	azure       = netip.MustParsePrefix("168.63.129.16/32")
	publicGuard = ssrf.New(ssrf.WithPorts(80, 443), ssrf.WithDeniedV4Prefixes(azure))
)

// privateNets are what a private source may be at besides public addresses.
var privateNets = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// metadata are addresses in private nets under which clouds hand out their
// machines' credentials. No news is there, whatever the configuration says.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("fd00:ec2::254"),   // Amazon
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

func checkPublic(addr netip.Addr, port uint16) error {
	// ::ffff:0:0/96 is not unmapped: nobody who means well writes it, and the
	// guard refuses everything outside 2000::/3.
	if publicGuard.SafeAddr(addr) != nil || addr.Zone() != "" {
		return errAddress
	}
	if port != 0 && publicGuard.SafeAddrPort(netip.AddrPortFrom(addr, port)) != nil {
		return errPort
	}
	return nil
}

func checkPrivate(addr netip.Addr, _ uint16) error {
	if addr.Zone() != "" {
		return errForeign
	}
	addr = addr.Unmap()
	if slices.Contains(metadata, addr) {
		return errForeign
	}
	for _, p := range privateNets {
		if p.Contains(addr) {
			return nil
		}
	}
	if publicGuard.SafeAddr(addr) != nil {
		return errForeign
	}
	return nil
}
