package quote

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/news"
)

func TestBest(t *testing.T) {
	whole := news.Quote{Text: "I have worked on this river for thirty years and I have never seen anything like it.", Speaker: "Ada Bell", Kind: news.Direct, Confidence: news.High}
	plain := news.Quote{Text: "The northern gate was closed at six and reopened at a quarter to eight.", Speaker: "Tom Cole", Kind: news.Direct, Confidence: news.High}
	scrap := news.Quote{Text: "beyond saving", Speaker: "Ada Bell", Kind: news.Mixed, Confidence: news.High}
	nameless := news.Quote{Text: "We were never told that the bolts had been gone for years.", Kind: news.Direct, Confidence: news.Low}
	headline := news.Quote{Text: "never seen anything like it", Speaker: "Ada Bell", Kind: news.Mixed, InHeadline: true, Confidence: news.High}
	all := []news.Quote{headline, scrap, plain, nameless, whole}

	tests := []struct {
		name     string
		headline string
		max      int
		want     []news.Quote
	}{
		{"best first", "Bridge shut", 2, []news.Quote{whole, plain}},
		{"headline says it already", "Harbour master: I have worked thirty years on this river and never seen anything like it", 1, []news.Quote{plain}},
		{"none asked for", "Bridge shut", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(all)
			if diff := cmp.Diff(tt.want, Best(tt.headline, all, tt.max)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, all); diff != "" {
				t.Errorf("argument changed\n%s", diff)
			}
		})
	}
}

func TestBestDropsRepetition(t *testing.T) {
	a := news.Quote{Text: "Nobody in this town should have to pay for a storm.", Speaker: "Tom Cole", Kind: news.Direct, Confidence: news.High}
	b := a
	b.Text = "Nobody in this town should have to pay for the storm,"
	if got := Best("Toll waived", []news.Quote{a, b}, 3); len(got) != 1 {
		t.Errorf("got %d quotes, want one: %v", len(got), got)
	}
}

func TestBestLeavesOutScraps(t *testing.T) {
	scrap := news.Quote{Text: "tired", Kind: news.Mixed, Confidence: news.Low}
	if got := Best("", []news.Quote{scrap}, 1); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

func TestFragment(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"short", "We will not wait", "#:~:text=We%20will%20not%20wait"},
		{"reserved characters", "salt, oil & well-worn rope", "#:~:text=salt%2C%20oil%20%26%20well%2Dworn%20rope"},
		{"accents", "Déjà vu", "#:~:text=D%C3%A9j%C3%A0%20vu"},
		{"long is a range", "I have worked on this river for thirty years and never seen it", "#:~:text=I%20have%20worked%20on,and%20never%20seen%20it"},
		{"white space folds", "We  will\n not wait", "#:~:text=We%20will%20not%20wait"},
		{"quotes and brackets", "[They said] 'no'", "#:~:text=%5BThey%20said%5D%20%27no%27"},
		{"nothing", " \n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Fragment(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
