package conntrack

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"
	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// Configure makes conntrack in n count, timestamp and report each entry, and applies the settings.
// Entries created before never do that, so Configure comes before the first packet. It may be called
// again to change the settings: a new timeout applies to an entry from its next packet on
// (nf_ct_refresh_acct). An error wraps fs.ErrNotExist if the kernel lacks nf_conntrack.
func Configure(n *ns.Namespace, s Settings) error {
	loose := map[bool]string{false: "0", true: "1"}[s.Loose]
	err := n.SetSysctl(map[string]string{
		"netfilter/nf_conntrack_acct":                    "1",
		"netfilter/nf_conntrack_timestamp":               "1",
		"netfilter/nf_conntrack_events":                  "1",
		"netfilter/nf_conntrack_tcp_loose":               loose,
		"netfilter/nf_conntrack_tcp_timeout_established": seconds(s.Timeouts.TCPEstablished),
		"netfilter/nf_conntrack_udp_timeout":             seconds(s.Timeouts.UDP),
		"netfilter/nf_conntrack_udp_timeout_stream":      seconds(s.Timeouts.UDPStream),
		"netfilter/nf_conntrack_generic_timeout":         seconds(s.Timeouts.Other),
		"netfilter/nf_conntrack_icmp_timeout":            seconds(s.Timeouts.ICMP),
	})
	if err != nil {
		return say.Errorf("enable conntrack: %w", err)
	}
	// Not every kernel has these.
	for key, timeout := range map[string]time.Duration{
		"netfilter/nf_conntrack_icmpv6_timeout":     s.Timeouts.ICMP,
		"netfilter/nf_conntrack_gre_timeout":        s.Timeouts.Other,
		"netfilter/nf_conntrack_gre_timeout_stream": s.Timeouts.Other,
	} {
		if err := n.SetSysctl(map[string]string{key: seconds(timeout)}); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return say.Errorf("enable conntrack: %w", err)
		}
	}
	return nil
}

// seconds formats a duration for a setting, which takes whole seconds: at least one.
func seconds(d time.Duration) string { return strconv.Itoa(max(int(d/time.Second), 1)) }

// A Table is the conntrack table of one namespace, opened for reading.
type Table struct {
	ns   *ns.Namespace
	conn *conntrack.Conn
	// Whether the kernel has zones, and protocols are disguised.
	zones bool
}

// OpenTable opens the conntrack table of n. It needs CAP_NET_ADMIN there. The error wraps EINVAL if
// the kernel lacks nf_conntrack_netlink.
func OpenTable(n *ns.Namespace) (*Table, error) {
	var c *conntrack.Conn
	err := n.Do(func() (err error) {
		c, err = conntrack.Dial(nil)
		return err
	})
	if err != nil {
		return nil, say.Errorf("open conntrack table: %w", err)
	}
	// Query an entry that cannot exist. This loads the module if it is one, and fails now rather
	// than later if the kernel lacks it.
	t := &Table{ns: n, conn: c, zones: true}
	none := []packet.Key{{Protocol: packet.SCTP, Source: netip.IPv4Unspecified(), Destination: netip.IPv4Unspecified()}}
	if _, err = t.Get(none); errors.Is(err, unix.EOPNOTSUPP) { // CONFIG_NF_CONNTRACK_ZONES
		t.zones = false
		_, err = t.Get(none)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// Close closes the table.
func (t *Table) Close() error { return t.conn.Close() }

// Dump lists all entries. For this the kernel walks the hash table that all namespaces share, which
// takes 10 ms if it has 262,144 buckets.
func (t *Table) Dump() ([]flow.Entry, error) {
	var flows []conntrack.Flow
	err := t.await(func() (err error) {
		flows, err = t.conn.Dump(nil)
		return err
	})
	if err != nil {
		return nil, say.Errorf("list conntrack entries: %w", err)
	}
	entries := make([]flow.Entry, 0, len(flows))
	for i := range flows {
		entries = append(entries, entryOf(&flows[i]))
	}
	return entries, nil
}

// Count returns how many entries the namespace has. It includes those that Dump leaves out: entries of
// packets that are still on their way, and those that have expired.
func (t *Table) Count() (int, error) {
	var global conntrack.StatsGlobal
	err := t.await(func() (err error) {
		global, err = t.conn.StatsGlobal()
		return err
	})
	if err != nil {
		return 0, say.Errorf("read conntrack statistics: %w", err)
	}
	return int(global.Entries), nil
}

// Get reads the entries with these keys, each in the direction of its first packet. It leaves out
// those that do not exist.
func (t *Table) Get(keys []packet.Key) ([]flow.Entry, error) {
	var entries []flow.Entry
	err := t.await(func() error {
		for _, k := range keys {
			f, err := t.conn.Get(t.flowOf(k))
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return err
			}
			entries = append(entries, entryOf(&f))
		}
		return nil
	})
	if err != nil {
		return nil, say.Errorf("read conntrack entry: %w", err)
	}
	return entries, nil
}

// await calls ask, and closes the table if the kernel does not answer: the library sets no deadline.
func (t *Table) await(ask func() error) error {
	return ns.Await(func() { _ = t.conn.Close() }, ask)
}

// Delete deletes the entry with that key, in the direction of its first packet, and reports whether
// it existed.
func (t *Table) Delete(k packet.Key) (bool, error) {
	err := t.await(func() error { return t.conn.Delete(t.flowOf(k)) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, say.Errorf("delete conntrack entry: %w", err)
	}
	return true, nil
}

// Untrack marks the entry with that key, in the direction of its first packet, as one of a flow that
// EC2 would not track, and reports whether it existed.
func (t *Table) Untrack(k packet.Key) (bool, error) {
	f := t.flowOf(k)
	f.Mark = uint32(packet.UntrackedMark)
	err := t.await(func() error { return t.conn.Update(f) })
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, say.Errorf("mark conntrack entry: %w", err)
	}
	return true, nil
}

// flowOf names an entry for the library, which identifies an IPv6 entry by both directions.
func (t *Table) flowOf(k packet.Key) conntrack.Flow {
	var zone uint16
	if t.zones && slices.Contains(packet.Disguised(), k.Protocol) {
		zone, k.Protocol = uint16(k.Protocol), packet.Disguise
	}
	return conntrack.Flow{TupleOrig: tupleOf(k), TupleReply: tupleOf(k.Reversed()), Zone: zone}
}

func tupleOf(k packet.Key) conntrack.Tuple {
	return conntrack.Tuple{
		IP: conntrack.IPTuple{SourceAddress: k.Source, DestinationAddress: k.Destination},
		Proto: conntrack.ProtoTuple{
			Protocol: uint8(k.Protocol), SourcePort: k.SourcePort, DestinationPort: k.DestinationPort,
			ICMPv4: k.Protocol == packet.ICMP, ICMPv6: k.Protocol == packet.ICMPv6,
			ICMPID: k.ICMPID, ICMPType: k.ICMPType, ICMPCode: k.ICMPCode,
		},
	}
}

func entryOf(f *conntrack.Flow) flow.Entry {
	mark := packet.Mark(f.Mark)
	return flow.Entry{
		ID:      f.ID,
		Orig:    keyOf(f.TupleOrig, f.Zone),
		Reply:   keyOf(f.TupleReply, f.Zone),
		Status:  statusNames(uint32(f.Status)),
		TCP:     tcpState(f.ProtoInfo.TCP),
		Timeout: time.Duration(f.Timeout) * time.Second,
		Mark:    mark.Admitted(), Untracked: mark == packet.UntrackedMark, Released: mark.Released(), Blocked: mark.Blocked(),
		Sent: flow.Count{Packets: f.CountersOrig.Packets, Bytes: f.CountersOrig.Bytes},
		Got:  flow.Count{Packets: f.CountersReply.Packets, Bytes: f.CountersReply.Bytes},
	}
}

// keyOf returns the key of an entry in a zone. The zone of a protocol that is disguised has its number.
func keyOf(t conntrack.Tuple, zone uint16) packet.Key {
	k := packet.Key{
		Protocol:    packet.Protocol(t.Proto.Protocol),
		Source:      t.IP.SourceAddress,
		Destination: t.IP.DestinationAddress,
	}
	if k.Protocol == packet.Disguise && zone > 0 {
		k.Protocol = packet.Protocol(zone)
	}
	switch k.Protocol {
	case packet.ICMP, packet.ICMPv6:
		k.ICMPID, k.ICMPType, k.ICMPCode = t.Proto.ICMPID, t.Proto.ICMPType, t.Proto.ICMPCode
	default:
		k.SourcePort, k.DestinationPort = t.Proto.SourcePort, t.Proto.DestinationPort
	}
	return k
}

// The names of the status bits, lowest first: enum ip_conntrack_status in
// linux/netfilter/nf_conntrack_common.h, without IPS_.
var statusBits = [...]string{
	"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST", "SRC_NAT_DONE",
	"DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD",
}

func statusNames(status uint32) []string {
	names := make([]string, 0, bits.OnesCount32(status))
	for bit, name := range statusBits {
		if status&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// The names of the TCP states: enum tcp_conntrack in linux/netfilter/nf_conntrack_tcp.h, without
// TCP_CONNTRACK_.
var tcpStates = [...]string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}

// tcpState returns "" if the kernel did not report the state.
func tcpState(info *conntrack.ProtoInfoTCP) string {
	if info == nil || int(info.State) >= len(tcpStates) {
		return ""
	}
	return tcpStates[info.State]
}

// kernelTime returns the time of an event: CTA_TIMESTAMP_EVENT, nanoseconds since 1970 in network
// byte order, which ti-mo/conntrack ignores.
func kernelTime(m netlink.Message) time.Time {
	const timestampEvent = 27
	if len(m.Data) < 4 {
		return time.Time{}
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return time.Time{}
	}
	for ad.Next() {
		if b := ad.Bytes(); ad.Type() == timestampEvent && len(b) == 8 {
			return time.Unix(0, int64(binary.BigEndian.Uint64(b)))
		}
	}
	return time.Time{}
}

var errNotEvent = say.New("not a conntrack event")

func eventOf(m netlink.Message) (Event, error) {
	var e conntrack.Event
	if err := e.Unmarshal(m); err != nil {
		return Event{}, say.Errorf("decode conntrack event: %w", err)
	}
	changes := map[any]flow.Change{conntrack.EventNew: flow.New, conntrack.EventUpdate: flow.Update, conntrack.EventDestroy: flow.Destroy}
	change, known := changes[e.Type]
	if !known || e.Flow == nil {
		return Event{}, errNotEvent
	}
	return Event{Change: change, Entry: entryOf(e.Flow), Kernel: kernelTime(m)}, nil
}
