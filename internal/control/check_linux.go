package control

import (
	"fmt"
	"strings"
	"unicode"

	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
)

// checkDirection refuses a value that is not a direction.
func checkDirection(d packet.Direction) error {
	if d == packet.Ingress || d == packet.Egress {
		return nil
	}
	return &sg.Error{Code: sg.Malformed, Message: fmt.Sprintf("%q is not a direction: choose %s or %s", string(d), packet.Ingress, packet.Egress)}
}

// check refuses rules that are not valid, and ids with characters that a terminal would not print
// as they are: output names the rule that decided.
func check(rules []sg.Rule) error {
	const longest = 128 // the limit of an nft(8) comment
	for i, r := range rules {
		malformed := func(message string, args ...any) error {
			return &sg.Error{Code: sg.Malformed, Message: fmt.Sprintf("rule %d %s", i+1, fmt.Sprintf(message, args...))}
		}
		peers := 0
		for _, named := range []bool{r.Peer.IsValid(), r.PrefixList != "", r.Reference != sg.Reference{}} {
			if named {
				peers++
			}
		}
		switch {
		case r.ID == "":
			return malformed("has no id")
		case scenario.IsOwn(r.ID):
			return malformed("has an id that lablab uses itself: %q", r.ID)
		case len(r.ID) > longest:
			return malformed("has an id of more than %d bytes", longest)
		case peers != 1:
			return malformed("needs one of a range of addresses, a prefix list and a group")
		}
		for _, text := range []string{r.ID, r.PrefixList, r.Reference.GroupID, r.Reference.GroupName} {
			if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) || c == '"' || c == '\\' }) {
				return malformed("has a name with characters that cannot be shown: %q", text)
			}
		}
		rules[i].Peer = r.Peer.Masked()
	}
	return nil
}
