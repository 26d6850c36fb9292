package quote

import (
	"strings"
)

// A candidate is a mention that may be the speaker of the quote at hand.
type candidate struct {
	ment int32
	cue  int32 // token of the verb that reports, -1
	tally
}

// A verdict is what was decided about one region.
type verdict struct {
	accepted bool
	own      tally // whether it is a quotation
	speaker  int32 // mention, -1
	cue      int32 // token, -1
	best     tally
	second   int // points of the best other person
	alone    bool
	words    int
	title    bool // every word has a capital
	capital  bool // one word, with a capital
}

// An attributor decides region by region, left to right.
type attributor struct {
	d        *doc
	verdicts []verdict
	cands    []candidate
	prev     int32 // the last accepted region, -1
	doubles  bool  // the text uses double marks too
	explain  func(r int32, cands []candidate)
}

func (d *doc) attribute(explain func(int32, []candidate)) []verdict {
	a := attributor{d: d, verdicts: make([]verdict, len(d.regs)), cands: make([]candidate, 0, 24), prev: -1, explain: explain}
	d.spoke = make([]int32, len(d.regs))
	for r := range d.spoke {
		d.spoke[r] = -1
	}
	for r := range d.regs {
		a.doubles = a.doubles || !d.regs[r].single
		a.judge(int32(r))
		if a.verdicts[r].accepted {
			a.prev = int32(r)
			d.spoke[r] = a.verdicts[r].speaker
		}
	}
	return a.verdicts
}

// judge decides about region r.
func (a *attributor) judge(r int32) {
	v := &a.verdicts[r]
	v.speaker, v.cue = -1, -1
	a.cands = a.cands[:0]
	a.d.fuel = maxSubjects
	a.wordFeatures(a.d.text[a.d.regs[r].start:a.d.regs[r].stop], v)
	a.alone(r)
	if a.d.english {
		a.gather(r)
	}
	best := a.choose(v)
	a.accept(r, v, best)
	if a.explain != nil {
		a.explain(r, a.cands)
	}
}

// choose puts the best candidate into v.
func (a *attributor) choose(v *verdict) *candidate {
	var best *candidate
	for i := range a.cands {
		c := &a.cands[i]
		a.describe(c)
		if best == nil || c.points > best.points {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	v.second = -100
	for i := range a.cands {
		c := &a.cands[i]
		if c != best && !a.samePerson(c.ment, best.ment) && c.points > v.second {
			v.second = c.points
		}
	}
	v.best = best.tally
	if best.points >= 5 {
		v.speaker, v.cue = best.ment, best.cue
	}
	return best
}

func (a *attributor) samePerson(x, y int32) bool {
	m, n := &a.d.ments[x], &a.d.ments[y]
	return x == y || m.person >= 0 && m.person == n.person || m.kind == aPronoun && n.gender == m.gender
}

// propose adds features to the candidate m.
func (a *attributor) propose(m, cue int32, fs ...feature) {
	if m < 0 {
		return
	}
	var c *candidate
	for i := range a.cands {
		if a.cands[i].ment == m {
			c = &a.cands[i]
			break
		}
	}
	if c == nil {
		a.cands = append(a.cands, candidate{ment: m, cue: -1})
		c = &a.cands[len(a.cands)-1]
	}
	if c.cue < 0 {
		c.cue = cue
	}
	for _, f := range fs {
		c.place(f)
	}
}

// describe adds what the phrase itself is worth.
func (a *attributor) describe(c *candidate) {
	m := &a.d.ments[c.ment]
	switch m.kind {
	case aName:
		c.add(isPerson)
	case aRole:
		c.add(isRole)
	case aGroup:
		c.add(isGroup)
	case aBody:
		c.add(isBody)
	case aDocument:
		c.add(isDocument)
	case aThing:
		c.add(isThing)
	case aPronoun:
		switch w := a.d.word(m.from); w {
		case "I", "we", "We", "you", "You", "i":
			c.add(isFirstPerson)
		case "it", "It":
			c.add(isIt)
		default:
			c.add(isPronoun)
		}
	}
	if m.owned && !c.has(ownerOf) {
		c.add(isOwner)
	}
	sure := c.has(tailVerbName) || c.has(tailNameVerb) || c.has(tailAccording) || c.has(according) || c.has(agentOf) || c.has(tailDash) ||
		c.has(saySubject) || c.has(cueSubject) || c.has(colonName) || c.has(inverted)
	if sure || m.from == 0 || a.d.toks[m.from-1].sent != a.d.toks[m.from].sent {
		return
	}
	t := &a.d.toks[m.from-1]
	if t.word() && t.cls&clPrep != 0 {
		c.add(afterPreposition)
	} else if t.word() && t.cls&(clSay|clCue) != 0 && t.ends < 0 {
		c.add(isObject)
	}
}

// gather proposes candidates for region r.
func (a *attributor) gather(r int32) {
	a.after(r)
	a.below(r)
	tail := a.hasTail()
	said := a.before(r)
	if tail {
		return // its own sentence says who speaks
	}
	a.continued(r, said)
	a.introduced(r)
}

// hasTail reports whether what follows the quote names its speaker.
func (a *attributor) hasTail() bool {
	for i := range a.cands {
		if a.cands[i].tail() {
			return true
		}
	}
	return false
}

// after looks at what follows the quote in its sentence.
func (a *attributor) after(r int32) {
	d := a.d
	q := d.regs[r].tok
	st := d.sents[d.toks[q].sent]
	i := q + 1
	comma := a.endsInside(r)
	for i < st.to && (d.toks[i].p == ',' || d.toks[i].p == ')') {
		comma = true
		i++
	}
	if i >= st.to {
		return
	}
	starts := a.startsSentence(r)
	if d.toks[i].p == '-' {
		i++
		if i < st.to && d.toks[i].begins >= 0 && starts {
			m := d.toks[i].begins
			if v := d.verbAfter(m); v >= 0 && d.toks[v].cls&clSay != 0 {
				a.propose(m, v, tailNameVerb)
			} else if d.ments[m].kind == aName || d.ments[m].kind == aRole {
				a.propose(m, -1, tailDash)
			}
			return
		}
	}
	for i < st.to && d.toks[i].word() && d.toks[i].begins < 0 && (d.toks[i].cls&clAdv != 0 || comma && (d.word(i) == "as" || a.qualifies(i, st.to))) {
		i++
	}
	if i >= st.to {
		return
	}
	t := &d.toks[i]
	firm := comma || starts && a.verdicts[r].words >= 4
	switch {
	case t.begins >= 0 && t.cls&clRel == 0:
		a.tailName(r, t.begins, firm, comma)
	case t.word() && d.word(i) == "according":
		if i+2 < st.to {
			a.propose(d.toks[i+2].begins, i, tailAccording)
		}
	case t.word() && t.cls&(clSay|clCue) != 0 && t.cls&clIng == 0 && (comma || starts):
		a.tailVerb(r, i, st.to)
	}
	if firm || starts {
		a.tailRest(i, st.to)
	}
	a.tailFinal(i, st.to)
}

// tailFinal looks for an attribution that ends the sentence: Bell had tried
// "Q" before, Cole said on Monday.
func (a *attributor) tailFinal(i, end int32) {
	d := a.d
	for j := i; j < end && j < i+maxClause; j++ {
		if d.toks[j].p != ',' || j+2 >= end {
			continue
		}
		if d.word(j+1) == "according" {
			a.propose(d.toks[min(j+3, end-1)].begins, j+1, finalTail)
			return
		}
		b := d.toks[j+1].begins
		if b >= 0 {
			if v := d.verbAfter(b); v >= 0 && v < end && d.toks[v].cls&clSay != 0 && d.toks[v].cls&clIng == 0 && a.closing(v, end) {
				a.propose(b, v, finalTail)
				return
			}
			continue
		}
		if d.toks[j+1].cls&clSay != 0 && d.toks[j+1].cls&clIng == 0 && d.toks[j+2].begins >= 0 && d.verbAfter(d.toks[j+2].begins) < 0 {
			a.propose(d.toks[j+2].begins, j+1, finalTail)
			return
		}
	}
}

// closing reports whether nothing but time and place follow the verb at v.
func (a *attributor) closing(v, end int32) bool {
	d := a.d
	if v+1 >= end || !d.toks[v+1].word() {
		return true
	}
	t := &d.toks[v+1]
	return t.cls&(clDate|clTime|clPrep|clAdv) != 0 && t.cls&clDet == 0
}

// qualifies reports whether the word at i only describes the phrase after it:
// |Arden-based Ada Bell said.
func (a *attributor) qualifies(i, end int32) bool {
	t := &a.d.toks[i]
	return i+1 < end && a.d.toks[i+1].begins >= 0 && t.cls&(stopsPhrase|clSay|clCue) == 0
}

// below looks for an attribution line in the next paragraph: – Ada Bell,
// harbour master.
func (a *attributor) below(r int32) {
	d := a.d
	t := &d.toks[d.regs[r].tok]
	p := int(t.par)
	if p+1 >= len(d.pars) || d.regs[r].end != d.pars[p].end {
		return
	}
	next := &d.pars[p+1]
	if next.to-next.from < 2 || d.toks[next.from].p != '-' || next.last-next.sent != 1 || next.to-next.from > 24 {
		return
	}
	if m := d.toks[next.from+1].begins; m >= 0 && d.ments[m].kind != aThing && d.verbAfter(m) < 0 {
		a.propose(m, -1, tailDash)
	}
}

// tailName handles a name after the quote.
func (a *attributor) tailName(r, m int32, firm, comma bool) {
	d := a.d
	v := d.verbAfter(m)
	if v >= 0 && (d.toks[v].cls&(clSay|clCue) != 0 || firm && d.phrasalAt(v)) && !d.passive(v, d.sents[d.toks[v].sent].from) {
		switch {
		case firm && d.toks[v].cls&clSay != 0, firm && d.phrasalAt(v):
			a.propose(m, v, tailNameVerb)
		case firm:
			a.propose(m, v, tailNameVerb, pastCue)
		default:
			a.propose(m, v, tailNextName)
		}
		return
	}
	if v >= 0 && firm && comma {
		a.propose(m, v, tailLater)
		return
	}
	if v < 0 && comma && a.startsSentence(r) && d.ments[m].kind <= aGroup && d.ments[m].kind != aPronoun && a.endsSentence(m) {
		a.propose(m, -1, tailBare)
	}
}

// endsSentence reports whether nothing but its own explanation follows m.
func (a *attributor) endsSentence(m int32) bool {
	d := a.d
	end := d.wholePhrase(m)
	st := d.sents[d.toks[d.ments[m].from].sent]
	return end >= st.to || d.toks[end].p == '.' || d.toks[end].p == ','
}

// tailVerb handles a verb of saying at v after the quote: the speaker follows.
func (a *attributor) tailVerb(r, v, end int32) {
	d := a.d
	i := v + 1
	for n := 0; i < end && n < 4 && d.toks[i].word() && d.toks[i].begins < 0 && (d.toks[i].cls&(clAdv|clDate|clPart) != 0 || d.toks[i].cls&(stopsPhrase|anyVerb) == 0); n++ {
		i++
	}
	if i < end && d.toks[i].begins >= 0 {
		a.propose(d.toks[i].begins, v, tailVerbName)
	}
}

// tailRest looks for a verb of saying and its subject further on.
func (a *attributor) tailRest(i, end int32) {
	d := a.d
	for n := 0; i < end && n < 16; n++ {
		if d.toks[i].p == 'Q' {
			return
		}
		b := d.toks[i].begins
		if b < 0 {
			if d.toks[i].word() && d.word(i) == "according" && i+2 < end {
				a.propose(d.toks[i+2].begins, i, tailLater)
			}
			i++
			continue
		}
		if v := d.verbAfter(b); v >= 0 && d.toks[v].cls&(clSay|clCue) != 0 {
			a.propose(b, v, tailLater)
			return
		}
		i = d.ments[b].to
	}
}

// endsInside reports whether the quote ends with a comma, ? or ! inside.
func (a *attributor) endsInside(r int32) bool {
	switch a.d.text[a.d.regs[r].stop-1] {
	case ',', '?', '!', '-':
		return true
	}
	s := a.d.text[a.d.regs[r].start:a.d.regs[r].stop]
	return strings.HasSuffix(s, "—") || strings.HasSuffix(s, "…") || strings.HasSuffix(s, "...")
}

// startsSentence reports whether no word stands before region r in its
// sentence.
func (a *attributor) startsSentence(r int32) bool {
	d := a.d
	q := d.regs[r].tok
	for i := q - 1; i >= d.sents[d.toks[q].sent].from; i-- {
		if i < q-maxClause || d.toks[i].word() || d.toks[i].p == 'Q' {
			return false
		}
	}
	return true
}

// A walk goes left from a quote through its sentence.
type walk struct {
	q, floor int32 // the quote, the first token of the sentence
	colon    bool  // a colon stands right before the quote
	near     bool  // only marks were passed so far
	met      bool  // another quote was passed
	verbs    int   // verbs with a subject, but for those after "to"
	says     int   // verbs of saying among them
	actor    int32 // the subject of the nearest verb, -1
	sayer    int32 // the subject of the nearest verb of saying, -1
}

// before walks left from the quote through its sentence and proposes the
// subjects of the verbs it meets. It reports whether a verb of saying was met.
func (a *attributor) before(r int32) bool {
	d := a.d
	q := d.regs[r].tok
	floor := d.sents[d.toks[q].sent].from
	w := walk{q: q, floor: floor, near: true, actor: -1, sayer: -1}
	w.colon = q-1 >= floor && d.toks[q-1].p == ':'
	i := q - 1
	for n := 0; i >= floor && n < maxClause; n++ {
		t := &d.toks[i]
		switch {
		case t.p == 'Q':
			a.passQuote(&w, t.reg)
			i--
		case t.ends >= 0:
			a.passMention(&w, t.ends)
			i = d.ments[t.ends].from - 1
			if i >= floor && d.toks[i].p == 's' {
				i--
			}
		default:
			if w.verbs < 4 && d.isVerb(i) {
				a.passVerb(&w, i)
			}
			w.near = w.near && !t.word()
			i--
		}
	}
	a.opening(&w)
	return w.says > 0
}

// passQuote proposes who spoke the quote r of the same sentence.
func (a *attributor) passQuote(w *walk, r int32) {
	if !w.met && a.prev == r && a.verdicts[r].speaker >= 0 {
		f := prevSameSentence
		if w.verbs > 0 {
			f = prevSameLoose
		}
		a.propose(a.verdicts[r].speaker, a.verdicts[r].cue, f)
	}
	w.met = true
}

// passVerb proposes the subject of the verb at i.
func (a *attributor) passVerb(w *walk, i int32) {
	d := a.d
	t := &d.toks[i]
	m, f := a.verbSays(i, w.floor)
	if m < 0 {
		return
	}
	a.propose(m, i, f)
	switch {
	case w.says > 0 && m != w.sayer:
		a.propose(m, i, pastSay)
	case w.says == 0 && w.verbs > 0 && m != w.actor:
		a.propose(m, i, pastCue)
	}
	if w.verbs == 0 {
		w.actor = m
		if t.cls&clSay == 0 && t.cls&clCue != 0 && (i == w.q-1 || i == w.q-2 && d.word(w.q-1) == "as") {
			a.propose(m, i, nextToQuote)
		}
		if w.colon {
			a.propose(m, i, colonSay)
		}
	}
	if t.cls&clSay != 0 && d.ments[m].kind != aThing {
		if w.says == 0 {
			w.sayer = m
		}
		w.says++
	}
	if i == w.floor || !d.toks[i-1].word() || d.word(i-1) != "to" {
		w.verbs++
	}
}

// opening proposes the phrase that opens the sentence, and in a headline the
// one before its colon.
func (a *attributor) opening(w *walk) {
	d := a.d
	m := d.firstMention(d.toks[w.q].sent)
	if m < 0 || d.ments[m].from >= w.q {
		return
	}
	a.propose(m, -1, firstInSentence)
	if to := d.ments[m].to; d.pars[d.toks[w.q].par].headline && d.toks[to].p == ':' && to < w.q {
		a.propose(m, -1, headlineColon)
	}
}

// verbSays returns the subject of the verb at v, or the agent of a passive,
// and what that is worth.
func (a *attributor) verbSays(v, floor int32) (int32, feature) {
	d := a.d
	c := d.toks[v].cls
	f := verbSubject
	if c&clSay != 0 {
		f = saySubject
	} else if c&clCue != 0 {
		f = cueSubject
	}
	if d.passive(v, floor) {
		if c&(clSay|clCue) == 0 {
			return -1, f
		}
		return d.agent(v), agentOf
	}
	if c&clPart != 0 && c&clIng == 0 { // "a plan described by Bell as"
		if v+1 < int32(len(d.toks)) && d.toks[v+1].word() && d.word(v+1) == "by" {
			if c&(clSay|clCue) == 0 {
				return -1, f
			}
			return d.agent(v), agentOf
		}
	}
	if a.named(v, floor) {
		return -1, f
	}
	if c&clSay != 0 && c&clIng == 0 {
		if n := a.invertedSubject(v, floor); n >= 0 {
			return n, saySubject
		}
	}
	m := d.subject(v, 0)
	if m < 0 && v+1 < int32(len(d.toks)) && d.toks[v+1].begins >= 0 && c&clSay != 0 {
		return d.toks[v+1].begins, inverted
	}
	return m, f
}

// named reports whether the participle at v says what something is called: the
// road, dubbed the "Q". Its subject calls nobody anything.
func (a *attributor) named(v, floor int32) bool {
	d := a.d
	if d.toks[v].cls&clPart == 0 || !callsNames(d.word(v)) || v == floor || d.toks[v-1].p != ',' {
		return false
	}
	i := v + 1
	if i < int32(len(d.toks)) && d.toks[i].word() && d.toks[i].cls&clDet != 0 {
		i++
	}
	return i < int32(len(d.toks)) && d.toks[i].p == 'Q'
}

// invertedSubject returns the name after a verb of saying that follows a comma
// or a quote: the bridge will close, said Ada Bell, the harbour master.
func (a *attributor) invertedSubject(v, floor int32) int32 {
	d := a.d
	if v-1 < floor || d.toks[v-1].p != ',' && d.toks[v-1].p != 'Q' || v+1 >= int32(len(d.toks)) {
		return -1
	}
	switch d.word(v) {
	case "told", "tells", "asked", "asks", "urged", "urges", "warned", "warns", "reminded", "reassured", "informed", "advised":
		return -1 // the one who is told follows
	}
	n := d.toks[v+1].begins
	if n < 0 || d.ments[n].kind >= aDocument || d.ments[n].kind == aPronoun || d.ments[n].kind == aThing || d.verbAfter(n) >= 0 {
		return -1
	}
	return n
}

// passMention proposes the mention m that stands before the quote.
func (a *attributor) passMention(w *walk, m int32) {
	d := a.d
	mm := &d.ments[m]
	near := w.near
	w.near = false
	switch {
	case near && w.colon && mm.owner >= 0 && d.toks[mm.head].cls&clDoc != 0:
		a.propose(mm.owner, mm.head, ownerOf) // Bell's reaction: "Q"
	case near && w.colon && (mm.from == w.floor || strings.IndexByte("-.)", d.toks[mm.from-1].p) >= 0):
		a.propose(m, -1, colonName)
	case mm.from-2 >= w.floor && d.toks[mm.from-1].word() && d.word(mm.from-1) == "to" && isAccording(d.word(mm.from-2)):
		a.propose(m, mm.from-2, according)
	case mm.owner >= 0 && (mm.kind == aDocument || d.toks[mm.head].cls&clDoc != 0):
		a.propose(mm.owner, mm.head, ownerOf)
		a.propose(m, -1, sameSentence)
	default:
		a.propose(m, -1, sameSentence)
	}
}

func isAccording(w string) bool { return w == "according" || w == "According" }

// alone notes whether the quote has no words beside it in its sentence.
func (a *attributor) alone(r int32) {
	d := a.d
	q := d.regs[r].tok
	st := d.sents[d.toks[q].sent]
	words := 0
	for i := st.from; i < st.to && i < st.from+maxClause && words < 3; i++ {
		if d.toks[i].word() {
			words++
		}
	}
	v := &a.verdicts[r]
	v.alone = words == 0 || words < 3 && st.to-st.from < 5
}

// continued proposes whoever spoke last.
func (a *attributor) continued(r int32, said bool) {
	d := a.d
	if a.prev < 0 {
		return
	}
	p := &a.verdicts[a.prev]
	if p.speaker < 0 {
		return
	}
	pt, q := &d.toks[d.regs[a.prev].tok], &d.toks[d.regs[r].tok]
	if pt.sent == q.sent {
		return
	}
	v := &a.verdicts[r]
	if pt.par == q.par {
		if !v.alone {
			if !said {
				a.propose(p.speaker, p.cue, prevBesideWords)
			}
			return
		}
		a.propose(p.speaker, p.cue, prevSameParagraph)
		if q.sent-pt.sent > 1 && a.otherBetween(pt.sent+1, q.sent, p.speaker) {
			a.propose(p.speaker, p.cue, newSpeaker)
		}
		return
	}
	if q.par-pt.par == 1 && d.regs[a.prev].openEnded && a.opensParagraph(r) && d.regs[a.prev].end == d.pars[pt.par].end {
		a.propose(p.speaker, p.cue, prevOpen)
		return
	}
	if d.pars[q.par].section != d.pars[pt.par].section {
		return
	}
	switch {
	case q.par-pt.par == 1 && v.alone && a.opensParagraph(r):
		a.propose(p.speaker, p.cue, prevParagraph)
		if d.pars[pt.par].last-1 > pt.sent && a.otherBetween(pt.sent+1, d.pars[pt.par].last, p.speaker) {
			a.propose(p.speaker, p.cue, newSpeaker)
		}
	case q.par-pt.par <= 3 && v.alone:
		a.propose(p.speaker, p.cue, prevFar)
	}
}

func (a *attributor) opensParagraph(r int32) bool {
	d := a.d
	q := d.regs[r].tok
	return q == d.pars[d.toks[q].par].from
}

// otherBetween reports whether the sentences from..to have a subject who is
// not the person of m.
func (a *attributor) otherBetween(from, to, m int32) bool {
	for s := from; s < to && s < from+4; s++ {
		n := a.d.firstMention(s)
		if n < 0 || a.samePerson(n, m) {
			continue
		}
		switch a.d.ments[n].kind {
		case aName, aRole, aGroup, aBody:
			return true
		}
	}
	return false
}

// introduced proposes the subject of the sentence before a quote that stands
// alone, and of the one after.
func (a *attributor) introduced(r int32) {
	d := a.d
	q := &d.toks[d.regs[r].tok]
	v := &a.verdicts[r]
	if !v.alone && !a.startsSentence(r) {
		return
	}
	s := q.sent - 1
	if s >= 0 && d.sents[s].to > d.sents[s].from && (d.sents[s].par == q.par || d.sents[s].par == q.par-1 && a.firstSentence(q.sent)) && d.pars[d.sents[s].par].section == d.pars[q.par].section {
		a.sentenceBefore(s, d.sents[s].par == q.par)
	}
	if s := q.sent + 1; int(s) < len(d.sents) && d.sents[s].par == q.par && v.alone {
		if m := d.firstMention(s); m >= 0 {
			a.propose(m, -1, nextSentence)
		}
	}
}

func (a *attributor) firstSentence(s int32) bool {
	return a.d.pars[a.d.sents[s].par].sent == s
}

// sentenceBefore proposes the subjects of sentence s.
func (a *attributor) sentenceBefore(s int32, same bool) {
	d := a.d
	st := d.sents[s]
	colon := d.toks[st.to-1].p == ':' || !same && d.toks[st.to-1].p == ','
	if !same && !colon {
		return
	}
	done := false
	for i := st.to - 1; i >= st.from && i > st.to-maxClause; {
		if e := d.toks[i].ends; e >= 0 {
			i = d.ments[e].from - 1
			continue
		}
		if d.isVerb(i) {
			m, _ := a.verbSays(i, st.from)
			if m >= 0 {
				switch {
				case colon && !done:
					a.propose(m, i, colonIntro)
				case d.toks[i].cls&clSay != 0:
					a.propose(m, i, sayBefore)
				default:
					a.propose(m, i, verbBefore)
				}
				if d.toks[i].cls&(clSay|clCue) != 0 {
					done = true
				}
			}
		}
		i--
	}
	if m := d.firstMention(s); m >= 0 {
		a.propose(m, -1, verbBefore)
		if colon && !done {
			a.propose(m, -1, colonIntro)
		}
	}
}
