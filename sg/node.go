package sg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"lablab/say"
)

// A node is a value in a JSON or YAML text. A nil node is an absent one.
type node struct {
	kind         kind
	line, column int
	text         string   // of a scalar
	items        []*node  // of an array
	members      []member // of an object
}

type member struct {
	name  string
	value *node
}

// The kinds of a node, in JSON's words.
type kind string

const (
	object  kind = "object"
	array   kind = "array"
	text    kind = "string"
	number  kind = "number"
	boolean kind = "bool"
	null    kind = "null"
)

// member returns the value of the first of these members that the object has and that is not null.
func (n *node) member(names ...string) *node {
	if n == nil {
		return nil
	}
	for _, name := range names {
		for _, m := range n.members {
			if strings.EqualFold(m.name, name) && m.value.kind != null {
				return m.value
			}
		}
	}
	return nil
}

// named returns a function that reports whether the member has a name. Case does not count.
func named(m member) func(string) bool {
	return func(name string) bool { return strings.EqualFold(m.name, name) }
}

// list returns the elements of an array. A single value stands for a list of one: PowerShell writes
// such a list without brackets.
func (n *node) list() []*node {
	switch {
	case n == nil:
		return nil
	case n.kind == array:
		return n.items
	}
	return []*node{n}
}

// empty reports whether the node holds nothing.
func (n *node) empty() bool {
	return n == nil || n.kind == null || n.kind != number && n.text == "" && len(n.items)+len(n.members) == 0
}

// A jsonText reads the values of a JSON text, one after another.
type jsonText struct {
	r            *reader
	tokens       *json.Decoder // of one value, which begins at base
	base         int64
	counted      int64 // bytes before which lines and columns are counted
	line, column int
}

// json reads all values of a JSON text.
func (r *reader) json() ([]*node, error) {
	var all []*node
	values := json.NewDecoder(bytes.NewReader(r.text))
	t := &jsonText{r: r, line: 1, column: 1}
	for {
		var value json.RawMessage
		switch err := values.Decode(&value); {
		case errors.Is(err, io.EOF) && len(all) > 0:
			return all, nil
		case err != nil:
			return nil, r.notJSON(err)
		}
		t.base = values.InputOffset() - int64(len(value))
		t.tokens = json.NewDecoder(bytes.NewReader(value))
		t.tokens.UseNumber()
		n, err := t.value()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
}

func (r *reader) notJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return r.failAt(max(syntax.Offset-1, 0), "not valid JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return r.failAt(int64(len(r.text)), "not valid JSON: unexpected end")
}

// value reads the next value, whose syntax was checked.
func (t *jsonText) value() (*node, error) {
	n := t.here()
	token, err := t.tokens.Token()
	if err != nil {
		return nil, t.r.notJSON(err)
	}
	switch token := token.(type) {
	case json.Delim:
		n.kind = array
		if token == '{' {
			n.kind = object
		}
		for t.tokens.More() {
			var name string
			var at *node
			if n.kind == object {
				at = t.here()
				key, _ := t.tokens.Token()
				name, _ = key.(string)
			}
			value, err := t.value()
			if err != nil {
				return nil, err
			}
			if n.kind == array {
				n.items = append(n.items, value)
			} else if err := t.r.put(n, at, name, value); err != nil {
				return nil, err
			}
		}
		_, err = t.tokens.Token()
		return n, err
	case string:
		n.kind, n.text = text, token
	case json.Number:
		n.kind, n.text = number, token.String()
	case bool:
		n.kind, n.text = boolean, strconv.FormatBool(token)
	default:
		n.kind = null
	}
	return n, nil
}

// here returns an empty node at the next token.
func (t *jsonText) here() *node {
	at := t.base + t.tokens.InputOffset()
	for at < int64(len(t.r.text)) && bytes.IndexByte([]byte(" \t\r\n:,"), t.r.text[at]) >= 0 {
		at++
	}
	passed := t.r.text[t.counted:at]
	if newline := bytes.LastIndexByte(passed, '\n'); newline >= 0 {
		t.line += bytes.Count(passed, []byte("\n"))
		t.column, passed = 1, passed[newline+1:]
	}
	t.column += utf8.RuneCount(passed)
	t.counted = at
	return &node{line: t.line, column: t.column}
}

// put adds a member to an object. An object that has it already is rejected: one of the two values
// would be passed over.
func (r *reader) put(n, at *node, name string, value *node) error {
	for _, m := range n.members {
		if strings.EqualFold(m.name, name) {
			return r.fail(at, "%s appears twice in one object", name)
		}
	}
	const most = 1000 // far more than any object has; it bounds the search above
	if len(n.members) == most {
		return r.fail(at, "an object has more than %d members", most)
	}
	n.members = append(n.members, member{name, value})
	return nil
}

// yaml reads all documents of a YAML text.
func (r *reader) yaml() ([]*node, error) {
	var all []*node
	documents := yaml.NewDecoder(bytes.NewReader(r.text))
	for {
		var document yaml.Node
		switch err := documents.Decode(&document); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, r.notYAML(err)
		}
		for _, content := range document.Content {
			n, err := r.fromYAML(content)
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
	}
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func (r *reader) notYAML(err error) error {
	at := &node{line: 1, column: 1}
	message := err.Error()
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		at.line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	}
	return r.fail(at, "not valid YAML: %s", strings.TrimPrefix(message, "yaml: "))
}

func (r *reader) fromYAML(from *yaml.Node) (*node, error) {
	n := &node{line: from.Line, column: from.Column, text: from.Value}
	switch from.Kind {
	case yaml.SequenceNode:
		n.kind = array
		for _, item := range from.Content {
			value, err := r.fromYAML(item)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
	case yaml.MappingNode:
		n.kind = object
		for i := 0; i < len(from.Content); i += 2 {
			value, err := r.fromYAML(from.Content[i+1])
			if err != nil {
				return nil, err
			}
			key := from.Content[i]
			if err := r.put(n, &node{line: key.Line, column: key.Column}, key.Value, value); err != nil {
				return nil, err
			}
		}
	case yaml.ScalarNode:
		n.kind = text
		if scalar, plain := map[string]kind{"!!int": number, "!!float": number, "!!bool": boolean, "!!null": null}[from.Tag]; plain {
			n.kind = scalar
		}
	default:
		return nil, r.fail(n, "YAML anchors and aliases are not read: aws ec2 prints none")
	}
	return n, nil
}

// string returns a member that is text, or "". A number stands for its digits: YAML that was
// written by hand has account ids and protocols without quotes.
func (r *reader) string(n *node, name string) (string, error) {
	m := n.member(name)
	switch {
	case m == nil:
		return "", nil
	case m.kind == text || m.kind == number:
		return m.text, nil
	}
	return "", r.wrongType(m, name)
}

// number returns a member that is a number, as such or as text; found is whether it is there.
func (r *reader) number(n *node, name string) (value int, found bool, err error) {
	m := n.member(name)
	if m == nil || m.kind == text && m.text == "" {
		return 0, false, nil
	}
	v, err := strconv.ParseInt(m.text, 10, 32)
	if err != nil || m.kind != number && m.kind != text {
		return 0, true, r.wrongType(m, name)
	}
	return int(v), true, nil
}

// bool returns a member that is true or false; found is whether it is there.
func (r *reader) bool(n *node, name string) (value, found bool, err error) {
	m := n.member(name)
	if m == nil {
		return false, false, nil
	}
	value, err = strconv.ParseBool(strings.ToLower(m.text))
	if err != nil || m.kind != boolean && m.kind != text {
		return false, true, r.wrongType(m, name)
	}
	return value, true, nil
}

// object rejects a node of another type.
func (r *reader) object(n *node, name string) error {
	if n.kind != object {
		return r.wrongType(n, name)
	}
	return nil
}

func (r *reader) wrongType(n *node, name string) error {
	shown := say.As(string(n.kind))
	if n.kind == number || n.kind == text {
		shown = say.As(fmt.Sprintf("%s %q", n.kind, n.text))
	}
	return r.fail(n, "%s has the wrong type: %s", name, shown)
}
