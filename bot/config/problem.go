package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Problem is one mistake in the file.
type Problem struct {
	File    string
	Line    int    // from 1; 0 means the file as a whole
	Column  int    // from 1, in characters
	Message string // what is wrong and what to write instead
	Text    string // the line, without what may be secret
}

// String returns "file:line:column: message", then the line with a mark below.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Text == "" {
		return s
	}
	// Tabs keep their width in the mark's line.
	pad := []rune(p.Text)
	pad = pad[:min(p.Column-1, len(pad))]
	for i, r := range pad {
		if r != '\t' {
			pad[i] = ' '
		}
	}
	return s + fmt.Sprintf("\n%5d | %s\n      | %s^", p.Line, p.Text, string(pad))
}

// An Error lists every mistake of a configuration, in the order of the file.
type Error struct {
	Problems []Problem // never empty
}

// Error returns the problems, one below the other.
func (e *Error) Error() string {
	list := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		list[i] = p.String()
	}
	return strings.Join(list, "\n")
}

// err returns the problems found so far as an *Error.
func (d *document) err() error {
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range d.problems {
		d.problems[i].Text = d.shown(d.problems[i])
	}
	return &Error{Problems: d.problems}
}

// maxProblems is as many as anybody reads.
const maxProblems = 100

// problem notes a mistake at v.
func (d *document) problem(v value, format string, args ...any) {
	d.problemAt(v.line, v.column, fmt.Sprintf(format, args...))
}

func (d *document) problemAt(line, column int, message string) {
	if len(d.problems) >= maxProblems {
		return
	}
	p := Problem{File: d.name, Line: line, Column: column, Message: maskTokens(message)}
	if line >= 1 && line <= len(d.lines) {
		p.Text = clip(maskLine(d.lines[line-1]))
	}
	d.problems = append(d.problems, p)
}

// hide leaves out the line from the column on, whatever problem it is shown
// for: what stands there may be a token.
func (d *document) hide(line, column int) {
	if d.hidden == nil {
		d.hidden = make(map[int]int)
	}
	if c, ok := d.hidden[line]; !ok || column < c {
		d.hidden[line] = column
	}
}

// shown returns the text of a problem's line without what is hidden.
func (d *document) shown(p Problem) string {
	column, ok := d.hidden[p.Line]
	runes := []rune(p.Text)
	if !ok || len(runes) < column {
		return p.Text
	}
	return string(runes[:column-1]) + redacted
}

// clip keeps a line that somebody pasted a page into readable.
func clip(line string) string {
	const most = 160
	if utf8.RuneCountInString(line) <= most {
		return line
	}
	return string([]rune(line)[:most]) + "…"
}

// What a token looks like, and where one is written by mistake.
var (
	slackToken   = regexp.MustCompile(`\b(xox[a-z]|xapp)-[^\s"']+`)
	discordToken = regexp.MustCompile(`\b[\w-]{20,}\.[\w-]{5,}\.[\w-]{20,}`)
	databaseUser = regexp.MustCompile(`(postgres(?:ql)?://)[^\s"']+@`)
	userInfo     = regexp.MustCompile(`//[^/@\s"']+@`)
	tokenKey     = regexp.MustCompile(`(?i)([\w-]*(?:token|secret|passw|api_?key|credential)[\w-]*["']?\s*[:=]\s*)([^\s,}&#]+|"[^"]*")`)
)

// maskTokens takes out of a text what looks like a token or a password.
func maskTokens(text string) string {
	text = slackToken.ReplaceAllString(text, redacted)
	text = discordToken.ReplaceAllString(text, redacted)
	text = databaseUser.ReplaceAllString(text, "${1}"+redacted+"@")
	return userInfo.ReplaceAllString(text, "//"+redacted+"@")
}

// maskLine takes out of a line of the file what may be secret, which includes
// whatever stands after a word such as token.
func maskLine(line string) string {
	return tokenKey.ReplaceAllStringFunc(maskTokens(line), func(m string) string {
		key := tokenKey.FindStringSubmatch(m)[1]
		name := strings.TrimRight(key, "\"' :=\t")
		if strings.HasSuffix(name, "_env") || strings.HasSuffix(name, "_file") {
			return m
		}
		return key + redacted
	})
}

// suggest returns `; did you mean "x"?` with the choice most like word, or ""
// if none is.
func suggest(word string, choices []string) string {
	best, least := "", len([]rune(word))/3+1
	for _, c := range choices {
		if n := distance(strings.ToLower(word), c); n <= least && (best == "" || n < least) {
			best, least = c, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the letters to add, drop, change or swap with their
// neighbour to turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return max(len(x), len(y))
	}
	prev, row := make([]int, len(y)+1), make([]int, len(y)+1)
	before := make([]int, len(y)+1) // the row before prev
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		before, prev, row = prev, row, before
		row[0] = i
		for j := 1; j <= len(y); j++ {
			change := prev[j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			row[j] = min(prev[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(y)]
}

// list writes words as in a sentence: a, b or c.
func list(words []string, conjunction string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
