package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/summary"
	"github.com/pullquote/pullquote/store"
)

// A command is one row of the table that routes, registers and documents what
// chat users can ask.
type command struct {
	chat.CommandSpec
	example string
	answer  func(b *Bot, ctx context.Context, q query) (chat.Reply, error)
}

const (
	defaultCount = 5
	maxCount     = 10 // on one page; both platforms take ten small cards
	maxSummary   = 6
)

// commands returns the table. It is a function because its rows and /help know
// each other.
func commands() []command {
	source := chat.OptionSpec{Name: "source", Summary: "Which source, by name or part of it; all of them if left out", Suggest: true}
	since := chat.OptionSpec{Name: "since", Summary: "How far back: 30m, 6h, 2d or today"}
	count := chat.OptionSpec{Name: "count", Summary: "How many on a page", Kind: chat.NumberOption, Min: 1, Max: maxCount}
	return []command{
		{chat.CommandSpec{Name: "latest", Summary: "The newest updates",
			Options: []chat.OptionSpec{source, count}}, "/latest harbour 3", (*Bot).latest},
		{chat.CommandSpec{Name: "quotes", Summary: "Who said what: the newest quotes, by words or speaker",
			Options: []chat.OptionSpec{
				{Name: "speaker", Summary: "Who said it", Suggest: true},
				{Name: "words", Summary: "Words of the quote or its speaker; all quotes if left out", Suggest: true},
				source, since, count,
			}}, "/quotes harbour master 3", (*Bot).quotes},
		{chat.CommandSpec{Name: "summary", Summary: "The updates that best stand for a period",
			Options: []chat.OptionSpec{source, since}}, "/summary harbour 6h", (*Bot).summary},
		{chat.CommandSpec{Name: "status", Summary: "How sources and deliveries are doing: last reading, next, delays, errors",
			Options: []chat.OptionSpec{source}}, "/status harbour", (*Bot).status},
		{chat.CommandSpec{Name: "help", Summary: "What you can ask"}, "/help", (*Bot).help},
	}
}

// Commands returns what chat users can ask, for adapters to register and for
// manifests. names gives commands other names, such as "latest": "news-latest",
// for workspaces that have one of the name already.
func Commands(names map[string]string) []chat.CommandSpec {
	var specs []chat.CommandSpec
	for _, c := range commands() {
		specs = append(specs, c.CommandSpec)
	}
	for _, d := range deskCommands() {
		specs = append(specs, d.CommandSpec)
	}
	for i := range specs {
		s := &specs[i]
		s.Locales = locales[s.Name]
		if n := names[s.Name]; n != "" {
			s.Name, s.Locales = n, nil
		}
	}
	return specs
}

// Handle answers one command. It is a [chat.Handler].
func (b *Bot) Handle(ctx context.Context, cmd chat.Command) (chat.Reply, error) {
	cmd.Name = b.renamed.own(cmd.Name)
	leave, reply, ok := b.turnstile.admit(ctx, cmd, time.Now())
	if !ok {
		return reply, nil
	}
	defer leave()
	reply, err := b.handle(ctx, cmd)
	return b.renamed.reply(reply), err
}

func (b *Bot) handle(ctx context.Context, cmd chat.Command) (chat.Reply, error) {
	if cmd.Kind == chat.Suggest {
		return b.suggest(ctx, cmd)
	}
	if reply, ok, err := b.decide(ctx, cmd); ok {
		if err != nil {
			b.log.Error("command not answered", "command", cmd.Name, "error", err)
			return chat.Reply{}, fmt.Errorf("answer /%s: %w", cmd.Name, err)
		}
		return reply, nil
	}
	q, err := parseQuery(cmd, b.here(cmd))
	if err != nil {
		return chat.Reply{Text: err.Error()}, nil //nolint:nilerr // the answer says what was wrong
	}
	for _, c := range commands() {
		if c.Name != q.command {
			continue
		}
		q.asker = cmd
		reply, err := c.answer(b, ctx, q)
		if err != nil {
			b.log.Error("command not answered", "command", q.command, "error", err)
			return chat.Reply{}, fmt.Errorf("answer /%s: %w", q.command, err)
		}
		reply.Public = q.share
		reply.Replace = cmd.Kind == chat.Press && !q.share
		if q.share {
			reply.Buttons = nil
		}
		return reply, nil
	}
	return chat.Reply{Text: fmt.Sprintf("There is no /%s here. Try /help.", cut(q.command, 40))}, nil
}

func (b *Bot) latest(ctx context.Context, q query) (chat.Reply, error) {
	src, reply, ok, err := b.pick(ctx, q)
	if err != nil || !ok {
		return reply, err
	}
	entries, more, err := b.newestOf(ctx, q, src, store.Query{AsOf: q.asOf, Offset: q.offset, Limit: q.count})
	if err != nil {
		return chat.Reply{}, err
	}
	if len(entries) == 0 {
		return b.nothingYet(ctx, q.asker, src)
	}
	reply = chat.Reply{Title: "Latest updates" + nameOf(src)}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	for _, e := range entries {
		reply.Items = append(reply.Items, CardOf(names.source(e.Source), e))
	}
	q.page(&reply, len(entries), more)
	return reply, nil
}

// newestOf reads the newest entries of a source, or of all that the asker may
// see, as his channel shows them.
func (b *Bot) newestOf(ctx context.Context, q query, src *store.SourceStatus, sel store.Query) (entries []news.Entry, more bool, err error) {
	sources, ok, err := b.scope(ctx, q.asker, src)
	if err != nil || !ok {
		return nil, false, err
	}
	sel.Sources = sources
	entries, more, err = b.store.Latest(ctx, sel)
	for i := range entries {
		entries[i] = masked(b.desk, q.asker.Channel, entries[i])
	}
	return entries, more, err
}

func (b *Bot) quotes(ctx context.Context, q query) (chat.Reply, error) {
	src, reply, ok, err := b.pick(ctx, q)
	if err != nil || !ok {
		return reply, err
	}
	sel := store.Query{Words: q.words, Speaker: q.speaker, AsOf: q.asOf, Offset: q.offset, Limit: q.count}
	if q.period > 0 {
		sel.Since = q.since()
	}
	sources, visible, err := b.scope(ctx, q.asker, src)
	if err != nil {
		return chat.Reply{}, err
	}
	var hits []store.QuoteHit
	var more bool
	if sel.Sources = sources; visible {
		if hits, more, err = b.store.Quotes(ctx, sel); err != nil {
			return chat.Reply{}, err
		}
	}
	if len(hits) == 0 {
		return b.noQuotes(ctx, q)
	}
	reply = chat.Reply{Title: "Latest quotes" + nameOf(src)}
	if asked := q.askedQuotes(); asked != "" {
		reply.Title = "Quotes " + asked + nameOf(src)
	}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	for _, h := range hits {
		e := masked(b.desk, q.asker.Channel, h.Entry)
		if e.Pulled {
			continue
		}
		e.Media, e.Was = nil, nil
		c := CardOf(names.source(e.Source), e)
		c.Quotes, c.Text = []chat.Quote{cardQuote(&e, h.Quote)}, ""
		reply.Items = append(reply.Items, c)
	}
	q.page(&reply, len(hits), more)
	return reply, nil
}

func (b *Bot) noQuotes(ctx context.Context, q query) (chat.Reply, error) {
	asked := q.askedQuotes()
	if asked == "" && q.source == "" {
		return b.nothingYet(ctx, q.asker, nil)
	}
	text := strings.TrimSpace("There are no quotes "+asked) + "."
	if q.words != "" && q.speaker == "" && q.period == 0 {
		text = fmt.Sprintf("No quote holds “%s”, nor does a speaker's name or role.", q.words)
	}
	speakers, err := b.speakers(ctx, q.asker, "", 5)
	if err != nil {
		return chat.Reply{}, err
	}
	if len(speakers) > 0 {
		text += " Quoted lately: " + strings.Join(speakers, ", ") + "."
	}
	return chat.Reply{Text: text}, nil
}

// askedQuotes says what /quotes looks for, beside the source.
func (q query) askedQuotes() string {
	var parts []string
	if q.words != "" {
		parts = append(parts, fmt.Sprintf("for “%s”", q.words))
	}
	if q.speaker != "" {
		parts = append(parts, fmt.Sprintf("of “%s”", q.speaker))
	}
	if q.period > 0 {
		parts = append(parts, "of the last "+spoken(q.period))
	}
	return strings.Join(parts, " ")
}

// summaryWindow bounds how many entries a summary reads.
const summaryWindow = 500

func (b *Bot) summary(ctx context.Context, q query) (chat.Reply, error) {
	if q.period == 0 {
		q.period = defaultPeriod
	}
	src, reply, ok, err := b.pick(ctx, q)
	if err != nil || !ok {
		return reply, err
	}
	entries, more, err := b.newestOf(ctx, q, src, store.Query{Since: q.since(), AsOf: q.asOf, Limit: summaryWindow})
	if err != nil {
		return chat.Reply{}, err
	}
	entries = slices.DeleteFunc(entries, func(e news.Entry) bool { return e.Pulled })
	if len(entries) == 0 {
		text := fmt.Sprintf("Nothing was published%s in the last %s.", nameOf(src), spoken(q.period))
		if more := longer(q.period); more != "" {
			text += " Try a longer period, such as /summary " + more + "."
		}
		return chat.Reply{Text: text}, nil
	}
	names, err := b.names(ctx)
	if err != nil {
		return chat.Reply{}, err
	}
	chosen := summary.Of(entries, maxSummary)
	for _, e := range chosen {
		c := CardOf(names.source(e.Source), e)
		c.Quotes, c.Image = c.Quotes[:min(1, len(c.Quotes))], chat.Image{}
		if len(c.Quotes) > 0 {
			c.Text = ""
		}
		reply.Items = append(reply.Items, c)
	}
	reply.Title = "Summary" + nameOf(src) + ", last " + spoken(q.period)
	reply.Note = fmt.Sprintf("%d of %s, chosen for key events, distinct content and quotes; every word is the source's.",
		len(chosen), plural(len(entries), "update", more))
	reply.Buttons = q.shareButton()
	return reply, nil
}

func (b *Bot) help(_ context.Context, q query) (chat.Reply, error) {
	var sb strings.Builder
	line := func(c chat.CommandSpec, example string) {
		if c.Admin && !q.asker.Admin {
			return
		}
		sb.WriteString("/" + c.Name)
		for _, o := range c.Options {
			sb.WriteString(" [" + o.Name + "]")
		}
		sb.WriteString("\n    " + c.Summary + ". Example: " + example + "\n")
	}
	for _, c := range commands() {
		line(c.CommandSpec, c.example)
	}
	if b.desk != nil {
		for _, d := range deskCommands() {
			line(d.CommandSpec, d.example)
		}
	}
	sb.WriteString("Answers are shown only to you; the Share button shows them to the channel.")
	return chat.Reply{Title: "What you can ask", Text: sb.String()}, nil
}

// nothingYet explains an empty answer.
func (b *Bot) nothingYet(ctx context.Context, cmd chat.Command, src *store.SourceStatus) (chat.Reply, error) {
	if src == nil {
		statuses, err := b.visible(ctx, cmd)
		if err != nil {
			return chat.Reply{}, err
		}
		if len(statuses) == 0 {
			return chat.Reply{Text: "No source is followed yet. An operator adds one under “sources” in the configuration."}, nil
		}
		return chat.Reply{Text: "Nothing here yet. Followed: " + sourceNames(statuses) + "."}, nil
	}
	text := src.Source.Name + " has no updates yet."
	if src.Problem != "" {
		text = src.Source.Name + " could not be read so far; the operators' log says why."
	}
	return chat.Reply{Text: text}, nil
}

// maxChoices is how many suggestions Discord shows ("Autocomplete").
const maxChoices = 25

// pick finds the source a query names. ok is false when the reply already says
// why it cannot be answered; src is nil when the query names none.
func (b *Bot) pick(ctx context.Context, q query) (src *store.SourceStatus, reply chat.Reply, ok bool, err error) {
	if q.source == "" {
		return nil, reply, true, nil
	}
	statuses, err := b.visible(ctx, q.asker)
	if err != nil {
		return nil, reply, false, err
	}
	found := match(statuses, q.source)
	switch {
	case len(found) == 1:
		return &found[0], reply, true, nil
	case len(found) > 1:
		reply.Text = fmt.Sprintf("“%s” could be: %s. Say a little more.", q.source, sourceNames(found))
	case len(statuses) == 0:
		return nil, chat.Reply{Text: "No source is followed yet. An operator adds one under “sources” in the configuration."}, false, nil
	default:
		reply.Text = fmt.Sprintf("No source is called “%s”. Followed: %s.", q.source, sourceNames(statuses))
	}
	return nil, reply, false, nil
}

// match returns the source whose ID or name is text, any case, or else those
// that hold every word of it.
func match(statuses []store.SourceStatus, text string) []store.SourceStatus {
	text = strings.ToLower(strings.TrimSpace(text))
	var found []store.SourceStatus
	for _, s := range statuses {
		id, name := strings.ToLower(string(s.Source.ID)), strings.ToLower(s.Source.Name)
		if text != "" && (id == text || name == text) {
			return []store.SourceStatus{s}
		}
		if holdsAll(id+" "+name, text) {
			found = append(found, s)
		}
	}
	return found
}

func holdsAll(s, words string) bool {
	for w := range strings.FieldsSeq(words) {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}

func sourceNames(statuses []store.SourceStatus) string {
	const most = 12
	var names []string
	for _, s := range statuses[:min(len(statuses), most)] {
		names = append(names, fmt.Sprintf("%s (%s)", s.Source.Name, s.Source.ID))
	}
	if len(statuses) > most {
		names = append(names, fmt.Sprintf("and %d more", len(statuses)-most))
	}
	return strings.Join(names, ", ")
}

func nameOf(src *store.SourceStatus) string {
	if src == nil {
		return ""
	}
	return " · " + src.Source.Name
}

// names knows the followed sources by ID.
type names map[news.SourceID]news.Source

func (b *Bot) names(ctx context.Context) (names, error) {
	statuses, err := b.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	n := make(names, len(statuses))
	for _, s := range statuses {
		n[s.Source.ID] = s.Source
	}
	return n, nil
}

// source returns the source, or a stand-in for one that is followed no more.
func (n names) source(id news.SourceID) news.Source {
	if s, ok := n[id]; ok {
		return s
	}
	return news.Source{ID: id, Name: string(id)}
}
