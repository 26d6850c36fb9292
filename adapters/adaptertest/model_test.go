package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// defectEnv names the defect that the model has in this process.
const defectEnv = "ADAPTERTEST_DEFECT"

// TestModel runs the contract on the simplest adapter that keeps it.
func TestModel(t *testing.T) {
	Run(t, func(*testing.T) *Platform { return newModel(os.Getenv(defectEnv)).platform() })
}

// TestDefects holds that the contract can fail: a model with one thing wrong
// fails in the check that is there for it.
func TestDefects(t *testing.T) {
	if os.Getenv(defectEnv) != "" {
		t.Skip("this process is itself a test of a defect")
	}
	for defect, check := range map[string]string{
		"no id":                     "SendShowsTheCard",
		"no byline":                 "SendShowsTheCard",
		"no role":                   "SendShowsTheCard",
		"no link":                   "SendShowsTheCard",
		"words of a quote changed":  "SendShowsTheCard",
		"no state":                  "SendShowsEveryState",
		"nothing of what was":       "SendShowsEveryState",
		"two requests":              "SendIsOneRequest",
		"silent refused":            "SendSilent",
		"empty card refused":        "SendAcceptsAnyCard",
		"any scheme linked":         "SendAcceptsAnyCard",
		"long card refused":         "SendClipsVisibly",
		"cut without a mark":        "SendClipsVisibly",
		"cut within a grapheme":     "SendClipsVisibly",
		"mentions":                  "SendIsInert/everyone",
		"masked links":              "SendIsInert/masked_link",
		"controls":                  "SendIsInert/controls",
		"bidi":                      "SendIsInert/bidi",
		"markup lost":               "SendIsInert/markup",
		"same ids":                  "SendConcurrently",
		"posts twice":               "SendAgainAfterALostAnswer",
		"never posts again":         "SendAgainAfterAReset",
		"recognises any card":       "SendDifferentKeys",
		"sends when cancelled":      "SendCancelledBefore",
		"deaf to cancel":            "SendCancelledDuring",
		"edit shows nothing":        "EditShowsTheNewState",
		"edit posts":                "EditShowsTheNewState",
		"edit of nothing succeeds":  "EditOfAMissingMessage",
		"plain error":               "Faults/send_forbidden",
		"secret in error":           "Faults/send_server_error",
		"secret in remedy":          "Faults/send_unauthorized",
		"no remedy":                 "Faults/send_unauthorized",
		"all failures transient":    "Faults/edit_reset",
		"retries":                   "Faults/send_server_error",
		"no retry after":            "Faults/send_too_many",
		"check posts":               "CheckPostsNothing",
		"check sees no revocation":  "CheckPostsNothing",
		"no deadline":               "ServeAnswers",
		"public answer":             "ServeAnswers",
		"no note":                   "ServeAnswers",
		"wrong action":              "ServePresses",
		"page not replaced":         "ServePresses",
		"nothing shared":            "ServeShares",
		"answers alive":             "ServeIsInert/channel",
		"errors told":               "ServeHidesErrors",
		"panics told":               "ServeSurvivesAPanic",
		"cancel is an error":        "ServeEnds",
		"slow end":                  "ServeEnds",
		"channel taken for message": "Faults/edit_forbidden",
		"items name nobody":         "FormsAreShown",
		"old words left out":        "FormsAreShown",
		"threads flat":              "ThreadsHold",
		"not broadcast":             "ThreadsBroadcast",
		"thread goes unnoticed":     "ThreadsGo",
		"thread taken for channel":  "ThreadsGo",
		"tags refused":              "ForumsHold",
		"replies refused":           "RepliesArePosted",
		"publish refused":           "PublishIsNoError",
		"everyone told":             "MentionsAreTold",
		"nobody told":               "MentionsAreTold",
		"nothing deleted":           "DeleteRemoves",
		"second deletion fails":     "DeleteRemoves",
		"failed deletion hidden":    "DeleteFails",
		"fresh channel waits":       "PaceIsFree",
		"target lost":               "CardsArePressed",
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			first, _, _ := strings.Cut(check, "/")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestModel$/^"+first+"$", "-test.v")
			cmd.Env = append(os.Environ(), defectEnv+"="+defect)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: TestModel/"+check) {
				t.Errorf("%s passes (%v):\n%s", check, err, out)
			}
		})
	}
}

// A model is a platform and its adapter in one, with at most one defect.
type model struct {
	defect string

	mu       sync.Mutex
	next     int
	messages []held
	keys     map[string]chat.MessageID
	requests int
	fault    Fault
	begun    chan struct{}
	last     Answer
	lines    chan asked
	pressed  map[chat.MessageID][]chat.Button
}

// held is a message and where it stands.
type held struct {
	Message
	channel string
	thread  chat.MessageID // "" = in the channel
	loud    bool           // in the channel too
}

// asked is a command on its way to Serve.
type asked struct {
	cmd   chat.Command
	reply chan Answer
}

const token = "xo-model-secret"

var (
	modelChannel = chat.Channel{Adapter: "model", ID: "C1"}
	modelForum   = chat.Channel{Adapter: "model", ID: "F1"}
)

func newModel(defect string) *model {
	return &model{
		defect: defect, keys: map[string]chat.MessageID{}, lines: make(chan asked), pressed: map[chat.MessageID][]chat.Button{},
	}
}

// wrong reports whether the model has that defect.
func (m *model) wrong(defect string) bool { return m.defect == defect }

func (m *model) platform() *Platform {
	return &Platform{
		Adapter: m, Channel: modelChannel, Secrets: []string{token}, Missing: "m-999", Recognises: true,
		Forum: modelForum, Member: chat.Mention{ID: "U7"},
		Messages: func() []Message {
			return m.where(func(h held) bool { return h.channel == modelChannel.ID && (h.thread == "" || h.loud) })
		},
		Thread: func(page chat.MessageID) []Message { return m.where(func(h held) bool { return h.thread == page }) },
		ForumPosts: func() []Message {
			return m.where(func(h held) bool { return h.channel == modelForum.ID && h.thread == "" })
		},
		RemoveThread: func(page chat.MessageID) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.messages = slices.DeleteFunc(m.messages, func(h held) bool { return h.thread == page || h.ID == page })
		},
		PressUnder: func(ctx context.Context, id chat.MessageID, label string) error {
			for _, b := range m.pressed[id] {
				if b.Label == label {
					cmd := chat.Command{Kind: chat.Press, Action: b.Action, Target: id}
					if m.wrong("target lost") {
						cmd.Target = ""
					}
					_, err := m.ask(ctx, cmd)
					return err
				}
			}
			return errors.New("no such button")
		},
		Requests: func() int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.requests
		},
		Fail: func(f Fault) <-chan struct{} {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.fault, m.begun = f, make(chan struct{})
			return m.begun
		},
		Invoke: func(ctx context.Context, name, text string) (Answer, error) {
			return m.ask(ctx, chat.Command{Kind: chat.Invoke, Name: name, Text: text})
		},
		Press: func(ctx context.Context, label string) (Answer, error) {
			action := "action of " + label
			if label == "Older" && !m.wrong("wrong action") {
				action = "1.quotes.0.5.5.abc-_.x"
			}
			return m.ask(ctx, chat.Command{Kind: chat.Press, Action: action})
		},
	}
}

// where returns the messages that stand where a reader looks.
func (m *model) where(looked func(held) bool) (list []Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.messages {
		if looked(h) {
			list = append(list, h.Message)
		}
	}
	return list
}

// request is what every call costs: it returns whether it takes effect, and
// how it fails.
func (m *model) request(ctx context.Context) (accepted bool, err error) {
	if err := ctx.Err(); err != nil && !m.wrong("sends when cancelled") {
		return false, m.failed(chat.Transient, err)
	}
	m.mu.Lock()
	m.requests++
	if m.wrong("two requests") {
		m.requests++
	}
	f, begun := m.fault, m.begun
	m.fault = 0
	if f == ServerError && m.wrong("retries") {
		m.requests++
	}
	m.mu.Unlock()
	if f == 0 {
		return true, nil
	}
	close(begun)
	if f == Hang {
		if m.wrong("deaf to cancel") {
			<-time.After(1500 * time.Millisecond)
		}
		<-ctx.Done()
		return false, m.failed(chat.Unknown, ctx.Err())
	}
	return f == LostAnswer, m.failed(reasons[f], errors.New(strconv.Itoa(http.StatusTeapot)))
}

func (m *model) failed(r chat.Reason, err error) error {
	if r == 0 {
		r = chat.RateLimited
	}
	se := &chat.SendError{Reason: r, Err: err, Channel: r == chat.Gone && err.Error() == strconv.Itoa(http.StatusTeapot) && !m.wrong("channel taken for message")}
	if r == chat.RateLimited && !m.wrong("no retry after") {
		se.RetryAfter = RetryAfter
	}
	if r == chat.Unauthorized && !m.wrong("no remedy") {
		se.Remedy = "Write a new token."
	}
	switch {
	case m.wrong("plain error"):
		return err
	case m.wrong("secret in error"):
		se.Err = fmt.Errorf("POST with %s: %w", token, err)
	case m.wrong("secret in remedy") && se.Remedy != "":
		se.Remedy += " It was " + token
	case m.wrong("all failures transient"):
		se.Reason = chat.Transient
	}
	return se
}

func (m *model) Name() string { return "model" }

func (m *model) Send(ctx context.Context, p chat.Post) (chat.MessageID, error) {
	if err := m.refuse(p); err != nil {
		return "", err
	}
	accepted, err := m.request(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	key := p.Key
	if m.wrong("recognises any card") {
		key = p.Card.Headline
	}
	if id, ok := m.keys[key]; ok && !p.Tried.IsZero() && !m.wrong("posts twice") {
		return id, err
	}
	if m.wrong("never posts again") && !p.Tried.IsZero() {
		return "m-1", nil
	}
	gone := p.Thread != "" && !slices.ContainsFunc(m.messages, func(h held) bool { return h.ID == p.Thread })
	if err == nil && gone && !m.wrong("thread goes unnoticed") {
		return "", &chat.SendError{Reason: chat.Gone, Thread: !m.wrong("thread taken for channel"), Err: errors.New("no such thread")}
	}
	if !accepted {
		return "", err
	}
	m.next++
	id := chat.MessageID(fmt.Sprint("m-", m.next))
	if m.wrong("same ids") {
		id = "m-1"
	}
	m.keys[key], m.pressed[id] = id, p.Buttons
	h := held{m.render(id, p.Card), p.Channel.ID, p.Thread, p.Broadcast && !m.wrong("not broadcast")}
	if m.wrong("threads flat") {
		h.thread = ""
	}
	for _, mention := range p.Mentions {
		if member.MatchString(mention.ID) && !mention.Role && !m.wrong("nobody told") || mention.ID == "everyone" && m.wrong("everyone told") {
			h.Mentions = append(h.Mentions, mention.ID)
		}
	}
	m.messages = append(m.messages, h)
	if err != nil || m.wrong("no id") {
		return "", err
	}
	return id, nil
}

var member = regexp.MustCompile(`^U[0-9]+$`)

// refuse is what some defects refuse.
func (m *model) refuse(p chat.Post) error {
	c := p.Card
	if m.wrong("publish refused") && p.Publish || m.wrong("replies refused") && p.Reply != "" || m.wrong("tags refused") && len(p.Tags) > 0 {
		return m.failed(chat.Rejected, errors.New("refused"))
	}
	if m.wrong("silent refused") && p.Silent || m.wrong("empty card refused") && c.Headline == "" || m.wrong("long card refused") && len(c.Headline) > 3000 {
		return m.failed(chat.Rejected, errors.New("refused"))
	}
	return nil
}

func (m *model) Edit(ctx context.Context, _ chat.Channel, id chat.MessageID, card chat.Card) error {
	if accepted, err := m.request(ctx); err != nil || !accepted {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.messages {
		if m.messages[i].ID != id {
			continue
		}
		switch {
		case m.wrong("edit posts"):
			m.messages = append(m.messages, held{m.render("m-888", card), modelChannel.ID, "", false})
		case !m.wrong("edit shows nothing"):
			m.messages[i].Message = m.render(id, card)
		}
		return nil
	}
	if m.wrong("edit of nothing succeeds") {
		return nil
	}
	return m.failed(chat.Gone, errors.New("no such message"))
}

func (m *model) Check(ctx context.Context, _ chat.Channel) error {
	if m.wrong("check posts") {
		_, err := m.Send(ctx, chat.Post{Channel: modelChannel, Card: plain("test, please ignore")})
		return err
	}
	_, err := m.request(ctx)
	if m.wrong("check sees no revocation") {
		return nil
	}
	return err
}

// render is how the model shows a card: a line for each text, 500 graphemes of
// one code point or a family at most.
func (m *model) render(id chat.MessageID, c chat.Card) Message {
	var lines []string
	add := func(s string) {
		if s = m.show(s); s != "" {
			lines = append(lines, s)
		}
	}
	add(c.Source)
	if !m.wrong("no state") {
		add(c.State.String())
	}
	add(c.Headline)
	quotes := append(slices.Clip(c.Quotes), c.Was...)
	if m.wrong("nothing of what was") {
		quotes = c.Quotes
	}
	for i, q := range quotes {
		if i == 10 {
			add("… more")
			break
		}
		text := q.Text
		if m.wrong("words of a quote changed") {
			text = strings.Replace(text, "We closed it", "They closed it", 1)
		}
		add(text)
		add(q.Speaker)
		if !m.wrong("no role") {
			add(q.Role)
		}
	}
	for i, it := range c.Items {
		if i == 10 {
			add("… more")
			break
		}
		add(it.Headline)
		if !m.wrong("items name nobody") {
			add(it.Speaker)
		}
	}
	for i, e := range c.Edits {
		if i == 10 {
			add("… more")
			break
		}
		add(e.What)
		add(e.New)
		if !m.wrong("old words left out") {
			add(e.Old)
		}
	}
	if c.Form != chat.EntryForm && c.Count > 0 {
		add(fmt.Sprint(c.Count))
	}
	add(c.Note)
	add(c.Text)
	if !m.wrong("no byline") {
		add(c.Byline)
	}
	add(c.Image.Alt)
	add(c.Image.Credit)
	out := Message{ID: id, Text: strings.Join(lines, "\n")}
	if strings.HasPrefix(c.URL, "https://") && !m.wrong("no link") || m.wrong("any scheme linked") {
		out.Links = append(out.Links, Link{Label: c.Headline, URL: c.URL})
	}
	if m.wrong("mentions") && strings.Contains(out.Text, "@everyone") {
		out.Mentions = []string{"everyone"}
	}
	if m.wrong("masked links") && strings.Contains(out.Text, "](http://evil.example/x)") {
		out.Links = append(out.Links, Link{Label: "a safe site", URL: "http://evil.example/x"})
	}
	return out
}

// show cleans and cuts one text.
func (m *model) show(s string) string {
	s = strings.Map(func(r rune) rune {
		bidi := r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
		switch {
		case !disturbing(r), bidi && m.wrong("bidi"), !bidi && m.wrong("controls"):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if m.wrong("markup lost") {
		s = strings.ReplaceAll(s, "*", "")
	}
	const limit = 500
	units := strings.ReplaceAll(s, family, "\U0001F46A") // a family of one code point
	if r := []rune(units); len(r) > limit {
		s = strings.ReplaceAll(string(r[:limit]), "\U0001F46A", family)
		switch m.defect {
		case "cut without a mark":
		case "cut within a grapheme":
			s = strings.TrimSuffix(s, "\U0001F466") + "…"
		default:
			s += "…"
		}
	}
	return s
}

// ask brings a command to Serve and waits for its answer.
func (m *model) ask(ctx context.Context, c chat.Command) (Answer, error) {
	c.Adapter, c.Channel, c.User = "model", modelChannel, "U1"
	a := asked{c, make(chan Answer, 1)}
	select {
	case m.lines <- a:
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	select {
	case r := <-a.reply:
		if m.wrong("page not replaced") {
			r.Text = m.last.Text + r.Text
		}
		m.last = r
		return r, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

func (m *model) Serve(ctx context.Context, _ []chat.CommandSpec, h chat.Handler) error {
	for {
		select {
		case a := <-m.lines:
			a.reply <- m.answer(ctx, h, a.cmd)
		case <-ctx.Done():
			if m.wrong("slow end") {
				<-time.After(1200 * time.Millisecond)
			}
			if m.wrong("cancel is an error") {
				return ctx.Err()
			}
			return nil
		}
	}
}

func (m *model) answer(ctx context.Context, h chat.Handler, c chat.Command) (a Answer) {
	a = Answer{Text: "Sorry.", Private: !m.wrong("public answer")}
	defer func() {
		if p := recover(); p != nil && m.wrong("panics told") {
			a.Text = fmt.Sprint(p)
		}
	}()
	if !m.wrong("no deadline") {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, chat.AnswerTime)
		defer cancel()
	}
	r, err := h(ctx, c)
	if err != nil {
		if m.wrong("errors told") {
			a.Text = err.Error()
		}
		return a
	}
	lines := []string{m.show(r.Title), m.show(r.Text)}
	for _, i := range r.Items {
		lines = append(lines, m.render("", i).Text)
	}
	if !m.wrong("no note") {
		lines = append(lines, m.show(r.Note))
	}
	a.Text = strings.Join(lines, "\n")
	if r.Public && !m.wrong("nothing shared") {
		a.Private = false
	}
	for _, b := range r.Buttons {
		a.Buttons = append(a.Buttons, m.show(b.Label))
	}
	if m.wrong("answers alive") && strings.Contains(a.Text, "<!channel>") {
		a.Mentions = []string{"channel"}
	}
	return a
}

func (m *model) Delete(ctx context.Context, _ chat.Channel, id chat.MessageID) error {
	if accepted, err := m.request(ctx); (err != nil || !accepted) && !m.wrong("failed deletion hidden") {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.messages)
	if !m.wrong("nothing deleted") {
		m.messages = slices.DeleteFunc(m.messages, func(h held) bool { return h.ID == id })
	}
	if len(m.messages) == n && m.wrong("second deletion fails") {
		return m.failed(chat.Gone, errors.New("no such message"))
	}
	return nil
}

func (m *model) Pace(chat.Channel) time.Duration {
	if m.wrong("fresh channel waits") {
		return time.Second
	}
	return 0
}
