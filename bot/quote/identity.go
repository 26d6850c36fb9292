package quote

import "strings"

// An identity is who a mention stands for.
type identity struct {
	name string // "" = not known
	role string
	sure bool
}

// maxChain bounds how many mentions are followed from pronoun to name.
const maxChain = 4

// identify says whom mention n stands for.
func (d *doc) identify(n int32, depth int) identity {
	m := &d.ments[n]
	switch m.kind {
	case aName:
		return d.identifyName(n)
	case aPronoun:
		if depth >= maxChain {
			return identity{}
		}
		return d.identifyPronoun(n, depth)
	case aRole:
		return d.identifyRole(n)
	}
	if m.owner >= 0 && m.kind == aDocument && d.ments[m.owner].kind == aName {
		return d.identifyName(m.owner)
	}
	return identity{name: d.phraseText(n), sure: m.kind != aThing}
}

// phraseText returns the words of mention n.
func (d *doc) phraseText(n int32) string {
	m := &d.ments[n]
	return d.text[d.toks[m.from].start:d.toks[m.to-1].end]
}

func (d *doc) identifyName(n int32) identity {
	m := &d.ments[n]
	if m.person < 0 {
		return identity{name: d.text[d.toks[m.name].start:d.toks[m.nameTo-1].end], sure: true}
	}
	p := &d.people[m.person]
	return identity{name: p.full, role: d.roleOf(m.person, n), sure: true}
}

// roleOf returns the description of person p nearest to mention n.
func (d *doc) roleOf(p, n int32) string {
	best := -1
	for i := range d.facts {
		f := &d.facts[i]
		if f.person != p {
			continue
		}
		if best < 0 || f.at <= n || d.facts[best].at > n && f.section == d.section(n) && d.facts[best].section != f.section {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return d.factText(&d.facts[best])
}

func (d *doc) factText(f *fact) string {
	return strings.TrimSuffix(d.text[d.toks[f.from].start:d.toks[f.to-1].end], ",")
}

func (d *doc) section(n int32) int32 { return d.pars[d.toks[d.ments[n].from].par].section }

// identifyRole finds the person a role stands for: described so in the entry,
// or anywhere.
func (d *doc) identifyRole(n int32) identity {
	m := &d.ments[n]
	plain := identity{name: d.roleText(n), role: d.roleText(n), sure: true}
	if m.plural || m.indefinite && !d.opensEntry(n) {
		return plain
	}
	if f := d.factFor(n); f >= 0 {
		p := &d.people[d.facts[f].person]
		return identity{name: p.full, role: d.factText(&d.facts[f]), sure: true}
	}
	return plain
}

// roleText returns the words of a role without its article.
func (d *doc) roleText(n int32) string { return d.phraseText(n) }

// opensEntry reports whether mention n stands in the headline or first
// paragraph of its section.
func (d *doc) opensEntry(n int32) bool {
	p := d.toks[d.ments[n].from].par
	return d.pars[p].headline || p > 0 && d.pars[p-1].headline
}

// factFor returns the fact that says who the role n is, or -1.
func (d *doc) factFor(n int32) int32 {
	m := &d.ments[n]
	head := d.word(m.head)
	best, bestScore := int32(-1), 0
	for i := range d.facts {
		f := &d.facts[i]
		if !strings.EqualFold(f.head, head) {
			continue
		}
		s := 1
		if f.at < n {
			s += 2
		}
		if f.section == d.section(n) {
			s += 4
		}
		if s >= bestScore {
			best, bestScore = int32(i), s
		}
	}
	return best
}

// identifyPronoun finds the person whom he or she stands for: the subject
// before it, of its own entry, whose gender fits.
func (d *doc) identifyPronoun(n int32, depth int) identity {
	m := &d.ments[n]
	if m.gender == 0 {
		return identity{}
	}
	section := d.section(n)
	sentence := d.toks[m.from].sent
	weak := int32(-1)
	for i := n - 1; i >= 0 && i > n-60; i-- {
		c := &d.ments[i]
		if d.section(i) != section || sentence-d.toks[c.from].sent > 8 {
			break
		}
		if !d.fits(c, m.gender) {
			continue
		}
		if c.kind == aPronoun {
			if c.gender == m.gender && depth < maxChain {
				return d.identifyPronoun(i, depth+1)
			}
			continue
		}
		if d.subjectLike(i) {
			return d.identify(i, depth+1)
		}
		if weak < 0 {
			weak = i
		}
	}
	if weak >= 0 {
		id := d.identify(weak, depth+1)
		id.sure = false
		return id
	}
	return identity{}
}

// fits reports whether mention c can be a single person of gender g.
func (d *doc) fits(c *mention, g class) bool {
	if c.owned && c.kind == aName {
		return false
	}
	switch c.kind {
	case aPronoun:
		return c.gender == g
	case aName:
		if c.person < 0 {
			return false
		}
		pg := d.people[c.person].gender
		return pg == 0 || pg == g
	case aRole:
		return c.gender == 0 || c.gender == g
	}
	return false
}

// subjectLike reports whether mention i is the subject of its sentence or
// clause.
func (d *doc) subjectLike(i int32) bool {
	m := &d.ments[i]
	if m.from > 0 {
		t := &d.toks[m.from-1]
		if t.sent == d.toks[m.from].sent && t.word() && t.cls&clPrep != 0 {
			return false
		}
	}
	return d.verbAfter(i) >= 0
}
