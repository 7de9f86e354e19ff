package nft

import "lablab/sg"

// ReadPacket reads an IP packet as the trace tells of it. It does not look behind the
// extension headers of IPv6.
func ReadPacket(ip []byte) (Packet, bool) {
	const v4, v6 = 20, 40 // bytes of a header without options
	header := v6
	switch {
	case len(ip) < v4:
		return Packet{}, false
	case ip[0]>>4 == 4:
		header = int(ip[0]&0xf) * 4
	}
	if len(ip) < header || header < v4 {
		return Packet{}, false
	}
	p, ok := parsePacket(ip[:header], ip[header:])
	return p, ok && p.Protocol != sg.All
}
