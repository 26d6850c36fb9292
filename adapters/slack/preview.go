package slack

import (
	"encoding/json"

	"github.com/pullquote/pullquote/bot/chat"
)

// Preview returns the body with which a post would be sent, for people to look
// at.
func Preview(p chat.Post) ([]byte, error) {
	return json.Marshal(compose(p, place{channel: p.Channel.ID}, true))
}
