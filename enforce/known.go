package enforce

import (
	"slices"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// established returns the rule that accepts the packets of known flows, or those of them that also
// match the statements.
func established(match ...ruleset.Statement) ruleset.Rule {
	match = slices.Concat([]ruleset.Statement{ruleset.InState(packet.Established)}, match, []ruleset.Statement{ruleset.Counter{}})
	r := fixed(packet.ByEstablished, packet.EstablishedID, match...)
	r.Key = packet.EstablishedID
	return r
}

// reply matches packets of known flows that go against the direction of the first. ICMP errors about
// a flow are not among them.
var reply = []ruleset.Statement{ruleset.InState(packet.Established), ruleset.Reply}

// byFlow returns the chains of a model whose rules decide about replies by the first packet of their
// flow. Of each direction, it has the chain that filter returns, which sends replies to the other.
func (c *compiler) byFlow(filter func(d packet.Direction, replies ruleset.Rule) ruleset.Chain) (chains []ruleset.Chain) {
	for _, d := range directions() {
		replies := ruleset.Chain{Name: "replies_" + string(d), Decides: ruleset.Decides{Direction: d, Default: byDefault}}
		began := packet.Ingress
		if d == packet.Ingress {
			began = packet.Egress
		}
		for _, r := range c.rules[began] {
			replies.Rules = append(replies.Rules, r.compileReply(began))
		}
		chains = append(chains, replies, filter(d, ruleset.Rule{Statements: append(slices.Clone(reply), ruleset.Goto(replies.Name))}))
	}
	return chains
}

// compileReply returns the rule as it is for replies to packets that travelled in a direction. Only
// those packets are counted.
func (r rule) compileReply(began packet.Direction) ruleset.Rule {
	list := address(r, began)
	if a, is := list[0].(ruleset.Address); is {
		a.Original = true
		list[0] = a
	}
	list = appendOriginal(list, r.Rule)
	if i, is := list[len(list)-1].(ruleset.ICMP); is {
		list = append(list[:len(list)-1], ruleset.Protocol(i.Protocol), originalICMP(i))
	}
	compiled := r.accept(list, 0, r.number)
	compiled.Statements = slices.DeleteFunc(compiled.Statements, func(s ruleset.Statement) bool { return s == ruleset.Counter{} })
	return compiled
}

// originalICMP matches type and code of a flow's first packet, which are the two bytes of its port.
func originalICMP(i ruleset.ICMP) ruleset.OriginalPorts {
	p := ruleset.OriginalPorts{Side: ruleset.Destination, First: uint16(i.First) << 8, Last: uint16(i.Last)<<8 | 0xff}
	if i.Code != ruleset.AnyCode {
		p.First |= uint16(i.Code)
		p.Last = p.First
	}
	return p
}

// readmitting returns the chains in which a packet of a known flow that a rule has accepted writes the
// number of that rule into the mark of its entry, as a new one does under every model.
func readmitting() (chains []ruleset.Chain) {
	const behind = 5 // the chains that decide
	for _, d := range directions() {
		chains = append(chains, ruleset.Chain{Name: "admitted_" + string(d), Hook: hook(d), Priority: behind, Policy: ruleset.Accept, Rules: []ruleset.Rule{
			{Statements: []ruleset.Statement{ruleset.InState(packet.Established), ruleset.PacketMark{Not: true}, ruleset.CopyMark{}}},
		}})
	}
	return chains
}
