package quote

import (
	"slices"
)

// maxNamesakes bounds how many people are compared to find the bearer of a
// name.
const maxNamesakes = 60

func sortByStart(order []int32, ments []mention) {
	slices.SortStableFunc(order, func(a, b int32) int {
		if c := ments[a].from - ments[b].from; c != 0 {
			return int(c)
		}
		return int(ments[a].to - ments[b].to)
	})
}

// findPeople enters the names of d.ments[n:] into the table of people, full
// names first, so that a last name finds its bearer wherever that stands.
func (d *doc) findPeople(n int) {
	if d.byLast == nil {
		d.byLast = make(map[string]int32, 16)
	}
	for i := n; i < len(d.ments); i++ {
		m := &d.ments[i]
		if m.kind == aName && m.nameTo-m.name >= 2 {
			m.person = d.enter(m)
		}
	}
	for i := n; i < len(d.ments); i++ {
		m := &d.ments[i]
		if m.kind == aName && m.nameTo-m.name == 1 {
			m.person = d.link(m)
		}
	}
}

// lastOf returns the token of the last name in m: not "Jr." or "III".
func (d *doc) lastOf(m *mention) int32 {
	i := m.nameTo - 1
	for i > m.name {
		switch d.word(i) {
		case "Jr.", "Jr", "Sr.", "Sr", "II", "III", "IV", "OBE", "MBE", "CBE", "MP", "QC", "KC", "TD", "MEP", "MSP":
			i--
			continue
		}
		break
	}
	return i
}

func (d *doc) nameText(m *mention) string {
	return d.text[d.toks[m.name].start:d.toks[d.lastOf(m)].end]
}

// enter returns the person whom the full name m names, new if need be.
func (d *doc) enter(m *mention) int32 {
	last, first := d.word(d.lastOf(m)), d.word(m.name)
	head, known := d.byLast[last]
	if known {
		for p, k := head, 0; p >= 0 && k < maxNamesakes; p, k = d.people[p].next, k+1 {
			q := &d.people[p]
			if q.first == first || q.first == "" {
				if q.first == "" || len(d.nameText(m)) < len(q.full) && m.nameTo-m.name >= 2 {
					q.full = d.nameText(m)
				}
				q.first = first
				d.sawPerson(p, m)
				return p
			}
		}
	} else {
		head = -1
	}
	d.people = append(d.people, person{full: d.nameText(m), first: first, last: last, next: head})
	p := int32(len(d.people) - 1)
	d.byLast[last] = p
	d.sawPerson(p, m)
	return p
}

func (d *doc) sawPerson(p int32, m *mention) {
	q := &d.people[p]
	q.count++
	if m.gender != 0 {
		q.gender = m.gender
	}
	if m.name > m.from {
		q.titled = true
	}
}

// link returns the person whom the single name m names: the bearer of that
// last name who is named most and whose gender does not contradict, else the
// bearer of that first name, else somebody known by one name only.
func (d *doc) link(m *mention) int32 {
	w := d.word(m.name)
	if head, ok := d.byLast[w]; ok {
		best := int32(-1)
		for p, k := head, 0; p >= 0 && k < maxNamesakes; p, k = d.people[p].next, k+1 {
			if m.gender != 0 && d.people[p].gender != 0 && m.gender != d.people[p].gender {
				continue
			}
			if best < 0 || d.people[p].count > d.people[best].count {
				best = p
			}
		}
		if best >= 0 {
			d.sawPerson(best, m)
			return best
		}
	}
	if d.toks[m.name].cls&clFirst != 0 {
		for p := range d.people {
			if d.people[p].first == w {
				d.sawPerson(int32(p), m)
				return int32(p)
			}
			if p > maxNamesakes {
				break
			}
		}
	}
	head, ok := d.byLast[w]
	if !ok {
		head = -1
	}
	full := w
	if m.name > m.from && noble(d.word(m.name-1)) {
		full = d.text[d.toks[m.name-1].start:d.toks[m.name].end]
	}
	d.people = append(d.people, person{full: full, last: w, next: head})
	p := int32(len(d.people) - 1)
	d.byLast[w] = p
	d.sawPerson(p, m)
	return p
}

// noble reports whether w is a title that belongs to the name of somebody who
// is not called by a first name.
func noble(w string) bool {
	switch w {
	case "Lord", "Lady", "Baroness", "Baron", "Pope", "King", "Queen", "Prince", "Princess", "Viscount", "Dame", "Sister", "Father":
		return true
	}
	return false
}

// A fact says that a person was described somewhere: Ada Bell, harbour master.
type fact struct {
	person   int32
	at       int32 // mention it was found at
	from, to int32 // tokens of the description
	head     string
	section  int32
}

// findFacts collects descriptions: before a name, after it between commas, and
// before it with a comma.
func (d *doc) findFacts() {
	for i := range d.pars {
		d.lineFact(&d.pars[i])
	}
	lines := len(d.facts)
	for i := range d.ments {
		m := &d.ments[i]
		if m.kind != aName || m.person < 0 {
			continue
		}
		if m.name > m.from && d.toks[m.name-1].cls&clTitle == 0 {
			d.addFact(m.person, int32(i), m.from, m.name)
		}
		if n := d.apposed(m); n >= 0 {
			d.addFact(m.person, int32(i), d.ments[n].from, d.wholePhrase(n))
		}
		if n := d.apposedBefore(m); n >= 0 {
			d.addFact(m.person, int32(i), d.ments[n].from, d.ments[n].to)
		}
	}
	if lines > 0 {
		slices.SortStableFunc(d.facts, func(a, b fact) int { return int(a.at - b.at) })
	}
}

// lineFact adds what an attribution line says of the person it names, in
// whatever words: – Ada Bell, third oar.
func (d *doc) lineFact(p *par) {
	if p.to-p.from < 4 || d.toks[p.from].p != '-' || p.last-p.sent != 1 {
		return
	}
	n := d.toks[p.from+1].begins
	if n < 0 || d.ments[n].kind != aName || d.ments[n].person < 0 {
		return
	}
	if comma := d.ments[n].to; comma >= p.to || d.toks[comma].p != ',' {
		return
	}
	to := p.to
	for to > p.from && !d.toks[to-1].word() {
		to--
	}
	from := d.ments[n].to + 1
	if from < to && d.toks[from].cls&clDet != 0 {
		from++
	}
	if from < to {
		d.facts = append(d.facts, fact{person: d.ments[n].person, at: n, from: from, to: to, head: d.word(to - 1), section: p.section})
	}
}

func (d *doc) addFact(p, at, from, to int32) {
	for from < to && d.toks[from].cls&clDet != 0 {
		from++
	}
	if from >= to || !d.toks[to-1].word() {
		return
	}
	h := to - 1
	for k := from; k < to; k++ {
		if d.toks[k].cls&clPrep != 0 && k > from {
			h = k - 1
			break
		}
	}
	if d.toks[h].cls&(clRole|clGroup) == 0 {
		return
	}
	d.facts = append(d.facts, fact{person: p, at: at, from: from, to: to, head: d.word(h), section: d.pars[d.toks[from].par].section})
}

// apposed returns the role that explains the name m after a comma, or -1.
func (d *doc) apposed(m *mention) int32 {
	i := m.to
	if i+1 >= int32(len(d.toks)) || d.toks[i].p != ',' && d.toks[i].p != '(' {
		return -1
	}
	i++
	if d.toks[i].cls&clNum != 0 && d.toks[i].begins < 0 && i+2 < int32(len(d.toks)) && d.toks[i+1].p == ',' {
		i += 2
	}
	n := d.toks[i].begins
	if n < 0 || d.ments[n].kind != aRole || d.toks[i].sent != d.toks[m.from].sent {
		return -1
	}
	end := d.wholePhrase(n)
	if end < int32(len(d.toks)) && d.toks[end].sent == d.toks[i].sent && d.toks[end].word() && d.toks[end].cls&(clRel|clConj) == 0 {
		return -1
	}
	return n
}

func (d *doc) apposedBefore(m *mention) int32 {
	if m.from < 2 || d.toks[m.from-1].p != ',' {
		return -1
	}
	n := d.toks[m.from-2].ends
	if n < 0 || d.ments[n].kind != aRole || d.toks[m.from].sent != d.toks[m.from-2].sent {
		return -1
	}
	return n
}

// wholePhrase returns the end of mention n with its "of the harbour board".
func (d *doc) wholePhrase(n int32) int32 {
	end := d.ments[n].to
	for k := 0; k < 2 && end+1 < int32(len(d.toks)); k++ {
		if d.toks[end].cls&clPrep == 0 || d.toks[end+1].begins < 0 || d.toks[end+1].sent != d.toks[end].sent {
			break
		}
		end = d.ments[d.toks[end+1].begins].to
	}
	return end
}
