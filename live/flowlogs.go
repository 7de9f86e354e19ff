package live

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lablab/flowlog"
	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// delivery is how long an aggregation interval of flow logs is by default (VPC user guide, "Flow log
// basics"). A connection without packets for longer may have ended.
const delivery = 10 * time.Minute

// isFlowLog reports whether a line is the header of flow logs or a record of the default format, and
// whether it looks like a record of another one.
func isFlowLog(line string) (is, custom bool) {
	if strings.Contains(line, "srcaddr") {
		return true, false
	}
	f := strings.Fields(line)
	if len(f) > 0 && strings.Contains(f[0], "T") { // the time, as CloudWatch Logs has it
		f = f[1:]
	}
	custom = slices.ContainsFunc(f, func(word string) bool {
		return word == string(flowlog.Accept) || word == string(flowlog.Reject) || word == string(flowlog.NoData) || word == string(flowlog.SkipData)
	})
	return len(f) == len(flowlog.Default().Fields()) && f[0] == "2" && custom, custom
}

// A window is what the records of a flow say that the flow does not have itself. Its sides are the
// directions of the packets: 0 is that of the flow's key, the first one seen.
type window struct {
	start              [2]int64 // of the first window, in Unix seconds; 0 if the side was not seen
	synced, ended      int64    // end of the last window with a SYN, and with a FIN or RST
	opened             [2]bool  // the side had a SYN that was not an answer
	accepted, rejected [2]bool
	arrives            [2]bool // the packets of the side come in at the interface
	leaves             [2]bool
}

// flowLog reads VPC flow logs.
type flowLog struct {
	*collector
	reader  *flowlog.Reader
	windows []window        // of the flows in All
	own     [][2]ownAddress // by the numbers of hosts and the version of IP
	flags   bool            // some record has tcp-flags
	noHost  bool            // some record has no interface

	noData, skipped, quiet, gone, midway int
}

// read reads a VPC flow log, and puts the records of both directions and all windows together.
func (l *flowLog) read(r *bufio.Reader) error {
	c := l.collector
	var format flowlog.Format
	if c.options.LogFormat != "" {
		var err error
		if format, err = flowlog.ParseFormat(c.options.LogFormat); err != nil {
			return err
		}
	}
	l.reader = flowlog.NewReader(withoutCommas(r), format)
	var broken *flowlog.LineError
	for {
		record, err := l.reader.Next()
		c.Lines = l.reader.Line()
		if broken != nil { // not in the last line
			if errors.Is(err, io.EOF) && broken.Line == c.Lines {
				c.cutOff()
			} else {
				c.fail(broken.Line, errors.Unwrap(broken.Unwrap()))
			}
			broken = nil
		}
		switch {
		case errors.As(err, &broken):
		case err != nil:
			return c.stopped(err)
		default:
			if err := l.record(&record); err != nil {
				return err
			}
		}
	}
}

// record adds a record.
func (l *flowLog) record(r *flowlog.Record) error {
	switch r.Status {
	case flowlog.SkipData:
		l.skipped++
		return nil
	case flowlog.NoData:
		l.noData++
		return nil
	}
	if lacks, err := l.lacks(r); lacks {
		return err
	}
	f := Flow{Host: r.InterfaceID, Key: packet.Key{Protocol: r.Protocol, Source: r.SrcAddr, Destination: r.DstAddr}}
	if f.Host == "" {
		f.Host = r.InstanceID
	}
	if f.Host == "" {
		f.Host = l.options.Host
	}
	if r.PktSrcAddr.IsValid() {
		f.Source = r.PktSrcAddr
	}
	if r.PktDstAddr.IsValid() {
		f.Destination = r.PktDstAddr
	}
	if f.Protocol == packet.TCP || f.Protocol == packet.UDP {
		f.SourcePort, f.DestinationPort = r.SrcPort, r.DstPort
	}
	l.noHost = l.noHost || f.Host == ""
	id := l.identify(&f)
	l.see(id.host, r)
	if i, side, kept := l.find(id, f); kept {
		l.All[i].Packets += r.Packets
		l.All[i].Bytes += r.Bytes
		l.observe(r, i, side)
	}
	return nil
}

// lacks reports whether a record does not say which flow it is about. That is an error if the format
// has no such field.
func (l *flowLog) lacks(r *flowlog.Record) (bool, error) {
	needed := []flowlog.Field{flowlog.SrcAddr, flowlog.DstAddr, flowlog.Protocol}
	if r.Protocol == packet.TCP || r.Protocol == packet.UDP {
		needed = append(needed, flowlog.SrcPort, flowlog.DstPort)
	}
	for _, f := range needed {
		has := r.Has(f) || f == flowlog.SrcAddr && r.Has(flowlog.PktSrcAddr) || f == flowlog.DstAddr && r.Has(flowlog.PktDstAddr)
		switch {
		case has:
		case !slices.Contains(l.reader.Format().Fields(), f):
			return true, l.invalid(l.Lines, say.F("create the flow log with at least ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${tcp-flags}"), "the format of the flow log has no %s, which tells flows apart", f)
		case r.Status == "" && !r.Has(flowlog.SrcAddr) && !r.Has(flowlog.PktSrcAddr):
			l.noData++
			return true, nil
		default:
			l.fail(l.Lines, say.Errorf("the record has no %s", f))
			return true, nil
		}
	}
	return false, nil
}

// find returns where a flow is in All, and which of its sides the key is. If it is not there, it is
// added. The last result is false if it is not kept.
func (l *flowLog) find(id identity, f Flow) (i, side int, kept bool) {
	if i, known := l.at[id]; known {
		return i, 0, true
	}
	back := id
	back.source, back.destination, back.sourcePort, back.destinationPort = id.destination, id.source, id.destinationPort, id.sourcePort
	if i, known := l.at[back]; known {
		return i, 1, true
	}
	f.Line = l.Lines
	if !l.put(id, f) {
		return 0, 0, false
	}
	l.windows = append(l.windows, window{})
	return len(l.All) - 1, 0, true
}

// observe notes what a record says about a side of a flow.
func (l *flowLog) observe(r *flowlog.Record, i, side int) {
	w, f := &l.windows[i], &l.All[i]
	start, end := r.Start.Unix(), r.End.Unix()
	if r.Has(flowlog.Start) {
		if w.start[side] == 0 || start < w.start[side] {
			w.start[side] = start
		}
		if f.First.IsZero() || r.Start.Before(f.First) {
			f.First = r.Start
		}
	}
	if r.Has(flowlog.End) {
		if r.End.After(l.Until) {
			l.Until = r.End
		}
		if r.End.After(f.Last) {
			f.Last = r.End
		}
	}
	if r.Has(flowlog.TCPFlags) && r.Protocol == packet.TCP {
		l.flags = true
		if r.TCPFlags&packet.SYN != 0 {
			w.synced = max(w.synced, end)
			opener := side
			if r.TCPFlags&packet.ACK != 0 { // an answer
				opener = 1 - side
			}
			w.opened[opener] = true
		}
		if r.TCPFlags&(packet.FIN|packet.RST) != 0 {
			w.ended = max(w.ended, end, 1)
		}
	}
	if r.Action == flowlog.Reject {
		w.rejected[side] = true
	} else {
		w.accepted[side] = true
	}
	switch r.FlowDirection {
	case packet.Ingress:
		w.arrives[side] = true
	case packet.Egress:
		w.leaves[side] = true
	}
}

// see narrows down which address is an interface's own.
func (l *flowLog) see(host uint32, r *flowlog.Record) {
	for len(l.own) <= int(host) {
		l.own = append(l.own, [2]ownAddress{})
	}
	if r.SrcAddr.IsValid() && r.DstAddr.IsValid() {
		l.own[host][version(r.SrcAddr)].narrow(r.SrcAddr, r.DstAddr)
	}
}

// version returns an index for the version of IP.
func version(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// An ownAddress is the address of an interface, as far as its records tell: it is in all of them.
type ownAddress struct {
	candidates [2]netip.Addr
	unknown    bool // there is no such address
}

func (o *ownAddress) narrow(a, b netip.Addr) {
	is := func(c netip.Addr) bool { return c == a || c == b }
	switch first, second := is(o.candidates[0]), is(o.candidates[1]); {
	case !o.candidates[0].IsValid():
		o.candidates = [2]netip.Addr{a, b}
	case first && !second:
		o.candidates[1] = o.candidates[0]
	case second && !first:
		o.candidates[0] = o.candidates[1]
	case !first:
		o.unknown = true
	}
}

// is reports whether the address is certainly the interface's own.
func (o *ownAddress) is(a netip.Addr) bool {
	return !o.unknown && o.candidates[0] == o.candidates[1] && o.candidates[0] == a
}

// conclude works out who began each flow, and leaves out those that are not up any more.
func (l *flowLog) conclude() {
	tracked := sg.Nitro()
	kept := l.All[:0]
	for i := range l.All {
		f, w := l.All[i], &l.windows[i]
		f.Rejected = !w.accepted[0] && !w.accepted[1] || w.rejected[0] && !w.accepted[0] || w.rejected[1] && !w.accepted[1]
		f.Replied = w.accepted[0] && w.accepted[1] && !f.Rejected
		if !f.Last.IsZero() {
			f.Idle = l.Until.Sub(f.Last)
		}
		switch {
		case w.ended > 0 && w.ended >= w.synced:
			l.ended++
			continue
		case f.Rejected:
		case f.Protocol == packet.UDP && f.Idle > tracked.UDPStream, f.Protocol.IsICMP() && f.Idle > tracked.ICMP, f.Protocol != packet.TCP && f.Idle > tracked.Other:
			l.gone++
			continue
		case f.Protocol == packet.TCP && f.Idle > delivery:
			l.quiet++
		}
		l.orient(&f, w)
		if f.Protocol == packet.TCP && f.Replied {
			f.TCP = "ESTABLISHED"
		}
		kept = append(kept, f)
	}
	clear(l.All[len(kept):])
	l.All = kept
	l.noteLog()
}

// orient turns a flow so that its source began it.
func (l *flowLog) orient(f *Flow, w *window) {
	opener := 0
	if w.opened[0] != w.opened[1] {
		if w.opened[1] {
			opener = 1
		}
	} else {
		f.Guessed = true
		l.guessed++
		if f.Protocol == packet.TCP && l.flags && !f.Rejected && !w.opened[0] {
			l.midway++
		}
		opener = guess(f, w)
	}
	arrives, leaves := w.arrives[0] || w.leaves[1], w.leaves[0] || w.arrives[1]
	if own := &l.own[l.hosts[f.Host]][version(f.Source)]; arrives == leaves {
		arrives, leaves = own.is(f.Destination), own.is(f.Source)
	}
	if opener == 1 {
		f.Key, arrives, leaves = f.Key.Reversed(), leaves, arrives
	}
	switch {
	case arrives && !leaves:
		f.Direction = packet.Ingress
	case leaves && !arrives:
		f.Direction = packet.Egress
	}
	if f.Protocol.IsICMP() {
		f.ICMPType = echo(f.Protocol)
		l.echoes++
	}
}

// guess returns the side that is more likely to have begun a flow: the one that was rejected, else that
// of the client by its ports, else the first one.
func guess(f *Flow, w *window) int {
	one := w.rejected[0] || w.accepted[0]
	two := w.rejected[1] || w.accepted[1]
	switch by := served(f.Key); {
	case f.Rejected && one != two:
	case by > 0:
		return 0
	case by < 0:
		return 1
	}
	if two && (!one || w.start[1] < w.start[0]) {
		return 1
	}
	return 0
}

// noteLog says what the log does not have.
func (l *flowLog) noteLog() {
	l.others = l.noData + l.skipped + l.gone
	l.note(l.skipped, say.N(l.skipped, "%d window has SKIPDATA: flows are missing", "%d windows have SKIPDATA: flows are missing"))
	l.note(l.noData, say.N(l.noData, "%d window had no traffic (NODATA)", "%d windows had no traffic (NODATA)"))
	l.note(l.gone, say.N(l.gone, "%d flow was idle for longer than EC2 tracks it, and was left out", "%d flows were idle for longer than EC2 tracks them, and were left out"))
	l.note(l.quiet, say.N(l.quiet, "%d connection had no packet in the last %d minutes of the log, and may have ended", "%d connections had no packet in the last %d minutes of the log, and may have ended", int(delivery.Minutes())))
	l.note(l.midway, say.N(l.midway, "%d connection has no SYN in the log (tcp-flags is 0): it began before", "%d connections have no SYN in the log (tcp-flags is 0): they began before"))
	if !l.flags && l.guessed > 0 {
		l.note(1, say.F("the log has no tcp-flags, so that ended connections are not known as such"))
	}
	if l.noHost {
		l.note(1, say.F("the log has no interface-id, so the interfaces of its flows are not known"))
	}
}
