package pinger

import (
	"context"
	"net"
	"sync"
	"time"

	"lablab/ns"
	"lablab/say"
)

// step is the unit in which a stream's patience is counted.
const step = 20 * time.Millisecond

// A Stream sends packets that are released n at a time. In between it is held: it sends nothing
// until [Stream.Let] is called, so that rules can change between two packets and never during one.
type Stream struct {
	what    say.Sentence // "ping 10.255.1.197"
	observe func(Probe)
	cancel  context.CancelFunc
	done    chan struct{}
	err     error // error of the whole stream; read after done
	// patience is how long to wait for missing replies.
	patience func() time.Duration

	// Held while a packet is sent and recorded, so that its reply is processed later.
	sending sync.Mutex

	mu       sync.Mutex
	let      int
	probes   []Probe
	waiting  int
	answered bool          // the server has answered; over TCP, in the current connection
	givenUp  map[int]bool  // Seq of packets whose reply is no longer awaited
	changed  chan struct{} // closed whenever any of these changes

	// For ICMP: Seq of the packets that left, in pro-bing's own order, and of those that could not
	// be sent.
	sent, failed []int
	// For TCP: the connection, if any; whether a segment was seen to be dropped since the last
	// reply; and Seq of the messages for which a connection was attempted.
	conn     *net.TCPConn
	stuck    bool
	attempts []int
}

func newStream(what say.Sentence, observe func(Probe), cancel context.CancelFunc, let int) *Stream {
	return &Stream{
		what: what, observe: observe, cancel: cancel, let: let,
		done: make(chan struct{}), givenUp: map[int]bool{}, changed: make(chan struct{}),
		patience: func() time.Duration { return Patience },
	}
}

// start runs the stream on its own goroutine and returns once its socket is open.
func (s *Stream) start(ctx context.Context, run func(opened func()) error) (*Stream, error) {
	open := make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = run(sync.OnceFunc(func() { close(open) }))
	}()
	select {
	case <-open:
		return s, nil
	case <-s.done:
		s.cancel()
		if s.err == nil { // ctx ended before the socket was open
			return nil, say.Errorf("%s: %w", s.what, context.Cause(ctx))
		}
		return nil, s.err
	}
}

// Let releases n more packets.
func (s *Stream) Let(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.let += n
	s.stuck = false // the path may work by now
	s.wake()
}

// Dropped says that a packet was seen to be dropped on its way, so the stream need not wait for its
// reply.
func (s *Stream) Dropped(seq int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveUp(seq)
	s.wake()
}

// Stuck says that a segment of the stream's TCP connection was seen to be dropped. Nothing gets
// through until that segment does, so the stream need not wait for the replies to messages in
// flight.
func (s *Stream) Stuck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck = true
	for _, p := range s.probes {
		if p.Fate == Waiting {
			s.giveUp(p.Seq)
		}
	}
	s.wake()
}

// giveUp stops waiting for a packet. s.mu is held.
func (s *Stream) giveUp(seq int) {
	if s.givenUp[seq] {
		return
	}
	s.givenUp[seq] = true
	if seq <= len(s.probes) && s.probes[seq-1].Fate == Waiting {
		s.waiting--
	}
	// A connection attempt for it must stop waiting, whatever else is in flight.
	close(s.changed)
	s.changed = make(chan struct{})
}

// Settle waits until all released packets are sent and the fate of each is known. It gives up on
// missing replies Patience after the last packet was sent, and returns an error only if ctx ends or
// the stream fails.
func (s *Stream) Settle(ctx context.Context) error {
	patience := ns.Patient(s.patience(), step)
	for {
		s.mu.Lock()
		sent, settled, changed := len(s.probes) >= s.let, s.waiting == 0, s.changed
		s.mu.Unlock()
		if sent && patience.Over() {
			s.writeOff()
		}
		if sent && (settled || patience.Over()) {
			return nil
		}
		var wait <-chan time.Time
		if sent {
			wait = patience.Step()
		}
		select {
		case <-changed:
		case <-wait:
			patience.Spend()
		case <-s.done:
			return s.broken()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// End makes the stream end: it sends nothing more.
func (s *Stream) End() { s.cancel() }

// Ended returns a channel that is closed when the stream has ended: on request, or because of an
// error.
func (s *Stream) Ended() <-chan struct{} { return s.done }

// Wait ends the stream and waits until its socket is closed. With ICMP that takes up to 0.1 s,
// because pro-bing notices only when its read times out.
func (s *Stream) Wait() error {
	s.cancel()
	<-s.done
	return s.err
}

// writeOff stops waiting for missing replies. A reply that arrives all the same is still counted.
func (s *Stream) writeOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.probes {
		if p.Fate == Waiting {
			s.givenUp[p.Seq] = true
		}
	}
	s.waiting = 0
	s.wake()
}

// Len returns the number of probes so far.
func (s *Stream) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.probes)
}

// Probes returns all probes so far, in their current state.
func (s *Stream) Probes() []Probe {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Probe(nil), s.probes...)
}

// add records a probe that was sent and, if list is not nil, appends its number to list. It calls
// the observer first, so that everything has been reported once the stream settles.
func (s *Stream) add(probe Probe, list *[]int) {
	s.observe(probe)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes = append(s.probes, probe)
	if list != nil {
		*list = append(*list, probe.Seq)
	}
	switch {
	case probe.Fate != Waiting:
	case s.stuck:
		s.givenUp[probe.Seq] = true
	case !s.givenUp[probe.Seq]:
		s.waiting++
	}
	s.wake()
}

// settle records the fate of a probe that has none yet.
func (s *Stream) settle(seq int, fate Fate, rtt time.Duration, err error) {
	probe, waiting := s.awaited(seq)
	if !waiting {
		return
	}
	probe.Fate, probe.RTT, probe.Err = fate, rtt, err
	if fate == Replied && rtt > Patience {
		probe.Fate = Late
	}
	probe.Connecting = false
	s.observe(probe)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes[seq-1] = probe
	if !s.givenUp[seq] {
		s.waiting--
	}
	if fate == Replied {
		s.stuck, s.answered = false, true
	}
	s.wake()
}

// pushes reports whether the server sends the next packet, which is known once all before it have been
// answered or given up.
func (s *Stream) pushes(ctx context.Context) bool {
	for patience := ns.Patient(s.patience(), step); ; {
		s.mu.Lock()
		answered, settled, changed := s.answered, s.waiting == 0, s.changed
		s.mu.Unlock()
		if answered || settled || ctx.Err() != nil {
			return answered
		}
		if patience.Over() {
			s.writeOff()
			return false
		}
		select {
		case <-changed:
		case <-patience.Step():
			patience.Spend()
		case <-ctx.Done():
		}
	}
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

// next waits until another packet may be sent and the ticker fires. It returns false when ctx is
// done.
func (s *Stream) next(ctx context.Context, tick *time.Ticker) bool {
	s.released(ctx)
	select {
	case <-tick.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// released waits until another packet may be sent, or ctx is done.
func (s *Stream) released(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		held, changed := len(s.probes) >= s.let, s.changed
		s.mu.Unlock()
		if !held {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (s *Stream) held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.probes) >= s.let
}

func (s *Stream) broken() error {
	if s.err != nil {
		return s.err
	}
	return say.Errorf("%s: the stream was stopped", s.what)
}

// wake wakes all waiters. While packets are still to be sent, no waiter needs the change, and
// waking one up would slow down the reply in flight. s.mu is held.
func (s *Stream) wake() {
	if len(s.probes) < s.let && s.waiting > 0 {
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
}
