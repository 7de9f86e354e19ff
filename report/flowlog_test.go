package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flow"
	"lablab/flowlog"
	"lablab/packet"
	"lablab/timeline"
)

var flowLogged = time.Date(2026, 1, 2, 3, 4, 5, 700e6, time.UTC)

// A sight is a verdict, at a time after the lab was ready.
type sight struct {
	at time.Duration
	timeline.Judged
}

// forgotten is the time of the event after one that was forgotten.
type forgotten time.Duration

// recorded returns a record of two hosts in one network, of which B masquerades.
func recorded(bodies ...any) []timeline.Event {
	host := func(name, address string) timeline.Host {
		return timeline.Host{Name: name, Address: netip.MustParsePrefix(address)}
	}
	router := host("B", "10.0.0.2/24")
	router.Forwards, router.Masquerade = true, true
	events := []timeline.Event{
		{Seq: 1, Body: timeline.Begun{Started: flowLogged, Hosts: []timeline.Host{host("A", "10.0.0.1/24"), router}}},
		{Seq: 2, At: time.Second, Body: timeline.Ready{}},
	}
	for _, b := range bodies {
		last := events[len(events)-1]
		e := timeline.Event{Seq: last.Seq + 1, At: last.At}
		switch b := b.(type) {
		case sight:
			e.At, e.Body = time.Second+b.at, b.Judged
		case time.Duration:
			e.At, e.Body = time.Second+b, timeline.Waited{}
		case forgotten:
			e.Seq, e.At, e.Body = e.Seq+1, time.Second+time.Duration(b), timeline.Waited{}
		case timeline.Body:
			e.Body = b
		}
		events = append(events, e)
	}
	return events
}

// in and out are TCP segments at host A and what its rules decide about them.
func in(accepted bool, kind packet.Kind, flags uint8) timeline.Judged {
	return timeline.Judged{
		Host: "A", Direction: packet.Ingress, Accepted: accepted, By: packet.By{Kind: kind},
		Packet: packet.Header{
			Protocol: packet.TCP, Source: netip.MustParseAddr("10.0.0.2"), Destination: netip.MustParseAddr("10.0.0.1"),
			SourcePort: 40000, DestinationPort: 22, TCPFlags: flags, Size: 60,
		},
	}
}

func out(accepted bool, kind packet.Kind, flags uint8) timeline.Judged {
	j := in(accepted, kind, flags)
	j.Direction = packet.Egress
	j.Packet.Source, j.Packet.Destination = j.Packet.Destination, j.Packet.Source
	j.Packet.SourcePort, j.Packet.DestinationPort = j.Packet.DestinationPort, j.Packet.SourcePort
	return j
}

func TestFlowLogRecords(t *testing.T) {
	const syn, ack, fin = packet.SYN, packet.ACK, packet.FIN
	datagram := func(j timeline.Judged, source uint16, destination uint16, to string) timeline.Judged {
		j.Packet.Protocol, j.Packet.SourcePort, j.Packet.DestinationPort, j.Packet.TCPFlags = packet.UDP, source, destination, 0
		if to != "" {
			j.Packet.Destination = netip.MustParseAddr(to)
		}
		return j
	}
	echo := func(id uint16) timeline.Judged {
		j := datagram(in(true, packet.ByGroup, 0), 0, 0, "")
		j.Packet.Protocol, j.Packet.ICMPType, j.Packet.EchoID = packet.ICMP, 8, id
		return j
	}
	unsized := in(true, packet.ByGroup, 0)
	unsized.Packet.Size = 0
	for _, x := range []struct {
		name   string
		events []any
		want   []string // interface, direction, source, port, destination, port, packets, bytes, start, end, action, flags, status
	}{
		{"nothing", []any{3 * time.Minute}, nil},
		{
			"the flags of an interval, and the times of its packets",
			[]any{
				sight{400 * time.Millisecond, in(true, packet.ByGroup, syn)}, sight{500 * time.Millisecond, out(true, packet.ByEstablished, syn|ack)},
				sight{30 * time.Second, in(true, packet.ByEstablished, ack)}, sight{59 * time.Second, in(true, packet.ByEstablished, fin|ack)},
			},
			[]string{
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 3 180 :07 :05 ACCEPT 3 OK",
				"eni-A egress 10.0.0.1 22 10.0.0.2 40000 1 60 :07 :07 ACCEPT 18 OK",
			},
		},
		{
			"an interval ends a minute after the lab was ready",
			[]any{
				sight{59999 * time.Millisecond, in(true, packet.ByGroup, syn)}, sight{time.Minute, in(true, packet.ByEstablished, ack)},
				sight{3 * time.Minute, in(true, packet.ByEstablished, fin|ack)},
			},
			[]string{
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 2 OK",
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 0 OK",
				"eni-A - - - - - - - :06 :06 - - NODATA",
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 1 OK",
			},
		},
		{
			"accepted and rejected",
			[]any{sight{0, in(false, packet.ByDefault, syn)}, sight{time.Second, in(false, packet.ByACL, syn)}, sight{2 * time.Second, in(true, packet.ByGroup, syn)}},
			[]string{
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 2 120 :06 :07 REJECT 2 OK",
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :08 :08 ACCEPT 2 OK",
			},
		},
		{
			"the host's own ruleset drops what EC2 accepted, or what EC2 never sees",
			[]any{sight{0, in(false, packet.ByRuleset, syn)}, sight{0, out(false, packet.ByRuleset, syn)}},
			[]string{"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 2 OK"},
		},
		{
			"traffic that flow logs leave out",
			[]any{
				sight{0, in(true, packet.ByLink, syn)}, sight{0, in(true, packet.ByLoopback, syn)},
				sight{0, datagram(out(true, packet.ByService, 0), 40000, 53, "169.254.169.253")},
				sight{0, datagram(out(true, packet.ByGroup, 0), 68, 67, "")}, sight{0, datagram(in(true, packet.ByGroup, 0), 67, 68, "")},
				sight{0, datagram(out(true, packet.ByGroup, 0), 40000, 67, "")},
			},
			[]string{"eni-A egress 10.0.0.1 40000 10.0.0.2 67 1 60 :06 :06 ACCEPT 0 OK"},
		},
		{
			"verdicts were lost, and others of that host only",
			[]any{
				timeline.Missed{Host: "A", What: timeline.MissedVerdicts, Count: 1}, timeline.Missed{Host: "B", What: timeline.MissedEvents, Count: 1},
				sight{0, in(true, packet.ByGroup, syn)}, time.Minute,
			},
			[]string{
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 2 OK",
				"eni-A - - - - - - - :06 :06 - - SKIPDATA",
				"eni-A - - - - - - - :06 :06 - - NODATA",
			},
		},
		{
			"a long-lived lab has forgotten events, in two intervals at least",
			[]any{sight{0, in(true, packet.ByGroup, syn)}, forgotten(time.Minute), 3 * time.Minute},
			[]string{
				"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 1 60 :06 :06 ACCEPT 2 OK",
				"eni-A - - - - - - - :06 :06 - - SKIPDATA", "eni-B - - - - - - - :06 :06 - - SKIPDATA",
				"eni-A - - - - - - - :06 :06 - - SKIPDATA", "eni-B - - - - - - - :06 :06 - - SKIPDATA",
				"eni-A - - - - - - - :06 :06 - - NODATA",
				"eni-A - - - - - - - :06 :06 - - NODATA",
			},
		},
		{
			"pings have no ports, and their ids do not tell them apart",
			[]any{sight{0, echo(1)}, sight{0, echo(2)}},
			[]string{"eni-A ingress 10.0.0.2 0 10.0.0.1 0 2 120 :06 :06 ACCEPT 0 OK"},
		},
		{
			"a record of an older version does not say all",
			[]any{sight{0, unsized}, sight{0, in(true, packet.ByGroup, syn)}},
			[]string{"eni-A ingress 10.0.0.2 40000 10.0.0.1 22 2 - :06 :06 ACCEPT - OK"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			records, err := FlowLog(recorded(x.events...), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(x.want, described(t, records)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// What a host forwards with another source has, on the wire, the port of the entry of that time. Of a
// packet that was dropped, only the address is known to be the host's.
func TestFlowLogOfReplacedSources(t *testing.T) {
	through := out(true, packet.ByGroup, packet.SYN)
	through.Host, through.Forwarded = "B", true
	through.Packet.Source, through.Packet.Destination = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1")
	dropped := through
	dropped.Accepted, dropped.Kind, dropped.Packet.SourcePort = false, packet.ByDefault, 7
	entry := func(change flow.Change, port uint16) timeline.EntryChanged {
		e := flow.Entry{Orig: through.Packet.Key()}
		e.Reply = e.Orig.Reversed()
		e.Reply.Destination, e.Reply.DestinationPort = netip.MustParseAddr("10.0.0.2"), port
		return timeline.EntryChanged{Host: "B", Change: change, Entry: e}
	}
	records, err := FlowLog(recorded(
		sight{0, through}, entry(flow.New, 5001), sight{0, through}, entry(flow.Destroy, 5001),
		sight{0, through}, entry(flow.New, 5002), sight{0, dropped},
	), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s:%d > %s:%d %d", r.Action, r.PktSrcAddr, r.SrcPort, r.PktDstAddr, r.DstPort, r.Packets))
	}
	want := []string{
		"ACCEPT 10.0.0.2:5001 > 192.0.2.1:40000 2", "ACCEPT 10.0.0.2:5002 > 192.0.2.1:40000 1",
		"REJECT 10.0.0.2:7 > 192.0.2.1:40000 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// described returns records in short: of a time, the seconds within the minute.
func described(t *testing.T, records []flowlog.Record) (lines []string) {
	t.Helper()
	format, err := flowlog.ParseFormat("interface-id flow-direction srcaddr srcport dstaddr dstport packets bytes start end action tcp-flags log-status")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var b strings.Builder
		if err := flowlog.NewWriter(&b, format).Write(r); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(b.String())
		words[8], words[9] = r.Start.Format(":05"), r.End.Format(":05")
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

// A forged record cannot make a flow log that fills a disk.
func TestFlowLogIsBounded(t *testing.T) {
	if _, err := FlowLog(recorded(100*365*24*time.Hour), time.Minute); err == nil || !strings.Contains(err.Error(), "too long for intervals of 1m0s") {
		t.Errorf("got error %v", err)
	}
	if records, err := FlowLog(recorded(30*24*time.Hour), time.Minute); err != nil || len(records) > 0 {
		t.Errorf("%d records, error %v", len(records), err)
	}
}

// Records without a start, and those of a run that was never ready, make no times up.
func TestFlowLogWithoutStart(t *testing.T) {
	events := recorded(sight{0, in(true, packet.ByGroup, packet.SYN)})
	begun := events[0].Body.(timeline.Begun)
	begun.Started = time.Time{}
	events[0].Body = begun
	records, err := FlowLog(events, time.Minute)
	if err != nil || len(records) != 1 || records[0].Has(flowlog.Start) || records[0].Has(flowlog.End) {
		t.Errorf("got %+v (%v)", records, err)
	}
	if records, err := FlowLog(events[:1], time.Minute); err != nil || len(records) > 0 {
		t.Errorf("never ready: got %+v (%v)", records, err)
	}
}
