package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// abandon gives up the first n deliveries of a lane and returns their ids.
func (p *probe) abandon(l store.Lane, n int) (ids []store.DeliveryID) {
	p.Helper()
	for range n {
		d := p.begin(l).Delivery
		p.ok(p.s.Abandon(p.ctx, l, d.ID, "refused"))
		ids = append(ids, d.ID)
	}
	return ids
}

// reconsidered checks how many of the ids there were.
func (p *probe) reconsidered(want int) func(int, error) {
	return func(n int, err error) {
		p.Helper()
		p.ok(err)
		p.same("deliveries there were", n, want)
	}
}

var abandonedCases = []testCase{
	{"a delivery that is tried again", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		l := p.lane("a")
		ids := p.abandon(l, 2)
		p.reconsidered(1)(p.s.Retry(p.ctx, ids[0], 1<<40))
		p.reopen()
		p.same("backlog", p.backlog(), store.Backlog{Due: 2, Abandoned: 1})
		w := p.begin(p.lane("a"))
		if w.Delivery.Entry.Entry != "e000" || w.Delivery.Attempts != 1 || w.Delivery.LastError != "" {
			p.Errorf("tried again: %+v", w.Delivery)
		}
		p.reconsidered(0)(p.s.Retry(p.ctx, ids[0]))
	}},
	{"what may have been posted is still looked for when it is tried again", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 1)
		l := p.lane("a")
		p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now(), Unknown: true}))
		key := p.begin(l).Delivery.Key
		ids := p.abandon(l, 1)
		p.reconsidered(1)(p.s.Retry(p.ctx, ids...))
		if d := p.begin(l).Delivery; d.Tried.IsZero() || d.Key != key {
			p.Errorf("tried again: %+v", d)
		}
	}},
	{"deliveries that are dropped", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		ids := p.abandon(p.lane("a"), 3)
		p.reconsidered(2)(p.s.Drop(p.ctx, ids[1], ids[2], 1<<40))
		p.same("backlog", p.backlog(), store.Backlog{Abandoned: 1})
		p.reopen()
		list, err := p.s.Abandoned(p.ctx, 10)
		p.ok(err)
		if len(list) != 1 || list[0].ID != ids[0] {
			p.Errorf("left: %+v", list)
		}
		p.reconsidered(0)(p.s.Retry(p.ctx, ids[1]))
		p.reconsidered(0)(p.s.Drop(p.ctx))
	}},
	{"an edit that was given up is overtaken by the next", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 1)
		l := p.lane("a")
		p.send(l)
		p.record("harbour", p.edited(ref("harbour", "e000"), "Other words"))
		ids := p.abandon(l, 1)
		p.record("harbour", p.edited(ref("harbour", "e000"), "Other words again"))
		p.reconsidered(1)(p.s.Retry(p.ctx, ids...))
		p.same("backlog", p.backlog(), store.Backlog{Due: 1})
		p.send(l)
		p.nothing(l)
	}},
	{"an edit that was given up after a newer one was made", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 1)
		l := p.lane("a")
		p.send(l)
		p.record("harbour", p.edited(ref("harbour", "e000"), "Other words"))
		ids := p.abandon(l, 1)
		p.record("harbour", p.edited(ref("harbour", "e000"), "Other words again"))
		p.send(l)
		p.reconsidered(1)(p.s.Retry(p.ctx, ids...))
		p.nothing(l)
		p.same("backlog", p.backlog(), store.Backlog{})
	}},
	{"deliveries that hold up their lane", func(p *probe) {
		p.follow("harbour", "a", "b", "c")
		p.flood(0, 2)
		for _, ch := range []string{"b", "a"} {
			l := p.lane(ch)
			p.ok(p.s.Postpone(p.ctx, l, p.begin(l).Delivery.ID, store.Postponement{Until: time.Now().Add(long), Error: "no permission in " + ch}))
			p.ok(p.s.Release(p.ctx, l, time.Time{}))
		}
		check := func(when string, want ...string) {
			p.Helper()
			list, err := p.s.Held(p.ctx, 10)
			p.ok(err)
			var got []string
			for _, d := range list {
				got = append(got, d.Channel.ID+" "+string(d.Entry.Entry)+" "+d.LastError)
			}
			slices.Sort(got)
			p.same("held "+when, got, want)
		}
		check("now", "a e000 no permission in a", "b e000 no permission in b")
		p.reopen()
		check("after a restart", "a e000 no permission in a", "b e000 no permission in b")
		one, err := p.s.Held(p.ctx, 1)
		p.ok(err)
		p.same("held at most", len(one), 1)
		p.ok(p.s.Resume(p.ctx, "test"))
		check("when they go on")
	}},
}

var keptCases = []testCase{
	{"values are kept, replaced and removed", func(p *probe) {
		_, err := p.s.Kept(p.ctx, "desk/one")
		p.wantErr(err, store.ErrNotFound)
		big := bytes.Repeat([]byte{0, 0xFF}, 32<<10)
		p.ok(p.s.KeepAll(p.ctx, map[string][]byte{"desk/one": []byte("1"), "desk/two": big, "other": {}}))
		p.ok(p.s.Keep(p.ctx, "desk/one", []byte("one")))
		p.reopen()
		all, err := p.s.KeptAll(p.ctx, "desk/")
		p.ok(err)
		p.same("kept", all, map[string][]byte{"desk/one": []byte("one"), "desk/two": big})
		empty, err := p.s.Kept(p.ctx, "other")
		p.ok(err)
		p.same("an empty value", len(empty), 0)
		p.ok(p.s.KeepAll(p.ctx, map[string][]byte{"desk/one": nil, "desk/none": nil, "desk/three": []byte("3")}))
		all, err = p.s.KeptAll(p.ctx, "desk/")
		p.ok(err)
		p.same("kept then", all, map[string][]byte{"desk/two": big, "desk/three": []byte("3")})
	}},
	{"values are kept only if another is what it was", func(p *probe) {
		values := map[string][]byte{"version": []byte("1"), "desk/one": []byte("1")}
		p.wantErr(p.s.KeepIf(p.ctx, "version", []byte(""), values), store.ErrChanged)
		p.ok(p.s.KeepIf(p.ctx, "version", nil, values))
		for _, was := range [][]byte{nil, {}, []byte("0"), []byte("11")} {
			p.wantErr(p.s.KeepIf(p.ctx, "version", was, map[string][]byte{"version": []byte("2"), "desk/one": nil}), store.ErrChanged)
		}
		one, err := p.s.Kept(p.ctx, "desk/one")
		p.ok(err)
		p.same("kept", string(one), "1")
		p.ok(p.s.KeepIf(p.ctx, "version", []byte("1"), map[string][]byte{"version": nil, "desk/one": []byte("2")}))
		p.ok(p.s.KeepIf(p.ctx, "version", nil, nil))
	}},
	{"of several who keep values if nothing changed one succeeds", func(p *probe) {
		const many = 8
		done := make(chan error, many)
		for i := range many {
			go func() { done <- p.s.KeepIf(p.ctx, "version", nil, map[string][]byte{"version": {byte(i)}}) }()
		}
		kept := 0
		for range many {
			if err := <-done; err == nil {
				kept++
			} else {
				p.wantErr(err, store.ErrChanged)
			}
		}
		p.same("kept", kept, 1)
	}},
	{"values too large, keys too long: nothing is kept", func(p *probe) {
		for name, bad := range map[string]struct {
			key   string
			value []byte
		}{
			"long key": {strings.Repeat("k", 257), []byte("x")}, "no key": {"", []byte("x")}, "large": {"k", make([]byte, 64<<10+1)},
		} {
			if err := p.s.KeepAll(p.ctx, map[string][]byte{"good": []byte("x"), bad.key: bad.value}); err == nil {
				p.Errorf("%s: kept", name)
			}
			_, err := p.s.Kept(p.ctx, "good")
			p.wantErr(err, store.ErrNotFound)
		}
		p.ok(p.s.Keep(p.ctx, strings.Repeat("k", 256), make([]byte, 64<<10)))
	}},
}

var historyCases = []testCase{
	{"the revisions of an entry", func(p *probe) {
		p.follow("harbour", "a")
		e := entry("e1", 1, "State 1")
		e.Aliases = []news.EntryID{"guid:1"}
		p.record("harbour", added(e), added(entry("e10", 2, "Another")))
		for i := 2; i <= 30; i++ {
			p.record("harbour", p.edited(ref("harbour", "e1"), fmt.Sprintf("State %d", i)))
		}
		p.reopen()
		list, err := p.s.History(p.ctx, ref("harbour", "guid:1"))
		p.ok(err)
		if len(list) < 21 || list[len(list)-1].Revision != 30 {
			p.Fatalf("%d revisions are kept", len(list))
		}
		for i, e := range list {
			if e.Body != fmt.Sprintf("State %d", e.Revision) || i > 0 && e.Revision <= list[i-1].Revision || e.Entry != "e1" {
				p.Errorf("revision %d: %+v", i, e)
			}
		}
		last := list[len(list)-20:]
		p.same("the last 20 are whole", last[0].Revision, 11)
		one, err := p.s.History(p.ctx, ref("harbour", "e10"))
		p.ok(err)
		p.same("one that never changed", len(one), 1)
		_, err = p.s.History(p.ctx, ref("harbour", "nothing"))
		p.wantErr(err, store.ErrNotFound)
	}},
	{"entries by their address", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")), added(entry("e2", 2, "Two")))
		moved := p.edited(ref("harbour", "e2"), "Two, edited")
		moved.Entry.URL = "https://news.example/#moved"
		p.record("harbour", moved)
		for url, want := range map[string][]news.Ref{
			"https://news.example/#e1": {ref("harbour", "e1")}, "https://news.example/#moved": {ref("harbour", "e2")},
			"https://news.example/#e2": nil, "https://news.example/": nil, "": nil,
		} {
			got, err := p.s.Find(p.ctx, url, chat.Channel{}, "")
			p.ok(err)
			p.same(url, got, want)
		}
	}},
	{"entries of one address are found, and no more than 200", func(p *probe) {
		p.follow("harbour")
		var changes []news.Change
		for i := range 230 {
			e := entry(news.EntryID(fmt.Sprintf("e%03d", i)), i, "Words")
			e.URL = "https://news.example/live"
			changes = append(changes, added(e))
		}
		p.record("harbour", changes...)
		got, err := p.s.Find(p.ctx, "https://news.example/live", chat.Channel{}, "")
		p.ok(err)
		p.same("found", len(got), 200)
	}},
	{"entries by their message", func(p *probe) {
		p.follow("harbour", "a", "b")
		p.record("harbour", added(entry("e1", 1, "One")))
		w := p.sendTo("a")
		p.sendTo("b")
		m := receipt(w).Message
		for _, tt := range []struct {
			ch   chat.Channel
			m    chat.MessageID
			want []news.Ref
		}{
			{channel("a"), m, []news.Ref{ref("harbour", "e1")}}, {channel("b"), m, nil}, {channel("a"), m + "0", nil}, {channel("a"), "", nil},
		} {
			got, err := p.s.Find(p.ctx, "", tt.ch, tt.m)
			p.ok(err)
			p.same(fmt.Sprintf("%s in %s", tt.m, tt.ch), got, tt.want)
		}
		both, err := p.s.Find(p.ctx, "https://news.example/#e1", channel("a"), m)
		p.ok(err)
		p.same("each once", both, []news.Ref{ref("harbour", "e1")})
	}},
	{"where an entry stands, waits and was given up", func(p *probe) {
		p.sync([]news.Source{source("harbour")}, subscribe("harbour", "dd", "c", "b", "a")...)
		e := entry("e1", 1, "One")
		e.Aliases = []news.EntryID{"guid:1"}
		p.record("harbour", added(e), added(entry("e10", 2, "Another")))
		p.send(p.lane("dd"))
		p.send(p.lane("b"))
		l := p.lane("c")
		p.abandon(l, 1)
		receipts, err := p.s.Receipts(p.ctx, ref("harbour", "guid:1"))
		p.ok(err)
		var stands []string
		for _, r := range receipts {
			stands = append(stands, r.Channel.ID)
		}
		p.same("stands", stands, []string{"b", "dd"})
		pending, abandoned, err := p.s.Promised(p.ctx, ref("harbour", "guid:1"))
		p.ok(err)
		if len(pending) != 1 || pending[0].Channel.ID != "a" || pending[0].Entry.Entry != "e1" || len(abandoned) != 1 || abandoned[0].Channel.ID != "c" || abandoned[0].LastError != "refused" {
			p.Errorf("pending %+v\nabandoned %+v", pending, abandoned)
		}
		_, err = p.s.Receipts(p.ctx, ref("harbour", "nothing"))
		p.wantErr(err, store.ErrNotFound)
		_, _, err = p.s.Promised(p.ctx, ref("harbour", "nothing"))
		p.wantErr(err, store.ErrNotFound)
	}},
	{"why nothing stands", func(p *probe) {
		p.follow("harbour", "a")
		p.record("harbour", added(entry("e1", 1, "One")))
		l := p.lane("a")
		p.ok(p.s.Settle(p.ctx, l, p.begin(l).Delivery.ID, store.Receipt{Revision: 1, Why: "not: “water”"}))
		list, err := p.s.Receipts(p.ctx, ref("harbour", "e1"))
		p.ok(err)
		if len(list) != 1 || list[0].Why != "not: “water”" || list[0].Message != "" {
			p.Errorf("receipts: %+v", list)
		}
	}},
}

// copied returns a copy of the ledger and the moment before it was made.
func (p *probe) copied() ([]byte, time.Time) {
	p.Helper()
	var b bytes.Buffer
	at := time.Now()
	n, err := p.s.Backup(p.ctx, &b)
	p.ok(err)
	if n != int64(b.Len()) || n == 0 {
		p.Errorf("size %d, want %d", n, b.Len())
	}
	return b.Bytes(), at
}

// restored returns a probe of the ledger that is made from a copy.
func (p *probe) restored(data []byte) *probe {
	p.Helper()
	r := *p
	r.s = p.engine.Restore(p.T, data)
	return &r
}

var errFull = errors.New("no room for the copy")

// A small room takes so many bytes.
type smallRoom struct{ left int }

func (r *smallRoom) Write(b []byte) (int, error) {
	n := min(len(b), r.left)
	r.left -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

var copyCases = []testCase{
	{"a copy holds what the ledger held", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		w := p.sendTo("a")
		p.ok(p.s.Keep(p.ctx, "k", []byte("v")))
		data, _ := p.copied()
		p.flood(3, 1) // not in it
		r := p.restored(data)
		ids, _ := r.latest(store.Query{})
		p.same("entries", ids, []news.EntryID{"e002", "e001", "e000"})
		p.same("receipt", r.receiptOf("a", ref("harbour", "e000")), receipt(w))
		v, err := r.s.Kept(p.ctx, "k")
		p.ok(err)
		p.same("kept", v, []byte("v"))
		p.same("the ledger goes on", p.drain("a"), []news.EntryID{"e001", "e002", "e003"})
	}},
	{"what the copy was about to send is looked for", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 3)
		l := p.lane("a")
		first := p.send(l)
		data, at := p.copied()
		before := p.begin(l).Delivery
		r := p.restored(data)
		l = r.lane("a")
		ids, _ := r.waiting(l, 10)
		p.same("nothing may be folded", len(ids), 0)
		w := r.begin(l)
		if d := w.Delivery; d.Entry.Entry != "e001" || d.Key != before.Key || d.Tried.Before(at.Add(-time.Second)) || d.Tried.After(time.Now()) {
			p.Errorf("pending in the copy: %+v, the same in the ledger: %+v", d, before)
		}
		r.record("harbour", p.edited(ref("harbour", "e000"), "Other words"))
		r.ok(r.s.Settle(p.ctx, l, w.Delivery.ID, receipt(w)))
		r.send(l)
		edit := r.begin(l)
		if edit.Receipt == nil || edit.Receipt.Message != receipt(first).Message || !edit.Delivery.Tried.IsZero() {
			p.Errorf("an edit needs no look: %+v", edit)
		}
	}},
	{"what was posted after the copy is recognised by its key", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 1)
		p.drain("a")
		data, _ := p.copied()
		late := entry("late", 9, "Late")
		p.record("harbour", added(late))
		key := p.sendTo("a").Delivery.Key
		r := p.restored(data)
		fresh := entry("fresh", 0, "Fresh")
		fresh.Published = time.Now().Add(long)
		undated := entry("undated", 0, "Undated")
		undated.Published = time.Time{}
		r.record("harbour", added(late), added(fresh), added(undated))
		l := r.lane("a")
		if d := r.send(l).Delivery; d.Key != key || d.Tried.IsZero() {
			p.Errorf("from before the copy was opened: %+v, want key %s", d, key)
		}
		if d := r.send(l).Delivery; !d.Tried.IsZero() {
			p.Errorf("from after it: %+v", d)
		}
		if d := r.send(l).Delivery; d.Tried.IsZero() {
			p.Errorf("without a time of its own: %+v", d)
		}
	}},
	{"a copy that is opened twice", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		data, _ := p.copied()
		r := p.restored(data)
		l := r.lane("a")
		r.send(l)
		r.ok(r.s.Postpone(p.ctx, l, r.begin(l).Delivery.ID, store.Postponement{Until: time.Now(), Error: "looked, nothing there"}))
		fresh := entry("fresh", 0, "Fresh")
		fresh.Published = time.Now().Add(long)
		r.record("harbour", added(fresh))
		r.reopen()
		l = r.lane("a")
		for range 2 {
			if d := r.send(l).Delivery; !d.Tried.IsZero() {
				p.Errorf("after the second opening: %+v", d)
			}
		}
	}},
	{"the ledger that was copied is none the worse", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 2)
		p.copied()
		p.reopen()
		p.flood(2, 1)
		l := p.lane("a")
		for range 3 {
			if d := p.send(l).Delivery; !d.Tried.IsZero() {
				p.Errorf("delivery: %+v", d)
			}
		}
	}},
	{"what was given up in a copy is looked for when it is tried again", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 1)
		ids := p.abandon(p.lane("a"), 1)
		list, err := p.s.Abandoned(p.ctx, 1)
		p.ok(err)
		data, _ := p.copied()
		r := p.restored(data)
		r.reconsidered(1)(r.s.Retry(p.ctx, ids...))
		if d := r.begin(r.lane("a")).Delivery; d.Tried.IsZero() || d.Key != list[0].Key {
			p.Errorf("tried again: %+v", d)
		}
	}},
	{"a copy for which there is no room", func(p *probe) {
		p.follow("harbour", "a")
		p.flood(0, 50)
		data, _ := p.copied()
		for _, room := range []int{0, 1, 100, len(data) / 2, len(data) - 1} {
			_, err := p.s.Backup(p.ctx, &smallRoom{room})
			p.wantErr(err, errFull)
		}
		p.reopen()
		p.flood(50, 1)
		l := p.lane("a")
		for range 51 {
			if d := p.send(l).Delivery; !d.Tried.IsZero() {
				p.Errorf("delivery: %+v", d)
			}
		}
		_, _ = p.copied()
	}},
	{"a copy that nobody waits for", func(p *probe) {
		ctx, cancel := context.WithCancel(p.ctx)
		cancel()
		_, err := p.s.Backup(ctx, &smallRoom{1 << 30})
		p.wantErr(err, context.Canceled)
	}},
	{"copies are made while everything goes on", func(p *probe) {
		p.follow("harbour", "a")
		done := make(chan [][]byte)
		go func() {
			var all [][]byte
			for range 5 {
				var b bytes.Buffer
				if _, err := p.s.Backup(p.ctx, &b); err != nil {
					p.Error(err)
				}
				all = append(all, b.Bytes())
			}
			done <- all
		}()
		for i := range 20 {
			p.flood(2*i, 2)
			p.drain("a")
		}
		for _, data := range <-done {
			r := p.restored(data)
			ids, _ := r.latest(store.Query{Limit: 100})
			b := r.backlog()
			if n := len(ids); n%2 != 0 || b.Due > 2 || b.Due+b.Waiting > n {
				p.Errorf("a copy has %d entries and %+v", n, b)
			}
		}
	}},
}
