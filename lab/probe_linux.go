package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lablab/enforce"
	"lablab/flow/conntrack"
	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/sg"
)

// A Prober is a host that enforces a ruleset, and a wire that can send any packet to it. Every
// address is local to the host, so packets to any address meet its inbound rules, and what the
// rules accept goes no further. For packets that pass through a host it has another one, which
// forwards what is for any address.
type Prober struct {
	enforced   enforce.Host
	rules      enforce.Policy // what they say; nil until a flow is known
	through    *Prober        // the one that forwards; nil until it is needed
	host, peer *Host
	trace      *nft.Trace
	known      *conntrack.Table
	wire       int    // AF_PACKET socket of the peer, for packets that arrive at the host
	out        [2]int // raw sockets of the host, for IPv4 and IPv6 packets that leave it
	link       int    // index of the peer's interface
	tag        int    // tag of the last packet
}

// NewProber builds a host that enforces this.
func NewProber(ctx context.Context, enforced enforce.Host) (*Prober, error) {
	var p *Prober
	err := onceLoaded(ctx, func() error { return haveModules(false) }, func() (err error) {
		p, err = newProber(ctx, enforced)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func newProber(ctx context.Context, enforced enforce.Host) (*Prober, error) {
	p := &Prober{
		host:     &Host{Host: scenario.Host{Name: "host", Address: netip.MustParsePrefix("169.254.0.1/30")}},
		peer:     &Host{Host: scenario.Host{Name: "peer", Address: netip.MustParsePrefix("169.254.0.2/30")}},
		enforced: enforced, wire: -1, out: [2]int{-1, -1},
	}
	if err := p.build(ctx, enforced); err != nil {
		_ = p.Close()
		return nil, unableTo(buildLab, err)
	}
	return p, nil
}

func (p *Prober) build(ctx context.Context, enforced enforce.Host) (err error) {
	for _, h := range []*Host{p.host, p.peer} {
		if h.ns, err = ns.New(); err != nil {
			return unableTo(makeNamespace, err)
		}
		if err := quiet(h.ns); err != nil {
			return err
		}
	}
	if enforced.Forwards {
		if err := forward(p.host.ns); err != nil {
			return err
		}
	}
	if err := join(ctx, p.host, p.peer); err != nil {
		return err
	}
	if err := p.routeEverything(enforced.Forwards); err != nil {
		return err
	}
	enforced.Guarded, enforced.Sinks = true, true // every address is local to it, and nothing goes further
	enforced.WasUntracked = !enforced.Forwards    // probes of flows that EC2 does not track may come
	tables, err := enforce.Compile(enforced)
	if err != nil {
		return err
	}
	if p.host.rules, err = nft.Install(p.host.ns, tables); err != nil {
		return unableTo(installRules, err)
	}
	if p.trace, err = p.host.rules.Trace(); err != nil {
		return unableTo(openTrace, err)
	}
	if err := conntrack.Configure(p.host.ns, conntrack.Settings{Timeouts: sg.Nitro()}); err != nil {
		return unableTo(armConntrack, err)
	}
	if p.known, err = conntrack.OpenTable(p.host.ns); err != nil {
		return unableTo(dumpEntries, err)
	}
	return p.openSockets()
}

// quiet keeps a host from sending anything by itself, and makes it accept any source.
func quiet(n *ns.Namespace) error {
	err := n.SetSysctl(map[string]string{
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv4/conf/all/accept_local": "1", "ipv4/conf/all/route_localnet": "1",
	})
	if err != nil {
		return err
	}
	err = n.SetSysctl(map[string]string{
		"ipv6/conf/default/accept_dad": "0", "ipv6/conf/default/accept_ra": "0",
		"ipv6/conf/default/router_solicitations": "0",
	})
	if errors.Is(err, unix.ENOENT) {
		return nil // a kernel without IPv6 is quiet anyway
	}
	return err
}

// forward makes a host forward, and keeps it from telling senders of shorter ways.
func forward(n *ns.Namespace) error {
	err := n.SetSysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
	})
	if err != nil {
		return err
	}
	if err := n.SetSysctl(map[string]string{"ipv6/conf/all/forwarding": "1"}); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil // a kernel without IPv6
}

// routeEverything makes every address local to the host or, if it forwards, one beyond the wire.
// Nothing is ever sent there, so the routes need no gateway.
func (p *Prober) routeEverything(forwards bool) error {
	h, err := rtnetlink(p.host.ns)
	if err != nil {
		return err
	}
	defer h.Close()
	name, how := "lo", netlink.Route{Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: unix.RT_SCOPE_HOST}
	if forwards {
		name, how = interfaceName, netlink.Route{Scope: unix.RT_SCOPE_LINK}
	}
	to, err := h.LinkByName(name)
	if err != nil {
		return say.Errorf("find interface: %w", err)
	}
	for _, everything := range []string{"0.0.0.0/0", "::/0"} {
		route := how
		route.LinkIndex, route.Dst = to.Attrs().Index, ipNet(netip.MustParsePrefix(everything))
		err := h.RouteAdd(&route)
		if errors.Is(err, unix.EOPNOTSUPP) && route.Dst.IP.To4() == nil {
			continue // a kernel without IPv6
		}
		if err != nil {
			return say.Errorf("route %s: %w", everything, err)
		}
	}
	peer, err := rtnetlink(p.peer.ns)
	if err != nil {
		return err
	}
	defer peer.Close()
	link, err := peer.LinkByName(interfaceName)
	if err != nil {
		return say.Errorf("find interface: %w", err)
	}
	p.link = link.Attrs().Index
	return nil
}

func (p *Prober) openSockets() error {
	err := p.peer.ns.Do(func() (err error) {
		p.wire, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return unableTo(openPacket, err)
	}
	err = p.host.ns.Do(func() (err error) {
		for i, family := range []int{unix.AF_INET, unix.AF_INET6} {
			// IPPROTO_RAW: the packet includes its own IP header (raw(7)).
			p.out[i], err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
			if family == unix.AF_INET6 && errors.Is(err, unix.EAFNOSUPPORT) {
				continue // a kernel without IPv6; no IPv6 packet can leave
			}
			if err != nil {
				return err
			}
			if err := unix.SetsockoptInt(p.out[i], unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
				return err
			}
			if family == unix.AF_INET6 {
				if err := reachMulticast(p.out[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return unableTo(openICMP, err)
	}
	return nil
}

// reachMulticast makes a socket for IPv6 send to multicast addresses too. The kernel wants an interface
// for them, and a source address, which it does not use: the packet has its own.
func reachMulticast(socket int) error {
	link, err := net.InterfaceByName(interfaceName)
	if err != nil {
		return say.Errorf("find interface: %w", err)
	}
	if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, link.Index); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1); err != nil {
		return err
	}
	return unix.Bind(socket, &unix.SockaddrInet6{Addr: netip.MustParseAddr("2001:db8::1").As16()})
}

// Close takes the host down.
func (p *Prober) Close() error {
	for _, fd := range []int{p.wire, p.out[0], p.out[1]} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	if p.trace != nil {
		_ = p.trace.Close()
	}
	if p.known != nil {
		_ = p.known.Close()
	}
	err := each([]*Host{p.host, p.peer}, (*Host).close)
	if p.through != nil {
		err = errors.Join(err, p.through.Close())
	}
	return err
}

// Ask sends the probes and returns the kernel's verdict on each, in order.
func (p *Prober) Ask(ctx context.Context, probes []Probe) ([]Judgement, error) {
	var own, through []Probe
	for _, b := range probes {
		if b.Forward {
			through = append(through, b)
		} else {
			own = append(own, b)
		}
	}
	judgements, err := p.askInTurn(ctx, own)
	if err != nil || len(through) == 0 {
		return judgements, err
	}
	if p.through == nil {
		through := p.enforced
		through.Forwards, through.AlwaysTracked = true, true // what passes through a host is always tracked
		if p.through, err = NewProber(ctx, through); err != nil {
			return nil, err
		}
	}
	forwarded, err := p.through.askInTurn(ctx, through)
	if err != nil {
		return nil, err
	}
	for i, b := range probes {
		if b.Forward {
			judgements, forwarded = slices.Insert(judgements, i, forwarded[0]), forwarded[1:]
		}
	}
	return judgements, nil
}

func (p *Prober) askInTurn(ctx context.Context, probes []Probe) ([]Judgement, error) {
	judgements := make([]Judgement, 0, len(probes))
	for len(probes) > 0 {
		n := together(probes)
		those, err := p.ask(ctx, probes[:n])
		if err != nil {
			return nil, err
		}
		judgements, probes = append(judgements, those...), probes[n:]
	}
	return judgements, nil
}

// together returns how many of the probes are sent at once: as many as a small socket holds messages
// about. One whose flow is known goes alone, because others might belong to that flow.
func together(probes []Probe) int {
	const window = 32
	n := slices.IndexFunc(probes, func(b Probe) bool { return b.Known != Unknown })
	switch n {
	case -1:
		n = len(probes)
	case 0:
		n = 1
	}
	return min(n, window)
}

func (p *Prober) ask(ctx context.Context, probes []Probe) ([]Judgement, error) {
	judgements := make([]Judgement, len(probes))
	for attempt := 1; ; attempt++ {
		complete, err := p.askOnce(ctx, probes, judgements)
		if err != nil || complete {
			return judgements, err
		}
		const enough = 3
		if attempt == enough {
			return nil, say.Errorf("probe: the kernel's verdicts were lost %d times in a row", enough)
		}
	}
}

// askOnce sends the probes and reads their verdicts. It returns false if verdicts were lost. The
// last packet is an extra one; the kernel gets to its verdict after all the others, so a probe
// without a verdict by then will get none.
func (p *Prober) askOnce(ctx context.Context, probes []Probe, judgements []Judgement) (complete bool, err error) {
	last := Probe{From: p.peer.Address.Addr(), To: p.host.Address.Addr(), Protocol: packet.UDP, SourcePort: 9, Port: 9}
	all := append(slices.Clone(probes), last)
	const wrap = 1 << 16 // the identification of IPv4 has 16 bits
	if p.tag += len(all); p.tag >= wrap {
		p.tag = len(all)
	}
	first := p.tag - len(all) + 1
	decided := make([]bool, len(all))
	forget, err := p.seed(probes, first)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, forget()) }()
	for i, probe := range all {
		if err := p.send(probe, first+i); fatal(err) {
			return false, say.Errorf("send %s: %w", probe, err)
		}
	}
	see := func(v nft.Verdict) {
		i := int(v.Packet.Tag) - first
		if i < 0 || i >= len(all) || decided[i] || !all[i].is(v) {
			return
		}
		on := v.Forwarded && v.Direction == packet.Ingress && v.Accepted // its departure is still to come
		decided[i] = !on
		switch {
		case i >= len(judgements):
		case v.Forwarded && v.Direction == packet.Egress:
			judgements[i].Admitted, judgements[i].Released = v.Accepted, v.By.ID
		default:
			judgements[i] = Judgement{Admitted: v.Accepted && !on, Rule: v.By.ID, State: v.State}
		}
	}
	lost, err := p.await(ctx, see, func() bool { return decided[len(probes)] })
	if err != nil || lost || !decided[len(probes)] {
		return false, errors.Join(full(p.host), err)
	}
	for i := range judgements {
		judgements[i].Impossible = !decided[i]
	}
	if slices.Contains(decided[:len(probes)], false) {
		return true, full(p.host)
	}
	return true, nil
}

// seed creates the entries of the flows that are known, and returns a function that deletes them.
func (p *Prober) seed(probes []Probe, tag int) (forget func() error, err error) {
	var seeded []packet.Key
	forget = func() (err error) {
		for _, k := range seeded {
			_, e := p.known.Delete(k)
			err = errors.Join(err, e)
		}
		return err
	}
	for i, b := range probes {
		k, known := b.Began(tag + i)
		if !known {
			continue
		}
		if p.rules == nil {
			p.rules = p.enforced.Policy()
		}
		if err := p.known.Seed(k, b.flow(p.rules).Mark); err != nil {
			return forget, errors.Join(say.Errorf("seed the flow of %s: %w", b, err), forget())
		}
		seeded = append(seeded, k)
	}
	return forget, nil
}

// fatal reports whether sending failed for a reason other than the packet itself. A packet that
// cannot leave gets no verdict, and that is the answer.
func fatal(err error) bool {
	for _, harmless := range []error{unix.EINVAL, unix.EACCES, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EADDRNOTAVAIL, unix.ENETDOWN, unix.EMSGSIZE} {
		if errors.Is(err, harmless) {
			return false
		}
	}
	return err != nil
}

// await reads the kernel's verdicts until done returns true, or until none has come for a while.
func (p *Prober) await(ctx context.Context, see func(nft.Verdict), done func() bool) (missed bool, err error) {
	for patience := ns.Patient(time.Second, time.Millisecond); !patience.Over(); patience.Spend() {
		if err := p.trace.Drain(see, func(int) { missed = true }); err != nil || done() {
			return missed, err
		}
		select {
		case <-patience.Step():
		case <-ctx.Done():
			return missed, context.Cause(ctx)
		}
	}
	return missed, nil
}

// is reports whether a verdict is about the probe.
func (b Probe) is(v nft.Verdict) bool {
	direction := packet.Ingress
	if b.Egress {
		direction = packet.Egress
	}
	p := v.Packet
	if v.Forwarded != b.Forward || v.Direction != direction && !b.Forward || p.Protocol != b.Protocol || p.Source != b.From || p.Destination != b.To {
		return false
	}
	switch b.Protocol {
	case packet.TCP, packet.UDP:
		return p.SourcePort == b.SourcePort && p.DestinationPort == b.Port
	case packet.ICMP, packet.ICMPv6:
		return p.ICMPType == b.Type && p.ICMPCode == b.Code
	}
	return true
}

// send puts the packet on the wire, or makes the host send it.
func (p *Prober) send(b Probe, tag int) error {
	packet, err := b.bytes(tag)
	if err != nil {
		return err
	}
	if !b.Egress {
		kind := layers.EthernetTypeIPv4
		if b.From.Is6() {
			kind = layers.EthernetTypeIPv6
		}
		header := &layers.Ethernet{SrcMAC: mac(p.peer.Address.Addr()), DstMAC: mac(p.host.Address.Addr()), EthernetType: kind}
		frame, err := serialize(header, gopacket.Payload(packet))
		if err != nil {
			return err
		}
		return unix.Sendto(p.wire, frame, 0, &unix.SockaddrLinklayer{Ifindex: p.link, Halen: 6})
	}
	if b.To.Is6() && p.out[1] < 0 {
		return unix.ENETUNREACH
	}
	if b.To.Is4() {
		err = unix.Sendto(p.out[0], packet, 0, &unix.SockaddrInet4{Addr: b.To.As4()})
	} else {
		err = unix.Sendto(p.out[1], packet, 0, &unix.SockaddrInet6{Addr: b.To.As16()})
	}
	if errors.Is(err, unix.EPERM) {
		return nil // expected: the rules or the sink dropped it
	}
	return err
}
