package parse

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// maxID bounds an identity: longer ones are hashed, they become keys.
const maxID = 512

// fragmentID returns what names an entry in an address: the fragment, or the
// query parameter that Easy Liveblogs and G1 use for one. page is the address
// of the page itself, which names no entry.
func fragmentID(ref, page string) string {
	base, frag, _ := strings.Cut(ref, "#")
	if frag != "" {
		if f, err := url.PathUnescape(frag); err == nil {
			return f
		}
		return frag
	}
	_, query, ok := strings.Cut(base, "?")
	if !ok {
		return ""
	}
	for pair := range strings.SplitSeq(query, "&") {
		key, val, _ := strings.Cut(pair, "=")
		if (key == "entry" || key == "postId" || key == "post_id" || key == "pinned_post_locator") && val != "" {
			return val
		}
	}
	return ""
}

// aliases returns the other names under which an entry called id may be seen
// by another reader of the same page: the fragment alone, without "#", without
// what publishers put in front of the number.
func aliases(id string) []news.EntryID {
	var out []news.EntryID
	add := func(s string) {
		if s != "" && s != id && !slices.Contains(out, news.EntryID(s)) {
			out = append(out, news.EntryID(s))
		}
	}
	name := id
	if strings.Contains(id, "#") || strings.HasPrefix(id, "http://") || strings.HasPrefix(id, "https://") {
		if name = fragmentID(id, ""); name == "" {
			return nil
		}
		add(name)
	}
	for _, prefix := range [...]string{"block-", "post-asset:", "post_", "post-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && len(rest) > 3 {
			add(rest)
		}
	}
	if rest, ok := strings.CutSuffix(name, "_parent"); ok { // NDTV
		add(rest)
	}
	return out
}

// hashID makes an identity out of what an entry says, and says what it rests
// on: its time and headline, or where one of them is missing its words.
func hashID(e *news.Entry) (news.EntryID, news.IDKind) {
	words := fold(e.Headline)
	if words == "" {
		words = clip(fold(e.Body), 120)
	}
	if words == "" {
		for _, m := range e.Media {
			words += m.URL + " "
		}
	}
	if e.Published.IsZero() {
		return digestID("text-", words), news.IDText
	}
	return digestID("time-", strconv.FormatInt(e.Published.Unix(), 10)+" "+words), news.IDTime
}

func digestID(prefix, s string) news.EntryID {
	sum := sha256.Sum256([]byte(s))
	return news.EntryID(prefix + hex.EncodeToString(sum[:10]))
}

// positional reports whether ids, newest entry first, are places on the page
// and not names: 1, 2, 3 … from the newest down. Each new entry would rename
// all others. Numbers that fall from the newest down are a counter.
func positional(ids []string) bool {
	last, first := -1, 0
	for i, id := range ids {
		n, ok := smallNumber(id)
		if !ok {
			return false
		}
		if i == 0 {
			first = n
		} else if n != last+1 {
			return false
		}
		last = n
	}
	// One entry called #post1 may be either. As a counter it gets its name at
	// the second entry, and the hash stays its alias.
	return len(ids) > 0 && first <= 1
}

// smallNumber returns the number in "post12", "#12", "update-3"; up to three
// digits, with at most a word in front.
func smallNumber(id string) (int, bool) {
	i := len(id)
	for i > 0 && id[i-1] >= '0' && id[i-1] <= '9' {
		i--
	}
	num, word := id[i:], strings.ToLower(strings.Trim(id[:i], "-_#"))
	if num == "" || len(num) > 3 {
		return 0, false
	}
	switch word {
	case "", "p", "post", "entry", "update", "item", "block", "event", "live", "lb", "liveblog", "liveblog-post", "live-update", "live-post", "h", "heading", "section", "toc":
	default:
		return 0, false
	}
	n, err := strconv.Atoi(num)
	return n, err == nil
}

// parseBase reads an absolute address; nil for anything else.
func parseBase(s string) *url.URL {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil
	}
	return u
}
