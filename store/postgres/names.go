package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
)

// maxName bounds a name in a key column: an index takes rows of up to 2,704
// bytes.
const maxName = 400

// name returns a name for a key column: itself, or if it is long or no text, a
// hash that no other name has.
func name[S ~string](s S) string {
	if len(s) <= maxName && utf8.ValidString(string(s)) && !strings.ContainsAny(string(s), "\x00\x01") {
		return string(s)
	}
	sum := sha256.Sum256([]byte(s))
	return "\x01" + hex.EncodeToString(sum[:])
}

// slotName returns what stands for a slot of a source in a key column.
func slotName(slot news.Ref) string {
	rest, own := strings.CutPrefix(string(slot.Entry), "\x00")
	if !own {
		return "card:" + name(slot.Entry)
	}
	return name(strings.ReplaceAll(rest, "\x00", ":"))
}

// text returns s without what a text column does not take.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// A laneName is a channel in key columns.
type laneName struct{ adapter, channel string }

func lane(ch chat.Channel) laneName { return laneName{name(ch.Adapter), name(ch.ID)} }

func urlHash(url string) []byte {
	if url == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(url))
	return sum[:16]
}
