// Package live reads the connections that are up, as conntrack(8), ss(8), VPC flow logs or a running
// lab report them, or invents representatives. It streams, and keeps one record for each flow. Pure:
// no kernel, no network.
package live

import (
	"time"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// A Flow is a connection as its source reports it.
type Flow struct {
	// Key is that of its first packet: the source began it. An address that the file does not have is
	// zero: it is Host's own. So is a source port.
	packet.Key
	// Reply is the key of its replies, if addresses or ports are translated; nil if not.
	Reply *packet.Key
	// Host is the network interface (eni-…) or host that it was seen at; "" if the source does not say.
	Host string
	// Direction is Ingress if another host began it, and Egress if Host did; "" if the source does not
	// say.
	Direction packet.Direction
	// TCP is the state of a TCP connection, as conntrack(8) names it; "" if it is unknown.
	TCP string
	// Replied is whether packets were seen in both directions.
	Replied bool
	// New is whether it has not begun yet: it is the next one of its kind.
	New bool
	// Rejected is whether security groups or a network ACL dropped its packets, so that it is not up.
	Rejected bool
	// Untracked is whether the source says that EC2 does not track it.
	Untracked bool
	// Guessed is whether the source does not say who began it, and the port numbers decided.
	Guessed bool
	// Packets and Bytes are what was counted in both directions; 0 if unknown.
	Packets, Bytes uint64
	// First and Last are when its first and last packets were seen, as far as the source goes; zero if
	// unknown.
	First, Last time.Time
	// Idle is how long ago the last packet was seen when the source was written; 0 if unknown.
	Idle time.Duration
	// Left is how long its conntrack entry lasts without another packet; 0 if unknown.
	Left time.Duration
	// Line is where it stands first in the file, from 1; 0 if it is in none.
	Line int
}

// A Kind is a kind of source.
type Kind string

// The kinds of sources.
const (
	Conntrack    Kind = "conntrack"     // conntrack -L, also with -o extended,id,ktimestamp
	ConntrackXML Kind = "conntrack-xml" // conntrack -L -o xml
	Sockets      Kind = "ss"            // ss -tnH and others, with or without header
	FlowLogs     Kind = "vpc-flow-logs"
	Lines        Kind = "flows" // JSON Lines of lablab's own
	Lab          Kind = "lab"
	Invented     Kind = "invented"
)

// Flows are the flows of a source.
type Flows struct {
	File string
	Kind Kind
	// All has each flow once, in the order of the source. Connections that have ended, and those within
	// a host, are not among them.
	All []Flow
	// Hosts are network interfaces that were invented for the flows: attach them to the account.
	Hosts []sg.Interface
	// Lines is how many lines were read.
	Lines int
	// Until is the latest time in the source; zero if it has no times.
	Until time.Time
	// Notes say what was not read, and what was concluded.
	Notes []say.Sentence
}

// Options are what a file does not say.
type Options struct {
	// Host is the host that conntrack or ss ran on, or the interface of flow logs without interface-id.
	Host string
	// LogFormat is the format of VPC flow logs, as EC2 takes it: "${version} ${srcaddr} …". Without it,
	// a header line tells the format, or it is the default one.
	LogFormat string
}
