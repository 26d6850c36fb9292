package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// format is the version of what Items say.
const format = 1

// An Item is one thing that a ledger holds, in a form that every engine can
// give and take. Exactly one of its fields is set. Items come in the order of
// the fields, the Head first.
type Item struct {
	Head         *Head          `json:",omitempty"`
	Source       *Source        `json:",omitempty"`
	Subscription *Subscription  `json:",omitempty"`
	Entry        *EntryItem     `json:",omitempty"`
	Alias        *AliasItem     `json:",omitempty"`
	Revision     *news.Entry    `json:",omitempty"`
	Receipt      *store.Receipt `json:",omitempty"`
	Rollup       *RollupItem    `json:",omitempty"`
	Folded       *FoldedItem    `json:",omitempty"`
	Delivery     *Delivery      `json:",omitempty"` // those of a channel in the order of their IDs
	Abandoned    *Delivery      `json:",omitempty"` // those that were given up first, first
	Kept         *KeptItem      `json:",omitempty"`
}

// A Head says which ledger it is.
type Head struct {
	Format int
	Ledger string // its id
	Copy   Copy   `json:",omitzero"` // of the ledger itself, if it was opened from one
	// Copied is when a copy was made of a ledger that goes on; zero when a ledger
	// moves and goes on nowhere else.
	Copied time.Time `json:",omitzero"`
}

// An EntryItem is an entry as last recorded.
type EntryItem struct {
	Entry  news.Entry
	Missed int `json:",omitempty"` // successive readings that lacked it
}

// An AliasItem is another id by which an entry is known.
type AliasItem struct {
	Source news.SourceID
	Alias  news.EntryID
	Entry  news.EntryID
}

// A RollupItem is a roll-up of a channel.
type RollupItem struct {
	Channel chat.Channel
	Number  uint64
	Rollup  Rollup
}

// A FoldedItem is an entry that a roll-up tells.
type FoldedItem struct {
	Channel chat.Channel
	Number  uint64
	Entry   news.Ref
}

// A KeptItem is a value that another room keeps.
type KeptItem struct {
	Key, Value []byte
}

// NewHead returns the head of a ledger. copied is when a copy is made of it.
func NewHead(id string, c Copy, copied time.Time) *Item {
	return &Item{Head: &Head{Format: format, Ledger: id, Copy: c, Copied: UTC(copied)}}
}

// Opened returns what the ledger that is made of the items knows of being a
// copy, at the time it is made. If doubt is set, each delivery without a message
// may have been sent since (see Doubt).
func (h *Head) Opened(now time.Time) (c Copy, doubt bool) {
	if h.Copied.IsZero() {
		return h.Copy, false
	}
	return Copy{Copied: h.Copied, Opened: UTC(now)}, true
}

// Doubt makes a delivery without a message one that may have been sent.
func (d *Delivery) Doubt(since time.Time) (changed bool) {
	if d.Edit || !d.Tried.IsZero() {
		return false
	}
	d.Tried = since
	return true
}

// ErrExchange says that what was read is no copy of a ledger, or is not whole.
var ErrExchange = errors.New("this is no whole copy of a ledger")

// maxItem bounds one item when it is read, in bytes.
const maxItem = 64 << 20

// Write returns a function that writes items to w, a line each, and one that
// ends the copy and returns how many bytes there are.
func Write(w io.Writer) (put func(*Item) error, end func() (int64, error)) {
	out := &counter{w: w}
	buf := bufio.NewWriterSize(out, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	n := 0
	put = func(it *Item) error {
		n++
		return enc.Encode(it)
	}
	end = func() (int64, error) {
		if err := enc.Encode(struct{ End int }{n}); err != nil {
			return out.n, err
		}
		return out.n, buf.Flush()
	}
	return put, end
}

type counter struct {
	w io.Writer
	n int64
}

// Write implements [io.Writer].
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Read returns the items that Write wrote. After an error, which wraps
// ErrExchange, come no more.
func Read(r io.Reader) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 64<<10), maxItem)
		n := 0
		for lines.Scan() {
			var line struct {
				Item
				End *int
			}
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				yield(nil, fmt.Errorf("%w: line %d: %w", ErrExchange, n+1, err))
				return
			}
			if line.End != nil {
				if *line.End != n {
					yield(nil, fmt.Errorf("%w: it has %d items of %d", ErrExchange, n, *line.End))
				}
				return
			}
			n++
			if !yield(&line.Item, nil) {
				return
			}
		}
		err := lines.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		yield(nil, fmt.Errorf("%w: after %d items: %w", ErrExchange, n, err))
	}
}

// Begin returns the head of items and the rest of them.
func Begin(items iter.Seq2[*Item, error]) (head *Head, rest iter.Seq2[*Item, error], stop func(), err error) {
	next, stop := iter.Pull2(items)
	it, err, ok := next()
	switch {
	case err != nil:
	case !ok || it.Head == nil:
		err = fmt.Errorf("%w: it does not say which ledger it is", ErrExchange)
	case it.Head.Format > format:
		err = fmt.Errorf("%w: the copy has format %d, this version knows %d", store.ErrSchema, it.Head.Format, format)
	}
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return it.Head, func(yield func(*Item, error) bool) {
		for it, err, ok := next(); ok; it, err, ok = next() {
			if !yield(it, err) || err != nil {
				return
			}
		}
	}, stop, nil
}
