package chat

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "The quay – “open”, café 漢字", "The quay – “open”, café 漢字"},
		{"escape sequence", "a\x1b[31mred\x1b[0m", "a[31mred[0m"},
		{"bidi override", "a\u202Egnp.exe\u202C\u2066b\u2069\u200F\u061C", "agnp.exeb"},
		{"zero width, joiners kept", "a\u200Bb\uFEFFc می\u200Cخواهم 👨\u200D👩", "abc می\u200Cخواهم 👨\u200D👩"},
		{"line breaks", "a\r\nb\rc\u2028d\u0085e\tf", "a\nb\nc\nd\ne f"},
		{"many breaks", "a\n\n \n\nb\n\nc", "a\n\n b\n\nc"},
		{"hidden tags", "a\U000E0041\U000E0042b", "ab"},
		{"a flag", "\U0001F3F4\U000E0067\U000E0062\U000E007F!", "\U0001F3F4\U000E0067\U000E0062\U000E007F!"},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"soft hyphen", "har\u00ADbour", "harbour"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\u202E\x1b[0m\U0001F3F4\U000E0067 b")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not valid UTF-8", got)
		}
		if Clean(got) != got {
			t.Fatalf("%q cleaned again is %q", got, Clean(got))
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }); i >= 0 {
			t.Fatalf("%q holds a control at %d", got, i)
		}
	})
}
