package quote

import (
	"strings"
	"unicode"
	"unicode/utf8"
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
	for i < st.to && d.toks[i].word() && d.toks[i].begins < 0 && (d.toks[i].cls&clAdv != 0 || comma && d.word(i) == "as") {
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
	if v >= 0 && (d.toks[v].cls&(clSay|clCue) != 0 || firm && d.phrasal(v)) && !d.passive(v, d.sents[d.toks[v].sent].from) {
		switch {
		case firm && d.toks[v].cls&clSay != 0, firm && d.phrasal(v):
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
	for i < end && d.toks[i].word() && d.toks[i].cls&(clAdv|clDate) != 0 && d.toks[i].begins < 0 {
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

// before walks left from the quote through its sentence and proposes the
// subjects of the verbs it meets. It reports whether a verb of saying was met.
func (a *attributor) before(r int32) bool {
	d := a.d
	q := d.regs[r].tok
	floor := d.sents[d.toks[q].sent].from
	said, passed, says := false, 0, 0
	colon := q-1 >= floor && d.toks[q-1].p == ':'
	met := false // another quote of the sentence
	i := q - 1
	near := true // nothing but marks so far
	sayer, actor := int32(-1), int32(-1)
	for n := 0; i >= floor && n < maxClause; n++ {
		t := &d.toks[i]
		switch {
		case t.p == 'Q':
			if !met && a.prev == t.reg && a.verdicts[t.reg].speaker >= 0 {
				f := prevSameSentence
				if passed > 0 {
					f = prevSameLoose
				}
				a.propose(a.verdicts[t.reg].speaker, a.verdicts[t.reg].cue, f)
			}
			met = true
			i--
		case t.ends >= 0:
			a.passMention(t.ends, near, colon, i, floor)
			i = d.ments[t.ends].from - 1
			near = false
			if i >= floor && d.toks[i].p == 's' {
				i--
			}
		case d.isVerb(i) && passed < 4:
			m, fs := a.verbSays(i, floor)
			if m >= 0 {
				for _, f := range fs {
					a.propose(m, i, f)
				}
				if says > 0 && m != sayer {
					a.propose(m, i, pastSay)
				} else if passed > 0 && m != actor && m != sayer {
					a.propose(m, i, pastCue)
				}
				if passed == 0 && t.cls&clSay == 0 && t.cls&clCue != 0 && (i == q-1 || i == q-2 && d.word(q-1) == "as") {
					a.propose(m, i, nextToQuote)
				}
				if colon && passed == 0 {
					a.propose(m, i, colonSay)
				}
				if t.cls&clSay != 0 && d.ments[m].kind != aThing {
					if says == 0 {
						sayer = m
					}
					says++
					said = true
				}
				if passed == 0 {
					actor = m
				}
				if !(i-1 >= floor && d.toks[i-1].word() && d.word(i-1) == "to") {
					passed++
				}
			}
			near = false
			i--
		default:
			if t.word() {
				near = false
			}
			i--
		}
	}
	if m := d.firstMention(d.toks[q].sent); m >= 0 && d.ments[m].from < q {
		a.propose(m, -1, firstInSentence)
		if to := d.ments[m].to; d.pars[d.toks[q].par].headline && d.toks[to].p == ':' && to < q {
			a.propose(m, -1, headlineColon)
		}
	}
	return said
}

// verbSays returns the subject of the verb at v, or the agent of a passive,
// and what that is worth.
func (a *attributor) verbSays(v, floor int32) (int32, [1]feature) {
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
			return -1, [1]feature{f}
		}
		return d.agent(v), [1]feature{agentOf}
	}
	if c&clPart != 0 && c&clIng == 0 { // "a plan described by Bell as"
		if v+1 < int32(len(d.toks)) && d.toks[v+1].word() && d.word(v+1) == "by" {
			if c&(clSay|clCue) == 0 {
				return -1, [1]feature{f}
			}
			return d.agent(v), [1]feature{agentOf}
		}
	}
	if c&clSay != 0 && c&clIng == 0 {
		if n := a.invertedSubject(v, floor); n >= 0 {
			return n, [1]feature{saySubject}
		}
	}
	m := d.subject(v, 0)
	if m < 0 && v+1 < int32(len(d.toks)) && d.toks[v+1].begins >= 0 && c&clSay != 0 {
		return d.toks[v+1].begins, [1]feature{inverted}
	}
	return m, [1]feature{f}
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
func (a *attributor) passMention(m int32, near, colon bool, i, floor int32) {
	d := a.d
	mm := &d.ments[m]
	switch {
	case near && colon && (mm.from == floor || d.toks[mm.from-1].p == '-' || d.toks[mm.from-1].p == '.' || d.toks[mm.from-1].p == ')'):
		a.propose(m, -1, colonName)
	case mm.from-2 >= floor && d.toks[mm.from-1].word() && d.word(mm.from-1) == "to" && isAccording(d.word(mm.from-2)):
		a.propose(m, mm.from-2, according)
	case mm.owner >= 0 && (mm.kind == aDocument || d.toks[mm.head].cls&clDoc != 0):
		a.propose(mm.owner, mm.head, ownerOf)
		a.propose(m, -1, sameSentence)
	default:
		a.propose(m, -1, sameSentence)
	}
	_ = i
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

// accept decides whether region r is a quotation.
func (a *attributor) accept(r int32, v *verdict, best *candidate) {
	d := a.d
	reg := &d.regs[r]
	text := d.text[reg.start:reg.stop]
	a.shapeFeatures(reg, text, v)
	if !d.english {
		v.accepted = v.words >= 3 && v.own.points >= -4
		return
	}
	a.sourceFeatures(r, v, best)
	v.accepted = v.own.points >= 0
}

// wordFeatures judges the length of the quote and its letters.
func (a *attributor) wordFeatures(text string, v *verdict) {
	words, caps, small := 0, 0, 0
	in, first := false, false
	spoke := false
	start := 0
	for i, r := range text {
		blank := r == ' ' || r == '\n' || r == '\t' || r == '\u00a0'
		if !blank && !in {
			words++
			in, start = true, i
			first = unicode.IsUpper(r)
			continue
		}
		if blank && in {
			in = false
			n := count(text[start:i], first)
			caps += n & 1
			small += n >> 1
			spoke = spoke || speaks(text[start:i])
		}
	}
	if in {
		n := count(text[start:], first)
		caps += n & 1
		small += n >> 1
		spoke = spoke || speaks(text[start:])
	}
	v.words = words
	o := &v.own
	switch {
	case words == 1:
		o.add(oneWord)
		v.capital = caps == 1
	case words == 2:
		o.add(twoWords)
	case words == 3:
		o.add(threeWords)
	case words < 6:
		o.add(fewWords)
	default:
		o.add(sixWords)
		if words >= 10 {
			o.add(tenWords)
		}
	}
	v.title = caps >= 2 && small == 0 && words <= 10 && text[len(text)-1] != '!'
	if spoke {
		o.add(spoken)
	}
	c, _ := utf8.DecodeRuneInString(text)
	if l := text[len(text)-1]; unicode.IsUpper(c) && (l == '.' || l == '?' || l == '!') && words >= 2 {
		o.add(wholeSentence)
	}
}

// count returns 1 for a word with a capital, 2 for a word in small letters
// that a title would capitalise, 0 for others.
func count(w string, capital bool) int {
	if capital {
		return 1
	}
	if len(w) < 4 || classOf(w)&clPrep != 0 {
		return 0
	}
	return 2
}

// speaks reports whether w is a word by which speakers mean themselves.
func speaks(w string) bool {
	switch w {
	case "I", "I'm", "I’m", "I've", "I’ve", "I'd", "I’d", "I'll", "I’ll", "we", "We", "we're", "we’re", "we've", "we’ve", "my", "My", "our", "Our", "me", "us", "don't", "don’t", "We're", "We’re":
		return true
	}
	return false
}

// shapeFeatures judges the capitals and what stands right around the marks.
func (a *attributor) shapeFeatures(reg *region, text string, v *verdict) {
	d := a.d
	o := &v.own
	if !d.pars[reg.par].titleCase {
		if v.title {
			o.add(titleShape)
		}
		if v.capital {
			o.add(oneCapital)
		}
	}
	if reg.block {
		o.add(blockQuote)
	}
	if reg.single && !d.pars[reg.par].headline {
		o.add(singleMarks)
	}
	if d.pars[reg.par].headline {
		o.add(inHeadline)
	} else if reg.single && a.doubles && reg.open == d.pars[reg.par].start && reg.end == d.pars[reg.par].end {
		o.add(crosshead)
	}
	if reg.open > 0 && d.text[reg.open-1] == '=' || strings.Contains(text, "/>") || strings.HasPrefix(text, "http") {
		o.add(inMarkup)
	}
	if strings.IndexByte(",.?!", text[len(text)-1]) >= 0 && !o.has(titleShape) && !o.has(oneCapital) {
		o.add(endsInside)
	}
	floor := d.sents[d.toks[reg.tok].sent]
	if reg.tok > floor.from {
		t := &d.toks[reg.tok-1]
		switch {
		case t.word() && (d.word(reg.tok-1) == "so-called" || d.word(reg.tok-1) == "So-called"):
			o.add(afterSoCalled)
		case t.word() && t.cls&clNaming != 0 && (t.cls&(clCue|clSay) == 0 || v.own.has(titleShape) || v.own.has(oneCapital)):
			o.add(afterNaming)
		case t.word() && d.word(reg.tok-1) == "as" && reg.tok-2 >= floor.from && d.toks[reg.tok-2].cls&clNaming != 0 && d.toks[reg.tok-2].cls&clPart != 0:
			o.add(afterNaming)
		case t.word() && t.cls&(clDet|clPoss) != 0:
			o.add(nounAfterArticle)
		case t.p == ':':
			o.add(hasColon)
		}
		if (o.has(titleShape) || o.has(oneCapital)) && (t.p == 's' || t.p == ',' && !(reg.tok-2 >= floor.from && d.isVerb(reg.tok-2)) || t.word() && t.cls&clPrep != 0 && d.word(reg.tok-1) != "as" && d.word(reg.tok-1) != "to") {
			o.add(titlePlace)
		}
	}
	if i := reg.tok + 1; i+1 < floor.to && d.toks[i].word() && d.word(i) == "by" && d.toks[i+1].capital && (a.startsSentence(d.toks[reg.tok].reg) || text[len(text)-1] == ',') {
		o.add(bylined)
	}
	if reg.tok+1 < floor.to && !v.own.has(endsInside) {
		t := &d.toks[reg.tok+1]
		if t.word() && t.cls&(stopsPhrase|clAdv) == 0 && t.cls&anyVerb == 0 {
			o.add(beforeNoun)
		}
	}
}

// sourceFeatures judges whether somebody is being quoted here.
func (a *attributor) sourceFeatures(r int32, v *verdict, best *candidate) {
	o := &v.own
	d := a.d
	if a.prev >= 0 && d.toks[d.regs[a.prev].tok].sent == d.toks[d.regs[r].tok].sent {
		o.add(hasQuotedBeside)
	}
	if best == nil {
		o.add(hasSource)
		return
	}
	switch {
	case best.has(tailVerbName), best.has(tailNameVerb), best.has(tailAccording), best.has(tailBare), best.has(tailDash):
		o.add(hasTail)
	case best.has(saySubject), best.has(finalTail), best.has(colonName), best.has(headlineColon), best.has(according), best.has(agentOf), best.has(inverted), best.has(prevSameSentence), best.has(ownerOf), best.has(tailNextName):
		o.add(hasSay)
	case best.has(cueSubject):
		o.add(hasCue)
		if best.cue >= 0 && d.toks[best.cue].cls&clNaming != 0 && !o.has(afterNaming) && (o.has(titleShape) || o.has(oneCapital)) {
			o.add(epithet)
		}
	case best.has(prevSameParagraph), best.has(prevParagraph), best.has(prevOpen), best.has(colonIntro), best.has(prevBesideWords), best.has(sayBefore):
		o.add(hasContinued)
	case best.has(verbSubject):
		o.add(hasVerb)
	default:
		o.add(hasSource)
	}
}
