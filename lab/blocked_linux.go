package lab

import (
	"encoding/binary"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lablab/nft"
	"lablab/packet"
)

// Blocked packets are those that the host's own egress rules drop. They never reach its interface,
// so a capture there would miss them.
type blocked struct {
	mu        sync.Mutex
	listeners map[*blockedListener]bool
}

// A blockedListener receives blocked packets on behalf of one capture.
type blockedListener struct {
	frames chan Frame
	lost   int // frames that arrived faster than they were read
}

func (b *blocked) listen() *blockedListener {
	const waiting = 1024
	listener := &blockedListener{frames: make(chan Frame, waiting)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = map[*blockedListener]bool{}
	}
	b.listeners[listener] = true
	return listener
}

// leave removes the listener and returns how many frames it lost.
func (b *blocked) leave(listener *blockedListener) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, listener)
	return listener.lost
}

// reportBlocked reports a packet that the host's egress rules dropped to the captures at that host.
// It never blocks.
func (l *Lab) reportBlocked(h *Host, v nft.Verdict) {
	if v.Accepted || v.Direction != packet.Egress || len(v.Headers) == 0 {
		return
	}
	h.blocked.mu.Lock()
	defer h.blocked.mu.Unlock()
	if len(h.blocked.listeners) == 0 {
		return
	}
	frame := l.unsent(h, v)
	for listener := range h.blocked.listeners {
		select {
		case listener.frames <- frame:
		default:
			listener.lost++
		}
	}
}

// unsent returns the frame that the packet would have been, as far as its headers are known.
func (l *Lab) unsent(h *Host, v nft.Verdict) Frame {
	const ethernet = 14 // bytes of the Ethernet header
	target := make(net.HardwareAddr, 6)
	source, number := h.ports(l.networks())[0], 0
	for i, own := range h.ports(l.networks()) {
		if own.address.Contains(v.Packet.Destination) {
			source, number = own, i
		}
	}
	if next, found := h.Next(v.Packet.Destination, l.neighbours()); found {
		for _, other := range l.hosts {
			for _, to := range other.ports(l.networks()) {
				for i, own := range h.ports(l.networks()) {
					if other.Name == next.Name && own.network == to.network {
						source, number, target = own, i, to.mac()
					}
				}
			}
		}
	}
	kind, length := uint16(unix.ETH_P_IP), int(binary.BigEndian.Uint16(v.Headers[2:]))
	if v.Packet.Destination.Is6() {
		const header = 40
		kind, length = unix.ETH_P_IPV6, header+int(binary.BigEndian.Uint16(v.Headers[4:]))
	}
	bytes := append(append([]byte{}, target...), source.mac()...)
	bytes = append(binary.BigEndian.AppendUint16(bytes, kind), v.Headers...)
	return Frame{At: time.Now(), Interface: number, Direction: packet.Egress, Bytes: bytes, Length: max(ethernet+length, len(bytes)), Packet: &v.Packet}
}
