package cli

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"lablab/internal/control"
	"lablab/internal/view"
	"lablab/packet"
	"lablab/report"
)

// Entries are aligned in columns. At 80 columns nothing important is cut off.
func TestFlowLines(t *testing.T) {
	office, server := netip.MustParseAddr("10.255.1.10"), netip.MustParseAddr("10.255.1.197")
	ssh := "ssh"
	flows := []control.Flow{
		{
			Key:   packet.Key{Protocol: packet.TCP, Source: office, Destination: server, SourcePort: 40222, DestinationPort: 22},
			Entry: report.Entry{Host: "server", ConntrackID: 1, Packets: 1000, ReplyPackets: 998, TimeoutSeconds: 431998, Status: []string{"SEEN_REPLY"}, AdmittedBy: &ssh, AdmittingGone: true},
		},
		{
			Key:   packet.Key{Protocol: packet.ICMP, Source: office, Destination: server, ICMPID: 7},
			Entry: report.Entry{Host: "A", ConntrackID: 4294967295, Packets: 2, TimeoutSeconds: 9},
		},
	}
	const want = `server 1          tcp 10.255.1.10:40222 > 10.255.1.197:22  1000 sent, 998 back, 431998 s left, SEEN_REPLY, admitted by ssh (gone)
A      4294967295 icmp 10.255.1.10 > 10.255.1.197 id 7     2 sent, 0 back, 9 s left, UNREPLIED, admitted by no security-group rule`
	if got := strings.Join(flowLines(nil, flows), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	const narrow = `+ server tcp 10.255.1.10:40222 > 10.255.1.197:22  1000/998 431998 s  by ssh (gone)
  A      icmp 10.255.1.10 > 10.255.1.197 id 7          2/0      9 s  by no rule`
	entries := []view.Entry{{Flow: flows[0], Mark: view.New}, {Flow: flows[1], Mark: view.Steady}}
	lines := watched(nil, entries, 84)[1:]
	if got := strings.Join(lines, "\n"); got != narrow {
		t.Errorf("%s\nwant\n%s", got, narrow)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > 84 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if got := watched(nil, entries, 200)[1]; got != "+ "+flowLines(nil, flows)[0] {
		t.Error(got)
	}
}
