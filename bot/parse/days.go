package parse

import (
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// dayState dates entries that print only a time of day: by the day heading
// they stand under, else by the day the page was last changed or read, one
// day back for each midnight between neighbours.
type dayState struct {
	at    []dayMark
	count int // entries so far
}

type dayMark struct {
	before int // entries in front of the heading
	day    time.Time
}

// heading takes s if it is a day.
func (ds *dayState) heading(s string, d *document) bool {
	if len(s) > 60 || len(s) < 5 {
		return false
	}
	day, ok := readDay(s, d.today())
	if !ok {
		return false
	}
	ds.at = append(ds.at, dayMark{ds.count, day})
	return true
}

// mark counts the entry with index i.
func (ds *dayState) mark(i int) { ds.count = i + 1 }

// today is the day that dates without a year are near to and times without a
// date are counted back from; zero if nothing tells.
func (d *document) today() time.Time {
	if d.page != nil && !d.page.stated.IsZero() {
		return d.page.stated.In(d.zone())
	}
	if d.Now.IsZero() {
		return time.Time{}
	}
	return d.Now.In(d.zone())
}

// date sets Published where clocks has a time and the entry has none.
func (ds *dayState) date(d *document, entries []news.Entry, clocks []clock) {
	start := len(entries)
	if len(ds.at) > 0 {
		start = ds.at[0].before
	}
	ds.count = 0
	// Entries above the first heading. If no entry stands below it, it was
	// meant for these: BR24 closes its ticker with the day.
	if start == len(entries) && len(ds.at) > 0 {
		d.dateRun(entries, clocks, ds.at[0].day, true)
		return
	}
	top := d.today()
	fixed := false
	if len(ds.at) > 0 && start > 0 && !ds.at[0].day.Before(top.AddDate(0, 0, -30)) {
		next := ds.at[0].day.AddDate(0, 0, 1)
		if top.IsZero() || top.Before(next) {
			top, fixed = next, true
		}
	}
	d.dateRun(entries[:start], clocks[:start], top, fixed)
	for i, m := range ds.at {
		end := len(entries)
		if i+1 < len(ds.at) {
			end = ds.at[i+1].before
		}
		d.dateRun(entries[m.before:end], clocks[m.before:end], m.day, true)
	}
}

// dateRun dates entries that end (or, told from the beginning, start) on day.
// fixed says that the page names the day.
func (d *document) dateRun(entries []news.Entry, clocks []clock, day time.Time, fixed bool) {
	if day.IsZero() || len(entries) == 0 {
		return
	}
	day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	if fixed && monotone(clocks) {
		for i := range entries {
			if clocks[i].len > 0 && entries[i].Published.IsZero() {
				entries[i].Published = d.possible(clocks[i].at(day, d.zone()))
			}
		}
		return
	}
	step, from := 1, 0
	if ascending(clocks) {
		step, from = -1, len(entries)-1
	}
	last := -1
	for n, i := 0, from; n < len(entries); n, i = n+1, i+step {
		c := clocks[i]
		if c.len == 0 || !entries[i].Published.IsZero() {
			continue
		}
		now := c.h*60 + c.m
		if last < 0 && !fixed && c.at(day, d.zone()).After(d.today().Add(time.Hour)) {
			day = day.AddDate(0, 0, -1) // read shortly after midnight
		}
		// An hour's tolerance: entries are not always in order.
		if last >= 0 && now > last+60 && (!fixed || now > last+12*60) {
			day = day.AddDate(0, 0, -1)
		}
		last = now
		entries[i].Published = d.possible(c.at(day, d.zone()))
	}
}

// monotone reports whether the clocks only ever fall, or only ever rise: no
// midnight lies between them.
func monotone(clocks []clock) bool {
	up, down, last := 0, 0, -1
	for _, c := range clocks {
		if c.len == 0 {
			continue
		}
		now := c.h*60 + c.m
		if last >= 0 && now > last {
			up++
		}
		if last >= 0 && now < last {
			down++
		}
		last = now
	}
	return up == 0 || down == 0
}

// ascending reports whether the clocks read better forwards than backwards:
// the direction in which less time passes between the first and the last.
func ascending(clocks []clock) bool {
	const day = 24 * 60
	forwards, backwards, last := 0, 0, -1
	for _, c := range clocks {
		if c.len == 0 {
			continue
		}
		now := c.h*60 + c.m
		if last >= 0 {
			forwards += (now - last + day) % day
			backwards += (last - now + day) % day
		}
		last = now
	}
	return forwards < backwards
}
