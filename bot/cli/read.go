package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/adapters/console"
	"github.com/pullquote/pullquote/bot"
	"github.com/pullquote/pullquote/bot/fetch"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
	"github.com/pullquote/pullquote/bot/quote"
)

// maxDocument bounds a document read from a file; the same bound as fetch's.
const maxDocument = 15 << 20

type readFlags struct {
	asJSON  bool
	explain bool
	private bool
	base    string
	format  string
	profile string
}

func newRead(e *env) *cobra.Command {
	var f readFlags
	cmd := &cobra.Command{
		Use:   "read URL|FILE|-",
		Short: "Read one page or feed as the bot would and print its entries",
		Long: `Reads one document, says how it was recognised and how sure that is, what it
says of the places around it (older entries, feeds, a hub, where the coverage
goes on, signs that it is over), and prints its entries as cards with their
quotes, newest first. Formats are recognised by content, never by file name or
Content-Type.

With --json it prints one object that scripts can rely on:

    {"source":{"url","title","format","confidence","ended","window","older",
       "successor","hub","topic","wait","feeds":[{"url","title","type"}],
       "signs":[{"what","medium"}]},
     "entries":[{"id","id_kind","headline","text","url","author","published",
       "updated","key","withdrawn","media":[{"url","kind","alt","credit"}],
       "quotes":[{"text","speaker","role","kind","in_headline","confidence"}]}]}

Times are RFC 3339 in UTC, or absent where the document states none. The exit
status is 0 with an empty list only when the document was understood and holds
no entries.`,
		Example: `  pullquote read https://news.example/live/storm
  pullquote read saved.html --base https://news.example/live/storm --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("read takes one URL or file, or - for standard input; got %d arguments", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return e.read(cmd.Context(), args[0], f) },
	}
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&f.explain, "explain", false, "say what was tried and why the winner won")
	cmd.Flags().BoolVar(&f.private, "private", false, "allow a URL on a loopback or private address")
	cmd.Flags().StringVar(&f.base, "base", "", "the address the document came from, for its relative links")
	cmd.Flags().StringVar(&f.format, "format", "", "read as this format instead of detecting it: "+strings.Join(parse.Formats(), ", "))
	cmd.Flags().StringVar(&f.profile, "profile", "", "try the site profiles in this JSON file before those that come with the program")
	return cmd
}

func (e *env) read(ctx context.Context, what string, f readFlags) error {
	doc, err := e.document(ctx, what, f)
	if err != nil {
		return err
	}
	doc.Format, doc.Now = f.format, time.Now()
	if f.profile != "" {
		if doc.Profiles, err = readProfiles(f.profile); err != nil {
			return err
		}
	}
	snap, report, err := parse.Explain(doc)
	if f.explain {
		e.printReport(report)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fillQuotes(&snap)
	if f.asJSON {
		return e.printJSON(snap, report, doc.URL)
	}
	return e.printEntries(snap, report, doc.URL)
}

// readProfiles reads the site profiles in a file.
func readProfiles(path string) ([]parse.Profile, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := parse.ReadProfiles(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// document reads what the argument names: a URL, a file, or standard input.
func (e *env) document(ctx context.Context, what string, f readFlags) (parse.Document, error) {
	if isURL(what) {
		return fetchDocument(ctx, what, f)
	}
	in := e.In
	if what != "-" {
		file, err := os.Open(what)
		if err != nil {
			return parse.Document{}, err
		}
		defer func() { _ = file.Close() }() // read only: nothing is lost
		in = file
	}
	body, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return parse.Document{}, fmt.Errorf("read %s: %w", what, err)
	}
	if len(body) > maxDocument {
		return parse.Document{}, fmt.Errorf("%s: larger than %d MiB", what, maxDocument>>20)
	}
	return parse.Document{URL: f.base, Body: body}, nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func fetchDocument(ctx context.Context, address string, f readFlags) (parse.Document, error) {
	c := fetch.New(fetch.Options{UserAgent: userAgent("")})
	got, err := c.Get(ctx, address, f.private)
	if err != nil {
		return parse.Document{}, err
	}
	base := got.URL
	if f.base != "" {
		base = f.base
	}
	return parse.Document{URL: base, ContentType: got.ContentType, Links: got.Links, Body: got.Body}, nil
}

// fillQuotes finds the quotes of every entry, as the engine does: with the page
// as context unless its entries are pieces of their own.
func fillQuotes(snap *news.Snapshot) {
	if snap.Separate {
		for i, en := range snap.Entries {
			snap.Entries[i].Quotes = quote.Page("", []quote.Part{{Headline: en.Headline, Body: en.Body}})[0]
		}
		return
	}
	parts := make([]quote.Part, len(snap.Entries))
	for i, en := range snap.Entries {
		parts[i] = quote.Part{Headline: en.Headline, Body: en.Body}
	}
	for i, quotes := range quote.Page(snap.Title, parts) {
		snap.Entries[i].Quotes = quotes
	}
}

// The types below are the contract of read --json. Fields are added, never
// renamed.
type readJSON struct {
	Source  sourceJSON  `json:"source"`
	Entries []entryJSON `json:"entries"`
}

type sourceJSON struct {
	URL        string          `json:"url"`
	Title      string          `json:"title"`
	Format     string          `json:"format"`
	Confidence news.Confidence `json:"confidence"`
	Ended      bool            `json:"ended"`
	Window     bool            `json:"window"`
	Older      string          `json:"older,omitempty"`
	Successor  string          `json:"successor,omitempty"`
	Hub        string          `json:"hub,omitempty"`
	Topic      string          `json:"topic,omitempty"`
	Wait       string          `json:"wait,omitempty"`
	Feeds      []feedJSON      `json:"feeds"`
	Signs      []signJSON      `json:"signs"`
}

type feedJSON struct {
	URL   string `json:"url"`
	Title string `json:"title"`
	Type  string `json:"type"`
}

type signJSON struct {
	Medium bool   `json:"medium"`
	What   string `json:"what"`
}

type entryJSON struct {
	ID        news.EntryID `json:"id"`
	IDKind    news.IDKind  `json:"id_kind"`
	Headline  string       `json:"headline"`
	Text      string       `json:"text"`
	URL       string       `json:"url"`
	Author    string       `json:"author"`
	Published *time.Time   `json:"published,omitempty"`
	Updated   *time.Time   `json:"updated,omitempty"`
	Key       bool         `json:"key"`
	Withdrawn bool         `json:"withdrawn"`
	Media     []mediaJSON  `json:"media"`
	Quotes    []quoteJSON  `json:"quotes"`
}

type mediaJSON struct {
	URL    string         `json:"url"`
	Kind   news.MediaKind `json:"kind"`
	Alt    string         `json:"alt"`
	Credit string         `json:"credit"`
}

type quoteJSON struct {
	Text       string          `json:"text"`
	Speaker    string          `json:"speaker"`
	Role       string          `json:"role"`
	Kind       news.QuoteKind  `json:"kind"`
	InHeadline bool            `json:"in_headline"`
	Confidence news.Confidence `json:"confidence"`
}

func (e *env) printJSON(snap news.Snapshot, report parse.Report, address string) error {
	enc := json.NewEncoder(e.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(toJSON(snap, report, address))
}

func toJSON(snap news.Snapshot, report parse.Report, address string) readJSON {
	if snap.URL != "" {
		address = snap.URL
	}
	out := readJSON{
		Source: sourceJSON{
			URL: address, Title: snap.Title, Format: snap.Format, Confidence: report.Confidence, Ended: snap.Ended, Window: snap.Window,
			Older: snap.Older, Successor: snap.Successor, Hub: snap.Hub, Topic: snap.Topic,
			Feeds: make([]feedJSON, 0, len(snap.Feeds)), Signs: make([]signJSON, 0, len(snap.Signs)),
		},
		Entries: make([]entryJSON, 0, len(snap.Entries)),
	}
	if snap.Wait > 0 {
		out.Source.Wait = snap.Wait.String()
	}
	for _, f := range snap.Feeds {
		out.Source.Feeds = append(out.Source.Feeds, feedJSON(f))
	}
	for _, s := range snap.Signs {
		out.Source.Signs = append(out.Source.Signs, signJSON(s))
	}
	for _, en := range snap.Entries {
		ej := entryJSON{
			ID: en.Entry, IDKind: en.IDKind, Headline: en.Headline, Text: en.Body, URL: en.URL, Author: en.Author,
			Published: stated(en.Published), Updated: stated(en.Updated), Key: en.Key, Withdrawn: en.Withdrawn,
			Media: make([]mediaJSON, 0, len(en.Media)), Quotes: make([]quoteJSON, 0, len(en.Quotes)),
		}
		for _, m := range en.Media {
			ej.Media = append(ej.Media, mediaJSON(m))
		}
		for _, q := range en.Quotes {
			ej.Quotes = append(ej.Quotes, quoteJSON(q))
		}
		out.Entries = append(out.Entries, ej)
	}
	return out
}

// stated returns nil for a time that the document does not state.
func stated(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (e *env) printEntries(snap news.Snapshot, report parse.Report, address string) error {
	fmt.Fprintf(e.Out, "%s\nrecognised as %s, %d entries, confidence %s%s\n", plain(orElse(snap.Title, address, "(no title)")), snap.Format,
		len(snap.Entries), report.Confidence, notes(snap))
	e.printSurroundings(snap)
	name := orElse(snap.Title, address, "preview")
	var errs []error
	for _, en := range snap.Entries {
		_, err := fmt.Fprintf(e.Out, "\n%s (%s)\n%s", en.Entry, en.IDKind,
			console.Render(bot.CardOf(news.Source{Name: name}, en), e.consoleOptions()))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// printSurroundings says what the document tells besides its entries.
func (e *env) printSurroundings(snap news.Snapshot) {
	line := func(what, s string) {
		if s != "" {
			fmt.Fprintf(e.Out, "%s: %s\n", what, plain(s))
		}
	}
	line("older entries", snap.Older)
	line("the coverage goes on at", snap.Successor)
	for _, f := range snap.Feeds {
		line("feed", strings.TrimSpace(f.URL+" "+f.Title))
	}
	line("hub", snap.Hub)
	if snap.Wait > 0 {
		line("asks for a pause of", snap.Wait.String())
	}
	if snap.Skip != (news.Hours{}) {
		line("asks not to be read", "at some hours")
	}
	for _, s := range snap.Signs {
		line("it may be over", s.What)
	}
}

// plain drops what would drive the terminal rather than be read.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// printReport says what was tried, and which reading a field was taken from
// where there were several.
func (e *env) printReport(r parse.Report) {
	if r.Profile != "" {
		fmt.Fprintf(e.Err, "site profile %s\n", r.Profile)
	}
	for _, s := range r.Steps {
		if s.Format == r.Format && s.Reason == "" {
			fmt.Fprintf(e.Err, "tried %s: %d entries, taken\n", s.Format, s.Entries)
			continue
		}
		fmt.Fprintf(e.Err, "tried %s: %d entries, not taken: %s\n", s.Format, s.Entries, s.Reason)
	}
	for _, f := range r.Fields {
		fmt.Fprintf(e.Err, "%s of %d entries from %s, not from %s: %s\n", f.Name, f.Entries, f.Winner, f.Loser, f.Reason)
	}
	if r.Format != "" {
		fmt.Fprintf(e.Err, "confidence %s\n", r.Confidence)
	}
}

func notes(snap news.Snapshot) string {
	var s string
	if snap.Window {
		s += ", part of the page"
	}
	if snap.Ended {
		s += ", coverage has ended"
	}
	return s
}

// orElse returns the first string that is not empty.
func orElse(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
