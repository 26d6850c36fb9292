package parse

import (
	"strings"

	"golang.org/x/net/html"
)

// Page state: the data a page's own scripts start from, printed into the page.
// Where a known platform's entries are in it they are taken from there.

// stateMarks are words that only the state of a known platform contains.
var stateMarks = []string{`blockFirstPublished`, `liveTextStream`, `post_status`}

func sniffState(d *document) bool {
	return d.onPage(func(p *page) bool { return p.scripted(stateMarks...) })
}

func parseState(d *document) (reading, error) {
	p, err := d.html()
	if err != nil {
		return reading{}, err
	}
	for _, s := range p.scripts {
		for _, m := range stateMarks {
			if !strings.Contains(s.text, m) {
				continue
			}
			if r, ok := d.stateOf(s.text, m); ok {
				p.describe(d, &r)
				return r, nil
			}
		}
	}
	return reading{}, refusal("its page state holds no entries")
}

func (d *document) stateOf(script, mark string) (reading, bool) {
	start := strings.IndexByte(script, '{')
	if start < 0 {
		return reading{}, false
	}
	values, _, _ := parseJSON(script[start:])
	if len(values) == 0 {
		return reading{}, false
	}
	var r reading
	err := error(errNoEntries)
	switch mark {
	case "blockFirstPublished":
		r, err = d.guardianPage(guardianRoot(values[0]))
	case "liveTextStream":
		var found bool
		if r, found = d.bbcPosts(values[0]); found {
			err = nil
		}
	case "post_status":
		values[0].walk(func(o value) bool {
			if o.kind == 'o' && (o.has("_items") || o.has("items")) && o.has("_meta") {
				r, err = d.liveBlogPosts(o)
			}
			return err != nil
		})
	}
	return r, err == nil && len(r.Entries) > 0
}

// guardianRoot finds the object with the blocks.
func guardianRoot(v value) value {
	root := v
	v.walk(func(o value) bool {
		if o.get("blocks").kind == 'a' && len(o.get("blocks").list()) > 0 && o.get("blocks").list()[0].has("elements") {
			root = o
			return false
		}
		return true
	})
	return root
}

// assigned reads the object that a script assigns to name, if it has key.
func assigned(script, name, key string) (value, bool) {
	if !strings.Contains(script, key) {
		return value{}, false
	}
	for rest := script; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return value{}, false
		}
		rest = rest[i+len(name):]
		after := strings.TrimLeft(rest, " \t\r\n")
		if !strings.HasPrefix(after, "=") {
			continue
		}
		after = strings.TrimLeft(after[1:], " \t\r\n")
		if !strings.HasPrefix(after, "{") {
			continue
		}
		values, _, _ := parseJSON(after)
		if len(values) > 0 && values[0].has(key) {
			return values[0], true
		}
		return value{}, false
	}
}

func hasEndpoint(n *html.Node) bool { return attr(n.Attr, "data-endpoint") != "" }

// archived reports whether a live-blog plugin in the page says it is closed.
func (p *page) archived() bool {
	for _, s := range p.scripts {
		if v, ok := assigned(s.text, "liveblog_settings", "state"); ok && v.get("state").str() == "archive" {
			return true
		}
	}
	return false
}
