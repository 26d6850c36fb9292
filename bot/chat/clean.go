package chat

import (
	"strings"
	"unicode"
)

// Clean returns s without what could disturb its surroundings unseen: control
// characters (escape sequences among them), bidirectional marks, overrides and
// isolates, zero-width characters other than the joiners that some scripts
// need, tag characters outside a flag. Line breaks of every kind become "\n", at
// most two of them with nothing but white space between, tabs a blank, and
// invalid UTF-8 the replacement character. All else stays as it is: escaping a
// platform's markup and keeping its limits is the adapter's.
func Clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	breaks, inFlag := 0, false
	return strings.Map(func(r rune) rune {
		if r >= 0xE0020 && r <= 0xE007F {
			// Flags such as Scotland's are a black flag with tags; elsewhere
			// tags hide text.
			if inFlag {
				return r
			}
			return -1
		}
		inFlag = r == 0x1F3F4
		switch r {
		case '\n', '\r', '\v', '\f', 0x85, 0x2028, 0x2029:
			if breaks++; breaks > 2 {
				return -1
			}
			return '\n'
		case '\t':
			return ' '
		}
		if Hidden(r) {
			return -1
		}
		if !unicode.IsSpace(r) {
			breaks = 0
		}
		return r
	}, s)
}

// Hidden reports whether r shows nothing and changes how others are shown, and
// so never leaves Clean (but for tags in a flag). Line breaks and tabs, which
// Clean turns into others, are hidden too.
func Hidden(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7F && r <= 0x9F, r == 0x2028, r == 0x2029,
		r == 0x61C, r == 0x200E, r == 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x206F, // Unicode Bidi_Control and deprecated kin
		r == 0xAD, r == 0x180E, r == 0x200B, r >= 0x2060 && r <= 0x2064, r == 0xFEFF, // zero width
		r >= 0xFFF9 && r <= 0xFFFB, r >= 0xE0000 && r <= 0xE007F: // annotations, tags
		return true
	}
	return false
}
