package quote

import (
	"fmt"
	"strings"
	"testing"
)

func TestDbgFN(t *testing.T) {
	docs := readGold(t, shared(t, "quotes/polnear.jsonl"))
	for _, g := range docs {
		at := runeIndex(g.Text)
		for _, e := range Explain(g.Text) {
			s, en := at(e.Start), at(e.End)
			ok := false
			for _, q := range g.Quotes {
				if q.Start < en && s < q.End {
					ok = true
				}
			}
			if ok == e.Accepted {
				continue
			}
			var fs []string
			rel := ""
			for _, p := range e.Points {
				fs = append(fs, fmt.Sprintf("%s %d", p.Feature, p.Points))
				switch p.Feature {
				case "a tail names the speaker", "in a clause of saying", "in a clause of judging", "somebody does something", "a speaker is being quoted", "nobody near who could have said it":
					rel = p.Feature
				}
			}
			fmt.Printf("%v %s| %s ⟦%s⟧ %s | %s\n", ok, rel, strings.ReplaceAll(g.Text[max(0, e.Start-100):e.Start], "\n", "¶"), e.Text, strings.ReplaceAll(g.Text[e.End:min(len(g.Text), e.End+60)], "\n", "¶"), strings.Join(fs, "; "))
		}
	}
}
