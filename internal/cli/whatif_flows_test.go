package cli

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/internal/control"
	"lablab/live"
	"lablab/packet"
	"lablab/report"
)

// An entry of a running lab is a flow with all that the lab knows.
func TestFlowsOfALab(t *testing.T) {
	key := packet.Key{Protocol: packet.TCP, Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2"), SourcePort: 1000, DestinationPort: 22}
	entry := report.Entry{
		Host: "A", TCPState: "ESTABLISHED", Status: []string{flow.SeenReply, "ASSURED"}, Untracked: true,
		Packets: 3, ReplyPackets: 2, Bytes: 300, ReplyBytes: 200, TimeoutSeconds: 60,
	}
	want := live.Flow{Key: key, Host: "A", TCP: "ESTABLISHED", Replied: true, Untracked: true, Packets: 5, Bytes: 500, Left: time.Minute}
	if diff := cmp.Diff(want, liveOf(control.Flow{Entry: entry, Key: key}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entry.Status = []string{"CONFIRMED"}
	if liveOf(control.Flow{Entry: entry, Key: key}).Replied {
		t.Error("it counts as replied without a reply")
	}
}
