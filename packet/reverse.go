package packet

// The requests of ICMP (RFC 792, RFC 950) and ICMPv6 (RFC 4443, RFC 4620), and their replies: only
// these begin flows in conntrack (invmap in net/netfilter/nf_conntrack_proto_icmp.c and _icmpv6.c).
var replies = map[Protocol]map[uint8]uint8{
	ICMP:   {8: 0, 13: 14, 15: 16, 17: 18},
	ICMPv6: {128: 129, 139: 140},
}

// Reply returns the type of ICMP message that answers a request, and whether t is a request.
func Reply(p Protocol, t uint8) (reply uint8, is bool) {
	reply, is = replies[p][t]
	return reply, is
}

// Request returns the type of ICMP message that a reply answers, and whether t is a reply.
func Request(p Protocol, t uint8) (request uint8, is bool) {
	for request, reply := range replies[p] {
		if reply == t {
			return request, true
		}
	}
	return 0, false
}

// Reversed returns the key of the other direction of a flow. A message of ICMP that is neither a
// request nor a reply keeps its type.
func (k Key) Reversed() Key {
	k.Source, k.Destination = k.Destination, k.Source
	k.SourcePort, k.DestinationPort = k.DestinationPort, k.SourcePort
	if reply, is := Reply(k.Protocol, k.ICMPType); is {
		k.ICMPType = reply
	} else if request, is := Request(k.Protocol, k.ICMPType); is {
		k.ICMPType = request
	}
	return k
}
