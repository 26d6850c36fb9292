package quote

import (
	"slices"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// contextEntries is how many older entries are searched for who somebody is.
// Live pages name people again long before that.
const contextEntries = 60

// Page returns the quotes of every entry of a live page; result[i] belongs to
// parts[i]. Entries come as they stand on the page, newest first. Who "the MP"
// or "Bell" is may be told by the entry itself, before or after the quote, or
// by one of the 60 entries before it in time, or by the title of the page;
// never by a newer entry, so that an entry reads the same when it is new.
func Page(title string, parts []Part) [][]news.Quote {
	want := make([]int, len(parts))
	for i := range want {
		want[i] = i
	}
	return PageOf(title, parts, want)
}

// PageOf is Page for some entries only: result[i] is what Page returns for
// parts[want[i]]. Other entries are read only where they may tell who is who.
// An index outside parts gives no quotes.
func PageOf(title string, parts []Part, want []int) [][]news.Quote {
	out := make([][]news.Quote, len(want))
	for i, found := range readPage(title, parts, want) {
		for _, q := range found {
			out[i] = append(out[i], q.News())
		}
	}
	return out
}

// readPage is PageOf with the quotes' places in the text of their entry, which
// is headline, blank line, body.
func readPage(title string, parts []Part, want []int) [][]Quote {
	out := make([][]Quote, len(want))
	p := reader{parts: parts, known: make([]*digest, len(parts))}
	p.title = digestOf(entryDoc(Part{Headline: title}))
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return want[a] - want[b] })
	for _, i := range order {
		if w := want[i]; w >= 0 && w < len(parts) {
			out[i] = p.entry(w)
		}
	}
	return out
}

// A reader takes the entries of one page apart, each once.
type reader struct {
	parts []Part
	known []*digest // by entry, nil when not read yet
	title *digest
}

// entry returns the quotes of entry i.
func (p *reader) entry(i int) []Quote {
	d := entryDoc(p.parts[i])
	if len(d.regs) == 0 {
		return nil
	}
	elder := make([]*digest, 0, contextEntries+1)
	for k := i + 1; k < len(p.parts) && k <= i+contextEntries; k++ {
		if p.known[k] == nil {
			p.known[k] = digestOf(entryDoc(p.parts[k]))
		}
		elder = append(elder, p.known[k])
	}
	d.elder = append(elder, p.title)
	return d.quotes(nil)
}

// entryDoc takes one entry apart.
func entryDoc(p Part) *doc {
	if p.Headline == "" {
		return newDoc(p.Body, headless)
	}
	return newDoc(strings.ReplaceAll(p.Headline, "\n", " ")+"\n\n"+p.Body, headed)
}

// A digest is what one entry tells about people, without its text.
type digest struct {
	people []acquaintance
}

// An acquaintance is a person as an older entry knows them.
type acquaintance struct {
	full, last string
	gender     class
	roles      []described
}

type described struct{ text, head string }

// digestOf reads d for who is who.
func digestOf(d *doc) *digest {
	g := &digest{}
	if !d.english {
		return g
	}
	d.findMentions()
	d.findFacts()
	for i := range d.people {
		p := &d.people[i]
		if p.first == "" {
			continue
		}
		g.people = append(g.people, acquaintance{full: p.full, last: p.last, gender: p.gender, roles: d.rolesOf(int32(i))})
	}
	return g
}

func (d *doc) rolesOf(p int32) []described {
	var out []described
	for i := range d.facts {
		if f := &d.facts[i]; f.person == p {
			out = append(out, described{d.factText(f), f.head})
		}
	}
	return out
}

// meetElders takes the gender of people whom this entry only calls by their
// last names from older entries.
func (d *doc) meetElders() {
	if d.elder == nil {
		return
	}
	for i := range d.people {
		p := &d.people[i]
		if p.gender != 0 || p.first != "" {
			continue
		}
		if a := d.elderOf(p); a != nil {
			p.gender = a.gender
		}
	}
}

// elderOf returns who bears the last name of p in the nearest older entry that
// has one, nil if none.
func (d *doc) elderOf(p *person) *acquaintance {
	for _, g := range d.elder {
		for i := range g.people {
			if a := &g.people[i]; a.last == p.last {
				return a
			}
		}
	}
	return nil
}

// elderName returns the full name and a description of p from the nearest
// older entry that has them, "" if none has.
func (d *doc) elderName(p *person) (full, role string) {
	for _, g := range d.elder {
		for i := range g.people {
			a := &g.people[i]
			if a.last != p.last || p.gender != 0 && a.gender != 0 && p.gender != a.gender || p.first != "" && a.full != p.full {
				continue
			}
			if full == "" || full == a.full {
				full = a.full
				if role == "" && len(a.roles) > 0 {
					role = a.roles[0].text
				}
			}
		}
		if full != "" && role != "" {
			break
		}
	}
	return full, role
}

// elderRole returns who the role n is in the nearest older entry that
// describes somebody so.
func (d *doc) elderRole(n int32) (full, role string) {
	for _, g := range d.elder {
		best := 0
		for i := range g.people {
			a := &g.people[i]
			if gender := d.ments[n].gender; gender != 0 && a.gender != 0 && gender != a.gender {
				continue
			}
			for _, r := range a.roles {
				if s := d.likeness(n, r.text, r.head); s > best {
					best, full, role = s, a.full, r.text
				}
			}
		}
		if best > 0 {
			return full, role
		}
	}
	return "", ""
}

// News returns q without its place in the text.
func (q Quote) News() news.Quote {
	return news.Quote{Text: q.Text, Speaker: q.Speaker, Role: q.Role, Kind: q.Kind, InHeadline: q.InHeadline, Confidence: q.Confidence}
}
