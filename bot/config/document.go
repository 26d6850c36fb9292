package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A document is a YAML file being read, with the problems found so far. It is
// walked as a tree and not decoded into structs: the decoder stops at the
// first mistake.
type document struct {
	name     string
	lines    []string
	problems []Problem
}

// A value is a node of the tree and its place. The zero value is one that is
// not there.
type value struct {
	node         ast.Node
	line, column int
}

// absent reports whether the key is missing or has nothing after it.
func (v value) absent() bool {
	return v.node == nil || v.node.Type() == ast.NullType
}

// The depth of a configuration is five; the YAML library takes time quadratic
// in the depth.
const (
	maxDepth  = 32
	maxDashes = 8 // "- - -" on one line
)

// parseDocument returns the document and its one top-level value. Problems
// mean that there is no value.
func parseDocument(name string, data []byte) (*document, value) {
	d := &document{name: name}
	text := strings.TrimPrefix(string(data), "\ufeff")
	switch {
	case len(data) > maxFile:
		d.problemAt(0, 0, fmt.Sprintf("the file is larger than %d MiB", maxFile>>20))
		return d, value{}
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		d.problemAt(0, 0, "the file is not UTF-8 text; save it as UTF-8")
		return d, value{}
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text) // all three end a line
	d.lines = strings.Split(text, "\n")
	tokens := lexer.Tokenize(text)
	if !d.checkDepth(tokens) {
		return d, value{}
	}
	// Repeated keys are reported with all other mistakes.
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return d, value{}
	}
	return d, d.top(f)
}

func (d *document) checkDepth(tokens token.Tokens) bool {
	depth, line, dashes := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, dashes = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			dashes++
		}
		if depth > maxDepth || dashes > maxDashes {
			d.problemAt(t.Position.Line, t.Position.Column, "nested too deeply")
			return false
		}
	}
	return true
}

// syntax notes that the file is not YAML.
func (d *document) syntax(err error) {
	message, line, column := "this is not YAML", 0, 0
	var ye yaml.Error
	if errors.As(err, &ye) {
		message += ": " + strings.TrimSpace(ye.GetMessage())
		if t := ye.GetToken(); t != nil {
			line, column = t.Position.Line, t.Position.Column
		}
	}
	if line >= 1 && line <= len(d.lines) {
		message += d.hint(line)
	}
	d.problemAt(line, max(column, 1), message)
}

// hint guesses what makes a line no YAML.
func (d *document) hint(n int) string {
	line := d.lines[n-1]
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "; indent with spaces, not with tabs"
	case strings.ContainsAny(afterColon(line), "*&@%!`"):
		return `; put text that begins with a sign in quotes: cron: "*/5 * * * *"`
	case strings.Contains(afterColon(line), ": "):
		return `; put text that holds ": " in quotes`
	case n < len(d.lines) && indent(d.lines[n]) > indent(line) && strings.TrimSpace(afterColon(line)) != "":
		return "; the line below it is indented further than it"
	}
	return ""
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func afterColon(line string) string {
	_, rest, _ := strings.Cut(line, ": ")
	return rest
}

func (d *document) top(f *ast.File) value {
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.NullType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.problemAt(0, 0, "the file holds no configuration; config.example.yaml is one to start from")
		return value{}
	case 1:
		return d.at(bodies[0])
	}
	d.problem(d.at(bodies[1]), `a second document begins here; one file holds one configuration, without "---" in it`)
	return value{}
}

// at returns the node with its place.
func (d *document) at(n ast.Node) value {
	v := value{node: n}
	t := n.GetToken()
	// The token of a block mapping is the colon of its first key.
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && t.Type != token.MappingStartType {
		t = m.Values[0].Key.GetToken()
	}
	if t != nil && t.Position != nil {
		v.line, v.column = t.Position.Line, t.Position.Column
	}
	return v
}

// plain reports whether v is written without anchors, aliases and tags, which
// a configuration has no use for.
func (d *document) plain(v value) bool {
	switch v.node.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		d.problem(v, "anchors and aliases (& and *) are not used here; write the value out, or in quotes if it is text")
		return false
	case *ast.TagNode:
		d.problem(v, "tags (!) are not used here; put the value in quotes if it is text")
		return false
	}
	return true
}

// section reads a mapping with these keys. An absent one is empty.
func (d *document) section(v value, what string, keys []string) map[string]value {
	fields := make(map[string]value)
	if v.absent() || !d.plain(v) {
		return fields
	}
	m, ok := v.node.(*ast.MappingNode)
	if !ok {
		d.problem(v, "%s is written as keys and values; its keys are %s", what, list(keys, "and"))
		return fields
	}
	seen := make(map[string]int) // the line of each key
	for _, kv := range m.Values {
		d.field(kv, what, keys, fields, seen)
	}
	return fields
}

func (d *document) field(kv *ast.MappingValueNode, what string, keys []string, fields map[string]value, seen map[string]int) {
	at := d.at(kv.Key)
	key, ok := kv.Key.(*ast.StringNode)
	if !ok {
		d.problem(at, "this is no key of %s; its keys are %s", what, list(keys, "and"))
		return
	}
	name := key.Value
	if first, ok := seen[name]; ok {
		d.problem(at, "%s is here a second time, after line %d; keep one", name, first)
		return
	}
	seen[name] = at.line
	if !slices.Contains(keys, name) {
		d.unknown(at, d.at(kv.Value), name, what, keys)
		return
	}
	fields[name] = d.at(kv.Value)
}

// unknown notes a key that is none.
func (d *document) unknown(key, v value, name, what string, keys []string) {
	if slices.Contains([]string{"token", "bot_token", "app_token", "password", "secret"}, name) {
		v.line, v.column = key.line, key.column+len(name)+1
		d.hidden(v, "tokens are not written in this file%s", tokenKeys(keys))
		return
	}
	like := suggest(name, keys)
	if like == "" {
		like = "; its keys are " + list(keys, "and")
	}
	d.problem(key, "%s has no key %.40q%s", what, name, like)
}

// tokenKeys says how a token is named instead.
func tokenKeys(keys []string) string {
	var env []string
	for _, k := range keys {
		if strings.HasSuffix(k, "_env") {
			env = append(env, k)
		}
	}
	if len(env) == 0 {
		return ""
	}
	return fmt.Sprintf("; write %s with the name of an environment variable, or the same with _file and the path of a file", list(env, "or"))
}

// list reads a sequence. It returns nil if v is absent or no list, which is
// noted.
func (d *document) list(v value, what, example string) []value {
	if v.absent() || !d.plain(v) {
		return nil
	}
	s, ok := v.node.(*ast.SequenceNode)
	if !ok {
		d.problem(v, "%s is a list: %s", what, example)
		return nil
	}
	list := make([]value, 0, len(s.Values))
	for _, n := range s.Values {
		item := d.at(n)
		if item.absent() {
			d.problem(item, "this entry of the list is empty")
			continue
		}
		list = append(list, item)
	}
	return list
}

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
