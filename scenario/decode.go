package scenario

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"lablab/say"
)

// A readable reads itself, because it has more than one notation or accepts only certain values.
type readable interface {
	read(c *complaints, n ast.Node)
}

// decode reads a node into a struct (by its json tags), a slice or a readable. Whatever does not
// fit becomes a problem; decode still reads the rest.
func (c *complaints) decode(n ast.Node, into reflect.Value) {
	if r, itself := into.Addr().Interface().(readable); itself {
		r.read(c, n)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		c.mapping(n, into)
	case reflect.Slice:
		c.sequence(n, into)
	default:
		panic("scenario: a " + into.Type().String() + " cannot be read")
	}
}

func (c *complaints) sequence(n ast.Node, into reflect.Value) {
	if n.Type() == ast.NullType {
		return
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		c.about(placeOf(n), "expected a list such as [a, b], got %s", kindOf(n))
		return
	}
	for _, v := range list.Values {
		element := reflect.New(into.Type().Elem()).Elem()
		c.decode(v, element)
		into.Set(reflect.Append(into, element))
	}
}

// mapping reads into a struct. It reads a misspelt key as the one that was meant, so that the
// mistake is reported once.
func (c *complaints) mapping(n ast.Node, into reflect.Value) {
	at := placeOf(n)
	if place := into.FieldByName("Place"); place.IsValid() {
		place.Set(reflect.ValueOf(at))
	}
	pairs, ok := c.pairs(n)
	if !ok {
		return
	}
	known := fieldsOf(into.Type())
	for i, f := range known {
		known[i].required = f.required && (f.name != "groups" || !c.groupless)
	}
	names := namesOf(known)
	given := map[string]bool{}
	for _, p := range pairs {
		given[p.key] = true
	}
	unknown := false // a key that may be a misspelling of a missing one
	for _, p := range pairs {
		if !slices.Contains(names, p.key) {
			choices := names
			if slices.ContainsFunc(known, func(f field) bool { return f.required && !given[f.name] }) {
				// A key that is already present was not the one meant.
				choices = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return given[n] })
			}
			meant := Alike(p.key, choices)
			c.hinted(p.at, DidYouMean(p.key, choices), "unknown key %q", p.key)
			if meant == "" || given[meant] {
				unknown = true
				continue
			}
			c.list[len(c.list)-1].read = true
			p.key, given[meant] = meant, true
		}
		f := known[slices.Index(names, p.key)]
		if p.wrong {
			continue
		}
		if p.value.Type() == ast.NullType && !f.nullable {
			c.valueless(p)
			continue
		}
		c.decode(p.value, into.FieldByIndex(f.index))
	}
	for _, f := range known {
		if f.required && !given[f.name] && !unknown {
			c.about(at, "%s is missing", f.name)
		}
	}
}

// valueless reports a key without a value: someone may have taken it for a comment.
func (c *complaints) valueless(p pair) {
	var hint say.Sentence
	if p.at.Line <= len(c.lines) {
		_, rest, _ := strings.Cut(c.lines[p.at.Line-1], p.key+":")
		if rest = strings.TrimSpace(rest); strings.HasPrefix(rest, "#") {
			hint = say.F("# begins a comment; put it in quotes, as in %s: %s", p.key, quoted(rest))
		}
	}
	c.hinted(p.at, hint, "%s has no value", p.key)
}

// A pair is a key of a mapping and its value.
type pair struct {
	key   string
	at    Place
	value ast.Node
	wrong bool // and already reported
}

// pairs returns the pairs of a mapping in order, each key once.
func (c *complaints) pairs(n ast.Node) ([]pair, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
	default:
		c.about(placeOf(n), "expected a mapping such as { key: value }, got %s", kindOf(n))
		return nil, false
	}
	var pairs []pair
	first := map[string]Place{}
	for _, v := range values {
		p := pair{key: v.Key.GetToken().Value, at: placeOf(v.Key), value: v.Value}
		if word, _, several := strings.Cut(p.key, " "); several && v.Value.Type() == ast.NullType {
			c.about(p.at, "a colon is missing after %q", word)
			p.key, p.wrong = word, true
		}
		if there, twice := first[p.key]; twice {
			c.about(p.at, "%q is given twice: first in line %d", p.key, there.Line)
			continue
		}
		first[p.key] = p.at
		pairs = append(pairs, p)
	}
	return pairs, true
}

func kindOf(n ast.Node) say.Sentence {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return say.F("a mapping")
	case *ast.SequenceNode:
		return say.F("a list")
	case *ast.NullNode:
		return say.F("nothing")
	}
	return say.F("a single value")
}

// A field is a struct field that is read from a key.
type field struct {
	name               string
	index              []int
	required, nullable bool
}

func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		tag, tagged := f.Tag.Lookup("json")
		if !tagged {
			continue
		}
		name, rest, _ := strings.Cut(tag, ",")
		fields = append(fields, field{name, f.Index, rest != "omitempty", f.Type.Kind() == reflect.Slice})
	}
	return fields
}

func namesOf(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
