package nft

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/sg"
)

// Compile makes the ruleset of a host that has these groups of the account: the union of their
// rules, each with the number that number assigns. A prefix list or a group as peer becomes a named
// set for each version of IP that it has addresses of, so a change of membership changes the set
// and no rule. Compile leaves out sources that cannot be enforced; [sg.Account.Audit] lists them.
func Compile(account *sg.Account, groups []*sg.Group, number func(*sg.Group, sg.Rule) uint32) Ruleset {
	rs := Ruleset{Untracked: sg.UntrackedBy(groups)}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		var rules []Rule
		for _, g := range groups {
			for _, r := range g.Rules(d) {
				rules = append(rules, rulesFor(account, sg.GroupRule{Group: g.Key(), Direction: d, Rule: r}, number(g, r))...)
			}
		}
		if d == packet.Ingress {
			rs.Ingress = rules
		} else {
			rs.Egress = rules
		}
		for _, r := range rules {
			if r.Set != nil && !slices.ContainsFunc(rs.Sets, func(s Set) bool { return s.Name == r.Set.Name }) {
				rs.Sets = append(rs.Sets, *r.Set)
			}
		}
	}
	slices.SortFunc(rs.Sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	return rs
}

// InOrder numbers rules from 1, in the order of the calls.
func InOrder() func(*sg.Group, sg.Rule) uint32 {
	last := uint32(0)
	return func(*sg.Group, sg.Rule) uint32 {
		last++
		return last
	}
}

// rulesFor returns the rules that enforce one security-group rule: one; or one for each version of
// IP if the peer is a prefix list or a group; or none if the rule cannot be enforced. A rule with a
// set exists for IPv4 even if the set is empty: members may come.
func rulesFor(account *sg.Account, rule sg.GroupRule, number uint32) []Rule {
	peers, reason := account.Peers(rule)
	r := Rule{Number: number, Rule: rule.Rule}
	switch {
	case !reason.Empty():
		return nil
	case rule.Peer.IsValid():
		return []Rule{r}
	}
	var rules []Rule
	for _, six := range []bool{false, true} {
		members := slices.DeleteFunc(slices.Clone(peers), func(p netip.Prefix) bool { return p.Addr().Is6() != six })
		if six && len(members) == 0 {
			continue
		}
		r.Set = &Set{Name: setName(r.PeerText(), six), Six: six, Ranges: merge(members)}
		rules = append(rules, r)
	}
	return rules
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

// versionMark precedes the number of a set that replaced another one of the same name; no name
// contains it otherwise.
const versionMark = ".v"

// A Set is a named set of addresses of one version of IP.
type Set struct {
	Name   string
	Six    bool
	Ranges []Range // sorted, neither overlapping nor adjacent
}

// A Range is the addresses from First to Last.
type Range struct{ First, Last netip.Addr }

// merge turns prefixes into ranges.
func merge(prefixes []netip.Prefix) []Range {
	ranges := make([]Range, len(prefixes))
	for i, p := range prefixes {
		ranges[i] = Range{p.Masked().Addr(), lastOf(p)}
	}
	return joined(ranges)
}

// joined returns the same addresses in order, in as few ranges as possible: the kernel rejects sets
// with overlapping ranges.
func joined(ranges []Range) []Range {
	slices.SortFunc(ranges, func(a, b Range) int { return a.First.Compare(b.First) })
	var disjoint []Range
	for _, r := range ranges {
		if n := len(disjoint); n > 0 && (r.First.Compare(disjoint[n-1].Last) <= 0 || r.First == disjoint[n-1].Last.Next()) {
			if r.Last.Compare(disjoint[n-1].Last) > 0 {
				disjoint[n-1].Last = r.Last
			}
			continue
		}
		disjoint = append(disjoint, r)
	}
	return disjoint
}

// union returns the addresses of both.
func union(a, b []Range) []Range { return joined(slices.Concat(a, b)) }

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// String returns the range as nft(8) prints it: an address, a prefix or both ends.
func (r Range) String() string {
	if r.First == r.Last {
		return r.First.String()
	}
	for bits := range r.First.BitLen() {
		p := netip.PrefixFrom(r.First, bits)
		if p.Masked().Addr() == r.First && lastOf(p) == r.Last {
			return p.String()
		}
	}
	return fmt.Sprintf("%s-%s", r.First, r.Last)
}

// String returns the set in the syntax of nft(8).
func (s Set) String() string {
	kind := "ipv4_addr"
	if s.Six {
		kind = "ipv6_addr"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n\t\tflags interval\n", s.Name, kind)
	if len(s.Ranges) > 0 {
		texts := make([]string, len(s.Ranges))
		for i, r := range s.Ranges {
			texts[i] = r.String()
		}
		fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(texts, ", "))
	}
	b.WriteString("\t}\n")
	return b.String()
}
