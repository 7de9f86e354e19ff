// Package flowlog reads and writes VPC Flow Logs, EC2's record of who sent what to whom and whether
// security groups and network ACLs allowed it.
//
// The fields and their meaning are those of AWS's page "Flow log records"
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html); the tests have the
// records of "Flow log record examples"
// (https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html).
package flowlog

import (
	"net/netip"
	"time"

	"lablab/packet"
)

// A Record is what a flow log says about one flow, in one direction, at one network interface, within
// one aggregation interval. What is not in Known is zero: the flow log does not have the field, or
// says "-".
type Record struct {
	Known Set

	Version     int
	AccountID   string // "unknown" for interfaces of some of Amazon's services
	InterfaceID string
	// SrcAddr and DstAddr are the flow's ends. The interface's end is always its primary private
	// address; PktSrcAddr and PktDstAddr are the addresses in the packets.
	SrcAddr, DstAddr netip.Addr
	SrcPort, DstPort uint16 // 0 for protocols without ports
	Protocol         packet.Protocol
	Packets, Bytes   uint64    // Bytes counts from the network header on
	Start, End       time.Time // of the first and the last packet, in whole seconds
	Action           Action
	Status           Status

	VPCID, SubnetID, InstanceID string
	TCPFlags                    uint8  // see FlagsOf
	Type                        string // "IPv4", "IPv6" or "EFA"
	PktSrcAddr, PktDstAddr      netip.Addr

	Region, AZID                   string
	SublocationType, SublocationID string

	PktSrcAWSService, PktDstAWSService string
	FlowDirection                      packet.Direction
	TrafficPath                        uint8 // of egress: 1 is through another resource of the VPC
}

// Has reports whether the record has a field.
func (r *Record) Has(f Field) bool { return r.Known.Has(f) }

// An Action is what was done with the traffic.
type Action string

// Actions. Security groups and network ACLs decide; what the instance itself drops was accepted.
const (
	Accept Action = "ACCEPT"
	Reject Action = "REJECT"
)

// A Status is how the flow log fared.
type Status string

// Statuses. Only with OK does a record describe a flow.
const (
	OK       Status = "OK"
	NoData   Status = "NODATA"   // there was no traffic at the interface
	SkipData Status = "SKIPDATA" // flows were not recorded; one record may stand for several
)

// FlagsOf returns what a packet with these TCP flags adds to tcp-flags, which joins them with OR: FIN
// 1, SYN 2, RST 4, SYN-ACK 18. An ACK counts with a SYN only, and other flags do not count.
func FlagsOf(tcp uint8) uint8 {
	counted := tcp & (packet.FIN | packet.SYN | packet.RST)
	if tcp&packet.SYN != 0 {
		counted |= tcp & packet.ACK
	}
	return counted
}
