package lab

import (
	"net/netip"
	"testing"

	"lablab/internal/nstest"
	"lablab/packet"
	"lablab/scenario"
	"lablab/timeline"
)

// A host drops what it would forward if forwarding is turned on by hand: EC2 checks the source and
// the destination.
func TestForwardingByHandIsDropped(t *testing.T) {
	t.Parallel()
	sc := scenario.FourExperiments()
	sc.Hosts = append(sc.Hosts, scenario.Host{Name: "C", Address: netip.MustParsePrefix("10.255.1.3/16"), Groups: sc.Hosts[0].Groups})
	l, log := build(t, sc)
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, sender := l.hosts[2], l.hosts[1]
	if err := router.ns.SetSysctl(map[string]string{"ipv4/ip_forward": "1"}); err != nil {
		t.Fatal(err)
	}
	nstest.Output(t, sender.ns, "ip", "route", "add", "10.255.1.197/32", "via", "10.255.1.3")
	nstest.Said(t, sender.ns, "ping", "-c1", "-W0.01", "10.255.1.197")
	l.Sync(t.Context())
	for _, e := range log.Events() {
		if v, is := e.Body.(timeline.Judged); is && v.Host == "C" && v.Forwarded {
			if v.Accepted || v.By != (packet.By{Kind: packet.ByCheck, ID: packet.SourceDestCheckID}) {
				t.Errorf("%+v", v)
			}
			return
		}
	}
	t.Error("C did not decide about the packet")
}
