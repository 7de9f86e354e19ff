package enforce

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"

	"lablab/nft/ruleset"
	"lablab/packet"
	"lablab/sg"
)

// A rule is one rule of a group, or the part of it that is for one version of IP.
type rule struct {
	*sg.Rule
	number uint32
	set    string // of the peer's addresses, if the peer is a prefix list or a group
	six    bool   // whether they are of IPv6
}

// compileGroups finds the rules and sets of the groups.
func (c *compiler) compileGroups() {
	sets := map[string]ruleset.Set{}
	last := uint32(0)
	for _, d := range directions() {
		for _, g := range c.Groups {
			rules := g.Rules(d)
			for i := range rules {
				last++
				number := last
				if c.Number != nil {
					number = c.Number(g, rules[i])
				}
				if rules[i].Peer.IsValid() {
					c.rules[d] = append(c.rules[d], rule{Rule: &rules[i], number: number})
				} else {
					c.addWithSets(sets, sg.GroupRule{Group: g.Key(), Direction: d, Rule: rules[i]}, number)
				}
			}
		}
	}
	for _, s := range sets {
		c.sets = append(c.sets, s)
	}
	slices.SortFunc(c.sets, func(a, b ruleset.Set) int { return cmp.Compare(a.Name, b.Name) })
}

// addWithSets adds the rules that enforce one whose peer is a prefix list or a group: one for each
// version of IP, or none if the rule cannot be enforced. For IPv4 there is one even if its set is
// empty: members may come.
func (c *compiler) addWithSets(sets map[string]ruleset.Set, of sg.GroupRule, number uint32) {
	peers, reason := c.Account.Peers(of)
	if !reason.Empty() {
		return
	}
	for _, six := range []bool{false, true} {
		var members []ruleset.Range
		for _, p := range peers {
			if p.Addr().Is6() == six {
				members = append(members, ruleset.RangeOf(p))
			}
		}
		if six && len(members) == 0 {
			continue
		}
		kind := ruleset.IPv4
		if six {
			kind = ruleset.IPv6
		}
		name := setName(of.PeerText(), six)
		sets[name] = ruleset.Set{Name: name, Type: kind, Ranges: ruleset.Join(members...)}
		c.rules[of.Direction] = append(c.rules[of.Direction], rule{Rule: &of.Rule, number: number, set: name, six: six})
	}
}

// setName returns the name of a peer's set. EC2's ids are valid names in nft(8); any other
// characters are replaced.
func setName(peer string, six bool) string {
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '_'
	}, peer)
	if clean != peer { // keep two names from becoming one
		clean += fmt.Sprintf(".%08x", crc32.ChecksumIEEE([]byte(peer)))
	}
	if six {
		return clean + ".ip6"
	}
	return clean + ".ip"
}

// groupTable returns the table of the groups.
func (c *compiler) groupTable() ruleset.Table {
	chains := append(c.model().chains(c), c.forwardChains()...)
	if c.marks() {
		chains = append(chains, c.untrackedChains()...)
	}
	return ruleset.Table{Name: GroupTable, Sets: c.sets, Chains: chains}
}

// own returns the chains for the host's own packets, one for each direction.
func (c *compiler) own(chain func(packet.Direction) ruleset.Chain) []ruleset.Chain {
	var chains []ruleset.Chain
	for _, d := range directions() {
		chains = append(chains, chain(d))
	}
	return chains
}

// filter returns the chain of a direction: the first rules, what groups do not filter, the rules that
// come next, and those of the groups. The rest is dropped.
func (c *compiler) filter(d packet.Direction, first []ruleset.Rule, next ...ruleset.Rule) ruleset.Chain {
	rules := slices.Grow(slices.Concat(first, c.unfiltered(d), next), len(c.rules[d]))
	for _, r := range c.rules[d] {
		rules = append(rules, r.compile(d))
	}
	return ruleset.Chain{
		Name: string(d), Hook: hook(d), Policy: ruleset.Drop,
		Decides: ruleset.Decides{Direction: d, Default: byDefault}, Rules: rules,
	}
}

var byDefault = packet.By{Kind: packet.ByDefault, ID: packet.DefaultDenyID}

// compile returns the rule as it is for the packets of a host itself.
func (r rule) compile(d packet.Direction) ruleset.Rule {
	return r.accept(appendProtocol(address(r, d), r.Rule), 0, r.number)
}

// accept returns a rule that accepts what the statements match, and writes to its mark.
func (r rule) accept(statements []ruleset.Statement, keep, set uint32) ruleset.Rule {
	return ruleset.Rule{
		Statements: append(statements, ruleset.Counter{}, ruleset.SetMark{Keep: keep, Set: set}, ruleset.Accept),
		Comment:    r.ID, By: packet.By{Kind: packet.ByGroup, ID: r.ID, Number: r.number}, AnyOrder: true,
	}
}

// address returns what matches the peer of a rule, with room for the other statements.
func address(r rule, d packet.Direction) []ruleset.Statement {
	const most = 6
	list := make([]ruleset.Statement, 0, most)
	side := ruleset.Source
	if d == packet.Egress {
		side = ruleset.Destination
	}
	switch {
	case r.set != "":
		return append(list, ruleset.Address{Side: side, Set: r.set, Six: r.six})
	case r.Peer.Bits() == 0:
		return append(list, ruleset.Version{Six: r.Peer.Addr().Is6()})
	}
	return append(list, ruleset.Address{Side: side, Range: ruleset.RangeOf(r.Peer)})
}

// appendProtocol appends what matches the protocol of a rule; nothing if every protocol matches.
func appendProtocol(list []ruleset.Statement, r *sg.Rule) []ruleset.Statement {
	switch {
	case r.Protocol == packet.All:
		return list
	case r.From == sg.Any:
		return append(list, ruleset.Protocol(r.Protocol))
	case r.Protocol.IsICMP():
		code := r.To
		if code == sg.Any {
			code = ruleset.AnyCode
		}
		return append(list, ruleset.ICMP{Protocol: r.Protocol, First: uint8(r.From), Last: uint8(r.From), Code: code})
	}
	return append(list, ruleset.Ports{Protocol: r.Protocol, Side: ruleset.Destination, First: uint16(r.From), Last: uint16(r.To)})
}

// unfiltered returns the rules that accept what never passes a network interface or never leaves the
// link.
func (c *compiler) unfiltered(d packet.Direction) []ruleset.Rule {
	if c.Guarded {
		return linkRules
	}
	return append(slices.Clone(linkRules), fixed(packet.ByLoopback, packet.LoopbackID, ruleset.Loopback{Direction: d}))
}

// linkRules accept what never leaves the link. Neighbour discovery (RFC 4861) is recognised by its hop
// limit, which no forwarded packet can have. AWS does not document it, but without it no host can be
// reached over IPv6. Multicast listener messages do not leave the link either.
var linkRules = []ruleset.Rule{
	fixed(packet.ByLink, packet.NeighbourDiscoveryID, discovery()...),
	fixed(packet.ByLink, packet.MulticastListenerID, onLink(1, 130, 132)...),
	fixed(packet.ByLink, packet.MulticastListenerID, onLink(1, 143, 143)...),
}

// passing returns those of the fixed rules that are for forwarded packets too, but for established ones.
func (c *compiler) passing(d packet.Direction) (rules []ruleset.Rule) {
	if d == packet.Egress {
		rules = append(rules, c.exempt...)
	}
	related := func(match ...ruleset.Statement) {
		match = append([]ruleset.Statement{ruleset.InState(packet.Related)}, append(match, ruleset.Counter{})...)
		rules = append(rules, fixed(packet.ByRelated, packet.RelatedID, match...))
	}
	switch c.Related {
	case RelatedPMTU: // "fragmentation needed" (RFC 792) and "packet too big" (RFC 4443)
		related(ruleset.ICMP{Protocol: packet.ICMP, First: 3, Last: 3, Code: 4})
		related(ruleset.ICMP{Protocol: packet.ICMPv6, First: 2, Last: 2, Code: ruleset.AnyCode})
	case RelatedAll:
		related()
	}
	return rules
}

// fixed returns a rule that accepts what the statements match.
func fixed(kind packet.Kind, id string, statements ...ruleset.Statement) ruleset.Rule {
	return ruleset.Rule{Statements: append(statements, ruleset.Accept), Comment: id, By: packet.By{Kind: kind, ID: id}}
}

// discovery matches neighbour discovery.
func discovery() []ruleset.Statement { return onLink(255, 133, 137) }

// onLink matches a range of ICMPv6 types with a given hop limit.
func onLink(hops ruleset.HopLimit, first, last uint8) []ruleset.Statement {
	return []ruleset.Statement{hops, ruleset.ICMP{Protocol: packet.ICMPv6, First: first, Last: last, Code: ruleset.AnyCode}}
}

// serviceRules accept what goes to Amazon's own services.
var serviceRules = func() (rules []ruleset.Rule) {
	var addresses []ruleset.Range
	for _, a := range sg.Services() {
		addresses = append(addresses, ruleset.RangeOf(netip.PrefixFrom(a, a.BitLen())))
	}
	for _, r := range ruleset.Join(addresses...) {
		rules = append(rules, fixed(packet.ByService, packet.AmazonServiceID, ruleset.Address{Side: ruleset.Destination, Range: r}))
	}
	return rules
}()
