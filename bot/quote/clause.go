package quote

// maxClause is how many tokens a search within a sentence may cross.
const maxClause = 60

// phrasal reports whether a verb and the word after it report speech
// together: shot back, went on, chimed in.
func phrasal(verb, next string) bool {
	switch next {
	case "back", "on", "in", "out", "up", "it":
	default:
		return false
	}
	switch verb {
	case "shot", "hit", "fired", "snapped", "clapped", "fought", "went", "goes", "carried", "chimed", "cut", "hits", "fires", "shoots", "called", "cried", "blurted", "spoke", "piped", "put", "puts", "wrote", "broke", "butted", "came":
		return true
	}
	return false
}

// phrasalAt is phrasal for the verb at v.
func (d *doc) phrasalAt(v int32) bool {
	return v+1 < int32(len(d.toks)) && d.toks[v+1].word() && phrasal(d.word(v), d.word(v+1))
}

// maxSubjects bounds how often one quote may ask for a subject. Sentences that
// people wrote need fewer than ten.
const maxSubjects = 200

// isVerb reports whether token i works as a verb: it is one, and no noun
// phrase holds it.
func (d *doc) isVerb(i int32) bool {
	t := &d.toks[i]
	if !t.word() || t.cls&anyVerb == 0 || t.cls&(clPrep|clDet|clPoss) != 0 {
		return false
	}
	// "the closed bridge": a participle right after an article is none.
	if t.cls&clPart != 0 && i > 0 {
		prev := &d.toks[i-1]
		return !prev.word() || prev.cls&(clDet|clPoss) == 0 || prev.cls&(clSub|clRel|clNum) != 0 || prev.ends >= 0
	}
	return true
}

// mentionBefore returns the mention that ends right before token i, or -1.
func (d *doc) mentionBefore(i, floor int32) int32 {
	if i-1 < floor {
		return -1
	}
	return d.toks[i-1].ends
}

// subject returns the mention that is the subject of the verb at token v, or
// -1. It walks left: over adverbs and auxiliaries, through an apposition or a
// clause between commas, from "who" to whom it stands for, and from a further
// verb ("and said", "to say", "saying") to the subject of the verb before it.
func (d *doc) subject(v int32, depth int) int32 {
	if depth > 5 || d.fuel <= 0 {
		return -1
	}
	d.fuel--
	floor := d.sents[d.toks[v].sent].from
	if d.toks[v].cls&clIng != 0 && !d.progressive(v, floor) {
		if m := d.mentionBefore(v, floor); m >= 0 && d.ownSubject(m, floor) {
			return m
		}
		return d.subjectOfVerbBefore(v, floor, depth)
	}
	i := v - 1
	for n := 0; i >= floor && n < maxClause; n++ {
		t := &d.toks[i]
		if t.ends >= 0 {
			m := d.hostOf(t.ends, floor, depth)
			if d.toks[d.ments[m].from].cls&clDet == 0 && d.ments[m].kind == aRole {
				return d.chief(m, floor) // Bell, chair of the board said
			}
			return m
		}
		switch {
		case t.p == ',':
			return d.beforeComma(i, v, floor, depth)
		case t.p == ')':
			i = d.openOf(i, floor) - 1
		case t.p == '-':
			return d.beforeComma(i, v, floor, depth)
		case t.p == 's':
			i--
		case !t.word():
			return -1
		case t.cls&clRel != 0 && t.cls&clSub == 0, t.cls&clRel != 0 && d.mentionBefore(i, floor) >= 0:
			return d.antecedent(i, floor, depth)
		case t.cls&clConj != 0:
			return d.subjectOfVerbBefore(i, floor, depth)
		case d.word(i) == "to", d.word(i) == "by", d.word(i) == "in", d.word(i) == "as", d.word(i) == "without", d.word(i) == "for", d.word(i) == "of":
			return d.subjectOfVerbBefore(i, floor, depth)
		case t.cls&(clAux|clAdv) != 0:
			i--
		case d.isVerb(i):
			return d.subject(i, depth+1)
		case t.cls&(clPrep|clTime|clDate|clNum) != 0, t.cls&clDet != 0:
			i--
		case t.capital && t.cls&clSub == 0:
			i--
		default:
			if t.cls&clSub != 0 {
				return -1
			}
			i--
		}
	}
	return -1
}

// ownSubject reports whether m, right before an -ing form, is its subject:
// with Bell saying; a letter saying; , the council adding.
func (d *doc) ownSubject(m, floor int32) bool {
	mm := &d.ments[m]
	if mm.kind == aDocument {
		return true
	}
	if mm.from <= floor {
		return mm.kind != aPronoun
	}
	t := &d.toks[mm.from-1]
	return t.p == ',' && mm.kind != aThing || t.word() && (d.word(mm.from-1) == "with" || d.word(mm.from-1) == "With")
}

// progressive reports whether the -ing form at v follows a form of be.
func (d *doc) progressive(v, floor int32) bool {
	for i := v - 1; i >= floor && i > v-4; i-- {
		t := &d.toks[i]
		if t.cls&clBe != 0 || t.p == 's' {
			return true
		}
		if t.cls&clAdv == 0 {
			return false
		}
	}
	return false
}

func (d *doc) openOf(i, floor int32) int32 {
	for j := i - 1; j >= floor && j > i-maxClause; j-- {
		if d.toks[j].p == '(' {
			return j
		}
	}
	return floor
}

// hostOf climbs from a mention that stands after a preposition to the phrase
// it belongs to: from "the council" to "the head of the council".
func (d *doc) hostOf(m, floor int32, depth int) int32 {
	for range 6 {
		i := d.ments[m].from - 1
		if i-1 >= floor && d.toks[i].word() && (d.word(i) == "and" || d.word(i) == "&") && d.ments[m].kind != aPronoun {
			// of The Globe and Post: one name, or two after one preposition
			if k := d.mentionBefore(i, floor); k >= 0 && d.ments[k].from-1 >= floor && d.toks[d.ments[k].from-1].cls&clPrep != 0 {
				m = k
				continue
			}
		}
		if i-1 >= floor && d.toks[i].cls&clIng != 0 && d.toks[i].ends < 0 && d.toks[i-1].cls&clPrep != 0 {
			i-- // responsible for gathering the evidence
		}
		if i < floor || d.toks[i].cls&clPrep == 0 || d.toks[i].p != 0 {
			return m
		}
		switch d.word(i) {
		case "before", "after", "since", "until", "than", "as", "because", "like":
			return m // they open a clause here
		}
		for i-1 >= floor && d.toks[i-1].cls&clPrep != 0 && d.toks[i-1].ends < 0 {
			i--
		}
		host := d.mentionBefore(i, floor)
		if host < 0 && i-1 >= floor && d.toks[i-1].word() && followsNoun(d.word(i-1)) {
			host = d.mentionBefore(i-1, floor)
		}
		if host < 0 && i-1 > floor && d.toks[i-1].p == ',' {
			host = d.agedBefore(i-1, floor) // Bell, 43, of Arden
		}
		if host < 0 {
			if i-1 >= floor && d.isVerb(i-1) && depth < 5 {
				if d.toks[i-1].cls&clPart != 0 && d.mentionBefore(i-1, floor) >= 0 {
					m = d.mentionBefore(i-1, floor) // the boat moored in the harbour
					continue
				}
				if s := d.subject(i-1, depth+1); s >= 0 {
					return s
				}
			}
			return m
		}
		if d.ments[host].kind == aPronoun {
			return m
		}
		m = host
	}
	return m
}

// agedBefore returns the name before the comma at i, an age between commas
// skipped, or -1.
func (d *doc) agedBefore(i, floor int32) int32 {
	m := d.mentionBefore(i, floor)
	if m < 0 && i-3 >= floor && d.toks[i-1].cls&clNum != 0 && d.toks[i-2].p == ',' {
		m = d.mentionBefore(i-2, floor)
	}
	if m >= 0 && d.ments[m].kind != aName {
		return -1
	}
	return m
}

// beforeComma finds the subject of v when a comma at i stands before it: the
// phrase in front of the apposition or clause that ends there.
func (d *doc) beforeComma(i, v, floor int32, depth int) int32 {
	for j := i - 1; j >= floor && j > i-maxClause; j-- {
		if d.toks[j].p != d.toks[i].p && !(d.toks[j].p == ',' && d.toks[i].p == ',') {
			continue
		}
		m := d.mentionBefore(j, floor)
		if m < 0 {
			continue
		}
		m = d.chief(d.hostOf(m, floor, depth), floor)
		if n := d.rightBefore(i, floor); n >= 0 && d.ments[m].kind >= aDocument && (d.ments[n].kind == aName || d.ments[n].kind == aRole) {
			return n
		}
		return m
	}
	if n := d.rightBefore(i, floor); n >= 0 && d.ments[n].kind == aName {
		return d.hostOf(n, floor, depth)
	}
	if m := d.firstMention(d.toks[v].sent); m >= 0 && d.ments[m].from < i {
		return m
	}
	return -1
}

// rightBefore returns the mention right before token i, brackets skipped.
func (d *doc) rightBefore(i, floor int32) int32 {
	if i-1 >= floor && d.toks[i-1].p == ')' {
		i = d.openOf(i-1, floor)
	}
	return d.mentionBefore(i, floor)
}

// chief climbs from an apposition to the name it explains: in "Bell, a
// fisherman, who …" from the fisherman to Bell.
func (d *doc) chief(m, floor int32) int32 {
	f := d.ments[m].from
	if f-2 < floor || d.toks[f-1].p != ',' || d.ments[m].kind == aName || d.ments[m].kind == aPronoun {
		return m
	}
	k := f - 2
	if d.toks[k].cls&clNum != 0 && k-2 >= floor && d.toks[k-1].p == ',' { // Bell, 43, a fisherman
		k -= 2
	}
	if n := d.toks[k].ends; n >= 0 && d.ments[n].kind == aName {
		return n
	}
	return m
}

// antecedent returns whom the relative pronoun at i stands for.
func (d *doc) antecedent(i, floor int32, depth int) int32 {
	m := d.mentionBefore(i, floor)
	if m < 0 && i-1 >= floor && d.toks[i-1].p == ',' {
		m = d.mentionBefore(i-1, floor)
		if m < 0 && i-3 >= floor && d.toks[i-2].cls&clNum != 0 && d.toks[i-3].p == ',' {
			m = d.mentionBefore(i-3, floor)
		}
	}
	if m < 0 {
		return -1
	}
	if h := d.hostOf(m, floor, depth); d.ments[h].kind != aThing && d.ments[m].kind != aName && d.ments[m].kind != aRole {
		m = h
	}
	return d.chief(m, floor)
}

// subjectOfVerbBefore returns the subject of the nearest verb before token i
// of the sentence, else the sentence's first phrase.
func (d *doc) subjectOfVerbBefore(i, floor int32, depth int) int32 {
	participle := d.toks[i].cls&clIng != 0 && i > floor && d.toks[i-1].p == ','
	joined := d.toks[i].cls&clConj != 0 && i+1 < int32(len(d.toks)) && d.toks[i+1].cls&(clSay|clAux) != 0
	best := int32(-1)
	for j, n := i-1, 0; j >= floor && n < maxClause; n++ {
		if r := d.toks[j].reg; r >= 0 && d.spoke[r] >= 0 {
			return d.spoke[r]
		}
		if e := d.toks[j].ends; e >= 0 {
			j = d.ments[e].from - 1
			continue
		}
		if d.isVerb(j) || d.toks[j].cls&clBe != 0 && d.toks[j].word() {
			m := d.subject(j, depth+1)
			if k := d.embedding(m, floor); participle && k > floor {
				best, j = m, k
				continue
			}
			if joined && m >= 0 && d.ments[m].kind == aThing && best < 0 {
				best = m // the storm that hit Arden and said: the sayer comes before
				j--
				continue
			}
			return m
		}
		j--
	}
	if best >= 0 {
		return best
	}
	if m := d.firstMention(d.toks[i].sent); m >= 0 && d.ments[m].from < i {
		return m
	}
	return -1
}

// embedding returns the token before the conjunction or relative pronoun of
// the clause whose subject is m, or -1 if m is the subject of a main clause.
func (d *doc) embedding(m, floor int32) int32 {
	if m < 0 {
		return -1
	}
	mm := &d.ments[m]
	if i := mm.from - 1; i >= floor && d.toks[i].word() && d.toks[i].cls&clSub != 0 {
		return i - 1
	}
	if i := mm.to; i+1 < int32(len(d.toks)) {
		if d.toks[i].p == ',' {
			i++
		}
		if d.toks[i].word() && d.toks[i].cls&clRel != 0 {
			return mm.from - 1
		}
	}
	return -1
}

// passive reports whether the participle at v follows a form of be: "was
// told". Its subject did not speak.
func (d *doc) passive(v, floor int32) bool {
	if d.toks[v].cls&clPart == 0 || d.toks[v].cls&clIng != 0 {
		return false
	}
	for i := v - 1; i >= floor && i > v-4; i-- {
		t := &d.toks[i]
		if t.cls&clBe != 0 {
			return true
		}
		if t.p == 's' && d.toks[v].cls&clSay == 0 {
			return true
		}
		if t.cls&clAdv == 0 {
			return false
		}
	}
	return false
}

// agent returns the mention after "by" that follows the passive verb at v.
func (d *doc) agent(v int32) int32 {
	end := d.sents[d.toks[v].sent].to
	for i := v + 1; i < end && i < v+14; i++ {
		if d.toks[i].word() && d.word(i) == "by" && i+1 < end {
			return d.toks[i+1].begins
		}
		if i > v+1 && d.isVerb(i) && d.toks[i].ends < 0 {
			return -1
		}
	}
	return -1
}

// firstMention returns the first mention of sentence s that no preposition
// governs, or -1.
func (d *doc) firstMention(s int32) int32 {
	st := d.sents[s]
	for i := st.from; i < st.to && i < st.from+maxClause; {
		b := d.toks[i].begins
		if b < 0 {
			i++
			continue
		}
		if i == st.from || d.toks[i-1].cls&clPrep == 0 || d.toks[i-1].p != 0 {
			if m := &d.ments[b]; m.kind != aThing || d.verbAfter(b) >= 0 {
				return b
			}
		}
		i = d.ments[b].to
	}
	return -1
}

// verbAfter returns the token of the verb that mention m is the subject of, or
// -1.
func (d *doc) verbAfter(m int32) int32 {
	if v := d.ments[m].verb; v != -2 {
		return v
	}
	v := d.seekVerb(d.ments[m].to, d.sents[d.toks[d.ments[m].from].sent].to)
	if d.ments[m].owned {
		v = -1
	}
	d.ments[m].verb = v
	return v
}

// seekVerb returns the verb that goes with a subject that ends before token i,
// or -1.
func (d *doc) seekVerb(i, end int32) int32 {
	last := int32(-1) // an auxiliary will do if no verb follows
	for n := 0; i < end && n < 20; n++ {
		t := &d.toks[i]
		switch {
		case t.p == 's':
			i++
		case t.p == ',' || t.p == '-':
			next := d.afterInsert(i, end)
			if next < 0 {
				return last
			}
			i = next
		case t.p == '(':
			for k := 0; i < end && d.toks[i].p != ')' && k < 40; k++ {
				i++
			}
			i++
		case !t.word():
			return last
		case t.begins >= 0 && t.cls&clPrep == 0:
			return last
		case t.cls&clAux != 0:
			last = i
			i++
		case d.isVerb(i):
			if t.cls&clIng != 0 && t.cls&clBase == 0 && last < 0 && n > 0 {
				return -1
			}
			return i
		case t.cls&clPrep != 0 && last < 0 && i+1 < end && d.toks[i+1].begins >= 0:
			i = d.ments[d.toks[i+1].begins].to
		case t.cls&clConj != 0 && last < 0 && i+1 < end && d.toks[i+1].begins >= 0 && d.word(i) == "and":
			i = d.ments[d.toks[i+1].begins].to // Bell and Cole said
		case t.cls&clRel != 0 && last < 0:
			i++
		case t.cls&(clAdv|clDate|clTime) != 0 || t.cls&clPrep != 0:
			i++
		default:
			return last
		}
	}
	return last
}

// afterInsert returns the token after the insertion that opens with the comma
// or dash at i, if a verb or auxiliary goes on from there; else -1.
func (d *doc) afterInsert(i, end int32) int32 {
	mark := d.toks[i].p
	for j := i + 1; j < end && j < i+40; j++ {
		t := &d.toks[j]
		if t.p == 'Q' && j == i+1 {
			return -1
		}
		if t.p != mark {
			continue
		}
		k := j + 1
		for k < end && d.toks[k].word() && d.toks[k].cls&clAdv != 0 {
			k++
		}
		if k < end && d.toks[k].begins < 0 && d.toks[k].word() && (d.toks[k].cls&clAux != 0 || d.isVerb(k)) && d.toks[k].cls&clIng == 0 {
			return j + 1
		}
	}
	return -1
}
