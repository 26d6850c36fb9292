package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/desk"
	"github.com/pullquote/pullquote/bot/news"
)

// alertCommands returns the rows of the table with which anybody asks to be
// told of something.
func alertCommands() []decision {
	return []decision{
		{chat.CommandSpec{Name: "alert", Summary: "Tell you in a direct message when an update fits",
			Options: []chat.OptionSpec{
				{Name: "speaker", Summary: "Who is quoted", Suggest: true},
				{Name: "source", Summary: "Which source; all of them if left out", Suggest: true},
				{Name: "words", Summary: `Words, or a filter: (bridge OR ferry) -sponsored has:quote`},
			}}, "/alert flood -rehearsal", (*Bot).alert},
		{chat.CommandSpec{Name: "alerts", Summary: "Your alerts, each with a button to end it"}, "/alerts", (*Bot).alerts},
	}
}

// alert adds an alert for the one who asks.
func (b *Bot) alert(ctx context.Context, r request) (chat.Reply, error) {
	if r.Private == (chat.Channel{}) {
		return say("This place has no direct messages to alert you in."), nil
	}
	if r.Options == nil { // free words are the filter: speaker: and source: are fields of it
		r.args = map[string]string{"words": argument(r.Text)}
	}
	filter := r.args["words"]
	if s := r.args["speaker"]; s != "" {
		filter = strings.TrimSpace(fmt.Sprintf("speaker:%q %s", strings.ReplaceAll(s, `"`, ""), parenthesised(filter)))
	}
	var source news.SourceID
	if s := r.args["source"]; s != "" {
		statuses, err := b.visible(ctx, r.Command)
		if err != nil {
			return chat.Reply{}, err
		}
		found := match(statuses, s)
		if len(found) != 1 {
			return say(fmt.Sprintf("Which source is “%s”? Followed: %s.", cut(s, maxWords), sourceNames(statuses))), nil
		}
		source = found[0].Source.ID
	}
	if filter == "" && source == "" {
		return say("Alert you of what? For example: /alert flood -rehearsal, or speaker:lindqvist"), nil
	}
	a, err := b.desk.AddAlert(ctx, r.actor(), r.Private, source, filter)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	return chat.Reply{
		Text:    "You will get a direct message when an update fits: " + describe(a) + ".",
		Note:    "Many at once come as one message. /alerts lists yours.",
		Buttons: []chat.Button{{Label: "Stop this alert", Action: "alert." + a.ID}},
	}, b.apply(ctx)
}

// parenthesised keeps a filter with OR in it together.
func parenthesised(f string) string {
	if strings.Contains(f, " OR ") {
		return "(" + f + ")"
	}
	return f
}

func describe(a desk.Alert) string {
	switch {
	case a.Filter == "":
		return "everything of " + string(a.Source)
	case a.Source == "":
		return a.Filter
	}
	return a.Filter + " of " + string(a.Source)
}

// alerts lists the alerts of the one who asks.
func (b *Bot) alerts(_ context.Context, r request) (chat.Reply, error) {
	list := b.desk.Alerts(r.Private)
	if len(list) == 0 {
		return say("You have no alerts. For example: /alert flood"), nil
	}
	reply := chat.Reply{Title: plural(len(list), "alert", false)}
	menu := chat.Menu{Label: "Stop one", Action: "alert."}
	var sb strings.Builder
	for _, a := range list {
		sb.WriteString(describe(a) + "\n")
		menu.Choices = append(menu.Choices, chat.Choice{Label: cut(describe(a), 100), Value: a.ID})
	}
	reply.Text = strings.TrimSuffix(sb.String(), "\n")
	reply.Menus = []chat.Menu{menu}
	reply.Buttons = []chat.Button{{Label: "Stop all", Action: "alert.all", Danger: true, Confirm: "Stop all your alerts?"}}
	return reply, nil
}

// stopAlert ends one alert of the one who pressed, or all.
func (b *Bot) stopAlert(ctx context.Context, r request, id string) (chat.Reply, error) {
	switch id {
	case "all":
		id = ""
	case "":
		return say("Which one?"), nil
	}
	err := b.desk.DropAlert(ctx, r.actor(), r.Private, id)
	if reply, ok := refusal(err); ok {
		return reply, nil
	}
	if err != nil {
		return chat.Reply{}, err
	}
	return say("You will not be alerted of that any more."), b.apply(ctx)
}
