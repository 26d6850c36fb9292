package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/adapters/discord"
	"github.com/pullquote/pullquote/adapters/discord/discordtest"
	"github.com/pullquote/pullquote/adapters/slack"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

// TestCommands drives every command through the real adapters, as the platforms
// send and take them: Slack over Socket Mode, Discord over the gateway. What is
// for admins is first asked by somebody who is none, and refused. Only the pages
// that are read are made up.
func TestCommands(t *testing.T) {
	for _, open := range []func(*testing.T) shell{slackShell, discordShell} {
		sh := open(t)
		t.Run(sh.adapter().Name(), func(t *testing.T) { newTown(t, sh).tell() })
	}
}

// A shell is a platform as its users see it.
type shell interface {
	adapter() chat.Adapter
	rooms() (room, other string)
	// admin and member return another person each time: nobody may ask for long.
	admin() string
	member() string
	ready() bool
	ask(who, line string) (said, error)
	press(s said, label, who string) (said, error)
	pick(s said, label, who string) (said, error)
	// menu uses an entry of the menu of the message that holds words.
	menu(spec chat.CommandSpec, words, who string) (said, error)
	// cards returns the words of what stands in a channel, and direct those of
	// the messages with a person.
	cards(channel string) []string
	direct(who string) []string
	pressUnder(who, words, label string) (said, error) // in the direct messages
}

// A said is an answer as who asked sees it.
type said struct {
	words   string
	private bool
	slack   slacktest.Reply
	discord discordtest.Reply
}

// A town is a bot between a platform and made-up pages.
type town struct {
	*testing.T
	sh            shell
	web           *townWeb
	bot           *bot.Bot
	store         store.Store
	desk          *desk.Desk
	room, other   string
	admin, member string
	asked         map[string]bool // commands
	specs         map[string]chat.CommandSpec
	last          said
}

func newTown(t *testing.T, sh shell) *town {
	w := &town{T: t, sh: sh, web: &townWeb{begin: time.Now().Add(-10 * time.Minute).UTC(), pages: map[string][]string{}}, asked: map[string]bool{}, specs: map[string]chat.CommandSpec{}}
	w.room, w.other = sh.rooms()
	w.member = sh.member()
	for _, spec := range bot.Commands(nil) {
		w.specs[spec.Name] = spec
	}
	w.web.add("harbour", "The tide rises", "The tide falls", "The ferry waits")
	w.web.add("cup", "Kick-off", "First goal")
	st, err := bolt.Open(filepath.Join(t.TempDir(), "town.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.store = st
	src := news.Source{ID: "harbour", Name: "Harbour", URL: "https://news.example/harbour", Schedule: "@every 1s", Newest: 3}
	sub := store.Subscription{Source: "harbour", Channel: chat.Channel{Adapter: sh.adapter().Name(), ID: w.room}}
	w.desk, err = desk.New(t.Context(), st, desk.File{Sources: []news.Source{src}, Wants: []desk.Want{{Subscription: sub}}})
	if err != nil {
		t.Fatal(err)
	}
	w.bot, err = bot.New(bot.Options{
		Store: st, Fetcher: w.web, Adapters: []chat.Adapter{sh.adapter()}, Desk: w.desk, PerMinute: -1, CatchUp: -1, EditWindow: -1,
		Logger: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1) // takes the one result
	go func() { done <- w.bot.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, st.Close()); err != nil {
			t.Error(err)
		}
	})
	w.await("the bot is up", func() error {
		if !sh.ready() || len(sh.cards(w.room)) < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	return w
}

// publish adds to a page, and tells the bot as a hub does.
func (w *town) publish(source news.SourceID, page, headline string) {
	w.Helper()
	w.await("the page is known", func() error {
		list, err := w.store.Sources(w.Context())
		if !slices.ContainsFunc(list, func(s store.SourceStatus) bool { return s.Source.ID == source && !s.LastRead.IsZero() }) {
			return errors.Join(errors.New("not read yet"), err)
		}
		return err
	})
	w.web.add(page, headline)
	if err := w.bot.Push(w.Context(), source, "text/html", nil); err != nil {
		w.Fatal(err)
	}
}

func (w *town) await(what string, want func() error) {
	w.Helper()
	if err := eventually(want); err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// shows waits until a channel shows something.
func (w *town) shows(channel, words string) {
	w.Helper()
	w.await("channel "+channel, func() error {
		if all := w.sh.cards(channel); !strings.Contains(strings.Join(all, "\n"), words) {
			return fmt.Errorf("no %q among %q", words, all)
		}
		return nil
	})
}

// heard takes an answer in: it is for who asked alone, and says something.
func (w *town) heard(what string, s said, err error, parts ...string) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
	w.last = s
	if !s.private {
		w.Errorf("%s: the channel sees the answer: %q", what, s.words)
	}
	for _, p := range parts {
		if !strings.Contains(s.words, p) {
			w.Errorf("%s: %q does not hold %q", what, s.words, p)
		}
	}
}

// refused checks that somebody is refused, and that nothing changes.
func (w *town) refused(what string, ask func(who string) (said, error)) {
	w.Helper()
	before := w.state()
	s, err := ask(w.sh.member())
	w.heard(what+" by a member", s, err, "Only people who may manage")
	if after := w.state(); after != before {
		w.Errorf("%s by a member changed %s to %s", what, before, after)
	}
}

// state is all that was decided.
func (w *town) state() string {
	sources, subs := w.desk.Effective()
	text, err := json.Marshal([]any{sources, subs, w.desk.Made()})
	if err != nil {
		w.Fatal(err)
	}
	return string(text)
}

// does asks something as an admin; what is for admins is refused a member first.
func (w *town) does(line string, parts ...string) {
	w.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	w.asked[name] = true
	if w.specs[name].Admin {
		w.refused(line, func(who string) (said, error) { return w.sh.ask(who, line) })
	}
	w.admin = w.sh.admin()
	s, err := w.sh.ask(w.admin, line)
	w.heard(line, s, err, parts...)
}

// asks asks something as something as a member.
func (w *town) asks(line string, parts ...string) {
	w.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	w.asked[name] = true
	s, err := w.sh.ask(w.member, line)
	w.heard(line, s, err, parts...)
}

func (w *town) press(label string, parts ...string) {
	w.Helper()
	s, err := w.sh.press(w.last, label, w.admin)
	w.heard("button "+label, s, err, parts...)
}

func (w *town) pick(label string, parts ...string) {
	w.Helper()
	s, err := w.sh.pick(w.last, label, w.admin)
	w.heard("choice "+label, s, err, parts...)
}

// tell asks everything there is to ask.
func (w *town) tell() {
	w.readers()
	w.follows()
	w.wishes()
	w.alerts()
	w.traces()
	for name := range w.specs {
		if !w.asked[name] {
			w.Errorf("nobody asked /%s", name)
		}
	}
}

func (w *town) readers() {
	w.asks("/help", "What you can ask", "/latest")
	if strings.Contains(w.last.words, "/follow") {
		w.Error("/help offers a member what is for admins")
	}
	w.does("/help", "/follow")
	w.asks("/latest source:harbour count:2", "The ferry waits", "The tide falls")
	w.press("Older ▶", "The tide rises")
	w.asks("/latest source:harbour count:1", "The ferry waits")
	s, err := w.sh.press(w.last, "Share with the channel", w.member)
	if err != nil || s.private || !strings.Contains(s.words, "The ferry waits") {
		w.Errorf("shared: %+v, %v", s, err)
	}
	w.asks(`/quotes speaker:"Una Marsh" count:1`, "Una Marsh", "reopen the bridge")
	w.asks("/quotes words:nothing-of-the-kind", "Quoted lately: Una Marsh")
	w.asks("/summary source:harbour since:7d", "Summary", "every word is the source's")
	w.asks("/status source:harbour", "Harbour", "read ")
	w.asks("/sources", "Followed in this channel", "Harbour")
	w.asks("/limits", "Sources followed from chat: 0 of 100")
}

func (w *town) follows() {
	w.does("/follow url:https://news.example/cup", "Follow The cup?", "Found 2 updates", "First goal")
	asked := w.last
	w.refused("button Follow", func(who string) (said, error) { return w.sh.press(asked, "Follow", who) })
	w.last = asked
	w.press("Follow", "is followed here now")
	w.publish("the-cup", "cup", "Second goal")
	w.shows(w.room, "Second goal")
	w.does("/preview source:the-cup", "Second goal", "would be posted here")
	w.does("/pause source:the-cup", "is paused here")
	w.asks("/sources", "paused")
	w.does("/resume source:the-cup", "posted here again")
	w.does("/test", "on its way")
	w.shows(w.room, "This is a test")
	w.does("/set source:the-cup", "Which setting")
	w.pick("silent", "What is silent to be?")
	w.pick("on", "silent is on from now on")
	w.does("/move source:the-cup channel:"+w.other, "posted in the other channel")
	w.publish("the-cup", "cup", "Third goal")
	w.shows(w.other, "Third goal")
	if all := strings.Join(w.sh.cards(w.room), "\n"); strings.Contains(all, "Third goal") {
		w.Errorf("it is posted where it was before too: %s", all)
	}
}

func (w *town) wishes() {
	in := " channel:" + w.other
	w.does("/zone zone:Europe/London", "Europe/London")
	w.does("/filter do:set source:harbour filter:(bridge", "there is no")
	w.does(`/filter do:set source:harbour filter:"headline:tide -rehearsal"`, "would be posted")
	w.does(`/filter do:test source:harbour filter:headline:ferry`, "1 of the last 3 updates")
	w.does("/filter do:clear source:harbour", "Everything of it is posted")
	soon := time.Now().UTC().Add(6 * time.Hour).Format("15:04")
	later := time.Now().UTC().Add(7 * time.Hour).Format("15:04")
	w.does(fmt.Sprintf("/quiet hours:%q", soon+"-"+later+" UTC"), "Quiet here at")
	w.does("/quiet hours:off", "no quiet hours any more")
	w.does(`/digest do:add when:"daily 08:00" source:the-cup to:me`, "daily 08:00 Europe/London of the-cup, as a direct message")
	w.does("/digest do:list", "daily 08:00")
	w.does("/digest do:remove", "Which digest is to end?")
	w.pick("daily 08:00 Europe/London of the-cup, as a direct message", "That digest is gone")
	w.does("/unfollow source:the-cup"+in, "not followed here any more")
}

func (w *town) alerts() {
	w.member = w.sh.member()
	w.asks("/alert words:flood", "direct message when an update fits")
	w.publish("harbour", "harbour", "A flood is near")
	w.await("direct messages", func() error {
		if got := strings.Join(w.sh.direct(w.member), "\n"); !strings.Contains(got, "A flood is near") {
			return fmt.Errorf("they show %q", got)
		}
		return nil
	})
	w.shows(w.room, "A flood is near")
	w.asks("/alerts", "1 alert", "flood")
	s, err := w.sh.pressUnder(w.member, "A flood is near", "Stop this alert")
	w.heard("button under an alert", s, err, "not be alerted of that any more")
	w.asks("/alerts", "You have no alerts")
}

func (w *town) traces() {
	w.asks("/why link:https://news.example/harbour#3", "A flood is near", "Here: posted", "Recognised by")
	w.asked["pull"] = true
	s, err := w.sh.menu(w.specs["why"], "A flood is near", w.member)
	w.heard("menu of a card", s, err, "A flood is near", "Here: posted")
	w.refused("menu of a card", func(who string) (said, error) { return w.sh.menu(w.specs["pull"], "A flood is near", who) })
	w.admin = w.sh.admin()
	s, err = w.sh.menu(w.specs["pull"], "A flood is near", w.admin)
	w.heard("pull", s, err, "from every channel?", "A flood is near")
	asked := w.last
	w.refused("button Pull it", func(who string) (said, error) { return w.sh.press(asked, "Pull it", who) })
	w.last = asked
	w.press("Pull it", "being pulled from every channel")
	w.shows(w.room, "WITHDRAWN")
	w.does("/audit", "follow", "zone", "pull", w.admin[:6])
}

// A townWeb serves made-up pages by the last part of their address.
type townWeb struct {
	begin time.Time
	mu    sync.Mutex
	pages map[string][]string // headlines, oldest first
}

func (t *townWeb) add(page string, headlines ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pages[page] = append(t.pages[page], headlines...)
}

func (t *townWeb) Fetch(_ context.Context, src news.Source, _ news.Cursor) (news.Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := src.URL[strings.LastIndexByte(src.URL, '/')+1:]
	snap := news.Snapshot{Title: "The " + name, Format: "test"}
	for i, headline := range slices.Backward(t.pages[name]) {
		snap.Entries = append(snap.Entries, news.Entry{
			Ref: news.Ref{Entry: news.EntryID(fmt.Sprint(name, i))}, IDKind: news.IDExplicit, Headline: headline,
			Body:      "“We will reopen the bridge when the wind has dropped,” said Una Marsh, the harbour master.",
			URL:       fmt.Sprintf("https://news.example/%s#%d", name, i),
			Published: t.begin.Add(time.Duration(i) * time.Second),
		})
	}
	snap.Cursor.Read, snap.Cursor.Format = time.Now(), "test"
	return snap, nil
}

// More has nothing to add: the pages are whole.
func (*townWeb) More(context.Context, news.Source, string) (news.Snapshot, error) {
	return news.Snapshot{}, &news.ReadError{Err: errors.New("there are no older entries")}
}

// Read returns the page whatever is pushed.
func (t *townWeb) Read(ctx context.Context, src news.Source, _ string, _ []byte) (news.Snapshot, error) {
	return t.Fetch(ctx, src, news.Cursor{})
}

// A slackTown is Slack.
type slackTown struct {
	*slacktest.Server
	a      chat.Adapter
	people int
}

func slackShell(t *testing.T) shell {
	s := slacktest.New()
	t.Cleanup(s.Close)
	s.AddChannel(slackRoom)
	s.AddChannel(slackOther)
	a, err := slack.New(slack.Options{Name: "slack", BotToken: s.BotToken(), AppToken: s.AppToken(), APIURL: s.URL(), Scale: 100})
	if err != nil {
		t.Fatal(err)
	}
	return &slackTown{Server: s, a: a}
}

func (s *slackTown) adapter() chat.Adapter     { return s.a }
func (*slackTown) rooms() (room, other string) { return slackRoom, slackOther }

func (s *slackTown) member() string {
	s.people++
	return fmt.Sprintf("U0READER%02d", s.people)
}

func (s *slackTown) admin() string {
	s.people++
	who := fmt.Sprintf("U0EDITOR%02d", s.people)
	s.Appoint(who)
	return who
}

func (s *slackTown) ready() bool { return s.Connections() > 0 }

func (s *slackTown) answer(e *slacktest.Exchange, err error) (said, error) {
	if err != nil {
		return said{}, err
	}
	replies, err := e.Wait(1)
	if err != nil {
		return said{}, fmt.Errorf("%w (refused: %q)", err, e.Refused())
	}
	r := replies[len(replies)-1]
	return said{words: r.Text + "\n" + slacktest.Words(r.Blocks), private: r.Type == "ephemeral", slack: r}, nil
}

func (s *slackTown) ask(who, line string) (said, error) {
	name, text, _ := strings.Cut(line, " ")
	if name == "/alert" {
		text = strings.TrimPrefix(text, "words:") // there the words are a filter
	}
	return s.answer(s.StartCommand(name, text, who, slackRoom))
}

func (s *slackTown) press(r said, label, who string) (said, error) {
	for _, b := range slacktest.Buttons(r.slack.Blocks) {
		if b.Label == label {
			return s.answer(s.StartPress(r.slack, b.Value, who, slackRoom))
		}
	}
	return said{}, fmt.Errorf("no button %q under %q", label, r.words)
}

func (s *slackTown) pick(r said, label, who string) (said, error) {
	return s.answer(s.StartPick(r.slack, label, who, slackRoom))
}

func (s *slackTown) menu(spec chat.CommandSpec, words, who string) (said, error) {
	for _, m := range s.Messages(slackRoom) {
		if strings.Contains(slacktest.Words(m.Blocks), words) {
			return s.answer(s.StartShortcut(m, spec.Name, who))
		}
	}
	return said{}, fmt.Errorf("no message holds %q", words)
}

func (s *slackTown) cards(channel string) (list []string) {
	for _, m := range s.Messages(channel) {
		list = append(list, slacktest.Words(m.Blocks))
	}
	return list
}

func (s *slackTown) direct(who string) []string { return s.cards(s.Direct(who)) }

func (s *slackTown) pressUnder(who, words, label string) (said, error) {
	for _, m := range s.Messages(s.Direct(who)) {
		if strings.Contains(slacktest.Words(m.Blocks), words) {
			return s.answer(s.StartPressUnder(m, label, who))
		}
	}
	return said{}, fmt.Errorf("no message holds %q", words)
}

// embedWords returns what embeds say.
func embedWords(embeds []*discordgo.MessageEmbed) string {
	var sb strings.Builder
	for _, e := range embeds {
		if e.Author != nil {
			sb.WriteString(e.Author.Name + "\n")
		}
		sb.WriteString(e.Title + "\n" + e.Description + "\n")
		for _, f := range e.Fields {
			sb.WriteString(f.Name + "\n" + f.Value + "\n")
		}
		if e.Footer != nil {
			sb.WriteString(e.Footer.Text + "\n")
		}
	}
	return sb.String()
}

// A discordTown is Discord.
type discordTown struct {
	*discordtest.Server
	a      chat.Adapter
	people int
}

func discordShell(t *testing.T) shell {
	s := discordtest.New()
	t.Cleanup(s.Close)
	s.AddChannel(discordRoom)
	s.AddChannel(discordOther)
	a, err := discord.New(discord.Options{Name: "discord", Token: s.Token(), APIURL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	return &discordTown{Server: s, a: a}
}

func (s *discordTown) adapter() chat.Adapter     { return s.a }
func (*discordTown) rooms() (room, other string) { return discordRoom, discordOther }

func (s *discordTown) member() string {
	s.people++
	return fmt.Sprint(1500000000000000000 + s.people)
}

func (s *discordTown) admin() string {
	who := s.member()
	s.Appoint(who)
	return who
}

func (s *discordTown) ready() bool { return s.Connected() }

// answer waits for what an interaction comes to: after a first response that
// shows nothing it comes later.
func (s *discordTown) answer(r discordtest.Reply, err error) (said, error) {
	if err != nil {
		return said{}, err
	}
	err = eventually(func() error {
		if r = s.Answer(r.Interaction); r.Message == "" && embedWords(r.Embeds) == "" {
			return fmt.Errorf("nothing is answered: %+v", r)
		}
		return nil
	})
	edit := r.Type == 6 || r.Type == 7 // it stays where it was
	return said{words: embedWords(r.Embeds), private: r.Ephemeral || edit, discord: r}, err
}

func (s *discordTown) ask(who, line string) (said, error) {
	name, text, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	return s.answer(s.Command(name, optionsOf(name, text), who, discordRoom))
}

// optionsOf reads "name:value other:"more words"" as named options.
func optionsOf(command, text string) map[string]any {
	options := map[string]any{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		name, rest, _ := strings.Cut(text, ":")
		value := ""
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			value, text, _ = strings.Cut(quoted, `"`)
		} else {
			value, text, _ = strings.Cut(rest, " ")
		}
		options[name] = value
		for _, spec := range bot.Commands(nil) {
			for _, o := range spec.Options {
				if spec.Name == command && o.Name == name && o.Kind == chat.NumberOption {
					var n int
					_, _ = fmt.Sscan(value, &n)
					options[name] = n
				}
			}
		}
	}
	return options
}

func (s *discordTown) press(r said, label, who string) (said, error) {
	for _, row := range r.discord.Components {
		for _, c := range row.Components {
			if c.Label == label {
				return s.answer(s.Press(r.discord.Message, c.CustomID, who, discordRoom))
			}
		}
	}
	return said{}, fmt.Errorf("no button %q under %q: %+v", label, r.words, r.discord.Components)
}

func (s *discordTown) pick(r said, label, who string) (said, error) {
	for _, row := range r.discord.Components {
		for _, c := range row.Components {
			for _, o := range c.Options {
				if o.Label == label {
					return s.answer(s.Pick(r.discord.Message, c.CustomID, o.Value, who, discordRoom))
				}
			}
		}
	}
	return said{}, fmt.Errorf("no choice %q under %q: %+v", label, r.words, r.discord.Components)
}

func (s *discordTown) menu(spec chat.CommandSpec, words, who string) (said, error) {
	for _, m := range s.Messages(discordRoom) {
		if strings.Contains(embedWords(m.Embeds), words) {
			return s.answer(s.Menu(spec.Label, m.ID, who, discordRoom))
		}
	}
	return said{}, fmt.Errorf("no message holds %q", words)
}

func (s *discordTown) cards(channel string) (list []string) {
	for _, m := range s.Messages(channel) {
		list = append(list, embedWords(m.Embeds))
	}
	return list
}

func (s *discordTown) direct(who string) []string { return s.cards(s.Direct(who)) }

func (s *discordTown) pressUnder(who, words, label string) (said, error) {
	for _, m := range s.Messages(s.Direct(who)) {
		if !strings.Contains(embedWords(m.Embeds), words) {
			continue
		}
		for _, row := range m.Components {
			for _, c := range row.Components {
				if c.Label == label {
					return s.answer(s.Press(m.ID, c.CustomID, who, s.Direct(who)))
				}
			}
		}
	}
	return said{}, fmt.Errorf("no message holds %q with a button %q", words, label)
}

// TestSuggestions checks what Discord completes while a user types.
func TestSuggestions(t *testing.T) {
	sh := discordShell(t)
	w := newTown(t, sh)
	s, _ := sh.(*discordTown)
	for _, tt := range []struct{ command, focus, typed, want string }{
		{"latest", "source", "harb", "Harbour"},
		{"pause", "source", "", "Harbour"},
		{"quotes", "speaker", "una", "Una Marsh"},
		{"digest", "when", "", "daily 08:00 UTC"},
		{"set", "value", "", "off"},
	} {
		choices, err := s.Suggest(tt.command, tt.focus, map[string]any{tt.focus: tt.typed}, w.member, w.room)
		if err != nil || !slices.ContainsFunc(choices, func(c discordtest.Choice) bool { return c.Name == tt.want }) {
			t.Errorf("/%s %s %q: %v, %v", tt.command, tt.focus, tt.typed, choices, err)
		}
	}
}

// TestCommandFlood sends 1,000 commands of 200 people at once over the real
// wire. Each is acknowledged in the platform's time (else asking fails) and
// answered, and a card that comes meanwhile is posted.
func TestCommandFlood(t *testing.T) {
	for _, open := range []func(*testing.T) shell{slackShell, discordShell} {
		sh := open(t)
		t.Run(sh.adapter().Name(), func(t *testing.T) {
			w := newTown(t, sh)
			const people, each, together = 200, 5, 40
			jobs := make(chan string)
			var asking sync.WaitGroup
			for range together {
				asking.Go(func() {
					for who := range jobs {
						s, err := sh.ask(who, "/latest source:harbour count:1")
						if err != nil || !strings.Contains(s.words, "The ferry waits") && !strings.Contains(s.words, "The bell rings") {
							t.Errorf("%s is answered %q, %v", who, s.words, err)
						}
					}
				})
			}
			crowd := make([]string, people)
			for i := range crowd {
				crowd[i] = sh.member()
			}
			for i := range people * each {
				if i == people {
					w.publish("harbour", "harbour", "The bell rings")
				}
				jobs <- crowd[i%people]
			}
			close(jobs)
			asking.Wait()
			w.shows(w.room, "The bell rings")
		})
	}
}
