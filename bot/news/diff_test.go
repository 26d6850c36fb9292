package news

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2031, 3, 4, 12, 0, 0, 0, time.UTC)

// entry reads "id@minute headline | body": minute counts from noon, "-" is no
// time; an id that begins with ~ is a hash, one that begins with ! withdrawn.
func entry(s string) Entry {
	head, body, _ := strings.Cut(s, " | ")
	id, headline, _ := strings.Cut(head, " ")
	id, minute, _ := strings.Cut(id, "@")
	e := Entry{IDKind: IDExplicit, Headline: headline, Body: body}
	if rest, ok := strings.CutPrefix(id, "~"); ok {
		id, e.IDKind = rest, IDTime
	}
	if rest, ok := strings.CutPrefix(id, "!"); ok {
		id, e.Withdrawn = rest, true
	}
	id, alias, ok := strings.Cut(id, "=")
	if ok {
		e.Aliases = []EntryID{EntryID(alias)}
	}
	e.Entry = EntryID(id)
	if minute != "-" {
		var m int
		if _, err := fmt.Sscan(minute, &m); err != nil {
			panic(err)
		}
		e.Published = noon.Add(time.Duration(m) * time.Minute)
	}
	return e
}

func entries(lines ...string) []Entry {
	var list []Entry
	for _, l := range lines {
		list = append(list, entry(l))
	}
	return list
}

func remember(list []Entry, missed ...string) []Known {
	var known []Known
	for _, e := range list {
		e.FirstSeen = noon
		e.Revision = 1
		k := Remember(&e)
		if slices.Contains(missed, string(k.ID)) {
			k.Missed = MissesToWithdraw - 1
		}
		known = append(known, k)
	}
	return known
}

// begins is long enough to tell a text by.
const begins = "The harbour master measured four metres and twenty at the old lock, ten centimetres less than an hour before, and she expects no more than that until the morning."

func TestDiff(t *testing.T) {
	page := []string{"c@30 Ferry waits | The ferry waits.", "b@20 Bridge shut | Nobody crosses.", "a@10 Storm nears | Wind rises."}
	tests := []struct {
		name   string
		known  []string
		missed []string
		seen   []string
		tombs  []EntryID
		want   []string
	}{
		{"first sight, oldest first", nil, nil, page, nil, []string{"added a", "added b", "added c"}},
		{"nothing new", page, nil, page, nil, nil},
		{"white space is no edit", page, nil, []string{page[0], "b@20 Bridge  shut | Nobody\n crosses.", page[2]}, nil, nil},
		{"new entry on top", page, nil, append([]string{"d@40 Tide turns | It falls."}, page...), nil, []string{"added d"}},
		{"back-dated entry", page, nil, []string{page[0], "x@25 Late word | Found.", page[1], page[2]}, nil, []string{"added x"}},
		{"edited body", page, nil, []string{page[0], "b@20 Bridge shut | Nobody may cross.", page[2]}, nil, []string{"edited b"}},
		{"same id twice on the page", nil, nil, []string{page[0], page[0]}, nil, []string{"added c"}},
		{"absent once", page, nil, []string{page[0], page[2]}, nil, []string{"missed b 1"}},
		{"absent twice", page, []string{"b"}, []string{page[0], page[2]}, nil, []string{"withdrawn b"}},
		{"back after one absence", page, []string{"b"}, page, nil, []string{"missed b 0"}},
		{"fell off the end", page, []string{"a"}, page[:2], nil, nil},
		{"newest gone is no withdrawal", page, []string{"c"}, page[1:], nil, nil},
		{"empty page says nothing", page, []string{"a", "b", "c"}, nil, nil, nil},
		{"tombstone in the list", page, nil, []string{page[0], "!b@20 Bridge shut | Nobody crosses.", page[2]}, nil, []string{"withdrawn b"}},
		{"tombstone beside the list", page, nil, []string{page[0]}, []EntryID{"a"}, []string{"withdrawn a"}},
		{"withdrawn before it was seen", page, nil, append([]string{"!z@50 Gone | Gone."}, page...), nil, nil},
		{"standing again", []string{page[0], "!b@20 Bridge shut | Nobody crosses.", page[2]}, nil, page, nil, []string{"reinstated b"}},
		{"renumbered", page, nil, []string{"3@30 Ferry waits | The ferry waits.", "2@20 Bridge shut | Nobody crosses.", "1@10 Storm nears | Wind rises."},
			nil, []string{"aliased a", "aliased b", "aliased c"}},
		{"known by its alias", page, nil, []string{page[0], "block-b=b@20 Bridge shut | Nobody crosses.", page[2]}, nil, []string{"aliased b"}},
		{"hash id follows a headline edit", []string{"~h1@10 Harbour bridge shut to all traffic | Wind."}, nil,
			[]string{"~h2@10 Harbour bridge shut to all lorry traffic | Wind."}, nil, []string{"edited h1"}},
		{"explicit ids are never guessed", []string{"h1@10 Harbour bridge shut to all traffic | Wind."}, nil,
			[]string{"h2@10 Harbour bridge shut to all lorry traffic | Wind."}, nil, []string{"added h2"}},
		{"same headline at another time", []string{"~h1@10 Tide update | High."}, nil,
			[]string{"~h2@20 Tide update | Low.", "~h1@10 Tide update | High."}, nil, []string{"added h2"}},
		{"an alias that became another's name", []string{"x=7@10 Goal | One nil."}, nil,
			[]string{"7@12 Goal again | Two nil.", "x@10 Goal | One nil."}, nil, []string{"added 7"}},
		{"an alias that became another's name, below it", []string{"x=7@10 Goal | One nil."}, nil,
			[]string{"x@10 Goal | One nil.", "7@8 Kick-off | They play."}, nil, []string{"added 7"}},
		{"pinned copy under an alias", []string{"x=7@10 Goal | One nil."}, nil,
			[]string{"7@10 Goal | One nil.", "x@10 Goal | One nil."}, nil, nil},
		{"pinned copy under an alias, both edited", []string{"x=7@10 Goal | One nil."}, nil,
			[]string{"7@10 Goal | One nil, after review.", "x@10 Goal | One nil, after review."}, nil, []string{"edited x"}},
		{"pinned copy under an alias, both new", nil, nil,
			[]string{"y=x@10 Goal | One nil.", "x@10 Goal | One nil."}, nil, []string{"added x"}},
		{"hash ids with one headline and minute", []string{"~h1@10 Goal | Ann scores."}, nil,
			[]string{"~h3@10 Goal | Ann scores.", "~h2@10 Goal | Ben scores."}, nil, []string{"added h2", "aliased h1"}},
		{"undated entry is no newer one", []string{"p@- Pinned | x", "b@-10 Second | x", "a@-20 First | x"}, nil,
			[]string{"p@- Pinned | x", "a@-20 First | x"}, nil, nil},
		{"undated, known", []string{"~h1@- Tide update | High."}, nil, []string{"~h1@- Tide update | High."}, nil, nil},
		{"undated, body edited", []string{"~h1@- Tide update | High."}, nil, []string{"~h1@- Tide update | Higher."}, nil, []string{"edited h1"}},
		{"undated, headline edited", []string{"~h1@- Tide turns | " + begins}, nil,
			[]string{"~h2@- Tide turned an hour early | " + begins + " It falls."}, nil, []string{"edited h1"}},
		{"undated, the next of the kind", []string{"~h1@- Ferry 12 late by an hour | Wait."}, nil,
			[]string{"~h2@- Ferry 14 late by an hour | Wait."}, nil, []string{"added h2"}},
		{"undated, both on the page", []string{"~h1@- Tide turns | " + begins}, nil,
			[]string{"~h2@- Tide turned | " + begins, "~h1@- Tide turns | " + begins}, nil, []string{"added h2"}},
		{"a time is found for it", []string{"~h1@- Pier shut | Stay off."}, nil, []string{"~h2@-10 Pier shut | Stay off."}, nil, []string{"aliased h1"}},
		{"its time is lost", []string{"~h1@-10 Pier shut | Stay off."}, nil, []string{"~h2@- Pier shut | Stay off."}, nil, []string{"aliased h1"}},
		{"a time is found, and it is later", []string{"~h1@- Half-time | No goals."}, nil, []string{"~h2@10 Half-time | No goals."}, nil, []string{"added h2"}},
		{"a time is found, for two alike", []string{"~h1@- Half-time | No goals.", "~h3@- Half-time | No goals."}, nil,
			[]string{"~h2@-10 Half-time | No goals."}, nil, []string{"added h2"}},
		{"undated, explicit ids", []string{"h1@- Tide turns | " + begins}, nil, []string{"h2@- Tide turned | " + begins}, nil, []string{"added h2"}},
		{"hash id follows another headline over the same text", []string{"~h1@10 Tide | " + begins}, nil,
			[]string{"~h2@10 Water falls in the old town | " + begins}, nil, []string{"edited h1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			known := remember(entries(tt.known...), tt.missed...)
			var got []string
			for _, c := range Diff(known, Snapshot{Entries: entries(tt.seen...), Withdrawn: tt.tombs}) {
				line := c.Kind.String() + " " + string(c.Entry.Entry)
				if c.Kind == Missed {
					line += fmt.Sprintf(" %d", c.Missed)
				}
				got = append(got, line)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

// A page that loses most of what it held is broken or renumbered, not purged.
func TestDiffBrokenPageWithdrawsNothing(t *testing.T) {
	var lines []string
	for i := 20; i > 0; i-- {
		lines = append(lines, fmt.Sprintf("e%d@%d Headline %d | Body.", i, i, i))
	}
	known := remember(entries(lines...))
	for i := range known {
		known[i].Missed = MissesToWithdraw
	}
	snap := Snapshot{Entries: entries(lines[0], lines[1], lines[19])}
	for _, c := range Diff(known, snap) {
		if c.Kind == Retracted {
			t.Errorf("%s was withdrawn", c.Entry.Entry)
		}
	}
}

// Older than Since, the snapshot may lack entries that stand.
func TestDiffGapBeforeSince(t *testing.T) {
	known := remember(entries("c@30 Third | x", "b@20 Second | x", "a@10 First | x", "p@1 Pinned | x"), "a", "b")
	snap := Snapshot{Entries: entries("c@30 Third | x", "p@1 Pinned | x"), Since: noon.Add(15 * time.Minute)}
	var got []string
	for _, c := range Diff(known, snap) {
		got = append(got, c.Kind.String()+" "+string(c.Entry.Entry))
	}
	if d := cmp.Diff([]string{"withdrawn b"}, got); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}

// apply is what a ledger does with changes, in ten lines.
func apply(known []Known, changes []Change) []Known {
	for _, c := range changes {
		i := slices.IndexFunc(known, func(k Known) bool { return k.ID == c.Entry.Entry })
		switch c.Kind {
		case Added:
			known = append(known, Remember(&c.Entry))
		case Missed:
			known[i].Missed = c.Missed
		case Retracted:
			known[i].Withdrawn, known[i].Missed = true, 0
		default:
			k := Remember(&c.Entry)
			k.Aliases = unionIDs(known[i].Aliases, k.Aliases, k.ID)
			known[i] = k
		}
	}
	return known
}

func TestDiffSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		page := func(name string) Snapshot {
			ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 30), 0, 12, rapid.ID).Draw(t, name)
			slices.Sort(ids)
			slices.Reverse(ids)
			var s Snapshot
			for _, id := range ids {
				rev := rapid.IntRange(0, 2).Draw(t, "rev")
				s.Entries = append(s.Entries, entry(fmt.Sprintf("e%d@%d Headline number %d | Body, state %d.", id, id, id, rev)))
			}
			return s
		}
		known := apply(nil, Diff(nil, page("first")))
		snap := page("second")
		for range MissesToWithdraw + 1 {
			known = apply(known, Diff(known, snap))
		}
		if again := Diff(known, snap); len(again) > 0 {
			t.Fatalf("the same page still changes %v %s", again[0].Kind, again[0].Entry.Entry)
		}
	})
}

func TestRevise(t *testing.T) {
	said := func(text, speaker string) []Quote { return []Quote{{Text: text, Speaker: speaker, Kind: Direct}} }
	prev := Entry{
		Ref: Ref{"s", "a"}, Headline: "Bridge shut", Body: "Forty lorries wait.", Author: "Ada Finch",
		Quotes: said("Forty lorries are waiting", "Una Marsh"), FirstSeen: noon, Revision: 1,
	}
	tests := []struct {
		name string
		next Entry
		want Status
		was  []Quote
	}{
		{"other words in the text", Entry{Body: "Fifty lorries wait.", Quotes: prev.Quotes}, Updated, nil},
		{"a quote's words", Entry{Quotes: said("Fourteen lorries are waiting", "Una Marsh")}, Corrected, prev.Quotes},
		{"a quote's speaker", Entry{Quotes: said("Forty lorries are waiting", "Ned Shaw")}, Corrected, prev.Quotes},
		{"a comma in a quote", Entry{Quotes: said("Forty lorries, are waiting", "Una Marsh")}, Updated, nil},
		{"a quote was cut", Entry{Body: "They wait."}, Updated, nil},
		{"a quote was added", Entry{Quotes: append(said("I have never seen it so bad", "Ned Shaw"), prev.Quotes...)}, Updated, nil},
		{"it says so", Entry{Body: "Fourteen lorries wait.\n\nCorrection: an earlier figure was wrong.", Quotes: prev.Quotes}, Corrected, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Revise(prev, tt.next, noon.Add(time.Hour))
			if got.Status != tt.want {
				t.Errorf("status %q, want %q", got.Status, tt.want)
			}
			if d := cmp.Diff(tt.was, got.Was); d != "" {
				t.Errorf("Was (-want +got):\n%s", d)
			}
			if got.Ref != prev.Ref || got.Revision != 2 || got.FirstSeen != noon || got.Author != "Ada Finch" {
				t.Errorf("history not kept: %+v", got)
			}
		})
	}
}

func TestReviseKeepsTheCorrection(t *testing.T) {
	first := Entry{Ref: Ref{"s", "a"}, Quotes: []Quote{{Text: "Forty lorries are waiting", Speaker: "Una Marsh"}}, Revision: 1}
	second := Revise(first, Entry{Quotes: []Quote{{Text: "Fourteen lorries are waiting", Speaker: "Una Marsh"}}}, noon)
	third := Revise(second, Entry{Body: "More text.", Quotes: second.Quotes}, noon)
	if third.Status != Corrected || len(third.Was) != 1 {
		t.Errorf("status %q, was %v", third.Status, third.Was)
	}
}

func BenchmarkDiff(b *testing.B) {
	var page []Entry
	for i := 428; i > 0; i-- {
		page = append(page, entry(fmt.Sprintf("e%d@%d Headline number %d | %s", i, i, i, strings.Repeat("Words of the body stand here. ", 40))))
	}
	known := remember(page[1:])
	b.ReportAllocs()
	for b.Loop() {
		if got := Diff(known, Snapshot{Entries: page}); len(got) != 1 {
			b.Fatal(len(got))
		}
	}
}

func TestReviseAfterWithdrawal(t *testing.T) {
	said := func(n string) Entry {
		return Entry{Ref: Ref{"s", "a"}, Quotes: []Quote{{Text: n + " lorries are waiting", Speaker: "Una Marsh"}}}
	}
	first := said("Forty")
	corrected := Revise(first, said("Fourteen"), noon)
	back := Revise(Retract(corrected, noon), said("Fourteen"), noon)
	if back.Status != Corrected || len(back.Was) != 1 || back.Withdrawn {
		t.Errorf("corrected, withdrawn and back: status %q, was %v, withdrawn %v", back.Status, back.Was, back.Withdrawn)
	}
	fresh := Revise(Retract(first, noon), said("Forty"), noon)
	if fresh.Status != Updated || len(fresh.Was) != 0 {
		t.Errorf("withdrawn and back as it was: status %q, was %v", fresh.Status, fresh.Was)
	}
}

func TestAliasesDoNotGrowForEver(t *testing.T) {
	e := Entry{Ref: Ref{"s", "a"}}
	for i := range 100 {
		e = Alias(e, []EntryID{"a", EntryID(fmt.Sprint("x", i)), EntryID(fmt.Sprint("x", i/2))})
	}
	if len(e.Aliases) > maxAliases || !slices.Contains(e.Aliases, "x99") || slices.Contains(e.Aliases, "a") {
		t.Errorf("%d aliases: %v", len(e.Aliases), e.Aliases)
	}
	if again := Alias(e, e.Aliases); !slices.Equal(again.Aliases, e.Aliases) {
		t.Errorf("the same aliases again change them: %v", again.Aliases)
	}
}
