package ruleset

import (
	"fmt"

	"lablab/packet"
)

// A Statement is a part of a rule: it matches packets, or does something to those that the statements
// before it match. It prints as nft(8) lists it. Statements are comparable with ==.
type Statement interface {
	fmt.Stringer
	statement()
}

// A Verdict ends the way of a packet through a chain.
type Verdict string

// The verdicts; [Jump] and [Goto] return others.
const (
	Accept Verdict = "accept"
	Drop   Verdict = "drop"
	Return Verdict = "return"
)

const jump, goTo = "jump ", "goto "

// Jump sends packets to another chain, from which those that it decides nothing about return.
func Jump(chain string) Verdict { return Verdict(jump + chain) }

// Goto sends packets to another chain for good.
func Goto(chain string) Verdict { return Verdict(goTo + chain) }

func (v Verdict) String() string { return string(v) }

// A Counter counts packets.
type Counter struct {
	// Read is whether these are values that were read from the kernel.
	Read    bool
	Packets uint64
	Bytes   uint64 // from the network header on
}

func (c Counter) String() string {
	if !c.Read {
		return "counter"
	}
	return fmt.Sprintf("counter packets %d bytes %d", c.Packets, c.Bytes)
}

// SetMark writes to the mark of a packet: it keeps some bits and sets others.
type SetMark struct{ Keep, Set uint32 }

func (m SetMark) String() string { return "meta mark set " + masked("meta mark", m.Keep, m.Set) }

// SetCtMark does the same with the mark of the packet's conntrack entry.
type SetCtMark struct{ Keep, Set uint32 }

func (m SetCtMark) String() string { return "ct mark set " + masked("ct mark", m.Keep, m.Set) }

// masked returns what is left of a mark in the syntax of nft(8).
func masked(mark string, keep, set uint32) string {
	switch and, or := mark+" & "+number(keep|set), " | "+number(set); {
	case keep == 0:
		return number(set)
	case set == 0:
		return and
	case keep|set == 1<<32-1:
		return mark + or
	default:
		return and + or
	}
}

// number returns a mark as nft(8) prints it.
func number(mark uint32) string { return fmt.Sprintf("0x%08x", mark) }

// PacketMark matches the mark of a packet.
type PacketMark struct {
	Value uint32
	Not   bool
}

func (m PacketMark) String() string {
	if m.Not {
		return "meta mark != " + number(m.Value)
	}
	return "meta mark " + number(m.Value)
}

// CopyMark gives the mark of a packet to its conntrack entry.
type CopyMark struct{}

func (CopyMark) String() string { return "ct mark set meta mark" }

// Trace makes the kernel report what all rules do from then on to a packet.
type Trace struct{}

func (Trace) String() string { return "meta nftrace set 1" }

// Reset drops a packet of TCP and answers it with a reset.
type Reset struct{}

func (Reset) String() string { return "reject with tcp reset" }

// Masquerade replaces the source of a flow by the host's own address.
type Masquerade struct{}

func (Masquerade) String() string { return "masquerade" }

// Interface matches the interface by which a packet came in or goes out, by name; a name that ends
// in * stands for all that begin like it.
type Interface struct {
	Direction packet.Direction
	Name      string
	Not       bool
}

func (i Interface) String() string {
	operator := ""
	if i.Not {
		operator = "!= "
	}
	return fmt.Sprintf("%sname %s%q", side(i.Direction), operator, i.Name)
}

// Loopback matches what a host sends to itself.
type Loopback struct{ Direction packet.Direction }

func (l Loopback) String() string { return side(l.Direction) + ` "lo"` }

func side(d packet.Direction) string {
	if d == packet.Ingress {
		return "iif"
	}
	return "oif"
}

func (Verdict) statement()       {}
func (Counter) statement()       {}
func (SetMark) statement()       {}
func (SetCtMark) statement()     {}
func (PacketMark) statement()    {}
func (CopyMark) statement()      {}
func (Trace) statement()         {}
func (Masquerade) statement()    {}
func (Reset) statement()         {}
func (Interface) statement()     {}
func (Loopback) statement()      {}
func (Version) statement()       {}
func (Address) statement()       {}
func (Protocol) statement()      {}
func (Ports) statement()         {}
func (ICMP) statement()          {}
func (TCPFlags) statement()      {}
func (HopLimit) statement()      {}
func (State) statement()         {}
func (FlowDirection) statement() {}
func (Status) statement()        {}
func (CtMark) statement()        {}
func (OriginalPorts) statement() {}
