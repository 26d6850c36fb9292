package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// What a form shows at most of each list.
const (
	maxItems = 40
	maxEdits = 10
)

// short is the time of day of an item, which stands among others of its day.
const short = "15:04"

// form writes a card that is not an entry's.
func (p *painter) form(c chat.Card) {
	switch c.Form {
	case chat.HeadForm:
		p.title("PAGE", green, c)
		p.count(c, ", the latest:")
		p.items(c.Items)
	case chat.RollupForm:
		p.title("MORE", yellow, c)
		p.items(c.Items)
	case chat.ClosingForm:
		p.title("SUMMARY", bold, c)
		p.count(c, ", what mattered:")
		p.items(c.Items)
	case chat.NoticeForm:
		p.title("NOTICE", yellow, c)
		p.items(c.Items)
	case chat.NoteForm:
		p.title(c.State.String(), stateStyles[c.State], c)
		p.changes(c)
	}
	p.wrapped(indent, plain, paragraphs(c.Text, maxText))
	p.wrapped(indent, dim, paragraphs(c.Note, maxText))
	if u := webURL(c.URL); u != "" {
		p.line(dim, indent+u)
	}
}

// title writes "PAGE · Storm at the harbour · 14:02:42" and the headline.
func (p *painter) title(word, style string, c chat.Card) {
	p.kick(word, style, c)
	p.wrapped(indent, headStyle(c), oneLine(c.Headline, maxLine))
}

// count says how many entries there are, and what the items are if there are
// any.
func (p *painter) count(c chat.Card, what string) {
	if c.Count == 0 && len(c.Items) == 0 {
		return
	}
	s := fmt.Sprintf("%d updates", c.Count)
	if c.Count == 1 {
		s = "1 update"
	}
	if len(c.Items) > 0 {
		s += what
	}
	p.wrapped(indent, dim, s)
}

// items writes entries in a line each: "14:02  Bridge closed — Una Marsh".
func (p *painter) items(list []chat.Item) {
	pad := indent + strings.Repeat(" ", len(short)+2)
	for i, it := range list {
		if i == maxItems {
			p.line(dim, fmt.Sprintf("%s… and %d more", pad, len(list)-i))
			return
		}
		at := strings.Repeat(" ", len(short))
		if shows(it.Time) {
			at = it.Time.In(zone(p.opts)).Format(short)
		}
		p.hanging(indent+at+"  ", pad, itemStyle(it), itemLine(it))
	}
}

func itemLine(it chat.Item) string {
	s := oneLine(it.Headline, maxLine)
	if s == "" {
		s = "untitled"
	}
	if who := oneLine(it.Speaker, maxName); who != "" {
		s += " — " + who
	}
	if it.State != chat.Live {
		s += " · " + it.State.String()
	}
	return s
}

func itemStyle(it chat.Item) string {
	if it.State == chat.Withdrawn {
		return struck
	}
	return plain
}

// changes writes what changed in an entry.
func (p *painter) changes(c chat.Card) {
	if c.State == chat.Withdrawn {
		p.wrapped(indent, dim, "The source has taken this back.")
	}
	for i, e := range c.Edits {
		if i == maxEdits {
			p.line(dim, fmt.Sprintf("%s… and %d more", indent, len(c.Edits)-i))
			break
		}
		p.wrapped(indent, dim, oneLine(e.What, maxName))
		p.wrapped(gap, struck, paragraphs(e.Old, maxText))
		p.wrapped(bar, plain, paragraphs(e.New, maxText))
	}
	if len(c.Was) > 0 {
		p.wrapped(indent, dim, "Said before, and no longer stands:")
		p.quotes(gap, c.Was)
	}
	if len(c.Quotes) > 0 {
		p.wrapped(indent, dim, "Now:")
		p.quotes(bar, c.Quotes)
	}
}

// where says in a line each how a post stands in its channel.
func (p *painter) where(post chat.Post) {
	if post.Thread != "" {
		s := "in the thread of " + pageName(post, zone(p.opts))
		if post.Broadcast {
			s += ", and in the channel"
		}
		p.line(dim, "↳ "+s)
	}
	if of, ok := shownTime(post.Reply); ok {
		p.line(dim, "↳ answers the card of "+of.In(zone(p.opts)).Format(clock))
	}
	if post.Forum {
		s := "opens a forum post"
		if tags := oneLine(strings.Join(post.Tags, ", "), maxLine); tags != "" {
			s += ", tags: " + tags
		}
		p.line(dim, "▤ "+s)
	}
	if post.Publish {
		p.line(dim, "» to the channels that follow this one too")
	}
	if names := told(post.Mentions); names != "" {
		p.line(dim, "! tells "+names)
	}
}

// pageName names the page of a thread: by the source, which its cards show, or
// by the time of its message.
func pageName(post chat.Post, zone *time.Location) string {
	if name := oneLine(post.Card.Source, maxName); name != "" {
		return name
	}
	if at, ok := shownTime(post.Thread); ok {
		return "the page of " + at.In(zone).Format(clock)
	}
	return "a page"
}

func told(list []chat.Mention) string {
	var names []string
	for _, m := range list {
		name := oneLine(m.ID, maxID)
		if name == "" {
			continue
		}
		if m.Role {
			name = "the group " + name
		}
		names = append(names, name)
	}
	return oneLine(strings.Join(names, ", "), maxLine)
}

// inset moves a painted card to the right.
func inset(card string) string {
	var b strings.Builder
	for l := range strings.Lines(card) {
		if l != "\n" {
			b.WriteString(bay)
		}
		b.WriteString(l)
	}
	return b.String()
}
