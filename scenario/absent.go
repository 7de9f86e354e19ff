package scenario

import (
	"reflect"
	"slices"
)

// A kind is a kind of thing that a name can refer to.
type kind string

const (
	aHost   kind = "host"
	aGroup  kind = "group"
	aRule   kind = "rule"
	aList   kind = "prefix list"
	aStream kind = "stream"
)

// definedIn maps each section of a file to the kinds of thing that it defines.
var definedIn = map[string][]kind{"hosts": {aHost}, "groups": {aGroup, aRule}, "prefix_lists": {aList}, "experiments": {aStream, aRule}}

// unreadKinds returns the kinds of which something could not be read. Each comes with the line from
// which on a name of that kind may be missing: an error about such a name would add nothing.
func unreadKinds(problems []Problem, keys map[string]Place) map[kind]int {
	unread := map[kind]int{}
	lose := func(line int, kinds ...kind) {
		for _, k := range kinds {
			if unread[k] == 0 || line < unread[k] {
				unread[k] = line
			}
		}
	}
	names := namesOf(fieldsOf(reflect.TypeFor[file]()))
	for key, kinds := range definedIn {
		if _, given := keys[key]; !given && key != "prefix_lists" && key != "experiments" {
			lose(1, kinds...)
		}
	}
	for _, p := range problems {
		section, begins := "", 0
		for key, at := range keys {
			if at.Line <= p.Line && at.Line > begins {
				section, begins = key, at.Line
			}
		}
		switch {
		case p.read:
		case section == "experiments":
			lose(p.Line, definedIn[section]...)
		case !slices.Contains(names, section) && Alike(section, names) == "":
			lose(1, aHost, aGroup, aRule, aList)
		default:
			lose(1, definedIn[section]...)
		}
	}
	return unread
}

// unreadable reports whether an unknown name may belong to something that could not be read. A name
// spelt like a known one is a typo instead.
func (w *walk) unreadable(k kind, at Place, name string, known []string) bool {
	from := w.unread[k]
	return from > 0 && at.Line >= from && Alike(name, known) == ""
}

// misses reports whether to complain about an unknown name: once per name.
func (w *walk) misses(k kind, at Place, name string, known []string) bool {
	missing := string(k) + " " + name
	if w.absent[missing] || w.unreadable(k, at, name, known) {
		return false
	}
	w.absent[missing] = true
	return true
}
