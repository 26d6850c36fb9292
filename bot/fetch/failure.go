package fetch

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A failure is an error with a text for the log: one line that names the host
// and does not change from one poll to the next, while the error it wraps may
// hold ports, addresses and times.
type failure struct {
	text string
	err  error
}

// Error returns the text.
func (f *failure) Error() string { return f.text }

// Unwrap returns the error behind it.
func (f *failure) Unwrap() error { return f.err }

// describe says what failed on which host.
func (x *exchange) describe(err error) error {
	text := "read " + x.origin.Host
	if x.url.Host != x.origin.Host {
		text += ", redirected to " + x.url.Host
	}
	return &failure{text: text + ": " + cause(err), err: err}
}

// timeoutError is the cause of a reading that took too long.
type timeoutError time.Duration

// Error says how long was waited.
func (t timeoutError) Error() string {
	return fmt.Sprintf("no complete answer within %v", time.Duration(t))
}

// Timeout reports true.
func (timeoutError) Timeout() bool { return true }

// cause returns err's text without what changes from try to try.
func cause(err error) string {
	for _, known := range []error{errAddress, errForeign, errPort} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsCause(dns)
	}
	var cert x509.CertificateInvalidError
	if errors.As(err, &cert) && cert.Reason == x509.Expired {
		return fmt.Sprintf("its certificate is valid from %s to %s only: it has expired, or this machine's clock is wrong",
			cert.Cert.NotBefore.Format(time.DateOnly), cert.Cert.NotAfter.Format(time.DateOnly))
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Timeout() {
			return op.Op + ": timed out"
		}
		return op.Op + ": " + op.Err.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection closed before the answer was complete"
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}

func dnsCause(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "the name server did not answer in time"
	}
	return "the name server could not be asked"
}
