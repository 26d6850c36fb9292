package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hours are times of the week in a time zone, such as the quiet hours of a
// channel. The zero Hours is no time at all. They are written as days, times
// and a zone, the parts before the zone separated by commas:
//
//	22:00-07:00 Europe/London
//	mon-fri 22:00-07:00, sat,sun 23:00-09:00 Europe/London
//
// Days are those on which a stretch begins; a stretch that ends before it
// begins ends on the next day. Times are those the clock on the wall shows, so
// a night is an hour shorter or longer when the clocks change.
type Hours struct {
	text    string
	zone    *time.Location
	windows []window
}

// A window is a stretch of hours in minutes since midnight.
type window struct {
	days     [7]bool // by time.Weekday
	from, to int     // from == to is the whole day
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseHours reads hours. An empty text is the zero Hours.
func ParseHours(text string) (Hours, error) {
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return Hours{}, nil
	}
	i := strings.LastIndexByte(text, ' ')
	name := text[i+1:]
	if i < 0 || strings.Contains(name, ":") {
		return Hours{}, fmt.Errorf("the time zone is missing at the end, as in 22:00-07:00 Europe/London")
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return Hours{}, fmt.Errorf("%.60q is no time zone; write a name such as Europe/London", name)
	}
	h := Hours{text: text, zone: zone}
	var days []string
	for part := range strings.SplitSeq(text[:i], ",") {
		fields := strings.Fields(part)
		switch {
		case len(fields) == 1 && !strings.Contains(fields[0], ":"):
			days = append(days, fields[0]) // "sat" of "sat,sun 23:00-09:00"
			continue
		case len(fields) == 2:
			days = append(days, fields[0])
			fields = fields[1:]
		case len(fields) != 1:
			return Hours{}, fmt.Errorf("%.40q is written as days and times, as in mon-fri 22:00-07:00", strings.TrimSpace(part))
		}
		w, err := parseWindow(days, fields[0])
		if err != nil {
			return Hours{}, err
		}
		h.windows = append(h.windows, w)
		days = nil
	}
	if len(days) > 0 {
		return Hours{}, fmt.Errorf("%.40q has no times after it, as in mon-fri 22:00-07:00", strings.Join(days, ","))
	}
	return h, nil
}

func parseWindow(days []string, times string) (w window, err error) {
	from, to, ok := strings.Cut(times, "-")
	if !ok {
		return w, fmt.Errorf("%.20q is no stretch of time; write 22:00-07:00", times)
	}
	if w.from, err = parseClock(from); err != nil {
		return w, err
	}
	if w.to, err = parseClock(to); err != nil {
		return w, err
	}
	w.from %= 24 * 60
	w.to %= 24 * 60
	if len(days) == 0 {
		days = []string{"sun-sat"}
	}
	for _, d := range days {
		first, last, ranged := strings.Cut(strings.ToLower(d), "-")
		a, b := dayOf(first), dayOf(last)
		if !ranged {
			b = a
		}
		if a < 0 || b < 0 {
			return w, fmt.Errorf("%.20q is no day; write mon, tue, wed, thu, fri, sat or sun, or mon-fri", d)
		}
		for ; ; a = (a + 1) % 7 {
			w.days[a] = true
			if a == b {
				break
			}
		}
	}
	return w, nil
}

func dayOf(s string) int {
	for i, name := range dayNames {
		if len(s) >= 3 && strings.HasPrefix(s, name) {
			return i
		}
	}
	return -1
}

// parseClock reads "22:00" as minutes; "24:00" is the end of the day.
func parseClock(s string) (int, error) {
	hours, minutes, ok := strings.Cut(s, ":")
	h, err1 := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	if !ok || err1 != nil || err2 != nil || len(minutes) != 2 || h < 0 || h > 24 || m < 0 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%.20q is no time of day; write 22:00", s)
	}
	return 60*h + m, nil
}

// String returns the hours as they were written.
func (h Hours) String() string { return h.text }

// IsZero reports whether there are no hours at all.
func (h Hours) IsZero() bool { return len(h.windows) == 0 }

// Until reports whether t lies in the hours, and when they end. Hours that
// never end are said to end a week later.
func (h Hours) Until(t time.Time) (end time.Time, in bool) {
	const most = 16 // stretches that follow one another without a break
	end = t
	for range most {
		next, ok := h.step(end)
		if !ok {
			break
		}
		in, end = true, next
		if end.Sub(t) >= 7*24*time.Hour {
			return t.Add(7 * 24 * time.Hour), true
		}
	}
	return end, in
}

// step returns the end of a stretch that holds t.
func (h Hours) step(t time.Time) (end time.Time, ok bool) {
	if h.zone == nil {
		return t, false
	}
	local := t.In(h.zone)
	minute, day := 60*local.Hour()+local.Minute(), int(local.Weekday())
	for _, w := range h.windows {
		ahead := 0
		switch {
		case w.from < w.to && w.days[day] && minute >= w.from && minute < w.to:
		case w.from >= w.to && w.days[day] && minute >= w.from:
			ahead = 1
		case w.from >= w.to && w.days[(day+6)%7] && minute < w.to:
		default:
			continue
		}
		e := time.Date(local.Year(), local.Month(), local.Day()+ahead, w.to/60, w.to%60, 0, 0, h.zone)
		if e.After(t) && (!ok || e.After(end)) {
			end, ok = e, true
		}
	}
	return end, ok
}
