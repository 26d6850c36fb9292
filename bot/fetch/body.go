package fetch

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
)

const (
	// A page packs to a tenth of its size, at best to a fiftieth.
	maxRatio   = 200
	ratioFloor = 1 << 20 // bytes unpacked before the ratio counts

	// A body must bring this many bytes a second in each window until it ends.
	minRate    = 1 << 10
	slowWindow = 10 * time.Second
)

var (
	errBomb = fmt.Errorf("the body unpacks to more than %d times its size", maxRatio)
	errSlow = fmt.Errorf("the body comes slower than %d bytes a second", minRate)
)

// readBody unpacks the body of the answer into buf.
func (x *exchange) readBody(buf *bytes.Buffer, limit int64) error {
	w := &wire{r: x.resp.Body, since: time.Now()}
	r, err := unpack(x.resp.Header, w)
	if err != nil {
		return x.fail(err)
	}
	if _, err := buf.ReadFrom(&bounded{r: r, wire: w, limit: limit}); err != nil {
		return x.fail(err)
	}
	return nil
}

// A wire counts the bytes that come over the network and fails when they
// trickle. A body that stops altogether ends with the time of the reading.
type wire struct {
	r     io.Reader
	n     int64     // bytes so far
	since time.Time // when the window began
	had   int64     // n at that time
}

// Read reads from the network.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.n += int64(n)
	now := time.Now()
	took := now.Sub(w.since)
	if took < slowWindow || err != nil {
		return n, err
	}
	if w.n-w.had < minRate*int64(took/time.Second) {
		return n, errSlow
	}
	w.since, w.had = now, w.n
	return n, nil
}

// A bounded reader fails when it gives more than the limit, or far more than
// the wire brought.
type bounded struct {
	r     io.Reader
	wire  *wire
	limit int64
	n     int64
}

// Read reads what was unpacked.
func (b *bounded) Read(p []byte) (int, error) {
	if left := b.limit + 1 - b.n; int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > b.limit:
		return n, fmt.Errorf("the document is larger than %s", size(b.limit))
	case b.n > ratioFloor && b.n > maxRatio*b.wire.n:
		return n, errBomb
	}
	return n, err
}

func size(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// unpack takes the content encoding off. One layer is as many as anybody needs.
func unpack(h http.Header, r io.Reader) (io.Reader, error) {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(h["Content-Encoding"], ",")))
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		return newGzip(r)
	case "br":
		return named{brotli.NewReader(r), "br"}, nil
	case "deflate":
		return newDeflate(r)
	}
	return nil, fmt.Errorf("content encoding %.40q is not understood", encoding)
}

// A named reader says in its errors what was being unpacked.
type named struct {
	io.Reader
	name string
}

// Read reads on, or fails with the encoding's name.
func (d named) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("unpack %s: %w", d.name, err)
	}
	return n, err
}

func newGzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil // no body at all; some servers label it gzip
	}
	if err != nil {
		return nil, fmt.Errorf("unpack gzip: %w", err)
	}
	return named{&gzipTail{r: z}, "gzip"}, nil
}

// A gzipTail ignores what follows the last complete member, as browsers do: its
// checksum has been verified by then.
type gzipTail struct {
	r    *gzip.Reader
	some bool
}

// Read reads on until the last member ends.
func (g *gzipTail) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	g.some = g.some || n > 0
	if g.some && errors.Is(err, gzip.ErrHeader) {
		err = io.EOF
	}
	return n, err
}

// newDeflate reads both things servers mean by "deflate": the zlib format, as
// RFC 9110 has it, and the bare stream in it.
func newDeflate(r io.Reader) (io.Reader, error) {
	br := bufio.NewReader(r)
	head, err := br.Peek(2)
	if len(head) == 0 && errors.Is(err, io.EOF) {
		return bytes.NewReader(nil), nil
	}
	if len(head) == 2 && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		z, err := zlib.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("unpack deflate: %w", err)
		}
		return named{z, "deflate"}, nil
	}
	return named{flate.NewReader(br), "deflate"}, nil
}
