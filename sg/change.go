package sg

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"lablab/packet"
)

// An Error is an error with EC2's own code and message.
type Error struct{ Code, Message string }

// The EC2 API error codes (EC2 API reference, "Error codes").
const (
	Duplicate     = "InvalidPermission.Duplicate"
	NotFound      = "InvalidPermission.NotFound"
	Malformed     = "InvalidPermission.Malformed"
	RuleNotFound  = "InvalidSecurityGroupRuleId.NotFound"
	GroupNotFound = "InvalidGroup.NotFound"
	// As in aws-application-networking-k8s issue 172.
	PrefixListNotFound = "InvalidPrefixListID.NotFound"
	// As in terraform-provider-aws issue 29204.
	InvalidModification = "InvalidPrefixListModification"
	InvalidValue        = "InvalidParameterValue"
)

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// CLI returns the error as the AWS CLI prints it for an operation, such as
// AuthorizeSecurityGroupIngress.
func (e *Error) CLI(operation string) string {
	return fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", e.Code, operation, e.Message)
}

// Find returns the group with that id or fails with InvalidGroup.NotFound.
func (a *Account) Find(id string) (*Group, error) {
	if g := a.Group(id); g != nil {
		return g, nil
	}
	return nil, &Error{GroupNotFound, fmt.Sprintf("The security group '%s' does not exist", id)}
}

// Authorize adds rules, all or none of them. Like EC2 it clears host bits, then rejects rules that
// exist already, whatever their description or id (InvalidPermission.Duplicate), and rules that
// make no sense (InvalidPermission.Malformed).
func (g *Group) Authorize(d packet.Direction, rules ...Rule) error {
	same, named := map[Rule]bool{}, map[string]bool{} // what rules of the group allow already, and their ids
	for _, r := range rules {
		same[r.canonical()], named[r.ID] = false, false
	}
	for _, r := range slices.Concat(g.Ingress, g.Egress) {
		if _, asked := named[r.ID]; asked && r.ID != "" {
			named[r.ID] = true
		}
	}
	list := slices.Clone(g.Rules(d))
	for _, r := range list {
		if _, asked := same[r.canonical()]; asked {
			same[r.canonical()] = true
		}
	}
	for _, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
		if r.Peer.IsValid() {
			r.Peer = r.Peer.Masked()
		}
		if same[r.canonical()] {
			return &Error{Duplicate, fmt.Sprintf("the specified rule %q already exists", r.peerText())}
		}
		if named[r.ID] {
			return &Error{Duplicate, fmt.Sprintf("The group already has a rule with the ID '%s'", r.ID)}
		}
		same[r.canonical()], named[r.ID] = true, r.ID != ""
		list = append(list, r)
	}
	*g.side(d) = list
	return nil
}

// RevokeSame removes the rules that are exactly the same, all or none of them, and returns them
// with their ids. A range that merely overlaps is another rule (InvalidPermission.NotFound, as in
// every VPC but a default one).
func (g *Group) RevokeSame(d packet.Direction, rules ...Rule) ([]Rule, error) {
	places := map[Rule][]int{}
	for _, r := range rules {
		places[r.canonical()] = nil
	}
	list := slices.Clone(g.Rules(d))
	for i, r := range list {
		if there, asked := places[r.canonical()]; asked {
			places[r.canonical()] = append(there, i)
		}
	}
	revoked, gone := make([]Rule, 0, len(rules)), map[int]bool{}
	for _, r := range rules {
		there := places[r.canonical()]
		if len(there) == 0 {
			return nil, &Error{NotFound, "The specified rule does not exist in this security group."}
		}
		revoked, gone[there[0]] = append(revoked, list[there[0]]), true
		places[r.canonical()] = there[1:]
	}
	var left []Rule
	for i, r := range list {
		if !gone[i] {
			left = append(left, r)
		}
	}
	*g.side(d) = left
	return revoked, nil
}

// Revoke removes the rules with these ids, all or none of them, and returns them, or fails with
// InvalidSecurityGroupRuleId.NotFound.
func (g *Group) Revoke(ids ...string) ([]GroupRule, error) {
	there := map[string]GroupRule{}
	for _, d := range []packet.Direction{packet.Egress, packet.Ingress} {
		for _, r := range slices.Backward(g.Rules(d)) { // of several, the first counts
			there[r.ID] = GroupRule{g.Key(), d, r}
		}
	}
	revoked := make([]GroupRule, 0, len(ids))
	for _, id := range ids {
		r, found := there[id]
		if !found {
			return nil, &Error{RuleNotFound, fmt.Sprintf("The security group rule ID '%s' does not exist", id)}
		}
		revoked = append(revoked, r)
		delete(there, id)
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		*g.side(d) = slices.DeleteFunc(slices.Clone(g.Rules(d)), func(r Rule) bool { _, stays := there[r.ID]; return !stays })
	}
	return revoked, nil
}

// CheckPorts rejects a rule without ports if EC2 requires them (InvalidParameterValue, worded as in
// aws-sdk-go-v2 issue 1203 and cfn-lint issue 2999). For ICMPv6 they may be left out
// (CloudFormation, AWS::EC2::SecurityGroupIngress).
func CheckPorts(p packet.Protocol, given bool) error {
	with := map[packet.Protocol]string{packet.TCP: "TCP/UDP", packet.UDP: "TCP/UDP", packet.ICMP: "ICMP"}[p]
	if given || with == "" {
		return nil
	}
	return &Error{InvalidValue, fmt.Sprintf("Invalid value for portRange. Must specify both from and to ports with %s.", with)}
}

func malformed(message string, args ...any) error {
	return &Error{Malformed, fmt.Sprintf(message, args...)}
}

// check rejects what EC2 rejects about a single rule.
func (r Rule) check() error {
	peers := 0
	for _, there := range []bool{r.Peer.IsValid(), r.PrefixList != "", r.Reference.GroupID != "" || r.Reference.GroupName != ""} {
		if there {
			peers++
		}
	}
	if peers != 1 {
		return malformed("A rule has exactly one peer, not %d", peers)
	}
	return r.checkWhat()
}

// checkWhat rejects protocols and ports that do not exist.
func (r Rule) checkWhat() error {
	if r.Protocol < packet.All || r.Protocol > 255 {
		return malformed("%d is not a protocol", int(r.Protocol))
	}
	if r.From == Any && r.To == Any || !hasPorts(r.Protocol) {
		return nil
	}
	most, least := 65535, 0
	if r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6 {
		most, least = 255, Any
	}
	switch {
	case r.From < least || r.From > most || r.To < least || r.To > most:
		return malformed("%d-%d is not a range from %d to %d", r.From, r.To, least, most)
	case most == 65535 && r.From > r.To:
		return malformed("The port range %d-%d is reversed", r.From, r.To)
	case most == 255 && r.From == Any:
		return malformed("All ICMP types need all codes, not code %d", r.To)
	}
	return nil
}

// checkNames rejects a rule without a usable id: output names the rule that decided. It also
// rejects names with characters that a terminal would not print as they are.
func (r Rule) checkNames(number int) error {
	const longest = 128 // bytes: the limit of an nft(8) comment
	switch {
	case r.ID == "":
		return malformed("rule %d has no id", number)
	case packet.Reserved(r.ID):
		return malformed("rule %d has an id that lablab uses itself: %q", number, r.ID)
	case len(r.ID) > longest:
		return malformed("rule %d has an id of more than %d bytes", number, longest)
	}
	for _, text := range []string{r.ID, r.PrefixList, r.Reference.GroupID, r.Reference.GroupName} {
		if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) || c == '"' || c == '\\' }) {
			return malformed("rule %d has a name with characters that cannot be shown: %q", number, text)
		}
	}
	return nil
}
