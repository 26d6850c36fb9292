package bot

import (
	"strings"
	"unicode"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
)

// A request is a command with its options told apart.
type request struct {
	chat.Command
	args map[string]string
}

const maxArg = 4000 // bytes of one option's value; what takes less says so

// requestOf reads a command's options. Where the platform has no named ones
// they are written one after the other in the order of the spec, or by name as
// in channel:C024BE91L; the last option takes all that is left. A value with
// blanks in it may stand in quotation marks.
func requestOf(spec chat.CommandSpec, cmd chat.Command) request {
	r := request{Command: cmd, args: make(map[string]string)}
	if cmd.Options != nil {
		for _, o := range spec.Options {
			r.args[o.Name] = argument(cmd.Options[o.Name])
		}
		return r
	}
	rest := strings.TrimSpace(strings.ToValidUTF8(cmd.Text, ""))
	var open []string // options not named, in order
	for _, o := range spec.Options {
		open = append(open, o.Name)
	}
	for rest != "" && len(open) > 0 {
		name, ok := namedFirst(rest, open)
		switch {
		case ok:
			rest = rest[len(name)+1:]
		case len(open) == 1:
			r.args[open[0]] = argument(rest)
			return r
		default:
			name = open[0]
		}
		open = without(open, name)
		r.args[name], rest = firstValue(rest)
	}
	return r
}

// namedFirst reports whether text begins with one of the names and a colon.
func namedFirst(text string, names []string) (string, bool) {
	for _, n := range names {
		if strings.HasPrefix(text, n+":") && !strings.HasPrefix(text, n+"://") {
			return n, true
		}
	}
	return "", false
}

func without(list []string, s string) []string {
	var out []string
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

// firstValue cuts the first word, or what stands in quotation marks, off text.
func firstValue(text string) (value, rest string) {
	for _, marks := range []string{`""`, "“”"} {
		open, closing := string([]rune(marks)[0]), string([]rune(marks)[1])
		if !strings.HasPrefix(text, open) {
			continue
		}
		if inside, after, ok := strings.Cut(text[len(open):], closing); ok {
			return argument(inside), strings.TrimSpace(after)
		}
	}
	i := strings.IndexFunc(text, unicode.IsSpace)
	if i < 0 {
		return argument(text), ""
	}
	return argument(text[:i]), strings.TrimSpace(text[i:])
}

// argument makes a value short and single-line.
func argument(s string) string {
	if len(s) > maxArg {
		s = s[:maxArg]
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
}

// actor returns who asks.
func (r request) actor() desk.Actor {
	return actorOf(r.Command)
}

// channel returns the channel that option "channel" names, or the one it was
// said in.
func (r request) channel() chat.Channel {
	id := r.args["channel"]
	// Slack writes a channel that was typed as <#C024BE91L|town>, Discord as <#80351110224678912>.
	id = strings.Trim(id, "<#>")
	id, _, _ = strings.Cut(id, "|")
	if id == "" {
		return r.Channel
	}
	return chat.Channel{Adapter: r.Adapter, ID: id}
}
