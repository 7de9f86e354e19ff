package conntrack

import (
	"encoding/binary"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// Unmark takes the mark of the entry with that key, in the direction of its first packet, and reports
// whether the entry existed. The library cannot: to it, no mark means that the mark stays.
func (t *Table) Unmark(k packet.Key) (existed bool, err error) {
	message, err := t.unmarking(k)
	if err != nil {
		return false, say.Errorf("unmark conntrack entry: %w", err)
	}
	err = t.ns.Do(func() error {
		socket, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
		if err != nil {
			return err
		}
		defer socket.Close()
		return ns.Await(func() { _ = socket.Close() }, func() error {
			_, err := socket.Execute(message)
			return err
		})
	})
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, say.Errorf("unmark conntrack entry: %w", err)
	}
	return true, nil
}

// Attributes of linux/netfilter/nfnetlink_conntrack.h: enum ctattr_type, ctattr_tuple, ctattr_ip and
// ctattr_l4proto.
const (
	attrTupleOrig = 1
	attrMark      = 8
	attrZone      = 18

	attrTupleIP    = 1
	attrTupleProto = 2

	attrSourceV4      = 1
	attrDestinationV4 = 2
	attrSourceV6      = 3
	attrDestinationV6 = 4

	attrProtocol        = 1
	attrSourcePort      = 2
	attrDestinationPort = 3
	attrICMP            = 4 // id, and then type and code
	attrICMPv6          = 7
)

// unmarking returns the request that sets the mark of an entry to 0.
func (t *Table) unmarking(k packet.Key) (netlink.Message, error) {
	f := t.flowOf(k)
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Nested(attrTupleOrig, func(tuple *netlink.AttributeEncoder) error {
		tuple.Nested(attrTupleIP, func(ip *netlink.AttributeEncoder) error {
			source, destination := uint16(attrSourceV4), uint16(attrDestinationV4)
			if k.Source.Is6() {
				source, destination = attrSourceV6, attrDestinationV6
			}
			ip.Bytes(source, k.Source.AsSlice())
			ip.Bytes(destination, k.Destination.AsSlice())
			return nil
		})
		tuple.Nested(attrTupleProto, func(proto *netlink.AttributeEncoder) error {
			proto.Uint8(attrProtocol, f.TupleOrig.Proto.Protocol)
			switch k.Protocol {
			case packet.ICMP:
				encodeICMP(proto, attrICMP, k)
			case packet.ICMPv6:
				encodeICMP(proto, attrICMPv6, k)
			default:
				proto.Uint16(attrSourcePort, k.SourcePort)
				proto.Uint16(attrDestinationPort, k.DestinationPort)
			}
			return nil
		})
		return nil
	})
	ae.Uint32(attrMark, 0)
	if f.Zone != 0 {
		ae.Uint16(attrZone, f.Zone)
	}
	attributes, err := ae.Encode()
	family := byte(unix.AF_INET)
	if k.Source.Is6() {
		family = unix.AF_INET6
	}
	const update = netlink.HeaderType(unix.NFNL_SUBSYS_CTNETLINK << 8) // and IPCTNL_MSG_CT_NEW, which is 0
	return netlink.Message{
		Header: netlink.Header{Type: update, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append([]byte{family, unix.NFNETLINK_V0, 0, 0}, attributes...),
	}, err
}

func encodeICMP(ae *netlink.AttributeEncoder, first uint16, k packet.Key) {
	ae.Uint16(first, k.ICMPID)
	ae.Uint8(first+1, k.ICMPType)
	ae.Uint8(first+2, k.ICMPCode)
}
