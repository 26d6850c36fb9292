package slack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// Times of Serve. Slack wants an acknowledgement within 3 s, which goes out
// before anything else is done, and takes answers for half an hour after.
const (
	answerLimit = 5 * time.Second        // for bringing an answer to Slack
	drainTime   = 700 * time.Millisecond // for answers still on their way at the end
)

// maxAnswers is how many commands are answered at once. What comes beyond is
// not acknowledged: Slack tells the user so.
const maxAnswers = 64

// Serve answers slash commands and buttons until ctx is done, within one
// second, or until Slack refuses the app token. See [chat.Adapter].
//
// Slack lists the commands of the app's configuration; cmds are those that are
// answered. A command may be registered there with a prefix that ends in "-"
// or "_", such as /desk-latest, where another app has taken the plain name.
// Connections are reopened for as long as that takes.
func (a *Adapter) Serve(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler) error {
	if _, app := a.secret(); app == "" && a.web == nil {
		return errNoAppToken()
	}
	s := &service{a: a, handler: h, slots: make(chan struct{}, maxAnswers), specs: make(map[string]chat.CommandSpec)}
	for _, c := range cmds {
		s.names = append(s.names, c.Name)
		s.specs[c.Name] = c
	}
	var err error
	if a.web != nil {
		a.web.serve(ctx, s)
	} else {
		err = a.listen(ctx, s)
	}
	s.drain()
	return err
}

// A service is one run of Serve.
type service struct {
	a       *Adapter
	names   []string // of the commands
	specs   map[string]chat.CommandSpec
	handler chat.Handler
	slots   chan struct{} // one for each command being answered
	jobs    sync.WaitGroup
}

// drain waits for the answers, but not for ever: a handler that overstays its
// time must not hold up the end.
func (s *service) drain() {
	done := make(chan struct{})
	go func() { // ends with the last answer
		s.jobs.Wait()
		close(done)
	}()
	t := time.NewTimer(drainTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// A slash is the payload of a slash command.
type slash struct {
	Command     string `json:"command"`
	Text        string `json:"text"`
	UserID      string `json:"user_id"`
	ChannelID   string `json:"channel_id"`
	TeamID      string `json:"team_id"`
	ResponseURL string `json:"response_url"`
}

// An interaction is the payload of a pressed button, a menu, or an entry of a
// message's own menu.
type interaction struct {
	Type        string `json:"type"`
	CallbackID  string `json:"callback_id"`
	ResponseURL string `json:"response_url"`
	Team        struct {
		ID string `json:"id"`
	} `json:"team"`
	Message struct {
		TS     string `json:"ts"`
		Thread string `json:"thread_ts"`
		BotID  string `json:"bot_id"`
	} `json:"message"`
	User struct {
		ID     string `json:"id"`
		Locale string `json:"locale"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		ChannelID string `json:"channel_id"`
		Ephemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	Actions []struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
		Selected struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	} `json:"actions"`
}

// target returns the message that was pressed or pointed at; "" for an answer,
// which nobody else sees.
func (p *interaction) target() chat.MessageID {
	if p.Container.Ephemeral || !isTS(p.Message.TS) {
		return ""
	}
	i := id{ts: p.Message.TS}
	if isTS(p.Message.Thread) && p.Message.Thread != p.Message.TS {
		i.thread = p.Message.Thread
	}
	return i.message()
}

// A question is a command and the secret address at which it is answered.
type question struct {
	cmd chat.Command
	url string
}

// slashCommand reads a slash command; false for one that is none of ours.
func (s *service) slashCommand(payload []byte) (question, bool) {
	var p slash
	if err := json.Unmarshal(payload, &p); err != nil {
		return question{}, false
	}
	name := s.name(p.Command)
	return question{url: p.ResponseURL, cmd: chat.Command{
		Adapter: s.a.name,
		Channel: chat.Channel{Adapter: s.a.name, ID: p.ChannelID},
		User:    p.UserID,
		Tenant:  p.TeamID,
		Private: s.private(p.UserID),
		Name:    name,
		Text:    unescaper.Replace(p.Text),
	}}, name != ""
}

// unescaper undoes what Slack does to the text of users.
var unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// name returns which of our commands "/desk-latest" is, "" for none.
func (s *service) name(command string) string {
	command = strings.ToLower(strings.TrimPrefix(command, "/"))
	if i := strings.LastIndexAny(command, "-_"); !slices.Contains(s.names, command) {
		command = command[i+1:]
	}
	if !slices.Contains(s.names, command) {
		return ""
	}
	return command
}

// private returns the direct messages with a user.
func (s *service) private(user string) chat.Channel {
	return chat.Channel{Adapter: s.a.name, ID: direct + user}
}

// press reads a pressed button or menu, or an entry of a message's menu; false
// for one that is none of ours.
func (s *service) press(payload []byte) (question, bool) {
	var p interaction
	if err := json.Unmarshal(payload, &p); err != nil {
		return question{}, false
	}
	if p.Channel.ID == "" {
		p.Channel.ID = p.Container.ChannelID
	}
	q := question{url: p.ResponseURL, cmd: chat.Command{
		Kind:    chat.Press,
		Adapter: s.a.name,
		Channel: chat.Channel{Adapter: s.a.name, ID: p.Channel.ID},
		User:    p.User.ID,
		Locale:  p.User.Locale,
		Tenant:  p.Team.ID,
		Private: s.private(p.User.ID),
		Target:  p.target(),
	}}
	switch {
	case p.Type == "message_action":
		q.cmd.Kind, q.cmd.Name = chat.Invoke, strings.TrimPrefix(p.CallbackID, actionID)
		return q, s.specs[q.cmd.Name].Message
	case p.Type != "block_actions" || len(p.Actions) == 0 || !strings.HasPrefix(p.Actions[0].ActionID, actionID):
		return question{}, false
	}
	q.cmd.Action = p.Actions[0].Value
	if v := p.Actions[0].Selected.Value; v != "" {
		q.cmd.Action, q.cmd.Picked, _ = strings.Cut(v, "\n")
	}
	return q, q.cmd.Action != ""
}

// reserve takes a slot for an answer; false if there is none.
func (s *service) reserve() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		s.a.log.Warn("too many commands at once, one dropped")
		return false
	}
}

// answer passes a question to the handler and brings back the reply, beside
// the caller. It gives back the slot that was reserved.
func (s *service) answer(ctx context.Context, q question) {
	s.jobs.Go(func() {
		defer func() { <-s.slots }()
		limit := chat.AnswerTime
		if q.cmd.Kind == chat.Invoke && s.specs[q.cmd.Name].Slow {
			limit = chat.SlowTime
		}
		timed, done := context.WithTimeout(ctx, limit)
		defer done()
		result := make(chan outcome, 1)
		s.jobs.Go(func() { result <- s.ask(timed, q.cmd) })
		var o outcome
		select {
		case o = <-result:
		case <-timed.Done():
			o.err = timed.Err()
			s.a.log.Error("command not answered in time", "command", q.cmd.Name)
		}
		// An answer on its way at the end still gets some of drainTime.
		way, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime/2, cancel) })()
		s.reply(way, q, o)
	})
}

// An outcome is what a handler returned.
type outcome struct {
	reply chat.Reply
	err   error
}

// ask calls the handler and makes an error out of a panic.
func (s *service) ask(ctx context.Context, cmd chat.Command) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			s.a.log.Error("command panicked", "command", cmd.Name, "panic", fmt.Sprint(p))
			o = outcome{err: errors.New("panic")}
		}
	}()
	if s.asksAdmin(cmd) {
		cmd.Admin = s.a.mayAdminister(ctx, cmd.User)
	}
	reply, err := s.handler(ctx, cmd)
	if err != nil {
		s.a.log.Error("command not answered", "command", cmd.Name, "error", err)
	}
	return outcome{reply, err}
}

// asksAdmin reports whether it matters who asks. To look is a request to Slack.
func (s *service) asksAdmin(cmd chat.Command) bool {
	if cmd.Kind == chat.Invoke {
		return s.specs[cmd.Name].Admin || cmd.Name == "help"
	}
	for _, c := range s.specs {
		if c.Admin {
			return true
		}
	}
	return false
}

// A response is the body of an answer at a response_url
// (https://docs.slack.dev/interactivity/handling-user-interaction#message_responses).
type response struct {
	Type    string `json:"response_type,omitempty"`
	Replace bool   `json:"replace_original"`
	message
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

// reply brings the outcome to the user.
func (s *service) reply(ctx context.Context, q question, o outcome) {
	if o.err != nil {
		o.reply = chat.Reply{Text: "Something went wrong on our side. Please try again in a moment."}
	}
	if isZero(o.reply) {
		return
	}
	r := response{Type: "ephemeral", message: renderReply(o.reply)}
	switch {
	case o.reply.Replace && q.cmd.Kind == chat.Press:
		r.Type, r.Replace = "", true
	case o.reply.Public:
		r.Type = "in_channel"
	}
	if err := s.a.respond(ctx, q.url, r); err != nil {
		s.a.log.Warn("answer lost", "command", q.cmd.Name, "error", err)
	}
}

func isZero(r chat.Reply) bool {
	return r.Title == "" && r.Text == "" && len(r.Items) == 0 && r.Note == "" && len(r.Buttons) == 0 && len(r.Menus) == 0
}

// respond posts an answer. The address is a secret: it stands in no error.
func (a *Adapter) respond(ctx context.Context, to string, r response) error {
	const what = "answer a command"
	if !a.ours(to) {
		return errors.New(what + ": the address to answer at is not Slack's")
	}
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return errors.New(what + ": the address to answer at is no URL")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", a.agent)
	resp, err := a.client.Do(req)
	if err != nil {
		return a.broken(what, err, true)
	}
	defer func() { _ = resp.Body.Close() }()                // it was read
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // a refusal is short
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s: %s: %s", what, resp.Status, a.tame(string(text)))
	}
	var ans answer
	if json.Unmarshal(text, &ans) == nil && ans.OK != nil && !*ans.OK { // a plain "ok" is no JSON
		return fmt.Errorf("%s: %s", what, cmp.Or(a.tame(ans.Error), "refused"))
	}
	return nil
}

// ours reports whether an address to answer at belongs to the Slack that we
// talk to: the host of the API address, or the one that Slack gives out.
func (a *Adapter) ours(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == a.base.Scheme && u.Host == a.base.Host {
		return true
	}
	host := strings.ToLower(u.Host) // with the port: Slack's has none
	return u.Scheme == "https" && (host == "hooks.slack.com" || host == "hooks.slack-gov.com")
}
