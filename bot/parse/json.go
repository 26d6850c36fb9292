package parse

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A value is one node of a JSON document. The zero value stands for what is
// absent: every accessor may be called on it, so that a path into a hostile
// document needs no checks.
type value struct {
	kind byte   // 's' string, '0' number, 't', 'f', 'n', 'a' array, 'o' object; 0 absent
	text string // of a string, decoded; of a number, as written
	kids *kids
}

// kids are the members of an array or object; keys is nil for an array.
type kids struct {
	keys []string
	list []value
}

// get walks object keys from v; absent if any is missing.
func (v value) get(path ...string) value {
	for _, key := range path {
		v = v.member(key)
	}
	return v
}

// member returns the last member called key: encoding/json lets the last win.
func (v value) member(key string) value {
	if v.kind != 'o' {
		return value{}
	}
	for i, k := range slices.Backward(v.kids.keys) {
		if k == key {
			return v.kids.list[i]
		}
	}
	return value{}
}

// first returns the first of keys that v has with something in it.
func (v value) first(keys ...string) value {
	for _, key := range keys {
		if m := v.member(key); !m.empty() {
			return m
		}
	}
	return value{}
}

func (v value) has(key string) bool { return v.member(key).kind != 0 }

func (v value) empty() bool {
	return v.kind == 0 || v.kind == 'n' || v.kind == 's' && v.text == "" || v.kids != nil && len(v.kids.list) == 0
}

// str returns a string, or a number as written; "" for anything else.
func (v value) str() string {
	if v.kind == 's' || v.kind == '0' {
		return v.text
	}
	return ""
}

// truth reports true, "true", "1" and 1 as true: the Guardian's API sends
// booleans as strings, WordPress as numbers.
func (v value) truth() bool {
	return v.kind == 't' || strings.EqualFold(v.str(), "true") || v.str() == "1"
}

// falsity reports whether v says false, as opposed to saying nothing.
func (v value) falsity() bool {
	return v.kind == 'f' || strings.EqualFold(v.str(), "false") || v.str() == "0"
}

func (v value) int() int64 {
	n, err := strconv.ParseInt(v.str(), 10, 64)
	if err == nil {
		return n
	}
	f, err := strconv.ParseFloat(v.str(), 64)
	if err != nil || f != f || f > 1e18 || f < -1e18 {
		return 0
	}
	return int64(f)
}

// list returns the members of an array, a single object or string as a list
// of one (schema.org lets one stand for many), and nil for what is absent.
func (v value) list() []value {
	switch v.kind {
	case 'a':
		return v.kids.list
	case 0, 'n':
		return nil
	}
	return []value{v}
}

// members returns what an array or object holds, in document order.
func (v value) members() []value {
	if v.kids == nil {
		return nil
	}
	return v.kids.list
}

// walk calls visit for v and everything below it, parents first, until visit
// returns false.
func (v value) walk(visit func(value) bool) bool {
	if !visit(v) {
		return false
	}
	for _, m := range v.members() {
		if !m.walk(visit) {
			return false
		}
	}
	return true
}

var (
	errJSON      = errors.New("not JSON")
	errJSONDepth = errors.New("JSON nests too deep")
	errJSONSize  = errors.New("JSON has too many values")
	errJSONEnd   = errors.New("JSON breaks off")
)

// parseJSON reads the JSON values in s, usually one, some pages put several in
// a script. It reads everything encoding/json reads with the same result, and
// what publishers make of it besides: raw control characters in strings,
// trailing and missing commas, comments, CDATA and HTML comment wrappers, a
// closing semicolon, quotation marks inside strings, a document that breaks
// off. repaired reports whether it had to. What cannot be understood ends the
// reading; the values before it are returned with the error.
func parseJSON(s string) (values []value, repaired bool, err error) {
	p := jsonParser{s: s, most: jsonNodes(len(s))}
	for {
		p.space()
		for p.i < len(p.s) && p.s[p.i] == ';' {
			p.i++
			p.repaired = true
			p.space()
		}
		if p.i >= len(p.s) {
			break
		}
		if len(values) > 0 {
			p.repaired = true
		}
		v, err := p.value(0)
		if v.kind == 'o' || v.kind == 'a' || err == nil {
			values = append(values, v)
		}
		if err != nil {
			return values, true, err
		}
	}
	if len(values) == 0 {
		return nil, p.repaired, errJSON
	}
	return values, p.repaired, nil
}

type jsonParser struct {
	s        string
	i        int
	nodes    int
	most     int // nodes
	repaired bool
}

// space skips white space, and comments where some template left them.
func (p *jsonParser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\n', '\t', '\r':
			p.i++
		case '/', '<', ']', '-', 0xC2, 0xEF:
			n := wrapper(p.s[p.i:])
			if n == 0 {
				return
			}
			p.i += n
			p.repaired = true
		default:
			return
		}
	}
}

// wrapper returns the length of the comment or wrapper that s begins with.
func wrapper(s string) int {
	for _, mark := range []string{"//<![CDATA[", "//]]>", "<![CDATA[", "]]>", "-->", "\u00a0", "\ufeff"} {
		if strings.HasPrefix(s, mark) {
			return len(mark)
		}
	}
	for _, c := range [][2]string{{"/*", "*/"}, {"<!--", ""}, {"//", "\n"}} {
		if !strings.HasPrefix(s, c[0]) {
			continue
		}
		if c[1] == "" { // the opening of an HTML comment around the whole script
			return len(c[0])
		}
		if end := strings.Index(s, c[1]); end >= 0 {
			return end + len(c[1])
		}
		return len(s)
	}
	return 0
}

func (p *jsonParser) value(depth int) (value, error) {
	if depth > maxJSONDepth {
		return value{}, errJSONDepth
	}
	p.nodes++
	if p.nodes > p.most {
		return value{}, errJSONSize
	}
	p.space()
	if p.i >= len(p.s) {
		return value{}, errJSONEnd
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		return value{kind: 's', text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(p.s[p.i:], word) {
			p.i += len(word)
			return value{kind: word[0]}, nil
		}
	}
	if strings.HasPrefix(p.s[p.i:], "undefined") { // left by a script that printed its state
		p.i += len("undefined")
		p.repaired = true
		return value{kind: 'n'}, nil
	}
	return value{}, errJSON
}

// number reads a JSON number. A leading zero or a bare minus is none.
func (p *jsonParser) number() (value, error) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.eE0123456789", p.s[p.i]) >= 0 {
		p.i++
	}
	text := p.s[start:p.i]
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		p.repaired = true
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return value{}, errJSON
	}
	return value{kind: '0', text: text}, nil
}

func (p *jsonParser) array(depth int) (value, error) {
	v := value{kind: 'a', kids: &kids{}}
	p.i++
	for comma := true; ; {
		p.space()
		if p.i >= len(p.s) {
			return v, errJSONEnd
		}
		switch p.s[p.i] {
		case ']':
			p.i++
			if comma && len(v.kids.list) > 0 {
				p.repaired = true
			}
			return v, nil
		case ',':
			p.i++
			if comma {
				p.repaired = true
			}
			comma = true
			continue
		}
		if !comma {
			p.repaired = true
		}
		m, err := p.value(depth + 1)
		if err != nil {
			return v, err // an element that breaks off is not half kept
		}
		v.kids.list = append(v.kids.list, m)
		comma = false
	}
}

func (p *jsonParser) object(depth int) (value, error) {
	v := value{kind: 'o', kids: &kids{}}
	p.i++
	for comma := true; ; {
		p.space()
		if p.i >= len(p.s) {
			return v, errJSONEnd
		}
		switch p.s[p.i] {
		case '}':
			p.i++
			if comma && len(v.kids.list) > 0 {
				p.repaired = true
			}
			return v, nil
		case ',':
			p.i++
			if comma {
				p.repaired = true
			}
			comma = true
			continue
		case '"':
		default:
			return v, errJSON
		}
		if !comma {
			p.repaired = true
		}
		if err := p.pair(&v, depth); err != nil {
			return v, err
		}
		comma = false
	}
}

// pair reads one member into v. A list or object that breaks off is kept as
// far as it goes: the entries before the break are whole.
func (p *jsonParser) pair(v *value, depth int) error {
	key, err := p.string()
	if err != nil {
		return err
	}
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != ':' {
		return errJSON
	}
	p.i++
	m, err := p.value(depth + 1)
	if err != nil && m.kids == nil {
		return err
	}
	v.kids.keys = append(v.kids.keys, key)
	v.kids.list = append(v.kids.list, m)
	return err
}

// string reads a string; p.i is at its opening quotation mark.
func (p *jsonParser) string() (string, error) {
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '\\':
			return p.escaped(start, i)
		case c == '"':
			if !p.closes(i) {
				return p.escaped(start, i)
			}
			p.i = i + 1
			return p.s[start:i], nil
		case c < 0x20:
			p.repaired = true
		}
	}
	p.i = len(p.s)
	return "", errJSONEnd
}

// closes reports whether the quotation mark at i ends its string: what follows
// must be able to follow a string. Otherwise it is a mark that somebody forgot
// to escape.
func (p *jsonParser) closes(i int) bool {
	for j := i + 1; j < len(p.s); j++ {
		switch p.s[j] {
		case ' ', '\n', '\t', '\r':
			// A run of blanks is looked at once for each mark before it; cap it,
			// so that no document costs more than its length.
			if j-i > 256 {
				return true
			}
			continue
		case ',', ':', '}', ']', '"', '/', '<', ';':
			return true
		}
		return false
	}
	return true
}

// escaped reads the rest of a string that cannot be taken as it stands.
func (p *jsonParser) escaped(start, i int) (string, error) {
	var b strings.Builder
	b.WriteString(p.s[start:i])
	for i < len(p.s) {
		c := p.s[i]
		switch {
		case c == '"' && p.closes(i):
			p.i = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.s):
			i = p.escape(&b, i+1)
			continue
		case c == '"' || c < 0x20:
			p.repaired = true
		}
		b.WriteByte(c)
		i++
	}
	p.i = len(p.s)
	return "", errJSONEnd
}

// escape writes what the escape at i, after the backslash, stands for and
// returns where it ends.
func (p *jsonParser) escape(b *strings.Builder, i int) int {
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	c := p.s[i]
	if k := strings.IndexByte(from, c); k >= 0 {
		b.WriteByte(to[k])
		return i + 1
	}
	if c != 'u' {
		p.repaired = true
		if c >= utf8.RuneSelf {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		return i + 1
	}
	r, ok := hex4(p.s, i+1)
	if !ok {
		p.repaired = true
		b.WriteString(`\u`)
		return i + 1
	}
	i += 5
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if strings.HasPrefix(p.s[i:], `\u`) {
			low, ok = hex4(p.s, i+2)
		}
		pair := utf16.DecodeRune(r, low)
		if ok && pair != utf8.RuneError {
			b.WriteRune(pair)
			return i + 6
		}
		r = utf8.RuneError
	}
	b.WriteRune(r)
	return i
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s[i:i+4], 16, 16)
	return rune(n), err == nil && s[i] != '+'
}
