package slack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/pullquote/pullquote/bot/chat"
)

// maxLines bounds the items of a card that stands for several entries.
const maxLines = 25

// renderForm returns a card that is not an entry's own.
func renderForm(c chat.Card) message {
	l := layout{room: maxMessage}
	if c.Form != chat.NoticeForm {
		l.add(formKicker(c))
	}
	head := c
	if c.Form == chat.NoteForm || c.Form == chat.HeadForm || c.Form == chat.ClosingForm || c.Form == chat.RollupForm {
		l.headline(head, c.State == chat.Withdrawn)
	}
	end := layout{}
	if note := clip(inline(c.Note), maxHeadline); note != "" {
		end.add(slack.NewContextBlock("", plain(note)))
	}
	l.room += end.room
	l.edits(c.Edits)
	if len(c.Was) > 0 {
		l.label(wasLabel(c))
		l.quotes(c.Was, true)
		if len(c.Quotes) > 0 {
			l.label("It now says:")
		}
	}
	l.quotes(c.Quotes, false)
	l.text(c.Text, false)
	l.items(c.Items)
	l.close()
	return message{Text: formFallback(c), Blocks: append(l.blocks, end.blocks...)}
}

// formKicker says what kind of card it is, how many entries it stands for and
// when it changed last.
func formKicker(c chat.Card) slack.Block {
	line := []string{clip(inline(c.Source), maxName), formWord(c)}
	if c.Count > 0 && c.Form != chat.RollupForm {
		line = append(line, counted(c.Count))
	}
	elements := []slack.MixedElement{plain(strings.Join(slices.DeleteFunc(line, isEmpty), " · "))}
	if when := moment(c.Changed); when != "" {
		elements = append(elements, ours(changedWord(c)+" "+when))
	}
	return slack.NewContextBlock("", elements...)
}

func formWord(c chat.Card) string {
	switch c.Form {
	case chat.HeadForm:
		return "LIVE PAGE"
	case chat.RollupForm:
		return "UPDATES"
	case chat.ClosingForm:
		return "SUMMARY"
	}
	return c.State.String()
}

func changedWord(c chat.Card) string {
	switch {
	case c.Form != chat.NoteForm:
		return "Last update"
	case c.State == chat.Corrected:
		return "Corrected"
	case c.State == chat.Withdrawn:
		return "Withdrawn"
	}
	return "Updated"
}

func counted(n int) string {
	if n == 1 {
		return "1 update"
	}
	return fmt.Sprintf("%d updates", n)
}

// formFallback returns the card in one line.
func formFallback(c chat.Card) string {
	parts := []string{inline(c.Source), formWord(c), clip(inline(c.Headline), maxHeadline)}
	if c.Form == chat.NoticeForm {
		parts = []string{clip(inline(c.Text), maxFallback)}
	} else if len(c.Items) > 0 && c.Form != chat.ClosingForm {
		parts = append(parts, clip(inline(c.Items[len(c.Items)-1].Headline), maxHeadline))
	}
	s := escape(strings.Join(slices.DeleteFunc(parts, isEmpty), " · "), maxFallback)
	if s == "" {
		s = "A card without words"
	}
	return s
}

// edits tells what changed, part by part: old struck through, then new.
func (l *layout) edits(list []chat.Edit) {
	for _, e := range list {
		before, after := clean(e.Old), clean(e.New)
		if before == "" && after == "" {
			continue
		}
		l.label(clip(inline(e.What), maxLabel))
		l.text(before, true)
		l.text(after, false)
	}
}

// items tells entries in a line each: time, headline, speaker.
func (l *layout) items(list []chat.Item) {
	for i, it := range list {
		if i == maxLines {
			l.label(fmt.Sprintf(ellipsis+" and %d more", len(list)-i))
			return
		}
		if b := itemLine(it); b != nil && l.fits(weight(b), "") {
			l.add(b)
		}
	}
}

func itemLine(it chat.Item) slack.Block {
	struck := it.State == chat.Withdrawn
	head := clip(inline(it.Headline), maxItem)
	if head == "" {
		return nil
	}
	var line []slack.RichTextSectionElement
	if !it.Time.IsZero() {
		fallback := it.Time.UTC().Format("15:04 UTC")
		line = append(line, slack.NewRichTextSectionDateElement(it.Time.Unix(), "{time}", nil, &fallback), text("  ", nil))
	}
	if link := linkTo(it.URL, maxDeepLink); link != "" {
		line = append(line, slack.NewRichTextSectionLinkElement(link, head, strike(struck)))
	} else {
		line = append(line, text(head, strike(struck)))
	}
	if who := clip(inline(it.Speaker), maxName); who != "" {
		line = append(line, text(" — "+who, strike(struck)))
	}
	if it.State == chat.Corrected || it.State == chat.Withdrawn {
		line = append(line, text(" · "+it.State.String(), nil))
	}
	return rich(section(line...))
}

// maxAloud bounds who is told aloud by one message.
const maxAloud = 20

// aloud puts who is to be told before the card, in words that Slack turns into
// notifications. Only ids of Slack's form can get there.
func (m *message) aloud(list []chat.Mention) {
	var words []string
	for _, x := range list {
		kinds := "UW"
		if x.Role {
			kinds = "S"
		}
		if !isSlackID(x.ID, kinds) || len(words) == maxAloud {
			continue
		}
		if x.Role {
			words = append(words, "<!subteam^"+x.ID+">")
		} else {
			words = append(words, "<@"+x.ID+">")
		}
	}
	if len(words) == 0 {
		return
	}
	line := strings.Join(words, " ")
	m.Blocks = append([]slack.Block{slack.NewSectionBlock(ours(line), nil, nil)}, m.Blocks...)
	m.Text = line + " " + m.Text
}

// isSlackID reports whether s is an id that begins with one of the letters.
func isSlackID(s, kinds string) bool {
	return len(s) >= 6 && len(s) <= 24 && alphanumeric(s) && s == strings.ToUpper(s) && strings.ContainsRune(kinds, rune(s[0]))
}

// What a [chat.Reply] has at most; Slack would take 100 options.
const (
	maxMenus   = 2
	maxChoices = 25
)

// menuRoom returns how many characters of a message menus may take.
func menuRoom(list []chat.Menu) (n int) {
	for _, m := range list[:min(len(list), maxMenus)] {
		n += maxLabel
		for _, c := range m.Choices[:min(len(m.Choices), maxChoices)] {
			n += maxLabel + len(m.Action) + 1 + len(c.Value)
		}
	}
	return n
}

// menus returns the reply's menus, nil for none.
func menus(list []chat.Menu) slack.Block {
	var elements []slack.BlockElement
	for _, m := range list[:min(len(list), maxMenus)] {
		var options []*slack.OptionBlockObject
		for _, c := range m.Choices {
			label := clip(inline(c.Label), maxLabel)
			if label != "" && c.Value != "" && len(options) < maxChoices && len(m.Action)+1+len(c.Value) <= 150 {
				options = append(options, slack.NewOptionBlockObject(m.Action+"\n"+c.Value, plain(label), nil))
			}
		}
		if len(options) == 0 {
			continue
		}
		id := fmt.Sprintf("%smenu-%d", actionID, len(elements))
		elements = append(elements, slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain(clip(inline(m.Label), maxLabel)), id, options...))
	}
	if len(elements) == 0 {
		return nil
	}
	return slack.NewActionBlock("", elements...)
}
