package enforce

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"lablab/packet"
	"lablab/sg"
)

// What the compiled rules of a host say is what the account says of its groups.
func TestPolicyAgreesWithTheAccount(t *testing.T) {
	a := account(t)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	allowed := 0
	for range 5000 {
		groups := slices.DeleteFunc(slices.Clone(a.Groups), func(*sg.Group) bool { return r.IntN(2) == 0 })
		p := sg.Packet{Protocol: []packet.Protocol{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6}[r.IntN(4)], To: []int{0, 3, 8, 22, 53, 80, 443, 8080}[r.IntN(8)], Code: r.IntN(5)}
		p.Peer = netip.MustParseAddr(pick("10.255.1.10", "10.255.1.197", "192.0.2.1", "198.51.100.7", "2001:db8::1", "10.0.0.1"))
		d := directions()[r.IntN(2)]
		want, judged := a.Judge(groups, d, p)
		by, allows := Host{Account: a, Groups: groups}.Policy().Allows(d, p)
		if allows != judged || allows && by.ID != want.Rule.ID {
			t.Fatalf("%s %+v: %v by %q, the account says %v by %q", d, p, allows, by.ID, judged, want.Rule.ID)
		}
		if allows {
			allowed++
		}
	}
	if allowed < 100 {
		t.Errorf("only %d packets were allowed", allowed)
	}
}

// A rule that comes or goes makes a difference, and so does a member of its peer; a description does not.
func TestSameRules(t *testing.T) {
	list := func(cidr string) *sg.Account {
		return &sg.Account{PrefixLists: []sg.PrefixList{{ID: "pl-1", Known: true, Entries: []netip.Prefix{netip.MustParsePrefix(cidr)}}}}
	}
	group := func(description string, ids ...string) []*sg.Group {
		g := &sg.Group{ID: "g", Ingress: []sg.Rule{{ID: "list", Protocol: packet.All, From: sg.Any, To: sg.Any, PrefixList: "pl-1"}}}
		for _, id := range ids {
			g.Ingress = append(g.Ingress, sg.Rule{ID: id, Description: description, Protocol: packet.ICMP, From: sg.Any, To: sg.Any, Peer: netip.MustParsePrefix("10.0.0.0/8")})
		}
		return []*sg.Group{g}
	}
	numbers := map[string]uint32{"list": 1, "one": 2, "two": 3}
	number := func(_ *sg.Group, r sg.Rule) uint32 { return numbers[r.ID] }
	h := Host{Account: list("192.0.2.0/24"), Groups: group("", "one", "two"), Number: number}
	for name, test := range map[string]struct {
		Host
		same bool
	}{
		"itself":         {h, true},
		"another order":  {Host{Account: h.Account, Groups: group("", "two", "one"), Number: number}, true},
		"a description":  {Host{Account: h.Account, Groups: group("new", "one", "two"), Number: number}, true},
		"a rule less":    {Host{Account: h.Account, Groups: group("", "one"), Number: number}, false},
		"no rule":        {Host{Account: h.Account, Number: number}, false},
		"another member": {Host{Account: list("192.0.2.0/25"), Groups: h.Groups, Number: number}, false},
		"another ACL":    {Host{Account: h.Account, Groups: h.Groups, Number: number, ACL: &sg.ACL{}}, true},
	} {
		if h.SameRules(test.Host) != test.same || test.SameRules(h) != test.same {
			t.Errorf("%s: same %v, want %v", name, !test.same, test.same)
		}
	}
}
