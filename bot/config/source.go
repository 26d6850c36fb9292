package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

const (
	defaultEvery  = 30 * time.Second
	defaultMaxAge = 24 * time.Hour

	// defaultSlowest is how late a quiet page's next entry may be told.
	defaultSlowest = 2 * time.Minute

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
	var src Source
	src.ID = news.SourceID(name)
	src.Name = b.textOf(s["title"], name)
	src.Private = b.boolean(s["private"])
	src.URL = b.address(item, s["url"], src.Private)
	src.Format = b.format(s["format"])
	src.Fragments = b.fragments(s["fragments"])
	src.Breaking = b.boolean(s["breaking"])
	src.Schedule, src.Slowest = b.schedule(s, &src)
	src.Newest = b.integer(s["first_sight"], 0, 0, maxFirstSight)
	src.MaxAge = b.duration(s["max_age"], defaultMaxAge, time.Minute, maxMaxAge)
	defaults := Subscription{Silent: b.boolean(s["silent"]), Closing: b.boolean(s["closing"])}
	src.Subscriptions = b.subscriptions(item, s["to"], name, defaults, adapters)
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

// fragments reads what the "#…" of an entry's address is worth.
func (b *builder) fragments(v value) news.Fragments {
	const auto = "auto"
	f := b.oneOf(v, auto, []string{auto, string(news.FragmentIdentity), string(news.FragmentNoise)})
	if f == auto {
		return news.FragmentAuto
	}
	return news.Fragments(f)
}

// schedule reads when a source is read, as a robfig/cron spec, and how long a
// quiet one is left alone at most, which is 0 where the spec alone counts.
func (b *builder) schedule(s map[string]value, src *Source) (spec string, slowest time.Duration) {
	every, cron, zone := s["every"], s["cron"], s["zone"]
	if !every.absent() && !cron.absent() {
		b.problem(cron, "every and cron are both here; keep one")
		return "", 0
	}
	if !cron.absent() {
		if !s["slowest"].absent() {
			b.problem(s["slowest"], "slowest goes with every; cron says itself when a page is read")
		}
		return b.zone(zone) + b.cron(cron), 0
	}
	if !zone.absent() {
		b.problem(zone, "zone goes with cron; every needs none")
	}
	least := minEvery
	if src.Private || isDemo(src.URL) {
		least = minEveryPrivate
	}
	pause := b.duration(every, defaultEvery, least, maxEvery)
	return "@every " + short(pause), b.slowest(s["slowest"], src, pause)
}

// slowest reads the longest pause between readings of a quiet page. A page of
// our own tells its story too fast to be quiet.
func (b *builder) slowest(v value, src *Source, every time.Duration) time.Duration {
	if !v.absent() {
		return b.duration(v, 0, every, maxEvery)
	}
	if src.Breaking || isDemo(src.URL) || every >= defaultSlowest {
		return 0
	}
	return defaultSlowest
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
