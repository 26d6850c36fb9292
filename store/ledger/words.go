package ledger

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/news"
)

// MaxWord bounds a word by which a quote is found, in bytes. Longer ones are
// found by their beginning.
const MaxWord = 64

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// Words returns the words of a text in lower case.
func Words(s string) []string {
	list := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !inWord(r) })
	for i, w := range list {
		if len(w) <= MaxWord {
			continue
		}
		end := MaxWord
		for !utf8.RuneStart(w[end]) {
			end--
		}
		list[i] = w[:end]
	}
	return list
}

// QuoteWords returns the words a quote is found by, each once.
func QuoteWords(q *news.Quote) []string {
	return once(append(append(Words(q.Text), Words(q.Speaker)...), Words(q.Role)...))
}

// SpeakerWords returns the words of a quote's speaker and role, each once.
func SpeakerWords(q *news.Quote) []string {
	return once(append(Words(q.Speaker), Words(q.Role)...))
}

func once(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// HasWord reports whether a word of the list begins with prefix.
func HasWord(list []string, prefix string) bool {
	return slices.ContainsFunc(list, func(w string) bool { return strings.HasPrefix(w, prefix) })
}

// Holds reports whether a word of the name begins with prefix, which is in
// lower case and may go on over several words.
func Holds(name, prefix string) bool {
	within := false
	name = strings.ToLower(name)
	for i, r := range name {
		was := within
		within = inWord(r)
		if within && !was && strings.HasPrefix(name[i:], prefix) {
			return true
		}
	}
	return prefix == ""
}
