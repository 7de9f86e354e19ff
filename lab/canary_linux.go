package lab

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"lablab/nft"
	"lablab/ns"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// prove sends each host a packet that none of its rules allows, and waits until the kernel is seen
// to drop it. If the filter did not filter, replies would be worthless as evidence.
func (l *Lab) prove(ctx context.Context) error {
	for i, h := range l.hosts {
		for k := 1; k < len(l.hosts); k++ {
			sender := l.hosts[(i+k)%len(l.hosts)]
			source, target, _ := sender.Toward(h.Host, l.neighbours())
			if next, found := sender.Next(target, l.neighbours()); !found || next.Name != h.Name {
				continue // another host is on the way
			}
			port, exists := l.forbidden(sender, source, h, target)
			if !exists {
				continue // the host's rules allow everything that this peer may send
			}
			if err := l.sendSelfCheck(ctx, sender, h, netip.AddrPortFrom(target, uint16(port))); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// forbidden finds the first UDP port, from discard on, that to's groups block and from's groups allow.
func (l *Lab) forbidden(from *Host, source netip.Addr, to *Host, target netip.Addr) (port int, exists bool) {
	if from.own != nil || to.own != nil {
		return 0, false // only the kernel knows what they accept
	}
	const discard = 9 // RFC 863: the receiver throws everything away
	sending, receiving := l.policy.Groups(from.Name), l.policy.Groups(to.Name)
	ports := []int{discard} // and those where a rule begins to allow, or ends
	for _, g := range sending {
		for _, r := range g.Egress {
			ports = append(ports, r.From)
		}
	}
	for _, g := range receiving {
		for _, r := range g.Ingress {
			ports = append(ports, r.To+1)
		}
	}
	slices.Sort(ports)
	for _, port := range slices.Compact(ports) {
		if port < discard || port >= 1<<16 {
			continue
		}
		_, out := l.policy.Account.Judge(sending, packet.Egress, sg.Packet{Protocol: packet.UDP, Peer: target, To: port})
		_, in := l.policy.Account.Judge(receiving, packet.Ingress, sg.Packet{Protocol: packet.UDP, Peer: source, To: port})
		if out && !in {
			return port, true
		}
	}
	return 0, false
}

func (l *Lab) sendSelfCheck(ctx context.Context, from, to *Host, target netip.AddrPort) error {
	fates := make(chan nft.Verdict, 1)
	l.recorder.onUnattributed(func(host string, v nft.Verdict) {
		p := v.Packet
		if host == to.Name && v.Direction == packet.Ingress && p.Protocol == packet.UDP && from.has(p.Source) && p.DestinationPort == target.Port() {
			select {
			case fates <- v:
			default: // keep the first one only
			}
		}
	})
	defer l.recorder.onUnattributed(nil)

	if err := from.sendCanary(target); err != nil {
		return say.Errorf("send self-check from %s to %s: %w", from.Name, to.Name, err)
	}
	const long, step = 5 * time.Second, 20 * time.Millisecond
	for patience := ns.Patient(long, step); !patience.Over(); patience.Spend() {
		select {
		case v := <-fates:
			if v.Accepted {
				return &NotProved{What: say.F("%s accepted %s by %s", to.Name, v.Packet, v.By.ID)}
			}
			l.log.Append(timeline.CanaryDropped{Host: to.Name, Packet: v.Packet})
			return nil
		case <-patience.Step():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return &NotProved{What: say.F("no verdict from %s on a UDP packet to port %d within %s", to.Name, target.Port(), long)}
}

// onUnattributed calls do for verdicts on packets that belong to no stream.
func (r *recorder) onUnattributed(do func(host string, v nft.Verdict)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unattributed = do
}

// sendCanary sends a datagram that is to be dropped.
func (h *Host) sendCanary(target netip.AddrPort) error {
	return h.ns.Do(func() error {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte("canary"))
		return err
	})
}
