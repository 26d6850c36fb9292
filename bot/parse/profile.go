package parse

import (
	"bytes"
	_ "embed" // the profiles we ship
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// A Profile says where a publisher's pages keep what makes an entry.
//
// Selectors are CSS, applied below the entry's element unless said otherwise;
// an empty one means that the usual places are looked at. [ReadProfiles] reads
// profiles from JSON, with the names in the tags as keys; [ProfileExample] has
// them all.
type Profile struct {
	// Name is for people: in reports and errors.
	Name string `json:"name" yaml:"name"`
	// Host limits the profile to pages of this host and those below it: with
	// "news.example" also live.news.example. "" means any.
	Host string `json:"host,omitempty" yaml:"host,omitempty"`
	// Mark is a part of a class or id that every page of this kind has; without
	// it the page is not searched.
	Mark string `json:"mark,omitempty" yaml:"mark,omitempty"`
	// Entry selects the entries, on the whole page. Entries inside entries, as
	// where one quotes another, are passed over.
	Entry string `json:"entry" yaml:"entry"`
	// Pinned matches entries that are copies of others, pinned on top.
	Pinned string `json:"pinned,omitempty" yaml:"pinned,omitempty"`
	// ID is the attribute of the entry that holds its id; "" means id.
	ID string `json:"id,omitempty" yaml:"id,omitempty"`
	// Permalink selects the link to the entry itself.
	Permalink string `json:"permalink,omitempty" yaml:"permalink,omitempty"`

	// Time selects the element with the time of publication; "" means the entry
	// itself.
	Time string `json:"time,omitempty" yaml:"time,omitempty"`
	// TimeAttr is its attribute with the time; "" means datetime, else the text.
	TimeAttr string `json:"time_attr,omitempty" yaml:"time_attr,omitempty"`
	// TimeUnit says what a number counts since 1970, with or without decimals:
	// "s", "ms" or "us"; "" goes by the size of a whole number.
	TimeUnit string `json:"time_unit,omitempty" yaml:"time_unit,omitempty"`
	// Updated is the attribute of the entry with the time of its last change.
	Updated string `json:"updated,omitempty" yaml:"updated,omitempty"`
	// Zone is the IANA name of the zone of times that name none.
	Zone string `json:"zone,omitempty" yaml:"zone,omitempty"`
	// IgnoreZ says that times end in Z but are local. It needs Zone.
	IgnoreZ bool `json:"ignore_z,omitempty" yaml:"ignore_z,omitempty"`
	// ClockOnly says that the time is a time of day in the text.
	ClockOnly bool `json:"clock_only,omitempty" yaml:"clock_only,omitempty"`

	// Headline, Byline and Body select what their names say. Body may match
	// several elements, which become paragraphs.
	Headline string `json:"headline,omitempty" yaml:"headline,omitempty"`
	Byline   string `json:"byline,omitempty" yaml:"byline,omitempty"`
	Body     string `json:"body,omitempty" yaml:"body,omitempty"`
	// Drop selects what is no text.
	Drop string `json:"drop,omitempty" yaml:"drop,omitempty"`
	// Quote selects quotations that are no blockquote, Source inside or after
	// them whose words they are.
	Quote  string `json:"quote,omitempty" yaml:"quote,omitempty"`
	Source string `json:"source,omitempty" yaml:"source,omitempty"`
	// Embed selects posts of other platforms. They are media, not text.
	Embed string `json:"embed,omitempty" yaml:"embed,omitempty"`
	// Key matches entries that are key events.
	Key string `json:"key,omitempty" yaml:"key,omitempty"`

	// Next selects, on the whole page, the link or button to older entries.
	Next string `json:"next,omitempty" yaml:"next,omitempty"`
}

// ProfileExample is a profile for an invented publisher, with every key but
// clock_only, which stands for time_attr and what depends on it.
const ProfileExample = `{
  "name": "eastquay",
  "host": "news.example",
  "mark": "quay-stream",
  "entry": "li.quay-note",
  "pinned": ".quay-note--pinned",
  "id": "data-note",
  "permalink": "a.quay-note__own",
  "time": "span.quay-note__at",
  "time_attr": "data-at",
  "time_unit": "s",
  "updated": "data-changed",
  "zone": "Europe/Paris",
  "ignore_z": true,
  "headline": ".quay-note__line",
  "byline": ".quay-note__who",
  "body": ".quay-note__text",
  "drop": ".quay-note__talk",
  "quote": ".quay-note__said",
  "source": ".quay-note__by",
  "embed": ".quay-note__post",
  "key": ".quay-note--big",
  "next": "a.quay-more"
}`

// maxProfiles bounds the profiles in one document; each is tried on each page.
const maxProfiles = 200

// ReadProfiles reads a JSON list of profiles, or a single one, and checks each
// of them. Keys that no profile has are refused.
func ReadProfiles(data []byte) ([]Profile, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		data = append(append([]byte("["), data...), ']')
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var list []Profile
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	if len(list) > maxProfiles {
		return nil, fmt.Errorf("profiles: %d are more than %d", len(list), maxProfiles)
	}
	var errs []error
	names := make(map[string]bool)
	for _, p := range list {
		errs = append(errs, p.Check())
		if names[p.Name] {
			errs = append(errs, fmt.Errorf("profile %q is there twice", p.Name))
		}
		names[p.Name] = true
	}
	return list, errors.Join(errs...)
}

//go:embed profiles.json
var profilesJSON []byte

// compiled is a profile with its selectors ready.
type compiled struct {
	Profile
	entry, pinned, permalink, time, headline, byline, body, drop cascadia.Matcher
	quote, source, embed, key, next                              cascadia.Matcher
	zone                                                         *time.Location
}

// shipped returns our own profiles, compiled once.
var shipped = sync.OnceValue(func() []compiled {
	var list []Profile
	if err := json.Unmarshal(profilesJSON, &list); err != nil {
		panic("profiles.json: " + err.Error()) // embedded, and held by a test
	}
	out := make([]compiled, len(list))
	for i, p := range list {
		c, err := p.compile()
		if err != nil {
			panic("profiles.json: " + err.Error())
		}
		out[i] = c
	}
	return out
})

// Check reports everything that is wrong with the profile, each in a line that
// names the key: a selector that is none, an attribute that cannot be one, an
// unknown unit or zone.
func (p Profile) Check() error {
	_, err := p.compile()
	return err
}

func (p Profile) compile() (compiled, error) {
	c := compiled{Profile: p}
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("profile %q: "+format, append([]any{p.Name}, args...)...))
	}
	if p.Name == "" {
		wrong("name is missing")
	}
	if p.Entry == "" {
		wrong("entry is missing: it must select the entries of a page, such as \"article.update\"")
	}
	for _, s := range []struct {
		key, css string
		to       *cascadia.Matcher
	}{
		{"entry", p.Entry, &c.entry}, {"pinned", p.Pinned, &c.pinned}, {"permalink", p.Permalink, &c.permalink}, {"time", p.Time, &c.time},
		{"headline", p.Headline, &c.headline}, {"byline", p.Byline, &c.byline}, {"body", p.Body, &c.body}, {"drop", p.Drop, &c.drop},
		{"quote", p.Quote, &c.quote}, {"source", p.Source, &c.source}, {"embed", p.Embed, &c.embed}, {"key", p.Key, &c.key}, {"next", p.Next, &c.next},
	} {
		if s.css == "" {
			continue
		}
		group, err := cascadia.ParseGroup(s.css)
		if err != nil {
			wrong("%s: %q is no CSS selector: %w", s.key, s.css, err)
			continue
		}
		*s.to = group
	}
	for _, a := range [][2]string{{"id", p.ID}, {"time_attr", p.TimeAttr}, {"updated", p.Updated}} {
		if a[1] != "" && !attrNamed.MatchString(a[1]) {
			wrong("%s: %q is no name of an attribute, such as \"data-time\"", a[0], a[1])
		}
	}
	switch p.TimeUnit {
	case "", "s", "ms", "us":
	default:
		wrong("time_unit: %q is none of s, ms, us", p.TimeUnit)
	}
	if strings.ContainsAny(p.Host, "/:* ") {
		wrong("host: %q must be a host alone, such as \"news.example\"", p.Host)
	}
	if p.IgnoreZ && p.Zone == "" {
		wrong("ignore_z says that times are local; zone must say where")
	}
	if p.ClockOnly && (p.TimeAttr != "" || p.TimeUnit != "" || p.IgnoreZ) {
		wrong("clock_only reads the text; time_attr, time_unit and ignore_z do nothing beside it")
	}
	if p.Zone != "" {
		loc, err := time.LoadLocation(p.Zone)
		if err != nil {
			wrong("zone: %q is not known here; it must be a name such as \"Europe/Paris\"", p.Zone)
		}
		c.zone = loc
	}
	return c, errors.Join(errs...)
}

var attrNamed = regexp.MustCompile(`^[a-z_][a-z0-9_:.-]*$`)

func parseProfile(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	entries, name := d.profileEntries()
	r.profile = name
	if len(entries) == 0 {
		return r, refusal("no site profile fits")
	}
	r.Entries = entries
	namedByFragment(&r)
	p.describe(d, &r)
	return r, nil
}

// profileEntries reads the page with the first profile that fits, in document
// order, and returns the profile's name.
func (d *document) profileEntries() ([]news.Entry, string) {
	p, err := d.html()
	if err != nil {
		return nil, ""
	}
	for _, pr := range d.Profiles {
		c, err := pr.compile()
		if err != nil {
			continue // told when the configuration was read
		}
		if list := d.applyProfile(p, &c); len(list) > 0 {
			return list, c.Name
		}
	}
	for i := range shipped() {
		if list := d.applyProfile(p, &shipped()[i]); len(list) > 0 {
			return list, shipped()[i].Name
		}
	}
	return nil, ""
}

func (d *document) applyProfile(p *page, c *compiled) []news.Entry {
	if c.Mark != "" && !p.marked(c.Mark) || c.Host != "" && !d.onHost(c.Host) {
		return nil
	}
	var entries []news.Entry
	var clocks []clock
	for _, n := range newest(d, cascadia.QueryAll(p.body, c.entry), d.nodeTime) {
		if c.pinned != nil && c.pinned.Match(n) || inside(n, c.entry) {
			continue
		}
		e, ck := d.profileEntry(c, n)
		if e.Headline == "" && e.Body == "" && len(e.Media) == 0 {
			continue
		}
		entries, clocks = append(entries, e), append(clocks, ck)
	}
	(&dayState{}).date(d, entries, clocks)
	if c.next != nil && len(entries) > 0 {
		if n := cascadia.Query(p.root, c.next); n != nil {
			d.profileNext = loads(n)
			p.next = true
		}
	}
	return entries
}

// onHost reports whether the document comes from the host or one below it.
func (d *document) onHost(host string) bool {
	for _, address := range []string{d.URL, d.page.address} {
		if u := parseBase(address); u != nil {
			own := strings.ToLower(u.Hostname())
			host = strings.ToLower(host)
			return own == host || strings.HasSuffix(own, "."+host)
		}
	}
	return false
}

// inside reports whether an entry lies within another one, as quoted entries
// do.
func inside(n *html.Node, entry cascadia.Matcher) bool {
	for a := n.Parent; a != nil; a = a.Parent {
		if entry.Match(a) {
			return true
		}
	}
	return false
}

func (d *document) profileEntry(c *compiled, n *html.Node) (news.Entry, clock) {
	e, ck := d.blockEntry(n)
	id := c.ID
	if id == "" {
		id = "id"
	}
	e.Entry = news.EntryID(attr(n.Attr, id))
	query := func(m cascadia.Matcher) *html.Node {
		if m == nil {
			return nil
		}
		return cascadia.Query(n, m)
	}
	if h := query(c.headline); h != nil {
		e.Headline = oneLine(textOf(h))
	}
	if c.headline != nil || c.body != nil || c.drop != nil || c.byline != nil || c.quote != nil || c.embed != nil || c.time != nil {
		d.profileBody(c, n, &e)
	}
	if b := query(c.byline); b != nil {
		e.Author = names(textOf(b))
	}
	if l := query(c.permalink); l != nil {
		e.URL = attr(l.Attr, "href")
	}
	if e.URL == "" && attr(n.Attr, "id") != "" {
		e.URL = "#" + attr(n.Attr, "id")
	}
	if c.key != nil {
		e.Key = c.key.Match(n)
	}
	d.profileTime(c, n, &e, &ck)
	return e, ck
}

// profileBody reads the text again where the profile knows better than the
// usual places.
func (d *document) profileBody(c *compiled, n *html.Node, e *news.Entry) {
	pr := newProse(d.base)
	pr.entry = true
	pr.omit = make(map[*html.Node]bool)
	for _, m := range []cascadia.Matcher{c.headline, c.drop, c.byline, c.time} {
		if m == nil {
			continue
		}
		for _, o := range cascadia.QueryAll(n, m) {
			pr.omit[o] = true
		}
	}
	pr.roles = c.roles(n)
	roots := []*html.Node{n}
	if c.body != nil {
		if roots = cascadia.QueryAll(n, c.body); len(roots) == 0 {
			return
		}
	}
	if p := take(n); c.headline == nil && p.heading != nil {
		pr.omit[p.heading] = true
	}
	for _, root := range roots {
		for ch := root.FirstChild; ch != nil; ch = ch.NextSibling {
			pr.node(ch)
		}
		pr.widen(paragraph)
	}
	e.Body = pr.text()
	d.dropLead(e)
	if len(pr.media) > 0 {
		e.Media = pr.media
	}
	if e.Author == "" {
		e.Author = pr.author
	}
}

func (d *document) profileTime(c *compiled, n *html.Node, e *news.Entry, ck *clock) {
	if c.Updated != "" {
		e.Updated = d.when(attr(n.Attr, c.Updated))
	}
	if ck.loc == nil && d.Zone == nil {
		ck.loc = c.zone
	}
	at := n
	if c.time != nil {
		if at = cascadia.Query(n, c.time); at == nil {
			return
		}
	}
	if c.ClockOnly {
		if got, ok := readClock(textOf(at)); ok {
			if got.loc == nil && d.Zone == nil {
				got.loc = c.zone
			}
			*ck, e.Published = got, time.Time{}
		}
		return
	}
	zone := c.zone
	if zone == nil || d.Zone != nil {
		zone = d.zone()
	}
	key := c.TimeAttr
	if key == "" {
		key = "datetime"
	}
	s := strings.TrimSpace(attr(at.Attr, key))
	if s == "" && c.TimeAttr == "" && c.time != nil {
		d.profileTimeText(c, fold(textOf(at)), zone, e, ck)
		return
	}
	if c.IgnoreZ {
		s = strings.TrimSuffix(s, "Z")
	}
	if t, ok := c.counted(s); ok {
		e.Published = d.possible(t)
	} else if st, ok := parseTime(s, zone); ok {
		e.Published = d.possible(st.t)
	}
}

// profileTimeText reads a time as people see it.
func (d *document) profileTimeText(c *compiled, s string, zone *time.Location, e *news.Entry, ck *clock) {
	if st, ok := parseTime(s, zone); ok {
		e.Published = d.possible(st.t)
		return
	}
	if t := d.moment(s); !t.IsZero() {
		e.Published = t
		return
	}
	if got, ok := readClock(s); ok && e.Published.IsZero() {
		if got.loc == nil && d.Zone == nil {
			got.loc = c.zone
		}
		*ck = got
	}
}

// counted reads a bare number of the unit the profile names.
func (c *compiled) counted(s string) (time.Time, bool) {
	if c.TimeUnit == "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n < 1e17) {
		return time.Time{}, false
	}
	switch c.TimeUnit {
	case "ms":
		n *= 1e3
	case "s":
		n *= 1e6
	}
	if n >= 1e17 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(n)), true
}

// roles says what elements of an entry mean that have no tag or class of their
// own for it.
func (c *compiled) roles(n *html.Node) map[*html.Node]role {
	var roles map[*html.Node]role
	for _, r := range []struct {
		m    cascadia.Matcher
		role role
	}{{c.quote, quote}, {c.source, cited}, {c.embed, embedded}} {
		if r.m == nil {
			continue
		}
		for _, el := range cascadia.QueryAll(n, r.m) {
			if roles == nil {
				roles = make(map[*html.Node]role)
			}
			roles[el] = r.role
		}
	}
	return roles
}

// namedByFragment throws ids away that are places on the page.
func namedByFragment(r *reading) {
	ids := make([]string, 0, len(r.Entries))
	for i := range r.Entries {
		if id := string(r.Entries[i].Entry); id != "" {
			if f := fragmentID(id, ""); f != "" {
				id = f
			}
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 || !positional(ids) || oldestFirst(r.Entries) {
		return
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Entry != "" {
			e.Entry, e.Aliases = "", nil
			e.URL, _, _ = strings.Cut(e.URL, "#")
		}
	}
	r.fields = append(r.fields, Field{Name: "id", Winner: "hash of time and headline", Loser: "the page's ids", Reason: "they are places on the page", Entries: len(ids)})
}

// oldestFirst reports whether entries tell the story from the beginning: then
// 1, 2, 3 are names.
func oldestFirst(entries []news.Entry) bool {
	var first, last time.Time
	for i := range entries {
		if t := entries[i].Published; !t.IsZero() {
			if first.IsZero() {
				first = t
			}
			last = t
		}
	}
	return last.After(first)
}
