package pinger_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/pinger"
)

// A reply that comes after the stream has stopped waiting for it is late: it does not count for the
// next packet, and the packet does not count as lost.
func TestLateReply(t *testing.T) {
	t.Parallel()
	left, right := nstest.Wire(t)
	target := netip.AddrPortFrom(nstest.Right, 4000)
	var server net.PacketConn
	if err := right.Do(func() (err error) {
		server, err = net.ListenPacket("udp", target.String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_ = server.SetDeadline(time.Now().Add(30 * time.Second))
	seen := make(chan pinger.Probe, 100)
	s, err := pinger.UDP{Source: netip.AddrPortFrom(nstest.Left, 4001), Target: target, Size: 64, Interval: time.Millisecond, Observe: func(p pinger.Probe) { seen <- p }}.Start(t.Context(), left, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Wait() }()
	first := make([]byte, 100)
	n, from, err := server.ReadFrom(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Settle(t.Context()); err != nil { // it gives the reply up
		t.Fatal(err)
	}
	if fate := s.Probes()[0].Fate; fate != pinger.Waiting {
		t.Fatalf("without a reply the fate is %v", fate)
	}
	s.Let(1)
	second := make([]byte, 100)
	m, _, err := server.ReadFrom(second)
	if err != nil {
		t.Fatal(err)
	}
	for _, reply := range [][]byte{first[:n], second[:m]} { // the late one comes first
		if _, err := server.WriteTo(reply, from); err != nil {
			t.Fatal(err)
		}
	}
	want := map[int]pinger.Fate{1: pinger.Late, 2: pinger.Replied}
	for len(want) > 0 {
		select {
		case p := <-seen:
			if p.Fate == pinger.Waiting {
				continue
			}
			if p.Fate != want[p.Seq] {
				t.Errorf("packet %d: %v, want %v", p.Seq, p.Fate, want[p.Seq])
			}
			delete(want, p.Seq)
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing about packets %v", want)
		}
	}
}
