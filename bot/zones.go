package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

func checkZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || name == "" {
		return fmt.Errorf("%.60q is no time zone; write a name such as Europe/London", name)
	}
	return nil
}

// zoneOf shows or sets the time zone of a server or workspace.
func (b *Bot) zoneOf(ctx context.Context, r request) (chat.Reply, error) {
	zone := r.args["zone"]
	switch {
	case zone == "":
		if zone = b.desk.Zone(r.actor()); zone == "" {
			return say("No time zone is set: times are UTC. For example: /zone Europe/London"), nil
		}
		return say("The time zone here is " + zone + "."), nil
	case strings.EqualFold(zone, "off"):
		zone = ""
	default:
		if err := checkZone(zone); err != nil {
			return say(upper(sentence(err.Error()))), nil //nolint:nilerr // the answer says what was wrong
		}
	}
	err := b.desk.SetZone(ctx, r.actor(), zone)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if zone == "" {
		zone = "UTC"
	}
	return say("Times without a zone are in " + zone + " from now on. What was set before stays as it is."), err
}

// zoned adds the asker's zone to times that name none: to whatever ends in a
// digit.
func (b *Bot) zoned(r request, times string) string {
	zone := b.desk.Zone(r.actor())
	if n := len(times); n == 0 || times[n-1] < '0' || times[n-1] > '9' || strings.Contains(times[strings.LastIndexByte(times, ' ')+1:], "/") {
		return times
	}
	if zone == "" {
		return times
	}
	return times + " " + zone
}

// here returns the time as the asker's server has it.
func (b *Bot) here(cmd chat.Command) time.Time {
	now := time.Now()
	if b.desk == nil {
		return now.UTC()
	}
	loc, err := time.LoadLocation(b.desk.Zone(actorOf(cmd)))
	if err != nil {
		loc = time.UTC // the zones of this machine have changed
	}
	return now.In(loc)
}
