// Package pinger sends streams of packets from one host to another and keeps
// its own record of each packet: ICMP echo, UDP datagrams, and the messages of a
// TCP connection. ICMP echo is sent by pro-bing, whose own statistics leave out
// what the local firewall drops; ours do not.
package pinger

import "time"

// A Fate is what became of a packet, as its sender knows it.
type Fate string

// The fates. Waiting turns into one of the others; a packet that stays Waiting is lost.
const (
	Waiting   Fate = "waiting"
	Replied   Fate = "replied"
	Late      Fate = "late"       // replied, but after Patience
	LocalDrop Fate = "local-drop" // the sender's own firewall dropped it: EPERM from sendmsg(2)
	SendError Fate = "send-error" // it could not be sent for another reason
	Unreached Fate = "unreached"  // its sender was told that nobody listens: ECONNREFUSED, ECONNRESET
)

// Patience is how long a stream waits for a reply before it takes the packet
// for lost. A reply that comes later is counted as Late.
const Patience = time.Second

// A Probe is one packet of a stream; of TCP, one message.
type Probe struct {
	Seq  int // from 1, as ping(8) shows it
	Fate Fate
	Sent time.Time
	// RTT is from just before the packet is handed to the kernel until its sender
	// looks at the reply. 0 unless Replied or Late.
	RTT time.Duration
	// Err says why the packet could not be sent, or what its sender was told.
	Err error
	// Connecting is whether a TCP connection is being made for the message.
	Connecting bool
	// Connected is whether that connection has just been made.
	Connected bool
}
