package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	hidden   map[int]int // line → the column from which it is not shown
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
	if ye, ok := errors.AsType[yaml.Error](err); ok {
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
		d.unknown(at, name, what, keys)
		return
	}
	fields[name] = d.at(kv.Value)
}

// unknown notes a key that is none. Its value is not shown in an adapter, where
// people put tokens.
func (d *document) unknown(key value, name, what string, keys []string) {
	if strings.HasSuffix(what, "adapter") {
		d.hide(key.line, key.column+utf8.RuneCountInString(name)+1)
	}
	if slices.Contains([]string{"token", "bot_token", "app_token", "signing_secret", "password", "secret"}, name) {
		d.problem(key, "tokens are not written in this file%s", tokenKeys(keys))
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
