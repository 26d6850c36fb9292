package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pullquote/pullquote/bot/admin"
	"github.com/pullquote/pullquote/store"
	"github.com/pullquote/pullquote/store/bolt"
)

func TestSelection(t *testing.T) {
	one := admin.Delivery{ID: 1, Channel: "slack:C0QUAY"}
	two := admin.Delivery{ID: 2, Channel: "slack:C0PIER"}
	for _, tc := range []struct {
		name  string
		args  []string
		flags outboxFlags
		picks [2]bool
		named int
		err   string
	}{
		{"by ID", []string{"2"}, outboxFlags{}, [2]bool{false, true}, 1, ""},
		{"ID twice", []string{"2", "2"}, outboxFlags{}, [2]bool{false, true}, 1, ""},
		{"all", nil, outboxFlags{all: true}, [2]bool{true, true}, 0, ""},
		{"channel", nil, outboxFlags{channel: "slack:C0QUAY"}, [2]bool{true, false}, 0, ""},
		{"nothing", nil, outboxFlags{}, [2]bool{}, 0, "say which"},
		{"ID and all", []string{"1"}, outboxFlags{all: true}, [2]bool{}, 0, "say which"},
		{"no channel", nil, outboxFlags{channel: "C0QUAY"}, [2]bool{}, 0, "adapter:id"},
		{"negative", []string{"-1"}, outboxFlags{}, [2]bool{}, 0, "no ID"},
	} {
		pick, named, err := selectionOf(tc.args, tc.flags)
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil || named != tc.named || [2]bool{pick(one), pick(two)} != tc.picks {
			t.Errorf("%s: %v, %d named", tc.name, err, named)
		}
	}
}

func TestPrintOutbox(t *testing.T) {
	now := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	e := &env{Streams: Streams{Out: &out}}
	err := e.printOutbox(admin.Outbox{
		Held: []admin.Delivery{{Channel: "slack:C0QUAY", Headline: "Ferry in", Reason: "gone: channel_not_found", Attempts: 3,
			Promised: now.Add(-time.Hour), Next: now.Add(90 * time.Second)}},
		Abandoned: []admin.Delivery{
			{ID: 7, Channel: "slack:C0QUAY", Source: "quay", Headline: strings.Repeat("é", 70), Reason: "rejected", Promised: now.Add(-100 * time.Hour)},
			{ID: 8, Channel: "ops:1", Kind: store.Notice, Headline: "Paused.", Reason: "rejected", Promised: now.Add(-5 * time.Hour)},
			{ID: 9, Channel: "ops:1", Kind: store.Rollup, Reason: "rejected"},
		},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := `Channels on hold; they go on by themselves:
  CHANNEL       SINCE  NEXT TRY  TRIES  FIRST CARD  REASON
  slack:C0QUAY  60m    90s       3      Ferry in    gone: channel_not_found
Given up; “pullquote outbox retry” or “drop” ends that:
  ID  CHANNEL       SOURCE  AGE  CARD                                                          REASON
  7   slack:C0QUAY  quay    4d   ` + strings.Repeat("é", 59) + `…  rejected
  8   ops:1                 5h   notice: Paused.                                               rejected
  9   ops:1                 –    rollup                                                        rejected
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

// TestWriteWhole holds that a file is there whole or not at all.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "copy.db")
	broken := errors.New("broke off")
	_, err := writeWhole(name, func(f *os.File) (int64, error) {
		io.WriteString(f, "half")
		return 4, broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, text := range []string{"first", "second"} {
		if _, err := writeWhole(name, func(f *os.File) (int64, error) {
			n, err := io.WriteString(f, text)
			return int64(n), err
		}); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(name); string(data) != text || err != nil {
			t.Errorf("%q, %v", data, err)
		}
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLockedWithoutSocket holds what is said when a ledger is open elsewhere
// and nobody answers for it.
func TestLockedWithoutSocket(t *testing.T) {
	config := write(t, "config.yaml", `
store: test.db
adapters: [{name: console, platform: console}]
sources: [{name: quay, url: "https://news.example/live", to: ["console:terminal"]}]
`)
	st, err := bolt.Open(filepath.Join(filepath.Dir(config), "test.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, args := range [][]string{{"status"}, {"outbox"}, {"backup", filepath.Join(t.TempDir(), "copy.db")}} {
		status, _, errs := run(t, nil, strings.NewReader(""), append(args, "--config", config)...)
		if status != 1 || !strings.Contains(errs, "in use by another process") || !strings.Contains(errs, "cannot be asked through its socket either") {
			t.Errorf("%v: status %d, %s", args, status, errs)
		}
	}
}
