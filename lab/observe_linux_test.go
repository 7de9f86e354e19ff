package lab

import (
	"testing"
	"time"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/sg"
)

// The entry of a flow's only packet is there when the entries are listed right after it, although
// conntrack events and the trace arrive on different sockets.
func TestEntryOfTheLastPacket(t *testing.T) {
	t.Parallel()
	nstest.Kernel(t)
	one := func(expect scenario.Expectation, ingress ...sg.Rule) {
		t.Helper()
		for range 25 {
			sc := serverAndClient(ingress...)
			start := scenario.Start{Stream: "p", Protocol: packet.ICMP, From: "B", To: "A"}
			sc.Experiments = []scenario.Experiment{{Title: "one packet", Do: []scenario.Action{start}, For: 1, Expect: []scenario.Expectation{expect}}}
			if r := run(t, sc, 2*time.Millisecond); !r.Held {
				t.Fatalf("the entry of one packet was not seen: %+v", r.Experiments[0].Predictions)
			}
		}
	}
	one(scenario.Expectation{Host: "A", Flow: "p", AdmittedBy: "icmp"}, allow("icmp", packet.ICMP, sg.Any, "10.255.1.10/32"))
	one(scenario.Expectation{Host: "B", Flow: "p", AdmittedBy: "out"})
}
