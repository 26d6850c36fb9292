package quote

import (
	"fmt"
	"sort"
	"strings"
	"testing"
)

func TestDbgAccept(t *testing.T) {
	docs := readGold(t, shared(t, "quotes/polnear.jsonl"))
	count := map[string][2]int{}
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
			var fs []string
			for _, p := range e.Points {
				fs = append(fs, p.Feature)
			}
			w := ""
			switch n := len(strings.Fields(e.Text)); {
			case n == 1:
				w = "1"
			case n == 2:
				w = "2"
			case n == 3:
				w = "3"
			case n < 6:
				w = "4-5"
			default:
				w = "6+"
			}
			rel := "none"
			for _, p := range e.Points {
				switch p.Feature {
				case "a tail names the speaker", "in a clause of saying", "in a clause of judging", "somebody does something", "a speaker is being quoted", "nobody near who could have said it":
					rel = p.Feature
				}
			}
			hl := ""
			for _, f := range fs {
				if f == "in a headline" {
					hl = "HEAD"
				}
			}
			k2 := fmt.Sprintf("SUM %s %s %s acc=%v", w, rel, hl, e.Accepted)
			c2 := count[k2]
			if ok {
				c2[0]++
			} else {
				c2[1]++
			}
			count[k2] = c2
			c := count[fmt.Sprintf("%d %s", e.Total, strings.Join(fs, "; "))]
			if ok {
				c[0]++
			} else {
				c[1]++
			}
			count[fmt.Sprintf("%d %s", e.Total, strings.Join(fs, "; "))] = c
		}
	}
	var ks []string
	for k := range count {
		ks = append(ks, k)
	}
	sort.Slice(ks, func(i, j int) bool { a, b := count[ks[i]], count[ks[j]]; return a[0]+a[1] > b[0]+b[1] })
	for _, k := range ks {
		fmt.Println(count[k], k)
	}
}
