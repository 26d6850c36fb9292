package parse

import (
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	utf16le := func(s string) (b []byte) {
		for _, r := range s {
			b = append(b, byte(r), byte(r>>8))
		}
		return b
	}
	utf16be := func(s string) (b []byte) {
		for _, r := range s {
			b = append(b, byte(r>>8), byte(r))
		}
		return b
	}
	utf32le := func(s string) (b []byte) {
		for _, r := range s {
			b = append(b, byte(r), byte(r>>8), byte(r>>16), 0)
		}
		return b
	}
	join := func(list ...[]byte) (b []byte) {
		for _, l := range list {
			b = append(b, l...)
		}
		return b
	}
	for name, c := range map[string]struct {
		body        []byte
		contentType string
		want        string
	}{
		"UTF-8":                         {[]byte("Düne"), "", "Düne"},
		"UTF-8 with a mark":             {[]byte("\xEF\xBB\xBFDüne"), "text/html; charset=iso-8859-1", "Düne"},
		"UTF-16 with a mark":            {join([]byte{0xFF, 0xFE}, utf16le("<a>Düne")), "text/xml; charset=utf-8", "<a>Düne"},
		"UTF-16BE with a mark":          {join([]byte{0xFE, 0xFF}, utf16be("<a>Düne")), "", "<a>Düne"},
		"UTF-32 with a mark":            {join([]byte{0xFF, 0xFE, 0, 0}, utf32le("<a>Düne")), "", "<a>Düne"},
		"UTF-16 without a mark":         {utf16le("<a>Düne"), "", "<a>Düne"},
		"UTF-16BE without a mark":       {utf16be("{\"a\":1}"), "", "{\"a\":1}"},
		"HTTP says latin1":              {[]byte("D\xFCne"), "text/html; charset=ISO-8859-1", "Düne"},
		"HTTP before the declaration":   {[]byte("<?xml version='1.0' encoding='utf-8'?>D\xFCne"), "text/xml; charset=latin1", "<?xml version='1.0' encoding='utf-8'?>Düne"},
		"XML declaration":               {[]byte("<?xml version='1.0' encoding='koi8-r'?>\xED"), "", "<?xml version='1.0' encoding='koi8-r'?>М"},
		"meta charset":                  {[]byte("<meta charset=windows-1252>D\xFCne"), "", "<meta charset=windows-1252>Düne"},
		"meta http-equiv":               {[]byte("<meta http-equiv='Content-Type' content='text/html; charset=shift_jis'>\x83\x8C"), "", "<meta http-equiv='Content-Type' content='text/html; charset=shift_jis'>レ"},
		"declared UTF-16 but is not":    {[]byte("<?xml version='1.0' encoding='utf-16'?>Düne"), "", "<?xml version='1.0' encoding='utf-16'?>Düne"},
		"a charset nobody knows":        {[]byte("D\xFCne"), "text/html; charset=klingon", "Düne"},
		"nothing said, not UTF-8":       {[]byte("D\xFCne \x93zu\x94"), "", "Düne “zu”"},
		"declared UTF-8, a broken byte": {[]byte("D\xFCne"), "text/html; charset=utf-8", "D\uFFFDne"},
		"empty":                         {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(c.body, c.contentType)
			if got != c.want || !utf8.ValidString(got) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	d := newDocument(Document{URL: "https://news.example/live/"})
	for in, want := range map[string]string{
		"plain":                          "plain",
		"a &amp;amp; b &lt; c":           "a & b < c",
		"<p>One</p><p>Two":               "One\n\nTwo",
		"One<br/>Two<br><br>Three":       "One\nTwo\n\nThree",
		"<ul><li>a<li>b</ul>c":           "• a\n• b\n\nc",
		"x<script>var a='<p>'</script>y": "xy",
		"a<style>p{}</style> b":          "a b",
		"<p>a</p>\n\n\n<p>b</p>":         "a\n\nb",
		"&nbsp;a&#8203;b&shy;c&nbsp;d":   "abc d",
		"&lt;p&gt;escaped&lt;/p&gt;":     "escaped",
		"5 < 6 and <unknown> stays":      "5 < 6 and <unknown> stays",
		"[[ge:video:12]]Text [[not this": "Text [[not this",
		`<p class="caption">c</p><p>t</p><div class="share"><div>s</div>s</div>u`:                    "t\n\nu",
		"<blockquote>Words</blockquote><p>– Ines Marlow</p>":                                         "“Words”\n– Ines Marlow",
		"<blockquote>“Words”</blockquote>":                                                           "“Words”",
		"<figure><blockquote><p>Words</p></blockquote><figcaption>Ines Marlow</figcaption></figure>": "“Words”\n– Ines Marlow",
		"<blockquote class='twitter-tweet'>t<a href='https://s.example/1'>l</a></blockquote>u":       "u",
	} {
		if got, _ := d.body(in); got != want {
			t.Errorf("%s:\n%q, want\n%q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		" <b>Barrier</b>\n holds ": "Barrier holds",
		"Foo <foo>":                "Foo <foo>",
		"&lt;i&gt;It&lt;/i&gt; &amp;quot;holds&amp;quot;": `It "holds"`,
		"a\u200bb\x00c": "abc",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
