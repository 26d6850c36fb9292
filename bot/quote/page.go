package quote

import "github.com/pullquote/pullquote/bot/news"

// Page returns the quotes of every entry of a live page; result[i] belongs to
// parts[i]. Entries come as they stand on the page, newest first.
func Page(title string, parts []Part) [][]news.Quote {
	want := make([]int, len(parts))
	for i := range want {
		want[i] = i
	}
	return PageOf(title, parts, want)
}

// PageOf is Page for some entries only; the others are read as far as they
// tell who is who. result[i] belongs to parts[want[i]] and is what Page would
// return for it.
func PageOf(title string, parts []Part, want []int) [][]news.Quote {
	out := make([][]news.Quote, len(want))
	for i, w := range want {
		p := parts[w]
		head := headed
		if p.Headline == "" {
			head = headless
		}
		d := newDoc(p.Headline+"\n\n"+p.Body, head)
		for _, q := range d.quotes(nil) {
			out[i] = append(out[i], q.News())
		}
	}
	return out
}

// News returns q without its place in the text.
func (q Quote) News() news.Quote {
	return news.Quote{Text: q.Text, Speaker: q.Speaker, Role: q.Role, Kind: q.Kind, InHeadline: q.InHeadline, Confidence: q.Confidence}
}
