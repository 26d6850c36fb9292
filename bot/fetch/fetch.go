// Package fetch reads sources over HTTP, politely and safely.
//
// A [Client] is made once with [New] and shared by all readings. [Client.Fetch]
// reads a source and hands the document to bot/parse; [Client.Get] returns the
// document itself.
//
// Politely: requests are conditional, compressed, few per host, and carry an
// honest User-Agent; what a source says about when to come back is passed on.
//
// Safely: every byte and every address comes from somebody else. A public
// source is read from public addresses only, checked when the connection is
// made and again at every redirect; a document has limits on its size, on how
// far it may unpack, and on how long it may take. No proxy of the environment
// is used, no cookie is kept and no credential sent. Error texts name a host,
// never a path, a query or a password, and are the same each time the same
// thing fails.
package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
)

// Options is how a Client reads. The zero value is fit for use.
type Options struct {
	// UserAgent is sent with every request. It should name a page or address
	// where the owner of a source can reach whoever runs the bot.
	UserAgent string
	MaxBody   int64         // largest document, in bytes after unpacking; 0 means 15 MiB
	Timeout   time.Duration // for one reading, redirects and body included; 0 means 30 s
	PerHost   int           // requests to one host at the same time; 0 means 4
	// Profiles are site profiles of the user's, tried before our own.
	Profiles []parse.Profile
}

const (
	defaultMaxBody = 15 << 20
	defaultTimeout = 30 * time.Second
	defaultPerHost = 4
)

// A Client reads sources. It is safe for concurrent use.
type Client struct {
	userAgent []string
	maxBody   int64
	timeout   time.Duration
	profiles  []parse.Profile
	public    *http.Transport // dials public addresses only
	private   *http.Transport // dials loopback and private ones too
	hosts     hosts
	buffers   sync.Pool // *bytes.Buffer
	// parsing holds a token per document that is being parsed, one a
	// processor: more at once would only hold up what else has to run.
	parsing chan struct{}
}

// New returns a Client. Close it to give its idle connections back.
func New(o Options) *Client {
	c := &Client{
		userAgent: []string{o.UserAgent},
		maxBody:   orDefault(o.MaxBody, defaultMaxBody),
		timeout:   orDefault(o.Timeout, defaultTimeout),
		profiles:  o.Profiles,
		parsing:   make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	if o.UserAgent == "" {
		c.userAgent[0] = defaultUserAgent()
	}
	perHost := orDefault(o.PerHost, defaultPerHost)
	c.hosts.limit = perHost
	c.public = newTransport(newDialer(checkPublic), perHost, c.timeout)
	c.private = newTransport(newDialer(checkPrivate), perHost, c.timeout)
	c.buffers.New = func() any { return new(bytes.Buffer) }
	return c
}

func orDefault[N int | int64 | time.Duration](n, def N) N {
	if n <= 0 {
		return def
	}
	return n
}

func defaultUserAgent() string {
	const name, page = "Pullquote", "https://github.com/pullquote/pullquote"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return name + "/" + info.Main.Version + " (+" + page + ")"
	}
	return name + " (+" + page + ")"
}

// Close closes the connections that are idle. Readings under way go on.
func (c *Client) Close() {
	c.public.CloseIdleConnections()
	c.private.CloseIdleConnections()
}

// Fetch reads src. cur is the cursor of the last reading, or zero; with it the
// source is asked only for what is newer. A snapshot that is Unchanged holds a
// cursor and a wait, nothing else.
//
// A page that holds no entries is read through a feed that it offers, if one
// belongs to it; cur.Via remembers which. When that feed is gone the page is
// read again.
//
// Errors are of type *[news.ReadError] and one line long. When ctx is done
// they wrap its error.
func (c *Client) Fetch(ctx context.Context, src news.Source, cur news.Cursor) (news.Snapshot, error) {
	if cur.Via != "" {
		snap, err := c.read(ctx, src, cur.Via, cur)
		if !lost(err) {
			snap.Cursor.Via = cur.Via
			return snap, err
		}
		cur = news.Cursor{Begun: cur.Begun, Live: cur.Live}
	}
	snap, err := c.read(ctx, src, src.URL, cur)
	if unknown, ok := errors.AsType[*parse.UnknownError](err); ok && src.Format == "" && len(unknown.Alternates) > 0 {
		return c.instead(ctx, src, unknown, err)
	}
	return snap, err
}

// read reads one address of a source. Addresses that documents name are under
// the rules of the source's own, but none leads to a private address by another
// name than the source's, or from https to what is not encrypted.
func (c *Client) read(ctx context.Context, src news.Source, address string, cur news.Cursor) (news.Snapshot, error) {
	private, err := trust(src, address)
	if err != nil {
		return news.Snapshot{}, &news.ReadError{Err: err}
	}
	x, err := c.open(ctx, address, private, cur)
	if err != nil {
		return news.Snapshot{}, err
	}
	defer x.close()
	wait := freshness(x.resp.Header)
	if x.resp.StatusCode == http.StatusNotModified {
		cur.Read = now()
		return news.Snapshot{Unchanged: true, Cursor: cur, Wait: wait}, nil
	}
	buf := c.buffers.Get().(*bytes.Buffer)
	defer c.recycle(buf)
	if err := x.readBody(buf, c.maxBody); err != nil {
		return news.Snapshot{}, err
	}
	read := now()
	sum := sha256.Sum256(buf.Bytes())
	next := news.Cursor{
		ETag:         validator(x.resp.Header, "Etag"),
		LastModified: validator(x.resp.Header, "Last-Modified"),
		Body:         hex.EncodeToString(sum[:]),
		Format:       cur.Format,
		Read:         read,
		Live:         cur.Live,
	}
	if next.Body == cur.Body {
		return news.Snapshot{Unchanged: true, Cursor: next, Wait: wait}, nil
	}
	snap, err := c.parse(ctx, parse.Document{
		URL: x.url.String(), ContentType: x.resp.Header.Get("Content-Type"),
		Body: buf.Bytes(), Format: src.Format, Now: read, Profiles: c.profiles,
		Links: x.resp.Header.Values("Link"), Fragments: src.Fragments, Live: cur.Live,
	})
	if err != nil {
		return news.Snapshot{}, &news.ReadError{Err: fmt.Errorf("read %s: %w", x.url.Host, err)}
	}
	next.Format, next.Live = snap.Format, snap.Live
	snap.Cursor = next
	snap.Wait = max(snap.Wait, wait)
	return snap, nil
}

func now() time.Time { return time.Now().UTC() }

// keepBuffer is the largest buffer kept for the next document: most live pages
// fit, and sixteen of them at the same time are no burden.
const keepBuffer = 1 << 20

func (c *Client) recycle(buf *bytes.Buffer) {
	if buf.Cap() > keepBuffer {
		return
	}
	buf.Reset()
	c.buffers.Put(buf)
}

// A Document is what an address holds.
type Document struct {
	URL         string // where the document was found, after redirects
	ContentType string
	Status      int
	Links       []string // values of its Link headers
	Body        []byte   // unpacked; the caller's
}

// parse parses doc when it is its turn.
func (c *Client) parse(ctx context.Context, doc parse.Document) (news.Snapshot, error) {
	select {
	case c.parsing <- struct{}{}:
	case <-ctx.Done():
		return news.Snapshot{}, ctx.Err()
	}
	defer func() { <-c.parsing }()
	return parse.Parse(doc)
}

// Get reads the document at address, unconditionally and under the same limits
// as Fetch. private allows loopback and private addresses. Errors are those of
// Fetch.
func (c *Client) Get(ctx context.Context, address string, private bool) (Document, error) {
	x, err := c.open(ctx, address, private, news.Cursor{})
	if err != nil {
		return Document{}, err
	}
	defer x.close()
	var buf bytes.Buffer
	if err := x.readBody(&buf, c.maxBody); err != nil {
		return Document{}, err
	}
	return Document{
		URL: x.url.String(), ContentType: x.resp.Header.Get("Content-Type"),
		Status: x.resp.StatusCode, Links: x.resp.Header.Values("Link"), Body: buf.Bytes(),
	}, nil
}
