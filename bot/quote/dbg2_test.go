package quote

import (
	"fmt"
	"sort"
	"testing"
)

func TestDbgConf(t *testing.T) {
	count := map[string][2]int{}
	for _, f := range []string{"quotes/polnear.jsonl"} {
		docs := readGold(t, shared(t, f))
		for _, g := range docs {
			d := newDoc(g.Text, maybeHeaded)
			if len(d.regs) == 0 {
				continue
			}
			out := d.quotes(nil)
			// rerun to get verdicts
			d2 := newDoc(g.Text, maybeHeaded)
			d2.findMentions()
			d2.findFacts()
			vs := d2.attribute(nil)
			k := 0
			at := runeIndex(g.Text)
			for r := range vs {
				if !vs[r].accepted {
					continue
				}
				q := out[k]
				k++
				if vs[r].speaker < 0 {
					continue
				}
				for _, gq := range g.Quotes {
					if gq.Start < at(q.End) && at(q.Start) < gq.End && gq.Speaker != nil {
						ok := leniently(*gq.Speaker, q.Speaker, str(gq.Mention))
						rel := "?"
						for f := feature(0); f <= headlineSays; f++ {
							if vs[r].best.has(f) && f != pastCue && f != firstInSentence && f != sameSentence && f != colonSay {
								rel = scorecard[f].name
								break
							}
						}
						if vs[r].best.has(pastSay) {
							rel += " PASTSAY"
						} else if vs[r].best.has(pastCue) {
							rel += " pastcue"
						}
						gap := vs[r].best.points - vs[r].second
						gb := "gap>=12"
						if gap < 6 {
							gb = "gap<6"
						} else if gap < 12 {
							gb = "gap6-12"
						}
						key := fmt.Sprintf("%v %s kind%d %s", q.Confidence, rel, d2.ments[vs[r].speaker].kind, gb)
						c := count[key]
						if ok {
							c[0]++
						} else {
							c[1]++
						}
						count[key] = c
					}
				}
			}
		}
	}
	var ks []string
	for k := range count {
		ks = append(ks, k)
	}
	sort.Slice(ks, func(i, j int) bool { return count[ks[i]][1] > count[ks[j]][1] })
	for _, k := range ks[:min(70, len(ks))] {
		c := count[k]
		fmt.Printf("%4d %4d %.2f %s\n", c[0], c[1], float64(c[0])/float64(c[0]+c[1]), k)
	}
}
