package scenario

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"lablab/say"
)

const dialect = "https://json-schema.org/draft/2020-12/schema"

// Schema returns the JSON Schema of scenario files, for editors. It is generated from the types
// that a file is decoded into.
func Schema() ([]byte, error) {
	s, err := schema()
	if err != nil {
		return nil, say.Errorf("make schema: %w", err)
	}
	text, err := json.MarshalIndent(s, "", "  ")
	return append(text, '\n'), err
}

func schema() (*jsonschema.Schema, error) {
	known := schemas{
		// A place is the position of a value and not part of the file.
		reflect.TypeFor[Place]():   {Type: "object"},
		reflect.TypeFor[word]():    {Types: []string{"string", "integer"}},
		reflect.TypeFor[arg]():     {Types: []string{"string", "number", "boolean"}},
		reflect.TypeFor[name]():    {Types: []string{"string", "integer"}, Pattern: anID.String()},
		reflect.TypeFor[ruleID]():  {Types: []string{"string", "integer"}, Pattern: ruleIDPattern},
		reflect.TypeFor[line]():    {Types: []string{"string", "number", "boolean"}, MaxLength: jsonschema.Ptr(longest)},
		reflect.TypeFor[text]():    {Types: []string{"string", "number", "boolean"}},
		reflect.TypeFor[boolean](): {Type: "boolean"},
		reflect.TypeFor[number]():  {Type: "integer"},
		reflect.TypeFor[span]():    {Type: "string", Pattern: `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`},
		reflect.TypeFor[amount]():  {Types: []string{"string", "integer"}, Pattern: amountPattern},
	}
	var err error
	add := func(t reflect.Type, s *jsonschema.Schema, failed error) {
		if err == nil {
			err = failed
		}
		known[t] = s
	}
	addOr := func(t, members reflect.Type, s *jsonschema.Schema) {
		m, failed := known.of(members)
		add(t, &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, m}}, failed)
	}
	// Types with more than one notation, innermost first.
	addOr(reflect.TypeFor[some[name]](), reflect.TypeFor[[]name](), known[reflect.TypeFor[name]()])
	addOr(reflect.TypeFor[some[ruleID]](), reflect.TypeFor[[]ruleID](), known[reflect.TypeFor[ruleID]()])
	addOr(reflect.TypeFor[some[word]](), reflect.TypeFor[[]word](), known[reflect.TypeFor[word]()])
	addOr(reflect.TypeFor[some[line]](), reflect.TypeFor[[]line](), known[reflect.TypeFor[line]()])
	addOr(reflect.TypeFor[ruleOrID](), reflect.TypeFor[rule](), known[reflect.TypeFor[name]()])
	addOr(reflect.TypeFor[some[ruleOrID]](), reflect.TypeFor[[]ruleOrID](), known[reflect.TypeFor[ruleOrID]()])
	add(reflect.TypeFor[model](), modelSchema(), nil)
	add(reflect.TypeFor[some[model]](), &jsonschema.Schema{AnyOf: []*jsonschema.Schema{modelSchema(), {Type: "array", MinItems: jsonschema.Ptr(1), Items: modelSchema()}}}, nil)
	addOr(reflect.TypeFor[timeouts](), reflect.TypeFor[timeoutsMap](), oneWord("nitro", "nitro-v6"))
	addOr(reflect.TypeFor[cut](), reflect.TypeFor[cutMap](), oneWord("all"))
	addOr(reflect.TypeFor[acl](), reflect.TypeFor[aclRules](), oneWord("off"))
	addOr(reflect.TypeFor[prediction](), reflect.TypeFor[predicted](), oneWord(string(Replied), string(Refused), string(Stalled), string(Reset)))
	oneModel := known[reflect.TypeFor[prediction]()]
	several := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{oneModel, {Type: "array", Items: oneModel}}}
	byModel := &jsonschema.Schema{Type: "object", MinProperties: jsonschema.Ptr(1), PropertyNames: &jsonschema.Schema{Pattern: anID.String()}, AdditionalProperties: several}
	known[reflect.TypeFor[prediction]()] = &jsonschema.Schema{AnyOf: append(slices.Clone(oneModel.AnyOf), byModel)}
	addOr(reflect.TypeFor[some[prediction]](), reflect.TypeFor[[]prediction](), known[reflect.TypeFor[prediction]()])
	actions := &jsonschema.Schema{}
	for _, v := range verbs {
		s, failed := known.of(v.doer)
		add(v.doer, s, failed)
		actions.AnyOf = append(actions.AnyOf, s)
	}
	add(reflect.TypeFor[action](), actions, nil)
	for _, m := range []struct{ named, value reflect.Type }{
		{reflect.TypeFor[named[host]](), reflect.TypeFor[host]()},
		{reflect.TypeFor[named[group]](), reflect.TypeFor[group]()},
		{reflect.TypeFor[named[ranges]](), reflect.TypeFor[ranges]()},
		{reflect.TypeFor[named[some[prediction]]](), reflect.TypeFor[some[prediction]]()},
	} {
		s, failed := known.of(m.value)
		names := &jsonschema.Schema{Pattern: anID.String()}
		add(m.named, &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: s}, failed)
	}
	if err != nil {
		return nil, err
	}
	s, err := known.of(reflect.TypeFor[file]())
	if err != nil {
		return nil, err
	}
	s.Required = slices.DeleteFunc(s.Required, func(key string) bool { return key == "groups" }) // unless a host has any
	s.Schema, s.Title = dialect, "a scenario of lablab"
	zero, one := 0.0, 1.0
	s.Properties["time_lapse"] = &jsonschema.Schema{Type: "number", ExclusiveMinimum: &zero, Maximum: &one, Description: s.Properties["time_lapse"].Description}
	s.Properties["name"].Pattern = namePattern
	s.Properties["related"].Enum = []any{"off", "pmtud", "all"}
	s.Properties["hosts"].AdditionalProperties.Properties["conversion"].Enum = []any{"at-once", "by-packet"}
	return s, nil
}

// schemas are the schemas of types whose notation differs from their Go type.
type schemas map[reflect.Type]*jsonschema.Schema

func (known schemas) of(t reflect.Type) (*jsonschema.Schema, error) {
	if s, own := known[t]; own {
		return s.CloneSchemas(), nil
	}
	return jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: known})
}

func oneWord(words ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return s
}
