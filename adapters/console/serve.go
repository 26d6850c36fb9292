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
// ("/latest harbour 3") or the number of a button of the newest answer. The end
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
		r = a.ask(ctx, h, cmd)
	}
	if isZero(r) {
		return
	}
	p := newPainter(a.opts)
	p.reply(r)
	a.mu.Lock()
	a.buttons = r.Buttons
	a.mu.Unlock()
	if err := a.write(ctx, p.String()); err != nil && ctx.Err() == nil {
		a.log.Warn("answer not printed", "adapter", a.opts.Name, "error", err)
	}
}

func isZero(r chat.Reply) bool {
	return r.Title == "" && r.Text == "" && len(r.Items) == 0 && r.Note == "" && len(r.Buttons) == 0
}

// parse reads a line as a command or a button's number.
func (a *Adapter) parse(cmds []chat.CommandSpec, line string) (chat.Command, bool) {
	cmd := chat.Command{Adapter: a.opts.Name, Channel: chat.Channel{Adapter: a.opts.Name, ID: terminal}, User: terminal}
	if b, ok := a.button(line); ok {
		cmd.Kind, cmd.Action = chat.Press, b.Action
		return cmd, true
	}
	rest, ok := strings.CutPrefix(line, "/")
	if !ok {
		return cmd, false
	}
	cmd.Name, cmd.Text, _ = strings.Cut(rest, " ")
	cmd.Name, cmd.Text = strings.ToLower(cmd.Name), strings.TrimSpace(cmd.Text)
	for _, c := range cmds {
		if c.Name == cmd.Name {
			return cmd, true
		}
	}
	return cmd, false
}

// button returns the button that was offered under the number in s.
func (a *Adapter) button(s string) (chat.Button, bool) {
	n, err := strconv.Atoi(s)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || n < 1 || n > len(a.buttons) {
		return chat.Button{}, false
	}
	return a.buttons[n-1], true
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
	if len(a.buttons) > 0 {
		s += " or a number in brackets"
	}
	return s + ". Ctrl-C ends the program."
}

// ask passes a command on. What goes wrong is told to the user without
// details.
func (a *Adapter) ask(ctx context.Context, h chat.Handler, cmd chat.Command) (r chat.Reply) {
	sorry := chat.Reply{Text: "Something went wrong here. Please try again; the log says more."}
	defer func() {
		if p := recover(); p != nil {
			a.log.Error("command panicked", "adapter", a.opts.Name, "command", cmd.Name, "panic", p)
			r = sorry
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, chat.AnswerTime)
	defer cancel()
	r, err := h(ctx, cmd)
	if err != nil {
		a.log.Warn("command failed", "adapter", a.opts.Name, "command", cmd.Name, "error", err)
		return sorry
	}
	return r
}
