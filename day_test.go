package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/adapters/console"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

var updateDay = flag.Bool("update", false, "rewrite what is expected in testdata/day; then read every line of it")

// TestDay runs the scripts in testdata/day: a live page from its first entry
// to its end, read by the real bot over loopback HTTP, on a clock of its own.
//
// A script's lines are in the order of the clock; what it says happens at that
// time, UTC, and "next day" begins another day. It knows
//
//	TIME page TITLE             what the page is called
//	TIME add NAME[*] [@TIME] HEADLINE // PARAGRAPH // PARAGRAPH
//	                            a new entry, * a key event, @ when it was published if not now
//	TIME edit NAME HEADLINE // PARAGRAPH
//	TIME drop NAME              takes an entry off the page
//	TIME number up|down         names of entries are places: from the oldest, from the newest
//	TIME name                   names of entries are names
//	TIME markup blocks|json-ld  how the page is written
//	TIME break, TIME mend       the server answers 503, or the page again
//	TIME start                  the bot begins
//	TIME restart                the bot stops and begins again
//	TIME end                    the page says that its coverage is over
//	TIME polls LOW-HIGH         how often the page was read since the line before of that kind
//	TIME shows                  what has changed in the channel since the line before of that kind
//
// The indented lines below shows are each message that is new or looks
// otherwise, numbered as they stand in the channel. All others must look as
// they did.
func TestDay(t *testing.T) {
	files, err := filepath.Glob("testdata/day/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			page := newLivePage(t) // its goroutines live outside the bubble
			synctest.Test(t, func(t *testing.T) {
				got := newDay(t, page).run(string(text))
				if *updateDay {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if d := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); d != "" {
					t.Errorf("the channel shows something else (-want +got); rewrite with go test -run TestDay -update, and read it:\n%s", d)
				}
			})
		})
	}
}

// A day is a script that is being run.
type day struct {
	t       *testing.T
	page    *livePage
	room    *room
	options bot.Options
	path    string // of the ledger
	date    time.Time
	stop    func()
	polled  int      // readings at the last line "polls"
	shown   []string // messages at the last line "shows"
}

func newDay(t *testing.T, page *livePage) *day {
	channel := chat.Channel{Adapter: "room", ID: "harbour"}
	d := &day{t: t, page: page, room: &room{}, date: time.Now().UTC(), path: filepath.Join(t.TempDir(), "day.db"), stop: func() {}}
	d.options = bot.Options{
		Adapters: []chat.Adapter{d.room},
		Sources: []news.Source{{
			ID: "harbour", Name: "Harbour live", URL: page.http.URL + "/live/harbour", Private: true,
			Schedule: "@every 20s", Slowest: 5 * time.Minute, Newest: 2,
		}},
		Subscriptions: []store.Subscription{{Source: "harbour", Channel: channel, Closing: true}},
		Logger:        slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	return d
}

// testWriter shows the log of a test that fails.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

// run does what the script says and returns it as it came out.
func (d *day) run(script string) string {
	var out strings.Builder
	defer func() { d.stop() }()
	skip := false // what was expected
	for line := range strings.Lines(script) {
		text := strings.TrimSpace(line)
		if skip && strings.HasPrefix(line, "    ") {
			continue
		}
		skip = false
		switch {
		case text == "next day":
			d.date = d.date.AddDate(0, 0, 1)
			fallthrough
		case text == "" || strings.HasPrefix(text, "#"):
			out.WriteString(line)
		default:
			at, rest, _ := strings.Cut(text, " ")
			verb, args, _ := strings.Cut(rest, " ")
			d.until(d.clock(at))
			out.WriteString(line)
			if verb == "shows" {
				out.WriteString(d.changes())
				skip = true
				continue
			}
			d.do(verb, strings.TrimSpace(args))
		}
	}
	return out.String()
}

// clock reads a time of the script's day.
func (d *day) clock(s string) time.Time {
	layout := "15:04"
	if strings.Count(s, ":") == 2 {
		layout = time.TimeOnly
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		d.t.Fatalf("script: %v", err)
	}
	return d.date.Add(at.Sub(at.Truncate(24 * time.Hour)))
}

// until lets the time pass.
func (d *day) until(at time.Time) {
	wait := time.Until(at)
	if wait < 0 {
		d.t.Fatalf("script: %v is past", at)
	}
	<-time.After(wait)
	synctest.Wait()
}

func (d *day) do(verb, args string) {
	p := d.page
	p.mu.Lock()
	defer p.mu.Unlock()
	switch verb {
	case "page":
		p.title = args
	case "add":
		d.add(args)
	case "edit":
		name, words, _ := strings.Cut(args, " ")
		e := d.entry(name)
		e.headline, e.body = split(words)
	case "drop":
		e := d.entry(args)
		p.entries = slices.DeleteFunc(p.entries, func(o *liveEntry) bool { return o == e })
	case "number", "name":
		p.numbers = args
	case "markup":
		p.markup = args
	case "break", "mend":
		p.broken = verb == "break"
	case "end":
		p.ended, p.title = true, p.title+" – as it happened"
	case "start":
		d.start()
	case "restart":
		p.mu.Unlock()
		d.stop()
		p.mu.Lock()
		d.start()
	case "polls":
		var low, high int
		if n, err := fmt.Sscanf(args, "%d-%d", &low, &high); n != 2 {
			d.t.Fatalf("script: polls %s: %v", args, err)
		}
		if n := p.polls - d.polled; n < low || n > high {
			d.t.Errorf("the page was read %d times before %v; want %s", n, time.Now().UTC().Format("02 15:04:05"), args)
		}
		d.polled = p.polls
	default:
		d.t.Fatalf("script: %s?", verb)
	}
}

// add reads "NAME[*] [@TIME] HEADLINE // PARAGRAPH".
func (d *day) add(args string) {
	name, rest, _ := strings.Cut(args, " ")
	e := &liveEntry{published: time.Now().UTC()}
	e.name, e.key = strings.CutSuffix(name, "*")
	if at, more, ok := strings.Cut(rest, " "); ok && strings.HasPrefix(at, "@") {
		e.published, rest = d.clock(at[1:]), more
	}
	e.headline, e.body = split(rest)
	d.page.entries = append(d.page.entries, e)
}

func split(words string) (headline string, body []string) {
	parts := strings.Split(words, " // ")
	return parts[0], parts[1:]
}

func (d *day) entry(name string) *liveEntry {
	for _, e := range d.page.entries {
		if e.name == name {
			return e
		}
	}
	d.t.Fatalf("script: there is no entry %s", name)
	return nil
}

// start runs the bot over the day's ledger; stop ends it.
func (d *day) start() {
	st, err := bolt.Open(d.path, bolt.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	client := fetch.New(fetch.Options{})
	o := d.options
	o.Store, o.Fetcher = st, client
	b, err := bot.New(o)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan error, 1) // takes the one result
	go func() { done <- b.Run(ctx) }()
	d.stop = func() {
		cancel()
		client.Close()
		if err := errors.Join(<-done, st.Close()); err != nil {
			d.t.Error(err)
		}
		d.stop = func() {}
	}
}

// changes tells the messages that have changed since it was last asked.
func (d *day) changes() string {
	var out strings.Builder
	now := d.room.shows(d.page.http.URL)
	for i, text := range now {
		if i < len(d.shown) && d.shown[i] == text {
			continue
		}
		for j, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			number := "   "
			if j == 0 {
				number = fmt.Sprintf("%2d.", i+1)
			}
			out.WriteString("    " + number + " " + l + "\n")
		}
	}
	d.shown = now
	return out.String()
}

// A livePage is a page that is edited while it is read.
type livePage struct {
	http *httptest.Server

	mu      sync.Mutex // guards what follows
	title   string
	entries []*liveEntry // oldest first
	markup  string       // "blocks", "json-ld"
	numbers string       // "up", "down", "" for names
	ended   bool
	broken  bool
	polls   int
}

type liveEntry struct {
	name, headline string
	body           []string
	published      time.Time
	key            bool
}

// newLivePage serves a page on loopback. Connections are closed after each
// answer: an idle one would hold up the clock of the bubble that reads it.
func newLivePage(t *testing.T) *livePage {
	p := &livePage{markup: "blocks"}
	p.http = httptest.NewServer(p)
	p.http.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(p.http.Close)
	return p
}

func (p *livePage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	if p.broken {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	badge := `<span class="live">LIVE</span>`
	if p.ended {
		badge = ""
	}
	title := html.EscapeString(p.title)
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=\"en\"><head><title>%s</title>%s</head>\n<body><h1>%s</h1>%s\n<main>\n", title, p.data(), title, badge)
	for i, e := range slices.Backward(p.entries) {
		p.article(w, i, e)
	}
	fmt.Fprint(w, "</main></body></html>\n")
}

// id is what the page calls an entry.
func (p *livePage) id(i int, e *liveEntry) string {
	switch p.numbers {
	case "up":
		return fmt.Sprint("post-", i+1)
	case "down":
		return fmt.Sprint("post-", len(p.entries)-i)
	}
	return "entry-" + e.name
}

func (p *livePage) article(w http.ResponseWriter, i int, e *liveEntry) {
	if p.markup != "blocks" {
		fmt.Fprintf(w, "<div class=\"teaser\">%s</div>\n", html.EscapeString(e.headline)) // the rest is in the data
		return
	}
	class := "update"
	if e.key {
		class += " is-key-event"
	}
	fmt.Fprintf(w, "<article class=\"%s\" id=\"%s\"><time datetime=\"%s\">%s</time><h2>%s</h2>", class, p.id(i, e),
		e.published.Format(time.RFC3339), e.published.Format("15:04"), html.EscapeString(e.headline))
	for _, text := range e.body {
		fmt.Fprintf(w, "<p>%s</p>", linked(text))
	}
	fmt.Fprint(w, "</article>\n")
}

var link = regexp.MustCompile(`\[(.*?)\]\((/\S*?)\)`)

// linked writes "[words](/path)" as a link.
func linked(text string) string {
	return link.ReplaceAllString(html.EscapeString(text), `<a href="$2">$1</a>`)
}

// data is the page's structured data.
func (p *livePage) data() string {
	if p.markup != "json-ld" {
		return ""
	}
	var posts []string
	for i, e := range slices.Backward(p.entries) {
		var body []string
		for _, text := range e.body {
			body = append(body, "<p>"+linked(text)+"</p>")
		}
		posts = append(posts, fmt.Sprintf(`{"@type": "BlogPosting", "@id": %q, "headline": %q, "articleBody": %q, "datePublished": %q}`,
			"#"+p.id(i, e), e.headline, strings.Join(body, ""), e.published.Format(time.RFC3339)))
	}
	return fmt.Sprintf("<script type=\"application/ld+json\">{\"@context\": \"https://schema.org\", \"@type\": \"LiveBlogPosting\", \"headline\": %q,\n \"liveBlogUpdate\": [%s]}</script>",
		p.title, strings.Join(posts, ",\n  "))
}

// A room is an adapter with one channel, which keeps what people see there.
type room struct {
	mu       sync.Mutex // guards what follows
	messages []*roomMessage
}

type roomMessage struct {
	post    chat.Post
	card    chat.Card
	deleted bool
}

func (r *room) Name() string { return "room" }

func (r *room) Send(_ context.Context, p chat.Post) (chat.MessageID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range r.messages {
		if m.post.Key == p.Key {
			if p.Tried.IsZero() {
				return "", &chat.SendError{Reason: chat.Rejected, Err: fmt.Errorf("%s stands already and is not looked for", p.Key)}
			}
			return chat.MessageID(strconv.Itoa(i)), nil
		}
	}
	r.messages = append(r.messages, &roomMessage{post: p, card: p.Card})
	return chat.MessageID(strconv.Itoa(len(r.messages) - 1)), nil
}

func (r *room) Edit(_ context.Context, _ chat.Channel, id chat.MessageID, card chat.Card) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := strconv.Atoi(string(id))
	if err != nil || n < 0 || n >= len(r.messages) || r.messages[n].deleted {
		return &chat.SendError{Reason: chat.Gone, Err: errors.New("no such message")}
	}
	r.messages[n].card = card
	return nil
}

func (r *room) Delete(_ context.Context, _ chat.Channel, id chat.MessageID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, err := strconv.Atoi(string(id)); err == nil && n >= 0 && n < len(r.messages) {
		r.messages[n].deleted = true
	}
	return nil
}

func (r *room) Pace(chat.Channel) time.Duration { return 0 }

func (r *room) Check(context.Context, chat.Channel) error { return nil }

func (r *room) Serve(ctx context.Context, _ []chat.CommandSpec, _ chat.Handler) error {
	<-ctx.Done()
	return nil
}

// shows returns the messages as a terminal shows them. When a card became what
// it is hangs on when the page was read, and is left out, as are addresses; the
// site's own is SITE.
func (r *room) shows(site string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, m := range r.messages {
		if m.deleted {
			list = append(list, "deleted")
			continue
		}
		c := m.card
		c.Changed, c.URL = time.Time{}, ""
		list = append(list, strings.ReplaceAll(console.Render(c, console.Options{Width: 100}), site, "SITE"))
	}
	return list
}
