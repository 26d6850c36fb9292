package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultEditWindow = 30 * time.Second
	defaultPerMinute  = 10
	defaultCatchUp    = 10

	maxEditWindow = time.Hour
	maxCards      = 1000 // more is no bound any more

	defaultPushListen = "127.0.0.1:8070"
)

// unbounded is what the bot takes for "no limit", which people write as 0.
const unbounded = -1

func (b *builder) delivery(v value) {
	s := b.section(v, "delivery", deliveryKeys)
	d := Delivery{
		EditWindow: b.duration(s["edit_window"], defaultEditWindow, 0, maxEditWindow),
		PerMinute:  b.integer(s["per_minute"], defaultPerMinute, 0, maxCards),
		CatchUp:    b.integer(s["catch_up"], defaultCatchUp, 0, maxCards),
	}
	if d.EditWindow == 0 {
		d.EditWindow = unbounded
	}
	if d.PerMinute == 0 {
		d.PerMinute = unbounded
	}
	if d.CatchUp == 0 {
		d.CatchUp = unbounded
	}
	b.config.Delivery = d
}

// maxSocket is what the path of a socket may have everywhere: 104 bytes with
// the one that ends it on macOS, 108 on Linux.
const maxSocket = 103

func (b *builder) admin(v value) {
	s := b.section(v, "admin", adminKeys)
	a := &b.config.Admin
	a.Listen = b.listen(s["listen"], "", "127.0.0.1:8071")
	if host, _, err := net.SplitHostPort(a.Listen); err == nil && !loopback(host) {
		b.notice(s["listen"], "admin: the operators' page on %s asks for no password; see that only operators reach it", a.Listen)
	}
	switch path := b.textOf(s["socket"], ""); path {
	case "":
		a.Socket = b.config.Store + ".sock"
		if !b.config.Database.IsZero() {
			a.Socket = b.path("pullquote.sock")
		}
	case "none":
	default:
		if a.Socket = b.path(path); len(a.Socket) > maxSocket {
			b.problem(s["socket"], "the path of a socket has %d bytes at most, this one has %d; write a shorter one, such as /run/pullquote.sock",
				maxSocket, len(a.Socket))
		}
	}
}

// Requests says where platforms send commands, for adapters to which they come
// as requests: at /slack/NAME and /discord/NAME.
type Requests struct {
	Listen string // host and port
}

// defaultRequests is where platforms are answered, behind a web server with TLS.
const defaultRequests = "127.0.0.1:8072"

func (b *builder) push(v value) {
	s := b.section(v, "push", pushKeys)
	b.config.Push = Push{
		URL:    b.publicURL(s["url"]),
		Listen: b.listen(s["listen"], defaultPushListen, defaultPushListen),
	}
}

// publicURL reads the address under which hubs reach us.
func (b *builder) publicURL(v value) string {
	text := b.textOf(v, "")
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		b.problem(v, "url is the public address of the callback, such as https://bot.news.example/push")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		b.problem(v, "the callback's address has no user name, question mark or # in it; a secret of its own is added to it for each feed")
	default:
		return strings.TrimRight(text, "/")
	}
	return ""
}

// listen reads a host and port. A port alone is one of this machine.
func (b *builder) listen(v value, def, example string) string {
	text := b.textOf(v, def)
	if text == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && strings.Trim(text, "0123456789") == "" {
		host, port, err = "", text, nil
	}
	n, numeric := strconv.Atoi(port)
	if err != nil || numeric != nil || n < 0 || n > 65535 || strings.ContainsAny(host, " /\\@") {
		b.problem(v, "write a host and a port, such as %s; 0.0.0.0 instead of 127.0.0.1 lets other machines in", example)
		return def
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
