package live

import "lablab/packet"

// ephemeral is the lowest port that systems choose for the side that begins a connection: Linux's
// (net.ipv4.ip_local_port_range). IANA has 49152, and so has Windows.
const ephemeral = 32768

// served reports which port is more likely to be a server's: the destination's (1), the source's (-1)
// or neither (0).
func served(k packet.Key) int {
	ofServer := func(p uint16) bool { return p < ephemeral }
	switch s, d := k.SourcePort, k.DestinationPort; {
	case k.Protocol != packet.TCP && k.Protocol != packet.UDP, s == d:
		return 0
	case ofServer(d) != ofServer(s):
		if ofServer(d) {
			return 1
		}
		return -1
	case d < s:
		return 1
	}
	return -1
}
