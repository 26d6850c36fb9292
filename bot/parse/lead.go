package parse

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// What stands above the text of an entry and is not part of it, where no class
// says what it is: the byline, the time, the headline again.

// maxLead is how many paragraphs are looked at.
const maxLead = 4

// dropLead takes the lines above the text off e. A byline that says so becomes
// the author, a time is only dropped: it was read elsewhere or is no time.
func (d *document) dropLead(e *news.Entry) {
	for range maxLead {
		first, rest, more := strings.Cut(e.Body, "\n\n")
		if !more || strings.Contains(first, "\n") {
			return
		}
		low := strings.ToLower(strings.Trim(first, " :"))
		who, says := ownByline(first)
		switch {
		case first == e.Headline, lonely[low], isAgo(low), d.isStamp(first):
		case says && e.Author == "":
			e.Author = who
		default:
			return
		}
		e.Body = rest
	}
}

var lonely = set("by von par por di door av autor autore author") //nolint:misspell // also German and Spanish

// bylined matches a line that says who wrote, in words or by a time behind it.
var bylined = regexp.MustCompile(`^(?:Posted by|Written by|By|BY|Von|Par|Por|Di|Door|Av) (\p{Lu}[^.:!?"“]{2,60})$`)

// ownByline reads a line that names the author and nothing else.
func ownByline(s string) (string, bool) {
	m := bylined.FindStringSubmatch(s)
	if m == nil || !isName(m[1]) {
		return "", false
	}
	return names(m[1]), true
}

// isName reports whether s looks like the names of people: up to eight words,
// of which those that are long begin with a capital.
func isName(s string) bool {
	n := 0
	for w := range strings.FieldsSeq(s) {
		first, _ := utf8.DecodeRuneInString(w)
		if n++; n > 8 || !unicode.IsUpper(first) && len(w) > 4 || strings.ContainsFunc(w, unicode.IsDigit) {
			return false
		}
	}
	return n >= 1
}

// isStamp reports whether a line is a time or a date and nothing else.
func (d *document) isStamp(s string) bool {
	if len(s) > 60 {
		return false
	}
	if c, ok := readClock(s); ok && c.len >= len(strings.TrimSpace(s)) {
		return true
	}
	if !strings.ContainsFunc(s, unicode.IsDigit) {
		return false
	}
	return !d.moment(s).IsZero()
}

// ago matches times counted back from the reading, which say nothing: "5 min
// ago", "vor 2 Stunden".
var ago = regexp.MustCompile(`^(?:(?:just now|gerade eben|\d{1,2} ?(?:s|sec|secs|seconds?|m|min|mins|minutes?|h|hr|hrs|hours?|d|days?) ago)|(?:vor|il y a|hace|há) \d{1,2} \p{L}{1,10}\.?|\d{1,2} \p{L}{1,10} (?:fa|geleden|sedan|temu|назад|önce))$`)

func isAgo(s string) bool { return len(s) < 40 && ago.MatchString(s) }

// recurringBylines takes the first lines of entries for their authors where no
// class names them: they look like names, most entries have one, and the same
// come again.
func (d *document) recurringBylines(entries []news.Entry) {
	seen := make(map[string]int)
	n := 0
	for i := range entries {
		if who := firstName(&entries[i]); who != "" {
			seen[who]++
			n++
		}
	}
	if n < 3 || n*2 < len(entries) || len(seen)*2 > n {
		return
	}
	for i := range entries {
		e := &entries[i]
		if who := firstName(e); who != "" {
			_, e.Body, _ = strings.Cut(e.Body, "\n\n")
			e.Author = who
			d.dropLead(e)
		}
	}
}

// firstName returns the first line of an entry without an author if it looks
// like a full name with text below.
func firstName(e *news.Entry) string {
	first, _, more := strings.Cut(e.Body, "\n\n")
	if !more || e.Author != "" || len(first) > 40 || !isName(first) || endsSentence(first) {
		return ""
	}
	if n := len(strings.Fields(first)); n < 2 || n > 4 {
		return ""
	}
	return first
}
