package discord

import (
	"github.com/bwmarrin/discordgo"

	"github.com/pullquote/pullquote/bot/chat"
)

// command reads an interaction; false for one that is none of ours.
func (a *Adapter) command(i *discordgo.Interaction, m menu) (chat.Command, bool) {
	if !isSnowflake(i.ID) || !tokenSafe(i.Token) {
		return chat.Command{}, false
	}
	cmd := chat.Command{
		Adapter: a.name,
		Channel: chat.Channel{Adapter: a.name, ID: i.ChannelID},
		Locale:  string(i.Locale),
	}
	a.asker(&cmd, i)
	switch d := i.Data.(type) {
	case discordgo.MessageComponentInteractionData:
		cmd.Kind, cmd.Action = chat.Press, d.CustomID
		if len(d.Values) > 0 {
			cmd.Picked = d.Values[0]
		}
		if i.Message != nil {
			a.aim(&cmd, i.Message, false)
		}
		return cmd, true
	case discordgo.ApplicationCommandInteractionData:
		if d.CommandType == discordgo.MessageApplicationCommand {
			return a.onMessage(cmd, d, m)
		}
		cmd.Name, cmd.Options = d.Name, map[string]string{}
		for _, o := range d.Options {
			if o == nil {
				continue
			}
			cmd.Options[o.Name] = optionValue(o.Value)
			if o.Focused {
				cmd.Focus = o.Name
			}
		}
		if i.Type == discordgo.InteractionApplicationCommandAutocomplete {
			cmd.Kind = chat.Suggest
		}
		return cmd, true
	}
	return chat.Command{}, false
}

// asker fills in who asked and what that person may do. Direct messages with
// the bot are the channel "@" and the person.
func (a *Adapter) asker(cmd *chat.Command, i *discordgo.Interaction) {
	switch {
	case i.Member != nil && i.Member.User != nil:
		cmd.User = i.Member.User.ID
	case i.User != nil:
		cmd.User = i.User.ID
	}
	if isSnowflake(cmd.User) {
		cmd.Private = chat.Channel{Adapter: a.name, ID: "@" + cmd.User}
	}
	if isSnowflake(i.GuildID) {
		cmd.Tenant = i.GuildID
		cmd.Admin = i.Member != nil && i.Member.Permissions&(manageServer|permAdministrator) != 0
		return
	}
	if i.Member == nil && cmd.Private != (chat.Channel{}) {
		cmd.Channel = cmd.Private
	}
}

// onMessage reads a command from the menu of a message.
func (a *Adapter) onMessage(cmd chat.Command, d discordgo.ApplicationCommandInteractionData, m menu) (chat.Command, bool) {
	spec, ok := m.byLabel[d.Name]
	if !ok || !isSnowflake(d.TargetID) {
		return chat.Command{}, false
	}
	cmd.Name, cmd.Options = spec.Name, map[string]string{}
	target := &discordgo.Message{ID: d.TargetID}
	if d.Resolved != nil && d.Resolved.Messages[d.TargetID] != nil {
		target = d.Resolved.Messages[d.TargetID]
		target.ID = d.TargetID
	}
	a.aim(&cmd, target, true)
	return cmd, true
}

// aim sets the command's Target to a message, in the form in which Send
// returned it, and its Channel to the one that was posted to: a card in a
// thread belongs to the channel around it. The card's mark tells both. A
// message without a mark is a target only if any is.
func (a *Adapter) aim(cmd *chat.Command, m *discordgo.Message, any bool) {
	if !isSnowflake(m.ID) {
		return
	}
	s, ok := signOf(m.Embeds)
	a.mu.Lock()
	self := a.self
	a.mu.Unlock()
	if !ok || m.Author == nil || self != "" && m.Author.ID != self {
		if any {
			cmd.Target = ref{id: m.ID}.message()
		}
		return
	}
	r := ref{id: m.ID, key: s.key}
	switch {
	case s.thread != "":
		r = ref{thread: s.thread, id: s.id, copy: m.ID, key: s.key}
	case s.home != "":
		r.thread = cmd.Channel.ID
		cmd.Channel.ID = s.home
		r.copy, _ = a.twins.get(m.ID)
	}
	cmd.Target = r.message()
}
