package live

import (
	"fmt"
	"net/netip"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// mostFlows is how many flows are kept, so that the memory for any file is bounded: 600 MB at
// most while it is read.
const mostFlows = 500_000

// A collector puts records together to flows.
type collector struct {
	*Flows
	options Options
	most    int               // flows
	hosts   map[string]uint32 // numbers of hosts
	at      map[identity]int  // where a flow is in All
	skipped

	files  []string
	before int // lines of all files but the last
	unread place
	why    error // the first line could not be read
	cut    place // where the first file ends early
	// lastCut is how many files there were when one ended early.
	lastCut int
}

// A place is a line of a file.
type place struct {
	file string
	line int
}

// skipped counts what is not among the flows, or not known for certain.
type skipped struct {
	unreadable, cuts           int
	loopback, ended, overflow  int
	others                     int // records that are about no flow, or about one that is gone
	guessed, echoes, stateless int
}

// An identity tells flows apart, in as few bytes as possible.
type identity struct {
	source, destination         [16]byte
	sourcePort, destinationPort uint16
	icmp                        uint16 // id
	protocol                    uint8
	kind, code                  uint8 // of ICMP
	isNew                       bool
	host                        uint32
}

func newCollector(file string, o Options) *collector {
	return &collector{Flows: &Flows{}, files: []string{file}, options: o, most: mostFlows, hosts: map[string]uint32{}, at: map[identity]int{}}
}

// next begins another file.
func (c *collector) next(file string, o Options) {
	c.files, c.options = append(c.files, file), o
	c.before, c.Lines = c.before+c.Lines, 0
}

// file returns the name of the file that is being read.
func (c *collector) file() string { return c.files[len(c.files)-1] }

// identify returns what tells a flow from others.
func (c *collector) identify(f *Flow) identity {
	host, known := c.hosts[f.Host]
	if !known {
		host = uint32(len(c.hosts))
		c.hosts[f.Host] = host
	}
	return identity{
		source: sixteen(f.Source), destination: sixteen(f.Destination), sourcePort: f.SourcePort, destinationPort: f.DestinationPort,
		icmp: f.ICMPID, protocol: uint8(f.Protocol), kind: f.ICMPType, code: f.ICMPCode, isNew: f.New, host: host,
	}
}

func sixteen(a netip.Addr) [16]byte {
	if !a.IsValid() {
		return [16]byte{}
	}
	return a.As16()
}

// add adds a record of a flow that the line being read has, and reports whether it is a new one.
func (c *collector) add(f Flow) bool {
	f.Line = c.Lines
	if f.Host == "" {
		f.Host = c.options.Host
	}
	switch {
	case f.TCP == "TIME_WAIT" || f.TCP == "CLOSE":
		c.ended++
		return false
	case f.Source.IsLoopback() || f.Destination.IsLoopback():
		c.loopback++
		return false
	}
	id := c.identify(&f)
	if i, again := c.at[id]; again {
		c.All[i].merge(f)
		return false
	}
	return c.put(id, f)
}

// put puts a flow behind the others, unless there are too many.
func (c *collector) put(id identity, f Flow) bool {
	if len(c.All) == c.most {
		c.overflow++
		return false
	}
	c.at[id] = len(c.All)
	c.All = append(c.All, f)
	return true
}

// merge adds what another record says of the same flow.
func (f *Flow) merge(o Flow) {
	line := f.Line
	replied, packets, bytes := f.Replied || o.Replied, max(f.Packets, o.Packets), max(f.Bytes, o.Bytes)
	*f = o
	f.Line, f.Replied, f.Packets, f.Bytes = line, replied, packets, bytes
}

// fail counts a line as one that cannot be read.
func (c *collector) fail(line int, why error) {
	if c.unreadable++; c.unreadable == 1 {
		c.unread, c.why = place{c.file(), line}, why
	}
}

// cutOff counts the file as one that ends early, once.
func (c *collector) cutOff() {
	if c.lastCut == len(c.files) {
		return
	}
	c.lastCut = len(c.files)
	if c.cuts++; c.cuts == 1 {
		c.cut = place{c.file(), max(c.Lines, 1)}
	}
}

// finish returns the flows with notes about the rest, or an error if nothing could be read.
func (c *collector) finish() (*Flows, error) {
	none := len(c.All) == 0 && c.loopback+c.ended+c.others == 0
	switch {
	case none && c.unreadable > 0:
		return nil, &sg.FileError{File: c.unread.file, Line: c.unread.line, Column: 1, Message: say.F("%s", c.why), Hint: known}
	case none && c.cuts > 0:
		return nil, &sg.FileError{File: c.cut.file, Line: c.cut.line, Column: 1, Message: say.F("the file ends early"), Hint: say.F("write the file again: it is incomplete")}
	}
	c.Lines += c.before
	c.File = c.files[0]
	if more := len(c.files) - 1; more > 0 {
		c.File = fmt.Sprintf("%s +%d", c.File, more)
	}
	note := c.note
	note(c.unreadable, say.N(c.unreadable, "%d line could not be read: %s: %s", "%d lines could not be read, the first is %s: %s", c.said(c.unread), c.why))
	note(c.cuts, say.N(c.cuts, "%d file ends early, in %s: flows are missing", "%d files end early, the first in %s: flows are missing", c.said(c.cut)))
	note(c.overflow, say.N(c.overflow, "%d record was left out: there are more than %d flows", "%d records were left out: there are more than %d flows", c.most))
	note(c.ended, say.N(c.ended, "%d connection has ended and was left out", "%d connections have ended and were left out"))
	note(c.loopback, say.N(c.loopback, "%d connection within a host was left out", "%d connections within a host were left out"))
	note(c.echoes, say.N(c.echoes, "%d flow of ICMP has no type here; it is taken for an echo", "%d flows of ICMP have no type here; they are taken for echoes"))
	note(c.stateless, say.N(c.stateless, "%d connection has no state here: leave the filter out of ss", "%d connections have no state here: leave the filter out of ss"))
	note(c.guessed, say.N(c.guessed, "of %d flow, who began it is a guess from its ports", "of %d flows, who began them is a guess from their ports"))
	return c.Flows, nil
}

// said names a place, with its file if there are several.
func (c *collector) said(p place) say.Sentence {
	if len(c.files) == 1 {
		return say.F("line %d", p.line)
	}
	return say.As(fmt.Sprintf("%s:%d", p.file, p.line))
}

// note adds a note about n things, if there are any.
func (c *collector) note(n int, s say.Sentence) {
	if n > 0 {
		c.Notes = append(c.Notes, s)
	}
}

// echo returns the type of an echo request.
func echo(p packet.Protocol) uint8 {
	if p == packet.ICMPv6 {
		return 128
	}
	return 8
}
