package live

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flowlog"
	"lablab/packet"
)

// Flows beyond the most that are kept are counted.
func TestFlowsAreBounded(t *testing.T) {
	l := flowLog{collector: newCollector("f", Options{})}
	l.most = 1
	if err := l.read(bufio.NewReader(bytes.NewReader(flowLogOf(20)))); err != nil {
		t.Fatal(err)
	}
	l.conclude()
	flows, err := l.finish()
	const want = "10 records were left out: there are more than 1 flows"
	if err != nil || len(flows.All) != 1 || flows.Notes[1].String() != want {
		t.Errorf("%d flows, notes %q, %v", len(flows.All), flows.Notes, err)
	}
}

// Whatever is written of flows, in any order of its records, is read as the same flows.
func TestFlowLogsAreReadAsWritten(t *testing.T) {
	format, err := flowlog.ParseFormat("interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags flow-direction log-status")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		want := map[packet.Key]Flow{}
		var records []flowlog.Record
		for i := range 1 + random.IntN(20) {
			f := randomFlow(random, i)
			records = append(records, recordsOf(random, &f)...)
			want[f.Key] = f
		}
		random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		var b bytes.Buffer
		w := flowlog.NewWriter(&b, format)
		if err := w.WriteHeader(); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		flows, err := Read("f", &b, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[packet.Key]Flow{}
		for _, f := range flows.All {
			f.Line, f.Idle, f.Guessed = 0, 0, false
			got[f.Key] = f
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Fatalf("(-want +got):\n%s\nof\n%s", diff, fmt.Sprint(records))
		}
	}
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// randomFlow returns a flow that began at one of three hosts or somewhere else. Its ports do not
// contradict who began it.
func randomFlow(random *rand.Rand, n int) Flow {
	f := Flow{
		Host: fmt.Sprintf("eni-%d", random.IntN(3)), Direction: packet.Ingress, First: noon.Add(time.Duration(n) * time.Second),
		Key: packet.Key{Protocol: packet.TCP, Source: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), Destination: netip.MustParseAddr("10.0.1.5"), SourcePort: uint16(40000 + n), DestinationPort: uint16(1 + random.IntN(30000))},
	}
	if random.IntN(3) == 0 {
		f.Source, f.Destination, f.Direction = f.Destination, f.Source, packet.Egress
	}
	if random.IntN(3) == 0 {
		f.Protocol = packet.UDP
	}
	switch random.IntN(3) {
	case 0:
		f.Rejected = true
	case 1:
		f.Replied = true
		if f.Protocol == packet.TCP {
			f.TCP = "ESTABLISHED"
		}
	}
	return f
}

// recordsOf returns the records of a flow in one to three windows, which say when its last packet was.
func recordsOf(random *rand.Rand, f *Flow) (records []flowlog.Record) {
	for window := range 1 + random.IntN(3) {
		for way := range 2 {
			if way == 1 && !f.Replied {
				continue
			}
			key, direction := f.Key, f.Direction
			if way == 1 {
				key, direction = key.Reversed(), direction.Opposite()
			}
			r := flowlog.Record{
				InterfaceID: f.Host, SrcAddr: key.Source, DstAddr: key.Destination, SrcPort: key.SourcePort, DstPort: key.DestinationPort, Protocol: key.Protocol,
				Start: f.First.Add(time.Duration(window) * time.Minute), End: f.First.Add(time.Duration(window)*time.Minute + 50*time.Second),
				Action: flowlog.Accept, Status: flowlog.OK, FlowDirection: direction,
			}
			f.Last = r.End
			if f.Rejected {
				r.Action = flowlog.Reject
			}
			if f.Protocol == packet.TCP && window == 0 {
				r.TCPFlags = packet.SYN
				if way == 1 {
					r.TCPFlags |= packet.ACK
				}
			}
			r.Known = r.Known.With(flowlog.InterfaceID, flowlog.SrcAddr, flowlog.DstAddr, flowlog.SrcPort, flowlog.DstPort, flowlog.Protocol,
				flowlog.Start, flowlog.End, flowlog.ActionTaken, flowlog.LogStatus, flowlog.TCPFlags, flowlog.FlowDirection)
			records = append(records, r)
		}
	}
	return records
}
