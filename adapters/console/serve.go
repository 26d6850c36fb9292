package console

import (
	"bufio"
	"context"
	"strconv"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
)

// maxInput bounds a line that somebody types; what is longer is no command.
const maxInput = 4096

// terminal is the id of the only user and channel that commands come from.
const terminal = "terminal"

// Serve answers the lines typed into In until ctx is done. A line is a command
// ("/latest harbour 3") or a number that the newest answer or a card offers. The end
// of In ends nothing: cards are printed still.
//
// A read from a terminal cannot be interrupted. Serve returns all the same: one
// goroutine an adapter reads In, from the first Serve to the end of In or of
// the program, and a later Serve goes on with what it reads.
func (a *Adapter) Serve(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler) error {
	if a.opts.In == nil {
		<-ctx.Done()
		return nil
	}
	a.reading.Do(func() { go a.read() })
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-a.lines:
			if !ok {
				<-ctx.Done()
				return nil
			}
			if line = strings.TrimSpace(line); line != "" {
				a.answer(ctx, cmds, h, line)
			}
		}
	}
}

// read passes the lines of In on until it ends.
func (a *Adapter) read() {
	defer close(a.lines)
	in := bufio.NewReaderSize(a.opts.In, maxInput)
	for {
		line, long, err := in.ReadLine()
		if err != nil {
			return
		}
		text := string(line)
		for long { // drop the rest: the beginning alone is not what was asked
			text = "?"
			if _, long, err = in.ReadLine(); err != nil {
				return
			}
		}
		a.lines <- text
	}
}

func (a *Adapter) answer(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler, line string) {
	cmd, ok := a.parse(cmds, line)
	r := chat.Reply{Text: a.hint(cmds)}
	if ok {
		spec, _ := find(cmds, cmd.Name)
		r = a.ask(ctx, h, cmd, spec.Slow)
	}
	if isZero(r) {
		return
	}
	p := newPainter(a.opts)
	p.reply(r)
	a.mu.Lock()
	a.choices = choices(r)
	a.mu.Unlock()
	if err := a.write(ctx, p.String()); err != nil && ctx.Err() == nil {
		a.log.Warn("answer not printed", "adapter", a.opts.Name, "error", err)
	}
}

func isZero(r chat.Reply) bool {
	return r.Title == "" && r.Text == "" && len(r.Items) == 0 && r.Note == "" && len(r.Buttons) == 0 && len(r.Menus) == 0
}

// A choice is something under an answer that can be chosen by its number: a
// button, or a line of a menu.
type choice struct {
	under  string // label of the menu, with its first line
	label  string
	action string
	picked string
}

// choices returns what an answer offers, in order.
func choices(r chat.Reply) (list []choice) {
	for _, b := range r.Buttons {
		list = append(list, choice{label: b.Label, action: b.Action})
	}
	for _, m := range r.Menus {
		for i, c := range m.Choices {
			one := choice{label: c.Label, action: m.Action, picked: c.Value}
			if i == 0 {
				one.under = m.Label
			}
			list = append(list, one)
		}
	}
	return list
}

// parse reads a line as a command or a number that was offered. Who sits at the
// terminal may administer.
func (a *Adapter) parse(cmds []chat.CommandSpec, line string) (chat.Command, bool) {
	here := chat.Channel{Adapter: a.opts.Name, ID: terminal}
	cmd := chat.Command{Adapter: a.opts.Name, Channel: here, Private: here, User: terminal, Admin: true}
	if a.chosen(line, &cmd) {
		cmd.Kind = chat.Press
		return cmd, true
	}
	rest, ok := strings.CutPrefix(line, "/")
	if !ok {
		return cmd, false
	}
	cmd.Name, cmd.Text, _ = strings.Cut(rest, " ")
	cmd.Name, cmd.Text = strings.ToLower(cmd.Name), strings.TrimSpace(cmd.Text)
	_, known := find(cmds, cmd.Name)
	return cmd, known
}

func find(cmds []chat.CommandSpec, name string) (chat.CommandSpec, bool) {
	for _, c := range cmds {
		if c.Name == name {
			return c, true
		}
	}
	return chat.CommandSpec{}, false
}

// chosen fills in what was offered under the number in s, under the newest
// answer or under a card.
func (a *Adapter) chosen(s string, cmd *chat.Command) bool {
	n, err := strconv.Atoi(s)
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n >= 1 && n <= len(a.choices) {
		c := a.choices[n-1]
		cmd.Action, cmd.Picked = c.action, c.picked
		return true
	}
	for _, b := range a.under {
		if b.number == n {
			cmd.Action, cmd.Target, cmd.Channel = b.action, b.card, b.channel
			return true
		}
	}
	return false
}

// hint says what can be typed.
func (a *Adapter) hint(cmds []chat.CommandSpec) string {
	names := make([]string, len(cmds))
	for i, c := range cmds {
		names[i] = "/" + c.Name
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := "Type " + strings.Join(names, ", ")
	if len(a.choices)+len(a.under) > 0 {
		s += " or a number in brackets"
	}
	return s + ". Ctrl-C ends the program."
}

// ask passes a command on. What goes wrong is told to the user without
// details.
func (a *Adapter) ask(ctx context.Context, h chat.Handler, cmd chat.Command, slow bool) (r chat.Reply) {
	sorry := chat.Reply{Text: "Something went wrong here. Please try again; the log says more."}
	defer func() {
		if p := recover(); p != nil {
			a.log.Error("command panicked", "adapter", a.opts.Name, "command", cmd.Name, "panic", p)
			r = sorry
		}
	}()
	limit := chat.AnswerTime
	if slow {
		limit = chat.SlowTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := h(ctx, cmd)
	if err != nil {
		a.log.Warn("command failed", "adapter", a.opts.Name, "command", cmd.Name, "error", err)
		return sorry
	}
	return r
}
