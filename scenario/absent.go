package scenario

import (
	"reflect"
	"slices"
)

// A kind is what a name can be of.
type kind string

const (
	aHost   kind = "host"
	aGroup  kind = "group"
	aRule   kind = "rule"
	aList   kind = "prefix list"
	aStream kind = "stream"
)

// definedIn says what the sections of a file define.
var definedIn = map[string][]kind{"hosts": {aHost}, "groups": {aGroup, aRule}, "prefix_lists": {aList}, "experiments": {aStream, aRule}}

// unreadKinds are the kinds of which something could not be read, each with the line from
// which on its name may be missed: that something is not there then tells nothing new.
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

// unreadable reports whether a name that is not here may be that of something that could
// not be read, unless it is spelt like one of those that are here.
func (w *walk) unreadable(k kind, at Place, name string, known []string) bool {
	from := w.unread[k]
	return from > 0 && at.Line >= from && Alike(name, known) == ""
}

// misses reports whether it is to be told that a name is not here: once for each name.
func (w *walk) misses(k kind, at Place, name string, known []string) bool {
	told := string(k) + " " + name
	if w.absent[told] || w.unreadable(k, at, name, known) {
		return false
	}
	w.absent[told] = true
	return true
}
