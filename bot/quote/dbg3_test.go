package quote

import (
	"fmt"
	"testing"
)

func TestDbgPage(t *testing.T) {
	docs := readGold(t, shared(t, "seed/seed_gold_entries.jsonl"))
	var parts []Part
	title := ""
	var gold [][]goldQuote
	for i, d := range docs {
		if i == 0 {
			title = d.Text
			continue
		}
		h := d.Headline
		parts = append(parts, Part{h, d.Text[len(h):]})
		gold = append(gold, d.Quotes)
	}
	n, ok := 0, 0
	for i, qs := range Page(title, parts) {
		for k, q := range qs {
			n++
			if k < len(gold[i]) && q.Speaker == str(gold[i][k].Speaker) {
				ok++
				continue
			}
			fmt.Printf("%d %+v want %v\n", i, q, str(gold[i][min(k, len(gold[i])-1)].Speaker))
		}
		if len(qs) != len(gold[i]) {
			fmt.Println("count", i, len(qs), len(gold[i]))
		}
	}
	fmt.Println(ok, n)
}
