package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

const (
	defaultEvery  = 30 * time.Second
	defaultMaxAge = 24 * time.Hour

	minEvery        = 10 * time.Second // other people's machines
	minEveryPrivate = time.Second      // our own
	maxEvery        = 7 * 24 * time.Hour
	maxMaxAge       = 365 * 24 * time.Hour

	// maxFirstSight keeps a channel from being flooded by a new source.
	maxFirstSight = 25
)

func (b *builder) sources(v value, adapters map[string]int) {
	items := b.list(v, "sources", "each begins with - name:")
	if items != nil && len(items) == 0 {
		b.problem(v, "there are no sources; add at least one")
	}
	lines := make(map[string]int)
	for _, item := range items {
		b.source(item, lines, adapters)
	}
}

func (b *builder) source(item value, lines, adapters map[string]int) {
	s := b.section(item, "a source", sourceKeys)
	name := b.unique(item, s, "source", lines)
	if len(s) == 0 {
		return // noted already
	}
	src := Source{Silent: b.boolean(s["silent"])}
	src.ID = news.SourceID(name)
	src.Name = b.textOf(s["title"], name)
	src.Private = b.boolean(s["private"])
	src.URL = b.address(item, s["url"], src.Private)
	src.Format = b.format(s["format"])
	src.Schedule = b.schedule(s, src.Private || isDemo(src.URL))
	src.Newest = b.integer(s["first_sight"], 0, 0, maxFirstSight)
	src.MaxAge = b.duration(s["max_age"], defaultMaxAge, time.Minute, maxMaxAge)
	src.Breaking = b.boolean(s["breaking"])
	src.Channels = b.channels(item, s["to"], name, adapters)
	b.config.Sources = append(b.config.Sources, src)
}

const demo = "demo:"

func isDemo(address string) bool { return strings.HasPrefix(address, demo) }

// address reads a source's url. What it holds besides the host may be secret
// and is in no message.
func (b *builder) address(item, v value, private bool) string {
	text, ok := b.text(v)
	if !ok || text == "" {
		if v.absent() || ok {
			b.problem(item, "the source has no url; write url: https://… or url: demo:harbour-bridge")
		}
		return ""
	}
	if name, ok := strings.CutPrefix(text, demo); ok {
		if len(b.Demos) > 0 && !slices.Contains(b.Demos, name) {
			b.problem(v, "there is no demo page %.40q; write %s", name, "demo:"+strings.Join(b.Demos, ", demo:"))
		}
		return text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsAny(text, " \\<>\""):
		b.problem(v, "this is no URL; it begins with https:// and has no spaces in it")
	case u.Scheme == "" && !strings.HasPrefix(text, "/"):
		b.problem(v, "the url needs https:// or http:// before it")
	case u.Scheme != "http" && u.Scheme != "https":
		b.problem(v, "only http and https addresses are read, not %.20q", u.Scheme+":")
	case u.User != nil:
		b.problem(v, "a url with a user name or password in it is not read: it would end in links and logs")
	case u.Hostname() == "":
		b.problem(v, "the url has no host")
	case !private && isPrivateHost(u.Hostname()):
		b.problem(v, "%.60s is this machine or a private network; add private: true if that is meant", u.Hostname())
	case !private && u.Port() != "" && u.Port() != "80" && u.Port() != "443":
		b.problem(v, "public sources are read on ports 80 and 443 only; add private: true if port %.5s is your own machine's", u.Port())
	default:
		return text
	}
	return ""
}

// isPrivateHost catches the plain cases early; what a name leads to is decided
// by bot/fetch when it is dialled.
func isPrivateHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified())
}

func (b *builder) format(v value) string {
	text := b.textOf(v, "")
	if text == "" || len(b.Formats) == 0 {
		return text
	}
	return b.oneOf(v, "", b.Formats)
}

// schedule reads when a source is read, as a robfig/cron spec.
func (b *builder) schedule(s map[string]value, own bool) string {
	every, cron, zone := s["every"], s["cron"], s["zone"]
	if !every.absent() && !cron.absent() {
		b.problem(cron, "every and cron are both here; keep one")
		return ""
	}
	if cron.absent() {
		if !zone.absent() {
			b.problem(zone, "zone goes with cron; every needs none")
		}
		least := minEvery
		if own {
			least = minEveryPrivate
		}
		return "@every " + short(b.duration(every, defaultEvery, least, maxEvery))
	}
	return b.zone(zone) + b.cron(cron)
}

func (b *builder) cron(v value) string {
	spec := b.textOf(v, "")
	switch {
	case spec == "":
		b.problem(v, `cron is empty; write it as cron: "*/5 * * * *"`)
	case strings.HasPrefix(spec, "@every"):
		b.problem(v, "write every: instead of cron: @every")
	case strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ="):
		b.problem(v, "write the time zone as zone: and leave it out of cron:")
	case b.CheckCron != nil && b.CheckCron(spec) != nil:
		b.problem(v, "this is no cron expression: %v; it has five fields, minute hour day month weekday, as in \"*/5 * * * *\"", b.CheckCron(spec))
	}
	return spec
}

// zone returns the time zone as a prefix of a cron spec. Without one it is
// UTC, whatever the machine's.
func (b *builder) zone(v value) string {
	name := b.textOf(v, "UTC")
	// Local is the machine's, which changes with the machine.
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		like := suggest(name, commonZones)
		if like == "" {
			like = "; write a name such as Europe/London"
		}
		b.problem(v, "%.60q is no time zone%s", name, like)
	}
	return "CRON_TZ=" + name + " "
}

// commonZones are offered for misspelt ones: Go cannot list all.
var commonZones = []string{
	"UTC", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Paris", "Europe/Madrid", "Europe/Rome",
	"Europe/Berlin", "Europe/Vienna", "Europe/Zurich", "Europe/Brussels", "Europe/Amsterdam", "Europe/Warsaw",
	"Europe/Prague", "Europe/Stockholm", "Europe/Oslo", "Europe/Copenhagen", "Europe/Helsinki", "Europe/Athens",
	"Europe/Kyiv", "Europe/Istanbul", "America/New_York", "America/Chicago", "America/Denver",
	"America/Los_Angeles", "America/Toronto", "America/Mexico_City", "America/Sao_Paulo",
	"America/Argentina/Buenos_Aires", "Africa/Cairo", "Africa/Lagos", "Africa/Nairobi", "Africa/Johannesburg",
	"Asia/Jerusalem", "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Dhaka", "Asia/Bangkok", "Asia/Singapore",
	"Asia/Hong_Kong", "Asia/Shanghai", "Asia/Tokyo", "Asia/Seoul", "Australia/Perth", "Australia/Sydney",
	"Pacific/Auckland",
}

var spaceAfterColon = regexp.MustCompile(`^[a-z0-9-]+:$`)

func (b *builder) channels(item, v value, source string, adapters map[string]int) []chat.Channel {
	const example = "to: [console:terminal]"
	items := b.list(v, "to", example)
	if v.absent() || items != nil && len(items) == 0 {
		at := v
		if v.line == 0 {
			at = item
		}
		b.problem(at, "the source has no channel to go to; write %s", example)
		return nil
	}
	var list []chat.Channel
	for _, item := range items {
		text, ok := b.text(item)
		if !ok {
			continue
		}
		ch, err := chat.ParseChannel(text)
		if err != nil || spaceAfterColon.MatchString(text) {
			b.problem(item, "%.60q is no channel; write the adapter's name, a colon and the channel's ID: console:terminal", text)
			continue
		}
		if slices.Contains(list, ch) {
			b.problem(item, "%s is in this list twice", text)
			continue
		}
		if b.channel(item, ch, source, adapters) {
			list = append(list, ch)
		}
	}
	return list
}

// channel notes what is wrong with a channel and reports whether it can be used.
func (b *builder) channel(v value, ch chat.Channel, source string, adapters map[string]int) bool {
	if _, ok := adapters[ch.Adapter]; !ok {
		names := adapterNames(adapters)
		like := suggest(ch.Adapter, names)
		if like == "" && len(names) > 0 {
			like = "; there are " + strings.Join(names, ", ")
		}
		b.problem(v, "there is no adapter named %.40q%s", ch.Adapter, like)
		return false
	}
	for i := range b.config.Adapters {
		a := &b.config.Adapters[i]
		if a.Name != ch.Adapter {
			continue
		}
		b.checkChannel(v, a, ch.ID)
		if a.Inactive != "" {
			b.config.Notices = append(b.config.Notices, fmt.Sprintf("%s:%d: source %s: nothing goes to %s, because %s",
				b.document.name, v.line, source, ch, a.Inactive))
		}
	}
	return true
}
