package live

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lablab/packet"
	"lablab/say"
)

// isSummary reports whether a line is what conntrack writes to stderr: "conntrack v1.4.7
// (conntrack-tools): 6 flow entries have been shown."
func isSummary(line string) bool {
	return strings.HasPrefix(line, "conntrack v") && strings.HasSuffix(line, "shown.")
}

// isConntrack reports whether a line is an entry, as conntrack -L or /proc/net/nf_conntrack has it.
func isConntrack(line string) bool {
	return strings.Contains(line, " src=") && strings.Contains(line, " dst=")
}

// A tuple is one direction of an entry.
type tuple struct {
	packet.Key
	given uint8 // which of the values below were given
}

const (
	hasSource = 1 << iota
	hasDestination
	hasSourcePort
	hasDestinationPort
	hasType
	hasID
)

var errHalf = say.New("it is incomplete: an entry has the addresses of both directions, and ports for TCP and UDP")

// conntrack reads an entry: "tcp 6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … [ASSURED]",
// with "ipv4 2" before it if extended.
func (c *collector) conntrack(line string) error {
	if isSummary(line) {
		return nil
	}
	fields := strings.Fields(line)
	if fields[0] == "ipv4" || fields[0] == "ipv6" {
		fields = fields[min(2, len(fields)):]
	}
	if len(fields) < 2 {
		return say.New("this is not an entry of conntrack")
	}
	number, err := strconv.ParseUint(fields[1], 10, 8)
	if err != nil {
		return say.Errorf("%q is not the number of a protocol", fields[1])
	}
	f := Flow{Replied: true}
	var way [2]tuple
	n := -1 // of the direction
	for _, field := range fields[2:] {
		name, value, assigned := strings.Cut(field, "=")
		switch {
		case !assigned && field == "[UNREPLIED]":
			f.Replied = false
		case !assigned && (field == "[OFFLOAD]" || field == "[HW_OFFLOAD]") && number == uint64(packet.TCP):
			f.TCP = "ESTABLISHED" // or a flow table would not have it
		case !assigned && n < 0 && field[0] >= '0' && field[0] <= '9':
			seconds, err := strconv.ParseUint(field, 10, 32)
			if err != nil {
				return say.Errorf("%q is not a number of seconds", field)
			}
			f.Left = time.Duration(seconds) * time.Second
		case !assigned && n < 0 && number == uint64(packet.TCP):
			f.TCP = field
		case assigned && name == "src":
			n++
			fallthrough
		case assigned && n >= 0:
			if n > 1 {
				return say.New("it has more than two directions")
			}
			if err := way[n].set(&f, name, value); err != nil {
				return err
			}
		}
	}
	return c.entry(f, packet.Protocol(number), &way)
}

// set sets what one member of an entry says.
func (t *tuple) set(f *Flow, name, value string) (err error) {
	switch name {
	case "src":
		t.given |= hasSource
		t.Source, err = address(value)
	case "dst":
		t.given |= hasDestination
		t.Destination, err = address(value)
	case "sport":
		t.given |= hasSourcePort
		t.SourcePort, err = number[uint16](value)
	case "dport":
		t.given |= hasDestinationPort
		t.DestinationPort, err = number[uint16](value)
	case "type":
		t.given |= hasType
		t.ICMPType, err = number[uint8](value)
	case "code":
		t.ICMPCode, err = number[uint8](value)
	case "id":
		if t.given&(hasType|hasID) == hasType { // else it is the entry's
			t.ICMPID, err = number[uint16](value)
			t.given |= hasID
		}
	case "packets", "bytes":
		n, wrong := number[uint64](value)
		if err = wrong; name == "packets" {
			f.Packets += n
		} else {
			f.Bytes += n
		}
	}
	return err
}

// entry adds an entry with these directions.
func (c *collector) entry(f Flow, p packet.Protocol, way *[2]tuple) error {
	for i := range way {
		needed := uint8(hasSource | hasDestination)
		if p == packet.TCP || p == packet.UDP {
			needed |= hasSourcePort | hasDestinationPort
		} else {
			way[i].SourcePort, way[i].DestinationPort = 0, 0
		}
		if way[i].given&needed != needed {
			return errHalf
		}
		way[i].Protocol = p
	}
	f.Key = way[0].Key
	if reply := way[1].Key; reply != f.Key.Reversed() {
		f.Reply = &reply
	}
	if c.add(f) && p.IsICMP() && way[0].given&hasType == 0 {
		c.echoes++
	}
	return nil
}

// address parses an address. One of IPv4 in the form of IPv6 is one of IPv4.
func address(s string) (netip.Addr, error) {
	s, _, _ = strings.Cut(s, "%") // a zone
	a, err := netip.ParseAddr(s)
	if err != nil {
		return a, say.Errorf("%q is not an IP address", s)
	}
	return a.Unmap(), nil
}

// number parses an unsigned number.
func number[T uint8 | uint16 | uint64](s string) (T, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err == nil && uint64(T(n)) != n {
		err = errors.ErrUnsupported
	}
	if err != nil {
		return 0, say.Errorf("%q is not a number that fits here", s)
	}
	return T(n), nil
}
