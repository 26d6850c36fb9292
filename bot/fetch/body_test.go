package fetch

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/pullquote/pullquote/bot/news"
)

// pack compresses text; tail is written after the end of the stream.
func pack(t testing.TB, encoding, text, tail string) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "br":
		w = brotli.NewWriter(&buf)
	case "zlib":
		w = zlib.NewWriter(&buf)
	case "flate":
		fw, err := flate.NewWriter(&buf, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		w = fw
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(buf.Bytes(), tail...)
}

func TestEncodings(t *testing.T) {
	zipped := pack(t, "gzip", feed, "")
	broken := bytes.Clone(zipped)
	broken[len(broken)-6] ^= 0xff // in the checksum
	two := append(pack(t, "gzip", feed[:100], ""), pack(t, "gzip", feed[100:], "")...)
	for _, tc := range []struct {
		name     string
		encoding []string
		body     []byte
		want     string // of the error; "" for feed
	}{
		{"none", nil, []byte(feed), ""},
		{"identity", []string{"identity"}, []byte(feed), ""},
		{"gzip", []string{"gzip"}, zipped, ""},
		{"x-gzip in capitals", []string{"X-GZIP"}, zipped, ""},
		{"gzip in two members", []string{"gzip"}, two, ""},
		{"gzip with something behind it", []string{"gzip"}, pack(t, "gzip", feed, "\x00\x00<!-- cached -->"), ""},
		{"br", []string{"br"}, pack(t, "br", feed, ""), ""},
		{"deflate as zlib", []string{"deflate"}, pack(t, "zlib", feed, ""), ""},
		{"deflate bare", []string{"deflate"}, pack(t, "flate", feed, ""), ""},
		{"gzip, wrong checksum", []string{"gzip"}, broken, "unpack gzip"},
		{"gzip cut off", []string{"gzip"}, zipped[:len(zipped)-9], "before the answer was complete"},
		{"br cut off", []string{"br"}, pack(t, "br", feed, "")[:100], "before the answer was complete"},
		{"not gzip", []string{"gzip"}, []byte(feed), "unpack gzip"},
		{"not deflate", []string{"deflate"}, []byte(feed), "unpack deflate"},
		{"twice", []string{"gzip, gzip"}, zipped, `"gzip, gzip" is not understood`},
		{"twice, in two headers", []string{"gzip", "br"}, zipped, `"gzip,br" is not understood`},
		{"zstd", []string{"zstd"}, zipped, `"zstd" is not understood`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			site := newSite(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Accept-Encoding"); got != "gzip, br, deflate" {
					t.Errorf("accepts %q", got)
				}
				w.Header()["Content-Encoding"] = tc.encoding
				w.Write(tc.body)
			})
			got, err := newClient(t, Options{}).Get(t.Context(), site.URL, true)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v; want %q", err, tc.want)
				}
				return
			}
			if err != nil || string(got.Body) != feed {
				t.Errorf("got %d bytes, %v", len(got.Body), err)
			}
		})
	}
}

func TestEmptyBodyLabelledPacked(t *testing.T) {
	for _, encoding := range []string{"gzip", "deflate"} {
		site := newSite(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", encoding) })
		got, err := newClient(t, Options{}).Get(t.Context(), site.URL, true)
		if err != nil || len(got.Body) != 0 {
			t.Errorf("%s: %q, %v; want nothing", encoding, got.Body, err)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	const limit = 4096
	for _, how := range []string{"plain", "chunked", "gzip", "br"} {
		for _, size := range []int{limit - 1, limit, limit + 1, 10 * limit} {
			body := rand.Text()
			body = strings.Repeat(body, size/len(body)+1)[:size]
			site := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
				switch how {
				case "gzip", "br":
					w.Header().Set("Content-Encoding", how)
					w.Write(pack(t, how, body, ""))
				case "chunked":
					w.(http.Flusher).Flush()
					io.WriteString(w, body)
				default:
					w.Header().Set("Content-Length", strconv.Itoa(size))
					io.WriteString(w, body)
				}
			})
			got, err := newClient(t, Options{MaxBody: limit}).Get(t.Context(), site.URL, true)
			if size <= limit {
				if err != nil || string(got.Body) != body {
					t.Errorf("%s, %d bytes: %d, %v", how, size, len(got.Body), err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), "larger than 4096 bytes") {
				t.Errorf("%s, %d bytes: %v; want refusal", how, size, err)
			}
		}
	}
}

func TestContentLengthLies(t *testing.T) {
	for _, tc := range []struct{ name, response, want string }{
		{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", "before the answer was complete"},
		{"too short", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello", ""},
		{"two of them", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello", "Content-Length"},
		{"negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello", "Content-Length"},
		{"enormous", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhello", "before the answer was complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := newClient(t, Options{}).Get(t.Context(), newRaw(t, tc.response), true)
			if tc.want == "" {
				if err != nil || string(got.Body) != "he" {
					t.Errorf("got %q, %v", got.Body, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v; want %q", err, tc.want)
			}
		})
	}
}

// TestBombs serves a gigabyte of nothing in a few bytes. The reading ends
// early, whatever the limit on the body.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", 4<<20)
	for encoding, name := range map[string]string{"gzip": "gzip", "br": "br", "zlib": "deflate", "flate": "deflate"} {
		bomb := pack(t, encoding, zeros, "")
		if encoding == "gzip" {
			bomb = bytes.Repeat(bomb, 256) // members may follow one another
		}
		site := newSite(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", name)
			w.Write(bomb)
		})
		c := newClient(t, Options{MaxBody: 1 << 40})
		_, err := c.Fetch(t.Context(), sourceAt(site.URL), news.Cursor{})
		if !errors.Is(err, errBomb) {
			t.Errorf("%s, %d bytes: %v; want refusal", encoding, len(bomb), err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, encoding := range []string{"gzip", "br", "zlib", "flate"} {
		f.Add(strings.NewReplacer("zlib", "deflate", "flate", "deflate").Replace(encoding), pack(f, encoding, feed, "tail"))
	}
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		const limit = 2 << 20
		w := &wire{r: bytes.NewReader(body)}
		r, err := unpack(http.Header{"Content-Encoding": {encoding}}, w)
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, &bounded{r: r, wire: w, limit: limit})
		if n > limit+1 || n > ratioFloor+64<<10 && n > (maxRatio+1)*int64(len(body)) {
			t.Errorf("%d bytes of %s unpacked to %d", len(body), encoding, n)
		}
	})
}
