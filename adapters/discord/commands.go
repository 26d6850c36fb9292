package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// Times of Serve. Discord drops an interaction that is not acknowledged
// within 3 s.
const (
	deferAfter  = time.Second            // a slow handler is announced after this
	answerLimit = 5 * time.Second        // for bringing an answer to Discord
	drainTime   = 700 * time.Millisecond // for answers still on their way at the end
	openTime    = 20 * time.Second       // for a gateway connection to stand
	steady      = time.Minute            // a connection that lasted this long was a good one
	minRetry    = time.Second
	maxRetry    = time.Minute
)

// maxAnswers is how many interactions are answered at once. What comes beyond
// is not answered: Discord tells the user so.
const maxAnswers = 64

// Serve registers the commands and answers interactions until ctx is done,
// within one second, or until Discord refuses the token. See [chat.Adapter].
//
// Connections are reopened, and sessions resumed, for as long as that takes;
// across restarts too, if Options.Keep is set.
func (a *Adapter) Serve(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler) error {
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var jobs sync.WaitGroup // registration and answers; all end soon after inner is done
	jobs.Go(func() {
		if err := a.register(inner, cmds); err != nil {
			stop(err)
		}
	})
	menu := menuOf(cmds)
	slots := make(chan struct{}, maxAnswers)
	take := func(i *discordgo.Interaction, first firstAnswer) bool {
		select {
		case slots <- struct{}{}:
		default:
			a.log.Warn("too many commands at once, one dropped")
			return false
		}
		jobs.Go(func() {
			defer func() { <-slots }()
			a.answer(inner, &jobs, conversation{a: a, i: i, first: first}, menu, h)
		})
		return true
	}
	var err error
	if a.web != nil {
		a.web.serve(inner, take)
	} else {
		err = a.listen(inner, func(i *discordgo.Interaction) { take(i, nil) })
	}
	if err == nil {
		if cause := context.Cause(inner); ctx.Err() == nil && cause != nil {
			err = cause
		}
	}
	stop(nil)
	drain(&jobs)
	return err
}

// drain waits for jobs, but not for ever: a handler that overstays its time
// must not hold up the end.
func drain(jobs *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { // ends with the last job
		jobs.Wait()
		close(done)
	}()
	t := time.NewTimer(drainTime)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// register makes Discord list the commands. It tries until it succeeds, ctx is
// done or Discord refuses for good; only a refused token is an error.
func (a *Adapter) register(ctx context.Context, cmds []chat.CommandSpec) error {
	retry := a.retry
	for {
		err := a.overwrite(ctx, cmds)
		switch chat.ReasonOf(err) {
		case 0:
			return nil
		case chat.Unauthorized:
			return err
		case chat.Rejected, chat.Gone:
			a.log.Error("commands not registered", "error", err, "remedy", "invite the bot with the scope applications.commands")
			return nil //nolint:nilerr // logged: cards go on without commands
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // being stopped is no error
		}
		pause := retry
		if se := (*chat.SendError)(nil); errors.As(err, &se) {
			pause = max(pause, se.RetryAfter)
		}
		a.log.Warn("commands not registered yet", "error", err, "retry", pause)
		if !sleep(ctx, pause) {
			return nil
		}
		retry = min(2*retry, maxRetry)
	}
}

// overwrite writes the list of commands if Discord has another one: writes
// are limited to some hundred a day.
func (a *Adapter) overwrite(ctx context.Context, cmds []chat.CommandSpec) error {
	app, err := a.AppID(ctx)
	if err != nil {
		return err
	}
	path := "/applications/" + app + "/commands"
	if a.guild != "" {
		path = "/applications/" + app + "/guilds/" + a.guild + "/commands"
	}
	want := applicationCommands(cmds)
	var have []*discordgo.ApplicationCommand
	err = a.call(ctx, request{what: "list the commands", method: "GET", path: path + "?with_localizations=true", route: route{name: "GET commands"}, out: &have})
	if err != nil {
		return err
	}
	if sameCommands(have, want) {
		return nil
	}
	err = a.call(ctx, request{what: "register the commands", method: "PUT", path: path, route: route{name: "PUT commands"}, in: registrations(want)})
	if err == nil {
		a.log.Info("commands registered", "count", len(want))
	}
	return err
}

// Kinds of response to an interaction.
const (
	respondMessage      = 4
	respondDeferred     = 5 // "is thinking"
	respondDeferredEdit = 6 // nothing to see
	respondEdit         = 7
	respondChoices      = 8
)

// ephemeral is the message flag that shows an answer to one person only.
const ephemeral = 1 << 6

// A response is the body of the first answer to an interaction.
type response struct {
	Type int `json:"type"`
	Data any `json:"data,omitempty"`
}

type flags struct {
	Flags int `json:"flags"`
}

type suggestions struct {
	Choices []*discordgo.ApplicationCommandOptionChoice `json:"choices"`
}

// An outcome is what a handler returned.
type outcome struct {
	reply chat.Reply
	err   error
}

// answer passes the interaction of c to h and brings back the reply.
func (a *Adapter) answer(ctx context.Context, jobs *sync.WaitGroup, c conversation, menu menu, h chat.Handler) {
	cmd, ok := a.command(c.i, menu)
	if !ok {
		return
	}
	c.kind = cmd.Kind
	slowly := menu.slow(cmd)
	limit := chat.AnswerTime
	if slowly {
		limit = chat.SlowTime
	}
	// An answer on its way at the end still gets drainTime.
	way, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit+answerLimit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(drainTime/2, cancel) })()

	timed, done := context.WithTimeout(ctx, limit)
	defer done()
	result := make(chan outcome, 1)
	jobs.Go(func() { result <- a.ask(timed, cmd, h) })

	slow := time.NewTimer(a.deferAfter)
	defer slow.Stop()
	if cmd.Kind == chat.Suggest { // cannot be deferred
		slow.Stop()
	}
	if slowly {
		slow.Stop()
		c.hold(way)
	}
	for {
		select {
		case <-slow.C:
			c.hold(way)
			continue
		case o := <-result:
			c.finish(way, o)
		case <-timed.Done():
			c.finish(way, outcome{err: timed.Err()})
		}
		return
	}
}

// ask calls the handler and makes an error out of a panic.
func (a *Adapter) ask(ctx context.Context, cmd chat.Command, h chat.Handler) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			a.log.Error("command panicked", "command", cmd.Name, "panic", fmt.Sprint(p))
			o = outcome{err: errors.New("panic")}
		}
	}()
	reply, err := h(ctx, cmd)
	if err != nil {
		a.log.Error("command not answered", "command", cmd.Name, "error", err)
	}
	return outcome{reply, err}
}

// tokenSafe reports whether an interaction's token can stand in a path.
func tokenSafe(t string) bool {
	return t != "" && t == url.PathEscape(t) && t != "." && t != ".."
}

func optionValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return ""
	}
	b, _ := json.Marshal(v) // it came from JSON
	return string(b)
}

// A conversation is the way back to one interaction.
type conversation struct {
	a     *Adapter
	i     *discordgo.Interaction
	first firstAnswer // nil: by a request of ours
	kind  chat.CommandKind
	held  bool // Discord knows that the answer comes later
}

// A firstAnswer brings the first answer to an interaction that came by a request
// of Discord's own, and reports whether it can still be brought.
type firstAnswer func(response) bool

// hold tells Discord that the answer takes longer. A press is held without a
// trace, because whether its answer replaces the message is not known yet.
func (c *conversation) hold(ctx context.Context) {
	r := response{Type: respondDeferred, Data: flags{ephemeral}}
	if c.kind == chat.Press {
		r = response{Type: respondDeferredEdit}
	}
	c.held = c.respond(ctx, r)
}

// finish brings the outcome to the user.
func (c *conversation) finish(ctx context.Context, o outcome) {
	if c.kind == chat.Suggest {
		c.respond(ctx, response{respondChoices, suggestions{choices(o.reply.Choices)}})
		return
	}
	if o.err != nil {
		o.reply = chat.Reply{Text: "Something went wrong on our side. Please try again in a moment."}
	}
	if isZero(o.reply) {
		c.silence(ctx)
		return
	}
	m := replyMessage(o.reply)
	replace := c.kind == chat.Press && o.reply.Replace
	switch {
	case !c.held && replace:
		c.respond(ctx, response{respondEdit, m})
	case !c.held:
		c.respond(ctx, response{respondMessage, m})
	case replace:
		c.webhook(ctx, "PATCH", "/messages/@original", m)
	case c.kind == chat.Press:
		c.webhook(ctx, "POST", "", m)
	case o.reply.Public:
		// What was held for one person stays so; the answer follows it.
		c.webhook(ctx, "PATCH", "/messages/@original", replyMessage(chat.Reply{Text: "Shown in the channel."}))
		c.webhook(ctx, "POST", "", m)
	default:
		m.Flags = 0 // the held message has its own
		c.webhook(ctx, "PATCH", "/messages/@original", m)
	}
}

// silence acknowledges the interaction without showing anything.
func (c *conversation) silence(ctx context.Context) {
	if !c.held {
		c.hold(ctx)
	}
	if c.held && c.kind == chat.Invoke {
		c.webhook(ctx, "DELETE", "/messages/@original", nil)
	}
}

func isZero(r chat.Reply) bool {
	return r.Title == "" && r.Text == "" && len(r.Items) == 0 && r.Note == "" && len(r.Buttons) == 0 && len(r.Menus) == 0
}

func replyMessage(r chat.Reply) message {
	bs := controls(r.Buttons, r.Menus)
	m := message{
		Embeds:          []*discordgo.MessageEmbed{replyEmbed(r)},
		Components:      &bs,
		AllowedMentions: nobody(),
	}
	if !r.Public && !r.Replace {
		m.Flags = ephemeral
	}
	return m
}

// respond sends the first answer and reports whether Discord took it.
func (c *conversation) respond(ctx context.Context, r response) bool {
	if c.first != nil {
		return c.first(r)
	}
	return c.say(ctx, request{what: "answer a command", method: "POST",
		path: "/interactions/" + c.i.ID + "/" + c.i.Token + "/callback", in: r})
}

// webhook sends what follows the first answer.
func (c *conversation) webhook(ctx context.Context, method, path string, body any) {
	if isSnowflake(c.i.AppID) {
		c.say(ctx, request{what: "complete an answer", method: method, path: "/webhooks/" + c.i.AppID + "/" + c.i.Token + path, in: body})
	}
}

func (c *conversation) say(ctx context.Context, r request) bool {
	err := c.a.call(ctx, r)
	if err != nil {
		c.a.log.Warn("answer lost", "error", err)
	}
	return err == nil
}
