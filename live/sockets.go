package live

import (
	"bufio"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
)

// states are the states of sockets as ss(8) names them, with those of conntrack for the connection.
// Those of sockets without one are empty.
var states = map[string]string{
	"ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV", "NEW-SYN-RECV": "SYN_RECV", "FIN-WAIT-1": "FIN_WAIT", "FIN-WAIT-2": "CLOSE_WAIT",
	"CLOSE-WAIT": "CLOSE_WAIT", "LAST-ACK": "LAST_ACK", "CLOSING": "LAST_ACK", "TIME-WAIT": "TIME_WAIT", "LISTEN": "", "UNCONN": "", "CLOSED": "", "UNKNOWN": "",
}

// isSockets reports whether a line is the header or a socket of ss.
func isSockets(line string) bool {
	f := strings.Fields(line)
	if len(f) < 4 {
		return false
	}
	_, state := states[f[0]]
	_, after := states[f[1]]
	_, err := newSocket(f)
	return state || after || err == nil || isHeader(f)
}

// isHeader reports whether these are the names of the columns.
func isHeader(f []string) bool { return f[0] == "Netid" || f[0] == "State" || f[0] == "Recv-Q" }

// A socket is a line of ss.
type socket struct {
	net         string // tcp, udp or another; "" if there is no such column
	state       string // "" if there is no such column
	local, peer netip.AddrPort
	anyLocal    bool // it has no address of its own
	line        int
	idle        time.Duration
}

// listens reports whether the socket is one that others connect to.
func (s socket) listens() bool { return s.state == "LISTEN" || s.state == "UNCONN" }

// A listening place is an address, or none for all, and a port.
type listening struct {
	udp  bool
	port netip.AddrPort
}

// sockets reads what ss prints. The listening sockets, which say who began a connection, may come
// last.
func (c *collector) sockets(r *bufio.Reader) error {
	var up []socket
	listeners := map[listening]bool{}
	var unnamed, tcp int // sockets of UDP without Netid, listening ones of TCP
	err := c.lines(r, func(line string) error {
		f := strings.Fields(line)
		if isHeader(f) {
			return nil
		}
		s, err := newSocket(f)
		idle, found := idleOf(f)
		switch {
		case err != nil && len(up) > 0 && line[0] <= ' ': // ss -i: more about the socket before
			up[len(up)-1].idle = idle
			return nil
		case err != nil:
			return err
		case s.net != "" && s.net != "tcp" && s.net != "udp":
			return nil // the others have no ports
		case found: // ss -O
			s.idle = idle
		}
		s.line = c.Lines
		if s.listens() {
			if s.net == "" && s.state == "UNCONN" {
				unnamed++
			}
			if s.state == "LISTEN" {
				tcp++
			}
			at := s.local
			if s.anyLocal {
				at = netip.AddrPortFrom(netip.Addr{}, at.Port())
			}
			listeners[listening{s.state == "UNCONN", at}] = true
			return nil
		}
		if !s.peer.IsValid() {
			return nil
		}
		up = append(up, s)
		return nil
	})
	if err != nil {
		return err
	}
	udp := unnamed > 0 && tcp == 0 // ss -una
	for _, s := range up {
		c.connection(s, s.net == "udp" || s.net == "" && udp, listeners)
	}
	return nil
}

// lists reports whether there is any listening socket of a protocol.
func lists(udp bool, listeners map[listening]bool) bool {
	for l := range listeners {
		if l.udp == udp {
			return true
		}
	}
	return false
}

// connection adds the flow of a socket.
func (c *collector) connection(s socket, udp bool, listeners map[listening]bool) {
	f := Flow{Key: packet.Key{
		Protocol: packet.TCP, Source: s.local.Addr(), Destination: s.peer.Addr(), SourcePort: s.local.Port(), DestinationPort: s.peer.Port(),
	}, Direction: packet.Egress, Idle: s.idle}
	if udp {
		f.Protocol = packet.UDP
	} else {
		f.TCP = states[s.state]
		f.Replied = f.TCP != "" && f.TCP != "SYN_SENT"
		if s.state == "" {
			c.stateless++
		}
	}
	inbound := listeners[listening{udp, s.local}] || listeners[listening{udp, netip.AddrPortFrom(netip.Addr{}, s.local.Port())}]
	switch {
	case f.TCP == "SYN_SENT":
		inbound = false
	case f.TCP == "SYN_RECV":
		inbound = true
	case !inbound && (!lists(udp, listeners) || s.local.Port() < ephemeral && s.peer.Port() >= ephemeral):
		f.Guessed = true // also if its server does not listen any more
		inbound = served(f.Key) < 0
	}
	if inbound {
		f.Key, f.Direction = f.Key.Reversed(), packet.Ingress
	}
	total := c.Lines
	c.Lines = s.line
	if c.add(f) && f.Guessed {
		c.guessed++
	}
	c.Lines = total
}

// newSocket reads a socket: [Netid] [State] Recv-Q Send-Q Local:Port Peer:Port.
func newSocket(f []string) (s socket, err error) {
	i := 0
	if _, state := states[f[0]]; !state && len(f) > 1 {
		_, err := strconv.ParseUint(f[0], 10, 32)
		if err != nil { // Netid
			s.net, i = f[0], 1
		}
	}
	if i < len(f) {
		if _, known := states[f[i]]; known {
			s.state = f[i]
			i++
		}
	}
	if len(f) < i+4 {
		return s, errNoSocket
	}
	for _, queue := range f[i : i+2] {
		if _, err := strconv.ParseUint(queue, 10, 32); err != nil {
			return s, errNoSocket
		}
	}
	if s.net != "" && s.net != "tcp" && s.net != "udp" {
		return s, nil
	}
	if s.local, s.anyLocal, err = endpoint(f[i+2]); err != nil {
		return s, err
	}
	var anyPeer bool
	if s.peer, anyPeer, err = endpoint(f[i+3]); anyPeer {
		s.peer = netip.AddrPort{}
	}
	return s, err
}

var errNoSocket = say.New("this is not a socket as ss prints it with -n")

// endpoint parses an address with a port: "10.0.0.1:22", "[::1]:22", "127.0.0.53%lo:53", "*:22". It
// also returns whether the address stands for all.
func endpoint(text string) (netip.AddrPort, bool, error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return netip.AddrPort{}, false, errNoSocket
	}
	host, port := strings.Trim(text[:i], "[]"), text[i+1:]
	if bracketed, zone, found := strings.Cut(host, "]%"); found { // [fe80::1]%eth0:22
		host = bracketed + "%" + zone
	}
	var n uint16
	var err error
	if port != "*" {
		if n, err = number[uint16](port); err != nil {
			return netip.AddrPort{}, false, errNoSocket
		}
	}
	if name, _, _ := strings.Cut(host, "%"); name == "*" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), n), true, nil
	}
	a, err := address(host)
	return netip.AddrPortFrom(a, n), err == nil && a.IsUnspecified(), err
}

// idleOf returns how long a connection has been idle, from the line that ss -i adds: "lastsnd:300
// lastrcv:280", in milliseconds.
func idleOf(fields []string) (idle time.Duration, found bool) {
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ":")
		if name != "lastsnd" && name != "lastrcv" {
			continue
		}
		ms, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			continue
		}
		if d := time.Duration(ms) * time.Millisecond; !found || d < idle {
			idle, found = d, true
		}
	}
	return idle, found
}
