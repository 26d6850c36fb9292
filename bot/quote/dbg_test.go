package quote

import (
	"fmt"
	"strings"
	"testing"
)

func TestDbgFN(t *testing.T) {
	docs := readGold(t, shared(t, "quotes/polnear.jsonl"))
	sum := map[string][2]int{}
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
			for _, p := range e.Points {
				k := fmt.Sprintf("%v %s", e.Accepted, p.Feature)
				c := sum[k]
				if ok {
					c[0]++
				} else {
					c[1]++
				}
				sum[k] = c
			}
			if ok == e.Accepted {
				continue
			}
			var fs []string
			for _, p := range e.Points {
				fs = append(fs, fmt.Sprintf("%s %d", p.Feature, p.Points))
			}
			fmt.Printf("%v %d| %s ⟦%s⟧ %s | %s\n", ok, e.Total, strings.ReplaceAll(g.Text[max(0, e.Start-100):e.Start], "\n", "¶"), e.Text, strings.ReplaceAll(g.Text[e.End:min(len(g.Text), e.End+60)], "\n", "¶"), strings.Join(fs, "; "))
		}
	}
	for k, c := range sum {
		fmt.Println("SUM", k, c)
	}
}
