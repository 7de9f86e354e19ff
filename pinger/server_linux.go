package pinger

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lablab/ns"
	"lablab/packet"
	"lablab/say"
)

// A Server echoes everything that arrives at one port of a host: the other end of TCP and UDP
// streams. It can also send by itself ([Server.Push]).
type Server struct {
	close     func() error
	serving   sync.WaitGroup
	datagrams *net.UDPConn // nil for TCP

	mu    sync.Mutex
	conns map[netip.AddrPort]net.Conn // open connections, by the client's address
	ended bool
}

// Serve starts echoing at a port in n, over TCP or UDP. The error wraps EADDRINUSE if another
// program has the port.
func Serve(n *ns.Namespace, p packet.Protocol, at netip.AddrPort) (*Server, error) {
	s := &Server{conns: map[netip.AddrPort]net.Conn{}}
	err := n.Do(func() error {
		if p == packet.UDP {
			conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			if err != nil {
				return err
			}
			roomy(conn)
			s.close, s.datagrams = conn.Close, conn
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
	for _, conn := range s.conns {
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
			client := clientOf(conn)
			s.conns[client] = conn
			s.serving.Go(func() { s.converse(client, conn) })
		}
		s.mu.Unlock()
	}
}

func clientOf(conn net.Conn) netip.AddrPort {
	at := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

func (s *Server) converse(client netip.AddrPort, conn net.Conn) {
	_, _ = io.Copy(conn, conn) // until the client disconnects
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[client] == conn {
		delete(s.conns, client)
	}
	_ = conn.Close()
}

// Push sends a message to a client, without being asked. Over TCP it may block, until [Server.Interrupt]
// is called. The error wraps [net.ErrClosed] if the client has no connection.
func (s *Server) Push(client netip.AddrPort, message []byte) error {
	if s.datagrams != nil {
		_, err := s.datagrams.WriteToUDPAddrPort(message, client)
		return err
	}
	conn := s.connOf(client)
	if conn == nil {
		return net.ErrClosed
	}
	_, err := conn.Write(message)
	return err
}

// Interrupt ends the sending of messages to a client over its connection.
func (s *Server) Interrupt(client netip.AddrPort) {
	if conn := s.connOf(client); conn != nil {
		_ = conn.SetWriteDeadline(time.Now())
	}
}

func (s *Server) connOf(client netip.AddrPort) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[client]
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
