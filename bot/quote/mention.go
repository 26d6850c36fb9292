package quote

// A mentionKind is what a noun phrase stands for.
type mentionKind uint8

const (
	aPronoun  mentionKind = iota + 1
	aName                 // a person, or something that cannot be told from one
	aRole                 // one person by what they do: the MP
	aGroup                // several people: residents
	aBody                 // an organisation: the council, The Harbour Times
	aDocument             // the report, a statement
	aThing                // anything else
)

// A mention is a noun phrase outside the quotation marks that may be a
// speaker.
type mention struct {
	from, to     int32 // tokens of the whole phrase: health worker Ada Bell
	name, nameTo int32 // tokens of the name in it; equal if none
	head         int32 // the token that says what it is: worker
	owner        int32 // the mention that owns it (Bell's report), -1
	person       int32 // who it names; -1
	kind         mentionKind
	gender       class // clMasc, clFem, 0
	owned        bool  // 's follows
	indefinite   bool  // a, an, one
	plural       bool
	verb         int32 // the verb it is the subject of, -1; -2 not yet sought
}

// A person is one who is named on the page, or something that is named like
// one.
type person struct {
	full   string // the longest form of the name: Ada Bell
	first  string
	last   string
	gender class
	count  int32 // times named
	titled bool  // named with Mr, Ms, Sir or after a role: surely a person
	next   int32 // another person of that last name, -1
}

// findMentions fills d.ments. Headlines that capitalise every word come last:
// what is a name in them is known only from the rest.
func (d *doc) findMentions() {
	d.ments = make([]mention, 0, len(d.toks)/6+4)
	late := false
	for i := range d.pars {
		if d.pars[i].titleCase {
			late = true
			continue
		}
		d.mentionsIn(&d.pars[i])
	}
	d.findPeople(0)
	if !late {
		return
	}
	n := len(d.ments)
	for i := range d.pars {
		if d.pars[i].titleCase {
			d.mentionsIn(&d.pars[i])
		}
	}
	d.findPeople(n)
	d.sortMentions()
}

func (d *doc) mentionsIn(p *par) {
	start := d.skipDateline(p)
	for s := p.sent; s < p.last; s++ {
		i := max(d.sents[s].from, start)
		floor := i // tokens before it belong to other phrases
		for i < d.sents[s].to {
			m, next := d.phrase(i, floor, d.sents[s].to, p)
			if next <= i {
				i++
				continue
			}
			if m.kind != 0 {
				d.addMention(m)
				floor = next
			}
			i = next
		}
	}
}

func (d *doc) addMention(m mention) int32 {
	n := int32(len(d.ments))
	m.verb = -2
	m.person = -1
	if d.toks[m.from].begins < 0 || d.ments[d.toks[m.from].begins].to <= m.to {
		d.toks[m.from].begins = n
	}
	d.toks[m.to-1].ends = n
	d.ments = append(d.ments, m)
	return n
}

// skipDateline returns the first token of p that is not part of a dateline:
// PORT ARDEN (AP) — The harbour is closed.
func (d *doc) skipDateline(p *par) int32 {
	if p.from >= p.to || !d.toks[p.from].upper {
		return p.from
	}
	for i := p.from; i < p.to && i < p.from+14; i++ {
		t := &d.toks[i]
		if t.p == '-' && i > p.from {
			if i+1 < p.to {
				d.toks[i+1].first = true
			}
			return i + 1
		}
		if t.p == 'Q' || t.p == ':' || t.word() && !t.capital && t.cls&(clNum|clPrep) == 0 {
			break
		}
	}
	return p.from
}

// phrase reads the noun phrase at token i, if one stands there. It returns the
// token to go on with, i if nothing was read; a mention of kind 0 is skipped.
func (d *doc) phrase(i, floor, end int32, p *par) (mention, int32) {
	t := &d.toks[i]
	if !t.word() {
		return mention{}, i
	}
	if t.cls&clPron != 0 && !t.upper && !p.titleCase {
		return mention{from: i, to: i + 1, name: i, nameTo: i, head: i, owner: -1, kind: aPronoun,
			gender: t.cls & (clMasc | clFem), plural: t.cls&(clMasc|clFem) == 0}, i + 1
	}
	switch {
	case t.cls&(clDet|clPoss) != 0 && !(t.capital && !t.first && t.upper):
		if p.titleCase && t.cls&clDet == 0 || d.opensClause(i) {
			return mention{}, i
		}
		return d.nounPhrase(i, i+1, end, p)
	case t.capital && d.nameLike(i, p):
		return d.nounPhrase(d.extendLeft(i, floor), i, end, p)
	case t.cls&(clRole|clGroup|clOrg|clDoc) != 0 && !d.usedAsVerb(i):
		return d.nounPhrase(d.extendLeft(i, floor), i, end, p)
	}
	return mention{}, i
}

// opensClause reports whether "that" at i is a conjunction: said that Bell;
// the claim that a bridge.
func (d *doc) opensClause(i int32) bool {
	if w := d.word(i); w != "that" || i+1 >= int32(len(d.toks)) {
		return false
	}
	t := &d.toks[i+1]
	if !t.word() || t.capital || t.cls&stopsPhrase != 0 || t.end > t.start && d.text[t.end-1] == 's' {
		return true
	}
	if i == 0 || d.toks[i-1].sent != d.toks[i].sent {
		return false
	}
	prev := &d.toks[i-1]
	return prev.ends >= 0 || prev.cls&(clSay|clCue) != 0
}

// nameLike reports whether the capital word at i can begin a name.
func (d *doc) nameLike(i int32, p *par) bool {
	t := &d.toks[i]
	if t.cls&clTitle != 0 {
		return true
	}
	if t.cls&clDate != 0 && !(t.cls&clFirst != 0 && d.nextCapital(i)) {
		return false
	}
	if p.titleCase {
		return t.cls&(clRole|clGroup|clOrg) != 0 || t.cls&clFirst != 0 && d.nextCapital(i) || d.knownLast(i) ||
			t.cls == 0 && i > 0 && d.knownFull(i)
	}
	if !t.first && !d.afterColon(i) {
		return t.cls&(clPrep|clConj|clAux|clPron) == 0 || t.upper || t.cls&clFirst != 0 && (d.nextCapital(i) || d.nextIsVerb(i))
	}
	if t.cls&(clRole|clGroup|clOrg|clFirst|clDemo|clPlace) != 0 {
		return true
	}
	if t.cls&clCommon != 0 && d.nextCapital(i) && describes(d.word(i)) {
		return true
	}
	if t.cls&(stopsPhrase|clAdv|clCommon|clTime) != 0 {
		return d.nextCapital(i) && t.cls&(clPrep|clConj|clSub|clPron|clAdv|clAux) == 0 && t.cls&clCommon != 0 && t.cls&anyVerb == 0 && !d.nextIsName(i)
	}
	if t.cls&anyVerb != 0 {
		return d.nextCapital(i) && t.cls&(clIng|clPart) == 0 || d.knownLast(i) || t.cls&(clIng|clPart) == 0 && d.nextIsVerb(i) || i+1 < int32(len(d.toks)) && d.toks[i+1].cls&clSay != 0
	}
	if t.cls == 0 {
		if d.plainAfter(i) {
			return d.knownLast(i) // "Heavy rain", not a name
		}
		g := guess(d.lower(i))
		if g&(clIng|clAdv) != 0 || g&clPart != 0 && !d.nextIsVerb(i) {
			return d.knownLast(i)
		}
	}
	return true
}

// plainAfter reports whether an unknown word in small letters follows the one
// at i that can hardly be a verb.
func (d *doc) plainAfter(i int32) bool {
	if i+1 >= int32(len(d.toks)) {
		return false
	}
	t := &d.toks[i+1]
	return t.word() && !t.capital && t.cls&^clCommon == 0 && t.sent == d.toks[i].sent && d.text[t.end-1] != 's'
}

// lower returns the word at i; callers only look at its ending.
func (d *doc) lower(i int32) string { return d.text[d.toks[i].start:d.toks[i].end] }

func (d *doc) afterColon(i int32) bool { return i > 0 && d.toks[i-1].p == ':' }

func (d *doc) nextCapital(i int32) bool {
	return i+1 < int32(len(d.toks)) && d.toks[i+1].word() && d.toks[i+1].capital && d.toks[i+1].sent == d.toks[i].sent
}

func (d *doc) nextIsName(i int32) bool {
	return d.nextCapital(i) && d.toks[i+1].cls&(clFirst|clTitle|clRole) != 0
}

func (d *doc) nextIsVerb(i int32) bool {
	return i+1 < int32(len(d.toks)) && d.toks[i+1].cls&(anyVerb|clAux) != 0
}

func (d *doc) knownLast(i int32) bool {
	_, ok := d.byLast[d.word(i)]
	return ok
}

// knownFull reports whether the word at i and the next are a known first and
// last name.
func (d *doc) knownFull(i int32) bool {
	if !d.nextCapital(i) {
		return false
	}
	n, ok := d.byLast[d.word(i+1)]
	return ok && d.people[n].first == d.word(i)
}

func (d *doc) word(i int32) string { return d.text[d.toks[i].start:d.toks[i].end] }

// usedAsVerb reports whether the word at i, noun or verb, is the verb here:
// a name or plural before it, or an auxiliary, or "to".
func (d *doc) usedAsVerb(i int32) bool {
	t := &d.toks[i]
	if t.cls&anyVerb == 0 {
		return false
	}
	if i == 0 || d.toks[i-1].sent != t.sent {
		return t.cls&(clRole|clGroup|clOrg) == 0
	}
	prev := &d.toks[i-1]
	if !prev.word() {
		return prev.p == ',' || prev.p == 'Q'
	}
	switch {
	case prev.cls&(clAux|clPron|clRel) != 0:
		return true
	case prev.cls&clAdv != 0 && prev.cls&clDet == 0:
		return true
	case prev.start+2 == prev.end && d.word(i-1) == "to":
		return true
	case prev.cls&(clDet|clPoss|clPrep) != 0:
		return false
	}
	s := d.text[t.end-1] == 's'
	if d.takesObject(i) && (s || t.cls&(clBase|clPart) != 0) && (prev.ends >= 0 || prev.cls&(clGroup|clRole) != 0) {
		return true
	}
	if prev.ends >= 0 {
		m := &d.ments[prev.ends]
		return s || m.plural || t.cls&clPart != 0 || t.cls&clBase != 0 && m.from > 0 && d.word(m.from-1) == "and"
	}
	return s && prev.capital
}

// takesObject reports whether what follows the word at i can only follow a
// verb: calls |it, say |the, claims |"…
func (d *doc) takesObject(i int32) bool {
	if i+1 >= int32(len(d.toks)) || d.toks[i+1].sent != d.toks[i].sent {
		return false
	}
	t := &d.toks[i+1]
	return t.p == 'Q' || t.word() && t.cls&(clDet|clPoss|clPron|clObj) != 0
}

// extendLeft moves the start of a phrase without an article over the
// adjectives and nouns before it: local |fishing boat skipper.
func (d *doc) extendLeft(i, floor int32) int32 {
	for n := 0; n < 4 && i > floor; n++ {
		t := &d.toks[i-1]
		if !t.word() || t.cls&(stopsPhrase|clAdv|clDate|clTitle|clTime) != 0 {
			break
		}
		if t.cls&anyVerb != 0 && t.cls&(clRole|clOrg|clDoc|clGroup) == 0 {
			break
		}
		if t.cls&(clCommon|clNaming) != 0 && t.cls&(clRole|clOrg|clDemo) == 0 && !describes(d.word(i-1)) {
			break
		}
		if t.capital && t.first && t.cls == 0 {
			break
		}
		i--
	}
	return i
}

// describes reports whether w belongs to the description of a person.
func describes(w string) bool {
	switch w {
	case "Home", "Foreign", "Shadow", "former", "Former", "deputy", "Deputy", "chief", "Chief", "senior", "Senior", "junior", "acting", "interim", "local", "Local",
		"retired", "Retired", "veteran", "longtime", "state", "State", "county", "County", "city", "City", "village", "town", "outgoing", "incoming", "national", "National",
		"special", "Special", "international", "public", "general", "second", "first", "major", "young", "old", "top":
		return true
	}
	return false
}

// nounPhrase reads a phrase whose tokens from..next are already known to
// belong to it.
func (d *doc) nounPhrase(from, next, end int32, p *par) (mention, int32) {
	m := mention{from: from, owner: -1}
	j := next
	lead := d.toks[from].cls
	bare := lead&(clDet|clPoss) == 0 || d.toks[from].capital && !d.toks[from].first && !p.titleCase
	nouns := 0
	for j < end && j < from+12 {
		t := &d.toks[j]
		if t.p == 's' {
			if !d.ownsNext(j, end) {
				break
			}
			m.owner = d.closePhrase(mention{from: from, owner: m.owner, owned: true}, j, p)
			nouns, bare = 0, false
			j++
			continue
		}
		if !t.word() {
			break
		}
		if !d.joins(j, from, end, nouns, bare, p) {
			if n := d.ofTail(j, from, end, nouns); n > j {
				j = n
				nouns++
				continue
			}
			break
		}
		if t.cls&(clDet|clNum|clAdv) == 0 || t.capital {
			nouns++
		}
		j++
	}
	if j < end && d.toks[j].p == 's' {
		m.owned = true
	}
	if j == from {
		return mention{}, from
	}
	m.to = j
	d.classify(&m, p)
	return m, j
}

// closePhrase adds the owner that ends before token j and returns its index.
func (d *doc) closePhrase(m mention, j int32, p *par) int32 {
	if j <= m.from {
		return -1
	}
	m.to = j
	d.classify(&m, p)
	if m.kind == 0 {
		return -1
	}
	return d.addMention(m)
}

// ownsNext reports whether the 's at j makes an owner of what stands before:
// a noun must follow. Otherwise it is short for "is" or "has".
func (d *doc) ownsNext(j, end int32) bool {
	if j+1 >= end {
		return false
	}
	t := &d.toks[j+1]
	return t.word() && (t.cls&stopsPhrase == 0 || t.capital) && t.cls&clIng == 0
}

// joins reports whether the word at j belongs to the phrase that began at
// from and has the given number of nouns so far.
func (d *doc) joins(j, from, end int32, nouns int, bare bool, p *par) bool {
	t := &d.toks[j]
	noun := t.cls&(clRole|clGroup|clOrg|clDoc) != 0
	if j > from && d.toks[j-1].p == 's' {
		nouns = 0
	}
	if t.capital {
		return d.joinsCapital(j, from, nouns, p)
	}
	if t.cls&stopsPhrase != 0 && !noun {
		// "all the", "these two", "his many"
		return t.cls&(clDet|clPoss) != 0 && nouns == 0 && j > from && t.cls&(clPrep|clAux|clConj|clSub|clRel|clPron) == 0
	}
	if t.cls&clAdv != 0 && t.cls&clRole == 0 {
		return j > from && (nouns == 0 || t.cls&clNum != 0)
	}
	if t.cls&anyVerb != 0 {
		if noun {
			return !d.verbHere(j, from, nouns, bare)
		}
		return d.joinsVerb(j, from, end, nouns, bare)
	}
	if nouns > 0 && !noun && followsNoun(d.word(j)) {
		return false
	}
	if nouns > 0 && bare && !noun {
		return d.leadsToNoun(j, end)
	}
	if t.cls&clDate != 0 || t.cls&clTime != 0 && nouns > 0 && d.toks[j-1].capital {
		return false
	}
	return true
}

// followsNoun reports whether w is an adjective that stands after its noun: the
// worker |responsible for it, people |familiar with it.
func followsNoun(w string) bool {
	switch w {
	case "responsible", "familiar", "close", "involved", "present", "available", "likely", "able", "unable", "aware", "unaware", "critical",
		"opposed", "due", "nearby", "alike", "alone", "desperate", "eager", "keen", "loyal", "sympathetic", "angry", "worth", "capable", "proud", "tired", "afraid", "happy", "unhappy":
		return true
	}
	return false
}

// joinsVerb is joins for words that are verbs elsewhere: the plan, a vote, the
// damaged bridge.
func (d *doc) joinsVerb(j, from, end int32, nouns int, bare bool) bool {
	t := &d.toks[j]
	if bare || j == from {
		return false
	}
	if t.cls&(clPart|clIng) != 0 {
		return nouns == 0 && j+1 < end && d.toks[j+1].word() && d.toks[j+1].cls&stopsPhrase == 0
	}
	if nouns == 0 {
		switch d.word(from) {
		case "the", "The", "a", "A", "an", "An", "another", "every", "no":
			return t.cls&clBase != 0 || d.text[t.end-1] == 's'
		}
		return (d.toks[from].cls&clPoss != 0 || d.toks[j-1].p == 's') && (t.cls&clBase != 0 || d.text[t.end-1] == 's')
	}
	// A base form cannot follow a singular subject, so it is a noun.
	prev := &d.toks[j-1]
	return t.cls&clBase != 0 && !prev.capital && prev.cls&clGroup == 0 && d.text[prev.end-1] != 's' && prev.word()
}

// joinsCapital is joins for words with a capital.
func (d *doc) joinsCapital(j, from int32, nouns int, p *par) bool {
	t := &d.toks[j]
	prev := &d.toks[max(j-1, from)]
	if t.cls&clDate != 0 && prev.cls&clFirst == 0 {
		return false
	}
	if p.titleCase && j > from {
		if t.cls&(anyVerb|clAdv|stopsPhrase|clCommon|clNaming) != 0 && t.cls&(clRole|clOrg|clGroup|clFirst) == 0 {
			return d.knownLast(j)
		}
		if prev.cls&(clRole|clGroup|clOrg) != 0 && t.cls&(clRole|clOrg|clGroup|clTitle) == 0 {
			return t.cls&clFirst != 0 || d.knownLast(j)
		}
		return true
	}
	if t.cls&(clPrep|clConj|clPron|clRel|clAux) != 0 && !t.upper && t.end-t.start > 1 {
		return t.cls&clFirst != 0
	}
	// "the report Bell wrote": a name after the head of a document.
	if j > from && !prev.capital && prev.cls&(clDoc|clTime) != 0 && prev.cls&(clRole|clOrg) == 0 {
		return false
	}
	return true
}

// verbHere reports whether a word that can be noun or verb is the verb of the
// phrase before it. Number decides: the council claims, residents claim.
func (d *doc) verbHere(j, from int32, nouns int, bare bool) bool {
	if nouns == 0 || j == from {
		return false
	}
	t, prev := &d.toks[j], &d.toks[j-1]
	if prev.p == 's' {
		return false
	}
	if t.cls&clPart != 0 {
		return true
	}
	ends := d.text[t.end-1]
	if d.takesObject(j) && (ends == 's' || prev.cls&clGroup != 0 || d.text[prev.end-1] == 's') {
		return true
	}
	if prev.cls&clGroup != 0 {
		return ends != 's' || t.cls&(clSay|clCue) != 0
	}
	if ends == 's' && t.cls&(clSay|clCue) != 0 {
		return prev.capital && bare || prev.cls&(clRole|clOrg|clDoc) != 0
	}
	if t.cls&clSay != 0 && prev.capital && bare {
		return t.cls&(clOrg|clRole) == 0
	}
	return false
}

// leadsToNoun reports whether a role, group or body follows within three plain
// words: Arden |fishing fleet spokesman.
func (d *doc) leadsToNoun(j, end int32) bool {
	for n := int32(0); n < 4 && j+n < end; n++ {
		t := &d.toks[j+n]
		if !t.word() || t.cls&(stopsPhrase|clAdv) != 0 && t.cls&clRole == 0 || t.cls&anyVerb != 0 && t.cls&(clRole|clGroup|clOrg) == 0 {
			return false
		}
		if t.cls&(clRole|clGroup|clOrg) != 0 {
			return !d.usedAsVerb(j + n)
		}
	}
	return false
}

// ofTail returns the token after "of the Exchequer" when the phrase so far
// ends with a capital and a name follows; otherwise j.
func (d *doc) ofTail(j, from, end int32, nouns int) int32 {
	if nouns == 0 || j+1 >= end {
		return j
	}
	prev := &d.toks[j-1]
	w := d.word(j)
	switch w {
	case "de", "van", "von", "der", "den", "al", "bin", "ibn", "el", "la", "le", "du", "da", "di", "dos", "ter", "ten":
		if prev.capital && d.toks[j+1].word() {
			return j + 1
		}
		return j
	case "and":
		if d.toks[from].cls&clDet != 0 && prev.capital && d.toks[j+1].capital && d.roleWithin(j+1, end) {
			return j + 1 // the Arden and Wrackmouth MP
		}
		return j
	case "of", "for", "&":
	default:
		return j
	}
	if !prev.capital && prev.cls&(clRole|clGroup) == 0 || prev.cls&(clRole|clOrg|clGroup) == 0 && w != "&" {
		return j
	}
	k := j + 1
	if k < end && d.toks[k].cls&clDet != 0 && d.word(k) == "the" {
		k++
	}
	if k < end && d.toks[k].word() && d.toks[k].capital && prev.capital {
		return k + 1
	}
	return j
}

// roleWithin reports whether a run of at most four words from j ends with a
// role: Wrackmouth South MP.
func (d *doc) roleWithin(j, end int32) bool {
	for k := j; k < end && k < j+4 && d.toks[k].word(); k++ {
		if d.toks[k].cls&clRole != 0 && d.toks[k].cls&clFirst == 0 {
			return true
		}
		if !d.toks[k].capital {
			return false
		}
	}
	return false
}

// classify says what the phrase m stands for and finds the name in it.
func (d *doc) classify(m *mention, p *par) {
	last := &d.toks[m.to-1]
	first := &d.toks[m.from]
	m.name, m.nameTo, m.head = m.to, m.to, m.to-1
	w := d.word(m.from)
	m.indefinite = first.cls&clDet != 0 && (w == "a" || w == "A" || w == "an" || w == "An" || w == "one" || w == "One" || w == "another" || w == "Another")
	if m.to == m.from+1 && first.cls&(clDet|clPoss) != 0 && !(first.capital && first.upper) {
		d.classifyLone(m)
		return
	}
	if last.capital && d.findName(m, p) {
		return
	}
	if last.cls&clTime != 0 && !m.owned && last.cls&(clRole|clGroup|clOrg) == 0 {
		m.kind = 0 // two weeks ago
		return
	}
	m.kind = d.kindOf(m)
	m.plural = m.kind == aGroup
	m.gender = last.cls & (clMasc | clFem)
	if m.kind == aThing && m.to == m.from+1 && !last.capital {
		m.kind = 0
	}
}

// classifyLone handles a determiner on its own: some, many, another. They
// speak: "Some say".
func (d *doc) classifyLone(m *mention) {
	switch d.word(m.from) {
	case "Some", "some", "Many", "many", "Others", "others", "Several", "Both", "both", "One", "one", "Another", "another", "Few", "Most", "most", "few", "several", "None", "none":
		m.kind, m.plural = aGroup, true
		return
	}
	m.kind = 0
}

// kindOf classifies a phrase by its head, the last word.
func (d *doc) kindOf(m *mention) mentionKind {
	c := d.toks[m.head].cls
	if d.toks[m.head].capital && c&clRole == 0 && c&clOrg != 0 {
		return aBody
	}
	switch {
	case c&clNum != 0 && c&clDet != 0 && m.head > m.from: // the two
		return aGroup
	case c&clGroup != 0 && c&clRole == 0 && c&clOrg == 0:
		return aGroup
	case c&clRole != 0:
		return aRole
	case c&clOrg != 0 && c&clDoc != 0:
		return aBody
	case c&clOrg != 0:
		return aBody
	case c&clDoc != 0:
		return aDocument
	}
	// "the head of", "a woman in her thirties" have their head inside only
	// when the last word says nothing.
	return aThing
}

// findName looks for a name at the end of m, whose last word has a capital.
func (d *doc) findName(m *mention, p *par) bool {
	a := m.to - 1
	for a > m.from {
		if !d.toks[a-1].capital && !(d.particle(a-1) && d.capitalBefore(a-1, m.from)) {
			break
		}
		a--
	}
	if d.toks[a].cls&(clDet|clPoss) != 0 && a < m.to-1 {
		a++
	}
	start := a
	titled := a > m.from && d.toks[a-1].cls&clRole != 0
	for i := a; i < m.to; i++ {
		c := d.toks[i].cls
		if c&clTitle != 0 && i < m.to-1 {
			m.gender |= c & (clMasc | clFem)
			titled, start = true, i+1
			continue
		}
		surname := i > a && d.toks[i-1].cls&clFirst != 0 && d.toks[i-1].cls&clRole == 0
		if c&(clRole|clGroup) != 0 && !surname && c&clFirst == 0 || c&clFirst != 0 && c&clRole != 0 && i < m.to-1 && d.toks[i+1].cls&clFirst != 0 {
			m.gender |= c & (clMasc | clFem)
			titled, start = true, i+1
		}
	}
	if start >= m.to {
		m.gender = 0
		return false // ends with a role: Harbourside MP
	}
	if start > a && d.toks[start-1].cls&(clRole|clGroup) != 0 && d.particle(start) {
		start = d.firstNameAfter(start, m.to)
		if start >= m.to {
			m.gender, m.head = 0, a
			for i := a; i < m.to && !d.particle(i); i++ {
				m.head = i
			}
			m.kind = d.kindOf(m)
			m.plural = m.kind == aGroup
			return true
		}
	}
	for start < m.to-1 && (d.toks[start].cls&clDemo != 0 && d.toks[start].cls&clFirst == 0 || d.toks[start].cls&clCommon != 0 && d.toks[start].first) {
		start++
	}
	if start+2 < m.to && d.toks[start].upper && d.toks[start].end-d.toks[start].start <= 5 && d.toks[start+1].cls&clFirst != 0 {
		titled, start = true, start+1 // PCC Ada Bell
	}
	m.name, m.nameTo = start, m.to
	if start > m.from {
		m.head = start - 1
	} else {
		m.head = m.to - 1
	}
	m.kind = d.nameKind(start, m.to, titled, m.from)
	m.gender |= d.toks[start].cls & (clMasc | clFem)
	if m.gender == clMasc|clFem {
		m.gender = 0
	}
	if p.titleCase && m.kind == aName && !titled && !d.knownLast(m.to-1) && d.toks[start].cls&clFirst == 0 {
		m.kind = aThing
	}
	return true
}

// capitalBefore reports whether a word with a capital stands before token i, or
// before the "of" of an "of the" that i closes.
func (d *doc) capitalBefore(i, from int32) bool {
	if i-1 >= from && d.toks[i-1].capital {
		return true
	}
	return i-2 >= from && d.word(i) == "the" && d.word(i-1) == "of" && d.toks[i-2].capital
}

func (d *doc) particle(i int32) bool {
	switch d.word(i) {
	case "de", "van", "von", "der", "den", "al", "bin", "ibn", "el", "la", "le", "du", "da", "di", "dos", "of", "the", "&", "for", "ter", "ten":
		return true
	}
	return false
}

func (d *doc) firstNameAfter(i, end int32) int32 {
	for ; i < end; i++ {
		if d.toks[i].cls&clFirst != 0 && d.toks[i].capital {
			return i
		}
	}
	return end
}

// nameKind tells a person's name from that of a body or place.
func (d *doc) nameKind(from, to int32, titled bool, phrase int32) mentionKind {
	if d.toks[from].cls&clFirst != 0 && to-from >= 2 && to-from <= 4 && d.toks[to-1].cls&clOrg == 0 {
		return aName
	}
	for i := from; i < to; i++ {
		t := &d.toks[i]
		if t.cls&clOrg != 0 && !(i > from && d.toks[i-1].cls&clFirst != 0 && to-from == 2) {
			return aBody
		}
		if t.cls&clDoc != 0 && i == to-1 && !titled && to-from > 1 {
			return aDocument
		}
	}
	if titled {
		return aName
	}
	if to-from >= 2 && endsPlace(d.word(to-1)) {
		return aThing
	}
	if d.toks[to-1].cls&clPlace != 0 && d.toks[from].cls&clFirst == 0 {
		return aBody // North Korea says
	}
	if to-from == 1 {
		t := &d.toks[from]
		switch {
		case t.cls&clDemo != 0:
			return aGroup
		case t.upper && t.end-t.start <= 5:
			return aBody
		case phrase < from && d.toks[phrase].cls&clDet != 0:
			return aBody // the Kremlin
		}
	}
	if phrase < from && d.toks[phrase].cls&clDet != 0 && d.toks[from-1].cls&clRole == 0 {
		return aBody
	}
	return aName
}

// endsPlace reports whether a name that ends in w is that of a place.
func endsPlace(w string) bool {
	switch w {
	case "Street", "Road", "Avenue", "Lane", "Square", "Stadium", "Bridge", "Gardens", "Airport", "Beach", "Hotel", "Inn", "Island", "Islands", "River", "Bay", "Harbour", "Harbor", "Valley", "Highway", "Station", "Estate", "Quay", "Drive", "Boulevard":
		return true
	}
	return false
}

func (d *doc) sortMentions() {
	// Insertion by merging: headlines are few and each is already in order.
	old := d.ments
	order := make([]int32, len(old))
	for i := range order {
		order[i] = int32(i)
	}
	sortByStart(order, old)
	back := make([]int32, len(old))
	ments := make([]mention, len(old))
	for i, o := range order {
		ments[i] = old[o]
		back[o] = int32(i)
	}
	for i := range ments {
		if ments[i].owner >= 0 {
			ments[i].owner = back[ments[i].owner]
		}
	}
	for i := range d.toks {
		if b := d.toks[i].begins; b >= 0 {
			d.toks[i].begins = back[b]
		}
		if e := d.toks[i].ends; e >= 0 {
			d.toks[i].ends = back[e]
		}
	}
	d.ments = ments
}
