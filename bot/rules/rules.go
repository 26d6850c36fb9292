// Package rules holds what a reader of a channel asks of the bot: a [Filter]
// that says which entries it wants, and [Hours] in which it wants to be left
// alone. Everything here is pure: no I/O, no clock of its own, safe for
// concurrent use.
//
// A filter is written as people search:
//
//	bridge ferry                     both words
//	bridge OR ferry                  either
//	bridge -ferry                    the first without the second
//	(bridge OR ferry) -"open letter" groups, and words in a row
//	speaker:"Mara Lindqvist"         who is quoted
//	author:desk tag:sport source:harbour-bridge
//	headline:closed                  in the headline only
//	is:key has:quote has:image       what it is, what it has
//	newer:2h                         published at most that long before it was first seen
//	re:/flood(s|ed)?/                a regular expression (RE2)
//
// Words are whole words, any case; a star at the end stands for any ending
// ("flood*"). Names match where all their words occur. Blanks mean "and", which
// binds closer than OR; AND and NOT may be written too.
package rules

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/pullquote/pullquote/bot/news"
)

// The bounds of a filter. RE2 takes time linear in text and pattern, so both
// are bounded and nothing else needs to be.
const (
	MaxFilter  = 1000     // bytes of a filter as written
	maxTerms   = 50       // words, fields and expressions in it
	maxDepth   = 10       // of parentheses
	maxRegexp  = 200      // bytes of one expression
	maxProgram = 2000     // instructions of one, compiled
	maxMatched = 4 << 10  // bytes of an entry's text that one sees
	maxText    = 16 << 10 // bytes of an entry's text in which words are looked for
)

// A Filter says which entries are wanted. The zero Filter wants all.
type Filter struct {
	text string
	root term // nil wants all
}

// A Verdict says whether an entry is wanted and which part of the filter
// decided it.
type Verdict struct {
	Wanted bool
	Why    string // `has "ferry", which -ferry excludes`; "" for the zero Filter
}

// String returns the filter as it was written.
func (f Filter) String() string { return f.text }

// IsZero reports whether the filter wants everything.
func (f Filter) IsZero() bool { return f.root == nil }

// Match decides about an entry.
func (f Filter) Match(e *news.Entry) Verdict {
	if f.root == nil {
		return Verdict{Wanted: true}
	}
	ok, why := f.root.match(newSubject(e))
	return Verdict{Wanted: ok, Why: why}
}

// A term is a node of a filter. why names the part that decided.
type term interface {
	match(s *subject) (ok bool, why string)
}

// A subject is an entry with its words ready to be searched.
type subject struct {
	entry    *news.Entry
	headline []string
	words    []string // headline and body
}

func newSubject(e *news.Entry) *subject {
	s := &subject{entry: e, headline: wordsOf(e.Headline)}
	s.words = append(append(append([]string(nil), s.headline...), gap), wordsOf(e.Body)...)
	return s
}

// gap stands between texts that no phrase may span; it is no word.
const gap = "\x00"

// wordsOf returns the words of a text in lower case: runs of letters, marks and
// digits, with apostrophes inside them straightened.
func wordsOf(text string) []string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '’' || r == 'ʼ':
			return '\''
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || r == '\'':
			return unicode.ToLower(r)
		}
		return ' '
	}, text)
	var words []string
	for w := range strings.FieldsSeq(text) {
		if w = strings.Trim(w, "'"); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// holds reports whether the words stand in text in a row. The last may end in
// a star.
func holds(text, phrase []string, open bool) bool {
	if len(phrase) == 0 {
		return true
	}
	for i := 0; i+len(phrase) <= len(text); i++ {
		if startsWith(text[i:], phrase, open) {
			return true
		}
	}
	return false
}

func startsWith(text, phrase []string, open bool) bool {
	for i, w := range phrase {
		if open && i == len(phrase)-1 {
			return strings.HasPrefix(text[i], w)
		}
		if text[i] != w {
			return false
		}
	}
	return true
}

// named reports whether every word of a name occurs in text, in any order.
func named(text string, name []string, open bool) bool {
	words := wordsOf(text)
	for i, w := range name {
		if !holds(words, []string{w}, open && i == len(name)-1) {
			return false
		}
	}
	return true
}

type all []term

func (a all) match(s *subject) (bool, string) {
	var whys []string
	for _, t := range a {
		ok, why := t.match(s)
		if !ok {
			return false, why
		}
		whys = append(whys, why)
	}
	return true, strings.Join(whys, ", ")
}

type either []term

func (o either) match(s *subject) (bool, string) {
	var whys []string
	for _, t := range o {
		ok, why := t.match(s)
		if ok {
			return true, why
		}
		whys = append(whys, why)
	}
	return false, strings.Join(whys, ", ")
}

type not struct{ term }

func (n not) match(s *subject) (bool, string) {
	ok, why := n.term.match(s)
	if ok {
		return false, why + ", which the filter leaves out"
	}
	return true, why
}

// A leaf is a single condition with its name for people.
type leaf struct {
	yes, no string
	test    func(s *subject) bool
}

func (l leaf) match(s *subject) (bool, string) {
	if l.test(s) {
		return true, l.yes
	}
	return false, l.no
}

func phraseLeaf(written string, phrase []string, open bool, headline bool) leaf {
	where := ""
	if headline {
		where = " in the headline"
	}
	return leaf{
		yes: fmt.Sprintf("has “%s”%s", written, where), no: fmt.Sprintf("has no “%s”%s", written, where),
		test: func(s *subject) bool {
			if headline {
				return holds(s.headline, phrase, open)
			}
			return holds(s.words, phrase, open)
		},
	}
}

// nameLeaf looks for a name among what of returns.
func nameLeaf(what, written string, name []string, open bool, of func(e *news.Entry) []string) leaf {
	return leaf{
		yes: fmt.Sprintf("%s “%s”", what, written), no: fmt.Sprintf("no %s “%s”", what, written),
		test: func(s *subject) bool {
			for _, v := range of(s.entry) {
				if named(v, name, open) {
					return true
				}
			}
			return false
		},
	}
}

func speakers(e *news.Entry) (list []string) {
	for _, q := range e.Quotes {
		if q.Confidence != news.Low && q.Speaker != "" {
			list = append(list, q.Speaker+" "+q.Role)
		}
	}
	return list
}

func authors(e *news.Entry) []string { return []string{e.Author} }

func tags(e *news.Entry) []string { return e.Tags }

// newerLeaf wants entries that were no older than d when they were first seen.
func newerLeaf(d time.Duration) leaf {
	return leaf{
		yes: "is newer than " + short(d), no: "was older than " + short(d) + " when it was first seen",
		test: func(s *subject) bool {
			e := s.entry
			return e.Published.IsZero() || e.FirstSeen.IsZero() || e.FirstSeen.Sub(e.Published) <= d
		},
	}
}

// short writes a duration without its zeroes.
func short(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
