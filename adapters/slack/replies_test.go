package slack

import (
	"testing"

	"github.com/pullquote/pullquote/adapters/adaptertest"
	"github.com/pullquote/pullquote/adapters/slack/slacktest"
)

// TestReplies holds how answers of every shape look, and that Slack takes them.
func TestReplies(t *testing.T) {
	for name, r := range adaptertest.Replies() {
		m := renderReply(r)
		if name != "huge" { // what is left of it is for the rules to say
			golden(t, "answer-"+name, m)
		}
		raw := encode(t, m.Blocks)
		if err := slacktest.CheckBlocks(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if live := slacktest.Alive(m.Text, raw); len(live) > 0 {
			t.Errorf("%s: %q came alive", name, live)
		}
		if m.Text == "" {
			t.Errorf("%s: no words for a notification", name)
		}
	}
}
