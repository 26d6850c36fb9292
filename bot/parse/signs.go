package parse

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// Signs that coverage is over, where no flag says so. None is enough by
// itself: coverageEndTime was found a day ahead, an hour behind and equal to
// the start; reporters say good night and are back at seven.

// afterCoverage is how long coverage must be past its stated end to count.
const afterCoverage = 2 * time.Hour

// What a page may call itself live by, as in [news.Snapshot.Live].
const (
	liveBadge    = "badge"    // an element that shows LIVE
	liveHeadline = "headline" // its headline or title
	liveType     = "type"     // its structured data: LiveBlogPosting
)

// signs fills r.Signs and r.Live.
func (d *document) signs(r *reading) {
	sign := func(medium bool, what string) {
		r.Signs = append(r.Signs, news.Sign{Medium: medium, What: what})
	}
	phrase := d.saysOver(r.Title)
	if phrase != "" {
		sign(true, `the headline says "`+phrase+`"`)
	}
	for _, mark := range d.lost(r) {
		switch mark {
		case liveBadge:
			sign(true, "the page shows no LIVE badge any more")
		case liveHeadline:
			if phrase == "" {
				sign(true, "the headline says no longer that it is live")
			}
		case liveType:
			sign(true, "the page's data call it an article, and no longer a live blog")
		}
	}
	if len(r.Entries) == 0 {
		return
	}
	newest := &r.Entries[0]
	if !r.end.IsZero() && d.Now.Sub(r.end) > afterCoverage && !d.Now.IsZero() && !newest.Published.After(r.end) {
		sign(true, "its coverageEndTime is past")
	}
	if word := saysGoodbye(newest); word != "" {
		sign(false, `the newest entry says "`+word+`"`)
	}
}

// lost returns by what the page called itself live before and does not now,
// and adds to r.Live what it does. What is no page shows neither.
func (d *document) lost(r *reading) []string {
	if d.page == nil {
		r.Live = d.Live
		return nil
	}
	now := d.page.liveMarks(d, r)
	known := slices.DeleteFunc(strings.Fields(d.Live), func(m string) bool {
		return m != liveBadge && m != liveHeadline && m != liveType
	})
	var gone []string
	for _, m := range known {
		if !slices.Contains(now, m) && (m != liveType || d.page.isArticle()) {
			gone = append(gone, m)
		}
	}
	all := append(known, now...)
	slices.Sort(all)
	r.Live = strings.Join(slices.Compact(all), " ")
	return gone
}

// liveMarks returns by what the page calls itself live.
func (p *page) liveMarks(d *document, r *reading) []string {
	var marks []string
	if p.badge {
		marks = append(marks, liveBadge)
	}
	if slices.ContainsFunc([]string{p.title, p.heading, p.ogTitle, r.Title}, saysLive) && d.saysOver(r.Title) == "" {
		marks = append(marks, liveHeadline)
	}
	if p.ogType == "liveblog" || p.scripted(`LiveBlogPosting`) {
		marks = append(marks, liveType)
	}
	return marks
}

// isArticle reports whether the page's data call it an article and nothing
// else.
func (p *page) isArticle() bool {
	return p.scripted(`NewsArticle"`, `"Article"`, `ReportageNewsArticle`) || p.ogType == "article"
}

// saysOver returns the words by which one of the page's headlines says that it
// is over; "" if none does.
func (d *document) saysOver(title string) string {
	heads := []string{title}
	if p := d.page; p != nil {
		heads = append(heads, p.heading, p.ogTitle, p.title)
	}
	for _, h := range heads {
		if phrase := overIn(h); phrase != "" {
			return phrase
		}
	}
	return ""
}

func overIn(headline string) string {
	s := " " + strings.ReplaceAll(strings.ToLower(fold(headline)), "’", "'") + " "
	for _, phrase := range over {
		if strings.Contains(s, phrase) {
			return strings.TrimSpace(phrase)
		}
	}
	if strings.Contains(s, "minuto") && (strings.Contains(s, "finaliza") || strings.Contains(s, "encerra")) {
		return "minuto a minuto finalizado"
	}
	return ""
}

// over are the words by which headlines say that live coverage is over.
var over = []string{
	"as it happened", "how it happened", "as it unfolded", "how it unfolded", "how the day unfolded", "(closed)", "live blog closed",
	" so lief ", " so war ", "zum nachlesen", "ticker beendet", "liveblog beendet", "ticker-protokoll", "im protokoll",
	"diretta finita", "diretta conclusa", "fine della diretta", "com'è andata", "cosa è successo oggi",
	"directo finalizado", "en vivo finalizado", "cobertura finalizada", "así fue ", "así ha sido", "así se vivió",
	"direct terminé", "direct est terminé", "fin du direct", "revivez ", "ce qu'il s'est passé",
	"como aconteceu", "veja como foi", "saiba como foi", "cobertura encerrada", "ao vivo encerrado",
	"lees terug", "lees hier terug", "liveblog gesloten", "liveblog is gesloten",
	"direktrapporten är avslutad", "liverapporteringen är avslutad", "slik var ", "slik gikk ", "sådan gik ", "så var ",
	"relacja zakończona", "zapis relacji", "jak to bylo", "přenos skončil",
	"как это было", "онлайн завершен", "онлайн завершён", "трансляция завершена",
	"canlı anlatım sona erdi", "انتهت التغطية", "直播结束", "直播已结束", "速報終了",
}

// saysGoodbye returns the words by which an entry takes leave; "" if it does
// not. A long entry may quote them: only its headline, its beginning and its
// end count.
func saysGoodbye(e *news.Entry) string {
	first, last := clip(e.Body, 300), e.Body
	if len(last) > 400 {
		last = strings.ToValidUTF8(last[len(last)-400:], "")
	}
	text := " " + strings.ReplaceAll(strings.ToLower(fold(e.Headline+" "+first+" "+last)), "’", "'") + " "
	for _, said := range goodbyes {
		if strings.Contains(text, said) {
			return strings.TrimSpace(said)
		}
	}
	return ""
}

// goodbyes close live coverage.
var goodbyes = []string{
	"that's it for", "that's it from", "that's all for", "that's all from", "that is all for", "that's a wrap", "wrapping up", "wrap up our live", "closing this live",
	"closing our live", "closing the live", "close this live", "bringing this live", "logging off", "signing off", "goodnight", "good night", "end our live coverage",
	"ending our live", "pausing our live", "thanks for following", "thanks for joining us", "thank you for following", "thanks for reading", "live blog is now closed", "blog is now closed",
	"live coverage has ended", "live coverage is over", "we're ending", "we are ending",
	"wir beenden", "damit schließen wir", "damit beenden wir", "der liveblog ist geschlossen", "der ticker ist beendet", "gute nacht", "vielen dank fürs mitlesen", "danke fürs mitlesen",
	"ce direct est terminé", "c'est la fin de ce direct", "fin de ce direct", "merci de nous avoir suivi", "merci de l'avoir suivi", "bonne nuit",
	"termina aquí", "hasta aquí", "cerramos este", "finalizamos", "gracias por seguir", "gracias por acompañarnos", "buenas noches",
	"la diretta finisce", "si chiude qui", "chiudiamo qui", "termina qui", "grazie per averci seguit", "buonanotte", "buona notte",
	"encerramos", "termina aqui", "obrigado por acompanhar", "obrigado por ter", "boa noite",
	"we sluiten dit", "dit liveblog is gesloten", "deze liveblog is gesloten", "bedankt voor het", "welterusten", "goedenacht",
	"vi avslutar", "tack för att", "vi avslutter", "takk for at", "vi lukker", "tak fordi",
	"kończymy relację", "dziękujemy, że", "dobranoc", "завершаем онлайн", "завершаем трансляцию", "спасибо, что были с нами", "спокойной ночи",
	"نشكركم على المتابعة", "शुभ रात्रि", "ありがとうございました", "感谢关注",
}

// badgeWords stand beside "live" in the class of an element that shows it.
var badgeWords = set("badge label indicator flag flash dot icon pill tag kicker pulse bug marker status sticker tab")

// isBadge reports whether n is an element that shows nothing but LIVE.
func isBadge(n *html.Node, class string) bool {
	live, badge := false, false
	classWords(class, func(w string) bool {
		live = live || w == "live" || w == "livebadge" || w == "livelabel"
		badge = badge || badgeWords[w] || w == "livebadge" || w == "livelabel"
		return !live || !badge
	})
	if !live || !badge && n.Data != "span" && n.Data != "strong" {
		return false
	}
	if n.FirstChild != nil && n.FirstChild.NextSibling != nil && n.FirstChild.NextSibling.NextSibling != nil && n.FirstChild.NextSibling.NextSibling.NextSibling != nil {
		return false // a badge is small, and every element may claim to be one
	}
	s := textOf(n)
	return len(s) < 100 && shownLive[strings.ToLower(strings.Trim(fold(s), " .·•●🔴:|-–"))]
}

var shownLive = map[string]bool{
	"live": true, "live now": true, "live updates": true, "updating live": true, "liveblog": true, "live blog": true, "liveticker": true, "ticker": true,
	"en direct": true, "direct": true, "en vivo": true, "directo": true, "en directo": true, "diretta": true, "in diretta": true, "la diretta": true, "ao vivo": true, "direto": true,
	"direkt": true, "direkte": true, "na żywo": true, "живой эфир": true, "прямой эфир": true, "онлайн": true, "canlı": true, "مباشر": true, "लाइव": true, "直播": true, "ライブ": true, "živě": true,
}
