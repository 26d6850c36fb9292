package parse

import (
	_ "embed" // the profiles we ship
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// A Profile says where a publisher's pages keep what makes an entry. Selectors
// are CSS, applied below the entry's element; an empty one means that the
// usual places are looked at.
type Profile struct {
	Name string `json:"name"`
	// Mark is a part of a class or id that every page of this kind has; without
	// it the page is not searched.
	Mark      string `json:"mark"`
	Entry     string `json:"entry"`                // selects the entries
	ID        string `json:"id,omitempty"`         // attribute of the entry that holds its id; "" means id
	Time      string `json:"time,omitempty"`       // selects the element with the time; "" means the entry itself
	TimeAttr  string `json:"time_attr,omitempty"`  // its attribute; "" means datetime, else the text
	Updated   string `json:"updated,omitempty"`    // attribute of the entry with the time of its last change
	Zone      string `json:"zone,omitempty"`       // IANA name, of times without zone
	IgnoreZ   bool   `json:"ignore_z,omitempty"`   // times end in Z but are local
	Headline  string `json:"headline,omitempty"`   // selects the headline
	Byline    string `json:"byline,omitempty"`     // selects the author's name
	Body      string `json:"body,omitempty"`       // selects the text
	Drop      string `json:"drop,omitempty"`       // selects what is no text
	Key       string `json:"key,omitempty"`        // matches entries that are key events
	Permalink string `json:"permalink,omitempty"`  // selects the link to the entry itself
	Pinned    string `json:"pinned,omitempty"`     // matches copies of entries that stand elsewhere
	ClockOnly bool   `json:"clock_only,omitempty"` // the time is a time of day in the text
}

//go:embed profiles.json
var profilesJSON []byte

// compiled is a profile with its selectors ready.
type compiled struct {
	Profile
	entry, time, headline, byline, body, drop, key, permalink, pinned cascadia.Matcher
	zone                                                              *time.Location
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

// Check reports what is wrong with the profile: a selector that is none, no
// entry selector, an unknown zone.
func (p Profile) Check() error {
	_, err := p.compile()
	return err
}

func (p Profile) compile() (compiled, error) {
	c := compiled{Profile: p}
	if p.Entry == "" {
		return c, fmt.Errorf("profile %q selects no entries", p.Name)
	}
	var errs []error
	for _, s := range []struct {
		to  *cascadia.Matcher
		css string
	}{
		{&c.entry, p.Entry}, {&c.time, p.Time}, {&c.headline, p.Headline}, {&c.byline, p.Byline}, {&c.body, p.Body},
		{&c.drop, p.Drop}, {&c.key, p.Key}, {&c.permalink, p.Permalink}, {&c.pinned, p.Pinned},
	} {
		if s.css == "" {
			continue
		}
		group, err := cascadia.ParseGroup(s.css)
		if err != nil {
			errs = append(errs, fmt.Errorf("profile %q: selector %q: %w", p.Name, s.css, err))
			continue
		}
		*s.to = group
	}
	if p.Zone != "" {
		loc, err := time.LoadLocation(p.Zone)
		if err != nil {
			errs = append(errs, fmt.Errorf("profile %q: zone %q is not known here", p.Name, p.Zone))
		}
		c.zone = loc
	}
	return c, errors.Join(errs...)
}

func parseProfile(d *document) (reading, error) {
	var r reading
	p, err := d.html()
	if err != nil {
		return r, err
	}
	entries, _ := d.profileEntries()
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
	if c.Mark != "" && !p.marked(c.Mark) {
		return nil
	}
	var entries []news.Entry
	var clocks []clock
	for _, n := range cascadia.QueryAll(p.body, c.entry) {
		if len(entries) == maxEntries {
			break
		}
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
	return entries
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
	if c.headline != nil || c.body != nil || c.drop != nil || c.byline != nil {
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
	s := attr(at.Attr, "datetime")
	if c.TimeAttr != "" {
		s = attr(at.Attr, c.TimeAttr)
	}
	if s == "" {
		return
	}
	zone := c.zone
	if zone == nil || d.Zone != nil {
		zone = d.zone()
	}
	if c.IgnoreZ {
		s = strings.TrimSuffix(s, "Z")
	}
	if st, ok := parseTime(s, zone); ok {
		e.Published = d.possible(st.t)
	}
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
