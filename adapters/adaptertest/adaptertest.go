// Package adaptertest is the contract of [chat.Adapter] as tests that every
// adapter runs.
//
// An adapter's test has a loopback platform that speaks the real wire protocol
// and describes it, with the adapter that is connected to it, as a [Platform];
// [Run] opens a fresh one for every check. What a platform cannot do is left
// nil, and the checks that need it are skipped, with a line that says so.
//
// The rules are those of chat.go and command.go, nothing else: how a card looks
// is each adapter's own affair, what it says is not.
package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/chat"
)

// A Platform is a platform on loopback and the adapter that is connected to
// it. Its functions are called from one goroutine at a time, except Messages
// and Requests; those that open made end with the test, by t.Cleanup.
type Platform struct {
	Adapter chat.Adapter
	Channel chat.Channel // exists, and the adapter may post there; nothing is in it yet

	// Messages returns what people in Channel see, oldest first. Answers to
	// commands are not among them. Required.
	Messages func() []Message
	// Requests returns how many requests of any kind reached the platform.
	// nil: the adapter makes none.
	Requests func() int
	// Fail makes the next request misbehave, whatever it asks for, and returns
	// a channel that is closed when that has begun. It returns nil for a fault
	// that the platform does not have. nil: it has none.
	Fail func(Fault) (begun <-chan struct{})

	// Secrets must appear in no error.
	Secrets []string
	// Missing is a well-formed id of a message that is not there.
	Missing chat.MessageID
	// Recognises reports that Send finds the message of an earlier attempt.
	Recognises bool
	// Reprints reports that an edit shows the card again instead of changing
	// the message.
	Reprints bool
	// Alone reports that there is one reader only: every answer is private.
	Alone bool

	// Thread returns what people see in the thread of a page that Send returned
	// this id for, oldest first: without the page's own message, and of a forum
	// post without the first. nil: no threads.
	Thread func(page chat.MessageID) []Message
	// RemoveThread deletes the thread of a page or forum post as a person may,
	// with all that is in it. nil: nobody can.
	RemoveThread func(page chat.MessageID)
	// Forum is a forum in which the adapter may post and nothing is yet. Zero:
	// no forums.
	Forum chat.Channel
	// ForumPosts returns the name and first message of each post in Forum,
	// oldest first.
	ForumPosts func() []Message
	// Member is somebody in Channel who can be told aloud; Message.Mentions
	// holds his ID then. Zero: nobody.
	Member chat.Mention
	// PressUnder presses the button with that label under a card that stands in
	// Channel. nil: no buttons under cards.
	PressUnder func(ctx context.Context, card chat.MessageID, label string) error

	// Invoke sends a command as a user in Channel types it, "/name text", and
	// returns the answer when it is complete. Where commands have named
	// options, text is the value of the option "words". It waits until the
	// adapter's Serve is connected, or ctx is done. nil: no commands.
	Invoke func(ctx context.Context, name, text string) (Answer, error)
	// Press presses the button with that label under the newest answer.
	Press func(ctx context.Context, label string) (Answer, error)
}

// A Message is a message as people see it.
type Message struct {
	ID chat.MessageID // "" if the platform shows none
	// Text is what a reader reads, top to bottom: markup rendered, escapes
	// resolved, every text that the platform shows included.
	Text string
	// Mentions are the users, roles and groups that it notifies.
	Mentions []string
	Links    []Link
}

// A Link is a live link of a message.
type Link struct {
	Label string // what the reader sees
	URL   string
}

// An Answer is the answer to a command as the user sees it.
type Answer struct {
	Text     string // as in Message
	Mentions []string
	Links    []Link
	Buttons  []string // labels, in order
	Private  bool     // nobody else sees it
}

// A Fault is a misbehaviour of a platform.
type Fault int

// The faults. Unless it says otherwise the request takes no effect.
const (
	Unauthorized Fault = iota + 1 // the token is not accepted: 401, invalid_auth
	Forbidden                     // the bot may not post there: 403, not_in_channel
	NotFound                      // no such channel: 404, channel_not_found
	TooMany                       // rate limit of this channel, come back after [RetryAfter]: 429
	Refused                       // the content is not accepted: 400, invalid_blocks
	ServerError                   // 500 or 503
	Reset                         // the connection breaks after the request was read
	LostAnswer                    // the request takes effect, then the connection breaks
	Hang                          // no answer until the client gives up
)

// RetryAfter is what a platform that fails with [TooMany] asks for.
const RetryAfter = 7 * time.Second

// String returns the fault's name.
func (f Fault) String() string {
	names := [...]string{"", "unauthorized", "forbidden", "not found", "too many", "refused", "server error", "reset", "lost answer", "hang"}
	if f < 1 || int(f) >= len(names) {
		return "no fault"
	}
	return names[f]
}

// Run runs the contract as subtests of t. open starts a fresh platform.
func Run(t *testing.T, open func(t *testing.T) *Platform) {
	checks := []struct {
		name  string
		check func(*testing.T, *Platform)
	}{
		{"SendShowsTheCard", sendShowsTheCard},
		{"SendShowsEveryState", sendShowsEveryState},
		{"SendIsOneRequest", sendIsOneRequest},
		{"SendSilent", sendSilent},
		{"SendAcceptsAnyCard", sendAcceptsAnyCard},
		{"SendClipsVisibly", sendClipsVisibly},
		{"SendIsInert", sendIsInert},
		{"SendConcurrently", sendConcurrently},
		{"SendAgainAfterALostAnswer", sendAgainAfterALostAnswer},
		{"SendAgainAfterAReset", sendAgainAfterAReset},
		{"SendDifferentKeys", sendDifferentKeys},
		{"SendCancelledBefore", sendCancelledBefore},
		{"SendCancelledDuring", sendCancelledDuring},
		{"EditShowsTheNewState", editShowsTheNewState},
		{"EditOfAMissingMessage", editOfAMissingMessage},
		{"Faults", faults},
		{"FormsAreShown", formsAreShown},
		{"FormsAcceptAnything", formsAcceptAnything},
		{"ThreadsHold", threadsHold},
		{"ThreadsBroadcast", threadsBroadcast},
		{"ThreadsRecognise", threadsRecognise},
		{"ThreadsGo", threadsGo},
		{"ForumsHold", forumsHold},
		{"RepliesArePosted", repliesArePosted},
		{"PublishIsNoError", publishIsNoError},
		{"MentionsAreTold", mentionsAreTold},
		{"DeleteRemoves", deleteRemoves},
		{"DeleteFails", deleteFails},
		{"PaceIsFree", paceIsFree},
		{"CheckPostsNothing", checkPostsNothing},
		{"ServeAnswers", serveAnswers},
		{"ServePresses", servePresses},
		{"ServeShares", serveShares},
		{"ServeIsInert", serveIsInert},
		{"ServeHidesErrors", serveHidesErrors},
		{"ServeSurvivesAPanic", serveSurvivesAPanic},
		{"ServeEnds", serveEnds},
		{"CardsArePressed", cardsArePressed},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			if n := p.Adapter.Name(); n == "" || n != p.Channel.Adapter {
				t.Fatalf("the adapter's name is %q, the channel is %v", n, p.Channel)
			}
			c.check(t, p)
		})
	}
}

// patience bounds what takes no time unless something is broken.
const patience = 15 * time.Second

// fail sets a fault or skips the test where the platform has none such.
func (p *Platform) fail(t *testing.T, f Fault) (begun <-chan struct{}) {
	t.Helper()
	if p.Fail != nil {
		begun = p.Fail(f)
	}
	if begun == nil {
		t.Skipf("this platform has no fault %q", f)
	}
	return begun
}

// requests returns the count, 0 where the adapter makes no requests.
func (p *Platform) requests() int {
	if p.Requests == nil {
		return 0
	}
	return p.Requests()
}

// post returns a post of card to the platform's channel.
func (p *Platform) post(key string, card chat.Card) chat.Post {
	return chat.Post{Channel: p.Channel, Card: card, Key: key}
}

// send posts card and returns its id. The message must be the channel's newest.
func (p *Platform) send(t *testing.T, key string, card chat.Card) (chat.MessageID, Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id, err := p.Adapter.Send(ctx, p.post(key, card))
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if id == "" {
		t.Fatal("Send returned no id")
	}
	m := p.newest(t)
	if m.ID != "" && m.ID != id {
		t.Errorf("Send returned id %q, the message has %q", id, m.ID)
	}
	return id, m
}

// newest returns the channel's newest message.
func (p *Platform) newest(t *testing.T) Message {
	t.Helper()
	ms := p.Messages()
	if len(ms) == 0 {
		t.Fatal("nothing is in the channel")
	}
	return ms[len(ms)-1]
}

// count checks how many messages are in the channel.
func (p *Platform) count(t *testing.T, want int) {
	t.Helper()
	if n := len(p.Messages()); n != want {
		t.Fatalf("%d messages in the channel, want %d", n, want)
	}
}

// failed checks that err is a *chat.SendError of that reason that tells no
// secret. It returns what it points to.
func (p *Platform) failed(t *testing.T, err error, want chat.Reason) chat.SendError {
	t.Helper()
	var se *chat.SendError
	if !errors.As(err, &se) {
		t.Fatalf("error is %T (%v), want a *chat.SendError", err, err)
	}
	if se.Reason != want {
		t.Errorf("reason %v (%v), want %v", se.Reason, err, want)
	}
	if se.Err == nil {
		t.Error("SendError.Err is nil")
	}
	for _, text := range []string{err.Error(), se.Remedy, fmt.Sprintf("%+v %#v %v", err, se, *se), fmt.Sprintf("%+v %#v", se.Err, se.Err)} {
		for _, s := range p.Secrets {
			if strings.Contains(text, s) {
				t.Errorf("a secret is in %q", strings.ReplaceAll(text, s, "SECRET"))
			}
		}
	}
	return *se
}

// shows checks that a reader sees want in text. White space and characters of
// no width that only keep markup from coming alive do not count.
func shows(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(readable(text), readable(want)) {
		t.Errorf("a reader does not see %q in:\n%s", want, text)
	}
}

// hides checks that a reader does not see what.
func hides(t *testing.T, text, what string) {
	t.Helper()
	if strings.Contains(readable(text), readable(what)) {
		t.Errorf("a reader sees %q in:\n%s", what, text)
	}
}

// readable folds white space and drops the characters of no width that
// adapters put into markup to keep it from coming alive.
func readable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case 0x200B, 0x2060, 0xFEFF:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// disturbing reports whether r does something to the text around it.
func disturbing(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' ||
		r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// inert checks that nothing of a hostile text came alive.
func inert(t *testing.T, text string, mentions []string, links []Link) {
	t.Helper()
	if len(mentions) > 0 {
		t.Errorf("it notifies %q", mentions)
	}
	for _, l := range links {
		if strings.Contains(l.URL, hostileHost) && !strings.Contains(l.Label, hostileHost) {
			t.Errorf("a masked link: %q leads to %s", l.Label, l.URL)
		}
		if scheme, _, _ := strings.Cut(l.URL, ":"); !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			t.Errorf("a link leads to %q", l.URL)
		}
	}
	if i := strings.IndexFunc(text, disturbing); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		t.Errorf("the text holds %U: %q", r, text)
	}
	if !utf8.ValidString(text) {
		t.Errorf("the text is not valid UTF-8: %q", text)
	}
}
