package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/parse"
)

// maxFeeds bounds how many of the feeds that a page offers are tried.
const maxFeeds = 3

// instead reads, for a page without entries, the first of the feeds it offers
// that belongs to it. Later readings then go to that feed (news.Cursor.Via).
// If none does, unknown is returned: its text names the feeds.
func (c *Client) instead(ctx context.Context, src news.Source, page *url.URL, unknown *parse.UnknownError) (news.Snapshot, error) {
	tried := 0
	for _, address := range unknown.Alternates {
		if tried == maxFeeds || address == page.String() {
			break
		}
		tried++
		snap, err := c.read(ctx, src, address, news.Cursor{})
		if ctx.Err() != nil {
			return news.Snapshot{}, err
		}
		if err != nil || snap.Discovery || len(snap.Entries) == 0 || !belongs(page, &snap) {
			continue
		}
		snap.Cursor.Via = address
		return snap, nil
	}
	return news.Snapshot{}, unknown
}

// belongs reports whether a feed is about a page: the page is the front of its
// site, or most entries lie below it.
func belongs(page *url.URL, snap *news.Snapshot) bool {
	dir := path.Clean("/" + page.Path)
	if dir == "/" {
		return true
	}
	below := 0
	for i := range snap.Entries {
		u, err := url.Parse(snap.Entries[i].URL)
		if err != nil || !strings.EqualFold(strings.TrimPrefix(u.Hostname(), "www."), strings.TrimPrefix(page.Hostname(), "www.")) {
			continue
		}
		if p := path.Clean("/" + u.Path); p == dir || strings.HasPrefix(p, dir+"/") {
			below++
		}
	}
	return 2*below > len(snap.Entries)
}

// gone reports whether a feed that was read in place of a page is not there
// any more.
func gone(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && (status.code == http.StatusNotFound || status.code == http.StatusGone)
}

// More reads a page with entries older than those of the source's own: an
// address that a snapshot of the source named. It is unconditional, and its
// snapshot is a window without a cursor.
func (c *Client) More(ctx context.Context, src news.Source, address string) (news.Snapshot, error) {
	snap, err := c.read(ctx, src, address, news.Cursor{})
	snap.Cursor, snap.Window, snap.Ended = news.Cursor{}, true, false
	return snap, err
}

// Read parses a document of the source that came another way, pushed by a hub.
// Its snapshot is a window without a cursor.
func (c *Client) Read(ctx context.Context, src news.Source, contentType string, body []byte) (news.Snapshot, error) {
	snap, err := c.parse(ctx, parse.Document{
		URL: src.URL, ContentType: contentType, Body: body, Now: now(), Profiles: c.profiles, Fragments: src.Fragments,
	})
	snap.Cursor, snap.Window, snap.Ended = news.Cursor{}, true, false
	return snap, err
}
