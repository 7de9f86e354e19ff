package enforce

import (
	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(8, syn{}, Description{
		Summary:  say.F("Of TCP only the SYN is checked, so an open connection outlives its rule."),
		Decides:  say.F("TCP: nothing, except for a SYN. Ping: the rules, for each echo request; each echo reply is accepted. UDP: whether this host has sent anything to that address and port."),
		Change:   say.F("Nothing."),
		Evidence: say.F("No event: the entry stays. Echo requests that no rule allows are dropped as established; packets of TCP and UDP are accepted."),
	})
}

// A syn model filters what comes in only: of TCP, the packet that begins a connection; of UDP, what
// belongs to no exchange; of ICMP, all but echo replies.
type syn struct{}

func (syn) Traits() Traits {
	known := say.F("the rules are checked for every echo request")
	return Traits{Name: "syn", ACL: true, Known: known, Decides: []string{packet.NotFilteredID, packet.AnyEchoReplyID, packet.MidConnectionID}}
}

func (syn) chains(c *compiler) []ruleset.Chain {
	free := func(id string, match ...ruleset.Statement) ruleset.Rule {
		return fixed(packet.ByModel, id, append(match, ruleset.Counter{})...)
	}
	return c.own(func(d packet.Direction) ruleset.Chain {
		if d == packet.Egress {
			chain := c.filter(d, nil)
			chain.Rules = []ruleset.Rule{free(packet.NotFilteredID)}
			return chain
		}
		return c.filter(d, []ruleset.Rule{
			free(packet.AnyEchoReplyID, ruleset.ICMP{Protocol: packet.ICMP, First: echoReply, Last: echoReply, Code: ruleset.AnyCode}),
			free(packet.AnyEchoReplyID, ruleset.ICMP{Protocol: packet.ICMPv6, First: echoReplyV6, Last: echoReplyV6, Code: ruleset.AnyCode}),
			free(packet.MidConnectionID, ruleset.TCPFlags{Mask: packet.SYN | packet.ACK, Set: packet.SYN, Not: true}),
			established(ruleset.Protocol(packet.UDP)),
		}, c.passing(d)...)
	})
}

const echoReply, echoReplyV6 = 0, 129 // RFC 792, RFC 4443

func (syn) Judge(p Packet, rules Policy) Decision {
	free := func(id string) Decision {
		return admitting(Decision{By: packet.By{Kind: packet.ByModel, ID: id}, Accepted: true}, p)
	}
	switch {
	case p.Direction == packet.Egress:
		return free(packet.NotFilteredID)
	case p.Protocol == packet.ICMP && p.ICMPType == echoReply, p.Protocol == packet.ICMPv6 && p.ICMPType == echoReplyV6:
		return free(packet.AnyEchoReplyID)
	case p.Protocol == packet.TCP && p.TCPFlags&(packet.SYN|packet.ACK) != packet.SYN:
		return free(packet.MidConnectionID)
	case p.Protocol == packet.UDP && p.State == packet.Established:
		d, _ := byEntry(p, rules)
		return d
	}
	if d, related := byRelation(p, rules); related {
		return d
	}
	return admitting(byRules(p, rules), p)
}

func (syn) Changed(Flow, Policy) Effect { return Stays }
