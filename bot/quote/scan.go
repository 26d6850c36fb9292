package quote

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A tok is a word, a punctuation mark, or a whole quoted region.
type tok struct {
	start, end int32
	cls        class
	sent, par  int32
	reg        int32 // index of its region, -1 for others
	begins     int32 // mention that starts here, the longest; -1
	ends       int32 // mention that ends with this token, the longest; -1
	p          byte  // 0 for words, 'Q' for regions, else the mark: , . : ; - ( ) ? ! / 's' for a possessive
	capital    bool
	upper      bool // all capitals, two letters or more
	first      bool // the first word of its sentence
}

func (t *tok) word() bool { return t.p == 0 }

// A sent is a sentence: tokens from, to (exclusive).
type sent struct{ from, to, par int32 }

// A par is a paragraph.
type par struct {
	start, end int32
	from, to   int32 // tokens
	sent, last int32 // sentences, last exclusive
	headline   bool
	titleCase  bool // a headline that capitalises every word
	section    int32
}

// A doc is a text taken apart.
type doc struct {
	text  string
	pars  []par
	regs  []region
	toks  []tok
	sents []sent
	ments []mention

	people  []person
	spoke   []int32          // by region: the mention that was found to speak, -1
	byLast  map[string]int32 // last name → newest person of that name
	facts   []fact
	english bool
	elder   []*digest     // older entries of the page, nearest first; nil for a lone text
	said    []utterance   // who spoke so far
	only    []soleSpeaker // by section of a live text
	fuel    int           // steps left for the quote at hand
}

// A headKind says whether the first paragraph of a text is a headline.
type headKind uint8

const (
	maybeHeaded headKind = iota
	headed
	headless
)

// newDoc takes text apart.
func newDoc(text string, head headKind) *doc {
	d := &doc{text: text}
	d.pars = make([]par, 0, len(text)/160+2)
	d.split()
	d.toks = make([]tok, 0, len(text)/5+8)
	d.sents = make([]sent, 0, len(text)/80+len(d.pars)+1)
	d.regs = make([]region, 0, strings.Count(text, "\"")/2+len(text)/400+2)
	for i := range d.pars {
		p := &d.pars[i]
		first := len(d.regs)
		d.regs = pair(text, int(p.start), int(p.end), int32(i), d.regs)
		if len(d.regs) == first && i+1 < len(d.pars) && attributionLine(text[d.pars[i+1].start:d.pars[i+1].end]) && !attributionLine(text[p.start:p.end]) {
			d.regs = append(d.regs, region{open: p.start, end: p.end, start: p.start, stop: p.end, par: int32(i), block: true})
		}
		d.tokenise(i, first)
	}
	d.headlines(head)
	d.english = d.looksEnglish()
	return d
}

// split finds the paragraphs. A blank line ends one; so does a line end after
// a finished sentence or a short line. Other line ends are plain blanks, for
// text that was wrapped by hand.
func (d *doc) split() {
	text := d.text
	start := 0
	flush := func(end int) {
		s, e := start, end
		for s < e && isBlank(text[s]) {
			s++
		}
		for e > s && isBlank(text[e-1]) {
			e--
		}
		if s < e {
			d.pars = append(d.pars, par{start: int32(s), end: int32(e)})
		}
		start = end
	}
	line := 0
	for i := 0; i < len(text); {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			break
		}
		nl := i + n
		if endsPar(text[line:nl], text[nl+1:]) {
			flush(nl)
		}
		line, i = nl+1, nl+1
	}
	flush(len(text))
}

// endsPar reports whether the line end between line and rest ends a paragraph.
func endsPar(line, rest string) bool {
	line = strings.TrimRight(line, " \t\r")
	if len(line) < 50 || strings.TrimLeft(rest, " \t\r") == "" || rest[0] == '\n' || rest[0] == '\r' {
		return true
	}
	if strings.HasPrefix(strings.TrimLeft(rest, " \t"), "\n") {
		return true
	}
	last, _ := utf8.DecodeLastRuneInString(line)
	return strings.ContainsRune(".?!:…\"”’»'“", last) || len(line) > 120
}

// tokenise appends the tokens and sentences of paragraph i, whose regions
// start at d.regs[r].
func (d *doc) tokenise(i, r int) {
	p := &d.pars[i]
	p.from, p.sent = int32(len(d.toks)), int32(len(d.sents))
	begin := int32(len(d.toks))
	pos, end := int(p.start), int(p.end)
	for pos < end {
		if r < len(d.regs) && int(d.regs[r].open) == pos {
			d.regs[r].tok = int32(len(d.toks))
			d.push(tok{start: d.regs[r].open, end: d.regs[r].end, p: 'Q', reg: int32(r)}, i)
			pos = int(d.regs[r].end)
			if d.regionEnds(r, pos, end) {
				begin = d.cut(begin, i)
			}
			r++
			continue
		}
		stop := end
		if r < len(d.regs) {
			stop = min(stop, int(d.regs[r].open))
		}
		next, ended := d.token(pos, stop, end, i)
		pos = next
		if ended {
			begin = d.cut(begin, i)
		}
	}
	d.cut(begin, i)
	p.to, p.last = int32(len(d.toks)), int32(len(d.sents))
}

func (d *doc) push(t tok, par int) {
	t.par, t.sent = int32(par), int32(len(d.sents))
	t.begins, t.ends = -1, -1
	d.toks = append(d.toks, t)
}

// cut ends the sentence that began at token begin.
func (d *doc) cut(begin int32, par int) int32 {
	if int(begin) == len(d.toks) {
		return begin
	}
	for i := begin; i < int32(len(d.toks)); i++ {
		if d.toks[i].word() {
			d.toks[i].first = true
			break
		}
	}
	d.sents = append(d.sents, sent{begin, int32(len(d.toks)), int32(par)})
	return int32(len(d.toks))
}

// regionEnds reports whether region r, which ends at pos, ends its sentence
// too.
func (d *doc) regionEnds(r, pos, end int) bool {
	reg := &d.regs[r]
	last := d.text[reg.stop-1]
	if strings.HasSuffix(d.text[reg.start:reg.stop], "…") {
		last = '.'
	}
	if last != '.' && last != '?' && last != '!' {
		return false
	}
	rest := d.text[pos:end]
	trimmed := strings.TrimLeft(rest, " \t\r\n\u00a0")
	if len(trimmed) == len(rest) || trimmed == "" {
		return trimmed == ""
	}
	c, _ := utf8.DecodeRuneInString(trimmed)
	if k, _ := markAt(trimmed, 0); k != noMark {
		return true
	}
	if !unicode.IsUpper(c) && !unicode.IsDigit(c) {
		return false
	}
	if last == '.' && !strings.HasSuffix(d.text[reg.start:reg.stop], "...") {
		return true
	}
	return !tailFollows(trimmed)
}

// tailFollows reports whether text opens with the tail of the sentence before:
// a name and a reporting verb, as in "Who knows?" Ann Bell asked.
func tailFollows(text string) bool {
	for n := 0; n < 5 && text != ""; n++ {
		end := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' && r != '\'' && r != '’' && r != '.' })
		if end < 0 {
			end = len(text)
		}
		if end == 0 {
			return false
		}
		w := strings.TrimSuffix(text[:end], ".")
		if w == "" {
			return false
		}
		c := classOf(w)
		rest := strings.TrimLeft(text[end:], " ")
		if n > 0 && w[0] >= 'a' && reportsSpeech(w, c, rest, end == len(text) || text[end-1] == '.' || strings.IndexByte(",\n", text[end]) >= 0) {
			return true
		}
		first, _ := utf8.DecodeRuneInString(w)
		if n > 0 && !unicode.IsUpper(first) && c&(clRole|clAdv|clOrg) == 0 {
			return false
		}
		text = rest
	}
	return false
}

// reportsSpeech reports whether the word w of class c, followed by rest, is
// the verb of a tail. final says that its clause ends with it.
func reportsSpeech(w string, c class, rest string, final bool) bool {
	if c&clSay != 0 || final && c&clCue != 0 {
		return true
	}
	next, _, _ := strings.Cut(rest, " ")
	return c&anyVerb != 0 && phrasal(w, strings.TrimRight(next, ".,\n"))
}

// token reads one token at pos; nothing at or behind stop belongs to it. It
// returns the next position and whether the sentence ended.
func (d *doc) token(pos, stop, end, par int) (int, bool) {
	c := d.text[pos]
	switch {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		return pos + 1, false
	case c < utf8.RuneSelf && !isWordByte(c):
		return d.mark(pos, stop, end, par)
	case c >= utf8.RuneSelf:
		r, n := utf8.DecodeRuneInString(d.text[pos:stop])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return d.wideMark(r, pos, n, par)
		}
	}
	return d.wordTok(pos, stop, par), false
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '@' || c == '#' || c == '$' || c == '&'
}

// wordTok reads the word at pos and what is attached to it.
func (d *doc) wordTok(pos, stop, par int) int {
	i, letters, uppers := d.wordEnd(pos, stop)
	if i == pos { // a lone sign such as a combining mark
		_, n := utf8.DecodeRuneInString(d.text[pos:stop])
		return pos + max(n, 1)
	}
	w := d.text[pos:i]
	t := tok{start: int32(pos), end: int32(i), reg: -1, cls: classOf(strings.TrimSuffix(w, "."))}
	t.capital = 'A' <= w[0] && w[0] <= 'Z' || w[0] == '@'
	if w[0] >= utf8.RuneSelf {
		r, _ := utf8.DecodeRuneInString(w)
		t.capital = unicode.IsUpper(r)
	}
	t.upper = uppers >= 2 && uppers == letters
	if w[0] >= '0' && w[0] <= '9' || w[0] == '$' {
		t.cls |= clNum
	}
	if t.cls == 0 && !t.capital {
		t.cls = guess(w)
	}
	d.push(t, par)
	return d.possessive(i, stop, par)
}

// wordEnd returns where the word at pos ends, and how many letters and
// capitals it has.
func (d *doc) wordEnd(pos, stop int) (i, letters, uppers int) {
	text := d.text
	for i = pos; i < stop; {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			letters++
			i++
		case 'A' <= c && c <= 'Z':
			letters++
			uppers++
			i++
		case c == '@' || c == '#' || c == '$' || c == '&' || c == '_':
			i++
		case c == '-' || c == '\'':
			if i+1 >= stop || i == pos || !isLetterAt(text, i+1) || c == '\'' && possessiveAt(text, i, 1, stop) {
				return i, letters, uppers
			}
			i++
		case c == '.':
			if !d.innerStop(pos, i, stop) {
				return i, letters, uppers
			}
			i++
		case c < utf8.RuneSelf:
			return i, letters, uppers
		default:
			n, upper := wideLetter(text, i, stop)
			if n == 0 {
				return i, letters, uppers
			}
			letters++
			uppers += upper
			i += n
		}
	}
	return i, letters, uppers
}

// wideLetter returns the length of the letter, digit, combining mark or inner
// apostrophe at i, 0 if none stands there, and 1 for a capital.
func wideLetter(text string, i, stop int) (n, upper int) {
	if strings.HasPrefix(text[i:stop], "’") {
		if i+3 >= stop || !isLetterAt(text, i+3) || possessiveAt(text, i, 3, stop) {
			return 0, 0
		}
		return 3, 0
	}
	r, n := utf8.DecodeRuneInString(text[i:stop])
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
		return 0, 0
	}
	if unicode.IsUpper(r) {
		upper = 1
	}
	return n, upper
}

// guess returns the class of an unknown word in small letters by its ending.
func guess(w string) class {
	n := len(w)
	switch {
	case n > 4 && strings.HasSuffix(w, "ly"):
		return clAdv
	case n > 4 && strings.HasSuffix(w, "ed"):
		return clVerb | clPart
	case n > 5 && strings.HasSuffix(w, "ing"):
		return clVerb | clIng
	case n > 5 && (strings.HasSuffix(w, "ists") || strings.HasSuffix(w, "ians")):
		return clGroup
	case n > 5 && (strings.HasSuffix(w, "ist") || strings.HasSuffix(w, "ologist") || strings.HasSuffix(w, "woman") || strings.HasSuffix(w, "person")):
		return clRole
	}
	return 0
}

// possessive reads 's or a bare ' after a word at i.
func (d *doc) possessive(i, stop, par int) int {
	rest := d.text[i:stop]
	n := 0
	switch {
	case strings.HasPrefix(rest, "'"):
		n = 1
	case strings.HasPrefix(rest, "’"):
		n = 3
	default:
		return i
	}
	if !possessiveAt(d.text, i, n, stop) {
		if d.text[i-1] == 's' || d.text[i-1] == 'S' { // the drivers' lot
			d.push(tok{start: int32(i), end: int32(i + n), p: 's', reg: -1}, par)
		}
		return i + n
	}
	d.push(tok{start: int32(i), end: int32(i + n + 1), p: 's', reg: -1}, par)
	return i + n + 1
}

// possessiveAt reports whether 's stands at i, whose apostrophe has n bytes.
func possessiveAt(text string, i, n, stop int) bool {
	if i+n >= stop || text[i+n] != 's' && text[i+n] != 'S' {
		return false
	}
	return i+n+1 >= stop || !isLetterAt(text, i+n+1)
}

func isLetterAt(text string, i int) bool {
	c := text[i]
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	}
	r, _ := utf8.DecodeRuneInString(text[i:])
	return unicode.IsLetter(r)
}

// innerStop reports whether the full stop at i belongs to the word that began
// at pos: U.S., a.m., J., Mr., example.org, 3.5.
func (d *doc) innerStop(pos, i, stop int) bool {
	if i+1 < stop && isLetterAt(d.text, i+1) {
		return true
	}
	if i-pos == 1 && d.text[pos] >= 'A' && d.text[pos] <= 'Z' && d.text[pos] != 'I' {
		return true
	}
	w := d.text[pos:i]
	if strings.IndexByte(w, '.') >= 0 && len(w) <= 5 { // U.S. p.m.
		return true
	}
	return abbreviations[w]
}

// abbreviations keep their full stop.
var abbreviations = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq("Del Mr Mrs Ms Dr Sen Rep Gov Gen Col Capt Lt Sgt Cpl St Jr Sr Prof Rev Hon Sens Reps Govs Drs Messrs Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Inc Corp Co Ltd vs Vs Cllr Det Supt Insp Adm Maj Cmdr Pte Ald Asst Ariz Ark Calif Colo Conn Fla Ill Ind Kan Ky Mass Mich Minn Miss Mont Neb Nev Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo Bros Mt Ft No Ph etc Mme Mlle") {
		m[w] = true
	}
	return m
}()

// mark reads the ASCII punctuation at pos.
func (d *doc) mark(pos, stop, end, par int) (int, bool) {
	c := d.text[pos]
	t := tok{start: int32(pos), end: int32(pos + 1), p: c, reg: -1}
	switch c {
	case '.', '?', '!':
		i := pos
		for i < stop && (d.text[i] == '.' || d.text[i] == '?' || d.text[i] == '!') {
			i++
		}
		t.end = int32(i)
		d.push(t, par)
		return d.closers(i, stop, end, par)
	case '-':
		i := pos
		for i < stop && d.text[i] == '-' {
			i++
		}
		t.end = int32(i)
		d.push(t, par)
		return i, false
	case '\'', '`', '"', '*', '_', '^', '~', '\\':
		return pos + 1, false
	case '[':
		t.p = '('
	case ']':
		t.p = ')'
	}
	d.push(t, par)
	return pos + 1, false
}

// closers reads the brackets that close right after a full stop at i: they
// still belong to its sentence.
func (d *doc) closers(i, stop, end, par int) (int, bool) {
	for i < stop && strings.IndexByte(")]'\"", d.text[i]) >= 0 {
		if c := d.text[i]; c == ')' || c == ']' {
			d.push(tok{start: int32(i), end: int32(i + 1), p: ')', reg: -1}, par)
		}
		i++
	}
	return i, d.newSentence(i, end)
}

// newSentence reports whether a sentence can begin at i: at the end, or after
// a blank with a capital, digit or mark.
func (d *doc) newSentence(i, end int) bool {
	rest := d.text[i:end]
	trimmed := strings.TrimLeft(rest, " \t\r\n\u00a0")
	if trimmed == "" {
		return true
	}
	if k, _ := markAt(trimmed, 0); len(trimmed) < len(rest) && k != noMark {
		return true
	}
	c, _ := utf8.DecodeRuneInString(trimmed)
	return len(trimmed) < len(rest) && (unicode.IsUpper(c) || unicode.IsDigit(c) || c == '@' || c == '[' || c == '(')
}

// wideMark reads the punctuation rune r of n bytes at pos.
func (d *doc) wideMark(r rune, pos, n, par int) (int, bool) {
	t := tok{start: int32(pos), end: int32(pos + n), reg: -1}
	switch r {
	case '–', '—', '―', '•':
		t.p = '-'
	case '…':
		t.p = '.'
	case '„', '“', '”', '‘', '’', '‚', '«', '»', '\u00a0', '\u2009', '\u202f', '\u200b', '\ufeff':
		return pos + n, false
	default:
		t.p = '*'
	}
	d.push(t, par)
	return pos + n, false
}

// headlines marks the paragraphs that are headlines, and numbers sections: a
// section is what stands under one headline.
func (d *doc) headlines(head headKind) {
	section := int32(0)
	for i := range d.pars {
		p := &d.pars[i]
		if i == 0 && head == headed || (i > 0 || head == maybeHeaded) && d.shapedAsHeadline(i) {
			p.headline = true
			section++
		}
		p.titleCase = p.end-p.start <= 160 && d.isTitleCase(p)
		p.section = section
	}
}

// shapedAsHeadline reports whether paragraph i looks like a headline: short,
// one sentence without a full stop, and followed by a longer paragraph that
// ends like prose.
func (d *doc) shapedAsHeadline(i int) bool {
	p := &d.pars[i]
	n := int(p.end - p.start)
	if n > 140 || n < 8 || i+1 >= len(d.pars) || p.last-p.sent != 1 {
		return false
	}
	last := d.text[p.end-1]
	if i > 0 && strings.IndexByte(".:;,", last) >= 0 || i == 0 && last == ':' || last == 0x9D || last == '"' { // a line of speech
		return false
	}
	if c, _ := utf8.DecodeRuneInString(d.text[p.start:p.end]); !unicode.IsUpper(c) && c != '\'' && c != '‘' && !unicode.IsDigit(c) {
		return false
	}
	if strings.Contains(d.text[p.start:p.end], "Credit:") {
		return false
	}
	if p.to-p.from < 4 && !(i == 0 && d.toks[p.from].p == 'Q') {
		return false
	}
	q := &d.pars[i+1]
	return q.end-q.start > p.end-p.start || q.last-q.sent > 1 || d.text[q.end-1] == '.'
}

// isTitleCase reports whether nearly every long word of p has a capital.
func (d *doc) isTitleCase(p *par) bool {
	caps, words := 0, 0
	for i := p.from; i < p.to; i++ {
		t := &d.toks[i]
		if !t.word() || t.end-t.start < 4 || t.cls&clPrep != 0 {
			continue
		}
		words++
		if t.capital {
			caps++
		}
	}
	return words >= 3 && caps*10 >= words*8
}

// looksEnglish reports whether enough of the words are English function
// words. Speakers are sought in English text only.
func (d *doc) looksEnglish() bool {
	words, known := 0, 0
	for i := range d.toks {
		if !d.toks[i].word() {
			continue
		}
		words++
		if d.toks[i].cls&(clDet|clPrep|clAux|clPron|clPoss|clConj|clSay) != 0 {
			known++
		}
		if words >= 400 {
			break
		}
	}
	return words < 12 || known*100 >= words*15
}
