package parse

import (
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// Automattic's liveblog plugin for WordPress and its forks: pages of entries,
// key events, and polls, which say what became of entries since.

func sniffWordPress(d *document) bool {
	v, ok := d.json()
	return ok && len(wordPressEntries(v)) > 0 || ok && v.get("entries").kind == 'a' && (v.has("latest_timestamp") || v.has("refresh_interval") || v.has("pages"))
}

// wordPressEntries finds the entries in an answer: a list, alone or under
// "entries"; or the state a browser keeps, with what a poll brought.
func wordPressEntries(v value) []value {
	if v.has("currentEntries") && v.has("newEntries") {
		return append(v.get("currentEntries").members()[:len(v.get("currentEntries").members()):len(v.get("currentEntries").members())], v.get("newEntries").members()...)
	}
	list := v.members()
	if v.kind == 'o' {
		list = v.get("entries").list()
	}
	if len(list) == 0 || !isWordPressEntry(list[0]) {
		return nil
	}
	return list
}

func isWordPressEntry(e value) bool {
	if !e.has("id") || !e.has("render") && !e.has("content") || e.get("content").kind == 'o' {
		return false
	}
	switch e.get("type").str() {
	case "new", "update", "delete":
		return true
	}
	return e.has("entry_time") || strings.Contains(e.get("css_classes").str(), "liveblog")
}

func parseWordPress(d *document) (reading, error) {
	v, _ := d.json()
	r := reading{understood: true}
	at := make(map[string]int)
	var gone []string
	for _, e := range newest(d, wordPressEntries(v), d.firstOf("entry_time", "timestamp")) {
		id := e.get("id").str()
		if id == "" {
			continue
		}
		if e.get("type").str() == "delete" {
			gone = append(gone, id)
			if i, ok := at[id]; ok {
				r.Entries[i] = news.Entry{}
				delete(at, id)
			}
			continue
		}
		entry := d.wordPressEntry(e, id)
		if i, ok := at[id]; ok {
			r.Entries[i] = entry
			continue
		}
		at[id] = len(r.Entries)
		r.Entries = append(r.Entries, entry)
	}
	for _, id := range gone {
		if _, back := at[id]; !back {
			r.Withdrawn = append(r.Withdrawn, news.EntryID(id))
		}
	}
	r.Window = v.get("pages").int() > 1 || v.has("latest_timestamp")
	return r, nil
}

func (d *document) wordPressEntry(v value, id string) news.Entry {
	e := news.Entry{
		Published: d.whenValue(v.first("entry_time", "timestamp")),
		Updated:   d.whenValue(v.get("timestamp")),
		URL:       v.get("share_link").str(),
		Key:       v.get("key_event").truth(),
	}
	e.Entry = news.EntryID(id)
	if !e.Updated.After(e.Published) {
		e.Updated = time.Time{}
	}
	var who []string
	for _, a := range v.get("authors").list() {
		who = append(who, a.get("name").str())
	}
	if e.Author = names(who...); e.Author == "" {
		e.Author = names(v.get("author_link").str())
	}
	html := v.first("render", "content").str()
	e.Headline, html = cutHeading(html)
	p := d.prose(strings.ReplaceAll(html, `<span class="liveblog-command type-key">key</span>`, ""))
	if p == nil {
		e.Body = paragraphs(unescape(html))
	} else {
		e.Body, e.Media = p.text(), p.media
	}
	return e
}
