package lab

import (
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"lablab/packet"
)

// bytes returns the probe's packet, from its IP header on. The tag goes where the trace shows it:
// into the identification of IPv4 or the flow label of IPv6.
func (b Probe) bytes(tag int) ([]byte, error) {
	text, err := b.sound(tag)
	if b.Known == KnownInvalid && b.Protocol != packet.TCP && !b.Egress && err == nil {
		text[len(text)-1] ^= 1 // its checksum is wrong now; a segment in the middle of no connection is invalid anyway
	}
	return text, err
}

// sound returns the packet with correct checksums.
func (b Probe) sound(tag int) ([]byte, error) {
	ip, network := b.ip(tag)
	switch b.Protocol {
	case packet.TCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(b.SourcePort), DstPort: layers.TCPPort(b.Port), SYN: b.Known == Unknown, ACK: b.Known != Unknown, Window: 64240, Seq: 1}
		_ = tcp.SetNetworkLayerForChecksum(network) // cannot fail for IP
		return serialize(ip, tcp)
	case packet.UDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(b.SourcePort), DstPort: layers.UDPPort(b.Port)}
		_ = udp.SetNetworkLayerForChecksum(network)
		return serialize(ip, udp, data)
	case packet.ICMP:
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(b.Type, b.Code), Id: b.echoID(tag), Seq: 1}
		if b.Known == KnownRelated {
			icmp.Id, icmp.Seq = 0, 0
		}
		return b.around(ip, icmp)
	case packet.ICMPv6:
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(b.Type, b.Code)}
		_ = icmp.SetNetworkLayerForChecksum(network)
		rest := gopacket.Payload{0, byte(b.echoID(tag)), 0, 1}
		if b.Known == KnownRelated {
			rest = make(gopacket.Payload, 4)
		}
		return b.around(ip, icmp, rest)
	}
	return serialize(ip, data)
}

// around serializes an ICMP message: an error quotes a packet behind its headers, others have data.
func (b Probe) around(headers ...gopacket.SerializableLayer) ([]byte, error) {
	if b.Known != KnownRelated {
		return serialize(append(headers, data)...)
	}
	about, _ := b.Began(0)
	quoted, err := Probe{From: about.Source, To: about.Destination, Protocol: about.Protocol, SourcePort: about.SourcePort, Port: about.DestinationPort}.bytes(0)
	if err != nil {
		return nil, err
	}
	return serialize(append(headers, gopacket.Payload(quoted))...)
}

// data follows the headers; its content does not matter.
var data = gopacket.Payload(make([]byte, 48))

// ip returns an IP header of the probe's version.
func (b Probe) ip(tag int) (gopacket.SerializableLayer, gopacket.NetworkLayer) {
	protocol := layers.IPProtocol(b.Protocol)
	if b.From.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Id: uint16(tag), Protocol: protocol, SrcIP: b.From.AsSlice(), DstIP: b.To.AsSlice()}
		return v4, v4
	}
	v6 := &layers.IPv6{Version: 6, HopLimit: 255, FlowLabel: uint32(tag), NextHeader: protocol, SrcIP: b.From.AsSlice(), DstIP: b.To.AsSlice()}
	return v6, v6
}

// serialize nests the layers and fills in lengths and checksums.
func serialize(list ...gopacket.SerializableLayer) ([]byte, error) {
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...)
	return buffer.Bytes(), err
}
