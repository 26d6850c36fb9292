package console

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
)

// maxLine bounds a line that somebody types.
const maxLine = 4096

// Serve answers the lines typed into In until ctx is done. A line is a command
// ("/latest harbour 3") or the number of a button of the last answer.
//
// A read from a terminal cannot be interrupted. Serve returns all the same:
// the goroutine that reads stays behind until In gives it a line or ends,
// which for a terminal is the end of the program, and does nothing more then.
func (a *Adapter) Serve(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler) error {
	if a.opts.In == nil {
		<-ctx.Done()
		return nil
	}
	lines := make(chan string) // closed by the reader at the end of input
	go func() {
		defer close(lines)
		in := bufio.NewScanner(a.opts.In)
		in.Buffer(nil, maxLine)
		for in.Scan() {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, ok := <-lines:
			if !ok {
				<-ctx.Done()
				return nil
			}
			a.answer(ctx, cmds, h, strings.TrimSpace(line))
		}
	}
}

func (a *Adapter) answer(ctx context.Context, cmds []chat.CommandSpec, h chat.Handler, line string) {
	if line == "" {
		return
	}
	cmd, ok := a.parse(cmds, line)
	r := chat.Reply{Text: "Type " + known(cmds) + "."}
	if ok {
		r = ask(ctx, h, cmd)
	}
	_ = a.reply(r) // a terminal that cannot be written to has nobody to tell
}

// parse reads a line as a command or a button's number.
func (a *Adapter) parse(cmds []chat.CommandSpec, line string) (chat.Command, bool) {
	cmd := chat.Command{
		Adapter: a.opts.Name, Channel: chat.Channel{Adapter: a.opts.Name, ID: "terminal"}, User: "terminal",
	}
	if b, ok := a.button(line); ok {
		cmd.Kind, cmd.Action = chat.Press, b.Action
		return cmd, true
	}
	rest, ok := strings.CutPrefix(line, "/")
	if !ok {
		return cmd, false
	}
	cmd.Name, cmd.Text, _ = strings.Cut(rest, " ")
	cmd.Text = strings.TrimSpace(cmd.Text)
	for _, c := range cmds {
		if c.Name == cmd.Name {
			return cmd, true
		}
	}
	return cmd, false
}

func known(cmds []chat.CommandSpec) string {
	var names []string
	for _, c := range cmds {
		names = append(names, "/"+c.Name)
	}
	return strings.Join(names, ", ")
}

// ask passes a command on. What goes wrong is told to the user without
// details; the engine has logged them.
func ask(ctx context.Context, h chat.Handler, cmd chat.Command) (r chat.Reply) {
	defer func() {
		if p := recover(); p != nil {
			r = chat.Reply{Text: fmt.Sprintf("Something went wrong: %v", p)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, chat.AnswerTime)
	defer cancel()
	r, err := h(ctx, cmd)
	if err != nil {
		return chat.Reply{Text: "Something went wrong: " + err.Error()}
	}
	return r
}
