package enforce_test

import (
	"fmt"
	"net/netip"

	"lablab/enforce"
	"lablab/packet"
	"lablab/sg"
)

// What a host enforces prints as nft(8) would print it.
func ExampleCompile() {
	ssh := sg.Rule{ID: "ssh", Protocol: packet.TCP, From: 22, To: 22, Peer: netip.MustParsePrefix("10.0.0.0/8")}
	group := &sg.Group{ID: "sg-1", Name: "web", Ingress: []sg.Rule{ssh}}
	account := &sg.Account{Groups: []*sg.Group{group}}
	tables, err := enforce.Compile(enforce.Host{Account: account, Groups: account.Groups})
	if err != nil {
		fmt.Println(err)
	}
	for _, t := range tables {
		fmt.Println(t)
	}
	// Output:
	// table inet security_group {
	// 	chain ingress {
	// 		type filter hook input priority filter; policy drop;
	// 		ct state established counter accept comment "established"
	// 		ip6 hoplimit 255 icmpv6 type 133-137 accept comment "neighbour-discovery"
	// 		ip6 hoplimit 1 icmpv6 type 130-132 accept comment "multicast-listener"
	// 		ip6 hoplimit 1 icmpv6 type mld2-listener-report accept comment "multicast-listener"
	// 		iif "lo" accept comment "loopback"
	// 		ip saddr 10.0.0.0/8 tcp dport 22 counter meta mark set 0x00000001 accept comment "ssh"
	// 	}
	//
	// 	chain egress {
	// 		type filter hook output priority filter; policy drop;
	// 		ct state established counter accept comment "established"
	// 		ip6 hoplimit 255 icmpv6 type 133-137 accept comment "neighbour-discovery"
	// 		ip6 hoplimit 1 icmpv6 type 130-132 accept comment "multicast-listener"
	// 		ip6 hoplimit 1 icmpv6 type mld2-listener-report accept comment "multicast-listener"
	// 		oif "lo" accept comment "loopback"
	// 		ip daddr 169.254.169.123 accept comment "amazon-service"
	// 		ip daddr 169.254.169.253-169.254.169.254 accept comment "amazon-service"
	// 		ip6 daddr fd00:ec2::123 accept comment "amazon-service"
	// 		ip6 daddr fd00:ec2::253-fd00:ec2::254 accept comment "amazon-service"
	// 	}
	//
	// 	chain source_dest_check {
	// 		type filter hook forward priority filter; policy drop;
	// 	}
	// }
}
