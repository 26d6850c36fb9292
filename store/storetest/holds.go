package storetest

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
)

// held takes what nobody has.
func (p *probe) held(key string, ttl time.Duration) chat.Hold {
	p.Helper()
	h, err := p.s.Hold(p.ctx, key, ttl)
	p.ok(err)
	if h.Key != key || h.Token == 0 {
		p.Errorf("hold %+v", h)
	}
	return h
}

func (p *probe) taken(key string) {
	p.Helper()
	_, err := p.s.Hold(p.ctx, key, long)
	p.wantErr(err, chat.ErrHeld)
}

// reheld takes what ran out just now.
func (p *probe) reheld(key string) (h chat.Hold) {
	p.Helper()
	p.eventually("it can be held again", func() bool {
		var err error
		h, err = p.s.Hold(p.ctx, key, long)
		return err == nil
	})
	return h
}

var holdCases = []testCase{
	{"what is held is held once", func(p *probe) {
		h := p.held("shard/0", long)
		if time.Until(h.Expires) < long/2 || time.Until(h.Expires) > long {
			p.Errorf("expires %v", h.Expires)
		}
		p.taken("shard/0")
		p.held("shard/1", long)
		p.ok(p.s.Free(p.ctx, h))
		if again := p.held("shard/0", long); again.Token <= h.Token {
			p.Errorf("token %d after %d", again.Token, h.Token)
		}
	}},
	{"of many one holds", func(p *probe) {
		var winners atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if _, err := p.s.Hold(p.ctx, "shard/0", long); err == nil {
					winners.Add(1)
				}
			})
		}
		all.Wait()
		p.same("holders", int(winners.Load()), 1)
	}},
	{"what ran out goes to another, and is lost", func(p *probe) {
		old := p.held("shard/0", brief)
		h := p.reheld("shard/0")
		if h.Token <= old.Token {
			p.Errorf("token %d after %d", h.Token, old.Token)
		}
		_, err := p.s.Renew(p.ctx, old, long)
		p.wantErr(err, chat.ErrHeld)
		old.Value = []byte("late")
		p.ok(p.s.Free(p.ctx, old))
		p.taken("shard/0")
		p.ok(p.s.Free(p.ctx, h))
		if v := p.held("shard/0", long).Value; len(v) > 0 {
			p.Errorf("left %q", v)
		}
	}},
	{"what ran out and nobody took can be renewed", func(p *probe) {
		h := p.held("shard/0", brief)
		h, err := p.s.Renew(p.ctx, h, long)
		p.ok(err)
		p.taken("shard/0")
		if time.Until(h.Expires) < long/2 {
			p.Errorf("expires %v", h.Expires)
		}
	}},
	{"the next holder is given what the last one left", func(p *probe) {
		h := p.held("shard/0", long)
		p.same("value at first", h.Value, nil)
		h.Value = []byte{0, 1, 0xFF}
		h, err := p.s.Renew(p.ctx, h, long)
		p.ok(err)
		p.ok(p.s.Free(p.ctx, h))
		h = p.held("shard/0", long)
		p.same("value", h.Value, []byte{0, 1, 0xFF})
		h.Value = []byte("session")
		p.ok(p.s.Free(p.ctx, h))
		p.reopen()
		p.same("value after a restart", p.held("shard/0", long).Value, []byte("session"))
	}},
	{"what is freed twice, or was never held", func(p *probe) {
		h := p.held("a", long)
		p.ok(p.s.Free(p.ctx, h))
		p.ok(p.s.Free(p.ctx, h))
		_, err := p.s.Renew(p.ctx, h, long)
		p.wantErr(err, chat.ErrHeld)
		p.ok(p.s.Free(p.ctx, chat.Hold{Key: "b", Token: 7}))
		_, err = p.s.Renew(p.ctx, chat.Hold{Key: "b", Token: 7}, long)
		p.wantErr(err, chat.ErrHeld)
	}},
	{"a restart frees what a process held", func(p *probe) {
		h := p.held("a", long)
		p.reopen()
		if again := p.held("a", long); again.Token <= h.Token {
			p.Errorf("token %d after %d", again.Token, h.Token)
		}
	}},
	{"once", func(p *probe) {
		ask := func(key string, ttl time.Duration, want bool) {
			p.Helper()
			first, err := p.s.Once(p.ctx, key, ttl)
			p.ok(err)
			p.same("first "+key, first, want)
		}
		ask("envelope 1", long, true)
		ask("envelope 1", long, false)
		ask("envelope 2", brief, true)
		p.eventually("it is forgotten", func() bool {
			first, err := p.s.Once(p.ctx, "envelope 2", long)
			p.ok(err)
			return first
		})
		ask("envelope 2", long, false)
	}},
	{"of many one asks first", func(p *probe) {
		var winners atomic.Int32
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if first, err := p.s.Once(p.ctx, "envelope", long); err == nil && first {
					winners.Add(1)
				}
			})
		}
		all.Wait()
		p.same("first", int(winners.Load()), 1)
	}},
	{"keys and values that are too long", func(p *probe) {
		for _, key := range []string{"", strings.Repeat("k", 201)} {
			if _, err := p.s.Hold(p.ctx, key, long); err == nil {
				p.Errorf("held a key of %d bytes", len(key))
			}
			if _, err := p.s.Once(p.ctx, key, long); err == nil {
				p.Errorf("asked of a key of %d bytes", len(key))
			}
		}
		h := p.held(strings.Repeat("k", 200), long)
		h.Value = bytes.Repeat([]byte{1}, 64<<10)
		h, err := p.s.Renew(p.ctx, h, long)
		p.ok(err)
		h.Value = append(h.Value, 1)
		if _, err := p.s.Renew(p.ctx, h, long); err == nil {
			p.Error("a value of more than 64 KiB was saved")
		}
	}},
	{"the share of one replica is the whole", func(p *probe) {
		share, err := p.s.Beat(p.ctx, "quay", long)
		p.ok(err)
		if share.Rank != 0 || share.Of != 1 || share.Cut(50) != 50 {
			p.Errorf("share %+v", share)
		}
		_, err = p.s.Beat(p.ctx, "quay", 0)
		p.ok(err)
	}},
}
