package report

import (
	"time"

	"lablab/flowlog"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
	"lablab/timeline"
)

// FlowLog returns the records that VPC Flow Logs would have of a run: one for each flow, in each
// direction, at each network interface, in each aggregation interval. The intervals follow each other
// from the moment in which the lab was ready. EC2 decides at the interface, so a packet that the host
// itself drops was accepted there.
//
// What a lab does not have, such as an account, is not known in the records. Where verdicts were lost
// or forgotten, a record has the status SKIPDATA.
func FlowLog(events []timeline.Event, interval time.Duration) ([]flowlog.Record, error) {
	c := capture{interval: interval, wire: newWire(events), flows: map[flowKey]*flowlog.Record{}, skipped: map[string]bool{}, active: map[string]bool{}}
	var last timeline.Event
	for i, e := range events {
		if begun, is := e.Body.(timeline.Begun); is {
			c.began, c.interfaces = begun.Started, interfacesOf(begun.Hosts)
		}
		if _, is := e.Body.(timeline.Ready); is && !c.on {
			c.on, c.ready, c.from = true, e.At, e.At
		}
		if c.on {
			c.gap = e.Seq > last.Seq+1
			if err := c.until(e.At); err != nil {
				return nil, err
			}
			c.add(i, e)
		}
		last = e
	}
	if c.on {
		c.close(last.At)
	}
	return c.records, nil
}

// A capture collects the records of a flow log.
type capture struct {
	interval   time.Duration
	began      time.Time     // by the wall clock
	on         bool          // the lab is ready
	ready      time.Duration // since when
	interfaces interfaces
	wire       wire
	gap        bool // events were forgotten before this one

	from    time.Duration // beginning of the interval
	flows   map[flowKey]*flowlog.Record
	order   []*flowlog.Record
	skipped map[string]bool // hosts of which something is missing
	active  map[string]bool // interfaces that have had traffic: before, EC2 logs nothing about them
	records []flowlog.Record
}

// A flowKey is what a record is about, within an interval.
type flowKey struct {
	at        string // interface
	direction packet.Direction
	action    flowlog.Action
	packet.Key
}

// until closes the intervals that are over.
func (c *capture) until(now time.Duration) error {
	const most = 1 << 17
	intervals := int64((now - c.ready) / c.interval)
	if intervals > most || intervals*int64(len(c.interfaces)) > most {
		return say.Errorf("write flow log: the run takes %s, too long for intervals of %s", now-c.ready, c.interval)
	}
	for c.from+c.interval <= now {
		c.close(c.from + c.interval)
	}
	return nil
}

// close ends the interval.
func (c *capture) close(end time.Duration) {
	seen := map[string]bool{}
	for _, r := range c.order {
		seen[r.InterfaceID], c.active[r.InterfaceID] = true, true
		c.records = append(c.records, *r)
	}
	for _, i := range c.interfaces {
		switch {
		case c.gap || c.skipped[i.host]:
			c.without(i, flowlog.SkipData, end)
		case c.active[i.id] && !seen[i.id]:
			c.without(i, flowlog.NoData, end)
		}
	}
	clear(c.flows)
	clear(c.skipped)
	c.order, c.from = nil, end
}

// without adds a record that describes no flow.
func (c *capture) without(i netInterface, status flowlog.Status, end time.Duration) {
	r := flowlog.Record{Known: c.known().With(flowlog.LogStatus), InterfaceID: i.id, Start: c.time(c.from), End: c.time(end), Status: status}
	c.records = append(c.records, r)
}

// known returns the fields that every record has.
func (c *capture) known() flowlog.Set {
	known := flowlog.Set(0).With(flowlog.Version, flowlog.InterfaceID)
	if c.began.Unix() < 0 { // as in records without it
		return known
	}
	return known.With(flowlog.Start, flowlog.End)
}

// time returns when something happened, in whole seconds.
func (c *capture) time(at time.Duration) time.Time {
	return c.began.Add(at).Truncate(time.Second).UTC()
}

// add takes the next event.
func (c *capture) add(i int, e timeline.Event) {
	if c.gap {
		for _, i := range c.interfaces {
			c.skipped[i.host] = true
		}
	}
	switch body := e.Body.(type) {
	case timeline.Missed:
		if body.What == timeline.MissedVerdicts {
			c.skipped[body.Host] = true
		}
	case timeline.Judged:
		if action, logged := actionOn(body); logged {
			c.count(action, i, e.At, body)
		}
	}
}

// actionOn returns what EC2's flow logs say of a verdict, and whether they have it at all.
func actionOn(j timeline.Judged) (flowlog.Action, bool) {
	switch {
	case j.Kind == packet.ByLink, j.Kind == packet.ByLoopback, unlogged(j.Packet):
		return "", false
	case j.Kind == packet.ByRuleset && !j.Accepted:
		return flowlog.Accept, j.Direction == packet.Ingress // what the host drops, it drops behind the interface
	case j.Accepted:
		return flowlog.Accept, true
	}
	return flowlog.Reject, true
}

// unlogged reports whether flow logs leave a packet out: traffic to Amazon's DNS, time and metadata
// services, and DHCP. Source: "Flow log limitations" of AWS's guide
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-limitations.html).
func unlogged(h packet.Header) bool {
	for _, service := range sg.Services() {
		if h.Source == service || h.Destination == service {
			return true
		}
	}
	low, high := min(h.SourcePort, h.DestinationPort), max(h.SourcePort, h.DestinationPort)
	return h.Protocol == packet.UDP && (low == 67 && high == 68 || low == 546 && high == 547) // DHCP
}

// count counts a packet.
func (c *capture) count(action flowlog.Action, i int, at time.Duration, j timeline.Judged) {
	where := c.interfaces.of(j)
	if where == nil {
		return
	}
	p := c.wire.packet(i, j, where)
	key := flowKey{where.id, j.Direction, action, fiveTuple(p)}
	r := c.flows[key]
	if r == nil {
		r = c.begin(key, *where, at)
		c.flows[key] = r
		c.order = append(c.order, r)
	}
	r.Packets++
	r.Bytes += uint64(max(j.Packet.Size, 0))
	r.End = c.time(at)
	r.TCPFlags |= flowlog.FlagsOf(j.Packet.TCPFlags)
	if j.Packet.Size <= 0 {
		r.Known &^= flowlog.Set(0).With(flowlog.Bytes)
	}
	if p.Protocol == packet.TCP && j.Packet.TCPFlags == 0 {
		r.Known &^= flowlog.Set(0).With(flowlog.TCPFlags)
	}
}

// fiveTuple returns what flow logs tell flows apart by: ICMP has no ports, and its type does not count.
func fiveTuple(k packet.Key) packet.Key {
	return packet.Key{Protocol: k.Protocol, Source: k.Source, Destination: k.Destination, SourcePort: k.SourcePort, DestinationPort: k.DestinationPort}
}

// begin returns the record of a flow that begins in the interval.
func (c *capture) begin(key flowKey, where netInterface, at time.Duration) *flowlog.Record {
	r := &flowlog.Record{
		Known: c.known().With(
			flowlog.SrcAddr, flowlog.DstAddr, flowlog.SrcPort, flowlog.DstPort, flowlog.Protocol, flowlog.Packets, flowlog.Bytes,
			flowlog.ActionTaken, flowlog.LogStatus, flowlog.TCPFlags, flowlog.Type, flowlog.PktSrcAddr, flowlog.PktDstAddr, flowlog.FlowDirection),
		InterfaceID: where.id, SrcAddr: key.Source, DstAddr: key.Destination, PktSrcAddr: key.Source, PktDstAddr: key.Destination,
		SrcPort: key.SourcePort, DstPort: key.DestinationPort, Protocol: key.Protocol,
		Start: c.time(at), Action: key.action, Status: flowlog.OK, Type: "IPv4", FlowDirection: key.direction,
	}
	if key.Source.Is6() {
		r.Type = "IPv6"
	}
	own := &r.SrcAddr
	if key.direction == packet.Ingress {
		own = &r.DstAddr
	}
	if own.Is4() == where.address.Is4() {
		*own = where.address
	}
	if key.direction == packet.Egress && key.action == flowlog.Accept {
		const sameVPC = 1 // through another resource of the same VPC, as every host of a lab is
		r.TrafficPath, r.Known = sameVPC, r.Known.With(flowlog.TrafficPath)
	}
	return r
}
