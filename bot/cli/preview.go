package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/discord"
	"github.com/pullquote/pullquote/adapters/slack"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/demo"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
	"github.com/pullquote/pullquote/bot/preview"
)

// maxPreviewed is how many entries of a page are drawn: the newest.
const maxPreviewed = 8

func newPreview(e *env) *cobra.Command {
	var output string
	var f readFlags
	cmd := &cobra.Command{
		Use:   "preview [URL|FILE]",
		Short: "Draw cards as Slack and Discord would show them, as a web page",
		Long: `Draws the cards of a page's newest entries as they would look on Slack and on
Discord, from exactly what would be sent there, as one HTML page. Nothing is
posted and no account is needed. Without an address it draws the demo story,
with a card of every kind.`,
		Example: `  pullquote preview --output cards.html
  pullquote preview https://news.example/live/storm --output cards.html`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			samples, err := e.samples(cmd.Context(), args, f)
			if err != nil {
				return err
			}
			return e.writePreview(samples, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "-", "the `file` to write; - is standard output")
	cmd.Flags().BoolVar(&f.private, "private", false, "allow a URL on a loopback or private address")
	cmd.Flags().StringVar(&f.base, "base", "", "the address a file came from, for its relative links")
	return cmd
}

// samples returns the cards to draw.
func (e *env) samples(ctx context.Context, args []string, f readFlags) ([]bot.Sample, error) {
	if len(args) == 0 {
		return demoSamples(time.Now())
	}
	doc, err := e.document(ctx, args[0], f)
	if err != nil {
		return nil, err
	}
	doc.Now = time.Now()
	snap, err := parse.Parse(doc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", args[0], err)
	}
	fillQuotes(&snap)
	src := news.Source{Name: orElse(snap.Title, doc.URL, "preview"), URL: doc.URL}
	return bot.Samples(src, nil, snap.Entries[:min(len(snap.Entries), maxPreviewed)], doc.Now), nil
}

// demoSamples reads the demo story in the middle and at its end.
func demoSamples(now time.Time) ([]bot.Sample, error) {
	started := now.Add(-demo.Length)
	then, err := demoEntries(started, started.Add(demo.Length/2-time.Second))
	if err != nil {
		return nil, err
	}
	last, err := demoEntries(started, now)
	if err != nil {
		return nil, err
	}
	src := news.Source{ID: "harbour-bridge", Name: "Storm closes the harbour bridge", URL: "https://news.example" + demo.Page}
	return bot.Samples(src, then, last, now), nil
}

// demoEntries reads the demo's page as it is at a time.
func demoEntries(started, at time.Time) ([]news.Entry, error) {
	site := demo.New(demo.Options{Started: started, Now: func() time.Time { return at }})
	page := pageWriter{header: make(http.Header)}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://news.example"+demo.Page, http.NoBody)
	if err != nil {
		return nil, err
	}
	site.ServeHTTP(&page, req)
	snap, err := parse.Parse(parse.Document{URL: req.URL.String(), ContentType: "text/html", Body: page.body.Bytes(), Now: at})
	if err != nil {
		return nil, err
	}
	fillQuotes(&snap)
	return snap.Entries, nil
}

// A pageWriter keeps the page that a handler writes.
type pageWriter struct {
	header http.Header
	body   bytes.Buffer
}

func (w *pageWriter) Header() http.Header         { return w.header }
func (w *pageWriter) WriteHeader(int)             {}
func (w *pageWriter) Write(p []byte) (int, error) { return w.body.Write(p) }

// writePreview draws every card as each platform would show it.
func (e *env) writePreview(samples []bot.Sample, output string) error {
	var messages []preview.Message
	for _, s := range samples {
		p := chat.Post{Channel: chat.Channel{Adapter: "preview", ID: "C0000000"}, Card: s.Card}
		for platform, body := range map[string]func(chat.Post) ([]byte, error){"slack": slack.Preview, "discord": discord.Preview} {
			b, err := body(p)
			if err != nil {
				return err
			}
			messages = append(messages, preview.Message{Platform: platform, Caption: s.Caption, JSON: b})
		}
	}
	var buf bytes.Buffer
	if err := preview.Write(&buf, messages, preview.Options{Title: "Pullquote: cards"}); err != nil {
		return err
	}
	if output == "-" {
		_, err := io.Copy(e.Out, &buf)
		return err
	}
	return os.WriteFile(output, buf.Bytes(), 0o644) //nolint:gosec // a page to be looked at
}
