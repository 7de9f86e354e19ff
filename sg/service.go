package sg

import (
	"net/netip"
	"slices"
)

// Services returns the addresses to which security groups filter no outbound traffic: time
// synchronisation, Amazon DNS and instance metadata (VPC user guide, "Security in Amazon VPC"). The
// resolver's other address, the VPC network's base address plus two, depends on the VPC, which
// groups do not identify.
func Services() []netip.Addr { return slices.Clone(services) }

var services = []netip.Addr{
	netip.MustParseAddr("169.254.169.123"), netip.MustParseAddr("169.254.169.253"), netip.MustParseAddr("169.254.169.254"),
	netip.MustParseAddr("fd00:ec2::123"), netip.MustParseAddr("fd00:ec2::253"), netip.MustParseAddr("fd00:ec2::254"),
}
