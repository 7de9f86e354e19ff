package pinger

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/say"
)

// A TCP configures a stream of messages over one connection, from one port. Each message begins
// with its number, 4 bytes in network byte order, and all have the same size, so a segment's place
// in the connection tells which messages it carries. While there is no connection, each message
// begins with an attempt to open one.
type TCP struct {
	Source, Target netip.AddrPort
	Size           int // bytes per message, at least [Least]
	Interval       time.Duration
	// Keepalive is after which silence TCP asks whether the server is there (tcp(7), TCP_KEEPIDLE), in
	// whole seconds; 0 for never.
	Keepalive time.Duration
	// Pusher is the stream's server if that sends the messages, as soon as it has answered the first of
	// a connection; nil if the stream sends all of them.
	Pusher *Server
	// Observe is called, one call at a time, whenever a probe is sent or its fate becomes known.
	Observe func(Probe)
}

// talking is a Stream over TCP.
type talking struct {
	*Stream
	config TCP
	n      *ns.Namespace
	// The goroutines that read from the connection and write to it, and what they are to write.
	talkers sync.WaitGroup
	outbox  struct {
		mu       sync.Mutex
		messages []outgoing
		filled   chan struct{}
	}
}

// An outgoing message, which the stream or its server sends.
type outgoing struct {
	message []byte
	pushed  bool
}

// Start releases the first let messages. The stream ends with ctx, or when it is stopped; then it
// resets its connection.
func (config TCP) Start(ctx context.Context, n *ns.Namespace, let int) (*Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &talking{Stream: newStream(say.F("tcp to %s", config.Target), config.Observe, cancel, let), config: config, n: n}
	s.Stream.patience = s.retransmission
	s.outbox.filled = make(chan struct{}, 1)
	return s.start(ctx, func(opened func()) error {
		opened()
		return s.run(ctx)
	})
}

func (s *talking) run(ctx context.Context) error {
	tick := time.NewTicker(s.config.Interval)
	defer tick.Stop()
	defer s.hangUp()
	for s.next(ctx, tick) {
		seq := s.Len() + 1
		pushed := s.config.Pusher != nil && s.pushes(ctx)
		conn := s.connection()
		if conn == nil {
			pushed = false
			var err error
			if conn, err = s.connect(ctx, seq); ctx.Err() != nil {
				return nil
			} else if err != nil {
				return err
			}
			if conn == nil {
				continue // no answer; the next message tries again
			}
		}
		if s.Len() < seq { // else it was recorded when the connection attempt began
			s.begin(seq, pushed)
		}
		message := make([]byte, max(s.config.Size, Least))
		binary.BigEndian.PutUint32(message, uint32(seq))
		s.post(outgoing{message, pushed})
	}
	return nil
}

// begin records a message that is about to be sent. No reply is processed meanwhile.
func (s *talking) begin(seq int, pushed bool) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.add(Probe{Seq: seq, Fate: Waiting, Sent: time.Now(), Pushed: pushed}, nil)
}

// post hands a message to the connection's writer. A stalled connection accepts no more than its
// buffer holds, and only the writer may block on that.
func (s *talking) post(message outgoing) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.outbox.messages = append(s.outbox.messages, message)
	select {
	case s.outbox.filled <- struct{}{}:
	default:
	}
}

// write sends what is posted, until the connection ends.
func (s *talking) write(conn *net.TCPConn, ended <-chan struct{}) {
	for {
		s.outbox.mu.Lock()
		messages := s.outbox.messages
		s.outbox.messages = nil
		s.outbox.mu.Unlock()
		for _, m := range messages {
			if m.pushed {
				_ = s.config.Pusher.Push(s.config.Source, m.message) // what is lost has no reply
				continue
			}
			if _, err := conn.Write(m.message); err != nil {
				if !errors.Is(err, net.ErrClosed) {
					s.lose(conn, err)
				}
				return
			}
		}
		if len(messages) > 0 {
			continue
		}
		select {
		case <-s.outbox.filled:
		case <-ended:
			return
		}
	}
}

// connect opens a connection for a message. It returns nil if the attempt is refused, dropped or
// takes longer than Patience. It records the attempt beforehand: if a rule drops the SYN, it must
// be known which message the SYN was for.
func (s *talking) connect(ctx context.Context, seq int) (*net.TCPConn, error) {
	s.add(Probe{Seq: seq, Fate: Waiting, Sent: time.Now(), Connecting: true}, &s.attempts)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var conn net.Conn
	attempt := &attempt{}
	err := s.n.Do(func() error {
		defer s.cancelIfDropped(seq, attempt, cancel)()
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(s.config.Source), Control: attempt.prepare, KeepAlive: -1,
			KeepAliveConfig: net.KeepAliveConfig{Enable: s.config.Keepalive > 0, Idle: s.config.Keepalive, Interval: s.config.Keepalive}}
		d.SetMultipathTCP(false)
		return untilFree(ctx, func() (err error) {
			conn, err = d.DialContext(ctx, "tcp", s.config.Target.String())
			return err
		})
	})
	switch {
	case err == nil:
	case unreachable(err) && !errors.Is(err, syscall.ENETUNREACH): // which the host itself says if it has no route
		s.unreachAt(seq, err)
		return nil, nil
	case errors.Is(err, context.Canceled), errors.Is(err, syscall.ETIMEDOUT): // TCP itself gives up after its retransmissions
		return nil, nil
	default:
		var dial *net.OpError
		if errors.As(err, &dial) { // the addresses are known anyway
			err = dial.Err
		}
		return nil, say.Errorf("%s: %w", s.what, err)
	}
	tcp := conn.(*net.TCPConn)
	s.connected(seq)
	s.mu.Lock()
	s.conn, s.answered = tcp, false
	s.mu.Unlock()
	s.outbox.mu.Lock()
	s.outbox.messages = nil // messages of a connection that has ended
	s.outbox.mu.Unlock()
	ended := make(chan struct{})
	s.talkers.Go(func() { defer close(ended); s.receive(tcp) })
	s.talkers.Go(func() { s.write(tcp, ended) })
	return tcp, nil
}

// Attempt returns the message for which the i-th connection attempt, from 0, was made. The attempt
// may still be in progress.
func (s *Stream) Attempt(i int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < len(s.attempts) {
		return s.attempts[i]
	}
	return len(s.probes) + 1
}

// connected says that the message's connection was established. The message is sent now, and its
// time starts.
func (s *talking) connected(seq int) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.mu.Lock()
	probe := s.probes[seq-1]
	probe.Sent, probe.Connected = time.Now(), true
	s.probes[seq-1] = probe
	s.mu.Unlock()
	s.observe(probe)
}

// cancelIfDropped cancels an attempt as soon as its SYN is seen to be dropped, or if no answer comes
// within Patience after the SYN.
func (s *talking) cancelIfDropped(seq int, attempt *attempt, cancel func()) (stop func()) {
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for patience := ns.Patient(Patience, step); !patience.Over(); {
			s.mu.Lock()
			givenUp, changed := s.givenUp[seq], s.changed
			s.mu.Unlock()
			if givenUp {
				break
			}
			select {
			case <-changed:
			case <-patience.Step():
				if attempt.unanswered() {
					patience.Spend()
				}
			case <-ended:
				return
			}
		}
		cancel()
	})
	return func() { close(ended); watching.Wait() }
}

// receive reads the echoes, until the connection ends.
func (s *talking) receive(conn *net.TCPConn) {
	message := make([]byte, max(s.config.Size, Least))
	for {
		if _, err := io.ReadFull(conn, message); err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.lose(conn, err)
			}
			return
		}
		s.arrive(int(binary.BigEndian.Uint32(message)), time.Now())
	}
}

// lose gives up a connection that has ended, and records the error for the messages in flight.
func (s *talking) lose(conn *net.TCPConn, err error) {
	s.mu.Lock()
	if s.conn != conn {
		s.mu.Unlock()
		return
	}
	_ = conn.Close() // before the next attempt, which needs its port
	s.interrupt()
	s.conn = nil
	var lost []int
	for _, p := range s.probes {
		if p.Fate == Waiting {
			lost = append(lost, p.Seq)
		}
	}
	s.mu.Unlock()
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, io.EOF) {
		return // TCP timed out; it received no error
	}
	for _, seq := range lost {
		s.unreachAt(seq, err)
	}
}

func (s *talking) unreachAt(seq int, err error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.settle(seq, Unreached, 0, err)
}

func (s *talking) connection() *net.TCPConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

// hangUp resets the connection.
func (s *talking) hangUp() {
	s.mu.Lock()
	conn := s.conn
	s.conn = nil
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
		s.interrupt()
	}
	s.talkers.Wait()
}

// interrupt ends the writing of the stream's server, if it sends.
func (s *talking) interrupt() {
	if s.config.Pusher != nil {
		s.config.Pusher.Interrupt(s.config.Source)
	}
}

// untilFree opens a stream's socket. Its port may still be taken for a moment: while this process
// starts a program, the child has a copy of each socket until execve(2), also of one that was closed
// meanwhile.
func untilFree(ctx context.Context, open func() error) error {
	for patience := ns.Patient(Patience, step); ; patience.Spend() {
		err := open()
		taken := errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL)
		if !taken || patience.Over() {
			return err
		}
		select {
		case <-patience.Step():
		case <-ctx.Done():
			return err
		}
	}
}

// retransmission returns how long to wait for replies: TCP itself retransmits after its timeout,
// which doubles each time.
func (s *talking) retransmission() time.Duration {
	conn := s.connection()
	if conn == nil {
		return Patience
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return Patience
	}
	var rto time.Duration
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			rto = time.Duration(info.Rto) * time.Microsecond
		}
	})
	return max(Patience, 2*rto)
}

// An attempt is the socket that opens a connection.
type attempt struct {
	mu     sync.Mutex
	socket syscall.RawConn // or nil
}

// unanswered reports whether the SYN has left and has no answer yet. An answer that this process was
// too slow to take is late, not lost.
func (a *attempt) unanswered() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.socket == nil {
		return false
	}
	const synSent = 2 // TCP_SYN_SENT, linux/tcp_states.h
	waiting := false
	_ = a.socket.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		waiting = err == nil && info.State == synSent
	})
	return waiting
}

// prepare lets a stream take the port of one that has ended, and keeps its own port free for the
// next: closing the socket resets the connection, even one given up while it was established, so
// no TIME_WAIT holds the port (tcp(7), SO_LINGER in socket(7)).
func (a *attempt) prepare(_, _ string, c syscall.RawConn) error {
	a.mu.Lock()
	a.socket = c
	a.mu.Unlock()
	var sockErr error
	err := c.Control(func(fd uintptr) {
		sockErr = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	})
	return errors.Join(err, sockErr)
}
