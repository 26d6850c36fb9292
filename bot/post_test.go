package bot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// TestPosts composes the post of each delivery under testdata/posts. To accept
// what it composes now: go test ./bot -run TestPosts -update.
func TestPosts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "posts", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no posts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(ar.Files) == 0 || ar.Files[0].Name != "work.json" {
				t.Fatal("the first file is not work.json")
			}
			var w store.Work
			d := json.NewDecoder(bytes.NewReader(ar.Files[0].Data))
			d.DisallowUnknownFields()
			if err := d.Decode(&w); err != nil {
				t.Fatal(err)
			}
			if nothingToShow(w) {
				t.Fatal("there is nothing to show")
			}
			got := printPost(postOf(w))
			if *update {
				ar.Files = append(ar.Files[:1], txtar.File{Name: "post", Data: []byte(got)})
				if err := os.WriteFile(path, txtar.Format(ar), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(ar.Files) != 2 {
				t.Fatal("no post to compare with; see -update")
			}
			if d := cmp.Diff(string(ar.Files[1].Data), got); d != "" {
				t.Errorf("post (-want +got):\n%s", d)
			}
		})
	}
}

var formNames = map[chat.Form]string{
	chat.EntryForm: "entry", chat.HeadForm: "head", chat.RollupForm: "rollup",
	chat.ClosingForm: "closing", chat.NoteForm: "note", chat.NoticeForm: "notice",
}

// printPost prints a post, a line for each part.
func printPost(p chat.Post) string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "channel: %s\nkey: %s\n", p.Channel, p.Key)
	for _, f := range []struct {
		name string
		set  bool
	}{{"silent", p.Silent}, {"broadcast", p.Broadcast}, {"forum", p.Forum}, {"publish", p.Publish}} {
		if f.set {
			fmt.Fprintln(&sb, f.name)
		}
	}
	for _, f := range [][2]string{{"thread", string(p.Thread)}, {"reply", string(p.Reply)}, {"tags", strings.Join(p.Tags, ", ")}} {
		if f[1] != "" {
			fmt.Fprintf(&sb, "%s: %s\n", f[0], f[1])
		}
	}
	c := p.Card
	fmt.Fprintf(&sb, "form: %s\n%s", formNames[c.Form], printCard(c))
	if c.Count > 0 {
		fmt.Fprintf(&sb, "count: %d\n", c.Count)
	}
	for _, it := range c.Items {
		fmt.Fprintf(&sb, "item: %s %s · %s · %s · %s\n", it.Time.Format("15:04"), it.State, it.Headline, it.Speaker, it.URL)
	}
	for _, e := range c.Edits {
		fmt.Fprintf(&sb, "edit: %s\n    old: %s\n    new: %s\n", e.What, e.Old, e.New)
	}
	if c.Note != "" {
		fmt.Fprintf(&sb, "note: %s\n", c.Note)
	}
	return sb.String()
}

func TestNothingToShow(t *testing.T) {
	card := &store.Receipt{Message: "m1", Revision: 1}
	before := news.Entry{Headline: "Bridge shut", Revision: 1}
	same, gone := before, before
	same.Revision, gone.Revision, gone.Withdrawn = 3, 2, true
	tests := []struct {
		name string
		work store.Work
		want bool
	}{
		{"an entry", store.Work{Entry: before}, false},
		{"withdrawn before it was sent", store.Work{Entry: gone}, true},
		{"withdrawn after it may have been sent", store.Work{Entry: gone, Delivery: store.Delivery{Tried: noon}}, false},
		{"a note on a card that a person deleted", store.Work{Delivery: store.Delivery{Kind: store.Note}, Card: &store.Receipt{Message: "m1", Gone: true}}, true},
		{"a note without a card", store.Work{Delivery: store.Delivery{Kind: store.Note}, Entry: before}, true},
		{"a note about a change that was taken back", store.Work{Delivery: store.Delivery{Kind: store.Note}, Card: card, Before: &before, Entry: same}, true},
		{"a note about a withdrawal", store.Work{Delivery: store.Delivery{Kind: store.Note}, Card: card, Before: &before, Entry: gone}, false},
		{"a note about what is no longer known", store.Work{Delivery: store.Delivery{Kind: store.Note}, Card: card, Entry: same}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := nothingToShow(tt.work); got != tt.want {
				t.Errorf("nothing to show: %v", got)
			}
		})
	}
}

func TestPutOff(t *testing.T) {
	tests := []struct {
		name    string
		err     chat.SendError
		edit    bool
		tried   bool
		from    time.Duration
		to      time.Duration
		free    bool
		unknown bool
		alone   bool
	}{
		{name: "transient", err: chat.SendError{Reason: chat.Transient}, from: 1500 * time.Millisecond, to: 2500 * time.Millisecond},
		{name: "transient after an unknown outcome", err: chat.SendError{Reason: chat.Transient}, tried: true, from: time.Second, to: 3 * time.Second, unknown: true},
		{name: "transient, told when", err: chat.SendError{Reason: chat.Transient, RetryAfter: time.Minute}, from: time.Minute, to: time.Minute},
		{name: "unknown", err: chat.SendError{Reason: chat.Unknown}, from: time.Second, to: 3 * time.Second, unknown: true},
		{name: "limited", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: 7 * time.Second}, from: 7 * time.Second, to: 7 * time.Second, free: true},
		{name: "limited, not said how long", err: chat.SendError{Reason: chat.RateLimited}, from: minRetry, to: minRetry, free: true},
		{name: "limited for a blink", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: 1}, from: minPause, to: minPause, free: true},
		{name: "limited for ever", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: 1 << 60}, from: maxPause, to: maxPause, free: true},
		{name: "an edit limited for long", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: time.Minute}, edit: true, from: time.Minute, to: time.Minute, free: true, alone: true},
		{name: "an edit limited for short", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: time.Second}, edit: true, from: time.Second, to: time.Second, free: true},
		{name: "an edit, all limited", err: chat.SendError{Reason: chat.RateLimited, RetryAfter: time.Minute, Global: true}, edit: true, from: time.Minute, to: time.Minute, free: true},
		{name: "the channel is gone", err: chat.SendError{Reason: chat.Gone}, from: 45 * time.Second, to: 75 * time.Second},
		{name: "the token is refused", err: chat.SendError{Reason: chat.Unauthorized}, from: time.Second, to: 3 * time.Second, free: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := store.Work{Delivery: store.Delivery{Attempts: 1}}
			if tt.edit {
				w.Receipt = &store.Receipt{Message: "m1"}
			}
			if tt.tried {
				w.Delivery.Tried = noon
			}
			tt.err.Err = fmt.Errorf("a fault")
			put := putOff(w, &tt.err, noon)
			if d := put.Until.Sub(noon); d < tt.from || d > tt.to {
				t.Errorf("put off by %v", d)
			}
			if put.Free != tt.free || put.Unknown != tt.unknown || put.Alone != tt.alone {
				t.Errorf("%+v", put)
			}
		})
	}
}
