package sg

import "net/netip"

// AmazonService is the id under which packets to Amazon's own services pass.
const AmazonService = "amazon-service"

// Services are addresses that no security group filters on the way out: time
// synchronisation, Amazon DNS and instance metadata (VPC user guide, "Security in
// Amazon VPC"). The resolver's other address, the network's own plus two, depends
// on the VPC, which no group tells.
func Services() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("169.254.169.123"), netip.MustParseAddr("169.254.169.253"), netip.MustParseAddr("169.254.169.254"),
		netip.MustParseAddr("fd00:ec2::123"), netip.MustParseAddr("fd00:ec2::253"), netip.MustParseAddr("fd00:ec2::254"),
	}
}
