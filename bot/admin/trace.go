package admin

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A sourceView is the page of one source: its newest entries.
type sourceView struct {
	ID      news.SourceID
	Entries []entryLine
}

// An entryLine is an entry in a line.
type entryLine struct {
	news.Ref
	Headline string
	When     string
	State    string
	Revision int
}

// An entryView is the page of one entry: what it said and where it stands.
type entryView struct {
	news.Ref
	Headline  string
	Revisions []revision // newest first
	Cards     []cardLine
}

// A revision is what an entry said at one time.
type revision struct {
	Number   int
	Seen     string
	Class    string
	Headline string
	Body     string
	Quotes   []news.Quote
}

// A cardLine is how an entry stands in a channel.
type cardLine struct {
	Channel string
	State   string
	At      string
}

const (
	shownEntries = 50
	shownBody    = 2000 // runes of a revision
)

// source shows the newest entries of a source.
func (s *Server) source(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), gaugeTime)
	defer cancel()
	v := sourceView{ID: news.SourceID(r.URL.Query().Get("id"))}
	if v.ID == "" {
		s.missing(w)
		return
	}
	entries, _, err := s.o.Local.Store.Latest(ctx, store.Query{Sources: []news.SourceID{v.ID}, Limit: shownEntries})
	if err != nil {
		s.failed(w, err)
		return
	}
	for i := range entries {
		e := &entries[i]
		v.Entries = append(v.Entries, entryLine{
			Ref: e.Ref, Headline: title(e), When: stamp(e.When()), State: stateOf(e), Revision: e.Revision,
		})
	}
	s.draw(w, sourceTemplate, v)
}

// entry shows the revisions of an entry and its cards.
func (s *Server) entry(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), gaugeTime)
	defer cancel()
	q := r.URL.Query()
	v, err := s.trace(ctx, news.Ref{Source: news.SourceID(q.Get("source")), Entry: news.EntryID(q.Get("entry"))})
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.missing(w)
	case err != nil:
		s.failed(w, err)
	default:
		s.draw(w, entryTemplate, v)
	}
}

func (s *Server) trace(ctx context.Context, ref news.Ref) (entryView, error) {
	st := s.o.Local.Store
	v := entryView{Ref: ref}
	list, err := st.History(ctx, ref)
	if err != nil {
		return v, err
	}
	for i := range list {
		e := &list[len(list)-1-i]
		v.Revisions = append(v.Revisions, revision{
			Number: e.Revision, Seen: stamp(e.Changed), Class: string(e.Class), Headline: chat.Clean(e.Headline),
			Body: cutRunes(chat.Clean(e.Body), shownBody), Quotes: e.Quotes,
		})
		if i == 0 {
			v.Ref, v.Headline = e.Ref, title(e)
		}
	}
	receipts, err := st.Receipts(ctx, v.Ref)
	if err != nil {
		return v, err
	}
	for _, rc := range receipts {
		v.Cards = append(v.Cards, cardLine{Channel: rc.Channel.String(), State: standing(rc), At: stamp(latest(rc))})
	}
	pending, abandoned, err := st.Promised(ctx, v.Ref)
	if err != nil {
		return v, err
	}
	for _, d := range pending {
		v.Cards = append(v.Cards, cardLine{Channel: d.Channel.String(), State: "promised" + because(d.LastError), At: stamp(d.Enqueued)})
	}
	for _, d := range abandoned {
		v.Cards = append(v.Cards, cardLine{Channel: d.Channel.String(), State: "given up" + because(d.LastError), At: stamp(d.Enqueued)})
	}
	return v, nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + clip(reason, 300)
}

// title is what an entry is called in a line.
func title(e *news.Entry) string {
	const most = 160
	if e.Headline != "" {
		return clip(e.Headline, most)
	}
	return clip(e.Body, most)
}

func stateOf(e *news.Entry) string {
	switch {
	case e.Pulled:
		return "pulled by the desk"
	case e.Withdrawn:
		return "withdrawn"
	}
	return string(e.Status)
}

// standing says what became of an entry's card.
func standing(r store.Receipt) string {
	switch {
	case r.Folded > 0:
		return "told in a roll-up"
	case r.Gone:
		return "deleted by a person"
	case r.Message == "" && r.Why != "":
		return "not wanted: " + clip(r.Why, 300)
	case r.Message == "":
		return "nothing stands"
	case r.Frozen:
		return "stands, and can be edited no more"
	case !r.Edited.IsZero():
		return "stands, edited"
	}
	return "stands"
}

func cutRunes(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

func (s *Server) missing(w http.ResponseWriter) {
	sayText(w, http.StatusNotFound, "there is no such thing, or it is no longer kept")
}

func (s *Server) failed(w http.ResponseWriter, err error) {
	sayText(w, http.StatusServiceUnavailable, "not known: "+clip(err.Error(), 300))
}

var (
	sourceTemplate = template.Must(template.New("source").Parse(head + `<h1>{{.ID}}</h1>
<p><a href="/">Everything</a></p>
</header>
<main>
{{- if .Entries}}
<div class="wide" role="region" aria-label="Entries" tabindex="0">
<table>
<thead><tr><th scope="col">Entry</th><th scope="col">Published</th><th scope="col">State</th><th scope="col">Revision</th></tr></thead>
<tbody>
{{- range .Entries}}
<tr><th scope="row"><a href="/entry?source={{.Source}}&amp;entry={{.Entry}}">{{.Headline}}</a></th><td>{{.When}}</td><td>{{.State}}</td><td class="n">{{.Revision}}</td></tr>
{{- end}}
</tbody>
</table>
</div>
{{- else}}
<p>No entries are known.</p>
{{- end}}
</main>
</body>
</html>
`))
	entryTemplate = template.Must(template.New("entry").Parse(head + `<h1>{{.Headline}}</h1>
<p><a href="/">Everything</a> · <a href="/source?id={{.Source}}">{{.Source}}</a> · {{.Entry}}</p>
</header>
<main>
<section>
<h2>Where it stands</h2>
{{- if .Cards}}
<table>
<thead><tr><th scope="col">Channel</th><th scope="col">State</th><th scope="col">Since</th></tr></thead>
<tbody>
{{- range .Cards}}
<tr><th scope="row">{{.Channel}}</th><td>{{.State}}</td><td>{{.At}}</td></tr>
{{- end}}
</tbody>
</table>
{{- else}}
<p>Nowhere.</p>
{{- end}}
</section>
{{- range .Revisions}}
<section>
<h2>Revision {{.Number}}{{with .Class}}, {{.}}{{end}}, seen {{.Seen}}</h2>
<p><strong>{{.Headline}}</strong></p>
{{- range .Quotes}}
<blockquote>{{.Text}}<footer>{{if .Speaker}}{{.Speaker}}{{with .Role}}, {{.}}{{end}}{{else}}speaker not stated{{end}}</footer></blockquote>
{{- end}}
<p class="text">{{.Body}}</p>
</section>
{{- end}}
</main>
</body>
</html>
`))
)

// head begins every page but the first, which has its own.
const head = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Pullquote</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
`

// latest is when a card was last written.
func latest(r store.Receipt) time.Time {
	if r.Edited.After(r.Sent) {
		return r.Edited
	}
	return r.Sent
}
