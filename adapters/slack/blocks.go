package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/pullquote/pullquote/bot/chat"
)

// Limits of Block Kit (https://docs.slack.dev/reference/block-kit/blocks). A
// message whose blocks are each legal is refused at about 13,200 characters
// together, which no page says; maxMessage keeps away from that, addresses
// included.
const (
	maxMessage = 11500
	maxText    = 2900 // of one text; a section takes 3000
	maxAlt     = 2000
	maxLabel   = 75
	maxValue   = 2000
	maxButtons = 5
	maxBlocks  = 50
)

// What one card shows at most. All quotes with the longest names and links
// still leave each some lines of text.
const (
	maxQuotes   = 4 // that stand, and as many that do not
	maxHeadline = 300
	maxName     = 120  // a source, speaker or byline
	maxRole     = 160  //
	maxCredit   = 200  //
	maxDeepLink = 400  // an address to the words of a quote
	maxLink     = 1500 // an entry's address; a picture's may be as long as Slack allows
	maxFallback = 800
	maxItem     = 240 // text of an item in a reply
	maxItems    = 20
	minShown    = 80 // a shorter beginning of a text is not worth showing
)

// A message is what Slack shows: blocks, and the text for notifications and
// for readers without blocks.
type message struct {
	Text   string        `json:"text"` // mrkdwn, escaped
	Blocks []slack.Block `json:"blocks"`
}

// render returns the card as Slack shows it. withImage is false for a picture
// that Slack has refused.
//
// Words of a source stand in rich text and plain_text only, where Slack reads
// no markup at all; mrkdwn is used for what we write ourselves. Escaping alone
// would not do there: nothing escapes its *, _, ~ and `.
func render(c chat.Card, withImage bool) message {
	if c.Form != chat.EntryForm {
		return renderForm(c)
	}
	struck := c.State == chat.Withdrawn
	l := layout{room: maxMessage}
	l.add(kicker(c))
	l.headline(c, struck)
	end := layout{}
	if withImage {
		end.add(picture(c.Image))
	}
	end.add(footer(c, withImage))
	l.room += end.room // what the end takes
	l.quotes(c.Quotes, struck)
	if len(c.Was) > 0 {
		l.label(wasLabel(c))
		l.quotes(c.Was, true)
	}
	l.text(c.Text, struck)
	l.close()
	return message{Text: fallback(c), Blocks: append(l.blocks, end.blocks...)}
}

func wasLabel(c chat.Card) string {
	if c.State == chat.Corrected {
		return "Corrected, the earlier version said:"
	}
	return "The earlier version said:"
}

// fallback returns the card in one line.
func fallback(c chat.Card) string {
	parts := []string{inline(c.Source), c.State.String()}
	if h := inline(c.Headline); h != "" {
		parts = append(parts, clip(h, maxHeadline))
	}
	switch {
	case len(c.Quotes) > 0 && inline(c.Quotes[0].Text) != "":
		q := c.Quotes[0]
		parts = append(parts, "“"+clip(inline(q.Text), maxItem)+"” – "+speaker(q))
	case inline(c.Headline) == "" && inline(c.Text) != "":
		parts = append(parts, clip(inline(c.Text), maxItem))
	}
	return escape(strings.Join(slices.DeleteFunc(parts, isEmpty), " · "), maxFallback)
}

func isEmpty(s string) bool { return s == "" }

func speaker(q chat.Quote) string {
	if name := clip(inline(q.Speaker), maxName); name != "" {
		return name
	}
	return "speaker not stated"
}

// kicker says where the card is from and what became of it.
func kicker(c chat.Card) slack.Block {
	line := []string{clip(inline(c.Source), maxName), c.State.String()}
	if c.Key {
		line = append(line, "KEY EVENT")
	}
	elements := []slack.MixedElement{plain(strings.Join(slices.DeleteFunc(line, isEmpty), " · "))}
	words := map[chat.State]string{
		chat.Updated:   "Updated",
		chat.Corrected: "Corrected",
		chat.Withdrawn: "Withdrawn by the source",
	}[c.State]
	if when := moment(c.Changed); words != "" && when != "" {
		elements = append(elements, ours(words+" "+when))
	}
	return slack.NewContextBlock("", elements...)
}

// footer says who wrote it, when, and whose the picture is; nil if nobody
// knows.
func footer(c chat.Card, withImage bool) slack.Block {
	var elements []slack.MixedElement
	if by := clip(inline(c.Byline), maxName); by != "" {
		elements = append(elements, plain(by))
	}
	if when := moment(c.Time); when != "" {
		elements = append(elements, ours(when))
	}
	if credit := clip(inline(c.Image.Credit), maxCredit); credit != "" && withImage && imageURL(c.Image.URL) != "" {
		elements = append(elements, plain("Picture: "+credit))
	}
	if len(elements) == 0 {
		return nil
	}
	return slack.NewContextBlock("", elements...)
}

func picture(i chat.Image) slack.Block {
	u := imageURL(i.URL)
	if u == "" {
		return nil
	}
	alt := clip(inline(i.Alt), maxAlt)
	if alt == "" {
		alt = "Picture without a description" // Slack refuses an empty one
	}
	return slack.NewImageBlock(u, alt, "", nil)
}

// moment returns Slack's mark-up for an instant in the reader's own time, ""
// for the zero time.
func moment(t time.Time) string {
	if t.IsZero() || t.Year() < 1970 || t.Year() > 9999 {
		return ""
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), t.UTC().Format("2 Jan 2006 15:04 UTC"))
}

// plain returns text in which Slack reads no markup, no mention and no emoji.
func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// ours returns markup that we wrote.
func ours(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

// A layout is a message in the making: blocks that stand whole, and texts
// that share the room that is left when all the rest is there.
type layout struct {
	blocks []slack.Block
	room   int    // units not yet taken
	texts  []slot // to be filled by close
	more   bool   // something had no room
}

// A slot is a text in a block, to be written when its room is known.
type slot struct {
	text   string // clean
	target *slack.RichTextSectionTextElement
}

// add appends a block that is never cut; nil is none.
func (l *layout) add(b slack.Block) {
	if b != nil {
		l.blocks = append(l.blocks, b)
		l.room -= weight(b)
	}
}

// fits reports whether a block of fixed weight n, with some of a text if
// there is one, still has room; otherwise the message ends with an ellipsis.
func (l *layout) fits(n int, text string) bool {
	if text != "" {
		n += min(size(text), minShown) + 1
	}
	if l.more || l.room-n < l.promised() || len(l.blocks) > maxBlocks-6 {
		l.more = true
	}
	return !l.more
}

// promised returns what the texts so far need at least.
func (l *layout) promised() int {
	n := 1 // an ellipsis
	for _, s := range l.texts {
		n += min(size(s.text), minShown) + 1
	}
	return n
}

func (l *layout) headline(c chat.Card, struck bool) {
	head, link := clip(inline(c.Headline), maxHeadline), linkTo(c.URL, maxLink)
	if head == "" && link != "" {
		head = "Open the entry"
		struck = false
	}
	if head == "" {
		return
	}
	style := &slack.RichTextSectionTextStyle{Bold: true, Strike: struck}
	if link == "" {
		l.add(rich(section(text(head, style))))
		return
	}
	l.add(rich(section(slack.NewRichTextSectionLinkElement(link, head, style))))
}

func (l *layout) label(s string) {
	if b := rich(section(text(s, &slack.RichTextSectionTextStyle{Bold: true}))); l.fits(weight(b), "") {
		l.add(b)
	}
}

func (l *layout) quotes(qs []chat.Quote, struck bool) {
	shown := 0
	for i, q := range qs {
		t := clean(q.Text)
		if t == "" {
			continue
		}
		if shown == maxQuotes {
			l.label(fmt.Sprintf(ellipsis+" and %d more", len(qs)-i))
			return
		}
		shown++
		body := text("", strike(struck))
		b := rich(
			&slack.RichTextQuote{Type: slack.RTEQuote, Elements: []slack.RichTextSectionElement{body}},
			section(attribution(q, struck)...),
		)
		if !l.fits(weight(b), t) {
			return
		}
		l.add(b)
		l.texts = append(l.texts, slot{t, body})
	}
}

func attribution(q chat.Quote, struck bool) []slack.RichTextSectionElement {
	who := text("— "+speaker(q), &slack.RichTextSectionTextStyle{Bold: true, Strike: struck})
	if inline(q.Speaker) == "" {
		who.Style = &slack.RichTextSectionTextStyle{Italic: true, Strike: struck}
	}
	line := []slack.RichTextSectionElement{who}
	if role := clip(inline(q.Role), maxRole); role != "" {
		line = append(line, text(", "+role, strike(struck)))
	}
	if u := linkTo(q.URL, maxDeepLink); u != "" && !struck {
		line = append(line, text(" · ", nil), slack.NewRichTextSectionLinkElement(u, "in full", nil))
	}
	return line
}

func (l *layout) text(s string, struck bool) {
	t := clean(s)
	if t == "" {
		return
	}
	body := text("", strike(struck))
	b := rich(section(body))
	if l.fits(weight(b), t) {
		l.add(b)
		l.texts = append(l.texts, slot{t, body})
	}
}

// close writes the texts into the room that is left. When it is too little,
// the longest lose first.
func (l *layout) close() {
	if l.more {
		l.add(rich(section(text(ellipsis, nil))))
	}
	needs := make([]int, len(l.texts))
	for i, s := range l.texts {
		needs[i] = min(size(literal(s.text)), maxText)
	}
	for i, give := range share(needs, l.room) {
		l.texts[i].target.Text = clip(l.texts[i].text, give)
		l.room -= size(l.texts[i].target.Text)
	}
}

// share divides room among needs: who needs no more than an equal part gets
// all of it, and what that leaves is divided among the others.
func share(needs []int, room int) []int {
	order := make([]int, len(needs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return needs[a] - needs[b] })
	give := make([]int, len(needs))
	for k, i := range order {
		give[i] = min(needs[i], max(room, 0)/(len(order)-k))
		room -= give[i]
	}
	return give
}

func linkTo(raw string, limit int) string {
	if u := webURL(raw); len(u) <= limit {
		return u
	}
	return ""
}

func rich(elements ...slack.RichTextElement) *slack.RichTextBlock {
	return slack.NewRichTextBlock("", elements...)
}

func section(elements ...slack.RichTextSectionElement) *slack.RichTextSection {
	return slack.NewRichTextSection(elements...)
}

func text(s string, style *slack.RichTextSectionTextStyle) *slack.RichTextSectionTextElement {
	return slack.NewRichTextSectionTextElement(s, style)
}

func strike(struck bool) *slack.RichTextSectionTextStyle {
	if !struck {
		return nil
	}
	return &slack.RichTextSectionTextStyle{Strike: true}
}

// weight returns the units of all texts and addresses in a block of ours.
func weight(b slack.Block) int {
	n := 0
	switch b := b.(type) {
	case *slack.ContextBlock:
		for _, e := range b.ContextElements.Elements {
			if t, ok := e.(*slack.TextBlockObject); ok {
				n += size(t.Text)
			}
		}
	case *slack.ImageBlock:
		n = size(b.ImageURL) + size(b.AltText)
	case *slack.HeaderBlock:
		n = size(b.Text.Text)
	case *slack.RichTextBlock:
		for _, e := range b.Elements {
			switch e := e.(type) {
			case *slack.RichTextSection:
				n += weightOf(e.Elements)
			case *slack.RichTextQuote:
				n += weightOf(e.Elements)
			}
		}
	}
	return n
}

func weightOf(elements []slack.RichTextSectionElement) int {
	n := 0
	for _, e := range elements {
		switch e := e.(type) {
		case *slack.RichTextSectionTextElement:
			n += size(e.Text)
		case *slack.RichTextSectionLinkElement:
			n += size(e.Text) + size(e.URL)
		}
	}
	return n
}

// renderReply returns a reply as Slack shows it.
func renderReply(r chat.Reply) message {
	l := layout{room: maxMessage}
	if title := clip(inline(r.Title), 150); title != "" {
		l.add(slack.NewHeaderBlock(plain(title)))
	}
	end := layout{}
	if note := clip(inline(r.Note), maxHeadline); note != "" {
		end.add(slack.NewContextBlock("", plain(note)))
	}
	l.room += end.room - maxButtons*(maxLabel+100) - menuRoom(r.Menus)
	l.text(r.Text, false)
	for i, c := range r.Items {
		if i == maxItems {
			l.label(fmt.Sprintf(ellipsis+" and %d more", len(r.Items)-i))
			break
		}
		l.item(c)
	}
	l.close()
	m := message{Text: replyFallback(r), Blocks: append(l.blocks, end.blocks...)}
	if b := menus(r.Menus); b != nil {
		m.Blocks = append(m.Blocks, b)
	}
	if b := buttons(r.Buttons); b != nil {
		m.Blocks = append(m.Blocks, b)
	}
	return m
}

func replyFallback(r chat.Reply) string {
	parts := []string{clip(inline(r.Title), 150), clip(inline(r.Text), maxHeadline)}
	if len(r.Items) > 0 {
		parts = append(parts, clip(inline(r.Items[0].Headline), maxHeadline))
	}
	s := escape(strings.Join(slices.DeleteFunc(parts, isEmpty), " · "), maxFallback)
	if s == "" {
		s = "An answer without words"
	}
	return s
}

// item adds a card in a few lines: headline, the best quote or a little text,
// source, time and what became of it.
func (l *layout) item(c chat.Card) {
	struck := c.State == chat.Withdrawn
	link := linkTo(c.URL, maxLink)
	var elements []slack.RichTextElement
	if head := clip(inline(c.Headline), 2*maxName); head != "" {
		style := &slack.RichTextSectionTextStyle{Bold: true, Strike: struck}
		var e slack.RichTextSectionElement = text(head, style)
		if link != "" {
			e, link = slack.NewRichTextSectionLinkElement(link, head, style), ""
		}
		elements = append(elements, section(e))
	}
	if i := slices.IndexFunc(c.Quotes, func(q chat.Quote) bool { return inline(q.Text) != "" }); i >= 0 {
		q := c.Quotes[i]
		elements = append(elements,
			&slack.RichTextQuote{Type: slack.RTEQuote, Elements: []slack.RichTextSectionElement{text(clip(clean(q.Text), 2*maxItem), strike(struck))}},
			section(attribution(q, struck)...))
	} else if t := clip(inline(c.Text), maxItem); t != "" {
		elements = append(elements, section(text(t, strike(struck))))
	}
	if link != "" {
		elements = append(elements, section(slack.NewRichTextSectionLinkElement(link, "Open the entry", nil)))
	}
	var words slack.Block
	if len(elements) > 0 {
		words = rich(elements...)
	}
	if meta := itemMeta(c); l.fits(weight(words)+weight(meta), "") {
		l.add(words)
		l.add(meta)
	}
}

// itemMeta says where an item is from, what became of it and when; nil if
// nobody knows.
func itemMeta(c chat.Card) slack.Block {
	line := []string{clip(inline(c.Source), maxName)}
	if c.State != chat.Live {
		line = append(line, c.State.String())
	}
	var elements []slack.MixedElement
	if s := strings.Join(slices.DeleteFunc(line, isEmpty), " · "); s != "" {
		elements = append(elements, plain(s))
	}
	if when := moment(c.Time); when != "" {
		elements = append(elements, ours(when))
	}
	if len(elements) == 0 {
		return nil
	}
	return slack.NewContextBlock("", elements...)
}

// actionID marks our buttons. Slack wants ids that differ within a block.
const actionID = "pullquote-"

// buttons returns the reply's buttons, nil for none.
func buttons(bs []chat.Button) slack.Block {
	var elements []slack.BlockElement
	for _, b := range bs {
		label := clip(inline(b.Label), maxLabel)
		if label == "" || b.Action == "" || len(b.Action) > maxValue || len(elements) == maxButtons {
			continue
		}
		id := fmt.Sprintf("%s%d", actionID, len(elements))
		button := slack.NewButtonBlockElement(id, b.Action, plain(label))
		if b.Danger {
			button.Style = slack.StyleDanger
		}
		if ask := clip(inline(b.Confirm), maxHeadline); ask != "" {
			button.Confirm = slack.NewConfirmationBlockObject(plain("Are you sure?"), plain(ask), plain("Yes"), plain("No"))
		}
		elements = append(elements, button)
	}
	if len(elements) == 0 {
		return nil
	}
	return slack.NewActionBlock("", elements...)
}
