package discord

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pullquote/pullquote/bot/chat"
)

func TestRefs(t *testing.T) {
	snow := rapid.StringMatching(`[1-9][0-9]{15,18}`)
	rapid.Check(t, func(t *rapid.T) {
		r := ref{id: snow.Draw(t, "id"), flat: rapid.Bool().Draw(t, "flat")}
		if rapid.Bool().Draw(t, "threaded") {
			r.thread = snow.Draw(t, "thread")
		}
		if rapid.Bool().Draw(t, "copied") {
			r.copy = snow.Draw(t, "copy")
		}
		if rapid.Bool().Draw(t, "keyed") {
			r.key = rapid.StringMatching(`[0-9A-Za-z]{1,25}`).Draw(t, "key")
		}
		if got, ok := parseRef(r.message()); !ok || got != r {
			t.Fatalf("%s reads as %+v, %v; want %+v", r, got, ok, r)
		}
	})
	if got := (ref{id: "1500000000000000001"}).message(); got != "1500000000000000001" {
		t.Errorf("a message without anything is %q", got)
	}
	for _, bad := range []chat.MessageID{"", "x", "1500/../7", "/1500000000000000001", "1500000000000000001+", "1500000000000000001~",
		"1500000000000000001~a-b", "0", "1500000000000000001/", "1500000000000000001 ", "no such\nid"} {
		if r, ok := parseRef(bad); ok {
			t.Errorf("%q reads as %+v", bad, r)
		}
	}
}

func TestMarks(t *testing.T) {
	const a, b = "1500000000000000001", "1500000000000000002"
	for _, s := range []sign{{key: "k1"}, {key: "k1", home: a}, {key: "k1", thread: a, id: b}} {
		for _, address := range []string{"https://gazette.example/live#e9", "https://gazette.example/live#:~:text=x", "", "javascript:x",
			"https://gazette.example/" + strings.Repeat("x", maxURL-30)} {
			u := mark(s, address)
			if got, ok := readMark(u); !ok || got != s {
				t.Errorf("%q reads as %+v, want %+v", u, got, s)
			}
			if webURL(u) != u {
				t.Errorf("%q is no address that Discord takes", u)
			}
		}
	}
	if u := mark(sign{}, "https://gazette.example/"); u != "" {
		t.Errorf("without a key: %q", u)
	}
	for _, bad := range []string{"", "https://gazette.example/#card=k", "https://x.example/#:~:card=", "https://x.example/#:~:card=k/", "https://x.example/#:~:card=k/x",
		"https://x.example/#:~:card=k/1500000000000000001/1500000000000000001/1500000000000000001", "https://x.example/#:~:card=a-b"} {
		if s, ok := readMark(bad); ok {
			t.Errorf("%q reads as %+v", bad, s)
		}
	}
	// A source whose address carries a mark of its own cannot pass for another delivery.
	if s, _ := readMark(mark(sign{key: "ours"}, "https://evil.example/#:~:card=theirs")); !cmp.Equal(s.key, "ours") {
		t.Errorf("the mark reads %+v", s)
	}
}
