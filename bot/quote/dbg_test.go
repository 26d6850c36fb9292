package quote
import ("testing";"fmt";"strings")
func TestDbgGum(t *testing.T) {
	docs := readGold(t, shared(t, "quotes/gum_news.jsonl"))
	for _, g := range docs {
		at := runeIndex(g.Text)
		for _, e := range Explain(g.Text) {
			if !e.Accepted || e.Quote.Confidence == "high" { continue }
			gold := "FP"
			for _, q := range g.Quotes { if q.Start < at(e.End) && at(e.Start) < q.End { gold = str(q.Speaker) } }
			fmt.Printf("%s|%.60q… gold %q pred %q %s\n", strings.ReplaceAll(g.Text[max(0,e.Start-90):e.Start],"\n","¶"), e.Text, gold, e.Quote.Speaker, e.Quote.Confidence)
			for _, c := range e.Choices[:min(2,len(e.Choices))] { s := ""; for _, p := range c.Points { s += fmt.Sprintf("%s %d; ", p.Feature, p.Points) }; fmt.Println("      ", c.Phrase, c.Total, s) }
		}
	}
}
