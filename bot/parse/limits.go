package parse

import (
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Limits on a document. Memory is at most 50 times a document's size, or
// floorMemory if that is more: each limit below is a share of it. A live page
// of a whole day is 1 MB and holds 500 entries.
const (
	maxBody     = 32 << 20
	maxEntries  = 10_000
	minEntries  = 1_000 // as many are read of the smallest document
	entryBytes  = 128   // of a document per entry beyond those
	maxText     = 100_000
	floorMemory = 8 << 20
)

// most is how many entries of the document are read.
func (d *document) most() int {
	return min(maxEntries, max(minEntries, len(d.text)/entryBytes))
}

// newest returns as many of list as the document may have entries: those at
// its new end, which when tells.
func newest[T any](d *document, list []T, when func(T) time.Time) []T {
	n := d.most()
	if len(list) <= n {
		return list
	}
	d.cut = true
	if when(list[len(list)-1]).After(when(list[0])) {
		return list[len(list)-n:]
	}
	return list[:n]
}

// nodeTime is when the entry at n was published, as far as its markup tells.
func (d *document) nodeTime(n *html.Node) time.Time {
	e, _ := d.blockEntry(n)
	return e.Published
}

// firstOf is when an object says it was published, by the first of keys.
func (d *document) firstOf(keys ...string) func(value) time.Time {
	return func(v value) time.Time { return d.whenValue(v.first(keys...)) }
}

// Limits on a JSON document. No page seen comes near; without them a few
// hundred kilobytes of brackets cost the stack or the heap.
const (
	maxJSONDepth = 200
	maxJSONNodes = 300_000
	minJSONNodes = 20_000
)

// Costs in bytes of what golang.org/x/net/html and gofeed make, measured.
const (
	nodeCost    = 128
	attrCost    = 120
	elementCost = 1_100
)

// maxAttrs is how many attributes an element may have at the usual cost.
const maxAttrs = 100

// maxDepthCost bounds the depth of the elements around each tag, summed up,
// per byte of the page: the HTML algorithm looks through all of them for many
// a tag. Pages seen have less than 3.
const maxDepthCost = 20

// sprawls says why a page would become far more than it is, or take far
// longer to read than pages do; "" if it would not.
func sprawls(s string) string {
	m := meter{budget: max(30*len(s), floorMemory/2), depths: max(maxDepthCost*len(s), 1<<20)}
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 || i+2 >= len(s) {
			return ""
		}
		if i > 0 {
			m.memory += nodeCost // the text before it
		}
		s = m.tag(s[i+1:])
		switch {
		case m.memory > m.budget:
			return "has more markup than a page can have"
		case m.depth > m.depths:
			return "nests too much too deep"
		}
	}
}

// A meter estimates what a page costs.
type meter struct {
	memory, budget int
	depth, depths  int
	level          int // elements that are open
	open, attrs    int // formatting elements that are open, and their attributes: each block opens them again
}

// tag counts the tag that s, after its "<", begins with, and returns what is
// left of s.
func (m *meter) tag(s string) string {
	closing := s[0] == '/'
	name := s
	if closing {
		name = s[1:]
	}
	low := tagLower(name)
	if low == "" {
		return s
	}
	end := strings.IndexByte(name, '>')
	if end < 0 {
		end = len(name)
	}
	rest := name[end:]
	switch {
	case closing:
		m.closes(low)
	case low == "script" || low == "style":
		m.memory += nodeCost
		if i := strings.Index(rest, "</"); i >= 0 {
			return rest[i:]
		}
	default:
		m.opens(low, name[min(len(low), end):end])
	}
	return rest
}

// tagLower returns the name that s begins with, in lower case and cut off
// after ten bytes; "" if it begins with none.
func tagLower(s string) string {
	var buf [10]byte
	n := 0
	for n < len(s) && n < len(buf) && (s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		buf[n] = s[n]
		if s[n] >= 'A' && s[n] <= 'Z' {
			buf[n] |= 0x20
		}
		n++
	}
	if name, ok := tagNames[string(buf[:n])]; ok {
		return name // not a string of its own for each tag
	}
	return string(buf[:n])
}

var tagNames = func() map[string]string {
	m := make(map[string]string, len(knownTags))
	for name := range knownTags {
		m[name] = name
	}
	return m
}()

func (m *meter) closes(name string) {
	switch {
	case formatting(name):
		m.open = max(m.open-1, 0)
		if m.attrs = max(m.attrs-1, 0); m.open == 0 {
			m.attrs = 0
		}
	default:
		m.memory += nodeCost / 4 // some make an element of their own
		if nests(name) {
			m.level = max(m.level-1, 0)
		}
	}
}

// opens counts an element; rest is what stands behind the name in its tag.
func (m *meter) opens(name, rest string) {
	attrs := 0
	if rest != "" {
		attrs = attributes(rest)
	}
	m.memory += nodeCost + attrs*attrCost
	if attrs > maxAttrs {
		m.memory += attrs * attrCost * 5 // lists of them are copied as they grow
	}
	if name == "table" {
		m.memory += 2 * nodeCost // a body and a row that nobody wrote
	}
	if formatting(name) {
		m.open++
		m.attrs += attrs
	} else {
		m.memory += m.open*nodeCost + m.attrs*attrCost/2
	}
	m.depth += m.level
	if nests(name) && !strings.HasSuffix(rest, "/") {
		m.level = min(m.level+1, 512)
	}
}

// attributes counts, at least, the attributes in the rest of a tag.
func attributes(s string) int {
	n, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && i > 0 && s[i-1] == '=':
			quote = c
		case i+1 < len(s) && (c == ' ' || c == '/' || c == '\n' || c == '\t' || c == '\r') && s[i+1] > ' ' && s[i+1] != '/':
			n++
		}
	}
	return n
}

// nests reports whether an element stays open until it is closed. Void ones
// do not, and those whose end tags may be left out mostly close each other.
func nests(name string) bool { return !voidTags[name] && !unclosed[name] }

var unclosed = set("p li dt dd tr td th tbody thead tfoot option optgroup rp rt html head body path circle rect line g use polygon")

func formatting(name string) bool {
	switch name {
	case "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u":
		return true
	}
	return false
}

var (
	itemStart = regexp.MustCompile(`(?i)<(?:item|entry)[\s>/]`)
	itemDate  = regexp.MustCompile(`(?i)<(?:pubdate|published|updated|issued|modified|dc:date|date)\b[^>]*>\s*(?:<!\[CDATA\[)?([^<\]]{6,64})`)
)

// fewerItems cuts a feed down to its newest items, if it has more than are
// read. It refuses what has more markup than a feed can have all the same.
func (d *document) fewerItems(s string) (string, error) {
	out := d.newestItems(s)
	if elements(out)*elementCost > feedBudget(s) {
		return "", refusal("has more markup than a feed can have")
	}
	return out, nil
}

func feedBudget(s string) int { return max(30*len(s), floorMemory/2) }

func (d *document) newestItems(s string) string {
	if strings.Count(s, "<item")+strings.Count(s, "<entry") <= d.most() && elements(s)*elementCost <= feedBudget(s) {
		return s
	}
	starts := itemStart.FindAllStringIndex(s, -1)
	n := len(starts)
	keep := min(n, d.most())
	budget := feedBudget(s)
	for keep > 1 && elements(s)*keep/n*elementCost > budget {
		keep /= 2
	}
	if keep == n {
		return s
	}
	d.cut = true
	end := max(strings.LastIndex(s, "</item>")+len("</item>"), strings.LastIndex(s, "</entry>")+len("</entry>"))
	first, last := s[starts[0][0]:starts[1][0]], s[starts[n-1][0]:]
	if d.itemTime(last).After(d.itemTime(first)) {
		return s[:starts[0][0]] + s[starts[n-keep][0]:]
	}
	if end < starts[n-1][0] {
		end = len(s)
	}
	return s[:starts[keep][0]] + s[end:]
}

func (d *document) itemTime(item string) time.Time {
	m := itemDate.FindStringSubmatch(item)
	if m == nil {
		return time.Time{}
	}
	return d.when(m[1])
}

// elements counts the elements of an XML document, roughly.
func elements(s string) int {
	return strings.Count(s, "<") - strings.Count(s, "</") - strings.Count(s, "<!")
}

// jsonNodes is how many values a JSON text of n bytes may have.
func jsonNodes(n int) int { return min(maxJSONNodes, max(minJSONNodes, n/5)) }
