package bot

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/chat"
)

// A query is what a user asks, from a command's options, its free words, or
// the action of a button under an earlier answer.
type query struct {
	command string
	source  string
	words   string
	speaker string // /quotes only
	count   int
	offset  int
	period  time.Duration
	asOf    time.Time // pages of one answer show the same state of things
	share   bool      // show it to the channel
	asker   chat.Command
}

const (
	maxWords  = 60 // runes of free words that are looked at
	maxAction = 95 // bytes; chat.Button
	maxOffset = 10_000

	defaultPeriod = 24 * time.Hour
	maxPeriod     = 31 * 24 * time.Hour
)

var (
	errButton = errors.New("this button is from an older version: please ask again")
	errPeriod = errors.New("say the period as 30m, 6h, 2d or today")
)

func parseQuery(cmd chat.Command, now time.Time) (query, error) {
	if cmd.Kind == chat.Press {
		return parseAction(cmd.Action)
	}
	q := query{command: strings.ToLower(cmd.Name), count: defaultCount, asOf: now.UTC().Truncate(time.Second).Add(time.Second)}
	if cmd.Options == nil {
		return q, q.parseText(cmd.Text, now)
	}
	q.source = tidy(cmd.Options["source"])
	q.words = tidy(cmd.Options["words"])
	q.speaker = tidy(cmd.Options["speaker"])
	if n, err := strconv.Atoi(cmd.Options["count"]); err == nil {
		q.count = clampCount(n)
	}
	return q, q.setPeriod(tidy(cmd.Options["since"]), now)
}

// setPeriod reads how far back is asked for; "" leaves it.
func (q *query) setPeriod(text string, now time.Time) error {
	if text == "" {
		return nil
	}
	d, ok := parsePeriod(text, now)
	if !ok {
		return errPeriod
	}
	q.period = d
	return nil
}

// parseText reads "[source or words] [count or period]": the last word counts
// as the number or period if it is one, everything else is one name. What is
// named, as in speaker:lindqvist or source:"town council", is taken out first.
func (q *query) parseText(text string, now time.Time) error {
	text, named := cutNamed(text, "source", "words", "speaker", "since", "count")
	q.source, q.words, q.speaker = tidy(named["source"]), tidy(named["words"]), tidy(named["speaker"])
	if n, err := strconv.Atoi(named["count"]); err == nil {
		q.count = clampCount(n)
	}
	if err := q.setPeriod(tidy(named["since"]), now); err != nil {
		return err
	}
	fields := strings.Fields(tidy(text))
	if n := len(fields); n > 0 {
		last := fields[n-1]
		if d, ok := parsePeriod(last, now); ok && (q.command == "summary" || q.command == "quotes") {
			q.period, fields = d, fields[:n-1]
		} else if c, err := strconv.Atoi(last); err == nil && c > 0 && q.command != "summary" {
			q.count, fields = clampCount(c), fields[:n-1]
		}
	}
	rest := strings.Join(fields, " ")
	switch {
	case rest == "":
	case q.command == "quotes":
		q.words = rest
	default:
		q.source = rest
	}
	return nil
}

// cutNamed takes "name:value" and name:"more words" out of text.
func cutNamed(text string, names ...string) (rest string, named map[string]string) {
	named = make(map[string]string)
	text = strings.ToValidUTF8(text[:min(len(text), 8*maxWords)], "")
	var words []string
	for text = strings.TrimSpace(text); text != ""; {
		name, ok := namedFirst(text, names)
		if ok {
			named[name], text = firstValue(text[len(name)+1:])
			continue
		}
		var w string
		w, text, _ = strings.Cut(text, " ")
		words, text = append(words, w), strings.TrimSpace(text)
	}
	return strings.Join(words, " "), named
}

func clampCount(n int) int { return min(max(n, 1), maxCount) }

// tidy makes a user's words short and single-line.
func tidy(s string) string {
	if len(s) > 8*maxWords {
		s = s[:8*maxWords]
	}
	return cut(strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " "), maxWords)
}

// cut shortens s to max runes.
func cut(s string, max int) string {
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	return string([]rune(s)[:max])
}

// parsePeriod reads "30m", "6h", "2d" or "today": since midnight where now is.
func parsePeriod(s string, now time.Time) (time.Duration, bool) {
	s = strings.ToLower(s)
	if s == "today" {
		midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
		return max(now.Sub(midnight).Truncate(time.Second), time.Minute), true
	}
	if len(s) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(s[:len(s)-1])
	if err != nil || n < 1 || n > 100_000 {
		return 0, false
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	return min(time.Duration(n)*unit, maxPeriod), unit > 0
}

func (q query) since() time.Time { return q.asOf.Add(-q.period) }

// action encodes the query into a button: version, command, share, count,
// offset, as-of and period in base 36 seconds, then source, words and speaker.
// It is "" if that is too long.
func (q query) action() string {
	share := "0"
	if q.share {
		share = "1"
	}
	free := strings.TrimRight(strings.Join([]string{q.source, q.words, q.speaker}, freeSeparator), freeSeparator)
	s := strings.Join([]string{
		actionVersion, q.command, share, strconv.Itoa(q.count), strconv.Itoa(q.offset),
		strconv.FormatInt(q.asOf.Unix(), 36), strconv.FormatInt(int64(q.period/time.Second), 36),
		base64.RawURLEncoding.EncodeToString([]byte(free)),
	}, ".")
	if len(s) > maxAction {
		return ""
	}
	return s
}

// The version changes with what a button's action holds: buttons of older
// answers are then refused. freeSeparator is in nothing that is tidy.
const (
	actionVersion = "2"
	freeSeparator = "\n"
)

func parseAction(s string) (query, error) {
	f := strings.Split(s, ".")
	if len(s) > maxAction || len(f) != 8 || f[0] != actionVersion {
		return query{}, errButton
	}
	count, err1 := strconv.Atoi(f[3])
	offset, err2 := strconv.Atoi(f[4])
	asOf, err3 := strconv.ParseInt(f[5], 36, 64)
	period, err4 := strconv.ParseInt(f[6], 36, 64)
	free, err5 := base64.RawURLEncoding.DecodeString(f[7])
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return query{}, errButton
	}
	q := query{
		command: f[1], share: f[2] == "1", count: clampCount(count), offset: min(max(offset, 0), maxOffset),
		asOf:   time.Unix(asOf, 0).UTC(),
		period: min(time.Duration(min(max(period, 0), int64(maxPeriod/time.Second)))*time.Second, maxPeriod),
	}
	for i, part := range strings.SplitN(string(free), freeSeparator, 3) {
		*[]*string{&q.source, &q.words, &q.speaker}[i] = tidy(part)
	}
	return q, nil
}

// page adds the small print and the buttons of a paged answer that shows n
// items.
func (q query) page(r *chat.Reply, n int, more bool) {
	if q.offset > 0 || more {
		r.Note = fmt.Sprintf("%d to %d", q.offset+1, q.offset+n)
	}
	if q.offset > 0 {
		prev := q
		prev.offset = max(0, q.offset-q.count)
		r.Buttons = appendButton(r.Buttons, "◀ Newer", prev)
	}
	if more && q.offset+q.count <= maxOffset {
		next := q
		next.offset += q.count
		if next.action() == "" {
			r.Note += "; ask with fewer words to turn the page"
		}
		r.Buttons = appendButton(r.Buttons, "Older ▶", next)
	}
	r.Buttons = append(r.Buttons, q.shareButton()...)
}

func (q query) shareButton() []chat.Button {
	q.share = true
	return appendButton(nil, "Share with the channel", q)
}

func appendButton(b []chat.Button, label string, q query) []chat.Button {
	if a := q.action(); a != "" {
		b = append(b, chat.Button{Label: label, Action: a})
	}
	return b
}

// spoken says a period as a person would.
func spoken(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return plural(int(d.Round(time.Hour)/time.Hour), "hour", false)
	default:
		return plural(int(d.Round(time.Minute)/time.Minute), "minute", false)
	}
}

// longer suggests a longer period than d, "" if there is none.
func longer(d time.Duration) string {
	switch {
	case d < 24*time.Hour:
		return "24h"
	case d < 7*24*time.Hour:
		return "7d"
	case d < maxPeriod:
		return "31d"
	}
	return ""
}

func plural(n int, noun string, more bool) string {
	if more {
		return fmt.Sprintf("more than %d %ss", n, noun)
	}
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
