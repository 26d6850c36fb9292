package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPostLine(t *testing.T) {
	for _, c := range [][3]string{
		{"https://twitter.com/eastquay/status/1", "Barrier holds — Eastquay Harbour (@eastquay) March 1, 2026", "[post on X by Eastquay Harbour (@eastquay): Barrier holds]"},
		{"https://x.com/eastquay/status/1", "", "[post on X by @eastquay]"},
		{"https://twitter.com/i/status/1", "", "[post on X]"},
		{"https://bsky.app/profile/quay.example/post/3k", "Holds [for now]", "[post on Bluesky by @quay.example: Holds (for now)]"},
		{"https://bsky.app/profile/did:plc:x/post/3k", "Holds — Quay (@quay) Mar 1", "[post on Bluesky by Quay (@quay): Holds]"},
		{"https://social.example/@quay/9", "Post by @quay@social.example", "[post on Mastodon by @quay@social.example]"},
		{"https://www.instagram.com/p/X/", "View this post on Instagram", "[post on Instagram]"},
		{"https://www.instagram.com/p/X/", "A post shared by Eastquay Harbour (@quay)", "[post on Instagram by Eastquay Harbour (@quay)]"},
		{"https://maps.example/quay", "A map", ""},
		{"javascript:alert(1)", "x", ""},
		{"https://x.com/a/status/1", strings.Repeat("word ", 100), "[post on X by @a: " + strings.TrimSpace(strings.Repeat("word ", 56)) + " …]"},
	} {
		if got := postLine(c[0], c[1]); got != c[2] {
			t.Errorf("%s, %q:\n%s, want\n%s", c[0], c[1], got, c[2])
		}
	}
}

func TestTailIsDropped(t *testing.T) {
	for in, want := range map[string]string{
		"It holds. Read more: Barrier holds as the tide turns at Eastquay":      "It holds.",
		"“It holds.” Read more here 'We watched all night' - the barrier crew":  "“It holds.”",
		"Es hält. Lesen Sie auch: Die Nacht am Kai":                             "Es hält.",
		"It holds.\n\nREAD MORE: The night on the quay":                         "It holds.",
		"Read more: Barrier holds as the tide turns":                            "Read more: Barrier holds as the tide turns",
		"It holds. Read more here about it. And that is all.":                   "It holds. Read more here about it. And that is all.",
		"They read more books. Leggi anche is Italian for read also, they said": "They read more books. Leggi anche is Italian for read also, they said",
	} {
		if got := withoutTail(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestContent reads fragments as entries have them: what becomes text, what is
// set aside as a medium, what is left out.
func TestContent(t *testing.T) {
	for name, c := range map[string]struct{ html, text, media string }{
		"lists in lists":             {`<p>Intro:</p><ol><li>One</li><li>Two<ul><li>Deep</li></ul></li></ol><p>After</p>`, "Intro:\n\n• One\n• Two\n• Deep\n\nAfter", ""},
		"quote, attribution below":   {`<blockquote><p>We hold.</p><p>And we stay.</p></blockquote><p>— <em>Ines Marlow</em>, harbour master</p><p>Next.</p>`, "“We hold.\n\n“And we stay.”\n— Ines Marlow, harbour master\n\nNext.", ""},
		"quote, cited inside":        {`<blockquote><p>We hold.</p><cite>Ines Marlow, harbour master</cite></blockquote>`, "“We hold.”\n– Ines Marlow, harbour master", ""},
		"quote, a hyphen for a dash": {`<blockquote>We hold.<br>- Ines Marlow</blockquote>`, "“We hold.”\n– Ines Marlow", ""},
		"quote in a quote":           {`<blockquote>One.<blockquote>Two.</blockquote>Three.</blockquote><p>Four.</p>`, "“One.\n\n“Two.”\n\n“Three.”\n\nFour.", ""},
		"post in a quote":            {`<blockquote>One.<blockquote class="twitter-tweet">Post <a href="https://social.example/1">l</a></blockquote>Two.</blockquote><p>Three.</p>`, "“One.\n\n“Two.”\n\nThree.", `embed https://social.example/1 "Post l" ""`},
		"words quoted in a sentence": {`<p>She called it <q>a close thing</q>, and left.</p>`, "She called it “a close thing”, and left.", ""},
		"caption with a credit":      {`<figure><img src="/a.jpg" alt="Quay"><figcaption>The quay at dawn. Photograph: Tom Reed/EQ</figcaption></figure><p>x</p>`, "x", `image https://news.example/a.jpg "Quay" "Tom Reed/EQ"`},
		"a credit alone":             {`<img src="/a.jpg" alt='A "quay"'><span class="image-credit">Tom Reed</span>`, "", `image https://news.example/a.jpg "A \"quay\"" "Tom Reed"`},
		"a lazy picture":             {`<picture><source srcset="/b-800.webp 800w"><img src="data:image/gif;base64,R0" data-srcset="/b-400.jpg 400w, /b-800.jpg 800w" alt="B"></picture>`, "", `image https://news.example/b-400.jpg "B" ""`},
		"a picture by its source":    {`<picture><source srcset="/b-800.webp 800w"><img src="data:image/gif;base64,R0" alt="B"></picture>`, "", `image https://news.example/b-800.webp "B" ""`},
		"a beacon and a face":        {`<img src="/t.gif" width=1 height=1><img class="author-avatar" src="/f.jpg"><p>x</p>`, "x", ""},
		"a film in two encodings":    {`<video poster="/p.jpg"><source src="/v.mp4" type="video/mp4"><source src="/v.webm" type="video/webm"></video>`, "", `video https://news.example/v.mp4 "" ""`},
		"a player":                   {`<iframe src="//www.youtube-nocookie.com/embed/abc"></iframe>`, "", `video https://www.youtube-nocookie.com/embed/abc "" ""`},
		"a post by its quote":        {`<blockquote class="mastodon-embed" data-embed-url="https://social.example/@quay/9/embed"><a href="https://social.example/@quay/9">Post by @quay</a></blockquote><p>t</p>`, "[post on Mastodon by @quay]\n\nt", `embed https://social.example/@quay/9 "Post by @quay" ""`},
		"a post by its frame":        {`<iframe src="https://social.example/@quay/9/embed" class="mastodon-embed"></iframe>`, "[post on Mastodon by @quay]", `embed https://social.example/@quay/9/embed "" ""`},
		"a post by an attribute":     {`<div class="fb-post" data-href="https://social.example/posts/1"></div><p>t</p>`, "t", `embed https://social.example/posts/1 "" ""`},
		"a post and its script":      {`<blockquote class="twitter-tweet"><p>Barrier holds</p>&mdash; Harbour (@quay) <a href="https://social.example/1">March 1</a></blockquote><script src="https://social.example/w.js"></script>`, "", `embed https://social.example/1 "Barrier holds — Harbour (@quay) March 1" ""`},
		"furniture":                  {`<div class="share-buttons"><a>Share</a></div><p>Text</p><div class="advert">Ad</div><aside class="related"><a href="/x">Story</a></aside>`, "Text", ""},
		"invitations":                {`<p>Text</p><p><strong>Also read:</strong> <a href="/q">Another</a></p><p>More.</p><ul><li><a href="/q">READ MORE: Another thing</a></li></ul>`, "Text\n\nMore.", ""},
		"no invitation":              {`<p>Read more: the report is <a href="/q">here</a> and worth it.</p><p>Watch the <a href="/q">tide</a></p>`, "Read more: the report is here and worth it.\n\nWatch the tide", ""},
		"for screen readers":         {`<span class="visually-hidden">Skip past newsletter</span><p>Text</p><span class="sr-only">opens in a new window</span>`, "Text", ""},
		"double-escaped":             {`<p>Tom &amp;amp; Ada said &amp;quot;hold&amp;quot; &#38;ndash; now</p>`, `Tom & Ada said "hold" – now`, ""},
		"macros":                     {`<p>Before [[ge:rep-locali:video:1]] after {{ad.slot}} and [caption id="a" width="9"]then[/caption] %%widget%%</p>`, "Before after and then", ""},
		"no macros":                  {`<p>He wrote [sic] and [video from the quay shows] 5%% and {{</p>`, "He wrote [sic] and [video from the quay shows] 5%% and {{", ""},
		"relative addresses":         {`<p><a href="../other">rel</a><img src="../i/p.png"></p>`, "rel", `image https://news.example/i/p.png "" ""`},
		"right to left":              {"<p dir=rtl>قال “الميناء مغلق” اليوم</p><p>\u202eשלום\u202c</p>", "قال “الميناء مغلق” اليوم\n\nשלום", ""},
		"Chinese and Japanese":       {`<p>桥已关闭。</p><p>「安全です」と話した。</p>`, "桥已关闭。\n\n「安全です」と話した。", ""},
		"a raised three":             {`<p>H<sub>2</sub>O, 10<sup>3</sup> and 1<sup>st</sup></p>`, "H2O, 10³ and 1st", ""},
		"a table":                    {`<table><tr><th>Boat</th><th>Left</th></tr><tr><td>Ada</td><td>9.00</td></tr></table>`, "Boat Left\nAda 9.00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDocument(Document{URL: "https://news.example/live/storm"})
			text, media := d.body(c.html)
			var list []string
			for _, m := range media {
				list = append(list, fmt.Sprintf("%s %s %q %q", m.Kind, m.URL, m.Alt, m.Credit))
			}
			if diff := cmp.Diff([]string{c.text, c.media}, []string{text, strings.Join(list, "\n")}); diff != "" {
				t.Error(diff)
			}
			// The same through a parsed page.
			page := `<html><title>Storm live</title><article class="live-story-post" data-x id="a1"><h2 class="live-story-post__headline">H</h2><time datetime="2026-03-01T12:00:00Z"></time><div>` + c.html + `</div></article></html>`
			snap, err := Parse(Document{URL: "https://news.example/live/storm", Body: []byte(page), Format: "profile"})
			if err != nil || len(snap.Entries) != 1 {
				t.Fatalf("%d entries, %v", len(snap.Entries), err)
			}
			if diff := cmp.Diff(c.text, snap.Entries[0].Body); diff != "" {
				t.Errorf("in a page: %s", diff)
			}
		})
	}
}
