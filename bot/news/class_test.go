package news

import (
	"strings"
	"testing"
	"time"
)

func TestClassOfAChange(t *testing.T) {
	said := func(text, speaker string) []Quote { return []Quote{{Text: text, Speaker: speaker}} }
	lorries := Entry{Body: "She said: “Forty lorries are waiting”.", Quotes: said("Forty lorries are waiting", "Una Marsh")}
	tests := []struct {
		name       string
		prev, next Entry
		want       Class
	}{
		{"white space", Entry{Body: "The bridge is  shut."}, Entry{Body: "The bridge\nis shut."}, Cosmetic},
		{"a full stop", Entry{Headline: "Bridge shut"}, Entry{Headline: "Bridge shut."}, Cosmetic},
		{"curly marks and dashes", Entry{Body: "It's shut - for now."}, Entry{Body: "It’s shut — for now."}, Cosmetic},
		{"case", Entry{Headline: "Bridge Shut"}, Entry{Headline: "BRIDGE SHUT"}, Cosmetic},
		{"a bullet", Entry{Body: "Shut."}, Entry{Body: "● Shut."}, Cosmetic},
		{"a description of the picture", Entry{Media: []Media{{URL: "https://a.example/1.jpg", Alt: "A bridge"}}},
			Entry{Media: []Media{{URL: "https://b.example/1.jpg?w=9", Alt: "The bridge", Credit: "N. Shaw"}}}, Cosmetic},
		{"byline and link", Entry{Author: "A", URL: "https://a.example"}, Entry{Author: "B", URL: "https://b.example"}, Cosmetic},
		{"two letters swapped", Entry{Body: "They recieve help."}, Entry{Body: "They receive help."}, Cosmetic},
		{"a short word, letters swapped", Entry{Body: "On teh quay."}, Entry{Body: "On the quay."}, Cosmetic},
		{"a letter missing", Entry{Body: "The goverment meets."}, Entry{Body: "The government meets."}, Cosmetic},
		{"a wrong letter", Entry{Body: "Two seperate fires."}, Entry{Body: "Two separate fires."}, Cosmetic},
		{"two words respelt", Entry{Headline: "They recieve it", Body: "At teh quay."}, Entry{Headline: "They receive it", Body: "At the quay."}, Cosmetic},
		{"an apostrophe in a contraction", Entry{Body: "It isn't shut."}, Entry{Body: "It isn’t shut."}, Cosmetic},
		{"a blank before the percent sign", Entry{Body: "Up 5%."}, Entry{Body: "Up 5 %."}, Cosmetic},
		{"the dash of a range", Entry{Body: "10-12 boats"}, Entry{Body: "10–12 boats"}, Cosmetic},

		{"three words respelt", Entry{Body: "Teh goverment recieves."}, Entry{Body: "The government receives."}, Material},
		{"a word more", Entry{Body: "The bridge is shut."}, Entry{Body: "The old bridge is shut."}, Material},
		{"words in another order", Entry{Headline: "Dog bites man"}, Entry{Headline: "Man bites dog"}, Material},
		{"a number", Entry{Body: "15 boats"}, Entry{Body: "16 boats"}, Material},
		{"digits swapped", Entry{Body: "1354 boats"}, Entry{Body: "1534 boats"}, Material},
		{"a decimal point", Entry{Body: "1.5 metres"}, Entry{Body: "15 metres"}, Material},
		{"a comma in a number", Entry{Body: "1.500 boats"}, Entry{Body: "1,500 boats"}, Material},
		{"a minus", Entry{Body: "It was 5 degrees."}, Entry{Body: "It was -5 degrees."}, Material},
		{"a currency", Entry{Body: "£5m"}, Entry{Body: "$5m"}, Material},
		{"a percent sign", Entry{Body: "Up 5."}, Entry{Body: "Up 5%."}, Material},
		{"a number in words", Entry{Body: "He lost eight boats."}, Entry{Body: "He lost eighty boats."}, Material},
		{"a number misspelt", Entry{Body: "About sevnty boats."}, Entry{Body: "About seventy boats."}, Material},
		{"millions and billions", Entry{Body: "Two million spent."}, Entry{Body: "Two billion spent."}, Material},
		{"a negation", Entry{Body: "It is now shut."}, Entry{Body: "It is not shut."}, Material},
		{"a negation misspelt", Entry{Body: "It is nto shut."}, Entry{Body: "It is not shut."}, Material},
		{"a contraction that denies", Entry{Body: "They could'nt cross."}, Entry{Body: "They couldn't cross."}, Material},
		{"a prefix that denies", Entry{Body: "It was legal."}, Entry{Body: "It was illegal."}, Material},
		{"no blank, another meaning", Entry{Body: "It was notable."}, Entry{Body: "It was not able."}, Material},
		{"a hyphen, another meaning", Entry{Body: "He will resign."}, Entry{Body: "He will re-sign."}, Material},
		{"a name", Entry{Body: "She met Marhs."}, Entry{Body: "She met Marsh."}, Material},
		{"another first letter", Entry{Body: "He was hired."}, Entry{Body: "He was fired."}, Material},
		{"another ending", Entry{Body: "They raises it."}, Entry{Body: "They raised it."}, Material},
		{"a plural", Entry{Body: "The sailor drowned."}, Entry{Body: "The sailors drowned."}, Material},
		{"a short word", Entry{Body: "A bad day."}, Entry{Body: "A bid day."}, Material},
		{"a question", Entry{Headline: "Mayor resigns"}, Entry{Headline: "Mayor resigns?"}, Material},
		{"a script without blanks", Entry{Body: "桥已关闭"}, Entry{Body: "桥未关闭"}, Material},
		{"a new picture", Entry{}, Entry{Media: []Media{{URL: "https://a.example/1.jpg"}}}, Material},
		{"a quote more", Entry{Body: "We wait, she said."}, Entry{Body: "“We wait,” she said.", Quotes: said("We wait", "")}, Material},
		{"a quote cut", lorries, Entry{Body: "Nothing more."}, Material},

		{"a quote's number", lorries, Entry{Body: "She said: “Fourteen lorries are waiting”.", Quotes: said("Fourteen lorries are waiting", "Una Marsh")}, Correction},
		{"a quote's spelling", lorries, Entry{Body: "She said: “Forty lorrys are waiting”.", Quotes: said("Forty lorrys are waiting", "Una Marsh")}, Correction},
		{"a quote's speaker", lorries, Entry{Body: lorries.Body, Quotes: said("Forty lorries are waiting", "Ned Shaw")}, Correction},
		{"a quote's comma", lorries, Entry{Body: "She said: “Forty lorries are waiting.”", Quotes: said("Forty lorries, are waiting", "Una Marsh")}, Cosmetic},
		{"an announced correction", Entry{Body: "Shut."}, Entry{Body: "Shut.\n\nCorrection: it was shut at nine."}, Correction},
		{"standing again", Entry{Body: "Shut.", Withdrawn: true, Status: Withdrawn}, Entry{Body: "Shut."}, Reinstatement},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.prev.Revision = 1
			if got := Revise(tt.prev, tt.next, noon).Class; got != tt.want {
				t.Errorf("class %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCosmeticChangeIsSilent(t *testing.T) {
	first := Entry{Body: "Teh bridge opened at nine.", Revision: 1, Changed: noon}
	if e := Revise(first, Entry{Body: "Teh bridge opened at nine"}, noon.Add(time.Hour)); e.Status != Fresh || !e.Changed.Equal(noon) || e.Revision != 2 {
		t.Errorf("a full stop gone: %+v", e)
	}
	moved := Revise(first, Entry{Body: "Teh bridge opened at ten."}, noon.Add(time.Hour))
	tidied := Revise(moved, Entry{Body: "Teh  bridge opened at ten."}, noon.Add(2*time.Hour))
	if tidied.Status != Updated || !tidied.Changed.Equal(noon.Add(time.Hour)) || tidied.Class != Cosmetic {
		t.Errorf("a blank after an update: %+v", tidied)
	}
}

func TestLoudness(t *testing.T) {
	for _, pair := range [][2]Class{{Cosmetic, ""}, {Material, Cosmetic}, {Correction, Material}, {Withdrawal, Correction}} {
		if !pair[0].Louder(pair[1]) || pair[1].Louder(pair[0]) || pair[0].Louder(pair[0]) {
			t.Errorf("%q should be louder than %q", pair[0], pair[1])
		}
	}
}

// FuzzClass compares any two texts: it never panics, nothing is changed by
// being left alone, and the order of the two does not matter.
func FuzzClass(f *testing.F) {
	f.Add("They recieve 1,500.", "They receive 1,500.")
	f.Add("-5 °C?", "−5 °C?!")
	f.Add("桥", "l’été\u0301")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Entry{Body: a}, Entry{Body: b}
		if !cosmetic(&x, &Entry{Body: strings.Join(strings.Fields(a), " ")}) {
			t.Error("white space counts")
		}
		if cosmetic(&x, &y) != cosmetic(&y, &x) {
			t.Error("the order counts")
		}
	})
}
