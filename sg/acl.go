package sg

import (
	"fmt"
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// An ACL is a network ACL. It guards a subnet rather than an interface, is stateless, and the first
// rule that matches decides. A packet that matches none is denied. (VPC user guide, "Network
// ACLs".)
type ACL struct {
	Ingress []ACLRule `json:"ingress"`
	Egress  []ACLRule `json:"egress"`
}

// MaxACLNumber is the highest number of an ACL's rule (VPC user guide, "Network ACL rules").
const MaxACLNumber = 32766

// An ACLRule allows or denies packets of one protocol from or to one range of addresses.
type ACLRule struct {
	Number   int             `json:"number"` // from 1 to 32766; the lowest is checked first
	Allow    bool            `json:"allow"`
	Protocol packet.Protocol `json:"protocol"`
	From     int             `json:"from"` // as in a [Rule]
	To       int             `json:"to"`
	Peer     netip.Prefix    `json:"peer"`
}

// ID returns the rule's id in verdicts and reports, such as "acl-100". No rule of a group may have it
// ([packet.Reserved]).
func (r ACLRule) ID() string { return fmt.Sprintf("acl-%d", r.Number) }

// Rules returns the rules of one direction.
func (a ACL) Rules(d packet.Direction) []ACLRule {
	if d == packet.Ingress {
		return a.Ingress
	}
	return a.Egress
}

// Allows reports whether the ACL allows a packet: the first rule that matches decides.
func (a ACL) Allows(d packet.Direction, p Packet) bool {
	for _, r := range a.Rules(d) {
		what := Rule{Protocol: r.Protocol, From: r.From, To: r.To}
		if what.AllowsWhat(p) && r.Peer.Contains(p.Peer) {
			return r.Allow
		}
	}
	return false
}

func (a *ACL) equal(o *ACL) bool {
	if a == nil || o == nil {
		return a == o
	}
	return slices.Equal(a.Ingress, o.Ingress) && slices.Equal(a.Egress, o.Egress)
}

// ordered returns the ACL with its rules in the order in which they are checked, or an error if a
// rule is invalid.
func (a *ACL) ordered() (*ACL, error) {
	if a == nil {
		return nil, nil
	}
	to := &ACL{}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		rules := slices.Clone(a.Rules(d))
		slices.SortFunc(rules, func(x, y ACLRule) int { return x.Number - y.Number })
		for i, r := range rules {
			switch {
			case r.Number < 1 || r.Number > MaxACLNumber:
				return nil, say.Errorf("rule %d: the number must be from 1 to %d", r.Number, MaxACLNumber)
			case i > 0 && rules[i-1].Number == r.Number:
				return nil, say.Errorf("rule %d is given twice", r.Number)
			case !r.Peer.IsValid():
				return nil, say.Errorf("rule %d has no address range", r.Number)
			}
			if err := (Rule{Protocol: r.Protocol, From: r.From, To: r.To}).checkWhat(); err != nil {
				return nil, say.Errorf("rule %d: %w", r.Number, err)
			}
		}
		if d == packet.Ingress {
			to.Ingress = rules
		} else {
			to.Egress = rules
		}
	}
	return to, nil
}

// Lines returns the rules with their directions: "ingress 100 deny icmp 0.0.0.0/0".
func (a ACL) Lines() []string {
	var lines []string
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, r := range a.Rules(d) {
			lines = append(lines, fmt.Sprintf("%s %s", d, r))
		}
	}
	return lines
}

func (r ACLRule) String() string {
	verb := "deny"
	if r.Allow {
		verb = "allow"
	}
	return fmt.Sprintf("%d %s %s", r.Number, verb, Rule{Protocol: r.Protocol, From: r.From, To: r.To, Peer: r.Peer})
}
