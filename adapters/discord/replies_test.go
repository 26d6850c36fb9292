package discord

import (
	"encoding/json"
	"testing"

	"github.com/pullquote/pullquote/adapters/adaptertest"
	"github.com/pullquote/pullquote/adapters/discord/discordtest"
)

// TestReplies holds how answers of every shape look, that Discord takes them and
// that they mention nobody.
func TestReplies(t *testing.T) {
	for name, r := range adaptertest.Replies() {
		m := replyMessage(r)
		if name != "huge" { // what is left of it is for the rules to say
			golden(t, "answer-"+name, m)
		}
		raw, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := discordtest.CheckMessage(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if private := m.Flags&ephemeral != 0; private == (r.Public || r.Replace) {
			t.Errorf("%s: flags %d", name, m.Flags)
		}
		if a := m.AllowedMentions; len(a.Parse)+len(a.Roles)+len(a.Users) > 0 {
			t.Errorf("%s may mention %+v", name, a)
		}
	}
}
