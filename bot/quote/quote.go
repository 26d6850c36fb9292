// Package quote finds what people said in a piece of news, word for word, and
// who said it.
//
// [Extract] reads one text. [Page] reads the entries of a live page together:
// "the MP" of one entry is the Ada Bell of an older one. [Best] chooses what a
// card shows, [Fragment] links to the words in the page they came from, and
// [Explain] tells why a stretch between marks counts as a quotation and why
// somebody is its speaker.
//
// The rules:
//   - A quote's text stands in its source character for character.
//   - A speaker is a name where the text gives one with confidence, else the
//     words the text uses, else nothing. It is never a guess.
//   - The same text gives the same quotes, whatever was read before. All
//     functions are pure and safe for concurrent use.
//   - The time is linear in the length of the text.
package quote

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// A Quote is one quotation found in a text. Offsets are byte offsets into the
// text, end exclusive; those of the quote lie inside its marks.
type Quote struct {
	Start, End   int
	Text         string
	Speaker      string // full name where known, else as the text names them; "" = not stated
	SpeakerStart int    // the phrase that names the speaker, -1 if none
	SpeakerEnd   int
	Role         string // the description the text gives, "" = none
	Cue          string // the verb that reports: said, warned; "" = none
	Kind         news.QuoteKind
	Confidence   news.Confidence
	InHeadline   bool
}

// A Part is one entry of a live page.
type Part struct {
	Headline, Body string
}

// Extract returns the quotes of text in the order they stand. The first line
// may be a headline; paragraphs are separated by blank lines.
func Extract(text string) []Quote {
	d := newDoc(text, maybeHeaded)
	if len(d.regs) == 0 {
		return nil
	}
	return d.quotes(nil)
}

// quotes finds speakers and returns the accepted quotes. explain may be nil.
func (d *doc) quotes(explain func(int32, []candidate)) []Quote {
	if d.english {
		d.findMentions()
		d.findFacts()
		d.meetElders()
	}
	verdicts := d.attribute(explain)
	d.findNamed(verdicts)
	out := make([]Quote, 0, len(d.regs))
	for r := range verdicts {
		if !verdicts[r].accepted {
			continue
		}
		q := d.quote(r, verdicts)
		if q.InHeadline && !verdicts[r].best.saidSo() {
			q.Confidence = news.Low
		}
		out = append(out, q)
	}
	d.repeated(out)
	return out
}

// repeated gives a headline quote that names nobody as saying it the speaker of
// the same words in its section.
func (d *doc) repeated(quotes []Quote) {
	for i := range quotes {
		h := &quotes[i]
		if !h.InHeadline || h.Confidence != news.Low {
			continue
		}
		for k := i + 1; k < len(quotes) && !quotes[k].InHeadline; k++ {
			q := &quotes[k]
			if q.Speaker != "" && containsFold(q.Text, h.Text) {
				h.Speaker, h.Role, h.Confidence = q.Speaker, q.Role, q.Confidence
				h.SpeakerStart, h.SpeakerEnd, h.Cue = q.SpeakerStart, q.SpeakerEnd, q.Cue
				break
			}
		}
	}
}

// containsFold reports whether part stands in text, edge marks and the case of
// its first letter aside.
func containsFold(text, part string) bool {
	part = strings.TrimRight(part, ".,!?…")
	if strings.Contains(text, part) {
		return true
	}
	_, n := utf8.DecodeRuneInString(part)
	return len(part) > 12 && strings.Contains(text, part[n:])
}

// quote returns the accepted region r as a Quote.
func (d *doc) quote(r int, verdicts []verdict) Quote {
	reg, v := &d.regs[r], &verdicts[r]
	q := Quote{
		Start: int(reg.start), End: int(reg.stop), Text: d.text[reg.start:reg.stop],
		SpeakerStart: -1, SpeakerEnd: -1,
		Kind: news.Mixed, Confidence: news.Low, InHeadline: d.pars[reg.par].headline,
	}
	if v.own.has(wholeSentence) || v.alone || !v.own.has(beforeNoun) && d.clause(q.Text, v.words) {
		q.Kind = news.Direct
	}
	if v.speaker < 0 {
		return q
	}
	m := &d.ments[v.speaker]
	q.SpeakerStart, q.SpeakerEnd = int(d.toks[m.from].start), int(d.toks[d.phraseEnd(v.speaker)-1].end)
	if v.cue >= 0 && d.toks[v.cue].word() {
		q.Cue = d.word(v.cue)
	}
	id := d.identify(v.speaker, 0)
	if id.person >= 0 {
		d.said = append(d.said, utterance{id.person, d.pars[reg.par].section})
	}
	q.Speaker, q.Role = id.name, id.role
	id.sure = id.sure && !d.oneOfTwo(v.speaker)
	q.Confidence = d.confidence(v, id)
	return q
}

// oneOfTwo reports whether mention n is the second of two joined by "and":
// both may have spoken.
func (d *doc) oneOfTwo(n int32) bool {
	i := d.ments[n].from - 1
	return i > 0 && d.word(i) == "and" && d.toks[i-1].ends >= 0 && d.toks[i-1].sent == d.toks[i].sent
}

// clause reports whether text reads like a clause of its own: it opens with a
// capital and closes with a mark, or has four words and either.
func (d *doc) clause(text string, words int) bool {
	r, _ := utf8.DecodeRuneInString(text)
	opens := unicode.IsUpper(r)
	closes := strings.IndexByte(",.?!", text[len(text)-1]) >= 0
	return opens && closes || words >= 4 && (opens || closes)
}

// confidence says how sure the speaker is. High needs a clear lead of one
// phrase in a place that seldom misleads, and no doubt whom it stands for.
func (d *doc) confidence(v *verdict, id identity) news.Confidence {
	gap := v.best.points - v.second
	switch {
	case id.name == "" || v.best.points < 14:
		return news.Low
	case !id.sure || gap < 6:
		return news.Medium
	case v.best.tail():
		return news.High
	case gap < 12 || v.best.has(pastSay) || v.best.has(newSpeaker) || d.ments[v.speaker].kind == aDocument || d.ments[v.speaker].kind == aGroup && !v.best.has(saySubject):
		return news.Medium
	case v.best.points >= 20, v.best.has(prevSameParagraph):
		return news.High
	case v.best.has(prevParagraph) && d.ments[v.speaker].kind == aName:
		return news.High
	}
	return news.Medium
}
