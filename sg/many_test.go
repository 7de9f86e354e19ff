package sg

import (
	"fmt"
	"net/netip"
	"testing"

	"lablab/packet"
)

// BenchmarkAuthorize authorizes many rules at once and revokes them. The time for a rule is to be the
// same, however many there are.
func BenchmarkAuthorize(b *testing.B) {
	for _, n := range []int{1000, 8000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := &Account{Groups: []*Group{{ID: "sg-1"}}}
			rules, ids := make([]Rule, n), make([]string, n)
			for i := range rules {
				ids[i] = fmt.Sprint("r", i)
				rules[i] = rule(ids[i], packet.TCP, 22, 22, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i)}), 32).String())
			}
			for b.Loop() {
				_, err := a.Apply(
					Authorize{Group: "sg-1", Direction: packet.Ingress, Rules: rules}, Revoke{Group: "sg-1", IDs: ids}, Authorize{Group: "sg-1", IDs: ids},
					Revoke{Group: "sg-1", Direction: packet.Ingress, Rules: rules}, Authorize{Group: "sg-1", Direction: packet.Ingress, Rules: rules},
				)
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/rule")
		})
	}
}
