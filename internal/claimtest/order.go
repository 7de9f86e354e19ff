package claimtest

import (
	"net/netip"
	"testing"

	"lablab/flow"
	"lablab/packet"
	"lablab/timeline"
)

// CheckOrder fails the test if a packet between two hosts of a timeline arrives before it left.
func CheckOrder(t testing.TB, events []timeline.Event) {
	t.Helper()
	hosts := map[netip.Addr]bool{}
	left := map[packet.Header]int{}
	var translations flow.Translations
	for _, e := range events {
		switch body := e.Body.(type) {
		case timeline.Begun:
			for _, h := range body.Hosts {
				for _, a := range h.Addresses() {
					hosts[a] = true
				}
			}
		case timeline.Missed:
			return // a departure may be missing
		case timeline.EntryChanged:
			translations.Add(body.Entry)
		case timeline.Judged:
			sent, k := body.Packet, translations.Before(body.Packet.Key())
			sent.Source, sent.Destination, sent.SourcePort, sent.DestinationPort, sent.EchoID = k.Source, k.Destination, k.SourcePort, k.DestinationPort, k.ICMPID
			if sent.IsError() {
				sent.Destination = netip.Addr{} // only the packet that it quotes tells which it is
			}
			switch {
			case body.Direction == packet.Egress:
				left[sent]++
			case hosts[body.Packet.Source] && left[sent] == 0:
				t.Errorf("event %d: %s arrives at %s before it left", e.Seq, body.Packet, body.Host)
			default:
				left[sent]--
			}
		}
	}
}
