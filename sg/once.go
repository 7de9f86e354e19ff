package sg

import (
	"fmt"
	"reflect"

	"lablab/say"
)

// A sighting is where something was read first, and what was read.
type sighting struct {
	place string
	value any
}

// once returns an error if something was read before and was different. What stands in two files is
// one thing if both say the same.
func (r *reader) once(at *node, what say.Sentence, value any) error {
	key := what.String()
	before, again := r.account.seen[key]
	if !again {
		r.account.seen[key] = sighting{fmt.Sprintf("%s:%d:%d", r.file, at.line, at.column), value}
		return nil
	}
	if !reflect.DeepEqual(before.value, value) {
		return r.fail(at, "%s is listed twice and differs: first at %s", what, before.place)
	}
	return nil
}
