package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"lablab/flow"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
	"lablab/timeline"
)

// EC2 tracks what is neither TCP nor UDP nor ICMP by addresses and protocol number, for 600 seconds.
// So a second conversation between two hosts, with other ports or another call id, is established.
func TestOtherProtocolsAreTrackedByAddress(t *testing.T) {
	t.Parallel()
	ports := func(from, to uint16) []byte { // the start of SCTP's, UDP-Lite's and DCCP's headers
		return append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from), to), make([]byte, 28)...)
	}
	calls := func(id uint16) []byte { // GRE version 1 (RFC 2637)
		return append(binary.BigEndian.AppendUint16([]byte{0x30, 0x01, 0x88, 0x0b, 0, 4}, id), make([]byte, 8)...)
	}
	six := map[string]extensions{
		"gre behind destination options":                     {{unix.IPV6_DSTOPTS, 8}},
		"gre behind hop-by-hop options":                      {{unix.IPV6_HOPOPTS, 8}},
		"gre behind two extension headers":                   {{unix.IPV6_HOPOPTS, 8}, {unix.IPV6_DSTOPTS, 8}},
		"gre behind a long extension header and another one": {{unix.IPV6_HOPOPTS, 32}, {unix.IPV6_DSTOPTS, 16}},
		"sctp behind destination options":                    {{unix.IPV6_DSTOPTS, 24}},
	}
	for _, test := range []struct {
		name                 string
		protocol             packet.Protocol
		first, answer, later []byte // payloads
	}{
		{"sctp", packet.SCTP, ports(1000, 2000), ports(2001, 1001), ports(5000, 6000)},
		{"udplite", packet.UDPLite, ports(1000, 2000), ports(2001, 1001), ports(5000, 6000)},
		{"dccp", packet.DCCP, ports(1000, 2000), ports(2001, 1001), ports(5000, 6000)},
		{"gre of pptp", packet.GRE, calls(1), calls(2), calls(3)},
		{"plain gre", packet.GRE, make([]byte, 24), make([]byte, 24), calls(4)},
		{"ah", packet.AH, ports(1, 2), ports(3, 4), ports(5, 6)},
		{"no next header", packet.NoNext, ports(1, 2), ports(3, 4), ports(5, 6)},
		{"esp, which conntrack does not know", 50, ports(1, 2), ports(3, 4), ports(5, 6)},
		{"the disguise itself", packet.Disguise, ports(1, 2), ports(3, 4), ports(5, 6)},
		{"gre behind destination options", packet.GRE, make([]byte, 24), make([]byte, 24), calls(4)},
		{"gre behind hop-by-hop options", packet.GRE, make([]byte, 24), make([]byte, 24), calls(4)},
		{"gre behind two extension headers", packet.GRE, make([]byte, 24), make([]byte, 24), calls(4)},
		{"gre behind a long extension header and another one", packet.GRE, make([]byte, 24), make([]byte, 24), calls(4)},
		{"sctp behind destination options", packet.SCTP, ports(1000, 2000), ports(2001, 1001), ports(5000, 6000)},
	} {
		for version, addresses := range map[string][2]string{"4": {"10.255.1.197/16", "10.255.1.10/16"}, "6": {"fd00::1/64", "fd00::2/64"}} {
			if six[test.name] != nil && version == "4" {
				continue
			}
			t.Run(test.name+" over IPv"+version, func(t *testing.T) {
				t.Parallel()
				l, log := build(t, protocolHosts(test.protocol, addresses))
				a, b := l.hosts[0], l.hosts[1]
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				w := protocolWire{t: t, lab: l, protocol: test.protocol, events: log.Subscribe(ctx), extensions: six[test.name]}
				if got := w.send(b, a, test.first); got.State != packet.New || got.By.ID != "it" {
					t.Errorf("the first packet is %s, decided by %s", got.State, got.By.ID)
				}
				if got := w.send(a, b, test.answer); got.State != packet.Established || !got.Accepted {
					t.Errorf("the answer is %s, decided by %s", got.State, got.By.ID)
				}
				done, err := l.Apply(ctx, revoke("server", "it"))
				must(t, err)
				if n, err := l.Outlived(done); err != nil || n != 1 {
					t.Errorf("%d flows outlive the rule, %v", n, err)
				}
				if got := w.send(b, a, test.later); got.State != packet.Established || !got.Accepted {
					t.Errorf("the second conversation is %s, decided by %s", got.State, got.By.ID)
				}
				for _, h := range l.hosts {
					entries, err := l.Flows(h.Name)
					must(t, err)
					want := packet.Key{Protocol: test.protocol, Source: b.Address.Addr(), Destination: a.Address.Addr()}
					if len(entries) != 1 || entries[0].Orig != want || entries[0].Timeout <= 590*time.Second || entries[0].Mark == 0 || entries[0].Sent.Packets != 2 || entries[0].Got.Packets != 1 {
						t.Fatalf("%s: %+v, want one entry of %s with 600 seconds", h.Name, entries, want)
					}
					if one, err := h.conntrack.Get([]packet.Key{want}); err != nil || len(one) != 1 || one[0].ID != entries[0].ID {
						t.Errorf("%s: %+v is read by its key, %v", h.Name, one, err)
					}
				}
				must(t, l.audit(ctx))
				for _, e := range log.Events() {
					if missed, is := e.Body.(timeline.Missed); is {
						t.Errorf("an entry differs from what the kernel reported: %+v", missed)
					}
				}
				other := protocolWire{t: t, lab: l, protocol: packet.Disguise, events: w.events}
				if test.protocol == packet.Disguise {
					other.protocol = packet.SCTP
				}
				if got := other.send(b, a, test.first); got.State != packet.New || got.Accepted {
					t.Errorf("protocol %s is %s, decided by %s: the entry is one of %s", other.protocol, got.State, got.By.ID, test.protocol)
				}
				if n, err := l.Cut("A", func(e flow.Entry) bool { return e.Orig.Protocol == test.protocol }); err != nil || n != 1 {
					t.Errorf("%d entries cut, %v", n, err)
				}
				if got := w.send(b, a, test.first); got.State != packet.New || got.By.ID != packet.DefaultDenyID {
					t.Errorf("without an entry, it is %s, decided by %s", got.State, got.By.ID)
				}
			})
		}
	}
}

// An ICMP error about such a flow is related to it, and arrives as it was sent; so does one about a
// flow that conntrack does not know.
func TestErrorsAboutOtherProtocols(t *testing.T) {
	t.Parallel()
	for _, p := range []packet.Protocol{packet.GRE, packet.SCTP, packet.Disguise} {
		for _, addresses := range [][2]string{{"10.255.1.197/16", "10.255.1.10/16"}, {"fd00::1/64", "fd00::2/64"}} {
			sc := protocolHosts(p, addresses)
			sc.Related = "all"
			icmp, world := packet.ICMP, "0.0.0.0/0"
			if sc.Hosts[0].Address.Addr().Is6() {
				icmp, world = packet.ICMPv6, "::/0"
			}
			sc.Account.Groups[1].Ingress = []sg.Rule{allow("icmp", icmp, sg.Any, world)}
			l, log := build(t, sc)
			a, b := l.hosts[0], l.hosts[1]
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			w := protocolWire{t: t, lab: l, protocol: p, events: log.Subscribe(ctx)}
			w.send(b, a, make([]byte, 24))
			w.protocol = icmp
			for _, test := range []struct {
				to      netip.Addr
				options bool
				state   packet.State
				rule    string
			}{
				{a.Address.Addr(), false, packet.Related, packet.RelatedID},
				{a.Address.Addr(), true, packet.Related, packet.RelatedID},
				{a.Address.Addr().Next(), false, packet.Invalid, "icmp"},
			} {
				if test.options && icmp == packet.ICMP {
					continue
				}
				about := Probe{From: b.Address.Addr(), To: test.to, Protocol: p}
				got := w.send(a, b, about.unreachable(t, a.Address.Addr(), test.options))
				quoted := map[bool]packet.Protocol{false: p, true: destinationOptions}[test.options]
				if got.State != test.state || got.By.ID != test.rule || got.Packet.QuotedProtocol != quoted {
					t.Errorf("an error about %s is %s, decided by %s, want %s and %s; it quotes protocol %s", about, got.State, got.By.ID, test.state, test.rule, got.Packet.QuotedProtocol)
				}
			}
		}
	}
}

// unreachable returns a message that says that a packet cannot reach its destination.
func (b Probe) unreachable(t *testing.T, router netip.Addr, options bool) []byte {
	t.Helper()
	quoted, err := b.bytes(1)
	must(t, err)
	if options {
		quoted[6] = destinationOptions
		quoted = slices.Insert(quoted, 40, optionsBefore(b.Protocol)...)
	}
	_, network := Probe{From: router, To: b.From, Protocol: packet.ICMPv6}.ip(1)
	message := []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}}
	if b.From.Is6() {
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, 3)}
		must(t, icmp.SetNetworkLayerForChecksum(network))
		message = []gopacket.SerializableLayer{icmp, gopacket.Payload(make([]byte, 4))}
	}
	whole, err := serialize(append(message, gopacket.Payload(quoted))...)
	must(t, err)
	return whole
}

// protocolHosts is a scenario in which A allows a protocol in.
func protocolHosts(p packet.Protocol, addresses [2]string) *scenario.Scenario {
	sc := serverAndClient()
	for i := range addresses {
		sc.Hosts[i].Address = netip.MustParsePrefix(addresses[i])
	}
	world := "0.0.0.0/0"
	if sc.Hosts[0].Address.Addr().Is6() {
		world = "::/0"
	}
	for _, g := range sc.Account.Groups {
		g.Egress = []sg.Rule{allow("out", packet.All, sg.Any, world)}
	}
	sc.Account.Groups[0].Ingress = []sg.Rule{allow("it", p, sg.Any, world)}
	return sc
}

// A protocolWire sends packets of a protocol between the hosts of a lab.
type protocolWire struct {
	t        *testing.T
	lab      *Lab
	protocol packet.Protocol
	events   <-chan timeline.Event
	extensions
}

// Extensions are the IPv6 headers before the protocol's own, each with its socket option and length.
type extensions []struct{ option, length int }

// first returns the number of the first of them.
func (x extensions) first() packet.Protocol {
	if x[0].option == unix.IPV6_HOPOPTS {
		return 0
	}
	return destinationOptions
}

// padding returns an extension header with an option for experiments, which is skipped (RFC 4727).
func padding(length int) string {
	header := make([]byte, length)
	header[1], header[2], header[3] = byte(length/8-1), 0x1e, byte(length-4)
	return string(header)
}

// The number of these options, and what they are when a protocol's packet follows (RFC 2473).
const destinationOptions = 60

func optionsBefore(p packet.Protocol) []byte { return []byte{byte(p), 0, 4, 1, 4, 1, 1, 0} }

// send sends a packet and returns the verdict on it where it arrives. A program there receives what
// is accepted as it was sent.
func (w protocolWire) send(from, to *Host, payload []byte) timeline.Judged {
	w.t.Helper()
	receiver := w.socket(to)
	defer unix.Close(receiver)
	sender := w.socket(from)
	defer unix.Close(sender)
	seen := w.protocol
	for _, x := range w.extensions {
		must(w.t, unix.SetsockoptString(sender, unix.IPPROTO_IPV6, x.option, padding(x.length)))
		seen = w.first() // the trace shows the first header
	}
	var there unix.Sockaddr = &unix.SockaddrInet6{Addr: to.Address.Addr().As16()}
	if to.Address.Addr().Is4() {
		there = &unix.SockaddrInet4{Addr: to.Address.Addr().As4()}
	}
	must(w.t, unix.Sendto(sender, payload, 0, there))
	for e := range w.events {
		v, is := e.Body.(timeline.Judged)
		if !is || v.Host != to.Name || v.Direction != packet.Ingress || v.Packet.Protocol != seen {
			continue
		}
		if seen.IsICMP() && (v.Packet.ICMPType != payload[0] || v.Packet.ICMPCode != payload[1]) {
			continue
		}
		if v.Accepted {
			w.receive(receiver, payload)
		}
		return v
	}
	w.t.Fatalf("nothing decided about protocol %s at %s", w.protocol, to.Name)
	return timeline.Judged{}
}

// receive awaits the packet as a program receives it. With IPv4 it sees the header too.
func (w protocolWire) receive(socket int, payload []byte) {
	w.t.Helper()
	header := 0
	if w.lab.hosts[0].Address.Addr().Is4() {
		header = 20
	}
	var got []byte
	for buffer := make([]byte, 256); got == nil || !bytes.Equal(got[header:], payload); { // the kernel may send errors of its own
		n, _, err := unix.Recvfrom(socket, buffer, 0)
		if err != nil || n < header {
			w.t.Fatalf("% x did not arrive (%v), but % x", payload, err, got)
		}
		got = buffer[:n]
	}
	sum := uint32(0)
	for i := 0; i < header; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(got[i:]))
	}
	if h, _ := packet.Parse(got); header > 0 && (h.Protocol != w.protocol || (sum>>16+sum&0xffff) != 0xffff) {
		w.t.Errorf("the header arrived as % x", got[:header])
	}
}

// socket returns a raw socket of the protocol at a host.
func (w protocolWire) socket(h *Host) (socket int) {
	w.t.Helper()
	family := unix.AF_INET6
	if h.Address.Addr().Is4() {
		family = unix.AF_INET
	}
	must(w.t, h.ns.Do(func() (err error) {
		socket, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(w.protocol))
		return err
	}))
	must(w.t, unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}))
	return socket
}
