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
	line, column int32
	text         string   // of a scalar
	items        []*node  // of an array
	members      []member // of an object
}

type member struct {
	name  string
	value *node
}

// The kinds of a node.
type kind uint8

const (
	object kind = iota
	array
	text
	number
	boolean
	null
)

// String returns the kind in JSON's words.
func (k kind) String() string {
	return [...]string{"object", "array", "string", "number", "bool", "null"}[k]
}

// Limits of the memory and time that a file can take. A hundred thousand sources have fewer values.
const (
	mostValues = 700_000
	deepest    = 100
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
// such a list without brackets. It writes an empty one as an empty text where it goes no deeper.
func (n *node) list() []*node {
	switch {
	case n == nil, n.kind == text && n.text == "":
		return nil
	case n.kind == array:
		return n.items
	}
	return []*node{n}
}

// all returns the elements of all members with one of these names.
func (n *node) all(names []string) (elements []*node) {
	for _, name := range names {
		elements = append(elements, n.member(name).list()...)
	}
	return elements
}

// empty reports whether the node holds nothing.
func (n *node) empty() bool {
	return n == nil || n.kind == null || n.kind != number && n.text == "" && len(n.items)+len(n.members) == 0
}

// A jsonText reads the values of a JSON text, one after another.
type jsonText struct {
	r            *reader
	tokens       *json.Decoder
	values       int // read so far
	depth        int
	counted      int64 // bytes before which lines and columns are counted
	line, column int32
}

func (r *reader) jsonText() *jsonText {
	t := &jsonText{r: r, tokens: json.NewDecoder(bytes.NewReader(r.text)), line: 1, column: 1}
	t.tokens.UseNumber()
	return t
}

// json reads all values of a JSON text.
func (r *reader) json() ([]*node, error) {
	var all []*node
	for t := r.jsonText(); ; {
		n, err := t.value()
		switch {
		case errors.Is(err, io.EOF) && len(all) > 0:
			return all, nil
		case err != nil:
			return nil, r.notJSON(err)
		}
		all = append(all, n)
	}
}

// notJSON returns an error about the syntax, whose place a decoder of whole values knows better than
// one of tokens.
func (r *reader) notJSON(err error) error {
	var known *FileError
	if errors.As(err, &known) {
		return err
	}
	values := json.NewDecoder(bytes.NewReader(r.text))
	for {
		var value json.RawMessage
		if err = values.Decode(&value); err != nil {
			break
		}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return r.failAt(max(syntax.Offset-1, 0), "not valid JSON: %s", strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return r.failAt(int64(len(r.text)), "not valid JSON: unexpected end")
}

// value reads the next value. Its error is io.EOF at the end of the text.
func (t *jsonText) value() (*node, error) {
	n := t.here()
	if t.values++; t.values > mostValues {
		return nil, t.r.fail(n, "the file has more than %d values", mostValues)
	}
	token, err := t.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		n.kind = array
		if token == '{' {
			n.kind = object
		}
		if t.depth++; t.depth > deepest {
			return nil, t.r.fail(n, "this is nested more than %d levels deep", deepest)
		}
		err := t.content(n)
		t.depth--
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

// content reads an object or an array up to its end.
func (t *jsonText) content(n *node) error {
	for t.tokens.More() {
		var name string
		var at *node
		if n.kind == object {
			at = t.here()
			key, err := t.tokens.Token()
			if err != nil {
				return unended(err)
			}
			name, _ = key.(string)
		}
		value, err := t.value()
		if err != nil {
			return unended(err)
		}
		if n.kind == array {
			n.items = append(n.items, value)
		} else if err := t.r.put(n, at, name, value); err != nil {
			return err
		}
	}
	_, err := t.tokens.Token()
	return unended(err)
}

// unended turns the end of the text within a value into an error.
func unended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// here returns an empty node at the next token.
func (t *jsonText) here() *node {
	at := t.tokens.InputOffset()
	for at < int64(len(t.r.text)) && bytes.IndexByte([]byte(" \t\r\n:,"), t.r.text[at]) >= 0 {
		at++
	}
	passed := t.r.text[t.counted:at]
	if newline := bytes.LastIndexByte(passed, '\n'); newline >= 0 {
		t.line += int32(bytes.Count(passed, []byte("\n")))
		t.column, passed = 1, passed[newline+1:]
	}
	t.column += int32(utf8.RuneCount(passed))
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
	// Before it is parsed, each of these may make two values more.
	if n := bytes.Count(r.text, []byte("\n")) + bytes.Count(r.text, []byte(",")) + bytes.Count(r.text, []byte("- ")) +
		bytes.Count(r.text, []byte("[")) + bytes.Count(r.text, []byte("{")); n > mostValues/2 {
		return nil, r.hinted(say.F("add --output json to the aws ec2 command"), "the file has more than %d values", mostValues)
	}
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
			n, err := r.fromYAML(content, 1)
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
		line, _ := strconv.ParseInt(found[1], 10, 32)
		at.line = int32(line)
		message = message[len(found[0]):]
	}
	return r.fail(at, "not valid YAML: %s", strings.TrimPrefix(message, "yaml: "))
}

func (r *reader) fromYAML(from *yaml.Node, depth int) (*node, error) {
	n := &node{line: int32(from.Line), column: int32(from.Column), text: from.Value}
	if depth > deepest {
		return nil, r.fail(n, "this is nested more than %d levels deep", deepest)
	}
	switch from.Kind {
	case yaml.SequenceNode:
		n.kind = array
		for _, item := range from.Content {
			value, err := r.fromYAML(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
	case yaml.MappingNode:
		n.kind = object
		for i := 0; i < len(from.Content); i += 2 {
			value, err := r.fromYAML(from.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			key := from.Content[i]
			if err := r.put(n, &node{line: int32(key.Line), column: int32(key.Column)}, key.Value, value); err != nil {
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
	shown := say.As(n.kind.String())
	if n.kind == number || n.kind == text {
		shown = say.As(fmt.Sprintf("%s %q", n.kind, n.text))
	}
	return r.fail(n, "%s has the wrong type: %s", name, shown)
}
