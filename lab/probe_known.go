package lab

import (
	"lablab/packet"
	"lablab/say"
)

// A Known is what conntrack knows about the flow of a probe before the probe comes.
type Known string

// What conntrack may know. Except for the first and for Invalid, the flow is one that has been
// answered.
const (
	Unknown          Known = ""            // nothing: the probe is the first packet of its flow
	KnownEstablished Known = "established" // the flow: the probe goes the way of its first packet
	KnownReply       Known = "reply"       // the flow: the probe goes the other way
	KnownRelated     Known = "related"     // a flow of UDP, about which the probe is an ICMP error; it began the other way
	KnownInvalid     Known = "invalid"     // nothing, and the probe can begin no flow
	KnownUntracked   Known = "untracked"   // the flow: as established, but it is one that EC2 does not track
)

// Knowns returns all of them but Unknown.
func Knowns() []Known {
	return []Known{KnownEstablished, KnownReply, KnownRelated, KnownInvalid, KnownUntracked}
}

// tracerPort is where the datagram was going that a related error is about: as traceroute(8) sends it.
const tracerPort = 33434

// CheckKnown returns an error if conntrack can never know that about such a packet.
func (b Probe) CheckKnown() error {
	_, request := packet.Reply(b.Protocol, b.Type)
	_, reply := packet.Request(b.Protocol, b.Type)
	isICMP, ported := b.Protocol.IsICMP(), b.Protocol == packet.TCP || b.Protocol == packet.UDP
	switch b.Known {
	case KnownEstablished, KnownUntracked:
		if isICMP && !request {
			return say.Errorf("%s type %d begins no flow: only requests such as an echo do", b.Protocol, b.Type)
		}
		if b.Known == KnownUntracked && (!ported || b.Forward) {
			return say.New("only a flow of TCP or UDP from or to the host itself can be one that EC2 does not track")
		}
	case KnownReply:
		if isICMP && !reply {
			return say.Errorf("%s type %d answers nothing: only replies to requests do, such as an echo reply", b.Protocol, b.Type)
		}
	case KnownRelated:
		if !b.quotes() {
			return say.Errorf("only an ICMP error is related to a flow: --protocol icmp --type 3, 4, 5, 11 or 12, or icmpv6 with 1 to 4")
		}
	case KnownInvalid:
		switch {
		case !isICMP && !ported:
			return say.Errorf("every packet of protocol %s can begin a flow: none is invalid", b.Protocol)
		case b.Protocol == packet.TCP || !b.Egress:
		case !isICMP || request:
			return say.Errorf("conntrack checks nothing of a packet that the host itself sends: %s is never invalid", b)
		}
	}
	return nil
}

// quotes reports whether the probe is an ICMP error, which quotes the packet that it is about (RFC
// 792, RFC 4443).
func (b Probe) quotes() bool {
	switch b.Protocol {
	case packet.ICMP:
		return b.Type >= 3 && b.Type <= 5 || b.Type == 11 || b.Type == 12
	case packet.ICMPv6:
		return b.Type >= 1 && b.Type <= 4
	}
	return false
}

// Began returns the key of the first packet of the flow that conntrack knows, and false if it knows
// none. The id of an echo is that of the probe with this tag.
func (b Probe) Began(tag int) (packet.Key, bool) {
	return b.first(tag), b.Known != Unknown && b.Known != KnownInvalid
}

// first returns the key of the first packet of the flow that the probe belongs to or is about.
func (b Probe) first(tag int) packet.Key {
	k := packet.Key{Protocol: b.Protocol, Source: b.From, Destination: b.To, SourcePort: b.SourcePort, DestinationPort: b.Port}
	switch {
	case b.Known == KnownRelated:
		return packet.Key{Protocol: packet.UDP, Source: b.To, Destination: b.From, SourcePort: b.SourcePort, DestinationPort: tracerPort}
	case b.Protocol.IsICMP():
		k.SourcePort, k.DestinationPort = 0, 0
		k.ICMPType, k.ICMPCode, k.ICMPID = b.Type, b.Code, b.echoID(tag)
	case b.Protocol != packet.TCP && b.Protocol != packet.UDP:
		k.SourcePort, k.DestinationPort = 0, 0
	}
	if b.Known == KnownReply {
		return k.Reversed()
	}
	return k
}

// echoID returns the id of the echo with that tag.
func (b Probe) echoID(tag int) uint16 {
	if b.Protocol == packet.ICMPv6 {
		return uint16(byte(tag))
	}
	return uint16(tag)
}
