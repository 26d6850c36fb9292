package news

import (
	"slices"
	"strings"
	"time"
)

// Revise returns the entry to record when prev, as recorded, was read again as
// next at the time now: next's words with prev's identity and history, one
// revision on. The rules by which a change is classed stand here and nowhere
// else. The first that holds is the Class:
//
//   - prev was withdrawn: Reinstatement;
//   - a quote's words or its named speaker changed, or the entry now says that
//     it corrects something: Correction, and Was keeps what no longer stands;
//   - nothing changed that a reader would call a change (see cosmetic):
//     Cosmetic, and Status and Changed stay what they were;
//   - anything else: Material.
//
// Status follows: Updated, but Corrected where a quote is corrected or the
// entry says so; once corrected, an entry stays marked so.
func Revise(prev, next Entry, now time.Time) Entry {
	next.Ref, next.FirstSeen = prev.Ref, prev.FirstSeen
	next.Revision, next.Changed = prev.Revision+1, now
	next.Aliases = Alias(prev, next.Aliases).Aliases
	if next.Published.IsZero() {
		next.Published = prev.Published
	}
	if next.URL == "" {
		next.URL = prev.URL
	}
	if next.Author == "" {
		next.Author = prev.Author
	}
	was := Replaced(prev.Quotes, next.Quotes)
	next.Class = classOf(&prev, &next, len(was) > 0)
	for _, q := range prev.Was {
		if !standsIn(q, next.Quotes) && !slices.Contains(was, q) {
			was = append(was, q)
		}
	}
	next.Was = was
	switch {
	case next.Class == Cosmetic:
		next.Status, next.Changed = prev.Status, prev.Changed
	case next.Class == Correction, prev.Status == Corrected, len(was) > 0,
		prev.Status == Withdrawn && saysCorrection(&next):
		next.Status = Corrected
	default:
		next.Status = Updated
	}
	return next
}

func classOf(prev, next *Entry, requoted bool) Class {
	switch {
	case prev.Withdrawn:
		return Reinstatement
	case requoted, saysCorrection(next) && !saysCorrection(prev):
		return Correction
	case cosmetic(prev, next):
		return Cosmetic
	}
	return Material
}

// Retract returns prev as withdrawn by its source at the time now.
func Retract(prev Entry, now time.Time) Entry {
	prev.Withdrawn, prev.Status, prev.Class = true, Withdrawn, Withdrawal
	prev.Changed = now
	prev.Revision++
	return prev
}

// loudness orders the classes: what a reader must be told most comes last.
var loudness = []Class{"", Cosmetic, Material, Correction, Reinstatement, Withdrawal}

// Louder reports whether a reader must rather be told of c than of than.
func (c Class) Louder(than Class) bool {
	return slices.Index(loudness, c) > slices.Index(loudness, than)
}

// Replaced returns the quotes of prev whose words or speaker changed in next.
// A quote that was merely cut is none: its words were not corrected.
func Replaced(prev, next []Quote) []Quote {
	var was []Quote
	for _, p := range prev {
		if p.InHeadline || standsIn(p, next) {
			continue
		}
		for _, n := range next {
			if sameWords(p.Text, n.Text) || !standsIn(n, prev) && similarity(p.Text, n.Text) >= 0.5 {
				was = append(was, p)
				break
			}
		}
	}
	return was
}

// standsIn reports whether q stands in list with the same words and no other
// named speaker.
func standsIn(q Quote, list []Quote) bool {
	return slices.ContainsFunc(list, func(l Quote) bool {
		return sameWords(q.Text, l.Text) && (q.Speaker == l.Speaker || q.Speaker == "" || l.Speaker == "")
	})
}

// sameWords compares words only: a comma or a curly mark is no correction.
func sameWords(a, b string) bool { return a == b || slices.Equal(words(a), words(b)) }

// saysCorrection reports whether an entry announces that it corrects
// something, in the words newsrooms use.
func saysCorrection(e *Entry) bool {
	for _, text := range []string{e.Headline, e.Body} {
		for par := range strings.SplitSeq(text, "\n\n") {
			p := strings.ToLower(strings.TrimSpace(par))
			for _, mark := range correctionMarks {
				if strings.HasPrefix(p, mark) {
					return true
				}
			}
		}
	}
	return false
}

// correctionMarks open a paragraph that announces a correction.
var correctionMarks = []string{
	"correction:", "correction –", "correction -", "corrected:", "clarification:",
	"this post has been amended", "this post was amended", "this post has been corrected",
	"this entry has been corrected", "this entry was corrected", "an earlier version of this",
}

// maxAliases bounds the names kept of an entry. Some pages name all theirs anew
// at every reading; only the newest names can be met again.
const maxAliases = 32

// Alias returns e known by ids too. Of too many names the oldest are forgotten.
func Alias(e Entry, ids []EntryID) Entry {
	all := unionIDs(e.Aliases, ids, e.Entry)
	e.Aliases = all[max(0, len(all)-maxAliases):]
	return e
}

func unionIDs(a, b []EntryID, except EntryID) []EntryID {
	var out []EntryID
	for _, id := range append(slices.Clone(a), b...) {
		if id != except && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
