package news

import (
	"slices"
	"strings"
	"unicode"
)

// maxSpellings is how many words may be spelt otherwise in a cosmetic change.
const maxSpellings = 2

// cosmetic reports whether a reader would not call it a change that prev
// became next. What may differ: white space, punctuation but question marks,
// case, typographic signs, descriptions and credits of media, bylines, links,
// and the spelling of at most maxSpellings words. In doubt it is none: a card
// that says UPDATED for nothing is a nuisance, one that changes its meaning in
// silence is a lie.
func cosmetic(prev, next *Entry) bool {
	return sameMedia(prev.Media, next.Media) && sameQuotes(prev.Quotes, next.Quotes) &&
		respelt(tokens(prev.Headline), tokens(next.Headline))+respelt(tokens(prev.Body), tokens(next.Body)) <= maxSpellings
}

// sameMedia reports whether a and b are the same pictures, whatever is said of
// them and wherever they are kept.
func sameMedia(a, b []Media) bool {
	paths := func(list []Media) []string {
		var out []string
		for _, m := range list {
			out = append(out, mediaPath(m.URL))
		}
		return out
	}
	return slices.Equal(paths(a), paths(b))
}

func sameQuotes(a, b []Quote) bool {
	stand := func(a, b []Quote) bool {
		return !slices.ContainsFunc(a, func(q Quote) bool { return !standsIn(q, b) })
	}
	return stand(a, b) && stand(b, a)
}

// respelt counts the words of a that are spelt otherwise in b, or returns more
// than maxSpellings if anything else differs. Order counts: who bites whom.
func respelt(a, b []token) int {
	const other = maxSpellings + 1
	if len(a) != len(b) {
		return other
	}
	n := 0
	for i := range a {
		if a[i].text == b[i].text {
			continue
		}
		if !sameWord(a[i], b[i]) {
			return other
		}
		n++
	}
	return n
}

// A token is a word, a number, or a sign that carries meaning.
type token struct {
	text    string // in lower case
	capital bool   // it begins with a capital
	word    bool   // a word of letters, not a number or sign
}

// tokens splits a text into what must stay for a change to be cosmetic. A
// number keeps what is inside it ("1,500", "10-12") and a minus before it;
// currencies and operators are tokens of their own.
func tokens(s string) []token {
	var out []token
	runes := []rune(s)
	for i := 0; i < len(runes); {
		n := 1
		switch r := runes[i]; {
		case unicode.IsLetter(r):
			n = wordLen(runes[i:])
			out = append(out, newWord(string(runes[i:i+n])))
		case unicode.IsNumber(r), isDash(r) && i+1 < len(runes) && unicode.IsNumber(runes[i+1]) && (i == 0 || unicode.IsSpace(runes[i-1])):
			n = numberLen(runes[i:])
			out = append(out, token{text: strings.Map(plainDash, strings.ToLower(string(runes[i:i+n])))})
		case unicode.Is(unicode.Sc, r), unicode.Is(unicode.Sm, r), strings.ContainsRune("%‰°", r):
			out = append(out, token{text: string(r)})
		case isQuestion(r):
			for i+n < len(runes) && isQuestion(runes[i+n]) {
				n++
			}
			out = append(out, token{text: "?"})
		}
		i += n
	}
	return out
}

func newWord(s string) token {
	first := []rune(s)[0]
	return token{
		text:    strings.ToLower(strings.ReplaceAll(s, "’", "'")),
		capital: unicode.IsUpper(first) || unicode.IsTitle(first),
		word:    !strings.ContainsFunc(s, unicode.IsNumber),
	}
}

// wordLen returns how many runes the word at the beginning of s has: letters,
// marks, digits, and apostrophes between letters.
func wordLen(s []rune) int {
	n := 1
	for ; n < len(s); n++ {
		apostrophe := (s[n] == '\'' || s[n] == '’') && n+1 < len(s) && unicode.IsLetter(s[n+1])
		if !unicode.In(s[n], unicode.L, unicode.M, unicode.N) && !apostrophe {
			break
		}
	}
	return n
}

// numberLen returns how many runes the number at the beginning of s has.
func numberLen(s []rune) int {
	n := 1
	for ; n < len(s); n++ {
		inside := strings.ContainsRune(".,:/'’", s[n]) || isDash(s[n])
		if !unicode.In(s[n], unicode.L, unicode.M, unicode.N) && (!inside || n+1 == len(s) || !unicode.IsNumber(s[n+1])) {
			break
		}
	}
	return n
}

func isDash(r rune) bool     { return unicode.Is(unicode.Pd, r) || r == '−' }
func isQuestion(r rune) bool { return strings.ContainsRune("?؟？;", r) } // U+037E is the Greek one

func plainDash(r rune) rune {
	if isDash(r) {
		return '-'
	}
	return r
}

// sameWord reports whether a and b are the same word, spelt right once and
// wrong the other time. Names, numbers and negations never are; nor are words
// that differ at their beginning ("hired", "fired") or their end ("raised",
// "raises"), where words of another meaning do.
func sameWord(a, b token) bool {
	if !a.word || !b.word || a.capital || b.capital || !alphabetic(a.text) || !alphabetic(b.text) {
		return false
	}
	if loaded(a.text) || loaded(b.text) {
		return false
	}
	x, y := []rune(a.text), []rune(b.text)
	if len(x) > len(y) {
		x, y = y, x
	}
	if x[0] != y[0] || len(y) < 3 {
		return false
	}
	if swapped(x, y) {
		return true
	}
	return len(x) >= 4 && len(y) >= 5 && x[len(x)-1] == y[len(y)-1] && oneApart(x, y)
}

// alphabetic reports whether s is of a script that puts blanks between words
// and in which a single letter is less than a word.
func alphabetic(s string) bool {
	for _, r := range s {
		if r != '\'' && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Inherited) {
			return false
		}
	}
	return true
}

// swapped reports whether y is x with two neighbouring letters exchanged.
func swapped(x, y []rune) bool {
	i := common(x, y)
	return len(x) == len(y) && i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && slices.Equal(x[i+2:], y[i+2:])
}

// oneApart reports whether x, not longer than y, becomes y by one letter more
// or one other letter.
func oneApart(x, y []rune) bool {
	i := common(x, y)
	switch len(y) - len(x) {
	case 0:
		return i < len(x) && slices.Equal(x[i+1:], y[i+1:])
	case 1:
		return slices.Equal(x[i:], y[i+1:])
	}
	return false
}

// common returns how many runes x and y begin with in common.
func common(x, y []rune) int {
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

// loaded reports whether w is a number in words or a negation.
func loaded(w string) bool {
	return strings.HasSuffix(w, "n't") || loadedWords[w]
}

// loadedWords are the negations and numbers of the languages most of the pages
// we read are in.
var loadedWords = setOf(negations + " " + numbers)

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

const (
	negations = `no not never none nothing nobody neither nor nowhere without cannot hardly barely unless except ne pas non
	jamais aucun aucune sans rien nicht nichts kein keine keinen keiner keines nie niemals ohne niemand nunca
	jamás sin ni nada nadie ningún ninguno ninguna mai senza nessuno nessuna niente não nem sem nenhum nenhuma
	niet geen nooit zonder niemand inte ingen inget aldrig utan ikke aldri uten nie bez не нет ни никто никогда
	без`
	numbers = `zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
	seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand
	thousands million millions billion billions trillion trillions dozen dozens half halves third thirds quarter
	quarters fourth fifth sixth seventh eighth ninth tenth first second double triple twice once both deux trois
	quatre cinq sept huit neuf onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante
	cent cents mille millier milliers milliard milliards eins zwei drei vier fünf sechs sieben acht neun zehn elf
	zwölf zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend dos tres cuatro cinco
	seis siete ocho nueve diez once doce veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien
	ciento miles millón millones tre quattro cinque sei sette otto nove dieci venti trenta quaranta cinquanta
	sessanta settanta ottanta novanta cento mila milione milioni miliardo miliardi dois duas três quatro sete oito
	dez vinte trinta quarenta cinquenta sessenta setenta oitenta noventa mil milhão milhões bilhão bilhões`
)
