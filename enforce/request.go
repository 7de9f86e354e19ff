package enforce

import (
	"slices"
	"strconv"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/say"
)

func init() {
	register(4, request{}, Description{
		Summary:  say.F("The rules decide about each packet of the side that began the flow; replies need only the flow's entry."),
		Decides:  say.F("In the direction of the flow's first packet, the rules; in the other, the conntrack entry."),
		Change:   say.F("Nothing. With a tombstone, a dropped request marks the entry, and the mark stops the replies too, until a request is accepted again."),
		Evidence: say.F("No event: the entry stays, even dropped packets refresh it, and they are dropped as established. With a tombstone, an UPDATE whenever the mark changes; the id stays."),
	})
}

// A request model has the rules decide about every packet in the direction of the flow's first, and
// accepts replies.
type request struct {
	// tombstone is whether a request that the rules drop also stops the replies, until a request is
	// accepted again.
	tombstone bool
}

func (m request) Traits() Traits {
	known := say.F("the rules are checked for every packet in the direction of the flow's first")
	return Traits{Name: "request", ACL: true, Decides: []string{packet.TombstoneID}, Known: known, Knobs: []Knob{{
		Name: "tombstone", Means: say.F("whether a dropped request also stops the replies"),
		Value: strconv.FormatBool(m.tombstone), Choices: []string{"false", "true"},
		with: func(value string) Model { return request{value == "true"} },
	}}}
}

func (m request) chains(c *compiler) []ruleset.Chain {
	const bit = uint32(packet.Tombstone)
	known := established(ruleset.Reply)
	if !m.tombstone {
		return c.own(func(d packet.Direction) ruleset.Chain { return c.filter(d, []ruleset.Rule{known}, c.passing(d)...) })
	}
	stop := append(slices.Clone(reply), ruleset.CtMark{Mask: bit, Value: bit}, ruleset.Counter{}, ruleset.Drop)
	block := []ruleset.Statement{ruleset.InState(packet.Established), ruleset.SetCtMark{Keep: ^bit, Set: bit}, ruleset.Counter{}, ruleset.Drop}
	return append(c.own(func(d packet.Direction) ruleset.Chain {
		chain := c.filter(d, []ruleset.Rule{{Statements: stop, Comment: packet.TombstoneID, By: byTombstone}, known}, c.passing(d)...)
		chain.Rules = append(chain.Rules, ruleset.Rule{Statements: block, Comment: packet.DefaultDenyID, By: byDefault})
		return chain
	}), readmitting()...)
}

var byTombstone = packet.By{Kind: packet.ByTombstone, ID: packet.TombstoneID}

func (m request) Judge(p Packet, rules Policy) Decision {
	if p.State == packet.Established && p.Reply {
		if m.tombstone && p.mark().Blocked() {
			return Decision{By: byTombstone}
		}
		d, _ := byEntry(p, rules)
		return d
	}
	if d, related := byRelation(p, rules); related {
		return d
	}
	d := admitting(byRules(p, rules), p)
	if m.tombstone && p.State == packet.Established {
		d.Write = Blocking
		if d.Accepted {
			d.Write = Admitting
		}
	}
	return d
}

func (request) Changed(Flow, Policy) Effect { return Stays }
