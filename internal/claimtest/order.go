package claimtest

import (
	"net/netip"
	"testing"

	"lablab/packet"
	"lablab/timeline"
)

// CheckOrder fails the test if a packet between two hosts of a timeline arrives before it left.
func CheckOrder(t testing.TB, events []timeline.Event) {
	t.Helper()
	hosts := map[netip.Addr]bool{}
	left := map[packet.Header]int{}
	for _, e := range events {
		switch body := e.Body.(type) {
		case timeline.Begun:
			for _, h := range body.Hosts {
				hosts[h.Address.Addr()] = true
			}
		case timeline.Missed:
			return // a departure may be missing
		case timeline.Judged:
			switch {
			case body.Direction == packet.Egress:
				left[body.Packet]++
			case hosts[body.Packet.Source] && left[body.Packet] == 0:
				t.Errorf("event %d: %s arrives at %s before it left", e.Seq, body.Packet, body.Host)
			default:
				left[body.Packet]--
			}
		}
	}
}
