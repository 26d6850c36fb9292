package push

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // most hubs sign with it; HMAC does not rest on what is broken in it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
)

// hashes are the methods of https://www.w3.org/TR/websub/#signature-validation
var hashes = map[string]func() hash.Hash{
	"sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// maxSignatures is how many headers of it are looked at: one for each method.
const maxSignatures = 4

// signed reports whether one of the X-Hub-Signature headers, "sha256=…", is
// the body's under the secret.
func signed(headers []string, secret, body []byte) bool {
	for _, h := range headers[:min(len(headers), maxSignatures)] {
		method, text, ok := strings.Cut(strings.TrimSpace(h), "=")
		newHash := hashes[strings.ToLower(method)]
		if !ok || newHash == nil {
			continue
		}
		given, err := hex.DecodeString(text)
		if err != nil {
			continue
		}
		mac := hmac.New(newHash, secret)
		mac.Write(body)
		if hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}
