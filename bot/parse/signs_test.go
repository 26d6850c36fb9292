package parse

import (
	"testing"

	"github.com/pullquote/pullquote/bot/news"
)

func TestHeadlineSaysOver(t *testing.T) {
	for _, s := range []string{
		"Storm at Eastquay – as it happened", "How it unfolded: the night the barrier held", "Sturm in Ostkai: Der Ticker zum Nachlesen", "So lief die Sturmnacht",
		"Tempesta, diretta finita", "Tormenta, minuto a minuto finalizado", "Así fue la noche de la tormenta", "Tempête : le direct est terminé", "Revivez la nuit de tempête",
		"Tempestade: como aconteceu", "Storm: lees terug hoe de nacht verliep", "Шторм: как это было", "风暴直播结束",
	} {
		if overIn(s) == "" {
			t.Errorf("%q does not say that it is over", s)
		}
	}
	for _, s := range []string{"", "Storm live", "As it happens, the barrier holds", "Tormenta, minuto a minuto", "Sturm im Liveticker", "La tempête en direct", "Also fast over: the ferry race"} {
		if got := overIn(s); got != "" {
			t.Errorf("%q says that it is over: %q", s, got)
		}
	}
}

func TestEntrySaysGoodbye(t *testing.T) {
	for _, s := range []string{
		"That’s it for tonight.", "We are closing this live blog now.", "Thanks for following along.", "Damit schließen wir den Ticker. Gute Nacht!",
		"C'est la fin de ce direct.", "Hasta aquí la información de hoy.", "La diretta finisce qui.", "Obrigado por acompanhar.", "Bedankt voor het lezen.",
	} {
		if saysGoodbye(&news.Entry{Body: s}) == "" {
			t.Errorf("%q takes no leave", s)
		}
	}
	middle := "The barrier holds and the town sleeps. " + filler + "The master said good night to his crew and went. " + filler + filler
	for _, s := range []string{"", "The barrier holds.", middle} {
		if got := saysGoodbye(&news.Entry{Body: s}); got != "" {
			t.Errorf("takes leave: %q", got)
		}
	}
}

func TestSaysContinued(t *testing.T) {
	for _, s := range []string{
		"Follow our new live blog", "Our live coverage continues here", "This blog has moved", "Hier geht's weiter: zum neuen Liveblog", "Suivez la suite dans notre nouveau direct",
		"Siga en nuestro nuevo directo", "La diretta continua qui", "Volg het in ons nieuwe liveblog", "Acompanhe no novo direto",
	} {
		if !saysContinued(s) {
			t.Errorf("%q does not say that it goes on", s)
		}
	}
	for _, s := range []string{"", "Live", "Live football", "Follow live", "Live blog", "Latest news", "Liveblog", "En direct", "Subscribe to our new newsletter"} {
		if saysContinued(s) {
			t.Errorf("%q says that it goes on", s)
		}
	}
}

// What is looked for first leaves out nothing that is looked for.
func TestStemsCoverThePhrases(t *testing.T) {
	for _, phrase := range continued {
		if !containsAny(phrase, continuedStems) {
			t.Errorf("%q has no stem", phrase)
		}
	}
}

func TestSuccessorIsOfTheSameSite(t *testing.T) {
	for href, want := range map[string]string{
		"/live/two":                            "https://www.news.example/live/two",
		"https://live.news.example/two":        "https://live.news.example/two",
		"https://other.example/live/two":       "",
		"/live/storm?page=2":                   "",
		"/live/storm/":                         "",
		"#top":                                 "",
		"javascript:go()":                      "",
		"https://fakenews.example/live/storm2": "",
	} {
		body := `<html><title>Storm live</title><p>Follow our new live blog <a href="` + href + `">here</a>.</p><h2>One</h2><p>Text.</p><h2>Two</h2><p>Text.</p></html>`
		snap, err := Parse(Document{URL: "https://www.news.example/live/storm", Body: []byte(body)})
		if err != nil || snap.Successor != want {
			t.Errorf("%s: %q, %v, want %q", href, snap.Successor, err, want)
		}
	}
}

func TestWhatWasLiveIsRemembered(t *testing.T) {
	const live = `<html><title>Storm live</title><i class="live-label">Live</i><h2>One</h2><p>Text.</p><h2>Two</h2><p>Text.</p></html>`
	const over = `<html><title>Storm</title><h2>One</h2><p>Text.</p><h2>Two</h2><p>Text.</p></html>`
	first, err := Parse(Document{Body: []byte(live), Format: "headed"})
	if err != nil || first.Live != "badge headline" || len(first.Signs) != 0 {
		t.Fatalf("live %q, signs %v, %v", first.Live, first.Signs, err)
	}
	for range 2 { // what is gone stays gone
		first, err = Parse(Document{Body: []byte(over), Format: "headed", Live: first.Live})
		if err != nil || first.Live != "badge headline" || len(first.Signs) != 2 || !first.Signs[0].Medium {
			t.Fatalf("live %q, signs %v, %v", first.Live, first.Signs, err)
		}
	}
}

func TestHeaderRels(t *testing.T) {
	got := headerRels([]string{`</feed>; rel="self", <https://hub.example/>; title="a, <b>"; rel="hub x"`, `<broken; rel=next`, `<>`, `<https://second.example/>; rel=hub`})
	if got["self"] != "/feed" || got["hub"] != "https://hub.example/" || got["next"] != "" {
		t.Errorf("%v", got)
	}
}
