package bot

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A question is what /follow or /pull asked about until it is confirmed. It is
// kept in the ledger: the button may be pressed at another replica, or after a
// restart.
type question struct {
	Source  news.Source  `json:",omitzero"` // /follow
	Channel chat.Channel `json:",omitzero"`
	Entry   news.Ref     `json:",omitzero"` // /pull
	User    string
	At      time.Time
}

const (
	questionPrefix = "question/"
	maxQuestions   = 256              // beyond that the oldest are forgotten
	questionTime   = 15 * time.Minute // as long as both platforms keep a button's answer alive
)

// ask keeps a question and returns its ID, which nobody can guess.
func (b *Bot) ask(ctx context.Context, q question) (id string, err error) {
	q.At = time.Now().UTC()
	text, err := json.Marshal(q)
	if err != nil {
		return "", err // unreachable: a question is plain values
	}
	open, err := b.store.KeptAll(ctx, questionPrefix)
	if err != nil {
		return "", err
	}
	values := forgotten(open, q.At)
	id = rand.Text()
	values[questionPrefix+id] = text
	return id, b.store.KeepAll(ctx, values)
}

// forgotten returns the questions that need not be kept any more, each with a
// nil value.
func forgotten(open map[string][]byte, now time.Time) map[string][]byte {
	type aged struct {
		key string
		at  time.Time
	}
	var list []aged
	gone := make(map[string][]byte)
	for key, text := range open {
		var q question
		if err := json.Unmarshal(text, &q); err != nil || now.Sub(q.At) > questionTime {
			gone[key] = nil
			continue
		}
		list = append(list, aged{key, q.At})
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key)) })
	for i := range max(0, len(list)-maxQuestions+1) {
		gone[list[i].key] = nil
	}
	return gone
}

// confirmed returns and forgets what the user was asked. ok is false if it is
// not known any more, was another's, or was confirmed already.
func (b *Bot) confirmed(ctx context.Context, id, user string) (q question, ok bool, err error) {
	if len(id) > maxQuestionID {
		return q, false, nil
	}
	text, err := b.store.Kept(ctx, questionPrefix+id)
	if errors.Is(err, store.ErrNotFound) {
		return q, false, nil
	}
	if err != nil {
		return q, false, err
	}
	if err := json.Unmarshal(text, &q); err != nil || q.User != user || time.Since(q.At) > questionTime {
		return question{}, false, nil //nolint:nilerr // what cannot be read is not known
	}
	if first, err := b.store.Once(ctx, questionPrefix+id, 2*questionTime); err != nil || !first {
		return question{}, false, err
	}
	return q, true, b.store.Keep(ctx, questionPrefix+id, nil)
}

// maxQuestionID bounds what a platform may hand back as an ID, in bytes.
const maxQuestionID = 64
