package chat

import (
	"context"
	"time"
)

// A CommandSpec describes a command as a platform registers and lists it.
type CommandSpec struct {
	Name    string // lower case, without the slash
	Summary string // one line, at most 100 characters (Discord's limit)
	Options []OptionSpec
}

// An OptionKind is the kind of value an option takes.
type OptionKind int

// The kinds of option.
const (
	TextOption OptionKind = iota
	NumberOption
)

// An OptionSpec describes one option of a command. Options are never required.
type OptionSpec struct {
	Name    string // lower case
	Summary string // at most 100 characters
	Kind    OptionKind
	Min     int  // NumberOption only
	Max     int  // NumberOption only
	Suggest bool // the platform should ask for suggestions while it is typed
}

// A CommandKind says what a user did.
type CommandKind int

// The kinds of command.
const (
	// Invoke: the user sent a command with Name and Options or Text.
	Invoke CommandKind = iota
	// Press: the user pressed a button of an earlier reply; Action is set.
	Press
	// Suggest: the user is typing option Focus; the answer is Reply.Choices.
	Suggest
)

// A Command is what a chat user asked. Everything in it is the user's: hostile
// until checked.
type Command struct {
	Kind    CommandKind
	Adapter string  // the instance that heard it
	Channel Channel // where it was said
	User    string  // the platform's user id
	Locale  string  // BCP 47 tag; "" if unknown
	Name    string  // of the CommandSpec
	// Options holds named values where the platform has named options
	// (Discord); Text holds the free words where it has not (Slack, console).
	Options map[string]string
	Text    string
	Focus   string // Suggest only: the option being typed
	Action  string // Press only: the button's Action
}

// A Reply answers a command. It is shown only to the person who asked, unless
// Public is set. The zero Reply shows nothing.
type Reply struct {
	Title   string
	Text    string   // plain text, may hold several lines
	Items   []Card   // shown compactly, in order
	Note    string   // small print: "Page 1 of 3"
	Buttons []Button // at most five
	Choices []Choice // Suggest only, at most 25
	Public  bool     // show it to everybody in the channel
	// Replace reports that the reply takes the place of the message whose
	// button was pressed (paging) instead of standing beside it.
	Replace bool
}

// A Button is offered under a reply.
type Button struct {
	Label  string // at most 75 characters
	Action string // handed back in Command.Action: at most 95 bytes of ASCII
}

// A Choice is a suggestion for an option's value.
type Choice struct {
	Label string // at most 100 characters
	Value string // at most 100 characters
}

// A Handler answers one command. It returns within [AnswerTime] and is safe
// for concurrent use. An error means that the engine itself is in trouble; the
// adapter then tells the user so without details.
type Handler func(ctx context.Context, cmd Command) (Reply, error)

// AnswerTime is how long a handler may take: both platforms drop an answer
// after 3 s (Slack "Acknowledging requests", Discord "Responding to an
// interaction"); the rest is for the way.
const AnswerTime = 2500 * time.Millisecond
