package quote

import (
	"slices"
	"strings"
	"unicode"

	"github.com/pullquote/pullquote/bot/news"
)

// What a card can hold well, in words.
const (
	shortest = 8
	longest  = 45
)

// bestPoints is what a quote gains or loses on its way to a card.
var bestPoints = struct {
	length, tooShort, tooLong, whole, partial, self, opinion, named, described, nameless, high, low, repeated, fromHeadline, question int
}{
	length: 6, tooShort: -8, tooLong: -3, // between 8 and 45 words
	whole: 5, partial: -4, // a sentence of its own
	self: 3, opinion: 2, // I, we; must, never, proud
	named: 5, described: 2, nameless: -6, // who speaks
	high: 2, low: -3, // how sure that is
	repeated: -7, fromHeadline: -9, // what the headline says already
	question: -1,
}

// Best returns the quotes of an entry that a card should show, best first, at
// most max of them: complete, of 8 to 45 words, in the first person or with an
// opinion, from a known speaker, and not what the headline says already. It
// does not change quotes; equal quotes keep the order they stand in, so that
// the choice is the same at every reading. Quotes that no card should show
// (a word or two without a speaker) are left out even if fewer than max
// remain.
func Best(headline string, quotes []news.Quote, max int) []news.Quote {
	if max <= 0 || len(quotes) == 0 {
		return nil
	}
	type ranked struct{ at, points int }
	order := make([]ranked, 0, len(quotes))
	for i, q := range quotes {
		if p := worth(headline, q); p > 0 {
			order = append(order, ranked{i, p})
		}
	}
	slices.SortStableFunc(order, func(a, b ranked) int { return b.points - a.points })
	var out []news.Quote
	for _, o := range order {
		q := quotes[o.at]
		if len(out) == max {
			break
		}
		if !slices.ContainsFunc(out, func(k news.Quote) bool { return overlaps(k.Text, q.Text) }) {
			out = append(out, q)
		}
	}
	return out
}

// worth returns the points of q as the quote of a card.
func worth(headline string, q news.Quote) int {
	words := strings.Fields(q.Text)
	b := &bestPoints
	p := 0
	switch {
	case len(words) < shortest:
		p += b.tooShort + len(words)
	case len(words) <= longest:
		p += b.length
	default:
		p += b.tooLong
	}
	if wholeClause(q) {
		p += b.whole
	} else {
		p += b.partial
	}
	self, opinion := voice(words)
	if self {
		p += b.self
	}
	if opinion {
		p += b.opinion
	}
	switch {
	case q.Speaker == "":
		p += b.nameless
	case q.Speaker == q.Role || unicode.IsLower([]rune(q.Speaker)[0]):
		p += b.described
	default:
		p += b.named
	}
	switch q.Confidence {
	case news.High:
		p += b.high
	case news.Low:
		p += b.low
	}
	if q.InHeadline {
		p += b.fromHeadline
	} else if overlaps(headline, q.Text) {
		p += b.repeated
	}
	if strings.HasSuffix(strings.TrimSpace(q.Text), "?") {
		p += b.question
	}
	return p
}

// wholeClause reports whether q can stand alone: it opens with a capital or a
// bracketed word and was not woven into another sentence.
func wholeClause(q news.Quote) bool {
	if q.Kind == news.Mixed {
		return false
	}
	for _, r := range q.Text {
		return unicode.IsUpper(r) || unicode.IsDigit(r) || r == '[' || r == '\'' || r == '‘' || r == '“' || r == '¿' || r == '¡'
	}
	return false
}

// selfWords are how speakers mean themselves.
var selfWords = wordSet("i i'm i've i'd i'll me my mine myself we we're we've we'd we'll us our ours")

// opinionWords carry a judgement, a duty or a feeling.
var opinionWords = wordSet("must never always should shouldn't ought can't cannot won't believe think feel felt hope want need proud sorry afraid angry ashamed delighted disgrace disgraceful shame terrible horrible wonderful great best worst wrong right unacceptable outrageous tragedy tragic heartbroken heartbreaking devastated devastating brave courage love hate trust betrayed failed failure refuse demand deserve fight lies liar honest truth nobody everybody enough grateful thank thankful fear scared terrified hero heroes brilliant appalling dangerous stupid ridiculous fair unfair")

func wordSet(words string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// voice reports whether the words speak of the speaker, and whether they judge.
func voice(words []string) (self, opinion bool) {
	for _, w := range words {
		w = plainWord(w)
		self = self || selfWords[w]
		opinion = opinion || opinionWords[w]
	}
	return self, opinion
}

// plainWord folds case, apostrophes and edge marks.
func plainWord(w string) string {
	w = strings.ToLower(strings.ReplaceAll(w, "’", "'"))
	return strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// overlaps reports whether most of the longer words of the shorter text also
// stand in the other.
func overlaps(a, b string) bool {
	wa, wb := longWords(a), longWords(b)
	if len(wa) > len(wb) {
		wa, wb = wb, wa
	}
	if len(wa) == 0 {
		return false
	}
	common := 0
	for w := range wa {
		if wb[w] {
			common++
		}
	}
	return common*10 >= len(wa)*7
}

func longWords(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		if w = plainWord(w); len(w) >= 4 {
			m[w] = true
		}
	}
	return m
}
