package config

import (
	"crypto/subtle"
	"log/slog"
)

const redacted = "[redacted]"

// A Secret is a token. However it is printed, logged or marshalled it shows
// "[redacted]"; only Reveal gives it away. The zero Secret is none.
type Secret struct {
	// A pointer, because fmt prints the fields of an unexported field without
	// asking its methods: what it finds then is an address.
	text *string
}

// NewSecret returns a Secret that holds text, the zero Secret for "".
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the token itself, for the platform and nobody else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no token.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether two Secrets hold the same token.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns "[redacted]", or "" for the zero Secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString returns what String does.
func (s Secret) GoString() string { return s.String() }

// MarshalText returns what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns what String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
