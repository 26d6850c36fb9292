package parse

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/pullquote/pullquote/bot/news"
)

// Live Blog 1 and 2, XML. A Post with its content, or lists of them; lists of
// mere references hold no entries.

func sniffSuperdesk(d *document) bool {
	switch d.root() {
	case "bloglist", "blog", "postlist", "post":
		return true
	}
	return false
}

type superdeskPost struct {
	Href, ID, Content, AuthorName, CreatedOn, PublishedOn, UpdatedOn, DeletedOn, IsPublished string
}

func parseSuperdesk(d *document) (reading, error) {
	r := reading{understood: true}
	dec := xml.NewDecoder(strings.NewReader(withoutDeclaration(d.head)))
	dec.Strict = false
	post, depth, within := superdeskPost{}, 0, ""
	for {
		tok, err := dec.Token()
		if err != nil {
			if err != io.EOF && len(r.Entries) == 0 {
				return r, refusal("is broken XML")
			}
			return r, nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			if depth > maxJSONDepth {
				return r, refusal("nests too deep")
			}
			switch t.Name.Local {
			case "Post":
				post = superdeskPost{}
				for _, a := range t.Attr {
					if a.Name.Local == "href" {
						post.Href = a.Value
					}
				}
				within = ""
			case "PostList":
				for _, a := range t.Attr {
					r.Window = r.Window || a.Name.Local == "total" && a.Value != "0"
				}
			default:
				if within == "" || !superdeskNested(within) {
					within = t.Name.Local
				}
			}
		case xml.CharData:
			post.set(within, string(t))
			if within == "Title" && r.Title == "" {
				r.Title = strings.TrimSpace(string(t))
			}
			if within == "IsLive" && strings.TrimSpace(string(t)) == "False" {
				r.Ended = true
			}
		case xml.EndElement:
			depth--
			if t.Name.Local == within {
				within = ""
			}
			if t.Name.Local == "Post" && len(r.Entries) < maxEntries {
				d.superdeskEntry(&r, post)
				post = superdeskPost{}
			}
		}
	}
}

// superdeskNested reports whether an element has an Id of its own inside.
func superdeskNested(name string) bool {
	switch name {
	case "Author", "AuthorPerson", "Blog", "Creator", "Type", "Language", "Collaborator":
		return true
	}
	return false
}

func (p *superdeskPost) set(name, text string) {
	switch name {
	case "Id":
		p.ID += text
	case "Content":
		p.Content += text
	case "AuthorName":
		p.AuthorName += text
	case "CreatedOn":
		p.CreatedOn += text
	case "PublishedOn":
		p.PublishedOn += text
	case "UpdatedOn":
		p.UpdatedOn += text
	case "DeletedOn":
		p.DeletedOn += text
	case "IsPublished":
		p.IsPublished += text
	}
}

func (d *document) superdeskEntry(r *reading, p superdeskPost) {
	id := strings.TrimSpace(p.ID)
	if id == "" {
		id = p.Href[strings.LastIndexByte(p.Href, '/')+1:]
	}
	if id == "" {
		return
	}
	if strings.TrimSpace(p.DeletedOn) != "" || strings.EqualFold(strings.TrimSpace(p.IsPublished), "false") {
		r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
		return
	}
	e := news.Entry{Author: names(p.AuthorName), Published: d.when(p.PublishedOn), Updated: d.when(p.UpdatedOn)}
	if e.Published.IsZero() {
		e.Published = d.when(p.CreatedOn)
	}
	heading, rest := cutHeading(p.Content)
	e.Headline = heading
	e.Body, e.Media = d.body(rest)
	e.Entry = news.EntryID(id)
	if e.Body != "" || e.Headline != "" || len(e.Media) > 0 {
		r.Entries = append(r.Entries, e)
	}
}
