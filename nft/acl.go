package nft

import (
	"fmt"

	"lablab/sg"
)

// ACLTable is the table of a network ACL, which stands before the groups: a packet
// must be allowed by both, so their order makes no difference to it.
const ACLTable = "network_acl"

// aclRule is the id of an ACL's rule.
func aclRule(r sg.ACLRule) string { return fmt.Sprintf("acl-%d", r.Number) }

// ACLDeny is the id of what an ACL does with packets that no rule of it matches.
const ACLDeny = "acl-default-deny"

// asRule is the rule as the compiler knows rules.
func asRule(r sg.ACLRule) Rule {
	return Rule{Rule: sg.Rule{ID: aclRule(r), Protocol: r.Protocol, From: r.From, To: r.To, Peer: r.Peer}}
}
