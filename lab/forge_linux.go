package lab

import (
	"context"
	"net/netip"

	"golang.org/x/sys/unix"

	"lablab/nft"
	"lablab/packet"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A forgery is a forged packet on its way.
type forgery struct {
	packet.Header
	to     string // the host that it is for
	judged bool   // it arrived there, or was dropped
}

// forge sends a packet in the name of another host. It returns when the kernel has reported its fate.
func (l *Lab) forge(ctx context.Context, a scenario.Forge) error {
	on, err := l.host(a.On)
	if err != nil {
		return err
	}
	const tag = 1
	header := a.Packet(l.neighbours())
	header.Tag = tag
	probe := Probe{From: header.Source, To: header.Destination, Protocol: header.Protocol, SourcePort: header.SourcePort, Port: header.DestinationPort}
	bytes, err := probe.bytes(tag)
	if err != nil {
		return say.Errorf("forge a packet: %w", err)
	}
	l.log.Append(timeline.Forged{Host: a.On, Packet: header})
	arrived := l.recorder.follow(&forgery{Header: header, to: a.To})
	if err := on.sendRaw(header.Destination, bytes); err != nil {
		return unableTo(openICMP, say.Errorf("send a forged packet from %s: %w", a.On, err))
	}
	arrived(ctx)
	return context.Cause(ctx)
}

// sendRaw sends a packet with an IP header of its own. The host's rules see it as they see all others.
func (h *Host) sendRaw(target netip.Addr, bytes []byte) error {
	return h.ns.Do(func() error {
		var to unix.Sockaddr = &unix.SockaddrInet6{Addr: target.As16()}
		family := unix.AF_INET6
		if target.Is4() {
			family, to = unix.AF_INET, &unix.SockaddrInet4{Addr: target.As4()}
		}
		socket, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(socket)
		return unix.Sendto(socket, bytes, 0, to)
	})
}

// follow records the verdicts on a forged packet as on one of no stream, even if its flow is that of one.
// It returns a function that waits for the last of them.
func (r *recorder) follow(f *forgery) (arrived func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forged = f
	return func(ctx context.Context) {
		r.await(ctx, func() bool { return f.judged })
		r.mu.Lock()
		defer r.mu.Unlock()
		r.forged = nil
	}
}

// isForged takes a verdict on a forged packet. r.mu is held.
func (r *recorder) isForged(host string, v nft.Verdict) bool {
	f := r.forged
	if f == nil || v.Packet.Tag != f.Tag || translated(v.Packet, &r.translations).Key() != f.Key() {
		return false
	}
	if !v.Accepted || host == f.to && v.Direction == packet.Ingress {
		f.judged = true
		r.wake()
	}
	return true
}
