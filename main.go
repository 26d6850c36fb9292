// Pullquote watches live pages and feeds and brings each new entry, as a card
// with its headline and quotes, to Slack, Discord or a terminal.
package main

import (
	"os"

	"github.com/pullquote/pullquote/bot/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.LookupEnv))
}
