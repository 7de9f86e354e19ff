package pinger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/say"
)

// An attempt that the kernel has answered is not given up, however long this process takes to see
// it. One without an answer is, and only after its SYN has left.
func TestAttemptThatWasAnsweredIsNotGivenUp(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	target := netip.AddrPortFrom(nstest.Right, 7)
	nstest.Input(t, right, "table ip t { chain c { type filter hook input priority 0; tcp dport 9 drop; }; }", "nft", "-f", "-")
	if err := right.Do(func() error {
		l, err := net.Listen("tcp", target.String())
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	dial := func(a *attempt, at netip.AddrPort) error {
		return left.Do(func() error {
			conn, err := (&net.Dialer{Control: a.prepare}).DialContext(t.Context(), "tcp", at.String())
			if err == nil {
				t.Cleanup(func() { _ = conn.Close() })
			}
			return err
		})
	}
	answered, dropped := &attempt{}, &attempt{}
	if err := dial(answered, target); err != nil {
		t.Fatal(err)
	}
	var dialing sync.WaitGroup
	t.Cleanup(dialing.Wait)
	dialing.Go(func() { _ = dial(dropped, netip.AddrPortFrom(nstest.Right, 9)) })
	for name, c := range map[string]struct {
		attempt *attempt
		wait    time.Duration
		givenUp bool
	}{"answered": {answered, 2 * Patience, false}, "dropped": {dropped, time.Minute, true}, "not begun": {&attempt{}, 2 * Patience, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &talking{Stream: newStream(say.F("tcp"), nil, nil, 0)}
			ctx, cancel := context.WithCancel(context.Background())
			stop := s.cancelIfDropped(1, c.attempt, cancel)
			select {
			case <-ctx.Done():
			case <-time.After(c.wait):
			}
			stop()
			if got := errors.Is(ctx.Err(), context.Canceled); got != c.givenUp {
				t.Errorf("given up: %v, want %v", got, c.givenUp)
			}
		})
	}
}

// A server sends nothing over an idle connection, since every packet matters.
func TestServersDoNotKeepAlive(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	at := netip.AddrPortFrom(nstest.Right, 7)
	server, err := Serve(right, packet.TCP, at)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var conn net.Conn
	if err := left.Do(func() (err error) { conn, err = net.Dial("tcp", at.String()); return err }); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // so the server has accepted it
		t.Fatal(err)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	for _, accepted := range server.conns {
		raw, err := accepted.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) {
			if on, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || on != 0 {
				t.Errorf("SO_KEEPALIVE is %d, %v", on, err)
			}
		})
	}
	if len(server.conns) != 1 {
		t.Errorf("%d connections", len(server.conns))
	}
}
