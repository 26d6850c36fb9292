package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/quote"
)

// maxLine bounds one line of input.
const maxLine = 16 << 20

func newQuotes(e *env) *cobra.Command {
	var explain bool
	cmd := &cobra.Command{
		Use:   "quotes [FILE|-]",
		Short: "Find quotes and their speakers in texts",
		Long: `Reads JSON Lines {"id","text"} and prints, for each, in order:

    {"id","quotes":[{"start","end","text","speaker","speaker_start",
    "speaker_end","role","cue","kind","confidence"}]}

Offsets count Unicode code points, end exclusive; speaker_start and speaker_end
are null where the text names no speaker. Paragraphs of a text are separated by
a blank line. A line that cannot be read is reported with its number, the rest
goes on, and the exit status is 1.`,
		Example: `  echo '{"id":1,"text":"“We are ready,” said Ann Hale."}' | pullquote quotes`,
		Args:    upToOne,
		RunE: func(_ *cobra.Command, args []string) error {
			in, closeIn, err := openArg(e, args)
			if err != nil {
				return err
			}
			defer closeIn()
			if explain {
				return e.eachText(in, e.explain)
			}
			out := bufio.NewWriter(e.Out)
			enc := json.NewEncoder(out)
			enc.SetEscapeHTML(false)
			err = e.eachText(in, func(id json.RawMessage, text string) error { return enc.Encode(quotesOf(id, text)) })
			return errors.Join(err, out.Flush())
		},
	}
	cmd.Flags().BoolVar(&explain, "explain", false, "print, for people, why each stretch between marks is a quote or not, and who said it")
	return cmd
}

// openArg opens the file an optional argument names; none or "-" is In.
func openArg(e *env, args []string) (io.Reader, func(), error) {
	if len(args) == 0 || args[0] == "-" {
		return e.In, func() {}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil // read only: nothing is lost
}

type textLine struct {
	ID   json.RawMessage `json:"id"`
	Text *string         `json:"text"`
}

type quotesLine struct {
	ID     json.RawMessage `json:"id"`
	Quotes []quoteLine     `json:"quotes"`
}

type quoteLine struct {
	Start        int             `json:"start"`
	End          int             `json:"end"`
	Text         string          `json:"text"`
	Speaker      string          `json:"speaker"`
	SpeakerStart *int            `json:"speaker_start"`
	SpeakerEnd   *int            `json:"speaker_end"`
	Role         string          `json:"role"`
	Cue          string          `json:"cue"`
	Kind         news.QuoteKind  `json:"kind"`
	Confidence   news.Confidence `json:"confidence"`
}

// eachText calls do for every text in in, reports the lines that hold none,
// and returns errReported if there was one.
func (e *env) eachText(in io.Reader, do func(id json.RawMessage, text string) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	bad := false
	for n := 1; ; n++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return err // there is no next line
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var doc textLine
		if err == nil {
			doc, err = parseText(line)
		}
		if err != nil {
			bad = true
			fmt.Fprintf(e.Err, "pullquote: line %d: %v\n", n, err)
			continue
		}
		if err := do(doc.ID, *doc.Text); err != nil {
			return err
		}
	}
	if bad {
		return errReported
	}
	return nil
}

// explain prints the scorecard behind every stretch between quotation marks.
func (e *env) explain(id json.RawMessage, text string) error {
	out := bufio.NewWriter(e.Out)
	fmt.Fprintf(out, "%s\n", id)
	for _, x := range quote.Explain(text) {
		verdict := "no quote"
		if x.Accepted {
			verdict = fmt.Sprintf("quote, %s, by %s (%s)", x.Quote.Kind, orElse(x.Quote.Speaker, "nobody stated"), x.Quote.Confidence)
		}
		fmt.Fprintf(out, "  “%s”\n    %s: %d points\n", x.Text, verdict, x.Total)
		printPoints(out, "      ", x.Points)
		for _, c := range x.Choices[:min(len(x.Choices), maxShown)] {
			fmt.Fprintf(out, "    speaker “%s”: %d points\n", c.Phrase, c.Total)
			printPoints(out, "      ", c.Points)
		}
	}
	return out.Flush()
}

// maxShown is how many candidates for a speaker are worth reading.
const maxShown = 3

func printPoints(w io.Writer, indent string, points []quote.Point) {
	for _, p := range points {
		fmt.Fprintf(w, "%s%+d %s (%s)\n", indent, p.Points, p.Feature, p.Example)
	}
}

var errLongLine = fmt.Errorf("longer than %d MiB", maxLine>>20)

// readLine returns the next line, io.EOF after the last, errLongLine with the
// line skipped, or the reader's error.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, skipLine(r, err)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return line, nil
		default:
			return nil, err
		}
	}
}

func skipLine(r *bufio.Reader, err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	return errLongLine
}

func parseText(line []byte) (textLine, error) {
	var doc textLine
	if !utf8.Valid(line) {
		return doc, errors.New("not valid UTF-8")
	}
	if err := json.Unmarshal(line, &doc); err != nil {
		return doc, fmt.Errorf("not a JSON object with id and text: %w", err)
	}
	if doc.Text == nil {
		return doc, errors.New(`has no "text"`)
	}
	if doc.ID == nil {
		doc.ID = json.RawMessage("null")
	}
	return doc, nil
}

func quotesOf(id json.RawMessage, text string) quotesLine {
	res := quotesLine{ID: id, Quotes: []quoteLine{}}
	points := newCodePoints(text)
	for _, q := range quote.Extract(text) {
		l := quoteLine{
			Start: points.at(q.Start), End: points.at(q.End), Text: q.Text,
			Speaker: q.Speaker, Role: q.Role, Cue: q.Cue, Kind: q.Kind, Confidence: q.Confidence,
		}
		if q.SpeakerStart >= 0 {
			from, to := points.at(q.SpeakerStart), points.at(q.SpeakerEnd)
			l.SpeakerStart, l.SpeakerEnd = &from, &to
		}
		res.Quotes = append(res.Quotes, l)
	}
	return res
}

// codePoints turns byte offsets into code point offsets. Marks every so many
// bytes keep a look-up short in a long text.
type codePoints struct {
	text  string
	marks []int // code points before byte i*markEvery
}

const markEvery = 256

func newCodePoints(text string) codePoints {
	c := codePoints{text: text, marks: make([]int, 0, len(text)/markEvery+1)}
	n := 0
	for i := range len(text) {
		if i%markEvery == 0 {
			c.marks = append(c.marks, n)
		}
		if utf8.RuneStart(text[i]) {
			n++
		}
	}
	return c
}

// at returns how many code points begin before byte i.
func (c codePoints) at(i int) int {
	if len(c.marks) == 0 {
		return 0
	}
	m := min(i/markEvery, len(c.marks)-1)
	n := c.marks[m]
	for j := m * markEvery; j < i; j++ {
		if utf8.RuneStart(c.text[j]) {
			n++
		}
	}
	return n
}
