package sg

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Rules that hold the whole Internet are open to the world, however that is written: alone, as a
// prefix list, or several together.
func TestOpenToTheWorld(t *testing.T) {
	ranges := func(first, last int) (cidrs []string) { // all of /8 but the private one
		for n := first; n <= last; n++ {
			if n != 10 && n != 127 {
				cidrs = append(cidrs, fmt.Sprintf("%d.0.0.0/8", n))
			}
		}
		return cidrs
	}
	for _, test := range []struct {
		name  string
		rules []string // protocol, ports and ranges
		want  []string
	}{
		{"all of IPv4", []string{"tcp 22 22 0.0.0.0/0"}, []string{"tcp 22 from 0.0.0.0/0"}},
		{"all public addresses of IPv6", []string{"tcp 22 22 2000::/3"}, []string{"tcp 22 from 2000::/3"}},
		{"half of IPv4", []string{"tcp 22 22 0.0.0.0/1"}, nil},
		{"half of IPv6", []string{"tcp 22 22 8000::/1"}, nil},
		{"two halves", []string{"tcp 22 22 0.0.0.0/1 128.0.0.0/1"}, []string{"several rules together are open to the world: tcp 22 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"two halves with a range inside", []string{"tcp 22 22 128.0.0.0/1 10.0.0.0/8 0.0.0.0/1"}, []string{"several rules together are open to the world: tcp 22 from 0.0.0.0/1, 128.0.0.0/1 (3, 1)"}},
		{"two halves of IPv6", []string{"udp 53 53 ::/1 8000::/1"}, []string{"udp 53 from ::/1"}}, // that half has all there is
		{"two quarters of IPv6", []string{"udp 53 53 2000::/4 3000::/4"}, []string{"several rules together are open to the world: udp 53 from 2000::/4, 3000::/4 (1, 2)"}},
		{"a half of each", []string{"tcp 22 22 0.0.0.0/1 8000::/1"}, nil},
		{"other ports", []string{"tcp 22 22 0.0.0.0/1", "tcp 23 23 128.0.0.0/1"}, nil},
		{"other protocols", []string{"tcp 22 22 0.0.0.0/1", "udp 22 22 128.0.0.0/1"}, nil},
		{"ports in common", []string{"tcp 20 30 0.0.0.0/1", "tcp 25 40 128.0.0.0/1"}, []string{"several rules together are open to the world: tcp 25-30 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"a protocol and all", []string{"tcp 22 22 0.0.0.0/1", "-1 128.0.0.0/1"}, []string{"several rules together are open to the world: tcp 22 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"all protocols", []string{"-1 0.0.0.0/1 128.0.0.0/1"}, []string{"several rules together are open to the world: all from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"the last port", []string{"udp 65535 65535 0.0.0.0/1", "udp 0 65535 128.0.0.0/1"}, []string{"several rules together are open to the world: udp 65535 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"a type and all of ICMP", []string{"icmp -1 -1 0.0.0.0/1", "icmp 8 -1 128.0.0.0/1"}, []string{"several rules together are open to the world: icmp type 8 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"a code and all of a type", []string{"icmp 3 -1 0.0.0.0/1", "icmp 3 4 128.0.0.0/1"}, []string{"several rules together are open to the world: icmp type 3 code 4 from 0.0.0.0/1, 128.0.0.0/1 (1, 2)"}},
		{"other codes", []string{"icmp 3 1 0.0.0.0/1", "icmp 3 4 128.0.0.0/1"}, nil},
		{"open anyway", []string{"tcp 20 30 0.0.0.0/0", "tcp 22 22 0.0.0.0/1 128.0.0.0/1"}, []string{"tcp 20-30 from 0.0.0.0/0"}},
		{"all but private ranges", []string{"tcp 22 22 " + strings.Join(ranges(1, 223), " ")},
			[]string{"several rules together are open to the world: tcp 22 from 1.0.0.0/8, 2.0.0.0/8, 3.0.0.0/8, 4.0.0.0/8, and 217 more (1, 2, 3, 4, …)"}},
		{"all but one range", []string{"tcp 22 22 " + strings.Join(ranges(1, 222), " ")}, nil},
		{"a prefix list", []string{"tcp 22 22 pl-1"}, []string{"tcp 22 from pl-1"}},
		{"a prefix list and the rest", []string{"tcp 22 22 pl-2 128.0.0.0/1"}, []string{"several rules together are open to the world: tcp 22 from pl-2, 128.0.0.0/1 (1, 2)"}},
	} {
		g := &Group{ID: "sg-1"}
		for _, written := range test.rules {
			words := strings.Fields(written)
			what := fmt.Sprintf(`"IpProtocol": %q`, words[0])
			peers := words[1:]
			if words[0] != "-1" {
				what += fmt.Sprintf(`, "FromPort": %s, "ToPort": %s`, words[1], words[2])
				peers = words[3:]
			}
			for _, peer := range peers {
				member := `"IpRanges": [{"CidrIp": %q}]`
				switch {
				case strings.HasPrefix(peer, "pl-"):
					member = `"PrefixListIds": [{"PrefixListId": %q}]`
				case strings.Contains(peer, ":"):
					member = `"Ipv6Ranges": [{"CidrIpv6": %q}]`
				}
				rules, err := Permissions(fmt.Sprintf("[{"+what+", "+member+"}]", peer))
				if err != nil {
					t.Fatal(err)
				}
				rules[0].ID = fmt.Sprint(len(g.Ingress) + 1)
				g.Ingress = append(g.Ingress, rules...)
			}
		}
		g.Egress = g.Ingress // about which there is no warning
		a := readTexts(t, `{"PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"]}, {"PrefixListId": "pl-2", "Cidrs": ["0.0.0.0/2", "64.0.0.0/2"]}]}`)
		a.Groups = []*Group{g}
		var got []string
		for _, w := range a.Audit().Warnings {
			if said, is := strings.CutPrefix(w.Reason.String(), "open to the world: "); is || w.Rule == "" && strings.Contains(said, "together") {
				got = append(got, said)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", test.name, diff)
		}
		world := false // so does the table
		for _, o := range a.Exposure().Groups[0].Openings {
			world = world || o == ToWorld
		}
		if world != (len(test.want) > 0) {
			t.Errorf("%s: in the table, open to the world: %v", test.name, world)
		}
	}
}
