package discord

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// What a line of an item shows at most, in the order in which it gives way
// when the lines of a card are too long together.
var itemSizes = []struct{ headline, link int }{
	{160, maxLink}, {100, maxLink}, {100, 0}, {60, 0}, {30, 0},
}

// noticeColour is amber: something for the operators.
const noticeColour = 0xD69E2E

// embed returns the card as Discord shows it.
func embed(c chat.Card) *discordgo.MessageEmbed {
	switch c.Form {
	case chat.HeadForm:
		return summaryEmbed(c, "LIVE PAGE")
	case chat.RollupForm:
		return summaryEmbed(c, "")
	case chat.ClosingForm:
		return summaryEmbed(c, "SUMMARY")
	case chat.NoteForm:
		return noteEmbed(c)
	case chat.NoticeForm:
		return noticeEmbed(c)
	}
	return entryEmbed(c)
}

// framed returns an embed with what all forms share. A title that leads
// nowhere is none that can be clicked.
func framed(c chat.Card, kicker string, p *page) *discordgo.MessageEmbed {
	e := &discordgo.MessageEmbed{
		Title:  escape(inline(c.Headline), maxTitle),
		URL:    webURL(c.URL),
		Color:  colours[c.State],
		Author: &discordgo.MessageEmbedAuthor{Name: kicker},
	}
	if e.Title == "" {
		e.URL = ""
		p.line(masked("Open the page", c.URL, 1024))
	}
	if note := clip(inline(c.Note), maxFooter); note != "" {
		e.Footer = &discordgo.MessageEmbedFooter{Text: note}
	}
	e.Description = p.String()
	if e.Title == "" && e.Description == "" {
		e.Description = "-# No text"
	}
	return e
}

// kick returns the line above a card: its source and a word.
func kick(source, word string) string {
	src := clip(inline(source), maxKicker-size(word)-3)
	switch {
	case src == "" && word == "":
		return "UPDATES"
	case src == "":
		return word
	case word == "":
		return src
	}
	return src + " · " + word
}

// summaryEmbed shows entries in a line each: a page over its thread, entries
// told together, the end of a page's coverage.
func summaryEmbed(c chat.Card, word string) *discordgo.MessageEmbed {
	var p page
	var facts []string
	if c.Count > 0 && c.Form != chat.RollupForm { // a roll-up's headline says it
		facts = append(facts, plural(c.Count))
	}
	if when := moment(c.Changed, "t"); when != "" {
		facts = append(facts, "Updated "+when)
	}
	if len(facts) > 0 {
		p.line("-# " + strings.Join(facts, " · "))
	}
	p.text(c.Text, false)
	p.items(c.Items)
	return framed(c, kick(c.Source, word), &p)
}

func plural(n int) string {
	if n == 1 {
		return "1 update"
	}
	return fmt.Sprintf("%d updates", n)
}

// What a card shows at most; more would be cut anyhow.
const (
	maxItems = 60
	maxEdits = 8
	maxInput = 2000 // bytes of an item's headline and speaker that are looked at
)

// items adds a line for each. Together they leave room for the rest of the
// page; what they cannot say is in the entries.
func (p *page) items(list []chat.Item) {
	room := maxDescription - 400
	for _, pt := range p.parts {
		room -= size(pt.tail) + min(size(pt.text), maxDescription/4) + 2
	}
	more := len(list) - maxItems
	list = tidy(list[:min(len(list), maxItems)])
	style := "t"
	if manyDays(list) {
		style = "f"
	}
	var lines []string
	for _, s := range itemSizes {
		lines = lines[:0]
		sum := 0
		for _, it := range list {
			l := itemLine(it, style, s.headline, s.link)
			lines, sum = append(lines, l), sum+size(l)+1
		}
		if sum <= room {
			break
		}
	}
	for _, l := range lines {
		p.line(l)
	}
	if more > 0 {
		p.line(fmt.Sprintf("-# "+ellipsis+" and %d more", more))
	}
}

// tidy returns items whose texts are clean, on one line and not endless.
func tidy(list []chat.Item) []chat.Item {
	out := slices.Clone(list)
	for i := range out {
		out[i].Headline, out[i].Speaker = inline(short(out[i].Headline)), inline(short(out[i].Speaker))
	}
	return out
}

// short returns the beginning of a long text, with a mark.
func short(s string) string {
	if len(s) <= maxInput {
		return s
	}
	return strings.ToValidUTF8(s[:maxInput], "") + ellipsis
}

// manyDays reports whether items are so far apart that the time of day does
// not tell them from one another.
func manyDays(list []chat.Item) bool {
	var first, last time.Time
	for _, it := range list {
		if it.Time.IsZero() {
			continue
		}
		if first.IsZero() || it.Time.Before(first) {
			first = it.Time
		}
		if it.Time.After(last) {
			last = it.Time
		}
	}
	return last.Sub(first) >= 20*time.Hour
}

// itemLine shows a tidy item.
func itemLine(it chat.Item, style string, headline, link int) string {
	head := escape(it.Headline, headline)
	if it.State == chat.Withdrawn {
		head = write(it.Headline, headline, "~~", "~~", true)
	}
	if head == "" {
		head = "*untitled*"
	}
	line := strings.TrimSpace(moment(it.Time, style) + " " + head)
	if who := escape(it.Speaker, maxSpeaker/2); who != "" {
		line += " — **" + who + "**"
	}
	if it.State != chat.Live {
		line += " · " + it.State.String()
	}
	if link > 0 {
		if to := masked("open", it.URL, link); to != "" {
			line += " · " + to
		}
	}
	return line
}

// noteEmbed shows what changed in an entry.
func noteEmbed(c chat.Card) *discordgo.MessageEmbed {
	var p page
	p.line(notice(c))
	for i, e := range c.Edits {
		if i == maxEdits {
			p.line(fmt.Sprintf("-# "+ellipsis+" and %d more changes", len(c.Edits)-i))
			break
		}
		p.change(e)
	}
	if len(c.Was) > 0 {
		p.line("**The earlier version said:**")
		p.quotes(c.Was, true)
	}
	if len(c.Quotes) > 0 {
		if len(c.Was) > 0 {
			p.line("**It now says:**")
		}
		p.quotes(c.Quotes, c.State == chat.Withdrawn)
	}
	p.text(c.Text, false)
	return framed(c, kick(c.Source, c.State.String()), &p)
}

// change adds a part of an entry before and after.
func (p *page) change(e chat.Edit) {
	before, after := clean(e.Old), clean(e.New)
	if before == "" && after == "" {
		return
	}
	if what := escape(inline(e.What), maxSpeaker); what != "" {
		p.line("**" + what + "**")
	}
	if before != "" {
		p.parts = append(p.parts, part{text: before, prefix: "> "}.strike())
	}
	if after != "" {
		p.parts = append(p.parts, part{text: after, prefix: "> "})
	}
}

// noticeEmbed shows a line to the operators.
func noticeEmbed(c chat.Card) *discordgo.MessageEmbed {
	var p page
	p.text(c.Text, false)
	p.items(c.Items)
	e := framed(c, kick(c.Source, "NOTICE"), &p)
	e.Color = noticeColour
	return e
}
