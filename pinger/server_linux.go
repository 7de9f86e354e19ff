package pinger

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// A Server echoes everything that arrives at one port of a host: the other end of TCP and UDP
// streams.
type Server struct {
	close   func() error
	serving sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // open connections
	ended bool
}

// Serve starts echoing at a port in n, over TCP or UDP. The error wraps EADDRINUSE if another
// program has the port.
func Serve(n *ns.Namespace, p packet.Protocol, at netip.AddrPort) (*Server, error) {
	s := &Server{conns: map[net.Conn]bool{}}
	err := n.Do(func() error {
		if p == packet.UDP {
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			if err != nil {
				return err
			}
			roomy(conn)
			s.close = conn.Close
			s.serving.Go(func() { echo(conn) })
			return nil
		}
		// Go's default options include SO_REUSEADDR, so the port can be reused while an old
		// connection lingers. Keepalive is off: an idle connection sends nothing, however long.
		config := net.ListenConfig{KeepAlive: -1}
		listener, err := config.Listen(context.Background(), "tcp", at.String())
		if err != nil {
			return err
		}
		s.close = listener.Close
		s.serving.Go(func() { s.accept(listener) })
		return nil
	})
	if err != nil {
		return nil, say.Errorf("serve %s at %s: %w", p, at, err)
	}
	return s, nil
}

// Close stops the server and resets its connections.
func (s *Server) Close() error {
	err := s.close()
	s.mu.Lock()
	s.ended = true
	for conn := range s.conns {
		abort(conn)
	}
	s.mu.Unlock()
	s.serving.Wait()
	return err
}

func (s *Server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.ended {
			abort(conn)
		} else {
			s.conns[conn] = true
			s.serving.Go(func() { s.converse(conn) })
		}
		s.mu.Unlock()
	}
}

func (s *Server) converse(conn net.Conn) {
	_, _ = io.Copy(conn, conn) // until the client disconnects
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}

// roomy enlarges a socket's buffer for datagrams that arrive faster than they are read, if
// CAP_NET_ADMIN allows it.
func roomy(conn *net.UDPConn) {
	const room = 8 << 20 // bytes
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) })
	}
}

// echo sends datagrams back. It continues after an error, for instance when a rule drops the reply.
func echo(conn *net.UDPConn) {
	const longest = 1 << 16
	buffer := make([]byte, longest)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	}
}

// abort closes a connection with a reset, so that nothing of it lingers.
func abort(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// done reports whether a stream has to end.
func done(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, net.ErrClosed)
}
