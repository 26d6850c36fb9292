// Package parse turns documents into snapshots: feeds, pages with structured
// data, the answers of known live-blog platforms, plain pages and plain text.
//
// A format is a row in a table: a name, a sniff that looks at the document and
// a parse that reads it. [Parse] walks down the table, the most trustworthy
// formats first, and returns the first reading that yields entries. What a
// document is called and how it was served says nothing; only its content
// does. [Explain] tells in addition what was tried.
//
// Everything here is pure: no I/O, no clock, no state. Documents are hostile:
// every parser is bounded in depth, count and size, takes linear time and
// never panics. Everything may be called concurrently.
package parse

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// A Document is one fetched document.
type Document struct {
	URL         string         // final address, the base of relative ones; may be ""
	ContentType string         // only its charset parameter is used
	Body        []byte         // content encodings removed, charset as it came; not kept, not changed
	Format      string         // read as this format only; "" means detect
	Zone        *time.Location // of times without a zone; nil means the page's own if it shows one, else UTC
	Now         time.Time      // when it was read; zero means unknown
	Profiles    []Profile      // site profiles of the user's, tried before our own
	Links       []string       // values of the answer's Link headers
	Fragments   news.Fragments // what the "#…" of addresses is worth here; "" decides by the document
	Live        string         // the cursor's: what the page said of being live before
}

// An UnknownError says that a document could not be read as live updates or a
// feed, and what was tried.
type UnknownError struct {
	Tried      []Step
	Reason     string   // set where nothing was tried
	Alternates []string // where the page says that its entries may be had; see [Alternates]
}

// Error returns one line that names each format that was tried and why it
// does not fit.
func (e *UnknownError) Error() string {
	if len(e.Tried) == 0 {
		return "no entries found: " + e.Reason
	}
	var b strings.Builder
	b.WriteString("no entries found; tried ")
	for i, s := range e.Tried {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(s.Format + ": " + s.Reason)
	}
	if len(e.Alternates) > 0 {
		b.WriteString("; the page points to " + e.Alternates[0])
	}
	return b.String()
}

// Parse reads doc. Snapshot.Format names the format that did. A snapshot
// without entries and no error means that the document was understood and
// holds none. Every other failure is an *UnknownError.
//
// Entries come newest first: by publication time, where it is missing in the
// place the document gives them. Ids are unique within the snapshot.
func Parse(doc Document) (news.Snapshot, error) {
	snap, _, err := Explain(doc)
	return snap, err
}

// Formats returns the names of all formats, in the order they are tried.
func Formats() []string {
	names := make([]string, len(ladder))
	for i, f := range ladder {
		names[i] = f.name
	}
	return names
}

// A Report says how a document was recognised.
type Report struct {
	Format string // the winner; "" if there is none
	// Confidence says how sure it is that the entries are live updates and keep
	// their identity; "" if there is no winner.
	Confidence news.Confidence
	Profile    string  // the name of the site profile that read the page; "" if none did
	Steps      []Step  // the formats whose sniff took an interest, in order
	Fields     []Field // fields for which there was more than one candidate
}

// A Step is one attempt to read a document.
type Step struct {
	Format  string
	Entries int
	Reason  string // why it was not taken; "" for the winner
}

// A Field says where a field of the entries was taken from, when one reader
// of the page gave it and another was believed.
type Field struct {
	Name    string // "headline", "id", "author", …
	Winner  string
	Loser   string
	Reason  string
	Entries int // of how many entries
}

// A reading is what a format made of a document.
type reading struct {
	news.Snapshot
	// understood says that a reading without entries is an answer.
	understood bool
	feed       bool // entries need no text
	partial    bool // entries in the midst could not be read
	fields     []Field
	end        time.Time // when the source says its coverage ends; zero if it does not
	profile    string    // the name of the profile that read it; "" if none did
	rels       rels      // what a feed links to; nil for a page
}

// A format is one row of the ladder. sniff is cheap and may be generous; parse
// returns an error to let the next format try.
type format struct {
	name  string
	sniff func(*document) bool
	parse func(*document) (reading, error)
}

// ladder holds the formats from the most trustworthy to the least: what was
// made for machines and says so in its first bytes; the data of known
// platforms inside a page; structured data for search engines; markup made
// for scripts; markup made for eyes; plain text.
var ladder = slices.Concat(
	[]format{
		{"rss", sniffRSS, parseFeed},
		{"atom", sniffAtom, parseFeed},
		{"jsonfeed", sniffJSONFeed, parseJSONFeed},
		{"news-sitemap", sniffSitemap, parseSitemap},
		{"superdesk-v1", sniffSuperdesk, parseSuperdesk},
		{"guardian-dcr-blocks", sniffGuardian, parseGuardian},
		{"capi-blocks", sniffCAPI, parseCAPI},
		{"bbc-stream", sniffBBC, parseBBCStream},
		{"bbc-live-page", sniffBBC, parseBBCPage},
		{"liveblog3-posts", sniffLiveBlog, parseLiveBlog},
		{"wp-liveblog-rest", sniffWordPress, parseWordPress},
		{"tickaroo", sniffTickaroo, parseTickaroo},
	},
	rows(vendors),
	[]format{
		{"jsonld-bare", sniffBareJSONLD, parseBareJSONLD},
		{"page-state", sniffState, parseState},
		{"jsonld", sniffJSONLD, parseJSONLD},
		{"amp-live-list", sniffAMP, parseAMP},
		{"microdata", sniffMicrodata, parseMicrodata},
		{"h-feed", sniffHFeed, parseHFeed},
		{"profile", sniffHTML, parseProfile},
		{"blocks", sniffHTML, parseBlocks},
		{"heading-time-prefix", sniffHTML, parseHeadingTime},
		{"headed", sniffHTML, parseHeaded},
		{"text", sniffText, parseText},
	},
)

// Explain is Parse with a report of how it came to its result.
func Explain(doc Document) (news.Snapshot, Report, error) {
	d := newDocument(doc)
	var report Report
	if len(doc.Body) > maxBody {
		report.Steps = []Step{{Format: "any", Reason: fmt.Sprintf("larger than %d MB", maxBody>>20)}}
		return news.Snapshot{}, report, &UnknownError{Tried: report.Steps}
	}
	var understood *reading
	for _, f := range ladder {
		if doc.Format != "" && doc.Format != f.name || doc.Format == "" && !f.sniff(d) {
			continue
		}
		r, err := f.parse(d)
		step := Step{Format: f.name, Entries: len(r.Entries)}
		if err == nil && len(r.Entries) == 0 && len(r.Withdrawn) == 0 && !r.understood {
			err = errNoEntries
		}
		if err == nil && len(r.Entries) == 0 && doc.Format != "" && !f.sniff(d) {
			err = refusal("is not of this format")
		}
		if err != nil {
			step.Reason = err.Error()
			report.Steps = append(report.Steps, step)
			continue
		}
		r.Format = f.name
		if len(r.Entries) == 0 && doc.Format == "" && understood == nil && len(r.Withdrawn) == 0 {
			// A live blog that has not begun, unless something better turns up.
			step.Reason = "understood, but holds no entries"
			report.Steps = append(report.Steps, step)
			understood = &r
			continue
		}
		if len(r.Entries) == 0 && understood != nil {
			continue
		}
		report.Steps = append(report.Steps, step)
		return d.conclude(r, &report), report, nil
	}
	if understood != nil {
		return d.conclude(*understood, &report), report, nil
	}
	if doc.Format != "" && len(report.Steps) == 0 {
		report.Steps = []Step{{Format: strings.Trim(strconv.Quote(doc.Format), "\""), Reason: "there is no such format"}}
	}
	unknown := &UnknownError{Tried: report.Steps, Reason: d.nature()}
	if d.page != nil {
		unknown.Alternates = d.alternates(d.page)
	}
	return news.Snapshot{}, report, unknown
}

// nature says what a document is that no format took an interest in.
func (d *document) nature() string {
	switch {
	case d.head == "":
		return "the document is empty"
	case d.valueErr != nil:
		return "the document is broken JSON: " + d.valueErr.Error()
	case d.head[0] == '{' || d.head[0] == '[':
		return "the document is JSON of no known shape"
	}
	return "the document is no feed, page or text that is known"
}

func (d *document) conclude(r reading, report *Report) news.Snapshot {
	d.finish(&r)
	d.surroundings(&r)
	report.Format, report.Profile, report.Fields, report.Confidence = r.Format, r.profile, r.fields, confidence(&r.Snapshot)
	return r.Snapshot
}

// confidence is high for what was made for machines, medium for what a page
// merely looks like, low where only words and layout speak; a step less where
// most entries have no id of their own.
func confidence(s *news.Snapshot) news.Confidence {
	hashed := 0
	for i := range s.Entries {
		if s.Entries[i].IDKind != news.IDExplicit {
			hashed++
		}
	}
	named := hashed*2 <= len(s.Entries)
	switch s.Format {
	case "headed", "text":
		return news.Low
	case "h-feed", "profile", "blocks", "heading-time-prefix":
		if !named {
			return news.Low
		}
		return news.Medium
	}
	if !named {
		return news.Medium
	}
	return news.High
}

type refusal string

func (r refusal) Error() string { return string(r) }

const errNoEntries = refusal("holds no entries")

// document is a Document with the views that several formats share, each made
// once, when first asked for.
type document struct {
	Document
	base  *url.URL
	text  string         // decoded
	head  string         // text without what may stand before the first sign
	local *time.Location // the zone the page itself shows, if Zone is nil

	goesOn      string // the first link in an entry that says coverage goes on there
	headings    int    // repeated blocks with a heading; comments have a name in bold
	cut         bool   // it held more entries than are read
	profileNext string // where the profile that fits finds older entries

	tokens   []script // of a page that cannot be parsed
	page     *page
	pageErr  error
	values   []value
	valuesOK bool
	valueErr error
}

func newDocument(doc Document) *document {
	d := &document{Document: doc}
	if u, err := url.Parse(doc.URL); err == nil && u.IsAbs() {
		d.base = u
	}
	if len(doc.Body) > maxBody {
		return d
	}
	d.text = decode(doc.Body, doc.ContentType)
	d.head = strings.TrimLeft(d.text, " \t\r\n\ufeff\u00a0\x00")
	d.head = withoutNoise(d.head)
	return d
}

// withoutNoise drops what a server printed in front of a feed: warnings of its
// own making, mostly.
func withoutNoise(s string) string {
	window := s[:min(len(s), sniffWindow)]
	for _, root := range []string{"<rss", "<rdf:RDF", "<feed xmlns"} {
		i := strings.Index(window, root)
		if i <= 0 {
			continue
		}
		before := window[:i]
		if x := strings.Index(before, "<?xml"); x >= 0 {
			return s[x:]
		}
		if lower := strings.ToLower(before); !strings.Contains(lower, "<html") && !strings.Contains(lower, "<body") && !strings.HasPrefix(before, "<!") && before[0] != '{' && before[0] != '[' {
			return s[i:]
		}
	}
	return s
}

// json returns the document as JSON, if it is.
func (d *document) json() (value, bool) {
	if !d.valuesOK {
		d.valuesOK = true
		if d.head != "" && (d.head[0] == '{' || d.head[0] == '[') {
			d.values, _, d.valueErr = parseJSON(d.head)
		}
	}
	if len(d.values) == 0 {
		return value{}, false
	}
	return d.values[0], d.values[0].kids != nil
}

// isMarkup reports whether the document is a page rather than data: it begins
// with a tag, or holds one where a page would have one.
func (d *document) isMarkup() bool {
	if d.head == "" || d.head[0] == '{' || d.head[0] == '[' {
		return false
	}
	switch d.root() {
	case "rss", "rdf:rdf", "feed", "urlset", "sitemapindex", "bloglist", "blog", "postlist", "post":
		return false
	}
	return d.head[0] == '<' || hasTag(d.head[:min(len(d.head), sniffWindow)])
}

// root returns the name of the first element in lower case, with its prefix;
// "" if the document does not begin like markup.
func (d *document) root() string {
	s := d.head[:min(len(d.head), 4*sniffWindow)]
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		switch {
		case strings.HasPrefix(s, "<?"):
			s = after(s, "?>")
		case strings.HasPrefix(s, "<!--"):
			s = after(s, "-->")
		case strings.HasPrefix(s, "<!"):
			s = afterDoctype(s)
		case strings.HasPrefix(s, "<"):
			n := strings.IndexAny(s, " \t\r\n>")
			if n < 0 {
				n = len(s)
			}
			return strings.ToLower(strings.TrimSuffix(s[1:n], "/"))
		default:
			return ""
		}
	}
}

func after(s, mark string) string {
	_, rest, _ := strings.Cut(s, mark)
	return rest
}

// afterDoctype skips a declaration with or without an internal subset.
func afterDoctype(s string) string {
	end := strings.IndexByte(s, '>')
	if sub := strings.IndexByte(s, '['); sub >= 0 && sub < end {
		return strings.TrimPrefix(strings.TrimLeft(after(s, "]"), " \t\r\n"), ">")
	}
	if end < 0 {
		return ""
	}
	return s[end+1:]
}
