package sg

import (
	"iter"
	"net/netip"
	"slices"

	"lablab/packet"
	"lablab/say"
)

// An Index answers what some groups of an account do with many packets: it looks only at the rules
// whose peer holds a packet's address. It is about the account as it was.
type Index struct {
	account *Account
	sides   map[packet.Direction]*indexedSide
	owners  map[string]*Group  // by the ids of their rules
	public  map[netip.Addr]int // the places of interfaces, by their public addresses
	private prefixTable        // the same, by their private ones
}

// An indexedSide has the rules for one direction.
type indexedSide struct {
	rules    []Judgement // all, in order
	byPeer   prefixTable // their places, by their peers
	doubtful []doubt
	named    []Judgement // those that name a group that they reach
}

// A doubt is a rule that might have other peers than is known.
type doubt struct {
	Rule
	Finding
}

// Index returns an index of the groups.
func (a *Account) Index(groups []*Group) *Index {
	x := &Index{account: a, sides: map[packet.Direction]*indexedSide{}, owners: map[string]*Group{}, public: map[netip.Addr]int{}}
	l := a.indexed()
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		s := &indexedSide{}
		x.sides[d] = s
		for _, g := range groups {
			for _, r := range g.Rules(d) {
				if _, there := x.owners[r.ID]; !there {
					x.owners[r.ID] = g
				}
				s.add(l, GroupRule{g.Key(), d, r}, g)
			}
			for _, u := range a.unreadOf(g) {
				if u.Direction == d || u.Direction == "" {
					s.doubtful = append(s.doubtful, doubt{u.Rule, Finding{Group: g.ID, Rule: u.ID, Reason: say.F("%s", u.Err)}})
				}
			}
		}
	}
	for place, i := range a.Interfaces {
		for _, address := range i.Public {
			if _, there := x.public[address]; !there {
				x.public[address] = place
			}
		}
		for _, p := range i.private() {
			x.private.add(p, place)
		}
	}
	return x
}

func (s *indexedSide) add(l lookup, r GroupRule, g *Group) {
	place := len(s.rules)
	s.rules = append(s.rules, Judgement{g, r.Rule})
	peers, reason, stale := l.peers(r)
	for _, p := range peers {
		s.byPeer.add(p, place)
	}
	if reason.Empty() {
		reason = l.others(r.Rule)
	}
	if !reason.Empty() && !stale {
		s.doubtful = append(s.doubtful, doubt{r.Rule, Finding{Group: g.ID, Rule: r.ID, Reason: reason}})
	}
	if unreachable, _ := l.unreachable(r); r.Reference != (Reference{}) && unreachable.Empty() {
		s.named = append(s.named, Judgement{g, r.Rule})
	}
}

// Owner returns the group that has the rule with that id, or nil.
func (x *Index) Owner(rule string) *Group { return x.owners[rule] }

// Judge is [Account.Judge].
func (x *Index) Judge(d packet.Direction, p Packet) (Judgement, bool) {
	if by, is := unfiltered(d, p); is {
		return by, true
	}
	for by := range x.Allowing(d, p) {
		return by, true
	}
	return Judgement{}, false
}

// Allowing is [Account.Allowing].
func (x *Index) Allowing(d packet.Direction, p Packet) iter.Seq[Judgement] {
	return func(yield func(Judgement) bool) {
		s := x.sides[d]
		for _, place := range s.byPeer.holding(p.Peer) {
			if by := s.rules[place]; by.Rule.AllowsWhat(p) && !yield(by) {
				return
			}
		}
	}
}

// Doubts returns the rules that might admit a packet, but cannot be enforced since something is not
// known: unless another rule admits it, what EC2 does with the packet is unknown.
func (x *Index) Doubts(d packet.Direction, p Packet) (doubts []Finding) {
	for _, r := range x.sides[d].doubtful {
		if r.AllowsWhat(p) && x.account.mayHold(r.PrefixList, p.Peer) && (!r.Peer.IsValid() || r.Peer.Contains(p.Peer)) {
			doubts = append(doubts, r.Finding)
		}
	}
	return doubts
}

// Nearest lists the rules that fail to match a packet only because its peer is a public IPv4 address:
// a rule that names a group matches the private addresses of its members (VPC user guide, "Security
// group rules").
func (x *Index) Nearest(d packet.Direction, p Packet) (near []Finding) {
	n, known := x.public[p.Peer]
	if !known && !isPublic(p.Peer) || len(x.private.holding(p.Peer)) > 0 {
		return nil
	}
	l := lookup{Account: x.account}
	for _, by := range x.sides[d].named {
		g, r := by.Group, by.Rule
		switch {
		case !r.AllowsWhat(p):
		case !known:
			near = append(near, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("a rule that names a group matches only private addresses of its members, and %s is a public address", p.Peer)})
		default:
			if i := x.account.Interfaces[n]; slices.Contains(i.Groups, l.referred(GroupRule{g.Key(), d, r})) {
				near = append(near, Finding{Group: g.ID, Rule: r.ID, Reason: say.F("a rule that names a group matches only private addresses of its members, and %s is the public address of %s", p.Peer, i.ID)})
			}
		}
	}
	return near
}

// isPublic reports whether an IPv4 address is routed on the internet (RFC 1918, RFC 6598).
func isPublic(a netip.Addr) bool {
	return a.Is4() && a.IsGlobalUnicast() && !a.IsPrivate() && !netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// A prefixTable finds numbers by the prefixes that hold an address.
type prefixTable struct {
	numbers map[netip.Prefix][]int
	lengths map[int][]int // the lengths of prefixes, by that of addresses
}

func (t *prefixTable) add(p netip.Prefix, number int) {
	if t.numbers == nil {
		t.numbers, t.lengths = map[netip.Prefix][]int{}, map[int][]int{}
	}
	p = p.Masked()
	if family := p.Addr().BitLen(); !slices.Contains(t.lengths[family], p.Bits()) {
		t.lengths[family] = append(t.lengths[family], p.Bits())
	}
	t.numbers[p] = append(t.numbers[p], number)
}

// holding returns the numbers, each once, in order.
func (t *prefixTable) holding(a netip.Addr) (found []int) {
	if a.Zone() != "" { // no prefix holds it
		return nil
	}
	for _, bits := range t.lengths[a.BitLen()] {
		p, _ := a.Prefix(bits) // bits are in range
		found = append(found, t.numbers[p]...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}
