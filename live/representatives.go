package live

import (
	"net/netip"
	"slices"
	"strings"

	"lablab/packet"
	"lablab/say"
	"lablab/sg"
)

// Representatives invents flows for a change of which none are known. It takes the account before the
// change, and after each of its calls. For each rule that a call adds or removes, or that an interface
// gains or loses, there are flows inside its range and at both ends of it: one that is up, if the
// account before allows it, and one that would begin. A rule of a group without a known network
// interface gets an invented one.
func Representatives(accounts ...*sg.Account) *Flows {
	r := representatives{collector: newCollector("", Options{}), accounts: accounts, seen: map[concern]bool{}}
	r.Kind, r.All = Invented, []Flow{}
	if len(accounts) > 0 {
		r.before = *accounts[0]
	}
	for i := 1; i < len(accounts); i++ {
		r.step(accounts[i-1], accounts[i])
	}
	if len(r.All) > 0 {
		r.note(1, say.F("no connection was given: these are invented, for each rule that changes inside its range and at both ends"))
	}
	r.note(r.unknown, say.N(r.unknown, "%d rule that changes has no flow here: its addresses are not known", "%d rules that change have no flow here: their addresses are not known"))
	r.note(r.overflow, say.N(r.overflow, "%d record was left out: there are more than %d flows", "%d records were left out: there are more than %d flows", r.most))
	return r.Flows
}

// representatives are flows that are being invented.
type representatives struct {
	*collector
	accounts []*sg.Account
	seen     map[concern]bool
	before   sg.Account // with the invented interfaces
	unknown  int        // rules whose peers are not known
}

// A concern is a rule that changes, and the interface for which it does; "" for all that have its group.
type concern struct {
	host string
	rule sg.GroupRule
}

// step invents flows for what differs between two accounts.
func (r *representatives) step(from, to *sg.Account) {
	d := sg.Diff(from, to)
	for _, rule := range d.Revoked {
		r.rule(from, "", rule)
	}
	for _, rule := range d.Authorized {
		r.rule(to, "", rule)
	}
	for _, a := range d.Attached {
		was, _ := from.Interface(a.Interface)
		r.groups(from, a.Interface, was.Groups, a.Groups)
		r.groups(to, a.Interface, a.Groups, was.Groups)
	}
	for _, m := range d.PrefixLists {
		r.list(from, m.PrefixList, m.Remove)
		r.list(to, m.PrefixList, m.Add)
	}
	for _, a := range d.ACLs {
		was, _ := from.Interface(a.Interface)
		r.acl(a.Interface, was.ACL, a.ACL)
		r.acl(a.Interface, a.ACL, was.ACL)
	}
}

// groups invents flows for the rules of the groups that one state of an interface has, and another not.
func (r *representatives) groups(in *sg.Account, host string, has, others []string) {
	for _, g := range in.GroupsByID(has) {
		if slices.Contains(others, g.Key()) {
			continue
		}
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, rule := range g.Rules(d) {
				r.rule(in, host, sg.GroupRule{Group: g.Key(), Direction: d, Rule: rule})
			}
		}
	}
}

// list invents flows for the rules that name a prefix list, from and to entries of it.
func (r *representatives) list(in *sg.Account, id string, entries []netip.Prefix) {
	for _, g := range in.Groups {
		for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
			for _, rule := range g.Rules(d) {
				if rule.PrefixList != id {
					continue
				}
				for _, entry := range entries {
					rule.PrefixList, rule.Peer = "", entry
					r.rule(in, "", sg.GroupRule{Group: g.Key(), Direction: d, Rule: rule})
				}
			}
		}
	}
}

// acl invents flows for the rules that one network ACL of an interface has, and another not. Since it
// checks replies too, there are flows whose replies the rule is about.
func (r *representatives) acl(host string, has, other *sg.ACL) {
	if has == nil {
		return
	}
	for _, d := range []packet.Direction{packet.Ingress, packet.Egress} {
		for _, rule := range has.Rules(d) {
			if other != nil && slices.Contains(other.Rules(d), rule) {
				continue
			}
			as := sg.Rule{Protocol: rule.Protocol, From: rule.From, To: rule.To}
			if !r.first(concern{host, sg.GroupRule{Direction: d, Rule: sg.Rule{Protocol: as.Protocol, From: as.From, To: as.To, Peer: rule.Peer}}}) {
				continue
			}
			r.invent(host, d, samples(as, []netip.Prefix{rule.Peer}))
			r.invent(host, d.Opposite(), answered(as, rule.Peer))
		}
	}
}

// rule invents flows for a rule in an account, at one host or at each kind of host that has its group.
func (r *representatives) rule(in *sg.Account, host string, rule sg.GroupRule) {
	c := concern{host, rule}
	c.rule.ID, c.rule.Description = "", ""
	if !r.first(c) {
		return
	}
	hosts := []string{host}
	if host == "" {
		hosts = r.hostsOf(in, rule.Group)
	}
	for _, host := range hosts {
		peers, known := r.peers(in, host, rule)
		if !known {
			r.unknown++
			return
		}
		r.invent(host, rule.Direction, samples(rule.Rule, peers))
	}
}

// first reports whether there are no flows for it yet.
func (r *representatives) first(c concern) bool {
	if r.seen[c] {
		return false
	}
	r.seen[c] = true
	return true
}

// hostsOf returns an interface for each set of groups with the group that any has.
func (r *representatives) hostsOf(in *sg.Account, group string) (hosts []string) {
	for _, account := range append([]*sg.Account{in}, r.accounts...) {
		sets := map[string]bool{}
		for _, i := range account.Interfaces {
			set := strings.Join(slices.Sorted(slices.Values(i.Groups)), " ")
			if slices.Contains(i.Groups, group) && !sets[set] {
				sets[set] = true
				hosts = append(hosts, i.ID)
			}
		}
		if len(hosts) > 0 {
			return hosts
		}
	}
	return []string{r.interfaceIn("host", group).ID}
}

// interfaceIn invents an interface in a group, unless it is there.
func (r *representatives) interfaceIn(role, group string) sg.Interface {
	id := role + "-in-" + group
	if n := slices.IndexFunc(r.Hosts, func(i sg.Interface) bool { return i.ID == id }); n >= 0 {
		return r.Hosts[n]
	}
	i := sg.Interface{ID: id, Groups: []string{group}, Addresses: invented(len(r.Hosts) + 1)}
	r.Hosts = append(r.Hosts, i)
	r.before.Attach(i)
	return i
}

// invented returns the addresses of the n-th invented interface, of networks that are for tests (RFC
// 2544) and for documentation (RFC 3849).
func invented(n int) []netip.Addr {
	four, six := netip.MustParseAddr("198.18.0.0").As4(), netip.MustParseAddr("2001:db8:198::").As16()
	four[1] += byte(n >> 16 & 1)
	four[2], four[3] = byte(n>>8), byte(n)
	six[13], six[14], six[15] = byte(n>>16), byte(n>>8), byte(n)
	return []netip.Addr{netip.AddrFrom4(four), netip.AddrFrom16(six)}
}

// peers returns the ranges that a rule of a host is about, and whether they are known. A group without
// another interface than the host gets an invented one.
func (r *representatives) peers(in *sg.Account, host string, rule sg.GroupRule) ([]netip.Prefix, bool) {
	peers, reason := in.Peers(rule)
	group := rule.Reference.GroupID
	if group == "" {
		return peers, reason.Empty() && len(peers) > 0
	}
	peers = r.others(host, peers)
	if len(peers) == 0 && in.Group(group) != nil {
		with := *in
		with.Attach(r.interfaceIn("peer", group))
		peers, reason = with.Peers(rule)
		peers = r.others(host, peers)
	}
	return peers, reason.Empty() && len(peers) > 0
}

// others returns the addresses that a host can talk to: those of other hosts, of a version of IP that it
// has.
func (r *representatives) others(host string, members []netip.Prefix) []netip.Prefix {
	four, six := r.own(host, netip.IPv4Unspecified()), r.own(host, netip.IPv6Unspecified())
	return slices.DeleteFunc(slices.Clone(members), func(m netip.Prefix) bool {
		own, other := four, six
		if m.Addr().Is6() {
			own, other = six, four
		}
		return m.Contains(own) || !own.IsValid() && other.IsValid()
	})
}

// invent adds flows at a host in one direction.
func (r *representatives) invent(host string, d packet.Direction, points []point) {
	for _, p := range points {
		own := r.own(host, p.peer)
		if own == p.peer {
			continue
		}
		f := Flow{Host: host, Direction: d, Key: packet.Key{
			Protocol: p.protocol, Source: p.peer, Destination: own, DestinationPort: p.port, ICMPType: p.kind, ICMPCode: p.code,
		}}
		if d == packet.Egress {
			f.Source, f.Destination = f.Destination, f.Source
		}
		if p.protocol == packet.TCP || p.protocol == packet.UDP {
			f.SourcePort = p.source
		}
		if r.allowed(&f, p) {
			up := f
			up.Replied = true
			if up.Protocol == packet.TCP {
				up.TCP = "ESTABLISHED"
			}
			r.add(up)
		}
		f.New = true
		if f.SourcePort == clientPort {
			f.SourcePort++ // another connection
		}
		r.add(f)
	}
}

// own returns the host's address of the same version of IP, or nothing if it is not known.
func (r *representatives) own(host string, peer netip.Addr) netip.Addr {
	for _, account := range append([]*sg.Account{&r.before}, r.accounts...) {
		i, _ := account.Interface(host)
		for _, a := range i.Addresses {
			if a.Is4() == peer.Is4() {
				return a
			}
		}
	}
	return netip.Addr{}
}

// allowed reports whether the account before the change allows a flow, so that it may be up.
func (r *representatives) allowed(f *Flow, p point) bool {
	i, _ := r.before.Interface(f.Host)
	begins := true
	if p.protocol.IsICMP() {
		_, begins = packet.Reply(p.protocol, p.kind)
	}
	first := sg.Packet{Protocol: p.protocol, Peer: p.peer, To: int(p.port), Code: int(p.code)}
	if p.protocol.IsICMP() {
		first.To = int(p.kind)
	}
	_, allowed := r.before.Judge(r.before.GroupsByID(i.Groups), f.Direction, first)
	if i.ACL != nil {
		allowed = allowed && i.ACL.Allows(f.Direction, first)
	}
	return begins && allowed
}
