package pinger

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"lablab/internal/nstest"
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
	dial := func(a *attempt, at netip.AddrPort, patience time.Duration) error {
		return left.Do(func() error {
			conn, err := (&net.Dialer{Control: a.prepare, Timeout: patience}).Dial("tcp", at.String())
			if err == nil {
				t.Cleanup(func() { _ = conn.Close() })
			}
			return err
		})
	}
	answered, dropped := &attempt{}, &attempt{}
	if err := dial(answered, target, 0); err != nil {
		t.Fatal(err)
	}
	go func() { _ = dial(dropped, netip.AddrPortFrom(nstest.Right, 9), 4*Patience) }()
	for name, c := range map[string]struct {
		attempt *attempt
		givenUp bool
	}{"answered": {answered, false}, "dropped": {dropped, true}, "not begun": {&attempt{}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &talking{Stream: newStream(say.F("tcp"), nil, nil, 0)}
			ctx, cancel := context.WithCancel(context.Background())
			stop := s.cancelIfDropped(1, c.attempt, cancel)
			select {
			case <-ctx.Done():
			case <-time.After(3 * Patience):
			}
			stop()
			if got := errors.Is(ctx.Err(), context.Canceled); got != c.givenUp {
				t.Errorf("given up: %v, want %v", got, c.givenUp)
			}
		})
	}
}
