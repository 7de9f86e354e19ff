package pinger_test

import (
	"net/netip"
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/pinger"
)

// Once its server has answered, only the server sends: the sender's own packets carry one message.
func TestPush(t *testing.T) {
	const messages = 20
	for _, p := range []packet.Protocol{packet.TCP, packet.UDP} {
		t.Run(p.String(), func(t *testing.T) {
			left, right := nstest.Wire(t)
			source, target := netip.AddrPortFrom(nstest.Left, 41001), netip.AddrPortFrom(nstest.Right, 80)
			server, err := pinger.Serve(right, p, target)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			r := &record{probes: map[int]pinger.Probe{}}
			var s *pinger.Stream
			if p == packet.TCP {
				s, err = pinger.TCP{Source: source, Target: target, Interval: time.Millisecond, Pusher: server, Observe: r.observe}.Start(t.Context(), left, messages)
			} else {
				s, err = pinger.UDP{Source: source, Target: target, Interval: time.Millisecond, Pusher: server, Observe: r.observe}.Start(t.Context(), left, messages)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Wait(); err != nil {
				t.Error(err)
			}
			r.want(t, map[pinger.Fate]int{pinger.Replied: messages})
			for seq, probe := range r.probes {
				if asked := seq == 1; probe.Pushed == asked && seq <= 1 || seq == messages && !probe.Pushed {
					t.Errorf("message %d was pushed: %v", seq, probe.Pushed)
				}
			}
		})
	}
}
