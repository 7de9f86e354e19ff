// Package pinger sends streams of packets from one host to another and keeps its own record of each
// packet: ICMP echo, UDP datagrams, and messages over a TCP connection. pro-bing sends the ICMP
// echo requests; its statistics leave out what the local firewall drops, but this package's record
// includes that.
package pinger

import "time"

// A Fate is what happened to a packet, as far as its sender knows.
type Fate string

// The fates. Waiting turns into one of the others; a packet that stays Waiting is lost.
const (
	Waiting   Fate = "waiting"
	Replied   Fate = "replied"
	Late      Fate = "late"       // answered, but after Patience
	LocalDrop Fate = "local-drop" // the sender's own firewall dropped it: EPERM from sendmsg(2)
	SendError Fate = "send-error" // it could not be sent for another reason
	Unreached Fate = "unreached"  // the sender got an error, such as port unreachable: ECONNREFUSED, ECONNRESET
)

// Patience is how long a stream waits for a reply before it considers the packet lost. A later
// reply counts as Late.
const Patience = time.Second

// A Probe is one packet of a stream, or one message of a TCP stream.
type Probe struct {
	Seq  int // from 1, as ping(8) shows it
	Fate Fate
	Sent time.Time
	// RTT is the time from just before the packet is handed to the kernel until its sender sees the
	// reply. It is 0 unless Replied or Late.
	RTT time.Duration
	// Err is why the packet could not be sent, or the error that its sender got.
	Err error
	// Connecting is whether a TCP connection is being opened for the message.
	Connecting bool
	// Connected is whether that connection has just been established.
	Connected bool
	// Pushed is whether the server sends it.
	Pushed bool
}
