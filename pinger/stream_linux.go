package pinger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"

	"lablab/lab/ns"
)

// payload is what ping(8) sends by default: 64 bytes of ICMP, 84 of IPv4.
const payload = 56 // bytes

// A Config says where a stream goes.
type Config struct {
	Target   netip.Addr
	EchoID   uint16 // host byte order; no two streams of a host may share one
	Interval time.Duration
	// Observe is called, one call at a time, whenever a probe is sent or its
	// fate becomes known.
	Observe func(Probe)
}

// A Stream is a ping that is let go so many packets at a time. Between them it
// is held: it sends nothing until [Stream.Let] is called, so that rules can be
// changed between two packets and never during one.
//
// It holds pro-bing without stopping it: it takes the destination away. A send
// without a destination fails at once (EDESTADDRREQ), before any route is
// looked up or any rule sees it, and pro-bing neither counts it nor uses up a
// sequence number. Meanwhile pro-bing goes on to receive, so round-trip times
// are not spoiled.
type Stream struct {
	config Config
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of the whole stream; read after done

	// The destination that pro-bing reads before each send. Only its own
	// goroutine, which runs every callback below, touches it.
	target   *net.IPAddr
	panicked error // by the same goroutine; read when pro-bing has ended

	mu      sync.Mutex
	let     int
	probes  []Probe
	sent    []int // Seq of the packets that left, in pro-bing's own order
	failed  []int // Seq of those that could not be sent
	waiting int
	doomed  map[int]bool  // Seq of packets whose reply nobody waits for
	changed chan struct{} // closed whenever any of these changes
}

// Start opens the stream's socket in n and lets n packets pass. It needs
// CAP_NET_RAW there. The stream ends with ctx, or when it is stopped.
func Start(ctx context.Context, n *ns.Namespace, config Config, let int) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream{
		config:  config,
		cancel:  cancel,
		done:    make(chan struct{}),
		target:  &net.IPAddr{IP: config.Target.AsSlice()},
		let:     let,
		doomed:  map[int]bool{},
		changed: make(chan struct{}),
	}
	open := make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.run(ctx, n, sync.OnceFunc(func() { close(open) }))
	}()
	select {
	case <-open:
		return s, nil
	case <-s.done:
		cancel()
		if s.err == nil { // ctx ended before the socket was open
			return nil, fmt.Errorf("ping %s: %w", config.Target, context.Cause(ctx))
		}
		return nil, s.err
	}
}

// run keeps a pro-bing pinger going. pro-bing gives up when its very first
// packet cannot be sent; a ping does not, so another pinger follows.
func (s *Stream) run(ctx context.Context, n *ns.Namespace, opened func()) error {
	for ctx.Err() == nil {
		p := probing.New("")
		p.SetIPAddr(s.target)
		p.SetPrivileged(true)
		p.SetID(int(s.config.EchoID))
		p.SetLogger(probing.NoopLogger{})
		p.Interval = s.config.Interval
		p.Size = payload
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
			return fmt.Errorf("ping %s: %w", s.config.Target, err)
		}
		select {
		case <-time.After(s.config.Interval):
		case <-ctx.Done():
		}
	}
	return nil
}

// survive turns a panic in a callback into the end of the stream: pro-bing runs
// them on a goroutine of its own, where it would end the process.
func (s *Stream) survive() {
	if p := recover(); p != nil {
		s.panicked = fmt.Errorf("ping %s: panic: %v\n%s", s.config.Target, p, debug.Stack())
		s.cancel()
	}
}

// Let lets n more packets pass.
func (s *Stream) Let(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.let += n
	s.wake()
}

// Dropped says that a packet was seen to be dropped on its way, so that nobody
// waits for its reply.
func (s *Stream) Dropped(seq int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.doomed[seq] {
		return
	}
	s.doomed[seq] = true
	if seq <= len(s.probes) && s.probes[seq-1].Fate == Waiting {
		s.waiting--
	}
	s.wake()
}

// Settle waits until all packets that were let pass are sent and the fate of
// each is known. It gives up on the missing ones Patience after the last was
// sent, and returns an error only if ctx ends or the stream breaks.
func (s *Stream) Settle(ctx context.Context) error {
	// In steps, so that time in which this process was stopped does not count.
	const step = 20 * time.Millisecond
	patience := Patience
	for {
		s.mu.Lock()
		sent, settled, changed := len(s.probes) >= s.let, s.waiting == 0, s.changed
		s.mu.Unlock()
		if sent && patience <= 0 {
			s.writeOff()
		}
		if sent && (settled || patience <= 0) {
			return nil
		}
		var wait <-chan time.Time
		if sent {
			wait = time.After(step)
		}
		select {
		case <-changed:
		case <-wait:
			patience -= step
		case <-s.done:
			return s.broken()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// End tells the stream to end: it sends nothing more.
func (s *Stream) End() { s.cancel() }

// Wait ends the stream and waits until its socket is closed. That takes up to
// 0.1 s, because pro-bing notices its end only when its read times out.
func (s *Stream) Wait() error {
	s.cancel()
	<-s.done
	return s.err
}

// writeOff stops waiting for the replies that have not come. One that comes all
// the same is still counted.
func (s *Stream) writeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.probes {
		if p.Fate == Waiting {
			s.doomed[p.Seq] = true
		}
	}
	s.waiting = 0
	s.wake()
}

// Len is the number of probes so far.
func (s *Stream) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.probes)
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

// The callbacks tell the observer first and take note afterwards, so that whoever
// waits for the stream to settle finds everything told.

func (s *Stream) onSend(ctx context.Context) {
	probe := Probe{Seq: s.Len() + 1, Fate: Waiting, Sent: time.Now()}
	s.config.Observe(probe)
	s.mu.Lock()
	s.probes = append(s.probes, probe)
	s.sent = append(s.sent, probe.Seq)
	if !s.doomed[probe.Seq] {
		s.waiting++
	}
	s.wake()
	s.mu.Unlock()
	s.hold(ctx)
}

func (s *Stream) onSendError(ctx context.Context, err error) {
	if s.target.IP == nil { // held: this was no packet
		s.hold(ctx)
		return
	}
	if errors.Is(err, syscall.ENOBUFS) {
		return // pro-bing tries this packet again
	}
	probe := Probe{Seq: s.Len() + 1, Fate: SendError, Sent: time.Now(), Err: err}
	if errors.Is(err, syscall.EPERM) {
		probe.Fate = LocalDrop
	}
	s.config.Observe(probe)
	s.mu.Lock()
	s.probes = append(s.probes, probe)
	s.failed = append(s.failed, probe.Seq)
	s.wake()
	s.mu.Unlock()
	s.hold(ctx)
}

func (s *Stream) onReply(ctx context.Context, reply *probing.Packet) {
	seq := s.Seq(uint16(reply.Seq))
	probe, waiting := s.awaited(seq)
	if !waiting {
		return
	}
	probe.Fate, probe.RTT = Replied, reply.Rtt
	if reply.Rtt > Patience {
		probe.Fate = Late
	}
	s.config.Observe(probe)
	s.mu.Lock()
	s.probes[seq-1] = probe
	if !s.doomed[seq] {
		s.waiting--
	}
	s.wake()
	s.mu.Unlock()
	s.hold(ctx)
}

// awaited returns the probe with that number, and whether it has no reply yet.
func (s *Stream) awaited(seq int) (Probe, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < 1 || seq > len(s.probes) {
		return Probe{}, false
	}
	return s.probes[seq-1], s.probes[seq-1].Fate == Waiting
}

// hold takes the destination away once all packets that were let pass are
// sent, and gives it back when more are. While a reply is awaited it returns,
// so that pro-bing can receive it; when nothing is, it waits right here, and
// the next packet leaves on time.
func (s *Stream) hold(ctx context.Context) {
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

func (s *Stream) broken() error {
	if s.err != nil {
		return s.err
	}
	return fmt.Errorf("ping %s: the stream was stopped", s.config.Target)
}

// wake tells everybody who waits that something changed. While packets are
// still to be sent nobody needs to know, and to wake somebody up would slow down
// the reply that is on its way. s.mu is held.
func (s *Stream) wake() {
	if len(s.probes) < s.let && s.waiting > 0 {
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
}
