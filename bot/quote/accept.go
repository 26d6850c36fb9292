package quote

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
			first = unicode.IsUpper(r) || unicode.IsDigit(r)
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
		v.capital = caps == 1 && !unicode.IsDigit(rune(text[0]))
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
	v.title = caps >= 2 && small == 0 && words <= 10 && strings.IndexByte(text, '!') < 0 && !exclaims(text)
	if spoke {
		o.add(spoken)
	}
	c, _ := utf8.DecodeRuneInString(text)
	if l := text[len(text)-1]; unicode.IsUpper(c) && (l == '.' || l == '?' || l == '!') && words >= 2 {
		o.add(wholeSentence)
	}
}

// exclaims reports whether text opens with a word that opens no title.
func exclaims(text string) bool {
	w, _, ok := strings.Cut(text, ",")
	if !ok {
		return false
	}
	switch w {
	case "Oh", "Ah", "Yes", "No", "Well", "Hey", "Yeah", "Ok", "OK", "Okay", "Sorry", "Please", "Look", "Listen", "Wow", "Aye":
		return true
	}
	return false
}

// callsNames reports whether the verb w gives somebody or something a name.
func callsNames(w string) bool {
	switch w {
	case "call", "calls", "called", "calling", "dub", "dubs", "dubbed", "dubbing", "name", "names", "named", "label", "labels", "labelled", "labeled", "labelling", "labeling",
		"brand", "brands", "branded", "branding", "nickname", "nicknamed", "refer", "refers", "referred", "referring", "christened", "describes", "described", "describing", "term", "terms", "termed", "terming", "derided", "mocked", "mocking", "ridiculed":
		return true
	}
	return false
}

// inscribes reports whether the verb w says what a sign or a crowd says, which
// is often in capitals.
func inscribes(w string) bool {
	switch w {
	case "read", "reads", "reading", "scrawled", "bearing", "chanting", "chanted", "chant", "shouting", "shouted", "yelling", "yelled", "screaming", "wrote", "writing", "painted", "proclaiming", "proclaims", "tweeted":
		return true
	}
	return false
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
	heading := d.pars[reg.par].headline || d.pars[reg.par].titleCase
	if reg.single && !heading {
		o.add(singleMarks)
	}
	if heading {
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
	case best.has(saySubject) && best.cue >= 0 && inscribes(d.word(best.cue)) && (o.has(titleShape) || o.has(oneCapital)):
		o.add(hasSay)
		o.add(inscription)
	case best.has(saySubject), best.has(finalTail), best.has(colonName), best.has(headlineColon), best.has(according), best.has(agentOf), best.has(inverted), best.has(prevSameSentence), best.has(ownerOf), best.has(tailNextName):
		o.add(hasSay)
	case best.has(cueSubject):
		o.add(hasCue)
		if best.cue >= 0 && inscribes(d.word(best.cue)) && (o.has(titleShape) || o.has(oneCapital)) {
			o.add(inscription)
		}
		if best.cue >= 0 && callsNames(d.word(best.cue)) && !o.has(afterNaming) && (o.has(titleShape) || o.has(oneCapital)) {
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
