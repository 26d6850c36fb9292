package admin

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	styleText []byte

	pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
		"ago": ago, "until": until, "span": span, "stamp": stamp, "percentiles": threeSpans,
	}).Parse(pageText))
)

// pageRows bounds the rows of each table of the page; nobody reads more.
const pageRows = 500

// A view is what the page shows. Problems are what could not be asked.
type view struct {
	Status
	Outbox
	More     int // sources beyond the rows
	Draining bool
	Problems []string
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), gaugeTime)
	defer cancel()
	v := view{Draining: s.draining.Load()}
	var err error
	if v.Status, err = s.o.Local.Status(ctx); err != nil {
		v.Problems = append(v.Problems, clip(err.Error(), 300))
	}
	if v.Outbox, err = s.o.Local.Outbox(ctx, pageRows); err != nil {
		v.Problems = append(v.Problems, clip(err.Error(), 300))
	}
	if v.More = len(v.Sources) - pageRows; v.More > 0 {
		v.Sources = v.Sources[:pageRows]
	}
	s.draw(w, pageTemplate, v)
}

// draw writes a page.
func (s *Server) draw(w http.ResponseWriter, t *template.Template, v any) {
	var buf bytes.Buffer
	if err := t.Execute(&buf, v); err != nil {
		s.log.Error("page not drawn", "error", err)
		sayText(w, http.StatusInternalServerError, "the page could not be drawn; the log says why")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = buf.WriteTo(w) // who asked is gone
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(styleText) // who asked is gone
}

// ageOf returns how long ago t was; 0 for the zero time.
func ageOf(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(now.Sub(t), 0)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return brief(ageOf(t, now)) + " ago"
}

func until(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "–"
	case !t.After(now):
		return "now"
	}
	return "in " + brief(t.Sub(now))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 15:04:05")
}

// span says seconds as a person would.
func span(seconds float64) string {
	return brief(time.Duration(seconds * float64(time.Second)))
}

func threeSpans(n int, p Percentiles) string {
	if n == 0 || p == (Percentiles{}) {
		return "–"
	}
	return span(p.P50) + " / " + span(p.P95) + " / " + span(p.P99)
}

// brief says a duration with two figures or so.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
