package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
)

// maxFeeds bounds how many of the feeds that a page offers are tried, and how
// many are named.
const maxFeeds = 3

// instead reads, for a page without entries, the first of the feeds it offers
// that belongs to it. Later readings then go to that feed (news.Cursor.Via).
// If none does, the error is why, with the feeds that were found.
func (c *Client) instead(ctx context.Context, src news.Source, unknown *parse.UnknownError, why error) (news.Snapshot, error) {
	page, err := url.Parse(src.URL)
	if err != nil {
		return news.Snapshot{}, why // unreachable: it was read
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout) // for all of them
	defer cancel()
	var others []string
	for _, address := range unknown.Alternates[:min(len(unknown.Alternates), maxFeeds)] {
		snap, err := c.read(ctx, src, address, news.Cursor{})
		if ctx.Err() != nil {
			break
		}
		if err != nil || snap.Discovery || len(snap.Entries) == 0 {
			continue
		}
		if !belongs(page, address, &snap) {
			others = append(others, plain(address))
			continue
		}
		snap.Cursor.Via = address
		return snap, nil
	}
	if len(others) == 0 {
		return news.Snapshot{}, why
	}
	return news.Snapshot{}, &news.ReadError{
		Err: fmt.Errorf("%w; it offers feeds of other pieces, to be followed as sources of their own: %s", why, strings.Join(others, ", ")),
	}
}

// plain returns an address without its query, which may hold a key.
func plain(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

// belongs reports whether what a page points to is about that page: it is no
// feed but the interface that the page's own scripts read, or the page without
// ornaments; or a feed that calls the page its own; or one whose entries mostly
// lie below the page; or that of a site whose front the page is. What readers
// write under the page is not.
func belongs(page *url.URL, address string, snap *news.Snapshot) bool {
	if !snap.Separate && len(snap.Entries) > 1 {
		return true
	}
	dir := path.Clean("/" + page.Path)
	below := 0
	for i := range snap.Entries {
		u, err := url.Parse(snap.Entries[i].URL)
		if err != nil || !sameSite(u, page) {
			continue
		}
		if strings.HasPrefix(u.Fragment, "comment") {
			return false
		}
		if p := path.Clean("/" + u.Path); p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/") {
			below++
		}
	}
	if 2*below > len(snap.Entries) {
		return true
	}
	if u, err := url.Parse(snap.URL); err == nil && sameSite(u, page) && path.Clean("/"+u.Path) == dir && u.RawQuery == page.RawQuery {
		return true
	}
	u, err := url.Parse(address)
	return err == nil && dir == "/" && sameSite(u, page)
}

func sameSite(a, b *url.URL) bool {
	return strings.EqualFold(strings.TrimPrefix(a.Hostname(), "www."), strings.TrimPrefix(b.Hostname(), "www."))
}

// trust reports whether an address of a source may be private: as the source's
// own where it has the same host, and never where a document names another.
func trust(src news.Source, address string) (private bool, err error) {
	if address == src.URL {
		return src.Private, nil
	}
	from, err := parseURL(src.URL, src.Private)
	if err != nil {
		return false, err
	}
	to, err := parseURL(address, src.Private)
	if err != nil {
		return false, err
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return false, fmt.Errorf("read %.80s: a page read over https names an address that is not encrypted", to.Host)
	}
	return src.Private && strings.EqualFold(from.Host, to.Host), nil
}

// lost reports whether a feed that was read in place of a page is not there
// any more.
func lost(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && (status.code == http.StatusNotFound || status.code == http.StatusGone)
}

// More reads a page with entries older than those of the source's own: an
// address that a snapshot of the source named. It is unconditional, and its
// snapshot is a window without a cursor. Errors are those of Fetch.
func (c *Client) More(ctx context.Context, src news.Source, address string) (news.Snapshot, error) {
	snap, err := c.read(ctx, src, address, news.Cursor{})
	if err != nil {
		return news.Snapshot{}, err
	}
	snap.Cursor, snap.Window, snap.Ended = news.Cursor{}, true, false
	return snap, nil
}

// Read parses a document of the source that came another way, pushed by a hub.
// Its snapshot is a window without a cursor. Errors are of type
// *[news.ReadError], or ctx's.
func (c *Client) Read(ctx context.Context, src news.Source, contentType string, body []byte) (news.Snapshot, error) {
	if int64(len(body)) > c.maxBody {
		return news.Snapshot{}, &news.ReadError{Err: fmt.Errorf("the document is larger than %s", size(c.maxBody))}
	}
	snap, err := c.parse(ctx, parse.Document{
		URL: src.URL, ContentType: contentType, Body: body, Now: now(), Profiles: c.profiles, Fragments: src.Fragments,
	})
	if err != nil {
		return news.Snapshot{}, &news.ReadError{Err: fmt.Errorf("read what was pushed: %w", err)}
	}
	snap.Cursor, snap.Window, snap.Ended = news.Cursor{}, true, false
	return snap, nil
}
