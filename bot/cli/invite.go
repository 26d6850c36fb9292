package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/discord"
)

func newInvite(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Print the link that lets the bot in",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var app string
	forDiscord := &cobra.Command{
		Use:   "discord",
		Short: "Print a Discord invite link with the least permissions needed",
		Long: `Prints the address at which the owner of a Discord server lets the bot in, with
the permissions to see channels, send messages and embeds, and read the history.
The application's ID comes from --app or from the token in DISCORD_BOT_TOKEN.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := e.appID(cmd.Context(), app)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(e.Out, discord.InviteURL(id))
			return err
		},
	}
	forDiscord.Flags().StringVar(&app, "app", "", "the application's `ID`, from its General Information page")
	cmd.AddCommand(forDiscord)
	return cmd
}

var errNoApp = errors.New("which application? Give --app with its ID, or set DISCORD_BOT_TOKEN")

var errNoNumber = errors.New("--app takes the application's ID, a number, from its General Information page")

// appID finds the application's ID: as given, as Discord says, or, without a
// network, as the token has it.
func (e *env) appID(ctx context.Context, given string) (string, error) {
	if strings.ContainsFunc(given, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", usageError{errNoNumber}
	}
	if given != "" {
		return given, nil
	}
	token, ok := e.lookup("DISCORD_BOT_TOKEN")
	if !ok || token == "" {
		return "", errNoApp
	}
	a, err := discord.New(discord.Options{Name: "discord", Token: token})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if id, err := a.AppID(ctx); err == nil {
		return id, nil
	}
	if id := discord.AppID(token); id != "" {
		return id, nil
	}
	return "", errors.New("DISCORD_BOT_TOKEN does not look like a bot token; give --app with the application's ID")
}
