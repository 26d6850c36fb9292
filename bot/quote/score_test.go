package quote

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/pullquote/pullquote/bot/news"
)

var (
	misses  = flag.Int("misses", 0, "print this many misses of every scored set")
	kindOf  = flag.String("miss", "", "print misses of this kind only: att, fp, fn, men, high")
	predict = flag.String("predict", "", "write predictions to this folder, one JSON Lines file a set")
	skipN   = flag.Int("skip", 0, "skip this many misses first")
)

// A goldQuote is a quote as an annotator marked it; offsets in code points.
type goldQuote struct {
	Start        int     `json:"start"`
	End          int     `json:"end"`
	Text         string  `json:"text"`
	Speaker      *string `json:"speaker"`
	SpeakerStart *int    `json:"speaker_start"`
	SpeakerEnd   *int    `json:"speaker_end"`
	Mention      *string `json:"speaker_mention,omitempty"`
	Type         string  `json:"type"`
	Kind         string  `json:"speaker_kind,omitempty"`
	Entry        int     `json:"entry,omitempty"`
	Role         string  `json:"role,omitempty"`
	Cue          string  `json:"cue,omitempty"`
	Confidence   string  `json:"confidence,omitempty"`
}

type goldDoc struct {
	ID       string      `json:"id"`
	Headline string      `json:"headline,omitempty"`
	Text     string      `json:"text"`
	Quotes   []goldQuote `json:"quotes"`
}

func readGold(t testing.TB, path string) []goldDoc {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var docs []goldDoc
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		if strings.TrimSpace(s.Text()) == "" {
			continue
		}
		var d goldDoc
		if err := json.Unmarshal(s.Bytes(), &d); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		docs = append(docs, d)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return docs
}

// shared returns the path of a file of the shared data, which lies beside the
// project. Without it the test is skipped, but not under CI.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("shared data missing: %v", err)
		}
		t.Skipf("shared data not here: %v", err)
	}
	return path
}

// asGold turns quotes into the form of the gold files.
func asGold(text string, quotes []Quote) []goldQuote {
	at := runeIndex(text)
	out := make([]goldQuote, 0, len(quotes))
	for _, q := range quotes {
		g := goldQuote{Start: at(q.Start), End: at(q.End), Text: q.Text, Type: string(q.Kind), Role: q.Role, Cue: q.Cue, Confidence: string(q.Confidence)}
		if q.Speaker != "" {
			s := q.Speaker
			g.Speaker = &s
		}
		if q.SpeakerStart >= 0 {
			s, e := at(q.SpeakerStart), at(q.SpeakerEnd)
			g.SpeakerStart, g.SpeakerEnd = &s, &e
		}
		out = append(out, g)
	}
	return out
}

// runeIndex returns a function from byte to code point offsets of text.
func runeIndex(text string) func(int) int {
	index := make([]int, len(text)+1)
	n := 0
	for i := range text {
		index[i] = n
		n++
	}
	index[len(text)] = n
	return func(b int) int { return index[b] }
}

// A figures is what the scorer says of one set. It mirrors the shared scorer
// line by line; the two are compared in docs/quotes.md.
type figures struct {
	docs, gold                  int
	exactTP, exactNP            int
	overlapTP, overlapNP        int
	attN, attExact, attLenient  int
	attResolved, answered       int
	mentionN, mentionOK         int
	endToEnd                    int
	high, highRight, highJudged int
}

func f1(tp, ng, np int) float64 {
	if tp == 0 {
		return 0
	}
	p, r := float64(tp)/float64(np), float64(tp)/float64(ng)
	return 2 * p * r / (p + r)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (f figures) exactF1() float64    { return f1(f.exactTP, f.gold, f.exactNP) }
func (f figures) mention() float64    { return ratio(f.mentionOK, f.mentionN) }
func (f figures) endToEndF1() float64 { return f1(f.endToEnd, f.gold, f.overlapNP) }

func (f figures) String() string {
	return fmt.Sprintf("docs %d  gold %d  predicted %d\n"+
		"extraction exact P %.3f R %.3f F1 %.3f\nextraction overlap F1 %.3f\n"+
		"attribution n %d exact %.3f lenient %.3f resolved %.3f answered %.3f\nmention n %d %.3f\nend to end F1 %.3f\n"+
		"confidence high: share %.3f  right %.3f (of %d)",
		f.docs, f.gold, f.overlapNP, ratio(f.exactTP, f.exactNP), ratio(f.exactTP, f.gold), f.exactF1(), f1(f.overlapTP, f.gold, f.overlapNP),
		f.attN, ratio(f.attExact, f.attN), ratio(f.attLenient, f.attN), ratio(f.attResolved, f.attN), ratio(f.answered, f.attN),
		f.mentionN, f.mention(), f.endToEndF1(), ratio(f.high, f.overlapNP), ratio(f.highRight, f.highJudged), f.highJudged)
}

const (
	edgeRunes = "\"“”„‟«»‹›'‘’‚‛`´ \t\r\n\u00a0\u2009\u202f,.;:!?…-–—"
	honoured  = "mr mrs ms miss mx dr sir dame lord lady prof professor sen senator rep representative gov governor president prime minister mp msp ms am td the a an hon rt right honourable judge justice rev gen general col capt captain sgt former ex"
	pronouns  = "he she they it i we you him her them"
)

var (
	honorifics  = set(honoured)
	pronounSet  = set(pronouns)
	possessiveS = regexp.MustCompile(`'s\b`)
	nameWords   = regexp.MustCompile(`[a-z0-9$@]+(?:[-'][a-z0-9]+)*`)
	phraseEnd   = regexp.MustCompile(`[,(;—–]| - | who | which `)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

func normal(x string) []string {
	if x == "" {
		return nil
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(x) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	s := strings.ReplaceAll(strings.ToLower(b.String()), "’", "'")
	s = possessiveS.ReplaceAllString(s, "")
	all := nameWords.FindAllString(s, -1)
	var kept []string
	for _, w := range all {
		if !honorifics[w] {
			kept = append(kept, w)
		}
	}
	if kept == nil {
		return all
	}
	return kept
}

func headWord(words []string) string {
	stop := set("of for who in at from with on and to")
	last := ""
	for _, w := range words {
		if stop[w] && last != "" {
			break
		}
		last = w
	}
	return last
}

func firstPhrase(x string) string { return phraseEnd.Split(x, 2)[0] }

func sameName(g, p string) bool { return p != "" && slices.Equal(normal(g), normal(p)) }

func leniently(g, p, mention string) bool {
	if p == "" {
		return false
	}
	if sameName(g, p) {
		return true
	}
	pw := normal(p)
	if len(pw) == 0 {
		return false
	}
	ph, pl := headWord(normal(firstPhrase(p))), pw[len(pw)-1]
	for _, c := range []string{g, mention} {
		if c == "" || pronounSet[strings.ToLower(strings.TrimSpace(c))] {
			continue
		}
		cw := normal(c)
		if len(cw) == 0 {
			continue
		}
		ch, cl := headWord(normal(firstPhrase(c))), cw[len(cw)-1]
		if cl == pl || ch != "" && (ch == ph || ch == pl) || ph != "" && ph == cl {
			return true
		}
		ps, cs := strings.Join(pw, " "), strings.Join(cw, " ")
		if len(pw) >= 2 && strings.Contains(cs, ps) || len(cw) >= 2 && strings.Contains(ps, cs) {
			return true
		}
	}
	return false
}

type span struct{ start, end int }

func trimSpan(text []rune, s, e int) span {
	for s < e && strings.ContainsRune(edgeRunes, text[s]) {
		s++
	}
	for e > s && strings.ContainsRune(edgeRunes, text[e-1]) {
		e--
	}
	return span{s, e}
}

type pairing struct {
	ratio float64
	g, p  int
}

func matchSpans(gold, pred []span, threshold float64) map[int]int {
	var all []pairing
	for i, g := range gold {
		for j, p := range pred {
			inter := min(g.end, p.end) - max(g.start, p.start)
			if inter <= 0 {
				continue
			}
			r := float64(inter) / float64(max(g.end, p.end)-min(g.start, p.start))
			if r >= threshold {
				all = append(all, pairing{r, i, j})
			}
		}
	}
	slices.SortFunc(all, func(a, b pairing) int {
		return cmp.Or(cmp.Compare(b.ratio, a.ratio), a.g-b.g, a.p-b.p)
	})
	byGold, used := map[int]int{}, map[int]bool{}
	for _, m := range all {
		if _, ok := byGold[m.g]; !ok && !used[m.p] {
			byGold[m.g], used[m.p] = m.p, true
		}
	}
	return byGold
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// scoreSet scores predictions against gold; quotes shorter than minWords are
// left out as the shared scorer leaves them out.
func scoreSet(gold []goldDoc, pred map[string][]goldQuote, minWords int, miss func(kind string, d *goldDoc, g, p *goldQuote)) figures {
	var f figures
	f.docs = len(gold)
	for i := range gold {
		scoreDoc(&f, &gold[i], pred[gold[i].ID], minWords, miss)
	}
	return f
}

func prepare(text []rune, quotes []goldQuote) ([]goldQuote, []span) {
	var qs []goldQuote
	var spans []span
	for _, q := range quotes {
		if s := trimSpan(text, q.Start, q.End); s.end > s.start {
			qs, spans = append(qs, q), append(spans, s)
		}
	}
	return qs, spans
}

func scoreDoc(f *figures, d *goldDoc, predicted []goldQuote, minWords int, miss func(string, *goldDoc, *goldQuote, *goldQuote)) {
	text := []rune(d.Text)
	gold, gs := prepare(text, d.Quotes)
	pred, ps := prepare(text, predicted)
	long := func(s span) bool { return len(strings.Fields(string(text[s.start:s.end]))) >= minWords }
	exact, overlap := matchSpans(gs, ps, 1), matchSpans(gs, ps, 0.8)
	for i := range gold {
		if long(gs[i]) {
			f.gold++
			if _, ok := exact[i]; ok {
				f.exactTP++
			}
			if _, ok := overlap[i]; ok {
				f.overlapTP++
			} else {
				miss("fn", d, &gold[i], nil)
			}
		}
	}
	countPred := func(m map[int]int, report bool) int {
		used := map[int]int{}
		for g, p := range m {
			used[p] = g
		}
		n := 0
		for j := range pred {
			g, ok := used[j]
			if ok && long(gs[g]) || !ok && long(ps[j]) {
				n++
			}
			if !ok && report {
				miss("fp", d, nil, &pred[j])
			}
		}
		return n
	}
	f.exactNP += countPred(exact, false)
	f.overlapNP += countPred(overlap, true)
	for g := range gold {
		if p, ok := overlap[g]; ok && long(gs[g]) {
			scorePair(f, d, &gold[g], &pred[p], miss)
		}
	}
}

func scorePair(f *figures, d *goldDoc, g, p *goldQuote, miss func(string, *goldDoc, *goldQuote, *goldQuote)) {
	if g.SpeakerStart != nil {
		f.mentionN++
		if p.SpeakerStart != nil && min(*g.SpeakerEnd, *p.SpeakerEnd) > max(*g.SpeakerStart, *p.SpeakerStart) {
			f.mentionOK++
		} else {
			miss("men", d, g, p)
		}
	}
	high := p.Confidence == string(news.High)
	if high {
		f.high++
	}
	if str(g.Speaker) == "" {
		f.endToEnd++
		return
	}
	f.attN++
	lenient := leniently(*g.Speaker, str(p.Speaker), str(g.Mention))
	if sameName(*g.Speaker, str(p.Speaker)) {
		f.attExact++
	}
	if leniently(*g.Speaker, str(p.Speaker), "") {
		f.attResolved++
	}
	if str(p.Speaker) != "" {
		f.answered++
	}
	if high {
		f.highJudged++
	}
	if lenient {
		f.attLenient++
		f.endToEnd++
		if high {
			f.highRight++
		}
		return
	}
	miss("att", d, g, p)
	if high {
		miss("high", d, g, p)
	}
}

// extractFile extracts every document of a gold file.
func extractFile(t *testing.T, path string) ([]goldDoc, map[string][]goldQuote) {
	t.Helper()
	docs := readGold(t, path)
	pred := map[string][]goldQuote{}
	for _, d := range docs {
		pred[d.ID] = asGold(d.Text, Extract(d.Text))
	}
	writePredictions(t, filepath.Base(path), docs, pred)
	return docs, pred
}

// reporter returns a function that logs the misses asked for with -misses.
func reporter(t *testing.T) func(kind string, d *goldDoc, g, p *goldQuote) {
	shown, skipped := 0, 0
	return func(kind string, d *goldDoc, g, p *goldQuote) {
		if shown >= *misses || *kindOf != "" && *kindOf != kind {
			return
		}
		if skipped < *skipN {
			skipped++
			return
		}
		shown++
		t.Log(describeMiss(kind, d, g, p))
	}
}

func writePredictions(t *testing.T, name string, docs []goldDoc, pred map[string][]goldQuote) {
	t.Helper()
	if *predict == "" {
		return
	}
	var b strings.Builder
	for _, d := range docs {
		line, err := json.Marshal(goldDoc{ID: d.ID, Text: d.Text, Quotes: pred[d.ID]})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	if err := os.WriteFile(filepath.Join(*predict, name), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func describeMiss(kind string, d *goldDoc, g, p *goldQuote) string {
	q := g
	if q == nil {
		q = p
	}
	text := []rune(d.Text)
	around := string(text[max(0, q.Start-170):q.Start]) + "⟦" + string(text[q.Start:q.End]) + "⟧" + string(text[q.End:min(len(text), q.End+130)])
	s := fmt.Sprintf("%s %s\n    %q", strings.ToUpper(kind), d.ID, around)
	if g != nil {
		s += fmt.Sprintf("\n    gold %q mention %q", str(g.Speaker), str(g.Mention))
	}
	if p != nil {
		m := ""
		if p.SpeakerStart != nil {
			m = string(text[*p.SpeakerStart:*p.SpeakerEnd])
		}
		s += fmt.Sprintf("\n    pred %q mention %q cue %q %s", str(p.Speaker), m, p.Cue, p.Confidence)
	}
	return s
}

func TestRuneIndex(t *testing.T) {
	s := "a“é"
	at := runeIndex(s)
	if got := at(len(s)); got != utf8.RuneCountInString(s) {
		t.Errorf("end = %d", got)
	}
}

// A floor is what a set's figures must not fall below. Each lies a little under
// what was measured when it was set; docs/quotes.md has the measurements.
type floor struct {
	exact, mention, endToEnd float64
}

func (f figures) check(t *testing.T, want floor) {
	t.Helper()
	t.Logf("\n%s", f)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"extraction exact F1", f.exactF1(), want.exact},
		{"right source span", f.mention(), want.mention},
		{"end-to-end F1", f.endToEndF1(), want.endToEnd},
		{"right where confidence is high", ratio(f.highRight, f.highJudged), 0.95},
		{"share of high confidence", ratio(f.high, f.overlapNP), 0.70},
	} {
		if c.got < c.want {
			t.Errorf("%s = %.4f, want at least %.4f; see the misses with -args -misses 50", c.name, c.got, c.want)
		}
	}
}

func TestScoreShared(t *testing.T) {
	all, long := 0, 6 // words a quote has at least
	for _, set := range []struct {
		name string
		want map[int]floor
	}{
		{"seed/seed_gold.jsonl", map[int]floor{all: {1, 0.95, 1}}},
		{"quotes/gum_news.jsonl", map[int]floor{all: {0.965, 0.88, 0.865}}},
		{"quotes/polnear.jsonl", map[int]floor{all: {0.966, 0.91, 0.88}, long: {0.985, 0.935, 0.92}}},
	} {
		t.Run(filepath.Base(set.name), func(t *testing.T) {
			docs, pred := extractFile(t, shared(t, set.name))
			for words, want := range set.want {
				t.Logf("quotes of %d words or more:", words)
				scoreSet(docs, pred, words, reporter(t)).check(t, want)
			}
		})
	}
}

// TestScoreSeed holds the seed page to whole names, as one text and as a page
// of entries.
func TestScoreSeed(t *testing.T) {
	t.Run("one text", func(t *testing.T) {
		docs, pred := extractFile(t, shared(t, "seed/seed_gold.jsonl"))
		f := scoreSet(docs, pred, 0, reporter(t))
		if f.exactTP != 25 || f.exactNP != 25 || f.attExact < 24 {
			t.Errorf("quotes %d of %d found right, full names %d; want 25, 25, 24 or more", f.exactTP, f.exactNP, f.attExact)
		}
	})
	t.Run("page", func(t *testing.T) {
		docs := readGold(t, shared(t, "seed/seed_gold_entries.jsonl"))
		page := goldPage{title: docs[0].Text, entries: docs[1:]}
		quotes, names := 0, 0
		for i, found := range Page(page.title, page.parts()) {
			gold := page.entries[i].Quotes
			if len(found) != len(gold) {
				t.Errorf("%s: %d quotes, want %d", page.entries[i].ID, len(found), len(gold))
				continue
			}
			for k, q := range found {
				quotes++
				if q.Speaker == str(gold[k].Speaker) {
					names++
					continue
				}
				t.Logf("%s: %q: speaker %q, want %q", page.entries[i].ID, q.Text, q.Speaker, str(gold[k].Speaker))
			}
		}
		if quotes != 25 || names < 24 {
			t.Errorf("%d quotes with %d right full names, want 25 with 24 or more", quotes, names)
		}
	})
}
