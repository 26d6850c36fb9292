package parse

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"github.com/pullquote/pullquote/bot/news"
)

// caption is not text. It may name whose picture it belongs to, or whose words
// the block quote in the same figure are.
func (p *prose) caption(s string) {
	if p.shown > 0 && p.quoted >= p.shown && p.quoted == len(p.b) && len(s) < 200 {
		p.gap = line
		p.attribution(s)
		p.quoted = len(p.b)
		return
	}
	for i := p.figure; i < len(p.media); i++ {
		if m := &p.media[i]; m.Credit == "" {
			m.Credit = credit(s)
		}
	}
}

// creditMarks come before the name of whose picture it is.
var creditMarks = []string{"credit:", "image:", "photograph:", "photo:", "photo by ", "picture:", "pic:", "foto:", "bild:", "crédit", "©", "(c)"}

// credit finds whose work a caption says a picture is; "" where it does not.
func credit(caption string) string {
	s := fold(caption)
	lower := strings.ToLower(s)
	if len(lower) != len(s) {
		return ""
	}
	for _, mark := range creditMarks {
		i := strings.LastIndex(lower, mark)
		if i < 0 {
			continue
		}
		name := strings.Trim(s[i+len(mark):], " :()[].|")
		if name != "" && len(name) <= 120 {
			return name
		}
	}
	return ""
}

func attr(attrs []html.Attribute, key string) string {
	for i := range attrs {
		if attrs[i].Key == key {
			return attrs[i].Val
		}
	}
	return ""
}

// image sets a picture aside, unless it is an icon, a face or a beacon.
func (p *prose) image(attrs []html.Attribute) {
	src := attr(attrs, "src")
	for _, key := range [...]string{"data-src", "data-original", "data-lazy-src"} {
		if v := attr(attrs, key); v != "" && (src == "" || strings.HasPrefix(src, "data:") || strings.Contains(src, "placeholder")) {
			src = v
		}
	}
	if src == "" || strings.HasPrefix(src, "data:") {
		for _, offered := range []string{attr(attrs, "srcset"), attr(attrs, "data-srcset"), p.source} {
			if first := firstSource(offered); first != "" {
				src = first
				break
			}
		}
	}
	if w, h := attr(attrs, "width"), attr(attrs, "height"); w == "0" || w == "1" || h == "0" || h == "1" {
		return
	}
	decor := false
	classWords(attr(attrs, "class"), func(w string) bool {
		decor = decorative[w]
		return !decor
	})
	if !decor {
		p.setAside(news.Media{URL: src, Kind: news.Image, Alt: oneLine(attr(attrs, "alt"))})
	}
}

// firstSource returns the first address of a srcset.
func firstSource(srcset string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(srcset), " ")
	first = strings.TrimSuffix(first, ",")
	if strings.HasPrefix(first, "data:") {
		return ""
	}
	return first
}

// offer reads a <source>: of a picture, or of what plays.
func (p *prose) offer(attrs []html.Attribute) {
	if set := attr(attrs, "srcset"); set != "" {
		if p.source == "" {
			p.source = firstSource(set)
		}
		return
	}
	switch kind, _, _ := strings.Cut(attr(attrs, "type"), "/"); kind {
	case "video", "audio":
		if n := len(p.media); n > 0 && p.media[n-1].Kind == news.MediaKind(kind) && p.offered == n {
			return // the same in another encoding
		}
		p.setAside(news.Media{URL: attr(attrs, "src"), Kind: news.MediaKind(kind)})
		p.offered = len(p.media)
	}
}

// credit notes whose work the pictures of the figure are.
func (p *prose) credit(s string) {
	name := credit(s)
	if s = fold(s); name == "" && len(s) <= 120 {
		name = s
	}
	for i := p.figure; i < len(p.media); i++ {
		if m := &p.media[i]; m.Credit == "" {
			m.Credit = name
		}
	}
}

var decorative = set("avatar emoji icon logo author pixel tracking spacer smiley")

// player sets aside what is played or shown by somebody else's script.
func (p *prose) player(tag string, attrs []html.Attribute) {
	src := attr(attrs, "src")
	if n := len(p.open); n > 0 && p.open[n-1].role == embedded { // the frame of the post itself
		if p.open[n-1].link == "" {
			p.open[n-1].link = src
		}
		return
	}
	m := news.Media{URL: src, Kind: news.Embed}
	switch tag {
	case "video", "amp-video":
		m.Kind = news.Video
	case "audio":
		m.Kind = news.Audio
	case "amp-twitter":
		if id := attr(attrs, "data-tweetid"); id != "" {
			m.URL = "https://twitter.com/i/status/" + id
		}
	case "amp-youtube":
		if id := attr(attrs, "data-videoid"); id != "" {
			m.URL, m.Kind = "https://www.youtube.com/watch?v="+id, news.Video
		}
	case "iframe", "amp-iframe":
		if m.URL == "" {
			m.URL = attr(attrs, "data-src")
		}
		if strings.Contains(m.URL, "youtube") || strings.Contains(m.URL, "vimeo") {
			m.Kind = news.Video
		}
	}
	if m.Kind == news.Embed {
		p.embed(m.URL, "")
		return
	}
	p.setAside(m)
}

// maxMedia bounds what one entry may carry; nobody shows more.
const maxMedia = 20

func (p *prose) setAside(m news.Media) {
	m.URL = absolute(p.base, m.URL)
	if m.URL == "" || len(p.media) >= maxMedia || p.role() == skipped {
		return
	}
	for i := range p.media {
		if p.media[i].URL == m.URL {
			return
		}
	}
	p.media = append(p.media, m)
}

// absolute resolves ref against base; "" for what is no web address.
func absolute(base *url.URL, ref string) string {
	ref = strings.TrimSpace(ref)
	if ref == "" || len(ref) > 4096 {
		return ""
	}
	if plainAddress(ref) {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ""
	}
	if base != nil {
		u = base.ResolveReference(u)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	return u.String()
}

// plainAddress reports whether s is an absolute web address that resolving
// would return as it is. Most are, and each is met several times.
func plainAddress(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	if rest == "" || !isWordByte(rest[0]) || rest[len(rest)-1] == '#' {
		return false
	}
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/?=&#+,", c) >= 0 {
			continue
		}
		return false
	}
	return strings.Count(rest, "#") <= 1
}
