package scenario

import (
	"fmt"
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// An Unsuitable error says why the four experiments cannot run with a group.
type Unsuitable struct{ Missing say.Sentence }

func (e *Unsuitable) Error() string { return e.Missing.String() }

// In returns Error in a language.
func (e *Unsuitable) In(l *say.Language) string { return e.Missing.In(l) }

// The private ranges of IPv4 (RFC 1918), and the addresses of the original experiment, which are
// used if the group allows them.
var (
	private   = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16")}
	originalA = netip.MustParsePrefix("10.255.1.197/16")
	originalB = netip.MustParsePrefix("10.255.1.10/16")
)

// FourExperimentsWith returns the four experiments with the user's own group. Both hosts have the
// group, and its rules allow one to ping the other. The experiments revoke and authorize every rule
// that allows the ping. The error is an *Unsuitable if the group allows no ping from a private
// address.
func FourExperimentsWith(account *sg.Account, group *sg.Group) (*Scenario, error) {
	a, b, found := pingable(account, group)
	if !found {
		return nil, &Unsuitable{say.F("group %s does not allow a ping in from a private address: it needs an inbound rule for ICMP, such as icmp type 8 from 10.255.0.0/16", group.Key())}
	}
	read, account := account, between(account, group, a, b)
	out := sg.Packet{Protocol: packet.ICMP, Peer: a.Addr(), To: 8}
	if _, admitted := account.Judge([]*sg.Group{group}, packet.Egress, out); !admitted {
		return nil, &Unsuitable{say.F("group %s does not allow a ping out to %s: it needs an outbound rule for ICMP", group.Key(), a.Addr())}
	}
	sc := FourExperiments()
	sc.Title = fmt.Sprintf("An established flow outlives the rule that admitted it, with group %s", group.Key())
	sc.Account = account
	sc.Hosts = []Host{{Name: "A", Address: a, Groups: []string{group.Key()}}, {Name: "B", Address: b, Groups: []string{group.Key()}}}
	revoke, authorize := sg.Revoke{Group: group.Key()}, sg.Authorize{Group: group.Key(), Direction: packet.Ingress}
	for _, r := range admitting(account, group, b.Addr()) {
		revoke.IDs = append(revoke.IDs, r.ID)
		if !slices.ContainsFunc(authorize.Rules, r.Same) { // EC2 rejects duplicate rules
			authorize.Rules = append(authorize.Rules, r)
		}
	}
	sc.Experiments[1].Do, sc.Experiments[3].Do = []Action{Change{revoke}}, []Action{Change{authorize}}
	sc.LeftOut = sc.leftOut(read)
	if len(revoke.IDs) > 1 {
		sc.Experiments[1].Title, sc.Experiments[3].Title = say.F("the rules that allow it are revoked").String(), say.F("the rules are restored").String()
	}
	return sc, nil
}

// between returns the account with two hosts that have the group. A rule of the group may refer to
// the group as its peer.
func between(account *sg.Account, group *sg.Group, a, b netip.Prefix) *sg.Account {
	with := account.Clone()
	for name, address := range map[string]netip.Prefix{"A": a, "B": b} {
		with.Attach(sg.Interface{ID: name, Groups: []string{group.Key()}, Addresses: []netip.Addr{address.Addr()}})
	}
	return with
}

// admitting returns the inbound rules that allow an echo request from that address.
func admitting(account *sg.Account, group *sg.Group, from netip.Addr) []sg.Rule {
	var rules []sg.Rule
	for _, r := range group.Ingress {
		alone := &sg.Group{ID: group.ID, Name: group.Name, Ingress: []sg.Rule{r}}
		if _, admitted := account.Judge([]*sg.Group{alone}, packet.Ingress, sg.Packet{Protocol: packet.ICMP, Peer: from, To: 8}); admitted {
			rules = append(rules, r)
		}
	}
	return rules
}

// pingable finds two private addresses in one network, the second of which may ping the first.
func pingable(account *sg.Account, group *sg.Group) (a, b netip.Prefix, found bool) {
	if len(admitting(account, group, originalB.Addr())) > 0 {
		return originalA, originalB, true
	}
	for _, r := range group.Ingress {
		peers, _ := account.Peers(sg.GroupRule{Group: group.Key(), Direction: packet.Ingress, Rule: r})
		for _, peer := range peers {
			for _, network := range private {
				from, ok := within(peer, network)
				if !ok || len(admitting(account, group, from)) == 0 {
					continue
				}
				to := from.Next()
				if !network.Contains(to.Next()) { // last address of the network, or its broadcast address
					to = from.Prev()
				}
				return netip.PrefixFrom(to, network.Bits()), netip.PrefixFrom(from, network.Bits()), true
			}
		}
	}
	// A group may allow its own members, as the default group of a VPC does.
	itself := admitting(between(account, group, originalA, originalB), group, originalB.Addr())
	return originalA, originalB, len(itself) > 0
}

// within returns a host address that is in both networks.
func within(peer, network netip.Prefix) (netip.Addr, bool) {
	if !peer.Overlaps(network) {
		return netip.Addr{}, false
	}
	first := peer.Masked().Addr()
	if peer.Bits() < network.Bits() {
		first = network.Addr()
	}
	if !peer.IsSingleIP() {
		first = first.Next() // the network address itself cannot be a host's
	}
	return first, network.Contains(first) && first != network.Addr()
}
