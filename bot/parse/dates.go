package parse

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Dates as some system formatted them in its own language where a standard one
// is due: "dim., 01 mars 2026 12:00:00 +0100", "1 de marzo de 2026, 12h30",
// "2026年3月1日 12時30分".

// parseLocalised reads such a date. Times without zone are in zone. It takes a
// day, a month by name and a year; a time of day is optional.
func parseLocalised(s string, zone *time.Location) (stamped, bool) {
	if len(s) < 8 || len(s) > 100 {
		return stamped{}, false
	}
	s = eastAsian(arabicDigits(s))
	r := dateReader{zone: zone}
	for f := range strings.FieldsFuncSeq(s, func(c rune) bool { return unicode.IsSpace(c) || strings.ContainsRune(",،;()|/", c) }) {
		if !r.field(f) {
			return stamped{}, false
		}
	}
	if r.day == 0 || r.month == 0 || r.year == 0 || r.words > 4 {
		return stamped{}, false
	}
	if r.pm && r.h < 12 {
		r.h += 12
	}
	t := time.Date(r.year, time.Month(r.month), r.day, r.h, r.m, r.s, 0, r.zone)
	return stamped{t: t, zoned: r.zoned, hasDay: true, timed: r.timed}, t.Day() == r.day && plausible(t)
}

// A dateReader gathers what the words of a date say.
type dateReader struct {
	zone             *time.Location
	day, month, year int
	h, m, s          int
	timed, zoned, pm bool
	words            int
}

// field takes one word; false if it cannot be part of a date.
func (r *dateReader) field(f string) bool {
	low := strings.ToLower(strings.Trim(f, ".·–—"))
	switch {
	case low == "":
		return true
	case months[low]+otherMonths[low] > 0 && r.month == 0:
		r.month = max(months[low], otherMonths[low])
		return true
	case r.timed && !r.zoned && r.offset(f):
		return true
	case low == "pm" || low == "p.m":
		r.pm = true
		return true
	case !unicode.IsDigit(rune(low[0])):
		r.words++
		return true
	}
	if r.clock(low) {
		return true
	}
	n, err := strconv.Atoi(strings.TrimRight(low, "stndrheoºª."))
	switch {
	case err != nil:
		return false
	case n >= 1990 && n < 2200 && r.year == 0:
		r.year = n
	case n >= 1 && n <= 31 && r.day == 0:
		r.day = n
	default:
		return false
	}
	return true
}

func (r *dateReader) offset(f string) bool {
	if z := zones[strings.ToLower(f)]; z != nil {
		r.zone, r.zoned = z, true
		return true
	}
	sign := strings.TrimPrefix(strings.TrimPrefix(f, "GMT"), "UTC")
	if len(sign) == 2 && sign != f && (sign[0] == '+' || sign[0] == '-') { // GMT+1
		sign = sign[:1] + "0" + sign[1:]
	}
	loc, named, ok := offsetISO(sign, r.zone)
	if ok && named || f == "GMT" || f == "UTC" {
		if !named {
			loc = time.UTC
		}
		r.zone, r.zoned = loc, true
		return true
	}
	return false
}

var localClock = regexp.MustCompile(`^(\d{1,2})[:h.](\d{2})(?:[:m.](\d{2}))?(?:h|uhr|s)?$`)

func (r *dateReader) clock(s string) bool {
	m := localClock.FindStringSubmatch(s)
	if m == nil || r.timed {
		return false
	}
	r.h, _ = strconv.Atoi(m[1])
	r.m, _ = strconv.Atoi(m[2])
	r.s, _ = strconv.Atoi(m[3])
	r.timed = true
	return r.h < 24 && r.m < 60 && r.s < 61
}

var (
	eastDate  = regexp.MustCompile(`(?:(\d{4})\s?[年년]\s?)?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号號]`)
	eastClock = regexp.MustCompile(`(\d{1,2})\s?[時时시点點]\s?(\d{1,2})\s?[分분](?:\s?(\d{1,2})\s?[秒초])?`)
)

// eastAsian rewrites dates and times of Chinese, Japanese and Korean pages.
func eastAsian(s string) string {
	if isASCII(s) {
		return s
	}
	m := eastDate.FindStringSubmatchIndex(s)
	if m == nil {
		return s
	}
	month, _ := strconv.Atoi(s[m[4]:m[5]])
	if month < 1 || month > 12 {
		return s
	}
	year := ""
	if m[2] >= 0 {
		year = s[m[2]:m[3]]
	}
	s = s[:m[0]] + " " + s[m[6]:m[7]] + " " + time.Month(month).String() + " " + year + " " + s[m[1]:]
	return eastClock.ReplaceAllStringFunc(s, func(c string) string {
		p := eastClock.FindStringSubmatch(c)
		if len(p[2]) == 1 {
			p[2] = "0" + p[2]
		}
		return " " + p[1] + ":" + p[2] + " "
	})
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// arabicDigits writes Arabic, Persian and Devanagari digits as European ones.
func arabicDigits(s string) string {
	if isASCII(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		for _, zero := range [...]rune{0x660, 0x6F0, 0x966} {
			if r >= zero && r < zero+10 {
				return '0' + r - zero
			}
		}
		return r
	}, s)
}
