package bot

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
)

const (
	maxQuotes = 3   // on a card
	leadRunes = 320 // of an entry's text on a card without a quote
)

// CardOf composes the card of an entry as it now stands. It is pure: the same
// source and entry give the same card.
func CardOf(src news.Source, e news.Entry) chat.Card {
	c := chat.Card{
		Source:   src.Name,
		State:    stateOf(&e),
		Headline: e.Headline,
		URL:      e.URL,
		Byline:   e.Author,
		Time:     e.When(),
		Key:      e.Key,
	}
	if c.State != chat.Live {
		c.Changed = e.Changed
	}
	if e.Pulled {
		return pulled(c)
	}
	for _, q := range quote.Best(e.Headline, e.Quotes, maxQuotes) {
		c.Quotes = append(c.Quotes, cardQuote(&e, q))
	}
	if c.State == chat.Corrected {
		for _, q := range e.Was {
			was := cardQuote(&e, q)
			was.URL = "" // the words are no longer on the page
			c.Was = append(c.Was, was)
		}
	}
	if len(c.Quotes) == 0 || c.Headline == "" {
		c.Text = lead(withoutByline(e.Body), leadRunes)
	}
	if c.Headline == "" && len(c.Quotes) == 0 && c.Text == "" {
		c.Text = lead(e.Body, leadRunes) // an announcement is more than nothing
	}
	c.Image = imageOf(&e)
	return c
}

const pulledText = "This update was pulled by the newsroom."

// pulled leaves of a card that the desk withdrew what says where it stood, and
// none of its words.
func pulled(c chat.Card) chat.Card {
	return chat.Card{
		Source: c.Source, State: chat.Withdrawn, Time: c.Time, Changed: c.Changed,
		Text: pulledText,
	}
}

func stateOf(e *news.Entry) chat.State {
	switch e.Status {
	case news.Updated:
		return chat.Updated
	case news.Corrected:
		return chat.Corrected
	case news.Withdrawn:
		return chat.Withdrawn
	}
	return chat.Live
}

// cardQuote names a speaker only as far as the text makes sure of it, and
// links to the words themselves where the entry has an address. The comma that
// leads on to "she said" is the reporter's and goes.
func cardQuote(e *news.Entry, q news.Quote) chat.Quote {
	cq := chat.Quote{Text: strings.TrimRight(q.Text, ", "), Speaker: q.Speaker, Role: q.Role}
	if q.Confidence == news.Low {
		cq.Speaker, cq.Role = "", ""
	}
	if e.URL != "" {
		cq.URL = textFragment(e.URL, q.Text)
	}
	return cq
}

// textFragment points a URL at the words in its page, keeping the fragment it
// has (WICG "URL Fragment Text Directives": the directive follows ":~:").
func textFragment(url, text string) string {
	directive := quote.Fragment(text)
	if directive == "" {
		return ""
	}
	if !strings.Contains(url, "#") {
		url += "#"
	}
	return url + ":~:" + strings.TrimPrefix(directive, "#:~:")
}

func imageOf(e *news.Entry) chat.Image {
	for _, m := range e.Media {
		if m.Kind == news.Image && m.URL != "" {
			return chat.Image{URL: m.URL, Alt: m.Alt, Credit: m.Credit}
		}
	}
	return chat.Image{}
}

// withoutByline drops a last paragraph that only announces a recording ("Our
// reporter reports from the quay:"): on a card there is nothing after it.
func withoutByline(body string) string {
	body = strings.TrimSpace(body)
	if !strings.HasSuffix(body, ":") {
		return body
	}
	i := strings.LastIndex(body, "\n\n")
	return body[:max(i, 0)]
}

// lead returns the beginning of a text: whole paragraphs, then whole
// sentences, then words, as fit in max runes. What is cut is said with "…". In
// scripts that put no blanks between words it ends where a sign does.
func lead(body string, max int) string {
	body = strings.TrimSpace(body)
	cut := afterRunes(body, max)
	if cut == len(body) {
		return body
	}
	if i := strings.LastIndex(body[:cut], "\n\n"); i > cut/2 {
		return body[:i] + " …"
	}
	if i := lastSentence(body[:cut]); i > cut/2 {
		return body[:i] + " …"
	}
	i := strings.LastIndexFunc(body[:cut], unicode.IsSpace)
	if i > cut/2 || i > 0 && strings.Contains(body[i:cut], "://") {
		return strings.TrimRightFunc(body[:i], unicode.IsSpace) + " …"
	}
	return body[:wholeSigns(body, cut)] + "…"
}

// afterRunes returns where the first n runes of s end.
func afterRunes(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// lastSentence returns the end of the last whole sentence in s, or -1.
func lastSentence(s string) int {
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		switch r {
		case '。', '！', '？':
			return i
		case '.', '!', '?', '۔', '؟', '।':
			if strings.HasPrefix(s[i:], " ") {
				return i
			}
		}
		i -= size
	}
	return -1
}

// wholeSigns returns the last place at or before cut where no sign is cut in
// two: an accented letter, an emoji of several, a flag. The adapters, which cut
// to the platform's limits, know all of Unicode's rules; for a lead these do.
func wholeSigns(s string, cut int) int {
	for at := cut; at > 0; {
		next, _ := utf8.DecodeRuneInString(s[at:])
		prev, size := utf8.DecodeLastRuneInString(s[:at])
		if !joins(prev, next) && (!isFlag(next) || flagsBefore(s[:at])%2 == 0) {
			return at
		}
		at -= size
	}
	return cut
}

// joins reports whether next belongs to the same sign as prev.
func joins(prev, next rune) bool {
	const joiner = '\u200d'
	return unicode.Is(unicode.M, next) || next == joiner || prev == joiner ||
		next >= 0x1F3FB && next <= 0x1F3FF // skin tones
}

// isFlag reports whether r is one of the letters that make flags, in pairs.
func isFlag(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

func flagsBefore(s string) (n int) {
	for len(s) > 0 {
		r, size := utf8.DecodeLastRuneInString(s)
		if !isFlag(r) {
			return n
		}
		n++
		s = s[:len(s)-size]
	}
	return n
}

// digest returns a hash of a card: two cards with the same one look the same.
func digest(c chat.Card) [32]byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic("bot: marshal card: " + err.Error()) // unreachable: plain fields only
	}
	return sha256.Sum256(b)
}
