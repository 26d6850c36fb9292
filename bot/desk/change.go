package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
	"github.com/pullquote/pullquote/store"
)

// An Act is a line of the audit trail: who did what.
type Act struct {
	At      time.Time
	Adapter string
	Tenant  string
	User    string
	Channel chat.Channel
	What    string // "follow", "pause", "pull"
	Detail  string
}

// A draft is a change that is being made.
type draft struct {
	*state
	values map[string][]byte // to be kept
}

// put plans to keep v, or to remove the key if v is nil.
func (d *draft) put(key string, v any) error {
	if v == nil {
		d.values[key] = nil
		return nil
	}
	b, err := json.Marshal(v)
	d.values[key] = b
	return err
}

// change saves what f does to a copy of the state, with a line of the audit
// trail unless what is "", and makes it hold. f may run once only. Should another
// replica change something after all, because this one was held up, nothing is
// saved.
func (d *Desk) change(ctx context.Context, a Actor, what, detail string, f func(*draft) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	done, err := d.alone(ctx)
	if err != nil {
		return err
	}
	defer done()
	dr := &draft{state: d.state.Load().clone(), values: make(map[string][]byte)}
	if err := f(dr); err != nil {
		return err
	}
	if err := dr.settle(d.file); err != nil {
		return fmt.Errorf("%w: %w", ErrFilter, err)
	}
	now := d.now().UTC()
	if what != "" {
		act := Act{At: now, Adapter: a.Adapter, Tenant: a.Tenant, User: a.User, Channel: a.Channel, What: what, Detail: detail}
		if err := d.enter(ctx, dr, act); err != nil {
			return err
		}
	}
	return d.save(ctx, dr)
}

// save keeps a draft and makes it hold.
func (d *Desk) save(ctx context.Context, dr *draft) error {
	version, was := rand.Text(), []byte(d.version)
	if d.version == "" {
		was = nil
	}
	dr.values[versionKey] = []byte(version)
	err := d.keeper.KeepIf(ctx, versionKey, was, dr.values)
	if errors.Is(err, store.ErrChanged) {
		if _, err := d.reload(ctx); err != nil {
			return err
		}
		if d.version == version {
			return nil // it was this change: the answer to it was lost
		}
		return ErrBusy
	}
	if err != nil {
		return fmt.Errorf("save what was decided: %w", err)
	}
	d.hold(dr.state, version)
	return nil
}

// enter plans to keep a line of a tenant's audit trail, and to forget its oldest
// beyond maxActs.
func (d *Desk) enter(ctx context.Context, dr *draft, act Act) error {
	prefix := actsOf(act.Adapter, act.Tenant)
	kept, err := d.keeper.KeptAll(ctx, prefix)
	if err != nil {
		return fmt.Errorf("read the audit trail: %w", err)
	}
	keys := slices.Sorted(maps.Keys(kept))
	for _, key := range keys[:max(0, len(keys)-maxActs+1)] {
		dr.values[key] = nil
	}
	// Keys sort by time; two acts of one nanosecond are told apart.
	return dr.put(prefix+act.At.Format("20060102T150405.000000000Z")+"/"+newID(), act)
}

// actsOf begins the keys of a tenant's audit trail.
func actsOf(adapter, tenant string) string {
	sum := sha256.Sum256([]byte(adapter + "\x00" + tenant))
	return auditPrefix + hex.EncodeToString(sum[:12]) + "/"
}

// newID returns 8 letters and digits that nobody can guess.
func newID() string {
	return strings.ToLower(rand.Text()[:8])
}

// Note adds a line to the audit trail for something that changes nothing here,
// such as a card that was pulled.
func (d *Desk) Note(ctx context.Context, a Actor, what, detail string) error {
	return d.change(ctx, a, what, detail, func(*draft) error { return nil })
}

// Audit returns the newest lines of the audit trail of a tenant, newest first.
func (d *Desk) Audit(ctx context.Context, adapter, tenant string, limit int) ([]Act, error) {
	kept, err := d.keeper.KeptAll(ctx, actsOf(adapter, tenant))
	if err != nil {
		return nil, err
	}
	var acts []Act
	for key, value := range kept {
		var a Act
		if err := json.Unmarshal(value, &a); err != nil {
			return nil, fmt.Errorf("audit trail: %s: %w", key, err)
		}
		acts = append(acts, a)
	}
	slices.SortFunc(acts, func(a, b Act) int { return b.At.Compare(a.At) })
	return acts[:min(len(acts), limit)], nil
}

// Follow makes a channel follow a source, which is added if it is new. The
// source keeps the ID it has if its address is followed already.
func (d *Desk) Follow(ctx context.Context, a Actor, src news.Source, w Want) (news.SourceID, error) {
	tenant := a.tenant()
	err := d.change(ctx, a, "follow", src.URL+" in "+w.Channel.String(), func(dr *draft) error {
		id, known := dr.byAddress(d.file, src.URL)
		if now := d.state.Load(); !now.seen[tenant][id] && now.countOf(tenant) >= MaxSources {
			return ErrLimit
		}
		if !known {
			id = dr.freeID(d.file, src.ID)
			src.ID = id
			f := Followed{Source: src, Tenant: tenant, By: a.User, At: d.now().UTC()}
			dr.followed[id] = f
			if err := dr.put(sourceKind+string(id), f); err != nil {
				return err
			}
		}
		src.ID, w.Source = id, id
		k := wantKey{id, w.Channel}
		if _, ok := d.state.Load().wants[k]; ok {
			return ErrTaken
		}
		w.Made, w.Tenant, w.By, w.At = true, tenant, a.User, d.now().UTC()
		return dr.putMade(k, w)
	})
	return src.ID, err
}

// byAddress returns the source that reads an address.
func (s *state) byAddress(file File, url string) (news.SourceID, bool) {
	for _, src := range file.Sources {
		if src.URL == url {
			return src.ID, true
		}
	}
	for id, f := range s.followed {
		if f.URL == url {
			return id, true
		}
	}
	return "", false
}

// countOf returns how many sources the channels of a tenant follow from chat.
func (s *state) countOf(tenant string) int { return len(s.seen[tenant]) }

func (s *state) digestsOf(tenant string) (n int) {
	for _, g := range s.digests {
		if g.Tenant == tenant {
			n++
		}
	}
	return n
}

// mine refuses what is another tenant's, as if it were not there.
func (*state) mine(a Actor, tenant string) error {
	if tenant != "" && tenant != a.tenant() {
		return ErrNone
	}
	return nil
}

// freeID returns id, or id with a number if it is taken.
func (s *state) freeID(file File, id news.SourceID) news.SourceID {
	taken := func(id news.SourceID) bool {
		_, ok := s.followed[id]
		return ok || slices.ContainsFunc(file.Sources, func(src news.Source) bool { return src.ID == id })
	}
	free := id
	for n := 2; taken(free); n++ {
		free = news.SourceID(fmt.Sprintf("%s-%d", id, n))
	}
	return free
}

func (d *draft) putMade(k wantKey, w Want) error {
	d.made[k] = w
	return d.put(wantName(k), w)
}

func wantName(k wantKey) string { return wantKind + k.channel.String() + "/" + string(k.source) }

// Unfollow ends a channel's following of a source. A source that chat added
// and nobody follows any more is left too.
func (d *Desk) Unfollow(ctx context.Context, a Actor, source news.SourceID, ch chat.Channel) error {
	return d.change(ctx, a, "unfollow", string(source)+" in "+ch.String(), func(dr *draft) error {
		k := wantKey{source, ch}
		if d.inFile(k) {
			return ErrFile
		}
		w, ok := dr.made[k]
		if !ok || !w.Made || dr.mine(a, dr.tenantOf(w)) != nil {
			return ErrNone
		}
		delete(dr.made, k)
		if err := dr.put(wantName(k), nil); err != nil {
			return err
		}
		return dr.leave(source)
	})
}

// leave drops a source of chat's that nobody wants.
func (d *draft) leave(source news.SourceID) error {
	if _, ok := d.followed[source]; !ok {
		return nil
	}
	for k := range d.made {
		if k.source == source {
			return nil
		}
	}
	delete(d.followed, source)
	return d.put(sourceKind+string(source), nil)
}

func (d *Desk) inFile(k wantKey) bool {
	return slices.ContainsFunc(d.file.Wants, func(w Want) bool { return w.Source == k.source && w.Channel == k.channel })
}

// Pause stops a channel from being told of a source, or with resume starts it
// again with what is new then.
func (d *Desk) Pause(ctx context.Context, a Actor, source news.SourceID, ch chat.Channel, resume bool) error {
	what := "pause"
	if resume {
		what = "resume"
	}
	return d.change(ctx, a, what, string(source)+" in "+ch.String(), func(dr *draft) error {
		return dr.edit(d, a, wantKey{source, ch}, func(w *Want) error {
			w.Paused = !resume
			return nil
		})
	})
}

// Set changes what a channel wants of a source. What the file sets cannot be
// changed: ErrFile.
func (d *Desk) Set(ctx context.Context, a Actor, source news.SourceID, ch chat.Channel, detail string, f func(w *Want)) error {
	return d.change(ctx, a, "set", string(source)+" in "+ch.String()+": "+detail, func(dr *draft) error {
		return dr.edit(d, a, wantKey{source, ch}, func(w *Want) error {
			before := *w
			f(w)
			w.Source, w.Channel = before.Source, before.Channel
			for _, text := range []string{w.Filter, w.Loud} {
				if _, err := parse(text); err != nil {
					return err
				}
			}
			return d.allowed(before, *w)
		})
	})
}

// parse reads a filter that a user wrote.
func parse(text string) (rules.Filter, error) {
	if len(text) > MaxFilter {
		return rules.Filter{}, fmt.Errorf("%w: it is longer than %d letters", ErrFilter, MaxFilter)
	}
	f, err := rules.Parse(text)
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrFilter, err)
	}
	return f, nil
}

// allowed refuses a change of what the file sets.
func (d *Desk) allowed(before, after Want) error {
	i := slices.IndexFunc(d.file.Wants, func(w Want) bool { return w.Source == before.Source && w.Channel == before.Channel })
	if i < 0 {
		return nil
	}
	file := d.file.Wants[i]
	switch {
	case file.Filter != "" && after.Filter != before.Filter,
		len(file.Mentions) > 0 && (!slices.Equal(after.Mentions, before.Mentions) || after.Loud != before.Loud),
		after.Silent != before.Silent, after.Style != before.Style, after.Publish != before.Publish,
		after.Closing != before.Closing, after.Delete != before.Delete, !slices.Equal(after.Tags, before.Tags):
		return ErrFile
	}
	return nil
}

// edit changes what is kept of a want; of one in the file a note beside it.
func (d *draft) edit(desk *Desk, a Actor, k wantKey, f func(*Want) error) error {
	now, ok := desk.state.Load().wants[k]
	if !ok || d.mine(a, d.tenantOf(d.made[k])) != nil {
		return ErrNone
	}
	w := now.Want
	w.Made = !desk.inFile(k)
	if err := f(&w); err != nil {
		return err
	}
	w.Tenant, w.By, w.At = a.tenant(), a.User, desk.now().UTC()
	return d.putMade(k, w)
}

// Move makes another channel follow a source with the same wishes, in place of
// the first.
func (d *Desk) Move(ctx context.Context, a Actor, source news.SourceID, from, to chat.Channel) error {
	return d.change(ctx, a, "move", fmt.Sprintf("%s from %s to %s", source, from, to), func(dr *draft) error {
		old, target := wantKey{source, from}, wantKey{source, to}
		if d.inFile(old) {
			return ErrFile
		}
		w, ok := dr.made[old]
		if !ok || !w.Made || dr.mine(a, dr.tenantOf(w)) != nil {
			return ErrNone
		}
		if _, ok := d.state.Load().wants[target]; ok {
			return ErrTaken
		}
		delete(dr.made, old)
		if err := dr.put(wantName(old), nil); err != nil {
			return err
		}
		w.Channel, w.Tenant, w.By, w.At = to, a.tenant(), a.User, d.now().UTC()
		return dr.putMade(target, w)
	})
}

// SetQuiet sets the hours in which a channel wants to be left alone, and what
// passes all the same. Empty hours end them.
func (d *Desk) SetQuiet(ctx context.Context, a Actor, ch chat.Channel, hours, pass string) error {
	if _, err := rules.ParseHours(hours); err != nil {
		return fmt.Errorf("%w: %w", ErrFilter, err)
	}
	if _, err := parse(pass); err != nil {
		return err
	}
	return d.change(ctx, a, "quiet", ch.String()+": "+hours, func(dr *draft) error {
		if slices.ContainsFunc(d.file.Rooms, func(r Room) bool { return r.Channel == ch && r.Quiet != "" }) {
			return ErrFile
		}
		if err := dr.mine(a, dr.roomsIn[ch].Tenant); err != nil {
			return err
		}
		key := roomKind + ch.String()
		if hours == "" {
			delete(dr.roomsIn, ch)
			return dr.put(key, nil)
		}
		r := Room{Channel: ch, Quiet: hours, Pass: pass, Tenant: a.tenant(), By: a.User, At: d.now().UTC()}
		dr.roomsIn[ch] = r
		return dr.put(key, r)
	})
}

// noAct is what people decide for themselves: no audit trail shows it to others.
const noAct = ""

// AddAlert alerts a person of what a filter wants.
func (d *Desk) AddAlert(ctx context.Context, a Actor, user chat.Channel, source news.SourceID, filter string) (Alert, error) {
	f, err := parse(filter)
	if err != nil {
		return Alert{}, err
	}
	al := Alert{ID: newID(), User: user, Source: source, Filter: f.String(), Tenant: a.tenant(), At: d.now().UTC()}
	err = d.change(ctx, a, noAct, "", func(dr *draft) error {
		list := dr.alerts[user]
		if len(list) >= MaxAlerts {
			return ErrLimit
		}
		if slices.ContainsFunc(list, func(x alert) bool { return x.Source == source && x.Filter == al.Filter }) {
			return ErrTaken
		}
		dr.alerts[user] = append(list, alert{al, f})
		return dr.put(alertKind+al.ID, al)
	})
	return al, err
}

// DropAlert ends an alert of a person; "" ends all of theirs.
func (d *Desk) DropAlert(ctx context.Context, a Actor, user chat.Channel, id string) error {
	return d.change(ctx, a, noAct, "", func(dr *draft) error {
		var left []alert
		dropped := 0
		for _, al := range dr.alerts[user] {
			if id != "" && al.ID != id {
				left = append(left, al)
				continue
			}
			dropped++
			if err := dr.put(alertKind+al.ID, nil); err != nil {
				return err
			}
		}
		if dropped == 0 {
			return ErrNone
		}
		dr.alerts[user] = left
		if len(left) == 0 {
			delete(dr.alerts, user)
		}
		return nil
	})
}

// AddDigest adds a digest and returns it with its ID. The caller has checked
// Spec.
func (d *Desk) AddDigest(ctx context.Context, a Actor, g Digest) (Digest, error) {
	g.ID, g.Tenant, g.By, g.At = newID(), a.tenant(), a.User, d.now().UTC()
	if g.Home == (chat.Channel{}) {
		g.Home = g.Channel
	}
	err := d.change(ctx, a, "digest", g.Channel.String()+": "+g.Spec, func(dr *draft) error {
		if dr.digestsOf(g.Tenant) >= MaxDigests {
			return ErrLimit
		}
		dr.digests[g.ID] = g
		return dr.put(digestKind+g.ID, g)
	})
	return g, err
}

// DropDigest ends a digest of a channel, or that was asked for in it.
func (d *Desk) DropDigest(ctx context.Context, a Actor, ch chat.Channel, id string) error {
	return d.change(ctx, a, "digest off", id, func(dr *draft) error {
		if g, ok := d.state.Load().allDigests[id]; ok && g.File && g.Channel == ch {
			return ErrFile
		}
		g, ok := dr.digests[id]
		if !ok || g.Channel != ch && g.Home != ch || dr.mine(a, g.Tenant) != nil {
			return ErrNone
		}
		delete(dr.digests, id)
		return dr.put(digestKind+id, nil)
	})
}

// Recall withdraws an entry from channels of the actor's server or workspace,
// whatever its source says of it later.
func (d *Desk) Recall(ctx context.Context, a Actor, e news.Ref, channels []chat.Channel) error {
	r := Recall{ID: newID(), Entry: e, Channels: channels, Tenant: a.tenant(), By: a.User, At: d.now().UTC()}
	return d.change(ctx, a, "pull here", e.String(), func(dr *draft) error {
		var own []Recall
		for _, old := range dr.recalls {
			if old.Tenant == r.Tenant {
				own = append(own, old)
			}
		}
		slices.SortFunc(own, func(a, b Recall) int { return a.At.Compare(b.At) })
		for _, old := range own[:max(0, len(own)-MaxRecalls+1)] {
			delete(dr.recalls, old.ID)
			if err := dr.put(recallKind+old.ID, nil); err != nil {
				return err
			}
		}
		dr.recalls[r.ID] = r
		return dr.put(recallKind+r.ID, r)
	})
}

// SetZone sets the time zone of the actor's server or workspace; "" ends that.
// The caller has checked that there is such a zone.
func (d *Desk) SetZone(ctx context.Context, a Actor, zone string) error {
	t := Tenant{Name: a.tenant(), Zone: zone, By: a.User, At: d.now().UTC()}
	return d.change(ctx, a, "zone", zone, func(dr *draft) error {
		sum := sha256.Sum256([]byte(t.Name))
		key := tenantKind + hex.EncodeToString(sum[:12])
		if zone == "" {
			delete(dr.tenants, t.Name)
			return dr.put(key, nil)
		}
		dr.tenants[t.Name] = t
		return dr.put(key, t)
	})
}
