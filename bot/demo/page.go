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
	More     bool // older updates are on another page
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

// perPage is how many updates the page shows; the others are behind "Load more
// updates".
const perPage = 12

// A teller knows where and when a story is told.
type teller struct {
	start time.Time
	pace  float64
	base  string // the site's address
}

// at returns the time of a moment of the story, in whole seconds.
func (t teller) at(age time.Duration) time.Time {
	return t.start.Add(time.Duration(float64(age) / t.pace)).Truncate(time.Second)
}

// view returns the page at an age of the story: its newest updates, or those
// that did not fit.
func (t teller) view(age time.Duration, older bool) view {
	v := view{Title: title, Modified: t.modified(age), Ended: age >= Length}
	if v.Ended {
		v.Title += " – as it happened"
	}
	for _, u := range slices.Backward(story) {
		if age >= u.revealed() && (u.goneAt == 0 || age < u.goneAt) {
			v.Updates = append(v.Updates, t.show(u, age))
		}
	}
	n := min(perPage, len(v.Updates))
	if older {
		v.Updates = v.Updates[n:]
	} else {
		v.More = n < len(v.Updates)
		v.Updates = v.Updates[:n]
	}
	v.LD = template.JS(t.structured(v)) // our own JSON, "<" escaped by encoding/json
	return v
}

func (t teller) show(u update, age time.Duration) shown {
	s := shown{ID: u.id, Headline: u.headline, Body: u.body, Author: u.author, Key: u.key, Time: t.at(u.at)}
	if u.correct != nil && age >= u.correctAt {
		s.Headline, s.Body, s.Edited = u.correctHeadline, u.correct, t.at(u.correctAt)
	}
	if u.image != "" {
		s.Image, s.Caption, s.Credit = t.base+photo, u.image, credit
	}
	return s
}

// modified returns when the page last changed before age.
func (t teller) modified(age time.Duration) time.Time {
	last := time.Duration(0)
	for _, u := range story {
		for _, at := range []time.Duration{u.at, u.correctAt, u.goneAt} {
			if at <= age {
				last = max(last, at)
			}
		}
	}
	if age >= Length {
		last = Length
	}
	return t.at(last)
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
	ID        string    `json:"@id"` // without the host: another run has another port
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

func (t teller) structured(v view) string {
	page := t.base + Page
	b := liveBlog{
		Context: "https://schema.org", Type: "LiveBlogPosting", URL: page, Headline: v.Title,
		Start: t.at(story[0].at),
	}
	if v.Ended {
		end := t.at(Length)
		b.End = &end
	}
	for _, s := range v.Updates {
		p := blogPost{
			Type: "BlogPosting", ID: Page + "#" + s.ID, URL: Page + "#" + s.ID, Headline: s.Headline,
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
{{if not .Ended}}<meta http-equiv="refresh" content="5">
{{end}}<title>{{.Title}}</title>
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
.more { display: inline-block; border: 1px solid; border-radius: .2em; padding: .5em 1em; color: inherit; text-decoration: none }
h2 a { color: inherit; text-decoration: none } h2 a:hover { text-decoration: underline }
article:target { outline: 2px solid var(--mark); outline-offset: .4rem }
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
<h2><a rel="bookmark" href="#{{.ID}}">{{.Headline}}</a></h2>
<p class="byline">By {{.Author}}</p>
{{if .Image}}<figure><img src="{{.Image}}" alt="{{.Caption}}" width="480" height="240"><figcaption>{{.Caption}} Credit: {{.Credit}}</figcaption></figure>
{{end}}{{range .Body}}<p>{{.}}</p>
{{end}}</article>
{{end}}</main>
<footer>{{if .More}}<a class="more" href="?older">Load more updates</a>{{end}}</footer>
</body>
</html>
`))
