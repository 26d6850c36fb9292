package slacktest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestCheckBlocks(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	section := func(n int) string { return fmt.Sprintf(`{"type":"section","text":{"type":"mrkdwn","text":%q}}`, x(n)) }
	header := func(n int) string {
		return fmt.Sprintf(`{"type":"header","text":{"type":"plain_text","text":%q}}`, x(n))
	}
	list := func(n int, one string) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	context := func(n int) string {
		return `{"type":"context","elements":` + list(n, `{"type":"plain_text","text":"x"}`) + `}`
	}
	image := func(url string, alt int) string {
		return fmt.Sprintf(`{"type":"image","image_url":%q,"alt_text":%q}`, url, x(alt))
	}
	button := func(label int, id, value string) string {
		return fmt.Sprintf(`{"type":"button","text":{"type":"plain_text","text":%q},"action_id":%q,"value":%q}`, x(label), id, value)
	}
	actions := func(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }
	rich := func(element string) string {
		return `{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[` + element + `]}]}`
	}
	for _, tt := range []struct {
		name   string
		blocks string // without the outer brackets
		ok     bool
	}{
		{"nothing", "", true},
		{"no list", `}`, false},
		{"no object", `5`, false},
		{"unknown type", `{"type":"card"}`, false},
		{"unknown key", `{"type":"divider","colour":"red"}`, false},
		{"divider", `{"type":"divider"}`, true},
		{"50 blocks", strings.Trim(list(50, `{"type":"divider"}`), "[]"), true},
		{"51 blocks", strings.Trim(list(51, `{"type":"divider"}`), "[]"), false},
		{"long block id", fmt.Sprintf(`{"type":"divider","block_id":%q}`, x(256)), false},
		{"header of 150", header(150), true},
		{"header of 151", header(151), false},
		{"empty header", header(0), false},
		{"header in mrkdwn", `{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, false},
		{"section of 3000", section(3000), true},
		{"section of 3001", section(3001), false},
		{"section of nothing", `{"type":"section"}`, false},
		{"emoji in mrkdwn", `{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":false}}`, false},
		{"10 fields", `{"type":"section","fields":` + list(10, `{"type":"mrkdwn","text":"x"}`) + `}`, true},
		{"11 fields", `{"type":"section","fields":` + list(11, `{"type":"mrkdwn","text":"x"}`) + `}`, false},
		{"field of 2001", `{"type":"section","fields":[{"type":"mrkdwn","text":"` + x(2001) + `"}]}`, false},
		{"context of 10", context(10), true},
		{"context of 11", context(11), false},
		{"empty context", context(0), false},
		{"image", image("https://gazette.example/a.png", 2000), true},
		{"image without alt", image("https://gazette.example/a.png", 0), false},
		{"alt of 2001", image("https://gazette.example/a.png", 2001), false},
		{"address of 3000", image("https://"+x(2992), 1), true},
		{"address of 3001", image("https://"+x(2993), 1), false},
		{"image from a file", image("file:///etc/passwd", 1), false},
		{"image with a space", image("https://gazette.example/a b", 1), false},
		{"button", actions(button(75, "a", x(2000))), true},
		{"label of 76", actions(button(76, "a", "v")), false},
		{"value of 2001", actions(button(1, "a", x(2001))), false},
		{"action id of 256", actions(button(1, x(256), "v")), false},
		{"one id twice", actions(button(1, "a", "v") + "," + button(1, "a", "w")), false},
		{"two ids", actions(button(1, "a", "v") + "," + button(1, "b", "w")), true},
		{"no buttons", actions(""), false},
		{"rich text", rich(`{"type":"text","text":"x","style":{"bold":true}}`), true},
		{"empty rich text", rich(""), false},
		{"rich text of nothing", `{"type":"rich_text","elements":[]}`, false},
		{"empty text", rich(`{"type":"text","text":""}`), false},
		{"unknown style", rich(`{"type":"text","text":"x","style":{"blink":true}}`), false},
		{"link", rich(`{"type":"link","url":"https://gazette.example/"}`), true},
		{"link to a script", rich(`{"type":"link","url":"javascript:alert(1)"}`), false},
		{"quote", `{"type":"rich_text","elements":[{"type":"rich_text_quote","elements":[{"type":"text","text":"x"}]}]}`, true},
		{"quote in a section", rich(`{"type":"rich_text_quote","elements":[{"type":"text","text":"x"}]}`), false},
		{"12,000 together", strings.Join([]string{section(3000), section(3000), section(3000), section(3000)}, ","), true},
		{"15,000 together", strings.Join([]string{section(3000), section(3000), section(3000), section(3000), section(3000)}, ","), false},
	} {
		err := CheckBlocks(json.RawMessage("[" + tt.blocks + "]"))
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAlive(t *testing.T) {
	for text, want := range map[string]int{
		"<!channel>": 1, "<!here|here>": 1, "<@U1> and <#C1|c>": 2, "<!subteam^S1>": 1, "<https://evil.example/|bank>": 1,
		"<mailto:a@evil.example>": 1, "&lt;!channel&gt;": 0, "a < b > c": 0, "<!date^1^{date}|x>": 0, "< !channel>": 0,
	} {
		blocks, _ := json.Marshal([]object{{"type": "section", "text": object{"type": "mrkdwn", "text": text}}})
		if got := Alive("", blocks); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
		plain, _ := json.Marshal([]object{{"type": "header", "text": object{"type": "plain_text", "text": text}}})
		if got := Alive("", plain); len(got) != 0 {
			t.Errorf("%q in plain text: %q", text, got)
		}
	}
	broadcast := `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"broadcast","range":"here"},{"type":"user","user_id":"U1"}]}]}]`
	if got := Alive("", json.RawMessage(broadcast)); len(got) != 2 {
		t.Errorf("rich text: %q", got)
	}
}

func TestWords(t *testing.T) {
	blocks := `[{"type":"context","elements":[{"type":"plain_text","text":"Gazette &amp;"},{"type":"mrkdwn","text":"&lt;at&gt; <!date^0^{date}|1 Jan 1970>"}]},
		{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":"https://gazette.example/","text":"Bridge"},{"type":"text","text":" closed"}]}]},
		{"type":"image","image_url":"https://gazette.example/a.png","alt_text":"a bridge"}]`
	want := "Gazette &amp;\n<at> 1 Jan 1970\nBridge closed\na bridge\n"
	if got := Words(json.RawMessage(blocks)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
