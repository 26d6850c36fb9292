package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/pullquote/pullquote/bot/news"
	"github.com/pullquote/pullquote/store"
)

// ListenSocket returns a listener on a unix socket at path that only the owner
// of the process can open. A socket that an earlier process left there is
// replaced; who calls it has made sure that no other is running, by holding the
// ledger. Anything else at path is left alone and is an error.
func ListenSocket(ctx context.Context, path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&os.ModeSocket == 0 && info.Mode()&os.ModeIrregular == 0: // Windows calls a socket irregular
		return nil, fmt.Errorf("%s is there already and is no socket", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of an earlier run: %w", err)
		}
	}
	l, err := listenPrivately(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// The calls of the socket. It is private to one program and its own commands,
// so both sides are always of one version or say that they are not.
const (
	callStatus  = "/v1/status"
	callOutbox  = "/v1/outbox"
	callRetry   = "/v1/outbox/retry"
	callDrop    = "/v1/outbox/drop"
	callBackup  = "/v1/backup"
	callHistory = "/v1/history"
)

const (
	maxIDs  = 100_000
	maxCall = 4 << 20 // bytes of a request
	// sizeTrailer comes after a whole backup; without it, it broke off.
	sizeTrailer = "Pullquote-Size"
)

// A selection names deliveries, and done is how many there were.
type (
	selection struct {
		IDs []store.DeliveryID `json:"ids"`
	}
	done struct {
		N int `json:"n"`
	}
	refusal struct {
		Error    string `json:"error"`
		NotFound bool   `json:"not_found,omitempty"`
	}
)

func newCalls(o Office) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callStatus, func(w http.ResponseWriter, r *http.Request) {
		st, err := o.Status(r.Context())
		answer(w, st, err)
	})
	mux.HandleFunc("GET "+callOutbox, func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil || limit < 1 {
			answer(w, nil, errors.New("limit is a number above 0"))
			return
		}
		box, err := o.Outbox(r.Context(), min(limit, maxIDs))
		answer(w, box, err)
	})
	mux.HandleFunc("POST "+callRetry, change(o.Retry))
	mux.HandleFunc("POST "+callDrop, change(o.Drop))
	mux.HandleFunc("GET "+callBackup, func(w http.ResponseWriter, r *http.Request) { sendBackup(w, r, o) })
	mux.HandleFunc("GET "+callHistory, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		list, err := o.History(r.Context(), news.Ref{Source: news.SourceID(q.Get("source")), Entry: news.EntryID(q.Get("entry"))})
		answer(w, list, err)
	})
	moreCalls(mux, o)
	return mux
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		sayJSON(w, http.StatusInternalServerError, refusal{Error: err.Error(), NotFound: errors.Is(err, store.ErrNotFound)})
		return
	}
	sayJSON(w, http.StatusOK, v)
}

func change(f func(context.Context, ...store.DeliveryID) (int, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var sel selection
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCall)).Decode(&sel); err != nil {
			answer(w, nil, fmt.Errorf("read selection: %w", err))
			return
		}
		n, err := f(r.Context(), sel.IDs...)
		answer(w, done{n}, err)
	}
}

// sendBackup streams a copy. One that fails half-way is cut off, so that nobody
// takes it for a whole one.
func sendBackup(w http.ResponseWriter, r *http.Request, o Office) {
	w.Header().Set("Trailer", sizeTrailer)
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &patientWriter{w: w, control: http.NewResponseController(w)}
	n, err := o.Backup(r.Context(), out)
	switch {
	case err == nil:
		w.Header().Set(sizeTrailer, strconv.FormatInt(n, 10))
	case out.n == 0:
		w.Header().Del("Trailer")
		answer(w, nil, err)
	default:
		panic(http.ErrAbortHandler)
	}
}

// A patientWriter counts, and gives a reader that has stopped up: while a copy
// is written, the ledger keeps everything that the copy holds.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
	n       int64
}

// writePatience is how long a reader of a backup may take for one piece.
const writePatience = 30 * time.Second

// Write writes on.
func (p *patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.w.Write(b)
	p.n += int64(n)
	return n, err
}

// A Client is the Office of a program that runs, through its socket. Use Dial.
type Client struct {
	http *http.Client
}

var _ Office = (*Client)(nil)

// callTime bounds every call but a backup.
const callTime = 30 * time.Second

// Dial returns a Client of the program that listens on the socket, or an error
// if none does. Close it.
func Dial(ctx context.Context, path string) (*Client, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	_ = conn.Close() // it was only to see that somebody is there
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}}, nil
}

// Close gives the connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status says how everything stands.
func (c *Client) Status(ctx context.Context) (st Status, err error) {
	err = c.call(ctx, http.MethodGet, callStatus, nil, &st)
	return st, err
}

// Outbox returns deliveries that do not get on.
func (c *Client) Outbox(ctx context.Context, limit int) (box Outbox, err error) {
	err = c.call(ctx, http.MethodGet, callOutbox+"?limit="+strconv.Itoa(limit), nil, &box)
	return box, err
}

// Retry gives abandoned deliveries back to their channels.
func (c *Client) Retry(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	var d done
	err := c.call(ctx, http.MethodPost, callRetry, selection{ids}, &d)
	return d.N, err
}

// Drop forgets abandoned deliveries.
func (c *Client) Drop(ctx context.Context, ids ...store.DeliveryID) (int, error) {
	var d done
	err := c.call(ctx, http.MethodPost, callDrop, selection{ids}, &d)
	return d.N, err
}

// History returns the kept revisions of an entry.
func (c *Client) History(ctx context.Context, ref news.Ref) (list []news.Entry, err error) {
	q := url.Values{"source": {string(ref.Source)}, "entry": {string(ref.Entry)}}
	err = c.call(ctx, http.MethodGet, callHistory+"?"+q.Encode(), nil, &list)
	return list, err
}

// Backup writes a consistent copy of the ledger.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	resp, err := c.open(ctx, http.MethodGet, callBackup, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end, or not wanted
	n, err := io.Copy(w, resp.Body)
	if err != nil {
		return n, fmt.Errorf("the copy broke off: %w", err)
	}
	if said := resp.Trailer.Get(sizeTrailer); said != strconv.FormatInt(n, 10) {
		return n, fmt.Errorf("the copy broke off after %d bytes", n)
	}
	return n, nil
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	resp, err := c.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// open sends a request; an answer that is a refusal is an error.
func (c *Client) open(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err // unreachable: a list of numbers
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://pullquote"+path, &body)
	if err != nil {
		return nil, err // unreachable: the paths are ours
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // the address says nothing
		}
		return nil, fmt.Errorf("ask the running program: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // read as far as it is of use
	var no refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxCall)).Decode(&no); err != nil || no.Error == "" {
		return nil, fmt.Errorf("the running program does not know this request (%s); is it of another version?", resp.Status)
	}
	if no.NotFound {
		return nil, store.ErrNotFound
	}
	return nil, errors.New(no.Error)
}
