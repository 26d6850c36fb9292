package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// suggest completes what a user is typing: with what is there where the command
// goes to work.
func (b *Bot) suggest(ctx context.Context, cmd chat.Command) (chat.Reply, error) {
	typed := cut(cmd.Options[cmd.Focus], maxWords)
	var choices []chat.Choice
	var err error
	switch cmd.Focus {
	case "source":
		choices, err = b.suggestSources(ctx, cmd, typed)
	case "words", "speaker":
		var speakers []string
		speakers, err = b.speakers(ctx, cmd, typed, maxChoices)
		for _, s := range speakers {
			choices = append(choices, chat.Choice{Label: cut(s, 100), Value: cut(s, maxWords)})
		}
	case "value":
		choices = valueChoices(cmd.Options["option"])
	case "when":
		choices = b.suggestWhen(cmd)
	}
	if err != nil {
		return chat.Reply{}, fmt.Errorf("suggest %s: %w", cmd.Focus, err)
	}
	return chat.Reply{Choices: choices[:min(len(choices), maxChoices)]}, nil
}

// suggestSources offers the sources that the channel follows for a command that
// works on those, all that the asker may see for the others.
func (b *Bot) suggestSources(ctx context.Context, cmd chat.Command, typed string) (choices []chat.Choice, err error) {
	statuses, err := b.visible(ctx, cmd)
	if err != nil {
		return nil, err
	}
	// Several stand with commas between them: the last is being typed.
	before, last := "", typed
	if i := strings.LastIndexByte(typed, ','); i >= 0 && cmd.Name == "digest" {
		before, last = typed[:i+1], typed[i+1:]
	}
	var here map[news.SourceID]bool
	if b.desk != nil && worksHere(cmd.Name) {
		here = make(map[news.SourceID]bool)
		r := request{Command: cmd, args: map[string]string{"channel": cmd.Options["channel"]}}
		for _, w := range b.desk.Wants(r.channel()) {
			here[w.Source] = true
		}
	}
	for _, s := range match(statuses, last) {
		if here == nil || here[s.Source.ID] {
			choices = append(choices, chat.Choice{Label: cut(before+s.Source.Name, 100), Value: before + string(s.Source.ID)})
		}
	}
	return choices, nil
}

// worksHere reports whether a command is about what a channel follows.
func worksHere(command string) bool {
	for _, rows := range [][]decision{decisions(), wishes()} {
		for _, d := range rows {
			if d.Name == command {
				return d.Name != "digest"
			}
		}
	}
	return false
}

// suggestWhen offers the channel's digests to who removes one, and a time to who
// adds one.
func (b *Bot) suggestWhen(cmd chat.Command) (choices []chat.Choice) {
	if b.desk == nil {
		return nil
	}
	if cmd.Options["do"] != "remove" {
		for _, when := range []string{"daily 08:00 UTC", "mon-fri 17:30 UTC"} {
			if zone := b.desk.Zone(actorOf(cmd)); zone != "" {
				when = strings.TrimSuffix(when, "UTC") + zone
			}
			choices = append(choices, chat.Choice{Label: when, Value: when})
		}
		return choices
	}
	for _, g := range b.digestsOf(cmd.Channel) {
		if !g.File {
			choices = append(choices, chat.Choice{Label: cut(digestLine(g), 100), Value: g.ID})
		}
	}
	return choices
}
