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

	"lablab/lab/ns"
	"lablab/say"
)

// A Ping says where a stream of ICMP echo requests goes.
type Ping struct {
	Target   netip.Addr
	EchoID   uint16 // host byte order; no two streams of a host may share one
	Size     int    // bytes of payload
	Interval time.Duration
	// Observe is called, one call at a time, whenever a probe is sent or its
	// fate becomes known.
	Observe func(Probe)
}

// pinging is a Stream that pro-bing sends. It holds pro-bing without stopping it:
// it takes the destination away. A send without a destination fails at once
// (EDESTADDRREQ), before any route is looked up or any rule sees it, and
// pro-bing neither counts it nor uses up a sequence number. Meanwhile pro-bing
// goes on to receive, so round-trip times are not spoiled.
type pinging struct {
	*Stream
	config Ping
	// The destination that pro-bing reads before each send. Only its own
	// goroutine, which runs every callback below, touches it.
	target   *net.IPAddr
	panicked error // by the same goroutine; read when pro-bing has ended
}

// Start opens the stream's socket in n and lets so many packets pass. It needs
// CAP_NET_RAW there. The stream ends with ctx, or when it is stopped.
func (config Ping) Start(ctx context.Context, n *ns.Namespace, let int) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &pinging{
		Stream: newStream(say.F("ping %s", config.Target), config.Observe, cancel, let),
		config: config,
		target: &net.IPAddr{IP: config.Target.AsSlice()},
	}
	return s.start(ctx, func(opened func()) error { return s.run(ctx, n, opened) })
}

// run keeps a pro-bing pinger going. pro-bing gives up when its very first
// packet cannot be sent; a ping does not, so another pinger follows.
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

// tryToOpen finds out whether a socket like pro-bing's may be opened, which it does only
// when the first packet is to be sent.
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

// survive turns a panic in a callback into the end of the stream: pro-bing runs
// them on a goroutine of its own, where it would end the process.
func (s *pinging) survive() {
	if p := recover(); p != nil {
		s.panicked = say.Errorf("%s: panic: %v\n%s", s.what, p, debug.Stack())
		s.cancel()
	}
}

// Seq is the probe that carries the echo sequence number echoSeq. It may be
// asked about a packet that is just being sent.
func (s *Stream) Seq(echoSeq uint16) int {
	const wrap = 1 << 16 // pro-bing counts from 0 again
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.sent) // the one being sent, if any
	i := n - (n-int(echoSeq))&(wrap-1)
	switch {
	case i < 0:
		return 0
	case i < n:
		return s.sent[i]
	}
	return len(s.probes) + 1
}

// Failed is the i-th probe, from 0, that could not be sent. It may be asked
// about one that is just failing.
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
	if s.target.IP == nil { // held: this was no packet
		s.hold(ctx)
		return
	}
	if errors.Is(err, syscall.ENOBUFS) {
		return // pro-bing tries this packet again
	}
	s.add(failedProbe(s.Len()+1, err), &s.failed)
	s.hold(ctx)
}

// failedProbe is a packet that could not be sent.
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

// hold takes the destination away once all packets that were let pass are
// sent, and gives it back when more are. While a reply is awaited it returns,
// so that pro-bing can receive it; when nothing is, it waits right here, and
// the next packet leaves on time.
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

// onlyFailures reports whether packets were tried and none has ever left.
func (s *Stream) onlyFailures() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failed) > 0 && len(s.sent) == 0
}
