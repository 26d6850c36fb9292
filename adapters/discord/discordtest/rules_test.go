package discordtest

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckMessage(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	with := func(embed string) string { return `{"allowed_mentions":{"parse":[]},"embeds":[` + embed + `]}` }
	for _, tt := range []struct {
		name, body string
		code       string // "" is accepted
	}{
		{"least", with(`{"title":"a"}`), ""},
		{"title 256", with(`{"title":"` + x(256) + `"}`), ""},
		{"title 257", with(`{"title":"` + x(257) + `"}`), "50035"},
		{"title of 129 emoji", with(`{"title":"` + strings.Repeat("😀", 129) + `"}`), "50035"},
		{"description 4097", with(`{"description":"` + x(4097) + `"}`), "50035"},
		{"sum 6001", with(`{"description":"` + x(4096) + `","footer":{"text":"` + x(1905) + `"}}`), "50035"},
		{"sum 6000", with(`{"description":"` + x(4096) + `","footer":{"text":"` + x(1904) + `"}}`), ""},
		{"sum over two embeds", with(`{"description":"` + x(3001) + `"},{"description":"` + x(3000) + `"}`), "50035"},
		{"blank title", with(`{"title":"  ","description":"a"}`), "50035"},
		{"empty embed", with(`{}`), "50035"},
		{"empty footer", with(`{"title":"a","footer":{}}`), "50035"},
		{"empty field", with(`{"title":"a","fields":[{"name":"","value":"b"}]}`), "50035"},
		{"relative link", with(`{"title":"a","url":"/b"}`), "50035"},
		{"script", with(`{"title":"a","url":"javascript:b()"}`), "50035"},
		{"time of day", with(`{"title":"a","timestamp":"14:32"}`), "50035"},
		{"nothing", `{"allowed_mentions":{"parse":[]}}`, "50006"},
		{"mentions by default", `{"embeds":[{"title":"a"}]}`, "50035"},
		{"mentions of users", `{"embeds":[{"title":"a"}],"allowed_mentions":{"parse":["users"]}}`, "50035"},
		{"content 2001", `{"content":"` + x(2001) + `","allowed_mentions":{"parse":[]}}`, "50035"},
		{"nonce 26", `{"content":"a","nonce":"` + x(26) + `","allowed_mentions":{"parse":[]}}`, "50035"},
		{"unknown key", `{"content":"a","embed":{},"allowed_mentions":{"parse":[]}}`, "50109"},
		{"two buttons of one id", `{"content":"a","allowed_mentions":{"parse":[]},"components":[{"type":1,"components":[` +
			`{"type":2,"style":2,"label":"a","custom_id":"1"},{"type":2,"style":2,"label":"b","custom_id":"1"}]}]}`, "50035"},
		{"button without a row", `{"content":"a","allowed_mentions":{"parse":[]},"components":[{"type":2,"style":2,"label":"a","custom_id":"1"}]}`, "50035"},
		{"not JSON", `{`, "50109"},
	} {
		err := CheckMessage([]byte(tt.body))
		if got := fmt.Sprint(err); (err == nil) != (tt.code == "") || !strings.HasPrefix(got, tt.code) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.code)
		}
	}
}
