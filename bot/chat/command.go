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
	// Admin keeps the command from members who may not administer, as far as
	// the platform hides commands; the engine checks Command.Admin all the same.
	Admin bool
	// Slow gives the handler [SlowTime]: the platform is told to wait.
	Slow bool
	// Message offers the command in the menu of a message, where the platform
	// has one, under Label. Target is set then. It has no options there.
	Message bool
	Label   string // of the menu entry, at most 32 characters
	// Locales hold the name and summary in other languages, by BCP 47 tag.
	Locales map[string]Localised
}

// A Localised is a command or option in another language. Empty parts are as
// in English.
type Localised struct{ Name, Summary string }

// An OptionKind is the kind of value an option takes.
type OptionKind int

// The kinds of option.
const (
	TextOption OptionKind = iota
	NumberOption
	ChoiceOption  // one of Choices
	ChannelOption // a channel of the same server or workspace; the value is its ID
)

// An OptionSpec describes one option of a command. Options are never required.
type OptionSpec struct {
	Name    string // lower case
	Summary string // at most 100 characters
	Kind    OptionKind
	Min     int      // NumberOption only
	Max     int      // NumberOption only
	Suggest bool     // the platform should ask for suggestions while it is typed
	Choices []Choice // ChoiceOption only, at most 25
	Locales map[string]Localised
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
	// Tenant is the server or workspace it was said in; "" in direct messages
	// outside one.
	Tenant string
	// Admin reports that the platform says the user may administer: Manage
	// Server on Discord, an admin or owner or a member of the group the operator
	// named on Slack, everybody on a terminal.
	Admin bool
	// Private is the channel of direct messages with the user: an ID that begins
	// with "@".
	Private Channel
	// Target is the message whose menu or button was used; "" for none. A button
	// of a reply has none.
	Target MessageID
	// Picked is the value chosen from a Menu, with Kind Press.
	Picked string
}

// A Reply answers a command. It is shown only to the person who asked, unless
// Public is set. The zero Reply shows nothing.
type Reply struct {
	Title   string
	Text    string   // plain text, may hold several lines
	Items   []Card   // shown compactly, in order
	Note    string   // small print: "Page 1 of 3"
	Buttons []Button // at most five
	Menus   []Menu   // at most two
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
	Danger bool   // it takes something away
	// Confirm is a question asked before the button counts, where the platform
	// can ask; "" for none.
	Confirm string
}

// A Menu offers choices under a reply. What is picked comes back as a Press
// with the menu's Action and Command.Picked.
type Menu struct {
	Label   string   // at most 75 characters: "Which source?"
	Action  string   // as of a Button
	Choices []Choice // 1 to 25
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

// SlowTime is how long the handler of a slow command may take. Both platforms
// take a late answer for 15 minutes and more; people do not.
const SlowTime = 25 * time.Second
