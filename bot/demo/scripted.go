package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxFile bounds the files of a scripted site.
const maxFile = 64 << 20

// NewScripted returns a site whose pages are the files in dir, read anew for
// every request: a test changes the site by writing files. "/" is page.html.
// Pages have entity tags made of their bytes and no times.
//
// A file NAME.status beside a page, or "status" for the whole site, holds an
// answer to give instead: the status code, then headers, one a line or the
// first behind the code, as in "503 Retry-After: 2".
func NewScripted(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			http.Error(w, "no site", http.StatusServiceUnavailable)
			return
		}
		defer func() { _ = root.Close() }() // nothing was written
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" {
			name = "page.html"
		}
		for _, status := range []string{"status", name + ".status"} {
			if text, err := readFile(root, status); err == nil {
				answer(w, string(text))
				return
			}
		}
		body, err := readFile(root, name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", etag(body))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

// readFile reads a whole file that is neither a directory nor too large.
func readFile(root *os.Root, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = errors.New("file too large")
	}
	return b, err
}

// answer writes a status file's answer.
func answer(w http.ResponseWriter, text string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	code, header, _ := strings.Cut(strings.TrimSpace(first), " ")
	status, err := strconv.Atoi(code)
	if err != nil || status < 200 || status > 599 {
		http.Error(w, fmt.Sprintf("the status file says %q: write a code such as 503", code), http.StatusInternalServerError)
		return
	}
	for line := range strings.Lines(header + "\n" + rest) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			w.Header().Set(strings.TrimSpace(k), strings.TrimSpace(v))
		}
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	http.Error(w, "out of order", status)
}
