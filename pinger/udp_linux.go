package pinger

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"lablab/ns"
	"lablab/say"
)

// Least is the smallest payload of a datagram or message, in bytes: just its number.
const Least = 4

// A UDP configures a stream of datagrams: one flow, from one port. Each begins with its number, 4
// bytes in network byte order.
type UDP struct {
	Source, Target netip.AddrPort
	Size           int // bytes of payload, at least [Least]
	Interval       time.Duration
	// Pusher is the stream's server if that sends the datagrams, as soon as it has answered one; nil if
	// the stream sends all of them.
	Pusher *Server
	// Observe is called, one call at a time, whenever a probe is sent or its fate becomes known.
	Observe func(Probe)
}

// Start opens the stream's socket in n and releases the first let packets. The stream ends with
// ctx, or when it is stopped.
func (config UDP) Start(ctx context.Context, n *ns.Namespace, let int) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := newStream(say.F("udp to %s", config.Target), config.Observe, cancel, let)
	var conn *net.UDPConn
	err := n.Do(func() error {
		return untilFree(ctx, func() (err error) {
			conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(config.Source), net.UDPAddrFromAddrPort(config.Target))
			return err
		})
	})
	if err != nil {
		cancel()
		return nil, say.Errorf("%s: %w", s.what, err)
	}
	roomy(conn)
	return s.start(ctx, func(opened func()) error {
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
		received := make(chan struct{})
		go func() { defer close(received); s.receive(ctx, conn) }()
		opened()
		s.send(ctx, conn, config)
		_ = conn.Close()
		<-received
		return nil
	})
}

func (s *Stream) send(ctx context.Context, conn *net.UDPConn, config UDP) {
	tick := time.NewTicker(config.Interval)
	defer tick.Stop()
	payload := make([]byte, max(config.Size, Least))
	for s.next(ctx, tick) {
		seq := s.Len() + 1
		binary.BigEndian.PutUint32(payload, uint32(seq))
		if config.Pusher != nil && s.pushes(ctx) {
			s.push(seq, config, payload)
			continue
		}
		err := s.depart(seq, &s.sent, func() error { _, err := conn.Write(payload); return err })
		if done(ctx, err) {
			return
		}
	}
}

// push has the server send a datagram. If a rule of the server's host drops it there, the trace says so.
func (s *Stream) push(seq int, config UDP, payload []byte) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.add(Probe{Seq: seq, Fate: Waiting, Sent: time.Now(), Pushed: true}, nil)
	_ = config.Pusher.Push(config.Source, payload)
}

// depart sends a packet and records it. No reply is processed meanwhile, so none can come before
// its packet. An error that the socket still holds for an earlier packet ([unreachable]) does not
// mean that this one could not be sent.
func (s *Stream) depart(seq int, list *[]int, send func() error) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	began := time.Now()
	err := send()
	if unreachable(err) {
		s.settle(s.oldest(), Unreached, 0, err)
		began = time.Now()
		err = send()
	}
	switch {
	case err == nil:
		s.add(Probe{Seq: seq, Fate: Waiting, Sent: began}, list)
	case !errors.Is(err, net.ErrClosed):
		s.add(failedProbe(seq, err), &s.failed)
	}
	return err
}

// arrive records a reply that was received at that moment.
func (s *Stream) arrive(seq int, at time.Time) {
	s.sending.Lock()
	defer s.sending.Unlock()
	if probe, waiting := s.awaited(seq); waiting {
		s.settle(seq, Replied, at.Sub(probe.Sent), nil)
	}
}

// unreach records that the sender got "port unreachable".
func (s *Stream) unreach(err error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.settle(s.oldest(), Unreached, 0, err)
}

// oldest returns the first packet whose reply is still awaited, or 0.
func (s *Stream) oldest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.probes {
		if p.Fate == Waiting && !s.givenUp[p.Seq] {
			return p.Seq
		}
	}
	return 0
}

// receive reads the replies.
func (s *Stream) receive(ctx context.Context, conn *net.UDPConn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := conn.Read(buffer)
		now := time.Now()
		switch {
		case done(ctx, err):
			return
		case unreachable(err):
			s.unreach(err)
		case err == nil && n >= Least:
			s.arrive(int(binary.BigEndian.Uint32(buffer)), now)
		}
	}
}
