package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lablab/flowlog"
	"lablab/packet"
	"lablab/report"
	"lablab/scenario"
	"lablab/timeline"
)

// every is a format with all fields that a record has.
var every = func() flowlog.Format {
	var names []string
	for f := flowlog.Version; f <= flowlog.TrafficPath; f++ {
		names = append(names, f.String())
	}
	format, err := flowlog.ParseFormat(strings.Join(names, " "))
	if err != nil {
		panic(err)
	}
	return format
}()

// written returns records as a flow log.
func written(t *testing.T, records []flowlog.Record, format flowlog.Format) string {
	t.Helper()
	var b bytes.Buffer
	w := flowlog.NewWriter(&b, format)
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// read returns the records of a flow log.
func read(t *testing.T, log string, format flowlog.Format) (records []flowlog.Record) {
	t.Helper()
	r := flowlog.NewReader(strings.NewReader(log), format)
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
}

// played returns the flow log of a scenario.
func played(t *testing.T, text string, interval time.Duration) ([]timeline.Event, []flowlog.Record) {
	t.Helper()
	sc, err := scenario.Read("test.yaml", []byte(text), scenario.Regular)
	if err != nil {
		t.Fatal(err)
	}
	events, _ := run(t, sc, 10*time.Millisecond)
	records, err := report.FlowLog(events, interval)
	if err != nil {
		t.Fatal(err)
	}
	return events, records
}

// home pings an instance, as in AWS's example of stateful groups and stateless ACLs
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html): the group has no
// outbound rule.
const home = `
name: aws-example
title: A ping from home
hosts:
  home: { address: 203.0.113.12/0, groups: [home] }
  instance: { address: 172.31.16.139/0, groups: [instance] }
groups:
  home:
    egress: [{ id: out, protocol: all, cidr: 0.0.0.0/0 }]
  instance:
    ingress: [%s]
experiments:
  - title: four pings
    do: [%s{ ping: instance, from: home, as: ping }]
    for: 4
    expect: { ping: %s }
`

func TestAWSExample(t *testing.T) {
	const icmp = "{ id: icmp, protocol: icmp, cidr: 0.0.0.0/0 }"
	acl := func(egress string) string {
		return "{ acl: { ingress: [{ rule: 100, allow: icmp, cidr: 0.0.0.0/0 }], egress: [" + egress + "] }, on: instance }, "
	}
	request, reply := "eni-instance 203.0.113.12 172.31.16.139 0 0 1 4 336", "eni-instance 172.31.16.139 203.0.113.12 0 0 1 4 336"
	for _, x := range []struct {
		name, ingress, acl, outcome string
		want                        []string
	}{
		{"the network ACL denies the reply", icmp, acl(""), "refused", []string{request + " ACCEPT OK", reply + " REJECT OK"}},
		{"it permits the reply", icmp, acl("{ rule: 100, allow: icmp, cidr: 0.0.0.0/0 }"), "replied", []string{request + " ACCEPT OK", reply + " ACCEPT OK"}},
		{"the group denies the request", "", "", "refused", []string{request + " REJECT OK"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			_, records := played(t, fmt.Sprintf(home, x.ingress, x.acl, x.outcome), time.Minute)
			records = slices.DeleteFunc(records, func(r flowlog.Record) bool { return r.InterfaceID != "eni-instance" })
			log := written(t, records, flowlog.Default())
			log = regexp.MustCompile(`(?m)^2 - (.*) \d+ \d+ (\w+ OK)$`).ReplaceAllString(log, "$1 $2")
			if diff := cmp.Diff(x.want, strings.Split(strings.TrimSuffix(log, "\n"), "\n")); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Every flow of every scenario is read back as it was written, and what was accepted at a host is what
// its rules counted.
func TestFlowLogs(t *testing.T) {
	for _, name := range scenario.Builtins() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc, _ := scenario.Builtin(name)
			events, _ := run(t, sc, 10*time.Millisecond)
			records, err := report.FlowLog(events, 10*time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			again := read(t, written(t, records, every), every)
			for i := range again {
				again[i].Version = 0
			}
			if diff := cmp.Diff(records, again, cmp.Comparer(func(a, b flowlog.Record) bool { return a == b })); diff != "" {
				t.Errorf("written (-), read (+):\n%s", diff)
			}
			if diff := cmp.Diff(judged(events), logged(records), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				t.Errorf("verdicts (-), records (+):\n%s", diff)
			}
		})
	}
}

// A sum is what passed a host in one direction.
type sum struct {
	host      string
	direction packet.Direction
	accepted  bool
}

type amount struct {
	packets, bytes uint64
	flags          uint8
}

func judged(events []timeline.Event) map[sum]amount {
	sums := map[sum]amount{}
	for _, e := range events {
		if j, is := e.Body.(timeline.Judged); is {
			of := sum{j.Host, j.Direction, j.Accepted}
			a := sums[of]
			sums[of] = amount{a.packets + 1, a.bytes + uint64(j.Packet.Size), a.flags | flowlog.FlagsOf(j.Packet.TCPFlags)}
		}
	}
	return sums
}

func logged(records []flowlog.Record) map[sum]amount {
	sums := map[sum]amount{}
	for _, r := range records {
		if r.Status == flowlog.OK {
			host := strings.TrimSuffix(strings.TrimPrefix(r.InterfaceID, "eni-"), "-2")
			of := sum{host, r.FlowDirection, r.Action == flowlog.Accept}
			a := sums[of]
			sums[of] = amount{a.packets + r.Packets, a.bytes + r.Bytes, a.flags | r.TCPFlags}
		}
	}
	return sums
}

// At a NAT instance, a flow has the addresses that are on the wire: its client's on one interface, the
// instance's own on the other; dstaddr of what is not for the interface is the interface's.
func TestFlowLogOfNAT(t *testing.T) {
	sc, _ := scenario.Builtin("nat")
	events, _ := run(t, sc, 10*time.Millisecond)
	records, err := report.FlowLog(events, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	format, err := flowlog.ParseFormat("${interface-id} ${flow-direction} ${srcaddr} ${srcport} ${dstaddr} ${dstport} ${pkt-srcaddr} ${pkt-dstaddr} ${tcp-flags} ${action} ${traffic-path}")
	if err != nil {
		t.Fatal(err)
	}
	records = slices.DeleteFunc(records, func(r flowlog.Record) bool { return !strings.HasPrefix(r.InterfaceID, "eni-nat") })
	want := []string{
		"eni-nat ingress 10.1.0.10 41001 10.1.0.1 80 10.1.0.10 10.2.0.80 6 ACCEPT -",
		"eni-nat-2 egress 10.2.0.1 41001 10.2.0.80 80 10.2.0.1 10.2.0.80 2 REJECT -",
		"eni-nat-2 egress 10.2.0.1 41001 10.2.0.80 80 10.2.0.1 10.2.0.80 6 ACCEPT 1",
		"eni-nat-2 ingress 10.2.0.80 80 10.2.0.1 41001 10.2.0.80 10.2.0.1 18 ACCEPT -",
		"eni-nat egress 10.1.0.1 80 10.1.0.10 41001 10.2.0.80 10.1.0.10 18 ACCEPT 1",
		"eni-nat ingress 10.1.0.10 41002 10.1.0.1 80 10.1.0.10 10.2.0.80 2 REJECT -",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(written(t, records, format)), "\n")); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
