package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lablab/internal/control"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

func newACL(env Env) *cobra.Command {
	var ingress, egress []string
	c := &cobra.Command{
		Use:   "acl HOST (--ingress RULE | --egress RULE)...\n  lablab acl HOST off",
		Short: "Attach a network ACL to a host, or remove it",
		Long: `Acl attaches a network ACL to a host and replaces the one it has. A network ACL is
stateless: each packet, replies included, is checked against its rules in ascending
order, and denied if none matches. A rule is a number, allow or deny, a protocol
(tcp, udp, icmp, icmpv6, all, or its number), ports where the protocol has them, and
an address range. "off" removes the ACL.`,
		Example: `  lablab acl A --ingress "100 allow tcp 22 10.0.0.0/8" --egress "100 allow all 0.0.0.0/0"
  lablab acl A --ingress "90 deny icmp 10.255.1.10/32" --ingress "100 allow all 0.0.0.0/0" \
    --egress "100 allow all 0.0.0.0/0"
  lablab acl A off`,
		Args: arguments(1, 2),
	}
	c.Flags().StringArrayVar(&ingress, "ingress", nil, "inbound `RULE`; may be repeated")
	c.Flags().StringArrayVar(&egress, "egress", nil, "outbound `RULE`; may be repeated")
	return changing(env, c, func(ctx context.Context, lab *control.Client, args []string) error {
		acl, err := aclOf(args[1:], ingress, egress)
		if err != nil {
			return err
		}
		done, err := lab.Apply(ctx, sg.SetACL{Interface: args[0], ACL: acl})
		if err != nil {
			return err
		}
		next(c, effect(done, say.F("for the verdict on each packet: lablab trace"), "").In(env.Language))
		return printACL(env, args[0], acl)
	})
}

// aclOf returns the ACL that the flags describe, or nil to remove it.
func aclOf(off, ingress, egress []string) (*sg.ACL, error) {
	rules := len(ingress) + len(egress)
	switch {
	case len(off) > 0 && off[0] != "off":
		return nil, &usageError{say.Errorf("unexpected %q after the host", off[0]), say.F("give either rules or off")}
	case len(off) > 0 && rules > 0:
		return nil, &usageError{say.New("both off and rules given"), say.F("give either rules or off")}
	case len(off) > 0:
		return nil, nil
	case rules == 0:
		return nil, &usageError{say.New("the ACL has no rules"), say.F(`for example --ingress "100 allow tcp 22 10.0.0.0/8" --egress "100 allow all 0.0.0.0/0", or off`)}
	}
	in, errIn := aclRules("--ingress", ingress)
	out, errOut := aclRules("--egress", egress)
	return &sg.ACL{Ingress: in, Egress: out}, cmp.Or(errIn, errOut)
}

// aclRules parses the rules of one direction.
func aclRules(flag string, texts []string) ([]sg.ACLRule, error) {
	rules := []sg.ACLRule{}
	for _, text := range texts {
		r, err := aclRule(text)
		if err != nil {
			return nil, &usageError{say.Errorf("%s %q: %w", flag, text, err), say.F("for example %s \"100 allow tcp 22 10.0.0.0/8\"", flag)}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// aclRule parses the format that [sg.ACLRule] writes: 100 allow tcp 22 10.0.0.0/8.
func aclRule(text string) (sg.ACLRule, error) {
	r := sg.ACLRule{From: sg.Any, To: sg.Any}
	words := strings.Fields(text)
	if len(words) < 4 {
		return r, say.New("a rule is: number, allow or deny, protocol, ports if any, address range")
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return r, say.Errorf("%q is not the number of a rule", words[0])
	}
	if words[1] != "allow" && words[1] != "deny" {
		return r, say.Errorf("a rule starts with allow or deny, not %s", words[1])
	}
	r.Number, r.Allow = n, words[1] == "allow"
	var known bool
	if r.Protocol, known = protocolOf(words[2]); !known {
		return r, say.Errorf("%s is not a protocol", words[2])
	}
	last := len(words) - 1
	if r.Peer, err = netip.ParsePrefix(words[last]); err != nil {
		return r, say.Errorf("%s is not an address range", words[last])
	}
	r.Peer = r.Peer.Masked()
	return r, aclPorts(&r, words[3:last])
}

// aclPorts parses a port, a range of ports, or an ICMP type and code.
func aclPorts(r *sg.ACLRule, words []string) error {
	icmp := r.Protocol == packet.ICMP || r.Protocol == packet.ICMPv6
	text := strings.Join(words, " ")
	var rest string
	switch {
	case text == "" || text == "all":
		return nil
	case icmp:
		if n, _ := fmt.Sscanf(text+" .", "type %d code %d %s", &r.From, &r.To, &rest); n == 3 && rest == "." {
			return nil
		}
		r.To = sg.Any
		if n, _ := fmt.Sscanf(text+" .", "type %d %s", &r.From, &rest); n == 2 && rest == "." {
			return nil
		}
		return say.Errorf("%q is not an ICMP type: write type 8, or type 3 code 4", text)
	case r.Protocol != packet.TCP && r.Protocol != packet.UDP:
		return say.Errorf("protocol %s has no ports", r.Protocol)
	}
	var rule sg.Rule
	if err := portsOf(&rule, text); err != nil || rule.From > rule.To {
		return say.Errorf("%q is neither a port nor a port range", text)
	}
	r.From, r.To = rule.From, rule.To
	return nil
}

// protocolOf parses a protocol's name or number.
func protocolOf(text string) (packet.Protocol, bool) {
	if text == "all" {
		return packet.All, true
	}
	return packet.ParseProtocol(text)
}

// printACL warns about a direction in which the ACL allows nothing.
func printACL(env Env, host string, acl *sg.ACL) error {
	switch {
	case acl == nil:
		return env.did(env.Language.Sprintf("%s has no network ACL", host))
	case len(acl.Egress) == 0:
		return env.did(env.Language.Sprintf("%s has a network ACL; it allows nothing outbound, not even replies", host))
	case len(acl.Ingress) == 0:
		return env.did(env.Language.Sprintf("%s has a network ACL; it allows nothing inbound, not even replies", host))
	}
	return env.did(env.Language.Sprintf("%s has a network ACL", host))
}
