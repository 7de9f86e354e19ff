package sg

import (
	"bytes"
	"encoding/json"

	"lablab/say"
)

// Changes is a list of changes that can be written as JSON: an object each, whose only member says
// what kind of change it is, as in [{"revoke": {"group": "sg-1", "ids": ["sgr-1"]}}].
type Changes []Change

// changes maps each kind of change to its reader.
var changes = map[string]func([]byte) (Change, error){
	Authorize{}.kind():        readChange[Authorize],
	Revoke{}.kind():           readChange[Revoke],
	Attach{}.kind():           readChange[Attach],
	SetACL{}.kind():           readChange[SetACL],
	ModifyPrefixList{}.kind(): readChange[ModifyPrefixList],
}

func (Authorize) kind() string        { return "authorize" }
func (Revoke) kind() string           { return "revoke" }
func (Attach) kind() string           { return "attach" }
func (SetACL) kind() string           { return "acl" }
func (ModifyPrefixList) kind() string { return "prefix_list" }

// readChange reads a change. It rejects members that the change does not have.
func readChange[C Change](text []byte) (Change, error) {
	var c C
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&c)
	return c, err
}

// MarshalJSON writes the changes.
func (c Changes) MarshalJSON() ([]byte, error) {
	list := make([]map[string]Change, len(c))
	for i, change := range c {
		list[i] = map[string]Change{change.kind(): change}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads changes.
func (c *Changes) UnmarshalJSON(text []byte) error {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*c = make(Changes, len(list))
	for i, one := range list {
		if len(one) != 1 {
			return say.Errorf("change %d: want one member that says what kind of change it is", i+1)
		}
		for kind, text := range one {
			read, known := changes[kind]
			if !known {
				return say.Errorf("change %d: unknown kind %q: want authorize, revoke, attach, acl or prefix_list", i+1, kind)
			}
			var err error
			if (*c)[i], err = read(text); err != nil {
				return say.Errorf("change %d: %w", i+1, err)
			}
		}
	}
	return nil
}
