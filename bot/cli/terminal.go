package cli

import (
	"os"
	"strconv"
	"time"

	"github.com/pullquote/pullquote/adapters/console"
)

// consoleOptions returns how cards are printed to Out: in colour only on a
// terminal, and not if NO_COLOR (no-color.org) is set.
func (e *env) consoleOptions() console.Options {
	o := console.Options{Out: e.Out, Zone: time.Local}
	_, plain := e.lookup("NO_COLOR")
	o.Colour = isTerminal(e.Out) && !plain
	if s, ok := e.lookup("COLUMNS"); ok {
		if n, err := strconv.Atoi(s); err == nil {
			o.Width = min(n, 100)
		}
	}
	return o
}

// isTerminal reports whether w is a character device: good enough to choose
// colours by.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
