package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxText is longer than any text of a configuration is meant to be.
const maxText = 4096

// text reads a scalar as it is written. ok is false if v is absent or no text,
// which is noted.
func (d *document) text(v value) (s string, ok bool) {
	if v.absent() || !d.plain(v) {
		return "", false
	}
	switch n := v.node.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = strings.TrimSpace(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		s = n.GetToken().Value // 007 stays 007
	case *ast.MappingNode:
		if s, ok = joined(n); !ok {
			d.problem(v, "a single value belongs here%s", spaceHint(n))
			return "", false
		}
	default:
		d.problem(v, "a single value belongs here")
		return "", false
	}
	if len(s) > maxText {
		d.problem(v, "this is longer than %d characters", maxText)
		return "", false
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.problem(v, "this holds line breaks or control characters; write it on one line")
		return "", false
	}
	return s, true
}

// joined returns the text that the YAML library splits although it is one: it
// takes console:terminal for a key and a value where it stands in a list
// within braces.
func joined(n *ast.MappingNode) (s string, ok bool) {
	if len(n.Values) != 1 || n.GetToken().Type == token.MappingStartType {
		return "", false
	}
	key, ok := n.Values[0].Key.(*ast.StringNode)
	if !ok || key.Token.Type != token.StringType {
		return "", false
	}
	from, to := key.Token.Position, n.Values[0].Value.GetToken()
	if _, ok := n.Values[0].Value.(ast.ScalarNode); !ok || from.Line != to.Position.Line ||
		from.Column+utf8.RuneCountInString(key.Value)+1 != to.Position.Column {
		return "", false
	}
	return key.Value + ":" + to.Value, true
}

// spaceHint says what to do about "slack: C024BE91L".
func spaceHint(n *ast.MappingNode) string {
	if len(n.Values) != 1 {
		return ""
	}
	return "; leave out the space after the colon, or put the text in quotes"
}

// textOf reads a scalar, or returns def if it is absent or empty.
func (d *document) textOf(v value, def string) string {
	if s, ok := d.text(v); ok && s != "" {
		return s
	}
	return def
}

// oneOf reads one of the choices.
func (d *document) oneOf(v value, def string, choices []string) string {
	s := d.textOf(v, def)
	if slices.Contains(choices, s) {
		return s
	}
	like := suggest(s, choices)
	if like == "" {
		like = "; write " + list(choices, "or")
	}
	d.problem(v, "%.40q is not known here%s", s, like)
	return def
}

// boolean reads true or false.
func (d *document) boolean(v value) bool {
	s := d.textOf(v, "false")
	if s != "true" && s != "false" {
		d.problem(v, "write true or false, not %.20q", s)
	}
	return s == "true"
}

// integer reads a whole number between low and high.
func (d *document) integer(v value, def, low, high int) int {
	s := d.textOf(v, "")
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		d.problem(v, "write a whole number from %d to %d, not %.20q", low, high, s)
		return def
	}
	return n
}

// duration reads a whole number of seconds between low and high.
func (d *document) duration(v value, def, low, high time.Duration) time.Duration {
	s := d.textOf(v, "")
	if s == "" {
		return def
	}
	t, err := time.ParseDuration(strings.ReplaceAll(s, " ", ""))
	switch {
	case err != nil && strings.Trim(s, "0123456789") == "":
		d.problem(v, "%.20s needs a unit; did you mean %.20ss?", s, s)
	case err != nil:
		d.problem(v, "%.20q is no length of time; write it as 30s, 5m, 24h or 1h30m", s)
	case t%time.Second != 0:
		d.problem(v, "%.20s is no whole number of seconds", s)
	case t < low:
		d.problem(v, "%.20s is too short; the least is %s", s, short(low))
	case t > high:
		d.problem(v, "%.20s is too long; the most is %s", s, short(high))
	default:
		return t
	}
	return def
}

// short writes a duration without its zero units: 24h, not 24h0m0s.
func short(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}

// size reads a number of bytes between low and high.
func (d *document) size(v value, def, low, high int64) int64 {
	s := d.textOf(v, "")
	if s == "" {
		return def
	}
	digits, unit := strings.TrimSpace(s), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		d.problem(v, "%.20q is no size; write it as 15MiB or 500KiB", s)
		return def
	}
	if n < (low+unit-1)/unit || n > high/unit {
		d.problem(v, "%.20s is out of range; write a size from %s to %s", s, sizeText(low), sizeText(high))
		return def
	}
	return n * unit
}

func sizeText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%dMiB", n>>20)
	}
	return fmt.Sprintf("%dKiB", n>>10)
}
