package scenario

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// account reads the groups. A rule may refer to a group that comes later.
func (w *walk) account(groups named[group]) {
	if at, written := w.keys["groups"]; written && len(groups) == 0 {
		w.about(at, "the scenario has no security groups")
		w.unread[aGroup], w.unread[aRule] = 1, 1
	}
	for _, e := range groups {
		if w.isNew(e.Place, say.F("a group"), e.name) && len(e.value.File) > 0 {
			w.groups[e.name] = w.described(e)
		} else {
			w.groups[e.name] = e.name
		}
		w.reported[e.name] = w.groups[e.name] == ""
	}
	for _, e := range groups {
		switch id := w.groups[e.name]; {
		case len(e.value.File) > 0:
		case w.sc.Account.Group(id) != nil:
			w.about(e.Place, "%s is already the id of a group in a file: choose another name", id)
		default:
			if e.value.ID.given() {
				w.about(e.value.ID.Place, "an id is for a group in a file: { file: groups.json, id: %s }", e.value.ID.text)
			}
			w.sc.Account.Groups = append(w.sc.Account.Groups, w.written(e))
		}
	}
}

// written reads a group whose rules are in the scenario.
func (w *walk) written(e entry[group]) *sg.Group {
	g := &sg.Group{ID: e.name, Name: e.name}
	for _, side := range []struct {
		direction packet.Direction
		prefix    string
		rules     []rule
	}{{packet.Ingress, "in", e.value.Ingress}, {packet.Egress, "out", e.value.Egress}} {
		for i, from := range side.rules {
			r, ok := w.rule(from)
			if r.ID == "" {
				r.ID = fmt.Sprintf("%s-%d", side.prefix, i+1)
			}
			switch _, _, twice := g.Find(r.ID); {
			case !ok:
				w.reported[r.ID] = true
			case twice:
				w.about(from.Place, "group %s has two rules with the id %s", e.name, r.ID)
			default:
				w.refused(from.Place, g.Authorize(side.direction, r))
			}
		}
	}
	return g
}

// apply makes a change, and reports whether it could.
func (w *walk) apply(at Place, change sg.Change) bool {
	to, err := w.now.Apply(change)
	if w.refused(at, err) {
		return false
	}
	w.now = to
	return true
}

// refused reports why a change is rejected, and whether it was.
func (w *walk) refused(at Place, err error) bool {
	var says *sg.Error
	switch {
	case errors.As(err, &says):
		w.about(at, "EC2 rejects this: %s: %s", says.Code, says.Message)
	case err != nil:
		w.about(at, "%s", err)
	}
	return err != nil
}

// described returns the id of a group that is in a file.
func (w *walk) described(e entry[group]) string {
	if len(e.value.Ingress)+len(e.value.Egress) > 0 {
		w.about(e.Place, "group %s has rules both here and in a file: choose one", e.name)
	}
	var found []*sg.Group
	before := len(w.list)
	for i, from := range e.value.File {
		if !from.given() {
			return "" // already reported
		}
		groups := w.read(from)
		if i == 0 || len(found) == 0 {
			found = groups
		}
	}
	if len(w.list) > before {
		return ""
	}
	id := e.value.ID
	i := slices.IndexFunc(found, func(g *sg.Group) bool { return g.ID == id.text })
	switch {
	case len(found) == 1 && !id.given():
		i = 0
	case !id.given():
		w.about(e.Place, "there are %d groups in %s: choose one with its id", len(found), e.value.File[0].text)
		return ""
	case i < 0:
		var ids []string
		for _, g := range found {
			ids = append(ids, g.ID)
		}
		w.hinted(id.Place, DidYouMean(id.text, ids), "%s has no group %s", e.value.File[0].text, id.text)
		return ""
	}
	for other, taken := range w.groups {
		if taken == found[i].ID {
			w.about(e.Place, "group %s is used twice: %s is the same group", found[i].ID, other)
		}
	}
	for _, u := range w.sc.Account.Unread {
		if u.Group == found[i].ID { // a scenario does not run with half a group
			w.inFile(e.Place, u.Err)
		}
	}
	return found[i].ID
}

// inFile reports what is wrong in a file of groups. It shows no line of it, since it may be the wrong
// file.
func (w *walk) inFile(at Place, wrong *sg.FileError) {
	w.about(at, "the group file has errors")
	w.list = append(w.list, Problem{File: wrong.File, Place: Place{wrong.Line, wrong.Column}, Text: wrong.Message})
}

// read adds the groups of a file to the account, once, and returns them.
func (w *walk) read(from line) []*sg.Group {
	path := from.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(w.file), path)
	}
	if w.files == nil {
		w.files = map[string][]*sg.Group{}
	}
	if groups, before := w.files[path]; before {
		return groups
	}
	f, err := w.open(path)
	if err != nil {
		w.about(from.Place, "cannot read the groups: %v", err)
		return nil
	}
	defer f.Close()
	w.sc.GroupFiles = append(w.sc.GroupFiles, path)
	known := len(w.sc.Account.Groups)
	err = w.sc.Account.Read(path, f)
	var wrong *sg.FileError
	switch {
	case errors.As(err, &wrong):
		w.inFile(from.Place, wrong)
	case err != nil:
		w.about(from.Place, "cannot read the groups: %v", err)
	}
	w.files[path] = w.sc.Account.Groups[known:]
	return w.files[path]
}

// group returns the id of the group with that name in the scenario, or with that id in a file.
func (w *walk) group(n name) (id string, known bool) {
	if !n.given() || w.reported[n.text] {
		return "", false
	}
	if id, known := w.groups[n.text]; known {
		return id, true
	}
	if w.sc.Account.Group(n.text) != nil {
		return n.text, true
	}
	if w.misses(aGroup, n.Place, n.text, sorted(w.groups)) {
		w.hinted(n.Place, DidYouMean(n.text, sorted(w.groups)), "unknown group %s", n.text)
	}
	return "", false
}

// prefixLists reads the prefix lists: named sets of ranges.
func (w *walk) prefixLists(lists named[ranges]) {
	for _, e := range lists {
		l := sg.PrefixList{ID: e.name, Name: e.name, Known: true}
		w.isNew(e.Place, say.F("a prefix list"), e.name)
		for _, from := range e.value {
			p, ok := w.cidr(from)
			switch {
			case !ok:
			case len(l.Entries) > 0 && l.Entries[0].Addr().Is4() != p.Addr().Is4():
				w.about(from.Place, "%s and %s are of different IP versions: a prefix list has only one", p, l.Entries[0])
			case slices.Contains(l.Entries, p):
				w.about(from.Place, "%s is in the list twice", p)
			default:
				l.Entries = append(l.Entries, p)
			}
		}
		if len(l.Entries) > 0 {
			l.AddressFamily = sg.FamilyOf(l.Entries[0])
		}
		w.sc.Account.PrefixLists = append(w.sc.Account.PrefixLists, l)
	}
}
