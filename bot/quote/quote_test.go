package quote

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pullquote/pullquote/bot/news"
)

// said is a quote as the tables below write it.
type said struct{ text, speaker string }

func saidIn(text string) []said {
	var out []said
	for _, q := range Extract(text) {
		out = append(out, said{q.Text, q.Speaker})
	}
	return out
}

func TestExtractSpeakers(t *testing.T) {
	tests := []struct {
		name, text string
		want       []said
	}{
		{"verb then name", `"The bridge will stay shut," said Ada Bell.`, []said{{"The bridge will stay shut,", "Ada Bell"}}},
		{"name then verb", `"The bridge will stay shut," Ada Bell said.`, []said{{"The bridge will stay shut,", "Ada Bell"}}},
		{"apposition between name and verb", `"The bridge will stay shut," Ada Bell, the harbour master, said on Monday.`, []said{{"The bridge will stay shut,", "Ada Bell"}}},
		{"according to", `The pier is "beyond saving", according to Ada Bell.`, []said{{"beyond saving", "Ada Bell"}}},
		{"told somebody that", `Ada Bell has told the Courier that the pier is "beyond saving".`, []said{{"beyond saving", "Ada Bell"}}},
		{"split quote", `"The bridge," said Ada Bell, "will stay shut."`, []said{{"The bridge,", "Ada Bell"}, {"will stay shut.", "Ada Bell"}}},
		{"second sentence of the same speaker", `"The bridge will stay shut," said Ada Bell. "Nobody is happy about it."`,
			[]said{{"The bridge will stay shut,", "Ada Bell"}, {"Nobody is happy about it.", "Ada Bell"}}},
		{"participle", `Ada Bell praised the crews, saying they had been "heroes to a man".`, []said{{"heroes to a man", "Ada Bell"}}},
		{"participle past an embedded clause", `Ada Bell denied that the bridge was rotten, calling the claim "a fairy tale".`, []said{{"a fairy tale", "Ada Bell"}}},
		{"passive with an agent", `The plan was described as "a fairy tale" by Ada Bell.`, []said{{"a fairy tale", "Ada Bell"}}},
		{"attribution at the end of the sentence", `The crews had been "heroes to a man" all night, Ada Bell said on Monday.`, []said{{"heroes to a man", "Ada Bell"}}},
		{"role without verb", "Bridge shut\n\nAda Bell spoke to the Courier.\n\n\"Nobody told us the bolts had gone,\" the former harbour master.", []said{{"Nobody told us the bolts had gone,", "the former harbour master"}}},
		{"apposition without its second comma", `Cllr Ada Bell, chair of the Local Harbour Association said: "We wait."`, []said{{"We wait.", "Ada Bell"}}},
		{"acronym as a title", `PCC Ada Bell said: "We wait for the tide to turn."`, []said{{"We wait for the tide to turn.", "Ada Bell"}}},
		{"full stop forgotten", `Ada Bell wrote about the night in Wrackmouth She said: "We wait for the tide to turn."`, []said{{"We wait for the tide to turn.", "Ada Bell"}}},
		{"adjective opens a headline", "Heavy rain called 'worst in memory'\n\nResidents called it the \"worst in memory\".", []said{{"worst in memory", "Residents"}, {"worst in memory", "Residents"}}},
		{"thing in a relative clause does not speak", `Ada Bell visited the sheds that the storm had hit and said they were "beyond saving".`, []said{{"beyond saving", "Ada Bell"}}},
		{"two places of one member", `"It is late," the Arden and Wrackmouth MP said.`, []said{{"It is late,", "the Arden and Wrackmouth MP"}}},
		{"peer", `Lord Hale said: "We wait for the tide to turn."`, []said{{"We wait for the tide to turn.", "Lord Hale"}}},
		{"question and a verb that does not say", `"Who knows?" Ada Bell shot back.`, []said{{"Who knows?", "Ada Bell"}}},
		{"word before the name in a tail", `"It is cratering," Arden-based Ada Bell said.`, []said{{"It is cratering,", "Ada Bell"}}},
		{"sign in capitals", `Ada Bell carried a sign reading "Save Our Ferry".`, []said{{"Save Our Ferry", "a sign"}}},
		{"dash", `"Nobody told us the bolts had gone." – Ada Bell, harbour master`, []said{{"Nobody told us the bolts had gone.", "Ada Bell"}}},
		{"attribution line", "“Nobody told us the bolts had gone.”\n\n– Ada Bell, harbour master", []said{{"Nobody told us the bolts had gone.", "Ada Bell"}}},
		{"attribution line of names only ends the text", "“Nobody told us the bolts had gone.”\n\n– Ada Mary Bell", []said{{"Nobody told us the bolts had gone.", "Ada Mary Bell"}}},
		{"attribution line under a paragraph without marks", "Nobody told us the bolts had gone.\n\n– Ada Bell, harbour master", []said{{"Nobody told us the bolts had gone.", "Ada Bell"}}},
		{"headline, colon", "Bell: Bolts 'had gone for years'\n\nAda Bell said the bolts \"had gone for years\".", []said{{"had gone for years", "Ada Bell"}, {"had gone for years", "Ada Bell"}}},
		{"headline, says", "Bolts 'had gone for years', says harbour master\n\nHarbour master Ada Bell said so on Monday.", []said{{"had gone for years", "Ada Bell"}}},
		{"headline borrows from the text", "'We heard it go at midnight'\n\nThe bridge broke.\n\n\"We heard it go at midnight,\" said Ada Bell.", []said{{"We heard it go at midnight", "Ada Bell"}, {"We heard it go at midnight,", "Ada Bell"}}},
		{"pronoun", "Ada Bell opened the gates at dawn. \"It was quiet,\" she said.", []said{{"It was quiet,", "Ada Bell"}}},
		{"pronoun with one of two", "Ada Bell met Tom Cole on the quay. \"It was quiet,\" he said.", []said{{"It was quiet,", "Tom Cole"}}},
		{"pronoun nobody fits", "It was dark on the quay. \"It was quiet,\" she said.", []said{{"It was quiet,", ""}}},
		{"name inside the quote is no speaker", "Ada Bell looked up. \"Tom Cole's report says nothing about it,\" she said.", []said{{"Tom Cole's report says nothing about it,", "Ada Bell"}}},
		{"owner of the document is no speaker of the verb", `Tom Cole's report is wrong, Ada Bell said, calling it "thin soup".`, []said{{"thin soup", "Ada Bell"}}},
		{"quotation over paragraphs", "\"We waited for the tide,\" said Ada Bell. \"It did not come.\n\n\"Then it did.\"", []said{{"We waited for the tide,", "Ada Bell"}, {"It did not come.", "Ada Bell"}, {"Then it did.", "Ada Bell"}}},
		{"group", `Residents said the noise was "worse than any storm".`, []said{{"worse than any storm", "Residents"}}},
		{"organisation", `The council called the noise "a passing nuisance".`, []said{{"a passing nuisance", "The council"}}},
		{"couple with one last name", "Tom Cole and his wife Ada Cole were there.\n\n\"It was cold,\" Mrs Cole said.\n\n\"It was wet,\" Mr Cole said.", []said{{"It was cold,", "Ada Cole"}, {"It was wet,", "Tom Cole"}}},
		{"two of one role is nobody's guess", "Rivers minister Tom Cole and ports minister Ada Bell left early.\n\n\"It was late,\" the minister said.", []said{{"It was late,", "the minister"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, saidIn(tt.text), cmp.AllowUnexported(said{})); diff != "" {
				t.Errorf("%s\n%s", tt.text, diff)
			}
		})
	}
}

func TestExtractRejects(t *testing.T) {
	for name, text := range map[string]string{
		"film":             `The film "The Last Ferry" was shown on the quay.`,
		"programme":        `She was a guest on Coast FM's "Early Tide".`,
		"so-called":        `The so-called "wave tax" will be scrapped on Friday.`,
		"nickname":         `The crane, known as "Big Annie", will be painted.`,
		"markup":           `<post id="4711" author="quay_watch" date="today"> is gone.`,
		"title and author": `"Low Water at Wrackmouth," by Ada Bell`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := saidIn(text); got != nil {
				t.Errorf("%s\ngot %v, want none", text, got)
			}
		})
	}
}

func TestExtractFields(t *testing.T) {
	text := "Bridge shut\n\nHarbour master Ada Bell warned: \"Nobody should cross tonight.\""
	got := Extract(text)
	want := []Quote{{
		Start: strings.Index(text, "Nobody"), End: len(text) - 1, Text: "Nobody should cross tonight.",
		Speaker: "Ada Bell", SpeakerStart: strings.Index(text, "Harbour"), SpeakerEnd: strings.Index(text, " warned"),
		Role: "Harbour master", Cue: "warned", Kind: news.Direct, Confidence: news.High,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExtractOtherLanguages(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"French", "Le maire de Port-Ardenne a annoncé mardi la fermeture du pont aux camions. « Nous ne pouvons pas attendre un hiver de plus », a-t-il déclaré.", "Nous ne pouvons pas attendre un hiver de plus"},
		{"German", "Der Bürgermeister von Ardenhafen hat am Dienstag die Sperrung der alten Brücke bekannt gegeben. „Wir können nicht noch einen Winter warten“, sagte er.", "Wir können nicht noch einen Winter warten"},
		{"German books", "Der Bürgermeister von Ardenhafen hat am Dienstag die Sperrung der alten Brücke bekannt gegeben. »Wir können nicht noch einen Winter warten«, sagte er.", "Wir können nicht noch einen Winter warten"},
		{"Spanish", "El alcalde de Puerto Arden anunció el martes el cierre del puente viejo del puerto. «No podemos esperar otro invierno», dijo ante los vecinos.", "No podemos esperar otro invierno"},
		{"Italian", "Il sindaco di Porto Arden ha annunciato martedì la chiusura del vecchio ponte. \"Non possiamo aspettare un altro inverno\", ha detto ai cronisti.", "Non possiamo aspettare un altro inverno"},
		{"Portuguese", "O prefeito de Porto Arden anunciou na terça-feira o fechamento da ponte velha. “Não podemos esperar mais um inverno”, disse ele.", "Não podemos esperar mais um inverno"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff([]said{{tt.want, ""}}, saidIn(tt.text), cmp.AllowUnexported(said{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPageOlderEntriesOnly(t *testing.T) {
	parts := []Part{
		{"Later", "Tom Cole, the quay warden, went home."},
		{"Now", "\"It held,\" the quay warden said.\n\nBell was pleased. \"It held,\" Bell said."},
		{"Before", "Engineer Ada Bell checked the bolts."},
	}
	var got []said
	for _, q := range Page("Bridge live", parts)[1] {
		got = append(got, said{q.Text, q.Speaker})
	}
	want := []said{{"It held,", "the quay warden"}, {"It held,", "Ada Bell"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" {
		t.Error(diff)
	}
}

func TestPageRoleThatSpeaksForOthers(t *testing.T) {
	got := Page("Bridge live", []Part{{"Minister on the quay", "Ports minister Ada Bell met crews and said that all was well.\n\nA spokesman said: \"The minister will be back.\""}})
	if q := got[0][0]; q.Speaker != "A spokesman" {
		t.Errorf("speaker = %q, want the spokesman", q.Speaker)
	}
}

func TestPageTitleNames(t *testing.T) {
	got := Page("Ada Bell on trial", []Part{{"", "\"I did not,\" Bell said."}})
	if want := "Ada Bell"; got[0][0].Speaker != want {
		t.Errorf("speaker = %q, want %q", got[0][0].Speaker, want)
	}
}

func TestPageOfIsPage(t *testing.T) {
	for _, p := range readPages(t, filepath.Join("testdata", "gold_tune.jsonl")) {
		parts := p.parts()
		all := Page(p.title, parts)
		want := []int{len(parts) - 1, 0, 2, 2}
		got := PageOf(p.title, parts, want)
		for i, w := range want {
			if diff := cmp.Diff(all[w], got[i]); diff != "" {
				t.Errorf("%s entry %d\n%s", p.id, w, diff)
			}
		}
	}
}

func TestPageOfStrangeIndex(t *testing.T) {
	got := PageOf("", []Part{{"", "\"No,\" Ada Bell said."}}, []int{-1, 7, 0})
	if len(got) != 3 || got[0] != nil || got[1] != nil || len(got[2]) != 1 {
		t.Errorf("got %v", got)
	}
}

// checkVerbatim fails unless every quote of text stands in it character for
// character, inside one paragraph, in order, and its speaker's place is sound.
func checkVerbatim(t interface{ Fatalf(string, ...any) }, text string) {
	end := 0
	for _, q := range Extract(text) {
		if q.Start < end || q.End <= q.Start || q.End > len(text) {
			t.Fatalf("%q: quote at %d..%d after %d", text, q.Start, q.End, end)
		}
		if text[q.Start:q.End] != q.Text {
			t.Fatalf("%q: %q does not stand at %d", text, q.Text, q.Start)
		}
		if utf8.ValidString(text) && !utf8.ValidString(q.Text) {
			t.Fatalf("%q: %q cuts a character", text, q.Text)
		}
		if strings.Contains(q.Text, "\n\n") {
			t.Fatalf("%q: %q crosses paragraphs", text, q.Text)
		}
		if (q.SpeakerStart < 0) != (q.SpeakerEnd < 0) || q.SpeakerStart >= 0 && (q.SpeakerEnd <= q.SpeakerStart || q.SpeakerEnd > len(text)) {
			t.Fatalf("%q: speaker at %d..%d", text, q.SpeakerStart, q.SpeakerEnd)
		}
		if q.Confidence == news.High && q.Speaker == "" {
			t.Fatalf("%q: sure of nobody", text)
		}
		end = q.End
	}
}

// scraps are what random texts are made of.
var scraps = []string{"\"", "“", "”", "„", "«", "»", "'", "‘", "’", "''", " ", " ", "\n", "\n\n", ".", ",", ":", "?", "–", "(", ")", "[", "]",
	"Ada", "Bell", "Ada Bell", "Mr", "the minister", "said", "says", "told", "called", "who", "and", "that", "by", "of", "according to", "he", "she", "they", "it",
	"bridge", "The", "a", "water", "residents", "It's", "s", "É", "日本", "\u00a0", "\xff", "the harbour master", "was", "to", "as", "PM"}

func TestExtractVerbatim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(scraps), 0, 60).Draw(t, "words")
		glue := rapid.SampledFrom([]string{"", " "}).Draw(t, "glue")
		checkVerbatim(t, strings.Join(words, glue))
	})
}

func TestPageVerbatim(t *testing.T) {
	for _, name := range []string{"gold_tune.jsonl", "gold_measure.jsonl"} {
		for _, p := range readPages(t, filepath.Join("testdata", name)) {
			for i, quotes := range Page(p.title, p.parts()) {
				for _, q := range quotes {
					if !strings.Contains(p.entries[i].Text, q.Text) {
						t.Errorf("%s: %q stands nowhere", p.entries[i].ID, q.Text)
					}
				}
			}
		}
	}
}

func FuzzExtract(f *testing.F) {
	for _, name := range []string{"gold_tune.jsonl", "gold_measure.jsonl"} {
		for _, d := range readGold(f, filepath.Join("testdata", name)) {
			f.Add(d.Text)
		}
	}
	for _, s := range scraps {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkVerbatim(t, text)
		Page(text, []Part{{text, text}, {"", text}})
		Explain(text)
		Fragment(text)
	})
}

func TestExplain(t *testing.T) {
	text := "\"The bridge will stay shut,\" said Ada Bell, author of \"The Long Wait\"."
	got := Explain(text)
	if len(got) != 2 || !got[0].Accepted || got[1].Accepted {
		t.Fatalf("accepted: %+v", got)
	}
	for _, e := range got {
		sum := 0
		for _, p := range e.Points {
			sum += p.Points
		}
		if sum != e.Total {
			t.Errorf("%q: points %v add to %d, total says %d", e.Text, e.Points, sum, e.Total)
		}
	}
	if len(got[0].Choices) == 0 || got[0].Choices[0].Phrase != "Ada Bell" {
		t.Errorf("choices of %q: %+v", got[0].Text, got[0].Choices)
	}
	if diff := cmp.Diff(Extract(text), []Quote{got[0].Quote}); diff != "" {
		t.Errorf("Explain and Extract differ\n%s", diff)
	}
}

func TestScorecardComplete(t *testing.T) {
	for f := range nFeatures {
		if s := scorecard[f]; s.name == "" || s.points == 0 && f != fewWords && f != isBody {
			t.Errorf("feature %d: %+v", f, s)
		}
	}
}

// ownText is a long text of our own: the gold pages one after another.
func ownText(t testing.TB) string {
	var b strings.Builder
	for _, d := range readGold(t, filepath.Join("testdata", "gold_tune.jsonl")) {
		b.WriteString(d.Text)
		b.WriteString("\n\n")
	}
	return b.String()
}

// oneEntry is a kilobyte of our own.
func oneEntry(t testing.TB) string {
	var b strings.Builder
	for _, d := range readGold(t, filepath.Join("testdata", "gold_tune.jsonl")) {
		if b.Len() < 1000 && len(d.Quotes) > 0 {
			b.WriteString(d.Text)
			b.WriteString("\n\n")
		}
	}
	return b.String()
}

func TestExtractAllocations(t *testing.T) {
	text := oneEntry(t)
	if got := testing.AllocsPerRun(20, func() { Extract(text) }); got >= 40 {
		t.Errorf("%v allocations for %d bytes, want under 40", got, len(text))
	}
}

func BenchmarkExtract(b *testing.B) {
	own := ownText(b)
	long := strings.Repeat(own, 1<<20/len(own)+1)
	for _, bm := range []struct{ name, text string }{
		{"entry", oneEntry(b)},
		{"pages", own},
		{"megabyte", long},
		{"megabyte in one paragraph", strings.ReplaceAll(long, "\n", " ")},
		{"megabyte of marks", strings.Repeat("\"'“", 1<<20/5)},
		{"megabyte of apostrophes that might open", strings.Repeat("'a ", 1<<20/3)},
		{"megabyte of names and pronouns", strings.Repeat("Ada Bell, he ( she \"a\" - said. Who said to Mr Cole", 1<<20/50)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(int64(len(bm.text)))
			b.ReportAllocs()
			for b.Loop() {
				Extract(bm.text)
			}
		})
	}
}

func BenchmarkPageOf(b *testing.B) {
	var parts []Part
	for len(parts) < 428 {
		for _, p := range readPages(b, filepath.Join("testdata", "gold_tune.jsonl")) {
			parts = append(parts, p.parts()...)
		}
	}
	parts = parts[:428]
	b.Run("one of 428", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			PageOf("Live", parts, []int{0})
		}
	})
	b.Run("all of 428", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Page("Live", parts)
		}
	})
}
