package quote

import (
	"cmp"
	"slices"
)

// A Point is one line of the scorecard that applied.
type Point struct {
	Feature string // what was seen
	Points  int    // what it is worth
	Example string // where it is seen, with "Q" for the quote and <> around the phrase
}

// A Choice is a phrase that could be the speaker.
type Choice struct {
	Phrase     string
	Start, End int // bytes
	Total      int
	Points     []Point
}

// An Explanation says what was decided about one stretch between quotation
// marks, and why.
type Explanation struct {
	Start, End int // bytes, inside the marks
	Text       string
	Accepted   bool
	Total      int      // of Points; a quotation needs 0
	Points     []Point  // why it is, or is not, a quotation
	Choices    []Choice // who could have said it, best first
	Quote      Quote    // what Extract returns; zero if not accepted
}

// Explain does what Extract does and keeps the reasons, for every stretch
// between marks, accepted or not, in the order they stand.
func Explain(text string) []Explanation {
	d := newDoc(text, maybeHeaded)
	out := make([]Explanation, len(d.regs))
	if d.english {
		d.findMentions()
		d.findFacts()
	}
	verdicts := d.attribute(func(r int32, cands []candidate) {
		for _, c := range cands {
			m := &d.ments[c.ment]
			out[r].Choices = append(out[r].Choices, Choice{
				Phrase: d.phraseText(c.ment), Start: int(d.toks[m.from].start), End: int(d.toks[m.to-1].end),
				Total: c.points, Points: c.list(),
			})
		}
	})
	d.findNamed(verdicts)
	for r := range verdicts {
		v, e := &verdicts[r], &out[r]
		e.Start, e.End = int(d.regs[r].start), int(d.regs[r].stop)
		e.Text = text[e.Start:e.End]
		e.Accepted, e.Total, e.Points = v.accepted, v.own.points, v.own.list()
		slices.SortStableFunc(e.Choices, func(a, b Choice) int { return cmp.Compare(b.Total, a.Total) })
		if v.accepted {
			e.Quote = d.quote(r, verdicts)
		}
	}
	return out
}

// list returns the features of t in the order of the scorecard.
func (t *tally) list() []Point {
	var out []Point
	for f := range nFeatures {
		if t.has(f) {
			s := &scorecard[f]
			out = append(out, Point{s.name, s.points, s.example})
		}
	}
	return out
}
