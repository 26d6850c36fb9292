package parse

import (
	"encoding/xml"
	"errors"
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

	pieces int
}

func parseSuperdesk(d *document) (reading, error) {
	s := superdesk{d: d, r: reading{understood: true}}
	dec := xml.NewDecoder(strings.NewReader(withoutDeclaration(d.head)))
	dec.Strict = false
	for depth := 0; ; {
		tok, err := dec.Token()
		if err != nil {
			return s.end(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth++; depth > maxJSONDepth {
				return s.r, refusal("nests too deep")
			}
			s.open(t)
		case xml.CharData:
			s.words(string(t))
		case xml.EndElement:
			depth--
			s.close(t.Name.Local)
		}
	}
}

// superdesk reads the elements of a list of posts.
type superdesk struct {
	d      *document
	r      reading
	post   superdeskPost
	within string // the element whose text counts
}

// end returns what was read when the document ended or could not be read on.
func (s *superdesk) end(err error) (reading, error) {
	s.r.partial = !errors.Is(err, io.EOF)
	if s.r.partial && len(s.r.Entries) == 0 {
		return s.r, refusal("is broken XML")
	}
	return s.r, nil
}

func (s *superdesk) open(t xml.StartElement) {
	switch t.Name.Local {
	case "Post":
		s.post, s.within = superdeskPost{}, ""
		for _, a := range t.Attr {
			if a.Name.Local == "href" {
				s.post.Href = a.Value
			}
		}
	case "PostList":
		for _, a := range t.Attr {
			s.r.Window = s.r.Window || a.Name.Local == "total" && a.Value != "0"
		}
	default:
		if s.within == "" || !superdeskNested(s.within) {
			s.within = t.Name.Local
		}
	}
}

func (s *superdesk) words(text string) {
	s.post.set(s.within, text)
	if s.within == "Title" && s.r.Title == "" {
		s.r.Title = strings.TrimSpace(text)
	}
	if s.within == "IsLive" && strings.TrimSpace(text) == "False" {
		s.r.Ended = true
	}
}

func (s *superdesk) close(name string) {
	if name == s.within {
		s.within = ""
	}
	if name == "Post" && len(s.r.Entries) < s.d.most() {
		s.d.superdeskEntry(&s.r, s.post)
		s.post = superdeskPost{}
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
	var field *string
	switch name {
	case "Id":
		field = &p.ID
	case "Content":
		field = &p.Content
	case "AuthorName":
		field = &p.AuthorName
	case "CreatedOn":
		field = &p.CreatedOn
	case "PublishedOn":
		field = &p.PublishedOn
	case "UpdatedOn":
		field = &p.UpdatedOn
	case "DeletedOn":
		field = &p.DeletedOn
	case "IsPublished":
		field = &p.IsPublished
	}
	// The text of an element comes in pieces, in hostile ones in very many.
	if p.pieces++; field != nil && p.pieces <= maxPieces {
		*field += text
	}
}

// maxPieces bounds the pieces of text in one post. Posts seen have up to 40.
const maxPieces = 1000

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
