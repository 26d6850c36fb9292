package parse

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A stamped time is one read from a document, with what the document did not
// say about it.
type stamped struct {
	t      time.Time
	zoned  bool // it named its zone or offset
	hasDay bool
	timed  bool // it named a time of day
}

// parseTime reads a machine-written time: ISO 8601 in every spelling seen
// (offsets with and without colon, a blank for the T, seconds left out, a
// bracketed zone name behind), seconds or milliseconds since 1970, and the
// handful of other layouts in layouts. Times without zone are in zone.
func parseTime(s string, zone *time.Location) (stamped, bool) {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '['); i > 0 { // java.time: 2025-04-28T17:30:00+01:00[Europe/London]
		s = s[:i]
	}
	if len(s) < 6 || len(s) > 100 {
		return stamped{}, false
	}
	if st, ok := parseISO(s, zone); ok {
		return st, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		t, ok := epoch(n)
		return stamped{t: t, zoned: true, hasDay: true, timed: true}, ok
	}
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l.layout, s, zone); err == nil && plausible(t) {
			t, known := abbreviated(t, zone)
			return stamped{t: t, zoned: l.zoned && known, hasDay: true, timed: true}, true
		}
	}
	return parseLocalised(s, zone)
}

// abbreviated puts a time into the zone that its abbreviation names. Package
// time takes those it does not know for UTC. One that may be several zones
// names none, and the time is in zone.
func abbreviated(t time.Time, zone *time.Location) (_ time.Time, known bool) {
	name, off := t.Zone()
	low := strings.ToLower(name)
	switch low {
	case "", "utc", "gmt", "z", "ut", "wet":
		return t, true
	}
	if strings.HasPrefix(name, "GMT") { // "GMT+1" is read as the instant in UTC
		return t.Add(-time.Duration(off) * time.Second), true
	}
	if off != 0 || name[0] == '+' || name[0] == '-' {
		return t, true
	}
	z := zones[low]
	if known = z != nil; !known {
		z = zone
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), z), known
}

var layouts = []struct {
	layout string
	zoned  bool
}{
	{time.RFC1123Z, true},
	{"Mon, 2 Jan 2006 15:04:05 -0700", true},
	{"Mon, 2 Jan 2006 15:04:05 MST", true},
	{"2 Jan 2006 15:04:05 -0700", true},
	{"20060102T150405Z07:00", true},
	{"2006/01/02 15:04:05", false},
	{"2006/01/02 15:04", false},
	{"Mon Jan 2 2006 15:04:05 MST-0700", true},
	{"Mon Jan 2 15:04:05 MST 2006", true},
	{"Mon Jan 2 15:04:05 -0700 2006", true},
	{"Mon Jan 2 2006 15:04:05", false},
	{"Mon, 2 Jan 2006 15:04:05", false},
	{"Mon, 2 Jan 2006 15:04", false},
	{"1/2/06 3:04 PM", false}, // Live Blog 1 and 2
	{"1/2/2006 3:04 PM", false},
	{"1/2/2006 3:04:05 PM", false},
	{"02.01.2006 15:04", false},
	{"02.01.2006, 15:04", false},
	{"January 2, 2006 15:04", false},
	{"January 2, 2006 3:04 PM", false},
	{"Jan 2, 2006 3:04 PM", false},
	{"2 January 2006 15:04", false},
	{"2 Jan 2006 15:04", false},
}

// parseISO reads yyyy-mm-dd[(T| )hh:mm[:ss[.frac]][ ]][Z|±hh[[:]mm]].
func parseISO(s string, zone *time.Location) (stamped, bool) {
	y, ok1 := digits(s, 0, 4)
	mo, ok2 := digits(s, 5, 2)
	d, ok3 := digits(s, 8, 2)
	if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || mo < 1 || mo > 12 || d < 1 || d > 31 {
		return stamped{}, false
	}
	st := stamped{hasDay: true}
	rest := s[10:]
	var h, mi, sec, nano int
	if rest != "" && (rest[0] == 'T' || rest[0] == ' ' || rest[0] == 't') {
		rest = strings.TrimLeft(rest[1:], " ")
		var ok bool
		if h, mi, sec, nano, rest, ok = clockISO(rest); !ok {
			return stamped{}, false
		}
		st.timed = true
	}
	loc, named, ok := offsetISO(strings.TrimSpace(rest), zone)
	if !ok {
		return stamped{}, false
	}
	st.zoned = named
	st.t = time.Date(y, time.Month(mo), d, h, mi, sec, nano, loc)
	return st, plausible(st.t) && st.t.Day() == d
}

func clockISO(s string) (h, mi, sec, nano int, rest string, ok bool) {
	h, ok1 := digits(s, 0, 2)
	mi, ok2 := digits(s, 3, 2)
	if !ok1 || !ok2 || s[2] != ':' || h > 24 || mi > 59 {
		return 0, 0, 0, 0, s, false
	}
	s = s[5:]
	if len(s) > 0 && s[0] == ':' {
		n, ok := digits(s, 1, 2)
		if !ok || n > 60 {
			return 0, 0, 0, 0, s, false
		}
		sec, s = min(n, 59), s[3:]
	}
	if len(s) > 1 && (s[0] == '.' || s[0] == ',') {
		i := 1
		for scale := 100_000_000; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			nano += int(s[i]-'0') * scale
			scale /= 10
		}
		s = s[i:]
	}
	return h, mi, sec, nano, s, true
}

func offsetISO(s string, zone *time.Location) (loc *time.Location, named, ok bool) {
	switch s {
	case "":
		return zone, false, true
	case "Z", "z", "UTC", "GMT", "+00:00", "+0000", "-00:00":
		return time.UTC, true, true
	}
	if s[0] != '+' && s[0] != '-' {
		return nil, false, false
	}
	h, ok1 := digits(s, 1, 2)
	m := 0
	if rest := strings.TrimPrefix(s[min(len(s), 3):], ":"); rest != "" {
		var ok bool
		if m, ok = digits(rest, 0, 2); !ok || len(rest) != 2 {
			return nil, false, false
		}
	}
	if !ok1 || h > 15 || m > 59 {
		return nil, false, false
	}
	off := h*3600 + m*60
	if s[0] == '-' {
		off = -off
	}
	return time.FixedZone("", off), true, true
}

func digits(s string, i, n int) (int, bool) {
	if i+n > len(s) {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[i : i+n]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// epoch reads seconds (Express), milliseconds (Reach, AMP, Guardian) or
// microseconds since 1970, told apart by size. Small numbers are none: widgets
// use the same attributes for counting.
func epoch(n int64) (time.Time, bool) {
	var t time.Time
	switch {
	case n >= 1e14:
		t = time.UnixMicro(n)
	case n >= 1e11:
		t = time.UnixMilli(n)
	default:
		t = time.Unix(n, 0)
	}
	return t.UTC(), plausible(t)
}

// plausible reports whether something can have been published on the web at t.
func plausible(t time.Time) bool { return t.Year() >= 1990 && t.Year() < 2200 }

// tomorrow is how far ahead of the reading a time may lie. Local time that is
// labelled Z or read in the wrong zone is up to 14 hours off; what is later
// than a day from now is an error of another kind, and is dropped.
const tomorrow = 24 * time.Hour

// when reads a time for an entry, in UTC; zero if s holds none or none that
// can be.
func (d *document) when(s string) time.Time {
	st, ok := parseTime(s, d.zone())
	if !ok {
		return time.Time{}
	}
	return d.possible(st.t)
}

// whenValue reads a time out of JSON: a string, or a number since 1970.
func (d *document) whenValue(v value) time.Time {
	if v.kind == '0' {
		if t, ok := epoch(v.int()); ok {
			return d.possible(t)
		}
		return time.Time{}
	}
	return d.when(v.str())
}

func (d *document) possible(t time.Time) time.Time {
	if t.IsZero() || !plausible(t) || !d.Now.IsZero() && t.After(d.Now.Add(tomorrow)) {
		return time.Time{}
	}
	return t.UTC()
}

// zone is where times without a zone are read.
func (d *document) zone() *time.Location {
	if d.Zone != nil {
		return d.Zone
	}
	if d.local != nil {
		return d.local
	}
	return time.UTC
}

// A clock is a time of day at the start of a text, as readers see it.
type clock struct {
	h, m int
	loc  *time.Location // nil: not named
	len  int            // bytes of the text it takes, with what follows up to the words
}

// readClock reads "15:05", "12.31 Uhr: ", "9:05 am – ", "[14:20]", "17h45" at
// the start of s. A bare "12.31" is a number; it needs a word behind it that
// makes it a time.
func readClock(s string) (clock, bool) {
	if plain, ok := otherDigits(s); ok {
		c, ok := readClock(plain)
		c.len += clockExcess(s, c.len)
		return c, ok
	}
	i := len(s) - len(strings.TrimLeft(s, " \t\n\r[(\u00a0"))
	h, n, ok := oneOrTwo(s[i:])
	if !ok || h > 23 {
		return clock{}, false
	}
	i += n
	if i >= len(s) || strings.IndexByte(":.h", s[i]) < 0 {
		return clock{}, false
	}
	sep := s[i]
	m, ok := digits(s, i+1, 2)
	if !ok || m > 59 {
		return clock{}, false
	}
	i += 3
	if sep == ':' && i < len(s) && s[i] == ':' { // seconds
		if _, ok := digits(s, i+1, 2); ok {
			i += 3
		}
	}
	if i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == sep && sep != ':') {
		return clock{}, false
	}
	c := clock{h: h, m: m}
	i, named, ok := c.suffix(s, i)
	if !ok || sep == '.' && !named && !strings.HasPrefix(s[i:], ":") && !dashed(strings.TrimLeft(s[i:], " ")) {
		return clock{}, false
	}
	rest := strings.TrimLeft(s[i:], " \t\n\r\u00a0:|–—-•)].,")
	c.len = len(s) - len(rest)
	return c, true
}

// otherDigits returns the beginning of s, enough for a clock, with its Arabic
// or Indian digits as European ones; false if it begins with none.
func otherDigits(s string) (string, bool) {
	t := strings.TrimLeft(s, " \t\n\r[(\u00a0")
	r, _ := utf8.DecodeRuneInString(t)
	if r < 0x660 || !unicode.IsDigit(r) || arabicDigits(string(r))[0] >= utf8.RuneSelf {
		return "", false
	}
	return arabicDigits(clip(s, 40)), true
}

// clockExcess returns by how much the first n bytes of arabicDigits(s) are
// longer in s.
func clockExcess(s string, n int) int {
	excess := 0
	for _, r := range s {
		if n <= 0 {
			break
		}
		width := utf8.RuneLen(r)
		if r >= 0x660 && arabicDigits(string(r))[0] < 0x80 {
			excess += width - 1
			width = 1
		}
		n -= width
	}
	return excess
}

func oneOrTwo(s string) (v, n int, ok bool) {
	if v, ok := digits(s, 0, 2); ok {
		return v, 2, true
	}
	v, ok = digits(s, 0, 1)
	return v, 1, ok
}

// suffix reads what follows the digits: am, pm, Uhr, a zone.
func (c *clock) suffix(s string, i int) (end int, named, ok bool) {
	for range 3 {
		rest := strings.TrimLeft(s[i:], " \u00a0(")
		skip := len(s[i:]) - len(rest)
		n := 0
		for n < len(rest) && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || rest[n] == '.' && n > 0 && n < 4 && rest[n-1]|0x20 != 'r') {
			n++
		}
		word := strings.ToLower(strings.ReplaceAll(rest[:n], ".", ""))
		switch {
		case word == "am" || word == "pm":
			if c.h > 12 || c.h == 0 {
				return i, named, false
			}
			c.h %= 12
			if word == "pm" {
				c.h += 12
			}
		case word == "uhr" || word == "h" || word == "hrs" || word == "uur":
		case zones[word] != nil && rest[:n] == strings.ToUpper(rest[:n]):
			c.loc = zones[word]
		case word == "ist" && rest[:n] == "IST": // India, Ireland or Israel: the page's own zone is as good a guess
		default:
			return i, named, true
		}
		named = true
		i += skip + n
	}
	return i, named, true
}

// zones are the abbreviations that mean one thing in news.
var zones = map[string]*time.Location{
	"gmt": time.UTC, "utc": time.UTC,
	"bst": time.FixedZone("BST", 3600), "cet": time.FixedZone("CET", 3600), "cest": time.FixedZone("CEST", 7200),
	"edt": time.FixedZone("EDT", -4*3600), "est": time.FixedZone("EST", -5*3600), "pst": time.FixedZone("PST", -8*3600),
	"mez": time.FixedZone("MEZ", 3600), "mesz": time.FixedZone("MESZ", 7200), "eet": time.FixedZone("EET", 7200), "eest": time.FixedZone("EEST", 3*3600),
	"msk": time.FixedZone("MSK", 3*3600), "jst": time.FixedZone("JST", 9*3600), "nzst": time.FixedZone("NZST", 12*3600), "nzdt": time.FixedZone("NZDT", 13*3600),
	"sast": time.FixedZone("SAST", 7200), "awst": time.FixedZone("AWST", 8*3600), "brt": time.FixedZone("BRT", -3*3600),
	"pdt": time.FixedZone("PDT", -7*3600), "aest": time.FixedZone("AEST", 10*3600), "aedt": time.FixedZone("AEDT", 11*3600),
}

// at puts the time of day on the day of date.
func (c clock) at(date time.Time, zone *time.Location) time.Time {
	if c.loc != nil {
		zone = c.loc
	}
	return time.Date(date.Year(), date.Month(), date.Day(), c.h, c.m, 0, 0, zone)
}

// readDay reads a line that is a date and little else: "Dienstag, 27. August
// 2024", "August 27, 2024", "27.08.2024", "martedì 27 agosto". The year may be
// left out; then it is the one that puts the day nearest to about.
func readDay(s string, about time.Time) (time.Time, bool) {
	if len(s) > 100 {
		return time.Time{}, false
	}
	s = eastAsian(arabicDigits(s))
	if st, ok := parseISO(strings.TrimSpace(s), time.UTC); ok {
		return st.t, true
	}
	var day, month, year, other int
	numbers := [3]int{}
	n := 0
	doubtful := false // the month may be another word
	for f := range strings.FieldsFuncSeq(s, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && r != 'º' }) {
		f = strings.ToLower(f)
		if m := months[f]; m > 0 && month == 0 {
			month = m
			continue
		}
		if m := otherMonths[f]; m > 0 && month == 0 {
			month, doubtful = m, isLatin(f)
			continue
		}
		digits := strings.TrimRight(f, "stndrheºoª")
		if v, err := strconv.Atoi(digits); err == nil && n < 3 {
			numbers[n] = v
			n++
			continue
		}
		if !dayWords[f] {
			other++
		}
	}
	if other > 1 {
		return time.Time{}, false
	}
	switch {
	case month > 0 && n >= 1:
		day = numbers[0]
		if n >= 2 && numbers[1] >= 1990 {
			year = numbers[1]
		} else if n >= 2 {
			return time.Time{}, false
		}
		if doubtful && (year == 0 || other > 0) {
			return time.Time{}, false
		}
	case n == 3 && strings.Count(s, ".") >= 2 && other == 0: // 27.08.2024; with slashes nobody knows which is the month
		day, month, year = numbers[0], numbers[1], numbers[2]
		if year < 100 {
			year += 2000
		}
	default:
		return time.Time{}, false
	}
	return calendar(year, month, day, about)
}

func isLatin(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.Is(unicode.Latin, r)
}

func calendar(year, month, day int, about time.Time) (time.Time, bool) {
	guess := year == 0
	if guess {
		if about.IsZero() {
			return time.Time{}, false
		}
		year = about.Year()
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if day < 1 || t.Day() != day || month > 12 || !plausible(t) {
		return time.Time{}, false
	}
	if guess && t.After(about.AddDate(0, 6, 0)) {
		t = t.AddDate(-1, 0, 0)
	}
	if guess && t.Before(about.AddDate(0, -6, 0)) {
		t = t.AddDate(1, 0, 0)
	}
	return t, true
}

// months are the names that say a month wherever they stand beside a number.
var months = monthNames(
	"january february march april may june july august september october november december",
	"jan feb mar apr may jun jul aug sep oct nov dec",
	"januar februar märz april mai juni juli august september oktober november dezember",
	"jänner feb mrz apr mai jun jul aug sept okt nov dez",
	"janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
	"enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
	"gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
	"janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
	"januari februari maart april mei juni juli augustus september oktober november december",
)

// otherMonths mean other things too ("ago", "set", "out", "marca"): they say a
// month only in what is a date otherwise.
var otherMonths = monthNames(
	"janv févr mars avr mai juin juil août sept oct nov déc",
	"ene feb mar abr may jun jul ago sep oct nov dic", "gen feb mar apr mag giu lug ago set ott nov dic",
	"jan fev mar abr mai jun jul ago set out nov dez", "jan feb mrt apr mei jun jul aug sep okt nov dec", "jan feb mär apr mai jun jul aug sep okt nov dez",
	"januari februari mars april maj juni juli augusti september oktober november december",
	"januar februar marts april maj juni juli august september oktober november desember",
	"stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia", "sty lut mar kwi maj cze lip sie wrz paź lis gru",
	"ledna února března dubna května června července srpna září října listopadu prosince",
	"ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
	"január február március április május június július augusztus szeptember október november december",
	"tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
	"ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık", "oca şub mar nis may haz tem ağu eyl eki kas ara",
	"января февраля марта апреля мая июня июля августа сентября октября ноября декабря", "янв фев мар апр май июн июл авг сен окт ноя дек",
	"січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
	"ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου",
	"يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
	"जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
)

// monthNames numbers the names in lists of twelve.
func monthNames(lists ...string) map[string]int {
	m := make(map[string]int)
	for _, list := range lists {
		for i, name := range strings.Fields(list) {
			m[name] = i + 1
		}
	}
	return m
}

// dayWords stand beside a date without making it a sentence.
var dayWords = set(`monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
	montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi dimanche
	lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica
	segunda terça quarta quinta sexta feira maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
	der den vom am de del di le el il do da of the on`)

// startsWithDigit reports whether a clock can begin s, before anything costs.
func startsWithDigit(s string) bool {
	s = strings.TrimLeft(s, " \t\n\r[(\u00a0")
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsDigit(r)
}
