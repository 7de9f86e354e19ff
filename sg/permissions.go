package sg

import (
	"strings"

	"lablab/packet"
	"lablab/say"
)

// Permissions parses a list of permissions in the forms that the AWS CLI's --ip-permissions takes,
// into one rule per source: JSON, where a single permission needs no list around it (README of the
// AWS CLI), or its shorthand. It rejects what reading a file leaves out or notes as unknown.
func Permissions(written string) ([]Rule, error) {
	r := &reader{file: "permissions", text: []byte(written), account: &Account{}, members: map[string]bool{}}
	read := r.shorthand
	if start := strings.TrimSpace(written); strings.HasPrefix(start, "{") || strings.HasPrefix(start, "[") {
		read = r.json
	}
	values, err := read()
	if err != nil {
		return nil, err
	}
	g := &Group{ID: "sg-0"}
	for _, list := range values {
		r.permissions(g, packet.Ingress, list.list())
	}
	switch {
	case len(r.account.Unread) > 0:
		return nil, r.account.Unread[0].Err
	case r.strange != nil:
		return nil, r.strange
	case len(g.Ingress) == 0:
		return nil, say.New("read permissions: the list is empty")
	}
	return g.Ingress, nil
}
