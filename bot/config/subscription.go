package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/pullquote/pullquote/bot/chat"
)

var spaceAfterColon = regexp.MustCompile(`^[a-z0-9-]+:$`)

// subscriptions reads where a source is told. Each item is a channel, or keys
// and values with the channel among them.
func (b *builder) subscriptions(item, v value, source string, defaults Subscription, adapters map[string]int) []Subscription {
	const example = "to: [console:terminal]"
	items := b.list(v, "to", example)
	if v.absent() || items != nil && len(items) == 0 {
		at := v
		if v.line == 0 {
			at = item
		}
		b.problem(at, "the source has no channel to go to; write %s", example)
		return nil
	}
	var list []Subscription
	for _, item := range items {
		sub, at := defaults, item
		if isSubscription(item, adapters) {
			sub, at = b.subscription(item, defaults)
		}
		var ok bool
		sub.Channel, ok = b.place(at, "source "+source, adapters)
		switch {
		case !ok:
		case slices.ContainsFunc(list, func(s Subscription) bool { return s.Channel == sub.Channel }):
			b.problem(at, "%s is in this list twice", sub.Channel)
		default:
			b.suits(item, sub)
			list = append(list, sub)
		}
	}
	return list
}

// isSubscription reports whether an item of to: is meant as keys and values.
// "slack: C024BE91L" is a channel with a space too much.
func isSubscription(v value, adapters map[string]int) bool {
	m, ok := v.node.(*ast.MappingNode)
	if !ok {
		return false
	}
	if len(m.Values) != 1 {
		return true
	}
	key, ok := m.Values[0].Key.(*ast.StringNode)
	if !ok || m.GetToken().Type == token.MappingStartType {
		return true
	}
	_, adapter := adapters[key.Value]
	_, text := joined(m)
	return !adapter && !text || slices.Contains(subscriptionKeys, key.Value) && !adapter
}

// subscription reads keys and values. Its Channel is still to be read, from the
// value returned.
func (b *builder) subscription(item value, defaults Subscription) (Subscription, value) {
	s := b.section(item, "a channel of to:", subscriptionKeys)
	sub := defaults
	if style := b.oneOf(s["style"], "cards", []string{"cards", "thread", "forum"}); style != "cards" {
		sub.Style = style
	}
	if v := s["silent"]; !v.absent() {
		sub.Silent = b.boolean(v)
	}
	if v := s["closing"]; !v.absent() {
		sub.Closing = b.boolean(v)
	}
	sub.Publish = b.boolean(s["publish"])
	sub.Delete = b.boolean(s["delete_withdrawn"])
	sub.Tags = b.tags(s["tags"], sub.Style)
	b.wishes(s, &sub)
	channel := s["channel"]
	if m, ok := item.node.(*ast.MappingNode); channel.absent() && ok && len(m.Values) == len(s) {
		b.problem(item, "this has no channel; write channel: and the adapter's name, a colon and the channel's ID: channel: console:terminal")
	}
	return sub, channel
}

// maxTags is as many as Discord lets a post have.
const maxTags = 5

func (b *builder) tags(v value, style string) []string {
	items := b.list(v, "tags", `tags: [harbour, "80351110224678912"]`)
	switch {
	case len(items) > 0 && style != "forum":
		b.problem(v, "tags belong to posts of a forum; write style: forum beside them, or leave them out")
	case len(items) > maxTags:
		b.problem(v, "a post has %d tags at most, here are %d", maxTags, len(items))
	}
	var tags []string
	for _, item := range items {
		if tag, ok := b.text(item); ok && tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// suits notes what the platform of a subscription's channel cannot do at all.
func (b *builder) suits(v value, sub Subscription) {
	if b.platformOf(sub.Channel) != Slack {
		return
	}
	if sub.Style == "forum" {
		b.problem(v, "Slack has no forums; write style: thread for one message with the entries in a thread under it")
	}
	if sub.Publish {
		b.problem(v, "publish is for announcement channels of Discord; Slack has nothing like it: leave it out")
	}
}

func (b *builder) platformOf(ch chat.Channel) Platform {
	for i := range b.config.Adapters {
		if b.config.Adapters[i].Name == ch.Adapter {
			return b.config.Adapters[i].Platform
		}
	}
	return "" // its adapter has a mistake, which is noted
}

// place reads a channel and notes what is wrong with it. what is who would be
// told there: "source council".
func (b *builder) place(v value, what string, adapters map[string]int) (ch chat.Channel, ok bool) {
	text, ok := b.text(v)
	if !ok {
		return ch, false
	}
	ch, err := chat.ParseChannel(text)
	if err != nil || spaceAfterColon.MatchString(text) {
		b.problem(v, "%.60q is no channel; write the adapter's name, a colon and the channel's ID: console:terminal", text)
		return ch, false
	}
	return ch, b.channel(v, ch, what, adapters)
}

// channel notes what is wrong with a channel and reports whether it can be used.
func (b *builder) channel(v value, ch chat.Channel, what string, adapters map[string]int) bool {
	if _, ok := adapters[ch.Adapter]; !ok {
		names := adapterNames(adapters)
		like := suggest(ch.Adapter, names)
		switch {
		case like != "" || len(names) == 0:
		case len(names) == 1:
			like = "; there is " + names[0]
		default:
			like = "; there are " + strings.Join(names, ", ")
		}
		b.problem(v, "there is no adapter named %.40q%s", ch.Adapter, like)
		return false
	}
	for i := range b.config.Adapters {
		a := &b.config.Adapters[i]
		if a.Name != ch.Adapter {
			continue
		}
		b.checkChannel(v, a, ch.ID)
		if a.Inactive != "" {
			b.notice(v, "%s: nothing goes to %s, because %s", what, ch, a.Inactive)
		}
	}
	return true
}

// notice notes something that is as it may be.
func (b *builder) notice(v value, format string, args ...any) {
	b.config.Notices = append(b.config.Notices, fmt.Sprintf("%s:%d: ", b.document.name, v.line)+fmt.Sprintf(format, args...))
}

// operators reads the channels where the bot says what is wrong with it.
func (b *builder) operators(v value, adapters map[string]int) {
	for _, item := range b.list(v, "operators", "operators: [console:terminal]") {
		ch, ok := b.place(item, "operators", adapters)
		switch {
		case !ok:
		case slices.Contains(b.config.Operators, ch):
			b.problem(item, "%s is in this list twice", ch)
		default:
			b.config.Operators = append(b.config.Operators, ch)
		}
	}
}
