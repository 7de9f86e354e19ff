package sg

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lablab/packet"
)

// An index says of each packet what a walk through all rules says.
func TestIndexAgreesWithTheAccount(t *testing.T) {
	t.Parallel()
	a := &Account{}
	for _, name := range []string{"groups.json", "interfaces.json", "prefix-lists.json", "managed-prefix-lists.json", "pl-0123456789abcdef0.json"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "ec2", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Read(name, bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	wide := &Group{ID: "sg-wide"}
	for _, peer := range []string{"0.0.0.0/0", "10.0.0.0/8", "10.255.1.7/24", "::/0", "10.0.0.0/8"} {
		wide.Ingress = append(wide.Ingress, Rule{ID: "wide", Protocol: packet.All, From: Any, To: Any, Peer: netip.MustParsePrefix(peer)})
	}
	again := wide.Clone()
	again.ID = "sg-again" // with rules of the same ids
	a.Groups = append(a.Groups, wide, again)
	var peers []netip.Addr // at both sides of each end of a range, and some others
	for _, g := range a.Groups {
		for _, r := range append(slices.Clone(g.Ingress), g.Egress...) {
			ranges, _ := a.Peers(GroupRule{g.Key(), packet.Ingress, r})
			for _, s := range spansOf(ranges) {
				peers = append(peers, s.first, s.last, s.first.Prev(), s.last.Next())
			}
		}
	}
	peers = append(peers, netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:10.255.1.10"), services[0])
	peers = slices.DeleteFunc(peers, func(p netip.Addr) bool { return !p.IsValid() })
	r, admitted, several := rand.New(rand.NewPCG(1, 2)), 0, 0
	for range 300 {
		groups := slices.DeleteFunc(slices.Clone(a.Groups), func(*Group) bool { return r.IntN(2) == 0 })
		x := a.Index(groups)
		for range 100 {
			p := Packet{Protocol: []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6}[r.IntN(4)], To: []int{0, 8, 22, 53, 80, 443, 8080}[r.IntN(7)], Peer: peers[r.IntN(len(peers))]}
			d := []packet.Direction{packet.Ingress, packet.Egress}[r.IntN(2)]
			got, allowed := x.Judge(d, p)
			want, allows := a.Judge(groups, d, p)
			all, wanted := slices.Collect(x.Allowing(d, p)), slices.Collect(a.Allowing(groups, d, p))
			if allowed != allows || got != want || !slices.Equal(all, wanted) {
				t.Fatalf("%s %+v: %v by %q of %v, the account says %v by %q of %v", d, p, allowed, got.Rule.ID, all, allows, want.Rule.ID, wanted)
			}
			if allows && want.Group != nil {
				admitted++
				if owner := x.Owner(want.Rule.ID); owner != want.Group {
					t.Fatalf("rule %s is in group %s, not %s", want.Rule.ID, want.Group.ID, owner.ID)
				}
			}
			if len(wanted) > 1 {
				several++
			}
		}
	}
	if admitted < 1000 || several < 100 {
		t.Errorf("only %d packets were admitted, %d of them by several rules", admitted, several)
	}
}
