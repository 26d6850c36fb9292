package parse

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// Embedded posts: what somebody said elsewhere. They are media, and leave a
// line in the text that names them, so that "She wrote:" is not the end.

// platforms are where posts are embedded from, by the end of their hosts.
var platforms = []struct{ host, name string }{
	{"twitter.com", "X"}, {"x.com", "X"}, {"bsky.app", "Bluesky"}, {"threads.net", "Threads"}, {"threads.com", "Threads"}, {"instagram.com", "Instagram"},
	{"facebook.com", "Facebook"}, {"tiktok.com", "TikTok"}, {"t.me", "Telegram"}, {"telegram.org", "Telegram"}, {"linkedin.com", "LinkedIn"}, {"reddit.com", "Reddit"},
	{"truthsocial.com", "Truth Social"}, {"vk.com", "VK"}, {"weibo.com", "Weibo"}, {"tumblr.com", "Tumblr"}, {"pinterest.com", "Pinterest"}, {"mastodon.social", "Mastodon"},
}

// platformOf returns the name of the platform of a post; "" for what is none
// that is known: a map, a chart, a form.
func platformOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	for _, p := range platforms {
		if host == p.host || strings.HasSuffix(host, "."+p.host) {
			return p.name
		}
	}
	if strings.HasPrefix(u.Path, "/@") { // anybody may run one
		return "Mastodon"
	}
	return ""
}

var (
	signed   = regexp.MustCompile(`\s*[—–-] ([^—–()]{2,60}) \((@[\w.@-]{1,60})\).*$`)
	postedBy = regexp.MustCompile(`(?i)^(?:a |view )?post(?:ed)? (?:shared )?by (.{2,80})$`)
	handle   = regexp.MustCompile(`^/(@[\w.@-]{1,60}|profile/[\w.:-]{1,60}|[\w.]{1,60}/status)(?:/|$)`)
)

// postLine names a post in a line of text: "[post on Mastodon by @quay: The
// barrier holds]". "" where nothing is known of it.
func postLine(link, words string) string {
	u := parseBase(link)
	if u == nil {
		return ""
	}
	name := platformOf(u)
	if name == "" {
		return ""
	}
	who := ""
	if m := signed.FindStringSubmatch(words); m != nil {
		who, words = m[1]+" ("+m[2]+")", words[:len(words)-len(m[0])]
	} else if m := postedBy.FindStringSubmatch(strings.TrimSpace(words)); m != nil {
		who, words = m[1], ""
	}
	if m := handle.FindStringSubmatch(u.Path); m != nil && who == "" {
		h := strings.TrimSuffix(strings.TrimPrefix(m[1], "profile/"), "/status")
		if !strings.HasPrefix(h, "did:") && h != "i" {
			who = "@" + strings.TrimPrefix(h, "@")
		}
	}
	line := "post on " + name
	if who != "" {
		line += " by " + who
	}
	words = strings.NewReplacer("[", "(", "]", ")").Replace(fold(words))
	if words != "" && !strings.HasPrefix(strings.ToLower(words), "view this post") {
		if short := clip(words, maxPost); short != words {
			words = strings.TrimSpace(short) + " …"
		}
		line += ": " + words
	}
	return "[" + line + "]"
}

// maxPost is how many characters of a post stand in the text.
const maxPost = 280

// embed sets aside a post on another platform, with its words as description,
// and names it in the text.
func (p *prose) embed(link, words string) {
	n := len(p.media)
	p.setAside(news.Media{URL: link, Kind: news.Embed, Alt: clip(words, 500)})
	if len(p.media) > n {
		p.add(postLine(p.media[n].URL, words))
	}
}

var postLines = regexp.MustCompile(`(?:^|\n\n)\[post on [^\[\]]*\]`)

// withoutPosts returns a text without the lines that name posts.
func withoutPosts(s string) string {
	if !strings.Contains(s, "[post on ") {
		return s
	}
	return strings.TrimSpace(postLines.ReplaceAllString(s, ""))
}
