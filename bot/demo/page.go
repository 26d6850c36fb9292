package demo

import (
	"encoding/json"
	"html/template"
	"slices"
	"strings"
	"time"
)

const (
	title  = "Storm closes the harbour bridge"
	credit = "Pullquote/Invented"
)

// A view is the page at one moment.
type view struct {
	Title    string
	Ended    bool
	Modified time.Time
	LD       template.JS
	Updates  []shown // newest first
}

// shown is an update as it stands on the page.
type shown struct {
	ID       string
	Headline string
	Body     []string
	Author   string
	Key      bool
	Time     time.Time
	Edited   time.Time // zero if it was not
	Image    string    // address; "" for none
	Caption  string
	Credit   string
}

// viewAt returns the page at age after its start. base is the site's address.
func viewAt(start time.Time, age time.Duration, base string) view {
	v := view{Title: title, Modified: start, Ended: age >= Length}
	for _, u := range story {
		if age < u.revealed() || u.goneAt > 0 && age >= u.goneAt {
			continue
		}
		s := shown{ID: u.id, Headline: u.headline, Body: u.body, Author: u.author, Key: u.key, Time: start.Add(u.at)}
		if u.correct != nil && age >= u.correctAt {
			s.Body, s.Edited = u.correct, start.Add(u.correctAt)
		}
		if u.image != "" {
			s.Image, s.Caption, s.Credit = base+photo, u.image, credit
		}
		v.Updates = append(v.Updates, s)
	}
	slices.Reverse(v.Updates)
	v.Modified = modified(start, age)
	if v.Ended {
		v.Title += " – as it happened"
	}
	v.LD = template.JS(structured(v, start, base+Page)) // our own JSON, "<" escaped by encoding/json
	return v
}

// modified returns when the page last changed before age.
func modified(start time.Time, age time.Duration) time.Time {
	last := time.Duration(0)
	note := func(at time.Duration) {
		if at <= age {
			last = max(last, at)
		}
	}
	for _, u := range story {
		note(u.revealed())
		if u.correct != nil {
			note(u.correctAt)
		}
		if u.goneAt > 0 {
			note(u.goneAt)
		}
	}
	note(Length)
	return start.Add(last)
}

// The structured data of the page: schema.org LiveBlogPosting.
type liveBlog struct {
	Context  string     `json:"@context"`
	Type     string     `json:"@type"`
	URL      string     `json:"url"`
	Headline string     `json:"headline"`
	Start    time.Time  `json:"coverageStartTime"`
	End      *time.Time `json:"coverageEndTime,omitempty"`
	Updates  []blogPost `json:"liveBlogUpdate"`
}

type blogPost struct {
	Type      string    `json:"@type"`
	ID        string    `json:"@id"`
	URL       string    `json:"url"`
	Headline  string    `json:"headline"`
	Body      string    `json:"articleBody"`
	Published time.Time `json:"datePublished"`
	Modified  time.Time `json:"dateModified"`
	Author    person    `json:"author"`
	Image     *picture  `json:"image,omitempty"`
}

type person struct {
	Type string `json:"@type"`
	Name string `json:"name"`
}

type picture struct {
	Type    string `json:"@type"`
	URL     string `json:"url"`
	Caption string `json:"caption"`
	Credit  string `json:"creditText"`
}

func structured(v view, start time.Time, page string) string {
	b := liveBlog{
		Context: "https://schema.org", Type: "LiveBlogPosting", URL: page, Headline: v.Title,
		Start: start.Add(story[0].at),
	}
	if v.Ended {
		end := start.Add(Length)
		b.End = &end
	}
	for _, s := range v.Updates {
		p := blogPost{
			Type: "BlogPosting", ID: page + "#" + s.ID, URL: page + "#" + s.ID, Headline: s.Headline,
			Body: strings.Join(s.Body, "\n\n"), Published: s.Time, Modified: s.Time, Author: person{"Person", s.Author},
		}
		if !s.Edited.IsZero() {
			p.Modified = s.Edited
		}
		if s.Image != "" {
			p.Image = &picture{"ImageObject", s.Image, s.Caption, s.Credit}
		}
		b.Updates = append(b.Updates, p)
	}
	out, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		panic("demo: " + err.Error()) // unreachable: plain fields only
	}
	return string(out)
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<script type="application/ld+json">
{{.LD}}
</script>
<style>
:root { color-scheme: light dark; --line: #8884; --mark: #c0392b }
body { font: 17px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 0 auto; padding: 1rem }
header { border-bottom: 3px solid var(--mark) }
.live { background: var(--mark); color: #fff; padding: .1em .5em; border-radius: .2em; font-size: .8rem; letter-spacing: .05em }
article { border-bottom: 1px solid var(--line); padding: .5rem 0 1rem }
article.is-key-event { border-left: 4px solid var(--mark); padding-left: 1rem }
h2 { margin: .2rem 0 }
time, .byline, figcaption, footer { color: #888; font-size: .85rem }
figure { margin: 0 } img { max-width: 100%; height: auto }
button { font: inherit; padding: .5em 1em }
</style>
</head>
<body>
<header>
<h1>{{.Title}}</h1>
<p>{{if .Ended}}This coverage has ended.{{else}}<span class="live">LIVE</span>{{end}} A fictional page for trying Pullquote out: town, people and storm are invented.</p>
</header>
<main class="liveblog">
{{range .Updates}}<article class="live-entry{{if .Key}} is-key-event{{end}}" id="{{.ID}}"{{if .Key}} data-type="key-event"{{end}}>
<time datetime="{{.Time.Format "2006-01-02T15:04:05Z"}}">{{.Time.Format "15:04:05"}} UTC</time>{{if not .Edited.IsZero}} <span class="updated">(amended <time datetime="{{.Edited.Format "2006-01-02T15:04:05Z"}}">{{.Edited.Format "15:04:05"}}</time>)</span>{{end}}
<h2>{{.Headline}}</h2>
<p class="byline">By {{.Author}}</p>
{{if .Image}}<figure><img src="{{.Image}}" alt="{{.Caption}}" width="480" height="240"><figcaption>{{.Caption}} Credit: {{.Credit}}</figcaption></figure>
{{end}}{{range .Body}}<p>{{.}}</p>
{{end}}</article>
{{end}}</main>
<footer><button type="button">Load more updates</button></footer>
</body>
</html>
`))
