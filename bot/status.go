package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/store"
)

// maxStatus is how many sources /status shows, those in trouble first.
const maxStatus = 12

// Wake tells the dispatcher that deliveries are due which it has not put there
// itself. It does not block.
func (b *Bot) Wake() { b.dispatcher.wake() }

// status says how sources and deliveries are doing.
func (b *Bot) status(ctx context.Context, q query) (chat.Reply, error) {
	src, reply, ok, err := b.pick(ctx, q)
	if err != nil || !ok {
		return reply, err
	}
	var list []store.SourceStatus
	if src != nil {
		list = append(list, *src)
	} else if list, err = b.visible(ctx, q.asker); err != nil {
		return chat.Reply{}, err
	}
	left, err := b.store.Backlog(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	now := time.Now()
	slices.SortStableFunc(list, func(a, b store.SourceStatus) int { return -cmp.Compare(worry(a, now), worry(b, now)) })
	var lines []string
	for _, s := range list[:min(len(list), maxStatus)] {
		lines = append(lines, b.statusLine(s, now))
	}
	reply = chat.Reply{Title: "Status" + nameOf(src), Text: strings.Join(lines, "\n")}
	if b.athome(q.asker) {
		reply.Note = backlogLine(left, now)
	}
	if more := len(list) - maxStatus; more > 0 {
		reply.Text += fmt.Sprintf("\nAnd %s more, in less trouble.", plural(more, "source", false))
	}
	if len(list) == 0 {
		reply.Text = "No source is followed yet."
	}
	return reply, nil
}

// worry orders sources by how much they need to be looked at.
func worry(s store.SourceStatus, now time.Time) int {
	switch {
	case s.Problem != "":
		return 3
	case lagOf(s, now) > time.Minute:
		return 2
	case !s.Gap.To.IsZero():
		return 1
	}
	return 0
}

// lagOf returns how long the next reading is overdue.
func lagOf(s store.SourceStatus, now time.Time) time.Duration {
	if s.Next.IsZero() {
		return 0
	}
	return max(now.Sub(s.Next), 0)
}

// statusLine says how one source is doing.
func (b *Bot) statusLine(s store.SourceStatus, now time.Time) string {
	parts := []string{"not read yet"}
	if !s.LastRead.IsZero() {
		parts[0] = "read " + ago(now.Sub(s.LastRead))
	}
	if lag := lagOf(s, now); lag >= time.Second {
		parts = append(parts, "next reading overdue by "+brief(lag))
	} else if !s.Next.IsZero() {
		parts = append(parts, "next in "+brief(s.Next.Sub(now)))
	}
	if published, seen, n := b.observer.Latency(s.Source.ID); n > 0 {
		if published != (Percentiles{}) {
			parts = append(parts, "published to card "+threeTimes(published))
		}
		parts = append(parts, "seen to card "+threeTimes(seen))
	}
	if s.Ended {
		parts = append(parts, "ended")
	}
	if s.Problem != "" {
		parts = append(parts, "last error: "+cut(strings.Join(strings.Fields(chat.Clean(s.Problem)), " "), 160))
	}
	if !s.Gap.To.IsZero() {
		parts = append(parts, fmt.Sprintf("updates from %s to %s UTC may be missing", s.Gap.From.UTC().Format("2 Jan 15:04"), s.Gap.To.UTC().Format("2 Jan 15:04")))
	}
	return "• " + s.Source.Name + " – " + strings.Join(parts, "; ")
}

// threeTimes says the three percentiles.
func threeTimes(p Percentiles) string {
	return fmt.Sprintf("%s / %s / %s (p50/p95/p99)", brief(p[0]), brief(p[1]), brief(p[2]))
}

// brief says a duration in a few letters.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d.Milliseconds(), 0))
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

func backlogLine(b store.Backlog, now time.Time) string {
	if b.Due+b.Waiting+b.Abandoned == 0 {
		return "Everything is delivered."
	}
	line := fmt.Sprintf("Deliveries: %d due, %d waiting, %d abandoned.", b.Due, b.Waiting, b.Abandoned)
	if !b.Oldest.IsZero() {
		line += " The oldest was promised " + ago(now.Sub(b.Oldest)) + "."
	}
	return line
}
