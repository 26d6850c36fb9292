package quote

import (
	"slices"
	"strings"
)

// An identity is who a mention stands for.
type identity struct {
	name   string // "" = not known
	role   string
	person int32 // -1 if none of this text
	sure   bool
}

var unknown = identity{person: -1}

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
			return unknown
		}
		if m.gender == 0 {
			return d.identifyThey(n, depth)
		}
		return d.identifyPronoun(n, depth)
	case aRole:
		return d.identifyRole(n)
	}
	if m.owner >= 0 && m.kind == aDocument && d.ments[m.owner].kind == aName {
		return d.identifyName(m.owner)
	}
	return identity{name: d.phraseText(n), person: -1, sure: m.kind != aThing}
}

// phraseText returns the words of mention n with what "of" or "for" adds.
func (d *doc) phraseText(n int32) string {
	return d.text[d.toks[d.ments[n].from].start:d.toks[d.phraseEnd(n)-1].end]
}

// phraseEnd returns the token after mention n and what belongs to it: the head
// |of the harbour board.
func (d *doc) phraseEnd(n int32) int32 {
	end := d.ments[n].to
	if d.ments[n].kind == aName || d.ments[n].kind == aPronoun {
		return end
	}
	for k := 0; k < 2 && end+1 < int32(len(d.toks)); k++ {
		next := &d.toks[end+1]
		if !d.toks[end].word() || next.begins < 0 || next.sent != d.toks[end-1].sent {
			break
		}
		switch d.word(end) {
		case "of", "for", "from", "at":
		default:
			return end
		}
		end = d.ments[next.begins].to
	}
	return end
}

func (d *doc) identifyName(n int32) identity {
	m := &d.ments[n]
	if m.person < 0 {
		return identity{name: d.text[d.toks[m.name].start:d.toks[m.nameTo-1].end], person: -1, sure: true}
	}
	p := &d.people[m.person]
	id := identity{name: p.full, role: d.roleOf(m.person, n), person: m.person, sure: true}
	if p.first == "" {
		if full, role := d.elderName(p); full != "" {
			id.name = full
			if id.role == "" {
				id.role = role
			}
		}
	} else if id.role == "" {
		_, id.role = d.elderName(p)
	}
	return id
}

// roleOf returns the description of person p: the nearest before mention n,
// else the first after it.
func (d *doc) roleOf(p, n int32) string {
	best := -1
	from, to := d.factsNear(n)
	for i := from; i < to; i++ {
		f := &d.facts[i]
		if f.person != p {
			continue
		}
		if best < 0 || f.at <= n {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	return d.factText(&d.facts[best])
}

// Descriptions are sought this far before and after a mention. An entry holds
// fewer; the bound keeps long texts linear.
const factsBefore, factsAfter = 150, 60

// factsNear returns the range of d.facts around mention n.
func (d *doc) factsNear(n int32) (from, to int) {
	i, _ := slices.BinarySearchFunc(d.facts, n, func(f fact, n int32) int { return int(f.at - n) })
	return max(0, i-factsBefore), min(len(d.facts), i+factsAfter)
}

func (d *doc) factText(f *fact) string {
	return d.text[d.toks[f.from].start:d.toks[f.to-1].end]
}

func (d *doc) section(n int32) int32 { return d.pars[d.toks[d.ments[n].from].par].section }

// identifyRole finds the person a role stands for: described so in the entry,
// elsewhere in the text, or in an older entry of the page; or the only person
// who speaks in a live entry.
func (d *doc) identifyRole(n int32) identity {
	m := &d.ments[n]
	plain := identity{name: d.phraseText(n), role: d.roleText(n), person: -1, sure: true}
	if p := d.namedBeside(n); p >= 0 {
		return identity{name: d.people[p].full, role: d.roleText(n), person: p, sure: true}
	}
	if d.toks[m.from].cls&clPoss != 0 {
		return plain // her lawyer is not his
	}
	if m.plural || m.indefinite && !d.opensEntry(n) {
		return plain
	}
	if f := d.factFor(n); f >= 0 && !m.indefinite {
		p := d.facts[f].person
		sure := d.live() || d.recency(p, d.section(n)) > 0 || d.likeness(n, d.factText(&d.facts[f]), d.facts[f].head) > 1
		return identity{name: d.people[p].full, role: d.factText(&d.facts[f]), person: p, sure: sure}
	}
	if !d.live() {
		return plain
	}
	if !m.indefinite {
		if full, role := d.elderRole(n); full != "" {
			return identity{name: full, role: role, person: -1, sure: true}
		}
	}
	if p := d.onlySpeaker(n); p >= 0 && d.agrees(p, m.gender) && m.owner < 0 {
		return identity{name: d.people[p].full, role: d.roleText(n), person: p}
	}
	return plain
}

// namedBeside returns the person named right after the role n, as in "her
// lawyer, Ada Bell,"; -1 if none is.
func (d *doc) namedBeside(n int32) int32 {
	i := d.ments[n].to
	if i+1 >= int32(len(d.toks)) || d.toks[i].p != ',' {
		return -1
	}
	k := d.toks[i+1].begins
	if k < 0 || d.ments[k].kind != aName || d.apposedBefore(&d.ments[k]) != n {
		return -1
	}
	return d.ments[k].person
}

// live reports whether the text is an entry of a live page, or a whole one.
func (d *doc) live() bool {
	return d.elder != nil || len(d.pars) > 0 && d.pars[len(d.pars)-1].section >= 3
}

func (d *doc) agrees(p int32, g class) bool {
	return g == 0 || d.people[p].gender == 0 || d.people[p].gender == g
}

// roleText returns the words of a role without its article.
func (d *doc) roleText(n int32) string {
	m := &d.ments[n]
	from := m.from
	if d.toks[from].cls&clDet != 0 && from+1 < m.to {
		from++
	}
	return d.text[d.toks[from].start:d.toks[d.phraseEnd(n)-1].end]
}

// opensEntry reports whether mention n stands in the headline or first
// paragraph of its section.
func (d *doc) opensEntry(n int32) bool {
	p := d.toks[d.ments[n].from].par
	return p == 0 || d.pars[p].headline || d.pars[p-1].headline
}

// factFor returns the fact that says who the role n is, or -1: the one whose
// words agree, told in the same section, of who spoke there last.
func (d *doc) factFor(n int32) int32 {
	best, bestScore, tie := int32(-1), 0, false
	section := d.section(n)
	from, to := d.factsNear(n)
	for i := from; i < to; i++ {
		f := &d.facts[i]
		s := d.likeness(n, d.text[d.toks[f.from].start:d.toks[f.to-1].end], f.head)
		if s <= 0 || !d.agrees(f.person, d.ments[n].gender) {
			continue
		}
		s *= 4
		if f.section == section {
			s += 6
		}
		if f.at < n {
			s += 2
		}
		s += 4 * d.recency(f.person, section)
		switch {
		case best >= 0 && f.person == d.facts[best].person:
			bestScore = max(s, bestScore)
		case s > bestScore:
			best, bestScore, tie = int32(i), s, false
		case s == bestScore:
			tie = true
		}
	}
	if tie {
		return -1 // two are described so: it would be a guess
	}
	return best
}

// recency returns 2 if person p spoke last in the section, 1 if earlier.
func (d *doc) recency(p, section int32) int {
	for i := len(d.said) - 1; i >= 0 && i > len(d.said)-12; i-- {
		if d.said[i].section != section {
			continue
		}
		if d.said[i].person == p {
			if i == len(d.said)-1 {
				return 2
			}
			return 1
		}
	}
	return 0
}

// likeness says how well the role n agrees with a description that has the
// given head: 0 for not at all, more for every word they share.
func (d *doc) likeness(n int32, text, head string) int {
	m := &d.ments[n]
	h := roleHead(d.word(m.head))
	if !strings.EqualFold(h, roleHead(head)) {
		return 0
	}
	s := 1
	for i := m.from; i < m.head; i++ {
		t := &d.toks[i]
		if !t.word() || t.cls&(clDet|clPoss) != 0 {
			continue
		}
		w := d.word(i)
		if containsWord(text, w) {
			s++
			continue
		}
		if t.capital && !t.first {
			return 0 // the Harbourside MP is not the Hillside one
		}
		if !describes(w) {
			s--
		}
	}
	if d.word(m.head) == "PM" && containsWord(text, "Prime") || head == "PM" && m.head > m.from && strings.EqualFold(d.word(m.head-1), "prime") {
		s++
	} else if d.word(m.head) == "PM" && head != "PM" {
		return 0
	}
	return s
}

// roleHead maps short titles to the noun they are short for.
func roleHead(w string) string {
	switch w {
	case "PM":
		return "minister"
	case "whistle-blower":
		return "whistleblower"
	}
	return w
}

// containsWord reports whether w stands in text as a word, any case.
func containsWord(text, w string) bool {
	for f := range strings.FieldsSeq(text) {
		if strings.EqualFold(strings.Trim(f, ",'’"), w) {
			return true
		}
	}
	return false
}

// A soleSpeaker is the only person who is named as speaking in a section.
type soleSpeaker struct {
	person int32 // or nobody, several
	at     int32 // the first mention that names them so
}

// Values of soleSpeaker.person beside persons.
const (
	nobody  = -1
	several = -2
)

// onlySpeaker returns the only person who is named as speaking in the section
// of the role n, or -1. Live entries open with a role and name its bearer in
// full a paragraph later; somebody who is called by the last name there was
// introduced elsewhere and is somebody else.
func (d *doc) onlySpeaker(n int32) int32 {
	section := d.section(n)
	if int(section) >= len(d.only) {
		return nobody
	}
	o := d.only[section]
	if o.person < 0 {
		return nobody
	}
	m, named := &d.ments[n], &d.ments[o.at]
	switch {
	case speaksForOthers(d.word(m.head)):
		return nobody
	case o.at > n && named.nameTo-named.name < 2:
		return nobody
	case m.indefinite && (o.at < n || named.name > named.from || d.firstMention(d.toks[m.from].sent) != n):
		return nobody // "one MP" is not the minister named before, or described otherwise
	}
	return o.person
}

// speaksForOthers reports whether the role w speaks for somebody else, and so
// is hardly ever the person whom an entry is about.
func speaksForOthers(w string) bool {
	switch strings.ToLower(w) {
	case "spokesman", "spokeswoman", "spokesperson", "source", "aide", "official", "insider", "lawyer", "solicitor", "agent", "reporter", "correspondent", "critic", "observer", "witness":
		return true
	}
	return false
}

// findNamed notes for every section of a live text who is named as saying
// something there, quoted or not.
func (d *doc) findNamed(verdicts []verdict) {
	if !d.live() {
		return
	}
	d.only = make([]soleSpeaker, d.pars[len(d.pars)-1].section+1)
	for i := range d.only {
		d.only[i].person = nobody
	}
	for r := range verdicts {
		if s := verdicts[r].speaker; verdicts[r].accepted && s >= 0 {
			d.name(s)
		}
	}
	for i := range d.ments {
		m := &d.ments[i]
		if m.kind != aName || m.owned {
			continue
		}
		if v := d.verbAfter(int32(i)); v >= 0 && d.toks[v].cls&clSay != 0 && d.toks[v].cls&clIng == 0 && d.word(v) != "reports" {
			d.name(int32(i))
		}
	}
}

func (d *doc) name(n int32) {
	m := &d.ments[n]
	if m.kind != aName || m.person < 0 {
		return
	}
	switch o := &d.only[d.section(n)]; o.person {
	case nobody:
		*o = soleSpeaker{m.person, n}
	case m.person:
		o.at = min(o.at, n)
	default:
		o.person = several
	}
}

// An utterance says that a person spoke in a section.
type utterance struct{ person, section int32 }

// identifyPronoun finds the person whom he or she stands for: going back
// sentence by sentence through the entry, the first subject whose gender fits.
func (d *doc) identifyPronoun(n int32, depth int) identity {
	m := &d.ments[n]
	section, sentence := d.section(n), d.toks[m.from].sent
	weak, faint, likely := int32(-1), int32(-1), int32(-1)
	for hi := n; hi > max(0, n-120); {
		s := d.toks[d.ments[hi-1].from].sent
		lo := hi - 1
		for lo > 0 && hi-lo < 40 && d.toks[d.ments[lo-1].from].sent == s {
			lo--
		}
		if sentence-s > 8 || likely >= 0 && d.toks[d.ments[likely].from].sent-s > 2 || d.pars[d.sents[s].par].section != section {
			break
		}
		again := int32(-1) // the same pronoun before
		for i := lo; i < hi; i++ {
			if !d.fits(i, m.gender) {
				continue
			}
			if d.subjectLike(i) {
				switch {
				case d.ments[i].kind == aPronoun:
					again = first(again, i)
				case d.genderOf(i) == m.gender:
					id := d.antecedentOf(i, depth)
					id.sure = id.sure && !d.rivals(i, n, m.gender)
					return id
				case d.surelyPerson(i):
					likely = first(likely, i)
				default:
					faint = first(faint, i)
				}
			}
			if d.ments[i].kind != aPronoun {
				weak = first(weak, i)
			}
		}
		if again >= 0 && likely < 0 && faint < 0 {
			return d.antecedentOf(again, depth)
		}
		hi = lo
	}
	if likely = first(likely, faint); likely >= 0 {
		id := d.antecedentOf(likely, depth)
		id.sure = id.sure && !d.rivals(likely, n, m.gender)
		return id
	}
	if weak < 0 {
		return unknown
	}
	id := d.identify(weak, depth+1)
	id.sure = false
	return id
}

// first returns a unless it is -1, else b.
func first(a, b int32) int32 {
	if a >= 0 {
		return a
	}
	return b
}

// surelyPerson reports whether mention i, whose gender is not known, is a
// person at all: named in full, with a title, or by a role.
func (d *doc) surelyPerson(i int32) bool {
	m := &d.ments[i]
	return m.kind == aRole || m.person >= 0 && (d.people[m.person].first != "" || d.people[m.person].titled)
}

// rivals reports whether the pronoun n, taken for mention i, could as well
// stand for somebody else named near i or between the two.
func (d *doc) rivals(i, n int32, g class) bool {
	for k := max(0, i-4); k < n; k++ {
		c := &d.ments[k]
		if c.kind != aName || c.person < 0 || c.person == d.ments[i].person || d.section(k) != d.section(n) {
			continue
		}
		if d.people[c.person].gender == g {
			return true
		}
	}
	return false
}

// antecedentOf identifies mention n, found to be what a pronoun stands for. A
// role that stays without a name makes it less than sure.
func (d *doc) antecedentOf(n int32, depth int) identity {
	id := d.identify(n, depth+1)
	id.sure = id.sure && id.person >= 0
	return id
}

// genderOf returns the gender that mention n tells, 0 if none.
func (d *doc) genderOf(n int32) class {
	m := &d.ments[n]
	if m.kind == aName && m.person >= 0 {
		return d.people[m.person].gender
	}
	return m.gender
}

// identifyThey finds the group or body that they or it stands for, in the
// sentences right before.
func (d *doc) identifyThey(n int32, depth int) identity {
	w := d.word(d.ments[n].from)
	it := w == "it" || w == "It"
	if !it && w != "they" && w != "They" {
		return unknown
	}
	sentence := d.toks[d.ments[n].from].sent
	for i := n - 1; i >= 0 && sentence-d.toks[d.ments[i].from].sent <= 2; i-- {
		c := &d.ments[i]
		if c.kind != aBody && (it && c.kind != aDocument || !it && c.kind != aGroup) || !d.subjectLike(i) || d.section(i) != d.section(n) {
			continue
		}
		id := d.identify(i, depth+1)
		id.sure = false
		return id
	}
	return unknown
}

// fits reports whether mention n can be a single person of gender g.
func (d *doc) fits(n int32, g class) bool {
	c := &d.ments[n]
	if c.owned {
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

// subjectLike reports whether mention n is the subject of its sentence or
// clause, or the speaker after a verb of saying.
func (d *doc) subjectLike(n int32) bool {
	m := &d.ments[n]
	floor := d.sents[d.toks[m.from].sent].from
	if m.from > floor {
		t := &d.toks[m.from-1]
		if t.word() && t.cls&clPrep != 0 {
			return m.from-1 == floor+1 && isAccording(d.word(floor))
		}
		if t.ends < 0 && d.isVerb(m.from-1) {
			return t.cls&clSay != 0 && m.from-2 >= floor && (d.toks[m.from-2].p == 'Q' || d.toks[m.from-2].p == ',')
		}
	}
	return d.verbAfter(n) >= 0
}
