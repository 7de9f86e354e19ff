package pinger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"lablab/ns"
	"lablab/say"
)

// A Ping configures a stream of ICMP echo requests.
type Ping struct {
	Target   netip.Addr
	EchoID   uint16 // host byte order; unique among the streams of a host
	Size     int    // bytes of payload
	Interval time.Duration
	// Observe is called, one call at a time, whenever a probe is sent or its fate becomes known.
	Observe func(Probe)
}

// pinging is a Stream that pro-bing sends. It holds pro-bing without stopping it, by clearing the
// destination. A send without a destination fails at once (EDESTADDRREQ), before any route lookup
// or firewall rule, and pro-bing neither counts it nor uses up a sequence number. Meanwhile
// pro-bing keeps receiving, so round-trip times stay correct.
type pinging struct {
	*Stream
	config Ping
	// The destination that pro-bing reads before each send. Only pro-bing's own goroutine, which
	// runs every callback below, touches it.
	target   *net.IPAddr
	panicked error // set by the same goroutine; read after pro-bing has ended
}

// Start opens the stream's socket in n and releases the first let packets. It needs CAP_NET_RAW
// there. The stream ends with ctx, or when it is stopped.
func (config Ping) Start(ctx context.Context, n *ns.Namespace, let int) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &pinging{
		Stream: newStream(say.F("ping %s", config.Target), config.Observe, cancel, let),
		config: config,
		target: &net.IPAddr{IP: config.Target.AsSlice()},
	}
	return s.start(ctx, func(opened func()) error { return s.run(ctx, n, opened) })
}

// run keeps a pro-bing pinger running. pro-bing gives up if its very first packet cannot be sent,
// which ping(8) does not, so run starts another pinger.
func (s *pinging) run(ctx context.Context, n *ns.Namespace, opened func()) error {
	if s.held() {
		if err := n.Do(s.tryToOpen); err != nil {
			return say.Errorf("%s: %w", s.what, err)
		}
		opened()
		s.released(ctx)
	}
	for ctx.Err() == nil {
		p := probing.New("")
		p.SetIPAddr(s.target)
		p.SetPrivileged(true)
		p.SetID(int(s.config.EchoID))
		p.SetLogger(probing.NoopLogger{})
		p.Interval = s.config.Interval
		p.Size = s.config.Size
		p.RecordRtts, p.RecordTTLs = false, false
		p.OnSetup = opened
		p.OnSend = func(*probing.Packet) { defer s.survive(); s.onSend(ctx) }
		p.OnSendError = func(_ *probing.Packet, err error) { defer s.survive(); s.onSendError(ctx, err) }
		p.OnRecv = func(reply *probing.Packet) { defer s.survive(); s.onReply(ctx, reply) }
		err := n.Do(func() error { return p.RunWithContext(ctx) })
		if s.panicked != nil {
			return s.panicked
		}
		if ctx.Err() != nil {
			return nil
		}
		if !s.onlyFailures() {
			return say.Errorf("%s: %w", s.what, err)
		}
		select {
		case <-time.After(s.config.Interval):
		case <-ctx.Done():
		}
	}
	return nil
}

// tryToOpen checks whether a socket like pro-bing's can be opened: pro-bing opens its own only when
// it sends the first packet.
func (s *pinging) tryToOpen() error {
	network := "ip4:icmp"
	if s.config.Target.Is6() {
		network = "ip6:ipv6-icmp"
	}
	conn, err := net.ListenPacket(network, "")
	if err != nil {
		return err
	}
	return conn.Close()
}

// survive turns a panic in a callback into the end of the stream: pro-bing runs callbacks on its
// own goroutine, where a panic would end the process.
func (s *pinging) survive() {
	if p := recover(); p != nil {
		s.panicked = say.Errorf("%s: panic: %v\n%s", s.what, p, debug.Stack())
		s.cancel()
	}
}

// Seq returns the probe with the echo sequence number echoSeq. The packet may still be in the
// middle of being sent.
func (s *Stream) Seq(echoSeq uint16) int {
	const wrap = 1 << 16 // where pro-bing starts again from 0
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.sent) // the packet being sent, if any
	i := n - (n-int(echoSeq))&(wrap-1)
	switch {
	case i < 0:
		return 0
	case i < n:
		return s.sent[i]
	}
	return len(s.probes) + 1
}

// Failed returns the i-th probe, from 0, that could not be sent. Its send may still be in the
// middle of failing.
func (s *Stream) Failed(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < len(s.failed) {
		return s.failed[i]
	}
	return len(s.probes) + 1
}

func (s *pinging) onSend(ctx context.Context) {
	s.add(Probe{Seq: s.Len() + 1, Fate: Waiting, Sent: time.Now()}, &s.sent)
	s.hold(ctx)
}

func (s *pinging) onSendError(ctx context.Context, err error) {
	if s.target.IP == nil { // held: no packet was sent
		s.hold(ctx)
		return
	}
	if errors.Is(err, syscall.ENOBUFS) {
		return // pro-bing retries this packet
	}
	s.add(failedProbe(s.Len()+1, err), &s.failed)
	s.hold(ctx)
}

// failedProbe returns the probe of a packet that could not be sent.
func failedProbe(seq int, err error) Probe {
	probe := Probe{Seq: seq, Fate: SendError, Sent: time.Now(), Err: err}
	if errors.Is(err, syscall.EPERM) {
		probe.Fate = LocalDrop
	}
	return probe
}

func (s *pinging) onReply(ctx context.Context, reply *probing.Packet) {
	s.settle(s.Seq(uint16(reply.Seq)), Replied, reply.Rtt, nil)
	s.hold(ctx)
}

// hold clears the destination once all released packets are sent, and restores it when more are
// released. It returns while a reply is pending, so that pro-bing can receive it; otherwise it
// waits right here, and the next packet leaves on time.
func (s *pinging) hold(ctx context.Context) {
	for {
		s.mu.Lock()
		held, settled, changed := len(s.probes) >= s.let, s.waiting == 0, s.changed
		s.mu.Unlock()
		if !held {
			s.target.IP = s.config.Target.AsSlice()
			return
		}
		s.target.IP = nil
		if !settled {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// onlyFailures reports whether the stream has tried to send packets and none has ever left.
func (s *Stream) onlyFailures() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failed) > 0 && len(s.sent) == 0
}
