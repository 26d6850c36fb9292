// Package preview draws messages as a web page, so that cards can be seen
// before a workspace or server is connected. It draws what the adapters would
// really send, the platforms' own JSON, in the manner of the platforms: close
// enough to judge a card by, with styles of our own and nothing loaded from
// anywhere but the pictures of the cards.
//
// What it draws comes from sources and is hostile: all text is escaped, links
// lead to http and https only, and the page allows no script.
package preview

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"time"
)

// A Message is one message as an adapter would send it.
type Message struct {
	Platform string // "slack" or "discord"
	Caption  string // what the message shows, for people
	JSON     []byte // the body of the request
}

// Options is how a page is drawn.
type Options struct {
	Title string
	Zone  *time.Location // of the times that platforms write in the reader's zone; nil means UTC
	// Name and Sign are whose messages they are, and the sign in the place of a
	// picture; "" means Pullquote and ”.
	Name, Sign string
}

// Write draws messages as one HTML page, those of a platform in a column.
func Write(w io.Writer, messages []Message, o Options) error {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Name == "" {
		o.Name, o.Sign = "Pullquote", "”"
	}
	p := page{Options: o}
	for _, name := range []string{"slack", "discord"} {
		c := column{Platform: name}
		for _, m := range messages {
			if m.Platform != name {
				continue
			}
			body, err := draw(m, o.Zone)
			if err != nil {
				return fmt.Errorf("draw %s: %w", m.Caption, err)
			}
			c.Messages = append(c.Messages, drawn{Caption: m.Caption, Body: body, Name: o.Name, Sign: o.Sign})
		}
		if len(c.Messages) > 0 {
			p.Columns = append(p.Columns, c)
		}
	}
	return pageTemplate.Execute(w, p)
}

type page struct {
	Options
	Columns []column
}

type column struct {
	Platform string
	Messages []drawn
}

type drawn struct {
	Caption    string
	Body       template.HTML // made by a markup only
	Name, Sign string
}

func draw(m Message, zone *time.Location) (template.HTML, error) {
	if m.Platform == "discord" {
		var d discordMessage
		if err := json.Unmarshal(m.JSON, &d); err != nil {
			return "", err
		}
		return d.draw(zone), nil
	}
	var s slackMessage
	if err := json.Unmarshal(m.JSON, &s); err != nil {
		return "", err
	}
	return s.draw(zone), nil
}

// pageTemplate has the whole page. The policy keeps anything from running or
// being loaded but pictures.
var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { margin: 0; font: 15px/1.46 system-ui, "Helvetica Neue", Arial, sans-serif; display: flex; flex-wrap: wrap; align-items: stretch; min-height: 100vh }
section { flex: 1 1 460px; box-sizing: border-box; padding: 20px 24px 28px }
h2 { font-size: 12px; letter-spacing: .06em; text-transform: uppercase; margin: 0 0 14px; opacity: .6 }
h3 { font-size: 12px; font-weight: 500; margin: 18px 0 4px; opacity: .6 }
.message { display: grid; grid-template-columns: 36px 1fr; gap: 8px; max-width: 640px; overflow-wrap: anywhere }
.sign { width: 36px; height: 36px; border-radius: 8px; background: #1f6f8b; color: #fff; font: bold 30px/50px Georgia, serif; text-align: center; overflow: hidden }
.name { font-weight: 700 } .app { font-size: 10px; font-weight: 600; padding: 0 4px; border-radius: 3px; margin-left: 4px; vertical-align: 1px }
blockquote { margin: 4px 0; padding-left: 12px; border-left: 4px solid }
p { margin: 0 0 4px } s { opacity: .75 } small { font-size: 12px } img { max-width: 100%; border-radius: 8px; display: block; margin: 6px 0 }
.buttons span { display: inline-block; padding: 4px 12px; margin: 6px 8px 0 0; border-radius: 4px; font-weight: 600; font-size: 13px }
.slack { background: #fff; color: #1d1c1d } .slack a { color: #1264a3; text-decoration: none } .slack blockquote { border-color: #ddd }
.slack .app { background: #e8e8e8; color: #616061 } .slack .context { color: #616061; font-size: 12.5px } .slack .context span + span::before { content: " · " }
.slack .buttons span { border: 1px solid #bbb } .slack .mention { background: #fdf5dc; color: #1264a3 }
.discord { background: #313338; color: #dbdee1 } .discord .name { color: #fff; font-weight: 500 } .discord a { color: #00a8fc; text-decoration: none }
.discord .sign { border-radius: 50% } .discord .app { background: #5865f2; color: #fff } .discord blockquote { border-color: #4e5058 }
.embed { background: #2b2d31; border-left: 4px solid #1e1f22; border-radius: 4px; padding: 8px 14px 12px 12px; margin-top: 4px; max-width: 520px; font-size: 14px }
.embed .author { font-size: 13px; font-weight: 600; color: #f2f3f5 } .embed .author a { color: inherit } .embed .title { font-size: 15px; font-weight: 600; margin: 4px 0 }
.embed .title { color: #fff } .embed .footer { font-size: 12px; color: #b5bac1; margin-top: 8px } .embed small { color: #949ba4 }
.discord .buttons span { background: #4e5058; color: #fff } .discord .mention { background: #3c4270; color: #c9cdfb }
</style>
{{range .Columns}}<section class="{{.Platform}}"><h2>{{.Platform}}</h2>
{{range .Messages}}{{if .Caption}}<h3>{{.Caption}}</h3>{{end}}
<div class="message"><div class="sign">{{.Sign}}</div><div><span class="name">{{.Name}}</span><span class="app">APP</span>
{{.Body}}</div></div>
{{end}}</section>
{{end}}</html>
`))
