package ledger

import (
	"time"

	"github.com/pullquote/pullquote/bot/news"
)

// A Known is a news.Known, which has no JSON form of its own.
type Known struct {
	ID        news.EntryID
	Aliases   []news.EntryID `json:",omitempty"`
	Digest    []byte
	When      time.Time
	Dated     bool   `json:",omitempty"`
	Headline  string `json:",omitempty"`
	Opening   uint64 `json:",omitempty"`
	Missed    int    `json:",omitempty"`
	Withdrawn bool   `json:",omitempty"`
	Revision  int
}

// News returns what news.Diff needs.
func (k *Known) News() news.Known {
	out := news.Known{
		ID: k.ID, Aliases: k.Aliases, When: k.When, Dated: k.Dated, Headline: k.Headline, Opening: k.Opening,
		Missed: k.Missed, Withdrawn: k.Withdrawn, Revision: k.Revision,
	}
	copy(out.Digest[:], k.Digest)
	return out
}

// Remember returns what is known of an entry.
func Remember(e *news.Entry) *Known {
	k := news.Remember(e)
	return &Known{
		ID: k.ID, Aliases: k.Aliases, Digest: k.Digest[:], When: k.When, Dated: k.Dated, Headline: k.Headline, Opening: k.Opening,
		Missed: k.Missed, Withdrawn: k.Withdrawn, Revision: k.Revision,
	}
}
