package rules

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pullquote/pullquote/bot/news"
)

// Parse reads a filter. Its errors say where in the text, counted in
// characters from 1, and what to write instead. An empty text is the zero
// Filter.
func Parse(text string) (Filter, error) {
	if len(text) > MaxFilter {
		return Filter{}, fmt.Errorf("the filter is longer than %d bytes", MaxFilter)
	}
	text = strings.TrimSpace(strings.ToValidUTF8(text, ""))
	p := parser{text: []rune(text)}
	if p.skip(); p.end() {
		return Filter{}, nil
	}
	root, err := p.either(0)
	if err == nil && !p.end() {
		err = p.fail("there is no ( for this )")
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{text: text, root: root}, nil
}

// A parser reads a filter from left to right.
type parser struct {
	text  []rune
	at    int
	terms int
}

func (p *parser) end() bool { return p.at >= len(p.text) }

func (p *parser) peek() rune {
	if p.end() {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) skip() {
	for !p.end() && unicode.IsSpace(p.text[p.at]) {
		p.at++
	}
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("character %d of the filter: %s", p.at+1, fmt.Sprintf(format, args...))
}

// keyword eats word if it stands here by itself.
func (p *parser) keyword(word string) bool {
	end := p.at + len(word)
	if end > len(p.text) || string(p.text[p.at:end]) != word {
		return false
	}
	if end < len(p.text) && !unicode.IsSpace(p.text[end]) && p.text[end] != '(' {
		return false
	}
	p.at = end
	p.skip()
	return true
}

// either reads terms joined by OR.
func (p *parser) either(depth int) (term, error) {
	if depth > maxDepth {
		return nil, p.fail("more than %d parentheses inside one another", maxDepth)
	}
	var list either
	for {
		t, err := p.all(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if !p.keyword("OR") {
			break
		}
	}
	if len(list) == 1 {
		return list[0], nil
	}
	return list, nil
}

// all reads terms that must all hold.
func (p *parser) all(depth int) (term, error) {
	var list all
	for {
		p.skip()
		if p.end() || p.peek() == ')' || p.atOr() {
			break
		}
		if len(list) > 0 {
			p.keyword("AND")
		}
		t, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	switch len(list) {
	case 0:
		return nil, p.fail("something to look for is missing")
	case 1:
		return list[0], nil
	}
	return list, nil
}

// atOr reports whether OR stands here, without eating it.
func (p *parser) atOr() bool {
	at := p.at
	ok := p.keyword("OR")
	p.at = at
	return ok
}

func (p *parser) unary(depth int) (term, error) {
	if p.keyword("NOT") {
		return p.negated(depth)
	}
	if p.peek() == '-' {
		p.at++
		return p.negated(depth)
	}
	if p.peek() == '(' {
		return p.group(depth)
	}
	return p.leaf()
}

func (p *parser) negated(depth int) (term, error) {
	if p.end() || unicode.IsSpace(p.peek()) {
		return nil, p.fail("what is to be left out stands right after the minus sign")
	}
	var t term
	var err error
	if p.peek() == '(' {
		t, err = p.group(depth)
	} else {
		t, err = p.leaf()
	}
	if err != nil {
		return nil, err
	}
	return not{t}, nil
}

func (p *parser) group(depth int) (term, error) {
	open := p.at
	p.at++
	t, err := p.either(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.peek() != ')' {
		p.at = open
		return nil, p.fail("there is no ) for this (")
	}
	p.at++
	return t, nil
}

// fields are what may stand before a colon.
const fields = "headline, speaker, author, tag, source, is, has, newer and re"

// leaf reads a word, a phrase, a field or an expression.
func (p *parser) leaf() (term, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, p.fail("more than %d terms", maxTerms)
	}
	begin := p.at
	if p.peek() == '"' || p.peek() == '“' {
		phrase, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.words(begin, phrase, false)
	}
	name := p.until(":")
	if p.peek() != ':' {
		return p.words(begin, name, false)
	}
	p.at++
	field := strings.ToLower(name)
	if field == "re" {
		return p.regexp()
	}
	var value string
	var err error
	if p.peek() == '"' || p.peek() == '“' {
		value, err = p.quoted()
	} else {
		value = p.until("")
	}
	if err != nil {
		return nil, err
	}
	t, err := p.field(begin, field, value)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// until reads up to a blank, a parenthesis or one of stops.
func (p *parser) until(stops string) string {
	begin := p.at
	for !p.end() {
		r := p.text[p.at]
		if unicode.IsSpace(r) || r == '(' || r == ')' || strings.ContainsRune(stops, r) {
			break
		}
		p.at++
	}
	return string(p.text[begin:p.at])
}

func (p *parser) quoted() (string, error) {
	open := p.at
	p.at++
	begin := p.at
	for !p.end() && p.text[p.at] != '"' && p.text[p.at] != '”' {
		p.at++
	}
	if p.end() {
		p.at = open
		return "", p.fail("this quotation mark is not closed")
	}
	s := string(p.text[begin:p.at])
	p.at++
	return s, nil
}

// regexp reads /…/; a slash inside is written \/.
func (p *parser) regexp() (term, error) {
	if p.peek() != '/' {
		return nil, p.fail("an expression is written re:/…/")
	}
	open := p.at
	p.at++
	var sb strings.Builder
	for !p.end() && p.text[p.at] != '/' {
		if p.text[p.at] == '\\' && p.at+1 < len(p.text) && p.text[p.at+1] == '/' {
			p.at++
		} else if p.text[p.at] == '\\' && p.at+1 < len(p.text) {
			sb.WriteRune(p.text[p.at])
			p.at++
		}
		sb.WriteRune(p.text[p.at])
		p.at++
	}
	if p.end() {
		p.at = open
		return nil, p.fail("this expression is not closed with /")
	}
	p.at++
	pattern := sb.String()
	if len(pattern) > maxRegexp {
		p.at = open
		return nil, p.fail("the expression is longer than %d bytes", maxRegexp)
	}
	re, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		p.at = open
		return nil, p.fail("the expression cannot be used: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if heavy(pattern) {
		p.at = open
		return nil, p.fail("the expression repeats too much: it would take too long on every update")
	}
	return leaf{
		yes: "matches /" + pattern + "/", no: "does not match /" + pattern + "/",
		test: func(s *subject) bool {
			text := s.entry.Headline + "\n\n" + s.entry.Body
			return re.MatchString(text[:min(len(text), maxMatched)])
		},
	}, nil
}

// heavy reports whether an expression is short to write and long to run:
// a{1000}a{1000}.
func heavy(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return true
	}
	prog, err := syntax.Compile(re.Simplify())
	return err != nil || len(prog.Inst) > maxProgram
}

// words makes a leaf of words in a row.
func (p *parser) words(begin int, written string, headline bool) (term, error) {
	phrase, open := split(written)
	if len(phrase) == 0 {
		p.at = begin
		return nil, p.fail("there is no word in “%s”", written)
	}
	return phraseLeaf(written, phrase, open, headline), nil
}

// split returns the words of a value and whether its last is a beginning only.
func split(value string) (words []string, open bool) {
	value = strings.TrimSpace(value)
	return wordsOf(value), strings.HasSuffix(value, "*")
}

func (p *parser) field(begin int, field, value string) (term, error) {
	if field == "headline" {
		return p.words(begin, value, true)
	}
	name, open := split(value)
	if len(name) == 0 {
		p.at = begin
		return nil, p.fail("%s: has nothing after it", field)
	}
	switch field {
	case "speaker":
		return nameLeaf("speaker", value, name, open, speakers), nil
	case "author":
		return nameLeaf("author", value, name, open, authors), nil
	case "tag":
		return nameLeaf("tag", value, name, open, tags), nil
	case "source":
		return leaf{
			yes: "source " + value, no: "not source " + value,
			test: func(s *subject) bool { return strings.EqualFold(string(s.entry.Source), value) },
		}, nil
	case "is", "has":
		return p.quality(begin, field, strings.ToLower(value))
	case "newer":
		d, err := age(value)
		if err != nil {
			p.at = begin
			return nil, p.fail("%v", err)
		}
		return newerLeaf(d), nil
	}
	p.at = begin
	return nil, p.fail("there is no field “%s”; there are %s. Words with a colon in them go in quotation marks", field, fields)
}

func (p *parser) quality(begin int, field, value string) (term, error) {
	q := leaf{yes: field + " " + value, no: field + " no " + value}
	switch field + ":" + value {
	case "is:key":
		q.yes, q.no = "is a key event", "is no key event"
		q.test = func(s *subject) bool { return s.entry.Key }
	case "is:correction":
		q.yes, q.no = "is a correction", "is no correction"
		q.test = func(s *subject) bool { return s.entry.Status == news.Corrected }
	case "has:quote":
		q.test = func(s *subject) bool { return len(s.entry.Quotes) > 0 }
	case "has:image":
		q.test = func(s *subject) bool {
			for _, m := range s.entry.Media {
				if m.Kind == news.Image {
					return true
				}
			}
			return false
		}
	case "has:headline":
		q.test = func(s *subject) bool { return s.entry.Headline != "" }
	default:
		p.at = begin
		return nil, p.fail("there is no %s:%s; there are is:key, is:correction, has:quote, has:image and has:headline", field, value)
	}
	return q, nil
}

var errAge = errors.New("newer: takes an age such as 30m, 2h or 1d")

// maxAge bounds an age; older news is none.
const maxAge = 365 * 24 * time.Hour

// age reads "30m", "2h" or "1d".
func age(s string) (time.Duration, error) {
	if len(s) < 2 {
		return 0, errAge
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	if err != nil || n < 1 || unit == 0 || n > int(maxAge/unit) {
		return 0, errAge
	}
	return time.Duration(n) * unit, nil
}
