package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run runs the command line and returns the exit status and what was printed.
func run(t *testing.T, environ map[string]string, in io.Reader, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = Main(args, Streams{In: in, Out: &o, Err: &e}, func(key string) (string, bool) {
		v, ok := environ[key]
		return v, ok
	})
	return status, o.String(), e.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		args   string
		status int
		says   string // on standard error
	}{
		{"", 0, ""},
		{"--help", 0, ""},
		{"version", 0, ""},
		{"manifest slack", 0, ""},
		{"manifest", 0, ""},
		{"completion bash", 0, ""},
		{"invite discord --app 80351110224678912", 0, ""},
		{"rnu", 2, `did you mean "run"?`},
		{"completion tcsh", 2, "tcsh"},
		{"help rnu", 2, "rnu"},
		{"run harbour", 2, "takes no arguments"},
		{"run --oncee", 2, "see “pullquote run --help”"},
		{"run --config", 2, "needs an argument"},
		{"run --once=maybe", 2, "maybe"},
		{"manifest teams", 2, "teams"},
		{"read", 2, "one URL or file"},
		{"read a b", 2, "got 2"},
		{"quotes a b", 2, "at most"},
		{"help run", 0, ""},
		{"help manifest slack", 0, ""},
		{"help manifest teams", 2, "teams"},
		{"invite discord", 1, "--app"},
		{"invite discord --app 1234x", 2, "number"},
		{"run --config " + dir + "/none.yaml", 1, "none.yaml"},
		{"check --config " + dir + "/none.yaml", 1, "none.yaml"},
		{"read " + dir + "/none.html", 1, "none.html"},
		{"read " + dir, 1, "directory"},
		{"read - --format telex", 1, "telex"},
		{"quotes " + dir, 1, "directory"},
		{"quotes " + dir + "/none.jsonl", 1, "none.jsonl"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			status, out, errs := run(t, nil, strings.NewReader("Nothing."), strings.Fields(tt.args)...)
			if status != tt.status {
				t.Errorf("status %d, want %d\nstdout %q\nstderr %q", status, tt.status, out, errs)
			}
			if !strings.Contains(errs, tt.says) || status == 0 && errs != "" {
				t.Errorf("stderr %q, want it to say %q", errs, tt.says)
			}
			if n := strings.Count(errs, "\n"); status != 0 && n != 1 {
				t.Errorf("%d lines of error: %q", n, errs)
			}
			if status != 0 && out != "" {
				t.Errorf("an error printed to standard output: %q", out)
			}
		})
	}
}

func TestQuotesReportsBadLinesAndGoesOn(t *testing.T) {
	in := `{"id":1,"text":"“We are ready for the tide,” said Ann Hale."}
not JSON

{"id":2}
{"id":"three","text":"Nobody spoke."}
` + "{\"id\":4,\"text\":\"\xff\"}\n" + `{"text":"Nobody spoke."}`
	status, out, errs := run(t, nil, strings.NewReader(in), "quotes")
	if status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	var numbers []string
	for line := range strings.Lines(errs) {
		numbers = append(numbers, strings.SplitN(line, ":", 3)[1])
	}
	if d := cmp.Diff([]string{" line 2", " line 4", " line 6"}, numbers); d != "" {
		t.Errorf("reported lines (-want +got):\n%s", d)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"id":1,"quotes":[{"start":1,"end":27,`) ||
		lines[1] != `{"id":"three","quotes":[]}` || lines[2] != `{"id":null,"quotes":[]}` {
		t.Errorf("out: %s", out)
	}
}

// A reader that fails is not a line that is bad: reading goes on after the one,
// and would for ever after the other.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestQuotesInputFails(t *testing.T) {
	in := io.MultiReader(strings.NewReader("{\"id\":1,\"text\":\"Nobody spoke.\"}\n"), failing{errors.New("the disk is gone")})
	status, out, errs := run(t, nil, in, "quotes")
	if status != 1 || !strings.Contains(errs, "the disk is gone") || strings.Count(errs, "\n") != 1 {
		t.Errorf("status %d, stderr %q", status, errs)
	}
	if !strings.HasPrefix(out, `{"id":1,`) {
		t.Errorf("what was read before is lost: %q", out)
	}
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name, in string
		want     []string // "!" is a line that is too long
	}{
		{"no lines", "", nil},
		{"last one without an end", "a\nb", []string{"a\n", "b"}},
		{"an empty one", "\n", []string{"\n"}},
		{"longer than the buffer", strings.Repeat("y", 100) + "\nb\n", []string{strings.Repeat("y", 100) + "\n", "b\n"}},
		{"as long as may be", long[1:] + "\nb\n", []string{long[1:] + "\n", "b\n"}},
		{"too long", long + "\nb\n", []string{"!", "b\n"}},
		{"much too long", long + long + "\nb\n", []string{"!", "b\n"}},
		{"too long at the end", "a\n" + long + "x", []string{"a\n", "!"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReaderSize(strings.NewReader(tt.in), 64)
			var got []string
			for {
				line, err := readLine(r)
				if errors.Is(err, io.EOF) {
					break
				}
				if errors.Is(err, errLongLine) {
					line = []byte("!")
				} else if err != nil {
					t.Fatal(err)
				}
				got = append(got, string(line))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%d lines, want %d", len(got), len(tt.want))
			}
		})
	}
}

func TestCodePoints(t *testing.T) {
	for _, text := range []string{
		"", "plain", "“Brücke” 👩‍🚒 שלום", strings.Repeat("é", markEvery), strings.Repeat("👩‍🚒“x”", 3*markEvery), strings.Repeat("a", 4*markEvery),
	} {
		c := newCodePoints(text)
		want := 0
		for i := range text {
			if got := c.at(i); got != want {
				t.Fatalf("byte %d of %.10q…: code point %d, want %d", i, text, got, want)
			}
			want++
		}
		if got := c.at(len(text)); got != want {
			t.Errorf("the end of %.10q…: code point %d, want %d", text, got, want)
		}
	}
}

func TestQuoteOffsets(t *testing.T) {
	text := strings.Repeat("Ж", 300) + ". “We are ready for the tide, 👩‍🚒 all of us,” said Ann Hale, the harbour master."
	res := quotesOf(nil, text)
	if len(res.Quotes) != 1 {
		t.Fatalf("%d quotes", len(res.Quotes))
	}
	q, runes := res.Quotes[0], []rune(text)
	if got := string(runes[q.Start:q.End]); !strings.Contains(got, strings.TrimRight(q.Text, ",")) || len(got) > len(q.Text)+6 {
		t.Errorf("offsets cut out %q, the quote is %q", got, q.Text)
	}
	if q.SpeakerStart == nil || string(runes[*q.SpeakerStart:*q.SpeakerEnd]) != "Ann Hale" {
		t.Errorf("speaker %v to %v", q.SpeakerStart, q.SpeakerEnd)
	}
}

func TestAppID(t *testing.T) {
	const id = "80351110224678912"
	token := base64.RawStdEncoding.EncodeToString([]byte(id)) + ".Xabcde.0123456789_notasecret"
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no network in a test: the token itself must do
	tests := []struct {
		name, given, token string
		want, says         string
	}{
		{"given", id, "", id, ""},
		{"given and a token", id, "nonsense", id, ""},
		{"from the token", "", token, id, ""},
		{"neither", "", "", "", "--app"},
		{"no token at all", "", "nonsense", "", "does not look like a bot token"},
		{"a token of two lines", "", "a\nb", "", "character"},
		{"given, no number", "https://discord.com/app", "", "", "number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &env{lookup: func(key string) (string, bool) { return tt.token, tt.token != "" && key == "DISCORD_BOT_TOKEN" }}
			got, err := e.appID(ctx, tt.given)
			if got != tt.want || (err == nil) != (tt.says == "") {
				t.Fatalf("%q, %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), tt.says) || tt.token != "" && strings.Contains(err.Error(), tt.token)) {
				t.Errorf("error %q, want %q and no token", err, tt.says)
			}
		})
	}
}

// What --dry-run posts goes to this terminal, and nothing is saved.
func TestDryRun(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "pullquote.db")
	path := write(t, "config.yaml", `
store: `+ledger+`
adapters:
  - name: team
    platform: slack
    bot_token_env: BOT
    app_token_env: APP
sources:
  - name: harbour
    url: demo:harbour-bridge
    to: [team:C024BE91L]
`)
	tokens := map[string]string{"BOT": "xoxb-1-2-x", "APP": "xapp-1-2-x"}
	status, out, errs := run(t, tokens, strings.NewReader(""), "run", "--once", "--dry-run", "--config", path)
	if status != 0 || !strings.Contains(out, "C024BE91L") {
		t.Errorf("status %d\nstdout %s\nstderr %s", status, out, errs)
	}
	if _, err := os.Stat(ledger); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run left a ledger behind: %v", err)
	}
}

// An interrupt ends a run well; --once has then not done what it was asked.
func TestInterruptedEarly(t *testing.T) {
	path := write(t, "config.yaml", `
store: `+filepath.Join(t.TempDir(), "pullquote.db")+`
adapters: [{name: console, platform: console}]
sources: [{name: harbour, url: "demo:harbour-bridge", to: [console:terminal]}]
`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &env{
		Streams: Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard},
		lookup:  func(string) (string, bool) { return "", false },
	}
	if err := e.run(ctx, runFlags{config: path}); err != nil {
		t.Errorf("run: %v", err)
	}
	if err := e.run(ctx, runFlags{config: path, once: true}); err == nil || strings.Contains(err.Error(), "context") {
		t.Errorf("run --once: %v; want what happened, in words", err)
	}
}
