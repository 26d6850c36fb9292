package chat

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// NewRequest is http.NewRequestWithContext with a body that is not sent any
// more once the context's deadline is past. A process may be held up at any
// place for any time (stopped, swapped out, moved to another machine): one that
// goes on after another has taken its work over must not post it again, however
// close to the wire it was. What remains is the moment between a look at the
// clock and the system call.
func NewRequest(ctx context.Context, method, url string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	until, ok := ctx.Deadline()
	if err != nil || len(body) == 0 || !ok {
		return r, err
	}
	r.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(&timely{r: bytes.NewReader(body), until: until}), nil
	}
	r.Body, err = r.GetBody()
	return r, err
}

// A timely reads until a time is past. The context's own end would not do: it
// is told by a timer, which runs some time after a process goes on.
type timely struct {
	r     io.Reader
	until time.Time
}

func (t *timely) Read(p []byte) (int, error) {
	if !time.Now().Before(t.until) {
		return 0, context.DeadlineExceeded
	}
	return t.r.Read(p)
}
