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
	list := slices.Clone(g.Rules(d))
	for _, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
		if r.Peer.IsValid() {
			r.Peer = r.Peer.Masked()
		}
		if slices.ContainsFunc(list, r.Same) {
			return &Error{Duplicate, fmt.Sprintf("the specified rule %q already exists", r.peerText())}
		}
		_, _, there := g.Find(r.ID) // in either direction
		if r.ID != "" && (there || slices.ContainsFunc(list, func(o Rule) bool { return o.ID == r.ID })) {
			return &Error{Duplicate, fmt.Sprintf("The group already has a rule with the ID '%s'", r.ID)}
		}
		list = append(list, r)
	}
	*g.side(d) = list
	return nil
}

// RevokeSame removes the rules that are exactly the same, all or none of them, and returns them
// with their ids. A range that merely overlaps is another rule (InvalidPermission.NotFound, as in
// every VPC but a default one).
func (g *Group) RevokeSame(d packet.Direction, rules ...Rule) ([]Rule, error) {
	list := slices.Clone(g.Rules(d))
	var revoked []Rule
	for _, r := range rules {
		if r.Peer.IsValid() {
			r.Peer = r.Peer.Masked()
		}
		i := slices.IndexFunc(list, r.Same)
		if i < 0 {
			return nil, &Error{NotFound, "The specified rule does not exist in this security group."}
		}
		revoked = append(revoked, list[i])
		list = slices.Delete(list, i, i+1)
	}
	*g.side(d) = list
	return revoked, nil
}

// Revoke removes the rule with that id and returns it with its direction, or fails with
// InvalidSecurityGroupRuleId.NotFound.
func (g *Group) Revoke(id string) (Rule, packet.Direction, error) {
	rule, d, found := g.Find(id)
	if !found {
		return Rule{}, "", &Error{RuleNotFound, fmt.Sprintf("The security group rule ID '%s' does not exist", id)}
	}
	list := slices.Clone(g.Rules(d))
	*g.side(d) = slices.DeleteFunc(list, func(r Rule) bool { return r.ID == id })
	return rule, d, nil
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
