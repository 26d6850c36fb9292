package preview

import (
	"html/template"
	"net/url"
	"strings"
)

// A markup is HTML under construction. Only its methods write tags, and they
// escape everything else.
type markup struct{ sb strings.Builder }

func (m *markup) html() template.HTML {
	return template.HTML(m.sb.String()) //nolint:gosec // everything was escaped on its way in
}

// text writes words, lines as they are broken.
func (m *markup) text(s string) {
	m.sb.WriteString(strings.ReplaceAll(template.HTMLEscapeString(s), "\n", "<br>"))
}

// open and close write a tag of ours.
func (m *markup) open(tag, class string) {
	m.sb.WriteString("<" + tag)
	if class != "" {
		m.sb.WriteString(` class="` + class + `"`)
	}
	m.sb.WriteString(">")
}

func (m *markup) close(tag string) { m.sb.WriteString("</" + tag + ">") }

// in writes what f writes inside a tag.
func (m *markup) in(tag, class string, f func()) {
	m.open(tag, class)
	f()
	m.close(tag)
}

// link writes what f writes as a link; as plain words if the address is none
// of the web.
func (m *markup) link(address string, f func()) {
	if !web(address) {
		f()
		return
	}
	m.sb.WriteString(`<a rel="noreferrer" href="` + template.HTMLEscapeString(address) + `">`)
	f()
	m.close("a")
}

// image writes a picture of the web.
func (m *markup) image(address, alt string) {
	if web(address) {
		m.sb.WriteString(`<img src="` + template.HTMLEscapeString(address) + `" alt="` + template.HTMLEscapeString(alt) + `">`)
	}
}

func web(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
