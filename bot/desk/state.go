package desk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/bot/rules"
	"github.com/pullquote/pullquote/store"
)

// The keys of what is kept: prefix, what it is, and which.
const (
	prefix      = "desk/"
	sourceKind  = prefix + "source/"
	wantKind    = prefix + "want/"
	roomKind    = prefix + "room/"
	alertKind   = prefix + "alert/"
	digestKind  = prefix + "digest/"
	recallKind  = prefix + "recall/"
	tenantKind  = prefix + "tenant/"
	auditPrefix = "audit/" // not under prefix: it is not read at the start
)

type wantKey struct {
	source  news.SourceID
	channel chat.Channel
}

type recallKey struct {
	entry   news.Ref
	channel chat.Channel
}

// A state is everything that holds at a time. It is never changed once it is
// stored in a Desk.
type state struct {
	superseded chan struct{} // closed when another state holds

	followed map[news.SourceID]Followed
	made     map[wantKey]Want // as kept
	roomsIn  map[chat.Channel]Room
	alerts   map[chat.Channel][]alert // by age
	digests  map[string]Digest
	recalls  map[string]Recall
	tenants  map[string]Tenant // by its name among all adapters

	// What follows from these and the file.
	wants    map[wantKey]want
	rooms    map[chat.Channel]room
	filtered map[chat.Channel]bool
	sources  []news.Source
	subs     []store.Subscription
	seen     map[string]map[news.SourceID]bool // by tenant: the sources that its channels follow from chat
	places   map[chat.Channel]string           // the tenants of channels
	recalled map[recallKey]bool

	allDigests map[string]Digest // the file's too
}

// A want is a Want with its filters ready.
type want struct {
	Want
	filter, loud rules.Filter
}

type room struct {
	Room
	quiet rules.Hours
	pass  rules.Filter
}

type alert struct {
	Alert
	filter rules.Filter
}

func newState() *state {
	return &state{
		superseded: make(chan struct{}),
		followed:   make(map[news.SourceID]Followed), made: make(map[wantKey]Want),
		roomsIn: make(map[chat.Channel]Room), alerts: make(map[chat.Channel][]alert), digests: make(map[string]Digest), recalls: make(map[string]Recall),
		tenants: make(map[string]Tenant),
	}
}

// clone returns a state that may be changed without changing s.
func (s *state) clone() *state {
	c := &state{
		superseded: make(chan struct{}),
		followed:   maps.Clone(s.followed), made: maps.Clone(s.made),
		roomsIn: maps.Clone(s.roomsIn), alerts: maps.Clone(s.alerts), digests: maps.Clone(s.digests), recalls: maps.Clone(s.recalls),
		tenants: maps.Clone(s.tenants),
	}
	for user, list := range c.alerts {
		c.alerts[user] = slices.Clone(list)
	}
	return c
}

// read takes in a kept value.
func (s *state) read(key string, value []byte) error {
	switch {
	case strings.HasPrefix(key, sourceKind):
		var f Followed
		if err := json.Unmarshal(value, &f); err != nil {
			return err
		}
		s.followed[f.ID] = f
	case strings.HasPrefix(key, wantKind):
		var w Want
		if err := json.Unmarshal(value, &w); err != nil {
			return err
		}
		s.made[wantKey{w.Source, w.Channel}] = w
	case strings.HasPrefix(key, roomKind):
		var r Room
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		s.roomsIn[r.Channel] = r
	case strings.HasPrefix(key, alertKind):
		var a Alert
		if err := json.Unmarshal(value, &a); err != nil {
			return err
		}
		f, err := rules.Parse(a.Filter)
		if err != nil {
			return err
		}
		s.alerts[a.User] = append(s.alerts[a.User], alert{a, f})
		slices.SortFunc(s.alerts[a.User], func(x, y alert) int { return x.At.Compare(y.At) })
	case strings.HasPrefix(key, digestKind):
		var g Digest
		if err := json.Unmarshal(value, &g); err != nil {
			return err
		}
		if g.Home == (chat.Channel{}) {
			g.Home = g.Channel
		}
		s.digests[g.ID] = g
	case strings.HasPrefix(key, recallKind):
		var r Recall
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		s.recalls[r.ID] = r
	case strings.HasPrefix(key, tenantKind):
		var t Tenant
		if err := json.Unmarshal(value, &t); err != nil {
			return err
		}
		s.tenants[t.Name] = t
	}
	return nil // a later version's
}

// settle works out what follows from the file and from chat together.
func (s *state) settle(file File) error {
	s.sources = slices.Clone(file.Sources)
	named := make(map[news.SourceID]bool, len(file.Sources))
	for _, src := range file.Sources {
		named[src.ID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(s.followed)) {
		if !named[id] {
			named[id] = true
			s.sources = append(s.sources, s.followed[id].Source)
		}
	}
	if err := s.settleWants(file, named); err != nil {
		return err
	}
	if err := s.settleRooms(file); err != nil {
		return err
	}
	s.settleTenants()
	s.settleDigests(file)
	s.settleSubs(named)
	return nil
}

// settleTenants works out whose channels are whose, and who follows what.
func (s *state) settleTenants() {
	s.seen, s.places = make(map[string]map[news.SourceID]bool), make(map[chat.Channel]string)
	for k, w := range s.made {
		tenant := s.tenantOf(w)
		if tenant == "" {
			continue
		}
		s.places[k.channel] = tenant
		if !w.Made {
			continue
		}
		if s.seen[tenant] == nil {
			s.seen[tenant] = make(map[news.SourceID]bool)
		}
		s.seen[tenant][k.source] = true
	}
	for user, list := range s.alerts {
		s.places[user] = list[0].Tenant
	}
	for ch, r := range s.roomsIn {
		if r.Tenant != "" {
			s.places[ch] = r.Tenant
		}
	}
	s.recalled = make(map[recallKey]bool)
	for _, r := range s.recalls {
		for _, ch := range r.Channels {
			s.recalled[recallKey{r.Entry, ch}] = true
		}
	}
}

// settleDigests puts the file's digests beside those of chat.
func (s *state) settleDigests(file File) {
	s.allDigests = maps.Clone(s.digests)
	for _, g := range file.Digests {
		s.allDigests[g.ID] = g
	}
}

// tenantOf returns who said last what a channel wants, "" if it is not known.
func (s *state) tenantOf(w Want) string {
	if w.Tenant != "" || !w.Made {
		return w.Tenant
	}
	return s.followed[w.Source].Tenant
}

// visible reports whether a tenant may know of a source.
func (s *state) visible(tenant string, source news.SourceID) bool {
	_, made := s.followed[source]
	return !made || s.seen[tenant][source]
}

func (s *state) settleWants(file File, named map[news.SourceID]bool) error {
	s.wants = make(map[wantKey]want, len(file.Wants)+len(s.made))
	s.filtered = make(map[chat.Channel]bool)
	for _, w := range file.Wants {
		k := wantKey{w.Source, w.Channel}
		if err := s.putWant(k, beside(w, s.made[k])); err != nil {
			return err
		}
	}
	for k, w := range s.made {
		if _, ok := s.wants[k]; ok || !w.Made || !named[k.source] {
			continue
		}
		if err := s.putWant(k, w); err != nil {
			return err
		}
	}
	return nil
}

// beside returns what the file says of a subscription, with what chat added
// where the file says nothing.
func beside(file, chat Want) Want {
	file.Paused = chat.Paused
	if file.Filter == "" {
		file.Filter = chat.Filter
	}
	if len(file.Mentions) == 0 {
		file.Mentions, file.Loud = chat.Mentions, chat.Loud
	}
	return file
}

func (s *state) putWant(k wantKey, w Want) error {
	f, err := rules.Parse(w.Filter)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", k.source, k.channel, err)
	}
	loud, err := rules.Parse(w.Loud)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", k.source, k.channel, err)
	}
	s.wants[k] = want{Want: w, filter: f, loud: loud}
	if !f.IsZero() {
		s.filtered[k.channel] = true
	}
	return nil
}

func (s *state) settleRooms(file File) error {
	s.rooms = make(map[chat.Channel]room)
	for _, r := range s.roomsIn {
		if err := s.putRoom(r); err != nil {
			return err
		}
	}
	for _, r := range file.Rooms {
		if c, ok := s.roomsIn[r.Channel]; ok && r.Quiet == "" {
			r.Quiet, r.Pass = c.Quiet, c.Pass
		}
		if err := s.putRoom(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) putRoom(r Room) error {
	q, err := rules.ParseHours(r.Quiet)
	if err != nil {
		return fmt.Errorf("quiet hours of %s: %w", r.Channel, err)
	}
	pass, err := rules.Parse(r.Pass)
	if err != nil {
		return fmt.Errorf("quiet hours of %s: %w", r.Channel, err)
	}
	s.rooms[r.Channel] = room{Room: r, quiet: q, pass: pass}
	return nil
}

// settleSubs lists who is told of what, alerts among them.
func (s *state) settleSubs(named map[news.SourceID]bool) {
	s.subs = nil
	for _, w := range s.wants {
		if !w.Paused {
			s.subs = append(s.subs, w.Subscription)
		}
	}
	for user, list := range s.alerts {
		told := make(map[news.SourceID]bool)
		for _, a := range list {
			if !told[a.Source] && (a.Source == "" || named[a.Source]) {
				told[a.Source] = true
				s.subs = append(s.subs, store.Subscription{Source: a.Source, Channel: user})
			}
		}
	}
	slices.SortFunc(s.subs, func(a, b store.Subscription) int {
		if c := strings.Compare(string(a.Source), string(b.Source)); c != 0 {
			return c
		}
		return strings.Compare(a.Channel.String(), b.Channel.String())
	})
}

// alerted reports whether an alert is about a source.
func (s *state) alerted(a *alert, source news.SourceID) bool {
	if a.Source != "" {
		return a.Source == source
	}
	return a.Tenant == "" || s.visible(a.Tenant, source)
}

// judgeAlerts wants what one of a person's alerts wants.
func (s *state) judgeAlerts(user chat.Channel, e *news.Entry) rules.Verdict {
	for _, a := range s.alerts[user] {
		if !s.alerted(&a, e.Source) {
			continue
		}
		if v := a.filter.Match(e); v.Wanted {
			return v
		}
	}
	return rules.Verdict{Why: "fits none of the alerts"}
}
