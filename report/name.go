package report

import (
	"net/netip"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/timeline"
)

// name names a packet in the words of a subtitle. What programs send has no numbers: its entry
// shows which end asked.
func (n *Narrator) name(at when, v timeline.Judged, entry *life) say.Sentence {
	if v.Stream != "" {
		return nameInStream(v)
	}
	for _, host := range []string{v.Host, n.hostAt(v.Packet.Source), n.hostAt(v.Packet.Destination)} {
		if entry == nil {
			entry = n.lives.before(at, host, v.Packet.Key())
		}
	}
	return n.nameOfOwn(v.Packet, entry != nil && !entry.sends(v.Packet.Key()))
}

func nameInStream(v timeline.Judged) say.Sentence {
	seq, stream := say.Blank("seq"), say.F("stream %s", v.Stream)
	switch {
	case v.Packet.IsError():
		return say.F("The ICMP error about packet %s of %s", seq, stream)
	case v.Reply:
		return say.F("The reply to packet %s of %s", seq, stream)
	}
	return packetOf(v.Stream)
}

// packetOf names a packet of a stream by its number.
func packetOf(stream string) say.Sentence {
	return say.F("Packet %s of %s", say.Blank("seq"), say.F("stream %s", stream))
}

// nameOfOwn names a packet that a program sent, or that comes back to it.
func (n *Narrator) nameOfOwn(h packet.Header, back bool) say.Sentence {
	from, to := n.hostAt(h.Source), n.hostAt(h.Destination)
	protocol := strings.ToUpper(h.Protocol.String())
	switch {
	case isEcho(h, echoRequest, echoRequestV6):
		return say.F("Ping %s from %s to %s", say.Blank("seq"), from, to)
	case isEcho(h, echoReply, echoReplyV6):
		return say.F("The reply to ping %s from %s to %s", say.Blank("seq"), to, from)
	case h.Protocol.IsICMP():
		return say.F("An ICMP message from %s to %s", from, to)
	case h.DestinationPort == 0:
		return say.F("A packet of protocol %s from %s to %s", protocol, from, to)
	case back:
		return say.F("A %s packet from %s back to %s", protocol, from, to)
	}
	return say.F("A %s packet from %s to port %d of %s", protocol, from, h.DestinationPort, to)
}

// hostAt returns the name of the host with an address, or the address.
func (n *Narrator) hostAt(address netip.Addr) string {
	if name, known := n.policy.names[address]; known {
		return name
	}
	return address.String()
}
