package parse

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quayPage is a page of ProfileExample's publisher.
const quayPage = `<html><head><title>Storm live</title></head><body><main class="quay-stream">
<ul><li class="quay-note quay-note--pinned" data-note="n7-top" id="x1"><span class="quay-note__at" data-at="1772366400000">pinned</span><p class="quay-note__text">Pinned copy of the note.</p></li></ul>
<ul><li class="quay-note quay-note--big" data-note="n7" id="x2" data-changed="2026-03-01T14:00:00Z"><span class="quay-note__at" data-at="1772364600.25">12:30</span>
<b class="quay-note__line">Barrier holds</b><i class="quay-note__who">Ada Quill</i><a class="quay-note__own" href="/notes/7">own</a><a href="#elsewhere">top</a>
<div class="quay-note__text"><p>It holds.</p><div class="quay-note__said">We are safe<span class="quay-note__by">Ines Marlow, harbour master</span></div>
<div class="quay-note__talk">Talk about it</div><div class="quay-note__post">A post <a href="https://social.example/9">link</a></div></div><p>Not of the text.</p></li>
<li class="quay-note" data-note="n6" id="x3"><span class="quay-note__at" data-at="2026-03-01T10:00:00Z">11:00</span><b class="quay-note__line">Barrier shut</b><div class="quay-note__text">Shut.</div></li>
<li class="quay-note" data-note="n5" id="x4"><span class="quay-note__at" data-at="2026-03-01T09:00:00">10:00</span><b class="quay-note__line">Barrier tested</b><div class="quay-note__text">Tested.</div></li></ul>
<a class="quay-more" href="/notes?before=5">Earlier notes</a></main></body></html>`

// readProfile shows what a profile makes of its publisher's page, of the same
// page at another host, and of one without the mark.
func readProfile(t *testing.T, p Profile) string {
	t.Helper()
	var b strings.Builder
	for _, page := range []struct{ url, body string }{
		{"https://live.news.example/storm", quayPage},
		{"https://other.example/storm", quayPage},
		{"https://news.example/storm", strings.ReplaceAll(quayPage, "quay-stream", "stream")},
	} {
		doc := Document{URL: page.url, Body: []byte(page.body), Profiles: []Profile{p}, Format: "profile", Now: time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)}
		snap, report, err := Explain(doc)
		b.WriteString("profile " + report.Profile + "\n" + show(snap, report, err))
	}
	return b.String()
}

func TestProfileExample(t *testing.T) {
	list, err := ReadProfiles([]byte(ProfileExample))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d profiles, %v", len(list), err)
	}
	const want = `profile eastquay
format: profile
confidence: medium
title: Storm live
url: https://live.news.example/storm
window: true
older: https://live.news.example/notes?before=5
live: headline

entry n7 (explicit)
  headline: Barrier holds
  author: Ada Quill
  url: https://live.news.example/notes/7
  published: 2026-03-01T11:30:00.25Z
  updated: 2026-03-01T14:00:00Z
  key: true
  embed: https://social.example/9 "A post link" by ""
  | It holds.
  |
  | “We are safe”
  | – Ines Marlow, harbour master

entry n6 (explicit)
  headline: Barrier shut
  url: https://live.news.example/storm#x3
  published: 2026-03-01T09:00:00Z
  | Shut.

entry n5 (explicit)
  headline: Barrier tested
  url: https://live.news.example/storm#x4
  published: 2026-03-01T08:00:00Z
  | Tested.
profile 
error: no entries found; tried profile: no site profile fits
profile 
error: no entries found; tried profile: no site profile fits
`
	if diff := cmp.Diff(want, readProfile(t, list[0])); diff != "" {
		t.Error(diff)
	}
}

// Each field of the example changes what is read.
func TestEveryFieldOfAProfileHasAnEffect(t *testing.T) {
	list, err := ReadProfiles([]byte(ProfileExample))
	if err != nil {
		t.Fatal(err)
	}
	whole := readProfile(t, list[0])
	for i := range reflect.TypeFor[Profile]().NumField() {
		field := reflect.TypeFor[Profile]().Field(i)
		if field.Tag.Get("json") != field.Tag.Get("yaml") || field.Tag.Get("json") == "" {
			t.Errorf("%s: tags %q", field.Name, field.Tag)
		}
		p := list[0]
		v := reflect.ValueOf(&p).Elem().Field(i)
		if field.Name == "ClockOnly" {
			p.TimeAttr, p.TimeUnit, p.IgnoreZ, p.ClockOnly = "", "", false, true
		} else if v.IsZero() {
			t.Errorf("%s is not in the example", field.Name)
		} else {
			v.SetZero()
		}
		if cmp.Equal(whole, readProfile(t, p)) {
			t.Errorf("%s has no effect", field.Name)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	for name, c := range map[string]struct{ json, want string }{
		"no entries":       {`{"name":"x"}`, `profile "x": entry is missing`},
		"no name":          {`{"entry":"li"}`, `profile "": name is missing`},
		"a bad selector":   {`{"name":"x","entry":"li","headline":"h2["}`, `profile "x": headline: "h2[" is no CSS selector`},
		"several":          {`{"name":"x","entry":"li","quote":":::","next":"a["}`, `profile "x": next: "a["`},
		"a zone":           {`{"name":"x","entry":"li","zone":"Mars/Olympus"}`, `profile "x": zone: "Mars/Olympus" is not known here`},
		"a unit":           {`{"name":"x","entry":"li","time_unit":"minutes"}`, `profile "x": time_unit: "minutes" is none of s, ms, us`},
		"an attribute":     {`{"name":"x","entry":"li","id":"[data-id]"}`, `profile "x": id: "[data-id]" is no name of an attribute`},
		"a host":           {`{"name":"x","entry":"li","host":"https://news.example/"}`, `profile "x": host: "https://news.example/" must be a host alone`},
		"local Z, no zone": {`{"name":"x","entry":"li","ignore_z":true}`, `profile "x": ignore_z says that times are local; zone must say where`},
		"a clock and more": {`{"name":"x","entry":"li","clock_only":true,"time_attr":"data-t"}`, `profile "x": clock_only reads the text`},
		"a misspelt key":   {`{"name":"x","entry":"li","headlines":"h2"}`, `profiles: json: unknown field "headlines"`},
		"the same twice":   {`[{"name":"x","entry":"li"},{"name":"x","entry":"p"}]`, `profile "x" is there twice`},
		"no JSON":          {`name: x`, `profiles: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadProfiles([]byte(c.json))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if list, err := ReadProfiles([]byte("[]")); err != nil || len(list) != 0 {
		t.Errorf("an empty list: %v, %v", list, err)
	}
}
