package bot

import (
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/robfig/cron/v3"

	"github.com/pullquote/pullquote/bot/news"
)

// A schedule says when a source is read next. Sources with the same interval
// or expression are spread by an offset that depends on their ID only, so that
// a restart does not move them and a thousand of them do not start together.
type schedule struct {
	cron.Schedule
	spread uint32 // hash of the source's ID
}

// CheckSchedule reports whether spec is a schedule the bot can follow: a
// standard cron expression, with "CRON_TZ=Area/City " before it for a time
// zone, or "@every 30s".
func CheckSchedule(spec string) error {
	_, err := parseSpec(spec)
	return err
}

// errNever refuses a day that no month has, such as "0 0 30 2 *".
var errNever = errors.New("there is no such time in the next five years")

func parseSpec(spec string) (cron.Schedule, error) {
	s, err := cron.ParseStandard(spec)
	if err == nil && s.Next(time.Now()).IsZero() {
		return nil, errNever
	}
	return s, err
}

func parseSchedule(src news.Source) (schedule, error) {
	s, err := parseSpec(src.Schedule)
	if err != nil {
		return schedule{}, fmt.Errorf("schedule %q: %w", src.Schedule, err)
	}
	h := fnv.New32a()
	h.Write([]byte(src.ID))
	return schedule{Schedule: s, spread: h.Sum32()}, nil
}

// maxCronSpread bounds how late a source with a cron expression may be: who
// writes "0 8 * * *" means eight o'clock.
const maxCronSpread = 5 * time.Second

// next returns when a source that was read at now is due again. An interval is
// kept on a grid shifted by the source's offset and is never cut to less than
// half.
func (s schedule) next(now time.Time) time.Time {
	every, ok := s.Schedule.(cron.ConstantDelaySchedule)
	if !ok {
		at := s.Schedule.Next(now.Add(-maxCronSpread))
		at = at.Add(time.Duration(s.spread) % maxCronSpread)
		for !at.After(now) {
			at = s.Schedule.Next(at).Add(time.Duration(s.spread) % maxCronSpread)
		}
		return at
	}
	at := now.Truncate(every.Delay).Add(time.Duration(s.spread) * time.Microsecond % every.Delay)
	for at.Sub(now) < every.Delay/2 {
		at = at.Add(every.Delay)
	}
	return at
}

// steady reports whether the schedule is an interval, not an expression.
func (s schedule) steady() bool {
	_, ok := s.Schedule.(cron.ConstantDelaySchedule)
	return ok
}

// interval returns the time between two readings from now on.
func (s schedule) interval(now time.Time) time.Duration {
	if every, ok := s.Schedule.(cron.ConstantDelaySchedule); ok {
		return every.Delay
	}
	first := s.Schedule.Next(now)
	return s.Schedule.Next(first).Sub(first)
}

// retryDelay returns the pause after the n-th failure in a row, n from 1:
// doubling from first up to most, each ±25 %, so that what failed together
// does not come back together.
func retryDelay(n int, first, most time.Duration) time.Duration {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	b.Multiplier, b.RandomizationFactor = 2, 0.25
	d := b.NextBackOff()
	for i := 1; i < n && i < 32; i++ {
		d = b.NextBackOff()
	}
	return d
}
