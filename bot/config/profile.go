package config

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// profiles reads site profiles, whose keys bot/parse knows.
func (b *builder) profiles(v value) {
	lines := make(map[string]int)
	for _, item := range b.list(v, "profiles", "each begins with - name:") {
		b.profile(item, lines)
	}
}

func (b *builder) profile(item value, lines map[string]int) {
	fields, keys := b.fields(item, "a profile", 0)
	if fields == nil {
		return // noted already
	}
	name := b.unique(item, keys, "profile", lines)
	if name == "" {
		return // noted already
	}
	data, err := encode(fields)
	if err != nil {
		b.problem(item, "the profile cannot be read: %v", err) // unreachable: fields are text, numbers and lists
		return
	}
	if b.CheckProfile != nil {
		if err := b.CheckProfile(data); err != nil {
			b.problem(b.culprit(item, fields, keys, err), "%s", oneLine(err))
			return
		}
	}
	b.config.Profiles = append(b.config.Profiles, Profile{Name: name, JSON: data})
}

// encode is json.Marshal that leaves ">" in selectors alone.
func encode(fields map[string]any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(fields)
	return bytes.TrimSpace(buf.Bytes()), err
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// culprit returns the first key that the mistake names or whose text it quotes,
// else the profile.
func (b *builder) culprit(item value, fields map[string]any, keys map[string]value, is error) value {
	at := item
	for key, v := range keys {
		if key == "name" || at != item && (v.line > at.line || v.line == at.line && v.column > at.column) {
			continue
		}
		text, _ := fields[key].(string)
		if strings.Contains(is.Error(), strconv.Quote(key)) || text != "" && strings.Contains(is.Error(), strconv.Quote(text)) {
			at = v
		}
	}
	return at
}

// maxProfileDepth is more than a profile has.
const maxProfileDepth = 8

// fields reads a mapping whose keys are not known here.
func (b *builder) fields(v value, what string, depth int) (fields map[string]any, keys map[string]value) {
	if v.absent() || !b.plain(v) {
		return nil, nil
	}
	m, ok := v.node.(*ast.MappingNode)
	if !ok {
		b.problem(v, "%s is written as keys and values", what)
		return nil, nil
	}
	fields, keys = make(map[string]any), make(map[string]value)
	for _, kv := range m.Values {
		at := b.at(kv.Key)
		key, ok := kv.Key.(*ast.StringNode)
		if !ok {
			b.problem(at, "this is no key of %s; a key is a word", what)
			continue
		}
		if first, ok := keys[key.Value]; ok {
			b.problem(at, "%s is here a second time, after line %d; keep one", key.Value, first.line)
			continue
		}
		keys[key.Value] = b.at(kv.Value)
		if got := b.anything(b.at(kv.Value), depth+1); got != nil {
			fields[key.Value] = got
		}
	}
	return fields, keys
}

// anything reads text, a number, true or false, a list or a mapping. It returns
// nil for what is absent or wrong, which is noted.
func (b *builder) anything(v value, depth int) any {
	if v.absent() {
		return nil
	}
	if depth > maxProfileDepth {
		b.problem(v, "nested too deeply")
		return nil
	}
	switch n := v.node.(type) {
	case *ast.BoolNode:
		return n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		text, _ := b.text(v)
		if json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
		return text
	case *ast.MappingNode:
		if fields, _ := b.fields(v, "this part of a profile", depth); fields != nil {
			return fields
		}
		return nil
	case *ast.SequenceNode:
		list := []any{}
		for _, item := range b.list(v, "", "") {
			if got := b.anything(item, depth+1); got != nil {
				list = append(list, got)
			}
		}
		return list
	}
	if text, ok := b.text(v); ok {
		return text
	}
	return nil
}
