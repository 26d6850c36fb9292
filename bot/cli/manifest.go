package cli

import (
	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/slack"
	"github.com/pullquote/pullquote/bot"
)

func newManifest(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Print what a platform needs to know of the bot",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var name, requests string
	forSlack := &cobra.Command{
		Use:   "slack",
		Short: "Print a Slack app manifest",
		Long: `Prints an app manifest with the least scopes needed, Socket Mode and the slash
commands. At https://api.slack.com/apps choose “Create New App”, “From a
manifest”, and paste it.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			m, err := slack.Manifest(name, bot.Commands(nil), requests)
			if err != nil {
				return err
			}
			_, err = e.Out.Write(append(m, '\n'))
			return err
		},
	}
	forSlack.Flags().StringVar(&name, "name", "Pullquote", "the app's name, as members see it")
	forSlack.Flags().StringVar(&requests, "requests", "",
		"the `address`, https://…/slack/NAME, at which Slack reaches this bot (see signing_secret_env); \"\" is Socket Mode")
	cmd.AddCommand(forSlack)
	return cmd
}
