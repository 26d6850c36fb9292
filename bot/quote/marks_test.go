package quote

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inMarks returns the quoted stretches of one paragraph.
func inMarks(text string) []string {
	var out []string
	for _, r := range pair(text, 0, len(text), 0, nil) {
		out = append(out, text[r.start:r.stop])
	}
	return out
}

func TestPair(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"straight", `He said "we wait" and "we hope".`, []string{"we wait", "we hope"}},
		{"curly", `“We wait,” she said.`, []string{"We wait,"}},
		{"opened curly, closed straight", `“We wait," she said.`, []string{"We wait,"}},
		{"closed with an opening mark", `“We wait,“ she said. “We hope.“`, []string{"We wait,", "We hope."}},
		{"nested curly", `“They call it “the wait” here,” she said.`, []string{"They call it “the wait” here,"}},
		{"never closed", `“We wait. And then we hope.`, []string{"We wait. And then we hope."}},
		{"never closed, then another", `“We wait, she said. “We hope,” he said.`, []string{"We wait, she said.", "We hope,"}},
		{"doubled apostrophes", `''We wait,'' she said.`, []string{"We wait,"}},
		{"TeX marks", "``We wait,'' she said.", []string{"We wait,"}},
		{"low-high", `„Wir warten“, sagte sie.`, []string{"Wir warten"}},
		{"guillemets with blanks", "« Nous attendons », dit-elle.", []string{"Nous attendons"}},
		{"guillemets outward", `»Wir warten«, sagte sie.`, []string{"Wir warten"}},
		{"brackets kept", `"[They said] we wait [again]," she said.`, []string{"[They said] we wait [again],"}},
		{"British headline", `Bridge 'doesn't feel safe', say drivers`, []string{"doesn't feel safe"}},
		{"headline with a plural possessive", `Report 'ignores drivers' fears', says union`, []string{"ignores drivers' fears"}},
		{"plural possessive alone", `The drivers' lot is hard and the walkers' worse.`, nil},
		{"two in a headline", `'Slow' council 'must do better'`, []string{"Slow", "must do better"}},
		{"curly single", `‘It’s the drivers’ call,’ he said.`, []string{"It’s the drivers’ call,"}},
		{"decades", `The '90s and the ’80s were 'the best of it', he said.`, []string{"the best of it"}},
		{"elision", `'Twas said that rock 'n' roll was dead.`, nil},
		{"contractions", `It's what they don't say that's telling.`, nil},
		{"single inside double", `"He told me 'not yet' twice," she said.`, []string{"He told me 'not yet' twice,"}},
		{"feet and inches", `The 6'2" skipper said no.`, nil},
		{"no words inside", `The sign said "!!" and nothing more.`, nil},
		{"single across the limit", `It was 'a ` + strings.Repeat("very ", 300) + `long day'.`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, inMarks(tt.text)); diff != "" {
				t.Errorf("%s\n%s", tt.text, diff)
			}
		})
	}
}

func TestAttributionLine(t *testing.T) {
	tests := map[string]bool{
		"– Ada Bell, harbour master":       true,
		"— Ada Bell, third oar":            true,
		"-- Ada Bell, harbour master":      true,
		"– Ada Bell":                       false,
		"– Reuters, Monday 4 May":          false,
		"– the harbour master, at a guess": false,
		"Ada Bell, harbour master":         false,
		"–":                                false,
	}
	for line, want := range tests {
		if got := attributionLine(line); got != want {
			t.Errorf("attributionLine(%q) = %v, want %v", line, got, want)
		}
	}
}
