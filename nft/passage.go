package nft

import (
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"lablab/nft/ruleset"
	"lablab/packet"
)

// A point is a place on the way of a packet at which lablab's own chains see it.
type point struct {
	at    milestone
	state packet.State // at known
}

type milestone int

const (
	arrives   milestone = iota + 1 // from the network, before any other chain
	begins                         // the host itself sends it
	known                          // conntrack has looked it up
	received                       // it has passed all chains, and is for the host
	forwarded                      // it has passed the chains that decide whether it is forwarded
	leaves                         // it has passed all chains, and goes to the network
)

// A rulebook knows the chains and rules of a ruleset.
type rulebook interface {
	// point returns what a rule of lablab's own chains stands for.
	point(handle uint64) point
	// chain returns where packets enter a chain, and whether they do so at a hook.
	chain(at chainSite) (base baseChain, is bool, err error)
	// by returns what decides if a rule does, or if the policy of a chain does (handle 0).
	by(at chainSite, handle uint64) (packet.By, error)
	// rejects reports whether a rule tells senders that it drops their packets.
	rejects(at chainSite, handle uint64) bool
	// changed takes that another program has changed the ruleset.
	changed() error
}

// passages joins the messages about each packet to verdicts: one where it arrives or leaves, and two
// where it is forwarded. A packet passes several base chains at each hook. To accept it is to hand
// it to the next one, so the last that decides counts; to drop it is final. Chains that translate
// addresses accept packets too, but decide nothing by that.
type passages struct {
	local func(netip.Addr) bool
	rules rulebook
	begun map[uint32]*passage // by trace id

	messages, verdicts int // counted so far
}

// A passage is what is known so far of a packet on its way through a host.
type passage struct {
	Verdict           // as it is if nothing drops the packet
	own     bool      // the host itself sends it
	base    baseChain // where it entered the chain in which it is
	weight  int       // how much what accepted it last says about it
}

func (p *passages) forget() { clear(p.begun) }

func (p *passages) verdictsIn(messages int) int {
	const usual = 6 // messages per verdict
	if p.verdicts == 0 {
		return max(1, messages/usual)
	}
	return max(1, messages*p.verdicts/p.messages)
}

// The types of messages from nf_tables: enum nf_tables_msg_types.
const (
	newGeneration = 15 // a transaction is over
	traceOf       = 17
)

func (p *passages) add(m netlink.Message) (v Verdict, complete bool, err error) {
	switch m.Header.Type & 0xff {
	case newGeneration:
		return v, false, p.rules.changed()
	case traceOf:
	default:
		return v, false, nil
	}
	p.messages++
	t, err := decode(m)
	if err != nil {
		return v, false, err
	}
	at := chainSite{t.family, t.table, t.chain}
	if families[t.family] == "inet" && t.table == tracerName {
		v, complete = p.reach(t)
	} else if of := p.begun[t.id]; of != nil {
		v, complete, err = p.decided(of, at, t)
	}
	if complete {
		p.verdicts++
	}
	return v, complete, err
}

// notFiltered is what decides where no chain does.
var notFiltered = packet.By{Kind: packet.ByRuleset, ID: packet.NotFilteredID}

// reach takes that a packet has reached a point.
func (p *passages) reach(t traceMessage) (v Verdict, complete bool) {
	const most = 10_000 // packets that may have got lost between two chains
	is := p.rules.point(t.handle)
	if t.kind != tracedRule {
		return v, false
	}
	if is.at == arrives || is.at == begins {
		if len(p.begun) >= most {
			clear(p.begun)
		}
		p.begun[t.id] = entered(t, is.at)
		return v, false
	}
	of := p.begun[t.id]
	if of == nil {
		return v, false
	}
	switch is.at {
	case known:
		of.State = is.state
		return v, false
	case forwarded:
		v = of.Verdict
		v.Direction, v.Forwarded, v.Accepted, v.Headers = packet.Ingress, true, true, nil
		of.Direction, of.Forwarded, of.By, of.weight = packet.Egress, true, notFiltered, 0
		return v, true
	}
	delete(p.begun, t.id)
	v = of.Verdict
	v.Accepted = true
	if v.Direction == packet.Ingress {
		v.Headers = nil
	} else if !of.own {
		v.Neighbour = [6]byte{}
	}
	return v, true
}

// entered returns what the first message about a packet says.
func entered(t traceMessage, at milestone) *passage {
	of := &passage{Verdict: Verdict{Direction: packet.Ingress, State: packet.Untracked, By: notFiltered}}
	of.Packet, _ = packet.ParseHeaders(t.network, t.transport)
	of.Headers = slices.Concat(t.network, t.transport)
	const ethernet = 14 // bytes: the destination, the source and the type
	if at == begins {
		of.own, of.Direction = true, packet.Egress
	} else if len(t.link) >= ethernet {
		of.Neighbour = [6]byte(t.link[6:12])
	}
	return of
}

// decided takes what a chain of the ruleset does with a packet.
func (p *passages) decided(of *passage, at chainSite, t traceMessage) (v Verdict, complete bool, err error) {
	base, is, err := p.rules.chain(at)
	if err != nil {
		return v, false, err
	}
	if is {
		of.base = base
	}
	decides := t.kind == tracedRule || t.kind == tracedPolicy
	if !decides || t.code != codeAccept && t.code != codeDrop || t.code == codeAccept && of.base.nat {
		return v, false, nil
	}
	by, err := p.rules.by(at, t.handle)
	if err != nil {
		return v, false, err
	}
	if t.code == codeAccept {
		if weight := of.base.weight(t.kind); weight >= of.weight {
			of.By, of.weight = by, weight
		}
		return v, false, nil
	}
	delete(p.begun, t.id)
	v = of.Verdict
	v.By, v.Rejected = by, p.rules.rejects(at, t.handle)
	switch of.base.hook {
	case ruleset.Prerouting:
		v.Forwarded = !p.local(v.Packet.Destination)
	case ruleset.Forward:
		v.Forwarded = true
	}
	if v.Direction == packet.Ingress {
		v.Headers = nil
	}
	return v, true, nil
}

// weight says how much it means that a rule or a policy of the chain accepts a packet: more at the
// hooks where firewalls filter, and more of a rule.
func (c baseChain) weight(kind uint32) int {
	weight := 1
	if c.hook == ruleset.Input || c.hook == ruleset.Forward || c.hook == ruleset.Output {
		weight += 2
	}
	if kind == tracedRule {
		weight++
	}
	return weight
}
