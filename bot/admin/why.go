package admin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pullquote/pullquote/bot/chat"
	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// A Trace is what is known of an entry and of its cards.
type Trace struct {
	Source    string           `json:"source"` // its name
	Revisions []news.Entry     `json:"revisions"`
	Cards     []store.Receipt  `json:"cards"`
	Pending   []store.Delivery `json:"pending,omitempty"`
	Abandoned []store.Delivery `json:"abandoned,omitempty"`
}

// maxTraces bounds the entries of one answer.
const maxTraces = 20

// Trace tells what became of the entries at an address.
func (l Local) Trace(ctx context.Context, address string) ([]Trace, error) {
	refs, err := l.Store.Find(ctx, address, chat.Channel{}, "")
	if err != nil {
		return nil, err
	}
	statuses, err := l.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[news.SourceID]string, len(statuses))
	for _, s := range statuses {
		names[s.Source.ID] = s.Source.Name
	}
	var list []Trace
	for _, ref := range refs[:min(len(refs), maxTraces)] {
		t, err := l.trace(ctx, ref)
		if err != nil {
			return nil, err
		}
		t.Source = names[ref.Source]
		list = append(list, t)
	}
	return list, nil
}

func (l Local) trace(ctx context.Context, ref news.Ref) (t Trace, err error) {
	if t.Revisions, err = l.Store.History(ctx, ref); err != nil {
		return t, err
	}
	if t.Cards, err = l.Store.Receipts(ctx, ref); err != nil {
		return t, err
	}
	t.Pending, t.Abandoned, err = l.Store.Promised(ctx, ref)
	return t, err
}

// Kept returns what other rooms keep in the ledger.
func (l Local) Kept(ctx context.Context, prefix string) (map[string][]byte, error) {
	return l.Store.KeptAll(ctx, prefix)
}

const (
	callTrace = "/trace"
	callKept  = "/kept"
)

// moreCalls adds the calls of this file.
func moreCalls(mux *http.ServeMux, o Office) {
	mux.HandleFunc("GET "+callTrace, func(w http.ResponseWriter, r *http.Request) {
		list, err := o.Trace(r.Context(), r.URL.Query().Get("address"))
		answer(w, list, err)
	})
	mux.HandleFunc("GET "+callKept, func(w http.ResponseWriter, r *http.Request) {
		values, err := o.Kept(r.Context(), r.URL.Query().Get("prefix"))
		answer(w, values, err)
	})
}

// Trace tells what became of the entries at an address.
func (c *Client) Trace(ctx context.Context, address string) (list []Trace, err error) {
	err = c.call(ctx, http.MethodGet, callTrace+"?"+url.Values{"address": {address}}.Encode(), nil, &list)
	return list, err
}

// Kept returns what other rooms keep in the ledger.
func (c *Client) Kept(ctx context.Context, prefix string) (values map[string][]byte, err error) {
	err = c.call(ctx, http.MethodGet, callKept+"?"+url.Values{"prefix": {prefix}}.Encode(), nil, &values)
	return values, err
}
