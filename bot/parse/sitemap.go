package parse

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// News sitemaps: the pages a site published in the last two days. They are
// for finding live pages, not for following: one live blog is one address.

func sniffSitemap(d *document) bool {
	root := d.root()
	root = root[strings.IndexByte(root, ':')+1:]
	return root == "urlset" || root == "sitemapindex"
}

// A sitemapURL is one address of a sitemap.
type sitemapURL struct {
	Loc     string `xml:"loc"`
	LastMod string `xml:"lastmod"`
	News    struct {
		Title string `xml:"title"`
		Date  string `xml:"publication_date"`
	} `xml:"news"`
}

func parseSitemap(d *document) (reading, error) {
	r := reading{understood: true}
	urls, err := d.sitemap()
	if err != nil {
		return r, err
	}
	r.Window, r.Discovery = true, true
	for _, u := range urls {
		loc := absolute(d.base, u.Loc)
		if loc == "" || strings.TrimSpace(u.News.Title) == "" {
			continue
		}
		e := news.Entry{Headline: oneLine(u.News.Title), URL: loc, Published: d.when(u.News.Date), Updated: d.when(u.LastMod)}
		e.Entry = news.EntryID(loc)
		r.Entries = append(r.Entries, e)
	}
	return r, nil
}

// sitemap reads the addresses of a sitemap, or of the sitemaps of an index.
func (d *document) sitemap() ([]sitemapURL, error) {
	dec := xml.NewDecoder(strings.NewReader(withoutDeclaration(d.head)))
	dec.Strict = false
	dec.Entity = xml.HTMLEntity
	var urls []sitemapURL
	for len(urls) < d.most() {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if len(urls) == 0 {
				return nil, refusal("is broken XML")
			}
			break
		}
		start, ok := tok.(xml.StartElement)
		if !ok || start.Name.Local != "url" && start.Name.Local != "sitemap" {
			continue
		}
		var u sitemapURL
		if dec.DecodeElement(&u, &start) == nil {
			urls = append(urls, u)
		}
	}
	return urls, nil
}
