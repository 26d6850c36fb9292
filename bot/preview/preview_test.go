package preview_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/preview"
)

// payloads are the goldens of both adapters: what they really send.
func payloads(t *testing.T) []preview.Message {
	t.Helper()
	var all []preview.Message
	for _, platform := range []string{"slack", "discord"} {
		dir := filepath.Join("..", "..", "adapters", platform, "testdata")
		names, err := fs.Glob(os.DirFS(dir), "*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b, []byte(`"blocks"`)) && !bytes.Contains(b, []byte(`"embeds"`)) {
				continue // a manifest, a list of commands
			}
			all = append(all, preview.Message{Platform: platform, Caption: strings.TrimSuffix(name, ".json"), JSON: b})
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d payloads", len(all))
	}
	return all
}

func page(t *testing.T, messages ...preview.Message) string {
	t.Helper()
	var buf bytes.Buffer
	if err := preview.Write(&buf, messages, preview.Options{Title: "Cards", Zone: time.UTC}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// TestPayloads holds that everything the adapters send can be drawn, that the
// page is whole, and that nothing hostile in it comes alive.
func TestPayloads(t *testing.T) {
	for _, m := range payloads(t) {
		text := page(t, m)
		doc, err := html.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			switch n.Data {
			case "script", "iframe", "object", "form", "link", "base":
				t.Errorf("%s %s: <%s> in the page", m.Platform, m.Caption, n.Data)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") || (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "http") {
					t.Errorf("%s %s: %s=%q", m.Platform, m.Caption, a.Key, a.Val)
				}
			}
		}
	}
}

func TestDiscord(t *testing.T) {
	got := page(t, preview.Message{Platform: "discord", JSON: []byte(`{"content":"<@&80351110224678912>","embeds":[{
		"author":{"name":"Harbour \u003cb\u003e"},"title":"Bridge \\*closed\\*","url":"https://news.example/1","color":255,
		"description":"-# Corrected <t:1773499920:f>\n> It is **shut**\n> for good\n— ~~Ines~~ [in full](https://news.example/1#x)\njavascript:alert(1)",
		"timestamp":"2026-03-14T14:32:00Z","footer":{"text":"Ansel Brandt"}}]}`)})
	for _, want := range []string{
		`<span class="mention">@80351110224678912</span>`, `Harbour &lt;b&gt;`,
		`<a rel="noreferrer" href="https://news.example/1">Bridge *closed*</a>`, `#0000ff`,
		`<small>Corrected 14 March 2026 14:52</small>`, `<blockquote>It is <b>shut</b><br>for good</blockquote>`,
		`<s>Ines</s>`, `href="https://news.example/1#x">in full</a>`, `Ansel Brandt • 14/03/2026 14:32`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestSlack(t *testing.T) {
	got := page(t, preview.Message{Platform: "slack", JSON: []byte(`{"text":"x","blocks":[
		{"type":"context","elements":[{"type":"plain_text","text":"Harbour <b>"},{"type":"mrkdwn","text":"Updated <!date^1773499920^{time}|soon> *now* ~then~ &lt;i&gt;"}]},
		{"type":"rich_text","elements":[{"type":"rich_text_quote","elements":[{"type":"text","text":"It is shut","style":{"strike":true}}]},
			{"type":"rich_text_section","elements":[{"type":"link","url":"javascript:alert(1)","text":"here"}]}]},
		{"type":"section","text":{"type":"mrkdwn","text":"<https://news.example/1|more> <!subteam^S0DESK>"}},
		{"type":"image","image_url":"https://news.example/a.jpg","alt_text":"A \"bridge\""}]}`)})
	for _, want := range []string{
		`<span>Harbour &lt;b&gt;</span>`, `Updated 14 Mar 2026 14:52 <b>now</b> <s>then</s> &lt;i&gt;`,
		`<blockquote><s>It is shut</s></blockquote>`, `<p>here</p>`, `href="https://news.example/1">more</a>`,
		`<span class="mention">@subteam^S0DESK</span>`, `alt="A &#34;bridge&#34;"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got[strings.Index(got, "</style>"):])
		}
	}
}

func TestNotJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := preview.Write(&buf, []preview.Message{{Platform: "slack", Caption: "card", JSON: []byte("{")}}, preview.Options{}); err == nil {
		t.Error("drawn all the same")
	}
}
